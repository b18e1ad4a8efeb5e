"""The evidence of A7, A8a, A8b and A8c, added up again by plain fractions.

Main definitions:
    readd_a7, readd_a8a, readd_a8b, readd_a8c.

Conventions:
    Level sets as in `readd_distances`.  Affine maps and parameters of layers are taken as given; that a level set's
    cells are all those of its box is what `checker` proves.

Not here:
    How the evidence is found: `folding`, `bent_distances`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exactcpa.theorems.plain import Vector, centroid, dot, minus, norm2, rank
from exactcpa.theorems.readd_distances import level_distance

Evidence = Mapping[str, Any]


def readd_a7(evidence: Evidence) -> bool:
    """A7: another level that is nearer to the data; or, on the line, that no other one can be."""
    verdicts = [_is_least(unit) for unit in evidence["units"]]
    return bool(verdicts) and None not in verdicts and all(verdicts) is evidence["holds"]


def _is_least(unit: Evidence) -> bool | None:
    """Whether batchnorm's level is the best one; None if the evidence shows neither."""
    mine = level_distance(unit["batchnorm"])
    if mine is None or unit["batchnorm"]["level"] != 0:
        return None
    if unit["better"] is not None:
        other = _bound(unit["better"], unit["batchnorm"])
        return False if other is not None and other < mine else None
    # On the line a strictly monotone function has one point on a level, and the best point is the mean of the data.
    slopes = [cell["normal"][0] for cell in unit["batchnorm"]["cells"] if len(cell["normal"]) == 1]
    is_monotone = len(slopes) == len(unit["batchnorm"]["cells"]) and (min(slopes) > 0 or max(slopes) < 0)
    points = [sample["point"] for sample in unit["batchnorm"]["samples"]]
    middle = centroid(points)
    spread = sum(norm2(minus(point, middle)) for point in points) / len(points)
    return True if is_monotone and mine == spread else None


def _bound(other: Evidence, mine: Evidence) -> Any:
    """The mean squared distance to points on another level: no less than the one to the level."""
    points = [sample["point"] for sample in mine["samples"]]
    if [sample["point"] for sample in other["samples"]] != points:
        return None
    total = 0
    for sample in other["samples"]:
        cell, foot = other["cells"][sample["cell"]], sample["foot"]
        if any(dot(n, foot) > b for n, b in cell["rows"]):
            return None
        if dot(cell["normal"], foot) + cell["constant"] != other["level"]:
            return None
        total += norm2(minus(sample["point"], foot))
    return total / len(points)


def readd_a8a(evidence: Evidence) -> bool:
    """A8a: the jump of every gradient across every facet, where it is zero, and the angle."""
    layers = evidence["layers"]
    verdicts = [_is_fold(layer, facet) for layer in layers for facet in layer["facets"]]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _is_fold(layer: Evidence, facet: Evidence) -> bool:
    """``after - before = sum_j kappa_j (h_j - tau_j)`` as affine functions, h_j = <w_j, x> + b_j; and the cosine."""
    switched = facet["units"]
    hyperplanes = [
        (*layer["rows"][j], layer["bias"][j] - facet["breakpoints"][i]) for i, j in enumerate(switched)
    ]
    if rank(hyperplanes) != 1:
        return False
    for output, weights in enumerate(layer["weights"]):
        before, after = facet["before"][output], facet["after"][output]
        kappas = [facet["jumps"][i] * layer["scales"][j] * weights[j] for i, j in enumerate(switched)]
        # The hyperplane of the normalised unit: scale * (w.x + b - mean) + beta - tau, here divided by the scale.
        jump = [sum(k * h[i] for k, h in zip(kappas, hyperplanes, strict=True)) for i in range(len(before))]
        if list(minus(after, before)) != jump:
            return False
        if not _is_angle(before[:-1], jump[:-1], facet["cosines"][output]):
            return False
    return True


def _is_angle(gradient: Vector, jump: Vector, cosine: Any) -> bool:
    """The squared cosine, with its sign, between a gradient and the same plus a jump."""
    folded = [a + b for a, b in zip(gradient, jump, strict=True)]
    if not any(gradient) or not any(folded):
        return cosine is None
    inner = norm2(gradient) + dot(gradient, jump)
    square = inner * inner / (norm2(gradient) * (norm2(gradient) + 2 * dot(gradient, jump) + norm2(jump)))
    return cosine == (square if inner >= 0 else -square)


def readd_a8b(evidence: Evidence) -> bool:
    """A8b: at a point of every cell the same pattern and the same values, however the scales are written."""
    verdicts = [_is_same(layer, point) for layer in evidence["layers"] for point in layer["points"]]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _is_same(layer: Evidence, point: Vector) -> bool:
    centred = [dot(w, point) + b for w, b in zip(layer["rows"], layer["bias"], strict=True)]
    scaled = [
        _bent(s * p, slopes) for s, p, slopes in zip(layer["scales"], centred, layer["slopes"], strict=True)
    ]
    plain = [_bent(p, slopes) for p, slopes in zip(centred, layer["slopes"], strict=True)]
    absorbed = [[s * v for s, v in zip(layer["scales"], row, strict=True)] for row in layer["weights"]]
    written = zip(layer["weights"], absorbed, layer["absorbed"], strict=True)
    return all(s > 0 for s in layer["scales"]) and all(
        list(row) == list(given) and dot(v, scaled) == dot(row, plain) for v, row, given in written
    )


def _bent(value: Any, slopes: tuple[Any, Any]) -> Any:
    return value * slopes[1] if value >= 0 else value * slopes[0]


def readd_a8c(evidence: Evidence) -> bool:
    """A8c: the mean squared distance with and without the scales below, by both level sets."""
    verdicts = []
    for unit in evidence["units"]:
        with_scales, without = level_distance(unit["with"]), level_distance(unit["without"])
        if with_scales is None or without is None:
            return False
        points = [[sample["point"] for sample in unit[name]["samples"]] for name in ("with", "without")]
        if points[0] != points[1]:
            return False
        verdicts.append(with_scales <= without)
    return bool(verdicts) and all(verdicts) is evidence["holds"]
