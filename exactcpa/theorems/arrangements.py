"""How many cells a batch-normalised layer has: all its hyperplanes pass through the centroid.

Statements A4, A4b and A4c.  They speak of one batchnorm layer with beta = 0 in its own feature space and are examined
on every such layer of the network.

Main definitions:
    A4: The number of cells for normals in general position.
    A4B: In a small window at the centroid no offsets give more cells.
    A4C: "In every window": false; far from the centroid the cells of other offsets are more.
    on_the_line: The instance of A4c in one dimension, where all breakpoints coincide.
    STATEMENTS: All of them.

Conventions:
    Cells are counted by the engine, proved and (up to 2,000) checked, in a box that provably meets all of them.
    Batchnorm's arrangement consists of cones with apex g, so any window at g will do; the one enumerated has the radius
    that the option ``window`` says (default 1).  Option ``cells``: the largest number of cells (default 20,000).

References:
    Cover, Geometrical and statistical properties of systems of linear inequalities (1965): central arrangements.
    Zaslavsky, Facing up to arrangements (1975).

Not here:
    Centred layers and rank (R3), windows and probability (B5).  The re-addition: `readd_arrangements`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Any

from exactcpa.errors import BadArgument, shown
from exactcpa.layers import Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.numbers import exactly
from exactcpa.theorems.arrangement_cells import (
    ARE_CENTRED,
    ARE_NONZERO,
    BEND_AT_ZERO,
    HAVE_OWN_STATISTICS,
    LIMIT,
    LayerCondition,
    box_meeting_every_cell,
    cells_up_to,
    covered_layers,
    generic_offsets,
    hyperplane_network,
    layer_network,
    sign_vectors,
    window,
    witnesses_of,
)
from exactcpa.theorems.layer_view import NormalisedLayer
from exactcpa.theorems.plain import is_general
from exactcpa.theorems.readd_arrangements import readd_a4, readd_a4b, readd_a4c
from exactcpa.theorems.statement import Instance, Statement, Verdict, brief, judged, require
from exactcpa.vectors import Vector, dot

Facts = dict[str, Any]
MOST_CHOICES = 1 << 10
"""Sets of units that are all tried; of more, those with one unit left out."""

_GENERAL = LayerCondition("the rows w are in general position", lambda view: is_general(view.rows))
_CENTRED = (HAVE_OWN_STATISTICS, ARE_NONZERO, ARE_CENTRED, BEND_AT_ZERO)


# ---------------------------------------------------------------------- A4


def _examine_a4(instance: Instance) -> Verdict:
    # General position last: it looks at every set of rows, which only layers of few cells can afford.
    views, note = _of_few_cells(instance, (*_CENTRED,))
    general = [view for view in views if _GENERAL.holds(view)]
    require(general, _GENERAL.words, f"not so for {views[0]}")
    facts = [_a4(view, instance) for view in general]
    holds = all(_a4_holds(fact) for fact in facts)
    told = [
        f"{fact['layer']}: {len(fact['central']['witnesses'])} cells, {len(fact['generic']['witnesses'])} for generic "
        "offsets"
        for fact in facts
    ]
    return judged(holds, "; ".join(told) + note, _size(general), {"layers": tuple(facts)})


def _a4(view: NormalisedLayer, instance: Instance) -> Facts:
    offsets = generic_offsets(view.rows)
    return _layer(view) | {
        "central": _central(view, instance),
        "generic": _everywhere(view, offsets, instance),
    }


def _a4_holds(fact: Facts) -> bool:
    m, d = len(fact["rows"]), len(fact["centroid"])
    cells, generic = len(fact["central"]["witnesses"]), len(fact["generic"]["witnesses"])
    return cells == central_cells(m, d) and generic - cells == comb(m - 1, d) and _are_cones(fact)


def _are_cones(fact: Facts) -> bool:
    """Whether every cell comes as near to the centroid, and goes as far, as one likes: along the ray of its witness."""
    rows, middle, offsets = fact["rows"], fact["centroid"], fact["central"]["offsets"]
    points = fact["central"]["witnesses"]
    moved = [
        [tuple(g + t * (x - g) for g, x in zip(middle, point, strict=True)) for point in points]
        for t in (Fraction(1, 1000), Fraction(1000))
    ]
    return all(sign_vectors(rows, offsets, ray) == sign_vectors(rows, offsets, points) for ray in moved)


def central_cells(m: int, d: int) -> int:
    """Cells of m hyperplanes through one point of R^d, normals in general position.

    Example:
        >>> central_cells(6, 2), central_cells(6, 1)
        (12, 2)
    """
    return 2 * sum(comb(m - 1, i) for i in range(d))


A4 = Statement(
    id="A4",
    sentence=(
        "One batchnorm layer of m units with normals in general position in R^D has 2 sum_{i<D} C(m-1,i) cells, "
        "C(m-1,D) fewer than with generic offsets; none is bounded, and all meet every window at the centroid."
    ),
    hypotheses=(*[c.words for c in _CENTRED], _GENERAL.words, f"at most {LIMIT:,} cells (option cells)"),
    source="Cover, Geometrical and statistical properties of systems of linear inequalities, 1965, for the count",
    expected=True,
    examine=_examine_a4,
    default=lambda: Instance(_plain_layer(_MOMENT_ROWS, [0] * 6), _SEVEN_POINTS),
    recheck=readd_a4,
    arithmetic="enumeration",
)


# ---------------------------------------------------------------------- A4b


def _examine_a4b(instance: Instance) -> Verdict:
    views, note = _of_few_cells(instance, _CENTRED)
    facts = [_a4b(view, instance) for view in views]
    holds = all(
        entry["cells"] <= len(fact["central"]["witnesses"])
        for fact in facts
        for entry in (*fact["choices"], fact["own"])
    )
    told = [
        f"{fact['layer']}: {len(fact['central']['witnesses'])} cells in every window; {fact['own']['cells']} for its "
        f"own offsets at radius {brief(fact['own']['radius'])}; {len(fact['choices'])} choices of units"
        for fact in facts
    ]
    return judged(holds, "; ".join(told) + note, _size(views), {"layers": tuple(facts)})


def _a4b(view: NormalisedLayer, instance: Instance) -> Facts:
    """For given offsets only the hyperplanes through the centroid cut a small window: count for all sets of them."""
    central = _central(view, instance)
    signs = sign_vectors(view.rows, central["offsets"], central["witnesses"])
    choices = [
        # Hyperplanes have no interior: every cell of some of them contains cells of all of them.
        {"through": chosen, "cells": len({tuple(signed[k] for k in chosen) for signed in signs})}
        for chosen in _choices(view.units)
    ]
    return _layer(view) | {"central": central, "choices": tuple(choices), "own": _own_near(view, instance)}


def _choices(m: int) -> Iterator[tuple[int, ...]]:
    """All sets of units if they are few, else those that leave out one."""
    sizes = range(m + 1) if 2**m <= MOST_CHOICES else [m - 1]
    for size in sizes:
        yield from combinations(range(m), size)


def _own_near(view: NormalisedLayer, instance: Instance) -> Facts:
    """The cells without batchnorm in a window that all hyperplanes off the centroid miss."""
    offsets = tuple(-b for b in view.bias)
    away = [
        abs(dot(row, view.centroid) - c) / sum(map(abs, row))
        for row, c in zip(view.rows, offsets, strict=True)
    ]
    radius = min([a for a in away if a], default=Fraction(1)) / 2
    part = cells_up_to(hyperplane_network(view.rows, offsets), window(view.centroid, radius), instance)
    return {"offsets": offsets, "radius": radius, "cells": len(part)}


A4B = Statement(
    id="A4b",
    sentence="Among all offsets, batchnorm's give the most cells that meet a small enough window at the centroid.",
    hypotheses=(*[c.words for c in _CENTRED], f"at most {LIMIT:,} cells (option cells)"),
    source="derived for this project",
    expected=True,
    examine=_examine_a4b,
    default=lambda: Instance(_plain_layer(_MOMENT_ROWS, [1, -2, 0, 3, 0, 5]), _SEVEN_POINTS),
    recheck=readd_a4b,
    arithmetic="enumeration",
)


# ---------------------------------------------------------------------- A4c


def _examine_a4c(instance: Instance) -> Verdict:
    views, note = _of_few_cells(instance, _CENTRED)
    facts = [
        _layer(view)
        | {
            "central": _central(view, instance),
            "own": _everywhere(view, tuple(-b for b in view.bias), instance),
        }
        for view in views
    ]
    counts = [(len(fact["central"]["witnesses"]), len(fact["own"]["witnesses"])) for fact in facts]
    told = [
        f"{fact['layer']}: {with_it} cells in every window, {without} without batchnorm in one of side "
        f"{brief(_side(fact))}"
        for fact, (with_it, without) in zip(facts, counts, strict=True)
    ]
    # Without batchnorm a larger window meets no fewer cells, and this one meets all: it decides for every window.
    holds = all(with_it >= without for with_it, without in counts)
    return judged(holds, "; ".join(told) + note, _size(views), {"layers": tuple(facts)})


def _side(fact: Facts) -> Fraction:
    """Of the smallest box round the centroid that contains the enumerated one."""
    pairs = zip(fact["centroid"], *fact["own"]["box"], strict=True)
    return 2 * max(max(g - low, high - g) for g, low, high in pairs)


A4C = Statement(
    id="A4c",
    sentence="In every window at the centroid, a layer with batchnorm has at least as many cells as without it.",
    hypotheses=(*[c.words for c in _CENTRED], f"at most {LIMIT:,} cells (option cells)"),
    source="derived for this project",
    expected=False,
    examine=_examine_a4c,
    default=lambda: Instance(
        _plain_layer([[1, 0], [0, 1], [1, 1], [1, -1], [2, 1], [1, 3]], [0, 0, 1, 2, 5, -7]),
        _points([0, 0], [3, 1], [1, 4], [-2, 2], [5, -1]),
    ),
    recheck=readd_a4c,
    arithmetic="enumeration",
)

STATEMENTS = (A4, A4B, A4C)


def on_the_line() -> Instance:
    """Four units on the line with generic biases: with batchnorm all breakpoints are the mean."""
    return Instance(_plain_layer([[1], [2], [-1], [3]], [0, 1, 2, 3]), _points([0], [1], [5], [-2]))


# ---------------------------------------------------------------------- shared


def _of_few_cells(
    instance: Instance, conditions: Sequence[LayerCondition]
) -> tuple[list[NormalisedLayer], str]:
    """The layers whose arrangements have at most as many cells as the limit allows, whatever their offsets."""
    limit = instance.options.get("cells", LIMIT)
    words = f"at most {limit} cells (option cells)"
    few = LayerCondition(words, lambda view: limit is None or _most_cells(view) <= limit)
    return covered_layers(instance, (*conditions, few))


def _most_cells(view: NormalisedLayer) -> int:
    m, d = view.units, len(view.rows[0])
    return sum(comb(m, i) for i in range(min(m, d) + 1))


def _layer(view: NormalisedLayer) -> Facts:
    return {"layer": str(view), "rows": view.rows, "centroid": view.centroid}


def _central(view: NormalisedLayer, instance: Instance) -> Facts:
    """Batchnorm's arrangement: the layer itself, enumerated in a window at the centroid."""
    radius = exactly(instance.options.get("window", 1))
    if radius <= 0:
        raise BadArgument(f"option window: expected a radius above 0, got {shown(radius)}")
    part = cells_up_to(layer_network(view), window(view.centroid, radius), instance)
    offsets = tuple(view.offset(unit) for unit in range(view.units))
    return {"offsets": offsets, "witnesses": witnesses_of(part)}


def _everywhere(view: NormalisedLayer, offsets: Vector, instance: Instance) -> Facts:
    """The arrangement with other offsets, enumerated in a box that meets all its cells."""
    box = box_meeting_every_cell(view.rows, offsets)
    part = cells_up_to(hyperplane_network(view.rows, offsets), box, instance)
    return {"offsets": offsets, "witnesses": witnesses_of(part), "box": (box.lower, box.upper)}


def _size(views: Sequence[NormalisedLayer]) -> str:
    shapes = ", ".join([f"D={len(view.rows[0])} m={view.units}" for view in views])
    return f"n={len(views[0].inputs)}, {shapes}"


def _points(*rows: Sequence[int]) -> tuple[Vector, ...]:
    return tuple(tuple(map(Fraction, row)) for row in rows)


_SEVEN_POINTS = _points([0, 0, 0], [3, 1, 2], [1, 4, -1], [-2, 2, 5], [5, -1, 1], [-1, -3, 0], [2, 2, -4])
_MOMENT_ROWS = [[1, k, k * k] for k in range(6)]


def _plain_layer(rows: Sequence[Sequence[int]], bias: Sequence[int]) -> Network:
    """One plain layer; the bias is what it would have without batchnorm."""
    return Network(len(rows[0]), (Linear(rows, bias), TrainingBatchNorm(epsilon=0), ReLU()))
