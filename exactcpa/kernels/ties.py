"""Maxima of exactly zero, proved in doubles: a line that is minus a positive combination of rows, because it has to be.

Where many hyperplanes meet in one set, the maximum of a line over a node is often exactly zero, and no bound of an
error proves that.  But if it is known beforehand that the line is some combination of certain rows, it is enough to
enclose the multipliers.

Main definitions: `count_tied`, `complete_rows`.

Why it holds.  Let ``N`` be the matrix of the normals of ``k`` rows, ``P`` approximately a right inverse, of which the
dictionary holds the columns, and ``H = I - N P``.  If a norm of ``H`` is below 1, the rows are independent.  Suppose
the line's normal is exactly ``-mu^T N``, and approximate multipliers ``a`` leave the residual
``rho = G + a^T N = (a - mu)^T N``.  Then ``rho P = (a - mu)^T (I - H)``, so no entry of ``a - mu`` is larger than
``max |rho P| / (1 - max_e sum_c |H_ce|)`` (Rump 2010, section 10).  Errors of the rows enter as ``error / r_j`` in
coefficient ``j``.  The supposition is true, constants included, in two cases:

* *Rows through the origin.*  ``k = d``, and the constants of the line and of the rows are exactly zero.
* *Few lines passed on.*  A layer passes on only ``k`` lines, and later layers have neither constants nor a linear part
  beside, so that all later lines are combinations of those: a space of at most ``k`` dimensions, of functions.  If the
  line and ``k`` independent rows lie in it, the rows span it.

References: Rump, Verification methods (Acta Numerica 2010), section 10.

Not here: maxima below zero (`filters`), small integers (`integers`), twins (`twins`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.simplex import pivot
from exactcpa.kernels.state import CHOSEN, COL_VAR, FREE, MULTIPLIER, OBJECTIVE, RADIUS, ROW_VAR, WHICH

NEGLIGIBLE = 1e-9
"""Multipliers below it are taken for zero.  This only steers: what is left out is part of the residual."""

SMALLEST = 1e-6
"""Least size of a pivot that is taken and taken back."""


@kernel
def count_tied(lines, u, factor, rows, table, basis, vectors, m, d, box, spans, origins, origin):
    """Prove that ``factor * line u`` is minus a positive combination of rows of an optimal dictionary.

    Returns:
        How many rows there are, listed in ``basis[WHICH]``; 0 if nothing is proved.
    """
    k, latest = _list_rows(basis, vectors, origins, origin, m, d)
    if k == 0 or not _is_combination(lines, u, rows, basis, k, d, spans, origins, origin, latest):
        return 0
    largest_column = _distance(rows, table, basis, k, m, d, box)
    if not largest_column < 0.5:
        return 0
    end, largest_shift = basis.shape[1] - d, 0.0
    for e in range(k):
        shift = 0.0
        for j in range(d):
            inverse = _inverse_entry(table, basis, k + e, end + j)
            if inverse != 0.0:
                shift += abs(inverse) * _residual(lines, u, factor, rows, basis, vectors, k, d, box, j)
        if not shift < np.inf:
            return 0
        largest_shift = max(largest_shift, shift)
    reach = largest_shift / (1.0 - largest_column) * (1.0 + 1e-9) + TINY
    for c in range(k):
        if not vectors[MULTIPLIER, c] > reach:
            return 0
    return k


@kernel
def complete_rows(rows, table, basis, vectors, m, d, box, k):
    """List behind ``k`` rows listed by `count_tied` others, so that ``d`` independent ones stand there.

    Other nonbasic variables are exchanged for rows, whatever becomes of the slacks, and back.

    Returns:
        Whether that is proved; the dictionary is what it was.
    """
    end, fits, proved = basis.shape[1] - 2 * d, True, False
    for c in range(d):
        basis[WHICH, end + c] = -1
        var = basis[COL_VAR, c]
        if not fits or (2 * d <= var < m and not basis[FREE, var]):
            continue
        best, choice = SMALLEST, -1
        for r in range(m):
            other = basis[ROW_VAR, r]
            if 2 * d <= other < m and not basis[FREE, other] and abs(table[1 + c, r]) > best:
                best, choice = abs(table[1 + c, r]), r
        fits = choice >= 0
        if fits:
            basis[WHICH, end + c] = choice
            pivot(table, basis, vectors, m, d, choice, c)
    if fits:
        at = k
        for c in range(d):
            if not _is_listed(basis, basis[CHOSEN, basis[COL_VAR, c]], k):
                basis[WHICH, at] = basis[CHOSEN, basis[COL_VAR, c]]
                at += 1
        proved = at == d
        if proved:
            for i in range(d):
                for c in range(d):
                    if basis[CHOSEN, basis[COL_VAR, c]] == basis[WHICH, i]:
                        basis[WHICH, d + i] = 1 + c
            proved = _distance(rows, table, basis, d, m, d, box) < 0.5
    for c in range(d - 1, -1, -1):
        if basis[WHICH, end + c] >= 0:
            pivot(table, basis, vectors, m, d, basis[WHICH, end + c], c)
    return proved


@kernel
def _is_listed(basis, r, k):
    for i in range(k):
        if basis[WHICH, i] == r:
            return True
    return False


@kernel
def _distance(rows, table, basis, k, m, d, box):
    """Bound of ``max_e sum_c |H_ce|`` for the ``k`` rows and columns listed, infinite if there is none.

    Lists the places of the coordinates at the end of ``basis[WHICH]``.
    """
    end, largest = basis.shape[1] - d, 0.0
    for j in range(d):
        basis[WHICH, end + j] = -1
    for r in range(m):
        if basis[ROW_VAR, r] >= m:
            basis[WHICH, end + basis[ROW_VAR, r] - m] = r
    for e in range(k):
        column = 0.0
        for c in range(k):
            r = basis[WHICH, c]
            entry, bracket, error = 1.0 if c == e else 0.0, 1.0, 0.0
            for j in range(d):
                inverse = _inverse_entry(table, basis, k + e, end + j)
                product = rows[r, 1 + j] * inverse
                entry -= product
                bracket += abs(product)
                error += rows[r, d + 1] / box[RADIUS, j] * abs(inverse)
            column += abs(entry) + (d + 8) * U * bracket + error * (1.0 + 1e-9) + TINY
        if not column < np.inf:
            return np.inf
        largest = max(largest, column)
    return largest


@kernel
def _list_rows(basis, vectors, origins, origin, m, d):
    """List the rows with multipliers, and after them their columns.

    Returns how many, and the latest layer of theirs and the line's.

    There are none if the objective depends on anything else.
    """
    k, latest = 0, origin >> 1
    for c in range(d):
        price, var = vectors[OBJECTIVE, 1 + c], basis[COL_VAR, c]
        if not abs(price) > NEGLIGIBLE:
            continue
        if var < 2 * d or var >= m or basis[FREE, var] or price > 0.0:
            return 0, 0
        basis[WHICH, k] = basis[CHOSEN, var]
        vectors[MULTIPLIER, k] = -price
        latest = max(latest, origins[basis[CHOSEN, var]] >> 1)
        k += 1
    at = k
    for c in range(d):
        if abs(vectors[OBJECTIVE, 1 + c]) > NEGLIGIBLE:
            basis[WHICH, at] = 1 + c
            at += 1
    return k, latest


@kernel
def _is_combination(lines, u, rows, basis, k, d, spans, origins, origin, latest):
    """Whether a line is some combination of the rows listed if these are independent."""
    if k == d and lines[u, d + 3] == 1.0:
        central = True
        for c in range(k):
            central = central and rows[basis[WHICH, c], d + 3] == 1.0
        if central:
            return True
    for layer in range(spans[1, latest], latest + 1):
        if spans[0, layer] == k and _is_spanned(basis, k, origins, origin, layer):
            return True
    return False


@kernel
def _is_spanned(basis, k, origins, origin, layer):
    """Whether a line and the rows listed are combinations of the lines that a layer passes on."""
    if origin >> 1 < layer or origin == 2 * layer:
        return False
    for c in range(k):
        own = origins[basis[WHICH, c]]
        if own >> 1 < layer or own == 2 * layer:
            return False
    return True


@kernel
def _inverse_entry(table, basis, column, place):
    """How a coordinate changes with the slack of a column; not at all if it is nonbasic itself."""
    r = basis[WHICH, place]
    return table[basis[WHICH, column], r] if r >= 0 else 0.0


@kernel
def _residual(lines, u, factor, rows, basis, vectors, k, d, box, j):
    """Upper bound of coefficient ``j`` of ``factor * line + sum of multipliers times rows``, exactly taken."""
    total, bracket, error = factor * lines[u, 1 + j], abs(lines[u, 1 + j]), lines[u, d + 1]
    for c in range(k):
        a, r = vectors[MULTIPLIER, c], basis[WHICH, c]
        total += a * rows[r, 1 + j]
        bracket += abs(a * rows[r, 1 + j])
        error += a * rows[r, d + 1]
    return abs(total) + (d + 8) * U * bracket + error / box[RADIUS, j] * (1.0 + 1e-9) + TINY
