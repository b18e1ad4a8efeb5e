"""Counting cells, every decision proved, nothing kept but totals.

The walk is that of `enumerate_cells`, by the same rigorous filters and exact answers, and what it finds is added up and
forgotten: memory is that of one path of the split tree and some buffers, whatever the number of cells.

A facet between two cells is a facet of both, and of no other cell.  So the facets of all cells that are not on the
domain's boundary are counted twice; half their number is that of the pairs of neighbours.

Main definitions: `count_cells`, `CellCount`; `count_in_steps`, `Totals`.

Not here: cells themselves (`enumerate`), a forecast of their number (`estimate`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactcpa import geometry
from exactcpa.cell import walls_of
from exactcpa.count_maps import MapCounter
from exactcpa.domain import Domain
from exactcpa.enumerate import chunks_of, method_for, require_arguments, seconds_to_load
from exactcpa.errors import BadArgument, CertificateRejected, shown
from exactcpa.ideal import IdealNetwork
from exactcpa.network import Network
from exactcpa.numbers import decimal_text
from exactcpa.parallel import Job
from exactcpa.partition import Partition
from exactcpa.progress import Progress
from exactcpa.results import Facets, Results
from exactcpa.switch_form import SwitchForm, switch_form
from exactcpa.walk import Chunk, Tally


@dataclass(frozen=True, slots=True)
class CellCount:
    """How many cells a network has on a domain, and what else was added up.

    Attributes:
        cells: Their number; if not `complete`, of those found so far, a proved lower bound.
        complete: Whether the walk came to its end, so that these are all.
        edges: Pairs of cells with a common facet, or None if facets were not asked for, or not all are found.
        affine_maps_at_least: A proved lower bound of the number of different affine maps, or None.
        volume: Exact sum of the volumes of the cells, or None; if `complete`, found equal to the domain's volume.
        share: Share of the split tree that is done.
        dimension, units: Of the search.
        seconds: Of the walk.
        decided_exactly: Questions that doubles left open.
        records: Proof records that were made, not kept.
        method, reading: As in `Partition.summary`.
    """

    cells: int
    complete: bool
    edges: int | None
    affine_maps_at_least: int | None
    volume: Fraction | None
    share: float
    dimension: int
    units: int
    seconds: float
    decided_exactly: int
    records: int
    method: str
    reading: str

    @property
    def cells_per_second(self) -> float:
        """How fast that was."""
        return self.cells / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """Say it in a line or two."""
        found = [f"{self.cells:,} cells"]
        if self.edges is not None:
            found.append(f"{self.edges:,} shared facets")
        if self.affine_maps_at_least is not None:
            found.append(f"at least {self.affine_maps_at_least:,} affine maps")
        if self.volume is not None:
            found.append(f"volume {decimal_text(self.volume)}")
        text = ", ".join(found)
        if not self.complete:
            done = f"{100 * min(1.0, self.share):.3g} % of its tree"
            return f"partial: at least {text}; the walk was stopped after {done}"
        rate = f"{self.cells_per_second:,.0f} cells a second"
        return (
            f"{text}; every decision proved\n"
            f"{self.seconds:.3g} s, {rate}, {self.decided_exactly:,} decided exactly"
        )


def count_cells(
    network: Network | IdealNetwork,
    domain: Domain,
    *,
    method: str = "auto",
    workers: int = 1,
    executor: Executor | None = None,
    progress: bool | Callable[[Tally], object] | None = None,
    facets: bool = False,
    volume: bool = False,
    maps: bool = False,
) -> CellCount:
    """Count the cells of a network over a domain, every decision proved, in memory that does not grow with them.

    Args:
        network: The network.
        domain: Its domain.
        method: As for `enumerate_cells`, like the next three.
        workers: How many processes walk at a time.
        executor: Who runs the tasks instead.
        progress: Who is told how far the walk is.
        facets: Whether to count the facets between cells.
        volume: Whether to add up the exact volumes and compare with the domain's; for few cells in few dimensions.
        maps: Whether to count different affine maps, from below; see `count_maps`.  Takes 32 MiB.

    Raises:
        BadArgument: As `enumerate_cells`; volumes or maps in the ideal reading, whose numbers are irrational.
        DimensionMismatch: The domain is not in the network's input space.
        CertificateRejected: Facets or volumes do not fit together: an error of the engine.
        Undecided, WorkerLost: As `enumerate_cells`.

    Example:
        >>> import exactcpa as cpa
        >>> lines = cpa.Linear([[1, 0], [0, 1]], [0, 0])
        >>> count = cpa.count_cells(cpa.Network(2, (lines, cpa.ReLU())), cpa.Box([-1, -1], [1, 1]), facets=True)
        >>> count.cells, count.edges
        (4, 4)
    """
    steps = count_in_steps(
        network,
        domain,
        method=method,
        workers=workers,
        executor=executor,
        facets=facets,
        volume=volume,
        maps=maps,
    )
    with Progress(progress) as reporter:
        for totals in steps:
            reporter.update(totals.tally)
    return totals.count()


def count_in_steps(
    network: Network | IdealNetwork,
    domain: Domain,
    *,
    method: str = "auto",
    workers: int = 1,
    executor: Executor | None = None,
    facets: bool = False,
    volume: bool = False,
    maps: bool = False,
) -> Iterator[Totals]:
    """As `count_cells`, with what is added up so far: before, after every stretch of the walk, and at its end."""
    require_arguments(network, domain, method=method, workers=workers, facets=facets)
    for name, value in {"volume": volume, "maps": maps}.items():
        if not isinstance(value, bool):
            raise BadArgument(f"expected {name} to be True or False, got {shown(value)}")
        if value and isinstance(network, IdealNetwork):
            raise BadArgument(f"{name} cannot be counted in the ideal reading, whose numbers are irrational")
    form = switch_form(network, domain)
    totals = Totals(network, domain, form, facets=facets, volume=volume, maps=maps)
    used = method_for(method, network, form, facets=facets or volume)
    job = Job(network, domain, facets=facets or volume, proof=False, method=used)
    yield totals
    seconds_to_load(form, used)
    totals.begin(used)
    for chunk in chunks_of(job, form, workers=workers, executor=executor):
        totals.add(chunk)
        yield totals
    totals.finish()
    yield totals


class Totals:
    """What is added up.  It is right at any time: cells found so far are cells, each counted once.

    Attributes:
        tally: How far the walk is.
    """

    def __init__(
        self,
        network: Network | IdealNetwork,
        domain: Domain,
        form: SwitchForm,
        *,
        facets: bool,
        volume: bool,
        maps: bool,
    ) -> None:
        self._network, self._domain, self._form = network, domain, form
        self._wants_facets = facets
        self._cells = self._facets = 0
        self._maps = MapCounter(form) if maps else None
        self._volumes: list[Fraction] | None = [] if volume else None
        self.tally = Tally(0, 0.0, 0, 0, 0)
        self._complete, self._seconds, self._method = False, 0.0, "lp"
        self.begin("lp")

    def begin(self, method: str) -> None:
        """Start the clock: kernels are loaded."""
        self._start, self._method = time.perf_counter(), method

    def add(self, chunk: Chunk) -> None:
        """Add a chunk."""
        self._cells += len(chunk.bits)
        self._facets += int(chunk.facets.sum())
        self.tally = chunk.tally
        if self._maps is not None:
            self._maps.add(chunk.bits)
        if self._volumes is not None and len(chunk.bits):
            for part in _volumes(self._network, self._domain, self._form, chunk):
                _carry(self._volumes, part)
        self._seconds = time.perf_counter() - self._start

    def finish(self) -> None:
        """The walk is at its end: what must fit together does."""
        if self._facets % 2:
            raise CertificateRejected(f"{self._facets} facets, an odd number: one is seen from one side only")
        if self._volumes is not None:
            found, whole = _sum(self._volumes), geometry.volume(walls_of(self._domain))
            if found != whole:
                raise CertificateRejected(
                    f"the cells have volume {decimal_text(found)}, the domain {decimal_text(whole)}"
                )
        self._complete, self._seconds = True, time.perf_counter() - self._start

    def count(self) -> CellCount:
        """What is counted so far."""
        return CellCount(
            cells=self._cells,
            complete=self._complete,
            edges=self._facets // 2 if self._wants_facets and self._complete else None,
            affine_maps_at_least=self._maps and self._maps.at_least(),
            volume=None if self._volumes is None else _sum(self._volumes),
            share=self.tally.share,
            dimension=self._form.dimension,
            units=len(self._form.units),
            seconds=self._seconds,
            decided_exactly=self.tally.decided_exactly,
            records=self.tally.records,
            method=self._method,
            reading="deployed" if isinstance(self._network, Network) else "ideal",
        )


def _volumes(
    network: Network | IdealNetwork, domain: Domain, form: SwitchForm, chunk: Chunk
) -> list[Fraction]:
    """The exact volumes of the cells of a chunk, seen as a partition of their own."""
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(chunk.facets)])
    rows = np.where(chunk.flips[:, 1] >= 0, chunk.flips[:, 1], chunk.flips[:, 0]).astype(np.int32)
    nowhere = np.full(len(rows), -1, np.int64)
    facets = Facets(starts, rows, nowhere, np.zeros(len(chunk.bits), np.int64))
    facts: dict[str, Any] = {}
    return Partition(network, domain, form, Results(chunk.bits, chunk.points, {}, facets, facts)).volumes()


def _carry(sums: list[Fraction], value: Fraction) -> None:
    """Add a value to sums of 1, 2, 4, .. consecutive ones (0: none), as a binary counter does.

    Cells that follow each other lie together, and the volume of what they fill has a smaller denominator than theirs.
    """
    for i, other in enumerate(sums):
        if not other:
            sums[i] = value
            return
        value, sums[i] = value + other, Fraction(0)
    sums.append(value)


def _sum(sums: list[Fraction]) -> Fraction:
    return sum(sums, Fraction(0))
