"""The split tree walked by the vertices of its nodes: no linear programs, but for what doubles leave open.

A node is split by the signs of a switch at its vertices, zeros being values like any other: a vertex where it is zero
belongs to both sides.  On each edge whose ends lie on different sides there is a new vertex.  A facet of the node
stays one of a side if it has a vertex strictly on that side; a switch cuts a node if it has vertices strictly on both
sides.  So facets, vertices and cuts are known of every node, and certificates are read off single vertices.

Main definitions: `advance_vertices`.

Conventions: as in `tree`, with the same records and questions; besides, signs that are left open are asked for
(`vert_state.ASK_SIGNS`, ``ASK_CLIP``), and a point inside where doubles find none (``ASK_POINT``).

References: Motzkin, Raiffa, Thompson and Thrall, The double description method (1953); Fukuda and Prodon, Double
description method revisited (1996).

Not here: vertices (`vertices`), the walk by linear programs (`tree`), exact answers (`vertex_side`, `settle`).
"""

from __future__ import annotations

from math import frexp, ldexp

import numpy as np

from exactcpa.kernels import filters, inlined, kernel, layers, merged, questions, records, simplex
from exactcpa.kernels.contest import PUSHED, STOPPED, proceed
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.layers import _begin_sums, needs_lines, take_lines, write_spans
from exactcpa.kernels.nodes import has_room, nearest_point, prepare, set_bit
from exactcpa.kernels.state import (
    A0,
    A1,
    ACTIVE,
    ANSWER,
    ASK_CELL,
    ASK_FACET,
    ASK_UNIT,
    CELL,
    CHOOSING,
    CHOSEN,
    DONE,
    FACET_ROWS,
    FACETS,
    GROUP,
    GROW,
    HAND_OVER,
    HELD,
    IS_CUT,
    IS_FACET,
    IS_LOWER,
    IS_REDUNDANT,
    IS_UPPER,
    LAYER,
    LOWER_DONE,
    LPS,
    MULTIPLIER,
    NEW_LAYER,
    NONE,
    ORIGIN,
    OUTER,
    P0,
    P1,
    PHASE,
    POP,
    POSITION,
    PROOF,
    QFRAME,
    QUESTION,
    QUNIT,
    RADIUS,
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
    UNIT,
    UP0,
    UP1,
    UPPER_DONE,
)
from exactcpa.kernels.twins import find_twin
from exactcpa.kernels.vert_state import (
    ASK_CLIP,
    ASK_POINT,
    ASK_SIGNS,
    CLIPPING,
    FRESH,
    LOSING,
    MINUS,
    NEXT,
    NODE,
    OPEN,
    PLACE,
    PLUS,
    SIGNS,
    SPOTS,
    V0,
    V1,
    V2,
    WIDEN,
)
from exactcpa.kernels.vertices import (
    COARSE,
    NOUGHT,
    ONE,
    UNKNOWN,
    cut_edge,
    find_middle,
    find_outer_points,
    free_place,
    is_edge,
    list_tight,
    locate,
    lowest_vertex,
    number_of,
    prove_at,
    sign_settled,
    write_signs,
)

stable_side = merged(filters.stable_side.py_func)
add_line = merged(layers.add_line.py_func)


@kernel
def accumulate(sizes, gain, sums, f, lines, layer, k, z, d):
    """As `layers.accumulate`."""
    for i in range(sizes[layer + 1, 0]):
        if gain[layer + 1, k, i, 0] != 0.0 or gain[layer + 1, k, i, 1] != 0.0:
            add_line(sums, f, i, gain[layer + 1, k], i, lines, z, d)


@merged
def _least_radius(box):
    least = np.inf
    for j in range(box.shape[1]):
        least = min(least, box[RADIUS, j])
    return least


@merged
def _write_row(rows, r, lines, u, factor, d):
    """Write ``factor * line`` (a factor of +1 or -1), scaled to size one, as row ``r``."""
    biggest = 0.0
    for j in range(d):
        biggest = max(biggest, abs(lines[u, 1 + j]))
    power = 1.0
    if biggest > 0.0:
        power = ldexp(1.0, min(1000, -frexp(biggest)[1]))
    for j in range(d + 1):
        rows[r, j] = factor * power * lines[u, j]
    rows[r, d + 1], rows[r, d + 2] = power * lines[u, d + 1], power * lines[u, d + 2]
    rows[r, d + 3], rows[r, d + 4], rows[r, d + 5] = lines[u, d + 3], power * lines[u, d + 4], power


@inlined
def _ask(counters, question, f, subject):
    """Stop with a question."""
    counters[QUESTION], counters[QFRAME], counters[QUNIT] = question, f, subject


@kernel
def _hold(lists, points, point_ids, signs, frame, vectors, d):
    """Keep ``vectors[TRIAL]``, a proved interior point, with no signs."""
    slot = frame[SLOTS]
    for j in range(d):
        points[slot, j] = vectors[TRIAL, j]
    point_ids[slot] = -1
    for u in range(signs.shape[1]):
        signs[slot, u] = 0
    lists[HELD, frame[P1]] = slot
    frame[P1] += 1
    frame[SLOTS] += 1


@inlined
def _hold_a_point(tree, lp, corners, box, f, d):
    """Have the node hold a point; False if doubles find none."""
    frame, node = tree.frames[f], corners.nodes[f]
    if frame[P0] < frame[P1]:
        return True
    if not find_middle(
        tree.rows,
        corners.rows_of,
        corners.used,
        f,
        corners.which,
        corners.spots,
        node[V0],
        node[V1],
        d,
        box,
        lp.vectors,
    ):
        _ask(tree.counters, ASK_POINT, f, 0)
        return False
    _hold(tree.lists, tree.points, tree.point_ids, tree.signs, frame, lp.vectors, d)
    return True


# ---------------------------------------------------------------------- does a switch cut the node?


@inlined
def _take_decision(form, tree, corners, f, u, upper, d):
    """A switch is decided for the whole subtree."""
    layer = tree.frames[f, LAYER]
    corners.undecided[f, u >> 6] &= ~(ONE << np.uint64(u & 63))
    if upper:
        set_bit(tree.bits, f, form.switch_bits[layer, u])
        if needs_lines(form.sizes, layer):
            accumulate(form.sizes, form.gain, tree.sums, f, tree.lines[layer], layer, u, u, d)


@inlined
def _prove_by_program(tree, lp, box, f, u, factor, d):
    """Ask a linear program whether ``factor * line`` is positive somewhere: ``FOUND``, ``OPEN``, or a proof."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    if counters[READY] != f:
        prepare(tree, lp, f, d)
    found = questions.OPEN
    if counters[READY] == f:
        start = nearest_point(tree, f, u, factor, d)
        counters[LPS] += 1
        found = questions.seek(
            tree.lines[frame[LAYER]],
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
            2 * tree.frames[f, LAYER],
        )
    return found


@inlined
def _test(form, tree, lp, out, corners, box, f, d):
    """Take the switches off that do not cut the node; False if a question is left open."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    layer = frame[LAYER]
    lines = tree.lines[layer]
    answer = counters[ANSWER]
    counters[ANSWER] = NONE
    if answer == IS_CUT:
        _ask(counters, ASK_SIGNS, f, counters[QUNIT])
        return False
    if answer == IS_LOWER or answer == IS_UPPER:
        _take_decision(form, tree, corners, f, counters[QUNIT], answer == IS_UPPER, d)
    for w in range(corners.undecided.shape[1]):
        if corners.undecided[f, w] == NOUGHT:
            continue
        plus, minus, unknown = NOUGHT, NOUGHT, NOUGHT
        for i in range(node[V0], node[V1]):
            s = corners.which[i, 1]
            plus |= corners.signs[s, PLUS, w]
            minus |= corners.signs[s, MINUS, w]
            unknown |= corners.signs[s, OPEN, w]
        left = corners.undecided[f, w] & ~(plus & minus)
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            u = 64 * w + number_of(bit)
            is_open, upper = (unknown & bit) != NOUGHT, (minus & bit) == NOUGHT
            has_side = ((plus | minus) & bit) != NOUGHT
            if counters[PROOF] or is_open:
                factor = -1.0 if upper else 1.0
                proof = questions.OPEN
                if not is_open:
                    side = stable_side(lines, u, d, box) if node[FRESH] or not has_side else 0
                    if side != 0:
                        lp.vectors[MULTIPLIER, d] = 1.0
                        proof = questions.PROVED
                    elif has_side:
                        v = lowest_vertex(
                            lines, u, -factor, d, corners.which, corners.spots, node[V0], node[V1]
                        )
                        k = list_tight(corners.masks, v, corners.rows_of, f, corners.ids)
                        proof = prove_at(
                            lines,
                            u,
                            factor,
                            tree.rows,
                            corners.ids,
                            k,
                            d,
                            lp.basis,
                            lp.vectors,
                            lp.whole,
                            box,
                            corners.work,
                        )
                if proof == questions.OPEN:
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
                        layer,
                        u,
                        lp.basis,
                        lp.vectors,
                        d,
                    )
                    if sign != 0:
                        proof, upper = questions.PROVED + 1, sign > 0
                if proof == questions.OPEN:
                    if not _hold_a_point(tree, lp, corners, box, f, d):
                        return False
                    if has_side:
                        proof = _prove_by_program(tree, lp, box, f, u, factor, d)
                    if proof <= questions.FOUND and is_open:
                        _ask(counters, ASK_SIGNS, f, u)
                        return False
                    if proof <= questions.FOUND or proof == questions.OPEN:
                        _ask(counters, ASK_UNIT, f, u)
                        return False
                records.write_drop(
                    counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, u, upper, proof, d
                )
            else:
                counters[RECORDS] += 1
            _take_decision(form, tree, corners, f, u, upper, d)
    node[FRESH] = 0
    frame[PHASE] = SPLIT
    return True


# ---------------------------------------------------------------------- splitting


@merged
def _count_undecided(undecided, f):
    count = 0
    for w in range(undecided.shape[1]):
        left = undecided[f, w]
        while left != NOUGHT:
            left &= left - ONE
            count += 1
    return count


@merged
def _most_even(undecided, f, which, signs, start, end):
    """The undecided switch that divides the vertices most evenly, -1 if there is none; those with open signs last."""
    best, choice = -1, -1
    for w in range(undecided.shape[1]):
        left = undecided[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            if choice < 0 and left == NOUGHT and w + 1 == undecided.shape[1]:
                return 64 * w + number_of(bit)
            plus, minus, unknown = 0, 0, 0
            for i in range(start, end):
                s = which[i, 1]
                if signs[s, PLUS, w] & bit:
                    plus += 1
                elif signs[s, MINUS, w] & bit:
                    minus += 1
                elif signs[s, OPEN, w] & bit:
                    unknown = 1000000
            score = max(0, min(plus, minus) - unknown)
            if score > best:
                best, choice = score, 64 * w + number_of(bit)
    return choice


@kernel
def _add_vertices(
    lines,
    rows,
    r,
    box,
    least,
    d,
    node,
    rows_of,
    f,
    place,
    undecided,
    which,
    masks,
    marks,
    spots,
    signs,
    values,
    ids,
    work,
    whole,
):
    """The vertices that a row adds to a node, on the edges that it cuts, behind the node's own; False without room.

    The signs of the row stand in `marks`, its values in `values`; it is row ``r`` and gets a place.  The switches'
    lines are evaluated at the new vertices.
    """
    start, end = node[V0], node[V1]
    above, below = 0, 0
    for i in range(start, end):
        if marks[i] > 0:
            ids[1, above] = i
            above += 1
        elif marks[i] < 0:
            ids[2, below] = i
            below += 1
    rows_of[f, place] = r
    words = masks.shape[1]
    n, g, s = end, node[SPOTS], node[SIGNS]
    for p in range(above):
        a = ids[1, p]
        for q in range(below):
            b = ids[2, q]
            if not is_edge(masks, a, b, start, end, d):
                continue
            if n + 1 >= masks.shape[0] or g + 1 >= spots.shape[0] or s + 1 >= signs.shape[0]:
                return False
            for w in range(words):
                masks[n, w] = masks[a, w] & masks[b, w]
            masks[n, place >> 6] |= ONE << np.uint64(place & 63)
            which[n, 0], which[n, 1] = g, s
            cut_edge(
                spots,
                which[a, 0],
                which[b, 0],
                values[a, 0],
                values[a, 1],
                -values[b, 0],
                values[b, 1],
                g,
                d,
                box,
            )
            refined = 0
            if not spots[g, d] < COARSE:
                k = list_tight(masks, n, rows_of, f, ids)
                locate(rows, ids, k, d, box, least, spots, g, work)
                refined = 1
            wanted = NOUGHT
            t, v = which[a, 1], which[b, 1]
            for w in range(signs.shape[2]):
                plus, minus = signs[t, PLUS, w] | signs[v, PLUS, w], signs[t, MINUS, w] | signs[v, MINUS, w]
                unknown = signs[t, OPEN, w] | signs[v, OPEN, w]
                signs[s, PLUS, w] = plus & ~minus & ~unknown
                signs[s, MINUS, w] = minus & ~plus & ~unknown
                signs[s, OPEN, w] = ((plus & minus) | unknown) & undecided[f, w]
                wanted |= signs[s, OPEN, w]
            if wanted != NOUGHT:
                write_signs(
                    lines,
                    rows,
                    rows_of,
                    f,
                    masks,
                    n,
                    d,
                    box,
                    least,
                    spots,
                    g,
                    signs,
                    s,
                    ids,
                    work,
                    whole,
                    refined,
                )
            n, g, s = n + 1, g + 1, s + 1
    node[V2], node[NEXT] = n, 0
    node[SPOTS], node[SIGNS] = g, s
    return True


@merged
def _mark(lines, u, d, which, spots, signs, marks, values, start, end, least):
    """Signs and values of a switch at a node's vertices; False if one is open."""
    w, bit = u >> 6, ONE << np.uint64(u & 63)
    for i in range(start, end):
        g, s = which[i, 0], which[i, 1]
        if signs[s, OPEN, w] & bit:
            return False
        marks[i] = 1 if signs[s, PLUS, w] & bit else -1 if signs[s, MINUS, w] & bit else 0
        write_value(lines, u, d, spots, g, values, i, least)
    return True


@merged
def write_value(lines, u, d, spots, g, values, i, least):
    """Value of a line at a vertex and a bound of its error."""
    value = lines[u, 0]
    for j in range(d):
        value += lines[u, 1 + j] * spots[g, j]
    values[i, 0] = value
    values[i, 1] = (
        lines[u, d + 1] + ((d + 3) * U + spots[g, d] / least * (1.0 + 1e-9)) * lines[u, d + 2] + TINY
    )


@inlined
def _split(form, tree, lp, out, corners, box, f, d):
    """Choose the switch to split by, and find the new vertices; False if a question is left open."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    lines = tree.lines[frame[LAYER]]
    u = _most_even(corners.undecided, f, corners.which, corners.signs, node[V0], node[V1])
    least = _least_radius(box)
    if not _mark(
        lines,
        u,
        d,
        corners.which,
        corners.spots,
        corners.signs,
        corners.marks,
        corners.values,
        node[V0],
        node[V1],
        least,
    ):
        _ask(counters, ASK_SIGNS, f, u)
        return False
    place = free_place(corners.used, f)
    if place < 0:
        counters[QUESTION] = WIDEN
        return False
    _write_row(tree.rows, frame[ROWS], lines, u, 1.0, d)
    w, bit = u >> 6, ONE << np.uint64(u & 63)
    corners.undecided[f, w] ^= bit
    if not _add_vertices(
        lines,
        tree.rows,
        frame[ROWS],
        box,
        least,
        d,
        node,
        corners.rows_of,
        f,
        place,
        corners.undecided,
        corners.which,
        corners.masks,
        corners.marks,
        corners.spots,
        corners.signs,
        corners.values,
        corners.ids,
        corners.work,
        lp.whole,
    ):
        corners.undecided[f, w] |= bit
        counters[QUESTION] = GROW
        return False
    frame[UNIT], node[PLACE] = u, place
    frame[UP0] = frame[UP1] = frame[P1]
    records.write_split(counters, out.codes, u)
    return True


@merged
def _give_vertices(nodes, rows_of, used, undecided, which, masks, signs, f, u, sign, r):
    """The vertices, facets and switches of a child on one side of its parent's switch; True if facets were lost."""
    parent, child = nodes[f], nodes[f + 1]
    place = parent[PLACE]
    words, bit = masks.shape[1], ONE << np.uint64(u & 63)
    own, other = (PLUS, MINUS) if sign > 0 else (MINUS, PLUS)
    n = parent[V2]
    for w in range(words):
        used[f + 1, w] = NOUGHT
    for i in range(parent[V0], parent[V1]):
        if signs[which[i, 1], own, u >> 6] & bit:
            which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
            for w in range(words):
                masks[n, w] = masks[i, w]
                used[f + 1, w] |= masks[i, w]
            n += 1
    lost = False
    for w in range(words):
        lost = lost or used[f + 1, w] != used[f, w]
    here = ONE << np.uint64(place & 63)
    used[f + 1, place >> 6] |= here
    for i in range(parent[V0], parent[V1]):
        if not (signs[which[i, 1], own, u >> 6] | signs[which[i, 1], other, u >> 6]) & bit:
            which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
            for w in range(words):
                masks[n, w] = masks[i, w] & used[f + 1, w]
            masks[n, place >> 6] |= here
            n += 1
    for i in range(parent[V1], parent[V2]):
        which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
        for w in range(words):
            masks[n, w] = masks[i, w]
        n += 1
    child[V0], child[V1], child[V2] = parent[V2], n, n
    child[SPOTS], child[SIGNS], child[FRESH] = parent[SPOTS], parent[SIGNS], 0
    for p in range(rows_of.shape[1]):
        rows_of[f + 1, p] = rows_of[f, p]
    rows_of[f + 1, place] = r
    for w in range(undecided.shape[1]):
        undecided[f + 1, w] = undecided[f, w]
    return lost


@inlined
def _push_side(form, tree, corners, f, upper, d):
    """Make the lower or upper child of a split node the top of the stack; False without room."""
    parent, child, node = tree.frames[f], tree.frames[f + 1], corners.nodes[f]
    layer, u, r = parent[LAYER], parent[UNIT], parent[ROWS]
    if 2 * node[V2] - node[V0] + 1 >= corners.masks.shape[0]:
        tree.counters[QUESTION] = GROW
        return False
    child[LAYER], child[GROUP] = layer, parent[GROUP]
    tree.shares[2 + f] = 0.5 * tree.shares[1 + f]
    child[U0] = child[U1] = parent[U1]
    child[P0] = child[P1] = parent[UP1]
    child[SLOTS], child[ROWS], child[POSITION] = parent[SLOTS], r + 1, parent[U1]
    count = parent[A1] - parent[A0]
    for i in range(count):
        tree.lists[ACTIVE, parent[A1] + i] = tree.lists[ACTIVE, parent[A0] + i]
    child[A0], child[A1] = parent[A1], parent[A1] + count + 1
    tree.lists[ACTIVE, parent[A1] + count] = r
    for i in range(count + 1):
        tree.lists[OUTER, parent[A1] + i] = -1  # no points are handed down
    for w in range(tree.bits.shape[1]):
        tree.bits[f + 1, w] = tree.bits[f, w]
    tree.counters[TOP], tree.counters[READY] = f + 1, -1
    if upper:
        set_bit(tree.bits, f + 1, form.switch_bits[layer, u])
    for j in range(d + 1):
        tree.rows[r, j] = -tree.rows[r, j]  # as `_split` wrote it, then as the other side has it
    tree.flips[r, 0], tree.flips[r, 1] = form.switch_bits[layer, u], -1
    tree.origins[r] = 2 * layer + (1 if upper else 0)
    tree.spans[0, layer] = -1
    if needs_lines(form.sizes, layer):
        for i in range(form.sizes[layer + 1, 0]):
            for j in range(d + 5):
                tree.sums[f + 1, i, j] = tree.sums[f, i, j]
        if upper:
            accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, u, u, d)
    lost = _give_vertices(
        corners.nodes,
        corners.rows_of,
        corners.used,
        corners.undecided,
        corners.which,
        corners.masks,
        corners.signs,
        f,
        u,
        1 if upper else -1,
        r,
    )
    child[PHASE] = TEST
    if lost and tree.counters[FACETS]:
        child[PHASE], child[POSITION] = LOSING, child[A0]
    return True


# ---------------------------------------------------------------------- rows that became redundant


@inlined
def _write_rows(tree, lp, f, d):
    """List the node's rows, with nothing known about them."""
    frame = tree.frames[f]
    m = 2 * d + frame[A1] - frame[A0]
    for i in range(m):
        lp.basis[CHOSEN, i] = i if i < 2 * d else tree.lists[ACTIVE, frame[A0] + i - 2 * d]
        lp.basis[STATE, i] = 0
    return m


@inlined
def _seek_beyond(tree, lp, box, f, i, m, d):
    """Ask a linear program whether row ``i`` of those listed is a facet; the node holds a point."""
    frame, counters = tree.frames[f], tree.counters
    if counters[READY] != f:
        for p in range(frame[P0], frame[P1]):
            slot = tree.lists[HELD, p]
            if tree.point_ids[slot] < 0:
                simplex.start(tree.rows, m, d, tree.points, slot, lp.table, lp.basis)
                counters[READY], counters[ORIGIN] = f, slot
                break
    found = questions.OPEN
    if counters[READY] == f:
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
            tree.spans,
            tree.origins,
        )
    return found


@inlined
def _drop_row(tree, f, position):
    """Take a row out of use."""
    frame = tree.frames[f]
    for p in range(position, frame[A1] - 1):
        tree.lists[ACTIVE, p] = tree.lists[ACTIVE, p + 1]
    frame[A1] -= 1
    tree.counters[READY] = -1
    tree.counters[RECORDS] += 1


@inlined
def _lose_rows(tree, lp, out, corners, box, domain_rows, f, d):
    """Write why each row is redundant that is a facet no more; False if a question is left open."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    answer = counters[ANSWER]
    counters[ANSWER] = NONE
    if answer == IS_REDUNDANT:
        _drop_row(tree, f, frame[POSITION])
    for position in range(frame[POSITION], frame[A1]):
        corners.ids[1, tree.lists[ACTIVE, position]] = 0
    for w in range(corners.used.shape[1]):
        left = corners.used[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            corners.ids[1, corners.rows_of[f, 64 * w + number_of(bit)]] = 1
    while frame[POSITION] < frame[A1]:
        r = tree.lists[ACTIVE, frame[POSITION]]
        if r < domain_rows or corners.ids[1, r] == 1:
            frame[POSITION] += 1
            continue
        proof = questions.OPEN
        if counters[PROOF]:
            if 1e-200 < tree.rows[r, d + 5] < 1e200:
                v = lowest_vertex(tree.rows, r, 1.0, d, corners.which, corners.spots, node[V0], node[V1])
                k = list_tight(corners.masks, v, corners.rows_of, f, corners.ids)
                proof = prove_at(
                    tree.rows,
                    r,
                    -1.0,
                    tree.rows,
                    corners.ids,
                    k,
                    d,
                    lp.basis,
                    lp.vectors,
                    lp.whole,
                    box,
                    corners.work,
                )
            if proof == questions.OPEN:
                if not _hold_a_point(tree, lp, corners, box, f, d):
                    return False
                m = _write_rows(tree, lp, f, d)
                i = 2 * d + frame[POSITION] - frame[A0]
                counters[READY] = -1
                proof = _seek_beyond(tree, lp, box, f, i, m, d)
                if proof == questions.OPEN or proof <= questions.FOUND:
                    _ask(counters, ASK_FACET, f, i)
                    return False
            records.write_prune(counters, out.codes, out.reals, tree.rows, lp.basis, lp.vectors, r, proof, d)
        _drop_row(tree, f, frame[POSITION])
    frame[PHASE], frame[POSITION] = TEST, frame[U0]
    return True


# ---------------------------------------------------------------------- layers and cells


@inlined
def _begin_layer(form, tree, lp, corners, box, f, d):
    """Lines of the present layer, and their signs at the vertices; False without room, or for a question."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    layer, count = frame[LAYER], node[V1] - node[V0]
    if node[SPOTS] + count + 1 >= corners.spots.shape[0] or node[SIGNS] + count + 1 >= corners.signs.shape[0]:
        counters[QUESTION] = GROW
        return False
    write_spans(form, tree, f, layer)
    if not take_lines(form, tree, box, f, layer, d):
        return False
    if needs_lines(form.sizes, layer):
        _begin_sums(form, tree.sums, f, tree.lines[layer], layer, d)
    frame[P1] = frame[P0]
    frame[U1] = frame[U0]
    counters[READY] = -1
    n = form.sizes[layer, 1]
    for w in range(corners.undecided.shape[1]):
        corners.undecided[f, w] = NOUGHT
    for u in range(n):
        corners.undecided[f, u >> 6] |= ONE << np.uint64(u & 63)
    least = _least_radius(box)
    for i in range(node[V0], node[V1]):
        g, s = node[SPOTS], node[SIGNS]
        for j in range(d + 1):
            corners.spots[g, j] = corners.spots[corners.which[i, 0], j]
        corners.which[i, 0], corners.which[i, 1] = g, s
        node[SPOTS], node[SIGNS] = g + 1, s + 1
        for w in range(corners.undecided.shape[1]):
            corners.signs[s, PLUS, w] = corners.signs[s, MINUS, w] = NOUGHT
            corners.signs[s, OPEN, w] = corners.undecided[f, w]
        write_signs(
            tree.lines[layer],
            tree.rows,
            corners.rows_of,
            f,
            corners.masks,
            i,
            d,
            box,
            least,
            corners.spots,
            g,
            corners.signs,
            s,
            corners.ids,
            corners.work,
            lp.whole,
            0,
        )
    frame[GROUP] = 0
    node[FRESH] = 1
    frame[POSITION] = frame[U0]
    frame[PHASE] = TEST
    return True


@inlined
def _end_layer(form, tree, f):
    """All switches are decided: groups next, then the next layer, then the cell."""
    frame = tree.frames[f]
    layer = frame[LAYER]
    if frame[GROUP] < form.sizes[layer, 2]:
        frame[PHASE], frame[POSITION] = CHOOSING, 0
    elif layer + 1 < form.sizes.shape[0] - 1:
        frame[LAYER] = layer + 1
        frame[PHASE] = NEW_LAYER
    else:
        frame[PHASE] = CELL


@inlined
def _choose(form, contests, tree, lp, out, corners, box, f, d):
    """Decide the next candidate of a group; False if a question is left open, or without room."""
    node = corners.nodes[f]
    if not _hold_a_point(tree, lp, corners, box, f, d):
        return False
    if 2 * node[V1] - node[V0] + 1 >= corners.masks.shape[0]:
        tree.counters[QUESTION] = GROW
        return False
    outcome = proceed(form, contests, tree, lp, out, box, f, d)
    if outcome == PUSHED:
        _adopt(tree, corners, f)
    return outcome != STOPPED


@inlined
def _adopt(tree, corners, f):
    """Give the child that a group has made the vertices of its parent, to be clipped by its new rows."""
    parent, child, frame = corners.nodes[f], corners.nodes[f + 1], tree.frames[f + 1]
    n = parent[V1]
    for i in range(parent[V0], parent[V1]):
        corners.which[n, 0], corners.which[n, 1] = corners.which[i, 0], corners.which[i, 1]
        for w in range(corners.masks.shape[1]):
            corners.masks[n, w] = corners.masks[i, w]
        n += 1
    for k in range(NODE):
        child[k] = parent[k]
    child[V0], child[V1], child[V2], child[NEXT] = parent[V1], n, n, tree.frames[f, ROWS]
    for p in range(corners.rows_of.shape[1]):
        corners.rows_of[f + 1, p] = corners.rows_of[f, p]
    for w in range(corners.used.shape[1]):
        corners.used[f + 1, w] = corners.used[f, w]
    for w in range(corners.undecided.shape[1]):
        corners.undecided[f + 1, w] = corners.undecided[f, w]
    for i in range(frame[A0], frame[A1]):
        tree.lists[OUTER, i] = -1
    frame[UNIT] = LOSING if tree.counters[FACETS] else TEST
    frame[PHASE] = CLIPPING


@inlined
def _end_cell(tree, lp, out, corners, box, domain_rows, f, d):
    """Put a finished cell out; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    if not _hold_a_point(tree, lp, corners, box, f, d):
        return False
    slot = tree.lists[HELD, frame[P0]]
    for i in range(frame[P0], frame[P1]):
        if tree.point_ids[tree.lists[HELD, i]] < 0:
            slot = tree.lists[HELD, i]
            break
    number = tree.point_ids[slot]
    if number >= 0 and counters[ANSWER] == NONE:
        _ask(counters, ASK_CELL, f, number)
        return False
    counters[ANSWER] = NONE
    records.write_cell(tree.counters, out, tree.bits, f, tree.points, slot, number, box, d)
    tree.shares[0] += tree.shares[1 + f]
    frame[POSITION] = 2 * d
    frame[PHASE] = FACET_ROWS if counters[FACETS] else POP
    if counters[FACETS]:
        m = _write_rows(tree, lp, f, d)
        counters[READY] = -1
        if counters[PROOF] and number < 0:
            node = corners.nodes[f]
            find_outer_points(
                tree.rows,
                corners.rows_of,
                corners.used,
                f,
                lp.basis,
                lp.vectors,
                m,
                d,
                box,
                tree.points,
                slot,
                corners.which,
                corners.masks,
                corners.spots,
                node[V0],
                node[V1],
                lp.outer,
                domain_rows,
                corners.ids,
                corners.work,
            )
    return True


@inlined
def _facet_rows(tree, lp, out, box, domain_rows, f, d):
    """Write the facets of a cell; False if a question is left open."""
    frame, counters = tree.frames[f], tree.counters
    m = 2 * d + frame[A1] - frame[A0]
    while frame[POSITION] < m:
        i = frame[POSITION]
        r = lp.basis[CHOSEN, i]
        if r >= domain_rows:
            answer, found = counters[ANSWER], questions.OPEN
            counters[ANSWER] = NONE
            if answer == IS_FACET or lp.basis[STATE, i] == 1 or not counters[PROOF]:
                found = questions.FOUND
            else:
                found = _seek_beyond(tree, lp, box, f, i, m, d)
            if found != questions.FOUND:
                _ask(counters, ASK_FACET, f, i)
                return False
            lp.basis[STATE, i] = 1
            records.write_facet(counters, out, tree.flips, lp.outer, i, r, box, answer != NONE, d)
        frame[POSITION] += 1
    frame[PHASE] = POP
    return True


# ---------------------------------------------------------------------- cutting a node off by a row


@inlined
def _clip(tree, lp, corners, box, f, d):
    """Cut the node's vertices off by its next row, of which the incidences do not know yet; False for a question."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    r, start, end = node[NEXT], node[V0], node[V1]
    if r >= frame[ROWS]:
        node[NEXT] = 0
        frame[PHASE] = frame[UNIT]
        frame[POSITION] = frame[A0] if frame[PHASE] == LOSING else frame[U0]
        return True
    is_used = False
    for position in range(frame[A0], frame[A1]):
        is_used = is_used or tree.lists[ACTIVE, position] == r
    if not is_used:
        node[NEXT] = r + 1
        return True
    place = free_place(corners.used, f)
    if place < 0:
        counters[QUESTION] = WIDEN
        return False
    least = _least_radius(box)
    answer = counters[ANSWER]
    counters[ANSWER] = NONE
    is_clear = True
    for i in range(start, end):
        g = corners.which[i, 0]
        if answer == NONE:
            corners.marks[i] = sign_settled(
                tree.rows,
                r,
                tree.rows,
                corners.rows_of,
                f,
                corners.masks,
                i,
                d,
                box,
                least,
                corners.spots,
                g,
                corners.ids,
                corners.work,
                lp.whole,
                1,
            )
            is_clear = is_clear and corners.marks[i] != UNKNOWN
        write_value(tree.rows, r, d, corners.spots, g, corners.values, i, least)
    if not is_clear:
        _ask(counters, ASK_CLIP, f, r)
        return False
    cuts = False
    for i in range(start, end):
        cuts = cuts or corners.marks[i] < 0
    if not cuts:
        node[NEXT] = r + 1
        return True
    if not _add_vertices(
        tree.rows,
        tree.rows,
        r,
        box,
        least,
        d,
        node,
        corners.rows_of,
        f,
        place,
        corners.undecided,
        corners.which,
        corners.masks,
        corners.marks,
        corners.spots,
        corners.signs,
        corners.values,
        corners.ids,
        corners.work,
        lp.whole,
    ):
        counters[QUESTION] = GROW
        counters[ANSWER] = answer
        return False
    _keep_above(corners.used, corners.which, corners.masks, corners.marks, node, f, place)
    node[NEXT] = r + 1
    return True


@merged
def _keep_above(used, which, masks, marks, node, f, place):
    """Keep the vertices that a row leaves, and those it adds; and the facets with a vertex strictly above it."""
    words, here = masks.shape[1], ONE << np.uint64(place & 63)
    for w in range(words):
        used[f, w] = NOUGHT
    for i in range(node[V0], node[V1]):
        if marks[i] > 0:
            for w in range(words):
                used[f, w] |= masks[i, w]
    used[f, place >> 6] |= here
    n = node[V0]
    for i in range(node[V0], node[V2]):
        if i < node[V1] and marks[i] < 0:
            continue
        for w in range(words):
            masks[n, w] = masks[i, w] & used[f, w]
        if i < node[V1] and marks[i] == 0:
            masks[n, place >> 6] |= here
        which[n, 0], which[n, 1] = which[i, 0], which[i, 1]
        n += 1
    node[V1] = node[V2] = n


@inlined
def _has_room(tree, lp, out, corners, f, d):
    """Whether there is room for a step but for new vertices, which are counted as they come; else asks for it."""
    proceeds = has_room(tree, out, f, d)
    if proceeds:
        frame, node = tree.frames[f], corners.nodes[f]
        m = 2 * d + frame[A1] - frame[A0]
        if (
            f + 3 > corners.nodes.shape[0]
            or m + 2 > corners.work.shape[0]
            or corners.rows_of.shape[1] > corners.work.shape[0]
            or tree.rows.shape[0] > corners.ids.shape[1]
            or node[SPOTS] + node[V1] - node[V0] + 2 > corners.spots.shape[0]
            or node[SIGNS] + node[V1] - node[V0] + 2 > corners.signs.shape[0]
        ):
            tree.counters[QUESTION] = GROW
            proceeds = False
    return proceeds


@kernel
def advance_vertices(form, contests, tree, lp, out, corners, box, domain_rows, steps, handed_over):
    """Walk on, as `tree.advance`, until a question stops the walk, it is done, or so many steps were made.

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
            and frame[P0] == frame[P1]
            and counters[ANSWER] == NONE
            and frame[POSITION] == frame[U0]
        ):
            counters[QUESTION] = HAND_OVER
            return HAND_OVER
        proceeds = _has_room(tree, lp, out, corners, f, d)
        if proceeds:
            if phase == TEST:
                frame[POSITION] = -1
                proceeds = _test(form, tree, lp, out, corners, box, f, d)
            elif phase == LOSING:
                proceeds = _lose_rows(tree, lp, out, corners, box, domain_rows, f, d)
            elif phase == SPLIT:
                if _count_undecided(corners.undecided, f) == 0:
                    _end_layer(form, tree, f)
                else:
                    proceeds = _split(form, tree, lp, out, corners, box, f, d)
                    if proceeds:
                        frame[PHASE] = LOWER_DONE
            elif phase == LOWER_DONE or phase == UPPER_DONE:
                proceeds = _push_side(form, tree, corners, f, phase == UPPER_DONE, d)
                if proceeds:
                    frame[PHASE] = UPPER_DONE if phase == LOWER_DONE else POP
            elif phase == NEW_LAYER:
                proceeds = _begin_layer(form, tree, lp, corners, box, f, d)
            elif phase == CLIPPING:
                proceeds = _clip(tree, lp, corners, box, f, d)
            elif phase == CHOOSING:
                proceeds = _choose(form, contests, tree, lp, out, corners, box, f, d)
            elif phase == CELL:
                proceeds = _end_cell(tree, lp, out, corners, box, domain_rows, f, d)
            elif phase == FACET_ROWS:
                proceeds = _facet_rows(tree, lp, out, box, domain_rows, f, d)
            else:
                counters[TOP], counters[READY] = f - 1, -1
        if not proceeds:
            return counters[QUESTION]
    return RUNNING
