"""The split tree of exactcpa with `scipy.optimize.linprog` (HiGHS) for every question, in doubles, unproved.

    python linprog_tree.py NETWORK.json SECONDS        needs numpy and scipy, not exactcpa

The same tree as the engine's: layer by layer, depth first; a unit found not to cut a node is dropped for
the whole subtree (conflict lists); the next split is by the unit that divides the node's known points
most evenly; every point a linear program finds is kept, and a side that a known point lies on is never
asked for.  What is left, "does this unit take this sign somewhere on this node", goes to `linprog`, and
the answer is believed up to `TOLERANCE`.

So it shows what is gained below the algorithm: by kernels, warm starts and filters.  It finds no facets.

Main definitions: `Node`, `cells_of`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from protocol import WARM_UP, Layers, OutOfTime, read_layers, report, time_limit
from scipy.optimize import linprog

TOLERANCE = 1e-9
"""A unit whose value rises less than this above zero, its row having length 1, is taken not to."""


@dataclass(frozen=True)
class Node:
    """A polyhedron ``rows @ (x, 1) >= 0`` within the box, on which some units of one layer are decided.

    Attributes:
        layer: The layer whose units are being decided.
        rows: Shape ``(k, d + 1)``, the units that split on the path.
        points: Shape ``(p, d + 1)``, points known to be inside, each with a 1 at the end; at least one.
        lines: Shape ``(m, d + 1)``, the layer's pre-activations on this node.
        signs: Shape ``(m,)``, 1 or -1 where decided, 0 where not.
    """

    layer: int
    rows: np.ndarray
    points: np.ndarray
    lines: np.ndarray
    signs: np.ndarray


def point_beyond(node: Node, line: np.ndarray) -> np.ndarray | None:
    """A point inside the node where the line is positive, or None if there is none; one linear program."""
    length = np.linalg.norm(line[:-1])
    if length == 0:
        return None  # constant: its value at any known point says everything
    unit = line / length
    normals, offsets = -node.rows[:, :-1], node.rows[:, -1]
    found = linprog(-unit[:-1], A_ub=normals, b_ub=offsets, bounds=(-1, 1), method="highs")
    if found.status != 0 or -found.fun + unit[-1] <= TOLERANCE:
        return None
    vertex, inside = np.append(found.x, 1.0), node.points[0]
    at_vertex, at_inside = unit @ vertex, unit @ inside
    share = 0.5 * at_vertex / (at_vertex - at_inside)  # halfway to the line: still above
    return vertex + share * (inside - vertex)


def sweep(node: Node) -> Node:
    """Ask for every side of an undecided unit without a known point; decide the units that do not cut."""
    signs = node.signs.copy()
    for i in np.flatnonzero(signs == 0):
        for side in (1.0, -1.0):
            values = side * (node.points @ node.lines[i])
            if (values > 0).any():
                continue
            point = point_beyond(node, side * node.lines[i])
            if point is None:
                signs[i] = -side
                break
            node = replace(node, points=np.vstack([node.points, point]))
    return replace(node, signs=signs)


def split(node: Node) -> Iterator[Node]:
    """Both sides of the unit that divides the known points most evenly."""
    pending = np.flatnonzero(node.signs == 0)
    above = (node.points @ node.lines[pending].T > 0).sum(axis=0)
    chosen = pending[np.abs(2 * above - len(node.points)).argmin()]
    for side in (1, -1):
        row = side * node.lines[chosen]
        signs = node.signs.copy()
        signs[chosen] = side
        points = node.points[node.points @ row > 0]
        yield replace(node, rows=np.vstack([node.rows, row]), points=points, signs=signs)


def next_layer(node: Node, weight: np.ndarray, bias: np.ndarray) -> Node:
    """The same polyhedron with the units of the next layer to decide."""
    lines = weight @ np.where(node.signs[:, None] > 0, node.lines, 0.0)
    lines[:, -1] += bias
    return replace(node, layer=node.layer + 1, lines=lines, signs=np.zeros(len(lines), np.int64))


def cells_of(layers: Layers) -> Iterator[np.ndarray]:
    """One known point of every cell over [-1, 1]^d, as it is found."""
    hidden = [(np.array(weight, float), np.array(bias, float)) for weight, bias in layers[:-1]]
    weight, bias = hidden[0]
    d = weight.shape[1]
    lines = np.hstack([weight, bias[:, None]])
    inside = np.append(np.random.default_rng(0).uniform(-0.1, 0.1, d), 1.0)
    stack = [Node(0, np.zeros((0, d + 1)), inside[None, :], lines, np.zeros(len(lines), np.int64))]
    while stack:
        node = sweep(stack.pop())
        if (node.signs == 0).any():
            stack.extend(split(node))
        elif node.layer + 1 < len(hidden):
            stack.append(next_layer(node, *hidden[node.layer + 1]))
        else:
            yield node.points[0, :-1]


def main() -> None:
    """Warm up, enumerate, report."""
    layers, seconds = read_layers(sys.argv[1]), float(sys.argv[2])
    sum(1 for _ in cells_of(WARM_UP))
    cells, complete = 0, False
    clock = time.perf_counter()
    try:
        with time_limit(seconds):
            for _ in cells_of(layers):
                cells += 1
            complete = True
    except OutOfTime:
        pass
    report(cells, time.perf_counter() - clock, complete=complete)


if __name__ == "__main__":
    main()
