"""Distances and margins: exact, bounds, adversarial points; mutations are refuted."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from judges import SQUARE, context_of, judged, outcome, small_networks
from sparing import examples

from exactcpa.errors import BadFile


@pytest.mark.parametrize(("norm", "value"), [("1", "2/5"), ("inf", "1/5"), ("2", "0.282842712474619")])
def test_to_the_partition(norm, value):
    """From (7/10, 7/10) the line x + y = 1 is nearer than x = 0: 2/5 over the dual norm of (1, 1)."""
    tolerance = "1/10000000000" if norm == "2" else None
    context = context_of()
    assert (
        outcome(judged(context, "distance", tolerance, point=["7/10", "7/10"], norm=norm, value=value))
        == "confirmed"
    )
    for wrong in ("1/4", "9/20", 0, -1):
        assert (
            outcome(judged(context, "distance", point=["7/10", "7/10"], norm=norm, value=wrong)) == "refuted"
        )
    [verdict] = judged(context, "distance", point=[1, 1], value="1/2", relation="at_most")
    assert str(verdict.outcome) == "refuted"
    assert verdict.truth == "sqrt(1/2)"
    assert {e.kind for e in verdict.evidence} == {"reach", "ball"}


@pytest.mark.parametrize(
    ("point", "truth", "said"),
    [
        (["-1/4", 0], "1/4", "the distance is 1/4,"),
        (["1/4", "1/4"], "1/4", "the distance is 1/4,"),
        (["1/2", "1/3"], "sqrt(1/72)", "the distance is sqrt(1/72),"),
        (
            ["1/2", "49999999999999999999/100000000000000000000"],  # 10^-20 below the line x + y = 1
            f"sqrt(1/{2 * 10**40})",
            "the distance is about 7.07107e-21,",
        ),
    ],
)
def test_roots_are_readable(point, truth, said):
    [verdict] = judged(context_of(), "distance", point=point, value=0)
    assert str(verdict.truth) == truth
    assert said in verdict.reason


def test_distances_of_thousands_of_digits():
    [verdict] = judged(context_of(), "distance", point=["1/2", "1e-5000"], value=0)
    assert str(verdict.outcome) == "refuted" and verdict.truth.startswith("sqrt(0x")
    assert len(verdict.reason) < 200


@pytest.mark.parametrize("unit", [[0.9, 1.9], ["0", True], [float("inf"), 0], [0, "1e5000"], [0, "x"]])
def test_a_unit_is_not_rounded(unit):
    with pytest.raises(BadFile, match=r"field unit: expected \[layer, index\]"):
        judged(context_of(), "distance", point=["1/2", "1/3"], value=0, unit=unit)


def test_where_cells_meet():
    assert outcome(judged(context_of(), "distance", point=[0, 0], value=0)) == "confirmed"
    assert outcome(judged(context_of(), "distance", point=[0, 0], value="1/1000000000")) == "refuted"


def test_the_foot_is_outside():
    """From (-1/2, 0) in x <= 1/4, y <= 1/2: the line x + y = 1 is nowhere; x = 0 is 1/2 away."""
    context = context_of(domain={"type": "box", "lower": [-1, -1], "upper": ["1/4", 0.5]})
    assert outcome(judged(context, "distance", point=[-0.5, 0], value=0.5, norm="inf")) == "confirmed"
    alone = context_of(domain={"type": "box", "lower": [-1, -1], "upper": [0, 0.5]})
    [verdict] = judged(alone, "distance", point=[-0.5, 0], value=0.5)
    assert str(verdict.outcome) == "refuted"
    assert verdict.truth == "infinity"
    assert outcome(judged(alone, "distance", point=[-0.5, 0], value=9, relation="at_least")) == "confirmed"
    # x + y = 1 enters the domain at (3/4, 1/4) only beyond the foot: y <= 1/4
    corner = context_of(domain={"type": "box", "lower": ["1/8", -1], "upper": [2, "1/4"]})
    assert outcome(judged(corner, "distance", point=["1/4", "1/4"], value="1/2", norm="inf")) == "confirmed"
    assert outcome(judged(corner, "distance", point=["1/4", "1/4"], value="1/4", norm="inf")) == "refuted"


def test_to_a_unit():
    context = context_of()
    body = {"point": [-0.5, -0.5], "norm": "1", "unit": [0, 1]}
    assert outcome(judged(context, "distance", value=2, **body)) == "confirmed"
    [verdict] = judged(context, "distance", value="3/2", **body)
    assert str(verdict.outcome) == "refuted"
    assert {e.kind for e in verdict.evidence} == {"reach", "margin"}
    assert outcome(judged(context, "distance", value="3/2", relation="at_least", **body)) == "confirmed"


def test_margin():
    """At (0, 0) output 1 wins by 1; output 0 is x + relu(x + y - 1): in l_inf (2/3, 2/3) is the nearest tie."""
    context = context_of()
    assert outcome(judged(context, "margin", point=[0, 0], norm="inf", value="2/3")) == "confirmed"
    assert (
        outcome(judged(context, "margin", point=[0, 0], norm="inf", value="2/3", relation="lower"))
        == "confirmed"
    )
    [verdict] = judged(context, "margin", point=[0, 0], norm="inf", value="3/4", relation="lower")
    assert str(verdict.outcome) == "refuted"
    assert verdict.evidence[0].body["nearest"] == ["2/3", "2/3"]
    [verdict] = judged(context, "margin", point=[0, 0], norm="inf", value="1/2", relation="upper")
    assert str(verdict.outcome) == "refuted"
    assert "margin" in {e.kind for e in verdict.evidence}


def test_adversarial():
    context = context_of()
    assert outcome(judged(context, "margin", point=[0, 0], norm="inf", adversarial=[1, 1])) == "confirmed"
    assert (
        outcome(judged(context, "margin", point=[0, 0], norm="inf", adversarial=["2/3", "2/3"]))
        == "confirmed"
    )
    assert outcome(judged(context, "margin", point=[0, 0], norm="inf", adversarial=[0.66, 0.66])) == "refuted"
    assert (
        outcome(judged(context, "margin", point=[0, 0], norm="inf", adversarial=[1, 1], value="1/2"))
        == "refuted"
    )
    assert (
        outcome(judged(context, "margin", point=[0, 0], norm="2", adversarial=[1, 0], value=1)) == "confirmed"
    )
    assert outcome(judged(context, "margin", point=[0, 0], norm="2", adversarial=[5, 5])) == "undecidable"


def test_no_other_class_and_wrong_label():
    context = context_of(domain={"type": "box", "lower": [-1, -1], "upper": [0, 0]})
    assert outcome(judged(context, "margin", point=[-0.5, -0.5], value=5, relation="lower")) == "confirmed"
    assert outcome(judged(context, "margin", point=[-0.5, -0.5], value=5)) == "refuted"
    assert (
        outcome(judged(context, "margin", point=[-0.5, -0.5], value=5, relation="lower", label=0))
        == "refuted"
    )
    assert outcome(judged(context, "margin", point=[-0.5, -0.5], value=0, label=0)) == "confirmed"


def test_one_output():
    network = {
        "format": "exactcpa-network", "version": 1, "input": 1,
        "layers": [{"type": "linear", "weight": [[1], [-1]], "bias": [0, 0]}, {"type": "relu"},
                   {"type": "linear", "weight": [[1, 1]], "bias": [-1]}],
    }  # fmt: skip
    context = context_of(network, {"type": "box", "lower": [-2], "upper": [2]})
    assert outcome(judged(context, "margin", point=["1/3"], value="2/3", norm="inf")) == "confirmed"
    assert (
        outcome(judged(context, "margin", point=["1/3"], value="5/3", norm="inf", threshold=1)) == "confirmed"
    )
    assert outcome(judged(context, "margin", point=["1/3"], value="1/3", norm="inf")) == "refuted"
    assert outcome(judged(context, "margin", point=["1/3"], adversarial=[1.5])) == "confirmed"
    assert outcome(judged(context, "margin", point=["1/3"], adversarial=[0.5])) == "refuted"


def test_large_networks(monkeypatch):
    """Searched only as far as was claimed; the verdicts are the same, the truth is told if it is near."""
    monkeypatch.setattr("exactcpa.crosscheck.judge_distance.SMALL_BITS", 0)
    body = {"point": [0, 0], "norm": "inf"}
    assert outcome(judged(context_of(), "margin", value="2/3", **body)) == "confirmed"
    [verdict] = judged(context_of(), "margin", value="1/2", **body)
    assert (str(verdict.outcome), verdict.truth) == ("refuted", "more than 1/2")
    assert outcome(judged(context_of(), "margin", value="1/2", relation="lower", **body)) == "confirmed"
    assert outcome(judged(context_of(), "margin", value="3/4", relation="lower", **body)) == "refuted"
    # in l2 the nearest tie is at distance sqrt(4/5) (2 x + y = 2), inside the box of 7/8 but not the ball
    assert outcome(judged(context_of(), "margin", value="7/8", relation="lower", point=[0, 0])) == "confirmed"
    assert outcome(judged(context_of(), "margin", value="9/10", relation="lower", point=[0, 0])) == "refuted"
    assert outcome(judged(context_of(limit=1), "margin", value="9/10", **body)) == "undecidable"
    assert outcome(judged(context_of(), "distance", value="1/2", unit=[0, 1], **body)) == "confirmed"
    assert outcome(judged(context_of(), "distance", value="1/4", unit=[0, 1], **body)) == "refuted"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("distance", {"point": [0], "value": 1}),
        ("distance", {"point": [0, 0], "value": "x"}),
        ("distance", {"point": [0, 0], "value": 1, "norm": "3"}),
        ("distance", {"point": [0, 0], "value": 1, "unit": [0, 7]}),
        ("distance", {"point": [9, 9], "value": 1}),
        ("margin", {"point": [0, 0]}),
        ("margin", {"point": [0, 0], "value": 1, "relation": "about"}),
    ],
)
def test_malformed(kind, body):
    with pytest.raises(BadFile, match="claim claim, field"):
        judged(context_of(), kind, **body)


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_mutations_are_refuted(data):
    """True distances are confirmed; moved they are refuted, and every piece of evidence holds."""
    context = context_of(data.draw(small_networks(outputs=data.draw(st.integers(1, 3)))), SQUARE)
    x = [str(q) for q in data.draw(st.tuples(*[st.fractions(-1, 2, max_denominator=8)] * 2))]
    norm, step = data.draw(st.sampled_from(["1", "inf"])), data.draw(st.fractions("1/1000000000", 3))
    body = {"point": x, "norm": norm}
    kind = data.draw(st.sampled_from(["distance", "margin"]))
    if kind == "distance" and data.draw(st.booleans()):
        body["unit"] = [0, data.draw(st.integers(0, 1))]
    [verdict] = judged(context, kind, value=0, relation="at_least", **body)
    assume(verdict.truth != "infinity")
    truth = verdict.truth
    assert outcome(judged(context, kind, value=str(truth), **body)) == "confirmed"
    assert outcome(judged(context, kind, value=str(truth + step), **body)) == "refuted"
    assert outcome(judged(context, kind, value=str(truth - step), **body)) == "refuted"
    assert outcome(judged(context, kind, value=str(truth + step), relation="lower", **body)) == "refuted"
    assert outcome(judged(context, kind, value=str(truth - step), relation="upper", **body)) == "refuted"
    body["norm"] = "2"
    [verdict] = judged(context, kind, value=-1, **body)
    assert str(verdict.outcome) == "refuted"
