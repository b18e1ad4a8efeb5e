"""The split tree walked by the vertices of its nodes: no linear programs, but for what doubles leave open.

A node is split by the signs of a switch at its vertices, zeros being values like any other: a vertex where it is zero
belongs to both sides.  On each edge whose ends lie on different sides there is a new vertex.  A facet of the node
stays one of a side if it has a vertex strictly on that side; a switch cuts a node if it has vertices strictly on both
sides.  So facets, vertices and cuts are known of every node, and certificates are read off single vertices.

Main definitions: `advance_vertices`.

Conventions: as in `tree`, with the same records and questions; besides, signs that are left open are asked for
(`vert_state.ASK_SIGNS`, ``ASK_CLIP``), and a point inside where doubles find none (``ASK_POINT``).

References: Motzkin, Raiffa, Thompson and Thrall, The double description method (1953); Fukuda and Prodon, Double
description method revisited (1996).

Not here: the steps (`vertex_drops`, `vertex_splits`, `vertex_sides`, `vertex_rows`, `vertex_layers`, `vertex_boxes`,
`vertex_groups`), vertices (`vertices`), the walk by linear programs (`tree`), exact answers (`vertex_side`, `settle`).
"""

from __future__ import annotations

from exactcpa.kernels import inlined, walk_entry
from exactcpa.kernels.nodes import has_room
from exactcpa.kernels.sizes import size
from exactcpa.kernels.state import (
    A0,
    A1,
    ANSWER,
    CELL,
    CHOOSING,
    DONE,
    FACET_ROWS,
    GROW,
    HAND_OVER,
    LOWER_DONE,
    NEW_LAYER,
    NONE,
    P0,
    P1,
    PHASE,
    POP,
    POSITION,
    QUESTION,
    READY,
    RUNNING,
    SPLIT,
    TEST,
    TOP,
    U0,
    UPPER_DONE,
)
from exactcpa.kernels.vert_state import CLIPPING, LOSING, SIGNS, SPOTS, V0, V1
from exactcpa.kernels.vertex_drops import drop_switches
from exactcpa.kernels.vertex_groups import choose
from exactcpa.kernels.vertex_layers import begin_layer, clip, end_layer
from exactcpa.kernels.vertex_rows import end_cell, facet_rows, lose_rows
from exactcpa.kernels.vertex_sides import push_side
from exactcpa.kernels.vertex_splits import has_undecided, split


@inlined
def _has_room(tree, lp, out, corners, f, d):
    """Whether there is room for a step but for new vertices, which are counted as they come; else asks for it."""
    proceeds = has_room(tree, out, f, d)
    if proceeds:
        frame, node = tree.frames[f], corners.nodes[f]
        m = 2 * d + frame[A1] - frame[A0]
        if (
            f + 3 > corners.nodes.shape[0]
            or m + 2 > corners.work.shape[0]
            or corners.rows_of.shape[1] > corners.work.shape[0]
            or tree.rows.shape[0] > corners.ids.shape[1]
            or node[SPOTS] + node[V1] - node[V0] + 2 > corners.spots.shape[0]
            or node[SIGNS] + node[V1] - node[V0] + 2 > corners.signs.shape[0]
        ):
            tree.counters[QUESTION] = GROW
            proceeds = False
    return proceeds


@walk_entry
def advance_vertices(form, contests, tree, lp, out, corners, box, domain_rows, steps, handed_over, sizes):
    """Walk on, as `tree.advance`, until a question stops the walk, it is done, or so many steps were made.

    `sizes` are those of `sizes.sizes_for`.

    Returns:
        The question, also in ``counters[QUESTION]``; ``RUNNING`` after the last step.
    """
    d, words, switch_words = size(sizes[0]), size(sizes[1]), size(sizes[2])
    counters = tree.counters
    counters[QUESTION] = RUNNING
    for _ in range(steps):
        f = counters[TOP]
        if f < 0:
            counters[QUESTION] = DONE
            return DONE
        frame = tree.frames[f]
        phase = frame[PHASE]
        if (
            phase == TEST
            and tree.shares[1 + f] >= handed_over
            and frame[P0] == frame[P1]
            and counters[ANSWER] == NONE
            and frame[POSITION] == frame[U0]
        ):
            counters[QUESTION] = HAND_OVER
            return HAND_OVER
        proceeds = _has_room(tree, lp, out, corners, f, d)
        if proceeds:
            if phase == TEST:
                frame[POSITION] = -1
                proceeds = drop_switches(form, tree, lp, out, corners, box, f, d, words, switch_words)
            elif phase == LOSING:
                proceeds = lose_rows(tree, lp, out, corners, box, domain_rows, f, d, words)
            elif phase == SPLIT:
                if has_undecided(corners.undecided, f, switch_words):
                    proceeds = split(form, tree, lp, out, corners, box, f, d, words, switch_words)
                    if proceeds:
                        frame[PHASE] = LOWER_DONE
                else:
                    end_layer(form, tree, f)
            elif phase == LOWER_DONE or phase == UPPER_DONE:
                proceeds = push_side(form, tree, corners, f, phase == UPPER_DONE, d, words, switch_words)
                if proceeds:
                    frame[PHASE] = UPPER_DONE if phase == LOWER_DONE else POP
            elif phase == NEW_LAYER:
                proceeds = begin_layer(form, tree, lp, out, corners, box, f, d, words, switch_words)
            elif phase == CLIPPING:
                proceeds = clip(tree, lp, corners, box, f, d, words, switch_words)
            elif phase == CHOOSING:
                proceeds = choose(form, contests, tree, lp, out, corners, box, f, d, words, switch_words)
            elif phase == CELL:
                proceeds = end_cell(tree, lp, out, corners, box, domain_rows, f, d, words)
            elif phase == FACET_ROWS:
                proceeds = facet_rows(tree, lp, out, box, domain_rows, f, d)
            else:
                counters[TOP], counters[READY] = f - 1, -1
        if not proceeds:
            return counters[QUESTION]
    return RUNNING
