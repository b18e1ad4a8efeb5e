"""Claims of kinds ``distance`` and ``margin``: how far a point is from other cells, a unit, another class.

Fields of both::

    point     in the domain's own coordinates
    norm      "2" (default), "1" or "inf"
    value     the distance (not its square)
    relation  "equal" (default), "at_least" (a lower bound; or "lower") or "at_most" (an upper bound; or "upper")

Of ``distance`` also::

    unit      [layer, index]: to this unit's bent hyperplane; absent: to the nearest boundary between cells

Of ``margin`` also::

    label        the class the point should have; if it has another, its margin is 0
    threshold    of the one output of a network with one; default 0
    adversarial  a point that is claimed to be of another class; instead of ``value``, or within it

With ``tolerance``: give or take that much.

Main definitions:
    judge_distance, judge_margin: The verdicts.

Conventions:
    The margin is the distance to the nearest point of the domain where another output is as large.  Distances of l2 are
    roots of rationals and compared by their squares.  In a large network nothing is searched farther than was claimed:
    if the distance is larger, that is all that is said of it.
    That nothing is nearer is shown by a partition file with a margin (kind ``margin``), or for the boundary of cells by
    the rows of the point's own cell (kind ``ball``); that something is as near by a point (kind ``reach``).

Not here: distances (`distance_to_partition`), margins (`point_margins`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

from exactcpa.cell import inequalities_of
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text
from exactcpa.crosscheck.claim_fields import (
    as_list,
    choice,
    integer_of,
    malformed,
    number,
    numbers,
    point,
    required,
    whole_numbers,
)
from exactcpa.crosscheck.context import CellRow, Context, TooManyCells
from exactcpa.crosscheck.part_of_domain import box_within, cells_on, embedded
from exactcpa.distance_to_partition import PartitionDistance, partition_distance
from exactcpa.domain import Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadArgument, CertificateRejected, ExactcpaError, shown
from exactcpa.exact_points import common
from exactcpa.exact_simplex import Optimal, maximise
from exactcpa.halfspaces import to_integers
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.network import Network
from exactcpa.norms import Measure, measure
from exactcpa.numbers import decimal_text, exact_text, to_json_number
from exactcpa.own_cell import Crossing
from exactcpa.point_margins import NONE, Margin, margin
from exactcpa.stages import Bend, is_unit, stages
from exactcpa.unit_networks import unit_questions
from exactcpa.vectors import Vector, dot, plain

FIELDS = {
    "distance": (("point", "value"), ("norm", "unit", "relation")),
    "margin": (("point",), ("norm", "value", "relation", "label", "threshold", "adversarial")),
}
RELATIONS = ("equal", "at_least", "at_most", "lower", "upper")
PLAIN = {"lower": "at_least", "upper": "at_most"}
SAID = {"equal": "", "at_least": "at least ", "at_most": "at most "}
SMALL_DIMENSION, SMALL_BITS = 3, 64
"""Networks up to this size are searched in all of the domain, others as far as the claim goes."""
MOST_CELLS = 4_000
"""Cells in which these are searched."""
ROOT_BITS = 64
"""Binary digits, at least, to which roots are rounded for figures and sentences."""


def judge_distance(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a distance to the boundary of cells, or to a unit's bent hyperplane."""
    x, norm = point(claim, "point", context), choice(claim, "norm", ("2", "1", "inf"), "2")
    if claim.body.get("unit") is None:
        found = partition_distance(context.network, x, context.domain, norm=norm)
        evidence = _boundary(context, found.unit, found.nearest, x, norm) + _ball(context, found, x)
        return [_verdict(claim, found.value, norm, evidence)]
    unit = _unit(context, claim)
    questions = [(q.network, q.threshold) for q in unit_questions(context.network, unit)]
    try:
        nearest, evidence = _nearest_tie(context, claim, x, norm, questions, unit)
    except TooManyCells as failure:
        return [_undecided(claim, failure)]
    if nearest is None:
        return [_verdict(claim, None, norm, evidence, is_all=_part(context, claim, x) is context.domain)]
    evidence = _boundary(context, unit, nearest[1], x, norm) + evidence
    return [_verdict(claim, nearest[0], norm, evidence)]


def judge_margin(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a margin, a bound of it, or an adversarial point."""
    x, norm = point(claim, "point", context), choice(claim, "norm", ("2", "1", "inf"), "2")
    if claim.body.get("adversarial") is not None:
        return _adversarial(context, claim, x, norm)
    number(claim, "value")
    scores = _scores(context, claim, x)
    if claim.body.get("label") is not None:
        label = integer_of(claim, "label", below=len(scores))
        if scores[label] < max(scores):
            evidence = tuple(_values(context, x))
            return [_verdict(claim, Fraction(0), norm, evidence, f"the point is not of class {label}")]
    try:
        nearest, evidence = _nearest_tie(
            context, claim, x, norm, [(context.network, _threshold(claim))], None
        )
    except TooManyCells as failure:
        return [_undecided(claim, failure)]
    if nearest is None:
        return [_verdict(claim, None, norm, evidence, is_all=_part(context, claim, x) is context.domain)]
    tie = _tie(context, claim, *nearest[2])
    evidence = (_reach(x, nearest[1], norm, nearest[0], tie), *evidence)
    return [_verdict(claim, nearest[0], norm, evidence)]


def _undecided(claim: Claim, failure: TooManyCells) -> Verdict:
    reason = f"more than {failure.limit:,} cells meet the box of the claimed distance"
    return Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason, claimed=number(claim, "value"))


Reached = tuple[Fraction, Vector, tuple[int | None, int]]
"""Distance (of l2 its square), nearest point, and the other class and that of the point."""


def _nearest_tie(
    context: Context,
    claim: Claim,
    x: Vector,
    norm: str,
    questions: Sequence[tuple[Network, Fraction | None]],
    unit: tuple[int, int] | None,
) -> tuple[Reached | None, tuple[Evidence, ...]]:
    """The nearest decision boundary of some networks, where it counts; and the evidence that none is nearer.

    Raises:
        TooManyCells: In the box of a large network.
    """
    part = _part(context, claim, x)
    best: Reached | None = None
    evidence: list[Evidence] = []
    if part is not context.domain:
        for network, _ in questions:
            cells_on(network, part, min(context.limit, MOST_CELLS), context.seconds, with_proof=False)
    for network, threshold in questions:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "margin.cpa"
            try:
                found = margin(network, x, part, norm=norm, threshold=threshold, certificate=path)
            except BadArgument as error:
                raise malformed(claim, "point", str(error)) from None
            where: dict[str, Any] = {} if part is context.domain else {"domain": domain_to_json(part)}
            if unit is not None:
                where |= {"unit": list(unit), "breakpoint": to_json_number(threshold or Fraction(0))}
            if unit is None or (threshold is not None and all(map(_is_plain, network.layers))):
                evidence += _margin_evidence(found, path, context, norm, where)
        if found.value is not None and found.nearest is not None and (best is None or found.value < best[0]):
            best = found.value, found.nearest, (found.pair[1], found.pair[0])
    is_beyond = best is not None and compare_root(_radius(claim), best[0], measure(norm, len(x))) < 0
    # A tie in a corner of the box may be farther away than what the box is good for.
    return None if is_beyond and part is not context.domain else best, tuple(evidence)


def _part(context: Context, claim: Claim, x: Vector) -> Domain:
    """Where to search: all of the domain if it is small, else a box that decides the claim."""
    if context.is_enumerated or (context.dimension <= SMALL_DIMENSION and context.form.bits <= SMALL_BITS):
        return context.domain
    radius = _radius(claim)
    part = None
    if radius > 0:
        part = box_within(context, [q - radius for q in x], [q + radius for q in x])
    return part.domain if part is not None and part.domain is not None else context.domain


def _radius(claim: Claim) -> Fraction:
    return number(claim, "value") + (claim.tolerance or 0)


def _adversarial(context: Context, claim: Claim, x: Vector, norm: str) -> list[Verdict]:
    """A point that is claimed to be of another class, perhaps within a distance."""
    y = numbers(claim, "adversarial", claim.body["adversarial"], context.dimension)
    if not context.domain.contains(y):
        return [
            Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, "the adversarial point is not in the domain")
        ]
    here, there = _scores(context, claim, x), _scores(context, claim, y)
    mine = max(range(len(here)), key=lambda j: here[j])
    rivals = [j for j in range(len(there)) if j != mine]
    best = max(rivals, key=lambda j: there[j], default=None)
    metric = measure(norm, len(x))
    length = metric.length([a - b for a, b in zip(y, x, strict=True)])
    if best is None or there[best] < there[mine]:
        reason = f"the point is of class {mine}, as the one it should differ from"
        evidence = (*_values(context, x), *_values(context, y))
        return [Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, evidence)]
    value = None if claim.body.get("value") is None else number(claim, "value")
    rival = {"output": 0, "threshold": to_json_number(_threshold(claim) or Fraction(0))}
    tie = _tie(context, claim, best, mine) if len(context.form.layers[-1].constant) > 1 else rival
    evidence = tuple(_values(context, y)) if tie is rival and there[best] > there[mine] else ()
    if not evidence:
        evidence = (_reach(x, y, norm, length, tie),)
    is_near = value is None or compare_root(value + (claim.tolerance or 0), length, metric) >= 0
    reason = f"the point has output {best} as large as {mine}, at distance {_text(length, norm)}"
    truth = _rational(length, metric)
    if is_near:
        return [Verdict(claim.id, claim.kind, Outcome.CONFIRMED, reason, evidence, value, truth)]
    said = f"{reason}, claimed is at most {number_text(value)}"
    return [Verdict(claim.id, claim.kind, Outcome.REFUTED, said, evidence, value, truth)]


def _verdict(
    claim: Claim,
    value: Fraction | None,
    norm: str,
    evidence: tuple[Evidence, ...],
    because: str = "",
    *,
    is_all: bool = True,
) -> Verdict:
    """Compare a claimed distance with the true one, of l2 given as its square; None: none was found.

    With `is_all` there is none in the domain, without none as near as claimed.
    """
    claimed, relation = number(claim, "value"), choice(claim, "relation", RELATIONS, "equal")
    relation, tolerance = PLAIN.get(relation, relation), claim.tolerance or Fraction(0)
    said = f"claimed is {SAID[relation]}{number_text(claimed)}"
    if value is None:
        outcome = Outcome.CONFIRMED if relation == "at_least" else Outcome.REFUTED
        reason = f"there is none in the domain, {said}" if is_all else f"there is none so near, {said}"
        if not evidence:
            evidence = (Evidence("number", {"name": "boundaries so near", "exact": 0}),)
        truth = "infinity" if is_all else f"more than {number_text(_radius(claim))}"
        return Verdict(claim.id, claim.kind, outcome, reason, evidence, claimed, truth)
    metric = measure(norm, 1)
    is_low = compare_root(claimed - tolerance, value, metric) <= 0
    is_high = compare_root(claimed + tolerance, value, metric) >= 0
    holds = {"equal": is_low and is_high, "at_least": is_low, "at_most": is_high}[relation]
    outcome = Outcome.CONFIRMED if holds else Outcome.REFUTED
    reason = f"{because + ': ' if because else ''}the distance is {_text(value, norm)}, {said}"
    truth = _rational(value, metric)
    figures = {} if isinstance(truth, Fraction) else {"error, rounded": claimed - _root(value)}
    return Verdict(claim.id, claim.kind, outcome, reason, evidence, claimed, truth, figures=figures)


def compare_root(claimed: Fraction, value: Fraction, metric: Measure) -> int:
    """The sign of a claimed distance minus the true one; ``value`` is the square in l2.

    Example:
        >>> compare_root(Fraction(3, 2), Fraction(2), measure("2", 1))
        1
    """
    if metric.is_squared:
        claimed = claimed * abs(claimed)
    return (claimed > value) - (claimed < value)


def _rational(value: Fraction, metric: Measure) -> Fraction | str:
    """A distance, exactly: a rational, or text."""
    found = _exact_root(value) if metric.is_squared else value
    return f"sqrt({exact_text(value)})" if found is None else found


def _exact_root(value: Fraction) -> Fraction | None:
    """The root, if it is rational."""
    above, below = isqrt(value.numerator), isqrt(value.denominator)
    return Fraction(above, below) if above**2 == value.numerator and below**2 == value.denominator else None


def _root(value: Fraction) -> Fraction:
    """A root, rounded down."""
    bits = ROOT_BITS + max(0, (value.denominator.bit_length() - value.numerator.bit_length()) // 2)
    return Fraction(isqrt((value.numerator << 2 * bits) // value.denominator), 1 << bits)


def _text(value: Fraction, norm: str) -> str:
    """A distance for a sentence, of l2 from its square: exact if that is short, else rounded and said to be."""
    found = _exact_root(value) if norm == "2" else value
    if found is not None:
        return number_text(found)
    exact = number_text(value)
    return f"sqrt({exact})" if exact == exact_text(value) else f"about {decimal_text(_root(value))}"


# ---------------------------------------------------------------------- evidence


def _reach(x: Vector, nearest: Vector, norm: str, value: Fraction, tie: dict[str, Any]) -> Evidence:
    """That a tie is that near."""
    body = {
        "point": plain(x),
        "nearest": plain(nearest),
        "norm": norm,
        "value": to_json_number(value),
        "tie": tie,
    }
    return Evidence("reach", body)


def _boundary(
    context: Context, unit: tuple[int, int] | None, nearest: Vector | None, x: Vector, norm: str
) -> tuple[Evidence, ...]:
    """That a unit is at a breakpoint at the nearest point; of a maximum of more than two, nothing."""
    if nearest is None or unit is None:
        return ()
    layer, index = unit
    entry = list(filter(is_unit, stages(context.network)[layer].units))[index]
    if not isinstance(entry, Bend) and len(entry.sources) > 2:
        return ()
    tied = next((k for k, height in enumerate(_heights(context, unit, nearest)) if not height), None)
    if tied is None:
        return ()
    value = measure(norm, len(x)).length([a - b for a, b in zip(nearest, x, strict=True)])
    return (_reach(x, nearest, norm, value, {"unit": [layer, index], "breakpoint": tied}),)


def _heights(context: Context, unit: tuple[int, int], at: Vector) -> list[Fraction]:
    """The switches of a unit at a point: pre-activation minus breakpoint, or the lead of a maximum's second line."""
    heights = []
    for question in unit_questions(context.network, unit):
        outputs = question.network.forward(context.domain.embed(at))
        heights.append(
            outputs[1] - outputs[0] if question.threshold is None else outputs[0] - question.threshold
        )
    return heights


def _ball(context: Context, found: PartitionDistance, x: Vector) -> tuple[Evidence, ...]:
    """That the open ball of that radius is in the point's own cell."""
    if found.value == 0:
        return ()
    pattern = context.pattern_of(x)
    assert not isinstance(pattern, Crossing)  # it would be at distance 0
    walls = {}
    for row in context.cell_rows(pattern):
        if row.key >= 0 and any(row.slack[:-1]):
            weights = _wall_weights(context, row, x, found.value, found.measure)
            if weights:
                walls[str(row.key)] = [[k, to_json_number(q)] for k, q in weights]
    value = None if found.value is None else to_json_number(found.value)
    where = {"point": plain(x), "norm": found.measure.norm, "value": value}
    return (Evidence("ball", {**where, "pattern": context.pieces_of(pattern), "walls": walls}),)


def _wall_weights(
    context: Context, row: CellRow, x: Vector, value: Fraction | None, metric: Measure
) -> list[tuple[int, Fraction]]:
    """Multipliers of the domain's rows that show that a row of the cell is not crossed within the distance."""
    slack = [Fraction(a) / row.scale for a in row.slack]
    gap, length = dot(slack[:-1], x) + slack[-1], metric.dual(slack[:-1])
    if value is not None and value * length <= (gap * gap if metric.is_squared else gap):
        return []
    walls = inequalities_of(context.domain)
    rows = [(*normal, offset) for normal, offset in walls]
    integers = [to_integers(normal, offset) for normal, offset in walls]
    goal, denominator = common([-a for a in slack[:-1]])
    least = maximise(integers, goal, common(context.domain.interior))
    assert isinstance(least, Optimal)  # a domain is bounded
    if slack[-1] - Fraction(least.value) / denominator >= 0:
        weights = [
            (i, Fraction(t, least.theta * denominator) * _factor(integers[i], rows[i]))
            for i, t in sorted(least.multipliers.items())
        ]
        return [(i, q) for i, q in weights if q]
    crossing = (*slack[:-1], -slack[-1])
    found = decide_nearest([*rows, crossing], x, norm=metric.norm, enough=value)
    last = found.multipliers.get(len(rows), Fraction(0))
    if value is None or not last or (isinstance(found, Nearest) and found.value < value):
        raise CertificateRejected("distance: a row of the cell is crossed nearer than the distance")
    return [(i, t / last) for i, t in sorted(found.multipliers.items()) if i < len(rows) and t]


def _factor(integers: Sequence[int], row: Sequence[Fraction]) -> Fraction:
    """The positive factor from a row to its integer row."""
    j = next(j for j, q in enumerate(row) if q)
    return integers[j] / row[j]


def _is_plain(layer: object) -> bool:
    return type(layer).__name__ not in ("Residual", "MaxOut", "MaxPool")


def _margin_evidence(
    found: Margin, path: Path, context: Context, norm: str, where: dict[str, Any]
) -> tuple[Evidence, ...]:
    """A margin as evidence, if its file is short."""
    body = embedded(path, context.domain) if path.exists() else None
    if body is None or (found.value is None and found.status != NONE):
        return ()
    value = None if found.value is None else to_json_number(found.value)
    kept = {name: body[name] for name in ("base64", "sha256")}
    return (Evidence("margin", {**kept, "point": plain(found.point), "norm": norm, "value": value, **where}),)


def _values(context: Context, at: Vector) -> list[Evidence]:
    """All outputs at a point."""
    outputs = context.network.forward(context.domain.embed(at))
    return [
        Evidence("value", {"point": plain(at), "output": i, "value": to_json_number(q)})
        for i, q in enumerate(outputs)
    ]


def _tie(context: Context, claim: Claim, rival: int | None, mine: int) -> dict[str, Any]:
    if context.form.layers[-1].lines == 1:
        return {"output": 0, "threshold": to_json_number(_threshold(claim) or Fraction(0))}
    return {"outputs": [rival, mine]}


def _scores(context: Context, claim: Claim, at: Vector) -> tuple[Fraction, ...]:
    """A number for every class; of one output 0 and what it is above its threshold."""
    outputs = tuple(context.network.forward(context.domain.embed(at)))
    return (Fraction(0), outputs[0] - (_threshold(claim) or 0)) if len(outputs) == 1 else outputs


# ---------------------------------------------------------------------- fields


def _threshold(claim: Claim) -> Fraction | None:
    return None if claim.body.get("threshold") is None else number(claim, "threshold")


def _unit(context: Context, claim: Claim) -> tuple[int, int]:
    listed = as_list(claim, "unit", required(claim, "unit"))
    try:
        layer, index = whole_numbers(listed)
        unit_questions(context.network, (layer, index))
    except (TypeError, ValueError, ExactcpaError):
        raise malformed(claim, "unit", f"expected [layer, index] of a unit, got {shown(listed)}") from None
    return layer, index
