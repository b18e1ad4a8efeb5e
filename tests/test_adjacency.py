"""The region graph: neighbours where several units switch at once, against oracles and across real facets."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from degenerate import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_program import number, read_domain, run
from oracles import facet_points, truth
from sparing import examples
from strategies import INTEGERS, MAXIMA, boxes, cases, linear_layers, text, times
from validate import cell_of, edge_patterns, neighbours_of, patterns_of

import exactcpa as cpa
from exactcpa import adjacency
from exactcpa.adjacency import across, region_graph
from exactcpa.cell import slack_of
from exactcpa.errors import CertificateRejected
from exactcpa.float_form import float_domain, float_form
from exactcpa.kernels import graph
from exactcpa.patterns import integer
from exactcpa.switch_form import switch_form


def enumerated(network, domain):
    network, domain = json.loads(json.dumps((network, domain)))
    return cpa.enumerate_cells(cpa.network_from_json(network), cpa.domain_from_json(domain))


def assert_agrees_with_the_oracle(network, domain):
    part, answer = enumerated(network, domain), truth(network, domain)
    assert set(patterns_of(part)) == answer.cells
    assert edge_patterns(part) == answer.edges
    assert part.summary()["linear_regions"] == answer.linear_regions
    return part


def network_of(width, *layers):
    return {"format": "exactcpa-network", "version": 1, "input": width, "layers": list(layers)}


def linear(weight, bias):
    return {"type": "linear", "weight": weight, "bias": bias}


SQUARE = {"type": "box", "lower": [-1, -1], "upper": [1, 1]}


# Where several units switch.


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_maximum_behind_a_fold(data):
    """Candidates that differ by a multiple of a hinge: tied on one side of the fold, not on the other."""
    few = st.sampled_from([0, 0, 1, -1, 2])
    rows = data.draw(st.lists(st.lists(few, min_size=3, max_size=3), min_size=3, max_size=4))
    bias = data.draw(st.lists(st.sampled_from([0, 0, 0, -2, 1]), min_size=len(rows), max_size=len(rows)))
    network = network_of(
        2,
        linear([[1, 0], [0, 1], [0, -1]], [0, 2, 2]),
        {"type": "relu"},
        linear(rows, bias),
        {"type": "maxout", "groups": [list(range(len(rows)))]},
    )
    assert_agrees_with_the_oracle(network, SQUARE)


@settings(max_examples=examples(60), deadline=None)
@given(cases((1, 2, 3), kinds=[*MAXIMA, "relu", "residual"]))
def test_maxima(case):
    assert_agrees_with_the_oracle(*case)


@pytest.mark.slow
@settings(max_examples=examples(4000), deadline=None)
@given(cases((1, 2, 3), kinds=[*MAXIMA, "relu", "residual"]))
def test_maxima_often(case):
    assert_agrees_with_the_oracle(*case)


@st.composite
def doubled(draw):
    """Layers in the plane in which every unit has a multiple beside it; folds repeat in later layers."""
    layers, width = [], 2
    for _ in range(draw(st.integers(1, 3))):
        layer = draw(linear_layers(width, draw(st.integers(1, 2))))
        for k in range(len(layer["bias"])):
            factor = number(draw(st.sampled_from([1, 2, -1, "1/3", "-3/2"])))
            layer["weight"].append(times(factor, layer["weight"][k]))
            layer["bias"].append(times(factor, [layer["bias"][k]])[0])
        layers += [layer, {"type": draw(st.sampled_from(["relu", "abs", "hardtanh"]))}]
        width = len(layer["bias"])
    last = draw(st.lists(INTEGERS, min_size=width, max_size=width))
    return network_of(2, *layers, linear([last], [0])), draw(boxes(2))


@settings(max_examples=examples(80), deadline=None)
@given(doubled())
def test_multiples_of_units(case):
    assert_agrees_with_the_oracle(*case)


@pytest.mark.slow
@settings(max_examples=examples(4000), deadline=None)
@given(doubled())
def test_multiples_of_units_often(case):
    assert_agrees_with_the_oracle(*case)


@pytest.mark.parametrize("seed", range(3))
def test_every_unit_doubled(seed):
    """Across every facet a unit and its double switch; the counts are those of the single units."""
    rng = np.random.default_rng(seed)
    sizes = [3, 6, 6, 1]
    layers = []
    for inputs, outputs in pairwise(sizes):
        weight, bias = rng.uniform(-1, 1, (outputs, inputs)).tolist(), rng.uniform(-1, 1, outputs).tolist()
        layers += [linear(weight, bias), {"type": "relu"}]
    single = network_of(3, *layers[:-1])
    double = copy.deepcopy(single)
    for first, second in zip(double["layers"][::2], double["layers"][2::2], strict=False):
        first["weight"] += first["weight"]
        first["bias"] += first["bias"]
        second["weight"] = [[text(number(a) / 2) for a in row] * 2 for row in second["weight"]]
    cube = {"type": "box", "lower": [-1] * 3, "upper": [1] * 3}
    part, other = enumerated(single, cube), enumerated(double, cube)
    assert part.summary()["cells"] > 30
    for count in ("cells", "edges", "linear_regions"):
        assert part.summary()[count] == other.summary()[count]
    for i, j, units in other.graph().edges(data="units"):
        assert len(units) % 2 == 0, (i, j)


# Across a facet, by definition: a point of its relative interior, and a step beyond.


def step_across(point, witness, inner):
    """What is found beyond an inner point of a facet, seen from a witness, as near to it as it must be."""
    beyond = tuple(p - w for p, w in zip(point, witness, strict=True))
    for k in range(1, 2000):
        stepped = tuple(p + b * Fraction(1, 2**k) for p, b in zip(point, beyond, strict=True))
        found = inner(stepped)
        if found is not None:
            return found
    raise AssertionError("no cell beyond the facet")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "design_example",
            "fold_on_a_facet",
            "flat_in_layer_two",
            "candidates_meet_on_a_facet",
            "tied_lines",
        ),
        *("honeycomb_2", "overlapping_groups", "related_units", "parallel_slabs_1", "third_in_floats_apart"),
        *("skip_that_folds", "fold_touching_a_facet_from_above", "fold_touching_a_facet_from_below"),
    ],
)
def test_neighbours_by_stepping_across(name):
    """The network is run beyond every facet, nearer and nearer, until it is in a cell next to it."""
    case = CASES[name]
    part, region = enumerated(case.network, case.domain), read_domain(case.domain)
    patterns = patterns_of(part)
    cells = [cell_of(case.network, case.domain, pattern) for pattern in patterns]

    def holds(i, point):
        return all(sum(n * x for n, x in zip(row, point, strict=False)) <= row[-1] for row in cells[i].rows)

    for i in range(len(part)):
        found = set()
        for row, point in facet_points(cells[i].rows).items():
            if any(sum(a * x for a, x in zip(n, point, strict=True)) == b for n, b in region.rows if any(n)):
                continue

            def neighbour_at(stepped, point=point):
                _, pieces, _ = run(case.network, region.embed(stepped))
                j = patterns.index(pieces) if pieces in patterns else None
                return j if j is not None and holds(j, point) else None

            found.add(step_across(point, part.witness(i), neighbour_at))
            assert row
        assert sorted(found) == sorted(neighbours_of(part, i))


@settings(max_examples=examples(30), deadline=None)
@given(cases((1, 2)))
def test_across_is_an_involution(case):
    """Over every facet of every cell, and back over the same hyperplane."""
    part = enumerated(*case)
    facets, patterns = part.results.facets, [integer(words) for words in part.results.words]
    for i, pattern in enumerate(patterns):
        for e in range(facets.starts[i], facets.starts[i + 1]):
            row = slack_of(part.lines, part.places, pattern, int(facets.bits[e]))
            other = across(part.lines, pattern, row)
            assert other == patterns[facets.neighbours[e]]
            assert across(part.lines, other, tuple(-a for a in row)) == pattern


# Errors of the engine do not pass.


def graph_of(part, words=None, starts=None, flips=None, **options):
    form = switch_form(part.network, part.domain)
    floats = float_form(form, float_domain(part.domain)).arrays
    facets = part.results.facets
    single = np.stack([facets.bits, np.full(len(facets.bits), -1, np.int32)], axis=1)
    return region_graph(
        form,
        floats,
        (part.results.words if words is None else words).copy(),
        (facets.starts if starts is None else starts).copy(),
        (single if flips is None else flips).copy(),
        **options,
    )


@pytest.fixture(scope="module")
def design():
    case = CASES["design_example"]
    return enumerated(case.network, case.domain)


def test_graph_again(design):
    found = graph_of(design)
    assert found.neighbours.tolist() == design.results.facets.neighbours.tolist()
    assert found.regions.tolist() == design.results.facets.regions.tolist()


def test_graph_by_threads(monkeypatch):
    """Cells shared out to threads, a few each: the same graph."""
    case = CASES["design_example"]
    part = enumerated(case.network, case.domain)
    alone = graph_of(part)
    monkeypatch.setattr("exactcpa.adjacency.FEW", 0)
    told = []
    found = graph_of(part, threads=3, matched=told.append)
    assert found.neighbours.tolist() == alone.neighbours.tolist() == told[0].tolist()
    assert found.regions.tolist() == alone.regions.tolist()
    assert (found.region_count, found.decided_exactly) == (alone.region_count, alone.decided_exactly)


def test_rejects_a_cell_that_stands_twice(design):
    words = design.results.words.copy()
    words[1] = words[0]
    with pytest.raises(CertificateRejected, match="pattern of an earlier cell"):
        graph_of(design, words=words)


def test_rejects_a_missing_cell(design):
    """Without its last cell the partition has facets that lead nowhere."""
    starts = design.results.facets.starts[:-1]
    flips = np.stack([design.results.facets.bits, np.full_like(design.results.facets.bits, -1)], axis=1)
    with pytest.raises(CertificateRejected, match="no cell"):
        graph_of(design, words=design.results.words[:-1], starts=starts, flips=flips[: starts[-1]])


def test_rejects_a_missing_facet(design):
    facets = design.results.facets
    for e in range(len(facets.bits)):
        starts = facets.starts - (facets.starts > e)
        flips = np.stack([facets.bits, np.full_like(facets.bits, -1)], axis=1)
        with pytest.raises(CertificateRejected, match="one side only"):
            graph_of(design, starts=starts, flips=np.delete(flips, e, axis=0))


def test_what_was_learned_is_checked():
    """Across one line different units switch in different places.

    The units are x and y, then u = relu(x) + y and v = y.  Left of x = 0 the line y = 0 is crossed by y, u
    and v; right of it by y and v, while u folds at y = -x alone.  Five cells, five edges: two on x = 0.
    """
    network = network_of(
        2,
        linear([[1, 0], [0, 1]], [0, 0]),
        {"type": "prelu", "slope": [0, 1]},
        linear([[1, 1], [0, 1]], [0, 0]),
        {"type": "relu"},
    )
    part = assert_agrees_with_the_oracle(network, SQUARE)
    assert len(part) == 5
    assert sorted(len(units) for _, _, units in part.graph().edges(data="units")) == [1, 1, 1, 2, 3]


# Maps compared where doubles leave it open.


COMPARED = {
    "design_example": lambda: enumerated(CASES["design_example"].network, CASES["design_example"].domain),
    "dead_units": lambda: enumerated(
        network_of(
            2,
            linear([[1, 0], [0, 1], ["1/7", "1/7"]], [0, 0, "1/9"]),
            {"type": "relu"},
            linear([[1, 0, 0], [0, 0, 0], [0, 0, "1/3"]], [0, -1, 0]),
            {"type": "relu"},
            linear([[1, 1, 0]], [0]),
        ),
        SQUARE,
    ),
    "prelu_identity": lambda: enumerated(
        network_of(2, linear([[1, 0], [0, 1]], [0, 0]), {"type": "prelu", "slope": [1, "1/2"]}), SQUARE
    ),
    "cancelling_layers": lambda: enumerated(
        network_of(
            2,
            linear([["1/3", 0], ["-1/3", 0], [0, "1/11"]], [0, 0, 0]),
            {"type": "relu"},
            linear([[3, -3, 0], [0, 0, 1]], [0, 0]),
        ),
        SQUARE,
    ),
}


@pytest.mark.parametrize("prime", [None, 13], ids=["large prime", "prime that confuses"])
@pytest.mark.parametrize("name", COMPARED)
def test_maps_compared_exactly(name, prime, monkeypatch):
    """Whatever the prime, the verdicts are those of the maps as fractions."""
    if prime:
        monkeypatch.setattr(adjacency, "primes_of", lambda form: iter([prime]))
    part = COMPARED[name]()
    maps = part.affine_maps()
    ones, others = (np.array(side) for side in zip(*product(range(len(part)), repeat=2), strict=True))
    compare = adjacency.MapComparison(part.lines, part.results.words)
    verdicts = compare(ones, others, np.zeros(len(ones), np.int32))
    assert verdicts.tolist() == [
        graph.EQUAL if maps[i] == maps[j] else graph.DIFFERENT for i, j in zip(ones, others, strict=True)
    ]
    assert 0 < (verdicts[ones != others] == graph.EQUAL).sum() < len(verdicts) - len(part)


@pytest.mark.parametrize("kind", ["relu", "leaky_relu"])
@pytest.mark.parametrize("depth", [0, 9, 40])
@pytest.mark.parametrize("difference", [Fraction(0), Fraction(1, 2**52), Fraction(1, 2**30), Fraction(1)])
def test_maps_that_differ_by_little(kind, depth, difference):
    """Two lines that are positive throughout leave the network as their difference, after so many more layers."""
    activation = {"type": kind, **({"slope": "0x1p-2"} if kind == "leaky_relu" else {})}
    between = [linear([["0x1.8p-1", "0x1p-2"], ["0x1p-2", "0x1.8p-1"]], [0, 0]), activation] * depth
    network = network_of(
        2,
        linear([[1, "1/2"]], ["1/4"]),
        activation,
        linear([[1], [str(1 + difference)]], [8, 8]),
        activation,
        *between,
        linear([[1, -1]], [0]),
    )
    part = enumerated(network, SQUARE)
    assert len(part) == 2
    assert part.summary()["linear_regions"] == (2 if difference else 1)
