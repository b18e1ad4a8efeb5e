"""Least vectors of polyhedra in doubles, in l2, l1 and l_inf: proposals, and lower bounds that are proofs.

Both methods start at the origin and make violated rows tight one by one, so the multipliers are nonnegative all the
time and prove a bound whenever one stops.  Nothing but that bound is rigorous: it is added up again from the rows, with
their errors, by `prove`.

Main definitions:
    solve_all: Many problems over one table of rows.
    prove: What multipliers prove in spite of rounding.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, u> <= b``; each entry differs from the true one by its entry in `errors` at
    most.  A problem is a list of row numbers; its rows are told by their places in it, 0 .. m-1; ``m + 2j`` and
    ``m + 2j + 1`` are the norm's own, ``u_j <= t_j`` and ``-u_j <= t_j`` (l1: one t_j each; l_inf: one for all).
    Values and bounds of l2 are squares.

References:
    Goldfarb and Idnani (1983), as in `nearest_point`; Lemke (1954), as in `nearest_linear`.
    Neumaier and Shcherbina, Safe bounds in linear and mixed-integer linear programming (2004): the bound.
    Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1: gamma_n.

Not here: exact answers (`nearest_on`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import allocating_entry, kernel

L2, L1, LINF = 0, 1, 2
OPTIMAL, NONE, BEYOND, GAVE_UP = 0, 1, 2, 3
"""A least point; no point at all; longer than the limit; neither.  Proposals, all of them."""

UNIT = 2.0**-53
HUGE, TINY = 1e300, 1e-290
VIOLATED, PIVOT = 1e-11, 1e-10
"""Relative sizes at which a row counts as violated and a pivot as nonzero.  They steer, nothing is decided by them."""


@allocating_entry
def solve_all(norm, rows, errors, starts, members, limits):
    """Solve problems.

    Args:
        norm: L2, L1 or LINF.
        rows: Shape ``(n, d + 1)``.
        errors: The same shape, nonnegative.
        starts: Shape ``(problems + 1,)``: problem p has the rows ``members[starts[p]:starts[p + 1]]``.
        members: Row numbers.
        limits: Shape ``(problems,)``: a problem is left when its value is larger.

    Returns:
        Rigorous lower bounds; statuses; points, shape ``(problems, d)``; places of the active rows, shape
        ``(problems, 2d + 1)``, -1 where there is none; their weights.
    """
    problems, d = len(starts) - 1, rows.shape[1] - 1
    bounds, statuses = np.zeros(problems), np.zeros(problems, np.int64)
    points = np.zeros((problems, d))
    active = np.full((problems, 2 * d + 1), -1, np.int64)
    weights = np.zeros((problems, 2 * d + 1))
    table = np.zeros((2 * d, 2 * d))
    vectors = np.zeros((4, 2 * d + 1))
    for p in range(problems):
        mine = members[starts[p] : starts[p + 1]]
        if norm == L2:
            statuses[p] = least_square(
                rows, mine, limits[p], table, vectors, points[p], active[p], weights[p]
            )
        else:
            statuses[p] = least_linear(
                norm, rows, mine, limits[p], table, vectors, points[p], active[p], weights[p]
            )
        bounds[p] = prove(norm, rows, errors, mine, active[p], weights[p])
    return bounds, statuses, points, active, weights


@kernel
def prove(norm, rows, errors, mine, active, weights):
    """A lower bound of the length of every point, in spite of all rounding; 0 if nothing is proved.

    Nonnegative multipliers add the rows up to ``<p, u> <= q``, so ``|u| >= -q / |p|_dual``.  A sum of k products
    is wrong by ``gamma_k sum |products|`` at most; twice that, and once more in the sums of the errors, covers
    the rounding of the bounds themselves.
    """
    d, m = rows.shape[1] - 1, len(mine)
    factor = (4.0 * len(active) + 16.0) * UNIT
    dual, gap, top = 0.0, 0.0, 0.0
    for j in range(d + 1):
        total, size, wrong = 0.0, 0.0, 0.0
        for k in range(len(active)):
            place, weight = active[k], weights[k]
            if place < 0 or place >= m or not weight > 0.0:
                continue
            a = rows[mine[place], j]
            total += weight * a
            size += weight * abs(a)
            wrong += weight * errors[mine[place], j]
        wrong = (wrong + factor * size) * (1.0 + factor) + TINY
        p = abs(total) + wrong
        if not p < HUGE:
            return 0.0
        if j == d:
            gap = -total - wrong
        elif norm == L2 and p > top:
            # The squares are of shares of the largest: they neither overflow nor are lost.
            dual, top = 1.0 + dual * (top / p) ** 2, p
        elif norm == L2:
            dual += (p / top) ** 2
        elif norm == LINF:
            dual += p
        else:
            dual = max(dual, p)
    if not (TINY < gap < HUGE) or not (dual < HUGE):
        return 0.0
    shrink = 1.0 - (6.0 * d + 16.0) * UNIT
    bound = (gap / top) ** 2 / dual * shrink if norm == L2 else gap / dual * shrink
    return min(bound, HUGE) if bound > TINY else 0.0


@kernel
def _excess(rows, r, d, point):
    """``<n, u> - b``, and what to compare it with."""
    value, size = -rows[r, d], abs(rows[r, d])
    for j in range(d):
        term = rows[r, j] * point[j]
        value += term
        size += abs(term)
    return value, size


@kernel
def _length(rows, r, d):
    total = 0.0
    for j in range(d):
        total += rows[r, j] * rows[r, j]
    return total


# ---------------------------------------------------------------------- l2


@kernel
def least_square(rows, mine, limit, table, vectors, point, active, weights):
    """The least point in l2, by the dual active set method."""
    d, m = rows.shape[1] - 1, len(mine)
    count = 0
    for _ in range(20 + 4 * m):
        value = 0.0
        for j in range(d):
            value += point[j] * point[j]
        if value > limit:
            return BEYOND
        worst, entering = 0.0, -1
        for k in range(m):
            excess, size = _excess(rows, mine[k], d, point)
            if excess > VIOLATED * size:
                length = _length(rows, mine[k], d)
                score = HUGE if length == 0.0 else excess * excess / length
                if score > worst:
                    worst, entering = score, k
        if entering < 0:
            return OPTIMAL
        status, count = _enter(rows, mine, entering, d, count, table, vectors, point, active, weights)
        if status != OPTIMAL:
            return status
    return GAVE_UP


@kernel
def _enter(rows, mine, entering, d, count, table, vectors, point, active, weights):
    """Make a violated row tight; rows whose weights run out leave."""
    row = mine[entering]
    length = _length(rows, row, d)
    weight = 0.0
    for _ in range(2 * d + 2):
        if not _split_normal(rows, mine, row, d, count, table, vectors, active):
            return GAVE_UP, count
        speed = 0.0
        for j in range(d):
            step = rows[row, j]
            for k in range(count):
                step -= vectors[0, k] * rows[mine[active[k]], j]
            vectors[1, j] = step
            speed += step * step
        if count >= d or speed <= PIVOT * length:
            speed = 0.0
        blocking, least = -1, HUGE
        for k in range(count):
            if vectors[0, k] > PIVOT and weights[k] / vectors[0, k] < least:
                blocking, least = k, weights[k] / vectors[0, k]
        if speed == 0.0 and blocking < 0:
            for k in range(count):
                weights[k] = max(0.0, -vectors[0, k])
            active[count], weights[count] = entering, 1.0
            return NONE, count + 1
        excess, _ = _excess(rows, row, d, point)
        full = excess / speed if speed > 0.0 else HUGE
        step = min(full, least)
        for k in range(count):
            weights[k] = max(0.0, weights[k] - step * vectors[0, k])
        weight += step
        if speed > 0.0:
            for j in range(d):
                point[j] -= step * vectors[1, j]
        if full <= least:
            active[count], weights[count] = entering, weight
            return OPTIMAL, count + 1
        count -= 1
        for k in range(blocking, count):
            active[k], weights[k] = active[k + 1], weights[k + 1]
        active[count], weights[count] = -1, 0.0
    return GAVE_UP, count


@kernel
def _split_normal(rows, mine, row, d, count, table, vectors, active):
    """The coefficients of the projection of a normal onto the active ones, in ``vectors[0]``, by Cholesky."""
    for i in range(count):
        a = mine[active[i]]
        for k in range(i + 1):
            b = mine[active[k]]
            total = 0.0
            for j in range(d):
                total += rows[a, j] * rows[b, j]
            for j in range(k):
                total -= table[i, j] * table[k, j]
            if k < i:
                table[i, k] = total / table[k, k]
            elif total > 0.0:
                table[i, i] = np.sqrt(total)
            else:
                return False
        right = 0.0
        for j in range(d):
            right += rows[a, j] * rows[row, j]
        for j in range(i):
            right -= table[i, j] * vectors[0, j]
        vectors[0, i] = right / table[i, i]
    for i in range(count - 1, -1, -1):
        right = vectors[0, i]
        for j in range(i + 1, count):
            right -= table[j, i] * vectors[0, j]
        vectors[0, i] = right / table[i, i]
    return True


# ---------------------------------------------------------------------- l1 and l_inf


@kernel
def least_linear(norm, rows, mine, limit, table, vectors, point, active, weights):
    """The least point in l1 or l_inf, by the dual simplex method; ``table[i]`` is the column of basis row i."""
    d, m = rows.shape[1] - 1, len(mine)
    size = 2 * d if norm == L1 else d + 1
    place = vectors[0]
    _start(norm, d, m, size, table, place, active, weights)
    for _ in range(20 + 4 * (m + size)):
        value = 0.0
        for j in range(d, size):
            value += place[j]
        if value > limit:
            return BEYOND
        entering, excess = _most_violated(norm, rows, mine, d, place)
        if entering < 0:
            for j in range(d):
                point[j] = place[j]
            return OPTIMAL
        _write_normal(norm, rows, mine, entering, d, size, vectors[1])
        leaving, least = -1, HUGE
        for i in range(size):
            share = 0.0
            for j in range(size):
                share += vectors[1, j] * table[i, j]
            vectors[2, i] = share
            if share > PIVOT and weights[i] / share < least:
                leaving, least = i, weights[i] / share
        if leaving < 0:
            for i in range(size):
                weights[i] = max(0.0, -vectors[2, i])
            active[size], weights[size] = entering, 1.0
            return NONE
        _exchange(size, entering, leaving, excess, table, vectors, active, weights)
    return GAVE_UP


@kernel
def _start(norm, d, m, size, table, place, active, weights):
    """The rows of the norm that are tight at the origin; l_inf: both of u_0, one of each other."""
    for i in range(size):
        place[i] = 0.0
        for j in range(size):
            table[i, j] = 0.0
    if norm == L1:
        for j in range(d):
            for s in range(2):
                i = 2 * j + s
                active[i], weights[i] = m + i, 0.5
                table[i, j], table[i, d + j] = 0.5 if s == 0 else -0.5, -0.5
        return
    for i in range(2):
        active[i], weights[i] = m + i, 0.5
        table[i, 0], table[i, d] = 0.5 if i == 0 else -0.5, -0.5
        for j in range(1, d):
            table[i, j] = -0.5
    for j in range(1, d):
        active[j + 1], weights[j + 1] = m + 2 * j, 0.0
        table[j + 1, j] = 1.0


@kernel
def _most_violated(norm, rows, mine, d, place):
    """The place of the row that is most violated for its length, and by how much; -1 if none is."""
    m = len(mine)
    worst, entering, found = 0.0, -1, 0.0
    for k in range(m):
        excess, size = _excess(rows, mine[k], d, place)
        if excess > VIOLATED * size:
            length = _length(rows, mine[k], d)
            score = HUGE if length == 0.0 else excess * excess / length
            if score > worst:
                worst, entering, found = score, k, excess
    for j in range(d):
        bound = place[d + j] if norm == L1 else place[d]
        excess = abs(place[j]) - bound
        if excess > VIOLATED * (abs(place[j]) + abs(bound)) and excess * excess / 2.0 > worst:
            worst, found = excess * excess / 2.0, excess
            entering = m + 2 * j if place[j] > 0.0 else m + 2 * j + 1
    return entering, found


@kernel
def _write_normal(norm, rows, mine, entering, d, size, normal):
    m = len(mine)
    for j in range(size):
        normal[j] = 0.0
    if entering < m:
        for j in range(d):
            normal[j] = rows[mine[entering], j]
        return
    j = (entering - m) // 2
    normal[j] = 1.0 if (entering - m) % 2 == 0 else -1.0
    normal[d + j if norm == L1 else d] = -1.0


@kernel
def _exchange(size, entering, leaving, excess, table, vectors, active, weights):
    """One row of the basis exchanged for a violated one."""
    inverse = 1.0 / vectors[2, leaving]
    step = weights[leaving] * inverse
    for j in range(size):
        table[leaving, j] *= inverse
    for i in range(size):
        share = vectors[2, i]
        if i != leaving and share != 0.0:
            for j in range(size):
                table[i, j] -= share * table[leaving, j]
            weights[i] = max(0.0, weights[i] - step * share)
    active[leaving], weights[leaving] = entering, step
    for j in range(size):
        vectors[0, j] -= excess * table[leaving, j]
