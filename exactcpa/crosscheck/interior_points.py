"""A point strictly inside a system of integer rows, or multipliers that prove there is none; quick in high dimension.

Doubles propose: a linear program gives a point, which is rounded and tested exactly, or prices.  Prices become exact
multipliers, and what they do not cancel the walls of a box do: if the sum is still negative, that is a proof.  What
remains open goes to the exact simplex method, which always ends.

Main definitions:
    interior_or_weights: The answer.
    shortest_inside: A strictly inner point with few digits.

Conventions:
    A row is a slack ``(n_1, .., n_d, c)`` of integers, ``<n, t> + c >= 0``.  Weights are positive numbers of rows;
    their sum of slacks is a constant <= 0, and if it is zero one of the slacks is not the zero function.

References:
    Neumaier and Shcherbina, Safe bounds in linear and mixed-integer linear programming (2004).

Not here:
    What the rows mean: `context`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isfinite

import numpy as np
from scipy.optimize import linprog

from exactcpa.exact_points import Point, common
from exactcpa.halfspaces import Interior, find_interior
from exactcpa.vectors import Vector

Slack = Sequence[int]

ROUNDINGS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024)
"""Binary digits after the point that are tried for a point."""
DIGITS = 40
"""Binary digits that are kept of a price."""
EXACT_FIRST = 3
"""Dimension up to which the exact method is the quicker one."""


def interior_or_weights(slacks: Sequence[Slack], dimension: int) -> Vector | dict[int, Fraction]:
    """A point at which all rows are positive, or weights that prove that there is none; zero rows do not count.

    Args:
        slacks: Shape (m, d + 1).
        dimension: d.
    """
    if dimension == 0:
        return _of_constants(slacks)
    if dimension > EXACT_FIRST:
        proposed = _proposed(slacks, dimension)
        if proposed is not None:
            return proposed
    found = find_interior([(*[-a for a in slack[:-1]], slack[-1]) for slack in slacks], dimension)
    if isinstance(found, Interior):
        return shortest_inside(slacks, found.point) or found.point
    return {i: Fraction(weight) for i, weight in found.multipliers.items() if weight}


def shortest_inside(slacks: Sequence[Slack], point: Vector) -> Vector | None:
    """A point near a given one, strictly inside all rows, with as few binary digits as will do; None: none found."""
    counted = [slack for slack in slacks if any(slack)]
    for bits in ROUNDINGS:
        rounded = tuple([Fraction(round(x * 2**bits), 2**bits) for x in point])
        near = common(rounded)
        if all(value_at(slack, near) > 0 for slack in counted):
            return rounded
    return None


def value_at(slack: Slack, point: Point) -> int:
    """The value of an integer slack at a point, times the point's denominator."""
    numerators, denominator = point
    return sum([a * n for a, n in zip(slack[:-1], numerators, strict=True)], slack[-1] * denominator)


def _of_constants(slacks: Sequence[Slack]) -> Vector | dict[int, Fraction]:
    """The answer in dimension 0."""
    wrong = next((i for i, slack in enumerate(slacks) if slack[-1] < 0), None)
    return () if wrong is None else {wrong: Fraction(1)}


def _proposed(slacks: Sequence[Slack], dimension: int) -> Vector | dict[int, Fraction] | None:
    """What doubles propose, if it is so."""
    numbers = [i for i, slack in enumerate(slacks) if any(slack[:-1])]
    constant = next((i for i, slack in enumerate(slacks) if not any(slack[:-1]) and slack[-1] < 0), None)
    if constant is not None:
        return {constant: Fraction(1)}
    sizes = [max(map(abs, slacks[i])) for i in numbers]
    rows = np.array([[a / size for a in slacks[i]] for i, size in zip(numbers, sizes, strict=True)])
    lengths = np.linalg.norm(rows[:, :-1], axis=1)
    if not lengths.all():
        return None
    rows /= lengths[:, None]
    answer = _program(rows, dimension)
    if answer is None:
        return None
    point, prices, level = answer
    if level > 0:
        return shortest_inside(slacks, tuple(map(Fraction, point)))
    weights = {
        i: _price(price / length, size)
        for i, price, length, size in zip(numbers, prices, lengths.tolist(), sizes, strict=True)
    }
    return _completed(slacks, {i: weight for i, weight in weights.items() if weight > 0}, dimension)


def _program(rows: np.ndarray, dimension: int) -> tuple[list[float], list[float], float] | None:
    """Centre of a largest ball inside, the rows' prices, the radius (negative: none); at most 1."""
    system = np.hstack([-rows[:, :-1], np.ones((len(rows), 1))])
    goal = np.zeros(dimension + 1)
    goal[-1] = -1
    bounds = [(None, None)] * dimension + [(None, 1)]
    found = linprog(goal, system, rows[:, -1], bounds=bounds, method="highs")
    if found.status != 0 or found.x is None:
        return None
    answer = found.x.tolist(), (-found.ineqlin.marginals).tolist()
    if not all(map(isfinite, (*answer[0], *answer[1]))):
        return None
    return answer[0][:-1], answer[1], answer[0][-1]


def _price(value: float, size: int) -> Fraction:
    """``value / size`` with few digits."""
    digits = DIGITS + size.bit_length()
    return Fraction(int(Fraction(value) * 2**digits / size), 2**digits)


def _completed(
    slacks: Sequence[Slack], weights: dict[int, Fraction], dimension: int
) -> dict[int, Fraction] | None:
    """Weights, with those of walls added so that all coefficients cancel; None: no proof."""
    walls = _walls(slacks)
    for j in range(dimension):
        rest = sum([weight * slacks[i][j] for i, weight in weights.items()], Fraction(0))
        if rest:
            wall = walls.get((j, rest < 0))
            if wall is None:
                return None
            weights[wall] = weights.get(wall, Fraction(0)) + rest / -slacks[wall][j]
    level = sum([weight * slacks[i][-1] for i, weight in weights.items()], Fraction(0))
    return weights if level < 0 else None


def _walls(slacks: Sequence[Slack]) -> Mapping[tuple[int, bool], int]:
    """Rows on one coordinate alone: (coordinate, whether it bounds from below) -> the first such row."""
    found: dict[tuple[int, bool], int] = {}
    for i, slack in enumerate(slacks):
        places = [j for j, a in enumerate(slack[:-1]) if a]
        if len(places) == 1:
            found.setdefault((places[0], slack[places[0]] > 0), i)
    return found
