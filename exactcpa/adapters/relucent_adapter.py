"""Complexes of relucent as claims: its cells, their number, and which of them it says are adjacent.

relucent walks from cell to cell across facets with float linear programs, with error bounds where it can.  It knows
cubes around 0; any other box is made one by changing the first layer, in floats.

Main definitions:
    explore: Run relucent on a network and a box.
    Exploration: The complex it found, whether it says that this is all, and what stopped it.
    claims_from_complex: A complex as claims.
    claims_from_relucent: Both.

Conventions:
    A unit's sign is relucent's; 0 claims that the unit is identically at its breakpoint.
    relucent's dual graph is about the complex in all of space: two cells that meet the box may share a facet outside
    it only.  Claims are about the box, so the dual graph is claimed only if asked for.  It joins cells whose patterns
    differ in one unit; such cells need not touch (`design_example` in ``tests/degenerate.py``), which judges find.

References:
    Gaines and Bi, Characterizing the discrete geometry of ReLU networks, ICLR 2026; relucent 1.0.0 on PyPI.

Not here:
    How fast it is: ``scripts/bench_enumerate.py``.
"""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import FloatNetwork, float_box
from exactcpa.adapters.sampling import count_body
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Box
from exactcpa.errors import BadArgument
from exactcpa.network import Network


@dataclass(frozen=True, eq=False)
class Exploration:
    """What relucent found.

    Attributes:
        complex: A ``relucent.Complex``.
        is_complete: Whether relucent says that its search is complete.
        note: What stopped it, or how many neighbours failed; empty if nothing did.
    """

    complex: Any
    is_complete: bool
    note: str = ""


class OutOfTime(Exception):
    """The search took longer than allowed."""


def explore(net: Network, domain: Box, *, seconds: float = 60, seed: int = 0, **options: Any) -> Exploration:
    """Search breadth first for the cells that meet a box.

    Args:
        net: A chain of linear layers, batchnorms and ReLU.
        domain: A box.
        seconds: When to stop; the cells found by then are kept.
        seed: Of the point where the search starts.
        options: For ``relucent.Complex.bfs``, beyond the cube, one worker, no certification at the end, and quiet.

    Raises:
        BadArgument: A domain that is no box; a network that is no chain.
    """
    import relucent
    from relucent.model.model import LinearLayer, ReLULayer, ReLUNetwork

    moved, radius = _in_a_cube(FloatNetwork.of(net), domain)
    layers: list[Any] = []
    for weight, bias in moved.layers:
        layers += [LinearLayer(weight, bias.reshape(1, -1)), ReLULayer()]
    found = relucent.Complex(ReLUNetwork(layers[:-1]))
    cube = {"cube_radius": radius, "cube_mode": "intersect"}
    chosen = {**cube, "nworkers": 1, "verify": False, "verbose": 0, **options}
    start = radius * np.random.default_rng(seed).uniform(-0.1, 0.1, net.input)
    try:
        with _time_limit(seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            result = found.bfs(start, **chosen)
    except OutOfTime:
        return Exploration(found, is_complete=False, note=f"stopped after {seconds:g} s")
    except Exception as error:  # whatever stops it is its answer
        reason = " ".join(str(error).split())[:100]
        return Exploration(found, is_complete=False, note=f"stopped: {type(error).__name__}: {reason}")
    failed = len(result.bad_shi_computations)
    return Exploration(found, bool(result.complete), f"{failed} neighbours failed" if failed else "")


def claims_from_complex(
    net: Network, domain: Box, found: Any, *, is_complete: bool, adjacent: bool = False
) -> ClaimsFile:
    """Claim the cells of a ``relucent.Complex``, and, if it is complete, that there are no others.

    Args:
        net: What the complex is of.
        domain: Where it was searched.
        found: The complex, or anything that lists polyhedra with ``ss_np`` and ``codim``.
        is_complete: Whether the search says it is complete.
        adjacent: Whether to claim its dual graph, too; see the module's conventions.
    """
    cells = [poly for poly in found if not poly.codim]
    units = net.units
    signs = np.array([np.asarray(poly.ss_np).reshape(-1) for poly in cells], np.int64).reshape(-1, units)
    body = {"patterns": np.sign(signs), "encoding": "signs", "complete": is_complete}
    claims = [
        Claim("patterns", "patterns", body),
        Claim("cells", "count", count_body("cells", len(cells), is_all=is_complete)),
    ]
    if adjacent:
        place = {poly.tag: number for number, poly in enumerate(cells)}
        edges = found.dual_graph(repair=False).edges()
        pairs = [[place[p.tag], place[q.tag]] for p, q in edges if p.tag in place and q.tag in place]
        graph = {"patterns": np.sign(signs), "encoding": "signs", "pairs": pairs, "complete": is_complete}
        claims.append(Claim("dual graph", "adjacent", graph))
    return ClaimsFile(tuple(claims), net, domain, "relucent")


def claims_from_relucent(
    net: Network, domain: Box, *, seconds: float = 60, adjacent: bool = False
) -> tuple[ClaimsFile, str]:
    """Explore and claim; with what stopped the search, if anything did."""
    found = explore(net, domain, seconds=seconds)
    claims = claims_from_complex(net, domain, found.complex, is_complete=found.is_complete, adjacent=adjacent)
    return claims, found.note


def _in_a_cube(net: FloatNetwork, domain: Any) -> tuple[FloatNetwork, float]:
    """A network and a radius r such that the box becomes [-r, r]^d: as it is, or of u where x = centre + radius u."""
    if not isinstance(domain, Box):
        raise BadArgument(f"relucent searches boxes, got a {type(domain).__name__.lower()}")
    low, high = float_box(domain)
    if (low == -high).all() and len(set(high)) == 1:
        return net, float(high[0])
    centre, radius = (low + high) / 2, (high - low) / 2
    (weight, bias), *others = net.layers
    return FloatNetwork(((weight * radius, bias + weight @ centre), *others)), 1.0


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block after some seconds; only in the main thread of systems with timers."""

    def stop(*_: object) -> None:
        raise OutOfTime

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
