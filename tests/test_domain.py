"""Domains: proofs re-added in plain Fractions, and everything that is none refused with its reason."""

import json
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa import Linear, Network, ReLU, enumerate_cells
from exactcpa.domain import Box, Polytope, Slice, from_json, to_json
from exactcpa.errors import BadDomain, DimensionMismatch
from exactcpa.numbers import exactly

TRIANGLE = ([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
MANY = settings(max_examples=examples(100), deadline=None)

SMALL = st.fractions(min_value=-3, max_value=3, max_denominator=4)


@st.composite
def systems(draw):
    """Bounded systems, some empty or flat, with redundant, duplicated and zero rows."""
    d = draw(st.integers(1, 3))
    rows = [([Fraction(-(i == j)) for i in range(d)], draw(SMALL)) for j in range(d)]
    rows.append(([Fraction(1)] * d, draw(SMALL)))
    for _ in range(draw(st.integers(0, 4))):
        rows.append((draw(st.lists(SMALL, min_size=d, max_size=d)), draw(SMALL)))
    if draw(st.booleans()):
        normal, offset = draw(st.sampled_from(rows))
        rows.append(([3 * a for a in normal], 3 * offset))
    return draw(st.permutations(rows))


def dot(left, right):
    return sum((Fraction(a) * b for a, b in zip(left, right, strict=True)), Fraction(0))


def solve(matrix, right):
    d = len(matrix)
    table = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(d):
        pivot = next((i for i in range(k, d) if table[i][k]), None)
        if pivot is None:
            return None
        table[k], table[pivot] = table[pivot], table[k]
        table[k] = [x / table[k][k] for x in table[k]]
        for i in range(d):
            if i != k:
                table[i] = [x - table[i][k] * y for x, y in zip(table[i], table[k], strict=True)]
    return tuple(row[d] for row in table)


def vertices(rows, d):
    found = set()
    for chosen in combinations(rows, d):
        point = solve([n for n, _ in chosen], [b for _, b in chosen])
        if point is not None and all(dot(n, point) <= b for n, b in rows):
            found.add(point)
    return found


def is_full(points, d):
    """Whether points span R^d affinely, by Gauss over Fractions."""
    if not points:
        return False
    first, *rest = sorted(points)
    rows = [[a - b for a, b in zip(p, first, strict=True)] for p in rest]
    rank = 0
    for column in range(d):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank == d


def assert_proved(polytope):
    """Interior point, bounding box and its multipliers, from the definition."""
    d = polytope.dimension
    assert all(dot(normal, polytope.interior) < offset for normal, offset in polytope.rows)
    for sign, side in ((1, "upper"), (-1, "lower")):
        assert len(polytope.bounding_proof[side]) == d
        for j, weights in enumerate(polytope.bounding_proof[side]):
            assert len(weights) == len(polytope.rows)
            assert min(weights) >= 0
            combined = [
                sum(w * n[k] for w, (n, _) in zip(weights, polytope.rows, strict=True)) for k in range(d)
            ]
            assert combined == [sign * (k == j) for k in range(d)]
            bound = sum(w * b for w, (_, b) in zip(weights, polytope.rows, strict=True))
            assert sign * bound == getattr(polytope, side)[j]


def test_base_case_box():
    box = Box([-1, 0.5], ["1/3", 2])
    assert box.lower == (Fraction(-1), Fraction(1, 2))
    assert box.upper == (Fraction(1, 3), Fraction(2))
    assert (box.dimension, box.ambient, box.rows, box.bounding_proof) == (2, 2, (), ())
    assert box.interior == (Fraction(-1, 3), Fraction(5, 4))
    assert str(box) == "[-1, 1/3] x [1/2, 2]"


def test_base_case_polytope():
    triangle = Polytope(*TRIANGLE)
    assert_proved(triangle)
    assert (triangle.lower, triangle.upper) == ((0, 0), (1, 1))
    assert (triangle.dimension, triangle.ambient, len(triangle.rows)) == (2, 2, 3)


def test_base_case_slice():
    plane = Slice([1, 2, 3], [[1, 0], [0, 1], [1, "1/2"]], Polytope(*TRIANGLE))
    assert (plane.dimension, plane.ambient) == (2, 3)
    assert plane.embed((1, 2)) == (2, 4, 5)
    assert plane.rows == plane.within.rows
    assert plane.interior == plane.within.interior
    assert plane.bounding_proof == plane.within.bounding_proof
    assert str(Slice([0, 1], [[1], [2]], Box([0], [1]))) == "(0, 1) + t0*(1, 2) for t in [0, 1]"


@MANY
@given(systems())
def test_polytope_agrees_with_its_vertices(rows):
    d = len(rows[0][0])
    corners = vertices(rows, d)
    if not is_full(corners, d):
        with pytest.raises(BadDomain, match="empty" if not corners else "flat"):
            Polytope([n for n, _ in rows], [b for _, b in rows])
        return
    polytope = Polytope([n for n, _ in rows], [b for _, b in rows])
    assert_proved(polytope)
    assert polytope.lower == tuple(min(c[j] for c in corners) for j in range(d))
    assert polytope.upper == tuple(max(c[j] for c in corners) for j in range(d))
    # a facet holds d affinely independent vertices; each facet is listed once, as given, in order
    facets = []
    for normal, offset in rows:
        touching = frozenset(c for c in corners if dot(normal, c) == offset)
        is_facet = any(normal) and len(touching) >= d and is_full_facet(touching, normal, d)
        if is_facet and touching not in [t for t, _ in facets]:
            facets.append((touching, (tuple(normal), offset)))
    assert list(polytope.rows) == [row for _, row in facets]


def is_full_facet(points, normal, d):
    """Whether points on a hyperplane span it: with its normal pushed off, they span the space."""
    apex = tuple(a + n for a, n in zip(next(iter(points)), normal, strict=True))
    return is_full({*points, apex}, d)


@MANY
@given(systems(), st.integers(1, 5))
def test_scaled_rows(rows, factor):
    try:
        plain = Polytope([n for n, _ in rows], [b for _, b in rows])
    except BadDomain:
        return
    scaled = Polytope([[factor * a for a in n] for n, _ in rows], [factor * b for _, b in rows])
    assert_proved(scaled)
    assert (scaled.lower, scaled.upper, len(scaled.rows)) == (plain.lower, plain.upper, len(plain.rows))


@pytest.mark.parametrize(
    "domain",
    [
        Box([0.1, "-1/3"], [1, 10**30]),
        Polytope(*TRIANGLE),
        Slice([0, "1/7", 1e-300], [[1, 0], [0, 1], [1, 1]], Box([0, 0], [1, 1])),
        Slice([0, 0], [[1, 0], [0, 2]], Polytope(*TRIANGLE)),
    ],
    ids=lambda domain: type(domain).__name__,
)
def test_json_round_trip(domain):
    copy = from_json(json.loads(json.dumps(to_json(domain))))
    assert copy == domain
    assert (copy.lower, copy.upper, copy.interior, copy.rows) == (
        domain.lower,
        domain.upper,
        domain.interior,
        domain.rows,
    )


def test_reads_arrays():
    assert Box(np.array([0.0, 1.0]), np.array([1, 2])) == Box([0, 1], [1, 2])
    assert Polytope(np.array(TRIANGLE[0]), np.array(TRIANGLE[1])) == Polytope(*TRIANGLE)


def test_contains_its_boundary():
    assert Box([0], [1]).contains([1])
    assert not Box([0], [1]).contains(["10000000000000001/10000000000000000"])
    triangle = Polytope(*TRIANGLE)
    assert triangle.contains(["1/2", "1/2"])
    assert not triangle.contains([0.5, "0.50000000000000001"])
    assert Slice([9], [[2]], Box([0], [1])).contains([1])


def test_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Box([0], [1]).lower = (Fraction(1),)
    assert len({Polytope(*TRIANGLE), Polytope(*TRIANGLE)}) == 1


def test_degenerate_duplicate_and_redundant_rows_are_dropped():
    rows = [[2, 0], [-1, 0], [0, -1], [0, 0], [1, 0], [0, 1], [1, 1], [1, 1]]
    square = Polytope(rows, [2, 0, 0, 0, 1, 1, 2, 7])
    assert [list(normal) for normal, _ in square.rows] == [[2, 0], [-1, 0], [0, -1], [0, 1]]
    assert_proved(square)


def test_degenerate_thin_and_huge():
    thin = Polytope([[1], [-1]], ["1e-300", 0])
    assert_proved(thin)
    wide = Polytope([[1, 1], [-1, 0], [0, -1]], ["1e400", 0, 0])
    assert_proved(wide)
    assert wide.upper == (10**400, 10**400)


@pytest.mark.parametrize("size", ["1e400", "1e620", "1e5000", "1e-5000"])
def test_degenerate_rows_far_from_all_doubles(size):
    q = exactly(size)
    polytope = Polytope([[q, 0], [-1, 0], [0, -1], [q / 3, q / 7]], [q / 2, 0, 0, q])
    assert_proved(polytope)
    assert polytope.upper == (Fraction(1, 2), 7)
    assert from_json(to_json(polytope)) == polytope
    net = Network(2, (Linear([[1, 1], [3, -1]], ["-1/2", 0]), ReLU(), Linear([[1, 1]], [0])))
    parts = [enumerate_cells(net, polytope, method=method) for method in ("lp", "vertex")]
    assert [(len(part), sum(part.volumes())) for part in parts] == [(4, Fraction(77, 24))] * 2


def test_degenerate_pyramid_over_a_square():
    """Four facets meet at the apex (0, 0, 1)."""
    pyramid = Polytope([[1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1], [0, 0, -1]], [1, 1, 1, 1, 0])
    assert_proved(pyramid)
    assert len(pyramid.rows) == 5


@pytest.mark.parametrize(
    ("lower", "upper", "reason"),
    [
        ([0], [0], "flat"),
        ([1], [0], "empty"),
        ([0, 0], [1], "as many"),
        ([], [], "at least one"),
        ([float("nan")], [1], "finite number.* at index 0"),
        ([0], [float("inf")], "field upper"),
        ([0], ["x"], "field upper"),
        (0, 1, "list"),
        ("0", "1", "list"),
        (np.float64(0), [1], "list"),
        ([True], [2], "boolean"),
    ],
)
def test_rejects_boxes(lower, upper, reason):
    with pytest.raises(BadDomain, match=reason):
        Box(lower, upper)


@pytest.mark.parametrize(
    ("normals", "offsets", "reason"),
    [
        ([[1, 0], [-1, 0]], [1, 0], "unbounded|ray"),
        ([[1, 0], [0, 1]], [1, 0], "ray"),
        ([[1], [-1]], [0, -1], r"empty one \(rows 0, 1"),
        ([[1], [-1]], [0, 0], r"flat one \(rows 0, 1"),
        ([[1], [-1], [0]], [1, 1, -1], r"empty one \(rows 2 "),
        ([[1], [-1]], [1], "one offset per row"),
        ([[1], [-1, 0]], [1, 1], "one length"),
        ([], [], "at least one row"),
        ([[]], [1], "column"),
        ([[1], [float("nan")]], [1, 1], "row 1"),
        ([1, -1], [1, 1], "row 0"),
        ([[0]], [1], "ray"),
    ],
)
def test_rejects_polytopes(normals, offsets, reason):
    with pytest.raises(BadDomain, match=reason):
        Polytope(normals, offsets)


def test_rejects_an_empty_triangle():
    """x >= 0, y >= 0, x + y <= -1 contradict; an unrelated row is not blamed."""
    with pytest.raises(BadDomain, match="rows 0, 1, 3 contradict"):
        Polytope([[-1, 0], [0, -1], [1, -1], [1, 1]], [0, 0, 8, -1])


@pytest.mark.parametrize(
    ("origin", "basis", "within", "reason"),
    [
        ([0, 0], [[1], [1]], Box([0, 0], [1, 1]), "column"),
        ([0], [[1], [1]], Box([0], [1]), "entry of origin"),
        ([0, 0], [[1, 2], [2, 4]], Box([0, 0], [1, 1]), "independent"),
        ([0, 0], [[0], [0]], Box([0], [1]), "independent"),
        ([0], [[1]], Slice([0], [[1]], Box([0], [1])), "within"),
        ([0], [[1]], [[0], [1]], "within"),
        ([], [], Box([0], [1]), "column"),
        (["?"], [[1]], Box([0], [1]), "origin"),
    ],
)
def test_rejects_slices(origin, basis, within, reason):
    with pytest.raises(BadDomain, match=reason):
        Slice(origin, basis, within)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "object"),
        (None, "object"),
        ({}, "type"),
        ({"type": "ball"}, "ball"),
        ({"type": ["box"]}, "type"),
        ({"type": "box", "lower": [0]}, "field upper"),
        ({"type": "box", "lower": [0], "upper": [1], "color": 1}, "color"),
        ({"type": "slice", "origin": [0], "basis": [[1]], "within": {"type": "slice"}}, "within"),
        ({"type": "slice", "origin": [0], "basis": [[1]], "within": 3}, "object"),
    ],
)
def test_rejects_files(value, reason):
    with pytest.raises(BadDomain, match=reason):
        from_json(value)


def test_rejects_points_of_another_dimension():
    with pytest.raises(DimensionMismatch):
        Box([0], [1]).embed([0, 1])
    with pytest.raises(DimensionMismatch):
        Slice([0, 0], [[1], [0]], Box([0], [1])).embed([0, 1])
    with pytest.raises(DimensionMismatch):
        Polytope(*TRIANGLE).contains([0])
