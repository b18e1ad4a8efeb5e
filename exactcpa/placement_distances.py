"""Exact distances from samples to bent hyperplanes and to the boundary of the partition.

In input space, through the real partition: the nearest point of the union of a unit's pieces within the domain, each a
small quadratic program in rationals.  The hyperplane alone bounds the distance to a piece from below, so most pieces
are never looked at.

Main definitions:
    Place: A sample in the domain's coordinates.
    place_samples: The samples, projected onto the domain's space if it is a slice.
    Reach: The nearest point of a set.
    to_bent_hyperplane: From every sample to one bent hyperplane.
    to_boundary: From every sample to the boundary of the partition.

Conventions:
    Distances are Euclidean, squared, in the network's input space.  On a slice they are within the slice, from the
    sample's projection onto it; how far the sample is from the slice is told apart.  Sets are closed; the
    boundary of the partition is the union of the facets that cells share.  None: the set is empty.

References: Boyd and Vandenberghe, Convex optimization (2004), sections 5.5.3 and 8.1.

Not here: the quadratic program (`nearest_point`), the pieces (`placement_parents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpq, fmpq_mat

from exactcpa.domain import Domain, Slice
from exactcpa.nearest_point import Metric, nearest_point, require_nearest
from exactcpa.partition import Partition
from exactcpa.placement_parents import Piece, facet_row, parents_of, patterns_of
from exactcpa.vectors import Vector, dot

Rationals = tuple[fmpq, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A sample in the domain's coordinates.

    Attributes:
        point: Shape ``(d,)``; on a slice, of the projection.
        off_slice: Squared distance of the sample from the slice; zero without one.
    """

    point: Vector
    off_slice: Fraction


@dataclass(frozen=True, slots=True)
class Reach:
    """The nearest point of a set.

    Attributes:
        squared: The squared distance.
        point: The nearest point, in the network's input space.
        number: Of the part of the set that it lies in.
    """

    squared: Fraction
    point: Vector
    number: int


def metric_of(domain: Domain) -> Metric:
    """The Euclidean metric of input space in the domain's coordinates."""
    if not isinstance(domain, Slice):
        return Metric()
    columns = list(zip(*domain.basis, strict=True))
    gram = fmpq_mat([[_rational(dot(a, b)) for b in columns] for a in columns])
    return Metric(_rows_of(gram), _rows_of(gram.inv()))


def place_samples(domain: Domain, samples: Iterable[Vector]) -> tuple[Place, ...]:
    """The samples in the domain's coordinates."""
    if not isinstance(domain, Slice):
        return tuple([Place(sample, Fraction(0)) for sample in samples])
    columns = list(zip(*domain.basis, strict=True))
    metric = metric_of(domain)
    found = []
    for sample in samples:
        offset = [x - o for x, o in zip(sample, domain.origin, strict=True)]
        point = tuple([_fraction(t) for t in metric.raised([_rational(dot(c, offset)) for c in columns])])
        gap = [x - y for x, y in zip(sample, domain.embed(point), strict=True)]
        found.append(Place(point, dot(gap, gap)))
    return tuple(found)


def to_bent_hyperplane(
    domain: Domain, pieces: Sequence[Piece], places: Sequence[Place]
) -> list[Reach | None]:
    """The nearest point of a bent hyperplane within the domain, for every sample.

    Args:
        domain: The domain.
        pieces: Of the bent hyperplane.
        places: The samples.

    Returns:
        One entry a sample; None if no piece meets the domain.
    """
    return _Parts(domain, [_part(piece) for piece in pieces]).nearest_to_all(places)


def to_boundary(part: Partition, places: Sequence[Place]) -> list[Reach | None]:
    """The nearest point of the boundary of the partition, for every sample; its number is that of the cell.

    A sample in two cells is on the boundary.  One strictly inside a cell has its nearest boundary point on that
    cell: the way to any other leaves the cell through its boundary first.
    """
    cells, patterns = parents_of(part, len(part.form.layers)), patterns_of(part)
    every: list[_Part] = []
    facets_of: list[list[int]] = []
    for number, cell in enumerate(cells):
        facets_of.append([len(every) + k for k in range(len(cell.facets))])
        for other in cell.facets:
            row = facet_row(part, cell.pattern, patterns[other])
            every.append(_Part(tuple(map(fmpq, row)), _exact(cell.rows), number, known=True))
    parts = _Parts(part.domain, every)
    found = []
    for place in places:
        inside = part.locate(place.point).cells if part.domain.contains(place.point) else ()
        mine = facets_of[inside[0]] if inside else range(len(every))
        found.append(parts.nearest_to(place, mine))
    return found


# ---------------------------------------------------------------------- unions of polyhedra


@dataclass(frozen=True, slots=True)
class _Part:
    """A polyhedron: rows, and an equality unless it has an interior.

    `known` says that it is known not to be empty.
    """

    equality: Rationals | None
    rows: tuple[Rationals, ...]
    number: int
    known: bool


class _Parts:
    """The nearest point of a union of polyhedra; remembers which of them are empty."""

    def __init__(self, domain: Domain, parts: Sequence[_Part]) -> None:
        self._domain, self._metric, self._parts = domain, metric_of(domain), parts
        self._empty: set[int] = set()
        self._lengths = [self._length(part) for part in parts]

    def nearest_to_all(self, places: Sequence[Place]) -> list[Reach | None]:
        return [self.nearest_to(place, range(len(self._parts))) for place in places]

    def nearest_to(self, place: Place, among: Iterable[int]) -> Reach | None:
        """The nearest point of some of the parts.

        Parts are tried in the order of the distance to their hyperplanes, which is never above their own; those
        known not to be empty come first where it is equal.
        """
        point = tuple([_rational(x) for x in place.point])
        bounds = sorted(
            [(self._bound(k, point), not self._parts[k].known, k) for k in among if k not in self._empty]
        )
        best = None
        for bound, _, k in bounds:
            if best is not None and bound >= best[0].squared:
                break
            part = self._parts[k]
            found = nearest_point(point, part.rows, part.equality, self._metric)
            if found is None:
                self._empty.add(k)
            elif best is None or found.squared < best[0].squared:
                best = found, part
        if best is None:
            return None
        found, part = best
        require_nearest(found, point, part.rows, part.equality, self._metric)
        at = self._domain.embed([_fraction(x) for x in found.point])
        return Reach(_fraction(found.squared), at, part.number)

    def _length(self, part: _Part) -> fmpq:
        """The squared length of the normal of a part's hyperplane; zero without one."""
        if part.equality is None:
            return fmpq(0)
        normal = part.equality[:-1]
        return sum([a * b for a, b in zip(normal, self._metric.raised(normal), strict=True)], fmpq(0))

    def _bound(self, k: int, point: Rationals) -> fmpq:
        """The squared distance to the hyperplane of a part; zero without one."""
        equality = self._parts[k].equality
        if equality is None:
            return fmpq(0)
        gap = sum([a * b for a, b in zip(equality, point, strict=False)], -equality[-1])
        return gap * gap / self._lengths[k]


def _part(piece: Piece) -> _Part:
    equality = None if piece.equality is None else tuple(map(fmpq, piece.equality))
    return _Part(equality, _exact(piece.rows), piece.parent, piece.cuts)


def _exact(rows: Iterable[Sequence[int]]) -> tuple[Rationals, ...]:
    return tuple([tuple(map(fmpq, row)) for row in rows])


def _rational(q: Fraction) -> fmpq:
    return fmpq(q.numerator, q.denominator)


def _fraction(q: fmpq) -> Fraction:
    return Fraction(int(q.p), int(q.q))


def _rows_of(matrix: fmpq_mat) -> tuple[Rationals, ...]:
    return tuple([tuple(row) for row in matrix.tolist()])
