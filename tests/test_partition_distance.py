"""Distances to the boundary of the partition, compared exactly with brute force over all cells.

The oracle's cells are found by another method, and its distances by trying all sets of tight rows.
"""

from fractions import Fraction

import margin_cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin_oracle import NORMS, distance, level_distance
from margin_oracle import partition_distance as brute_force
from sparing import examples, some
from strategies import cases

import exactcpa as cpa
from exactcpa.layers import Consecutive

F = Fraction


def of_file(network, domain):
    return cpa.network_from_json(network), cpa.domain_from_json(domain)


@st.composite
def points_of(draw, domain):
    """A point of a domain in its own coordinates: often at hyperplanes, on the boundary or at a corner."""
    dom = cpa.domain_from_json(domain)
    eighths = draw(st.lists(st.integers(0, 8), min_size=dom.dimension, max_size=dom.dimension))
    point = tuple(a + F(k, 8) * (b - a) for a, b, k in zip(dom.lower, dom.upper, eighths, strict=True))
    while not dom.contains(point):
        point = tuple((x + y) / 2 for x, y in zip(point, dom.interior, strict=True))
    return point


# From the definition.


def test_base_case():
    """One unit: the distance to its line, by hand: |3 - 4 + 6| = 5 over 5, 4 and 7."""
    net = cpa.Network(2, (cpa.Linear([[3, -4]], [6]), cpa.ReLU()))
    found = {norm: cpa.partition_distance(net, [1, 1], norm=norm) for norm in NORMS}
    assert [found[norm].value for norm in NORMS] == [1, F(5, 4), F(5, 7)]
    assert found["2"].nearest == (F(2, 5), F(9, 5))
    assert found["1"].nearest == (1, F(9, 4))
    assert found["inf"].nearest == (F(2, 7), F(12, 7))
    assert {f.unit for f in found.values()} == {(0, 0)}


def test_domain_moves_the_nearest_point():
    """The foot of the perpendicular is outside the box, so the line's end in the box counts."""
    net = cpa.Network(2, (cpa.Linear([[1, 1]], [-4]), cpa.ReLU()))
    found = cpa.partition_distance(net, [1, 0], cpa.Box([0, 0], [5, 1]))
    assert (found.value, found.nearest) == (5, (3, 1))
    assert cpa.partition_distance(net, [1, 0]).nearest == (F(5, 2), F(3, 2))


@pytest.mark.parametrize("number", some(range(48), 16))
@pytest.mark.parametrize("norm", NORMS)
def test_classifiers(number, norm):
    case = margin_cases.case(number)
    for weights in (None, case.weights):
        value, _ = brute_force(case.network, case.domain, case.point, norm, weights)
        net, dom = of_file(case.network, case.domain)
        found = cpa.partition_distance(net, case.point, dom, norm=norm, weights=weights)
        assert found.value == value
        if value is not None:
            assert distance(found.nearest, case.point, norm, weights) == value


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
@pytest.mark.parametrize("norm", some(NORMS, 1))
def test_all_layer_types(norm, data):
    """Every layer, box, polytope and slice, with degenerate units on purpose."""
    network, domain = data.draw(cases(dimensions=(1, 2)))
    point = data.draw(points_of(domain))
    net, dom = of_file(network, domain)
    found = cpa.partition_distance(net, point, dom, norm=norm)
    assert found.value == brute_force(network, domain, point, norm)[0]


@settings(max_examples=examples(15), deadline=None)
@given(st.data())
def test_three_inputs(data):
    network, domain = data.draw(cases(dimensions=(3,)))
    point = data.draw(points_of(domain))
    net, dom = of_file(network, domain)
    assert cpa.partition_distance(net, point, dom).value == brute_force(network, domain, point)[0]


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_nearest_point_is_in_two_cells(data):
    network, domain = data.draw(cases(dimensions=(1, 2)))
    point = data.draw(points_of(domain))
    net, dom = of_file(network, domain)
    found = cpa.partition_distance(net, point, dom)
    part = cpa.enumerate_cells(net, dom)
    if found.value is None:
        assert len(part) == 1
        return
    where = part.locate(found.nearest)
    assert len(where.cells) > 1
    assert set(found.units) <= set(where.boundary_of)
    assert set(part.locate(point).cells) & set(where.cells)


# Relations.


@pytest.mark.parametrize("number", some(range(0, 48, 3), 6))
@pytest.mark.parametrize("norm", NORMS)
def test_scaled_and_translated_input(number, norm):
    """The network of ``(x - v) / c`` has all distances c times as large."""
    case = margin_cases.case(number)
    c, shift = F(3, 7), [F(5, 3) - j for j in range(len(case.point))]
    first, *others = case.network["layers"]
    bias = [
        b - sum(F(a) * v for a, v in zip(row, shift, strict=True)) / c
        for row, b in zip(first["weight"], map(F, first["bias"]), strict=True)
    ]
    moved = {"type": "linear", "weight": [[str(F(a) / c) for a in row] for row in first["weight"]]}
    moved["bias"] = [str(b) for b in bias]
    net, dom = of_file(case.network, case.domain)
    other = cpa.network_from_json({**case.network, "layers": [moved, *others]})
    box = cpa.Box(*[[c * x + v for x, v in zip(end, shift, strict=True)] for end in (dom.lower, dom.upper)])
    found = cpa.partition_distance(net, case.point, dom, norm=norm)
    point = [c * x + v for x, v in zip(case.point, shift, strict=True)]
    again = cpa.partition_distance(other, point, box, norm=norm)
    factor = c * c if norm == "2" else c
    assert again.value == (None if found.value is None else factor * found.value)
    assert again.units == found.units


def test_weights_are_a_change_of_coordinates():
    case = margin_cases.case(20)
    net, dom = of_file(case.network, case.domain)
    first, *others = net.layers
    w = case.weights
    weight = [[a * b for a, b in zip(row, w, strict=True)] for row in first.weight]
    scaled = cpa.Network(net.input, (cpa.Linear(weight, first.bias), *others))
    ends = [[x / b for x, b in zip(end, w, strict=True)] for end in (dom.lower, dom.upper)]
    point = [x / b for x, b in zip(case.point, w, strict=True)]
    for norm in NORMS:
        one = cpa.partition_distance(net, case.point, dom, norm=norm, weights=w)
        assert one.value == cpa.partition_distance(scaled, point, cpa.Box(*ends), norm=norm).value


# One unit's bent hyperplane.


def network_up_to(network, layer, index):
    """The pre-activation of a unit as the one output of a chain of linear and ReLU layers, in the file format."""
    before = network["layers"][: 2 * layer]
    last = network["layers"][2 * layer]
    row = {"type": "linear", "weight": [last["weight"][index]], "bias": [last["bias"][index]]}
    return {**network, "layers": [*before, row]}


@pytest.mark.parametrize("number", some(range(1, 48), 12))
@pytest.mark.parametrize("norm", NORMS)
def test_bent_hyperplanes(number, norm):
    """Every unit, against all cells of the layers before it."""
    case = margin_cases.case(number)
    net, dom = of_file(case.network, case.domain)
    for layer, size in enumerate(net.layer_sizes):
        index = number % size
        cut = network_up_to(case.network, layer, index)
        value, _ = level_distance(cut, case.domain, case.point, F(0), norm=norm)
        found = cpa.partition_distance(net, case.point, dom, norm=norm, unit=(layer, index))
        assert found.value == value
        if value is not None:
            assert distance(found.nearest, case.point, norm) == value
            assert cpa.network_from_json(cut).forward(found.nearest) == (0,)


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_partition_is_nearer_than_every_unit(data):
    """Of all layer types; and in input space some unit is as near, unless only part of its hyperplane is a boundary."""
    network, domain = data.draw(cases(dimensions=(1, 2)))
    point = data.draw(points_of(domain))
    net, dom = of_file(network, domain)
    units = [(layer, k) for layer, size in enumerate(net.layer_sizes) for k in range(size)]
    whole = cpa.partition_distance(net, point, dom)
    bent = {unit: cpa.partition_distance(net, point, dom, unit=unit).value for unit in units}
    if whole.value is not None:
        assert all(bent[unit] is not None and bent[unit] <= whole.value for unit in whole.units)
    part = cpa.enumerate_cells(net, dom)
    for unit, value in bent.items():
        is_flat = any(unit in part.flat_units(i) for i in range(len(part)))
        if value is not None and not is_flat and whole.value is not None and value < whole.value:
            found = cpa.partition_distance(net, point, dom, unit=unit)
            assert len(part.locate(found.nearest).cells) == 1  # it only touches the domain's boundary there


def test_unit_of_a_maximum_and_of_two_breakpoints():
    """max(x, y) from (3, 1): the diagonal; hardtanh(x) from 3: its upper end, at 1."""
    net = cpa.Network(2, (cpa.MaxOut(Consecutive(2)), cpa.HardTanh(-1, 1)))
    box = cpa.Box([-4, -4], [4, 4])
    assert cpa.partition_distance(net, [3, 1], box, unit=(0, 0)).nearest == (2, 2)
    found = cpa.partition_distance(net, [3, -4], box, unit=(1, 0))
    assert (found.value, found.nearest, found.unit) == (4, (1, -4), (1, 0))


def test_unit_inside_a_residual_block():
    body = (cpa.Linear([[1]], [-2]), cpa.ReLU(), cpa.Linear([[3]], [0]))
    net = cpa.Network(1, (cpa.ReLU(), cpa.Residual(body), cpa.Linear([[1]], [-7]), cpa.Abs()))
    box = cpa.Box([-5], [5])
    asked = [cpa.partition_distance(net, [1], box, norm="1", unit=(layer, 0)) for layer in range(3)]
    assert [found.value for found in asked] == [1, 1, F(9, 4)]
    assert asked[2].nearest == (F(13, 4),)


@pytest.mark.parametrize(
    "unit",
    [(0, 1), (1, 0), (-1, 0), (0, -1), 3, "00", (0,), (0.5, 0), (0, False), (False, 0), (0, np.False_)],
)
def test_rejects_a_unit_that_is_none(unit):
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.ReLU()))
    with pytest.raises(cpa.BadArgument, match="unit"):
        cpa.partition_distance(net, [1], cpa.Box([-2], [2]), unit=unit)
    with pytest.raises(cpa.BadArgument, match="domain"):
        cpa.partition_distance(net, [1], unit=(0, 0))


# Degenerate.


def test_twins_and_opposites_switch_together():
    net = cpa.Network(1, (cpa.Linear([[1], [3], [-2]], [-1, -3, 2]), cpa.ReLU()))
    found = cpa.partition_distance(net, [0])
    assert (found.value, found.units) == (1, ((0, 0), (0, 1), (0, 2)))
    assert cpa.partition_distance(net, [1]).value == 0


def test_flat_and_dead_units_bound_nothing():
    """Unit (1, 0) is identically zero left of 0, which is no boundary; its own boundary is at 0, as is (0, 0)'s."""
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.ReLU(), cpa.Linear([[1], [0]], [0, -1]), cpa.ReLU()))
    assert cpa.partition_distance(net, [-3], norm="1").value == 3
    assert cpa.partition_distance(net, [3], norm="1").unit == (0, 0)


def test_hyperplane_that_only_touches_the_domain():
    """x0 + x1 = 2 meets the square in a corner: no boundary, even from that corner."""
    net = cpa.Network(2, (cpa.Linear([[1, 1]], [-2]), cpa.ReLU()))
    square = cpa.Box([0, 0], [1, 1])
    triangle = cpa.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 2])
    for point in ([0, 0], [1, 1], ["1/2", 1]):
        assert cpa.partition_distance(net, point, square).value is None
        assert cpa.partition_distance(net, point, triangle).value is None
    flipped = cpa.Network(2, (cpa.Linear([[-1, -1]], [2]), cpa.ReLU()))
    assert cpa.partition_distance(flipped, [1, 1], square).value is None


def test_three_lines_of_a_maximum():
    """max(x, y, 0) from (3, 1): y = x is nearer than x = 0; at the origin all meet."""
    net = cpa.Network(2, (cpa.Linear([[1, 0], [0, 1], [0, 0]], [0, 0, 0]), cpa.MaxPool(Consecutive(3))))
    assert cpa.partition_distance(net, [3, 1]).value == 2
    assert cpa.partition_distance(net, [0, 0]).value == 0
    below = cpa.Box([-4, -4], [0, 0])
    assert cpa.partition_distance(net, [0, 0], below).value is None  # the constant wins everywhere there


def test_no_unit():
    net = cpa.Network(2, (cpa.Linear([[1, 1]], [0]),))
    found = cpa.partition_distance(net, [1, 1])
    assert (found.value, found.nearest, found.unit, found.units) == (None, None, None, ())
    assert str(found).endswith("there is none")


# Many points, and misuse.


def test_many_points_and_one_that_fails():
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.ReLU()))
    found = cpa.partition_distances(net, [[1], [7], ["x"], [-1]], cpa.Box([-2], [2]), norm="1")
    assert [f.value for f in (found[0], found[3])] == [1, 1]
    assert [f.kind for f in found[1:3]] == ["OutsideDomain", "InexactNumber"]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"point": [1, 2]}, cpa.DimensionMismatch, "2"),
        ({"point": "12"}, cpa.BadArgument, "point"),
        ({"point": [9]}, cpa.OutsideDomain, "9"),
        ({"domain": "box"}, cpa.BadArgument, "box"),
        ({"domain": cpa.Box([0, 0], [1, 1])}, cpa.DimensionMismatch, "R\\^2"),
        ({"norm": "3"}, cpa.BadArgument, "norm"),
        ({"weights": [0]}, cpa.BadArgument, "weights"),
        ({"net": "net.json"}, cpa.BadArgument, "network"),
    ],
)
def test_rejects_misuse(change, error, text):
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.ReLU()))
    chosen = {"net": net, "point": [1], "domain": cpa.Box([-2], [2]), **change}
    with pytest.raises(error, match=text):
        cpa.partition_distance(**chosen)
