"""What a vertex proves: the multipliers of the rows through the lowest one, where a line is nowhere negative.

Main definitions: `lowest_vertex`, `prove_at`.

Conventions: as in `vertices`; proofs are left in `basis` and `vectors` as `questions` leaves them.

Not here: which switches and rows are asked about (`vertex_drops`, `vertex_rows`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import walk_kernel, walk_merged
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.integers import _is_whole, read_solution, solve
from exactcpa.kernels.questions import IMPLIED, PROVED, _are_representable
from exactcpa.kernels.questions import OPEN as UNPROVED
from exactcpa.kernels.state import MULTIPLIER, RADIUS, WHICH
from exactcpa.kernels.ties import _residual
from exactcpa.kernels.vertex_inlets import is_bounded, value_at
from exactcpa.kernels.vertices import choose_independent, invert

NEGLIGIBLE = 1e-250
"""Multipliers below it are left out; above it, products with powers of two are exact unless they overflow."""

SMALLEST = 1e-9
"""Share of one row in another below which they are not exchanged.  This only steers."""


@walk_merged
def lowest_vertex(lines, u, factor, d, which, spots, start, end):
    """The vertex where ``factor`` times line ``u`` is least, as computed."""
    best, choice = np.inf, -1
    for i in range(start, end):
        value = factor * value_at(lines, u, d, spots, which[i, 0])
        if value < best:
            best, choice = value, i
    return choice


@walk_merged
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


@walk_merged
def prove_at(lines, u, factor, rows, ids, k, d, basis, vectors, whole, box, work):
    """Prove ``factor * line <= 0`` by ``d`` of the ``k`` rows in ``ids[0]``.

    Returns:
        ``PROVED + n``, ``IMPLIED`` or ``UNPROVED``.
    """
    if lines[u, d + 3] == 1.0 and _prove_through_origin(
        lines, u, factor, rows, ids, k, d, basis, vectors, box, work
    ):
        return IMPLIED
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


@walk_kernel
def _prove_through_origin(lines, u, factor, rows, ids, k, d, basis, vectors, box, work):
    """Prove the same by ``d`` rows through the origin alone, of a line through it, as `ties` does.

    Many rows may meet there, and few of them prove anything.  One whose multiplier is negative is exchanged for another
    that would have one of the other sign; of those, the first by number, so that no choice of rows comes back.
    """
    n = 0
    for c in range(k):
        r = ids[0, c]
        if r >= 2 * d and rows[r, d + 3] == 1.0:
            ids[0, n], ids[0, c] = r, ids[0, n]
            n += 1
    if not choose_independent(rows, ids, n, d, work):
        return False
    for _ in range(4 * n):  # rounding may keep the rule from ending
        if not invert(rows, ids, d, work):
            return False
        leaving, entering = -1, -1
        for c in range(d):
            weight = 0.0
            for j in range(d):
                weight -= factor * lines[u, 1 + j] * work[j, d + c]
            basis[WHICH, c], vectors[MULTIPLIER, c] = ids[0, c], weight
            if weight < 0.0 and (leaving < 0 or ids[0, c] < ids[0, leaving]):
                leaving = c
        if leaving < 0:
            return _are_positive(lines, u, factor, rows, d, basis, vectors, box, work)
        for i in range(d, n):
            share = 0.0
            for j in range(d):
                share += rows[ids[0, i], 1 + j] * work[j, d + leaving]
            if share < -SMALLEST and (entering < 0 or ids[0, i] < ids[0, entering]):
                entering = i
        if entering < 0:
            return False
        ids[0, leaving], ids[0, entering] = ids[0, entering], ids[0, leaving]
    return False


@walk_kernel
def _are_positive(lines, u, factor, rows, d, basis, vectors, box, work):
    """Whether exact multipliers, near the computed ones, are positive: `ties` says why, of the inverse in `work`."""
    largest_column, largest_shift = 0.0, 0.0
    for e in range(d):
        column = 0.0
        for c in range(d):
            r = basis[WHICH, c]
            entry, bracket, error = 1.0 if c == e else 0.0, 1.0, 0.0
            for j in range(d):
                product = rows[r, 1 + j] * work[j, d + e]
                entry -= product
                bracket += abs(product)
                error += rows[r, d + 1] / box[RADIUS, j] * abs(work[j, d + e])
            column += abs(entry) + (d + 8) * U * bracket + error * (1.0 + 1e-9) + TINY
        if not column < 0.5:
            return False
        largest_column = max(largest_column, column)
    for j in range(d):
        work[j, 2 * d] = _residual(lines, u, factor, rows, basis, vectors, d, d, box, j)
    for e in range(d):
        shift = 0.0
        for j in range(d):
            shift += abs(work[j, d + e]) * work[j, 2 * d]
        if not shift < np.inf:
            return False
        largest_shift = max(largest_shift, shift)
    reach = largest_shift / (1.0 - largest_column) * (1.0 + 1e-9) + TINY
    for c in range(d):
        if not vectors[MULTIPLIER, c] > reach:
            return False
    return True


@walk_kernel
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
