"""The vertices of a walk seen from outside the kernels: where they start, exact answers about them, how they travel.

Main definitions: `VertexSide`.

Conventions: a vertex is the one common point of the rows of its mask, computed exactly where doubles leave a sign open.
Slots of positions and signs may be shared with the parent's other child, so answers go to new ones.

Not here: the walk (`walk`), the kernels (`kernels.vertex_tree`), other exact answers (`settle`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpz, fmpz_mat

from exactcpa.exact_points import Point, common, sign_at
from exactcpa.float_form import FloatDomain, FloatForm, above
from exactcpa.kernels import state, vert_state
from exactcpa.kernels.contest import Contests
from exactcpa.kernels.sizes import sizes_for
from exactcpa.kernels.state import Lp, Output, Tree
from exactcpa.kernels.vert_state import grow_corners, new_corners, widen
from exactcpa.kernels.vertex_tree import advance_vertices
from exactcpa.patterns import integer
from exactcpa.settle import Settler

QUESTIONS = (vert_state.ASK_SIGNS, vert_state.ASK_CLIP, vert_state.ASK_POINT, vert_state.WIDEN)
ONE = np.uint64(1)
REMEMBERED = 20_000
"""Exact vertices kept: neighbouring nodes ask about the same ones."""


@dataclass(frozen=True, slots=True)
class NodeCorners:
    """What a node's subtree depends on besides a `Subtree`.

    Attributes:
        rows_of, used, undecided: The node's rows of the arrays of these names.
        masks, spots, signs: Of its vertices, in their order.
        box: A box around it.
    """

    rows_of: np.ndarray
    used: np.ndarray
    undecided: np.ndarray
    masks: np.ndarray
    spots: np.ndarray
    signs: np.ndarray
    box: np.ndarray


class VertexSide:
    """The vertices of one walk."""

    def __init__(
        self, form: FloatForm, settler: Settler, floats: FloatDomain, frames: int, rows: int
    ) -> None:
        switches = int(form.sizes[:, 1].max())
        self._form, self._settler, self._floats = form, settler, floats
        self._d = settler.form.dimension
        self.corners = new_corners(frames, switches, form.constant.shape[1], rows, floats.box)
        self._known: dict[tuple, Point] = {}

    def advance(
        self, contests: Contests, tree: Tree, lp: Lp, out: Output, steps: int, handed_over: float
    ) -> int:
        """One compiled stretch."""
        count = self._floats.rows.shape[0]
        return advance_vertices(
            self._form,
            contests,
            tree,
            lp,
            out,
            self.corners,
            self._floats.box,
            count,
            steps,
            handed_over,
            sizes_for(self._d, self.corners.used.shape[1], self.corners.signs.shape[2]),
        )

    def grow(self, tree: Tree) -> None:
        """Room for as many frames as the tree has, and for more vertices."""
        self.corners = grow_corners(self.corners, tree.frames.shape[0], tree.rows.shape[0])

    # ------------------------------------------------------------------ where vertices start

    def plant_root(self, tree: Tree) -> None:
        """The vertices of the bounding box, to be clipped by the domain's other rows."""
        d, rows = self._d, self._floats.rows
        while self.corners.spots.shape[0] < 8 * 2**d:
            self.grow(tree)
        corners = self.corners
        node, frame = corners.nodes[0], tree.frames[0]
        node[:] = 0
        node[[vert_state.V1, vert_state.V2, vert_state.SPOTS, vert_state.SIGNS]] = 2**d
        node[vert_state.NEXT] = 2 * d
        corners.rows_of[0, : 2 * d] = np.arange(2 * d)
        corners.used[0] = 0
        corners.boxes[0] = self._floats.box[[state.LOWER, state.UPPER]]
        corners.used[0, 0] = np.uint64(2 ** (2 * d) - 1)
        ends = [
            (-rows[r, 0] / rows[r, 1 + r % d], rows[r, d + 1] / abs(rows[r, 1 + r % d])) for r in range(2 * d)
        ]
        for v in range(2**d):
            places = [j + d * (v >> j & 1) for j in range(d)]
            corners.which[v] = v
            corners.masks[v] = 0
            corners.masks[v, 0] = np.uint64(sum(1 << p for p in places))
            corners.spots[v, :d] = [ends[p][0] for p in places]
            corners.spots[v, d] = max(ends[p][1] for p in places) * (1 + 1e-9)
        corners.signs[: 2**d] = 0
        frame[state.UNIT], frame[state.PHASE] = frame[state.PHASE], vert_state.CLIPPING

    def adopt(self, tree: Tree) -> None:
        """Give the child that a group has made the vertices of its parent, to be clipped by its new rows."""
        f = int(tree.counters[state.TOP])
        parent, frame = tree.frames[f - 1], tree.frames[f]
        while 2 * (self.corners.nodes[f - 1, vert_state.V1] + 8) > self.corners.masks.shape[0]:
            self.grow(tree)
        corners = self.corners
        start, end = corners.nodes[f - 1, [vert_state.V0, vert_state.V1]]
        node = corners.nodes[f]
        node[:] = corners.nodes[f - 1]
        node[vert_state.V0], node[vert_state.V1] = end, 2 * end - start
        node[vert_state.V2], node[vert_state.NEXT] = node[vert_state.V1], parent[state.ROWS]
        for array in (corners.which, corners.masks):
            array[end : 2 * end - start] = array[start:end]
        for array in (corners.rows_of, corners.used, corners.undecided, corners.boxes):
            array[f] = array[f - 1]
        tree.lists[state.OUTER, frame[state.A0] : frame[state.A1]] = -1
        loses = bool(tree.counters[state.FACETS])
        frame[state.UNIT] = vert_state.LOSING if loses else state.TEST
        frame[state.PHASE] = vert_state.CLIPPING

    # ------------------------------------------------------------------ exact answers

    def prepare(self, tree: Tree) -> None:
        """Clear the signs that points held by the exact side may get: vertices have signs here, points have none."""
        f = int(tree.counters[state.QFRAME])
        slot = int(tree.frames[f, state.SLOTS])
        tree.signs[slot : slot + 4] = 0

    def answer(self, tree: Tree, question: int) -> None:
        """Answer a question about vertices, and leave the answer for the walk."""
        f, subject = int(tree.counters[state.QFRAME]), int(tree.counters[state.QUNIT])
        if question == vert_state.WIDEN:
            self.corners = widen(self.corners)
            return
        tree.counters[state.ANSWER] = state.NONE
        self._settler.settled += 1
        match question:
            case vert_state.ASK_SIGNS:
                self._settle_signs(tree, f, subject)
            case vert_state.ASK_CLIP:
                self._settle_clip(tree, f, subject)
                tree.counters[state.ANSWER] = state.IS_WRITTEN
            case _:
                self._find_point(tree, f)

    def _settle_signs(self, tree: Tree, f: int, u: int) -> None:
        """Signs of a switch at the vertices where they are open, exactly."""
        corners = self.corners
        node, pattern = corners.nodes[f], integer(tree.bits[f])
        line = self._settler.lines.at(int(tree.frames[f, state.LAYER]), pattern).rows[u]
        w, bit = u >> 6, ONE << np.uint64(u & 63)
        for i in range(node[vert_state.V0], node[vert_state.V1]):
            if not corners.signs[corners.which[i, 1], vert_state.OPEN, w] & bit:
                continue
            if node[vert_state.SPOTS] + 8 > self.corners.spots.shape[0]:
                self.grow(tree)
                corners = self.corners
                node = corners.nodes[f]
            old, new = corners.which[i, 1], int(node[vert_state.SIGNS])
            vertex = self._vertex(tree, f, i, pattern)
            corners.signs[new] = corners.signs[old]
            corners.signs[new, vert_state.OPEN, w] ^= bit
            sign = sign_at(line, vertex)
            if sign:
                corners.signs[new, vert_state.PLUS if sign > 0 else vert_state.MINUS, w] |= bit
            corners.which[i] = node[vert_state.SPOTS], new
            self._write_spot(int(node[vert_state.SPOTS]), vertex)
            node[vert_state.SPOTS] += 1
            node[vert_state.SIGNS] += 1

    def _settle_clip(self, tree: Tree, f: int, r: int) -> None:
        """Signs of a row at a node's vertices, exactly."""
        corners, pattern = self.corners, integer(tree.bits[f])
        slack = self._settler.row(tree, r, pattern).slack
        for i in range(corners.nodes[f, vert_state.V0], corners.nodes[f, vert_state.V1]):
            if corners.marks[i] == 2:
                corners.marks[i] = sign_at(slack, self._vertex(tree, f, i, pattern))

    def _find_point(self, tree: Tree, f: int) -> None:
        """Hold a point strictly inside a node: near the mean of its vertices."""
        node, pattern = self.corners.nodes[f], integer(tree.bits[f])
        held = range(node[vert_state.V0], node[vert_state.V1])
        total = [fmpq(0)] * self._d
        for i in held:
            numerators, denominator = self._vertex(tree, f, i, pattern)
            total = [t + fmpq(int(n), int(denominator)) for t, n in zip(total, numerators, strict=True)]
        mean = common([Fraction(int(t.p), int(t.q)) / len(held) for t in total])
        self.prepare(tree)
        found = self._settler.between(self._settler.node(tree, f).rows, [], mean, mean)
        self._settler.hold(tree, f, found, -1, 0)

    def _vertex(self, tree: Tree, f: int, i: int, pattern: int) -> Point:
        """A vertex of a node, exactly."""
        corners = self.corners
        mask = integer(corners.masks[i])
        places = [p for p in range(corners.rows_of.shape[1]) if mask >> p & 1]
        rows = [self._settler.row(tree, int(corners.rows_of[f, p]), pattern).slack for p in places]
        key = tuple(map(id, rows))
        known = self._known.get(key)
        if known is None:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            # The rows are kept with the point, so that their ids stay theirs.
            known = self._known[key] = (_common_point(rows, self._d), rows)
        return known[0]

    def _write_spot(self, g: int, vertex: Point) -> None:
        """The position of an exact vertex."""
        box, error = self._floats.box, 0.0
        for j, n in enumerate(vertex[0]):
            y = (Fraction(int(n), int(vertex[1])) - Fraction(box[state.CENTRE, j])) / Fraction(
                box[state.SCALE, j]
            )
            self.corners.spots[g, j] = float(y)
            error = max(error, above(abs(y - Fraction(float(y)))))
        self.corners.spots[g, self._d] = error

    # ------------------------------------------------------------------ travel

    def take_off(self, f: int) -> NodeCorners:
        """What a node has of vertices."""
        corners = self.corners
        node = corners.nodes[f]
        held = slice(node[vert_state.V0], node[vert_state.V1])
        return NodeCorners(
            corners.rows_of[f].copy(),
            corners.used[f].copy(),
            corners.undecided[f].copy(),
            corners.masks[held].copy(),
            corners.spots[corners.which[held, 0]],
            corners.signs[corners.which[held, 1]],
            corners.boxes[f].copy(),
        )

    def plant(self, tree: Tree, taken: NodeCorners) -> None:
        """Give a node, the whole stack, its vertices."""
        count, f = len(taken.masks), 0
        while self.corners.used.shape[1] < len(taken.used):
            self.corners = widen(self.corners)
        while self.corners.nodes.shape[0] < tree.frames.shape[0] or self.corners.spots.shape[0] < 8 * count:
            self.grow(tree)
        corners = self.corners
        node = corners.nodes[f]
        node[:] = 0
        node[[vert_state.V1, vert_state.V2, vert_state.SPOTS, vert_state.SIGNS]] = count
        corners.boxes[f] = taken.box
        corners.rows_of[f, : len(taken.rows_of)] = taken.rows_of
        corners.used[f, : len(taken.used)] = taken.used
        corners.undecided[f] = taken.undecided
        corners.which[:count] = np.arange(count)[:, None]
        corners.masks[:count, : len(taken.used)] = taken.masks
        corners.spots[:count], corners.signs[:count] = taken.spots, taken.signs


def _common_point(rows: Sequence[Sequence[fmpz]], d: int) -> Point:
    """The one point where all rows ``(n_1, .., n_d, c)`` are zero."""
    columns = fmpz_mat(d, len(rows), [row[j] for j in range(d) for row in rows])
    reduced, _, rank = columns.rref()
    table = reduced.tolist()[:rank]
    chosen = [next(c for c, entry in enumerate(line) if entry) for line in table]
    matrix = fmpz_mat(d, d, [rows[c][j] for c in chosen for j in range(d)])
    solution = matrix.solve(fmpz_mat(d, 1, [-rows[c][d] for c in chosen]))
    return common([Fraction(int(solution[j, 0].p), int(solution[j, 0].q)) for j in range(d)])
