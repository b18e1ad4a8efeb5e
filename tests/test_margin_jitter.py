"""Margins under every mini-batch: against brute force on every batch's network, and by hand."""

import json
from fractions import Fraction
from itertools import combinations

import pytest
from margin_oracle import NORMS
from margin_oracle import margin as brute_force

import exactcpa as cpa

F = Fraction
DATA = [[0, 0], [2, 1], [-1, 3], [1, -2], [3, 2]]


def normalised(units=3):
    """Two inputs, a normalised ReLU layer, two classes."""
    rows = [[1, 2], [-1, 1], [2, -1]][:units]
    norm = cpa.TrainingBatchNorm(epsilon=1)
    head = cpa.Linear([[1, -1, 2][:units], [-1, 1, 1][:units]], [0, 0])
    return cpa.Network(2, (cpa.Linear(rows, [0] * units), norm, cpa.ReLU(), head))


@pytest.mark.parametrize("norm", NORMS)
def test_every_batch_against_brute_force(norm):
    net = normalised()
    report = cpa.margin_jitter(net, DATA, 3, norm=norm)
    ends = {name: [str(x) for x in getattr(report.domain, name)] for name in ("lower", "upper")}
    domain = {"type": "box", **ends}
    assert [sample.number for sample in report.samples] == list(range(5))
    for batch in [None, *combinations(range(5), 3)]:
        frozen = cpa.freeze(net, DATA if batch is None else [DATA[k] for k in batch])
        network = cpa.network_to_json(frozen)
        for sample in report.samples[:2]:
            under = sample.full if batch is None else sample.batches[batch]
            point = tuple(map(F, DATA[sample.number]))
            assert under.value == brute_force(network, domain, point, norm)[0]
            outputs = frozen.forward(point)
            assert under.decision == "=".join(str(k) for k in range(2) if outputs[k] == max(outputs))


def test_base_case():
    """One unit on a line: the boundary of a batch is its mean, the margin the distance to it."""
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.TrainingBatchNorm(epsilon=0)))
    report = cpa.margin_jitter(net, [[-3], [0], [6]], 2, norm="1", domain=cpa.Box([-9], [9]), compare=())
    first, second, third = report.samples
    assert first.full.value == 4 and first.full.nearest == (1,)
    assert dict(first.kept) == {F(3, 2): 1, F(9, 2): 1, F(6): 1}
    assert (first.least, first.least_batch) == (F(3, 2), (0, 1))
    assert (second.flips, second.least, second.least_batch) == (1, 0, (0, 1))
    assert third.kept.least() == 3
    assert report.shrinkage == [0.375, 0, 0.6]


def test_batch_of_all_data_changes_nothing():
    report = cpa.margin_jitter(normalised(), DATA, 5)
    for sample in report.samples:
        assert [under.value for under in sample.batches.values()] == [sample.full.value]
        assert sample.flips == 0


def test_variants_have_the_margins_of_their_networks():
    """Without batchnorm and with zero biases the boundaries are cones at the origin."""
    net = normalised()
    report = cpa.margin_jitter(net, DATA, 4, compare=["zero-bias"])
    plain = cpa.Network(
        2, tuple(layer for layer in net.layers if not isinstance(layer, cpa.TrainingBatchNorm))
    )
    for sample in report.samples:
        assert sample.others["zero-bias"].value == cpa.margin(plain, DATA[sample.number], report.domain).value
    assert report.samples[0].others["zero-bias"].value == 0


def test_batches_without_a_network_are_told():
    """Two equal samples have no variance, and epsilon is 0."""
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.TrainingBatchNorm(epsilon=0)))
    report = cpa.margin_jitter(net, [[1], [1], [4]], 2, compare=())
    assert report.stopped == ((0, 1),)
    assert [len(sample.batches) for sample in report.samples] == [2, 2, 2]


def test_written_forms():
    report = cpa.margin_jitter(normalised(), DATA, 4, samples=2)
    written = json.loads(json.dumps(report.to_json()))
    assert len(written["samples"]) == 2
    sample = report.samples[0]
    assert F(written["samples"][0]["full"]["value"]["exact"]) == sample.full.value
    assert sum(written["samples"][0]["margins"].values()) == sample.kept.total
    assert len(list(report.lines())) == 4 + 3 + 2


def test_progress():
    told = []
    cpa.margin_jitter(
        normalised(), DATA, 4, samples=1, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(k, 8) for k in range(1, 9)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"size": 0}, cpa.BadArgument),
        ({"size": 6}, cpa.BadArgument),
        ({"samples": 0}, cpa.BadArgument),
        ({"norm": "3"}, cpa.BadArgument),
        ({"compare": ["other"]}, cpa.BadArgument),
        ({"progress": 3}, cpa.BadArgument),
        ({"domain": cpa.Box([0], [1])}, cpa.DimensionMismatch),
        ({"domain": cpa.Slice([0, 0], [[1], [1]], cpa.Box([0], [1]))}, cpa.DimensionMismatch),
        ({"domain": 3}, cpa.BadArgument),
        ({"data": [[1]]}, cpa.DimensionMismatch),
        ({"net": cpa.Network(2, (cpa.Linear([[1, 1]], [0]),))}, cpa.BadNetwork),
    ],
)
def test_rejects_misuse(change, error):
    chosen = {"net": normalised(), "data": DATA, "size": 3, **change}
    with pytest.raises(error):
        cpa.margin_jitter(**chosen)
