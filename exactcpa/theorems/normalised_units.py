"""Units after a batchnorm, one by one: what the statements about signs and translations run over.

Main definitions:
    UnitPlace: One unit with the batchnorm that makes it.
    units_of: Those on an instance that a statement covers, as far as a limit goes.
    first_layer: The first batchnorm; its inputs do not depend on the batch.
    layers_evidence, unit_evidence: The numbers that re-addition starts from.

Conventions:
    Units are named by the batchnorm's layer number and the coordinate: ``layer 3, unit 1``.
    Only batchnorms whose coordinates have statistics of their own count (pixels 1); others are out of scope.

Not here:
    The layers themselves: `layer_view`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxOut,
    MaxPool,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.network import Network
from exactcpa.theorems.layer_view import (
    OWN_STATISTICS,
    Condition,
    NormalisedLayer,
    bend_of,
    covered_units,
    normalised_layers,
)
from exactcpa.theorems.statement import Instance, require
from exactcpa.vectors import Vector

BENDS_AT_ZERO = Condition(
    "the unit's activation, if any, bends at 0 only", lambda view, unit: _breakpoints(view, unit) == (0,)
)
BENDS = Condition(
    "the unit's activation, if any, bends one coordinate", lambda view, unit: bool(_breakpoints(view, unit))
)
AFFINE = (Linear, Conv2d, AvgPool2d, Flatten)
MOST_UNITS = 200


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """One unit after a batchnorm.

    Attributes:
        view: The batchnorm on the batch.
        unit: The coordinate.
    """

    view: NormalisedLayer
    unit: int

    def __str__(self) -> str:
        return f"{self.view}, unit {self.unit}"

    @property
    def row(self) -> Vector:
        """The row ``w``."""
        return self.view.rows[self.unit]

    @property
    def mean(self) -> Fraction:
        """``mu``, the mean of ``<w, z>``."""
        return self.view.offset(self.unit)

    @property
    def variance(self) -> Fraction:
        """``v``, biased."""
        return self.view.layer.variance[self.unit]

    @property
    def square(self) -> Fraction:
        """``s**2 = v + epsilon``."""
        return self.variance + self.view.layer.epsilon

    @property
    def gamma(self) -> Fraction:
        """The batchnorm's gamma."""
        return self.view.layer.gamma[self.unit]

    @property
    def beta(self) -> Fraction:
        """The batchnorm's beta."""
        return self.view.layer.beta[self.unit]

    @property
    def scale(self) -> Fraction:
        """The deployed scale."""
        return self.view.layer.scales()[self.unit]

    @property
    def values(self) -> tuple[Fraction, ...]:
        """``<w, z_i>``, without the bias."""
        row = self.row
        return tuple(
            [sum([a * b for a, b in zip(row, z, strict=True)], Fraction(0)) for z in self.view.inputs]
        )


def views_of(network: Network, data: tuple[Vector, ...]) -> tuple[NormalisedLayer, ...]:
    """The batchnorms on the data; at least one, each coordinate with statistics of its own.

    Raises:
        HypothesisFails: There is none, or one of images.
    """
    views = normalised_layers(network, data)
    require(views, "the network has a batchnorm", "got none")
    for view in views:
        require(
            view.pixels == 1,
            "every coordinate has statistics of its own",
            f"{view} shares each over {view.pixels} pixels",
        )
    return views


def units_of(instance: Instance, *conditions: Condition) -> tuple[list[UnitPlace], str]:
    """The units after batchnorms that a statement covers, as far as the option ``limit`` allows, and a note.

    Raises:
        HypothesisFails: No network, no data, no batchnorm, or no unit for which all conditions hold.
    """
    units, note = covered_units(instance, (OWN_STATISTICS, *conditions), limit=MOST_UNITS)
    return [UnitPlace(view, k) for view, k in units], note


def first_layer(network: Network, data: tuple[Vector, ...]) -> NormalisedLayer:
    """The first batchnorm.

    What comes before it has no batchnorm, so its inputs are the same in every mini-batch.  What comes after it is cut
    off but for the activation, so that thousands of batches cost little.

    Raises:
        HypothesisFails: There is none, or it is of images.
    """
    first = next((n for n, layer in enumerate(network.layers) if _normalises(layer)), None)
    require(first is not None, "the network has a batchnorm", "got none")
    start = Network(network.input, network.layers[: (first or 0) + 2])
    return views_of(start, data)[0]


def _normalises(layer: Layer) -> bool:
    """Whether a layer is a batchnorm or a block with one inside."""
    if isinstance(layer, Residual):
        return any(_normalises(inner) for inner in layer.layers)
    return isinstance(layer, BatchNorm | TrainingBatchNorm)


def layers_before(network: Network, view: NormalisedLayer) -> tuple[Layer, ...]:
    """The layers of the chain before a batchnorm; none if it is inside a residual block at the start."""
    return network.layers[: view.place[0]]


def breakpoints_of(place: UnitPlace) -> Vector:
    """The breakpoints of the activation that a unit goes to; 0, the decision, if it goes to none.

    Raises:
        HypothesisFails: The activation takes maxima.
    """
    found = _breakpoints(place.view, place.unit)
    require(found, BENDS.words, f"{place.view} goes to a maximum")
    return found


def _breakpoints(view: NormalisedLayer, unit: int) -> Vector:
    """The same; none for a maximum."""
    if view.activation is None:
        return (Fraction(0),)
    layer = view.activation[1]
    return () if isinstance(layer, MaxOut | MaxPool) else bend_of(layer, unit).breakpoints


def layers_evidence(places: Sequence[UnitPlace]) -> dict[str, Any]:
    """The inputs of every layer that has a unit among the places, by layer."""
    return {str(place.view): place.view.inputs for place in places}


def unit_evidence(place: UnitPlace) -> dict[str, Any]:
    """What a unit's numbers are computed from, and its mean and variance."""
    return {
        "layer": str(place.view),
        "unit": place.unit,
        "row": place.row,
        "gamma": place.gamma,
        "beta": place.beta,
        "epsilon": place.view.layer.epsilon,
        "mean": place.mean,
        "variance": place.variance,
    }
