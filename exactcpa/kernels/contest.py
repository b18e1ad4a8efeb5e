"""Maxima of three and more lines: who wins somewhere on a node, and who is never ahead of one rival.

Main definitions: `contest`, `hold_winning`.

Conventions: lead ``i * p + c`` of a group of ``p`` lines is line ``i`` minus line ``c``, in the layout of a line.

Not here: what becomes of the outcomes, and those left open (`choose`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel, questions
from exactcpa.kernels.filters import sign_at, value_at
from exactcpa.kernels.nodes import hold_point, prepare
from exactcpa.kernels.state import (
    A0,
    A1,
    HELD,
    LAYER,
    LPS,
    MULTIPLIER,
    ORIGIN,
    P0,
    P1,
    RAYS,
    READY,
    SLOTS,
    WHICH,
)


@kernel
def winning_slot(tree, f, leads, i, p, d):
    """A held point where candidate ``i`` of ``p`` is proved ahead of all rivals, or -1; see `contest`."""
    for place in range(tree.frames[f, P0], tree.frames[f, P1]):
        slot = tree.lists[HELD, place]
        if tree.point_ids[slot] < 0 and _is_ahead(leads, i, p, d, tree.points, slot):
            return slot
    return -1


@kernel
def _is_ahead(leads, i, p, d, points, slot):
    for c in range(p):
        if c != i and sign_at(leads, i * p + c, d, points, slot) <= 0:
            return False
    return True


@kernel
def hold_winning(tree, f, leads, i, p, d):
    """List behind the node's points those where a candidate is proved ahead; returns the end of the segment."""
    end = tree.frames[f, P1]
    for place in range(tree.frames[f, P0], tree.frames[f, P1]):
        slot = tree.lists[HELD, place]
        if tree.point_ids[slot] < 0 and _is_ahead(leads, i, p, d, tree.points, slot):
            tree.lists[HELD, end] = slot
            end += 1
    return end


@kernel
def _seek_lead(tree, lp, box, f, leads, u, d):
    """Is a lead positive somewhere on node ``f``?  As `questions.seek`; a point that is found is held."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    if counters[READY] != f or frame[SLOTS] + 4 > tree.points.shape[0]:
        return questions.OPEN
    best, start = -np.inf, counters[ORIGIN]
    for place in range(frame[P0], frame[P1]):
        slot = tree.lists[HELD, place]
        value = value_at(leads, u, d, tree.points, slot)
        if tree.point_ids[slot] < 0 and value > best:
            best, start = value, slot
    answer = questions.seek(
        leads,
        u,
        1.0,
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
        2 * frame[LAYER],
    )
    counters[RAYS] += 1
    counters[LPS] += int(answer != questions.HIT)
    if answer <= questions.FOUND:
        hold_point(tree, f, lp.vectors, d)
    return answer


@kernel
def contest(tree, lp, box, f, leads, p, d, slots, rivals, counts, rows, numbers):
    """Which of ``p`` lines win somewhere on node ``f``, and which are nowhere ahead of one rival?

    Lead ``i * p + c`` is line ``i`` minus line ``c``.  For candidate ``i``, ``slots[i]`` is a held point where it wins;
    or -1 and ``rivals[i]`` is never behind it, as ``counts[i]`` multipliers (theta first) in `numbers` of the rows in
    `rows` prove; or -2 if neither was proved.
    """
    for i in range(p):
        slots[i] = winning_slot(tree, f, leads, i, p, d)
        if slots[i] >= 0:
            continue
        slots[i] = -2
        for c in range(p):
            if c == i or leads[i * p + c, d + 2] == 0.0:
                continue
            answer = _seek_lead(tree, lp, box, f, leads, i * p + c, d)
            if answer >= questions.PROVED:
                slots[i], rivals[i], counts[i] = -1, c, answer - questions.PROVED
                numbers[i, 0] = lp.vectors[MULTIPLIER, d]
                for k in range(counts[i]):
                    r = lp.basis[WHICH, k]
                    rows[i, k] = r - 2 * d
                    numbers[i, 1 + k] = lp.vectors[MULTIPLIER, k] * tree.rows[r, d + 5]
                break
            slot = winning_slot(tree, f, leads, i, p, d) if answer <= questions.FOUND else -1
            if slot >= 0:
                slots[i] = slot
                break
