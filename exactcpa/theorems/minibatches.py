"""Mini-batches drawn from the data: moments of their statistics, and how they move the first layer's boundaries.

Main definitions:
    STATEMENTS: A11, A11', A12.

Conventions:
    The first batchnorm only: what comes before it does not depend on the batch.  Batches are without replacement, all
    of one size ``b`` (option ``batch_size``, see `default_size`) and equally likely.
    The boundary of a unit is where its normalised output is zero: ``<w, z> = mu_B - beta/scale_B`` (deployed reading).

References:
    Cochran, Sampling techniques (1977), chapter 2: mean and variance of samples from a finite population.

Not here:
    How evidence is re-added: `readd_minibatches`.  The margin of every sample under every mini-batch of a deep network
    (A12') is a measurement, no statement: `jittered_margins`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb
from typing import Any

from exactcpa.batchnorm import deployed_scale
from exactcpa.domain import Box
from exactcpa.layers import BatchNorm, LeakyReLU, Linear, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.point_margins import margin
from exactcpa.statistics import BatchStatistics, batch_statistics
from exactcpa.theorems.batches import MOST_BATCHES, all_batches, batch_size, chosen
from exactcpa.theorems.layer_view import NONZERO_GAMMA, NONZERO_ROW, NormalisedLayer
from exactcpa.theorems.moments import variance
from exactcpa.theorems.normalised_units import AFFINE, MOST_UNITS, UnitPlace, first_layer, layers_before
from exactcpa.theorems.plain import centroid, dot, mean, minus, norm2, rank, sign
from exactcpa.theorems.readd_minibatches import (
    closed_form,
    expected_moments,
    listed_moments,
    recheck_margins,
    recheck_moments,
    recheck_translation,
)
from exactcpa.theorems.statement import (
    Instance,
    Statement,
    Verdict,
    examined,
    judged,
    network_and_data,
    require,
    size_text,
)
from exactcpa.vectors import Vector

MOST_VALUES = 200_000
"""Up to so many values in all batches of a unit, A11 lists them; beyond, it adds probabilities."""
MOST_MARGINS = 500
"""Pairs of a unit and a sample for which A12 also finds both margins by the search for the nearest other class."""


def default_size(count: int) -> int:
    """Half of the samples, rounded up; all but one if that makes more batches than `MOST_BATCHES`."""
    half = (count + 1) // 2
    return half if comb(count, half) <= MOST_BATCHES else count - 1


def require_batches(instance: Instance) -> int:
    """The batch size, once there are two samples.

    Raises:
        HypothesisFails: There is one sample or none.
    """
    require(len(instance.data) >= 2, "there are at least 2 samples", f"got {len(instance.data)}")
    return batch_size(instance, default_size(len(instance.data)))


def first_statistics(network: Network, view: NormalisedLayer, batch: tuple[Vector, ...]) -> BatchStatistics:
    """The statistics of the first batchnorm on a batch; what comes after it is not computed."""
    return batch_statistics(Network(network.input, network.layers[: view.place[0] + 1]), batch)[0]


# ---------------------------------------------------------------------- A11


def _examine_moments(instance: Instance) -> Verdict:
    size = require_batches(instance)
    named, note = examined(_populations(instance), instance, "units", limit=MOST_UNITS)
    count = comb(len(instance.data), size)
    listed = count * size <= MOST_VALUES
    found, holds = [], True
    for name, values in named:
        moments = listed_moments(values, size) if listed else expected_moments(values, size)
        spread = variance(values)
        holds = holds and moments == closed_form(values, size) and moments[1] + moments[2] == spread
        found.append({"unit": name, "values": values, "variance": spread, "moments": moments})
    how = f"all {count} batches" if listed else f"the probabilities of samples and pairs in {count} batches"
    verb = "equal" if holds else "do not equal"
    reason = (
        f"E mu_B, Var mu_B, E v_B of {len(named)} units, from {how} of {size}, {verb} the closed forms{note}"
    )
    evidence = {"batch_size": size, "listed": listed, "units": tuple(found)}
    return judged(holds, reason, f"{size_text(instance)}, b={size}", evidence)


def _populations(instance: Instance) -> list[tuple[str, tuple[Fraction, ...]]]:
    """The values whose batches are drawn: first pre-activations, or the coordinates of data alone."""
    if instance.network is None:
        columns = zip(*instance.data, strict=True)
        return [(f"coordinate {j}", tuple(column)) for j, column in enumerate(columns)]
    network, data = network_and_data(instance)
    view = first_layer(network, data)
    return [(str(UnitPlace(view, k)), UnitPlace(view, k).values) for k in range(view.units)]


def _line_default() -> Instance:
    """Eight samples of the plane through three rows; batches of three."""
    net = Network(
        2,
        (Linear([[1, 2], [3, -1], [0, 5]], [1, 0, -7]), TrainingBatchNorm(epsilon="1e-5"), LeakyReLU("1/4")),
    )
    points = ([0, 1], [2, 5], [-1, 4], [7, 7], [3, -2], [1, 1], [-4, 0], [5, -6])
    data = tuple([tuple([Fraction(x) for x in point]) for point in points])
    return Instance(net, data, options={"batch_size": 3})


# ---------------------------------------------------------------------- A11'


def _examine_translation(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    size = require_batches(instance)
    batches = all_batches(instance, size)
    view = first_layer(network, data)
    before = layers_before(network, view)
    require(
        len(view.place) == 1 and all(isinstance(layer, AFFINE) for layer in before),
        "the batchnorm is of the first layer",
        f"{view} comes after {', '.join(layer.type for layer in before) or 'the start of a residual block'}",
    )
    for place in [UnitPlace(view, k) for k in range(view.units)]:
        require(place.beta == 0, "beta is 0 at every unit", f"{place} has beta {place.beta}")
        require(place.gamma != 0, "gamma is not 0", f"{place} has gamma 0")
    full, offsets = centroid(data), _offsets(view)
    found, holds = [], True
    for batch in batches:
        samples = chosen(data, batch)
        shift = minus(centroid(samples), full)
        moved = tuple([c + dot(row, shift) for c, row in zip(offsets, view.rows, strict=True)])
        part = minus(first_statistics(network, view, samples).mean, view.bias)
        holds = holds and part == moved
        found.append({"samples": batch, "shift": shift, "offsets": part})
    freedom = rank([minus(entry["offsets"], offsets) for entry in found])
    verb = "is" if holds else "is not"
    reason = (
        f"the arrangement of each of {len(batches)} batches of {size} {verb} that of all data, moved by the difference "
        f"of the centroids; the shifts of {view.units} units span {freedom} dimensions"
    )
    evidence = {"inputs": view.inputs, "rows": view.rows, "offsets": offsets, "batches": tuple(found)}
    return judged(holds, reason, f"{size_text(instance)}, b={size}", evidence)


def _offsets(view: NormalisedLayer) -> tuple[Fraction, ...]:
    return tuple([view.offset(k) for k in range(view.units)])


# ---------------------------------------------------------------------- A12


def _examine_margins(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    size = require_batches(instance)
    batches = all_batches(instance, size)
    view = first_layer(network, data)
    parts = [first_statistics(network, view, chosen(data, batch)) for batch in batches]
    covered = [k for k in range(view.units) if NONZERO_ROW.holds(view, k) and NONZERO_GAMMA.holds(view, k)]
    require(covered, "some row and its gamma are not zero", f"got none in {view}")
    units, note = examined(covered, instance, "units", limit=MOST_UNITS)
    found, left = [], MOST_MARGINS
    for k in units:
        found.append(_margins(UnitPlace(view, k), parts, left))
        left -= min(left, len(found[-1]["samples"]))
    entries = [entry for unit in found for entry in unit["samples"]]
    require(
        entries,
        "some sample is strictly on one side of every mini-batch boundary of a unit",
        f"none is, in {len(units)} units and {len(batches)} batches of {size}",
    )
    holds = all(entry["distance"] > entry["shift"] and _is_margin(entry) for entry in entries)
    verb = "exceeds" if holds else "does not always exceed"
    searched = MOST_MARGINS - left
    reason = (
        f"{len(entries)} of {len(units) * len(data)} pairs of a unit and a sample are decided alike by all "
        f"{len(batches)} batches of {size}; the distance to the mean boundary {verb} the largest shift toward it, "
        f"{searched} of them with margins found by search{note}"
    )
    evidence = {"inputs": view.inputs, "batches": tuple(batches), "units": tuple(found)}
    return judged(holds, reason, f"{size_text(instance)}, b={size}", evidence)


def _margins(place: UnitPlace, parts: Sequence[BatchStatistics], searched: int) -> dict[str, Any]:
    """A unit's scale in every batch, and the samples that every boundary has on one side."""
    k, epsilon, bias = place.unit, place.view.layer.epsilon, place.view.bias[place.unit]
    scales = [deployed_scale(place.gamma, part.variance[k], epsilon) for part in parts]
    offsets = [part.mean[k] - bias - place.beta / scale for part, scale in zip(parts, scales, strict=True)]
    middle, length = mean(offsets), norm2(place.row)
    mean_unit = Network(len(place.row), (Linear([place.row], [-middle]),))
    samples: list[dict[str, Any]] = []
    for number, value in enumerate(place.values):
        sides = {sign(value - offset) for offset in offsets}
        if len(sides) == 1 and 0 not in sides:
            side = sides.pop()
            distance = side * (value - middle)
            shifts = [side * (offset - middle) for offset in offsets]
            entry = {"sample": number, "side": side, "distance": distance, "shift": max(shifts)}
            found = {"margin": None, "least_margin": None}
            if len(samples) < searched:
                point = place.view.inputs[number]
                nearest = _frozen_unit(place, parts[shifts.index(max(shifts))])
                found = {
                    "margin": _real_margin(mean_unit, point, distance, place.row),
                    "least_margin": _real_margin(nearest, point, distance, place.row),
                }
            samples.append({**entry, "squared_distance": distance**2 / length, **found})
    numbers = {"gamma": place.gamma, "beta": place.beta, "epsilon": place.view.layer.epsilon}
    return {
        "unit": str(place),
        "row": place.row,
        **numbers,
        "scales": tuple(scales),
        "samples": tuple(samples),
    }


def _frozen_unit(place: UnitPlace, part: BatchStatistics) -> Network:
    """A unit alone, in its own inputs, with the statistics of a batch."""
    k = place.unit
    norm = BatchNorm(
        mean=[part.mean[k]],
        variance=[part.variance[k]],
        gamma=[place.gamma],
        beta=[place.beta],
        epsilon=place.view.layer.epsilon,
    )
    return Network(len(place.row), (Linear([place.row], [place.view.bias[k]]), norm))


def _real_margin(unit: Network, point: Vector, distance: Fraction, row: Vector) -> Fraction | None:
    """The squared margin of a point, searched for in a box that holds the boundary's nearest point.

    A step of ``distance / |w|^2`` along w has no coordinate larger than ``distance / max |w_j|``.
    """
    half = distance / max(map(abs, row)) + 1
    return margin(unit, point, Box([x - half for x in point], [x + half for x in point])).value


def _is_margin(entry: dict[str, Any]) -> bool:
    """Whether the margins that were searched for are the distance, and the distance less the largest shift."""
    if entry["margin"] is None:
        return True
    scale = entry["squared_distance"] / entry["distance"] ** 2
    least = (entry["distance"] - entry["shift"]) ** 2 * scale
    return (entry["margin"], entry["least_margin"]) == (entry["squared_distance"], least)


def _unit_default() -> Instance:
    """One unit on a line with beta, two far samples on either side of five near ones; batches of four."""
    net = Network(1, (Linear([[2]], [3]), TrainingBatchNorm(epsilon="1e-5", beta=["1/8"])))
    points = (-9, -8, -1, 0, 1, 2, 9)
    return Instance(net, tuple([(Fraction(x),) for x in points]), options={"batch_size": 4})


_DRAWN = "batches of b of the N samples, without replacement, equally likely; N at least 2"

STATEMENTS = (
    Statement(
        id="A11",
        sentence=(
            "Over mini-batches of size b from N samples: E mu_B = mu, Var mu_B = (v/b)(N-b)/(N-1), "
            "E v_B = v N(b-1)/(b(N-1)), and v = E v_B + Var mu_B."
        ),
        hypotheses=(_DRAWN, "the units' inputs do not depend on the batch: those of the first batchnorm"),
        source="Cochran, Sampling techniques (1977), chapter 2; the sum derived for this project",
        expected=True,
        examine=_examine_moments,
        default=_line_default,
        recheck=recheck_moments,
        arithmetic="Q",
    ),
    Statement(
        id="A11'",
        sentence=(
            "In the first layer with beta=0, the arrangement of a mini-batch is that of all data translated rigidly by "
            "g_B - g: no independent noise on the units."
        ),
        hypotheses=(
            _DRAWN,
            "the batchnorm is of the first layer",
            "beta is 0 and gamma is not 0 at every unit of it",
            "at most 2000 batches of that size (option most_batches)",
        ),
        source="derived for this project",
        expected=True,
        examine=_examine_translation,
        default=_line_default,
        recheck=recheck_translation,
        arithmetic="Q",
    ),
    Statement(
        id="A12",
        sentence=(
            "One batchnorm unit: if every mini-batch boundary classifies x alike, the distance of x to the mean "
            "boundary exceeds the largest shift of a boundary toward x, by the least margin under a mini-batch."
        ),
        hypotheses=(
            _DRAWN,
            "the unit is of the network's first batchnorm; its row and gamma are not zero",
            "some sample is strictly on one side of every mini-batch boundary of a unit",
            "at most 2000 batches of that size (option most_batches)",
        ),
        source="derived for this project",
        expected=True,
        examine=_examine_margins,
        default=_unit_default,
        recheck=recheck_margins,
        arithmetic="squares",
    ),
)
