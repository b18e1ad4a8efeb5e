"""Margins in .cpa files: the checker accepts those that are true and proved, and rejects every other.

By hand first; then those of `margin_writer`, whose values are `margin_oracle`'s; then the engine's own.
"""

import json
import re
from copy import deepcopy
from dataclasses import asdict
from fractions import Fraction
from functools import cache

import margin_cases
import margin_oracle
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from margin_writer import cut, reach_of, write_margin
from proof_writer import Proof, Style, write
from sparing import examples, some
from strategies import cases
from test_checker import (
    CLIPPED,
    MAXOUT,
    RELU,
    SLICE,
    SLICED,
    SQUARE,
    SUM_OF_TWO,
    TRIANGLE,
    TWO_LAYERS,
    linear,
    network,
    reject_reason,
    run,
)

import exactcpa as cpa
from exactcpa import checker
from exactcpa.checker import Rejected, check, check_bytes

NO_FACETS = Style(facets=False)
NORMS = ("1", "2", "inf")

# ---------------------------------------------------------------------------------------------------- by hand

# f_0 = 1 + 2 relu(x - 1) - 5 relu(x - 2), f_1 = 0.  On three cells 1, 2 x - 1 and 9 - 3 x: another class from 3 on.
HILL = network(1, linear([[1], [1]], [-1, -2]), RELU, linear([[2, -5], [0, 0]], [1, 0]))
# f_0 = 1, f_1 = relu(x) + relu(y): another class from x + y = 1 on.
CORNER = network(2, linear([[1, 0], [0, 1]], [0, 0]), RELU, linear([[0, 0], [1, 1]], [1, 0]))
# f_0 = 0, f_1 = x - 1/2, f_2 = -y - 3/4 for x < 1.
THREE_CLASSES = network(2, linear([[0, 0], [1, 0], [0, -1]], [0, -0.5, -0.75]))


def with_margin(net, searched, **claim) -> Proof:
    proof = write(net, searched, NO_FACETS)
    proof.margin = claim
    return proof


def on_line(low, high):
    return {"type": "box", "lower": [low], "upper": [high]}


def hill() -> Proof:
    """From 0 it is 3 to another class.  In cell 1 the tie of 2 x - 1 would be within the ball, but for x >= 1."""
    return with_margin(
        HILL,
        on_line(-3, 3),
        domain=on_line(-4, 5),
        point=[0],
        norm="1",
        weights=[1],
        outputs={"kind": "classes"},
        value=3,
        nearest=[3],
        rival=1,
        cells=[[[1, 1, []]], [[1, 1, [[0, 2]]]], [[1, "1/3", []]]],
        **{"class": 0},
    )


def corner(norm="2", weights=(1, 1), value="1/32", nearest=("3/8", "5/8")) -> Proof:
    """From (1/4, 1/2).  Three quarters of the square have sums -1, y - 1, x - 1; the fourth x + y - 1."""
    return with_margin(
        CORNER,
        SQUARE,
        domain=SQUARE,
        point=[0.25, 0.5],
        norm=norm,
        weights=list(weights),
        outputs={"kind": "classes"},
        value=value,
        nearest=list(nearest),
        rival=1,
        cells=[[[1, 1, []]], [[1, "1/7", []]], [[1, 5, []]], [[1, 2, []]]],
        **{"class": 0},
    )


def margin_of(proof: Proof):
    return check_bytes(proof.to_bytes()).margin


def test_hill_by_hand():
    proof = hill()

    assert proof.patterns == [0b00, 0b01, 0b11]
    margin = margin_of(proof)
    assert (margin.value, margin.nearest, margin.rival, margin.point_class) == (3, (3,), 1, 0)
    assert margin.text == "the l1 distance of (0), class 0, to another class is 3; nearest point (3), class 1"


@pytest.mark.parametrize("norm", NORMS)
def test_norms_agree_on_a_line(norm):
    proof = hill()
    proof.margin |= {"norm": norm, "value": 9 if norm == "2" else 3}

    assert margin_of(proof).norm == norm
    proof.margin |= {"weights": ["3/2"], "value": 4 if norm == "2" else 2}
    assert margin_of(proof).weights == ("3/2",)


@pytest.mark.parametrize(
    ("norm", "weights", "value", "nearest"),
    [
        ("2", (1, 1), "1/32", ("3/8", "5/8")),
        ("1", (1, 1), "1/4", ("1/2", "1/2")),
        ("1", (1, 1), "1/4", ("3/8", "5/8")),
        ("inf", (1, 1), "1/8", ("3/8", "5/8")),
        ("2", (1, 2), "1/80", ("3/10", "7/10")),
        ("1", (1, 2), "1/8", ("1/4", "3/4")),
        ("inf", (1, 2), "1/12", ("1/3", "2/3")),
    ],
)
def test_corner_by_hand(norm, weights, value, nearest):
    """The gap is 1/4, and the dual norm of (1, 1) the root of 2, 1, 2; with weights the root of 5, 2, 3."""
    proof = corner(norm, weights, value, nearest)

    assert (margin_of(proof).value, margin_of(proof).nearest) == (value, nearest)
    for other in {"1/80", "1/13", "1/7", "1/3"} - {value}:
        proof.margin["value"] = other
        assert "its distance is not the value" in reject_reason(proof.to_bytes())


def three_classes() -> Proof:
    """From (0, -1/4): class 1 begins at x = 1/2, class 2 at y = -3/4, both 1/2 away."""
    return with_margin(
        THREE_CLASSES,
        {"type": "box", "lower": ["-1/2", "-3/4"], "upper": [0.5, 0.25]},
        domain=SQUARE,
        point=[0, -0.25],
        norm="2",
        weights=[1, 1],
        outputs={"kind": "classes"},
        value="1/4",
        nearest=[0, -0.75],
        rival=2,
        cells=[[[2, 1, []], [1, 1, []]]],
        **{"class": 0},
    )


def test_three_classes_by_hand():
    proof = three_classes()

    assert margin_of(proof).rival == 2
    proof.margin |= {"nearest": [0.5, -0.25], "rival": 1}
    assert margin_of(proof).rival == 1
    proof.margin |= {"rival": 2}
    assert "output 2 is smaller" in reject_reason(proof.to_bytes())


def level(point, mine, value, nearest) -> Proof:
    """x + y against 1/2, from a point on either side."""
    return with_margin(
        network(2, SUM_OF_TWO),
        SQUARE,
        domain=SQUARE,
        point=point,
        norm="inf",
        weights=[1, 1],
        outputs={"kind": "threshold", "value": "1/2"},
        value=value,
        nearest=nearest,
        rival=1 - mine,
        cells=[[[1 - mine, 1, []]]],
        **{"class": mine},
    )


def test_threshold_by_hand():
    below, above = level([0, 0], 0, 0.25, [0.25, 0.25]), level([1, 0.5], 1, 0.5, [0.5, 0])

    assert "class 0 by the threshold 1/2" in margin_of(below).text
    assert margin_of(above).rival == 0
    for proof in (below, above):
        for outputs in (
            {"kind": "classes"},
            {"kind": "threshold", "value": "3/4"},
            {"kind": "threshold"},
            "x",
            {},
        ):
            tampered = proof.copy()
            tampered.margin["outputs"] = outputs
            reject_reason(tampered.to_bytes())


def test_zero_by_hand():
    """On the boundary, either class is right and no cell is looked at; the partition may be of any domain."""
    proof = level([0, 0.5], 0, 0, [0, 0.5])
    proof.margin["cells"] = []

    assert margin_of(proof).value == 0
    proof.margin |= {"class": 1, "rival": 0}
    assert "is 0; nearest point (0, 1/2), class 0" in margin_of(proof).text
    proof.margin["domain"] = {"type": "box", "lower": [-9, -9], "upper": [9, 9]}
    assert margin_of(proof)
    proof.margin |= {"point": [3, "-5/2"], "nearest": [3, "-5/2"]}
    assert margin_of(proof)
    for change in (
        {"point": [0, 0], "nearest": [0, 0]},
        {"nearest": [0.5, 0]},
        {"cells": [[]]},
        {"value": None},
    ):
        tampered = proof.copy()
        tampered.margin |= change
        reject_reason(tampered.to_bytes())


def steep() -> Proof:
    """max(x + 3, 4 x, -100) is above 0 from 0 down to -3.  Where 4 x wins its tie, 0, is not."""
    net = network(1, linear([[1], [4], [0]], [3, 0, -100]), {"type": "maxout", "size": 3})
    return with_margin(
        net,
        on_line(-3, 3),
        domain=on_line(-4, 4),
        point=[0],
        norm="2",
        weights=[1],
        outputs={"kind": "threshold", "value": 0},
        value=9,
        nearest=[-3],
        rival=0,
        cells=[[[0, 1, []]], [[0, 3, [[0, 4]]]]],
        **{"class": 1},
    )


def test_group_by_hand():
    """The slack of bit 0 where 4 x wins is 3 x - 3; that of bit 2 would be 4 x + 100, that of bit 1 is zero."""
    proof = steep()

    assert proof.patterns == [0b001, 0b010] and margin_of(proof).value == 9
    for multipliers, is_proof in (
        ([[0, 4], [1, 5]], True),
        ([[2, 4]], False),
        ([[1, 4]], False),
        ([], False),
    ):
        proof.margin["cells"][1][0][2] = multipliers
        assert (reason_of(proof) is None) == is_proof


@pytest.mark.parametrize("norm", NORMS)
def test_rejects_a_sum_that_is_zero(norm):
    """x reaches 1 at the domain's end; x - 1 is a proof, and adding 1 - x leaves nothing."""
    proof = with_margin(
        network(1, linear([[1]], [0])),
        on_line(-1, 1),
        **steep().margin
        | {"domain": on_line(-1, 1), "norm": norm, "value": 1, "nearest": [1], "class": 0, "rival": 1}
        | {"outputs": {"kind": "threshold", "value": 1}, "cells": [[[1, 1, []]]]},
    )

    assert margin_of(proof).value == 1
    proof.margin["cells"] = [[[1, 1, [[-2, 1]]]]]
    assert "add up" in reject_reason(proof.to_bytes())


def nowhere() -> Proof:
    """x + y is never 3 on the square; the sum is x + y - 3."""
    proof = level([0, 0], 0, None, None)
    proof.margin |= {"rival": None, "outputs": {"kind": "threshold", "value": 3}}
    return proof


def test_no_other_class_by_hand():
    proof = nowhere()

    assert (
        margin_of(proof).text
        == "no class but that of (0, 0), class 0 by the threshold 3, occurs in the domain"
    )
    proof.margin["outputs"]["value"] = 2
    assert "rival 1 does not add up" in reject_reason(proof.to_bytes())
    proof = nowhere()
    proof.margin["domain"] = {"type": "box", "lower": [-1, -1], "upper": [1.25, 1]}
    assert "not beyond the ball" in reject_reason(proof.to_bytes())
    for change in ({"nearest": [0, 0]}, {"rival": 1}, {"value": 1}, {"value": 0}):
        tampered = nowhere()
        tampered.margin |= change
        reject_reason(tampered.to_bytes())


# ------------------------------------------------------------------------------------------------- domains


def in_polytope() -> Proof:
    """x + y against 1/2 from (0, 0), where y <= 1/8: the nearest tie in norm inf is (3/8, 1/8)."""
    domain = {"type": "polytope", "A": [[-1, 0], [0, -1], [0, 1], [1, 1]], "b": [1, 1, "1/8", "3/2"]}
    proof = level([0, 0], 0, "3/8", ["3/8", "1/8"])
    searched = cut(domain, (0, 0), (Fraction(3, 8),) * 2)
    return with_margin(
        network(2, SUM_OF_TWO), searched, **proof.margin | {"domain": domain, "cells": [[[1, 1, [[-7, 1]]]]]}
    )


def test_polytope_by_hand():
    """Slack -7 is 1/8 - y: with it the sum is x - 3/8.  -1 to -4 are the bounding box."""
    proof = in_polytope()

    assert margin_of(proof).value == "3/8"
    proof.margin["cells"][0][0][2] = [[-4, 1]]  # the box's own upper end of y, 1/8 as well
    assert margin_of(proof)
    for k in (-11, -13, 0, 1.0, "-7", True, None):
        proof.margin["cells"][0][0][2] = [[k, 1]]
        assert reject_reason(proof.to_bytes())


def test_slice_by_hand():
    """Of the plane (t, s, 0): x + y + z against 1/2, as before."""
    flat = in_polytope()
    basis = {"origin": [0, 0, 0], "basis": [[1, 0], [0, 1], [0, 0]]}
    searched = {"type": "slice", **basis, "within": flat.head["domain"]}
    claim = flat.margin | {"domain": {"type": "slice", **basis, "within": flat.margin["domain"]}}
    proof = with_margin(network(3, linear([[1, 1, 1]], [0])), searched, **claim)

    assert margin_of(proof).nearest == ("3/8", "1/8")
    for field, value in (("origin", [0, 0, 0.5]), ("basis", [[1, 0], [0, 1], [0, 1]])):
        tampered = proof.copy()
        tampered.margin["domain"][field] = value
        assert "coordinates" in reject_reason(tampered.to_bytes())
    proof.margin["domain"] = flat.margin["domain"]
    reject_reason(proof.to_bytes())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("j", [0, 1])
@pytest.mark.parametrize("side", ["lower", "upper"])
def test_box_holds_the_ball(norm, j, side):
    """A face at exactly the ball's end will do, and not any nearer."""
    weights, x = (Fraction(1), Fraction(2)), (Fraction(1, 4), Fraction(1, 2))
    value = {"2": "1/80", "1": "1/8", "inf": "1/12"}[norm]
    # The root of 80 is between 8 and 9, so the ball of norm 2 reaches from 1/9 to 1/8 times the weight.
    reach = Fraction(1, 8) if norm == "2" else Fraction(value)
    closer = Fraction(1, 9) if norm == "2" else reach * Fraction(1023, 1024)
    for end, is_enough in ((reach, True), (closer, False)):
        searched = deepcopy(SQUARE)
        searched[side][j] = str(x[j] + (1 if side == "upper" else -1) * end * weights[j])
        proof = write_margin(CORNER, SQUARE, x, norm=norm, weights=weights, searched=searched)
        assert (Fraction(proof.margin["value"]), proof.margin["rival"]) == (Fraction(value), 1)
        assert is_enough == (reason_of(proof) is None)
        assert is_enough or "not beyond the ball" in reason_of(proof)


def reason_of(proof: Proof) -> str | None:
    try:
        check_bytes(proof.to_bytes())
    except Exception as problem:
        return str(problem)
    return None


def test_a_domain_is_its_numbers():
    """However they are written.  A smaller domain that holds point and nearest point is another one."""
    proof = corner()
    proof.margin["domain"] = {"type": "box", "lower": ["-0x1", -1.0], "upper": ["2/2", "10e-1"]}

    assert margin_of(proof)
    proof.margin["domain"] = {"type": "box", "lower": [-1, -1], "upper": [1, "9/16"]}
    assert "nearest: not in the domain" in reject_reason(proof.to_bytes())


def test_domain_may_be_larger_than_the_ball():
    """The partition is from -3 to 3, where the ball ends; what the domain is beyond does not matter."""
    for low, high in ((-9, 9), (-3, 3), (-1, 9), (0, "7/2")):
        proof = hill()
        proof.margin["domain"] = on_line(low, high)
        assert margin_of(proof).value == 3


# ------------------------------------------------------------------------------------------------ tampering


def changed(proof: Proof, path, value) -> Proof:
    result = proof.copy()
    *steps, last = path
    target = result.margin
    for step in steps:
        target = target[step]
    if value is DROPPED:
        del target[last]
    else:
        target[last] = value
    return result


DROPPED = object()
HILL_TAMPERED = {
    "value larger": (["value"], "25/8", "HEAD's"),
    "value smaller": (["value"], "23/8", "distance"),
    "value negative": (["value"], -3, "negative"),
    "value null": (["value"], None, "null"),
    "point moved": (["point"], [0.5], "HEAD's"),
    "point outside": (["point"], [-5], "not in the domain"),
    "point of another class": (["point"], [4], "class"),
    "point of two numbers": (["point"], [0, 0], "list"),
    "nearest moved back": (["nearest"], [2.75], "distance"),
    "nearest on the other side": (["nearest"], [-3], "smaller"),
    "nearest missing": (["nearest"], None, "list"),
    "rival is the class": (["rival"], 0, "rival"),
    "rival beyond": (["rival"], 2, "rival"),
    "rival true": (["rival"], True, "rival"),
    "class changed": (["class"], 1, "class"),
    "class beyond": (["class"], 2, "class"),
    "norm unknown": (["norm"], "3", "norm"),
    "norm a number": (["norm"], 1, "norm"),
    "weights changed": (["weights"], [2], "HEAD's"),
    "weight zero": (["weights"], [0], "positive"),
    "weight negative": (["weights"], [-1], "positive"),
    "no classes": (["outputs"], {"kind": "threshold", "value": 0}, "outputs"),
    "outputs of another kind": (["outputs"], {"kind": "regression"}, "outputs"),
    "outputs with more": (["outputs"], {"kind": "classes", "value": 0}, "outputs"),
    "domain without the nearest": (["domain"], on_line(-4, 2.5), "HEAD's|nearest"),
    "domain without the point": (["domain"], on_line(1, 5), "point"),
    "domain of no type": (["domain"], {}, "domain"),
    "first cell dropped": (["cells", 0], DROPPED, "lists"),
    "last cell dropped": (["cells", 2], DROPPED, "lists"),
    "cells missing": (["cells"], [], "lists"),
    "cells an object": (["cells"], {"0": []}, "lists"),
    "cell empty": (["cells", 1], [], "list"),
    "rival's entry twice": (["cells", 0], [[1, 1, []], [1, 1, []]], "entry already"),
    "entry for the class": (["cells", 0], [[0, 1, []]], "no rival"),
    "entry for another": (["cells", 0], [[2, 1, []]], "no rival"),
    "entry for true": (["cells", 0], [[True, 1, []]], "no rival"),
    "entry short": (["cells", 0, 0], [1, 1], "list"),
    "theta zero": (["cells", 0, 0, 1], 0, "theta"),
    "theta zero where the cell is far": (["cells", 1, 0], [1, 0, [[0, 1]]], "theta"),
    "theta negative": (["cells", 0, 0, 1], -1, "theta"),
    "theta larger": (["cells", 1, 0, 1], 3, "add up"),
    "multiplier negative": (["cells", 1, 0, 2, 0, 1], -2, "negative"),
    "multiplier smaller": (["cells", 1, 0, 2, 0, 1], "3/2", "add up"),
    "multiplier larger": (["cells", 1, 0, 2, 0, 1], 4, "add up"),
    "multiplier dropped": (["cells", 1, 0, 2], [], "add up"),
    "multiplier of another slack": (["cells", 1, 0, 2, 0, 0], 1, "add up"),
    "slack beyond": (["cells", 1, 0, 2, 0, 0], 2, "no slack"),
    "face beyond": (["cells", 1, 0, 2, 0, 0], -3, "no slack"),
    "multipliers an object": (["cells", 1, 0, 2], {}, "multipliers"),
    "multipliers null": (["cells", 0, 0, 2], None, "multipliers"),
    "cells in another order": (["cells"], [[[1, 1, [[0, 2]]]], [[1, 1, []]], [[1, 1, []]]], "add up"),
}


@pytest.mark.parametrize("name", HILL_TAMPERED)
def test_rejects_tampering(name):
    path, value, reason = HILL_TAMPERED[name]
    found = reject_reason(changed(hill(), path, value).to_bytes())

    assert re.search(reason, found) and "MARG" in found, found


@pytest.mark.parametrize("field", hill().margin)
def test_rejects_missing_and_unknown_fields(field):
    assert "missing" in reject_reason(changed(hill(), [field], DROPPED).to_bytes())
    assert "unknown" in reject_reason(changed(hill(), [field + "s"], 0).to_bytes())


def test_rejects_a_farther_tie():
    """A nearest point that is none, with the value of its distance: some cell has a nearer tie."""
    proof = hill()
    proof.margin |= {"nearest": ["7/2"], "value": "7/2"}
    proof_of_more = with_margin(HILL, on_line(-4, "7/2"), **proof.margin)

    assert "cell 2" in reject_reason(proof_of_more.to_bytes())
    assert "HEAD's" in reject_reason(proof.to_bytes())


def test_rejects_rival_dropped():
    proof = three_classes()
    proof.margin["cells"] = [[[2, 1, []]]]
    assert "no entry for rival 1" in reject_reason(proof.to_bytes())
    proof.margin["cells"] = [[[1, 1, []]]]
    assert "no entry for rival 2" in reject_reason(proof.to_bytes())


def test_rejects_nearest_outside_the_domain():
    proof = in_polytope()
    proof.margin |= {"nearest": ["1/4", "1/4"], "value": "1/4"}
    assert "nearest: not in the domain" in reject_reason(proof.to_bytes())


def test_class_at_the_point_must_be_alone():
    proof = hill()
    proof.margin |= {"point": [3], "nearest": [3]}
    assert "another output is as large" in reject_reason(proof.to_bytes())


def test_block_has_its_place():
    proof = hill()
    tags = [tag for tag, _ in proof.blocks()]
    assert tags[-2:] == ["MARG", "STAT"]

    bare = proof.copy()
    bare.margin = None
    assert check_bytes(bare.to_bytes()).margin is None
    for payload in ([], 0, "x", float("nan"), {"value": float("nan")}):
        bare.margin = payload
        assert reject_reason(bare.to_bytes())


def test_facets_and_margin_together():
    proof = hill()
    with_facets = write(HILL, on_line(-3, 3))
    with_facets.margin = proof.margin

    report = check_bytes(with_facets.to_bytes())
    assert (report.edges, report.margin.value) == (2, 3)


def test_rejects_the_ideal_reading():
    proof = hill()
    proof.head |= {"reading": "ideal", "batch": None}
    assert "deployed reading only" in reject_reason(proof.to_bytes())
    proof.margin = None
    assert check_bytes(proof.to_bytes()).reading == "ideal"


def test_long_numbers_are_shown_short():
    small = Fraction(1, 3**3000)
    proof = hill()
    proof.margin |= {"point": [f"0x1/{3**3000:#x}"], "value": f"{(3 - small).numerator:#x}/{3**3000:#x}"}

    text = margin_of(proof).text
    assert text.startswith("the l1 distance of (about ") and len(text) < 120
    proof.margin |= {"norm": "2", "value": f"{((3 - small) ** 2).numerator:#x}/{3**6000:#x}"}
    assert len(margin_of(proof).text) < 120


def test_program(tmp_path):
    (tmp_path / "good.cpa").write_bytes(corner().to_bytes())
    (tmp_path / "bad.cpa").write_bytes(changed(corner(), ["value"], "1/31").to_bytes())

    lines = run(str(tmp_path / "good.cpa")).stdout.splitlines()
    assert lines[2] == (
        "margin: the l2 distance of (1/4, 1/2), class 0, to another class is sqrt(1/32), about 0.176777; "
        "nearest point (3/8, 5/8), class 1"
    )
    found = json.loads(run(str(tmp_path / "good.cpa"), "--json").stdout)["margin"]
    assert found == json.loads(json.dumps(asdict(margin_of(corner()))))
    assert run(str(tmp_path / "bad.cpa")).returncode == 1


# ---------------------------------------------------------------------------------------- written naively


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("number", some((n for n in range(60) if len(margin_cases.case(n).point) < 3), 12))
def test_random_classifiers(number, norm):
    case = margin_cases.case(number)
    weights = case.weights if number % 3 else None
    proof = write_margin(case.network, case.domain, case.point, norm=norm, weights=weights)

    assert margin_of(proof).value == proof.margin["value"]
    if proof.margin["value"] not in (None, "0"):
        reach = reach_of(Fraction(proof.margin["value"]), norm, weights or [1] * len(case.point))
        searched = cut(case.domain, case.point, reach)
        proof = write_margin(
            case.network, case.domain, case.point, norm=norm, weights=weights, searched=searched
        )
        assert margin_of(proof).nearest == tuple(proof.margin["nearest"])


LAYERS = {
    "two_layers": (TWO_LAYERS, SQUARE, (Fraction(1, 3), Fraction(-1, 4))),
    "two_layers_in_triangle": (TWO_LAYERS, TRIANGLE, (Fraction(1, 3), Fraction(-1, 4))),
    "clipped": (CLIPPED, SQUARE, (Fraction(1, 2), Fraction(-1, 5))),
    "maxout": (MAXOUT, TRIANGLE, (Fraction(-1, 2), Fraction(-1, 3))),
    "sliced": (SLICED, SLICE, (Fraction(1, 2), Fraction(-1, 3))),
}


@cache
def layered(name: str, norm: str, *, whole: bool) -> Proof:
    """A threshold between the values at some points, so that there is another class."""
    net, domain, point = LAYERS[name]
    options = {"norm": norm, "weights": (Fraction(2), Fraction(1, 3))}
    for threshold in (Fraction(k, 8) for k in (9, 5, 3, 1, -3, 13, 17, 21)):
        proof = write_margin(net, domain, point, **options, threshold=threshold)
        value = proof.margin["value"]
        if value not in (None, "0"):
            break
    if whole:
        return proof
    searched = cut(domain, point, reach_of(Fraction(value), norm, options["weights"]))
    return write_margin(net, domain, point, **options, threshold=threshold, searched=searched)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_domains(name, norm, whole):
    proof = layered(name, norm, whole=whole)

    assert margin_of(proof).value == proof.margin["value"] not in (None, "0")


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(cases((1, 2)), st.data(), st.sampled_from(NORMS), st.integers(-3, 3))
def test_random_networks(case, data, norm, steps):
    """Of any layers: from a witness, against a threshold near its value if there is one output."""
    net, domain = case
    witness = data.draw(st.sampled_from(write(net, domain, NO_FACETS).witnesses))
    point = tuple(map(Fraction, witness))
    try:
        outputs = margin_oracle.outputs_at(net, domain, point)
    except StopIteration:
        assume(False)  # rounded to a double, it is outside
    threshold = outputs[0] + Fraction(steps, 4) if len(outputs) == 1 else None
    proof = write_margin(net, domain, point, norm=norm, threshold=threshold)

    assert margin_of(proof).value == proof.margin["value"]


def leaves(value, path=()):
    """Places of a claim, and what stands there."""
    if isinstance(value, dict | list):
        yield path, value
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))
    else:
        yield path, value


MUTATED = {
    "hill": hill,
    "corner": corner,
    "three": three_classes,
    "steep": steep,
    "polytope": in_polytope,
    "nowhere": nowhere,
    "level": lambda: level([0, 0], 0, 0.25, [0.25, 0.25]),
    "layers": lambda: layered("two_layers", "2", whole=True),
    "slice": lambda: layered("sliced", "inf", whole=False),
}


@pytest.mark.parametrize("name", some(MUTATED, 5))
def test_what_is_accepted_is_true(name):
    """Whatever single place of a claim is changed: it is rejected, or what it says then is true, too."""
    proof = MUTATED[name]()
    counts = {True: 0, False: 0}
    for path, old in list(leaves(proof.margin)):
        for new in replacements(old) if path else ():
            mutant = changed(proof, path, new)
            try:
                found = check_bytes(mutant.to_bytes()).margin
            except Rejected:
                counts[False] += 1
            else:
                counts[True] += 1
                assert found.value == mutant.margin["value"]
                assert is_true(mutant), (path, old, new)
    assert counts[False] > counts[True] > 0 or name == "nowhere"


def replacements(old):
    if isinstance(old, dict):
        return [{}, None]
    if isinstance(old, list):
        return [DROPPED, [], old[1:], old[:-1], [*old, *old[-1:]], old[::-1]]
    if isinstance(old, bool) or old is None:
        return [0, 1]
    try:
        number = Fraction(old)
    except ValueError:
        return [*NORMS, "threshold", "classes", "box", "polytope", "slice"]
    others = [number + 1, number - 1, -number, number / 2, number * 2, 0, number + Fraction(1, 64)]
    return [DROPPED, None, *(int(n) if n == int(n) else str(n) for n in others if n != number)]


def is_true(proof: Proof) -> bool:
    """By brute force."""
    claim = proof.margin
    point, weights = (tuple(map(Fraction, claim[field])) for field in ("point", "weights"))
    level = claim["outputs"].get("value")
    options = {"weights": weights, "threshold": None if level is None else Fraction(level)}
    domain = claim["domain"]
    value, _ = margin_oracle.margin(proof.head["network"], domain, point, claim["norm"], **options)
    return value == (None if claim["value"] is None else Fraction(claim["value"]))


# ------------------------------------------------------------------------------------------- the engine's


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("number", some(range(0, 120, 3), 8))
def test_engine(number, norm, tmp_path):
    case, path = margin_cases.case(number), tmp_path / "margin.cpa"
    net, domain = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)
    weights = case.weights if number % 2 else None
    found = cpa.margin(net, case.point, domain, norm=norm, weights=weights, certificate=path)

    margin = check(path).margin
    expected, _ = margin_oracle.margin(case.network, case.domain, case.point, norm, weights)
    assert found.value == expected == exactly(margin.value)
    assert tuple(map(exactly, margin.point)) == case.point
    assert (margin.point_class, margin.rival) == found.pair


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_engine_on_layers_and_domains(name, norm, tmp_path):
    claim = layered(name, norm, whole=True).margin
    net, domain, point = LAYERS[name]
    cpa.margin(
        cpa.network_from_json(net),
        point,
        cpa.domain_from_json(domain),
        norm=norm,
        weights=(Fraction(2), Fraction(1, 3)),
        threshold=Fraction(claim["outputs"]["value"]),
        certificate=tmp_path / "margin.cpa",
    )

    assert exactly(check(tmp_path / "margin.cpa").margin.value) == Fraction(claim["value"])


def exactly(value):
    """A number of the file format."""
    return None if value is None else checker.number(value)
