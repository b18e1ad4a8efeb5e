"""Points by means of vertices: strictly inside a node, and beyond each facet of a cell alone.

Main definitions: `hold_a_point`, `find_outer_points`.

Conventions: as in `vertices`; a point inside is asked for (``ASK_POINT``) where doubles find none.

Not here: points by linear programs (`questions`, `corners`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, walk_merged
from exactcpa.kernels.bits import NOUGHT, ONE, number_of
from exactcpa.kernels.corners import accept_outer
from exactcpa.kernels.filters import TINY, U, snap
from exactcpa.kernels.state import CHOSEN, GRID, HELD, P0, P1, QFRAME, QUESTION, QUNIT, SLOTS, STATE, TRIAL
from exactcpa.kernels.vert_state import ASK_POINT, V0, V1
from exactcpa.kernels.vertex_inlets import sign_at, value_at


@inlined
def ask(counters, question, f, subject):
    """Stop with a question."""
    counters[QUESTION], counters[QFRAME], counters[QUNIT] = question, f, subject


@walk_merged
def find_middle(rows, rows_of, used, f, which, spots, start, end, d, words, box, vectors):
    """Leave in ``vectors[TRIAL]`` a point proved to be strictly inside all facets; False if none is found."""
    for j in range(d):
        total = 0.0
        for i in range(start, end):
            total += spots[which[i, 0], j]
        vectors[TRIAL, j] = total / (end - start)
    snap(vectors, TRIAL, d, box)
    for w in range(words):
        left = used[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            if sign_at(rows, rows_of[f, 64 * w + number_of(bit)], d, vectors, TRIAL) <= 0:
                return False
    return True


@walk_merged
def _hold(lists, points, point_ids, signs, frame, vectors, d):
    """Keep ``vectors[TRIAL]``, a proved interior point, with no signs."""
    slot = frame[SLOTS]
    for j in range(d):
        points[slot, j] = vectors[TRIAL, j]
    point_ids[slot] = -1
    for u in range(signs.shape[1]):
        signs[slot, u] = 0
    lists[HELD, frame[P1]] = slot
    frame[P1] += 1
    frame[SLOTS] += 1


@inlined
def hold_a_point(tree, lp, corners, box, f, d, words):
    """Have the node hold a point; False if doubles find none."""
    frame, node = tree.frames[f], corners.nodes[f]
    if frame[P0] < frame[P1]:
        return True
    if not find_middle(
        tree.rows,
        corners.rows_of,
        corners.used,
        f,
        corners.which,
        corners.spots,
        node[V0],
        node[V1],
        d,
        words,
        box,
        lp.vectors,
    ):
        ask(tree.counters, ASK_POINT, f, 0)
        return False
    _hold(tree.lists, tree.points, tree.point_ids, tree.signs, frame, lp.vectors, d)
    return True


@walk_merged
def find_outer_points(
    rows,
    rows_of,
    used,
    f,
    basis,
    vectors,
    m,
    d,
    words,
    box,
    points,
    slot,
    which,
    masks,
    spots,
    start,
    end,
    outer,
    domain_rows,
    ids,
    work,
    values,
    walls,
):
    """For each facet of a cell a point beyond it alone: from the witness through the middle of its vertices, and on.

    Facets found are marked in ``basis[STATE]`` and their points stand in `outer`, by place in the chosen rows.

    With ``c`` the middle, ``w`` the witness and a step ``t`` of at most 1, a slack at ``c + t (c - w)`` is computed
    as that of ``c`` less ``t`` times what it lost since ``w``.  The two values err by ``(d + 2) u size`` each, the
    combination and the rounded point by ``6 u size`` more, all times ``1 + 2 t`` at most.  The step leaves half of
    the slack at ``c`` of all other rows.

    The rows that count stand in `walls`.  Those of the box do not if the cell, half as far away again as it is wide, is
    inside them: points are compared with that wider box, which `values` holds.
    """
    for j in range(d):
        values[j, 0], values[j, 1] = np.inf, -np.inf
    for w in range(words):
        left = used[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            p = 64 * w + number_of(bit)
            ids[1, rows_of[f, p]] = p
            ids[2, p] = 0
            for j in range(d):
                work[p, j] = 0.0
    for v in range(start, end):
        g = which[v, 0]
        for j in range(d):
            values[j, 0] = min(values[j, 0], spots[g, j])
            values[j, 1] = max(values[j, 1], spots[g, j])
        for w in range(words):
            left = masks[v, w]
            while left != NOUGHT:
                bit = left & (~left + ONE)
                left ^= bit
                p = 64 * w + number_of(bit)
                ids[2, p] += 1
                for j in range(d):
                    work[p, j] += spots[g, j]
    is_free, rounding = True, 3.0 * (d + 9) * U
    for j in range(d):
        is_free = is_free and box[GRID, j] <= 0.0
        margin = 1.5 * (values[j, 1] - values[j, 0])
        values[j, 0] -= margin
        values[j, 1] += margin
    count = 0
    for k in range(m):
        r = basis[CHOSEN, k]
        if k < 2 * d:
            side = 0 if k < d else 1
            j = k - side * d
            reach = rows[r, 0] + rows[r, 1 + j] * values[j, side]  # the box's rows have one coefficient each
            if reach > rows[r, d + 1] + (d + 2) * U * rows[r, d + 2] + TINY:
                continue
            values[j, side] = -np.inf if side == 0 else np.inf
        for j in range(d + 1):
            walls[count, j] = rows[r, j]
        walls[count, d + 1] = value_at(rows, r, d, points, slot)
        walls[count, d + 2] = rows[r, d + 1] + rounding * rows[r, d + 2] + TINY
        ids[0, k] = count
        count += 1
    for i in range(2 * d, m):
        r = basis[CHOSEN, i]
        if basis[STATE, i] != 0 or r < domain_rows:
            continue
        p, mine = ids[1, r], ids[0, i]
        for j in range(d):
            work[p, j] /= ids[2, p]
        t, clear, own = 2.0, is_free, 0.0
        for k in range(count):
            slack = walls[k, 0]
            for j in range(d):
                slack += walls[k, 1 + j] * work[p, j]
            if k == mine:
                own = slack
                continue
            lost = walls[k, d + 1] - slack
            if lost * t > slack:
                t = slack / lost
            clear = clear and 0.4 * slack > walls[k, d + 2]
        if not t > 0.0:
            continue
        t *= 0.5
        for j in range(d):
            vectors[TRIAL, j] = work[p, j] + t * (work[p, j] - points[slot, j])
            clear = clear and not abs(vectors[TRIAL, j]) < -box[GRID, j]
            clear = clear and values[j, 0] <= vectors[TRIAL, j] <= values[j, 1]
        if clear:
            if own + t * (own - walls[mine, d + 1]) < -walls[mine, d + 2]:
                basis[STATE, i] = 1
                for j in range(d):
                    outer[i, j] = vectors[TRIAL, j]
                continue
        snap(vectors, TRIAL, d, box)
        accept_outer(rows, basis, vectors, m, d, i, outer)
