"""A box around a node, and what it decides: most switches of a deep layer, all at once and with hardly a word of proof.

The rows through the vertex that is outermost in some direction prove how far the node reaches there.  So a few
certificates give a box; then interval arithmetic tells of each line whether it changes its sign there.

Main definitions: `tighten`, `find_settled`, `settle`.

Conventions: ends of boxes are in the kernels' coordinates, rounded outward from what the proof states.  An end that
would not come much nearer stays.

Why an end holds.  Let ``y <= t`` be proved.  The proof states ``b``, a double that is at least ``centre + scale t``:
rounding and underflow are less than what is added.  The kernels go on with what is at least ``(b - centre) / scale``.

References: Moore, Kearfott and Cloud, Introduction to interval analysis (2009), section 5.1 (range of a linear form).

Not here: switches that the box leaves open (`vertex_drops`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, walk_merged
from exactcpa.kernels.bits import NOUGHT, ONE, number_of
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.state import (
    BOUND,
    CENTRE,
    LAYER,
    MULTIPLIER,
    NCODE,
    NREAL,
    PROOF,
    RECORDS,
    SCALE,
    SETTLE,
    WHICH,
)
from exactcpa.kernels.vert_state import V0, V1
from exactcpa.kernels.vertex_inlets import accumulate, bound, needs_lines, set_bit
from exactcpa.kernels.vertex_proofs import NEGLIGIBLE, _solve
from exactcpa.kernels.vertices import choose_independent, list_tight

WORTHWHILE = 4
"""Switches per dimension that make a smaller box worth its proof."""

NEARER = 1.0 / 16.0
"""Share of the width by which an end comes nearer, or it stays."""

SMALLER = 0.5
"""Share of the volume that the vertices' own box has, at most, if a new one is proved."""

WIDER = 2.0**-50


@walk_merged
def _reach(rows, rows_of, f, masks, v, axes, j, factor, d, words, basis, vectors, box, ids, work):
    """How far a node reaches up (`factor` 1) or down (-1) coordinate ``j``, by the rows through vertex ``v``.

    Returns:
        The number of multipliers, left as `questions` leaves them, and an upper bound of ``factor * y``.
    """
    k = list_tight(masks, v, rows_of, f, ids, words)
    if not choose_independent(rows, ids, k, d, work) or not _solve(rows, ids, axes, j, factor, d, work):
        return 0, np.inf
    n = 0
    for c in range(d):
        r, weight = ids[0, c], work[c, d]
        if r >= 2 * d and weight > NEGLIGIBLE:
            unscaled = weight * rows[r, d + 5]
            stated = unscaled * box[SCALE, j]
            if not (NEGLIGIBLE < unscaled < 1.0 / NEGLIGIBLE and NEGLIGIBLE < stated < 1.0 / NEGLIGIBLE):
                return 0, np.inf
            basis[WHICH, n] = r
            vectors[MULTIPLIER, n] = weight
            n += 1
    return n, bound(axes, j, factor, rows, basis, vectors, n, d, box)


@inlined
def tighten(tree, lp, out, corners, box, f, d, words):
    """Prove a smaller box around a node, if its vertices have one of at most half the volume."""
    counters, node = tree.counters, corners.nodes[f]
    here, values = corners.boxes[f], corners.values
    share = 1.0
    for j in range(d):
        low, high = np.inf, -np.inf
        for i in range(node[V0], node[V1]):
            value = corners.spots[corners.which[i, 0], j]
            if value < low:
                low = value
                corners.ids[1, j] = i
            if value > high:
                high = value
                corners.ids[2, j] = i
        if not low <= high:
            return  # no position is known
        values[j, 0], values[j, 1] = low, high
        share *= (high - low) / (here[1, j] - here[0, j])
    if not share <= SMALLER:
        return
    c, r = counters[NCODE], counters[NREAL]
    is_written, is_nearer = counters[PROOF] != 0, False
    if is_written:
        out.codes[c] = BOUND
    c += 1
    for j in range(d):
        width = here[1, j] - here[0, j]
        for side in range(2):
            factor = 1.0 if side else -1.0
            k, end, stated = -1, here[side, j], 0.0
            if factor * (end - values[j, side]) > NEARER * width:
                k, most = _reach(
                    tree.rows,
                    corners.rows_of,
                    f,
                    corners.masks,
                    corners.ids[1 + side, j],
                    corners.axes,
                    j,
                    factor,
                    d,
                    words,
                    lp.basis,
                    lp.vectors,
                    box,
                    corners.ids,
                    corners.work,
                )
                step = factor * box[SCALE, j] * most
                stated = box[CENTRE, j] + step
                stated += factor * ((abs(box[CENTRE, j]) + abs(step)) * WIDER + TINY)
                end = (stated - box[CENTRE, j]) / box[SCALE, j]
                end += factor * (abs(end) * WIDER + TINY)
                if not factor * (here[side, j] - end) > 0.5 * NEARER * width:
                    k, end = -1, here[side, j]
            values[d + j, side] = end
            if is_written:
                out.codes[c] = k
            c += 1
            if k >= 0:
                is_nearer = True
                if is_written:
                    out.reals[r] = stated
                    for i in range(k):
                        row = lp.basis[WHICH, i]
                        out.codes[c + i] = row - 2 * d
                        out.reals[r + 1 + i] = (
                            lp.vectors[MULTIPLIER, i] * tree.rows[row, d + 5] * box[SCALE, j]
                        )
                c, r = c + k, r + 1 + k
    if not is_nearer:
        return
    for j in range(d):
        here[0, j], here[1, j] = values[d + j, 0], values[d + j, 1]
    if is_written:
        counters[NCODE], counters[NREAL] = c, r
    counters[RECORDS] += 1


@walk_merged
def _side_in_box(lines, u, boxes, f, d):
    """As `filters.stable_side`, on the box of a node."""
    if lines[u, d + 1] == 0.0 and lines[u, d + 2] == 0.0:
        return 1
    least, greatest = lines[u, 0], lines[u, 0]
    for j in range(d):
        a, b = lines[u, 1 + j] * boxes[f, 0, j], lines[u, 1 + j] * boxes[f, 1, j]
        least += min(a, b)
        greatest += max(a, b)
    doubt = lines[u, d + 1] + (d + 8) * U * lines[u, d + 2] + TINY
    if greatest < -doubt:
        return -1
    if least > doubt:
        return 1
    return 0


@inlined
def find_settled(form, tree, corners, f, d, switch_words):
    """Which of a layer's undecided lines keep their sign in the node's box; True if some do not."""
    layer, is_open = tree.frames[f, LAYER], False
    n = form.sizes[layer, 1]
    for w in range(switch_words):
        found, upper = NOUGHT, NOUGHT
        for u in range(64 * w, min(n, 64 * w + 64)):
            side = _side_in_box(tree.lines[layer], u, corners.boxes, f, d)
            if side != 0:
                bit = ONE << np.uint64(u & 63)
                found |= bit
                if side > 0:
                    upper |= bit
        corners.settled[0, w], corners.settled[1, w] = found, upper
        is_open = is_open or found != corners.undecided[f, w]
    return is_open


@walk_merged
def _add_one(weights, layer, z, lines, totals, n, d):
    """Add decision ``z`` of a layer to the totals."""
    error, size = lines[z, d + 1], lines[z, d + 2]
    if d == 2:
        a, b, c = lines[z, 0], lines[z, 1], lines[z, 2]
        for i in range(n):
            weight = weights[layer + 1, z, i]
            totals[0, i] += weight * a
            totals[1, i] += weight * b
            totals[2, i] += weight * c
            totals[d + 1, i] += abs(weight) * error
            totals[d + 2, i] += abs(weight) * size
    else:
        for j in range(d + 1):
            a = lines[z, j]
            for i in range(n):
                totals[j, i] += weights[layer + 1, z, i] * a
        for i in range(n):
            weight = abs(weights[layer + 1, z, i])
            totals[d + 1, i] += weight * error
            totals[d + 2, i] += weight * size


@walk_merged
def _add_together(weights, sums, f, lines, layer, n, ids, count, totals, d):
    """Add decisions of a layer, their lines listed in ``ids[0]``, to the next layer's ``n`` lines, all with errors.

    As `layers.add_line` does one by one; here a sum of so many products and its old value is bounded at once.
    """
    through_origin = 1.0
    for j in range(d + 3):
        for i in range(n):
            totals[j, i] = 0.0
    for k in range(count):
        through_origin *= lines[ids[0, k], d + 3]
        _add_one(weights, layer, ids[0, k], lines, totals, n, d)
    for i in range(n):
        if totals[d + 1, i] == 0.0 and totals[d + 2, i] == 0.0:
            is_moved = False
            for k in range(count):
                is_moved = is_moved or weights[layer + 1, ids[0, k], i] != 0.0
            if not is_moved:
                continue  # the line may be exact, or zero
        for j in range(d + 1):
            sums[f, i, j] += totals[j, i]
        size = sums[f, i, d + 2] + totals[d + 2, i]
        sums[f, i, d + 1] += totals[d + 1, i] + (count + 3) * (U * size + TINY)
        sums[f, i, d + 2] = size
        sums[f, i, d + 3] *= through_origin
        sums[f, i, d + 4] = 0.0


@inlined
def settle(form, tree, out, corners, f, d, switch_words):
    """Decide the switches that `find_settled` has found."""
    counters, layer = tree.counters, tree.frames[f, LAYER]
    lines, passes_on = tree.lines[layer], needs_lines(form.sizes, layer)
    have_errors, uppers = form.gain_rest.shape[0] == 0, 0
    at, parts, count = counters[NCODE], (form.sizes[layer, 1] + 15) // 16, 0
    for w in range(switch_words):
        found, upper = corners.settled[0, w], corners.settled[1, w]
        corners.undecided[f, w] ^= found
        if counters[PROOF]:
            for part in range(4 * w, min(parts, 4 * w + 4)):
                shift = np.uint64(16 * (part & 3))
                out.codes[at + 1 + part] = np.int64((found >> shift) & np.uint64(0xFFFF))
                out.codes[at + 1 + parts + part] = np.int64((upper >> shift) & np.uint64(0xFFFF))
        while found != NOUGHT:
            found &= found - ONE
            count += 1
        while upper != NOUGHT:
            bit = upper & (~upper + ONE)
            upper ^= bit
            u = 64 * w + number_of(bit)
            set_bit(tree.bits, f, form.switch_bits[layer, u])
            have_errors = have_errors and lines[u, d + 1] > 0.0
            corners.ids[0, uppers] = u
            uppers += 1
    if passes_on and have_errors and uppers > 0:
        following = form.sizes[layer + 1, 0]
        _add_together(
            form.weights, tree.sums, f, lines, layer, following, corners.ids, uppers, corners.totals, d
        )
    elif passes_on:
        for k in range(uppers):
            u = corners.ids[0, k]
            accumulate(form.sizes, form.gain, tree.sums, f, lines, layer, u, u, d)
    if count > 0:
        counters[RECORDS] += count
        if counters[PROOF]:
            out.codes[at] = SETTLE
            counters[NCODE] = at + 1 + 2 * parts
