"""The hull-based measure of local complexity: how many units cut a small cross-polytope round a point, as claims.

The vertices of a cross-polytope are sent through the network; a unit is counted if the signs of its pre-activation
differ among them.  In the first layer that is exact (in exact arithmetic); behind it, a unit may cut the hull without
telling its vertices apart.

Main definitions:
    hull_vertices: A random orthogonal frame round a point.
    units_cutting: Which units the measure counts.
    claims_from_hulls: The counts, as claims about the hulls of the vertices.

References:
    Humayun, Balestriero and Baraniuk, Deep networks always grok and here is why (2024), section 3.

Not here:
    Exact counts: their judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import FloatNetwork, input_points
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Domain
from exactcpa.network import Network


def hull_vertices(
    point: Sequence[float], radius: float, *, frames: int | None = None, seed: int = 0
) -> np.ndarray:
    """The vertices ``point +- radius q``, for orthonormal q drawn at random: shape (2 frames, d).

    Args:
        point: The centre.
        radius: Distance of the vertices.
        frames: How many q, by default as many as there are dimensions.
        seed: Of the draw.
    """
    centre = np.asarray(point, float)
    source = np.random.default_rng(seed)
    frame = np.linalg.qr(source.normal(size=(len(centre), len(centre))))[0][: frames or len(centre)]
    return np.concatenate([centre + radius * frame, centre - radius * frame])


def units_cutting(net: FloatNetwork, vertices: np.ndarray) -> list[np.ndarray]:
    """For every ReLU layer, which units have pre-activations of both signs among the vertices."""
    return [(z > 0).any(axis=0) & (z < 0).any(axis=0) for z in net.pre_activations(vertices)[:-1]]


def claims_from_hulls(
    net: Network,
    domain: Domain,
    points: Sequence[Sequence[float]],
    radius: float,
    *,
    frames: int | None = None,
    seed: int = 0,
    dtype: type = np.float64,
) -> ClaimsFile:
    """Claim that as many units cut the hull round each point as the measure counts.

    Args:
        net: Of what.
        domain: Where; it should hold the hulls.
        points: The centres, in the domain's own coordinates.
        radius: Of the hulls.
        frames: See `hull_vertices`.
        seed: Of the first; the next one has the next seed.
        dtype: Float type of the forward passes.
    """
    rounded = FloatNetwork.of(net, dtype)
    claims = []
    for number, point in enumerate(points):
        vertices = hull_vertices(point, radius, frames=frames, seed=seed + number)
        cutting = units_cutting(rounded, input_points(domain, vertices))
        claims.append(
            Claim(f"hull {number}", "local_count", local_body(vertices, int(sum(map(np.sum, cutting)))))
        )
    return ClaimsFile(tuple(claims), net, domain, "hull-based local complexity")


def local_body(vertices: np.ndarray, count: int) -> dict[str, Any]:
    """The body of a claim ``local_count``: so many units cut the hull."""
    return {"of": "units", "hull": vertices.tolist(), "value": count}
