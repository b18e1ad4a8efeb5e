"""Stages: evaluated naively from their own definition, against the network from that of its layers."""

import json
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from network_strategies import networks_with_points
from sparing import examples

from exactcpa import checker
from exactcpa.errors import BadNetwork, DimensionMismatch
from exactcpa.network import (
    Abs,
    BatchNorm,
    Consecutive,
    HardTanh,
    LeakyReLU,
    Linear,
    Listed,
    MaxOut,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
)
from exactcpa.network_file import to_json
from exactcpa.stages import Bend, Maximum, is_unit, stages

F = Fraction


def evaluate(lowered, x):
    """The composition of the stages at x, word by word from the definition."""
    previous = list(x)
    for stage in lowered:
        z = []
        for row, bias in zip(stage.weight, stage.bias, strict=True):
            assert len(row) == len(previous)
            z.append(sum((w * v for w, v in zip(row, previous, strict=True)), bias))
        previous = [evaluate_unit(unit, z) for unit in stage.units]
    return tuple(previous)


def evaluate_unit(unit, z):
    if isinstance(unit, Maximum):
        return max(z[source] for source in unit.sources)
    value = z[unit.source]
    piece = sum(value >= t for t in unit.breakpoints)
    return unit.slopes[piece] * value + unit.intercepts[piece]


def bends_of(layer):
    (first, _) = stages(Network(1, (layer,)))
    return first.units


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(networks_with_points())
def test_stages_compute_the_network(case):
    net, x = case
    assert evaluate(stages(net), x) == net.forward(x)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(networks_with_points())
def test_units_come_first_and_are_counted(case):
    net, _ = case
    *hidden, last = stages(net)
    assert tuple(sum(map(is_unit, stage.units)) for stage in hidden) == net.layer_sizes
    assert not any(map(is_unit, last.units))
    assert len(last.units) == net.output
    assert net.units == sum(net.layer_sizes)
    for stage in hidden:
        flags = [is_unit(unit) for unit in stage.units]
        assert flags == sorted(flags, reverse=True)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(networks_with_points())
def test_the_checker_lowers_alike(case):
    """The checker lowers the written network by itself; only where it puts groups of one may differ."""
    net, _ = case
    theirs, inputs = checker.lower_network(json.loads(json.dumps(to_json(net))))
    assert inputs == net.input
    places = range(inputs)
    for (lines, units), stage in zip(theirs, stages(net), strict=True):
        rows = [tuple(line.coefficients.get(place, 0) for place in places) for line in lines]
        assert tuple(rows) == stage.weight
        assert tuple(line.constant for line in lines) == stage.bias
        places = sorted(range(len(units)), key=lambda k: not checker.is_unit(units[k]))
        assert [plain(units[k]) for k in places] == [plain(unit) for unit in stage.units]


def plain(unit):
    """What a unit is, whichever of the two modules it comes from."""
    if type(unit).__name__ == "Maximum":
        return tuple(unit.sources)
    return unit.source, tuple(unit.breakpoints), tuple(unit.slopes), tuple(unit.intercepts)


def test_base_case_affine_network_is_one_stage():
    (only,) = stages(Network(2, (Linear([[1, 2]], [3]), Linear([[2], [0]], [1, 1]))))
    assert only.weight == ((2, 4), (0, 0))
    assert only.bias == (7, 1)
    assert only.units == (Bend(0, (), (F(1),), (F(0),)), Bend(1, (), (F(1),), (F(0),)))


@pytest.mark.parametrize(
    ("layer", "breakpoints", "slopes", "intercepts"),
    [
        (ReLU(), [0], [0, 1], [0, 0]),
        (LeakyReLU("1/4"), [0], ["1/4", 1], [0, 0]),
        (PReLU(-2), [0], [-2, 1], [0, 0]),
        (Abs(), [0], [-1, 1], [0, 0]),
        (HardTanh(), [-1, 1], [0, 1, 0], [-1, 0, 1]),
        (HardTanh("-1/3", 5), ["-1/3", 5], [0, 1, 0], ["-1/3", 0, 5]),
        (ReLU6(), [0, 6], [0, 1, 0], [0, 0, 6]),
    ],
)
def test_pieces_of_every_activation(layer, breakpoints, slopes, intercepts):
    assert bends_of(layer) == (
        Bend(0, tuple(map(F, breakpoints)), tuple(map(F, slopes)), tuple(map(F, intercepts))),
    )


def test_batchnorm_is_folded_exactly():
    norm = BatchNorm(mean=["1/3"], variance=[2], gamma=[1], beta=["1/7"], epsilon=0)
    (only,) = stages(Network(1, (Linear([["1/5"]], [1]), norm)))
    scale = F(0.7071067811865476)
    assert only.weight == ((scale / 5,),)
    assert only.bias == ((1 - F(1, 3)) * scale + F(1, 7),)


def test_residual_carries_its_input_after_the_units():
    net = Network(2, (Residual([Linear([[1, 1], [1, -1]], [0, 5]), ReLU()]),))
    first, last = stages(net)
    assert first.weight == ((1, 1), (1, -1), (1, 0), (0, 1))
    assert first.bias == (0, 5, 0, 0)
    assert [is_unit(unit) for unit in first.units] == [True, True, False, False]
    assert [unit.source for unit in first.units] == [0, 1, 2, 3]
    assert last.weight == ((1, 0, 1, 0), (0, 1, 0, 1))


def test_residual_nested_in_residual():
    inner = Residual([Abs(), Linear([[2]], [1])])
    net = Network(1, (Residual([ReLU(), inner, ReLU6()]),))
    assert len(stages(net)) == 4
    assert [len(stage.units) for stage in stages(net)] == [2, 3, 2, 1]
    assert net.forward([F(1, 2)]) == evaluate(stages(net), [F(1, 2)]) == (F(1, 2) + F(5, 2),)


def test_groups_of_one_pass_through_after_the_units():
    net = Network(3, (MaxOut(Listed([[2], [0, 1], [1], [2, 0, 1]])), Linear([[1, 10, 100, 1000]], [0])))
    first, last = stages(net)
    passed = [Bend(source, (), (F(1),), (F(0),)) for source in (2, 1)]
    assert first.units == (Maximum((0, 1)), Maximum((2, 0, 1)), *passed)
    assert last.weight == ((10, 1000, 1, 100),)
    assert net.layer_sizes == (2,)


def test_degenerate_maximum_of_groups_of_one_only_is_a_stage_without_units():
    net = Network(2, (MaxOut(Consecutive(1)),))
    assert net.layer_sizes == (0,)
    assert [sum(map(is_unit, stage.units)) for stage in stages(net)] == [0, 0]


def test_degenerate_slope_one_stays_a_unit():
    net = Network(1, (LeakyReLU(1),))
    assert net.layer_sizes == (1,)
    assert is_unit(stages(net)[0].units[0])


def test_rejects_bends_that_are_no_continuous_function():
    one, zero = F(1), F(0)
    with pytest.raises(BadNetwork, match="jumps"):
        Bend(0, (zero,), (zero, one), (zero, one))
    with pytest.raises(BadNetwork, match="do not increase"):
        Bend(0, (one, one), (one, one, one), (zero, zero, zero))
    with pytest.raises(DimensionMismatch):
        Bend(0, (one,), (one,), (zero,))
    with pytest.raises(BadNetwork, match="at least 2"):
        Maximum((0,))
