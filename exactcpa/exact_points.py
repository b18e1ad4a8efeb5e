"""Exact points, as integers over one denominator.

Main definitions: `Point`, `common`, `dyadic`, `as_doubles`, `nearest_double`, `sign_at`, `value_at`.

Conventions: a point is ``(numerators, denominator)`` with a positive denominator.  An affine function is its
coefficients, then its constant.

Not here: the lines they are tested with (`exact_lines`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from flint import fmpz

from exactcpa.surds import Number

Point = tuple[tuple[int, ...], int]


def common(point: Sequence[Fraction]) -> Point:
    """Coordinates over one denominator."""
    denominator = lcm(1, *(x.denominator for x in point))
    return tuple(x.numerator * (denominator // x.denominator) for x in point), denominator


def dyadic(doubles: Sequence[float]) -> Point:
    """Doubles as integers over one power of two."""
    ratios = [x.as_integer_ratio() for x in doubles]
    denominator = max(d for _, d in ratios)
    return tuple(n * (denominator // d) for n, d in ratios), denominator


def as_doubles(point: Point) -> list[float] | None:
    """The coordinates as doubles if they say it exactly."""
    exact = [Fraction(n, point[1]) for n in point[0]]
    try:
        doubles = [float(x) for x in exact]
    except OverflowError:
        return None
    return doubles if all(Fraction(r) == x for r, x in zip(doubles, exact, strict=True)) else None


def nearest_double(x: Fraction) -> float:
    """The nearest finite double."""
    try:
        return float(x)
    except OverflowError:
        return sys.float_info.max if x > 0 else -sys.float_info.max


def value_at(function: Sequence[Number], point: Point) -> Number:
    """Value of an affine function."""
    total = sum((a * n for a, n in zip(function[:-1], point[0], strict=True)), function[-1] * point[1])
    return (Fraction(int(total)) if isinstance(total, fmpz | int) else total) * Fraction(1, point[1])


def sign_at(function: Sequence[Number], point: Point) -> int:
    """Sign of an affine function, given up to a positive factor."""
    total = function[-1] * point[1]
    for a, n in zip(function, point[0], strict=False):
        total += a * n
    return (total > 0) - (total < 0)
