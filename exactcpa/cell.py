"""One cell, exactly: its rows with the facets marked, its flat units, its affine map.

Main definitions:
    `Cell`, `Row`, `AffineMap`: what can be told about a cell.
    `slack_of`: the row of one pattern bit on a cell.
    `facet_rows`: few rows that define a cell, from its facets.
    `describe_cell`, `output_map`: a cell, and the network's map on it.

Conventions: rows are ``<normal, t> <= offset`` in the domain's coordinates ``t``; a slack is the same row as
``(n_1, .., n_d, c)``, the function ``<n, t> + c >= 0``, up to a positive factor.  Integer rows are
``(n_1, .., n_d, b)`` without a common factor, so that equal inequalities are equal rows.

References: Ziegler, Lectures on Polytopes (1995), section 2.1: facets and irredundant rows.

Not here: which cells there are (`partition`), who lies across a facet (`adjacency`), vertices (`geometry`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

from flint import fmpz

from exactcpa.domain import Domain
from exactcpa.errors import BadArgument
from exactcpa.exact_points import common
from exactcpa.exact_simplex import Optimal, gather, maximise
from exactcpa.halfspaces import irredundant, to_integers
from exactcpa.numbers import exact_text
from exactcpa.patterns import Place
from exactcpa.real_lines import AnyLines, RealLines, RealRow
from exactcpa.real_programs import decide
from exactcpa.surds import Number, Surd, sign
from exactcpa.switch_form import UnitBits
from exactcpa.vectors import Vector, coordinates, dot

Slack = tuple[Number, ...]
IntegerRow = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AffineMap:
    """The map ``t -> matrix t + shift``.

    Attributes:
        matrix: Shape ``(outputs, d)``.
        shift: Shape ``(outputs,)``.

    Example:
        >>> double = AffineMap(((Fraction(2),),), (Fraction(1, 2),))
        >>> double(["1/3"])
        (Fraction(7, 6),)
    """

    matrix: tuple[Vector, ...]
    shift: Vector

    def __call__(self, point: Sequence[Any]) -> Vector:
        """The exact value at a point.

        Raises:
            DimensionMismatch: The point has another length.
        """
        t = coordinates(point, len(self.matrix[0]) if self.matrix else len(point))
        return tuple([dot(row, t) + c for row, c in zip(self.matrix, self.shift, strict=True)])

    def __str__(self) -> str:
        rows = (_terms(row, c) for row, c in zip(self.matrix, self.shift, strict=True))
        return f"({', '.join(rows)})"


@dataclass(frozen=True, slots=True)
class Row:
    """An inequality ``<normal, t> <= offset`` that holds on a cell.

    Attributes:
        normal: Shape ``(d,)``, not zero.
        offset: Scalar.
        unit: The unit ``(layer, index)`` with a breakpoint there, or None for a row of the domain.
        is_facet: Whether the row is tight on a facet of the cell.  Rows that say the same are all marked.
        neighbour: The cell across that facet.  None on the domain's boundary, if it is no facet, and if the
            partition was made without facets.
    """

    normal: Vector
    offset: Fraction
    unit: tuple[int, int] | None
    is_facet: bool
    neighbour: int | None

    def __str__(self) -> str:
        return f"{_terms(self.normal, Fraction(0))} <= {exact_text(self.offset)}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        number: Its place in the partition.
        pattern: Piece of every unit.
        witness: A point strictly inside.
        rows: The rows of all units in order, then the domain's.  A unit that is constant on the cell has
        none; a
            unit has one for every breakpoint, or for every line its winner is compared with.
        flat_units: Units that are identically at a breakpoint, or identically tied, on the cell.
    """

    number: int
    pattern: tuple[int, ...]
    witness: Vector
    rows: tuple[Row, ...]
    flat_units: tuple[tuple[int, int], ...]

    @property
    def facets(self) -> tuple[Row, ...]:
        """The rows that are facets; rows that say the same count once, units before the domain."""
        first: dict[IntegerRow, Row] = {}
        for row in self.rows:
            if row.is_facet:
                first.setdefault(to_integers(row.normal, row.offset), row)
        return tuple(first.values())

    def __str__(self) -> str:
        return f"cell {self.number}: " + "; ".join(map(str, self.facets))


def slack_of(lines: AnyLines, places: Sequence[Place], pattern: int, bit: int) -> Slack:
    """The slack of one pattern bit on a cell.

    Args:
        lines: Exact lines.
        places: Of the pattern bits.
        pattern: The cell.
        bit: A switch's, or that of a candidate that has not won.

    Returns:
        A function that is nonnegative on the cell; zero if the unit is flat there.
    """
    place = places[bit]
    rows = lines.at(place.layer, pattern).rows
    mine = rows[place.line]
    if place.group:
        winner = next(line for k, line in place.group if pattern >> k & 1)
        return tuple([a - b for a, b in zip(rows[winner], mine, strict=True)])
    return mine if pattern >> bit & 1 else tuple([-a for a in mine])


def unit_slacks(
    lines: AnyLines, places: Sequence[Place], pattern: int, unit: UnitBits
) -> list[tuple[int, Slack]]:
    """All slacks of a unit on a cell, each with its bit."""
    bits = range(unit.first, unit.first + unit.width)
    compared = [bit for bit in bits if unit.group < 0 or not pattern >> bit & 1]
    return [(bit, slack_of(lines, places, pattern, bit)) for bit in compared]


def facet_rows(
    lines: AnyLines, places: Sequence[Place], pattern: int, bits: Iterable[int], walls: Sequence[IntegerRow]
) -> list[IntegerRow]:
    """Integer rows that define a cell: those of some bits, and the domain's.

    Args:
        lines: Exact lines.
        places: Of the pattern bits.
        pattern: The cell.
        bits: Those of its facets, or more.
        walls: The domain's rows, see `walls_of`.
    """
    slacks = [slack_of(lines, places, pattern, bit) for bit in bits]
    return [*(integer_row(slack) for slack in slacks if any(slack[:-1])), *walls]


def integer_row(slack: Slack) -> IntegerRow:
    """The inequality of a slack, without a common factor."""
    common = reduce(fmpz.gcd, slack) or 1
    return (*[int(-a // common) for a in slack[:-1]], int(slack[-1] // common))


def inequalities_of(domain: Domain) -> list[tuple[Vector, Fraction]]:
    """The rows of a domain; of a box its faces, first the upper ones."""
    if domain.rows:
        return list(domain.rows)
    d = domain.dimension
    axes = [tuple([Fraction(int(i == j)) for j in range(d)]) for i in range(d)]
    upper = list(zip(axes, domain.upper, strict=True))
    lower = [(tuple([-a for a in axis]), -low) for axis, low in zip(axes, domain.lower, strict=True)]
    return upper + lower


def walls_of(domain: Domain) -> list[IntegerRow]:
    """The same as integer rows."""
    return [to_integers(normal, offset) for normal, offset in inequalities_of(domain)]


def output_map(lines: AnyLines, pattern: int) -> AffineMap:
    """The network's affine map on a cell, in the domain's coordinates."""
    exact = lines.at(len(lines.form.layers) - 1, pattern)
    rows = [[_over(a, exact.denominator) for a in row] for row in exact.rows]
    return AffineMap(tuple([tuple(row[:-1]) for row in rows]), tuple([row[-1] for row in rows]))


def flat_units_of(lines: AnyLines, places: Sequence[Place], pattern: int) -> tuple[tuple[int, int], ...]:
    """The units that are identically at a breakpoint, or identically tied, on a cell."""
    return tuple(
        (unit.layer, unit.index)
        for unit in lines.form.units
        if any(not any(slack) for _, slack in unit_slacks(lines, places, pattern, unit))
    )


def describe_cell(
    lines: AnyLines,
    places: Sequence[Place],
    domain: Domain,
    number: int,
    pieces: tuple[int, ...],
    pattern: int,
    witness: Vector,
    across: Mapping[int, int] | None,
) -> Cell:
    """All rows of a cell, with those that are facets marked.

    Args:
        lines: Exact lines.
        places: Of the pattern bits.
        domain: The domain.
        number: The cell's number.
        pieces: Its pattern as pieces.
        pattern: The same as an integer.
        witness: A point strictly inside.
        across: Facet bit -> neighbour, or None if facets are not known; then they are found here.

    Returns:
        The cell.
    """
    if isinstance(lines, RealLines):
        rows = _real_rows(lines, places, domain, pattern, witness, across)
        return Cell(number, pieces, witness, rows, flat_units_of(lines, places, pattern))
    rows: list[tuple[Vector, Fraction, tuple[int, int] | None, IntegerRow]] = []
    for unit, normal, offset, slack in _unit_rows(lines, places, pattern):
        rows.append((normal, offset, unit, integer_row(slack)))
    inequalities = inequalities_of(domain)
    rows += [(normal, offset, None, to_integers(normal, offset)) for normal, offset in inequalities]
    neighbours = {integer_row(slack_of(lines, places, pattern, b)): j for b, j in (across or {}).items()}
    candidates = [row[3] for row in (rows if across is None else rows[-len(inequalities) :])]
    found = _find_facets(list(neighbours), list(dict.fromkeys(candidates)), witness)
    marked = [Row(n, b, unit, key in found, neighbours.get(key)) for n, b, unit, key in rows]
    return Cell(number, pieces, witness, tuple(marked), flat_units_of(lines, places, pattern))


def _over(a: Number | fmpz, denominator: int) -> Number:
    return a if isinstance(a, Fraction | Surd) else Fraction(int(a), denominator)


def _unit_rows(
    lines: AnyLines, places: Sequence[Place], pattern: int
) -> Iterator[tuple[tuple[int, int], Vector, Number, Slack]]:
    """Unit, normal, offset and slack of every row of every unit that is not constant on a cell."""
    for unit in lines.form.units:
        denominator = lines.at(unit.layer, pattern).denominator
        for _, slack in unit_slacks(lines, places, pattern, unit):
            if any(slack[:-1]):
                normal = tuple([_over(-a, denominator) for a in slack[:-1]])
                yield (unit.layer, unit.index), normal, _over(slack[-1], denominator), slack


def _real_rows(
    lines: RealLines,
    places: Sequence[Place],
    domain: Domain,
    pattern: int,
    witness: Vector,
    across: Mapping[int, int] | None,
) -> tuple[Row, ...]:
    """The rows of a cell in the ideal reading; facets of units by comparison with the known ones.

    Raises:
        BadArgument: The facets are not known.
    """
    if across is None:
        raise BadArgument("expected a partition with facets, got one of the ideal reading without")
    known = [(slack_of(lines, places, pattern, b), j) for b, j in across.items()]
    marked = []
    for unit, normal, offset, slack in _unit_rows(lines, places, pattern):
        neighbour = next((j for row, j in known if _is_positive_multiple(slack, row)), None)
        marked.append(Row(normal, offset, unit, neighbour is not None, neighbour))
    inequalities = inequalities_of(domain)
    slacks = [(*(-a for a in normal), offset) for normal, offset in inequalities]
    for k, (normal, offset) in enumerate(inequalities):
        others = [row for row, _ in known] + slacks[:k] + slacks[k + 1 :]
        is_facet = _is_real_facet(slacks[k], others, domain, witness)
        marked.append(Row(normal, offset, None, is_facet, None))
    return tuple(marked)


def _is_positive_multiple(function: Slack, row: Slack) -> bool:
    lead = next(j for j, a in enumerate(row) if a)
    p, q = function[lead], row[lead]
    if sign(p) * sign(q) <= 0:
        return False
    return all(a * q == b * p for a, b in zip(function, row, strict=True))


def _is_real_facet(slack: Slack, others: list[Slack], domain: Domain, witness: Vector) -> bool:
    """Whether a point near the cell violates a row alone; a larger box than the domain's keeps it near."""
    d = domain.dimension
    box = [(low - 1, high + 1) for low, high in zip(domain.lower, domain.upper, strict=True)]
    axes = [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]
    walls = [(*axis, -low) for axis, (low, _) in zip(axes, box, strict=True)]
    walls += [(*(-a for a in axis), high) for axis, (_, high) in zip(axes, box, strict=True)]
    rows = [RealRow(row) for row in (*walls, *others)]
    beyond = RealRow(tuple(-a for a in slack))
    return isinstance(decide(rows, beyond, common(witness), box, lambda point, _: point, "a facet"), tuple)


def _find_facets(known: list[IntegerRow], candidates: list[IntegerRow], witness: Vector) -> set[IntegerRow]:
    """Known facets and those of other rows that are facets, too; all rows are different."""
    if not known:
        return {candidates[k] for k in irredundant(candidates, common(witness))}
    rows = [*known, *candidates]
    point = common(witness)
    system, kept = gather(rows, len(witness)), list(range(len(rows)))
    for k in range(len(known), len(rows)):
        rest = [i for i in kept if i != k]
        row = system.entries[k]
        if isinstance(maximise(system, row[:-1], point, stop_above=int(row[-1]), active=rest), Optimal):
            kept = rest
    return {rows[k] for k in kept}


def _terms(coefficients: Vector, constant: Fraction) -> str:
    """``2*t0 + -1*t1 + 5/2``."""
    terms = [f"{exact_text(a)}*t{j}" for j, a in enumerate(coefficients) if a]
    return " + ".join([*terms, exact_text(constant)] if constant or not terms else terms)
