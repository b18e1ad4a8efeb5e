"""What judging needs to know of a network and a domain: any cell by its pattern alone, all cells only if asked.

A single pattern, point or pair of cells is answered from its own rows by one exact linear program, whatever the number
of cells.  The partition is enumerated at the first question that needs it, once, and not beyond a stated limit.

Main definitions:
    Context: Network and domain, ready for questions.
    CellRow, Emptiness: A row of a cell, and the proof that a pattern is none.
    TooManyCells: The partition is larger than the limit; a verdict is then `undecidable`.

Conventions:
    A pattern is a Python integer of bits; `pieces_of` is its form in evidence.  Row keys and strictness: `claim`.

Not here:
    The joint boundary of two cells: `judge_adjacency`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from flint import fmpz

from exactcpa.adjacency import hash_table
from exactcpa.cell import AffineMap, Slack, inequalities_of, output_map, unit_slacks
from exactcpa.crosscheck.claim import Evidence
from exactcpa.crosscheck.interior_points import interior_or_weights, value_at
from exactcpa.domain import Domain
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import DimensionMismatch
from exactcpa.exact_points import common
from exactcpa.halfspaces import to_integers
from exactcpa.kernels import graph
from exactcpa.network import Network
from exactcpa.own_cell import Crossing, least_value, pattern_at
from exactcpa.partition import Partition
from exactcpa.patterns import places_of, to_words
from exactcpa.real_lines import lines_of
from exactcpa.stages import Bend, Maximum, stages
from exactcpa.switch_form import SwitchForm, switch_form
from exactcpa.vectors import Vector, plain
from exactcpa.walk import Tally

LARGEST_EMBEDDED = 1 << 20
"""Bytes of a proof that is put into the evidence when no file was named for it."""


@dataclass(frozen=True, slots=True)
class CellRow:
    """A row of a cell: ``slack >= 0``.

    Attributes:
        key: Pattern bit, or -1 - k for row k of the domain.
        slack: Shape ``(d + 1,)``, integers: the exact slack times `scale`.
        scale: Positive.
        is_strict: Whether the slack may not be the zero function.
    """

    key: int
    slack: tuple[int, ...]
    scale: Fraction
    is_strict: bool


@dataclass(frozen=True, slots=True)
class Emptiness:
    """Why a pattern is no cell.

    Attributes:
        multipliers: (key, positive number): of the exact slacks; see ``empty`` in `claim`.
    """

    multipliers: tuple[tuple[int, Fraction], ...]


class TooManyCells(Exception):
    """The partition has more cells than the limit, or than were found in the time: an outcome on its way up.

    Attributes:
        limit: A number of cells that it has more of.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit:,} cells")


def stop_beyond(limit: int, seconds: float) -> Callable[[Tally], None]:
    """What to call with every tally of an enumeration, to end it beyond so many cells or so much time.

    Raises:
        TooManyCells: From what is returned.
    """
    end = perf_counter() + seconds

    def watch(tally: Tally) -> None:
        if tally.cells > limit:
            raise TooManyCells(limit)
        if perf_counter() > end:
            raise TooManyCells(max(0, tally.cells - 1))

    return watch


class Context:
    """A network on a domain, ready for questions; the partition is enumerated when first needed.

    Args:
        network: The network, in the deployed reading.
        domain: Its ambient dimension is the network's input.
        limit: Cells beyond which `partition` gives up.
        seconds: Time after which any enumeration gives up.
        proof: Where the proof of the partition goes; by default into memory, if it is short.

    Raises:
        DimensionMismatch: The domain is not in the network's input space.
    """

    def __init__(
        self,
        network: Network,
        domain: Domain,
        *,
        limit: int = 1_000_000,
        seconds: float = 600.0,
        proof: str | os.PathLike[str] | None = None,
    ) -> None:
        if domain.ambient != network.input:
            raise DimensionMismatch(
                f"the network has {network.input} inputs, the domain is in R^{domain.ambient}"
            )
        self.network, self.domain, self.limit, self.proof = network, domain, limit, proof
        self.seconds = seconds
        self.form: SwitchForm = switch_form(network, domain)
        self.lines = lines_of(self.form)
        self.places = places_of(self.form)
        self.breakpoints = _breakpoints(network)
        self._walls = [_wall(k, *row) for k, row in enumerate(inequalities_of(domain))]
        self._partition: Partition | None = None
        self._proof: Evidence | None = None
        self._table: np.ndarray | None = None
        self._volumes: list[Fraction] | None = None
        self._too_many: int | None = None

    @property
    def dimension(self) -> int:
        """Dimension of the searched space."""
        return self.form.dimension

    @property
    def is_too_large(self) -> bool:
        """Whether enumerating was tried and met the limit."""
        return self._too_many is not None

    @property
    def is_enumerated(self) -> bool:
        """Whether the partition is there already."""
        return self._partition is not None

    # ------------------------------------------------------------------ one cell

    def pieces_of(self, pattern: int) -> list[int]:
        """The piece of every unit."""
        return [_piece(pattern >> u.first, u.width, is_group=u.group >= 0) for u in self.form.units]

    def pattern_from(self, pieces: Sequence[int]) -> int | str:
        """The pattern of pieces, or a sentence that says which unit has no such piece."""
        if len(pieces) != len(self.form.units):
            return f"expected {len(self.form.units)} pieces, got {len(pieces)}"
        pattern = 0
        for unit, piece in zip(self.form.units, pieces, strict=True):
            most = unit.width - (unit.group >= 0)
            if not 0 <= piece <= most:
                return f"unit ({unit.layer}, {unit.index}) has pieces 0 to {most}, got {piece}"
            pattern |= (1 << piece if unit.group >= 0 else (1 << piece) - 1) << unit.first
        return pattern

    def pattern_of(self, point: Vector) -> int | Crossing:
        """The pattern of the one cell that contains a point of the domain; a crossing if several do."""
        return pattern_at(self.lines, common(point), least_value(self.domain, self.dimension))

    def is_strictly_inside(self, point: Vector) -> bool:
        """Whether a point is strictly inside the domain."""
        return all(value_at(row.slack, common(point)) > 0 for row in self._walls)

    def cell_rows(self, pattern: int) -> list[CellRow]:
        """All rows of a pattern: of its units, then of the domain."""
        rows = []
        for unit in self.form.units:
            denominator = Fraction(self.lines.at(unit.layer, pattern).denominator)
            winner = None if unit.group < 0 else self._winner(unit.first, unit.width, pattern)
            for bit, slack in unit_slacks(self.lines, self.places, pattern, unit):
                is_strict = not pattern >> bit & 1 if winner is None else bit > winner
                rows.append(_cell_row(bit, slack, denominator, is_strict=bool(is_strict)))
        return rows + self._walls

    def witness_of(self, pattern: int) -> Vector | Emptiness:
        """A point strictly inside the cell of a pattern, or the proof that the pattern is no cell."""
        rows = self.cell_rows(pattern)
        for row in rows:
            if not any(row.slack) and row.is_strict:
                return Emptiness(((row.key, Fraction(1)),))
        found = interior_or_weights([row.slack for row in rows], self.dimension)
        return Emptiness(weights_of(rows, found)) if isinstance(found, dict) else found

    def map_of(self, pattern: int) -> AffineMap:
        """The network's affine map on a cell, in the domain's own coordinates."""
        return output_map(self.lines, pattern)

    def pre_activation(self, pattern: int, bit: int, point: Vector) -> Fraction:
        """The pre-activation of the unit with a breakpoint at a bit, on a cell, at a point."""
        place = self.places[bit]
        lines = self.lines.at(place.layer, pattern)
        height = value_at([int(a) for a in lines.rows[place.line]], common(point))
        breakpoint_ = self.breakpoints[bit]
        assert breakpoint_ is not None  # the caller's choice
        return Fraction(height, common(point)[1] * lines.denominator) + breakpoint_

    # ------------------------------------------------------------------ all cells

    def partition(self) -> Partition:
        """All cells, with facets; enumerated once.

        Raises:
            TooManyCells: There are more than the limit, or than are found in the time.
        """
        if self._too_many is not None:
            raise TooManyCells(self._too_many)
        if self._partition is None:
            self._enumerate()
        assert self._partition is not None
        return self._partition

    def find(self, pattern: int) -> int:
        """The number of a pattern's cell in the partition, or -1."""
        words = self.partition().results.words
        if self._table is None:
            self._table = hash_table(words)
        return int(graph.find(words, self._table, to_words(pattern, self.form.words)))

    def find_all(self, words: np.ndarray) -> np.ndarray:
        """The cells of many patterns, shape (n, w); -1 where there is none."""
        known = np.ascontiguousarray(self.partition().results.words)
        if not len(words):
            return np.empty(0, np.int64)
        kind = np.dtype([("", np.uint64)] * known.shape[1])
        keys, wanted = known.view(kind).ravel(), np.ascontiguousarray(words).view(kind).ravel()
        order = np.argsort(keys)
        at = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        cells = order[at]
        return np.where(keys[cells] == wanted, cells, -1)

    def volumes(self) -> list[Fraction]:
        """The exact volume of every cell of the partition; found once."""
        if self._volumes is None:
            self._volumes = self.partition().volumes()
        return self._volumes

    def proof_evidence(self) -> Evidence | None:
        """The partition with its proof as evidence, or None: no file was named for it, and it is long."""
        self.partition()
        return self._proof

    def _enumerate(self) -> None:
        """Enumerate into a file: the one named, or one that is read again if it is short."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(self.proof) if self.proof is not None else Path(folder) / "partition.cpa"
            try:
                part = enumerate_cells(
                    self.network, self.domain, proof=path, progress=stop_beyond(self.limit, self.seconds)
                )
            except TooManyCells as failure:
                self._too_many = failure.limit
                raise
            if len(part) > self.limit:
                self._too_many = self.limit
                raise TooManyCells(self.limit)
            self._partition, self._proof = part, _proof_of(path, part, is_named=self.proof is not None)

    def _winner(self, first: int, width: int, pattern: int) -> int:
        return next(bit for bit in range(first, first + width) if pattern >> bit & 1)

    # ------------------------------------------------------------------ evidence

    def point_evidence(self, point: Vector, pattern: int) -> Evidence:
        """That a pattern is a cell."""
        return Evidence("point", {"point": plain(point), "pattern": self.pieces_of(pattern)})

    def empty_evidence(self, pattern: int, empty: Emptiness) -> Evidence:
        """That it is none."""
        numbers = plain(tuple(value for _, value in empty.multipliers))
        pairs = [[key, q] for (key, _), q in zip(empty.multipliers, numbers, strict=True)]
        return Evidence("empty", {"pattern": self.pieces_of(pattern), "multipliers": pairs})

    def evidence_of(self, pattern: int) -> tuple[bool, Evidence]:
        """Whether a pattern is a cell, with the evidence for it or against it."""
        found = self.witness_of(pattern)
        if isinstance(found, Emptiness):
            return False, self.empty_evidence(pattern, found)
        return True, self.point_evidence(found, pattern)


def half_space(row: CellRow) -> tuple[int, ...]:
    """A row as ``(n_1, .., n_d, b)``, ``<n, t> <= b``."""
    return (*[-a for a in row.slack[:-1]], row.slack[-1])


def weights_of(rows: Sequence[CellRow], weights: Mapping[int, Fraction]) -> tuple[tuple[int, Fraction], ...]:
    """Multipliers of integer rows as multipliers of the exact slacks, by key, without common factor."""
    found = [(rows[i].key, weight * rows[i].scale) for i, weight in sorted(weights.items()) if weight]
    integers = to_integers([value for _, value in found], Fraction(0))
    return tuple([(key, Fraction(n)) for (key, _), n in zip(found, integers, strict=False)])


def _breakpoints(network: Network) -> tuple[Fraction | None, ...]:
    """The breakpoint of every pattern bit; None for the bits of maxima."""
    found: list[Fraction | None] = []
    for unit in [unit for stage in stages(network) for unit in stage.units]:
        match unit:
            case Bend():
                found += unit.breakpoints
            case Maximum():
                found += [None] * (1 if len(unit.sources) == 2 else len(unit.sources))
    return tuple(found)


def _cell_row(key: int, slack: Slack, denominator: Fraction, *, is_strict: bool) -> CellRow:
    """A slack over its denominator as a row without a common factor."""
    factor = int(reduce(fmpz.gcd, slack)) or 1
    return CellRow(key, tuple([int(a) // factor for a in slack]), denominator / factor, is_strict)


def _wall(k: int, normal: Vector, offset: Fraction) -> CellRow:
    """Row k of the domain."""
    row = to_integers(normal, offset)
    j = next(j for j, q in enumerate(normal) if q)
    slack = (*[-n for n in row[:-1]], row[-1])
    return CellRow(-1 - k, slack, row[j] / normal[j], is_strict=False)


def _piece(bits: int, width: int, *, is_group: bool) -> int:
    """The piece that the lowest bits mean."""
    mine = bits & ((1 << width) - 1)
    return mine.bit_length() - 1 if is_group else mine.bit_count()


def _proof_of(path: Path, part: Partition, *, is_named: bool) -> Evidence | None:
    """A proof file as evidence: by name, or whole if it is short."""
    if not is_named and path.stat().st_size > LARGEST_EMBEDDED:
        return None
    data = path.read_bytes()
    facts = part.results.facts
    body: dict[str, Any] = {"file": str(path)} if is_named else {"base64": base64.b64encode(data).decode()}
    counts = {name: int(facts[name]) for name in ("cells", "edges", "linear_regions")}
    return Evidence("proof", body | {"sha256": hashlib.sha256(data).hexdigest(), **counts})
