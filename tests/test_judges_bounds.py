"""Bounds of outputs and pre-activations: sound or violated, how loose; true ranges mutated are refuted."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import NETWORK, SQUARE, context_of, judged, outcome, small_networks
from sparing import examples

from exactcpa.errors import BadFile


def test_the_exact_range():
    """u + v is 0 at the least and 2 + 3 at the most; the other output is 1."""
    verdicts = judged(context_of(), "bounds", lower=[0, 1], upper=[5, 1])

    assert outcome(verdicts) == "confirmed"
    assert [verdict.error for verdict in verdicts[1:]] == [0, 0, 0, 0]
    assert outcome(judged(context_of(), "bounds", lower=[0, 1], upper=[5, 1], claim="exact")) == "confirmed"


def test_violated():
    verdicts = judged(context_of(), "bounds", lower=[0, 1], upper=["9/2", 1])

    assert outcome(verdicts) == "refuted"
    [wrong] = [verdict for verdict in verdicts[1:] if str(verdict.outcome) == "refuted"]
    assert (wrong.claimed, wrong.truth, wrong.error) == (Fraction(9, 2), 5, Fraction(-1, 2))
    [value] = wrong.evidence
    assert (value.kind, value.body["point"], value.body["value"]) == ("value", [2, 2], 5)
    assert outcome(judged(context_of(), "bounds", 0.5, lower=[0, 1], upper=["9/2", 1])) == "confirmed"


def test_loose():
    """Interval arithmetic gives v <= 3; on the box [-1, 0] x [-1, 1] it is 0."""
    box = {"lower": [-1, -1], "upper": [0, 1]}
    verdicts = judged(context_of(), "bounds", lower=[None, None], upper=["1/4", 1], box=box)

    assert outcome(verdicts) == "confirmed"
    assert verdicts[0].figures["largest slack"] == Fraction(1, 4)
    assert outcome(judged(context_of(), "bounds", upper=["1/4", 1], box=box, claim="exact")) == "refuted"


TRIANGLE = {"type": "polytope", "A": [[-1, 0], [0, -1], [1, 1]], "b": [1, 1, 2]}
DIAGONAL = {
    "type": "slice",
    "origin": [0, 0, 5],
    "basis": [[1, 0], [1, 0], [0, 1]],
    "within": {"type": "box", "lower": [-1, -1], "upper": [2, 2]},
}
THREE = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 3,
    "layers": [
        {"type": "linear", "weight": [[1, 0, 0], [1, 1, 1]], "bias": [0, -6]},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1]], "bias": [0]},
    ],
}


@pytest.mark.parametrize(
    ("network", "domain", "lower", "upper", "least", "most"),
    [
        # relu(x) + relu(x + y - 1) on x = 1/2, at one point, in a wall of the domain, and beyond it
        (NETWORK, SQUARE, ["1/2", -1], ["1/2", 2], "1/2", 2),
        (NETWORK, SQUARE, [1, "1/3"], [1, "1/3"], "4/3", "4/3"),
        (NETWORK, SQUARE, [2, -9], [9, 9], 2, 5),
        (NETWORK, SQUARE, [2, 2], [3, 3], 5, 5),
        # x + y <= 2, x and y >= -1: the box meets it in an edge, in a corner
        (NETWORK, TRIANGLE, ["1/2", -2], ["1/2", 2], "1/2", "3/2"),
        (NETWORK, TRIANGLE, [1, 1], [2, 2], 2, 2),
        (NETWORK, TRIANGLE, [-2, 0], [-1, 1], 0, 0),
        # relu(s) + relu(2 s + t - 1) on s = 1, on t = 0, at a point
        (THREE, DIAGONAL, [1, -1], [1, 2], 1, 4),
        (THREE, DIAGONAL, [-1, 0], [2, 0], 0, 5),
        (THREE, DIAGONAL, [1, 1], [1, 1], 3, 3),
    ],
)
def test_boxes_without_interior(network, domain, lower, upper, least, most):
    context, box = context_of(network, domain), {"lower": lower, "upper": upper}
    rest = [None] if network is NETWORK else []
    body = {"lower": [least, *rest], "upper": [most, *rest], "box": box}

    assert outcome(judged(context, "bounds", claim="exact", **body)) == "confirmed"
    for side, step in (("lower", Fraction(1, 10**9)), ("upper", Fraction(-1, 10**9))):
        wrong = {**body, side: [str(Fraction(body[side][0]) + step), *rest]}
        verdicts = judged(context, "bounds", **wrong)
        assert outcome(verdicts) == "refuted"
        assert verdicts[0].evidence[0].kind == "value"


def test_evidence_for_a_flat_box():
    """The proof is on the slice; at a point every value is shown."""
    box = {"lower": ["1/2", -1], "upper": ["1/2", 2]}
    [whole, *_] = judged(context_of(), "bounds", upper=[2, 1], box=box)
    assert [item.kind for item in whole.evidence] == ["bounded"]
    assert whole.evidence[0].body["domain"]["type"] == "slice"
    [whole, *_] = judged(context_of(), "bounds", upper=[2, 1], box={"lower": [1, 0], "upper": [1, 0]})
    assert [(item.kind, item.body["point"], item.body["value"]) for item in whole.evidence] == [
        ("value", [1, 0], 1),
        ("value", [1, 0], 1),
    ]


def test_flat_box_of_too_many_cells():
    context, box = context_of(limit=1), {"lower": ["1/2", -1], "upper": ["1/2", 2]}
    assert outcome(judged(context, "bounds", upper=["19/10", None], box=box)) == "refuted"
    assert outcome(judged(context, "bounds", upper=["5/2", None], box=box)) == "confirmed"
    assert outcome(judged(context, "bounds", lower=["1/2", None], box=box, claim="exact")) == "undecidable"


@pytest.mark.parametrize(("lower", "upper"), [([5, 5], [6, 6]), ([5, 0], [5, 0]), ([1, 0], [0, 1])])
def test_box_without_a_point(lower, upper):
    [verdict] = judged(context_of(), "bounds", upper=[9, 9], box={"lower": lower, "upper": upper})
    assert str(verdict) == "claim: undecidable: the box has no point in the domain"


def test_pre_activations():
    """x from -1 to 2, x + y - 1 from -3 to 3."""
    body = {"of": "pre_activations", "layer": 0}
    assert outcome(judged(context_of(), "bounds", lower=[-1, -3], upper=[2, 3], **body)) == "confirmed"
    assert outcome(judged(context_of(), "bounds", lower=[-1, "-29/10"], upper=[2, 3], **body)) == "refuted"
    body["box"] = {"lower": [1, -1], "upper": [1, 2]}
    assert outcome(judged(context_of(), "bounds", lower=[1, -1], upper=[1, 2], **body)) == "confirmed"
    assert outcome(judged(context_of(), "bounds", lower=[1, -1], upper=[1, "19/10"], **body)) == "refuted"


def test_too_many_cells():
    """Without the cells, violations are found at points, and enclosures hold; what neither shows is not decided."""
    context = context_of(limit=1)
    body = {"of": "pre_activations", "layer": 0}
    box = {"lower": ["-1/2", "-1/2"], "upper": ["1/2", 2]}

    assert outcome(judged(context, "bounds", upper=[4, 1])) == "refuted"
    assert outcome(judged(context, "bounds", lower=[0, 1], upper=[5, None])) == "confirmed"
    assert outcome(judged(context, "bounds", upper=["4.9", 1], tolerance="0.1")) == "confirmed"
    assert outcome(judged(context, "bounds", upper=[5, 1], claim="exact")) == "undecidable"
    assert outcome(judged(context, "bounds", lower=[-1, -3], upper=[2, 3], **body)) == "confirmed"
    assert outcome(judged(context, "bounds", upper=["1/2", "3/2"], box=box, **body)) == "confirmed"
    assert outcome(judged(context, "bounds", upper=["1/2", "1.4"], box=box, **body)) == "refuted"


def test_bounds_left_open():
    """relu(x + y) - relu(x) - relu(y) is at most 0; enclosures do not show it."""
    network = {
        "format": "exactcpa-network",
        "version": 1,
        "input": 2,
        "layers": [
            {"type": "linear", "weight": [[1, 1], [1, 0], [0, 1]], "bias": [0, 0, 0]},
            {"type": "relu"},
            {"type": "linear", "weight": [[1, -1, -1]], "bias": [0]},
        ],
    }
    [verdict] = judged(context_of(network, limit=1), "bounds", lower=[-10], upper=[0])
    assert str(verdict.outcome) == "undecidable"
    assert verdict.reason.startswith("1 of 2 bounds hold, by an enclosure")
    assert outcome(judged(context_of(network), "bounds", lower=[-10], upper=[0])) == "confirmed"


def test_slice():
    domain = {
        "type": "slice",
        "origin": [0, 0],
        "basis": [[1], [1]],
        "within": {"type": "box", "lower": [-1], "upper": [1]},
    }
    assert outcome(judged(context_of(domain=domain), "bounds", lower=[0, 1], upper=[2, 1])) == "confirmed"
    assert outcome(judged(context_of(domain=domain), "bounds", lower=[0, 1], upper=[1, 1])) == "refuted"


@pytest.mark.parametrize(
    "body",
    [
        {"lower": [0]},
        {},
        {"lower": [0, "x"]},
        {"lower": [0, 0], "of": "units"},
        {"lower": [0, 0], "box": [0]},
        {"lower": [0, 0], "of": "pre_activations", "layer": 1},
    ],
)
def test_malformed(body):
    with pytest.raises(BadFile, match="claim claim, field"):
        judged(context_of(), "bounds", **body)


@settings(max_examples=examples(25), deadline=None)
@given(st.data())
def test_mutations_are_refuted(data):
    """The true range of a random network is confirmed; any bound moved inwards is refuted with an input."""
    context = context_of(data.draw(small_networks()), SQUARE)
    probe = judged(context, "bounds", lower=[-(10**9)] * 2, upper=[10**9] * 2)
    truth = {verdict.item: verdict.truth for verdict in probe[1:]}
    body = {side: [str(truth[f"{side} bound {i}"]) for i in range(2)] for side in ("lower", "upper")}
    assert outcome(judged(context, "bounds", claim="exact", **body)) == "confirmed"
    for point in data.draw(st.lists(st.tuples(*[st.fractions(-1, 2, max_denominator=9)] * 2), max_size=5)):
        values = context.network.forward(point)
        assert all(truth[f"lower bound {i}"] <= q <= truth[f"upper bound {i}"] for i, q in enumerate(values))
    side, index = data.draw(st.sampled_from(["lower", "upper"])), data.draw(st.integers(0, 1))
    step = data.draw(st.fractions("1/1000000000", 3))
    moved = truth[f"{side} bound {index}"] + (step if side == "lower" else -step)
    body[side][index] = str(moved)
    assert outcome(judged(context, "bounds", **body)) == "refuted"
