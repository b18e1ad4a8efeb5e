"""Faults that tests make on purpose."""

import os
import signal
from concurrent.futures import BrokenExecutor
from contextlib import suppress


def kill_one(pool):
    """Kill a process of a pool and wait until the pool knows: no race between the news and other answers."""
    os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
    with suppress(BrokenExecutor):
        while True:
            pool.submit(os.getpid).result()
