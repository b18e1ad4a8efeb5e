"""`validate` accepts what the oracles found and rejects it as soon as anything is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx
import numpy as np
import oracles
import pytest
import validate as checks
from degenerate import CASES
from hypothesis import given, settings
from sparing import examples
from strategies import cases

import exactcpa as cpa
from exactcpa.partition import AffineMap


@dataclass(frozen=True)
class Told:
    """A partition made up by hand, with what `validate` reads of one."""

    network: cpa.Network
    domain: cpa.Box
    patterns: list
    witnesses: list
    facet_starts: list
    facet_neighbours: list
    region_labels: list
    volume_list: list
    maps: list

    def __len__(self):
        return len(self.patterns)

    def summary(self):
        return {"edges": len(self.facet_neighbours) // 2, "linear_regions": len(set(self.region_labels))}

    def witness(self, i):
        return self.witnesses[i]

    def adjacency(self):
        return self.facet_starts, self.facet_neighbours

    def linear_regions(self):
        return [
            tuple(i for i, label in enumerate(self.region_labels) if label == wanted)
            for wanted in set(self.region_labels)
        ]

    def affine_map(self, i):
        return AffineMap(tuple(f[:-1] for f in self.maps[i]), tuple(f[-1] for f in self.maps[i]))

    def volumes(self):
        return self.volume_list

    def graph(self):
        graph = networkx.Graph()
        graph.add_nodes_from(range(len(self)))
        starts = np.repeat(range(len(self)), np.diff(self.facet_starts))
        graph.add_edges_from(zip(starts, self.facet_neighbours, strict=True))
        return graph


def told(network, domain):
    """The oracle's answer in the shape of a partition."""
    answer = oracles.truth(network, domain)
    patterns = sorted(answer.cells)
    number = {pattern: i for i, pattern in enumerate(patterns)}
    neighbours = [sorted(number[q] for e in answer.edges if p in e for q in e - {p}) for p in patterns]
    same = networkx.Graph()
    same.add_nodes_from(range(len(patterns)))
    same.add_edges_from(
        tuple(number[p] for p in e) for e in answer.edges if len({answer.maps[p] for p in e}) == 1
    )
    labels = {i: k for k, part in enumerate(networkx.connected_components(same)) for i in part}
    cells = [checks.cell_of(network, domain, p) for p in patterns]
    return Told(
        network=cpa.network_from_json(network),
        domain=cpa.domain_from_json(domain),
        patterns=patterns,
        witnesses=[oracles.strict_point(cell.rows) for cell in cells],
        facet_starts=[0, *np.cumsum([len(n) for n in neighbours])],
        facet_neighbours=[j for n in neighbours for j in n],
        region_labels=[labels[i] for i in range(len(patterns))],
        volume_list=[checks.faces_of(cell.rows).volume for cell in cells],
        maps=[answer.maps[p] for p in patterns],
    )


@settings(max_examples=examples(60), deadline=None)
@given(cases((1, 2, 3)))
def test_accepts_the_truth(case):
    checks.validate(told(*case))


NAMES = ("design_example", "zero_bias_plane", "two_bit_plane", "zero_bias_space", "three_sectors")


@pytest.mark.parametrize("name", NAMES)
def test_accepts_the_truth_on_degenerate_families(name):
    checks.validate(told(CASES[name].network, CASES[name].domain))


def other_witness(part):
    return replace(part, witnesses=[part.witnesses[1], *part.witnesses[1:]])


def witness_on_a_facet(part):
    return replace(part, witnesses=[(0, 0), *part.witnesses[1:]])


def repeated_pattern(part):
    return replace(part, patterns=[part.patterns[0], *part.patterns[:-1]])


def re_pointed_facet(part):
    rest = part.facet_neighbours[1:]
    other = next(j for j in range(1, len(part)) if j not in part.facet_neighbours[: part.facet_starts[1]])
    return replace(part, facet_neighbours=[other, *rest])


def dropped_facet(part):
    start = [s - (k > 0) for k, s in enumerate(part.facet_starts)]
    return replace(part, facet_neighbours=part.facet_neighbours[1:], facet_starts=start)


def changed_volume(part):
    first, second, *rest = part.volume_list
    return replace(part, volume_list=[first / 2, second + first / 2, *rest])


def missing_cell(part):
    """Cell 0 and all its facets forgotten."""
    kept = [[j - 1 for j in checks.neighbours_of(part, i) if j] for i in range(1, len(part))]
    return replace(
        part,
        patterns=part.patterns[1:],
        witnesses=part.witnesses[1:],
        facet_starts=[0, *np.cumsum([len(n) for n in kept])],
        facet_neighbours=[j for n in kept for j in n],
        region_labels=part.region_labels[1:],
        volume_list=part.volume_list[1:],
        maps=part.maps[1:],
    )


def merged_regions(part):
    return replace(part, region_labels=[0] * len(part))


def swapped_maps(part):
    return replace(part, maps=part.maps[::-1])


@pytest.mark.parametrize(
    "tamper",
    [
        other_witness,
        witness_on_a_facet,
        repeated_pattern,
        re_pointed_facet,
        dropped_facet,
        changed_volume,
        missing_cell,
        merged_regions,
        swapped_maps,
    ],
)
@pytest.mark.parametrize("name", ["design_example", "zero_bias_plane", "related_units"])
def test_rejects(name, tamper):
    with pytest.raises(AssertionError):
        checks.validate(tamper(told(CASES[name].network, CASES[name].domain)))
