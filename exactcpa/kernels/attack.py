"""A guess of the margin: a short way to another class, found by going downhill.  Nothing relies on it.

From the point and others near it, steps lead to where the rival's output is as large; from there back toward the point
as long as the class stays the other one, and along the tie toward its nearest point.

Main definitions:
    attack: The length of the shortest way found.

Conventions:
    As in `margins`.

References:
    Croce and Hein, Minimally distorted adversarial examples with a fast adaptive boundary attack (2020).

Not here: what is proved (`descent`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import allocating_entry, kernel
from exactcpa.kernels.margins import first_lines, next_lines, set_bit
from exactcpa.kernels.nearest import L1, L2
from exactcpa.kernels.state import LOWER, UPPER


@kernel
def _lines_at(form, groups, y, word, lines, box, d):
    """All lines on the cell of a point, whose decisions are left in the word."""
    for w in range(word.shape[0]):
        word[w] = np.uint64(0)
    first_lines(form, lines[0], box, d)
    for layer in range(form.sizes.shape[0] - 1):
        for k in range(form.sizes[layer, 1]):
            if _value(lines[layer, k], y) >= 0.0:
                bit = form.switch_bits[layer, k]
                set_bit(word, bit)
        starts, bits, candidates = groups
        for g in range(form.sizes[layer, 2]):
            best, winner = -np.inf, starts[layer, g]
            for c in range(starts[layer, g], starts[layer, g + 1]):
                value = _value(lines[layer, candidates[layer, c]], y)
                if value >= best:
                    best, winner = value, c
            set_bit(word, bits[layer, winner])
        next_lines(form, groups, word, lines, layer, box, d)


@kernel
def _value(line, y):
    value = line[0]
    for j in range(y.shape[0]):
        value += line[1 + j] * y[j]
    return value


@kernel
def _gap(form, groups, y, word, lines, box, scales, mine, rival, gap):
    """The affine function ``f_mine - f_rival`` around a point in `gap`, and its value there."""
    d = y.shape[0]
    _lines_at(form, groups, y, word, lines, box, d)
    last = form.sizes.shape[0] - 1
    for j in range(d + 1):
        gap[j] = scales[mine] * lines[last, mine, j] - scales[rival] * lines[last, rival, j]
    return _value(gap, y)


@kernel
def _foot(norm, gap, start, weights, box, walls, stretch, foot):
    """The point of ``gap <= 0`` nearest to another one, moved on by a factor, and into the domain."""
    d = start.shape[0]
    value, dual, steepest = _value(gap, start), 0.0, 0
    for j in range(d):
        size = abs(gap[1 + j]) * weights[j]
        if norm == L2:
            dual += size * size
        elif norm == L1:
            if size > dual:
                dual, steepest = size, j
        else:
            dual += size
    if not dual > 0.0:
        return False
    for j in range(d):
        if norm == L2:
            step = gap[1 + j] * weights[j] * weights[j]
        elif norm == L1:
            step = np.sign(gap[1 + j]) * weights[j] if j == steepest else 0.0
        else:
            step = np.sign(gap[1 + j]) * weights[j]
        foot[j] = start[j] - stretch * value / dual * step
        foot[j] = min(max(foot[j], box[LOWER, j]), box[UPPER, j])
    return True


@kernel
def _into_domain(walls, x, y):
    """Move a point towards another one, which is in the domain, until it is."""
    share = 1.0
    for k in range(walls.shape[0]):
        before, after = _value(walls[k], x), _value(walls[k], y)
        if after < 0.0 and before > after:
            share = min(share, max(before, 0.0) / (before - after))
    if share < 1.0:
        for j in range(x.shape[0]):
            y[j] = x[j] + share * (y[j] - x[j])


@kernel
def _shorten(form, groups, x, y, word, lines, box, scales, mine, rival, gap, trial):
    """Move a point of the other class towards x as long as it keeps that class, nearly."""
    low = 0.0
    here = _gap(form, groups, y, word, lines, box, scales, mine, rival, gap)
    for _ in range(16):
        at_x = _value(gap, x)
        share = at_x / (at_x - here) * (1.0 + 1e-10) if at_x > 0.0 else 0.5 * (1.0 + low)
        if share <= low:
            share = 0.5 * (1.0 + low)
        if share > 1.0 - 1e-8:
            return
        for j in range(x.shape[0]):
            trial[j] = x[j] + share * (y[j] - x[j])
        value = _gap(form, groups, trial, word, lines, box, scales, mine, rival, gap)
        if value <= 0.0:
            _copy(trial, y)
            here, low = value, low / share
        else:
            low = share
            here = _gap(form, groups, y, word, lines, box, scales, mine, rival, gap)


@allocating_entry
def attack(form, groups, walls, box, point, weights, scales, norm, mine, starts):
    """A guess of the margin: the length (not squared) of a short way to another class; infinite if none was found.

    Args:
        form: As in `margins.measure_cells`.
        groups: As there.
        walls: As there.
        box: As there.
        point: Shape ``(d,)``: y of the point.
        weights: As there.
        scales: As there.
        norm: As there.
        mine: As there.
        starts: Shape ``(k, d)``: where to go downhill from, in y.
    """
    d, outputs = point.shape[0], scales.shape[0]
    lines = np.zeros((form.sizes.shape[0], form.constant.shape[1], d + 5))
    word = np.zeros(max(1, (form.switch_bits.max() >> 6) + 1, (groups[1].max() >> 6) + 1), np.uint64)
    gap, y, foot, trial = np.zeros(d + 1), np.zeros(d), np.zeros(d), np.zeros(d)
    best = np.inf
    for s in range(starts.shape[0]):
        for rival in range(outputs):
            if rival == mine:
                continue
            y[:] = starts[s]
            is_across = False
            for _ in range(16):
                if _gap(form, groups, y, word, lines, box, scales, mine, rival, gap) <= 0.0:
                    is_across = True
                    break
                if not _foot(norm, gap, y, weights, box, walls, 1.05, foot):
                    break
                _into_domain(walls, point, foot)
                y[:] = foot
            if not is_across:
                continue
            for _ in range(12):
                _shorten(form, groups, point, y, word, lines, box, scales, mine, rival, gap, trial)
                length = _distance(norm, point, y, weights)
                if length < best:
                    best = length
                _gap(form, groups, y, word, lines, box, scales, mine, rival, gap)
                if not _foot(norm, gap, point, weights, box, walls, 1.000001, foot):
                    break
                _into_domain(walls, point, foot)
                if not _approach(form, groups, y, foot, word, lines, box, scales, mine, rival, gap, trial):
                    break
                if not _distance(norm, point, y, weights) < length * (1.0 - 1e-6):
                    break
    return best


@kernel
def _approach(form, groups, y, foot, word, lines, box, scales, mine, rival, gap, trial):
    """Move a point of the other class towards another one as far as it keeps that class, halving the way."""
    share = 1.0
    for _ in range(5):
        for j in range(y.shape[0]):
            trial[j] = y[j] + share * (foot[j] - y[j])
        if _gap(form, groups, trial, word, lines, box, scales, mine, rival, gap) <= 0.0:
            _copy(trial, y)
            return True
        share *= 0.5
    return False


@kernel
def _copy(source, target):
    for j in range(source.shape[0]):
        target[j] = source[j]


@kernel
def _distance(norm, x, y, weights):
    total = 0.0
    for j in range(x.shape[0]):
        a = abs(y[j] - x[j]) / weights[j]
        if norm == L2:
            total += a * a
        elif norm == L1:
            total += a
        else:
            total = max(total, a)
    return np.sqrt(total) if norm == L2 else total
