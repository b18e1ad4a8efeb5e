"""The two sides of a split node: which vertices and facets each one has.

Main definitions: `push_side`.

Conventions: vertices where the switch is zero belong to both sides; a facet of the node stays one of a side if it has
a vertex strictly on that side.

Not here: the new vertices (`vertex_splits`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, walk_merged
from exactcpa.kernels.bits import NOUGHT, ONE
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    FACETS,
    GROUP,
    GROW,
    LAYER,
    OUTER,
    P0,
    P1,
    PHASE,
    POSITION,
    QUESTION,
    READY,
    ROWS,
    SLOTS,
    TEST,
    TOP,
    U0,
    U1,
    UNIT,
    UP1,
)
from exactcpa.kernels.vert_state import LOSING, MINUS, PLACE, PLUS, SIGNS, SPOTS, V0, V1, V2
from exactcpa.kernels.vertex_inlets import accumulate, needs_lines, set_bit


@walk_merged
def _give_vertices(nodes, rows_of, used, undecided, which, masks, signs, f, u, sign, r, words, switch_words):
    """The vertices, facets and switches of a child on one side of its parent's switch; True if facets were lost."""
    parent, child = nodes[f], nodes[f + 1]
    place = parent[PLACE]
    bit = ONE << np.uint64(u & 63)
    own, other = (PLUS, MINUS) if sign > 0 else (MINUS, PLUS)
    n = parent[V2]
    for w in range(words):
        used[f + 1, w] = NOUGHT
    for i in range(parent[V0], parent[V1]):
        if signs[which[i, 1], own, u >> 6] & bit:
            which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
            for w in range(words):
                masks[n, w] = masks[i, w]
                used[f + 1, w] |= masks[i, w]
            n += 1
    lost = False
    for w in range(words):
        lost = lost or used[f + 1, w] != used[f, w]
    here = ONE << np.uint64(place & 63)
    used[f + 1, place >> 6] |= here
    for i in range(parent[V0], parent[V1]):
        if not (signs[which[i, 1], own, u >> 6] | signs[which[i, 1], other, u >> 6]) & bit:
            which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
            for w in range(words):
                masks[n, w] = masks[i, w] & used[f + 1, w]
            masks[n, place >> 6] |= here
            n += 1
    for i in range(parent[V1], parent[V2]):
        which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
        for w in range(words):
            masks[n, w] = masks[i, w]
        n += 1
    child[V0], child[V1], child[V2] = parent[V2], n, n
    child[SPOTS], child[SIGNS] = parent[SPOTS], parent[SIGNS]
    for p in range(64 * words):
        rows_of[f + 1, p] = rows_of[f, p]
    rows_of[f + 1, place] = r
    for w in range(switch_words):
        undecided[f + 1, w] = undecided[f, w]
    return lost


@inlined
def push_side(form, tree, corners, f, upper, d, words, switch_words):
    """Make the lower or upper child of a split node the top of the stack; False without room."""
    parent, child, node = tree.frames[f], tree.frames[f + 1], corners.nodes[f]
    layer, u, r = parent[LAYER], parent[UNIT], parent[ROWS]
    if 2 * node[V2] - node[V0] + 1 >= corners.masks.shape[0]:
        tree.counters[QUESTION] = GROW
        return False
    child[LAYER], child[GROUP] = layer, parent[GROUP]
    tree.shares[2 + f] = 0.5 * tree.shares[1 + f]
    child[U0] = child[U1] = parent[U1]
    child[P0] = child[P1] = parent[UP1]
    child[SLOTS], child[ROWS], child[POSITION] = parent[SLOTS], r + 1, parent[U1]
    count = parent[A1] - parent[A0]
    for i in range(count):
        tree.lists[ACTIVE, parent[A1] + i] = tree.lists[ACTIVE, parent[A0] + i]
    child[A0], child[A1] = parent[A1], parent[A1] + count + 1
    tree.lists[ACTIVE, parent[A1] + count] = r
    for i in range(count + 1):
        tree.lists[OUTER, parent[A1] + i] = -1  # no points are handed down
    for j in range(d):
        corners.boxes[f + 1, 0, j] = corners.boxes[f, 0, j]
        corners.boxes[f + 1, 1, j] = corners.boxes[f, 1, j]
    for w in range(tree.bits.shape[1]):
        tree.bits[f + 1, w] = tree.bits[f, w]
    tree.counters[TOP], tree.counters[READY] = f + 1, -1
    if upper:
        set_bit(tree.bits, f + 1, form.switch_bits[layer, u])
    for j in range(d + 1):
        tree.rows[r, j] = -tree.rows[r, j]  # as `split` wrote it, then as the other side has it
    tree.flips[r, 0], tree.flips[r, 1] = form.switch_bits[layer, u], -1
    tree.origins[r] = 2 * layer + (1 if upper else 0)
    tree.spans[0, layer] = -1
    if needs_lines(form.sizes, layer):
        for i in range(form.sizes[layer + 1, 0]):
            for j in range(d + 5):
                tree.sums[f + 1, i, j] = tree.sums[f, i, j]
        if upper:
            accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, u, u, d)
    lost = _give_vertices(
        corners.nodes,
        corners.rows_of,
        corners.used,
        corners.undecided,
        corners.which,
        corners.masks,
        corners.signs,
        f,
        u,
        1 if upper else -1,
        r,
        words,
        switch_words,
    )
    child[PHASE] = TEST
    if lost and tree.counters[FACETS]:
        child[PHASE], child[POSITION] = LOSING, child[A0]
    return True
