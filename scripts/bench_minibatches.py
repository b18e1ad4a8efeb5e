"""Claim: all 12,870 batches of 8 of 16 samples, 2-[8,8]: statistics and signs in a minute, 1,000 partitions in three.

    python scripts/bench_minibatches.py
    python scripts/bench_minibatches.py --partitions 100 --baseline 50

The network is linear, batchnorm, ReLU, twice, and a linear head, with seeded Gaussian doubles as weights and samples;
epsilon is the double nearest to 1e-5, so that scales are rounded roots and nothing is short.  One core, everything
exact.  Measured: the report over all batches (statistics, hyperplane shifts, signs at the samples, decisions, exact
distributions of all of them); the same with every value and count written as JSON; partitions of --partitions batches
on the box [-3, 3]^2, the report of that family included; and, in the same run, the plain way for --baseline batches,
`freeze` and `forward` at every sample, whose networks and decisions are compared.  Goals are for the time on the clock;
times the plain way are of processor time, since a machine with other work gives less than a core.

Prints a table and one JSON line whose `value` is the smallest ratio of a goal to the time taken; exits 1 if a goal is
missed or a result differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from provenance import commit, machine
from reporting import claim_of, run, table

import exactcpa as cpa

SAMPLES, SIZE, WIDTH = 16, 8, 8
ALL = 12_870
MINUTE, PARTITIONS_GOAL = 60.0, 180.0
BOX = ([-3, -3], [3, 3])


@dataclass(frozen=True)
class Timed:
    """What was done, how often, and how long it took."""

    what: str
    count: int
    seconds: float
    processor: float
    goal: float | None
    has_partition: bool = False

    @property
    def ratio(self) -> float | None:
        """The goal over the time: 1 or more is a goal met."""
        return None if self.goal is None else self.goal / self.seconds

    def row(self, plain: float) -> list[str]:
        """For the table; ``plain`` is what the plain way takes a batch."""
        per_batch = self.processor / self.count
        goal = "-" if self.goal is None else f"{self.goal:.0f} s: {self.ratio:.1f} times as fast"
        return [
            self.what,
            f"{self.count:,}",
            f"{self.seconds:.2f}",
            f"{self.processor:.2f}",
            f"{1000 * per_batch:.2f}",
            "-" if self.has_partition else f"{plain / per_batch:.1f}",
            goal,
        ]


def timed(what: str, count: int, goal: float | None, work: Callable[[], Any]) -> tuple[Timed, Any]:
    """Do something and say how long it took."""
    start, processor = time.perf_counter(), time.process_time()
    result = work()
    return Timed(what, count, time.perf_counter() - start, time.process_time() - processor, goal), result


def example(seed: int) -> tuple[cpa.Network, list[list[float]]]:
    """The network and the samples."""
    source = random.Random(seed)

    def linear(inputs: int, outputs: int) -> cpa.Linear:
        rows = [[source.gauss(0, 1) for _ in range(inputs)] for _ in range(outputs)]
        return cpa.Linear(rows, [source.gauss(0, 1) for _ in range(outputs)])

    layers = [linear(2, WIDTH), cpa.TrainingBatchNorm(epsilon=1e-5), cpa.ReLU()]
    layers += [linear(WIDTH, WIDTH), cpa.TrainingBatchNorm(epsilon=1e-5), cpa.ReLU(), linear(WIDTH, 2)]
    return cpa.Network(2, tuple(layers)), [[source.gauss(0, 1), source.gauss(0, 1)] for _ in range(SAMPLES)]


def plain_decisions(net: cpa.Network, points: list[list[float]], batch: tuple[int, ...]) -> list[str]:
    """The decisions at all samples, by `freeze` and `forward`."""
    frozen = cpa.freeze(net, [points[i] for i in batch])
    told = []
    for x in points:
        outputs = frozen.forward(x)
        told.append("=".join(str(k) for k, y in enumerate(outputs) if y == max(outputs)))
    return told


def plain_way(net: cpa.Network, points: list[list[float]], options: argparse.Namespace) -> tuple[Timed, int]:
    """The plain way for some batches, and for how many of them its result is another."""
    some = cpa.minibatch_networks(net, points, SIZE, limit=options.baseline, seed=options.seed)
    ours = {entry.batch: entry for entry in some}
    took, plain = timed(
        "plain: freeze, forward",
        len(ours),
        None,
        lambda: {batch: plain_decisions(net, points, batch) for batch in ours},
    )
    frozen = {batch: cpa.freeze(net, [points[i] for i in batch]) for batch in ours}
    return took, sum(
        entry.network != frozen[batch] or list(entry.record.decisions) != plain[batch]
        for batch, entry in ours.items()
    )


def measure(options: argparse.Namespace) -> tuple[list[Timed], int]:
    """Everything, and how many results are not what they should be."""
    net, points = example(options.seed)
    box = cpa.Box(*BOX)
    cpa.enumerate_cells(
        cpa.freeze(net, points), box, facets=False
    )  # kernels are compiled before the clock starts
    plain, wrong = plain_way(net, points, options)
    whole, report = timed(
        "report over all batches", ALL, MINUTE, lambda: cpa.minibatch_report(net, points, SIZE)
    )
    wrong += len(report.family) != ALL or not report.laws_hold
    written, _ = timed("and all of it as JSON", ALL, None, lambda: json.dumps(report.to_json()))
    chosen = {"limit": options.partitions, "partitions": options.partitions, "seed": options.seed}
    parts, part = timed(
        "partitions, decisions and all",
        options.partitions,
        PARTITIONS_GOAL * options.partitions / 1000,
        lambda: cpa.minibatch_report(net, points, SIZE, domain=box, translations=0, **chosen),
    )
    wrong += part.cells is None or part.cells.total != options.partitions
    return [plain, whole, written, replace(parts, has_partition=True)], wrong


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, judge."""
    start = time.perf_counter()
    parser = argparse.ArgumentParser(description=claim_of(__doc__))
    parser.add_argument("--partitions", type=int, default=1000, help="batches (default 1000)")
    parser.add_argument("--baseline", type=int, default=200, help="batches done the plain way (default 200)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the network and all that is drawn (default 0)"
    )
    options = parser.parse_args(arguments)
    for name in ("partitions", "baseline"):
        if not 1 <= getattr(options, name) < ALL:
            raise cpa.BadArgument(f"--{name}: expected 1 to {ALL - 1:,}, got {getattr(options, name)}")
    found, different = measure(options)
    plain = found[0].processor / found[0].count
    head = ["", "batches", "seconds", "of a core", "ms a batch", "times the plain way", "goal"]
    print(table(head, [entry.row(plain) for entry in found]))
    ratios = [entry.ratio for entry in found if entry.ratio is not None]
    missed = [entry.what for entry in found if entry.ratio is not None and entry.ratio < 1]
    print(
        f"\n{different} results differ from the plain way's.",
        f"Missed: {', '.join(missed)}." if missed else "",
    )
    line = {
        "claim": claim_of(__doc__),
        "value": min(ratios),
        "seconds": time.perf_counter() - start,
        "commit": commit(),
        "machine": machine(),
        "missed": missed,
        "different": different,
        "measured": {entry.what: [entry.count, entry.seconds, entry.processor] for entry in found},
    }
    print(json.dumps(line))
    return int(bool(missed or different))


if __name__ == "__main__":
    sys.exit(run(main))
