"""Exact geometry of an H-polytope: vertices, facets, volume, and a polygon's cyclic order.

The vertices come from the double description of the homogenised cone, in integers; the volume from a
triangulation that follows the face lattice, which the vertex-row incidences determine.  No step asks for
general position: duplicated, redundant and zero rows, many rows through one vertex, flat and empty sets are
ordinary.

Main definitions:
    `find_vertices`: all vertices with the rows tight at each (any dimension), or a ray.
    `vertices`: the same as points.
    `polygon`: vertices of a plane set in counterclockwise order.
    `volume`: exact; zero for flat and empty sets.
    `facets`: the rows that are facets (asked of `exact_simplex`, independent of the vertices).

Conventions:
    A row is ``[n_1, .., n_d, b]``, integers, and means ``<n, x> <= b``.  A vertex is homogeneous,
    ``(x_1, .., x_d, h)`` with h > 0 and no common factor; inside, coordinates are mirrored (z = -x), so that
    a row's inner product with a vertex is its slack times h.  Sets of rows and of vertices are bit masks.

References:
    Motzkin, Raiffa, Thompson and Thrall, The double description method (1953).
    Fukuda and Prodon, Double description method revisited (1996), section 3: combinatorial adjacency.
    Cohen and Hickey, Two algorithms for determining volumes of convex polyhedra (1979), algorithm 2.
    Bueler, Enge and Fukuda, Exact volume computation for polytopes: a practical study (2000).

Not here: emptiness and bounds with certificates (`halfspaces`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import factorial, gcd
from operator import mul

from flint import fmpz, fmpz_mat

from exactcpa.errors import BadArgument, DimensionMismatch
from exactcpa.exact_outcome import Unbounded
from exactcpa.halfspaces import Integers, NoInterior, Point, find_interior, irredundant

Vector = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Vertices:
    """All vertices of a bounded set, and the rows tight at each.

    Attributes:
        homogeneous: One ``(x_1, .., x_d, h)`` per vertex, h > 0, in lowest terms.
        tight: One bit mask per vertex: bit i is set when row i holds with equality there and is not all zero.
    """

    homogeneous: tuple[tuple[int, ...], ...]
    tight: tuple[int, ...]

    @property
    def points(self) -> tuple[Vector, ...]:
        """The vertices as fractions."""
        return tuple([tuple([Fraction(x, h) for x in numerators]) for *numerators, h in self.homogeneous])


def find_vertices(rows: Sequence[Integers]) -> Vertices | Unbounded:
    """All vertices of ``{x : <n_i, x> <= b_i}``; none if it is empty.

    Args:
        rows: ``(m, d + 1)`` integers, m >= 1.

    Returns:
        The vertices in no particular order, or a ray if the set is nonempty and unbounded.

    Example:
        >>> sorted(find_vertices([(1, 1, 1), (-1, 0, 0), (0, -1, 0)]).homogeneous)
        [(0, 0, 1), (0, 1, 1), (1, 0, 1)]
    """
    d = _require_dimension(rows)
    # Row number 0 of the cone is h >= 0; row i of the set is number i + 1.
    cone = [[fmpz(0)] * d + [fmpz(1)], *[[fmpz(entry) for entry in row] for row in rows]]
    start = _independent_rows(cone)
    if len(start) <= d:
        return _with_a_line(cone, rows, d)
    rays = _simplicial_rays(cone, start)
    for number, row in enumerate(cone):
        if number not in start and any(row):
            rays = _insert(rays, row, 1 << number, d)
    return _read(rays)


def vertices(rows: Sequence[Integers]) -> tuple[Vector, ...]:
    """All vertices of a bounded set, in lexicographic order.

    Raises:
        BadArgument: The set is unbounded.

    Example:
        >>> [[str(q) for q in point] for point in vertices([(2, 1), (-3, 1)])]
        [['-1/3'], ['1/2']]
    """
    return tuple(sorted(_require_bounded(rows).points))


def polygon(rows: Sequence[Integers]) -> tuple[Vector, ...]:
    """The vertices of a bounded set in the plane, counterclockwise from the lexicographically least.

    A flat set has two vertices, a point one, an empty set none.

    Raises:
        BadArgument: The set is unbounded.
        DimensionMismatch: The rows are not on R^2.

    Example:
        >>> [tuple(map(int, p)) for p in polygon([(1, 0, 1), (0, 1, 1), (-1, 0, 0), (0, -1, 0)])]
        [(0, 0), (1, 0), (1, 1), (0, 1)]
    """
    if _require_dimension(rows) != 2:
        raise DimensionMismatch(f"expected rows on R^2, got rows on R^{len(rows[0]) - 1}")
    points = sorted(_require_bounded(rows).points)
    if len(points) < 3:
        return tuple(points)
    left, low = points[0]

    def turn(point: Vector) -> tuple[bool, Fraction]:
        """Seen from the least vertex all others lie to the right, no two in one direction: by slope."""
        x, y = point
        return x == left, Fraction(0) if x == left else (y - low) / (x - left)

    return (points[0], *sorted(points[1:], key=turn))


def volume(rows: Sequence[Integers]) -> Fraction:
    """The d-dimensional volume of a bounded set; zero if it is flat or empty.

    Every face is coned from its first vertex over its facets that do not contain it, down to simplices, whose
    volumes are determinants of homogeneous vertices.

    Raises:
        BadArgument: The set is unbounded.

    Example:
        >>> volume([(1, 1, 1, 1), (-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, -1, 0)])
        Fraction(1, 6)
    """
    return volume_of(_require_bounded(rows), _require_dimension(rows))


def volume_of(found: Vertices, dimension: int) -> Fraction:
    """The volume of a bounded set whose vertices are known.

    Args:
        found: What `find_vertices` gave.
        dimension: d.
    """
    corners, d = found.homogeneous, dimension
    everything = (1 << len(corners)) - 1
    touched = _vertices_of_rows(found.tight)
    if len(corners) <= d or everything in touched:
        return Fraction(0)
    heights = [fmpz(corner[d]) for corner in corners]
    # One denominator for all: adding fractions one by one would take a big gcd for each simplex.
    common = reduce(mul, heights)
    total = fmpz(0)
    for chosen in _triangulate(everything, d, touched, {}):
        flat = [entry for i in chosen for entry in corners[i]]
        height = reduce(mul, [heights[i] for i in chosen])
        total += abs(fmpz_mat(d + 1, d + 1, flat).det()) * (common // height)
    return Fraction(int(total), int(common) * factorial(d))


def facets(rows: Sequence[Integers], interior: Point) -> list[int]:
    """Ascending numbers of the rows that are facets of a set with interior; the first of equal rows counts.

    Args:
        rows: ``(m, d + 1)`` integers.
        interior: Numerators and denominator of a point strictly inside.
    """
    return irredundant(rows, interior)


# ---------------------------------------------------------------------- double description

Ray = tuple[list[fmpz], int]
"""A mirrored extreme ray ``(z_1, .., z_d, h)`` in lowest terms, and the mask of the rows tight on it."""


def _independent_rows(cone: list[list[fmpz]]) -> list[int]:
    """Numbers of the first rows that span what all rows span."""
    width = len(cone[0])
    columns = fmpz_mat(width, len(cone), [row[k] for k in range(width) for row in cone])
    reduced, _, rank = columns.rref()
    table = reduced.tolist()[:rank]
    return [next(j for j, entry in enumerate(row) if entry) for row in table]


def _simplicial_rays(cone: list[list[fmpz]], start: list[int]) -> list[Ray]:
    """The extreme rays of the cone of d + 1 independent rows: the columns of their inverse."""
    size = len(start)
    beside = [[*cone[i], *[int(k == j) for k in range(size)]] for j, i in enumerate(start)]
    reduced, denominator, _ = fmpz_mat(beside).rref()
    sign = 1 if denominator > 0 else -1
    table = reduced.tolist()
    every = sum([1 << i for i in start])
    return [
        (_primitive([sign * table[k][size + j] for k in range(size)]), every ^ (1 << i))
        for j, i in enumerate(start)
    ]


def _insert(rays: list[Ray], row: list[fmpz], bit: int, d: int) -> list[Ray]:
    """The extreme rays after one more row: those it keeps, and one on every edge that it cuts."""
    above, below, kept = [], [], []
    for ray in rays:
        value = sum(map(mul, row, ray[0]))
        if value > 0:
            above.append((ray, value))
            kept.append(ray)
        elif value < 0:
            below.append((ray, value))
        else:
            kept.append((ray[0], ray[1] | bit))
    masks = [mask for _, mask in rays]
    for (inside, inside_mask), inner in above:
        for (outside, outside_mask), outer in below:
            common = inside_mask & outside_mask
            if common.bit_count() < d - 1 or _is_shared(common, masks):
                continue
            crossing = [inner * b - outer * a for a, b in zip(inside, outside, strict=True)]
            kept.append((_primitive(crossing), common | bit))
    return kept


def _is_shared(common: int, masks: list[int]) -> bool:
    """Whether more than two rays are tight on all of `common`, so that two of them span no edge."""
    count = 0
    for mask in masks:
        if mask & common == common:
            count += 1
            if count > 2:
                return True
    return False


def _primitive(entries: list[fmpz]) -> list[fmpz]:
    """The entries without their common factor."""
    common = reduce(fmpz.gcd, entries)
    return entries if common == 1 else [entry // common for entry in entries]


def _read(rays: list[Ray]) -> Vertices | Unbounded:
    """Turn the rays of the cone back: those with h > 0 are vertices, the others rays of a nonempty set."""
    proper = [ray for ray in rays if ray[0][-1] > 0]
    if proper and len(proper) < len(rays):
        ray = next(entries for entries, _ in rays if entries[-1] == 0)
        return Unbounded(tuple([-int(entry) for entry in ray[:-1]]))
    return Vertices(
        tuple([(*[-int(entry) for entry in entries[:-1]], int(entries[-1])) for entries, _ in proper]),
        tuple([mask >> 1 for _, mask in proper]),
    )


def _with_a_line(cone: list[list[fmpz]], rows: Sequence[Integers], d: int) -> Vertices | Unbounded:
    """A set whose rows leave a line free is empty, or unbounded along that line."""
    found = find_interior([[int(entry) for entry in row] for row in rows], d)
    if isinstance(found, NoInterior) and found.total < 0:
        return Vertices((), ())
    basis, _ = fmpz_mat(cone).nullspace()
    column = [int(basis[k, 0]) for k in range(d)]
    common = gcd(*column)
    return Unbounded(tuple([entry // common for entry in column]))


def _require_dimension(rows: Sequence[Integers]) -> int:
    """The dimension d >= 1 of rows of one length, or an error."""
    if not len(rows):
        raise BadArgument("expected at least one row, got none")
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1 or lengths[0] < 2:
        raise DimensionMismatch(f"expected rows of one length, at least 2, got lengths {lengths}")
    return lengths[0] - 1


def _require_bounded(rows: Sequence[Integers]) -> Vertices:
    """The vertices, or BadArgument with a ray."""
    found = find_vertices(rows)
    if isinstance(found, Unbounded):
        raise BadArgument(f"expected a bounded set, got one that contains the ray {found.ray}")
    return found


# ---------------------------------------------------------------------- face lattice


def _vertices_of_rows(tight: Sequence[int]) -> list[int]:
    """Distinct vertex sets of the rows: the transposed incidences."""
    count = max(tight, default=0).bit_length()
    touched = {sum([1 << v for v, mask in enumerate(tight) if mask >> i & 1]) for i in range(count)}
    return sorted(touched - {0})


def _triangulate(
    face: int, dimension: int, touched: list[int], known: dict[int, list[tuple[int, ...]]]
) -> list[tuple[int, ...]]:
    """Vertex numbers of simplices that triangulate a face, given vertex sets that cut out its facets.

    The maximal proper intersections are the facets of the face, whatever their number of vertices.  `known`
    remembers faces, each of which is met once for every chain of faces above it.
    """
    if face in known:
        return known[face]
    members = _members(face)
    if len(members) == dimension + 1:
        simplices = [tuple(members)]
    else:
        apex = members[0]
        inner = _maximal({face & other for other in touched} - {face, 0})
        simplices = [
            (apex, *simplex)
            for facet in inner
            if not facet >> apex & 1
            for simplex in _triangulate(facet, dimension - 1, inner, known)
        ]
    known[face] = simplices
    return simplices


def _maximal(sets: set[int]) -> list[int]:
    """The sets that lie in no other."""
    chosen: list[int] = []
    for one in sorted(sets, key=int.bit_count, reverse=True):
        if not any([one & other == one for other in chosen]):
            chosen.append(one)
    return chosen


def _members(mask: int) -> list[int]:
    """Numbers of the bits that are set, ascending."""
    numbers = []
    while mask:
        low = mask & -mask
        numbers.append(low.bit_length() - 1)
        mask ^= low
    return numbers
