"""The cells of a part of the domain, enumerated with their proof; and the parts that claims speak of.

A claim about a box, a ball or the hull of some points needs the cells there and no others.  In l1 and l_inf, and for
boxes and hulls, the part is a domain of its own; a ball in l2 is looked for in the box around it.

Main definitions:
    cells_on: The partition of a part, with the proof of it as the body of a piece of evidence.
    box_within, hull_of, ball_within: The parts; None where they have no point in the domain.

Conventions:
    Everything is in the context's coordinates (t of a slice).  A part without interior (coordinates that are fixed,
    points that do not span the space, what touches a wall of the domain) is a slice, or a point: see `flat_part`.
    A set "without its boundary" is its relative interior: of a box, without the ends of the sides that are not fixed.

Not here: what is counted there (`judge_local`), what is bounded there (`judge_bounds`).
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

from flint import fmpq, fmpq_mat

from exactcpa.crosscheck.context import LARGEST_EMBEDDED, Context, TooManyCells, stop_beyond
from exactcpa.crosscheck.flat_part import Halves, Part, narrowed, over
from exactcpa.domain import Box, Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.geometry import vertices
from exactcpa.halfspaces import to_integers
from exactcpa.network import Network
from exactcpa.partition import Partition
from exactcpa.vectors import Vector, dot

MOST_CORNERS = 1 << 12
"""Faces of an l1 ball that are written down."""


def cells_on(
    network: Network,
    domain: Domain,
    limit: int,
    seconds: float,
    *,
    facets: bool = False,
    with_proof: bool = True,
) -> tuple[Partition, dict[str, Any] | None]:
    """Enumerate the cells on a domain.

    Args:
        network: The network.
        domain: The part.
        limit: Cells beyond which it gives up.
        seconds: Time after which it gives up.
        facets: Whether facets are found.
        with_proof: Whether the proof is written.

    Returns:
        The partition, and its proof, fields ``base64``, ``sha256`` and ``domain``; None if it is long.

    Raises:
        TooManyCells: More than the limit, or than were found in the time.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.cpa" if with_proof else None
        watch = stop_beyond(limit, seconds)
        part = enumerate_cells(network, domain, proof=path, progress=watch, facets=facets)
        if len(part) > limit:
            raise TooManyCells(limit)
        return part, None if path is None else embedded(path, domain)


def embedded(path: Path, domain: Domain) -> dict[str, Any] | None:
    """A proof file as fields of evidence, if it is short."""
    if path.stat().st_size > LARGEST_EMBEDDED:
        return None
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return {"base64": base64.b64encode(data).decode(), "sha256": digest, "domain": domain_to_json(domain)}


def box_within(
    context: Context, lower: Sequence[Fraction], upper: Sequence[Fraction], *, without_boundary: bool = False
) -> Part | None:
    """The part of the domain in a box."""
    inner, d = context.domain, len(lower)
    if any(a > b for a, b in zip(lower, upper, strict=True)):
        return None
    if inner.rows:
        rows = [(_axis(j, d), upper[j]) for j in range(d)]
        rows += [(_axis(j, d, -1), -lower[j]) for j in range(d)]
        part = narrowed(context.domain, rows)
    else:
        part = _box_in_box(context, list(map(max, lower, inner.lower)), list(map(min, upper, inner.upper)))
    if part is None or not without_boundary:
        return part
    sides = zip(lower, part.middle, upper, strict=True)
    return part if all(a < q < b or a == b for a, q, b in sides) else None


def _box_in_box(context: Context, low: Vector | list[Fraction], high: Vector | list[Fraction]) -> Part | None:
    """The box itself; the coordinates that are not fixed are its own."""
    if any(a > b for a, b in zip(low, high, strict=True)):
        return None
    free = [j for j, (a, b) in enumerate(zip(low, high, strict=True)) if a < b]
    if not free:
        return Part(None, tuple(low), ())
    box = Box([low[j] for j in free], [high[j] for j in free])
    if len(free) == len(low):
        return Part(over(context.domain, None, box), (), None)
    start = tuple([Fraction(0) if a < b else a for a, b in zip(low, high, strict=True)])
    axes = tuple([_axis(j, len(low)) for j in free])
    return Part(over(context.domain, (start, axes), box), start, axes)


def ball_within(context: Context, center: Vector, radius: Fraction, norm: str) -> Part | None:
    """The part of the domain in a ball without its boundary; in l2 in the box around it.

    Raises:
        ValueError: An l1 ball of too many faces.
    """
    d = len(center)
    if norm == "1" and d > 1:
        if 1 << d > MOST_CORNERS:
            raise ValueError(f"an l1 ball in {d} dimensions has {1 << d:,} faces")
        signs = list(product((Fraction(-1), Fraction(1)), repeat=d))
        part = narrowed(context.domain, [(sign, radius + dot(sign, center)) for sign in signs])
    else:
        part = box_within(context, [x - radius for x in center], [x + radius for x in center])
    return part if part is not None and part.axes is None else None  # else only its boundary is in the domain


def hull_of(context: Context, points: Sequence[Vector]) -> Part | None:
    """The part of the domain in the convex hull of points, without its boundary in the points' own span.

    Facets are vertices of the polar set with respect to the mean, in coordinates of the points' own span.
    """
    first, d = points[0], len(points[0])
    basis = _independent([[a - b for a, b in zip(point, first, strict=True)] for point in points])
    if not basis:
        return box_within(context, first, first)
    own = [_coordinates(basis, [a - b for a, b in zip(point, first, strict=True)]) for point in points]
    mean = tuple([sum(column, Fraction(0)) / len(own) for column in zip(*own, strict=True)])
    shifted = [tuple([a - b for a, b in zip(point, mean, strict=True)]) for point in own]
    normals = vertices([to_integers(point, Fraction(1)) for point in shifted if any(point)])
    facets: Halves = [(normal, 1 + dot(normal, mean)) for normal in normals]
    if len(basis) < d:
        part = narrowed(context.domain, facets, (first, tuple(map(tuple, basis))))
        middle = (
            None
            if part is None
            else _coordinates(basis, [a - b for a, b in zip(part.middle, first, strict=True)])
        )
    else:
        columns = [
            _coordinates(basis, _axis(j, d)) for j in range(d)
        ]  # of the inverse: own = inverse (x - first)
        rows = [tuple([dot(normal, column) for column in columns]) for normal, _ in facets]
        facets = [(row, b + dot(row, first)) for row, (_, b) in zip(rows, facets, strict=True)]
        part = narrowed(context.domain, facets)
        middle = None if part is None else part.middle
    return part if middle is not None and all(dot(n, middle) < b for n, b in facets) else None


def _axis(j: int, dimension: int, sign: int = 1) -> Vector:
    return tuple([Fraction(sign * (i == j)) for i in range(dimension)])


def _independent(vectors: Sequence[Sequence[Fraction]]) -> list[list[Fraction]]:
    """The first vectors that span what all span."""
    table = fmpq_mat(len(vectors), len(vectors[0]), [_flint(q) for row in vectors for q in row]).transpose()
    reduced, rank = table.rref()
    pivots = [next(j for j in range(len(vectors)) if reduced[i, j]) for i in range(rank)]
    return [list(vectors[j]) for j in pivots]


def _coordinates(basis: Sequence[Sequence[Fraction]], vector: Sequence[Fraction]) -> Vector:
    """The coordinates of a vector of the span of a basis."""
    width, height = len(basis), len(vector)
    entries = [_flint(q) for i in range(height) for q in (*[axis[i] for axis in basis], vector[i])]
    reduced, _ = fmpq_mat(height, width + 1, entries).rref()
    return tuple([_fraction(reduced[i, width]) for i in range(width)])


def _flint(q: Fraction) -> fmpq:
    return fmpq(q.numerator, q.denominator)


def _fraction(q: fmpq) -> Fraction:
    return Fraction(int(q.p), int(q.q))
