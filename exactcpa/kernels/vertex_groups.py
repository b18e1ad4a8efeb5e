"""Groups of a finished layer, decided on a node walked by vertices: its children are clipped by their new rows.

Main definitions: `choose`.

Conventions: as in `contest`.

Not here: the decision (`contest`), clipping (`vertex_layers`).
"""

from __future__ import annotations

from exactcpa.kernels import inlined
from exactcpa.kernels.contest import PUSHED, STOPPED, proceed
from exactcpa.kernels.state import A0, A1, FACETS, GROW, OUTER, PHASE, QUESTION, ROWS, TEST, UNIT
from exactcpa.kernels.vert_state import CLIPPING, LOSING, NEXT, NODE, V0, V1, V2
from exactcpa.kernels.vertex_points import hold_a_point


@inlined
def choose(form, contests, tree, lp, out, corners, box, f, d, words, switch_words):
    """Decide the next candidate of a group; False if a question is left open, or without room."""
    node = corners.nodes[f]
    if not hold_a_point(tree, lp, corners, box, f, d, words):
        return False
    if 2 * node[V1] - node[V0] + 1 >= corners.masks.shape[0]:
        tree.counters[QUESTION] = GROW
        return False
    outcome = proceed(form, contests, tree, lp, out, box, f, d)
    if outcome == PUSHED:
        _adopt(tree, corners, f, words, switch_words)
    return outcome != STOPPED


@inlined
def _adopt(tree, corners, f, words, switch_words):
    """Give the child that a group has made the vertices of its parent, to be clipped by its new rows."""
    parent, child, frame = corners.nodes[f], corners.nodes[f + 1], tree.frames[f + 1]
    n = parent[V1]
    for i in range(parent[V0], parent[V1]):
        corners.which[n, 0], corners.which[n, 1] = corners.which[i, 0], corners.which[i, 1]
        for w in range(words):
            corners.masks[n, w] = corners.masks[i, w]
        n += 1
    for k in range(NODE):
        child[k] = parent[k]
    child[V0], child[V1], child[V2], child[NEXT] = parent[V1], n, n, tree.frames[f, ROWS]
    for j in range(corners.boxes.shape[2]):
        corners.boxes[f + 1, 0, j] = corners.boxes[f, 0, j]
        corners.boxes[f + 1, 1, j] = corners.boxes[f, 1, j]
    for p in range(64 * words):
        corners.rows_of[f + 1, p] = corners.rows_of[f, p]
    for w in range(words):
        corners.used[f + 1, w] = corners.used[f, w]
    for w in range(switch_words):
        corners.undecided[f + 1, w] = corners.undecided[f, w]
    for i in range(frame[A0], frame[A1]):
        tree.lists[OUTER, i] = -1
    frame[UNIT] = LOSING if tree.counters[FACETS] else TEST
    frame[PHASE] = CLIPPING
