"""The nearest point of a polyhedron: optimality conditions, emptiness, metrics, tampered answers."""

from dataclasses import replace
from fractions import Fraction

import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from exactcpa.errors import BadArgument, CertificateRejected
from exactcpa.halfspaces import NoInterior, find_interior
from exactcpa.nearest_point import Metric, nearest_point, require_nearest
from exactcpa.real_quotients import quotient
from exactcpa.surds import root_of

SMALL = st.integers(-3, 3)


def exact(row):
    return tuple(map(fmpq, row))


SQUARE = [exact(row) for row in [(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)]]


@st.composite
def questions(draw):
    d = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(SMALL, min_size=d + 1, max_size=d + 1), max_size=8))
    point = draw(st.lists(st.integers(-9, 9), min_size=d, max_size=d))
    normal = draw(st.lists(SMALL, min_size=d, max_size=d))
    return rows, point, [*normal, draw(SMALL)] if any(normal) else None


def test_base_case():
    found = nearest_point(exact((3, 2)), SQUARE)

    assert found.point == (1, 1)
    assert found.squared == 5
    assert found.multipliers == {0: 2, 2: 1}


def test_inside_is_its_own_nearest_point():
    assert nearest_point(exact((0, 1)), SQUARE).squared == 0


@given(questions())
def test_optimality_conditions_or_emptiness(question):
    rows, point, equality = question

    found = nearest_point(exact(point), [exact(row) for row in rows], equality and exact(equality))

    if found is None:
        tight = [equality, [-n for n in equality]] if equality else []
        proof = find_interior([tuple(row) for row in rows + tight], len(point))
        assert isinstance(proof, NoInterior)
        assert proof.total < 0
    else:
        require_nearest(found, exact(point), [exact(row) for row in rows], equality and exact(equality))


def test_mapped_metric():
    # With x = B t the nearest t in the metric B'B is the nearest x: B = ((2, 1), (0, 1)).
    metric = Metric(
        ((fmpq(4), fmpq(2)), (fmpq(2), fmpq(2))), ((fmpq(1, 2), fmpq(-1, 2)), (fmpq(-1, 2), fmpq(1)))
    )

    found = nearest_point(exact((0, 0)), [], exact((2, 1, 2)), metric)  # x_0 = 2

    assert (found.squared, found.point) == (4, (1, 0))
    require_nearest(found, exact((0, 0)), [], exact((2, 1, 2)), metric)


def test_irrational_offset():
    # x_0 + x_1 <= sqrt(2) from (3, 3): the foot is sqrt(2)/2 (1, 1).
    root = quotient(root_of(Fraction(2)))
    one = quotient(1)

    found = nearest_point((3 * one, 3 * one), [(one, one, root)])

    assert found.point[0] * 2 == root
    assert found.squared == 19 - 6 * root


@pytest.mark.parametrize(
    "changes",
    [
        {"squared": fmpq(4)},
        {"point": (fmpq(1), fmpq(0))},
        {"point": (fmpq(2), fmpq(1))},
        {"multipliers": {0: fmpq(2)}},
        {"multipliers": {0: fmpq(2), 2: fmpq(1), 1: fmpq(0)}},
        {"multipliers": {0: fmpq(2), 2: fmpq(1), 3: fmpq(-1)}},
    ],
)
def test_tampered_answer_is_rejected(changes):
    found = replace(nearest_point(exact((3, 2)), SQUARE), **changes)

    with pytest.raises(CertificateRejected):
        require_nearest(found, exact((3, 2)), SQUARE)


def test_rejects_integers():
    with pytest.raises(BadArgument, match="exact numbers"):
        nearest_point((3, 2), [(1, 0, 1)])
