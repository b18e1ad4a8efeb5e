"""The hull of data as a domain, and where bent hyperplanes meet it, exactly.

Main definitions:
    hull_of: The convex hull of points as a polytope, in any (low) dimension.
    sides_of: On which sides of their breakpoints the units are at points.
    sides_within: On which sides they are somewhere inside a domain.
    crossings: For every unit that switches inside a domain of the plane, a point of its bent hyperplane.

Conventions:
    Units are those of activations with one breakpoint, at 0.  A unit with both sides inside the hull has its bent
    hyperplane go through it; one that is positive at one of the points and negative at another is such a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from reporting import Points

import exactcpa as cpa
from exactcpa.geometry import Vertices, find_vertices
from exactcpa.halfspaces import to_integers
from exactcpa.vectors import Vector, dot

Unit = tuple[int, int]
ACTIVATIONS = (cpa.ReLU, cpa.LeakyReLU, cpa.PReLU, cpa.Abs)


def centroid_of(points: Points) -> Vector:
    """The mean."""
    return tuple(sum(column) / len(points) for column in zip(*points, strict=True))


def hull_of(points: Points) -> cpa.Polytope:
    """The convex hull: its facets are the vertices of the polar set about the centroid.

    Raises:
        BadArgument: The points lie in a hyperplane.
    """
    g = centroid_of(points)
    differences = {tuple(x - c for x, c in zip(point, g, strict=True)) for point in points}
    rows = [to_integers(row, Fraction(1)) for row in sorted(differences) if any(row)]
    polar = find_vertices(rows) if rows else None
    if not isinstance(polar, Vertices):
        raise cpa.BadArgument(f"expected points that span R^{len(g)}, got points in one hyperplane")
    return cpa.Polytope(polar.points, [1 + dot(normal, g) for normal in polar.points])


def require_chain(net: cpa.Network) -> None:
    """Refuse what these scripts do not read: other activations than those with one breakpoint, at 0."""
    for layer in net.layers:
        if not isinstance(layer, (cpa.Linear, cpa.BatchNorm, cpa.TrainingBatchNorm, *ACTIVATIONS)):
            raise cpa.BadArgument(f"expected linear, batchnorm and ReLU-like layers, got {layer.type}")


def pre_activations(net: cpa.Network, point: Sequence[Fraction]) -> list[Vector]:
    """The values before every activation layer at a point."""
    value, found = tuple(point), []
    for layer in net.layers:
        if isinstance(layer, ACTIVATIONS):
            found.append(value)
        value = layer.forward(value)
    return found


def sides_of(net: cpa.Network, points: Points) -> dict[Unit, set[int]]:
    """Unit -> the signs it has at the points, -1, 0 and 1."""
    found: dict[Unit, set[int]] = {}
    for point in points:
        for layer, values in enumerate(pre_activations(net, point)):
            for index, value in enumerate(values):
                found.setdefault((layer, index), set()).add((value > 0) - (value < 0))
    return found


def sides_within(part: cpa.Partition) -> dict[Unit, set[int]]:
    """Unit -> the pieces it has on the cells of a partition."""
    patterns = part.patterns
    units = [(unit.layer, unit.index) for unit in part.form.units]
    return {unit: set(patterns[:, column].tolist()) for column, unit in enumerate(units)}


def crossings(part: cpa.Partition) -> dict[Unit, Vector]:
    """For every unit that switches across some facet, the middle of that facet; plane domains."""
    found: dict[Unit, Vector] = {}
    for i, j, units in part.graph().edges(data="units"):
        if not found.keys() >= set(units):
            a, b = segment(part, i, j)
            middle = tuple((x + y) / 2 for x, y in zip(a, b, strict=True))
            found |= {unit: middle for unit in units if unit not in found}
    return found


def segment(part: cpa.Partition, i: int, j: int) -> tuple[Vector, Vector]:
    """The ends of the facet that two cells of the plane share."""
    row = next(row for row in part.cell(i).rows if row.neighbour == j)
    ends = [corner for corner in part.vertices(i) if dot(row.normal, corner) == row.offset]
    return ends[0], ends[-1]
