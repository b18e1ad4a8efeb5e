r"""Segments: finished tasks of a streamed enumeration in one file that is whole or does not count.

A task walks one node of the split tree and gives chunks of cells and nodes that it handed over.  A node is known by
its key, a digest of all that its subtree depends on; so the results under a key are right whenever and by whomever
they were found, and a partition is put together from the root's key alone: what no task refers to is not in it.

The file: ``exactcpa-segment 1\n``, then length and CRC-32 of a header, length and CRC-32 of the data, header, data.
The header is a JSON object:

    job      digest of what is enumerated, from the manifest of the folder
    seconds  of the clock that the run has spent since its last segment
    tasks    list of {key, tally, items}; an item is the key of a node or a chunk
             {at, cells, facets, codes, reals, bigs, exact}: where its data begin, and how many there are (bytes, for
             the texts bigs and exact)
    nodes    {key: {field: [at, type, shape]}}: nodes handed over and not finished in the same segment; a text has
             the type "text" and its length for a shape; a number or null stands there itself, and an object for a
             field with fields of its own

Data: arrays in little-endian order, each at a multiple of 8 bytes.  Of a chunk: patterns (cells x words, uint64),
witnesses (cells x d, float64), facets of each cell (int64), bits across facets (facets x 2, int32), CODE (int16), REAL
(float64), BIGS (text), exact witnesses (a line ``place numerator,..,denominator`` each, hexadecimal).

Main definitions:
    Node: A node that waits, in memory or in a segment.
    Task: What a finished one found.
    write_segment, Segment: Files of tasks.

Not here: which segments there are (`stream_folder`), who walks (`stream_walk`), the end (`stream_assembly`).
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from exactcpa.errors import BadFile
from exactcpa.exact_points import Point
from exactcpa.mapped_files import map_file, release
from exactcpa.subtree import Subtree
from exactcpa.walk import Chunk, Tally

MAGIC = b"exactcpa-segment 1\n"
SIZES = struct.Struct("<QIQI")
START = 48
"""Where the header begins."""

ROOT = "0" * 32
"""The key of the whole tree."""

ARRAYS = (
    *(("bits", "<u8"), ("points", "<f8"), ("facets", "<i8"), ("flips", "<i4")),
    *(("codes", "<i2"), ("reals", "<f8")),
)
PIECE = 1 << 20


@dataclass(slots=True)
class Node:
    """A node that waits: its subtree, until that is in a segment, then the segment's number.

    Not frozen: the arrays are given up once they are on disk.
    """

    key: str
    subtree: Subtree | None
    segment: int


@dataclass(frozen=True, slots=True)
class Task:
    """A node whose walk is over.

    Attributes:
        key: The node's.
        items: Chunks, and the nodes handed over, in the order of the tree.
        tally: Counts of this task alone.
    """

    key: str
    items: list[Chunk | Node]
    tally: Tally


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk in a segment; the arrays are views of the file.

    Attributes:
        bits, points, facets, flips, codes, reals: As of `Chunk`.
        bigs: The text of its integers.
        exact: Place -> exact witness.
    """

    bits: np.ndarray
    points: np.ndarray
    facets: np.ndarray
    flips: np.ndarray
    codes: np.ndarray
    reals: np.ndarray
    bigs: bytes
    exact: dict[int, Point]


def key_of(subtree: Subtree) -> str:
    """The key of a node: a digest of everything its subtree depends on."""
    digest = sha256()
    for name, value in _entries(subtree):
        if isinstance(value, np.ndarray):
            digest.update(f"{name} {value.dtype.str} {value.shape} ".encode("ascii"))
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(_points_text(value) if isinstance(value, dict) else repr(value).encode("ascii"))
    return digest.hexdigest()[:32]


def size_of(subtree: Subtree) -> int:
    """Bytes of its arrays."""
    return sum(value.nbytes for _, value in _entries(subtree) if isinstance(value, np.ndarray))


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass and of those inside it: arrays, exact points, numbers, None."""
    for field in fields(value):
        entry = getattr(value, field.name)
        if is_dataclass(entry):
            yield from _entries(entry)
        else:
            yield field.name, entry


def _points_text(points: Mapping[int, Point]) -> bytes:
    lines = [
        f"{place} {','.join(f'{int(n):x}' for n in (*point[0], point[1]))}\n"
        for place, point in points.items()
    ]
    return "".join(lines).encode("ascii")


def _points_of(text: bytes) -> dict[int, Point]:
    points = {}
    for line in text.decode("ascii").splitlines():
        place, numbers = line.split(" ")
        *above, below = (int(n, 16) for n in numbers.split(","))
        points[int(place)] = (tuple(above), below)
    return points


class _Data:
    """The data of a segment while it is put together."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.size = 0

    def put(self, piece: bytes | np.ndarray) -> int:
        """Append at a multiple of 8; return where."""
        at = self.size
        data = np.ascontiguousarray(piece) if isinstance(piece, np.ndarray) else piece
        length = data.nbytes if isinstance(data, np.ndarray) else len(data)
        rest = -length % 8
        if length:
            self.pieces.append(memoryview(data).cast("B"))
        if rest:
            self.pieces.append(bytes(rest))
        self.size += length + rest
        return at


def write_segment(path: Path, job: str, tasks: Sequence[Task], seconds: float) -> None:
    """Write a segment: under another name first, and on disk for certain when this returns.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    data, done = _Data(), {task.key for task in tasks}
    nodes = {
        item.key: _put_node(data, item.subtree)
        for task in tasks
        for item in task.items
        if isinstance(item, Node) and item.key not in done and item.subtree is not None
    }
    header = {"job": job, "seconds": seconds, "tasks": [_put_task(data, t) for t in tasks], "nodes": nodes}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    found = 0
    for piece in data.pieces:
        found = zlib.crc32(piece, found)
    sizes = SIZES.pack(len(text), zlib.crc32(text), data.size, found)
    write_durably(path, [(MAGIC + sizes).ljust(START, b"\0"), text, *data.pieces])


def write_durably(path: Path, pieces: Sequence[Any]) -> None:
    """Write a file that is there whole or not at all, whatever happens.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renamed files durable, where the system can do it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_task(data: _Data, task: Task) -> dict[str, Any]:
    items = [item.key if isinstance(item, Node) else _put_chunk(data, item) for item in task.items]
    tally = task.tally
    counts = [tally.cells, tally.share, tally.questions, tally.decided_exactly, tally.records]
    return {"key": task.key, "tally": counts, "items": items}


def _put_chunk(data: _Data, chunk: Chunk) -> dict[str, int]:
    at = data.size
    for name, kind in ARRAYS:
        data.put(getattr(chunk, name).astype(kind, copy=False))
    bigs, exact = "".join(f"{n}\n" for n in chunk.bigs).encode("ascii"), _points_text(chunk.exact)
    data.put(bigs)
    data.put(exact)
    return {
        "at": at,
        "cells": len(chunk.bits),
        "facets": len(chunk.flips),
        "codes": len(chunk.codes),
        "reals": len(chunk.reals),
        "bigs": len(bigs),
        "exact": len(exact),
    }


def _put_node(data: _Data, node: Any) -> dict[str, Any]:
    """A dataclass of arrays, exact points, numbers, None, and further such dataclasses."""
    stored: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, np.ndarray):
            little = value.astype(value.dtype.newbyteorder("<"), copy=False)
            stored[field.name] = [data.put(little), little.dtype.str, value.shape]
        elif isinstance(value, dict):
            text = _points_text(value)
            stored[field.name] = [data.put(text), "text", len(text)]
        else:
            number = value.item() if isinstance(value, np.generic) else value
            stored[field.name] = _put_node(data, value) if is_dataclass(value) else number
    return stored


def _class_in(owner: type, name: str) -> type:
    """The dataclass that a field may hold."""
    kind = get_type_hints(owner)[name]
    return next(k for k in (kind, *get_args(kind)) if isinstance(k, type) and is_dataclass(k))


class Segment:
    """A whole segment, its data mapped.

    Args:
        path: The file.
        job: Digest of the job it must belong to.
        words: Words of a pattern.
        dimension: Of the domain.
        verify: Whether to compare the data with their checksum.

    Raises:
        BadFile: Cut short, damaged, or of another job.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, job: str, words: int, dimension: int, *, verify: bool) -> None:
        with open(path, "rb") as file:
            start = file.read(START)
            if len(start) < START or not start.startswith(MAGIC):
                raise BadFile("cut short, or no segment of version 1")
            length, crc, self._size, data_crc = SIZES.unpack_from(start, len(MAGIC))
            if os.fstat(file.fileno()).st_size != START + length + self._size:
                raise BadFile("cut short")
            text = file.read(length)
            if zlib.crc32(text) != crc:
                raise BadFile("damaged: the checksum of its header is wrong")
            if verify and _checksum(file) != data_crc:
                raise BadFile("damaged: the checksum of its data is wrong")
            header = json.loads(text)
            if header["job"] != job:
                raise BadFile("of another run")
            self._bytes = map_file(file)[START + length :]
        self.tasks: list[dict[str, Any]] = header["tasks"]
        self.seconds: float = header["seconds"]
        self._nodes: dict[str, dict[str, Any]] = header["nodes"]
        self._words, self._dimension = words, dimension

    def node(self, key: str) -> Subtree | None:
        """The subtree of a node that was handed over, or None if it is not here.

        Raises:
            BadFile: Nodes have other fields now.
        """
        stored = self._nodes.get(key)
        if stored is None:
            return None
        try:
            return self._read(Subtree, stored)
        except (TypeError, KeyError):
            raise BadFile("a segment was written by another version of exactcpa") from None

    def _read(self, kind: type, stored: Mapping[str, Any]) -> Any:
        """A dataclass, as `_put_node` put it."""
        values: dict[str, Any] = {}
        for name, value in stored.items():
            if isinstance(value, dict):
                values[name] = self._read(_class_in(kind, name), value)
            elif not isinstance(value, list):
                values[name] = value
            elif value[1] == "text":
                values[name] = _points_of(bytes(self._bytes[value[0] : value[0] + value[2]]))
            else:
                values[name] = self._array(*value).copy()
        return kind(**values)

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def chunk(self, item: Mapping[str, int]) -> StoredChunk:
        """One chunk."""
        cells, at = item["cells"], item["at"]
        shapes = (
            *((cells, self._words), (cells, self._dimension), (cells,), (item["facets"], 2)),
            *((item["codes"],), (item["reals"],)),
        )
        arrays = []
        for (_, kind), shape in zip(ARRAYS, shapes, strict=True):
            arrays.append(self._array(at, kind, shape))
            at += _padded(arrays[-1].nbytes)
        bigs = bytes(self._bytes[at : at + item["bigs"]])
        at += _padded(len(bigs))
        return StoredChunk(*arrays, bigs, _points_of(bytes(self._bytes[at : at + item["exact"]])))

    def release(self) -> None:
        """Let go of what is in memory of the file."""
        release(self._bytes)

    def _array(self, at: int, kind: str, shape: Sequence[int]) -> np.ndarray:
        kinds = np.dtype(kind)
        length = int(np.prod(shape)) * kinds.itemsize
        return (
            np.frombuffer(self._bytes[at : at + length], kinds)
            .reshape(shape)
            .astype(kinds.newbyteorder("="), copy=False)
        )


def _padded(length: int) -> int:
    return length + -length % 8


def _checksum(file: Any) -> int:
    return _crc_of(iter(lambda: file.read(PIECE), b""))


def _crc_of(pieces: Iterator[bytes]) -> int:
    found = 0
    for piece in pieces:
        found = zlib.crc32(piece, found)
    return found
