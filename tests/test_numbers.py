"""Numbers: every way of writing one is read as exactly it, everything else is refused, and all come back."""

import decimal
import json
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactcpa.errors import BadArgument, InexactNumber
from exactcpa.numbers import decimal_text, exactly, to_json_number

F = Fraction
ANY = st.one_of(
    st.fractions(),
    st.integers().map(F),
    st.integers(-(2**1100), 2**1100).map(F),
    st.floats(allow_nan=False, allow_infinity=False).map(F),
    st.integers(-1100, 1100).map(lambda e: F(2) ** e),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, F(7)),
        (-(10**30), F(-(10**30))),
        (0.1, F(3602879701896397, 36028797018963968)),
        (-0.0, F(0)),
        (5e-324, F(1, 2**1074)),
        (F(1, 3), F(1, 3)),
        (decimal.Decimal("0.1"), F(1, 10)),
        (np.float32(0.1), F(13421773, 134217728)),
        (np.float16(0.1), F(819, 8192)),
        (np.longdouble(0.5), F(1, 2)),
        (np.int8(-3), F(-3)),
        (np.uint64(2**64 - 1), F(2**64 - 1)),
        (np.array(2.5), F(5, 2)),
        (flint.fmpz(3), F(3)),
        (flint.fmpq(-1, 3), F(-1, 3)),
        ("1/3", F(1, 3)),
        ("-2/6", F(-1, 3)),
        ("+4", F(4)),
        (" 0.1 ", F(1, 10)),
        (".5", F(1, 2)),
        ("5.", F(5)),
        ("1e-5", F(1, 100000)),
        ("1E+3", F(1000)),
        ("1e999", F(10) ** 999),
        ("0x1.8p-3", F(3, 16)),
        ("-0X.8P1", F(-1)),
        ("0x1f", F(31)),
        ("-0x1f/0x7", F(-31, 7)),
        ("0" * 9000 + "12", F(12)),
        ("1" + "0" * 5000, F(10) ** 5000),
    ],
)
def test_base_case_exactly(value, expected):
    result = exactly(value)
    assert result == expected
    assert type(result) is Fraction


NOT_FINITE = [float("nan"), -float("inf"), np.float32("nan"), np.float64("inf"), decimal.Decimal("sNaN")]
NOT_FINITE += [float("inf"), decimal.Decimal("1e999999999")]
NOT_NUMBERS = [True, np.bool_(0), None, 1j, np.complex64(1), b"1", [1], (1,), {}, np.array([1]), object()]
NOT_TEXTS = ["", " ", "nan", "inf", "Infinity", "1,5", "1_000", "0x", "0x1.8p", "e5", ".", "1/0", "1/2/3"]
NOT_TEXTS += ["1/-2", "0.5/2", "--1", "1 2", "٣", "1e5.5", "0b1", "1e999999999", "0x1p9999999999", "1\n2"]
NOT_TEXTS += ["x" * 10**5, "1" * 10**6 + "x", "0x" + "1" * 10**6 + "x"]


@pytest.mark.parametrize("value", [*NOT_FINITE, *NOT_NUMBERS, *NOT_TEXTS])
def test_rejects_what_is_no_finite_number(value):
    with pytest.raises(InexactNumber) as caught:
        exactly(value)
    assert str(caught.value).startswith("expected ")
    assert len(str(caught.value)) < 150


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_and_its_texts_are_the_number_it_stores(value):
    assert exactly(value) == F(value)
    assert exactly(value.hex()) == F(value)


@given(st.integers(), st.integers(min_value=1))
def test_ratio_texts(above, below):
    assert exactly(f"{above}/{below}") == exactly(f"{above:#x}/{below:#x}") == F(above, below)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimal_texts(value):
    assert exactly(str(value)) == F(value)


@given(ANY)
def test_json_keeps_every_number(q):
    assert exactly(json.loads(json.dumps(to_json_number(q), allow_nan=False))) == q


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (F(0), 0),
        (F(2**53 - 1), 2**53 - 1),
        (F(2**53), 2.0**53),
        (F(2**53 + 1), "9007199254740993"),
        (F(1, 2), 0.5),
        (F(1, 10), "1/10"),
        (F(1, 2**1074), 5e-324),
        (F(10) ** 400, str(10**400)),
    ],
)
def test_json_number_is_the_plainest_exact_one(q, expected):
    assert to_json_number(q) == expected
    assert type(to_json_number(q)) is type(expected)


def test_degenerate_number_too_long_for_decimals():
    q = F(7**6000, 3**6000)
    text = to_json_number(q)
    assert text.startswith("0x")
    assert exactly(text) == q
    assert exactly(to_json_number(-q)) == -q


@pytest.mark.parametrize(
    ("q", "digits", "expected"),
    [
        (F(0), 6, "0"),
        (F(2, 3), 6, "0.666667"),
        (F(-1, 3), 3, "-0.333"),
        (F(5, 2), 6, "2.5"),
        (F(123456789), 6, "123457000"),
        (F(1, 10**9), 6, "1e-9"),
        (F(10) ** 5000 / 3, 3, "3.33e+4999"),
        (F(25, 10), 1, "2"),
        (F(35, 10), 1, "4"),
    ],
)
def test_decimal_text(q, digits, expected):
    assert decimal_text(q, digits) == expected


def test_rejects_no_digits():
    with pytest.raises(BadArgument):
        decimal_text(F(1), 0)
