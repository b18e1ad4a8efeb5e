"""Many batches through one network, in integers: a network lowered once, run for every batch.

Statistics of thousands of batches ask for the same affine maps on the same points again and again.  Here weights are
integer matrices over one denominator, made once, and the values of all points at a layer are integers over one
denominator; only what the batch decides, its means and scales, is computed a batch.

Main definitions:
    Affine, Normalise, Bends, Around: The steps.
    lower: A network as steps.
    run: All points through the steps, normalised by the statistics of a batch of them.
    Trace: What came up on the way: statistics, signs, values at the end, or where the run had to stop.

Conventions:
    Deployed reading, as `statistics.freeze`: every scale is correctly rounded to float64, all else is exact.
    Values are kept a coordinate a list, one entry a point.  Switching functions of an activation layer: ``z - t`` for
    every breakpoint of every unit in order; for a maximum ``z_b - z_a`` for every pair ``a < b`` of its inputs.
    Signs are written "-", "0", "+".

References:
    Ioffe and Szegedy, Batch normalization (2015), algorithm 1.

Not here:
    The same for one batch, plain and layer by layer: `statistics`.  Which batches: `batch_families`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import lcm

from flint import fmpz, fmpz_mat

from exactcpa.batchnorm import OVERFLOW, rounded_root
from exactcpa.errors import BadNetwork
from exactcpa.groups import Windows
from exactcpa.layers import BatchNorm, Conv2d, Layer, MaxOut, MaxPool, Residual, TrainingBatchNorm
from exactcpa.network import Network, Vector
from exactcpa.stages import Bend, Maximum, Stage, stages

Place = tuple[int, ...]
Rows = list[list[fmpz]]


@dataclass(frozen=True, slots=True)
class Affine:
    """``(weight z + bias) / denominator``, in integers; weight of shape (outputs, inputs), None for the identity."""

    weight: fmpz_mat | None
    bias: tuple[fmpz, ...]
    denominator: fmpz


@dataclass(frozen=True, slots=True)
class Normalise:
    """A batchnorm whose statistics the batch decides.

    Attributes:
        place: Number of the layer in the network; inside residual blocks the block's number first.
        gamma, beta, epsilon: Its parameters, one a coordinate but for epsilon.
        pixels: So many consecutive coordinates share their statistics.
    """

    place: Place
    gamma: Vector
    beta: Vector
    epsilon: Fraction
    pixels: int


@dataclass(frozen=True, slots=True)
class Bends:
    """An activation layer over one denominator.

    Attributes:
        units: What becomes of the lines; real units and pass-throughs.
        tables: For each bend its breakpoints and, a piece, slope and intercept, times the denominator.
        denominator: The common one.
    """

    units: tuple[Bend | Maximum, ...]
    tables: tuple[tuple[tuple[fmpz, ...], tuple[fmpz, ...], tuple[fmpz, ...]] | None, ...]
    denominator: fmpz


@dataclass(frozen=True, slots=True)
class Around:
    """A residual block with batchnorms inside: its input plus what its steps make of it."""

    steps: tuple[Step, ...]


Step = Affine | Normalise | Bends | Around


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of one batchnorm on one batch.

    Attributes:
        place: Of the layer.
        mean, variance: One a coordinate; the variance is biased.
        scale: The deployed scales; None for a coordinate that has none.
    """

    place: Place
    mean: Vector
    variance: Vector
    scale: tuple[Fraction | None, ...]


@dataclass(slots=True)
class Trace:
    """What came up when the points went through; filled by `run`, then left alone.

    Attributes:
        statistics: One entry a batchnorm that was reached.
        signs: One entry an activation layer that was reached: a text of signs a sample.
        outputs: Rows of numerators over one positive denominator, shape (outputs, points); None if the run stopped.
        stop: Why it stopped, or an empty text: a coordinate without a finite scale makes no network.
    """

    samples: int
    statistics: list[Statistics] = field(default_factory=list)
    signs: list[tuple[str, ...]] = field(default_factory=list)
    outputs: Rows | None = None
    stop: str = ""


# Lowering.


def lower(net: Network) -> tuple[Step, ...]:
    """Lower a network to steps.

    Raises:
        BadNetwork: It has a batchnorm with statistics a coordinate after layers of images.
    """
    return tuple(_lower_chain(net.layers, net.input, ()))


def _lower_chain(layers: Sequence[Layer], width: int, place: Place) -> Iterator[Step]:
    plain: list[Layer] = []
    start, has_images = width, False
    for number, layer in enumerate(layers):
        if not has_batchnorm(layer):
            has_images = has_images or _makes_images(layer)
            plain.append(layer)
        else:
            yield from _lower_plain(plain, start)
            if isinstance(layer, BatchNorm) and has_images:
                raise BadNetwork(
                    f"layer {number} (batchnorm), statistics of images are shared by the pixels of a channel: "
                    "expected a batchnorm without statistics, with field pixels"
                )
            here = (*place, number)
            if isinstance(layer, Residual):
                yield Around(tuple(_lower_chain(layer.layers, width, here)))
            else:
                yield _normalise(layer, width, here)
            plain, start = [], layer.width(width)
        width = layer.width(width)
    yield from _lower_plain(plain, start)


def has_batchnorm(layer: Layer) -> bool:
    """Whether it is a batchnorm or has one inside."""
    if isinstance(layer, Residual):
        return any(map(has_batchnorm, layer.layers))
    return isinstance(layer, BatchNorm | TrainingBatchNorm)


def _makes_images(layer: Layer) -> bool:
    match layer:
        case Conv2d():
            return True
        case MaxPool() | MaxOut():
            return isinstance(layer.grouping, Windows)
    return False


def _normalise(layer: BatchNorm | TrainingBatchNorm, width: int, place: Place) -> Normalise:
    gamma = layer.gamma or (Fraction(1),) * width
    beta = layer.beta or (Fraction(0),) * width
    pixels = layer.pixels if isinstance(layer, TrainingBatchNorm) else 1
    return Normalise(place, gamma, beta, layer.epsilon, pixels)


def _lower_plain(layers: Sequence[Layer], width: int) -> Iterator[Step]:
    """A chain without batchnorms, by its stages."""
    if not layers:
        return
    for stage in stages(Network(width, tuple(layers))):
        affine = _affine(stage)
        if affine is not None:
            yield affine
        if any(isinstance(unit, Maximum) or unit.breakpoints for unit in stage.units):
            yield _bends(stage.units)


def _affine(stage: Stage) -> Affine | None:
    """The lines of a stage in integers; None if they are what they are made of."""
    numbers = [*stage.bias, *(w for row in stage.weight for w in row)]
    common = lcm(*(q.denominator for q in numbers))
    bias = tuple(_over(q, common) for q in stage.bias)
    identity = [[Fraction(int(i == j)) for j in range(len(row))] for i, row in enumerate(stage.weight)]
    if len(stage.bias) == len(stage.weight[0]) and [list(row) for row in stage.weight] == identity:
        return Affine(None, bias, fmpz(common)) if any(bias) else None
    rows = [[_over(q, common) for q in row] for row in stage.weight]
    return Affine(fmpz_mat(rows), bias, fmpz(common))


def _bends(units: tuple[Bend | Maximum, ...]) -> Bends:
    curves = [unit for unit in units if isinstance(unit, Bend)]
    numbers = [q for curve in curves for q in (*curve.breakpoints, *curve.slopes, *curve.intercepts)]
    common = lcm(1, *(q.denominator for q in numbers))

    def table(unit: Bend) -> tuple[tuple[fmpz, ...], ...]:
        parts = (unit.breakpoints, unit.slopes, unit.intercepts)
        return tuple(tuple(_over(q, common) for q in part) for part in parts)

    tables = tuple(table(unit) if isinstance(unit, Bend) else None for unit in units)
    return Bends(units, tables, fmpz(common))


def _over(q: Fraction, common: int) -> fmpz:
    return fmpz(q.numerator * (common // q.denominator))


# Running.


def to_rows(points: Sequence[Vector]) -> tuple[Rows, fmpz]:
    """Points as integers over one denominator, a coordinate a list."""
    common = lcm(*(x.denominator for point in points for x in point))
    return [[_over(x, common) for x in column] for column in zip(*points, strict=True)], fmpz(common)


def run_fixed(
    steps: Sequence[Step], rows: Rows, denominator: fmpz, samples: int
) -> tuple[Trace, Rows, fmpz, int]:
    """Run the steps before the first batchnorm, which no batch changes; how many they are comes last."""
    trace, count = Trace(samples), 0
    for step in steps:
        if isinstance(step, Normalise | Around):
            break
        rows, denominator = _apply(step, rows, denominator, trace)
        count += 1
    return trace, rows, denominator, count


def run(steps: Sequence[Step], rows: Rows, denominator: fmpz, batch: Sequence[int], trace: Trace) -> Trace:
    """Run points through steps; each batchnorm takes the statistics of the points in the batch.

    Args:
        steps: What is left of the network.
        rows: Shape (coordinates, points).
        denominator: Positive.
        batch: Numbers of points.
        trace: Filled and returned.
    """
    after = _chain(steps, rows, denominator, batch, trace)
    trace.outputs = None if after is None else after[0]
    return trace


def _chain(
    steps: Sequence[Step], rows: Rows, denominator: fmpz, batch: Sequence[int], trace: Trace
) -> tuple[Rows, fmpz] | None:
    for step in steps:
        match step:
            case Normalise():
                after = _normalised(step, rows, denominator, batch, trace)
            case Around():
                after = _chain(step.steps, rows, denominator, batch, trace)
                if after is not None:
                    after = _added(rows, denominator, *after)
            case _:
                after = _apply(step, rows, denominator, trace)
        if after is None:
            return None
        rows, denominator = after
    return rows, denominator


def _added(rows: Rows, below: fmpz, others: Rows, other_below: fmpz) -> tuple[Rows, fmpz]:
    pairs = zip(rows, others, strict=True)
    sums = [[a * other_below + b * below for a, b in zip(x, y, strict=True)] for x, y in pairs]
    return sums, below * other_below


def _apply(step: Affine | Bends, rows: Rows, denominator: fmpz, trace: Trace) -> tuple[Rows, fmpz]:
    if isinstance(step, Bends):
        return _bent(step, rows, denominator, trace)
    product = rows if step.weight is None else (step.weight * fmpz_mat(rows)).tolist()
    if step.weight is None and step.denominator != 1:
        product = [[step.denominator * z for z in row] for row in rows]
    constants = [b * denominator for b in step.bias]
    shifted = [[z + c for z in row] if c else row for row, c in zip(product, constants, strict=True)]
    return shifted, denominator * step.denominator


def _normalised(
    step: Normalise, rows: Rows, denominator: fmpz, batch: Sequence[int], trace: Trace
) -> tuple[Rows, fmpz] | None:
    """Centre, scale and shift; None if a coordinate has no finite scale."""
    count = len(batch) * step.pixels
    size = int(denominator) * count
    sums: list[int] = []
    means: list[Fraction] = []
    variances: list[Fraction] = []
    scales: list[Fraction | None] = []
    for first in range(0, len(rows), step.pixels):
        group = rows[first : first + step.pixels]
        chosen = [row[i] for row in group for i in batch]
        total = int(sum(chosen))
        spread = count * int(sum(z * z for z in chosen)) - total * total
        sums += [total] * step.pixels
        means += [Fraction(total, size)] * step.pixels
        variances += [Fraction(spread, size * size)] * step.pixels
        for k in range(first, first + step.pixels):
            scales.append(_scale(step.gamma[k], step.epsilon, spread, size * size))
            if scales[-1] is None and not trace.stop:
                trace.stop = _reason(step, k, spread)
    trace.statistics.append(Statistics(step.place, tuple(means), tuple(variances), tuple(scales)))
    if trace.stop:
        return None
    return _centred(step, rows, fmpz(size), count, sums, scales)


def _centred(
    step: Normalise, rows: Rows, size: fmpz, count: int, sums: list[int], scales: list[Fraction | None]
) -> tuple[Rows, fmpz]:
    """``(count z - sum) / size * scale + beta`` over one denominator."""
    fine = max(scale.denominator for scale in scales)
    below = lcm(*(b.denominator for b in step.beta))
    after: Rows = []
    for row, total, scale, beta in zip(rows, sums, scales, step.beta, strict=True):
        factor = scale.numerator * (fine // scale.denominator) * below
        slope, shift = fmpz(factor * count), fmpz(-factor * total)
        if beta:
            shift += size * (beta.numerator * (below // beta.denominator) * fine)
        after.append([slope * z + shift for z in row])
    return after, size * (fine * below)


def _scale(gamma: Fraction, epsilon: Fraction, spread: int, square: int) -> Fraction | None:
    """The float64 nearest to ``gamma / sqrt(spread / square + epsilon)``, None if there is no finite one."""
    total = spread * epsilon.denominator + epsilon.numerator * square
    if not total:
        return None
    above = gamma.numerator**2 * square * epsilon.denominator
    magnitude = rounded_root(above, gamma.denominator**2 * total)
    if magnitude >= OVERFLOW:
        return None
    return -magnitude if gamma < 0 else magnitude


def _reason(step: Normalise, index: int, spread: int) -> str:
    layer = ", layer ".join(map(str, step.place))
    if not spread and not step.epsilon:
        return f"layer {layer}: coordinate {index} is constant on the batch and epsilon is 0"
    return f"layer {layer}: the scale of coordinate {index} is beyond float64"


def _bent(step: Bends, rows: Rows, denominator: fmpz, trace: Trace) -> tuple[Rows, fmpz]:
    """Apply the activation; note the signs of its switching functions at the samples."""
    after: Rows = []
    signs: list[str] = []
    for unit, table in zip(step.units, step.tables, strict=True):
        if isinstance(unit, Maximum):
            lines = [rows[k] for k in unit.sources]
            after.append([step.denominator * max(values) for values in zip(*lines, strict=True)])
            signs += [_signs(a, b, trace.samples) for a, b in combinations(lines, 2)]
            continue
        row, (breakpoints, slopes, intercepts) = rows[unit.source], table
        if len(breakpoints) == 1 and not breakpoints[0] and not any(intercepts):
            lower, upper = slopes
            after.append([z * upper if z >= 0 else z * lower for z in row])
            signs.append("".join(["+" if z > 0 else "-" if z else "0" for z in row[: trace.samples]]))
            continue
        levels = [t * denominator for t in breakpoints]
        raised = row if step.denominator == 1 else [z * step.denominator for z in row]
        pieces = [sum(z >= t for t in levels) for z in raised]
        moved = [c * denominator for c in intercepts]
        after.append([slopes[p] * z + moved[p] for z, p in zip(row, pieces, strict=True)])
        signs += [_signs([t] * trace.samples, raised, trace.samples) for t in levels]
    trace.signs.append(tuple(map("".join, zip(*signs, strict=True))))
    return after, denominator * step.denominator


def _signs(zeros: Sequence[fmpz], values: Sequence[fmpz], samples: int) -> str:
    """Signs of ``values - zeros`` at the samples."""
    pairs = zip(zeros[:samples], values[:samples], strict=True)
    return "".join(["+" if b > a else "-" if b < a else "0" for a, b in pairs])
