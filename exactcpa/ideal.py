"""The ideal reading: a network whose batch normalisation divides by true square roots.

A batchnorm with statistics keeps them; one without takes those of a batch, which goes through the network in real
arithmetic.  So the root of a first layer is the root of a rational, and deeper ones are nested: those become
symbols, known by enclosures that are computed again, at any precision, by sending the batch through in balls.

Main definitions:
    IdealNetwork: A network, and the batch that fixes its statistics if it has any to fix.

Conventions:
    The batch is run twice side by side: formally (sums of roots and symbols, as long as they stay small), and in
    balls.  Formal values show which roots are rational and which units share one; balls give every number.
    Units whose centred values on the batch are multiples of each other share one symbol.

Not here:
    The numbers: `surds`.  The deployed reading: `statistics`, `batchnorm`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mat

from exactcpa.errors import BadArgument, BadNetwork, Undecided, located, shown
from exactcpa.ideal_layer import IdealBatchNorm
from exactcpa.layers import ONE, ZERO, Flatten, Layer, Residual, TrainingBatchNorm, Vector
from exactcpa.network import BatchNorm, Network
from exactcpa.stages import AFFINE, Bend, Maximum, affine_rows, entries_of
from exactcpa.statistics import read_batch
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
from exactcpa.vectors import coordinates

MOST_TERMS = 40_000
"""Formal values of a batch are given up beyond so many terms; then means are symbols too, and nothing is shared."""

ZERO_FMPQ = fmpq(0)
MOST_MONOMIALS = 40
"""Distinct monomials of a unit's values up to which its variance is written out."""

Row = tuple[tuple[tuple[int, Fraction], ...], Fraction]
Balls = Callable[[int], list[list[arb]]]


@dataclass(frozen=True, slots=True)
class IdealNetwork:
    """A network in the ideal reading.

    Attributes:
        network: Its weights; batchnorms with statistics or without.
        batch: Points of shape (n, inputs) that fix the statistics of those without; empty if there are none.
        layers: The layers with every batchnorm replaced by one with real numbers.

    Raises:
        BadArgument: A batchnorm without statistics and no batch, or the reverse.
        BadNetwork: A unit is constant on the batch and epsilon is zero.
        Undecided: A variance is not told from zero.

    Example:
        >>> from exactcpa.network import Linear, ReLU
        >>> net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), ReLU(), Linear([[3]], [0])))
        >>> print(IdealNetwork(net, [[0], [1], [2]]).layers[1].root[0])
        1/3*sqrt(6)
    """

    network: Network
    batch: tuple[Vector, ...] = ()
    layers: tuple[Layer | IdealBatchNorm, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise BadArgument(f"expected a network, got {type(self.network).__name__}: {shown(self.network)}")
        batch = read_batch(self.batch, self.network.input) if len(self.batch) else ()
        if bool(batch) != needs_batch(self.network.layers):
            raise BadArgument(
                "expected a batch, which a batchnorm without statistics needs, got none"
                if not batch
                else "expected no batch, for every batchnorm has its statistics; got one"
            )
        object.__setattr__(self, "batch", batch)
        object.__setattr__(self, "network", Network(self.network.input, _explicit(self.network)))
        made, _ = _make_layers(self.network.layers, _start(batch), _Roots())
        object.__setattr__(self, "layers", made)

    def __str__(self) -> str:
        return f"{self.network}, ideal reading" + (f", batch of {len(self.batch)}" if self.batch else "")

    @property
    def input(self) -> int:
        """Dimension of the input."""
        return self.network.input

    @property
    def output(self) -> int:
        """Dimension of the output."""
        return self.network.output

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of units of every activation layer."""
        return self.network.layer_sizes

    @property
    def units(self) -> int:
        """Number of units."""
        return self.network.units

    def forward(self, x: Sequence[Any]) -> tuple[Number, ...]:
        """The value at a point, in real numbers.

        Raises:
            DimensionMismatch, InexactNumber: No point of the input space.
            Undecided: The sign of a pre-activation is not told from zero.
        """
        return tuple(_through(self.layers, list(coordinates(x, self.input))))


def needs_batch(layers: Iterable[Layer]) -> bool:
    """Whether any batchnorm is without statistics."""
    return any(
        isinstance(layer, TrainingBatchNorm) or (isinstance(layer, Residual) and needs_batch(layer.layers))
        for layer in layers
    )


def _explicit(net: Network) -> tuple[Layer, ...]:
    """The layers with gamma and beta written out."""

    def visit(layers: Sequence[Layer], width: int) -> tuple[Layer, ...]:
        made: list[Layer] = []
        for layer in layers:
            match layer:
                case Residual():
                    made.append(Residual(visit(layer.layers, width)))
                case TrainingBatchNorm():
                    gamma = (ONE,) * width if layer.gamma is None else layer.gamma
                    beta = (ZERO,) * width if layer.beta is None else layer.beta
                    made.append(
                        TrainingBatchNorm(gamma=gamma, beta=beta, epsilon=layer.epsilon, pixels=layer.pixels)
                    )
                case _:
                    made.append(layer)
            width = layer.width(width)
        return tuple(made)

    return visit(net.layers, net.input)


# ---------------------------------------------------------------------------------------------- the batch, twice


@dataclass(frozen=True, slots=True)
class _Batch:
    """The values of all samples between two layers: in balls, and formally unless given up (None) or empty."""

    balls: Balls
    formal: list[list[Number]] | None
    count: int


class _Roots:
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


def _start(batch: tuple[Vector, ...]) -> _Batch:
    formal: list[list[Number]] = [list(x) for x in batch]
    return _Batch(
        _remembering(lambda bits: [[to_ball(v, bits) for v in x] for x in formal]), formal, len(batch)
    )


def _remembering(compute: Balls) -> Balls:
    known: dict[int, list[list[arb]]] = {}

    def balls(bits: int) -> list[list[arb]]:
        if bits not in known:
            known[bits] = compute(bits)
        return known[bits]

    return balls


def _make_layers(
    layers: Sequence[Layer], batch: _Batch, roots: _Roots
) -> tuple[tuple[Layer | IdealBatchNorm, ...], _Batch]:
    made: list[Layer | IdealBatchNorm] = []
    for number, layer in enumerate(layers):
        with located(f"layer {number} ({layer.type})"):
            match layer:
                case Residual():
                    inner, after = _make_layers(layer.layers, batch, roots)
                    new: Any = _real_residual(inner)
                    batch = _sum(batch, after)
                case BatchNorm():
                    pairs = roots.of([v + layer.epsilon for v in layer.variance])
                    new = _ideal(layer, layer.mean, pairs)
                    batch = _after(new, batch)
                case TrainingBatchNorm():
                    mean, pairs = _statistics(layer, batch, roots, number)
                    new = _ideal(layer, mean, pairs)
                    batch = _after(new, batch)
                case _:
                    new = layer
                    batch = _after(layer, batch)
            made.append(new)
    return tuple(made), batch


def _real_residual(layers: tuple) -> Residual:
    """A residual block whose layers may be ideal ones, which the checks of `Residual` do not know."""
    block = object.__new__(Residual)
    object.__setattr__(block, "layers", layers)
    return block


def _ideal(
    layer: BatchNorm | TrainingBatchNorm, mean: Sequence[Number], pairs: Sequence[tuple[Number, Number]]
) -> IdealBatchNorm:
    return IdealBatchNorm(
        tuple(mean),
        tuple(root for root, _ in pairs),
        tuple(inverse for _, inverse in pairs),
        layer.gamma,
        layer.beta,
    )


def _sum(batch: _Batch, after: _Batch) -> _Batch:
    def balls(bits: int) -> list[list[arb]]:
        return [
            [a + b for a, b in zip(x, y, strict=True)]
            for x, y in zip(batch.balls(bits), after.balls(bits), strict=True)
        ]

    formal = None
    if batch.formal is not None and after.formal is not None:
        pairs = zip(batch.formal, after.formal, strict=True)
        formal = [[a + b for a, b in zip(x, y, strict=True)] for x, y in pairs]
    return _Batch(_remembering(balls), formal, batch.count)


def _after(layer: Layer | IdealBatchNorm, batch: _Batch) -> _Batch:
    """The batch after one layer."""
    if not batch.count:
        return batch
    formal = None
    if batch.formal is not None and _cost(layer, batch.formal) <= 10 * MOST_TERMS:
        try:
            formal = [_apply(layer, x) for x in batch.formal]
        except Undecided:
            formal = None
        if formal is not None and sum(_size(v) for x in formal for v in x) > MOST_TERMS:
            formal = None

    def balls(bits: int) -> list[list[arb]]:
        before = batch.balls(bits)
        old, ctx.prec = ctx.prec, bits + 16
        try:
            return _apply_balls(layer, before, bits)
        finally:
            ctx.prec = old

    return _Batch(_remembering(balls), formal, batch.count)


def _size(v: Number) -> int:
    return len(v.terms) if isinstance(v, Surd) else 1


def _cost(layer: Layer | IdealBatchNorm, formal: list[list[Number]]) -> int:
    """About how many term operations a layer takes on formal values."""
    width = layer.width(len(formal[0]))
    return sum(_size(v) for x in formal for v in x) * (1 if isinstance(layer, IdealBatchNorm) else width)


# ------------------------------------------------------------------------------------------- layers on real numbers


def _through(layers: Sequence[Layer | IdealBatchNorm], x: list[Number]) -> list[Number]:
    for layer in layers:
        x = _apply(layer, x)
    return x


def _apply(layer: Layer | IdealBatchNorm, x: list[Number]) -> list[Number]:
    """One layer on formal numbers."""
    match layer:
        case Flatten():
            return x
        case Residual():
            return [a + b for a, b in zip(x, _through(layer.layers, x), strict=True)]
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


def _apply_balls(layer: Layer | IdealBatchNorm, batch: list[list[arb]], bits: int) -> list[list[arb]]:
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


# ---------------------------------------------------------------------------------------------------- statistics


def _statistics(
    layer: TrainingBatchNorm, batch: _Batch, roots: _Roots, number: int
) -> tuple[list[Number], list[tuple[Number, Number]]]:
    """Mean, root and inverse root of every coordinate; formal where they can be."""
    width = len(layer.gamma)
    groups = [range(start, start + layer.pixels) for start in range(0, width, layer.pixels)]
    means: list[Number] = []
    squares: list[Fraction | None] = []
    pairs: list[Any] = []
    for channel, group in enumerate(groups):
        balls = _channel_balls(batch.balls, group)
        centred = None
        if batch.formal is not None:
            values = [x[j] for x in batch.formal for j in group]
            mean = sum(values[1:], values[0]) * Fraction(1, len(values))
            centred = [v - mean for v in values]
        else:
            mean = symbol(Symbol(f"mean[{number},{channel}]", _mean_ball(balls)))
        variance = (
            ZERO
            if centred is not None and all(sign(c) == 0 for c in centred)
            else _rational_variance(centred)
        )
        means += [mean] * len(group)
        squares.append(None if variance is None else variance + layer.epsilon)
        if variance is None:
            pairs.append(_symbols(centred, balls, layer.epsilon, roots, f"root[{number},{channel}]"))
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
    roots: _Roots,
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
