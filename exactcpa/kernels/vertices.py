"""Vertices of a node: the signs of lines there, new vertices on edges, and what a vertex proves.

A vertex is the one point where all rows of its mask are zero.  Its position in doubles carries a proved bound on the
error, so the sign of a line there is proved, or decided in small integers, or left open.

Main definitions: `write_signs`, `cut_edge`, `is_edge`, `locate`, `prove_at`, `find_outer_points`.

Conventions: rows and lines as in `state`; ``d`` independent rows of a vertex are listed in ``ids[0]``.

Why the bounds hold.  *Sign at a vertex.*  ``|line(computed position) - line(vertex)|`` is at most the sum of the
coefficients' sizes times the error of the position, so at most ``size / least radius`` times that error.
*Position on an edge.*  With exact values ``x > 0 > -y`` of the line at the ends and computed ones that err by
at most ``E`` and ``F``, the exact share ``x / (x + y)`` differs from the computed one by at most
``(E y + F x) / ((x + y) (x + y - E - F))``; the errors of the ends enter with the share and its complement.
*Position by a solve.*  For an approximate inverse ``R`` of the rows' normals ``A``, ``x* - x = (R A)^-1 R (b - A x)``,
and a norm of ``I - R A`` below one bounds the first factor (Rump 2010, section 10).

References: Fukuda and Prodon, Double description method revisited (1996), section 3 (adjacency); Rump, Verification
methods (Acta Numerica 2010), section 10.

Not here: the walk (`vertex_tree`), exact answers (`vertex_side`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import filters, kernel, merged
from exactcpa.kernels.corners import accept_outer
from exactcpa.kernels.filters import TINY, U, snap
from exactcpa.kernels.integers import LARGEST, _is_whole, read_solution, solve
from exactcpa.kernels.questions import OPEN as UNPROVED
from exactcpa.kernels.questions import PROVED, _are_representable
from exactcpa.kernels.state import CHOSEN, GRID, MULTIPLIER, RADIUS, STATE, TRIAL, WHICH
from exactcpa.kernels.vert_state import MINUS, OPEN, PLUS

is_bounded = merged(filters.is_bounded.py_func)
sign_at = merged(filters.sign_at.py_func)
value_at = merged(filters.value_at.py_func)

UNKNOWN = 2
"""Sign of a line at a vertex that no filter here decides."""

COARSE = 2.0**-26
"""Error of a position beyond which it is worth a solve."""

NEGLIGIBLE = 1e-250
"""Multipliers below it are left out; above it, products with powers of two are exact unless they overflow."""

ONE, NOUGHT = np.uint64(1), np.uint64(0)
_FACTOR, _TOP = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
_NUMBERS = np.zeros(64, np.int64)
for _i in range(64):
    _NUMBERS[((0x03F79D71B4CB0A89 << _i) & (2**64 - 1)) >> 58] = _i


@merged
def number_of(bit):
    """Number of the one bit that is set."""
    return _NUMBERS[np.int64((bit * _FACTOR) >> _TOP)]


@merged
def list_tight(masks, i, rows_of, f, ids):
    """List the rows of vertex ``i`` in ``ids[0]``; returns how many."""
    k = 0
    for w in range(masks.shape[1]):
        left = masks[i, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            ids[0, k] = rows_of[f, 64 * w + number_of(bit)]
            k += 1
    return k


@kernel
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


@kernel
def _invert(rows, ids, d, work):
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


@kernel
def locate(rows, ids, k, d, box, least, spots, g, work):
    """Position of a vertex from its rows, with its error; False, and nothing written, if they seem dependent.

    `least` is the least radius of the box.
    """
    if not choose_independent(rows, ids, k, d, work) or not _invert(rows, ids, d, work):
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


@kernel
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


@kernel
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


@kernel
def sign_settled(lines, u, rows, rows_of, f, masks, i, d, box, least, spots, g, ids, work, whole, refined):
    """Sign of a line at vertex ``i``, whose position is refined unless it is already; perhaps `UNKNOWN`."""
    s = sign_there(lines, u, d, spots, g, least)
    if s != UNKNOWN:
        return s
    k = list_tight(masks, i, rows_of, f, ids)
    if refined == 0 and locate(rows, ids, k, d, box, least, spots, g, work):
        s = sign_there(lines, u, d, spots, g, least)
        if s != UNKNOWN:
            return s
    elif not choose_independent(rows, ids, k, d, work):
        return UNKNOWN
    return _sign_in_integers(lines, u, rows, ids, d, whole)


@kernel
def write_signs(
    lines, rows, rows_of, f, masks, i, d, box, least, spots, g, signs, s, ids, work, whole, refined
):
    """Work out the signs at vertex ``i`` that slot ``s`` lists as open."""
    factor = (d + 3) * U + spots[g, d] / least * (1.0 + 1e-9)
    for w in range(signs.shape[2]):
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
                    lines, u, rows, rows_of, f, masks, i, d, box, least, spots, g, ids, work, whole, refined
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


@merged
def is_edge(masks, i, j, start, end, d):
    """Whether two vertices of a node, one on each side of a row, are the ends of an edge."""
    words = masks.shape[1]
    common = 0
    for w in range(words):
        left = masks[i, w] & masks[j, w]
        while left != NOUGHT:
            left &= left - ONE
            common += 1
    if common < d - 1:
        return False
    if _is_simple(masks, i, d) or _is_simple(masks, j, d):
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


@merged
def _is_simple(masks, i, d):
    """Whether exactly ``d`` facets contain a vertex."""
    count = 0
    for w in range(masks.shape[1]):
        left = masks[i, w]
        while left != NOUGHT:
            left &= left - ONE
            count += 1
    return count == d


@merged
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


@merged
def lowest_vertex(lines, u, factor, d, which, spots, start, end):
    """The vertex where ``factor`` times line ``u`` is least, as computed."""
    best, choice = np.inf, -1
    for i in range(start, end):
        value = factor * value_at(lines, u, d, spots, which[i, 0])
        if value < best:
            best, choice = value, i
    return choice


@merged
def _solve(rows, ids, lines, u, factor, d, work):
    """Leave in column ``d`` of `work` multipliers with which ``d`` normals add up to ``-factor`` times a line's."""
    if d == 3:
        a, b, c = ids[0, 0], ids[0, 1], ids[0, 2]
        p0 = rows[b, 2] * rows[c, 3] - rows[b, 3] * rows[c, 2]
        p1 = rows[b, 3] * rows[c, 1] - rows[b, 1] * rows[c, 3]
        p2 = rows[b, 1] * rows[c, 2] - rows[b, 2] * rows[c, 1]
        scale = -factor / (rows[a, 1] * p0 + rows[a, 2] * p1 + rows[a, 3] * p2)
        g0, g1, g2 = scale * lines[u, 1], scale * lines[u, 2], scale * lines[u, 3]
        work[0, 3] = g0 * p0 + g1 * p1 + g2 * p2
        q0, q1, q2 = (
            rows[a, 2] * g2 - rows[a, 3] * g1,
            rows[a, 3] * g0 - rows[a, 1] * g2,
            rows[a, 1] * g1 - rows[a, 2] * g0,
        )
        work[1, 3] = q0 * rows[c, 1] + q1 * rows[c, 2] + q2 * rows[c, 3]
        work[2, 3] = -(q0 * rows[b, 1] + q1 * rows[b, 2] + q2 * rows[b, 3])
        return True
    if d == 2:
        a, b = ids[0, 0], ids[0, 1]
        scale = -factor / (rows[a, 1] * rows[b, 2] - rows[a, 2] * rows[b, 1])
        work[0, 2] = scale * (lines[u, 1] * rows[b, 2] - lines[u, 2] * rows[b, 1])
        work[1, 2] = scale * (rows[a, 1] * lines[u, 2] - rows[a, 2] * lines[u, 1])
        return True
    for c in range(d):
        for j in range(d):
            work[j, c] = rows[ids[0, c], 1 + j]
    for j in range(d):
        work[j, d] = -factor * lines[u, 1 + j]
    for j in range(d):
        best, choice = 0.0, -1
        for i in range(j, d):
            if abs(work[i, j]) > best:
                best, choice = abs(work[i, j]), i
        if choice < 0:
            return False
        if choice != j:
            for c in range(j, d + 1):
                work[j, c], work[choice, c] = work[choice, c], work[j, c]
        inverse = 1.0 / work[j, j]
        for i in range(j + 1, d):
            a = work[i, j] * inverse
            if a != 0.0:
                for c in range(j + 1, d + 1):
                    work[i, c] -= a * work[j, c]
    for j in range(d - 1, -1, -1):
        value = work[j, d]
        for c in range(j + 1, d):
            value -= work[j, c] * work[c, d]
        work[j, d] = value / work[j, j]
    return True


@merged
def prove_at(lines, u, factor, rows, ids, k, d, basis, vectors, whole, box, work):
    """Prove ``factor * line <= 0`` by ``d`` of the ``k`` rows in ``ids[0]``: ``PROVED + n`` or ``UNPROVED``."""
    if not choose_independent(rows, ids, k, d, work) or not _solve(rows, ids, lines, u, factor, d, work):
        return UNPROVED
    n, representable = 0, True
    for c in range(d):
        r, weight = ids[0, c], work[c, d]
        if r >= 2 * d and weight > NEGLIGIBLE:
            basis[WHICH, n] = r
            vectors[MULTIPLIER, n] = weight
            representable = representable and NEGLIGIBLE < weight * rows[r, d + 5] < 1.0 / NEGLIGIBLE
            n += 1
    vectors[MULTIPLIER, d] = 1.0
    if representable and is_bounded(lines, u, factor, rows, basis, vectors, n, d, box):
        return PROVED + n
    return _prove_in_integers(lines, u, factor, rows, ids, d, basis, vectors, whole)


@kernel
def _prove_in_integers(lines, u, factor, rows, ids, d, basis, vectors, whole):
    """The same where all numbers are small integers."""
    if not _is_whole(lines, u, d):
        return UNPROVED
    for c in range(d):
        r = ids[0, c]
        if not _is_whole(rows, r, d):
            return UNPROVED
        basis[WHICH, c] = r
        for j in range(d):
            whole[j, c] = np.int64(rows[r, 1 + j] / rows[r, d + 4])
    for j in range(d):
        whole[j, d] = np.int64(-factor * lines[u, 1 + j] / lines[u, d + 4])
    if not solve(whole, d):
        return UNPROVED
    n = read_solution(whole, lines, u, factor, rows, basis, vectors, d)
    if n >= 0 and _are_representable(rows, basis, vectors, n, d):
        return PROVED + n
    return UNPROVED


@kernel
def find_middle(rows, rows_of, used, f, which, spots, start, end, d, box, vectors):
    """Leave in ``vectors[TRIAL]`` a point proved to be strictly inside all facets; False if none is found."""
    for j in range(d):
        total = 0.0
        for i in range(start, end):
            total += spots[which[i, 0], j]
        vectors[TRIAL, j] = total / (end - start)
    snap(vectors, TRIAL, d, box)
    for w in range(used.shape[1]):
        left = used[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            if sign_at(rows, rows_of[f, 64 * w + number_of(bit)], d, vectors, TRIAL) <= 0:
                return False
    return True


@merged
def find_outer_points(
    rows,
    rows_of,
    used,
    f,
    basis,
    vectors,
    m,
    d,
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
):
    """For each facet of a cell a point beyond it alone: from the witness through the middle of its vertices, and on.

    Facets found are marked in ``basis[STATE]`` and their points stand in `outer`, by place in the chosen rows.

    With ``c`` the middle, ``w`` the witness and a step ``t`` of at most 1, a slack at ``c + t (c - w)`` is computed
    as that of ``c`` less ``t`` times what it lost since ``w``.  The two values err by ``(d + 2) u size`` each, the
    combination and the rounded point by ``6 u size`` more, all times ``1 + 2 t`` at most.  The step leaves half of
    the slack at ``c`` of all other rows.
    """
    for k in range(m):
        work[k, d + 1] = value_at(rows, basis[CHOSEN, k], d, points, slot)
    for w in range(used.shape[1]):
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
        for w in range(used.shape[1]):
            left = masks[v, w]
            while left != NOUGHT:
                bit = left & (~left + ONE)
                left ^= bit
                p = 64 * w + number_of(bit)
                ids[2, p] += 1
                for j in range(d):
                    work[p, j] += spots[g, j]
    is_free = True
    for j in range(d):
        is_free = is_free and box[GRID, j] <= 0.0
    rounding = 3.0 * (d + 9) * U
    for i in range(2 * d, m):
        if basis[STATE, i] != 0 or basis[CHOSEN, i] < domain_rows:
            continue
        p = ids[1, basis[CHOSEN, i]]
        for j in range(d):
            work[p, j] /= ids[2, p]
        t, clear, own = 2.0, is_free, 0.0
        for k in range(m):
            r = basis[CHOSEN, k]
            slack = rows[r, 0]
            if k < 2 * d:
                j = k if k < d else k - d  # the box's rows have one coefficient each
                slack += rows[r, 1 + j] * work[p, j]
            else:
                for j in range(d):
                    slack += rows[r, 1 + j] * work[p, j]
            if k == i:
                own = slack
                continue
            lost = work[k, d + 1] - slack
            if lost * t > slack:
                t = slack / lost
            clear = clear and 0.4 * slack > rows[r, d + 1] + rounding * rows[r, d + 2] + TINY
        if not t > 0.0:
            continue
        t *= 0.5
        for j in range(d):
            vectors[TRIAL, j] = work[p, j] + t * (work[p, j] - points[slot, j])
            clear = clear and not abs(vectors[TRIAL, j]) < -box[GRID, j]
        if clear:
            r = basis[CHOSEN, i]
            if own + t * (own - work[i, d + 1]) < -(rows[r, d + 1] + rounding * rows[r, d + 2] + TINY):
                basis[STATE, i] = 1
                for j in range(d):
                    outer[i, j] = vectors[TRIAL, j]
                continue
        snap(vectors, TRIAL, d, box)
        accept_outer(rows, basis, vectors, m, d, i, outer)


@merged
def free_place(used, f):
    """A place no facet of node ``f`` has, or -1."""
    for w in range(used.shape[1]):
        free = ~used[f, w]
        if free != NOUGHT:
            return 64 * w + number_of(free & (~free + ONE))
    return -1
