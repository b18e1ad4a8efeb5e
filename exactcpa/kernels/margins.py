"""How near a tie of two outputs is on each of many cells: rigorous lower bounds in doubles.

A tie of class c with a rival j on a cell lies where the cell's rows and ``f_c - f_j <= 0`` hold.  `measure_cells` moves
these rows to the point, scales them by the norm's weights, and asks `nearest` for their least vector.

Main definitions:
    measure_cells: Every cell and rival: a proved lower bound of the distance, a proposal, and its tight rows.

Conventions:
    A point's ``y`` are its coordinates as in `float_form`; ``y_j = x_j + w_j u_j``.  Lines have the layout of `state`.
    `groups` are three arrays: the first candidate of each group of a layer, the candidates' bits, and their lines.
    Row numbers: a pattern bit, or ``-1 - k`` for row k of the domain (its box's lower faces, upper faces, its others).
    Values and bounds of l2 are squares.

Not here: why the bounds hold (`filters`, `nearest`), which cells (`enumerate`), exact answers (`margin_search`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import allocating_entry, kernel
from exactcpa.kernels.filters import TINY, U, write_size
from exactcpa.kernels.layers import add_line
from exactcpa.kernels.nearest import BEYOND, L1, L2, OPTIMAL, least_linear, least_square, prove
from exactcpa.kernels.state import RADIUS

HYPERPLANE = 4
"""Status: the tie's hyperplane alone is beyond the limit."""


@kernel
def has_bit(word, bit):
    """Whether a bit of a pattern is set."""
    return (word[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1)


@kernel
def set_bit(word, bit):
    """Set a bit of a pattern."""
    word[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@kernel
def clear_bit(word, bit):
    """Clear a bit of a pattern."""
    word[bit >> 6] &= ~(np.uint64(1) << np.uint64(bit & 63))


@kernel
def first_lines(form, lines, box, d):
    """The lines of the first layer, which are the same on all cells."""
    for i in range(form.sizes[0, 0]):
        lines[i, 0] = form.constant[0, i, 0]
        error = form.constant[0, i, 1]
        lines[i, d + 3] = 0.0
        lines[i, d + 4] = form.constant[0, i, 2]
        for j in range(d):
            lines[i, d + 4] = min(lines[i, d + 4], form.base[0, i, j, 2])
            lines[i, 1 + j] = form.base[0, i, j, 0]
            if form.base[0, i, j, 1] > 0.0:
                error += form.base[0, i, j, 1] * box[RADIUS, j] + TINY
        lines[i, d + 1] = error * (1.0 + 1e-9) + TINY if error > 0.0 else 0.0
        write_size(lines, i, d, box)


@kernel
def next_lines(form, groups, word, lines, layer, box, d):
    """The lines of the layer after one whose decisions stand in the word."""
    following = layer + 1
    for i in range(form.sizes[following, 0]):
        constant, error = form.constant[following, i, 0], form.constant[following, i, 1]
        for j in range(d):
            lines[following, i, 1 + j] = 0.0
        lines[following, i, 0] = constant
        lines[following, i, d + 1], lines[following, i, d + 2] = error, abs(constant)
        lines[following, i, d + 3] = 0.0
        lines[following, i, d + 4] = form.constant[following, i, 2]
        if form.sizes[following, 3]:
            for z in range(form.sizes[layer, 0]):
                if form.base[following, i, z, 0] != 0.0 or form.base[following, i, z, 1] != 0.0:
                    add_line(lines, following, i, form.base[following, i], z, lines[layer], z, d)
    for k in range(form.sizes[layer, 1] + form.sizes[layer, 2]):
        z = chosen_line(form, groups, word, layer, k)
        if z < 0:
            continue
        for i in range(form.sizes[following, 0]):
            if form.gain[following, k, i, 0] != 0.0 or form.gain[following, k, i, 1] != 0.0:
                add_line(lines, following, i, form.gain[following, k], i, lines[layer], z, d)
    for i in range(form.sizes[following, 0]):
        error = lines[following, i, d + 1]
        lines[following, i, d + 1] = error * (1.0 + 1e-9) + TINY if error > 0.0 else 0.0
        write_size(lines[following], i, d, box)


@kernel
def chosen_line(form, groups, word, layer, k):
    """The line that decision ``k`` of a layer has chosen; -1 for a lower switch."""
    switches = form.sizes[layer, 1]
    if k < switches:
        return k if has_bit(word, form.switch_bits[layer, k]) else -1
    starts, bits, candidates = groups
    for c in range(starts[layer, k - switches], starts[layer, k - switches + 1]):
        if has_bit(word, bits[layer, c]):
            return candidates[layer, c]
    return -1


@kernel
def _write_lines(form, groups, word, lines, box, d):
    """All lines on a cell, with their errors."""
    first_lines(form, lines[0], box, d)
    for layer in range(form.sizes.shape[0] - 1):
        next_lines(form, groups, word, lines, layer, box, d)


@kernel
def write_row(line, factor, other, other_factor, point, weights, box, row, error):
    """The row ``factor * line - other_factor * other >= 0`` in u, as ``<n, u> <= b``; False if it may be zero.

    Errors over the box count in every entry; ``u`` and ``y`` differ by numbers that are rounded once.
    """
    d = point.shape[1]
    wrong = factor * line[d + 1] + other_factor * other[d + 1]
    size = factor * line[d + 2] + other_factor * other[d + 2]
    wrong = (wrong + 4.0 * U * size) * (1.0 + 1e-9) + TINY
    value = factor * line[0] - other_factor * other[0]
    bracket, shift, normal, doubt = abs(value), 0.0, 0.0, 0.0
    for j in range(d):
        a = factor * line[1 + j] - other_factor * other[1 + j]
        value += a * point[0, j]
        bracket += abs(a * point[0, j])
        shift += abs(a) * point[1, j]
        row[j] = -a * weights[j]
        error[j] = wrong / box[RADIUS, j] * weights[j] * (1.0 + 1e-9) + 4.0 * U * abs(row[j]) + TINY
        normal, doubt = normal + abs(row[j]), doubt + error[j]
    row[d] = value
    error[d] = wrong * 1.0000001 + shift * 1.0000001 + (2.0 * d + 8.0) * U * (bracket + size) + TINY
    return normal > 2.0 * doubt


@kernel
def _write_cell(form, groups, word, lines, walls, nothing, point, weights, box, rows, errors, numbers):
    """The rows of a cell from place 1 on; returns how many places are taken."""
    m = 1
    for layer in range(form.sizes.shape[0] - 1):
        for k in range(form.sizes[layer, 1]):
            bit = form.switch_bits[layer, k]
            mine, other = (1.0, 0.0) if has_bit(word, bit) else (0.0, 1.0)
            line = lines[layer, k]
            numbers[m] = bit
            m += write_row(line, mine, line, other, point, weights, box, rows[m], errors[m])
        starts, bits, candidates = groups
        for g in range(form.sizes[layer, 2]):
            winner = lines[layer, chosen_line(form, groups, word, layer, form.sizes[layer, 1] + g)]
            for c in range(starts[layer, g], starts[layer, g + 1]):
                if not has_bit(word, bits[layer, c]):
                    other_line = lines[layer, candidates[layer, c]]
                    numbers[m] = bits[layer, c]
                    m += write_row(winner, 1.0, other_line, 1.0, point, weights, box, rows[m], errors[m])
    for k in range(walls.shape[0]):
        numbers[m] = -1 - k
        m += write_row(walls[k], 1.0, nothing, 0.0, point, weights, box, rows[m], errors[m])
    return m


@allocating_entry
def measure_cells(form, groups, words, walls, box, point, weights, scales, norm, mine, limit):
    """Bound the distance of ties on cells from below.

    Args:
        form: A `FloatForm`.
        groups: See the module's conventions.
        words: Shape ``(cells, w)``: patterns.
        walls: The domain's rows, in the layout of `state`.
        box: Of the domain, as in `FloatDomain`.
        point: Shape ``(2, d)``: y of the point, and how far off each may be.
        weights: Shape ``(d,)``: of the norm, in y.
        scales: Shape ``(outputs,)``: powers of two that bring the output lines to one unit.
        norm: As in `nearest`.
        mine: The point's class.
        limit: What lies beyond is not of interest.

    Returns:
        Shape ``(cells, outputs)``: rigorous lower bounds (infinite for the class itself); proposed values (infinite: no
        tie there, or beyond the limit); statuses.  Shape ``(cells, outputs, 2 d + 1)``: numbers of the proposal's tight
        rows and their weights, -2**62 where there is none; the tie's row has number 2**62.
    """
    cells, d = words.shape[0], point.shape[1]
    layers, outputs = form.sizes.shape[0], scales.shape[0]
    n = form.constant.shape[1]
    most = 1 + walls.shape[0] + form.sizes[:, 1].sum() + groups[1].size
    lines = np.zeros((layers, n, d + 5))
    nothing = np.zeros(d + 6)
    rows, errors = np.zeros((most, d + 1)), np.zeros((most, d + 1))
    numbers, members = np.zeros(most, np.int64), np.arange(most)
    table, vectors = np.zeros((2 * d, 2 * d)), np.zeros((4, 2 * d + 1))
    bounds = np.full((cells, outputs), np.inf)
    values = np.full((cells, outputs), np.inf)
    statuses = np.zeros((cells, outputs), np.int64)
    tight = np.full((cells, outputs, 2 * d + 1), -(2**62))
    shares = np.zeros((cells, outputs, 2 * d + 1))
    least, active, weight = np.zeros(d), np.zeros(2 * d + 1, np.int64), np.zeros(2 * d + 1)
    for i in range(cells):
        _write_lines(form, groups, words[i], lines, box, d)
        m = 0
        for rival in range(outputs):
            if rival == mine:
                continue
            a, b = lines[layers - 1, rival], lines[layers - 1, mine]
            numbers[0] = 2**62
            write_row(a, scales[rival], b, scales[mine], point, weights, box, rows[0], errors[0])
            active[:], active[0], weight[0] = -1, 0, 1.0
            bounds[i, rival] = prove(norm, rows, errors, members[:1], active, weight)
            if bounds[i, rival] > limit:
                statuses[i, rival] = HYPERPLANE
                tight[i, rival, 0], shares[i, rival, 0] = 2**62, 1.0
                continue
            if m == 0:
                m = _write_cell(
                    form, groups, words[i], lines, walls, nothing, point, weights, box, rows, errors, numbers
                )
            least[:], active[:], weight[:], vectors[:] = 0.0, -1, 0.0, 0.0
            some = members[:m]
            if norm == L2:
                status = least_square(rows, some, limit, table, vectors, least, active, weight)
            else:
                status = least_linear(norm, rows, some, limit, table, vectors, least, active, weight)
            bounds[i, rival] = max(bounds[i, rival], prove(norm, rows, errors, some, active, weight))
            statuses[i, rival] = status
            for k in range(2 * d + 1):
                if 0 <= active[k] < m and weight[k] > 0.0:
                    tight[i, rival, k], shares[i, rival, k] = numbers[active[k]], weight[k]
            if status == OPTIMAL:
                values[i, rival] = length_of(norm, least)
                if values[i, rival] * (1.0 + 1e-9) < limit:
                    limit = values[i, rival] * (1.0 + 1e-9)
            elif status != BEYOND and not bounds[i, rival] > limit:
                values[i, rival] = bounds[i, rival]
    return bounds, values, statuses, tight, shares


@kernel
def length_of(norm, u):
    """Length of a vector; of l2 its square."""
    total = 0.0
    for j in range(u.shape[0]):
        if norm == L2:
            total += u[j] * u[j]
        elif norm == L1:
            total += abs(u[j])
        else:
            total = max(total, abs(u[j]))
    return total
