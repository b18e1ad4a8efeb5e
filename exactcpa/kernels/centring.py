"""Points moved away from the walls of their node: witnesses that others can use, and dictionaries of good condition.

A point found beyond a line lies half way to the wall where the way ended, so slacks halve with every point found from
the last one; after some forty splits little is left of 53 bits.  A few moves from the nearest wall to the middle of the
way to the wall across make up for that.

Main definitions: `centre`.

Conventions: as in `questions`; the table's row of ratios holds the slacks meanwhile.

Not here: how points are found (`questions`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.filters import is_inside, sign_at, snap, value_at
from exactcpa.kernels.state import CHOSEN, NORMAL, STEP, TRIAL

MOVES = 2
"""How often a point is moved."""


@kernel
def centre(lines, u, factor, rows, table, basis, vectors, m, d, box):
    """Move ``vectors[TRIAL]``, proved inside all rows and where ``factor * line u`` is positive, to the middle.

    If the new point is not proved to be there, too, the old one stays.
    """
    square = 0.0
    for j in range(d):
        vectors[STEP, j] = vectors[TRIAL, j]
        square += lines[u, 1 + j] * lines[u, 1 + j]
    if not square > 0.0:
        return
    scale = factor / np.sqrt(square)
    for _ in range(MOVES):
        own = scale * value_at(lines, u, d, vectors, TRIAL)
        least, nearest = own, -1
        for j in range(d):
            for i in range(j, 2 * d, d):
                table[3 + d, i] = rows[i, 0] + rows[i, 1 + j] * vectors[TRIAL, j]
        for i in range(2 * d, m):
            table[3 + d, i] = value_at(rows, basis[CHOSEN, i], d, vectors, TRIAL)
        for i in range(m):
            if table[3 + d, i] < least:
                least, nearest = table[3 + d, i], i
        square = 0.0
        for j in range(d):
            vectors[NORMAL, j] = (
                scale * lines[u, 1 + j] if nearest < 0 else rows[basis[CHOSEN, nearest], 1 + j]
            )
            square += vectors[NORMAL, j] * vectors[NORMAL, j]
        slope = 0.0
        for j in range(d):
            slope -= scale * lines[u, 1 + j] * vectors[NORMAL, j]
        reach = own / slope if slope > 0.0 else np.inf
        for j in range(d):
            for i in range(j, 2 * d, d):
                slope = -rows[i, 1 + j] * vectors[NORMAL, j]
                if slope * reach > table[3 + d, i]:
                    reach = table[3 + d, i] / slope
        for i in range(2 * d, m):
            r, slope = basis[CHOSEN, i], 0.0
            for j in range(d):
                slope -= rows[r, 1 + j] * vectors[NORMAL, j]
            if slope * reach > table[3 + d, i]:
                reach = table[3 + d, i] / slope
        way = 0.5 * (reach - least / square)
        for j in range(d):
            vectors[TRIAL, j] += way * vectors[NORMAL, j]
    snap(vectors, TRIAL, d, box)
    if factor * sign_at(lines, u, d, vectors, TRIAL) > 0 and is_inside(rows, basis, m, d, vectors, TRIAL, -1):
        return
    for j in range(d):
        vectors[TRIAL, j] = vectors[STEP, j]
