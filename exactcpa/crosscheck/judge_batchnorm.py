"""Claims of kinds ``bn_statistics``, ``centroid`` and ``bn_offset``: where batch normalisation puts hyperplanes.

Fields of all: ``data``, points of the network's input, shape (n, inputs).

``bn_statistics``: what a batchnorm sees when the data go through as one batch, in training mode::

    layer     number of the batchnorm among the layers, from 0; inside residual blocks a list of numbers
    mean      a list, one number a coordinate; or absent
    variance  the same; at least one of them
    unbiased  true: the variance is divided by n - 1 (as running statistics are); default false

``centroid``: the mean of what comes into an activation layer and the affine layers before it::

    layer     the activation layer, from 0
    value     a list of numbers

``bn_offset``: how a unit's hyperplane ``<w, z> + bias = t`` lies in that space::

    unit        [layer, index]; a unit with breakpoints
    breakpoint  which of its breakpoints is t, from 0 (default)
    value       a number
    of          "offset" (default): the mean of <w, z> + bias - t over the data; "bias"; "distance": from the centroid
                to the hyperplane; "mean_squared": mean squared distance of the data; "optimum": the least one for a
                parallel hyperplane, which is that through the centroid

With ``tolerance``: every number give or take that much.

Main definitions:
    judge_bn_statistics, judge_centroid, judge_bn_offset: The verdicts.

Conventions:
    Deployed reading.  Batchnorms have their statistics, but for ``bn_statistics``, where the data decide.  The verdict
    names the number that is furthest off.  A distance has its square as truth.

Not here: the statistics (`statistics`), the numbers of a hyperplane (`placement_units`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text, within
from exactcpa.crosscheck.claim_fields import (
    as_list,
    choice,
    flag,
    integer_of,
    malformed,
    number,
    numbers,
    required,
    table,
    whole_numbers,
)
from exactcpa.crosscheck.context import Context
from exactcpa.errors import ExactcpaError, shown
from exactcpa.numbers import exact_text, to_json_number
from exactcpa.placement_units import FeatureNumbers, numbers_of, value_of
from exactcpa.stages import Bend, is_unit, stages
from exactcpa.statistics import batch_statistics
from exactcpa.vectors import Vector, dot, plain

FIELDS = {
    "bn_statistics": (("data", "layer"), ("mean", "variance", "unbiased")),
    "centroid": (("data", "layer", "value"), ()),
    "bn_offset": (("data", "unit", "value"), ("breakpoint", "of")),
}
OFFSETS = ("offset", "bias", "distance", "mean_squared", "optimum")


def judge_bn_statistics(context: Context, claim: Claim) -> list[Verdict]:
    """Judge the statistics of a batchnorm."""
    data, place = _data(context, claim), _place(claim)
    try:
        found = {entry.layer: entry for entry in batch_statistics(context.network, data)}
    except ExactcpaError as error:
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, f"the data have no statistics: {error}")]
    if place not in found:
        raise malformed(claim, "layer", f"expected the number of a batchnorm, got {shown(list(place))}")
    entry, is_unbiased = found[place], flag(claim, "unbiased", default=False)
    if is_unbiased and entry.count < 2:
        raise malformed(claim, "unbiased", "expected at least 2 values")
    truth: dict[str, Vector] = {
        "mean": entry.mean,
        "variance": entry.unbiased if is_unbiased else entry.variance,
    }
    claimed = {
        name: numbers(claim, name, claim.body[name], len(truth[name]))
        for name in truth
        if claim.body.get(name) is not None
    }
    if not claimed:
        raise malformed(claim, "mean", "expected mean or variance, got neither")
    layer = place[0] if len(place) == 1 else list(place)
    mean, variance = plain(entry.mean), plain(entry.variance)
    body = {"points": [plain(p) for p in data], "layer": layer, "mean": mean, "variance": variance}
    return [_compared(claim, claimed, truth, Evidence("statistics", body))]


def judge_centroid(context: Context, claim: Claim) -> list[Verdict]:
    """Judge the mean of a layer's inputs."""
    data = _data(context, claim)
    layer = integer_of(claim, "layer", below=max(1, len(context.form.layers) - 1))
    features = [_features(context, point, layer) for point in data]
    truth = tuple([sum(column, Fraction(0)) / len(data) for column in zip(*features, strict=True)])
    claimed = numbers(claim, "value", required(claim, "value"), len(truth))
    body = {"points": [plain(p) for p in data], "layer": layer, "value": plain(truth)}
    return [_compared(claim, {"centroid": claimed}, {"centroid": truth}, Evidence("centroid", body))]


def judge_bn_offset(context: Context, claim: Claim) -> list[Verdict]:
    """Judge where a unit's hyperplane lies."""
    data, of, value = _data(context, claim), choice(claim, "of", OFFSETS, "offset"), number(claim, "value")
    layer, index, unit = _unit(context, claim)
    k = integer_of(claim, "breakpoint", below=len(unit.breakpoints)) if "breakpoint" in claim.body else 0
    stage = stages(context.network)[layer]
    row, bias = stage.weight[unit.source], stage.bias[unit.source]
    heights = [dot(row, _features(context, point, layer)) + bias - unit.breakpoints[k] for point in data]
    found = numbers_of(row, heights)
    evidence = Evidence("placement", _placement(data, layer, index, k, bias, found))
    if of == "distance":
        return [_judge_root(claim, value, found.excess, evidence)]
    truth = {
        "offset": found.residual, "bias": bias, "mean_squared": found.mean_squared, "optimum": found.optimum
    }[of]  # fmt: skip
    if truth is None:
        return [
            Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, "the unit is constant: it has no hyperplane")
        ]
    return [_compared(claim, {of: (value,)}, {of: (truth,)}, evidence)]


def _placement(
    data: Sequence[Vector], layer: int, index: int, k: int, bias: Fraction, found: FeatureNumbers
) -> dict[str, object]:
    """The body of the evidence about a hyperplane."""
    named = {
        "bias": bias,
        "offset": found.residual,
        "norm_squared": found.norm_squared,
        "mean_squared": found.mean_squared,
        "optimum": found.optimum,
    }
    exact = {name: None if q is None else to_json_number(q) for name, q in named.items()}
    return {"points": [plain(p) for p in data], "unit": [layer, index], "breakpoint": k, **exact}


def _judge_root(claim: Claim, value: Fraction, square: Fraction | None, evidence: Evidence) -> Verdict:
    """A claimed distance whose square is known."""
    if square is None:
        return Verdict(
            claim.id, claim.kind, Outcome.UNDECIDABLE, "the unit is constant: it has no hyperplane"
        )
    holds = is_root_within(value, square, claim.tolerance or Fraction(0))
    reason = f"the distance is sqrt({number_text(square)}), claimed is {number_text(value)}"
    outcome = Outcome.CONFIRMED if holds else Outcome.REFUTED
    return Verdict(claim.id, claim.kind, outcome, reason, (evidence,), value, f"sqrt({exact_text(square)})")


def is_root_within(value: Fraction, square: Fraction, tolerance: Fraction) -> bool:
    """Whether a number is the root of another, up to a tolerance; decided by squares.

    Example:
        >>> is_root_within(Fraction(7, 5), Fraction(2), Fraction(1, 50))
        True
    """
    low, high = value - tolerance, value + tolerance
    return high >= 0 and high * high >= square and (low <= 0 or low * low <= square)


def _compared(
    claim: Claim, claimed: Mapping[str, Vector], truth: Mapping[str, Vector], evidence: Evidence
) -> Verdict:
    """The verdict on some lists of numbers; it names the one that is furthest off."""
    pairs = [
        (abs(a - b), name, i, a, b)
        for name, values in claimed.items()
        for i, (a, b) in enumerate(zip(values, truth[name], strict=True))
    ]
    wrong = sum(not within(claim, a, b) for _, _, _, a, b in pairs)
    _, name, i, said, so = max(pairs, key=lambda pair: pair[0])
    outcome = Outcome.REFUTED if wrong else Outcome.CONFIRMED
    which = name if len(pairs) == 1 else f"of {len(pairs)} numbers {wrong} are wrong; {name} {i}"
    reason = f"{which} is {number_text(so)}, claimed is {number_text(said)}"
    figures = {"numbers": len(pairs), "wrong": wrong}
    return Verdict(claim.id, claim.kind, outcome, reason, (evidence,), said, so, figures=figures)


# ---------------------------------------------------------------------- fields, features


def _data(context: Context, claim: Claim) -> tuple[Vector, ...]:
    data = table(claim, "data", required(claim, "data"), (None, context.network.input))
    return data if data else _refuse(claim, "data", "expected at least one point")


def _refuse(claim: Claim, field: str, said: str) -> tuple[Vector, ...]:
    raise malformed(claim, field, said)


def _place(claim: Claim) -> tuple[int, ...]:
    value = required(claim, "layer")
    listed = numbers(claim, "layer", value) if isinstance(value, list) else numbers(claim, "layer", [value])
    if not listed or any(q.denominator != 1 for q in listed):
        raise malformed(claim, "layer", f"expected whole numbers, got {shown(value)}")
    return tuple(map(int, listed))


def _unit(context: Context, claim: Claim) -> tuple[int, int, Bend]:
    listed = as_list(claim, "unit", required(claim, "unit"))
    known = {
        (layer, index): unit
        for layer, stage in enumerate(stages(context.network)[:-1])
        for index, unit in enumerate(filter(is_unit, stage.units))
    }
    try:
        layer, index = whole_numbers(listed)
        unit = known[layer, index]
    except (TypeError, ValueError, KeyError):
        raise malformed(claim, "unit", f"expected [layer, index] of a unit, got {shown(listed)}") from None
    if not isinstance(unit, Bend):
        raise malformed(claim, "unit", "expected a unit with breakpoints, got a maximum")
    return layer, index, unit


def _features(context: Context, point: Vector, layer: int) -> Sequence[Fraction]:
    """What comes into an activation layer and the affine layers before it, at a point."""
    entries: Sequence[Fraction] = point
    for stage in stages(context.network)[:layer]:
        lines = [dot(row, entries) + c for row, c in zip(stage.weight, stage.bias, strict=True)]
        entries = [value_of(unit, lines) for unit in stage.units]
    return entries
