"""The checker: accepts what is proved, with the right counts, and nothing else.

Proofs come from `proof_writer`; what they should say comes from `degenerate` (by hand) and `oracles`.  A
changed file must be rejected, or state nothing but the truth about the network and domain it then holds:
their cells, each once, with witnesses inside, their edges, their linear regions (`says_the_truth`).
"""

import ast
import json
import re
import struct
import subprocess
import sys
from fractions import Fraction
from functools import cache
from itertools import combinations
from operator import mul
from pathlib import Path

import oracle_program
import pytest
from degenerate import CASES, Case
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from network_strategies import networks_with_points
from oracles import connected_parts, truth
from proof_writer import Proof, Style, assemble, block_bytes, solve, write
from sparing import examples, some
from strategies import cases

from exactcpa import checker
from exactcpa.checker import Rejected, Unfinished, Unreadable, check, check_bytes
from exactcpa.network_file import to_json

CHECKER = Path(checker.__file__)
STYLES = {  # the first five, which have much at once, are those of the ordinary run
    "pruned_on_the_way": Style(exact=True, scales=True, prunes=True),
    "implied_and_pruned": Style(implied=True, scales=True, backwards=True, prunes=True),
    "ties_pruned": Style(ties=True, scales=True, backwards=True, prunes=True),
    "boxes_pruned": Style(boxes=True, exact=True, scales=True, prunes=True),
    "no_facets": Style(facets=False),
    "plain": Style(),
    "exact": Style(exact=True),
    "scaled_backwards": Style(scales=True, backwards=True),
    "implied": Style(implied=True),
    "ties": Style(ties=True),
    "boxes": Style(boxes=True),
}
style_strategy = st.builds(
    Style,
    facets=st.booleans(),
    exact=st.booleans(),
    scales=st.booleans(),
    backwards=st.booleans(),
    prunes=st.booleans(),
    implied=st.booleans(),
    ties=st.booleans(),
    boxes=st.booleans(),
)


def network(inputs, *layers):
    return {"format": "exactcpa-network", "version": 1, "input": inputs, "layers": list(layers)}


def linear(weight, bias):
    return {"type": "linear", "weight": weight, "bias": bias}


SQUARE = {"type": "box", "lower": [-1, -1], "upper": [1, 1]}
TRIANGLE = {"type": "polytope", "A": [[-1, 0], [0, -1], [1, 1]], "b": [1, 1, "2/3"]}
SLICE = {"type": "slice", "origin": [0, "1/3", 0], "basis": [[1, 0], [0, 1], [1, -1]], "within": TRIANGLE}
RELU = {"type": "relu"}
THREE = linear([[1, 0], [0, 1], [1, 1]], [0, 0.25, 3])
SUM_OF_TWO, SUM_OF_THREE = linear([[1, 1]], [0]), linear([[1, 2, 4]], [0])
TWO_LAYERS = network(2, THREE, RELU, linear([[1, -1, 0.5], [-1, 2, 0]], [-2, -0.5]), RELU, SUM_OF_TWO)
CLIPPED = network(2, THREE, {"type": "hardtanh", "min": "-1/3", "max": 0.5}, SUM_OF_THREE)
MAXOUT = network(
    2, linear([[1, 0], [0, 1], [-1, -1], [0, 0], [1, 0]], [0, 0, 0, -9, 0]), {"type": "maxout", "size": 5}
)
RESIDUAL = network(
    2, {"type": "residual", "layers": [linear([[1, 1], [1, -1]], [0, 0]), RELU]}, RELU, SUM_OF_TWO
)
DEAD = network(2, linear([[1, 0], [1, 0], [0, 0]], [0, 0, 0]), RELU, linear([[1, -1, 1]], [0]), RELU)
SLICED = network(3, linear([[1, 0, 1], [0, 1, 0]], [0, 0]), {"type": "abs"}, SUM_OF_TWO)
ONE_CLIPPED = network(1, {"type": "hardtanh", "min": -0.5, "max": 0.5})
CONE = network(2, linear([[1, 0], [0, 1], [2, 3]], [0, 0, 0]), RELU, linear([[1, 1, 1]], [0]))
BASES = {
    "cone": (CONE, SQUARE),
    "cone_in_triangle": (CONE, TRIANGLE),
    "dead_in_triangle": (DEAD, TRIANGLE),
    "one_clipped": (ONE_CLIPPED, {"type": "box", "lower": [-1], "upper": [1]}),
    "two_layers": (TWO_LAYERS, SQUARE),
    "clipped": (CLIPPED, SQUARE),
    "maxout": (MAXOUT, SQUARE),
    "residual": (RESIDUAL, TRIANGLE),
    "dead": (DEAD, SQUARE),
    "sliced": (SLICED, SLICE),
}


@cache
def written(name: str, style: str = "plain") -> Proof:
    return write(*BASES[name], STYLES[style])


def reject_reason(data: bytes) -> str:
    with pytest.raises((Rejected, Unreadable)) as caught:
        check_bytes(data)
    return str(caught.value)


# ------------------------------------------------------------------------------------------ what is accepted


def hand_example() -> list[tuple[str, bytes]]:
    """The example of the specification, word by word."""
    head = {
        "format": "exactcpa-partition",
        "version": 1,
        "generator": "by hand",
        "network": network(1, linear([[1], [1]], [0, 2]), RELU, SUM_OF_TWO),
        "domain": {"type": "box", "lower": [-1], "upper": [1]},
        "bounding_proof": None,
        "reading": "deployed",
        "proof": True,
        "facets": True,
        "method": "by hand",
        "scales": [[0, 0], []],
    }
    return [
        ("HEAD", json.dumps(head).encode()),
        ("CODE", struct.pack("<11h", 20, 2, 2, 3, 0, 6, 8, 0, 6, 8, 0)),
        ("REAL", struct.pack("<4d", -0.5, 0.5, 0.5, -0.5)),
        ("EDGE", struct.pack("<2q", 1, 0)),
        ("PATT", struct.pack("<2Q", 0b10, 0b11)),
        ("WITN", struct.pack("<2d", -0.5, 0.5)),
        ("XPTS", b"{}"),
        ("FPTR", struct.pack("<3q", 0, 1, 2)),
        ("FACE", struct.pack("<2i", 0, 0)),
        ("REGI", struct.pack("<2q", 0, 1)),
        ("STAT", b'{"cells": 2, "edges": 1, "linear_regions": 2}'),
    ]


HAND_COUNTS = {"cells": 2, "facets": 2, "edges": 1, "linear_regions": 2}


def test_example_of_the_specification():
    report = check_bytes(assemble(hand_example(), HAND_COUNTS))

    assert (report.cells, report.facets, report.edges, report.linear_regions) == (2, 2, 1, 2)
    assert (report.units, report.dimension, report.certificates, report.splits) == (2, 1, 1, 1)
    assert report.complete


IMPLIED_BY_HAND = [  # record; goal; rows that it lists; theta and multipliers with which all of that cancels
    ((14, 2, 0, 2, 0, 1), (2, 3), [(-1, 0), (0, -1)], (1, 2, 3)),
    ((15, 0, 2, 1, 2), (1, 0), [(0, 1), (-2, -3)], (2, 3, 1)),
    ((15, 1, 2, 0, 2), (0, -1), [(-1, 0), (2, 3)], (3, 2, 1)),
    ((15, 1, 2, 0, 2), (0, 1), [(1, 0), (-2, -3)], (3, 2, 1)),
    ((15, 0, 2, 1, 2), (-1, 0), [(0, -1), (2, 3)], (2, 3, 1)),
    ((14, 2, 1, 2, 0, 1), (-2, -3), [(1, 0), (0, 1)], (1, 2, 3)),
]


def cone_by_hand() -> Proof:
    """relu(x) + relu(y) + relu(2x + 3y) on a square: all certificates are implied, no box is needed."""
    p = write(*BASES["cone"])
    drop_lower, prune_1, prune_2, prune_3, prune_4, drop_upper = (list(r) for r, *_ in IMPLIED_BY_HAND)
    cells = [[-0.5, -0.5], [-0.75, 0.25], [-0.25, 0.5], [0.25, -0.5], [0.5, -0.25], [0.5, 0.5]]

    def facet(row, across):
        return ([8, row], cells[across], [])

    def cell(number):
        return ([6], cells[number], [])

    def codes(*values):
        return (list(values), [], [])

    p.witnesses, p.exact_points = cells, {}
    p.patterns = [0b000, 0b010, 0b110, 0b001, 0b101, 0b111]
    p.across = [3, 1, 0, 2, 5, 1, 0, 4, 5, 3, 2, 4]
    p.records = [
        codes(3, 0),  # -x >= 0
        codes(3, 1),  # -y >= 0
        *(codes(*drop_lower), cell(0), facet(0, 3), facet(1, 1)),
        codes(3, 2),  # y >= 0; -2x - 3y >= 0
        *(cell(1), codes(*prune_1), facet(1, 0), facet(2, 2)),
        *(cell(2), facet(0, 5), codes(*prune_2), facet(2, 1)),
        codes(3, 1),  # x >= 0; -y >= 0
        codes(3, 2),
        *(cell(3), facet(0, 0), codes(*prune_3), facet(2, 4)),
        *(cell(4), codes(*prune_4), facet(1, 5), facet(2, 3)),
        *(codes(*drop_upper), cell(5), facet(0, 2), facet(1, 4)),
    ]
    return p


@pytest.mark.parametrize(("record", "goal", "rows", "weights"), IMPLIED_BY_HAND)
def test_implied_multipliers_by_hand(record, goal, rows, weights):
    """All constants are zero, so that the sum is the zero function."""
    terms = [goal, *rows]

    assert len(rows) == record[3 if record[0] == 14 else 2] == 2 and min(weights) > 0
    assert [sum(map(mul, map(Fraction, weights), column)) for column in zip(*terms, strict=True)] == [0, 0]
    found = checker.cancelling(goal, rows)
    assert [Fraction(w, found[0]) for w in found] == [Fraction(w, weights[0]) for w in weights]


def test_implied_records_by_hand():
    proof = cone_by_hand()
    report = check_bytes(proof.to_bytes())

    assert (report.cells, report.facets, report.edges, report.linear_regions) == (6, 12, 6, 6)
    assert (report.certificates, report.splits) == (6, 5)
    assert accepted(proof.to_bytes())


@pytest.mark.parametrize("scales", [[[0, 0, 0], []], [[-7, 0, 5], []], [[10, -10, 3], []]])
def test_implied_multipliers_do_not_depend_on_scales(scales):
    proof = cone_by_hand()
    proof.head["scales"] = scales

    assert check_bytes(proof.to_bytes()).certificates == 6


@pytest.mark.parametrize("base", ["cone", "cone_in_triangle"])
def test_implied_records_written(base):
    """The writer leaves out the same multipliers as the proof by hand."""
    found = [r[0] for r in written(base, "implied").records if r[0][0] in (14, 15)]
    shift = 0 if base == "cone" else 3
    expected = [list(codes) for codes, *_ in IMPLIED_BY_HAND]
    for codes in expected:
        at = 3 if codes[0] == 14 else 2
        codes[at + 1 :] = [c + shift for c in codes[at + 1 :]]
        codes[1] += shift if codes[0] == 15 else 0

    assert found == expected


def test_zero_function_decided_upper_by_rows_of_the_domain():
    """Its multipliers are all zero; the rows are independent, so they are determined."""
    proof = written("dead_in_triangle", "implied")
    dropped = [r for r in proof.records if r[0][:3] == [14, 2, 1]]

    assert dropped and all(r == ([14, 2, 1, 2, 0, 1], [], []) for r in dropped)
    assert accepted(proof.to_bytes())


def dimension_of(domain: dict) -> int:
    return oracle_program.read_domain(domain).dimension


SMALL = {name: case for name, case in CASES.items() if dimension_of(case.domain) <= 2 and case.cells <= 16}


@pytest.mark.parametrize("style", some(STYLES.values(), 5), ids=STYLES)
@pytest.mark.parametrize("case", SMALL.values(), ids=SMALL)
def test_degenerate_networks(case: Case, style: Style):
    report = check_bytes(write(case.network, case.domain, style).to_bytes())

    assert report.cells == case.cells
    if style.facets:
        assert (report.edges, report.linear_regions) == case.counts[1:]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(cases((1, 2)), style_strategy, st.integers(1, 4))
def test_random_networks(case, style, parts):
    report = check_bytes(write(*case, style).to_bytes(parts))

    expected = truth(*case)
    assert report.cells == len(expected.cells)
    if style.facets:
        assert report.facets == 2 * report.edges == 2 * len(expected.edges)
        assert report.linear_regions == expected.linear_regions
    else:
        assert report.facets is report.edges is report.linear_regions is None


def test_no_units():
    report = check_bytes(write(network(2, SUM_OF_TWO), TRIANGLE).to_bytes())

    assert (report.cells, report.edges, report.linear_regions, report.units) == (1, 0, 1, 0)


# --------------------------------------------------------------------------------- numbers and the network


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (-(2**53), -(2**53)),
        (0.1, Fraction(0.1)),
        (5e-324, Fraction(1, 2**1074)),
        ("0.1", Fraction(1, 10)),
        ("-7", -7),
        ("+.5", Fraction(1, 2)),
        ("1e-5", Fraction(1, 10**5)),
        ("2.5E2", 250),
        ("1/3", Fraction(1, 3)),
        ("-0x1f/0x3", Fraction(-31, 3)),
        ("0x1.8p-3", Fraction(3, 16)),
        ("0xe", 14),
    ],
)
def test_number(value, expected):
    assert checker.number(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(True, None, [], {}, float("nan"), float("inf"), 2**53 + 1),
        *(
            "",
            ".",
            "1/0",
            "1/",
            "/2",
            "nan",
            "inf",
            "1_0",
            " 1",
            "1 ",
            "1/2/3",
            "0x",
            "0x.",
            "e5",
            "1e",
            "--1",
        ),
        *("1e1000001", "0x1p1000001", "\u0661", "1\n", "9" * 5000),
    ],
)
def test_rejects_number(value):
    with pytest.raises((Rejected, ValueError)):
        checker.number(value)


@settings(max_examples=examples(200), deadline=None)
@given(st.fractions(), st.fractions(min_value=Fraction(1, 10**6)), st.integers(-400, 400))
def test_deployed_scale_is_nearest(gamma, variance, power):
    """Squares of the midpoints to the neighbouring doubles enclose the square of the true scale."""
    gamma *= Fraction(2) ** power
    try:
        got = checker.deployed_scale(gamma, variance)
    except Rejected:
        assume(False)
    square, double = gamma * gamma / variance, abs(float(got))
    assert (got < 0) == (gamma < 0 and double > 0)
    below, above = (Fraction(oracle_neighbour(double, k)) for k in (-1, 1))
    assert ((below + abs(got)) / 2) ** 2 <= square <= ((above + abs(got)) / 2) ** 2


def oracle_neighbour(double: float, step: int) -> float:
    import math

    return max(0.0, math.nextafter(double, math.inf * step))


def test_deployed_scale_ties_to_even():
    even = 1 + 2 * Fraction(1, 2**52)
    for double, expected in ((even, even), (even - Fraction(1, 2**52), even)):
        midpoint = double + Fraction(1, 2**53)
        assert checker.deployed_scale(midpoint, Fraction(1)) == expected


def value_of_lowered(lowered, x):
    """Lines and units, from their definition."""
    for lines, units in lowered:
        z = [sum((c * x[j] for j, c in line.coefficients.items()), line.constant) for line in lines]
        x = []
        for unit in units:
            if isinstance(unit, checker.Maximum):
                x.append(max(z[source] for source in unit.sources))
            else:
                piece = sum(z[unit.source] >= t for t in unit.breakpoints)
                x.append(unit.slopes[piece] * z[unit.source] + unit.intercepts[piece])
    return tuple(x)


@settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(networks_with_points())
def test_network_at_a_point(case):
    """Lowered network, integer network and the package's layers agree, and so do the pieces."""
    net, x = case
    value = to_json(net)
    lowered, inputs = checker.lower_network(json.loads(json.dumps(value)))
    assert value_of_lowered(lowered, x) == net.forward(x)

    box = {"type": "box", "lower": [-1] * inputs, "upper": [1] * inputs}
    domain = checker.read_domain(box, None, inputs)
    counts = [sum(map(switch_count, units)) for _, units in lowered]
    integer = checker.integer_network(lowered, domain, [[0] * count for count in counts])
    denominator, slopes = 1, 1
    for lines, units in lowered:
        denominator, slopes = checker.plan_denominators(lines, units, denominator * slopes)
    one = checker.common_denominator(x)
    pattern, zeros, outputs = checker.network_at(integer, domain, (*checker.numerators(x, one), one))
    assert tuple(Fraction(v, denominator * one) for v in outputs) == net.forward(x)

    _, pieces, ties = oracle_program.run(value, x)
    assert pieces_of(value, pattern) == pieces
    assert [bool(z) for z in unit_bits(value, zeros)] == list(ties)


def switch_count(unit) -> int:
    if isinstance(unit, checker.Maximum):
        return int(len(unit.sources) == 2)
    return len(unit.breakpoints)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ({"type": "conv3d"}, "unknown type"),
        ({"type": ["relu"]}, "unknown type"),
        ("relu", "unknown type"),
        ({"type": "relu", "slope": 1}, "'slope' is unknown"),
        ({"type": "leaky_relu"}, "'slope' is missing"),
        ({"type": "linear", "weight": [[1]], "bias": [0]}, "rows of 2"),
        ({"type": "linear", "weight": [[1, 2]], "bias": [0, 0]}, "list of 1"),
        ({"type": "linear", "weight": [[1, 2], [1]], "bias": [0, 0]}, "rows of 2"),
        ({"type": "linear", "weight": [], "bias": []}, "at least one"),
        ({"type": "linear", "weight": [[True, 2]], "bias": [0]}, "not a number"),
        ({"type": "hardtanh", "min": 1, "max": 1}, "not below"),
        ({"type": "prelu", "slope": [1, 2, 3]}, "list of 2"),
        ({"type": "maxout", "size": 3}, "does not divide"),
        ({"type": "maxout", "size": True}, "integer"),
        ({"type": "maxout", "groups": [[0, 2]]}, "below 2"),
        ({"type": "maxout", "groups": [[]]}, "at least one"),
        ({"type": "maxpool", "shape": [1, 1, 2], "kernel": [2, 2], "stride": 1}, "kernel 2"),
        ({"type": "maxpool", "shape": [1, 1, 3], "kernel": 1, "stride": 1}, "for 2 inputs"),
        ({"type": "avgpool2d", "shape": [1, 1, 2], "kernel": 1, "stride": 0}, "at least 1"),
        ({"type": "residual", "layers": [linear([[1, 1]], [0])]}, "its layers give 1"),
        ({"type": "residual", "layers": []}, "at least one"),
        (
            dict(type="batchnorm", mean=[0, 0], variance=[1, -1], gamma=[1, 1], beta=[0, 0], epsilon=0.5),
            "not positive",
        ),
        (
            dict(type="batchnorm", mean=[0, 0], variance=[1, 1], gamma=["1e400", 1], beta=[0, 0], epsilon=0),
            "beyond the doubles",
        ),
        (
            dict(type="conv2d", weight=[[[[1]], [[1]]]], bias=[0], shape=[1, 1, 2], stride=1, padding=0),
            "list of 1",
        ),
        (
            dict(type="conv2d", weight=[[[[1]]]], bias=[0], shape=[1, 1, 2], stride=1, padding=10**9),
            "padding",
        ),
    ],
)
def test_rejects_layer(layer, reason):
    with pytest.raises(Rejected, match=reason):
        checker.lower_network(network(2, layer))


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", 2), ("version", True), ("format", "onnx"), ("input", 0), ("input", "2"), ("name", "x")],
)
def test_rejects_network(field, value):
    with pytest.raises(Rejected):
        checker.lower_network(TWO_LAYERS | {field: value})


# ------------------------------------------------------------------------------------------------- domains


def with_head(original: Proof, /, **fields) -> bytes:
    changed = original.copy()
    changed.head |= fields
    return changed.to_bytes()


@pytest.mark.parametrize(
    ("base", "domain", "reason"),
    [
        ("two_layers", SQUARE | {"upper": [1, -1]}, "no interior"),
        ("two_layers", SQUARE | {"upper": [1]}, "list of 2"),
        ("two_layers", SQUARE | {"lower": [-4, -1]}, "does not add up"),
        ("two_layers", SQUARE | {"rows": []}, "unknown"),
        ("two_layers", {"type": "ball"}, "unknown type"),
        ("two_layers", None, "unknown type"),
        ("two_layers", TRIANGLE, "bounding_proof"),
        ("residual", SQUARE, "expected null for a box"),
        ("residual", TRIANGLE | {"b": [1, 1, "-1"]}, "not inside"),
        ("residual", TRIANGLE | {"A": [[-1, 0], [0, -1], [1, 2]]}, "does not bound"),
        ("residual", TRIANGLE | {"b": [1, 1, -2]}, "no interior"),
        ("sliced", SLICE | {"within": SLICE}, "unknown type"),
        ("sliced", SLICE | {"origin": [0, 0]}, "2 coordinates, but the network has 3"),
        ("sliced", SLICE | {"basis": [[1, 0], [0, 1]]}, "list of 3"),
        ("sliced", TRIANGLE, "2 coordinates, but the network has 3"),
    ],
)
def test_rejects_domain(base, domain, reason):
    assert re.search(reason, reject_reason(with_head(written(base), domain=domain)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("upper", 0, 0), "1/2"),
        (("upper", 0, 2), -1),
        (("lower", 1), []),
        (("lower",), []),
        (("lower", 1, 1), 0),
        (("upper",), None),
    ],
)
def test_rejects_bounding_proof(path, value):
    changed = written("residual").copy()
    place = changed.head["bounding_proof"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    reject_reason(changed.to_bytes())


# ------------------------------------------------------------------------------------------------ the bytes


def test_rejects_every_truncation():
    data = assemble(hand_example(), HAND_COUNTS)
    for size in range(len(data)):
        reject_reason(data[:size])


def test_rejects_every_changed_byte():
    data = assemble(hand_example(), HAND_COUNTS)
    for position in range(len(data)):
        for change in (1, 0x80, 0xFF):
            reject_reason(data[:position] + bytes([data[position] ^ change]) + data[position + 1 :])


def test_rejects_bytes_that_follow():
    data = assemble(hand_example(), HAND_COUNTS)
    assert "DONE" in reject_reason(data + b"\n") or "truncated" in reject_reason(data + b"\n")
    reject_reason(data + data)
    reject_reason(data + block_bytes("CODE", b""))


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_rejects_any_bytes(data, magic):
    reject_reason(b"exactcpa-partition 1\n" + data if magic else data)


def test_unreadable():
    data = assemble(hand_example(), HAND_COUNTS)
    for other in (b"", b"PK\x03\x04", data.replace(b"partition 1\n", b"partition 2\n", 1), data[:20]):
        with pytest.raises(Unreadable):
            check_bytes(other)
    with pytest.raises(Unreadable, match="no proof inside"):
        check_bytes(with_head(written("dead"), proof=False))


def replaced(tag: str, payload: bytes | None) -> list[tuple[str, bytes]]:
    return [(t, payload if t == tag else p) for t, p in hand_example() if t != tag or payload is not None]


@pytest.mark.parametrize("tag", [tag for tag, _ in hand_example()])
def test_rejects_missing_block(tag):
    reject_reason(assemble(replaced(tag, None), HAND_COUNTS))


@pytest.mark.parametrize("tag", [tag for tag, _ in hand_example()])
def test_rejects_block_twice(tag):
    blocks = hand_example()
    index = [t for t, _ in blocks].index(tag)
    reject_reason(assemble([*blocks[: index + 1], blocks[index], *blocks[index + 1 :]], HAND_COUNTS))


def test_rejects_blocks_out_of_order():
    blocks = hand_example()
    for i in range(len(blocks) - 1):
        swapped = [*blocks[:i], blocks[i + 1], blocks[i], *blocks[i + 2 :]]
        if {blocks[i][0], blocks[i + 1][0]} != {"CODE", "REAL"}:
            reject_reason(assemble(swapped, HAND_COUNTS))
    check_bytes(assemble([blocks[0], blocks[2], blocks[1], *blocks[3:]], HAND_COUNTS))


HEAD, STAT = hand_example()[0][1], hand_example()[-1][1]


@pytest.mark.parametrize(
    ("tag", "payload"),
    [
        ("HEAD", b""),
        ("HEAD", b"[]"),
        ("HEAD", b"\xff" + HEAD),
        ("HEAD", HEAD[:-1] + b', "proof": true}'),
        ("HEAD", HEAD.replace(b"[-1]", b"[NaN]")),
        ("HEAD", HEAD.replace(b"[-1]", b"[-1e999]")),
        ("HEAD", HEAD.replace(b"[-1]", b"[-" + b"9" * 5000 + b"]")),
        ("HEAD", HEAD.replace(b"[[0, 0], []]", b"[" * 100000 + b"]" * 100000)),
        ("HEAD", HEAD.replace(b"[[0, 0], []]", b"[[0, 0]]")),
        ("HEAD", HEAD.replace(b"[[0, 0], []]", b"[[0, 0, 0], []]")),
        ("HEAD", HEAD.replace(b"[[0, 0], []]", b"[[0, 0.0], []]")),
        ("HEAD", HEAD.replace(b"[[0, 0], []]", b"[[0, 1000000000], []]")),
        ("HEAD", HEAD.replace(b"deployed", b"ideal")),
        ("HEAD", HEAD.replace(b'"version": 1', b'"version": 1.0')),
        ("HEAD", HEAD.replace(b'"facets": true', b'"facets": 1')),
        ("CODE", hand_example()[1][1] + b"\0"),
        ("CODE", hand_example()[1][1] + b"\0\0"),
        ("CODE", b""),
        ("REAL", hand_example()[2][1] + struct.pack("<d", 1)),
        ("REAL", hand_example()[2][1][:-8]),
        ("REAL", struct.pack("<5d", float("nan"), -0.5, 0.5, 0.5, -0.5)),
        ("REAL", struct.pack("<5d", float("inf"), -0.5, 0.5, 0.5, -0.5)),
        ("WITN", struct.pack("<2d", -0.5, float("nan"))),
        ("PATT", struct.pack("<2Q", 0b10, 0b111)),
        ("XPTS", b'{"0": ["-1/2"]}'),
        ("FPTR", struct.pack("<3q", 1, 1, 2)),
        ("FPTR", struct.pack("<3q", 0, 2, 2)),
        ("FACE", struct.pack("<2i", 0, 1)),
        ("REGI", struct.pack("<2q", 1, 0)),
        ("REGI", struct.pack("<2q", 0, 0)),
        ("STAT", b'{"cells": 2, "edges": 1}'),
        ("STAT", b'{"cells": 2, "edges": 1, "linear_regions": 1}'),
        ("STAT", b'{"cells": true, "edges": 1, "linear_regions": 2}'),
        ("STAT", STAT[:-1] + b', "dimension": 2}'),
        ("STAT", STAT[:-1] + b', "units": 2.0}'),
        ("STAT", STAT[:-1] + b', "reading": "ideal"}'),
        ("STAT", STAT[:-1] + b', "certified": 1}'),
    ],
)
def test_rejects_block_contents(tag, payload):
    reason = reject_reason(assemble(replaced(tag, payload), HAND_COUNTS))
    assert "checksum" not in reason and "sha256" not in reason


def test_accepts_what_else_is_told():
    told = b', "dimension": 1, "units": 2, "reading": "deployed", "certified": true, "seconds": 1e9}'
    check_bytes(assemble(replaced("STAT", STAT[:-1] + told), HAND_COUNTS))


def big_head(layers: list[dict], *, inputs: int = 1, coordinates: int = 1) -> bytes:
    """A head with this network over a box, and nothing that would prove anything."""
    box = {"type": "box", "lower": [-1] * coordinates, "upper": [1] * coordinates}
    head = json.loads(HEAD) | {"network": network(inputs, *layers), "domain": box}
    return assemble(replaced("HEAD", json.dumps(head).encode()), HAND_COUNTS)


WIDENING = [
    {
        "type": "conv2d",
        "weight": [[[[1]]]],
        "bias": [1],
        "shape": [1, side, side],
        "stride": [1, 1],
        "padding": [side + 1, side + 1],
    }
    for side in (1, 5, 17, 53, 161, 485, 1457, 4373)
]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (big_head([RELU], inputs=10**9), "1 coordinates, but the network has 1000000000 inputs"),
        (big_head([RELU], inputs=2**53), "1 coordinates, but"),
        (big_head(WIDENING), "more than 1048576 coordinates"),
        (big_head([linear([["1" * 200_000 + "x"]], [0])]), "not a number"),
        (big_head([linear([["0x" + "1" * 200_000 + "x"]], [0])]), "not a number"),
        (big_head([linear([["1e-1000000"]] * 3000, [0] * 3000)]), "exponent is too large"),
        (big_head([linear([["1" * 4001]], [0])]), "more than 4000 digits"),
    ],
    ids=range(7),
)
def test_rejects_small_files_that_would_take_all_memory_or_time(data, reason):
    assert reason in reject_reason(data)


def test_rejects_residual_blocks_nested_without_end():
    layers = [RELU]
    for _ in range(300):
        layers = [{"type": "residual", "layers": layers}]
    reason = reject_reason(big_head(layers))
    assert "nested more than" in reason and len(reason) < 400


def cube_with_a_tie(d: int, bias: int, weights: list[int], rows: list[int]) -> bytes:
    """One relu over the cube, whose switch is said to be lower by a tie between faces of the cube."""
    head = json.loads(HEAD) | {
        "network": network(d, linear([weights], [bias]), RELU),
        "domain": {"type": "box", "lower": [-1] * d, "upper": [1] * d},
        "facets": False,
        "scales": [[0], []],
    }
    counts = {"cells": 1, "edges": None, "linear_regions": None}
    blocks = [
        ("HEAD", json.dumps(head).encode()),
        ("CODE", struct.pack(f"<{len(rows) + 5}h", 16, 0, 0, len(rows), *rows, 6)),
        ("REAL", bytes(8 * d)),
        ("PATT", bytes(8)),
        ("WITN", bytes(8 * d)),
        ("XPTS", b"{}"),
        ("STAT", json.dumps(counts).encode()),
    ]
    return assemble(blocks, {**counts, "facets": None})


def test_ties_of_many_functions_are_decided_by_one_elimination():
    d = 40
    upper_faces = [-1 - d - j for j in range(d)]
    check_bytes(cube_with_a_tie(d, -d, [1] * d, upper_faces))
    both_faces = [face for j in range(d // 2) for face in (-1 - j, -1 - d - j)]
    for data, reason in (
        (cube_with_a_tie(d, -5, [1] + [0] * (d - 1), both_faces), "not independent"),
        (cube_with_a_tie(d, -d, [1] * d, upper_faces[1:]), "a tie that is none"),
        (cube_with_a_tie(d, 1 - d, [1] * d, upper_faces), "a tie that is none"),
        (cube_with_a_tie(d, -1, [*[1] * (d - 1), -1], upper_faces), "not positive"),
        (cube_with_a_tie(d, -d, [1] * d, [*upper_faces, -1, -2]), "not independent"),
    ):
        assert reason in reject_reason(data)


def test_says_when_memory_runs_out(monkeypatch):
    def without_memory(*_):
        raise MemoryError

    monkeypatch.setattr(checker, "lower_network", without_memory)
    with pytest.raises(Unfinished, match="more memory than there is"):
        check_bytes(assemble(hand_example(), HAND_COUNTS))


def test_rejects_numbers_left_over_in_bigs():
    blocks = hand_example()
    for payload in (b"0x1\n", b"0x1", b"1\n", b"0x\n", b"\n", b"-0x1f\nx\n"):
        assert "BIGS" in reject_reason(assemble([*blocks[:3], ("BIGS", payload), *blocks[3:]], HAND_COUNTS))
    check_bytes(assemble([*blocks[:3], ("BIGS", b""), *blocks[3:]], HAND_COUNTS))


@pytest.mark.parametrize(
    "change",
    [
        {"cells": 3},
        {"cells": 1},
        {"cells": -1},
        {"cells": 10**18},
        {"cells": True},
        {"facets": 3},
        {"facets": None},
        {"edges": 2},
        {"edges": None},
        {"linear_regions": 1},
        {"blocks": 12},
        {"sha256": "0" * 64},
        {"extra": 0},
    ],
)
def test_rejects_done(change):
    reject_reason(assemble(hand_example(), HAND_COUNTS, change))


# ---------------------------------------------------------------------------------------------- tamperings


def record(proof: Proof, code: int, number: int = 0) -> tuple[list[int], list[float], list[int]]:
    """A record with that code (or the exact one beside it), to be changed in place."""
    found = [r for r in proof.records if r[0][0] in (code, code + 1) or (code == 3 == r[0][0])]
    return [r for r in found if r[0][0] == code or code in (1, 4, 6, 8, 11)][number]


def tampering(base: str, reason: str, style: str = "plain"):
    def keep(function):
        TAMPERINGS[function.__name__] = (base, style, reason, function)
        return function

    return keep


TAMPERINGS = {}


@tampering("two_layers", "multiplier is negative", "exact")
def negative_multiplier(p):
    next(r for r in p.records if r[0][0] == 2 and r[0][3] > 0)[2][1] = -1


@tampering("two_layers", "does not add up", "exact")
def zero_multiplier(p):
    next(r for r in p.records if r[0][0] == 2 and r[0][3] > 0)[2][1] = 0


@tampering("two_layers", "theta is not positive", "exact")
def theta_zero(p):
    record(p, 1)[2][0] = 0


@tampering("two_layers", "theta is not positive", "exact")
def theta_negative(p):
    record(p, 1)[2][0] = -1


@tampering("two_layers", "theta is not positive")
def theta_zero_in_reals(p):
    record(p, 1)[1][0] = 0.0


@tampering("two_layers", "not finite")
def theta_infinite(p):
    record(p, 1)[1][0] = float("inf")


@tampering("two_layers", "BIGS ends early|left over|has another|does not|theta|multiplier", "exact")
def multiplier_missing(p):
    next(r for r in p.records if r[0][0] == 2 and r[0][3] > 0)[2].pop()


@tampering("two_layers", "does not add up", "exact")
def row_not_listed(p):
    r = next(r for r in p.records if r[0][0] == 2 and r[0][3] == 1)
    r[0][3:] = [0]
    r[2].pop()


@tampering("two_layers", "expected different numbers", "exact")
def row_listed_twice(p):
    r = next(r for r in p.records if r[0][0] == 2 and r[0][3] == 1)
    r[0][3:] = [2, r[0][4], r[0][4]]
    r[2].append(1)


@tampering("two_layers", "expected different numbers|a list of")
def row_out_of_range(p):
    record(p, 4)[0][-1] = 99


@tampering("two_layers", "expected different numbers|a list of")
def row_negative(p):
    record(p, 4)[0][-1] = -1


@tampering("two_layers", "a list of -1")
def count_negative(p):
    record(p, 1)[0][3] = -1


@tampering("two_layers", "out of use")
def row_proves_itself(p):
    r = record(p, 4)
    r[0][2:] = [1, r[0][1]]
    numbers = r[1] or r[2]
    numbers[:] = [1, 1]


@tampering("two_layers", "pruned twice", "pruned_on_the_way")
def row_pruned_twice(p):
    index = p.records.index(record(p, 4))
    p.records.insert(index, p.records[index])


@tampering("residual", "PRUNE of row 0")
def row_of_the_domain_pruned(p):
    p.records.insert(0, ([4, 0, 0], [1.0], []))


@tampering("two_layers", "does not add up")
def wrong_side(p):
    record(p, 1)[0][2] ^= 1


@tampering("two_layers", "side 2")
def no_side(p):
    record(p, 1)[0][2] = 2


@tampering("two_layers", "switch 7")
def no_switch(p):
    record(p, 1)[0][1] = 7


@tampering("two_layers", "decided twice|switch -1")
def switch_negative(p):
    record(p, 1)[0][1] = -1


@tampering("two_layers", "decided twice")
def switch_dropped_twice(p):
    pairs = zip(p.records, p.records[1:], strict=False)
    index = next(i for i, (a, b) in enumerate(pairs) if a[0][0] == b[0][0] == 1 and a[0][1] < b[0][1])
    p.records.insert(index, p.records[index])


@tampering("two_layers", "decided twice")
def switch_split_twice(p):
    p.records.insert(1, p.records[0])


@tampering("dead", "zero was decided lower")
def zero_function_decided_lower(p):
    next(r for r in p.records if r[0][:2] == [1, 2])[0][2] = 0


@tampering("dead", "SPLIT by a switch whose function is zero")
def zero_function_split(p):
    index = next(i for i, r in enumerate(p.records) if r[0][:2] == [1, 2])
    p.records[index] = ([3, 2], [], [])


@tampering("two_layers", "witness|at the witness|not inside")
def split_that_does_not_cut(p):
    index = p.records.index(record(p, 1))
    number = p.records[index][0][1]
    p.records[index] = ([3, number], [], [])


@tampering("two_layers", "does not belong here")
def unknown_record(p):
    p.records.insert(0, ([21], [], []))


@tampering("two_layers", "does not belong here")
def facet_before_the_cell(p):
    p.records.insert(0, ([8, 0], [0.0, 0.0], []))


@tampering("two_layers", "not everything is decided")
def cell_too_early(p):
    p.records.insert(0, ([6], [0.1, 0.1], []))


@tampering("two_layers", "left over|more cells|ends early|does not belong")
def cell_dropped(p):
    index = p.records.index(record(p, 6, 1))
    del p.records[index]


@tampering("two_layers", "CODE ends early")
def upper_half_missing(p):
    del p.records[[r[0][0] for r in p.records].index(6) + 1 :]
    p.head["facets"] = True
    p.records += [
        r for r in written("two_layers").records[len(p.records) : len(p.records) + 4] if r[0][0] != 6
    ]


@tampering("two_layers", "left over")
def records_left_over(p):
    p.records.append(([6], [0.1, 0.1], []))


def move_witness(p, cell, point):
    p.witnesses[cell] = list(point)
    record(p, 6, cell)[1][:] = point


@tampering("two_layers", "on a switching hyperplane")
def witness_on_a_hyperplane(p):
    move_witness(p, 0, (0.0, p.witnesses[0][1]))


@tampering("two_layers", "another pattern")
def witness_in_another_cell(p):
    move_witness(p, 0, p.witnesses[1])


@tampering("two_layers", "not inside the domain")
def witness_on_the_boundary(p):
    move_witness(p, 0, (-1.0, p.witnesses[0][1]))


@tampering("residual", "not inside the domain")
def witness_on_a_row_of_the_domain(p):
    move_witness(p, 0, (p.witnesses[0][0], -1.0))


@tampering("residual", "not inside the domain", "exact")
def witness_outside_the_polytope(p):
    p.witnesses[0] = [0.6, 0.6]
    p.exact_points["0"] = ["3/5", "3/5"]
    record(p, 6)[2][:] = [3, 3, 5]


@tampering("two_layers", "WITN has another witness")
def witness_not_listed(p):
    p.witnesses[0][0] -= 1e-9


@tampering("two_layers", "WITN has another witness", "exact")
def witness_not_the_nearest(p):
    p.witnesses[0][0] += 1e-16


@tampering("two_layers", "XPTS has another witness", "exact")
def exact_witness_not_listed(p):
    p.exact_points["0"][0] = "1/7"


@tampering("two_layers", "expected a list|XPTS", "exact")
def exact_witness_missing(p):
    del p.exact_points["0"]


@tampering("two_layers", "no exact witness belongs")
def exact_witness_of_no_cell(p):
    p.exact_points["00"] = ["0", "0"]


@tampering("two_layers", "denominator is not positive", "exact")
def point_with_negative_denominator(p):
    numbers = record(p, 6)[2]
    numbers[:] = [-v for v in numbers]


@tampering("two_layers", "denominator is not positive", "exact")
def point_with_zero_denominator(p):
    record(p, 6)[2][-1] = 0


@tampering("two_layers", "not beyond row")
def facet_point_inside(p):
    record(p, 8)[1][:] = p.witnesses[0]


@tampering("two_layers", "not beyond row|not strictly inside|bounding box")
def facet_point_on_the_facet(p):
    record(p, 8)[1][0] = 0.0
    record(p, 8)[1][1] = 0.0


@tampering("two_layers", "not beyond row|not strictly inside|bounding box")
def facet_point_far_away(p):
    record(p, 8)[1][:] = [5.0, 5.0]


@tampering("two_layers", "expected a FACET of row|expected a PRUNE")
def facet_of_another_row(p):
    record(p, 8)[0][1] += 1


@tampering("two_layers", "expected a PRUNE or FACET|expected a FACET")
def facet_left_out(p):
    p.records.remove(record(p, 8))
    del p.across[0], p.facet_bits[0]
    p.facet_starts = [max(0, v - 1) for v in p.facet_starts]
    p.counts["facets"] -= 1


@tampering("two_layers", "does not add up")
def facet_pruned(p):
    r = record(p, 8)
    r[0][:] = [4, r[0][1], 0]
    r[1][:], r[2][:] = [1.0], []


@tampering("two_layers", "not strictly inside|not beyond")
def redundant_row_called_facet(p):
    r = record(p, 4)
    r[0][:] = [8, r[0][1]]
    r[1][:], r[2][:] = p.witnesses[0], []


@tampering("two_layers", "EDGE: cell -1")
def edge_negative(p):
    p.across[0] = -1


@tampering("two_layers", "EDGE: cell")
def edge_out_of_range(p):
    p.across[0] = len(p.patterns)


@tampering("two_layers", "not across the facet")
def edge_to_itself(p):
    p.across[0] = 0


@tampering("two_layers", "not across the facet")
def edge_to_another_cell(p):
    p.across[0] = next(b for b in range(len(p.patterns)) if b not in (0, p.across[0]))


@tampering("two_layers", "not across the facet")
def edges_exchanged(p):
    p.across[0], p.across[1] = p.across[1], p.across[0]


@tampering("two_layers", "not across the facet|PATT")
def pattern_changed(p):
    p.patterns[-1] ^= 1


@tampering("two_layers", "PATT|not across")
def pattern_twice(p):
    p.patterns[1] = p.patterns[0]


@tampering("two_layers", "not across the facet|PATT")
def pattern_beyond_the_bits(p):
    p.patterns[0] |= 1 << 63


@tampering("two_layers", "FPTR")
def facets_counted_wrong(p):
    p.facet_starts[1] += 1


@tampering("two_layers", "FACE")
def facet_of_another_bit(p):
    p.facet_bits[0] += 1


@tampering("two_layers", "REGI")
def region_renamed(p):
    p.regions[-1] += 1


@tampering("dead", "REGI|DONE linear_regions")
def regions_not_joined(p):
    p.regions = list(range(len(p.regions)))


@tampering("two_layers", "does not|not|HEAD scales")
def scale_changed_where_it_matters(p):
    p.head["scales"][0] = [s + 1 for s in p.head["scales"][0]][:2]


@tampering("maxout", "LOSES or WINS of position 0")
def choice_skips_a_position(p):
    index = p.records.index(next(r for r in p.records if r[0][0] in (11, 12)))
    assert p.records[index][0][1] == 0
    del p.records[index]


@tampering("maxout", "a list of 0")
def loses_to_nobody(p):
    r = next(r for r in p.records if r[0][0] in (11, 12))
    r[0][2:] = [0, 0]
    r[1][:], r[2][:] = [], []


@tampering("maxout", "against itself")
def loses_to_itself(p):
    next(r for r in p.records if r[0][0] in (11, 12) and r[0][2] == 1)[0][3] = 0


@tampering("maxout", "equal line at a smaller position")
def loses_to_an_earlier_twin(p):
    index = next(i for i, r in enumerate(p.records) if r[0][:2] == [13, 4])
    p.records[index:] = [([11, 4, 1, 0, 0], [1.0], [])]


@tampering("maxout", "does not add up")
def winner_called_loser(p):
    index = next(i for i, r in enumerate(p.records) if r[0][:2] == [13, 1])
    p.records[index:] = [([11, 1, 1, 2, 0], [1.0], [])]


@tampering("maxout", "must be listed")
def rival_not_listed(p):
    r = next(r for r in p.records if r[0][0] == 13)
    r[0][2:] = [r[0][2] - 1, *r[0][3:-1]]


@tampering("maxout", "must be listed")
def twin_listed(p):
    next(r for r in p.records if r[0][:2] == [13, 4])[0][2:] = [4, 0, 1, 2, 3]


@tampering("maxout", "ascending")
def rivals_in_another_order(p):
    r = next(r for r in p.records if r[0][0] == 13)
    r[0][3], r[0][4] = r[0][4], r[0][3]


@tampering("maxout", "on a switching hyperplane|another pattern")
def loser_called_winner(p):
    index = next(i for i, r in enumerate(p.records) if r[0][:2] in ([11, 3], [12, 3]))
    p.records[index : index + 1] = [([13, 3, 4, 0, 1, 2, 4], [], []), ([6], p.witnesses[2], [])]


@tampering("maxout", "no group of this stage")
def choice_of_no_group(p):
    record(p, 10)[0][1] = 1


@tampering("two_layers", "no group of this stage")
def choice_of_a_switch(p):
    p.records.insert(0, ([10, 0], [], []))


@tampering("one_clipped", "above a breakpoint and below a smaller one", "no_facets")
def upper_at_the_larger_breakpoint_only(p):
    """The node is empty, so its rows could prove anything."""
    splits = [([3, 1], [], []), ([3, 0], [], [])]
    p.records = [*splits, ([6], [-0.75], []), ([6], [0.0], []), splits[1], ([6], [0.75], [])]


# Implied multipliers.  In the triangle rows 0 to 2 are x + 1, y + 1, 2/3 - x - y; the cone's are 3 to 5.


def implied_drop(p: Proof) -> list[int]:
    """The DROPI of 2x + 3y where x and y are negative."""
    codes = record(p, 14)[0]
    assert codes == [14, 2, 0, 2, 3, 4]
    return codes


@tampering("cone_in_triangle", "do not determine", "implied")
def implied_by_no_rows(p):
    implied_drop(p)[3:] = [0]


@tampering("cone_in_triangle", "do not determine", "implied")
def implied_by_too_few_rows(p):
    implied_drop(p)[3:] = [1, 3]


@tampering("cone_in_triangle", "do not determine", "implied")
def implied_by_too_many_rows(p):
    implied_drop(p)[3:] = [3, 3, 4, 0]


@tampering("cone_in_triangle", "a list of 6 numbers", "implied")
def implied_by_more_rows_than_there_are(p):
    implied_drop(p)[3:] = [6, *range(6)]


@tampering("cone_in_triangle", "do not determine", "implied")
def implied_by_dependent_rows(p):
    implied_drop(p)[3:] = [2, 3, 0]


@tampering("cone_in_triangle", "expected different numbers", "implied")
def implied_by_a_row_twice(p):
    implied_drop(p)[3:] = [2, 3, 3]


@tampering("cone_in_triangle", "expected different numbers", "implied")
def implied_by_no_row(p):
    implied_drop(p)[3:] = [2, 3, 5]


@tampering("cone_in_triangle", "multiplier is negative", "implied")
def implied_by_a_row_that_points_away(p):
    implied_drop(p)[3:] = [2, 3, 1]


@tampering("cone_in_triangle", "does not add up", "implied")
def implied_by_rows_too_far_away(p):
    """2x + 3y is 2 (x + y) + y, at most 4/3."""
    implied_drop(p)[3:] = [2, 2, 4]


@tampering("cone_in_triangle", "multiplier is negative", "implied")
def implied_on_the_wrong_side(p):
    implied_drop(p)[2] = 1


@tampering("cone_in_triangle", "side 2", "implied")
def implied_on_no_side(p):
    implied_drop(p)[2] = 2


@tampering("cone_in_triangle", "decided twice", "implied")
def implied_of_a_decided_switch(p):
    implied_drop(p)[1] = 1


@tampering("dead_in_triangle", "zero was decided lower", "implied")
def zero_function_implied_lower(p):
    next(r for r in p.records if r[0][:3] == [14, 2, 1])[0][2] = 0


@tampering("cone_in_triangle", "out of use", "implied")
def implied_by_itself(p):
    codes = record(p, 15)[0]
    assert codes == [15, 3, 2, 4, 5]
    codes[3:] = [3, 4]


@tampering("cone_in_triangle", "out of use", "implied")
def implied_in_a_circle(p):
    """Row 3 by rows 4 and 5, then row 4 by rows 3 and 5."""
    index = next(i for i, r in enumerate(p.records) if r[0] == [15, 3, 2, 4, 5])
    p.records[index + 1] = ([15, 4, 2, 3, 5], [], [])


@tampering("cone_in_triangle", "pruned twice", "implied")
def implied_row_pruned_twice(p):
    index = p.records.index(record(p, 15))
    p.records.insert(index, p.records[index])


@tampering("cone_in_triangle", "PRUNE of row 1", "implied")
def row_of_the_domain_implied(p):
    p.records.insert(0, ([15, 1, 2, 0, 2], [], []))


@tampering("cone_in_triangle", "does not add up", "implied")
def facet_implied(p):
    """x = (x + y) - y, at most 2/3 + 1."""
    r = record(p, 8)
    assert r[0] == [8, 3]
    r[0][:] = [15, 3, 2, 2, 1]
    r[1][:], r[2][:] = [], []


@tampering("cone_in_triangle", "expected a PRUNE of row 3", "implied")
def implied_row_out_of_order(p):
    index = next(i for i, r in enumerate(p.records) if r[0] == [15, 4, 2, 3, 5])
    p.records[index - 1 : index + 1] = p.records[index], p.records[index - 1]


@tampering("cone_in_triangle", "WITN has another witness", "implied")
def implied_with_numbers(p):
    """Those after it read them."""
    record(p, 14)[1][:] = [1.0, 2.0, 3.0]


@tampering("cone_in_triangle", "theta is not positive", "implied")
def implied_drop_called_drop(p):
    """It takes the numbers of those after it."""
    implied_drop(p)[0] = 1


@tampering("cone_in_triangle", "theta is not positive|multiplier is negative|does not add up", "implied")
def implied_prune_called_prune(p):
    record(p, 15)[0][0] = 4


@tampering("two_layers", "do not determine", "exact")
def drop_called_implied(p):
    """One row and the box proved it."""
    r = next(r for r in p.records if r[0][0] == 2 and r[0][3] == 1)
    r[0][0], r[2][:] = 14, []


def nearer_end(p: Proof) -> tuple[list[int], list[float], list[int]]:
    """A BOUND whose first end that moves is proved by rows; its codes begin with those of the end."""
    return next(r for r in p.records if r[0][0] == 19 and next(c for c in r[0][1:] if c >= 0) > 0)


def place_of_end(record) -> int:
    return next(i for i, c in enumerate(record[0]) if i and c >= 0)


@tampering("two_layers", "does not add up", "boxes")
def end_too_near(p):
    r = nearer_end(p)
    is_upper = place_of_end(r) % 2 == 0
    r[1][0] += -0.125 if is_upper else 0.125


@tampering("two_layers", "does not add up", "boxes")
def end_without_its_rows(p):
    r, at = (r := nearer_end(p)), place_of_end(r)
    count = r[0][at]
    r[0][at : at + 1 + count], r[1][1 : 1 + count] = [0], []


@tampering("two_layers", "multiplier is negative|does not add up", "boxes")
def end_with_a_negative_multiplier(p):
    nearer_end(p)[1][1] *= -1


@tampering("two_layers", "not finite", "boxes")
def end_infinite(p):
    nearer_end(p)[1][0] = float("nan")


@tampering("two_layers", "a list of -2", "boxes")
def end_with_a_negative_count(p):
    r = nearer_end(p)
    r[0][place_of_end(r)] = -2


@tampering("two_layers", "expected different numbers", "boxes")
def end_by_a_row_that_is_none(p):
    r = nearer_end(p)
    r[0][place_of_end(r) + 1] = 99


@tampering("two_layers", "out of use", "boxes_pruned")
def end_by_a_pruned_row(p):
    pruned = next(i for i, r in enumerate(p.records) if r[0][0] in (4, 5))
    number = p.records[pruned][0][1]
    p.records.insert(pruned + 1, ([19, 1, number, -1, -1, -1], [-1.0, 0.0], []))


@tampering("two_layers", "CODE|REAL|record|end|list|switch|SETTLE|expected", "boxes")
def end_missing(p):
    r = nearer_end(p)
    del r[0][place_of_end(r) :]


def settled(p: Proof, *, upper: bool) -> list[int]:
    """A SETTLE of some switch on that side, of a stage with up to 16; codes to be changed in place."""
    return next(r[0] for r in p.records if r[0][0] == 20 and (r[0][2] if upper else r[0][1] & ~r[0][2]))


@tampering("two_layers", "does not add up", "boxes")
def settled_lower_instead(p):
    settled(p, upper=True)[2] = 0


@tampering("two_layers", "does not add up", "boxes")
def settled_upper_instead(p):
    codes = settled(p, upper=False)
    codes[2] = codes[1]


@tampering("two_layers", "SETTLE of switches", "boxes")
def settled_switch_that_is_none(p):
    settled(p, upper=True)[1] |= 1 << 14


@tampering("two_layers", "SETTLE of switches", "boxes")
def settled_switch_number_fifteen(p):
    """The sign of the 16 bits."""
    settled(p, upper=True)[1] |= -(1 << 15)


@tampering("two_layers", "SETTLE of switches", "boxes")
def side_of_a_switch_that_is_not_settled(p):
    codes = settled(p, upper=True)
    codes[1] &= codes[1] - 1


@tampering("two_layers", "decided twice|SETTLE of switches|does not belong here", "boxes")
def settled_twice(p):
    index = next(i for i, r in enumerate(p.records) if r[0][0] == 20)
    p.records.insert(index, p.records[index])


@tampering("two_layers", "does not add up", "boxes")
def settled_switch_that_cuts(p):
    index = next(i for i, r in enumerate(p.records) if r[0][0] == 3)
    p.records.insert(index, ([20, 1 << p.records[index][0][1], 0], [], []))


@tampering("dead", "was decided lower", "boxes")
def zero_function_settled_lower(p):
    codes = next(r[0] for r in p.records if r[0][0] == 20 and r[0][1] >> 2 & 1)
    codes[2] &= ~(1 << 2)


def test_a_row_is_not_implied_by_the_box_it_gave():
    """x <= 0 gives the lower cell the end 0, on which x <= 0 would seem to be implied."""
    blocks = dict(hand_example())
    blocks["CODE"] = struct.pack("<16h", 20, 2, 2, 3, 0, 19, -1, 1, 0, 6, 8, 0, 6, 8, 0, 0)[:-2]
    blocks["REAL"] = struct.pack("<6d", 0.0, 1.0, -0.5, 0.5, 0.5, -0.5)
    assert check_bytes(assemble(list(blocks.items()), HAND_COUNTS)).facets == 2

    blocks["CODE"] = struct.pack("<16h", 20, 2, 2, 3, 0, 19, -1, 1, 0, 6, 4, 0, 0, 6, 8, 0)
    blocks["REAL"] = struct.pack("<6d", 0.0, 1.0, -0.5, 1.0, 0.5, -0.5)

    assert "does not add up" in reject_reason(assemble(list(blocks.items()), HAND_COUNTS))


def test_rejects_a_box_without_interior():
    """Below a SPLIT that does not cut there is nothing: rows prove any ends."""
    blocks = dict(hand_example())
    blocks["CODE"] = struct.pack("<7h", 3, 1, 19, -1, 1, 0, 20)
    blocks["REAL"] = struct.pack("<2d", -2.0, 1.0)

    found = reject_reason(assemble(list(blocks.items()), HAND_COUNTS))

    assert "box without interior" in found


@pytest.mark.parametrize(("weights", "odd"), [(["1/3", "1/7"], 21), (["2/5", "5/3"], 15)])
def test_rows_that_prove_a_box_count_with_their_denominators(weights, odd):
    """Multipliers belong to the rows themselves, whose numbers here have odd denominators."""
    net = network(2, linear([[weights[0], weights[1]], [1, -1]], ["1/3", 0]), RELU, SUM_OF_TWO, RELU)
    proof = write(net, SQUARE, STYLES["boxes"])

    assert any(r[0][0] == 19 for r in proof.records) and check_bytes(proof.to_bytes()).complete
    for r in proof.records:
        if r[0][0] == 19 and len(r[1]) > 1:
            r[1][1] *= odd
    assert "does not add up" in reject_reason(proof.to_bytes())


@pytest.mark.parametrize("name", TAMPERINGS)
def test_rejects_tampering(name):
    base, style, reason, tamper = TAMPERINGS[name]
    proof = written(base, style)
    check_bytes(proof.to_bytes())
    tampered = proof.copy()
    tamper(tampered)

    found = reject_reason(tampered.to_bytes())

    assert re.search(reason, found), found
    assert "malformed" not in found


# ----------------------------------------------------------------------------------------------- mutations


def units_of(value: dict) -> list[tuple[str, int]]:
    """Kind and number of bits of every unit."""
    found = []
    for step in oracle_program.compile_network(value):
        if isinstance(step, oracle_program.Bends):
            found += [("bend", len(bend.breakpoints)) for bend in step.bends]
        elif isinstance(step, oracle_program.Maxima):
            sizes = [len(group) for group in step.groups if len(group) > 1]
            found += [("pair", 1) if size == 2 else ("group", size) for size in sizes]
    return found


def unit_bits(value: dict, bits: int) -> list[int]:
    """The bits of every unit."""
    result, first = [], 0
    for _, width in units_of(value):
        result.append(bits >> first & (1 << width) - 1)
        first += width
    return result


def pieces_of(value: dict, bits: int) -> tuple[int, ...]:
    """Piece of every unit."""
    kinds = [kind for kind, _ in units_of(value)]
    pairs = zip(kinds, unit_bits(value, bits), strict=True)
    return tuple(b.bit_length() - 1 if kind == "group" else b.bit_length() for kind, b in pairs)


TRUTHS = {}


def says_the_truth(data: bytes) -> None:
    """What the file states of its network and domain is what the oracles find."""
    blocks, start = {}, 21
    while start < len(data):
        tag, _, size = struct.unpack_from("<4sIQ", data, start)
        blocks[tag.decode()] = blocks.get(tag.decode(), b"") + data[start + 16 : start + 16 + size]
        start += 16 + size
    head, done, stat = (json.loads(blocks[tag]) for tag in ("HEAD", "DONE", "STAT"))
    value, domain = head["network"], head["domain"]
    key = json.dumps([value, domain])
    if key not in TRUTHS:
        TRUTHS[key] = truth(value, domain)
    expected = TRUTHS[key]
    size = 8 * max(1, -(-sum(width for _, width in units_of(value)) // 64))
    words = [blocks["PATT"][i : i + size] for i in range(0, len(blocks["PATT"]), size)]
    patterns = [pieces_of(value, int.from_bytes(word, "little")) for word in words]
    assert len(patterns) == len(expected.cells) == done["cells"] == stat["cells"]
    assert set(patterns) == expected.cells
    region = oracle_program.read_domain(domain)
    floats = list(struct.iter_unpack(f"<{region.dimension}d", blocks["WITN"]))
    exact = json.loads(blocks["XPTS"])
    for cell, pattern in enumerate(patterns):
        point = oracle_program.vector(exact.get(str(cell), floats[cell]))
        assert all(sum(a * t for a, t in zip(n, point, strict=True)) < b for n, b in region.rows)
        _, pieces, ties = oracle_program.run(value, region.embed(point))
        assert pieces == pattern
        assert {i for i, tie in enumerate(ties) if tie} == expected.flat[pattern]
    if head["facets"]:
        starts = [v for (v,) in struct.iter_unpack("<q", blocks["FPTR"])]
        across = [v for (v,) in struct.iter_unpack("<q", blocks["EDGE"])]
        labels = [v for (v,) in struct.iter_unpack("<q", blocks["REGI"])]
        pairs = [(a, across[f]) for a in range(len(patterns)) for f in range(starts[a], starts[a + 1])]
        edges = {frozenset((patterns[a], patterns[b])) for a, b in pairs}
        assert edges == expected.edges
        assert len(pairs) == len(set(pairs)) == 2 * len(edges) == done["facets"] == 2 * done["edges"]
        assert len(set(labels)) == expected.linear_regions == done["linear_regions"]
        joined = [e for e in expected.edges if len({expected.maps[p] for p in e}) == 1]
        label = dict(zip(patterns, labels, strict=True))
        assert all(len({label[p] for p in e}) == 1 for e in joined)
        assert connected_parts(expected.cells, joined) == expected.linear_regions


def accepted(data: bytes) -> bool:
    try:
        check_bytes(data)
    except (Rejected, Unreadable):
        return False
    says_the_truth(data)
    return True


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("base", BASES)
def test_proofs_say_the_truth(base, style):
    assert accepted(written(base, style).to_bytes())


bases = st.tuples(st.sampled_from(sorted(BASES)), st.sampled_from(sorted(STYLES)))
SMALL_CODES = st.one_of(st.integers(-2, 21), st.integers(-(2**15), 2**15 - 1))
BIG_NUMBERS = st.one_of(st.integers(-3, 3), st.integers())


@st.composite
def changed_numbers(draw, values: list, fresh: st.SearchStrategy) -> list:
    """One number of a list changed, removed, repeated, or two exchanged."""
    assume(values)
    i, j = draw(st.integers(0, len(values) - 1)), draw(st.integers(0, len(values) - 1))
    result = list(values)
    match draw(st.sampled_from(["nudge", "fresh", "negate", "exchange", "remove", "repeat"])):
        case "nudge":
            result[i] += draw(st.sampled_from([1, -1])) * (2.0**-40 if isinstance(result[i], float) else 1)
        case "fresh":
            result[i] = draw(fresh)
        case "negate":
            result[i] = -result[i]
        case "exchange":
            result[i], result[j] = result[j], result[i]
        case "remove":
            del result[i]
        case "repeat":
            result.insert(j, result[i])
    return result


@st.composite
def mutations(draw, proof: Proof) -> Proof:
    """A proof with one thing changed; counts of the tables are left to be wrong."""
    p = proof.copy()
    kind = draw(st.sampled_from(["codes", "numbers", "implied", "records", "table", "witness", "counts"]))
    which = draw(st.integers(0, len(p.records) - 1))
    codes, reals, bigs = p.records[which]
    if kind == "codes":
        codes[:] = draw(changed_numbers(codes, SMALL_CODES).filter(in_range(-(2**15), 2**15 - 1)))
    elif kind == "numbers" and reals:
        reals[:] = draw(changed_numbers(reals, st.floats()))
    elif kind == "numbers":
        bigs[:] = draw(changed_numbers(bigs, BIG_NUMBERS))
    elif kind == "implied":
        p.records[which] = draw(respelled(p.records[which]))
    elif kind == "records":
        p.records[:] = draw(changed_records(p.records))
    elif kind == "table":
        name = draw(st.sampled_from(["across", "patterns", "facet_starts", "facet_bits", "regions"]))
        limits = in_range(0, 2**31 - 1) if name == "patterns" else in_range(-(2**31), 2**31 - 1)
        setattr(p, name, draw(changed_numbers(getattr(p, name), st.integers(0, 20)).filter(limits)))
    elif kind == "witness":
        move(draw, p)
    else:
        field = draw(st.sampled_from(sorted(p.counts)))
        p.counts[field] = draw(st.one_of(st.none(), st.integers(0, 30)))
        if field in p.stat:
            p.stat[field] = p.counts[field]
    return p


@st.composite
def respelled(draw, old: tuple) -> tuple:
    """A DROP or PRUNE whose multipliers are implied instead of stated, or stated instead of implied."""
    code, *codes = old[0]
    assume(code in (1, 2, 4, 5, 14, 15))
    kind, named = (1, 2) if code in (1, 2, 14) else (4, 1)
    if code < 14:
        rows = draw(st.one_of(st.just(codes[named + 1 :]), st.lists(st.integers(0, 9), max_size=3)))
        return [14 if kind == 1 else 15, *codes[:named], len(rows), *rows], [], []
    count = len(codes) - named
    numbers = draw(st.lists(st.integers(-1, 5), min_size=count, max_size=count))
    if draw(st.booleans()):
        return [kind + 1, *codes], [], numbers
    return [kind, *codes], [float(value) for value in numbers], []


def in_range(low: int, high: int):
    return lambda values: all(low <= v <= high for v in values)


@st.composite
def changed_records(draw, records: list) -> list:
    i, j = draw(st.integers(0, len(records) - 1)), draw(st.integers(0, len(records) - 1))
    result = list(records)
    match draw(st.sampled_from(["remove", "repeat", "exchange", "overwrite"])):
        case "remove":
            del result[i]
        case "repeat":
            result.insert(j, result[i])
        case "exchange":
            result[i], result[j] = result[j], result[i]
        case "overwrite":
            result[i] = result[j]
    return result


def move(draw, p: Proof) -> None:
    """Move a witness wherever it stands."""
    cells = [r for r in p.records if r[0][0] in (6, 7)]
    cell = draw(st.integers(0, len(cells) - 1))
    codes, reals, bigs = cells[cell]
    point = [draw(st.fractions(min_value=-1, max_value=1, max_denominator=64)) for _ in p.witnesses[cell]]
    p.witnesses[cell] = [float(c) for c in point]
    if codes[0] == 6:
        reals[:] = p.witnesses[cell]
    else:
        p.exact_points[str(cell)] = [str(c) for c in point]
        common = checker.common_denominator(point)
        bigs[:] = [*checker.numerators(point, common), common]


@settings(max_examples=examples(400), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), bases)
def test_mutations(data, base):
    """Checksums are right, so it is the proof that must fail, or hold."""
    accepted(data.draw(mutations(written(*base))).to_bytes())


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), bases)
def test_mutated_bytes(data, base):
    """Any byte of any block, the head too, under right checksums."""
    proof = written(*base)
    blocks = proof.blocks()
    index = data.draw(st.sampled_from([i for i, (_, payload) in enumerate(blocks) if payload]))
    tag, payload = blocks[index]
    position = data.draw(st.integers(0, len(payload) - 1))
    fresh = bytes([data.draw(st.one_of(st.sampled_from(b"0123456789-. "), st.integers(0, 255)))])
    blocks[index] = (tag, payload[:position] + fresh + payload[position + 1 :])
    accepted(assemble(blocks, proof.counts))


ENTRIES = st.one_of(st.integers(-3, 3), st.integers(-3, 3), st.integers())


@st.composite
def square_systems(draw) -> tuple[list[int], list[list[int]]]:
    """A goal and as many rows as it has entries; often some rows depend on others, or the goal is zero."""
    size = draw(st.integers(1, 4))
    vectors = st.lists(ENTRIES, min_size=size, max_size=size)
    goal, rows = draw(vectors), draw(st.lists(vectors, min_size=size, max_size=size))
    kind = draw(st.sampled_from(["free", "free", "combination", "zero row", "column", "zero goal"]))
    at, a, b = draw(st.integers(0, size - 1)), draw(ENTRIES), draw(ENTRIES)
    if kind == "combination":
        others = [row for i, row in enumerate(rows) if i != at] + [[0] * size] * 2
        rows[at] = [a * x + b * y for x, y in zip(others[0], others[1], strict=True)]
    elif kind == "zero row":
        rows[at] = [0] * size
    elif kind == "column":
        rows = [[*row[:at], a * row[0] if at else 0, *row[at + 1 :]] for row in rows]
    elif kind == "zero goal":
        goal = [0] * size
    return goal, rows


@settings(max_examples=examples(500), deadline=None)
@given(square_systems())
def test_cancelling(system):
    """Against elimination with fractions."""
    goal, rows = system
    columns = [Fraction(c) for c in goal], [[Fraction(row[j]) for row in rows] for j in range(len(goal))]
    expected = solve([[*column, -c] for c, column in zip(*columns, strict=True)])
    found = checker.cancelling(goal, rows)

    assert (found is None) == (expected is None)
    if found is not None:
        assert found[0] > 0 and all(type(w) is int for w in found)
        assert [Fraction(w, found[0]) for w in found[1:]] == expected
        assert all(sum(map(mul, found, column)) == 0 for column in zip(goal, *rows, strict=True))


@settings(max_examples=examples(100), deadline=None)
@given(square_systems(), st.data())
def test_cancelling_with_more_or_fewer_rows_than_coefficients(system, data):
    goal, rows = system

    assert checker.cancelling(goal, [*rows, data.draw(st.sampled_from(rows))]) is None
    some, factors = rows[1:], [data.draw(ENTRIES) for _ in rows[1:]]
    made = [-sum(map(mul, factors, column)) for column in zip(*some, strict=True)] or [0] * len(goal)
    found = checker.cancelling(made, some)
    is_dependent = checker.cancelling(goal, some) is None
    assert (found is None) == is_dependent == (rank_of(some) < len(some))
    if found is not None:
        assert [Fraction(w, found[0]) for w in found[1:]] == factors


def rank_of(rows: list[list[int]]) -> int:
    """By the largest minor that is not zero."""
    for size in range(len(rows), 0, -1):
        for chosen in combinations(rows, size):
            for columns in combinations(range(len(rows[0])), size):
                if checker.determinant([[row[j] for j in columns] for row in chosen]):
                    return size
    return 0


implied_bases = st.tuples(st.sampled_from(sorted(BASES)), st.sampled_from(["implied", "implied_and_pruned"]))


@settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), implied_bases)
def test_implied_multipliers_are_added_up_again(data, base):
    """Whatever the elimination returns, nothing false is accepted."""

    def lie(_, rows):
        return data.draw(st.lists(st.integers(-2, 4), min_size=len(rows) + 1, max_size=len(rows) + 1))

    proof = data.draw(st.one_of(st.just(written(*base)), mutations(written(*base))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checker, "cancelling", lie)
        accepted(proof.to_bytes())


def test_moved_witness_is_accepted():
    """Not every change is wrong: another point of the same cell is as good."""
    proof = written("dead").copy()
    move_witness(proof, 0, [c + 2.0**-20 for c in proof.witnesses[0]])

    assert accepted(proof.to_bytes())


def test_weight_that_changes_no_answer_is_accepted():
    """A proof may serve another network, if it is one for it, too."""
    proof = written("dead").copy()

    proof.head["network"]["layers"][2] = linear([[2, -2, 1]], [1])
    assert accepted(proof.to_bytes())
    proof.head["network"]["layers"][2] = linear([[2, -2, 1]], [-1])
    assert not accepted(proof.to_bytes())


# --------------------------------------------------------------------------------------------- the program


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-I", "-S", str(CHECKER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_program(tmp_path):
    data = written("maxout").to_bytes()
    (tmp_path / "good.cpa").write_bytes(data)
    (tmp_path / "bad.cpa").write_bytes(data[:-1])
    (tmp_path / "other.cpa").write_bytes(b"other")

    good, bad = run(str(tmp_path / "good.cpa"), "--json"), run(str(tmp_path / "bad.cpa"), "--json")
    assert (good.returncode, bad.returncode) == (0, 1)
    assert json.loads(good.stdout)["verdict"] == "proved" and json.loads(good.stdout)["cells"] == 3
    assert json.loads(bad.stdout)["verdict"] == "rejected" and good.stderr == bad.stderr == ""
    assert run(str(tmp_path / "good.cpa")).stdout.startswith("proved: 3 cells")
    assert run(str(tmp_path / "bad.cpa")).stdout.startswith("rejected: ")
    for arguments in (["other.cpa"], ["missing.cpa"], ["."], [], ["good.cpa", "x"]):
        paths = [str(tmp_path / argument) for argument in arguments]
        misuse = run(*paths)
        assert (misuse.returncode, misuse.stdout) == (2, ""), arguments
        assert "Traceback" not in misuse.stderr


def test_program_without_isolation(tmp_path):
    """`numbers.py` beside the checker is not taken for the standard library's."""
    (tmp_path / "good.cpa").write_bytes(written("dead").to_bytes())
    command = [sys.executable, str(CHECKER), str(tmp_path / "good.cpa")]

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_check_reports_progress(tmp_path):
    path = tmp_path / "good.cpa"
    path.write_bytes(written("two_layers").to_bytes())
    seen = []

    report = check(path, lambda done, stated: seen.append((done, stated)))

    assert all(done <= stated == report.cells for done, stated in seen)
    for other in (tmp_path, tmp_path / "missing.cpa", str(path) + "\0"):
        with pytest.raises(Unreadable, match="cannot read"):
            check(other)


def test_deep_nesting_is_no_crash():
    layers = [RELU]
    for _ in range(300):
        layers = [{"type": "residual", "layers": layers}]
    changed = written("two_layers").copy()
    changed.head["network"] = network(2, *layers)

    reject_reason(changed.to_bytes())


def test_checker_has_no_assert():
    """They vanish under -O."""
    tree = ast.parse(CHECKER.read_text(encoding="utf-8"))

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
