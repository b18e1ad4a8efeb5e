"""A node walked by vertices goes on to its next layer, or is cut off by rows that its vertices do not know of yet.

Main definitions: `begin_layer`, `end_layer`, `clip`.

Conventions: as in `layers`; signs of a row that are left open are asked for (``ASK_CLIP``).

Not here: lines and their bounds (`layers`), what a box around the node decides (`vertex_boxes`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, walk_merged
from exactcpa.kernels.bits import NOUGHT, ONE
from exactcpa.kernels.layers import _begin_sums, is_sharp, sharpen_lines, take_lines, write_spans
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    ANSWER,
    CELL,
    CHOOSING,
    GROUP,
    GROW,
    LAYER,
    NEW_LAYER,
    NONE,
    P0,
    P1,
    PHASE,
    POSITION,
    QUESTION,
    READY,
    ROWS,
    TEST,
    U0,
    U1,
    UNIT,
)
from exactcpa.kernels.vert_state import (
    ASK_CLIP,
    LOSING,
    MINUS,
    NEXT,
    OPEN,
    PLUS,
    SIGNS,
    SPOTS,
    V0,
    V1,
    V2,
    WIDEN,
)
from exactcpa.kernels.vertex_boxes import WORTHWHILE, find_settled, settle, tighten
from exactcpa.kernels.vertex_inlets import needs_lines
from exactcpa.kernels.vertex_points import ask
from exactcpa.kernels.vertex_splits import add_vertices, least_radius, write_value
from exactcpa.kernels.vertices import UNKNOWN, free_place, sign_settled, write_signs


@inlined
def begin_layer(form, tree, lp, out, corners, box, f, d, words, switch_words):
    """Lines of the present layer, and their signs at the vertices; False without room, or for a question."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    layer, count = frame[LAYER], node[V1] - node[V0]
    if node[SPOTS] + count + 1 >= corners.spots.shape[0] or node[SIGNS] + count + 1 >= corners.signs.shape[0]:
        counters[QUESTION] = GROW
        return False
    write_spans(form, tree, f, layer)
    take_lines(form, tree, box, f, layer, d)
    n = form.sizes[layer, 1]
    if n >= WORTHWHILE * d:
        tighten(tree, lp, out, corners, box, f, d, words)
    for w in range(switch_words):
        corners.undecided[f, w] = NOUGHT
    for u in range(n):
        corners.undecided[f, u >> 6] |= ONE << np.uint64(u & 63)
    if find_settled(form, tree, corners, f, d, switch_words) or form.sizes[layer, 2] > 0:
        if not sharpen_lines(form, tree, box, f, layer, d):
            return False
        if is_sharp(tree, layer):
            find_settled(form, tree, corners, f, d, switch_words)
    if needs_lines(form.sizes, layer):
        _begin_sums(form, tree.sums, f, tree.lines[layer], layer, d)
    frame[P1] = frame[P0]
    frame[U1] = frame[U0]
    counters[READY] = -1
    settle(form, tree, out, corners, f, d, switch_words)
    least = least_radius(box)
    for i in range(node[V0], node[V1]):
        g, s = node[SPOTS], node[SIGNS]
        for j in range(d + 1):
            corners.spots[g, j] = corners.spots[corners.which[i, 0], j]
        corners.which[i, 0], corners.which[i, 1] = g, s
        node[SPOTS], node[SIGNS] = g + 1, s + 1
        for w in range(switch_words):
            corners.signs[s, PLUS, w] = corners.signs[s, MINUS, w] = NOUGHT
            corners.signs[s, OPEN, w] = corners.undecided[f, w]
        write_signs(
            tree.lines[layer],
            tree.rows,
            corners.rows_of,
            f,
            corners.masks,
            i,
            d,
            words,
            switch_words,
            box,
            least,
            corners.spots,
            g,
            corners.signs,
            s,
            corners.ids,
            corners.work,
            lp.whole,
            0,
        )
    frame[GROUP] = 0
    frame[POSITION] = frame[U0]
    frame[PHASE] = TEST
    return True


@inlined
def end_layer(form, tree, f):
    """All switches are decided: groups next, then the next layer, then the cell."""
    frame = tree.frames[f]
    layer = frame[LAYER]
    if frame[GROUP] < form.sizes[layer, 2]:
        frame[PHASE], frame[POSITION] = CHOOSING, 0
    elif layer + 1 < form.sizes.shape[0] - 1:
        frame[LAYER] = layer + 1
        frame[PHASE] = NEW_LAYER
    else:
        frame[PHASE] = CELL


@inlined
def clip(tree, lp, corners, box, f, d, words, switch_words):
    """Cut the node's vertices off by its next row, of which the incidences do not know yet; False for a question."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    r, start, end = node[NEXT], node[V0], node[V1]
    if r >= frame[ROWS]:
        node[NEXT] = 0
        frame[PHASE] = frame[UNIT]
        frame[POSITION] = frame[A0] if frame[PHASE] == LOSING else frame[U0]
        return True
    is_used = False
    for position in range(frame[A0], frame[A1]):
        is_used = is_used or tree.lists[ACTIVE, position] == r
    if not is_used:
        node[NEXT] = r + 1
        return True
    place = free_place(corners.used, f, words)
    if place < 0:
        counters[QUESTION] = WIDEN
        return False
    least = least_radius(box)
    answer = counters[ANSWER]
    counters[ANSWER] = NONE
    is_clear = True
    for i in range(start, end):
        g = corners.which[i, 0]
        if answer == NONE:
            corners.marks[i] = sign_settled(
                tree.rows,
                r,
                tree.rows,
                corners.rows_of,
                f,
                corners.masks,
                i,
                d,
                words,
                box,
                least,
                corners.spots,
                g,
                corners.ids,
                corners.work,
                lp.whole,
                1,
            )
            is_clear = is_clear and corners.marks[i] != UNKNOWN
        write_value(tree.rows, r, d, corners.spots, g, corners.values, i, least)
    if not is_clear:
        ask(counters, ASK_CLIP, f, r)
        return False
    cuts = False
    for i in range(start, end):
        cuts = cuts or corners.marks[i] < 0
    if not cuts:
        node[NEXT] = r + 1
        return True
    if not add_vertices(
        tree.rows,
        tree.rows,
        r,
        box,
        least,
        d,
        words,
        switch_words,
        node,
        corners.rows_of,
        f,
        place,
        corners.undecided,
        corners.which,
        corners.masks,
        corners.marks,
        corners.spots,
        corners.signs,
        corners.values,
        corners.ids,
        corners.work,
        lp.whole,
    ):
        counters[QUESTION] = GROW
        counters[ANSWER] = answer
        return False
    _keep_above(corners.used, corners.which, corners.masks, corners.marks, node, f, place, words)
    node[NEXT] = r + 1
    return True


@walk_merged
def _keep_above(used, which, masks, marks, node, f, place, words):
    """Keep the vertices that a row leaves, and those it adds; and the facets with a vertex strictly above it."""
    here = ONE << np.uint64(place & 63)
    for w in range(words):
        used[f, w] = NOUGHT
    for i in range(node[V0], node[V1]):
        if marks[i] > 0:
            for w in range(words):
                used[f, w] |= masks[i, w]
    used[f, place >> 6] |= here
    n = node[V0]
    for i in range(node[V0], node[V2]):
        if i < node[V1] and marks[i] < 0:
            continue
        for w in range(words):
            masks[n, w] = masks[i, w] & used[f, w]
        if i < node[V1] and marks[i] == 0:
            masks[n, place >> 6] |= here
        which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
        n += 1
    node[V1] = node[V2] = n
