"""Claim: with beta = 0 every bent hyperplane meets the hull of the data, for any weights; with other biases not all do.

    python scripts/verify_initialisation.py
    python scripts/verify_initialisation.py --network data/networks/training/iris.json --data data/sets/iris.json

The given network and others of its shape with seeded weights, --size in all, each with batchnorm on the data, without
it and with zero biases, and without it and with random ones.  A unit that is positive at one sample and negative at
another has a zero between them (A9 of the ledger).  A unit *misses* if it is on one side on all cells of the partition
of the hull, which is enumerated with proof up to 5 dimensions; beyond that a unit with one sign at all samples is left
open.  A unit that is zero at all samples, dead, counts as meeting the hull.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from hulls import Unit, hull_of, require_chain, sides_of, sides_within
from reporting import Points, conclude, drawn, examine_statements, instance_of, parser_of, run, table

import exactcpa as cpa
from exactcpa.placement_variants import normalised_layers, normalised_stages, random_biases, without_batchnorm

MOST_DIMENSIONS = 5
NORMALISED, ZERO, RANDOM = "batchnorm", "zero bias", "random bias"
Count = Counter[tuple[str, int, str]]
"""How many units of a variant and a layer are split, meet, miss, or are open."""


def variants(net: cpa.Network, points: Points, seed: int) -> dict[str, cpa.Network]:
    """The same weights with batchnorm, and with two kinds of biases instead."""
    nothing = {place: [0] * width for place, width in normalised_layers(net).items()}
    return {
        NORMALISED: cpa.freeze(net, points),
        ZERO: without_batchnorm(net, nothing),
        RANDOM: without_batchnorm(net, random_biases(net, seed)),
    }


def found(net: cpa.Network, points: Points, hull: cpa.Polytope | None) -> dict[Unit, str]:
    """Unit -> what its bent hyperplane does: split (the samples), meet (the hull), miss, open."""
    at_samples = sides_of(net, points)
    inside = sides_within(cpa.enumerate_cells(net, hull, facets=False)) if hull else {}
    told = {}
    for unit, signs in at_samples.items():
        if {-1, 1} <= signs or signs == {0}:
            told[unit] = "split"
        elif hull is None:
            told[unit] = "open"
        else:
            told[unit] = "meet" if len(inside[unit]) == 2 else "miss"
    return told


def count(net: cpa.Network, points: Points, *, seed: int, size: int) -> Count:
    """Everything, over all networks; units without a batchnorm before them are left out."""
    is_normalised = normalised_stages(net)
    hull = hull_of(points) if net.input <= MOST_DIMENSIONS else None
    counted: Count = Counter()
    for number, one in enumerate(drawn(net, seed=seed, size=size)):
        for name, variant in variants(one, points, seed + number).items():
            for (layer, _), what in found(variant, points, hull).items():
                counted[name, layer, what] += is_normalised[layer]
    return counted


def without(counted: Count, name: str, layer: int) -> list[object]:
    """Units of a layer without batchnorm that meet the hull, and that miss it."""
    meet = counted[name, layer, "split"] + counted[name, layer, "meet"]
    left = counted[name, layer, "open"]
    return [f"{meet} ({left} open)" if left else meet, counted[name, layer, "miss"]]


def total(counted: Count, name: str, what: str | None = None) -> int:
    """Units of a variant, all or those of which something is said."""
    return sum(n for (variant, _, told), n in counted.items() if variant == name and what in (None, told))


def main(arguments: list[str] | None = None) -> int:
    """Examine, show, judge."""
    start = time.perf_counter()
    network, data = "networks/training/figure.json", "sets/arch.json"
    parser = parser_of(__doc__, network=network, data=data, size=20, means="networks")
    options = parser.parse_args(arguments)
    is_default = all(getattr(options, name) == parser.get_default(name) for name in ("network", "data"))
    net, points = instance_of(options)
    require_chain(net)
    counted = count(net, points, seed=options.seed, size=options.size)
    layers = [k for k, yes in enumerate(normalised_stages(net)) if yes]
    head = ["layer", "units", "batchnorm: split the samples", "miss the hull"]
    head += [word for name in (ZERO, RANDOM) for word in (f"{name}: meet the hull", "miss the hull")]
    rows = [
        [layer, sum(n for (name, k, _), n in counted.items() if (name, k) == (NORMALISED, layer))]
        + [counted[NORMALISED, layer, "split"], counted[NORMALISED, layer, "miss"]]
        + [entry for name in (ZERO, RANDOM) for entry in without(counted, name, layer)]
        for layer in layers
    ]
    print(f"{len(points)} points, {options.size} networks; numbers of units\n\n{table(head, rows)}\n")
    verdicts, holds = examine_statements(["A9"], net, points)
    print(table(["statement", "verdict", ""], verdicts))
    missing = {name: total(counted, name, "miss") for name in (NORMALISED, ZERO, RANDOM)}
    unsplit = total(counted, NORMALISED) - total(counted, NORMALISED, "split")
    others = missing[ZERO] + missing[RANDOM]
    holds = holds and not unsplit and (others > 0 or not is_default)
    why = f"with batchnorm {unsplit} units do not split the samples; without it {others} miss the hull"
    return conclude(__doc__, holds=holds, why=why, value=others, start=start, missing=missing)


if __name__ == "__main__":
    sys.exit(run(main))
