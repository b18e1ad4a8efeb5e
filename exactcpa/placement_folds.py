"""Fold angles: by how much a unit's bent hyperplane turns where it crosses a facet of earlier layers.

On the two sides of the facet the pre-activation has two gradients, normals of the two switching hyperplanes.  Their
angle is exact as the square of its cosine and a sign.

Main definitions:
    Fold: One crossing.
    folds_of: All crossings of the bent hyperplane of one breakpoint.

Conventions:
    A bent hyperplane *crosses* a facet that two parent cells share if it passes through the facet's interior with the
    pre-activation taking both signs on the facet.  Angle 0: no turn; 180: it turns back onto itself.  In the metric of
    the network's input space.  Each facet is told once, the parent cell with the smaller number first.  With one
    input there are no folds: facets are points.  Maxima of three and more lines are left out.

References: Balestriero, Cosentino, Aazhang and Baraniuk, The geometry of deep networks (2019), theorem 3.

Not here: which cells are neighbours (`adjacency`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, sqrt
from typing import Any

from exactcpa.nearest_point import Metric
from exactcpa.partition import Partition
from exactcpa.placement_distances import exact_numbers
from exactcpa.placement_parents import Breakpoint, Parent, patterns_of
from exactcpa.real_quotients import simplest

Normal = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Where a bent hyperplane crosses a facet of earlier layers.

    Attributes:
        cells: A pair of cells that meet on the facet.
        units: The units of earlier layers that switch across the facet.
        cosine_squared: Squared cosine of the angle between the two normals.
        sign: Sign of the cosine.
    """

    cells: tuple[int, int]
    units: tuple[tuple[int, int], ...]
    cosine_squared: Any
    sign: int

    @property
    def degrees(self) -> float:
        """The angle, rounded."""
        sine = sqrt(max(0.0, float(1 - self.cosine_squared)))
        return degrees(atan2(sine, self.sign * sqrt(float(self.cosine_squared))))


def folds_of(
    part: Partition, parents: tuple[Parent, ...], at: Breakpoint, metric: Metric
) -> tuple[Fold, ...]:
    """All folds of the bent hyperplane of a breakpoint.

    On one side of a shared facet the cells that meet it lie on both sides of the breakpoint exactly if the
    pre-activation takes both signs on the facet: were it zero all over the facet, it would have one sign on the parent.
    """
    if at.unit.group >= 0 or at.unit.layer == 0:
        return ()
    patterns, found = patterns_of(part), []
    for number, parent in enumerate(parents):
        for other, pairs in parent.facets.items():
            sides = {patterns[cell] >> at.bit & 1 for cell, _ in pairs}
            if number < other and len(sides) == 2:
                a = _normal(part, parent.pattern, at)
                b = _normal(part, parents[other].pattern, at)
                units = _switching(part, parent.pattern, parents[other].pattern, at.unit.layer)
                found.append(Fold(pairs[0], units, *_cosine(a, b, metric)))
    return tuple(found)


def _normal(part: Partition, pattern: int, at: Breakpoint) -> Normal:
    row = part.lines.at(at.unit.layer, pattern).rows[part.places[at.bit].line]
    return tuple(map(exact_numbers(part), row[:-1]))


def _cosine(a: Normal, b: Normal, metric: Metric) -> tuple[Any, int]:
    """The squared cosine of the angle between two gradients, and the cosine's sign."""
    product = _dot(a, metric.raised(b))
    squared = product * product / (_dot(a, metric.raised(a)) * _dot(b, metric.raised(b)))
    return simplest(squared), int(product > 0) - int(product < 0)


def _dot(a: Normal, b: Normal) -> Any:
    return sum([x * y for x, y in zip(a, b, strict=True)])


def _switching(part: Partition, here: int, there: int, layer: int) -> tuple[tuple[int, int], ...]:
    """The units of the layers before one in which two patterns differ."""
    differing = (here ^ there) & part.lines.mask(layer)
    units = [unit for unit in part.form.units if unit.layer < layer]
    return tuple((u.layer, u.index) for u in units if differing >> u.first & ((1 << u.width) - 1))
