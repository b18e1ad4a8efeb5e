"""Where a point lies: the closed cells that contain it, decided exactly.

A closed cell contains a point if and only if none of its decisions says otherwise.  All lines have one
value at a point, whatever pieces were chosen where it lies on a breakpoint (the network is continuous),
so one pass through the network tells, for every pattern bit, what a cell that contains the point must
have there: set, clear, or either.

Main definitions: `Location`, `locate`.

Conventions: cells contain their boundary.  A flat unit is at its breakpoint all over a cell, which bounds
nothing.

References: Grigsby and Lindsey, On transversality of bent hyperplane arrangements (2022), for the complex.

Not here: the cells (`partition`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np

from exactcpa.cell import inequalities_of, unit_slacks
from exactcpa.domain import Domain
from exactcpa.exact_points import common
from exactcpa.patterns import Place, integer, to_words
from exactcpa.real_lines import AnyLines
from exactcpa.surds import Number
from exactcpa.vectors import Vector, dot

Homogeneous = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """Where a point lies.

    Attributes:
        cells: All cells whose closure contains it, ascending; one if it is strictly inside.
        boundary_of: The units ``(layer, index)`` that bound one of these cells there: at a breakpoint, or tied,
            at the point but not all over the cell.
        is_on_domain_boundary: Whether it is on the boundary of the domain.
    """

    cells: tuple[int, ...]
    boundary_of: tuple[tuple[int, int], ...]
    is_on_domain_boundary: bool

    @property
    def is_interior(self) -> bool:
        """Whether the point is strictly inside a cell."""
        return not self.boundary_of and not self.is_on_domain_boundary

    def __str__(self) -> str:
        units = [f"unit {unit}" for unit in self.boundary_of]
        bounds = [*units, "the domain"] if self.is_on_domain_boundary else units
        cells = (
            f"cell {self.cells[0]}" if len(self.cells) == 1 else f"cells {', '.join(map(str, self.cells))}"
        )
        return f"in {cells}" + (f", on the boundary of {', '.join(bounds)}" if bounds else "")


def locate(
    lines: AnyLines, places: Sequence[Place], domain: Domain, words: np.ndarray, point: Vector
) -> Location:
    """Find all closed cells that contain a point of the domain.

    Args:
        lines: Exact lines.
        places: Of the pattern bits.
        domain: The domain.
        words: Shape ``(cells, w)``: patterns.
        point: Shape ``(d,)``, in the domain.

    Returns:
        The cells and what bounds them there.
    """
    numerators, denominator = common(point)
    homogeneous = (*numerators, denominator)
    known, value = _read_bits(lines, homogeneous)
    count = words.shape[1]
    hits = np.flatnonzero(((words & to_words(known, count)) == to_words(value, count)).all(axis=1)).tolist()
    patterns = [integer(words[i]) for i in hits]
    open_bits = ~known
    units = [u for u in lines.form.units if open_bits >> u.first & ((1 << u.width) - 1)]
    bounding = [
        (u.layer, u.index)
        for u in units
        if any(
            any(slack) and not _value(slack, homogeneous)
            for pattern in patterns
            for _, slack in unit_slacks(lines, places, pattern, u)
        )
    ]
    on_boundary = any(dot(normal, point) == offset for normal, offset in inequalities_of(domain))
    return Location(tuple(hits), tuple(bounding), on_boundary)


def _read_bits(lines: AnyLines, point: Homogeneous) -> tuple[int, int]:
    """The bits that a cell with this point must have: a mask of those that are known, and their values."""
    form = lines.form
    known, value, pattern = 0, 0, 0
    for number, layer in enumerate(form.layers):
        if not layer.switch_bits and not layer.groups:
            continue
        values = [_value(row, point) for row in lines.at(number, pattern).rows]
        for line, bit in enumerate(layer.switch_bits):
            known |= (values[line] != 0) << bit
            value |= (values[line] > 0) << bit
            pattern |= (values[line] >= 0) << bit
        for group, first in zip(layer.groups, layer.group_bits, strict=True):
            best = max(values[line] for line in group)
            winners = [first + k for k, line in enumerate(group) if values[line] == best]
            everyone = ((1 << len(group)) - 1) << first
            known |= everyone & ~sum(1 << bit for bit in winners) if len(winners) > 1 else everyone
            value |= 1 << winners[0] if len(winners) == 1 else 0
            pattern |= 1 << winners[-1]
    return known, value


def _value(row: Sequence[Number], point: Homogeneous) -> Number:
    """The value of a line at a point, times positive denominators."""
    return sum(map(mul, row, point), 0)
