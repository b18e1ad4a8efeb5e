"""Dictionary simplex from an interior point, in doubles: it proposes, it never decides.

All questions of the engine are "maximise an affine function over a full-dimensional cell of which an
interior point is known".  Started there, with the coordinates as free nonbasic variables, every
dictionary is feasible and there is no phase 1.  The dictionary is kept between questions about one cell.

Main definitions: `start`, `restart`, `maximise`, `pivot`, `write_vertex`.

Conventions: variables ``0 .. m-1`` are the slacks of the rows, ``m .. m+d-1`` the coordinates ``y - x0``.
Column ``r`` of the table writes the basic variable ``basis[ROW_VAR, r]`` as ``table[0, r] + sum_j table[1 + j, r] *
(variable basis[COL_VAR, j])``, with all nonbasic variables at 0: long loops run along memory.  ``table[1 + d]``
keeps the slacks at the interior point, ``table[2 + d]`` is 1 where the basic variable is not free, and ``table[3 + d]``
is for the ratios of a pivot.  A *free* variable (``basis[FREE]``) may take either sign:
coordinates, rows that no longer count, and the row a facet question is about.

References: Chvatal, Linear Programming (1983), chapters 2 and 8 (dictionaries, free variables).

Not here: what the answers prove (`filters`), exact pivoting (`exact_simplex`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.corners import find_facet_at_corner
from exactcpa.kernels.filters import value_at
from exactcpa.kernels.state import CHOSEN, COL_VAR, FREE, NORMAL, OBJECTIVE, ROW_VAR, STATE, STEP

OPTIMAL, CROSSED, GAVE_UP = 0, 1, 2

PIVOT = 1e-9
"""Rows are scaled to size one; smaller pivots are not taken.  This only steers: nothing is decided by it."""


@kernel
def start(rows, m, d, points, origin, table, basis):
    """Write the dictionary of the chosen rows at an interior point."""
    for i in range(m):
        r = basis[CHOSEN, i]
        table[0, i] = table[1 + d, i] = value_at(rows, r, d, points, origin)
        for j in range(d):
            table[1 + j, i] = rows[r, 1 + j]
        table[2 + d, i] = 1.0
        basis[ROW_VAR, i] = i
        basis[FREE, i] = 0
    for j in range(d):
        basis[COL_VAR, j] = m + j
        basis[FREE, m + j] = 1


@kernel
def restart(rows, m, d, points, origin, table, basis):
    """As `start`, with the rows free that no longer count."""
    start(rows, m, d, points, origin, table, basis)
    for i in range(m):
        if basis[STATE, i] == 2:
            basis[FREE, i] = 1
            table[2 + d, i] = 0.0


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
                vectors[OBJECTIVE, j] += a * table[j, r]


@kernel
def pivot(table, basis, vectors, m, d, r, c):
    """Exchange the basic variable of row ``r`` and the nonbasic variable of column ``c``."""
    entering, a = 1 + c, vectors[OBJECTIVE, 1 + c]
    inverse = 1.0 / table[entering, r]
    table[entering, r] = 0.0
    vectors[OBJECTIVE, entering] = 0.0
    for j in range(d + 1):
        if j == entering or table[j, r] == 0.0:
            continue
        factor = -inverse * table[j, r]
        for i in range(m):
            table[j, i] += factor * table[entering, i]
        table[j, r] = factor
        vectors[OBJECTIVE, j] += a * factor
    for i in range(m):
        table[entering, i] *= inverse
    table[entering, r] = inverse
    vectors[OBJECTIVE, entering] = a * inverse
    table[2 + d, r] = 0.0 if basis[FREE, basis[COL_VAR, c]] else 1.0
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
def maximise(table, basis, vectors, m, d, constant, stop, rows, box, points, origin, outer):
    """Maximise ``constant + normal . (y - x0)`` from the present dictionary.

    Stops as soon as a step would take the value above `stop`, before taking it, and then leaves in
    ``vectors[STEP]`` the point reached (as ``y - x0``).  The dictionary stays feasible for all rows.  Facets it
    comes by are kept in `outer`.

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
            a = -sign * table[1 + c, i] * table[2 + d, i]
            table[3 + d, i] = table[0, i] / a if a > PIVOT else np.inf
        for i in range(m):
            t = min(t, table[3 + d, i])
        for i in range(m):
            if table[3 + d, i] == t and abs(table[1 + c, i]) > biggest:
                r, biggest = i, abs(table[1 + c, i])
        if not t < np.inf:
            return GAVE_UP
        t = max(t, 0.0)
        if vectors[OBJECTIVE, 0] + sign * vectors[OBJECTIVE, 1 + c] * t > stop:
            _write_step(table, basis, vectors, m, d, c, sign * t)
            return CROSSED
        pivot(table, basis, vectors, m, d, r, c)
        if 2 * d <= basis[COL_VAR, c] and basis[STATE, basis[COL_VAR, c]] == 0:
            find_facet_at_corner(table, basis, vectors, m, d, c, rows, box, points, origin, outer)
    return GAVE_UP


@kernel
def set_free(table, basis, m, d, i, free):
    """Have row ``i`` free (1) or not (0) from now on."""
    basis[FREE, i] = free
    for r in range(m):
        if basis[ROW_VAR, r] == i:
            table[2 + d, r] = 1.0 - free


@kernel
def settle_free(table, basis, vectors, m, d):
    """At an optimum, go along coordinates the objective does not depend on, until rows hold them too."""
    for c in range(d):
        if not basis[FREE, basis[COL_VAR, c]]:
            continue
        t, r = np.inf, -1
        for i in range(m):
            a = -table[1 + c, i]
            if a > PIVOT and not basis[FREE, basis[ROW_VAR, i]] and table[0, i] < t * a:
                t, r = table[0, i] / a, i
        if r >= 0:
            pivot(table, basis, vectors, m, d, r, c)


@kernel
def _write_step(table, basis, vectors, m, d, c, t):
    """The point reached when the variable of column ``c`` takes the value ``t``."""
    for j in range(d):
        vectors[STEP, j] = 0.0
    for i in range(m):
        if basis[ROW_VAR, i] >= m:
            vectors[STEP, basis[ROW_VAR, i] - m] = table[0, i] + t * table[1 + c, i]
    if basis[COL_VAR, c] >= m:
        vectors[STEP, basis[COL_VAR, c] - m] = t


@kernel
def write_vertex(table, basis, vectors, m, d):
    """Leave the dictionary's point in ``vectors[STEP]``."""
    _write_step(table, basis, vectors, m, d, 0, 0.0)
