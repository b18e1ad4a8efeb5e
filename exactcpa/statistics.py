"""Batch statistics, exact, layer by layer; networks with the statistics of a batch frozen into them.

As a function of its own batch a batch-normalised network is not piecewise affine.  Once the statistics of one
stated batch are frozen it is: then it is an ordinary network, and this module makes it.

Main definitions:
    batch_statistics: Mean and variance of every batchnorm's inputs when a batch goes through the network.
    freeze: The network with the statistics of one batch: modes *train* (a mini-batch) and *full* (all data).
    freeze_running: The network with running statistics, as PyTorch updates them batch by batch: mode *eval*.

Conventions:
    Deployed reading: every scale on the way is the correctly rounded one, so all numbers are rational.
    The variance is biased (divided by the number of values) unless its name says otherwise.
    A batchnorm that has statistics already is treated as one without: the batch decides.

References:
    Ioffe and Szegedy, Batch normalization (2015), algorithms 1 and 2.
    PyTorch documentation, torch.nn.BatchNorm1d: momentum, unbiased running variance, momentum=None.

Not here:
    The ideal reading, with true square roots: `ideal`.  The rounded scale: `batchnorm`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from exactcpa.errors import BadArgument, BadNetwork, located, shown
from exactcpa.network import BatchNorm, Conv2d, Layer, Network, Residual, TrainingBatchNorm, Vector, Windows
from exactcpa.numbers import exactly
from exactcpa.vectors import coordinates

Batch = tuple[Vector, ...]
Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """The statistics of one batchnorm's inputs.

    Attributes:
        layer: Number of the layer in the network; inside residual blocks the block's number first.
        count: How many values each mean is taken over.
        mean: One a coordinate.
        variance: Biased, one a coordinate.
    """

    layer: Place
    count: int
    mean: Vector
    variance: Vector

    @property
    def unbiased(self) -> Vector:
        """The unbiased variance, ``count / (count - 1)`` times the biased one.

        Raises:
            BadArgument: There is one value only.
        """
        if self.count < 2:
            raise BadArgument("expected at least 2 values for an unbiased variance, got 1")
        factor = Fraction(self.count, self.count - 1)
        return tuple(factor * v for v in self.variance)


def batch_statistics(net: Network, batch: Iterable[Sequence[Any]]) -> tuple[BatchStatistics, ...]:
    """Compute the statistics of every batchnorm layer when a batch goes through in training mode.

    Args:
        net: A network with batchnorm layers, with or without statistics.
        batch: Points of shape (n, inputs), n at least 1.

    Returns:
        One entry a batchnorm layer, in the order of the layers.

    Raises:
        BadArgument: An empty batch.
        BadNetwork: A unit is constant on the batch and epsilon is zero: its scale would be infinite.
        DimensionMismatch: A point of another dimension.
        InexactNumber: A coordinate that is no number.
    """
    found: list[BatchStatistics] = []
    _freeze_layers(net.layers, read_batch(batch, net.input), (), _keep_in(found))
    return tuple(found)


def freeze(net: Network, batch: Iterable[Sequence[Any]]) -> Network:
    """Freeze the statistics of one batch into a network: every batchnorm gets its mean and biased variance.

    Args and Raises as `batch_statistics`.

    Example:
        >>> from exactcpa.network import Linear, ReLU
        >>> net = Network(1, (Linear([[2]], [5]), TrainingBatchNorm(epsilon=0), ReLU()))
        >>> frozen = freeze(net, [[0], [1], [2]])
        >>> frozen.layers[1].mean, frozen.layers[1].variance
        ((Fraction(7, 1),), (Fraction(8, 3),))
    """
    frozen, _ = _freeze_layers(net.layers, read_batch(batch, net.input), (), _of_batch)
    return Network(net.input, frozen)


def freeze_running(
    net: Network,
    batches: Iterable[Iterable[Sequence[Any]]],
    *,
    momentum: Any = 0.1,
) -> Network:
    """Run PyTorch's update of running statistics over batches, exactly, and freeze the result.

    Each batch goes through in training mode (normalised by its own statistics); then ``running = (1 - m) running +
    m batch`` with the batch's mean and *unbiased* variance.  A batchnorm without statistics starts from mean 0,
    variance 1.

    Args:
        net: The network.
        batches: Each of shape (n, inputs), n at least 2.
        momentum: ``m``, exactly as given (0.1 is the double); None: the plain average, ``m = 1 / batches so far``.

    Raises:
        BadArgument: A batch of one point, or momentum outside [0, 1].
        BadNetwork, DimensionMismatch, InexactNumber: as `batch_statistics`.
    """
    rate = None if momentum is None else exactly(momentum)
    if rate is not None and not 0 <= rate <= 1:
        raise BadArgument(f"expected momentum between 0 and 1, or None, got {shown(momentum)}")
    running = _initial(net)
    for number, batch in enumerate(batches):
        share = Fraction(1, number + 1) if rate is None else rate
        with located(f"batch {number}"):
            for new in batch_statistics(net, batch):
                mean, variance = running[new.layer]
                running[new.layer] = (_mixed(mean, new.mean, share), _mixed(variance, new.unbiased, share))
    return Network(net.input, _with_running(net.layers, running, ()))


def read_batch(batch: Iterable[Sequence[Any]], dimension: int) -> Batch:
    """Read the points of a batch.

    Raises:
        BadArgument: There is none.
        DimensionMismatch, InexactNumber: One is no point; names it.
    """
    points: list[Vector] = []
    for number, point in enumerate(batch):
        with located(f"point {number} of the batch"):
            points.append(coordinates(point, dimension))
    if not points:
        raise BadArgument("expected at least one point in the batch, got none")
    return tuple(points)


def mean_and_variance(values: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    """Mean and biased variance, in integers over one denominator.

    Example:
        >>> mean_and_variance([Fraction(1), Fraction(2), Fraction(3)])
        (Fraction(2, 1), Fraction(2, 3))
    """
    common, n = lcm(*(v.denominator for v in values)), len(values)
    integers = [v.numerator * (common // v.denominator) for v in values]
    total, squares = sum(integers), sum(v * v for v in integers)
    return Fraction(total, n * common), Fraction(n * squares - total * total, (n * common) ** 2)


# Given a batchnorm layer, its place and its statistics, the layer that goes on in its stead.
_Maker = Callable[[BatchNorm | TrainingBatchNorm, BatchStatistics], BatchNorm]


def _of_batch(layer: BatchNorm | TrainingBatchNorm, found: BatchStatistics) -> BatchNorm:
    return BatchNorm(
        mean=found.mean, variance=found.variance, gamma=layer.gamma, beta=layer.beta, epsilon=layer.epsilon
    )


def _keep_in(found: list[BatchStatistics]) -> _Maker:
    def keep(layer: BatchNorm | TrainingBatchNorm, new: BatchStatistics) -> BatchNorm:
        found.append(new)
        return _of_batch(layer, new)

    return keep


def _freeze_layers(
    layers: Sequence[Layer], batch: Batch, place: Place, make: _Maker
) -> tuple[tuple[Layer, ...], Batch]:
    """The layers with statistics, and the batch after them."""
    frozen: list[Layer] = []
    has_images = False
    for number, layer in enumerate(layers):
        here = (*place, number)
        with located(f"layer {number} ({layer.type})"):
            match layer:
                case Residual():
                    inner, after = _freeze_layers(layer.layers, batch, here, make)
                    frozen.append(Residual(inner))
                    batch = tuple(
                        tuple(a + b for a, b in zip(x, y, strict=True))
                        for x, y in zip(batch, after, strict=True)
                    )
                    continue
                case BatchNorm() if has_images:
                    raise BadNetwork(
                        "statistics of images are shared by the pixels of a channel: expected a batchnorm without "
                        "statistics, with field pixels"
                    )
                case BatchNorm() | TrainingBatchNorm():
                    layer = make(layer, _statistics(layer, batch, here))
                case _:
                    has_images = has_images or _makes_images(layer)
            frozen.append(layer)
            batch = tuple(layer.forward(x) for x in batch)
    return tuple(frozen), batch


def _makes_images(layer: Layer) -> bool:
    return isinstance(layer, Conv2d) or isinstance(getattr(layer, "grouping", None), Windows)


def _statistics(layer: BatchNorm | TrainingBatchNorm, batch: Batch, place: Place) -> BatchStatistics:
    pixels = layer.pixels if isinstance(layer, TrainingBatchNorm) else 1
    mean: list[Fraction] = []
    variance: list[Fraction] = []
    for start in range(0, len(batch[0]), pixels):
        m, v = mean_and_variance([x for point in batch for x in point[start : start + pixels]])
        if not v + layer.epsilon:
            raise BadNetwork(
                f"coordinate {start} is constant on the batch and epsilon is 0: its scale is infinite"
            )
        mean += [m] * pixels
        variance += [v] * pixels
    return BatchStatistics(place, len(batch) * pixels, tuple(mean), tuple(variance))


def _initial(net: Network) -> dict[Place, tuple[Vector, Vector]]:
    """The running statistics before the first batch, by layer."""
    running: dict[Place, tuple[Vector, Vector]] = {}

    def visit(layers: Sequence[Layer], width: int, place: Place) -> None:
        for number, layer in enumerate(layers):
            match layer:
                case Residual():
                    visit(layer.layers, width, (*place, number))
                case BatchNorm():
                    running[*place, number] = (layer.mean, layer.variance)
                case TrainingBatchNorm():
                    running[*place, number] = ((Fraction(0),) * width, (Fraction(1),) * width)
            width = layer.width(width)

    visit(net.layers, net.input, ())
    return running


def _mixed(old: Vector, new: Vector, share: Fraction) -> Vector:
    return tuple((1 - share) * a + share * b for a, b in zip(old, new, strict=True))


def _with_running(
    layers: Sequence[Layer], running: dict[Place, tuple[Vector, Vector]], place: Place
) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for number, layer in enumerate(layers):
        match layer:
            case Residual():
                layer = Residual(_with_running(layer.layers, running, (*place, number)))
            case BatchNorm() | TrainingBatchNorm():
                mean, variance = running[*place, number]
                layer = BatchNorm(
                    mean=mean, variance=variance, gamma=layer.gamma, beta=layer.beta, epsilon=layer.epsilon
                )
        made.append(layer)
    return tuple(made)
