"""How a layer folds what comes after it: the jump of a gradient, and the angle.

Statement A8a.  It speaks of a batchnorm layer, the activation after it and the linear map after that, in the layer's
own feature space, and is examined on every such layer of the network.

Main definitions:
    A8A: The gradient jumps by a multiple of the row, and the fold lies on the unit's hyperplane.
    layers_after, box_around, two_layers: What it shares with `absorbed_scales`.
    STATEMENTS: It.

Conventions:
    The scale of a unit is the deployed one: the statements hold for any scale, and all numbers are rational.
    Cells are enumerated over a box around the layer's inputs, proved and (up to 2,000) checked.
    Options: ``limit``, the facets of a layer that are examined (default 500); ``cells``, the largest number of cells
    (default 2,000).

References:
    Hanin and Rolnick, Complexity of linear regions in deep networks (2019): bent hyperplanes.

Not here:
    How far bent hyperplanes are from the data: `bent_distances`.  What the scales do: `absorbed_scales`.  The
    re-addition: `readd_folding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import takewhile
from typing import Any

from exactcpa.cell import AffineMap
from exactcpa.domain import Box
from exactcpa.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.network import Network
from exactcpa.partition import Partition
from exactcpa.statistics import Place, freeze
from exactcpa.theorems.arrangement_cells import (
    LayerCondition,
    cells_up_to,
    covered_layers,
)
from exactcpa.theorems.layer_view import NormalisedLayer, bend_of
from exactcpa.theorems.readd_folding import readd_a8a
from exactcpa.theorems.statement import (
    HypothesisFails,
    Instance,
    Statement,
    Verdict,
    brief,
    examined,
    judged,
    network_and_data,
    size_text,
)
from exactcpa.vectors import Matrix, Vector, dot

FACETS, CELLS = 500, 2_000
Facts = dict[str, Any]
_AFFINE = (Linear, Conv2d, AvgPool2d, Flatten, BatchNorm)

_HAS_BENDS = LayerCondition(
    "an activation with one bend per unit follows",
    lambda view: view.activation is not None and not view.activation[1].type.startswith("max"),
)


def layers_after(frozen: Network, place: Place) -> tuple[Layer, ...]:
    """What follows a batchnorm in its chain, the residual block's own if it is in one."""
    layers = frozen.layers
    for number in place[:-1]:
        block = layers[number]
        assert isinstance(block, Residual)  # a place of more than one number goes through blocks
        layers = block.layers
    return layers[place[-1] + 1 :]


def _affine_after(frozen: Network, view: NormalisedLayer) -> tuple[Layer, ...]:
    """The affine layers that follow the activation after a batchnorm."""
    after = layers_after(frozen, view.place)[1:]
    return tuple(takewhile(lambda layer: isinstance(layer, _AFFINE), after))


def box_around(points: Sequence[Vector]) -> Box:
    """The bounding box of points, wider by 1 on every side."""
    columns = list(zip(*points, strict=True))
    return Box([min(column) - 1 for column in columns], [max(column) + 1 for column in columns])


# ---------------------------------------------------------------------- A8a


def _examine_a8a(instance: Instance) -> Verdict:
    net, data = network_and_data(instance)
    frozen = freeze(net, data)
    is_followed = LayerCondition(
        "a linear map follows the activation", lambda view: bool(_affine_after(frozen, view))
    )
    views, note = covered_layers(instance, (_HAS_BENDS, is_followed))
    facts, told, holds = [], [], True
    for view in views:
        fact, left_out = _folds(view, _affine_after(frozen, view), instance)
        facts.append(fact)
        holds = holds and all(_is_fold(fact, facet) for facet in fact["facets"])
        told.append(f"{view}: {len(fact['facets'])} facets, {_angles(fact)}{left_out}")
    if not any(fact["facets"] for fact in facts):
        raise HypothesisFails("the layer has a facet near the data", f"none of {views[0]}")
    return judged(holds, "; ".join(told) + note, size_text(instance), {"layers": tuple(facts)})


def _folds(view: NormalisedLayer, after: tuple[Layer, ...], instance: Instance) -> tuple[Facts, str]:
    """Every facet of one layer's cells, with the affine maps of what comes next on both sides."""
    assert view.activation is not None  # `_HAS_BENDS`
    _, activation = view.activation
    chain = Network(len(view.rows[0]), (Linear(view.rows, view.bias), view.layer, activation, *after))
    part = cells_up_to(chain, box_around(view.inputs), instance, facets=True, limit=CELLS)
    edges = sorted(part.graph().edges(data="units"))
    chosen, left_out = examined(edges, instance, "facets", limit=FACETS)
    fact = {
        **{"layer": str(view), "rows": view.rows, "bias": view.bias, "scales": view.layer.scales()},
        "weights": _weights(after, view.units),
        "facets": tuple(_facet(view, activation, part, edge) for edge in chosen),
    }
    return fact, left_out


def _weights(after: tuple[Layer, ...], units: int) -> Matrix:
    """The matrix of affine layers: the images of the unit vectors, less that of the origin."""

    def image(x: Vector) -> Vector:
        for layer in after:
            x = layer.forward(x)
        return x

    origin = image((Fraction(0),) * units)
    columns = [image(tuple(Fraction(int(i == j)) for i in range(units))) for j in range(units)]
    return tuple(tuple(column[k] - c for column in columns) for k, c in enumerate(origin))


def _facet(
    view: NormalisedLayer,
    activation: Layer,
    part: Partition,
    edge: tuple[int, int, tuple[tuple[int, int], ...]],
) -> Facts:
    """The units that switch, by how much their slopes jump and where; and the maps before and after."""
    one, other, switched = edge
    patterns = part.patterns
    units, jumps, breakpoints = [], [], []
    for _, j in switched:
        bend, before, after = bend_of(activation, j), int(patterns[one][j]), int(patterns[other][j])
        tau = bend.breakpoints[min(before, after)]
        units.append(j)
        jumps.append(bend.slopes[after] - bend.slopes[before])
        # Where <w, z> + bias stands when the normalised value is tau.
        breakpoints.append(view.layer.mean[j] + (tau - view.layer.beta[j]) / view.layer.scales()[j])
    maps = part.affine_map(one), part.affine_map(other)
    return {
        **{"units": tuple(units), "jumps": tuple(jumps), "breakpoints": tuple(breakpoints)},
        **{"before": _functions(maps[0]), "after": _functions(maps[1])},
        "cosines": tuple(_cosine(a, b) for a, b in zip(maps[0].matrix, maps[1].matrix, strict=True)),
    }


def _functions(affine: AffineMap) -> Matrix:
    """Gradient and constant of every output."""
    return tuple((*row, c) for row, c in zip(affine.matrix, affine.shift, strict=True))


def _cosine(left: Vector, right: Vector) -> Fraction | None:
    """The squared cosine of the angle between two gradients with the cosine's sign; None if one is zero."""
    if not any(left) or not any(right):
        return None
    inner = dot(left, right)
    square = inner * inner / (dot(left, left) * dot(right, right))
    return square if inner >= 0 else -square


def _is_fold(fact: Facts, facet: Facts) -> bool:
    """The jump from the closed form: per output, and as an affine function that is zero on the hyperplane."""
    for output, weights in enumerate(fact["weights"]):
        total = [Fraction(0)] * len(facet["before"][output])
        for j, jump, level in zip(facet["units"], facet["jumps"], facet["breakpoints"], strict=True):
            kappa = jump * fact["scales"][j] * weights[j]
            hyperplane = (*fact["rows"][j], fact["bias"][j] - level)
            total = [t + kappa * h for t, h in zip(total, hyperplane, strict=True)]
        pairs = zip(facet["before"][output], total, facet["after"][output], strict=True)
        if any(a + t != b for a, t, b in pairs):
            return False
        if facet["cosines"][output] != _closed_form(facet["before"][output][:-1], total[:-1]):
            return False
    return True


def _closed_form(gradient: Vector, jump: Sequence[Fraction]) -> Fraction | None:
    """The signed squared cosine between G and G + J from ``|G|^2``, ``G.J`` and ``|J|^2``."""
    length, mixed, size = dot(gradient, gradient), dot(gradient, jump), dot(jump, jump)
    after = length + 2 * mixed + size
    if not length or not after:
        return None
    square = (length + mixed) ** 2 / (length * after)
    return square if length + mixed >= 0 else -square


def _angles(fact: Facts) -> str:
    """The range of the angles in words."""
    cosines = [c for facet in fact["facets"] for c in facet["cosines"] if c is not None]
    if not cosines:
        return "no gradients on both sides"
    return f"signed squared cosines from {brief(min(cosines))} to {brief(max(cosines))}"


A8A = Statement(
    id="A8a",
    sentence=(
        "Across the hyperplane of unit j, whose slope jumps by d there, the next layer's gradient jumps by d v_j "
        "(gamma_j / s_j) w_j: the fold lies on the hyperplane, and its angle has a closed form."
    ),
    hypotheses=(
        _HAS_BENDS.words,
        "a linear map follows the activation",
        f"at most {CELLS:,} cells (option cells)",
        "the layer has a facet near the data",
    ),
    source="derived for this project",
    expected=True,
    examine=_examine_a8a,
    default=lambda: Instance(two_layers(beta=["1/4", 0, -1]), POINTS),
    recheck=readd_a8a,
    arithmetic="Q",
)

STATEMENTS = (A8A,)

POINTS = tuple(
    tuple(map(Fraction, point)) for point in ((0, 0), (3, 1), (1, 4), (-2, 2), (5, -1), (-1, -3), (2, 2))
)


def two_layers(beta: list[int | str] | None) -> Network:
    """Two leaky layers of plain batchnorm and a head; the first one may have another beta."""
    first = (
        Linear([[1, 2], [-1, 1], [3, -1]], [0, 1, 0]),
        TrainingBatchNorm(beta=beta, epsilon=0),
        LeakyReLU("1/4"),
    )
    second = (
        Linear([[1, -1, 2], [2, 1, -1]], [0, 3]),
        TrainingBatchNorm(epsilon=0),
        LeakyReLU("1/4"),
    )
    return Network(2, (*first, *second, Linear([[1, 1]], [0])))
