"""What the walk writes: the proof's records, and the results.

Main definitions: `write_drop`, `write_split`, `write_prune`, `write_cell`, `write_facet`.

Conventions: the records of the proof stream are specified in `exactcpa.checker`; rows there are counted from the
first row after the bounding box, and refer to lines as scaled in the file's head, not as rescaled by the kernels.

Not here: records with big integers, which the exact side writes (`settle`).
"""

from __future__ import annotations

from exactcpa.kernels import inlined, kernel, merged
from exactcpa.kernels.questions import PROVED, TIED
from exactcpa.kernels.state import (
    CELL_CODE,
    CELLS,
    CENTRE,
    DROP,
    DROP_IMPLIED,
    DROP_TIED,
    FACET,
    MULTIPLIER,
    NCELL,
    NCODE,
    NFACE,
    NREAL,
    PROOF,
    PRUNE,
    PRUNE_IMPLIED,
    PRUNE_TIED,
    RECORDS,
    SCALE,
    SPLIT_CODE,
    WHICH,
)


@merged
def _write_multipliers(counters, codes, reals, rows, basis, vectors, at, theta, proof, d):
    """Number of multipliers and their rows as codes from `at` on; theta and the multipliers as reals.

    A tie, or what is implied, has its rows alone: they determine the multipliers.
    """
    k = proof - PROVED if proof >= PROVED else int(vectors[MULTIPLIER, d]) if proof == TIED else d
    codes[at] = k
    n = counters[NREAL]
    if proof < PROVED:
        for i in range(k):
            codes[at + 1 + i] = basis[WHICH, i] - 2 * d
        counters[NCODE] = at + 1 + k
        return
    reals[n] = theta * vectors[MULTIPLIER, d]
    for i in range(k):
        r = basis[WHICH, i]
        codes[at + 1 + i] = r - 2 * d
        reals[n + 1 + i] = vectors[MULTIPLIER, i] * rows[r, d + 5]
    counters[NREAL] = n + 1 + k
    counters[NCODE] = at + 1 + k


@kernel
def write_drop(counters, codes, reals, rows, basis, vectors, u, upper, proof, d):
    """A switch does not cut the node."""
    counters[RECORDS] += 1
    if counters[PROOF]:
        n = counters[NCODE]
        codes[n] = DROP if proof >= PROVED else DROP_TIED if proof == TIED else DROP_IMPLIED
        codes[n + 1], codes[n + 2] = u, 1 if upper else 0
        _write_multipliers(counters, codes, reals, rows, basis, vectors, n + 3, 1.0, proof, d)


@kernel
def write_split(counters, codes, u):
    """The node is split by a switch."""
    counters[RECORDS] += 1
    if counters[PROOF]:
        n = counters[NCODE]
        codes[n], codes[n + 1] = SPLIT_CODE, u
        counters[NCODE] = n + 2


@kernel
def write_prune(counters, codes, reals, rows, basis, vectors, r, proof, d):
    """A row is redundant; the multipliers found belong to the row as the kernels scaled it."""
    if counters[PROOF]:
        n = counters[NCODE]
        codes[n] = PRUNE if proof >= PROVED else PRUNE_TIED if proof == TIED else PRUNE_IMPLIED
        codes[n + 1] = r - 2 * d
        _write_multipliers(counters, codes, reals, rows, basis, vectors, n + 2, rows[r, d + 5], proof, d)


@merged
def _write_point(counters, reals, points, p, box, d):
    """A point in the domain's own coordinates, which the grid keeps exact."""
    n = counters[NREAL]
    for j in range(d):
        reals[n + j] = box[CENTRE, j] + box[SCALE, j] * points[p, j]
    counters[NREAL] = n + d


@inlined
def write_cell(counters, out, bits, f, points, slot, number, box, d):
    """A cell with its witness; an exact witness (``number >= 0``) has been written to the proof already."""
    n = counters[NCELL]
    for j in range(d):
        out.cell_points[n, j] = box[CENTRE, j] + box[SCALE, j] * points[slot, j]
    for w in range(bits.shape[1]):
        out.cell_bits[n, w] = bits[f, w]
    out.cell_marks[n, 0], out.cell_marks[n, 1] = number, 0
    counters[NCELL] = n + 1
    counters[CELLS] += 1
    counters[RECORDS] += 1
    if counters[PROOF] and number < 0:
        out.codes[counters[NCODE]] = CELL_CODE
        counters[NCODE] += 1
        _write_point(counters, out.reals, points, slot, box, d)


@inlined
def write_facet(counters, out, flips, outer, i, r, box, written, d):
    """A row is a facet, with a point beyond it; `written` if the exact side has written it to the proof."""
    n = counters[NFACE]
    out.facet_flips[n, 0], out.facet_flips[n, 1] = flips[r, 0], flips[r, 1]
    counters[NFACE] = n + 1
    out.cell_marks[counters[NCELL] - 1, 1] += 1
    counters[RECORDS] += 1
    if counters[PROOF] and not written:
        c = counters[NCODE]
        out.codes[c], out.codes[c + 1] = FACET, r - 2 * d
        counters[NCODE] = c + 2
        _write_point(counters, out.reals, outer, i, box, d)
