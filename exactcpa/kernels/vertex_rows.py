"""Rows of a node walked by vertices: those that became redundant, and the facets of a finished cell.

Main definitions: `lose_rows`, `end_cell`, `facet_rows`.

Conventions: as in `rows`; which rows are facets is known from the vertices, so only the proof is sought.

Not here: the points beyond facets (`vertex_points`), the proof at one vertex (`vertex_proofs`).
"""

from __future__ import annotations

from exactcpa.kernels import inlined, questions, records, simplex
from exactcpa.kernels.bits import NOUGHT, ONE, number_of
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    ANSWER,
    ASK_CELL,
    ASK_FACET,
    CHOSEN,
    FACET_ROWS,
    FACETS,
    HELD,
    IS_FACET,
    IS_REDUNDANT,
    LPS,
    NONE,
    ORIGIN,
    P0,
    P1,
    PHASE,
    POP,
    POSITION,
    PROOF,
    READY,
    RECORDS,
    STATE,
    TEST,
    U0,
)
from exactcpa.kernels.vert_state import V0, V1
from exactcpa.kernels.vertex_inlets import write_prune
from exactcpa.kernels.vertex_points import ask, find_outer_points, hold_a_point
from exactcpa.kernels.vertex_proofs import lowest_vertex, prove_at
from exactcpa.kernels.vertices import list_tight


@inlined
def write_rows(tree, lp, f, d):
    """List the node's rows, with nothing known about them."""
    frame = tree.frames[f]
    m = 2 * d + frame[A1] - frame[A0]
    for i in range(m):
        lp.basis[CHOSEN, i] = i if i < 2 * d else tree.lists[ACTIVE, frame[A0] + i - 2 * d]
        lp.basis[STATE, i] = 0
    return m


@inlined
def seek_beyond(tree, lp, box, f, i, m, d):
    """Ask a linear program whether row ``i`` of those listed is a facet; the node holds a point."""
    frame, counters = tree.frames[f], tree.counters
    if counters[READY] != f:
        for p in range(frame[P0], frame[P1]):
            slot = tree.lists[HELD, p]
            if tree.point_ids[slot] < 0:
                simplex.start(tree.rows, m, d, tree.points, slot, lp.table, lp.basis)
                counters[READY], counters[ORIGIN] = f, slot
                break
    found = questions.OPEN
    if counters[READY] == f:
        counters[LPS] += 1
        found = questions.seek_beyond_row(
            tree.rows,
            lp.table,
            lp.basis,
            lp.vectors,
            lp.whole,
            m,
            d,
            box,
            tree.points,
            counters[ORIGIN],
            i,
            lp.outer,
            tree.spans,
            tree.origins,
        )
    return found


@inlined
def _drop_row(tree, f, position):
    """Take a row out of use."""
    frame = tree.frames[f]
    for p in range(position, frame[A1] - 1):
        tree.lists[ACTIVE, p] = tree.lists[ACTIVE, p + 1]
    frame[A1] -= 1
    tree.counters[READY] = -1
    tree.counters[RECORDS] += 1


@inlined
def lose_rows(tree, lp, out, corners, box, domain_rows, f, d, words):
    """Write why each row is redundant that is a facet no more; False if a question is left open."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    answer = counters[ANSWER]
    counters[ANSWER] = NONE
    if answer == IS_REDUNDANT:
        _drop_row(tree, f, frame[POSITION])
    for position in range(frame[POSITION], frame[A1]):
        corners.ids[1, tree.lists[ACTIVE, position]] = 0
    for w in range(words):
        left = corners.used[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            corners.ids[1, corners.rows_of[f, 64 * w + number_of(bit)]] = 1
    while frame[POSITION] < frame[A1]:
        r = tree.lists[ACTIVE, frame[POSITION]]
        if r < domain_rows or corners.ids[1, r] == 1:
            frame[POSITION] += 1
            continue
        proof = questions.OPEN
        if counters[PROOF]:
            if 1e-200 < tree.rows[r, d + 5] < 1e200:
                v = lowest_vertex(tree.rows, r, 1.0, d, corners.which, corners.spots, node[V0], node[V1])
                k = list_tight(corners.masks, v, corners.rows_of, f, corners.ids, words)
                proof = prove_at(
                    tree.rows,
                    r,
                    -1.0,
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
                if not hold_a_point(tree, lp, corners, box, f, d, words):
                    return False
                m = write_rows(tree, lp, f, d)
                i = 2 * d + frame[POSITION] - frame[A0]
                counters[READY] = -1
                proof = seek_beyond(tree, lp, box, f, i, m, d)
                if proof == questions.OPEN or proof <= questions.FOUND:
                    ask(counters, ASK_FACET, f, i)
                    return False
            write_prune(counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, r, proof, d)
        _drop_row(tree, f, frame[POSITION])
    frame[PHASE], frame[POSITION] = TEST, frame[U0]
    return True


@inlined
def end_cell(tree, lp, out, corners, box, domain_rows, f, d, words):
    """Put a finished cell out; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    if not hold_a_point(tree, lp, corners, box, f, d, words):
        return False
    slot = tree.lists[HELD, frame[P0]]
    for i in range(frame[P0], frame[P1]):
        if tree.point_ids[tree.lists[HELD, i]] < 0:
            slot = tree.lists[HELD, i]
            break
    number = tree.point_ids[slot]
    if number >= 0 and counters[ANSWER] == NONE:
        ask(counters, ASK_CELL, f, number)
        return False
    counters[ANSWER] = NONE
    records.write_cell(tree.counters, out, tree.bits, f, tree.points, slot, number, box, d)
    tree.shares[0] += tree.shares[1 + f]
    frame[POSITION] = 2 * d
    frame[PHASE] = FACET_ROWS if counters[FACETS] else POP
    if counters[FACETS]:
        m = write_rows(tree, lp, f, d)
        counters[READY] = -1
        if counters[PROOF] and number < 0:
            node = corners.nodes[f]
            find_outer_points(
                tree.rows,
                corners.rows_of,
                corners.used,
                f,
                lp.basis,
                lp.vectors,
                m,
                d,
                words,
                box,
                tree.points,
                slot,
                corners.which,
                corners.masks,
                corners.spots,
                node[V0],
                node[V1],
                lp.outer,
                domain_rows,
                corners.ids,
                corners.work,
                corners.values,
                corners.walls,
            )
    return True


@inlined
def facet_rows(tree, lp, out, box, domain_rows, f, d):
    """Write the facets of a cell; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    while frame[POSITION] < m:
        i = frame[POSITION]
        r = lp.basis[CHOSEN, i]
        if r >= domain_rows:
            answer, found = counters[ANSWER], questions.OPEN
            counters[ANSWER] = NONE
            if answer == IS_FACET or lp.basis[STATE, i] == 1 or not counters[PROOF]:
                found = questions.FOUND
            else:
                found = seek_beyond(tree, lp, box, f, i, m, d)
            if found != questions.FOUND:
                ask(counters, ASK_FACET, f, i)
                return False
            lp.basis[STATE, i] = 1
            records.write_facet(counters, out, tree.flips, lp.outer, i, r, box, answer != NONE, d)
        frame[POSITION] += 1
    frame[PHASE] = POP
    return True
