"""Points strictly inside, or weights that prove that there is none: against the exact method, both added up."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.crosscheck.interior_points import interior_or_weights, shortest_inside
from exactcpa.halfspaces import Interior, find_interior


def walls(d, reach=2):
    axes = [[int(i == j) for j in range(d)] for i in range(d)]
    return [[*axis, reach] for axis in axes] + [[*(-a for a in axis), reach] for axis in axes]


@st.composite
def systems(draw, most=7):
    d = draw(st.integers(1, most))
    entry = st.integers(-3, 3) | st.integers(-(10**20), 10**20)
    rows = draw(st.lists(st.lists(entry, min_size=d + 1, max_size=d + 1), max_size=8))
    doubled = draw(st.booleans()) and rows
    if doubled:  # the negative of a row leaves no room, or a strip of no width
        rows = [*rows, [-a for a in rows[0]]]
    return rows + walls(d), d


@settings(max_examples=examples(200), deadline=None)
@given(systems())
def test_as_the_exact_method(system):
    rows, d = system
    found = interior_or_weights(rows, d)
    expected = find_interior([(*[-a for a in row[:-1]], row[-1]) for row in rows], d)

    assert isinstance(found, dict) is not isinstance(expected, Interior)
    if isinstance(found, dict):
        assert all(weight > 0 for weight in found.values())
        total = [sum(weight * rows[i][k] for i, weight in found.items()) for k in range(d + 1)]
        assert not any(total[:-1])
        assert total[-1] <= 0
        assert total[-1] < 0 or any(any(rows[i]) for i in found)
    else:
        for row in rows:
            height = sum(a * x for a, x in zip(row, (*found, 1), strict=True))
            assert height > 0 or not any(row)


def test_no_dimension():
    assert interior_or_weights([(3,), (0,)], 0) == ()
    assert interior_or_weights([(3,), (-1,)], 0) == {1: 1}


def test_thin():
    thin = [[10**30, 0, 0, 0, 1], [-(10**30), 0, 0, 0, 0], *walls(4)]

    found = interior_or_weights(thin, 4)

    assert -Fraction(1, 10**30) < found[0] < 0


def test_few_digits():
    assert shortest_inside([(1, 0), (-1, 1)], (Fraction(1, 3),)) == (Fraction(1, 2),)
    assert shortest_inside([(1, 0), (-1, 0)], (Fraction(1, 3),)) is None
