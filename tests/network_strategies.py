"""Random networks of every layer type: small numbers, degenerate cases on purpose, every layer fits."""

from fractions import Fraction
from math import prod

from hypothesis import strategies as st

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

# Zero often (dead units, breakpoints met exactly), small integers, small fractions, dyadics, tiny and huge.
NUMBERS = st.one_of(
    st.just(Fraction(0)),
    st.integers(-3, 3).map(Fraction),
    st.fractions(min_value=-9, max_value=9, max_denominator=7),
    st.floats(-2, 2, allow_subnormal=True).map(Fraction),
    st.sampled_from([Fraction(1, 10**300), Fraction(10) ** 300, Fraction(2) ** -1074]),
)
POSITIVE = st.fractions(min_value=Fraction(1, 9), max_value=9, max_denominator=9)
SHAPES = st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 4))


def vectors(length):
    return st.lists(NUMBERS, min_size=length, max_size=length).map(tuple)


def matrices(rows, columns):
    return st.lists(vectors(columns), min_size=rows, max_size=rows).map(tuple)


@st.composite
def linears(draw, inputs, outputs=None):
    outputs = draw(st.integers(1, 4)) if outputs is None else outputs
    return Linear(draw(matrices(outputs, inputs)), draw(vectors(outputs)))


@st.composite
def batchnorms(draw, inputs):
    variance = draw(st.lists(POSITIVE, min_size=inputs, max_size=inputs))
    return BatchNorm(
        mean=draw(vectors(inputs)),
        variance=variance,
        gamma=draw(st.none() | vectors(inputs).map(lambda row: tuple(g % 100 for g in row))),
        beta=draw(st.none() | vectors(inputs)),
        epsilon=draw(st.sampled_from([Fraction(0), Fraction(1, 10**5)])),
    )


@st.composite
def hardtanhs(draw):
    least = draw(NUMBERS)
    return HardTanh(least, least + draw(POSITIVE))


def prelus(inputs):
    return (NUMBERS | vectors(inputs)).map(PReLU)


@st.composite
def maxima(draw, inputs):
    kind = draw(st.sampled_from([MaxOut, MaxPool]))
    sizes = [size for size in range(1, inputs + 1) if inputs % size == 0]
    group = st.lists(st.integers(0, inputs - 1), min_size=1, max_size=4).map(tuple)
    listed = st.lists(group, min_size=1, max_size=4).map(lambda groups: Listed(tuple(groups)))
    return kind(draw(st.sampled_from(sizes).map(Consecutive) | listed))


@st.composite
def image_layers(draw, shape):
    """A layer on an image of that shape."""
    kernel = draw(st.tuples(st.integers(1, shape[1]), st.integers(1, shape[2])))
    stride = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    kind = draw(st.sampled_from(["conv2d", "maxpool", "avgpool2d"]))
    if kind == "maxpool":
        return MaxPool(Windows(shape, kernel, stride))
    if kind == "avgpool2d":
        return AvgPool2d(shape, kernel, stride)
    filters = draw(st.integers(1, 2))
    flat = draw(vectors(filters * shape[0] * kernel[0] * kernel[1]))
    entries = iter(flat)
    weight = [
        [[[next(entries) for _ in range(kernel[1])] for _ in range(kernel[0])] for _ in range(shape[0])]
        for _ in range(filters)
    ]
    padding = draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    return Conv2d(weight, draw(vectors(filters)), shape, stride, padding)


@st.composite
def residuals(draw, inputs, depth):
    body = draw(chains(inputs, depth - 1, most=2))
    width = inputs
    for layer in body:
        width = layer.width(width)
    return Residual((*body, draw(linears(width, inputs))) if width != inputs else tuple(body))


def layers(inputs, depth):
    """One layer for that many inputs; residual blocks at most `depth` deep."""
    shapes = [(1, 1, inputs), (inputs, 1, 1)] + [
        (1, k, inputs // k) for k in range(2, inputs) if inputs % k == 0
    ]
    choices = [
        st.sampled_from([ReLU(), ReLU(), LeakyReLU(), Abs(), ReLU6(), HardTanh(), Flatten()]),
        NUMBERS.map(LeakyReLU),
        linears(inputs),
        batchnorms(inputs),
        hardtanhs(),
        prelus(inputs),
        maxima(inputs),
        st.sampled_from(shapes).flatmap(image_layers),
    ]
    # Kinds first, so that every kind is as likely as any other.
    return st.sampled_from(choices + [residuals(inputs, depth)] * 2 * (depth > 0)).flatmap(lambda kind: kind)


@st.composite
def chains(draw, inputs, depth, most):
    chain, width = [], inputs
    for _ in range(draw(st.integers(1, most))):
        layer = draw(layers(width, depth))
        chain.append(layer)
        width = layer.width(width)
        if width > 12:
            chain.append(draw(linears(width)))
            width = chain[-1].width(width)
    return chain


@st.composite
def networks(draw, most=5):
    """A network of at most about `most` layers, its first often on an image, with residual blocks 2 deep."""
    if draw(st.integers(0, 2)):
        inputs = draw(st.integers(1, 4))
        return Network(inputs, tuple(draw(chains(inputs, 2, most))))
    shape = draw(SHAPES)
    first = draw(image_layers(shape))
    inputs = prod(shape)
    return Network(inputs, (first, *draw(chains(first.width(inputs), 1, 2))))


@st.composite
def networks_with_points(draw):
    net = draw(networks())
    return net, draw(vectors(net.input))
