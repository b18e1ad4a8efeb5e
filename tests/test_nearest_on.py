"""Nearest points in l2, l1, l_inf: against every set of tight rows, against cvxpy; in doubles: bounds stay below."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa import nearest_linear
from exactcpa import nearest_on as module
from exactcpa.errors import BadArgument, CertificateRejected, DimensionMismatch, InexactNumber
from exactcpa.nearest_float import BEYOND, NONE, OPTIMAL, float_nearest, round_rows
from exactcpa.nearest_on import Empty, FarEnough, Nearest, decide_nearest, nearest_on, proved_bound
from exactcpa.norms import measure
from exactcpa.theorems.plain import dot, rank, solve

F = Fraction
NORMS = ("2", "1", "inf")
SQUARE = [(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)]
ENTRIES = st.integers(-3, 3)
POSITIVE = st.sampled_from([F(1), F(1), F(2), F(1, 3), F(5, 2)])


@st.composite
def polyhedra(draw, largest=3, most=4):
    """Rows, point, weights, equality: small integers; copies, opposite rows, rows through the point on purpose."""
    d = draw(st.integers(1, largest))
    x = draw(st.lists(ENTRIES, min_size=d, max_size=d))
    rows = draw(st.lists(st.lists(ENTRIES, min_size=d + 1, max_size=d + 1), max_size=most))
    if rows and len(rows) < most:
        normal, offset = rows[0][:-1], rows[0][-1]
        kind = draw(st.sampled_from(["none", "copy", "multiple", "flat", "empty", "through"]))
        extra = {
            "copy": [*normal, offset],
            "multiple": [*(3 * a for a in normal), 3 * offset],
            "flat": [*(-a for a in normal), -offset],
            "empty": [*(-a for a in normal), -offset - 1],
            "through": [*normal, sum(a * b for a, b in zip(normal, x, strict=True))],
        }
        rows += [extra[kind]] if kind in extra else []
    equality = draw(st.none() | st.lists(ENTRIES, min_size=d + 1, max_size=d + 1))
    weights = draw(st.none() | st.lists(POSITIVE, min_size=d, max_size=d))
    return rows, x, weights, equality


# ---------------------------------------------------------------------- oracles


def exact(rows):
    return [tuple(map(F, row)) for row in rows]


def moved(rows, x, weights):
    """Rows of u, where y = x + w u."""
    return [
        (*(n * w for n, w in zip(row, weights, strict=False)), row[-1] - dot(row[:-1], x))
        for row in exact(rows)
    ]


def least_by_enumeration(rows, x, norm, weights, equality):
    """The value, by every set of rows that may be tight at the least vector; None: no point."""
    d = len(x)
    weights = weights or [F(1)] * d
    table = moved(rows, list(map(F, x)), weights)
    ties = [] if equality is None else moved([equality], list(map(F, x)), weights)
    if norm == "2":
        return least_square_by_enumeration(table, ties, d)
    return least_vertex(table, ties, d, norm)


def least_square_by_enumeration(table, ties, d):
    """The least point of some independent tight rows, among those points that satisfy all rows."""
    fixed = [row for row in ties if any(row[:-1])]
    values = []
    for size in range(min(d, len(table)) + 1):
        for chosen in combinations(table, size):
            tight = [*fixed, *chosen]
            normals = [row[:-1] for row in tight]
            if tight and rank(normals) < len(tight):
                continue
            gram = [[dot(a, b) for b in normals] for a in normals]
            shares = solve(gram, [row[-1] for row in tight]) if tight else ()
            u = [sum((t * n[j] for t, n in zip(shares, normals, strict=True)), F(0)) for j in range(d)]
            if is_feasible(table, ties, u):
                values.append(dot(u, u))
    return min(values, default=None)


def least_vertex(table, ties, d, norm):
    """The least vertex of the epigraph, which contains no line."""
    size = 2 * d if norm == "1" else d + 1
    heights = [d + j if norm == "1" else d for j in range(d)]
    epigraph = []
    for j in range(d):
        for sign in (1, -1):
            row = [F(0)] * (size + 1)
            row[j], row[heights[j]] = F(sign), F(-1)
            epigraph.append(row)
    lifted = [[*row[:-1], *[F(0)] * (size - d), row[-1]] for row in table]
    fixed = [[*row[:-1], *[F(0)] * (size - d), row[-1]] for row in ties if any(row[:-1])]
    values = []
    for chosen in combinations([*lifted, *epigraph], size - len(fixed)):
        tight = [*fixed, *chosen]
        if rank([row[:-1] for row in tight]) < size:
            continue
        z = solve([row[:-1] for row in tight], [row[-1] for row in tight])
        if is_feasible([*lifted, *epigraph], [], z) and is_feasible(table, ties, z[:d]):
            values.append(sum(z[d:], F(0)))
    return min(values, default=None)


def is_feasible(rows, ties, u):
    return all(dot(row[:-1], u) <= row[-1] for row in rows) and all(dot(t[:-1], u) == t[-1] for t in ties)


def require(found, rows, x, norm, weights, equality):
    """Everything an answer claims, added up in fractions."""
    metric = measure(norm, len(x), weights)
    tie = None if equality is None else exact([equality])[0]
    gap, dual = proved_bound(found.multipliers, found.equality, exact(rows), list(map(F, x)), metric, tie)
    if isinstance(found, Empty):
        assert dual == 0 < gap
        return
    if norm == "2":
        assert gap == dual == found.value
    else:
        assert gap == found.value
        assert dual <= 1
    if isinstance(found, Nearest):
        assert is_feasible(exact(rows), [], [*found.point]) if rows else True
        assert tie is None or dot(tie[:-1], found.point) == tie[-1]
        assert metric.length([a - b for a, b in zip(found.point, x, strict=True)]) == found.value
        assert all(dot(exact(rows)[i][:-1], found.point) == rows[i][-1] for i in found.multipliers)


# ---------------------------------------------------------------------- by hand


@pytest.mark.parametrize(("norm", "value"), [("2", 5), ("1", 3), ("inf", 2)])
def test_base_case(norm, value):
    found = nearest_on(SQUARE, (3, 2), norm=norm)

    assert found.value == value
    assert norm == "inf" or found.point == (1, 1)
    require(found, SQUARE, (3, 2), norm, None, None)


@pytest.mark.parametrize("norm", NORMS)
def test_a_point_inside_is_its_own_nearest(norm):
    assert nearest_on(SQUARE, ("1/2", 1), norm=norm) == Nearest(F(0), (F(1, 2), F(1)), {}, F(0))


@pytest.mark.parametrize("norm", NORMS)
def test_no_rows(norm):
    assert nearest_on([], (5,), norm=norm) == Nearest(F(0), (F(5),), {}, F(0))


@pytest.mark.parametrize("norm", NORMS)
def test_weights_scale_coordinates(norm):
    # y_0 >= 6 with weight 3, y_1 >= 1: the scaled vector is (2, 1).
    found = nearest_on([(-1, 0, -6), (0, -1, -1)], (0, 0), norm=norm, weights=(3, 1))

    assert found.value == {"2": 5, "1": 3, "inf": 2}[norm]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("normal", "offset", "exists"), [((0, 0), 0, True), ((0, 0), 3, False)])
def test_degenerate_equality_without_normal(norm, normal, offset, exists):
    found = decide_nearest(SQUARE, (3, 2), norm=norm, equality=(*normal, offset))

    assert isinstance(found, Nearest if exists else Empty)
    require(found, SQUARE, (3, 2), norm, None, (*normal, offset))


@pytest.mark.parametrize("norm", NORMS)
def test_degenerate_single_point(norm):
    rows = [(1, 1, 2), (-1, -1, -2), (1, -1, 0), (-1, 1, 0), (2, 2, 4), (0, 0, 0), (1, 0, 1)]
    found = nearest_on(rows, (0, 0), norm=norm)

    assert found.point == (1, 1)
    require(found, rows, (0, 0), norm, None, None)


@pytest.mark.parametrize("norm", NORMS)
def test_degenerate_zero_row_that_never_holds(norm):
    found = decide_nearest([(0, 0, -1), (1, 0, 1)], (0, 0), norm=norm)

    assert isinstance(found, Empty)
    assert found.multipliers.keys() == {0}


@pytest.mark.parametrize("norm", NORMS)
def test_thin_and_large(norm):
    # A strip of width 1e-40 at 1e40: doubles see nothing of its width.
    far, thin = F(10) ** 40, F(1, 10**40)
    rows = [(-1, -far), (1, far + thin)]
    assert nearest_on(rows, (0,), norm=norm).value == (far**2 if norm == "2" else far)
    assert nearest_on([(-1, -far), (1, far - thin)], (0,), norm=norm) is None
    assert nearest_on([(-(10**400), 0, -1)], (0, 0), norm=norm).point[0] == F(1, 10**400)


# ---------------------------------------------------------------------- against oracles


@pytest.mark.parametrize("norm", NORMS)
@given(case=polyhedra())
@settings(max_examples=examples(150), deadline=None)
def test_against_every_set_of_tight_rows(norm, case):
    rows, x, weights, equality = case
    if norm == "1" and len(x) == 3:
        rows = rows[:3]
    expected = least_by_enumeration(rows, x, norm, weights, equality)

    found = decide_nearest(rows, x, norm=norm, weights=weights, equality=equality)

    require(found, rows, x, norm, weights, equality)
    assert (found.value if isinstance(found, Nearest) else None) == expected


@pytest.mark.parametrize("norm", NORMS)
@given(case=polyhedra(5, 9), start=st.lists(st.integers(0, 8), max_size=8, unique=True))
@settings(max_examples=examples(150), deadline=None)
def test_every_start_leads_to_the_same_value(norm, case, start):
    rows, x, weights, equality = case
    asked = {"norm": norm, "weights": weights, "equality": equality}

    proposed = decide_nearest(rows, x, **asked)
    other = decide_nearest(rows, x, **asked, start=[i for i in start if i < len(rows)])

    require(other, rows, x, norm, weights, equality)
    assert type(proposed) is type(other)
    assert isinstance(proposed, Empty) or proposed.value == other.value


@pytest.mark.parametrize("norm", NORMS)
@given(case=polyhedra(), enough=st.fractions(min_value=0, max_value=9, max_denominator=3))
@settings(max_examples=examples(100), deadline=None)
def test_far_enough_is_proved(norm, case, enough):
    rows, x, weights, equality = case
    asked = {"norm": norm, "weights": weights, "equality": equality}
    complete = decide_nearest(rows, x, **asked)

    found = decide_nearest(rows, x, **asked, enough=enough, start=())

    require(found, rows, x, norm, weights, equality)
    if isinstance(found, FarEnough):
        assert found.value >= enough
        assert isinstance(complete, Empty) or complete.value >= enough
    else:
        assert type(found) is type(complete)
        assert isinstance(found, Empty) or found.value == complete.value < enough


@pytest.mark.parametrize("norm", NORMS)
def test_against_cvxpy(norm):
    rng = np.random.default_rng(7)
    statuses = []
    for _ in range(60):
        d, m = int(rng.integers(1, 6)), int(rng.integers(1, 12))
        normals, offsets = rng.normal(size=(m, d)), rng.normal(size=m) + 0.5
        x, w = 2 * rng.normal(size=d), rng.uniform(0.5, 2, size=d)
        y = cvxpy.Variable(d)
        length = cvxpy.norm((y - x) / w, {"2": 2, "1": 1, "inf": "inf"}[norm])
        problem = cvxpy.Problem(cvxpy.Minimize(length), [normals @ y <= offsets])
        problem.solve(solver=cvxpy.CLARABEL)

        rows = [(*n, b) for n, b in zip(normals.tolist(), offsets.tolist(), strict=True)]
        found = decide_nearest(rows, x.tolist(), norm=norm, weights=w.tolist())

        require(found, rows, list(map(F, x.tolist())), norm, list(map(F, w.tolist())), None)
        statuses.append(isinstance(found, Nearest))
        if isinstance(found, Nearest):
            value = float(found.value) ** (0.5 if norm == "2" else 1)
            assert value == pytest.approx(problem.value, rel=1e-6, abs=1e-6)
        else:
            assert problem.status.startswith("infeasible")
    assert 5 < sum(statuses) < 60


# ---------------------------------------------------------------------- in doubles


@pytest.mark.parametrize("norm", NORMS)
@given(case=polyhedra(5, 9))
@settings(max_examples=examples(150), deadline=None)
def test_float_bound_is_below_and_near(norm, case):
    rows, x, weights, _ = case
    table = moved(rows, list(map(F, x)), weights or [F(1)] * len(x))
    exactly = decide_nearest(rows, x, norm=norm, weights=weights)

    found = float_nearest(norm, round_rows(table, len(x)), [range(len(rows))], np.inf)

    bound = F(float(found.bounds[0]))
    if isinstance(exactly, Nearest):
        assert bound <= exactly.value
        assert found.statuses[0] != OPTIMAL or bound >= exactly.value * (1 - F(1, 10**6))
    else:
        assert found.statuses[0] != NONE or bound > 10**6


@pytest.mark.parametrize("norm", NORMS)
def test_float_bound_with_any_weights_and_errors(norm):
    """Bounds stay below the value for multipliers that are not the best and rows that are off by their errors."""
    rng = np.random.default_rng(3)
    from exactcpa.kernels import entry
    from exactcpa.kernels import nearest as kernels
    from exactcpa.nearest_float import CODES

    prove = entry(kernels.prove.py_func)
    for _ in range(50):
        d, m = int(rng.integers(1, 5)), int(rng.integers(1, 8))
        true = rng.integers(-8, 9, size=(m, d + 1))
        true[:, -1] -= 4
        value = decide_nearest(true.tolist(), [0] * d, norm=norm)
        errors = rng.uniform(0, 0.01, size=true.shape)
        rows = true + errors * rng.uniform(-0.999, 0.999, size=true.shape)
        places, weights = np.arange(m), rng.uniform(0, 1, size=m)
        bound = prove(CODES[norm], rows, errors, np.arange(m), places, weights)
        assert isinstance(value, Empty) or F(float(bound)) <= value.value
        solved = kernels.solve_all(
            CODES[norm], rows, errors, np.array([0, m]), np.arange(m), np.array([np.inf])
        )
        assert isinstance(value, Empty) or F(float(solved[0][0])) <= value.value


def test_float_problems_share_rows_and_stop_at_limits():
    table = round_rows([(-1, 0, -3), (0, -1, -4), (1, 0, 2)], 2)
    problems = [[0, 1], [0], [], [0, 1, 2], [1, 0]]

    found = float_nearest("2", table, problems, [np.inf, np.inf, np.inf, np.inf, 20.0])

    assert found.statuses.tolist() == [OPTIMAL, OPTIMAL, OPTIMAL, NONE, BEYOND]
    assert found.bounds[:2] == pytest.approx([25, 9])
    assert found.bounds[2] == 0
    assert sorted(found.active[0].tolist())[-2:] == [0, 1]
    assert found.points[0] == pytest.approx([3, 4])


def test_float_numbers_beyond_doubles():
    table = round_rows(
        [(F(10) ** -400, 0, F(10) ** 400), (-(10**300), 10**-300, -1), (1, F(10) ** -700, 0)], 2
    )

    assert np.isfinite(table.rows).all()
    assert float_nearest("2", table, [[0, 1]], np.inf).bounds[0] <= float(F(10) ** -600 + F(10) ** -601)


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("change", ["value", "point", "multiplier", "negative", "dropped", "larger"])
def test_rejects_tampered_answers(norm, change, monkeypatch):
    rows, x = [(-1, -1, -2), (-1, 0, 0), (1, 0, 5)], (0, 0)
    found = nearest_on(rows, x, norm=norm)
    name = "find_nearest" if norm == "2" else "least_point"
    where = module.nearest_point if norm == "2" else nearest_linear
    value = "squared" if norm == "2" else "value"
    solver = getattr(where, name)

    def tampered(*arguments, **named):
        right = solver(*arguments, **named)
        match change:
            case "value":
                return replace(right, **{value: getattr(right, value) * 2})
            case "point":
                return replace(right, point=tuple(2 * q for q in right.point))
            case "multiplier":
                return replace(right, multipliers={i: t / 2 for i, t in right.multipliers.items()})
            case "negative":
                return replace(right, multipliers=right.multipliers | {1: right.multipliers[0] * -1})
            case "dropped":
                return replace(right, multipliers={})
            case _:
                return replace(right, multipliers=right.multipliers | {2: right.multipliers[0]})

    assert found.value > 0
    monkeypatch.setattr(where, name, tampered)
    with pytest.raises(CertificateRejected):
        nearest_on(rows, x, norm=norm)


def test_rejects_an_emptiness_that_is_not_proved(monkeypatch):
    solver = nearest_linear.least_point
    monkeypatch.setattr(
        nearest_linear,
        "least_point",
        lambda *a, **k: replace(solver(*a, **k), multipliers={0: solver(*a, **k).multipliers[0]}),
    )
    with pytest.raises(CertificateRejected):
        nearest_on([(1, 0), (-1, -1)], (0,), norm="inf")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"norm": "3"}, BadArgument),
        ({"norm": [2]}, BadArgument),
        ({"weights": (1, 0)}, BadArgument),
        ({"weights": (1, -1)}, BadArgument),
        ({"weights": (1,)}, DimensionMismatch),
        ({"weights": (1, float("nan"))}, InexactNumber),
        ({"equality": (1, 1)}, DimensionMismatch),
        ({"rows": [(1, 1)]}, DimensionMismatch),
        ({"rows": [(1, 1, "a")]}, InexactNumber),
        ({"x": ()}, BadArgument),
        ({"x": (0, float("inf"))}, InexactNumber),
    ],
)
def test_rejects_bad_arguments(arguments, error):
    given_ = {"rows": SQUARE, "x": (0, 0)} | arguments
    with pytest.raises(error):
        nearest_on(given_.pop("rows"), given_.pop("x"), **given_)


@pytest.mark.parametrize(("norm", "name"), [(2, "2"), (1, "1"), (float("inf"), "inf"), ("inf", "inf")])
def test_norms_by_number(norm, name):
    assert measure(norm, 1).norm == name
    assert str(measure(norm, 1)) == {"2": "l2", "1": "l1", "inf": "l_inf"}[name]
    assert str(measure(norm, 1, [2])).startswith("weighted")
