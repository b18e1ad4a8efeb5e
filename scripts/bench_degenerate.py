"""Claim: degenerate networks are enumerated at no less than a tenth of the rate of a generic network of their size.

For each family the network and a generic one of the same shape, over the same box, are enumerated in turn, with facets
and with the proof streamed to a file; medians are compared.  Besides the rates it tells how many questions the filter
left open and were decided exactly, for a cell and in a second of the whole run.

    python scripts/bench_degenerate.py [--only zero-bias-3-16-16] [--repeat 3] [--method lp] [--quick]

Prints a table and one JSON line; exit 1 if a family misses the goal.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import make_networks as make
import reporting

import exactcpa as cpa

GOAL = 0.1

Shape = tuple[int, ...]


def duplicated(name: str, sizes: Shape) -> dict:
    """Every second unit of the first layer is a multiple of the one before."""
    value = make.network(name, [*sizes, 1])
    first = value["layers"][0]
    for i in range(1, sizes[1], 2):
        factor = (2, -1, 0.5, -4)[i // 2 % 4]
        first["weight"][i] = [factor * w for w in first["weight"][i - 1]]
        first["bias"][i] = factor * first["bias"][i - 1]
    return value


def grid(name: str, sizes: Shape) -> dict:
    """The first layer's hyperplanes are parallel to the axes, at multiples of 1/8: cubes, and corners of many rows."""
    value, source = make.network(name, [*sizes, 1]), random.Random(name + " grid")
    for i in range(sizes[1]):
        value["layers"][0]["weight"][i] = [int(j == i % sizes[0]) for j in range(sizes[0])]
        value["layers"][0]["bias"][i] = source.randrange(-7, 8) / 8
    return value


def drawn(weight: make.Draw, bias: make.Draw) -> Callable[[str, Shape], dict]:
    """Independent entries."""
    return lambda name, sizes: make.network(name, [*sizes, 1], weight, bias)


FAMILIES = {
    "zero-bias": drawn(make.uniform, make.zero),
    "integer": drawn(make.small_integer, make.small_integer),
    "int8": drawn(make.int8, make.int8),
    "two-bit": drawn(make.two_bits, make.two_bits),
    "two-bit-zero-bias": drawn(make.two_bits, make.zero),
    "duplicated": duplicated,
    "grid": grid,
}
SHAPES = {"2-16-16": (2, 16, 16), "3-16-16": (3, 16, 16), "4-12-12": (4, 12, 12), "3-8-8-8": (3, 8, 8, 8)}
SHAPES |= {"3-32-32": (3, 32, 32), "6-10-10": (6, 10, 10), "8-8-8": (8, 8, 8)}
NAMES = [f"{family}-{shape}" for family in FAMILIES for shape in SHAPES]
QUICK = {"2-4-4": (2, 4, 4)}


def main(arguments: Sequence[str]) -> int:
    """Run the families beside generic networks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--method", default="auto", choices=("auto", "lp", "vertex"), help="the engine (auto)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny networks: whether it runs, not how fast")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    chosen = [
        (family, shape, sizes)
        for family in FAMILIES
        for shape, sizes in (QUICK if options.quick else SHAPES).items()
        if not options.only or f"{family}-{shape}" in options.only
    ]
    results = [measured(*case, 1 if options.quick else options.repeat, options.method) for case in chosen]
    head = ("network", "cells", "cells/s", "generic cells/s", "ratio", "decided exactly", "a cell", "exact/s")
    print(reporting.table(head, [result["told"] for result in results]))
    ratios = {result["name"]: result["ratio"] for result in results}
    slow = [name for name, ratio in ratios.items() if ratio < GOAL]
    return reporting.conclude(
        __doc__,
        holds=options.quick or not slow,
        why=f"{', '.join(slow)} reached less than {GOAL:g} of the generic rate",
        value=min(ratios.values()),
        start=start,
        networks={result["name"]: result["facts"] for result in results},
    )


def measured(family: str, shape: str, sizes: Shape, repeat: int, method: str) -> dict:
    """A family and the generic network of its shape, in turn."""
    name = f"{family}-{shape}"
    texts = {
        "degenerate": FAMILIES[family](name.replace("-", "_"), sizes),
        "generic": make.network(f"random-{shape}".replace("-", "_"), [*sizes, 1]),
    }
    nets = {kind: cpa.network_from_json(value) for kind, value in texts.items()}
    box = cpa.Box([-1] * sizes[0], [1] * sizes[0])
    seconds: dict[str, list[float]] = {kind: [] for kind in nets}
    facts = {}
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proof.cpa"
        cpa.enumerate_cells(nets["generic"], box, method=method, proof=proof)
        for _ in range(repeat):
            for kind, net in nets.items():
                clock = time.process_time()
                facts[kind] = cpa.enumerate_cells(net, box, method=method, proof=proof).summary()
                seconds[kind].append(time.process_time() - clock)
    median = {kind: statistics.median(values) for kind, values in seconds.items()}
    rate = {kind: facts[kind]["cells"] / median[kind] for kind in nets}
    mine = facts["degenerate"]
    exactly, ratio = mine["decided_exactly"], rate["degenerate"] / rate["generic"]
    share = exactly / mine["cells"]
    told = (
        name,
        f"{mine['cells']:,}",
        f"{rate['degenerate']:,.0f}",
        f"{rate['generic']:,.0f}",
        f"{ratio:.2f}",
    )
    told = (*told, f"{exactly:,}", f"{share:.2f}", f"{exactly / median['degenerate']:,.0f}")
    figures = {"cells": mine["cells"], "cells_per_second": rate["degenerate"], "ratio": ratio}
    figures |= {"decided_exactly": exactly, "decided_exactly_per_cell": share}
    return {"name": name, "ratio": ratio, "told": told, "facts": figures}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
