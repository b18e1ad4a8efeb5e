"""Local counts: balls of three norms, boxes, hulls; mutations are refuted."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import SQUARE, context_of, judged, outcome, small_networks

from exactcpa.errors import BadFile


def ball(center, radius, norm):
    return {"center": center, "radius": radius, "norm": norm}


@pytest.mark.parametrize(
    ("where", "cells", "units"),
    [
        # around (1/2, 0): x = 0 and x + y = 1 are at 1/2 in l1 and l_inf 1/2 and 1/4, in l2 1/2 and sqrt(1/8)
        ({"ball": ball(["1/2", 0], "1/2", "1")}, 1, 0),
        ({"ball": ball(["1/2", 0], "9/16", "1")}, 3, 2),
        ({"ball": ball(["1/2", 0], "1/4", "inf")}, 1, 0),
        ({"ball": ball(["1/2", 0], "1/2", "inf")}, 2, 1),
        ({"ball": ball(["1/2", 0], "353/1000", "2")}, 1, 0),
        ({"ball": ball(["1/2", 0], "354/1000", "2")}, 2, 1),
        ({"ball": ball(["1/2", 0], "1/2", "2")}, 2, 1),
        ({"ball": ball([0, 1], "1/1000", "2")}, 4, 2),
        ({"box": {"lower": [-1, -1], "upper": ["1/10", "1/2"]}}, 2, 1),
        ({"hull": [[-1, 0], [1, 0], [0, -1]]}, 2, 1),
        ({"hull": [[-1, 0], [1, "1/4"], [0, -1]]}, 3, 2),
        ({"hull": [[-1, 0], [1, "1/2"]]}, 3, 2),  # a segment
        ({"hull": [[0, -1], [0, 2]]}, 2, 1),  # along x = 0, where the first unit is flat
        ({"hull": [[0, 0], [9, 0], [0, 9], [9, 9]]}, 2, 1),  # beyond the domain
    ],
)
def test_counts(where, cells, units):
    context = context_of()
    for of, truth in (("cells", cells), ("units", units), ("hyperplanes", units)):
        assert outcome(judged(context, "local_count", of=of, value=truth, **where)) == "confirmed"
        for wrong in (truth + 1, truth - 1):
            assert outcome(judged(context, "local_count", of=of, value=wrong, **where)) == "refuted"


def test_layer_and_relation():
    context = context_of()
    where = {"ball": ball([0, 1], "1/1000", "2"), "of": "units", "layer": 0}
    assert outcome(judged(context, "local_count", value=1, relation="at_least", **where)) == "confirmed"
    assert outcome(judged(context, "local_count", value=1, relation="at_most", **where)) == "refuted"
    assert outcome(judged(context, "local_count", 1, value=1, relation="at_most", **where)) == "confirmed"


def test_undecided():
    context = context_of(limit=1)
    assert outcome(judged(context, "local_count", value=4, ball=ball([0, 1], 1, "inf"))) == "undecidable"
    assert outcome(judged(context_of(), "local_count", value=4, hull=[[0, 0], [0, 0]])) == "undecidable"
    assert (
        outcome(judged(context_of(), "local_count", value=4, box={"lower": [5, 5], "upper": [6, 6]}))
        == "undecidable"
    )


def test_slice():
    """The diagonal: x = 0 at t = 0, x + y = 1 at t = 1/2."""
    domain = {
        "type": "slice",
        "origin": [0, 0],
        "basis": [[1], [1]],
        "within": {"type": "box", "lower": [-1], "upper": [1]},
    }
    context = context_of(domain=domain)
    assert outcome(judged(context, "local_count", value=3, ball=ball(["1/4"], "1/2", "2"))) == "confirmed"
    assert outcome(judged(context, "local_count", value=3, ball=ball(["1/4"], "1/4", "2"))) == "refuted"
    assert outcome(judged(context, "local_count", value=2, hull=[[0], [1]])) == "confirmed"


@pytest.mark.parametrize(
    "body",
    [
        {"value": 1},
        {"value": 1, "ball": [0, 0]},
        {"value": 1, "ball": ball([0, 0], 0, "2")},
        {"value": 1, "ball": ball([0, 0], 1, "3")},
        {"value": 1, "hull": [[0]]},
        {"value": 1, "hull": [[0, 0]], "of": "facets"},
        {"value": 1, "hull": [[0, 0]], "box": {}},
    ],
)
def test_malformed(body):
    with pytest.raises(BadFile, match="claim claim, field"):
        judged(context_of(), "local_count", **body)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_mutations_are_refuted(data):
    """Sampled points of the set give a lower bound; the exact count is confirmed and any other refuted."""
    context = context_of(data.draw(small_networks()), SQUARE)
    center = data.draw(st.tuples(*[st.fractions(-1, 2, max_denominator=4)] * 2))
    radius, norm = (
        data.draw(st.fractions("1/10", 2, max_denominator=10)),
        data.draw(st.sampled_from(["1", "2", "inf"])),
    )
    body = {
        "ball": ball([str(q) for q in center], str(radius), norm),
        "of": data.draw(st.sampled_from(["cells", "units"])),
    }
    [verdict] = judged(context, "local_count", value=-1, **body)
    truth = verdict.truth
    assert outcome([verdict]) == "refuted"
    assert outcome(judged(context, "local_count", value=str(truth), **body)) == "confirmed"
    assert (
        outcome(judged(context, "local_count", value=str(truth + data.draw(st.integers(1, 3))), **body))
        == "refuted"
    )
    if body["of"] == "cells":
        seen = {
            context.pattern_of(point)
            for point in samples(center, radius, norm)
            if context.domain.contains(point)
        }
        assert sum(isinstance(pattern, int) for pattern in seen) <= truth


def samples(center, radius, norm):
    """Points strictly inside the ball."""
    size = {
        "1": lambda v: sum(map(abs, v)),
        "2": lambda v: math.hypot(*v),
        "inf": lambda v: max(map(abs, v)),
    }[norm]
    steps = [(i / 7, j / 7) for i in range(-6, 7) for j in range(-6, 7) if size((i / 7, j / 7)) < 0.99]
    return [tuple(c + radius * Fraction(s) for c, s in zip(center, step, strict=True)) for step in steps]
