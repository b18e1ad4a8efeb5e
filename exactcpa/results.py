"""What an enumeration found, as arrays: what the engine hands on and what a partition file holds.

Main definitions: `Results`, `Facets`.

Conventions: cells are numbered in the order they were found, facets cell by cell.  The arrays cannot be
written to.

Not here: what can be asked of them (`partition`), their form in a file (`partition_blocks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from exactcpa.vectors import Vector


@dataclass(frozen=True, eq=False)
class Facets:
    """The facets that cells share, seen from both sides, and what follows from them.

    Attributes:
        starts: Shape ``(cells + 1,)``, int64: those of cell i are ``starts[i]`` to ``starts[i + 1] - 1``.
        bits: Shape ``(facets,)``, int32: pattern bit of each facet's row (see `cell.slack_of`).
        neighbours: Shape ``(facets,)``, int64: the cell across.
        regions: Shape ``(cells,)``, int64: linear region of each cell, numbered by first appearance.
    """

    starts: np.ndarray
    bits: np.ndarray
    neighbours: np.ndarray
    regions: np.ndarray

    def __post_init__(self) -> None:
        _protect(self)


@dataclass(frozen=True, eq=False)
class Results:
    """The cells that were found.

    Attributes:
        words: Shape ``(cells, w)``, uint64: patterns as bits.
        points: Shape ``(cells, d)``, float64: witnesses, or the doubles nearest to them.
        exact_points: Cell -> witness, where it is no vector of doubles.
        facets: The facets, or None if they were not asked for.
        facts: Counts, and how they were found.
    """

    words: np.ndarray
    points: np.ndarray
    exact_points: Mapping[int, Vector]
    facets: Facets | None
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        _protect(self)


def _protect(value: Facets | Results) -> None:
    """Make the arrays read-only."""
    for field in fields(value):
        entry = getattr(value, field.name)
        if isinstance(entry, np.ndarray):
            entry.setflags(write=False)
