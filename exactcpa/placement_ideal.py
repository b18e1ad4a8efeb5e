"""Feature-space numbers in the ideal reading: what `placement_units` says, with true square roots.

The hyperplane of a unit with weights r (rational) lies where ``r . z`` is
``mean + (t - beta) root / gamma``; its distances need no division by a root.

Main definitions:
    ideal_hyperplanes: (layer, unit, breakpoint) -> what the batch says.
    training: A network whose batchnorms have no statistics, so that a batch decides.

Conventions:
    As in `placement_units`.  Numbers are rationals and sums of roots.  Behind a residual block, and for units whose
    weights are not rational (an affine layer after the batchnorm), there are no numbers.

Not here: the ideal network (`ideal`), distances in input space (`placement_distances`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.ideal import IdealNetwork
from exactcpa.ideal_layer import IdealBatchNorm
from exactcpa.layers import Flatten, Layer, Residual, TrainingBatchNorm
from exactcpa.network import BatchNorm, Network
from exactcpa.placement_units import FeatureNumbers, value_of
from exactcpa.real_quotients import quotient, simplest, total
from exactcpa.stages import AFFINE, Bend, Maximum, affine_rows, entries_of
from exactcpa.surds import sign
from exactcpa.vectors import Vector, dot


@dataclass(frozen=True, slots=True)
class _Line:
    """A coordinate on its way to an activation.

    Attributes:
        row: By the features; None if it is not rational.
        inverse: A distance times ``|row|`` by a height; None if the height does not depend on the features.
    """

    row: Vector | None
    inverse: Any


def training(net: Network) -> Network:
    """The network with batchnorms that take their statistics from a batch."""
    return Network(net.input, _training(net.layers))


def ideal_hyperplanes(
    net: IdealNetwork, batch: Sequence[Vector]
) -> dict[tuple[int, int, int], FeatureNumbers]:
    """The numbers of every hyperplane of a network in the ideal reading.

    Args:
        net: The network.
        batch: Points of input space.
    """
    found: dict[tuple[int, int, int], FeatureNumbers] = {}
    values: list[list[Any]] = [list(x) for x in batch]
    lines, number = _features(net.input), 0
    for layer in net.layers:
        match layer:
            case Residual():
                return found
            case Flatten():
                pass
            case IdealBatchNorm():
                lines = [_scaled(line, layer, k) for k, line in enumerate(lines)]
                values = [_normalised(layer, x) for x in values]
            case _ if isinstance(layer, AFFINE):
                rows = [(tuple((j, w) for j, w in row if w), c) for row, c in affine_rows(layer, len(lines))]
                lines = [_combined(row, lines) for row, _ in rows]
                values = [[sum([w * x[j] for j, w in row], c) for row, c in rows] for x in values]
            case _:
                entries = [entry for entry in entries_of(layer, len(lines))]
                found |= _numbers(number, entries, lines, values)
                values = [[value_of(entry, x) for entry in entries] for x in values]
                lines, number = _features(len(entries)), number + 1
    return found


def _training(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for layer in layers:
        match layer:
            case BatchNorm():
                made.append(TrainingBatchNorm(gamma=layer.gamma, beta=layer.beta, epsilon=layer.epsilon))
            case Residual():
                made.append(Residual(_training(layer.layers)))
            case _:
                made.append(layer)
    return tuple(made)


def _features(width: int) -> list[_Line]:
    return [_Line(tuple([Fraction(int(i == j)) for j in range(width)]), Fraction(1)) for i in range(width)]


def _scaled(line: _Line, layer: IdealBatchNorm, k: int) -> _Line:
    gamma = simplest(layer.gamma[k])
    if line.inverse is None or not gamma:
        return _Line(line.row, None)
    return _Line(line.row, line.inverse * layer.root[k] * (1 / Fraction(gamma)))


def _normalised(layer: IdealBatchNorm, x: Sequence[Any]) -> list[Any]:
    columns = zip(x, layer.mean, layer.factor, layer.gamma, layer.beta, strict=True)
    return [(v - m) * (f * g) + b if g else b for v, m, f, g, b in columns]


def _combined(row: Sequence[tuple[int, Fraction]], lines: Sequence[_Line]) -> _Line:
    """A rational combination of lines, if they are not scaled yet."""
    if any(lines[j].row is None or lines[j].inverse != 1 for j, _ in row):
        return _Line(None, None)
    width = len(lines[0].row or ())
    sums = [sum([w * lines[j].row[i] for j, w in row], Fraction(0)) for i in range(width)]
    return _Line(tuple(sums), Fraction(1))


def _numbers(
    layer: int, entries: Sequence[Bend | Maximum], lines: Sequence[_Line], values: Sequence[Sequence[Any]]
) -> dict[tuple[int, int, int], FeatureNumbers]:
    """The numbers of the units of one activation layer; entries that are no units come last in `stages`, too."""
    found, index = {}, 0
    for entry in entries:
        match entry:
            case Bend():
                line, heights = lines[entry.source], [x[entry.source] for x in values]
                for k, t in enumerate(entry.breakpoints):
                    found[layer, index, k] = _numbers_of(line, [h - t for h in heights])
                index += bool(entry.breakpoints)
            case Maximum(sources=(a, b)):
                found[layer, index, 0] = _numbers_of(
                    _difference(lines[b], lines[a]), [x[b] - x[a] for x in values]
                )
                index += 1
            case _:
                index += 1
    return found


def _difference(one: _Line, other: _Line) -> _Line:
    if one.row is None or other.row is None or one.inverse != 1 or other.inverse != 1:
        return _Line(None, None)
    return _Line(tuple([a - b for a, b in zip(one.row, other.row, strict=True)]), Fraction(1))


def _numbers_of(line: _Line, heights: Sequence[Any]) -> FeatureNumbers:
    """As `placement_units.numbers_of`; distances are heights times `inverse`, over the length of the row."""
    n = len(heights)
    share = Fraction(1, n)
    residual = total(heights) * share
    signs = [sign(h) for h in heights]
    counts = (signs.count(1), signs.count(0), signs.count(-1))
    norm = None if line.row is None else dot(line.row, line.row)
    if not norm or line.inverse is None:
        return FeatureNumbers(norm, residual, None, None, None, *counts)
    factor = quotient(line.inverse)
    gaps, offset = [quotient(h) * factor for h in heights], quotient(residual) * factor
    square, excess = sum([g * g for g in gaps]) * (share / norm), offset * offset / norm
    return FeatureNumbers(norm, residual, *map(simplest, (square, square - excess, excess)), *counts)
