"""The region graph from patterns: which cell lies across each facet, and where the affine map does not change.

Across a facet on which one switch alone changes lies the cell whose pattern differs in that switch alone, if there is
such a cell (see `exactcpa.adjacency` for the proof); it is found by its pattern in a hash table.

Main definitions: `fill_table`, `find`, `match_facets`, `classify_edges`, `merge`.

Conventions: a table holds cell numbers, -1 where empty; its length is a power of two.  What goes through all facets
does so for the cells from `first` to before `last`, so that several threads can share the work.

Not here: facets across which more than one unit switches (`adjacency`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import allocating_walk_entry, walk_entry, walk_kernel, walk_merged
from exactcpa.kernels.filters import ABOVE, TINY, U

DIFFERENT, EQUAL, UNKNOWN = 0, 1, 2


@walk_kernel
def _slot(words, mask):
    """Where a pattern's search begins."""
    h = np.uint64(0x9E3779B97F4A7C15)
    for w in range(words.shape[0]):
        h ^= words[w]
        h *= np.uint64(0xBF58476D1CE4E5B9)
        h ^= h >> np.uint64(29)
    h *= np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(32)
    return np.int64(h & np.uint64(mask))


@walk_entry
def fill_table(words, table):
    """Enter all cells; returns the number of a cell whose pattern stands there already, or -1."""
    mask = table.shape[0] - 1
    for i in range(words.shape[0]):
        slot = _slot(words[i], mask)
        while table[slot] >= 0:
            if _is_same(words[table[slot]], words[i]):
                return i
            slot = (slot + 1) & mask
        table[slot] = i
    return -1


@walk_kernel
def _is_same(a, b):
    for w in range(a.shape[0]):
        if a[w] != b[w]:
            return False
    return True


@walk_entry
def find(words, table, key):
    """Number of the cell with a pattern, or -1."""
    mask = table.shape[0] - 1
    slot = _slot(key, mask)
    while table[slot] >= 0:
        if _is_same(words[table[slot]], key):
            return table[slot]
        slot = (slot + 1) & mask
    return -1


@allocating_walk_entry
def match_facets(words, table, starts, flips, neighbours, first, last):
    """For each facet the cell whose pattern differs in the facet's bits alone, or -1."""
    key = np.empty(words.shape[1], np.uint64)
    for i in range(first, last):
        for e in range(starts[i], starts[i + 1]):
            for w in range(words.shape[1]):
                key[w] = words[i, w]
            for b in range(2):
                bit = flips[e, b]
                if bit >= 0:
                    key[bit >> 6] ^= np.uint64(1) << np.uint64(bit & 63)
            neighbours[e] = find(words, table, key)


@walk_entry
def find_one_sided(starts, neighbours, first, last):
    """The first facet that is not seen exactly once from the cell across, or -1."""
    for i in range(first, last):
        for e in range(starts[i], starts[i + 1]):
            j, seen = neighbours[e], 0
            for other in range(starts[j], starts[j + 1]):
                seen += neighbours[other] == i
            if seen != 1 or j == i:
                return e
    return -1


@walk_merged
def _bit(words, i, bit):
    return (words[i, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1)


@walk_merged
def _propagate(form, group_starts, group_bits, group_lines, words, i, layer, jump, next_jump):
    """Carry multiples of one function through a layer of a cell: the next layer's multiples, with bounds."""
    following = layer + 1
    for z in range(form.sizes[following, 0]):
        next_jump[z, 0], next_jump[z, 1], next_jump[z, 2] = 0.0, 0.0, np.inf
    if form.sizes[following, 3]:
        for z in range(form.sizes[following, 0]):
            for k in range(form.sizes[layer, 0]):
                _add(form.base[following, z, k], jump[k], next_jump[z])
    for k in range(form.sizes[layer, 1]):
        if _bit(words, i, form.switch_bits[layer, k]):
            for z in range(form.sizes[following, 0]):
                _add(form.gain[following, k, z], jump[k], next_jump[z])
    for g_number in range(form.sizes[layer, 2]):
        start, end = group_starts[layer, g_number], group_starts[layer, g_number + 1]
        for c in range(start, end):
            if _bit(words, i, group_bits[layer, c]):
                k = group_lines[layer, c]
                for z in range(form.sizes[following, 0]):
                    decision = form.sizes[layer, 1] + g_number
                    _add(form.gain[following, decision, z], jump[k], next_jump[z])


@walk_merged
def _add(g, a, total):
    """Add a product of two numbers with errors and grains to a sum.

    Nothing is added, exactly, where a factor is exactly zero; nothing rounds among exact small multiples of a grain.
    """
    if (g[0] == 0.0 and g[1] == 0.0) or (a[0] == 0.0 and a[1] == 0.0):
        return
    product = g[0] * a[0]
    before = abs(total[0])
    total[0] += product
    total[2] = min(total[2], g[2] * a[2])
    if g[1] == 0.0 and a[1] == 0.0 and total[1] == 0.0 and before + abs(product) < 2.0**52 * total[2]:
        return
    total[1] += abs(g[0]) * a[1] + g[1] * (abs(a[0]) + a[1])
    total[1] = (total[1] + 2.0 * U * (abs(product) + abs(total[0]))) * (1.0 + 4.0 * U) + TINY


@walk_kernel
def _write_weights(form, gains, bases, by_decision):
    """Fill in gains and base entries; whether `_carry_back` may go by them: they are doubles, and there are no groups.

    ``gains[l]`` and ``bases[l]`` hold one contiguous row a line of layer ``l``, ``by_decision[l]`` one a decision.
    """
    for layer in range(1, form.sizes.shape[0]):
        if form.sizes[layer - 1, 2]:
            return False
        for z in range(form.sizes[layer, 0]):
            for k in range(form.sizes[layer - 1, 1]):
                value, error = form.gain[layer, k, z, 0], form.gain[layer, k, z, 1]
                if not error <= 2.0 * U * abs(value):
                    return False
                gains[layer, z, k] = by_decision[layer, k, z] = value
            if form.sizes[layer, 3]:
                for k in range(form.sizes[layer - 1, 0]):
                    value, error = form.base[layer, z, k, 0], form.base[layer, z, k, 1]
                    if not error <= 2.0 * U * abs(value):
                        return False
                    bases[layer, z, k] = value
    return True


@walk_merged
def _carry_back(form, gains, bases, words, i, lowest, factor, shares, doubts):
    """What each line after layer `lowest` shares with the first output on a cell, by layer, and what it may err by.

    A line shares ``s[k] = sum_z weight[z, k] s[z]``, z running over the next layer's lines; let ``E`` bound the errors
    of the ``s[z]``.  Weights are off by a factor within ``1 +- 2 U``, and a sum of m products by factors within
    ``(1 +- U)**(m + 1)``, so that of ``s[k]`` is at most ``sum_z |weight[z, k]| (E[z] + (m + 4) U |s[z]|)``, but for
    underflow and products of errors.  ``doubts[l, z]`` is the bracket; `factor` is at least ``(m + 4) U``.
    """
    for layer in range(form.sizes.shape[0] - 2, lowest, -1):
        here, doubt, after, doubt_after = shares[layer], doubts[layer], shares[layer + 1], doubts[layer + 1]
        n, switches = form.sizes[layer, 0], form.sizes[layer, 1]
        for k in range(n):
            here[k] = doubt[k] = 0.0
        for z in range(form.sizes[layer + 1, 0]):
            share, most = after[z], doubt_after[z]
            if share == 0.0 and most == 0.0:
                continue
            for k in range(switches):
                weight = gains[layer + 1, z, k]
                here[k] += weight * share
                doubt[k] += abs(weight) * most
        for k in range(switches):
            is_upper = float(_bit(words, i, form.switch_bits[layer, k]))
            here[k] *= is_upper
            doubt[k] = (doubt[k] + TINY) * is_upper
        if form.sizes[layer + 1, 3]:
            for z in range(form.sizes[layer + 1, 0]):
                share, most = after[z], doubt_after[z]
                for k in range(n):
                    weight = bases[layer + 1, z, k]
                    here[k] += weight * share
                    doubt[k] += abs(weight) * most
            for k in range(n):
                doubt[k] += TINY
        for k in range(n):
            doubt[k] = doubt[k] * ABOVE + factor * abs(here[k])


@walk_merged
def _change(by_decision, layer, k, shares, doubts, n):
    """A decision's gains times the shares of a layer's lines, and what that may err by.

    Four sums of both, which need not wait for one another.
    """
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    e0, e1, e2, e3, z = 0.0, 0.0, 0.0, 0.0, 0
    while z + 3 < n:
        a, b = by_decision[layer, k, z], by_decision[layer, k, z + 1]
        c, d = by_decision[layer, k, z + 2], by_decision[layer, k, z + 3]
        s0 += a * shares[layer, z]
        s1 += b * shares[layer, z + 1]
        s2 += c * shares[layer, z + 2]
        s3 += d * shares[layer, z + 3]
        e0 += abs(a) * doubts[layer, z]
        e1 += abs(b) * doubts[layer, z + 1]
        e2 += abs(c) * doubts[layer, z + 2]
        e3 += abs(d) * doubts[layer, z + 3]
        z += 4
    while z < n:
        s0 += by_decision[layer, k, z] * shares[layer, z]
        e0 += abs(by_decision[layer, k, z]) * doubts[layer, z]
        z += 1
    return (s0 + s1) + (s2 + s3), ((e0 + e1) + (e2 + e3)) * ABOVE + TINY


@allocating_walk_entry
def classify_edges(
    form,
    group_starts,
    group_bits,
    group_lines,
    bit_layers,
    bit_decisions,
    words,
    starts,
    flips,
    neighbours,
    simple,
    verdicts,
    first,
    last,
):
    """For each facet ``i -> j`` with ``i < j`` whether the output map is the same on both sides.

    Across a facet with one switching unit the maps differ by multiples of the switching function; the multiples start
    as the unit's gains and are carried to the output through the decisions both cells share.

    Most differ in the first output beyond all rounding: it is looked at from the output's side, where a cell's facets
    share the work (`_carry_back`).  Only the others' multiples are carried with bounds of their own.
    """
    n = form.constant.shape[1]
    jump, next_jump = np.zeros((n, 3)), np.zeros((n, 3))
    output, has_bases = form.sizes.shape[0] - 1, False
    for layer in range(1, output + 1):
        has_bases = has_bases or form.sizes[layer, 3] != 0
    by_decision = np.zeros(form.gain.shape[:3])
    gains = np.zeros((output + 1, n, form.gain.shape[1]))
    bases = np.zeros((output + 1, n, n) if has_bases else (0, 0, 0))
    is_rough = output > 0 and _write_weights(form, gains, bases, by_decision)
    shares, doubts, factor = np.zeros((output + 1, n)), np.zeros((output + 1, n)), (2 * n + 8) * U
    shares[output, 0], doubts[output, 0] = 1.0, factor
    for i in range(first, last):
        lowest = output
        for e in range(starts[i], starts[i + 1]):
            lowest = min(lowest, bit_layers[flips[e, 0]])
        if is_rough:
            _carry_back(form, gains, bases, words, i, lowest, factor, shares, doubts)
        for e in range(starts[i], starts[i + 1]):
            if neighbours[e] < i:
                continue
            if not simple[e]:
                verdicts[e] = UNKNOWN
                continue
            layer, decision = bit_layers[flips[e, 0]], bit_decisions[flips[e, 0]]
            if is_rough:
                lines = form.sizes[layer + 1, 0]
                change, doubt = _change(by_decision, layer + 1, decision, shares, doubts, lines)
                if abs(change) > doubt:
                    verdicts[e] = DIFFERENT
                    continue
            for z in range(form.sizes[layer + 1, 0]):
                jump[z] = form.gain[layer + 1, decision, z]
            for following in range(layer + 1, output):
                _propagate(form, group_starts, group_bits, group_lines, words, i, following, jump, next_jump)
                jump[:] = next_jump
            verdicts[e] = _verdict(jump, form.sizes[output, 0])


@walk_kernel
def _verdict(jump, outputs):
    equal = True
    for z in range(outputs):
        if abs(jump[z, 0]) > jump[z, 1]:
            return DIFFERENT
        if jump[z, 0] != 0.0 or jump[z, 1] != 0.0:
            equal = False
    return EQUAL if equal else UNKNOWN


@allocating_walk_entry
def merge(starts, neighbours, verdicts, labels):
    """Number the classes of cells joined by facets of verdict `EQUAL`, by first appearance; returns how many."""
    n = labels.shape[0]
    parent = np.arange(n)
    for i in range(n):
        for e in range(starts[i], starts[i + 1]):
            if neighbours[e] > i and verdicts[e] == EQUAL:
                a, b = _root(parent, i), _root(parent, neighbours[e])
                if a != b:
                    parent[max(a, b)] = min(a, b)
    count = 0
    for i in range(n):
        root = _root(parent, i)
        if root == i:
            labels[i] = count
            count += 1
        else:
            labels[i] = labels[root]
    return count


@walk_kernel
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
