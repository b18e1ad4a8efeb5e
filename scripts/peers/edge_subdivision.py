"""The skeleton of the partition by edge subdivision, all edges at once with numpy, in doubles, unproved.

    python edge_subdivision.py NETWORK.json SECONDS        needs numpy, not exactcpa

The complex of the box is its vertices and edges; each unit in turn subdivides it.  Its pre-activation is affine on
every edge, so its values at the vertices say which edges it crosses: those get a vertex by interpolation.  A 2-face
is convex, so it is crossed at two of its edges or not at all: the two new vertices of a 2-face are joined.  Which
edges bound the same 2-face is read off sign vectors: an edge lies on d - 1 hyperplanes (of units or of the box), and
moving off one of them, to either side, is moving into a 2-face.  Sign vectors are kept as sums of random 64-bit
numbers, one for each unit and side.

At the end the cells are the distinct sign vectors around the vertices.  All that is right in general position, where
d hyperplanes meet in a vertex and no more; a value that is zero up to `TOLERANCE` is taken for positive, so that
networks in special position get the cells of some network near by, or none, and then the count is wrong.  Finds no
facets (although their vertices); nothing is given out before the last unit, so an alarm ends the whole process when
the seconds run out.

References: Berzins, Polyhedral complex extraction from ReLU networks using edge subdivision, ICML 2023: the idea;
    written anew.

Main definitions: `Skeleton`, `subdivide`, `cells_of`.
"""

from __future__ import annotations

import signal
import sys
import time
from itertools import product

import numpy as np
from protocol import WARM_UP, Layers, limit_memory, read_layers, report

TOLERANCE = 1e-13
"""Part of the largest pre-activation of a unit that is taken for zero."""

BLOCK = 1 << 22
"""Sign vectors around vertices that are compared at a time."""


class Rows:
    """An array that grows along its last axis, in place."""

    def __init__(self, start: np.ndarray) -> None:
        self._room = np.empty((*start.shape[:-1], 2 * start.shape[-1]), start.dtype)
        self._used = 0
        self.append(start)

    @property
    def now(self) -> np.ndarray:
        """A view of what is there."""
        return self._room[..., : self._used]

    def append(self, more: np.ndarray) -> None:
        """Add at the end."""
        end = self._used + more.shape[-1]
        if end > self._room.shape[-1]:
            larger = np.empty((*self._room.shape[:-1], 2 * end), self._room.dtype)
            larger[..., : self._used] = self.now
            self._room = larger
        self._room[..., self._used : end] = more
        self._used = end


class Skeleton:
    """Vertices and edges of a complex; the last axis of every array runs over them.

    Hyperplanes are counted from 0: first the 2 d of the box, then the units.

    Attributes:
        points: Shape ``(d, V)``.
        corners: Shape ``(d, V)``, the hyperplanes through a vertex.
        around: Shape ``(V,)``, sum of the marks of the sides of a vertex on all other hyperplanes.
        ends: Shape ``(2, E)``, vertices.
        axes: Shape ``(d - 1, E)``, the hyperplanes through an edge.
        along: Shape ``(E,)``, sum of the marks of the sides of an edge on all other hyperplanes.
        marks: Shape ``(hyperplanes, 2)``, random; for the sides below and above.
        odd: Of the 2-faces, those that were not crossed at two edges.
    """

    def __init__(self, d: int, units: int) -> None:
        source = np.random.default_rng(0)
        self.d, self.odd = d, 0
        self.marks = source.integers(0, 1 << 64, (2 * d + units, 2), np.uint64)
        corners = np.array(list(product((0, 1), repeat=d)))  # (2^d, d)
        self.points = Rows(2.0 * corners.T - 1)
        walls = (
            2 * np.arange(d) + corners
        )  # hyperplane 2 i: coordinate i is -1, 2 i + 1: it is 1; inside is above
        self.corners = Rows(walls.T)
        total = self.marks[: 2 * d, 1].sum()
        self.around = Rows(total - self.marks[walls, 1].sum(axis=1))
        numbers = np.arange(len(corners))
        pairs, axes, along = [], [], []
        for i in range(d):
            low = numbers[corners[:, i] == 0]
            pairs.append([low, low + (1 << (d - 1 - i))])
            on = np.delete(walls[low], i, axis=1)
            axes.append(on.T)
            along.append(total - self.marks[on, 1].sum(axis=1))
        self.ends = Rows(np.concatenate(pairs, axis=1))
        self.axes = Rows(np.concatenate(axes, axis=1))
        self.along = Rows(np.concatenate(along))


def subdivide(complex_: Skeleton, values: Rows, unit: int, hyperplane: int) -> None:
    """Subdivide by the hyperplane of a unit of the layer whose pre-activations at the vertices are ``(n, V)``."""
    value = values.now[unit]
    above = value > -TOLERANCE * np.abs(value).max()
    start, end = complex_.ends.now
    is_cut = above[start] != above[end]
    cut = np.flatnonzero(is_cut)
    mark = complex_.marks[hyperplane]
    sides = above.view(np.uint8)
    before_cut = complex_.along.now[cut]
    complex_.along.now[:] += mark[sides[start]]  # of a cut edge the half at its start stays in its place
    complex_.around.now[:] += mark[sides]
    if not len(cut):
        return
    a, b = start[cut], end[cut]
    new = len(value) + np.arange(len(cut))
    share = np.clip(value[a] / (value[a] - value[b]), 0, 1)
    on = complex_.axes.now[:, cut]
    end[cut] = new
    for rows in (complex_.points, values):
        first = rows.now[:, a]
        rows.append(first + share * (rows.now[:, b] - first))
    values.now[unit, new] = 0
    complex_.corners.append(np.vstack([on, np.full_like(a, hyperplane)]))
    complex_.around.append(before_cut)
    complex_.ends.append(np.stack([new, b]))
    complex_.axes.append(on)
    complex_.along.append(before_cut + mark[sides[b]])
    join(complex_, new, on, before_cut, hyperplane)


def join(complex_: Skeleton, new: np.ndarray, on: np.ndarray, along: np.ndarray, hyperplane: int) -> None:
    """Add the edges of a hyperplane: through every 2-face, from new vertex to new vertex.

    Args:
        complex_: The complex, already with the new vertices.
        new: Shape ``(k,)``, the new vertices, each inside a former edge.
        on: Shape ``(d - 1, k)``, the hyperplanes through these edges.
        along: Shape ``(k,)``, what `Skeleton.along` was for them.
        hyperplane: Its number.
    """
    keys, who, left = [], [], []
    for i in range(complex_.d - 1):
        others = np.delete(on, i, axis=0)
        for side in (0, 1):
            inside = np.flatnonzero(on[i] >= 2 * complex_.d) if side == 0 else np.arange(len(new))
            keys.append(along[inside] + complex_.marks[on[i, inside], side])
            who.append(new[inside])
            left.append(others[:, inside])
    face, vertex = np.concatenate(keys), np.concatenate(who)
    order = np.argsort(face)
    face, vertex = face[order], vertex[order]
    rank = np.arange(len(face))
    is_first = np.append(True, face[1:] != face[:-1])
    rank -= np.maximum.accumulate(np.where(is_first, rank, 0))  # within its 2-face
    second = np.flatnonzero(rank % 2 == 1)
    complex_.odd += np.count_nonzero(rank > 1) + len(face) - 2 * len(second)
    axes = np.concatenate(left, axis=1)[:, order[second]]
    complex_.ends.append(np.stack([vertex[second - 1], vertex[second]]))
    complex_.axes.append(np.vstack([axes, np.full((1, len(second)), hyperplane)]))
    complex_.along.append(face[second])


def cells_of(complex_: Skeleton) -> int:
    """How many sign vectors there are around the vertices."""
    d, found = complex_.d, np.zeros(0, np.uint64)
    corners, around = complex_.corners.now, complex_.around.now
    block = max(1, BLOCK >> d)
    for begin in range(0, len(around), block):
        vectors = around[None, begin : begin + block]
        is_wall = corners[:, begin : begin + block] < 2 * d
        marks = complex_.marks[corners[:, begin : begin + block]]  # (d, block, 2)
        for i in range(d):
            below = np.where(is_wall[i], marks[i, :, 1], marks[i, :, 0])  # beyond a wall there is nothing
            vectors = np.concatenate([vectors + below, vectors + marks[i, :, 1]])
        found = np.unique(np.concatenate([found, vectors.ravel()]))
    return len(found)


def skeleton(layers: Layers) -> Skeleton:
    """Over [-1, 1]^d."""
    hidden = [(np.array(weight, float), np.array(bias, float)) for weight, bias in layers[:-1]]
    d = hidden[0][0].shape[1]
    made = Skeleton(d, sum(len(bias) for _, bias in hidden))
    hyperplane, inputs = 2 * d, made.points.now
    for weight, bias in hidden:
        values = Rows(weight @ inputs + bias[:, None])
        for unit in range(len(bias)):
            subdivide(made, values, unit, hyperplane)
            hyperplane += 1
        inputs = np.maximum(values.now, 0)
    return made


def main() -> None:
    """Warm up, subdivide, count, report."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    layers = read_layers(path)
    limit_memory()
    cells_of(skeleton(WARM_UP))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    clock = time.perf_counter()
    made = skeleton(layers)
    cells = cells_of(made)
    taken = time.perf_counter() - clock
    signal.setitimer(signal.ITIMER_REAL, 0)
    report(cells, taken, complete=True, note="2-faces not crossed at two edges" if made.odd else "")


if __name__ == "__main__":
    main()
