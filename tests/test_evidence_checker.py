"""Evidence of every kind, made by hand; tampered copies are rejected.

The network: u = relu(x), v = relu(x + y - 1), outputs (u + v, 1) on the square [-1, 2] x [-1, 2].  Bit 0 is x >= 0,
bit 1 is x + y >= 1.  Rows of the domain: -1 is 2 - x, -2 is 2 - y, -3 is x + 1, -4 is y + 1.
"""

import base64
import copy
import json
import subprocess
import sys
from fractions import Fraction
from hashlib import sha256
from operator import mul
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from network_strategies import networks
from sparing import examples

from exactcpa import evidence_checker
from exactcpa.domain import Box
from exactcpa.domain import to_json as domain_to_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.evidence_checker import Question, Rejected, Unreadable, check_document, volume
from exactcpa.network_file import from_json, to_json
from exactcpa.point_margins import margin

NETWORK = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 2,
    "layers": [
        {"type": "linear", "weight": [[1, 0], [1, 1]], "bias": [0, -1]},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1], [0, 0]], "bias": [0, 1]},
    ],
}
DOMAIN = {"type": "box", "lower": [-1, -1], "upper": [2, 2]}
NORMALISED = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 1,
    "layers": [
        {"type": "linear", "weight": [[2], [1]], "bias": [0, 1]},
        {"type": "batchnorm", "gamma": [1, 1], "beta": [0, 0], "epsilon": 1, "pixels": 1},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1]], "bias": [0]},
    ],
}

# kind -> evidence, and how to spoil it: (path into it, wrong value)
EVIDENCE = {
    "point": (
        {"point": [1, 1], "pattern": [1, 1]},
        [("point", [1, 0]), ("point", [2, 1]), ("point", [3, 3]), ("pattern", [1, 0]), ("pattern", [1])],
    ),
    "points": (
        {"points": [[1, 1], [-0.5, 0]], "patterns": [[1, 1], [0, 0]]},
        [("points", [[1, 1], [0, 0]]), ("patterns", [[1, 1], [1, 1]]), ("points", [[1, 1]])],
    ),
    "facet": (
        {"patterns": [[0, 0], [1, 0]], "point": [0, 0]},
        [("point", [0, 1]), ("point", [1, 0]), ("patterns", [[0, 0], [0, 1]]), ("point", [0, -1])],
    ),
    # (0, 0) is x <= 0, x + y <= 1, and (1, 1) is x >= 0, x + y >= 1: they meet in (0, 1) alone.
    "not_adjacent": (
        {
            "patterns": [[0, 0], [1, 1]],
            "certificates": [[[0, 0, 1], [1, 0, 1]], [[0, 1, 1], [1, 1, 1]]],
        },
        [
            ("certificates", [[[0, 0, 1], [1, 0, 1]]]),
            ("certificates", [[[0, 0, 1], [1, 0, 2]], [[0, 1, 1], [1, 1, 1]]]),
            ("certificates", [[[0, 0, -1], [1, 0, -1]], [[0, 1, 1], [1, 1, 1]]]),
            ("patterns", [[0, 0], [0, 1]]),
        ],
    ),
    "map": (
        {"pattern": [1, 1], "matrix": [[2, 1], [0, 0]], "shift": [-1, 1]},
        [("matrix", [[2, 1], [0, 1]]), ("shift", [-1, 2]), ("pattern", [0, 1])],
    ),
    "value": (
        {"point": [1, 1], "output": 0, "value": 2},
        [("value", 3), ("point", [1, 0]), ("output", 1), ("output", 2)],
    ),
    "value of a unit": (
        {"point": [0, 0], "unit": [0, 1], "value": -1},
        [("value", 0), ("unit", [0, 0]), ("unit", [1, 0])],
    ),
    "inside": (
        {"point": [0.5, 0.5], "polygon": [[0, 0], [2, 0], [0, 2]]},
        [
            ("point", [1, 1]),
            ("polygon", [[0, 0], [2, 0], [2, 2], [1.5, 1]]),
            ("polygon", [[0, 0], [1, 1], [2, 2]]),
        ],
    ),
    "inside rows": ({"point": [0.5, 0.5], "rows": [[1, 1, 2]]}, [("rows", [[1, 1, 1]])]),
    "outside": (
        {"point": [1, 2], "polygon": [[0, 2], [2, 0], [0, 0]]},
        [("point", [1, 1]), ("point", [0, 1])],
    ),
    # from (1, 1) to the line x + y = 1
    "reach": (
        {
            "point": [1, 1],
            "nearest": [0.5, 0.5],
            "norm": "2",
            "value": 0.5,
            "tie": {"unit": [0, 1], "breakpoint": 0},
        },
        [
            ("value", 0.25),
            ("nearest", [0.5, 0.25]),
            ("norm", "1"),
            ("tie", {"unit": [0, 0], "breakpoint": 0}),
        ],
    ),
    # u + v = 2 x + y - 1 >= 1 at (0.5, 1)
    "reach of an output": (
        {"point": [0, 0], "nearest": [0.5, 1], "norm": "inf", "value": 1, "tie": {"outputs": [0, 1]}},
        [("tie", {"output": 0, "threshold": 2}), ("nearest", [0.5, 0]), ("value", 2)],
    ),
    "ball": (
        {"point": [1, 1], "norm": "2", "value": 0.5, "pattern": [1, 1], "walls": {}},
        [("value", 0.75), ("pattern", [1, 0]), ("norm", "3"), ("value", None), ("point", [1, 0])],
    ),
    # the cell x >= 0, x + y <= 1: f_0 - f_1 = x - 1 there; at (0, -1): -1 plus slacks 0
    "apart": (
        {
            "point": [0, -1],
            "norm": "inf",
            "value": 1,
            "pattern": [1, 0],
            "tie": {"outputs": [0, 1]},
            "theta": 1,
            "multipliers": [],
        },
        [("value", 2), ("theta", -1), ("theta", 0), ("pattern", [2, 0]), ("multipliers", [[-4, 1], [-2, 1]])],
    ),
    # u from 0 to 2, v from 0 to 3
    "enclosed": (
        {"bounds": [[0, 0, 5], [1, 1, None]], "box": {"lower": [-1, -1], "upper": [2, 2]}},
        [
            ("bounds", [[0, 0, "4.999"]]),
            ("bounds", [[0, "1/1000", 5]]),
            ("bounds", [[2, 0, 5]]),
            ("box", {"lower": [-1, -1], "upper": [2, "2.001"]}),
            ("box", {"lower": [-1, 3], "upper": [2, 2]}),
            ("box", {"lower": [-1], "upper": [2]}),
        ],
    ),
    "enclosed before a layer": (
        {"bounds": [[0, 0, 1]], "box": {"lower": [0, 0], "upper": [1, 1]}, "layer": 0},
        [("bounds", [[0, 0, "1/2"]]), ("layer", 1), ("bounds", [[1, 0, 1]])],
    ),
    "volume": (
        {"pattern": [0, 0], "value": Fraction(5, 2)},
        [("value", 2), ("pattern", [0, 1])],
    ),
    # class 0 wins where 2 x + y >= 2; the triangle (0, 1), (1, 0), (0, 2) of the cell is left to class 1
    "volume of a class": (
        {"pattern": [1, 1], "class": 0, "value": 3.5},
        [("class", 1), ("value", 4), ("pattern", [1, 0])],
    ),
    "volume of the domain": ({"value": 9}, [("value", 8)]),
    "centroid": (
        {"points": [[1, 0], [2, 2]], "layer": 0, "value": [1.5, 1]},
        [("value", [1.5, 1.5]), ("layer", 1), ("points", [[1, 0]])],
    ),
    # x + y - 1 is 0 and 3: mean 3/2, mean square 9/2, |w|^2 = 2
    "placement": (
        {
            "points": [[1, 0], [2, 2]],
            "unit": [0, 1],
            "breakpoint": 0,
            "bias": -1,
            "offset": 1.5,
            "norm_squared": 2,
            "mean_squared": 2.25,
            "optimum": 1.125,
        },
        [
            ("offset", 1),
            ("optimum", 1),
            ("bias", 0),
            ("mean_squared", 9),
            ("norm_squared", 1),
            ("unit", [0, 0]),
        ],
    ),
}


NUMBER = st.fractions(-3, 3, max_denominator=7)


def plain(value):
    """Fractions as text."""
    return json.loads(json.dumps(value, default=str))


def documented(items, network=NETWORK, domain=DOMAIN):
    return {
        "format": "exactcpa-evidence",
        "version": 1,
        "network": network,
        "domain": domain,
        "evidence": items,
    }


def item_of(name):
    return plain({"kind": name.split()[0], **EVIDENCE[name][0]})


@pytest.fixture(scope="module")
def question():
    return Question(NETWORK, DOMAIN)


@pytest.mark.parametrize("name", EVIDENCE)
def test_holds(name, question):
    assert question.check(item_of(name))


@pytest.mark.parametrize(
    ("name", "field", "value"), [(name, *spoilt) for name, (_, all_) in EVIDENCE.items() for spoilt in all_]
)
def test_spoilt_is_rejected(name, field, value, question):
    with pytest.raises(Rejected):
        question.check({**item_of(name), field: plain(value)})


@pytest.mark.parametrize("name", EVIDENCE)
def test_field_missing_or_too_much_is_rejected(name, question):
    item = item_of(name)
    for field in item:
        with pytest.raises(Rejected):
            question.check(
                {key: value for key, value in item.items() if key != field} if field != "pattern" else {}
            )
    with pytest.raises(Rejected):
        question.check({**item, "surplus": 1})


def test_empty():
    narrow = Question(NETWORK, {"type": "box", "lower": [-1, -1], "upper": [0, 1]})
    # Pattern (1, 0): x >= 0, but the domain has x <= 0: x + (0 - x) = 0.
    good = {"kind": "empty", "pattern": [1, 0], "multipliers": [[0, 1], [-1, 1]]}
    assert narrow.check(good)
    # Pattern (0, 1): x + y >= 1 and x <= 0, y <= 1: (x + y - 1) + (0 - x) + (1 - y) = 0.
    assert narrow.check({"kind": "empty", "pattern": [0, 1], "multipliers": [[1, 1], [-1, 1], [-2, 1]]})
    for multipliers in (
        [[0, 1]],
        [[0, 2], [-1, 1]],
        [[0, -1], [-1, -1]],
        [],
        [[0, 1], [-1, 1], [-3, 1]],
        [[9, 1]],
    ):
        with pytest.raises(Rejected):
            narrow.check({**good, "multipliers": multipliers})


def test_empty_by_the_convention():
    """A unit that is zero everywhere has the upper piece: its lower piece is empty, by its own slack."""
    flat = {**NETWORK, "layers": [{"type": "linear", "weight": [[0, 0]], "bias": [0]}, {"type": "relu"}]}
    question = Question(flat, DOMAIN)
    assert question.check({"kind": "empty", "pattern": [0], "multipliers": [[0, 1]]})
    assert question.check({"kind": "point", "point": [0, 0], "pattern": [1]})
    with pytest.raises(Rejected):
        question.check({"kind": "empty", "pattern": [1], "multipliers": [[0, 1]]})


def test_ball_that_needs_a_wall():
    """From (-0.5, 0) the line x + y = 1 of the cell x <= 0 is nearer than where it enters the domain x <= 0.25."""
    question = Question(NETWORK, {"type": "box", "lower": [-1, -1], "upper": ["1/4", 0.5]})
    item = {"kind": "ball", "point": [-0.5, 0], "norm": "inf", "pattern": [0, 0], "value": 0.5, "walls": {}}
    assert question.check(item)
    # x + y <= 3/4 < 1 on the whole domain: -(1 - x - y) + (1/4 - x) + (1/2 - y) = -1/4
    walls = {"1": [[0, 1], [1, 1]]}
    assert question.check({**item, "walls": walls})
    for spoilt in (
        {"walls": {"1": [[0, 2], [1, 1]]}},
        {"value": 0.625, "walls": walls},
        {"walls": {"1": [[-1, 1]]}},
    ):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})


def test_apart_by_rows_of_the_cell():
    """On the cell x >= 0, x + y <= 1, f_0 - f_1 = x - 1 >= 0 only at x = 1, y <= 0: no tie on y >= 1/2."""
    question = Question(NETWORK, {"type": "box", "lower": [-1, 0.5], "upper": [2, 2]})
    item = {
        "kind": "apart", "point": [0, 0.5], "norm": "1", "value": None, "pattern": [1, 0],
        "tie": {"outputs": [0, 1]}, "theta": 1, "multipliers": [[1, 1], [-4, 1]],
    }  # fmt: skip
    assert question.check(item)  # (x - 1) + (1 - x - y) + (y - 1/2) = -1/2
    for spoilt in (
        {"multipliers": [[1, 1]]},
        {"theta": 2},
        {"tie": None},
        {"multipliers": [[1, 1], [-4, -1]]},
    ):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})


def test_statistics():
    """2 x and x + 1 at x = 0, 1, 3: means 8/3 and 7/3, variances 56/9 and 14/9."""
    item = {"kind": "statistics", "points": [[0], [1], [3]], "layer": 1, "mean": ["8/3", "7/3"]}
    item["variance"] = ["56/9", "14/9"]
    frozen = {
        "type": "batchnorm",
        "mean": [0, 0],
        "variance": [1, 1],
        "gamma": [1, 1],
        "beta": [0, 0],
        "epsilon": 1,
    }
    layers = [NORMALISED["layers"][0], frozen, *NORMALISED["layers"][2:]]
    question = Question({**NORMALISED, "layers": layers}, {"type": "box", "lower": [0], "upper": [1]})
    assert question.check(item)
    assert question.check({**item, "variance": None})
    for spoilt in ({"mean": [3, "7/3"]}, {"variance": ["56/9", 2]}, {"layer": 0}, {"points": [[0], [1]]}):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})


def file_item(tmp_path, name, network, box, **fields):
    path = tmp_path / "proof.cpa"
    part = enumerate_cells(from_json(network), Box(*box), proof=path)
    data = path.read_bytes()
    return part, {"kind": name, "file": "proof.cpa", "sha256": sha256(data).hexdigest(), **fields}


def test_proof(tmp_path):
    part, item = file_item(tmp_path, "proof", NETWORK, ([-1, -1], [2, 2]), cells=4)
    question = Question(NETWORK, DOMAIN, tmp_path)
    assert len(part) == 4
    assert question.check(item)
    data = (tmp_path / "proof.cpa").read_bytes()
    inline = {key: value for key, value in item.items() if key != "file"}
    assert question.check({**inline, "base64": base64.b64encode(data).decode()})
    for spoilt in ({"cells": 5}, {"sha256": "0" * 64}, {"file": "none.cpa"}, {"edges": 5}, {"surplus": 1}):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})
    with pytest.raises(Rejected, match="another network"):
        Question({**NETWORK, "layers": NETWORK["layers"][:2]}, DOMAIN, tmp_path).check(item)
    with pytest.raises(Rejected, match="another domain"):
        Question(NETWORK, {**DOMAIN, "upper": [2, 3]}, tmp_path).check(item)
    assert Question(NETWORK, {**DOMAIN, "upper": [2, 3]}, tmp_path).check({**item, "domain": DOMAIN})


def test_constant(tmp_path):
    domain = {"type": "box", "lower": [0.5, -1], "upper": [2, 2]}
    _, item = file_item(
        tmp_path, "constant", NETWORK, ([0.5, -1], [2, 2]), domain=domain, unit=[0, 0], pieces=[1]
    )
    question = Question(NETWORK, DOMAIN, tmp_path)
    assert question.check(item)
    for spoilt in ({"pieces": [0]}, {"unit": [0, 1]}, {"domain": DOMAIN}, {"unit": [0, 2]}):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})
    assert question.check({**item, "unit": [0, 1], "pieces": [0, 1]})


@pytest.mark.parametrize(("fields", "index", "low", "high"), [({}, 0, 0, 5), ({"layer": 0}, 1, -3, 3)])
def test_bounded(tmp_path, fields, index, low, high):
    """Outputs: u + v from 0 to 2 + 3; x + y - 1 from -3 to 3.  Tight bounds hold, tighter ones are refuted."""
    question = Question(NETWORK, DOMAIN, tmp_path)
    for lower, upper, is_true in ((low, high, True), (low + 0.5, high, False), (None, high - 0.5, False)):
        stated = {**fields, "bounds": [[index, lower, upper], [index, None, 7]]}
        ended = evidence_checker.ended_network(NETWORK, stated)
        _, item = file_item(tmp_path, "bounded", ended, ([-1, -1], [2, 2]), **stated)
        if is_true:
            assert question.check(item)
            with pytest.raises(Rejected, match="another network"):
                question.check({**item, "bounds": [[index, lower, upper - 1], [index, None, 7]]})
        else:
            with pytest.raises(Rejected, match="exceeded"):
                question.check(item)


@pytest.mark.parametrize("norm", ["1", "2", "inf"])
def test_margin(tmp_path, norm):
    """Output 0 reaches output 1 where 2 x + y - 1 >= 1 (or x >= 1 below); from (0.25, 0.25) that is ahead."""
    path = tmp_path / "margin.cpa"
    domain = Box([-1, -1], [2, 2])
    found = margin(from_json(NETWORK), [0.25, 0.25], domain, norm=norm, certificate=path)
    question = Question(NETWORK, DOMAIN, tmp_path)
    item = {"kind": "margin", "file": "margin.cpa", "sha256": sha256(path.read_bytes()).hexdigest()}
    item |= {"point": [0.25, 0.25], "norm": norm, "value": str(found.value)}
    assert question.check(item)
    for spoilt in ({"value": "1/7"}, {"value": None}, {"point": [0, 0]}, {"norm": "3"}):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})


def test_margin_of_a_unit(tmp_path):
    """The line x + y = 1 from (1, 1), in l2: 1/2 is the square."""
    path = tmp_path / "margin.cpa"
    cut = evidence_checker.cut_network(NETWORK, [0, 1])
    found = margin(from_json(cut), [1, 1], Box([-1, -1], [2, 2]), certificate=path)
    assert found.value == Fraction(1, 2)
    question = Question(NETWORK, DOMAIN, tmp_path)
    item = {"kind": "margin", "file": "margin.cpa", "sha256": sha256(path.read_bytes()).hexdigest()}
    item |= {"point": [1, 1], "norm": "2", "value": 0.5, "unit": [0, 1], "breakpoint": 0}
    assert question.check(item)
    for spoilt in ({"unit": [0, 0]}, {"breakpoint": 1}, {"value": 0.25}):
        with pytest.raises(Rejected):
            question.check({**item, **spoilt})


def test_maxima():
    """max(x, y, 0): piece 2 is 0.  The tie of x and 0 is no facet of the cell where y wins."""
    layers = [
        {"type": "linear", "weight": [[1, 0], [0, 1], [0, 0]], "bias": [0, 0, 0]},
        {"type": "maxout", "size": 3},
    ]
    question = Question({**NETWORK, "layers": layers}, DOMAIN)
    assert question.check({"kind": "point", "point": [1, 0.5], "pattern": [0]})
    assert question.check({"kind": "facet", "point": [1, 1], "patterns": [[0], [1]]})
    with pytest.raises(Rejected):
        question.check({"kind": "facet", "point": [0, 0], "patterns": [[0], [1]]})
    assert question.check({"kind": "map", "pattern": [1], "matrix": [[0, 1]], "shift": [0]})
    positive = Question({**NETWORK, "layers": layers}, {"type": "box", "lower": [1, 0], "upper": [2, 1]})
    # piece 2: slacks 0 - x (bit 0) and 0 - y (bit 1), and x >= 1 (row 2): -x + (x - 1) = -1
    assert positive.check({"kind": "empty", "pattern": [2], "multipliers": [[0, 1], [-3, 1]]})
    with pytest.raises(Rejected):
        positive.check({"kind": "empty", "pattern": [2], "multipliers": [[2, 1], [-3, 1]]})


@pytest.mark.parametrize(
    ("dimension", "rows", "expected"),
    [
        (1, [(1, 0), (-1, 3)], 3),
        (2, [(1, 0, 0), (0, 1, 0), (-1, -1, 1)], Fraction(1, 2)),
        (3, [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (-1, -1, -1, 1)], Fraction(1, 6)),
        (2, [(1, 0, -1), (-1, 0, 3), (0, 1, -1), (0, -1, 2), (1, 1, 0), (2, 0, -2)], 2),
        (2, [(1, 0, -1), (-1, 0, 0), (0, 1, 0), (0, -1, 1)], 0),
        (
            3,
            [
                (1, 0, 0, 1),
                (-1, 0, 0, 1),
                (0, 1, 0, 1),
                (0, -1, 0, 1),
                (0, 0, 1, 1),
                (0, 0, -1, 1),
                (1, 1, 1, 0),
            ],
            4,
        ),
    ],
)
def test_volume(dimension, rows, expected):
    exact = [tuple(map(Fraction, row)) for row in rows]

    assert volume(exact, dimension) == expected


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(networks(most=4), st.data())
def test_enclosures_hold(net, data):
    """At corners and other points of a box every output is between its two functions, and these in its range."""
    try:
        ended = to_json(net)
        question = Question(ended, {"type": "box", "lower": [-9] * net.input, "upper": [9] * net.input})
    except (Rejected, OverflowError):
        assume(False)
    ends = data.draw(st.lists(st.tuples(NUMBER, NUMBER).map(sorted), min_size=net.input, max_size=net.input))
    lower, upper = zip(*ends, strict=True)
    *_, outputs = evidence_checker.enclosures(question.lowered, question.inputs, lower, upper)
    shares = st.sampled_from([Fraction(0), Fraction(1), Fraction(1, 3), Fraction(4, 7)])
    for _ in range(8):
        point = [a + data.draw(shares) * (b - a) for a, b in ends]
        for value, strip in zip(net.forward(point), outputs, strict=True):
            low, high = (sum(map(mul, function, (*point, 1))) for function in (strip.lower, strip.upper))
            assert low <= value * evidence_checker.UNIT <= high
            assert strip.least <= value * evidence_checker.UNIT <= strip.most


def test_document(tmp_path):
    items = [item_of(name) for name in EVIDENCE]
    assert len(check_document(documented(items))) == len(items)
    spoilt = copy.deepcopy(items)
    spoilt[3]["certificates"][0][0][2] = 7
    with pytest.raises(Rejected, match="evidence 3: not_adjacent"):
        check_document(documented(spoilt))
    for wrong in ({**documented(items), "version": 2}, [], None, {**documented(items), "format": "x"}):
        with pytest.raises(Unreadable):
            check_document(wrong)
    with pytest.raises(Rejected):
        check_document({**documented(items), "surplus": 1})


def test_runs_alone(tmp_path):
    """Copied with the checker to an empty folder, without site packages."""
    package = Path(evidence_checker.__file__).parent
    for name in ("checker.py", "evidence_checker.py"):
        (tmp_path / name).write_bytes((package / name).read_bytes())
    good, bad = documented([item_of("point")]), documented([{**item_of("point"), "point": [1, 0]}])
    for document, code in ((good, 0), (bad, 1), ({}, 2)):
        (tmp_path / "evidence.json").write_text(json.dumps(document))
        command = [
            sys.executable,
            "-I",
            "-S",
            str(tmp_path / "evidence_checker.py"),
            str(tmp_path / "evidence.json"),
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == code, found.stderr


def test_summary(tmp_path, capsys):
    """A line for every kind of a claim's evidence; a line a piece on demand."""
    items = [{"kind": "number", "name": f"n{k}", "exact": k} for k in range(5)]
    document = documented([item_of("point"), *items]) | {
        "claims": {"all\x1b": [0, 1, 2, 3, 4, 5], "one": [0], "no": []}
    }
    found = check_document(document)
    assert evidence_checker.summary(document, found) == [
        "all\\x1b: 6 pieces:",
        "  point: the pattern is a cell",
        "  number, 5 times: 'n0' is stated to be 0: not proved; 'n1' is stated to be 1: not proved; "
        "'n2' is stated to be 2: not proved; and 2 others",
        "one: 1 piece:",
        "  point: the pattern is a cell",
        "no: 0 pieces",
    ]
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(document))
    for words, lines in (([str(path)], 7), (["--all", str(path)], 7), (["--all"], 0)):
        assert evidence_checker.main(words) == (0 if lines else 2)
        assert len(capsys.readouterr().out.splitlines()) == lines
    for words, code, end in (
        (["--help"], 0, ""),
        ([], 2, "the following arguments are required: file\n"),
        ([str(path)] * 2, 2, f"unrecognized arguments: {path}\n"),
    ):
        assert evidence_checker.main(words) == code
        out, err = capsys.readouterr()
        assert err.endswith(end)
        assert bool(out) == (code == 0)
    del document["claims"]
    assert len(evidence_checker.summary(document, found)) == 2
    for wrong in ({"a": [6]}, {"a": [True]}, {"a": 1}, [0]):
        with pytest.raises(Rejected, match="claims"):
            check_document(document | {"claims": wrong})


def test_summary_of_one(tmp_path, capsys):
    """One piece, one sentence left over: in the singular."""
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(documented([item_of("point")])))
    assert evidence_checker.main([str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: 1 piece of evidence holds\n")

    document = documented([{"kind": "number", "name": f"n{k}", "exact": k} for k in range(4)])
    (line,) = evidence_checker.summary(document, check_document(document))
    assert line.endswith("; and 1 other")


def test_summary_of_volumes():
    """Volumes of cells are added up, that of the domain is told apart."""
    domain = {"type": "box", "lower": [0], "upper": [1]}
    line = {
        "format": "exactcpa-network",
        "version": 1,
        "input": 1,
        "layers": [{"type": "linear", "weight": [[1]], "bias": ["-1/3"]}, {"type": "relu"}],
    }
    items = [{"kind": "volume", "pattern": [k], "value": v} for k, v in ((0, "1/3"), (1, "2/3"))]
    document = {
        "format": "exactcpa-evidence",
        "version": 1,
        "network": line,
        "domain": domain,
        "evidence": [*items, {"kind": "volume", "value": 1}],
    }
    assert evidence_checker.summary(document, check_document(document)) == [
        "volume, 2 times: the volumes are 1 together, 2/3 at most",
        "volume of the domain: the volume is 1",
    ]
    items[0]["value"] = "1/2"
    with pytest.raises(Rejected, match="evidence 0: volume: the volume is another one"):
        check_document(document)


def test_slice():
    domain = {
        "type": "slice",
        "origin": [0, 0],
        "basis": [[1], [1]],
        "within": {"type": "box", "lower": [-1], "upper": [1]},
    }
    question = Question(NETWORK, domain)
    assert question.check({"kind": "point", "point": [0.75], "pattern": [1, 1]})
    assert question.check({"kind": "volume", "pattern": [1, 1], "value": 0.5})
    assert domain_to_json(Box([0], [1]))["type"] == "box"
