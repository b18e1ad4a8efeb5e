"""Facets found in passing: at a corner of a cell on no more rows than its dimension, each of these is a facet.

Every linear program walks over corners of its node, and a point beyond one row alone is found beside each in a few
operations.  So most facets cost no linear program of their own.

Main definitions: `find_facet_at_corner`, `accept_outer`.

Conventions: the dictionary is that of `simplex`.  ``basis[STATE]`` of a row is 0 while it is not known whether it is a
facet, 1 when a point beyond it alone is kept in `outer`.

Not here: rows that are no facets (`questions`), points handed from node to node (`nodes`).
"""

from __future__ import annotations

from exactcpa.kernels import kernel
from exactcpa.kernels.filters import is_inside, sign_at, snap
from exactcpa.kernels.state import CHOSEN, COL_VAR, ROW_VAR, STATE, TRIAL

NEAREST = 1e-9
"""Share of the way to the witness below which a corner counts as one on more rows.  This only steers."""


@kernel
def find_facet_at_corner(table, basis, vectors, m, d, c, rows, box, points, origin, outer):
    """Prove the nonbasic row of column ``c`` a facet, if the dictionary's point lies on nonbasic rows alone.

    From that point ``v`` go a little towards the witness ``p``, to ``v + t (p - v)``, where nonbasic slacks are ``t``
    times the witness's; then back along the row's edge, so that its slack becomes ``-t / 2`` times the witness's and
    other nonbasic ones stay.  The basic slacks say how small ``t`` must be.
    """
    i = basis[COL_VAR, c]
    back, t = 1.5 * table[1 + d, i], 1.0
    for k in range(m):
        var = basis[ROW_VAR, k]
        if var < m and basis[STATE, var] != 2:
            loss = table[0, k] - table[1 + d, var] + back * table[1 + c, k]
            if loss * t > table[0, k]:
                t = table[0, k] / loss
    if not t > NEAREST:
        return
    t *= 0.5
    for j in range(d):
        vectors[TRIAL, j] = points[origin, j]
    for k in range(m):
        var = basis[ROW_VAR, k]
        if var >= m:
            vectors[TRIAL, var - m] += (1.0 - t) * table[0, k] - t * back * table[1 + c, k]
    snap(vectors, TRIAL, d, box)
    accept_outer(rows, basis, vectors, m, d, i, outer)


@kernel
def accept_outer(rows, basis, vectors, m, d, i, outer):
    """Certify ``vectors[TRIAL]`` as a point beyond row ``i`` alone, and keep it as that row's outer point."""
    if sign_at(rows, basis[CHOSEN, i], d, vectors, TRIAL) >= 0:
        return False
    if not is_inside(rows, basis, m, d, vectors, TRIAL, i):
        return False
    basis[STATE, i] = 1
    for j in range(d):
        outer[i, j] = vectors[TRIAL, j]
    return True
