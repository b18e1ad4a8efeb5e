"""Where the hyperplanes of batch-normalised units lie, and how far a batch's statistics move them.

With frozen statistics a unit meets the breakpoint t on ``scale (w.z + bias - mean) + beta = t``, a hyperplane in its
layer's own feature space: ``w.z + bias = mean + (t - beta) / scale``.  Its normal is the same for every batch, so two
batches give parallel hyperplanes, and their distance is the difference of these levels over |w|.

Main definitions:
    Fold: One hyperplane of a unit: the part that no batch changes.
    folds: All of them, of every batchnorm that an activation follows.
    level: Where statistics put a fold.

Conventions:
    The level is along ``w``, so the signed shift from level c to level c' is ``c' - c`` in units of |w|: in the
    direction of w if it is positive.  A unit without weights (w = 0) or with scale 0 has no hyperplane.

References:
    Ioffe and Szegedy, Batch normalization (2015).

Not here:
    Hyperplanes of deep units in input space: cut by cell they are facets of a `partition`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.integer_steps import Place, Statistics
from exactcpa.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    Residual,
    TrainingBatchNorm,
    widths,
)
from exactcpa.network import Network
from exactcpa.stages import Bend, stages


@dataclass(frozen=True, slots=True)
class Fold:
    """One hyperplane of a batch-normalised unit.

    Attributes:
        place: Of the batchnorm layer.
        unit: Coordinate of the batchnorm.
        breakpoint: The value at which the activation bends.
        beta: Of the batchnorm.
        norm_squared: Of the normal w, in the features that the layer before the batchnorm reads.
    """

    place: Place
    unit: int
    breakpoint: Fraction
    beta: Fraction
    norm_squared: Fraction


def folds(net: Network) -> tuple[Fold, ...]:
    """The folds of every batchnorm between features and a coordinatewise activation.

    What comes before it is one affine layer, or nothing but an activation; after it comes the activation.  Others
    (after a residual block, or before a maximum) have no hyperplanes of their own.
    """
    return tuple(_folds(net.layers, net.input, ()))


def level(fold: Fold, statistics: Statistics) -> Fraction | None:
    """Where the fold is: the value of ``w.z + bias`` on it; None if there is no hyperplane."""
    scale = statistics.scale[fold.unit]
    if not scale or not fold.norm_squared:
        return None
    mean = statistics.mean[fold.unit]
    return mean if fold.breakpoint == fold.beta else mean + (fold.breakpoint - fold.beta) / scale


def _folds(layers: Sequence[Layer], width: int, place: Place) -> Iterator[Fold]:
    sizes = widths(layers, width)
    for number, layer in enumerate(layers):
        match layer:
            case Residual():
                yield from _folds(layer.layers, sizes[number], (*place, number))
            case BatchNorm() | TrainingBatchNorm():
                norms = _norms(layers, number, sizes)
                units = _activation(layers, number, sizes)
                beta = layer.beta or (Fraction(0),) * sizes[number]
                if norms and units:
                    for k, unit in enumerate(units):
                        for t in unit.breakpoints:
                            yield Fold((*place, number), k, t, beta[k], norms[k])


def _norms(layers: Sequence[Layer], number: int, sizes: Sequence[int]) -> list[Fraction]:
    """Squared norms of the rows that a batchnorm reads; none if these are no rows over features."""
    before = layers[number - 1] if number else None
    match before:
        case Linear() | Conv2d() | AvgPool2d():
            weight = stages(Network(sizes[number - 1], (before,)))[0].weight
            return [sum((a * a for a in row), Fraction(0)) for row in weight]
        case BatchNorm() | TrainingBatchNorm() | Residual() | Flatten():
            return []
    return [Fraction(1)] * sizes[number]


def _activation(layers: Sequence[Layer], number: int, sizes: Sequence[int]) -> list[Bend]:
    """The bends that follow a batchnorm directly, one a coordinate, or none."""
    if number + 1 == len(layers) or isinstance(
        layers[number + 1], Residual | BatchNorm | TrainingBatchNorm | Flatten
    ):
        return []
    units = stages(Network(sizes[number + 1], (layers[number + 1],)))[0].units
    bends = [unit for unit in units if isinstance(unit, Bend) and unit.breakpoints]
    return bends if len(bends) == len(units) == sizes[number + 1] else []
