"""Subtrees walked by several processes: the same partition, proof and counts as by one, whatever happens to them."""

import multiprocessing
import os
import pickle
import resource
import struct
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from faults import die_half_way, kill_one
from sparing import some

import exactcpa as cpa
from exactcpa import parallel
from exactcpa.errors import BadArgument, WorkerLost
from exactcpa.float_form import float_domain, float_form
from exactcpa.parallel import Job, joined
from exactcpa.subtree import Subtree
from exactcpa.switch_form import switch_form
from exactcpa.walk import walk

DATA = Path(__file__).parent.parent / "data"
STREAMS = ("bits", "points", "facets", "flips", "codes", "reals")


@pytest.fixture
def eager(monkeypatch):
    """Hand everything over as soon as may be, in small pieces."""
    monkeypatch.setattr(parallel, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(parallel, "SECONDS", 0.0)
    monkeypatch.setattr("exactcpa.walk.STEPS", 300)


def case(name):
    net = cpa.load_network(DATA / "networks" / f"{name}.json")
    return net, cpa.Box([-1] * net.input, [1] * net.input)


def concatenated(chunks):
    return {name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in STREAMS}, [
        big for chunk in chunks for big in chunk.bigs
    ]


@pytest.mark.parametrize("name", ["random_3_16_16", "integer_3_16_16", "zero_bias_3_16_16", "int8_3_16_16"])
@pytest.mark.parametrize("steps", [50, 1000])
def test_base_case_handed_over_subtrees_give_the_same_streams(name, steps, monkeypatch):
    """A node walked elsewhere gives bit for bit what it gives here, in the same place."""
    net, domain = case(name)
    form, floats = switch_form(net, domain), float_domain(domain)
    scaled = float_form(form, floats)
    whole = list(walk(form, domain, floats, scaled, facets=True, proof=True))
    monkeypatch.setattr("exactcpa.walk.STEPS", steps)
    handed = 0

    def flattened(subtree):
        nonlocal handed
        items = list(
            walk(form, domain, floats, scaled, facets=True, proof=True, subtree=subtree, seconds=0.0)
        )
        for item in items:
            if isinstance(item, Subtree):
                handed += 1
                yield from flattened(item)
            else:
                yield item

    pieces = list(flattened(None))
    assert handed > 10
    (expected, expected_bigs), (found, found_bigs) = concatenated(whole), concatenated(pieces)
    assert all(np.array_equal(expected[name], found[name]) for name in STREAMS)
    assert expected_bigs == found_bigs


@pytest.mark.parametrize("workers", some([2, 1, 3], 1))
def test_step_same_partition_for_any_number_of_workers(eager, tmp_path, workers):
    net, domain = case("random_3_16_16")
    single = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")
    several = cpa.enumerate_cells(net, domain, workers=workers, proof=tmp_path / "many.cpa")
    assert several == single
    assert cpa.check(tmp_path / "many.cpa") == _but_for_digest(
        cpa.check(tmp_path / "one.cpa"), cpa.check(tmp_path / "many.cpa")
    )
    names = ("cells", "edges", "linear_regions", "linear_programs", "decided_exactly", "records")
    assert [several.summary()[n] for n in names] == [single.summary()[n] for n in names]


def _but_for_digest(report, other):
    return replace(report, sha256=other.sha256)


def test_maxima_and_the_ideal_reading(eager):
    rows = [[Fraction(i * j % 7 - 3, 2), Fraction(i + j, 3) - 2] for i in range(3) for j in range(3)]
    net = cpa.Network(
        2,
        (
            *(
                cpa.Linear(rows, [Fraction(i % 4 - 2, 3) for i in range(9)]),
                cpa.MaxOut(cpa.network.Consecutive(3)),
            ),
            *(cpa.Linear([[1, 2, -1], [0, 1, 1], [1, -1, 0]], [0, 1, 0]), cpa.TrainingBatchNorm(epsilon=0)),
            *(cpa.ReLU(), cpa.Linear([[1, 1, 1]], [0])),
        ),
    )
    ideal = cpa.IdealNetwork(net, [[0, 0], [1, 2], [3, 1], [-1, 1]])
    domain = cpa.Box([-4, -4], [4, 4])
    assert cpa.compare(
        cpa.enumerate_cells(ideal, domain, workers=2), cpa.enumerate_cells(ideal, domain)
    ).is_same


def test_threads_as_executor(eager):
    net, domain = case("random_2_16_16")
    with ThreadPoolExecutor(2) as threads:
        assert cpa.enumerate_cells(net, domain, executor=threads) == cpa.enumerate_cells(net, domain)


def test_killed_workers_are_replaced(eager, monkeypatch):
    net, domain = case("random_3_16_16")
    expected = cpa.enumerate_cells(net, domain)
    start = parallel.Crew._start
    crews = []

    def started(self):
        pool = start(self)
        if not crews:
            kill_one(pool)
        crews.append(pool)
        return pool

    monkeypatch.setattr(parallel.Crew, "_start", started)
    assert cpa.enumerate_cells(net, domain, workers=2) == expected
    assert len(crews) >= 2


@pytest.mark.parametrize("stream", [False, True])
def test_executors_that_are_broken_are_told(eager, monkeypatch, stream, tmp_path):
    monkeypatch.setattr("exactcpa.stream_walk.FIRST_SECONDS", 0.0)
    net, domain = case("random_3_16_16")
    options = {"stream": tmp_path / "run"} if stream else {}
    with ProcessPoolExecutor(2) as pool:
        kill_one(pool)
        with pytest.raises(WorkerLost, match="memory"):
            cpa.enumerate_cells(net, domain, executor=pool, **options)


def test_short_walks_leave_nothing_prepared(monkeypatch):
    monkeypatch.setattr(parallel, "FIRST_SECONDS", 1e9)
    net, domain = case("random_2_16_16")
    before = dict(parallel._prepared)
    cpa.enumerate_cells(net, domain, workers=2)
    assert parallel._prepared == before


def answer_by_half_once(marker, task, *arguments):
    """A task whose process dies while it writes the answer, the first time."""
    with suppress(FileExistsError):
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        die_half_way()
    return task(*arguments)


def test_a_worker_that_dies_half_way_through_its_answer(eager, monkeypatch, tmp_path):
    """The pool's own thread reads on for ever."""
    net, domain = case("random_2_16_16")
    expected = cpa.enumerate_cells(net, domain)
    monkeypatch.setattr(parallel, "LOOK_SECONDS", 0.01)
    submit = parallel.WorkerPool.submit
    marker = str(tmp_path / "died")
    monkeypatch.setattr(
        parallel.WorkerPool,
        "submit",
        lambda pool, task, *rest: submit(pool, answer_by_half_once, marker, task, *rest),
    )
    assert cpa.enumerate_cells(net, domain, workers=2) == expected
    assert os.path.exists(marker)


def die(*arguments):
    """A task that takes its process with it."""
    os._exit(1)


def test_workers_that_always_die_are_an_error(eager, monkeypatch):
    net, domain = case("random_3_16_16")
    monkeypatch.setattr(parallel, "_run", die)
    with pytest.raises(WorkerLost, match="memory"):
        cpa.enumerate_cells(net, domain, workers=2)


class Failing(Executor):
    """An executor whose tasks fail."""

    def submit(self, function, /, *arguments, **named):
        future = Future()
        future.set_exception(ValueError("lost"))
        return future


def test_errors_of_tasks_are_not_hidden(eager):
    net, domain = case("random_2_16_16")
    with pytest.raises(ValueError, match="lost"):
        cpa.enumerate_cells(net, domain, executor=Failing())


class Cancelling(Executor):
    """An executor that cancels its tasks, as one that somebody shuts down."""

    def submit(self, function, /, *arguments, **named):
        future = Future()
        future.cancel()
        return future


def test_cancelled_tasks_are_told(eager):
    net, domain = case("random_2_16_16")
    with pytest.raises(WorkerLost, match="cancelled"):
        cpa.enumerate_cells(net, domain, executor=Cancelling())


def test_threads_that_do_not_begin_are_told(eager):
    def refuse():
        raise OSError("no")

    net, domain = case("random_2_16_16")
    with ThreadPoolExecutor(2, initializer=refuse) as threads, pytest.raises(WorkerLost):
        cpa.enumerate_cells(net, domain, executor=threads)


def contents(path):
    """The blocks of a file by tag, streams joined, but for those with seconds and numbers of blocks."""
    data, at, found = path.read_bytes(), len(b"exactcpa-partition 1\n"), {}
    while at < len(data):
        tag, _, length = struct.unpack_from("<4sIQ", data, at)
        found[tag] = found.get(tag, b"") + data[at + 16 : at + 16 + length]
        at += 16 + length
    return {tag: payload for tag, payload in found.items() if tag not in (b"STAT", b"DONE")}


def no_slots():
    """As on a system without memory files."""


def tiny_slots():
    """Slots into which next to nothing fits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exactcpa.shared_slots.SLOT", 1 << 12)
        return parallel.Slots()


class UnmappedSlots(parallel.Slots):
    """Slots for which workers have no room: every one takes a handle of theirs."""

    def __init__(self, *handle):
        super().__init__(*handle)
        self._parent = os.getpid()

    def _map(self, number):
        if os.getpid() != self._parent:
            raise OSError("too many open files")
        return super()._map(number)


@pytest.mark.parametrize("slots", [None, no_slots, tiny_slots, UnmappedSlots])
@pytest.mark.parametrize(
    ("name", "method"), some([("random_3_16_16", "vertex"), ("int8_3_16_16", "lp")], 1)
)
def test_same_proof_however_results_travel(eager, monkeypatch, tmp_path, slots, name, method):
    monkeypatch.setattr("exactcpa.adjacency.FEW", 0)  # threads share the region graph
    if slots is not None:
        monkeypatch.setattr(parallel, "_new_slots", slots)
    if slots is tiny_slots:
        monkeypatch.setattr("exactcpa.shared_slots.SLOT", 1 << 12)
    net, domain = case(name)
    one, two = tmp_path / "one.cpa", tmp_path / "two.cpa"
    single = cpa.enumerate_cells(net, domain, method=method, proof=one)
    assert cpa.enumerate_cells(net, domain, method=method, workers=2, proof=two) == single
    assert contents(one) == contents(two)
    assert sorted(os.listdir(tmp_path)) == ["one.cpa", "two.cpa"]


def test_same_proof_from_spawned_processes(eager, tmp_path):
    """A process with threads is not forked."""
    net, domain = case("random_3_16_16")
    single = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert cpa.enumerate_cells(net, domain, workers=2, proof=tmp_path / "two.cpa") == single
    finally:
        stop.set()
        thread.join()
    assert contents(tmp_path / "one.cpa") == contents(tmp_path / "two.cpa")


def test_same_proof_with_workers_killed_on_the_way(eager, monkeypatch, tmp_path):
    net, domain = case("random_3_16_16")
    single = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")
    crews, killed = [], []
    start = parallel.Crew._start
    monkeypatch.setattr(parallel.Crew, "_start", lambda crew: crews.append(start(crew)) or crews[-1])

    def kill(tally):
        alive = list((crews[-1]._processes or {}).values()) if crews else []
        if alive and len(killed) < 2 and tally.cells > 100 * len(killed):
            killed.append(alive[0])
            killed[-1].kill()  # nothing if it is gone

    assert cpa.enumerate_cells(net, domain, workers=2, proof=tmp_path / "two.cpa", progress=kill) == single
    assert killed
    assert contents(tmp_path / "one.cpa") == contents(tmp_path / "two.cpa")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_work_of_several_that_ends_early_leaves_nothing(eager, tmp_path, error):
    def stop(tally):
        if tally.cells > 100:
            raise error

    net, domain = case("random_3_16_16")
    with pytest.raises(error):
        cpa.enumerate_cells(net, domain, workers=2, proof=tmp_path / "a.cpa", progress=stop)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("count", [1000, 300_000])
def test_full_disk_with_several_workers_leaves_nothing(eager, tmp_path, count):
    net, domain = case("random_3_16_16")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        with pytest.raises(cpa.BadFile, match="cannot be written: File too large"):
            cpa.enumerate_cells(net, domain, workers=2, proof=tmp_path / "a.cpa")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_interrupted_walks_leave_no_process(eager):
    net, domain = case("random_3_16_16")
    form, floats = switch_form(net, domain), float_domain(domain)
    job = Job(net, domain, True, False)
    before = set(multiprocessing.active_children())
    chunks = parallel.walk_in_parallel(job, form, floats, float_form(form, floats), workers=2)
    next(chunks)
    next(chunks)
    chunks.close()
    end = time.monotonic() + 120
    # No join: the executor's thread waits for the same processes, and only one of two learns that a process ended.
    while set(multiprocessing.active_children()) - before:
        assert time.monotonic() < end, "a process goes on"
        time.sleep(0.01)


def test_short_walks_start_no_process(monkeypatch):
    def refuse(self):
        raise AssertionError("no process was needed")

    monkeypatch.setattr(parallel.Crew, "_start", refuse)
    monkeypatch.setattr(parallel, "FIRST_SECONDS", 1e9)
    net, domain = case("random_2_16_16")
    assert len(cpa.enumerate_cells(net, domain, workers=2)) > 1


def test_jobs_travel():
    net, domain = case("random_2_16_16")
    job = pickle.loads(pickle.dumps(Job(net, domain, True, True)))
    assert job.network == net and job.domain == domain
    ideal = cpa.IdealNetwork(cpa.load_network(DATA / "networks/moons.json"))
    assert pickle.loads(pickle.dumps(ideal)) == ideal
    assert joined([]) == []


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2"])
def test_rejects_workers_that_are_no_count(workers):
    net, domain = case("random_2_16_16")
    with pytest.raises(BadArgument, match="whole number"):
        cpa.enumerate_cells(net, domain, workers=workers)


def test_rejects_what_is_no_executor(eager):
    net, domain = case("random_2_16_16")
    with pytest.raises(BadArgument, match="submit"):
        cpa.enumerate_cells(net, domain, executor=object())
