"""The two questions about a node, asked in doubles: does a line change sign on it, is a row a facet of it?

Each answer is either proved by `filters` or left open.  A found point is kept, for it answers other
questions for free; a proof leaves its multipliers in ``basis[WHICH]`` and ``vectors[MULTIPLIER]``.

Main definitions: `seek`, `find_facets_by_rays`, `seek_beyond_row`.

Conventions: the answers are `FOUND` a point (`HIT` if a ray alone found it), `OPEN`, or that there is none:
``PROVED + k`` with ``k`` multipliers, or by rows alone, which determine their multipliers: minus a positive combination
of the first ``vectors[MULTIPLIER, d]`` of them (`TIED`), followed by others, ``d`` in all, if it is `IMPLIED`.

References: certificates are Farkas' lemma, Schrijver, Theory of Linear and Integer Programming (1986), section 7.3.

Not here: what the walk does with the answers (`tree`), the exact answers (`settle`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel, simplex
from exactcpa.kernels.corners import accept_outer
from exactcpa.kernels.filters import is_bounded, is_inside, sign_at, snap, value_at
from exactcpa.kernels.integers import read_solution, solve, write_system
from exactcpa.kernels.state import (
    CHOSEN,
    COL_VAR,
    FREE,
    MULTIPLIER,
    NORMAL,
    OBJECTIVE,
    STATE,
    STEP,
    TRIAL,
    WHICH,
)
from exactcpa.kernels.ties import complete_rows, count_tied

HIT, FOUND, IMPLIED, OPEN, TIED, PROVED = range(6)

WORTHWHILE = 1e-7
"""Share of the way by which a line must be crossed for the point beyond to be kept at first sight."""


@kernel
def _pull_back(lines, u, factor, rows, basis, vectors, m, d, box, points, origin, skipped, least):
    """Leave in ``vectors[TRIAL]`` a proved point between an interior point and the reached one, beyond the line.

    The reached point ``vectors[STEP]`` is computed to be on the wanted side; the trial is inside all rows but
    `skipped`, and there ``factor * line`` is positive.  If at the reached point that is not even `least` of its size at
    the interior point, nothing is left: a point beside a corner of many rows would be a poor witness ever after.
    """
    low, high = factor * value_at(lines, u, d, points, origin), factor * value_at(lines, u, d, vectors, STEP)
    if not high > max(0.0, -least * low):
        return False
    crossing = low / (low - high) if low < 0.0 else 0.0
    for attempt in range(3):
        blend = 0.5 if attempt == 0 else 0.125 if attempt == 1 else 0.9
        share = crossing + blend * (1.0 - crossing)
        for j in range(d):
            vectors[TRIAL, j] = points[origin, j] + share * (vectors[STEP, j] - points[origin, j])
        snap(vectors, TRIAL, d, box)
        if factor * sign_at(lines, u, d, vectors, TRIAL) > 0 and is_inside(
            rows, basis, m, d, vectors, TRIAL, skipped
        ):
            return True
    return False


@kernel
def _shoot(lines, u, factor, rows, basis, vectors, m, d, points, start):
    """From an interior point go up the gradient to the first row; False if the line stays on its side."""
    value, square = factor * value_at(lines, u, d, points, start), 0.0
    for j in range(d):
        square += lines[u, 1 + j] * lines[u, 1 + j]
    reach = np.inf
    for i in range(m):
        r = basis[CHOSEN, i]
        slope, slack = 0.0, rows[r, 0]
        for j in range(d):
            slope += rows[r, 1 + j] * lines[u, 1 + j]
            slack += rows[r, 1 + j] * points[start, j]
        slope *= -factor
        if slope * reach > slack:
            reach = slack / slope
    if not value + reach * square > 0.0:
        return False
    for j in range(d):
        vectors[STEP, j] = points[start, j] + factor * reach * lines[u, 1 + j]
    return True


@kernel
def collect_multipliers(basis, vectors, m, d):
    """Read the multipliers of the non-box rows off the reduced costs; returns how many."""
    k = 0
    for c in range(d):
        var = basis[COL_VAR, c]
        if 2 * d <= var < m and not basis[FREE, var] and vectors[OBJECTIVE, 1 + c] < 0.0:
            basis[WHICH, k] = basis[CHOSEN, var]
            vectors[MULTIPLIER, k] = -vectors[OBJECTIVE, 1 + c]
            k += 1
    return k


@kernel
def _are_representable(rows, basis, vectors, k, d):
    """Whether the multipliers of the unscaled rows are doubles too, with room to spare for theta."""
    if not 1e-100 < vectors[MULTIPLIER, d] < 1e100:
        return False
    for i in range(k):
        power = rows[basis[WHICH, i], d + 5]
        unscaled = vectors[MULTIPLIER, i] * power
        if not (np.isfinite(unscaled) and unscaled / power == vectors[MULTIPLIER, i]):
            return False
    return True


@kernel
def _prove(lines, u, factor, rows, table, basis, vectors, whole, m, d, box, spans, origins, origin):
    """What the optimal dictionary proves of ``factor * line <= 0``: as `seek`."""
    k = collect_multipliers(basis, vectors, m, d)
    vectors[MULTIPLIER, d] = 1.0
    if is_bounded(lines, u, factor, rows, basis, vectors, k, d, box) and _are_representable(
        rows, basis, vectors, k, d
    ):
        return PROVED + k
    k = count_tied(lines, u, factor, rows, table, basis, vectors, m, d, box, spans, origins, origin)
    if k > 0:
        vectors[MULTIPLIER, d] = k
        return IMPLIED if k == d or complete_rows(rows, table, basis, vectors, m, d, box, k) else TIED
    simplex.settle_free(table, basis, vectors, m, d)
    if write_system(lines, u, factor, rows, basis, whole, m, d) and solve(whole, d):
        k = read_solution(whole, lines, u, factor, rows, basis, vectors, d)
        if k >= 0 and _are_representable(rows, basis, vectors, k, d):
            return PROVED + k
    return OPEN


@kernel
def seek(
    lines,
    u,
    factor,
    rows,
    table,
    basis,
    vectors,
    whole,
    m,
    d,
    box,
    points,
    start,
    origin,
    outer,
    spans,
    origins,
    subject,
):
    """Is there a point of the node where ``factor`` times line ``u`` is positive?

    Args:
        lines: Shape ``(n, d + 5)``.
        u: The line asked about.
        factor: +1 or -1.
        rows: All rows; the node's are listed in ``basis[CHOSEN]``, ``m`` of them.
        table: The node's dictionary, at point `origin`.
        basis: See `simplex`.
        vectors: See `simplex`.
        whole: Room for a square system of integers.
        m: Number of rows.
        d: Dimension.
        box: The domain's bounding box.
        points: Shape ``(P, d)``.
        start: The held point to shoot from.
        origin: The point the dictionary is at.
        outer: Points beyond facets, found in passing; see `corners`.
        spans: See `layers`.
        origins: Where rows come from; see `state`.
        subject: The same of the line.

    Returns:
        ``HIT`` or ``FOUND`` (the point in ``vectors[TRIAL]``), ``OPEN``, ``IMPLIED``, ``TIED``, or ``PROVED + k``.
    """
    if _shoot(lines, u, factor, rows, basis, vectors, m, d, points, start) and _pull_back(
        lines, u, factor, rows, basis, vectors, m, d, box, points, start, -1, WORTHWHILE
    ):
        return HIT
    for j in range(d):
        vectors[NORMAL, j] = factor * lines[u, 1 + j]
    constant = factor * value_at(lines, u, d, points, origin)
    for attempt in range(2):
        stop, least = (0.0, WORTHWHILE) if attempt == 0 else (np.inf, 0.0)
        outcome = simplex.maximise(
            table, basis, vectors, m, d, constant, stop, rows, box, points, origin, outer
        )
        if outcome == simplex.GAVE_UP:
            return OPEN
        if outcome == simplex.OPTIMAL:
            proof = _prove(
                lines, u, factor, rows, table, basis, vectors, whole, m, d, box, spans, origins, subject
            )
            if proof != OPEN:
                return proof
            simplex.write_vertex(table, basis, vectors, m, d)
        for j in range(d):
            vectors[STEP, j] += points[origin, j]
        if _pull_back(lines, u, factor, rows, basis, vectors, m, d, box, points, origin, -1, least):
            return FOUND
        if outcome == simplex.OPTIMAL:
            return OPEN
    return OPEN


@kernel
def find_facets_by_rays(rows, basis, vectors, m, d, box, points, origin, outer):
    """From the witness go against the normal of each path row; a row hit well before all others is a facet.

    Marks it in ``basis[STATE]`` and leaves a point beyond it in `outer` (both by place in the chosen rows).
    """
    for i in range(2 * d, m):
        if basis[STATE, i] != 0:
            continue
        direction = basis[CHOSEN, i]
        first, second, hit = np.inf, np.inf, -1
        for place in range(m):
            r = basis[CHOSEN, place]
            slope, slack = 0.0, rows[r, 0]
            for j in range(d):
                slope += rows[r, 1 + j] * rows[direction, 1 + j]
                slack += rows[r, 1 + j] * points[origin, j]
            if slope > 0.0:
                t = slack / slope
                if t < first:
                    first, second, hit = t, first, place
                elif t < second:
                    second = t
        if hit < 2 * d or basis[STATE, hit] != 0 or not second > first:
            continue
        for j in range(d):
            vectors[TRIAL, j] = points[origin, j] - 0.5 * (first + second) * rows[direction, 1 + j]
        snap(vectors, TRIAL, d, box)
        accept_outer(rows, basis, vectors, m, d, hit, outer)


@kernel
def seek_beyond_row(rows, table, basis, vectors, whole, m, d, box, points, origin, i, outer, spans, origins):
    """Is row ``i`` (place in the chosen rows) a facet?  ``FOUND`` keeps an outer point; else as `seek`."""
    r = basis[CHOSEN, i]
    for j in range(d):
        vectors[NORMAL, j] = -rows[r, 1 + j]
    constant = -value_at(rows, r, d, points, origin)
    simplex.set_free(table, basis, m, d, i, 1)
    strayed = False
    for attempt in range(2):
        stop, least = (0.0, WORTHWHILE) if attempt == 0 else (np.inf, 0.0)
        strayed = attempt > 0  # beyond the row, whose slack is negative then
        outcome = simplex.maximise(
            table, basis, vectors, m, d, constant, stop, rows, box, points, origin, outer
        )
        if outcome == simplex.GAVE_UP:
            break
        if outcome == simplex.OPTIMAL:
            if not 1e-200 < rows[r, d + 5] < 1e200:
                break
            proof = _prove(
                rows, r, -1.0, rows, table, basis, vectors, whole, m, d, box, spans, origins, origins[r]
            )
            if proof != OPEN:
                return proof
            simplex.write_vertex(table, basis, vectors, m, d)
        for j in range(d):
            vectors[STEP, j] += points[origin, j]
        if _pull_back(
            rows, r, -1.0, rows, basis, vectors, m, d, box, points, origin, i, least
        ) and accept_outer(rows, basis, vectors, m, d, i, outer):
            if strayed:
                simplex.restart(rows, m, d, points, origin, table, basis)
            else:
                simplex.set_free(table, basis, m, d, i, 0)
            return FOUND
        if outcome == simplex.OPTIMAL:
            break
    if strayed:
        simplex.restart(rows, m, d, points, origin, table, basis)
    else:
        simplex.set_free(table, basis, m, d, i, 0)
    return OPEN
