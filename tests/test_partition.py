"""Views of a partition: each against its definition, the network itself, or the oracles' own reading."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from degenerate import CASES
from hypothesis import given, settings
from oracle_program import read_domain, run
from oracles import facet_points, integer_row, truth
from sparing import all_but, examples
from strategies import BENDS, cases
from validate import SMALL, cell_of, faces_of, patterns_of

import exactcpa as cpa

DATA = Path(__file__).parent.parent / "data"
NETWORKS = sorted(path.stem for path in (DATA / "networks").glob("*.json"))
QUICK = ("deep_narrow_2_8x8", "digits", "moons", "random_2_16_16", "random_2_32_32_32", "zero_bias_2_16_16")
CHOSEN = [
    *("design_example", "flat_in_layer_two", "fold_on_a_facet", "fold_through_a_vertex", "zero_rows"),
    *("related_units", "tied_lines", "candidates_meet_on_a_facet", "honeycomb_2", "overlapping_groups"),
    *("lines_on_the_boundary_and_one_inside", "clipped_twice", "planes_through_zero_3", "triangle_domain"),
    *("slice_through_a_vertex", "slice_makes_maps_equal", "duplicates_that_cancel", "two_bit_plane"),
    *("narrow_wedge_1e-300", "third_in_floats", "small_triangle_5e-324", "skip_that_cancels", "octahedron"),
]


def read(name):
    """A shipped network with its own domain, or the cube [-1, 1]^d."""
    net = cpa.load_network(DATA / "networks" / f"{name}.json")
    path = DATA / "domains" / f"{name}.json"
    if path.exists():
        return net, cpa.domain_from_json(json.loads(path.read_text()))
    return net, cpa.Box([-1] * net.input, [1] * net.input)


@cache
def of_case(name):
    case = CASES[name]
    return cpa.enumerate_cells(cpa.network_from_json(case.network), cpa.domain_from_json(case.domain))


@pytest.fixture(params=CHOSEN)
def case(request):
    return CASES[request.param], of_case(request.param)


def walls_of(domain):
    return frozenset(integer_row((*n, b)) for n, b in read_domain(domain).rows if any(n))


def volume_of(domain):
    """The volume of a domain: sides multiplied, or faces of the oracles' rows."""
    if isinstance(domain, cpa.Slice):
        return volume_of(domain.within)
    if isinstance(domain, cpa.Polytope):
        return faces_of(frozenset(integer_row((*n, b)) for n, b in domain.rows)).volume
    product = Fraction(1)
    for low, high in zip(domain.lower, domain.upper, strict=True):
        product *= high - low
    return product


def points_in(part, count, seed=0):
    """Rational points of the domain: between witnesses, and on a coarse grid of its bounding box."""
    rng = np.random.default_rng(seed)
    witnesses = [part.witness(int(i)) for i in rng.integers(0, len(part), count)]
    points = [tuple((a + 2 * b) / 3 for a, b in zip(p, q, strict=True)) for p, q in pairwise(witnesses)]
    low, high = part.domain.lower, part.domain.upper
    for _ in range(count):
        shares = [Fraction(int(k), 4) for k in rng.integers(0, 5, len(low))]
        points.append(tuple(a + s * (b - a) for s, a, b in zip(shares, low, high, strict=True)))
    return [point for point in points if part.domain.contains(point)]


def corners_and_middles(part, i):
    """Vertices of a cell and the points between them: on faces of every dimension."""
    corners = part.vertices(i)
    middles = [tuple((a + b) / 2 for a, b in zip(p, q, strict=True)) for p, q in combinations(corners, 2)]
    return corners + middles


def holders(cells, point):
    """Numbers of the closed cells that contain a point, one by one."""
    return tuple(
        i
        for i, cell in enumerate(cells)
        if all(sum(n * x for n, x in zip(row, point, strict=False)) <= row[-1] for row in cell.rows)
    )


# Every data network: volumes, witnesses, graph.


LONG = {"random_3_32_32"}  # 8,387 cells


@pytest.mark.parametrize("name", all_but(LONG, (name for name in NETWORKS if read(name)[1].dimension <= 3)))
def test_volumes_of_data_networks_add_up(name):
    net, domain = read(name)
    part = cpa.enumerate_cells(net, domain)
    volumes = part.volumes()
    assert len(volumes) == len(part)
    assert min(volumes) > 0
    assert sum(volumes) == volume_of(domain)


@pytest.mark.parametrize("name", QUICK)
def test_witnesses_run_through_the_network(name):
    net, domain = read(name)
    part = cpa.enumerate_cells(net, domain)
    plain, patterns = cpa.network_to_json(net), patterns_of(part)
    for i in range(0, len(part), 1 + len(part) // 50):
        t = part.witness(i)
        assert tuple(part.witnesses[i].tolist()) == t or i in part.results.exact_points
        x = domain.embed(t)
        outputs, pieces, ties = run(plain, x)
        assert pieces == patterns[i]
        assert not any(ties)
        assert part.affine_map(i)(t) == net.forward(x) == tuple(outputs)


@pytest.mark.parametrize("name", QUICK)
def test_graph_of_data_networks(name):
    net, domain = read(name)
    part = cpa.enumerate_cells(net, domain)
    graph, patterns = part.graph(), patterns_of(part)
    starts, neighbours = part.adjacency()
    names = [(layer, index) for layer, size in enumerate(net.layer_sizes) for index in range(size)]
    assert list(graph) == list(range(len(part)))
    assert nx.is_connected(graph)
    assert 2 * graph.number_of_edges() == len(neighbours) == 2 * part.summary()["edges"]
    pairs = set(zip(np.repeat(range(len(part)), np.diff(starts)).tolist(), neighbours.tolist(), strict=True))
    assert pairs == {(j, i) for i, j in pairs} == {*graph.edges, *((j, i) for i, j in graph.edges)}
    for i, node in graph.nodes(data=True):
        assert node == {"pattern": patterns[i], "witness": part.witness(i)}
    for i, j, units in graph.edges(data="units"):
        assert units
        assert list(units) == [
            name for name, p, q in zip(names, patterns[i], patterns[j], strict=True) if p != q
        ]


def test_adjacency_is_the_graph(case):
    _, part = case
    starts, neighbours = part.adjacency()
    graph = part.graph()
    for i in range(len(part)):
        assert sorted(neighbours[starts[i] : starts[i + 1]].tolist()) == sorted(graph[i])


# Cells.


def test_rows_and_facets(case):
    """The facets are those of the oracle; rows that say the same as a facet are marked with it."""
    given_case, part = case
    walls = walls_of(given_case.domain)
    neighbours = part.graph()
    for i in range(min(len(part), 40)):
        cell, oracle = part.cell(i), cell_of(given_case.network, given_case.domain, patterns_of(part)[i])
        keys = [integer_row((*row.normal, row.offset)) for row in cell.rows]
        assert oracle.rows - walls <= frozenset(keys) <= oracle.rows  # a domain drops its redundant rows
        facets = set(facet_points(oracle.rows))
        assert {key for key, row in zip(keys, cell.rows, strict=True) if row.is_facet} == facets
        assert all(row.is_facet == (key in facets) for key, row in zip(keys, cell.rows, strict=True))
        inner = [row for row in cell.facets if row.neighbour is not None]
        assert sorted(row.neighbour for row in inner) == sorted(neighbours[i])
        assert len(cell.facets) == len(facets)
        assert {
            integer_row((*r.normal, r.offset)) for r in cell.facets if r.neighbour is None
        } == facets & walls
        for row in inner:
            assert row.unit in {u for r in cell.rows if r.neighbour == row.neighbour for u in [r.unit]}


def test_rows_of_one_facet_are_marked_alike():
    """A unit, its double and its negative: three rows, one facet, one neighbour."""
    layers = [
        {"type": "linear", "weight": [[1, 0], [2, 0], [-1, 0]], "bias": [0, 0, 0]},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1, 1]], "bias": [0]},
    ]
    net = cpa.network_from_json({"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers})
    part = cpa.enumerate_cells(net, cpa.Box([-1, -1], [1, 1]))
    for i in range(2):
        rows = part.cell(i).rows[:3]
        assert [row.unit for row in rows] == [(0, 0), (0, 1), (0, 2)]
        assert {(row.is_facet, row.neighbour) for row in rows} == {(True, 1 - i)}
        assert len(part.cell(i).facets) == 4
    assert part.graph().edges[0, 1]["units"] == ((0, 0), (0, 1), (0, 2))


def test_a_unit_on_the_boundary_of_the_domain():
    """x = 1 bounds the box: a facet without a neighbour, for the unit's row and for the box's."""
    layers = [{"type": "linear", "weight": [[1]], "bias": [-1]}, {"type": "relu"}]
    net = cpa.network_from_json({"format": "exactcpa-network", "version": 1, "input": 1, "layers": layers})
    part = cpa.enumerate_cells(net, cpa.Box([0], [1]))
    assert [str(row) for row in part.cell(0).rows] == ["1*t0 <= 1", "1*t0 <= 1", "-1*t0 <= 0"]
    assert [row.is_facet for row in part.cell(0).rows] == [True, True, True]
    assert [row.unit for row in part.cell(0).facets] == [(0, 0), None]
    assert str(part.cell(0)) == "cell 0: 1*t0 <= 1; -1*t0 <= 0"


def test_without_facets(case):
    """Cells, their facets and volumes are the same; only the cells across are not known."""
    _, part = case
    other = cpa.enumerate_cells(part.network, part.domain, facets=False)
    assert np.array_equal(other.results.words, part.results.words)
    if part.domain.dimension <= 3:
        assert other.volumes() == part.volumes()
    assert other.distinct_affine_maps() == part.distinct_affine_maps()
    for i in range(min(len(part), 10)):
        mine, theirs = part.cell(i), other.cell(i)
        assert [(r.normal, r.offset, r.unit, r.is_facet) for r in mine.rows] == [
            (r.normal, r.offset, r.unit, r.is_facet) for r in theirs.rows
        ]
        assert {r.neighbour for r in theirs.rows} == {None}
    for view in (other.graph, other.adjacency, other.linear_regions):
        with pytest.raises(cpa.BadArgument, match="facets"):
            view()


def test_flat_units_and_maps(case):
    given_case, part = case
    names = [(unit.layer, unit.index) for unit in part.form.units]
    maps, cells = (
        part.affine_maps(),
        [cell_of(given_case.network, given_case.domain, p) for p in patterns_of(part)],
    )
    for i, oracle in enumerate(cells):
        assert {names.index(unit) for unit in part.flat_units(i)} == oracle.flat
        assert maps[i] == part.affine_map(i)
        assert tuple((*row, c) for row, c in zip(maps[i].matrix, maps[i].shift, strict=True)) == oracle.lines
    assert part.distinct_affine_maps() == len({cell.lines for cell in cells})


def test_linear_regions(case):
    """Classes of cells joined through facets by equal maps; each cell in one."""
    _, part = case
    maps, graph = part.affine_maps(), part.graph()
    graph.remove_edges_from([(i, j) for i, j in graph.edges if maps[i] != maps[j]])
    assert {frozenset(r) for r in part.linear_regions()} == {
        frozenset(c) for c in nx.connected_components(graph)
    }
    assert len(part.linear_regions()) == part.summary()["linear_regions"]
    assert part.distinct_affine_maps() <= len(part.linear_regions())


def test_volumes_of_cells(case):
    given_case, part = case
    if part.domain.dimension > 3 or len(part) > SMALL:
        pytest.skip("too large for faces one by one")
    patterns = patterns_of(part)
    volumes = [faces_of(cell_of(given_case.network, given_case.domain, p).rows).volume for p in patterns]
    assert part.volumes() == volumes
    assert sum(volumes) == volume_of(part.domain)


@settings(max_examples=examples(25), deadline=None)
@given(cases((1, 2, 3)))
def test_views_of_random_networks(given_case):
    network, domain = json.loads(json.dumps(given_case))
    part = cpa.enumerate_cells(cpa.network_from_json(network), cpa.domain_from_json(domain))
    answer, patterns = truth(network, domain), patterns_of(part)
    names = [(unit.layer, unit.index) for unit in part.form.units]
    assert part.distinct_affine_maps() == len(set(answer.maps.values()))
    for i, pattern in enumerate(patterns):
        assert {names.index(unit) for unit in part.flat_units(i)} == answer.flat[pattern]
        assert tuple(part.cell(i).pattern) == pattern
        location = part.locate(part.witness(i))
        assert (location.cells, location.is_interior) == ((i,), True)
    cells = [cell_of(network, domain, pattern) for pattern in patterns]
    for point in points_in(part, 8):
        assert part.locate(point).cells == holders(cells, point)


# Where a point lies.


def test_locate_agrees_with_every_closed_cell(case):
    given_case, part = case
    cells = [cell_of(given_case.network, given_case.domain, p) for p in patterns_of(part)]
    rows = read_domain(given_case.domain).rows
    points = points_in(part, 20)
    for i in range(min(len(part), 8)):
        points += corners_and_middles(part, i)[:12]
    for point in points:
        location = part.locate(point)
        assert location.cells == holders(cells, point)
        on_domain = any(sum(a * x for a, x in zip(n, point, strict=True)) == b for n, b in rows if any(n))
        assert location.is_on_domain_boundary == on_domain
        inside = [c for c in location.cells if all(_slack(row, point) > 0 for row in cells[c].rows)]
        assert location.is_interior == bool(inside)


def _slack(row, point):
    return row[-1] - sum(n * x for n, x in zip(row, point, strict=False))


@settings(max_examples=examples(25), deadline=None)
@given(cases((1, 2, 3), kinds=BENDS))
def test_units_that_bound(given_case):
    """A unit bounds a cell at a point if it is at a breakpoint there and not flat on the cell."""
    network, domain = json.loads(json.dumps(given_case))
    part = cpa.enumerate_cells(cpa.network_from_json(network), cpa.domain_from_json(domain))
    names = [(unit.layer, unit.index) for unit in part.form.units]
    for point in (*points_in(part, 6), *part.vertices(0)):
        location = part.locate(point)
        _, _, ties = run(network, read_domain(domain).embed(point))
        bounding = {
            names[u]
            for u in np.flatnonzero(ties)
            if any(names[u] not in part.flat_units(i) for i in location.cells)
        }
        assert set(location.boundary_of) == bounding


def test_locate_by_hand():
    """Two lines that cross at 0: a cell, a facet, the crossing, the corner."""
    layers = [{"type": "relu"}]
    net = cpa.network_from_json({"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers})
    part = cpa.enumerate_cells(net, cpa.Box([-1, -1], [1, 1]))
    assert str(part.locate([0.5, "1/3"])) == f"in cell {patterns_of(part).index((1, 1))}"
    assert part.locate([0, "1/3"]).boundary_of == ((0, 0),)
    assert len(part.locate([0, "1/3"]).cells) == 2
    assert part.locate([0, 0]).cells == (0, 1, 2, 3)
    assert part.locate([0, 0]).boundary_of == ((0, 0), (0, 1))
    assert part.locate([1, 1]).is_on_domain_boundary
    assert not part.locate([1, 1]).is_interior
    assert part.locate(np.array([1e-300, -1e-300])).is_interior
    assert str(part.locate([1, 0])).endswith("on the boundary of unit (0, 1), the domain")


def test_locate_where_three_lines_tie():
    """max(x, y, 0) at 0: all three cells; at (1, 1): the two that tie; the unit bounds them."""
    layers = [
        {"type": "linear", "weight": [[1, 0], [0, 1], [0, 0]], "bias": [0, 0, 0]},
        {"type": "maxout", "size": 3},
    ]
    net = cpa.network_from_json({"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers})
    part = cpa.enumerate_cells(net, cpa.Box([-2, -2], [2, 2]))
    assert part.locate([0, 0]).cells == (0, 1, 2)
    assert {int(part.patterns[i, 0]) for i in part.locate([1, 1]).cells} == {0, 1}
    assert part.locate([1, 1]).boundary_of == ((0, 0),)
    assert part.locate([1, 0]).is_interior


# Misuse, and what may be relied on.


def test_rejects_misuse():
    part = of_case("design_example")
    for i in (len(part), -len(part) - 1, "0", 1.0, None):
        for view in (part.cell, part.witness, part.affine_map, part.flat_units, part.vertices):
            with pytest.raises(cpa.BadArgument, match="cell number"):
                view(i)
    assert part.cell(-1) == part.cell(np.int64(len(part) - 1))
    for point in ([0], [0, 0, 0], []):
        with pytest.raises(cpa.DimensionMismatch):
            part.locate(point)
    for point in (3, None, "00"):
        with pytest.raises(cpa.BadArgument, match="expected a point"):
            part.locate(point)
    for point in ([float("nan"), 0], [None, 0], ["x", 0]):
        with pytest.raises(cpa.InexactNumber):
            part.locate(point)
    with pytest.raises(cpa.OutsideDomain, match="expected a point of"):
        part.locate([10**6, 0])
    with pytest.raises(cpa.DimensionMismatch):
        part.affine_map(0)([0])


def test_values_do_not_change():
    part = of_case("design_example")
    facets = part.results.facets
    for array in (
        part.witnesses,
        part.results.words,
        facets.neighbours,
        facets.starts,
        facets.regions,
        facets.bits,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    summary = part.summary()
    summary["cells"] = 0
    assert part.summary()["cells"] == len(part)


def test_equality():
    part, other = of_case("design_example"), of_case("tied_lines")
    case = CASES["design_example"]
    again = cpa.enumerate_cells(cpa.network_from_json(case.network), cpa.domain_from_json(case.domain))
    assert part == again
    assert part != other
    assert part != "design_example"
    assert part != cpa.enumerate_cells(part.network, part.domain, facets=False)


def test_patterns_beyond_a_byte():
    """A maximum of 300 lines, the last of which wins on the right: piece 299."""
    layers = [
        {"type": "linear", "weight": [[0]] * 299 + [[1]], "bias": [0] * 300},
        {"type": "maxout", "size": 300},
    ]
    net = cpa.network_from_json({"format": "exactcpa-network", "version": 1, "input": 1, "layers": layers})
    part = cpa.enumerate_cells(net, cpa.Box([-1], [1]))
    assert sorted(part.patterns[:, 0].tolist()) == [298, 299]
    assert part.patterns.dtype == np.uint16
    assert len(part.flat_units(patterns_of(part).index((298,)))) == 1
