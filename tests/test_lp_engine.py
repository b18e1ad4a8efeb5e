"""The LP engine on networks made to leave its filters behind: every proof is accepted, few questions go to integers."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactcpa as cpa


def network(sizes, seed, *, bias):
    """Random weights with 53 bits; biases too, or all zero."""
    draw = np.random.default_rng(seed)
    layers = []
    for width, following in pairwise(sizes):
        weight = draw.uniform(-1, 1, (following, width)).tolist()
        layers.append(
            {"type": "linear", "weight": weight, "bias": (bias * draw.uniform(-1, 1, following)).tolist()}
        )
        layers.append({"type": "relu"})
    head = {"format": "exactcpa-network", "version": 1, "input": sizes[0]}
    return cpa.network_from_json({**head, "layers": layers[:-1]})


def proved(net, file, **options):
    """All cells over the cube, after the checker has accepted the proof."""
    cube = cpa.Box([-1] * net.input, [1] * net.input)
    part = cpa.enumerate_cells(net, cube, method="lp", proof=file, **options)
    cpa.check(file)
    return part


@pytest.mark.parametrize("sizes", [(3, 4, 12, 1), (4, 6, 9, 1), (3, 5, 6, 6, 1), (2, 1, 6, 1)], ids=str)
def test_degenerate_few_lines_passed_on(sizes, tmp_path):
    """Without biases all lines after a narrow layer lie in a space of few dimensions: exact zeros are the rule."""
    for seed in range(3):
        net = network(sizes, seed, bias=0)
        cells = proved(net, tmp_path / "cells.cpa", facets=False)
        assert cells.summary()["decided_exactly"] <= 6 + len(cells) // 3
        assert len(proved(net, tmp_path / "facets.cpa")) == len(cells)


def test_degenerate_cones(tmp_path):
    """Without biases all cells are cones; no point beside the apex is taken for a witness."""
    part = proved(network((3, 9, 9, 1), 1, bias=0), tmp_path / "proof.cpa")
    nearest = min(max(abs(Fraction(x)) for x in witness) for witness in part.witnesses)
    assert nearest > Fraction(1, 10**6)
    assert part.summary()["decided_exactly"] <= len(part) // 20


@pytest.mark.parametrize("sizes", [(2, 6, 6, 1), (3, 6, 5, 1), (5, 5, 4, 1)], ids=str)
def test_handed_over_nodes_keep_their_points(sizes, tmp_path):
    """Points beyond facets travel with a node: several workers find what one finds."""
    net = network(sizes, 3, bias=1)
    alone, shared = proved(net, tmp_path / "a.cpa"), proved(net, tmp_path / "b.cpa", workers=2)
    assert (alone.patterns == shared.patterns).all()
    assert alone.graph().number_of_edges() == shared.graph().number_of_edges()
    assert alone.summary()["linear_programs"] == shared.summary()["linear_programs"]


def test_facets_cost_few_programs():
    """Most facets are found in passing: fewer linear programs than facets."""
    net = network((6, 8, 6, 1), 5, bias=1)
    cube = cpa.Box([-1] * 6, [1] * 6)
    with_facets = cpa.enumerate_cells(net, cube, method="lp").summary()
    without = cpa.enumerate_cells(net, cube, method="lp", facets=False).summary()
    assert with_facets["cells"] == without["cells"]
    assert with_facets["linear_programs"] - without["linear_programs"] < 2 * with_facets["edges"]
