"""The nearest tie by branch and bound in doubles: no cell is enumerated that a bound can do without.

A node has decided all layers before its own, and some of its own.  There every line of its layer is one affine
function; the layers after it are enclosed between affine functions, as good as the ball of the limit allows.  So each
rival has an affine function that the logit gap is not below on the node, within the ball; where that and the node's
rows leave no point nearer than the limit, the node is done.  If not, a switch of its layer is decided both ways.

Main definitions:
    descend: Goes on with the nodes on a stack.

Conventions:
    As in `margins`.  A node is its layer and four words: the pattern, and which of its bits are decided, are vague,
    were cut.  Bits that are decided without a cut are so on the whole ball and need no row.  Both sides of a switch are
    closed, so every point of the ball and the domain is in some leaf, and all bounds hold for it.  A *vague* switch is
    one that doubles do not tell from zero on the ball: it counts as upper, with that much more error, and a leaf tells
    which they are.

Not here: the enclosures (`enclosures`), one cell's bounds (`margins`), least vectors (`nearest`), exact answers
(`margin_search`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import allocating_entry, kernel
from exactcpa.kernels.enclosures import (
    LOW,
    as_function,
    enclose_after,
    enclose_exactly,
    ends_of,
    first_span,
    gap_below,
    narrow,
    widen_enclosures,
    widen_lines,
)
from exactcpa.kernels.margins import (
    chosen_line,
    clear_bit,
    first_lines,
    has_bit,
    length_of,
    next_lines,
    set_bit,
    write_row,
)
from exactcpa.kernels.nearest import L2, OPTIMAL, least_linear, least_square, prove

FULL, DONE, SLICE = 0, 1, 2
"""How a stretch ended: no room for nodes or leaves; no node is left; so many nodes were done."""


@kernel
def _add_rows(form, groups, word, cut, layer, lines, nothing, point, weights, box, rows, errors, numbers, m):
    """Append the rows of the decisions that were cut in a layer; returns how many rows there are."""
    for k in range(form.sizes[layer, 1]):
        bit = form.switch_bits[layer, k]
        if has_bit(cut, bit):
            line = lines[layer, k]
            side = 1.0 if has_bit(word, bit) else 0.0
            numbers[m] = bit
            m += write_row(line, side, line, 1.0 - side, point, weights, box, rows[m], errors[m])
    starts, bits, candidates = groups
    for g in range(form.sizes[layer, 2]):
        if not has_bit(cut, bits[layer, starts[layer, g]]):
            continue
        winner = lines[layer, chosen_line(form, groups, word, layer, form.sizes[layer, 1] + g)]
        for c in range(starts[layer, g], starts[layer, g + 1]):
            if not has_bit(word, bits[layer, c]):
                other = lines[layer, candidates[layer, c]]
                numbers[m] = bits[layer, c]
                m += write_row(winner, 1.0, other, 1.0, point, weights, box, rows[m], errors[m])
    return m


@kernel
def _add_walls(norm, walls, nothing, radius, span, point, weights, box, rows, errors, numbers, m, function):
    """Append the domain's rows that the ball reaches."""
    d = point.shape[1]
    for k in range(walls.shape[0]):
        is_row = write_row(walls[k], 1.0, nothing, 0.0, point, weights, box, rows[m], errors[m])
        as_function(rows[m], errors[m], radius, d, function)
        low, _ = ends_of(norm, function, radius, span, d)
        if is_row and not low > 0.0:
            numbers[m] = -1 - k
            m += 1
    return m


@kernel
def _decide(form, groups, layer, word, known, vague, enclosed, ends, d):
    """Decide what the ball decides, and what is vague; returns how many decisions of the layer are open."""
    undecided = 0
    for k in range(form.sizes[layer, 1]):
        bit = form.switch_bits[layer, k]
        if has_bit(known, bit):
            continue
        if ends[k, 0] >= 0.0:
            set_bit(word, bit)
            set_bit(known, bit)
        elif ends[k, 1] <= 0.0:
            set_bit(known, bit)
        elif max(-ends[k, 0], ends[k, 1]) <= 8.0 * enclosed[k, LOW, d + 1]:
            set_bit(word, bit)
            set_bit(known, bit)
            set_bit(vague, bit)
        else:
            undecided += 1
    starts, bits, _ = groups
    for g in range(form.sizes[layer, 2]):
        if not has_bit(known, bits[layer, starts[layer, g]]):
            undecided += 1
    return undecided


@kernel
def _push(stack, layers_of, top, word, known, vague, cut, layer):
    for w in range(word.shape[0]):
        stack[top, 0, w], stack[top, 1, w] = word[w], known[w]
        stack[top, 2, w], stack[top, 3, w] = vague[w], cut[w]
    layers_of[top] = layer
    return top + 1


@kernel
def _branch(form, groups, word, known, vague, cut, layer, ends, importance, stack, layers_of, top):
    """Push the children of a node: both sides of the switch that loosens the bound most, or a group's winners."""
    best, choice = -1.0, -1
    for k in range(form.sizes[layer, 1]):
        if not has_bit(known, form.switch_bits[layer, k]):
            low, high = ends[k, 0], ends[k, 1]
            score = (importance[k] + 1e-300) * -low * high / (high - low)
            if choice < 0 or score > best:  # a NaN must not lose the node
                best, choice = score, k
    if choice >= 0:
        bit = form.switch_bits[layer, choice]
        set_bit(known, bit)
        set_bit(cut, bit)
        is_above = ends[choice, 0] + ends[choice, 1] > 0.0
        for turn in range(2):
            if (turn == 0) != is_above:
                set_bit(word, bit)
            else:
                clear_bit(word, bit)
            top = _push(stack, layers_of, top, word, known, vague, cut, layer)
        return top
    starts, bits, _ = groups
    for g in range(form.sizes[layer, 2]):
        first, end = starts[layer, g], starts[layer, g + 1]
        if has_bit(known, bits[layer, first]):
            continue
        for c in range(first, end):
            set_bit(known, bits[layer, c])
            set_bit(cut, bits[layer, c])
        for c in range(first, end):
            set_bit(word, bits[layer, c])
            top = _push(stack, layers_of, top, word, known, vague, cut, layer)
            clear_bit(word, bits[layer, c])
        return top
    return top


@allocating_entry
def descend(
    form,
    groups,
    walls,
    box,
    point,
    weights,
    scales,
    norm,
    mine,
    limit,
    steady,
    stack,
    layers_of,
    top,
    budget,
    room,
):
    """Go on with the nodes on a stack, the last first.

    Args:
        form: A `FloatForm`.
        groups: See `margins`.
        walls: The domain's rows.
        box: Of the domain.
        point: Shape ``(2, d)``: y of the point, and how far off each may be.
        weights: Of the norm, in y.
        scales: Bring the outputs to one unit.
        norm: As in `nearest`.
        mine: The point's class.
        limit: Ties farther away (l2: by squares) are left out.
        steady: Whether the limit stays, or falls to the proposals found.
        stack: Shape ``(many, 4, w)``: the words of each node.
        layers_of: Shape ``(many,)``: the layer of each.
        top: Number of nodes on the stack.
        budget: Stop after so many nodes.
        room: Stop when so many leaves may not fit.

    Returns:
        How it ended, the number of nodes on the stack, the limit, nodes done, and the leaves that are not beyond the
        limit, one a rival: words, vague bits, rivals, bounds, values, numbers of the tight rows.  Whatever is in no
        leaf is beyond the limit.
    """
    d, last = point.shape[1], form.sizes.shape[0] - 1
    n, w, outputs = form.constant.shape[1], stack.shape[2], scales.shape[0]
    lines, nothing = np.zeros((last + 1, n, d + 5)), np.zeros(d + 6)
    most = 3 + walls.shape[0] + form.sizes[:, 1].sum() + groups[1].size
    rows, errors = np.zeros((most, d + 1)), np.zeros((most, d + 1))
    numbers, members = np.zeros(most, np.int64), np.arange(most)
    enclosed, after = np.zeros((n, 2, d + 3)), np.zeros((n, 2, d + 3))
    decided, ends, first = np.zeros((form.gain.shape[1], 2, d + 3)), np.zeros((n, 2)), np.zeros((n, 2))
    gap, importance, ignored = np.zeros(d + 3), np.zeros(form.gain.shape[1]), np.zeros(form.gain.shape[1])
    table, vectors = np.zeros((2 * d, 2 * d)), np.zeros((4, 2 * d + 1))
    least, active, weight = np.zeros(d), np.zeros(2 * d + 1, np.int64), np.zeros(2 * d + 1)
    span = np.zeros((2, d))
    word, known = np.zeros(w, np.uint64), np.zeros(w, np.uint64)
    vague, cut = np.zeros(w, np.uint64), np.zeros(w, np.uint64)
    leaf_words, leaf_vague = np.zeros((room, w), np.uint64), np.zeros((room, w), np.uint64)
    leaf_rivals, leaf_bounds, leaf_values = np.zeros(room, np.int64), np.zeros(room), np.zeros(room)
    leaf_tight = np.full((room, 2 * d + 1), -(2**62))
    leaves, nodes, ended = 0, 0, DONE
    while top > 0:
        if top + 2 + n > stack.shape[0] or leaves + outputs > room:
            ended = FULL
            break
        if nodes >= budget:
            ended = SLICE
            break
        top -= 1
        nodes += 1
        word[:], known[:], vague[:], cut[:] = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        deepest, layer = layers_of[top], 0
        radius = (np.sqrt(limit) if norm == L2 else limit) * (1.0 + 1e-12)
        numbers[0], m = 2**62, 1
        first_lines(form, lines[0], box, d)
        first_span(box, point, weights, radius, span)
        is_empty = False
        while layer < last:
            before = m
            m = _add_rows(
                form, groups, word, cut, layer, lines, nothing, point, weights, box, rows, errors, numbers, m
            )
            if not narrow(rows, errors, before, m, span, d) or not narrow(rows, errors, 1, m, span, d):
                is_empty = True
                break
            # The row at place m is not in use yet.
            enclose_exactly(
                form,
                norm,
                layer,
                lines,
                nothing,
                radius,
                span,
                point,
                weights,
                box,
                rows[m],
                errors[m],
                enclosed,
                first,
            )
            undecided = _decide(form, groups, layer, word, known, vague, enclosed, first, d)
            if undecided and layer >= deepest:
                break
            widen_lines(form, layer, vague, lines, first, d)
            next_lines(form, groups, word, lines, layer, box, d)
            layer += 1
        if is_empty:
            continue
        m = _add_walls(norm, walls, nothing, radius, span, point, weights, box, rows, errors, numbers, m, gap)
        is_leaf, alive = layer == last, False
        if not is_leaf:
            importance[:] = 0.0
            widen_enclosures(form, layer, vague, enclosed, first, d)
            enclose_after(
                form,
                groups,
                norm,
                layer,
                word,
                known,
                radius,
                span,
                d,
                enclosed,
                after,
                decided,
                first,
                ends,
                importance,
            )
        for rival in range(outputs):
            if rival == mine:
                continue
            if is_leaf:
                a, b = lines[last, rival], lines[last, mine]
                write_row(a, scales[rival], b, scales[mine], point, weights, box, rows[0], errors[0])
            else:
                counted = importance if layer == last - 1 else ignored
                gap_below(form, mine, rival, scales, enclosed, decided, d, gap, counted)
                for j in range(d):
                    rows[0, j], errors[0, j] = gap[j], 0.0
                rows[0, d], errors[0, d] = -gap[d], gap[d + 1]
            active[:], active[0], weight[0] = -1, 0, 1.0
            if prove(norm, rows, errors, members[:1], active, weight) > limit:
                continue
            least[:], active[:], weight[:], vectors[:] = 0.0, -1, 0.0, 0.0
            some = members[:m]
            if norm == L2:
                status = least_square(rows, some, limit, table, vectors, least, active, weight)
            else:
                status = least_linear(norm, rows, some, limit, table, vectors, least, active, weight)
            bound = prove(norm, rows, errors, some, active, weight)
            if bound > limit:
                continue
            alive = True
            if not is_leaf:
                break
            leaf_words[leaves], leaf_vague[leaves] = word, vague
            leaf_rivals[leaves], leaf_bounds[leaves] = rival, bound
            leaf_values[leaves] = length_of(norm, least) if status == OPTIMAL else bound
            for k in range(2 * d + 1):
                is_row = 0 <= active[k] < m and weight[k] > 0.0
                leaf_tight[leaves, k] = numbers[active[k]] if is_row else -(2**62)
            leaves += 1
            proposal = leaf_values[leaves - 1] * (1.0 + 1e-9)
            if status == OPTIMAL and not steady and proposal < limit:
                limit = proposal
        if alive and not is_leaf:
            top = _branch(
                form, groups, word, known, vague, cut, layer, first, importance, stack, layers_of, top
            )
    return (
        ended,
        top,
        limit,
        nodes,
        leaf_words[:leaves],
        leaf_vague[:leaves],
        leaf_rivals[:leaves],
        leaf_bounds[:leaves],
        leaf_values[:leaves],
        leaf_tight[:leaves],
    )
