"""Dictionary simplex from an interior point, in doubles: it proposes, it never decides.

All questions of the engine are "maximise an affine function over a full-dimensional cell of which an
interior point is known".  Started there, with the coordinates as free nonbasic variables, every
dictionary is feasible and there is no phase 1.  The dictionary is kept between questions about one cell.

Main definitions: `start`, `maximise`, `vertex`.

Conventions: variables ``0 .. m-1`` are the slacks of the rows, ``m .. m+d-1`` the coordinates ``y - x0``.
``table[r]`` writes the basic variable ``basis[ROW_VAR, r]`` as ``table[r, 0] + sum_j table[r, 1 + j] * (variable
basis[COL_VAR, j])``, with all nonbasic variables at 0.  A *free* variable (``basis[FREE]``) may take either sign:
coordinates, rows that no longer count, and the row a facet question is about.

References: Chvatal, Linear Programming (1983), chapters 2 and 8 (dictionaries, free variables).

Not here: what the answers prove (`filters`), exact pivoting (`exact_simplex`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.filters import value_at
from exactcpa.kernels.state import CHOSEN, COL_VAR, FREE, NORMAL, OBJECTIVE, ROW_VAR, STEP

OPTIMAL, CROSSED, GAVE_UP = 0, 1, 2

PIVOT = 1e-9
"""Rows are scaled to size one; smaller pivots are not taken.  This only steers: nothing is decided by it."""


@kernel
def start(rows, m, d, points, origin, table, basis):
    """Write the dictionary of the chosen rows at an interior point."""
    for i in range(m):
        r = basis[CHOSEN, i]
        table[i, 0] = value_at(rows, r, d, points, origin)
        for j in range(d):
            table[i, 1 + j] = rows[r, 1 + j]
        basis[ROW_VAR, i] = i
        basis[FREE, i] = 0
    for j in range(d):
        basis[COL_VAR, j] = m + j
        basis[FREE, m + j] = 1


@kernel
def _write_objective(table, basis, vectors, m, d, constant):
    """Write ``constant + normal . (y - x0)`` by the nonbasic variables."""
    vectors[OBJECTIVE, 0] = constant
    for j in range(d):
        var = basis[COL_VAR, j]
        vectors[OBJECTIVE, 1 + j] = vectors[NORMAL, var - m] if var >= m else 0.0
    for r in range(m):
        var = basis[ROW_VAR, r]
        if var >= m:
            a = vectors[NORMAL, var - m]
            for j in range(d + 1):
                vectors[OBJECTIVE, j] += a * table[r, j]


@kernel
def _pivot(table, basis, vectors, m, d, r, c):
    """Exchange the basic variable of row ``r`` and the nonbasic variable of column ``c``."""
    inverse = 1.0 / table[r, 1 + c]
    for j in range(d + 1):
        table[r, j] *= -inverse
    table[r, 1 + c] = inverse
    for i in range(m):
        if i == r:
            continue
        a = table[i, 1 + c]
        if a != 0.0:
            table[i, 1 + c] = 0.0
            for j in range(d + 1):
                table[i, j] += a * table[r, j]
    a = vectors[OBJECTIVE, 1 + c]
    vectors[OBJECTIVE, 1 + c] = 0.0
    for j in range(d + 1):
        vectors[OBJECTIVE, j] += a * table[r, j]
    leaving = basis[ROW_VAR, r]
    basis[ROW_VAR, r] = basis[COL_VAR, c]
    basis[COL_VAR, c] = leaving


@kernel
def _entering(vectors, basis, d, tolerance):
    """Column to enter, free variables first; -1 at an optimum."""
    best, choice, best_free, choice_free = tolerance, -1, tolerance, -1
    for j in range(d):
        a = vectors[OBJECTIVE, 1 + j]
        if basis[FREE, basis[COL_VAR, j]]:
            if abs(a) > best_free:
                best_free, choice_free = abs(a), j
        elif a > best:
            best, choice = a, j
    return choice_free if choice_free >= 0 else choice


@kernel
def maximise(table, basis, vectors, m, d, constant, stop):
    """Maximise ``constant + normal . (y - x0)`` from the present dictionary.

    Stops as soon as a step would take the value above `stop`, before taking it, and then leaves in
    ``vectors[STEP]`` the point reached (as ``y - x0``).  The dictionary stays feasible for all rows.

    Returns:
        ``OPTIMAL`` (value and reduced costs in ``vectors[OBJECTIVE]``), ``CROSSED`` or ``GAVE_UP``.
    """
    _write_objective(table, basis, vectors, m, d, constant)
    size = 0.0
    for j in range(d):
        size = max(size, abs(vectors[NORMAL, j]))
    for _ in range(60 + 12 * d):
        c = _entering(vectors, basis, d, 1e-11 * size)
        if c < 0:
            return OPTIMAL
        sign = 1.0 if vectors[OBJECTIVE, 1 + c] > 0.0 else -1.0
        t, r, biggest = np.inf, -1, 0.0
        for i in range(m):
            a = -sign * table[i, 1 + c]
            if a > PIVOT and not basis[FREE, basis[ROW_VAR, i]]:
                ratio = table[i, 0] / a
                if ratio < t or (ratio == t and a > biggest):
                    t, r, biggest = ratio, i, a
        if r < 0:
            return GAVE_UP
        t = max(t, 0.0)
        if vectors[OBJECTIVE, 0] + sign * vectors[OBJECTIVE, 1 + c] * t > stop:
            _write_step(table, basis, vectors, m, d, c, sign * t)
            return CROSSED
        _pivot(table, basis, vectors, m, d, r, c)
    return GAVE_UP


@kernel
def settle_free(table, basis, vectors, m, d):
    """At an optimum, go along coordinates the objective does not depend on, until rows hold them too."""
    for c in range(d):
        if not basis[FREE, basis[COL_VAR, c]]:
            continue
        t, r = np.inf, -1
        for i in range(m):
            a = -table[i, 1 + c]
            if a > PIVOT and not basis[FREE, basis[ROW_VAR, i]] and table[i, 0] < t * a:
                t, r = table[i, 0] / a, i
        if r >= 0:
            _pivot(table, basis, vectors, m, d, r, c)


@kernel
def _write_step(table, basis, vectors, m, d, c, t):
    """The point reached when the variable of column ``c`` takes the value ``t``."""
    for j in range(d):
        vectors[STEP, j] = 0.0
    for i in range(m):
        if basis[ROW_VAR, i] >= m:
            vectors[STEP, basis[ROW_VAR, i] - m] = table[i, 0] + t * table[i, 1 + c]
    if basis[COL_VAR, c] >= m:
        vectors[STEP, basis[COL_VAR, c] - m] = t


@kernel
def write_vertex(table, basis, vectors, m, d):
    """Leave the dictionary's point in ``vectors[STEP]``."""
    _write_step(table, basis, vectors, m, d, 0, 0.0)
