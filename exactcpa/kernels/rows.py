"""The rows of a finished layer or cell: which are redundant, which are facets.

Main definitions: `prune_rows`, `end_cell`, `facet_rows`.

Not here: how one row is decided (`questions`), rows left open (`settle`).
"""

from __future__ import annotations

from exactcpa.kernels import inlined, questions, records, simplex
from exactcpa.kernels.nodes import hold_outer, prepare
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    AFTER,
    ANSWER,
    ASK_CELL,
    ASK_FACET,
    CHOSEN,
    FACET_ROWS,
    FACETS,
    HELD,
    IS_FACET,
    KNOWN,
    LPS,
    NONE,
    ORIGIN,
    OUTER,
    P0,
    P1,
    PHASE,
    POP,
    POSITION,
    QFRAME,
    QUESTION,
    QUNIT,
    READY,
    RECORDS,
    SIFTED,
    STATE,
)

MANY = 8
"""Rows in proportion to the dimension from which on a search for redundant ones pays even without facets."""


@inlined
def prune_rows(tree, lp, out, box, domain_rows, f, d):
    """Drop the rows proved redundant, before a new layer or a split: all questions of the subtree get cheaper."""
    frame, counters = tree.frames[f], tree.counters
    frame[PHASE], frame[SIFTED] = frame[AFTER], 1
    m = 2 * d + frame[A1] - frame[A0]
    if not counters[FACETS] and m < MANY * d + 12:
        return
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    if counters[READY] != f:
        return
    if not counters[FACETS]:
        lp.basis[STATE, 2 * d : m] = 0
        questions.find_facets_by_rays(
            tree.rows, lp.basis, lp.vectors, m, d, box, tree.points, counters[ORIGIN], lp.outer
        )
    kept = frame[A0]
    for i in range(2 * d, m):
        r, place = lp.basis[CHOSEN, i], frame[A0] + i - 2 * d
        found = questions.FOUND
        if r >= domain_rows and lp.basis[STATE, i] == 0:
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
        if found == questions.FOUND or found == questions.OPEN:
            if counters[FACETS]:
                if lp.basis[STATE, i] == 1 and tree.lists[OUTER, place] < 0:
                    hold_outer(tree, f, place, lp.outer, i, d)
                for known in range(KNOWN):
                    tree.lists[OUTER + known, kept] = tree.lists[OUTER + known, place]
            tree.lists[ACTIVE, kept] = r
            kept += 1
        else:
            lp.basis[STATE, i] = 2
            counters[RECORDS] += 1
            records.write_prune(counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, r, found, d)
    frame[A1] = kept
    counters[READY] = -1


@inlined
def end_cell(tree, lp, out, box, f, d):
    """Put a finished cell out; False if its witness must be written by the exact side."""
    frame, counters = tree.frames[f], tree.counters
    slot = tree.lists[HELD, frame[P0]]
    for i in range(frame[P0], frame[P1]):
        if tree.point_ids[tree.lists[HELD, i]] < 0:
            slot = tree.lists[HELD, i]
            break
    number = tree.point_ids[slot]
    if number >= 0 and counters[ANSWER] == NONE:
        counters[QUESTION], counters[QFRAME], counters[QUNIT] = ASK_CELL, f, number
        return False
    counters[ANSWER] = NONE
    records.write_cell(tree.counters, out, tree.bits, f, tree.points, slot, number, box, d)
    tree.shares[0] += tree.shares[1 + f]
    if not counters[FACETS]:
        frame[PHASE] = POP
        return True
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    frame[POSITION] = 2 * d
    frame[PHASE] = FACET_ROWS
    return True


@inlined
def facet_rows(tree, lp, out, box, domain_rows, f, d):
    """Settle one after the other the rows of the path; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    while frame[POSITION] < m:
        i = frame[POSITION]
        r = lp.basis[CHOSEN, i]
        if r < domain_rows:
            frame[POSITION] += 1
            continue
        answer, found = counters[ANSWER], questions.OPEN
        counters[ANSWER] = NONE
        if answer != NONE:
            found = questions.FOUND if answer == IS_FACET else questions.PROVED
            simplex.set_free(lp.table, lp.basis, m, d, i, int(answer != IS_FACET))
        elif lp.basis[STATE, i] == 1:
            found = questions.FOUND
        elif counters[READY] == f:
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
        if found == questions.OPEN:
            counters[QUESTION], counters[QFRAME], counters[QUNIT] = ASK_FACET, f, i
            return False
        if found == questions.FOUND:
            lp.basis[STATE, i] = 1
            records.write_facet(counters, out, tree.flips, lp.outer, i, r, box, answer != NONE, d)
        else:
            lp.basis[STATE, i] = 2
            counters[RECORDS] += 1
            if answer == NONE:
                records.write_prune(
                    counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, r, found, d
                )
        frame[POSITION] += 1
    frame[PHASE] = POP
    return True
