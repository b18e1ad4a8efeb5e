"""The region graph of more cells than memory holds: what `adjacency` does, in passes over arrays in files.

Neighbours are found by a hash join in passes.  The table of all patterns is cut into regions (`kernels.matching`); a
pass has the cells of one region in memory, reads all facets once, in order, and answers those that lead into it.  The
few facets across which more than one unit switches are worked out exactly, one by one, with the same table in a file.
Maps are compared facet by facet, and equal ones join cells in a union-find forest in a file.

In memory: one region (`memory` bytes at most, if that is enough for 16 cells) and a block of `BLOCK` cells.  In files:
8 bytes a cell for the forest, 9 a facet, and, only if there are facets to be worked out one by one, up to 32 bytes a
cell for the table.  Passes: one for every ``memory / (40 + 8 w)`` cells, or twice as many, with patterns of w words.

Main definitions: `region_graph_on_disk`.

References: Kitsuregawa, Tanaka and Moto-oka, Application of hash to data base machine (1983), for the hash join by
parts.

Not here: why a facet leads where it leads (`adjacency`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exactcpa.adjacency import Crossings, Graph, MapComparison, kernel_tables
from exactcpa.errors import CertificateRejected
from exactcpa.float_form import FloatForm
from exactcpa.kernels import graph, matching
from exactcpa.mapped_files import Scratch
from exactcpa.patterns import places_of
from exactcpa.real_lines import lines_of
from exactcpa.switch_form import SwitchForm

BLOCK = 1 << 14
"""Cells between two releases of what was read."""

MEMORY = 1 << 27
"""Bytes that one region may take."""

FULLEST = 0.8
"""How full a region may be, so that searches stay short and end."""


@dataclass(frozen=True)
class _Arrays:
    """The arrays in files: patterns, first facets, bits of facets, cells across."""

    words: np.ndarray
    starts: np.ndarray
    flips: np.ndarray
    neighbours: np.ndarray


@dataclass(frozen=True)
class _Plan:
    """How the table is cut: its mask, slots of a region as a power of two, most cells in one."""

    mask: int
    shift: int
    most: int

    @property
    def regions(self) -> int:
        return (self.mask + 1) >> self.shift


def region_graph_on_disk(
    form: SwitchForm,
    floats: FloatForm,
    words: np.ndarray,
    starts: np.ndarray,
    flips: np.ndarray,
    scratch: Scratch,
    *,
    memory: int = MEMORY,
) -> Graph:
    """Find the cell across every facet, and the linear regions.

    Args:
        form: The network in switch form.
        floats: The same rounded.
        words: Shape ``(cells, w)``: patterns; this and the next two from `scratch`.
        starts: Shape ``(cells + 1,)``: first facet of each cell.
        flips: Shape ``(facets, 2)``: the bits of each facet's row, as for `adjacency.region_graph`.
        scratch: Where further arrays are put, the result's too.
        memory: Bytes for one region.

    Returns:
        The graph; its arrays go with `scratch`.

    Raises:
        CertificateRejected: As `adjacency.region_graph`.
        OSError: No room.
    """
    neighbours = scratch.array("neighbours", np.int64, (len(flips),))
    arrays = _Arrays(words, starts, flips, neighbours)
    plan = _plan(words, memory, scratch)
    _match(arrays, plan, scratch)
    simple = scratch.array("simple", np.int8, (len(flips),))
    crossed = _cross(form, arrays, plan, simple, scratch)
    for first, last in _blocks(len(words)):
        wrong = int(matching.find_one_sided(starts, neighbours, first, last))
        if wrong >= 0:
            raise CertificateRejected(
                f"facet {wrong} is seen from one side only, or is one of two between cells"
            )
        scratch.release()
    regions = scratch.array("regions", np.int64, (len(words),))
    compared = _join(form, floats, arrays, simple, regions, scratch)
    count = int(matching.number(regions))
    return Graph(neighbours, regions, count, crossed + compared)


def _blocks(cells: int) -> Iterator[tuple[int, int]]:
    """Ranges of cells, one after the other."""
    for first in range(0, cells, BLOCK):
        yield first, min(cells, first + BLOCK)


def _plan(words: np.ndarray, memory: int, scratch: Scratch) -> _Plan:
    """Cut the table into as few regions as memory allows, none too full."""
    cells, w = words.shape
    bits = max(4, int(2 * cells).bit_length())
    shift = bits
    while shift > 4 and (8 << shift) + ((8 + 8 * w) << shift) // 2 > memory:
        shift -= 1
    while True:
        counts = np.zeros(1 << (bits - shift), np.int64)
        for first, last in _blocks(cells):
            matching.count_regions(words[first:last], (1 << bits) - 1, shift, counts)
            scratch.release()
        most = int(counts.max())
        if most <= FULLEST * (1 << shift):
            return _Plan((1 << bits) - 1, shift, most)
        bits += 1


def _regions(
    words: np.ndarray, plan: _Plan, scratch: Scratch
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Every region: its number, its cells, their patterns, and its table of places among these."""
    ids, copies = np.empty(plan.most, np.int64), np.empty((plan.most, words.shape[1]), np.uint64)
    table = np.empty(1 << plan.shift, np.int64)
    for region in range(plan.regions):
        count = 0
        for first, last in _blocks(len(words)):
            block = words[first:last]
            count = matching.gather(block, first, plan.mask, plan.shift, region, ids, copies, count)
            scratch.release()
        table[:] = -1
        twice = int(matching.fill_region(copies, count, plan.mask, table))
        if twice >= 0:
            raise CertificateRejected(f"cell {ids[twice]} has the pattern of an earlier cell")
        yield region, ids, copies, table


def _match(arrays: _Arrays, plan: _Plan, scratch: Scratch) -> None:
    """Find the cells across facets with one unit that switches; -1 for the others."""
    for first, last in _blocks(len(arrays.words)):
        arrays.neighbours[arrays.starts[first] : arrays.starts[last]] = -1
        scratch.release()
    for region, ids, copies, table in _regions(arrays.words, plan, scratch):
        for first, last in _blocks(len(arrays.words)):
            starts = arrays.starts[first : last + 1]
            facets = slice(int(starts[0]), int(starts[-1]))
            matching.match_region(
                *(arrays.words[first:last], starts, arrays.flips[facets]),
                *(plan.mask, plan.shift, region, ids, copies, table, arrays.neighbours[facets]),
            )
            scratch.release()


def _cross(form: SwitchForm, arrays: _Arrays, plan: _Plan, simple: np.ndarray, scratch: Scratch) -> int:
    """Work out the facets that are still open; returns how many.  `simple` becomes 0 for them, 1 for the others."""
    words, starts, neighbours = arrays.words, arrays.starts, arrays.neighbours
    for first, last in _blocks(len(words)):
        facets = slice(int(starts[first]), int(starts[last]))
        simple[facets] = neighbours[facets] >= 0
        scratch.release()
    count = sum(int(np.count_nonzero(simple[starts[a] : starts[b]] == 0)) for a, b in _blocks(len(words)))
    if not count:
        return 0
    table = scratch.array("table", np.int64, (plan.mask + 1,))
    for region, ids, _, places in _regions(words, plan, scratch):
        part = table[region << plan.shift : (region + 1) << plan.shift]
        part[:] = np.where(places >= 0, ids[places], -1)
    crossings = Crossings(
        *(lines_of(form), places_of(form), words),
        lambda key: int(matching.find_in_regions(words, table, plan.shift, key)),
        *(starts, arrays.flips, neighbours),
    )
    for first, last in _blocks(len(words)):
        offset = int(starts[first])
        cells = np.repeat(np.arange(first, last), np.diff(starts[first : last + 1]))
        for e in np.flatnonzero(neighbours[offset : offset + len(cells)] < 0).tolist():
            if neighbours[offset + e] < 0:
                crossings.settle(offset + e, int(cells[e]))
        scratch.release()
    return count


def _join(
    form: SwitchForm,
    floats: FloatForm,
    arrays: _Arrays,
    simple: np.ndarray,
    parent: np.ndarray,
    scratch: Scratch,
) -> int:
    """Join cells with equal maps across facets; returns how many comparisons were made in integers."""
    lines, places = lines_of(form), places_of(form)
    layers, decisions, groups = kernel_tables(form, places)
    words, flips, neighbours, compared = arrays.words, arrays.flips, arrays.neighbours, 0
    compare = MapComparison(lines, words)
    for first, last in _blocks(len(words)):
        parent[first:last] = np.arange(first, last)
    for first, last in _blocks(len(words)):
        starts = arrays.starts[first : last + 1] - arrays.starts[first]
        offset = int(arrays.starts[first])
        facets = slice(offset, offset + int(starts[-1]))
        across = neighbours[facets] - first
        verdicts = np.full(len(across), graph.DIFFERENT, np.int8)
        graph.classify_edges(
            *(floats, *groups, layers, decisions, words[first:last], starts, flips[facets], across),
            *(simple[facets], verdicts, 0, last - first),
        )
        cells = np.repeat(np.arange(first, last), np.diff(starts))
        unknown = np.flatnonzero(verdicts == graph.UNKNOWN)
        e = offset + unknown
        verdicts[unknown] = compare(cells[unknown], neighbours[e], flips[e, 0])
        compared += len(unknown)
        matching.join_equal(starts, neighbours[facets], verdicts, first, parent)
        scratch.release()
    return compared
