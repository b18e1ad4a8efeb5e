"""Exact margins, compared with brute force on hundreds of networks, with attacks, with cvxpy, and with themselves.

The brute force (`margin_oracle`) finds its cells by another method and its distances by trying all sets of tight rows.
"""

import random
from fractions import Fraction

import cvxpy
import margin_cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin_oracle import NORMS, distance
from margin_oracle import margin as brute_force
from sparing import examples, some
from strategies import cases

import exactcpa as cpa

F = Fraction
COUNT = 200
"""Networks compared with brute force."""


def of_file(network, domain):
    return cpa.network_from_json(network), cpa.domain_from_json(domain)


def require_upper_side(found, net, dom, point, norm, weights=None, threshold=None):
    """The nearest point is in the domain, at that distance, and another class is as large there: by a forward pass."""
    assert dom.contains(found.nearest)
    assert distance(found.nearest, point, norm, weights) == found.value
    outputs = net.forward(dom.embed(found.nearest))
    if threshold is not None:
        assert outputs[0] == threshold
    else:
        mine, rival = found.pair
        assert outputs[rival] == outputs[mine] == max(outputs)


# Brute force.


@pytest.mark.parametrize("number", some(range(COUNT), 15))
def test_agrees_with_brute_force(number):
    """In all norms; every third case with weights."""
    case = margin_cases.case(number)
    net, dom = of_file(case.network, case.domain)
    weights = case.weights if number % 3 == 2 else None
    for norm in NORMS:
        value, _ = brute_force(case.network, case.domain, case.point, norm, weights)
        found = cpa.margin(net, case.point, dom, norm=norm, weights=weights)
        assert found.value == value
        if value is not None:
            require_upper_side(found, net, dom, case.point, norm, weights)


@settings(max_examples=examples(50), deadline=None)
@given(st.data())
@pytest.mark.parametrize("norm", some(NORMS, 1))
def test_all_layer_types(norm, data):
    """Every layer, box, polytope and slice, degenerate units on purpose; one output against a threshold."""
    network, domain = data.draw(cases(dimensions=(1, 2)))
    net, dom = of_file(network, domain)
    eighths = data.draw(st.lists(st.integers(0, 8), min_size=dom.dimension, max_size=dom.dimension))
    point = tuple(a + F(k, 8) * (b - a) for a, b, k in zip(dom.lower, dom.upper, eighths, strict=True))
    while not dom.contains(point):
        point = tuple((x + y) / 2 for x, y in zip(point, dom.interior, strict=True))
    threshold = None
    if net.output == 1:
        threshold = data.draw(st.sampled_from([F(0), F(1, 3), net.forward(dom.embed(dom.interior))[0]]))
    found = cpa.margin(net, point, dom, norm=norm, threshold=threshold)
    assert found.value == brute_force(network, domain, point, norm, threshold=threshold)[0]
    if found.value is not None:
        require_upper_side(found, net, dom, point, norm, threshold=threshold)


# Relations: every one exactly.


def first_layer_changed(net, change):
    """The network with another first weight and bias."""
    first, *others = net.layers
    return cpa.Network(net.input, (cpa.Linear(*change(first.weight, first.bias)), *others))


RELATED = [
    number if number < 20 else pytest.param(number, marks=pytest.mark.slow)
    for number in (*range(0, 120, 6), *range(1, 60, 6))
]


@pytest.mark.parametrize("number", RELATED)
@pytest.mark.parametrize("norm", NORMS)
def test_scaled_input_scales_margins(number, norm):
    case = margin_cases.case(number)
    net, dom = of_file(case.network, case.domain)
    c = F(7, 3)
    scaled = first_layer_changed(net, lambda w, b: ([[a / c for a in row] for row in w], b))
    box = cpa.Box([c * x for x in dom.lower], [c * x for x in dom.upper])
    one = cpa.margin(net, case.point, dom, norm=norm)
    other = cpa.margin(scaled, [c * x for x in case.point], box, norm=norm)
    assert other.value == (None if one.value is None else one.value * (c * c if norm == "2" else c))


@pytest.mark.parametrize("number", RELATED)
@pytest.mark.parametrize("norm", NORMS)
def test_translation_does_nothing(number, norm):
    case = margin_cases.case(number)
    net, dom = of_file(case.network, case.domain)
    v = [F(5, 3) - 4 * j for j in range(net.input)]

    def moved(weight, bias):
        sums = [sum(a * x for a, x in zip(row, v, strict=True)) for row in weight]
        return weight, [b - s for b, s in zip(bias, sums, strict=True)]

    def shifted(point):
        return [x + y for x, y in zip(point, v, strict=True)]

    one = cpa.margin(net, case.point, dom, norm=norm)
    box = cpa.Box(shifted(dom.lower), shifted(dom.upper))
    other = cpa.margin(first_layer_changed(net, moved), shifted(case.point), box, norm=norm)
    assert other.value == one.value


@pytest.mark.parametrize("number", RELATED)
@pytest.mark.parametrize("norm", NORMS)
def test_duplicated_units_and_permuted_classes_do_nothing(number, norm):
    """The first layer's units twice, each with half the weight after it; the outputs in reverse order."""
    case = margin_cases.case(number)
    net, dom = of_file(case.network, case.domain)
    first, activation, second, *others = net.layers
    twice = [[a / 2 for a in row] * 2 for row in second.weight]
    layers = [
        cpa.Linear(first.weight * 2, first.bias * 2),
        activation,
        cpa.Linear(twice, second.bias),
        *others,
    ]
    last = layers[-1]
    layers[-1] = cpa.Linear(last.weight[::-1], last.bias[::-1])
    one = cpa.margin(net, case.point, dom, norm=norm)
    other = cpa.margin(cpa.Network(net.input, tuple(layers)), case.point, dom, norm=norm)
    assert other.value == one.value
    if one.value:
        assert net.output - 1 - other.pair[0] == one.pair[0]


def test_smaller_domain_never_has_a_smaller_margin():
    for number in range(0, 40):
        case = margin_cases.case(number)
        net, dom = of_file(case.network, case.domain)
        middle = [(x + y) / 2 for x, y in zip(case.point, dom.lower, strict=True)]
        ends = [(min(x, m), max(x, m) + F(1, 8)) for x, m in zip(case.point, middle, strict=True)]
        inner = cpa.Box([a for a, _ in ends], [b for _, b in ends])
        whole, part = cpa.margin(net, case.point, dom).value, cpa.margin(net, case.point, inner).value
        if dom.contains(inner.upper) and part is not None:
            assert whole is not None and whole <= part


# Attacks, samples, cvxpy.

SIZES = [(2, (6, 6)), (3, (6, 5)), (4, (8, 6))]


def larger(number):
    """A random classifier beyond brute force, in doubles, with a box and a point."""
    source = np.random.default_rng(number)
    width, hidden = SIZES[number % len(SIZES)]
    layers, inputs = [], width
    for size in hidden:
        layers += [cpa.Linear(source.normal(size=(size, width)), source.normal(size=size) / 2), cpa.ReLU()]
        width = size
    layers.append(cpa.Linear(source.normal(size=(3, width)), source.normal(size=3) / 2))
    return (
        cpa.Network(inputs, tuple(layers)),
        cpa.Box([-2] * inputs, [2] * inputs),
        source.uniform(-1, 1, inputs),
    )


def forward(net, points):
    """The network in doubles at many points."""
    values = points
    for layer in net.layers:
        if isinstance(layer, cpa.Linear):
            values = values @ np.array(layer.weight, float).T + np.array(layer.bias, float)
        else:
            values = np.maximum(values, 0)
    return values


def lengths(steps, norm):
    return np.linalg.norm(steps, ord={"2": 2, "1": 1, "inf": np.inf}[norm], axis=1)


def length_of(found):
    return float(found.value) ** (0.5 if found.value_is_squared else 1)


@pytest.mark.parametrize("number", some(range(12), 6))
@pytest.mark.parametrize("norm", NORMS)
def test_no_attack_finds_anything_nearer(number, norm):
    """Projected gradient steps toward the best rival from many starts; what has crossed is drawn back to the point."""
    net, box, x = larger(number)
    found = cpa.margin(net, x.tolist(), box, norm=norm)
    if found.value is None:
        return
    source, mine = np.random.default_rng(0), found.pair[0]
    reach = 1.5 * length_of(found)
    points = np.clip(x + source.normal(size=(300, len(x))) * reach / 2, -2, 2)
    nearest = np.inf
    for step in np.geomspace(reach / 4, reach / 400, 60):
        scores = forward(net, points)
        rivals = np.where(np.arange(3) == mine, -np.inf, scores).argmax(axis=1)
        gaps = np.zeros_like(points)
        for j in range(len(x)):
            ahead = points.copy()
            ahead[:, j] += 1e-6
            change = forward(net, ahead) - scores
            gaps[:, j] = (np.take_along_axis(change, rivals[:, None], 1)[:, 0] - change[:, mine]) / 1e-6
        size = lengths(gaps, "2")[:, None]
        is_other = (forward(net, points).argmax(axis=1) != mine)[:, None]
        toward = x - points
        points = np.where(is_other, points + 0.3 * toward, points + step * gaps / np.maximum(size, 1e-12))
        points = np.clip(points, -2, 2)
        is_other = forward(net, points).argmax(axis=1) != mine
        if is_other.any():
            nearest = min(nearest, lengths(points[is_other] - x, norm).min())
    assert nearest >= length_of(found) * (1 - 1e-9)


@pytest.mark.parametrize("number", some(range(12), 6))
@pytest.mark.parametrize("norm", NORMS)
def test_points_within_the_ball_keep_the_class(number, norm):
    net, box, x = larger(number)
    found = cpa.margin(net, x.tolist(), box, norm=norm)
    radius = 4 if found.value is None else length_of(found)
    source = np.random.default_rng(1)
    steps = source.normal(size=(4000, len(x)))
    steps *= (source.uniform(size=4000) ** (1 / len(x)) * radius * (1 - 1e-9) / lengths(steps, norm))[:, None]
    points = x + steps
    points = points[(np.abs(points) <= 2).all(axis=1)]
    mine = forward(net, x[None]).argmax()
    assert (forward(net, points).argmax(axis=1) == mine).all()


@pytest.mark.parametrize("number", some(range(12), 6))
@pytest.mark.parametrize("norm", NORMS)
def test_cvxpy_on_the_winning_cell(number, norm):
    """The convex program of the cell with the nearest point has that value, to the solver's accuracy."""
    net, box, x = larger(number)
    found = cpa.margin(net, x.tolist(), box, norm=norm)
    if found.value is None:
        return
    part = cpa.enumerate_cells(net, box)
    mine, rival = found.pair
    values = []
    for i in part.locate(found.nearest).cells:
        rows, map_ = part.cell(i).rows, part.affine_map(i)
        y = cvxpy.Variable(len(x))
        gap = np.array(map_.matrix[rival], float) - np.array(map_.matrix[mine], float)
        limits = [gap @ y + float(map_.shift[rival] - map_.shift[mine]) >= 0]
        limits += [np.array([r.normal for r in rows], float) @ y <= np.array([r.offset for r in rows], float)]
        goal = cvxpy.Minimize(cvxpy.norm(y - x, {"2": 2, "1": 1, "inf": "inf"}[norm]))
        program = cvxpy.Problem(goal, limits)
        program.solve(solver=cvxpy.CLARABEL)
        if program.status == cvxpy.OPTIMAL:
            values.append(program.value)
    assert min(values) == pytest.approx(length_of(found), rel=1e-6, abs=1e-8)


# From the definition, by hand.


def test_base_case():
    """Classes x and -x + 2 tie at 1."""
    net = cpa.Network(1, (cpa.Linear([[1], [-1]], [0, 2]),))
    found = cpa.margin(net, [3], cpa.Box([-4], [4]))
    assert (found.value, found.nearest, found.pair) == (4, (1,), (0, 1))
    assert cpa.margin(net, [3], cpa.Box([-4], [4]), norm="inf").value == 2


def test_point_on_the_boundary():
    net = cpa.Network(1, (cpa.Linear([[1], [-1]], [0, 2]),))
    found = cpa.margin(net, [1], cpa.Box([-4], [4]))
    assert (found.value, found.nearest) == (0, (1,))


def test_no_other_class():
    net = cpa.Network(1, (cpa.Linear([[1], [-1]], [0, 2]), cpa.ReLU()))
    found = cpa.margin(net, [3], cpa.Box([2], [4]))
    assert (found.value, found.nearest) == (None, None)


def test_tie_at_a_corner_of_the_domain_counts():
    """The outputs tie nowhere but in a corner of the square, which is closed."""
    net = cpa.Network(2, (cpa.Linear([[0, 0], [1, 1]], [0, -2]),))
    found = cpa.margin(net, [0, 0], cpa.Box([-1, -1], [1, 1]))
    assert (found.value, found.nearest) == (2, (1, 1))


def test_tie_on_a_full_dimensional_set():
    """Both outputs are 0 left of 0; the nearest point of another class is at its end."""
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.ReLU(), cpa.Linear([[1], [0]], [0, 0])))
    assert cpa.margin(net, [2], cpa.Box([-3], [3]), norm="1").value == 2
    assert cpa.margin(net, [-2], cpa.Box([-3], [3])).value == 0


def test_threshold():
    net = cpa.Network(1, (cpa.Linear([[2]], [0]),))
    box = cpa.Box([-4], [4])
    assert cpa.margin(net, [1], box, norm="1").value == 1
    assert cpa.margin(net, [1], box, norm="1", threshold=5).value == F(3, 2)
    assert cpa.margin(net, [1], box, norm="1", threshold=100).value is None


def test_outside_is_an_error_and_does_not_lose_the_others():
    net = cpa.Network(1, (cpa.Linear([[1], [-1]], [0, 2]),))
    box = cpa.Box([-4], [4])
    with pytest.raises(cpa.OutsideDomain):
        cpa.margin(net, [5], box)
    found = cpa.margins(net, [[3], [5], [0]], box, norm="inf")
    assert [found[0].value, found[2].value] == [2, 1]
    assert found[1].kind == "OutsideDomain"


def test_many_points_are_single_points():
    net, box, _ = larger(0)
    source = random.Random(0)
    points = [[F(source.randint(-64, 64), 32) for _ in range(2)] for _ in range(20)]
    for norm in NORMS:
        together = [found.value for found in cpa.margins(net, points, box, norm=norm)]
        assert together == [cpa.margin(net, point, box, norm=norm).value for point in points]
