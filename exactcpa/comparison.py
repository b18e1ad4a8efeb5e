"""Two partitions compared as combinatorial objects: the same cells by pattern, the same facets between them.

The deployed and the ideal reading of one network are different functions; this says whether they cut the domain
in the same way, and where they do not.

Main definitions:
    compare: Two partitions of networks with the same units.
    Comparison: What they share and what one has alone.

Conventions:
    A cell is its pattern, an edge the unordered pair of two patterns.

Not here:
    Equality of partitions with all their numbers: `Partition.__eq__`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exactcpa.errors import BadArgument
from exactcpa.partition import Partition


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two partitions have in common.

    Attributes:
        shared_cells: Number of patterns that both list.
        only_first, only_second: Cell numbers, in either, of patterns the other lacks.
        shared_edges: Pairs of cells adjacent in both; None if a partition has no facets.
        only_first_edges, only_second_edges: How many pairs are adjacent in one alone; None as above.
        linear_regions_agree: Whether the linear regions are the same sets of cells; None as above.
    """

    shared_cells: int
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]
    shared_edges: int | None
    only_first_edges: int | None
    only_second_edges: int | None
    linear_regions_agree: bool | None

    @property
    def is_same(self) -> bool:
        """Whether the partitions are combinatorially the same."""
        differences = (*self.only_first, *self.only_second)
        edges = (self.only_first_edges or 0) + (self.only_second_edges or 0)
        return not differences and not edges and self.linear_regions_agree is not False

    def __str__(self) -> str:
        if self.is_same:
            return f"combinatorially the same: {self.shared_cells:,} cells"
        return (
            f"different: {self.shared_cells:,} shared cells, {len(self.only_first):,} in the first alone, "
            f"{len(self.only_second):,} in the second alone"
        )


def compare(first: Partition, second: Partition) -> Comparison:
    """Compare two partitions by patterns, edges and linear regions.

    Raises:
        BadArgument: The networks have different units.

    Example:
        >>> from exactcpa import Box, Linear, Network, ReLU, enumerate_cells
        >>> parts = [enumerate_cells(Network(1, (Linear([[1]], [b]), ReLU())), Box([-1], [1])) for b in (0, 2)]
        >>> print(compare(*parts))
        different: 1 shared cells, 1 in the first alone, 0 in the second alone
    """
    if [(u.layer, u.index, u.width) for u in first.form.units] != [
        (u.layer, u.index, u.width) for u in second.form.units
    ]:
        raise BadArgument("expected partitions of networks with the same units, got different ones")
    names = [{row.tobytes(): i for i, row in enumerate(part.results.words)} for part in (first, second)]
    there = np.array([names[1].get(row.tobytes(), -1) for row in first.results.words], np.int64)
    shared = int((there >= 0).sum())
    only_first = tuple(np.flatnonzero(there < 0).tolist())
    only_second = tuple(sorted(set(range(len(second))) - set(there.tolist())))
    if first.results.facets is None or second.results.facets is None:
        return Comparison(shared, only_first, only_second, None, None, None, None)
    one, two = _edges(first, there), _edges(second, np.arange(len(second)))
    agree = not only_first and not only_second and _same_classes(first, second, there)
    return Comparison(
        shared,
        only_first,
        only_second,
        len(one & two),
        len(_edge_set(first)) - len(one & two),
        len(two - one),
        agree,
    )


def _edge_set(part: Partition) -> set[tuple[int, int]]:
    return _edges(part, np.arange(len(part)))


def _edges(part: Partition, names: np.ndarray) -> set[tuple[int, int]]:
    """Edges between named cells; cells of negative name are left out."""
    starts, neighbours = part.adjacency()
    ones = names[np.repeat(np.arange(len(part)), np.diff(starts))]
    others = names[neighbours]
    kept = (ones >= 0) & (others >= 0) & (ones < others)
    return set(zip(ones[kept].tolist(), others[kept].tolist(), strict=True))


def _same_classes(first: Partition, second: Partition, there: np.ndarray) -> bool:
    """Whether two labellings of the cells have the same classes."""
    mine, theirs = first.results.facets.regions, second.results.facets.regions[there]
    pairs = set(zip(mine.tolist(), theirs.tolist(), strict=True))
    return len(pairs) == len(set(mine.tolist())) == len(set(theirs.tolist()))
