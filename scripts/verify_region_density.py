"""Claim: batchnorm gives the most cells in small windows round the centroid of the data, and not in large ones.

    python scripts/verify_region_density.py
    python scripts/verify_region_density.py --network data/networks/training/iris.json --data data/sets/iris.json

A window is an open cube; its radius is told in units of the data's (the largest coordinate distance from the centroid).
The first table is about the first normalised layer alone and proved: with batchnorm all its hyperplanes pass through
the centroid, so every window has the same number of cells, 2 sum_{i<d} C(m-1, i) for m rows in general position (A4);
a window that the hyperplanes of other biases miss has no more of theirs (A4b); large ones may (A4c is false).  Random
biases are multiples of 1/64 between -1 and 1, so each hyperplane meets the window with a probability p that is counted,
and their expected number of cells is at most sum_{i<=d} e_i(p_1, .., p_m), elementary symmetric polynomials (B5).
The second table counts the cells of the whole network, around the centroid and around samples: measured, not proved.
--size draws of random biases, shown as their mean.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from math import comb

from hulls import centroid_of
from reporting import (
    Points,
    conclude,
    examine_statements,
    instance_of,
    mean,
    parser_of,
    reason_text,
    run,
    short,
    table,
)

import exactcpa as cpa
from exactcpa.placement_variants import GRAINS, normalised_layers, random_biases, without_batchnorm
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.layer_view import NormalisedLayer
from exactcpa.theorems.layer_view import normalised_layers as views_of
from exactcpa.theorems.plain import is_general
from exactcpa.theorems.statement import Outcome
from exactcpa.vectors import Vector, dot

RADII = tuple(Fraction(n, 64) for n in (1, 4, 16, 64, 256, 1024))
DEEP_RADII = RADII[:4]
MOST_SAMPLES = 25


def count(net: cpa.Network, centre: Vector, radius: Fraction) -> int:
    """Number of cells in a window."""
    window = cpa.Box([x - radius for x in centre], [x + radius for x in centre])
    return len(cpa.enumerate_cells(net, window, facets=False))


def layer_with(view: NormalisedLayer, bias: Sequence[Fraction]) -> cpa.Network:
    """The rows of a normalised layer with some bias, as one layer of ReLUs."""
    return cpa.Network(len(view.rows[0]), (cpa.Linear(view.rows, bias), cpa.ReLU()))


def normalised(view: NormalisedLayer) -> cpa.Network:
    """The layer with its batchnorm: every unit's offset read off the frozen layer."""
    scales = view.layer.scales()
    shifts = zip(view.layer.mean, view.layer.beta, view.bias, scales, strict=True)
    return layer_with(view, [b - mean + beta / scale for mean, beta, b, scale in shifts])


def expected_at_most(view: NormalisedLayer, radius: Fraction) -> Fraction:
    """``sum_{i<=d} e_i(p)`` for the random biases' probabilities of meeting the window at the centroid."""
    choices = [Fraction(k, GRAINS) for k in range(-GRAINS, GRAINS + 1)]
    polynomial = [Fraction(1)]  # coefficients e_0, e_1, .. of prod (1 + p t)
    for row in view.rows:
        reach, at = radius * sum(map(abs, row)), dot(row, view.centroid)
        p = Fraction(sum(abs(at + b) < reach for b in choices), len(choices))
        polynomial = [a + p * b for a, b in zip([*polynomial, 0], [0, *polynomial], strict=True)]
    return sum(polynomial[: len(view.rows[0]) + 1], Fraction(0))


def small_enough(view: NormalisedLayer, biases: Sequence[Vector]) -> Fraction:
    """A radius at which the window at the centroid is missed by all hyperplanes of other biases that miss it."""
    away = [
        abs(dot(row, view.centroid) + b) / sum(map(abs, row))
        for bias in biases
        for row, b in zip(view.rows, bias, strict=True)
    ]
    return min([a for a in away if a], default=Fraction(1)) / 2


def first_layer(
    view: NormalisedLayer, biases: Sequence[Vector], unit: Fraction
) -> tuple[list[list[object]], list[str]]:
    """The rows of the first table, and what is wrong in it; `biases`: zero, then random ones."""
    nets = [normalised(view), *[layer_with(view, bias) for bias in biases]]
    least = small_enough(view, biases)
    rows, wrong, with_it = [], [], set()
    for radius in sorted({least, *[r * unit for r in RADII]}):
        ours, zero, *others = (count(net, view.centroid, radius) for net in nets)
        with_it.add(ours)
        if radius <= least and max(zero, *others) > ours:
            wrong.append(
                f"{max(zero, *others)} cells with other biases and {ours} with batchnorm at radius {radius}"
            )
        bound = expected_at_most(view, radius)
        more = "batchnorm" if bound < ours else "not decided" if mean(others) <= ours else "random bias"
        rows.append([short(radius / unit), ours, zero, short(mean(others)), short(bound), more])
    m, d = len(view.rows), len(view.rows[0])
    if len(with_it) > 1:
        wrong.append(f"with batchnorm the number depends on the window: {sorted(with_it)}")
    if is_general(view.rows) and with_it != {2 * sum(comb(m - 1, i) for i in range(d))}:
        wrong.append(f"{sorted(with_it)} cells with batchnorm, not 2 sum C(m-1, i)")
    return rows, wrong


def whole_network(nets: Sequence[cpa.Network], points: Points, unit: Fraction) -> list[list[object]]:
    """The rows of the second table; `nets`: batchnorm, zero bias, random ones."""
    samples = points[:: -(-len(points) // MOST_SAMPLES)]
    rows = []
    for name, centres in (("centroid", [centroid_of(points)]), (f"{len(samples)} samples", samples)):
        for radius in DEEP_RADII:
            ours, zero, *others = (mean([count(net, c, radius * unit) for c in centres]) for net in nets)
            rows.append([name, short(radius), *map(short, (ours, zero, mean(others), ours / mean(others)))])
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Examine, show, judge."""
    start = time.perf_counter()
    network, data = "networks/training/figure.json", "sets/arch.json"
    options = parser_of(
        __doc__, network=network, data=data, size=5, means="draws of random biases"
    ).parse_args(arguments)
    net, points = instance_of(options)
    view = next(iter(views_of(net, points)), None)
    if view is None or len(view.place) > 1 or len(view.rows[0]) != net.input:
        raise cpa.BadArgument("expected a network whose first layer is linear and followed by a batchnorm")
    draws = [random_biases(net, options.seed + number) for number in range(options.size)]
    nothing = {place: (Fraction(0),) * width for place, width in normalised_layers(net).items()}
    place = next(iter(nothing))
    unit = max(abs(x - c) for point in points for x, c in zip(point, view.centroid, strict=True))

    rows, wrong = first_layer(view, [one[place] for one in (nothing, *draws)], unit)
    print(
        f"Cells of the first layer in windows at the centroid of {len(points)} points, {options.size} draws\n"
    )
    print(
        table(
            ["radius", "batchnorm", "zero bias", "random bias", "expected at most", "more in the mean"], rows
        )
    )
    nets = [cpa.freeze(net, points), *[without_batchnorm(net, one) for one in (nothing, *draws)]]
    print("\nCells of the whole network\n")
    deep = whole_network(nets, points, unit)
    print(table(["window at", "radius", "batchnorm", "zero bias", "random bias", "times"], deep) + "\n")
    verdicts, holds = examine_statements(["A4", "A4b", "B5"], net, points)
    counterexample = STATEMENTS["A4c"].verify()
    verdicts.append(["A4c by default", str(counterexample.outcome), reason_text(counterexample.reason)])
    print(table(["statement", "verdict", ""], verdicts))
    if counterexample.outcome is not Outcome.REFUTED or not STATEMENTS["A4c"].accepts(counterexample):
        wrong.append("the counterexample of A4c is none")
    why = "; ".join(wrong) or "a statement of the ledger is refuted"
    return conclude(__doc__, holds=holds and not wrong, why=why, value=float(deep[-2][-1]), start=start)


if __name__ == "__main__":
    sys.exit(run(main))
