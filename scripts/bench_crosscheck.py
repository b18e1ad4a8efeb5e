"""Claim: 100,000 patterns claimed of a network with 100,000 cells are judged in a minute, one alone in 5 seconds.

The list is judged twice: whole and right, and with every hundredth pattern changed in one unit and a thousand left out;
counting, evidence and its second check included, all cells enumerated with facets and proof.  Single patterns, a cell
and one changed in one unit, are judged on networks with far too many cells to enumerate.

    python scripts/bench_crosscheck.py [--sizes 4,32,32] [--repeat 3]

Prints a table and one JSON line; exit 1 if a list takes more than 60 s, a pattern more than 5 s, or a verdict is wrong.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from fractions import Fraction

import make_networks as make
import numpy as np
import reporting

import exactcpa as cpa
from exactcpa.crosscheck.context import Context

MOST_FOR_A_LIST, MOST_FOR_A_PATTERN = 60.0, 5.0
MISSING = 1000
LARGE = ([8, 64, 64, 64, 10], [16, 64, 64, 10], [64, 64, 64, 10], [128, 64, 64, 10])
"""Networks too large to enumerate, from the input to the outputs."""


def main(arguments: list[str]) -> int:
    """Measure lists, then single patterns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", default="4,32,32", help="inputs and widths of the network whose cells are listed"
    )
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    rows, wrong = lists([int(size) for size in options.sizes.split(",")], options.repeat)
    more, wrong_too = patterns(options.repeat)
    for line in [("what", "patterns", "seconds", "verdict"), *rows, *more]:
        print(f"{line[0]:<28}{line[1]:>12}{line[2]:>12}  {line[3]}")
    slow = [row[0] for row in rows if float(row[2]) > MOST_FOR_A_LIST]
    slow += [row[0] for row in more if float(row[2]) > MOST_FOR_A_PATTERN]
    return reporting.conclude(
        __doc__,
        holds=not slow and not wrong and not wrong_too,
        why=f"too slow: {slow}; wrong: {wrong + wrong_too}",
        value=max(float(row[2]) for row in rows),
        start=start,
        lists={row[0]: [row[1], float(row[2])] for row in rows},
        patterns={row[0]: float(row[2]) for row in more},
    )


def lists(sizes: list[int], repeat: int) -> tuple[list[tuple[str, ...]], list[str]]:
    """All cells of a network as a claim, right and wrong: rows of the table, and what is judged wrongly."""
    name = "random_" + "_".join(map(str, sizes))
    net = cpa.network_from_json(make.network(name, [*sizes, 1]))
    domain = cpa.Box([-1] * sizes[0], [1] * sizes[0])
    right = cpa.enumerate_cells(net, domain).patterns
    changed = right[MISSING:].copy()
    places = np.arange(0, len(changed), 100)
    changed[places, np.random.default_rng(0).integers(0, right.shape[1], len(places))] ^= 1
    rows, wrong = [], []
    for title, listed, expected in (("right list", right, "confirmed"), ("wrong list", changed, "refuted")):
        claim = cpa.Claim("list", "patterns", {"patterns": listed, "complete": True})
        seconds, report = median(net, claim, domain, repeat)
        verdict = report["list"]
        rows.append((title, f"{len(listed):,}", f"{seconds:.2f}", verdict.reason))
        true = {tuple(row) for row in right.tolist()}
        is_right = verdict.figures["right"] == len({tuple(row) for row in listed.tolist()} & true)
        if str(verdict.outcome) != expected or not is_right:
            wrong.append(title)
    return rows, wrong


def patterns(repeat: int) -> tuple[list[tuple[str, ...]], list[str]]:
    """Single patterns on large networks: rows of the table, and what is judged wrongly."""
    rows, wrong = [], []
    for sizes in LARGE:
        name = "-".join(map(str, sizes))
        net = cpa.network_from_json(make.network(name, sizes))
        domain = cpa.Box([-1] * sizes[0], [1] * sizes[0])
        context, rng = Context(net, domain), random.Random(name)
        point = tuple([Fraction(rng.randint(-999, 999), 1000) for _ in range(sizes[0])])
        cell = context.pieces_of(context.pattern_of(point))
        changed = [cell[0] ^ 1, *cell[1:]]
        for title, listed in (("a cell", cell), ("one unit changed", changed)):
            claim = cpa.Claim("one", "patterns", {"patterns": [listed]})
            seconds, report = median(net, claim, domain, repeat)
            outcome = str(report["one"].outcome)
            rows.append((f"{name}: {title}", "1", f"{seconds:.2f}", outcome))
            if title == "a cell" and outcome != "confirmed":
                wrong.append(name)
    return rows, wrong


def median(
    net: cpa.Network, claim: cpa.Claim, domain: cpa.Box, repeat: int
) -> tuple[float, cpa.CrosscheckReport]:
    """The middle time of judging a claim several times, and what came out."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        report = cpa.crosscheck(net, [claim], domain)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
