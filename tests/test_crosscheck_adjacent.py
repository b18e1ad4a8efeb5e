"""Claims of kind adjacent: by hand, and all pairs of cells of degenerate networks against the region graph."""

from itertools import combinations

import numpy as np
import pytest
from degenerate import CASES
from judges import context_of, judged, outcome

from exactcpa.crosscheck.judge_adjacency import common_facet
from exactcpa.errors import BadFile
from exactcpa.patterns import integer

LOW = {"type": "box", "lower": [-1, -1], "upper": [2, "1/2"]}


def test_facet():
    (found,) = judged(context_of(), "adjacent", pairs=[[[1, 1], [0, 1]]])

    assert outcome([found]) == "confirmed"
    (evidence,) = found.evidence
    assert evidence.kind == "facet"
    x, y = evidence.body["point"]
    assert x == 0  # by hand: the facet is x = 0, 1 < y < 2
    assert 1 < y < 2


def test_cells_that_only_touch():
    whole, item = judged(context_of(), "adjacent", pairs=[[[1, 1], [0, 0]]])

    assert outcome([whole]) == "refuted"
    assert item.reason == "the cells meet, but share no facet"
    (evidence,) = item.evidence
    # By hand: x >= 0 and -x >= 0; x + y - 1 >= 0 and 1 - x - y >= 0: both vanish, and they are independent.
    assert evidence.body["certificates"] == [[[0, 0, 1], [1, 0, 1]], [[0, 1, 1], [1, 1, 1]]]


def test_touching_cells_claimed_apart():
    (found,) = judged(context_of(), "adjacent", pairs=[[[1, 1], [0, 0]], [[0, 1], [1, 0]]], adjacent=False)

    assert outcome([found]) == "confirmed"


def test_neighbours_claimed_apart():
    whole, item = judged(context_of(), "adjacent", pairs=[[[1, 1], [1, 0]]], adjacent=False)

    assert outcome([whole]) == "refuted"
    x, y = item.evidence[0].body["point"]
    assert x + y == 1
    assert 0 < x < 2


def test_phantom():
    whole, item = judged(context_of(domain=LOW), "adjacent", pairs=[[[0, 1], [0, 0]]])

    assert outcome([whole]) == "refuted"
    assert item.evidence[0].kind == "empty"


def test_all_pairs():
    patterns, pairs = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0, 1], [0, 2], [1, 3], [2, 3]]

    right = judged(context_of(), "adjacent", patterns=patterns, pairs=pairs, complete=True)
    short = judged(context_of(), "adjacent", patterns=patterns, pairs=pairs[1:], complete=True)
    unknown = judged(context_of(limit=2), "adjacent", patterns=patterns, pairs=np.array(pairs), complete=True)

    assert [outcome(found) for found in (right, short, unknown)] == ["confirmed", "refuted", "undecidable"]
    assert short[1].evidence[0].kind == "facet"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"pairs": [[[0, 1], [0, 1]]]}, "two different patterns, got one twice at number 0"),
        ({"pairs": [[[0, 1]]]}, "expected two ends, got 1 of number 0"),
        ({"pairs": [[0, 4]], "patterns": [[0, 0], [1, 1]]}, "numbers of patterns below 2, got 4"),
        ({"pairs": [[0, True]], "patterns": [[0, 0], [1, 1]]}, "numbers of patterns below 2, got True"),
        (
            {"pairs": [[[0, 1], [1, 1]]], "adjacent": False, "complete": True},
            "expected false with adjacent false",
        ),
        ({"pairs": 3}, "expected a list"),
    ],
)
def test_rejects(body, said):
    with pytest.raises(BadFile, match=f"^claim claim, field .*{said}"):
        judged(context_of(), "adjacent", **body)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if 1 < case.cells <= 30])
def test_every_pair_as_in_the_graph(name):
    case = CASES[name]
    context = context_of(case.network, case.domain)
    part = context.partition()
    starts, neighbours = part.adjacency()
    cells = [integer(words) for words in part.results.words]

    for i, j in combinations(range(len(part)), 2):
        is_shared, _, _ = common_facet(context, cells[i], cells[j])
        assert is_shared is (j in neighbours[starts[i] : starts[i + 1]])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if 1 < case.cells <= 8])
def test_degenerate_evidence(name):
    case = CASES[name]
    context = context_of(case.network, case.domain)
    pairs = list(map(list, combinations(range(case.cells), 2)))

    found = judged(context, "adjacent", patterns=context.partition().patterns, pairs=pairs)

    assert found[0].figures["right"] == case.edges
