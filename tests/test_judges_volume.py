"""Volumes and probabilities of cells and classes; mutations are refuted."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import SQUARE, context_of, judged, outcome, small_networks
from sparing import examples

from exactcpa.errors import BadFile


def test_of_a_cell():
    """The cell x <= 0, x + y <= 1 is 1 x 3 without a triangle of 1/2."""
    assert outcome(judged(context_of(), "volume", value="5/2", pattern=[0, 0])) == "confirmed"
    [verdict] = judged(context_of(), "volume", value="13/5", pattern=[0, 0])
    assert (str(verdict.outcome), verdict.error) == ("refuted", Fraction(1, 10))
    assert outcome(judged(context_of(), "volume", "1/5", value="13/5", pattern=[0, 0])) == "confirmed"
    assert outcome(judged(context_of(), "volume", value="1/2", point=[-0.5, 1.75])) == "confirmed"
    assert outcome(judged(context_of(), "volume", value=1, point=[0, 0])) == "undecidable"


def test_of_no_cell():
    narrow = context_of(domain={"type": "box", "lower": [-1, -1], "upper": [0, 1]})
    assert outcome(judged(narrow, "volume", value=0, pattern=[1, 0])) == "confirmed"
    [verdict] = judged(narrow, "volume", value="1/1000", pattern=[1, 0])
    assert str(verdict.outcome) == "refuted"
    assert verdict.evidence[0].kind == "empty"


def test_of_a_class():
    """Output 0 is larger where 2 x + y >= 2 above x + y = 1, and x >= 1 below it."""
    # above: area of {2 x + y >= 2, x + y >= 1, x >= 0}: 4 - 1/2 (the triangle); below: x >= 1, x + y <= 1: 1/2
    assert outcome(judged(context_of(), "volume", value=4, **{"class": 0})) == "confirmed"
    assert outcome(judged(context_of(), "volume", value=5, **{"class": 1})) == "confirmed"
    assert (
        outcome(judged(context_of(), "volume", value="4/9", measure="probability", **{"class": 0}))
        == "confirmed"
    )
    assert (
        outcome(judged(context_of(), "volume", value="1/2", measure="probability", **{"class": 0}))
        == "refuted"
    )


@pytest.mark.parametrize(
    ("relation", "value", "expected"),
    [
        ("at_least", 2, "confirmed"),
        ("at_least", 3, "refuted"),
        ("at_most", 3, "confirmed"),
        ("at_most", 2, "refuted"),
    ],
)
def test_relations(relation, value, expected):
    assert outcome(judged(context_of(), "volume", value=value, pattern=[0, 0], relation=relation)) == expected


def test_too_many_cells():
    assert outcome(judged(context_of(limit=1), "volume", value=4, **{"class": 0})) == "undecidable"
    assert outcome(judged(context_of(limit=1), "volume", value=4, pattern=[0, 0])) == "refuted"


def test_too_many_dimensions():
    """Volumes in R^7 are left open; that of no cell is 0 anywhere."""
    network = {
        "format": "exactcpa-network",
        "version": 1,
        "input": 7,
        "layers": [{"type": "linear", "weight": [[1] * 7, [0] * 7], "bias": [0, 1]}, {"type": "relu"}],
    }
    context = context_of(network, {"type": "box", "lower": [-1] * 7, "upper": [1] * 7})
    assert outcome(judged(context, "volume", value=64, pattern=[1, 1])) == "undecidable"
    assert outcome(judged(context, "volume", value=64, point=["1/2"] * 7)) == "undecidable"
    assert outcome(judged(context, "volume", value=64, **{"class": 0})) == "undecidable"
    assert outcome(judged(context, "volume", value=0, pattern=[1, 0])) == "confirmed"


def test_malformed():
    for body in (
        {"value": 1},
        {"value": 1, "class": 2},
        {"value": 1, "pattern": [0, 0], "class": 0},
        {"value": "x", "class": 0},
    ):
        with pytest.raises(BadFile, match="claim claim, field"):
            judged(context_of(), "volume", **body)


@settings(max_examples=examples(25), deadline=None)
@given(small_networks(outputs=3), st.fractions("1/1000000000", 2))
def test_mutations_are_refuted(network, step):
    """Classes' volumes add up to 9; each is confirmed, and refuted when moved."""
    context = context_of(network, SQUARE)
    volumes = [judged(context, "volume", value=0, **{"class": label})[0].truth for label in range(3)]
    assert sum(volumes) == 9
    for label, volume in enumerate(volumes):
        assert outcome(judged(context, "volume", value=str(volume), **{"class": label})) == "confirmed"
        assert outcome(judged(context, "volume", value=str(volume + step), **{"class": label})) == "refuted"
    pattern = context.partition().patterns[0].tolist()
    [verdict] = judged(context, "volume", value=0, pattern=pattern)
    assert outcome(judged(context, "volume", value=str(verdict.truth), pattern=pattern)) == "confirmed"
