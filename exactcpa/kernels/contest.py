"""Maxima of three and more lines: who wins somewhere on a node, who loses, and the children where they win.

One candidate after the other: among the node's points one is looked for where it is ahead of all rivals.  If there is
none, linear programs look for one, rival by rival: the leads that are already positive at a point are rows of the
next program, so the point that it finds keeps them; and if it finds none, its multipliers of rows and leads
prove that the candidate wins nowhere.

Main definitions: `Contests`, `proceed`, `push_winner`.

Conventions: the leads of a candidate are its line minus each rival's, in the layout of a line.  Rivals whose line is
the candidate's own tie with it everywhere; the last of them stands for all.  Rows of a winner are its leads, unscaled.

Not here: what doubles leave open (`choose`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exactcpa.kernels import entry, kernel, questions, simplex
from exactcpa.kernels.filters import TINY, U, sign_at
from exactcpa.kernels.layers import accumulate, needs_lines
from exactcpa.kernels.nodes import UNASKED, add_row, hold_point, push, set_bit
from exactcpa.kernels.records import write_prune
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    ASK_GROUP,
    CHOOSE,
    CHOSEN,
    GROUP,
    GROW,
    HELD,
    LAYER,
    LOSES,
    LOSES_TIED,
    LPS,
    MULTIPLIER,
    NCODE,
    NREAL,
    P0,
    P1,
    PHASE,
    POP,
    POSITION,
    PROOF,
    QFRAME,
    QUESTION,
    RAYS,
    READY,
    RECORDS,
    ROWS,
    SLOTS,
    STATE,
    UP0,
    UP1,
    WHICH,
    WINS,
)
from exactcpa.kernels.twins import GREATEST, LEAST, find_equal, find_passed

STOPPED, GOES_ON, PUSHED = 0, 1, 2
"""How a step ended: with a question; as any step; with a child on the stack."""

_LOST, _OPEN = -1, -2


class Contests(NamedTuple):
    """The groups of a switch form, by layer, and room for one candidate's leads."""

    starts: np.ndarray  # (layers, most + 1) int64: where each group's candidates begin
    candidates: np.ndarray  # (layers, all) int64: their lines
    bits: np.ndarray  # (layers, most) int64: pattern bit of the first candidate
    units: np.ndarray  # (layers, most) int64: number of the unit in its layer
    powers: np.ndarray  # (layers, most): what the lines are multiplied by
    leads: np.ndarray  # (widest, d + 5)
    wanted: (
        np.ndarray
    )  # (widest,) int64: 1 for rivals that are another line, and 2 + their row where that is one


@entry
def write_leads(lines, candidates, start, p, i, leads, d):
    """The leads of candidate ``i`` of the ``p`` from `start` on; a coefficient rounds once, if at all."""
    z = candidates[start + i]
    for c in range(p):
        y = candidates[start + c]
        is_zero = True
        for j in range(d + 1):
            leads[c, j] = lines[z, j] - lines[y, j]
            is_zero = is_zero and leads[c, j] == 0.0
        error, size = lines[z, d + 1] + lines[y, d + 1], (lines[z, d + 2] + lines[y, d + 2]) * (1.0 + 4.0 * U)
        grain = min(lines[z, d + 4], lines[y, d + 4])
        is_exact = error == 0.0 and 8.0 * size < 2.0**53 * grain
        is_zero = is_zero and (is_exact or error == 0.0)
        leads[c, d + 1] = 0.0 if is_exact or is_zero else error * (1.0 + 1e-9) + 2.0 * U * size + TINY
        leads[c, d + 2] = 0.0 if is_zero else max(size, TINY)
        leads[c, d + 3], leads[c, d + 4] = lines[z, d + 3] * lines[y, d + 3], grain


@kernel
def proceed(form, contests, tree, lp, out, box, f, d):
    """Decide the next candidate of the present group of node ``f``; if it wins, its child is the top of the stack."""
    frame, counters = tree.frames[f], tree.counters
    layer, number = frame[LAYER], frame[GROUP]
    start = contests.starts[layer, number]
    p, i = contests.starts[layer, number + 1] - start, frame[POSITION]
    if i == p:
        frame[PHASE] = POP
        return GOES_ON
    if not _has_room(tree, frame, p):
        counters[QUESTION] = GROW
        return STOPPED
    if i == 0:
        _write_choose(counters, out.codes, contests.units[layer, number])
    lines, leads, wanted = tree.lines[layer], contests.leads, contests.wanted
    write_leads(lines, contests.candidates[layer], start, p, i, leads, d)
    twin = -1
    for c in range(p):
        wanted[c] = 1 if c != i and leads[c, d + 2] != 0.0 else 0
        if c > i and wanted[c] == 0:
            twin = c
    if twin >= 0:
        _write_twin(counters, out.codes, out.reals, i, twin)
        frame[POSITION] = i + 1
        return GOES_ON
    slot = _seek_winning(
        form, tree, lp, out, box, f, i, p, contests, layer, contests.powers[layer, number], d
    )
    if slot == _OPEN:
        counters[QUESTION], counters[QFRAME] = ASK_GROUP, f
        return STOPPED
    frame[POSITION] = i + 1
    if slot == _LOST:
        return GOES_ON
    _write_wins(counters, out.codes, i, wanted, p)
    push_winner(form, contests, tree, lp, out, box, f, i, slot, d)
    return PUSHED


@kernel
def _has_room(tree, frame, p):
    """Whether there is room for the points and rows of a group of ``p``."""
    room = tree.lists.shape[1]
    held = frame[P1] + p - frame[P0]
    return (
        frame[ROWS] + p + 4 <= tree.rows.shape[0]
        and frame[SLOTS] + p + 4 <= tree.points.shape[0]
        and 2 * frame[A1] - frame[A0] + p + 16 <= room
        and frame[P1] + p + 2 * held + 16 <= room
    )


# ---------------------------------------------------------------------- does a candidate win?


@kernel
def _is_ahead(leads, wanted, p, d, points, slot):
    for c in range(p):
        if wanted[c] != 0 and sign_at(leads, c, d, points, slot) <= 0:
            return False
    return True


@kernel
def _find_multiple(form, tree, lp, f, i, c, contests, layer, d):
    """As `twins.find_twin`, for the lead of candidate ``i`` over ``c``."""
    frame, start = tree.frames[f], contests.starts[layer, tree.frames[f, GROUP]]
    sign = find_equal(tree.lists, frame[A0], frame[A1], tree.rows, contests.leads, c, lp.basis, lp.vectors, d)
    if sign == 0:
        sign = find_passed(
            form.sizes,
            form.constant,
            form.gain,
            form.switch_bits,
            tree.bits,
            f,
            tree.lists,
            frame[A0],
            frame[A1],
            tree.rows,
            tree.flips,
            layer,
            contests.candidates[layer, start + i],
            contests.candidates[layer, start + c],
            lp.basis,
            lp.vectors,
            d,
        )
    return sign


@kernel
def _seek_winning(form, tree, lp, out, box, f, i, p, contests, layer, power, d):
    """A held point where candidate ``i`` is ahead; ``_LOST`` once it is written why there is none; or ``_OPEN``."""
    frame, counters, leads, wanted = tree.frames[f], tree.counters, contests.leads, contests.wanted
    most, slot = -1, -1
    for place in range(frame[P0], frame[P1]):
        point, ahead = tree.lists[HELD, place], 0
        if tree.point_ids[point] >= 0:
            continue
        for c in range(p):
            if wanted[c] != 0 and sign_at(leads, c, d, tree.points, point) > 0:
                ahead += 1
        if ahead > most:
            most, slot = ahead, point
    if slot < 0:
        return _OPEN
    wins = True
    for c in range(p):
        wins = wins and (wanted[c] == 0 or sign_at(leads, c, d, tree.points, slot) > 0)
    if wins:
        return slot
    for c in range(p):
        if wanted[c] != 0 and _find_multiple(form, tree, lp, f, i, c, contests, layer, d) < 0:
            written = _write_loser(
                counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, i, c, questions.PROVED + 1, wanted,
                p, frame[ROWS], power, d,
            )  # fmt: skip
            return _LOST if written else _OPEN
    m = 2 * d + frame[A1] - frame[A0]
    for k in range(m):
        lp.basis[CHOSEN, k] = k if k < 2 * d else tree.lists[ACTIVE, frame[A0] + k - 2 * d]
        lp.basis[STATE, k] = UNASKED
    counters[READY] = -1
    while True:
        rival = -1
        for c in range(p):
            if wanted[c] == 1:
                if sign_at(leads, c, d, tree.points, slot) > 0:
                    r = frame[ROWS] + m - (2 * d + frame[A1] - frame[A0])
                    _write_row(tree.rows, r, leads, c, d)
                    tree.origins[r] = 2 * layer
                    lp.basis[CHOSEN, m], lp.basis[STATE, m] = r, UNASKED
                    wanted[c] = 2 + r
                    m += 1
                elif rival < 0:
                    rival = c
        if rival < 0:
            return slot
        simplex.start(tree.rows, m, d, tree.points, slot, lp.table, lp.basis)
        answer = questions.seek(
            leads,
            rival,
            1.0,
            tree.rows,
            lp.table,
            lp.basis,
            lp.vectors,
            lp.whole,
            m,
            d,
            box,
            tree.points,
            slot,
            slot,
            lp.outer,
            tree.spans,
            tree.origins,
            2 * layer,
        )
        counters[RAYS] += 1
        counters[LPS] += int(answer != questions.HIT)
        if answer == questions.OPEN:
            return _OPEN
        if answer > questions.FOUND or answer == questions.IMPLIED:
            written = _write_loser(
                counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, i, rival, answer, wanted,
                p, frame[ROWS], power, d,
            )  # fmt: skip
            return _LOST if written else _OPEN
        slot = frame[SLOTS]
        hold_point(tree, f, lp.vectors, d)


@kernel
def _write_row(rows, r, leads, c, d):
    """Write a lead, scaled to size one, as row ``r``."""
    biggest = 0.0
    for j in range(d):
        biggest = max(biggest, abs(leads[c, 1 + j]))
    power = 2.0 ** min(1000.0, -np.ceil(np.log2(biggest))) if biggest > 0.0 else 1.0
    for j in range(d + 3):
        rows[r, j] = power * leads[c, j]
    rows[r, d + 3], rows[r, d + 4], rows[r, d + 5] = leads[c, d + 3], power * leads[c, d + 4], power


# ---------------------------------------------------------------------- the child where a candidate wins


@entry
def push_winner(form, contests, tree, lp, out, box, f, i, slot, d):
    """The child where candidate ``i`` wins: the points where it does, its leads as rows, the next layer's lines.

    Leads and rivals stand in `contests`; `slot` is one of the points.  A lead that is a multiple of a row goes out of
    use at once.
    """
    frame, leads, wanted = tree.frames[f], contests.leads, contests.wanted
    layer, number = frame[LAYER], frame[GROUP]
    start = contests.starts[layer, number]
    p, end = contests.starts[layer, number + 1] - start, frame[P1]
    for place in range(frame[P0], frame[P1]):
        point = tree.lists[HELD, place]
        if point == slot or (
            tree.point_ids[point] < 0 and _is_ahead(leads, wanted, p, d, tree.points, point)
        ):
            tree.lists[HELD, end] = point
            end += 1
    frame[UP0] = frame[UP1] = end
    push(tree, f, frame[P1], end)
    child = tree.frames[f + 1]
    child[GROUP] = number + 1
    bit, z = contests.bits[layer, number] + i, contests.candidates[layer, start + i]
    set_bit(tree.bits, f + 1, bit)
    for c in range(p):
        if wanted[c] == 0:
            continue
        r = child[ROWS]
        tree.flips[r, 0], tree.flips[r, 1] = bit, contests.bits[layer, number] + c
        power, vectors = contests.powers[layer, number], lp.vectors
        if _find_multiple(form, tree, lp, f, i, c, contests, layer, d) > 0:
            _write_row(tree.rows, r, leads, c, d)
            theta = vectors[MULTIPLIER, d] / tree.rows[r, d + 5]
            tree.rows[r, d + 5] *= power
            if LEAST < theta < GREATEST and LEAST < theta * tree.rows[r, d + 5] < GREATEST:
                vectors[MULTIPLIER, d] = theta
                tree.origins[r], child[ROWS] = 2 * layer, r + 1
                tree.counters[RECORDS] += 1
                proof = questions.PROVED + 1
                write_prune(tree.counters, out.codes, out.reals, tree.rows, lp.basis, vectors, r, proof, d)
                continue
        add_row(tree, f + 1, leads, c, 1.0, box, d)
        tree.rows[r, d + 5] *= power
    if needs_lines(form.sizes, layer):
        for k in range(form.sizes[layer + 1, 0]):
            for j in range(d + 5):
                tree.sums[f + 1, k, j] = tree.sums[f, k, j]
        decision = form.sizes[layer, 1] + number
        accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, decision, z, d)


# ---------------------------------------------------------------------- records


@kernel
def _write_choose(counters, codes, unit):
    if counters[PROOF]:
        n = counters[NCODE]
        codes[n], codes[n + 1] = CHOOSE, unit
        counters[NCODE] = n + 2


@kernel
def _write_twin(counters, codes, reals, i, twin):
    """Candidate ``i`` loses to one that is the same line."""
    counters[RECORDS] += 1
    if counters[PROOF]:
        n = counters[NCODE]
        codes[n], codes[n + 1], codes[n + 2], codes[n + 3], codes[n + 4] = LOSES, i, 1, twin, 0
        reals[counters[NREAL]] = 1.0
        counters[NCODE], counters[NREAL] = n + 5, counters[NREAL] + 1


@kernel
def _write_wins(counters, codes, i, wanted, p):
    counters[RECORDS] += 1
    if counters[PROOF]:
        n, k = counters[NCODE], 0
        codes[n], codes[n + 1] = WINS, i
        for c in range(p):
            if wanted[c] != 0:
                codes[n + 3 + k] = c
                k += 1
        codes[n + 2] = k
        counters[NCODE] = n + 3 + k


@kernel
def _write_loser(
    counters, codes, reals, rows, basis, vectors, i, rival, proof, wanted, p, first, power, d
):  # fmt: skip
    """Candidate ``i`` is nowhere ahead of `rival` and of those whose leads are rows, which begin at `first`.

    False, and nothing written, if the numbers of the leads as the network has them are no doubles.
    """
    has_numbers = proof >= questions.PROVED
    k = proof - questions.PROVED if has_numbers else int(vectors[MULTIPLIER, d])
    if has_numbers:
        for e in range(-1, k):
            factor = vectors[MULTIPLIER, e] if e >= 0 else vectors[MULTIPLIER, d]
            if e >= 0:
                factor *= rows[basis[WHICH, e], d + 5]
            if e < 0 or basis[WHICH, e] >= first:
                scaled = factor * power
                if not (0.0 < scaled < np.inf and scaled / power == factor):
                    return False
    counters[RECORDS] += 1
    if not counters[PROOF]:
        return True
    n, at, reals_at = counters[NCODE], 4, counters[NREAL]
    codes[n] = LOSES if has_numbers else LOSES_TIED
    codes[n + 1], codes[n + 3] = i, rival
    if has_numbers:
        reals[reals_at] = vectors[MULTIPLIER, d] * power
        reals_at += 1
    for turn in range(2):
        begins = at
        at += turn
        for e in range(k):
            r = basis[WHICH, e]
            if (r >= first) == (turn == 1):
                continue
            if turn == 0:
                for c in range(p):
                    if wanted[c] == 2 + r:
                        codes[n + at] = c
            else:
                codes[n + at] = r - 2 * d
            at += 1
            if has_numbers:
                factor = vectors[MULTIPLIER, e] * rows[r, d + 5]
                reals[reals_at] = factor * power if turn == 0 else factor
                reals_at += 1
        if turn == 0:
            codes[n + 2] = at - 3
        else:
            codes[n + begins] = at - begins - 1
    counters[NCODE] = n + at
    if has_numbers:
        counters[NREAL] = reals_at
    return True
