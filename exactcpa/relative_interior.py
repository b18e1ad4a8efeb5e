"""Polyhedra of any dimension: their affine hull, and a point strictly inside it, exactly.

Rows that hold with equality all over the set are found by the multipliers that prove that it is flat; each round leaves
fewer coordinates, so after d + 1 rounds at most there is an interior, or proved emptiness.

Main definitions:
    Flat: A nonempty polyhedron's hull and a point of its relative interior.
    relative_interior: Finds them.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, x> <= b``, rationals.  A frame is ``(origin, basis)``; the hull is all
    ``origin + sum_k s_k basis_k``.

References:
    Ziegler, Lectures on Polytopes (1995), section 2.1: affine hull, relative interior.

Not here: full-dimensional sets (`halfspaces`), vertices (`geometry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.halfspaces import Interior, find_interior, tightest, to_integers
from exactcpa.vectors import Vector, dot

Row = Sequence[Fraction | int]
Frame = tuple[Vector, tuple[Vector, ...]]


@dataclass(frozen=True, slots=True)
class Flat:
    """A nonempty polyhedron, seen within its affine hull.

    Attributes:
        point: Shape ``(d,)``: strictly inside all rows that are not tight everywhere.
        local: The same point in the coordinates of the hull's frame.
        frame: An origin and independent directions, one per dimension of the set.
        hull: Independent rows that hold with equality and define the hull, as integers.
        tight: Ascending numbers of the rows that hold with equality all over the set.
    """

    point: Vector
    local: Vector
    frame: Frame
    hull: tuple[tuple[int, ...], ...]
    tight: tuple[int, ...]

    @property
    def dimension(self) -> int:
        """The dimension of the set."""
        return len(self.frame[1])


def relative_interior(rows: Sequence[Row], dimension: int, equalities: Sequence[Row] = ()) -> Flat | None:
    """The hull of ``{x : rows, equalities}`` and a point of its relative interior; None if it is empty.

    Args:
        rows: Shape ``(m, d + 1)``.
        dimension: d.
        equalities: Rows with ``=``; dependent and zero ones are ordinary.

    Example:
        >>> square = [(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)]
        >>> edge = relative_interior([*square, (-1, 0, -1)], 2)
        >>> [str(q) for q in edge.point], edge.dimension, edge.tight
        (['1', '0'], 1, (0, 4))
    """
    axes = tuple([tuple([Fraction(i == j) for j in range(dimension)]) for i in range(dimension)])
    frame: Frame | None = (Fraction(0),) * dimension, axes
    hull: list[Row] = []
    narrowing = list(equalities)
    while True:
        for row in narrowing:
            before, frame = len(frame[1]), _narrowed(frame, row)
            if frame is None:
                return None
            hull += [row] if len(frame[1]) < before else []
        seen = [within(frame, row) for row in rows]
        if any(offset < 0 and not any(normal) for normal, offset in seen):
            return None
        tight = tuple([i for i, (normal, offset) in enumerate(seen) if not offset and not any(normal)])
        integers = [to_integers(normal, offset) for normal, offset in seen]
        kept = tightest(integers)
        found = find_interior([integers[i] for i in kept], len(frame[1])) if frame[1] else Interior((), 1)
        if isinstance(found, Interior):
            equal = tuple([to_integers(row[:-1], row[-1]) for row in hull])
            return Flat(lifted(frame, found.point), found.point, frame, equal, tight)
        if found.total < 0:
            return None
        narrowing = [rows[kept[k]] for k in found.multipliers]


def within(frame: Frame, row: Row) -> tuple[Vector, Fraction]:
    """A row in the coordinates of a frame.

    Example:
        >>> one = Fraction(1)
        >>> [str(q) for q in within(((one, one), ((one, -one),)), (2, 1, 4))[0]]
        ['1']
    """
    origin, basis = frame
    normal = row[:-1]
    return tuple([dot(normal, direction) for direction in basis]), row[-1] - dot(normal, origin)


def lifted(frame: Frame, point: Vector) -> Vector:
    """A point given in the coordinates of a frame."""
    origin, basis = frame
    columns = zip(*basis, strict=True) if basis else [()] * len(origin)
    return tuple([o + dot(point, column) for o, column in zip(origin, columns, strict=True)])


def _narrowed(frame: Frame, row: Row) -> Frame | None:
    """The frame of the part where a row is tight; None: nowhere."""
    origin, basis = frame
    normal, offset = within(frame, row)
    pivot = next((k for k, a in enumerate(normal) if a), None)
    if pivot is None:
        return None if offset else frame
    leaving = basis[pivot]
    start = tuple([o + offset / normal[pivot] * a for o, a in zip(origin, leaving, strict=True)])
    rest: list[Vector] = []
    for k, direction in enumerate(basis):
        if k != pivot:
            factor = normal[k] / normal[pivot]
            rest.append(tuple([a - factor * b for a, b in zip(direction, leaving, strict=True)]))
    return start, tuple(rest)
