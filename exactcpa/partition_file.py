"""Partition files: blocks written one after the other, appearing whole or not at all.

The format is specified in `exactcpa.checker`, which reads it with code of its own.

Main definitions: `PartitionWriter`, `read_partition_file`.

Conventions: the file is written under a temporary name beside the wanted one and renamed when it is whole; if
anything goes wrong the temporary file is removed.

Not here: what the blocks mean (`checker`), what a partition is (`partition`).
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from exactcpa.errors import BadFile

MAGIC = b"exactcpa-partition 1\n"
BLOCK = struct.Struct("<4sIQ")


class PartitionWriter:
    """A partition file under way; use as a context manager and call `finish`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        self._digest = sha256()
        self._blocks = 0
        try:
            self._file = open(self._temporary, "wb")  # noqa: SIM115  closed in __exit__
        except OSError as error:
            raise BadFile(f"{path}: cannot be written: {error.strerror}") from None
        self._write(MAGIC)

    def __enter__(self) -> PartitionWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._temporary.unlink()

    def append(self, tag: str, payload: bytes | memoryview) -> None:
        """Write one block."""
        self._write(BLOCK.pack(tag.encode("ascii"), zlib.crc32(payload), len(payload)))
        self._write(payload)
        self._blocks += 1

    def append_json(self, tag: str, value: Mapping[str, Any]) -> None:
        """Write one block of JSON."""
        self.append(tag, json.dumps(value, separators=(",", ":")).encode("utf-8"))

    def finish(self, totals: Mapping[str, int | None]) -> None:
        """Write the last block, make sure all is on disk, and give the file its name."""
        done = {"blocks": self._blocks, **totals, "sha256": self._digest.hexdigest()}
        self.append_json("DONE", done)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._path)
        except OSError as error:
            raise BadFile(f"{self._path}: cannot be written: {error.strerror}") from None

    def _write(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise BadFile(f"{self._path}: cannot be written: {error.strerror}") from None


def read_partition_file(path: str | os.PathLike[str], tags: set[str]) -> dict[str, bytes]:
    """Read the blocks of some tags; blocks of the same tag are joined.

    Args:
        path: The file.
        tags: Those wanted; others are passed over.

    Returns:
        Tag to payload.

    Raises:
        BadFile: Not a partition file of this version, or damaged.
    """
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            return _read_blocks(file, size, tags, str(path))
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None


def _read_blocks(file: Any, size: int, tags: set[str], path: str) -> dict[str, bytes]:
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        if magic.startswith(b"exactcpa-partition"):
            raise BadFile(f"{path}: expected a partition file of version 1, got {magic.decode('ascii', 'replace').strip()!r}")
        raise BadFile(f"{path}: expected a partition file, whose first line is {MAGIC.decode().strip()!r}")
    parts: dict[str, list[bytes]] = {}
    last = ""
    while file.tell() < size:
        header = file.read(BLOCK.size)
        if len(header) < BLOCK.size:
            raise BadFile(f"{path}: cut off at byte {size}, inside a block's header")
        raw, crc, length = BLOCK.unpack(header)
        last = raw.decode("ascii", "replace")
        if file.tell() + length > size:
            raise BadFile(f"{path}: cut off at byte {size}, inside block {last}")
        if last not in tags:
            file.seek(length, os.SEEK_CUR)
            continue
        payload = file.read(length)
        if zlib.crc32(payload) != crc:
            raise BadFile(f"{path}: block {last} is damaged: its checksum is wrong")
        parts.setdefault(last, []).append(payload)
    if last != "DONE":
        raise BadFile(f"{path}: expected to end with block DONE, ends with {last or 'nothing'}: cut off")
    return {tag: b"".join(payloads) for tag, payloads in parts.items()}
