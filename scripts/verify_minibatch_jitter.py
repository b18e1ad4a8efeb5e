"""Claim: mini-batches move the first layer's arrangement rigidly, with the moments of sampling without replacement.

    python scripts/verify_minibatch_jitter.py
    python scripts/verify_minibatch_jitter.py --samples 16 --size 8 --partitions 1000      a minute or two
    python scripts/verify_minibatch_jitter.py --picture jitter.png

All mini-batches of --size out of --samples points of the data (spread evenly over it) go through the network, exactly.
Checked in the first normalised layer: on every batch, that every hyperplane is moved by ``<w, g_B - g>``, where g is
the centroid (by plain fractions); on --partitions of them, that every line and every cell of the engine's own
arrangement is that of all data, translated (A11' of the ledger); over all of them, the expectation and variance of
means and variances (A11).  On some batches the network is compared with `exactcpa.freeze`.  The tables say what the
batches do to deeper layers, to the signs at the samples, to decisions and to the number of cells: that is measured,
not claimed.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

from reporting import Points, conclude, examine_statements, instance_of, mean, parser_of, run, short, table

import exactcpa as cpa
from exactcpa.minibatch_laws import first_layer
from exactcpa.vectors import dot

COMPARED = 20
"""Batches whose network is made by `freeze` as well."""
DRAWN = 60
"""Batches in the picture."""
Line = tuple[tuple[Fraction, ...], Fraction]


def spread(points: Points, count: int) -> Points:
    """So many of the points, evenly spread over them."""
    if not 1 <= count <= len(points):
        raise cpa.BadArgument(f"--samples: expected 1 to the {len(points)} points of the data, got {count}")
    return tuple(points[k * len(points) // count] for k in range(count))


def rows_of(net: cpa.Network) -> list[tuple[Fraction, ...]]:
    """The normals of the first normalised layer in input space: values at the unit vectors less that at zero."""
    lowest = first_layer(net)
    affine = cpa.Network(net.input, lowest.layers[: _norm_at(lowest)])
    zero = affine.forward([0] * net.input)
    corners = [affine.forward([int(i == j) for i in range(net.input)]) for j in range(net.input)]
    return [tuple(corner[k] - zero[k] for corner in corners) for k in range(len(zero))]


def _norm_at(net: cpa.Network) -> int:
    kinds = (cpa.BatchNorm, cpa.TrainingBatchNorm)
    return next(k for k, layer in enumerate(net.layers) if isinstance(layer, kinds))


def centroid(points: Sequence[tuple[Fraction, ...]]) -> tuple[Fraction, ...]:
    """Of at least one point."""
    return tuple(mean(column) for column in zip(*points, strict=True))


def moved_otherwise(net: cpa.Network, points: Points, report: cpa.MinibatchReport) -> int:
    """Units whose shifts over the batches are not those of the centroid, by plain fractions."""
    centre = centroid(points)
    steps = []
    for batch in report.family:
        here = centroid([points[i] for i in batch])
        steps.append(tuple(a - b for a, b in zip(here, centre, strict=True)))
    wrong = 0
    for row, unit in zip(rows_of(net), report.layers[0].units, strict=True):
        expected = Counter(dot(row, step) for step in steps)
        wrong += any(dict(shift.offsets) != expected for shift in unit.shifts)
    return wrong


def frozen_otherwise(net: cpa.Network, points: Points, options: Namespace) -> int:
    """Batches, of some, whose network is not that of `freeze`."""
    some = cpa.minibatch_networks(net, points, options.size, limit=COMPARED, seed=options.seed)
    return sum(
        entry.network != cpa.freeze(net, [points[i] for i in entry.batch])
        for entry in islice(some, COMPARED)
        if entry.network is not None
    )


def layer_rows(report: cpa.MinibatchReport) -> list[list[object]]:
    """A row a unit: its statistics, and by how much its hyperplane moves."""
    rows = []
    for layer in report.layers:
        for number, unit in enumerate(layer.units):
            spread_of_mean = f"{float(unit.mean.variance()) ** 0.5:.3g}"
            told = [short(unit.mean.expectation()), spread_of_mean, short(unit.variance.expectation())]
            moved = ["-", "-"]
            if unit.shifts and unit.shifts[0].offsets:
                distances = unit.shifts[0].mean_squared_distance(), unit.shifts[0].greatest_squared_distance()
                moved = [f"{float(square) ** 0.5:.3g}" for square in distances]
            rows.append([".".join(map(str, layer.place)), number, *told, *moved])
    return rows


def fact_rows(report: cpa.MinibatchReport) -> list[list[object]]:
    """What the batches do to signs, decisions and cells."""
    rows: list[list[object]] = [["batches", str(report)]]
    for layer in range(len(report.full.signs)):
        steady, moving = report.unsteady_signs(layer)
        rows.append([f"signs of activation {layer}", f"{moving} of {steady + moving} change with the batch"])
    changing = sum(len(entry) > 1 for entry in report.decisions)
    rows.append(["decisions", f"{changing} of {len(report.decisions)} samples are decided differently"])
    if report.cells:
        low, high, full = report.cells.least(), report.cells.greatest(), report.full_cells
        rows.append(["cells", f"{low} to {high} on {report.cells.total} batches; with all data {full}"])
    cells = sum(found.cells for found in report.translations)
    rows.append(["translated cells", f"{cells} compared on {len(report.translations)} batches"])
    return rows


def lines_of(net: cpa.Network, points: Points, batch: Sequence[int]) -> list[Line]:
    """``<w, x> = <w, g_B>`` for every unit of the first layer."""
    centre = centroid([points[i] for i in batch])
    return [(row, dot(row, centre)) for row in rows_of(net)]


def draw_picture(path: Path, net: cpa.Network, points: Points, report: cpa.MinibatchReport) -> None:
    """The first layer's lines: of all data, and of single batches thin; and the numbers of cells.

    Raises:
        BadArgument: matplotlib is not installed, or cannot write such a file.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise cpa.BadArgument("--picture needs matplotlib, which the extra `plot` installs") from None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
    window = [(float(min(c)) - 1, float(max(c)) + 1) for c in zip(*points, strict=True)]
    batches = list(islice(report.family, 0, None, max(1, len(report.family) // DRAWN)))
    for batch, style in [*((b, {"lw": 0.3, "alpha": 0.5}) for b in batches), (range(len(points)), {"lw": 2})]:
        for k, ((a, b), c) in enumerate(lines_of(net, points, batch)):
            if a or b:
                foot = [float(a * c / (a * a + b * b)), float(b * c / (a * a + b * b))]
                left.axline(foot, (foot[0] - float(b), foot[1] + float(a)), color=f"C{k}", **style)
    left.plot(*zip(*[map(float, point) for point in points], strict=True), "k.")
    left.set(xlim=window[0], ylim=window[1], title="first layer: all data, and single batches (thin)")
    if report.cells:
        values = [cells for cells, count in report.cells.sorted_items() for _ in range(count)]
        right.hist(values, bins=range(min(values), max(values) + 2))
        right.axvline(report.full_cells or 0, color="k")
    right.set(title="cells of the batches' networks; line: all data", xlabel="cells")
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise cpa.BadArgument(f"--picture: {path} cannot be written: {error}") from None


def main(arguments: list[str] | None = None) -> int:
    """Examine, show, judge."""
    start = time.perf_counter()
    parser = parser_of(
        __doc__,
        network="networks/training/moons.json",
        data="sets/moons.json",
        size=5,
        means="of the batches",
    )
    parser.add_argument("--samples", type=int, default=10, help="points taken of the data (default 10)")
    parser.add_argument(
        "--partitions", type=int, default=60, help="batches whose partition is made (default 60)"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it, if matplotlib is there")
    options = parser.parse_args(arguments)
    net, everything = instance_of(options)
    points = spread(everything, options.samples)
    if options.picture and net.input != 2:
        raise cpa.BadArgument(f"--picture: expected a network with 2 inputs, got {net.input}")
    first_layer(net)
    report = cpa.minibatch_report(
        net,
        points,
        options.size,
        seed=options.seed,
        partitions=options.partitions,
        translations=options.partitions,
        progress=sys.stderr.isatty(),
    )
    print(table(["", ""], fact_rows(report)) + "\n")
    head = ["layer", "unit", "E mean", "sd of mean", "E variance", "rms shift", "largest shift"]
    print(table(head, layer_rows(report)) + "\n")
    verdicts, holds = examine_statements(["A11", "A11'"], net, points)
    print(table(["statement", "verdict", ""], verdicts))
    moved, frozen = moved_otherwise(net, points, report), frozen_otherwise(net, points, options)
    bent = sum(not found.is_rigid for found in report.translations)
    failed = moved or frozen or bent or report.laws_hold is False
    why = (
        f"{moved} units are moved otherwise, {bent} arrangements are not translated, {frozen} networks are not those "
        f"of freeze, moments {'differ' if report.laws_hold is False else 'agree'}"
    )
    if options.picture:
        draw_picture(options.picture, net, points, report)
    cells = sum(found.cells_moved for found in report.translations)
    return conclude(
        __doc__, holds=holds and not failed, why=why, value=cells, start=start, batches=len(report.family)
    )


if __name__ == "__main__":
    sys.exit(run(main))
