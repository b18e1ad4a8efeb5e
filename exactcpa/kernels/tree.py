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

from exactcpa.kernels import entry, inlined, questions, records
from exactcpa.kernels.centring import centre
from exactcpa.kernels.contest import STOPPED, proceed
from exactcpa.kernels.filters import stable_side
from exactcpa.kernels.layers import accumulate, begin_layer, needs_lines
from exactcpa.kernels.nodes import (
    add_row,
    count_signs,
    has_room,
    hold_others,
    hold_point,
    is_unsure,
    nearest_point,
    prepare,
    push,
    set_bit,
)
from exactcpa.kernels.rows import end_cell, facet_rows, prune_rows
from exactcpa.kernels.state import (
    A0,
    A1,
    AFTER,
    ANSWER,
    ASK_UNIT,
    CELL,
    CHOOSING,
    DONE,
    FACET_ROWS,
    FACETS,
    GROUP,
    HAND_OVER,
    HELD,
    IS_CUT,
    IS_LOWER,
    LAYER,
    LOWER_DONE,
    LPS,
    MULTIPLIER,
    NEW_LAYER,
    NONE,
    ORIGIN,
    P0,
    P1,
    PHASE,
    POSITION,
    PRUNING,
    QFRAME,
    QUESTION,
    QUNIT,
    RAYS,
    READY,
    ROWS,
    RUNNING,
    SPLIT,
    TEST,
    TOP,
    U0,
    U1,
    UNDECIDED,
    UNIT,
    UP0,
    UP1,
    UPPER_DONE,
)
from exactcpa.kernels.twins import find_twin

OPEN, CUT, LOWER, UPPER = 0, 1, 2, 3


@inlined
def _decide(form, tree, f, position, upper, d):
    """Take the switch at a place of the conflict list off it, with its decision."""
    frame = tree.frames[f]
    layer, u = frame[LAYER], tree.lists[UNDECIDED, position]
    tree.lists[UNDECIDED, position] = tree.lists[UNDECIDED, frame[U1] - 1]
    frame[U1] -= 1
    if upper:
        set_bit(tree.bits, f, form.switch_bits[layer, u])
        if needs_lines(form.sizes, layer):
            accumulate(form.sizes, form.gain, tree.sums, f, tree.lines[layer], layer, u, u, d)


@inlined
def _test_switch(form, tree, lp, box, f, u, d):
    """Does the switch cut the node?  Returns the answer and, if it is a side, the proof as `questions.seek` says it."""
    frame, counters = tree.frames[f], tree.counters
    lines = tree.lines[frame[LAYER]]
    minus, plus = count_signs(tree.lists, tree.signs, frame[P0], frame[P1], u)
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
        start = nearest_point(tree, f, u, factor, d)
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
            lp.outer,
            tree.spans,
            tree.origins,
            2 * frame[LAYER],
        )
        counters[RAYS] += 1
        counters[LPS] += int(answer != questions.HIT)
        if answer == questions.OPEN:
            sign = find_twin(
                form.sizes,
                form.constant,
                form.base,
                form.gain,
                form.switch_bits,
                tree.bits,
                f,
                tree.lists,
                frame[A0],
                frame[A1],
                tree.rows,
                tree.flips,
                lines,
                frame[LAYER],
                u,
                lp.basis,
                lp.vectors,
                d,
            )
            return OPEN if sign == 0 else LOWER if sign < 0 else UPPER, questions.PROVED + 1
        if answer <= questions.FOUND:
            centre(lines, u, factor, tree.rows, lp.table, lp.basis, lp.vectors, m, d, box)
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
            found, proof = _test_switch(form, tree, lp, box, f, u, d)
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
def _most_even(tree, f):
    """Place in the conflict list of the switch that divides the held points most evenly."""
    frame = tree.frames[f]
    best, choice = -1, frame[U0]
    for i in range(frame[U0], frame[U1]):
        minus, plus = count_signs(tree.lists, tree.signs, frame[P0], frame[P1], tree.lists[UNDECIDED, i])
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


@inlined
def _push_side(form, tree, box, f, upper, d):
    """Make the lower or upper child of a split node the top of the stack."""
    parent = tree.frames[f]
    layer, u = parent[LAYER], parent[UNIT]
    push(tree, f, parent[UP0] if upper else parent[P1], parent[UP1] if upper else parent[UP0])
    if upper:
        set_bit(tree.bits, f + 1, form.switch_bits[layer, u])
    add_row(tree, f + 1, tree.lines[layer], u, 1.0 if upper else -1.0, box, d)
    tree.flips[tree.frames[f + 1, ROWS] - 1, 0] = form.switch_bits[layer, u]
    tree.flips[tree.frames[f + 1, ROWS] - 1, 1] = -1
    tree.origins[tree.frames[f + 1, ROWS] - 1] = 2 * layer + (1 if upper else 0)
    if tree.counters[FACETS]:
        start, end = (parent[P1], parent[UP0]) if upper else (parent[UP0], parent[UP1])
        hold_others(tree, f + 1, start, end)
    if needs_lines(form.sizes, layer):
        for i in range(form.sizes[layer + 1, 0]):
            for j in range(d + 5):
                tree.sums[f + 1, i, j] = tree.sums[f, i, j]
        if upper:
            accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, u, u, d)


@inlined
def _end_layer(form, tree, f):
    """All switches are decided: groups next, then the next layer, then the cell."""
    frame = tree.frames[f]
    layer = frame[LAYER]
    if frame[GROUP] < form.sizes[layer, 2]:
        frame[PHASE], frame[POSITION] = CHOOSING, 0
    elif layer + 1 < form.sizes.shape[0] - 1:
        frame[LAYER] = layer + 1
        frame[PHASE], frame[AFTER] = PRUNING, NEW_LAYER
    else:
        frame[PHASE] = CELL


@entry
def advance(form, contests, tree, lp, out, box, domain_rows, steps, handed_over):
    """Walk on until a question stops the walk, it is done, or so many steps were made.

    At a node of at least the share `handed_over` that has no dictionary yet the walk stops with ``HAND_OVER``, and the
    caller takes it off the stack.  Such a node depends on nothing but itself, so whoever walks it finds the same.

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
        if (
            phase == TEST
            and tree.shares[1 + f] >= handed_over
            and frame[POSITION] == frame[U0]
            and counters[READY] != f
        ):
            counters[QUESTION] = HAND_OVER
            return HAND_OVER
        proceeds = has_room(tree, out, f, d)
        if proceeds:
            if phase == PRUNING:
                prune_rows(tree, lp, out, box, domain_rows, f, d)
            elif phase == NEW_LAYER:
                proceeds = begin_layer(form, tree, box, f, d)
            elif phase == TEST:
                proceeds = _test(form, tree, lp, out, box, f, d)
            elif phase == SPLIT and frame[U1] == frame[U0]:
                _end_layer(form, tree, f)
            elif phase == SPLIT and counters[FACETS] and is_unsure(tree, f, domain_rows):
                frame[PHASE], frame[AFTER] = PRUNING, SPLIT
            elif phase == SPLIT or phase == LOWER_DONE:
                if phase == SPLIT:
                    _split(tree, out, f)
                frame[PHASE] = LOWER_DONE if phase == SPLIT else UPPER_DONE
                _push_side(form, tree, box, f, phase == LOWER_DONE, d)
            elif phase == CHOOSING:
                proceeds = proceed(form, contests, tree, lp, out, box, f, d) != STOPPED
            elif phase == CELL:
                proceeds = end_cell(tree, lp, out, box, f, d)
            elif phase == FACET_ROWS:
                proceeds = facet_rows(tree, lp, out, box, domain_rows, f, d)
            else:
                counters[TOP], counters[READY] = f - 1, -1
        if not proceeds:
            return counters[QUESTION]
    return RUNNING
