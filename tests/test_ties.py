"""Zeros that are exact: twins, ties of few dimensions and maxima of many lines are settled in the kernels, rightly."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactcpa as cpa
from exactcpa.groups import Consecutive
from exactcpa.settle import Settler

BOTH = pytest.mark.parametrize("method", ["lp", "vertex"])
THIRD = Fraction(1, 3)


def dense(sizes, seed, *, bias):
    """Random weights with 53 bits and ReLU between: weight and bias by layer."""
    draw = np.random.default_rng(seed)
    return [
        (draw.uniform(-1, 1, (after, before)).tolist(), (bias * draw.uniform(-1, 1, after)).tolist())
        for before, after in pairwise(sizes)
    ]


def relu_network(layers):
    chain = [part for weight, bias in layers for part in (cpa.Linear(weight, bias), cpa.ReLU())]
    return cpa.Network(len(layers[0][0][0]), tuple(chain[:-1]))


def proved(net, method, file, *, low=-1, facets=False):
    """All cells over a cube, after the checker has accepted the proof."""
    box = cpa.Box([low] * net.input, [1] * net.input)
    part = cpa.enumerate_cells(net, box, method=method, facets=facets, proof=file)
    cpa.check(file)
    return part


def multiple(numbers, factor):
    return [Fraction(x) * factor for x in numbers]


@BOTH
@pytest.mark.parametrize("place", [0, 1], ids=["first layer", "second layer"])
@pytest.mark.parametrize("factor", [1, -1, Fraction(1, 2), -4, THIRD], ids=str)
def test_degenerate_twins(factor, place, method, tmp_path):
    """A unit that is a multiple of another adds no cell, and takes no integers unless its weights are no doubles."""
    layers = dense((3, 6, 6, 1), 5, bias=1)
    weight, bias = layers[place]
    without = [*layers[:place], (weight[:4] + weight[5:], bias[:4] + bias[5:]), *layers[place + 1 :]]
    following, shift = without[place + 1]
    without[place + 1] = [row[:4] + row[5:] for row in following], shift
    weight[4], bias[4] = multiple(weight[1], factor), Fraction(bias[1]) * factor
    part = proved(relu_network(layers), method, tmp_path / "twin.cpa")
    # The twin changes the lines after its layer; up to it there are the same cells.
    if place == 1:
        assert len(part) == len(proved(relu_network(without), method, tmp_path / "without.cpa"))
    if factor != THIRD:
        assert part.summary()["decided_exactly"] == 0


@BOTH
def test_degenerate_almost_twins(method, tmp_path):
    """One last bit of one weight, and the strip between the two lines is a cell."""
    layers = dense((2, 3, 1), 5, bias=1)
    weight, bias = layers[0]
    weight[1], bias[1] = list(weight[0]), bias[0]
    same = proved(relu_network(layers), method, tmp_path / "same.cpa")
    weight[1][0] = float(np.nextafter(weight[1][0], 2))
    part = proved(relu_network(layers), method, tmp_path / "strip.cpa")
    assert len(part) > len(same)
    weight[0], weight[1] = weight[1], weight[0]
    assert len(proved(relu_network(layers), method, tmp_path / "exchanged.cpa")) == len(part)


@pytest.mark.parametrize("low", [-1, -3], ids=["about the origin", "off it"])
@pytest.mark.parametrize("sizes", [(8, 6, 6, 1), (5, 4, 7, 1), (4, 3, 5, 4, 1)], ids=str)
def test_degenerate_cones_in_many_dimensions(sizes, low, tmp_path, monkeypatch):
    """Without biases rows are redundant by ties of fewer rows than there are dimensions, wherever the box is."""
    asked, settle_facet = [], Settler.settle_facet
    monkeypatch.setattr(
        Settler, "settle_facet", lambda *question: (asked.append(1), settle_facet(*question))[1]
    )
    part = proved(relu_network(dense(sizes, 2, bias=0)), "lp", tmp_path / "proof.cpa", low=low, facets=True)
    assert len(asked) <= 2 + len(part) // 20


@pytest.mark.parametrize("bits", [40, 60, 80])
def test_degenerate_almost_ties(bits, tmp_path):
    """A fourth line that is the sum of three others but for a last bit cuts their cone, however little.

    Seen from the first layer the cone is where ``h_1, h_2, h_3 >= 0``; the fourth unit is ``h_1 + h_2 + h_3`` less a
    multiple of ``h_4``, which is negative somewhere there.
    """
    tiny = 2.0**-bits
    first = [[float(i == j) for j in range(4)] for i in range(4)]
    second = [
        [1, 0, 0, 0.25],
        [0, 1, 0, 0.25],
        [0, 0, 1, 0.25],
        [1, 1, 1, 0.75 - tiny if bits < 53 else 0.75],
    ]
    if bits >= 53:
        second[3][3] = Fraction(3, 4) - Fraction(1, 2**bits)
    # Only where all of the second layer is undecided by signs does the fourth line matter: their mirror images.
    second = [[-w if j == 3 else w for j, w in enumerate(row)] for row in second]
    net = relu_network([(first, [0] * 4), (second, [0] * 4), ([[1, 1, 1, 1]], [0])])
    by_vertices = proved(net, "vertex", tmp_path / "vertex.cpa", facets=True)
    by_programs = proved(net, "lp", tmp_path / "lp.cpa", facets=True)
    assert str(cpa.compare(by_vertices, by_programs)).startswith("combinatorially the same")
    without = relu_network([(first, [0] * 4), (second[:3], [0] * 3), ([[1, 1, 1]], [0])])
    assert len(by_programs) > len(proved(without, "lp", tmp_path / "three.cpa"))


@BOTH
@pytest.mark.parametrize("pieces", [3, 4])
def test_maxima_of_many_lines(pieces, method, tmp_path):
    """No candidate of a generic maxout network is left to integers, and both walks give the same."""
    draw = np.random.default_rng(pieces)
    chain, width = [], 3
    for units in (4, 3):
        weight, bias = draw.normal(size=(units * pieces, width)), draw.normal(size=units * pieces)
        chain += [cpa.Linear(weight.tolist(), bias.tolist()), cpa.MaxOut(Consecutive(pieces))]
        width = units
    net = cpa.Network(3, (*chain, cpa.Linear([[1.0] * width], [0.0])))
    part = proved(net, method, tmp_path / "proof.cpa", facets=True)
    assert part.summary()["decided_exactly"] == 0
    other = proved(net, "vertex" if method == "lp" else "lp", tmp_path / "other.cpa", facets=True)
    assert str(cpa.compare(part, other)).startswith("combinatorially the same")


@BOTH
def test_degenerate_pooling_of_zeros(method, tmp_path):
    """After ReLU many lines of a pool are zero at once: they tie, the last of them wins, and few take integers."""
    draw = np.random.default_rng(4)
    weight, bias = draw.normal(size=(8, 2)), draw.normal(size=8)
    chain = [cpa.Linear(weight.tolist(), bias.tolist()), cpa.ReLU(), cpa.MaxPool(Consecutive(4))]
    net = cpa.Network(2, (*chain, cpa.Linear([[1.0, -1.0]], [0.0])))
    part = proved(net, method, tmp_path / "proof.cpa")
    assert part.summary()["decided_exactly"] <= len(part) // 5
    assert len(part) == len(proved(net, method, tmp_path / "facets.cpa", facets=True))
