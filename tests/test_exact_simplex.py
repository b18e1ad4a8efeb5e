"""Exact simplex: every outcome is re-added in plain Fractions, and compared with the list of all vertices."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.errors import BadArgument, DimensionMismatch
from exactcpa.exact_simplex import (
    Bounded,
    Exceeded,
    Optimal,
    Unbounded,
    gather,
    maximise,
    maximise_from_basis,
)

SQUARE = [[1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1]]
ORIGIN = ([0, 0], 1)

FEW = settings(max_examples=examples(25), deadline=None)
MANY = settings(max_examples=examples(150), deadline=None)

SMALL = st.integers(-3, 3)
WIDE = st.one_of(st.integers(-9, 9), st.integers(-(2**70), 2**70))


@st.composite
def programs(draw, entry=SMALL, box=None):
    """Rows through or around a rational start, degenerate ones on purpose: (rows, objective, start)."""
    d = draw(st.integers(1, 3))
    denominator = draw(st.integers(1, 5))
    numerators = draw(st.lists(SMALL, min_size=d, max_size=d))
    normals = draw(st.lists(st.lists(entry, min_size=d, max_size=d), max_size=8))
    rows = []
    for normal in normals[: 9 - d]:
        reach = -(-sum(n * x for n, x in zip(normal, numerators, strict=True)) // denominator)
        rows.append([*normal, reach + draw(st.integers(0, 2))])
    if draw(st.booleans()) if box is None else box:
        rows += [[s * (i == j) for i in range(d)] + [9] for j in range(d) for s in (1, -1)]
    if rows and draw(st.booleans()):
        rows.append([3 * n for n in draw(st.sampled_from(rows))])
    rows = draw(st.permutations(rows))
    return rows, draw(st.lists(entry, min_size=d, max_size=d)), (numerators, denominator)


def dot(left, right):
    return sum(Fraction(a) * b for a, b in zip(left, right, strict=True))


def solve(matrix, right):
    """Cramer-free Gauss-Jordan over Fractions; None when singular."""
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
    return [row[d] for row in table]


def best_vertex(rows, objective):
    """The largest objective over all vertices, by trying every set of d rows."""
    d = len(objective)
    values = []
    for chosen in combinations(rows, d):
        point = solve([row[:d] for row in chosen], [row[d] for row in chosen])
        if point is not None and all(dot(row[:d], point) <= row[d] for row in rows):
            values.append(dot(objective, point))
    return max(values)


def assert_proved(rows, objective, outcome, stop_above=None):
    """Re-add what the outcome claims; nothing below calls exactcpa."""
    d = len(objective)
    match outcome:
        case Optimal() | Bounded():
            theta, multipliers = outcome.theta, outcome.multipliers
            assert theta > 0
            assert all(weight > 0 for weight in multipliers.values())
            for j in range(d):
                assert sum(w * rows[i][j] for i, w in multipliers.items()) == theta * objective[j]
            bound = Fraction(sum(w * rows[i][d] for i, w in multipliers.items()), theta)
    match outcome:
        case Optimal():
            assert bound == outcome.value == dot(objective, outcome.point)
            assert all(dot(row[:d], outcome.point) <= row[d] for row in rows)
            assert outcome.point == tuple(Fraction(n, outcome.denominator) for n in outcome.numerators)
            assert stop_above is None or outcome.value <= stop_above
        case Bounded():
            assert bound == outcome.bound <= stop_above
        case Exceeded():
            assert all(dot(row[:d], outcome.point) <= row[d] for row in rows)
            assert outcome.value == dot(objective, outcome.point) > stop_above
        case Unbounded():
            assert dot(objective, outcome.ray) > 0
            assert all(dot(row[:d], outcome.ray) <= 0 for row in rows)


def test_base_case():
    best = maximise(SQUARE, [2, 1], ORIGIN)
    assert best == Optimal((1, 1), 1, {0: 2, 2: 1}, 1, 3, (0, 2))


@MANY
@given(programs())
def test_outcome_proves_itself(program):
    rows, objective, start = program
    assert_proved(rows, objective, maximise(rows, objective, start))


@MANY
@given(programs(entry=WIDE))
def test_outcome_proves_itself_with_wide_entries(program):
    rows, objective, start = program
    assert_proved(rows, objective, maximise(rows, objective, start))


@FEW
@given(programs(box=True))
def test_maximum_is_the_best_vertex(program):
    rows, objective, start = program
    assert maximise(rows, objective, start).value == best_vertex(rows, objective)


@MANY
@given(programs(), st.fractions(-12, 12, max_denominator=3))
def test_stop_above(program, threshold):
    rows, objective, start = program
    outcome = maximise(rows, objective, start, stop_above=threshold)
    assert_proved(rows, objective, outcome, threshold)
    if isinstance(outcome, Exceeded):
        full = maximise(rows, objective, start)
        assert isinstance(full, Unbounded) or full.value >= outcome.value


@MANY
@given(programs(), st.data())
def test_from_any_basis(program, data):
    rows, objective, start = program
    numbers = st.integers(0, max(0, len(rows) - 1))
    basis = data.draw(st.lists(numbers, max_size=len(objective) if rows else 0))
    threshold = data.draw(st.none() | st.fractions(-12, 12, max_denominator=3))
    outcome = maximise_from_basis(rows, objective, start, basis, stop_above=threshold)
    assert_proved(rows, objective, outcome, threshold)
    expected = maximise(rows, objective, start)
    assert isinstance(outcome, Unbounded) <= isinstance(expected, Unbounded)
    if isinstance(outcome, Optimal):
        assert outcome.value == expected.value


@MANY
@given(programs(box=True))
def test_from_the_optimal_basis(program):
    rows, objective, start = program
    best = maximise(rows, objective, start)
    assert maximise_from_basis(rows, objective, start, best.basis) == best
    bounded = maximise_from_basis(rows, objective, start, best.basis, stop_above=best.value)
    # an objective that is constant along a line of directions ends with fewer than d tight rows
    assert isinstance(bounded, Bounded if len(best.basis) == len(objective) else Optimal)
    assert_proved(rows, objective, bounded, best.value)


@FEW
@given(programs(box=True), st.data())
def test_from_every_vertex_pivots_on(program, data):
    rows, objective, start = program
    vertex = maximise(
        rows, data.draw(st.lists(SMALL, min_size=len(objective), max_size=len(objective))), start
    )
    outcome = maximise_from_basis(rows, objective, start, vertex.basis)
    assert_proved(rows, objective, outcome)
    assert outcome.value == best_vertex(rows, objective)


@MANY
@given(programs(), st.data())
def test_inactive_rows_do_not_count(program, data):
    rows, objective, start = program
    active = [i for i in range(len(rows)) if data.draw(st.booleans())]
    outcome = maximise(rows, objective, start, active=active)
    expected = maximise([rows[i] for i in active], objective, start)
    assert type(outcome) is type(expected)
    assert_proved([rows[i] for i in active], objective, expected)
    if isinstance(outcome, Optimal):
        assert outcome.value == expected.value
        assert set(outcome.multipliers) <= set(active)


@MANY
@given(programs(box=True), st.integers(2, 7))
def test_scaled_rows(program, factor):
    rows, objective, start = program
    scaled = [[factor * entry for entry in row] for row in rows]
    assert maximise(scaled, objective, start).value == maximise(rows, objective, start).value


def test_degenerate_no_rows():
    assert maximise([], [0, 0], ORIGIN).value == 0
    assert_proved([], [0, 3], maximise([], [0, 3], ORIGIN))


def test_degenerate_zero_rows():
    rows = [[0, 0, 0], *SQUARE, [0, 0, 5]]
    assert maximise(rows, [1, 1], ORIGIN).value == 2


def test_degenerate_line_in_the_polyhedron():
    strip = [[1, 1, 3], [-1, -1, 2]]
    best = maximise(strip, [2, 2], ORIGIN)
    assert_proved(strip, [2, 2], best)
    assert best.value == 6
    assert isinstance(maximise(strip, [2, 1], ORIGIN), Unbounded)


def test_degenerate_many_rows_through_the_optimum():
    rows = [[a, b, a + b] for a in range(6) for b in range(6)] + SQUARE
    best = maximise(rows, [3, 5], ORIGIN)
    assert_proved(rows, [3, 5], best)
    assert best.value == 8


def test_degenerate_start_on_the_optimal_vertex():
    best = maximise(SQUARE, [1, 1], ([1, 1], 1))
    assert best.multipliers == {0: 1, 2: 1}


def test_degenerate_beale_cycles_under_dantzig_alone():
    """Beale's example: the largest-coefficient rule alone cycles here for ever (denominators cleared)."""
    rows = [
        [1, -240, -4, 36, 0],
        [1, -180, -1, 6, 0],
        [0, 0, 1, 0, 1],
        [-1, 0, 0, 0, 0],
        [0, -1, 0, 0, 0],
        [0, 0, -1, 0, 0],
        [0, 0, 0, -1, 0],
    ]
    objective = [75, -15000, 2, -600]
    best = maximise_from_basis(rows, objective, ([0, 0, 0, 0], 1), [3, 4, 5, 6])
    assert_proved(rows, objective, best)
    assert best.value == best_vertex(rows, objective)


def test_huge_and_tiny_entries():
    big = 10**300
    rows = [[big, 1, big], [-big, 1, big], [1, -big, big], [1, big, 1]]
    best = maximise(rows, [1, big], ORIGIN)
    assert_proved(rows, [1, big], best)


def test_rejects_a_start_outside():
    with pytest.raises(BadArgument, match="start"):
        maximise(SQUARE, [1, 0], ([2, 0], 1))


def test_rejects_a_bad_denominator():
    with pytest.raises(BadArgument, match="denominator"):
        maximise(SQUARE, [1, 0], ([0, 0], 0))


def test_rejects_wrong_shapes():
    with pytest.raises(DimensionMismatch):
        maximise(SQUARE, [1, 0, 0], ([0, 0, 0], 1))
    with pytest.raises(DimensionMismatch):
        gather([[1, 0, 1], [1, 0]])
    with pytest.raises(BadArgument):
        gather([])
