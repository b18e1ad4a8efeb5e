"""The cell of one point in all of input space: the affine functions that are nonnegative on it.

No domain and no enumeration: the pieces at the point are followed through the layers, with the affine maps they make.

Main definitions:
    Side: One affine function that is nonnegative on the cell, and the unit it belongs to.
    sides_of: All of them, for the pieces at a point.
    pieces_at: The activation pattern at a point.

Conventions:
    A side is ``<normal, x> + constant >= 0``.  A breakpoint's side is the pre-activation minus it or the reverse; that
    of a maximum, the winner minus another candidate.  A value at a breakpoint belongs to the upper piece.

Not here:
    Cells of a whole domain: `enumerate`, `cell`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.stages import Bend, Maximum, Stage, is_unit
from exactcpa.vectors import Vector, dot

Line = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """The function ``<normal, x> + constant``, nonnegative on the cell.

    Attributes:
        unit: ``(layer, index)``.
        normal: Shape ``(d,)``; zero if the unit is constant on the cell.
        constant: Scalar.
        value: At the point.
    """

    unit: tuple[int, int]
    normal: Vector
    constant: Fraction
    value: Fraction


def sides_of(lowered: Sequence[Stage], point: Vector) -> tuple[Side, ...]:
    """All sides of the cell of a point.

    Args:
        lowered: The stages of a network.
        point: Shape ``(d,)``.

    Example:
        >>> from exactcpa.network import Linear, Network, ReLU
        >>> from exactcpa.stages import stages
        >>> net = Network(1, (Linear([[2]], [1]), ReLU()))
        >>> [(side.normal, side.constant) for side in sides_of(stages(net), (Fraction(-3),))]
        [((Fraction(-2, 1),), Fraction(-1, 1))]
    """
    sides: list[Side] = []
    for number, (stage, lines, values) in enumerate(_along(lowered, point)):
        for index, entry in enumerate(stage.units):
            if is_unit(entry):
                sides += [
                    Side((number, index), line[:-1], line[-1], _at(line, point))
                    for line in _sides(entry, _piece(entry, values), lines)
                ]
    return tuple(sides)


def pieces_at(lowered: Sequence[Stage], point: Vector) -> tuple[tuple[int, ...], ...]:
    """The piece of every unit at a point, layer by layer."""
    pieces, given = [], point
    for stage in lowered:
        values = [dot(row, given) + bias for row, bias in zip(stage.weight, stage.bias, strict=True)]
        found = [_piece(entry, values) for entry in stage.units]
        pieces.append(tuple(p for p, entry in zip(found, stage.units, strict=True) if is_unit(entry)))
        given = tuple(_value(entry, p, values) for p, entry in zip(found, stage.units, strict=True))
    return tuple(pieces)


def _along(lowered: Sequence[Stage], point: Vector) -> Iterator[tuple[Stage, list[Line], list[Fraction]]]:
    """Every stage with its lines as functions of the input, on the cell of a point, and their values there."""
    d, given = len(point), None
    for stage in lowered:
        pairs = zip(stage.weight, stage.bias, strict=True)
        lines = [(*row, b) if given is None else _combined(row, b, given, d) for row, b in pairs]
        values = [_at(line, point) for line in lines]
        yield stage, lines, values
        given = [_chosen(entry, _piece(entry, values), lines) for entry in stage.units]


def _combined(row: Vector, bias: Fraction, given: Sequence[Line], d: int) -> Line:
    total = [Fraction(0)] * d + [bias]
    for weight, line in zip(row, given, strict=True):
        if weight:
            total = [a + weight * b for a, b in zip(total, line, strict=True)]
    return tuple(total)


def _piece(entry: Bend | Maximum, values: Sequence[Fraction]) -> int:
    if isinstance(entry, Maximum):
        candidates = [values[k] for k in entry.sources]
        return max(i for i, value in enumerate(candidates) if value == max(candidates))
    return sum(values[entry.source] >= t for t in entry.breakpoints)


def _value(entry: Bend | Maximum, piece: int, values: Sequence[Fraction]) -> Fraction:
    """What an entry of a stage gives at a point."""
    if isinstance(entry, Maximum):
        return values[entry.sources[piece]]
    return entry.slopes[piece] * values[entry.source] + entry.intercepts[piece]


def _chosen(entry: Bend | Maximum, piece: int, lines: Sequence[Line]) -> Line:
    """What an entry of a stage gives on the cell."""
    if isinstance(entry, Maximum):
        return lines[entry.sources[piece]]
    *normal, constant = (entry.slopes[piece] * a for a in lines[entry.source])
    return (*normal, constant + entry.intercepts[piece])


def _sides(entry: Bend | Maximum, piece: int, lines: Sequence[Line]) -> Iterator[Line]:
    if isinstance(entry, Maximum):
        winner = lines[entry.sources[piece]]
        for i, k in enumerate(entry.sources):
            if i != piece:
                yield tuple(a - b for a, b in zip(winner, lines[k], strict=True))
        return
    line = lines[entry.source]
    for i, t in enumerate(entry.breakpoints):
        above = (*line[:-1], line[-1] - t)
        yield above if i < piece else tuple(-a for a in above)


def _at(line: Line, point: Vector) -> Fraction:
    return dot(line[:-1], point) + line[-1]
