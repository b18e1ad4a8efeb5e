"""The checker with several processes: the verdicts and the words of one process, and nothing skipped.

Files here are small, so parts are made small (`SHARES`); how many processes there are, which plan they follow and which
maps are compared anew must change nothing but the time.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from proof_writer import Style, write
from sparing import some
from test_checker import BASES, RELU, SMALL, TAMPERINGS, linear, network, written

import exactcpa as cpa
from exactcpa import checker
from exactcpa.checker import Part, Rejected, Unfinished, Unreadable, check, check_bytes

CHECKER = Path(checker.__file__)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(checker, "SHARES", 2)


def verdict(data, **options):
    """The report, or the reason why there is none."""
    try:
        return check_bytes(data, **options)
    except (Rejected, Unreadable) as problem:
        return str(problem)


def parts_of(data: bytes, processes: int = 2) -> list[Part]:
    return checker.divide_proof(checker.prepare(data), processes)


@pytest.mark.parametrize(
    ("style", "workers"), [("plain", 3), ("exact", 2), ("no_facets", 2), ("ties_pruned", 2), ("boxes", 3)]
)
@pytest.mark.parametrize("base", BASES)
def test_same_report(base, style, workers):
    data = written(base, style).to_bytes()

    assert check_bytes(data, workers=workers) == check_bytes(data)


@pytest.mark.parametrize("longest", some([90, 64, 150], 1))
def test_boxes_of_many_rows_are_longer_than_any_other_record(monkeypatch, longest):
    """Four ends with sixty rows each, while what is read at a time has room for one."""
    monkeypatch.setattr(checker, "LONGEST", longest)
    weight = linear([[1, 0], [0, 1], [1, 1], [1, -1]], [0, 0, 0, "1/2"])
    rows = {"A": [[-1, 0], [0, -1], [1, 0], [0, 1], *([[1, 1]] * 56)], "b": [1, 1, 1, 1, *([5] * 56)]}
    proof = write(network(2, weight, RELU), {"type": "polytope", **rows}, Style(facets=False))
    codes, reals = [19], []
    for end in (-1.0, 1.0, -1.0, 1.0):
        # The rows that bound the coordinate prove its end; the others count nothing.
        codes += [60, *range(60)]
        j = len(reals) // 122
        number = j if end < 0 else 2 + j
        reals += [end, *(float(i == number) for i in range(60))]
    proof.records.insert(1, (codes, reals, []))
    data = proof.to_bytes()

    assert parts_of(data)
    assert check_bytes(data, workers=2) == check_bytes(data)


@pytest.mark.parametrize("name", some(TAMPERINGS, len(TAMPERINGS) // 2))
def test_rejects_tampering_in_the_same_words(name):
    base, style, _, tamper = TAMPERINGS[name]
    tampered = written(base, style).copy()
    tamper(tampered)
    alone = verdict(tampered.to_bytes())

    assert isinstance(alone, str)
    assert verdict(tampered.to_bytes(), workers=2) == alone


def test_most_tamperings_meet_several_processes():
    """Otherwise the test above would say little."""
    divided = 0
    for base, style, _, tamper in TAMPERINGS.values():
        tampered = written(base, style).copy()
        tamper(tampered)
        try:
            divided += len(parts_of(tampered.to_bytes())) > 1
        except (Rejected, Unreadable):
            continue

    assert divided > len(TAMPERINGS) / 2


def test_changed_bytes_with_two_processes():
    """Every byte of the streams, changed behind the checksum: the verdict of one process."""
    proof = written("two_layers", "exact")
    source = random.Random(7)
    for _ in range(40):
        changed = proof.copy()
        records = [list(map(list, record)) for record in changed.records]
        record = source.choice(records)
        stream = source.choice([values for values in record if values])
        at = source.randrange(len(stream))
        stream[at] = source.choice([0, 1, -1, 2, stream[at] + 1, stream[at] - 1])
        changed.records = [tuple(record) for record in records]
        data = changed.to_bytes()
        alone, together = verdict(data), verdict(data, workers=2)
        assert alone == together


# ------------------------------------------------------------------------------------------------- the plan


@pytest.mark.parametrize("base", BASES)
def test_parts_are_disjoint_subtrees_in_order(base):
    data = written(base).to_bytes()
    parts = parts_of(data)
    for part in parts:
        assert part.start.codes < part.end.codes
        assert part.start.cells < part.end.cells
    for part, following in pairwise(parts):
        assert all(a <= b for a, b in zip(part.end, following.start, strict=True))


def outcome_of_plan(data: bytes, parts: list[Part], processes: int):
    """What processes that are given this plan come to."""
    proof = checker.prepare(data)
    found = []
    for number in range(processes):
        found.append(checker.prepare(data).run_parts(parts, number, processes, None))
    return proof.finish(found)


@pytest.mark.parametrize("base", ["two_layers", "maxout", "clipped"])
def test_no_plan_makes_a_proof_pass_that_was_not_checked(base):
    """A plan with wrong places, parts left out, twice, or in another order is refused, or changes nothing."""
    data = written(base, "exact").to_bytes()
    right, parts, source, refused = check_bytes(data), parts_of(data), random.Random(base), 0
    assert len(parts) > 1
    for _ in range(100):
        plan = list(parts)
        for _ in range(source.randint(1, 3)):
            i = source.randrange(len(plan)) if plan else 0
            match source.randrange(5):
                case 0 if len(plan) > 1:
                    del plan[i]
                case 1:
                    plan.insert(i, source.choice(parts))
                case 2:
                    source.shuffle(plan)
                case 3:
                    name = source.choice(["start", "end"])
                    place = getattr(plan[i], name)
                    field = source.choice(place._fields)
                    step = source.choice([-8, -2, -1, 1, 2, 8])
                    plan[i] = plan[i]._replace(
                        **{name: place._replace(**{field: getattr(place, field) + step})}
                    )
                case _:
                    plan[i] = plan[i]._replace(end=source.choice(parts).end)
        try:
            assert outcome_of_plan(data, plan, 2) == right
        except (Rejected, Unfinished, IndexError):
            refused += 1

    assert refused > 30


def test_cells_that_nobody_or_two_have_checked():
    data = written("two_layers").to_bytes()
    parts = parts_of(data)
    proof = checker.prepare(data)
    found = [checker.prepare(data).run_parts(parts, number, 2, None) for number in range(2)]
    assert proof.finish(found) == check_bytes(data)

    for wrong in ([found[0]], [found[1]], [found[0], found[0]], [*found, found[1]]):
        with pytest.raises(Unfinished, match="was checked by no process"):
            checker.prepare(data).finish(wrong)


def test_files_of_several_processes_are_the_same():
    data, other = written("two_layers").to_bytes(), written("two_layers", "exact").to_bytes()
    parts = parts_of(data)
    found = [checker.prepare(data).run_parts(parts, number, 2, None) for number in range(2)]
    found[1] = replace(found[1], digest=checker.prepare(other).digest)

    with pytest.raises(Unfinished, match="not read the same file"):
        checker.prepare(data).finish(found)


def test_nodes_that_are_no_subtree_of_a_broken_structure():
    """Lists of negative length would let the scan run backwards: it gives up, and one process says what is wrong."""
    proof = written("two_layers").copy()
    next(r for r in proof.records if r[0][0] == 1)[0][3] = -4
    data = proof.to_bytes()

    assert parts_of(data) == []
    assert "a list of -4" in verdict(data, workers=2)


# ----------------------------------------------------------------------------------------------- processes


def larger_file(folder) -> Path:
    """Some hundred cells."""
    net = cpa.load_network(CHECKER.parent.parent / "data" / "networks" / "random_2_16_16.json")
    path = folder / "larger.cpa"
    cpa.enumerate_cells(net, cpa.Box([-1, -1], [1, 1]), proof=path)
    return path


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    return larger_file(tmp_path_factory.mktemp("larger"))


def test_file_of_the_engine(larger, monkeypatch):
    monkeypatch.setattr(checker, "SHARES", 8)
    alone = check(larger)
    calls = []

    assert check(larger, lambda *pair: calls.append(pair), workers=2) == alone
    assert len(parts_of(larger.read_bytes())) > 8
    assert len(calls) == alone.cells // 64
    assert {stated for _, stated in calls} == {alone.cells}


def test_processes_that_are_not_forked(larger):
    """With threads about, processes are started afresh and open the file themselves."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert check(larger, workers=2) == check(larger)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("process", [0, 1])
def test_lost_worker(larger, monkeypatch, process):
    honest = checker.check_parts

    def killed(*arguments):
        if arguments[4] == process:
            os.kill(os.getpid(), signal.SIGKILL)
        honest(*arguments)

    monkeypatch.setattr(checker, "check_parts", killed)

    with pytest.raises(Unfinished, match=r"a worker process was lost \(exit code -9\): nothing is proved"):
        check(larger, workers=2)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("process", [0, 1])
def test_worker_that_says_nothing(larger, monkeypatch, process):
    honest = checker.check_parts

    def silent(*arguments):
        if arguments[4] != process:
            honest(*arguments)

    monkeypatch.setattr(checker, "check_parts", silent)

    with pytest.raises(Unfinished, match="lost"):
        check(larger, workers=2)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (IndexError("no such place"), Rejected, "malformed: IndexError: 'no such place'"),
        (MemoryError(), Unfinished, "more memory than there is"),
    ],
)
def test_exception_in_a_worker(larger, monkeypatch, error, kind, message):
    honest = checker.Proof.cell

    def failing(self, node, *, exact):
        if self.process == 1 and self.is_mine:
            raise error
        honest(self, node, exact=exact)

    monkeypatch.setattr(checker.Proof, "cell", failing)

    with pytest.raises(kind, match=message):
        check(larger, workers=2)


def test_interrupt_ends_all_processes(larger):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(larger, interrupt, workers=2)
    assert not multiprocessing.active_children()


def test_file_that_changes_meanwhile(tmp_path):
    path = tmp_path / "changing.cpa"
    path.write_bytes(written("two_layers").to_bytes())
    honest = checker.Proof.finish

    def slow(self, found):
        with open(path, "r+b") as file:
            file.seek(-300, os.SEEK_END)
            byte = file.read(1)
            file.seek(-300, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        return honest(self, found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checker.Proof, "finish", slow)
        with pytest.raises((Unfinished, Rejected)):
            check(path)


@pytest.mark.parametrize("workers", [0, -1, 1.0, True, None, "2"])
def test_no_whole_number_of_workers(larger, workers):
    with pytest.raises(ValueError, match="workers to be a whole number from 1 on"):
        check(larger, workers=workers)


def test_command(larger):
    def run(*words):
        command = [sys.executable, "-I", "-S", str(CHECKER), str(larger), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    alone, together, wrong = run(), run("--workers", "2"), run("--workers", "0")

    assert alone.returncode == together.returncode == 0
    assert alone.stdout == together.stdout
    assert wrong.returncode == 2
    assert "whole number" in wrong.stderr


# ---------------------------------------------------------------------------------------- maps and streams


@pytest.mark.parametrize("name", some((name for name, case in SMALL.items() if case.cells <= 8), 20))
def test_linear_regions_from_fingerprints_alone(name, monkeypatch):
    """No map is kept: neighbours whose fingerprints are near are compared anew, from their patterns."""
    case = SMALL[name]
    monkeypatch.setattr(checker, "RECENT", 0)
    data = write(case.network, case.domain).to_bytes()

    assert check_bytes(data) == check_bytes(data, workers=2)
    assert check_bytes(data).linear_regions == case.linear_regions


def test_equal_fingerprints_prove_nothing(monkeypatch):
    """With a modulus of 1 all fingerprints are equal, and maps must be compared."""
    data = written("two_layers").to_bytes()
    right = check_bytes(data)
    monkeypatch.setattr(checker, "FINGERPRINTS", 1)
    monkeypatch.setattr(checker, "RECENT", 0)

    assert check_bytes(data) == right


@pytest.mark.parametrize("piece", [8, 24, 1 << 17])
@pytest.mark.parametrize("style", ["plain", "exact"])
def test_streams_in_pieces(piece, style, monkeypatch):
    """Wherever a piece ends, also within a big integer."""
    data = written("two_layers", style).to_bytes()
    right = check_bytes(data)
    monkeypatch.setattr(checker, "PIECE", piece)

    assert check_bytes(data) == right
    assert check_bytes(data, workers=2) == right


def test_stream_goes_anywhere():
    payloads = [memoryview(b"0x1\n-0x2\n"), memoryview(b""), memoryview(b"0xfff\n0x0\n")]
    stream = checker.Stream(payloads, checker.read_bigs)
    places = []
    for _ in range(4):
        places.append(stream.place())
        stream.take(1)

    assert places == [0, 4, 9, 15]
    for start in range(4):
        for count in range(6):
            stream.go_to(places[start])
            assert stream.take(count) == [1, -2, 4095, 0][start : start + count]
            assert stream.place() == [*places, 19][min(4, start + count)]
