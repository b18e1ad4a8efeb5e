"""Subtrees walked by several processes, their results in the order of a single walk.

A task walks a subtree for a fraction of a second and then hands over the larger nodes that are left, each a task of
its own; so big subtrees come apart as they turn out to be big, and all processes stay busy to the end.  Tasks
are given out in the order of the tree, so results can be passed on almost as they come.

Main definitions:
    Job: What is enumerated, in a form that travels.
    walk_in_parallel: As `walk`, with the same chunks in the same order.
    Tasks: Subtrees that wait, and those that are walked.
    crew_of: The processes, or an executor.

Conventions:
    A task's path says where it stands: ``(3, 0)`` is the first node handed over by the fourth one that the start
    handed over.  Lexical order of paths is the order of the tree.
    An executor is anything with ``submit`` of `concurrent.futures.Executor`, on this machine or on others.

References:
    Blumofe and Leiserson, Scheduling multithreaded computations by work stealing (1999), for the idea; here the
    work is given away by time.

Not here: the walk (`walk`), what travels (`subtree`), processes of this machine (`worker_pool`) and the memory in which
they leave their results (`shared_slots`).
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from heapq import heappop, heappush
from math import inf
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from exactcpa.domain import Domain
from exactcpa.errors import BadArgument, WorkerLost, shown
from exactcpa.float_form import FloatDomain, ScaledForm, float_domain, float_form
from exactcpa.ideal import IdealNetwork
from exactcpa.kernels.loaded import load_kernels_for
from exactcpa.network import Network
from exactcpa.settle import Settler
from exactcpa.shared_slots import Lease, Shelf, Slots
from exactcpa.subtree import Subtree
from exactcpa.switch_form import SwitchForm, switch_form
from exactcpa.walk import Chunk, Tally, walk
from exactcpa.worker_pool import LOOK_SECONDS, WorkerPool, uninterrupted

FIRST_SECONDS, SECONDS = 0.05, 0.1
"""How long the walk goes on alone before it asks for help, and how long a task walks before it hands over."""

SHORT = 0.4
"""Part of that for tasks given out while few wait: at the beginning, and at the end, when none should be late."""

FAR = 2.5
"""How much longer tasks are that go to an executor, perhaps to another machine."""

BACKLOG = 12
"""Results of tasks for each worker that may wait for their turn before no more tasks are given out meanwhile."""

TRIES = 3
"""How often lost processes are replaced."""

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What is enumerated.

    Attributes:
        network, domain: As for `enumerate_cells`.
        facets, proof: What is found and written.
        method: How: ``"lp"`` or ``"vertex"``.
    """

    network: Network | IdealNetwork
    domain: Domain
    facets: bool
    proof: bool
    method: str = "lp"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job made ready in one process; the settler of all its walks, in the deployed reading."""

    job: Job
    form: SwitchForm
    floats: FloatDomain
    scaled: ScaledForm
    settler: Settler | None


ARRAYS = ("bits", "points", "facets", "flips", "codes", "reals")
"""Those of a chunk."""

_prepared: dict[str, Prepared] = {}
_slots: list[Slots] = []
"""What this process shares with its parent, if it is a worker: one or none."""


def _run(
    name: str, packed: bytes, subtree: Subtree | None, seconds: float, room: float, slot: int | None = None
) -> list[Chunk | Subtree]:
    """One task, in whichever process it is; the arrays of its chunks are left in a slot, if one is lent."""
    ready = _prepared.get(name)  # at once: threads of an executor may have several jobs
    if ready is None:
        job = pickle.loads(packed)
        form, floats = switch_form(job.network, job.domain), float_domain(job.domain)
        load_kernels_for(form, job.method)
        ready = prepared(job, form, floats, float_form(form, floats))
        _prepared.clear()
        _prepared[name] = ready
    shelf = None if slot is None else _slots[0].shelf(slot)
    if shelf is None:
        return walk_task(ready, subtree, seconds, room)
    return _moved(list(_items(ready, subtree, seconds, room, shelf)), shelf.placed)


def prepared(job: Job, form: SwitchForm, floats: FloatDomain, scaled: ScaledForm) -> Prepared:
    """A job made ready."""
    settler = Settler(form, job.domain, floats, scaled.exponents)
    return Prepared(job, form, floats, scaled, None if settler.is_real else settler)


def walk_task(
    ready: Prepared, subtree: Subtree | None, seconds: float, room: float = inf
) -> list[Chunk | Subtree]:
    """The walk of a subtree, chunks between two nodes handed over made one."""
    items: list[Chunk | Subtree] = []
    waiting: list[Chunk] = []
    for item in _items(ready, subtree, seconds, room):
        if isinstance(item, Chunk):
            waiting.append(item)
        else:
            items += [*joined(waiting), item]
            waiting = []
    return items + joined(waiting)


def _items(
    ready: Prepared, subtree: Subtree | None, seconds: float, room: float, shelf: Shelf | None = None
) -> Iterator[Chunk | Subtree]:
    """The walk of a subtree."""
    job = ready.job
    return walk(
        ready.form,
        job.domain,
        ready.floats,
        ready.scaled,
        facets=job.facets,
        proof=job.proof,
        method=job.method,
        subtree=subtree,
        seconds=seconds,
        room=room,
        often=False,
        keep=np.copy if shelf is None else shelf.keep,
        settler=ready.settler,
    )


def _moved(items: list[Chunk | Subtree], move: Callable[[Any], Any]) -> list[Chunk | Subtree]:
    """The same with the arrays of chunks replaced."""
    return [
        replace(item, **{name: move(getattr(item, name)) for name in ARRAYS})
        if isinstance(item, Chunk)
        else item
        for item in items
    ]


def joined(chunks: list[Chunk]) -> list[Chunk]:
    """Several chunks as one; none of none."""
    if len(chunks) < 2:
        return chunks
    exact: dict[int, Any] = {}
    count = 0
    for chunk in chunks:
        exact.update({count + i: point for i, point in chunk.exact.items()})
        count += len(chunk.bits)
    arrays = {name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ARRAYS}
    bigs = [big for chunk in chunks for big in chunk.bigs]
    return [Chunk(exact=exact, bigs=bigs, tally=chunks[-1].tally, **arrays)]


def walk_in_parallel(
    job: Job,
    form: SwitchForm,
    floats: FloatDomain,
    scaled: ScaledForm,
    *,
    workers: int,
    executor: Executor | None = None,
) -> Iterator[Chunk]:
    """The chunks of `walk`, found by several processes.

    Args:
        job: What is enumerated.
        form: The network in switch form.
        floats: The domain rounded.
        scaled: The form rounded.
        workers: How many tasks run at a time.
        executor: Who runs them; None: processes of this machine, started if the walk takes long enough.

    Raises:
        WorkerLost: Processes died again and again.
    """
    ready = prepared(job, form, floats, scaled)
    order = _Order()
    first = order.finish((), None, walk_task(ready, None, FIRST_SECONDS))
    if not first:
        yield from order.chunks(lambda _: None, workers)
        return
    tasks = Tasks(ready, workers, order.finish)
    tasks.add(first)
    with crew_of(workers, executor) as crew:
        try:
            yield from order.chunks(lambda seconds: tasks.proceed(crew, seconds), workers)
        finally:
            tasks.cancel()


@contextmanager
def crew_of(workers: int, executor: Executor | None) -> Iterator[Crew]:
    """An executor, or processes of this machine that end with the block.

    Raises:
        BadArgument: No executor.
    """
    if executor is not None:
        if not callable(getattr(executor, "submit", None)):
            raise BadArgument(f"expected an executor with a method submit, got {shown(executor)}")
        yield Crew(workers, executor, own=False)
        return
    crew = Crew(workers, None, own=True)
    try:
        yield crew
    finally:
        crew.close()


def _begin_worker(parent: int, slots: Slots | None) -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone answers it.  If it is gone, so is the worker."""
    _slots[:] = [slots] if slots is not None else []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A process whose parent was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


class Crew:
    """The executor, replaced if its processes are lost; slots for results, if the processes are its own.

    Attributes:
        ahead: How many tasks are given out at a time, so that no process waits; few, for results that come before
            their turn take memory.
        patience: How much longer than `SECONDS` tasks are.
    """

    def __init__(self, workers: int, executor: Executor | None, *, own: bool) -> None:
        self._workers, self._own, self._tries = workers, own, 0
        self.ahead, self.patience = (2 * workers, 1.0) if own else (3 * workers, FAR)
        self._slots = _new_slots() if own else None
        self.executor = self._start() if executor is None else executor

    def lend(self) -> Lease | None:
        """A slot for the results of a task, if there is one."""
        return None if self._slots is None else self._slots.lend()

    def _start(self) -> WorkerPool:
        return WorkerPool(self._workers, _begin_worker, (os.getpid(), self._slots))

    def submit(self, tell: Callable[[Future], object], function: Callable[..., Any], *task: Any) -> Future:
        """Give out a task; `tell` is called when it is done."""
        with uninterrupted() if self._own else nullcontext():  # an executor of somebody else's may block
            future = self.executor.submit(function, *task)
            future.add_done_callback(tell)
        return future

    def look_after(self) -> None:
        """Notice processes that died where the pool does not."""
        if self._own:
            self.executor.look_after()

    def replace(self) -> None:
        """Start again after processes were lost."""
        self._tries += 1
        if not self._own or self._tries > TRIES:
            raise WorkerLost(
                "a worker process died, and so did those that took its place: is there enough memory?"
            )
        self.executor.shutdown()  # its thread, too, has to end before the next fork
        self.executor = self._start()

    def close(self) -> None:
        """Stop without waiting for what is under way, which hands over and ends by itself in a moment."""
        with uninterrupted():
            self.executor.shutdown(wait=False, cancel_futures=True)


def _new_slots() -> Slots | None:
    try:
        return Slots()
    except OSError:  # another system, or a limit on the size of files: results go through pipes
        return None


class Tasks:
    """Subtrees that wait, and those that are walked.

    A node waits as a `Subtree` or as whatever `load` makes one of, under its path.  `finish` is told path, node and
    results of every task that is done, and returns what waits because of it.
    """

    def __init__(
        self,
        ready: Prepared,
        workers: int,
        finish: Callable[[Path, Any, list[Chunk | Subtree]], list[tuple[Path, Any]]],
        *,
        load: Callable[[Any], Subtree | None] = lambda node: node,
        room: float = inf,
    ) -> None:
        self._ready, self._finish, self._load, self._room = ready, finish, load, room
        self._packed = pickle.dumps(ready.job)
        self._name = sha256(self._packed).hexdigest()
        _prepared[self._name] = ready  # forked workers find it
        self._workers = workers
        self._pending: list[tuple[Path, Any]] = []
        self._running: dict[Future, tuple[Path, Any, Lease | None]] = {}
        self._news: SimpleQueue[Future] = SimpleQueue()

    @property
    def is_done(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._pending and not self._running

    def add(self, nodes: list[tuple[Path, Any]]) -> None:
        """Let nodes wait."""
        for task in nodes:
            heappush(self._pending, task)

    def proceed_here(self, seconds: float) -> None:
        """Do one task in this process."""
        path, node = heappop(self._pending)
        self.add(self._finish(path, node, walk_task(self._ready, self._load(node), seconds, self._room)))

    def proceed(self, crew: Crew, seconds: float | None = None) -> None:
        """Give out tasks, wait for one, for so many seconds at most, and take its results."""
        try:
            self._give_out(crew)
            for future in self._done(crew, seconds):
                items = future.result()
                path, node, lease = self._running.pop(future)
                self.add(self._finish(path, node, items if lease is None else _moved(items, lease.array)))
            self._give_out(crew)
        except BrokenExecutor:
            self._recall()
            crew.replace()
        except CancelledError:
            raise WorkerLost("the executor has cancelled a task") from None

    def _done(self, crew: Crew, seconds: float | None) -> list[Future]:
        """Tasks that are done.

        `concurrent.futures.wait` takes a lock of every task, and Ctrl-C could leave them locked.
        """
        done: list[Future] = []
        while self._running and not done:
            try:
                done.append(self._news.get(timeout=LOOK_SECONDS if seconds is None else seconds))
                while True:
                    done.append(self._news.get_nowait())
            except Empty:
                done = [future for future in done if future in self._running]  # others were recalled
                if seconds is not None:
                    break
                if not done:
                    crew.look_after()
        return done

    def _give_out(self, crew: Crew) -> None:
        while self._pending and len(self._running) < crew.ahead:
            path, node = self._pending[0]
            seconds = SECONDS * crew.patience * (1.0 if len(self._pending) > self._workers else SHORT)
            lease = crew.lend()
            slot = () if lease is None else (lease.number,)
            future = crew.submit(
                self._news.put, _run, self._name, self._packed, self._load(node), seconds, self._room, *slot
            )
            heappop(self._pending)
            self._running[future] = (path, node, lease)

    def _recall(self) -> None:
        """Everything that runs waits again: its processes are lost."""
        self.add([(path, node) for path, node, _ in self._running.values()])
        self._running.clear()

    def cancel(self) -> None:
        """Give up what has not begun."""
        with uninterrupted():
            for future in self._running:
                future.cancel()
        _prepared.pop(self._name, None)


class _Order:
    """Results of tasks, and their chunks in the order of the tree."""

    def __init__(self) -> None:
        self._done: dict[Path, list[Chunk | Path]] = {}
        self._tally = Tally(0, 0.0, 0, 0, 0)

    def finish(self, path: Path, _: object, items: list[Chunk | Subtree]) -> list[tuple[Path, Subtree]]:
        """Take the results of a task: its chunks, and new tasks for the nodes it handed over."""
        results: list[Chunk | Path] = []
        nodes: list[tuple[Path, Subtree]] = []
        for item in items:
            if isinstance(item, Subtree):
                nodes.append(((*path, len(results)), item))
                results.append(nodes[-1][0])
            else:
                results.append(item)
        self._done[path] = results
        self._tally = added(self._tally, tally_of(items))
        return nodes

    def chunks(self, proceed: Callable[[float | None], None], workers: int) -> Iterator[Chunk]:
        """The chunks in the order of the tree.

        While the next one is not there yet, `proceed` is called without a limit; between two that are there, with no
        time at all, so that workers get their tasks however long the caller takes over the chunks; but not if results
        come faster than the caller takes them.
        """
        stack: list[Chunk | Path] = [()]
        while stack:
            item = stack.pop()
            if isinstance(item, Chunk):
                yield replace(item, tally=self._tally)
                if len(self._done) < BACKLOG * workers:
                    proceed(0.0)
                continue
            while item not in self._done:
                proceed(None)
            stack.extend(reversed(self._done.pop(item)))


def tally_of(items: list[Chunk | Subtree]) -> Tally:
    """How far one task went: its last chunk counts all of it."""
    tallies = [item.tally for item in items if isinstance(item, Chunk)]
    return tallies[-1] if tallies else Tally(0, 0.0, 0, 0, 0)


def added(one: Tally, other: Tally) -> Tally:
    """Two tallies as one."""
    return Tally(
        one.cells + other.cells,
        one.share + other.share,
        one.questions + other.questions,
        one.decided_exactly + other.decided_exactly,
        one.records + other.records,
    )
