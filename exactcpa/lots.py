"""Many small tasks shared out to processes in lots, answered in order; one that kills its process loses no other.

When a process dies, nobody knows which task it was at.  All tasks that were out are then asked again one by one, each
alone in a process of its own: one that dies there is the culprit and gets the answer for lost ones.

Main definitions:
    in_lots: The answers of all tasks, in order.

Conventions: `work` is a function of a module (it travels by name) of the settings and a list of tasks, and gives a list
of as many answers.  Ctrl-C stops the processes at once.

Not here: subtrees of one walk (`parallel`), which come apart while they are walked; the processes (`worker_pool`).
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from math import ceil
from queue import Empty, SimpleQueue
from typing import Any

from exactcpa.worker_pool import LOOK_SECONDS, WorkerPool, uninterrupted

LOTS = 8
"""Lots for each process: few enough to be cheap, enough that all processes end at about the same time."""

Work = Callable[[Any, Sequence[Any]], Sequence[Any]]


def in_lots(
    work: Work, settings: Any, tasks: Sequence[Any], workers: int, lost: Callable[[Any], Any]
) -> Iterator[Any]:
    """The answers of all tasks in order, by several processes.

    Args:
        work: What a process does with some tasks.
        settings: The same for all; must travel, as the tasks and answers must.
        tasks: In order.
        workers: How many processes.
        lost: The answer of a task whose process died although it was alone.
    """
    schedule = _Schedule(work, settings, tasks, workers, lost)
    try:
        for number in range(len(tasks)):
            while number not in schedule.answers:
                schedule.proceed()
            yield schedule.answers.pop(number)
    finally:
        schedule.close()


class _Schedule:
    """Lots that wait, lots that are out, and tasks under suspicion."""

    def __init__(
        self, work: Work, settings: Any, tasks: Sequence[Any], workers: int, lost: Callable[[Any], Any]
    ) -> None:
        self._work, self._settings, self._tasks, self._lost = work, settings, tasks, lost
        self._workers = workers
        size = max(1, ceil(len(tasks) / (LOTS * workers)))
        numbers = range(len(tasks))
        self._waiting = deque([numbers[i : i + size] for i in numbers[::size]])
        self._suspects: deque[range] = deque()
        self._out: dict[Future, range] = {}
        self._news: SimpleQueue[Future] = SimpleQueue()
        self._pool: WorkerPool | None = None
        self.answers: dict[int, Any] = {}

    def proceed(self) -> None:
        """Give out lots, or else one suspect; take the answers of those that are ready."""
        while self._waiting and len(self._out) <= self._workers:
            self._submit(self._waiting.popleft())
        if not self._out:
            self._submit(self._suspects.popleft())
        is_broken = False
        for future in self._done():
            lot = self._out.pop(future, None)
            if lot is None:  # it was out when another process died
                continue
            try:
                self.answers.update(zip(lot, future.result(), strict=True))
            except BrokenProcessPool:
                self._out[future] = lot
                is_broken = True
        if is_broken:
            self._suspect()

    def _done(self) -> list[Future]:
        """Lots that are done, or none after a while.

        `concurrent.futures.wait` takes a lock of every lot, and Ctrl-C could leave them locked.
        """
        try:
            done = [self._news.get(timeout=LOOK_SECONDS)]
        except Empty:
            if self._pool is not None:
                self._pool.look_after()
            return []
        while not self._news.empty():
            done.append(self._news.get())
        return done

    def _submit(self, lot: range) -> None:
        tasks = [self._tasks[number] for number in lot]
        for is_last in (bool(self._out), True):
            if self._pool is None:
                self._pool = _start(self._workers)
            try:
                with uninterrupted():
                    future = self._pool.submit(self._work, self._settings, tasks)
                    self._out[future] = lot
                    future.add_done_callback(self._news.put)
                return
            except BrokenProcessPool:  # it broke after the last look at it
                if not is_last:  # and not at a task
                    self.close()
        future = Future()
        future.set_exception(BrokenProcessPool())
        self._out[future] = lot
        self._news.put(future)

    def _suspect(self) -> None:
        """A process died: everything that is out is asked again, alone; what was alone is lost."""
        lots = sorted(self._out.values(), key=lambda lot: lot[0])
        self.close()
        if len(lots) == 1 and len(lots[0]) == 1:
            self.answers[lots[0][0]] = self._lost(self._tasks[lots[0][0]])
            return
        for lot in lots:
            self._suspects.extend([range(number, number + 1) for number in lot])

    def close(self) -> None:
        """Stop all processes; what is out is not waited for."""
        # Before Python 3.14 an executor has no way to end processes that are at work.  They are waited for: while
        # the pool has a thread, nothing can be forked.
        with uninterrupted():
            self._out.clear()
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.end()


def _start(workers: int) -> WorkerPool:
    return WorkerPool(workers, _ignore_interrupts)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
