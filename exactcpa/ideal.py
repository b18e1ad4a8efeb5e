"""The ideal reading: a network whose batch normalisation divides by true square roots.

A batchnorm with statistics keeps them; one without takes those of a batch, which goes through the network in real
arithmetic.  So the root of a first layer is the root of a rational, and deeper ones are nested: those become
symbols, known by enclosures that are computed again, at any precision, by sending the batch through in balls.

Main definitions:
    IdealNetwork: A network, and the batch that fixes its statistics if it has any to fix.

Conventions:
    The batch is run twice side by side: formally (sums of roots and symbols, as long as they stay small), and in
    balls.  Formal values show which roots are rational and which units share one; balls give every number.

Not here:
    The numbers: `surds`.  Their statistics: `real_statistics`.  The deployed reading: `statistics`, `batchnorm`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flint import arb, ctx

from exactcpa.errors import BadArgument, Undecided, located, shown
from exactcpa.ideal_layer import IdealBatchNorm
from exactcpa.layers import ONE, ZERO, Layer, Residual, TrainingBatchNorm, Vector
from exactcpa.network import BatchNorm, Network
from exactcpa.real_layers import apply, apply_balls, through
from exactcpa.real_statistics import Balls, Roots, real_statistics
from exactcpa.statistics import read_batch
from exactcpa.surds import Number, size_of, to_ball
from exactcpa.vectors import coordinates

MOST_TERMS = 40_000
"""Formal values of a batch are given up beyond so many terms; then means are symbols too, and nothing is shared."""


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
        made, _ = _make_layers(self.network.layers, _start(batch), Roots())
        object.__setattr__(self, "layers", made)

    def __reduce__(self) -> tuple[type[IdealNetwork], tuple[object, ...]]:
        return IdealNetwork, (self.network, self.batch)

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
        return tuple(through(self.layers, list(coordinates(x, self.input))))


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
    layers: Sequence[Layer], batch: _Batch, roots: Roots
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
                    mean, pairs = real_statistics(layer, batch.balls, batch.formal, roots, number)
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
            formal = [apply(layer, x) for x in batch.formal]
        except Undecided:
            formal = None
        if formal is not None and sum(size_of(v) for x in formal for v in x) > MOST_TERMS:
            formal = None

    def balls(bits: int) -> list[list[arb]]:
        before = batch.balls(bits)
        old, ctx.prec = ctx.prec, bits + 16
        try:
            return apply_balls(layer, before, bits)
        finally:
            ctx.prec = old

    return _Batch(_remembering(balls), formal, batch.count)


def _cost(layer: Layer | IdealBatchNorm, formal: list[list[Number]]) -> int:
    """About how many term operations a layer takes on formal values."""
    width = layer.width(len(formal[0]))
    return sum(size_of(v) for x in formal for v in x) * (1 if isinstance(layer, IdealBatchNorm) else width)
