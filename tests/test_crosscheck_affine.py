"""Claims of kind affine: on cells, at points, where cells meet, and on slices."""

from fractions import Fraction

import pytest
from degenerate import CASES
from judges import NETWORK, context_of, judged, outcome

from exactcpa.errors import BadFile

# Outputs (relu(x) + relu(x + y - 1), 1): on the cell of pattern (1, 1) that is (2x + y - 1, 1).
BOTH = {"matrices": [[[2, 1], [0, 0]]], "shifts": [[-1, 1]]}
SLICE = {
    "type": "slice",
    "origin": [0, 1],
    "basis": [[1], [1]],
    "within": {"type": "box", "lower": [-1], "upper": [1]},
}


@pytest.mark.parametrize("place", [{"patterns": [[1, 1]]}, {"points": [["1/2", 1]]}])
def test_base_case(place):
    (found,) = judged(context_of(), "affine", **BOTH, **place)

    assert outcome([found]) == "confirmed"
    assert found.evidence[0].kind == "map"
    assert found.evidence[0].body["matrix"] == [[2, 1], [0, 0]]
    assert found.evidence[0].body["shift"] == [-1, 1]


@pytest.mark.parametrize("place", [{"patterns": [[1, 1]]}, {"points": [["1/2", 1]]}])
def test_wrong_entry(place):
    whole, item = judged(context_of(), "affine", matrices=[[[2, "4/3"], [0, 0]]], **place)

    assert outcome([whole]) == "refuted"
    assert item.error == Fraction(1, 3)
    assert [evidence.kind for evidence in item.evidence] == ["map", "point"]


def test_tolerance():
    wrong = {"matrices": [[[2, "4/3"], [0, 0]]], "patterns": [[1, 1]]}

    assert outcome(judged(context_of(), "affine", "1/3", **wrong)) == "confirmed"
    assert outcome(judged(context_of(), "affine", "0.333", **wrong)) == "refuted"


def test_no_cell():
    low = {"type": "box", "lower": [-1, -1], "upper": [2, "1/2"]}

    whole, item = judged(context_of(domain=low), "affine", patterns=[[0, 1]], matrices=[[[1, 1], [0, 0]]])

    assert outcome([whole]) == "refuted"
    assert item.evidence[0].kind == "empty"


@pytest.mark.parametrize("row", [[0, 0], [1, 0], [1, 1], [2, 1]])
def test_where_cells_meet_any_of_their_maps_is_right(row):
    assert outcome(judged(context_of(), "affine", points=[[0, 1]], matrices=[[row, [0, 0]]])) == "confirmed"


def test_where_cells_meet_another_map_is_wrong():
    # What automatic differentiation gives with relu'(0) = 1 in one unit and a half in the other.
    whole, item = judged(context_of(), "affine", points=[[0, 1]], matrices=[[["3/2", "1/2"], [0, 0]]])

    assert outcome([whole]) == "refuted"
    assert item.reason.startswith("4 cells meet at the point, and the map is that of none")
    assert [evidence.kind for evidence in item.evidence] == ["map", "point"] * 4


@pytest.mark.parametrize(("row", "verdict"), [([0, 0], "refuted"), ([1, 0], "confirmed")])
def test_on_the_boundary_of_the_domain(row, verdict):
    corner = judged(context_of(), "affine", points=[[2, -1]], matrices=[[row, [0, 0]]])  # x + y = 1 there
    right = {"type": "box", "lower": [0, -1], "upper": [2, "1/2"]}
    edge = judged(context_of(domain=right), "affine", points=[[0, 0]], matrices=[[row, [0, 0]]])

    assert outcome(corner) == outcome(edge) == verdict


def test_slice():
    # On (t, 1 + t), t > 0: outputs (t + 2t, 1).  In the plane the map is 2x + y - 1.
    context = context_of(NETWORK, SLICE)

    own = judged(context, "affine", points=[["1/2"]], matrices=[[[3], [0]]], shifts=[[0, 1]])
    ambient = judged(context, "affine", points=[["1/2"]], coordinates="input", **BOTH)
    wrong = judged(context, "affine", points=[["1/2"]], matrices=[[[2, 2], [0, 0]]], coordinates="input")
    middle = judged(context, "affine", points=[[0]], matrices=[[[3], [0]]])

    assert [outcome(found) for found in (own, ambient, wrong, middle)] == [
        *["confirmed"] * 2,
        "refuted",
        "confirmed",
    ]


def test_polytope():
    triangle = {"type": "polytope", "A": [[-1, 0], [0, -1], [1, 1]], "b": [1, 1, 2]}
    context = context_of(NETWORK, triangle)

    right = judged(context, "affine", points=[[0, 1]], matrices=[[[1, 1], [0, 0]]])
    wrong = judged(context, "affine", points=[[0, 1]], matrices=[[[1, 2], [0, 0]]])

    assert [outcome(found) for found in (right, wrong)] == ["confirmed", "refuted"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"matrices": []}, "patterns: expected either patterns or points"),
        ({"matrices": [], "patterns": [[1, 1]]}, "matrices: expected 1, one for each place, got 0"),
        ({"matrices": [[[1, 2]]], "patterns": [[1, 1]]}, "matrices: expected 2 rows, got 1"),
        ({"matrices": [[[1], [2]]], "patterns": [[1, 1]]}, "matrices: expected 2 numbers, got 1"),
        ({"matrices": [[[1, "x"], [2, 2]]], "patterns": [[1, 1]]}, "matrices: expected a finite number"),
        ({"matrices": [[[1, 2], [2, 2]]], "points": [[1, 9]]}, "points: expected a point of the domain"),
        ({"matrices": [[[1, 2], [2, 2]]], "points": [[1]]}, "points: expected 2 numbers, got 1"),
        (
            {"matrices": [[[1, 2], [2, 2]]], "points": [[1, 1]], "shifts": [[1]]},
            "shifts: expected 2 numbers, got 1",
        ),
    ],
)
def test_rejects(body, said):
    with pytest.raises(BadFile, match=f"^claim claim, field {said}"):
        judged(context_of(), "affine", **body)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.cells <= 20])
def test_degenerate(name):
    case = CASES[name]
    context = context_of(case.network, case.domain)
    part = context.partition()
    maps = part.affine_maps()
    body = {"matrices": [one.matrix for one in maps], "shifts": [one.shift for one in maps]}

    by_pattern = judged(context, "affine", patterns=part.patterns, **body)
    by_point = judged(context, "affine", points=[part.witness(i) for i in range(len(part))], **body)

    assert outcome(by_pattern) == outcome(by_point) == "confirmed"
