"""A partition: the cells of a network over a domain, with their graph, and what can be asked of it.

Main definitions: `Partition`, `load_partition`, `Row`, `Cell`, `AffineMap`, `Location`.

Conventions: cells are numbered in the order they were found.  Points are in the domain's own coordinates (``t`` for a
slice).  Rows are ``<normal, t> <= offset``.  Numbers are exact; `points` alone holds doubles (which say
witnesses exactly unless `exact_points` has the cell).

References: Hanin and Rolnick, Deep ReLU networks have surprisingly few activation patterns (2019), for cells and
linear regions; Grigsby and Lindsey, On transversality of bent hyperplane arrangements (2022), for the complex.

Not here: how cells are found (`enumerate`), volumes and vertices of polyhedra (`geometry`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any

import networkx as nx
import numpy as np

from exactcpa import domain as domains
from exactcpa import geometry
from exactcpa.adjacency import integer, to_words
from exactcpa.errors import BadArgument, BadFile, DimensionMismatch, OutsideDomain
from exactcpa.exact_lines import ExactLines
from exactcpa.network import Network
from exactcpa.network_file import from_json, to_json
from exactcpa.numbers import exactly
from exactcpa.partition_file import PartitionWriter, read_partition_file
from exactcpa.settle import common
from exactcpa.switch_form import SwitchForm, UnitBits, switch_form

Vector = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class AffineMap:
    """The map ``t -> matrix t + shift``; `matrix` has shape ``(outputs, d)``."""

    matrix: tuple[Vector, ...]
    shift: Vector

    def __call__(self, point: Sequence[Any]) -> Vector:
        """The exact value at a point."""
        t = [exactly(x) for x in point]
        return tuple(
            sum((a * x for a, x in zip(row, t, strict=True)), c) for row, c in zip(self.matrix, self.shift, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Row:
    """An inequality ``<normal, t> <= offset`` of a cell.

    Attributes:
        normal: Shape ``(d,)``.
        offset: Scalar.
        unit: The unit ``(layer, index)`` whose breakpoint it is, or None for a row of the domain.
        is_facet: Whether it is a facet of the cell.
        neighbour: The cell across, or None (domain's boundary, or no facet, or facets were not asked for).
    """

    normal: Vector
    offset: Fraction
    unit: tuple[int, int] | None
    is_facet: bool
    neighbour: int | None

    def __str__(self) -> str:
        terms = " + ".join(f"{a}*t{j}" for j, a in enumerate(self.normal) if a) or "0"
        return f"{terms} <= {self.offset}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        number: Its place in the partition.
        pattern: Piece of every unit.
        witness: A point strictly inside.
        rows: All its rows: one a switching hyperplane that is not parallel to nothing, then the domain's.
        flat_units: Units that are identically at a breakpoint on the cell.
    """

    number: int
    pattern: tuple[int, ...]
    witness: Vector
    rows: tuple[Row, ...]
    flat_units: tuple[tuple[int, int], ...]

    @property
    def facets(self) -> tuple[Row, ...]:
        """The rows that are facets."""
        return tuple(row for row in self.rows if row.is_facet)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a point lies.

    Attributes:
        cells: All cells whose closure contains it: one if it is strictly inside.
        boundary_of: The units at a breakpoint there, other than those that are flat.
    """

    cells: tuple[int, ...]
    boundary_of: tuple[tuple[int, int], ...]

    @property
    def is_interior(self) -> bool:
        """Whether the point is strictly inside one cell."""
        return len(self.cells) == 1 and not self.boundary_of


@dataclass(frozen=True)
class Partition:
    """The cells of a network over a domain.

    Attributes:
        network: What was cut.
        domain: Where.
        words: Shape ``(cells, w)``, uint64: patterns as bits.
        points: Shape ``(cells, d)``, float64: witnesses, or the nearest doubles.
        exact_points: Cell -> witness, where it is no double vector.
        facet_starts: Shape ``(cells + 1,)``: first facet of each cell.
        facet_bits: Shape ``(facets,)``: pattern bit of each facet's row.
        facet_neighbours: Shape ``(facets,)``: the cell across.
        region_labels: Shape ``(cells,)``: linear region of each cell.
        facts: What `summary` tells.
    """

    network: Network
    domain: Any
    words: np.ndarray
    points: np.ndarray
    exact_points: Mapping[int, Vector]
    facet_starts: np.ndarray | None
    facet_bits: np.ndarray | None
    facet_neighbours: np.ndarray | None
    region_labels: np.ndarray | None
    facts: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.words)

    def __str__(self) -> str:
        return f"partition of {self.domain} into {len(self):,} cells"

    @property
    def patterns(self) -> np.ndarray:
        """Piece of every unit on every cell: shape ``(cells, units)``, uint8 (uint16 if a unit has over 255 pieces)."""
        form = switch_form(self.network, self.domain)
        wide = max((unit.width for unit in form.units), default=0) > 255
        pieces = np.zeros((len(self), len(form.units)), np.uint16 if wide else np.uint8)
        for column, unit in enumerate(form.units):
            for b in range(unit.width):
                bit = (self.words[:, (unit.first + b) >> 6] >> np.uint64((unit.first + b) & 63)) & np.uint64(1)
                pieces[:, column] += bit.astype(pieces.dtype) * (b if unit.group >= 0 else 1)
        return pieces

    @property
    def witnesses(self) -> np.ndarray:
        """Shape ``(cells, d)``: a point strictly inside each cell (see `witness` where doubles do not suffice)."""
        return self.points

    def witness(self, i: int) -> Vector:
        """The exact witness of a cell."""
        i = self._cell_number(i)
        return self.exact_points.get(i) or tuple(exactly(x) for x in self.points[i].tolist())

    def summary(self) -> dict[str, Any]:
        """Counts and how they were found; what ``exactcpa enumerate --json`` prints."""
        return dict(self.facts)

    def graph(self) -> nx.Graph:
        """The region graph: node attributes `pattern` and `witness`, edge attribute `units`, the units that switch."""
        starts, neighbours, _ = self._facets()
        form = switch_form(self.network, self.domain)
        patterns = self.patterns
        result = nx.Graph()
        for i in range(len(self)):
            result.add_node(i, pattern=tuple(patterns[i].tolist()), witness=self.witness(i))
        names = [(unit.layer, unit.index) for unit in form.units]
        cells = np.repeat(np.arange(len(self)), np.diff(starts))
        for i, j in zip(cells.tolist(), neighbours.tolist(), strict=True):
            if i < j:
                switching = np.flatnonzero(patterns[i] != patterns[j])
                result.add_edge(i, j, units=tuple(names[u] for u in switching.tolist()))
        return result

    def adjacency(self) -> tuple[np.ndarray, np.ndarray]:
        """The region graph as CSR arrays ``(starts, neighbours)``: cell i's are ``neighbours[starts[i]:starts[i + 1]]``."""
        starts, neighbours, _ = self._facets()
        return starts, neighbours

    def linear_regions(self) -> list[tuple[int, ...]]:
        """The linear regions as tuples of cells: facet-connected cells with the same affine map (Hanin and Rolnick 2019)."""
        if self.region_labels is None:
            raise BadArgument("linear regions need facets: enumerate with facets=True")
        order = np.argsort(self.region_labels, kind="stable")
        count = int(self.region_labels.max()) + 1
        bounds = np.searchsorted(self.region_labels[order], np.arange(count + 1))
        return [tuple(order[a:b].tolist()) for a, b in zip(bounds, bounds[1:], strict=False)]

    def affine_map(self, i: int) -> AffineMap:
        """The exact affine map of the network on a cell, in the domain's own coordinates."""
        form = switch_form(self.network, self.domain)
        return _output_map(ExactLines(form), len(form.layers) - 1, integer(self.words[self._cell_number(i)]))

    def affine_maps(self) -> list[AffineMap]:
        """The map of every cell."""
        form = switch_form(self.network, self.domain)
        lines, last = ExactLines(form), len(form.layers) - 1
        return [_output_map(lines, last, integer(words)) for words in self.words]

    def distinct_affine_maps(self) -> int:
        """Number of different affine maps: at most that of linear regions."""
        return len(set(self.affine_maps()))

    def cell(self, i: int) -> Cell:
        """A cell with its rows; facets are marked, with the cells across."""
        i = self._cell_number(i)
        return _describe(self, switch_form(self.network, self.domain), i)

    def locate(self, point: Sequence[Any]) -> Location:
        """All cells whose closure contains a point, exactly.

        Args:
            point: Shape ``(d,)``, in the domain's own coordinates.

        Returns:
            The cells, and the units at a breakpoint there.

        Raises:
            DimensionMismatch: The point has another length.
            OutsideDomain: The point is not in the domain.
        """
        t = tuple(exactly(x) for x in point)
        if len(t) != self.domain.dimension:
            raise DimensionMismatch(f"expected a point of {self.domain.dimension} coordinates, got {len(t)}")
        if not self.domain.contains(t):
            raise OutsideDomain(f"({', '.join(map(str, t))}) is not in {self.domain}")
        return _locate(self, switch_form(self.network, self.domain), t)

    def volumes(self) -> list[Fraction]:
        """Exact volume of every cell, in the domain's own coordinates; meant for d <= 3 (any d, at a price)."""
        form = switch_form(self.network, self.domain)
        lines = ExactLines(form)
        return [geometry.volume(_integer_rows(self, form, lines, i)) for i in range(len(self))]

    def vertices(self, i: int) -> list[Vector]:
        """Exact vertices of a cell; in cyclic order for d = 2."""
        form = switch_form(self.network, self.domain)
        rows = _integer_rows(self, form, ExactLines(form), self._cell_number(i))
        return [tuple(v) for v in (geometry.polygon(rows) if self.domain.dimension == 2 else geometry.vertices(rows))]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the partition, without proof, to a file that `load_partition` reads."""
        with PartitionWriter(path) as writer:
            writer.append_json("HEAD", head(self.network, self.domain, self.facts, scales=[], proof=False))
            write_results(writer, self)

    def _facets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.facet_starts is None or self.facet_neighbours is None or self.facet_bits is None:
            raise BadArgument("the region graph needs facets: enumerate with facets=True")
        return self.facet_starts, self.facet_neighbours, self.facet_bits

    def _cell_number(self, i: int) -> int:
        if not -len(self) <= i < len(self):
            raise BadArgument(f"expected a cell number below {len(self)}, got {i}")
        return int(i) % len(self)


def _output_map(lines: ExactLines, last: int, pattern: int) -> AffineMap:
    exact = lines.at(last, pattern)
    rows = [[Fraction(int(a), exact.denominator) for a in row] for row in exact.rows]
    return AffineMap(tuple(tuple(row[:-1]) for row in rows), tuple(row[-1] for row in rows))


def _functions(form: SwitchForm, lines: ExactLines, pattern: int, unit: UnitBits) -> list[tuple[int, tuple[Fraction, ...]]]:
    """The unit's functions on a cell that are nonnegative there, with the pattern bit each belongs to."""
    exact = lines.at(unit.layer, pattern)
    layer = form.layers[unit.layer]
    if unit.group < 0:
        first = layer.switch_bits.index(unit.first)
        rows = [exact.rows[first + k] for k in range(unit.width)]
        signs = [1 if pattern >> (unit.first + k) & 1 else -1 for k in range(unit.width)]
        bits = range(unit.first, unit.first + unit.width)
        return [
            (bit, tuple(Fraction(int(s * a), exact.denominator) for a in row))
            for bit, s, row in zip(bits, signs, rows, strict=True)
        ]
    candidates = [exact.rows[z] for z in layer.groups[unit.group]]
    winner = next(k for k in range(unit.width) if pattern >> (unit.first + k) & 1)
    return [
        (unit.first + k, tuple(Fraction(int(a - b), exact.denominator) for a, b in zip(candidates[winner], other, strict=True)))
        for k, other in enumerate(candidates)
        if k != winner
    ]


def _describe(part: Partition, form: SwitchForm, i: int) -> Cell:
    """All rows of a cell, its units' and the domain's."""
    lines, pattern = ExactLines(form), integer(part.words[i])
    facets = {}
    if part.facet_starts is not None:
        span = range(int(part.facet_starts[i]), int(part.facet_starts[i + 1]))
        facets = {int(part.facet_bits[e]): int(part.facet_neighbours[e]) for e in span}
    rows, flat = [], []
    for unit in form.units:
        functions = _functions(form, lines, pattern, unit)
        name = (unit.layer, unit.index)
        if any(not any(function) for _, function in functions):
            flat.append(name)
        rows += [
            Row(tuple(-a for a in function[:-1]), function[-1], name, bit in facets, facets.get(bit))
            for bit, function in functions
            if any(function)
        ]
    rows += [Row(normal, offset, None, False, None) for normal, offset in _domain_inequalities(part.domain)]
    known = {_direction(row) for row in rows if row.is_facet}
    is_facet = geometry.facets([_integers(row) for row in rows], common(part.witness(i)))
    rows = [
        Row(row.normal, row.offset, row.unit, row.is_facet or (k in is_facet and _direction(row) not in known), row.neighbour)
        for k, row in enumerate(rows)
    ]
    return Cell(i, tuple(part.patterns[i].tolist()), part.witness(i), tuple(rows), tuple(flat))


def _domain_inequalities(domain: Any) -> list[tuple[Vector, Fraction]]:
    """The domain's own rows: the box's faces for a box, else its rows."""
    if domain.rows:
        return list(domain.rows)
    d = domain.dimension
    unit = [tuple(Fraction(int(i == j)) for j in range(d)) for i in range(d)]
    upper = [(unit[j], domain.upper[j]) for j in range(d)]
    return upper + [(tuple(-a for a in unit[j]), -domain.lower[j]) for j in range(d)]


def _integers(row: Row) -> tuple[int, ...]:
    """The row ``(n_1, .., n_d, b)`` in smallest integers."""
    return _primitive([*row.normal, row.offset])


def _primitive(numbers: Sequence[Fraction]) -> tuple[int, ...]:
    """A positive multiple in smallest integers."""
    numerators, _ = common(numbers)
    shared = gcd(*numerators) or 1
    return tuple(n // shared for n in numerators)


def _direction(row: Row) -> tuple[int, ...]:
    return _integers(row)


def _integer_rows(part: Partition, form: SwitchForm, lines: ExactLines, i: int) -> list[tuple[int, ...]]:
    """Enough rows to define a cell: its facets if known, else all; and the domain's."""
    pattern = integer(part.words[i])
    wanted = None
    if part.facet_starts is not None:
        wanted = set(part.facet_bits[part.facet_starts[i] : part.facet_starts[i + 1]].tolist())
    rows = []
    for unit in form.units:
        if wanted is not None and not any(b in wanted for b in range(unit.first, unit.first + unit.width)):
            continue
        for bit, function in _functions(form, lines, pattern, unit):
            if any(function) and (wanted is None or bit in wanted):
                rows.append(_primitive([*(-a for a in function[:-1]), function[-1]]))
    rows += [_primitive([*normal, offset]) for normal, offset in _domain_inequalities(part.domain)]
    return rows


def _locate(part: Partition, form: SwitchForm, t: Vector) -> Location:
    """Go through the layers; the pieces a unit may take at the point are those of all closed cells that contain it."""
    lines = ExactLines(form)
    fixed = {}
    for number, bits in _values_at(form, lines, t).items():
        fixed[number] = bits
    mask, value = 0, 0
    for bit, sign in fixed.items():
        if sign:
            mask |= 1 << bit
            value |= (1 << bit) if sign > 0 else 0
    words = form.words
    mask_words, value_words = to_words(mask, words), to_words(value, words)
    hits = np.flatnonzero(((part.words & mask_words) == value_words).all(axis=1)).tolist()
    touched = {bit for bit, sign in fixed.items() if not sign}
    units = [u for u in form.units if touched & set(range(u.first, u.first + u.width))]
    if len(hits) == 1:
        flat = set(_describe(part, form, hits[0]).flat_units)
        units = [u for u in units if (u.layer, u.index) not in flat]
    return Location(tuple(hits), tuple((u.layer, u.index) for u in units))


def _values_at(form: SwitchForm, lines: ExactLines, t: Vector) -> dict[int, int]:
    """For each pattern bit what the point says: +1 set, -1 clear, 0 either (a breakpoint or a tie)."""
    said: dict[int, int] = {}
    pattern = 0
    for layer_number, layer in enumerate(form.layers):
        if not layer.switch_bits and not layer.groups:
            continue
        exact = lines.at(layer_number, pattern)
        values = [sum((int(a) * x for a, x in zip(row, t, strict=False)), Fraction(int(row[-1]))) for row in exact.rows]
        for k, bit in enumerate(layer.switch_bits):
            said[bit] = (values[k] > 0) - (values[k] < 0)
            pattern |= (1 << bit) if values[k] >= 0 else 0
        for group, first in zip(layer.groups, layer.group_bits, strict=True):
            best = max(values[z] for z in group)
            tied = [c for c, z in enumerate(group) if values[z] == best]
            for c in range(len(group)):
                said[first + c] = -1 if c not in tied else 1 if len(tied) == 1 else 0
            pattern |= 1 << (first + tied[-1])
    return said


def head(network: Network, domain: Any, facts: Mapping[str, Any], *, scales: list[list[int]], proof: bool) -> dict[str, Any]:
    """The first block of a partition file."""
    import exactcpa

    bounding = domain.bounding_proof
    return {
        "format": "exactcpa-partition",
        "version": 1,
        "generator": f"exactcpa {exactcpa.__version__}",
        "method": facts["method"],
        "network": to_json(network),
        "domain": domains.to_json(domain),
        "bounding_proof": {k: [[str(a) for a in row] for row in v] for k, v in bounding.items()} if bounding else None,
        "reading": "deployed",
        "proof": proof,
        "facets": facts["edges"] is not None,
        "scales": scales,
    }


def write_results(writer: PartitionWriter, part: Partition) -> None:
    """All blocks after the proof's streams, and the end of the file."""
    facets = part.facet_starts is not None
    if facets:
        writer.append("EDGE", part.facet_neighbours.astype("<i8").tobytes())
    writer.append("PATT", part.words.astype("<u8").tobytes())
    writer.append("WITN", part.points.astype("<f8").tobytes())
    writer.append_json("XPTS", {str(i): [str(x) for x in w] for i, w in part.exact_points.items()})
    if facets:
        writer.append("FPTR", part.facet_starts.astype("<i8").tobytes())
        writer.append("FACE", part.facet_bits.astype("<i4").tobytes())
        writer.append("REGI", part.region_labels.astype("<i8").tobytes())
    writer.append_json("STAT", dict(part.facts))
    writer.finish(
        {
            "cells": len(part),
            "facets": len(part.facet_bits) if facets else None,
            "edges": part.facts["edges"],
            "linear_regions": part.facts["linear_regions"],
        }
    )


def load_partition(path: str | os.PathLike[str]) -> Partition:
    """Read a partition file (its results; the proof is for `check`).

    Args:
        path: The file.

    Returns:
        The partition.

    Raises:
        BadFile: Not a partition file of this version, damaged, or its parts do not fit together.
    """
    tags = {"HEAD", "EDGE", "PATT", "WITN", "XPTS", "FPTR", "FACE", "REGI", "STAT", "DONE"}
    blocks = read_partition_file(path, tags)
    missing = {"HEAD", "PATT", "WITN", "XPTS", "STAT"} - set(blocks)
    if missing:
        raise BadFile(f"{path}: block {sorted(missing)[0]} is missing")
    first = json.loads(blocks["HEAD"])
    network, domain = from_json(first["network"]), domains.from_json(first["domain"])
    form = switch_form(network, domain)
    words = _array(blocks["PATT"], "<u8", form.words, path, "PATT")
    points = _array(blocks["WITN"], "<f8", form.dimension, path, "WITN")
    if len(words) != len(points):
        raise BadFile(f"{path}: {len(words)} patterns but {len(points)} witnesses")
    exact = {int(i): tuple(exactly(x) for x in w) for i, w in json.loads(blocks["XPTS"]).items()}
    facts = json.loads(blocks["STAT"])
    if not first["facets"]:
        return Partition(network, domain, words, points, exact, None, None, None, None, facts)
    starts = np.frombuffer(blocks["FPTR"], "<i8").astype(np.int64)
    bits = np.frombuffer(blocks["FACE"], "<i4").astype(np.int32)
    neighbours = np.frombuffer(blocks["EDGE"], "<i8").astype(np.int64)
    labels = np.frombuffer(blocks["REGI"], "<i8").astype(np.int64)
    if len(starts) != len(words) + 1 or len(labels) != len(words) or not len(bits) == len(neighbours) == starts[-1]:
        raise BadFile(f"{path}: blocks FPTR, FACE, EDGE and REGI do not fit {len(words)} cells")
    return Partition(network, domain, words, points, exact, starts, bits, neighbours, labels, facts)


def _array(payload: bytes, kind: str, width: int, path: object, tag: str) -> np.ndarray:
    size = np.dtype(kind).itemsize * width
    if len(payload) % size:
        raise BadFile(f"{path}: block {tag} has {len(payload)} bytes, no multiple of {size}")
    return np.frombuffer(payload, kind).astype(kind[1:]).reshape(-1, width)

