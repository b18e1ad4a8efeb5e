"""The oracles against each other and against counts known by hand: they are the truth for everything else."""

from __future__ import annotations

import math
from fractions import Fraction

import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_program import compile_network, nearest_double_of_root, read_domain, run
from sparing import examples
from strategies import KINDS, cases

SQUARE = {"type": "box", "lower": [-1, -1], "upper": [1, 1]}


def one_layer(weight, bias, activation, head=None):
    layers = [{"type": "linear", "weight": weight, "bias": bias}, activation]
    return {"input": len(weight[0]), "layers": layers + ([head] if head else [])}


def agree(network, domain):
    clipped, listed = oracles.clip(network, domain), oracles.enumerate_signs(network, domain)
    assert clipped == listed
    box = oracles.measure(oracles.domain_polygon(read_domain(domain)))
    assert sum(clipped.volumes.values()) == box
    return clipped


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=examples(25), deadline=None)
@given(st.data())
def test_clipping_agrees_with_sign_vectors(kind, data):
    agree(*data.draw(cases((1, 2), [kind])))


@pytest.mark.slow
@settings(max_examples=examples(3000), deadline=None)
@given(cases((1, 2)))
def test_clipping_agrees_with_sign_vectors_often(case):
    agree(*case)


@settings(max_examples=examples(60), deadline=None)
@given(cases((1, 2, 3, 4)), st.integers(0, 2**32))
def test_a_point_lies_in_the_cell_of_its_pattern(case, seed):
    """The recursion over cells and the plain forward pass agree at the cells' interior points."""
    network, domain = case
    region = read_domain(domain)
    states, _ = oracles.row_systems(network, domain)
    for state in states:
        point = oracles.strict_point(state.shape)
        output, pieces, ties = run(network, region.embed(point))
        assert pieces == state.pattern
        assert {i for i, tied in enumerate(ties) if tied} == state.flat
        assert output == tuple(oracles._value(line, point) for line in state.lines)


@settings(max_examples=examples(25), deadline=None)
@given(cases((3, 4)))
def test_sign_vectors_in_three_and_four_dimensions(case):
    """`row_edges` asserts that every facet has exactly one cell beyond it, mutually; here it is only run."""
    answer = oracles.enumerate_signs(*case)
    assert len(answer.edges) >= len(answer.cells) - 1


def test_two_crossing_lines():
    """x = 0 and y = 0 in the square: four quadrants, four half-axes; |x| has two maps, left and right."""
    both = one_layer(
        [[1, 0], [0, 1]], [0, 0], {"type": "abs"}, {"type": "linear", "weight": [[1, 0]], "bias": [0]}
    )
    answer = agree(both, SQUARE)
    assert answer.counts == (4, 4, 2)
    assert set(answer.volumes.values()) == {Fraction(1)}


def test_flat_unit_takes_the_upper_piece():
    """z = 0 identically: piece 1, listed as flat, cuts nothing."""
    answer = agree(one_layer([[0, 0]], [0], {"type": "relu"}), SQUARE)
    assert answer.cells == {(1,)}
    assert answer.flat == {(1,): frozenset({0})}


def test_tied_maximum_takes_the_larger_position():
    """max(x, x, -x): position 1 beats its twin 0 where x > 0; flat there, not where -x wins alone."""
    answer = agree(one_layer([[1, 0], [1, 0], [-1, 0]], [0, 0, 0], {"type": "maxout", "size": 3}), SQUARE)
    assert answer.flat == {(1,): frozenset({0}), (2,): frozenset()}
    assert answer.counts == (2, 1, 2)


def test_duplicated_unit_switches_with_its_twin():
    answer = agree(one_layer([[1, 0], [2, 0], [-1, 0]], [0, 0, 0], {"type": "relu"}), SQUARE)
    (edge,) = answer.edges
    assert oracles.switching_units(edge) == {0, 1, 2}


def test_batchnorm_scale_is_rounded_once():
    assert nearest_double_of_root(Fraction(2)) == Fraction(math.sqrt(2.0))
    assert nearest_double_of_root(Fraction(1, 9)) == Fraction(1 / 3)
    assert nearest_double_of_root(Fraction(9, 4)) == Fraction(3, 2)
    layer = {"type": "batchnorm", "mean": [3], "variance": [4], "gamma": [-1], "beta": [1], "epsilon": 0}
    (step,) = compile_network({"input": 1, "layers": [layer]})
    assert step.weight == ((Fraction(-1, 2),),)
    assert step.bias == (Fraction(5, 2),)


def test_convolution_and_pooling_by_hand():
    """A 1 x 2 x 2 image (a, b, c, d): kernel [[1, 1]] gives (a+b, c+d); averages of rows halve that."""
    image = tuple(Fraction(v) for v in (1, 2, 3, 5))
    kernel = {"type": "conv2d", "shape": [1, 2, 2], "weight": [[[[1, 1]]]], "bias": [0]}
    average = {"type": "avgpool2d", "shape": [1, 2, 2], "kernel": [1, 2]}
    largest = {"type": "maxpool", "shape": [1, 2, 2], "kernel": [2, 1]}
    assert run({"input": 4, "layers": [kernel]}, image)[0] == (3, 8)
    assert run({"input": 4, "layers": [average]}, image)[0] == (Fraction(3, 2), 4)
    assert run({"input": 4, "layers": [largest]}, image)[:2] == ((3, 5), (1, 1))


def test_linear_program_settles_touching_rows():
    """x <= 0 and -x <= 0 touch: no interior; x < 1 opens one."""
    assert oracles.strict_point(frozenset({(1, 0), (-1, 0)})) is None
    (x,) = oracles.strict_point(frozenset({(1, 1), (-1, 0)}))
    assert 0 < x < 1
