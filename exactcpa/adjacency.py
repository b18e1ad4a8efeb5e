"""The region graph and the linear regions: what lies across each facet, and where the map stays the same.

Why a pattern that differs in one decision is the neighbour.  Let cell A have a facet in the row of switch k, and let B be
a cell whose pattern is A's with k changed.  Near an inner point of the facet all functions of A that do not vanish on
it are strict; going up the layers, on the patterns of B they are the same as on the true neighbour, so B's
closed set contains the other side of the facet near that point.  Only one cell does.  If no cell has that pattern,
other units switch too, and the neighbour is worked out exactly: a function of the neighbour vanishes on the
facet if and only if it is a multiple of the facet's row, and then the sign of the multiple says its side.

Main definitions: `region_graph`, `Graph`, `across`.

Conventions: facets are numbered cell by cell; ``neighbours[e]`` is the cell across facet ``e``.  Linear regions are the
classes of cells joined through facets by equal affine maps of the network (Hanin and Rolnick 2019).

References: Hanin and Rolnick, Deep ReLU networks have surprisingly few activation patterns (2019).

Not here: which rows are facets (`walk`), the graph as networkx (`partition`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpz

from exactcpa.errors import CertificateRejected
from exactcpa.exact_lines import ExactLines
from exactcpa.kernels import graph
from exactcpa.float_form import FloatForm
from exactcpa.switch_form import SwitchForm


@dataclass(frozen=True, slots=True)
class Graph:
    """Cells joined by facets.

    Attributes:
        neighbours: Shape ``(facets,)``.
        regions: Shape ``(cells,)``: number of each cell's linear region, by first appearance.
        region_count: How many.
        decided_exactly: Neighbours and comparisons of maps worked out in integers.
    """

    neighbours: np.ndarray
    regions: np.ndarray
    region_count: int
    decided_exactly: int


def region_graph(
    form: SwitchForm, floats: FloatForm, words: np.ndarray, starts: np.ndarray, flips: np.ndarray
) -> Graph:
    """Find the cell across every facet, and the linear regions.

    Args:
        form: The network in switch form.
        floats: The same rounded.
        words: Shape ``(cells, w)``: patterns.
        starts: Shape ``(cells + 1,)``: first facet of each cell.
        flips: Shape ``(facets, 2)``: bits that change across each facet's row.

    Returns:
        The graph.

    Raises:
        CertificateRejected: A facet leads nowhere, or a pattern stands twice: an error of the engine.
    """
    lines = ExactLines(form)
    table = hash_table(words)
    neighbours = np.empty(len(flips), np.int64)
    graph.match_facets(words, table, starts, flips, neighbours)
    simple = (neighbours >= 0).astype(np.int8)
    places = _Places(form)
    open_facets = np.flatnonzero(neighbours < 0)
    cells = np.repeat(np.arange(len(words)), np.diff(starts))
    for e in open_facets.tolist():
        if neighbours[e] < 0:
            _settle_facet(e, int(cells[e]), places, lines, words, table, starts, flips, neighbours)
    verdicts = np.full(len(flips), graph.DIFFERENT, np.int8)
    graph.classify_edges(
        floats, *places.groups, places.layers, places.decisions, words, starts, flips, neighbours, simple, verdicts
    )
    unknown = np.flatnonzero(verdicts == graph.UNKNOWN)
    for e in unknown.tolist():
        i, j = int(cells[e]), int(neighbours[e])
        verdicts[e] = graph.EQUAL if _has_same_map(lines, words, i, j) else graph.DIFFERENT
    labels = np.empty(len(words), np.int64)
    count = graph.merge(starts, neighbours, verdicts, labels)
    return Graph(neighbours, labels, int(count), len(open_facets) + len(unknown))


def hash_table(words: np.ndarray) -> np.ndarray:
    """Cells by pattern."""
    table = np.full(1 << max(4, int(2 * len(words)).bit_length()), -1, np.int64)
    twice = graph.fill_table(words, table)
    if twice >= 0:
        raise CertificateRejected(f"cell {twice} has the pattern of an earlier cell")
    return table


def integer(words: np.ndarray) -> int:
    """A pattern's words as one integer."""
    return int.from_bytes(words.astype("<u8").tobytes(), "little")


def to_words(pattern: int, count: int) -> np.ndarray:
    """An integer pattern as words."""
    return np.frombuffer(pattern.to_bytes(8 * count, "little"), "<u8").astype(np.uint64)


class _Places:
    """Layer and decision of each pattern bit, and the groups' candidates, as arrays."""

    def __init__(self, form: SwitchForm) -> None:
        self.layers = np.zeros(max(1, form.bits), np.int64)
        self.decisions = np.zeros(max(1, form.bits), np.int64)
        self.lines = np.zeros(max(1, form.bits), np.int64)
        most = max(len(layer.groups) for layer in form.layers)
        widest = max(1, *(sum(map(len, layer.groups)) for layer in form.layers))
        starts = np.zeros((len(form.layers), most + 1), np.int64)
        bits, lines = (np.zeros((len(form.layers), widest), np.int64) for _ in range(2))
        for number, layer in enumerate(form.layers):
            for k, bit in enumerate(layer.switch_bits):
                self.layers[bit], self.decisions[bit], self.lines[bit] = number, k, k
            at = 0
            for g, (group, first) in enumerate(zip(layer.groups, layer.group_bits, strict=True)):
                for i, z in enumerate(group):
                    bit = first + i
                    self.layers[bit], self.decisions[bit], self.lines[bit] = number, layer.switches + g, z
                    bits[number, at], lines[number, at] = bit, z
                    at += 1
                starts[number, g + 1 :] = at
        self.groups = (starts, bits, lines)


def _settle_facet(
    e: int, i: int, places: _Places, lines: ExactLines, words: np.ndarray, table: np.ndarray, starts: np.ndarray, flips: np.ndarray, neighbours: np.ndarray
) -> None:
    """Work out the neighbour across a facet where several units switch, and enter it from both sides."""
    pattern = integer(words[i])
    row = facet_row(lines, places, pattern, flips[e])
    other = across(lines, pattern, row)
    key = to_words(other, words.shape[1])
    j = int(graph.find(words, table, key))
    if j < 0 or j == i:
        raise CertificateRejected(f"facet {e} of cell {i} leads to the pattern {other:b}, which is no cell")
    neighbours[e] = j
    span = range(int(starts[j]), int(starts[j + 1]))
    back = [b for b in span if neighbours[b] in (-1, i) and _is_multiple(facet_row(lines, places, other, flips[b]), row) is not None]
    if len(back) != 1:
        raise CertificateRejected(f"facet {e} of cell {i} leads to cell {j}, which has {len(back)} facets back")
    neighbours[back[0]] = i


def facet_row(lines: ExactLines, places: _Places, pattern: int, flip: np.ndarray) -> tuple[fmpz, ...]:
    """A facet's row on its cell, a positive multiple of the slack."""
    first, second = int(flip[0]), int(flip[1])
    rows = lines.at(int(places.layers[first]), pattern).rows
    mine = rows[int(places.lines[first])]
    if second >= 0:
        return tuple(a - b for a, b in zip(mine, rows[int(places.lines[second])], strict=True))
    return mine if pattern >> first & 1 else tuple(-a for a in mine)


def _is_multiple(function: tuple[fmpz, ...], row: tuple[fmpz, ...]) -> int | None:
    """Sign of ``c`` if ``function = c * row``, else None; `row` is not zero."""
    pivot = next(j for j, a in enumerate(row) if a)
    p, q = function[pivot], row[pivot]
    for a, b in zip(function, row, strict=True):
        if a * q != b * p:
            return None
    return ((p > 0) - (p < 0)) * (1 if q > 0 else -1)


def across(lines: ExactLines, pattern: int, row: tuple[fmpz, ...]) -> int:
    """The pattern on the other side of a facet of the cell of `pattern`.

    Args:
        lines: Exact lines.
        pattern: The cell's pattern.
        row: The facet's slack on the cell, up to a positive factor.

    Returns:
        The pattern of the neighbour: layer by layer, a function that is a multiple ``c`` of the row has the sign of ``-c``
        there (upper if zero), any other has the sign it has on the cell.
    """
    other = pattern
    for number, layer in enumerate(lines.form.layers):
        if not layer.switch_bits and not layer.groups:
            continue
        rows = lines.at(number, other).rows
        for k, bit in enumerate(layer.switch_bits):
            sign = _is_multiple(rows[k], row)
            if sign is not None:
                other = other & ~(1 << bit) if sign > 0 else other | 1 << bit
        for group, first in zip(layer.groups, layer.group_bits, strict=True):
            winner = next(i for i in range(len(group)) if pattern >> (first + i) & 1)
            best = _winner_across([rows[z] for z in group], winner, row)
            other = other & ~(1 << (first + winner)) | 1 << (first + best)
    return other


def _winner_across(candidates: list[tuple[fmpz, ...]], winner: int, row: tuple[fmpz, ...]) -> int:
    """The candidate that is greatest beyond the facet, the last of those that tie there."""
    best = winner
    for c, candidate in enumerate(candidates):
        if c == winner:
            continue
        if _is_multiple(tuple(a - b for a, b in zip(candidate, candidates[winner], strict=True)), row) is None:
            continue
        ahead = _is_multiple(tuple(a - b for a, b in zip(candidate, candidates[best], strict=True)), row)
        if ahead is not None and (ahead < 0 or (ahead == 0 and c > best)):
            best = c
    return best


def _has_same_map(lines: ExactLines, words: np.ndarray, i: int, j: int) -> bool:
    """Whether the network's affine map is the same on two cells."""
    last = len(lines.form.layers) - 1
    return lines.at(last, integer(words[i])).rows == lines.at(last, integer(words[j])).rows
