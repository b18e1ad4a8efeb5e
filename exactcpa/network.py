"""Networks: a chain of layers with exact parameters, and its exact value at a point.

Main definitions:
    Network: The input dimension and the layers; immutable, checked once.

Conventions:
    Layers are numbered from 0 in the order they are applied.  An *activation layer* is one with bends or
    maxima; those are numbered from 0 too, inside residual blocks in order, and a unit is
    ``(activation layer, index)``.  Units are all coordinates of a bending layer, and the groups of two or
    more inputs of a maximum.

References:
    Arora, Basu, Mianjy and Mukherjee, Understanding deep neural networks with rectified linear units (2018),
    section 2 (a network is a continuous piecewise-affine function).

Not here:
    What one layer does: `layers`.  The lowered form: `stages`.  Files: `network_file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactcpa.errors import BadNetwork, DimensionMismatch, located, shown
from exactcpa.layers import (
    Abs,
    AvgPool2d,
    BatchNorm,
    Consecutive,
    Conv2d,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    Linear,
    Listed,
    Matrix,
    MaxOut,
    MaxPool,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    TrainingBatchNorm,
    Vector,
    Windows,
    chain,
    widths,
)
from exactcpa.numbers import exactly

__all__ = [
    "Abs",
    "AvgPool2d",
    "BatchNorm",
    "Consecutive",
    "Conv2d",
    "Flatten",
    "HardTanh",
    "Layer",
    "LeakyReLU",
    "Linear",
    "Listed",
    "Matrix",
    "MaxOut",
    "MaxPool",
    "Network",
    "PReLU",
    "ReLU",
    "ReLU6",
    "Residual",
    "TrainingBatchNorm",
    "Vector",
    "Windows",
    "widths",
]


@dataclass(frozen=True, slots=True)
class Network:
    """A continuous piecewise-affine function with rational parameters, as a chain of layers.

    Attributes:
        input: Dimension of the input.
        layers: The layers in the order they are applied; at least one.

    Raises:
        BadNetwork: No layer, or something that is none.
        DimensionMismatch: A layer does not fit the one before it.

    Example:
        >>> net = Network(1, (Linear([[1], [-1]], [0, 0]), ReLU(), Linear([[1, 1]], [0])))
        >>> net.forward(["-1/3"])
        (Fraction(1, 3),)
        >>> print(net)
        network 1 -> 1, 2 units: linear 2, relu 2, linear 1
    """

    input: int
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if isinstance(self.input, bool) or not isinstance(self.input, int | np.integer) or self.input < 1:
            raise BadNetwork(f"field input: expected an integer of at least 1, got {shown(self.input)}")
        object.__setattr__(self, "input", int(self.input))
        object.__setattr__(self, "layers", chain(self.layers))
        widths(self.layers, self.input)

    def __str__(self) -> str:
        sizes = widths(self.layers, self.input)[1:]
        names = ", ".join(f"{layer.type} {size}" for layer, size in zip(self.layers, sizes, strict=True))
        return f"network {self.input} -> {self.output}, {self.units} units: {names}"

    @property
    def output(self) -> int:
        """Dimension of the output."""
        return widths(self.layers, self.input)[-1]

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of units of every activation layer."""
        return tuple(_unit_counts(self.layers, self.input))

    @property
    def units(self) -> int:
        """Number of units of all activation layers."""
        return sum(self.layer_sizes)

    def forward(self, x: Sequence) -> Vector:
        """Evaluate the network exactly, layer by layer from their definitions.

        Args:
            x: A point of shape (input,), of anything `exactly` reads.

        Returns:
            The value, of shape (output,).

        Raises:
            DimensionMismatch: The point has another dimension.
            InexactNumber: A coordinate is no finite number.
        """
        value = _read_point(x, self.input)
        for layer in self.layers:
            value = layer.forward(value)
        return value


def _read_point(x: Sequence, dimension: int) -> Vector:
    if len(x) != dimension:
        raise DimensionMismatch(f"expected a point of dimension {dimension}, got {len(x)} coordinates")
    point: list[Fraction] = []
    for index, coordinate in enumerate(x):
        with located(f"coordinate {index} of the point"):
            point.append(exactly(coordinate))
    return tuple(point)


def _unit_counts(layers: Sequence[Layer], inputs: int) -> Iterator[int]:
    for layer, width in zip(layers, widths(layers, inputs), strict=False):
        match layer:
            case Residual():
                yield from _unit_counts(layer.layers, width)
            case MaxOut() | MaxPool():
                yield sum(len(group) > 1 for group in layer.grouping.groups_of(width))
            case ReLU() | LeakyReLU() | PReLU() | Abs() | HardTanh() | ReLU6():
                yield width
            case _:
                pass
