"""Regions in the plane: cells, gaps, overlaps, phantoms; exact and with the claimant's tolerance; mutations refuted."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from judges import SQUARE, context_of, judged, outcome, small_networks
from sparing import examples

from exactcpa.errors import BadFile

# x = 0 and x + y = 1 cut the square [-1, 2] x [-1, 2] in four.
CELLS = [
    [[-1, -1], [0, -1], [0, 1], [-1, 2]],
    [[0, -1], [2, -1], [0, 1]],
    [[2, -1], [2, 2], [0, 2], [0, 1]],
    [[0, 1], [0, 2], [-1, 2]],
]


def items_of(verdicts):
    return [verdict.item for verdict in verdicts[1:]]


def test_all_cells():
    [verdict] = judged(context_of(), "regions", polygons=CELLS)

    assert str(verdict.outcome) == "confirmed"
    assert verdict.figures["volume_found"] == verdict.figures["volume"] == 9


def test_orientation_and_vertices_along_an_edge():
    turned = [[*reversed(CELLS[0])], *CELLS[1:3], [[0, 1], [0, "3/2"], [0, 2], [0, 2], [-1, 2]]]
    assert outcome(judged(context_of(), "regions", polygons=turned)) == "confirmed"


def test_halfspaces():
    rows = [
        [[1, 0, 0], [1, 1, 1]],
        [[-1, 0, 0], [1, 1, 1]],
        [[-1, 0, 0], [-1, -1, -1]],
        [[1, 0, 0], [-1, -1, -1]],
    ]
    assert outcome(judged(context_of(), "regions", halfspaces=rows)) == "confirmed"
    rows[0] = [[1, 0, 0], [1, 1, "9/8"]]
    assert outcome(judged(context_of(), "regions", halfspaces=rows)) == "refuted"


def test_missing_cell():
    verdicts = judged(context_of(), "regions", polygons=CELLS[:3])
    assert outcome(verdicts) == "refuted"
    assert "no region contains it" in verdicts[1].reason
    assert outcome(judged(context_of(), "regions", polygons=CELLS[:3], complete=False)) == "confirmed"


def test_two_cells_as_one():
    """The left half, which x + y = 1 cuts."""
    verdicts = judged(context_of(), "regions", polygons=[[[-1, -1], [0, -1], [0, 2], [-1, 2]], *CELLS[1:3]])
    assert outcome(verdicts) == "refuted"
    assert "not within one cell" in verdicts[1].reason
    assert {e.kind for e in verdicts[1].evidence} == {"point", "inside"}
    assert "region 0 contains it" in verdicts[-1].reason


def test_a_cell_as_two():
    halves = [[[-1, -1], [0, -1], [0, 0], [-1, 0]], [[-1, 0], [0, 0], [0, 1], [-1, 2]]]
    verdicts = judged(context_of(), "regions", polygons=[*halves, *CELLS[1:]])
    assert outcome(verdicts) == "refuted"
    assert all("only a part" in verdict.reason for verdict in verdicts[1:3])
    assert verdicts[0].figures["missing"] == 1


def test_overlap():
    verdicts = judged(context_of(), "regions", polygons=[*CELLS, CELLS[2]])
    assert outcome(verdicts) == "refuted"
    assert items_of(verdicts) == ["overlap of regions 2 and 4"]
    larger = [[[-1, -1], ["1/8", -1], ["1/8", "7/8"], [-1, 2]], *CELLS[1:]]
    assert "overlap of regions 0 and 1" in items_of(judged(context_of(), "regions", polygons=larger))


def test_beyond_the_domain():
    beyond = [CELLS[0], [[0, -1], [3, -2], [0, 1]], *CELLS[2:]]
    verdicts = judged(context_of(), "regions", polygons=beyond)
    assert outcome(verdicts) == "refuted"
    away = judged(context_of(), "regions", polygons=[*CELLS, [[5, 5], [6, 5], [5, 6]]])
    assert outcome(away) == "refuted"
    assert "beside the domain" in away[1].reason


@pytest.mark.parametrize(
    "wrong",
    [
        [[0, -1], [2, -1]],
        [[0, -1]],
        [[0, -1], [1, 0], [2, -1], [0, 1]],  # not convex
        [[-1, -1], [0, 1], [0, -1], [-1, 2]],  # crossing itself
        [[0, 1], [0, 2], [0, 3]],
    ],
)
def test_no_polygon(wrong):
    assert outcome(judged(context_of(), "regions", polygons=[*CELLS, wrong])) == "refuted"
    assert (
        outcome(judged(context_of(), "regions", "1/100", polygons=[*CELLS[:1], *CELLS[2:], wrong]))
        == "refuted"
    )


def test_tolerance():
    """Vertices off by 1/1000 in each coordinate: not the cells, but so within 2/1000."""
    moved = [[[x + Fraction(1, 1000), y - Fraction(1, 1000)] for x, y in polygon] for polygon in CELLS]
    listed = [[[str(x), str(y)] for x, y in polygon] for polygon in moved]
    assert outcome(judged(context_of(), "regions", polygons=listed)) == "refuted"
    assert outcome(judged(context_of(), "regions", "1414/1000000", polygons=listed)) == "refuted"
    assert outcome(judged(context_of(), "regions", "1415/1000000", polygons=listed)) == "confirmed"


def test_a_thin_cell():
    """A strip of width 1e-12: its polygon, moved by less than the tolerance, lies in the next cell."""
    width = Fraction(1, 10**12)
    network = {
        "format": "exactcpa-network", "version": 1, "input": 2,
        "layers": [{"type": "linear", "weight": [[1, 0], [1, 0]], "bias": [0, f"-1/{10**12}"]}, {"type": "relu"}],
    }  # fmt: skip
    context = context_of(network)
    strip = [[0, -1], [width, -1], [width, 2], [0, 2]]
    listed = [[[-1, -1], [0, -1], [0, 2], [-1, 2]], strip, [[width, -1], [2, -1], [2, 2], [width, 2]]]
    text = [[[str(x), str(y)] for x, y in polygon] for polygon in listed]
    assert outcome(judged(context, "regions", polygons=text)) == "confirmed"
    assert outcome(judged(context, "regions", polygons=[text[0], text[2]])) == "refuted"
    text[1] = [[str(x - 2 * width), str(y)] for x, y in strip]
    assert outcome(judged(context, "regions", polygons=text)) == "refuted"
    assert outcome(judged(context, "regions", str(2 * width), polygons=text)) == "confirmed"


def test_undecided():
    assert (
        outcome(judged(context_of(limit=1), "regions", polygons=CELLS)) == "confirmed"
    )  # they fill the domain
    assert outcome(judged(context_of(limit=1), "regions", polygons=CELLS[:2])) == "undecidable"
    cube = {"type": "box", "lower": [-1] * 3, "upper": [1] * 3}
    network = {"format": "exactcpa-network", "version": 1, "input": 3, "layers": [{"type": "relu"}]}
    assert outcome(judged(context_of(network, cube), "regions", polygons=CELLS)) == "undecidable"


@pytest.mark.parametrize(
    "body",
    [{}, {"polygons": [[[0, 0, 0]]]}, {"polygons": [[]]}, {"halfspaces": [[[1, 0, -5]]]}, {"polygons": 1}],
)
def test_malformed(body):
    with pytest.raises(BadFile, match="claim claim, field"):
        judged(context_of(), "regions", **body)


@settings(max_examples=examples(20), deadline=None)
@given(st.data())
def test_mutations_are_refuted(data):
    """The cells of a random network are confirmed; without one, with one twice, or one vertex moved, refuted."""
    context = context_of(data.draw(small_networks()), SQUARE)
    part = context.partition()
    polygons = [[[str(q) for q in corner] for corner in part.vertices(i)] for i in range(len(part))]
    assert outcome(judged(context, "regions", polygons=polygons)) == "confirmed"
    i = data.draw(st.integers(0, len(part) - 1))
    assert outcome(judged(context, "regions", polygons=[*polygons, polygons[i]])) == "refuted"
    assume(len(part) > 1)
    assert outcome(judged(context, "regions", polygons=polygons[:i] + polygons[i + 1 :])) == "refuted"
    k, axis = data.draw(st.integers(0, len(polygons[i]) - 1)), data.draw(st.integers(0, 1))
    step = data.draw(st.fractions("1/1000000000", 1) | st.fractions(-1, "-1/1000000000"))
    polygons[i][k][axis] = str(Fraction(polygons[i][k][axis]) + step)
    assert outcome(judged(context, "regions", polygons=polygons)) == "refuted"
    assert outcome(judged(context, "regions", str(abs(step)), polygons=polygons)) == "confirmed"
