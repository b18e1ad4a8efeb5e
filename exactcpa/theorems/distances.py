"""How far a point is from the boundary of its cell, exactly.

Statement A6, examined on every data point that lies inside a cell of the network's partition of all input space.

Main definitions:
    A6: The distance is the least of ``|h(x)| / |grad h(x)|`` over all units.
    STATEMENTS: It.

Conventions:
    Cells are those of activation patterns: a breakpoint counts whether or not the function bends there.  A maximum
    counts with the winner minus each other candidate.  The gradient is the one of the point's own cell; units with
    gradient zero there (dead ones, flat ones) bound nothing.
    Options: ``limit``, the number of points that are examined (default 64).

Not here:
    Distances to a bent hyperplane: `level_sets`.  The re-addition: `readd_distances`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactcpa.layers import Abs, LeakyReLU, Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.stages import Stage, stages
from exactcpa.statistics import freeze
from exactcpa.theorems.local_lines import pieces_at, sides_of
from exactcpa.theorems.readd_distances import readd_a6
from exactcpa.theorems.statement import (
    Instance,
    Statement,
    Verdict,
    brief,
    examined,
    judged,
    network_and_data,
    require,
    size_text,
)
from exactcpa.vectors import Vector, dot

LIMIT = 64
Facts = dict[str, Any]


def _examine_a6(instance: Instance) -> Verdict:
    net, data = network_and_data(instance)
    lowered = stages(freeze(net, data))
    points, note = examined(data, instance, "points", limit=LIMIT)
    facts = [fact for fact in (_distance(lowered, point) for point in points) if fact is not None]
    require(facts, "some data point is inside a cell", "all of them are on its boundary")
    if len(facts) < len(points):
        note += f"; not covered: {len(points) - len(facts)} points on a boundary"
    bad = [fact for fact in facts if not _is_boundary(lowered, fact)]
    squares = [fact["square"] for fact in facts if fact["square"] is not None]
    if bad:
        reason = f"it fails for the point {', '.join(map(str, bad[0]['point']))}"
    elif not squares:
        reason = f"{len(facts)} points: no unit has a gradient, and there is no boundary"
    else:
        reason = f"{len(facts)} points: squared distances from {brief(min(squares))} to {brief(max(squares))}"
    return judged(not bad, reason + note, size_text(instance), {"samples": tuple(facts)})


def _distance(lowered: Sequence[Stage], point: Vector) -> Facts | None:
    """The formula at a point, with the foot it leads to; None if the point is on the boundary of its cell."""
    sides = sides_of(lowered, point)
    if any(any(side.normal) and not side.value for side in sides):
        return None
    moving = [side for side in sides if any(side.normal)]
    fact: Facts = {
        "point": point,
        "sides": tuple((side.normal, side.constant) for side in sides),
        "square": None,
        "foot": None,
    }
    if not moving:
        return fact
    ratios = [side.value**2 / dot(side.normal, side.normal) for side in moving]
    nearest = moving[ratios.index(min(ratios))]
    step = nearest.value / dot(nearest.normal, nearest.normal)
    foot = tuple(x - step * a for x, a in zip(point, nearest.normal, strict=True))
    return fact | {"square": min(ratios), "foot": foot, "unit": nearest.unit}


def _is_boundary(lowered: Sequence[Stage], fact: Facts) -> bool:
    """Whether the pattern stays up to the foot and changes there, and no side is violated at the foot."""
    point, foot = fact["point"], fact["foot"]
    if foot is None:
        return True
    mine = pieces_at(lowered, point)
    is_closed = all(dot(normal, foot) + constant >= 0 for normal, constant in fact["sides"])
    return (
        is_closed
        and pieces_at(lowered, _between(point, foot, Fraction(1023, 1024))) == mine
        and pieces_at(lowered, _between(point, foot, Fraction(1025, 1024))) != mine
    )


def _between(start: Vector, end: Vector, share: Fraction) -> Vector:
    return tuple(a + share * (b - a) for a, b in zip(start, end, strict=True))


def _default() -> Instance:
    """Two layers, of different activations; the second has a dead unit and gamma below zero."""
    first = (Linear([[1, 2], [-1, 1], [3, -1]], [0, 1, 0]), TrainingBatchNorm(epsilon="1e-5"), ReLU())
    second = (
        Linear([[1, -1, 2], [2, 1, -1], [0, 0, 0]], [0, 0, -1]),
        TrainingBatchNorm(gamma=[1, -2, 1], beta=[0, "1/2", -3], epsilon="1e-5"),
        LeakyReLU("1/4"),
    )
    head = (Linear([[1, 1, 1], [1, -1, 2]], [0, 1]), Abs())
    points = [[0, 0], [3, 1], [1, 4], [-2, 2], [5, -1], [-1, -3], [2, 2], [-4, 0]]
    return Instance(
        Network(2, (*first, *second, *head)), tuple(tuple(map(Fraction, point)) for point in points)
    )


A6 = Statement(
    id="A6",
    sentence=(
        "The distance from a point inside a cell to the boundary of the partition of input space is the least of "
        "|h(x)| / |grad h(x)| over all units whose gradient there is not zero."
    ),
    hypotheses=("some data point is inside a cell",),
    source="derived for this project",
    expected=True,
    examine=_examine_a6,
    default=_default,
    recheck=readd_a6,
    arithmetic="squares",
)

STATEMENTS = (A6,)
