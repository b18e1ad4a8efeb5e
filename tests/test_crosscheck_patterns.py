"""Claims of kind patterns: by hand, in every encoding, locally and against the partition."""

from itertools import product

import numpy as np
import pytest
from degenerate import CASES
from judges import NETWORK, context_of, judged, outcome

from exactcpa.crosscheck.context import Emptiness
from exactcpa.errors import BadFile

# y <= 1/2 leaves no room for x <= 0 and x + y >= 1.
LOW = {"type": "box", "lower": [-1, -1], "upper": [2, "1/2"]}
ALL = [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_all_cells():
    (found,) = judged(context_of(), "patterns", patterns=ALL, complete=True)

    assert outcome([found]) == "confirmed"
    assert [evidence.kind for evidence in found.evidence] == ["points", "proof"]
    assert found.figures["volume_found"] == found.figures["volume"] == 9


@pytest.mark.parametrize("complete", [False, True])
def test_phantom(complete):
    whole, item = judged(context_of(domain=LOW), "patterns", patterns=ALL, complete=complete)

    assert outcome([whole]) == "refuted"
    assert item.item == "pattern 1"
    # By hand: (1/2 - y) + (-x) + (x + y - 1) = -1/2; key -2 is the upper bound of y.
    assert item.evidence[0].kind == "empty"
    assert item.evidence[0].body["pattern"] == [0, 1]
    assert sorted(item.evidence[0].body["multipliers"]) == [[-2, 1], [0, 1], [1, 1]]


def test_missing():
    whole, item = judged(context_of(), "patterns", patterns=ALL[:3], complete=True)

    assert "1 of 4 cells are not listed" in whole.reason
    (evidence,) = item.evidence
    assert evidence.body["pattern"] == [1, 1]
    x, y = map(float, evidence.body["point"])
    assert x > 0
    assert x + y > 1
    assert (
        whole.figures["volume"] - whole.figures["volume_found"] == 4
    )  # by hand: the integral of 1 + x, 0 < x < 2


def test_repeated_patterns_are_no_error():
    (found,) = judged(context_of(), "patterns", patterns=[*ALL, *ALL], complete=True)

    assert outcome([found]) == "confirmed"
    assert (found.figures["listed"], found.figures["different"]) == (8, 4)


def test_empty_list():
    assert outcome(judged(context_of(), "patterns", patterns=[])) == "confirmed"
    assert outcome(judged(context_of(), "patterns", patterns=[], complete=True)) == "refuted"


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("encoding", ["pieces", "signs", "bits", "words"])
def test_encodings(encoding, complete):
    rows = np.array(ALL)
    given = {"signs": 2 * rows - 1, "words": (rows @ [1, 2])[:, None].astype(np.uint64)}.get(encoding, rows)

    for patterns in (given, given.astype(np.int8)) if encoding != "words" else (given,):
        (found,) = judged(context_of(), "patterns", patterns=patterns, encoding=encoding, complete=complete)
        assert outcome([found]) == "confirmed"
    if encoding != "words":
        assert (
            outcome(judged(context_of(), "patterns", patterns=given.tolist(), encoding=encoding))
            == "confirmed"
        )


@pytest.mark.parametrize("complete", [False, True])
def test_sign_zero_means_flat(complete):
    flat = {
        **NETWORK,
        "layers": [{"type": "linear", "weight": [[1, 0], [0, 0]], "bias": [0, 0]}, *NETWORK["layers"][1:]],
    }

    right = judged(
        context_of(flat), "patterns", patterns=[[1, 0], [-1, 0]], encoding="signs", complete=complete
    )
    wrong = judged(
        context_of(flat), "patterns", patterns=[[0, 0], [-1, 0], [1, 0]], encoding="signs", complete=complete
    )

    assert outcome(right) == "confirmed"
    assert outcome(wrong) == "refuted"
    (evidence,) = wrong[1].evidence  # x at a point of the cell x > 0
    assert evidence.kind == "value"
    assert evidence.body["unit"] == [0, 0]
    assert evidence.body["value"] == evidence.body["point"][0]


@pytest.mark.parametrize("limit", [3, 100])
def test_repeated_sign_zeros_are_counted_once(limit):
    rows = [[0, 0], [1, 1], [0, 0], [0, 1], [1, 1], [0, -1]]  # all but the last one within the cell of [1, 1]

    whole, *items = judged(context_of(limit=limit), "patterns", patterns=rows, encoding="signs")

    assert outcome([whole]) == "refuted"
    expected = {"listed": 6, "different": 4, "right": 1, "wrong": 3}
    assert {name: whole.figures[name] for name in expected} == expected
    assert [item.item for item in items] == ["pattern 0", "pattern 3", "pattern 5"]


def test_phantoms_with_sign_zeros_are_counted_once():
    twice = {
        **NETWORK,
        "layers": [
            {"type": "linear", "weight": [[1, 0], [1, 0], [1, 1]], "bias": [0, 0, 0]},
            {"type": "relu"},
        ],
    }
    rows = [[1, -1, 0]]  # the first two are the same unit

    whole, _ = judged(context_of(twice, limit=1), "patterns", patterns=rows, encoding="signs")

    assert (whole.figures["right"], whole.figures["wrong"]) == (0, 1)


def test_a_flat_unit_has_its_upper_piece():
    flat = {
        **NETWORK,
        "layers": [{"type": "linear", "weight": [[1, 0], [0, 0]], "bias": [0, 0]}, *NETWORK["layers"][1:]],
    }

    whole, item = judged(context_of(flat), "patterns", patterns=[[1, 0]])

    assert outcome([whole]) == "refuted"
    assert item.evidence[0].body["multipliers"] == [[1, 1]]  # the strict row -0 > 0


def test_beyond_the_limit():
    context = context_of(limit=3)

    right = judged(context, "patterns", patterns=ALL)
    unknown = judged(context, "patterns", patterns=ALL, complete=True)
    short = judged(context, "patterns", patterns=ALL[:1], complete=True)

    assert [outcome(found) for found in (right, unknown, short)] == ["confirmed", "undecidable", "refuted"]
    assert short[1].evidence[0].body["pattern"] in ([0, 1], [1, 0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"patterns": [[0, 2]]}, "expected 0 to 1 at column 1 of number 0, got 2"),
        ({"patterns": [[0, 1, 1]]}, r"expected rows of 2 whole numbers, got shape \(1, 3\)"),
        ({"patterns": [[0], [0, 1]]}, "rows of different lengths"),
        ({"patterns": [["a", "b"]]}, "expected whole numbers"),
        ({"patterns": [[1e30, 0]]}, "expected whole numbers"),
        ({"patterns": [[0.5, 1]]}, "expected whole numbers"),
        ({"patterns": "01"}, "expected a list"),
        ({"patterns": np.array(1)}, "expected a list"),
        ({"patterns": [[0, 1]], "encoding": "hex"}, "field encoding: expected pieces or signs"),
        ({"patterns": [[0, 1]], "complete": 1}, "field complete: expected true or false, got 1"),
        ({"patterns": [[5]], "encoding": "words"}, "expected words to be an .npz array"),
        ({"patterns": np.array([[5]], np.uint64), "encoding": "words"}, "number 0 is no pattern"),
        ({"patterns": [[-2, 1]], "encoding": "signs"}, "expected -1 to 1"),
    ],
)
def test_rejects(body, said):
    with pytest.raises(BadFile, match=said) as caught:
        judged(context_of(), "patterns", **body)

    assert str(caught.value).startswith("claim claim, field ")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.cells <= 100])
def test_every_pattern_locally_as_in_the_partition(name):
    """The linear program of one pattern knows what the enumeration knows, on degenerate networks too."""
    case = CASES[name]
    context = context_of(case.network, case.domain)
    part = context.partition()
    cells = {tuple(row) for row in part.patterns.tolist()}
    pieces = [range(unit.width + (unit.group < 0)) for unit in context.form.units]
    near = {
        (*row[:k], p, *row[k + 1 :])
        for row in sorted(cells)[:20]
        for k in range(len(pieces))
        for p in pieces[k]
    }
    everything = product(*pieces) if np.prod([len(p) for p in pieces]) <= 64 else sorted(near | cells)

    for row in everything:
        found = context.witness_of(context.pattern_from(row))
        assert (row in cells) is not isinstance(found, Emptiness)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.cells <= 40])
def test_degenerate_lists(name):
    case = CASES[name]
    context = context_of(case.network, case.domain)
    listed = context.partition().patterns

    assert outcome(judged(context, "patterns", patterns=listed, complete=True)) == "confirmed"
    if len(listed) > 1:
        assert outcome(judged(context, "patterns", patterns=listed[1:], complete=True)) == "refuted"
