"""The deployed scale: rounded once, checked against neighbours in exact arithmetic, never against floats."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exactcpa.batchnorm import deployed_scale
from exactcpa.errors import BadArgument, InexactNumber

F = Fraction
LARGEST = F(math.nextafter(math.inf, 0))
RATIONALS = st.one_of(
    st.fractions(),
    st.fractions(max_denominator=50),
    st.floats(allow_nan=False, allow_infinity=False).map(F),
    st.tuples(st.integers(1, 2**60), st.integers(-700, 700)).map(lambda pair: pair[0] * F(2) ** pair[1]),
)


def is_nearest(double: float, square: Fraction) -> bool:
    """Whether a double >= 0 is the one nearest to sqrt(square), ties to even, by comparing squares."""
    below = F(math.nextafter(double, -1)) if double else None
    above = F(math.nextafter(double, math.inf))
    is_even = (math.frexp(double)[1] and int(F(double) / F(math.ulp(double))) % 2 == 0) or double == 0
    for neighbour in (below, above):
        if neighbour is None:
            continue
        middle = (F(double) + neighbour) / 2
        if middle**2 == square:
            if not is_even:
                return False
        elif (middle**2 < square) != (middle < F(double)):
            return False
    return True


@given(RATIONALS, RATIONALS, RATIONALS)
@example(F(1), F(2), F(0))
@example(F(1), F(1, 4), F(0))
@example(F(2**53 + 1), F(1), F(0))  # an exact tie: 2**53 is even
@example(F(2**53 + 3), F(1), F(0))  # an exact tie upwards
@example(F(2**54 - 1), F(1), F(0))  # rounds up into the next binade
@example(F(1, 2**1075), F(1), F(0))  # half the least subnormal: a tie to zero
@example(F(3, 2**1075), F(1), F(0))  # one and a half of it: a tie to two
@example(F(1, 2**1074), F(3), F(0))
@example(F(1), F(1, 2**2000), F(0))
@example(F(1), F(2) ** 2148, F(0))
@example(LARGEST, F(1), F(0))
def test_nearest_float64(gamma, variance, epsilon):
    total = abs(variance) + abs(epsilon)
    if total == 0:
        return
    square = gamma**2 / total
    try:
        scale = deployed_scale(gamma, abs(variance), abs(epsilon))
    except InexactNumber:
        assert square >= ((LARGEST + 2**1024) / 2) ** 2
        return
    assert F(float(scale)) == scale
    assert (scale < 0) <= (gamma < 0)
    assert (scale > 0) <= (gamma > 0)
    if abs(scale) < LARGEST:
        assert is_nearest(abs(float(scale)), square)
    else:
        assert square < ((LARGEST + 2**1024) / 2) ** 2


@pytest.mark.parametrize(
    ("gamma", "variance", "epsilon", "expected"),
    [
        (F(3), F(2), F(2), F(3, 2)),
        (F(-3), F(4), F(0), F(-3, 2)),
        (F(0), F(1), F(0), F(0)),
        (F(2**53 + 1), F(1), F(0), F(2**53)),
        (F(2**53 + 3), F(1), F(0), F(2**53 + 4)),
        (F(2**54 - 1), F(1), F(0), F(2**54)),
        (F(1, 2**1075), F(1), F(0), F(0)),
        (F(3, 2**1075), F(1), F(0), F(2, 2**1074)),
        (F(1), F(1, 4), F(-1, 4) + F(1, 2**100), F(2**50)),
    ],
)
def test_base_case(gamma, variance, epsilon, expected):
    assert deployed_scale(gamma, variance, epsilon) == expected


def test_once_rounded_differs_from_rounding_every_operation():
    """In doubles, gamma / sqrt(3) rounds the root and then the quotient: some results come out other."""
    differing = [k for k in range(1, 200) if F(k / math.sqrt(3.0)) != deployed_scale(F(k), F(3), F(0))]
    assert differing


def test_degenerate_overflow_is_an_error():
    assert deployed_scale(LARGEST, F(1), F(0)) == LARGEST
    boundary = (LARGEST + 2**1024) / 2
    assert deployed_scale(boundary - 1, F(1), F(0)) == LARGEST
    for gamma in (boundary, -boundary, F(10) ** 400):
        with pytest.raises(InexactNumber):
            deployed_scale(gamma, F(1), F(0))


@pytest.mark.parametrize(("variance", "epsilon"), [(F(0), F(0)), (F(-1), F(1, 2)), (F(1), F(-1))])
def test_rejects_no_positive_sum(variance, epsilon):
    with pytest.raises(BadArgument):
        deployed_scale(F(1), variance, epsilon)
