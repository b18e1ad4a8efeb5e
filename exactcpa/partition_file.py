"""Partition files: blocks written one after the other, appearing whole or not at all.

The format is specified in `exactcpa.checker`, which reads it with code of its own.

Reading goes through the whole file once, for its checksums, and then gives views of the file: its arrays need no memory
of their own.

Main definitions: `PartitionWriter`, `read_blocks`.

Conventions: the file is written under a temporary name beside the wanted one and renamed when it is
whole; whatever happens before that, the temporary file is removed and a file that stood there stays.

Not here: what the blocks mean (`checker`), results as blocks (`partition_blocks`).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import stat
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NoReturn

from exactcpa.errors import BadArgument, BadFile, ExactcpaError, shown
from exactcpa.mapped_files import map_file
from exactcpa.network_file import parse_json

FAMILY, MAGIC = b"exactcpa-partition ", b"exactcpa-partition 1\n"
BLOCK = struct.Struct("<4sIQ")
STREAMS = frozenset({"CODE", "REAL", "BIGS"})
"""Tags of which there may be many blocks: the proof."""
TAGS = STREAMS | {"HEAD", "EDGE", "PATT", "WITN", "XPTS", "FPTR", "FACE", "REGI", "MARG", "STAT", "DONE"}
PIECE = 1 << 20
"""Bytes read at a time, and those that are worth bringing to the disk early."""
SOON = 1 << 17
"""Bytes written from which on a thread goes on writing: before, to start it would take longer."""
ALIGNED = 8
"""Arrays that begin at a multiple of this in the file are used where they stand."""


WAITING = 8
"""Jobs that wait for the writing thread, at most; then the caller waits for it."""


class PartitionWriter:
    """A partition file under way; use as a context manager and call `finish`.

    Args:
        path: Where the file is to be.
        background: Whether blocks may be written by a thread while the caller goes on, from a size on that is worth a
            thread; see `go_on_in_background`.

    Raises:
        BadArgument: Not a path.
        BadFile: A place that cannot be written; found out at once, if the place itself says so.
    """

    def __init__(self, path: str | os.PathLike[str], *, background: bool = False) -> None:
        self._path = _require_path(path)
        self._background = background
        self._thread: _WritingThread | None = None
        self._digest = sha256()
        self._blocks = 0
        with _writing(self._path):
            target = Path(os.path.realpath(self._path))
            if target.exists() and not target.is_file():
                raise BadFile(f"{self._path}: expected a file to write, got a folder or a device")
            self._target = target
            self._temporary = target.with_name(f".exactcpa-{secrets.token_hex(8)}.part")
            self._file = open(self._temporary, "xb")  # noqa: SIM115  closed in __exit__
        self._write(MAGIC)
        self._at = len(MAGIC)

    def __enter__(self) -> PartitionWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.stop()
        # Closing writes what is buffered, which fails again on a full disk; `finish` closes a whole file.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    def go_on_in_background(self) -> None:
        """From now on a thread writes, and brings to the disk what is written already, while the caller goes on.

        Nobody may change what is given, or fork, until `finish`; an error of writing shows at a later call, at the
        latest in `finish`.
        """
        self._background = True
        if self._at > PIECE:
            self._do(self._sync)

    def append(self, tag: str, payload: bytes | memoryview) -> None:
        """Write one block."""
        self.append_pieces(tag, lambda: (payload,), len(payload))

    def append_pieces(
        self, tag: str, pieces: Callable[[], Iterable[bytes | memoryview]], length: int
    ) -> None:
        """Write one block of a known length that is not in memory as a whole; its pieces are asked for twice."""
        self._do(lambda: self._write_block(tag, pieces, length))
        self._blocks += 1
        self._at += BLOCK.size + length

    def _write_block(self, tag: str, pieces: Callable[[], Iterable[bytes | memoryview]], length: int) -> None:
        found = 0
        for piece in pieces():
            found = zlib.crc32(piece, found)
        self._write(BLOCK.pack(tag.encode("ascii"), found, length))
        for piece in pieces():
            self._write(piece)

    def _do(self, job: Callable[[], object]) -> None:
        """Now, or by the thread."""
        if not (self._background and self._at > SOON):
            job()
            return
        self._thread = self._thread or _WritingThread()
        with _writing(self._path):
            self._thread.give(job)

    def _sync(self) -> None:
        with _writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def _wait(self) -> None:
        """Until the thread, if there is one, has written all it was given; from then on there is none."""
        self._background = False
        if self._thread is not None:
            with _writing(self._path):
                self._thread.finish()
            self._thread = None

    def append_json(self, tag: str, value: Mapping[str, Any], following: int = 0) -> None:
        """Write one block of JSON, with spaces at the end so that arrays after it can be used where they stand.

        Args:
            tag: The block's.
            value: What it says.
            following: Bytes of the payloads between this block and the next array.
        """
        text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
        self.append(tag, text + b" " * self.padding(len(text) + following))

    def padding(self, length: int) -> int:
        """Bytes to add to so many, so that what follows begins at a multiple of `ALIGNED` (a header has 16)."""
        return -(self._at + length) % ALIGNED

    def finish(self, totals: Mapping[str, int | None]) -> None:
        """Write the last block, make sure all is on disk, and give the file its name."""
        self._wait()
        self.append_json("DONE", {"blocks": self._blocks, **totals, "sha256": self._digest.hexdigest()})
        with _writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._target)

    def _write(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        with _writing(self._path):
            self._file.write(data)


class _WritingThread:
    """Does what it is given, in order, until something fails; what comes then is thrown away."""

    def __init__(self) -> None:
        self._given: queue.Queue[Callable[[], object] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="exactcpa-writer", daemon=True)
        self._thread.start()

    def give(self, job: Callable[[], object]) -> None:
        """Hand over a job; raises what went wrong with earlier ones."""
        if self._error is not None:
            raise self._error
        self._given.put(job)

    def finish(self) -> None:
        """Wait until all is written; raises what went wrong."""
        self._given.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End, written or not."""
        self._error = self._error or InterruptedError()
        if self._thread.is_alive():
            self._given.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (job := self._given.get()) is not None:
            if self._error is None:
                try:
                    job()
                except BaseException as error:  # raised again where the next job is given
                    self._error = error


def _require_path(path: object) -> str:
    if not isinstance(path, str | os.PathLike):
        raise BadArgument(f"expected a path, got {type(path).__name__}: {shown(path)}")
    text = os.fspath(path)
    if not isinstance(text, str) or not text:
        raise BadArgument(f"expected a path of text, got {shown(text)}")
    return text


@contextmanager
def _writing(path: str) -> Iterator[None]:
    """Turn what the system says about writing into one sentence."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise BadFile(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None


def read_blocks(path: str | os.PathLike[str], wanted: frozenset[str] | set[str]) -> dict[str, memoryview]:
    """Read the blocks of some tags; those of a stream are joined.

    All bytes are compared with the file's own checksums, those that are not wanted, too.

    Args:
        path: The file.
        wanted: The tags.

    Returns:
        Tag to payload: a view of the file, which must not be cut short while it is in use.

    Raises:
        BadArgument: Not a path.
        BadFile: Not a partition file of this version, or damaged.
    """
    name = _require_path(path)
    try:
        with open(name, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadFile(f"{name}: expected a file, got a device or a pipe")
            return _Reader(file, status.st_size, name).read(wanted)
    except (OSError, ValueError) as error:
        raise BadFile(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


class _Reader:
    """One reading of one file."""

    def __init__(self, file: IO[bytes], size: int, path: str) -> None:
        self._file, self._size, self._path = file, size, path
        self._at = 0
        self._digest = sha256()

    def read(self, wanted: frozenset[str] | set[str]) -> dict[str, memoryview]:
        """All blocks, up to DONE and the end of the file."""
        self._expect_magic()
        parts: dict[str, list[slice]] = {}
        blocks, tag = 0, ""
        while tag != "DONE":
            before = self._digest.hexdigest()
            tag, crc, length = self._header(tag)
            if tag in parts and tag not in STREAMS:
                self._fail(f"block {tag} stands there twice")
            parts.setdefault(tag, []).append(slice(self._at, self._at + length))
            self._expect_checksum(tag, crc, length)
            blocks += 1
        if self._at != self._size:
            self._fail(f"{self._size - self._at} bytes follow the last block")
        contents = map_file(self._file)
        if len(contents) != self._size:
            self._fail("changed while it was read")
        self._expect_totals(contents[parts["DONE"][0]], blocks - 1, before)
        return {tag: _joined([contents[part] for part in parts[tag]]) for tag in wanted & parts.keys()}

    def _expect_magic(self) -> None:
        magic = self._take(min(len(MAGIC), self._size))
        if magic == MAGIC:
            return
        if not magic.startswith(FAMILY):
            self._fail(
                "expected a partition file, got other contents"
                if magic
                else "expected a partition file, got no bytes"
            )
        version = (magic + self._file.read(16))[len(FAMILY) :].partition(b"\n")[0]
        self._fail(
            f"expected a partition file of version 1, got version {shown(version.decode('ascii', 'replace'))}"
        )

    def _header(self, previous: str) -> tuple[str, int, int]:
        """Tag, checksum and length of the next block."""
        if self._size - self._at < BLOCK.size:
            self._fail(f"cut off after block {previous}" if previous else "cut off before the first block")
        raw, crc, length = BLOCK.unpack(self._take(BLOCK.size))
        tag = raw.decode("latin-1")
        if tag not in TAGS:
            self._fail(f"damaged at byte {self._at - BLOCK.size}: expected a block, got {shown(tag)}")
        if (tag == "HEAD") != (not previous):
            self._fail(f"expected block HEAD once, as the first, got {tag} after {previous or 'nothing'}")
        if length > self._size - self._at:
            self._fail(f"cut off inside block {tag}")
        return tag, crc, length

    def _expect_checksum(self, tag: str, crc: int, length: int) -> None:
        found = 0
        for start in range(0, length, PIECE):
            found = zlib.crc32(self._take(min(PIECE, length - start)), found)
        if found != crc:
            self._fail(f"damaged: the checksum of block {tag} is wrong")

    def _expect_totals(self, payload: memoryview, blocks: int, digest: str) -> None:
        try:
            done = json_of(payload, "DONE")
        except BadFile as error:
            self._fail(str(error))
        if done.get("blocks") != blocks:
            self._fail(f"damaged: block DONE says {shown(done.get('blocks'))} blocks, there are {blocks}")
        if done.get("sha256") != digest:
            self._fail("damaged: the checksum of the file is wrong")

    def _take(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            self._fail("changed while it was read")
        self._at += count
        self._digest.update(data)
        return data

    def _fail(self, reason: str) -> NoReturn:
        raise BadFile(f"{self._path}: {reason}")


def _joined(parts: list[memoryview]) -> memoryview:
    return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))


def json_of(payload: bytes | memoryview, tag: str) -> dict[str, Any]:
    """The object a block of JSON holds.

    Raises:
        BadFile: It holds something else.
    """
    try:
        value = parse_json(str(payload, "utf-8"))
    except (ExactcpaError, ValueError) as error:
        raise BadFile(f"block {tag}: {error}") from None
    if not isinstance(value, dict):
        raise BadFile(f"block {tag}: expected an object, got {shown(value)}")
    return value
