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
    In the ideal reading distances that are not told apart at the highest precision are taken for equal.

References: Boyd and Vandenberghe, Convex optimization (2004), sections 5.5.3 and 8.1.

Not here: the quadratic program (`nearest_point`), the pieces (`placement_parents`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any

from flint import fmpq, fmpq_mat, fmpz

from exactcpa.domain import Domain, Slice
from exactcpa.nearest_point import Metric, Nearest, nearest_point, require_nearest
from exactcpa.partition import Partition
from exactcpa.placement_parents import Piece, parents_of
from exactcpa.real_lines import RealLines
from exactcpa.real_quotients import Quotient, is_less, quotient, simplest
from exactcpa.vectors import Vector, dot

Numbers = tuple[Any, ...]
Convert = Callable[[Any], Any]


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
    """The nearest point of a set; in the ideal reading numbers may be sums of roots or quotients of such.

    Attributes:
        squared: The squared distance.
        point: The nearest point, in the network's input space.
        number: Of the part of the set that it lies in.
    """

    squared: Any
    point: tuple[Any, ...]
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
    part: Partition, pieces: Sequence[Piece], places: Sequence[Place]
) -> list[Reach | None]:
    """The nearest point of a bent hyperplane within the domain, for every sample.

    Args:
        part: The partition.
        pieces: Of the bent hyperplane.
        places: The samples.

    Returns:
        One entry a sample; None if no piece meets the domain.
    """
    convert = exact_numbers(part)
    parts = _Parts(part.domain, convert, [_part(piece, convert) for piece in pieces])
    return [parts.nearest_to(place, range(len(pieces))) for place in places]


def to_boundary(part: Partition, places: Sequence[Place]) -> list[Reach | None]:
    """The nearest point of the boundary of the partition, for every sample; its number is that of the cell.

    One strictly inside a cell has its nearest boundary point on that cell: the way to any other leaves the cell
    through its boundary first.  One in several cells is on the boundary of each.
    """
    convert = exact_numbers(part)
    cells = parents_of(part, len(part.form.layers))
    every: list[_Part] = []
    facets_of: list[list[int]] = []
    for number, cell in enumerate(cells):
        facets_of.append([len(every) + k for k in range(len(cell.facets))])
        rows = _exact(cell.rows, convert)
        for k in range(len(cell.facets)):
            every.append(_Part(rows[k], (*rows[:k], *rows[k + 1 :]), number, known=True))
    parts = _Parts(part.domain, convert, every)
    found = []
    for place in places:
        inside = part.locate(place.point).cells if part.domain.contains(place.point) else ()
        mine = facets_of[inside[0]] if inside else range(len(every))
        found.append(parts.nearest_to(place, mine))
    return found


def exact_numbers(part: Partition) -> Convert:
    """What a number of a partition's rows becomes, so that it can be divided by: rationals, or quotients of reals."""
    return quotient if isinstance(part.lines, RealLines) else _rational


# ---------------------------------------------------------------------- unions of polyhedra


@dataclass(frozen=True, slots=True)
class _Part:
    """A polyhedron: rows, and an equality unless it has an interior.

    `known` says that it is known not to be empty.
    """

    equality: Numbers | None
    rows: tuple[Numbers, ...]
    number: int
    known: bool


class _Parts:
    """The nearest point of a union of polyhedra; remembers which of them are empty."""

    def __init__(self, domain: Domain, convert: Convert, parts: Sequence[_Part]) -> None:
        self._domain, self._metric, self._parts, self._convert = domain, metric_of(domain), parts, convert
        self._empty: set[int] = set()
        self._lengths = [self._length(part) for part in parts]

    def nearest_to(self, place: Place, among: Iterable[int]) -> Reach | None:
        """The nearest point of some of the parts.

        Parts are tried in about the order of the distance to their hyperplanes, which is never above their own;
        those known not to be empty come first where it is equal.
        """
        point = tuple([self._convert(x) for x in place.point])
        bounds = [(self._bound(k, point), k) for k in among if k not in self._empty]
        bounds.sort(key=lambda item: (_rough(item[0]), not self._parts[item[1]].known))
        best = None
        for bound, k in bounds:
            if best is not None and not is_less(bound, best[0].squared):
                continue
            part = self._parts[k]
            found = nearest_point(point, part.rows, part.equality, self._metric)
            if found is None:
                self._empty.add(k)
            elif best is None or is_less(found.squared, best[0].squared):
                best = found, part
        return None if best is None else self._reach(point, *best)

    def _reach(self, point: Numbers, found: Nearest, part: _Part) -> Reach:
        if self._convert is _rational:
            require_nearest(found, point, part.rows, part.equality, self._metric)
        at = [simplest(x) for x in found.point]
        if isinstance(self._domain, Slice):
            pairs = zip(self._domain.origin, self._domain.basis, strict=True)
            at = [
                simplest(o + sum([q * t for q, t in zip(row, at, strict=True)], Fraction(0)))
                for o, row in pairs
            ]
        return Reach(simplest(found.squared), tuple(at), part.number)

    def _length(self, part: _Part) -> Any:
        """The squared length of the normal of a part's hyperplane; zero without one."""
        if part.equality is None:
            return 0
        normal = part.equality[:-1]
        return sum([a * b for a, b in zip(normal, self._metric.raised(normal), strict=True)])

    def _bound(self, k: int, point: Numbers) -> Any:
        """The squared distance to the hyperplane of a part; zero without one."""
        equality = self._parts[k].equality
        if equality is None:
            return self._convert(0)
        gap = sum([a * b for a, b in zip(equality, point, strict=False)], -equality[-1])
        return gap * gap / self._lengths[k]


def _rough(x: Any) -> float:
    """About the number, to order what is tried; nothing is decided by it."""
    try:
        return float(x.ball(64).mid()) if isinstance(x, Quotient) else float(x)
    except OverflowError:
        return inf


def _part(piece: Piece, convert: Convert) -> _Part:
    equality = None if piece.equality is None else tuple(map(convert, piece.equality))
    return _Part(equality, _exact(piece.rows, convert), piece.parent, piece.cuts)


def _exact(rows: Iterable[Sequence[Any]], convert: Convert) -> tuple[Numbers, ...]:
    return tuple([tuple(map(convert, row)) for row in rows])


def _rational(q: Fraction | int | fmpz) -> fmpq:
    return fmpq(q.numerator, q.denominator) if isinstance(q, Fraction) else fmpq(q)


def _fraction(q: fmpq) -> Fraction:
    return Fraction(int(q.p), int(q.q))


def _rows_of(matrix: fmpq_mat) -> tuple[Numbers, ...]:
    return tuple([tuple(row) for row in matrix.tolist()])
