"""Claims of kind ``adjacent``: pairs of cells that share a facet, or do not.

Fields::

    pairs     [[P, Q], ..]: two patterns each, or two numbers of ``patterns``
    patterns  a list of patterns; may be absent; see `claim_fields` for the encodings
    encoding  "pieces" (default), "signs", "bits" or "words"
    adjacent  whether they are said to share a facet (default true)
    complete  whether these are said to be all pairs that do (default false)

Main definitions:
    judge_adjacent: A verdict for all pairs, and one for each that is wrong or missing, up to `MOST_TOLD`.
    common_facet: What two cells have in common, as evidence.

Conventions:
    Two different cells agree in all layers before the first in which they differ; there one of them has f >= 0 and the
    other f <= 0 for the same function f, so what they have in common is in {f = 0}.  Restricted to it, their
    other rows have an interior point, which is one of the common facet, or Farkas multipliers.
    A pattern that is no cell shares no facet.

Not here:
    The neighbours of a cell: `exactcpa.adjacency`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict
from exactcpa.crosscheck.claim_fields import Patterns, as_list, flag, malformed, patterns, required
from exactcpa.crosscheck.context import CellRow, Context, Emptiness, TooManyCells
from exactcpa.crosscheck.interior_points import interior_or_weights
from exactcpa.patterns import integer
from exactcpa.vectors import Vector, plain

FIELDS = {"adjacent": (("pairs",), ("patterns", "encoding", "adjacent", "complete"))}
MOST_TOLD = 100
"""Pairs that get a verdict and evidence each."""


@dataclass(frozen=True, slots=True)
class _SidedRow:
    """A row of one of two cells, as given and restricted to f = 0."""

    side: int
    row: CellRow
    restricted: tuple[int, ...]


def judge_adjacent(context: Context, claim: Claim) -> list[Verdict]:
    """Judge pairs of cells."""
    pairs = _pairs(context, claim)
    wanted = flag(claim, "adjacent", default=True)
    is_complete = flag(claim, "complete", default=False)
    if is_complete and not wanted:
        raise malformed(claim, "complete", "expected false with adjacent false")
    items, examples, wrong = [], [], 0
    for number, (one, other) in enumerate(pairs):
        is_shared, evidence, reason = common_facet(context, one, other)
        if is_shared is not wanted:
            wrong += 1
            if len(items) < MOST_TOLD:
                items.append(_item(claim, f"pair {number}", reason, evidence))
        elif len(examples) < MOST_TOLD:
            examples.append(evidence)
    figures: dict[str, Fraction | int] = {"listed": len(pairs), "right": len(pairs) - wrong, "wrong": wrong}
    reason = f"{len(pairs) - wrong:,} of {len(pairs):,} pairs {'share a facet' if wanted else 'share none'}"
    is_decided = True
    if is_complete:
        try:
            missing = _missing(context, claim, pairs)
            figures["missing"] = missing[0]
            items += missing[1]
            reason += f"; {missing[0]:,} pairs that share one are not listed"
        except TooManyCells as failure:
            is_decided = False
            reason += f"; whether they are all was not decided: there are {failure}"
    outcome = Outcome.REFUTED if items else Outcome.CONFIRMED if is_decided else Outcome.UNDECIDABLE
    evidence = tuple([e for item in items[:2] for e in item.evidence]) if items else tuple(examples)
    return [Verdict(claim.id, claim.kind, outcome, reason, evidence, figures=figures), *items]


def common_facet(context: Context, one: int, other: int) -> tuple[bool, Evidence, str]:
    """Whether the cells of two different patterns share a facet, with the evidence and a sentence."""
    for pattern in (one, other):
        found = context.witness_of(pattern)
        if isinstance(found, Emptiness):
            return False, context.empty_evidence(pattern, found), "one of the two patterns is no cell"
    keys = _dividing_keys(context, one, other)
    cells = [context.cell_rows(pattern) for pattern in (one, other)]
    first, second = (
        next(row for row in rows if row.key == key) for rows, key in zip(cells, keys, strict=True)
    )
    sided = _restricted(cells, first)
    shown = [context.pieces_of(pattern) for pattern in (one, other)]
    found = interior_or_weights([row.restricted for row in sided], context.dimension - 1)
    if not isinstance(found, dict):
        point = _lifted(found, first.slack)
        return True, Evidence("facet", {"patterns": shown, "point": plain(point)}), "the cells share a facet"
    certificates = [
        [[0, first.key, plain((first.scale,))[0]], [1, second.key, plain((second.scale,))[0]]],
        _certificate(sided, found, first, second),
    ]
    level = sum([weight * sided[i].restricted[-1] for i, weight in found.items()])
    reason = "the cells have no point in common" if level < 0 else "the cells meet, but share no facet"
    return False, Evidence("not_adjacent", {"patterns": shown, "certificates": certificates}), reason


def _dividing_keys(context: Context, one: int, other: int) -> tuple[int, int]:
    """The rows of two cells that say f >= 0 and f <= 0, in the first layer in which they differ."""
    lowest = ((one ^ other) & -(one ^ other)).bit_length() - 1
    group = context.places[lowest].group
    if not group:
        return lowest, lowest
    mine, theirs = (next(bit for bit, _ in group if pattern >> bit & 1) for pattern in (one, other))
    return theirs, mine


def _restricted(cells: Sequence[Sequence[CellRow]], first: CellRow) -> list[_SidedRow]:
    """The rows of two cells on {f = 0}, without those that are multiples of f."""
    pivot = next(j for j, a in enumerate(first.slack[:-1]) if a)
    size, direction = abs(first.slack[pivot]), 1 if first.slack[pivot] > 0 else -1
    sided = []
    for side, rows in enumerate(cells):
        for row in rows:
            factor = direction * row.slack[pivot]
            slack = [size * a - factor * f for a, f in zip(row.slack, first.slack, strict=True)]
            if any(slack):
                del slack[pivot]
                sided.append(_SidedRow(side, row, tuple(slack)))
    return sided


def _lifted(inner: Vector, function: Sequence[int]) -> Vector:
    """The point of {f = 0} with all coordinates but the first on which f depends."""
    pivot = next(j for j, a in enumerate(function[:-1]) if a)
    others = [*inner[:pivot], Fraction(0), *inner[pivot:]]
    height = sum([a * x for a, x in zip(function[:-1], others, strict=True)], Fraction(function[-1]))
    others[pivot] = -height / function[pivot]
    return tuple(others)


def _certificate(
    sided: Sequence[_SidedRow], weights: Mapping[int, Fraction], first: CellRow, second: CellRow
) -> list[list[Any]]:
    """Multipliers of restricted rows as multipliers of the rows themselves, and of f or -f."""
    pivot = next(j for j, a in enumerate(first.slack[:-1]) if a)
    size, direction = abs(first.slack[pivot]), 1 if first.slack[pivot] > 0 else -1
    terms = [(row.side, row.row.key, w * size * row.row.scale) for row, w in _chosen(sided, weights)]
    level = -sum([w * direction * row.row.slack[pivot] for row, w in _chosen(sided, weights)])
    if level > 0:
        terms.append((0, first.key, level * first.scale))
    elif level < 0:
        terms.append((1, second.key, -level * second.scale))
    return [[side, key, plain((Fraction(value),))[0]] for side, key, value in terms]


def _chosen(sided: Sequence[_SidedRow], weights: Mapping[int, Fraction]) -> list[tuple[_SidedRow, Fraction]]:
    return [(sided[i], weight) for i, weight in sorted(weights.items()) if weight]


# ---------------------------------------------------------------------- pairs


def _pairs(context: Context, claim: Claim) -> list[tuple[int, int]]:
    """The pairs of a claim, as patterns."""
    listed = patterns(claim, "patterns", context) if "patterns" in claim.body else None
    pairs = as_list(claim, "pairs", required(claim, "pairs"))
    found = []
    for number, pair in enumerate(pairs):
        ends = as_list(claim, "pairs", pair)
        if len(ends) != 2:
            raise malformed(claim, "pairs", f"expected two ends, got {len(ends)} of number {number}")
        one, other = _numbered(claim, listed, ends) if listed is not None else _written(context, claim, ends)
        if one == other:
            raise malformed(
                claim, "pairs", f"expected two different patterns, got one twice at number {number}"
            )
        found.append((one, other))
    return found


def _numbered(claim: Claim, listed: Patterns, ends: Sequence[Any]) -> tuple[int, int]:
    for end in ends:
        is_number = isinstance(end, int | np.integer) and not isinstance(end, bool)
        if not is_number or not 0 <= end < len(listed):
            raise malformed(claim, "pairs", f"expected numbers of patterns below {len(listed)}, got {end!r}")
    return listed[int(ends[0])], listed[int(ends[1])]


def _written(context: Context, claim: Claim, ends: Sequence[Any]) -> tuple[int, int]:
    found = patterns(claim, "pairs", context, list(ends))
    return found[0], found[1]


def _missing(context: Context, claim: Claim, pairs: list[tuple[int, int]]) -> tuple[int, list[Verdict]]:
    """How many pairs of neighbours are not listed, and the first of them."""
    part = context.partition()
    known = {frozenset(pair) for pair in pairs}
    cells = [integer(words) for words in part.results.words]
    starts, neighbours = part.adjacency()
    count, items = 0, []
    for i, pattern in enumerate(cells):
        for j in neighbours[starts[i] : starts[i + 1]].tolist():
            if i < j and frozenset((pattern, cells[j])) not in known:
                count += 1
                if len(items) < MOST_TOLD:
                    _, evidence, _ = common_facet(context, pattern, cells[j])
                    reason = f"cells {i} and {j} share a facet and are not listed"
                    items.append(_item(claim, f"missing pair {i} {j}", reason, evidence))
    return count, items


def _item(claim: Claim, name: str, reason: str, evidence: Evidence) -> Verdict:
    return Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, (evidence,), item=name)
