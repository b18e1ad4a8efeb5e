"""From layer to layer: the next layer's lines, accumulated as the decisions fall, with their error bounds.

Main definitions: `accumulate`, `begin_layer`, `needs_lines`, `sharpen_lines`, `take_lines`, `write_spans`.

Conventions: a sum has the layout of a line (`state`).  It starts as the constant and the base part, and takes one
line for each decision; when the layer is done it is the next layer's line.

References: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1.

Not here: lines more accurate than doubles (`expansions`), why the bounds make comparisons proofs (`filters`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, kernel
from exactcpa.kernels.expansions import expand, is_coarse, take_expansions
from exactcpa.kernels.filters import TINY, U, write_size
from exactcpa.kernels.nodes import write_signs
from exactcpa.kernels.state import (
    ANSWER,
    ASK_LINES,
    GROUP,
    HELD,
    IN_THREE,
    IN_TWO,
    IS_REAL,
    LAYER,
    NONE,
    P0,
    P1,
    PHASE,
    POSITION,
    QFRAME,
    QUESTION,
    RADIUS,
    TEST,
    U0,
    U1,
    UNDECIDED,
)

KEPT = 32
"""Points handed on to the next layer; more answer more questions, and cost more to carry."""


@kernel
def add_line(sums, f, i, gains, k, lines, z, d):
    """Add line ``z``, times gain ``k`` of a list of triples, to sum ``i`` of node ``f``, with the bounds of its error.

    The product and the sum round once each in every coefficient; over the box that is at most ``u`` times the size of
    the product and of the new sum, whose size is at most the sum of the sizes added so far.  If all numbers are
    exact multiples of a grain and smaller than 2**53 grains, nothing rounds.  (Coordinates' largest values are at least
    1/4, so coefficients are at most four times the size.)
    """
    g, g_error = gains[k, 0], gains[k, 1]
    for j in range(d + 1):
        sums[f, i, j] += g * lines[z, j]
    error, size = lines[z, d + 1], lines[z, d + 2]
    added = abs(g) * size
    sums[f, i, d + 2] += added
    sums[f, i, d + 3] *= lines[z, d + 3]
    grain = min(sums[f, i, d + 4], gains[k, 2] * lines[z, d + 4])
    sums[f, i, d + 4] = grain
    if error == 0.0 and g_error == 0.0 and 8.0 * sums[f, i, d + 2] < 2.0**53 * grain:
        return
    sums[f, i, d + 1] += abs(g) * error + g_error * (size + error) + U * (added + sums[f, i, d + 2]) + TINY


@kernel
def accumulate(sizes, gain, sums, f, lines, layer, k, z, d):
    """Add decision ``k`` of a layer, whose chosen line is ``z``, to the next layer's lines at node ``f``."""
    for i in range(sizes[layer + 1, 0]):
        if gain[layer + 1, k, i, 0] != 0.0 or gain[layer + 1, k, i, 1] != 0.0:
            add_line(sums, f, i, gain[layer + 1, k], i, lines, z, d)


@inlined
def _begin_sums(form, sums, f, lines, layer, d):
    """The next layer's lines before any decision: constants and base."""
    following = layer + 1
    for i in range(form.sizes[following, 0]):
        constant, error = form.constant[following, i, 0], form.constant[following, i, 1]
        sums[f, i, 0] = constant
        for j in range(d):
            sums[f, i, 1 + j] = 0.0
        sums[f, i, d + 1], sums[f, i, d + 2] = error, abs(constant)
        sums[f, i, d + 3] = 1.0 if constant == 0.0 and error == 0.0 else 0.0
        sums[f, i, d + 4] = form.constant[following, i, 2]
        if form.sizes[following, 3]:
            for z in range(form.sizes[layer, 0]):
                if form.base[following, i, z, 0] != 0.0 or form.base[following, i, z, 1] != 0.0:
                    add_line(sums, f, i, form.base[following, i], z, lines, z, d)


@kernel
def needs_lines(sizes, layer):
    """Whether the layer after this one has decisions, so that its lines are wanted."""
    return layer + 1 < sizes.shape[0] - 1


@inlined
def _take_lines(form, tree, box, f, layer, d):
    """Make the accumulated lines those of the present layer."""
    lines = tree.lines[layer]
    for i in range(form.sizes[layer, 0]):
        if layer == 0:
            lines[i, 0] = form.constant[0, i, 0]
            error = form.constant[0, i, 1]
            lines[i, d + 3] = 1.0 if lines[i, 0] == 0.0 and error == 0.0 else 0.0
            lines[i, d + 4] = form.constant[0, i, 2]
            for j in range(d):
                lines[i, d + 4] = min(lines[i, d + 4], form.base[0, i, j, 2])
                lines[i, 1 + j] = form.base[0, i, j, 0]
                if form.base[0, i, j, 1] > 0.0:
                    error += form.base[0, i, j, 1] * box[RADIUS, j] + TINY
        else:
            for j in range(d + 1):
                lines[i, j] = tree.sums[f, i, j]
            error = tree.sums[f, i, d + 1]
            lines[i, d + 3], lines[i, d + 4] = tree.sums[f, i, d + 3], tree.sums[f, i, d + 4]
        lines[i, d + 1] = error * (1.0 + 1e-9) + TINY if error > 0.0 else 0.0
        write_size(lines, i, d, box)


@inlined
def take_lines(form, tree, box, f, layer, d):
    """The lines of the present layer: exact ones, rounded, if they have been asked for."""
    counters, n = tree.counters, form.sizes[layer, 0]
    _take_lines(form, tree, box, f, layer, d)
    tree.expanded[IN_TWO, layer] = tree.expanded[IN_THREE, layer] = 0
    if counters[ANSWER] != NONE:
        counters[ANSWER] = NONE
        tree.expanded[IN_THREE, layer] = 1
        take_expansions(tree.expansions[IN_THREE], tree.lines[layer], layer, n, d, box)


@inlined
def is_sharp(tree, layer):
    """Whether the lines of the present layer have been composed anew, or asked for."""
    return tree.expanded[IN_TWO, layer] != 0 or tree.expanded[IN_THREE, layer] != 0


@inlined
def sharpen_lines(form, tree, box, f, layer, d):
    """Make the lines of the present layer accurate if their errors have grown; False if that takes exact ones."""
    counters, n, proceeds = tree.counters, form.sizes[layer, 0], True
    if layer > 0 and not is_sharp(tree, layer) and is_coarse(tree.lines[layer], n, d):
        for parts in (IN_TWO, IN_THREE):
            if is_coarse(tree.lines[layer], n, d) and expand(
                form.sizes,
                form.constant,
                form.base,
                form.gain,
                form.weights,
                form.switch_bits,
                form.constant_rest,
                form.base_rest,
                form.gain_rest,
                tree.bits,
                f,
                tree.expansions[parts],
                tree.expanded[parts],
                layer,
                parts,
                d,
                box,
            ):
                take_expansions(tree.expansions[parts], tree.lines[layer], layer, n, d, box)
        if counters[IS_REAL] == 0 and is_coarse(tree.lines[layer], n, d):
            counters[QUESTION], counters[QFRAME] = ASK_LINES, f
            proceeds = False
    return proceeds


@inlined
def write_spans(form, tree, f, layer):
    """How many lines the layer before passes on, and the first layer of whose lines all since are combinations.

    ``spans[0, l]`` counts the decisions of layer ``l`` that pass a line on, -1 while they are not all made (see
    `nodes.push`); ``spans[1, l]`` is the first layer after which, up to ``l``, no layer has constants or a linear part
    beside.
    """
    tree.spans[0, layer] = -1
    if layer == 0:
        tree.spans[1, 0] = 0
        return
    count = form.sizes[layer - 1, 2]
    for k in range(form.sizes[layer - 1, 1]):
        bit = form.switch_bits[layer - 1, k]
        count += int((tree.bits[f, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1))
    tree.spans[0, layer - 1] = count
    is_plain = form.sizes[layer, 3] == 0
    for i in range(form.sizes[layer, 0]):
        if form.constant[layer, i, 0] != 0.0 or form.constant[layer, i, 1] != 0.0:
            is_plain = False
    tree.spans[1, layer] = tree.spans[1, layer - 1] if is_plain else layer


@inlined
def begin_layer(form, tree, box, f, d):
    """Lines, undecided switches and signs of the present layer; False if a question is left open."""
    frame = tree.frames[f]
    layer = frame[LAYER]
    write_spans(form, tree, f, layer)
    take_lines(form, tree, box, f, layer, d)
    if not sharpen_lines(form, tree, box, f, layer, d):
        return False
    if needs_lines(form.sizes, layer):
        _begin_sums(form, tree.sums, f, tree.lines[layer], layer, d)
    frame[P1] = min(frame[P1], frame[P0] + KEPT)
    for u in range(form.sizes[layer, 1]):
        tree.lists[UNDECIDED, frame[U0] + u] = u
    frame[U1] = frame[U0] + form.sizes[layer, 1]
    for i in range(frame[P0], frame[P1]):
        write_signs(tree, f, tree.lists[HELD, i], d)
    frame[GROUP] = 0
    frame[POSITION] = frame[U0]
    frame[PHASE] = TEST
    return True
