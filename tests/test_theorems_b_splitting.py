"""A9, A9q, A10, A10': known values, random instances within their scope, hypotheses that fail one by one."""

from fractions import Fraction
from math import isqrt

import pytest
from batchnorm_strategies import BENT_AT_ZERO, centred, linears, networks, points
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa.errors import BadArgument
from exactcpa.groups import Consecutive
from exactcpa.network import (
    Conv2d,
    HardTanh,
    LeakyReLU,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.moments import is_rounded_scale, sign_with_root, values_of, variance
from exactcpa.theorems.statement import Outcome

F = Fraction
SOME = settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
PLAIN = Network(1, (Linear([[1], [-1]], [0, 0]), TrainingBatchNorm(epsilon=0), ReLU()))


def examined(name, net, data, **options):
    verdict = STATEMENTS[name].verify(net, data, **options)
    assert STATEMENTS[name].accepts(verdict)
    return verdict


def expect_out_of_scope(name, net, data, words, **options):
    verdict = examined(name, net, data, **options)
    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert words in verdict.reason


# ---------------------------------------------------------------------- moments


@given(st.fractions(), st.fractions(), st.fractions(min_value=0))
def test_sign_with_root_by_enclosure(a, b, q):
    """Where 200 bits of the root decide, they say the same; where they are exact, they always decide."""
    low, high = roots_between(q)
    ends = {(value > 0) - (value < 0) for value in (a + b * low, a + b * high)}
    assert sign_with_root(a, b, q) in ends or len(ends) > 1


def roots_between(q, bits=200):
    scaled = q.numerator * q.denominator << 2 * bits
    root = isqrt(scaled)
    unit = q.denominator << bits
    return F(root, unit), F(root + (root * root != scaled), unit)


@pytest.mark.parametrize(
    ("a", "b", "q", "expected"), [(-1, 1, 1, 0), (-7, 5, 2, 1), (7, -5, 2, -1), (0, 3, 0, 0)]
)
def test_base_case_sign_with_root(a, b, q, expected):
    assert sign_with_root(F(a), F(b), F(q)) == expected


def test_moments():
    assert values_of([F(1), F(2)], [(F(1), F(1)), (F(0), F(3))]) == (3, 6)
    assert variance([F(1), F(2), F(3)]) == F(2, 3)
    assert is_rounded_scale(F(1, 2), F(1), F(4))
    assert not is_rounded_scale(F(-1, 2), F(1), F(4))
    assert not is_rounded_scale(F(1, 2) + F(1, 10**9), F(1), F(4))


# ---------------------------------------------------------------------- A9


@SOME
@given(centred())
def test_units_split_their_batch(case):
    """By running the frozen network: every unit's outputs add up to zero, and the samples named have their signs."""
    verdict = STATEMENTS["A9"].verify(*case)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        assert "exist" in verdict.reason
        return
    for unit in verdict.evidence["units"]:
        z = verdict.evidence["layers"][unit["layer"]]
        values = [unit["gamma"] * (p - unit["mean"]) for p in values_of(unit["row"], z)]
        assert sum(values) == 0
        assert (unit["positive"] is None) == (not any(values))


def test_beta_is_out_of_scope():
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0, beta=[1]), ReLU()))
    expect_out_of_scope("A9", net, [[0], [1]], "beta is zero")


def test_units_with_beta_are_left_out():
    net = Network(1, (Linear([[1], [1]], [0, 0]), TrainingBatchNorm(epsilon=0, beta=[1, 0]), ReLU()))
    verdict = examined("A9", net, [[0], [1]])
    assert verdict.outcome is Outcome.PROVED
    assert [unit["unit"] for unit in verdict.evidence["units"]] == [1]
    assert "beta is zero" in verdict.reason


def test_breakpoints_elsewhere_are_out_of_scope():
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), HardTanh()))
    expect_out_of_scope("A9", net, [[0], [1]], "bends at 0 only")


def test_maxima_are_out_of_scope():
    layers = (Linear([[1], [2]], [0, 0]), TrainingBatchNorm(epsilon=0), MaxPool(Consecutive(2)))
    expect_out_of_scope("A9", Network(1, layers), [[0], [1]], "bends at 0 only")


def test_images_are_out_of_scope():
    convolution = Conv2d([[[[1]]]], [0], (1, 1, 2))
    net = Network(2, (convolution, TrainingBatchNorm(epsilon=0, pixels=2), ReLU()))
    expect_out_of_scope("A9", net, [[0, 1], [1, 5]], "statistics of its own")


def test_constant_unit_without_epsilon_is_out_of_scope():
    expect_out_of_scope("A9", PLAIN, [[1], [1]], "constant on the batch and epsilon is 0")


def test_constant_unit_with_epsilon_is_zero_on_all():
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=1), ReLU()))
    verdict = examined("A9", net, [[1], [1]])
    assert verdict.outcome is Outcome.PROVED
    assert verdict.evidence["units"][0]["positive"] is None


def test_network_without_batchnorm_is_out_of_scope():
    net = Network(1, (Linear([[1]], [0]), ReLU()))
    for name in ("A9", "A9q", "A11", "A11'", "A12", "A13", "B2", "B3"):
        expect_out_of_scope(name, net, [[0], [1]], "the network has a batchnorm")


def test_inside_a_residual_block():
    block = Residual((Linear([[1]], [3]), TrainingBatchNorm(epsilon=0), ReLU()))
    net = Network(1, (Linear([[2]], [0]), block))
    verdict = examined("A9", net, [[0], [1], [5]])
    assert verdict.outcome is Outcome.PROVED
    assert verdict.evidence["units"][0]["layer"] == "layer 1.1"


# ---------------------------------------------------------------------- A9q


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_bounds_are_reached(count):
    """One sample apart from n-1 equal ones: h is sqrt(n-1) there and -1/sqrt(n-1) at the others."""
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), ReLU()))
    (unit,) = examined("A9q", net, [[0]] * (count - 1) + [[1]]).evidence["units"]
    assert unit["largest"] ** 2 == (count - 1) * unit["variance"]
    assert unit["least"] ** 2 * (count - 1) == unit["variance"]


@pytest.mark.parametrize(
    ("beta", "splits"),
    [("1/2", True), ("577/1000", True), ("578/1000", False), (2, False), ("-17/10", True), ("-7/4", False)],
)
def test_beta_on_a_batch_that_reaches_the_bounds(beta, splits):
    """n = 4, h = -1/sqrt(3) three times and sqrt(3): it splits for beta between -sqrt(3) and 1/sqrt(3)."""
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0, beta=[beta]), ReLU()))
    verdict = examined("A9q", net, [[0], [0], [0], [1]])
    assert verdict.outcome is Outcome.PROVED
    assert verdict.evidence["units"][0]["splits"] is splits


@SOME
@given(
    points(1, least=1, most=6), st.fractions(-3, 3, max_denominator=4), st.fractions(-3, 3, max_denominator=4)
)
def test_splitting_with_beta_against_squares(data, beta, gamma):
    """y > 0 iff gamma d > -beta s; both sides squared by hand."""
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=1, beta=[beta], gamma=[gamma]), ReLU()))
    verdict = examined("A9q", net, data)
    (unit,) = verdict.evidence["units"]
    outputs = []
    for (x,) in data:
        left, square = gamma * (x - unit["mean"]), beta**2 * (unit["variance"] + 1)
        if beta >= 0:
            outputs.append(1 if left > 0 or left**2 < square else 0 if left**2 == square else -1)
        else:
            outputs.append(
                1 if left > 0 and left**2 > square else 0 if left > 0 and left**2 == square else -1
            )
        if beta == 0:
            outputs[-1] = (left > 0) - (left < 0)
    assert verdict.outcome is Outcome.PROVED
    assert unit["splits"] is ({-1, 1} <= set(outputs))


# ---------------------------------------------------------------------- A10 and A10'


@pytest.mark.parametrize("slope", ["0", "1/4", "1/100", "-1"])
def test_counterexample(slope):
    """Rows 1 and -1, head (1, 1), x = 1 and -1: both logits are 1 - eta."""
    layers = (
        Linear([[1], [-1]], [0, 0]),
        TrainingBatchNorm(epsilon=0),
        LeakyReLU(slope),
        Linear([[1, 1]], [0]),
    )
    verdict = examined("A10", Network(1, layers), [[1], [-1]])
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.evidence["batches"][0]["logits"] == (1 - F(slope), 1 - F(slope))


@st.composite
def with_heads(draw):
    inputs = draw(st.integers(1, 2))
    net = draw(networks(inputs, beta=False, bends=BENT_AT_ZERO))
    layers = list(net.layers)
    while not isinstance(layers[-1], type(ReLU()) | LeakyReLU):
        layers.pop()
        if not layers:
            layers = [Linear([[1] * inputs, [-2] * inputs], [0, 0]), TrainingBatchNorm(epsilon=1), ReLU()]
    width = Network(inputs, tuple(layers)).output
    head = draw(linears(width, 1))
    layers.append(Linear(head.weight, [0]))
    return Network(inputs, tuple(layers)), draw(points(inputs)), draw(st.integers(1, 2))


@SOME
@given(with_heads())
def test_head_against_the_frozen_network(case):
    """The verdict is what running every mini-batch's own network says."""
    net, data, size = case
    verdict = examined("A10", net, data, batch_size=size)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    for batch in verdict.evidence["batches"]:
        chosen = [data[i] for i in batch["samples"]]
        frozen = cpa.freeze(net, chosen)
        assert tuple(frozen.forward(x)[0] for x in chosen) == batch["logits"]
    last = verdict.evidence["batches"][-1]["logits"]
    splits = min(last) < 0 < max(last) or not any(last)
    assert (verdict.outcome is Outcome.PROVED) is splits


@SOME
@given(with_heads())
def test_normalised_logit(case):
    net, data, size = case
    other = Network(net.input, (*net.layers, TrainingBatchNorm(epsilon="1/7")))
    verdict = examined("A10'", other, data, batch_size=size)
    assert verdict.outcome is not Outcome.REFUTED


HEAD = (Linear([[1], [-1]], [0, 0]), TrainingBatchNorm(epsilon=0), ReLU())


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((*HEAD, Linear([[1, 1]], [1])), "the head has no bias"),
        ((*HEAD, Linear([[1, 1], [1, 2]], [0, 0])), "the head has one output"),
        ((*HEAD[:2], HardTanh(), Linear([[1, 1]], [0])), "max(t, eta t)"),
        ((*HEAD[:2], LeakyReLU(2), Linear([[1, 1]], [0])), "eta < 1"),
        (
            (*HEAD, ReLU(), Linear([[1, 1]], [0])),
            "the last layers are batchnorm, activation and a linear head",
        ),
        ((HEAD[0], TrainingBatchNorm(epsilon=0, beta=[0, 1]), ReLU(), Linear([[1, 1]], [0])), "beta is 0"),
        (HEAD, "the last layers are"),
    ],
)
def test_hypotheses_of_the_head(layers, words):
    expect_out_of_scope("A10", Network(1, layers), [[1], [-1]], words)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (HEAD, "the last layer is a batchnorm"),
        ((*HEAD, TrainingBatchNorm(epsilon=1)), "there is one logit"),
        ((*HEAD, Linear([[1, 2]], [0]), TrainingBatchNorm(epsilon=1, beta=[1])), "beta is 0"),
        ((*HEAD, Linear([[1, 1]], [0]), TrainingBatchNorm(epsilon=0)), "statistics of the data exist"),
    ],
)
def test_hypotheses_of_the_normalised_logit(layers, words):
    expect_out_of_scope("A10'", Network(1, layers), [[1], [-1]], words)


def test_too_many_batches_is_out_of_scope():
    net = Network(1, (*HEAD, Linear([[1, 2]], [0]), TrainingBatchNorm(epsilon=1)))
    data = [[k] for k in range(16)]
    expect_out_of_scope("A10'", net, data, "too many batches", batch_size=8)
    expect_out_of_scope("A10'", net, data, "120 of 2 out of 16", batch_size=2, most_batches=100)


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"batch_size": 3}, {"batch_size": True}, {"most_batches": 0}]
)
def test_rejects_options(options):
    net = Network(1, (*HEAD, Linear([[1, 2]], [0]), TrainingBatchNorm(epsilon=1)))
    with pytest.raises(BadArgument, match="option"):
        STATEMENTS["A10'"].verify(net, [[1], [-1]], **options)
