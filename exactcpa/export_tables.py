"""A partition as two tables, of cells and of shared facets, block by block.

    cells   cell, pattern, witness, region, degree, witness_0, witness_1, ..
    edges   cell, across, units

A pattern is the piece of every unit: digits, or numbers with spaces between them if a unit has more than ten pieces.
`witness` is exact, ``"1/3 -2"``; ``witness_j`` is the double nearest to it.  `units` are those that switch, as
``layer:index`` with spaces between them.  Without facets `region` and `degree` are empty and there are no edges.

Main definitions: `cell_columns`, `edge_columns`, `Column`.

Not here: the files (`export`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from exactcpa.numbers import exact_text
from exactcpa.partition import Partition
from exactcpa.patterns import to_pieces
from exactcpa.switch_form import SwitchForm

BLOCK = 1 << 14
"""Cells of a block."""


@dataclass(frozen=True)
class Column:
    """One column: its name, one of the kinds int, float and text, and whether entries may be missing."""

    name: str
    kind: str
    optional: bool = False


EDGE_COLUMNS = (Column("cell", "int"), Column("across", "int"), Column("units", "text"))


def cell_column_names(part: Partition) -> tuple[Column, ...]:
    """The columns of the table of cells."""
    decimals = (Column(f"witness_{j}", "float") for j in range(part.domain.dimension))
    return (
        *(Column("cell", "int"), Column("pattern", "text"), Column("witness", "text")),
        *(Column("region", "int", optional=True), Column("degree", "int", optional=True), *decimals),
    )


def blocks(part: Partition) -> Iterator[tuple[int, int]]:
    """Ranges of cells, one after the other."""
    for first in range(0, len(part), BLOCK):
        yield first, min(len(part), first + BLOCK)


def cell_columns(part: Partition, first: int, last: int) -> dict[str, list[Any]]:
    """The rows of some cells, as columns."""
    points = part.results.points[first:last]
    facets = part.results.facets
    count = last - first
    return {
        "cell": list(range(first, last)),
        "pattern": pattern_texts(part.form, part.results.words[first:last]),
        "witness": [witness_text(part, i) for i in range(first, last)],
        "region": [None] * count if facets is None else facets.regions[first:last].tolist(),
        "degree": [None] * count if facets is None else np.diff(facets.starts[first : last + 1]).tolist(),
        **{f"witness_{j}": points[:, j].tolist() for j in range(points.shape[1])},
    }


def edge_columns(part: Partition, first: int, last: int) -> dict[str, list[Any]]:
    """The shared facets of some cells, each from the cell with the lower number."""
    ones, others = edges_of(part, first, last)
    words = part.results.words
    differ = to_pieces(part.form, words[ones]) != to_pieces(part.form, words[others])
    edges, units = np.nonzero(differ)
    bounds = np.searchsorted(edges, np.arange(len(ones) + 1)).tolist()
    names = [f"{unit.layer}:{unit.index}" for unit in part.form.units]
    switching = [names[u] for u in units.tolist()]
    texts = [" ".join(switching[a:b]) for a, b in pairwise(bounds)]
    return {"cell": ones.tolist(), "across": others.tolist(), "units": texts}


def edges_of(part: Partition, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The ends of those edges."""
    facets = part.results.facets
    if facets is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = facets.starts[first : last + 1]
    cells = np.repeat(np.arange(first, last), np.diff(starts))
    across = facets.neighbours[int(starts[0]) : int(starts[-1])]
    once = cells < across
    return cells[once], across[once]


def pattern_texts(form: SwitchForm, words: np.ndarray) -> list[str]:
    """Patterns as text, shape ``(cells, w)`` in."""
    pieces = to_pieces(form, words)
    if any(unit.width + (unit.group < 0) > 10 for unit in form.units):
        return [" ".join(map(str, row)) for row in pieces.tolist()]
    digits = np.ascontiguousarray(pieces.astype(np.uint8) + ord("0"))
    return [row.tobytes().decode("ascii") for row in digits]


def witness_text(part: Partition, i: int) -> str:
    """The exact witness of a cell."""
    return " ".join(exact_text(x) for x in part.witness(i))
