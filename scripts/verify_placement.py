"""Claim: with beta = 0 every batch-normalised unit's hyperplane is the nearest of its direction to the layer's inputs.

    python scripts/verify_placement.py
    python scripts/verify_placement.py --network data/networks/training/iris.json --data data/sets/iris.json --size 50

Nearest in mean squared distance over the batch, in the layer's own feature space at any depth; then it passes
through the centroid of these inputs (A1, A3 of the ledger).  Checked in fractions for every unit of --size networks,
the given one and others of its shape with seeded weights: the unit is zero at the centroid, and the mean squared
distance, a quadratic function of the offset known from its values at three offsets, has its minimum at the unit's.
The table compares with the same rows without batchnorm: with no bias, and with the network's own.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from fractions import Fraction

from reporting import conclude, drawn, examine_statements, instance_of, mean, parser_of, run, short, table

from exactcpa.theorems.layer_view import NormalisedLayer, normalised_layers
from exactcpa.vectors import Vector, dot


@dataclass(frozen=True)
class Placed:
    """One unit: is it right, and the mean squared distances of three hyperplanes with its row."""

    layer: int
    has_beta: bool
    passes: bool
    is_nearest: bool
    normalised: Fraction
    zero_bias: Fraction
    own_bias: Fraction


def placed(view: NormalisedLayer, unit: int) -> Placed:
    """One unit of a normalised layer on its batch."""
    row, beta = view.rows[unit], view.layer.beta[unit]
    scale = view.layer.scales()[unit]
    # scale (<w, z> - mu) + beta = 0
    offset = view.offset(unit) - beta / scale
    before = tuple(dot(w, view.centroid) + b for w, b in zip(view.rows, view.bias, strict=True))
    return Placed(
        layer=view.activation[0] if view.activation else -1,
        has_beta=beta != 0,
        passes=view.layer.forward(before)[unit] == 0,
        is_nearest=offset == best_offset(view, row),
        normalised=mean_squared_distance(view, row, offset),
        zero_bias=mean_squared_distance(view, row, Fraction(0)),
        own_bias=mean_squared_distance(view, row, -view.bias[unit]),
    )


def mean_squared_distance(view: NormalisedLayer, row: Vector, offset: Fraction) -> Fraction:
    """Of the layer's inputs to ``<row, z> = offset``."""
    return mean([(dot(row, z) - offset) ** 2 for z in view.inputs]) / dot(row, row)


def best_offset(view: NormalisedLayer, row: Vector) -> Fraction:
    """Where the quadratic through the distances at offsets -1, 0 and 1 is least."""
    left, middle, right = (mean_squared_distance(view, row, Fraction(c)) for c in (-1, 0, 1))
    return (left - right) / (2 * (left + right - 2 * middle))


def main(arguments: list[str] | None = None) -> int:
    """Examine, show, judge."""
    start = time.perf_counter()
    parser = parser_of(
        __doc__, network="networks/training/figure.json", data="sets/arch.json", size=10, means="networks"
    )
    options = parser.parse_args(arguments)
    net, points = instance_of(options)
    units = [
        placed(view, unit)
        for one in drawn(net, seed=options.seed, size=options.size)
        for view in normalised_layers(one, points)
        for unit in range(view.units)
        if any(view.rows[unit]) and view.layer.gamma[unit]
    ]
    head = ["layer", "units", "through the centroid", "nearest", "batchnorm", "zero bias", "own bias"]
    rows = []
    for layer in sorted({unit.layer for unit in units}):
        group = [unit for unit in units if unit.layer == layer]
        distances = [[getattr(u, name) for u in group] for name in ("normalised", "zero_bias", "own_bias")]
        right = [sum(u.passes for u in group), sum(u.is_nearest for u in group)]
        rows.append(
            ["output" if layer < 0 else layer, len(group), *right, *[short(mean(d)) for d in distances]]
        )
    print(f"{len(points)} points, {options.size} networks; last three columns: mean squared distances\n")
    print(table(head, rows) + "\n")
    verdicts, holds = examine_statements(["A1", "A3"], net, points)
    print(table(["statement", "verdict", ""], verdicts))
    right = sum(unit.passes and unit.is_nearest for unit in units)
    shifted = sum(unit.has_beta for unit in units)
    why = f"{len(units) - right} of {len(units)} units are elsewhere; in {shifted} units beta is not 0"
    holds = holds and right == len(units) > 0
    return conclude(
        __doc__, holds=holds, why=why, value=right / max(len(units), 1), start=start, units=len(units)
    )


if __name__ == "__main__":
    sys.exit(run(main))
