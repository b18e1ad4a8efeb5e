"""What the programs of the benchmark say to each other: a network file in, one JSON line out.

Every program of this folder runs alone, ``python PROGRAM NETWORK.json SECONDS``, in an interpreter that may
have nothing of exactcpa installed; this file needs the standard library only.  The line holds at least

- ``cells``: how many cells it found,
- ``seconds``: how long that took, after imports and a warm-up on a small network,
- ``complete``: whether it came to the end; false where its seconds ran out before,
- ``peak_megabytes``: the most memory the process (or one of its workers) held,
- ``note``: a few words on what else happened, or "".

Main definitions: `Layers`, `read_layers`, `time_limit`, `report`.

Not here: who starts the programs and reads the lines (`bench_enumerate.py`).
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Layers = list[tuple[list[list[float]], list[float]]]
"""Weight ``(n, n_previous)`` and bias ``(n,)`` of each linear layer; ReLU in between, none at the end."""

WARM_UP: Layers = [
    ([[1.0, 0.5], [-0.5, 1.0], [0.75, -0.25]], [0.1, -0.2, 0.3]),
    ([[1.0, -1.0, 0.5], [0.5, 0.25, -1.0]], [0.05, -0.1]),
    ([[1.0, 1.0]], [0.0]),
]
"""A network small enough to be done at once: two inputs, three and two units."""

MEMORY = 8 << 30
"""Bytes of address space that a program may take."""


class OutOfTime(Exception):
    """The seconds ran out."""


def read_layers(path: str | Path) -> Layers:
    """The linear layers of a fully connected ReLU network file whose numbers are JSON numbers."""
    layers = json.loads(Path(path).read_text())["layers"]
    assert all(layer["type"] == ("relu" if i % 2 else "linear") for i, layer in enumerate(layers))
    return [(layer["weight"], layer["bias"]) for layer in layers[::2]]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block once it has run for so many seconds (at the next Python instruction)."""

    def stop(signal_number: int, frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def limit_memory() -> None:
    """Make allocations beyond `MEMORY` fail, so that a peer that grows without bound ends alone."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def peak_megabytes() -> float:
    """The most memory this process, or the largest of its finished children, has held."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) / unit


def report(cells: int, seconds: float, *, complete: bool, note: str = "") -> None:
    """Print the line."""
    line = {"cells": cells, "seconds": seconds, "complete": complete, "note": note}
    print(json.dumps(line | {"peak_megabytes": peak_megabytes()}), flush=True)
