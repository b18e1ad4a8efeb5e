"""Evidence of the statements about mini-batches (A11, A11', A12), re-added in plain fractions.

Main definitions:
    recheck_moments, recheck_translation, recheck_margins: Whether evidence shows what it says.
    expected_moments: Expectations over all batches, by the probability that a sample, or two, are in one.

Conventions:
    Evidence whose numbers do not fit each other shows nothing: False.

Not here:
    How the evidence is made, and its form: `minibatches`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Any

from exactcpa.theorems.moments import is_rounded_scale, values_of, variance
from exactcpa.theorems.plain import centroid, dot, mean, minus, norm2, sign

Moments = tuple[Fraction, Fraction, Fraction]


def expected_moments(values: Sequence[Fraction], size: int) -> Moments:
    """``E mu_B``, ``Var mu_B`` and ``E v_B`` over all batches of a size, without listing them.

    A sample is in ``C(N-1, b-1)`` of the ``C(N, b)`` batches and a pair in ``C(N-2, b-2)``; both expectations are
    sums over samples and pairs with these weights.

    Example:
        >>> [str(q) for q in expected_moments([Fraction(0), Fraction(1), Fraction(5)], 2)]
        ['2', '7/6', '7/2']
    """
    count = len(values)
    total = comb(count, size)
    one = Fraction(comb(count - 1, size - 1), total)
    two = Fraction(comb(count - 2, size - 2), total) if size > 1 else Fraction(0)
    first = one * sum(values) / size
    squares = sum([value * value for value in values], Fraction(0))
    products = 2 * sum([a * b for a, b in combinations(values, 2)], Fraction(0))
    of_squared_mean = (one * squares + two * products) / size**2
    return first, of_squared_mean - first**2, one * squares / size - of_squared_mean


def listed_moments(values: Sequence[Fraction], size: int) -> Moments:
    """The same from every batch, by definition.

    Example:
        >>> listed_moments([Fraction(0), Fraction(1), Fraction(5)], 2) == expected_moments([0, 1, 5], 2)
        True
    """
    batches = list(combinations(values, size))
    means = [mean(batch) for batch in batches]
    return mean(means), variance(means), mean([variance(batch) for batch in batches])


def closed_form(values: Sequence[Fraction], size: int) -> Moments:
    """What A11 claims: ``mu``, ``(v/b)(N-b)/(N-1)``, ``v N(b-1)/(b(N-1))``."""
    count, spread = len(values), variance(values)
    return (
        mean(values),
        spread / size * Fraction(count - size, count - 1),
        spread * Fraction(count * (size - 1), size * (count - 1)),
    )


def recheck_moments(evidence: Mapping[str, Any]) -> bool:
    """A11: the moments of every unit, by probabilities, and from every batch if the evidence says so."""
    holds, size = True, evidence["batch_size"]
    for unit in evidence["units"]:
        values = tuple(unit["values"])
        found = expected_moments(values, size)
        if evidence["listed"] and listed_moments(values, size) != found:
            return False
        if found != tuple(unit["moments"]) or variance(values) != unit["variance"]:
            return False
        holds = holds and found == closed_form(values, size) and found[1] + found[2] == unit["variance"]
    return evidence["holds"] is holds and bool(evidence["units"])


def recheck_translation(evidence: Mapping[str, Any]) -> bool:
    """A11': the offsets of every batch are those of all data, moved by the difference of the centroids."""
    inputs, rows = evidence["inputs"], evidence["rows"]
    full = centroid(inputs)
    if tuple(evidence["offsets"]) != values_of_rows(rows, inputs):
        return False
    holds = True
    for batch in evidence["batches"]:
        part = [inputs[i] for i in batch["samples"]]
        shift = minus(centroid(part), full)
        if tuple(batch["shift"]) != shift or tuple(batch["offsets"]) != values_of_rows(rows, part):
            return False
        moved = [c + dot(row, shift) for c, row in zip(evidence["offsets"], rows, strict=True)]
        holds = holds and list(batch["offsets"]) == moved
    return evidence["holds"] is holds and bool(evidence["batches"])


def values_of_rows(rows: Sequence[Any], inputs: Sequence[Any]) -> tuple[Fraction, ...]:
    """The mean of ``<w, z>`` for every row."""
    return tuple([mean(values_of(row, inputs)) for row in rows])


def recheck_margins(evidence: Mapping[str, Any]) -> bool:
    """A12: for every unit, the boundary of every batch, the mean one, and the samples that all have on one side."""
    holds = True
    for unit in evidence["units"]:
        offsets = _boundaries(unit, evidence["inputs"], evidence["batches"])
        if offsets is None:
            return False
        middle, length = mean(offsets), norm2(unit["row"])
        values = values_of(unit["row"], evidence["inputs"])
        named = {entry["sample"]: entry for entry in unit["samples"]}
        for number, value in enumerate(values):
            sides = {sign(value - offset) for offset in offsets}
            if len(sides) != 1 or sides == {0}:
                if number in named:
                    return False
                continue
            side = sides.pop()
            shift = max([side * (offset - middle) for offset in offsets])
            entry = named[number]
            if (entry["side"], entry["shift"]) != (side, shift) or entry["distance"] != side * (
                value - middle
            ):
                return False
            if entry["squared_distance"] * length != entry["distance"] ** 2:
                return False
            holds = holds and entry["distance"] > shift
            if entry["margin"] is not None:
                real = entry["margin"] * length, entry["least_margin"] * length
                holds = holds and real == (entry["distance"] ** 2, (entry["distance"] - shift) ** 2)
    return evidence["holds"] is holds and bool(evidence["units"])


def _boundaries(
    unit: Mapping[str, Any], inputs: Sequence[Any], batches: Sequence[Sequence[int]]
) -> list[Fraction] | None:
    """The boundary offset of every batch, ``mu_B - beta/scale_B``; None if a scale is another."""
    offsets = []
    for batch, scale in zip(batches, unit["scales"], strict=True):
        values = values_of(unit["row"], [inputs[i] for i in batch])
        if not is_rounded_scale(scale, unit["gamma"], variance(values) + unit["epsilon"]):
            return None
        offsets.append(mean(values) - unit["beta"] / scale)
    return offsets
