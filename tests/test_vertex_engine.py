"""Two engines, one partition and one proof format; vertices and their bounds against fractions."""

from __future__ import annotations

import json
import struct
import zlib
from fractions import Fraction
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from degenerate import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples
from strategies import KINDS, cases

import exactcpa as cpa
from exactcpa import checker
from exactcpa.errors import BadArgument
from exactcpa.float_form import float_domain, float_form
from exactcpa.hard import hard_cases
from exactcpa.kernels import entry, vertex_proofs, vertices
from exactcpa.kernels.state import WHICH
from exactcpa.subtree import Subtree
from exactcpa.switch_form import switch_form
from exactcpa.walk import walk

DATA = Path(__file__).parent.parent / "data"
is_edge, locate, sign_there, sign_in_integers = (
    entry(part.py_func)
    for part in (vertices.is_edge, vertices.locate, vertices.sign_there, vertices._sign_in_integers)
)
prove_through_origin = entry(vertex_proofs._prove_through_origin.py_func)
STREAMS = ("bits", "points", "facets", "flips", "codes", "reals")


def both(network, domain, path=None):
    """The partition of each engine; the vertices' proof goes to a file."""
    by_programs = cpa.enumerate_cells(network, domain, method="lp")
    by_vertices = cpa.enumerate_cells(network, domain, method="vertex", proof=path)
    return by_programs, by_vertices


def assert_engines_agree(network, domain, path):
    first, second = both(network, domain, path)
    comparison = cpa.compare(first, second)
    assert comparison.is_same, str(comparison)
    assert second.summary()["method"] == "vertex"
    assert checker.check(path).cells == len(first)
    bare = cpa.enumerate_cells(network, domain, method="vertex", facets=False)
    assert {w.tobytes() for w in bare.results.words} == {w.tobytes() for w in second.results.words}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("vertex") / "proof.cpa"


def read(case):
    network, domain = json.loads(json.dumps(case))
    return cpa.network_from_json(network), cpa.domain_from_json(domain)


# The same partition.


@settings(max_examples=examples(80), deadline=None)
@given(case=cases())
def test_mixed_layers(path, case):
    assert_engines_agree(*read(case), path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(150), deadline=None)
@given(data=st.data())
def test_every_layer_type(kind, path, data):
    assert_engines_agree(*read(data.draw(cases(kinds=[kind]))), path)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.network["input"] <= 5])
def test_degenerate_families(name, path):
    """Against counts proved by hand."""
    case = CASES[name]
    network, domain = read((case.network, case.domain))
    part = cpa.enumerate_cells(network, domain, method="vertex", proof=path)
    facts = part.summary()
    assert (facts["cells"], facts["edges"], facts["linear_regions"]) == case.counts
    report = checker.check(path)
    assert (report.cells, report.edges, report.linear_regions) == case.counts


HARD = {name: case for name, case in hard_cases().items() if case.domain.dimension <= 5}


@pytest.mark.parametrize("name", [name for name, case in HARD.items() if case.cells <= 60])
def test_degenerate_collection(name):
    """Against the published counts, which other programs proved."""
    case = HARD[name]
    facts = cpa.enumerate_cells(case.network, case.domain, method="vertex").summary()
    assert (facts["cells"], facts["edges"], facts["linear_regions"]) == case.counts


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in HARD.items() if case.cells > 60])
def test_degenerate_collection_of_large_cases(name):
    test_degenerate_collection(name)


def random_network(kind, d, widths, seed):
    """Rows as a kind of network has them; duplicates stand beside what they repeat, some a hair's breadth off."""
    rng = np.random.default_rng(seed)

    def numbers(*shape):
        if kind == "integer":
            return rng.integers(-2, 3, shape).astype(float)
        return rng.integers(-127, 128, shape) / 64.0 if kind == "int8" else rng.normal(size=shape)

    layers, width = [], d
    for outputs in widths:
        weight, bias = numbers(outputs, width), numbers(outputs)
        if kind == "zero bias":
            bias = 0 * bias
        for i in range(1, outputs, 2):
            if kind == "duplicated":
                weight[i], bias[i] = -2 * weight[i - 1], -2 * bias[i - 1]
            elif kind == "thin":
                weight[i], bias[i] = weight[i - 1], bias[i - 1] + 1e-12
        if kind == "scaled":
            factor = 10.0 ** rng.choice([-150, -30, 0, 150], outputs)
            weight, bias = weight * factor[:, None], bias * factor
        layers += [cpa.Linear(weight.tolist(), bias.tolist()), cpa.ReLU()]
        width = outputs
    layers.append(cpa.Linear(numbers(1, width).tolist(), [0]))
    return cpa.Network(d, tuple(layers))


SIZES = {1: (6, 4), 2: (7, 5), 3: (5, 4), 4: (4, 3), 5: (4, 3)}


@pytest.mark.parametrize("kind", ["float", "integer", "int8", "zero bias", "duplicated", "thin", "scaled"])
@pytest.mark.parametrize("d", SIZES)
def test_kinds_of_numbers(kind, d, path):
    network = random_network(kind, d, SIZES[d], 10 * d)
    assert_engines_agree(network, cpa.Box([-1] * d, [1] * d), path)


def test_box_far_from_the_origin(path):
    network = random_network("float", 2, (6, 5), 3)
    first = network.layers[0]
    shift = [b - 10**6 * sum(row) for row, b in zip(first.weight, first.bias, strict=True)]
    network = cpa.Network(2, (cpa.Linear(first.weight, shift), *network.layers[1:]))
    assert_engines_agree(network, cpa.Box([10**6 - 1] * 2, [10**6 + 1] * 2), path)


def test_more_facets_than_a_word_has_bits(path):
    """A polygon of 150 sides, cut by two lines: the masks of facets need three words."""
    count = 150

    polygon = []
    for k in range(count):  # tangents of a circle, by the rational parametrisation
        t = Fraction(2 * k - count, 20)
        polygon.append(([2 * t / (1 + t * t), (1 - t * t) / (1 + t * t)], Fraction(1)))

    domain = cpa.Polytope([n for n, _ in polygon], [b for _, b in polygon])
    network = cpa.Network(
        2, (cpa.Linear([[1, 3], [3, -1]], [0, "1/7"]), cpa.ReLU(), cpa.Linear([[1, 2]], [0]))
    )
    assert_engines_agree(network, domain, path)


def test_more_switches_than_a_word_has_bits(path):
    assert_engines_agree(random_network("float", 1, (150, 5), 1), cpa.Box([-1], [1]), path)


# The proof.


def blocks_of(data):
    at, found = data.index(b"\n") + 1, []
    while at < len(data):
        tag, _, length = struct.unpack("<4sIQ", data[at : at + 16])
        found.append((tag, data[at + 16 : at + 16 + length]))
        at += 16 + length
    return data[: data.index(b"\n") + 1], found


def joined(start, blocks):
    """The file again, with checksums and digest that fit."""
    data = start
    for tag, payload in blocks:
        if tag == b"DONE":
            facts = json.loads(payload)
            facts["sha256"] = sha256(data).hexdigest()
            payload = json.dumps(facts).encode()
        data += struct.pack("<4sIQ", tag, zlib.crc32(payload), len(payload)) + payload
    return data


def test_tampered_proofs_are_rejected(tmp_path):
    """Every number in turn becomes -7: no multiplier, and no coordinate of a point in the box."""
    network = random_network("float", 2, (3, 2), 5)
    cpa.enumerate_cells(network, cpa.Box([-1, -1], [1, 1]), method="vertex", proof=tmp_path / "good.cpa")
    start, blocks = blocks_of((tmp_path / "good.cpa").read_bytes())
    (tmp_path / "same.cpa").write_bytes(joined(start, blocks))
    checker.check(tmp_path / "same.cpa")
    place = next(i for i, (tag, _) in enumerate(blocks) if tag == b"REAL")
    reals = np.frombuffer(blocks[place][1])
    assert len(reals) > 30
    for k in range(0, len(reals), 3):
        changed = reals.copy()
        changed[k] = -7.0
        mutated = [*blocks]
        mutated[place] = (b"REAL", changed.tobytes())
        (tmp_path / "bad.cpa").write_bytes(joined(start, mutated))
        with pytest.raises(checker.Rejected):
            checker.check(tmp_path / "bad.cpa")


@pytest.mark.parametrize("name", ["random_3_16_16", "zero_bias_3_16_16"])
def test_handed_over_subtrees_give_the_same_streams(name, monkeypatch):
    network = cpa.load_network(DATA / "networks" / f"{name}.json")
    domain = cpa.Box([-1] * 3, [1] * 3)
    form, floats = switch_form(network, domain), float_domain(domain)
    scaled = float_form(form, floats)

    def pieces(subtree, seconds):
        for item in list(
            walk(
                form,
                domain,
                floats,
                scaled,
                facets=True,
                proof=True,
                method="vertex",
                subtree=subtree,
                seconds=seconds,
            )
        ):
            if isinstance(item, Subtree):
                yield from pieces(item, seconds)
            else:
                yield item

    whole = list(pieces(None, 1e9))
    monkeypatch.setattr("exactcpa.walk.STEPS", 100)
    parts = list(pieces(None, 0.0))
    assert len(parts) > 10
    for stream in STREAMS:
        one, other = (np.concatenate([getattr(c, stream) for c in chunks]) for chunks in (whole, parts))
        assert np.array_equal(one, other), stream
    assert [b for c in whole for b in c.bigs] == [b for c in parts for b in c.bigs]


def test_any_number_of_workers(monkeypatch, tmp_path):
    monkeypatch.setattr("exactcpa.parallel.FIRST_SECONDS", 0.0)
    monkeypatch.setattr("exactcpa.parallel.SECONDS", 0.0)
    monkeypatch.setattr("exactcpa.walk.STEPS", 300)
    network, domain = cpa.load_network(DATA / "networks" / "int8_3_16_16.json"), cpa.Box([-1] * 3, [1] * 3)
    one = cpa.enumerate_cells(network, domain, method="vertex", proof=tmp_path / "one.cpa")
    two = cpa.enumerate_cells(network, domain, method="vertex", proof=tmp_path / "two.cpa", workers=2)
    assert one == two
    assert checker.check(tmp_path / "two.cpa").cells == len(one)
    names = ("cells", "edges", "records", "decided_exactly", "method")
    assert [one.summary()[n] for n in names] == [two.summary()[n] for n in names]


# Arguments.


def test_auto_picks_by_dimension():
    for d, method in ((2, "vertex"), (3, "vertex"), (7, "lp")):
        network = random_network("float", d, (2,), 0)
        assert cpa.enumerate_cells(network, cpa.Box([-1] * d, [1] * d)).summary()["method"] == method


def test_rejects_what_it_cannot_do():
    wide = random_network("float", 7, (2,), 0)
    with pytest.raises(BadArgument, match="goes up to"):
        cpa.enumerate_cells(wide, cpa.Box([-1] * 7, [1] * 7), method="vertex")
    normalised = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.TrainingBatchNorm(epsilon=0), cpa.ReLU()))
    ideal = cpa.IdealNetwork(normalised, [[0], [1], [3]])
    with pytest.raises(BadArgument, match="deployed reading"):
        cpa.enumerate_cells(ideal, cpa.Box([-1], [1]), method="vertex")
    assert cpa.enumerate_cells(ideal, cpa.Box([-1], [1])).summary()["method"] == "lp"


# Vertices, against fractions.


def exact_solution(rows):
    """The point where ``c + <n, x>`` is zero for every row ``(c, n)``, by Cramer's rule; None without one."""

    def determinant(m):
        if not m:
            return Fraction(1)
        return sum(
            (-1) ** j * m[0][j] * determinant([[*line[:j], *line[j + 1 :]] for line in m[1:]])
            for j in range(len(m))
        )

    normals = [row[1:] for row in rows]
    whole = determinant(normals)
    if whole == 0:
        return None
    return [
        determinant([[*n[:j], -row[0], *n[j + 1 :]] for n, row in zip(normals, rows, strict=True)]) / whole
        for j in range(len(rows))
    ]


def in_layout(row):
    """A row of doubles without error, as the kernels keep it."""
    d = len(row) - 1
    return [*row, 0.0, sum(map(abs, row)) * (1 + 1e-9), float(row[0] == 0), 0.0, 1.0, *[0.0] * 0][: d + 6]


@settings(max_examples=examples(200), deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda d: st.lists(
            st.lists(
                st.floats(-1, 1).map(lambda x: x if abs(x) > 1e-9 else 0.0), min_size=d + 1, max_size=d + 1
            ),
            min_size=d + 1,
            max_size=d + 1,
        )
    )
)
def test_positions_and_signs_are_within_their_bounds(numbers):
    *chosen, line = numbers
    d = len(chosen)
    rows = np.array([in_layout(row) for row in numbers])
    box = np.zeros((6, d))
    box[0], box[1], box[2] = -1, 1, 1
    spots, ids = np.zeros((1, d + 1)), np.arange(3 * (d + 1), dtype=np.int32).reshape(3, d + 1) % (d + 1)
    found = locate(rows, ids, d, d, box, 1.0, spots, 0, np.zeros((64, 2 * d + 2)))
    exact = exact_solution([[Fraction(x) for x in row] for row in chosen])
    if not found:
        return
    assert exact is not None
    error = Fraction(spots[0, d])
    assert all(abs(Fraction(spots[0, j]) - exact[j]) <= error for j in range(d))
    sign = sign_there(rows, d, d, spots, 0, 1.0)
    value = Fraction(line[0]) + sum(Fraction(a) * x for a, x in zip(line[1:], exact, strict=True))
    assert sign in (vertices.UNKNOWN, (value > 0) - (value < 0))


@given(
    st.integers(1, 4).flatmap(
        lambda d: st.lists(
            st.lists(st.integers(-4, 4), min_size=d + 1, max_size=d + 1), min_size=d + 1, max_size=d + 1
        )
    )
)
@settings(max_examples=examples(200), deadline=None)
def test_signs_in_integers(numbers):
    *chosen, line = numbers
    d = len(chosen)
    rows = np.array([in_layout([float(x) for x in row]) for row in numbers])
    rows[:, d + 4] = 1.0
    ids, whole = np.zeros((3, d + 1), np.int32), np.zeros((d + 1, d + 1), np.int64)
    ids[0] = np.arange(d + 1)
    sign = sign_in_integers(rows, d, rows, ids, d, whole)
    exact = exact_solution([[Fraction(x) for x in row] for row in chosen])
    if exact is None:
        assert sign == vertices.UNKNOWN
        return
    value = line[0] + sum(a * x for a, x in zip(line[1:], exact, strict=True))
    assert sign == (value > 0) - (value < 0)


def multipliers(normals, goal):
    """Those that make rows through the origin a vector; None if the rows are dependent."""
    transposed = [[-g, *column] for g, column in zip(goal, zip(*normals, strict=True), strict=True)]
    return exact_solution([[Fraction(x) for x in row] for row in transposed])


@given(
    st.integers(1, 4).flatmap(
        lambda d: st.tuples(
            st.lists(
                st.lists(st.integers(-3, 3), min_size=d, max_size=d).filter(any), min_size=d, max_size=d + 4
            ),
            st.lists(st.integers(-1, 3), min_size=d + 4, max_size=d + 4),
            st.sampled_from([1.0, -1.0]),
            st.sampled_from([1.0, 1 / 3]),
        )
    )
)
@settings(max_examples=examples(300), deadline=None)
def test_proofs_by_rows_through_the_origin(drawn):
    """A line is minus a positive combination of the rows found, as fractions say; if there are such rows, some are."""
    normals, weights, factor, scale = drawn
    d = len(normals[0])
    goal = [sum(w * row[j] for w, row in zip(weights, normals, strict=False)) for j in range(d)]
    feasible = [
        found
        for chosen in combinations(normals, d)
        if (found := multipliers(chosen, goal)) is not None and min(found) >= 0
    ]
    rows = np.zeros((2 * d + len(normals), d + 6))
    rows[2 * d :, : d + 5] = [in_layout([0.0, *(scale * x for x in row)])[: d + 5] for row in normals]
    lines = np.array([in_layout([0.0, *(-factor * scale * x for x in goal)])])
    box, ids = np.ones((6, d)), np.zeros((3, len(rows)), np.int32)
    ids[0, : len(normals)] = np.arange(2 * d, len(rows))
    basis, vectors = np.zeros((6, len(rows) + d), np.int32), np.zeros((6, d + 1))

    proved = prove_through_origin(
        lines, 0, factor, rows, ids, len(normals), d, basis, vectors, box, np.zeros((64, 2 * d + 2))
    )

    if proved:
        found = multipliers([normals[r - 2 * d] for r in basis[WHICH, :d]], goal)
        assert found is not None
        assert min(found) > 0
    assert proved or not feasible or min(map(min, feasible)) == 0
    assert sorted(ids[0, : len(normals)]) == list(range(2 * d, len(rows)))


@pytest.mark.parametrize("name", ["zero_bias_2_16_16", "zero_bias_3_16_16"])
def test_cones_take_no_linear_programs(name, path):
    """Many rows meet in the origin; all proofs are read off that vertex."""
    network = cpa.load_network(DATA / "networks" / f"{name}.json")
    domain = cpa.Box([-1] * network.input, [1] * network.input)

    partition = cpa.enumerate_cells(network, domain, method="vertex", proof=path)

    assert partition.summary()["linear_programs"] == 0
    assert checker.check(path).cells == len(partition)


def test_edges_of_a_cube_and_of_a_pyramid():
    """By counting: a cube has 12 edges, the pyramid over a square 8; three facets meet in all vertices but the apex."""
    cube = [sum(1 << (j + 3 * (v >> j & 1)) for j in range(3)) for v in range(8)]
    pyramid = [0b01111, 0b10011, 0b10110, 0b11100, 0b11001]
    for masks, edges in ((cube, 12), (pyramid, 8)):
        array = np.array(masks, np.uint64)[:, None]
        found = [is_edge(array, i, j, 0, len(masks), 3, 1) for i, j in combinations(range(len(masks)), 2)]
        assert sum(found) == edges
