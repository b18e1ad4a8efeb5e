"""Stages: a network lowered to affine maps alternating with bends and maxima.

Everything past this point of the package sees a network only as its stages: batch normalisation, convolution,
pooling and residual blocks are gone, and every activation is data.

Main definitions:
    Bend: One line through a continuous piecewise-affine function of one variable.
    Maximum: The largest of several lines.
    Stage: Lines, affine in what the previous stage gave, and the bends and maxima over them.
    stages: The lowering.
    is_unit: Whether an entry of a stage is a unit or only passes a line through.

Conventions:
    One stage an activation layer, residual bodies in order, then one stage of pass-throughs: the output.  The
    first stage reads the input.  In ``units`` the real units come first, in their order; pass-throughs
    (groups of one input, then what residual blocks carry around their bodies) follow.
    Piece ``p`` of a bend is the number of breakpoints ``t`` with ``z >= t``; a value at a breakpoint belongs
    to the upper piece.  The piece of a maximum is the largest position of a source with the largest value.
    A unit stays a unit when its slopes agree: pieces follow breakpoints, not values.

References:
    Breiman, Hinging hyperplanes for regression, classification, and function approximation (1993).

Not here:
    The value of a network from the definition of its layers: `network`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from exactcpa.errors import BadNetwork, DimensionMismatch, shown
from exactcpa.ideal_layer import IdealBatchNorm
from exactcpa.layers import (
    ONE,
    ZERO,
    Abs,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    Linear,
    MaxOut,
    MaxPool,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.network import Network
from exactcpa.parameters import Matrix, Vector

SIX = Fraction(6)

AFFINE = (Linear, BatchNorm, Conv2d, AvgPool2d)
HOMOGENEOUS = (Flatten, ReLU, LeakyReLU, PReLU, Abs)
"""Layers that a positive factor of a coordinate passes through unchanged."""


@dataclass(frozen=True, slots=True)
class Bend:
    """One line through a continuous piecewise-affine function: ``slopes[p] * z + intercepts[p]`` on piece p.

    Attributes:
        source: Number of the stage's line.
        breakpoints: Increasing; none for a pass-through, which is not a unit.
        slopes: One more than breakpoints.
        intercepts: One more than breakpoints, such that the function is continuous.

    Raises:
        BadNetwork: The pieces do not join, or the breakpoints do not increase.
    """

    source: int
    breakpoints: Vector
    slopes: Vector
    intercepts: Vector

    def __post_init__(self) -> None:
        pieces = len(self.breakpoints) + 1
        if len(self.slopes) != pieces or len(self.intercepts) != pieces:
            raise DimensionMismatch(
                f"bend with {pieces} pieces, {len(self.slopes)} slopes and {len(self.intercepts)} intercepts"
            )
        for p, t in enumerate(self.breakpoints):
            if p and self.breakpoints[p - 1] >= t:
                before = shown(self.breakpoints[p - 1])
                raise BadNetwork(f"bend with breakpoints {before}, {shown(t)} that do not increase")
            before, after = self.intercepts[p], self.intercepts[p + 1]
            if not t and (before is after or before == after):
                continue
            jump = after - before + (self.slopes[p + 1] - self.slopes[p]) * t
            if jump != 0:
                raise BadNetwork(f"bend that jumps by {shown(jump)} at its breakpoint {shown(t)}")

    def __str__(self) -> str:
        formulas = [f"{a}*z{self.source} + {b}" for a, b in zip(self.slopes, self.intercepts, strict=True)]
        pairs = zip(formulas[1:], self.breakpoints, strict=True)
        return formulas[0] + "".join(f", {formula} from {t}" for formula, t in pairs)


@dataclass(frozen=True, slots=True)
class Maximum:
    """The largest of two or more lines of the stage; its piece is the position of the winner."""

    sources: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.sources) < 2:
            raise BadNetwork(f"maximum of {len(self.sources)} lines, expected at least 2")

    def __str__(self) -> str:
        return f"max({', '.join(f'z{source}' for source in self.sources)})"


@dataclass(frozen=True, slots=True)
class Stage:
    """Lines ``z = weight @ previous + bias`` and what becomes of them.

    Attributes:
        weight: Shape (lines, previous), where previous is the number of entries of the stage before, or the
            input dimension.
        bias: Shape (lines,).
        units: What the stage gives, one coordinate an entry; real units first.
    """

    weight: Matrix
    bias: Vector
    units: tuple[Bend | Maximum, ...]

    def __str__(self) -> str:
        real = sum(is_unit(unit) for unit in self.units)
        return f"stage of {len(self.bias)} lines, {real} units, {len(self.units) - real} passed through"


def is_unit(entry: Bend | Maximum) -> bool:
    """Return whether an entry of a stage decides anything: a maximum, or a bend with breakpoints."""
    return isinstance(entry, Maximum) or bool(entry.breakpoints)


def stages(net: Network) -> tuple[Stage, ...]:
    """Lower a network to stages; their composition is exactly its function.

    Example:
        >>> for stage in stages(Network(1, (Linear([[1], [2]], [0, 3]), ReLU(), Linear([[1, 1]], [0])))):
        ...     print(stage, "|", "; ".join(map(str, stage.units)))
        stage of 2 lines, 2 units, 0 passed through | 0*z0 + 0, 1*z0 + 0 from 0; 0*z1 + 0, 1*z1 + 0 from 0
        stage of 1 lines, 0 units, 1 passed through | 1*z0 + 0
    """
    start = _Flow(tuple(_unit_line(j) for j in range(net.input)), (), net.input)
    lowered, end = _lower_chain(net.layers, start)
    end = _multiplied(end)
    output = _stage(end, tuple(_pass_through(k) for k in range(len(end.lines))))
    return (*lowered, output)


class _Line(NamedTuple):
    """An affine function of the previous stage's entries, by all coefficients, or by those of some of them alone."""

    coefficients: Vector | dict[int, Fraction]
    constant: Fraction

    def terms(self) -> Iterable[tuple[int, Fraction]]:
        """Numbers of entries, each with its coefficient."""
        if isinstance(self.coefficients, dict):
            return self.coefficients.items()
        return enumerate(self.coefficients)


class _Flow(NamedTuple):
    """What holds between two layers: all of it as functions of the previous stage's entries.

    Attributes:
        lines: The current value of the innermost chain.
        carried: The inputs of all residual blocks around it, outermost first.
        previous: Number of entries of the previous stage.
        factors: What the lines are still to be multiplied by, each positive; empty: all by one.
    """

    lines: tuple[_Line, ...]
    carried: tuple[_Line, ...]
    previous: int
    factors: Vector = ()


def _lower_chain(layers: Sequence[Layer], flow: _Flow) -> tuple[list[Stage], _Flow]:
    lowered: list[Stage] = []
    for layer in layers:
        new, flow = _lower_layer(layer, flow)
        lowered.extend(new)
    return lowered, flow


def _lower_layer(layer: Layer | IdealBatchNorm, flow: _Flow) -> tuple[list[Stage], _Flow]:
    if not isinstance(layer, HOMOGENEOUS):
        flow = _multiplied(flow)
    match layer:
        case Flatten():
            return [], flow
        case IdealBatchNorm():
            parts = zip(flow.lines, layer.mean, layer.root, layer.gamma, layer.beta, strict=True)
            lines = [
                _combine(((0, gamma),), beta * root - gamma * mean, (line,))
                for line, mean, root, gamma, beta in parts
            ]
            return [], flow._replace(lines=tuple(lines), factors=layer.factor)
        case Linear() if _is_identity(flow.lines):
            lines = map(_Line, layer.weight, layer.bias)
            return [], flow._replace(lines=tuple(lines))
        case Linear() | BatchNorm() | Conv2d() | AvgPool2d():
            rows = affine_rows(layer, len(flow.lines))
            if _is_identity(flow.lines):
                return [], flow._replace(lines=tuple(_Line(dict(row), bias) for row, bias in rows))
            return [], flow._replace(lines=tuple(_combine(row, bias, flow.lines) for row, bias in rows))
        case TrainingBatchNorm():
            raise BadNetwork(
                "a batchnorm without statistics is in training mode and needs data: freeze the network on a batch"
            )
        case Residual():
            return _lower_residual(layer, flow)
        case _:
            return _lower_activation(layer, flow)


def _lower_residual(layer: Residual, flow: _Flow) -> tuple[list[Stage], _Flow]:
    lowered, end = _lower_chain(layer.layers, flow._replace(carried=flow.carried + flow.lines))
    end = _multiplied(end)
    outer = len(flow.carried)
    both = zip(end.carried[outer:], end.lines, strict=True)
    total = tuple(_combine(((0, ONE), (1, ONE)), ZERO, pair) for pair in both)
    return lowered, end._replace(lines=total, carried=end.carried[:outer])


def _lower_activation(layer: Layer, flow: _Flow) -> tuple[list[Stage], _Flow]:
    entries = entries_of(layer, len(flow.lines))
    order = sorted(range(len(entries)), key=lambda k: not is_unit(entries[k]))
    place = {k: position for position, k in enumerate(order)}
    count = len(entries)
    carried = range(len(flow.carried))
    units = [entries[k] for k in order] + [_pass_through(len(flow.lines) + k) for k in carried]
    after = _Flow(
        lines=tuple(_unit_line(place[k]) for k in range(count)),
        carried=tuple(_unit_line(count + k) for k in carried),
        previous=len(units),
        factors=flow.factors,
    )
    return [_stage(flow, tuple(units))], after


def _multiplied(flow: _Flow) -> _Flow:
    """The same with all factors multiplied in."""
    if not flow.factors:
        return flow
    pairs = zip(flow.lines, flow.factors, strict=True)
    return flow._replace(lines=tuple(_combine(((0, f),), ZERO, (line,)) for line, f in pairs), factors=())


def _stage(flow: _Flow, units: tuple[Bend | Maximum, ...]) -> Stage:
    lines = flow.lines + flow.carried
    return Stage(
        weight=tuple(_dense(line.coefficients, flow.previous) for line in lines),
        bias=tuple(line.constant for line in lines),
        units=units,
    )


def _dense(coefficients: Vector | dict[int, Fraction], length: int) -> Vector:
    if not isinstance(coefficients, dict):
        return coefficients + (ZERO,) * (length - len(coefficients))
    row = [ZERO] * length
    for index, coefficient in coefficients.items():
        row[index] = coefficient
    return tuple(row)


def _unit_line(index: int) -> _Line:
    return _Line({index: ONE}, ZERO)


def _is_identity(lines: Sequence[_Line]) -> bool:
    """Whether the lines are the entries of the previous stage, in order: what an affine layer reads as a rule."""
    return all(
        not line.constant and len(line.coefficients) == 1 and (*line.terms(),) == ((k, ONE),)
        for k, line in enumerate(lines)
    )


def _combine(row: Iterable[tuple[int, Fraction]], bias: Fraction, lines: Sequence[_Line]) -> _Line:
    """Return ``sum(weight * lines[index]) + bias``.

    No arithmetic is done where none is needed.
    """
    coefficients: dict[int, Fraction] = {}
    constant = bias
    for index, weight in row:
        if not weight:
            continue
        line = lines[index]
        if line.constant:
            constant += weight * line.constant
        for j, coefficient in line.terms():
            term = weight if coefficient == 1 else weight * coefficient
            coefficients[j] = coefficients[j] + term if j in coefficients else term
    return _Line(coefficients, constant)


def affine_rows(
    layer: Linear | BatchNorm | Conv2d | AvgPool2d, inputs: int
) -> Iterator[tuple[Iterable[tuple[int, Fraction]], Fraction]]:
    """Yield the rows of an affine layer as (index, weight) pairs, each with its bias."""
    match layer:
        case Linear():
            for row, bias in zip(layer.weight, layer.bias, strict=True):
                yield enumerate(row), bias
        case BatchNorm():
            parts = zip(layer.mean, layer.scales(), layer.beta, strict=True)
            for index, (mean, scale, beta) in enumerate(parts):
                yield ((index, scale),), beta - mean * scale
        case Conv2d():
            rows, columns = layer.positions()
            for number, bias in enumerate(layer.bias):
                for i in range(rows):
                    for j in range(columns):
                        yield layer.taps(number, i, j), bias
        case AvgPool2d():
            for group in layer.groups_of(inputs):
                share = Fraction(1, len(group))
                yield ((index, share) for index in group), ZERO


def entries_of(layer: Layer, inputs: int) -> list[Bend | Maximum]:
    """Return the entries of an activation layer, in the order of its outputs."""
    match layer:
        case MaxOut() | MaxPool():
            groups = layer.grouping.groups_of(inputs)
            return [Maximum(group) if len(group) > 1 else _pass_through(group[0]) for group in groups]
        case PReLU():
            return [_bend_at_zero(k, slope) for k, slope in enumerate(layer.slopes(inputs))]
        case ReLU():
            return [_bend_at_zero(k, ZERO) for k in range(inputs)]
        case LeakyReLU():
            return [_bend_at_zero(k, layer.slope) for k in range(inputs)]
        case Abs():
            return [_bend_at_zero(k, -ONE) for k in range(inputs)]
        case HardTanh():
            return [_clip(k, layer.min, layer.max) for k in range(inputs)]
        case ReLU6():
            return [_clip(k, ZERO, SIX) for k in range(inputs)]
        case _:
            raise BadNetwork(f"expected an activation layer, got {layer.type}")


def _pass_through(source: int) -> Bend:
    return Bend(source, (), (ONE,), (ZERO,))


def _bend_at_zero(source: int, lower_slope: Fraction) -> Bend:
    return Bend(source, (ZERO,), (lower_slope, ONE), (ZERO, ZERO))


def _clip(source: int, least: Fraction, most: Fraction) -> Bend:
    return Bend(source, (least, most), (ZERO, ONE, ZERO), (least, ZERO, most))
