"""Layers: what one layer of a network is and computes, with exact rational parameters.

Every layer is a frozen value that is valid once built.  Parameters may be given as anything `exactly` reads,
in nested lists or arrays; they are kept as tuples of `Fraction`.

Main definitions:
    Linear, BatchNorm, TrainingBatchNorm, Conv2d, AvgPool2d, Flatten: Affine layers.
    ReLU, LeakyReLU, PReLU, Abs, HardTanh, ReLU6: One bend per input.
    MaxOut, MaxPool: Maxima over groups of inputs.
    Residual: Its input plus what its own layers make of it.
    widths: The dimensions along a chain of layers; finds every mismatch.

Conventions:
    Every layer has ``type`` (its name in files), ``width(inputs)`` (how many outputs it has for that many
    inputs; raises if they do not fit) and ``forward(x)``, exact and straight from the definition.  Images
    ``[C, H, W]`` are flat vectors, last index fastest.  Attributes are named as the fields of the file.

References:
    Goodfellow et al., Maxout networks (2013); He et al., Deep residual learning (2016), section 3.

Not here:
    Which inputs form a group: `groups`.  How parameters are read: `parameters`.
    The lowered form that the engine uses: `stages`, an independent computation of the same function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod
from typing import ClassVar

import numpy as np

from exactcpa.batchnorm import deployed_scale
from exactcpa.errors import BadNetwork, DimensionMismatch, located, shown
from exactcpa.groups import Consecutive, Listed, Windows, count_positions
from exactcpa.parameters import (
    Matrix,
    Pair,
    Triple,
    Vector,
    expect_length,
    keep,
    read_integer,
    read_integers,
    read_number,
    read_pair,
    read_tensor,
    read_tensor_or,
)

ZERO, ONE = Fraction(0), Fraction(1)

MOST_VALUES = 1 << 20
"""Numbers between two layers, at most: far more than a network has that can be enumerated."""


@dataclass(frozen=True, slots=True)
class Linear:
    """The affine map ``weight x + bias``: weight of shape (outputs, inputs), bias of shape (outputs,)."""

    type: ClassVar[str] = "linear"
    weight: Matrix
    bias: Vector

    def __post_init__(self) -> None:
        keep(self, "weight", read_tensor(self.weight, "weight", 2))
        keep(self, "bias", read_tensor(self.bias, "bias", 1))
        expect_length("bias", len(self.bias), len(self.weight), "rows of weight")

    def width(self, inputs: int) -> int:
        """Number of rows."""
        expect_length("weight", len(self.weight[0]), inputs, "inputs")
        return len(self.weight)

    def forward(self, x: Vector) -> Vector:
        """Multiply and add, over one common denominator a row."""
        common = lcm(*(value.denominator for value in x))
        integers = [value.numerator * (common // value.denominator) for value in x]
        return tuple(_dot(row, integers, common) + b for row, b in zip(self.weight, self.bias, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm:
    """Batch normalisation with frozen statistics, deployed reading: ``(x - mean) * scale + beta``.

    All but epsilon have one entry a coordinate.  Without gamma and beta they are 1 and 0.
    """

    type: ClassVar[str] = "batchnorm"
    mean: Vector
    variance: Vector
    gamma: Vector | None = None
    beta: Vector | None = None
    epsilon: Fraction

    def __post_init__(self) -> None:
        for field in ("mean", "variance"):
            if getattr(self, field) is None:
                raise BadNetwork(f"field {field}: missing; a batchnorm without statistics needs data")
        keep(self, "mean", read_tensor(self.mean, "mean", 1))
        keep(self, "variance", read_tensor(self.variance, "variance", 1))
        keep(self, "gamma", read_tensor_or(ONE, self.gamma, "gamma", len(self.mean)))
        keep(self, "beta", read_tensor_or(ZERO, self.beta, "beta", len(self.mean)))
        keep(self, "epsilon", read_number(self.epsilon, "epsilon"))
        for field in ("variance", "gamma", "beta"):
            expect_length(field, len(getattr(self, field)), len(self.mean), "entries of mean")
        for index, variance in enumerate(self.variance):
            if variance + self.epsilon <= 0:
                raise BadNetwork(
                    "field variance: expected a positive number plus epsilon, "
                    f"got {shown(variance)} at index {index}"
                )
        with located("field gamma"):
            self.scales()

    def scales(self) -> Vector:
        """Return the deployed scales: ``gamma / sqrt(variance + epsilon)`` as float64, one a coordinate."""
        pairs = zip(self.gamma, self.variance, strict=True)
        return tuple(deployed_scale(gamma, variance, self.epsilon) for gamma, variance in pairs)

    def width(self, inputs: int) -> int:
        """As many as go in."""
        expect_length("mean", len(self.mean), inputs, "inputs")
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Centre, scale and shift."""
        rows = zip(x, self.mean, self.scales(), self.beta, strict=True)
        return tuple((value - mean) * scale + beta for value, mean, scale, beta in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBatchNorm:
    """Batch normalisation in training mode: its statistics are those of the batch that goes through it.

    By itself it is no function of one point; `statistics.freeze` makes a `BatchNorm` of it, `ideal` an ideal one.

    Attributes:
        gamma, beta: One entry a coordinate; None stands for 1 and 0.
        epsilon: At least zero.
        pixels: So many consecutive coordinates share their statistics: the pixels of a channel of an image.
    """

    type: ClassVar[str] = "batchnorm"
    gamma: Vector | None = None
    beta: Vector | None = None
    epsilon: Fraction
    pixels: int = 1

    def __post_init__(self) -> None:
        for field in ("gamma", "beta"):
            if getattr(self, field) is not None:
                keep(self, field, read_tensor(getattr(self, field), field, 1))
        keep(self, "epsilon", read_number(self.epsilon, "epsilon"))
        keep(self, "pixels", read_integer(self.pixels, "pixels", 1))
        if self.epsilon < 0:
            raise BadNetwork(f"field epsilon: expected at least 0, got {shown(self.epsilon)}")

    def width(self, inputs: int) -> int:
        """As many as go in."""
        for field in ("gamma", "beta"):
            if getattr(self, field) is not None:
                expect_length(field, len(getattr(self, field)), inputs, "inputs")
        if inputs % self.pixels:
            raise DimensionMismatch(
                f"field pixels: expected a divisor of the {inputs} inputs, got {self.pixels}"
            )
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Refuse: one point is no batch."""
        raise BadNetwork(
            f"a batchnorm without statistics is in training mode and needs data, got one point of {len(x)} numbers"
        )


@dataclass(frozen=True, slots=True)
class Flatten:
    """The identity: images are flat vectors already."""

    type: ClassVar[str] = "flatten"

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Return the input."""
        return x


@dataclass(frozen=True, slots=True)
class ReLU:
    """``max(0, x)``, coordinate by coordinate."""

    type: ClassVar[str] = "relu"

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Take the larger of zero and each value."""
        return tuple(max(ZERO, value) for value in x)


@dataclass(frozen=True, slots=True)
class LeakyReLU:
    """``x`` where it is not negative, ``slope * x`` elsewhere.  Default: the double nearest to 0.01."""

    type: ClassVar[str] = "leaky_relu"
    slope: Fraction = Fraction(0.01)

    def __post_init__(self) -> None:
        keep(self, "slope", read_number(self.slope, "slope"))

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Scale the negative values."""
        return tuple(value if value >= 0 else self.slope * value for value in x)


@dataclass(frozen=True, slots=True)
class PReLU:
    """Leaky ReLU with a learned slope: one number for all coordinates, or one for each."""

    type: ClassVar[str] = "prelu"
    slope: Fraction | Vector

    def __post_init__(self) -> None:
        is_shared = not isinstance(self.slope, Sequence | np.ndarray) or isinstance(self.slope, str)
        read = read_number(self.slope, "slope") if is_shared else read_tensor(self.slope, "slope", 1)
        keep(self, "slope", read)

    def slopes(self, inputs: int) -> Vector:
        """Return the slope of every coordinate."""
        return self.slope if isinstance(self.slope, tuple) else (self.slope,) * inputs

    def width(self, inputs: int) -> int:
        """As many as go in."""
        if isinstance(self.slope, tuple):
            expect_length("slope", len(self.slope), inputs, "inputs")
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Scale the negative values, each by its own slope."""
        pairs = zip(x, self.slopes(len(x)), strict=True)
        return tuple(value if value >= 0 else slope * value for value, slope in pairs)


@dataclass(frozen=True, slots=True)
class Abs:
    """The absolute value of every coordinate."""

    type: ClassVar[str] = "abs"

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Drop the signs."""
        return tuple(abs(value) for value in x)


@dataclass(frozen=True, slots=True)
class HardTanh:
    """Every coordinate clipped to the interval from ``min`` to ``max``."""

    type: ClassVar[str] = "hardtanh"
    min: Fraction = Fraction(-1)
    max: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        keep(self, "min", read_number(self.min, "min"))
        keep(self, "max", read_number(self.max, "max"))
        if self.min >= self.max:
            raise BadNetwork(
                f"field max: expected a number above min, got {shown(self.max)} with min {shown(self.min)}"
            )

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Clip."""
        return tuple(min(max(value, self.min), self.max) for value in x)


@dataclass(frozen=True, slots=True)
class ReLU6:
    """Every coordinate clipped to the interval from 0 to 6."""

    type: ClassVar[str] = "relu6"

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Clip."""
        return tuple(min(max(value, ZERO), Fraction(6)) for value in x)


@dataclass(frozen=True, slots=True)
class MaxOut:
    """The maximum of every group of inputs: ``MaxOut(Consecutive(2))``, or `Listed` groups."""

    type: ClassVar[str] = "maxout"
    grouping: Consecutive | Listed

    def __post_init__(self) -> None:
        _expect_grouping(self.grouping, (Consecutive, Listed))

    def width(self, inputs: int) -> int:
        """Number of groups."""
        return len(self.grouping.groups_of(inputs))

    def forward(self, x: Vector) -> Vector:
        """Take the maxima."""
        return tuple(max(x[index] for index in group) for group in self.grouping.groups_of(len(x)))


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The maximum of every group of inputs: as `MaxOut`, or the `Windows` of an image."""

    type: ClassVar[str] = "maxpool"
    grouping: Consecutive | Listed | Windows

    def __post_init__(self) -> None:
        _expect_grouping(self.grouping, (Consecutive, Listed, Windows))

    def width(self, inputs: int) -> int:
        """Number of groups."""
        return len(self.grouping.groups_of(inputs))

    def forward(self, x: Vector) -> Vector:
        """Take the maxima."""
        return tuple(max(x[index] for index in group) for group in self.grouping.groups_of(len(x)))


@dataclass(frozen=True, slots=True)
class AvgPool2d:
    """The mean under every position of a kernel, on every channel; fields as `Windows`."""

    type: ClassVar[str] = "avgpool2d"
    shape: Triple
    kernel: Pair
    stride: Pair | None = None

    def __post_init__(self) -> None:
        windows = Windows(self.shape, self.kernel, self.stride)
        keep(self, "shape", windows.shape)
        keep(self, "kernel", windows.kernel)
        keep(self, "stride", windows.stride)

    def groups_of(self, inputs: int) -> tuple[tuple[int, ...], ...]:
        """Return the flat indices under the kernel, for every output."""
        return Windows(self.shape, self.kernel, self.stride).groups_of(inputs)

    def width(self, inputs: int) -> int:
        """Number of positions times channels."""
        return len(self.groups_of(inputs))

    def forward(self, x: Vector) -> Vector:
        """Take the means; the divisor is the size of the kernel."""
        return tuple(sum(x[index] for index in group) / len(group) for group in self.groups_of(len(x)))


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Cross-correlation with zero padding: weight of shape (O, C, kh, kw), bias of shape (O,).

    ``shape`` is the input's [C, H, W]; ``stride`` and ``padding`` are one number or [rows, columns].
    """

    type: ClassVar[str] = "conv2d"
    weight: tuple[tuple[Matrix, ...], ...]
    bias: Vector
    shape: Triple
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        keep(self, "weight", read_tensor(self.weight, "weight", 4))
        keep(self, "bias", read_tensor(self.bias, "bias", 1))
        keep(self, "shape", read_integers(self.shape, "shape", 1, length=3))
        keep(self, "stride", read_pair(self.stride, "stride", 1))
        keep(self, "padding", read_pair(self.padding, "padding", 0))
        expect_length("bias", len(self.bias), len(self.weight), "filters of weight")
        expect_length("weight", len(self.weight[0]), self.shape[0], "channels of shape")
        self.positions()

    def kernel(self) -> Pair:
        """Return the rows and columns of the kernel."""
        return len(self.weight[0][0]), len(self.weight[0][0][0])

    def positions(self) -> Pair:
        """Return the rows and columns of the output."""
        return count_positions(self.shape, self.kernel(), self.stride, self.padding)

    def width(self, inputs: int) -> int:
        """Number of filters times positions."""
        expect_length("shape", prod(self.shape), inputs, "inputs")
        return len(self.weight) * prod(self.positions())

    def forward(self, x: Vector) -> Vector:
        """Slide every filter over the padded image."""
        rows, columns = self.positions()
        places = [(i, j) for i in range(rows) for j in range(columns)]
        return tuple(
            bias + sum(weight * x[index] for index, weight in self.taps(number, i, j))
            for number, bias in enumerate(self.bias)
            for i, j in places
        )

    def taps(self, number: int, row: int, column: int) -> Iterator[tuple[int, Fraction]]:
        """Yield (flat input index, weight) for one filter at one position of the output."""
        _, height, width = self.shape
        top = row * self.stride[0] - self.padding[0]
        left = column * self.stride[1] - self.padding[1]
        for channel, plane in enumerate(self.weight[number]):
            for i, line in enumerate(plane, top):
                for j, weight in enumerate(line, left):
                    if 0 <= i < height and 0 <= j < width:
                        yield (channel * height + i) * width + j, weight


@dataclass(frozen=True, slots=True)
class Residual:
    """``x + body(x)``: the body is a chain of layers, as wide at its end as at its start."""

    type: ClassVar[str] = "residual"
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        keep(self, "layers", chain(self.layers))

    def width(self, inputs: int) -> int:
        """As many as go in."""
        last = widths(self.layers, inputs)[-1]
        if last != inputs:
            raise DimensionMismatch(
                f"field layers: expected {inputs} outputs for {inputs} inputs, got {last}"
            )
        return inputs

    def forward(self, x: Vector) -> Vector:
        """Add the input to what the body makes of it."""
        inner = x
        for layer in self.layers:
            inner = layer.forward(inner)
        return tuple(a + b for a, b in zip(x, inner, strict=True))


Layer = (
    Linear
    | BatchNorm
    | TrainingBatchNorm
    | ReLU
    | LeakyReLU
    | PReLU
    | Abs
    | HardTanh
    | ReLU6
    | MaxOut
    | MaxPool
    | AvgPool2d
    | Conv2d
    | Flatten
    | Residual
)


def chain(layers: object) -> tuple[Layer, ...]:
    """Return the layers as a tuple, once there is one and each is a layer."""
    if not isinstance(layers, Sequence) or isinstance(layers, str):
        raise BadNetwork(f"field layers: expected a list, got {shown(layers)}")
    if not layers:
        raise BadNetwork("field layers: expected at least one layer, got none")
    for number, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise BadNetwork(f"layer {number}, expected a layer, got {type(layer).__name__}: {shown(layer)}")
    return tuple(layers)


def widths(layers: Sequence[Layer], inputs: int) -> tuple[int, ...]:
    """Return the dimension before every layer and after the last: shape (layers + 1,).

    Raises:
        DimensionMismatch: A layer does not fit what comes before it; names its number and type.
        BadNetwork: More than `MOST_VALUES` at some place.

    Example:
        >>> widths([Linear([[1, 2], [0, 1], [1, 1]], [0, 0, 0]), ReLU()], 2)
        (2, 3, 3)
    """
    dimensions = [inputs]
    _expect_values(inputs, "inputs")
    for number, layer in enumerate(layers):
        with located(f"layer {number} ({layer.type})"):
            dimensions.append(layer.width(dimensions[-1]))
            _expect_values(dimensions[-1], "outputs")
    return tuple(dimensions)


def _expect_values(count: int, what: str) -> None:
    if count > MOST_VALUES:
        raise BadNetwork(f"expected at most {MOST_VALUES:,} {what}, got {count:,}")


def _dot(row: Vector, integers: list[int], common: int) -> Fraction:
    """Return ``<row, integers / common>``; integer sums are ten times as fast as sums of `Fraction`."""
    scale = lcm(*(weight.denominator for weight in row))
    terms = zip(row, integers, strict=True)
    total = sum(weight.numerator * (scale // weight.denominator) * value for weight, value in terms)
    return Fraction(total, scale * common)


def _expect_grouping(grouping: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(grouping, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise BadNetwork(f"field grouping: expected one of {names}, got {shown(grouping)}")
