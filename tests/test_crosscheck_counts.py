"""Claims of kind count: four cells of two lines, degenerate networks, limits."""

from fractions import Fraction

import pytest
from degenerate import CASES
from judges import NETWORK, SQUARE, context_of, judged, outcome

# The lines x = 0 and x + y = 1 cross in the square: 4 cells, 4 facets; the maps u + v are 0, x, x + y - 1, 2x + y - 1.
TRUTH = {"cells": 4, "linear_regions": 4, "facets": 4, "affine_maps": 4}


@pytest.mark.parametrize("of", TRUTH)
@pytest.mark.parametrize(
    ("claimed", "verdict"), [(4, "confirmed"), (3, "refuted"), (5, "refuted"), ("4.5", "refuted")]
)
def test_base_case(of, claimed, verdict):
    (found,) = judged(context_of(), "count", of=of, value=claimed)

    assert outcome([found]) == verdict
    assert found.truth == TRUTH[of]
    assert found.error == Fraction(claimed) - 4


@pytest.mark.parametrize(
    ("relation", "claimed", "tolerance", "verdict"),
    [
        ("at_least", 4, None, "confirmed"),
        ("at_least", 5, None, "refuted"),
        ("at_most", 3, None, "refuted"),
        ("at_most", 4, None, "confirmed"),
        ("equal", "5.5", "1.5", "confirmed"),
        ("equal", "5.5", "1.499999999999999999999", "refuted"),
        ("at_least", 5, 1, "confirmed"),
        ("at_most", 2, 1, "refuted"),
    ],
)
def test_relations(relation, claimed, tolerance, verdict):
    assert outcome(judged(context_of(), "count", tolerance, value=claimed, relation=relation)) == verdict


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.cells <= 200])
def test_degenerate(name):
    case = CASES[name]
    context = context_of(case.network, case.domain)

    for of, truth in zip(("cells", "facets", "linear_regions"), case.counts, strict=True):
        assert outcome(judged(context, "count", of=of, value=truth)) == "confirmed"
        assert outcome(judged(context, "count", of=of, value=truth + 1)) == "refuted"


@pytest.mark.parametrize(
    ("of", "relation", "claimed", "verdict"),
    [
        ("cells", "equal", 3, "refuted"),
        ("cells", "equal", 4, "undecidable"),
        ("cells", "at_most", 3, "refuted"),
        ("cells", "at_most", 4, "undecidable"),
        ("cells", "at_least", 4, "confirmed"),
        ("cells", "at_least", 5, "undecidable"),
        ("linear_regions", "equal", 3, "undecidable"),
    ],
)
def test_beyond_the_limit(of, relation, claimed, verdict):
    (found,) = judged(context_of(limit=3), "count", of=of, relation=relation, value=claimed)

    assert outcome([found]) == verdict
    assert "more than 3 cells" in found.reason


def test_named_proof(tmp_path):
    context = context_of(proof=tmp_path / "all.cpa")

    (found,) = judged(context, "count", value=5)

    (evidence,) = found.evidence
    assert evidence.kind == "proof"
    assert evidence.body["file"] == str(tmp_path / "all.cpa")
    assert (evidence.body["cells"], evidence.body["edges"]) == (4, 4)


def test_too_few_without_a_proof(monkeypatch):
    monkeypatch.setattr("exactcpa.crosscheck.context.LARGEST_EMBEDDED", 0)

    (found,) = judged(context_of(NETWORK, SQUARE), "count", value=3)

    (evidence,) = found.evidence  # four points in four different cells
    assert evidence.kind == "points"
    assert sorted(evidence.body["patterns"]) == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_out_of_time():
    """An enumeration that is given up after no time at all decides little."""
    context = context_of(seconds=0.0)

    assert outcome(judged(context, "count", value=4)) == "undecidable"
    assert outcome(judged(context, "count", value=1, relation="at_least")) == "confirmed"
    assert outcome(judged(context_of(seconds=60.0), "count", value=4)) == "confirmed"
