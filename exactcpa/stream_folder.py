"""The folder of a streamed enumeration: what was begun, what is done, and that one process alone is at work.

    DIR/manifest.json   what is enumerated, written first; a run of anything else is refused
    DIR/lock            held by the process at work
    DIR/segments/       finished tasks, see `segments`: with the manifest all that a run has to be continued from
    DIR/scratch/        arrays in use while the partition is put together
    DIR/partition.cpa   the partition; once it is there, segments are removed

Main definitions:
    StreamFolder: The folder of a run, for the process at work.
    Catalogue: Where the results of every key are, and what is still to be done.
    stream_progress: How far a run is, for readers; locks nothing.

Conventions: every file appears whole, by a change of name.  A segment that is damaged is set aside: what was in it
counts as not done.

Not here: a segment (`segments`), the run (`stream_walk`), the end of it (`stream_assembly`).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from exactcpa.errors import BadArgument, BadFile, ExactcpaError, shown
from exactcpa.network_file import parse_json
from exactcpa.parallel import Path as TreePath
from exactcpa.segments import ROOT, Node, Segment, Task, write_durably, write_segment
from exactcpa.stream_place import MANIFEST, PARTITION, is_finished, is_stream
from exactcpa.subtree import Subtree
from exactcpa.switch_form import SwitchForm
from exactcpa.walk import Tally

try:
    import fcntl
except ImportError:  # Windows: two runs at a time are not noticed there
    fcntl = None

LOCK, SEGMENTS, SCRATCH = "lock", "segments", "scratch"
FORMAT = {"format": "exactcpa-stream", "version": 1}
SAME = {
    "network": "network",
    "reading": "reading",
    "batch": "batch",
    "domain": "domain",
    "bounding_proof": "domain",
    "facets": "choice of facets",
    "proof": "choice of a proof",
    "method": "method",
    "generator": "version of exactcpa",
}
"""Fields of the file's head that a run cannot change, and what to call them."""

OPEN = 8
"""Segments that are kept open."""

_held: set[str] = set()
_guard = threading.Lock()


def stream_progress(path: str | os.PathLike[str]) -> dict[str, Any]:
    """How far an unfinished run is.

    Returns:
        head (as in the partition file), segments, damaged, bytes, tasks, cells, share, waiting (nodes), seconds.

    Raises:
        BadFile: The manifest cannot be read, or the run came to its end.
    """
    if not is_stream(path):
        raise BadFile(f"{os.fspath(path)}: cannot be read: no folder of a streamed enumeration")
    if is_finished(path):
        raise BadFile(f"{os.fspath(path)}: this run is finished: load_partition reads it")
    folder = Path(path)
    head = _read_manifest(folder)
    catalogue = Catalogue(folder, head)
    numbers = _numbers(folder)
    damaged = catalogue.read(numbers)
    try:
        waiting, tally = catalogue.descend((), ROOT)
    except FileNotFoundError:
        raise BadFile(f"{folder}: the run has ended while it was read") from None
    return {
        "head": head,
        "segments": len(numbers) - len(damaged),
        "damaged": len(damaged) + len(list((folder / SEGMENTS).glob("*.damaged"))),
        "bytes": sum(_size(file) for file in (folder / SEGMENTS).glob("*")),
        "tasks": catalogue.count,
        "cells": tally.cells,
        "share": tally.share,
        "waiting": len(waiting),
        "seconds": catalogue.seconds,
    }


def _size(path: Path) -> int:
    """Bytes of a file; 0 if it has gone, or has got its final name."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Catalogue:
    """Where the results of every key are.

    In memory it holds some 200 bytes for every task; segments are looked into again when they are needed.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self._folder, self._job = folder, job_of(head)
        self._words, self._dimension = _shape_of(head)
        self._places: dict[bytes, tuple[int, int]] = {}
        self._open: OrderedDict[int, Segment] = OrderedDict()
        self.seconds = 0.0

    @property
    def count(self) -> int:
        """Tasks that are done."""
        return len(self._places)

    def read(self, numbers: Sequence[int]) -> dict[int, str]:
        """Take in segments, comparing all checksums; return those that are damaged, and why."""
        damaged = {}
        for number in numbers:
            try:
                segment = self._load(number, verify=True)
            except FileNotFoundError:
                continue  # a reader that locks nothing: the run ended meanwhile
            except (BadFile, ValueError, KeyError) as error:
                damaged[number] = str(error)
                continue
            self.enter(number, [task["key"] for task in segment.tasks], segment.seconds)
            self._keep(number, segment)
        return damaged

    def enter(self, number: int, keys: Sequence[str], seconds: float) -> None:
        """Note that the tasks of these keys are in a segment."""
        self._places |= {bytes.fromhex(key): (number, i) for i, key in enumerate(keys)}
        self.seconds += seconds

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._places

    def segment(self, number: int) -> Segment:
        """A segment, opened if it is not."""
        if number not in self._open:
            self._keep(number, self._load(number, verify=False))
        self._open.move_to_end(number)
        return self._open[number]

    def task(self, key: str) -> tuple[Segment, int, dict[str, Any]]:
        """The segment with the results of a key, its number, and they."""
        number, i = self._places[bytes.fromhex(key)]
        segment = self.segment(number)
        return segment, number, segment.tasks[i]

    def descend(self, path: TreePath, key: str) -> tuple[list[tuple[TreePath, Node]], Tally]:
        """The nodes under a key that are still to be walked, with their paths, and the counts of those that were.

        A segment has the subtree of every node that was handed over, unless the same segment has its results.
        """
        waiting, counts = [], [0, 0.0, 0, 0, 0]
        stack = [(path, key, -1)]
        while stack:
            place, key, number = stack.pop()
            if key not in self:
                waiting.append((place, Node(key, None, number)))
                continue
            _, number, task = self.task(key)
            counts = [a + b for a, b in zip(counts, task["tally"], strict=True)]
            stack += [
                ((*place, i), item, number) for i, item in enumerate(task["items"]) if isinstance(item, str)
            ]
        return waiting, Tally(*counts)

    def subtree(self, node: Node) -> Subtree | None:
        """The subtree of a node; None: the whole tree."""
        if node.key == ROOT or node.subtree is not None:
            return node.subtree
        try:
            subtree = self.segment(node.segment).node(node.key)
        except OSError as error:
            raise BadFile(
                f"{self._folder}: segment {node.segment} cannot be read: {error.strerror or error}"
            ) from None
        if subtree is None:
            raise BadFile(f"segment {node.segment} lacks the node {node.key}")
        return subtree

    def _load(self, number: int, *, verify: bool) -> Segment:
        path = segment_path(self._folder, number)
        return Segment(path, self._job, self._words, self._dimension, verify=verify)

    def _keep(self, number: int, segment: Segment) -> None:
        self._open[number] = segment
        if len(self._open) > OPEN:
            self._open.popitem(last=False)


class StreamFolder:
    """The folder of a run, for the process at work; use as a context manager.

    Args:
        path: The folder, made if it is not there.
        head: What is enumerated: the partition file's head.
        form: The network in switch form.

    Attributes:
        folder: Where it is.
        catalogue: What is done.

    Raises:
        BadArgument: Not a path.
        BadFile: It cannot be written, belongs to another run or to something else, or another process is at work.
    """

    def __init__(self, path: str | os.PathLike[str], head: Mapping[str, Any], form: SwitchForm) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise BadArgument(f"expected a folder, got {type(path).__name__}: {shown(path)}")
        self.folder = Path(path)
        shape = {"words": form.words, "dimension": form.dimension}
        self._head = json.loads(json.dumps({**shape, **head}))
        self._next = 1
        self._lock: Any = None

    def __enter__(self) -> StreamFolder:
        with self.writing():
            if self.folder.exists() and not self.folder.is_dir():
                raise BadFile(f"{self.folder}: expected a folder for the stream, got a file")
            self.folder.mkdir(exist_ok=True)
            self._lock = _locked(self.folder)
        try:
            with self.writing():
                self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _unlock(self.folder, self._lock)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what the system says about writing into one sentence."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadFile(
                f"{self.folder}: cannot be written: {reason} (what is finished is kept: the same command goes on)"
            ) from None
        except ValueError as error:  # a null character in the path
            raise BadFile(f"{self.folder}: cannot be written: {error}") from None

    @property
    def partition(self) -> Path:
        """The place of the finished partition."""
        return self.folder / PARTITION

    @property
    def is_finished(self) -> bool:
        """Whether the partition is there."""
        return self.partition.is_file()

    def _begin(self) -> None:
        """Write the manifest, or compare with the one that is there; remove what a killed run left half done."""
        if (self.folder / MANIFEST).exists():
            _expect_same(self.folder, _read_manifest(self.folder), self._head)
        else:
            strangers = sorted(set(os.listdir(self.folder)) - {LOCK, MANIFEST + ".part"})
            if strangers:
                raise BadFile(
                    f"{self.folder}: expected an empty folder or one of a streamed run, got one with {strangers[0]}"
                )
            text = json.dumps({**FORMAT, "job": job_of(self._head), "head": self._head}, indent=1)
            write_durably(self.folder / MANIFEST, [text.encode("ascii")])
        for left in (*self.folder.glob(".exactcpa-*.part"), *self.folder.glob("segments/*.part")):
            left.unlink()
        shutil.rmtree(self.folder / SCRATCH, ignore_errors=True)
        if self.is_finished:
            self.remove_segments()
            return
        (self.folder / SEGMENTS).mkdir(exist_ok=True)
        self._read_segments()

    def _read_segments(self) -> None:
        """Take in the segments; set those aside that are damaged."""
        numbers = _numbers(self.folder)
        self.catalogue = Catalogue(self.folder, self._head)
        damaged = self.catalogue.read(numbers)
        for number, reason in damaged.items():
            path = segment_path(self.folder, number)
            path.rename(path.with_name(path.name + ".damaged"))
            warnings.warn(f"{path}: {reason}; set aside, what was in it is walked again", stacklevel=5)
        self._next = max(numbers, default=0) + 1

    def write(self, tasks: Sequence[Task], seconds: float) -> None:
        """Write finished tasks as one more segment; nodes in it give up their arrays.

        Raises:
            BadFile: It cannot be written; the segments before it stay.
        """
        number = self._next
        with self.writing():
            write_segment(segment_path(self.folder, number), job_of(self._head), tasks, seconds)
        self._next += 1
        self.catalogue.enter(number, [task.key for task in tasks], seconds)
        for task in tasks:
            for item in task.items:
                if isinstance(item, Node):
                    item.segment, item.subtree = number, None

    def remove_segments(self) -> None:
        """Remove what the finished partition makes superfluous."""
        for name in (SEGMENTS, SCRATCH):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / SEGMENTS / f"{number:08d}.seg"


def _numbers(folder: Path) -> list[int]:
    """The numbers of all segments."""
    names = [path.stem for path in (folder / SEGMENTS).glob("*.seg")]
    return sorted(int(name) for name in names if len(name) >= 8 and name.isascii() and name.isdecimal())


def job_of(head: Mapping[str, Any]) -> str:
    """A digest of what is enumerated."""
    return sha256(json.dumps(head, sort_keys=True).encode("ascii")).hexdigest()


def _shape_of(head: Mapping[str, Any]) -> tuple[int, int]:
    """Words of a pattern and dimension."""
    return head["words"], head["dimension"]


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The head that the manifest holds.

    Raises:
        BadFile: It is damaged or of another version.
    """
    path = folder / MANIFEST
    try:
        value = parse_json(path.read_text(encoding="ascii"))
    except (OSError, ValueError, ExactcpaError) as error:
        raise BadFile(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(value, dict) or value.get("format") != FORMAT["format"]:
        raise BadFile(f"{path}: expected the manifest of a streamed enumeration, got something else")
    if value.get("version") != FORMAT["version"]:
        raise BadFile(f"{path}: expected version {FORMAT['version']}, got {shown(value.get('version'))}")
    head = value.get("head")
    if not isinstance(head, dict) or value.get("job") != job_of(head):
        raise BadFile(f"{path}: damaged: its checksum is wrong; the run cannot go on")
    return head


def _expect_same(folder: Path, begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to mix two runs.

    Raises:
        BadFile: The folder's run is another one.
    """
    if begun == wanted:
        return
    fields = [field for field in {**begun, **wanted} if begun.get(field) != wanted.get(field)]
    names = list(dict.fromkeys(SAME[field] for field in SAME if field in fields)) or ["scaling"]
    raise BadFile(
        f"{folder}: holds a run with another {' and another '.join(names)}: name another folder, or remove this one"
    )


def _locked(folder: Path) -> Any:
    """Hold the folder's lock, as long as the process lives at most.

    Raises:
        BadFile: Another process, or another thread of this one, holds it.
    """
    busy = BadFile(f"{folder}: another process is at work in this folder")
    name = os.path.realpath(folder)
    with _guard:
        if name in _held:
            raise busy
        _held.add(name)
    try:
        file = open(folder / LOCK, "ab")  # noqa: SIM115  closed in _unlock
    except OSError:
        _held.discard(name)
        raise
    if fcntl is None:
        return file
    try:
        # Not flock: a worker process that outlives this one would hold that lock too.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        _held.discard(name)
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise busy from None
        raise
    return file


def _unlock(folder: Path, file: Any) -> None:
    """Let go of the lock; the file stays, so that nobody locks one that is about to go."""
    if file is not None:
        with suppress(OSError):
            file.close()
        _held.discard(os.path.realpath(folder))
