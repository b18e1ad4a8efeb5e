"""Small integer systems solved exactly: ties of integer, quantised and grid-like networks settled in the kernel.

Where a line and the rows of an optimal dictionary are exact (error zero) and small multiples of their grains, the rows'
multipliers are ratios of determinants that fit 64 bits.  Elimination without fractions gives them; every product is
checked to stay below 2**62 before it is made, so nothing wraps.

Main definitions: `write_system`, `solve`, `read_solution`.

Conventions: the system is ``sum_c w_c row_c = -w goal`` in the coefficients of the coordinates, ``whole[j]`` its
equation ``j``, with the goal in the last column.

References: Bareiss, Sylvester's identity and multistep integer-preserving Gaussian elimination (1968).

Not here: integers of any size (`exact_simplex`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.state import CHOSEN, COL_VAR, FREE, MULTIPLIER, WHICH

LARGEST = 2.0**62
EXACT = 2**53


@kernel
def _is_whole(lines, i, d):
    """Whether a line is exact and a small multiple of its grain."""
    return (
        lines[i, d + 1] == 0.0 and lines[i, d + 4] > 0.0 and 8.0 * lines[i, d + 2] < 2.0**40 * lines[i, d + 4]
    )


@kernel
def write_system(lines, u, factor, rows, basis, whole, m, d):
    """Write the system of the dictionary's ``d`` rows, listed in ``basis[WHICH]``; False if it is not of integers."""
    if not _is_whole(lines, u, d):
        return False
    for j in range(d):
        whole[j, d] = np.int64(-factor * lines[u, 1 + j] / lines[u, d + 4])
    for c in range(d):
        var = basis[COL_VAR, c]
        if var >= m or basis[FREE, var]:
            return False
        r = basis[CHOSEN, var]
        if not _is_whole(rows, r, d):
            return False
        basis[WHICH, c] = r
        for j in range(d):
            whole[j, c] = np.int64(rows[r, 1 + j] / rows[r, d + 4])
    return True


@kernel
def solve(whole, d):
    """Solve the system; ``whole[c, d] / whole[d, d]`` are the multipliers.  False if they do not fit."""
    last = np.int64(1)
    for step in range(d):
        found = -1
        for i in range(step, d):
            if whole[i, step] != 0:
                found = i
                break
        if found < 0:
            return False
        for j in range(d + 1):
            whole[step, j], whole[found, j] = whole[found, j], whole[step, j]
        pivot = whole[step, step]
        for i in range(d):
            if i == step:
                continue
            a = whole[i, step]
            for j in range(d + 1):
                left, right = float(pivot) * float(whole[i, j]), float(a) * float(whole[step, j])
                if not abs(left) + abs(right) < LARGEST:
                    return False
                whole[i, j] = (pivot * whole[i, j] - a * whole[step, j]) // last
        last = pivot
    whole[d, d] = last
    return True


@kernel
def read_solution(whole, lines, u, factor, rows, basis, vectors, d):
    """Multipliers of a solved system, if they are nonnegative and the combination, a constant, is at most zero.

    Coefficients stand in units of their row's grain, and so do the multipliers.

    Returns:
        How many rows other than the box's there are, now alone in ``basis[WHICH]`` with ``vectors[MULTIPLIER]``, and
        ``theta`` behind the last place; or -1.
    """
    sign = np.int64(1) if whole[d, d] > 0 else np.int64(-1)
    theta = sign * whole[d, d]
    size = abs(lines[u, 0] / lines[u, d + 4]) * float(theta)
    for c in range(d):
        if sign * whole[c, d] < 0:
            return -1
        size += abs(rows[basis[WHICH, c], 0] / rows[basis[WHICH, c], d + 4]) * abs(float(whole[c, d]))
    if not size < LARGEST:
        return -1
    total = np.int64(factor * lines[u, 0] / lines[u, d + 4]) * theta
    k = 0
    for c in range(d):
        r, weight = basis[WHICH, c], sign * whole[c, d]
        total += np.int64(rows[r, 0] / rows[r, d + 4]) * weight
        if weight >= EXACT or theta >= EXACT:
            return -1
        if r >= 2 * d and weight > 0:
            basis[WHICH, k] = r
            vectors[MULTIPLIER, k] = float(weight) / rows[r, d + 4]
            k += 1
    vectors[MULTIPLIER, d] = float(theta) / lines[u, d + 4]
    return k if total <= 0 else -1
