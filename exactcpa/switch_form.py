"""Switch form: a network as layers of affine lines and the decisions that join them.

Every continuous coordinatewise piecewise-affine activation is a linear part plus hinge terms,
``a(z) = slope_0 z + intercept_0 + sum_i dslope_i max(0, z - t_i)``.  Rewriting all stages this way
leaves the engine one kind of question, "which sign has this affine function on this cell?", whatever
the activation was.  Only a maximum of three or more lines stays a question of its own (a *group*).

Main definitions: `SwitchLayer`, `SwitchForm`, `switch_form`.

Conventions: on one cell the lines of a layer are affine functions of the domain's coordinates ``t``
(for a slice, of its own coordinates).  The first `switches` lines are the switch functions, in the order
of the units and, within a unit, of its breakpoints; upper means function >= 0.  The lines after them
are carried along because a later layer needs them.  Layer ``l + 1`` follows from layer ``l`` by::

    lines' = constant + base @ lines + sum over decisions k of gain[:, k] * lines[chosen line of k]

where a switch's chosen line is itself when upper and nothing when lower, and a group's is the winner.

References: the hinge expansion is folklore; see Breiman, "Hinging hyperplanes for regression,
classification, and function approximation" (1993).

Not here: rounded copies of the numbers (`float_form`), who decides the signs (`tree`, `settle`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from flint import fmpz_mat

from exactcpa.stages import Bend, Maximum, Stage, stages

Row = tuple[Fraction, ...]

ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class UnitBits:
    """Where one unit's decision stands in a pattern.

    Attributes:
        layer: Number of the unit's activation layer.
        index: Number of the unit in its layer.
        first: First of its bits in the pattern, counted over the whole network.
        width: Number of bits: breakpoints of a bend, 1 for a maximum of two, else one a candidate.
        group: Number of its group in the layer, or -1 if its bits are switches.
    """

    layer: int
    index: int
    first: int
    width: int
    group: int


@dataclass(frozen=True, slots=True)
class SwitchLayer:
    """One layer of lines; see the module's conventions.

    Attributes:
        constant: Shape ``(n,)``.
        base: Shape ``(n, n_previous)``; for the first layer ``n_previous`` is the domain's dimension.
        gain: Shape ``(n, decisions_previous)``: switches, then groups, of the previous layer.
        switches: How many of the lines, from the first on, are switch functions.
        groups: For each group the lines that compete.
        first_bit: Pattern bit of the layer's first decision.
        switch_bits: Pattern bit of each switch.
        group_bits: Pattern bit of the first candidate of each group.
    """

    constant: Row
    base: tuple[Row, ...]
    gain: tuple[Row, ...]
    switches: int
    groups: tuple[tuple[int, ...], ...]
    switch_bits: tuple[int, ...]
    group_bits: tuple[int, ...]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.constant)


@dataclass(frozen=True, slots=True)
class SwitchForm:
    """A network over a domain in switch form; the last layer is the output and has no decisions.

    Attributes:
        dimension: Number of coordinates of the searched space.
        layers: One per activation layer, then the output.
        units: All units in order.
        bits: Length of a pattern in bits.
    """

    dimension: int
    layers: tuple[SwitchLayer, ...]
    units: tuple[UnitBits, ...]
    bits: int

    @property
    def words(self) -> int:
        """Number of 64-bit words that hold a pattern."""
        return max(1, -(-self.bits // 64))


class _Term(NamedTuple):
    """Post-activation coordinate as ``shift + slope * line + sum of gains * decision``."""

    shift: Fraction
    slope: Fraction
    line: int
    gains: tuple[tuple[int, Fraction], ...]


def switch_form(network: object, domain: object) -> SwitchForm:
    """Rewrite a network over a domain in switch form.

    Args:
        network: Anything `exactcpa.stages.stages` takes.
        domain: A domain whose ambient dimension is the network's input.

    Returns:
        The switch form in the domain's own coordinates.
    """
    layers: list[SwitchLayer] = []
    units: list[UnitBits] = []
    terms = _input_terms(domain)
    decisions, width, bits = 0, domain.dimension, 0
    for number, stage in enumerate(stages(network)):
        layer, next_terms, new_units = _rewrite(stage, terms, width, decisions, number, bits)
        layers.append(layer)
        units.extend(new_units)
        bits += sum(unit.width for unit in new_units)
        terms, width, decisions = next_terms, layer.lines, layer.switches + len(layer.groups)
    return SwitchForm(domain.dimension, tuple(layers), tuple(units), bits)


def _input_terms(domain: object) -> list[list[_Term]]:
    """Each network input as a sum of terms in the domain's coordinates ``t``."""
    zero = domain.embed((Fraction(0),) * domain.dimension)
    columns = []
    for j in range(domain.dimension):
        unit = tuple(Fraction(int(i == j)) for i in range(domain.dimension))
        columns.append([a - b for a, b in zip(domain.embed(unit), zero, strict=True)])
    inputs = []
    for i, shift in enumerate(zero):
        terms = [_Term(shift, Fraction(0), 0, ())]
        terms += [_Term(Fraction(0), column[i], j, ()) for j, column in enumerate(columns) if column[i]]
        inputs.append(terms)
    return inputs


def _rewrite(
    stage: Stage, inputs: list[list[_Term]], width: int, decisions: int, number: int, first_bit: int
) -> tuple[SwitchLayer, list[list[_Term]], list[UnitBits]]:
    """One stage: choose its lines, express them by the previous ones, and its outputs by its lines."""
    wanted, terms, units, groups, group_bits = _choose_lines(stage, number, first_bit)
    needed = {z for combination, _ in wanted for z, _ in combination}
    if _are_decisions(inputs, decisions):
        nothing = (ZERO,) * width
        composed = {z: (stage.bias[z], nothing, stage.weight[z]) for z in needed}
    elif not decisions and _are_lines(inputs, width):
        composed = {z: (stage.bias[z], stage.weight[z], ()) for z in needed}
    else:
        composed = {z: _compose(stage, z, inputs, width, decisions) for z in needed}
    constant, base, gain = [], [], []
    for combination, shift in wanted:
        parts = [(c, composed[z]) for z, c in combination]
        constant.append(_constant(shift, [(c, part[0]) for c, part in parts]))
        base.append(_combine([(c, part[1]) for c, part in parts]))
        gain.append(_combine([(c, part[2]) for c, part in parts]))
    switch_bits = [
        bit for unit in units if unit.group < 0 for bit in range(unit.first, unit.first + unit.width)
    ]
    layer = SwitchLayer(
        tuple(constant),
        tuple(base),
        tuple(gain),
        len(switch_bits),
        tuple(groups),
        tuple(switch_bits),
        tuple(group_bits),
    )
    return layer, terms, units


def _constant(shift: Fraction, parts: list[tuple[Fraction, Fraction]]) -> Fraction:
    """The shift and the sum of coefficient times constant; the usual single constant costs nothing."""
    if len(parts) == 1 and (parts[0][0] is ONE or parts[0][0] == 1):
        return parts[0][1] + shift if shift else parts[0][1]
    return shift + sum(c * a for c, a in parts)


def _combine(parts: list[tuple[Fraction, list[Fraction]]]) -> Row:
    """Sum of coefficient times vector; the usual single vector with coefficient one costs nothing."""
    if len(parts) == 1 and (parts[0][0] is ONE or parts[0][0] == 1):
        return tuple(parts[0][1])
    return tuple(sum(c * v[j] for c, v in parts) for j in range(len(parts[0][1])))


def _are_decisions(inputs: list[list[_Term]], decisions: int) -> bool:
    """Whether the inputs of a stage are the decisions before it, in order: after a layer of ReLU."""
    return len(inputs) == decisions and all(
        len(terms) == 1
        and not terms[0].shift
        and not terms[0].slope
        and len(terms[0].gains) == 1
        and terms[0].gains[0][0] == k
        and (terms[0].gains[0][1] is ONE or terms[0].gains[0][1] == 1)
        for k, terms in enumerate(inputs)
    )


def _are_lines(inputs: list[list[_Term]], width: int) -> bool:
    """Whether the inputs of a stage are the lines before it, in order: the coordinates of a box."""
    return len(inputs) == width and all(
        not (shift.shift or shift.slope or shift.gains) and rest == [_Term(ZERO, ONE, k, ())]
        for k, (shift, *rest) in enumerate(inputs)
    )


def _compose(
    stage: Stage, z: int, inputs: list[list[_Term]], width: int, decisions: int
) -> tuple[Fraction, list[Fraction], list[Fraction]]:
    """Line ``z`` of a stage by the previous layer's lines: constant, base row, gain row."""
    constant, base, gain = stage.bias[z], [Fraction(0)] * width, [Fraction(0)] * decisions
    for weight, terms in zip(stage.weight[z], inputs, strict=True):
        if not weight:
            continue
        for term in terms:
            if term.shift:
                constant += weight * term.shift
            if term.slope:
                base[term.line] += weight * term.slope
            for k, g in term.gains:
                gain[k] = gain[k] + weight * g if gain[k] or g != 1 else weight
    return constant, base, gain


def _choose_lines(stage: Stage, number: int, first_bit: int) -> tuple[list, list, list, list, list]:
    """The lines a stage needs: ``([(z, coefficient), ...], shift)`` each, switches first.

    Returns also the terms of each post-activation coordinate, the units, and the groups with their bits.
    """
    switches, carried, carried_at = [], [], {}
    total = sum(len(u.breakpoints) if isinstance(u, Bend) else int(len(u.sources) == 2) for u in stage.units)

    def carry(z: int) -> int:
        if z not in carried_at:
            carried_at[z] = total + len(carried)
            carried.append(([(z, ONE)], ZERO))
        return carried_at[z]

    terms, units, groups, group_bits, bit = [], [], [], [], first_bit
    for unit in stage.units:
        match unit:
            case Bend(breakpoints=()):
                terms.append([_Term(unit.intercepts[0], unit.slopes[0], carry(unit.source), ())])
                continue
            case Bend():
                terms.append([_bend_term(unit, len(switches))])
                switches += [([(unit.source, ONE)], -t if t else ZERO) for t in unit.breakpoints]
                width, group = len(unit.breakpoints), -1
            case Maximum(sources=(a, b)):
                terms.append([_Term(Fraction(0), Fraction(1), carry(a), ((len(switches), Fraction(1)),))])
                switches.append(([(b, Fraction(1)), (a, Fraction(-1))], Fraction(0)))
                width, group = 1, -1
            case Maximum():
                terms.append([_Term(Fraction(0), Fraction(0), 0, ((total + len(groups), Fraction(1)),))])
                width, group = len(unit.sources), len(groups)
                groups.append(tuple(carry(z) for z in unit.sources))
                group_bits.append(bit)
        units.append(UnitBits(number, len(units), bit, width, group))
        bit += width
    return switches + carried, terms, units, groups, group_bits


def _bend_term(unit: Bend, first_switch: int) -> _Term:
    """A bend by its first switch function ``s = z - t_0``: ``slope_0 (s + t_0) + intercept_0 + hinges``."""
    t0, slope = unit.breakpoints[0], unit.slopes[0]
    jumps = [b - a if a else b for a, b in pairwise(unit.slopes)]
    gains = tuple([(first_switch + i, jump) for i, jump in enumerate(jumps) if jump])
    shift = unit.intercepts[0] + slope * t0 if t0 else unit.intercepts[0]
    return _Term(shift, slope, first_switch, gains)


@dataclass(frozen=True, slots=True)
class IntegerLayer:
    """A layer over one common denominator: ``(constant, base, gain) / denominator``, as flint matrices."""

    constant: fmpz_mat
    base: fmpz_mat | None
    gain: fmpz_mat | None
    denominator: int


def integer_layers(form: SwitchForm) -> tuple[IntegerLayer, ...]:
    """The layers as integer matrices; a part that is zero everywhere is ``None``."""
    return tuple(_integer_layer(layer) for layer in form.layers)


def _integer_layer(layer: SwitchLayer) -> IntegerLayer:
    rows = [(c, *b, *g) for c, b, g in zip(layer.constant, layer.base, layer.gain, strict=True)]
    denominator = lcm(1, *{q.denominator for row in rows for q in row})
    width = len(layer.base[0]) if layer.base else 0

    def integers(part: list[Row]) -> fmpz_mat | None:
        entries = [[q.numerator * (denominator // q.denominator) for q in row] for row in part]
        return fmpz_mat(entries) if any(any(row) for row in entries) else None

    return IntegerLayer(
        fmpz_mat([[c.numerator * (denominator // c.denominator)] for c in layer.constant]),
        integers([row[1 : 1 + width] for row in rows]),
        integers([row[1 + width :] for row in rows]),
        denominator,
    )
