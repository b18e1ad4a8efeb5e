"""Claims of kind ``volume``: the volume or the probability of a cell, or of a class.

Fields::

    value     the number
    pattern   of a cell: the pieces of all units (field ``encoding`` for another encoding); or
    point     of the cell that contains this point; or
    class     of the set where this output is the largest (ties go to the first)
    measure   "volume" (default), or "probability": volume over that of the domain
    relation  "equal" (default), "at_least" or "at_most"

With ``tolerance``: give or take that much.

Main definitions:
    judge_volume: The verdict.

Conventions:
    Volumes are d-dimensional, in the domain's own coordinates.  Up to three dimensions the evidence has them computed
    again by the evidence checker, cell by cell (kind ``volume``); in more a number is only stated.  A pattern that is
    no cell has volume 0.  The volume of a cell needs no other; that of a class needs all.

Not here: triangulations (`geometry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactcpa import geometry
from exactcpa.cell import walls_of
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text
from exactcpa.crosscheck.claim_fields import choice, integer_of, malformed, number, patterns, point
from exactcpa.crosscheck.context import Context, Emptiness, TooManyCells, half_space
from exactcpa.halfspaces import to_integers
from exactcpa.numbers import to_json_number
from exactcpa.own_cell import Crossing
from exactcpa.patterns import integer

FIELDS = {"volume": (("value",), ("pattern", "point", "class", "measure", "relation", "encoding"))}
RELATIONS = {"equal": "", "at_least": "at least ", "at_most": "at most "}
MOST_PIECES = 400
"""Cells of which the volume is told one by one."""
LARGEST_CHECKED = 3
LARGEST = 6
"""Dimensions up to which volumes are computed: a cell of 30 facets is cut into millions of simplices from 7 on."""


def judge_volume(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a volume."""
    value, relation = number(claim, "value"), choice(claim, "relation", tuple(RELATIONS), "equal")
    measure = choice(claim, "measure", ("volume", "probability"), "volume")
    given = [name for name in ("pattern", "point", "class") if name in claim.body]
    if len(given) != 1:
        raise malformed(claim, "pattern", "expected one of pattern, point and class")
    try:
        volume, evidence = (
            _of_class(context, claim) if given == ["class"] else _of_cell(context, claim, given[0])
        )
    except TooManyCells as failure:
        reason = f"there are more than {failure.limit:,} cells, where adding up stopped"
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason, claimed=value)]
    if isinstance(volume, str):
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, volume, claimed=value)]
    truth = volume
    if measure == "probability":
        whole = geometry.volume(walls_of(context.domain))
        truth = volume / whole
        evidence = (*evidence, *_told(context, {}, whole))
    error, tolerance = value - truth, claim.tolerance or Fraction(0)
    holds = {"equal": abs(error) <= tolerance, "at_least": error <= tolerance, "at_most": -error <= tolerance}
    outcome = Outcome.CONFIRMED if holds[relation] else Outcome.REFUTED
    what = {"pattern": "the cell", "point": "the cell", "class": "the class"}[given[0]]
    reason = f"the {measure} of {what} is {number_text(truth)}, claimed is {RELATIONS[relation]}{number_text(value)}"
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, value, truth)]


def _of_cell(context: Context, claim: Claim, given: str) -> tuple[Fraction | str, tuple[Evidence, ...]]:
    """The volume of the cell of a pattern or point."""
    if given == "point":
        found = context.pattern_of(point(claim, "point", context))
        if isinstance(found, Crossing):
            return f"the point is on the boundary of cells, where unit {found.unit} switches", ()
        pattern = found
    else:
        pattern = patterns(claim, "pattern", context, [claim.body["pattern"]])[0]
    empty = context.witness_of(pattern)
    if isinstance(empty, Emptiness):
        return Fraction(0), (context.empty_evidence(pattern, empty),)
    if context.dimension > LARGEST:
        return _too_many_dimensions(context), ()
    volume = geometry.volume(_rows(context, pattern))
    return volume, _told(context, {"pattern": context.pieces_of(pattern)}, volume)


def _of_class(context: Context, claim: Claim) -> tuple[Fraction, tuple[Evidence, ...]]:
    """The volume of the set where an output is the largest: of its part of every cell."""
    label = integer_of(claim, "class", below=context.form.layers[-1].lines)
    if context.dimension > LARGEST:
        return _too_many_dimensions(context), ()
    part = context.partition()
    total, told = Fraction(0), []
    for cell in range(len(part)):
        pattern = integer(part.results.words[cell])
        leads = class_rows(context, pattern, label)
        volume = Fraction(0) if leads is None else geometry.volume(_rows(context, pattern) + leads)
        total += volume
        told += _told(context, {"pattern": context.pieces_of(pattern), "class": label}, volume)
    if len(part) > MOST_PIECES or context.dimension > LARGEST_CHECKED:
        return total, (Evidence("number", {"name": "volume of the class", "exact": to_json_number(total)}),)
    proof = context.proof_evidence()
    return total, tuple(told) if proof is None else (proof, *told)


def _too_many_dimensions(context: Context) -> str:
    return f"volumes are computed in up to {LARGEST} dimensions, the domain has {context.dimension}"


def class_rows(context: Context, pattern: int, label: int) -> list[tuple[int, ...]] | None:
    """Rows of the part of a cell where an output is the largest, ties to the first; None: nowhere.

    Args:
        context: Of the network.
        pattern: The cell.
        label: The output.
    """
    affine = context.map_of(pattern)
    outputs = [(*row, shift) for row, shift in zip(affine.matrix, affine.shift, strict=True)]
    rows = []
    for other, output in enumerate(outputs):
        *normal, lead = (a - b for a, b in zip(output, outputs[label], strict=True))
        if any(normal):
            rows.append(to_integers(normal, -lead))
        elif lead > 0 or (lead == 0 and other < label):
            return None
    return rows


def _rows(context: Context, pattern: int) -> list[tuple[int, ...]]:
    return [half_space(row) for row in context.cell_rows(pattern) if any(row.slack)]


def _told(context: Context, where: dict[str, object], volume: Fraction) -> Sequence[Evidence]:
    """A volume as evidence that is computed again; beyond three dimensions a number."""
    exact = to_json_number(volume)
    if context.dimension > LARGEST_CHECKED:
        return (Evidence("number", {"name": "volume", "exact": exact}),)
    return (Evidence("volume", {**where, "value": exact}),)
