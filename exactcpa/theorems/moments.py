"""Variances, and signs with one square root, in plain fractions: what evidence about units is re-added with.

Like `plain`, it imports nothing of the engine.

Main definitions:
    variance: From its definition.
    values_of: ``<w, z_i>`` for a row and the inputs of a layer.
    sign_with_root: The sign of ``a + b sqrt(q)``, by squaring.
    is_rounded_scale: Whether a deployed scale is ``gamma / sqrt(q)`` but for one rounding.

Conventions:
    Variances are biased.  ``q`` is at least zero.

Not here:
    Means, ranks, cells: `plain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactcpa.theorems.plain import dot, mean, sign

ROUNDING = Fraction(1, 2**50)
"""Generous: rounding once to 53 bits changes a square by less than two parts in ``2**52``."""


def variance(values: Sequence[Fraction]) -> Fraction:
    """The mean squared deviation from the mean."""
    middle = mean(values)
    return mean([(value - middle) ** 2 for value in values])


def values_of(row: Sequence[Fraction], inputs: Sequence[Sequence[Fraction]]) -> tuple[Fraction, ...]:
    """``<row, z>`` for every input."""
    return tuple([dot(row, z) for z in inputs])


def sign_with_root(a: Fraction, b: Fraction, q: Fraction) -> int:
    """The sign of ``a + b sqrt(q)``: of equal signs that sign, of opposite ones that of the larger square.

    Example:
        >>> sign_with_root(Fraction(-3), Fraction(2), Fraction(2))  # 2 sqrt(2) < 3
        -1
        >>> sign_with_root(Fraction(-6), Fraction(2), Fraction(9))
        0
    """
    rational, irrational = sign(a), sign(b) * sign(q)
    if rational == irrational or not irrational:
        return rational
    if not rational:
        return irrational
    return rational * sign(a * a - b * b * q)


def is_rounded_scale(scale: Fraction, gamma: Fraction, q: Fraction) -> bool:
    """Whether a deployed scale is ``gamma / sqrt(q)`` within one rounding of a normal double.

    Example:
        >>> is_rounded_scale(Fraction(0.7071067811865476), Fraction(1), Fraction(2))
        True
    """
    return sign(scale) == sign(gamma) and abs(scale * scale * q - gamma * gamma) <= ROUNDING * gamma * gamma
