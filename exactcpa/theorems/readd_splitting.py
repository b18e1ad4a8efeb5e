"""Evidence of the statements about splitting (A9, A9q, A10, A10'), re-added in plain fractions.

Main definitions:
    recheck_split, recheck_bounds, recheck_head, recheck_logit: Whether evidence shows what it says.
    unit_values: The values of a unit, once its mean and variance are found to be those of the evidence.

Conventions:
    Evidence whose numbers do not fit each other shows nothing: False.

Not here:
    How the evidence is made, and its form: `splitting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from exactcpa.theorems.moments import is_rounded_scale, sign_with_root, values_of, variance
from exactcpa.theorems.plain import dot, mean, sign


def unit_values(unit: Mapping[str, Any], layers: Mapping[str, Any]) -> tuple[Fraction, ...] | None:
    """``<w, z_i>`` of a unit, or None if its mean or variance is another."""
    values = values_of(unit["row"], layers[unit["layer"]])
    agrees = mean(values) == unit["mean"] and variance(values) == unit["variance"]
    return values if agrees and unit["variance"] + unit["epsilon"] > 0 else None


def recheck_split(evidence: Mapping[str, Any]) -> bool:
    """A9: every unit is positive on the sample named, negative on the other, or zero on all."""
    for unit in evidence["units"]:
        values = unit_values(unit, evidence["layers"])
        if values is None or unit["beta"] != 0:
            return False
        signs = [sign(unit["gamma"] * (value - unit["mean"])) for value in values]
        if not _shows_split(signs, unit["positive"], unit["negative"]):
            return False
    return evidence["holds"] is True and bool(evidence["units"])


def recheck_bounds(evidence: Mapping[str, Any]) -> bool:
    """A9q: the bounds on ``h`` and what they say of beta, unit by unit."""
    holds = True
    for unit in evidence["units"]:
        values = unit_values(unit, evidence["layers"])
        if values is None:
            return False
        count, spread, square = len(values), unit["variance"], unit["variance"] + unit["epsilon"]
        deviations = [value - unit["mean"] for value in values]
        if (max(deviations), min(deviations)) != (unit["largest"], unit["least"]):
            return False
        within = all(d * d <= (count - 1) * spread for d in deviations)
        reaches = min(max(deviations) ** 2, min(deviations) ** 2) * (count - 1) >= spread
        signs = {_sign_of_output(unit, d, square) for d in deviations}
        splits = {-1, 1} <= signs
        if splits is not unit["splits"]:
            return False
        bias, weight = unit["beta"] ** 2 * square, unit["gamma"] ** 2 * spread
        must, cannot = bias * (count - 1) < weight, bias > (count - 1) * weight
        holds = holds and within and reaches and (splits or not must) and not (splits and cannot)
    return evidence["holds"] is holds and bool(evidence["units"])


def recheck_head(evidence: Mapping[str, Any]) -> bool:
    """A10: the logits of every batch, from the last hidden layer on."""
    splits = []
    for batch in evidence["batches"]:
        logits = _logits(batch, evidence["head"])
        if logits is None or logits != tuple(batch["logits"]):
            return False
        splits.append(_has_both(map(sign, logits)))
    return evidence["holds"] is all(splits) and bool(splits)


def recheck_logit(evidence: Mapping[str, Any]) -> bool:
    """A10': the normalised logit of every batch."""
    for batch in evidence["batches"]:
        unit = batch["unit"]
        values = unit_values(unit, {unit["layer"]: batch["inputs"]})
        if values is None or unit["beta"] != 0:
            return False
        signs = [sign(unit["gamma"] * (value - unit["mean"])) for value in values]
        if not _shows_split(signs, batch["positive"], batch["negative"]):
            return False
    return evidence["holds"] is True and bool(evidence["batches"])


def _sign_of_output(unit: Mapping[str, Any], deviation: Fraction, square: Fraction) -> int:
    """The sign of ``gamma d / s + beta``, that is of ``gamma d + beta s``."""
    return sign_with_root(unit["gamma"] * deviation, unit["beta"], square)


def _shows_split(signs: Sequence[int], positive: int | None, negative: int | None) -> bool:
    """Whether the samples named have both signs; or none is named and all are zero."""
    if positive is None or negative is None:
        return positive is None and negative is None and not any(signs)
    return signs[positive] == 1 and signs[negative] == -1


def _has_both(signs: Any) -> bool:
    """Both strict signs, or zero throughout."""
    found = set(signs)
    return {-1, 1} <= found or found == {0}


def _logits(batch: Mapping[str, Any], head: Sequence[Fraction]) -> tuple[Fraction, ...] | None:
    """The logits of a batch, or None if a mean or a scale is another."""
    columns = []
    for unit, scale, slope in zip(batch["units"], batch["scales"], batch["slopes"], strict=True):
        values = unit_values(unit, {unit["layer"]: batch["inputs"]})
        if values is None or unit["beta"] != 0:
            return None
        if not is_rounded_scale(scale, unit["gamma"], unit["variance"] + unit["epsilon"]):
            return None
        outputs = [scale * (value - unit["mean"]) for value in values]
        columns.append([y if y >= 0 else slope * y for y in outputs])
    return tuple([dot(head, activations) for activations in zip(*columns, strict=True)])
