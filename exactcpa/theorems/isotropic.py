"""Random hyperplanes through a centre: how likely they separate two points, or two clusters.

The normal is isotropic (a standard normal vector, say); batchnorm puts the hyperplane through the centroid.

Main definitions:
    STATEMENTS: R1, R2, R2u.

Conventions:
    Probabilities are angles over pi, enclosed by fractions and refined until they decide (option ``bits``: where to
    begin).  Statements about data alone; a network is not looked at.
    R2: a *failure* is a hyperplane that does not have one cluster strictly on one side and the other on the other;
    points in the same place count once, as a hyperplane treats them alike.

References:
    Goemans and Williamson, Improved approximation algorithms for maximum cut (1995), lemma 3.2.

Not here:
    Angles: `angles`.  How evidence is re-added: `readd_isotropic`.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import Any

from exactcpa.errors import BadArgument, shown
from exactcpa.theorems.angles import turn_between
from exactcpa.theorems.plain import centroid, dot, minus, norm2
from exactcpa.theorems.readd_isotropic import (
    bound_between,
    clusters,
    comparison,
    directions,
    failure_between,
    recheck_clusters,
    recheck_pairs,
)
from exactcpa.theorems.statement import Instance, Statement, Verdict, examined, judged, require, size_text
from exactcpa.vectors import Vector

FIRST_BITS = 32
MOST_BITS = 4096
MOST_PAIRS = 200


def _bits(instance: Instance) -> int:
    bits = instance.options.get("bits", FIRST_BITS)
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= MOST_BITS:
        raise BadArgument(f"option bits: expected a whole number from 1 to {MOST_BITS}, got {shown(bits)}")
    return bits


# ---------------------------------------------------------------------- R1


def _examine_pairs(instance: Instance) -> Verdict:
    require(len(instance.data) >= 2, "there are at least 2 points", f"got {len(instance.data)}")
    points, centre = instance.data, centroid(instance.data)
    away = [i for i, point in enumerate(points) if point != centre]
    pairs, note = examined(list(combinations(away, 2)), instance, "pairs", limit=MOST_PAIRS)
    require(pairs, "two points are not at the centroid", f"got {len(away)}")
    found = [_pair(points, centre, i, j, _bits(instance)) for i, j in pairs]
    agrees = [comparison(entry["probability"]) is (entry["product"] <= 0) for entry in found]
    likely = sum(entry["product"] <= 0 for entry in found)
    reason = (
        f"of {len(found)} pairs {likely} are separated with probability 1/2 or more; the sign of the inner product "
        f"says which in {sum(agrees)}{note}"
    )
    evidence = {"points": points, "centre": centre, "pairs": tuple(found)}
    return judged(all(agrees), reason, f"n={len(points)}, D={len(centre)}", evidence)


def _pair(points: tuple[Vector, ...], centre: Vector, i: int, j: int, bits: int) -> dict[str, Any]:
    """The enclosed probability of a pair, refined until it is above, below, or one half exactly.

    It is one half only for a right angle, which is enclosed exactly, so refining ends.
    """
    a, b = minus(points[i], centre), minus(points[j], centre)
    turn = turn_between(a, b, bits)
    while comparison(turn) is None:
        bits *= 2
        turn = turn_between(a, b, bits)
    return {"one": i, "other": j, "product": dot(a, b), "bits": bits, "probability": turn}


def _pairs_default() -> Instance:
    """Acute, right and obtuse angles at the centroid, one of them a hair from right; centroid 0."""
    points = ([3, 4], [-4, 3], ["1/1000000", -7], ["-1/1000000", 0], [1, 0])
    return Instance(None, tuple([tuple([Fraction(x) for x in point]) for point in points]))


# ---------------------------------------------------------------------- R2


def _examine_equal(instance: Instance) -> Verdict:
    one, other = _two_clusters(instance)
    require(
        len(one) == len(other),
        "the clusters have equally many points",
        f"got {len(one)} and {len(other)}",
    )
    return _examine_clusters(instance, "half-way")


def _examine_unequal(instance: Instance) -> Verdict:
    _two_clusters(instance)
    return _examine_clusters(instance, "centroid")


def _two_clusters(instance: Instance) -> tuple[list[Vector], list[Vector]]:
    """The points of the two labels.

    Raises:
        HypothesisFails: No labels, or not two different ones.
    """
    require(instance.data, "data are given", "got none")
    require(instance.labels is not None, "the data have labels", "got none")
    assert instance.labels is not None  # for type checkers; `require` has decided
    kinds = sorted(set(instance.labels))
    require(len(kinds) == 2, "there are two clusters", f"got labels {', '.join(map(str, kinds))}")
    return clusters(instance.data, instance.labels)


def _examine_clusters(instance: Instance, middle: str) -> Verdict:
    """Compare failure and bound, with hyperplanes through the point half way or the centroid."""
    one, other = clusters(instance.data, instance.labels or ())
    u, v = centroid(one), centroid(other)
    half = tuple([(a + b) / 2 for a, b in zip(u, v, strict=True)])
    centre = half if middle == "half-way" else centroid(instance.data)
    squared_delta = max([norm2(minus(p, m)) for part, m in ((one, u), (other, v)) for p in part])
    squared_r = norm2(minus(u, v)) / 4
    require(
        squared_r > squared_delta,
        "the half-distance r is above the radius delta",
        f"got r**2 = {squared_r}, delta**2 = {squared_delta}",
    )
    size = max(len(set(part)) for part in (one, other))
    vectors, bits = directions(one, other, centre), _bits(instance)
    holds = None
    while holds is None:
        failure = failure_between(vectors, minus(u, v), bits)
        ratio = squared_r / squared_delta if squared_delta else None
        bound = (Fraction(0), Fraction(0)) if ratio is None else bound_between(size, ratio, bits)
        holds = True if failure[1] <= bound[0] else False if failure[0] > bound[1] else None
        require(
            holds is not None or bits < MOST_BITS,
            "the bounds on the failure decide (they are exact up to two dimensions)",
            f"failure between {_short(failure[0])} and {_short(failure[1])}, bound about {_short(bound[0])}",
        )
        bits = bits if holds is not None else bits * 2
    reason = (
        f"K={size}: failure is between {_short(failure[0])} and {_short(failure[1])}, the bound "
        f"{_short(bound[0])}, hyperplanes through the {middle} point"
    )
    evidence = {
        "points": instance.data,
        "labels": tuple(instance.labels or ()),
        "middle": middle,
        "centre": centre,
        "size": size,
        "squared_delta": squared_delta,
        "squared_r": squared_r,
        "bits": bits,
        "failure": failure,
        "bound": bound,
    }
    return judged(holds, reason, size_text(instance), evidence)


def _short(value: Fraction) -> str:
    """A number with four decimals, for people."""
    return f"{float(value):.4f}"


def _clusters(one: list[Any], other: list[Any]) -> Instance:
    data = tuple([tuple([Fraction(x) for x in point]) for point in (*one, *other)])
    return Instance(None, data, labels=(0,) * len(one) + (1,) * len(other))


def _equal_default() -> Instance:
    """Three points each at distance 1 or less from (-20, 0) and (20, 0)."""
    around = ([0, 1], [0, -1], [0, 0])
    return _clusters([[x - 20, y] for x, y in around], [[x + 20, y] for x, y in around])


def _unequal_default() -> Instance:
    """The counterexample: 2 points against 98 in two places; the centroid is near the 98, between their places."""
    return _clusters([[-10, 1], [-10, -1]], [[10, 1 - 2 * (k % 2)] for k in range(98)])


_SOURCE = (
    "derived for this project from Goemans and Williamson, Improved approximation algorithms for maximum cut (1995), "
    "lemma 3.2"
)
_CLUSTERED = (
    "the data have labels, two different ones",
    "the half-distance r of the clusters' means is above delta, the largest distance of a point to its mean",
    "the normal is isotropic",
)

STATEMENTS = (
    Statement(
        id="R1",
        sentence=(
            "A random isotropic hyperplane through g separates u and v with probability angle/pi, at least 1/2 "
            "iff (u-g).(v-g) <= 0."
        ),
        hypotheses=(
            "g is the centroid of the data, u and v any two of them not at g",
            "the normal is isotropic",
        ),
        source=_SOURCE,
        expected=True,
        examine=_examine_pairs,
        default=_pairs_default,
        recheck=recheck_pairs,
        arithmetic="Q, enclosures of angles",
    ),
    Statement(
        id="R2",
        sentence=(
            "Two clusters of K points each, radius delta, half-distance r: a random hyperplane through the point half "
            "way fails to separate them with probability at most (2/pi)(2K-1)/(r/delta-1)."
        ),
        hypotheses=("the clusters have equally many points", *_CLUSTERED),
        source=_SOURCE,
        expected=True,
        examine=_examine_equal,
        default=_equal_default,
        recheck=recheck_clusters,
        arithmetic="Q, enclosures of angles",
    ),
    Statement(
        id="R2u",
        sentence=(
            "The same bound for clusters of any sizes and hyperplanes through the centroid of all points, K the larger "
            "number of different points in one."
        ),
        hypotheses=_CLUSTERED,
        source="R2 as it would usually be stated for batchnorm; counterexample derived for this project",
        expected=False,
        examine=_examine_unequal,
        default=_unequal_default,
        recheck=recheck_clusters,
        arithmetic="Q, enclosures of angles",
    ),
)
