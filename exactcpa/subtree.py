"""A node taken off the stack of one walk, to be walked by another: what processes hand to each other.

A node with no dictionary yet depends on its own rows, points and lists alone.  So its subtree, walked elsewhere, gives
the very records and cells that it would have given here.

Main definitions:
    Subtree: The node, by itself.
    take_off: The top of the stack, removed.
    plant: A stack with that node alone.

Not here: the walk (`walk`), who walks what (`parallel`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exactcpa.exact_points import Point
from exactcpa.kernels import state
from exactcpa.kernels.state import Lp, Tree, grow
from exactcpa.settle import Settler
from exactcpa.vertex_side import NodeCorners, VertexSide


@dataclass(frozen=True, slots=True)
class Subtree:
    """A node and all that its subtree depends on.

    Attributes:
        frame: Its row of `Tree.frames`.
        bits, sums: Its rows of the arrays of these names.
        lines: Shape ``(layers, n, d + 5)``: the lines on its cell.
        expansions, expanded: The same more accurately, of the layers that have them.
        undecided, active: Its segments of the lists.
        rows, origins, flips: All rows on its path.
        spans: Those of the layers before.
        points, signs: Of the points it holds, in their order.
        outer, beyond: Points beyond one row alone, and for each active row which of them are known; -1: no more.
        exact: Place -> exact point, of those that are no doubles.
        share: Its share of the domain's tree.
        corners: Its vertices, in a walk by vertices.
    """

    frame: np.ndarray
    bits: np.ndarray
    sums: np.ndarray
    lines: np.ndarray
    expansions: np.ndarray
    expanded: np.ndarray
    undecided: np.ndarray
    active: np.ndarray
    rows: np.ndarray
    origins: np.ndarray
    flips: np.ndarray
    spans: np.ndarray
    points: np.ndarray
    signs: np.ndarray
    outer: np.ndarray
    beyond: np.ndarray
    exact: dict[int, Point]
    share: float
    corners: NodeCorners | None = None


def take_off(tree: Tree, settler: Settler, side: VertexSide | None = None) -> Subtree:
    """Remove the top of the stack and return it."""
    f = int(tree.counters[state.TOP])
    frame = tree.frames[f]
    slots = tree.lists[state.HELD, frame[state.P0] : frame[state.P1]]
    numbers = tree.point_ids[slots].tolist()
    outer, beyond = _outer_points(tree, frame)
    node = Subtree(
        frame=frame.copy(),
        bits=tree.bits[f].copy(),
        sums=tree.sums[f].copy(),
        lines=tree.lines[: frame[state.LAYER] + 1].copy(),
        expansions=tree.expansions[:, : frame[state.LAYER] + 1][
            tree.expanded[:, : frame[state.LAYER] + 1] > 0
        ],
        expanded=tree.expanded[:, : frame[state.LAYER] + 1].copy(),
        undecided=tree.lists[state.UNDECIDED, frame[state.U0] : frame[state.U1]].copy(),
        active=tree.lists[state.ACTIVE, frame[state.A0] : frame[state.A1]].copy(),
        rows=tree.rows[: frame[state.ROWS]].copy(),
        origins=tree.origins[: frame[state.ROWS]].copy(),
        flips=tree.flips[: frame[state.ROWS]].copy(),
        spans=tree.spans.copy(),
        points=tree.points[slots],
        signs=tree.signs[slots],
        outer=outer,
        beyond=beyond,
        exact={i: settler.points[number] for i, number in enumerate(numbers) if number >= 0},
        share=float(tree.shares[1 + f]),
        corners=side.take_off(f) if side is not None else None,
    )
    tree.counters[state.TOP], tree.counters[state.READY] = f - 1, -1
    return node


def _outer_points(tree: Tree, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points known beyond the active rows, each once, and by row which of them; a list ends with its first -1."""
    slots = tree.lists[state.OUTER :, frame[state.A0] : frame[state.A1]]
    is_known = np.logical_and.accumulate(slots >= 0, axis=0) & bool(tree.counters[state.FACETS])
    used, places = np.unique(slots[is_known], return_inverse=True)
    beyond = np.full(slots.shape, -1, np.int32)
    beyond[is_known] = places.ravel()
    return tree.points[used], beyond


def plant(tree: Tree, lp: Lp, settler: Settler, node: Subtree) -> tuple[Tree, Lp]:
    """Make a node the whole stack."""
    held, undecided, active = len(node.points), len(node.undecided), len(node.active)
    slots = held + len(node.outer)
    while (
        tree.rows.shape[0] < len(node.rows) + 8
        or tree.points.shape[0] < slots + 8
        or tree.lists.shape[1] < 2 * max(held, undecided, active) + 64
    ):
        tree, lp = grow(tree, lp)
    frame = tree.frames[0]
    frame[:] = node.frame
    for first, last, count in (
        (state.U0, state.U1, undecided),
        (state.P0, state.P1, held),
        (state.A0, state.A1, active),
    ):
        frame[first], frame[last] = 0, count
    frame[state.POSITION], frame[state.SLOTS] = 0, slots
    tree.lists[state.UNDECIDED, :undecided] = node.undecided
    tree.lists[state.HELD, :held] = np.arange(held)
    tree.lists[state.ACTIVE, :active] = node.active
    tree.lists[state.OUTER :, :active] = np.where(node.beyond >= 0, held + node.beyond, -1)
    tree.bits[0], tree.sums[0], tree.lines[: len(node.lines)] = node.bits, node.sums, node.lines
    layers = node.expanded.shape[1]
    tree.expanded[:, :layers] = node.expanded
    tree.expansions[:, :layers][node.expanded > 0] = node.expansions
    tree.rows[: len(node.rows)], tree.flips[: len(node.rows)] = node.rows, node.flips
    tree.origins[: len(node.rows)], tree.spans[:] = node.origins, node.spans
    tree.points[:held], tree.signs[:held], tree.point_ids[:held] = node.points, node.signs, -1
    tree.points[held:slots], tree.point_ids[held:slots] = node.outer, -1
    for place, point in node.exact.items():
        settler.store(tree, place, point)
    tree.shares[1] = node.share
    tree.counters[state.TOP], tree.counters[state.READY] = 0, -1
    return tree, lp
