"""Networks: every layer's value from a hand computation or a naive loop; every misuse named by place."""

import pickle
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_strategies import NUMBERS, image_layers, networks_with_points, vectors
from sparing import examples

from exactcpa.errors import BadNetwork, DimensionMismatch, InexactNumber
from exactcpa.network import (
    Abs,
    AvgPool2d,
    BatchNorm,
    Consecutive,
    Conv2d,
    Flatten,
    HardTanh,
    LeakyReLU,
    Linear,
    Listed,
    MaxOut,
    MaxPool,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    Windows,
)

F = Fraction
X = (F(-2), F(-1, 3), F(0), F(1, 2), F(9))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (ReLU(), [0, 0, 0, "1/2", 9]),
        (LeakyReLU(), [2 * F(-0.01), F(0.01) / -3, 0, "1/2", 9]),
        (LeakyReLU("1/10"), ["-1/5", "-1/30", 0, "1/2", 9]),
        (PReLU("1/2"), [-1, "-1/6", 0, "1/2", 9]),
        (PReLU([1, 2, 3, 4, 5]), [-2, "-2/3", 0, "1/2", 9]),
        (Abs(), [2, "1/3", 0, "1/2", 9]),
        (HardTanh(), [-1, "-1/3", 0, "1/2", 1]),
        (HardTanh("1/4", "1/3"), ["1/4", "1/4", "1/4", "1/3", "1/3"]),
        (ReLU6(), [0, 0, 0, "1/2", 6]),
        (Flatten(), X),
        (MaxOut(Consecutive(5)), [9]),
        (MaxPool(Listed([[0, 1], [3], [2, 2, 0]])), ["-1/3", "1/2", 0]),
        (MaxPool(Windows((1, 1, 5), (1, 2), (1, 3))), ["-1/3", 9]),
        (AvgPool2d((1, 1, 5), (1, 2)), [F(-7, 6), "1/4"]),
        (Linear([[1, 0, 0, 2, 0]], [3]), [2]),
        (Residual([ReLU()]), [-2, "-1/3", 0, 1, 18]),
        (BatchNorm(mean=[0] * 5, variance=[4] * 5, epsilon=0), [-1, "-1/6", 0, "1/4", "9/2"]),
        (
            BatchNorm(mean=[1] * 5, variance=[3] * 5, gamma=[-2] * 5, beta=[1] * 5, epsilon=1),
            [4, "7/3", 2, "3/2", -7],
        ),
    ],
    ids=lambda value: value.type if not isinstance(value, list | tuple) else "",
)
def test_base_case_layers(layer, expected):
    assert Network(5, (layer,)).forward(X) == tuple(map(F, expected))


def naive_windows(layer, image):
    """Value of an image layer from nested arrays, indexed by channel, row and column."""
    kernel, stride = (
        (layer.grouping.kernel, layer.grouping.stride) if isinstance(layer, MaxPool) else (None, None)
    )
    if isinstance(layer, AvgPool2d):
        kernel, stride = layer.kernel, layer.stride
    rows = range(0, image.shape[1] - kernel[0] + 1, stride[0])
    columns = range(0, image.shape[2] - kernel[1] + 1, stride[1])
    windows = [plane[i : i + kernel[0], j : j + kernel[1]] for plane in image for i in rows for j in columns]
    if isinstance(layer, AvgPool2d):
        return [window.sum() / F(window.size) for window in windows]
    return [window.max() for window in windows]


def naive_convolution(layer, image):
    pads = [(0, 0), (layer.padding[0],) * 2, (layer.padding[1],) * 2]
    padded = np.pad(image, pads, constant_values=F(0))
    weight = np.array(layer.weight, dtype=object)
    height, width = weight.shape[2:]
    rows = range(0, padded.shape[1] - height + 1, layer.stride[0])
    columns = range(0, padded.shape[2] - width + 1, layer.stride[1])
    return [
        (weight[o] * padded[:, i : i + height, j : j + width]).sum() + layer.bias[o]
        for o, i, j in product(range(len(weight)), rows, columns)
    ]


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_step_image_layers_against_slices(data):
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)))
    layer = data.draw(image_layers(shape))
    size = shape[0] * shape[1] * shape[2]
    x = data.draw(vectors(size))
    image = np.array(x, dtype=object).reshape(shape)
    naive = naive_convolution if isinstance(layer, Conv2d) else naive_windows
    assert Network(size, (layer,)).forward(x) == tuple(naive(layer, image))


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.lists(NUMBERS, min_size=3, max_size=3), NUMBERS)
def test_linear_is_the_sum_of_products(row, x, bias):
    expected = row[0] * x[0] + row[1] * x[1] + row[2] * x[2] + bias
    assert Network(3, (Linear([row], [bias]),)).forward(x) == (expected,)


@settings(max_examples=examples(60), deadline=None)
@given(networks_with_points())
def test_residual_adds_its_input(case):
    net, x = case
    if net.output == net.input:
        added = Network(net.input, (Residual(net.layers),)).forward(x)
        assert added == tuple(a + b for a, b in zip(x, net.forward(x), strict=True))


def test_values_are_frozen_and_compare():
    net = Network(1, [Linear(np.array([[0.5], [1]]), np.zeros(2)), ReLU()])
    same = Network(1, (Linear([["1/2"], ["1"]], (0, 0)), ReLU()))
    assert net == same
    assert hash(net) == hash(same)
    assert pickle.loads(pickle.dumps(net)) == net
    with pytest.raises(AttributeError):
        net.input = 2


def test_sizes():
    body = [Linear([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), ReLU6(), Linear([[1, 0, 0], [0, 1, 0]], [0, 0])]
    net = Network(2, (ReLU(), Residual(body), MaxOut(Listed([[0, 1], [1]])), Abs()))
    assert net.layer_sizes == (2, 3, 1, 2)
    assert (net.units, net.output) == (8, 2)
    assert str(net) == "network 2 -> 2, 8 units: relu 2, residual 2, maxout 2, abs 2"


def test_defaults():
    assert Windows([2, 4, 4], 2) == Windows((2, 4, 4), (2, 2), (2, 2))
    assert AvgPool2d([1, 3, 3], [3, 1]).stride == (3, 1)
    convolution = Conv2d([[[[1]]]], [0], [1, 2, 2])
    assert (convolution.stride, convolution.padding) == ((1, 1), (0, 0))
    norm = BatchNorm(mean=[0, 0], variance=[1, 1], epsilon=0)
    assert (norm.gamma, norm.beta) == ((1, 1), (0, 0))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: Linear([[1, 2], [3]], [0, 0]),
            DimensionMismatch,
            "field weight: expected 2 entries .* got 1 .*[1]",
        ),
        (lambda: Linear([[1]], [0, 0]), DimensionMismatch, "field bias: expected 1 entries"),
        (lambda: Linear([], []), DimensionMismatch, "field weight: expected at least one entry"),
        (lambda: Linear([[]], [0]), DimensionMismatch, r"field weight: .* got none at index \[0\]"),
        (lambda: Linear([1], [0]), DimensionMismatch, r"field weight: expected a list, got 1 at index \[0\]"),
        (
            lambda: Linear([[float("nan")]], [0]),
            InexactNumber,
            r"field weight: .* got nan at index \[0\]\[0\]",
        ),
        (
            lambda: Linear([[True]], [0]),
            InexactNumber,
            "field weight: expected a number, got the boolean True",
        ),
        (lambda: Linear([["x"]], [0]), InexactNumber, "field weight: .* the text 'x'"),
        (lambda: Linear("12", [0]), DimensionMismatch, "field weight: expected a list, got '12'"),
        (lambda: Linear([[1j]], [0]), InexactNumber, "complex"),
        (lambda: Linear([[[1]]], [0]), InexactNumber, "expected a number, got list"),
        (lambda: LeakyReLU(None), InexactNumber, "field slope"),
        (lambda: LeakyReLU(float("inf")), InexactNumber, "field slope: expected a finite number, got inf"),
        (lambda: PReLU([]), DimensionMismatch, "field slope"),
        (lambda: HardTanh(1, 1), BadNetwork, "field max: expected a number above min, got 1 with min 1"),
        (lambda: HardTanh(2), BadNetwork, "field max"),
        (lambda: Consecutive(0), BadNetwork, "field size: expected an integer of at least 1, got 0"),
        (lambda: Consecutive(True), BadNetwork, "field size"),
        (lambda: Consecutive(2.0), BadNetwork, "field size"),
        (lambda: Listed([]), DimensionMismatch, "field groups"),
        (lambda: Listed([[0], []]), DimensionMismatch, "field groups"),
        (lambda: Listed([[-1]]), BadNetwork, "field groups"),
        (lambda: Listed([[False]]), BadNetwork, "field groups"),
        (lambda: Windows([1, 2], 1), DimensionMismatch, "field shape: expected 3 entries"),
        (lambda: Windows([1, 2, 2], 3), DimensionMismatch, "field shape: expected at least the kernel"),
        (lambda: Windows([1, 2, 2], [1, 1, 1]), DimensionMismatch, "field kernel: expected 2 entries"),
        (lambda: Windows([1, 2, 2], 1, 0), BadNetwork, "field stride"),
        (
            lambda: Conv2d([[[[1]]]], [0], [2, 2, 2]),
            DimensionMismatch,
            "field weight: expected 2 entries .channels",
        ),
        (lambda: Conv2d([[[[1]]]], [0], [1, 2, 2], 1, -1), BadNetwork, "field padding"),
        (
            lambda: Conv2d([[[[1, 2]], [[1]]]], [0], [2, 2, 2]),
            DimensionMismatch,
            "field weight: expected 1 by 2",
        ),
        (lambda: MaxOut(Windows([1, 2, 2], 1)), BadNetwork, "field grouping"),
        (lambda: BatchNorm(mean=[0], variance=[0], epsilon=0), BadNetwork, "got 0 at index 0"),
        (
            lambda: BatchNorm(mean=[0, 0], variance=[1], epsilon=0),
            DimensionMismatch,
            "field variance: expected 2",
        ),
        (
            lambda: BatchNorm(mean=[0], variance=[1], gamma=[1, 1], epsilon=0),
            DimensionMismatch,
            "field gamma",
        ),
        (lambda: BatchNorm(mean=None, variance=None, epsilon=0), BadNetwork, "field mean: missing"),
        (
            lambda: BatchNorm(mean=[0], variance=["1e-800"], gamma=["1e300"], epsilon=0),
            InexactNumber,
            "field gamma, .* float64",
        ),
        (lambda: Residual([]), BadNetwork, "field layers: expected at least one layer"),
        (lambda: Residual([ReLU(), 3]), BadNetwork, "layer 1, expected a layer, got int: 3"),
    ],
)
def test_rejects_layers(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], BadNetwork, "field layers: expected at least one layer"),
        (None, BadNetwork, "field layers: expected a list, got None"),
        ([ReLU], BadNetwork, "layer 0, expected a layer, got type"),
        (
            [ReLU(), Linear([[1]], [0])],
            DimensionMismatch,
            r"^layer 1 \(linear\), field weight: expected 3 entries",
        ),
        ([PReLU([1])], DimensionMismatch, r"^layer 0 \(prelu\), field slope: expected 3"),
        (
            [MaxOut(Consecutive(2))],
            DimensionMismatch,
            r"^layer 0 \(maxout\), field size: expected a divisor of 3",
        ),
        (
            [MaxPool(Listed([[0], [3]]))],
            DimensionMismatch,
            "field groups: expected indices below 3, got 3 in group 1",
        ),
        ([AvgPool2d([1, 2, 2], 1)], DimensionMismatch, r"^layer 0 \(avgpool2d\), field shape: expected 3"),
        ([Windows([1, 1, 3], 1)], BadNetwork, "layer 0, expected a layer, got Windows"),
        (
            [BatchNorm(mean=[0], variance=[1], epsilon=0)],
            DimensionMismatch,
            r"layer 0 \(batchnorm\), field mean",
        ),
        (
            [Residual([Linear([[1] * 3], [0])])],
            DimensionMismatch,
            r"layer 0 \(residual\), field layers: expected 3",
        ),
        (
            [Abs(), Residual([Abs(), Residual([Linear([[1]], [0])])])],
            DimensionMismatch,
            r"^layer 1 \(residual\), layer 1 \(residual\), layer 0 \(linear\), field weight",
        ),
    ],
)
def test_rejects_networks(layers, error, message):
    with pytest.raises(error, match=message):
        Network(3, layers)


@pytest.mark.parametrize("dimension", [0, -1, True, 1.0, None, "2"])
def test_rejects_input(dimension):
    with pytest.raises(BadNetwork, match="field input: expected an integer of at least 1"):
        Network(dimension, (ReLU(),))


def test_rejects_points():
    net = Network(2, (ReLU(),))
    with pytest.raises(DimensionMismatch, match="dimension 2, got 3"):
        net.forward([1, 2, 3])
    with pytest.raises(InexactNumber, match="coordinate 1 of the point, expected a finite number, got nan"):
        net.forward([1, float("nan")])
