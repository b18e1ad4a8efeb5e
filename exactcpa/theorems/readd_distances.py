"""Evidence about distances, added up again by plain fractions: A6, and level sets for A7 and A8c.

Main definitions:
    readd_a6: The distance of points to the boundary of their cell.
    level_distance: The mean squared distance of points to a level set, from its cells; None if it does not add up.

Conventions:
    Evidence of A6 lists ``samples``: a ``point``, the ``sides`` of its cell as pairs (normal, constant) of functions
    that are nonnegative on it, and the ``foot``: the nearest point of the boundary (None: there is no boundary).
    A level set is ``{x: f(x) = level}`` within a box, f affine on every cell.  Its evidence has ``cells``, each with
    ``rows`` (pairs ``<n, x> <= b``), ``normal`` and ``constant`` of f; ``samples``, each with a ``point``, the ``cell``
    and ``foot`` of its nearest point, and ``others``: cells whose hyperplane is nearer than that, with
    ``multipliers`` that show that the cell's part of it is not, or that there is none.
    That the cells are all those of the box is not re-added here: it is what `checker` is for.

Not here:
    How the evidence is found: `distances`, `level_sets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from exactcpa.theorems.plain import Vector, combination, dot, least_square, mean, minus, norm2

Evidence = Mapping[str, Any]


def readd_a6(evidence: Evidence) -> bool:
    """A6: no side is nearer than the least of ``|h| / |grad h|``, and the foot is on the boundary, that far away."""
    verdicts = [_is_distance(sample) for sample in evidence["samples"]]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _is_distance(sample: Evidence) -> bool:
    point, foot, square = sample["point"], sample["foot"], sample["square"]
    sides = [(normal, constant) for normal, constant in sample["sides"] if any(normal)]
    values = [dot(normal, point) + constant for normal, constant in sides]
    if any(value <= 0 for value in values):
        return False
    if foot is None:
        return not sides and square is None
    ratios = [value**2 / norm2(normal) for value, (normal, _) in zip(values, sides, strict=True)]
    at_foot = [dot(normal, foot) + constant for normal, constant in sides]
    # In the closed cell and on its boundary; nearer there is nothing, as every hyperplane is as far or further.
    return min(at_foot) == 0 and min(ratios) == square == norm2(minus(point, foot))


def level_distance(evidence: Evidence) -> Fraction | None:
    """The mean squared distance of the samples to a level set; None if the evidence does not show it."""
    level = evidence["level"]
    squares = [_nearest(evidence["cells"], sample, level) for sample in evidence["samples"]]
    if not squares or None in squares:
        return None
    return mean([square for square in squares if square is not None])


def _nearest(cells: tuple[Evidence, ...], sample: Evidence, level: Fraction) -> Fraction | None:
    """The squared distance of one sample, if its foot is in the level set and no cell has a nearer point."""
    point, foot = sample["point"], sample["foot"]
    square = norm2(minus(point, foot))
    if not _is_in(cells[sample["cell"]], foot, level) or square > _reach(point, sample["box"]) ** 2:
        return None
    others = {entry["cell"]: entry for entry in sample["others"]}
    for number, cell in enumerate(cells):
        normal, away = cell["normal"], level - cell["constant"]
        # A cell on which f is constant has no hyperplane: all of it is in the level set, or none.
        is_far = (
            (dot(normal, point) - away) ** 2 >= square * norm2(normal) if any(normal) else away or not square
        )
        if not is_far and not (
            number in others and _is_no_nearer(cell, others[number], point, level, square)
        ):
            return None
    return square


def _reach(point: Vector, box: tuple[Vector, Vector]) -> Fraction:
    """The distance of a point to the walls of the box: nothing outside is nearer than that."""
    lower, upper = box
    return min(min(x - low, high - x) for x, low, high in zip(point, lower, upper, strict=True))


def _is_in(cell: Evidence, foot: Vector, level: Fraction) -> bool:
    inside = all(dot(n, foot) <= b for n, b in cell["rows"])
    return inside and dot(cell["normal"], foot) + cell["constant"] == level


def _is_no_nearer(cell: Evidence, entry: Evidence, point: Vector, level: Fraction, square: Fraction) -> bool:
    rows, equation = cell["rows"], (cell["normal"], level - cell["constant"])
    multipliers, free = entry["multipliers"], entry["free"]
    least = least_square(point, rows, multipliers, equation, free)
    if least is None or least >= square:
        return least is not None
    # Farkas: the rows and the equation add up to 0 <= something negative.
    total = combination((free, *multipliers), [equation[0], *[n for n, _ in rows]], len(point))
    bound = free * equation[1] + sum(t * b for t, (_, b) in zip(multipliers, rows, strict=True))
    return not any(total) and bound < 0
