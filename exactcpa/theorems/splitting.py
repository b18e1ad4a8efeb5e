"""Does every unit, or the decision, have samples of a batch on both sides?

Centring makes the outputs of a batchnorm (beta 0) add up to zero, so some are positive and some negative.  That
survives neither an activation nor a head without batchnorm.

Main definitions:
    STATEMENTS: A9, A9q, A10, A10'.

Conventions:
    Signs are strict: a sample on a boundary is on no side of it.
    ``h = (p - mu) / s`` with ``s**2 = v + epsilon``; bounds on it are compared in squares.
    Option ``batch_size`` of A10 and A10': all batches of so many samples; by default the one batch of all.

References:
    Samuelson, How deviant can you be? (1968); Brunk, Note on two papers of K. R. Nair (1959): the bounds of A9q.

Not here:
    How evidence is re-added: `readd_splitting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactcpa.layers import LeakyReLU, Linear, PReLU, ReLU, Residual, TrainingBatchNorm
from exactcpa.network import Abs, BatchNorm, Network
from exactcpa.theorems.batches import all_batches, batch_size, chosen
from exactcpa.theorems.layer_view import ZERO_BETA, NormalisedLayer, bend_of
from exactcpa.theorems.moments import sign_with_root
from exactcpa.theorems.normalised_units import (
    BENDS_AT_ZERO,
    UnitPlace,
    layers_evidence,
    unit_evidence,
    units_of,
    views_of,
)
from exactcpa.theorems.plain import dot, sign
from exactcpa.theorems.readd_splitting import recheck_bounds, recheck_head, recheck_logit, recheck_split
from exactcpa.theorems.statement import (
    Instance,
    Statement,
    Verdict,
    brief,
    judged,
    network_and_data,
    require,
    size_text,
)
from exactcpa.vectors import Vector

DERIVED = "derived for this project"
SHAPED_LIKE_LEAKY = (ReLU, LeakyReLU, PReLU, Abs)


def require_no_beta(place: UnitPlace) -> None:
    """Go on only if a unit's beta is zero.

    Raises:
        HypothesisFails: It is not.
    """
    require(place.beta == 0, "beta is 0 at every unit", f"{place} has beta {place.beta}")


def both_sides(signs: Sequence[int]) -> tuple[int | None, int | None]:
    """A positive and a negative sample, by number; None where there is none."""
    return (
        next((i for i, s in enumerate(signs) if s > 0), None),
        next((i for i, s in enumerate(signs) if s < 0), None),
    )


# ---------------------------------------------------------------------- A9


def _examine_split(instance: Instance) -> Verdict:
    places, note = units_of(instance, ZERO_BETA, BENDS_AT_ZERO)
    found, holds, constant = [], True, 0
    for place in places:
        signs = [sign(place.gamma * (value - place.mean)) for value in place.values]
        positive, negative = both_sides(signs)
        holds = holds and (positive is None) == (negative is None)
        constant += positive is None
        found.append({**unit_evidence(place), "positive": positive, "negative": negative})
    count = len(places)
    reason = (
        f"{count - constant} of {count} units are positive on one sample and negative on another, so their bent "
        f"hyperplanes meet the segment between these; {constant} are zero on all{note}"
    )
    return judged(
        holds, reason, size_text(instance), {"layers": layers_evidence(places), "units": tuple(found)}
    )


def _deep_default() -> Instance:
    """Three batchnorms in a row of layers, one of them on the logit; six samples."""
    net = Network(
        2,
        (
            Linear([[1, 2], [3, -1], [-2, 1]], [1, -5, 0]),
            TrainingBatchNorm(epsilon="1e-5"),
            LeakyReLU("1/4"),
            Linear([[1, -2, 1], [2, 1, -1]], [7, 0]),
            TrainingBatchNorm(epsilon="1e-5", gamma=[1, -3]),
            LeakyReLU("1/4"),
            Linear([[1, 3]], [2]),
            TrainingBatchNorm(epsilon=0),
        ),
    )
    return Instance(net, _points([0, 0], [1, 2], [4, -1], [2, 3], [-3, 1], [5, 5]))


def _points(*rows: Sequence[int]) -> tuple[Vector, ...]:
    return tuple([tuple([Fraction(x) for x in row]) for row in rows])


# ---------------------------------------------------------------------- A9q


def _examine_bounds(instance: Instance) -> Verdict:
    places, note = units_of(instance)
    found, holds = [], True
    with_beta = {True: 0, False: 0}
    for place in places:
        deviations = [value - place.mean for value in place.values]
        signs = {sign_with_root(place.gamma * d, place.beta, place.square) for d in deviations}
        splits = {-1, 1} <= signs
        holds = (
            holds and _bounds_hold(place, deviations) and _beta_decides(place, len(deviations), splits=splits)
        )
        with_beta[splits] += place.beta != 0
        largest, least = max(deviations), min(deviations)
        found.append({**unit_evidence(place), "largest": largest, "least": least, "splits": splits})
    n = len(instance.data)
    reason = (
        f"in all {len(places)} units h**2 is at most {n - 1} rho, rho/{n - 1} is reached on both "
        f"sides; of the units with beta {with_beta[True]} split the batch and {with_beta[False]} do not{note}"
    )
    if not holds:
        reason = f"a bound fails in one of {len(places)} units{note}"
    return judged(
        holds, reason, size_text(instance), {"layers": layers_evidence(places), "units": tuple(found)}
    )


def _bounds_hold(place: UnitPlace, deviations: Sequence[Fraction]) -> bool:
    """``h**2 <= (n-1) v/s**2``, and ``max h`` and ``-min h`` at least ``sqrt(v/(n-1))/s``; multiplied by ``s**2``."""
    others = len(deviations) - 1
    ends = (max(deviations), min(deviations))
    within = all(d * d <= others * place.variance for d in ends)
    return within and all(d * d * others >= place.variance for d in ends)


def _beta_decides(place: UnitPlace, count: int, *, splits: bool) -> bool:
    """Whether a beta small enough splits and one large enough does not."""
    bias, weight = place.beta**2 * place.square, place.gamma**2 * place.variance
    must, cannot = bias * (count - 1) < weight, bias > (count - 1) * weight
    return splits if must else not (cannot and splits)


def _bounds_default() -> Instance:
    """Four samples, sqrt(n-1) irrational; h reaches both bounds; betas below, between and above."""
    net = Network(
        1,
        (
            Linear([[1], [2], [-1], [3]], [0, 1, 2, 3]),
            TrainingBatchNorm(epsilon=0, beta=[0, "1/2", 1, 2], gamma=[1, -1, 1, 1]),
            LeakyReLU("1/4"),
        ),
    )
    return Instance(net, _points([0], [0], [0], [4]))


# ---------------------------------------------------------------------- A10


def _examine_head(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    head = _plain_head(network)
    batches = all_batches(instance, batch_size(instance, len(data)))
    found = []
    for batch in batches:
        entry = _head_evidence(network, chosen(data, batch), head)
        found.append({"samples": batch, **entry})
        if not _has_both(entry["logits"]):
            found = found[-1:]
            break
    holds = _has_both(found[-1]["logits"])
    last = found[-1]
    reason = (
        f"all {len(batches)} batches have a sample on each side"
        if holds
        else f"batch {last['samples']} has logits {', '.join(map(brief, last['logits']))}: none on one side"
    )
    return judged(holds, reason, size_text(instance), {"head": head, "batches": tuple(found)})


def _has_both(logits: Sequence[Fraction]) -> bool:
    return min(logits) < 0 < max(logits) or not any(logits)


def _plain_head(network: Network) -> Vector:
    """The row of a bias-free linear head with one output, after batchnorm and activation."""
    ends = network.layers[-3:]
    require(
        len(ends) == 3 and isinstance(ends[0], BatchNorm | TrainingBatchNorm) and isinstance(ends[2], Linear),
        "the last layers are batchnorm, activation and a linear head",
        f"got {', '.join(layer.type for layer in ends)}",
    )
    require(
        isinstance(ends[1], SHAPED_LIKE_LEAKY),
        "the last activation is max(t, eta t), eta < 1",
        f"got {ends[1].type}",
    )
    head = ends[2]
    require(len(head.weight) == 1, "the head has one output", f"got {len(head.weight)}")
    require(not any(head.bias), "the head has no bias", f"got {head.bias[0]}")
    return head.weight[0]


def _head_evidence(network: Network, batch: tuple[Vector, ...], head: Vector) -> dict[str, Any]:
    """Everything from the last batchnorm's inputs to the logits, on one batch."""
    view = views_of(network, batch)[-1]
    places = [UnitPlace(view, k) for k in range(view.units)]
    assert view.activation is not None  # `_plain_head` has found it
    slopes = [bend_of(view.activation[1], k).slopes[0] for k in range(view.units)]
    for place, slope in zip(places, slopes, strict=True):
        require_no_beta(place)
        require(slope < 1, "the last activation is max(t, eta t), eta < 1", f"{place} has eta {slope}")
    columns = []
    for place, slope in zip(places, slopes, strict=True):
        outputs = [place.scale * (value - place.mean) for value in place.values]
        columns.append([y if y >= 0 else slope * y for y in outputs])
    return {
        "inputs": view.inputs,
        "units": tuple(unit_evidence(place) for place in places),
        "scales": tuple(place.scale for place in places),
        "slopes": tuple(slopes),
        "logits": tuple(dot(head, row) for row in zip(*columns, strict=True)),
    }


def _head_default() -> Instance:
    """The counterexample: both units see one sample each side, their sum sees none."""
    net = Network(
        1,
        (
            Linear([[1], [-1]], [0, 0]),
            TrainingBatchNorm(epsilon=0),
            LeakyReLU("1/4"),
            Linear([[1, 1]], [0]),
        ),
    )
    return Instance(net, _points([1], [-1]))


# ---------------------------------------------------------------------- A10'


def _examine_logit(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    last = network.layers[-1]
    require(
        isinstance(last, BatchNorm | TrainingBatchNorm) and not isinstance(last, Residual),
        "the logit is batch-normalised: the last layer is a batchnorm",
        f"got {last.type}",
    )
    require(network.output == 1, "there is one logit", f"got {network.output} outputs")
    batches = all_batches(instance, batch_size(instance, len(data)))
    found, holds, constant = [], True, 0
    for batch in batches:
        view: NormalisedLayer = views_of(network, chosen(data, batch))[-1]
        place = UnitPlace(view, 0)
        require_no_beta(place)
        positive, negative = both_sides([sign(place.gamma * (p - place.mean)) for p in place.values])
        holds = holds and (positive is None) == (negative is None)
        constant += positive is None
        sides = {"positive": positive, "negative": negative}
        found.append({"samples": batch, "inputs": view.inputs, "unit": unit_evidence(place), **sides})
    reason = (
        f"{len(batches) - constant} of {len(batches)} batches have a sample on each side; on {constant} the logit "
        f"is constant"
    )
    return judged(holds, reason, size_text(instance), {"batches": tuple(found)})


def _logit_default() -> Instance:
    """A10's network and two more samples, its logit normalised, all batches of three."""
    plain = _head_default().network
    assert plain is not None
    net = Network(1, (*plain.layers[:3], Linear([[1, 2]], [5]), TrainingBatchNorm(epsilon="1e-5")))
    return Instance(net, _points([1], [-1], [2], [5]), options={"batch_size": 3})


STATEMENTS = (
    Statement(
        id="A9",
        sentence=(
            "With beta=0, at any depth and for any weights and scales, every unit is positive on one sample of its "
            "batch and negative on another, or zero on all: every bent hyperplane meets the hull of the batch."
        ),
        hypotheses=(
            "the network has a batchnorm; units with statistics of their own",
            "beta is zero",
            "the unit's activation, if any, bends at 0 only",
            "the statistics are those of the data",
        ),
        source=DERIVED,
        expected=True,
        examine=_examine_split,
        default=_deep_default,
        recheck=recheck_split,
        arithmetic="signs",
    ),
    Statement(
        id="A9q",
        sentence=(
            "With rho = v/(v+epsilon), 1 without epsilon: h**2 <= (n-1) rho, max h and -min h reach sqrt(rho/(n-1)); "
            "the unit splits the batch if (beta/gamma)**2 < rho/(n-1), and cannot if it is > (n-1) rho."
        ),
        hypotheses=(
            "the network has a batchnorm; units with statistics of their own",
            "the statistics are those of the data",
        ),
        source=(
            "bounds: Samuelson, How deviant can you be? (1968); Brunk, Note on two papers of K. R. Nair (1959); "
            "with beta: derived for this project"
        ),
        expected=True,
        examine=_examine_bounds,
        default=_bounds_default,
        recheck=recheck_bounds,
        arithmetic="squares",
    ),
    Statement(
        id="A10",
        sentence=(
            "A leaky-ReLU network with batchnorm below a bias-free head without one: every mini-batch has a sample "
            "on each side of the decision boundary, or a logit of zero throughout."
        ),
        hypotheses=(
            "the last layers are batchnorm, activation and a linear head",
            "the last activation is max(t, eta t), eta < 1",
            "the head has one output and no bias",
            "beta is 0 at every unit of the last batchnorm",
            "the statistics are those of the mini-batch",
            "at most 2000 batches of that size (option most_batches)",
        ),
        source=f"the usual reading of centring; counterexample {DERIVED}",
        expected=False,
        examine=_examine_head,
        default=_head_default,
        recheck=recheck_head,
        arithmetic="Q",
    ),
    Statement(
        id="A10'",
        sentence=(
            "A network whose logit is batch-normalised (beta=0): every mini-batch has a sample on each side of the "
            "decision boundary, unless the logit is constant on it."
        ),
        hypotheses=(
            "the logit is batch-normalised: the last layer is a batchnorm",
            "there is one logit, and its beta is 0",
            "the statistics are those of the mini-batch",
            "at most 2000 batches of that size (option most_batches)",
        ),
        source=DERIVED,
        expected=True,
        examine=_examine_logit,
        default=_logit_default,
        recheck=recheck_logit,
        arithmetic="signs",
    ),
)
