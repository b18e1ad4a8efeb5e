"""Make the data sets of data/sets/ and the batch-normalised networks that go with them, exactly.

    python scripts/make_data.py            writes what differs
    python scripts/make_data.py --check    writes nothing; exits 1 if a file is not what would be written

Everything seeded (moons, arch, pythagorean, all networks) needs the standard library only and is the same to the
byte everywhere: circles are drawn by rational parametrisation and rounded to a grid exactly, so no sine is taken.
iris and digits come from scikit-learn; where that is not installed they are left as they are:

    python -m venv .venv-sklearn && .venv-sklearn/bin/pip install scikit-learn
    .venv-sklearn/bin/python scripts/make_data.py
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from pathlib import Path

from make_networks import DATA, text_of, write_or_compare

GRID = 256
"""Seeded points are multiples of 1 / GRID."""

Point = tuple[Fraction, ...]
Number = int | float | str


# Data sets.


def data_text(
    name: str, source: str, points: Sequence[Sequence[Number]], labels: Sequence[int] | None = None
) -> str:
    """A data file, one point a line."""
    head = {"format": "exactcpa-data", "version": 1, "name": name, "source": source}
    if labels is not None:
        head["labels"] = list(labels)
    rows = ",\n".join(json.dumps(list(point)) for point in points)
    return json.dumps(head)[:-1] + f', "points": [\n{rows}]}}\n'


def half_circle(u: Fraction) -> Point:
    """The point of the upper half of the unit circle, u from 0 (right) to 1 (left), by rational parametrisation."""
    t = 2 * min(u, 1 - u)
    x, y = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    return (x if 2 * u <= 1 else -x), y


def noise(source: random.Random, size: Fraction) -> Fraction:
    """Nearly normal, within [-size, size]: the mean of four uniform numbers."""
    return size * (sum(Fraction(source.random()) for _ in range(4)) / 2 - 1)


def on_grid(point: Point) -> list[float]:
    """Rounded to multiples of 1 / GRID: doubles."""
    return [round(x * GRID) / GRID for x in point]


def moons(count: int = 100) -> tuple[list[list[float]], list[int]]:
    """Two interleaved half circles with noise; the classes take turns."""
    source = random.Random("moons")
    points, labels = [], []
    for number in range(count):
        label = number % 2
        x, y = half_circle(Fraction(number // 2, count // 2 - 1))
        x, y = (x, y) if label == 0 else (1 - x, Fraction(1, 2) - y)
        size = Fraction(2, 5)
        points.append(on_grid((x + noise(source, size), y + noise(source, size))))
        labels.append(label)
    return points, labels


def arch(count: int = 50) -> list[list[float]]:
    """An arch away from the origin."""
    source = random.Random("arch")
    points = []
    for number in range(count):
        x, y = half_circle(Fraction(number, count - 1))
        size = Fraction(1, 5)
        points.append(on_grid((Fraction(1, 4) + x + noise(source, size), 1 + y + noise(source, size))))
    return points


def pythagorean() -> list[list[int]]:
    """Eight integer points at distance sqrt(50) from (3, 2): their covariance is 25 times the identity."""
    return [[3 + x, 2 + y] for x in (-7, -1, 1, 7) for y in (-7, -1, 1, 7) if abs(x) != abs(y)]


def iris() -> tuple[list[list[str]], list[int]]:
    """The flowers in centimetres, in the decimals of the data set."""
    from sklearn.datasets import load_iris

    inputs, classes = load_iris(return_X_y=True)
    return [[str(x) for x in row] for row in inputs.tolist()], classes.tolist()


def digits(each: int = 10) -> tuple[list[list[float]], list[int]]:
    """The first images of every digit, in the order of the data set; pixels divided by 16."""
    from sklearn.datasets import load_digits

    inputs, classes = (array.tolist() for array in load_digits(return_X_y=True))
    seen = [classes[:i].count(digit) for i, digit in enumerate(classes)]
    chosen = [i for i in range(len(classes)) if seen[i] < each]
    return [[x / 16 for x in inputs[i]] for i in chosen], [classes[i] for i in chosen]


def has_sklearn() -> bool:
    """Whether iris and digits can be remade here."""
    return importlib.util.find_spec("sklearn") is not None


def sets() -> dict[str, str]:
    """Every data file that can be made here, by name."""
    here = "scripts/make_data.py"
    made = {
        "moons": data_text("two moons", f"{here}, seeded", *moons()),
        "arch": data_text("an arch", f"{here}, seeded", arch()),
        "pythagorean": data_text("eight points of covariance 25 I", f"{here}, by hand", pythagorean()),
    }
    if has_sklearn():
        fisher = "R. A. Fisher, The use of multiple measurements in taxonomic problems (1936)"
        uci = "E. Alpaydin and C. Kaynak, Optical recognition of handwritten digits, UCI (1998), CC BY 4.0"
        made["iris"] = data_text("iris flowers, centimetres", f"{fisher}; by way of scikit-learn", *iris())
        made["digits"] = data_text("100 digits, 8 x 8 pixels", f"{uci}; by way of scikit-learn", *digits())
    return made


# Networks with batch normalisation in training mode: their statistics are those of the data they are given.


def batchnorm(epsilon: Number, gamma: Sequence[Fraction] | None = None) -> dict:
    """Without statistics; beta 0."""
    layer: dict = {"type": "batchnorm", "epsilon": epsilon}
    return layer if gamma is None else layer | {"gamma": [str(g) for g in gamma]}


def normalised(name: str, sizes: list[int], activation: dict, epsilon: Number) -> dict:
    """Linear, batchnorm, activation, again and again, then linear; weights and biases are multiples of 1/64."""
    source = random.Random(f"{name} with batch normalisation")

    def draw() -> float:
        return (int(source.random() * 129) - 64) / 64

    layers: list[dict] = []
    for fan_in, width in pairwise(sizes):
        if layers:
            layers += [batchnorm(epsilon), activation]
        rows = [[draw() for _ in range(fan_in)] for _ in range(width)]
        layers.append({"type": "linear", "weight": rows, "bias": [draw() for _ in range(width)]})
    return network_of(sizes[0], layers)


def network_of(inputs: int, layers: list[dict]) -> dict:
    """The network file."""
    return {"format": "exactcpa-network", "version": 1, "input": inputs, "layers": layers}


TRIPLES = [[3, 4], [-4, 3], [5, 12], [12, -5]]
"""Rows of length 5 and 13: on the Pythagorean data their standard deviations are 5 times that."""

SECOND = {
    False: [[5, -1, -3, -5], [-4, -4, -1, 1], [2, 5, 2, 5]],
    True: [[1, 1, -3, -3], [2, 4, 1, -3], [-3, 2, -3, 2]],
}
"""Rows behind them with rational standard deviations, too, found by trying all small ones: plain, unit scales."""


def centred(values: Sequence[Fraction]) -> tuple[list[Fraction], Fraction]:
    """Values minus their mean, and their standard deviation, which must be rational."""
    mean = sum(values) / len(values)
    differences = [v - mean for v in values]
    square = sum(d * d for d in differences) / len(values)
    sigma = Fraction(isqrt(square.numerator), isqrt(square.denominator))
    if sigma * sigma != square:
        raise ValueError(f"the standard deviation sqrt({square}) is not rational")
    return differences, sigma


def normalise(
    rows: list[list[int]], points: Sequence[Point], *, divide: bool
) -> tuple[list[Fraction], list[Point]]:
    """Standard deviations of the rows' values on some points; the ReLU of the values, centred, perhaps divided."""
    sigmas, columns = [], []
    for row in rows:
        differences, sigma = centred([sum(a * x for a, x in zip(row, p, strict=True)) for p in points])
        sigmas.append(sigma)
        columns.append([max(Fraction(0), d / sigma if divide else d) for d in differences])
    return sigmas, list(zip(*columns, strict=True))


def pythagorean_network(*, unit_scales: bool) -> dict:
    """2-[4,3]-1, ReLU, on whose data every standard deviation of both layers is rational.

    With `unit_scales` gamma is that standard deviation, so the scale is 1 in every reading.
    """
    points = [tuple(map(Fraction, point)) for point in pythagorean()]
    first, hidden = normalise(TRIPLES, points, divide=not unit_scales)
    second, _ = normalise(SECOND[unit_scales], hidden, divide=not unit_scales)
    layers = [
        {"type": "linear", "weight": TRIPLES, "bias": [1, -2, 3, 0]},
        batchnorm(0, first if unit_scales else None),
        {"type": "relu"},
        {"type": "linear", "weight": SECOND[unit_scales], "bias": [0, 1, -1]},
        batchnorm(0, second if unit_scales else None),
        {"type": "relu"},
        {"type": "linear", "weight": [[1, -2, 3]], "bias": [0]},
    ]
    return network_of(2, layers)


def networks() -> dict[str, dict]:
    """Every network of data/networks/training/, by the name of its file."""
    leaky, relu = {"type": "leaky_relu", "slope": 0.125}, {"type": "relu"}
    return {
        "figure": normalised("figure", [2, 6, 6, 6, 6, 1], leaky, 0),
        "moons": normalised("moons", [2, 8, 8, 2], relu, "1e-5"),
        "iris": normalised("iris", [4, 6, 6, 3], relu, "1e-5"),
        "digits": normalised("digits", [64, 8, 8, 10], relu, "1e-5"),
        "pythagorean": pythagorean_network(unit_scales=False),
        "pythagorean_unit_scales": pythagorean_network(unit_scales=True),
    }


def texts() -> dict[Path, str]:
    """Every file that can be made here."""
    made = {DATA / "sets" / f"{name}.json": text for name, text in sets().items()}
    folder = DATA / "networks" / "training"
    return made | {folder / f"{name}.json": text_of(value) for name, value in networks().items()}


if __name__ == "__main__":
    sys.exit(write_or_compare(texts(), __doc__ or ""))
