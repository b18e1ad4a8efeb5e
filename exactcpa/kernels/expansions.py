"""Lines of deep layers in three doubles a coefficient: what makes them accurate again where rounding has spoilt them.

Bounds of rounding errors grow from layer to layer, by the sum of the absolute weights over the size of what they add
up to.  After some twenty layers little is left of 53 bits.  So where the bounds of a layer get coarse, its lines are
composed anew from the first layer, each coefficient an unevaluated sum of three doubles, as the weights are with their
rests (`float_form`), and rounded once; where even those get coarse, and after maxima of three and more lines, the
exact side is asked for them (``ASK_LINES``).  Which of the two depends on the decisions of the path alone, and so do
all numbers here.

Main definitions: `expand`, `is_coarse`, `take_expansions`.

Conventions: ``expansions[l, i]`` holds the high parts of a line's ``1 + d`` coefficients, the middle parts, the low
parts, the error over the box as in `filters`, and room for a sum.  ``expanded[l]`` says whether they are those of the
present path.

References: Dekker, A floating-point technique for extending the available precision (1971), for products; Ogita, Rump
and Oishi, Accurate sum and dot product (2005), section 5 (K-fold sums).

Not here: lines in doubles (`layers`), exact lines (`settle`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.filters import TINY, U, write_size
from exactcpa.kernels.state import RADIUS

COARSE = 2.0**-28
"""Share of a layer's lines that their errors may be: it only steers, for the bounds hold anyway.

A signed distance is rarely that near to zero; and as bounds grow by some four bits a layer, more from wide ones, six
layers and more are walked in plain doubles before their lines have to be composed anew.
"""

HALVES = 2.0**27 + 1.0
"""Times it a double falls into halves of 26 bits."""


@kernel
def is_coarse(lines, n, d):
    """Whether the errors of a layer's lines are a large share of their sizes."""
    error, size = 0.0, 0.0
    for i in range(n):
        error += lines[i, d + 1]
        size += lines[i, d + 2]
    return error > COARSE * size


@kernel
def _add_line(expansions, layer, i, gain, middle_gain, low_gain, gain_error, z, d, box):
    """Add line ``z`` of the layer before, times a gain of three parts, to line ``i``.

    The larger products and the sums are exact: what they lose is computed, and added to the next part.  Only the low
    part rounds, and products that belong there, so the error is a multiple of ``u`` times the sum of all that was added
    to it, which is kept for `_finish`.  Of the products of parts, those far below the last bit of the low part are but
    counted among the errors.  Underflow is less than `TINY` over the box.
    """
    c = HALVES * gain
    upper = c - (c - gain)
    lower = gain - upper
    c = HALVES * middle_gain
    upper_middle = c - (c - middle_gain)
    lower_middle = middle_gain - upper_middle
    is_long = middle_gain != 0.0 or low_gain != 0.0
    strays, size, left_out, k = 0.0, 0.0, 0.0, d + 1
    for j in range(k):
        high, middle, low = (
            expansions[layer - 1, z, j],
            expansions[layer - 1, z, k + j],
            expansions[layer - 1, z, 2 * k + j],
        )
        weight = box[RADIUS, j - 1] if j > 0 else 1.0
        c = HALVES * high
        left = c - (c - high)
        right = high - left
        first = gain * high
        rest = lower * right - (((first - upper * left) - lower * left) - upper * right)
        third, tail, strays_here = 0.0, 0.0, 0.0
        if is_long:
            third = middle_gain * high
            tail = lower_middle * right - (
                ((third - upper_middle * left) - lower_middle * left) - upper_middle * right
            )
            one, two = middle_gain * middle, low_gain * high
            strays_here = abs(tail) + abs(one) + abs(two)
            tail += one
            tail += two
            left_out += (abs(middle_gain) * abs(low) + abs(low_gain) * (abs(middle) + abs(low))) * weight
        c = HALVES * middle
        left = c - (c - middle)
        right = middle - left
        second = gain * middle
        last = lower * right - (((second - upper * left) - lower * left) - upper * right)
        old = expansions[layer, i, j]
        total = old + first
        moved = total - old
        lost = (old - (total - moved)) + (first - moved)
        expansions[layer, i, j] = total
        below, faint = expansions[layer, i, k + j], gain * low
        strays_here += abs(last) + abs(faint)
        tail += last
        tail += faint
        for term in (rest, lost, second, third):
            total = below + term
            moved = total - below
            stray = (below - (total - moved)) + (term - moved)
            below = total
            tail += stray
            strays_here += abs(stray)
        expansions[layer, i, k + j] = below
        expansions[layer, i, 2 * k + j] += tail
        strays += strays_here * weight
        size += (abs(high) + abs(middle) + abs(low)) * weight
    error = expansions[layer - 1, z, 3 * k]
    factor = (abs(gain) + abs(middle_gain) + abs(low_gain)) * (1.0 + 1e-9)
    expansions[layer, i, 3 * k] += (
        factor * error + gain_error * (size * (1.0 + 1e-9) + error) + left_out * (1.0 + 1e-9) + TINY
    )
    expansions[layer, i, 3 * k + 1] += strays


@kernel
def _finish(expansions, layer, i, count, d):
    """Make the parts of a line's coefficients overlap little, exactly, and bound the error of at most so many terms."""
    k = d + 1
    for j in range(k):
        high, middle, low = (
            expansions[layer, i, j],
            expansions[layer, i, k + j],
            expansions[layer, i, 2 * k + j],
        )
        total = middle + low
        moved = total - middle
        low = (middle - (total - moved)) + (low - moved)
        middle = total
        total = high + middle
        moved = total - high
        middle = (high - (total - moved)) + (middle - moved)
        high = total
        total = middle + low
        moved = total - middle
        expansions[layer, i, j], expansions[layer, i, k + j] = high, total
        expansions[layer, i, 2 * k + j] = (middle - (total - moved)) + (low - moved)
    # Each of the terms was rounded nine times at most before it was added to the others, in as many sums as lines.
    rounding = (count + 16) * U * expansions[layer, i, 3 * k + 1]
    expansions[layer, i, 3 * k] = (expansions[layer, i, 3 * k] + rounding) * (1.0 + 1e-9) + TINY


@kernel
def _begin_line(constant, constant_rest, has_rests, expansions, layer, i, d):
    """A line that is its constant."""
    for j in range(3 * d + 5):
        expansions[layer, i, j] = 0.0
    expansions[layer, i, 0] = constant[layer, i, 0]
    if has_rests:
        expansions[layer, i, d + 1] = constant_rest[layer, i, 0]
        expansions[layer, i, 2 * d + 2] = constant_rest[layer, i, 1]
        expansions[layer, i, 3 * d + 3] = constant_rest[layer, i, 2]
        expansions[layer, i, 3 * d + 4] = abs(constant_rest[layer, i, 1])


@kernel
def _expand_first(constant, base, constant_rest, base_rest, has_rests, expansions, n, d, box):
    """The lines of the first layer, which are numbers of the form."""
    for i in range(n):
        _begin_line(constant, constant_rest, has_rests, expansions, 0, i, d)
        for j in range(d):
            expansions[0, i, 1 + j] = base[0, i, j, 0]
            if has_rests:
                expansions[0, i, d + 2 + j] = base_rest[0, i, j, 0]
                expansions[0, i, 2 * d + 3 + j] = base_rest[0, i, j, 1]
                if base_rest[0, i, j, 2] > 0.0:
                    expansions[0, i, 3 * d + 3] += base_rest[0, i, j, 2] * box[RADIUS, j] + TINY
        expansions[0, i, 3 * d + 3] *= 1.0 + 1e-9


@kernel
def _add_product(gain, rest, has_rests, a, b, c, expansions, layer, i, z, d, box):
    """Add line ``z`` times a gain, by its place in the form, to line ``i``, unless the gain is exactly zero."""
    if gain[a, b, c, 0] == 0.0 and gain[a, b, c, 1] == 0.0:
        return
    middle, low, error = 0.0, 0.0, 0.0
    if has_rests:
        middle, low, error = rest[a, b, c, 0], rest[a, b, c, 1], rest[a, b, c, 2]
    _add_line(expansions, layer, i, gain[a, b, c, 0], middle, low, error, z, d, box)


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
    for i in range(n):
        _begin_line(constant, constant_rest, has_rests, expansions, layer, i, d)
        if has_base:
            for z in range(lines):
                _add_product(base, base_rest, has_rests, layer, i, z, expansions, layer, i, z, d, box)
    for k in range(switches):
        bit = switch_bits[layer - 1, k]
        if (bits[f, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
            for i in range(n):
                _add_product(gain, gain_rest, has_rests, layer, k, i, expansions, layer, i, k, d, box)
    for i in range(n):
        _finish(expansions, layer, i, lines + switches, d)


@kernel
def expand(
    sizes,
    constant,
    base,
    gain,
    switch_bits,
    constant_rest,
    base_rest,
    gain_rest,
    bits,
    f,
    expansions,
    expanded,
    layer,
    d,
    box,
):
    """Compose the lines of a layer, from the last one before that has expansions; False if maxima lie between.

    The first arguments are of the `FloatForm`; `layer` is not the first.
    """
    has_rests = constant_rest.shape[0] > 0
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
        _expand_layer(
            constant,
            base,
            gain,
            constant_rest,
            base_rest,
            gain_rest,
            sizes[number - 1, 1],
            sizes[number - 1, 0],
            sizes[number, 3] != 0,
            has_rests,
            switch_bits,
            bits,
            f,
            expansions,
            number,
            sizes[number, 0],
            d,
            box,
        )
        expanded[number] = 1
    return True


@kernel
def take_expansions(expansions, lines, layer, n, d, box):
    """Round expansions to lines, where that makes the errors smaller: what is cut off is known."""
    for i in range(n):
        error, is_whole = expansions[layer, i, 3 * d + 3], expansions[layer, i, 3 * d + 3] == 0.0
        for j in range(d + 1):
            rest = abs(expansions[layer, i, d + 1 + j]) + abs(expansions[layer, i, 2 * d + 2 + j])
            error += rest * (box[RADIUS, j - 1] if j > 0 else 1.0)
            is_whole = is_whole and rest == 0.0
        if not is_whole:
            error = error * (1.0 + 1e-9) + TINY
        if error < lines[i, d + 1]:
            for j in range(d + 1):
                lines[i, j] = expansions[layer, i, j]
            lines[i, d + 1] = error
            write_size(lines, i, d, box)
            if is_whole and lines[i, d + 2] > 0.0:
                # The grain was that of rounded weights; of an exact line it has to be true.
                lines[i, d + 4] = 0.0
