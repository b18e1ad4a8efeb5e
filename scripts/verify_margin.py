"""Claim: margins under every mini-batch network are exact: their nearest points tie, and no cell has a nearer tie.

    python scripts/verify_margin.py
    python scripts/verify_margin.py --network data/networks/training/iris.json --data data/sets/iris.json --norm inf
    python scripts/verify_margin.py --samples 100 --limit 200                               some minutes

For --samples samples the exact margin is found under the network of all data, under the networks of mini-batches of
--size (all, or --limit of them), and under the same weights without batchnorm: the measurement A12' of the ledger,
told in the table (decimals are rounded lengths; "flips": mini-batches that give the sample another class).  Checked,
exactly: every nearest point lies in the domain, at that distance, and two outputs tie there, by a forward pass through
the layers; under --compared networks, for every sample, no cell of the whole enumerated partition has a nearer tie, by
exact quadratic or linear programs on all of them; one batch of all data gives the margins of all data; and statement
A12, of single units, holds with real margins.  How much margins shrink is measured, not claimed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

from reporting import conclude, examine_statements, instance_of, parser_of, run, table

import exactcpa as cpa
from exactcpa.jittered_margins import MarginUnder, SampleMargins
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.norms import Measure
from exactcpa.vectors import Vector, dot


def networks_of(
    net: cpa.Network, points: tuple[Vector, ...], report: cpa.MarginJitter
) -> Iterator[tuple[cpa.Network, list[tuple[int, MarginUnder]]]]:
    """Every network with batchnorm that was measured, made by `freeze`, with the margins under it."""

    def under(pick: Callable[[SampleMargins], MarginUnder]) -> list[tuple[int, MarginUnder]]:
        return [(sample.number, pick(sample)) for sample in report.samples]

    yield cpa.freeze(net, points), under(lambda sample: sample.full)
    for batch in report.samples[0].batches if report.samples else ():
        frozen = cpa.freeze(net, [points[k] for k in batch])
        yield frozen, under(lambda sample, batch=batch: sample.batches[batch])


def is_tie(net: cpa.Network, point: Vector, under: MarginUnder, report: cpa.MarginJitter) -> bool:
    """Whether the nearest point is in the domain, at that distance, and not of the point's class alone."""
    if under.nearest is None:
        return under.value is None and not under.error
    outputs = net.forward(under.nearest)
    ties = outputs[0] == 0 if len(outputs) == 1 else outputs.count(max(outputs)) > 1
    gap = [a - b for a, b in zip(under.nearest, point, strict=True)]
    return ties and report.domain.contains(under.nearest) and report.measure.length(gap) == under.value


def whole_margin(part: cpa.Partition, point: Vector, metric: Measure) -> Fraction | None:
    """The margin by all cells: the nearest tie of every cell and rival, exactly.

    No tie is nearer than the tie's hyperplane, so that once one is as near, the others need not be looked at.
    """
    best = None
    for bound, number, tie in sorted(ties_of(part, point, metric), key=lambda entry: entry[0]):
        if best is not None and bound >= best:
            break
        rows = [(*row.normal, row.offset) for row in part.cell(number).rows]
        found = decide_nearest([*rows, tie], point, norm=metric.norm, weights=metric.weights, enough=best)
        if isinstance(found, Nearest) and (best is None or found.value < best):
            best = found.value
    return best


def ties_of(part: cpa.Partition, point: Vector, metric: Measure) -> Iterator[tuple[Fraction, int, Vector]]:
    """For every cell and rival the row ``f_mine <= f_rival`` and the distance to its hyperplane (l2: the square)."""
    outputs = part.network.forward(point)
    scores = [outputs[0], Fraction(0)] if len(outputs) == 1 else list(outputs)
    mine = scores.index(max(scores))
    for number, map_ in enumerate(part.affine_maps()):
        lines = [(*normal, c) for normal, c in zip(map_.matrix, map_.shift, strict=True)]
        lines += [(Fraction(0),) * len(lines[0])] * (len(lines) == 1)
        for rival in set(range(len(lines))) - {mine}:
            *normal, constant = [a - b for a, b in zip(lines[mine], lines[rival], strict=True)]
            gap, size = dot(normal, point) + constant, metric.dual(normal)
            if gap <= 0:
                yield Fraction(0), number, (*normal, -constant)
            elif size:
                yield (gap * gap if metric.is_squared else gap) / size, number, (*normal, -constant)


def main(arguments: list[str] | None = None) -> int:
    """Measure, check, show, judge."""
    start = time.perf_counter()
    parser = parser_of(
        __doc__,
        network="networks/training/moons.json",
        data="sets/moons.json",
        size=50,
        means="of the mini-batches",
    )
    parser.add_argument("--samples", type=int, default=10, help="samples measured (default 10)")
    parser.add_argument(
        "--limit", type=int, default=20, help="mini-batches drawn if there are more (default 20)"
    )
    parser.add_argument(
        "--compared", type=int, default=2, help="networks compared with all cells (default 2)"
    )
    parser.add_argument("--norm", default="2", choices=("2", "1", "inf"), help="of the margins (default 2)")
    options = parser.parse_args(arguments)
    net, points = instance_of(options)
    asked = {"norm": options.norm, "samples": options.samples, "seed": options.seed}
    report = cpa.margin_jitter(
        net, points, options.size, limit=options.limit, progress=sys.stderr.isatty(), **asked
    )
    print("\n".join(report.lines()) + "\n")
    untied, compared, nearer = 0, 0, 0
    for number, (frozen, margins) in enumerate(networks_of(net, points, report)):
        untied += sum(not is_tie(frozen, points[k], under, report) for k, under in margins)
        if number < options.compared:
            part = cpa.enumerate_cells(frozen, report.domain, facets=False)
            compared += len(margins)
            nearer += sum(
                whole_margin(part, points[k], report.measure) != under.value for k, under in margins
            )
    whole = cpa.margin_jitter(net, points, len(points), compare=(), **asked)
    changed = sum(not is_all_data(sample) for sample in whole.samples)
    verdicts, holds = examine_statements(["A12"], net, points)
    print(table(["statement", "verdict", ""], verdicts))
    why = (
        f"{untied} nearest points do not tie, {nearer} of {compared} margins are not those of all cells, "
        f"{changed} samples have another margin in the batch of all data"
    )
    failed = untied or nearer or changed
    shares = sorted(report.shrinkage)
    return conclude(
        __doc__,
        holds=holds and not failed,
        why=why,
        value=report.networks * len(report.samples),
        start=start,
        flips=sum(sample.flips for sample in report.samples),
        median_share_left=round(shares[len(shares) // 2], 4) if shares else None,
        compared=compared,
    )


def is_all_data(sample: SampleMargins) -> bool:
    """Whether the one batch, of all data, gives the margin of all data."""
    return [under.value for under in sample.batches.values()] == [sample.full.value]


if __name__ == "__main__":
    sys.exit(run(main))
