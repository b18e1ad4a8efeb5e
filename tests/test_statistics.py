"""Batch statistics: by hand, and against a second implementation in plain fractions, running updates included."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.batchnorm import deployed_scale
from exactcpa.errors import BadArgument, BadNetwork, DimensionMismatch, InexactNumber
from exactcpa.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Residual,
    TrainingBatchNorm,
)
from exactcpa.statistics import (
    BatchStatistics,
    batch_statistics,
    freeze,
    freeze_running,
    mean_and_variance,
    read_batch,
)

F = Fraction
SMALL = st.fractions(min_value=-4, max_value=4, max_denominator=5)


def by_definition(values):
    """Mean and biased variance, one fraction at a time."""
    mean = sum(values, F(0)) / len(values)
    return mean, sum([(v - mean) ** 2 for v in values], F(0)) / len(values)


# ---------------------------------------------------------------------- a second implementation


def train(layers, batch, place=(), found=None):
    """The batch through a chain in training mode; notes (place, count, mean, variance) of every batchnorm."""
    found = [] if found is None else found
    for number, layer in enumerate(layers):
        here = (*place, number)
        if isinstance(layer, Residual):
            inner, _ = train(layer.layers, batch, here, found)
            batch = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(batch, inner, strict=True)]
        elif layer.type == "batchnorm":
            pixels = getattr(layer, "pixels", 1)
            width = len(batch[0])
            facts = []
            for j in range(width):
                channel = range(j - j % pixels, j - j % pixels + pixels)
                facts.append(by_definition([x[c] for x in batch for c in channel]))
            found.append((here, len(batch) * pixels, [m for m, _ in facts], [v for _, v in facts]))
            gamma, beta = layer.gamma or [F(1)] * width, layer.beta or [F(0)] * width
            scales = [deployed_scale(g, v, layer.epsilon) for g, (_, v) in zip(gamma, facts, strict=True)]
            batch = [[(x[j] - facts[j][0]) * scales[j] + beta[j] for j in range(width)] for x in batch]
        else:
            batch = [list(layer.forward(tuple(x))) for x in batch]
    return batch, found


def as_tuples(found):
    return [(place, count, tuple(mean), tuple(variance)) for place, count, mean, variance in found]


def told(statistics):
    return [(s.layer, s.count, s.mean, s.variance) for s in statistics]


@st.composite
def chains(draw, width, depth=1):
    """Layers that keep their width, batchnorms in training mode and with statistics, perhaps a residual block."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        rows = st.lists(st.lists(SMALL, min_size=width, max_size=width), min_size=width, max_size=width)
        layers.append(Linear(draw(rows), draw(st.lists(SMALL, min_size=width, max_size=width))))
        epsilon = draw(st.sampled_from([F(1), F(1, 100000), F(3, 7)]))
        vector = st.lists(SMALL, min_size=width, max_size=width)
        gamma, beta = draw(st.none() | vector), draw(st.none() | vector)
        if draw(st.booleans()):
            layers.append(TrainingBatchNorm(gamma=gamma, beta=beta, epsilon=epsilon))
        else:
            mean, variance = draw(vector), [abs(v) + 1 for v in draw(vector)]
            layers.append(BatchNorm(mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=epsilon))
        layers.append(draw(st.sampled_from([ReLU(), LeakyReLU("1/4")])))
        if depth and draw(st.booleans()):
            layers.append(Residual(tuple(draw(chains(width, depth - 1)))))
    return layers


@st.composite
def networks_with_batches(draw, batches=1, least=1):
    width = draw(st.integers(1, 3))
    net = Network(width, tuple(draw(chains(width))))
    point = st.lists(SMALL, min_size=width, max_size=width)
    made = [draw(st.lists(point, min_size=least, max_size=5)) for _ in range(batches)]
    return net, made


# ---------------------------------------------------------------------- mean_and_variance


def test_base_case_mean_and_variance():
    assert mean_and_variance([F(7)]) == (7, 0)
    assert mean_and_variance([F(0), F(1)]) == (F(1, 2), F(1, 4))


@given(st.lists(st.fractions(), min_size=1, max_size=8))
def test_mean_and_variance_against_definition(values):
    assert mean_and_variance(values) == by_definition(values)


# ---------------------------------------------------------------------- batch_statistics


def test_base_case_by_hand():
    """Values 2x+5 on 0, 1, 2 are 5, 7, 9: mean 7, squares of deviations 4, 0, 4."""
    net = Network(1, (Linear([[2]], [5]), TrainingBatchNorm(epsilon=0)))
    assert told(batch_statistics(net, [[0], [1], [2]])) == [((1,), 3, (7,), (F(8, 3),))]


def test_biased_and_unbiased():
    found = BatchStatistics((0,), 4, (F(1),), (F(3),))
    assert found.unbiased == (4,)
    with pytest.raises(BadArgument, match="at least 2 values"):
        _ = BatchStatistics((0,), 1, (F(1),), (F(3),)).unbiased


def test_second_layer_sees_the_first_normalised():
    """x = -1, 1 with s = 1: leaky gives -1/4, 1; minus twice that: 1/2, -2, so mean -3/4 and variance 25/16."""
    net = Network(
        1,
        (
            Linear([[1]], [9]),
            TrainingBatchNorm(epsilon=0),
            LeakyReLU("1/4"),
            Linear([[-2]], [0]),
            TrainingBatchNorm(epsilon=0),
        ),
    )
    first, second = batch_statistics(net, [[-1], [1]])
    assert (first.layer, first.mean, first.variance) == ((1,), (9,), (1,))
    assert (second.layer, second.mean, second.variance) == ((4,), (F(-3, 4),), (F(25, 16),))


def test_pixels_share_statistics():
    """Two channels of two pixels, two images: the first channel sees 0, 2, 4, 6, the second 1 throughout but for 5."""
    net = Network(4, (TrainingBatchNorm(epsilon=1, pixels=2),))
    (found,) = batch_statistics(net, [[0, 2, 1, 1], [4, 6, 1, 5]])
    assert found.count == 4
    assert found.mean == (3, 3, 2, 2)
    assert found.variance == (5, 5, 3, 3)
    assert found.unbiased == (F(20, 3), F(20, 3), 4, 4)


def test_residual_block():
    """The block adds its input: x + (x - mean)/1 on -1, 1 is -2, 2, and the next batchnorm sees variance 4."""
    block = Residual((TrainingBatchNorm(epsilon=0),))
    net = Network(1, (block, TrainingBatchNorm(epsilon=0)))
    assert told(batch_statistics(net, [[-1], [1]])) == [((0, 0), 2, (0,), (1,)), ((1,), 2, (0,), (4,))]
    assert freeze(net, [[-1], [1]]).forward([1]) == (1,)


@settings(max_examples=examples(40), deadline=None)
@given(networks_with_batches())
def test_statistics_against_second_implementation(case):
    net, (batch,) = case
    after, found = train(net.layers, batch)
    assert told(batch_statistics(net, batch)) == as_tuples(found)
    frozen = freeze(net, batch)
    assert [list(frozen.forward(x)) for x in batch] == after


# ---------------------------------------------------------------------- freeze


def test_freeze_keeps_the_rest():
    gamma, beta = (F(2), F(-1)), (F(1, 3), F(0))
    net = Network(
        2,
        (Linear([[1, 0], [1, 1]], [0, 0]), TrainingBatchNorm(gamma=gamma, beta=beta, epsilon="1e-5"), ReLU()),
    )
    frozen = freeze(net, [[0, 0], [2, 2]])
    layer = frozen.layers[1]
    assert (layer.gamma, layer.beta, layer.epsilon) == (gamma, beta, F(1, 100000))
    assert (layer.mean, layer.variance) == ((1, 2), (1, 4))
    assert (frozen.layers[0], frozen.layers[2]) == (net.layers[0], net.layers[2])
    assert net.layers[1].type == "batchnorm" and isinstance(net.layers[1], TrainingBatchNorm)


def test_freeze_replaces_statistics():
    net = Network(1, (BatchNorm(mean=[100], variance=[7], epsilon=0),))
    assert freeze(net, [[-1], [1]]).forward([3]) == (3,)


def test_freeze_twice_is_once():
    net = Network(1, (Linear([[2]], [5]), TrainingBatchNorm(epsilon=1), ReLU()))
    batch = [[0], [1], [5]]
    once = freeze(net, batch)
    assert freeze(once, batch) == once


def test_degenerate_constant_unit():
    net = Network(2, (TrainingBatchNorm(epsilon="1/4"),))
    assert freeze(net, [[1, 0], [1, 2]]).forward([2, 1]) == (2, 0)
    with pytest.raises(BadNetwork, match=r"layer 0 \(batchnorm\), coordinate 0 is constant"):
        freeze(Network(2, (TrainingBatchNorm(epsilon=0),)), [[1, 0], [1, 2]])


def test_degenerate_one_point():
    net = Network(1, (TrainingBatchNorm(epsilon=1),))
    assert freeze(net, [[5]]).forward([7]) == (2,)


# ---------------------------------------------------------------------- freeze_running


def test_running_by_hand():
    """From 0 and 1: batch -1, 3 has mean 1 and unbiased variance 8; a quarter of it: 1/4, and 3/4 + 2."""
    net = Network(1, (TrainingBatchNorm(epsilon=0),))
    (layer,) = freeze_running(net, [[[-1], [3]]], momentum="1/4").layers
    assert (layer.mean, layer.variance) == ((F(1, 4),), (F(11, 4),))


def test_running_without_momentum_is_the_average():
    """Means 1 and 4, unbiased variances 8 and 2: the averages, and nothing of the start."""
    net = Network(1, (TrainingBatchNorm(epsilon=0),))
    (layer,) = freeze_running(net, [[[-1], [3]], [[3], [5]]], momentum=None).layers
    assert (layer.mean, layer.variance) == ((F(5, 2),), (5,))


def test_running_starts_from_statistics():
    net = Network(1, (BatchNorm(mean=[10], variance=[6], epsilon=0),))
    (layer,) = freeze_running(net, [[[-1], [3]]], momentum="1/2").layers
    assert (layer.mean, layer.variance) == ((F(11, 2),), (7,))
    (layer,) = freeze_running(net, []).layers
    assert (layer.mean, layer.variance) == ((10,), (6,))


def test_default_momentum_is_a_double():
    net = Network(1, (TrainingBatchNorm(epsilon=0),))
    (layer,) = freeze_running(net, [[[-1], [3]]]).layers
    assert layer.mean == (F(0.1),)


@settings(max_examples=examples(30), deadline=None)
@given(networks_with_batches(batches=3, least=2), st.none() | st.fractions(0, 1, max_denominator=6))
def test_running_against_second_implementation(case, momentum):
    net, batches = case
    running = {}
    for number, batch in enumerate(batches):
        share = F(1, number + 1) if momentum is None else momentum
        for place, count, mean, variance in train(net.layers, batch)[1]:
            old = running.get(place, start_of(net, place, len(mean)))
            unbiased = [v * count / (count - 1) for v in variance]
            running[place] = [
                [(1 - share) * a + share * b for a, b in zip(before, new, strict=True)]
                for before, new in zip(old, (mean, unbiased), strict=True)
            ]
    frozen = freeze_running(net, batches, momentum=momentum)
    for place, (mean, variance) in running.items():
        layer = layer_at(frozen, place)
        assert (list(layer.mean), list(layer.variance)) == (mean, variance)


def layer_at(net, place):
    layers = net.layers
    for number in place[:-1]:
        layers = layers[number].layers
    return layers[place[-1]]


def start_of(net, place, width):
    layer = layer_at(net, place)
    if isinstance(layer, BatchNorm):
        return layer.mean, layer.variance
    return [F(0)] * width, [F(1)] * width


# ---------------------------------------------------------------------- errors


def test_rejects_an_empty_batch():
    net = Network(1, (TrainingBatchNorm(epsilon=1),))
    with pytest.raises(BadArgument, match="at least one point"):
        freeze(net, [])


def test_rejects_a_point_of_another_dimension():
    with pytest.raises(DimensionMismatch, match="point 1 of the batch"):
        read_batch([[1, 2], [3]], 2)


def test_rejects_no_number():
    with pytest.raises(InexactNumber, match="point 0 of the batch"):
        read_batch([[float("nan")]], 1)


@pytest.mark.parametrize("momentum", [-1, "3/2", 1.0000001])
def test_rejects_momentum(momentum):
    net = Network(1, (TrainingBatchNorm(epsilon=1),))
    with pytest.raises(BadArgument, match="momentum between 0 and 1"):
        freeze_running(net, [], momentum=momentum)


def test_rejects_one_point_for_a_running_variance():
    net = Network(1, (TrainingBatchNorm(epsilon=1),))
    with pytest.raises(BadArgument, match="batch 0, expected at least 2 values"):
        freeze_running(net, [[[1]]])


def test_rejects_images_without_pixels():
    """A batchnorm with one statistic a coordinate cannot be refrozen after a convolution."""
    convolution = Conv2d([[[[1]]]], [0], (1, 1, 2))
    net = Network(2, (convolution, BatchNorm(mean=[0, 0], variance=[1, 1], epsilon=0), Flatten(), ReLU()))
    with pytest.raises(BadNetwork, match="pixels"):
        freeze(net, [[0, 1], [1, 3]])


def test_training_mode_is_no_function_of_a_point():
    with pytest.raises(BadNetwork, match="needs data"):
        Network(1, (TrainingBatchNorm(epsilon=1),)).forward([0])


def test_rejects_pixels_that_do_not_divide():
    with pytest.raises(DimensionMismatch, match="field pixels"):
        Network(3, (TrainingBatchNorm(epsilon=1, pixels=2),))
