"""Lines of deep layers in two or three doubles a coefficient: accurate again where rounding has spoilt them.

Bounds of rounding errors grow from layer to layer, by the sum of the absolute weights over the size of what they add
up to.  After some thirty layers nothing is left of 53 bits.  So where the bounds of a layer get coarse, its lines are
composed anew from the first layer and rounded once.  Each coefficient is an unevaluated sum of two doubles, or of
three, where two get coarse or the weights themselves have rests (`float_form`); where even those do, and after maxima
of three and more lines, the exact side is asked for them (``ASK_LINES``).  Which of these depends on the decisions of
the path alone, and so do all numbers here.

Main definitions: `expand`, `is_coarse`, `take_expansions`.

Conventions: ``expansions[l, :, i]`` holds the high parts of line ``i``'s ``1 + d`` coefficients, the middle parts, the
low parts, the error over the box as in `filters`, and room: for a sum, and for the three parts and the error of the
line's present gain.  So the lines of a layer stand side by side, and are worked on several at a time.
``expanded[l]`` says whether they are those of the present path.  `state` has two of both, one on the other: `IN_TWO`
doubles, whose low parts are zero, and `IN_THREE`; neither is made of the other, so that all numbers depend on the path
alone.

References: Ogita, Rump and Oishi, Accurate sum and dot product (2005), section 2 (products by a fused multiply-add) and
section 5 (K-fold sums).

Not here: lines in doubles (`layers`), exact lines (`settle`).
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from exactcpa.kernels import inlined, kernel
from exactcpa.kernels.filters import ABOVE, TINY, U, write_size
from exactcpa.kernels.state import (
    GAIN,
    GAIN_ERROR,
    IN_TWO,
    LOW_GAIN,
    MIDDLE_GAIN,
    OF_ERROR,
    OF_SUM,
    RADIUS,
    ROOM,
)

COARSE = 2.0**-28
"""Share of a layer's lines that their errors may be: it only steers, for the bounds hold anyway.

A signed distance is rarely that near to zero; and as bounds grow by 1.6 bits a layer on random networks of 20 units a
layer, more on wider ones, a dozen layers are walked in plain doubles before their lines have to be composed anew.
"""


@intrinsic
def _fused(typing, a, b, c):
    """``a * b + c``, rounded once."""

    def build(_context, builder, _signature, numbers):
        return builder.fma(*numbers)

    return types.float64(types.float64, types.float64, types.float64), build


@inlined
def _sum(a, b):
    """``a + b`` rounded, and what that loses."""
    total = a + b
    moved = total - a
    return total, (a - (total - moved)) + (b - moved)


@kernel
def is_coarse(lines, n, d):
    """Whether the errors of a layer's lines are a large share of their sizes."""
    error, size = 0.0, 0.0
    for i in range(n):
        error += lines[i, d + 1]
        size += lines[i, d + 2]
    return error > COARSE * size


@inlined
def _width(expansions, n):
    """How many lines are worked on: up to seven more, all zero, so that none is left over when eight go at a time."""
    return min((n + 7) // 8 * 8, expansions.shape[2])


@kernel
def _add_multiple(expansions, layer, width, z, d, box):
    """Add line ``z`` of the layer before to each line, times its gain, whose parts stand in the rows for them.

    The larger products and the sums are exact: what they lose is computed, and added to the next part.  Only the low
    part rounds, and products that belong there, so the error is a multiple of ``u`` times the sum of all that was added
    to it, which is kept for `_finish`.  Of the products of parts, those far below the last bit of the low part are but
    counted among the errors.  Underflow is less than `TINY` over the box.
    """
    here, before, k = expansions[layer], expansions[layer - 1], d + 1
    room = 3 * k
    size, middle_size, low_size = 0.0, 0.0, 0.0
    for j in range(k):
        weight = box[RADIUS, j - 1] if j > 0 else 1.0
        size += (abs(before[j, z]) + abs(before[k + j, z]) + abs(before[2 * k + j, z])) * weight
        middle_size += abs(before[k + j, z]) * weight
        low_size += abs(before[2 * k + j, z]) * weight
    error = before[room + OF_ERROR, z]
    size, middle_size, low_size = size * ABOVE + error, middle_size * ABOVE, low_size * ABOVE
    is_long = False
    for i in range(width):
        middle, low = abs(here[room + MIDDLE_GAIN, i]), abs(here[room + LOW_GAIN, i])
        is_long = is_long or middle + low != 0.0
        gain, gain_error = (abs(here[room + GAIN, i]) + middle + low) * ABOVE, here[room + GAIN_ERROR, i]
        left_out = middle * low_size + low * (middle_size + low_size)
        underflow = TINY if gain + gain_error != 0.0 else 0.0
        here[room + OF_ERROR, i] += gain * error + gain_error * size + left_out * ABOVE + underflow
    for j in range(k):
        high, middle, low = before[j, z], before[k + j, z], before[2 * k + j, z]
        weight = box[RADIUS, j - 1] if j > 0 else 1.0
        if is_long:
            for i in range(width):
                gain, middle_gain = here[room + GAIN, i], here[room + MIDDLE_GAIN, i]
                third = middle_gain * high
                tail, one = _fused(middle_gain, high, -third), middle_gain * middle
                two = here[room + LOW_GAIN, i] * high
                strays = abs(tail) + abs(one) + abs(two)
                tail += one
                tail += two
                first, second, faint = gain * high, gain * middle, gain * low
                rest, last = _fused(gain, high, -first), _fused(gain, middle, -second)
                here[j, i], lost = _sum(here[j, i], first)
                below, a = _sum(here[k + j, i], rest)
                below, b = _sum(below, lost)
                below, c = _sum(below, second)
                here[k + j, i], e = _sum(below, third)
                here[2 * k + j, i] += (tail + last + faint) + (a + b) + (c + e)
                strays += abs(last) + abs(faint) + (abs(a) + abs(b)) + (abs(c) + abs(e))
                here[room + OF_SUM, i] += strays * weight
        else:
            for i in range(width):
                gain = here[room + GAIN, i]
                first, second, faint = gain * high, gain * middle, gain * low
                rest, last = _fused(gain, high, -first), _fused(gain, middle, -second)
                here[j, i], lost = _sum(here[j, i], first)
                below, a = _sum(here[k + j, i], rest)
                below, b = _sum(below, lost)
                here[k + j, i], c = _sum(below, second)
                here[2 * k + j, i] += (last + faint) + (a + b) + c
                strays = (abs(last) + abs(faint)) + (abs(a) + abs(b)) + abs(c)
                here[room + OF_SUM, i] += strays * weight


@kernel
def _add_in_two(here, before, gains, width, z, factor, d, box):
    """Add line ``z`` of the layer before, in two doubles, to each line, times its gain, a double.

    The product by the high part and its sum are exact.  The middle part takes what they lose, and rounds: with N terms
    ``g_z (h_z + m_z)`` and S the sum of all ``|g_z h_z|`` and the constant's size, what one term loses is at most
    ``2 u |g_z h_z| + u S``, since ``|m_z| <= u |h_z|``; so all together ``(N + 2) u S``, each part of which rounds
    thrice and then in at most N sums.  `factor` is at least ``(N + 2) (N + 4) u**2``; underflow is less than `TINY`.
    """
    k = d + 1
    room, size = 3 * k, 0.0
    for j in range(k):
        size += abs(before[j, z]) * (box[RADIUS, j - 1] if j > 0 else 1.0)
    error = before[room + OF_ERROR, z] + factor * size * ABOVE
    for i in range(width):
        gain = abs(gains[i])
        here[room + OF_ERROR, i] += gain * error + (TINY if gain != 0.0 else 0.0)
    for j in range(k):
        high, middle = before[j, z], before[k + j, z]
        for i in range(width):
            first, second = gains[i] * high, gains[i] * middle
            rest = _fused(gains[i], high, -first)
            here[j, i], lost = _sum(here[j, i], first)
            here[k + j, i] += (rest + second) + lost


@kernel
def _expand_in_two(
    constant, base, weights, switches, lines, has_base, switch_bits, bits, f, expansions, layer, n, d, box
):
    """One layer from the layer before, as `_expand_layer`, in two doubles; no number has a rest."""
    width, has_rests = _width(expansions, n), False
    _begin_lines(constant, constant, has_rests, expansions, layer, n, width, d)
    here, before, room = expansions[layer], expansions[layer - 1], 3 * d + 3
    factor = (lines + switches + 8) * U
    factor *= factor
    for i in range(n):
        here[room + OF_ERROR, i] = factor * abs(constant[layer, i, 0])
    if has_base:
        for z in range(lines):
            for i in range(n):
                here[room + GAIN, i] = base[layer, i, z, 0]
            _add_in_two(here, before, here[room + GAIN], width, z, factor, d, box)
    for z in range(switches):
        bit = switch_bits[layer - 1, z]
        if (bits[f, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
            _add_in_two(here, before, weights[layer, z], width, z, factor, d, box)
    _finish(expansions, layer, n, lines + switches, d)
    for j in range(2 * d + 2):
        for i in range(n):
            here[room + OF_ERROR, i] += 0.0 * here[j, i]  # no bound where something has overflowed


@inlined
def _finish(expansions, layer, n, count, d):
    """Make the parts of coefficients overlap little, exactly, and bound the error of at most so many terms."""
    here, k = expansions[layer], d + 1
    for j in range(k):
        for i in range(n):
            middle, low = _sum(here[k + j, i], here[2 * k + j, i])
            high, middle = _sum(here[j, i], middle)
            here[j, i] = high
            here[k + j, i], here[2 * k + j, i] = _sum(middle, low)
    for i in range(n):
        # Each of the terms was rounded nine times at most before it was added to the others, in as many sums as lines.
        rounding = (count + 16) * U * here[3 * k + OF_SUM, i]
        here[3 * k + OF_ERROR, i] = (here[3 * k + OF_ERROR, i] + rounding) * ABOVE + TINY


@inlined
def _begin_lines(constant, constant_rest, has_rests, expansions, layer, n, width, d):
    """Lines that are their constants."""
    here, k = expansions[layer], d + 1
    for j in range(3 * k + ROOM):
        for i in range(width):
            here[j, i] = 0.0
    for i in range(n):
        here[0, i] = constant[layer, i, 0]
        if has_rests:
            here[k, i], here[2 * k, i] = constant_rest[layer, i, 0], constant_rest[layer, i, 1]
            here[3 * k + OF_ERROR, i] = constant_rest[layer, i, 2]
            here[3 * k + OF_SUM, i] = abs(constant_rest[layer, i, 1])


@kernel
def _expand_first(constant, base, constant_rest, base_rest, has_rests, expansions, n, d, box):
    """The lines of the first layer, which are numbers of the form."""
    _begin_lines(constant, constant_rest, has_rests, expansions, 0, n, _width(expansions, n), d)
    here, k = expansions[0], d + 1
    for i in range(n):
        for j in range(d):
            here[1 + j, i] = base[0, i, j, 0]
            if has_rests:
                here[k + 1 + j, i], here[2 * k + 1 + j, i] = base_rest[0, i, j, 0], base_rest[0, i, j, 1]
                if base_rest[0, i, j, 2] > 0.0:
                    here[3 * k + OF_ERROR, i] += base_rest[0, i, j, 2] * box[RADIUS, j] + TINY
        here[3 * k + OF_ERROR, i] *= ABOVE


@inlined
def _take_gain(gain, rest, has_rests, a, b, c, here, room, i):
    """The parts of line ``i``'s gain, by its place in the form."""
    here[room + GAIN, i] = gain[a, b, c, 0]
    if has_rests:
        here[room + MIDDLE_GAIN, i], here[room + LOW_GAIN, i] = rest[a, b, c, 0], rest[a, b, c, 1]
        here[room + GAIN_ERROR, i] = rest[a, b, c, 2]


@kernel
def _expand_layer(
    constant,
    base,
    gain,
    constant_rest,
    base_rest,
    gain_rest,
    switches,
    lines,
    has_base,
    has_rests,
    switch_bits,
    bits,
    f,
    expansions,
    layer,
    n,
    d,
    box,
):
    """One layer from the layer before, which has switches only."""
    width = _width(expansions, n)
    _begin_lines(constant, constant_rest, has_rests, expansions, layer, n, width, d)
    here, room = expansions[layer], 3 * d + 3
    if has_base:
        for z in range(lines):
            for i in range(n):
                _take_gain(base, base_rest, has_rests, layer, i, z, here, room, i)
            _add_multiple(expansions, layer, width, z, d, box)
    for z in range(switches):
        bit = switch_bits[layer - 1, z]
        if (bits[f, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
            for i in range(n):
                _take_gain(gain, gain_rest, has_rests, layer, z, i, here, room, i)
            _add_multiple(expansions, layer, width, z, d, box)
    _finish(expansions, layer, n, lines + switches, d)


@kernel
def expand(
    sizes,
    constant,
    base,
    gain,
    weights,
    switch_bits,
    constant_rest,
    base_rest,
    gain_rest,
    bits,
    f,
    expansions,
    expanded,
    layer,
    parts,
    d,
    box,
):
    """Compose the lines of a layer, from the last one before that has expansions.

    The first arguments are of the `FloatForm`; `layer` is not the first.  `parts` is `IN_TWO` or `IN_THREE`: of which
    set the expansions are.

    Returns:
        False if that cannot be: maxima lie between, or numbers with rests are asked for in two doubles.
    """
    has_rests = constant_rest.shape[0] > 0
    if has_rests and parts == IN_TWO:
        return False
    start = layer - 1
    while start > 0 and not expanded[start]:
        start -= 1
    for number in range(start, layer):
        if sizes[number, 2] > 0:
            return False
    if not expanded[start]:
        _expand_first(constant, base, constant_rest, base_rest, has_rests, expansions, sizes[0, 0], d, box)
        expanded[0] = 1
    for number in range(start + 1, layer + 1):
        n, lines, switches = sizes[number, 0], sizes[number - 1, 0], sizes[number - 1, 1]
        has_base = sizes[number, 3] != 0
        if parts == IN_TWO:
            _expand_in_two(
                constant,
                base,
                weights,
                switches,
                lines,
                has_base,
                switch_bits,
                bits,
                f,
                expansions,
                number,
                n,
                d,
                box,
            )
        else:
            _expand_layer(
                constant,
                base,
                gain,
                constant_rest,
                base_rest,
                gain_rest,
                switches,
                lines,
                has_base,
                has_rests,
                switch_bits,
                bits,
                f,
                expansions,
                number,
                n,
                d,
                box,
            )
        expanded[number] = 1
    return True


@kernel
def take_expansions(expansions, lines, layer, n, d, box):
    """Round expansions to lines, where that makes the errors smaller: what is cut off is known."""
    here, k = expansions[layer], d + 1
    for i in range(n):
        error = here[3 * k + OF_ERROR, i]
        is_whole = error == 0.0
        for j in range(k):
            rest = abs(here[k + j, i]) + abs(here[2 * k + j, i])
            error += rest * (box[RADIUS, j - 1] if j > 0 else 1.0)
            is_whole = is_whole and rest == 0.0
        if not is_whole:
            error = error * ABOVE + TINY
        if error < lines[i, d + 1]:
            for j in range(k):
                lines[i, j] = here[j, i]
            lines[i, d + 1] = error
            write_size(lines, i, d, box)
            if is_whole and lines[i, d + 2] > 0.0:
                # The grain was that of rounded weights; of an exact line it has to be true.
                lines[i, d + 4] = 0.0
