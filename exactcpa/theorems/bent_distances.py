"""Bent hyperplanes of deep units are not nearest to the data: what is true in feature space fails in input space.

Statements A7 and A8c, false as usually stated.  They are examined on every normalised unit with beta = 0 behind at
least one activation, by exact distances of all data points to the unit's bent hyperplane in the input space.

Main definitions:
    A7: "Batchnorm's offset is the nearest in input space, too": false.
    A8C: "The scales fold deeper boundaries nearer to the data": false.
    STATEMENTS: Both.

Conventions:
    Scales are ``gamma / sqrt(v + epsilon)`` where that is rational and the deployed ones elsewhere.
    A7 compares with other levels of the unit's pre-activation.  It is refuted by one that is nearer; it is proved on
    the line only, where the pre-activation is monotone; elsewhere an instance without a nearer level remains undecided.
    Options: ``limit``, the number of units (default 4); ``cells``, of one unit's terrain (default 2,000).

References:
    Goldfarb and Idnani (1983) for the nearest points, see `nearest`.

Not here:
    The distances: `level_sets`.  How a fold looks: `folding`.  The re-addition: `readd_folding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from exactcpa.layers import LeakyReLU, Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems.layer_view import (
    NONZERO_GAMMA,
    OWN_STATISTICS,
    ZERO_BETA,
    Condition,
    NormalisedLayer,
    bend_of,
    covered_units,
)
from exactcpa.theorems.level_sets import LevelSet, Terrain, level_set, unit_network
from exactcpa.theorems.readd_folding import readd_a7, readd_a8c
from exactcpa.theorems.scales import centring_only, true_scale, with_scales
from exactcpa.theorems.statement import (
    HypothesisFails,
    Instance,
    Statement,
    Verdict,
    brief,
    judged,
    network_and_data,
    size_text,
)
from exactcpa.vectors import Vector

LIMIT = 4
Facts = dict[str, Any]


def _bends_at_zero(view: NormalisedLayer, unit: int) -> bool:
    if view.activation is None:
        return True
    return not view.activation[1].type.startswith("max") and bend_of(
        view.activation[1], unit
    ).breakpoints == (0,)


_IS_DEEP = Condition("an activation comes before the unit", lambda view, _: view.depth > 0)
_CONDITIONS = (
    *(OWN_STATISTICS, _IS_DEEP, ZERO_BETA, NONZERO_GAMMA),
    Condition("the unit's breakpoint is 0 alone", _bends_at_zero),
)
_HYPOTHESES = (
    *[condition.words for condition in _CONDITIONS],
    "the unit's hyperplane is within reach of the data",
    "at most 2,000 cells (option cells)",
)


# ---------------------------------------------------------------------- A7


def _examine_a7(instance: Instance) -> Verdict:
    net, data = network_and_data(instance)
    units, note = covered_units(instance, _CONDITIONS, limit=LIMIT)
    frozen = with_scales(net, data, true_scale)
    facts, left_out = _each(units, lambda view, unit: _a7(frozen, view, unit, instance))
    worse = [fact for fact in facts if fact["better"] is not None]
    if worse:
        mine, other = worse[0]["squares"]
        reason = (
            f"{worse[0]['name']}: mean squared distance {brief(mine)} to its bent hyperplane, {brief(other)} at level "
            f"{brief(worse[0]['better']['level'])}; {len(worse)} of {len(facts)} units have a nearer level"
        )
        facts = worse
    else:
        undecided = [fact["name"] for fact in facts if not fact["is_least"]]
        if undecided:
            raise HypothesisFails(
                "the input is one number and the unit is monotone in it, or a nearer level is found",
                f"undecided for {undecided[0]}",
            )
        reason = f"{len(facts)} units: no level is nearer"
    return judged(not worse, reason + note + left_out, size_text(instance), {"units": tuple(facts)})


def _a7(frozen: Network, view: NormalisedLayer, unit: int, instance: Instance) -> Facts:
    net, data = unit_network(frozen, view.place, unit), instance.data
    grounds: dict[int, Terrain] = {}
    mine = level_set(net, data, Fraction(0), instance, grounds)
    fact: Facts = {
        **{"name": f"unit {unit} of {view}", "batchnorm": mine.evidence, "better": None},
        "is_least": _is_best_on_the_line(mine, data),
    }
    for level in _other_levels(net, data):
        other = _level_or_none(net, data, level, instance, grounds)
        if other is not None and other.mean_square < mine.mean_square:
            return fact | {"better": other.evidence, "squares": (mine.mean_square, other.mean_square)}
    return fact


def _level_or_none(
    net: Network,
    data: Sequence[Vector],
    level: Fraction,
    instance: Instance,
    grounds: dict[int, Terrain],
) -> LevelSet | None:
    try:
        return level_set(net, data, level, instance, grounds)
    except HypothesisFails:
        return None


def _other_levels(net: Network, data: Sequence[Vector]) -> Iterator[Fraction]:
    """The level through the mean of the data, then levels close by, above and below."""
    middle = tuple(sum(column, Fraction(0)) / len(data) for column in zip(*data, strict=True))
    if net.forward(middle)[0]:
        yield net.forward(middle)[0]
    nonzero = [abs(net.forward(x)[0]) for x in data if net.forward(x)[0]]
    for share in (Fraction(1, 8), Fraction(1, 128)) if nonzero else ():
        yield from (share * min(nonzero), -share * min(nonzero))


def _is_best_on_the_line(found: LevelSet, data: Sequence[Vector]) -> bool:
    """On the line, a monotone function: one point on a level, and none is nearer than the mean of the data.

    The box is wider than the data by their diameter on both sides, so what the function does outside cannot help.
    """
    if len(data[0]) > 1:
        return False
    slopes = [cell["normal"][0] for cell in found.evidence["cells"]]
    middle = sum((x for (x,) in data), Fraction(0)) / len(data)
    spread = sum(((x - middle) ** 2 for (x,) in data), Fraction(0)) / len(data)
    return (min(slopes) > 0 or max(slopes) < 0) and found.mean_square == spread


A7 = Statement(
    id="A7",
    sentence="Batchnorm's offset gives the bent hyperplane nearest to the data in input space, at any depth.",
    hypotheses=_HYPOTHESES,
    source="derived for this project",
    expected=False,
    examine=_examine_a7,
    default=lambda: Instance(
        Network(
            1,
            (
                *(Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), LeakyReLU("1/4")),
                *(Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), LeakyReLU("1/4")),
            ),
        ),
        tuple((Fraction(x),) for x in (-4, 0, 4, 8)),
    ),
    recheck=readd_a7,
    arithmetic="Q",
)


# ---------------------------------------------------------------------- A8c


def _examine_a8c(instance: Instance) -> Verdict:
    net, data = network_and_data(instance)
    units, note = covered_units(instance, _CONDITIONS, limit=LIMIT)
    scaled, centred = with_scales(net, data, true_scale), with_scales(net, data, centring_only)
    facts, left_out = _each(units, lambda view, unit: _a8c(scaled, centred, view, unit, instance))
    further = [fact for fact in facts if fact["squares"][0] > fact["squares"][1]]
    told = (further or facts)[0]
    with_it, without = map(brief, told["squares"])
    reason = f"{told['name']}: mean squared distance {with_it} with the scales, {without} without"
    counted = f"; {len(further)} of {len(facts)} units are further away with them"
    return judged(
        not further, reason + counted + note + left_out, size_text(instance), {"units": tuple(facts)}
    )


def _a8c(scaled: Network, centred: Network, view: NormalisedLayer, unit: int, instance: Instance) -> Facts:
    found = [
        level_set(unit_network(net, view.place, unit), instance.data, Fraction(0), instance)
        for net in (scaled, centred)
    ]
    return {
        **{"name": f"unit {unit} of {view}", "with": found[0].evidence, "without": found[1].evidence},
        "squares": tuple(one.mean_square for one in found),
    }


A8C = Statement(
    id="A8c",
    sentence=(
        "With its scales 1 / sigma, batchnorm folds the bent hyperplanes of deeper units nearer to the data than "
        "centring alone does."
    ),
    hypotheses=_HYPOTHESES,
    source="derived for this project",
    expected=False,
    examine=_examine_a8c,
    default=lambda: Instance(
        Network(
            2,
            (
                *(Linear([[1, 0], [0, 4]], [0, 0]), TrainingBatchNorm(epsilon=0), ReLU()),
                *(Linear([[3, -2]], [0]), TrainingBatchNorm(epsilon=0), ReLU()),
            ),
        ),
        tuple(tuple(map(Fraction, point)) for point in ((7, 2), (1, 2), (-1, -2), (-7, -2))),
    ),
    recheck=readd_a8c,
    arithmetic="Q",
)

STATEMENTS = (A7, A8C)


# ---------------------------------------------------------------------- shared


def _each(
    units: Sequence[tuple[NormalisedLayer, int]], examine: Callable[[NormalisedLayer, int], Facts]
) -> tuple[list[Facts], str]:
    """What is found for every unit; those out of scope are left out unless all are."""
    facts: list[Facts] = []
    failures: list[HypothesisFails] = []
    for view, unit in units:
        try:
            facts.append(examine(view, unit))
        except HypothesisFails as failure:
            failures.append(failure)
    if not facts:
        raise failures[0]
    return facts, f"; {len(failures)} units left out: {failures[0]}" if failures else ""
