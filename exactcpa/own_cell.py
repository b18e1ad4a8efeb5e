"""The cell of one point, found without any other: its pattern, or the unit whose boundary the point is on.

Layer by layer, the signs at the point choose the pieces.  A zero that is not identical is decided by the domain: if it
lies on one side of that hyperplane, so does the cell; if not, cells meet at the point.

Main definitions:
    Crossing: Two cells meet at the point, and a unit that tells them apart.
    pattern_at: The pattern of the point's one cell, or a crossing.
    least_value: Of an affine function on the domain.

Conventions:
    Points are in the domain's own coordinates, as integers over one denominator.  Without a domain, all of space.  A
    flat unit has its upper piece.

Not here: all closed cells that contain a point, of an enumerated partition (`location`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

from flint import fmpz

from exactcpa.cell import walls_of
from exactcpa.domain import Domain
from exactcpa.exact_lines import ExactLines
from exactcpa.exact_points import Point, common
from exactcpa.exact_simplex import Optimal, gather, maximise
from exactcpa.switch_form import SwitchLayer, UnitBits

Line = Sequence[fmpz]
Floor = Callable[[Line], "Fraction | None"]
"""The least value of an affine function on the domain; None: there is none."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Cells meet at the point, which this unit tells apart."""

    unit: tuple[int, int]


def pattern_at(lines: ExactLines, point: Point, floor: Floor) -> int | Crossing:
    """The pattern of the one cell that a point is in.

    Args:
        lines: Exact lines.
        point: In the domain.
        floor: See `least_value`.
    """
    homogeneous = (*point[0], point[1])
    pattern = 0
    for number, layer in enumerate(lines.form.layers):
        rows = lines.at(number, pattern).rows
        values = [sum(map(mul, row, homogeneous), fmpz(0)) for row in rows[: _compared(layer)]]
        for line, bit in enumerate(layer.switch_bits):
            side = _side(rows[line], values[line], floor)
            if side is None:
                return Crossing(_unit_of(lines.form.units, bit))
            pattern |= side << bit
        for group, first in zip(layer.groups, layer.group_bits, strict=True):
            winner = _winner([rows[z] for z in group], [values[z] for z in group], floor)
            if winner is None:
                return Crossing(_unit_of(lines.form.units, first))
            pattern |= 1 << (first + winner)
    return pattern


def least_value(domain: Domain | None, dimension: int) -> Floor:
    """What finds the least value of an affine function on a domain, exactly.

    Example:
        >>> from exactcpa.domain import Box
        >>> least_value(Box([-1, 0], [1, 2]), 2)((fmpz(3), fmpz(-1), fmpz(1)))
        Fraction(-4, 1)
    """
    if domain is None:
        return lambda line: None if any(line[:-1]) else Fraction(int(line[-1]))
    if not domain.rows:
        low, high = list(domain.lower), list(domain.upper)

        def on_box(line: Line) -> Fraction:
            corner = [a if n > 0 else b for n, a, b in zip(line, low, high, strict=False)]
            return sum([int(n) * x for n, x in zip(line, corner, strict=False)], Fraction(int(line[-1])))

        return on_box
    walls, interior = gather(walls_of(domain), dimension), common(domain.interior)

    def on_polytope(line: Line) -> Fraction:
        found = maximise(walls, [-n for n in line[:-1]], interior)
        assert isinstance(found, Optimal)  # a domain is bounded
        return int(line[-1]) - found.value

    return on_polytope


def _side(row: Line, value: fmpz, floor: Floor) -> int | None:
    """The bit of a switch on the cell; None if both sides meet at the point."""
    if value or not any(row):
        return int(value >= 0)
    below, above = (least is None or least < 0 for least in (floor(row), floor([-a for a in row])))
    return None if below and above else int(above)


def _winner(rows: list[Line], values: list[fmpz], floor: Floor) -> int | None:
    """The position of a maximum's winner on the cell; None if two lines that differ win near the point."""
    tied = [k for k, value in enumerate(values) if value == max(values)]
    for k in reversed(tied):  # of equal lines the last one wins
        others = [[a - b for a, b in zip(rows[k], rows[j], strict=True)] for j in tied if rows[j] != rows[k]]
        least = [floor(other) for other in others]
        if all(value is not None and value >= 0 for value in least):
            return k
    return None


def _compared(layer: SwitchLayer) -> int:
    """How many of the first lines decide something."""
    return max([layer.switches, *[z + 1 for group in layer.groups for z in group]])


def _unit_of(units: Sequence[UnitBits], bit: int) -> tuple[int, int]:
    return next((u.layer, u.index) for u in units if u.first <= bit < u.first + u.width)
