"""Slow exact twins: the cells, facets and linear regions of a small network by two independent methods.

Everything is exact rational arithmetic in pure Python, on dictionaries of networks and domains; nothing of
the package is used.  Both methods walk the instructions of `oracle_program` and cut cells unit by unit.

    clip       dimension 1 and 2: cells are polygons with exact vertices; adjacency by overlapping edges.
    enumerate_signs
               any dimension (meant for d <= 4): cells are row systems; existence, facets and neighbours are
               decided by an exact linear program of their own.

Main definitions: `Truth`, `clip`, `enumerate_signs`, `truth` (clip where it applies).

Conventions: a cell's pattern is the tuple of pieces of all units.  A unit that is identically tied on a cell
takes the upper piece (of a maximum: the largest position) and is *flat* there.  Linear regions merge cells
across facets when the output is the same affine function of the searched coordinates.

References: Sutherland and Hodgman, Reentrant polygon clipping (1974); Edmonds, Systems of distinct
representatives and linear algebra (1967), for the division-free pivoting; Bland (1977) for the pivoting rule.

Not here: volumes in 3-D and face counts (`validate`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from oracle_program import Add, Affine, Bends, Instruction, Maxima, Push, Region, compile_network, read_domain

Pattern = tuple[int, ...]
Point = tuple[Fraction, ...]
Line = tuple[Fraction, ...]  # an affine function: coefficients, then the constant


@dataclass(frozen=True)
class Truth:
    """What an enumeration has to say.

    Attributes:
        cells: Patterns of the full-dimensional cells.
        edges: Unordered pairs of patterns, one per facet shared by two cells.
        linear_regions: Number of facet-connected unions of cells with equal maps.
        flat: Positions of the units that are identically tied on a cell.
        maps: Output of the network on each cell, as affine functions of the searched coordinates.
        volumes: Length or area of each cell; empty where the method does not measure.
    """

    cells: frozenset[Pattern]
    edges: frozenset[frozenset[Pattern]]
    linear_regions: int
    flat: dict[Pattern, frozenset[int]]
    maps: dict[Pattern, tuple[Line, ...]]
    volumes: dict[Pattern, Fraction] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{len(self.cells)} cells, {len(self.edges)} edges, {self.linear_regions} linear regions"

    @property
    def counts(self) -> tuple[int, int, int]:
        return len(self.cells), len(self.edges), self.linear_regions


def truth(network: dict, domain: dict) -> Truth:
    """The answer by the quicker method that applies."""
    return (clip if read_domain(domain).dimension <= 2 else enumerate_signs)(network, domain)


def switching_units(edge: frozenset[Pattern]) -> frozenset[int]:
    """Positions of all units whose piece changes across a facet."""
    one, other = edge
    return frozenset(i for i, (p, q) in enumerate(zip(one, other, strict=True)) if p != q)


# Walking a network over shapes that can be cut.


@dataclass(frozen=True)
class _State:
    """A shape on which everything so far is affine.

    Attributes:
        shape: What `cut` works on.
        lines: Current vector as affine functions.
        memory: Vectors remembered for skip connections.
        pattern: Pieces of the units so far.
        flat: Positions of the tied ones among them.
    """

    shape: object
    lines: tuple[Line, ...]
    memory: tuple[tuple[Line, ...], ...] = ()
    pattern: Pattern = ()
    flat: frozenset[int] = frozenset()


# Cut a shape down to {line >= 0}; None if nothing full-dimensional is left.
Cut = Callable[[object, Line], object | None]


def _combine(row: tuple[Fraction, ...], lines: tuple[Line, ...], shift: Fraction) -> Line:
    sums = [
        sum((a * line[j] for a, line in zip(row, lines, strict=True)), Fraction(0))
        for j in range(len(lines[0]))
    ]
    return (*sums[:-1], sums[-1] + shift)


def _difference(one: Line, other: Line) -> Line:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _shifted(line: Line, amount: Fraction) -> Line:
    return (*line[:-1], line[-1] + amount)


def _scaled(line: Line, factor: Fraction, shift: Fraction) -> Line:
    return _shifted(tuple(factor * v for v in line), shift)


def _all_nonnegative(shape: object, lines: list[Line], cut: Cut) -> object | None:
    for line in lines:
        shape = cut(shape, line)
        if shape is None:
            return None
    return shape


def _bend_pieces(shape: object, z: Line, breakpoints: tuple[Fraction, ...], cut: Cut) -> Iterator[tuple]:
    """(sub-shape, piece, tied) for every piece of a bend that is seen on the shape."""
    for piece in range(len(breakpoints) + 1):
        above = [_shifted(z, -t) for t in breakpoints[:piece]]
        below = [tuple(-v for v in _shifted(z, -t)) for t in breakpoints[piece:]]
        if any(not any(line) for line in below):
            continue  # identically at a breakpoint: the upper piece
        part = _all_nonnegative(shape, above + below, cut)
        if part is not None:
            yield part, piece, any(not any(line) for line in above)


def _maximum_pieces(shape: object, candidates: list[Line], cut: Cut) -> Iterator[tuple]:
    """(sub-shape, winner, tied) for every winner that is seen on the shape."""
    for i, winner in enumerate(candidates):
        if winner in candidates[i + 1 :]:
            continue  # identically tied: the largest position
        leads = [_difference(winner, other) for other in candidates if other != winner]
        part = _all_nonnegative(shape, leads, cut)
        if part is not None:
            yield part, i, candidates.count(winner) > 1


def _decided(states: list[_State], pieces: Callable[[_State], Iterator[tuple]]) -> list[_State]:
    """Cut every state by one more unit."""
    return [
        _State(
            part, s.lines, s.memory, (*s.pattern, piece), s.flat | ({len(s.pattern)} if tied else frozenset())
        )
        for s in states
        for part, piece, tied in pieces(s)
    ]


def _after_bends(states: list[_State], step: Bends, cut: Cut) -> list[_State]:
    for i, bend in enumerate(step.bends):
        states = _decided(
            states, lambda s, i=i, b=bend: _bend_pieces(s.shape, s.lines[i], b.breakpoints, cut)
        )
    n = len(step.bends)
    done = []
    for s in states:
        chosen = zip(step.bends, s.pattern[len(s.pattern) - n :], s.lines, strict=True)
        lines = tuple(_scaled(z, b.slopes[p], b.intercepts[p]) for b, p, z in chosen)
        done.append(_State(s.shape, lines, s.memory, s.pattern, s.flat))
    return done


def _after_maxima(states: list[_State], step: Maxima, cut: Cut) -> list[_State]:
    units = [g for g in step.groups if len(g) > 1]
    for group in units:
        states = _decided(states, lambda s, g=group: _maximum_pieces(s.shape, [s.lines[i] for i in g], cut))
    done = []
    for s in states:
        winners = iter(s.pattern[len(s.pattern) - len(units) :])
        lines = tuple(s.lines[g[next(winners)]] if len(g) > 1 else s.lines[g[0]] for g in step.groups)
        done.append(_State(s.shape, lines, s.memory, s.pattern, s.flat))
    return done


def _after_step(states: list[_State], step: Instruction, cut: Cut) -> list[_State]:
    match step:
        case Bends():
            return _after_bends(states, step, cut)
        case Maxima():
            return _after_maxima(states, step, cut)
    done = []
    for s in states:
        lines, memory = s.lines, s.memory
        match step:
            case Affine(weight, bias):
                lines = tuple(_combine(row, s.lines, b) for row, b in zip(weight, bias, strict=True))
            case Push():
                memory = (*s.memory, s.lines)
            case Add():
                lines = tuple(
                    tuple(a + b for a, b in zip(f, g, strict=True))
                    for f, g in zip(s.lines, s.memory[-1], strict=True)
                )
                memory = s.memory[:-1]
        done.append(_State(s.shape, lines, memory, s.pattern, s.flat))
    return done


def _walk(network: dict, region: Region, shape: object, cut: Cut) -> list[_State]:
    """All full-dimensional cells, cut out of `shape`."""
    start = tuple((*row, b) for row, b in zip(region.embedding.weight, region.embedding.bias, strict=True))
    states = [_State(shape, start)]
    for step in compile_network(network):
        states = _after_step(states, step, cut)
    assert len({s.pattern for s in states}) == len(states)
    return states


def connected_parts(nodes: frozenset, pairs: list[frozenset]) -> int:
    """Number of connected components (union-find)."""
    parent = {node: node for node in nodes}

    def root(node):
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for one, other in pairs:
        parent[root(one)] = root(other)
    return sum(parent[node] == node for node in nodes)


def _truth(
    states: list[_State], edges: frozenset[frozenset[Pattern]], volumes: dict[Pattern, Fraction]
) -> Truth:
    maps = {s.pattern: s.lines for s in states}
    flat = {s.pattern: s.flat for s in states}
    merged = [e for e in edges if len({maps[p] for p in e}) == 1]
    return Truth(frozenset(maps), edges, connected_parts(frozenset(maps), merged), flat, maps, volumes)


def _value(line: Line, point: Point) -> Fraction:
    return sum((a * x for a, x in zip(line, point, strict=False)), line[-1])


# Polygons: dimension 1 and 2.


def measure(vertices: tuple[Point, ...]) -> Fraction:
    """Length of a segment or area of a polygon, vertices in order."""
    if len(vertices[0]) == 1:
        return max(vertices)[0] - min(vertices)[0]
    turns = zip(vertices, (*vertices[1:], vertices[0]), strict=True)
    return abs(sum((p[0] * q[1] - p[1] * q[0] for p, q in turns), Fraction(0))) / 2


def cut_polygon(vertices: tuple[Point, ...], line: Line) -> tuple[Point, ...] | None:
    """The part where ``line >= 0``, or None if it has no area."""
    values = [_value(line, v) for v in vertices]
    if min(values) >= 0:
        return vertices
    kept: dict[Point, None] = {}  # an ordered set
    for i, (p, f) in enumerate(zip(vertices, values, strict=True)):
        q, g = vertices[(i + 1) % len(vertices)], values[(i + 1) % len(vertices)]
        if f >= 0:
            kept[p] = None
        if f * g < 0:
            kept[tuple((f * b - g * a) / (f - g) for a, b in zip(p, q, strict=True))] = None
    return tuple(kept) if len(kept) > len(vertices[0]) and measure(tuple(kept)) > 0 else None


def domain_polygon(region: Region) -> tuple[Point, ...]:
    """Vertices of a bounded domain of dimension 1 or 2, in order (all pairs of rows; then a convex hull)."""
    if region.dimension == 1:
        ends = [(b / n[0],) for n, b in region.rows if n[0]]
        return tuple(sorted({p for p in ends if all(n[0] * p[0] <= b for n, b in region.rows)}))
    corners = set()
    for (m, b), (n, c) in combinations(region.rows, 2):
        determinant = m[0] * n[1] - m[1] * n[0]
        if determinant:
            p = ((b * n[1] - c * m[1]) / determinant, (c * m[0] - b * n[0]) / determinant)
            if all(k[0] * p[0] + k[1] * p[1] <= h for k, h in region.rows):
                corners.add(p)
    ordered = sorted(corners)
    return (*_chain(ordered)[:-1], *_chain(ordered[::-1])[:-1])


def _chain(points: list[Point]) -> list[Point]:
    """Half of a convex hull, strictly convex (Andrew's monotone chain)."""
    hull: list[Point] = []
    for p in points:
        while len(hull) > 1 and _turn(hull[-2], hull[-1], p) <= 0:
            hull.pop()
        hull.append(p)
    return hull


def _turn(p: Point, q: Point, r: Point) -> Fraction:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def _sides(vertices: tuple[Point, ...]) -> Iterator[tuple[tuple, int, tuple]]:
    """(key of the line, side on which the cell lies, interval along the line) of every facet."""
    if len(vertices[0]) == 1:
        low, high = sorted(vertices)
        yield low, 1, (0, 1)
        yield high, -1, (0, 1)
        return
    sign = 1 if _turn(*vertices[:3]) > 0 else -1
    for p, q in zip(vertices, (*vertices[1:], vertices[0]), strict=True):
        normal = (p[1] - q[1], q[0] - p[0])
        lead = normal[0] or normal[1]
        key = (normal[0] / lead, normal[1] / lead, (normal[0] * p[0] + normal[1] * p[1]) / lead)
        yield key, sign if lead > 0 else -sign, tuple(sorted((p, q)))


def polygon_edges(cells: dict[Pattern, tuple[Point, ...]]) -> frozenset[frozenset[Pattern]]:
    """Pairs of cells on opposite sides of a line whose facets there overlap; such facets must be equal."""
    by_line: dict[tuple, list] = {}
    for pattern, vertices in cells.items():
        for key, side, interval in _sides(vertices):
            by_line.setdefault(key, []).append((side, interval, pattern))
    edges = []
    for facets in by_line.values():
        for (side, one, p), (other_side, other, q) in combinations(facets, 2):
            if side != other_side and max(one[0], other[0]) < min(one[1], other[1]):
                assert one == other, "the cells do not meet face to face"
                edges.append(frozenset((p, q)))
    assert len(set(edges)) == len(edges)
    return frozenset(edges)


def polygons(network: dict, domain: dict) -> dict[Pattern, tuple[Point, ...]]:
    """Exact vertices of every cell, in order (dimension 1 or 2)."""
    region = read_domain(domain)
    return {s.pattern: s.shape for s in _walk(network, region, domain_polygon(region), cut_polygon)}


def clip(network: dict, domain: dict) -> Truth:
    """Truth in dimension 1 and 2, by clipping polygons."""
    region = read_domain(domain)
    states = _walk(network, region, domain_polygon(region), cut_polygon)
    edges = polygon_edges({s.pattern: s.shape for s in states})
    return _truth(states, edges, {s.pattern: measure(s.shape) for s in states})


# Row systems and an exact linear program: any dimension.

Row = tuple[int, ...]  # n_1 .. n_d, b, meaning <n, x> <= b, divided by their greatest common divisor


def integer_row(values: tuple[Fraction, ...]) -> Row:
    """The primitive integer vector on the same ray."""
    scale = math.lcm(*(v.denominator for v in values))
    integers = [int(v * scale) for v in values]
    common = math.gcd(*integers) or 1
    return tuple(v // common for v in integers)


class _Tableau:
    """Integer simplex tableau of ``max <c, y>, <n_i, y> <= b_i`` with free y and all b_i >= 0.

    Row i says ``basic_i + sum_j entry_ij / den * nonbasic_j = right_i / den``; the last row is the objective.
    """

    def __init__(self, rows: list[Row], objective: tuple[int, ...]) -> None:
        self.width = len(objective)
        self.table = [list(row) for row in rows] + [[-c for c in objective] + [0]]
        self.den = 1
        self.across = list(range(self.width))  # variables of the columns: y first, then slacks
        self.down = list(range(self.width, self.width + len(rows)))

    def pivot(self, r: int, c: int) -> None:
        table, p = self.table, self.table[r][c]
        row = table[r]
        for i, other in enumerate(table):
            if i != r:
                factor = other[c]
                table[i] = [(v * p - factor * w) // self.den for v, w in zip(other, row, strict=True)]
                table[i][c] = -factor
        row[c] = self.den
        self.den = p
        if p < 0:
            self.den = -p
            self.table = [[-v for v in line] for line in table]
        self.across[c], self.down[r] = self.down[r], self.across[c]

    def leaving(self, c: int, direction: int) -> int | None:
        """Row that first blocks column c; ties by Bland's rule; basic free variables never block."""
        best = None
        for r, line in enumerate(self.table[:-1]):
            rate = line[c] * direction
            if self.down[r] >= self.width and rate > 0:
                if best is None:
                    best = r
                    continue
                mine, theirs = line[-1] * abs(self.table[best][c]), self.table[best][-1] * rate
                if (mine, self.down[r]) < (theirs, self.down[best]):
                    best = r
        return best

    def solve(self) -> None:
        """Maximise; every direction that improves must be blocked."""
        for y in range(self.width):
            c = self.across.index(y)
            direction = -1 if self.table[-1][c] > 0 else 1
            r = self.leaving(c, direction)
            if r is None and not self.table[-1][c]:
                r = self.leaving(c, -direction)
            assert r is not None, "unbounded linear program"
            self.pivot(r, c)
        while True:
            improving = [(v, c) for c, v in enumerate(self.across) if self.table[-1][c] < 0]
            if not improving:
                return
            c = min(improving)[1]
            r = self.leaving(c, 1)
            assert r is not None, "unbounded linear program"
            self.pivot(r, c)

    def point(self) -> Point:
        values = dict(zip(self.down, (line[-1] for line in self.table), strict=False))
        return tuple(Fraction(values.get(y, 0), self.den) for y in range(self.width))


def strict_point(rows: frozenset[Row]) -> Point | None:
    """A point with ``<n, x> < b`` for all rows of a bounded system, or None: maximise the least slack."""
    ordered = sorted(rows)
    d = len(ordered[0]) - 1
    start = min(1, *(row[-1] for row in ordered))
    system = [(*row[:-1], 1, row[-1] - start) for row in ordered] + [(0,) * d + (1, 1 - start)]
    tableau = _Tableau(system, (0,) * d + (1,))
    tableau.solve()
    *x, t = tableau.point()
    return tuple(x) if t + start > 0 else None


def farthest(rows: list[Row], direction: tuple[int, ...], start: Point) -> Point:
    """A maximiser of ``<direction, x>`` over a bounded system, from a feasible point."""
    scale = math.lcm(*(v.denominator for v in start))
    base = [int(v * scale) for v in start]
    moved = [
        (*row[:-1], row[-1] * scale - sum(n * v for n, v in zip(row, base, strict=False))) for row in rows
    ]
    tableau = _Tableau(moved, direction)
    tableau.solve()
    return tuple(v + y / scale for v, y in zip(start, tableau.point(), strict=True))


def cut_rows(rows: frozenset[Row], line: Line) -> frozenset[Row] | None:
    """The row system with ``line >= 0`` added, or None if it has no interior."""
    if not any(line[:-1]):
        return rows if line[-1] >= 0 else None
    longer = rows | {integer_row((*(-v for v in line[:-1]), line[-1]))}
    return longer if longer == rows or strict_point(longer) is not None else None


def facet_points(rows: frozenset[Row]) -> dict[Row, Point]:
    """Relative interior points of the facets of a full-dimensional system.

    A row is a facet if dropping it lets a point y through; the segment from an interior point to y, which is
    in all other closed halfspaces, crosses the row's hyperplane inside all other open ones.
    """
    strongest: dict[tuple, Row] = {}  # of parallel rows only the tightest can be a facet
    for row in rows:
        common = math.gcd(*row[:-1])
        key = tuple(v // common for v in row[:-1])
        rival = strongest.get(key)
        if rival is None or Fraction(row[-1], common) < Fraction(rival[-1], math.gcd(*rival[:-1])):
            strongest[key] = row
    inside = strict_point(rows)
    assert inside is not None
    found = {}
    for row in strongest.values():
        cap = (*row[:-1], row[-1] + 1)
        beyond = farthest([r for r in strongest.values() if r != row] + [cap], row[:-1], inside)
        slack, reach = (row[-1] - sum(n * x for n, x in zip(row, p, strict=False)) for p in (inside, beyond))
        if reach < 0:
            share = slack / (slack - reach)
            found[row] = tuple(a + share * (b - a) for a, b in zip(inside, beyond, strict=True))
    return found


def _holds(rows: tuple[Row, ...], point: Point) -> bool:
    """Whether a point lies in the closed polyhedron."""
    scale = math.lcm(*(v.denominator for v in point))
    base = [int(v * scale) for v in point]
    return all(sum(n * v for n, v in zip(row, base, strict=False)) <= row[-1] * scale for row in rows)


def row_edges(cells: dict[Pattern, frozenset[Row]], walls: frozenset[Row]) -> frozenset[frozenset[Pattern]]:
    """Each facet's neighbour: the one other closed cell that holds a point of its relative interior."""
    facets = {pattern: facet_points(rows) for pattern, rows in cells.items()}
    bounds = {pattern: tuple(points) for pattern, points in facets.items()}
    seen: list[tuple[Pattern, Pattern]] = []
    for pattern, points in facets.items():
        for row, point in points.items():
            holders = [q for q, rows in bounds.items() if q != pattern and _holds(rows, point)]
            assert len(holders) == (0 if row in walls else 1), "a facet must have one cell on its other side"
            seen += [(pattern, q) for q in holders]
    assert len(set(seen)) == len(seen), "two cells share two facets"
    assert {(q, p) for p, q in seen} == set(seen), "a neighbour does not know its neighbour"
    return frozenset(frozenset(pair) for pair in seen)


def row_systems(network: dict, domain: dict) -> tuple[list[_State], frozenset[Row]]:
    """Every cell with its rows (redundant ones included), and the domain's rows."""
    region = read_domain(domain)
    walls = frozenset(integer_row((*n, b)) for n, b in region.rows if any(n))
    return _walk(network, region, walls, cut_rows), walls


def enumerate_signs(network: dict, domain: dict) -> Truth:
    """Truth in any dimension, by sign vectors and an exact linear program."""
    states, walls = row_systems(network, domain)
    return _truth(states, row_edges({s.pattern: s.shape for s in states}, walls), {})
