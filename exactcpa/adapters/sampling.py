"""Activation patterns from samples: the quickest estimate of the number of cells, as claims.

A sampler sees the cells that it hits.  It claims these patterns, and, if asked, that there are no more.

Main definitions:
    random_points, grid_points: Where to look.
    patterns_seen: The different patterns at points, and a point of each.
    module_patterns: The patterns of a torch module, read at its ReLU layers.
    claims_from_sampling: All of it as claims.

Conventions:
    Whatever maps an array of points, shape (n, inputs), to an array of pieces, shape (n, units), can be sampled.
    A unit whose pre-activation is >= 0 is on piece 1, as everywhere in this package.

References:
    Novak et al., Sensitivity and generalization in neural networks (2018), section 3.2 (transitions on paths).

Not here:
    Who judges: `crosscheck`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import FloatNetwork, float_box, floats, input_points
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.errors import BadArgument, shown
from exactcpa.network import Network
from exactcpa.torch_module import is_module

PatternsOf = Callable[[np.ndarray], np.ndarray]

MOST_DRAWS = 1000
"""A polytope is sampled by rejection from its bounding box, at most so many times the number of points wanted."""


def random_points(domain: Domain, count: int, seed: int = 0) -> np.ndarray:
    """Points drawn uniformly from a domain, in its own coordinates, shape (count, d).

    Raises:
        BadArgument: A domain that fills so little of its bounding box that points are not found in it.
    """
    source = np.random.default_rng(seed)
    low, high = float_box(domain)
    found = np.empty((0, domain.dimension))
    for _ in range(MOST_DRAWS):
        drawn = source.uniform(low, high, (count, domain.dimension))
        found = np.concatenate([found, drawn[_is_inside(domain, drawn)]])
        if len(found) >= count:
            return found[:count]
    raise BadArgument(
        f"expected to find {count} points in {shown(str(domain))} by rejection, got {len(found)}"
    )


def grid_points(domain: Domain, per_side: int) -> np.ndarray:
    """The centres of ``per_side ** d`` equal boxes of the bounding box, those inside the domain."""
    low, high = float_box(domain)
    steps = (np.arange(per_side) + 0.5) / per_side
    mesh = np.meshgrid(*[steps] * domain.dimension, indexing="ij")
    points = low + (high - low) * np.stack(mesh, -1).reshape(-1, domain.dimension)
    return points[_is_inside(domain, points)]


def _is_inside(domain: Domain, points: np.ndarray) -> np.ndarray:
    """Which points a domain holds, in floats."""
    match domain:
        case Box():
            return np.ones(len(points), bool)
        case Polytope():
            return (points @ floats(domain.A).T <= floats(domain.b)).all(axis=1)
        case Slice():
            return _is_inside(domain.within, points)


def patterns_seen(
    patterns_of: PatternsOf, domain: Domain, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The different patterns at points of a domain, shape (k, units), and the first point of each.

    Raises:
        BadArgument: What came back is not one row of zeros and ones, or of pieces, for each point.
    """
    rows = np.asarray(patterns_of(input_points(domain, points)))
    if rows.ndim != 2 or len(rows) != len(points) or rows.dtype.kind not in "biuf":
        raise BadArgument(f"expected patterns of shape ({len(points)}, units), got {rows.dtype} {rows.shape}")
    patterns, first = np.unique(rows.astype(np.int64), axis=0, return_index=True)
    return patterns, points[first]


def module_patterns(module: Any) -> PatternsOf:
    """Patterns of a torch module, by hooks on its ReLU layers: whether what arrives is >= 0."""
    import torch

    def patterns_of(points: np.ndarray) -> np.ndarray:
        seen: list[np.ndarray] = []

        def keep(_: Any, arriving: tuple[Any, ...], __: Any) -> None:
            seen.append((arriving[0] >= 0).flatten(1).cpu().numpy())

        parts = [part for part in module.modules() if isinstance(part, torch.nn.ReLU)]
        handles = [part.register_forward_hook(keep) for part in parts]
        try:
            with torch.no_grad():
                module(torch.as_tensor(points, dtype=next(module.parameters()).dtype))
        finally:
            for handle in handles:
                handle.remove()
        return np.concatenate(seen, axis=1)

    return patterns_of


def claims_from_sampling(
    net: Network,
    domain: Domain,
    points: np.ndarray,
    source: Any = None,
    *,
    complete: bool = False,
) -> ClaimsFile:
    """Sample patterns and claim them.

    Args:
        net: What the claims are about.
        domain: Where.
        points: Where to look, in the domain's own coordinates: `random_points`, `grid_points` or any.
        source: What is sampled: a torch module, a callable, or None: the network in float64.
        complete: Whether to claim that there are no other patterns, and so the number of cells.  If not, the number
            is claimed as a lower bound.
    """
    patterns_of = FloatNetwork.of(net).patterns if source is None else source
    patterns, _ = patterns_seen(module_patterns(source) if is_module(source) else patterns_of, domain, points)
    claims = (
        Claim("patterns", "patterns", {"patterns": patterns, "encoding": "pieces", "complete": complete}),
        Claim("cells", "count", count_body("cells", len(patterns), is_all=complete)),
    )
    return ClaimsFile(claims, net, domain, f"sampling {len(points)} points")


def count_body(of: str, value: int, *, is_all: bool) -> dict[str, Any]:
    """The body of a claim ``count``: so many, or at least so many."""
    return {"of": of, "value": value, "relation": "equal" if is_all else "at_least"}
