"""Claim: on generic networks the ideal reading takes at most three times as long as the deployed one.

Random networks with batch normalisation, statistics of 20 points, proof streamed to a file, facets found; each
reading is run three times in turn and the medians are compared.  The set-up (the batch in real arithmetic against
the batch frozen) is told apart, for it does not grow with the cells.  The last networks have beta = 0: there all of a
layer's hyperplanes meet in the centroid, ties are many, and each takes numbers with square roots to settle.

    python scripts/bench_ideal.py [--only 3-16-16] [--repeat 3]

Prints a table and one JSON line; exit 1 if a generic network misses the goal.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import reporting

import exactcpa as cpa

GOAL = 3.0
POINTS = 20
CASES = {
    "2-16-16": (2, (16, 16), True),
    "3-16-16": (3, (16, 16), True),
    "3-32-32": (3, (32, 32), True),
    "4-16-16": (4, (16, 16), True),
    "2-8-8-8-8": (2, (8, 8, 8, 8), True),
    "5-12-12": (5, (12, 12), True),
    "plain-2-16-16": (2, (16, 16), False),
    "plain-3-16-16": (3, (16, 16), False),
    "plain-3-12-12-12": (3, (12, 12, 12), False),
}


def main(arguments: list[str]) -> int:
    """Run the cases and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(CASES))
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    rows = [measured(name, options.repeat) for name in options.only or CASES]
    columns = (
        "network",
        "cells",
        "deployed s",
        "ideal s",
        "ratio",
        "set-up s",
        "decided exactly",
        "the same",
    )
    for line in [columns, *(row["told"] for row in rows)]:
        print("  ".join(f"{cell:>16}" for cell in line))
    generic = {row["name"]: round(row["ratio"], 2) for row in rows if row["generic"]}
    slow = [name for name, ratio in generic.items() if ratio > GOAL]
    return reporting.conclude(
        __doc__,
        holds=not slow,
        why=f"{', '.join(slow)} took more than {GOAL} times as long",
        value=max(generic.values(), default=0.0),
        start=start,
        ratios={row["name"]: round(row["ratio"], 2) for row in rows},
    )


def measured(name: str, repeat: int) -> dict:
    """One network in both readings, in turn."""
    inputs, widths, generic = CASES[name]
    net, batch = drawn(random.Random(name), inputs, widths, beta=generic)
    domain = cpa.Box([-1] * inputs, [1] * inputs)
    start = time.perf_counter()
    ideal = cpa.IdealNetwork(net, batch)
    setup = time.perf_counter() - start
    frozen = cpa.freeze(net, batch)
    seconds: dict[str, list[float]] = {"deployed": [], "ideal": []}
    parts = {}
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proof.cpa"
        cpa.enumerate_cells(frozen, domain, proof=proof)
        for _ in range(repeat):
            for reading, network in (("deployed", frozen), ("ideal", ideal)):
                start = time.perf_counter()
                parts[reading] = cpa.enumerate_cells(network, domain, proof=proof)
                seconds[reading].append(time.perf_counter() - start)
    deployed, real = (statistics.median(seconds[reading]) for reading in ("deployed", "ideal"))
    exactly = "/".join(str(parts[r].summary()["decided_exactly"]) for r in ("deployed", "ideal"))
    told = (
        *(name, f"{len(parts['ideal']):,}", f"{deployed:.3f}", f"{real:.3f}", f"{real / deployed:.2f}"),
        *(f"{setup:.2f}", exactly, "yes" if cpa.compare(*parts.values()).is_same else "no"),
    )
    return {"name": name, "generic": generic, "ratio": real / deployed, "told": told}


def drawn(
    rng: random.Random, inputs: int, widths: tuple[int, ...], *, beta: bool
) -> tuple[cpa.Network, list[list[Fraction]]]:
    """A network with multiples of 1/512 for weights, and points with multiples of 1/1000."""

    def number() -> Fraction:
        return Fraction(rng.randint(-1024, 1024), 512)

    layers, n = [], inputs
    for width in widths:
        shift = [number() / 8 for _ in range(width)] if beta else None
        layers += [
            cpa.Linear(
                [[number() for _ in range(n)] for _ in range(width)], [number() for _ in range(width)]
            ),
            cpa.TrainingBatchNorm(epsilon="1e-5", beta=shift),
            cpa.ReLU(),
        ]
        n = width
    layers.append(cpa.Linear([[number() for _ in range(n)]], [0]))
    points = [[Fraction(rng.randint(-1000, 1000), 1000) for _ in range(inputs)] for _ in range(POINTS)]
    return cpa.Network(inputs, tuple(layers)), points


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
