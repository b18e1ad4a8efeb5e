"""The split tree, walked depth first: layer by layer, with conflict lists and kept points.

A node is a convex polyhedron of the domain on which all earlier layers are affine, so each undecided switch
of the present layer is one affine function there.  A switch proved not to change sign on the node is decided
for the whole subtree (conflict list); one that does change sign stays; when only such are left, the
node is split by the one that divides the node's known points most evenly.  When none is left, the
next layer begins, whose lines were accumulated as the decisions fell.

Main definitions: `advance`.

Conventions: `advance` stops with a question in ``counters[QUESTION]``; the caller answers (``counters[ANSWER]``,
see `settle`) and calls again.  Every step can be repeated after a stop: state changes when a step succeeds.

References: conflict lists as in Clarkson and Shor, Applications of random sampling in computational geometry (1989).

Not here: the questions themselves (`questions`), exact answers (`settle`), what is written (`records`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import inlined, kernel, questions, records, simplex
from exactcpa.kernels.filters import TINY, U, sign_at, stable_side, value_at, write_size
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    ANSWER,
    ASK_CELL,
    ASK_FACET,
    ASK_GROUP,
    ASK_UNIT,
    CELL,
    CHOOSING,
    CHOSEN,
    DONE,
    FACET_ROWS,
    FACETS,
    FLUSH,
    FREE,
    GROUP,
    GROW,
    HELD,
    IS_CUT,
    IS_FACET,
    IS_LOWER,
    LAYER,
    LOWER_DONE,
    LPS,
    MULTIPLIER,
    NCELL,
    NCODE,
    NEW_LAYER,
    NFACE,
    NONE,
    NREAL,
    ORIGIN,
    P0,
    P1,
    PHASE,
    POP,
    POSITION,
    PRUNING,
    QFRAME,
    QUESTION,
    QUNIT,
    RADIUS,
    RAYS,
    READY,
    RECORDS,
    ROWS,
    RUNNING,
    SLOTS,
    SPLIT,
    STATE,
    TEST,
    TOP,
    TRIAL,
    U0,
    U1,
    UNDECIDED,
    UNIT,
    UP0,
    UP1,
    UPPER_DONE,
    WHICH,
)

KEPT = 32
"""Points handed on to the next layer; more answer more questions, and cost more to carry."""

MANY = 8
"""Rows in proportion to the dimension from which on a search for redundant ones pays even without facets."""

OPEN, CUT, LOWER, UPPER = 0, 1, 2, 3


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
def _needs_lines(sizes, layer):
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
def _begin_layer(form, tree, box, f, d):
    """Lines, undecided switches and signs of the present layer."""
    frame = tree.frames[f]
    layer = frame[LAYER]
    _take_lines(form, tree, box, f, layer, d)
    if _needs_lines(form.sizes, layer):
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


@kernel
def write_signs(tree, f, slot, d):
    """Proved signs of the undecided switches of node ``f`` at a point."""
    layer = tree.frames[f, LAYER]
    lines = tree.lines[layer]
    for i in range(tree.frames[f, U0], tree.frames[f, U1]):
        u = tree.lists[UNDECIDED, i]
        tree.signs[slot, u] = sign_at(lines, u, d, tree.points, slot) if tree.point_ids[slot] < 0 else 0


@inlined
def hold_point(tree, f, vectors, d):
    """Keep ``vectors[TRIAL]``, a proved interior point of node ``f``."""
    frame = tree.frames[f]
    slot = frame[SLOTS]
    for j in range(d):
        tree.points[slot, j] = vectors[TRIAL, j]
    tree.point_ids[slot] = -1
    write_signs(tree, f, slot, d)
    tree.lists[HELD, frame[P1]] = slot
    frame[P1] += 1
    frame[SLOTS] += 1


@kernel
def _set_bit(bits, f, bit):
    bits[f, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@inlined
def _decide(form, tree, f, position, upper, d):
    """Take the switch at a place of the conflict list off it, with its decision."""
    frame = tree.frames[f]
    layer, u = frame[LAYER], tree.lists[UNDECIDED, position]
    tree.lists[UNDECIDED, position] = tree.lists[UNDECIDED, frame[U1] - 1]
    frame[U1] -= 1
    if upper:
        _set_bit(tree.bits, f, form.switch_bits[layer, u])
        if _needs_lines(form.sizes, layer):
            accumulate(form.sizes, form.gain, tree.sums, f, tree.lines[layer], layer, u, u, d)


@kernel
def _count_signs(lists, signs, start, end, u):
    """How many held points are proved below and above a line."""
    minus, plus = 0, 0
    for i in range(start, end):
        s = signs[lists[HELD, i], u]
        if s > 0:
            plus += 1
        elif s < 0:
            minus += 1
    return minus, plus


@inlined
def prepare(tree, lp, f, d):
    """List the node's rows and, if it holds a double point, have its dictionary ready."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    for i in range(m):
        lp.basis[CHOSEN, i] = i if i < 2 * d else tree.lists[ACTIVE, frame[A0] + i - 2 * d]
        lp.basis[STATE, i] = 0
    for i in range(frame[P0], frame[P1]):
        slot = tree.lists[HELD, i]
        if tree.point_ids[slot] < 0:
            simplex.start(tree.rows, m, d, tree.points, slot, lp.table, lp.basis)
            counters[READY], counters[ORIGIN] = f, slot
            break


@inlined
def _nearest_point(tree, f, u, factor, d):
    """The held double point with the greatest ``factor * line u``."""
    frame = tree.frames[f]
    best, choice = -np.inf, -1
    for i in range(frame[P0], frame[P1]):
        slot = tree.lists[HELD, i]
        if tree.point_ids[slot] < 0:
            value = factor * value_at(tree.lines[frame[LAYER]], u, d, tree.points, slot)
            if value > best or choice < 0:
                best, choice = value, slot
    return choice


@inlined
def _test_switch(tree, lp, box, f, u, d):
    """Does the switch cut the node?  Returns the answer and, if it is a side, the proof as `questions.seek` says it."""
    frame, counters = tree.frames[f], tree.counters
    lines = tree.lines[frame[LAYER]]
    minus, plus = _count_signs(tree.lists, tree.signs, frame[P0], frame[P1], u)
    if minus and plus:
        return CUT, 0
    side = stable_side(lines, u, d, box)
    if side != 0:
        lp.vectors[MULTIPLIER, d] = 1.0
        return LOWER if side < 0 else UPPER, questions.PROVED
    m = 2 * d + frame[A1] - frame[A0]
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    if counters[READY] != f:
        return OPEN, 0
    for attempt in range(2):
        if (plus if attempt == 0 else minus) > 0:
            continue
        factor = 1.0 if attempt == 0 else -1.0
        start = _nearest_point(tree, f, u, factor, d)
        answer = questions.seek(
            lines,
            u,
            factor,
            tree.rows,
            lp.table,
            lp.basis,
            lp.vectors,
            lp.whole,
            m,
            d,
            box,
            tree.points,
            start,
            counters[ORIGIN],
        )
        counters[RAYS] += 1
        counters[LPS] += int(answer != questions.HIT)
        if answer == questions.OPEN:
            return OPEN, 0
        if answer <= questions.FOUND:
            hold_point(tree, f, lp.vectors, d)
        elif attempt == 1:
            return UPPER, answer
        else:
            return (LOWER, answer) if minus else (OPEN, 0)
    return CUT, 0


@inlined
def _test(form, tree, lp, out, box, f, d):
    """Test the conflict list from where it stands; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    while frame[POSITION] < frame[U1]:
        u = tree.lists[UNDECIDED, frame[POSITION]]
        answer = counters[ANSWER]
        counters[ANSWER] = NONE
        if answer == NONE:
            found, proof = _test_switch(tree, lp, box, f, u, d)
            if found == LOWER or found == UPPER:
                records.write_drop(
                    counters,
                    out.codes,
                    out.reals,
                    tree.rows,
                    lp.basis,
                    lp.vectors,
                    u,
                    found == UPPER,
                    proof,
                    d,
                )
        else:
            found = CUT if answer == IS_CUT else LOWER if answer == IS_LOWER else UPPER
        if found == OPEN:
            counters[QUESTION], counters[QFRAME], counters[QUNIT] = ASK_UNIT, f, u
            return False
        if found == CUT:
            frame[POSITION] += 1
        else:
            _decide(form, tree, f, frame[POSITION], found == UPPER, d)
    frame[PHASE] = SPLIT
    return True


@inlined
def _has_room(tree, out, f, d):
    """Whether buffers and stacks have room for a step: a record for each switch and row; else asks for it."""
    counters, frame = tree.counters, tree.frames[f]
    records_left = 2 + tree.lines.shape[1] + frame[A1] - frame[A0]
    if (
        counters[NCODE] + records_left * (d + 8) > out.codes.shape[0]
        or counters[NREAL] + records_left * (d + 8) > out.reals.shape[0]
        or counters[NCELL] + 2 > out.cell_marks.shape[0]
        or counters[NFACE] + records_left > out.facet_flips.shape[0]
    ):
        counters[QUESTION] = FLUSH
        return False
    room = tree.lists.shape[1] - 16
    if (
        f + 3 > tree.frames.shape[0]
        or frame[SLOTS] + 2 * tree.lines.shape[1] + 8 > tree.points.shape[0]
        or frame[ROWS] + 4 > tree.rows.shape[0]
        or 2 * frame[U1] - frame[U0] + tree.lines.shape[1] > room
        or frame[P1] + 2 * (frame[P1] - frame[P0] + 2 * tree.lines.shape[1]) > room
        or 2 * frame[A1] - frame[A0] > room
    ):
        counters[QUESTION] = GROW
        return False
    return True


@inlined
def _most_even(tree, f):
    """Place in the conflict list of the switch that divides the held points most evenly."""
    frame = tree.frames[f]
    best, choice = -1, frame[U0]
    for i in range(frame[U0], frame[U1]):
        minus, plus = _count_signs(tree.lists, tree.signs, frame[P0], frame[P1], tree.lists[UNDECIDED, i])
        score = min(minus, plus)
        if score > best:
            best, choice = score, i
    return choice


@inlined
def _split(tree, out, f):
    """Choose the switch to split by, and divide the held points."""
    frame = tree.frames[f]
    position = _most_even(tree, f)
    u = tree.lists[UNDECIDED, position]
    tree.lists[UNDECIDED, position] = tree.lists[UNDECIDED, frame[U1] - 1]
    frame[U1] -= 1
    frame[UNIT] = u
    end = frame[P1]
    for side in (-1, 1):
        if side > 0:
            frame[UP0] = end
        for i in range(frame[P0], frame[P1]):
            slot = tree.lists[HELD, i]
            if tree.signs[slot, u] == side:
                tree.lists[HELD, end] = slot
                end += 1
    frame[UP1] = end
    records.write_split(tree.counters, out.codes, u)


@kernel
def _copy_segment(lists, which, start, end, to):
    for i in range(start, end):
        lists[which, to + i - start] = lists[which, i]


@kernel
def push(tree, f, start, end):
    """A child of node ``f`` that holds the points in a segment of the list, on top of the stack."""
    parent, child = tree.frames[f], tree.frames[f + 1]
    child[LAYER], child[GROUP], child[PHASE] = parent[LAYER], parent[GROUP], TEST
    tree.shares[2 + f] = 0.5 * tree.shares[1 + f]
    _copy_segment(tree.lists, UNDECIDED, parent[U0], parent[U1], parent[U1])
    child[U0], child[U1] = parent[U1], 2 * parent[U1] - parent[U0]
    _copy_segment(tree.lists, HELD, start, end, parent[UP1])
    child[P0], child[P1] = parent[UP1], parent[UP1] + end - start
    _copy_segment(tree.lists, ACTIVE, parent[A0], parent[A1], parent[A1])
    child[A0], child[A1] = parent[A1], 2 * parent[A1] - parent[A0]
    child[SLOTS], child[ROWS] = parent[SLOTS], parent[ROWS]
    child[POSITION] = child[U0]
    for w in range(tree.bits.shape[1]):
        tree.bits[f + 1, w] = tree.bits[f, w]
    tree.counters[TOP], tree.counters[READY] = f + 1, -1


@inlined
def _push_side(form, tree, f, upper, d):
    """Make the lower or upper child of a split node the top of the stack."""
    parent = tree.frames[f]
    layer, u = parent[LAYER], parent[UNIT]
    push(tree, f, parent[UP0] if upper else parent[P1], parent[UP1] if upper else parent[UP0])
    if upper:
        _set_bit(tree.bits, f + 1, form.switch_bits[layer, u])
    add_row(tree, f + 1, tree.lines[layer], u, 1.0 if upper else -1.0, d)
    tree.flips[tree.frames[f + 1, ROWS] - 1, 0] = form.switch_bits[layer, u]
    tree.flips[tree.frames[f + 1, ROWS] - 1, 1] = -1
    if _needs_lines(form.sizes, layer):
        for i in range(form.sizes[layer + 1, 0]):
            for j in range(d + 5):
                tree.sums[f + 1, i, j] = tree.sums[f, i, j]
        if upper:
            accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, u, u, d)


@kernel
def add_row(tree, f, lines, u, factor, d):
    """Append ``factor * line`` (a factor of +1 or -1), scaled to size one, to the rows of node ``f``."""
    frame = tree.frames[f]
    r = frame[ROWS]
    biggest = 0.0
    for j in range(d):
        biggest = max(biggest, abs(lines[u, 1 + j]))
    power = 2.0 ** min(1000.0, -np.ceil(np.log2(biggest))) if biggest > 0.0 else 1.0
    for j in range(d + 1):
        tree.rows[r, j] = factor * power * lines[u, j]
    tree.rows[r, d + 1], tree.rows[r, d + 2] = power * lines[u, d + 1], power * lines[u, d + 2]
    tree.rows[r, d + 3], tree.rows[r, d + 4], tree.rows[r, d + 5] = (
        lines[u, d + 3],
        power * lines[u, d + 4],
        power,
    )
    tree.lists[ACTIVE, frame[A1]] = r
    frame[A1] += 1
    frame[ROWS] = r + 1


@kernel
def winning_slot(tree, f, leads, i, p, d):
    """A held point where candidate ``i`` of ``p`` is proved ahead of all rivals, or -1; see `contest`."""
    for place in range(tree.frames[f, P0], tree.frames[f, P1]):
        slot = tree.lists[HELD, place]
        if tree.point_ids[slot] < 0 and _is_ahead(leads, i, p, d, tree.points, slot):
            return slot
    return -1


@kernel
def _is_ahead(leads, i, p, d, points, slot):
    for c in range(p):
        if c != i and sign_at(leads, i * p + c, d, points, slot) <= 0:
            return False
    return True


@kernel
def hold_winning(tree, f, leads, i, p, d):
    """List behind the node's points those where a candidate is proved ahead; returns the end of the segment."""
    end = tree.frames[f, P1]
    for place in range(tree.frames[f, P0], tree.frames[f, P1]):
        slot = tree.lists[HELD, place]
        if tree.point_ids[slot] < 0 and _is_ahead(leads, i, p, d, tree.points, slot):
            tree.lists[HELD, end] = slot
            end += 1
    return end


@kernel
def _seek_lead(tree, lp, box, f, leads, u, d):
    """Is a lead positive somewhere on node ``f``?  As `questions.seek`; a point that is found is held."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    if counters[READY] != f or frame[SLOTS] + 4 > tree.points.shape[0]:
        return questions.OPEN
    best, start = -np.inf, counters[ORIGIN]
    for place in range(frame[P0], frame[P1]):
        slot = tree.lists[HELD, place]
        value = value_at(leads, u, d, tree.points, slot)
        if tree.point_ids[slot] < 0 and value > best:
            best, start = value, slot
    answer = questions.seek(
        leads,
        u,
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
        start,
        counters[ORIGIN],
    )
    counters[RAYS] += 1
    counters[LPS] += int(answer != questions.HIT)
    if answer <= questions.FOUND:
        hold_point(tree, f, lp.vectors, d)
    return answer


@kernel
def contest(tree, lp, box, f, leads, p, d, slots, rivals, counts, rows, numbers):
    """Which of ``p`` lines win somewhere on node ``f``, and which are nowhere ahead of one rival?

    Lead ``i * p + c`` is line ``i`` minus line ``c``.  For candidate ``i``, ``slots[i]`` is a held point where it wins;
    or -1 and ``rivals[i]`` is never behind it, as ``counts[i]`` multipliers (theta first) in `numbers` of the rows in
    `rows` prove; or -2 if neither was proved.
    """
    for i in range(p):
        slots[i] = winning_slot(tree, f, leads, i, p, d)
        if slots[i] >= 0:
            continue
        slots[i] = -2
        for c in range(p):
            if c == i or leads[i * p + c, d + 2] == 0.0:
                continue
            answer = _seek_lead(tree, lp, box, f, leads, i * p + c, d)
            if answer >= questions.PROVED:
                slots[i], rivals[i], counts[i] = -1, c, answer - questions.PROVED
                numbers[i, 0] = lp.vectors[MULTIPLIER, d]
                for k in range(counts[i]):
                    r = lp.basis[WHICH, k]
                    rows[i, k] = r - 2 * d
                    numbers[i, 1 + k] = lp.vectors[MULTIPLIER, k] * tree.rows[r, d + 5]
                break
            slot = winning_slot(tree, f, leads, i, p, d) if answer <= questions.FOUND else -1
            if slot >= 0:
                slots[i] = slot
                break


@inlined
def _end_layer(form, tree, f):
    """All switches are decided: groups next, then the next layer, then the cell."""
    frame = tree.frames[f]
    layer = frame[LAYER]
    if frame[GROUP] < form.sizes[layer, 2]:
        frame[PHASE] = CHOOSING
    elif layer + 1 < form.sizes.shape[0] - 1:
        frame[LAYER] = layer + 1
        frame[PHASE] = PRUNING
    else:
        frame[PHASE] = CELL


@inlined
def _end_cell(tree, lp, out, box, f, d):
    """Put a finished cell out; False if its witness must be written by the exact side."""
    frame, counters = tree.frames[f], tree.counters
    slot = tree.lists[HELD, frame[P0]]
    for i in range(frame[P0], frame[P1]):
        if tree.point_ids[tree.lists[HELD, i]] < 0:
            slot = tree.lists[HELD, i]
            break
    number = tree.point_ids[slot]
    if number >= 0 and counters[ANSWER] == NONE:
        counters[QUESTION], counters[QFRAME], counters[QUNIT] = ASK_CELL, f, number
        return False
    counters[ANSWER] = NONE
    records.write_cell(tree.counters, out, tree.bits, f, tree.points, slot, number, box, d)
    tree.shares[0] += tree.shares[1 + f]
    if not counters[FACETS]:
        frame[PHASE] = POP
        return True
    m = 2 * d + frame[A1] - frame[A0]
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    if counters[READY] == f:
        questions.find_facets_by_rays(
            tree.rows, lp.basis, lp.vectors, m, d, box, tree.points, counters[ORIGIN], lp.outer
        )
    frame[POSITION] = 2 * d
    frame[PHASE] = FACET_ROWS
    return True


@inlined
def _prune_rows(tree, lp, out, box, domain_rows, f, d):
    """Before a new layer, drop the rows proved redundant: all questions of the subtree get cheaper."""
    frame, counters = tree.frames[f], tree.counters
    frame[PHASE] = NEW_LAYER
    m = 2 * d + frame[A1] - frame[A0]
    if not counters[FACETS] and m < MANY * d + 12:
        return
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    if counters[READY] != f:
        return
    questions.find_facets_by_rays(
        tree.rows, lp.basis, lp.vectors, m, d, box, tree.points, counters[ORIGIN], lp.outer
    )
    kept = frame[A0]
    for i in range(2 * d, m):
        r = lp.basis[CHOSEN, i]
        found = questions.FOUND
        if r >= domain_rows and lp.basis[STATE, i] == 0:
            counters[LPS] += 1
            found = questions.seek_beyond_row(
                tree.rows,
                lp.table,
                lp.basis,
                lp.vectors,
                lp.whole,
                m,
                d,
                box,
                tree.points,
                counters[ORIGIN],
                i,
                lp.outer,
            )
        if found == questions.FOUND or found == questions.OPEN:
            tree.lists[ACTIVE, kept] = r
            kept += 1
        else:
            lp.basis[STATE, i] = 2
            counters[RECORDS] += 1
            records.write_prune(counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, r, found, d)
    frame[A1] = kept
    counters[READY] = -1


@inlined
def _facet_rows(tree, lp, out, box, domain_rows, f, d):
    """Settle one after the other the rows of the path; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    while frame[POSITION] < m:
        i = frame[POSITION]
        r = lp.basis[CHOSEN, i]
        if r < domain_rows:
            frame[POSITION] += 1
            continue
        answer, found = counters[ANSWER], questions.OPEN
        counters[ANSWER] = NONE
        if answer != NONE:
            found = questions.FOUND if answer == IS_FACET else questions.PROVED
            lp.basis[FREE, i] = int(answer != IS_FACET)
        elif lp.basis[STATE, i] == 1:
            found = questions.FOUND
        elif counters[READY] == f:
            counters[LPS] += 1
            found = questions.seek_beyond_row(
                tree.rows,
                lp.table,
                lp.basis,
                lp.vectors,
                lp.whole,
                m,
                d,
                box,
                tree.points,
                counters[ORIGIN],
                i,
                lp.outer,
            )
        if found == questions.OPEN:
            counters[QUESTION], counters[QFRAME], counters[QUNIT] = ASK_FACET, f, i
            return False
        if found == questions.FOUND:
            lp.basis[STATE, i] = 1
            records.write_facet(counters, out, tree.flips, lp.outer, i, r, box, answer != NONE, d)
        else:
            lp.basis[STATE, i] = 2
            counters[RECORDS] += 1
            if answer == NONE:
                records.write_prune(
                    counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, r, found, d
                )
        frame[POSITION] += 1
    frame[PHASE] = POP
    return True


@kernel
def advance(form, tree, lp, out, box, domain_rows, steps):
    """Walk on until a question stops the walk, it is done, or so many steps were made.

    Returns:
        The question, also in ``counters[QUESTION]``; ``RUNNING`` after the last step.
    """
    d = box.shape[1]
    counters = tree.counters
    counters[QUESTION] = RUNNING
    for _ in range(steps):
        f = counters[TOP]
        if f < 0:
            counters[QUESTION] = DONE
            return DONE
        frame = tree.frames[f]
        phase = frame[PHASE]
        proceeds = _has_room(tree, out, f, d)
        if proceeds:
            if phase == PRUNING:
                _prune_rows(tree, lp, out, box, domain_rows, f, d)
            elif phase == NEW_LAYER:
                _begin_layer(form, tree, box, f, d)
            elif phase == TEST:
                proceeds = _test(form, tree, lp, out, box, f, d)
            elif phase == SPLIT and frame[U1] == frame[U0]:
                _end_layer(form, tree, f)
            elif phase == SPLIT or phase == LOWER_DONE:
                if phase == SPLIT:
                    _split(tree, out, f)
                frame[PHASE] = LOWER_DONE if phase == SPLIT else UPPER_DONE
                _push_side(form, tree, f, phase == LOWER_DONE, d)
            elif phase == CHOOSING:
                counters[QUESTION], counters[QFRAME] = ASK_GROUP, f
                proceeds = False
            elif phase == CELL:
                proceeds = _end_cell(tree, lp, out, box, f, d)
            elif phase == FACET_ROWS:
                proceeds = _facet_rows(tree, lp, out, box, domain_rows, f, d)
            else:
                counters[TOP], counters[READY] = f - 1, -1
        if not proceeds:
            return counters[QUESTION]
    return RUNNING
