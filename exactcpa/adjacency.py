"""The region graph and the linear regions: what lies across each facet, and where the map stays the same.

Let cell A have a facet in the row ``r >= 0`` of unit k, and let N be the cell across it.  At an inner
point of the facet every function of A that is no multiple of r is strict, and so, layer by layer, is the
same function of N; a function that is a multiple ``c r`` on N has the sign of ``-c`` there, and is flat
if c is zero.  So N can be worked out exactly.  Most facets do not need it:

    Let B be a cell whose pattern differs from A's in some units, k in the first layer among them, which
    on A are all at a breakpoint (or tied) where r is zero.  Then B is N.  For B lies where ``r <= 0``, as
    the unit k says.  Let u be a unit of the first layer in which B and N differ.  Then u is the same
    function ``c r`` on both.  If c is not zero both are on the same side of it, and if it is zero the
    convention for ties picks the same piece.

With k as the only unit that differs, looking up one pattern answers.  Otherwise the units that switched
at an earlier facet of k are tried, each of them checked; only if that fails the neighbour is worked out.

Main definitions: `region_graph`, `Graph`, `across`, `Crossings`, `MapComparison`.

Conventions: facets are numbered cell by cell; ``neighbours[e]`` is the cell across facet ``e``.  Linear
regions are the classes of cells joined through facets by equal affine maps of the network.

References: Hanin and Rolnick, Deep ReLU networks have surprisingly few activation patterns (2019).

Not here: which rows are facets (`walk`), the graph as networkx (`partition`), the same for arrays that do not fit
into memory (`adjacency_on_disk`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from exactcpa.cell import Slack, slack_of
from exactcpa.errors import CertificateRejected, Undecided
from exactcpa.float_form import FloatForm
from exactcpa.kernels import graph
from exactcpa.patterns import Place, cell_text, integer, places_of, to_words
from exactcpa.real_lines import AnyLines, RealLines, lines_of
from exactcpa.residues import Residues, primes_of
from exactcpa.surds import Number
from exactcpa.switch_form import SwitchForm, SwitchLayer

Difference = tuple[int, int, int]
"""A layer and two of its lines; the second is -1 for a line alone."""

FEW = 1 << 14
"""Cells below which one thread does all: it takes some milliseconds."""

PARTS = 4
"""Parts of the work for each thread, so that all end at about the same time."""

Found = TypeVar("Found")


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
    form: SwitchForm,
    floats: FloatForm,
    words: np.ndarray,
    starts: np.ndarray,
    flips: np.ndarray,
    *,
    threads: int = 1,
    matched: Callable[[np.ndarray], object] = lambda _: None,
) -> Graph:
    """Find the cell across every facet, and the linear regions.

    Args:
        form: The network in switch form.
        floats: The same rounded.
        words: Shape ``(cells, w)``: patterns.
        starts: Shape ``(cells + 1,)``: first facet of each cell.
        flips: Shape ``(facets, 2)``: the bits of each facet's row.  A switch and -1, or the candidate
        that wins on the
            cell and the one it is compared with.
        threads: How many threads share the work; the graph is the same for any number.
        matched: Told the neighbours as soon as they are known.

    Returns:
        The graph.

    Raises:
        CertificateRejected: A facet leads nowhere or one way only, or a pattern stands twice: an error of
        the engine.
    """
    lines, places = lines_of(form), places_of(form)
    table = hash_table(words)
    neighbours = np.empty(len(flips), np.int64)
    count = len(words)
    _in_parts(
        lambda first, last: graph.match_facets(words, table, starts, flips, neighbours, first, last),
        *(count, threads),
    )
    simple = (neighbours >= 0).astype(np.int8)
    crossings = Crossings(
        lines, places, words, lambda key: int(graph.find(words, table, key)), starts, flips, neighbours
    )
    open_facets = np.flatnonzero(neighbours < 0)
    for e, i in zip(open_facets.tolist(), _cells_of(starts, open_facets).tolist(), strict=True):
        if neighbours[e] < 0:
            crossings.settle(e, i)
    matched(neighbours)
    lone = _in_parts(
        lambda first, last: graph.find_one_sided(starts, neighbours, first, last), count, threads
    )
    if max(lone) >= 0:
        raise CertificateRejected("a facet is seen from one side only, or two cells share two facets")
    verdicts = np.full(len(flips), graph.DIFFERENT, np.int8)
    layers, decisions, groups = kernel_tables(form, places)
    tables = (floats, *groups, layers, decisions, words, starts, flips, neighbours, simple, verdicts)
    _in_parts(lambda first, last: graph.classify_edges(*tables, first, last), count, threads)
    unknown = np.flatnonzero(verdicts == graph.UNKNOWN)
    compare = MapComparison(lines, words)
    verdicts[unknown] = compare(_cells_of(starts, unknown), neighbours[unknown], flips[unknown, 0])
    labels = np.empty(len(words), np.int64)
    regions = graph.merge(starts, neighbours, verdicts, labels)
    return Graph(neighbours, labels, int(regions), len(open_facets) + len(unknown))


def _in_parts(work: Callable[[int, int], Found], count: int, threads: int) -> list[Found]:
    """What is found for the cells from one number to before another, over all of them, by threads."""
    if threads == 1 or count < FEW:
        return [work(0, count)]
    edges = np.linspace(0, count, PARTS * threads + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, edges[:-1], edges[1:]))


def _cells_of(starts: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """The cells that facets belong to."""
    return np.searchsorted(starts, facets, side="right") - 1


@contextmanager
def naming(form: SwitchForm, pattern: int, bit: int) -> Iterator[None]:
    """Name the facet's unit and the cell if a question cannot be decided."""
    try:
        yield
    except Undecided as error:
        raise Undecided(f"{cell_text(form, pattern, bit)}: {error}") from error


def row_bits(flips: np.ndarray) -> np.ndarray:
    """Pattern bit of each facet's row, from the bits that it is between."""
    return np.where(flips[:, 1] >= 0, flips[:, 1], flips[:, 0]).astype(np.int32)


def hash_table(words: np.ndarray) -> np.ndarray:
    """Cells by pattern."""
    table = np.full(1 << max(4, int(2 * len(words)).bit_length()), -1, np.int64)
    twice = graph.fill_table(words, table)
    if twice >= 0:
        raise CertificateRejected(f"cell {twice} has the pattern of an earlier cell")
    return table


def kernel_tables(
    form: SwitchForm, places: Sequence[Place]
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Layer and decision of each pattern bit, and the groups' candidates by layer, for the kernels."""
    layers = np.array([place.layer for place in places] or [0], np.int64)
    decisions = np.array([place.decision for place in places] or [0], np.int64)
    most = max(len(layer.groups) for layer in form.layers)
    widest = max(1, *(sum(map(len, layer.groups)) for layer in form.layers))
    starts = np.zeros((len(form.layers), most + 1), np.int64)
    bits, lines = (np.zeros((len(form.layers), widest), np.int64) for _ in range(2))
    for number, layer in enumerate(form.layers):
        at = 0
        for g, (group, first) in enumerate(zip(layer.groups, layer.group_bits, strict=True)):
            bits[number, at : at + len(group)] = np.arange(first, first + len(group))
            lines[number, at : at + len(group)] = group
            at += len(group)
            starts[number, g + 1 :] = at
    return layers, decisions, (starts, bits, lines)


class Crossings:
    """The facets across which more than one unit switches, or a unit to a line it was not compared with.

    `find` gives the number of the cell with a pattern, or -1.
    """

    def __init__(
        self,
        lines: AnyLines,
        places: Sequence[Place],
        words: np.ndarray,
        find: Callable[[np.ndarray], int],
        starts: np.ndarray,
        flips: np.ndarray,
        neighbours: np.ndarray,
    ) -> None:
        self._lines, self._places = lines, places
        self._words, self._find_words = words, find
        self._starts, self._flips, self._neighbours = starts, flips, neighbours
        # Row -> what switched across earlier facets in it -> what to check before it is believed again.
        self._learned: dict[tuple[int, int], dict[int, list[Difference]]] = {}

    def settle(self, e: int, i: int) -> None:
        """Find the cell across facet `e` of cell `i`, and enter it from both sides."""
        pattern = integer(self._words[i])
        with naming(self._lines.form, pattern, int(self._flips[e, 0])):
            other = self._look_up(e, pattern)
            if other is None:
                other = across(self._lines, pattern, self._slack(e, pattern))
                self._learn(e, pattern ^ other)
        j = self._find(other)
        if j < 0 or j == i:
            raise CertificateRejected(
                f"facet {e} of cell {i} leads to the pattern {other:b}, which is no cell"
            )
        back = self._facets_back(e, i, j, pattern, other)
        if len(back) != 1:
            raise CertificateRejected(f"facet {e} of cell {i} leads to cell {j}, where {len(back)} lead back")
        self._neighbours[e], self._neighbours[back[0]] = j, i

    def _slack(self, e: int, pattern: int) -> Slack:
        first, second = self._flips[e].tolist()
        return slack_of(self._lines, self._places, pattern, second if second >= 0 else first)

    def _find(self, pattern: int) -> int:
        return self._find_words(to_words(pattern, self._words.shape[1]))

    def _facets_back(self, e: int, i: int, j: int, pattern: int, other: int) -> list[int]:
        """The facets of cell `j` that may be facet `e` of cell `i`; one, unless the engine erred."""
        span = range(int(self._starts[j]), int(self._starts[j + 1]))
        free = [b for b in span if self._neighbours[b] < 0 or self._neighbours[b] == i]
        first, second = self._flips[e].tolist()
        same = [b for b in free if second < 0 and self._flips[b].tolist() == [first, -1]]
        if same and (pattern ^ other) >> first & 1:
            return same  # a switch that is a facet's row on one side and changes there is so on the other
        row = self._slack(e, pattern)
        return [b for b in free if _sign_of_multiple(self._slack(b, other), row) is not None]

    def _look_up(self, e: int, pattern: int) -> int | None:
        """The pattern across, if the same units switch as across an earlier facet in the same row."""
        first, second = self._flips[e].tolist()
        for changed, differences in self._learned.get((first, second), {}).items():
            if self._find(pattern ^ changed) < 0:
                continue
            if not differences:
                return pattern ^ changed
            row = self._slack(e, pattern)
            if all(self._vanishes(difference, pattern, row) for difference in differences):
                return pattern ^ changed
        return None

    def _vanishes(self, difference: Difference, pattern: int, row: Slack) -> bool:
        """Whether a difference of lines of a cell is zero where the row is."""
        layer, one, two = difference
        rows = self._lines.at(layer, pattern).rows
        function = rows[one] if two < 0 else tuple([a - b for a, b in zip(rows[one], rows[two], strict=True)])
        return _sign_of_multiple(function, row) is not None

    def _learn(self, e: int, changed: int) -> None:
        """Remember what switched, if the facet's own unit is in the first layer among it."""
        first, second = self._flips[e].tolist()
        layer = self._places[first].layer
        bits = [bit for bit in range(changed.bit_length()) if changed >> bit & 1]
        if first in bits and all(self._places[bit].layer >= layer for bit in bits):
            self._learned.setdefault((first, second), {})[changed] = self._to_check(first, bits)

    def _to_check(self, first: int, bits: list[int]) -> list[Difference]:
        """The functions of the units that switch, but for those that are multiples of the row anyway."""
        chosen: dict[tuple[int, int], list[int]] = {}
        for bit in bits:
            place = self._places[bit]
            if place.group:
                chosen.setdefault((place.layer, place.decision), []).append(place.line)
            elif not self._is_twin(first, bit):
                chosen[place.layer, place.decision] = [place.line, -1]
        return [(layer, lines[0], lines[1]) for (layer, _), lines in chosen.items()]

    def _is_twin(self, one: int, other: int) -> bool:
        """Whether two switches of a layer are the same function up to a factor, whatever the cell."""
        a, b = self._places[one], self._places[other]
        if a.layer != b.layer or a.group or b.group:
            return False
        layer = self._lines.form.layers[a.layer]
        mine, theirs = _coefficients(layer, a.line), _coefficients(layer, b.line)
        return _sign_of_multiple(theirs, mine) is not None


def _coefficients(layer: SwitchLayer, line: int) -> tuple[Number, ...]:
    """All that makes a line what it is, with the constant last."""
    return (*layer.base[line], *layer.gain[line], layer.constant[line])


def _sign_of_multiple(function: Sequence[Number], row: Sequence[Number]) -> int | None:
    """The sign of ``c`` if ``function == c * row``, else None; `row` is not zero."""
    if function is row:
        return 1
    lead = next(j for j, a in enumerate(row) if a)
    p, q = function[lead], row[lead]
    for a, b in zip(function, row, strict=True):
        if a * q != b * p:
            return None
    return ((p > 0) - (p < 0)) * (1 if q > 0 else -1)


def across(lines: AnyLines, pattern: int, row: Slack) -> int:
    """The pattern on the other side of a facet of a cell.

    Args:
        lines: Exact lines.
        pattern: The cell.
        row: The facet's slack on the cell.

    Returns:
        The neighbour's pattern, found layer by layer as the module's header says.
    """
    other = pattern
    for number, layer in enumerate(lines.form.layers):
        if not layer.switch_bits and not layer.groups:
            continue
        rows = lines.at(number, other).rows
        for function, bit in zip(rows, layer.switch_bits, strict=False):
            sign = _sign_of_multiple(function, row)
            if sign is not None:
                other = other & ~(1 << bit) if sign > 0 else other | 1 << bit
        for group, first in zip(layer.groups, layer.group_bits, strict=True):
            winner = next(i for i in range(len(group)) if pattern >> (first + i) & 1)
            best = _winner_across([rows[z] for z in group], winner, row)
            other = other & ~(1 << (first + winner)) | 1 << (first + best)
    return other


def _winner_across(candidates: Sequence[Sequence[Number]], winner: int, row: Slack) -> int:
    """The candidate that is greatest beyond the facet, the last of those that tie there."""
    best = winner
    for c, candidate in enumerate(candidates):
        tied = _sign_of_multiple([a - b for a, b in zip(candidate, candidates[winner], strict=True)], row)
        if c == winner or tied is None:
            continue
        ahead = _sign_of_multiple([a - b for a, b in zip(candidate, candidates[best], strict=True)], row)
        if ahead is not None and (ahead < 0 or (ahead == 0 and c > best)):
            best = c
    return best


class MapComparison:
    """Whether the network's affine map is the same on two cells, for those where doubles leave it open.

    Maps that differ almost always do so modulo a prime (`residues`), which many cells share the work of; the others
    are worked out.
    """

    def __init__(self, lines: AnyLines, words: np.ndarray) -> None:
        self._lines, self._words = lines, words
        self._last = len(lines.form.layers) - 1
        self._residues: Residues | None = None

    def __call__(self, ones: np.ndarray, others: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Verdicts on pairs of cells, `graph.EQUAL` or `graph.DIFFERENT`; the bits are named if one is undecided."""
        verdicts = np.full(len(ones), graph.DIFFERENT, np.int8)
        for k in np.flatnonzero(self._may_be_equal(ones, others)).tolist():
            i, j = int(ones[k]), int(others[k])
            with naming(self._lines.form, integer(self._words[i]), int(bits[k])):
                if self._map(i) == self._map(j):
                    verdicts[k] = graph.EQUAL
        return verdicts

    def _may_be_equal(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Where the maps of two cells are equal modulo a prime; everywhere in the ideal reading."""
        if isinstance(self._lines, RealLines) or not len(ones):
            return np.ones(len(ones), bool)
        if self._residues is None:
            self._residues = self._at_random()
        cells, places = np.unique(np.concatenate([ones, others]), return_inverse=True)
        values = self._residues.of_cells(self._words[cells])
        return (values[places[: len(ones)]] == values[places[len(ones) :]]).all(axis=1)

    def _at_random(self) -> Residues:
        form = self._lines.form
        prime = next(primes_of(form))
        return Residues(form, prime, np.random.default_rng(0).integers(prime, size=form.dimension))

    def _map(self, i: int) -> tuple[tuple[Number, ...], ...]:
        return self._lines.at(self._last, integer(self._words[i])).rows
