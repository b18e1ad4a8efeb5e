"""Tasks shared out to processes: order, a process that dies at a task, errors, Ctrl-C."""

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from faults import die_half_way, kill_one

import exactcpa
from exactcpa import lots
from exactcpa.lots import in_lots


def double(settings, tasks):
    return [settings * task for task in tasks]


def die_at(deadly, tasks):
    if deadly in tasks:
        os.kill(os.getpid(), signal.SIGKILL)
    return list(tasks)


def die_once(marker, tasks):
    if 5 in tasks and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return list(tasks)


def answer_by_half_once(marker, tasks):
    """Die with a part of the answer written, the first time."""
    if not os.path.exists(marker):
        open(marker, "w").close()
        die_half_way()
    return list(tasks)


def refuse(settings, tasks):
    raise ValueError("no")


def lost(task):
    return ("lost", task)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_base_case(workers, count):
    assert list(in_lots(double, 2, range(count), workers, lost)) == [2 * k for k in range(count)]


def test_a_task_that_kills_its_process_is_lost_alone():
    found = list(in_lots(die_at, 13, range(40), 2, lost))
    assert found == [("lost", 13) if k == 13 else k for k in range(40)]


def test_a_process_that_dies_once_loses_nothing(tmp_path):
    assert list(in_lots(die_once, str(tmp_path / "died"), range(30), 2, lost)) == list(range(30))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_process_that_dies_between_tasks_loses_nothing(monkeypatch, workers, count):
    start, pools = lots._start, []

    def started(workers):
        pools.append(start(workers))
        if len(pools) == 1:
            kill_one(pools[0])
        return pools[-1]

    monkeypatch.setattr(lots, "_start", started)
    assert list(in_lots(double, 2, range(count), workers, lost)) == [2 * k for k in range(count)]
    assert len(pools) == 2


def test_errors_come_through():
    with pytest.raises(ValueError, match="no"):
        list(in_lots(refuse, None, range(4), 2, lost))


@pytest.fixture
def interrupt_at():
    """Ctrl-C at the n-th line, from 0, of the code that shares out, here and in the pool's own modules."""
    before = sys.gettrace()

    def set_up(number):
        lines = count()

        def at_line(frame, event, argument):
            if event == "line" and next(lines) == number:
                signal.raise_signal(signal.SIGINT)
            return at_line

        def at_call(frame, event, argument):
            name = frame.f_code.co_filename
            return at_line if name == lots.__file__ or os.path.join("concurrent", "futures") in name else None

        sys.settrace(at_call)
        return lines

    yield set_up
    sys.settrace(before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python swallows some
def test_interrupt_at_any_line_ends_all_processes(interrupt_at):
    """No lock stays locked: the end would wait for it."""
    lines = interrupt_at(-1)
    assert list(in_lots(double, 2, range(2), 1, lost)) == [0, 2]
    total = next(lines)
    interrupted = 0
    for number in range(0, total, 7):
        interrupt_at(number)
        try:
            list(in_lots(double, 2, range(2), 1, lost))
        except KeyboardInterrupt:
            interrupted += 1
        sys.settrace(None)
    assert interrupted


def test_half_an_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(lots, "LOOK_SECONDS", 0.01)
    assert list(in_lots(answer_by_half_once, str(tmp_path / "died"), range(9), 2, lost)) == list(range(9))


SLEEPER = """
import os, time
from exactcpa.lots import in_lots
def sleep(settings, tasks):
    os.write(1, b"begun\\n")  # whole: two processes write here
    time.sleep(100)
if __name__ == "__main__":
    list(in_lots(sleep, None, range(4), 2, None))
"""


def test_interrupt_ends_all_processes(tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "sleeper.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(exactcpa.__file__).parents[1])},
    )
    assert process.stdout.readline() == b"begun\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    process.communicate(timeout=90)  # ends only when no process holds the pipes any more
    assert process.returncode != 0
