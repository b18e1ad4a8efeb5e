"""What margins of many points of one network share: its lines, exact and rounded, and one way to evaluate it exactly.

Main definitions:
    Ground: The network over the domain, ready for any point.
    ground_of: Makes it.
    Scores: The outputs at a point, exactly, with the pattern there.

Conventions:
    Classes are the outputs.  One output is compared with a threshold: then class 1 is above, class 0 below, and the
    form has two outputs, zero and the difference.  The class of a point is that of its largest output.
    Wall numbers: the lower faces of the domain's bounding box, its upper faces, then the domain's other rows.

Not here: the search (`margin_search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, sqrt
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactcpa.domain import Domain
from exactcpa.errors import BadArgument, shown
from exactcpa.exact_lines import ExactLines
from exactcpa.exact_points import common
from exactcpa.float_form import FloatDomain, ScaledForm, float_domain, float_form, rounded
from exactcpa.kernels import state
from exactcpa.network import Network
from exactcpa.norms import Measure, measure
from exactcpa.numbers import exactly
from exactcpa.patterns import Place, places_of
from exactcpa.switch_form import IntegerLayer, SwitchForm, integer_layers, switch_form
from exactcpa.vectors import Vector

CODES = {"2": 0, "1": 1, "inf": 2}
FARTHEST = 900
"""Exponents of two outputs may be so far apart that their difference is one of doubles; farther, all is exact."""
WIDEST = 2.0**15
"""Larger weights are cut off in the kernels: a share of the domain so small that what it adds is taken off again."""
HAIR = Fraction(1, 2**50)
"""Of a root, more than rounding takes."""

Slack = tuple[fmpz, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """The outputs at a point, all over one positive denominator, and the pattern there (ties: the upper piece)."""

    numerators: tuple[fmpz, ...]
    denominator: fmpz
    pattern: int

    @property
    def best(self) -> tuple[int, ...]:
        """The classes with the largest output."""
        most = max(self.numerators)
        return tuple([j for j, score in enumerate(self.numerators) if score == most])


@dataclass(frozen=True, eq=False, slots=True)
class Ground:
    """A network over a domain, ready for the margin of any point.

    Attributes:
        network, domain, measure, threshold: What was asked for.
        form: The switch form; its last layer has a line a class.
        floats, scaled: Domain and form, rounded.
        lines: The exact lines of any cell.
        places: Of the pattern bits.
        parts: The layers in integers.
        groups: The candidates of maxima, for the kernels.
        walls: Slacks of the domain by wall number, in integers.
        norm: The norm's code for the kernels.
        unit: The length that is 1 in the kernels, a power of two: the whole domain is about as long.
        weights: Shape ``(d,)``: the norm's weights in the kernels' coordinates and unit, none above `WIDEST`.
        slack: No length in the kernels is larger than the true one by more, for the weights above `WIDEST`.
        scales: Shape ``(classes,)``: brings the output lines of the kernels to one unit.
    """

    network: Network
    domain: Domain
    measure: Measure
    threshold: Fraction | None
    form: SwitchForm
    floats: FloatDomain
    scaled: ScaledForm
    lines: ExactLines
    places: tuple[Place, ...]
    parts: tuple[IntegerLayer, ...]
    groups: tuple[np.ndarray, np.ndarray, np.ndarray]
    walls: tuple[Slack, ...]
    norm: int
    unit: Fraction
    weights: np.ndarray
    slack: Fraction
    scales: np.ndarray

    @property
    def dimension(self) -> int:
        """Of the domain."""
        return self.form.dimension

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.form.layers[-1].lines

    def exact_value(self, value: float) -> Fraction:
        """The kernels' value of a length, in l2 its square, as one of the measure's; if there is slack, one below."""
        if self.slack:
            root = (
                Fraction(sqrt(max(value, 0.0))) * (1 - HAIR) if self.measure.is_squared else Fraction(value)
            )
            length = max(root - self.slack, Fraction(0)) * self.unit
            return length * length if self.measure.is_squared else length
        return Fraction(value) * (self.unit * self.unit if self.measure.is_squared else self.unit)

    def kernel_value(self, value: Fraction) -> float:
        """The other way round, rounded."""
        return float(value / (self.unit * self.unit if self.measure.is_squared else self.unit))

    def scores(self, point: Sequence[Fraction]) -> Scores:
        """The outputs at a point, exactly, from the layers and not from any cell's map."""
        numerators, denominator = common(point)
        values, below = fmpz_mat(len(numerators), 1, list(numerators)), fmpz(denominator)
        chosen: fmpz_mat | None = None
        pattern = 0
        for number, (part, layer) in enumerate(zip(self.parts, self.form.layers, strict=True)):
            total = part.constant * below
            if part.base is not None:
                total += part.base * values
            if part.gain is not None and chosen is not None:
                total += part.gain * chosen
            values, below = total, below * part.denominator
            if number + 1 < len(self.parts):
                decided, bits = _decide(layer, values.entries())
                pattern |= bits
                chosen = fmpz_mat(len(decided), 1, decided) if decided else None
        return Scores(tuple(values.entries()), below, pattern)

    def output_lines(self, pattern: int) -> tuple[Slack, ...]:
        """The outputs on a cell, in integers over one denominator."""
        return self.lines.at(len(self.form.layers) - 1, pattern).rows


def _decide(layer: Any, values: list[fmpz]) -> tuple[list[fmpz], int]:
    """The value of each decision's chosen line, and the layer's pattern bits."""
    decided, pattern = [], 0
    for k, bit in enumerate(layer.switch_bits):
        is_upper = values[k] >= 0
        decided.append(values[k] if is_upper else fmpz(0))
        pattern |= is_upper << bit
    for group, first in zip(layer.groups, layer.group_bits, strict=True):
        best = max(range(len(group)), key=lambda k: (values[group[k]], k))
        decided.append(values[group[best]])
        pattern |= 1 << (first + best)
    return decided, pattern


def ground_of(
    network: Network,
    domain: Domain,
    *,
    norm: object = "2",
    weights: Sequence[Any] | None = None,
    threshold: object = None,
) -> Ground:
    """Make a network ready for the margins of many points.

    Raises:
        BadArgument: One output without threshold or several with one; no such norm; a weight that is not positive.
    """
    metric = measure(norm, domain.dimension, weights)
    form, level = _with_classes(switch_form(network, domain), threshold)
    floats = float_domain(domain)
    scaled = float_form(form, floats)
    unit = _unit(domain, metric)
    scale = [Fraction(s) for s in floats.box[state.SCALE].tolist()]
    inner = [_double(w * unit / s) for w, s in zip(metric.weights, scale, strict=True)]
    sides = zip(domain.lower, domain.upper, scale, inner, strict=True)
    slack = sum([(high - low) / s for low, high, s, w in sides if w > WIDEST], Fraction(0)) / Fraction(WIDEST)
    exponents = scaled.exponents[-1]
    least = min(exponents)
    is_near = max(exponents) - least < FARTHEST
    scales = [2.0 ** (least - e) if is_near else np.nan for e in exponents]
    places = places_of(form)
    return Ground(
        network,
        domain,
        metric,
        level,
        form,
        floats,
        scaled,
        ExactLines(form),
        places,
        integer_layers(form),
        _group_tables(form),
        _walls(domain),
        CODES[metric.norm],
        unit,
        np.minimum(inner, WIDEST),
        slack,
        np.array(scales),
    )


def _unit(domain: Domain, metric: Measure) -> Fraction:
    """A power of two near the length of the domain's diagonal: squares of lengths are then doubles."""
    size = metric.length([high - low for low, high in zip(domain.lower, domain.upper, strict=True)])
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    return Fraction(2) ** (exponent // 2 if metric.is_squared else exponent)


def _double(q: Fraction) -> float:
    """A nearest double; infinite, which proves nothing, if there is none."""
    try:
        return rounded(q)[0]
    except OverflowError:
        return inf


def _with_classes(form: SwitchForm, threshold: object) -> tuple[SwitchForm, Fraction | None]:
    """A form whose outputs are classes."""
    last = form.layers[-1]
    if last.lines != 1:
        if threshold is not None:
            raise BadArgument(
                f"expected a threshold for one output only, got {shown(threshold)} for {last.lines} outputs"
            )
        return form, None
    level = exactly(0 if threshold is None else threshold)
    zero = Fraction(0)
    both = replace(
        last,
        constant=(zero, last.constant[0] - level),
        base=((zero,) * len(last.base[0]), last.base[0]),
        gain=((zero,) * len(last.gain[0]), last.gain[0]),
    )
    return replace(form, layers=(*form.layers[:-1], both)), level


def _group_tables(form: SwitchForm) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By layer: where each group's candidates begin, their bits and their lines."""
    most = max(len(layer.groups) for layer in form.layers)
    widest = max(1, *(sum(map(len, layer.groups)) for layer in form.layers))
    starts = np.zeros((len(form.layers), most + 1), np.int64)
    bits, lines = (np.zeros((len(form.layers), widest), np.int64) for _ in range(2))
    for number, layer in enumerate(form.layers):
        at = 0
        for g, (group, first) in enumerate(zip(layer.groups, layer.group_bits, strict=True)):
            bits[number, at : at + len(group)] = np.arange(first, first + len(group))
            lines[number, at : at + len(group)] = group
            at += len(group)
            starts[number, g + 1 :] = at
    return starts, bits, lines


def _walls(domain: Domain) -> tuple[Slack, ...]:
    d = domain.dimension
    axes: list[Vector] = [tuple([Fraction(int(i == j)) for j in range(d)]) for i in range(d)]
    slacks = [(*axis, -low) for axis, low in zip(axes, domain.lower, strict=True)]
    slacks += [(*[-a for a in axis], high) for axis, high in zip(axes, domain.upper, strict=True)]
    slacks += [(*[-a for a in normal], offset) for normal, offset in domain.rows]
    return tuple([tuple(map(fmpz, common(slack)[0])) for slack in slacks])
