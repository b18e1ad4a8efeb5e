"""Nodes of the split tree: the points they hold, their rows, their dictionary, their children.

Main definitions: `hold_point`, `count_signs`, `prepare`, `push`, `add_row`, `has_room`.

Conventions: see `state`.  Points a node holds are proved to be strictly inside it.

Not here: which questions are asked about a node (`tree`, `rows`, `contest`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, kernel, simplex
from exactcpa.kernels.filters import sign_at, snap, value_at
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    CHOSEN,
    FACETS,
    FLUSH,
    GROUP,
    GROW,
    HELD,
    KNOWN,
    LAYER,
    NCELL,
    NCODE,
    NFACE,
    NREAL,
    ORIGIN,
    OUTER,
    P0,
    P1,
    PHASE,
    POSITION,
    QUESTION,
    READY,
    ROWS,
    SIFTED,
    SLOTS,
    STATE,
    TEST,
    TOP,
    TRIAL,
    U0,
    U1,
    UNDECIDED,
    UP1,
)

UNASKED = 3
"""State of a row of which nobody asks whether it is a facet."""

TRIED = 16
"""Held points from which a known point beyond a facet is sought again."""


@kernel
def write_signs(tree, f, slot, d):
    """Proved signs of the undecided switches of node ``f`` at a point."""
    layer = tree.frames[f, LAYER]
    lines = tree.lines[layer]
    for i in range(tree.frames[f, U0], tree.frames[f, U1]):
        u = tree.lists[UNDECIDED, i]
        tree.signs[slot, u] = sign_at(lines, u, d, tree.points, slot) if tree.point_ids[slot] < 0 else 0


@inlined
def hold_point(tree, f, vectors, d):
    """Keep ``vectors[TRIAL]``, a proved interior point of node ``f``."""
    frame = tree.frames[f]
    slot = frame[SLOTS]
    for j in range(d):
        tree.points[slot, j] = vectors[TRIAL, j]
    tree.point_ids[slot] = -1
    write_signs(tree, f, slot, d)
    tree.lists[HELD, frame[P1]] = slot
    frame[P1] += 1
    frame[SLOTS] += 1


@kernel
def set_bit(bits, f, bit):
    """Set a pattern bit of node ``f``."""
    bits[f, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@kernel
def count_signs(lists, signs, start, end, u):
    """How many held points are proved below and above a line."""
    minus, plus = 0, 0
    for i in range(start, end):
        s = signs[lists[HELD, i], u]
        if s > 0:
            plus += 1
        elif s < 0:
            minus += 1
    return minus, plus


@inlined
def prepare(tree, lp, f, d):
    """List the node's rows and, if it holds a double point, have its dictionary ready."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    for i in range(m):
        lp.basis[CHOSEN, i] = i if i < 2 * d else tree.lists[ACTIVE, frame[A0] + i - 2 * d]
        lp.basis[STATE, i] = 0 if counters[FACETS] else UNASKED
        slot = tree.lists[OUTER, frame[A0] + i - 2 * d] if i >= 2 * d and counters[FACETS] else -1
        if slot >= 0:
            lp.basis[STATE, i] = 1
            for j in range(d):
                lp.outer[i, j] = tree.points[slot, j]
    for i in range(frame[P0], frame[P1]):
        slot = tree.lists[HELD, i]
        if tree.point_ids[slot] < 0:
            simplex.start(tree.rows, m, d, tree.points, slot, lp.table, lp.basis)
            counters[READY], counters[ORIGIN] = f, slot
            break


@inlined
def nearest_point(tree, f, u, factor, d):
    """The held double point with the greatest ``factor * line u``."""
    frame = tree.frames[f]
    best, choice = -np.inf, -1
    for i in range(frame[P0], frame[P1]):
        slot = tree.lists[HELD, i]
        if tree.point_ids[slot] < 0:
            value = factor * value_at(tree.lines[frame[LAYER]], u, d, tree.points, slot)
            if value > best or choice < 0:
                best, choice = value, slot
    return choice


@inlined
def has_room(tree, out, f, d):
    """Whether buffers and stacks have room for a step: a record for each switch and row; else asks for it."""
    counters, frame = tree.counters, tree.frames[f]
    records_left = 2 + tree.lines.shape[1] + frame[A1] - frame[A0]
    if (
        counters[NCODE] + records_left * (d + 8) > out.codes.shape[0]
        or counters[NREAL] + records_left * (d + 8) > out.reals.shape[0]
        or counters[NCELL] + 2 > out.cell_marks.shape[0]
        or counters[NFACE] + records_left > out.facet_flips.shape[0]
    ):
        counters[QUESTION] = FLUSH
        return False
    room = tree.lists.shape[1] - 16
    if (
        f + 3 > tree.frames.shape[0]
        or frame[SLOTS] + 2 * tree.lines.shape[1] + frame[A1] - frame[A0] + 8 > tree.points.shape[0]
        or frame[ROWS] + 4 > tree.rows.shape[0]
        or 2 * frame[U1] - frame[U0] + tree.lines.shape[1] > room
        or frame[P1] + 2 * (frame[P1] - frame[P0] + 2 * tree.lines.shape[1]) > room
        or 2 * frame[A1] - frame[A0] > room
    ):
        counters[QUESTION] = GROW
        return False
    return True


@kernel
def _copy_segment(lists, which, start, end, to):
    for i in range(start, end):
        lists[which, to + i - start] = lists[which, i]


@kernel
def push(tree, f, start, end):
    """A child of node ``f`` that holds the points in a segment of the list, on top of the stack."""
    parent, child = tree.frames[f], tree.frames[f + 1]
    child[LAYER], child[GROUP], child[PHASE] = parent[LAYER], parent[GROUP], TEST
    child[SIFTED] = 0
    tree.spans[0, parent[LAYER]] = -1
    tree.shares[2 + f] = 0.5 * tree.shares[1 + f]
    _copy_segment(tree.lists, UNDECIDED, parent[U0], parent[U1], parent[U1])
    child[U0], child[U1] = parent[U1], 2 * parent[U1] - parent[U0]
    _copy_segment(tree.lists, HELD, start, end, parent[UP1])
    child[P0], child[P1] = parent[UP1], parent[UP1] + end - start
    for which in range(ACTIVE, OUTER + KNOWN if tree.counters[FACETS] else OUTER):
        _copy_segment(tree.lists, which, parent[A0], parent[A1], parent[A1])
    child[A0], child[A1] = parent[A1], 2 * parent[A1] - parent[A0]
    child[SLOTS], child[ROWS] = parent[SLOTS], parent[ROWS]
    child[POSITION] = child[U0]
    for w in range(tree.bits.shape[1]):
        tree.bits[f + 1, w] = tree.bits[f, w]
    tree.counters[TOP], tree.counters[READY] = f + 1, -1


@kernel
def add_row(tree, f, lines, u, factor, box, d):
    """Append ``factor * line`` (a factor of +1 or -1), scaled to size one, to the rows of node ``f``."""
    frame = tree.frames[f]
    r = frame[ROWS]
    biggest = 0.0
    for j in range(d):
        biggest = max(biggest, abs(lines[u, 1 + j]))
    power = 2.0 ** min(1000.0, -np.ceil(np.log2(biggest))) if biggest > 0.0 else 1.0
    for j in range(d + 1):
        tree.rows[r, j] = factor * power * lines[u, j]
    tree.rows[r, d + 1], tree.rows[r, d + 2] = power * lines[u, d + 1], power * lines[u, d + 2]
    tree.rows[r, d + 3], tree.rows[r, d + 4], tree.rows[r, d + 5] = (
        lines[u, d + 3],
        power * lines[u, d + 4],
        power,
    )
    if tree.counters[FACETS]:
        _keep_outer(tree, f, r, box, d)
    tree.origins[r] = 2 * frame[LAYER]
    tree.lists[ACTIVE, frame[A1]] = r
    for known in range(KNOWN):
        tree.lists[OUTER + known, frame[A1]] = -1
    frame[A1] += 1
    frame[ROWS] = r + 1


@kernel
def _keep_outer(tree, f, r, box, d):
    """Of the points beyond one row of node ``f`` alone, keep those proved to be inside a new row."""
    for place in range(tree.frames[f, A0], tree.frames[f, A1]):
        kept = 0
        for known in range(KNOWN):
            slot = tree.lists[OUTER + known, place]
            if slot < 0:
                break
            if sign_at(tree.rows, r, d, tree.points, slot) > 0:
                tree.lists[OUTER + kept, place] = slot
                kept += 1
        if kept == 0 and tree.lists[OUTER, place] >= 0 and _pull_outer(tree, f, r, place, box, d):
            kept = 1
        if kept < KNOWN:
            tree.lists[OUTER + kept, place] = -1


@kernel
def _pull_outer(tree, f, r, place, box, d):
    """From a point known beyond one row, outside a new row, go towards a held point: which row is entered first?

    On that segment all other rows hold.  With values a, b of this and of the new row at a held point, and a', b' at the
    known one, it enters the new row first exactly when ``a / b < a' / b'``; so the least and the greatest quotient
    serve if any do.  The slot of a point between is entered in the list if it is proved to be beyond that row alone.
    """
    frame, points = tree.frames[f], tree.points
    slot, i = frame[SLOTS], tree.lists[ACTIVE, place]
    least, start = np.inf, -1
    for held in range(frame[P0], min(frame[P1], frame[P0] + TRIED)):
        p = tree.lists[HELD, held]
        if tree.point_ids[p] < 0:
            quotient = value_at(tree.rows, i, d, points, p) / value_at(tree.rows, r, d, points, p)
            if quotient < least:
                least, start = quotient, p
    greatest, end = least, -1
    for known in range(KNOWN):
        q = tree.lists[OUTER + known, place]
        if q < 0:
            break
        quotient = value_at(tree.rows, i, d, points, q) / value_at(tree.rows, r, d, points, q)
        if quotient > greatest:
            greatest, end = quotient, q
    if start < 0 or end < 0 or slot + 1 > points.shape[0]:
        return False
    inside, beyond = value_at(tree.rows, i, d, points, start), value_at(tree.rows, i, d, points, end)
    above, outside = value_at(tree.rows, r, d, points, start), value_at(tree.rows, r, d, points, end)
    share = 0.5 * (inside / (inside - beyond) + above / (above - outside))
    for j in range(d):
        points[slot, j] = points[start, j] + share * (points[end, j] - points[start, j])
    snap(points, slot, d, box)
    if not _is_beyond_alone(tree, f, r, place, slot, d):
        return False
    tree.point_ids[slot] = -1
    tree.lists[OUTER, place] = slot
    frame[SLOTS] = slot + 1
    return True


@kernel
def _is_beyond_alone(tree, f, r, place, slot, d):
    """Whether a point is proved to be beyond the active row at a place and inside all others and row ``r``."""
    for i in range(2 * d):
        if sign_at(tree.rows, i, d, tree.points, slot) <= 0:
            return False
    for other in range(tree.frames[f, A0], tree.frames[f, A1]):
        sign = sign_at(tree.rows, tree.lists[ACTIVE, other], d, tree.points, slot)
        if sign >= 0 if other == place else sign <= 0:
            return False
    return sign_at(tree.rows, r, d, tree.points, slot) > 0


@kernel
def hold_outer(tree, f, place, vectors, i, d):
    """Remember ``vectors[i]``, a proved point beyond the active row at a place of node ``f`` alone."""
    frame = tree.frames[f]
    slot = frame[SLOTS]
    for j in range(d):
        tree.points[slot, j] = vectors[i, j]
    tree.point_ids[slot] = -1
    tree.lists[OUTER, place], tree.lists[OUTER + 1, place] = slot, -1
    frame[SLOTS] += 1


@kernel
def hold_others(tree, f, start, end):
    """Remember a segment of held points, those of a node's other side, as points beyond its newest row alone."""
    place, known = tree.frames[f, A1] - 1, 0
    for i in range(start, end):
        slot = tree.lists[HELD, i]
        if tree.point_ids[slot] < 0 and known < KNOWN:
            tree.lists[OUTER + known, place] = slot
            known += 1
    if known < KNOWN:
        tree.lists[OUTER + known, place] = -1


@kernel
def is_unsure(tree, f, domain_rows):
    """Whether node ``f`` has not been sifted and a row of it may be redundant: no point is known beyond it alone."""
    if tree.frames[f, SIFTED]:
        return False
    for place in range(tree.frames[f, A0], tree.frames[f, A1]):
        if tree.lists[OUTER, place] < 0 and tree.lists[ACTIVE, place] >= domain_rows:
            return True
    return False
