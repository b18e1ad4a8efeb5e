"""Batch normalisation, deployed reading: the scale rounded once, correctly, to float64.

A deployed network stores ``gamma / sqrt(variance + epsilon)`` as one float64.  That number is the only
rounded quantity; centring, scaling and shifting by it stay exact, so the network is an ordinary rational one.

Main definitions:
    deployed_scale: The float64 nearest to ``gamma / sqrt(variance + epsilon)``, ties to even, as a rational.
    rounded_root: The same of any root of a ratio of integers.

Conventions:
    Float64 is IEEE binary64: 53 significant bits, least exponent -1074 (subnormals included), largest finite
    value ``2**1024 - 2**971``.  A value that rounds beyond it is an error, one that rounds to zero is zero.

References:
    IEEE Std 754-2019, sections 3.3 and 4.3.1 (roundTiesToEven).

Not here:
    The layer itself and its forward pass: `layers`.  The ideal reading, with true square roots.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from exactcpa.errors import BadArgument, InexactNumber, shown

SIGNIFICANT_BITS = 53
LEAST_EXPONENT = -1074
OVERFLOW = 2**1024


def deployed_scale(gamma: Fraction, variance: Fraction, epsilon: Fraction) -> Fraction:
    """Round ``gamma / sqrt(variance + epsilon)`` once to the nearest float64, ties to even.

    The square of the magnitude is the rational ``gamma**2 / (variance + epsilon)``, so integer square roots
    and one integer comparison decide every rounding.

    Raises:
        BadArgument: ``variance + epsilon`` is not positive.
        InexactNumber: The scale is beyond the largest float64.

    Example:
        >>> deployed_scale(Fraction(3), Fraction(2), Fraction(2))
        Fraction(3, 2)
        >>> float(deployed_scale(Fraction(1), Fraction(2), Fraction(0)))
        0.7071067811865476
    """
    total = variance + epsilon
    if total <= 0:
        raise BadArgument(f"expected variance + epsilon > 0, got {shown(variance)} + {shown(epsilon)}")
    square = gamma * gamma / total
    magnitude = rounded_root(square.numerator, square.denominator)
    if magnitude >= OVERFLOW:
        raise InexactNumber("expected gamma / sqrt(variance + epsilon) within float64, got one beyond")
    return -magnitude if gamma < 0 else magnitude


def rounded_root(above: int, below: int) -> Fraction:
    """Round ``sqrt(above / below)`` once to the nearest float64, ties to even; beyond the largest it is not cut off.

    The result is a multiple of a ``2**exponent`` with at most 53 significant bits.  The two integers need not be
    coprime, ``below`` is positive and ``above`` is not negative.
    """
    if above == 0:
        return Fraction(0)
    # With h = half the difference of the bit lengths, rounded down, the root lies in (2**(h-1/2), 2**(h+1)),
    # so this exponent is one or two below the right one.
    exponent = max((above.bit_length() - below.bit_length()) // 2 - SIGNIFICANT_BITS - 1, LEAST_EXPONENT)
    floor = _floor_root(above, below, exponent)
    while floor.bit_length() > SIGNIFICANT_BITS:
        exponent += 1
        floor = _floor_root(above, below, exponent)
    # root / 2**exponent versus floor + 1/2, both squared and cleared of denominators.
    left, right = 4 * above, (2 * floor + 1) ** 2 * below
    left, right = (left, right << 2 * exponent) if exponent >= 0 else (left << -2 * exponent, right)
    rounds_up = left > right or (left == right and floor % 2 == 1)
    significand = floor + rounds_up
    return Fraction(significand * 2**exponent) if exponent >= 0 else Fraction(significand, 2**-exponent)


def _floor_root(above: int, below: int, exponent: int) -> int:
    """Floor of ``sqrt(above / below) / 2**exponent``: the integer root of the floor of the square."""
    if exponent >= 0:
        return isqrt(above // (below << 2 * exponent))
    return isqrt((above << -2 * exponent) // below)
