"""A walk whose results go to disk: tasks one after the other or in parallel, segments of those that are done.

A task walks for `SECONDS`, or until it has `ROOM` bytes of results, and hands over what is left; so even a walk in one
process comes in tasks.  What is finished is written when it has `SEGMENT_BYTES` or is `SEGMENT_SECONDS` old: no more
than that is lost when the process is killed.

Memory: a segment's bytes, and for every worker the results of a task or two; a few hundred bytes for every
task; the nodes that wait, of which the arrays are on disk but for those since the last segment.

Main definitions: `walk_to_disk`.

Not here: a task (`walk`), who does it (`parallel`), the files (`segments`, `stream_folder`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from time import perf_counter

from exactcpa.errors import BadFile
from exactcpa.parallel import FIRST_SECONDS, Path, Prepared, Tasks, added, crew_of, tally_of
from exactcpa.segments import ROOT, Node, Task, key_of, size_of
from exactcpa.stream_folder import StreamFolder
from exactcpa.subtree import Subtree
from exactcpa.walk import Chunk, Tally
from exactcpa.worker_pool import uninterrupted

SECONDS = 1.0
"""How long a task walks in a single process."""

ROOM = 1 << 24
"""Bytes of results after which a task hands over all that is left."""

SEGMENT_BYTES, SEGMENT_SECONDS = 1 << 25, 3.0
"""When finished tasks are written."""


def walk_to_disk(
    folder: StreamFolder,
    ready: Prepared,
    *,
    workers: int,
    executor: Executor | None,
    report: Callable[[Tally], object],
) -> None:
    """Do what is still to be done of a streamed enumeration.

    Args:
        folder: What is done, and where to put the rest.
        ready: What is enumerated.
        workers: How many tasks run at a time.
        executor: Who runs them; None: this process, or processes of this machine if there are several workers.
        report: Called with the counts of all that is done after each task.

    Raises:
        BadArgument: No executor.
        BadFile: Nothing more can be written; what is finished stays.
        WorkerLost: Processes died again and again.
    """
    waiting, tally = folder.catalogue.descend((), ROOT)
    recorder = _Recorder(folder, tally, report)
    tasks = Tasks(ready, workers, recorder.finish, load=folder.catalogue.subtree, room=ROOM)
    tasks.add(waiting)
    is_serial = workers == 1 and executor is None
    try:
        if waiting:
            tasks.proceed_here(SECONDS if is_serial else FIRST_SECONDS)
        while is_serial and not tasks.is_done:
            tasks.proceed_here(SECONDS)
        if not tasks.is_done:
            with crew_of(workers, executor) as crew:
                while not tasks.is_done:
                    tasks.proceed(crew)
    except BadFile:
        raise
    except BaseException:
        with suppress(BadFile):
            recorder.write()
        raise
    finally:
        tasks.cancel()
    recorder.write()


class _Recorder:
    """Finished tasks that wait to be written."""

    def __init__(self, folder: StreamFolder, tally: Tally, report: Callable[[Tally], object]) -> None:
        self._folder, self._tally, self._report = folder, tally, report
        self._tasks: list[Task] = []
        self._size, self._last = 0, perf_counter()

    def finish(self, path: Path, node: Node, items: list[Chunk | Subtree]) -> list[tuple[Path, Node]]:
        """Take the results of a task; return the nodes it handed over that are not done already."""
        results: list[Chunk | Node] = []
        for item in items:
            if isinstance(item, Chunk):
                results.append(item)
                self._size += item.size
            else:
                results.append(Node(key_of(item), item, -1))
                self._size += size_of(item)
        task = Task(node.key, results, tally_of(items))
        self._tasks.append(task)
        self._tally = added(self._tally, task.tally)
        waiting: list[tuple[Path, Node]] = []
        for i, result in enumerate(results):
            if isinstance(result, Node):
                waiting += self._still_open((*path, i), result)
        self._report(self._tally)
        if self._size >= SEGMENT_BYTES or perf_counter() - self._last >= SEGMENT_SECONDS:
            self.write()
        return waiting

    def _still_open(self, path: Path, node: Node) -> list[tuple[Path, Node]]:
        """The node itself, or what is open under it if it was walked before what led to it was lost."""
        if node.key not in self._folder.catalogue:
            return [(path, node)]
        waiting, tally = self._folder.catalogue.descend(path, node.key)
        self._tally = added(self._tally, tally)
        return waiting

    def write(self) -> None:
        """Write what is finished as a segment.

        Raises:
            BadFile: It cannot be written.
        """
        if not self._tasks:
            return
        now = perf_counter()
        # Or the same tasks would be written again, without the nodes they have given up.
        with uninterrupted():
            self._folder.write(self._tasks, now - self._last)
            self._tasks, self._size, self._last = [], 0, now
