"""Vertices of a node: their positions, the signs of lines there, and new vertices on edges.

A vertex is the one point where all rows of its mask are zero.  Its position in doubles carries a proved bound on the
error, so the sign of a line there is proved, or decided in small integers, or left open.

Main definitions: `locate`, `write_signs`, `is_edge`, `cut_edge`.

Conventions: rows and lines as in `state`; ``d`` independent rows of a vertex are listed in ``ids[0]``.  A mask has
`words` words, a set of switches `switch_words`; these and ``d`` may be constants of the compiled code (`sizes`).

Why the bounds hold.  *Sign at a vertex.*  ``|line(computed position) - line(vertex)|`` is at most the sum of the
coefficients' sizes times the error of the position, so at most ``size / least radius`` times that error.
*Position on an edge.*  With exact values ``x > 0 > -y`` of the line at the ends and computed ones that err by
at most ``E`` and ``F``, the exact share ``x / (x + y)`` differs from the computed one by at most
``(E y + F x) / ((x + y) (x + y - E - F))``; the errors of the ends enter with the share and its complement.
*Position by a solve.*  For an approximate inverse ``R`` of the rows' normals ``A``, ``x* - x = (R A)^-1 R (b - A x)``,
and a norm of ``I - R A`` below one bounds the first factor (Rump 2010, section 10).

References: Fukuda and Prodon, Double description method revisited (1996), section 3 (adjacency); Rump, Verification
methods (Acta Numerica 2010), section 10.

Not here: what a vertex proves (`vertex_proofs`), the walk (`vertex_tree`), exact answers (`vertex_side`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import walk_kernel, walk_merged
from exactcpa.kernels.bits import NOUGHT, ONE, count_of, number_of
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.integers import LARGEST, _is_whole
from exactcpa.kernels.state import RADIUS
from exactcpa.kernels.vert_state import MINUS, OPEN, PLUS

UNKNOWN = 2
"""Sign of a line at a vertex that no filter here decides."""

COARSE = 2.0**-26
"""Error of a position beyond which it is worth a solve."""


@walk_merged
def list_tight(masks, i, rows_of, f, ids, words):
    """List the rows of vertex ``i`` in ``ids[0]``; returns how many."""
    k = 0
    for w in range(words):
        left = masks[i, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            ids[0, k] = rows_of[f, 64 * w + number_of(bit)]
            k += 1
    return k


@walk_kernel
def choose_independent(rows, ids, k, d, work):
    """Move ``d`` rows that seem independent to the front of ``ids[0]``; False if there seem to be none."""
    if k == d:
        return True
    if k < d:
        return False
    for i in range(k):
        for j in range(d):
            work[i, j] = rows[ids[0, i], 1 + j]
    for j in range(d):
        best, choice, column = 0.0, -1, -1
        for i in range(j, k):
            for c in range(j, d):
                if abs(work[i, c]) > best:
                    best, choice, column = abs(work[i, c]), i, c
        if choice < 0:
            return False
        ids[0, j], ids[0, choice] = ids[0, choice], ids[0, j]
        for c in range(d):
            work[j, c], work[choice, c] = work[choice, c], work[j, c]
        for i in range(k):
            work[i, j], work[i, column] = work[i, column], work[i, j]
        for i in range(j + 1, k):
            a = work[i, j] / work[j, j]
            for c in range(j, d):
                work[i, c] -= a * work[j, c]
    return True


@walk_kernel
def invert(rows, ids, d, work):
    """Approximate inverse of the normals of the rows in ``ids[0]``, in columns ``d .. 2d-1`` of `work`."""
    for i in range(d):
        for j in range(d):
            work[i, j] = rows[ids[0, i], 1 + j]
            work[i, d + j] = 1.0 if i == j else 0.0
    for j in range(d):
        best, choice = 0.0, -1
        for i in range(j, d):
            if abs(work[i, j]) > best:
                best, choice = abs(work[i, j]), i
        if choice < 0:
            return False
        if choice != j:
            for c in range(2 * d):
                work[j, c], work[choice, c] = work[choice, c], work[j, c]
        inverse = 1.0 / work[j, j]
        for c in range(j, 2 * d):
            work[j, c] *= inverse
        for i in range(d):
            if i != j and work[i, j] != 0.0:
                a = work[i, j]
                for c in range(j, 2 * d):
                    work[i, c] -= a * work[j, c]
    return True


@walk_kernel
def locate(rows, ids, k, d, box, least, spots, g, work):
    """Position of a vertex from its rows, with its error; False, and nothing written, if they seem dependent.

    `least` is the least radius of the box.
    """
    if not choose_independent(rows, ids, k, d, work) or not invert(rows, ids, d, work):
        return False
    through_origin = True
    for c in range(d):
        if rows[ids[0, c], d + 3] == 0.0:
            through_origin = False
    norm, n = 0.0, 2 * d
    for j in range(d):
        total = 0.0
        for e in range(d):
            entry, bracket = 1.0 if e == j else 0.0, 1.0
            for c in range(d):
                product = work[j, d + c] * rows[ids[0, c], 1 + e]
                entry -= product
                bracket += abs(product)
            total += abs(entry) + (d + 4) * U * bracket
        for c in range(d):
            total += abs(work[j, d + c]) * rows[ids[0, c], d + 1] / least * (1.0 + 1e-9)
        norm = max(norm, total + TINY)
    if not norm < 0.5:
        return False
    if through_origin:
        for j in range(d + 1):
            spots[g, j] = 0.0
        return True
    for j in range(d):
        value = 0.0
        for c in range(d):
            value -= work[j, d + c] * rows[ids[0, c], 0]
        work[j, n] = value
    for c in range(d):
        r = ids[0, c]
        value = rows[r, 0]
        for j in range(d):
            value += rows[r, 1 + j] * work[j, n]
        work[c, n + 1] = abs(value) + rows[r, d + 1] + (d + 3) * U * rows[r, d + 2] + TINY
    error = 0.0
    for j in range(d):
        total = 0.0
        for c in range(d):
            total += abs(work[j, d + c]) * work[c, n + 1]
        error = max(error, total)
        if not abs(work[j, n]) <= 2.0 * box[RADIUS, j]:
            return False
    error = error / (1.0 - norm) * (1.0 + 1e-9) + TINY
    if not np.isfinite(error):
        return False
    for j in range(d):
        spots[g, j] = work[j, n]
    spots[g, d] = error
    return True


@walk_merged
def sign_there(lines, u, d, spots, g, least):
    """Proved sign of a line at a vertex by its position; `UNKNOWN` if that does not say."""
    value = lines[u, 0]
    for j in range(d):
        value += lines[u, 1 + j] * spots[g, j]
    error, size = spots[g, d], lines[u, d + 2]
    bound = lines[u, d + 1] + ((d + 3) * U + error / least * (1.0 + 1e-9)) * size + TINY
    if value > bound:
        return 1
    if value < -bound:
        return -1
    if size == 0.0 and lines[u, d + 1] == 0.0:
        return 0
    bracket, slope, is_origin = abs(lines[u, 0]), 0.0, error == 0.0
    for j in range(d):
        bracket += abs(lines[u, 1 + j] * spots[g, j])
        slope += abs(lines[u, 1 + j])
        is_origin = is_origin and spots[g, j] == 0.0
    if is_origin and lines[u, d + 3] != 0.0:
        return 0
    bound = lines[u, d + 1] + ((d + 3) * U * bracket + slope * error) * (1.0 + 1e-9) + TINY
    if value > bound:
        return 1
    if value < -bound:
        return -1
    return UNKNOWN


@walk_kernel
def _sign_in_integers(lines, u, rows, ids, d, whole):
    """Sign of a line at the vertex of ``d`` independent rows, by two determinants in 64 bits, or `UNKNOWN`."""
    if not _is_whole(lines, u, d):
        return UNKNOWN
    for c in range(d + 1):
        if c < d:
            r = ids[0, c]
            if not _is_whole(rows, r, d):
                return UNKNOWN
            for j in range(d + 1):
                whole[c, j] = np.int64(rows[r, (1 + j) % (d + 1)] / rows[r, d + 4])
        else:
            for j in range(d + 1):
                whole[c, j] = np.int64(lines[u, (1 + j) % (d + 1)] / lines[u, d + 4])
    last = np.int64(1)
    for step in range(d):
        found = -1
        for i in range(step, d):
            if whole[i, step] != 0:
                found = i
                break
        if found < 0:
            return UNKNOWN
        for j in range(d + 1):
            whole[step, j], whole[found, j] = whole[found, j], whole[step, j]
        pivot = whole[step, step]
        for i in range(step + 1, d + 1):
            a = whole[i, step]
            for j in range(step, d + 1):
                left, right = float(pivot) * float(whole[i, j]), float(a) * float(whole[step, j])
                if not abs(left) + abs(right) < LARGEST:
                    return UNKNOWN
                whole[i, j] = (pivot * whole[i, j] - a * whole[step, j]) // last
        last = pivot
    # Exchanged rows change both determinants' signs: that of all rows, and that of the first d.
    if whole[d, d] == 0:
        return 0
    return 1 if (whole[d, d] > 0) == (last > 0) else -1


@walk_merged
def sign_settled(
    lines, u, rows, rows_of, f, masks, i, d, words, box, least, spots, g, ids, work, whole, refined
):
    """Sign of a line at vertex ``i``, whose position is refined unless it is already; perhaps `UNKNOWN`."""
    s = sign_there(lines, u, d, spots, g, least)
    if s != UNKNOWN:
        return s
    k = list_tight(masks, i, rows_of, f, ids, words)
    if refined == 0 and locate(rows, ids, k, d, box, least, spots, g, work):
        s = sign_there(lines, u, d, spots, g, least)
        if s != UNKNOWN:
            return s
    elif not choose_independent(rows, ids, k, d, work):
        return UNKNOWN
    return _sign_in_integers(lines, u, rows, ids, d, whole)


@walk_merged
def write_signs(
    lines,
    rows,
    rows_of,
    f,
    masks,
    i,
    d,
    words,
    switch_words,
    box,
    least,
    spots,
    g,
    signs,
    s,
    ids,
    work,
    whole,
    refined,
):
    """Work out the signs at vertex ``i`` that slot ``s`` lists as open."""
    factor = (d + 3) * U + spots[g, d] / least * (1.0 + 1e-9)
    for w in range(switch_words):
        left = signs[s, OPEN, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            u = 64 * w + number_of(bit)
            value = lines[u, 0]
            for j in range(d):
                value += lines[u, 1 + j] * spots[g, j]
            bound = lines[u, d + 1] + factor * lines[u, d + 2] + TINY
            if abs(value) > bound:
                sign = 1 if value > 0.0 else -1
            else:
                sign = sign_settled(
                    lines,
                    u,
                    rows,
                    rows_of,
                    f,
                    masks,
                    i,
                    d,
                    words,
                    box,
                    least,
                    spots,
                    g,
                    ids,
                    work,
                    whole,
                    refined,
                )
                factor = (d + 3) * U + spots[g, d] / least * (1.0 + 1e-9)
                refined = 1
            if sign == UNKNOWN:
                continue
            signs[s, OPEN, w] ^= bit
            if sign > 0:
                signs[s, PLUS, w] |= bit
            elif sign < 0:
                signs[s, MINUS, w] |= bit


@walk_merged
def is_edge(masks, i, j, start, end, d, words):
    """Whether two vertices of a node, one on each side of a row, are the ends of an edge."""
    common = 0
    for w in range(words):
        common += count_of(masks[i, w] & masks[j, w])
    if common < d - 1:
        return False
    if _is_simple(masks, i, d, words) or _is_simple(masks, j, d, words):
        return True
    for k in range(start, end):
        if k == i or k == j:
            continue
        contains = True
        for w in range(words):
            both = masks[i, w] & masks[j, w]
            if both & masks[k, w] != both:
                contains = False
                break
        if contains:
            return False
    return True


@walk_merged
def _is_simple(masks, i, d, words):
    """Whether exactly ``d`` facets contain a vertex."""
    count = 0
    for w in range(words):
        count += count_of(masks[i, w])
    return count == d


@walk_merged
def cut_edge(spots, a, b, x, x_error, y, y_error, g, d, box):
    """Position of the point between spots ``a`` and ``b`` where a line with values ``x > 0 > -y`` is zero."""
    if not (x > 0.0 and y > 0.0):
        x, y, x_error = 1.0, 1.0, np.inf
    total = x + y
    share, rest = x / total, y / total
    off = np.inf
    if x_error + y_error < 0.5 * total:
        off = (x_error * y + y_error * x) / (total * (total - x_error - y_error)) * (1.0 + 1e-9) + 4.0 * U
    reach, size = 0.0, 0.0
    for j in range(d):
        step = spots[b, j] - spots[a, j]
        spots[g, j] = spots[a, j] + share * step
        reach, size = max(reach, abs(step)), max(size, box[RADIUS, j])
    ends = rest * spots[a, d] + share * spots[b, d] + off * (reach + spots[a, d] + spots[b, d])
    spots[g, d] = ends * (1.0 + 1e-9) + 8.0 * U * size + TINY


@walk_merged
def free_place(used, f, words):
    """A place no facet of node ``f`` has, or -1."""
    for w in range(words):
        free = ~used[f, w]
        if free != NOUGHT:
            return 64 * w + number_of(free & (~free + ONE))
    return -1
