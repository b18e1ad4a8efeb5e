"""Mini-batches: every number against plain fractions with `statistics.freeze`, one batch at a time."""

import io
import json
import random
import re
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction
from importlib import import_module
from itertools import combinations
from math import comb
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa.batch_families import Family, batch_of_rank, choose_family, draw
from exactcpa.cli import main
from exactcpa.distributions import Distribution
from exactcpa.hyperplane_shifts import folds, level
from exactcpa.minibatch_file import RecordFile, head_of, line_of_record, record_of_line
from exactcpa.minibatch_laws import first_layer, rigid_translation, translate
from exactcpa.minibatch_record import decision_text, examine, frozen_network, prepare
from exactcpa.minibatches import Count, surrounding_box
from exactcpa.numbers import exact_text, exactly
from exactcpa.stages import Maximum, stages

F = Fraction
ROOT = Path(__file__).resolve().parent.parent
EPSILON = F(1, 100)


def points_of(seed: int, count: int, dimension: int, spread: int = 6) -> list[tuple[Fraction, ...]]:
    chance = random.Random(seed)
    return [tuple(F(chance.randint(-spread, spread), 2) for _ in range(dimension)) for _ in range(count)]


def linear(seed: int, inputs: int, outputs: int) -> cpa.Linear:
    chance = random.Random(seed)
    weight = [
        [F(chance.randint(-4, 4), chance.choice([1, 2, 3])) for _ in range(inputs)] for _ in range(outputs)
    ]
    return cpa.Linear(weight, [F(chance.randint(-3, 3), 2) for _ in range(outputs)])


def norm(epsilon=EPSILON, **parameters) -> cpa.TrainingBatchNorm:
    return cpa.TrainingBatchNorm(epsilon=epsilon, **parameters)


def two_layers(seed: int, activation=None, outputs: int = 3, epsilon=EPSILON, **parameters) -> cpa.Network:
    bend = activation or cpa.ReLU()
    layers = (
        linear(seed, 2, 3),
        norm(epsilon, **parameters),
        bend,
        linear(seed + 1, 3, 3),
        norm(epsilon),
        bend,
    )
    return cpa.Network(2, (*layers, linear(seed + 2, 3, outputs)))


def residual() -> cpa.Network:
    body = (linear(31, 3, 3), norm(), cpa.ReLU(), linear(32, 3, 3))
    layers = (linear(30, 2, 3), norm(), cpa.ReLU(), cpa.Residual(body), norm(), cpa.ReLU(), linear(33, 3, 2))
    return cpa.Network(2, layers)


def plain_residual() -> cpa.Network:
    body = (linear(35, 3, 3), cpa.ReLU(), linear(36, 3, 3))
    layers = (linear(34, 2, 3), norm(), cpa.Abs(), cpa.Residual(body), norm(), cpa.ReLU(), linear(37, 3, 2))
    return cpa.Network(2, layers)


def maxima() -> cpa.Network:
    pool = cpa.MaxOut(cpa.network.Listed(((0, 1), (2,), (3, 4, 5))))
    return cpa.Network(
        2, (linear(40, 2, 6), norm(), pool, linear(41, 3, 2), norm(), cpa.ReLU(), linear(42, 2, 2))
    )


def image() -> cpa.Network:
    convolution = cpa.Conv2d([[[[1, -1], ["1/2", 2]]], [[[0, 1], [1, -2]]]], [1, 0], (1, 3, 3))
    shared = cpa.TrainingBatchNorm(gamma=[1] * 4 + [2] * 4, beta=[0] * 4 + [1] * 4, epsilon=EPSILON, pixels=4)
    return cpa.Network(9, (convolution, shared, cpa.ReLU(), linear(50, 8, 2)))


def with_statistics() -> cpa.Network:
    fixed = cpa.BatchNorm(mean=[5, 5], variance=[1, 2], gamma=[1, -2], beta=[0, "1/3"], epsilon=EPSILON)
    return cpa.Network(
        1, (cpa.Linear([[1], [2]], [0, 1]), fixed, cpa.HardTanh(), cpa.Linear([[1, 1]], ["1/7"]))
    )


def late() -> cpa.Network:
    """An activation before the first batchnorm."""
    return cpa.Network(2, (linear(60, 2, 3), cpa.LeakyReLU(F(1, 4)), linear(61, 3, 2), norm(), cpa.ReLU()))


CASES = {
    "relu": (two_layers(1), points_of(1, 6, 2), 3),
    "leaky": (two_layers(2, cpa.LeakyReLU(F(1, 5))), points_of(2, 6, 2), 2),
    "default leaky": (two_layers(3, cpa.LeakyReLU()), points_of(3, 5, 2), 4),
    "abs": (two_layers(4, cpa.Abs(), outputs=1), points_of(4, 6, 2), 3),
    "prelu": (two_layers(5, cpa.PReLU([F(1, 2), -1, 3])), points_of(5, 5, 2), 3),
    "hard tanh": (two_layers(6, cpa.HardTanh(F(-1, 2), F(2, 3))), points_of(6, 5, 2), 3),
    "relu6": (two_layers(7, cpa.ReLU6()), points_of(7, 5, 2), 3),
    "beta": (two_layers(8, gamma=[2, -1, 0], beta=[F(1, 3), -2, 1]), points_of(8, 6, 2), 3),
    "maxima": (maxima(), points_of(9, 6, 2), 3),
    "residual": (residual(), points_of(10, 6, 2), 3),
    "plain residual": (plain_residual(), points_of(11, 5, 2), 3),
    "image": (image(), points_of(12, 5, 9), 2),
    "statistics": (with_statistics(), [(F(x),) for x in (0, 1, 3, 8)], 2),
    "late": (late(), points_of(13, 6, 2), 3),
    "no epsilon": (two_layers(1, epsilon=0), points_of(14, 7, 2), 4),
    "constant unit": (two_layers(14, epsilon=0), points_of(14, 7, 2), 4),
    "equal samples": (two_layers(15, epsilon=0), points_of(15, 3, 2) * 2, 2),
    "one sample": (two_layers(16), points_of(16, 5, 2), 1),
    "all samples": (two_layers(17), points_of(17, 5, 2), 5),
    "no weights": (
        cpa.Network(1, (cpa.Linear([[0], [1]], [3, 0]), norm(1), cpa.ReLU())),
        [(F(1),), (F(2),)],
        1,
    ),
    "ties": (
        cpa.Network(1, (cpa.Linear([[1], [1]], [0, 0]), norm(1), cpa.ReLU())),
        [(F(x),) for x in range(4)],
        2,
    ),
}


# The oracle: plain fractions, one batch after the other.


def frozen_or_none(net, batch):
    try:
        return cpa.freeze(net, batch)
    except cpa.BadNetwork:
        return None


def signs_by_definition(net, point) -> str:
    """Signs of all switching functions at a point, straight from the stages of the frozen network."""
    words, values = [], tuple(point)
    for stage in stages(net):
        lines = [
            sum((w * v for w, v in zip(row, values, strict=True)), b)
            for row, b in zip(stage.weight, stage.bias, strict=True)
        ]
        word, values = "", []
        for unit in stage.units:
            if isinstance(unit, Maximum):
                sources = [lines[k] for k in unit.sources]
                gaps, value = [b - a for a, b in combinations(sources, 2)], max(sources)
            else:
                z = lines[unit.source]
                gaps, piece = [z - t for t in unit.breakpoints], sum(z >= t for t in unit.breakpoints)
                value = unit.slopes[piece] * z + unit.intercepts[piece]
            word += "".join("+" if gap > 0 else "-" if gap < 0 else "0" for gap in gaps)
            values.append(value)
        words.append(word)
    return "|".join(word for word in words if word)


def decision_by_definition(net, point) -> str:
    outputs = net.forward(point)
    if len(outputs) == 1:
        return {1: "1", 0: "0=1", -1: "0"}[(outputs[0] > 0) - (outputs[0] < 0)]
    return "=".join(str(k) for k, y in enumerate(outputs) if y == max(outputs))


def mean_of(values):
    values = list(values)
    return sum(values, F(0)) / len(values)


def assert_counts(distribution: Distribution, values) -> None:
    """The distribution is that of the values, and its moments are theirs, by definition."""
    values = list(values)
    assert dict(distribution) == {v: values.count(v) for v in values}
    assert distribution.total == len(values)
    if values and not isinstance(values[0], str):
        centre = mean_of(map(F, values))
        assert distribution.expectation() == centre
        assert distribution.variance() == mean_of((F(v) - centre) ** 2 for v in values)
        assert (distribution.least(), distribution.greatest()) == (min(values), max(values))


# One batch.


@pytest.mark.parametrize("name", CASES)
def test_networks_are_those_of_freeze(name):
    net, points, size = CASES[name]
    made = list(cpa.minibatch_networks(net, points, size))

    assert [entry.batch for entry in made] == list(combinations(range(len(points)), size))
    for entry in made:
        expected = frozen_or_none(net, [points[i] for i in entry.batch])
        assert entry.network == expected
        assert (expected is None) == bool(entry.record.stop)


@pytest.mark.parametrize("name", CASES)
def test_record_by_definition(name):
    net, points, size = CASES[name]
    queries = points_of(99, 3, net.input)
    prepared = prepare(net, points, queries)
    for batch in combinations(range(len(points)), size):
        record = examine(prepared, batch)
        chosen = [points[i] for i in batch]
        frozen = frozen_or_none(net, chosen)
        if frozen is None:
            assert not record.decisions
            continue
        found = cpa.batch_statistics(net, chosen)
        assert [(s.place, s.mean, s.variance) for s in record.statistics] == [
            (s.layer, s.mean, s.variance) for s in found
        ]
        assert record.patterns == tuple(signs_by_definition(frozen, x) for x in points)
        assert record.decisions == tuple(decision_by_definition(frozen, x) for x in (*points, *queries))


@given(st.integers(0, 10**6), st.sampled_from([F(0), F(1, 9)]))
@settings(max_examples=examples(30), deadline=None)
def test_random_networks_by_definition(seed, epsilon):
    net, points = two_layers(seed, epsilon=epsilon), points_of(seed, 5, 2, spread=2)
    for entry in cpa.minibatch_networks(net, points, 3):
        expected = frozen_or_none(net, [points[i] for i in entry.batch])
        assert entry.network == expected
        if expected is not None:
            assert entry.record.patterns == tuple(signs_by_definition(expected, x) for x in points)
            assert entry.record.decisions == tuple(decision_by_definition(expected, x) for x in points)


def test_doubles_of_all_sizes():
    chance = random.Random(5)
    weight = [[chance.gauss(0, 1) * 10.0 ** chance.randint(-12, 12) for _ in range(2)] for _ in range(3)]
    layers = (
        cpa.Linear(weight, [1e-9, 0, 3e7]),
        norm(1e-5),
        cpa.ReLU(),
        linear(70, 3, 2),
        norm(1e-5),
        cpa.ReLU(),
    )
    net, points = cpa.Network(2, layers), [(chance.random(), chance.random()) for _ in range(5)]

    for entry in cpa.minibatch_networks(net, points, 3):
        assert entry.network == cpa.freeze(net, [points[i] for i in entry.batch])


def test_scale_beyond_doubles_gives_no_network():
    net = cpa.Network(1, (cpa.Linear([["1e-320"]], [0]), norm(0), cpa.ReLU()))

    (entry,) = cpa.minibatch_networks(net, [[0], [1]], 2)

    assert entry.network is None
    assert "beyond float64" in entry.record.stop
    with pytest.raises(cpa.BadNetwork, match="finite scales"):
        frozen_network(net, entry.record)


def test_decisions_tell_ties():
    assert decision_text([F(1), F(1), F(0)]) == "0=1"
    assert decision_text([F(0)]) == "0=1"


# The report.


@pytest.mark.parametrize("name", CASES)
def test_report_by_definition(name):
    net, points, size = CASES[name]
    queries = points_of(99, 2, net.input)
    report = cpa.minibatch_report(net, points, size, queries=queries)
    batches = [[points[i] for i in batch] for batch in combinations(range(len(points)), size)]
    frozen = [made for batch in batches if (made := frozen_or_none(net, batch)) is not None]

    assert report.undefined.total == len(batches) - len(frozen)
    assert len(report.family) == comb(len(points), size)
    if report.undefined:
        assert report.laws_hold in (True, None)
        return
    statistics = [cpa.batch_statistics(net, batch) for batch in batches]
    for layer, entries in zip(report.layers, zip(*statistics, strict=True), strict=True):
        assert layer.place == entries[0].layer
        for k, unit in enumerate(layer.units):
            assert_counts(unit.mean, [entry.mean[k] for entry in entries])
            assert_counts(unit.variance, [entry.variance[k] for entry in entries])
    if report.patterns:
        for i, x in enumerate(points):
            assert_counts(report.patterns[i], [signs_by_definition(made, x) for made in frozen])
    for distribution, x in zip(report.decisions, [*points, *queries], strict=True):
        assert_counts(distribution, [decision_by_definition(made, x) for made in frozen])
    assert json.loads(json.dumps(report.to_json()))["batches"] == len(batches)
    assert json.loads(json.dumps(report.to_json(distributions=False)))["exhaustive"]


def line_levels(net, frozen, k: int, breakpoint) -> Fraction:
    """Where ``scale (w.z + bias - mean) + beta = t``: the value of ``w.z + bias``, solved for."""
    entry = frozen.layers[1]
    scale = entry.scales()[k]
    return entry.mean[k] + (breakpoint - entry.beta[k]) / scale


@pytest.mark.parametrize("name", ["relu", "abs", "hard tanh", "beta"])
def test_shifts_of_the_first_layer(name):
    net, points, size = CASES[name]
    report = cpa.minibatch_report(net, points, size)
    full = cpa.freeze(net, points)
    frozen = [cpa.freeze(net, [points[i] for i in batch]) for batch in combinations(range(len(points)), size)]
    for k, unit in enumerate(report.layers[0].units):
        row = net.layers[0].weight[k]
        square = sum(a * a for a in row)
        if not square or not full.layers[1].gamma[k]:
            assert unit.shifts == ()
            continue
        for shift in unit.shifts:
            reference = line_levels(net, full, k, shift.breakpoint)
            moved = [line_levels(net, made, k, shift.breakpoint) - reference for made in frozen]
            assert (shift.level, shift.norm_squared) == (reference, square)
            assert_counts(shift.offsets, moved)
            assert_counts(shift.squared_distances(), [a * a / square for a in moved])
            assert shift.mean_squared_distance() == mean_of(a * a / square for a in moved)
            assert shift.greatest_squared_distance() == max(a * a / square for a in moved)


def test_shift_is_the_distance_of_the_lines_in_the_plane():
    """The unit x0 - x1 on two samples; its line moves to the pair's midpoint, worked out by hand."""
    net = cpa.Network(2, (cpa.Linear([[1, -1]], [7]), norm(0), cpa.ReLU()))
    report = cpa.minibatch_report(net, [[0, 0], [2, 0], [4, 0]], 2)

    (shift,) = report.layers[0].units[0].shifts
    # all data: x0 - x1 = 2; pairs: 1, 2, 3; so by -1, 0, 1 along (1, -1), whose squared norm is 2
    assert dict(shift.offsets) == {F(-1): 1, F(0): 1, F(1): 1}
    assert dict(shift.squared_distances()) == {F(0): 1, F(1, 2): 2}


def test_deep_shifts_are_in_their_own_features():
    net, points, size = CASES["beta"]
    deep = [fold for fold in folds(net) if fold.place == (4,)]
    report = cpa.minibatch_report(net, points, size)
    reference = examine(prepare(net, points), range(len(points))).statistics[1]

    assert [fold.norm_squared for fold in deep] == [sum(a * a for a in row) for row in net.layers[3].weight]
    for fold, unit in zip(deep, report.layers[1].units, strict=True):
        centre = level(fold, reference)
        expected = unit.mean.mapped(lambda mean, centre=centre: mean - centre)  # beta = 0 there
        assert unit.shifts[0].offsets == expected


def test_units_without_hyperplanes_have_no_shifts():
    net, points, size = CASES["no weights"]
    constant, other = cpa.minibatch_report(net, points, size).layers[0].units

    assert constant.shifts == ()
    assert len(other.shifts) == 1
    assert all(not unit.shifts for layer in (folds(maxima()),) for unit in layer if unit.place == (1,))


def test_sign_counts():
    net, points, size = CASES["relu"]
    report = cpa.minibatch_report(net, points, size)
    frozen = [cpa.freeze(net, [points[i] for i in batch]) for batch in combinations(range(len(points)), size)]

    for layer in (0, 1):
        for i, x in enumerate(points):
            words = [signs_by_definition(made, x).split("|")[layer] for made in frozen]
            expected = tuple({s: sum(w[k] == s for w in words) for s in "-0+"} for k in range(3))
            assert report.sign_counts(layer, i) == expected
    assert report.sign_counts(-1, -1) == report.sign_counts(1, len(points) - 1)
    steady, moving = report.unsteady_signs(0)
    assert steady + moving == 6 * 3
    for layer, sample, message in (
        (2, 0, "activation layer below 2, got 2"),
        (-3, 0, "activation layer below 2, got -3"),
        (0, len(points), "sample below 6, got 6"),
        (0, "1", "number of a sample, got '1'"),
        (None, 0, "number of an activation layer, got None"),
    ):
        with pytest.raises(cpa.BadArgument, match=message):
            report.sign_counts(layer, sample)


def test_labels():
    net, points, size = CASES["relu"]
    data = cpa.Data(points, (0, 1, 2, 0, 1, 2))
    report = cpa.minibatch_report(net, data, size)
    frozen = [cpa.freeze(net, [points[i] for i in batch]) for batch in combinations(range(6), size)]

    right = [
        sum(decision_by_definition(f, x) == str(y) for x, y in zip(points, data.labels, strict=True))
        for f in frozen
    ]
    assert_counts(report.correct, right)


def test_cells_are_those_of_every_network():
    net, points, size = CASES["relu"]
    box = cpa.Box([-3, -3], [3, 3])
    report = cpa.minibatch_report(net, points, size, domain=box, partitions=10**6)
    networks = [entry.network for entry in cpa.minibatch_networks(net, points, size)]

    assert_counts(report.cells, [len(cpa.enumerate_cells(made, box)) for made in networks])
    assert report.full_cells == len(cpa.enumerate_cells(cpa.freeze(net, points), box))
    assert report.translations_are_rigid


def test_partitions_of_a_part():
    net, points, size = CASES["relu"]
    report = cpa.minibatch_report(net, points, size, partitions=5, seed=3)

    assert report.cells.total == 5
    assert report.domain == surrounding_box(points)
    again = cpa.minibatch_report(net, points, size, partitions=5, seed=3)
    assert again.cells == report.cells


# A11, A11'.


@pytest.mark.parametrize(
    "name", ["relu", "beta", "residual", "equal samples", "one sample", "all samples", "maxima"]
)
def test_sampling_laws_by_definition(name):
    net, points, size = CASES[name]
    n, report = len(points), cpa.minibatch_report(net, points, size)

    assert report.laws_hold is True
    for row, bias, unit in zip(net.layers[0].weight, net.layers[0].bias, report.layers[0].units, strict=True):
        p = [sum(a * x for a, x in zip(row, point, strict=True)) + bias for point in points]
        mu = mean_of(p)
        v = mean_of((z - mu) ** 2 for z in p)
        assert unit.law.mean_of_means == mu
        assert unit.law.variance_of_means == v / size * F(n - size, n - 1)
        assert unit.law.mean_of_variances == v * n * (size - 1) / F(size * (n - 1))
        assert v == unit.law.mean_of_variances + unit.law.variance_of_means


def test_laws_that_fail_are_told():
    net, points, size = CASES["relu"]
    law = cpa.minibatch_report(net, points, size).layers[0].units[0].law

    assert law.holds
    for field in ("mean_of_means", "variance_of_means", "mean_of_variances", "variance"):
        changed = {name: getattr(law, name) for name in law.__slots__}
        changed[field] += F(1, 1000)
        assert not type(law)(**changed).holds


def test_no_law_for_a_part_or_for_shared_pixels():
    net, points, size = CASES["relu"]

    assert cpa.minibatch_report(net, points, size, limit=5).laws_hold is None
    assert cpa.minibatch_report(image(), CASES["image"][1], 2).laws_hold is None


DOMAINS = {
    "box": cpa.Box([-3, -2], [3, 4]),
    "triangle": cpa.Polytope([[-1, 0], [0, -1], [1, 1]], [3, 3, 2]),
    "slice": cpa.Slice([0, 1], [[1], [2]], cpa.Box([-2], [2])),
}


@pytest.mark.parametrize("kind", DOMAINS)
@pytest.mark.parametrize("name", ["relu", "leaky", "abs", "no epsilon"])
def test_arrangements_move_rigidly(name, kind):
    net, points, size = CASES[name]
    for batch in list(combinations(range(len(points)), size))[::7]:
        found = rigid_translation(net, points, batch, DOMAINS[kind])
        centre = [mean_of(points[i][j] for i in batch) - mean_of(x[j] for x in points) for j in range(2)]
        assert list(found.shift) == centre
        assert found.is_rigid
        assert found.cells == found.cells_moved > 1


def test_arrangements_with_beta_do_not_move_rigidly():
    """The comparison itself finds what is no translation: A11' with its hypothesis taken away."""
    honest = two_layers(1)
    moved = cpa.Network(2, (honest.layers[0], norm(beta=[1, 2, -1]), *honest.layers[2:]))
    points = CASES["relu"][1]
    with pytest.raises(cpa.BadNetwork, match="beta = 0"):
        rigid_translation(moved, points, (0, 1, 2), DOMAINS["box"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exactcpa.minibatch_laws.first_layer", lambda net: cpa.Network(2, net.layers[:3]))
        found = rigid_translation(moved, points, (0, 1, 2), DOMAINS["box"])
    assert not found.is_rigid
    assert found.lines_moved < found.lines


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (late(), "before the first activation, got none"),
        (maxima(), "bends at 0"),
        (image(), "shared by pixels|beta = 0"),
        (two_layers(1, cpa.ReLU6()), "bends at 0"),
        (cpa.Network(1, (cpa.Linear([[1]], [0]), norm(), cpa.Linear([[1]], [0]))), "an activation after"),
        (cpa.Network(1, (norm(), norm(), cpa.ReLU())), "got two"),
        (cpa.Network(1, (cpa.Linear([[1]], [0]), norm())), "got none"),
    ],
)
def test_translation_says_what_is_out_of_scope(net, reason):
    with pytest.raises(cpa.BadNetwork, match=reason):
        first_layer(net)


def test_report_says_why_there_is_no_translation():
    net, points, size = CASES["late"]
    report = cpa.minibatch_report(net, points, size, partitions=2)

    assert report.translations == ()
    assert "activation" in report.no_translations


def test_translated_domains():
    shift = (F(1), F(-1, 2))

    assert translate(DOMAINS["box"], shift) == cpa.Box([-2, "-5/2"], [4, "7/2"])
    assert translate(DOMAINS["triangle"], shift).contains([F(-2), F(-7, 2)])
    assert translate(DOMAINS["slice"], shift).embed([0]) == (F(1), F(1, 2))


# Families.


def test_families():
    assert [batch_of_rank(r, 6, 3) for r in range(20)] == list(combinations(range(6), 3))
    assert choose_family(6, 3, 20, 0) == Family(6, 3)
    drawn = choose_family(6, 3, 19, 0)
    assert len(set(drawn)) == 19
    assert list(drawn) == sorted(drawn)
    assert choose_family(200, 100, 50, 1) == choose_family(200, 100, 50, 1)
    assert choose_family(200, 100, 50, 1) != choose_family(200, 100, 50, 2)


@pytest.mark.parametrize(("total", "count"), [(1, 0), (1, 1), (7, 3), (7, 6), (2**70, 5)])
def test_draws(total, count):
    numbers = draw(total, count, 4)

    assert len(set(numbers)) == count
    assert all(0 <= n < total for n in numbers)


def test_draws_are_even():
    counts = [0] * 10
    for seed in range(2000):
        for number in draw(10, 4, seed):
            counts[number] += 1
    assert all(700 < count < 900 for count in counts)  # 800 each, standard deviation 22


def test_a_part_holds_the_same_records():
    net, points, size = CASES["relu"]
    all_of_them = {entry.batch: entry.network for entry in cpa.minibatch_networks(net, points, size)}
    part = list(cpa.minibatch_networks(net, points, size, limit=7, seed=5))

    assert len({entry.batch for entry in part}) == 7
    assert all(all_of_them[entry.batch] == entry.network for entry in part)


# Distributions.


@given(st.lists(st.fractions(min_value=-5, max_value=5, max_denominator=40), min_size=1))
def test_distribution_by_definition(values):
    assert_counts(Distribution({v: values.count(v) for v in values}), values)


def test_distribution_orders_exactly():
    low, high = F(1) + F(1, 2**80), F(1) + F(1, 2**79)  # equal as doubles
    big = F(10**400)
    told = Distribution({high: 1, big: 2, low: 1, -big: 1})

    assert [v for v, _ in told.sorted_items()] == [-big, low, high, big]
    assert (told.least(), told.greatest()) == (-big, big)
    with pytest.raises(cpa.BadArgument, match="at least one case"):
        Distribution({}).expectation()


@pytest.mark.parametrize("asked", ["expectation", "mean_square", "variance", "moments"])
@pytest.mark.parametrize("value", ["+-0", (0, 1), 0.5, None])
def test_values_that_are_no_rationals_have_no_moments(asked, value):
    with pytest.raises(cpa.BadArgument, match="distribution of rationals, got the value"):
        getattr(Distribution({F(1): 1, value: 2}), asked)()


@given(st.fractions())
def test_exact_text_reads_back(q):
    assert exactly(exact_text(q)) == q
    long = q + F(1, 3**9000)
    assert exactly(exact_text(long)) == long


# Records in files.


def without_time(report) -> dict:
    return report.to_json() | {"seconds": 0}


def test_record_line_reads_back():
    for net, points, size in CASES.values():
        for batch in list(combinations(range(len(points)), size))[:3]:
            record = examine(prepare(net, points), batch).with_cells(7)
            assert record_of_line(line_of_record(record).encode()) == record


def test_damaged_lines_are_no_records():
    net, points, _ = CASES["relu"]
    line = line_of_record(examine(prepare(net, points), (0, 1, 2))).encode()

    assert record_of_line(line[:-5]) is None
    assert record_of_line(b"") is None
    for at in range(0, len(line) - 1, 17):
        changed = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
        assert record_of_line(changed) is None


@pytest.mark.parametrize("cut", [0, 5, 300, 1500, 4000, 9000, None])
def test_cut_run_is_resumed(tmp_path, cut):
    net, points, size = CASES["relu"]
    options = {"partitions": 6, "domain": cpa.Box([-3, -3], [3, 3]), "seed": 2, "queries": [[0, 1]]}
    expected = cpa.minibatch_report(net, points, size, **options)
    whole, out = tmp_path / "whole", tmp_path / "records"
    assert without_time(cpa.minibatch_report(net, points, size, out=whole, **options)) == without_time(
        expected
    )
    written = whole.read_bytes()
    assert len(written.splitlines()) == 1 + 20
    (tmp_path / "records.part").write_bytes(written[:cut] if cut is not None else written)

    resumed = cpa.minibatch_report(net, points, size, out=out, **options)

    assert without_time(resumed) == without_time(expected)
    assert out.read_bytes() == written
    assert not (tmp_path / "records.part").exists()


def test_complete_file_is_read_and_nothing_computed(tmp_path, monkeypatch):
    net, points, size = CASES["relu"]
    out = tmp_path / "records"
    first = cpa.minibatch_report(net, points, size, out=out)
    monkeypatch.setattr("exactcpa.minibatches._record", None)

    assert without_time(cpa.minibatch_report(net, points, size, out=out)) == without_time(first)


def test_interrupted_run_leaves_a_part(tmp_path):
    net, points, size = CASES["relu"]
    out = tmp_path / "records"

    def stop(count: Count) -> None:
        if count.batches == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cpa.minibatch_report(net, points, size, out=out, progress=stop)
    assert not out.exists()
    assert len((tmp_path / "records.part").read_bytes().splitlines()) == 1 + 9
    counts = []
    cpa.minibatch_report(net, points, size, out=out, progress=counts.append)
    assert out.exists()
    assert [c.batches for c in counts] == list(range(1, 21))
    assert str(counts[-1]).split() == ["20", "of", "20", "batches", "100.0", "%", "0", "partitions"]


def test_rejects_files_of_other_runs(tmp_path):
    net, points, size = CASES["relu"]
    out = tmp_path / "records"
    cpa.minibatch_report(net, points, size, out=out)
    written = out.read_bytes()

    with pytest.raises(cpa.BadFile, match="another run, field size"):
        cpa.minibatch_report(net, points, 2, out=out)
    with pytest.raises(cpa.BadFile, match="another run, field inputs"):
        cpa.minibatch_report(two_layers(77), points, size, out=out)
    out.write_bytes(written[:-20])
    with pytest.raises(cpa.BadFile, match="line 21 is damaged"):
        cpa.minibatch_report(net, points, size, out=out)
    out.write_bytes(b"".join(written.splitlines(keepends=True)[:-1]))
    with pytest.raises(cpa.BadFile, match="ends before the record"):
        cpa.minibatch_report(net, points, size, out=out)
    lines = written.splitlines(keepends=True)
    out.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(cpa.BadFile, match="expected the record of batch"):
        cpa.minibatch_report(net, points, size, out=out)
    out.write_bytes(written + lines[-1])
    with pytest.raises(cpa.BadFile, match="expected the record of batch"):
        cpa.minibatch_report(net, points, size, out=out)
    out.write_bytes(b"something else\n")
    with pytest.raises(cpa.BadFile, match="expected records of mini-batches"):
        cpa.minibatch_report(net, points, size, out=out)


def test_part_of_something_else_is_not_overwritten(tmp_path):
    net, points, size = CASES["relu"]
    for text in (b"my notes", b"my notes\n"):
        (tmp_path / "records.part").write_bytes(text)
        with pytest.raises(cpa.BadFile, match="expected records of mini-batches"):
            cpa.minibatch_report(net, points, size, out=tmp_path / "records")
        assert (tmp_path / "records.part").read_bytes() == text


def test_file_that_cannot_be_written(tmp_path):
    net, points, size = CASES["relu"]
    with pytest.raises(cpa.BadFile, match="No such file"):
        cpa.minibatch_report(net, points, size, out=tmp_path / "none" / "records")
    with pytest.raises(cpa.BadArgument, match="a path"):
        RecordFile(7, {})


def test_head_says_what_decides_the_records():
    net, points, _ = CASES["relu"]
    family = Family(6, 3)
    heads = [
        head_of(net, points, (), family, None, 0, 0),
        head_of(net, points, [points[0]], family, None, 0, 0),
        head_of(net, points[::-1], (), family, None, 0, 0),
        head_of(net, points, (), family, cpa.Box([0, 0], [1, 1]), 0, 0),
        head_of(net, points, (), family, None, 1, 0),
        head_of(net, points, (), family, None, 0, 1),
    ]
    assert len({json.dumps(head) for head in heads}) == len(heads)


# Degenerate data.


def test_equal_samples_without_epsilon():
    """Samples a, b, a, b: a pair of equals has no variance, and gives no network."""
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), norm(0), cpa.ReLU(), cpa.Linear([[1]], [0])))
    report = cpa.minibatch_report(net, [[0], [2], [0], [2]], 2)

    assert report.undefined.total == 2
    assert report.first_undefined == (0, 2)
    (unit,) = report.layers[0].units
    assert dict(unit.mean) == {F(0): 1, F(1): 4, F(2): 1}  # all six, those without a network, too
    assert dict(unit.variance) == {F(0): 2, F(1): 4}
    assert report.laws_hold
    assert report.whole_patterns.total == 4


def test_all_data_without_a_network():
    net = cpa.Network(1, (cpa.Linear([[0]], [3]), norm(0), cpa.ReLU()))
    report = cpa.minibatch_report(net, [[0], [1]], 1, partitions=2)

    assert report.undefined.total == 2
    assert report.full.stop
    assert report.full_cells is None
    assert report.cells.total == 0
    assert report.decisions == ()
    assert report.layers[0].units[0].shifts == ()
    assert report.translations == ()
    json.dumps(report.to_json())


def test_ties_are_told():
    """Both outputs are the same function, so every decision is a tie."""
    net, points, size = CASES["ties"]
    report = cpa.minibatch_report(net, points, size)

    assert all(dict(entry) == {"0=1": 6} for entry in report.decisions)
    # The middle batches {0, 3} and {1, 2} have mean 3/2; {0, 2} has mean 1, a sample: sign 0 there.
    assert dict(report.patterns[1]) == {"++": 1, "00": 1, "--": 4}


# Misuse.


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"net": 3}, cpa.BadArgument, "expected a network"),
        ({"net": cpa.Network(2, (linear(1, 2, 2), cpa.ReLU()))}, cpa.BadNetwork, "batchnorm layer"),
        ({"data": [[1]]}, cpa.DimensionMismatch, "2 inputs, the data 1"),
        ({"data": []}, cpa.BadFile, "at least one point"),
        ({"size": 0}, cpa.BadArgument, "size to be at least 1"),
        ({"size": 7}, cpa.BadArgument, "at most the 6 samples"),
        ({"size": 2.5}, cpa.BadArgument, "size to be an integer"),
        ({"size": True}, cpa.BadArgument, "size to be an integer"),
        ({"limit": 0}, cpa.BadArgument, "limit to be at least 1"),
        ({"seed": "x"}, cpa.BadArgument, "seed to be an integer"),
        ({"partitions": -1}, cpa.BadArgument, "partitions to be at least 0"),
        ({"partitions": 1, "domain": cpa.Box([0], [1])}, cpa.DimensionMismatch, r"in R\^1"),
        ({"partitions": 1, "domain": 5}, cpa.BadArgument, "expected a Box"),
        ({"queries": [[1]]}, cpa.DimensionMismatch, "query 0"),
        ({"progress": 5}, cpa.BadArgument, "progress"),
    ],
)
def test_rejects(change, error, match):
    net, points, size = CASES["relu"]
    arguments = {"net": net, "data": points, "size": size} | change
    with pytest.raises(error, match=match):
        cpa.minibatch_report(arguments.pop("net"), arguments.pop("data"), arguments.pop("size"), **arguments)


def test_rejects_statistics_a_coordinate_on_images():
    layers = (image().layers[0], cpa.BatchNorm(mean=[0] * 8, variance=[1] * 8, epsilon=1), cpa.ReLU())
    with pytest.raises(cpa.BadNetwork, match="pixels of a channel"):
        cpa.minibatch_report(cpa.Network(9, layers), points_of(1, 3, 9), 2)


# The command.


def run(*arguments) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def files(tmp_path):
    net, points, _ = CASES["relu"]
    cpa.save_network(net, tmp_path / "net.json")
    cpa.save_data(cpa.Data(points, (0, 1, 2, 0, 1, 2)), tmp_path / "data.json")
    return tmp_path


def test_command(files):
    code, text, _ = run(
        "minibatches", files / "net.json", files / "data.json", "--size", 3, "--partitions", 4
    )

    assert code == 0
    assert "all 20 batches of 3 of 6 samples" in text
    assert "holds for every unit" in text
    assert "rigid on 4 of 4 batches" in text


def test_command_json(files):
    words = ["minibatches", files / "net.json", files / "data.json", "--size", 3, "--json", "--box", -2, 2]
    code, text, _ = run(*words, "--partitions", 2, "--distributions", "--out", files / "records")
    facts = json.loads(text)
    net, points, _ = CASES["relu"]
    domain = cpa.Box([-2, -2], [2, 2])
    expected = cpa.minibatch_report(net, cpa.Data(points, (0, 1, 2) * 2), 3, domain=domain, partitions=2)

    assert code == 0
    assert facts | {"seconds": 0} == json.loads(json.dumps(without_time(expected)))
    assert (files / "records").exists()


def test_interrupted_command_says_how_to_go_on(files, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("exactcpa.minibatch_command.minibatch_report", stop)
    words = ["minibatches", files / "net.json", files / "data.json", "--size", 3, "--out", files / "records"]
    code, _, err = run(*words)

    assert code == 130
    assert "records.part keeps what was done" in err


def test_command_misuse(files):
    code, _, err = run("minibatches", files / "net.json", files / "data.json", "--size", 9)

    assert code == 2
    assert err == "exactcpa: expected size to be at most the 6 samples, got 9\n"


# README and scripts.


def test_readme_example(monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    program = next(
        block for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S) if "minibatch" in block
    )
    expected = text.partition(program)[2].partition("```\n\nprints\n\n```\n")[2].partition("```")[0]
    monkeypatch.chdir(ROOT)
    exec(compile(program, "README.md", "exec"), {})

    assert capsys.readouterr().out == expected


@pytest.fixture
def jitter(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return import_module("verify_minibatch_jitter")


def test_script_holds_on_a_small_instance(files, jitter, capsys):
    words = ["--network", files / "net.json", "--data", files / "data.json", "--samples", 5, "--size", 2]
    code = jitter.main([str(word) for word in [*words, "--partitions", 3]])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert code == 0
    assert line["holds"] is True
    assert line["batches"] == 10
    assert {"claim", "value", "seconds", "commit", "machine"} <= line.keys()


def test_script_fails_on_other_lines(files, jitter, capsys, monkeypatch):
    rows = jitter.rows_of(CASES["relu"][0])
    monkeypatch.setattr(jitter, "rows_of", lambda _: [tuple(2 * a for a in row) for row in rows])
    words = ["--network", files / "net.json", "--data", files / "data.json", "--samples", 4, "--size", 2]

    assert jitter.main([str(word) for word in [*words, "--partitions", 1]]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["holds"] is False


@pytest.mark.slow
def test_benchmark(capsys, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    code = import_module("bench_minibatches").main(["--partitions", "20", "--baseline", "10"])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert line["different"] == 0
    assert code == int(bool(line["missed"]))
