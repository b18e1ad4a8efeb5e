"""Claim: with batchnorm the first layer's lines meet in the centroid and every bent hyperplane meets the data's hull.

    python scripts/verify_figure.py --picture figure.png        (the picture needs matplotlib: extra `plot`)

The situation of the first figure of Balestriero and Baraniuk, Batch Normalization Explained: two inputs, four layers of
six leaky-ReLU units with random weights, data on an arch; above without batchnorm, below with it; a column a layer, its
bent hyperplanes in colour over grey earlier ones.  Weights and points are this project's own.

Proved here, in fractions: the lines of the first normalised layer pass through the centroid, and there alone do all
of them meet; for every unit with batchnorm a point of the hull is found, in the middle of a facet where the unit
switches, at which a forward pass gives exactly zero.  Without batchnorm a unit misses the hull if it is on one side on
all cells of the partition of the hull.  --size networks with other weights are examined in the same way; the picture
is of the first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from hulls import centroid_of, crossings, hull_of, pre_activations, require_chain, segment
from reporting import Points, conclude, drawn, instance_of, parser_of, run, table

import exactcpa as cpa
from exactcpa.placement_variants import without_batchnorm
from exactcpa.vectors import Vector, rank

Segments = list[tuple[tuple[tuple[int, int], ...], tuple[float, ...], tuple[float, ...]]]
"""Of every facet the units that switch there, and its ends."""

WITHOUT, WITH = "without batchnorm", "with batchnorm"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@dataclass(frozen=True)
class Found:
    """What one network does on the hull.

    Attributes:
        concurrent: Whether all lines of the first layer pass through the centroid, and not all are parallel.
        meeting: A layer an entry: how many of its units have a point in the hull at which they are exactly zero.
        cells: Number of cells of the hull.
    """

    concurrent: bool
    meeting: tuple[int, ...]
    cells: int


def examine(net: cpa.Network, points: Points, hull: cpa.Polytope) -> Found:
    """Prove what is said of one network with fixed statistics, or without any."""
    part = cpa.enumerate_cells(net, hull)
    zeros = crossings(part)
    for (layer, index), point in zeros.items():
        if not hull.contains(point) or pre_activations(net, point)[layer][index] != 0:
            raise cpa.CertificateRejected(f"unit {(layer, index)} is not zero at {point}")
    meeting = tuple(sum(unit[0] == layer for unit in zeros) for layer in range(len(net.layer_sizes)))
    return Found(is_concurrent(net, centroid_of(points)), meeting, len(part))


def is_concurrent(net: cpa.Network, g: Vector) -> bool:
    """Whether the first layer's units are all zero at a point, and nowhere else: their rows span the plane."""
    at = pre_activations(net, g)[0]
    axes = [tuple(x + (i == j) for j, x in enumerate(g)) for i in range(len(g))]
    columns = [pre_activations(net, point)[0] for point in axes]
    rows = [tuple(c[k] - at[k] for c in columns) for k in range(len(at))]
    return not any(at) and rank(rows) == len(g)


# The picture.


def window_of(points: Points) -> cpa.Box:
    """A square around the points, half as large again."""
    low = [min(column) for column in zip(*points, strict=True)]
    high = [max(column) for column in zip(*points, strict=True)]
    radius = max(b - a for a, b in zip(low, high, strict=True)) * Fraction(3, 4)
    centre = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    return cpa.Box([c - radius for c in centre], [c + radius for c in centre])


def segments_of(net: cpa.Network, window: cpa.Box) -> Segments:
    """All facets within the window, in floats."""
    part = cpa.enumerate_cells(net, window)
    found: Segments = []
    for i, j, units in part.graph().edges(data="units"):
        a, b = segment(part, i, j)
        found.append((units, tuple(map(float, a)), tuple(map(float, b))))
    return found


def draw(path: Path, networks: dict[str, cpa.Network], points: Points) -> None:
    """Two rows of panels, a column a layer.

    Raises:
        BadArgument: matplotlib is not installed, or cannot write such a file.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise cpa.BadArgument("--picture needs matplotlib, which the extra `plot` installs") from None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    window, count = window_of(points), len(next(iter(networks.values())).layer_sizes)
    figure, grid = plt.subplots(
        len(networks), count, figsize=(2.5 * count, 2.42 * len(networks) + 0.25), squeeze=False
    )
    for (name, net), panels in zip(networks.items(), grid, strict=True):
        segments = segments_of(net, window)
        for layer, axes in enumerate(panels):
            draw_panel(axes, segments, layer, window, points)
        panels[0].set_ylabel(name, fontsize=11)
        if name == WITH:
            x, y = map(float, centroid_of(points))
            panels[0].plot(x, y, "o", mfc="none", mec="black", mew=1.2, ms=9, zorder=5)
            panels[0].annotate("centroid", (x, y), (8, -12), textcoords="offset points", fontsize=8, zorder=6)
    for layer, axes in enumerate(grid[0]):
        axes.set_title(f"layer {layer + 1}", fontsize=11)
    figure.subplots_adjust(left=0.03, right=0.995, bottom=0.01, top=0.94, wspace=0.03, hspace=0.03)
    try:
        figure.savefig(path, dpi=200)
    except (OSError, ValueError) as error:
        raise cpa.BadArgument(f"--picture: {path} cannot be written: {error}") from None
    plt.close(figure)


def draw_panel(axes: Any, segments: Segments, layer: int, window: cpa.Box, points: Points) -> None:
    """One layer in colour, the earlier ones in grey."""
    from matplotlib.collections import LineCollection

    earlier = [(a, b) for units, a, b in segments if min(units)[0] < layer]
    axes.add_collection(LineCollection(earlier, colors="0.72", linewidths=0.7, zorder=1))
    own = [(k, a, b) for units, a, b in segments for depth, k in units if depth == layer == min(units)[0]]
    colours = [PALETTE[k % len(PALETTE)] for k, _, _ in own]
    axes.add_collection(
        LineCollection(
            [(a, b) for _, a, b in own], colors=colours, linewidths=1.5, capstyle="round", zorder=2
        )
    )
    axes.plot(*[list(map(float, column)) for column in zip(*points, strict=True)], "k.", ms=3.2, zorder=3)
    (x0, y0), (x1, y1) = ([float(c) for c in corner] for corner in (window.lower, window.upper))
    axes.set(xlim=(x0, x1), ylim=(y0, y1), xticks=[], yticks=[], aspect="equal")


# The command.


def pairs(net: cpa.Network, points: Points, *, seed: int, size: int) -> Iterator[dict[str, cpa.Network]]:
    """Every network without batchnorm, with its own biases, and with it."""
    for one in drawn(net, seed=seed, size=size):
        yield {WITHOUT: without_batchnorm(one, {}), WITH: cpa.freeze(one, points)}


def main(arguments: list[str] | None = None) -> int:
    """Examine, draw, judge."""
    start = time.perf_counter()
    network, data = "networks/training/figure.json", "sets/arch.json"
    parser = parser_of(__doc__, network=network, data=data, size=5, means="networks")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the first one (.png, .svg, .pdf)")
    options = parser.parse_args(arguments)
    net, points = instance_of(options)
    require_chain(net)
    if net.input != 2:
        raise cpa.BadArgument(f"expected a network with 2 inputs, got {net.input}")
    hull = hull_of(points)
    all_networks = list(pairs(net, points, seed=options.seed, size=options.size))
    results = [{name: examine(one, points, hull) for name, one in both.items()} for both in all_networks]
    if options.picture:
        draw(options.picture, all_networks[0], points)
    sizes = net.layer_sizes
    head = [
        "network",
        "",
        "lines meet in the centroid",
        *[f"layer {k + 1}" for k in range(len(sizes))],
        "cells",
    ]
    rows = [
        [
            number,
            name,
            "yes" if one.concurrent else "no",
            *[f"{n} of {m}" for n, m in zip(one.meeting, sizes, strict=True)],
            one.cells,
        ]
        for number, both in enumerate(results)
        for name, one in both.items()
    ]
    print("units whose bent hyperplane meets the hull of the data, by layers, and cells of the hull\n")
    print(table(head, rows))
    bad = sum(not both[WITH].concurrent or both[WITH].meeting != sizes for both in results)
    missing = sum(sum(sizes) - sum(both[WITHOUT].meeting) for both in results)
    why = f"with batchnorm it is not so for {bad} of {len(results)} networks"
    more = {"picture": str(options.picture)} if options.picture else {}
    return conclude(__doc__, holds=not bad, why=why, value=missing, start=start, **more)


if __name__ == "__main__":
    sys.exit(run(main))
