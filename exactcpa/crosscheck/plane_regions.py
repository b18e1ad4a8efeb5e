"""Polygons that somebody claims, compared exactly with cells in the plane.

Vertices come as floats more often than not: the polygon may be flat, not quite convex, its vertices in either order,
with more of them along an edge.

Main definitions:
    tidied, doubled_area, is_convex, rows_of: About one polygon.
    is_strictly_inside, is_strictly_outside: A point and a convex polygon.
    farthest_off: Whether a polygon is a cell up to a tolerance, and if not the vertex that is furthest off.

Conventions:
    A polygon is a tuple of corners in order, closed by itself.  A cell is one that is convex, counterclockwise, without
    corners along an edge.  Distances are those of l2, as squares.

Not here: which cell to compare with (`judge_regions`), vertices of a cell (`geometry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactcpa.halfspaces import to_integers

Corner = tuple[Fraction, ...]
Polygon = tuple[Corner, ...]


def tidied(corners: Sequence[Corner]) -> Polygon:
    """The polygon without corners that repeat the one before."""
    kept = [corner for i, corner in enumerate(corners) if corner != corners[i - 1] or len(corners) == 1]
    return tuple(kept) if kept else tuple(corners[:1])


def doubled_area(polygon: Polygon) -> Fraction:
    """Twice the area, positive if the polygon is counterclockwise.

    Example:
        >>> doubled_area(((Fraction(0), Fraction(0)), (Fraction(1), Fraction(0)), (Fraction(0), Fraction(1))))
        Fraction(1, 1)
    """
    return sum([_cross(a, b) for a, b in _sides(polygon)], Fraction(0))


def is_convex(polygon: Polygon) -> bool:
    """Whether it is convex, with an interior."""
    if not doubled_area(polygon):
        return False
    heights = [_height(corner, a, b) for a, b in _sides(polygon) for corner in polygon]
    return min(heights) >= 0 or max(heights) <= 0


def rows_of(polygon: Polygon) -> list[tuple[int, ...]]:
    """Integer rows of a convex polygon, ``<n, x> <= b``."""
    sign = 1 if doubled_area(polygon) > 0 else -1
    rows = []
    for (x, y), (u, v) in _sides(polygon):
        normal = [sign * (v - y), sign * (x - u)]
        rows.append(to_integers(normal, normal[0] * x + normal[1] * y))
    return rows


def middle(polygon: Polygon) -> Corner:
    """The mean of the corners; strictly inside if the polygon is convex."""
    return tuple([sum(column, Fraction(0)) / len(polygon) for column in zip(*polygon, strict=True)])


def is_strictly_inside(point: Corner, polygon: Polygon) -> bool:
    """Whether a point is strictly inside a convex polygon."""
    return all(_excess(row, point) < 0 for row in rows_of(polygon))


def is_strictly_outside(point: Corner, polygon: Polygon) -> bool:
    """Whether a point is not in a closed convex polygon."""
    return any(_excess(row, point) > 0 for row in rows_of(polygon))


def farthest_off(polygon: Polygon, cell: Polygon, tolerance: Fraction) -> tuple[Fraction, Corner] | None:
    """What keeps a polygon from being a cell, up to a tolerance.

    It is the cell if all its corners are that near to the boundary of the cell, all corners of the cell that near to
    one of its corners, and, unless it is convex, its area is off by no more than moving corners so far can make it.

    Returns:
        Squared distance and place of the corner, of either, that is furthest off; None if none is too far.
    """
    worst = max(
        [(min([_to_segment(corner, a, b) for a, b in _sides(cell)]), corner) for corner in polygon]
        + [(min([_squared(corner, other) for other in polygon]), corner) for corner in cell]
    )
    if worst[0] > tolerance * tolerance:
        return worst
    if not is_convex(polygon):
        off = abs(abs(doubled_area(polygon)) - abs(doubled_area(cell)))
        if off > 2 * tolerance * (_perimeter(polygon) + _perimeter(cell)):
            return worst
    return None


def _sides(polygon: Polygon) -> list[tuple[Corner, Corner]]:
    return list(zip(polygon, polygon[1:] + polygon[:1], strict=True))


def _cross(a: Corner, b: Corner) -> Fraction:
    return a[0] * b[1] - a[1] * b[0]


def _height(point: Corner, a: Corner, b: Corner) -> Fraction:
    """Positive to the left of a -> b."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def _excess(row: Sequence[int], point: Corner) -> Fraction:
    return row[0] * point[0] + row[1] * point[1] - row[2]


def _squared(a: Corner, b: Corner) -> Fraction:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def _to_segment(point: Corner, a: Corner, b: Corner) -> Fraction:
    """The squared distance from a point to a segment."""
    along = (b[0] - a[0], b[1] - a[1])
    length = along[0] ** 2 + along[1] ** 2
    share = (along[0] * (point[0] - a[0]) + along[1] * (point[1] - a[1])) / length if length else Fraction(0)
    share = min(max(share, Fraction(0)), Fraction(1))
    return _squared(point, (a[0] + share * along[0], a[1] + share * along[1]))


def _perimeter(polygon: Polygon) -> Fraction:
    """In l1, which is no less than in l2."""
    return sum([abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in _sides(polygon)], Fraction(0))
