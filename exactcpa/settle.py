"""Exact answers to the questions the float filter leaves open.

Each question about a node of the split tree is asked again in integers: the rows of the node and the line in question
are composed exactly, signs at the node's points are read off, and an exact linear program decides the rest.  The
answer comes with a point or with integer multipliers, which are written to the proof.

Main definitions: `Settler`.

Conventions: an exact point is ``(numerators, denominator)`` in the domain's own coordinates.  Slacks are integer rows
``(n_1, .., n_d, c)``, a positive multiple of the row they stand for; `ExactRow.unit` is that multiple, in
units of the row as the proof scales it.

Not here: the walk (`kernels.tree`), maxima of three and more (`choose`), the linear programs (`exact_simplex`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, inf, lcm
from typing import NamedTuple

from flint import fmpz

from exactcpa.errors import Undecided
from exactcpa.exact_lines import ExactLines
from exactcpa.exact_points import Point, as_doubles, common, dyadic, sign_at, value_at
from exactcpa.exact_simplex import Exceeded, Rows, gather, maximise, maximise_from_basis
from exactcpa.float_form import TINY, FloatDomain, as_parts
from exactcpa.kernels import state
from exactcpa.kernels.state import Lp, Output, Tree
from exactcpa.patterns import cell_text, integer, places_of
from exactcpa.real_lines import RealLines, RealRow, lines_of
from exactcpa.real_programs import Numbers, Tie, decide
from exactcpa.surds import Number, approximation
from exactcpa.switch_form import SwitchForm

Proof = Numbers | Tie
_AS_TIE = {state.DROP: state.DROP_TIED, state.PRUNE: state.PRUNE_TIED}


class ExactRow(NamedTuple):
    """A slack as integers, and how many of the proof's slacks it is: ``unit_up / 2**unit_down``.

    In the ideal reading the slack may be irrational, and `real` remembers its enclosures.
    """

    slack: tuple[Number, ...]
    unit_up: int
    unit_down: int
    real: RealRow | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A node's rows, exactly, by place: the box's, the domain's others, then the path's.

    Attributes:
        rows: The slacks.
        gathered: The same for `exact_simplex`, as ``<-n, t> <= c``; None if they are irrational.
        pattern: Bits decided so far.
        layer: The present layer.
    """

    rows: tuple[ExactRow, ...]
    gathered: Rows | None
    pattern: int
    layer: int


class Settler:
    """The exact side of one walk.

    It holds what is constant during the walk, the exact points of the present path by number, and the big integers
    written to the proof since they were last taken.
    """

    def __init__(
        self, form: SwitchForm, domain: object, floats: FloatDomain, exponents: tuple[tuple[int, ...], ...]
    ) -> None:
        self.form = form
        self.lines = lines_of(form)
        self.is_real = isinstance(self.lines, RealLines)
        self._bounds = list(zip(domain.lower, domain.upper, strict=True))
        self.points: dict[int, Point] = {}
        self._next_number = 0
        self.bigs: list[str] = []
        self.settled = 0
        self._exponents = exponents
        self._box = floats.box
        self._centre = [Fraction(c) for c in floats.box[state.CENTRE].tolist()]
        self._scale = [Fraction(s) for s in floats.box[state.SCALE].tolist()]
        self._domain_rows = [
            row._replace(real=RealRow(list(map(int, row.slack)))) if self.is_real else row
            for row in _domain_rows(domain)
        ]
        self._places = places_of(form)
        self._known_rows: dict[tuple[int, int, int], ExactRow] = {}
        self._node: tuple[object, Node] | None = None

    def again(self) -> Settler:
        """The exact side of another walk of the same, at less cost than anew; in the deployed reading.

        Nothing that changes is shared: the walks may be those of two threads.
        """
        other = copy(self)
        other.lines = ExactLines(self.form)
        other.points, other.bigs, other._known_rows, other._node = {}, [], {}, None
        other._next_number = other.settled = 0
        return other

    # ------------------------------------------------------------------ what a node is, exactly

    def node(self, tree: Tree, f: int) -> Node:
        """The rows of a node; asked again for the same node it costs nothing."""
        frame = tree.frames[f]
        active = tree.lists[state.ACTIVE, frame[state.A0] : frame[state.A1]].tolist()
        pattern = integer(tree.bits[f])
        key = (active, pattern, int(frame[state.LAYER]))
        if self._node is None or self._node[0] != key:
            box = self._domain_rows[: 2 * self.form.dimension]
            rows = tuple(box + [self.row(tree, r, pattern) for r in active])
            system = None if self.is_real else _gathered(rows, self.form.dimension)
            self._node = key, Node(rows, system, pattern, int(frame[state.LAYER]))
        return self._node[1]

    def row(self, tree: Tree, r: int, pattern: int) -> ExactRow:
        """One row of the path by its number."""
        if r < len(self._domain_rows):
            return self._domain_rows[r]
        first, second = (int(b) for b in tree.flips[r])
        layer = self._places[first].layer
        key = (
            first,
            second if second >= 0 else -1 - (pattern >> first & 1),
            pattern & self.lines.mask(layer),
        )
        known = self._known_rows.get(key)
        if known is None:
            if len(self._known_rows) > 20000:
                self._known_rows.clear()
            known = self._known_rows[key] = self._compose_row(first, second, pattern)
        return known

    def _compose_row(self, first: int, second: int, pattern: int) -> ExactRow:
        layer, line = self._places[first].layer, self._places[first].line
        lines = self.lines.at(layer, pattern)
        if second >= 0:
            rival = lines.rows[self._places[second].line]
            difference = tuple(a - b for a, b in zip(lines.rows[line], rival, strict=True))
            return self.exact_row(difference, lines.denominator, 0)
        slack = lines.rows[line] if pattern >> first & 1 else tuple(-a for a in lines.rows[line])
        return self.exact_row(slack, lines.denominator, self._exponents[layer][line])

    def exact_row(self, slack: tuple[Number, ...], unit_up: int, unit_down: int) -> ExactRow:
        """A row of the present reading."""
        return ExactRow(slack, unit_up, unit_down, RealRow(slack) if self.is_real else None)

    def exact_point(self, tree: Tree, slot: int) -> Point:
        """A held point in the domain's coordinates."""
        number = int(tree.point_ids[slot])
        if number >= 0:
            return self.points[number]
        y, centre, scale = (
            tree.points[slot].tolist(),
            self._box[state.CENTRE].tolist(),
            self._box[state.SCALE].tolist(),
        )
        # On the grid the sum is a double, so it is computed without rounding.
        return dyadic([c + s * v for c, s, v in zip(centre, scale, y, strict=True)])

    def held(self, tree: Tree, f: int) -> list[int]:
        """Slots of the points a node holds."""
        frame = tree.frames[f]
        return tree.lists[state.HELD, frame[state.P0] : frame[state.P1]].tolist()

    def write_lines(self, tree: Tree, f: int) -> None:
        """Write the lines of a node's layer in three doubles a coefficient."""
        layer, pattern, d = int(tree.frames[f, state.LAYER]), integer(tree.bits[f]), self.form.dimension
        lines, radius = self.lines.at(layer, pattern), [1.0, *self._box[state.RADIUS].tolist()]
        up, down = _as_shifts(self._centre)
        exponents = [s.numerator.bit_length() - s.denominator.bit_length() for s in self._scale]
        for i, (row, exponent) in enumerate(zip(lines.rows, self._exponents[layer], strict=True)):
            constant = sum((a * b for a, b in zip(row, (*up, 1 << down), strict=True)), fmpz(0))
            shifts = [exponent - down, *(exponent + e for e in exponents)]
            error = 0.0
            for j, (n, shift) in enumerate(zip((constant, *row[:d]), shifts, strict=True)):
                parts, is_all = as_parts(int(n), int(lines.denominator), shift)
                tree.expansions[state.IN_THREE, layer, j : 3 * d + 3 : d + 1, i] = parts
                if not is_all:
                    error += abs(parts[2]) * 2.0**-52 * radius[j] + TINY if parts[0] < inf else inf
            tree.expansions[state.IN_THREE, layer, 3 * d + 3 + state.OF_ERROR, i] = error * (1 + 1e-9)

    # ------------------------------------------------------------------ does a switch cut a node?

    def settle_unit(self, tree: Tree, lp: Lp, out: Output, f: int, u: int) -> int:
        """Decide whether switch ``u`` cuts node ``f``; returns the answer for the walk."""
        self.settled += 1
        node = self.node(tree, f)
        with self._naming(node, u):
            return self._settle_unit(tree, lp, out, f, u, node)

    def _settle_unit(self, tree: Tree, lp: Lp, out: Output, f: int, u: int, node: Node) -> int:
        lines = self.lines.at(node.layer, node.pattern)
        line = lines.rows[u]
        unit = self.exact_row(line, lines.denominator, self._exponents[node.layer][u])
        if not any(line):
            self._write(tree, out, [state.DROP, u, 1], unit, Numbers(Fraction(1), {}), node)
            return state.IS_UPPER
        held = self.held(tree, f)
        known = self._signs(tree, line, u, held)
        interior = self.exact_point(tree, held[0])
        for side in (1, -1):
            if side in known:
                continue
            basis = lp.basis[state.COL_VAR, : self.form.dimension].tolist()
            hint = basis if tree.counters[state.READY] == f else []
            found = self.seek(
                node.rows, tuple(side * a for a in line), interior, system=node.gathered, hint=hint
            )
            if not isinstance(found, tuple):
                self._write(tree, out, [state.DROP, u, int(side < 0)], unit, found, node)
                return state.IS_LOWER if side > 0 else state.IS_UPPER
            self.hold(tree, f, found, u, side)
        return state.IS_CUT

    @contextmanager
    def _naming(self, node: Node, switch: int) -> Iterator[None]:
        """Name the unit and the cell if a question cannot be decided."""
        try:
            yield
        except Undecided as error:
            bit = self.form.layers[node.layer].switch_bits[switch]
            raise Undecided(f"{cell_text(self.form, node.pattern, bit)}: {error}") from error

    def _signs(self, tree: Tree, line: Sequence[fmpz], u: int, held: list[int]) -> set[int]:
        """Signs of a line at the held points; worked out where the filter has left them open."""
        for slot in held:
            if not tree.signs[slot, u]:
                tree.signs[slot, u] = sign_at(line, self.exact_point(tree, slot))
        return {int(tree.signs[slot, u]) for slot in held}

    def seek(
        self,
        rows: Sequence[ExactRow],
        function: tuple[Number, ...],
        interior: Point,
        *,
        system: Rows | None = None,
        hint: Sequence[int] = (),
        active: Sequence[int] | None = None,
    ) -> Point | Proof:
        """A point of the rows' interior where a function is positive, or the proof that there is none.

        Args:
            rows: Slacks, the bounding box's first.
            function: Not zero.
            interior: A point strictly inside.
            system: The rows gathered, if they are already.
            hint: A likely optimal basis.
            active: Numbers of the rows that count; all by default.
        """
        chosen = rows if active is None else [rows[p] for p in active]
        if self.is_real:
            reals = [row.real or RealRow(row.slack) for row in rows]
            return decide(
                reals,
                RealRow(function),
                interior,
                self._bounds,
                lambda reached, bits: self.between(chosen, [function], interior, reached, bits),
                "whether a line is positive somewhere on a cell",
                active,
            )
        objective, stop = list(function[:-1]), int(-function[-1])
        system = _gathered(rows, len(objective)) if system is None else system
        if hint and max(hint) < len(rows) and active is None:
            outcome = maximise_from_basis(system, objective, interior, hint, stop_above=stop)
        else:
            outcome = maximise(system, objective, interior, stop_above=stop, active=active)
        if not isinstance(outcome, Exceeded):
            multipliers = {p: Fraction(m) for p, m in outcome.multipliers.items()}
            return Numbers(Fraction(outcome.theta), multipliers)
        return self.between(chosen, [function], interior, (outcome.numerators, outcome.denominator))

    def between(
        self,
        rows: Sequence[ExactRow],
        wanted: Sequence[Sequence[Number]],
        interior: Point,
        reached: Point,
        bits: int = 64,
    ) -> Point | None:
        """A point strictly inside all rows where all `wanted` functions are positive, as they are at `reached`.

        It lies between an interior point and a point of the closed node; a double vector where one is near enough.
        None only if the rows are real and `reached` was but nearly what it should be; their values are approximated to
        so many bits.
        """
        a = [Fraction(n, interior[1]) for n in interior[0]]
        b = [Fraction(n, reached[1]) for n in reached[0]]
        share = Fraction(0)
        for function in wanted:
            low, high = (approximation(value_at(function, x), bits) for x in (interior, reached))
            if low <= 0 < high:
                share = max(share, low / (low - high))
        share = (1 + share) / 2
        exact = [p + share * (q - p) for p, q in zip(a, b, strict=True)]
        tests = [*(row.slack for row in rows), *wanted]
        for candidate in [*self._simpler(exact), exact]:
            point = common(candidate)
            if all(sign_at(test, point) > 0 for test in tests):
                return point
        return None

    def _simpler(self, exact: list[Fraction]) -> list[list[Fraction]]:
        """Roundings of a point, the kernels' doubles first."""
        candidates = []
        y = [float((x - c) / s) for x, c, s in zip(exact, self._centre, self._scale, strict=True)]
        grid = self._box[state.GRID].tolist()
        y = [_snapped(v, g) for v, g in zip(y, grid, strict=True)]
        candidates.append([c + s * Fraction(v) for v, c, s in zip(y, self._centre, self._scale, strict=True)])
        size = max(x.denominator.bit_length() for x in exact)
        for bits in (64, 128, 256, 512, 1024, 2048, 4096):
            if bits < size:
                candidates.append(
                    [
                        c + s * Fraction(round((x - c) / s * 2**bits), 2**bits)
                        for x, c, s in zip(exact, self._centre, self._scale, strict=True)
                    ]
                )
        return candidates

    def hold(self, tree: Tree, f: int, point: Point, u: int, sign: int) -> None:
        """Keep a new interior point of a node, with its exact signs."""
        frame = tree.frames[f]
        slot = int(frame[state.SLOTS])
        self.store(tree, slot, point)
        pattern = integer(tree.bits[f])
        lines = self.lines.at(int(frame[state.LAYER]), pattern).rows
        for v in tree.lists[state.UNDECIDED, frame[state.U0] : frame[state.U1]].tolist():
            tree.signs[slot, v] = sign_at(lines[v], point)
        if u >= 0:
            tree.signs[slot, u] = sign
        tree.lists[state.HELD, frame[state.P1]] = slot
        frame[state.P1] += 1
        frame[state.SLOTS] += 1

    def store(self, tree: Tree, slot: int, point: Point) -> None:
        """Write a point to a slot: as doubles if they say it exactly, else by number."""
        y = [
            (Fraction(n, point[1]) - c) / s
            for n, c, s in zip(point[0], self._centre, self._scale, strict=True)
        ]
        rounded = [float(v) for v in y]
        tree.points[slot] = rounded
        if all(Fraction(r) == v for r, v in zip(rounded, y, strict=True)) and self._is_on_grid(rounded):
            tree.point_ids[slot] = -1
            return
        self.points[self._next_number] = point
        tree.point_ids[slot] = self._next_number
        self._next_number += 1

    def forget_points(self, tree: Tree) -> None:
        """Keep the exact points of nodes on the stack alone, so that memory does not grow with the cells."""
        top = int(tree.counters[state.TOP])
        live = tree.point_ids[: tree.frames[top, state.SLOTS]].tolist() if top >= 0 else []
        self.points = {number: self.points[number] for number in live if number >= 0}

    def store_interior(self, tree: Tree, slot: int, interior: Sequence[Fraction]) -> None:
        """Write the domain's interior point, or one near it that is a double vector, to a slot."""
        slacks = [row.slack for row in self._domain_rows]
        candidates = [common(p) for p in self._simpler(list(interior))]
        inside = [p for p in candidates if all(sign_at(slack, p) > 0 for slack in slacks)]
        self.store(tree, slot, inside[0] if inside else common(interior))

    def _is_on_grid(self, y: list[float]) -> bool:
        return all(_snapped(v, g) == v for v, g in zip(y, self._box[state.GRID].tolist(), strict=True))

    # ------------------------------------------------------------------ is a row a facet of a cell?

    def settle_facet(self, tree: Tree, lp: Lp, out: Output, f: int, i: int) -> int:
        """Decide whether the row at place ``i`` of a finished cell is a facet; writes the record."""
        self.settled += 1
        node = self.node(tree, f)
        d = self.form.dimension
        places = [p for p in range(len(node.rows)) if p != i and lp.basis[state.STATE, p] != 2]
        interior = self.exact_point(tree, self.held(tree, f)[0])
        row, r = node.rows[i], int(lp.basis[state.CHOSEN, i])
        outward = tuple(-a for a in row.slack)
        with self._naming_row(node, tree, r):
            found = self.seek(node.rows, outward, interior, system=node.gathered, active=places)
        if isinstance(found, tuple):
            self._write_point(tree, out, [state.FACET, r - 2 * d], found)
            return state.IS_FACET
        self._write(tree, out, [state.PRUNE, r - 2 * d], row, found, node)
        return state.IS_REDUNDANT

    @contextmanager
    def _naming_row(self, node: Node, tree: Tree, r: int) -> Iterator[None]:
        """Name the row's unit and the cell if a question cannot be decided."""
        try:
            yield
        except Undecided as error:
            raise Undecided(
                f"{cell_text(self.form, node.pattern, int(tree.flips[r, 0]))}: {error}"
            ) from error

    # ------------------------------------------------------------------ records

    def write_cell(self, tree: Tree, out: Output, number: int) -> None:
        """The record of a cell whose witness is no double vector."""
        self._write_point(tree, out, [state.CELL_CODE], self.points[number])

    def _write_point(self, tree: Tree, out: Output, codes: list[int], point: Point) -> None:
        """A record that ends in a point; its code is one more if the point is written as integers."""
        if not tree.counters[state.PROOF]:
            return
        doubles = as_doubles(point)
        if doubles is None:
            codes = [codes[0] + 1, *codes[1:]]
            self.bigs += [hex(n) for n in (*point[0], point[1])]
        self.emit(tree, out, codes, doubles or [])

    def _write(
        self, tree: Tree, out: Output, codes: list[int], subject: ExactRow, proof: Proof, node: Node
    ) -> None:
        """A record that ends in multipliers of the node's rows, or in the rows of a tie."""
        d = self.form.dimension
        if isinstance(proof, Tie):
            ids = self.tie_rows(tree, proof.places)
            if tree.counters[state.PROOF]:
                self.emit(tree, out, [_AS_TIE[codes[0]], *codes[1:], len(ids), *ids], [])
            return
        places = [p for p in proof.multipliers if p >= 2 * d]
        parts = [(subject, proof.theta), *((node.rows[p], proof.multipliers[p]) for p in places)]
        ids = self.row_numbers(tree, places)
        self.write_multipliers(tree, out, [*codes, len(ids), *ids], parts)

    def tie_rows(self, tree: Tree, places: Sequence[int]) -> list[int]:
        """Proof row ids of places; ``-1 - p`` for a face of the bounding box."""
        d = self.form.dimension
        return [-1 - p if p < 2 * d else self.row_numbers(tree, [p])[0] for p in places]

    def row_numbers(self, tree: Tree, places: Sequence[int]) -> list[int]:
        """Proof row ids of places after the bounding box's."""
        f, d = int(tree.counters[state.TOP]), self.form.dimension
        start = tree.frames[f, state.A0]
        return [int(tree.lists[state.ACTIVE, start + p - 2 * d]) - 2 * d for p in places]

    def write_multipliers(
        self, tree: Tree, out: Output, codes: list[int], parts: list[tuple[ExactRow, Fraction]]
    ) -> None:
        """Write coefficients of exact rows as multipliers of the proof's rows; the code is one more if not doubles."""
        if not tree.counters[state.PROOF]:
            return
        numbers = _over_one_scale(parts)
        doubles = _as_scaled_doubles(numbers)
        if doubles is None:
            codes = [codes[0] + 1, *codes[1:]]
            self.bigs += [hex(n) for n in numbers]
        self.emit(tree, out, codes, doubles or [])

    def emit(self, tree: Tree, out: Output, codes: list[int], reals: list[float]) -> None:
        """Append to the walk's output buffers, which have room for any one record."""
        n, k = tree.counters[state.NCODE], tree.counters[state.NREAL]
        out.codes[n : n + len(codes)] = codes
        out.reals[k : k + len(reals)] = reals
        tree.counters[state.NCODE] += len(codes)
        tree.counters[state.NREAL] += len(reals)


def _snapped(v: float, grid: float) -> float:
    """A coordinate moved to the grid, as `kernels.filters.snap` does."""
    if grid > 0.0:
        return round(v / grid) * grid
    return 0.0 if abs(v) < -grid else v


def _gathered(rows: Sequence[ExactRow], d: int) -> Rows:
    """Slacks as rows ``<-n, t> <= c``."""
    return gather([[*(-n for n in row.slack[:-1]), row.slack[-1]] for row in rows], d)


def _over_one_scale(parts: list[tuple[ExactRow, Fraction]]) -> list[int]:
    """Coefficients times units, cleared of denominators and of common factors."""
    down = max(row.unit_down for row, _ in parts)
    clear = lcm(*(a.denominator for _, a in parts))
    numbers = [int(a * clear) * int(row.unit_up) << (down - row.unit_down) for row, a in parts]
    shared = gcd(*numbers)
    return [n // shared for n in numbers]


def _as_scaled_doubles(numbers: list[int]) -> list[float] | None:
    """Positive integers as doubles, if they are that exactly."""
    if max(n.bit_length() for n in numbers) > 1000:
        return None
    doubles = [float(n) for n in numbers]
    return doubles if all(int(r) == n for r, n in zip(doubles, numbers, strict=True)) else None


def _as_shifts(centre: list[Fraction]) -> tuple[list[int], int]:
    """Dyadic numbers as integers over one power of two, and its exponent."""
    down = max(c.denominator.bit_length() - 1 for c in centre)
    return [int(c * 2**down) for c in centre], down


def _domain_rows(domain: object) -> list[ExactRow]:
    """Slacks of the bounding box's faces and of the domain's other rows, in the order of `float_form`."""
    d = domain.dimension
    unit = [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]
    slacks = [[*unit[j], -domain.lower[j]] for j in range(d)]
    slacks += [[*(-a for a in unit[j]), domain.upper[j]] for j in range(d)]
    slacks += [[*(-a for a in normal), offset] for normal, offset in domain.rows]
    rows = []
    for slack in slacks:
        numerators, denominator = common(slack)
        rows.append(ExactRow(tuple(fmpz(n) for n in numerators), denominator, 0))
    return rows
