"""Cells found by their patterns where not all fit into memory: a hash table in regions, one at a time.

A pattern's slot is that of `kernels.graph`; the table is cut into regions of ``2**shift`` slots, and a search that
comes to the end of a region goes on at its beginning.  So the cells of one region can be found without the others.

Main definitions: `count_regions`, `gather`, `fill_region`, `match_region`, `find_in_regions`, `find_one_sided`,
`join_equal`, `number`.

Conventions: `mask` is the whole table's; a region's own table holds places in `ids`, -1 where empty.

Not here: the order of the passes (`adjacency_on_disk`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.kernels import allocating_entry, entry
from exactcpa.kernels.graph import EQUAL, _is_same, _root, _slot


@entry
def count_regions(words, mask, shift, counts):
    """Add the number of cells in every region."""
    for i in range(words.shape[0]):
        counts[_slot(words[i], mask) >> shift] += 1


@entry
def gather(words, first, mask, shift, region, ids, copies, count):
    """Append the cells of a region, numbers and patterns; returns how many there are now."""
    for i in range(words.shape[0]):
        if _slot(words[i], mask) >> shift == region:
            ids[count] = first + i
            for w in range(words.shape[1]):
                copies[count, w] = words[i, w]
            count += 1
    return count


@entry
def fill_region(copies, count, mask, table):
    """Enter the cells of a region into its table; returns the place of one whose pattern is there already, or -1."""
    wrap = table.shape[0] - 1
    for i in range(count):
        slot = _slot(copies[i], mask) & wrap
        while table[slot] >= 0:
            if _is_same(copies[table[slot]], copies[i]):
                return i
            slot = (slot + 1) & wrap
        table[slot] = i
    return -1


@allocating_entry
def match_region(words, starts, flips, mask, shift, region, ids, copies, table, neighbours):
    """For each facet whose pattern across is of the region the cell that has it; others stay as they are.

    `starts`, `flips` and `neighbours` are those of the cells in `words`; `starts` may begin anywhere.
    """
    wrap = table.shape[0] - 1
    key = np.empty(words.shape[1], np.uint64)
    for i in range(words.shape[0]):
        for e in range(starts[i] - starts[0], starts[i + 1] - starts[0]):
            for w in range(words.shape[1]):
                key[w] = words[i, w]
            for b in range(2):
                bit = flips[e, b]
                if bit >= 0:
                    key[bit >> 6] ^= np.uint64(1) << np.uint64(bit & 63)
            slot = _slot(key, mask)
            if slot >> shift != region:
                continue
            slot &= wrap
            while table[slot] >= 0:
                if _is_same(copies[table[slot]], key):
                    neighbours[e] = ids[table[slot]]
                    break
                slot = (slot + 1) & wrap


@entry
def find_in_regions(words, table, shift, key):
    """Number of the cell with a pattern, or -1, by the table of all regions, which holds cell numbers."""
    slot = _slot(key, table.shape[0] - 1)
    wrap = (np.int64(1) << shift) - 1
    start = slot & ~wrap
    while table[slot] >= 0:
        if _is_same(words[table[slot]], key):
            return table[slot]
        slot = start + ((slot - start + 1) & wrap)
    return -1


@entry
def join_equal(starts, neighbours, verdicts, first, parent):
    """Join cells across facets of verdict `EQUAL`, those of the cells from `first` on, towards the lower number."""
    for i in range(starts.shape[0] - 1):
        for e in range(starts[i] - starts[0], starts[i + 1] - starts[0]):
            if neighbours[e] > first + i and verdicts[e] == EQUAL:
                a, b = _root(parent, first + i), _root(parent, neighbours[e])
                if a != b:
                    parent[max(a, b)] = min(a, b)


@entry
def number(parent):
    """Turn parents, none above its child, into numbers of classes by first appearance; returns how many."""
    for i in range(parent.shape[0]):
        parent[i] = parent[parent[i]]
    count = 0
    for i in range(parent.shape[0]):
        if parent[i] == i:
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]
    return count


@entry
def find_one_sided(starts, neighbours, first, last):
    """A facet of the cells from `first` to before `last` that the cell across does not have exactly once, or -1."""
    for i in range(first, last):
        for e in range(starts[i], starts[i + 1]):
            j, back = neighbours[e], 0
            for b in range(starts[j], starts[j + 1]):
                if neighbours[b] == i:
                    back += 1
            if back != 1:
                return e
    return -1
