"""Faults that tests make on purpose."""

import os
import signal
import struct
import sys
from concurrent.futures import BrokenExecutor
from contextlib import suppress


def kill_one(pool):
    """Kill a process of a pool and wait until the pool knows: no race between the news and other answers."""
    os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
    with suppress(BrokenExecutor):
        while True:
            pool.submit(os.getpid).result()


def die_half_way():
    """End a pool's process with a part of its answer written, as if it was killed there; a task calls it itself."""
    queue = sys._getframe(2).f_locals["result_queue"]
    queue._wlock.acquire()
    os.write(queue._writer.fileno(), struct.pack("!i", 1 << 20) + bytes(1000))
    os._exit(1)
