"""Networks with every batchnorm replaced by an affine map with a chosen scale, statistics as they come layer by layer.

Main definitions:
    with_scales: The network, each batchnorm as ``(x - mean) * scale + beta`` with a scale of one's choice.
    true_scale: ``gamma / sqrt(variance + epsilon)`` itself where it is rational, else as deployed.
    centring_only: The scale without sigma: gamma.

Conventions:
    Means and variances are those of the batch on its way through the replaced layers.

Not here:
    The deployed reading: `statistics.freeze`.  The ideal one: `ideal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import isqrt

from exactcpa.batchnorm import deployed_scale
from exactcpa.layers import BatchNorm, Layer, Linear, Residual, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.statistics import Batch, freeze

Scale = Callable[[Fraction, Fraction, Fraction], Fraction]


def with_scales(net: Network, batch: Batch, scale: Scale) -> Network:
    """Replace every batchnorm by an affine map with the statistics of a batch and a chosen scale.

    Args:
        net: The network.
        batch: Shape ``(n, inputs)``.
        scale: Of gamma, variance and epsilon.

    Raises:
        BadNetwork: Statistics that do not exist.

    Example:
        >>> net = Network(1, (TrainingBatchNorm(epsilon=0),))
        >>> with_scales(net, ((Fraction(-5),), (Fraction(5),)), true_scale).forward([1])
        (Fraction(1, 5),)
    """
    layers, _ = _replaced(net.layers, batch, scale)
    return Network(net.input, layers)


def true_scale(gamma: Fraction, variance: Fraction, epsilon: Fraction) -> Fraction:
    """The scale itself where it is rational; else the float64 nearest to it.

    Example:
        >>> true_scale(Fraction(3), Fraction(25), Fraction(0))
        Fraction(3, 5)
    """
    total = variance + epsilon
    above, below = isqrt(total.numerator), isqrt(total.denominator)
    if above * above == total.numerator and below * below == total.denominator:
        return gamma * below / above
    return deployed_scale(gamma, variance, epsilon)


def centring_only(gamma: Fraction, variance: Fraction, epsilon: Fraction) -> Fraction:
    """The scale without sigma."""
    return gamma


def _replaced(layers: Sequence[Layer], batch: Batch, scale: Scale) -> tuple[tuple[Layer, ...], Batch]:
    """The layers, and the batch after them."""
    made: list[Layer] = []
    for layer in layers:
        match layer:
            case Residual():
                inner, after = _replaced(layer.layers, batch, scale)
                made.append(Residual(inner))
                batch = tuple(
                    tuple(a + b for a, b in zip(x, y, strict=True)) for x, y in zip(batch, after, strict=True)
                )
                continue
            case BatchNorm() | TrainingBatchNorm():
                layer = _affine(freeze(Network(len(batch[0]), (layer,)), batch).layers[0], scale)
        made.append(layer)
        batch = tuple(layer.forward(x) for x in batch)
    return tuple(made), batch


def _affine(frozen: Layer, scale: Scale) -> Linear:
    """A batchnorm with statistics as a diagonal linear layer."""
    assert isinstance(frozen, BatchNorm)  # what `freeze` makes of one
    scales = [scale(g, v, frozen.epsilon) for g, v in zip(frozen.gamma, frozen.variance, strict=True)]
    weight = [[s if i == j else 0 for j in range(len(scales))] for i, s in enumerate(scales)]
    bias = [b - s * m for s, m, b in zip(scales, frozen.mean, frozen.beta, strict=True)]
    return Linear(weight, bias)
