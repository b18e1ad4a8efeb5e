"""Does a switch cut a node?  Its signs at the vertices say so; if it does not, a vertex proves it.

Main definitions: `drop_switches`, `take_decision`.

Conventions: as in `tree`; signs that are left open are asked for (``ASK_SIGNS``) unless a linear program does without.

Not here: the proof at one vertex (`vertex_proofs`), nodes that are cut (`vertex_splits`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, questions
from exactcpa.kernels.bits import NOUGHT, ONE, number_of
from exactcpa.kernels.nodes import nearest_point, prepare
from exactcpa.kernels.state import (
    A0,
    A1,
    ANSWER,
    ASK_UNIT,
    IS_CUT,
    IS_LOWER,
    IS_UPPER,
    LAYER,
    LPS,
    MULTIPLIER,
    NONE,
    ORIGIN,
    PHASE,
    PROOF,
    QUNIT,
    READY,
    RECORDS,
    SPLIT,
)
from exactcpa.kernels.twins import find_twin
from exactcpa.kernels.vert_state import ASK_SIGNS, MINUS, OPEN, PLUS, V0, V1
from exactcpa.kernels.vertex_inlets import accumulate, needs_lines, set_bit, stable_side, write_drop
from exactcpa.kernels.vertex_points import ask, hold_a_point
from exactcpa.kernels.vertex_proofs import lowest_vertex, prove_at
from exactcpa.kernels.vertices import list_tight


@inlined
def take_decision(form, tree, corners, f, u, upper, d):
    """A switch is decided for the whole subtree."""
    layer = tree.frames[f, LAYER]
    corners.undecided[f, u >> 6] &= ~(ONE << np.uint64(u & 63))
    if upper:
        set_bit(tree.bits, f, form.switch_bits[layer, u])
        if needs_lines(form.sizes, layer):
            accumulate(form.sizes, form.gain, tree.sums, f, tree.lines[layer], layer, u, u, d)


@inlined
def _prove_by_program(tree, lp, box, f, u, factor, d):
    """Ask a linear program whether ``factor * line`` is positive somewhere: ``FOUND``, ``OPEN``, or a proof."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    found = questions.OPEN
    if counters[READY] == f:
        start = nearest_point(tree, f, u, factor, d)
        counters[LPS] += 1
        found = questions.seek(
            tree.lines[frame[LAYER]],
            u,
            factor,
            tree.rows,
            lp.table,
            lp.basis,
            lp.vectors,
            lp.whole,
            m,
            d,
            box,
            tree.points,
            start,
            counters[ORIGIN],
            lp.outer,
            tree.spans,
            tree.origins,
            2 * tree.frames[f, LAYER],
        )
    return found


@inlined
def drop_switches(form, tree, lp, out, corners, box, f, d, words, switch_words):
    """Take the switches off that do not cut the node; False if a question is left open."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    layer = frame[LAYER]
    lines = tree.lines[layer]
    answer = counters[ANSWER]
    counters[ANSWER] = NONE
    if answer == IS_CUT:
        ask(counters, ASK_SIGNS, f, counters[QUNIT])
        return False
    if answer == IS_LOWER or answer == IS_UPPER:
        take_decision(form, tree, corners, f, counters[QUNIT], answer == IS_UPPER, d)
    for w in range(switch_words):
        if corners.undecided[f, w] == NOUGHT:
            continue
        plus, minus, unknown = NOUGHT, NOUGHT, NOUGHT
        for i in range(node[V0], node[V1]):
            s = corners.which[i, 1]
            plus |= corners.signs[s, PLUS, w]
            minus |= corners.signs[s, MINUS, w]
            unknown |= corners.signs[s, OPEN, w]
        left = corners.undecided[f, w] & ~(plus & minus)
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            u = 64 * w + number_of(bit)
            is_open, upper = (unknown & bit) != NOUGHT, (minus & bit) == NOUGHT
            has_side = ((plus | minus) & bit) != NOUGHT
            if counters[PROOF] or is_open:
                factor = -1.0 if upper else 1.0
                proof = questions.OPEN
                if not is_open:
                    side = 0 if has_side else stable_side(lines, u, d, box)
                    if side != 0:
                        lp.vectors[MULTIPLIER, d] = 1.0
                        proof = questions.PROVED
                    elif has_side:
                        v = lowest_vertex(
                            lines, u, -factor, d, corners.which, corners.spots, node[V0], node[V1]
                        )
                        k = list_tight(corners.masks, v, corners.rows_of, f, corners.ids, words)
                        proof = prove_at(
                            lines,
                            u,
                            factor,
                            tree.rows,
                            corners.ids,
                            k,
                            d,
                            lp.basis,
                            lp.vectors,
                            lp.whole,
                            box,
                            corners.work,
                        )
                if proof == questions.OPEN:
                    sign = find_twin(
                        form.sizes,
                        form.constant,
                        form.base,
                        form.gain,
                        form.switch_bits,
                        tree.bits,
                        f,
                        tree.lists,
                        frame[A0],
                        frame[A1],
                        tree.rows,
                        tree.flips,
                        lines,
                        layer,
                        u,
                        lp.basis,
                        lp.vectors,
                        d,
                    )
                    if sign != 0:
                        proof, upper = questions.PROVED + 1, sign > 0
                if proof == questions.OPEN:
                    if not hold_a_point(tree, lp, corners, box, f, d, words):
                        return False
                    if has_side:
                        proof = _prove_by_program(tree, lp, box, f, u, factor, d)
                    if proof <= questions.FOUND and is_open:
                        ask(counters, ASK_SIGNS, f, u)
                        return False
                    if proof <= questions.FOUND or proof == questions.OPEN:
                        ask(counters, ASK_UNIT, f, u)
                        return False
                write_drop(
                    counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, u, upper, proof, d
                )
            else:
                counters[RECORDS] += 1
            take_decision(form, tree, corners, f, u, upper, d)
    frame[PHASE] = SPLIT
    return True
