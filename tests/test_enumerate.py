"""The engine against the oracles on random small networks; relations that hold exactly between runs."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_program import number, read_domain
from oracles import switching_units, truth
from sparing import all_but, examples
from strategies import BENDS, INTEGERS, KINDS, NUMBERS, boxes, cases, linear_layers, slices, text, times
from validate import edge_patterns, neighbours_of, patterns_of, validate, validate_volumes

import exactcpa as cpa


def enumerated(network, domain):
    """The engine's partition, through the file formats."""
    network, domain = json.loads(json.dumps((network, domain)))
    return cpa.enumerate_cells(cpa.network_from_json(network), cpa.domain_from_json(domain))


def counts(part):
    summary = part.summary()
    return len(part), summary["edges"], summary["linear_regions"]


def assert_agrees_with_the_oracle(network, domain):
    part, answer = enumerated(network, domain), truth(network, domain)
    patterns = patterns_of(part)
    assert set(patterns) == answer.cells
    assert len(part) == len(answer.cells)
    assert edge_patterns(part) == answer.edges
    assert part.summary()["linear_regions"] == answer.linear_regions
    if answer.volumes:
        assert dict(zip(patterns, part.volumes(), strict=True)) == answer.volumes
    validate(part)


# Against the oracles.


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(30), deadline=None)
@given(st.data())
def test_every_layer_type(kind, data):
    assert_agrees_with_the_oracle(*data.draw(cases(kinds=[kind])))


@settings(max_examples=examples(150), deadline=None)
@given(cases())
def test_mixed_layers(case):
    assert_agrees_with_the_oracle(*case)


@pytest.mark.slow
@settings(max_examples=examples(5000), deadline=None)
@given(cases())
def test_mixed_layers_often(case):
    assert_agrees_with_the_oracle(*case)


@settings(max_examples=examples(30), deadline=None)
@given(cases((1, 2)))
def test_edges_name_all_switching_units(case):
    network, domain = case
    part = enumerated(network, domain)
    patterns, graph = patterns_of(part), part.graph()
    sizes = cpa.network_from_json(network).layer_sizes
    names = [(layer, index) for layer, size in enumerate(sizes) for index in range(size)]
    for i, j, units in graph.edges(data="units"):
        switching = switching_units(frozenset((patterns[i], patterns[j])))
        assert sorted(tuple(u) for u in units) == sorted(names[u] for u in switching)


# Relations between runs.  `plain_networks` keeps the layout [linear, activation] * depth + [linear].


@st.composite
def plain_networks(draw, width, numbers=NUMBERS, kinds=BENDS):
    """Linear and coordinatewise layers in turn; a little larger than the oracles could stand."""
    layers, inputs = [], width
    for _ in range(draw(st.integers(1, 3))):
        outputs = draw(st.integers(2, 6 - (width + 1) // 2))
        layers.append(draw(linear_layers(inputs, outputs)))
        kind = draw(st.sampled_from(kinds))
        layers.append({"type": kind, **({"slope": [0.25] * outputs} if kind == "prelu" else {})})
        inputs = outputs
    layers.append(draw(linear_layers(inputs, draw(st.integers(1, 2)))))
    return {"format": "exactcpa-network", "version": 1, "input": width, "layers": layers}


@st.composite
def plain_cases(draw, kinds=BENDS):
    dimension = draw(st.integers(1, 4))
    return draw(plain_networks(dimension, kinds=kinds)), draw(boxes(dimension))


def hidden(network):
    """Positions of the linear layers that have an activation after them."""
    return range(0, len(network["layers"]) - 1, 2)


@settings(max_examples=examples(40), deadline=None)
@given(plain_cases(), st.data())
def test_permuted_units(case, data):
    network, domain = case
    moved = copy.deepcopy(network)
    layer = data.draw(st.sampled_from(hidden(network)))
    rows, after = moved["layers"][layer], moved["layers"][layer + 2]
    order = data.draw(st.permutations(range(len(rows["bias"]))))
    rows["weight"], rows["bias"] = [rows["weight"][k] for k in order], [rows["bias"][k] for k in order]
    after["weight"] = [[row[k] for k in order] for row in after["weight"]]
    before = [len(network["layers"][k]["bias"]) for k in hidden(network)]
    start = sum(before[: layer // 2])
    part, other = enumerated(network, domain), enumerated(moved, domain)
    assert counts(part) == counts(other)
    back = {
        p[:start] + tuple(p[start + k] for k in order) + p[start + len(order) :] for p in patterns_of(part)
    }
    assert back == set(patterns_of(other))


HOMOGENEOUS = ["relu", "leaky_relu", "prelu", "abs"]  # one breakpoint, at zero
FACTORS = st.sampled_from(["1/3", 2, 0.5, 1e-9, "7/5", 2.0**-40, 2.0**60, 1e150, 1e-150, 0.1])


@settings(max_examples=examples(60), deadline=None)
@given(plain_cases(kinds=HOMOGENEOUS), st.data())
def test_scaled_units(case, data):
    """Positively homogeneous units: row times c, later column divided by c, nothing else moves."""
    network, domain = case
    scaled = copy.deepcopy(network)
    layer = data.draw(st.sampled_from(hidden(network)))
    rows, after = scaled["layers"][layer], scaled["layers"][layer + 2]
    unit = data.draw(st.integers(0, len(rows["bias"]) - 1))
    factor = number(data.draw(FACTORS))
    rows["weight"][unit] = times(factor, rows["weight"][unit])
    rows["bias"][unit] = times(factor, [rows["bias"][unit]])[0]
    for row in after["weight"]:
        row[unit] = times(1 / factor, [row[unit]])[0]
    part, other = enumerated(network, domain), enumerated(scaled, domain)
    assert counts(part) == counts(other)
    assert set(patterns_of(part)) == set(patterns_of(other))
    assert edge_patterns(part) == edge_patterns(other)


@settings(max_examples=examples(40), deadline=None)
@given(plain_cases(), st.data())
def test_duplicated_unit(case, data):
    """A copy of a unit that shares the outgoing weights with it; its pieces follow its twin's."""
    network, domain = case
    doubled = copy.deepcopy(network)
    layer = data.draw(st.sampled_from(hidden(network)))
    rows, activation, after = doubled["layers"][layer : layer + 3]
    unit = data.draw(st.integers(0, len(rows["bias"]) - 1))
    rows["weight"].append(rows["weight"][unit])
    rows["bias"].append(rows["bias"][unit])
    if activation["type"] == "prelu":
        activation["slope"].append(activation["slope"][unit])
    for row in after["weight"]:
        share = text(number(row[unit]) / 3)
        row.append(text(number(row[unit]) - number(share)))
        row[unit] = share
    sizes = [len(network["layers"][k]["bias"]) for k in hidden(network)]
    start, end = sum(sizes[: layer // 2]), sum(sizes[: layer // 2 + 1])
    part, other = enumerated(network, domain), enumerated(doubled, domain)
    assert counts(part) == counts(other)
    longer = {(*p[:end], p[start + unit], *p[end:]) for p in patterns_of(part)}
    assert longer == set(patterns_of(other))


@settings(max_examples=examples(40), deadline=None)
@given(plain_cases(), st.data())
def test_mapped_input(case, data):
    """y = M x + s with M a shear and a scaling: the box becomes a polytope, layer 1 undoes the map."""
    network, domain = case
    d = network["input"]
    shear = data.draw(st.lists(INTEGERS, min_size=d, max_size=d))
    scale = number(data.draw(st.sampled_from([1, 2, "1/3", -1])))
    shift = [Fraction(k) for k in data.draw(st.lists(INTEGERS, min_size=d, max_size=d))]
    # x_0 = scale * u_0 + sum_k shear_k u_k (k > 0), x_k = u_k, with u = y - s: the map back.
    back = [[Fraction(i == j) for j in range(d)] for i in range(d)]
    back[0] = [scale, *map(Fraction, shear[1:])]

    def pulled(row):
        return [sum((number(row[i]) * back[i][j] for i in range(d)), Fraction(0)) for j in range(d)]

    def moved(row):
        return -sum((a * s for a, s in zip(pulled(row), shift, strict=True)), Fraction(0))

    mapped = copy.deepcopy(network)
    first = mapped["layers"][0]
    first["bias"] = [text(number(b) + moved(r)) for r, b in zip(first["weight"], first["bias"], strict=True)]
    first["weight"] = [[text(v) for v in pulled(row)] for row in first["weight"]]
    rows = read_domain(domain).rows
    image = {
        "type": "polytope",
        "A": [[text(v) for v in pulled(n)] for n, _ in rows],
        "b": [text(b - moved(n)) for n, b in rows],
    }
    part, other = enumerated(network, domain), enumerated(mapped, image)
    assert counts(part) == counts(other)
    assert edge_patterns(part) == edge_patterns(other)


@st.composite
def sliced_cases(draw):
    dimension = draw(st.integers(1, 4))
    ambient = dimension + draw(st.integers(0, 2))
    return draw(plain_networks(ambient)), draw(slices(dimension, ambient))


@settings(max_examples=examples(40), deadline=None)
@given(sliced_cases())
def test_slice_instead_of_a_first_layer(case):
    """A linear layer in front, or the same map as a slice: the same cells, facets and regions."""
    network, domain = case
    layer = {"type": "linear", "weight": domain["basis"], "bias": domain["origin"]}
    inner = len(domain["basis"][0])
    composed = {**network, "input": inner, "layers": [layer, *network["layers"]]}
    part, other = enumerated(network, domain), enumerated(composed, domain["within"])
    assert counts(part) == counts(other)
    assert edge_patterns(part) == edge_patterns(other)


@settings(max_examples=examples(40), deadline=None)
@given(plain_cases(kinds=HOMOGENEOUS), st.data())
def test_domain_split_in_two(case, data):
    """Cells left and right of a wall are the cells of the whole once the wall is a unit; facets likewise."""
    network, domain = case
    axis = data.draw(st.integers(0, network["input"] - 1))
    low, high = number(domain["lower"][axis]), number(domain["upper"][axis])
    wall = low + (high - low) * data.draw(st.sampled_from([Fraction(1, 2), Fraction(1, 3), Fraction(1, 4)]))
    left, right, walled = copy.deepcopy(domain), copy.deepcopy(domain), copy.deepcopy(network)
    left["upper"][axis] = right["lower"][axis] = text(wall)
    # The wall as a coordinate of its own in the first layer, whose column in the next one is zero.
    first, activation, second = walled["layers"][:3]
    first["weight"].append([int(k == axis) for k in range(network["input"])])
    first["bias"].append(text(-wall))
    for row in second["weight"]:
        row.append(0)
    if activation["type"] == "prelu":
        activation["slope"].append(0)
    unit = len(first["bias"]) - 1
    halves = [enumerated(network, left), enumerated(network, right)]
    whole = enumerated(walled, domain)
    assert len(whole) == sum(len(half) for half in halves)
    across = [e for e in edge_patterns(whole) if len({p[unit] for p in e}) == 2]
    assert whole.summary()["edges"] == sum(half.summary()["edges"] for half in halves) + len(across)
    cut = enumerated(network, domain)
    assert len({p[:unit] + p[unit + 1 :] for p in patterns_of(whole)}) == len(cut)


# By hand, and misuse.


def test_base_case():
    """One ReLU on an interval around 0: two cells, one facet, two linear regions."""
    network = {"format": "exactcpa-network", "version": 1, "input": 1, "layers": [{"type": "relu"}]}
    part = enumerated(network, {"type": "box", "lower": [-1], "upper": [2]})
    assert counts(part) == (2, 1, 2)
    assert sorted(part.volumes()) == [1, 2]
    assert sorted(patterns_of(part)) == [(0,), (1,)]
    assert neighbours_of(part, 0) == [1]


def test_no_units():
    """A linear network has one cell."""
    layers = [{"type": "linear", "weight": [[1, 2]], "bias": [3]}]
    network = {"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers}
    part = enumerated(network, {"type": "box", "lower": [0, 0], "upper": [1, 1]})
    assert counts(part) == (1, 0, 1)


def test_rejects_another_dimension():
    net = cpa.network_from_json(
        {"format": "exactcpa-network", "version": 1, "input": 2, "layers": [{"type": "relu"}]}
    )
    with pytest.raises(cpa.DimensionMismatch):
        cpa.enumerate_cells(net, cpa.Box([0], [1]))


# Proofs, and the data.


@settings(max_examples=examples(60), deadline=None)
@given(case=cases())
def test_proofs_are_accepted(tmp_path_factory, case):
    network, domain = json.loads(json.dumps(case))
    path = tmp_path_factory.mktemp("proof") / "out.cpa"
    part = cpa.enumerate_cells(cpa.network_from_json(network), cpa.domain_from_json(domain), proof=path)
    report = cpa.check(path)
    assert (report.cells, report.edges, report.linear_regions) == counts(part)


DATA = Path(__file__).resolve().parent.parent / "data"


def data_case(name):
    """A network of the data folder with its domain: its own, or [-1, 1]^d."""
    network = json.loads((DATA / "networks" / f"{name}.json").read_text())
    own = DATA / "domains" / f"{name}.json"
    d = network["input"]
    cube = {"type": "box", "lower": [-1] * d, "upper": [1] * d}
    return network, json.loads(own.read_text()) if own.exists() else cube


DATA_CASES = {path.stem: data_case(path.stem) for path in sorted((DATA / "networks").glob("*.json"))}


VOLUMES = [n for n, (_, dom) in DATA_CASES.items() if read_domain(dom).dimension <= 3]


@pytest.mark.parametrize("name", all_but({"random_3_32_32"}, VOLUMES))
def test_volumes_of_data_networks(name):
    validate_volumes(enumerated(*DATA_CASES[name]), DATA_CASES[name][1])


PLANE = [n for n, (_, dom) in DATA_CASES.items() if read_domain(dom).dimension == 2]
LARGE = {"random_2_32_32_32", "deep_narrow_2_8x8"}  # the oracle takes half a minute, and ten seconds


@pytest.mark.parametrize("name", all_but(LARGE, PLANE))
def test_data_networks_in_the_plane(name):
    network, domain = DATA_CASES[name]
    part, answer = enumerated(network, domain), truth(network, domain)
    assert counts(part) == answer.counts
    assert set(patterns_of(part)) == answer.cells
    assert edge_patterns(part) == answer.edges


def test_nodes_without_double_points_end():
    """Seven lines closer to each other than doubles can tell, and a layer upon them: exact from the first node on."""
    tiny = Fraction(1, 10**30)
    weight = [[1, 1], [1, 1], [1, 1], [1, 1], [1, -1], [1, 2], [2, 1]]
    bias = [
        "-1/3",
        str(Fraction(-1, 3) + tiny),
        str(Fraction(-1, 3) + 2 * tiny),
        str(Fraction(-1, 3) + 3 * tiny),
    ]
    bias += ["-1/7", str(Fraction(-1, 2) + tiny / 3), "-1/2"]
    second = [[1, -1, 2, 1, 1, 1, 1], [1, 1, 1, 1, -1, 1, 1]]
    layers = [
        {"type": "linear", "weight": weight, "bias": bias},
        {"type": "relu"},
        {"type": "linear", "weight": second, "bias": ["-1/3", str(tiny)]},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1]], "bias": [0]},
    ]
    network = {"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers}
    assert_agrees_with_the_oracle(network, {"type": "box", "lower": [-1, -1], "upper": [1, 1]})
