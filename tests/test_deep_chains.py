"""Chains of so many layers that rounding errors would leave every question open: lines made accurate again."""

from __future__ import annotations

import random
from itertools import pairwise

import oracles
import pytest

import exactcpa as cpa
from exactcpa.adjacency import MapComparison
from exactcpa.float_form import float_domain, float_form
from exactcpa.settle import Settler
from exactcpa.subtree import Subtree
from exactcpa.switch_form import switch_form
from exactcpa.walk import Chunk, walk


def chain(depth: int, width: int, *, scale: float = 1.0, thirds: bool = False, seed: int = 0) -> dict:
    """A random chain on the plane; weights are doubles, or integers over three."""
    source = random.Random(f"{depth} {width} {seed}")

    def draw() -> float | str:
        return f"{source.randint(-9, 9)}/3" if thirds else scale * source.uniform(-1, 1)

    layers: list[dict] = []
    for fan_in, fan_out in pairwise([2, *[width] * depth, 1]):
        rows = [[draw() for _ in range(fan_in)] for _ in range(fan_out)]
        layers += [
            {"type": "linear", "weight": rows, "bias": [draw() for _ in range(fan_out)]},
            {"type": "relu"},
        ]
    return {"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers[:-1]}


def stretches(network: dict, box: cpa.Box, method: str, **limits: float) -> list[Chunk | Subtree]:
    """What one walk yields."""
    form = switch_form(cpa.network_from_json(network), box)
    floats = float_domain(box)
    return list(
        walk(form, box, floats, float_form(form, floats), facets=True, proof=True, method=method, **limits)
    )


BOX = {"type": "box", "lower": [-1, -1], "upper": [1, 1]}
SQUARE = cpa.Box([-1, -1], [1, 1])
TINY = cpa.Box(["-1/32", "-1/32"], ["1/32", "1/32"])
SMALL = cpa.Box(["-1/8", "-1/8"], ["1/8", "1/8"])


@pytest.mark.parametrize(
    ("network", "box"),
    [(chain(30, 20), TINY), (chain(40, 6), SMALL), (chain(24, 4, thirds=True), SQUARE)],
    ids=["30 layers of 20", "40 layers of 6", "integers over 3"],
)
def test_engines_agree(network, box, tmp_path):
    parts = []
    for method in ("lp", "vertex"):
        part = cpa.enumerate_cells(
            cpa.network_from_json(network), box, method=method, proof=tmp_path / method
        )
        parts.append({row.tobytes() for row in part.patterns})
    assert parts[0] == parts[1]
    assert len(parts[0]) >= 4
    assert cpa.check(tmp_path / "vertex").cells == len(parts[0])


@pytest.mark.parametrize("method", ["lp", "vertex"])
def test_few_questions_stay_open(method):
    tally = stretches(chain(30, 20), SMALL, method)[-1].tally
    assert tally.cells > 100
    assert tally.decided_exactly < tally.cells / 10


@pytest.mark.parametrize("method", ["lp", "vertex"])
@pytest.mark.parametrize("network", [chain(30, 20), chain(30, 20, thirds=True)], ids=["doubles", "thirds"])
def test_three_doubles_are_enough(method, network, monkeypatch):
    """No lines are asked for from the exact side, whether weights are doubles or not."""
    monkeypatch.setattr(Settler, "write_lines", None)
    assert stretches(network, SMALL, method)[-1].tally.cells > 100


def test_maps_differ_modulo_a_prime(monkeypatch):
    """Rounding leaves the comparison of most neighbours open; a prime decides, without exact maps."""
    monkeypatch.setattr(MapComparison, "_map", None)
    part = cpa.enumerate_cells(cpa.network_from_json(chain(50, 20)), TINY)
    assert part.summary()["decided_exactly"] > len(part) / 2
    assert part.summary()["linear_regions"] == len(part)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_small_deep_chains(scale):
    network = chain(36, 4, scale=scale)
    part = cpa.enumerate_cells(cpa.network_from_json(network), SQUARE)
    assert len(part) == len(oracles.clip(network, BOX).cells)


@pytest.mark.parametrize("method", ["lp", "vertex"])
@pytest.mark.parametrize(
    ("network", "box"),
    [(chain(40, 6), SQUARE), (chain(70, 12), SMALL), (chain(24, 4, thirds=True), SQUARE)],
    ids=["two doubles", "two and three", "thirds"],
)
def test_subtrees_give_what_the_walk_gives(method, network, box):
    """Every handed-over node is walked by itself, and the streams are put together."""
    form = switch_form(cpa.network_from_json(network), box)
    floats = float_domain(box)
    scaled = float_form(form, floats)

    def walked(**limits: object) -> list[Chunk]:
        chunks = []
        for item in walk(form, box, floats, scaled, facets=True, proof=True, method=method, **limits):
            chunks += walked(subtree=item, steps=200) if isinstance(item, Subtree) else [item]
        return chunks

    whole, pieces = walked(), walked(steps=200)
    assert len(pieces) > len(whole)
    for name in ("bits", "points", "facets", "flips", "codes", "reals"):
        one, other = (b"".join(getattr(c, name).tobytes() for c in some) for some in (whole, pieces))
        assert one == other
    assert [b for c in whole for b in c.bigs] == [b for c in pieces for b in c.bigs]
