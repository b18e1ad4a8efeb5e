"""A partition: the cells of a network over a domain, with their graph, and what can be asked of it.

Main definitions: `Partition`, `load_partition`.

Conventions: cells are numbered in the order they were found.  Points are in the domain's own coordinates
(``t`` of a slice).  Every answer is exact; `witnesses` alone gives doubles (which say witnesses exactly,
but for the cells of `results.exact_points`).

References: Hanin and Rolnick, Deep ReLU networks have surprisingly few activation patterns (2019), for
cells and linear regions; Grigsby and Lindsey, On transversality of bent hyperplane arrangements (2022),
for the complex.

Not here: how cells are found (`enumerate`), one cell (`cell`), volumes and vertices of polyhedra
(`geometry`).
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from exactcpa import geometry
from exactcpa.cell import (
    AffineMap,
    Cell,
    IntegerRow,
    describe_cell,
    facet_rows,
    flat_units_of,
    output_map,
    walls_of,
)
from exactcpa.domain import Domain
from exactcpa.errors import BadArgument, OutsideDomain, shown
from exactcpa.ideal import IdealNetwork
from exactcpa.location import Location, locate
from exactcpa.network import Network
from exactcpa.partition_blocks import head, read_results, write_results
from exactcpa.partition_file import PartitionWriter
from exactcpa.patterns import Place, integer, places_of, to_pieces
from exactcpa.real_lines import AnyLines, RealLines, lines_of
from exactcpa.results import Facets, Results
from exactcpa.stream_place import partition_of
from exactcpa.switch_form import SwitchForm
from exactcpa.vectors import Vector, coordinates, vector_text

if TYPE_CHECKING:
    import networkx as nx

EDGES_AT_ONCE = 1 << 16
"""Edges whose patterns are compared in one array operation."""


@dataclass(frozen=True, eq=False)
class Partition:
    """The cells of a network over a domain.

    Cell numbers count from 0, negative ones from the end.

    Attributes:
        network: What was cut.
        domain: Where.
        form: The network over the domain in switch form.
        results: What was found, as arrays.

    Raises:
        BadArgument: From the methods: there is no such cell; there are no facets (`enumerate_cells` was told
            ``facets=False``), where the region graph or linear regions are asked for.

    Example:
        >>> from exactcpa import Box, Linear, Network, ReLU, enumerate_cells
        >>> part = enumerate_cells(Network(1, [Linear([[1], [1]], [0, "-1/2"]), ReLU()]), Box([-1], [1]))
        >>> print(part)
        partition of [-1, 1] into 3 cells
        >>> (i,) = part.locate(["3/4"]).cells
        >>> print(part.affine_map(i))
        (1*t0, 1*t0 + -1/2)
    """

    network: Network | IdealNetwork
    domain: Domain
    form: SwitchForm = field(repr=False)
    results: Results = field(repr=False)

    @cached_property
    def lines(self) -> AnyLines:
        """The network's lines on every cell, which all exact answers are read from."""
        return lines_of(self.form)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where the decision of each pattern bit stands."""
        return places_of(self.form)

    def __len__(self) -> int:
        return len(self.results.words)

    def __str__(self) -> str:
        return f"partition of {self.domain} into {len(self):,} cells"

    def __eq__(self, other: object) -> bool:
        """The same cells, facets and linear regions in the same order; how they were found does not count."""
        if not isinstance(other, Partition):
            return NotImplemented
        return (
            self.network == other.network
            and self.domain == other.domain
            and self.results.exact_points == other.results.exact_points
            and all(
                (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
                for a, b in zip(_arrays(self.results), _arrays(other.results), strict=True)
            )
        )

    __hash__ = None  # type: ignore[assignment]  # arrays are compared entry by entry

    def __reduce__(self) -> tuple[type[Partition], tuple[object, ...]]:
        return Partition, (self.network, self.domain, self.form, self.results)

    @property
    def patterns(self) -> np.ndarray:
        """Piece of every unit on every cell: shape ``(cells, units)``, uint8 (uint16 beyond 255 pieces)."""
        return to_pieces(self.form, self.results.words)

    @property
    def witnesses(self) -> np.ndarray:
        """Shape ``(cells, d)``: points strictly inside the cells (`witness` where doubles do not suffice)."""
        return self.results.points

    def witness(self, i: int) -> Vector:
        """The exact witness of a cell."""
        number = self._number(i)
        known = self.results.exact_points.get(number)
        return known if known is not None else tuple(map(Fraction, self.results.points[number].tolist()))

    def summary(self) -> dict[str, Any]:
        """Counts and how they were found; what ``exactcpa enumerate --json`` prints."""
        return dict(self.results.facts)

    def graph(self) -> nx.Graph:
        """The region graph, for partitions that networkx can hold (a million cells take a minute).

        Returns:
            Nodes are cell numbers, with `pattern` and `witness`; edges have `units`, all that switch across.
        """
        import networkx as nx  # a tenth of the time that a short command takes

        facets = self._require_facets()
        patterns = self.patterns
        result = nx.Graph()
        rows = map(tuple, patterns.tolist())
        result.add_nodes_from((i, {"pattern": row, "witness": self.witness(i)}) for i, row in enumerate(rows))
        cells = np.repeat(np.arange(len(self)), np.diff(facets.starts))
        once = np.flatnonzero(cells < facets.neighbours)
        for start in range(0, len(once), EDGES_AT_ONCE):
            chosen = once[start : start + EDGES_AT_ONCE]
            result.add_edges_from(self._edges(patterns, cells[chosen], facets.neighbours[chosen]))
        return result

    def _edges(
        self, patterns: np.ndarray, ones: np.ndarray, others: np.ndarray
    ) -> Iterator[tuple[int, int, dict[str, tuple[tuple[int, int], ...]]]]:
        """Edges with the units in which the patterns differ."""
        names = [(unit.layer, unit.index) for unit in self.form.units]
        edges, units = np.nonzero(patterns[ones] != patterns[others])
        bounds = np.searchsorted(edges, np.arange(len(ones) + 1)).tolist()
        switching = units.tolist()
        for i, j, (a, b) in zip(ones.tolist(), others.tolist(), pairwise(bounds), strict=True):
            yield i, j, {"units": tuple([names[u] for u in switching[a:b]])}

    def adjacency(self) -> tuple[np.ndarray, np.ndarray]:
        """The region graph as CSR arrays ``(starts, neighbours)``, for any size.

        The neighbours of cell ``i`` are ``neighbours[starts[i]:starts[i + 1]]``.
        """
        facets = self._require_facets()
        return facets.starts, facets.neighbours

    def linear_regions(self) -> list[tuple[int, ...]]:
        """The linear regions, each a tuple of cells that are facet-connected and have one affine map."""
        labels = self._require_facets().regions
        order = np.argsort(labels, kind="stable")
        bounds = np.searchsorted(labels[order], np.arange(labels.max() + 2)).tolist()
        members = order.tolist()
        return [tuple(members[a:b]) for a, b in pairwise(bounds)]

    def affine_map(self, i: int) -> AffineMap:
        """The exact affine map of the network on a cell, in the domain's own coordinates."""
        return output_map(self.lines, self._pattern(self._number(i)))

    def affine_maps(self) -> list[AffineMap]:
        """The map of every cell."""
        return [output_map(self.lines, self._pattern(i)) for i in range(len(self))]

    def distinct_affine_maps(self) -> int:
        """Number of different affine maps; linear regions apart from each other may share one."""
        last = len(self.form.layers) - 1
        facets = self.results.facets
        # Cells of one linear region have one map; labels are numbered by first appearance.
        cells = (
            range(len(self)) if facets is None else np.unique(facets.regions, return_index=True)[1].tolist()
        )
        maps = [self.lines.at(last, self._pattern(i)).rows for i in cells]
        if isinstance(self.lines, RealLines):
            different: list[object] = []
            different.extend(rows for rows in maps if rows not in different)
            return len(different)
        return len(set(maps))

    def cell(self, i: int) -> Cell:
        """A cell with its rows; facets are marked, with the cells across.

        If the partition was made without facets they are found now, and no cells across are told.

        Raises:
            BadArgument: There is no such cell; the partition is of the ideal reading and without facets.
        """
        number = self._number(i)
        facets, across = self.results.facets, None
        if facets is not None:
            span = slice(*facets.starts[number : number + 2].tolist())
            across = dict(zip(facets.bits[span].tolist(), facets.neighbours[span].tolist(), strict=True))
        pieces = tuple(to_pieces(self.form, self.results.words[number : number + 1])[0].tolist())
        pattern, witness = self._pattern(number), self.witness(number)
        return describe_cell(self.lines, self.places, self.domain, number, pieces, pattern, witness, across)

    def flat_units(self, i: int) -> tuple[tuple[int, int], ...]:
        """The units that are identically at a breakpoint, or identically tied, on a cell."""
        return flat_units_of(self.lines, self.places, self._pattern(self._number(i)))

    def locate(self, point: Sequence[Any]) -> Location:
        """All cells whose closure contains a point, exactly.

        Args:
            point: Shape ``(d,)``, in the domain's own coordinates.

        Returns:
            The cells, the units that bound them there, and whether the point is on the domain's boundary.

        Raises:
            BadArgument: No list of numbers.
            DimensionMismatch: The point has another length.
            OutsideDomain: The point is not in the domain.
        """
        if isinstance(point, str) or not isinstance(point, Iterable):
            raise BadArgument(f"expected a point, a list of numbers, got {shown(point)}")
        t = coordinates(tuple(point), self.domain.dimension)
        if not self.domain.contains(t):
            raise OutsideDomain(f"expected a point of {self.domain}, got {vector_text(t)}")
        return locate(self.lines, self.places, self.domain, self.results.words, t)

    def volumes(self) -> list[Fraction]:
        """Exact volume of every cell, in the domain's own coordinates; meant for d <= 3, right for any d.

        Raises:
            BadArgument: The partition is of the ideal reading and its rows are irrational.
        """
        self.require_rational()
        walls = walls_of(self.domain)
        return [self._volume(i, walls) for i in range(len(self))]

    def vertices(self, i: int) -> list[Vector]:
        """Exact vertices of a cell; in cyclic order for d = 2.

        Raises:
            BadArgument: As `volumes`.
        """
        rows = self.rows_of(i)
        return list(geometry.polygon(rows) if self.domain.dimension == 2 else geometry.vertices(rows))

    def rows_of(self, i: int) -> list[IntegerRow]:
        """Integer rows that define a cell, those of the domain last: for exact questions about many cells.

        Raises:
            BadArgument: As `require_rational`.
        """
        self.require_rational()
        number = self._number(i)
        pattern = self._pattern(number)
        facets = self.results.facets
        if facets is not None:
            bits = facets.bits[facets.starts[number] : facets.starts[number + 1]].tolist()
        else:
            bits = [b for b in range(self.form.bits) if not (self.places[b].group and pattern >> b & 1)]
        return facet_rows(self.lines, self.places, pattern, bits, walls_of(self.domain))

    def require_rational(self) -> None:
        """The rows of the cells are rational.

        Raises:
            BadArgument: The partition is of the ideal reading.
        """
        if isinstance(self.lines, RealLines):
            raise BadArgument(
                "expected a partition with rational rows, got one of the ideal reading: its vertices are irrational"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the partition, without proof, to a file that `load_partition` reads.

        Raises:
            BadFile: The file cannot be written; nothing is left of it.
        """
        facets = self.results.facets is not None
        with PartitionWriter(path) as writer:
            method = self.results.facts["method"]
            writer.append_json(
                "HEAD", head(self.network, self.domain, method=method, facets=facets, scales=None)
            )
            write_results(writer, self.results)

    def _volume(self, number: int, walls: list[IntegerRow]) -> Fraction:
        """The volume of a cell; one that its facets alone keep away from the walls needs no others."""
        d, rows = self.domain.dimension, self.rows_of(number)
        inner = rows[: len(rows) - len(walls)]
        if self.results.facets is not None and len(inner) > d:
            found = geometry.find_vertices(inner)
            if isinstance(found, geometry.Vertices) and all(
                _holds(corner, walls) for corner in found.homogeneous
            ):
                return geometry.volume_of(found, d)
        return geometry.volume(rows)

    def _require_facets(self) -> Facets:
        if self.results.facets is None:
            raise BadArgument(
                "expected a partition with facets, got one that was enumerated with facets=False"
            )
        return self.results.facets

    def _pattern(self, number: int) -> int:
        return integer(self.results.words[number])

    def _number(self, i: int) -> int:
        """A cell number; negative ones count from the end."""
        try:
            number = operator.index(i)
        except TypeError:
            raise BadArgument(f"expected a cell number, got {shown(i)}") from None
        if not -len(self) <= number < len(self):
            raise BadArgument(f"expected a cell number below {len(self)}, got {number}")
        return number % len(self)


def _holds(corner: IntegerRow, rows: list[IntegerRow]) -> bool:
    """Whether a homogeneous point satisfies all rows."""
    *point, height = corner
    return all(sum(map(operator.mul, row, point)) <= row[-1] * height for row in rows)


def _arrays(results: Results) -> tuple[np.ndarray | None, ...]:
    """What two partitions must have in common."""
    facets = results.facets
    if facets is None:
        return results.words, results.points, None, None, None, None
    return results.words, results.points, facets.starts, facets.bits, facets.neighbours, facets.regions


def load_partition(path: str | os.PathLike[str]) -> Partition:
    """Read a partition file (its results; the proof is for `check`).

    All bytes are compared with the file's checksums; then the arrays are views of the file, read when they are used.
    The file must not be cut short meanwhile; replacing it by another is harmless.

    Args:
        path: The file, or the folder of a finished stream.

    Returns:
        The partition.

    Raises:
        BadArgument: Not a path.
        BadFile: Not a partition file of this version, damaged, or its parts do not fit together; a stream
            that is not finished.
    """
    stored = read_results(partition_of(path) if isinstance(path, str | os.PathLike) else path)
    return Partition(stored.network, stored.domain, stored.form, stored.results)
