"""What gamma, beta and the breakpoints do to a unit's hyperplane: parallel translations by known amounts.

Main definitions:
    STATEMENTS: A13, B2.

Conventions:
    In the feature space of each batchnorm.  Offsets are those of ``<w, z> = offset``, without the raw bias.
    B2 is decided in the deployed reading, where every offset is rational; ``s/gamma`` is one over the deployed scale.

Not here:
    Which windows the hyperplanes meet: `windows`.  How evidence is re-added: `readd_translations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from exactcpa.layers import Conv2d, HardTanh, Layer, LeakyReLU, Linear, Residual, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems.layer_view import NONZERO_GAMMA, NONZERO_ROW, normalised_layers
from exactcpa.theorems.normalised_units import (
    BENDS,
    UnitPlace,
    breakpoints_of,
    layers_evidence,
    unit_evidence,
    units_of,
)
from exactcpa.theorems.plain import norm2
from exactcpa.theorems.readd_translations import recheck_parallel, recheck_shift
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

DERIVED = "derived for this project"


# ---------------------------------------------------------------------- A13


def _examine_shift(instance: Instance) -> Verdict:
    places, note = units_of(instance, NONZERO_GAMMA, NONZERO_ROW)
    found = []
    for place in places:
        squared = place.beta**2 * place.square / (place.gamma**2 * norm2(place.row))
        found.append({**unit_evidence(place), "squared_shift": squared})
    moved = [entry for entry in found if entry["squared_shift"]]
    reason = f"no beta moves any of {len(places)} hyperplanes{note}"
    if moved:
        most = max(moved, key=lambda entry: entry["squared_shift"])
        reason = (
            f"beta moves {len(moved)} of {len(places)} hyperplanes, that of {most['layer']}, unit {most['unit']} by "
            f"the root of {brief(most['squared_shift'])}{note}"
        )
    evidence = {"layers": layers_evidence(places), "units": tuple(found)}
    return judged(not moved, reason, size_text(instance), evidence)


def _shift_default() -> Instance:
    """Two samples, s = 1: beta/gamma = 1/2 moves the boundary from the centroid half way to one of them."""
    net = Network(
        1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0, gamma=[2], beta=[1]), LeakyReLU("1/4"))
    )
    return Instance(net, ((Fraction(-1),), (Fraction(1),)))


# ---------------------------------------------------------------------- B2


def _examine_parallel(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    places, note = units_of(instance, NONZERO_GAMMA, NONZERO_ROW, BENDS)
    others = {
        str(UnitPlace(view, k)): UnitPlace(view, k)
        for view in normalised_layers(with_other_biases(network), data)
        for k in range(view.units)
    }
    found, holds, lines = [], True, 0
    for place in places:
        other = others[str(place)]
        require(
            other.view.bias[other.unit] != place.view.bias[place.unit],
            "the raw bias reaches the batchnorm",
            f"{place} has none that does",
        )
        taus = breakpoints_of(place)
        offsets, again = _offsets(place, taus), _offsets(other, taus)
        middle = sum(place.values, Fraction(0)) / len(data)
        levels = [(tau - place.beta) / place.scale for tau in taus]
        holds = holds and offsets == again and [offset - middle for offset in offsets] == levels
        lines += len(taus)
        biases = {"bias": place.view.bias[place.unit], "other_bias": other.view.bias[other.unit]}
        found.append(
            {
                **unit_evidence(place),
                **biases,
                "scale": place.scale,
                "breakpoints": taus,
                "offsets": tuple(offsets),
                "offsets_with_other_bias": tuple(again),
            }
        )
    verb = "are" if holds else "are not"
    reason = (
        f"{lines} breakpoints of {len(places)} units {verb} at s(tau-beta)/gamma from the centroid, with these raw "
        f"biases and with others{note}"
    )
    evidence = {"layers": layers_evidence(places), "units": tuple(found)}
    return judged(holds, reason, size_text(instance), evidence)


def _offsets(place: UnitPlace, breakpoints: Sequence[Fraction]) -> list[Fraction]:
    """Where ``(<w, z> + bias - mean) scale + beta`` is at each breakpoint, solved for ``<w, z>``."""
    layer, k = place.view.layer, place.unit
    return [(tau - layer.beta[k]) / place.scale + layer.mean[k] - place.view.bias[k] for tau in breakpoints]


def with_other_biases(network: Network) -> Network:
    """The network with other raw biases wherever an affine map goes straight to a batchnorm."""
    return Network(network.input, _rebiased(network.layers))


def _rebiased(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for layer, after in zip(layers, (*layers[1:], None), strict=True):
        match layer:
            case Residual():
                layer = Residual(_rebiased(layer.layers))
            case Linear() | Conv2d() if after is not None and after.type == "batchnorm":
                layer = replace(layer, bias=tuple([b + k + 1 for k, b in enumerate(layer.bias)]))
        made.append(layer)
    return tuple(made)


def _parallel_default() -> Instance:
    """Two layers, one of hard tanh with two breakpoints a unit; gammas of both signs."""
    net = Network(
        2,
        (
            Linear([[1, 2], [3, -1]], [5, "1/3"]),
            TrainingBatchNorm(epsilon="1e-5", gamma=[1, -2], beta=["1/2", 1]),
            HardTanh(),
            Linear([[1, -2], [2, 1]], [-9, 0]),
            TrainingBatchNorm(epsilon=0, gamma=[3, 1], beta=[0, -1]),
            LeakyReLU("1/4"),
        ),
    )
    points = ([0, 0], [1, 2], [4, -1], [2, 3], [-3, 1])
    return Instance(net, tuple([tuple([Fraction(x) for x in point]) for point in points]))


STATEMENTS = (
    Statement(
        id="A13",
        sentence="Beta and gamma never matter: every hyperplane is where it is with gamma=1 and beta=0.",
        hypotheses=(
            "the network has a batchnorm; units with statistics of their own",
            "gamma and w are not zero",
            "the statistics are those of the data",
        ),
        source=f"the usual reading of centring; the distance beta s/(gamma |w|) {DERIVED}",
        expected=False,
        examine=_examine_shift,
        default=_shift_default,
        recheck=recheck_shift,
        arithmetic="squares",
    ),
    Statement(
        id="B2",
        sentence=(
            "Given the batch, breakpoints tau_j give parallel translates w.(x-g) = s(tau_j-beta)/gamma; the raw bias "
            "cancels."
        ),
        hypotheses=(
            "the network has a batchnorm; units with statistics of their own",
            "the unit's activation, if any, bends one coordinate",
            "gamma and w are not zero",
            "the raw bias reaches the batchnorm",
            "the statistics are those of the data",
        ),
        source=DERIVED,
        expected=True,
        examine=_examine_parallel,
        default=_parallel_default,
        recheck=recheck_parallel,
        arithmetic="Q",
    ),
)
