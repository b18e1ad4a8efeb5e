"""Windows: how many cells meet a cube around a point, exactly.

Main definitions:
    Window: The counts around one point.
    count_cells: Around one point, by enumeration within the window.

Conventions:
    The window is the set ``|x - c|_inf < r`` (open) or ``<= r`` (closed) of input space, whatever the domain of the
    report; on a slice, the slice's part of the window around the sample's projection.  A cell (closed, of the
    partition of all of input space, or of the slice's plane) meets the open window exactly if it has a cell in the
    partition of the window.  The closed one it may also just touch; a cell that does has interior points in every
    larger window, so these few are found in one and decided by an exact linear program.
    Density is the number of cells that meet the open window, divided by its volume (on a slice: in its coordinates).

Not here: the walk (`enumerate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

import exactcpa.geometry as geometry
from exactcpa.cell import facet_rows, unit_slacks, walls_of
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.enumerate import enumerate_cells
from exactcpa.halfspaces import Interior, find_interior
from exactcpa.ideal import IdealNetwork
from exactcpa.nearest_point import nearest_point
from exactcpa.network import Network
from exactcpa.partition import Partition
from exactcpa.placement_parents import patterns_of, row_of
from exactcpa.real_lines import RealLines
from exactcpa.real_quotients import quotient
from exactcpa.vectors import Vector, dot

LARGER = Fraction(17, 16)
"""A larger window, in which all cells that touch the closed one have interior points; any factor above 1 will do."""


@dataclass(frozen=True, slots=True)
class Window:
    """How many cells meet a window.

    Attributes:
        open: Cells that meet the open window.
        closed: Cells that meet the closed window.
        volume: Of the window.
    """

    open: int
    closed: int
    volume: Fraction

    @property
    def density(self) -> Fraction:
        """Cells that meet the open window, by volume."""
        return self.open / self.volume


def count_cells(net: Network | IdealNetwork, domain: Domain, centre: Vector, radius: Fraction) -> Window:
    """Count the cells that meet the window of some radius around a point.

    Args:
        net: The network.
        domain: Says whether input space or a slice's plane is searched.
        centre: In the domain's coordinates.
        radius: Positive.
    """
    window = window_domain(domain, centre, radius)
    inner = enumerate_cells(net, window, facets=False)
    outer = enumerate_cells(net, window_domain(domain, centre, radius * LARGER), facets=False)
    known, walls = set(patterns_of(inner)), walls_of(window)
    others = [(k, pattern) for k, pattern in enumerate(patterns_of(outer)) if pattern not in known]
    touching = sum(_touches(outer, k, pattern, walls) for k, pattern in others)
    return Window(len(inner), len(inner) + touching, _volume(window))


def window_domain(domain: Domain, centre: Vector, radius: Fraction) -> Domain:
    """The closed window as a domain of the same kind of space."""
    if not isinstance(domain, Slice):
        return Box([x - radius for x in centre], [x + radius for x in centre])
    rows = [row for row in domain.basis if any(row)]
    offsets = [dot(row, centre) for row in rows]
    normals = [*rows, *[tuple([-x for x in row]) for row in rows]]
    bounds = [*[b + radius for b in offsets], *[radius - b for b in offsets]]
    return Slice(domain.origin, domain.basis, Polytope(normals, bounds))


def _touches(outer: Partition, number: int, pattern: int, walls: list[tuple[int, ...]]) -> bool:
    """Whether a closed cell meets the closed window that has these walls."""
    if isinstance(outer.lines, RealLines):
        units = outer.form.units
        slacks = [s for unit in units for _, s in unit_slacks(outer.lines, outer.places, pattern, unit)]
        rows = [*[row_of(slack) for slack in slacks if any(slack[:-1])], *walls]
        point = tuple(map(quotient, outer.witness(number)))
        return nearest_point(point, [tuple(map(quotient, row)) for row in rows]) is not None
    bits = [b for b in range(outer.form.bits) if not (outer.places[b].group and pattern >> b & 1)]
    rows = facet_rows(outer.lines, outer.places, pattern, bits, walls)
    found = find_interior(rows, outer.domain.dimension)
    return isinstance(found, Interior) or found.total == 0


def _volume(window: Domain) -> Fraction:
    if isinstance(window, Box):
        return prod(
            [high - low for low, high in zip(window.lower, window.upper, strict=True)], start=Fraction(1)
        )
    return geometry.volume(walls_of(window))
