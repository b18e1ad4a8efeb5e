"""Sums of square roots: arithmetic, zero tests and signs, against a hundred digits of `decimal` and by hand."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import gcd

import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from exactcpa.errors import Undecided
from exactcpa.surds import (
    Surd,
    Symbol,
    approximation,
    coprime_base,
    enclosure,
    is_formally_zero,
    is_zero,
    root_of,
    sign,
    symbol,
)

RATIONALS = st.fractions(min_value=-9, max_value=9, max_denominator=7)
RADICANDS = st.fractions(min_value=Fraction(1, 12), max_value=50, max_denominator=12)
PARTS = st.lists(st.tuples(RATIONALS, RADICANDS), max_size=5)


def number(parts):
    return sum((q * root_of(r) for q, r in parts), Fraction(0))


def rough(parts):
    """The same with a hundred digits, by another library."""
    with localcontext() as context:
        context.prec = 100
        terms = (
            Decimal(q.numerator)
            / Decimal(q.denominator)
            * (Decimal(r.numerator) / Decimal(r.denominator)).sqrt()
            for q, r in parts
        )
        return sum(terms, Decimal(0))


def near(x, digits):
    low, high = enclosure(x, 400)
    assert high - low < Fraction(1, 10**90)
    with localcontext() as context:
        context.prec = 100
        return abs(Decimal(low.numerator) / Decimal(low.denominator) - digits) < Decimal(10) ** -80


def nested(square, name="s"):
    """A symbol for the root of a number."""

    def compute(bits):
        low, high = enclosure(square, bits)
        old, ctx.prec = ctx.prec, bits + 16
        try:
            middle = arb(low.numerator) / arb(low.denominator)
            return middle.union(arb(high.numerator) / arb(high.denominator)).sqrt()
        finally:
            ctx.prec = old

    return Symbol(name, compute, lambda: square)


@given(PARTS)
def test_base_case(parts):
    assert near(number(parts), rough(parts))


@given(PARTS, PARTS)
def test_sum_and_product(one, other):
    a, b = number(one), number(other)
    assert near(a + b, rough([*one, *other]))
    with localcontext() as context:
        context.prec = 100
        assert near(a * b, rough(one) * rough(other))
        assert near(a - b, rough(one) - rough(other))


@given(PARTS)
def test_sign_is_that_of_many_digits_and_zero_only_if_terms_cancel(parts):
    digits = rough(parts)
    found = sign(number(parts))
    assert found == (0 if abs(digits) < Decimal(10) ** -60 else 1 if digits > 0 else -1)


@given(PARTS)
def test_what_cancels_is_zero(parts):
    a = number(parts)
    assert is_zero(a - a)
    assert a * a - a * a == 0
    assert is_zero((a + 1) * (a - 1) - a * a + 1)


@given(RADICANDS)
def test_square_of_a_root(q):
    assert root_of(q) * root_of(q) == q
    assert root_of(q) * root_of(1 / q) == 1


def test_rational_roots_are_fractions():
    assert root_of(Fraction(9, 4)) == Fraction(3, 2)
    assert isinstance(root_of(Fraction(9, 4)), Fraction)
    assert root_of(Fraction(0)) == 0


def test_classes_modulo_squares_without_factoring():
    # 1000003 and 1000033 are primes beyond the small ones, so the squares in these radicands are not taken out.
    p, q = 1000003, 1000033
    one, other = root_of(Fraction(p * p * q)), root_of(Fraction(q))
    assert is_zero(one - p * other)
    assert not is_zero(one - (p + 1) * other)
    assert sign(one - p * other) == 0


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=6))
def test_coprime_base(numbers):
    base = coprime_base(numbers)
    assert all(gcd(a, b) == 1 for i, a in enumerate(base) for b in base[:i])
    for n in numbers:
        for b in base:
            while n % b == 0:
                n //= b
        assert n == 1


@given(st.lists(RADICANDS, min_size=1, max_size=4))
def test_roots_over_a_base_are_the_same_numbers(radicands):
    base = coprime_base({q.numerator * q.denominator for q in radicands})
    for q in radicands:
        assert is_zero(root_of(q, base) - root_of(q))


def test_close_to_zero_is_not_zero():
    # sqrt(n^2 + 1) - n is about 1 / (2 n).
    n = 10**60
    assert sign(root_of(Fraction(n * n + 1)) - n) == 1
    assert not is_zero(root_of(Fraction(n * n + 1)) - n)


def test_nested_root_that_denests():
    # sqrt(3 + 2 sqrt(2)) = 1 + sqrt(2).
    s = symbol(nested(3 + 2 * root_of(Fraction(2))))
    difference = s - 1 - root_of(Fraction(2))
    assert not is_formally_zero(difference)
    assert is_zero(difference)
    assert sign(difference) == 0
    assert sign(s - 1 - root_of(Fraction(3))) == -1


def test_nested_roots_that_are_multiples():
    # sqrt(8 + 4 sqrt(3)) = sqrt(2) + sqrt(6) and sqrt(2 + sqrt(3)) is half of it.
    r3 = root_of(Fraction(3))
    one, other = symbol(nested(8 + 4 * r3)), symbol(nested(2 + r3))
    assert sign(one - 2 * other) == 0
    assert sign(one * other - 4 - 2 * r3) == 0
    assert sign(one - root_of(Fraction(2)) - root_of(Fraction(6))) == 0
    assert sign(one + 2 * other) == 1


def test_inverse_powers_of_a_symbol():
    known = nested(3 + 2 * root_of(Fraction(2)))
    assert symbol(known) * symbol(known, -1) == 1
    assert sign(symbol(known, -1) - root_of(Fraction(2)) + 1) == 0  # 1 / (1 + sqrt 2) = sqrt 2 - 1
    assert sign(symbol(known, -2) - 3 + 2 * root_of(Fraction(2))) == 0


def test_twice_nested():
    inner = nested(3 + 2 * root_of(Fraction(2)), "inner")  # 1 + sqrt(2)
    outer = nested(symbol(inner) + 2 + root_of(Fraction(2)), "outer")  # sqrt(3 + 2 sqrt 2) = 1 + sqrt(2)
    assert sign(symbol(outer) - symbol(inner)) == 0
    assert sign(symbol(outer) - symbol(inner) - Fraction(1, 10**100)) == -1


def test_undecided_names_the_precision():
    unknown = Symbol("x", lambda bits: root_ball(2, bits))  # without a square nothing relates it to sqrt(2)
    with pytest.raises(Undecided, match="8192 bits"):
        sign(symbol(unknown) - root_of(Fraction(2)))


def root_ball(n, bits):
    old, ctx.prec = ctx.prec, bits + 16
    try:
        return arb(n).sqrt()
    finally:
        ctx.prec = old


@given(PARTS, st.integers(64, 300))
def test_approximations_keep_formal_relations(parts, bits):
    a = number(parts)
    assert approximation(a + 3, bits) == approximation(a, bits) + 3
    assert approximation(2 * a, bits) == 2 * approximation(a, bits)


def test_comparisons_and_text():
    x = root_of(Fraction(2))
    assert 1 < x < 2 and x <= x and not x > x and abs(-x) == x and bool(x)
    assert str(1 - 3 * x) == "1 + -3*sqrt(2)"
    assert float(x) == 2**0.5
    assert isinstance(x, Surd) and x / 2 == root_of(Fraction(1, 2))
