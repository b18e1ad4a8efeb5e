"""Claims of kind ``patterns``: a list of activation patterns that a tool says are cells, all of them perhaps.

Fields::

    patterns  a list of patterns; see `claim_fields` for the encodings
    encoding  "pieces" (default), "signs", "bits" or "words"
    complete  whether these are said to be all cells (default false)

Main definitions:
    judge_patterns: A verdict for the list, and one for each wrong or missing pattern, up to `MOST_TOLD`.

Conventions:
    Repetitions are no errors; the figures count them.  A short list is judged pattern by pattern, without enumeration.
    Where the partition is needed and too large, a list said to be complete is refuted by a cell across a facet of a
    listed one that is not listed, if there is one.

Not here:
    Volumes of what a list covers: `summary`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from exactcpa.adjacency import across
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict
from exactcpa.crosscheck.claim_fields import Patterns, flag, patterns
from exactcpa.crosscheck.context import Context, Emptiness, TooManyCells, half_space
from exactcpa.crosscheck.judge_counts import points_of
from exactcpa.exact_points import common
from exactcpa.halfspaces import irredundant
from exactcpa.numbers import decimal_text, exact_text
from exactcpa.patterns import integer
from exactcpa.vectors import Vector, plain

FIELDS = {"patterns": (("patterns",), ("encoding", "complete"))}
MOST_TOLD = 100
"""Wrong patterns, and missing ones, that get a verdict and evidence each; right ones that get a point."""
SHORT = 500
"""Patterns that are judged one by one unless the partition is there already."""
LARGEST_MEASURED = 20_000
"""Cells of which the exact volume is found for the figures."""


@dataclass
class _Findings:
    """What was found of a list, gathered."""

    right: int = 0
    wrong: dict[int, Evidence] = field(default_factory=dict)
    wrong_count: int = 0
    examples: list[tuple[int, Vector]] = field(default_factory=list)
    cells: np.ndarray | None = None


def judge_patterns(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a list of patterns."""
    listed = patterns(claim, "patterns", context)
    is_complete = flag(claim, "complete", default=False)
    order = _first_of_each(listed)
    try:
        if is_complete or (len(order) > SHORT and not context.is_too_large):
            context.partition()
    except TooManyCells:
        pass
    if context.is_enumerated:
        return _by_partition(context, claim, listed, order, is_complete=is_complete)
    return _one_by_one(context, claim, listed, order, is_complete=is_complete)


def _first_of_each(listed: Patterns) -> np.ndarray:
    """The numbers of the first of all equal patterns (also in what they say is flat), ascending."""
    if not len(listed):
        return np.empty(0, np.int64)
    flat, numbers = np.zeros((len(listed), 1), np.uint64), {}
    for i, bits in listed.flat.items():
        flat[i] = numbers.setdefault(bits, len(numbers) + 1)
    rows = np.hstack([listed.words, flat])
    keys = rows.view([("", np.uint64)] * rows.shape[1]).ravel()
    return np.sort(np.unique(keys, return_index=True)[1])


# ---------------------------------------------------------------------- against all cells


def _by_partition(
    context: Context, claim: Claim, listed: Patterns, order: np.ndarray, *, is_complete: bool
) -> list[Verdict]:
    """Look every pattern up among all cells."""
    cells = context.find_all(listed.words[order])
    seen = np.zeros(len(context.partition()), bool)
    seen[cells[cells >= 0]] = True
    found = _Findings(right=int((cells >= 0).sum()), cells=np.flatnonzero(seen))
    phantoms = order[cells < 0].tolist()
    for i in phantoms[:MOST_TOLD]:
        _note_wrong(context, listed, i, found)
    found.wrong_count = len(phantoms)
    for i in order[cells >= 0].tolist():
        if i in listed.flat:
            _note_wrong(context, listed, i, found)
    missing = np.flatnonzero(~seen).tolist()
    figures = _figures(listed, order, found) | {"cells": len(seen), "missing": len(missing)}
    figures |= _volumes(context, found.cells)
    items = [_wrong(claim, i, evidence) for i, evidence in found.wrong.items()]
    if is_complete:
        items += [_missing(context, claim, j) for j in missing[:MOST_TOLD]]
    is_right = not found.wrong_count and not (is_complete and missing)
    shown = points_of(context, found.cells[:MOST_TOLD].tolist()) if found.cells.size else None
    evidence = _overall_evidence(context, items, shown, is_right=is_right, is_complete=is_complete)
    outcome = Outcome.CONFIRMED if is_right else Outcome.REFUTED
    reason = _sentence(figures, is_complete=is_complete)
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, figures=figures), *items]


def _overall_evidence(
    context: Context, items: list[Verdict], shown: Evidence | None, *, is_right: bool, is_complete: bool
) -> tuple[Evidence, ...]:
    """Of a wrong list its first errors; of a right one points, and if all cells are listed the proof, too."""
    if not is_right:
        return tuple([evidence for item in items[:2] for evidence in item.evidence])
    proof = context.proof_evidence() if is_complete else None
    return tuple([evidence for evidence in (shown, proof) if evidence is not None])


def _missing(context: Context, claim: Claim, cell: int) -> Verdict:
    part = context.partition()
    pattern, witness = integer(part.results.words[cell]), part.witness(cell)
    reason = f"a cell that is not listed contains {_text(witness)}"
    evidence = context.point_evidence(witness, pattern)
    return Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, (evidence,), item=f"missing cell {cell}")


def _volumes(context: Context, cells: np.ndarray | None) -> dict[str, Fraction]:
    """The exact volume of the listed cells, and of the domain, if that is cheap."""
    part = context.partition()
    if context.dimension > 3 or len(part) > LARGEST_MEASURED or cells is None:
        return {}
    volumes = context.volumes()
    return {
        "volume_found": sum((volumes[i] for i in cells.tolist()), Fraction(0)),
        "volume": sum(volumes, Fraction(0)),
    }


# ---------------------------------------------------------------------- pattern by pattern


def _one_by_one(
    context: Context, claim: Claim, listed: Patterns, order: np.ndarray, *, is_complete: bool
) -> list[Verdict]:
    """Ask every pattern for a point or for the proof that there is none."""
    found = _Findings()
    for i in order.tolist():
        witness = context.witness_of(listed[i])
        if isinstance(witness, Emptiness):
            _note_wrong(context, listed, i, found, witness)
        else:
            found.right += 1
            found.examples.append((i, witness))
            if i in listed.flat:
                _note_wrong(context, listed, i, found, witness)
    items = [_wrong(claim, i, evidence) for i, evidence in found.wrong.items()]
    beyond = _beyond_the_list(context, listed, found) if is_complete else None
    if beyond is not None:
        pattern, witness = beyond
        reason = f"a cell that is not listed contains {_text(witness)}, beside a listed one"
        evidence = (context.point_evidence(witness, pattern),)
        items.append(Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, evidence, item="missing cell"))
    figures = _figures(listed, order, found)
    outcome = Outcome.REFUTED if items else Outcome.UNDECIDABLE if is_complete else Outcome.CONFIRMED
    evidence = tuple([evidence for item in items[:2] for evidence in item.evidence])
    if not evidence and found.examples:
        evidence = (_points(context, listed, found.examples[:MOST_TOLD]),)
    reason = _sentence(figures, is_complete=False)
    if beyond is not None:
        reason += "; a cell beside a listed one is not listed"
    elif is_complete:
        reason += f"; whether they are all was not decided: there are more than {context.limit:,} cells"
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, figures=figures), *items]


def _beyond_the_list(context: Context, listed: Patterns, found: _Findings) -> tuple[int, Vector] | None:
    """A cell across a facet of a listed one that is not listed itself, and a point in it."""
    known = {listed[i] for i in range(len(listed))}
    for i, witness in found.examples[:MOST_TOLD]:
        pattern = listed[i]
        rows = [row for row in context.cell_rows(pattern) if any(row.slack[:-1])]
        for k in irredundant([half_space(row) for row in rows], common(witness)):
            if rows[k].key >= 0:
                other = across(context.lines, pattern, rows[k].slack)
                inside = context.witness_of(other) if other not in known else None
                if inside is not None and not isinstance(inside, Emptiness):
                    return other, inside
    return None


def _points(context: Context, listed: Patterns, examples: list[tuple[int, Vector]]) -> Evidence:
    points = [plain(witness) for _, witness in examples]
    return Evidence(
        "points", {"points": points, "patterns": [context.pieces_of(listed[i]) for i, _ in examples]}
    )


# ---------------------------------------------------------------------- what is told


def _note_wrong(
    context: Context, listed: Patterns, i: int, found: _Findings, known: Vector | Emptiness | None = None
) -> None:
    """Count a wrong pattern, with the evidence if there is room; a sign 0 is wrong unless the unit is flat."""
    pattern = listed[i]
    answer = context.witness_of(pattern) if known is None else known
    if not isinstance(answer, Emptiness):
        flat = _not_flat(context, pattern, answer, listed.flat.get(i, ()))
        if flat is None:
            return
        found.right -= 1
    found.wrong_count += 1
    if len(found.wrong) < MOST_TOLD:
        found.wrong[i] = context.empty_evidence(pattern, answer) if isinstance(answer, Emptiness) else flat


def _not_flat(context: Context, pattern: int, witness: Vector, bits: tuple[int, ...]) -> Evidence | None:
    """The value of the first unit, of some, that is not flat on a cell, at a point of it; None: all are flat."""
    for row in context.cell_rows(pattern):
        if row.key in bits and any(row.slack):
            unit = next(u for u in context.form.units if u.first == row.key)
            value = context.pre_activation(pattern, row.key, witness)
            body = {"point": plain(witness), "unit": [unit.layer, unit.index], "value": plain((value,))[0]}
            return Evidence("value", body)
    return None


def _wrong(claim: Claim, i: int, evidence: Evidence) -> Verdict:
    if evidence.kind == "value":
        reason = (
            f"unit {tuple(evidence.body['unit'])} is not flat there: it is not zero at a point of the cell"
        )
    else:
        rows = len(evidence.body["multipliers"])
        reason = f"pattern {i} is no cell: {rows} of its rows leave no room"
    return Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, (evidence,), item=f"pattern {i}")


def _figures(listed: Patterns, order: np.ndarray, found: _Findings) -> dict[str, Fraction | int]:
    return {"listed": len(listed), "different": len(order), "right": found.right, "wrong": found.wrong_count}


def _sentence(figures: dict[str, Fraction | int], *, is_complete: bool) -> str:
    told = f"{figures['right']:,} of {figures['different']:,} listed patterns are cells"
    repeated = figures["listed"] - figures["different"]
    if repeated:
        told += f" ({repeated:,} repeated)"
    if "missing" in figures and (is_complete or figures["missing"]):
        told += f"; {figures['missing']:,} of {figures['cells']:,} cells are not listed"
    return told


def _text(point: Vector) -> str:
    entries = [text if len(text := exact_text(x)) <= 12 else decimal_text(x) for x in point[:4]]
    return f"({', '.join(entries)}{', ..' if len(point) > 4 else ''})"
