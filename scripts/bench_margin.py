"""Claim: an exact margin takes a tenth of enumerating everything first, and of a mixed-integer program, or less.

    python scripts/bench_margin.py [--points 12] [--no-milp]

Networks 4-[16,16,3] and 8-[10,10,3] with seeded weights in [-1, 1), one of them also with small integer weights (where
ties are many), on [-1, 1]^d; points drawn evenly from the box.  In one run, for every point:

- ours: `margin`, from the network file's contents to the exact value, set-up included;
- everything first: all cells of the box (without facets or proof), then the same bounds and exact ends on all of them;
- l_inf only: `scipy.optimize.milp` (HiGHS), a big-M model for every rival with bounds by interval arithmetic; its
  optimum, which is of doubles, is compared with the exact value.

The value of everything first must be equal, exactly; that of the mixed-integer program to 1e-5.  Ratios are of the
times of all points together, and the median of the ratios of single points is told as well; the goal is for the two
networks with real weights.  Then points a second for 100 points of iris and its network, by `margins` in one process.

Prints tables and one JSON line, whose `value` is the least ratio; exit 1 if a goal is missed or a value differs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from reporting import DATA, conclude, run, table
from scipy.optimize import Bounds, LinearConstraint, milp

import exactcpa as cpa
from exactcpa.float_form import rounded
from exactcpa.kernels import margins as kernels
from exactcpa.margin_ground import ground_of
from exactcpa.margin_search import inner, solve_exactly
from exactcpa.patterns import integer

GOAL = 10.0
CLOSE = 1e-5
CASES = {
    "4-[16,16,3]": ([4, 16, 16, 3], "real"),
    "8-[10,10,3]": ([8, 10, 10, 3], "real"),
    "4-[16,16,3], integers": ([4, 16, 16, 3], "integers"),
}
Point = tuple[Fraction, ...]


def main(arguments: list[str] | None) -> int:
    """Run the cases and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=12, help="points a network (default 12)")
    parser.add_argument("--no-milp", action="store_true", help="leave the mixed-integer programs out")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    rows, ratios, differing = [], [], []
    for name, (sizes, kind) in CASES.items():
        for norm in ("2", "inf", "1"):
            measured = _measure(name, sizes, kind, norm, options)
            rows.append(measured[0])
            ratios += measured[1] if kind == "real" else []
            differing += measured[2]
    head = (
        "network",
        "norm",
        "cells",
        "visited",
        "ours ms",
        "everything ms",
        "ratio",
        "median",
        "milp ms",
        "ratio",
    )
    print(table(head, rows))
    print()
    rates = [_iris(norm) for norm in ("2", "1", "inf")]
    print(table(("iris, 100 points", "points/s", "cells a point"), [rate[0] for rate in rates]))
    holds = min(ratios) >= GOAL and not differing
    why = f"values differ: {differing}" if differing else f"a ratio of {min(ratios):.1f}"
    return conclude(
        __doc__,
        holds=holds,
        why=why,
        value=round(min(ratios), 2),
        start=start,
        iris_points_per_second={norm: rate[1] for norm, rate in zip(("2", "1", "inf"), rates, strict=True)},
    )


def _measure(
    name: str, sizes: Sequence[int], kind: str, norm: str, options: argparse.Namespace
) -> tuple[list[str], list[float], list[str]]:
    """One network and norm: a row of the table, the ratios of total times, and what differs."""
    net, d = network_of(name, sizes, kind), sizes[0]
    box = cpa.Box([-1] * d, [1] * d)
    source = random.Random(f"points of {name}")
    points = [
        tuple([Fraction(round(1e6 * source.uniform(-1, 1)), 10**6) for _ in range(d)])
        for _ in range(options.points)
    ]
    with_milp = norm == "inf" and not options.no_milp
    cells = len(cpa.enumerate_cells(net, box, facets=False))
    cpa.margin(net, points[0], box, norm=norm)
    ours, everything, program, visited, differing = [], [], [], [], []
    for point in points:
        found, seconds = timed(lambda point=point: cpa.margin(net, point, box, norm=norm))
        ours.append(seconds)
        visited.append(found.cells)
        other, seconds = timed(lambda point=point: _everything_first(net, box, point, norm))
        everything.append(seconds)
        if other != found.value:
            differing.append(f"{name} {norm} {point}")
        if with_milp:
            value, seconds = timed(lambda point=point, found=found: _by_milp(net, point, found.pair[0]))
            program.append(seconds)
            exact = found.distance
            if abs(value - exact) > CLOSE * max(1.0, exact) and min(value, exact) < np.inf:
                differing.append(f"{name} milp {point}: {value} and {exact}")
    ratios = [sum(everything) / sum(ours)] + ([sum(program) / sum(ours)] if with_milp else [])
    middle = statistics.median(a / b for a, b in zip(everything, ours, strict=True))
    row = [
        *(name, norm, f"{cells:,}", f"{statistics.mean(visited):.0f}", f"{1e3 * statistics.mean(ours):.1f}"),
        *(f"{1e3 * statistics.mean(everything):.0f}", f"{ratios[0]:.1f}", f"{middle:.1f}"),
        *((f"{1e3 * statistics.mean(program):.0f}", f"{ratios[1]:.1f}") if with_milp else ("", "")),
    ]
    return row, ratios, differing


def timed(question: Callable[[], Any]) -> tuple[Any, float]:
    """The answer, and how long it took."""
    start = time.perf_counter()
    answer = question()
    return answer, time.perf_counter() - start


def network_of(name: str, sizes: Sequence[int], kind: str) -> cpa.Network:
    """A seeded network of ReLU units."""
    source = random.Random(name)
    draw = (
        (lambda: source.randint(-3, 3)) if kind == "integers" else (lambda: round(2 * source.random() - 1, 6))
    )
    layers: list[cpa.Linear | cpa.ReLU] = []
    for fan_in, width in pairwise(sizes):
        layers += [cpa.ReLU()] if layers else []
        weight = [[draw() for _ in range(fan_in)] for _ in range(width)]
        layers.append(cpa.Linear(weight, [draw() for _ in range(width)]))
    return cpa.Network(sizes[0], tuple(layers))


def _everything_first(net: cpa.Network, box: cpa.Box, point: Point, norm: str) -> Fraction | None:
    """All cells, then the nearest tie on any of them: bounds in doubles for all, exact ends for those they leave."""
    ground = ground_of(net, box, norm=norm)
    mine, *others = ground.scores(point).best
    if others:
        return Fraction(0)
    words = cpa.enumerate_cells(net, box, facets=False).results.words
    place = np.array([rounded(q) for q in inner(ground, point)]).T.copy()
    bounds, values, _, tight, _ = kernels.measure_cells(
        *(ground.scaled.arrays, ground.groups, words, ground.floats.rows, ground.floats.box, place),
        *(ground.weights, ground.scales, ground.norm, mine, np.inf),
    )
    best = None
    for i, rival in zip(*np.unravel_index(np.argsort(values, axis=None), values.shape), strict=True):
        if rival == mine or (best is not None and ground.exact_value(float(bounds[i, rival])) >= best):
            continue
        hint = [n for n in tight[i, rival].tolist() if abs(n) < 2**62]
        pattern = integer(words[i])
        found = solve_exactly(ground, point, pattern, mine, rival, hint=hint, enough=best)
        if found is not None and (best is None or found.value < best):
            best = found.value
    return best


def _by_milp(net: cpa.Network, point: Point, mine: int) -> float:
    """The least l_inf distance to a tie over all rivals, by big-M models."""
    return min(_milp_of(net, point, mine, rival) for rival in range(net.output) if rival != mine)


def _milp_of(net: cpa.Network, point: Point, mine: int, rival: int) -> float:
    """Variables: the input, the radius, then for every hidden layer its outputs and its binaries."""
    weights = [np.array(layer.weight, float) for layer in net.layers if isinstance(layer, cpa.Linear)]
    biases = [np.array(layer.bias, float) for layer in net.layers if isinstance(layer, cpa.Linear)]
    d, hidden = net.input, sum(len(bias) for bias in biases[:-1])
    count = d + 1 + 2 * hidden
    low, high = np.full(count, 0.0), np.full(count, 1.0)
    low[:d], high[:d], high[d] = -1.0, 1.0, 2.0
    rows, least, most = [], [], []

    def add(entries: dict[int, float], at_least: float, at_most: float) -> None:
        row = np.zeros(count)
        for k, a in entries.items():
            row[k] = a
        rows.append(row)
        least.append(at_least)
        most.append(at_most)

    for j, q in enumerate(map(float, point)):
        add({j: 1.0, d: -1.0}, -np.inf, q)
        add({j: 1.0, d: 1.0}, q, np.inf)
    before, a, b, at = list(range(d)), np.full(d, -1.0), np.full(d, 1.0), d + 1
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        positive, negative = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
        lower, upper = positive @ a + negative @ b + bias, positive @ b + negative @ a + bias
        outputs = list(range(at, at + len(bias)))
        for k, y in enumerate(outputs):
            z = y + len(bias)
            line = {i: -w for i, w in zip(before, weight[k], strict=True)}
            low[y], high[y] = 0.0, max(upper[k], 0.0)
            add({y: 1.0} | line, bias[k], np.inf)
            if lower[k] >= 0.0:
                add({y: 1.0} | line, bias[k], bias[k])
            elif upper[k] > 0.0:
                add({y: 1.0, z: -lower[k]} | line, -np.inf, bias[k] - lower[k])
                add({y: 1.0, z: -upper[k]}, -np.inf, 0.0)
        before, a, b, at = outputs, np.maximum(lower, 0.0), np.maximum(upper, 0.0), at + 2 * len(bias)
    difference = weights[-1][rival] - weights[-1][mine]
    add(dict(zip(before, difference, strict=True)), biases[-1][mine] - biases[-1][rival], np.inf)
    integral, at = np.zeros(count), d + 1
    for bias in biases[:-1]:
        integral[at + len(bias) : at + 2 * len(bias)] = 1
        at += 2 * len(bias)
    goal = np.zeros(count)
    goal[d] = 1.0
    found = milp(
        goal,
        integrality=integral,
        bounds=Bounds(low, high),
        constraints=LinearConstraint(np.array(rows), least, most),
        options={"mip_rel_gap": 0.0},
    )
    return float(found.fun) if found.x is not None else np.inf


def _iris(norm: str) -> tuple[list[str], float]:
    """Points a second for 100 points of iris."""
    net, data = (
        cpa.load_network(str(DATA / "networks/iris.json")),
        cpa.load_data(str(DATA / "sets/iris.json")),
    )
    points = [data.points[k * len(data) // 100] for k in range(100)]
    cpa.margins(net, points[:2], norm=norm)
    found, seconds = timed(lambda: cpa.margins(net, points, norm=norm))
    cells = statistics.mean(answer.cells for answer in found)
    return [f"norm {norm}", f"{100 / seconds:.0f}", f"{cells:.0f}"], round(100 / seconds, 1)


if __name__ == "__main__":
    sys.exit(run(main))
