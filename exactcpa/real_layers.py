"""Layers on real numbers: one sample formally, or all samples of a batch in balls.

Main definitions:
    apply, through: One layer, several layers, on formal numbers.
    apply_balls: One layer on enclosures of all samples.

Conventions:
    A value that may be on either side of a breakpoint takes the hull of its possible images in balls; formally its sign
    is decided, or `Undecided` is raised.

Not here:
    Rational layers: `layers`.  The statistics: `real_statistics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from flint import arb

from exactcpa.ideal_layer import IdealBatchNorm
from exactcpa.layers import Flatten, Layer, Residual
from exactcpa.stages import AFFINE, Bend, Maximum, affine_rows, entries_of
from exactcpa.surds import Number, sign, to_ball

Row = tuple[tuple[tuple[int, Fraction], ...], Fraction]


def through(layers: Sequence[Layer | IdealBatchNorm], x: list[Number]) -> list[Number]:
    """Several layers on formal numbers."""
    for layer in layers:
        x = apply(layer, x)
    return x


def apply(layer: Layer | IdealBatchNorm, x: list[Number]) -> list[Number]:
    """One layer on formal numbers."""
    match layer:
        case Flatten():
            return x
        case Residual():
            return [a + b for a, b in zip(x, through(layer.layers, x), strict=True)]
        case IdealBatchNorm():
            rows = zip(x, layer.mean, layer.factor, layer.gamma, layer.beta, strict=True)
            return [(v - m) * (f * g) + b if g else b for v, m, f, g, b in rows]
    rows = _rows_of(layer, len(x))
    if rows is not None:
        return [sum((w * x[j] for j, w in row if x[j]), bias) for row, bias in rows]
    return [_bent(entry, x) for entry in entries_of(layer, len(x))]


def _rows_of(layer: Layer, inputs: int) -> list[Row] | None:
    """The rows of an affine layer, sparse; None for an activation."""
    if not isinstance(layer, AFFINE):
        return None
    return [(tuple((j, w) for j, w in row if w), bias) for row, bias in affine_rows(layer, inputs)]


def _bent(entry: Bend | Maximum, x: list[Number]) -> Number:
    match entry:
        case Bend():
            v = x[entry.source]
            piece = sum(sign(v - t) >= 0 for t in entry.breakpoints)
            return v * entry.slopes[piece] + entry.intercepts[piece]
        case Maximum():
            best = x[entry.sources[0]]
            for z in entry.sources[1:]:
                best = x[z] if sign(x[z] - best) >= 0 else best
            return best


def apply_balls(layer: Layer | IdealBatchNorm, batch: list[list[arb]], bits: int) -> list[list[arb]]:
    """One layer on balls, for all samples."""
    match layer:
        case Flatten():
            return batch
        case IdealBatchNorm():
            columns = zip(layer.mean, layer.factor, layer.gamma, layer.beta, strict=True)
            known = [
                (to_ball(m, bits), to_ball(f * g, bits) if g else arb(0), to_ball(b, bits))
                for m, f, g, b in columns
            ]
            return [[(v - m) * s + b for v, (m, s, b) in zip(x, known, strict=True)] for x in batch]
    rows = _rows_of(layer, len(batch[0]))
    if rows is not None:
        balls = [([(j, to_ball(w, bits)) for j, w in row], to_ball(bias, bits)) for row, bias in rows]
        return [[sum((w * x[j] for j, w in row), bias) for row, bias in balls] for x in batch]
    entries = entries_of(layer, len(batch[0]))
    return [[_bent_ball(entry, x, bits) for entry in entries] for x in batch]


def _bent_ball(entry: Bend | Maximum, x: list[arb], bits: int) -> arb:
    """The image of a ball; where its piece is open, the hull of what it can be."""
    match entry:
        case Bend():
            v = x[entry.source]
            least = sum(bool(v >= to_ball(t, bits)) for t in entry.breakpoints)
            most = sum(not v < to_ball(t, bits) for t in entry.breakpoints)
            images = [
                v * to_ball(entry.slopes[p], bits) + to_ball(entry.intercepts[p], bits)
                for p in range(least, most + 1)
            ]
        case Maximum():
            images = [x[entry.sources[0]]]
            for z in entry.sources[1:]:
                images = [images[0].max(x[z])]
    hull = images[0]
    for image in images[1:]:
        hull = hull.union(image)
    return hull
