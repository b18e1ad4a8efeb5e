"""Local counts: balls of three norms, boxes, hulls; mutations are refuted."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import SQUARE, context_of, judged, outcome, small_networks
from sparing import examples

from exactcpa.crosscheck.claim import Evidence, evidence_document
from exactcpa.crosscheck.interior_points import value_at
from exactcpa.errors import BadFile
from exactcpa.evidence_checker import Rejected, check_document
from exactcpa.exact_points import common
from exactcpa.patterns import integer


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
        ({"hull": [[3, 1], [1, 3]]}, 1, 0),  # touches the domain in a corner
        ({"box": {"lower": ["1/2", -1], "upper": ["1/2", 2]}}, 2, 1),
        ({"box": {"lower": [0, -1], "upper": [0, 2]}}, 2, 1),  # along x = 0
        ({"box": {"lower": [-1, 2], "upper": [1, 2]}}, 2, 1),  # in a wall; x + y = 1 is met at its end
        ({"box": {"lower": [1, 1], "upper": [1, 1]}}, 1, 0),
        ({"box": {"lower": [0, 0], "upper": [0, 0]}}, 2, 1),
        ({"hull": [[0, 1], [0, 1]]}, 4, 2),
        ({"hull": [[2, -1]]}, 2, 1),  # a corner of the domain, on x + y = 1
        ({"hull": [[-1, -1]]}, 1, 0),
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
    assert outcome(judged(context, "local_count", value=4, hull=[[0, 1]])) == "undecidable"


@pytest.mark.parametrize(
    "where",
    [
        {"box": {"lower": [5, 5], "upper": [6, 6]}},
        {"box": {"lower": [2, 0], "upper": [3, 1]}},  # its boundary has
        {"box": {"lower": [1, 0], "upper": [0, 1]}},
        {"ball": ball([3, 0], 1, "1")},
        {"ball": ball([3, 0], 1, "inf")},
        {"hull": [[2, 0], [3, 0]]},
        {"hull": [[2, 0], [3, 0], [3, 1]]},
        {"hull": [[3, 3]]},
    ],
)
def test_set_without_a_point(where):
    [verdict] = judged(context_of(), "local_count", value=1, **where)
    assert str(verdict) == ("claim: undecidable: the set, without its boundary, has no point in the domain")


def test_evidence_around_a_point():
    """Of a crossing of two lines: four cells on a small box, all with the point; tampered with it is rejected."""
    context = context_of()
    [verdict] = judged(context, "local_count", value=4, hull=[[0, 1]])
    assert [item.kind for item in verdict.evidence] == ["proof", "points", "around"]
    around = verdict.evidence[2].body
    assert around["point"] == [0, 1]
    for moved in ({"point": [0, 2]}, {"patterns": [around["patterns"][0]] * 2}):
        tampered = [Evidence("around", {**around, **moved})]
        with pytest.raises(Rejected, match=r"around: (the point is not|a pattern twice)"):
            check_document(evidence_document(context.network, context.domain, tampered))


def test_point_between_thin_cells():
    """Units x and x - 2^-40, then 2^-400: both cells at 0 are found, though the third begins beside them."""
    for exponent in (40, 400):
        network = {
            "format": "exactcpa-network",
            "version": 1,
            "input": 1,
            "layers": [
                {"type": "linear", "weight": [[1], [1]], "bias": [0, f"-1/{2**exponent}"]},
                {"type": "relu"},
            ],
        }
        context = context_of(network, {"type": "box", "lower": [-1], "upper": [1]})
        assert outcome(judged(context, "local_count", value=2, hull=[[0]])) == "confirmed"
        assert outcome(judged(context, "local_count", value=3, hull=[[0]])) == "refuted"


@settings(max_examples=examples(20), deadline=None)
@given(st.data())
def test_cells_around_a_point(data):
    """All closed cells of the whole partition that contain it."""
    context = context_of(data.draw(small_networks()), SQUARE)
    point = data.draw(st.tuples(*[st.fractions(-1, 2, max_denominator=2)] * 2))
    truth = sum(
        all(value_at(row.slack, common(point)) >= 0 for row in context.cell_rows(integer(words)))
        for words in context.partition().results.words
    )
    body = {"hull": [[str(q) for q in point]]}
    assert outcome(judged(context, "local_count", value=truth, **body)) == "confirmed"
    assert outcome(judged(context, "local_count", value=truth + 1, **body)) == "refuted"


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


@settings(max_examples=examples(30), deadline=None)
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
