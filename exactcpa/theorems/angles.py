"""Angles over pi, enclosed by fractions: how likely a random hyperplane separates two directions.

Plain fractions, nothing of the engine: evidence is made and re-added with these.

Main definitions:
    pi_between: Enclosure of pi.
    turn_between: Enclosure of ``angle(a, b)/pi``; exact for right angles and parallel vectors.
    root_between: Enclosure of a square root.

Conventions:
    An enclosure ``(low, high)`` contains the number; its width is about ``2**-bits``.
    ``arctan`` is Euler's series ``sum_n 2**(2n) (n!)**2/(2n+1)! x**(2n+1)/(1+x*x)**(n+1)``: terms are positive and
    shrink by at least ``x*x/(1+x*x)``, so the sum is a lower and the tail's geometric bound an upper bound.

References:
    Goemans and Williamson, Improved approximation algorithms for maximum cut (1995), lemma 3.2: the probability that a
    random hyperplane through the origin separates two vectors is their angle over pi.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import ceil, floor, isqrt

from exactcpa.theorems.plain import dot, norm2

Enclosure = tuple[Fraction, Fraction]


def root_between(square: Fraction, bits: int) -> Enclosure:
    """Enclosure of the root of a nonnegative fraction; exact if it is rational with few digits.

    Example:
        >>> low, high = root_between(Fraction(2), 4)
        >>> str(low), str(high)
        ('45/32', '23/16')
    """
    shift = 2 ** (bits + 1)
    scaled = square * shift * shift
    root = isqrt(scaled.numerator // scaled.denominator)
    is_exact = root * root == scaled
    return Fraction(root, shift), Fraction(root + (not is_exact), shift)


def arctan_between(low: Fraction, high: Fraction, bits: int) -> Enclosure:
    """Enclosure of ``arctan`` on an interval within [0, 1], which it maps increasingly."""
    return _arctan(low, bits)[0], _arctan(high, bits)[1]


def _arctan(x: Fraction, bits: int) -> Enclosure:
    """Euler's series for x in [0, 1], in steps of a grid: terms rounded down for one sum and up for the other."""
    grid = 2 ** (bits + 8)
    ratio = x * x / (1 + x * x)
    first = x / (1 + x * x) * grid
    down, up = floor(first), ceil(first)
    low = high = n = 0
    while up > 1:
        low, high, n = low + down, high + up, n + 1
        factor = ratio * Fraction(2 * n, 2 * n + 1)
        down, up = floor(down * factor), ceil(up * factor)
    # What is left is at most up (1 + ratio + ratio**2 + ..), and ratio is at most 1/2.
    return Fraction(low, grid), Fraction(high + 2 * up, grid)


@cache
def pi_between(bits: int) -> Enclosure:
    """Enclosure of pi, by Machin's formula ``pi/4 = 4 arctan(1/5) - arctan(1/239)``.

    Example:
        >>> low, high = pi_between(40)
        >>> 0 < high - low < Fraction(1, 2**40), low < Fraction(355, 113) < high
        (True, False)
    """
    fifth, other = _arctan(Fraction(1, 5), bits + 6), _arctan(Fraction(1, 239), bits + 6)
    return 4 * (4 * fifth[0] - other[1]), 4 * (4 * fifth[1] - other[0])


def turn_between(a: Sequence[Fraction], b: Sequence[Fraction], bits: int = 32) -> Enclosure:
    """Enclosure of the angle of two vectors, neither of them zero, over pi.

    Example:
        >>> turn_between([Fraction(1), Fraction(0)], [Fraction(0), Fraction(5)])
        (Fraction(1, 2), Fraction(1, 2))
        >>> low, high = turn_between([Fraction(1), Fraction(0)], [Fraction(-1), Fraction(1)])
        >>> low < Fraction(3, 4) < high
        True
    """
    product = dot(a, b)
    if product == 0:
        return Fraction(1, 2), Fraction(1, 2)
    area = norm2(a) * norm2(b) - product * product  # the squared area they span
    if area == 0:
        return (Fraction(product < 0),) * 2
    pi, (low, high) = pi_between(bits + 8), _acute_turn(area / (product * product), bits + 8)
    low, high = low / pi[1], high / pi[0]
    return (low, high) if product > 0 else (1 - high, 1 - low)


def _acute_turn(squared_tangent: Fraction, bits: int) -> Enclosure:
    """Enclosure of ``arctan(sqrt(q))``; beyond 1 as ``pi/2 - arctan(sqrt(1/q))``."""
    if squared_tangent <= 1:
        low, high = root_between(squared_tangent, bits)
        return arctan_between(low, min(high, Fraction(1)), bits)
    low, high = root_between(1 / squared_tangent, bits)
    pi, rest = pi_between(bits), arctan_between(low, min(high, Fraction(1)), bits)
    return pi[0] / 2 - rest[1], pi[1] / 2 - rest[0]
