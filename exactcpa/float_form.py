"""Rounded copies of a switch form, each number with a proved bound on its rounding error.

The kernels work on doubles.  So that nothing overflows and every line is of size about one, each line is
multiplied by a power of two, and the domain's coordinates are written ``t = centre + scale * y`` with powers
of two for `scale`.  Both are exact; what rounding remains is stored as an upper bound beside each number.

Main definitions: `FloatForm`, `FloatDomain`, `float_domain`, `float_form`.

Conventions: a switch line's exponent is the proof's ``scales`` entry.  Bounds are rounded up, never down.
Arrays of layers are padded to one size with zeros.

References: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1 (gamma_n).

Not here: the exact numbers (`switch_form`), how bounds grow through the layers (`kernels.tree`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, ldexp
from typing import NamedTuple

import numpy as np

from exactcpa.dyadic_table import NOTHING, DyadicTable, dyadic_table
from exactcpa.errors import BadDomain, located
from exactcpa.numbers import decimal_text
from exactcpa.surds import Number, Surd, enclosure
from exactcpa.switch_form import SwitchForm, SwitchLayer

TINY = 2.0**-1060
"""Added to every error bound: it covers all underflow, which never exceeds 2**-1074 an operation."""


MODEST = 2.0**-960
"""Doubles between it and its inverse are far from underflow, and so are their grains."""


NOUGHT = (0.0, 0.0, inf)
"""The triple of zero."""

FARTHEST = 1000
"""Exponent of the largest coordinates a domain may have."""


class FloatForm(NamedTuple):
    """A switch form for the kernels, padded to ``n`` lines and ``k`` decisions, of bases to ``m`` columns.

    A triple is a number, its error, and its grain: a power of two of which it is a multiple (infinite for zero).
    A *rest* is what a number with an error lacks, as a sum of two doubles, and the error of all three.

    Attributes:
        sizes: Shape ``(layers, 4)``: lines, switches, groups, and whether any entry of `base` is nonzero.
        constant: Shape ``(layers, n, 3)``.
        base: Shape ``(layers, n, m, 3)``.
        gain: Shape ``(layers, k, n, 3)``: transposed, one contiguous row a decision.
        weights: Shape ``(layers, k, n')``: the gains' numbers alone, with zeros up to a multiple of eight.
        switch_bits: Shape ``(layers, k)``: pattern bit of each switch.
        constant_rest, base_rest, gain_rest: Shaped as the triples; without layers if no number has an error.
    """

    sizes: np.ndarray
    constant: np.ndarray
    base: np.ndarray
    gain: np.ndarray
    weights: np.ndarray
    switch_bits: np.ndarray
    constant_rest: np.ndarray
    base_rest: np.ndarray
    gain_rest: np.ndarray


@dataclass(frozen=True, slots=True)
class FloatDomain:
    """The domain in the kernels' coordinates ``y``.

    Attributes:
        box: Shape ``(6, d)``: lower bounds (rounded down), upper bounds (up), largest absolute values, grid, centre,
            scale.  On the grid ``centre + scale y`` is a double: a positive number asks for multiples of it, a
            negative one that nothing but 0 is smaller in size, 0 allows every ``y``.
        rows: Shape ``(2 d + q, d + 6)``: the box's lower faces, its upper faces, then the domain's other rows, in
            the layout of `kernels.state`.
        start: Shape ``(d,)``: a point of the interior, as nearly as doubles allow.
    """

    box: np.ndarray
    rows: np.ndarray
    start: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Where the coordinates ``y`` are 0: a row of the box."""
        return self.box[4]

    @property
    def scale(self) -> np.ndarray:
        """By what they are multiplied: powers of two."""
        return self.box[5]


@dataclass(frozen=True, slots=True)
class ScaledForm:
    """A `FloatForm` with the exponent each line was scaled by: shape ``(lines,)`` a layer."""

    arrays: FloatForm
    exponents: tuple[tuple[int, ...], ...]


def exponent_above(q: Number) -> int:
    """An ``e`` with ``|q| < 2**e`` and ``2**e <= 4 |q|`` (8 for a real number); for zero a very small one."""
    if isinstance(q, Surd):
        q = max(map(abs, _tight(q)))
    return q.numerator.bit_length() - q.denominator.bit_length() + 1 if q else NOTHING


def _tight(q: Surd, wanted: int = 80) -> tuple[Fraction, Fraction]:
    """Bounds of a real number that agree to so many bits, unless it is too near to zero for that."""
    bits = wanted + 16
    while True:
        low, high = enclosure(q, bits)
        if (high - low) * 2**wanted <= abs(low) or bits > 1000:
            return low, high
        bits *= 2


def scaled(q: Number, exponent: int) -> Number:
    """``q * 2**exponent``, exactly."""
    if isinstance(q, Surd):
        return q * (Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent))
    if exponent >= 0:
        return Fraction(q.numerator << exponent, q.denominator)
    return Fraction(q.numerator, q.denominator << -exponent)


def rounded(q: Number) -> tuple[float, float]:
    """A nearest double and an upper bound of the distance to it (0.0 if there is none)."""
    if isinstance(q, Surd):
        low, high = _tight(q)
        nearest = float((low + high) / 2)
        return nearest, above(max(high - Fraction(nearest), Fraction(nearest) - low))
    nearest = float(q)
    if nearest.as_integer_ratio() == q.as_integer_ratio():
        return nearest, 0.0
    return nearest, above(abs(q - Fraction(nearest)))


def as_parts(n: int, denominator: int, shift: int) -> tuple[list[float], bool]:
    """``n * 2**shift / denominator`` as a sum of three doubles, and whether it is that exactly.

    The sum is off by at most half a unit of the last place of the third, or by ``2**-1074``; numbers that are too large
    give an infinity.
    """
    if shift >= 0:
        n <<= shift
    else:
        denominator <<= -shift
    parts = []
    for _ in range(3):
        if n.bit_length() - denominator.bit_length() > 1000:
            return [inf, 0.0, 0.0], False
        parts.append(n / denominator)
        above, below = parts[-1].as_integer_ratio()
        n, denominator = n * below - above * denominator, denominator * below
    return parts, not n


def rest_of(q: Number, exponent: int, value: float) -> tuple[float, float, float]:
    """What a double lacks to be ``q * 2**exponent``, as a sum of two doubles, and a bound of what is still left."""
    if not isinstance(q, Surd):
        parts, is_all = as_parts(q.numerator, q.denominator, exponent)
        if parts[0] != value:
            return 0.0, 0.0, inf
        return parts[1], parts[2], 0.0 if is_all else abs(parts[2]) * 2.0**-52 + TINY
    low, high = _tight(scaled(q, exponent), 170)
    middle = (low + high) / 2 - Fraction(value)
    first = float(middle)
    second = float(middle - Fraction(first))
    return first, second, above(abs(middle - Fraction(first) - Fraction(second)) + (high - low) / 2)


def above(q: Fraction) -> float:
    """A double at least ``q``."""
    nearest = float(q)
    return nearest if Fraction(nearest) >= q else float(np.nextafter(nearest, np.inf))


def below(q: Fraction) -> float:
    """A double at most ``q``."""
    return -above(-q)


def float_domain(domain: object) -> FloatDomain:
    """The domain in the kernels' coordinates.

    Raises:
        BadDomain: Its points are not of the size of doubles.
    """
    pairs = list(zip(domain.lower, domain.upper, strict=True))
    farthest = max((bound for pair in pairs for bound in pair), key=exponent_above)
    if exponent_above(farthest) > FARTHEST:
        raise BadDomain(
            f"expected a domain with bounds below 2**{FARTHEST} in size, so that points are doubles, "
            f"got about {decimal_text(farthest)}"
        )
    placed = [_place(low, high) for low, high in pairs]
    centre, exponent = [p[0] for p in placed], [p[1] for p in placed]
    d = len(pairs)
    low = [scaled(a - c, -e) for (a, _), c, e in zip(pairs, centre, exponent, strict=True)]
    high = [scaled(b - c, -e) for (_, b), c, e in zip(pairs, centre, exponent, strict=True)]
    unit = [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]
    rows = [[-low[i], *unit[i]] for i in range(d)] + [[high[i], *(-u for u in unit[i])] for i in range(d)]
    for normal, offset in domain.rows:
        shifted = offset - sum(n * c for n, c in zip(normal, centre, strict=True))
        rows.append([shifted, *(-scaled(n, e) for n, e in zip(normal, exponent, strict=True))])
    lower, upper = np.array([below(q) for q in low]), np.array([above(q) for q in high])
    radius = np.maximum(abs(lower), abs(upper))
    start = [scaled(p - c, -e) for p, c, e in zip(domain.interior, centre, exponent, strict=True)]
    grid = np.array([p[2] for p in placed])
    box = [
        lower,
        upper,
        radius,
        grid,
        np.array([float(c) for c in centre]),
        np.array([2.0**e for e in exponent]),
    ]
    return FloatDomain(
        np.array(box),
        np.array([_rounded_row(row, radius) for row in rows]),
        np.array([float(q) for q in start]),
    )


def _rounded_row(row: list[Fraction], radius: np.ndarray) -> list[float]:
    """A row scaled to size one, in the layout of `kernels.state`."""
    exponent = _moderate(-max(exponent_above(q) for q in row[1:]))
    numbers = [_triple(scaled(q, exponent)) if q else NOUGHT for q in row]
    size = abs(numbers[0][0]) + float(np.dot([abs(n[0]) for n in numbers[1:]], radius))
    error, through_origin = _over_box([n[1] for n in numbers], radius), float(not row[0])
    grain = min(n[2] for n in numbers) if (radius >= 0.25).all() else 0.0
    return [*(n[0] for n in numbers), error, size * (1 + 1e-9), through_origin, grain, 2.0**exponent]


def _place(low: Fraction, high: Fraction) -> tuple[Fraction, int, float]:
    """Centre (0 unless the interval is far from 0), exponent of the scale, and grid of one coordinate."""
    middle, radius = (low + high) / 2, (high - low) / 2
    if abs(middle) <= 4 * radius:
        exponent = _moderate(exponent_above(max(abs(low), abs(high))))
        return Fraction(0), exponent, _grid_at_zero(exponent)
    finest = max(exponent_above(max(abs(low), abs(high))) - 53, -1074)
    centre = scaled(Fraction(round(scaled(middle, -finest))), finest)
    exponent = _moderate(exponent_above(max(high - centre, centre - low)))
    return centre, exponent, 2.0 ** min(1000, max(-1000, finest - exponent))


def _grid_at_zero(exponent: int) -> float:
    """The grid of a coordinate ``2**exponent y``, which must not underflow: doubles are multiples of ``2**-1074``."""
    if exponent >= 0:
        return 0.0
    return 2.0 ** (-1074 - exponent) if exponent < -60 else -(2.0 ** (-1020 - exponent))


def _moderate(exponent: int) -> int:
    """An exponent whose power of two is a normal double."""
    return min(1000, max(-1000, exponent))


def _over_box(errors: list[float], radius: np.ndarray) -> float:
    """Bound of an affine function's rounding error over the box from the errors of its coefficients."""
    if not any(errors):
        return 0.0
    return (errors[0] + float(np.dot(errors[1:], radius))) * (1 + 1e-9) + TINY


def float_form(form: SwitchForm, domain: FloatDomain) -> ScaledForm:
    """Round a switch form, in the coordinates of a float domain."""
    n = max(layer.lines for layer in form.layers)
    k = max(1, *(layer.switches + len(layer.groups) for layer in form.layers))
    count, d = len(form.layers), form.dimension
    first = _moved(form.layers[0], domain) if domain.centre.any() else form.layers[0]
    layers = (first, *form.layers[1:])
    tables = []
    for number, layer in enumerate(layers):
        with located(f"a line of activation layer {number}"):
            tables.append([_part(rows) for rows in _parts(layer)])
    width = max([d, *(len(base.rows[0]) for _, base, _ in tables if base is not None)])
    arrays = FloatForm(
        np.zeros((count, 4), np.int64),
        np.zeros((count, n, 3)),
        np.zeros((count, n, width, 3)),
        np.zeros((count, k, n, 3)),
        np.zeros((count, k, (n + 7) // 8 * 8)),
        np.zeros((count, k), np.int64),
        np.zeros((count, n, 3)),
        np.zeros((count, n, width, 3)),
        np.zeros((count, k, n, 3)),
    )
    exponents: list[tuple[int, ...]] = []
    previous = [-e for e in (np.frexp(domain.scale)[1] - 1).tolist()]
    decisions: list[int] = []
    has_errors = False
    for number, (layer, parts) in enumerate(zip(layers, tables, strict=True)):
        with located(f"a line of activation layer {number}"):
            lines = _line_exponents(layer, parts, previous, decisions)
            has_errors |= _fill(arrays, number, layer, parts, lines, previous, decisions)
        decisions = [*lines[: layer.switches], *(lines[group[0]] for group in layer.groups)]
        exponents.append(tuple(lines))
        previous = lines
    arrays.weights[:, :, :n] = arrays.gain[..., 0]
    if (domain.box[2] < 0.25).any():
        # Coordinates so small that their scale had to be cut off: coefficients may exceed four times the size.
        for triples in (arrays.constant, arrays.base, arrays.gain):
            triples[..., 2] = 0.0
    if not has_errors:
        nothing = np.zeros((0, 1, 1, 3))
        arrays = arrays._replace(constant_rest=np.zeros((0, 1, 3)), base_rest=nothing, gain_rest=nothing)
    return ScaledForm(arrays, tuple(exponents))


def _triple(q: Number) -> tuple[float, float, float]:
    """A number rounded, with its error and its grain (none if it is irrational)."""
    value, error = rounded(q)
    if isinstance(q, Surd):
        return value, error, 0.0
    above, below = value.as_integer_ratio()
    return value, error, _grain(above, below, 0) if value else 0.0 if q else inf


def _grain(above: int, below: int, exponent: int) -> float:
    """The largest power of two that divides ``above / below * 2**exponent``; ``below`` is one itself."""
    return ldexp(1.0, (above & -above).bit_length() - below.bit_length() + exponent)


def _scaled_triple(q: Number, exponent: int) -> tuple[float, float, float]:
    """The triple of ``q * 2**exponent``; a double that stays an ordinary one needs no rational arithmetic."""
    if isinstance(q, Surd):
        return _triple(scaled(q, exponent))
    above, below = q.numerator, q.denominator
    if above.bit_length() < 1000 and below.bit_length() < 1000 and abs(exponent) < 900:
        value = ldexp(above / below, exponent)
        if MODEST < abs(value) < 1 / MODEST and (above / below).as_integer_ratio() == (above, below):
            return value, 0.0, _grain(above, below, exponent)
    return _triple(scaled(q, exponent))


def _moved(layer: SwitchLayer, domain: FloatDomain) -> SwitchLayer:
    """The first layer as a function of the distance from the centre."""
    centre = [Fraction(c) for c in domain.centre.tolist()]
    constant = tuple(
        c + sum(b * m for b, m in zip(row, centre, strict=True) if m)
        for c, row in zip(layer.constant, layer.base, strict=True)
    )
    return replace(layer, constant=constant)


class _Part(NamedTuple):
    """Constants, base or gains of a layer that are not all zero, and the same as arrays where that is possible."""

    rows: Sequence[Sequence[Number]]
    table: DyadicTable | None


def _part(rows: Sequence[Sequence[Number]]) -> _Part | None:
    """A part with its table; None if it is one row of zeros for all, as between layers of ReLU."""
    first = rows[0]
    if not first or (all(row is first for row in rows) and not any(first)):
        return None
    return _Part(rows, dyadic_table(rows))


def _parts(layer: SwitchLayer) -> tuple[Sequence[Sequence[Number]], ...]:
    """The layer's three tables, the constants as a column."""
    return [(q,) for q in layer.constant], layer.base, layer.gain


def _line_exponents(
    layer: SwitchLayer, parts: Sequence[_Part | None], previous: list[int], decisions: list[int]
) -> list[int]:
    """For each line an exponent that brings it to size one; previous lines count as of size one.

    A line of exponent ``e`` is about ``2**-e``; so a coefficient ``c`` contributes about ``2**(log c - e)``.
    Lines that compete in a maximum share one exponent, so that their difference is the difference of doubles.
    """
    sizes = np.full(layer.lines, NOTHING)
    for part, scales in zip(parts, ([0], previous, decisions), strict=True):
        if part is not None:
            sizes = np.maximum(sizes, _sizes(part, scales))
    exponents = [-size if size > NOTHING // 2 else 0 for size in sizes.tolist()]
    competing = {z for group in layer.groups for z in group}
    shared = min((exponents[z] for z in competing), default=0)
    return [shared if z in competing else e for z, e in enumerate(exponents)]


def _sizes(part: _Part, scales: list[int]) -> np.ndarray:
    """For each row the largest exponent of its entries less that of their column; below all others for zeros."""
    rows, table = part
    if table is None:
        exponents = np.array([[exponent_above(q) for q in row] for row in rows])
    else:
        exponents = table.exponents
        for i, j in np.argwhere(~table.easy).tolist():
            exponents[i, j] = exponent_above(rows[i][j])
    return (np.where(exponents > NOTHING, exponents, 2 * NOTHING) - np.array(scales)).max(axis=1)


def _fill_part(target: np.ndarray, rests: np.ndarray, part: _Part | None, scales: np.ndarray) -> bool:
    """Write the triples and rests of a part's numbers, each times two to the power of its scale; whether one rounds.

    The target is nothing but zeros, and so are the numbers without a part.
    """
    target[..., 2] = inf
    if part is None:
        return False
    rows, table = part
    done = np.zeros(scales.shape, bool)
    if table is not None:
        with np.errstate(over="ignore", under="ignore"):
            values, grains = np.ldexp(table.values, scales), np.ldexp(table.grains, scales)
        size = abs(values)
        is_zero = table.easy & (table.values == 0.0)
        done = table.easy & (size > MODEST) & (size < 1 / MODEST) & (abs(scales) < 900)
        target[..., 0] = np.where(done, values, 0.0)
        target[..., 2] = np.where(done, grains, inf)
        done |= is_zero
    has_errors = False
    for i, j in np.argwhere(~done).tolist():
        q, exponent = rows[i][j], int(scales[i, j])
        if q:
            target[i, j] = _scaled_triple(q, exponent)
            if target[i, j, 1] > 0.0:
                has_errors = True
                rests[i, j] = rest_of(q, exponent, float(target[i, j, 0]))
    return has_errors


def _fill(
    arrays: FloatForm,
    number: int,
    layer: SwitchLayer,
    parts: Sequence[_Part | None],
    lines: list[int],
    previous: list[int],
    decisions: list[int],
) -> bool:
    """Write one layer's rounded numbers; whether one of them rounds."""
    n, own = layer.lines, np.array(lines)[:, None]
    arrays.switch_bits[number, : layer.switches] = layer.switch_bits
    base = arrays.base[number, :n, : len(previous)]
    chosen = (number, slice(len(decisions)), slice(n))
    gains, gain_rests = (triples[chosen].transpose(1, 0, 2) for triples in (arrays.gain, arrays.gain_rest))
    targets = (
        (arrays.constant[number, :n, None], arrays.constant_rest[number, :n, None], own),
        (base, arrays.base_rest[number, :n, : len(previous)], own - np.array(previous)),
        (gains, gain_rests, own - np.array(decisions)),
    )
    rounds = [
        _fill_part(*places, part, scales) for (*places, scales), part in zip(targets, parts, strict=True)
    ]
    has_base = int((base[..., 2] < inf).any())
    arrays.sizes[number] = (n, layer.switches, len(layer.groups), has_base)
    return any(rounds)
