"""The batchnorm layers of a network on a batch: the linear map before each, its inputs, its statistics.

A statement about batchnorm speaks of one layer at a time: rows ``w``, layer inputs ``z_i``, pre-activations
``p_i = <w, z_i> + bias``, mean and variance of these.  This module reads that off a network and its data.

Main definitions:
    NormalisedLayer: One batchnorm with the affine map before it.
    normalised_layers: All of them, in order, on a batch.
    Bend: The breakpoints of an activation and its slopes.
    bend_of: Those of one unit of an activation layer.
    Condition: A hypothesis about one unit of one layer; `OWN_STATISTICS`, `NONZERO_ROW`, ... are the usual ones.
    covered_units: The units of an instance for which conditions hold, and a note about the others.

Conventions:
    The *feature space* of a batchnorm is the output of the last layer before it that is not affine (the input of the
    network if there is none; of the residual block inside one); ``W z + c`` is everything affine from there to the
    batchnorm.  With a linear layer between activation and batchnorm this is that layer's weight and bias.
    Statistics are those of the batch, layer by layer, in the deployed reading; a batchnorm that has statistics
    already is treated as one without.

Not here:
    Freezing statistics into a network: `statistics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.errors import BadArgument
from exactcpa.layers import (
    Abs,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    Linear,
    MaxOut,
    MaxPool,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.network import Network
from exactcpa.statistics import Batch, Place, freeze
from exactcpa.theorems.statement import Instance, examined, network_and_data, require
from exactcpa.vectors import Matrix, Vector

ZERO, ONE = Fraction(0), Fraction(1)

_AFFINE = (Linear, Conv2d, AvgPool2d, Flatten, BatchNorm)
_BENDING = (ReLU, LeakyReLU, PReLU, Abs, HardTanh, ReLU6)
_ACTIVATION = (*_BENDING, MaxOut, MaxPool)


@dataclass(frozen=True, slots=True)
class NormalisedLayer:
    """One batchnorm, with the affine map before it, on a batch.

    Attributes:
        place: Its number in the network; inside residual blocks the block's number first.
        activation: The activation layer that its outputs go to directly, by number from 0, and that layer; None if
            something else follows, or nothing.
        rows: Shape ``(m, D)``: the weight of the map before it, from its feature space.
        bias: Shape ``(m,)``.
        inputs: Shape ``(n, D)``: the batch in the feature space.
        layer: The batchnorm with the statistics of the batch.
        pixels: How many coordinates share each statistic; 1 unless the batchnorm is of images.
        depth: How many activation layers come before it.
    """

    place: Place
    activation: tuple[int, Layer] | None
    rows: Matrix
    bias: Vector
    inputs: Batch
    layer: BatchNorm
    pixels: int
    depth: int

    @property
    def units(self) -> int:
        """How many coordinates it normalises."""
        return len(self.rows)

    @property
    def centroid(self) -> Vector:
        """The mean of the inputs."""
        return tuple(sum(column, ZERO) / len(self.inputs) for column in zip(*self.inputs, strict=True))

    def offset(self, unit: int) -> Fraction:
        """The mean ``mu`` of ``<w, z>`` without the bias: the normalised unit is zero (beta=0) on ``<w, z> = mu``."""
        return self.layer.mean[unit] - self.bias[unit]

    def is_plain(self, unit: int) -> bool:
        """Whether gamma is 1, beta 0 and epsilon 0."""
        layer = self.layer
        return layer.gamma[unit] == 1 and layer.beta[unit] == 0 == layer.epsilon

    def __str__(self) -> str:
        return f"layer {'.'.join(map(str, self.place))}"


@dataclass(frozen=True, slots=True)
class Bend:
    """One unit of an activation: breakpoints, ascending, and the slopes between them, one more."""

    breakpoints: Vector
    slopes: Vector


def bend_of(layer: Layer, unit: int) -> Bend:
    """The breakpoints and slopes of one unit of an activation layer.

    Raises:
        BadArgument: The layer takes maxima, or is no activation.

    Example:
        >>> bend_of(LeakyReLU("1/4"), 0).slopes
        (Fraction(1, 4), Fraction(1, 1))
    """
    match layer:
        case ReLU():
            return Bend((ZERO,), (ZERO, ONE))
        case LeakyReLU():
            return Bend((ZERO,), (layer.slope, ONE))
        case PReLU():
            return Bend((ZERO,), (layer.slopes(unit + 1)[unit], ONE))
        case Abs():
            return Bend((ZERO,), (-ONE, ONE))
        case HardTanh():
            return Bend((layer.min, layer.max), (ZERO, ONE, ZERO))
        case ReLU6():
            return Bend((ZERO, Fraction(6)), (ZERO, ONE, ZERO))
    raise BadArgument(f"expected an activation with one bend per input, got {layer.type}")


def normalised_layers(net: Network, batch: Batch) -> tuple[NormalisedLayer, ...]:
    """All batchnorms of a network, each with the affine map before it, on a batch.

    Args:
        net: A network, its batchnorms with or without statistics.
        batch: Shape ``(n, inputs)``.

    Returns:
        One entry a batchnorm, in the order of the layers.

    Raises:
        BadNetwork: Statistics that do not exist (see `statistics.freeze`).
        BadArgument, DimensionMismatch, InexactNumber: An empty batch; points that are none.

    Example:
        >>> net = Network(1, (Linear([[2]], [5]), TrainingBatchNorm(epsilon=0), ReLU()))
        >>> view, = normalised_layers(net, ((Fraction(0),), (Fraction(2),)))
        >>> view.rows, view.offset(0), view.layer.variance
        (((Fraction(2, 1),),), Fraction(2, 1), (Fraction(4, 1),))
    """
    frozen = freeze(net, batch)
    walk = _Walk()
    walk.through(net.layers, frozen.layers, tuple(batch), ())
    return tuple(walk.found)


@dataclass(frozen=True, slots=True)
class Condition:
    """A hypothesis about one unit of one batchnorm: in words, and whether it holds."""

    words: str
    holds: Callable[[NormalisedLayer, int], bool]


OWN_STATISTICS = Condition(
    "each unit has statistics of its own (no images)", lambda view, _: view.pixels == 1
)
NONZERO_ROW = Condition("w is not zero", lambda view, unit: any(view.rows[unit]))
NONZERO_GAMMA = Condition("gamma is not zero", lambda view, unit: view.layer.scales()[unit] != 0)
ZERO_BETA = Condition("beta is zero", lambda view, unit: view.layer.beta[unit] == 0)


def covered_units(
    instance: Instance, conditions: Sequence[Condition], *, limit: int
) -> tuple[list[tuple[NormalisedLayer, int]], str]:
    """The normalised units of an instance for which all conditions hold.

    Args:
        instance: Network, data, option ``limit``.
        conditions: What must hold of a unit.
        limit: How many units are examined if the option is not given.

    Returns:
        The units, each with its layer, and a note that says which were left out and why; empty if none was.

    Raises:
        HypothesisFails: No batchnorm; or none of its units is covered: names the last condition that fails first
            for some unit.
        BadNetwork: See `normalised_layers`.
    """
    net, data = network_and_data(instance)
    views = normalised_layers(net, data)
    everyone = [(view, unit) for view in views for unit in range(view.units)]
    require(everyone, "the network has a batchnorm", "it has none")
    failed: dict[str, list[str]] = {}
    kept = []
    for view, unit in everyone:
        words = next((c.words for c in conditions if not c.holds(view, unit)), None)
        if words is None:
            kept.append((view, unit))
        else:
            failed.setdefault(words, []).append(f"unit {unit} of {view}")
    # Told is what fails for the units that satisfy most: the last of the conditions that fail.
    for words in reversed([c.words for c in conditions if c.words in failed]):
        more = f" and {len(failed[words]) - 1} more" if failed[words][1:] else ""
        require(kept, words, f"not so for {failed[words][0]}{more}")
    chosen, note = examined(kept, instance, "units", limit=limit)
    left_out = [
        f"; {len(units)} of {len(everyone)} units not covered, as it does not hold that {words}"
        for words, units in failed.items()
    ]
    return list(chosen), "".join(left_out) + note


class _Walk:
    """A walk along the layers: counts activation layers and collects batchnorms."""

    def __init__(self) -> None:
        self.found: list[NormalisedLayer] = []
        self.activations = 0

    def through(self, given: Sequence[Layer], frozen: Sequence[Layer], batch: Batch, place: Place) -> Batch:
        """Take a batch through frozen layers; `given` are the same before freezing."""
        start, chain = batch, _identity(len(batch[0]))
        for number, (before, layer) in enumerate(zip(given, frozen, strict=True)):
            match layer:
                case BatchNorm():
                    following = frozen[number + 1] if number + 1 < len(frozen) else None
                    self._note(before, layer, chain, start, (*place, number), following)
                case Residual() if isinstance(before, Residual):
                    inner = self.through(before.layers, layer.layers, batch, (*place, number))
                    batch = tuple(_sum(x, y) for x, y in zip(batch, inner, strict=True))
                    start, chain = batch, _identity(len(batch[0]))
                    continue
                case _ if isinstance(layer, _ACTIVATION):
                    self.activations += 1
            batch = tuple(layer.forward(x) for x in batch)
            if isinstance(layer, _AFFINE):
                chain = tuple(layer.forward(x) for x in chain)
            else:
                start, chain = batch, _identity(len(batch[0]))
        return batch

    def _note(
        self,
        before: Layer,
        layer: BatchNorm,
        chain: tuple[Vector, ...],
        start: Batch,
        place: Place,
        following: Layer | None,
    ) -> None:
        origin, *images = chain
        columns = [tuple(a - b for a, b in zip(image, origin, strict=True)) for image in images]
        rows = tuple(zip(*columns, strict=True))
        activation = (self.activations, following) if isinstance(following, _ACTIVATION) else None
        pixels = before.pixels if isinstance(before, TrainingBatchNorm) else 1
        self.found.append(
            NormalisedLayer(place, activation, rows, origin, start, layer, pixels, self.activations)
        )


def _identity(width: int) -> tuple[Vector, ...]:
    """The origin and the unit vectors; an affine map is known from their images."""
    origin = (ZERO,) * width
    return (origin, *[tuple(ONE if i == j else ZERO for j in range(width)) for i in range(width)])


def _sum(left: Vector, right: Vector) -> Vector:
    return tuple(a + b for a, b in zip(left, right, strict=True))
