"""Margins with weights of very different size: one search after another, in larger and larger boxes around the point.

Where one coordinate costs 1e300 times as much as another, no unit of length suits doubles: a ball is as thin as that.
Within the box around a ball, in coordinates that make it a cube, the weights that are left are those of coordinates
that are free there, and these may be cut off (`margin_ground`).

Main definitions:
    nearest_rival: The nearest point of another class, whatever the weights.

Conventions:
    A box is of all points of the domain whose every coordinate alone is within a radius.  It holds the ball of that
    radius, so what is found within the radius is the nearest of all.  Radii go from the smallest at which a coordinate
    is free to that at which all are, in steps of at most `STEP`.

Not here: one search (`margin_search`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from exactcpa.cell import inequalities_of
from exactcpa.domain import Box, Polytope, Slice
from exactcpa.margin_ground import Ground, ground_of
from exactcpa.margin_search import Found, root_above, search, too_near
from exactcpa.vectors import Vector, dot

STEP = 1 << 32
"""A search settles exactly what is nearer than 2^-40 of its box (`margin_search.SMALLEST`)."""


def nearest_rival(ground: Ground, point: Vector, mine: int) -> Found:
    """Find the nearest point of another class.

    Args:
        ground: The network over the domain.
        point: In the domain.
        mine: Its class; no other output is as large there.
    """
    if not ground.slack:
        return search(ground, point, mine)
    cells = 0
    for radius in _radii(ground, point):
        found = _within(ground, point, mine, radius)
        cells += found.cells
        if found.value is not None:
            return replace(found, cells=cells)
    return Found(None, None, None, cells)


def _within(ground: Ground, point: Vector, mine: int, radius: Fraction) -> Found:
    """The nearest point of another class, if there is one in the box of a radius."""
    cells, hurried = 0, True
    while True:
        stage, scales = _stage(ground, point, radius)
        found = search(stage, (Fraction(0),) * len(point), mine, hurried=hurried)
        cells += found.cells
        if found.value is None:
            return replace(found, cells=cells)
        length = Fraction(root_above(stage, found.value)) * stage.unit
        if length <= radius and not (hurried and too_near(stage, found.value)):
            assert found.nearest is not None
            moved = zip(point, scales, found.nearest, strict=True)
            return replace(found, nearest=tuple([q + s * z for q, s, z in moved]), cells=cells)
        # Beyond the ball the box is not complete.  Where boxes hardly shrink any more, there is nothing to wait for.
        hurried, radius = length < radius / 4, length


def _radii(ground: Ground, point: Vector) -> Iterator[Fraction]:
    """Radii at which a coordinate is free, and others between them; the last box is the domain."""
    sides = zip(ground.domain.lower, ground.domain.upper, point, ground.measure.weights, strict=True)
    free = sorted([max(high - q, q - low) / w for low, high, q, w in sides])
    radius = free[0]
    while radius < free[-1]:
        yield radius
        radius = min(radius * STEP, next(r for r in free if r > radius))
    yield radius


def _stage(ground: Ground, point: Vector, radius: Fraction) -> tuple[Ground, Vector]:
    """The network over the box of a radius in coordinates from the point, and the powers of two that are their unit."""
    domain, weights = ground.domain, ground.measure.weights
    lower = [max(low - q, -radius * w) for low, q, w in zip(domain.lower, point, weights, strict=True)]
    upper = [min(high - q, radius * w) for high, q, w in zip(domain.upper, point, weights, strict=True)]
    scales = tuple([_power(high - low) for low, high in zip(lower, upper, strict=True)])
    box = Box(*[[a / s for a, s in zip(ends, scales, strict=True)] for ends in (lower, upper)])
    within: Box | Polytope = box
    if domain.rows:
        rows = inequalities_of(box)
        rows += [
            (tuple([a * s for a, s in zip(normal, scales, strict=True)]), offset - dot(normal, point))
            for normal, offset in domain.rows
        ]
        within = Polytope([list(normal) for normal, _ in rows], [offset for _, offset in rows])
    basis = domain.basis if isinstance(domain, Slice) else _identity(len(point))
    columns = [[a * s for a, s in zip(row, scales, strict=True)] for row in basis]
    stage = ground_of(
        ground.network,
        Slice(domain.embed(point), columns, within),
        norm=ground.measure.norm,
        weights=[w / s for w, s in zip(weights, scales, strict=True)],
        threshold=ground.threshold,
    )
    return stage, scales


def _identity(d: int) -> list[list[Fraction]]:
    return [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]


def _power(length: Fraction) -> Fraction:
    """A power of two near a length."""
    return Fraction(2) ** (length.numerator.bit_length() - length.denominator.bit_length())
