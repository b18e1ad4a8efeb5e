"""Domains: where a network is enumerated.  A bounded convex set with rational data and an interior.

A domain is proved to be one when it is made: an interior point, a bounding box and the multipliers that prove
it, all exact, are attributes of the value.  What is empty, flat or unbounded is refused with the reason.

Main definitions:
    `Box`: ``lower <= x <= upper``.
    `Polytope`: ``A x <= b``.
    `Slice`: ``x = origin + basis @ t`` with t in a box or polytope: how to look at large networks.
    `from_json`, `to_json`: the file form, fields ``type`` (box, polytope, slice) and those of the class.

Conventions:
    Domains are closed.  All numbers are `Fraction`; floats, numpy scalars and text are exactly what they say.
    All three answer the same questions, in the coordinates that are searched (t for a slice): `dimension` (of
    the searched space), `ambient` (of the network's input), `lower`, `upper`, `rows` (those that are not of
    the bounding box; none for a box), `interior`, `bounding_proof`, `embed`, `contains`.

Not here: how emptiness, bounds and redundancy are decided (`halfspaces`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from exactcpa.errors import BadDomain, shown
from exactcpa.exact_simplex import Unbounded
from exactcpa.halfspaces import (
    BoundingBox,
    Interior,
    bound_coordinates,
    find_interior,
    irredundant,
    to_integers,
)
from exactcpa.numbers import exact_text
from exactcpa.vectors import (
    Matrix,
    Vector,
    coordinates,
    dot,
    matrix,
    plain,
    rank,
    row_text,
    vector,
    vector_text,
)

Row = tuple[Vector, Fraction]
BoundingProof = Mapping[str, Matrix]

MOST_BITS = 1000
"""Exponent of the largest coefficients that rows have, so that they are doubles in coordinates of any size."""


@dataclass(frozen=True)
class Box:
    """The box ``lower_j <= x_j <= upper_j``.

    Args:
        lower: Shape ``(d,)``.
        upper: Shape ``(d,)``, each entry above that of `lower`.

    Raises:
        BadDomain: Different lengths, no coordinate, a side that is empty or flat, an entry that is no number.

    Example:
        >>> print(Box([-1, 0], [1, "1/2"]))
        [-1, 1] x [0, 1/2]
    """

    lower: Vector
    upper: Vector

    def __post_init__(self) -> None:
        lower = vector(self.lower, "box, field lower")
        upper = vector(self.upper, "box, field upper")
        if len(lower) != len(upper):
            raise BadDomain(f"box: expected as many upper as lower bounds, got {len(upper)} and {len(lower)}")
        if not lower:
            raise BadDomain("box: expected at least one coordinate, got none")
        for j, (low, high) in enumerate(zip(lower, upper, strict=True)):
            if low >= high:
                state = "flat" if low == high else "empty"
                sides = f"{shown(low)} and {shown(high)} at index {j}"
                raise BadDomain(f"box: expected lower < upper, got {sides} ({state})")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    def __str__(self) -> str:
        sides = zip(self.lower, self.upper, strict=True)
        return " x ".join([f"[{exact_text(low)}, {exact_text(high)}]" for low, high in sides])

    @property
    def dimension(self) -> int:
        """Dimension of the searched space."""
        return len(self.lower)

    @property
    def ambient(self) -> int:
        """Input dimension of the networks this is a domain for."""
        return len(self.lower)

    @property
    def rows(self) -> tuple[Row, ...]:
        """No rows: the bounding box says everything."""
        return ()

    @property
    def interior(self) -> Vector:
        """The centre."""
        return tuple([(low + high) / 2 for low, high in zip(self.lower, self.upper, strict=True)])

    @property
    def bounding_proof(self) -> tuple[()]:
        """Nothing to prove."""
        return ()

    def contains(self, point: Sequence[Any]) -> bool:
        """Whether a point is in the closed box."""
        numbers = coordinates(point, self.dimension)
        return all(low <= q <= high for low, q, high in zip(self.lower, numbers, self.upper, strict=True))

    def embed(self, point: Sequence[Any]) -> Vector:
        """The network input at searched coordinates: the same point."""
        return coordinates(point, self.dimension)


@dataclass(frozen=True)
class Polytope:
    """The bounded set ``A x <= b``.

    Rows that are implied by the others are dropped, and of rows that say the same the first is kept, so
    `A` and `b` have one row per facet, written and ordered as given; but a row whose coefficients are far beyond all
    doubles is divided by a power of two.

    Args:
        A: Shape ``(m, d)``.
        b: Shape ``(m,)``.

    Attributes:
        A: The normals of the facets.
        b: Their offsets.
        lower: Lower corner of the bounding box.
        upper: Upper corner.
        interior: A point strictly inside; of doubles if there is one near the centre.
        bounding_proof: ``{"upper": .., "lower": ..}``, each d tuples of one multiplier >= 0 per row:
            ``sum_i upper[j][i] A_i == e_j`` and ``sum_i upper[j][i] b_i`` is the upper bound of ``x_j``;
            ``sum_i lower[j][i] A_i == -e_j`` and ``-sum_i lower[j][i] b_i`` the lower one.

    Raises:
        BadDomain: Mismatched shapes, an entry that is no number, an empty, flat or unbounded set.

    Example:
        >>> triangle = Polytope([[-1, 0], [0, -1], [1, 1], [1, 0]], [0, 0, 1, 5])
        >>> print(triangle)
        -1*x0 <= 0; -1*x1 <= 0; 1*x0 + 1*x1 <= 1
        >>> triangle.upper
        (Fraction(1, 1), Fraction(1, 1))
    """

    A: Matrix
    b: Vector
    lower: Vector = field(init=False, compare=False, repr=False)
    upper: Vector = field(init=False, compare=False, repr=False)
    interior: Vector = field(init=False, compare=False, repr=False)
    bounding_proof: BoundingProof = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        normals = matrix(self.A, "polytope, field A")
        offsets = vector(self.b, "polytope, field b")
        if len(normals) != len(offsets):
            raise BadDomain(
                f"polytope: expected one offset per row, got {len(offsets)} for {len(normals)} rows"
            )
        if not normals or not normals[0]:
            raise BadDomain("polytope: expected at least one row and one column, got none")
        normals, offsets = zip(*map(_moderate, normals, offsets), strict=True)
        integers = [to_integers(normal, offset) for normal, offset in zip(normals, offsets, strict=True)]
        interior = _require_interior(integers, len(normals[0]))
        kept = irredundant(integers, (interior.numerators, interior.denominator))
        rows = [integers[i] for i in kept]
        box = _require_bounded(rows, interior)
        scales = [_scale(integers[i], normals[i]) for i in kept]
        object.__setattr__(self, "A", tuple([normals[i] for i in kept]))
        object.__setattr__(self, "b", tuple([offsets[i] for i in kept]))
        object.__setattr__(self, "lower", box.lower)
        object.__setattr__(self, "upper", box.upper)
        object.__setattr__(self, "interior", _prefer_doubles(interior.point, self.A, self.b))
        proof = {
            "upper": tuple([_spread(weights, scales) for weights in box.upper_multipliers]),
            "lower": tuple([_spread(weights, scales) for weights in box.lower_multipliers]),
        }
        object.__setattr__(self, "bounding_proof", proof)

    def __str__(self) -> str:
        return "; ".join([row_text(normal, offset) for normal, offset in self.rows])

    @property
    def dimension(self) -> int:
        """Dimension of the searched space."""
        return len(self.lower)

    @property
    def ambient(self) -> int:
        """Input dimension of the networks this is a domain for."""
        return len(self.lower)

    @property
    def rows(self) -> tuple[Row, ...]:
        """One ``(normal, offset)`` per facet, ``<normal, x> <= offset``."""
        return tuple(zip(self.A, self.b, strict=True))

    def contains(self, point: Sequence[Any]) -> bool:
        """Whether a point is in the closed polytope."""
        numbers = coordinates(point, self.dimension)
        return all(dot(normal, numbers) <= offset for normal, offset in self.rows)

    def embed(self, point: Sequence[Any]) -> Vector:
        """The network input at searched coordinates: the same point."""
        return coordinates(point, self.dimension)


@dataclass(frozen=True)
class Slice:
    """The set ``origin + basis @ t`` for t in a box or polytope; the space of t is what is searched.

    Args:
        origin: Shape ``(D,)``.
        basis: Shape ``(D, d)``, independent columns.
        within: Box or polytope in R^d.

    Raises:
        BadDomain: Mismatched shapes, an entry that is no number, dependent columns, `within` of another kind.

    Example:
        >>> line = Slice([0, 1, 0], [[1], [1], [0]], Box([0], [2]))
        >>> line.embed(["1/2"])
        (Fraction(1, 2), Fraction(3, 2), Fraction(0, 1))
    """

    origin: Vector
    basis: Matrix
    within: Box | Polytope

    def __post_init__(self) -> None:
        origin = vector(self.origin, "slice, field origin")
        basis = matrix(self.basis, "slice, field basis")
        if not isinstance(self.within, Box | Polytope):
            raise BadDomain(f"slice, field within: expected a box or a polytope, got {shown(self.within)}")
        if len(origin) != len(basis):
            counts = f"{len(basis)} rows for {len(origin)} entries"
            raise BadDomain(f"slice: expected one basis row per entry of origin, got {counts}")
        if not basis or len(basis[0]) != self.within.dimension:
            width = len(basis[0]) if basis else 0
            wanted = f"one basis column per coordinate of within ({self.within.dimension})"
            raise BadDomain(f"slice: expected {wanted}, got {width}")
        independent = rank(basis)
        if independent < len(basis[0]):
            raise BadDomain(
                f"slice, field basis: expected independent columns, got rank {independent} of {len(basis[0])}"
            )
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "basis", basis)

    def __str__(self) -> str:
        columns = [vector_text(column) for column in zip(*self.basis, strict=True)]
        terms = "".join([f" + t{j}*{column}" for j, column in enumerate(columns)])
        return f"{vector_text(self.origin)}{terms} for t in {self.within}"

    @property
    def dimension(self) -> int:
        """Dimension of the searched space."""
        return self.within.dimension

    @property
    def ambient(self) -> int:
        """Input dimension of the networks this is a domain for."""
        return len(self.origin)

    @property
    def lower(self) -> Vector:
        """Lower corner of the bounding box, in t."""
        return self.within.lower

    @property
    def upper(self) -> Vector:
        """Upper corner of the bounding box, in t."""
        return self.within.upper

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of `within`."""
        return self.within.rows

    @property
    def interior(self) -> Vector:
        """A point t strictly inside."""
        return self.within.interior

    @property
    def bounding_proof(self) -> BoundingProof | tuple[()]:
        """The multipliers of `within`."""
        return self.within.bounding_proof

    def contains(self, point: Sequence[Any]) -> bool:
        """Whether searched coordinates t are in the closed domain."""
        return self.within.contains(point)

    def embed(self, point: Sequence[Any]) -> Vector:
        """The network input ``origin + basis @ t``."""
        numbers = coordinates(point, self.dimension)
        return tuple([start + dot(row, numbers) for start, row in zip(self.origin, self.basis, strict=True)])


Domain = Box | Polytope | Slice


# ---------------------------------------------------------------------- files


def to_json(domain: Domain) -> dict[str, Any]:
    """The file form of a domain.

    Example:
        >>> to_json(Box([0], ["1/3"]))
        {'type': 'box', 'lower': [0], 'upper': ['1/3']}
    """
    match domain:
        case Box():
            return {"type": "box", "lower": plain(domain.lower), "upper": plain(domain.upper)}
        case Polytope():
            return {"type": "polytope", "A": [plain(row) for row in domain.A], "b": plain(domain.b)}
        case Slice():
            basis = [plain(row) for row in domain.basis]
            within = to_json(domain.within)
            return {"type": "slice", "origin": plain(domain.origin), "basis": basis, "within": within}
    raise BadDomain(f"expected a box, a polytope or a slice, got {shown(domain)}")


_FIELDS = {"box": ("lower", "upper"), "polytope": ("A", "b"), "slice": ("origin", "basis", "within")}


def from_json(value: object) -> Domain:
    """Read a domain from its file form.

    Raises:
        BadDomain: No such type, a field missing or unknown, or what the class refuses.

    Example:
        >>> print(from_json({"type": "box", "lower": [0], "upper": ["1/3"]}))
        [0, 1/3]
    """
    if not isinstance(value, Mapping):
        raise BadDomain(f"domain: expected an object with field type, got {shown(value)}")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise BadDomain(f"domain, field type: expected box, polytope or slice, got {shown(kind)}")
    expected = {"type", *_FIELDS[kind]}
    for name in sorted(expected - value.keys()):
        raise BadDomain(f"{kind}: expected field {name}, got none")
    for name in sorted(map(str, value.keys() - expected)):
        raise BadDomain(f"{kind}: unknown field {shown(name)}")
    match kind:
        case "box":
            return Box(value["lower"], value["upper"])
        case "polytope":
            return Polytope(value["A"], value["b"])
    within = value["within"]
    if isinstance(within, Mapping) and within.get("type") == "slice":
        raise BadDomain("slice, field within: expected a box or a polytope, got a slice")
    return Slice(value["origin"], value["basis"], from_json(within))  # type: ignore[arg-type]


# ---------------------------------------------------------------------- what a polytope must prove


def _require_interior(rows: Sequence[tuple[int, ...]], dimension: int) -> Interior:
    """A point strictly inside, or BadDomain with the rows that leave no room."""
    found = find_interior(rows, dimension)
    if isinstance(found, Interior):
        return found
    numbers = ", ".join([str(i) for i in sorted(found.multipliers)])
    if found.total < 0:
        raise BadDomain(
            f"polytope: expected a set with interior, got an empty one (rows {numbers} contradict)"
        )
    raise BadDomain(f"polytope: expected a set with interior, got a flat one (rows {numbers} leave no room)")


def _require_bounded(rows: Sequence[tuple[int, ...]], interior: Interior) -> BoundingBox:
    """The bounding box, or BadDomain with a direction in which there is none."""
    box = bound_coordinates(rows, (interior.numerators, interior.denominator))
    if isinstance(box, Unbounded):
        raise BadDomain(f"polytope: expected a bounded set, got one that contains the ray {shown(box.ray)}")
    return box


def _prefer_doubles(point: Vector, normals: Matrix, offsets: Vector) -> Vector:
    """The nearest point of doubles if it is strictly inside, too; else the point."""
    try:
        doubles = tuple([Fraction(float(q)) for q in point])
    except OverflowError:
        return point
    is_inside = all(dot(normal, doubles) < offset for normal, offset in zip(normals, offsets, strict=True))
    return doubles if is_inside else point


def _moderate(normal: Vector, offset: Fraction) -> Row:
    """A row that says the same with coefficients below ``2**MOST_BITS``."""
    size = max(q.numerator.bit_length() - q.denominator.bit_length() for q in normal)
    if size < MOST_BITS:
        return normal, offset
    factor = Fraction(1, 1 << size)
    return tuple([q * factor for q in normal]), offset * factor


def _scale(integers: tuple[int, ...], normal: Vector) -> Fraction:
    """The positive factor from a row as given to its integer row."""
    j = next(j for j, q in enumerate(normal) if q)
    return integers[j] / normal[j]


def _spread(weights: Mapping[int, Fraction], scales: Sequence[Fraction]) -> Vector:
    """Multipliers of integer rows as one multiplier per row as given."""
    return tuple([weights.get(i, Fraction(0)) * scale for i, scale in enumerate(scales)])
