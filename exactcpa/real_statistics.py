"""Mean and root of every unit on a batch, in real numbers: formal where they can be, symbols elsewhere.

Main definitions:
    real_statistics: Means, roots and inverse roots of one batchnorm's inputs.
    Roots: The radicands and symbols of the layers so far.

Conventions:
    A rational variance gives the root of a rational.  Another gives a symbol, known by balls, whose square is written
    out if it is asked for.  Units whose centred values are multiples of each other share one symbol.

Not here:
    Rational statistics: `statistics`.  How the batch goes through: `ideal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mat

from exactcpa.errors import BadNetwork, Undecided
from exactcpa.layers import ZERO, TrainingBatchNorm
from exactcpa.surds import (
    MOST_BITS,
    PLAIN,
    Monomial,
    Number,
    Surd,
    Symbol,
    as_fmpq,
    as_fraction,
    as_number,
    coprime_base,
    is_formally_zero,
    root_of,
    sign,
    symbol,
    times,
    to_ball,
)

ZERO_FMPQ = fmpq(0)
MOST_MONOMIALS = 40
"""Distinct monomials of a unit's values up to which its variance is written out."""

Balls = Callable[[int], list[list[arb]]]


class Roots:
    """The radicands met so far."""

    def __init__(self) -> None:
        self.integers: set[int] = set()
        self.base: tuple[int, ...] = ()
        self.shared: dict[tuple, Surd] = {}

    def of(self, radicands: Sequence[Fraction]) -> list[tuple[Number, Number]]:
        """Root and inverse root of positive rationals, over one base."""
        self.integers |= {q.numerator * q.denominator for q in radicands}
        self.base = coprime_base(sorted(self.integers))
        return [(root_of(q, self.base), root_of(1 / q, self.base)) for q in radicands]


def real_statistics(
    layer: TrainingBatchNorm, balls: Balls, formal: list[list[Number]] | None, roots: Roots, number: int
) -> tuple[list[Number], list[tuple[Number, Number]]]:
    """Mean, root and inverse root of every coordinate; formal where they can be."""
    width = len(layer.gamma)
    groups = [range(start, start + layer.pixels) for start in range(0, width, layer.pixels)]
    means: list[Number] = []
    squares: list[Fraction | None] = []
    pairs: list[Any] = []
    for channel, group in enumerate(groups):
        values = _channel_balls(balls, group)
        centred = None
        if formal is not None:
            column = [x[j] for x in formal for j in group]
            mean = sum(column[1:], column[0]) * Fraction(1, len(column))
            centred = [v - mean for v in column]
        else:
            mean = symbol(Symbol(f"mean[{number},{channel}]", _mean_ball(values)))
        variance = _rational_variance(centred)
        means += [mean] * len(group)
        squares.append(None if variance is None else variance + layer.epsilon)
        if variance is None:
            pairs.append(_symbols(centred, values, layer.epsilon, roots, f"root[{number},{channel}]"))
        elif not variance + layer.epsilon:
            raise BadNetwork(
                f"coordinate {group[0]} is constant on the batch and epsilon is 0: its scale is infinite"
            )
        else:
            pairs.append(None)
    rational = iter(roots.of([q for q in squares if q is not None]))
    found = [pair if pair is not None else next(rational) for pair in pairs]
    return means, [pair for pair in found for _ in range(layer.pixels)]


def _channel_balls(balls: Balls, group: range) -> Callable[[int], list[arb]]:
    return lambda bits: [x[j] for x in balls(bits) for j in group]


def _mean_ball(values: Callable[[int], list[arb]]) -> Callable[[int], arb]:
    def mean(bits: int) -> arb:
        found = values(bits)
        old, ctx.prec = ctx.prec, bits + 16
        try:
            return sum(found, arb(0)) / len(found)
        finally:
            ctx.prec = old

    return mean


def _rational_variance(centred: list[Number] | None) -> Fraction | None:
    """The biased variance if it is rational and that is seen."""
    if centred is not None and all(sign(c) == 0 for c in centred):
        return ZERO
    variance = _formal_variance(centred, MOST_MONOMIALS)
    if isinstance(variance, Surd):
        plain = as_fraction(variance.terms.get(PLAIN, ZERO_FMPQ))
        return plain if is_formally_zero(variance - plain) else None
    return variance if isinstance(variance, Fraction) else None


def _square_of(
    centred: list[Number] | None, epsilon: Fraction, factor: Fraction
) -> Callable[[], Number | None] | None:
    """The square of a symbol, worked out once if it is asked for."""
    if centred is None:
        return None
    found: list[Number | None] = []

    def square() -> Number | None:
        if not found:
            variance = _formal_variance(centred, 4 * MOST_MONOMIALS)
            found.append(None if variance is None else (variance + epsilon) * (1 / factor**2))
        return found[0]

    return square


def _formal_variance(centred: list[Number] | None, most: int) -> Number | None:
    """The biased variance, its squares summed as a Gram matrix over the monomials; None beyond so many of them."""
    if centred is None:
        return None
    rows = [c.terms if isinstance(c, Surd) else {PLAIN: as_fmpq(c)} for c in centred]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if len(keys) > most:
        return None
    table = fmpq_mat(len(rows), len(keys), [row.get(key, ZERO_FMPQ) for row in rows for key in keys])
    gram = table.transpose() * table
    terms: dict[Monomial, fmpq] = {}
    for i, one in enumerate(keys):
        for j, two in enumerate(keys):
            if gram[i, j]:
                key, factor = times(one, two)
                terms[key] = terms.get(key, ZERO_FMPQ) + gram[i, j] * factor
    return as_number(terms) * Fraction(1, len(centred))


def _symbols(
    centred: list[Number] | None,
    values: Callable[[int], list[arb]],
    epsilon: Fraction,
    roots: Roots,
    name: str,
) -> tuple[Number, Number]:
    """Root and inverse root as powers of a symbol, which units with proportional values share."""
    _require_positive(centred, values, epsilon, name)
    factor, key = Fraction(1), None
    if centred is not None:
        factor, key = _normalised(centred, epsilon)
    if key is None or key not in roots.shared:
        made = Symbol(name, _root_ball(values, epsilon, factor), _square_of(centred, epsilon, factor))
        if key is None:
            return symbol(made), symbol(made, -1)
        roots.shared[key] = made
    known = roots.shared[key]
    return symbol(known) * factor, symbol(known, -1) * (1 / factor)


def _normalised(centred: list[Number], epsilon: Fraction) -> tuple[Fraction, tuple]:
    """A positive factor, and the values divided by plus or minus it: equal for proportional units.

    With an epsilon only the sign may go, for ``sqrt(c^2 v + epsilon)`` is no multiple of ``sqrt(v + epsilon)``.
    """
    lead = next(c for c in centred if sign(c))
    first = as_fraction(min(lead.terms.items(), key=_by_name)[1]) if isinstance(lead, Surd) else lead
    divisor = first if not epsilon else Fraction((first > 0) - (first < 0))
    scaled = [c * (1 / divisor) for c in centred]
    key = tuple(frozenset(c.terms.items()) if isinstance(c, Surd) else c for c in scaled)
    return abs(divisor), (epsilon, key)


def _by_name(item: tuple) -> tuple:
    (n, symbols), _ = item
    return n, [(known.number, power) for known, power in symbols]


def _root_ball(
    values: Callable[[int], list[arb]], epsilon: Fraction, factor: Fraction
) -> Callable[[int], arb]:
    def root(bits: int) -> arb:
        """Known to be positive, so at some precision its ball is."""
        more = bits
        while True:
            found = values(more)
            old, ctx.prec = ctx.prec, more + 16
            try:
                square = _variance_ball(found) + to_ball(epsilon, more)
                if square > 0:
                    return square.sqrt() / to_ball(factor, more)
            finally:
                ctx.prec = old
            more *= 2

    return root


def _variance_ball(found: list[arb]) -> arb:
    mean = sum(found, arb(0)) / len(found)
    return sum(((v - mean) * (v - mean) for v in found), arb(0)) / len(found)


def _require_positive(
    centred: list[Number] | None, values: Callable[[int], list[arb]], epsilon: Fraction, name: str
) -> None:
    if epsilon > 0:
        return
    bits = 64
    while bits <= MOST_BITS:
        old, ctx.prec = ctx.prec, bits + 16
        try:
            if _variance_ball(values(bits)) > 0:
                return
        finally:
            ctx.prec = old
        if centred is not None and all(sign(c) == 0 for c in centred):
            raise BadNetwork("a coordinate is constant on the batch and epsilon is 0: its scale is infinite")
        bits *= 2
    raise Undecided(f"the variance under {name} is not told from zero at {MOST_BITS} bits")
