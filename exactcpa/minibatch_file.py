"""Records of mini-batches in a file that a cut run resumes: JSON lines, whole or not at all.

Format, version 1.  The first line is an object with ``format`` ("exactcpa-minibatches"), ``version`` (1) and what
decides the records: a digest of network, data, queries and domain, the family (``samples size batches seed``) and
``partitions``.  Every further line is the record of one mini-batch, in the order of the family: ``batch`` (indices);
``statistics``, a list with ``layer`` (its number; inside residual blocks the block's first), ``mean``, ``variance``,
``scale`` (exact numbers, as in network files); ``signs`` (an activation layer a list, a text a sample), ``decisions``,
``stop``, ``cells`` (null if not asked for), and last ``crc``, the CRC-32 of the line's text without it.

Lines are written to ``FILE.part``, which becomes ``FILE`` with the last of them.  A run that finds ``FILE.part``
keeps its undamaged lines and goes on after them; one that finds ``FILE`` only reads it.

Main definitions:
    RecordFile: A file of records, to read what is there and to append; a context manager.
    head_of: The first line.

Not here:
    What a record is: `minibatch_record`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from exactcpa.batch_families import Family
from exactcpa.domain import Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadArgument, BadFile, ExactcpaError, shown
from exactcpa.integer_steps import Statistics
from exactcpa.minibatch_record import BatchRecord
from exactcpa.network import Network, Vector
from exactcpa.network_file import to_json as network_to_json
from exactcpa.numbers import exactly, to_json_number

FORMAT, VERSION = "exactcpa-minibatches", 1
FLUSH = 1.0
"""Seconds of work that a cut run may lose, about."""
CRC = ', "crc": '


def head_of(
    net: Network,
    samples: Sequence[Vector],
    queries: Sequence[Vector],
    family: Family,
    domain: Domain | None,
    seed: int,
    partitions: int,
) -> dict[str, Any]:
    """The first line of a run's file; two runs with equal heads have equal records."""
    points = [[[to_json_number(x) for x in point] for point in part] for part in (samples, queries)]
    inputs = [network_to_json(net), points, None if domain is None else domain_to_json(domain)]
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return {
        "format": FORMAT,
        "version": VERSION,
        "inputs": digest,
        "samples": family.samples,
        "size": family.size,
        "batches": len(family),
        "seed": seed,
        "partitions": partitions,
    }


class RecordFile:
    """Records of one run: those that are there already, then those that are appended.

    Raises:
        BadArgument: Not a path.
        BadFile: It cannot be read or written, is of another run, or is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], head: Mapping[str, Any]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise BadArgument(f"expected a path for the records, got {shown(path)}")
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self._head = dict(head)
        self._stream: TextIO | None = None
        self._flushed = time.perf_counter()
        self.is_complete = self.path.exists()
        self._good = 0  # bytes of the part that are whole lines

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(self, *_: object) -> None:
        """Close; what was appended stays for the next run."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def kept(self) -> Iterator[BatchRecord]:
        """The records that are there, in order; read all of them before the first `append`."""
        path = self.path if self.is_complete else self.part
        if not path.exists():
            return
        with _complaints(path), path.open("rb") as stream:
            first = stream.readline()
            if not first.endswith(b"\n") and self._head_line().startswith(first):
                return  # cut within its first line, or empty
            self._expect_head(path, first)
            self._good = len(first)
            for number, line in enumerate(stream, 2):
                record = record_of_line(line)
                if record is None:
                    if self.is_complete:
                        raise BadFile(
                            f"{path}: line {number} is damaged; remove the file to compute it again"
                        )
                    return
                self._good += len(line)
                yield record

    def append(self, record: BatchRecord) -> None:
        """Write one more record."""
        if self._stream is None:
            self._stream = self._opened()
        with _complaints(self.part):
            self._stream.write(line_of_record(record))
            if time.perf_counter() - self._flushed > FLUSH:
                self._stream.flush()
                self._flushed = time.perf_counter()

    def finish(self) -> None:
        """Let the part become the file."""
        if self.is_complete:
            return
        if self._stream is None:
            self._stream = self._opened()
        with _complaints(self.part):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None
            self.part.replace(self.path)

    def _opened(self) -> TextIO:
        """The part, cut after its last whole line; the head first if there was none."""
        with _complaints(self.part):
            if not self._good:
                stream = self.part.open("w", encoding="ascii", newline="\n")
                stream.write(self._head_line().decode())
                return stream
            os.truncate(self.part, self._good)
            return self.part.open("a", encoding="ascii", newline="\n")

    def _head_line(self) -> bytes:
        return json.dumps(self._head).encode() + b"\n"

    def _expect_head(self, path: Path, line: bytes) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BadFile(f"{path}: expected records of mini-batches, got {shown(line[:40])}")
        for field, value in self._head.items():
            if found.get(field) != value:
                raise BadFile(
                    f"{path}: holds another run, field {field}: expected {shown(value)}, "
                    f"got {shown(found.get(field))}; name another file"
                )


@contextmanager
def _complaints(path: Path) -> Iterator[None]:
    """Turn what the system says about a file into one sentence."""
    try:
        yield
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror or error}") from None


def line_of_record(record: BatchRecord) -> str:
    """One record as a line."""
    value = {
        "batch": record.batch,
        "statistics": [
            {
                "layer": entry.place,
                "mean": _numbers(entry.mean),
                "variance": _numbers(entry.variance),
                "scale": _numbers(entry.scale),
            }
            for entry in record.statistics
        ],
        "signs": record.signs,
        "decisions": record.decisions,
        "stop": record.stop,
        "cells": record.cells,
    }
    body = json.dumps(value)[:-1]
    return f"{body}{CRC}{zlib.crc32(body.encode())}}}\n"


def record_of_line(line: bytes) -> BatchRecord | None:
    """The record of a line; None if the line is not as it was written."""
    body, mark, end = line.rpartition(CRC.encode())
    if not mark or end != b"%d}\n" % zlib.crc32(body):
        return None
    try:
        value = json.loads(body + b"}")
        statistics = tuple(
            Statistics(
                tuple(entry["layer"]),
                _fractions(entry["mean"]),
                _fractions(entry["variance"]),
                _fractions(entry["scale"]),
            )
            for entry in value["statistics"]
        )
        signs = tuple(map(tuple, value["signs"]))
        decisions, batch = tuple(value["decisions"]), tuple(value["batch"])
        return BatchRecord(batch, statistics, signs, decisions, value["stop"], value["cells"])
    except (ValueError, KeyError, TypeError, ExactcpaError):
        return None


def _numbers(values: Sequence[Fraction | None]) -> list[Any]:
    return [None if q is None else to_json_number(q) for q in values]


def _fractions(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([None if q is None else exactly(q) for q in values])
