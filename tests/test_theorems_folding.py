"""A7, A8a, A8b, A8c: known values, random networks, hypotheses failing one by one, evidence changed."""

from fractions import Fraction

import pytest
from evidence import BENDS_AT_ZERO, accepts_changed, assert_accepted, assert_rejects_the_opposite, instances
from hypothesis import given, settings
from sparing import examples

from exactcpa.groups import Consecutive
from exactcpa.layers import HardTanh, LeakyReLU, Linear, MaxOut, ReLU, Residual, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.scales import centring_only, true_scale, with_scales
from exactcpa.theorems.statement import Outcome, Verdict

F = Fraction
A7, A8A, A8B, A8C = (STATEMENTS[name] for name in ("A7", "A8a", "A8b", "A8c"))
ALL = pytest.mark.parametrize("statement", [A7, A8A, A8B, A8C], ids=lambda s: s.id)
DATA = [[0, 0], [3, 1], [1, 4], [-2, 2], [5, -1]]
FOUR = ((-4,), (0,), (4,), (8,))


def normalised(rows, activation=None, epsilon=0, **parameters):
    norm = TrainingBatchNorm(epsilon=epsilon, **parameters)
    return Linear(rows, [0] * len(rows)), norm, activation or LeakyReLU("1/4")


def two_layers(first=None, second=None, inputs=2):
    first = first or normalised([[1, 2], [-1, 1], [3, -1]])
    return Network(inputs, (*first, *(second or normalised([[1, -1, 2], [2, 1, -1]])), Linear([[1, 1]], [0])))


# ---------------------------------------------------------------------- A7


def test_a7_known_values():
    verdict = A7.verify()
    (unit,) = verdict.evidence["units"]

    assert verdict.outcome is Outcome.REFUTED
    assert unit["squares"] == (F(89, 4), 20)
    assert {sample["foot"] for sample in unit["batchnorm"]["samples"]} == {(F(7, 2),)}
    assert {sample["foot"] for sample in unit["better"]["samples"]} == {(2,)}


def test_a7_holds_on_the_line_where_the_data_are_symmetric():
    # The first layer is affine on the data up to a symmetry: the mean of the unit is its value at the mean.
    net = Network(1, (*normalised([[1], [-1]], LeakyReLU("1/2")), *normalised([[1, -1]])))

    verdict = A7.verify(net, [[-1], [1], [-3], [3]])

    assert verdict.outcome is Outcome.PROVED
    assert_accepted(A7, verdict)


def test_a7_rejects_changed_evidence():
    verdict = A7.verify()
    unit = ("units", 0)

    assert not accepts_changed(A7, verdict, *unit, "batchnorm", "level")
    assert not accepts_changed(A7, verdict, *unit, "batchnorm", "samples", 0, "foot", 0)
    assert not accepts_changed(A7, verdict, *unit, "better", "samples", 0, "foot", 0)
    assert not accepts_changed(A7, verdict, *unit, "batchnorm", "samples", 0, "point", 0)


# ---------------------------------------------------------------------- A8a


def test_a8a_by_hand():
    # h1 = x, h2 = y, unscaled by data with variance 1; v = (3, 4); leaky 1/4.  Across x = 0 with y > 0 the
    # gradient goes from (3/4, 4) to (3, 4): cosine^2 = (9/4 + 16)^2 / ((9/16 + 16) 25).
    net = Network(2, (*normalised([[1, 0], [0, 1]]), Linear([[3, 4]], [0])))
    verdict = A8A.verify(net, [[1, 1], [-1, 1], [1, -1], [-1, -1]])

    found = {facet["cosines"][0] for facet in verdict.evidence["layers"][0]["facets"]}

    assert F(73, 4) ** 2 / (F(265, 16) * 25) in found
    assert len(verdict.evidence["layers"][0]["facets"]) == 4


def test_a8a_with_coinciding_hyperplanes_and_two_breakpoints():
    net = two_layers(normalised([[1, 0], [-2, 0], [1, 1]], HardTanh(), beta=["1/2", 0, 0], gamma=[1, -1, 2]))

    verdict = A8A.verify(net, DATA)

    assert verdict.outcome is Outcome.PROVED
    assert_accepted(A8A, verdict)


def test_a8a_limit():
    verdict = A8A.verify(limit=2)

    assert "examined 2 of 9 facets (option limit)" in verdict.reason


@pytest.mark.parametrize(
    "path", [("jumps", 0), ("before", 0, 0), ("after", 1, 2), ("cosines", 1), ("breakpoints", 0)]
)
def test_a8a_rejects_changed_evidence(path):
    assert not accepts_changed(A8A, A8A.verify(), "layers", 0, "facets", 3, *path)


# ---------------------------------------------------------------------- A8b


def test_a8b_rejects_changed_evidence():
    verdict = A8B.verify()

    assert not accepts_changed(A8B, verdict, "layers", 0, "absorbed", 0, 1)
    assert not accepts_changed(A8B, verdict, "layers", 0, "scales", 0, by=F(-5))


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (Network(2, (*normalised([[1, 2]], beta=[1]), Linear([[1]], [0]))), "beta is zero"),
        (Network(2, (*normalised([[1, 2]], gamma=[-1]), Linear([[1]], [0]))), "every scale is above zero"),
        (Network(2, (*normalised([[1, 2]], HardTanh()), Linear([[1]], [0]))), "breakpoint 0 alone"),
        (Network(2, normalised([[1, 2]])), "a linear layer follows"),
        (Network(2, (Residual(normalised([[1, 2], [2, 1]])),)), "not in a residual block"),
    ],
    ids=["beta", "gamma", "hardtanh", "no linear layer", "residual"],
)
def test_a8b_out_of_scope(net, reason):
    verdict = A8B.verify(net, DATA)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert reason in verdict.reason


def test_a8b_ratios_need_epsilon_zero():
    assert "multiplied" in A8B.verify().reason
    with_epsilon = two_layers(second=normalised([[1, -1, 2], [2, 1, -1]], epsilon=1))
    assert "multiplied" not in A8B.verify(with_epsilon, DATA).reason


# ---------------------------------------------------------------------- A8c


def test_a8c_known_values():
    verdict = A8C.verify()

    assert verdict.outcome is Outcome.REFUTED
    assert verdict.evidence["units"][0]["squares"] == (F(4619, 306), F(7273, 2336))


def test_a8c_holds_elsewhere():
    # With equal scales nothing changes.
    net = Network(2, (*normalised([[1, 0], [0, 1]], ReLU()), *normalised([[3, -2]])))
    verdict = A8C.verify(net, [[5, 5], [-5, -5], [5, -5], [-5, 5]])

    assert verdict.outcome is Outcome.PROVED
    assert verdict.evidence["units"][0]["squares"][0] == verdict.evidence["units"][0]["squares"][1]
    assert_accepted(A8C, verdict)


def test_a8c_rejects_changed_evidence():
    verdict = A8C.verify()
    for name in ("with", "without"):
        assert not accepts_changed(A8C, verdict, "units", 0, name, "samples", 1, "foot", 0)
        assert not accepts_changed(A8C, verdict, "units", 0, name, "samples", 1, "point", 0)
        unit = verdict.evidence["units"][0]
        # A cell left out of the list shifts the numbers of the others; a sample without its proofs shows nothing.
        bare = tuple({**sample, "others": ()} for sample in unit[name]["samples"])
        changed = {**verdict.evidence, "units": ({**unit, name: {**unit[name], "samples": bare}},)}
        assert not A8C.accepts(Verdict(verdict.outcome, "", "", changed))


def test_scales():
    net = Network(2, (Linear([[1, 0], [0, 4]], [0, 0]), TrainingBatchNorm(epsilon=0), ReLU()))
    data = tuple(tuple(map(F, point)) for point in ((7, 2), (1, 2), (-1, -2), (-7, -2)))

    assert with_scales(net, data, true_scale).forward([5, 2]) == (1, 1)
    assert with_scales(net, data, centring_only).forward([5, 2]) == (5, 8)


# ---------------------------------------------------------------------- all four


@ALL
@given(case=instances(bends=BENDS_AT_ZERO, points=4))
@settings(max_examples=examples(12), deadline=None)
def test_random_networks(statement, case):
    verdict = statement.verify(*case, cells=300, limit=2)

    assert verdict.outcome is not Outcome.REFUTED or not statement.expected
    assert_accepted(statement, verdict)


@pytest.mark.parametrize("statement", [A7, A8C], ids=lambda s: s.id)
@given(case=instances(plain=True, bends=BENDS_AT_ZERO, points=4))
@settings(max_examples=examples(12), deadline=None)
def test_random_centred_networks(statement, case):
    verdict = statement.verify(*case, cells=300, limit=2)

    assert_accepted(statement, verdict)


@ALL
def test_rejects_the_opposite(statement):
    assert_rejects_the_opposite(statement, statement.verify())


@pytest.mark.parametrize("statement", [A7, A8C], ids=lambda s: s.id)
@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (Network(1, normalised([[1]])), "an activation comes before the unit"),
        (Network(1, (*normalised([[1]]), *normalised([[1]], beta=[1]))), "beta is zero"),
        (Network(1, (*normalised([[1]]), *normalised([[1]], gamma=[0]))), "gamma is not zero"),
        (Network(1, (*normalised([[1]]), *normalised([[1]], HardTanh()))), "breakpoint is 0 alone"),
        (
            Network(1, (*normalised([[1]]), *normalised([[1], [2]], MaxOut(Consecutive(2))))),
            "breakpoint is 0 alone",
        ),
    ],
    ids=["shallow", "beta", "gamma", "hardtanh", "maxout"],
)
def test_out_of_scope(statement, net, reason):
    verdict = statement.verify(net, FOUR)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert reason in verdict.reason


@ALL
def test_too_many_cells(statement):
    verdict = statement.verify(cells=1)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert "option cells" in verdict.reason
