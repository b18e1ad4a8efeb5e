"""Groups: which inputs a maximum or a mean is taken over.

Main definitions:
    Consecutive: Neighbours, a fixed number at a time.
    Listed: Lists of indices.
    Windows: A kernel sliding over an image.

Conventions:
    ``groups_of(inputs)`` gives one nonempty tuple of input indices for every output; it raises
    `DimensionMismatch` if that many inputs do not fit.  Images ``[C, H, W]`` are flat, last index fastest.

Not here:
    What is done with a group: `layers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from exactcpa.errors import DimensionMismatch
from exactcpa.parameters import (
    Pair,
    Triple,
    expect_length,
    keep,
    read_integer,
    read_integers,
    read_pair,
    read_sequence,
)


@dataclass(frozen=True, slots=True)
class Consecutive:
    """Groups of ``size`` neighbouring inputs; ``size`` must divide their number."""

    size: int

    def __post_init__(self) -> None:
        keep(self, "size", read_integer(self.size, "size", 1))

    def groups_of(self, inputs: int) -> tuple[tuple[int, ...], ...]:
        """Cut ``range(inputs)`` into pieces of ``size``."""
        if inputs % self.size:
            raise DimensionMismatch(f"field size: expected a divisor of {inputs} inputs, got {self.size}")
        return tuple(tuple(range(start, start + self.size)) for start in range(0, inputs, self.size))


@dataclass(frozen=True, slots=True)
class Listed:
    """Groups given as lists of input indices; they may overlap and need not use every input."""

    groups: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        groups = read_sequence(self.groups, "groups")
        keep(self, "groups", tuple(read_integers(group, "groups", 0) for group in groups))

    def groups_of(self, inputs: int) -> tuple[tuple[int, ...], ...]:
        """Return the lists, once every index is below ``inputs``."""
        for number, group in enumerate(self.groups):
            if max(group) >= inputs:
                raise DimensionMismatch(
                    f"field groups: expected indices below {inputs}, got {max(group)} in group {number}"
                )
        return self.groups


@dataclass(frozen=True, slots=True)
class Windows:
    """One group for every position of a kernel on every channel of an image; trailing pixels are dropped.

    ``shape`` is [C, H, W]; ``kernel`` and ``stride`` are one number or [rows, columns]; the stride is the
    kernel unless given.
    """

    shape: Triple
    kernel: Pair
    stride: Pair | None = None

    def __post_init__(self) -> None:
        keep(self, "shape", read_integers(self.shape, "shape", 1, length=3))
        keep(self, "kernel", read_pair(self.kernel, "kernel", 1))
        keep(self, "stride", self.kernel if self.stride is None else read_pair(self.stride, "stride", 1))
        count_positions(self.shape, self.kernel, self.stride, (0, 0))

    def groups_of(self, inputs: int) -> tuple[tuple[int, ...], ...]:
        """Return the flat indices under the kernel, for every channel, row and column of the output."""
        channels, height, width = self.shape
        expect_length("shape", prod(self.shape), inputs, "inputs")
        rows, columns = count_positions(self.shape, self.kernel, self.stride, (0, 0))
        corners = [
            (c * height + i * self.stride[0]) * width + j * self.stride[1]
            for c in range(channels)
            for i in range(rows)
            for j in range(columns)
        ]
        offsets = [i * width + j for i in range(self.kernel[0]) for j in range(self.kernel[1])]
        return tuple(tuple(corner + offset for offset in offsets) for corner in corners)


def count_positions(shape: Triple, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    """Return how many positions a kernel has down and across an image, which must be at least one."""
    room = tuple(size + 2 * pad - side for size, pad, side in zip(shape[1:], padding, kernel, strict=True))
    if min(room) < 0:
        padded = [size + 2 * pad for size, pad in zip(shape[1:], padding, strict=True)]
        raise DimensionMismatch(
            f"field shape: expected at least the kernel {list(kernel)}, got {padded} including padding"
        )
    return room[0] // stride[0] + 1, room[1] // stride[1] + 1
