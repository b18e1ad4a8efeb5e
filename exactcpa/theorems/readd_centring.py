"""The evidence of A1, A1', A2 and A3, added up again by plain fractions.

Each function takes evidence and says whether it shows what its entry ``holds`` claims.  Every number that a claim rests
on is computed again from layer inputs and rows; what the evidence says of it must agree.

Main definitions:
    readd_a1, readd_a1_rotated, readd_a2, readd_a3.

Conventions:
    ``layers`` lists layers: ``inputs`` of shape (n, D), and ``units`` with ``row``, ``gamma``, ``beta``, ``epsilon``
    and what was found.  The layer inputs are taken as given: how the data got there is not re-added here.

Not here:
    How the evidence is found: `centring`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from exactcpa.theorems.plain import Vector, centroid, dot, mean, minus, norm2, sign

Evidence = Mapping[str, Any]


def readd_a1(evidence: Evidence) -> bool:
    """A1: the mean squared distance at offsets ``mu`` and ``mu + 1``, the formula, and the excess that beta costs."""
    verdicts = [_a1(points, unit) for points, unit in _units(evidence)]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _a1(points: list[Vector], unit: Evidence) -> bool:
    row, beta, gamma = unit["row"], unit["beta"], unit["gamma"]
    mu = dot(row, centroid(points))
    least = _mean_squared_distance(points, row, mu)
    # A quadratic in the offset is known from three values; the formula has the same at -1, 0 and 1 from mu.
    is_formula = all(
        _mean_squared_distance(points, row, mu + t) == (unit["variance"] + t * t) / norm2(row)
        for t in (-1, 0, 1)
    )
    total = unit["variance"] + unit["epsilon"]
    excess = beta * beta * total / (gamma * gamma * norm2(row))
    is_same = (unit["offset"], unit["least"], unit["excess"]) == (mu, least, excess)
    return is_formula and is_same and total > 0 and (excess == 0) is (beta == 0)


def readd_a1_rotated(evidence: Evidence) -> bool:
    """A1': a better hyperplane for some unit; or for each the factors that prove that there is none."""
    verdicts = [_is_best(points, unit) for points, unit in _units(evidence)]
    return bool(verdicts) and None not in verdicts and all(verdicts) is evidence["holds"]


def _is_best(points: list[Vector], unit: Evidence) -> bool | None:
    """Whether the hyperplane is the best one; None if the evidence shows neither."""
    row, middle = unit["row"], centroid(points)
    mu = dot(row, middle)
    mine = _mean_squared_distance(points, row, mu) + unit["excess"]
    total = _variance(points, row) + unit["epsilon"]
    if (
        mine != unit["residual"]
        or unit["excess"] * unit["gamma"] ** 2 * norm2(row) != unit["beta"] ** 2 * total
    ):
        return None
    if unit["better"] is not None:
        normal, offset = unit["better"]["normal"], unit["better"]["offset"]
        return False if _mean_squared_distance(points, normal, offset) < mine else None
    return _is_least(points, middle, mine, unit["lower"], unit["diagonal"]) or None


def _is_least(
    points: list[Vector], middle: Vector, level: Fraction, lower: list[Vector], diagonal: Vector
) -> bool:
    """Whether ``S - level I = L diag(d) L'`` with ``d >= 0``: no direction has less variance than `level`."""
    away = [minus(z, middle) for z in points]
    size = range(len(middle))
    return all(d >= 0 for d in diagonal) and all(
        mean([z[i] * z[j] for z in away]) - (level if i == j else 0)
        == sum(d * lower[i][k] * lower[j][k] for k, d in enumerate(diagonal))
        for i in size
        for j in size
    )


def readd_a2(evidence: Evidence) -> bool:
    """A2: the variance is ``|w|^2`` times the mean squared distance; scaled rows give the same normalised values."""
    verdicts = [_a2(points, unit) for points, unit in _units(evidence)]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _a2(points: list[Vector], unit: Evidence) -> bool:
    row = unit["row"]
    mu = dot(row, centroid(points))
    least = _mean_squared_distance(points, row, mu)
    is_variance = unit["variance"] == norm2(row) * least == _variance(points, row)
    if unit["least"] != least or not is_variance:
        return False
    return unit["epsilon"] != 0 or all(
        _normalised(points, row) == _normalised(points, [t * a for a in row]) for t in unit["factors"]
    )


def _normalised(points: list[Vector], row: Vector) -> list[tuple[int, Fraction]]:
    """Sign and square of every ``<w, z - g> / sigma``."""
    mu, variance = dot(row, centroid(points)), _variance(points, row)
    away = [dot(row, z) - mu for z in points]
    return [(sign(a), a * a / variance) for a in away]


def readd_a3(evidence: Evidence) -> bool:
    """A3: the value at the centroid is beta; the hyperplane of every breakpoint is as far from it as stated."""
    verdicts = [_a3(points, unit) for points, unit in _units(evidence)]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _a3(points: list[Vector], unit: Evidence) -> bool:
    row, gamma, beta = unit["row"], unit["gamma"], unit["beta"]
    middle = centroid(points)
    total = _variance(points, row) + unit["epsilon"]
    if unit["value_at_centroid"] != beta or unit["offset"] != dot(row, middle):
        return False
    for kink in unit["kinks"]:
        away = dot(row, minus(kink["point"], middle))
        # On the point, scale * away + beta = tau with the deployed scale; and the shift of the real scale, squared.
        if unit["scale"] * away + beta != kink["breakpoint"]:
            return False
        shift = kink["breakpoint"] - beta
        if (
            kink["shift_sign"] != sign(shift) * sign(gamma)
            or kink["shift_square"] != total * shift**2 / gamma**2
        ):
            return False
        if kink["through_centroid"] is not (shift == 0):
            return False
    return total > 0 and sign(unit["scale"]) == sign(gamma)


def _units(evidence: Evidence) -> Iterator[tuple[list[Vector], Evidence]]:
    for layer in evidence["layers"]:
        for unit in layer["units"]:
            yield layer["inputs"], unit


def _mean_squared_distance(points: list[Vector], normal: Vector, offset: Fraction) -> Fraction:
    """Of points to a hyperplane."""
    return mean([(dot(normal, z) - offset) ** 2 for z in points]) / norm2(normal)


def _variance(points: list[Vector], row: Vector) -> Fraction:
    values = [dot(row, z) for z in points]
    return mean([p * p for p in values]) - mean(values) ** 2
