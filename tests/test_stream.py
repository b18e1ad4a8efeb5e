"""Enumeration to disk: the partition of memory, whatever happens on the way.  Faults are made, not imitated."""

from __future__ import annotations

import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from degenerate import CASES
from faults import kill_one
from sparing import some

import exactcpa as cpa
from exactcpa import adjacency_on_disk, cli, parallel, stream_folder, stream_walk
from exactcpa.partition_file import BLOCK, MAGIC
from exactcpa.segments import ROOT, Node, Segment, Task, key_of, write_segment
from exactcpa.stream_folder import StreamFolder
from exactcpa.walk import Tally

DATA = Path(__file__).parent.parent / "data"
STREAMS = ("CODE", "REAL", "BIGS")
SIZES = ("EDGE", "PATT", "WITN", "XPTS", "FPTR", "FACE", "REGI")


@pytest.fixture
def small_tasks(monkeypatch):
    """Hand everything over as soon as may be, write a segment for every few tasks, match in many passes."""
    monkeypatch.setattr(parallel, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(parallel, "SECONDS", 0.0)
    monkeypatch.setattr(stream_walk, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(stream_walk, "SECONDS", 0.0)
    monkeypatch.setattr(stream_walk, "SEGMENT_BYTES", 40_000)
    monkeypatch.setattr("exactcpa.walk.STEPS", 300)
    monkeypatch.setattr(adjacency_on_disk, "MEMORY", 4096)
    monkeypatch.setattr(adjacency_on_disk, "BLOCK", 97)


def case(name):
    net = cpa.load_network(DATA / "networks" / f"{name}.json")
    return net, cpa.Box([-1] * net.input, [1] * net.input)


def blocks_of(path):
    """Tag to payload; streams joined."""
    data, at, blocks = Path(path).read_bytes(), len(MAGIC), defaultdict(bytes)
    while at < len(data):
        tag, _, length = BLOCK.unpack_from(data, at)
        blocks[tag.decode()] += data[at + BLOCK.size : at + BLOCK.size + length]
        at += BLOCK.size + length
    return blocks


def assert_same_file(one, other):
    """Bit for bit, but for spaces after JSON and the seconds that were needed."""
    mine, theirs = blocks_of(one), blocks_of(other)
    for tag in (*STREAMS, *SIZES):
        assert mine[tag].rstrip(b" ") == theirs[tag].rstrip(b" "), tag


def ideal_network():
    rows = [[Fraction(i * j % 7 - 3, 2), Fraction(i + j, 3) - 2] for i in range(3) for j in range(3)]
    hidden = cpa.Linear(rows, [Fraction(i % 4 - 2, 3) for i in range(9)])
    maxima = cpa.MaxOut(cpa.network.Consecutive(3))
    second = cpa.Linear([[1, 2, -1], [0, 1, 1], [1, -1, 0]], [0, 1, 0])
    last = cpa.Linear([[1, 1, 1]], [0])
    layers = (hidden, maxima, second, cpa.TrainingBatchNorm(epsilon=0), cpa.ReLU(), last)
    return cpa.IdealNetwork(cpa.Network(2, layers), [[0, 0], [1, 2], [3, 1], [-1, 1]])


def wedge():
    """Its cells have witnesses that are no doubles."""
    found = CASES["narrow_wedge_1e-300"]
    return cpa.network_from_json(found.network), cpa.domain_from_json(found.domain)


JOBS = {
    "generic": lambda: case("random_3_16_16"),
    "concurrent": lambda: case("zero_bias_3_16_16"),
    "quantised": lambda: case("int8_3_16_16"),
    "ideal, maxima": lambda: (ideal_network(), cpa.Box([-4, -4], [4, 4])),
    "exact witnesses": wedge,
    "slice": lambda: (
        case("random_3_16_16")[0],
        cpa.Slice([0, "1/3", 0], [[1, 0], ["1/7", 1], [0, 2]], cpa.Box([-1, -1], [1, 1])),
    ),
    "no units": lambda: (cpa.Network(2, (cpa.Linear([[1, 2]], [0]),)), cpa.Box([-1, -1], [1, 1])),
}


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("facets", some([True, False], 1), ids=["facets", "cells"])
def test_base_case_the_file_of_a_single_walk(small_tasks, job, facets, tmp_path):
    net, domain = JOBS[job]()
    method = "lp" if job == "exact witnesses" else "auto"
    expected = cpa.enumerate_cells(net, domain, method=method, facets=facets, proof=tmp_path / "one.cpa")
    assert (job == "exact witnesses") <= bool(expected.results.exact_points)
    segments = []

    def look(_):
        segments.append(len(list((tmp_path / "run/segments").glob("*.seg"))))

    found = cpa.enumerate_cells(
        *(net, domain), method=method, facets=facets, proof=True, stream=tmp_path / "run", progress=look
    )
    assert found == expected
    assert_same_file(tmp_path / "one.cpa", tmp_path / "run/partition.cpa")
    names = found.summary().keys() - {"seconds", "cells_per_second"}
    assert {name: found.summary()[name] for name in names} == {
        name: expected.summary()[name] for name in names
    }
    assert cpa.check(tmp_path / "run/partition.cpa").cells == len(expected)
    assert sorted(os.listdir(tmp_path / "run")) == ["lock", "manifest.json", "partition.cpa"]
    if len(expected) > 800:
        assert max(segments) > 5


@pytest.mark.parametrize("method", ["lp", "vertex"])
def test_methods(small_tasks, method, tmp_path):
    net, domain = case("random_2_16_16")
    expected = cpa.enumerate_cells(net, domain, method=method, proof=tmp_path / "one.cpa")
    for stop in (3, 1):
        with pytest.raises(Stopped):
            cpa.enumerate_cells(
                *(net, domain),
                method=method,
                proof=True,
                stream=tmp_path / "run",
                progress=stopping_after(stop),
            )
    other = {"lp": "vertex", "vertex": "lp"}[method]
    with pytest.raises(cpa.BadFile, match="another method"):
        cpa.enumerate_cells(net, domain, method=other, proof=True, stream=tmp_path / "run")
    found = cpa.enumerate_cells(net, domain, method=method, proof=True, stream=tmp_path / "run")
    assert found == expected and found.summary()["method"] == method
    assert_same_file(tmp_path / "one.cpa", tmp_path / "run/partition.cpa")


def test_without_proof(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")
    found = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert found == cpa.enumerate_cells(net, domain)
    with pytest.raises(cpa.Unreadable, match="no proof"):
        cpa.check(tmp_path / "run/partition.cpa")


@pytest.mark.parametrize("workers", some([2, 3], 1))
def test_workers(small_tasks, workers, tmp_path):
    net, domain = case("random_3_16_16")
    expected = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")
    found = cpa.enumerate_cells(net, domain, workers=workers, proof=True, stream=tmp_path / "run")
    assert found == expected
    assert_same_file(tmp_path / "one.cpa", tmp_path / "run/partition.cpa")


def test_executor(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")
    with ThreadPoolExecutor(2) as threads:
        found = cpa.enumerate_cells(net, domain, executor=threads, stream=tmp_path / "run")
    assert found == cpa.enumerate_cells(net, domain)


def test_room_bounds_a_task(monkeypatch, tmp_path):
    """Even without a clock, tasks end when they have so many bytes of results."""
    monkeypatch.setattr(stream_walk, "SECONDS", 1e9)
    monkeypatch.setattr(stream_walk, "ROOM", 20_000)
    monkeypatch.setattr("exactcpa.walk.STEPS", 300)
    net, domain = case("random_3_16_16")
    told = []
    found = cpa.enumerate_cells(net, domain, proof=True, stream=tmp_path / "run", progress=told.append)
    assert found == cpa.enumerate_cells(net, domain)
    assert len(told) > 20
    steps = np.diff([0] + [tally.cells for tally in told])
    assert steps.max() < 500


def test_arrays_are_views_of_the_file(tmp_path):
    net, domain = case("random_3_16_16")
    streamed = cpa.enumerate_cells(net, domain, proof=True, stream=tmp_path / "run")
    plain = cpa.enumerate_cells(net, domain)
    plain.save(tmp_path / "a.cpa")
    for part in (streamed, cpa.load_partition(tmp_path / "a.cpa"), cpa.load_partition(tmp_path / "run")):
        facets = part.results.facets
        for array in (part.results.words, part.results.points, facets.starts, facets.neighbours):
            assert not array.flags.owndata and not array.flags.writeable and array.flags.aligned
            root = array
            while isinstance(root, np.ndarray):
                root = root.base
            assert isinstance(root, memoryview)
        assert pickle.loads(pickle.dumps(part)) == plain
    loaded = cpa.load_partition(tmp_path / "a.cpa")
    loaded.save(tmp_path / "a.cpa")  # over the file that it is a view of
    assert loaded == plain == cpa.load_partition(tmp_path / "a.cpa")


def test_finished_runs_are_loaded(tmp_path, monkeypatch):
    net, domain = case("random_2_16_16")
    first = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    before = (tmp_path / "run/partition.cpa").stat()
    monkeypatch.setattr("exactcpa.enumerate.walk_to_disk", lambda *_, **__: pytest.fail("walked again"))
    assert cpa.enumerate_cells(net, domain, stream=tmp_path / "run") == first
    assert (tmp_path / "run/partition.cpa").stat().st_mtime_ns == before.st_mtime_ns


# Runs that are cut short.


class Stopped(BaseException):
    """Raised by a test."""


def stopping_after(count):
    def report(_):
        nonlocal count
        count -= 1
        if count < 0:
            raise Stopped

    return report


@pytest.mark.parametrize("place", some([4, 1], 1))
def test_goes_on_after_ctrl_c_when_a_segment_is_just_written(small_tasks, place, tmp_path, monkeypatch):
    """Its tasks are not written once more: they have given up the nodes that the run goes on from."""
    net, domain = case("random_3_16_16")
    write, written = StreamFolder.write, []

    def interrupted(folder, tasks, seconds):
        write(folder, tasks, seconds)
        written.append(len(tasks))
        if len(written) == place:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(StreamFolder, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert len(written) == place
    part = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert part == cpa.enumerate_cells(net, domain)


def test_goes_on_after_an_exception_at_any_task(small_tasks, tmp_path):
    net, domain = case("random_3_16_16")
    expected = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")
    told = []
    for stop in (0, 1, 0, 5, 2, 17):
        with pytest.raises(Stopped):
            cpa.enumerate_cells(
                net, domain, proof=True, stream=tmp_path / "run", progress=stopping_after(stop)
            )
        told.append(cpa.stream_progress(tmp_path / "run"))
        with pytest.raises(cpa.BadFile, match="not finished"):
            cpa.load_partition(tmp_path / "run")
    assert [t["tasks"] for t in told] == sorted(t["tasks"] for t in told)
    assert told[-1]["cells"] > told[0]["cells"]
    assert 0 < told[-1]["share"] < 1 and told[-1]["waiting"] > 0
    found = cpa.enumerate_cells(net, domain, proof=True, stream=tmp_path / "run", workers=2)
    assert found == expected
    assert_same_file(tmp_path / "one.cpa", tmp_path / "run/partition.cpa")
    names = ("cells", "edges", "linear_regions", "linear_programs", "decided_exactly", "records")
    assert [found.summary()[n] for n in names] == [expected.summary()[n] for n in names]


def child(work):
    """Run something in a process, and process group, of its own; its exit status is 0 if nothing went wrong."""
    pid = os.fork()
    if pid:
        with suppress(PermissionError):
            os.setpgid(pid, pid)
        return pid
    status = 1
    try:
        os.setpgid(0, 0)
        work()
        status = 0
    finally:
        os._exit(status)


def ended(pid, seconds):
    """Whether a process ends by itself within that time, well or not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, "the run failed"
            return True
        time.sleep(0.002)
    return False


def killed_until_done(work, rng, longest, most):
    """Kill the whole process group at random moments, but for the last time; returns how often."""
    for kills in range(most):
        pid = child(work)
        if ended(pid, rng.uniform(0, longest)):
            return kills
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    work()
    return most


def seconds_of(work, folder):
    """How long it takes undisturbed: kills come sooner than that, however fast the machine is."""
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


@pytest.mark.parametrize("workers", some([2, 1], 1))
@pytest.mark.parametrize("name", some(["zero_bias_3_16_16", "random_3_16_16"], 1))
def test_killed_at_random_moments(small_tasks, workers, name, tmp_path):
    net, domain = case(name)
    expected = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")

    def work(folder):
        cpa.enumerate_cells(net, domain, proof=True, stream=folder, workers=workers)

    rng, kills, attempts = random.Random(f"{name} {workers}"), 0, 0
    longest = seconds_of(work, tmp_path / "undisturbed")
    while attempts < 3 or kills <= 3:
        assert attempts < 40, f"{kills} kills"
        folder = tmp_path / f"run {attempts}"
        kills += killed_until_done(partial(work, folder), rng, longest, most=5)
        assert cpa.load_partition(folder) == expected
        assert_same_file(tmp_path / "one.cpa", folder / "partition.cpa")
        assert sorted(os.listdir(folder)) == ["lock", "manifest.json", "partition.cpa"]
        attempts += 1


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_many_random_moments(monkeypatch, workers, tmp_path):
    """A larger network, tasks of all sizes, many kills."""
    net, domain = case("random_3_32_32")
    expected = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")

    def work(folder):
        cpa.enumerate_cells(net, domain, proof=True, stream=folder, workers=workers)

    rng, kills, attempts = random.Random(workers), 0, 0
    while attempts < 12 or kills <= 20:
        assert attempts < 100, f"{kills} kills"
        seconds = rng.choice([0.0, 0.01, 0.05])
        monkeypatch.setattr(stream_walk, "SECONDS", seconds)
        monkeypatch.setattr(parallel, "SECONDS", seconds)
        monkeypatch.setattr(stream_walk, "SEGMENT_BYTES", rng.choice([0, 100_000, 1_000_000]))
        monkeypatch.setattr("exactcpa.walk.STEPS", rng.choice([300, 3000]))
        longest = seconds_of(work, tmp_path / f"undisturbed {attempts}")
        folder = tmp_path / f"run {attempts}"
        kills += killed_until_done(partial(work, folder), rng, longest, most=25)
        assert cpa.load_partition(folder) == expected
        assert_same_file(tmp_path / "one.cpa", folder / "partition.cpa")
        attempts += 1


def test_killed_workers_are_replaced(small_tasks, monkeypatch, tmp_path):
    net, domain = case("random_3_16_16")
    start, crews = parallel.Crew._start, []

    def started(self):
        pool = start(self)
        if not crews:
            kill_one(pool)
        crews.append(pool)
        return pool

    monkeypatch.setattr(parallel.Crew, "_start", started)
    found = cpa.enumerate_cells(net, domain, workers=2, stream=tmp_path / "run")
    assert found == cpa.enumerate_cells(net, domain)
    assert len(crews) >= 2


def group_of(pid):
    """The processes of a group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_killed_parents_leave_no_worker_and_no_lock(small_tasks, monkeypatch, tmp_path):
    net, domain = case("random_3_16_16")

    def slowly(_):
        time.sleep(0.05)

    def work():
        cpa.enumerate_cells(net, domain, workers=2, stream=tmp_path / "run", progress=slowly)

    pid = child(work)
    while len(group_of(pid)) < 3:
        assert not ended(pid, 0.01), "too quick for this test"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    found = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")  # no need to wait for them
    assert found == cpa.enumerate_cells(net, domain)
    end = time.monotonic() + 120
    while group_of(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert group_of(pid) == []


# Files that were damaged.


def cut_short(net, domain, folder, tasks=60, **chosen):
    with pytest.raises(Stopped):
        cpa.enumerate_cells(net, domain, stream=folder, progress=stopping_after(tasks), **chosen)
    return sorted((folder / "segments").glob("*.seg"))


@pytest.mark.parametrize("which", some([3, 0, -1], 1), ids=["middle", "first", "last"])
@pytest.mark.parametrize("damage", ["cut", "byte", "empty", "gone", "foreign"])
def test_damaged_segments_are_done_again(small_tasks, which, damage, tmp_path):
    net, domain = case("random_3_16_16")
    segments = cut_short(net, domain, tmp_path / "run", proof=True)
    assert len(segments) > 5
    path, rng = segments[which], random.Random(f"{which} {damage}")
    data = bytearray(path.read_bytes())
    match damage:
        case "cut":
            path.write_bytes(data[: rng.randrange(1, len(data))])
        case "byte":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case "foreign":
            path.write_bytes(b"something else" * 100)
    expected = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")

    def go_on():
        return cpa.enumerate_cells(net, domain, proof=True, stream=tmp_path / "run")

    if damage == "gone":
        found = go_on()
    else:
        assert cpa.stream_progress(tmp_path / "run")["damaged"] == 1
        with pytest.warns(UserWarning, match=f"{path.name}: .*set aside"):
            found = go_on()
    assert found == expected
    assert_same_file(tmp_path / "one.cpa", tmp_path / "run/partition.cpa")


def test_every_damaged_byte_of_a_segment_is_noticed(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")
    path = cut_short(net, domain, tmp_path / "run", tasks=2)[0]
    data, noticed = path.read_bytes(), 0
    places = [*range(120), *range(120, len(data), 61)]
    for at in places:
        path.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        noticed += cpa.stream_progress(tmp_path / "run")["damaged"]
        path.write_bytes(data[:at])
        assert cpa.stream_progress(tmp_path / "run")["damaged"] == 1, at
    assert noticed >= len(places) - 5  # the five bytes between the sizes and the header mean nothing
    path.write_bytes(data)
    assert cpa.stream_progress(tmp_path / "run")["damaged"] == 0


def test_nodes_come_back_as_they_were(tmp_path):
    """Arrays of every type, exact points, numbers, none, and dataclasses inside."""

    @dataclass
    class Inner:
        masks: np.ndarray
        fresh: int

    @dataclass
    class Outer:
        frame: np.ndarray
        empty: np.ndarray
        exact: dict
        share: float
        inner: Inner | None
        none: Inner | None

    Outer.__annotations__ |= {"inner": Inner | None, "none": Inner | None}
    inner = Inner(np.arange(3, dtype=np.uint8), np.int64(7))
    exact = {3: ((-5, 10**50), 7), 0: ((0, 1), 1)}
    node = Outer(np.arange(6.0).reshape(2, 3), np.empty((0, 4), np.int32), exact, 2**-60, inner, None)
    key, again = key_of(node), key_of(replace(node, frame=node.frame.copy()))
    assert key == again
    changes = ({"share": 0.5}, {"inner": None}, {"exact": {}}, {"frame": node.frame.T}, {"none": inner})
    assert key not in {key_of(replace(node, **change)) for change in changes}
    task = Task(ROOT, [Node(key, node, -1)], Tally(0, 0.0, 0, 0, 0))
    write_segment(tmp_path / "a.seg", "job", [task], 0.0)
    segment = Segment(tmp_path / "a.seg", "job", 1, 2, verify=True)
    read = segment._read(Outer, segment._nodes[key])
    assert key_of(replace(read, inner=inner)) == key
    assert np.array_equal(read.inner.masks, inner.masks) and read.inner.masks.dtype == np.uint8
    assert (read.exact, read.share, read.inner.fresh, read.none) == (exact, 2**-60, 7, None)
    assert read.frame.tolist() == node.frame.tolist() and read.empty.shape == (0, 4)


def test_segments_of_another_run_do_not_count(small_tasks, tmp_path):
    """Not even under the right name: each says which job it belongs to."""
    net, domain = case("random_2_16_16")
    other = cut_short(net, cpa.Box([-2, -2], [2, 2]), tmp_path / "other", tasks=3)
    mine = cut_short(net, domain, tmp_path / "run", tasks=3)
    shutil.copy(other[0], mine[0])
    with pytest.warns(UserWarning, match="of another run"):
        found = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert found == cpa.enumerate_cells(net, domain)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "exactcpa-stream", "version": 2}', "\xff"])
def test_damaged_manifests_are_refused(small_tasks, text, tmp_path):
    net, domain = case("random_2_16_16")
    cut_short(net, domain, tmp_path / "run", tasks=2)
    (tmp_path / "run/manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(cpa.BadFile, match=r"manifest\.json: (cannot be read|expected)"):
        cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    with pytest.raises(cpa.BadFile, match=r"manifest\.json"):
        cpa.stream_progress(tmp_path / "run")


def test_changed_manifests_are_refused(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")
    cut_short(net, domain, tmp_path / "run", tasks=2)
    manifest = tmp_path / "run/manifest.json"
    manifest.write_text(manifest.read_text().replace('"facets": true', '"facets": false'))
    with pytest.raises(cpa.BadFile, match="checksum is wrong"):
        cpa.enumerate_cells(net, domain, stream=tmp_path / "run", facets=False)


# Places that do not do.


def test_runs_of_something_else_are_refused(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")
    cut_short(net, domain, tmp_path / "run", tasks=2)
    others = [
        ("network", lambda: cpa.enumerate_cells(case("random_2_32_32_32")[0], domain, stream=run)),
        ("domain", lambda: cpa.enumerate_cells(net, cpa.Box([-2, -1], [1, 1]), stream=run)),
        ("choice of facets", lambda: cpa.enumerate_cells(net, domain, facets=False, stream=run)),
        ("choice of a proof", lambda: cpa.enumerate_cells(net, domain, proof=True, stream=run)),
        ("reading", lambda: cpa.enumerate_cells(cpa.IdealNetwork(net), domain, stream=run)),
    ]
    run = tmp_path / "run"
    for finished in (False, True):
        for what, enumerate_it in others:
            with pytest.raises(cpa.BadFile, match=f"holds a run with another .*{what}"):
                enumerate_it()
        if not finished:
            cpa.enumerate_cells(net, domain, stream=run)


def test_other_folders_and_files_are_refused(tmp_path):
    net, domain = case("random_2_16_16")
    (tmp_path / "file").write_text("x")
    with pytest.raises(cpa.BadFile, match="expected a folder for the stream, got a file"):
        cpa.enumerate_cells(net, domain, stream=tmp_path / "file")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    with pytest.raises(cpa.BadFile, match=r"got one with thesis\.tex"):
        cpa.enumerate_cells(net, domain, stream=tmp_path / "mine")
    assert (tmp_path / "mine/thesis.tex").read_text() == "x"
    with pytest.raises(cpa.BadFile, match="cannot be written: No such file"):
        cpa.enumerate_cells(net, domain, stream=tmp_path / "missing/run")
    with pytest.raises(cpa.BadFile, match="cannot be written"):
        cpa.enumerate_cells(net, domain, stream="a\0b")
    for wrong in (3, "", b"x", 1.5):
        with pytest.raises(cpa.BadArgument, match="folder"):
            cpa.enumerate_cells(net, domain, stream=wrong)
    with pytest.raises(cpa.BadArgument, match="True or False"):
        cpa.enumerate_cells(net, domain, stream=tmp_path / "run", proof=tmp_path / "a.cpa")
    with pytest.raises(cpa.BadArgument, match="for stream"):
        cpa.enumerate_cells(net, domain, proof=True)
    with pytest.raises(cpa.BadFile, match="no folder of a streamed"):
        cpa.stream_progress(tmp_path)
    with pytest.raises(cpa.BadFile, match="expected a file or a streamed run"):
        cpa.load_partition(tmp_path / "mine")


def test_files_of_somebody_else_among_the_segments_do_not_count(small_tasks, tmp_path):
    net, domain = case("random_3_16_16")
    cut_short(net, domain, tmp_path / "run")
    before = cpa.stream_progress(tmp_path / "run")["segments"]
    for name in ("0abc.seg", "notes.seg", "1.seg"):
        (tmp_path / "run/segments" / name).write_bytes(b"")
    assert cpa.stream_progress(tmp_path / "run")["segments"] == before
    assert cpa.enumerate_cells(net, domain, stream=tmp_path / "run") == cpa.enumerate_cells(net, domain)


@pytest.mark.parametrize("workers", some([2, 1], 1))
def test_segments_that_vanish_on_the_way_are_told(small_tasks, workers, tmp_path):
    net, domain = case("random_3_16_16")

    def remove(tally):
        if tally.cells > 100:
            shutil.rmtree(tmp_path / "run", ignore_errors=True)

    with pytest.raises(cpa.BadFile, match="No such file"):
        cpa.enumerate_cells(net, domain, workers=workers, stream=tmp_path / "run", progress=remove)
    part = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert part == cpa.enumerate_cells(net, domain)


def test_two_processes_in_one_folder(small_tasks, tmp_path):
    net, domain = case("random_3_16_16")
    read, write = os.pipe()

    def told(_):
        os.write(write, b"x")
        time.sleep(30)

    pid = child(lambda: cpa.enumerate_cells(net, domain, stream=tmp_path / "run", progress=told))
    os.read(read, 1)
    try:
        with pytest.raises(cpa.BadFile, match="another process is at work"):
            cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
        assert cpa.stream_progress(tmp_path / "run")["share"] < 1  # reading is allowed
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read), os.close(write)
    found = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert found == cpa.enumerate_cells(net, domain)


def test_two_threads_in_one_folder(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")

    def look(_):
        with pytest.raises(cpa.BadFile, match="another process is at work"):
            cpa.enumerate_cells(net, domain, stream=tmp_path / "run")

    cpa.enumerate_cells(net, domain, stream=tmp_path / "run", progress=look)


@contextmanager
def mounted(folder, options):
    """A small disk of its own; skips where the system does not let us mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("size", some([256, 1536, 16, 64, 1024], 2))
@pytest.mark.parametrize("workers", some([2, 1], 1))
def test_full_disk(small_tasks, size, workers, tmp_path):
    """Wherever the room ends, in the manifest, a segment, or the end: one sentence, and room lets it go on."""
    net, domain = case("random_3_16_16")
    expected = cpa.enumerate_cells(net, domain, proof=tmp_path / "one.cpa")
    with mounted(tmp_path / "disk", f"size={size}k") as disk:
        for _ in range(2):
            with pytest.raises(cpa.BadFile, match="cannot be written: No space left on device") as caught:
                cpa.enumerate_cells(net, domain, proof=True, stream=disk / "run", workers=workers)
            assert "\n" not in str(caught.value)
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        found = cpa.enumerate_cells(net, domain, proof=True, stream=disk / "run", workers=workers)
        assert found == expected
        assert_same_file(tmp_path / "one.cpa", disk / "run/partition.cpa")
        del found


@contextmanager
def room_for(count):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("count", some([100, 30_000, 0, 5_000, 100_000, 500_000], 2))
def test_files_that_cannot_grow(small_tasks, count, tmp_path):
    net, domain = case("random_3_16_16")
    with room_for(count), pytest.raises(cpa.BadFile, match="cannot be written: File too large"):
        cpa.enumerate_cells(net, domain, proof=True, stream=tmp_path / "run")
    left = [p for p in (tmp_path / "run").rglob("*") if p.suffix == ".part" or p.name == "scratch"]
    assert left == []
    found = cpa.enumerate_cells(net, domain, proof=True, stream=tmp_path / "run")
    assert found == cpa.enumerate_cells(net, domain)


def test_read_only_folder(small_tasks, tmp_path):
    net, domain = case("random_2_16_16")
    with mounted(tmp_path / "disk", "size=4m") as disk:
        cut_short(net, domain, disk / "begun", tasks=2)
        finished = cpa.enumerate_cells(net, domain, stream=disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for name in ("new", "begun"):
            with pytest.raises(cpa.BadFile, match="cannot be written: Read-only file system"):
                cpa.enumerate_cells(net, domain, stream=disk / name)
        assert cpa.load_partition(disk / "run") == finished
        assert cpa.stream_progress(disk / "begun")["cells"] > 0
        del finished


def test_interrupted_while_the_file_is_put_together(small_tasks, tmp_path, monkeypatch):
    net, domain = case("random_3_16_16")

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("exactcpa.stream_assembly.region_graph_on_disk", stop)
        with pytest.raises(KeyboardInterrupt):
            cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert cpa.stream_progress(tmp_path / "run")["waiting"] == 0
    monkeypatch.setattr(parallel, "walk_task", lambda *_: pytest.fail("walked again"))
    found = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    with pytest.raises(cpa.BadFile, match="this run is finished"):
        cpa.stream_progress(tmp_path / "run")
    monkeypatch.undo()
    assert found == cpa.enumerate_cells(net, domain)


def test_segments_that_outlive_the_end_are_removed(small_tasks, tmp_path, monkeypatch):
    """Killed between the last rename and the removal."""
    net, domain = case("random_2_16_16")
    with monkeypatch.context() as patched:
        patched.setattr(StreamFolder, "remove_segments", lambda self: None)
        found = cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
    assert (tmp_path / "run/segments").is_dir()
    assert cpa.enumerate_cells(net, domain, stream=tmp_path / "run") == found
    assert not (tmp_path / "run/segments").exists()


MEASURE = """
import resource, sys
import numpy as np
import exactcpa as cpa
from exactcpa import stream_walk
stream_walk.SEGMENT_BYTES, stream_walk.ROOM = 1 << 22, 1 << 21
rng = np.random.default_rng(1)

def network(width):
    def linear(n, m):
        return cpa.Linear(rng.standard_normal((n, m)).tolist(), (rng.standard_normal(n) / 2).tolist())
    return cpa.Network(3, (linear(width, 3), cpa.ReLU(), linear(width, width), cpa.ReLU(), linear(1, width)))

for width, name in ((4, "small"), (48, "large")):
    part = cpa.enumerate_cells(network(width), cpa.Box([-1] * 3, [1] * 3), proof=True, stream=f"{sys.argv[1]}/{name}")
    print(len(part), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_is_bounded(tmp_path):
    """The second run makes a file of many times the memory that it takes beyond the first."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    (_, before), (cells, after) = (map(int, line.split()) for line in done.stdout.splitlines())
    size = (tmp_path / "large/partition.cpa").stat().st_size
    assert cells > 30_000
    assert (after - before) * 1024 < size


# The command line.

NETWORK = str(DATA / "networks/random_3_16_16.json")


def test_command(tmp_path, capsys):
    run = str(tmp_path / "run")
    assert cli.main(["enumerate", NETWORK, "--box", "-1", "1", "-o", run, "--stream", "--proof"]) == 0
    assert "1,971" in capsys.readouterr().out
    assert cli.main(["info", run]) == 0
    assert "proof inside" in capsys.readouterr().out
    assert cli.main(["check", run]) == 0
    assert "accepted" in capsys.readouterr().out


def test_command_refuses(tmp_path, capsys):
    assert cli.main(["enumerate", NETWORK, "--box", "-1", "1", "--stream"]) == 2
    assert "name it with -o DIR" in capsys.readouterr().err
    (tmp_path / "file").write_text("x")
    assert cli.main(["enumerate", NETWORK, "--box", "-1", "1", "--stream", "-o", str(tmp_path / "file")]) == 2
    assert "got a file" in capsys.readouterr().err


def test_command_info_of_an_unfinished_run(small_tasks, tmp_path, capsys):
    net, domain = case("random_3_16_16")
    cut_short(net, domain, tmp_path / "run")
    assert cli.main(["info", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "the same enumerate goes on" in text and "cells so far" in text
    assert cli.main(["info", "--json", str(tmp_path / "run")]) == 0
    assert '"finished": false' in capsys.readouterr().out
    for command in ("check", "export"):
        more = ["--npz", str(tmp_path / "a.npz")] if command == "export" else []
        assert cli.main([command, str(tmp_path / "run"), *more]) == 2
        assert "not finished" in capsys.readouterr().err


def test_command_info_of_a_run_that_ends_meanwhile(small_tasks, tmp_path, capsys, monkeypatch):
    net, domain = case("random_3_16_16")
    cut_short(net, domain, tmp_path / "run")
    descend = stream_folder.Catalogue.descend

    def late(catalogue, path, key):
        monkeypatch.setattr(stream_folder.Catalogue, "descend", descend)
        cpa.enumerate_cells(net, domain, stream=tmp_path / "run")
        return descend(catalogue, path, key)

    monkeypatch.setattr(stream_folder, "OPEN", 1)
    monkeypatch.setattr(stream_folder.Catalogue, "descend", late)
    assert cli.main(["info", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "1,971" in text and "goes on" not in text


def test_progress_while_a_file_gets_its_name(small_tasks, tmp_path, monkeypatch):
    net, domain = case("random_3_16_16")
    cut_short(net, domain, tmp_path / "run")
    before = cpa.stream_progress(tmp_path / "run")
    (tmp_path / "run/segments/00000099.seg.part").write_bytes(b"")
    stat = Path.stat

    def seen_once(path, **options):
        found = stat(path, **options)
        if path.suffix == ".part":
            path.unlink()
        return found

    monkeypatch.setattr(Path, "stat", seen_once)
    assert cpa.stream_progress(tmp_path / "run") == before


SLOWLY = """
import sys, time
from exactcpa import cli, stream_walk
import exactcpa.walk
exactcpa.walk.STEPS, stream_walk.SECONDS, stream_walk.SEGMENT_BYTES = 300, 0.0, 0
finish = stream_walk._Recorder.finish
def slow(self, *arguments):
    time.sleep(600 if len(self._folder.catalogue._places) > 4 else 0)
    return finish(self, *arguments)
stream_walk._Recorder.finish = slow
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c(tmp_path, capsys):
    run = tmp_path / "run"
    command = ["enumerate", NETWORK, "--box", "-1", "1", "-o", str(run), "--stream", "--proof"]
    command += ["--method", "lp"]
    process = subprocess.Popen([sys.executable, "-c", SLOWLY, *command], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 300
    while len(list(run.glob("segments/*.seg"))) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert said.strip().splitlines()[-1] == "exactcpa: interrupted; the same command goes on from here"
    assert not (run / "partition.cpa").exists()
    assert cpa.stream_progress(run)["cells"] > 0
    assert cli.main(command) == 0
    assert cpa.load_partition(run) == cpa.enumerate_cells(*case("random_3_16_16"), method="lp")
    assert cpa.check(run / "partition.cpa").cells == 1971


@pytest.mark.parametrize("command", ["info", "check", "export"])
def test_other_folders_are_told(command, tmp_path, capsys):
    more = ["--npz"] if command == "export" else []
    assert cli.main([command, str(tmp_path), *more]) == 2
    assert "expected a file or a streamed run, got a folder without manifest.json" in capsys.readouterr().err
