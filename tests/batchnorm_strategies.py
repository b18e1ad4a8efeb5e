"""Random networks with batchnorm in training mode, with data that fit: small numbers, degenerate cases on purpose.

Main definitions:
    trained: Network and data; any depth up to two layers, gamma, beta, epsilon, activations, statistics or none.
    centred: The same with beta 0 and activations that bend at 0.
    points: Data of one dimension.

Conventions:
    Numbers are small fractions.  Where epsilon is 0 a unit may be constant on the data: then there are no statistics,
    and statements are out of scope.
"""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from exactcpa.groups import Consecutive
from exactcpa.network import (
    Abs,
    BatchNorm,
    HardTanh,
    LeakyReLU,
    Linear,
    MaxPool,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    TrainingBatchNorm,
)

NUMBERS = st.one_of(st.integers(-3, 3).map(Fraction), st.fractions(-4, 4, max_denominator=3))
EPSILONS = st.sampled_from([Fraction(1, 100000), Fraction(1), Fraction(0)])
BENT_AT_ZERO = [ReLU(), LeakyReLU("1/4"), LeakyReLU("-1/2"), Abs(), PReLU("1/3")]
BENT = [*BENT_AT_ZERO, HardTanh(), ReLU6()]


def vectors(length):
    return st.lists(NUMBERS, min_size=length, max_size=length).map(tuple)


def points(dimension, least=2, most=5):
    return st.lists(vectors(dimension), min_size=least, max_size=most).map(tuple)


@st.composite
def linears(draw, inputs, outputs):
    rows = [draw(vectors(inputs)) for _ in range(outputs)]
    if outputs > 1 and draw(st.integers(0, 4)) == 0:
        rows[-1] = tuple(2 * a for a in rows[0])
    return Linear(rows, draw(vectors(outputs)))


@st.composite
def batchnorms(draw, width, *, beta=True, epsilons=EPSILONS):
    gamma = draw(st.none() | vectors(width))
    shift = draw(st.none() | vectors(width)) if beta else None
    epsilon = draw(epsilons)
    if draw(st.integers(0, 3)):
        return TrainingBatchNorm(gamma=gamma, beta=shift, epsilon=epsilon)
    variance = [abs(v) + 1 for v in draw(vectors(width))]
    return BatchNorm(mean=draw(vectors(width)), variance=variance, gamma=gamma, beta=shift, epsilon=epsilon)


@st.composite
def networks(draw, inputs, *, beta=True, bends=BENT, epsilons=EPSILONS, most=2):
    layers, width = [], inputs
    for _ in range(draw(st.integers(1, most))):
        after = draw(st.integers(1, 3))
        layers += [draw(linears(width, after)), draw(batchnorms(after, beta=beta, epsilons=epsilons))]
        layers.append(draw(st.sampled_from(bends)))
        width = after
    ending = draw(st.sampled_from(["none", "linear", "logit", "residual", "maximum"]))
    if ending in ("linear", "logit"):
        layers.append(draw(linears(width, 1)))
    if ending == "logit":
        layers.append(draw(batchnorms(1, beta=beta, epsilons=epsilons)))
    if ending == "residual":
        inner = draw(batchnorms(width, beta=beta, epsilons=epsilons))
        layers.append(Residual((draw(linears(width, width)), inner, ReLU())))
    if ending == "maximum":
        layers += [draw(linears(width, 2)), draw(batchnorms(2, beta=beta, epsilons=epsilons))]
        layers.append(MaxPool(Consecutive(2)))
    return Network(inputs, tuple(layers))


@st.composite
def trained(draw, **options):
    inputs = draw(st.integers(1, 2))
    return draw(networks(inputs, **options)), draw(points(inputs))


def centred(**options):
    return trained(beta=False, bends=BENT_AT_ZERO, **options)
