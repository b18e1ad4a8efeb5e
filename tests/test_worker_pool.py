"""A pool of processes: halted while it starts, interrupted, with a process that dies half way through its answer."""

import errno
import multiprocessing
import os
import signal
import threading
from concurrent.futures.process import BrokenProcessPool

import pytest
from faults import die_half_way

from exactcpa import worker_pool
from exactcpa.errors import WorkerLost
from exactcpa.worker_pool import WorkerPool, uninterrupted


def nothing():
    """What a process does first."""


def answer_by_half():
    """Die with a part of the answer written, as one that is killed there."""
    die_half_way()


@pytest.fixture
def second_fork(monkeypatch):
    """What happens when a process is forked the second time."""
    happens, forks, fork = [], [], os.fork

    def counted():
        forks.append(None)
        if len(forks) == 2:
            happens[0]()
        return fork()

    monkeypatch.setattr(os, "fork", counted)
    return happens


def test_base_case():
    with WorkerPool(2, nothing) as pool:
        assert [future.result() for future in [pool.submit(abs, -n) for n in range(9)]] == list(range(9))
        pool.look_after()
        pool.look_after()
        assert pool.submit(abs, -9).result() == 9


def test_half_an_answer_breaks_the_pool():
    with WorkerPool(2, nothing) as pool:
        future = pool.submit(answer_by_half)
        while not future.done():
            pool.look_after()
        with pytest.raises(BrokenProcessPool):
            future.result()


@pytest.mark.parametrize("way", [WorkerPool.end, WorkerPool.shutdown])
def test_half_an_answer_does_not_keep_the_pool_from_ending(way):
    pool = WorkerPool(2, nothing)
    pool.submit(answer_by_half)
    while not pool._has_dead():
        pass
    way(pool)
    assert not multiprocessing.active_children()


def test_a_pool_ends_whatever_its_processes_are_at():
    pool = WorkerPool(2, nothing)
    futures = [pool.submit(signal.pause) for _ in range(5)]
    pool.end()
    assert all(future.done() for future in futures)
    pool.end()
    WorkerPool(2, nothing).end()


def test_no_room_for_the_second_process(second_fork):
    def refuse():
        raise OSError(errno.EAGAIN, "no room")

    second_fork.append(refuse)
    pool = WorkerPool(2, nothing)
    with pytest.raises(WorkerLost, match="cannot be started: no room"):
        pool.submit(abs, -1)
    left = multiprocessing.active_children()
    assert len(left) == 1
    pool.shutdown()
    left[0].join()
    assert left[0].exitcode == -signal.SIGTERM


def test_no_room_for_the_thread(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    pool = WorkerPool(2, nothing)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(WorkerLost, match="no room for another thread"):
            pool.submit(abs, -1)
    left = multiprocessing.active_children()
    pool.shutdown()
    for process in left:
        process.join()


def test_no_room_for_the_queues(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(multiprocessing.context.BaseContext, "SimpleQueue", refuse)
    with pytest.raises(WorkerLost, match="cannot be started: too many"):
        WorkerPool(2, nothing)


def test_interrupt_while_the_pool_starts(second_fork):
    second_fork.append(lambda: signal.raise_signal(signal.SIGINT))
    pool = WorkerPool(2, nothing)
    with pytest.raises(KeyboardInterrupt):
        pool.submit(abs, -1)
    assert len(pool._processes) == 2
    assert pool.submit(abs, -1).result() == 1
    pool.shutdown()


def test_interrupts_wait():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_pool_that_is_about_to_end_does_not_keep_the_next_from_forking(monkeypatch):
    monkeypatch.setattr(worker_pool, "END_SECONDS", 120.0)
    for _ in range(3):
        pool = WorkerPool(2, nothing)
        assert pool._mp_context.get_start_method() == "fork"
        assert pool.submit(abs, -1).result() == 1
        pool.shutdown(wait=False)
