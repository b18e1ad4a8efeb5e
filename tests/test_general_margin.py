"""Margins in any convex length: against the exact ones, by hand, under constraints; bounds are proofs."""

from fractions import Fraction

import cvxpy
import numpy as np
import pytest

from exactcpa import Abs, Box, Linear, Network, ReLU, enumerate_cells, margin_interval
from exactcpa import general_margin as module
from exactcpa.boundary import classes_of, tie_row
from exactcpa.cone_bounds import Cones, Restorer, rational
from exactcpa.errors import BadArgument, OutsideDomain
from exactcpa.nearest_on import nearest_on

F = Fraction
DIAMOND = Network(2, [Linear([[1, 0], [0, 1]], [0, 0]), Abs(), Linear([[1, 1]], [-1])])
SQUARE = Box([-2, -2], [2, 2])
CVX = {"2": 2, "1": 1, "inf": "inf"}


@pytest.fixture(scope="module")
def diamond():
    return enumerate_cells(DIAMOND, SQUARE)


def random_network(seed, d=2):
    rng = np.random.default_rng(seed)
    first, last = rng.normal(size=(7, d)), rng.normal(size=(3, 7))
    return Network(
        d,
        [Linear(first.tolist(), rng.normal(size=7).tolist()), ReLU(), Linear(last.tolist(), [0, 0, 0])],
    )


def exact_margin(part, x, norm, weights):
    """The least over all cells and rivals; of l2 the square."""
    values = part.network.forward(x)
    mine = values.index(max(values))
    found = []
    for i in range(len(part)):
        functions = classes_of(part, i, None)
        for k in range(len(functions)):
            if k != mine:
                rows = [*part.rows_of(i), tie_row(functions, k, mine)]
                found.append(nearest_on(rows, x, norm=norm, weights=weights))
    return min((answer.value for answer in found if answer is not None), default=None)


# ---------------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("length", "value"),
    [
        (lambda y: cvxpy.norm(y, 2) + cvxpy.norm(y, 1), 1 + 0.5**0.5),
        (lambda y: cvxpy.norm(y, 2), 0.5**0.5),
        (lambda y: cvxpy.norm_inf(y), 0.5),
        (lambda y: cvxpy.sum_squares(y), 0.5),
        (lambda y: 3 * cvxpy.norm(y, 1) + 2, 5),
        (lambda y: cvxpy.max(cvxpy.hstack([cvxpy.abs(y[0]), 3 * cvxpy.abs(y[1])])), 0.75),
    ],
)
def test_base_case(diamond, length, value):
    found = margin_interval(diamond, [0, 0], length)

    assert found.lower <= F(value) + F(1, 10**15)
    assert found.upper >= F(value) - F(1, 10**15)
    assert found.upper - found.lower < 1e-6
    assert sum(map(abs, found.nearest)) >= 1
    assert found.classes == (0, 1)
    assert str(found).startswith(f"class 0, margin from {float(found.lower):.9g} to ")


def test_under_constraints(diamond):
    # On the line x + y = 1/2 the diamond's sides x - y = 1 and y - x = 1 are met at (3/4, -1/4), (-1/4, 3/4).
    found = margin_interval(
        diamond, [0, 0], lambda y: cvxpy.norm(y, 2), lambda y: [y[0] + y[1] == 0.5, cvxpy.norm(y, 2) <= 1.5]
    )

    value = F(10, 16)
    assert found.lower**2 <= value <= found.upper**2
    assert found.upper - found.lower < 1e-6
    assert sum(found.nearest) == F(1, 2)
    assert sum(y * y for y in found.nearest) <= F(9, 4)


def test_constraints_that_leave_no_other_class(diamond):
    found = margin_interval(diamond, [0, 0], lambda y: cvxpy.norm(y, 2), lambda y: [cvxpy.norm(y, 2) <= 0.5])

    assert found.nearest is None
    assert found.upper is None
    assert found.lower > 100


def test_no_other_class_in_the_domain():
    part = enumerate_cells(DIAMOND, Box(["-1/4", "-1/4"], ["1/4", "1/4"]))
    found = margin_interval(part, [0, 0], lambda y: cvxpy.norm(y, 2))

    assert (found.lower, found.upper, found.nearest, found.classes) == (None, None, None, (0, None))
    assert str(found) == "class 0, and no other class in the domain"


def test_from_above_a_threshold(diamond):
    found = margin_interval(diamond, [2, 0], lambda y: cvxpy.norm(y - np.array([2, 0]), 1), threshold="1/2")

    assert found.classes == (1, 0)
    assert found.lower <= F(1, 2) <= found.upper


def test_a_point_on_the_boundary(diamond):
    found = margin_interval(diamond, [1, 0], lambda y: cvxpy.norm(y - np.array([1, 0]), 2))

    assert found.lower <= 0 <= found.upper < 1e-6


# ---------------------------------------------------------------------- against the exact margins


@pytest.mark.parametrize("norm", ["2", "1", "inf"])
@pytest.mark.parametrize("seed", range(4))
def test_against_exact_margins(norm, seed):
    d = 2 + seed % 2
    part = enumerate_cells(random_network(seed, d), Box([-1] * d, [1] * d), facets=False)
    x, weights = [F(1, 4), F(-1, 8), F(1, 2)][:d], [F(1), F(1, 2), F(4)][:d]
    exact = exact_margin(part, x, norm, weights)
    centre, widths = np.array(x, dtype=float), np.array(weights, dtype=float)

    found = margin_interval(part, x, lambda y: cvxpy.norm((y - centre) / widths, CVX[norm]))

    if exact is None:
        assert found.upper is None
        assert found.lower is None or found.lower > 100
        return
    square = (lambda q: q * q) if norm == "2" else (lambda q: q)
    assert found.lower > 0
    assert square(found.lower) <= exact <= square(found.upper)
    assert found.upper - found.lower < 1e-6


# ---------------------------------------------------------------------- every bound is a proof


@pytest.mark.parametrize("wrong", ["far", "noisy", "zero"])
def test_a_wrong_solver_gives_true_bounds(diamond, monkeypatch, wrong):
    """Whatever the solver says, what is told of the margin holds."""
    solver, rng = module._solve, np.random.default_rng(5)

    def disturbed(*arguments):
        answer = solver(*arguments)
        x, z = answer.x, answer.z
        if wrong == "far":
            x, z = 3 * x, 3 * z
        elif wrong == "noisy":
            x, z = x + 0.1 * rng.normal(size=x.shape), z + 0.1 * rng.normal(size=z.shape)
        else:
            x, z = 0 * x, 0 * z
        return module._Rough(x, z, answer.value)

    program = module._program(2, lambda y: cvxpy.norm(y, 2) + cvxpy.norm(y, 1), None)
    monkeypatch.setattr(module, "_program", lambda *_: program)
    monkeypatch.setattr(module, "_solve", disturbed)
    found = margin_interval(diamond, [0, 0], lambda y: cvxpy.norm(y, 2))

    assert found.lower <= F(17071067812, 10**10)
    assert found.upper is None or found.upper >= F(17071067811, 10**10)


# ---------------------------------------------------------------------- cones


def test_cones_hold_their_members():
    cones = Cones(1, 1, (3, 2))
    member = [rational(v) for v in (0.0, 2.0, 5.0, 3.0, -4.0, 1.0, 1.0)]

    assert cones.size == 7
    assert cones.holds(member, dual=False)
    for place, value in ((0, 1.0), (1, -1.0), (2, 4.999), (2, -5.0), (6, 1.001)):
        changed = list(member)
        changed[place] = rational(value)
        assert not cones.holds(changed, dual=False)
        assert cones.holds(changed, dual=True) == (place == 0)


def test_restorer_solves_exactly():
    numbers = [[rational(v) for v in row] for row in ((1.0, 1.0, 0.1), (2.0, 2.0, 0.2), (0.0, 1.0, -3.0))]
    restorer = Restorer(numbers, [rational(v) for v in (1.0, 2.0, 0.5)], 3)

    found = restorer.solve([0.3, 0.6, 0.7])

    for row, right in zip(numbers, (1, 2, F(1, 2)), strict=True):
        assert F(str(sum(a * v for a, v in zip(row, found, strict=True)))) == right
    assert restorer.restore([0.3, 0.6, 0.7], [0.0, 1.0, 0.0], lambda _: False) is None


def test_rejects_equalities_that_contradict():
    with pytest.raises(BadArgument, match="nowhere"):
        Restorer([[rational(1.0)], [rational(1.0)]], [rational(1.0), rational(2.0)], 1)


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (lambda y: -cvxpy.norm(y, 2), "convex"),
        (lambda y: cvxpy.sum(cvxpy.exp(y)), "exponential"),
        (lambda _: cvxpy.Constant(1), "constant"),
    ],
)
def test_rejects_lengths(diamond, length, message):
    with pytest.raises(BadArgument, match=message):
        margin_interval(diamond, [0, 0], length)


def test_rejects_points_outside(diamond):
    with pytest.raises(OutsideDomain):
        margin_interval(diamond, [3, 0], lambda y: cvxpy.norm(y, 2))


def test_rejects_a_threshold_for_several_outputs():
    part = enumerate_cells(random_network(0), SQUARE, facets=False)
    with pytest.raises(BadArgument, match="3 outputs"):
        margin_interval(part, [0, 0], lambda y: cvxpy.norm(y, 2), threshold=0)
