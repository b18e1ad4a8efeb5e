"""R1, R2, R2u, R3, R4, B5: known values, other ways to the same numbers, hypotheses that fail."""

from fractions import Fraction
from math import atan2, comb, pi

import pytest
from batchnorm_strategies import linears, points
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa.data_file import Data
from exactcpa.errors import BadArgument
from exactcpa.network import (
    Abs,
    HardTanh,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.angles import arctan_between, pi_between, root_between, turn_between
from exactcpa.theorems.centred_layers import count_bounded
from exactcpa.theorems.common_points import null_space
from exactcpa.theorems.expected_cells import free_offsets
from exactcpa.theorems.readd_intersections import (
    bounded_cells,
    central_cells,
    characteristic,
    expected_most_cells,
    most_cells,
)
from exactcpa.theorems.readd_isotropic import failure_between
from exactcpa.theorems.statement import Outcome

F = Fraction
SOME = settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
ROWS = ((F(1), F(0)), (F(0), F(1)), (F(1), F(1)), (F(1), F(-2)))


def examined(name, net, data, **options):
    verdict = STATEMENTS[name].verify(net, data, **options)
    assert STATEMENTS[name].accepts(verdict)
    return verdict


def expect_out_of_scope(name, net, data, words, **options):
    verdict = examined(name, net, data, **options)
    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert words in verdict.reason


# ---------------------------------------------------------------------- angles


def test_pi_between():
    """Archimedes: 223/71 < pi < 22/7; and the first digits."""
    low, high = pi_between(100)
    assert F(223, 71) < low < high < F(22, 7)
    assert high - low < F(1, 2**100)
    assert low < F(314159265358979323846264338327950288, 10**35) + F(1, 10**35)
    assert high > F(314159265358979323846264338327950288, 10**35)


@given(st.fractions(min_value=0, max_value=10**6))
def test_root_between(square):
    low, high = root_between(square, 40)
    assert low * low <= square <= high * high
    assert high - low <= F(1, 2**40)


@given(st.fractions(min_value=0, max_value=1, max_denominator=1000))
def test_arctan_adds_up(x):
    """arctan x + arctan((1-x)/(1+x)) = pi/4."""
    one, other = arctan_between(x, x, 60), arctan_between((1 - x) / (1 + x), (1 - x) / (1 + x), 60)
    low, high = pi_between(60)
    assert one[0] + other[0] <= high / 4 and low / 4 <= one[1] + other[1]
    assert one[1] - one[0] < F(1, 2**59)


@pytest.mark.parametrize(
    ("a", "b", "turn"), [((1, 0), (1, 0), 0), ((1, 0), (0, 2), F(1, 2)), ((1, 1), (-3, -3), 1)]
)
def test_exact_turns(a, b, turn):
    assert turn_between(a, b) == (turn, turn)


@given(st.lists(st.integers(-20, 20).map(F), min_size=4, max_size=4))
def test_turns_against_floats(numbers):
    a, b = numbers[:2], numbers[2:]
    assume(any(a) and any(b))
    low, high = turn_between(a, b, 30)
    found = abs(atan2(float(a[0] * b[1] - a[1] * b[0]), float(a[0] * b[0] + a[1] * b[1]))) / pi
    assert low - F(1, 10**12) <= F(found) <= high + F(1, 10**12)


# ---------------------------------------------------------------------- R1


@given(points(2, least=2, most=6))
def test_sign_decides_one_half(data):
    verdict = examined("R1", None, data)
    assert verdict.outcome is not Outcome.REFUTED
    for pair in verdict.evidence.get("pairs", ()):
        low, high = pair["probability"]
        assert (low >= F(1, 2)) is (pair["product"] <= 0)
        assert (high < F(1, 2)) is (pair["product"] > 0)


def test_almost_right_angle_is_refined():
    """The angle is right but for 1e-40: 32 bits do not decide, more do."""
    tiny = F(1, 10**40)
    verdict = examined("R1", None, [[1, 0], [tiny, 1], [-1 - tiny, -1]])
    bits = {pair["bits"] for pair in verdict.evidence["pairs"]}
    assert verdict.outcome is Outcome.PROVED
    assert max(bits) > 100


def test_points_at_the_centroid_are_out_of_scope():
    expect_out_of_scope("R1", None, [[1, 1], [1, 1]], "not at the centroid")
    expect_out_of_scope("R1", None, [[1, 1]], "at least 2 points")


def test_rejects_bits():
    with pytest.raises(BadArgument, match="option bits"):
        STATEMENTS["R1"].verify(data=[[0], [1]], bits=0)


# ---------------------------------------------------------------------- R2


def clusters(one, other):
    return Data((*one, *other), (0,) * len(one) + (1,) * len(other))


def test_unbalanced_counterexample():
    """The centroid is (48/5, 0); the places (10, 1) and (10, -1) are seen from it under more than a right angle."""
    verdict = STATEMENTS["R2u"].verify()
    assert verdict.outcome is Outcome.REFUTED
    evidence = verdict.evidence
    assert evidence["centre"] == (F(48, 5), 0)
    assert (evidence["size"], evidence["squared_r"], evidence["squared_delta"]) == (2, 100, 1)
    assert evidence["failure"][0] > F(3, 4)
    assert evidence["bound"][1] < F(22, 100)
    seen = (F(2, 5), F(1)), (F(2, 5), F(-1))
    assert sum(a * b for a, b in zip(*seen, strict=True)) < 0  # R1: one half at least, above 2/9 > the bound


def test_balanced_clusters_of_the_same_places_are_fine():
    data = clusters([[-10, 1], [-10, -1]] * 3, [[10, 1], [10, -1]] * 3)
    for name in ("R2", "R2u"):
        assert examined(name, None, data).outcome is Outcome.PROVED


@st.composite
def clustered(draw, dimension):
    count = draw(st.integers(1, 4))
    small = st.fractions(-1, 1, max_denominator=3)
    point = st.lists(small, min_size=dimension, max_size=dimension)
    one = [draw(point) for _ in range(count)]
    other = [draw(point) for _ in range(count)]
    away = draw(st.integers(2, 12))
    return clusters([[p[0] - away, *p[1:]] for p in one], [[p[0] + away, *p[1:]] for p in other])


@SOME
@given(st.integers(1, 3).flatmap(clustered))
def test_equal_clusters_never_exceed_the_bound(data):
    verdict = examined("R2", None, data)
    assert verdict.outcome is not Outcome.REFUTED


@given(st.lists(st.tuples(*[st.integers(-5, 5).map(F)] * 2).filter(any), min_size=1, max_size=5))
def test_failure_in_the_plane_by_turning_the_normal(vectors):
    """All on one side for a normal at angle t iff t is in the cone of the dual: measured at 7,200 angles."""
    low, high = failure_between(vectors, vectors[0], 40)
    steps, good = 7200, 0
    angles = [atan2(float(b), float(a)) for a, b in vectors]
    for k in range(steps):
        t = 2 * pi * (k + 0.5) / steps
        sides = {abs((t - angle + pi) % (2 * pi) - pi) < pi / 2 for angle in angles}
        good += len(sides) == 1
    assert abs(1 - good / steps - float(low)) < 0.002
    assert high - low < F(1, 2**30)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([[0], [1]], "the data have labels"),
        (Data([[0], [1], [2]], [0, 1, 2]), "two clusters"),
        (Data([[0], [1]], [0, 0]), "two clusters"),
        (clusters([[0], [1]], [[9]]), "equally many"),
        (clusters([[0], [4]], [[1], [5]]), "half-distance r is above"),
    ],
)
def test_hypotheses_of_clusters(data, words):
    expect_out_of_scope("R2", None, data, words)


def test_points_without_spread_are_always_separated():
    verdict = examined("R2", None, clusters([[0, 0]] * 2, [[1, 3]] * 2))
    assert verdict.outcome is Outcome.PROVED
    assert verdict.evidence["failure"] == (0, 0)


# ---------------------------------------------------------------------- R3


def test_characteristic_of_generic_lines():
    """Four lines in general position: 11 cells, 3 bounded."""
    lines = list(zip(ROWS, free_offsets(ROWS), strict=True))
    assert (abs(characteristic(lines, 2, -1)), abs(characteristic(lines, 2, 1))) == (11, 3)
    assert bounded_cells(lines, 2) == comb(3, 2)


@SOME
@given(st.integers(1, 2).flatmap(lambda d: st.tuples(linears(d, 3), st.just(d))))
def test_bounded_cells_two_ways(case):
    layer, d = case
    kept = [(row, -b) for row, b in zip(layer.weight, layer.bias, strict=True) if any(row)]
    assume(kept)
    rows, offsets = zip(*kept, strict=True)
    assert count_bounded(rows, offsets) == bounded_cells(kept, d)


def test_centred_with_batchnorm_and_not_without():
    net = Network(2, (Linear(ROWS, [0, 1, 3, -1]), TrainingBatchNorm(epsilon=1), ReLU()))
    verdict = examined("R3", net, [[0, 0], [1, 2], [4, -1]])
    with_it, raw = verdict.evidence["arrangements"]
    assert (with_it["rank"], with_it["extended_rank"], with_it["bounded"]) == (2, 2, 0)
    assert with_it["point"] == (F(5, 3), F(1, 3))
    assert (raw["rank"], raw["extended_rank"], raw["bounded"], raw["point"]) == (2, 3, 3, None)


def test_beta_may_move_hyperplanes_apart():
    beta = [0, 1, 5, -3]
    net = Network(2, (Linear(ROWS, [0] * 4), TrainingBatchNorm(epsilon=1, beta=beta), ReLU()))
    verdict = examined("R3", net, [[0, 0], [1, 2], [4, -1]])
    assert verdict.evidence["arrangements"][0]["bounded"] == 3


def test_network_without_batchnorm():
    verdict = examined("R3", Network(2, (Linear(ROWS, [0] * 4), Abs())), None)
    assert verdict.outcome is Outcome.PROVED
    (raw,) = verdict.evidence["arrangements"]
    assert raw["point"] == (0, 0)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((Linear([[1]], [0]),), "there is an activation"),
        ((ReLU(),), "the first layer is affine"),
        ((Linear([[0]], [1]), ReLU()), "some row is not 0"),
        ((Residual((Linear([[1]], [0]),)), ReLU()), "the first layer is affine"),
        ((Linear([[1]], [0]), TrainingBatchNorm(epsilon=1, gamma=[0]), ReLU()), "scale are not 0"),
        ((TrainingBatchNorm(epsilon=1), Linear([[1]], [0]), ReLU()), "batchnorm stands between"),
    ],
)
def test_hypotheses_of_the_first_layer(layers, words):
    expect_out_of_scope("R3", Network(1, layers), [[0], [1]], words)


def test_too_many_vertices_is_out_of_scope():
    rows = [[F(k), F(1)] for k in range(60)]
    net = Network(2, (Linear(rows, [k * k for k in range(60)]), ReLU()))
    expect_out_of_scope("R3", net, None, "at most 1000 subsets")


# ---------------------------------------------------------------------- R4


def two_layers(first, bend, second, **batchnorm):
    return Network(
        len(first[0]),
        (
            Linear(first, [1] * len(first)),
            TrainingBatchNorm(**{"epsilon": "1e-5", **batchnorm}),
            bend,
            Linear(second, [2] * len(second)),
            TrainingBatchNorm(epsilon=1),
            LeakyReLU("1/4"),
        ),
    )


def test_null_space():
    rows = ((F(1), F(2), F(3)), (F(2), F(4), F(6)))
    basis = null_space(rows)
    assert len(basis) == 2
    assert all(sum(a * b for a, b in zip(row, v, strict=True)) == 0 for row in rows for v in basis)
    assert null_space(((F(1), F(0)), (F(0), F(1)))) == ()


def test_common_point_by_hand():
    """x = -1, 1 and y = -1, 1 on the corners of a square: MAD = 1, so with ReLU G1 is (1/2, 1/2)."""
    net = two_layers([[1, 0], [0, 1]], ReLU(), [[1, -2], [3, 1]])
    verdict = examined("R4", net, [[-1, -1], [-1, 1], [1, -1], [1, 1]])
    assert verdict.evidence["point"] == (F(1, 2), F(1, 2))
    assert len(verdict.evidence["lines"]) == 2


def test_common_line_of_one_row():
    net = two_layers([[1, 0]], Abs(), [[1], [-2]])
    verdict = examined("R4", net, [[-1, 5], [1, 7]])
    assert verdict.evidence["directions"] == ((0, 1),)
    assert verdict.evidence["point"][0] == 1


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(2, 3).flatmap(lambda d: st.tuples(linears(d, 2), linears(2, 3), points(d, least=3))),
    st.sampled_from([ReLU(), LeakyReLU("1/4"), LeakyReLU("-1/2"), Abs()]),
)
def test_common_points_of_random_layers(case, bend):
    first, second, data = case
    net = two_layers(first.weight, bend, second.weight, gamma=["1/3", 5])
    verdict = examined("R4", net, data)
    assert verdict.outcome is not Outcome.REFUTED
    if verdict.outcome is Outcome.PROVED:
        frozen = cpa.freeze(net, data)
        value = Network(net.input, frozen.layers[:5]).forward(verdict.evidence["point"])
        assert not any(value)


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (two_layers([[1, 0], [0, 1]], ReLU(), [[1, 1]], beta=[1, 0]), "beta is 0 in both layers"),
        (
            two_layers([[1, 0], [0, 1]], ReLU(), [[1, 1]], gamma=[1, -1]),
            "scales of the first layer are positive",
        ),
        (two_layers([[1, 0], [0, 1]], HardTanh(), [[1, 1]]), "max(t, eta t)"),
        (two_layers([[1, 0], [0, 1]], LeakyReLU(2), [[1, 1]]), "eta < 1"),
        (two_layers([[1, 0], [0, 0]], ReLU(), [[1, 1]]), "no unit is constant"),
        (two_layers([[1, 0], [0, 1], [1, 1]], ReLU(), [[1, 1, 1]]), "G1 is not empty"),
        (Network(2, two_layers([[1, 0]], ReLU(), [[1]]).layers[:3]), "the first two layers have a batchnorm"),
    ],
)
def test_hypotheses_of_the_common_point(net, words):
    expect_out_of_scope("R4", net, [[-1, -1], [-1, 1], [1, -1], [2, 1]], words)


# ---------------------------------------------------------------------- B5


def test_counts():
    assert (most_cells(6, 2), central_cells(6, 2)) == (22, 12)
    assert (most_cells(5, 1), central_cells(5, 1)) == (6, 2)


@given(st.integers(1, 8), st.integers(1, 4), st.fractions(0, 1, max_denominator=7))
def test_expectation_in_closed_form(count, dimension, p):
    """E C(J, i) = C(m, i) p**i of a binomial J."""
    closed = sum(comb(count, i) * p**i for i in range(dimension + 1))
    assert expected_most_cells(count, dimension, p) == closed


def test_expectation_by_hand():
    verdict = STATEMENTS["B5"].verify()
    evidence = verdict.evidence
    assert (evidence["expected"], evidence["central"], evidence["free"]) == (F(55, 16), 12, 22)


def test_free_offsets_are_general():
    assert most_cells(4, 2) == abs(characteristic(list(zip(ROWS, free_offsets(ROWS), strict=True)), 2, -1))


SIX = [[1, 0], [0, 1], [1, 1], [1, -1], [2, 1], [1, 3]]


@pytest.mark.parametrize(
    ("layers", "options", "words"),
    [
        ((Linear(SIX, [0] * 6), ReLU()), {}, "the first layer has a batchnorm"),
        ((Linear(SIX[:2], [0] * 2), TrainingBatchNorm(epsilon=1), ReLU()), {}, "more rows than dimensions"),
        (
            (Linear([*SIX[:3], [2, 0]], [0] * 4), TrainingBatchNorm(epsilon=1), ReLU()),
            {},
            "in general position",
        ),
        ((Linear(SIX, [0] * 6), TrainingBatchNorm(epsilon=1, beta=[1] * 6), ReLU()), {}, "beta is 0"),
        ((Linear(SIX, [0] * 6), TrainingBatchNorm(epsilon=1), ReLU()), {"probability": "9/10"}, "p^i <"),
    ],
)
def test_hypotheses_of_the_expectation(layers, options, words):
    expect_out_of_scope("B5", Network(2, layers), [[0, 0], [1, 2], [4, -1]], words, **options)


def test_rejects_probability():
    with pytest.raises(BadArgument, match="option probability"):
        STATEMENTS["B5"].verify(probability=2)
