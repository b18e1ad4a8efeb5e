"""A cross-check in a few numbers: how many claims hold, how good lists of patterns are, which claims are worst.

Main definitions:
    Summary, summarise.
    PatternScore: Precision and recall of one list.

Conventions:
    Precision of a list is the share of its different patterns that are cells, recall the share of all cells that it
    has.  By volume, recall is the share of the domain's volume that the listed cells fill; what is no cell fills none.
    The worst claims are the refuted ones: those with numbers first, by how far off they are (relative to the truth if
    it is not zero), then those without, in order.

Not here:
    The verdicts: `judging`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.crosscheck.claim import Outcome, Verdict
from exactcpa.numbers import decimal_text, to_json_number

MOST_WORST = 10


@dataclass(frozen=True)
class PatternScore:
    """How good a list of patterns is; None: not known, or no patterns.

    Attributes:
        claim_id: Which list.
        precision, recall: By count.
        recall_volume: By exact volume.
    """

    claim_id: str
    precision: Fraction | None
    recall: Fraction | None
    recall_volume: Fraction | None


@dataclass(frozen=True)
class Summary:
    """See the module's conventions.

    Attributes:
        counts: Outcome -> whole claims.
        scores: Of every list of patterns.
        errors: (claim, item) -> claimed minus truth, exactly.
        worst: At most ten refuted verdicts, the worst first.
    """

    counts: dict[str, int]
    scores: tuple[PatternScore, ...]
    errors: dict[tuple[str, str], Fraction]
    worst: tuple[Verdict, ...]

    def __str__(self) -> str:
        counts = ", ".join([f"{count} {name}" for name, count in self.counts.items() if count])
        claims = sum(self.counts.values())
        return f"{claims} claim{'s' * (claims != 1)}: {counts or 'none'}"

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        errors = [
            {"claim": claim, **({"item": item} if item else {}), "error": to_json_number(error)}
            for (claim, item), error in self.errors.items()
        ]
        names = ("precision", "recall", "recall_volume")
        scores = [
            {"claim": score.claim_id} | {name: _number(getattr(score, name)) for name in names}
            for score in self.scores
        ]
        worst = [{"claim": v.claim_id, "item": v.item, "reason": v.reason} for v in self.worst]
        return {"counts": self.counts, "patterns": scores, "errors": errors, "worst": worst}


def summarise(verdicts: Sequence[Verdict]) -> Summary:
    """Sum verdicts up."""
    whole = [verdict for verdict in verdicts if not verdict.item]
    counts = {str(outcome): sum(v.outcome is outcome for v in whole) for outcome in Outcome}
    scores = tuple([_score(v) for v in whole if v.kind == "patterns"])
    errors = {(v.claim_id, v.item): v.error for v in verdicts if v.error is not None}
    refuted = [v for v in verdicts if v.outcome is Outcome.REFUTED]
    worst = sorted(_without_doubles(refuted), key=_badness, reverse=True)[:MOST_WORST]
    return Summary(counts, scores, errors, tuple(worst))


def score_lines(summary: Summary) -> list[str]:
    """Precision and recall for people."""
    lines = []
    for score in summary.scores:
        told = [
            f"{name} {_percent(value)}"
            for name, value in (
                ("precision", score.precision),
                ("recall", score.recall),
                ("by volume", score.recall_volume),
            )
            if value is not None
        ]
        lines.append(f"{score.claim_id}: {', '.join(told)}" if told else f"{score.claim_id}: no patterns")
    return lines


def _score(verdict: Verdict) -> PatternScore:
    figures = verdict.figures
    cells, missing = figures.get("cells"), figures.get("missing")
    recall = None if not cells else Fraction(cells - missing) / cells  # type: ignore[operator]
    volume = figures.get("volume")
    by_volume = None if not volume else Fraction(figures["volume_found"]) / volume
    different = figures["different"]
    precision = Fraction(figures["right"]) / different if different else None
    return PatternScore(verdict.claim_id, precision, recall, by_volume)


def _without_doubles(refuted: Sequence[Verdict]) -> list[Verdict]:
    """Whole claims only where none of their items is refuted."""
    with_items = {v.claim_id for v in refuted if v.item}
    return [v for v in refuted if v.item or v.claim_id not in with_items]


def _badness(verdict: Verdict) -> tuple[int, Fraction]:
    if verdict.error is None:
        return 0, Fraction(0)
    truth = verdict.truth
    size = abs(truth) if isinstance(truth, Fraction) and truth else Fraction(1)
    return 1, abs(verdict.error) / size


def _percent(value: Fraction) -> str:
    return f"{decimal_text(100 * value, 4)} %"


def _number(value: Fraction | None) -> Any:
    return None if value is None else to_json_number(value)
