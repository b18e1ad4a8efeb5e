"""Level sets of one unit's pre-activation in input space, and the exact distances of points to them.

A unit's bent hyperplane is a level set of its pre-activation, which is affine on every cell of the layers below.  So
its part in a cell is a polyhedron, and the nearest point of all parts is found by exact quadratic programs.

Main definitions:
    Terrain: The cells of the layers below one unit over a box, with the unit's pre-activation on each.
    terrain: Makes one.
    LevelSet: The nearest points of samples on a level set, with the evidence that nothing is nearer.
    level_set: Finds them.

Conventions:
    The level set is ``{x : f(x) = level}``; where f is constant on a cell and equal to it, the whole cell.
    Distances are true ones, not only within the box: the box is enlarged until every sample's nearest point is nearer
    than the box's walls.

Not here:
    The nearest point of one polyhedron: `nearest_on`.  The re-addition: `readd_distances.level_distance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.domain import Box
from exactcpa.halfspaces import to_integers
from exactcpa.layers import Linear
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.network import Network
from exactcpa.statistics import Place
from exactcpa.theorems.arrangement_cells import cells_up_to
from exactcpa.theorems.statement import HypothesisFails, Instance
from exactcpa.vectors import Vector, dot

Row = tuple[Vector, Fraction]
LIMIT = 2_000
"""Cells of one terrain, unless the option ``cells`` says otherwise."""

ENLARGEMENTS = 4
"""How often the box is made four times as wide before a level set counts as out of reach."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One cell: its rows, and the function ``<normal, x> + constant`` on it."""

    rows: tuple[Row, ...]
    normal: Vector
    constant: Fraction


@dataclass(frozen=True, slots=True)
class Terrain:
    """A piecewise-affine function over a box.

    Attributes:
        net: The network whose single output it is.
        box: The box.
        pieces: All cells.
    """

    net: Network
    box: Box
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class LevelSet:
    """The nearest points of samples on a level set.

    Attributes:
        mean_square: The mean squared distance.
        evidence: For `readd_distances.level_distance`.
    """

    mean_square: Fraction
    evidence: dict[str, Any]


def unit_network(frozen: Network, place: Place, unit: int) -> Network:
    """One coordinate of the values after one layer, as a network of one output.

    Args:
        frozen: A network.
        place: The layer; inside a residual block the block's number first.
        unit: The coordinate.
    """
    layers, before = frozen.layers, ()
    for number in place[:-1]:
        before += layers[:number]
        layers = layers[number].layers
    before += layers[: place[-1] + 1]
    width = Network(frozen.input, before).output
    row = [int(k == unit) for k in range(width)]
    return Network(frozen.input, (*before, Linear([row], [0])))


def terrain(net: Network, box: Box, instance: Instance) -> Terrain:
    """The cells of a network of one output over a box.

    Raises:
        HypothesisFails: More cells than the instance's limit.
    """
    part = cells_up_to(net, box, instance, facets=True, limit=LIMIT)
    pieces = []
    for i in range(len(part)):
        affine = part.affine_map(i)
        rows = tuple(_primitive(row.normal, row.offset) for row in part.cell(i).facets)
        pieces.append(Piece(rows, affine.matrix[0], affine.shift[0]))
    return Terrain(net, box, tuple(pieces))


def _primitive(normal: Vector, offset: Fraction) -> Row:
    """The same row in integers without a common factor: short numbers."""
    *entries, last = map(Fraction, to_integers(normal, offset))
    return tuple(entries), last


def hull_box(points: Sequence[Vector], widenings: int = 0) -> Box:
    """The bounding box of points, wider on every side by its diameter times a power of four.

    The diameter is the sum of the sides, no less than the distance of any two points; at least 1.
    """
    columns = list(zip(*points, strict=True))
    sides = [max(column) - min(column) for column in columns]
    wider = max(sum(sides), Fraction(1)) * 4**widenings
    return Box([min(column) - wider for column in columns], [max(column) + wider for column in columns])


def level_set(
    net: Network,
    points: Sequence[Vector],
    level: Fraction,
    instance: Instance,
    grounds: dict[int, Terrain] | None = None,
) -> LevelSet:
    """The distances of points to a level set of a network of one output.

    Args:
        net: The network.
        points: Shape ``(n, d)``.
        level: Of the set.
        instance: Its options bound the work.
        grounds: Terrains over boxes of every width that are known already; new ones are added.

    Raises:
        HypothesisFails: The level set is out of reach, or there are too many cells.
    """
    known = {} if grounds is None else grounds
    for widenings in range(ENLARGEMENTS):
        if widenings not in known:
            known[widenings] = terrain(net, hull_box(points, widenings), instance)
        found = level_set_on(known[widenings], points, level)
        if found is not None:
            return found
    raise HypothesisFails(
        "the unit's hyperplane is within reach of the data", "no point of it was found near"
    )


def level_set_on(ground: Terrain, points: Sequence[Vector], level: Fraction) -> LevelSet | None:
    """The same over a known terrain; None if some point's nearest one may be outside."""
    samples = [_nearest_piece(ground, point, level) for point in points]
    if any(sample is None for sample in samples):
        return None
    squares = [sample["square"] for sample in samples if sample is not None]
    mean_square = sum(squares, Fraction(0)) / len(squares)
    evidence = {
        "level": level,
        "cells": tuple(
            {"rows": piece.rows, "normal": piece.normal, "constant": piece.constant}
            for piece in ground.pieces
        ),
        "samples": tuple(samples),
    }
    return LevelSet(mean_square, evidence)


def _nearest_piece(ground: Terrain, point: Vector, level: Fraction) -> dict[str, Any] | None:
    """The nearest point of all cells' parts, cells by the distance of their hyperplanes; None if none is in reach."""
    bounds = [(_bound(piece, point, level), number) for number, piece in enumerate(ground.pieces)]
    order = sorted((bound, number) for bound, number in bounds if bound is not None)
    best: tuple[Fraction, int, Vector] | None = None
    tried: list[dict[str, Any]] = []
    for bound, number in order:
        if best is not None and bound >= best[0]:
            break
        piece = ground.pieces[number]
        enough = None if best is None else best[0]
        rows, tie = [(*normal, b) for normal, b in piece.rows], (*piece.normal, level - piece.constant)
        found = decide_nearest(rows, point, equality=tie, enough=enough)
        multipliers = tuple(found.multipliers.get(i, Fraction(0)) for i in range(len(rows)))
        tried.append({"cell": number, "multipliers": multipliers, "free": found.equality})
        if isinstance(found, Nearest):
            best = (found.value, number, found.point)
    if best is None or best[0] > _reach(ground.box, point) ** 2:
        return None
    square, number, foot = best
    return {
        **{"point": point, "cell": number, "foot": foot, "square": square},
        "box": (ground.box.lower, ground.box.upper),
        "others": tuple(tried),
    }


def _bound(piece: Piece, point: Vector, level: Fraction) -> Fraction | None:
    """The squared distance to the hyperplane of a piece; None if the function is constant and not the level."""
    away = level - piece.constant
    if any(piece.normal):
        return (dot(piece.normal, point) - away) ** 2 / dot(piece.normal, piece.normal)
    return None if away else Fraction(0)


def _reach(box: Box, point: Vector) -> Fraction:
    return min(min(x - low, high - x) for x, low, high in zip(point, box.lower, box.upper, strict=True))
