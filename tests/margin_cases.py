"""Small random classifiers for tests of margins: seeded, half of them with integer weights, a few degenerate.

Main definitions:
    Case, case             a network on a box with a point, by number.
    net                    a classifier of linear and ReLU layers, in the file format.

Conventions: odd numbers have integer weights between -2 and 2, so that hyperplanes often meet and outputs often tie;
even ones have sixteenths.  Every seventh network has a unit twice, every eleventh a dead one.
But for every fifth, all outputs tie at some point of the box.

Not here: networks of all layer types (`strategies`), margins by brute force (`margin_oracle`).
"""

import random
from fractions import Fraction
from typing import NamedTuple

SIZES = ((1, (3,)), (1, (2, 2)), (2, (3,)), (2, (4,)), (2, (2, 2)), (2, (3, 2)), (3, (3,)), (3, (2, 2)))


class Case(NamedTuple):
    """A network and a box in the file formats, and a point of it."""

    network: dict
    domain: dict
    point: tuple[Fraction, ...]
    weights: tuple[Fraction, ...]


def case(number):
    """A case by its number."""
    source = random.Random(number)
    inputs, hidden = SIZES[number // 2 % len(SIZES)]
    outputs = source.choice((2, 2, 3))
    grains = 1 if number % 2 else 16
    layers = []
    width = inputs
    for size in hidden:
        rows, bias = rows_of(source, size, width, grains)
        if number % 7 == 0:
            rows[-1], bias[-1] = rows[0], bias[0]
        if number % 11 == 0:
            rows[-1], bias[-1] = [0] * width, -1
        layers += [linear(rows, bias), {"type": "relu"}]
        width = size
    layers.append(linear(*rows_of(source, outputs, width, grains)))
    domain = {
        "type": "box",
        "lower": [-2] * inputs,
        "upper": [source.choice((1, 2, 3)) for _ in range(inputs)],
    }
    steps = 2 if number % 2 else 64
    point = tuple(Fraction(source.randint(-2 * steps, steps), steps) for _ in range(inputs))
    weights = tuple(Fraction(source.randint(1, 4), source.randint(1, 3)) for _ in range(inputs))
    return Case(net(inputs, layers), domain, tuple(point), weights)


def rows_of(source, count, width, grains):
    """Random rows and biases of a layer."""
    rows = [
        [text(source.randint(-2 * grains, 2 * grains), grains) for _ in range(width)] for _ in range(count)
    ]
    return rows, [text(source.randint(-grains, grains), grains) for _ in range(count)]


def text(numerator, denominator=1):
    """A rational as it stands in a file."""
    value = Fraction(numerator, denominator)
    return int(value) if value.denominator == 1 else str(value)


def linear(weight, bias):
    return {"type": "linear", "weight": weight, "bias": bias}


def net(inputs, layers):
    """A network in the file format."""
    return {"format": "exactcpa-network", "version": 1, "input": inputs, "layers": layers}
