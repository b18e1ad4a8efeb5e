"""The vertices of the nodes on the stack: which arrays hold them, and the names of their columns.

A node's polytope is known by its facets and its vertices.  A facet has a *place*, one bit of a mask; a vertex has
the mask of the facets that contain it, its position in doubles with a bound on the error, and the signs that the
undecided switches of the present layer are proved to have there.  Masks are exact: facets and incidences are
decided by proved signs alone.

Main definitions: `Corners`, `new_corners`, `grow_corners`, `widen`.

Conventions: vertices of a node are a segment of `which` and `masks`; behind them stand those that its splitting adds,
then those of its child.  Positions and signs live in slots of their own, which children share with their parents, so a
slot changes only in the step that takes it: what a node is does not depend on who was walked before it.

References: Motzkin, Raiffa, Thompson and Thrall, The double description method (1953).

Not here: how vertices come about (`vertices`), the rest of a node (`state`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exactcpa.kernels.state import RADIUS

# nodes: first vertex, end of the vertices, end of those added; free slots; place of the splitting row; next row to
# clip by
V0, V1, V2, SPOTS, SIGNS, PLACE, NEXT, NODE = range(8)

# signs
PLUS, MINUS, OPEN = range(3)

# phases besides those of `state`
CLIPPING, LOSING = 20, 21

# questions besides those of `state`
ASK_SIGNS, ASK_CLIP, ASK_POINT, WIDEN = range(20, 24)


class Corners(NamedTuple):
    """Vertices of ``F`` frames; ``N`` vertices in all, ``W`` words of a mask, ``K`` words of switches."""

    nodes: np.ndarray  # (F, NODE) int64
    rows_of: np.ndarray  # (F, 64 W) int32: the row at each place
    used: np.ndarray  # (F, W) uint64: places of facets
    undecided: np.ndarray  # (F, K) uint64: switches
    settled: np.ndarray  # (2, K) uint64: switches of a layer that a box decides, and which of them are upper
    boxes: np.ndarray  # (F, 2, d): a box around the node, as proved so far: lower ends, upper ends
    which: np.ndarray  # (N, 2) int32: slots of position and signs
    masks: np.ndarray  # (N, W) uint64: places of the facets that contain the vertex
    marks: np.ndarray  # (N,) int8: sign of the row a node is being split or clipped by; 2 if open
    spots: np.ndarray  # (S, d + 1): positions, and the largest error of a coordinate
    signs: np.ndarray  # (S, 3, K) uint64: switches proved positive, negative, and left open
    values: np.ndarray  # (N, 2): value of the splitting row at each vertex, and its error
    ids: np.ndarray  # (3, max(N, 64 W, n)) int32: room for lists
    work: np.ndarray  # (64 W + 64, 2 d + 2): room for small systems
    axes: np.ndarray  # (d, d + 5): the coordinates, as lines
    walls: np.ndarray  # (64 W + 64, d + 3): room for rows, their values and what those may err by
    totals: np.ndarray  # (d + 3, n): room for sums of lines, one contiguous row a coefficient, error and size


def new_corners(frames: int, n: int, lines: int, rows: int, box: np.ndarray) -> Corners:
    """Empty arrays for layers of at most ``n`` switches and so many lines on a box, and so many frames and rows."""
    k, count, d = max(1, -(-n // 64)), 2048, box.shape[1]
    axes = np.zeros((d, d + 5))
    axes[:, 1 : 1 + d], axes[:, d + 2], axes[:, d + 3] = np.eye(d), box[RADIUS], 1.0
    return Corners(
        nodes=np.zeros((frames, NODE), np.int64),
        rows_of=np.zeros((frames, 64), np.int32),
        used=np.zeros((frames, 1), np.uint64),
        undecided=np.zeros((frames, k), np.uint64),
        settled=np.zeros((2, k), np.uint64),
        boxes=np.zeros((frames, 2, d)),
        which=np.zeros((count, 2), np.int32),
        masks=np.zeros((count, 1), np.uint64),
        marks=np.zeros(count, np.int8),
        spots=np.zeros((count, d + 1)),
        signs=np.zeros((count, 3, k), np.uint64),
        values=np.zeros((count, 2)),
        ids=np.zeros((3, max(count, rows, n)), np.int32),
        work=np.zeros((128 + rows, 2 * d + 2)),
        axes=axes,
        walls=np.zeros((128 + rows, d + 3)),
        totals=np.zeros((d + 3, lines)),
    )


def grow_corners(corners: Corners, frames: int, rows: int) -> Corners:
    """The same with room for so many frames and rows, and twice as many vertices."""
    more = frames - corners.nodes.shape[0]
    longer = {
        name: np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])
        for name in ("nodes", "rows_of", "used", "undecided", "boxes")
        for array in (getattr(corners, name),)
    }
    doubled = {
        name: np.concatenate([array, np.zeros_like(array)])
        for name in ("which", "masks", "marks", "spots", "signs", "values", "work", "walls")
        for array in (getattr(corners, name),)
    }
    ids = np.zeros((3, max(2 * corners.ids.shape[1], rows)), np.int32)
    return corners._replace(**longer, **doubled, ids=ids)


def widen(corners: Corners) -> Corners:
    """The same with twice as many places for facets."""
    return corners._replace(
        **{
            name: np.concatenate([array, np.zeros_like(array)], axis=1)
            for name in ("rows_of", "used", "masks")
            for array in (getattr(corners, name),)
        },
        ids=np.concatenate([corners.ids, corners.ids], axis=1),
        walls=np.concatenate([corners.walls, corners.walls]),
        work=np.concatenate([corners.work, corners.work]),
    )
