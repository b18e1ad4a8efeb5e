"""Rigorous filters: when a comparison made in doubles is a proof.

Every line and row is stored as doubles together with two numbers over the bounding box of the domain:
its *error*, a bound of ``|exact value - value of the stored coefficients|``, and its *size*, a bound of
``|c| + sum_j |n_j| r_j``, where ``r_j`` is the largest absolute value of coordinate ``j``.

Main definitions:
    value_at, sign_at: A line at a point, as computed; its exact sign, where that is proved.
    write_size: The size of a line.
    stable_side: The one sign that a line has on the whole box, where that is proved.
    is_inside: Whether a point is proved to be strictly inside rows.
    bound: What a line, or its negative, is at most on a cell, by multipliers.
    is_bounded: Whether they prove that it is at most 0 there.
    snap: Moves a point to where the domain's coordinates are doubles.

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
* ``(k + d + 8) * 1.02 u`` stands for all those gammas, for counts below 2**40; the error bounds themselves are
  computed in doubles, and the two per cent cover that.  Underflow is covered by `TINY`, which is larger than
  2**-1074 times any number of operations here.
* Comparisons are written so that a NaN or an infinity proves nothing.

References: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1; Neumaier and
Shcherbina, Safe bounds in linear and mixed-integer linear programming (2004), section 3.

Not here: how error and size follow from layer to layer (`layers.accumulate`), maxima of exactly zero (`ties`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel, merged
from exactcpa.kernels.state import GRID, LOWER, RADIUS, UPPER

U = 2.0**-53 * 1.02
TINY = 2.0**-1060

ABOVE = 1.0 + 1e-9
"""Times it a sum of positive numbers, each rounded, is a bound of what it stands for."""


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


@merged
def write_size(lines, i, d, box):
    """Store an upper bound of ``|c| + sum |n_j| r_j`` with line ``i``: zero for the zero line alone.

    Products may underflow to zero, of coordinates whose domain is narrower than any double above all.
    """
    size, is_zero = abs(lines[i, 0]), lines[i, 0] == 0.0
    for j in range(d):
        size += abs(lines[i, 1 + j]) * box[RADIUS, j]
        is_zero = is_zero and lines[i, 1 + j] == 0.0
    lines[i, d + 2] = 0.0 if is_zero else size * (1.0 + (d + 4) * U) + TINY


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


@merged
def bound(lines, u, factor, rows, basis, vectors, k, d, box):
    """An upper bound of ``factor * line u + sum_i multiplier_i slack_i`` on the box.

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
    return total + errors * (1.0 + 1e-9) + (k + d + 8) * U * bracket + TINY


@kernel
def is_bounded(lines, u, factor, rows, basis, vectors, k, d, box):
    """Whether `bound` is at most 0."""
    return bound(lines, u, factor, rows, basis, vectors, k, d, box) <= 0.0


@kernel
def snap(points, p, d, box):
    """Move a point to where the domain's coordinates are doubles (in place); see `float_form.FloatDomain`."""
    for j in range(d):
        grid = box[GRID, j]
        if grid > 0.0:
            points[p, j] = np.round(points[p, j] / grid) * grid
        elif abs(points[p, j]) < -grid:
            points[p, j] = 0.0
