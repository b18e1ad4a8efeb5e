"""Evidence of the statements about random hyperplanes (R1, R2, R2u), re-added in plain fractions.

Main definitions:
    recheck_pairs, recheck_clusters: Whether evidence shows what it says.
    comparison: Whether an enclosed probability is at least one half, from its enclosure alone.
    failure_between, bound_between: What R2 compares, enclosed.

Conventions:
    Enclosures are computed again from the points, at the precision that the evidence names.

Not here:
    How the evidence is made, and its form: `isotropic`.  Angles: `angles`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

from exactcpa.theorems.angles import Enclosure, pi_between, root_between, turn_between
from exactcpa.theorems.plain import centroid, dot, minus, norm2

HALF = Fraction(1, 2)


def comparison(enclosure: Enclosure) -> bool | None:
    """Whether a number is at least one half; None if its enclosure does not say."""
    low, high = enclosure
    if low >= HALF:
        return True
    return False if high < HALF else None


def recheck_pairs(evidence: Mapping[str, Any]) -> bool:
    """R1: the probability of every pair, against the sign of its inner product."""
    holds = True
    for pair in evidence["pairs"]:
        a = minus(evidence["points"][pair["one"]], evidence["centre"])
        b = minus(evidence["points"][pair["other"]], evidence["centre"])
        turn = turn_between(a, b, pair["bits"])
        if tuple(pair["probability"]) != turn or pair["product"] != dot(a, b) or comparison(turn) is None:
            return False
        holds = holds and comparison(turn) is (pair["product"] <= 0)
    return evidence["holds"] is holds and bool(evidence["pairs"])


def clusters(points: Sequence[Any], labels: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """The points of the smaller label and those of the larger one."""
    first = min(labels)
    one = [p for p, label in zip(points, labels, strict=True) if label == first]
    return one, [p for p, label in zip(points, labels, strict=True) if label != first]


def directions(
    one: Sequence[Any], other: Sequence[Any], centre: Sequence[Fraction]
) -> list[tuple[Fraction, ...]]:
    """The different points from the centre, those of the second cluster negated: all on one side if separated."""
    pointed = [minus(p, centre) for p in one] + [minus(centre, p) for p in other]
    return list(dict.fromkeys(pointed))


def failure_between(vectors: Sequence[Sequence[Fraction]], along: Sequence[Fraction], bits: int) -> Enclosure:
    """Bounds on the probability that some vector is not strictly on the side of the others.

    At least that of any two being separated, at most the sum of each being separated from `along`.  On a line and in
    the plane the least is exact: within an open half-plane the widest pair is the whole spread, and otherwise the
    hyperplane always fails.
    """
    if any(not any(v) for v in vectors):
        return Fraction(1), Fraction(1)
    pairs = [turn_between(a, b, bits) for a, b in combinations(vectors, 2)]
    low = max([turn[0] for turn in pairs], default=Fraction(0))
    if len(along) <= 2:
        if not _fit_open_half_plane(vectors):
            return Fraction(1), Fraction(1)
        return low, max([turn[1] for turn in pairs], default=Fraction(0))
    return low, min(sum([turn_between(v, along, bits)[1] for v in vectors], Fraction(0)), Fraction(1))


def _fit_open_half_plane(vectors: Sequence[Sequence[Fraction]]) -> bool:
    """Whether vectors of the plane are all strictly on one side of some line through the origin.

    If they are, one of them has all others on its left within less than half a turn.
    """
    if len(vectors[0]) == 1:
        return len({v[0] > 0 for v in vectors}) == 1

    def is_left(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
        cross = a[0] * b[1] - a[1] * b[0]
        return cross > 0 or (cross == 0 and dot(a, b) > 0)

    return any(all(is_left(a, b) for b in vectors) for a in vectors)


def bound_between(size: int, squared_ratio: Fraction, bits: int) -> Enclosure:
    """``(2/pi) (2K-1)/(r/delta - 1)`` from ``(r/delta)**2``, above 1."""
    pi, ratio = pi_between(bits), root_between(squared_ratio, bits)
    weight = Fraction(2 * (2 * size - 1))
    if ratio[0] <= 1:
        return weight / (pi[1] * (ratio[1] - 1)), Fraction(2) ** bits
    return weight / (pi[1] * (ratio[1] - 1)), weight / (pi[0] * (ratio[0] - 1))


def recheck_clusters(evidence: Mapping[str, Any]) -> bool:
    """R2 and R2u: failure and bound from the points, and how they compare."""
    points, labels, bits = evidence["points"], evidence["labels"], evidence["bits"]
    one, other = clusters(points, labels)
    u, v = centroid(one), centroid(other)
    half = tuple((a + b) / 2 for a, b in zip(u, v, strict=True))
    centre = half if evidence["middle"] == "half-way" else centroid(points)
    if (tuple(evidence["centre"]), evidence["middle"] in ("half-way", "centroid")) != (centre, True):
        return False
    squared_delta = max([norm2(minus(p, m)) for part, m in ((one, u), (other, v)) for p in part])
    squared_r = norm2(minus(u, v)) / 4
    size = max(len(set(map(tuple, part))) for part in (one, other))
    if (evidence["size"], evidence["squared_delta"], evidence["squared_r"]) != (
        size,
        squared_delta,
        squared_r,
    ):
        return False
    failure = failure_between(directions(one, other, centre), minus(u, v), bits)
    bound = bound_between(size, squared_r / squared_delta, bits) if squared_delta else (Fraction(0),) * 2
    if tuple(evidence["failure"]) != failure or tuple(evidence["bound"]) != bound:
        return False
    if failure[1] <= bound[0]:
        return evidence["holds"] is True
    return evidence["holds"] is False and failure[0] > bound[1]
