"""Brute-force margins in plain fractions: every cell, every pair of classes, every active set.

Nothing of the package is used: cells come from `oracles`, and nearest points from trying all sets of tight rows.

Main definitions:
    margin                 distance to the nearest point of another class (or across a threshold).
    partition_distance     distance to the nearest point that another cell has, too.
    level_distance         distance to the nearest point where an output has a given value.
    nearest                the nearest point of a polyhedron, in any of the three norms.

Conventions: rows are ``(n_1, .., n_d, b)``, ``<n, y> <= b``, in the domain's own coordinates, and so are points and
weights.  Norms are "2" (values are squares), "1" and "inf"; a coordinate is divided by its weight before anything.
None: there is no such point in the domain.

Method: the nearest point of a polyhedron in norm 2 is the nearest one of the affine space of some of its rows; in the
others it is a vertex of the polyhedron of all ``(y, r)`` with ``|y - x| <= r``.  Every such point that satisfies all
rows is a candidate, and no candidate is nearer than the nearest point, so multipliers are not needed.

Not here: which networks (`margin_cases`), the package's answers (`test_margin`).
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from json import dumps, loads

from oracles import row_systems

Row = tuple[Fraction, ...]
Point = tuple[Fraction, ...]
NORMS = ("2", "1", "inf")
ZERO = Fraction(0)


def margin(network, domain, point, norm="2", weights=None, label=None, threshold=None):
    """The distance to the nearest point of another class, with one such point.

    Args:
        network, domain: In the file formats.
        point: In the domain.
        label: The class whose rivals count; None: the largest output's at the point.
        threshold: Of the one output, instead of classes.

    Returns:
        ``(value, nearest)``; ``(None, None)`` if there is no other class in the domain.
    """
    return _nearest_of(_rival_pieces(network, domain, point, label, threshold), point, norm, weights)


def partition_distance(network, domain, point, norm="2", weights=None):
    """The distance to the nearest point of two cells, with one such point.

    A point of one cell only: the way out ends in another cell, so the nearest point of the others counts.
    """
    cells = [rows for rows, _ in cells_of(network, domain)]
    mine = [rows for rows in cells if _holds(rows, point)]
    if len(mine) > 1:
        return ZERO, tuple(point)
    return _nearest_of([rows for rows in cells if rows not in mine], point, norm, weights)


def level_distance(network, domain, point, level, output=0, norm="2", weights=None):
    """The distance to the nearest point where an output is equal to a number, with one such point."""
    pieces = []
    for rows, lines in cells_of(network, domain):
        *normal, constant = lines[output]
        above = (*normal, level - constant)
        pieces.append((*rows, above, tuple(-a for a in above)))
    return _nearest_of(pieces, point, norm, weights)


def distance(one, other, norm="2", weights=None):
    """The distance of two points; its square in norm 2."""
    weights = weights or [1] * len(one)
    gaps = [abs(a - b) / w for a, b, w in zip(one, other, weights, strict=True)]
    return {"2": sum(g * g for g in gaps), "1": sum(gaps), "inf": max(gaps)}[norm]


def outputs_at(network, domain, point):
    """The network's value at a point of the domain."""
    _, lines = next(cell for cell in cells_of(network, domain) if _holds(cell[0], point))
    return tuple(_value(line, point) for line in lines)


def cells_of(network, domain):
    """Every cell: its rows and its outputs as affine functions (coefficients, then the constant)."""
    return _cells(dumps(network), dumps(domain))


@lru_cache(maxsize=64)
def _cells(network, domain):
    states, _ = row_systems(loads(network), loads(domain))
    return tuple((tuple(tuple(map(Fraction, row)) for row in s.shape), s.lines) for s in states)


def _rival_pieces(network, domain, point, label, threshold) -> Iterator[tuple[Row, ...]]:
    """For every cell and rival, the part of the cell where the rival is as large."""
    here = outputs_at(network, domain, point)
    for rows, lines in cells_of(network, domain):
        if threshold is not None:
            sign = 1 if here[0] >= threshold else -1
            *normal, constant = (sign * a for a in lines[0])
            yield *rows, (*normal, sign * threshold - constant)
            continue
        mine = here.index(max(here)) if label is None else label
        for rival in range(len(lines)):
            if rival != mine:
                *normal, constant = (a - b for a, b in zip(lines[mine], lines[rival], strict=True))
                yield *rows, (*normal, -constant)


def _nearest_of(pieces, point, norm, weights):
    """The nearest point of a union of polyhedra; those behind one row that is too far are not looked at."""
    best = None, None
    scaled = [(_bound(rows, point, norm, weights), rows) for rows in pieces]
    for bound, rows in sorted(scaled, key=lambda pair: pair[0]):
        if best[0] is None or bound < best[0]:
            found = nearest(rows, point, norm, weights)
            if found is not None and (best[0] is None or found[0] < best[0]):
                best = found
    return best


def nearest(rows: Sequence[Row], point, norm="2", weights=None):
    """The nearest point of a bounded polyhedron and its distance (norm 2: the square); None if it is empty."""
    weights = weights or [Fraction(1)] * len(point)
    rows = sorted(
        {_primitive((*[a * w for a, w in zip(row, weights, strict=False)], row[-1])) for row in rows}
    )
    if any(not any(row[:-1]) and row[-1] < 0 for row in rows):
        return None
    rows = [row for row in rows if any(row[:-1])]
    center = tuple(Fraction(x) / w for x, w in zip(point, weights, strict=True))
    found = _project(rows, center) if norm == "2" else _descend(rows, center, norm)
    return found and (found[0], tuple(y * w for y, w in zip(found[1], weights, strict=True)))


# Norm 2: feet of the perpendiculars on the affine spaces of rows.


def _project(rows, center):
    best = None

    def extend(first, foot, square, basis):
        nonlocal best
        if best is not None and square >= best[0]:
            return
        if _holds(rows, foot):
            best = square, foot
            return
        for k in range(first, len(rows)):
            normal = rows[k][:-1]
            for b in basis:
                share = _dot(normal, b) / _dot(b, b)
                normal = tuple(a - share * c for a, c in zip(normal, b, strict=True))
            if any(normal):
                step = (_dot(rows[k], foot) - rows[k][-1]) / _dot(normal, normal)
                moved = tuple(y - step * a for y, a in zip(foot, normal, strict=True))
                extend(k + 1, moved, square + step * step * _dot(normal, normal), [*basis, normal])

    extend(0, center, ZERO, [])
    return best


# Norms 1 and inf: vertices of the polyhedron of points and radii.


def _descend(rows, center, norm):
    d = len(center)
    ends = (Fraction(-1), Fraction(1))
    signs = product(ends, repeat=d) if norm == "1" else [_axis(d, j, s) for j in range(d) for s in ends]
    lifted = [(*row[:-1], ZERO, row[-1]) for row in rows]
    lifted += [(*sign, Fraction(-1), _dot(sign, center)) for sign in signs]
    best = None
    for corner in _vertices(lifted, d + 1):
        if (best is None or corner[-1] < best[0]) and _holds(lifted, corner):
            best = corner[-1], corner[:-1]
    return best


def _vertices(rows, size) -> Iterator[Point]:
    """The common point of every set of so many independent rows."""

    def extend(first, system):
        if len(system) == size:
            yield tuple(system[j] for j in range(size))
            return
        for k in range(first, len(rows)):
            row = _reduced(rows[k], system)
            pivot = next((j for j in range(size) if row[j]), None)
            if pivot is not None:
                yield from _join(k, row, pivot, system)

    def _join(k, row, pivot, system):
        row = tuple(a / row[pivot] for a in row)
        joined = {
            p: tuple(a - other[pivot] * b for a, b in zip(other, row, strict=True))
            for p, other in system.items()
        }
        yield from extend(k + 1, {**joined, pivot: row})

    for solved in extend(0, {}):
        yield tuple(row[-1] for row in solved)


def _reduced(row, system):
    """A row minus what the pivots of others take of it."""
    for pivot, other in system.items():
        if row[pivot]:
            factor = row[pivot]
            row = tuple(a - factor * b for a, b in zip(row, other, strict=True))
    return row


# Rows.


def _bound(rows, point, norm, weights):
    """A distance that the polyhedron's is not below: to the farthest of its halfspaces alone."""
    weights = weights or [1] * len(point)
    most = ZERO
    for row in rows:
        gap = _dot(row, point) - row[-1]
        scaled = [abs(a * w) for a, w in zip(row, weights, strict=False)]
        if gap > 0 and any(scaled):
            length = {"2": sum(a * a for a in scaled), "1": max(scaled), "inf": sum(scaled)}[norm]
            most = max(most, gap * gap / length if norm == "2" else gap / length)
    return most


def _primitive(row):
    """A positive multiple of a row, one for all of them."""
    scale = next((abs(a) for a in row if a), 1)
    return tuple(Fraction(a) / scale for a in row)


def _axis(d, j, sign):
    return tuple(sign * int(i == j) for i in range(d))


def _holds(rows, point):
    return all(_dot(row, point) <= row[-1] for row in rows)


def _dot(row, point):
    """The inner product with as many entries as the point has."""
    return sum((a * x for a, x in zip(row, point, strict=False)), ZERO)


def _value(line, point):
    return _dot(line, point) + line[-1]
