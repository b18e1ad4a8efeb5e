"""Lists of polygons, as tools for slices of networks give them, as claims; and float clipping, which makes such lists.

SplineCam and its kin return the partition of a polygon in a plane as a list of polygons with float vertices.
`clip` does the same in the simplest way, one unit after the other with a tolerance, so that there is something to
judge where no such tool is installed.

Main definitions:
    clip: The polygons of a network on a two-dimensional domain, by clipping in floats.
    Clipped: The polygons, and the pattern of each.
    claims_from_polygons: Any list of polygons as claims.

Conventions:
    A polygon is an array of vertices in order, shape (k, 2), in the domain's own coordinates.

References:
    Humayun, Balestriero, Balakrishnan and Baraniuk, SplineCam (CVPR 2023).
    Sutherland and Hodgman, Reentrant polygon clipping (1974).

Not here:
    Exact clipping: `enumerate`; its slow twin in ``tests/oracles.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import FloatNetwork, floats
from exactcpa.adapters.sampling import count_body
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Box, Domain, Slice
from exactcpa.errors import BadArgument
from exactcpa.network import Network


@dataclass(frozen=True, eq=False)
class Clipped:
    """What clipping found.

    Attributes:
        polygons: Arrays of shape (k, 2).
        patterns: Shape (n, units): the pieces of all units on each.
    """

    polygons: tuple[np.ndarray, ...]
    patterns: np.ndarray


@dataclass(frozen=True, eq=False)
class _Part:
    """A polygon on which everything so far is affine: ``t -> matrix t + shift``."""

    polygon: np.ndarray
    matrix: np.ndarray
    shift: np.ndarray
    pattern: tuple[int, ...] = ()


def clip(net: Network, domain: Domain, *, tolerance: float = 1e-9, dtype: type = np.float64) -> Clipped:
    """Divide a two-dimensional box, or slice of one, unit by unit, in floats.

    Args:
        net: A chain of linear layers, batchnorms and ReLU.
        domain: A box in the plane, or a slice within one.
        tolerance: A vertex where a pre-activation is at most so large counts as being on the unit's line.
        dtype: Float type of everything.

    Raises:
        BadArgument: Another domain, another network.
    """
    parts = [_start(domain, dtype)]
    with np.errstate(all="ignore"):
        *hidden, _ = FloatNetwork.of(net, dtype).layers
        for weight, bias in hidden:
            parts = [_Part(p.polygon, weight @ p.matrix, weight @ p.shift + bias, p.pattern) for p in parts]
            for unit in range(len(bias)):
                parts = [half for part in parts for half in _split(part, unit, tolerance)]
            parts = [_after_relu(part, len(bias)) for part in parts]
    patterns = np.array([part.pattern for part in parts], np.int64).reshape(len(parts), net.units)
    return Clipped(tuple([part.polygon for part in parts]), patterns)


def _start(domain: Domain, dtype: type) -> _Part:
    plane = domain.within if isinstance(domain, Slice) else domain
    if not isinstance(plane, Box) or plane.dimension != 2:
        raise BadArgument("clipping is for boxes in the plane and slices of dimension 2 within one")
    (left, bottom), (right, top) = floats(plane.lower, dtype), floats(plane.upper, dtype)
    corners = np.array([[left, bottom], [right, bottom], [right, top], [left, top]], dtype)
    if isinstance(domain, Slice):
        return _Part(corners, floats(domain.basis, dtype), floats(domain.origin, dtype))
    return _Part(corners, np.eye(2, dtype=dtype), np.zeros(2, dtype))


def _split(part: _Part, unit: int, tolerance: float) -> list[_Part]:
    """The two sides of a unit's line, or the part itself; the unit's piece is added to the pattern."""
    values = part.polygon @ part.matrix[unit] + part.shift[unit]
    is_above, is_below = values > tolerance, values < -tolerance
    if not (is_above.any() and is_below.any()):
        return [_with_piece(part, part.polygon, int(not is_below.any()))]
    sides = ((values, is_above, is_below, 1), (-values, is_below, is_above, 0))
    return [_with_piece(part, _side(part.polygon, v, keep, drop), piece) for v, keep, drop, piece in sides]


def _with_piece(part: _Part, polygon: np.ndarray, piece: int) -> _Part:
    return _Part(polygon, part.matrix, part.shift, (*part.pattern, piece))


def _side(polygon: np.ndarray, values: np.ndarray, keep: np.ndarray, drop: np.ndarray) -> np.ndarray:
    """The side where values are positive; vertices that are neither kept nor dropped are on the line."""
    found = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if not drop[i]:
            found.append(polygon[i])
        if (keep[i] and drop[j]) or (drop[i] and keep[j]):
            share = values[i] / (values[i] - values[j])
            found.append(polygon[i] + share * (polygon[j] - polygon[i]))
    return np.array(found)


def _after_relu(part: _Part, units: int) -> _Part:
    on = np.array(part.pattern[-units:], part.matrix.dtype)
    return _Part(part.polygon, part.matrix * on[:, None], part.shift * on, part.pattern)


def claims_from_polygons(
    net: Network,
    domain: Domain,
    polygons: Iterable[Sequence[Any]],
    *,
    patterns: np.ndarray | None = None,
    complete: bool = True,
    tolerance: Fraction | None = None,
    tool: str = "polygons",
) -> ClaimsFile:
    """Claim that polygons are cells.

    Args:
        net: What they are of.
        domain: Where.
        polygons: Vertices of each, in order, in the domain's own coordinates.
        patterns: The pieces of all units on each, if the tool gives them.
        complete: Whether these are said to be all.
        tolerance: How far off vertices may be, by the tool's own word.
        tool: Its name.
    """
    listed = [[list(map(float, vertex)) for vertex in polygon] for polygon in polygons]
    claims = [
        Claim("regions", "regions", {"polygons": listed, "complete": complete}, tolerance),
        Claim("cells", "count", count_body("cells", len(listed), is_all=complete)),
    ]
    if patterns is not None:
        body = {"patterns": patterns, "encoding": "pieces", "complete": complete}
        claims.append(Claim("patterns", "patterns", body))
    return ClaimsFile(tuple(claims), net, domain, tool)
