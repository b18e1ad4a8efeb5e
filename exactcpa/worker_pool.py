"""A pool of processes of this machine that ends whatever happens: while it starts, while a result is on its way.

What `ProcessPoolExecutor` leaves open, and what is done about it here:

    It does not know a process yet while it starts the next one.  If that fails, or Ctrl-C comes then, the
    first waits for work for ever, and the parent, at its end, for it.  Here they are ended, and Ctrl-C waits.
    Ctrl-C while a lock of the pool is held can leave it held.  Here it waits while a task is given out.
    A process that dies half way through writing a result leaves the pool's thread reading for ever.  `look_after`,
    called from time to time while nothing comes, ends what is left, and the pool is told to be broken.

Main definitions:
    WorkerPool: The pool.
    uninterrupted: A stretch that Ctrl-C does not cut.

Not here: tasks and what becomes of them when the pool breaks (`parallel`, `lots`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

from exactcpa.errors import WorkerLost

LOOK_SECONDS = 1.0
"""How long nothing may come before the processes are looked after."""

END_SECONDS = 2.0
"""How long the next pool waits for one that is about to end, so that it can fork."""

_ending: list[threading.Thread] = []


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the block, also in processes that are forked in it."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    late: list[Any] = []
    signal.signal(signal.SIGINT, lambda *signalled: late.append(signalled))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if late:
            before(*late[0])


class WorkerPool(ProcessPoolExecutor):
    """Processes of this machine, forked if that is possible.

    Args:
        workers: How many.
        begin: What each does first.
        arguments: Of `begin`.

    Raises:
        WorkerLost: The system has no room for them; `submit` raises it too.
    """

    def __init__(self, workers: int, begin: Callable[..., None], arguments: tuple[Any, ...] = ()) -> None:
        while _ending:
            _ending.pop().join(END_SECONDS)
        # Forked processes have the compiled kernels at once; threads, though, do not survive a fork.
        forks = os.name == "posix" and threading.active_count() == 1
        context = multiprocessing.get_context("fork" if forks else "spawn")
        self._seen_dead = False
        with _told():
            super().__init__(workers, mp_context=context, initializer=begin, initargs=arguments)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future:
        """As of any executor; Ctrl-C comes before or after."""
        with uninterrupted(), _told():
            return super().submit(function, *arguments, **named)

    def look_after(self) -> None:
        """Break the pool if a process is dead, as it was at the last look, and nobody has noticed."""
        is_dead = self._has_dead()
        if is_dead and self._seen_dead:
            self._break()
        self._seen_dead = is_dead

    def end(self) -> None:
        """End all processes, whatever they are at, and wait for that."""
        with uninterrupted():
            self._break()
            self.shutdown(cancel_futures=True)

    def shutdown(self, *arguments: Any, **named: Any) -> None:
        """As of any executor; processes of a pool that came to a halt end, too."""
        thread = self._executor_manager_thread
        if thread is None or thread.ident is None:  # while it started
            for process in self._known():
                process.terminate()
            self._executor_manager_thread = None
        else:
            _ending.append(thread)
            if self._has_dead():
                self._break()
        super().shutdown(*arguments, **named)

    def _known(self) -> list[Any]:
        return list((self._processes or {}).values())

    def _has_dead(self) -> bool:
        return bool(wait([process.sentinel for process in self._known()], 0))

    def _break(self) -> None:
        for process in self._known():
            process.kill()
        if self._result_queue is not None:
            self._result_queue._writer.close()  # the last one: the thread that reads comes to an end


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the system says about starting processes into one sentence."""
    try:
        yield
    except OSError as error:
        raise WorkerLost(f"worker processes cannot be started: {error.strerror or error}") from None
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        raise WorkerLost("worker processes cannot be started: no room for another thread") from None
