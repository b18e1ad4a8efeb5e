"""A13, B2, B3, B6: known values, against the engine's partition of a window, hypotheses that fail."""

from dataclasses import replace
from fractions import Fraction

import pytest
from batchnorm_strategies import NUMBERS, points, trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa.errors import BadArgument
from exactcpa.network import HardTanh, Linear, Network, ReLU, Residual, TrainingBatchNorm
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.readd_translations import inequalities
from exactcpa.theorems.statement import Outcome
from exactcpa.theorems.windows import Window, row_range

F = Fraction
SOME = settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))


def examined(name, net, data, **options):
    verdict = STATEMENTS[name].verify(net, data, **options)
    assert STATEMENTS[name].accepts(verdict)
    return verdict


def expect_out_of_scope(name, net, data, words, **options):
    verdict = examined(name, net, data, **options)
    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert words in verdict.reason


def one_unit(row, bend=None, **batchnorm):
    """A network of one unit."""
    layers = (Linear([row], [7]), TrainingBatchNorm(**{"epsilon": 0, **batchnorm}), bend or ReLU())
    return Network(len(row), layers)


# ---------------------------------------------------------------------- A13


def test_shift_by_hand():
    """Data -1, 1: s = 1; gamma 2 and beta 1 move the boundary by 1/2.  With w = (3, 4) and data along it, too."""
    verdict = examined("A13", one_unit([1], gamma=[2], beta=[1]), [[-1], [1]])
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.evidence["units"][0]["squared_shift"] == F(1, 4)
    verdict = examined("A13", one_unit([3, 4], gamma=[2], beta=[1]), [["-3/5", "-4/5"], ["3/5", "4/5"]])
    assert verdict.evidence["units"][0]["squared_shift"] == F(1, 4)


def test_without_beta_gamma_does_not_matter():
    verdict = examined("A13", one_unit([3, 4], gamma=[-5]), [[0, 0], [1, 1]])
    assert verdict.outcome is Outcome.PROVED


@SOME
@given(points(1, least=2, most=5), NUMBERS, NUMBERS.filter(bool))
def test_shift_is_where_the_output_vanishes(data, beta, gamma):
    """The deployed unit is zero at mu - beta/scale; the squared shift is that of the ideal one to rounding."""
    verdict = examined("A13", one_unit([1], gamma=[gamma], beta=[beta], epsilon=1), data)
    shift = verdict.evidence["units"][0]["squared_shift"]
    scale = cpa.freeze(one_unit([1], gamma=[gamma], beta=[beta], epsilon=1), data).layers[1].scales()[0]
    assert abs((beta / scale) ** 2 - shift) <= shift / 2**50


@pytest.mark.parametrize("name", ["A13", "B2", "B3"])
def test_units_without_hyperplane(name):
    expect_out_of_scope(name, one_unit([1], gamma=[0]), [[0], [1]], "gamma is not zero")
    expect_out_of_scope(name, one_unit([0], epsilon=1), [[0], [1]], "w is not zero")


# ---------------------------------------------------------------------- B2


def test_two_breakpoints_by_hand():
    """x = -1, 1, s = 1, gamma 1/2, beta 0: hard tanh bends at -2 and 2."""
    verdict = examined("B2", one_unit([1], HardTanh(), gamma=["1/2"]), [[-1], [1]])
    assert verdict.evidence["units"][0]["offsets"] == (-2, 2)


@SOME
@given(trained())
def test_offsets_are_where_the_frozen_network_bends(case):
    """The first layer's normalised output at a point with that value of w.x is the breakpoint."""
    net, data = case
    verdict = examined("B2", net, data)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    frozen = cpa.freeze(net, data)
    for unit in verdict.evidence["units"]:
        if unit["layer"] != "layer 1":
            continue
        row, k = unit["row"], unit["unit"]
        length = sum(a * a for a in row)
        for tau, offset in zip(unit["breakpoints"], unit["offsets"], strict=True):
            x = tuple(offset / length * a for a in row)
            assert frozen.layers[1].forward(frozen.layers[0].forward(x))[k] == tau


def test_without_a_raw_bias_before_the_batchnorm():
    net = Network(1, (Linear([[1]], [0]), ReLU(), TrainingBatchNorm(epsilon=1)))
    expect_out_of_scope("B2", net, [[0], [1]], "raw bias reaches the batchnorm")


# ---------------------------------------------------------------------- B3


@given(st.lists(st.fractions(-5, 5, max_denominator=4), min_size=1, max_size=4), st.data())
def test_row_range_is_reached_at_corners(row, draw):
    centre = tuple(draw.draw(st.lists(NUMBERS, min_size=len(row), max_size=len(row))))
    radius = draw.draw(st.fractions(F(1, 5), 3, max_denominator=5))
    low, high = row_range(row, Window(centre, radius, None))
    middle = sum((a * c for a, c in zip(row, centre, strict=True)), F(0))
    reach = radius * sum(map(abs, row))
    assert (low, high) == (middle - reach, middle + reach)


@given(st.fractions(), st.fractions(min_value=0), st.fractions(), NUMBERS.filter(bool), st.integers(1, 9))
def test_inequalities_with_a_rational_scale(at_centre, reach, level, gamma, s):
    """With s**2 a square, ideal and deployed are the same plain comparison."""
    unit = {"gamma": gamma, "scale": gamma / s}
    expected = abs(at_centre - s * level / gamma) <= reach
    assert inequalities(at_centre, reach, level, unit, F(s * s)) == (expected, expected)


def test_touching_window_is_met():
    """x = 1 for tau = 0: the window from 1 to 3 touches it, the one from 1 + 1/10**9 does not."""
    net = one_unit([1], gamma=[1], beta=[-1])  # s = 1 on -1, 1: zero at x = 1
    touching = examined("B3", net, [[-1], [1]], centres=[[2]], window=1)
    beside = examined("B3", net, [[-1], [1]], centres=[[2]], window=1 - F(1, 10**9))
    assert touching.evidence["windows"][0]["inequality"] is True
    assert beside.evidence["windows"][0]["inequality"] is False


@SOME
@given(trained(most=1), st.fractions(F(1, 8), 2, max_denominator=8))
def test_windows_against_the_partition(case, radius):
    """A unit cuts the open window iff two cells of the window's partition have other pieces for it."""
    net, data = case
    verdict = examined("B3", net, data, window=radius, centres=data[:2], limit=40)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    frozen = cpa.freeze(net, data)
    first = Network(net.input, frozen.layers[:3])
    for centre in data[:2]:
        box = cpa.Box([x - radius for x in centre], [x + radius for x in centre])
        pieces = cpa.enumerate_cells(first, box, facets=False).patterns
        for entry in verdict.evidence["windows"]:
            unit = verdict.evidence["units"][entry["unit"]]
            if entry["centre"] != centre or unit["layer"] != "layer 1":
                continue
            kinds = {int(row[unit["unit"]]) for row in pieces}
            taus = breakpoints(first.layers[2])
            cuts = {
                (min(kinds) <= j < max(kinds)) for j, tau in enumerate(taus) if tau == entry["breakpoint"]
            }
            low, high = entry["corners"]
            level = (entry["breakpoint"] - unit["beta"]) / unit["scale"]
            touches = level in (low, high)
            assert touches or cuts == {entry["engine_deployed"]}


def breakpoints(layer):
    match layer.type:
        case "hardtanh":
            return (layer.min, layer.max)
        case "relu6":
            return (0, 6)
    return (0,)


def test_rejects_radius():
    with pytest.raises(BadArgument, match="positive radius"):
        STATEMENTS["B3"].verify(one_unit([1]), [[0], [1]], window=0)


def test_deep_batchnorm_first_is_out_of_scope():
    net = Network(1, (ReLU(), Linear([[1]], [0]), TrainingBatchNorm(epsilon=1), ReLU()))
    expect_out_of_scope("B3", net, [[0], [1]], "of the first layer")
    assert examined("B6", net, [[-3], [1]]).outcome is Outcome.PROVED


# ---------------------------------------------------------------------- B6


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(trained())
def test_deep_windows_by_running_the_network(case):
    """At the window's corners the frozen network's pre-activation has the values that the affine map says."""
    net, data = case
    verdict = examined("B6", net, data, limit=30)
    assert verdict.outcome is not Outcome.REFUTED
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    frozen = cpa.freeze(net, data)
    for entry in verdict.evidence["windows"]:
        unit = verdict.evidence["units"][entry["unit"]]
        number = int(unit["layer"].split()[1])
        before = Network(net.input, frozen.layers[: number + 1])
        pulled = [
            sum((a * row[j] for a, row in zip(unit["row"], entry["matrix"], strict=True)), F(0))
            for j in range(net.input)
        ]
        for side, corner in zip((-1, 1), entry["corners"], strict=True):
            x = [c + side * entry["radius"] * sign(a) for c, a in zip(entry["centre"], pulled, strict=True)]
            assert before.forward(x)[unit["unit"]] == corner * unit["scale"] + unit["beta"]


def sign(value):
    return (value > 0) - (value < 0)


def test_first_layer_only_is_out_of_scope_of_deep_windows():
    expect_out_of_scope("B6", one_unit([1]), [[0], [1]], "behind an activation")


def test_inside_residual_blocks_is_out_of_scope_of_deep_windows():
    block = Residual((Linear([[1]], [0]), TrainingBatchNorm(epsilon=1), ReLU()))
    expect_out_of_scope("B6", Network(1, (ReLU(), block)), [[0], [1]], "outside residual blocks")


def test_centres_on_boundaries_are_left_out():
    """ReLU bends at the only centre: no window round it lies in one cell."""
    net = Network(1, (ReLU(), Linear([[1]], [0]), TrainingBatchNorm(epsilon=1), ReLU()))
    expect_out_of_scope("B6", net, [[0], [1]], "too near a boundary", centres=[[0]])


def test_other_gamma_moves_the_window_met():
    """The centre hits the hyperplane of beta only: two networks that differ in beta answer differently."""
    with_beta = one_unit([1], gamma=[1], beta=[-1])
    without = Network(
        1, (with_beta.layers[0], replace(with_beta.layers[1], beta=(F(0),)), with_beta.layers[2])
    )
    answers = [
        examined("B3", net, [[-1], [1]], centres=[[1]]).evidence["windows"][0]["inequality"]
        for net in (with_beta, without)
    ]
    assert answers == [True, False]
