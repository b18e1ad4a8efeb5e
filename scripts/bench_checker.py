"""Claim: the checker checks 1,000 cells a second and core of 3-[32,32], and two workers are 1.8 times as fast as one.

Proofs are made of random networks over [-1, 1]^d, by `make_networks`, and of degenerate ones, and checked by
``python -I -S exactcpa/checker.py FILE [--workers N]``, each time a process of its own.  Cells per second and core are
cells divided by processor time (user and system, all processes), so other work on the machine matters little; the
speed-up of two workers is a ratio of times of the clock, and says nothing on a machine with other work: look at `core`,
the share of the time in which one worker had a core, and at `2 apart`, the gain of two checks at once that have nothing
to do with each other, which is less than 2 where two cores are in each other's way.

Goals: the rate on the networks with d = 3 and 64 units; the speed-up, on a run of 4 s and more, if `core` is at
least 0.9 (otherwise it is not judged).  Prints a table, then one JSON line whose `value` is the
smallest ratio of a figure to its goal; exits 1 if a goal is missed or a proof is not accepted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import make_networks as make
from bench_enumerate import table
from provenance import commit, machine

import exactcpa as cpa

ROOT = Path(__file__).resolve().parent.parent
CHECKER = ROOT / "exactcpa" / "checker.py"
CLAIM = (__doc__ or "").splitlines()[0].removeprefix("Claim: ")
RATE, SPEED_UP, LONG, QUIET = 1000.0, 1.8, 4.0, 0.9

Measured = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A network: its sizes, and how weights and biases are drawn."""

    sizes: tuple[int, ...]
    weight: make.Draw = make.uniform
    bias: make.Draw = make.uniform
    kind: str = "random"

    @property
    def name(self) -> str:
        """As in `bench_enumerate`."""
        return f"{self.kind}-{'-'.join(map(str, self.sizes))}"

    @property
    def has_rate_goal(self) -> bool:
        """Dimension 3 and 64 units, in general position."""
        return self.kind == "random" and self.sizes[0] == 3 and sum(self.sizes[1:]) == 64

    def network(self) -> cpa.Network:
        """The network, by the seed of its name."""
        name = self.name.replace("-", "_")
        return cpa.network_from_json(make.network(name, [*self.sizes, 1], self.weight, self.bias))


CASES = (
    Case((2, 32, 32, 32)),
    Case((3, 32, 32)),
    Case((4, 16, 16)),
    Case((8, 10, 10)),
    Case((3, 16, 16), make.small_integer, make.small_integer, "integer"),
    Case((3, 16, 16), make.int8, make.int8, "int8"),
    Case((3, 16, 16), make.uniform, make.zero, "zero-bias"),
)


def measure(case: Case) -> Measured:
    """Prove and check one network."""
    print(f"{case.name} ...", file=sys.stderr, flush=True)
    d = case.sizes[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "proof.cpa"
        part = cpa.enumerate_cells(case.network(), cpa.Box([-1] * d, [1] * d), proof=path)
        runs = [checked(path, workers) for workers in (1, 2)]
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(checked, [path, path], [1, 1]))
        apart = time.perf_counter() - start
        size = path.stat().st_size
    cells = len(part)
    return {
        "name": case.name,
        "cells": cells,
        "accepted": all(run["accepted"] for run in runs),
        "same": runs[0]["report"] == runs[1]["report"],
        "rate": cells / runs[0]["processor"],
        "seconds": [run["seconds"] for run in runs],
        "speed_up": runs[0]["seconds"] / runs[1]["seconds"],
        "apart": 2 * runs[0]["seconds"] / apart,
        "core": runs[0]["processor"] / runs[0]["seconds"],
        "extra_work": runs[1]["processor"] / runs[0]["processor"],
        "bytes_per_cell": size / cells,
    }


def checked(path: Path, workers: int) -> Measured:
    """One run of the checker."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-I", "-S", str(CHECKER), str(path), "--workers", str(workers), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "accepted": done.returncode == 0,
        "report": done.stdout,
        "seconds": seconds,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def ratios(case: Case, result: Measured) -> list[tuple[str, float]]:
    """What is asked of a network, and the ratio reached."""
    found = []
    if not (result["accepted"] and result["same"]):
        found.append(("not accepted, or not with the same report by two workers", 0.0))
    if case.has_rate_goal:
        found.append((f"{result['rate']:,.0f} cells/s and core, goal {RATE:,.0f}", result["rate"] / RATE))
    if result["seconds"][0] >= LONG and result["core"] >= QUIET:
        text = f"two workers {result['speed_up']:.2f} times one, goal {SPEED_UP}"
        found.append((text, result["speed_up"] / SPEED_UP))
    return found


HEAD = [
    "network",
    "cells",
    "cells/s and core",
    "2 workers",
    "2 apart",
    "work of 2",
    "proof bytes per cell",
    "core",
]


def row(result: Measured) -> list[str]:
    """A line of the table."""
    return [
        result["name"],
        f"{result['cells']:,}",
        f"{result['rate']:,.0f}",
        f"{result['speed_up']:.2f}",
        f"{result['apart']:.2f}",
        f"{result['extra_work']:.2f}",
        f"{result['bytes_per_cell']:,.0f}",
        f"{result['core']:.2f}",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, judge."""
    parser = argparse.ArgumentParser(description=CLAIM)
    names = [case.name for case in CASES]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help="one network; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="the JSON line alone")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    chosen = [case for case in CASES if not options.only or case.name in options.only]
    results = [measure(case) for case in chosen]
    judged = [
        (f"{case.name}: {text}", ratio)
        for case, result in zip(chosen, results, strict=True)
        for text, ratio in ratios(case, result)
    ]
    missed = [f"{text} ({ratio:.2f})" for text, ratio in judged if ratio < 1]
    if not options.json:
        print(table(HEAD, [row(result) for result in results]))
        print("\nMissed, with the ratio reached:" if missed else "\nEvery goal that was judged is met.")
        for line in missed:
            print(f"  {line}")
    line = {
        "claim": CLAIM,
        "value": min((ratio for _, ratio in judged), default=None),
        "seconds": time.perf_counter() - start,
        "commit": commit(),
        "machine": machine(),
        "missed": missed,
        "networks": results,
    }
    print(json.dumps(line))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
