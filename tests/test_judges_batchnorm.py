"""Statistics, centroids and offsets of hyperplanes after batch normalisation; mutations are refuted."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import SMALL, context_of, judged, outcome
from sparing import examples

from exactcpa.errors import BadFile

DATA = [[0, 0], [2, 0], [1, 3]]
# means 1 and 1, variances 2/3 and 2
NETWORK = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 2,
    "layers": [
        {"type": "linear", "weight": [[1, 0], [0, 1]], "bias": [0, 0]},
        {
            "type": "batchnorm",
            "mean": [1, 1],
            "variance": [0, 3],
            "gamma": [1, 1],
            "beta": [0, 2],
            "epsilon": 1,
        },
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1], [1, -1]], "bias": [0, 1]},
        {
            "type": "batchnorm",
            "mean": [0, 0],
            "variance": [0, 0],
            "gamma": [1, 2],
            "beta": [0, 0],
            "epsilon": 1,
        },
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1]], "bias": [0]},
    ],
}
BOX = {"type": "box", "lower": [-2, -2], "upper": [3, 3]}


@pytest.fixture(scope="module")
def context():
    return context_of(NETWORK, BOX)


def test_statistics(context):
    assert (
        outcome(judged(context, "bn_statistics", data=DATA, layer=1, mean=[1, 1], variance=["2/3", 2]))
        == "confirmed"
    )
    assert (
        outcome(judged(context, "bn_statistics", data=DATA, layer=1, variance=[1, 3], unbiased=True))
        == "confirmed"
    )
    [verdict] = judged(
        context, "bn_statistics", data=DATA, layer=1, mean=[1, 1], variance=[0.6666666666666666, 2]
    )
    assert str(verdict.outcome) == "refuted"
    assert verdict.truth == Fraction(2, 3)
    assert (
        outcome(judged(context, "bn_statistics", "1e-15", data=DATA, layer=1, variance=[2 / 3, 2]))
        == "confirmed"
    )


def test_statistics_of_a_deep_layer(context):
    """What is not claimed is told: the truth of a wrong claim is then confirmed."""
    [first] = judged(context, "bn_statistics", data=DATA, layer=4, mean=[0, 1000])
    assert outcome([first]) == "refuted"
    assert first.claimed == 1000
    [second] = judged(context, "bn_statistics", data=DATA, layer=4, mean=[0, str(first.truth)])
    assert second.claimed == 0 or second.error == 0
    assert (
        outcome(
            judged(context, "bn_statistics", data=DATA, layer=4, mean=[str(second.truth), str(first.truth)])
        )
        == "confirmed"
    )


def test_centroid(context):
    """First of the data: (1, 1).  Then of relu(x - 1): 0, 1, 0, and of relu((y - 1) / 2 + 2): 3/2, 3/2, 3."""
    assert outcome(judged(context, "centroid", data=DATA, layer=0, value=[1, 1])) == "confirmed"
    assert outcome(judged(context, "centroid", data=DATA, layer=0, value=[1, "1000001/1000000"])) == "refuted"
    assert outcome(judged(context, "centroid", data=DATA, layer=1, value=["1/3", 2])) == "confirmed"
    assert outcome(judged(context, "centroid", data=DATA, layer=1, value=[1 / 3, 2])) == "refuted"


@pytest.mark.parametrize(
    ("unit", "of", "value", "wrong"),
    [
        ([0, 0], "offset", 0, "1/1000000"),  # x - 1 on average
        ([0, 1], "offset", 2, 1),  # (y - 1) / 2 + 2
        ([0, 1], "bias", "3/2", 2),
        ([0, 1], "distance", 4, 2),  # 2 over |(0, 1/2)|
        ([0, 0], "mean_squared", "2/3", "1/3"),
        ([0, 1], "optimum", 2, 3),  # the variance of y
        ([1, 0], "offset", "7/3", 2),  # (1/3 + 2)
    ],
)
def test_offset(context, unit, of, value, wrong):
    assert outcome(judged(context, "bn_offset", data=DATA, unit=unit, of=of, value=value)) == "confirmed"
    assert outcome(judged(context, "bn_offset", data=DATA, unit=unit, of=of, value=wrong)) == "refuted"


def test_an_irrational_distance(context):
    """Unit (1, 0) is z_0 + z_1: 7/3 / sqrt(2)."""
    body = {"data": DATA, "unit": [1, 0], "of": "distance"}
    assert outcome(judged(context, "bn_offset", value="1.65", **body)) == "refuted"
    assert outcome(judged(context, "bn_offset", "1/1000", value="1.65", **body)) == "confirmed"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("bn_statistics", {"data": DATA, "layer": 0, "mean": [1, 1]}),
        ("bn_statistics", {"data": DATA, "layer": 1}),
        ("bn_statistics", {"data": [], "layer": 1, "mean": [0, 0]}),
        ("bn_statistics", {"data": DATA, "layer": 1, "mean": [0]}),
        ("centroid", {"data": DATA, "layer": 2, "value": [0]}),
        ("bn_offset", {"data": DATA, "unit": [0, 2], "value": 0}),
        ("bn_offset", {"data": [[0]], "unit": [0, 0], "value": 0}),
    ],
)
def test_malformed(context, kind, body):
    with pytest.raises(BadFile, match="claim claim, field"):
        judged(context, kind, **body)


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_mutations_are_refuted(context, data):
    points = data.draw(st.lists(st.lists(SMALL, min_size=2, max_size=2), min_size=1, max_size=4))
    rows = [[str(q) for q in point] for point in points]
    step = data.draw(st.fractions("1/1000000000", 3) | st.fractions(-3, "-1/1000000000"))
    mean = [sum(column) / len(points) for column in zip(*points, strict=True)]
    listed = [str(q) for q in mean]
    assert outcome(judged(context, "centroid", data=rows, layer=0, value=listed)) == "confirmed"
    assert outcome(judged(context, "bn_statistics", data=rows, layer=1, mean=listed)) == "confirmed"
    place = data.draw(st.integers(0, 1))
    listed[place] = str(mean[place] + step)
    assert outcome(judged(context, "centroid", data=rows, layer=0, value=listed)) == "refuted"
    assert outcome(judged(context, "bn_statistics", data=rows, layer=1, mean=listed)) == "refuted"
    unit = data.draw(st.sampled_from([[0, 0], [0, 1], [1, 0], [1, 1]]))
    of = data.draw(st.sampled_from(["offset", "bias", "mean_squared", "optimum"]))
    [verdict] = judged(context, "bn_offset", data=rows, unit=unit, of=of, value=0)
    assert (
        outcome(judged(context, "bn_offset", data=rows, unit=unit, of=of, value=str(verdict.truth)))
        == "confirmed"
    )
    moved = str(verdict.truth + step)
    assert outcome(judged(context, "bn_offset", data=rows, unit=unit, of=of, value=moved)) == "refuted"
