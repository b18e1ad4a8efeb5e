"""The decision boundary: where the largest outputs of a network tie, exactly, as pieces over the cells.

On a cell the outputs are affine, so the set where two of them tie and no other is larger is a polyhedron.  Pieces of
any dimension are found: a tie all over a cell, a piece that lies on a facet and belongs to two cells, a single point.

Main definitions:
    decision_boundary: The verb; gives a DecisionBoundary.
    DecisionBoundary: Its pieces, and the faces where three and more classes meet.
    Piece: One polyhedron.

Conventions:
    Classes are numbers of outputs.  One output has the classes 0 (below the threshold) and 1 (above).  Pieces are
    closed and maximal: none is contained in another one.  Rows are ``(n_1, .., n_d, b)``, integers, ``<n, t> <= b``,
    in the domain's own coordinates.

References:
    Grigsby and Lindsey, On transversality of bent hyperplane arrangements (2022): the boundary as a subcomplex.

Not here: nearest points of it (`margin`), the cells (`partition`), pictures (`picture`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

from exactcpa import geometry
from exactcpa.cell import IntegerRow
from exactcpa.errors import BadArgument, shown
from exactcpa.exact_points import common
from exactcpa.halfspaces import irredundant, tightest, to_integers
from exactcpa.nearest_float import Rounded, float_nearest, round_rows
from exactcpa.numbers import exactly, to_json_number
from exactcpa.partition import Partition
from exactcpa.relative_interior import Flat, lifted, relative_interior, within
from exactcpa.vectors import Vector, dot, plain

Function = tuple[Vector, Fraction]
"""``t -> <gradient, t> + constant``."""

CELLS_AT_ONCE = 256
"""Cells whose pairs are asked for in one call of the kernels."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A polyhedron on which classes tie and no other output is larger.

    Attributes:
        cells: All cells that contain it, ascending; two or more if it lies on their common faces.
        classes: All classes that tie all over it, two or more.
        rows: Rows that define it within its affine hull.
        flat: The hull, and a point of the relative interior.
    """

    cells: tuple[int, ...]
    classes: tuple[int, ...]
    rows: tuple[IntegerRow, ...] = field(repr=False)
    flat: Flat = field(repr=False)

    @property
    def cell(self) -> int:
        """The first cell that contains it."""
        return self.cells[0]

    @property
    def pair(self) -> tuple[int, int]:
        """The first two classes."""
        return self.classes[0], self.classes[1]

    @property
    def witness(self) -> Vector:
        """A point of its relative interior."""
        return self.flat.point

    @property
    def equalities(self) -> tuple[IntegerRow, ...]:
        """Independent rows that hold with equality on it; they define its affine hull."""
        return self.flat.hull

    @property
    def dimension(self) -> int:
        """Its dimension: d - 1 as a rule, d where outputs are equal on a part of a cell."""
        return self.flat.dimension

    def vertices(self) -> tuple[Vector, ...]:
        """The exact vertices, meant for d <= 3, right for any d; a polygon's in cyclic order."""
        if not self.dimension:
            return (self.witness,)
        inner = self._inner()
        found = geometry.polygon(inner) if self.dimension == 2 else geometry.vertices(inner)
        return tuple([lifted(self.flat.frame, point) for point in found])

    def facets(self) -> tuple[IntegerRow, ...]:
        """The rows without which it would be larger; of rows that say the same on it the first."""
        if not self.dimension:
            return ()
        return tuple([self.rows[k] for k in irredundant(self._inner(), common(self.flat.local))])

    def _inner(self) -> list[IntegerRow]:
        """The rows in the coordinates of the hull."""
        return [to_integers(*within(self.flat.frame, row)) for row in self.rows]

    def contains(self, point: Sequence[Fraction]) -> bool:
        """Whether a point of rationals is in the closed piece."""
        return all(dot(row[:-1], point) == row[-1] for row in self.equalities) and all(
            dot(row[:-1], point) <= row[-1] for row in self.rows
        )

    def to_json(self) -> dict[str, Any]:
        """The piece as a JSON value; numbers are exact."""
        return {
            "cells": list(self.cells),
            "classes": list(self.classes),
            "dimension": self.dimension,
            "equalities": [list(row) for row in self.equalities],
            "rows": [list(row) for row in self.rows],
            "witness": plain(self.witness),
        }

    def __str__(self) -> str:
        where = f"cell {self.cell}" if len(self.cells) == 1 else f"cells {', '.join(map(str, self.cells))}"
        return f"classes {' = '.join(map(str, self.classes))} in {where}, dimension {self.dimension}"


@dataclass(frozen=True)
class DecisionBoundary:
    """The set where the largest outputs tie.

    Attributes:
        partition: The cells.
        threshold: What one output is compared with; None of several.
        pieces: The maximal polyhedra whose union it is.
        meetings: Polyhedra on which three or more classes tie, each once; they lie in pieces.
    """

    partition: Partition = field(repr=False)
    threshold: Fraction | None
    pieces: tuple[Piece, ...] = field(repr=False)
    meetings: tuple[Piece, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def of_cell(self, i: int) -> tuple[Piece, ...]:
        """The pieces in a closed cell."""
        return tuple([piece for piece in self.pieces if i in piece.cells])

    def contains(self, point: Sequence[Any]) -> bool:
        """Whether a point of the domain is on the boundary."""
        t = tuple([exactly(q) for q in point])
        return any(piece.contains(t) for piece in self.pieces)

    def summary(self) -> dict[str, Any]:
        """Counts: pieces, by dimension and by classes; pieces on common faces; meetings."""
        dimensions = Counter(piece.dimension for piece in self.pieces)
        classes = Counter(piece.classes for piece in self.pieces)
        return {
            "pieces": len(self.pieces),
            "dimensions": {str(k): dimensions[k] for k in sorted(dimensions)},
            "classes": {" = ".join(map(str, key)): classes[key] for key in sorted(classes)},
            "on_common_faces": sum(len(piece.cells) > 1 for piece in self.pieces),
            "meetings": len(self.meetings),
            "threshold": None if self.threshold is None else to_json_number(self.threshold),
        }

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON value."""
        pieces = [piece.to_json() for piece in self.pieces]
        return self.summary() | {
            "pieces": pieces,
            "meetings": [piece.to_json() for piece in self.meetings],
        }

    def __str__(self) -> str:
        return f"decision boundary of {len(self.pieces):,} pieces over {len(self.partition):,} cells"


def decision_boundary(part: Partition, threshold: Any = None) -> DecisionBoundary:
    """Find the set where the two largest outputs tie; of one output, where it equals a threshold.

    Args:
        part: The cells.
        threshold: Of one output only; 0 by default.

    Raises:
        BadArgument: No partition, a threshold for several outputs, no cell's map rational (the ideal reading).

    Example:
        >>> from exactcpa import Box, Linear, Network, ReLU, enumerate_cells
        >>> net = Network(2, [Linear([[1, 0]], [0]), ReLU(), Linear([[1], [0]], [0, 0])])  # relu(x) against 0
        >>> boundary = decision_boundary(enumerate_cells(net, Box([-1, -1], [1, 1])))
        >>> [str(piece) for piece in boundary]
        ['classes 0 = 1 in cell 0, dimension 2']
    """
    if not isinstance(part, Partition):
        raise BadArgument(f"expected a partition (enumerate_cells makes one), got {shown(part)}")
    level = _require_threshold(part, threshold)
    candidates: list[_Face] = []
    for start in range(0, len(part), CELLS_AT_ONCE):
        candidates += _faces_of_cells(part, range(start, min(start + CELLS_AT_ONCE, len(part))), level)
    faces = _across_cells(part, candidates)
    of_cell: dict[int, list[_Face]] = {i: [] for i in range(len(part))}
    for face in candidates:
        of_cell[face.cells[0]].append(face)
    maximal = [_piece(face) for face in faces if _is_maximal(face, of_cell)]
    meetings = [_piece(face) for face in faces if len(face.classes) > 2]
    return DecisionBoundary(part, level, tuple(maximal), tuple(meetings))


def classes_of(part: Partition, i: int, level: Fraction | None) -> tuple[Function, ...]:
    """The functions whose largest one is the class on a cell: the outputs, or 0 and what is above the threshold."""
    found = part.affine_map(i)
    functions = tuple(zip(found.matrix, found.shift, strict=True))
    if level is None:
        return functions
    gradient, constant = functions[0]
    return ((Fraction(0),) * len(gradient), Fraction(0)), (gradient, constant - level)


def tie_row(functions: Sequence[Function], larger: int, smaller: int) -> IntegerRow:
    """``smaller <= larger`` as an integer row."""
    (a, b), (p, q) = functions[larger], functions[smaller]
    return to_integers([s - t for s, t in zip(p, a, strict=True)], b - q)


def _require_threshold(part: Partition, threshold: Any) -> Fraction | None:
    part.require_rational()
    outputs = part.network.output
    if outputs > 1:
        if threshold is not None:
            raise BadArgument(
                f"expected no threshold for {outputs} outputs, got {shown(threshold)}: their largest one decides"
            )
        return None
    return Fraction(0) if threshold is None else exactly(threshold)


# ---------------------------------------------------------------------- faces of one cell


@dataclass(frozen=True, slots=True)
class _Face:
    """The part of a cell where classes tie at the top; `cells` only the one it was found in, at first."""

    cells: tuple[int, ...]
    classes: tuple[int, ...]
    table: tuple[IntegerRow, ...]
    ties: tuple[IntegerRow, ...]
    on_cell: bool
    flat: Flat


def _faces_of_cells(part: Partition, cells: Sequence[int], level: Fraction | None) -> list[_Face]:
    """All faces of some cells; pairs that doubles prove apart are left out."""
    tables = [part.rows_of(i) for i in cells]
    functions = [classes_of(part, i, level) for i in cells]
    pairs = list(combinations(range(len(functions[0])), 2))
    near = _not_apart(part, cells, tables, functions, pairs)
    faces = []
    for i, table, outputs, mine in zip(cells, tables, functions, near, strict=True):
        faces += _faces_of_cell(
            i, table, outputs, [pair for pair, is_near in zip(pairs, mine, strict=True) if is_near]
        )
    return faces


def _not_apart(
    part: Partition,
    cells: Sequence[int],
    tables: Sequence[Sequence[IntegerRow]],
    functions: Sequence[Sequence[Function]],
    pairs: Sequence[tuple[int, int]],
) -> np.ndarray:
    """Which pairs may tie at the top on which cell: the others are proved to do so nowhere within the domain's size."""
    d = part.domain.dimension
    blocks, problems, count = [], [], 0
    for i, table, outputs in zip(cells, tables, functions, strict=True):
        witness = part.witness(i)
        rows = list(table)
        index = {}
        for a, b in pairs:
            index[a, b], index[b, a] = len(rows), len(rows) + 1
            rows += [tie_row(outputs, a, b), tie_row(outputs, b, a)]
        blocks.append(round_rows([(*row[:-1], row[-1] - dot(row[:-1], witness)) for row in rows], d))
        for a, b in pairs:
            others = [index[a, k] for k in range(len(outputs)) if k not in (a, b)]
            chosen = [*range(len(table)), index[a, b], index[b, a], *others]
            problems.append([count + k for k in chosen])
        count += len(rows)
    table = Rounded(
        *(np.concatenate([getattr(block, name) for block in blocks]) for name in ("rows", "errors"))
    )
    widest = max(high - low for low, high in zip(part.domain.lower, part.domain.upper, strict=True))
    bounds = float_nearest("inf", table, problems, np.inf).bounds.tolist() if problems else []
    return np.array([Fraction(b) <= widest for b in bounds], dtype=bool).reshape(len(cells), len(pairs))


def _faces_of_cell(
    i: int, table: Sequence[IntegerRow], outputs: Sequence[Function], pairs: Sequence[tuple[int, int]]
) -> list[_Face]:
    """The faces of all sets of classes that tie somewhere on a cell: pairs, then one class more, and so on."""
    faces: dict[tuple[int, ...], _Face] = {}
    asked: set[tuple[int, ...]] = set()
    waiting: list[tuple[int, ...]] = list(pairs)
    near = set(pairs)
    while waiting:
        chosen = waiting.pop()
        if chosen in asked:
            continue
        asked.add(chosen)
        face = _face(i, table, outputs, chosen)
        if face is None or face.classes in faces:
            continue
        faces[face.classes] = face
        for k in range(len(outputs)):
            if k not in face.classes and all((min(k, c), max(k, c)) in near for c in face.classes):
                waiting.append(tuple(sorted((*face.classes, k))))
    return list(faces.values())


def _face(
    i: int, table: Sequence[IntegerRow], outputs: Sequence[Function], chosen: Sequence[int]
) -> _Face | None:
    """The part of a cell where some classes tie at the top, with all classes that tie there; None: nowhere."""
    first, *others = chosen
    ties = [tie_row(outputs, first, k) for k in others]
    above = [tie_row(outputs, first, k) for k in range(len(outputs)) if k not in chosen]
    flat = relative_interior([*table, *above], len(table[0]) - 1, ties)
    if flat is None:
        return None
    values = [dot(gradient, flat.point) + constant for gradient, constant in outputs]
    classes = tuple([k for k, value in enumerate(values) if value == values[first]])
    on_cell = any(number < len(table) for number in flat.tight)
    return _Face((i,), classes, (*table, *above), tuple(ties), on_cell, flat)


# ---------------------------------------------------------------------- one complex of all


def _across_cells(part: Partition, candidates: Sequence[_Face]) -> list[_Face]:
    """Every face once, with all cells that contain it.

    Cells meet in common faces.  So what ties on a common face is, in each cell that contains it, a face of what ties
    there: the whole of that, or of a smaller dimension and then no face of its own.
    """
    known = {(face.cells[0], face.classes): face for face in candidates}
    found = []
    for face in candidates:
        if not face.on_cell:
            found.append(face)
            continue
        cells = part.locate(face.flat.point).cells
        twins = [known[j, face.classes] for j in cells]
        if all(twin.flat.dimension <= face.flat.dimension for twin in twins) and face.cells[0] == min(cells):
            found.append(_Face(cells, face.classes, face.table, face.ties, face.on_cell, face.flat))
    return found


def _is_maximal(face: _Face, known: Mapping[int, Sequence[_Face]]) -> bool:
    """Whether a face with many classes is no part of one with fewer; the point inside tells."""
    return not any(
        other.flat.dimension > face.flat.dimension
        and set(other.classes) < set(face.classes)
        and _holds(other, face.flat.point)
        for i in face.cells
        for other in known[i]
    )


def _holds(face: _Face, point: Vector) -> bool:
    return all(dot(row[:-1], point) == row[-1] for row in face.ties) and all(
        dot(row[:-1], point) <= row[-1] for row in face.table
    )


def _piece(face: _Face) -> Piece:
    """A face with the rows that say something on it."""
    inner = [to_integers(*within(face.flat.frame, row)) for row in face.table]
    return Piece(face.cells, face.classes, tuple([face.table[k] for k in tightest(inner)]), face.flat)
