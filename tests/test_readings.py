"""Networks, stages and domains as the package reads them, against the oracles' own reading of the same
files.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_program import read_domain, run
from oracles import integer_row
from sparing import examples
from strategies import cases, points_of
from validate import vertices_of

import exactcpa as cpa
from exactcpa.domain import to_json as domain_to_json
from exactcpa.stages import Maximum, stages


def follow(net, x):
    """Output and pieces through the lowered form, straight from its definition."""
    value, pieces = x, []
    for stage in stages(net):
        lines = [
            sum((a * v for a, v in zip(row, value, strict=True)), b)
            for row, b in zip(stage.weight, stage.bias, strict=True)
        ]
        after = []
        for unit in stage.units:
            if isinstance(unit, Maximum):
                best = max(lines[i] for i in unit.sources)
                pieces.append(max(k for k, i in enumerate(unit.sources) if lines[i] == best))
                after.append(best)
                continue
            piece = sum(lines[unit.source] >= t for t in unit.breakpoints)
            if unit.breakpoints:
                pieces.append(piece)
            after.append(unit.slopes[piece] * lines[unit.source] + unit.intercepts[piece])
        value = after
    return tuple(value), tuple(pieces)


@settings(max_examples=examples(200), deadline=None)
@given(cases(), st.data())
def test_networks_mean_the_same(case, data):
    network, domain = json.loads(json.dumps(case))
    net = cpa.network_from_json(network)
    for x in data.draw(points_of(domain)):
        output, pieces, _ = run(network, x)
        assert net.forward(x) == output
        assert follow(net, x) == (output, pieces)
        assert net.units == len(pieces)
    assert cpa.network_from_json(cpa.network_to_json(net)) == net


@settings(max_examples=examples(100), deadline=None)
@given(cases((1, 2, 3)))
def test_domains_mean_the_same(case):
    _, domain = json.loads(json.dumps(case))
    read, region = cpa.domain_from_json(domain), read_domain(domain)
    inside = read.interior
    assert (read.dimension, read.ambient) == (region.dimension, len(region.embedding.bias))
    assert read.embed(inside) == region.embed(inside)
    assert all(sum(a * x for a, x in zip(n, inside, strict=True)) < b for n, b in region.rows)
    corners = vertices_of([integer_row((*n, b)) for n, b in region.rows])
    assert read.lower == tuple(min(c) for c in zip(*corners, strict=True))
    assert read.upper == tuple(max(c) for c in zip(*corners, strict=True))
    assert cpa.domain_from_json(domain_to_json(read)) == read
