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

from exactcpa.network import Network
from exactcpa.stages import Maximum, Stage, is_unit, stages
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


def sides_of(net: Network, point: Vector) -> tuple[Side, ...]:
    """All sides of the cell of a point.

    Example:
        >>> from exactcpa.network import Linear, ReLU
        >>> net = Network(1, (Linear([[2]], [1]), ReLU()))
        >>> [(side.normal, side.constant) for side in sides_of(net, (Fraction(-3),))]
        [((Fraction(-2, 1),), Fraction(-1, 1))]
    """
    sides: list[Side] = []
    for number, (stage, lines) in enumerate(_along(net, point)):
        for index, entry in enumerate(stage.units):
            if is_unit(entry):
                sides += [
                    Side((number, index), line[:-1], line[-1], _at(line, point))
                    for line in _sides(entry, lines, point)
                ]
    return tuple(sides)


def pieces_at(net: Network, point: Vector) -> tuple[tuple[int, ...], ...]:
    """The piece of every unit at a point, layer by layer."""
    return tuple(
        tuple(_piece(entry, lines, point) for entry in stage.units if is_unit(entry))
        for stage, lines in _along(net, point)
    )


def _along(net: Network, point: Vector) -> Iterator[tuple[Stage, list[Line]]]:
    """Every stage with its lines as functions of the input, on the cell of a point."""
    d = len(point)
    given: list[Line] = [tuple(Fraction(int(i == j)) for j in range(d + 1)) for i in range(d)]
    for stage in stages(net):
        lines = [_combined(row, bias, given, d) for row, bias in zip(stage.weight, stage.bias, strict=True)]
        yield stage, lines
        given = [_chosen(entry, lines, point) for entry in stage.units]


def _combined(row: Vector, bias: Fraction, given: Sequence[Line], d: int) -> Line:
    total = [Fraction(0)] * d + [bias]
    for weight, line in zip(row, given, strict=True):
        if weight:
            total = [a + weight * b for a, b in zip(total, line, strict=True)]
    return tuple(total)


def _piece(entry: object, lines: Sequence[Line], point: Vector) -> int:
    if isinstance(entry, Maximum):
        values = [_at(lines[k], point) for k in entry.sources]
        return max(i for i, value in enumerate(values) if value == max(values))
    value = _at(lines[entry.source], point)
    return sum(value >= t for t in entry.breakpoints)


def _chosen(entry: object, lines: Sequence[Line], point: Vector) -> Line:
    """What an entry of a stage gives on the cell."""
    piece = _piece(entry, lines, point)
    if isinstance(entry, Maximum):
        return lines[entry.sources[piece]]
    *normal, constant = (entry.slopes[piece] * a for a in lines[entry.source])
    return (*normal, constant + entry.intercepts[piece])


def _sides(entry: object, lines: Sequence[Line], point: Vector) -> Iterator[Line]:
    piece = _piece(entry, lines, point)
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
