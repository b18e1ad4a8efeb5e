"""What leaves a plainly batch-normalised network as it is, exactly: functions, hyperplanes, cells.

Plain: gamma 1, beta 0.  Statistics are those of the data, so a change of the data or of the raw parameters that they
undo changes nothing.  Functions are compared in the deployed reading where it rounds the same numbers (for factors that
are powers of two), and cells in the ideal reading for any factor.
"""

from dataclasses import replace
from fractions import Fraction

from batchnorm_strategies import BENT, BENT_AT_ZERO, NUMBERS, linears, points, vectors
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa.errors import BadNetwork
from exactcpa.network import Abs, Linear, Network, TrainingBatchNorm
from exactcpa.theorems.layer_view import normalised_layers

F = Fraction
FACTORS = st.fractions(min_value=F(1, 9), max_value=9, max_denominator=9)
POWERS = st.integers(-3, 3).map(lambda k: F(2) ** k)
EPSILONS = st.sampled_from([F(0), F(0), F(1, 100000), F(1)])
SOME = settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@st.composite
def cases(draw, *, bends=BENT, epsilon=EPSILONS):
    """A plain network of two layers and a head, its data, and queries; statistics exist."""
    inputs = draw(st.integers(1, 2))
    bend, eps = draw(st.sampled_from(bends)), draw(epsilon)
    layers, width = [], inputs
    for _ in range(2):
        after = draw(st.integers(1, 3))
        layers += [draw(linears(width, after)), TrainingBatchNorm(epsilon=eps), bend]
        width = after
    net = Network(inputs, (*layers, draw(linears(width, 1))))
    data = draw(points(inputs, least=3))
    assume(statistics_exist(net, data))
    return net, data, [*data, *draw(points(inputs))]


def statistics_exist(net, data):
    try:
        cpa.freeze(net, data)
    except BadNetwork:
        return False
    return True


def values(net, data, queries):
    """The deployed function at points."""
    frozen = cpa.freeze(net, data)
    return [frozen.forward(x) for x in queries]


def cells(net, data, domain, order=None):
    """The patterns of the cells in the ideal reading; units put into another order before comparing."""
    try:
        ideal = cpa.IdealNetwork(net, data)
    except BadNetwork:
        assume(False)  # a unit that only rounded scales keep from being constant
    found = cpa.enumerate_cells(ideal, domain, facets=False).patterns.tolist()
    return {tuple(row if order is None else [row[k] for k in order]) for row in found}


def box_of(data):
    """A box round the data, and a bit more."""
    return cpa.Box([min(c) - F(1, 2) for c in zip(*data)], [max(c) + 1 for c in zip(*data)])  # noqa: B905


def moved(rows, shift):
    return tuple(tuple(a + b for a, b in zip(row, shift, strict=True)) for row in rows)


def with_layer(net, number, layer):
    return Network(net.input, (*net.layers[:number], layer, *net.layers[number + 1 :]))


def scaled_row(net, number, unit, factor):
    """The network with one row of a linear layer, and its raw bias, times a factor."""
    layer = net.layers[number]
    weight, bias = list(layer.weight), list(layer.bias)
    weight[unit] = tuple(factor * a for a in weight[unit])
    bias[unit] = factor * bias[unit]
    return with_layer(net, number, Linear(weight, bias))


# ---------------------------------------------------------------------- data and query move together


@SOME
@given(cases(), st.data())
def test_translated_data_and_queries(case, draw):
    net, data, queries = case
    shift = draw.draw(vectors(net.input))
    assert values(net, moved(data, shift), moved(queries, shift)) == values(net, data, queries)
    box = box_of(data)
    other = cpa.Box(*moved([box.lower, box.upper], shift))
    assert cells(net, moved(data, shift), other) == cells(net, data, box)


@SOME
@given(cases(), st.data())
def test_affinely_mapped_input(case, draw):
    """``x -> M x + t`` with ``W -> W M^-1``: the first layer sees the same values."""
    net, data, queries = case
    shift, slope = draw.draw(vectors(net.input)), draw.draw(NUMBERS)
    if net.input == 1:
        stretch = draw.draw(NUMBERS.filter(bool))
        matrix, inverse = [[stretch]], [[1 / stretch]]
    else:
        matrix, inverse = [[F(2), slope], [F(0), F(-1)]], [[F(1, 2), slope / 2], [F(0), F(-1)]]
    first = net.layers[0]
    weight = [[dot(row, column) for column in zip(*inverse, strict=True)] for row in first.weight]
    other = with_layer(net, 0, Linear(weight, first.bias))

    def mapped(rows):
        return moved([tuple(dot(line, row) for line in matrix) for row in rows], shift)

    assert values(other, mapped(data), mapped(queries)) == values(net, data, queries)


def dot(left, right):
    return sum((a * b for a, b in zip(left, right, strict=True)), F(0))


# ---------------------------------------------------------------------- the raw parameters


@SOME
@given(cases(), st.data())
def test_other_raw_biases(case, draw):
    net, data, queries = case
    other = net
    for number in (0, 3):
        layer = net.layers[number]
        bias = draw.draw(vectors(len(layer.bias)))
        other = with_layer(other, number, Linear(layer.weight, bias))
    assert values(other, data, queries) == values(net, data, queries)
    assert cells(other, data, box_of(data)) == cells(net, data, box_of(data))


@SOME
@given(cases(epsilon=st.just(F(0))), st.sampled_from([0, 3]), POWERS, st.data())
def test_row_scaled_by_a_power_of_two(case, number, factor, draw):
    net, data, queries = case
    unit = draw.draw(st.integers(0, len(net.layers[number].weight) - 1))
    assert values(scaled_row(net, number, unit, factor), data, queries) == values(net, data, queries)


@SOME
@given(cases(epsilon=st.just(F(0))), st.sampled_from([0, 3]), FACTORS, st.data())
def test_row_scaled_by_any_factor(case, number, factor, draw):
    net, data, _ = case
    unit = draw.draw(st.integers(0, len(net.layers[number].weight) - 1))
    other = scaled_row(net, number, unit, factor)
    assert cells(other, data, box_of(data)) == cells(net, data, box_of(data))
    before, after = normalised_layers(net, data)[0], normalised_layers(other, data)[0]
    if number == 0:
        assert after.rows[unit] == tuple(factor * a for a in before.rows[unit])
        assert after.offset(unit) == factor * before.offset(unit)


@SOME
@given(cases(bends=[Abs()]), st.sampled_from([0, 3]), st.data())
def test_negated_row_before_an_absolute_value(case, number, draw):
    net, data, queries = case
    unit = draw.draw(st.integers(0, len(net.layers[number].weight) - 1))
    assert values(scaled_row(net, number, unit, F(-1)), data, queries) == values(net, data, queries)


# ---------------------------------------------------------------------- samples and units


@SOME
@given(cases(), st.integers(2, 3))
def test_duplicated_samples(case, times):
    net, data, queries = case
    assert cpa.freeze(net, data * times) == cpa.freeze(net, data)
    assert values(net, data * times, queries) == values(net, data, queries)


@SOME
@given(cases(), st.data())
def test_permuted_samples(case, draw):
    net, data, _ = case
    assert cpa.freeze(net, draw.draw(st.permutations(data))) == cpa.freeze(net, data)


@SOME
@given(cases(), st.data())
def test_permuted_units(case, draw):
    """Units of the first layer in another order, the next layer's columns with them."""
    net, data, queries = case
    first, after = net.layers[0], net.layers[3]
    order = draw.draw(st.permutations(range(len(first.weight))))
    rows = Linear([first.weight[k] for k in order], [first.bias[k] for k in order])
    columns = Linear([[row[k] for k in order] for row in after.weight], after.bias)
    other = with_layer(with_layer(net, 0, rows), 3, columns)
    assert values(other, data, queries) == values(net, data, queries)
    back = [order.index(k) for k in range(len(order))]
    back += range(len(order), len(order) + len(after.weight))
    assert cells(other, data, box_of(data), back) == cells(net, data, box_of(data))


# ---------------------------------------------------------------------- the scales of one layer


def with_common_factor(net, factor):
    """The first layer's sigmas divided by a factor, as gamma does it."""
    width = len(net.layers[0].weight)
    return with_layer(net, 1, replace(net.layers[1], gamma=(factor,) * width))


@SOME
@given(cases(bends=BENT_AT_ZERO, epsilon=st.just(F(0))), POWERS)
def test_scales_of_a_layer_times_a_power_of_two(case, factor):
    net, data, queries = case
    assert values(with_common_factor(net, factor), data, queries) == values(net, data, queries)


@SOME
@given(cases(bends=BENT_AT_ZERO, epsilon=st.just(F(0))), FACTORS)
def test_scales_of_a_layer_times_any_factor(case, factor):
    net, data, _ = case
    other = with_common_factor(net, factor)
    assert cells(other, data, box_of(data)) == cells(net, data, box_of(data))


def test_scales_of_one_unit_do_matter():
    """Only a common factor is undone: A8b.  With one unit's scale doubled the second layer bends elsewhere."""
    net = Network(
        1,
        (
            Linear([[1], [-1]], [0, 1]),
            TrainingBatchNorm(epsilon=0),
            cpa.ReLU(),
            Linear([[1, 1]], [0]),
            TrainingBatchNorm(epsilon=0),
            cpa.ReLU(),
        ),
    )
    data = [[0], [1], [5]]
    other = with_layer(net, 1, replace(net.layers[1], gamma=(F(2), F(1))))
    queries = [[F(k, 4)] for k in range(-8, 30)]
    assert values(other, data, queries) != values(net, data, queries)
