"""Rounded numbers: arrays say of each number what rational arithmetic says of it alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactcpa as cpa
from exactcpa.dyadic_table import dyadic_table, json_rows
from exactcpa.float_form import _triple, float_domain, float_form, scaled
from exactcpa.numbers import to_json_number
from exactcpa.switch_form import switch_form

NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**70, "1/3", "1e-300", 5e-324, 2.0**-1000, 0.1, 2**1100]),
    st.fractions(),
    st.floats(-4, 4),
    st.floats(allow_nan=False, allow_infinity=False),
    st.builds(lambda n, k: Fraction(n, 2**k), st.integers(-(2**60), 2**60), st.integers(0, 80)),
).map(Fraction)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_dyadic_table(rows):
    table = dyadic_table(rows)
    if table is None:
        assert any(max(abs(q.numerator), q.denominator) >= 2**1000 for row in rows for q in row)
        return
    for i, row in enumerate(rows):
        for j, q in enumerate(row):
            if not table.easy[i, j]:
                assert (
                    q.denominator & (q.denominator - 1) or abs(q.numerator) >= 2**53 or q.denominator > 2**899
                )
            elif q:
                assert Fraction(table.values[i, j]) == q
                multiple = q / Fraction(table.grains[i, j])
                assert multiple.denominator == 1 and multiple.numerator % 2
                assert abs(q) < Fraction(2) ** int(table.exponents[i, j]) <= 4 * abs(q)
            else:
                assert (table.values[i, j], table.grains[i, j]) == (0.0, np.inf)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_rows_are_written_as_their_numbers_are(rows):
    assert repr(json_rows(rows)) == repr([[to_json_number(q) for q in row] for row in rows])


MODEST = st.one_of(NUMBERS.filter(lambda q: abs(q.numerator) < 2**900), st.just(Fraction(0)))


@given(st.lists(MODEST, min_size=10, max_size=10))
def test_float_form(q):
    net = cpa.Network(
        2,
        [
            cpa.Linear([q[0:2], q[2:4]], q[4:6]),
            cpa.LeakyReLU(Fraction(1, 3)),
            cpa.Linear([q[6:8]], [q[8]]),
        ],
    )
    box = cpa.Box([-1, -1], [1, 1])
    form = switch_form(net, box)
    rounded = float_form(form, float_domain(box))
    previous = [-1, -1]  # the kernels' coordinates are t / 2
    for number, (layer, lines) in enumerate(zip(form.layers, rounded.exponents, strict=True)):
        decisions = previous[: form.layers[number - 1].switches] if number else []
        for i, e in enumerate(lines):
            sizes = [layer.constant[i] * Fraction(2) ** e]
            assert_triple(rounded.arrays.constant[number, i], layer.constant[i], e)
            for j, b in enumerate(layer.base[i]):
                assert_triple(rounded.arrays.base[number, i, j], b, e - previous[j])
                sizes.append(b * Fraction(2) ** (e - previous[j]))
            for k, g in enumerate(layer.gain[i]):
                assert_triple(rounded.arrays.gain[number, k, i], g, e - decisions[k])
                sizes.append(g * Fraction(2) ** (e - decisions[k]))
            assert not any(sizes) or Fraction(1, 4) <= max(map(abs, sizes)) < 1
        previous = list(lines)


def assert_triple(found, q, exponent):
    assert tuple(found) == _triple(scaled(q, exponent))


@pytest.mark.parametrize(("rest", "regions"), [(0, 1), (Fraction(1, 2**80), 2), (Fraction(1, 2**30), 2)])
@pytest.mark.parametrize("weight", [0.1, "1/3"])
def test_changes_that_nearly_cancel_are_changes(weight, rest, regions):
    net = cpa.Network(
        1,
        [
            cpa.Linear([[1]], [0]),
            cpa.ReLU(),
            cpa.Linear([[weight], [weight]], [3, 3]),
            cpa.ReLU(),
            cpa.Linear([[weight, -(Fraction(weight) - rest)]], [0]),
        ],
    )
    found = cpa.enumerate_cells(net, cpa.Box([-1], [1])).summary()
    assert (found["cells"], found["linear_regions"]) == (2, regions)
