"""Claims of kind ``local_count``: what meets a ball, a box or the convex hull of some points ("local complexity").

Fields::

    value     a number
    of        "cells" (default): cells that meet the set; "units": units with two pieces or more on these;
              "hyperplanes": breakpoints, or pairs of lines in a maximum of two, with cells on both sides
    ball      {"center": [..], "radius": r, "norm": "2" (default), "1" or "inf"}; or
    box       {"lower": [..], "upper": [..]}; or
    hull      points, shape (n, d), which need not span the space
    layer     count units or hyperplanes of this activation layer only
    relation  "equal" (default), "at_least" or "at_most"

With ``tolerance``: give or take that much.

Main definitions:
    judge_local_count: The verdict.

Conventions:
    The set counts without its boundary (relative to its own span) and within the domain.  A cell meets a set with
    interior if they have an interior in common; where a set does not span the space (points of a hull, a box that fixes
    coordinates), cells and pieces are those of the network on its span.  A single point counts as a ball that is small
    enough: the cells whose closure contains it, and the units and hyperplanes through it that have such cells on both
    sides.  A maximum of more than two lines has no hyperplane; it counts as a unit.
    The evidence is the proof of the cells on the set, and points in them; of a point inside one cell the point; of
    others the proof on a box so small that all cells there contain the point (kind ``around``).

Not here: the sets (`part_of_domain`), the whole domain (`judge_counts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text
from exactcpa.crosscheck.claim_fields import (
    choice,
    exact,
    integer_of,
    malformed,
    number,
    numbers,
    required,
    table,
)
from exactcpa.crosscheck.context import Context, TooManyCells, half_space
from exactcpa.crosscheck.flat_part import Part
from exactcpa.crosscheck.interior_points import value_at
from exactcpa.crosscheck.part_of_domain import ball_within, box_within, cells_on, hull_of
from exactcpa.errors import shown
from exactcpa.exact_points import common
from exactcpa.nearest_on import FarEnough, Nearest, decide_nearest
from exactcpa.numbers import to_json_number
from exactcpa.partition import Partition
from exactcpa.patterns import integer
from exactcpa.vectors import Vector, plain

FIELDS = {"local_count": (("value",), ("of", "ball", "box", "hull", "layer", "relation"))}
OF = ("cells", "units", "hyperplanes")
RELATIONS = {"equal": "", "at_least": "at least ", "at_most": "at most "}
MOST_POINTS = 200
"""Cells that are told one by one."""
FIRST_SHARE = Fraction(1, 1 << 10)
"""Of the domain, the box around a point that is looked at first; then the square of it, and so on."""


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball.

    Attributes:
        center: Shape ``(d,)``.
        radius: Positive.
        norm: "2", "1" or "inf".
    """

    center: Vector
    radius: Fraction
    norm: str


@dataclass(frozen=True, slots=True)
class Met:
    """The cells that meet a set.

    Attributes:
        patterns: Of these cells.
        points: A point in each, within the set; none if they are of a slice.
        evidence: That there are no others.
        around: A point that all their closures contain, if this is to be shown.
    """

    patterns: list[int]
    points: list[Vector]
    evidence: tuple[Evidence, ...]
    around: Vector | None = None


def judge_local_count(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a local count."""
    of, value = choice(claim, "of", OF, "cells"), number(claim, "value")
    relation = choice(claim, "relation", tuple(RELATIONS), "equal")
    layer = None
    if claim.body.get("layer") is not None:
        layer = integer_of(claim, "layer", below=max(1, len(context.form.layers) - 1))
    try:
        part, ball = _part(context, claim)
    except ValueError as problem:
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, str(problem), claimed=value)]
    if part is None:
        reason = "the set, without its boundary, has no point in the domain"
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason, claimed=value)]
    try:
        met = cells_in(context, part, ball)
    except TooManyCells as failure:
        reason = f"more than {failure.limit:,} cells meet the set or the box around it"
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason, claimed=value)]
    truth = Fraction(count(context, met.patterns, of, layer))
    error, tolerance = value - truth, claim.tolerance or Fraction(0)
    holds = {"equal": abs(error) <= tolerance, "at_least": error <= tolerance, "at_most": -error <= tolerance}
    outcome = Outcome.CONFIRMED if holds[relation] else Outcome.REFUTED
    verb = "meet" if of == "cells" else "cut"
    reason = f"{truth} {of} {verb} the set, claimed are {RELATIONS[relation]}{number_text(value)}"
    evidence = met.evidence + _points(context, met, of, layer)
    if not evidence:
        evidence = (
            Evidence("number", {"name": f"{of} that {verb} the set", "exact": to_json_number(truth)}),
        )
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, value, truth)]


def cells_in(context: Context, part: Part, ball: Ball | None) -> Met:
    """The cells that meet a part of the domain; if a ball of l2 is given, it is the box around it.

    Raises:
        TooManyCells: More than the context's limit.
    """
    if part.domain is None:
        return cells_around(context, part.origin)
    partition, proof = cells_on(context.network, part.domain, context.limit, context.seconds)
    evidence = () if proof is None else (Evidence("proof", {**proof, "cells": len(partition)}),)
    patterns = [integer(words) for words in partition.results.words]
    if ball is None:
        points = [partition.witness(i) for i in range(len(partition))] if part.axes is None else []
        return Met(patterns, points, evidence)
    found = Met([], [], evidence)
    apart: list[Evidence] = []
    for i, pattern in enumerate(patterns):
        outcome = _point_in_ball(context, partition, i, pattern, ball)
        if isinstance(outcome, Evidence):
            apart.append(outcome)
        else:
            found.patterns.append(pattern)
            found.points.append(outcome)
    return Met(found.patterns, found.points, evidence + (tuple(apart) if len(apart) <= MOST_POINTS else ()))


def cells_around(context: Context, point: Vector) -> Met:
    """The cells whose closures contain a point: those on a box around it, small enough to have no others.

    Raises:
        TooManyCells: More than the context's limit on one of the boxes.
    """
    if context.is_strictly_inside(point):
        pattern = context.pattern_of(point)
        if isinstance(pattern, int):
            return Met([pattern], [point], ())
    size = min([high - low for low, high in zip(context.domain.lower, context.domain.upper, strict=True)])
    share = FIRST_SHARE
    while True:
        radius = size * share
        box = box_within(context, [q - radius for q in point], [q + radius for q in point])
        assert box is not None and box.domain is not None  # the point is in the domain, which has an interior
        partition, proof = cells_on(context.network, box.domain, context.limit, context.seconds)
        patterns = [integer(words) for words in partition.results.words]
        if all(_contains(context, pattern, point) for pattern in patterns):
            evidence = () if proof is None else (Evidence("proof", {**proof, "cells": len(partition)}),)
            return Met(patterns, [partition.witness(i) for i in range(len(partition))], evidence, point)
        share *= share


def _contains(context: Context, pattern: int, point: Vector) -> bool:
    """Whether the closure of a cell contains a point."""
    at = common(point)
    return all(value_at(row.slack, at) >= 0 for row in context.cell_rows(pattern))


def _point_in_ball(
    context: Context, partition: Partition, number_: int, pattern: int, ball: Ball
) -> Vector | Evidence:
    """A point strictly inside a cell and the open ball, or that the cell is apart from it."""
    rows = [row for row in context.cell_rows(pattern) if any(row.slack)]
    found = decide_nearest(
        [half_space(row) for row in rows], ball.center, norm=ball.norm, enough=ball.radius * ball.radius
    )
    if isinstance(found, Nearest) and found.value < ball.radius * ball.radius:
        return _inwards(found.point, partition.witness(number_), ball)
    assert isinstance(found, Nearest | FarEnough)  # a cell is not empty
    weights = [
        [rows[i].key, to_json_number(t * rows[i].scale)] for i, t in sorted(found.multipliers.items()) if t
    ]
    body: dict[str, Any] = {
        "point": plain(ball.center),
        "norm": ball.norm,
        "pattern": context.pieces_of(pattern),
    }
    body |= {
        "value": to_json_number(ball.radius * ball.radius),
        "tie": None,
        "theta": 0,
        "multipliers": weights,
    }
    return Evidence("apart", body)


def _inwards(nearest: Vector, witness: Vector, ball: Ball) -> Vector:
    """A point between the nearest point and the witness, off the former, within the open ball."""
    step = Fraction(1)
    while True:
        at = tuple([a + step * (b - a) for a, b in zip(nearest, witness, strict=True)])
        if sum([(a - c) ** 2 for a, c in zip(at, ball.center, strict=True)]) < ball.radius * ball.radius:
            return at
        step /= 2


def count(context: Context, patterns: Sequence[int], of: str, layer: int | None) -> int:
    """The number of cells, or of the units or breakpoints at which they differ."""
    if of == "cells":
        return len(patterns)
    return len(differing(context, patterns, of, layer))


def differing(context: Context, patterns: Sequence[int], of: str, layer: int | None) -> list[tuple[int, int]]:
    """First bit and width of the units or breakpoints at which some patterns differ."""
    changed = 0
    for pattern in patterns:
        changed |= pattern ^ patterns[0]
    found = []
    for unit in context.form.units:
        if layer is not None and unit.layer != layer:
            continue
        if of == "units":
            found += [(unit.first, unit.width)] * bool(changed >> unit.first & ((1 << unit.width) - 1))
        elif unit.group < 0:
            bits = range(unit.first, unit.first + unit.width)
            found += [(bit, 1) for bit in bits if changed >> bit & 1]
    return found


def _points(context: Context, met: Met, of: str, layer: int | None) -> tuple[Evidence, ...]:
    """Points in the cells; of units, in as many cells as show that each of them cuts."""
    if not met.points or not met.patterns:
        return ()
    chosen = list(range(len(met.patterns)))
    if of != "cells":
        needed = {0}
        for first, width in differing(context, met.patterns, of, layer):
            mask = ((1 << width) - 1) << first
            needed.add(next(i for i in chosen if (met.patterns[i] ^ met.patterns[0]) & mask))
        chosen = sorted(needed)
    chosen = chosen[:MOST_POINTS]
    body = {
        "points": [plain(met.points[i]) for i in chosen],
        "patterns": [context.pieces_of(met.patterns[i]) for i in chosen],
    }
    shown_there = Evidence("points", body)
    if met.around is None:
        return (shown_there,)
    return shown_there, Evidence("around", {"point": plain(met.around), "patterns": body["patterns"]})


# ---------------------------------------------------------------------- fields


def _part(context: Context, claim: Claim) -> tuple[Part | None, Ball | None]:
    """The set as a part of the domain; of an l2 ball the box around it, and the ball.

    Raises:
        ValueError: It has too many faces.
    """
    given = [name for name in ("ball", "box", "hull") if claim.body.get(name) is not None]
    if len(given) != 1:
        raise malformed(claim, "ball", "expected one of ball, box and hull")
    value = required(claim, given[0])
    if given == ["hull"]:
        points = table(claim, "hull", value, (None, context.dimension))
        if not points:
            raise malformed(claim, "hull", "expected at least one point")
        return hull_of(context, points), None
    if given == ["box"]:
        fields = _fields(claim, "box", value, {"lower", "upper"}, set())
        lower, upper = (numbers(claim, "box", fields[side], context.dimension) for side in ("lower", "upper"))
        return box_within(context, lower, upper, without_boundary=True), None
    fields = _fields(claim, "ball", value, {"center", "radius"}, {"norm"})
    center = numbers(claim, "ball", fields["center"], context.dimension)
    radius, norm = exact(claim, "ball", fields["radius"]), fields.get("norm", "2")
    if radius <= 0 or norm not in ("1", "2", "inf"):
        raise malformed(claim, "ball", f"expected a positive radius and norm 1, 2 or inf, got {shown(value)}")
    ball = Ball(center, radius, norm)
    if not context.domain.contains(center) and norm == "2":
        raise malformed(claim, "ball", "expected a center in the domain")
    part = ball_within(context, center, radius, norm)
    return part, ball if norm == "2" and context.dimension > 1 else None


def _fields(claim: Claim, name: str, value: object, needed: set[str], others: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not needed <= set(value) <= needed | others:
        raise malformed(claim, name, f"expected fields {', '.join(sorted(needed))}, got {shown(value)}")
    return value
