"""The verb: a network and a domain in, a proved partition out.

Main definitions: `enumerate_cells`; `chunks_of`, the walk without what becomes of it.

Not here: the walk (`walk`), the region graph (`adjacency`), the result (`partition`), the file
(`partition_file`), enumeration to disk
(`stream_walk`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import nullcontext
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from exactcpa.adjacency import Graph, region_graph, row_bits
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.errors import BadArgument, CertificateRejected, DimensionMismatch, shown
from exactcpa.exact_points import Point, nearest_double
from exactcpa.float_form import ScaledForm, float_domain, float_form
from exactcpa.ideal import IdealNetwork
from exactcpa.kernels.loaded import load_kernels_for, load_matching
from exactcpa.network import Network
from exactcpa.parallel import Job, prepared, walk_in_parallel
from exactcpa.partition import Partition, load_partition
from exactcpa.partition_blocks import bytes_of, head, write_cells, write_end
from exactcpa.partition_file import PartitionWriter
from exactcpa.progress import Progress
from exactcpa.results import Facets, Results
from exactcpa.stream_assembly import assemble
from exactcpa.stream_folder import StreamFolder
from exactcpa.stream_walk import walk_to_disk
from exactcpa.switch_form import SwitchForm, switch_form
from exactcpa.walk import Chunk, Tally, walk

METHODS = ("auto", "lp", "vertex")

MOST_DIMENSIONS = 6
"""Dimension up to which cells can be walked by their vertices; beyond, they have too many."""

BEST_DIMENSIONS = {True: 5, False: 4}
"""Dimension up to which walking by vertices is the faster way, with facets and without, as measured."""


FIRST_ROOM = 1 << 12
"""Rows that arrays have room for at first."""


def enumerate_cells(
    network: Network | IdealNetwork,
    domain: Domain,
    *,
    method: str = "auto",
    workers: int = 1,
    executor: Executor | None = None,
    progress: bool | Callable[[Tally], object] | None = None,
    proof: str | os.PathLike[str] | bool | None = None,
    facets: bool = True,
    stream: str | os.PathLike[str] | None = None,
) -> Partition:
    """Enumerate all cells of a network over a domain, with facets and linear regions, every decision proved.

    Args:
        network: The network; an `IdealNetwork` is enumerated in the ideal reading.
        domain: `Box`, `Polytope` or `Slice` whose ambient dimension is the network's input.
        method: ``"lp"`` (the split tree with linear programs), ``"vertex"`` (the split tree with the vertices of its
            nodes, in few dimensions and the deployed reading), or ``"auto"``, the faster one.
        workers: How many processes walk at a time; the result is the same for any number.
        executor: Who runs the tasks instead of processes of this machine: any `concurrent.futures.Executor`.
        progress: True for a line on stderr, a function that is called with a `Tally`, or None.
        proof: Without `stream` a file to stream the proof to, or None; it holds the whole partition and is checked by
            `check`.  With `stream` True or False: whether to keep the proof.
        facets: Whether to find facets, the region graph and linear regions.
        stream: Folder to enumerate into: results go to disk as they are found and memory stays bounded.  If it holds
            the same enumeration, begun but not finished, it goes on from there; if finished, it is loaded.  At the
            end the folder has ``partition.cpa``.

    Returns:
        The partition; with `stream` its arrays are views of the file.

    Raises:
        BadArgument: No network or no domain, an unknown method, no whole number of workers.
        DimensionMismatch: The domain is not in the network's input space.
        BadFile: The proof or the stream cannot be written; if the place itself says so, before any work.  The
            stream's folder belongs to another enumeration, or another process is at work in it.
        Undecided: In the ideal reading, a tie of nested roots that is not seen to be one; names unit and cell.
        WorkerLost: Worker processes died again and again.
        CertificateRejected: An error of this package, found before a wrong result is given.

    Example:
        >>> from exactcpa import Box, Linear, Network, ReLU
        >>> len(enumerate_cells(Network(1, (Linear([[1]], [0]), ReLU())), Box([-1], [1])))
        2

    References:
        The split tree is the incremental enumeration of an arrangement, here layer by layer; see
        `kernels.tree`.
    """
    require_arguments(network, domain, method=method, workers=workers, facets=facets)
    if stream is not None:
        return _enumerate_to_disk(
            stream,
            network,
            domain,
            workers=workers,
            executor=executor,
            progress=progress,
            proof=proof,
            facets=facets,
            method=method,
        )
    if isinstance(proof, bool):
        raise BadArgument(
            f"expected proof to be a file to write, got {proof} (True and False are for stream)"
        )
    is_serial = workers == 1 and executor is None
    opened = nullcontext() if proof is None else PartitionWriter(proof, background=is_serial)
    with Progress(progress) as reporter, opened as writer:
        start = time.perf_counter()
        form = switch_form(network, domain)
        used = method_for(method, network, form, facets=facets)
        start += seconds_to_load(form, used)
        floats = float_domain(domain)
        scaled = float_form(form, floats)
        if writer is not None:
            writer.append_json(
                "HEAD", _head(network, domain, form, scaled, facets=facets, proof=True, method=used)
            )
        cells = _Cells(form)
        job = Job(network, domain, facets, writer is not None, used)
        if is_serial:
            chunks = walk(
                form,
                domain,
                floats,
                scaled,
                facets=facets,
                proof=job.proof,
                method=used,
                often=reporter.is_heard,
            )
        else:
            chunks = walk_in_parallel(job, form, floats, scaled, workers=workers, executor=executor)
        for chunk in chunks:
            cells.add(chunk)
            if writer is not None:
                _write_streams(writer, chunk)
            reporter.update(chunk.tally)
        reading = _reading(network)
        results = _finish(
            form, scaled, cells, start, writer, facets=facets, reading=reading, method=used, threads=workers
        )
        if writer is not None:
            write_end(writer, results)
    return Partition(network, domain, form, results)


def _enumerate_to_disk(
    stream: str | os.PathLike[str],
    network: Network | IdealNetwork,
    domain: Domain,
    *,
    workers: int,
    executor: Executor | None,
    progress: bool | Callable[[Tally], object] | None,
    proof: object,
    facets: bool,
    method: str,
) -> Partition:
    """Begin, go on with or load the enumeration of a folder."""
    if not (proof is None or isinstance(proof, bool)):
        raise BadArgument(
            f"with stream the proof goes into the folder: expected True or False, got {shown(proof)}"
        )
    form, floats = switch_form(network, domain), float_domain(domain)
    scaled = float_form(form, floats)
    used = method_for(method, network, form, facets=facets)
    first = _head(network, domain, form, scaled, facets=facets, proof=bool(proof), method=used)
    with Progress(progress) as reporter, StreamFolder(stream, first, form) as folder:
        if not folder.is_finished:
            load_kernels_for(form, used)
            load_matching()
            ready = prepared(Job(network, domain, facets, bool(proof), used), form, floats, scaled)
            walk_to_disk(folder, ready, workers=workers, executor=executor, report=reporter.update)
            facts = partial(_facts, form, reading=_reading(network), method=used)
            assemble(folder, first, form, scaled, facts)
    return load_partition(stream)


def chunks_of(
    job: Job,
    form: SwitchForm,
    *,
    workers: int,
    executor: Executor | None,
) -> Iterator[Chunk]:
    """The chunks of a walk, by one process or several; the kernels are loaded."""
    floats = float_domain(job.domain)
    scaled = float_form(form, floats)
    if workers == 1 and executor is None:
        return walk(form, job.domain, floats, scaled, facets=job.facets, proof=job.proof, method=job.method)
    return walk_in_parallel(job, form, floats, scaled, workers=workers, executor=executor)


def method_for(method: str, network: Network | IdealNetwork, form: SwitchForm, *, facets: bool) -> str:
    """The method that is used: in the ideal reading and in many dimensions linear programs."""
    is_ideal = isinstance(network, IdealNetwork)
    if method == "vertex":
        if is_ideal:
            raise BadArgument(
                'method "vertex" knows the deployed reading alone: expected "auto" or "lp" in the ideal one'
            )
        if form.dimension > MOST_DIMENSIONS:
            raise BadArgument(
                f'method "vertex" goes up to {MOST_DIMENSIONS} dimensions: expected "auto" or "lp" in {form.dimension}'
            )
    if method != "auto":
        return method
    return "lp" if is_ideal or form.dimension > BEST_DIMENSIONS[facets] else "vertex"


def seconds_to_load(form: SwitchForm, method: str) -> float:
    """Load or compile the kernels; how long that took, which is not the enumeration's time."""
    start = time.perf_counter()
    load_kernels_for(form, method)
    return time.perf_counter() - start


def require_arguments(
    network: object, domain: object, *, method: object, workers: object, facets: object
) -> None:
    """Refuse what is misuse, before any work."""
    if not isinstance(network, Network | IdealNetwork):
        raise BadArgument(
            f"expected a network (load_network reads one), got {type(network).__name__}: {shown(network)}"
        )
    if not isinstance(domain, Box | Polytope | Slice):
        raise BadArgument(f"expected a Box, Polytope or Slice, got {type(domain).__name__}: {shown(domain)}")
    if method not in METHODS:
        raise BadArgument(f"expected method to be one of {', '.join(METHODS)}, got {shown(method)}")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise BadArgument(f"expected workers to be a whole number from 1 on, got {shown(workers)}")
    if not isinstance(facets, bool):
        raise BadArgument(f"expected facets to be True or False, got {shown(facets)}")
    if domain.ambient != network.input:
        raise DimensionMismatch(
            f"the network has {network.input} inputs, the domain is in R^{domain.ambient}"
        )


class _Growing:
    """An array that grows row by row; the system moves it without copying when it is large."""

    def __init__(self, kind: type, *row: int) -> None:
        self._array = np.empty((FIRST_ROOM, *row), kind)
        self.count = 0

    def add(self, rows: np.ndarray) -> None:
        """Append rows."""
        end = self.count + len(rows)
        if end > len(self._array):
            self._resize(max(end, len(self._array) + len(self._array) // 8))
        self._array[self.count : end] = rows
        self.count = end

    def whole(self) -> np.ndarray:
        """All rows; nothing is added any more."""
        self._resize(self.count)
        return self._array

    def _resize(self, rows: int) -> None:
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)  # no other has seen it


class _Cells:
    """The chunks of a walk, joined.

    Attributes:
        exact: Cell -> exact witness, of those that are no doubles.
        bits, points: Patterns and witnesses.
        starts: First facet of each cell, and the end.
        flips, rows: Bits across each facet, and that of its row.
        tally: How far the walk is.
    """

    def __init__(self, form: SwitchForm) -> None:
        self.exact: dict[int, Point] = {}
        self.bits, self.points = _Growing(np.uint64, form.words), _Growing(np.float64, form.dimension)
        self.starts, self.flips = _Growing(np.int64), _Growing(np.int32, 2)
        self.rows = _Growing(np.int32)
        self.starts.add(np.zeros(1, np.int64))
        self.tally = Tally(0, 0.0, 0, 0, 0)

    def add(self, chunk: Chunk) -> None:
        """Take over a chunk."""
        self.exact.update({self.bits.count + i: point for i, point in chunk.exact.items()})
        self.tally = chunk.tally
        self.bits.add(chunk.bits)
        self.points.add(chunk.points)
        self.starts.add(self.flips.count + np.cumsum(chunk.facets))
        self.flips.add(chunk.flips)
        self.rows.add(row_bits(chunk.flips))


def _finish(
    form: SwitchForm,
    scaled: ScaledForm,
    cells: _Cells,
    start: float,
    writer: PartitionWriter | None,
    *,
    facets: bool,
    reading: str,
    method: str,
    threads: int,
) -> Results:
    """Find the graph, and count; what is known is written meanwhile."""
    words, points, starts, flips = (
        part.whole() for part in (cells.bits, cells.points, cells.starts, cells.flips)
    )
    rows = cells.rows.whole()
    exact = {
        i: tuple([Fraction(int(n), int(point[1])) for n in point[0]]) for i, point in cells.exact.items()
    }
    for i, witness in exact.items():
        points[i] = [nearest_double(x) for x in witness]
    if not np.isfinite(points).all():
        cell = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise CertificateRejected(f"cell {cell} has no finite witness")
    if writer is not None and facets:
        writer.go_on_in_background()

    def write(neighbours: np.ndarray | None) -> None:
        if writer is not None:
            faces = None if neighbours is None else (starts, rows, neighbours)
            write_cells(writer, words, points, exact, faces)

    graph = None
    if facets:
        graph = region_graph(form, scaled.arrays, words, starts, flips, threads=threads, matched=write)
    else:
        write(None)
    seconds = time.perf_counter() - start
    facts = _facts(form, len(words), graph, cells.tally, seconds, reading=reading, method=method)
    if graph is None:
        return Results(words, points, exact, None, facts)
    return Results(words, points, exact, Facets(starts, rows, graph.neighbours, graph.regions), facts)


def _facts(
    form: SwitchForm,
    cells: int,
    graph: Graph | None,
    tally: Tally,
    seconds: float,
    *,
    reading: str,
    method: str,
) -> dict[str, Any]:
    """What `Partition.summary` tells."""
    return {
        "cells": cells,
        "edges": len(graph.neighbours) // 2 if graph is not None else None,
        "linear_regions": graph.region_count if graph is not None else None,
        "dimension": form.dimension,
        "units": len(form.units),
        "seconds": seconds,
        "cells_per_second": cells / seconds if seconds > 0 else 0.0,
        "certified": True,
        "decided_exactly": tally.decided_exactly + (graph.decided_exactly if graph is not None else 0),
        "linear_programs": tally.questions,
        "linear_programs_per_cell": tally.questions / max(1, cells),
        "records": tally.records,
        "method": method,
        "reading": reading,
    }


def _reading(network: Network | IdealNetwork) -> str:
    return "deployed" if isinstance(network, Network) else "ideal"


def _head(
    network: Network | IdealNetwork,
    domain: Domain,
    form: SwitchForm,
    scaled: ScaledForm,
    *,
    facets: bool,
    proof: bool,
    method: str,
) -> dict[str, Any]:
    """The file's first block; each switch has the exponent that the proof scales it with."""
    layers = zip(scaled.exponents, form.layers, strict=True)
    scales = [list(exponents[: layer.switches]) for exponents, layer in layers] if proof else None
    return head(network, domain, method=method, facets=facets, scales=scales)


def _write_streams(writer: PartitionWriter, chunk: Chunk) -> None:
    """The part of the proof's streams that a chunk brings."""
    if len(chunk.codes):
        writer.append("CODE", bytes_of(chunk.codes, "<i2"))
    if len(chunk.reals):
        writer.append("REAL", bytes_of(chunk.reals, "<f8"))
    if chunk.bigs:
        writer.append("BIGS", "".join(f"{n}\n" for n in chunk.bigs).encode("ascii"))
