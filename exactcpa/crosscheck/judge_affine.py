"""Claims of kind ``affine``: the affine map of the network on the cell of a pattern, or around a point.

Fields::

    matrices     shape (n, outputs, d)
    shifts       shape (n, outputs); may be absent: then only the matrices are claimed
    patterns     n patterns; see `claim_fields` for the encodings; either these or
    points       n points of the domain, in its own coordinates
    encoding     "pieces" (default), "signs", "bits" or "words"
    coordinates  "domain" (default): a map of the domain's coordinates; "input": of the network's input (shape
                 (n, outputs, inputs)), which is then restricted to the domain; the two differ only for slices

``tolerance`` is how far any entry may be off.

Main definitions:
    judge_affine: A verdict for all maps, and one for each that is wrong or cannot be judged, up to `MOST_TOLD`.

Conventions:
    At a point where cells meet, the map of any of them is right.

Not here:
    Values of the network alone: `judge_bounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactcpa.cell import AffineMap
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text
from exactcpa.crosscheck.claim_fields import (
    as_list,
    choice,
    malformed,
    numbers,
    patterns,
    point_from,
    required,
    table,
)
from exactcpa.crosscheck.context import Context, Emptiness, TooManyCells
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.own_cell import Crossing
from exactcpa.patterns import integer
from exactcpa.vectors import Vector, dot, plain

FIELDS = {"affine": (("matrices",), ("shifts", "patterns", "points", "encoding", "coordinates"))}
MOST_TOLD = 100
"""Wrong maps that get a verdict and evidence each."""
NEARBY = Fraction(1, 2**20)
"""Half the side of the box around a point in which the cells that meet at it are looked for."""
MOST_NEARBY = 10_000
"""Cells of that box beyond which a point is left open."""

Maps = Sequence[tuple[tuple[Vector, ...], Vector | None]]


def judge_affine(context: Context, claim: Claim) -> list[Verdict]:
    """Judge affine maps."""
    if ("patterns" in claim.body) == ("points" in claim.body):
        raise malformed(claim, "patterns", "expected either patterns or points")
    by_pattern = "patterns" in claim.body
    places = _places(context, claim, by_pattern=by_pattern)
    maps = _maps(context, claim, len(places))
    items, examples = [], []
    for number, (place, claimed) in enumerate(zip(places, maps, strict=True)):
        judge = _on_cell if by_pattern else _at_point
        verdict = judge(context, claim, place, claimed, f"{'pattern' if by_pattern else 'point'} {number}")
        if verdict.outcome is Outcome.CONFIRMED:
            examples += verdict.evidence if len(examples) < MOST_TOLD else ()
        else:
            items.append(verdict)
    counts = {outcome: sum(item.outcome is outcome for item in items) for outcome in Outcome}
    wrong, left = counts[Outcome.REFUTED], counts[Outcome.UNDECIDABLE]
    right = len(places) - wrong - left
    outcome = Outcome.REFUTED if wrong else Outcome.UNDECIDABLE if left else Outcome.CONFIRMED
    reason = f"{right:,} of {len(places):,} maps are right" + (f", {left:,} were not decided" if left else "")
    items.sort(key=lambda item: item.outcome is not Outcome.REFUTED)
    evidence = tuple([e for item in items[:2] for e in item.evidence]) if items else tuple(examples)
    figures = {"listed": len(places), "right": right, "wrong": wrong, "undecided": left}
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, figures=figures), *items[:MOST_TOLD]]


def _places(context: Context, claim: Claim, *, by_pattern: bool) -> list[Any]:
    if by_pattern:
        found = patterns(claim, "patterns", context)
        return [found[i] for i in range(len(found))]
    points = as_list(claim, "points", required(claim, "points"))
    return [point_from(claim, "points", point, context) for point in points]


def _maps(context: Context, claim: Claim, count: int) -> Maps:
    """The claimed maps, in the domain's coordinates."""
    is_ambient = choice(claim, "coordinates", ("domain", "input"), "domain") == "input"
    outputs = context.form.layers[-1].lines
    width = context.domain.ambient if is_ambient else context.dimension
    matrices = as_list(claim, "matrices", required(claim, "matrices"))
    shifts = as_list(claim, "shifts", claim.body["shifts"]) if "shifts" in claim.body else [None] * count
    for field, values in (("matrices", matrices), ("shifts", shifts)):
        if len(values) != count:
            raise malformed(claim, field, f"expected {count}, one for each place, got {len(values)}")
    found = []
    for matrix, shift in zip(matrices, shifts, strict=True):
        rows = table(claim, "matrices", matrix, (outputs, width))
        constant = None if shift is None else numbers(claim, "shifts", shift, outputs)
        found.append(_restricted(context.domain, rows, constant) if is_ambient else (rows, constant))
    return found


def _restricted(
    domain: Domain, rows: tuple[Vector, ...], constant: Vector | None
) -> tuple[tuple[Vector, ...], Vector | None]:
    """A map of the network's input as one of the domain's coordinates."""
    if not isinstance(domain, Slice):
        return rows, constant
    columns = list(zip(*domain.basis, strict=True))
    matrix = tuple([tuple([dot(row, column) for column in columns]) for row in rows])
    if constant is None:
        return matrix, None
    return matrix, tuple([dot(row, domain.origin) + c for row, c in zip(rows, constant, strict=True)])


# ---------------------------------------------------------------------- one map


def _on_cell(context: Context, claim: Claim, pattern: int, claimed: Any, item: str) -> Verdict:
    """Compare with the map on a pattern's cell; there must be one."""
    is_cell, evidence = context.evidence_of(pattern)
    if not is_cell:
        reason = "the pattern is no cell, so the network has no map there"
        return Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, (evidence,), item=item)
    return _compared(context, claim, pattern, claimed, item, evidence)


def _at_point(context: Context, claim: Claim, point: Vector, claimed: Any, item: str) -> Verdict:
    """Compare with the map of the cell that contains a point."""
    pattern = context.pattern_of(point)
    if isinstance(pattern, Crossing):
        return _between(context, claim, point, claimed, item)
    witness = context.witness_of(pattern)
    assert not isinstance(witness, Emptiness)  # the cell of a point of the domain
    return _compared(context, claim, pattern, claimed, item, context.point_evidence(witness, pattern))


def _compared(
    context: Context, claim: Claim, pattern: int, claimed: Any, item: str, evidence: Evidence
) -> Verdict:
    truth = context.map_of(pattern)
    error = _largest_error(truth, claimed)
    is_right = abs(error) <= (claim.tolerance or 0)
    shown = (_map_evidence(context, pattern, truth), evidence)
    outcome = Outcome.CONFIRMED if is_right else Outcome.REFUTED
    reason = f"the entry that is furthest off is off by {number_text(error)}" if error else "the map is exact"
    return Verdict(claim.id, claim.kind, outcome, reason, shown, error, Fraction(0), item=item)


def _map_evidence(context: Context, pattern: int, truth: AffineMap) -> Evidence:
    matrix = [plain(row) for row in truth.matrix]
    body = {"pattern": context.pieces_of(pattern), "matrix": matrix, "shift": plain(truth.shift)}
    return Evidence("map", body)


def _largest_error(truth: AffineMap, claimed: Any) -> Fraction:
    """Claimed minus true of the entry that is furthest off."""
    matrix, shift = claimed
    errors = [
        a - b for row, mine in zip(matrix, truth.matrix, strict=True) for a, b in zip(row, mine, strict=True)
    ]
    if shift is not None:
        errors += [a - b for a, b in zip(shift, truth.shift, strict=True)]
    return max(errors, key=abs, default=Fraction(0))


# ---------------------------------------------------------------------- where cells meet


def _between(context: Context, claim: Claim, point: Vector, claimed: Any, item: str) -> Verdict:
    """Compare with the maps of all cells that meet at a point."""
    nearby = Context(context.network, _around(context.domain, point), limit=MOST_NEARBY)
    try:
        part = nearby.partition()
    except TooManyCells as failure:
        reason = f"cells meet at the point, {failure} near it"
        return Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason, item=item)
    words = part.results.words
    found = [integer(words[i]) for i in part.locate(point).cells]
    verdicts = [
        _compared(context, claim, pattern, claimed, item, context.point_evidence(part.witness(i), pattern))
        for i, pattern in zip(part.locate(point).cells, found, strict=True)
    ]
    right = [verdict for verdict in verdicts if verdict.outcome is Outcome.CONFIRMED]
    if right:
        return right[0]
    nearest = min(verdicts, key=lambda verdict: abs(verdict.claimed))  # type: ignore[arg-type]
    shown = tuple([evidence for verdict in verdicts for evidence in verdict.evidence])
    reason = (
        f"{len(found)} cells meet at the point, and the map is that of none; of the nearest, {nearest.reason}"
    )
    return Verdict(
        claim.id, claim.kind, Outcome.REFUTED, reason, shown, nearest.claimed, Fraction(0), item=item
    )


def _around(domain: Domain, point: Vector) -> Domain:
    """The part of a domain in a small box around one of its points."""
    match domain:
        case Slice():
            within = _around(domain.within, point)
            return Slice(domain.origin, domain.basis, within)  # type: ignore[arg-type]
        case Box():
            lower = [max(x - NEARBY, low) for x, low in zip(point, domain.lower, strict=True)]
            upper = [min(x + NEARBY, high) for x, high in zip(point, domain.upper, strict=True)]
            return Box(lower, upper)  # type: ignore[arg-type]
    d = len(point)
    axes = [[int(i == j) for j in range(d)] for i in range(d)]
    normals = [*domain.A, *axes, *[[-a for a in axis] for axis in axes]]
    offsets = [*domain.b, *[x + NEARBY for x in point], *[NEARBY - x for x in point]]
    return Polytope(normals, offsets)  # type: ignore[arg-type]
