"""Parts of the split tree, walked for a forecast: how much is in a subtree, and what it looks like from above.

Main definitions:
    Explorer: Walks subtrees of one tree; sums what it finds in them.
    Node: A subtree that is not walked yet, and where it lies.
    features: What is known of a node before it is walked.

Conventions:
    What is found is a vector: cells, facets seen from both sides, seconds, codes and reals of the proof, bytes of its
    big integers.
    Below the node that a walk starts from, shares are negative: -1 for the node, -1/2 for its children.  So
    nodes at a certain depth below it, and deeper ones, have at least a given share, and are handed over.

Not here: which subtrees are walked (`estimate`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, log
from time import perf_counter

import numpy as np

from exactcpa.domain import Domain
from exactcpa.float_form import float_domain, float_form
from exactcpa.kernels import state
from exactcpa.subtree import Subtree
from exactcpa.switch_form import SwitchForm
from exactcpa.walk import Chunk, walk

CELLS, FACETS, SECONDS, CODES, REALS, BIGS = range(6)
QUANTITIES = 6

DEPTH = 3
"""How far below a node its descendants are handed over when the frontier moves down."""

NARROWEST = 1e-9


@dataclass(frozen=True, slots=True)
class Node:
    """A subtree that is not walked yet.

    Attributes:
        subtree: It.
        place: Where it stands in the order of the tree, 0 to 1.
        share: Its share of the tree: a half for each split above it.
    """

    subtree: Subtree
    place: float
    share: float

    @property
    def level(self) -> tuple[int, int]:
        """Smaller for what is, as a rule, larger: the layer, and minus the number of undecided switches."""
        return int(self.subtree.frame[state.LAYER]), -len(self.subtree.undecided)


class Explorer:
    """Walks subtrees of the split tree of a network over a domain."""

    def __init__(self, form: SwitchForm, domain: Domain, method: str, *, facets: bool) -> None:
        self.form, self._domain, self._method, self._facets = form, domain, method, facets
        self._floats = float_domain(domain)
        self._scaled = float_form(form, self._floats)
        self._overhead = 0.0
        self.lines = self._scaled.arrays.constant.shape[1]

    def root(self) -> tuple[np.ndarray, list[Node]]:
        """The whole tree; no node if it is a single cell."""
        found, open_ = self._sum(self._walk(None, steps=inf, handed_over=0.5))
        nodes = [Node(subtree, 0.0, 1.0) for subtree in open_]
        if nodes:  # what every walk costs before its first step
            times = [self._sum(self._walk(open_[0], steps=inf, handed_over=-1.0))[0] for _ in range(3)]
            self._overhead = min(float(time[SECONDS]) for time in times)
        return found, nodes

    def divide(self, node: Node) -> tuple[np.ndarray, list[Node]]:
        """What is found at the top of a subtree, and what is below."""
        found, open_ = self._sum(self._walk(node.subtree, steps=inf, handed_over=-(2.0**-DEPTH)))
        place, nodes = node.place, []
        for subtree in open_:
            width = node.share * abs(subtree.share)
            nodes.append(Node(subtree, place, width))
            place += width
        return found, nodes

    def explore(self, node: Node, steps: int) -> tuple[np.ndarray, list[Node]]:
        """What is found in a subtree in so many steps, and what is left of it."""
        found, open_ = self._sum(self._walk(node.subtree, steps=steps, handed_over=inf))
        return found, [Node(subtree, node.place, node.share * abs(subtree.share)) for subtree in open_]

    def walk_all(self, node: Node, *, steps: float, seconds: float) -> tuple[np.ndarray, bool]:
        """Walk a subtree until it is done or too long; what is found, and whether it is all."""
        found, end = np.zeros(QUANTITIES), perf_counter() + seconds
        for item in self._walk(node.subtree, steps=steps, handed_over=inf):
            if isinstance(item, Subtree) or perf_counter() > end:
                return found, False
            found += _vector(item)
        return found, True

    def _walk(
        self, subtree: Subtree | None, *, steps: float, handed_over: float
    ) -> Iterator[Chunk | Subtree]:
        return walk(
            self.form,
            self._domain,
            self._floats,
            self._scaled,
            facets=self._facets,
            proof=self.lines < 1 << 15,
            method=self._method,
            subtree=subtree and replace(subtree, share=-1.0),
            steps=steps,
            handed_over=handed_over,
        )

    def _sum(self, items: Iterator[Chunk | Subtree]) -> tuple[np.ndarray, list[Subtree]]:
        found, open_, start = np.zeros(QUANTITIES), [], perf_counter()
        for item in items:
            if isinstance(item, Subtree):
                open_.append(item)
            else:
                found += _vector(item)
        found[SECONDS] = max(0.0, perf_counter() - start - self._overhead)
        return found, open_


def _vector(chunk: Chunk) -> np.ndarray:
    """What is in a chunk; its time is told by whoever has a clock."""
    bigs = sum(len(text) + 1 for text in chunk.bigs)
    return np.array(
        [len(chunk.bits), chunk.facets.sum(), 0.0, len(chunk.codes), len(chunk.reals), bigs], dtype=float
    )


def features(node: Node, layers: int) -> list[float]:
    """What is known of a node: logarithms of what its size may be a product of, and its layer."""
    subtree = node.subtree
    layer, signs = int(subtree.frame[state.LAYER]), subtree.signs[:, subtree.undecided]
    crossing = int(((signs < 0).any(axis=0) & (signs > 0).any(axis=0)).sum()) if len(signs) else 0
    widths = np.maximum(np.ptp(subtree.points, axis=0), NARROWEST) if len(subtree.points) else NARROWEST
    return [
        1.0,
        log(1 + len(subtree.undecided)),
        log(1 + crossing),
        log(1 + len(subtree.points)),
        float(np.mean(np.log(widths))),
        log(node.share),
        *(float(layer == number) for number in range(1, layers)),
    ]
