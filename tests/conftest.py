"""Settings of all tests: a slow machine is no failure, a run tests what the last one tested; nothing is left running.

All examples, not a part:  pytest --hypothesis-profile thorough
New ones instead of the same:  pytest --hypothesis-profile searching
"""

import multiprocessing
import signal
import threading
import time

import pytest
from hypothesis import HealthCheck, settings

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("searching", unhurried)
settings.register_profile("thorough", unhurried, derandomize=True)
settings.register_profile("quick", unhurried, derandomize=True, max_examples=30)
settings.load_profile("quick")

# What a shell starts in its background ignores Ctrl-C, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nothing_left_running():
    """A process with a second thread is not forked any more, and its children are counted by later tests."""
    before = running()
    yield
    end = time.monotonic() + 120
    while left := running() - before:
        assert time.monotonic() < end, f"left running: {left}"
        time.sleep(0.001)


def running():
    return {*threading.enumerate(), *multiprocessing.active_children()}
