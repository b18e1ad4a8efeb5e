"""Rigorous filters: when a comparison made in doubles is a proof.

Every line and row is stored as doubles together with two numbers over the bounding box of the domain:
its *error*, a bound of ``|exact value - value of the stored coefficients|``, and its *size*, a bound of
``|c| + sum_j |n_j| r_j``, where ``r_j`` is the largest absolute value of coordinate ``j``.

Why each bound holds, with ``u = 2**-53`` and ``gamma_k = k u / (1 - k u)``:

* *Value at a point.*  ``c + sum_j n_j y_j`` evaluated in any order of ``d + 1`` terms errs by at most
  ``gamma_{d+1} (|c| + sum_j |n_j y_j|)`` (Higham 2002, section 3.1), plus the error.  With the size in place of the
  bracket this is one comparison; if it fails, the bracket itself is computed.
* *Maximum over a cell.*  For multipliers ``theta = 1`` and ``lambda_i >= 0`` and any point of the cell,
  ``G <= G + sum_i lambda_i slack_i``, an affine function whose maximum over the box is computed coefficient by
  coefficient.  Each coefficient is a sum of ``k + 1`` products, wrong by at most ``gamma_{k+2}`` times the sum of
  their absolute values, which summed over the box is at most ``size_G + sum lambda_i size_i``; the stored
  rows add ``error_G + sum lambda_i error_i``; the final sum adds ``gamma_{d+1}`` of the same bracket.  This is
  the safe bound of Neumaier and Shcherbina (2004), with the residual moved to the box.
* *Rows through the origin.*  Where the constants of a line and of ``d`` rows are exactly zero, maxima of exactly
  zero are usual, and no bound of the above kind proves them.  But if the exact matrix ``N`` of the rows' normals is
  invertible, ``-G`` is exactly one combination of the rows, and it is enough to enclose its multipliers: with an
  approximate inverse ``M`` and ``H = I - N M``, ``N`` is invertible if a norm of ``H`` is below 1, and the exact
  multipliers differ from approximate ones with residual ``r`` by ``(I - H)^-T M^T r``, at most
  ``max |M^T r| / (1 - max_e sum_c |H_ce|)`` in size (Rump 2010, section 10).  Errors of the rows enter as
  ``error / r_j`` in coefficient ``j``.
* *Fewer rows than the dimension.*  Where a layer passes on only ``s`` lines and later layers have neither constants nor
  a linear part beside, all later lines are combinations of those, a space of at most ``s`` dimensions.  If ``s`` rows
  with positive multipliers lie in it, they span it, for their normals are independent; so if the line lies in it too,
  its other multipliers are exactly zero.
* ``(k + d + 8) * 1.02 u`` stands for all those gammas, for counts below 2**40; the error bounds themselves are
  computed in doubles, and the two per cent cover that.  Underflow is covered by `TINY`, which is larger than
  2**-1074 times any number of operations here.
* Comparisons are written so that a NaN or an infinity proves nothing.

References: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1; Neumaier and
Shcherbina, Safe bounds in linear and mixed-integer linear programming (2004), section 3; Rump, Verification methods
(Acta Numerica 2010), section 10.

Not here: how error and size follow from layer to layer (`tree.accumulate`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.state import GRID, LOWER, RADIUS, UPPER

U = 2.0**-53 * 1.02
TINY = 2.0**-1060


@kernel
def value_at(lines, i, d, points, p):
    """Value of line ``i`` at point ``p``, as computed."""
    value = lines[i, 0]
    for j in range(d):
        value += lines[i, 1 + j] * points[p, j]
    return value


@kernel
def sign_at(lines, i, d, points, p):
    """Proved sign of line ``i`` at the double point ``p``: -1, +1, or 0 if the filter cannot say."""
    value = lines[i, 0]
    for j in range(d):
        value += lines[i, 1 + j] * points[p, j]
    bound = lines[i, d + 1] + (d + 2) * U * lines[i, d + 2] + TINY
    if value > bound:
        return 1
    if value < -bound:
        return -1
    bracket = abs(lines[i, 0])
    for j in range(d):
        bracket += abs(lines[i, 1 + j] * points[p, j])
    bound = lines[i, d + 1] + (d + 2) * U * bracket + TINY
    if value > bound:
        return 1
    if value < -bound:
        return -1
    return 0


@kernel
def write_size(lines, i, d, box):
    """Store an upper bound of ``|c| + sum |n_j| r_j`` with line ``i``."""
    size = abs(lines[i, 0])
    for j in range(d):
        size += abs(lines[i, 1 + j]) * box[RADIUS, j]
    lines[i, d + 2] = size * (1.0 + (d + 4) * U)


@kernel
def stable_side(lines, i, d, box):
    """-1 if line ``i`` is proved negative on the whole box, +1 if nowhere negative there, else 0."""
    if lines[i, d + 1] == 0.0 and lines[i, d + 2] == 0.0:
        return 1
    least, greatest = lines[i, 0], lines[i, 0]
    for j in range(d):
        a, b = lines[i, 1 + j] * box[LOWER, j], lines[i, 1 + j] * box[UPPER, j]
        least += min(a, b)
        greatest += max(a, b)
    bound = lines[i, d + 1] + (d + 8) * U * lines[i, d + 2] + TINY
    if greatest < -bound:
        return -1
    if least > bound:
        return 1
    return 0


@kernel
def is_inside(rows, basis, m, d, points, p, skipped):
    """Whether point ``p`` is proved strictly inside all rows listed in ``basis[0]`` but those marked 2 and one.

    The first ``2 d`` rows are the box's: one coefficient each, so that one product is their value.
    """
    for j in range(d):
        for i in range(j, 2 * d, d):
            bound = rows[i, d + 1] + (d + 2) * U * rows[i, d + 2] + TINY
            inside = rows[i, 0] + rows[i, 1 + j] * points[p, j] > bound
            if not inside and i != skipped and sign_at(rows, i, d, points, p) <= 0:
                return False
    for i in range(2 * d, m):
        if i != skipped and basis[5, i] != 2 and sign_at(rows, basis[0, i], d, points, p) <= 0:
            return False
    return True


@kernel
def is_bounded(lines, u, factor, rows, basis, vectors, k, d, box):
    """Whether ``factor * line u + sum_i multiplier_i slack_i`` is proved to be at most 0 on the box.

    `factor` is +1 or -1; ``basis[4]`` numbers the rows, ``vectors[4]`` holds the multipliers.
    """
    total, errors, bracket = factor * lines[u, 0], lines[u, d + 1], lines[u, d + 2]
    for i in range(k):
        r, a = basis[4, i], vectors[4, i]
        total += a * rows[r, 0]
        errors += a * rows[r, d + 1]
        bracket += a * rows[r, d + 2]
    for j in range(d):
        residual = factor * lines[u, 1 + j]
        for i in range(k):
            residual += vectors[4, i] * rows[basis[4, i], 1 + j]
        total += max(residual * box[LOWER, j], residual * box[UPPER, j])
    return total + errors * (1.0 + 1e-9) + (k + d + 8) * U * bracket + TINY <= 0.0


@kernel
def is_implied(lines, u, factor, rows, table, basis, vectors, m, d, box, spans, origins, origin):
    """Whether ``-factor * line u`` is proved to be a nonnegative combination of the ``d`` rows in ``basis[4]``.

    All of them must have constant zero; the dictionary must have them as its nonbasic variables, in order.
    """
    if lines[u, d + 3] == 0.0:
        return False
    for c in range(d):
        if rows[basis[4, c], d + 3] == 0.0:
            return False
    largest_column, largest_shift = 0.0, 0.0
    for e in range(d):
        column, shift = 0.0, 0.0
        for c in range(d):
            r = basis[4, c]
            entry, bracket, error = 1.0 if c == e else 0.0, 1.0, 0.0
            for j in range(d):
                inverse = _inverse_entry(table, basis, m, d, j, e)
                entry -= rows[r, 1 + j] * inverse
                bracket += abs(rows[r, 1 + j] * inverse)
                error += rows[r, d + 1] / box[RADIUS, j] * abs(inverse)
            column += abs(entry) + (d + 8) * U * bracket + error * (1.0 + 1e-9) + TINY
        for j in range(d):
            shift += abs(_inverse_entry(table, basis, m, d, j, e)) * _residual(
                lines, u, factor, rows, basis, vectors, d, box, j
            )
        largest_column, largest_shift = max(largest_column, column), max(largest_shift, shift)
    if not largest_column < 0.5:
        return False
    reach = largest_shift / (1.0 - largest_column) * (1.0 + 1e-9) + TINY
    positive, latest = 0, origin >> 1
    for c in range(d):
        if vectors[4, c] > reach:
            positive += 1
            latest = max(latest, origins[basis[4, c]] >> 1)
    if positive == d:
        return True
    for layer in range(spans[1, latest], latest + 1):
        if spans[0, layer] == positive and _is_spanned(origins, origin, basis, vectors, d, reach, layer):
            return True
    return False


@kernel
def _is_spanned(origins, origin, basis, vectors, d, reach, layer):
    """Whether line and rows with positive multipliers are combinations of the lines that a layer passes on."""
    if origin >> 1 < layer or origin == 2 * layer:
        return False
    for c in range(d):
        if vectors[4, c] > reach:
            own = origins[basis[4, c]]
            if own >> 1 < layer or own == 2 * layer:
                return False
    return True


@kernel
def _inverse_entry(table, basis, m, d, j, e):
    """How coordinate ``j`` changes with the slack of column ``e``; NaN if the coordinate is not basic."""
    for r in range(m):
        if basis[1, r] == m + j:
            return table[1 + e, r]
    return np.nan


@kernel
def _residual(lines, u, factor, rows, basis, vectors, d, box, j):
    """Upper bound of coefficient ``j`` of ``factor * line + sum of multipliers times rows``, exactly taken."""
    total, bracket, error = factor * lines[u, 1 + j], abs(lines[u, 1 + j]), lines[u, d + 1]
    for c in range(d):
        a, r = vectors[4, c], basis[4, c]
        total += a * rows[r, 1 + j]
        bracket += abs(a * rows[r, 1 + j])
        error += a * rows[r, d + 1]
    return abs(total) + (d + 8) * U * bracket + error / box[RADIUS, j] * (1.0 + 1e-9) + TINY


@kernel
def snap(points, p, d, box):
    """Move a point to where the domain's coordinates are doubles (in place); see `float_form.FloatDomain`."""
    for j in range(d):
        grid = box[GRID, j]
        if grid > 0.0:
            points[p, j] = np.round(points[p, j] / grid) * grid
        elif abs(points[p, j]) < -grid:
            points[p, j] = 0.0
