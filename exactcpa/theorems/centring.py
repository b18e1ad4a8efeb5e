"""Where batchnorm puts one unit's hyperplane: through the centroid, nearest to the batch among its translates.

Statements A1, A1', A2 and A3.  They speak of one batchnorm layer in its own feature space and are examined on every
normalised unit of the network, at any depth.

Main definitions:
    A1: The mean squared distance to a translate, its unique minimiser, and what beta costs.
    A1_ROTATED: "The best of all hyperplanes": false.
    A2: The variance as a mean squared distance; the length of the row does not matter.
    A3: The hyperplane passes through the centroid if and only if beta is the breakpoint.
    STATEMENTS: All of them.

Conventions:
    ``h = gamma (<w, z> - mu) / sqrt(v + epsilon) + beta`` with the real square root: everything said of it here is
    rational, because only its square enters.  Only in A3 the deployed scale is used, to give points on a hyperplane.
    Options: ``limit``, the number of units that are examined (default 64).

References:
    Balestriero and Baraniuk, Batch Normalization Explained (ICLR 2023 submission), abstract: the partition is
    adapted to the data.  The statements with their hypotheses are this project's.

Not here:
    That beta and gamma matter (A13); proofs for all sizes (`identities`).  The re-addition: `readd_centring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactcpa.layers import Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.statistics import mean_and_variance
from exactcpa.theorems.layer_view import (
    NONZERO_GAMMA,
    NONZERO_ROW,
    OWN_STATISTICS,
    Condition,
    NormalisedLayer,
    bend_of,
    covered_units,
)
from exactcpa.theorems.readd_centring import readd_a1, readd_a1_rotated, readd_a2, readd_a3
from exactcpa.theorems.statement import Instance, Statement, Verdict, brief, judged, size_text
from exactcpa.vectors import Matrix, Vector, dot

LIMIT = 64
SHOWN = 4
Unit = tuple[NormalisedLayer, int]
Facts = dict[str, Any]
ZERO, ONE = Fraction(0), Fraction(1)
DERIVED = "derived for this project"


# ---------------------------------------------------------------------- A1


def _examine_a1(instance: Instance) -> Verdict:
    units, note = covered_units(instance, (OWN_STATISTICS, NONZERO_ROW, NONZERO_GAMMA), limit=LIMIT)
    facts = [_a1(view, unit) for view, unit in units]
    bad = [i for i, fact in enumerate(facts) if not _a1_holds(units[i], fact)]
    shifted = sum(fact["excess"] > 0 for fact in facts)
    reason = (
        f"it fails for {_name(units[bad[0]])}"
        if bad
        else f"{len(units)} units: the formula holds, {shifted} have an excess and beta not zero"
    )
    return judged(not bad, reason + note, size_text(instance), {"layers": _by_layer(units, facts)})


def _a1(view: NormalisedLayer, unit: int) -> Facts:
    return _parameters(view, unit) | {
        "offset": view.offset(unit),
        "variance": view.layer.variance[unit],
        "least": _mean_squared_distance(view, view.rows[unit], view.offset(unit)),
        "excess": _excess(view, unit),
    }


def _a1_holds(unit: Unit, fact: Facts) -> bool:
    """The quadratic in the offset at three offsets, against the formula."""
    view, k = unit
    row, v, mu = view.rows[k], fact["variance"], fact["offset"]
    is_formula = all(
        _mean_squared_distance(view, row, mu + t) == (v + t * t) / dot(row, row) for t in (ZERO, ONE, -ONE)
    )
    return is_formula and (fact["excess"] == 0) is (fact["beta"] == 0)


A1 = Statement(
    id="A1",
    sentence=(
        "The mean squared distance of the batch to {w.z = c} is (v + (mu - c)^2) / |w|^2, least at c = mu alone; "
        "batchnorm attains it iff beta = 0, else the excess is beta^2 (v + eps) / (gamma^2 |w|^2)."
    ),
    hypotheses=(OWN_STATISTICS.words, NONZERO_ROW.words, NONZERO_GAMMA.words),
    source="Balestriero and Baraniuk, Batch Normalization Explained, 2023 (abstract); hypotheses of this project",
    expected=True,
    examine=_examine_a1,
    default=lambda: Instance(_mixed_network(), _SEVEN_POINTS),
    recheck=readd_a1,
    arithmetic="Q",
)


# ---------------------------------------------------------------------- A1'


def _examine_a1_rotated(instance: Instance) -> Verdict:
    units, note = covered_units(instance, (OWN_STATISTICS, NONZERO_ROW, NONZERO_GAMMA), limit=LIMIT)
    facts = [_a1_rotated(view, unit) for view, unit in units]
    worse = [i for i, fact in enumerate(facts) if fact["better"] is not None]
    if worse:
        fact, better = facts[worse[0]], facts[worse[0]]["better"]
        other = _mean_squared_distance(units[worse[0]][0], better["normal"], better["offset"])
        reason = (
            f"{_name(units[worse[0]])}: mean squared distance {brief(fact['residual'])}, and {brief(other)} for the "
            f"normal {_vector(better['normal'])}; {len(worse)} of {len(units)} units are not the best hyperplane"
        )
    else:
        reason = f"{len(units)} units: w is an eigenvector of the least eigenvalue of the covariance"
    return judged(not worse, reason + note, size_text(instance), {"layers": _by_layer(units, facts)})


def _a1_rotated(view: NormalisedLayer, unit: int) -> Facts:
    row, excess = view.rows[unit], _excess(view, unit)
    facts: Facts = _parameters(view, unit) | {"excess": excess, "better": None}
    facts["residual"] = excess + view.layer.variance[unit] / dot(row, row)
    if excess:
        return facts | {"better": {"normal": row, "offset": view.offset(unit)}}
    middle = view.centroid
    away = [tuple(a - g for a, g in zip(z, middle, strict=True)) for z in view.inputs]
    direction, lower, diagonal = descend(away, row, facts["residual"])
    if direction is not None:
        return facts | {"better": {"normal": direction, "offset": dot(direction, view.centroid)}}
    return facts | {"lower": lower, "diagonal": diagonal}


def descend(away: Sequence[Vector], row: Vector, level: Fraction) -> tuple[Vector | None, Matrix, Vector]:
    """A direction of less variance per squared length than `row` has, or the proof that there is none.

    Args:
        away: Points relative to their mean; ``S`` is the mean of ``a a'``, formed only if `row` is an eigenvector.
        row: ``w``, not zero.
        level: ``w'Sw / |w|^2``.

    Returns:
        A direction u with ``u'Su < level |u|^2``; or None and the factors ``S - level I = L diag(d) L'``, d >= 0.

    Example:
        >>> corners = [(ONE, ZERO), (-ONE, ZERO), (ZERO, ONE), (ZERO, -ONE)]
        >>> descend(corners, (ONE, ONE), ONE / 2)[2]
        (Fraction(0, 1), Fraction(0, 1))
    """
    along = [dot(a, row) for a in away]
    slope = tuple(
        dot(column, along) / len(away) - level * w
        for column, w in zip(zip(*away, strict=True), row, strict=True)
    )
    if not any(slope):
        return _factorise(_shifted_covariance(away, level))
    # (w - t s)' M (w - t s) = -2 t |s|^2 + t^2 s'Ms, as w'Mw = 0 and Mw = s: least, or just negative, at this t.
    length = dot(slope, slope)
    curvature = sum((dot(a, slope) ** 2 for a in away), ZERO) / len(away) - level * length
    step = length / curvature if curvature > 0 else ONE
    return tuple(w - step * s for w, s in zip(row, slope, strict=True)), (), ()


def _shifted_covariance(away: Sequence[Vector], level: Fraction) -> Matrix:
    """``S - level I``."""
    columns = list(zip(*away, strict=True))
    return tuple(
        tuple(dot(a, b) / len(away) - (level if i == j else ZERO) for j, b in enumerate(columns))
        for i, a in enumerate(columns)
    )


def _factorise(symmetric: Matrix) -> tuple[Vector | None, Matrix, Vector]:
    """A direction u with ``u'Mu < 0``, or None and ``M = L diag(d) L'`` with ``d >= 0``."""
    size = len(symmetric)
    left = [list(line) for line in symmetric]
    lower = [[ONE if i == j else ZERO for j in range(size)] for i in range(size)]
    for k in range(size):
        pivot = left[k][k]
        if pivot < 0:
            return _pulled_back(lower, {k: ONE}), (), ()
        for i in range(k + 1, size):
            if not left[i][k]:
                continue
            if not pivot:
                return _pulled_back(lower, {k: -(left[i][i] + 1) / (2 * left[i][k]), i: ONE}), (), ()
            lower[i][k] = left[i][k] / pivot
        for i in range(k + 1, size):
            for j in range(k + 1, size):
                left[i][j] -= lower[i][k] * lower[j][k] * pivot
    return None, tuple(map(tuple, lower)), tuple(left[k][k] for k in range(size))


def _pulled_back(lower: Sequence[Sequence[Fraction]], entries: dict[int, Fraction]) -> Vector:
    """The solution u of ``L'u = y``, from the last entry up."""
    size = len(lower)
    u = [ZERO] * size
    for j in reversed(range(size)):
        u[j] = entries.get(j, ZERO) - sum((lower[i][j] * u[i] for i in range(j + 1, size)), ZERO)
    return tuple(u)


A1_ROTATED = Statement(
    id="A1'",
    sentence="Batchnorm's hyperplane is the total least squares one: no other hyperplane, rotated or not, is nearer.",
    hypotheses=(OWN_STATISTICS.words, NONZERO_ROW.words, NONZERO_GAMMA.words),
    source=DERIVED,
    expected=False,
    examine=_examine_a1_rotated,
    default=lambda: Instance(_one_unit(["1", "1"]), _points([2, 0], [-2, 0], [0, 1], [0, -1])),
    recheck=readd_a1_rotated,
    arithmetic="sign of a quadratic form",
)


# ---------------------------------------------------------------------- A2

FACTORS = (Fraction(2), Fraction(1, 3))
"""What rows are scaled by, to see that their length does not matter."""


def _examine_a2(instance: Instance) -> Verdict:
    units, note = covered_units(instance, (OWN_STATISTICS, NONZERO_ROW), limit=LIMIT)
    facts = [_a2(view, unit) for view, unit in units]
    bad = [i for i, fact in enumerate(facts) if not _a2_holds(units[i], fact)]
    without = sum(view.layer.epsilon != 0 for view, _ in units)
    kept = f"; the last part for {len(units) - without} of them, those with epsilon 0" if without else ""
    reason = f"it fails for {_name(units[bad[0]])}" if bad else f"{len(units)} units{kept}"
    return judged(not bad, reason + note, size_text(instance), {"layers": _by_layer(units, facts)})


def _a2(view: NormalisedLayer, unit: int) -> Facts:
    return _parameters(view, unit) | {
        "variance": view.layer.variance[unit],
        "least": _mean_squared_distance(view, view.rows[unit], view.offset(unit)),
        "factors": FACTORS,
    }


def _a2_holds(unit: Unit, fact: Facts) -> bool:
    view, k = unit
    row, v = view.rows[k], fact["variance"]
    if v != dot(row, row) * fact["least"]:
        return False
    if view.layer.epsilon:
        return True
    values = [dot(row, z) for z in view.inputs]
    return all(_ratios([t * p for p in values]) == _ratios(values) for t in FACTORS)


def _ratios(values: Sequence[Fraction]) -> list[tuple[bool, Fraction]]:
    """Sign and square of the normalised values: they decide the values."""
    mu, v = mean_and_variance(values)
    return [(p < mu, (p - mu) ** 2 / v) for p in values]


A2 = Statement(
    id="A2",
    sentence=(
        "v is |w|^2 times the mean squared distance of the batch to the hyperplane through the centroid, so sigma is "
        "|w| times a root-mean-square distance; with epsilon 0 the normalised unit does not depend on |w|."
    ),
    hypotheses=(OWN_STATISTICS.words, NONZERO_ROW.words, "epsilon is zero, for the last part"),
    source=DERIVED,
    expected=True,
    examine=_examine_a2,
    default=lambda: Instance(_mixed_network(), _SEVEN_POINTS),
    recheck=readd_a2,
    arithmetic="Q",
)


# ---------------------------------------------------------------------- A3

_HAS_BEND = Condition(
    "what follows has one bend per unit, or is no activation",
    lambda view, _: view.activation is None or not view.activation[1].type.startswith("max"),
)


def _examine_a3(instance: Instance) -> Verdict:
    conditions = (OWN_STATISTICS, NONZERO_ROW, NONZERO_GAMMA, _HAS_BEND)
    units, note = covered_units(instance, conditions, limit=LIMIT)
    facts = [_a3(view, unit) for view, unit in units]
    bad = [i for i, fact in enumerate(facts) if not _a3_holds(units[i], fact)]
    kinks = [kink for fact in facts for kink in fact["kinks"]]
    through = sum(kink["through_centroid"] for kink in kinks)
    reason = (
        f"it fails for {_name(units[bad[0]])}"
        if bad
        else f"{through} of {len(kinks)} hyperplanes of {len(units)} units pass through the centroid: those with "
        "beta at the breakpoint"
    )
    return judged(not bad, reason + note, size_text(instance), {"layers": _by_layer(units, facts)})


def _a3(view: NormalisedLayer, unit: int) -> Facts:
    layer, row = view.layer, view.rows[unit]
    scale, beta, gamma = layer.scales()[unit], layer.beta[unit], layer.gamma[unit]
    breakpoints = (ZERO,) if view.activation is None else bend_of(view.activation[1], unit).breakpoints
    kinks = []
    for tau in breakpoints:
        step = (tau - beta) / (scale * dot(row, row))
        point = tuple(g + step * w for g, w in zip(view.centroid, row, strict=True))
        square = (layer.variance[unit] + layer.epsilon) * (tau - beta) ** 2 / gamma**2
        kinks.append(
            {
                "breakpoint": tau,
                "through_centroid": _value(view, unit, view.centroid) == tau,
                "point": point,
                "shift_sign": _sign((tau - beta) * gamma),
                "shift_square": square,
            }
        )
    return _parameters(view, unit) | {
        "scale": scale,
        "offset": view.offset(unit),
        "value_at_centroid": _value(view, unit, view.centroid),
        "kinks": tuple(kinks),
    }


def _a3_holds(unit: Unit, fact: Facts) -> bool:
    """The network's own values at the centroid and at a point of every hyperplane."""
    view, k = unit
    return fact["value_at_centroid"] == fact["beta"] and all(
        _value(view, k, kink["point"]) == kink["breakpoint"]
        and kink["through_centroid"] is (fact["beta"] == kink["breakpoint"])
        for kink in fact["kinks"]
    )


def _value(view: NormalisedLayer, unit: int, z: Vector) -> Fraction:
    """What the batchnorm layer makes of a point of its feature space, at one unit."""
    affine = tuple(dot(row, z) + bias for row, bias in zip(view.rows, view.bias, strict=True))
    return view.layer.forward(affine)[unit]


A3 = Statement(
    id="A3",
    sentence=(
        "A unit's hyperplane passes through the centroid g, for every gamma != 0 and eps >= 0, iff beta = 0; the one "
        "of breakpoint tau is w.(z - g) = sqrt(v + eps) (tau - beta) / gamma."
    ),
    hypotheses=(OWN_STATISTICS.words, NONZERO_ROW.words, NONZERO_GAMMA.words, _HAS_BEND.words),
    source="Balestriero and Baraniuk, Batch Normalization Explained, 2023 (abstract); hypotheses of this project",
    expected=True,
    examine=_examine_a3,
    default=lambda: Instance(_mixed_network(), _SEVEN_POINTS),
    recheck=readd_a3,
    arithmetic="Q, and Q(sqrt) by squaring",
)

STATEMENTS = (A1, A1_ROTATED, A2, A3)


# ---------------------------------------------------------------------- shared


def _parameters(view: NormalisedLayer, unit: int) -> Facts:
    layer = view.layer
    names = {"row": view.rows[unit], "gamma": layer.gamma[unit], "beta": layer.beta[unit]}
    return {"unit": unit, **names, "epsilon": layer.epsilon}


def _excess(view: NormalisedLayer, unit: int) -> Fraction:
    """How far the mean squared distance to the normalised unit's hyperplane is above the least one."""
    layer, row = view.layer, view.rows[unit]
    total = layer.variance[unit] + layer.epsilon
    return layer.beta[unit] ** 2 * total / (layer.gamma[unit] ** 2 * dot(row, row))


def _mean_squared_distance(view: NormalisedLayer, normal: Vector, offset: Fraction) -> Fraction:
    squares = [(dot(normal, z) - offset) ** 2 for z in view.inputs]
    return sum(squares, ZERO) / (len(squares) * dot(normal, normal))


def _by_layer(units: Sequence[Unit], facts: Sequence[Facts]) -> tuple[Facts, ...]:
    """Evidence: units grouped by layer, the layer inputs once."""
    layers: dict[tuple[int, ...], Facts] = {}
    for (view, _), fact in zip(units, facts, strict=True):
        layer = layers.setdefault(view.place, {"layer": str(view), "inputs": view.inputs, "units": ()})
        layer["units"] = (*layer["units"], fact)
    return tuple(layers.values())


def _name(unit: Unit) -> str:
    return f"unit {unit[1]} of {unit[0]}"


def _vector(values: Vector) -> str:
    return "(" + ", ".join([brief(q) for q in values[:SHOWN]] + ["..."] * (len(values) > SHOWN)) + ")"


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def _points(*rows: Sequence[int]) -> tuple[Vector, ...]:
    return tuple(tuple(map(Fraction, row)) for row in rows)


_SEVEN_POINTS = _points([0, 0], [3, 1], [1, 4], [-2, 2], [5, -1], [-1, -3], [2, 2])


def _one_unit(row: Sequence[str]) -> Network:
    """One plain unit."""
    return Network(len(row), (Linear([row], [0]), TrainingBatchNorm(epsilon=0), ReLU()))


def _mixed_network() -> Network:
    """Two layers: gamma and beta of every kind, epsilon above zero first and zero after."""
    first = Linear([[1, 2], ["-1/2", 3], [2, -1]], [5, 0, "1/3"])
    second = Linear([[1, -1, 2], [3, 1, -1]], [0, -4])
    return Network(
        2,
        (
            *(first, TrainingBatchNorm(gamma=[1, "-3/2", 2], beta=[0, 0, "1/4"], epsilon="1e-5"), ReLU()),
            *(second, TrainingBatchNorm(gamma=[-1, 2], beta=[0, 1], epsilon=0), ReLU()),
        ),
    )
