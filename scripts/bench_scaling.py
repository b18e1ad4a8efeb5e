"""Claim: time grows with the number of cells by a power of at most 1.25, whether they come from width or from depth.

Series of random networks, each of growing width, depth or dimension, are enumerated with facets, the proof streamed
to a file; a series is run through `--repeat` times, though not again after a minute, and medians count.  For each
series it prints the seconds against the parameter, and the slope of the logarithm of the seconds (least squares)
against that of the cells, which is judged.  Beside it stands the slope against cells times units: in every cell every
unit has to be decided, with a proof, also where a deeper network has hardly more cells.  Another series runs one
network with 1, 2, ... workers, on wall clocks; nobody judges it, for that `bench_parallel.py` is there.

    python scripts/bench_scaling.py [--only width-3] [--repeat 3] [--workers 2] [--method lp] [--quick]

Prints tables and one JSON line; exit 1 if a slope misses the goal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from math import inf, log
from pathlib import Path

import make_networks as make
import reporting

import exactcpa as cpa

GOAL = 1.25
LEAST = 2000
"""Cells below which set-up counts too much for a point to say anything about the slope."""

ENOUGH = 60.0
"""Processor seconds after which a series is not run again."""

Shape = tuple[int, ...]

SERIES: dict[str, dict[int, Shape]] = {
    "width-2": {n: (2, n, n) for n in (32, 64, 96, 128, 192)},
    "width-3": {n: (3, n, n) for n in (16, 24, 32, 48, 64)},
    "width-5": {n: (5, n, n) for n in (8, 10, 12, 16)},
    "width-8": {n: (8, n, n) for n in (6, 7, 8, 10)},
    "depth-2": {n: (2, *[20] * n) for n in (5, 10, 20, 30)},
    "depth-3": {n: (3, *[16] * n) for n in (2, 3, 4, 6, 8)},
    "dimension": {d: (d, 10, 10) for d in (3, 4, 5, 6, 7, 8)},
}
UNJUDGED = ("dimension",)
"""Here a cell itself has more rows and columns."""
QUICK = {"width-2": {4: (2, 4, 4), 8: (2, 8, 8)}}


def main(arguments: Sequence[str]) -> int:
    """Run the series."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=[*SERIES, "workers"], metavar="SERIES")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="most workers (default 2)")
    parser.add_argument(
        "--method", default="auto", choices=("auto", "lp", "vertex"), help="the engine (auto)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny networks: whether it runs, not how fast")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    series = QUICK if options.quick else SERIES
    slopes, of_decisions, rows = {}, {}, []
    for name, shapes in series.items():
        if options.only and name not in options.only:
            continue
        points = measured(shapes, 1 if options.quick else options.repeat, options.method)
        counted = [
            (cells, sum(shapes[n][1:]), s) for n, cells, s in points if options.quick or cells >= LEAST
        ]
        slopes[name] = slope([(cells, s) for cells, _, s in counted])
        of_decisions[name] = slope([(cells * units, s) for cells, units, s in counted])
        rows += [(name, n, f"{cells:,}", f"{s:.3f}", f"{cells / s:,.0f}") for n, cells, s in points]
    print(reporting.table(("series", "parameter", "cells", "seconds", "cells/s"), rows))
    both = [(name, f"{value:.2f}", f"{of_decisions[name]:.2f}") for name, value in slopes.items()]
    print(reporting.table(("series", "slope: cells", "cells times units"), both))
    gains = {}
    if not options.only or "workers" in options.only:
        gains = with_workers((2, 8, 8) if options.quick else (4, 24, 24), options.workers, options.method)
        print(reporting.table(("workers", "times one"), [(n, f"{gain:.2f}") for n, gain in gains.items()]))
    steep = [name for name, value in slopes.items() if value > GOAL and name not in UNJUDGED]
    return reporting.conclude(
        __doc__,
        holds=options.quick or not steep,
        why=f"the slope of {', '.join(steep)} is above {GOAL}",
        value=max([slopes[name] for name in slopes if name not in UNJUDGED], default=0.0),
        start=start,
        slopes=slopes,
        slopes_of_decisions=of_decisions,
        workers=gains,
    )


def enumerated(sizes: Shape, proof: Path, method: str, *, workers: int = 1) -> int:
    """The cells of a network over the cube; how many there are."""
    net = cpa.network_from_json(make.network("random_" + "_".join(map(str, sizes)), [*sizes, 1]))
    box = cpa.Box([-1] * sizes[0], [1] * sizes[0])
    return len(cpa.enumerate_cells(net, box, method=method, proof=proof, workers=workers))


def measured(shapes: dict[int, Shape], repeat: int, method: str) -> list[tuple[int, int, float]]:
    """Parameter, cells and median seconds of processor time, smallest first."""
    seconds: dict[int, list[float]] = {n: [] for n in shapes}
    cells = {}
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proof.cpa"
        enumerated((2, 2, 2), proof, method)
        for _ in range(repeat):
            for n, sizes in shapes.items():
                clock = time.process_time()
                cells[n] = enumerated(sizes, proof, method)
                seconds[n].append(time.process_time() - clock)
                print(f"{sizes}: {cells[n]:,} cells, {seconds[n][-1]:.2f} s", file=sys.stderr, flush=True)
            if sum(map(sum, seconds.values())) > ENOUGH:
                break
    return [(n, cells[n], statistics.median(seconds[n])) for n in shapes]


def slope(points: Sequence[tuple[int, float]]) -> float:
    """Least squares of log seconds against log work; infinite, so that it holds nowhere, for one amount of it."""
    xs, ys = [log(work) for work, _ in points], [log(s) for _, s in points]
    if len(set(xs)) < 2:
        return inf
    x, y = statistics.mean(xs), statistics.mean(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def with_workers(sizes: Shape, most: int, method: str) -> dict[int, float]:
    """How many times faster than alone, on the wall clock."""
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for workers in range(1, most + 1):
            clock = time.perf_counter()
            enumerated(sizes, Path(folder) / "proof.cpa", method, workers=workers)
            seconds[workers] = time.perf_counter() - clock
    return {workers: seconds[1] / value for workers, value in seconds.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
