"""What a placement report compares: a network with batchnorm, and the same weights without.

Main definitions:
    Variant: A network, its name, and the biases that were put in.
    variants: The normalised network and the ones to compare it with.
    normalised_layers: Where the affine layers are that a batchnorm follows, and the batchnorms.
    normalised_stages: Which activation layers a batchnorm comes before.
    without_batchnorm: The same weights, batchnorm gone (scale 1, no shift), the normalised layers' biases replaced.
    random_biases: Seeded rational biases.

Conventions:
    A layer's place is its number; inside residual blocks the block's number first.  A layer is *normalised* if it is
    linear or a convolution and the next layer is a batchnorm.  Layers without batchnorm keep their biases in all
    variants.  Random biases are multiples of 1/64 between -1 and 1, drawn layer by layer from `random.Random(seed)`.

Not here: statistics (`statistics`), what is measured (`placement`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from exactcpa.errors import BadArgument, located, shown
from exactcpa.ideal import IdealNetwork
from exactcpa.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    Network,
    Residual,
    TrainingBatchNorm,
    Vector,
)
from exactcpa.vectors import coordinates

Place = tuple[int, ...]
WITH, ZERO_BIAS, RANDOM_BIAS = "batchnorm", "zero-bias", "random-bias"
COMPARISONS = (ZERO_BIAS, RANDOM_BIAS)
GRAINS = 64


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the networks compared.

    Attributes:
        name: ``batchnorm``, ``zero-bias`` or ``random-bias``.
        network: An ordinary network, or one in the ideal reading.
        biases: Place of a normalised layer -> the bias put there; empty for the network with batchnorm.
    """

    name: str
    network: Network | IdealNetwork
    biases: Mapping[Place, Vector]


def variants(
    net: Network,
    frozen: Network | IdealNetwork,
    compare: Sequence[str],
    *,
    seed: int,
    biases: Mapping[Place | int, Sequence[Any]] | None = None,
) -> tuple[Variant, ...]:
    """The network with its frozen statistics, then what it is compared with.

    Args:
        net: The network as given, for its weights.
        frozen: The same with statistics.
        compare: Names from `COMPARISONS`.
        seed: Of the random biases.
        biases: Place of a normalised layer -> its bias in ``random-bias``, instead of drawn ones.

    Raises:
        BadArgument: An unknown or repeated name, nothing to remove, biases for a layer that is not normalised.
        DimensionMismatch, InexactNumber: A bias that does not fit; names the layer.
    """
    for name in compare:
        if name not in COMPARISONS:
            raise BadArgument(f"expected comparisons among {', '.join(COMPARISONS)}, got {shown(name)}")
    if len(set(compare)) < len(compare):
        raise BadArgument(f"expected each comparison once, got {', '.join(compare)}")
    if compare and not any(
        isinstance(layer, BatchNorm | TrainingBatchNorm) for _, layer in all_layers(net.layers)
    ):
        raise BadArgument(
            "the network has no batchnorm, so there is nothing to compare it with: pass compare=()"
        )
    widths = normalised_layers(net)
    drawn = _given(biases, widths) if biases is not None else random_biases(net, seed)
    chosen = {
        ZERO_BIAS: {place: (Fraction(0),) * width for place, width in widths.items()},
        RANDOM_BIAS: drawn,
    }
    others = [Variant(name, without_batchnorm(net, chosen[name]), chosen[name]) for name in compare]
    return (Variant(WITH, frozen, {}), *others)


def normalised_layers(net: Network) -> dict[Place, int]:
    """Place and number of biases of every linear or convolution layer that a batchnorm follows."""
    found = {}
    for (place, layer), (after, following) in pairwise(all_layers(net.layers)):
        is_next = len(place) == len(after) and isinstance(following, BatchNorm | TrainingBatchNorm)
        if is_next and isinstance(layer, Linear | Conv2d):
            found[place] = len(layer.bias)
    return found


def normalised_stages(net: Network) -> tuple[bool, ...]:
    """Whether a batchnorm stands between each activation layer and the one before it."""
    found, is_normalised = [], False
    for _, layer in all_layers(net.layers):
        match layer:
            case BatchNorm() | TrainingBatchNorm():
                is_normalised = True
            case Linear() | Conv2d() | AvgPool2d() | Flatten() | Residual():
                pass
            case _:
                found.append(is_normalised)
                is_normalised = False
    return tuple(found)


def random_biases(net: Network, seed: int) -> dict[Place, Vector]:
    """Seeded biases, multiples of 1/64 between -1 and 1, for every normalised layer."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise BadArgument(f"expected the seed to be an integer, got {shown(seed)}")
    source = random.Random(seed)
    return {
        place: tuple([Fraction(source.randint(-GRAINS, GRAINS), GRAINS) for _ in range(width)])
        for place, width in normalised_layers(net).items()
    }


def without_batchnorm(net: Network, biases: Mapping[Place, Vector]) -> Network:
    """The same weights without batchnorm, with other biases where a batchnorm followed."""
    return Network(net.input, _stripped(net.layers, biases, ()))


def _stripped(layers: Sequence[Layer], biases: Mapping[Place, Vector], above: Place) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for number, layer in enumerate(layers):
        place = (*above, number)
        match layer:
            case BatchNorm() | TrainingBatchNorm():
                continue
            case Residual():
                made.append(Residual(_stripped(layer.layers, biases, place) or (Flatten(),)))
            case Linear() if place in biases:
                made.append(Linear(layer.weight, biases[place]))
            case Conv2d() if place in biases:
                made.append(replace(layer, bias=biases[place]))
            case _:
                made.append(layer)
    return tuple(made) or (Flatten(),)


def all_layers(layers: Sequence[Layer], above: Place = ()) -> list[tuple[Place, Layer]]:
    """All layers with their places, those of a residual block right after it."""
    found: list[tuple[Place, Layer]] = []
    for number, layer in enumerate(layers):
        place = (*above, number)
        found.append((place, layer))
        if isinstance(layer, Residual):
            found += all_layers(layer.layers, place)
    return found


def _given(biases: Mapping[Place | int, Sequence[Any]], widths: Mapping[Place, int]) -> dict[Place, Vector]:
    """The biases a caller states, each for a normalised layer; the others are zero."""
    made = {place: (Fraction(0),) * width for place, width in widths.items()}
    for key, values in biases.items():
        place = key if isinstance(key, tuple) else (key,)
        if place not in widths:
            known = ", ".join(".".join(map(str, other)) for other in widths) or "none"
            raise BadArgument(
                f"biases: layer {shown(key)} is not one that a batchnorm follows (those are {known})"
            )
        with located(f"biases, layer {'.'.join(map(str, place))}"):
            made[place] = coordinates(values, widths[place])
    return made
