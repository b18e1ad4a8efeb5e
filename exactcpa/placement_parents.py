"""Parent cells: the cells of the layers before one, on which the units of that layer are affine.

A unit's bent hyperplane is the set where its pre-activation is at a breakpoint (a maximum: where the largest value is
attained twice).  On a parent cell that is a hyperplane, its switching hyperplane there, or nothing, or the whole cell.

Main definitions:
    Parent: A parent cell with its rows, its cells and its neighbours.
    parents_of: All parent cells of a layer, from a partition.
    Piece: A switching hyperplane on one parent cell.
    pieces_of: The pieces of the bent hyperplane of one breakpoint of a unit.
    Breakpoint, breakpoints_of: The units of a partition, one entry a breakpoint.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, t> <= b`` in the domain's coordinates: integers, or in the ideal reading
    rationals and sums of roots.  Cells are closed.  Layer
    numbers count activation layers; the parent cells of the layer after the last are the cells themselves.

References: Balestriero, Cosentino, Aazhang and Baraniuk, The geometry of deep networks (2019).

Not here: distances to the pieces (`placement_distances`), angles between them (`placement_folds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from exactcpa.cell import Slack, integer_row, slack_of, walls_of
from exactcpa.partition import Partition
from exactcpa.patterns import integer
from exactcpa.surds import Surd
from exactcpa.switch_form import UnitBits

RealRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent cell.

    Attributes:
        pattern: The pattern of one of its cells; only the bits of earlier layers are the parent's.
        cells: Numbers of its cells, ascending.
        rows: Rows that define it: those of `facets` in that order, then all walls of the domain.
        facets: Parent cell across -> the pairs of cells that meet there, own cell first.
    """

    pattern: int
    cells: tuple[int, ...]
    rows: tuple[RealRow, ...]
    facets: Mapping[int, tuple[tuple[int, int], ...]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """One breakpoint of a unit; a maximum has one, of two lines or more.

    Attributes:
        unit: The unit.
        number: Which of its breakpoints, from 0.
    """

    unit: UnitBits
    number: int

    @property
    def bit(self) -> int:
        """The pattern bit that says on which side of the breakpoint a cell is."""
        return self.unit.first + self.number


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a bent hyperplane in one parent cell: ``equality`` within ``rows``.

    Attributes:
        parent: Number of the parent cell.
        equality: ``<n, t> = b``; None: the unit is flat on the parent cell, all of which belongs to it.
        rows: Rows of the parent cell; of a maximum, also those of the winner.
        cuts: Whether it is known to go through the interior of the parent cell; a flat one does.
    """

    parent: int
    equality: RealRow | None
    rows: tuple[RealRow, ...]
    cuts: bool


def breakpoints_of(part: Partition) -> tuple[Breakpoint, ...]:
    """All units of a partition, one entry a breakpoint."""
    return tuple([Breakpoint(u, k) for u in part.form.units for k in range(1 if u.group >= 0 else u.width)])


def patterns_of(part: Partition) -> list[int]:
    """The pattern of every cell as an integer."""
    return [integer(words) for words in part.results.words]


def parents_of(part: Partition, layer: int) -> tuple[Parent, ...]:
    """The parent cells of a layer's units, numbered by their first cells.

    Args:
        part: A partition with facets.
        layer: An activation layer, or the number of layers for the cells themselves.
    """
    patterns = patterns_of(part)
    mask = part.lines.mask(layer) if layer < len(part.form.layers) else -1
    numbers: dict[int, int] = {}
    own = [numbers.setdefault(pattern & mask, len(numbers)) for pattern in patterns]
    members: list[list[int]] = [[] for _ in numbers]
    for cell, parent in enumerate(own):
        members[parent].append(cell)
    facets: list[dict[int, list[tuple[int, int]]]] = [{} for _ in numbers]
    starts, neighbours = part.adjacency()
    for cell, (a, b) in enumerate(pairwise(starts.tolist())):
        for other in neighbours[a:b].tolist():
            if own[cell] != own[other]:
                facets[own[cell]].setdefault(own[other], []).append((cell, other))
    walls = walls_of(part.domain)
    found = []
    for cells, across in zip(members, facets, strict=True):
        here = patterns[cells[0]]
        rows = [facet_row(part, here, patterns[pairs[0][1]], mask) for pairs in across.values()]
        frozen = {other: tuple(pairs) for other, pairs in across.items()}
        found.append(Parent(here, tuple(cells), (*rows, *walls), frozen))
    return tuple(found)


def facet_row(part: Partition, here: int, there: int, mask: int = -1) -> RealRow:
    """The row of the first of two neighbouring cells, or parent cells, that is tight between them.

    Args:
        part: The partition.
        here: Pattern of the one.
        there: Pattern of the other.
        mask: The bits that count.
    """
    differing = (here ^ there) & mask
    # The earliest layer that switches has the same lines on both sides: its bit is a row of either.
    bit = (differing & -differing).bit_length() - 1
    group = part.places[bit].group
    if group:
        bit = next(k for k, _ in group if there >> k & 1)
    return row_of(slack_of(part.lines, part.places, here, bit))


def row_of(slack: Slack) -> RealRow:
    """The inequality of a slack; of integers without a common factor."""
    if any(isinstance(a, Fraction | Surd) for a in slack):
        return (*[-a for a in slack[:-1]], slack[-1])
    return integer_row(slack)


def pieces_of(part: Partition, parents: tuple[Parent, ...], at: Breakpoint) -> tuple[Piece, ...]:
    """The bent hyperplane of a breakpoint, parent cell by parent cell; some pieces may be empty.

    Args:
        part: The partition.
        parents: The parent cells of the unit's layer.
        at: The breakpoint.
    """
    if at.unit.group >= 0:
        return tuple([piece for k, parent in enumerate(parents) for piece in _tied(part, k, parent, at.unit)])
    patterns = patterns_of(part)
    found = []
    for k, parent in enumerate(parents):
        slack = slack_of(part.lines, part.places, parent.pattern, at.bit)
        if not any(slack):
            found.append(Piece(k, None, parent.rows, cuts=True))
        elif any(slack[:-1]):
            sides = {patterns[cell] >> at.bit & 1 for cell in parent.cells}
            found.append(Piece(k, row_of(slack), parent.rows, cuts=len(sides) == 2))
    return tuple(found)


def _tied(part: Partition, number: int, parent: Parent, unit: UnitBits) -> list[Piece]:
    """Where the winner of a maximum is tied, for every winner on a parent cell."""
    patterns = patterns_of(part)
    found = []
    bits = range(unit.first, unit.first + unit.width)
    for winner in bits:
        here = next((patterns[cell] for cell in parent.cells if patterns[cell] >> winner & 1), None)
        if here is None:
            continue
        slacks = [slack_of(part.lines, part.places, here, bit) for bit in bits if bit != winner]
        rows = (*parent.rows, *[row_of(slack) for slack in slacks if any(slack[:-1])])
        for slack in slacks:
            if not any(slack):
                found.append(Piece(number, None, rows, cuts=True))
            elif any(slack[:-1]):
                found.append(Piece(number, row_of(slack), rows, cuts=False))
    return found
