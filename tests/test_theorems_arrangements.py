"""A4, A4b, A4c: known counts, random layers, hypotheses failing one by one, evidence changed."""

from fractions import Fraction
from math import comb

import pytest
from evidence import BENDS_AT_ZERO, accepts_changed, assert_accepted, assert_rejects_the_opposite, instances
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadArgument
from exactcpa.layers import HardTanh, Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.arrangement_cells import (
    box_meeting_every_cell,
    generic_offsets,
    hyperplane_network,
)
from exactcpa.theorems.arrangements import central_cells, on_the_line
from exactcpa.theorems.plain import count_cells, is_general, rank, solve
from exactcpa.theorems.statement import Outcome

F = Fraction
A4, A4B, A4C = (STATEMENTS[name] for name in ("A4", "A4b", "A4c"))
ALL = pytest.mark.parametrize("statement", [A4, A4B, A4C], ids=lambda s: s.id)
ENTRIES = st.integers(-2, 2).map(Fraction)
DATA = [[0, 0], [3, 1], [1, 4], [-2, 2], [5, -1]]


def arrangements(most=5):
    rows = st.integers(1, 3).flatmap(
        lambda d: st.lists(st.tuples(*[ENTRIES] * d, ENTRIES), min_size=1, max_size=most)
    )
    return rows.map(lambda found: (tuple(row[:-1] for row in found), tuple(row[-1] for row in found)))


def layer(rows, bias=None, activation=None, **parameters):
    norm = TrainingBatchNorm(**({"epsilon": 0} | parameters))
    return Network(len(rows[0]), (Linear(rows, bias or [0] * len(rows)), norm, activation or ReLU()))


# ---------------------------------------------------------------------- counting


@pytest.mark.parametrize(("m", "d"), [(1, 1), (5, 1), (4, 2), (7, 2), (6, 3), (3, 4)])
def test_count_of_generic_and_central_arrangements(m, d):
    rows = [[F(k**j) for j in range(d)] for k in range(1, m + 1)]

    assert is_general(rows)
    assert count_cells([(row, F(0)) for row in rows]) == central_cells(m, d)
    pairs = list(zip(rows, generic_offsets(tuple(map(tuple, rows))), strict=True))
    assert count_cells(pairs) == sum(comb(m, i) for i in range(d + 1))


@given(arrangements())
@settings(max_examples=examples(60), deadline=None)
def test_box_meets_every_cell(arrangement):
    rows, offsets = arrangement
    box = box_meeting_every_cell(rows, offsets)

    # Two countings that share nothing: the engine in the box, deletion and restriction in all of space.
    part = enumerate_cells(hyperplane_network(rows, offsets), box, facets=False)
    assert len(part) == count_cells(list(zip(rows, offsets, strict=True)))


def test_count_of_degenerate_arrangements():
    x, y, zero = (F(1), F(0)), (F(0), F(1)), (F(0), F(0))

    assert count_cells([]) == 1
    assert count_cells([(zero, F(0)), (zero, F(1))]) == 1
    assert count_cells([(x, F(1)), ((F(-2), F(0)), F(-2)), (x, F(2))]) == 3
    assert count_cells([(x, F(0)), (y, F(0)), ((F(1), F(1)), F(0))]) == 6


@given(arrangements())
@settings(max_examples=examples(60), deadline=None)
def test_solve_and_rank(arrangement):
    rows, offsets = arrangement
    found = solve(rows, offsets)

    augmented = [(*row, c) for row, c in zip(rows, offsets, strict=True)]
    if found is None:
        assert rank(augmented) == rank(rows) + 1
    else:
        assert rank(augmented) == rank(rows)
        assert [sum(a * x for a, x in zip(row, found, strict=True)) for row in rows] == list(offsets)


# ---------------------------------------------------------------------- known values


def test_a4_known_counts():
    (found,) = A4.verify().evidence["layers"]

    assert len(found["central"]["witnesses"]) == 2 * (1 + 5 + 10) == 32
    assert len(found["generic"]["witnesses"]) - 32 == comb(5, 3)


def test_a4c_known_counts():
    (found,) = A4C.verify().evidence["layers"]
    (line,) = A4C.judge(on_the_line()).evidence["layers"]

    assert (len(found["central"]["witnesses"]), len(found["own"]["witnesses"])) == (12, 22)
    assert (len(line["central"]["witnesses"]), len(line["own"]["witnesses"])) == (2, 5)


@pytest.mark.parametrize("window", ["1/1000", 1, 1000])
def test_every_window_meets_all_cells(window):
    verdict = A4.verify(layer([[1, 0], [0, 1], [1, 1], [1, -1]]), DATA, window=window)

    assert verdict.outcome is Outcome.PROVED
    assert len(verdict.evidence["layers"][0]["central"]["witnesses"]) == 8


def test_a4c_holds_where_nothing_is_gained():
    # Two independent hyperplanes have four cells wherever they are.
    verdict = A4C.verify(layer([[1, 0], [0, 1]], [3, 5]), DATA)

    assert verdict.outcome is Outcome.PROVED
    assert A4C.accepts(verdict)


def test_deep_layers_are_examined_in_their_own_space():
    net = Network(2, (*layer([[1, 0], [0, 1], [1, 1]]).layers, *layer([[1, 0, 2], [0, 1, -1]]).layers))

    verdict = A4.verify(net, DATA)

    assert verdict.outcome is Outcome.PROVED
    assert [len(found["central"]["witnesses"]) for found in verdict.evidence["layers"]] == [6, 4]


# ---------------------------------------------------------------------- all three


@ALL
@given(case=instances(plain=True, bends=BENDS_AT_ZERO, units=4))
@settings(max_examples=examples(20), deadline=None)
def test_random_networks(statement, case):
    verdict = statement.verify(*case)

    assert verdict.outcome is not Outcome.REFUTED or not statement.expected
    assert_accepted(statement, verdict)


@ALL
@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (layer([[1, 0]], beta=[1]), "beta is zero and gamma is not"),
        (layer([[1, 0]], gamma=[0]), "beta is zero and gamma is not"),
        (layer([[0, 0]], epsilon=1), "no w is zero"),
        (layer([[1, 0]], activation=HardTanh()), "breakpoint 0 alone"),
        (layer([[1, 0], [0, 1], [1, 1]]), "at most 3 cells (option cells)"),
        (Network(2, (Linear([[1, 0]], [0]), ReLU())), "the network has a batchnorm"),
        (Network(2, (Linear([[1, 0]], [0]), TrainingBatchNorm(epsilon=0))), "breakpoint 0 alone"),
    ],
    ids=["beta", "gamma", "zero row", "hardtanh", "too many", "no batchnorm", "no activation"],
)
def test_out_of_scope(statement, net, reason):
    verdict = statement.verify(net, DATA, cells=3)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert reason in verdict.reason


def test_a4_needs_general_position():
    verdict = A4.verify(layer([[1, 0], [2, 0], [0, 1]]), DATA)

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert "general position" in verdict.reason


def test_rejects_a_window_without_size():
    with pytest.raises(BadArgument, match="option window"):
        A4.verify(layer([[1, 0]]), DATA, window=0)


@ALL
def test_rejects_the_opposite(statement):
    assert_rejects_the_opposite(statement, statement.verify())


@ALL
def test_rejects_changed_evidence(statement):
    verdict = statement.verify()
    found = verdict.evidence["layers"][0]
    fewer = {**found["central"], "witnesses": found["central"]["witnesses"][1:]}
    changed = {**verdict.evidence, "layers": ({**found, "central": fewer},)}

    assert not statement.accepts(type(verdict)(verdict.outcome, "", "", changed))
    assert not accepts_changed(statement, verdict, "layers", 0, "centroid", 0)
    assert not accepts_changed(statement, verdict, "layers", 0, "central", "offsets", 0)


def test_a4b_rejects_changed_counts():
    verdict = A4B.verify()

    assert not accepts_changed(A4B, verdict, "layers", 0, "choices", 7, "cells", by=1)
    assert not accepts_changed(A4B, verdict, "layers", 0, "own", "cells", by=1)
    assert not accepts_changed(A4B, verdict, "layers", 0, "own", "radius", by=F(1000))


def test_a4b_counts_the_hyperplanes_through_the_centroid():
    # The centroid is (7/5, 6/5): the second unit's own offset passes through it, the others' do not.
    verdict = A4B.verify(layer([[1, 0], [0, 5], [1, 1]], [0, -6, 0]), DATA)
    (found,) = verdict.evidence["layers"]

    assert found["own"]["cells"] == 2
    assert max(entry["cells"] for entry in found["choices"]) == 6
    assert A4B.accepts(verdict)
