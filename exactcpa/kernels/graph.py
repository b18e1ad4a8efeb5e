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
from exactcpa.kernels.filters import TINY, U

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
def _rough_errors(form, table, errors):
    """Fill in gains, and errors of what each decision changes in the first output; whether the network is fit for it.

    What decision k of layer l changes is a sum over chains of products of gains, ``sum_z gain[l + 1, k, z] s[z]``,
    where ``s[z]`` is what line z of layer l + 1 shares with the output: the same sum one layer on where z is a switch
    that is upper, else zero.  Let ``m`` be that sum with absolute values and all switches upper.  A gain is off by a
    factor within ``1 +- 2 U``, a sum of n products by factors within ``(1 +- U)**n``, and so in each layer the error
    grows by at most ``(n + 3) U m`` times ``1 + h`` with h below 2**-20 for all layers together.  The m that is
    computed is off by no more.
    Nothing underflows: gains are of size 2**-40 to 2**40, so multiples of 2**-93, and within 10 layers all that is
    computed is a multiple of 2**-930 and below 2**600.
    """
    last = form.sizes.shape[0] - 1
    if last > 10 or form.gain.shape[2] > 2**20:
        return False
    for layer in range(1, last + 1):
        if form.sizes[layer - 1, 2] or (layer > 1 and form.sizes[layer, 3]):
            return False
        for k in range(form.sizes[layer - 1, 1]):
            for z in range(form.sizes[layer, 0]):
                value, error = form.gain[layer, k, z, 0], form.gain[layer, k, z, 1]
                size = abs(value)
                if size == 0.0 and error == 0.0:
                    continue
                if not 2.0**-40 < size < 2.0**40 or not error <= 2.0 * U * size:
                    return False
                table[layer, k, z] = value
    factor = 0.0
    for layer in range(last, 0, -1):
        factor += (form.sizes[layer, 0] + 3.0) * U * 1.01
        for k in range(form.sizes[layer - 1, 1]):
            total = 0.0
            for z in range(form.sizes[layer, 0]):
                if layer == last:
                    total += abs(table[layer, k, z]) * (1.0 if z == 0 else 0.0)
                elif z < form.sizes[layer, 1]:
                    total += abs(table[layer, k, z]) * errors[layer + 1, z]
            errors[layer, k] = total
    for layer in range(1, last + 1):
        for k in range(form.sizes[layer - 1, 1]):
            errors[layer, k] *= factor * 1.01
    return True


@walk_merged
def _carry_back(form, across, words, i, lowest, shares):
    """What each line after layer `lowest` shares with the first output on a cell, by layer.

    ``across[l]`` holds the gains of layer ``l``, one contiguous row a line.
    """
    for layer in range(form.sizes.shape[0] - 2, lowest, -1):
        here, after, gains = shares[layer], shares[layer + 1], across[layer + 1]
        switches = form.sizes[layer, 1]
        for k in range(form.sizes[layer, 0]):
            here[k] = 0.0
        for z in range(form.sizes[layer + 1, 0]):
            share = after[z]
            for k in range(switches):
                here[k] += gains[z, k] * share
        for k in range(switches):
            here[k] *= float(_bit(words, i, form.switch_bits[layer, k]))


@walk_merged
def _dot(table, layer, k, shares, n):
    """A decision's gains times the shares of a layer's lines: four sums, which need not wait for one another."""
    s0, s1, s2, s3, z = 0.0, 0.0, 0.0, 0.0, 0
    while z + 3 < n:
        s0 += table[layer, k, z] * shares[layer, z]
        s1 += table[layer, k, z + 1] * shares[layer, z + 1]
        s2 += table[layer, k, z + 2] * shares[layer, z + 2]
        s3 += table[layer, k, z + 3] * shares[layer, z + 3]
        z += 4
    while z < n:
        s0 += table[layer, k, z] * shares[layer, z]
        z += 1
    return (s0 + s1) + (s2 + s3)


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
    share the work, with the errors of `_rough_errors`.  Only the others' multiples are carried with bounds of their
    own.
    """
    n = form.constant.shape[1]
    jump, next_jump = np.zeros((n, 3)), np.zeros((n, 3))
    output = form.sizes.shape[0] - 1
    table, errors = np.zeros(form.gain.shape[:3]), np.full(form.gain.shape[:2], np.inf)
    is_rough = output > 0 and _rough_errors(form, table, errors)
    across = np.ascontiguousarray(table.transpose((0, 2, 1)))
    shares = np.zeros((output + 1, n))
    shares[output, 0] = 1.0
    for i in range(first, last):
        lowest = output
        for e in range(starts[i], starts[i + 1]):
            lowest = min(lowest, bit_layers[flips[e, 0]])
        if is_rough:
            _carry_back(form, across, words, i, lowest, shares)
        for e in range(starts[i], starts[i + 1]):
            if neighbours[e] < i:
                continue
            if not simple[e]:
                verdicts[e] = UNKNOWN
                continue
            layer, decision = bit_layers[flips[e, 0]], bit_decisions[flips[e, 0]]
            if is_rough:
                change = _dot(table, layer + 1, decision, shares, form.sizes[layer + 1, 0])
                if abs(change) > errors[layer + 1, decision]:
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
