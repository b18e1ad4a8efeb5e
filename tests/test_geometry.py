"""Geometry: against all subsets of rows (vertices), Lasserre's recursion and known formulas (volumes)."""

from fractions import Fraction
from itertools import combinations, product
from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.errors import BadArgument, DimensionMismatch
from exactcpa.exact_simplex import Unbounded
from exactcpa.geometry import Vertices, facets, find_vertices, polygon, vertices, volume
from exactcpa.halfspaces import Interior, NoInterior, find_interior, irredundant

MANY = settings(max_examples=examples(100), deadline=None)
FEW = settings(max_examples=examples(40), deadline=None)

SMALL = st.integers(-3, 3)


def cube(d, side=1):
    return [[s * (i == j) for i in range(d)] + [side * (s > 0)] for j in range(d) for s in (1, -1)]


def simplex(d, side=1):
    return [[-(i == j) for i in range(d)] + [0] for j in range(d)] + [[1] * d + [side]]


def cross_polytope(d):
    return [[*signs, 1] for signs in product((1, -1), repeat=d)]


@st.composite
def polytopes(draw, largest=3, entry=SMALL):
    """A box and rows through it, past it, on it; duplicated, scaled, zero: perhaps empty or flat."""
    d = draw(st.integers(1, largest))
    rows = [[s * (i == j) for i in range(d)] + [draw(st.integers(0, 3))] for j in range(d) for s in (1, -1)]
    rows += [
        [*draw(st.lists(entry, min_size=d, max_size=d)), draw(entry)]
        for _ in range(draw(st.integers(0, 5 - d)))
    ]
    if draw(st.booleans()):
        rows.append([2 * n for n in draw(st.sampled_from(rows))])
    return draw(st.permutations(rows))


def dot(left, right):
    return sum((Fraction(a) * b for a, b in zip(left, right, strict=True)), Fraction(0))


def solve(matrix, right):
    d = len(matrix)
    table = [[Fraction(x) for x in row] + [Fraction(b)] for row, b in zip(matrix, right, strict=True)]
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


def every_vertex(rows):
    """The feasible solutions of all sets of d rows: the definition."""
    d = len(rows[0]) - 1
    found = set()
    for chosen in combinations(rows, d):
        point = solve([row[:d] for row in chosen], [row[d] for row in chosen])
        if point is not None and all(dot(row[:d], point) <= row[d] for row in rows):
            found.add(point)
    return found


def lasserre(rows):
    """Volume of a bounded set by Lasserre's recursion (1983), over Fractions, from rows alone.

    d * V(P) is the sum over facets of ``b_i / |n_ij|`` times the volume of the facet projected along x_j.
    """
    d = len(rows[0]) - 1
    merged = {}
    for row in rows:
        scale = max(abs(n) for n in row[:d])
        if scale == 0 and row[d] < 0:
            return Fraction(0)
        if scale:
            normal = tuple(Fraction(n) / scale for n in row[:d])
            merged[normal] = min(merged.get(normal, row[d] / Fraction(scale)), row[d] / Fraction(scale))
    if d == 1:
        return max(Fraction(0), merged[Fraction(1),] + merged[Fraction(-1),])
    total = Fraction(0)
    for normal, offset in merged.items():
        j = next(k for k in range(d) if normal[k])
        projected = []
        for other, bound in merged.items():
            if other != normal:
                factor = other[j] / normal[j]
                kept = [other[k] - factor * normal[k] for k in range(d) if k != j]
                projected.append([*kept, bound - factor * offset])
        total += offset / abs(normal[j]) * lasserre(projected)
    return total / d


def test_base_case_vertices():
    assert vertices(cube(2)) == ((0, 0), (0, 1), (1, 0), (1, 1))
    found = find_vertices(cube(1, 3))
    assert dict(zip(found.homogeneous, found.tight, strict=True)) == {(3, 1): 0b01, (0, 1): 0b10}


def test_base_case_volume():
    assert volume(cube(3, 2)) == 8
    assert volume([[2, 1], [-3, 1]]) == Fraction(5, 6)


@pytest.mark.parametrize("d", range(1, 7))
def test_known_volumes(d):
    assert volume(simplex(d)) == Fraction(1, factorial(d))
    assert volume(cube(d, 3)) == 3**d
    assert len(vertices(cube(d))) == 2**d


@pytest.mark.parametrize("d", range(1, 6))
def test_cross_polytopes(d):
    """Every vertex of a cross-polytope lies on 2^(d-1) rows."""
    assert volume(cross_polytope(d)) == Fraction(2**d, factorial(d))
    assert len(vertices(cross_polytope(d))) == 2 * d
    assert all(mask.bit_count() == 2 ** (d - 1) for mask in find_vertices(cross_polytope(d)).tight)


@MANY
@given(polytopes())
def test_vertices_by_definition(rows):
    found = find_vertices(rows)
    assert isinstance(found, Vertices)
    assert len(set(found.points)) == len(found.points)
    assert set(found.points) == every_vertex(rows)
    assert set(vertices(rows)) == every_vertex(rows)
    d = len(rows[0]) - 1
    for point, mask in zip(found.points, found.tight, strict=True):
        assert mask == sum(1 << i for i, row in enumerate(rows) if any(row) and dot(row[:d], point) == row[d])


@MANY
@given(polytopes())
def test_volume_by_lasserre(rows):
    assert volume(rows) == lasserre(rows)


@FEW
@given(polytopes(entry=st.integers(-(2**60), 2**60)))
def test_volume_with_wide_entries(rows):
    assert volume(rows) == lasserre(rows)


@FEW
@given(polytopes(largest=4), st.data())
def test_step_a_cut_adds_up(rows, data):
    d = len(rows[0]) - 1
    cut = data.draw(st.lists(SMALL, min_size=d + 1, max_size=d + 1).filter(lambda row: any(row[:-1])))
    opposite = [-n for n in cut]
    assert volume([*rows, cut]) + volume([*rows, opposite]) == volume(rows)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_step_cube_cut_by_many_planes_adds_up(d):
    """All sign choices of d + 2 planes, some through vertices and through one point, tile the cube."""
    planes = [[1] * d + [1], [1, -1] + [0] * (d - 2) + [0], [2, 1] + [0] * (d - 2) + [1]]
    planes += [[1 + j for j in range(d)] + [2], [0] * (d - 1) + [2, 1]]
    total = Fraction(0)
    for signs in product((1, -1), repeat=len(planes)):
        total += volume(cube(d) + [[s * n for n in row] for s, row in zip(signs, planes, strict=True)])
    assert total == 1


@MANY
@given(polytopes())
def test_facets_by_vertices(rows):
    """A row is a facet when it holds d affinely independent vertices; the first of equal rows is listed."""
    d = len(rows[0]) - 1
    inside = find_interior(rows, d)
    corners = every_vertex(rows)
    if isinstance(inside, NoInterior):
        assert volume(rows) == 0
        assert (inside.total < 0) == (not corners)
        assert all(sum(w * rows[i][k] for i, w in inside.multipliers.items()) == 0 for k in range(d))
        assert inside.total == sum(w * rows[i][d] for i, w in inside.multipliers.items()) <= 0
        return
    assert all(dot(row[:d], inside.point) < row[d] for row in rows if any(row[:d]))
    assert volume(rows) > 0
    found = facets(rows, (inside.numerators, inside.denominator))
    assert found == sorted(set(found))
    expected = []
    for i, row in enumerate(rows):
        on_row = [point for point in corners if any(row[:d]) and dot(row[:d], point) == row[d]]
        if spans_hyperplane(on_row, d) and on_row not in [points for _, points in expected]:
            expected.append((i, on_row))
    assert found == [i for i, _ in expected]


def spans_hyperplane(points, d):
    """Whether some d of the points are affinely independent."""
    return any(
        any(solve([[*p[:k], *p[k + 1 :], 1] for p in chosen], [1] * d) is not None for k in range(d))
        for chosen in combinations(points, d)
    )


@MANY
@given(polytopes(largest=2).filter(lambda rows: len(rows[0]) == 3))
def test_polygon_turns_left(rows):
    corners = polygon(rows)
    assert set(corners) == every_vertex(rows)
    if len(corners) > 2:
        following = [*corners[1:], corners[0]]
        area = (
            sum((p[0] * q[1] - p[1] * q[0] for p, q in zip(corners, following, strict=True)), Fraction(0)) / 2
        )
        assert area == lasserre(rows)
        for p, q, r in zip(corners, following, [*following[1:], following[0]], strict=True):
            assert (q[0] - p[0]) * (r[1] - q[1]) > (q[1] - p[1]) * (r[0] - q[0])


@FEW
@given(polytopes(), st.data())
def test_mapped_input(rows, data):
    """Under x -> x + shift and a stretch by 2 of the first axis, volumes double."""
    d = len(rows[0]) - 1
    shift = data.draw(st.lists(SMALL, min_size=d, max_size=d))
    moved = []
    for *normal, offset in rows:
        stretched = [normal[0], *[2 * n for n in normal[1:]]]
        moved.append([*stretched, 2 * offset + sum(n * s for n, s in zip(stretched, shift, strict=True))])
    assert volume(moved) == 2 * volume(rows)


def test_degenerate_empty_flat_point():
    assert vertices([[1, 0], [-1, -1]]) == ()
    assert volume([[1, 0], [-1, -1]]) == 0
    assert vertices([[1, 0], [-1, 0]]) == ((0,),)
    assert volume([*cube(3), [0, 0, 1, 0]]) == 0
    assert polygon([*cube(2), [1, 1, 0]]) == ((0, 0),)
    assert polygon([*cube(2), [1, 1, -1]]) == ()
    assert polygon([*cube(2), [0, 1, 0], [0, 2, 0]]) == ((0, 0), (1, 0))
    assert volume([*cube(2), [0, 0, -1]]) == 0


def test_degenerate_pyramid():
    pyramid = [[1, 0, 1, 1], [-1, 0, 1, 1], [0, 1, 1, 1], [0, -1, 1, 1], [0, 0, -1, 0]]
    assert volume(pyramid) == Fraction(4, 3)
    assert len(vertices(pyramid)) == 5


def test_degenerate_empty_with_a_line_left_free():
    assert find_vertices([[1, 0, 0], [-1, 0, -1]]) == Vertices((), ())
    assert volume([[1, 1, 0], [-1, -1, -1]]) == 0


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 0, 1], [-1, 0, 1]],
        [[-1, 0, 0], [0, -1, 0]],
        [[1, 0, 0], [-1, 0, 0]],
        [[0, 0, 1]],
        [[-1, 0, 0], [0, -1, 0], [1, -1, 1]],
        [[1, 1, 0]],
    ],
)
def test_unbounded_sets_give_a_ray(rows):
    found = find_vertices(rows)
    assert isinstance(found, Unbounded)
    assert any(found.ray)
    assert all(dot(row[:-1], found.ray) <= 0 for row in rows)
    for function in (vertices, volume, polygon):
        with pytest.raises(BadArgument, match="ray"):
            function(rows)


def test_rejects_wrong_shapes():
    with pytest.raises(DimensionMismatch):
        volume([[1, 1], [1, 0, 1]])
    with pytest.raises(DimensionMismatch):
        polygon(cube(3))
    with pytest.raises(BadArgument):
        vertices([])


def test_interior_of_unbounded_sets():
    for rows in ([[1, 0, 1]], [[-1, 0, -5], [0, -1, -7]], [[1, 1, -9], [-1, 0, 100]], [[0, 0, 0]]):
        inside = find_interior(rows, 2)
        assert isinstance(inside, Interior)
        assert all(dot(row[:2], inside.point) < row[2] for row in rows if any(row[:2]))


def test_irredundant_keeps_the_first_of_equals():
    assert irredundant([[2, 2], [1, 1], [-1, 0], [1, 5]], ((1,), 2)) == [0, 2]
