"""Parts of a domain, flat ones too: a part has an interior in its own span, and coordinates there.

Tools perturb few inputs and fix the others, or speak of one point; and a set may meet the domain in a wall of it only.
What is left is a slice of the input space, on which a network has cells as on any other, or a point, where a forward
pass says everything.

Main definitions:
    Part: A part with the way from its own coordinates to the context's.
    narrowed: The part of a domain where some rows hold, in coordinates of its own span.
    over: A box or polytope in these coordinates as a domain of the network's input space.

Conventions:
    A row is ``(normal, offset)``, ``<normal, t> <= offset``.  Coordinates t are the context's (t of a slice), s a
    part's own: ``t = origin + sum_k s_k axes[k]``.

Not here: boxes, balls and hulls (`part_of_domain`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpq, fmpq_mat

from exactcpa.cell import inequalities_of
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.halfspaces import Interior, find_interior, to_integers
from exactcpa.vectors import Vector, dot

Halves = Sequence[tuple[Sequence[Fraction], Fraction]]
Frame = tuple[Vector, tuple[Vector, ...]]
"""Origin, shape (d,), and axes, shape (k, d), of a subspace."""


@dataclass(frozen=True, slots=True)
class Part:
    """A convex part of a domain.

    Attributes:
        domain: The part as a domain, in its own coordinates; None: a single point, the origin.
        origin: Shape ``(d,)``: t where s = 0.  Not used without axes.
        axes: Shape ``(k, d)``, independent: what each coordinate s adds to t; none for a point.  None: t is s.
    """

    domain: Domain | None
    origin: Vector
    axes: tuple[Vector, ...] | None

    def at(self, own: Vector) -> Vector:
        """The context's coordinates of a point of the part."""
        if self.axes is None:
            return own
        columns = zip(self.origin, *self.axes, strict=True)
        return tuple([start + dot(column, own) for start, *column in columns])

    @property
    def middle(self) -> Vector:
        """A point in the relative interior."""
        return self.origin if self.domain is None else self.at(self.domain.interior)

    @property
    def box(self) -> tuple[Vector, Vector]:
        """A box around the part, flat where the part is: lower and upper corner."""
        if self.domain is None:
            return self.origin, self.origin
        ends = list(zip(self.domain.lower, self.domain.upper, strict=True))
        if self.axes is None:
            return self.domain.lower, self.domain.upper
        columns = list(zip(self.origin, *self.axes, strict=True))
        lower = [start + sum(map(min, _moves(column, ends))) for start, *column in columns]
        upper = [start + sum(map(max, _moves(column, ends))) for start, *column in columns]
        return tuple(lower), tuple(upper)


def _moves(
    column: Sequence[Fraction], ends: Sequence[tuple[Fraction, Fraction]]
) -> list[tuple[Fraction, Fraction]]:
    return [(a * low, a * high) for a, (low, high) in zip(column, ends, strict=True)]


def narrowed(domain: Domain, rows: Halves, frame: Frame | None = None) -> Part | None:
    """The part of a domain where rows hold.

    While there is no interior, the multipliers that say so name rows that are equalities; the next try is in their
    solutions.

    Args:
        domain: In the context's coordinates, t.
        rows: In the coordinates of the frame.
        frame: A subspace; None: the whole space.

    Returns:
        The part, in coordinates of its own span; None if it is empty.
    """
    walls = inequalities_of(domain)
    every = [*(walls if frame is None else _in_frame(walls, frame)), *rows]
    while True:
        dimension = domain.dimension if frame is None else len(frame[1])
        if any(offset < 0 for normal, offset in every if not any(normal)):
            return None
        every = [(normal, offset) for normal, offset in every if any(normal)]
        if frame is not None and not dimension:
            return Part(None, frame[0], ())
        found = find_interior([to_integers(list(normal), offset) for normal, offset in every], dimension)
        if isinstance(found, Interior):
            within = Polytope([list(normal) for normal, _ in every], [offset for _, offset in every])
            return Part(over(domain, frame, within), *((), None) if frame is None else frame)
        if found.total < 0:
            return None
        inner = _solutions([every[i] for i in sorted(found.multipliers)], dimension)
        every = _in_frame(every, inner)
        frame = inner if frame is None else _composed(frame, inner)


def over(domain: Domain, frame: Frame | None, within: Box | Polytope) -> Domain:
    """A set in the coordinates of a frame as a domain of the network's input space."""
    if frame is None:
        return Slice(domain.origin, domain.basis, within) if isinstance(domain, Slice) else within
    origin, axes = frame
    start = domain.embed(origin)
    ends = [domain.embed([a + b for a, b in zip(origin, axis, strict=True)]) for axis in axes]
    columns = zip(*[[a - b for a, b in zip(end, start, strict=True)] for end in ends], strict=True)
    return Slice(start, list(columns), within)


def _in_frame(rows: Halves, frame: Frame) -> list[tuple[Sequence[Fraction], Fraction]]:
    """Rows in the coordinates of a frame."""
    origin, axes = frame
    return [
        (tuple([dot(normal, axis) for axis in axes]), offset - dot(normal, origin)) for normal, offset in rows
    ]


def _composed(outer: Frame, inner: Frame) -> Frame:
    """A frame given in the coordinates of another one."""
    origin, axes = outer
    columns = list(zip(*axes, strict=True))
    start = tuple([a + dot(column, inner[0]) for a, column in zip(origin, columns, strict=True)])
    return start, tuple([tuple([dot(column, axis) for column in columns]) for axis in inner[1]])


def _solutions(equalities: Halves, dimension: int) -> Frame:
    """Where rows, which contradict each other nowhere, are equalities."""
    entries = [fmpq(q.numerator, q.denominator) for normal, offset in equalities for q in (*normal, offset)]
    reduced, rank = fmpq_mat(len(equalities), dimension + 1, entries).rref()
    pivots = [next(j for j in range(dimension) if reduced[i, j]) for i in range(rank)]
    origin, axes = [Fraction(0)] * dimension, []
    for i, j in enumerate(pivots):
        origin[j] = _fraction(reduced[i, dimension])
    for free in sorted(set(range(dimension)) - set(pivots)):
        axis = [Fraction(int(k == free)) for k in range(dimension)]
        for i, j in enumerate(pivots):
            axis[j] = -_fraction(reduced[i, free])
        axes.append(tuple(axis))
    return tuple(origin), tuple(axes)


def _fraction(q: fmpq) -> Fraction:
    return Fraction(int(q.p), int(q.q))
