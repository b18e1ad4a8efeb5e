"""The cells of a part of the domain, enumerated with their proof; and the parts that claims speak of.

A claim about a box, a ball or the hull of some points needs the cells there and no others.  In l1 and l_inf, and for
boxes and hulls, the part is a domain of its own; a ball in l2 is looked for in the box around it.

Main definitions:
    cells_on: The partition of a part, with the proof of it as the body of a piece of evidence.
    box_within, hull_of, ball_within: The parts, as domains; None where they have no interior in the domain.

Conventions:
    Everything is in the context's coordinates (t of a slice).  The hull of points that do not span the space is a slice
    of it, in coordinates of its own.

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

from exactcpa.cell import inequalities_of
from exactcpa.crosscheck.context import LARGEST_EMBEDDED, Context, TooManyCells, stop_beyond
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.domain import to_json as domain_to_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.geometry import vertices
from exactcpa.halfspaces import Interior, find_interior, to_integers
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


def box_within(context: Context, lower: Sequence[Fraction], upper: Sequence[Fraction]) -> Domain | None:
    """The part of the domain in a box."""
    inner = context.domain
    if inner.rows:
        d = len(lower)
        axes = [tuple([Fraction(int(i == j)) for j in range(d)]) for i in range(d)]
        rows = [(axis, high) for axis, high in zip(axes, upper, strict=True)]
        rows += [(tuple([-a for a in axis]), -low) for axis, low in zip(axes, lower, strict=True)]
        return _polytope_within(context, rows)
    low, high = list(map(max, lower, inner.lower)), list(map(min, upper, inner.upper))
    return _over(context, Box(low, high)) if all(a < b for a, b in zip(low, high, strict=True)) else None


def ball_within(context: Context, center: Vector, radius: Fraction, norm: str) -> Domain | None:
    """The part of the domain in a ball; in l2 in the box around it.

    Raises:
        ValueError: An l1 ball of too many faces.
    """
    d = len(center)
    if norm == "1" and d > 1:
        if 1 << d > MOST_CORNERS:
            raise ValueError(f"an l1 ball in {d} dimensions has {1 << d:,} faces")
        signs = list(product((Fraction(-1), Fraction(1)), repeat=d))
        return _polytope_within(context, [(sign, radius + dot(sign, center)) for sign in signs])
    return box_within(context, [x - radius for x in center], [x + radius for x in center])


def hull_of(context: Context, points: Sequence[Vector]) -> Domain | None:
    """The part of the domain in the convex hull of points; None if it has no interior in the points' own span.

    Facets are vertices of the polar set with respect to the mean, in coordinates of the points' own span.
    """
    first, d = points[0], len(points[0])
    basis = _independent([[a - b for a, b in zip(point, first, strict=True)] for point in points])
    if not basis:
        return None
    own = [_coordinates(basis, [a - b for a, b in zip(point, first, strict=True)]) for point in points]
    mean = tuple([sum(column, Fraction(0)) / len(own) for column in zip(*own, strict=True)])
    shifted = [tuple([a - b for a, b in zip(point, mean, strict=True)]) for point in own]
    normals = vertices([to_integers(point, Fraction(1)) for point in shifted if any(point)])
    facets = [(normal, 1 + dot(normal, mean)) for normal in normals]
    if len(basis) == d:
        axes = [[Fraction(int(i == j)) for i in range(d)] for j in range(d)]
        columns = [_coordinates(basis, axis) for axis in axes]  # of the inverse: own = inverse (x - first)
        rows = [tuple([dot(normal, column) for column in columns]) for normal, _ in facets]
        return _polytope_within(
            context, [(row, b + dot(row, first)) for row, (_, b) in zip(rows, facets, strict=True)]
        )
    for normal, offset in inequalities_of(context.domain):
        along = tuple([dot(normal, axis) for axis in basis])
        if any(along):
            facets.append((along, offset - dot(normal, first)))
        elif offset < dot(normal, first):
            return None
    if not _has_interior(facets, len(basis)):
        return None
    start = context.domain.embed(first)
    ends = [context.domain.embed([a + b for a, b in zip(first, axis, strict=True)]) for axis in basis]
    columns = list(zip(*[[a - b for a, b in zip(end, start, strict=True)] for end in ends], strict=True))
    return Slice(start, columns, Polytope([list(n) for n, _ in facets], [b for _, b in facets]))


Halves = Sequence[tuple[Sequence[Fraction], Fraction]]


def _has_interior(rows: Halves, dimension: int) -> bool:
    integers = [to_integers(list(normal), offset) for normal, offset in rows]
    return isinstance(find_interior(integers, dimension), Interior)


def _polytope_within(context: Context, rows: Halves) -> Domain | None:
    every = [*inequalities_of(context.domain), *rows]
    if not _has_interior(every, context.dimension):
        return None
    return _over(context, Polytope([list(normal) for normal, _ in every], [offset for _, offset in every]))


def _over(context: Context, within: Box | Polytope) -> Domain:
    """The part as a domain of the network's input space."""
    if isinstance(context.domain, Slice):
        return Slice(context.domain.origin, context.domain.basis, within)
    return within


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
