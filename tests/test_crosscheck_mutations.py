"""True claims about random networks are confirmed; every mutation of one is refuted, with evidence that is accepted."""

from hypothesis import given, settings
from hypothesis import strategies as st
from judges import SQUARE, context_of, judged, outcome, small_networks
from sparing import examples

COUNTED = ("cells", "linear_regions", "facets")
NAMES = {"cells": "cells", "linear_regions": "linear_regions", "facets": "edges"}


@st.composite
def contexts(draw):
    return context_of(draw(small_networks()), SQUARE)


@settings(max_examples=examples(30), deadline=None)
@given(contexts(), st.sampled_from(COUNTED), st.integers(-3, 3).filter(bool))
def test_counts(context, of, change):
    truth = int(context.partition().results.facts[NAMES[of]])

    assert outcome(judged(context, "count", of=of, value=truth)) == "confirmed"
    assert outcome(judged(context, "count", of=of, value=truth + change)) == "refuted"
    relation = "at_least" if change > 0 else "at_most"
    assert outcome(judged(context, "count", of=of, value=truth + change, relation=relation)) == "refuted"


@settings(max_examples=examples(40), deadline=None)
@given(contexts(), st.data())
def test_patterns(context, data):
    listed = context.partition().patterns.astype(int)
    i = data.draw(st.integers(0, len(listed) - 1))
    unit = data.draw(st.integers(0, listed.shape[1] - 1))
    changed = listed.copy()
    changed[i, unit] ^= 1
    without = [row for j, row in enumerate(listed.tolist()) if j != i]
    is_phantom = changed[i].tolist() not in listed.tolist()

    assert outcome(judged(context, "patterns", patterns=listed, complete=True)) == "confirmed"
    assert outcome(judged(context, "patterns", patterns=changed, complete=True)) == "refuted"
    assert outcome(judged(context, "patterns", patterns=without, complete=True)) == "refuted"
    alone = judged(context_of_same(context), "patterns", patterns=changed[i : i + 1])
    assert outcome(alone) == ("refuted" if is_phantom else "confirmed")


def context_of_same(context):
    """The same without a partition: judged locally."""
    return type(context)(context.network, context.domain)


@settings(max_examples=examples(40), deadline=None)
@given(contexts().filter(lambda context: len(context.partition()) > 1), st.data())
def test_adjacent(context, data):
    part = context.partition()
    starts, neighbours = part.adjacency()
    i, j = data.draw(st.lists(st.integers(0, len(part) - 1), min_size=2, max_size=2, unique=True))
    is_shared = j in neighbours[starts[i] : starts[i + 1]].tolist()
    claim = {"patterns": part.patterns, "pairs": [[i, j]]}

    assert outcome(judged(context, "adjacent", **claim, adjacent=is_shared)) == "confirmed"
    assert outcome(judged(context, "adjacent", **claim, adjacent=not is_shared)) == "refuted"


@settings(max_examples=examples(40), deadline=None)
@given(contexts(), st.data())
def test_affine(context, data):
    part = context.partition()
    i = data.draw(st.integers(0, len(part) - 1))
    true = part.affine_map(i)
    matrix, shift = [list(row) for row in true.matrix], list(true.shift)
    row = data.draw(st.integers(0, len(matrix) - 1))
    by = data.draw(st.fractions(-1, 1, max_denominator=10**12).filter(bool))
    changed = [list(r) for r in matrix]
    changed[row][data.draw(st.integers(0, 1))] += by
    moved = [c + by if k == row else c for k, c in enumerate(shift)]

    for place in ({"patterns": part.patterns[i : i + 1]}, {"points": [part.witness(i)]}):
        assert outcome(judged(context, "affine", matrices=[matrix], shifts=[shift], **place)) == "confirmed"
        assert outcome(judged(context, "affine", matrices=[changed], **place)) == "refuted"
        assert outcome(judged(context, "affine", matrices=[matrix], shifts=[moved], **place)) == "refuted"
        assert outcome(judged(context, "affine", abs(by), matrices=[changed], **place)) == "confirmed"
