"""What a batch says about every unit, in the unit's own feature space; and what a unit does on the domain.

Main definitions:
    FeatureNumbers: Mean squared distance, optimum, centroid residual, sign balance of one hyperplane.
    hyperplanes: Of all breakpoints of a network, in the order of `placement_parents.breakpoints_of`.
    UnitState, unit_states: Which units bend, are dead, always on or flat on the domain.

Conventions:
    The feature space of a layer is what the activation layer before it gives (for the first one, input space); inside
    residual blocks also what is carried around them.  The hyperplane is ``h(z) = t``, with h the pre-activation and t
    the breakpoint; of a maximum of two lines, where their difference is zero.  Maxima of more lines have none.
    *On* is the upper piece; *dead* means that the output is zero all over the domain.

The mean squared distance is ``(var h + (mean h - t)^2) / |w|^2``, least for the hyperplane through the centroid.

References: Ioffe and Szegedy, Batch normalization: accelerating deep network training (2015), algorithm 1.

Not here: distances in input space (`placement_distances`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.cell import slack_of
from exactcpa.partition import Partition
from exactcpa.placement_parents import Breakpoint, Parent, patterns_of
from exactcpa.stages import Bend, Maximum, Stage
from exactcpa.switch_form import UnitBits
from exactcpa.vectors import Vector, dot

Number = Any
"""A `Fraction`, or a number with square roots in the ideal reading."""


@dataclass(frozen=True, slots=True)
class FeatureNumbers:
    """What a batch says about a hyperplane ``w . z + c = t`` in its feature space.

    Attributes:
        norm_squared: ``|w|^2``; the distances are None where it is zero.
        residual: ``mean h - t``: by how much the hyperplane misses the centroid, in units of the pre-activation.
        mean_squared: Mean squared distance of the batch to the hyperplane.
        optimum: The least one among all offsets: that of the parallel hyperplane through the centroid.
        excess: Their difference, the squared distance from the centroid to the hyperplane.
        positive, zero, negative: How many points of the batch are above, on and below the hyperplane.
    """

    norm_squared: Number
    residual: Number
    mean_squared: Number | None
    optimum: Number | None
    excess: Number | None
    positive: int
    zero: int
    negative: int


@dataclass(frozen=True, slots=True)
class UnitState:
    """What a unit does on a domain.

    Attributes:
        state: ``bends``, ``dead``, ``always on`` or ``always off`` (a clipped unit may also be ``always between``).
        flat_cells: Number of cells on which it is identically at a breakpoint, or tied.
    """

    state: str
    flat_cells: int


def hyperplanes(
    network_stages: Sequence[Stage], batch: Sequence[Vector]
) -> dict[tuple[int, int, int], FeatureNumbers]:
    """The numbers of every hyperplane: (layer, unit, breakpoint) -> what the batch says.

    Args:
        network_stages: The network as stages.
        batch: Points of input space.
    """
    found = {}
    entries: list[Sequence[Number]] = list(batch)
    for layer, stage in enumerate(network_stages[:-1]):
        lines = [[dot(row, z) + c for row, c in zip(stage.weight, stage.bias, strict=True)] for z in entries]
        for index, unit in enumerate(stage.units):
            match unit:
                case Bend():
                    values = [line[unit.source] for line in lines]
                    for k, t in enumerate(unit.breakpoints):
                        found[layer, index, k] = numbers_of(
                            stage.weight[unit.source], [h - t for h in values]
                        )
                case Maximum(sources=(a, b)):
                    row = [y - x for x, y in zip(stage.weight[a], stage.weight[b], strict=True)]
                    found[layer, index, 0] = numbers_of(row, [line[b] - line[a] for line in lines])
        entries = [[value_of(unit, line) for unit in stage.units] for line in lines]
    return found


def numbers_of(row: Sequence[Number], heights: Sequence[Number]) -> FeatureNumbers:
    """The numbers of a hyperplane from its normal and the values ``h - t`` on the batch."""
    n = len(heights)
    residual = sum(heights, Fraction(0)) / n
    square = sum([h * h for h in heights], Fraction(0)) / n
    variance = square - residual * residual
    norm = dot(row, row)
    distances = (square / norm, variance / norm, residual * residual / norm) if norm else (None, None, None)
    above, below = sum(h > 0 for h in heights), sum(h < 0 for h in heights)
    return FeatureNumbers(norm, residual, *distances, above, n - above - below, below)


def value_of(unit: Bend | Maximum, line: Sequence[Number]) -> Number:
    """The value of an entry of a stage, given the values of its lines."""
    if isinstance(unit, Maximum):
        return max([line[source] for source in unit.sources])
    z = line[unit.source]
    piece = sum(z >= t for t in unit.breakpoints)
    return unit.slopes[piece] * z + unit.intercepts[piece]


def unit_states(
    part: Partition, network_stages: Sequence[Stage], parents: Sequence[tuple[Parent, ...]]
) -> dict[tuple[int, int], UnitState]:
    """The state of every unit on the domain, read from its partition.

    Args:
        part: The partition.
        network_stages: The network as stages.
        parents: The parent cells of every layer.
    """
    patterns = part.patterns
    found = {}
    for column, bits in enumerate(part.form.units):
        entry = network_stages[bits.layer].units[bits.index]
        flat = _flat_cells(part, parents[bits.layer], bits)
        pieces = patterns[:, column].tolist()
        shapes = {(piece, cell in flat) for cell, piece in enumerate(pieces)}
        found[bits.layer, bits.index] = UnitState(_state(entry, shapes), len(flat))
    return found


def _state(entry: Bend | Maximum, shapes: set[tuple[int, bool]]) -> str:
    """The state of a unit from the pieces it has, each with whether it is flat there."""
    pieces = sorted({piece for piece, _ in shapes})
    if isinstance(entry, Maximum):
        return "bends" if len(pieces) > 1 else f"always input {pieces[0]}"
    if all(_is_zero(entry, piece, is_flat=flat) for piece, flat in shapes):
        return "dead"
    if len(pieces) > 1:
        return "bends"
    if pieces[0] == len(entry.breakpoints):
        return "always on"
    return "always off" if pieces[0] == 0 else "always between"


def _is_zero(entry: Bend, piece: int, *, is_flat: bool) -> bool:
    """Whether the output of a unit is zero all over a cell."""
    slope, intercept = entry.slopes[piece], entry.intercepts[piece]
    if is_flat:
        return slope * entry.breakpoints[piece - 1] + intercept == 0
    return not slope and not intercept


def _flat_cells(part: Partition, parents: Sequence[Parent], unit: UnitBits) -> set[int]:
    """The cells on which a unit is identically at a breakpoint; a flat unit has the upper piece there."""
    if unit.group >= 0:
        every = patterns_of(part)
        return {cell for cell, pattern in enumerate(every) if _is_flat(part, pattern, unit)}
    return {cell for parent in parents if _is_flat(part, parent.pattern, unit) for cell in parent.cells}


def _is_flat(part: Partition, pattern: int, unit: UnitBits) -> bool:
    bits = [b for b in range(unit.first, unit.first + unit.width) if unit.group < 0 or not pattern >> b & 1]
    return any(not any(slack_of(part.lines, part.places, pattern, bit)) for bit in bits)


def key_of(at: Breakpoint) -> tuple[int, int, int]:
    """The key of a breakpoint in `hyperplanes`."""
    return at.unit.layer, at.unit.index, at.number
