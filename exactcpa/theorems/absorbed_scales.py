"""Where scales are written does not matter: absorbed into the next weights, or all multiplied by a factor.

Statement A8b.  It speaks of a batchnorm layer with beta = 0 before a positively homogeneous activation, and is examined
on every such layer: the rest of the network, from there on, has the same cells, neighbours and affine maps.

Main definitions:
    A8B: Scales can be absorbed into the next weights; only their ratios matter.
    STATEMENTS: It.

Conventions:
    The scales are the deployed ones: the statement holds for any positive ones, and all numbers are rational.
    Cells are enumerated over a box around the layer's inputs, proved and (up to 2,000) checked.
    Option ``cells``: the largest number of cells (default 2,000).

References:
    Arora, Li and Lyu, Theoretical analysis of auto rate-tuning by batch normalization (2019): scale invariance.

Not here:
    What the scales do to distances: `bent_distances`.  The re-addition: `readd_folding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from exactcpa.cell import AffineMap
from exactcpa.layers import BatchNorm, Layer, Linear
from exactcpa.network import Network
from exactcpa.partition import Partition
from exactcpa.statistics import freeze, mean_and_variance
from exactcpa.theorems.arrangement_cells import (
    BEND_AT_ZERO,
    LayerCondition,
    cells_up_to,
    covered_layers,
    witnesses_of,
)
from exactcpa.theorems.folding import CELLS, POINTS, box_around, layers_after, two_layers
from exactcpa.theorems.layer_view import NormalisedLayer, bend_of
from exactcpa.theorems.readd_folding import readd_a8b
from exactcpa.theorems.statement import Instance, Statement, Verdict, judged, network_and_data, size_text
from exactcpa.vectors import Vector

Facts = dict[str, Any]

FACTORS = (Fraction(3), Fraction(1, 7))
"""What all scales of a layer are multiplied by, to see that only their ratios matter."""

_IS_CENTRED = LayerCondition(
    "beta is zero, for every unit of the layer", lambda view: not any(view.layer.beta)
)
_IS_POSITIVE = LayerCondition("every scale is above zero", lambda view: min(view.layer.scales()) > 0)
_IS_IN_CHAIN = LayerCondition("the layer is not in a residual block", lambda view: len(view.place) == 1)


def _examine_a8b(instance: Instance) -> Verdict:
    net, data = network_and_data(instance)
    frozen = freeze(net, data)
    is_linear = LayerCondition(
        "a linear layer follows the activation",
        lambda view: any(isinstance(layer, Linear) for layer in layers_after(frozen, view.place)[1:2]),
    )
    conditions = (_IS_IN_CHAIN, BEND_AT_ZERO, _IS_CENTRED, _IS_POSITIVE, is_linear)
    views, note = covered_layers(instance, conditions)
    facts, told, holds = [], [], True
    for view in views:
        fact, same, counted = _written_differently(view, frozen, instance)
        facts.append(fact)
        told.append(counted)
        holds = holds and same
    return judged(holds, "; ".join(told) + note, size_text(instance), {"layers": tuple(facts)})


def _written_differently(
    view: NormalisedLayer, frozen: Network, instance: Instance
) -> tuple[Facts, bool, str]:
    """The rest of the network from one layer on, with the scales written in other places."""
    assert view.activation is not None  # `BEND_AT_ZERO`
    start, scales = view.place[0], view.layer.scales()
    activation, following, *rest = frozen.layers[start + 1 :]
    assert isinstance(following, Linear)  # the last condition
    box, d = box_around(view.inputs), len(view.rows[0])
    centred = [b - m for b, m in zip(view.bias, view.layer.mean, strict=True)]
    absorbed = [[s * v for s, v in zip(scales, row, strict=True)] for row in following.weight]

    def chain(factors: Sequence[Fraction], *after: Layer) -> Network:
        rows = [[f * a for a in row] for f, row in zip(factors, view.rows, strict=True)]
        bias = [f * b for f, b in zip(factors, centred, strict=True)]
        return Network(d, (Linear(rows, bias), activation, *after))

    ones = (Fraction(1),) * view.units
    original = cells_up_to(chain(scales, following, *rest), box, instance, facets=True, limit=CELLS)
    same = _is_same(original, chain(ones, Linear(absorbed, following.bias), *rest), instance)
    told = f"{view}: {len(original)} cells, the same with the scales absorbed"
    batch = _batch_after(view, activation)
    if _is_scale_free(following, rest, batch):
        for factor in FACTORS:
            after = _renormalised(following, rest[0], batch, factor)
            same = same and _is_same(
                original, chain([factor * s for s in scales], *after, *rest[1:]), instance
            )
        told += " and with all of them multiplied by " + " or ".join(map(str, FACTORS))
    fact = {
        **{"layer": str(view), "rows": view.rows, "bias": tuple(centred), "scales": scales},
        "slopes": tuple(bend_of(activation, unit).slopes for unit in range(view.units)),
        **{"weights": following.weight, "absorbed": tuple(map(tuple, absorbed))},
        "points": witnesses_of(original),
    }
    return fact, same, told if same else f"{view}: not the same partition"


def _is_scale_free(following: Linear, rest: Sequence[Layer], batch: Sequence[Vector]) -> bool:
    """Whether the next linear layer is normalised with epsilon 0, each unit by statistics of its own."""
    if not (rest and isinstance(rest[0], BatchNorm) and rest[0].epsilon == 0):
        return False
    columns = zip(*[following.forward(x) for x in batch], strict=True)
    own = [mean_and_variance(values) for values in columns]
    return own == list(zip(rest[0].mean, rest[0].variance, strict=True))


def _batch_after(view: NormalisedLayer, activation: Layer) -> list[Vector]:
    """The batch behind the layer and its activation."""
    before = Linear(view.rows, view.bias)
    return [activation.forward(view.layer.forward(before.forward(z))) for z in view.inputs]


def _renormalised(
    following: Linear, norm: Layer, batch: Sequence[Vector], factor: Fraction
) -> tuple[Linear, Linear]:
    """The next layer and its normalisation by the statistics of the batch after all scales were multiplied.

    The new variance must be ``factor**2`` times the old one, so the scale is the old one over the factor.
    """
    assert isinstance(norm, BatchNorm)  # `_is_scale_free`
    moved = [following.forward(tuple(factor * a for a in x)) for x in batch]
    weight = [[Fraction(0)] * len(norm.mean) for _ in norm.mean]
    bias = []
    for k, values in enumerate(zip(*moved, strict=True)):
        mean, variance = mean_and_variance(values)
        scale = norm.scales()[k] / factor
        weight[k][k] = scale if variance == factor**2 * norm.variance[k] else Fraction(0)
        bias.append(norm.beta[k] - scale * mean)
    return following, Linear(weight, bias)


def _is_same(original: Partition, other: Network, instance: Instance) -> bool:
    """Whether another network has the same cells, neighbours and affine maps."""
    part = cells_up_to(other, original.domain, instance, facets=True, limit=CELLS)
    return _by_pattern(part) == _by_pattern(original)


def _by_pattern(part: Partition) -> dict[tuple[int, ...], tuple[frozenset[tuple[int, ...]], AffineMap]]:
    """Every cell by its pattern: the patterns across its facets, and its map."""
    patterns = [tuple(pattern) for pattern in part.patterns.tolist()]
    starts, neighbours = part.adjacency()
    across = [frozenset(patterns[j] for j in neighbours[a:b].tolist()) for a, b in pairwise(starts.tolist())]
    maps = part.affine_maps()
    return {pattern: (across[i], maps[i]) for i, pattern in enumerate(patterns)}


A8B = Statement(
    id="A8b",
    sentence=(
        "The scales of a layer with beta = 0 can be absorbed into the next weights, and if the next layer is "
        "normalised with epsilon 0 only their ratios matter: same cells, neighbours and maps."
    ),
    hypotheses=(
        *[c.words for c in (_IS_IN_CHAIN, BEND_AT_ZERO, _IS_CENTRED, _IS_POSITIVE)],
        "a linear layer follows the activation",
        "for the last part, it is followed by a batchnorm with epsilon zero",
        f"at most {CELLS:,} cells (option cells)",
    ),
    source="derived for this project",
    expected=True,
    examine=_examine_a8b,
    default=lambda: Instance(two_layers(beta=None), POINTS),
    recheck=readd_a8b,
    arithmetic="enumeration",
)

STATEMENTS = (A8B,)
