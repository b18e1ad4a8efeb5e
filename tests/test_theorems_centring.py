"""A1, A1', A2, A3: on default instances, on random networks, hypotheses failing one by one, evidence changed."""

from fractions import Fraction

import pytest
from evidence import accepts_changed, assert_accepted, assert_rejects_the_opposite, instances
from hypothesis import given, settings
from sparing import examples

from exactcpa.errors import BadNetwork
from exactcpa.groups import Consecutive
from exactcpa.layers import Conv2d, Linear, MaxOut, ReLU, Residual, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.centring import descend
from exactcpa.theorems.layer_view import normalised_layers
from exactcpa.theorems.statement import Outcome
from exactcpa.vectors import dot

F = Fraction
A1, A1R, A2, A3 = (STATEMENTS[name] for name in ("A1", "A1'", "A2", "A3"))
ALL = pytest.mark.parametrize("statement", [A1, A1R, A2, A3], ids=lambda s: s.id)
DATA = [[0, 0], [3, 1], [1, 4], [-2, 2]]


def network(*layers, inputs=2):
    return Network(inputs, layers)


def normalised(rows, epsilon=0, **parameters):
    return Linear(rows, [0] * len(rows)), TrainingBatchNorm(epsilon=epsilon, **parameters), ReLU()


# ---------------------------------------------------------------------- the views


def test_view_of_a_chain_with_two_linear_layers():
    net = network(Linear([[1, 2]], [1]), Linear([[3]], [5]), TrainingBatchNorm(epsilon=0), ReLU())

    (view,) = normalised_layers(net, ((F(1), F(0)), (F(0), F(1))))

    assert view.rows == ((3, 6),)
    assert view.bias == (8,)
    assert view.offset(0) == F(9, 2)
    assert view.place == (2,)
    assert view.depth == 0


def test_view_inside_a_residual_block():
    block = Residual((Linear([[2, 0], [0, 1]], [0, 1]), TrainingBatchNorm(epsilon=0)))
    net = network(
        Linear([[1, 0], [0, 1]], [0, 0]), ReLU(), block, Linear([[1, 1]], [0]), TrainingBatchNorm(epsilon=0)
    )

    inner, outer = normalised_layers(net, ((F(1), F(2)), (F(3), F(6))))

    assert (inner.place, inner.rows, inner.depth) == ((2, 1), ((2, 0), (0, 1)), 1)
    assert inner.activation is None
    # After the block a new feature space: x + the block's values, each -1 or 1 for two points.
    assert outer.inputs == ((0, 1), (4, 7))


@given(instances())
@settings(max_examples=examples(40), deadline=None)
def test_views_reproduce_the_statistics(case):
    net, data = case
    try:
        views = normalised_layers(net, tuple(data))
    except BadNetwork:
        return  # a unit is constant on the data, and epsilon is 0
    for view in views:
        for unit in range(view.units):
            values = [dot(view.rows[unit], z) for z in view.inputs]
            assert sum(values) / len(values) == view.offset(unit) == dot(view.rows[unit], view.centroid)


# ---------------------------------------------------------------------- all four


@ALL
@given(case=instances())
@settings(max_examples=examples(25), deadline=None)
def test_random_networks(statement, case):
    verdict = statement.verify(*case)

    assert verdict.outcome is not Outcome.REFUTED or not statement.expected
    assert_accepted(statement, verdict)


@ALL
def test_rejects_the_opposite(statement):
    assert_rejects_the_opposite(statement, statement.verify())


@ALL
@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ((Linear([[1, 0]], [0]), ReLU()), "the network has a batchnorm"),
        (normalised([[0, 0]], 1), "w is not zero"),
        (
            (Conv2d([[[[1]]]], [0], (1, 1, 2)), TrainingBatchNorm(epsilon=0, pixels=2), ReLU()),
            "statistics of its own",
        ),
        (normalised([[0, 0]]), "the statistics of the data exist"),
    ],
    ids=["no batchnorm", "zero row", "images", "constant"],
)
def test_out_of_scope(statement, layers, reason):
    verdict = statement.verify(network(*layers), DATA)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert reason in verdict.reason


@pytest.mark.parametrize("statement", [A1, A1R, A3], ids=lambda s: s.id)
def test_gamma_zero_is_out_of_scope(statement):
    verdict = statement.verify(network(*normalised([[1, 0]], gamma=[0])), DATA)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert "gamma is not zero" in verdict.reason


def test_maxima_are_out_of_scope_of_a3():
    layers = (Linear([[1, 0], [0, 1]], [0, 0]), TrainingBatchNorm(epsilon=0), MaxOut(Consecutive(2)))

    assert A3.verify(network(*layers), DATA).outcome is Outcome.OUT_OF_SCOPE


def test_uncovered_units_are_counted():
    verdict = A1.verify(network(*normalised([[1, 0], [0, 1]], gamma=[0, 1])), DATA)

    assert verdict.outcome is Outcome.PROVED
    assert "1 of 2 units not covered" in verdict.reason


def test_limit():
    verdict = A1.verify(network(*normalised([[1, 0], [0, 1]])), DATA, limit=1)

    assert "examined 1 of 2 units" in verdict.reason
    assert len(verdict.evidence["layers"][0]["units"]) == 1


# ---------------------------------------------------------------------- each


def test_a1_by_hand():
    # Inputs 0 and 4, w = 2: p is 0 and 8, mu 4, v 16, |w|^2 4: mean squared distance 4; beta 1, eps 9: excess 25/4.
    net = network(*normalised([[2]], 9, beta=[1]), inputs=1)

    (unit,) = A1.verify(net, [[0], [4]]).evidence["layers"][0]["units"]

    assert (unit["least"], unit["excess"]) == (4, F(25, 4))


@pytest.mark.parametrize("name", ["offset", "variance", "least", "excess", "beta", "gamma", "epsilon"])
def test_a1_rejects_changed_numbers(name):
    # Unit 2 of the first layer is the one with beta and epsilon.
    assert not accepts_changed(A1, A1.verify(), "layers", 0, "units", 2, name)
    assert not accepts_changed(A1, A1.verify(), "layers", 0, "inputs", 1, 0)


@given(instances(plain=True, depth=1))
@settings(max_examples=examples(40), deadline=None)
def test_a1_rotated_against_determinants(case):
    net, data = case
    verdict = A1R.verify(net, data)
    if verdict.outcome is Outcome.OUT_OF_SCOPE or net.input != 2:
        return
    n = len(data)
    g = [sum(z[j] for z in data) / n for j in range(2)]
    s = [[sum((z[i] - g[i]) * (z[j] - g[j]) for z in data) / n for j in range(2)] for i in range(2)]

    def is_least(row):
        r = sum(row[i] * s[i][j] * row[j] for i in range(2) for j in range(2)) / dot(row, row)
        a, b, c = s[0][0] - r, s[0][1], s[1][1] - r
        return a * c - b * b >= 0 and a + c >= 0

    rows = [unit["row"] for unit in verdict.evidence["layers"][0]["units"]]
    assert (verdict.outcome is Outcome.PROVED) is all(is_least(row) for row in rows)


def test_a1_rotated_holds_for_the_least_eigenvector():
    points = [[2, 0], [-2, 0], [0, 1], [0, -1]]

    verdict = A1R.verify(network(*normalised([[0, 3]])), points)

    assert verdict.outcome is Outcome.PROVED
    assert not accepts_changed(A1R, verdict, "layers", 0, "units", 0, "diagonal", 0)
    # An eigenvector, but of the greatest eigenvalue; and one with beta, which is off the centroid.
    assert A1R.verify(network(*normalised([[3, 0]])), points).outcome is Outcome.REFUTED
    assert A1R.verify(network(*normalised([[0, 3]], beta=[1])), points).outcome is Outcome.REFUTED


@pytest.mark.parametrize(
    ("away", "row", "level"),
    [
        ([(1, 0), (-1, 0), (0, 1), (0, -1)], (1, 2), F(1, 2)),
        ([(2, 0), (-2, 0), (0, 1), (0, -1)], (1, 0), 2),
        ([(2, 0), (-2, 0), (0, 1), (0, -1)], (1, 1), F(5, 4)),
        ([(1, 1), (-1, -1)], (1, -1), 0),
        ([(2, 0, 2), (-2, 0, -2), (1, 0, -1), (-1, 0, 1), (0, 2, 0), (0, -2, 0)], (0, 1, 0), F(4, 3)),
    ],
)
def test_descend_finds_a_direction_or_factors(away, row, level):
    away = [tuple(map(F, a)) for a in away]
    direction, lower, diagonal = descend(away, tuple(map(F, row)), F(level))

    def form(u):
        return sum(dot(a, u) ** 2 for a in away) / len(away) - level * dot(u, u)

    if direction is not None:
        assert form(direction) < 0
        return
    size = range(len(row))
    units = [tuple(F(int(i == j)) for j in size) for i in size]
    for i in size:
        for j in size:
            both = tuple(a + b for a, b in zip(units[i], units[j], strict=True))
            product = sum(lower[i][k] * d * lower[j][k] for k, d in enumerate(diagonal))
            assert product == (form(both) - form(units[i]) - form(units[j])) / 2
    assert min(diagonal) >= 0


@pytest.mark.parametrize("name", ["variance", "least"])
def test_a2_rejects_changed_numbers(name):
    assert not accepts_changed(A2, A2.verify(), "layers", 1, "units", 0, name)
    assert not accepts_changed(A2, A2.verify(), "layers", 1, "units", 0, "row", 0)


@pytest.mark.parametrize("path", [("scale",), ("offset",), ("value_at_centroid",), ("beta",), ("gamma",)])
def test_a3_rejects_changed_numbers(path):
    assert not accepts_changed(A3, A3.verify(), "layers", 0, "units", 2, *path)
    assert not accepts_changed(A3, A3.verify(), "layers", 0, "units", 2, "kinks", 0, "point", 0)
    assert not accepts_changed(A3, A3.verify(), "layers", 0, "units", 2, "kinks", 0, "shift_square")
