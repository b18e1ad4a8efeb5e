"""A11, A11', A12 and the identities: known values, every batch by definition, hypotheses that fail."""

from fractions import Fraction
from itertools import combinations

import pytest
import sympy as sp
from batchnorm_strategies import centred, points, trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa.errors import BadArgument, CertificateRejected
from exactcpa.network import Linear, Network, ReLU, TrainingBatchNorm
from exactcpa.theorems import STATEMENTS, identities
from exactcpa.theorems.readd_minibatches import closed_form, expected_moments, listed_moments
from exactcpa.theorems.statement import Outcome

F = Fraction
SOME = settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
UNIT = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=1), ReLU()))


def examined(name, net, data, **options):
    verdict = STATEMENTS[name].verify(net, data, **options)
    assert STATEMENTS[name].accepts(verdict)
    return verdict


def expect_out_of_scope(name, net, data, words, **options):
    verdict = examined(name, net, data, **options)
    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert words in verdict.reason


# ---------------------------------------------------------------------- A11


def test_moments_by_hand():
    """0, 1, 5 in pairs: means 1/2, 5/2, 3; biased variances 1/4, 25/4, 4."""
    values = [F(0), F(1), F(5)]
    assert listed_moments(values, 2) == (2, F(7, 6), F(7, 2))
    assert expected_moments(values, 2) == closed_form(values, 2) == (2, F(7, 6), F(7, 2))


@given(st.lists(st.fractions(-5, 5, max_denominator=4), min_size=2, max_size=7), st.data())
def test_moments_three_ways(values, draw):
    size = draw.draw(st.integers(1, len(values)))
    assert listed_moments(values, size) == expected_moments(values, size) == closed_form(values, size)


@SOME
@given(trained(), st.integers(1, 4))
def test_first_layer_moments_from_frozen_networks(case, size):
    """E mu_B and E v_B are the averages of what freezing every batch gives."""
    net, data = case
    size = min(size, len(data))
    verdict = examined("A11", net, data, batch_size=size)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    try:
        parts = [cpa.batch_statistics(net, batch)[0] for batch in combinations(data, size)]
    except (
        cpa.BadNetwork
    ):  # a batch on which some unit is constant has no network; its moments exist all the same
        return
    layer = parts[0].layer[0]
    for k, unit in enumerate(verdict.evidence["units"]):
        bias = net.layers[layer - 1].bias[k]
        means = [part.mean[k] - bias for part in parts]
        assert unit["moments"][0] == sum(means) / len(parts)
        assert unit["moments"][2] == sum(part.variance[k] for part in parts) / len(parts)


def test_beyond_the_list_probabilities_are_added():
    """C(40, 20) is 137,846,528,820 batches; the verdict takes pairs instead."""
    verdict = examined("A11", UNIT, [[k * k] for k in range(40)], batch_size=20)
    assert verdict.outcome is Outcome.PROVED
    assert verdict.evidence["listed"] is False
    assert "137846528820" in verdict.reason


def test_one_sample_is_out_of_scope():
    for name in ("A11", "A11'", "A12"):
        expect_out_of_scope(name, UNIT, [[1]], "at least 2 samples")


# ---------------------------------------------------------------------- A11'


@SOME
@given(centred(), st.integers(1, 3))
def test_translation_by_running_both_networks(case, size):
    """The first layer of batch B at x + (g_B - g) is that of all data at x, but for the scale of each unit."""
    net, data = case
    size = min(size, len(data))
    verdict = examined("A11'", net, data, batch_size=size)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    assert verdict.outcome is Outcome.PROVED
    net = Network(net.input, net.layers[:2])
    full = cpa.freeze(net, data)
    for entry in verdict.evidence["batches"]:
        part = cpa.freeze(net, [data[i] for i in entry["samples"]])
        for x in data:
            y = [a + b for a, b in zip(x, entry["shift"], strict=True)]
            assert [sign(a) for a in full.forward(x)] == [sign(a) for a in part.forward(y)]


def sign(value):
    return (value > 0) - (value < 0)


def test_shifts_span_no_more_than_the_input():
    net = Network(1, (Linear([[1], [2], [-3]], [0, 1, 2]), TrainingBatchNorm(epsilon=1), ReLU()))
    verdict = examined("A11'", net, [[0], [1], [5], [7]], batch_size=2)
    assert "shifts of 3 units span 1 dimensions" in verdict.reason


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((Linear([[1]], [0]), TrainingBatchNorm(epsilon=1, beta=[1])), "beta is 0"),
        ((Linear([[1]], [0]), TrainingBatchNorm(epsilon=1, gamma=[0])), "gamma is not 0"),
        ((ReLU(), TrainingBatchNorm(epsilon=1)), "of the first layer"),
    ],
)
def test_hypotheses_of_the_translation(layers, words):
    expect_out_of_scope("A11'", Network(1, layers), [[0], [1], [5]], words)


def test_too_many_batches_is_out_of_scope():
    for name in ("A11'", "A12"):
        expect_out_of_scope(name, UNIT, [[k] for k in range(16)], "12870 of 8 out of 16", batch_size=8)


# ---------------------------------------------------------------------- A12


def test_margin_by_hand():
    """0, 1, 2, 9 in pairs: boundaries 1/2, 1, 9/2, 3/2, 5, 11/2, mean 3; only 0 and 9 are always on one side."""
    verdict = examined("A12", UNIT, [[0], [1], [2], [9]], batch_size=2)
    (unit,) = verdict.evidence["units"]
    assert [(e["sample"], e["side"], e["distance"], e["shift"]) for e in unit["samples"]] == [
        (0, -1, 3, F(5, 2)),
        (3, 1, 6, F(5, 2)),
    ]


@SOME
@given(points(1, least=3, most=5), st.fractions(-1, 1, max_denominator=5), st.sampled_from([1, -2]))
def test_margins_by_running_every_network(data, beta, gamma):
    layers = (Linear([[1]], [3]), TrainingBatchNorm(epsilon=1, beta=[beta], gamma=[gamma]))
    net = Network(1, layers)
    verdict = examined("A12", net, data, batch_size=2)
    assert verdict.outcome is not Outcome.REFUTED
    networks = [cpa.freeze(net, batch) for batch in combinations(data, 2)]
    alike = {
        i
        for i, x in enumerate(data)
        if len({sign(part.forward(x)[0]) for part in networks} - {0}) == 1
        and all(part.forward(x)[0] for part in networks)
    }
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        assert not alike
    else:
        assert {entry["sample"] for entry in verdict.evidence["units"][0]["samples"]} == alike


def test_no_sample_on_one_side_is_out_of_scope():
    expect_out_of_scope("A12", UNIT, [[0], [1], [2]], "strictly on one side", batch_size=1)


# ---------------------------------------------------------------------- identities


@pytest.mark.parametrize("name", ["A1", "A2", "A8a", "A11", "B2", "B3"])
def test_identity_holds_for_all_sizes(name):
    """Every step comes out zero with sizes, moments and inner products as symbols."""
    assert identities.prove(name)


def test_wrong_identities_are_rejected(monkeypatch):
    wrong = {"E v_B = v": identities.in_moments(identities.P**2) - identities.SECOND + 1}
    monkeypatch.setitem(identities.PROOFS, "A1", lambda: wrong)
    with pytest.raises(CertificateRejected, match="expected 0, got 1"):
        identities.prove("A1")
    with pytest.raises(BadArgument, match="expected one of"):
        identities.prove("A4")


@given(st.lists(st.fractions(), min_size=1, max_size=6), st.fractions(), st.fractions())
def test_mean_functional_on_numbers(values, a, c):
    """What `in_moments` says, with the moments of a sample put in, is the mean over the sample."""
    found = identities.in_moments((a * identities.P - c) ** 2 + identities.P)
    first, second = sum(values) / len(values), sum(v * v for v in values) / len(values)
    number = found.subs({identities.FIRST: sp.Rational(first), identities.SECOND: sp.Rational(second)})
    assert F(str(number)) == sum((a * v - c) ** 2 + v for v in values) / len(values)


def test_degree_three_is_no_question_of_two_moments():
    with pytest.raises(BadArgument, match="degree at most 2"):
        identities.in_moments(identities.P**3)
