"""Settings of all tests: no deadline for an example, as a loaded machine is no failure; nothing is left running."""

import multiprocessing
import threading
import time

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def nothing_left_running():
    """A process with a second thread is not forked any more, and its children are counted by later tests."""
    before = running()
    yield
    end = time.monotonic() + 30
    while left := running() - before:
        assert time.monotonic() < end, f"left running: {left}"
        time.sleep(0.001)


def running():
    return {*threading.enumerate(), *multiprocessing.active_children()}
