"""A node is split: the switch to split by, and the new vertices on the edges that it cuts.

Main definitions: `split`, `add_vertices`, `has_undecided`, `write_value`.

Conventions: new vertices stand behind the node's own until both sides are made.

Not here: the two sides (`vertex_sides`), edges and positions (`vertices`).
"""

from __future__ import annotations

from math import frexp, ldexp

import numpy as np

from exactcpa.kernels import inlined, walk_merged
from exactcpa.kernels.bits import NOUGHT, ONE, number_of
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.state import GROW, LAYER, P1, QUESTION, RADIUS, ROWS, UNIT, UP0, UP1
from exactcpa.kernels.vert_state import (
    ASK_SIGNS,
    MINUS,
    NEXT,
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
from exactcpa.kernels.vertex_inlets import write_split
from exactcpa.kernels.vertex_points import ask
from exactcpa.kernels.vertices import (
    COARSE,
    cut_edge,
    free_place,
    is_edge,
    list_tight,
    locate,
    write_signs,
)


@walk_merged
def least_radius(box):
    """The least of the coordinates' largest values."""
    least = np.inf
    for j in range(box.shape[1]):
        least = min(least, box[RADIUS, j])
    return least


@walk_merged
def write_row(rows, r, lines, u, factor, d):
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


@walk_merged
def has_undecided(undecided, f, switch_words):
    """Whether a switch is undecided."""
    for w in range(switch_words):
        if undecided[f, w] != NOUGHT:
            return True
    return False


@walk_merged
def _most_even(undecided, f, which, signs, start, end, switch_words):
    """The undecided switch that divides the vertices most evenly, -1 if there is none; those with open signs last."""
    best, choice = -1, -1
    for w in range(switch_words):
        left = undecided[f, w]
        while left != NOUGHT:
            bit = left & (~left + ONE)
            left ^= bit
            if choice < 0 and left == NOUGHT and w + 1 == switch_words:
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
                if best == (end - start) // 2:
                    return choice
    return choice


@walk_merged
def add_vertices(
    lines,
    rows,
    r,
    box,
    least,
    d,
    words,
    switch_words,
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
    n, g, s = end, node[SPOTS], node[SIGNS]
    for p in range(above):
        a = ids[1, p]
        for q in range(below):
            b = ids[2, q]
            if not is_edge(masks, a, b, start, end, d, words):
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
                k = list_tight(masks, n, rows_of, f, ids, words)
                locate(rows, ids, k, d, box, least, spots, g, work)
                refined = 1
            wanted = NOUGHT
            t, v = which[a, 1], which[b, 1]
            for w in range(switch_words):
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
                    words,
                    switch_words,
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


@walk_merged
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


@walk_merged
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
def split(form, tree, lp, out, corners, box, f, d, words, switch_words):
    """Choose the switch to split by, and find the new vertices; False if a question is left open."""
    frame, counters, node = tree.frames[f], tree.counters, corners.nodes[f]
    lines = tree.lines[frame[LAYER]]
    u = _most_even(corners.undecided, f, corners.which, corners.signs, node[V0], node[V1], switch_words)
    least = least_radius(box)
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
        ask(counters, ASK_SIGNS, f, u)
        return False
    place = free_place(corners.used, f, words)
    if place < 0:
        counters[QUESTION] = WIDEN
        return False
    write_row(tree.rows, frame[ROWS], lines, u, 1.0, d)
    w, bit = u >> 6, ONE << np.uint64(u & 63)
    corners.undecided[f, w] ^= bit
    if not add_vertices(
        lines,
        tree.rows,
        frame[ROWS],
        box,
        least,
        d,
        words,
        switch_words,
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
    write_split(counters, out.codes, u)
    return True
