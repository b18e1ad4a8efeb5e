"""Claims of kind ``count``: how many cells, linear regions, shared facets or affine maps there are.

Fields::

    of        "cells" (default), "linear_regions", "facets" (those between two cells) or "affine_maps" (different ones)
    value     the number; an estimate need not be whole
    relation  "equal" (default), "at_least" or "at_most"

With ``tolerance`` the number is an estimate with that error: equal means |value - truth| <= tolerance, and bounds are
moved by it in the claimant's favour.

Main definitions:
    judge_count: The verdict.

Conventions:
    The partition is enumerated up to the context's limit.  Beyond it a count of cells is still refuted, or confirmed
    as a lower bound, where the limit itself decides.

Not here:
    Lists of patterns: `judge_patterns`.
"""

from __future__ import annotations

from fractions import Fraction

from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text
from exactcpa.crosscheck.claim_fields import choice, number
from exactcpa.crosscheck.context import Context, TooManyCells
from exactcpa.vectors import plain

FIELDS = {"count": (("value",), ("of", "relation"))}
NAMES = {
    "cells": "cells",
    "linear_regions": "linear regions",
    "facets": "shared facets",
    "affine_maps": "different affine maps",
}
RELATIONS = {"equal": "", "at_least": "at least ", "at_most": "at most "}
MOST_POINTS = 200
"""Cells that are told one by one, to show that there are more than claimed."""


def judge_count(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a count."""
    of = choice(claim, "of", tuple(NAMES), "cells")
    relation = choice(claim, "relation", tuple(RELATIONS), "equal")
    value = number(claim, "value")
    try:
        truth = _truth(context, of)
    except TooManyCells as failure:
        return [_beyond(claim, of, relation, value, failure.limit)]
    holds = _holds(relation, value, Fraction(truth), claim.tolerance or Fraction(0))
    outcome = Outcome.CONFIRMED if holds else Outcome.REFUTED
    reason = f"there are {truth:,} {NAMES[of]}, claimed are {RELATIONS[relation]}{number_text(value)}{_give(claim)}"
    evidence = _evidence(context, of, truth, value)
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, value, Fraction(truth))]


def _truth(context: Context, of: str) -> int:
    part = context.partition()
    if of == "affine_maps":
        return part.distinct_affine_maps()
    return int(part.results.facts["edges" if of == "facets" else of])


def _holds(relation: str, value: Fraction, truth: Fraction, tolerance: Fraction) -> bool:
    match relation:
        case "at_least":
            return truth >= value - tolerance
        case "at_most":
            return truth <= value + tolerance
    return abs(value - truth) <= tolerance


def _give(claim: Claim) -> str:
    return f", give or take {number_text(claim.tolerance)}" if claim.tolerance else ""


def _evidence(context: Context, of: str, truth: int, value: Fraction) -> tuple[Evidence, ...]:
    """The proof of the partition; else, of too few cells, one more point in cells of their own; else the number."""
    proof = context.proof_evidence()
    if proof is not None and of != "affine_maps":
        return (proof,)
    if of == "cells" and 0 <= value < truth and value < MOST_POINTS:
        return (points_of(context, range(int(value) + 1)),)
    return (Evidence("number", {"name": NAMES[of], "exact": truth}),)


def points_of(context: Context, cells: range | list[int]) -> Evidence:
    """Points strictly inside some cells of the partition, as evidence."""
    part = context.partition()
    words = part.results.words
    found = [int.from_bytes(words[i].astype("<u8").tobytes(), "little") for i in cells]
    body = {
        "points": [plain(part.witness(i)) for i in cells],
        "patterns": [context.pieces_of(pattern) for pattern in found],
    }
    return Evidence("points", body)


def _beyond(claim: Claim, of: str, relation: str, value: Fraction, limit: int) -> Verdict:
    """What more cells than the limit say."""
    least, tolerance = Fraction(limit + 1), claim.tolerance or Fraction(0)
    reason = f"there are more than {limit:,} cells, where counting stopped"
    outcome = Outcome.UNDECIDABLE
    if of == "cells" and relation == "at_least" and value - tolerance <= least:
        outcome = Outcome.CONFIRMED
    elif of == "cells" and relation != "at_least" and value + tolerance < least:
        outcome = Outcome.REFUTED
    told = f"{reason}; claimed are {RELATIONS[relation]}{number_text(value)} {NAMES[of]}{_give(claim)}"
    evidence = (Evidence("number", {"name": "cells, at least", "exact": limit + 1}),)
    return Verdict(claim.id, claim.kind, outcome, told, evidence, value)
