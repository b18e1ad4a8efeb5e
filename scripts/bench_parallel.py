"""Claim: on an idle machine two workers enumerate a network of ten seconds and more 1.8 times as fast as one.

Each network is enumerated with 1 and with 2 workers in turn, `--repeat` times, facets found and the proof streamed to
a file, on the wall clock; the best run of each counts, for other work on the machine can only slow a run down.  Both
must find the same cells.  The gain is that of the whole call: set-up, the region graph and the file are in it; `walk`
is the same for counting, which is the walk alone.  A thread writes the file for one worker, too, so that with a proof
the one uses more than one core; the gain that follows from `core` is at most ``workers / core``.

What makes a busy machine visible: the load (processes that want to run) before each run, and `core`, processor seconds
of the process and its workers over workers times wall seconds.  With one worker on an idle machine it is 1 or more;
if it is below `BUSY`, or the load before the other run above one and a half, the machine was not idle, the gain says
little of exactcpa, and the script says so; it still exits 1 if the goal is missed.

    python scripts/bench_parallel.py [--only 4-56-56] [--workers 2] [--repeat 2] [--quick]

Prints a table and one JSON line; exit 1 if the gain misses the goal on a network, or no run took ten seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import make_networks as make
import reporting

import exactcpa as cpa

GOAL = 1.8
"""For two workers; 0.9 for each of more."""
LEAST = 10.0
"""Seconds with one worker below which a gain is shown and not judged."""
BUSY = 0.95
IDLE_LOAD = 0.5

Shape = tuple[int, ...]

NETWORKS: dict[str, tuple[Shape, bool]] = {
    "3-160-160": ((3, 160, 160), True),
    "4-56-56": ((4, 56, 56), True),
    "5-32-32, walk": ((5, 32, 32), False),
    "8-16-16, walk": ((8, 16, 16), False),
}
"""Name -> shape, and whether it is enumerated with facets or only counted."""
QUICK: dict[str, tuple[Shape, bool]] = {"2-8-8": ((2, 8, 8), True), "2-8-8, walk": ((2, 8, 8), False)}


@dataclass(frozen=True)
class Run:
    """What one run showed."""

    cells: int
    seconds: float
    core: float
    load: float


def main(arguments: Sequence[str]) -> int:
    """Run every network with one and with several workers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=NETWORKS, metavar="NAME")
    parser.add_argument("--workers", type=int, default=2, help="compared with one (default 2)")
    parser.add_argument("--repeat", type=int, default=2, help="runs of which the best counts (default 2)")
    parser.add_argument("--quick", action="store_true", help="tiny networks: whether it runs, not how fast")
    options = parser.parse_args(arguments)
    if options.workers < 2 or options.repeat < 1:
        parser.error("expected at least 2 workers and 1 run")
    start = time.perf_counter()
    chosen = QUICK if options.quick else {name: NETWORKS[name] for name in options.only or NETWORKS}
    runs = {name: measured(*case, options.workers, options.repeat) for name, case in chosen.items()}
    gains = {name: best(alone).seconds / best(several).seconds for name, (alone, several) in runs.items()}
    judged = [name for name, (alone, _) in runs.items() if best(alone).seconds >= LEAST]
    head = ("network", "cells", "1: s", "core", "load", f"{options.workers}: s", "core", "load", "gain")
    print(reporting.table(head, [row(name, *pair, gains[name]) for name, pair in runs.items()]))
    is_idle = all(is_undisturbed(best(alone), best(several)) for alone, several in runs.values())
    print(f"\nThe machine was {'idle' if is_idle else 'busy: the gains are not those of an idle machine'}.")
    goal = GOAL * options.workers / 2
    slow = [name for name in judged if gains[name] < goal]
    why = f"{', '.join(slow)} gained less than {goal:g}" if slow else f"no run took {LEAST:g} s"
    return reporting.conclude(
        __doc__,
        holds=options.quick or bool(judged and not slow),
        why=why,
        value=min([gains[name] for name in judged], default=0.0),
        start=start,
        idle=is_idle,
        gains=gains,
        judged=judged,
        workers=options.workers,
    )


def measured(sizes: Shape, facets: bool, workers: int, repeat: int) -> tuple[list[Run], list[Run]]:  # noqa: FBT001
    """Runs with one worker and with several, in turn; all find as many cells."""
    net = cpa.network_from_json(make.network("random_" + "_".join(map(str, sizes)), [*sizes, 1]))
    box = cpa.Box([-1] * sizes[0], [1] * sizes[0])
    tiny = cpa.network_from_json(make.network("tiny", [sizes[0], 2, 1]))
    alone: list[Run] = []
    several: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proof.cpa"
        enumerated(tiny, box, proof, facets=facets, workers=1)  # loads the kernels
        for _ in range(repeat):
            for runs, number in ((alone, 1), (several, workers)):
                proof.unlink(missing_ok=True)  # to remove a gigabyte takes a while
                load, clock, core = os.getloadavg()[0], time.perf_counter(), processor_seconds()
                cells = enumerated(net, box, proof, facets=facets, workers=number)
                seconds = time.perf_counter() - clock
                while multiprocessing.active_children():  # their seconds count once they have ended
                    time.sleep(0.01)
                share = (processor_seconds() - core) / (seconds * number)
                runs.append(Run(cells, seconds, share, load))
                print(f"{sizes}, {number} workers: {seconds:.1f} s", file=sys.stderr, flush=True)
    counts = {run.cells for run in [*alone, *several]}
    assert len(counts) == 1, f"runs disagree: {counts} cells"
    return alone, several


def enumerated(net: cpa.Network, box: cpa.Box, proof: Path, *, facets: bool, workers: int) -> int:
    """All cells, their facets and the proof, or their number alone."""
    if facets:
        return len(cpa.enumerate_cells(net, box, proof=proof, workers=workers))
    return cpa.count_cells(net, box, workers=workers).cells


def processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def best(runs: Sequence[Run]) -> Run:
    """The quickest."""
    return min(runs, key=lambda run: run.seconds)


def is_undisturbed(alone: Run, several: Run) -> bool:
    """Whether nobody else seems to have used the machine: by what one process got, and by the load at first.

    The load is that of the last minute, so that before a run with several workers it tells of the run before.
    """
    return alone.core >= BUSY and several.load <= 1 + IDLE_LOAD


def row(name: str, alone: Sequence[Run], several: Sequence[Run], gain: float) -> tuple[str, ...]:
    """A line of the table."""
    told = [name, f"{alone[0].cells:,}"]
    for run in (best(alone), best(several)):
        told += [f"{run.seconds:.1f}", f"{run.core:.2f}", f"{run.load:.1f}"]
    return (*told, f"{gain:.2f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
