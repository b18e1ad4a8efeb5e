"""The degenerate families: the hand proofs against the oracles, then the engine against the hand proofs."""

from __future__ import annotations

from fractions import Fraction

import oracles
import pytest
from degenerate import CASES, LARGE_CASES, Case
from oracle_program import read_domain
from sparing import all_but
from validate import edge_patterns, patterns_of, validate

import exactcpa as cpa


def is_within_reach_of_oracles(case: Case) -> bool:
    dimension = read_domain(case.domain).dimension
    return case.cells <= (600 if dimension <= 2 else 100)


def enumerated(case: Case) -> cpa.Partition:
    return cpa.enumerate_cells(cpa.network_from_json(case.network), cpa.domain_from_json(case.domain))


def counts(part: cpa.Partition) -> tuple[int, int, int]:
    summary = part.summary()
    assert summary["cells"] == len(part)
    return len(part), summary["edges"], summary["linear_regions"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if is_within_reach_of_oracles(case)])
def test_hand_proofs_agree_with_oracles(name):
    case = CASES[name]
    assert oracles.truth(case.network, case.domain).counts == case.counts


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.cells <= 60])
def test_hand_proofs_agree_with_sign_vectors(name):
    case = CASES[name]
    if read_domain(case.domain).dimension <= 4:
        assert oracles.enumerate_signs(case.network, case.domain).counts == case.counts


@pytest.mark.parametrize("name", all_but({"deep_and_narrow_8"}, CASES))
def test_engine(name):
    case = CASES[name]
    part = enumerated(case)
    assert counts(part) == case.counts
    assert part.graph().number_of_edges() == case.edges
    if case.cells <= 600:
        validate(part)


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.cells <= 100 and is_within_reach_of_oracles(case)]
)
def test_engine_lists_the_cells_of_the_oracle(name):
    case = CASES[name]
    part, answer = enumerated(case), oracles.truth(case.network, case.domain)
    assert set(patterns_of(part)) == answer.cells
    assert edge_patterns(part) == answer.edges


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE_CASES)
def test_engine_on_large_cases(name):
    case = LARGE_CASES[name]()
    assert counts(enumerated(case)) == case.counts


def narrow(kind: str, exponent: int) -> cpa.Box | cpa.Polytope:
    """A domain with a side of ``2**-exponent`` around three lines, two of which meet in it."""
    r = Fraction(1, 2**exponent)
    match kind:
        case "box":
            return cpa.Box([-r, -r], [r, r])
        case "one side":
            return cpa.Box([-1, -r], [1, r])
        case "beside":
            return cpa.Box([1, -r], [1 + r, r])
    return cpa.Polytope([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1]], [r, r, r, r, r * Fraction(3, 2)])


@pytest.mark.parametrize("exponent", [1000, 1074, 2074, 2075, 2100, 3400, 16000])
@pytest.mark.parametrize(("kind", "cells"), [("box", 5), ("one side", 7), ("beside", 2), ("polytope", 5)])
def test_domains_narrower_than_any_double(kind, cells, exponent, tmp_path):
    """As many cells as at a width that is a double, whatever the kernels' coordinates underflow to."""
    layers = (
        *(cpa.Linear([[1, 0], [0, 1], [1, 1]], [0, 0, "-1/2"]), cpa.ReLU()),
        *(cpa.Linear([[1, 1, 1], [1, -2, 1]], [0, 0]), cpa.ReLU(), cpa.Linear([[1, 1]], [0])),
    )
    domain = narrow(kind, exponent)
    volume = sum(cpa.enumerate_cells(cpa.Network(2, (cpa.Linear([[1, 1]], [0]),)), domain).volumes())
    for method in ("vertex", "lp"):
        part = cpa.enumerate_cells(
            cpa.Network(2, layers), domain, method=method, proof=tmp_path / "narrow.cpa"
        )
        assert len(part) == cells
        assert sum(part.volumes()) == volume
        assert cpa.check(tmp_path / "narrow.cpa").complete
