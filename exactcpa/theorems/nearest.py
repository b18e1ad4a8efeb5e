"""The nearest point of a polyhedron, exactly: a dual active-set method in fractions.

Main definitions:
    Nearest: The nearest point, with the multipliers that prove it.
    NoPoint: The polyhedron is empty, with the multipliers that prove it.
    FarEnough: Nothing of it is nearer than asked for, with the multipliers that prove it.
    nearest: Finds one of them.

Conventions:
    The polyhedron is ``{y : <w, y> = c, <n_i, y> <= b_i}``; ``w`` may be zero, and then ``c`` must be too or there is
    no point.  ``x - y = free w + sum_i multipliers_i n_i``; of an empty one, ``free w + sum_i multipliers_i n_i = 0``
    with ``free c + sum_i multipliers_i b_i < 0``.

References:
    Goldfarb and Idnani, A numerically stable dual method for solving strictly convex quadratic programs (1983),
    section 3; exact here, so the value grows strictly and no set of active rows comes twice.

Not here:
    Which polyhedra: `level_sets`.  The check of the multipliers: `plain.least_square`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.theorems.plain import combination, dot, minus, norm2, solve
from exactcpa.vectors import Vector

ZERO = Fraction(0)
Row = tuple[Vector, Fraction]
EQUATION = -1


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest point and its multipliers: one a row, and a free one for the equation."""

    foot: Vector
    multipliers: Vector
    free: Fraction


@dataclass(frozen=True, slots=True)
class NoPoint:
    """The polyhedron is empty: multipliers that add its rows up to a contradiction."""

    multipliers: Vector
    free: Fraction


@dataclass(frozen=True, slots=True)
class FarEnough:
    """No point is nearer: multipliers as of the nearest point of some of the rows, a larger polyhedron."""

    multipliers: Vector
    free: Fraction


def nearest(
    point: Vector, rows: Sequence[Row], equation: Row, enough: Fraction | None = None
) -> Nearest | NoPoint | FarEnough:
    """The point of a polyhedron nearest to another one.

    Args:
        point: x, shape ``(d,)``.
        rows: ``(n_i, b_i)``.
        equation: ``(w, c)``.
        enough: Stop when the squared distance is known to be no less.

    Example:
        >>> one, zero = Fraction(1), Fraction(0)
        >>> nearest((zero, zero), [((zero, -one), -2 * one)], ((one, zero), one)).foot
        (Fraction(1, 1), Fraction(2, 1))
    """
    w, c = equation
    active: dict[int, Fraction] = {}
    foot = point
    if any(w):
        free = (dot(w, point) - c) / norm2(w)
        active, foot = {EQUATION: free}, tuple(x - free * a for x, a in zip(point, w, strict=True))
    elif c:
        return NoPoint((ZERO,) * len(rows), ZERO - 1 if c > 0 else ZERO + 1)
    while True:
        if enough is not None and norm2(minus(point, foot)) >= enough:
            return FarEnough(*_spread(active, len(rows)))
        violated = [(dot(n, foot) - b, i) for i, (n, b) in enumerate(rows)]
        excess, worst = max(violated, default=(ZERO, 0))
        if excess <= 0:
            return Nearest(foot, *_spread(active, len(rows)))
        entered = _enter(worst, foot, active, rows, equation)
        if isinstance(entered, NoPoint):
            return entered
        foot, active = entered


def _enter(
    number: int, foot: Vector, active: dict[int, Fraction], rows: Sequence[Row], equation: Row
) -> tuple[Vector, dict[int, Fraction]] | NoPoint:
    """Make a violated row tight; rows whose multipliers run out leave."""
    normal, bound = rows[number]
    active, weight = dict(active), ZERO
    while True:
        names = list(active)
        normals = [equation[0] if k == EQUATION else rows[k][0] for k in names]
        shares = _shares(normal, normals)
        along = tuple(a - b for a, b in zip(normal, combination(shares, normals, len(normal)), strict=True))
        running_out = [
            (active[k] / share, k)
            for k, share in zip(names, shares, strict=True)
            if k != EQUATION and share > 0
        ]
        least, leaving = min(running_out, default=(None, EQUATION))
        if not any(along) and least is None:
            multipliers, free = _spread(
                {k: -share for k, share in zip(names, shares, strict=True)} | {number: Fraction(1)},
                len(rows),
            )
            return NoPoint(multipliers, free)
        full = (dot(normal, foot) - bound) / norm2(along) if any(along) else None
        step = full if least is None or (full is not None and full <= least) else least
        foot = tuple(y - step * a for y, a in zip(foot, along, strict=True))
        weight += step
        for k, share in zip(names, shares, strict=True):
            active[k] -= step * share
        if step == full:
            return foot, active | {number: weight}
        del active[leaving]


def _shares(normal: Vector, normals: Sequence[Vector]) -> Vector:
    """The coefficients of the projection of a vector onto the span of independent ones."""
    gram = [[dot(a, b) for b in normals] for a in normals]
    found = solve(gram, [dot(a, normal) for a in normals])
    assert found is not None  # a Gram matrix of independent vectors is regular
    return found


def _spread(active: dict[int, Fraction], count: int) -> tuple[Vector, Fraction]:
    """One multiplier a row, and the free one."""
    return tuple(active.get(i, ZERO) for i in range(count)), active.get(EQUATION, ZERO)
