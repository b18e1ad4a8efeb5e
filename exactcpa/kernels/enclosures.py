"""Layers to come, enclosed between affine functions of u on a ball: what branch and bound knows of a node's future.

On a node every line of its layer is one affine function.  A decision of it lies between two (a ReLU between 0 or the
line, and a chord); so do the lines of the next layer, up to the outputs, as tightly as the ball and the node's rows
allow.  In the end there is an affine function that the logit gap is not below.

Main definitions:
    enclose_exactly: The lines of a layer that are known, as functions.
    enclose_after: Enclosures of all layers after it.
    gap_below: What the logit gap is not below.
    first_span, narrow: Bounds of u, coordinate by coordinate.

Conventions:
    As in `margins`.  A *function* has shape ``(d + 3,)``: gradient, value at 0, a bound of all errors over the ball, a
    bound of its size there.  Every rounding counts with `U`, every underflow with `TINY`, as in `filters`; a number
    that is infinite or none proves nothing.

References:
    Singh, Gehr, Pueschel and Vechev, An abstract domain for certifying neural networks (2019): the enclosures.

Not here: which nodes there are (`descent`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import kernel
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.margins import chosen_line, has_bit, write_row
from exactcpa.kernels.nearest import L1, L2
from exactcpa.kernels.state import LOWER, UPPER

LOW, HIGH = 0, 1
PADDING = 1e-12


@kernel
def _largest(row, d):
    most = 0.0
    for j in range(d):
        most = max(most, abs(row[j]))
    return most


@kernel
def _dual(norm, n, d):
    """Dual length of a covector, rounded up."""
    total, top = 0.0, _largest(n, d)
    for j in range(d):
        a = abs(n[j])
        if norm == L2:
            # Scaled, or small entries would be lost in their squares.
            total += (a / top) * (a / top) if top > 0.0 else 0.0
        elif norm == L1:
            total = max(total, a)
        else:
            total += a
    return (top * np.sqrt(total) if norm == L2 else total) * (1.0 + 1e-14) + TINY


@kernel
def as_function(row, error, radius, d, function):
    """A row ``-<n, u> + b`` as an affine function of u: gradient, value at 0, error and size over the ball."""
    wrong, size = error[d], abs(row[d])
    for j in range(d):
        function[j] = -row[j]
        wrong += radius * error[j]
        size += radius * abs(row[j])
    function[d] = row[d]
    function[d + 1] = wrong * (1.0 + 1e-9) + TINY
    function[d + 2] = size * (1.0 + 1e-9)


@kernel
def ends_of(norm, function, radius, span, d):
    """Bounds of a function on the part of the ball that is in the span."""
    low, high, size = 0.0, 0.0, abs(function[d])
    for j in range(d):
        p, q = function[j] * span[0, j], function[j] * span[1, j]
        low += min(p, q)
        high += max(p, q)
        size += max(abs(p), abs(q))
    reach = radius * _dual(norm, function, d) * (1.0 + 1e-14)
    wrong = function[d + 1] + (d + 4) * U * (size + reach) + TINY
    return function[d] + max(low, -reach) - wrong, function[d] + min(high, reach) + wrong


@kernel
def first_span(box, point, weights, radius, span):
    """Bounds of u on the domain's bounding box and the ball, rounded outward."""
    for j in range(weights.shape[0]):
        room = (
            point[1, j] * 1.0001
            + 4.0 * U * (abs(point[0, j]) + max(abs(box[LOWER, j]), abs(box[UPPER, j])))
            + TINY
        )
        low = (box[LOWER, j] - point[0, j] - room) / weights[j]
        high = (box[UPPER, j] - point[0, j] + room) / weights[j]
        span[0, j] = max(low - 4.0 * U * abs(low), -radius * (1.0 + 4.0 * U))
        span[1, j] = min(high + 4.0 * U * abs(high), radius * (1.0 + 4.0 * U))


@kernel
def narrow(rows, errors, begin, end, span, d):
    """Narrow the span by what rows say coordinate by coordinate; False if nothing is left.

    Of ``sum n_j u_j <= b`` the terms but one are at least what they are on the span; the padding is far more than what
    rounding can do.
    """
    for r in range(begin, end):
        least, size = 0.0, abs(rows[r, d]) + errors[r, d]
        for j in range(d):
            a = rows[r, j]
            most = max(abs(span[0, j]), abs(span[1, j]))
            least += min(a * span[0, j], a * span[1, j]) - errors[r, j] * most
            size += (abs(a) + errors[r, j]) * most
        left = rows[r, d] + errors[r, d] - least + PADDING * size + TINY
        if left < 0.0:
            return False
        for j in range(d):
            a = rows[r, j]
            if abs(a) < 1e-6 * _largest(rows[r], d):
                continue
            if a > 0.0:
                end_ = span[0, j] + left / a * (1.0 + PADDING)
                if end_ < span[1, j]:
                    span[1, j] = end_ + PADDING * abs(span[0, j])
            else:
                end_ = span[1, j] + left / a * (1.0 + PADDING)
                if end_ > span[0, j]:
                    span[0, j] = end_ - PADDING * abs(span[1, j])
    return True


@kernel
def _clear(function, d, constant, error):
    for j in range(d):
        function[j] = 0.0
    function[d], function[d + 1], function[d + 2] = constant, error, abs(constant)


@kernel
def _add(function, factor, wrong, other, d):
    """Add a multiple of a function; the factor is off by `wrong` at most."""
    size = other[d + 2]
    for j in range(d + 1):
        function[j] += factor * other[j]
    function[d + 2] += abs(factor) * size
    function[d + 1] += (
        abs(factor) * other[d + 1]
        + wrong * (size + other[d + 1])
        + 2.0 * U * (abs(factor) * size + function[d + 2])
    ) * (1.0 + 1e-9) + TINY


@kernel
def _decisions(form, groups, norm, layer, radius, d, enclosed, decided, ends):
    """Enclose every decision of a layer whose lines are enclosed."""
    switches = form.sizes[layer, 1]
    for k in range(switches):
        low, high = ends[k, 0], ends[k, 1]
        for side in range(2):
            _clear(decided[k, side], d, 0.0, 0.0)
        if low >= 0.0:
            _add(decided[k, LOW], 1.0, 0.0, enclosed[k, LOW], d)
            _add(decided[k, HIGH], 1.0, 0.0, enclosed[k, HIGH], d)
        elif not high <= 0.0:  # also if it is a NaN, which then proves nothing
            if high > -low:
                _add(decided[k, LOW], 1.0, 0.0, enclosed[k, LOW], d)
            slope = high / (high - low)
            _add(decided[k, HIGH], slope, 0.0, enclosed[k, HIGH], d)
            shift = max(-slope * low, high - slope * high) * (1.0 + 8.0 * U) + 8.0 * U * high + TINY
            decided[k, HIGH, d] += shift
            decided[k, HIGH, d + 2] += shift
            decided[k, HIGH, d + 1] += 4.0 * U * decided[k, HIGH, d + 2]
    starts, _, candidates = groups
    for g in range(form.sizes[layer, 2]):
        best, most = candidates[layer, starts[layer, g]], -np.inf
        for c in range(starts[layer, g], starts[layer, g + 1]):
            z = candidates[layer, c]
            # A NaN is no bound: nothing may then be concluded.
            most = max(most, ends[z, 1]) if ends[z, 1] < np.inf else np.inf
            if enclosed[z, LOW, d] > enclosed[best, LOW, d]:
                best = z
        k = switches + g
        _clear(decided[k, LOW], d, 0.0, 0.0)
        _add(decided[k, LOW], 1.0, 0.0, enclosed[best, LOW], d)
        _clear(decided[k, HIGH], d, most, 0.0)


@kernel
def _settle_groups(form, groups, layer, word, known, enclosed, decided, d):
    """Groups whose winner is known have its line."""
    for g in range(form.sizes[layer, 2]):
        k = form.sizes[layer, 1] + g
        if has_bit(known, groups[1][layer, groups[0][layer, g]]):
            z = chosen_line(form, groups, word, layer, k)
            for side in range(2):
                for j in range(d + 3):
                    decided[k, side, j] = enclosed[z, side, j]


@kernel
def _combine(form, following, i, side, enclosed, decided, d, function):
    """Enclose line ``i`` of a layer from one side, from the enclosures of the layer before."""
    _clear(function, d, form.constant[following, i, 0], form.constant[following, i, 1])
    if form.sizes[following, 3]:
        for z in range(form.sizes[following - 1, 0]):
            a, e = form.base[following, i, z, 0], form.base[following, i, z, 1]
            if a != 0.0 or e != 0.0:
                _add(function, a, e, enclosed[z, side if a > 0.0 else 1 - side], d)
    for k in range(form.sizes[following - 1, 1] + form.sizes[following - 1, 2]):
        a, e = form.gain[following, k, i, 0], form.gain[following, k, i, 1]
        if a != 0.0 or e != 0.0:
            _add(function, a, e, decided[k, side if a > 0.0 else 1 - side], d)


@kernel
def gap_below(form, mine, rival, scales, enclosed, decided, d, function, importance):
    """An affine function that ``f_mine - f_rival`` is not below, from the layer before the output.

    Coefficients of both outputs are joined before a side is chosen.
    """
    last = form.sizes.shape[0] - 1
    p, q = scales[mine], scales[rival]
    a, b = form.constant[last, mine], form.constant[last, rival]
    doubt = p * a[1] + q * b[1] + 2.0 * U * (abs(p * a[0]) + abs(q * b[0]))
    _clear(function, d, p * a[0] - q * b[0], doubt)
    if form.sizes[last, 3]:
        for z in range(form.sizes[last - 1, 0]):
            _join(form.base[last, mine, z], form.base[last, rival, z], p, q, enclosed[z], d, function)
    for k in range(form.sizes[last - 1, 1] + form.sizes[last - 1, 2]):
        weight = _join(form.gain[last, k, mine], form.gain[last, k, rival], p, q, decided[k], d, function)
        importance[k] += abs(weight)


@kernel
def _join(a, b, p, q, pair, d, function):
    weight = p * a[0] - q * b[0]
    wrong = p * a[1] + q * b[1] + 2.0 * U * (abs(p * a[0]) + abs(q * b[0]))
    if weight != 0.0 or wrong != 0.0:
        _add(function, weight, wrong, pair[LOW if weight > 0.0 else HIGH], d)
    return weight


@kernel
def enclose_exactly(
    form, norm, layer, lines, nothing, radius, span, point, weights, box, row, error, enclosed, ends
):
    """The lines of a layer that are known on a node, as functions of u, and their ends on the ball."""
    d = point.shape[1]
    for z in range(form.sizes[layer, 0]):
        write_row(lines[layer, z], 1.0, nothing, 0.0, point, weights, box, row, error)
        as_function(row, error, radius, d, enclosed[z, LOW])
        for j in range(d + 3):
            enclosed[z, HIGH, j] = enclosed[z, LOW, j]
        ends[z, 0], ends[z, 1] = ends_of(norm, enclosed[z, LOW], radius, span, d)


@kernel
def widen_lines(form, layer, vague, lines, ends, d):
    """A vague switch counts as upper: its line is wrong by what it may be below zero."""
    for k in range(form.sizes[layer, 1]):
        if has_bit(vague, form.switch_bits[layer, k]):
            lines[layer, k, d + 1] += 2.0 * max(0.0, -ends[k, 0])


@kernel
def widen_enclosures(form, layer, vague, enclosed, ends, d):
    """As `widen_lines`, for the layer that is enclosed."""
    for k in range(form.sizes[layer, 1]):
        if has_bit(vague, form.switch_bits[layer, k]):
            for side in range(2):
                enclosed[k, side, d + 1] += 2.0 * max(0.0, -ends[k, 0])


@kernel
def enclose_after(
    form, groups, norm, layer, word, known, radius, span, d, enclosed, after, decided, first, ends, importance
):
    """Enclose the decisions of a node's layer and all that follows, up to the decisions before the output."""
    last = form.sizes.shape[0] - 1
    for z in range(form.sizes[layer, 0]):
        ends[z, 0], ends[z, 1] = first[z, 0], first[z, 1]
    for k in range(form.sizes[layer, 1]):
        bit = form.switch_bits[layer, k]
        if has_bit(known, bit):
            upper = has_bit(word, bit)
            ends[k, 0], ends[k, 1] = 0.0 if upper else -1.0, 1.0 if upper else 0.0
    for stage in range(layer, last):
        _decisions(form, groups, norm, stage, radius, d, enclosed, decided, ends)
        if stage == layer:
            _settle_groups(form, groups, layer, word, known, enclosed, decided, d)
        if stage == last - 1:
            return
        if stage == layer:
            for k in range(form.sizes[layer, 1]):
                for i in range(form.sizes[layer + 1, 0]):
                    importance[k] += abs(form.gain[layer + 1, k, i, 0])
        for i in range(form.sizes[stage + 1, 0]):
            for side in range(2):
                _combine(form, stage + 1, i, side, enclosed, decided, d, after[i, side])
            ends[i, 0], _ = ends_of(norm, after[i, LOW], radius, span, d)
            _, ends[i, 1] = ends_of(norm, after[i, HIGH], radius, span, d)
        for i in range(form.sizes[stage + 1, 0]):
            for side in range(2):
                for j in range(d + 3):
                    enclosed[i, side, j] = after[i, side, j]
