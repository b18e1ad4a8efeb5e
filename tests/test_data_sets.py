"""The shipped data sets and the networks that go with them: exact, as described, remade by their script."""

import json
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from math import isqrt
from pathlib import Path

import pytest

import exactcpa as cpa

ROOT = Path(__file__).resolve().parent.parent
SETS, TRAINING = ROOT / "data" / "sets", ROOT / "data" / "networks" / "training"
GOES_WITH = {"figure": "arch", "pythagorean_unit_scales": "pythagorean"}
NETWORKS = sorted(path.stem for path in TRAINING.glob("*.json"))


def load(name):
    return cpa.load_data(SETS / f"{name}.json")


def frozen(name):
    return cpa.freeze(cpa.load_network(TRAINING / f"{name}.json"), load(GOES_WITH.get(name, name)).points)


@pytest.mark.parametrize(
    ("name", "size", "dimension", "classes"),
    [
        ("iris", 150, 4, {0: 50, 1: 50, 2: 50}),
        ("digits", 100, 64, dict.fromkeys(range(10), 10)),
        ("moons", 100, 2, {0: 50, 1: 50}),
        ("arch", 50, 2, None),
        ("pythagorean", 8, 2, None),
    ],
)
def test_loads(name, size, dimension, classes):
    data = load(name)

    assert (len(data), data.dimension) == (size, dimension)
    assert (data.labels and dict(Counter(data.labels))) == classes
    assert data.name and data.source


def test_every_set_is_described():
    described = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for path in [*SETS.glob("*"), *TRAINING.glob("*")]:
        assert f"`{path.relative_to(ROOT / 'data').as_posix()}`" in described


@pytest.mark.parametrize(
    ("name", "grain"), [("iris", 10), ("digits", 16), ("moons", 256), ("arch", 256), ("pythagorean", 1)]
)
def test_is_exact(name, grain):
    points = load(name).points

    assert all((x * grain).denominator == 1 for point in points for x in point)
    # What the file says is what it means: decimals are texts, numbers are doubles that need no rounding.
    for point, row in zip(points, json.loads((SETS / f"{name}.json").read_text())["points"], strict=True):
        assert [Fraction(x) for x in row] == list(point)


def test_iris_is_the_set_without_the_known_mistakes():
    # UCI's file differs from Fisher's table in samples 34 and 37; these are Fisher's numbers.
    points = [tuple(map(float, point)) for point in load("iris").points]

    assert points[34] == (4.9, 3.1, 1.5, 0.2)
    assert points[37] == (4.9, 3.6, 1.4, 0.1)
    # Fisher (1936), table 2: the means of the three species.
    sums = [
        [sum(load("iris").points[i][j] for i in range(k, k + 50)) for j in range(4)] for k in (0, 50, 100)
    ]
    assert [[float(s / 50) for s in row] for row in sums] == [
        [5.006, 3.428, 1.462, 0.246],
        [5.936, 2.770, 4.260, 1.326],
        [6.588, 2.974, 5.552, 2.026],
    ]


def test_digits_are_the_images_behind_the_slice():
    # The slice of data/domains goes through three images of the same set, with the same pixel values.
    assert {x for point in load("digits").points for x in point} == {Fraction(n, 16) for n in range(17)}


def test_pythagorean_covariance_is_25_times_the_identity():
    points = load("pythagorean").points
    g = [sum(column) / 8 for column in zip(*points, strict=True)]
    centred = [[x - c for x, c in zip(point, g, strict=True)] for point in points]

    assert [[sum(p[i] * p[j] for p in centred) / 8 for j in (0, 1)] for i in (0, 1)] == [[25, 0], [0, 25]]


def test_pythagorean_standard_deviations_are_rational():
    # The ideal reading in plain fractions: linear, centred, divided by the root, ReLU.
    net = cpa.load_network(TRAINING / "pythagorean.json")
    batch = load("pythagorean").points
    for linear, _, relu in (net.layers[:3], net.layers[3:6]):
        columns = list(zip(*[linear.forward(point) for point in batch], strict=True))
        centred = [[x - sum(column) / len(column) for x in column] for column in columns]
        squares = [sum(x * x for x in column) / len(column) for column in centred]
        roots = [Fraction(isqrt(v.numerator), isqrt(v.denominator)) for v in squares]
        assert [r * r for r in roots] == squares
        columns = [[x / r for x in column] for column, r in zip(centred, roots, strict=True)]
        batch = [relu.forward(point) for point in zip(*columns, strict=True)]


def test_unit_scales_are_one():
    norms = [layer for layer in frozen("pythagorean_unit_scales").layers if isinstance(layer, cpa.BatchNorm)]

    assert [set(norm.scales()) for norm in norms] == [{1}, {1}]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_take_the_statistics_of_their_data(name):
    net = cpa.load_network(TRAINING / f"{name}.json")
    norms = [layer for layer in net.layers if layer.type == "batchnorm"]

    assert norms and all(isinstance(norm, cpa.TrainingBatchNorm) and norm.beta is None for norm in norms)
    data = load(GOES_WITH.get(name, name))
    if data.labels:
        assert net.output == len(set(data.labels))
    statistics = cpa.batch_statistics(net, data.points)
    assert [len(one.mean) for one in statistics] == list(net.layer_sizes)
    assert all(v > 0 for one in statistics for v in one.variance)
    with pytest.raises(cpa.BadNetwork, match="training mode"):
        cpa.enumerate_cells(net, cpa.Box([0] * net.input, [1] * net.input))


def test_script_remakes_the_files():
    done = subprocess.run(
        [sys.executable, "scripts/make_data.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_script_makes_every_file(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import make_data

    monkeypatch.setattr(make_data, "has_sklearn", lambda: False)
    made = {path.relative_to(ROOT / "data").as_posix() for path in make_data.texts()}

    there = {path.relative_to(ROOT / "data").as_posix() for path in [*SETS.glob("*"), *TRAINING.glob("*")]}
    assert there - made == {"sets/iris.json", "sets/digits.json"}


def test_script_takes_digits_and_iris_from_scikit_learn(monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")
    flowers, digits = datasets.load_iris(), datasets.load_digits()

    assert load("iris").labels == tuple(flowers.target.tolist())
    images = {tuple(row) for row in (digits.data / 16).tolist()}
    assert {tuple(map(float, point)) for point in load("digits").points} <= images
