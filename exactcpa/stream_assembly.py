"""The end of a streamed enumeration: finished tasks put together into one partition file.

The tree of tasks is gone through from its root, in the order of the tree, so that cells and records come as from a
single walk.  The proof goes straight into the file, the rest into arrays in files, from which the region graph is made
and which then become blocks.  The file appears when it is whole; until then the segments stay, and a run that is cut
short here begins again here.

Memory: blocks of cells, one region of the matching (`adjacency_on_disk`), and the catalogue of tasks.  On disk, beside
segments and the partition file, some ``8 w + 8 d + 16`` bytes a cell and 17 a facet.

Main definitions: `assemble`.

Not here: the walk (`stream_walk`), the format of the file (`checker`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter
from typing import Any

import numpy as np

from exactcpa.adjacency import Graph, row_bits
from exactcpa.adjacency_on_disk import region_graph_on_disk
from exactcpa.errors import CertificateRejected
from exactcpa.exact_points import nearest_double
from exactcpa.float_form import ScaledForm
from exactcpa.mapped_files import Scratch
from exactcpa.partition_blocks import append_array
from exactcpa.partition_file import PartitionWriter
from exactcpa.segments import ROOT, StoredChunk, sync_folder
from exactcpa.stream_folder import SCRATCH, Catalogue, StreamFolder
from exactcpa.switch_form import SwitchForm
from exactcpa.vectors import plain
from exactcpa.walk import Tally

PIECE = 1 << 20

Facts = Callable[[int, Graph | None, Tally, float], dict[str, Any]]
"""The summary of a partition, from the number of cells, the graph, the counts of the walk and seconds."""


@dataclass(frozen=True)
class _Totals:
    """How much there is: cells, facets, bytes of the proof's streams."""

    cells: int
    facets: int
    proof: int


@dataclass(frozen=True)
class _Cells:
    """The cells in files: patterns, witnesses, first facets, bits across facets."""

    words: np.ndarray
    points: np.ndarray
    starts: np.ndarray
    flips: np.ndarray


def assemble(
    folder: StreamFolder, head: dict[str, Any], form: SwitchForm, scaled: ScaledForm, facts: Facts
) -> None:
    """Put the partition file together and remove the segments.

    Args:
        folder: Where every task is done.
        head: The file's first block.
        form: The network in switch form.
        scaled: The form rounded.
        facts: Makes the summary.

    Raises:
        BadFile: It cannot be written; the segments stay.
        CertificateRejected: An error of the engine.
    """
    start = perf_counter()
    with folder.writing(), Scratch(folder.folder / SCRATCH) as scratch:
        tally = folder.catalogue.descend((), ROOT)[1]
        totals = _totals(folder.catalogue)
        with PartitionWriter(folder.partition) as writer:
            writer.append_json("HEAD", head, following=totals.proof)
            cells = _spread(folder.catalogue, form, totals, scratch, writer)
            graph = (
                region_graph_on_disk(form, scaled.arrays, cells.words, cells.starts, cells.flips, scratch)
                if head["facets"]
                else None
            )
            seconds = folder.catalogue.seconds + perf_counter() - start
            _write_blocks(writer, cells, graph, scratch, facts(totals.cells, graph, tally, seconds))
        sync_folder(folder.folder)  # the file's new name is on disk before the first segment goes
    folder.remove_segments()


def _items(catalogue: Catalogue) -> Iterator[tuple[Any, dict[str, int]]]:
    """Every chunk in the order of the tree: its segment and what that says of it."""
    stack: list[str | tuple[int, dict[str, int]]] = [ROOT]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            _, number, task = catalogue.task(item)
            stack += [
                entry if isinstance(entry, str) else (number, entry) for entry in reversed(task["items"])
            ]
        else:
            yield catalogue.segment(item[0]), item[1]


def _totals(catalogue: Catalogue) -> _Totals:
    cells = facets = proof = 0
    for _, item in _items(catalogue):
        cells += item["cells"]
        facets += item["facets"]
        proof += 2 * item["codes"] + 8 * item["reals"] + item["bigs"]
    return _Totals(cells, facets, proof)


def _spread(
    catalogue: Catalogue, form: SwitchForm, totals: _Totals, scratch: Scratch, writer: PartitionWriter
) -> _Cells:
    """Put all chunks into arrays, the proof's streams into the file, the exact witnesses into a text."""
    cells = _Cells(
        scratch.array("words", np.uint64, (totals.cells, form.words)),
        scratch.array("points", np.float64, (totals.cells, form.dimension)),
        scratch.array("starts", np.int64, (totals.cells + 1,)),
        scratch.array("flips", np.int32, (totals.facets, 2)),
    )
    cell = facet = 0
    with open(scratch.file("exact"), "wb") as exact:
        exact.write(b"{")
        for segment, item in _items(catalogue):
            chunk = segment.chunk(item)
            _append_streams(writer, chunk)
            there, faces = slice(cell, cell + len(chunk.bits)), slice(facet, facet + len(chunk.flips))
            cells.words[there], cells.points[there] = chunk.bits, chunk.points
            cells.starts[cell + 1 : cell + 1 + len(chunk.bits)] = facet + np.cumsum(chunk.facets)
            cells.flips[faces] = chunk.flips
            for place, point in chunk.exact.items():
                witness = tuple([Fraction(n, point[1]) for n in point[0]])
                cells.points[cell + place] = [nearest_double(x) for x in witness]
                text = json.dumps({str(cell + place): plain(witness)}, separators=(",", ":"))
                exact.write(("," * (exact.tell() > 1) + text[1:-1]).encode("ascii"))
            if not np.isfinite(cells.points[there]).all():
                raise CertificateRejected(f"a cell from {cell} on has no finite witness")
            cell, facet = there.stop, faces.stop
            segment.release()
            scratch.release()
        exact.write(b"}")
    return cells


def _append_streams(writer: PartitionWriter, chunk: StoredChunk) -> None:
    """The part of the proof's streams that a chunk brings."""
    for tag, array, kind in (("CODE", chunk.codes, "<i2"), ("REAL", chunk.reals, "<f8")):
        if len(array):
            writer.append(tag, array.astype(kind, copy=False).tobytes())
    if chunk.bigs:
        writer.append("BIGS", chunk.bigs)


def _write_blocks(
    writer: PartitionWriter, cells: _Cells, graph: Graph | None, scratch: Scratch, facts: dict[str, Any]
) -> None:
    """All blocks after the proof's streams, and the end of the file."""

    def put(tag: str, array: np.ndarray, kind: str) -> None:
        append_array(writer, tag, array, kind, scratch.release)

    if graph is not None:
        put("EDGE", graph.neighbours, "<i8")
    put("PATT", cells.words, "<u8")
    put("WITN", cells.points, "<f8")
    _append_text(writer, scratch)
    if graph is not None:
        put("FPTR", cells.starts, "<i8")
        writer.append_pieces("FACE", lambda: _bits(cells.flips, scratch), 4 * len(cells.flips))
        put("REGI", graph.regions, "<i8")
    writer.append_json("STAT", facts)
    facets = None if graph is None else len(cells.flips)
    writer.finish({name: facts[name] for name in ("cells", "edges", "linear_regions")} | {"facets": facets})


def _bits(flips: np.ndarray, scratch: Scratch) -> Iterator[bytes]:
    """The bit of every facet's row."""
    for start in range(0, len(flips), PIECE):
        part = flips[start : start + PIECE]
        yield row_bits(part).astype("<i4", copy=False).tobytes()
        scratch.release()


def _append_text(writer: PartitionWriter, scratch: Scratch) -> None:
    """The block of exact witnesses."""
    path = scratch.file("exact")

    def pieces() -> Iterator[bytes]:
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                yield piece

    with open(path, "ab") as file:
        file.write(b" " * writer.padding(file.tell()))
    writer.append_pieces("XPTS", pieces, path.stat().st_size)
