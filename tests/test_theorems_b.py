"""Statements A9 to A13, R1 to R4, B2 to B6: default instances, random networks, tampered evidence."""

import json
from fractions import Fraction

import pytest
from batchnorm_strategies import networks, points, trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.data_file import Data
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.statement import Outcome, Verdict, evidence_from_json, evidence_to_json

F = Fraction
IDS = [
    "A9",
    "A9q",
    "A10",
    "A10'",
    "A11",
    "A11'",
    "A12",
    "A13",
    "R1",
    "R2",
    "R2u",
    "R3",
    "R4",
    "B2",
    "B3",
    "B5",
    "B6",
]
QUICK = [name for name in IDS if name not in ("R3", "R4", "B5", "B6")]
ENGINE = ["R3", "R4", "B5", "B6"]

# Entries that are names, or part of the instance: changed ones leave a true claim about another instance.  A sample may
# be named in place of another on the same side, and precision may be higher.  All other entries are derived from these.
PREMISES = {
    "A9": {"unit", "gamma", "epsilon", "positive", "negative"},
    "A9q": {"unit", "gamma", "beta", "epsilon"},
    "A10": {"samples", "layer", "unit"},
    "A10'": {"samples", "layer", "unit", "gamma", "epsilon", "positive", "negative"},
    "A11": {"listed", "unit"},
    "A11'": set(),
    "A12": {"unit"},
    "A13": {"unit"},
    "R1": {"bits"},
    "R2": {"labels"},
    "R2u": {"labels"},
    "R3": {"name", "rows", "offsets"},
    "R4": {"scales", "unit"},
    "B2": {"unit", "bias", "other_bias"},
    "B3": {"unit", "beta", "breakpoint", "centre", "matrix", "shift"},
    "B5": {"rows", "free_offsets"},
    "B6": {"unit", "beta", "breakpoint", "centre"},
}


def leaves(value, path=()):
    """Every number, text and truth value of evidence, with the way to it."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from leaves(entry, (*path, name))
    elif isinstance(value, tuple | list):
        for k, entry in enumerate(value):
            yield from leaves(entry, (*path, k))
    else:
        yield path, value


def with_other(value, path, new):
    """Evidence with one entry exchanged."""
    if not path:
        return new
    if isinstance(value, dict):
        return {k: with_other(x, path[1:], new) if k == path[0] else x for k, x in value.items()}
    return tuple(with_other(x, path[1:], new) if k == path[0] else x for k, x in enumerate(value))


def other(value):
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case Fraction():
            return value + F(1, 7)
        case None:
            return 0
    return value + "x"


def shows(statement, verdict):
    """The evidence shows the outcome, also after a way through JSON."""
    stored = json.loads(json.dumps(evidence_to_json(verdict.evidence)))
    again = Verdict(verdict.outcome, verdict.reason, verdict.size, evidence_from_json(stored))
    return statement.accepts(verdict) and statement.accepts(again)


@pytest.mark.parametrize("name", IDS)
def test_default_instance(name):
    statement = STATEMENTS[name]
    verdict = statement.verify()
    assert verdict.outcome is (Outcome.PROVED if statement.expected else Outcome.REFUTED), verdict.reason
    assert shows(statement, verdict)


@pytest.mark.parametrize("name", IDS)
def test_tampered_evidence_is_rejected(name):
    statement = STATEMENTS[name]
    verdict = statement.verify()
    for path, value in leaves(verdict.evidence):
        changed = with_other(verdict.evidence, path, other(value))
        if statement.accepts(Verdict(verdict.outcome, "", "", changed)):
            names = [part for part in path if isinstance(part, str)]
            assert names[-1] in PREMISES[name] or (
                names[-2:-1] == ["units"] and names[-1] in PREMISES[name]
            ), path


@pytest.mark.parametrize("name", IDS)
def test_evidence_without_entries_shows_nothing(name):
    statement = STATEMENTS[name]
    verdict = statement.verify()
    for entry in verdict.evidence:
        rest = {k: v for k, v in verdict.evidence.items() if k != entry}
        is_note = entry in PREMISES[name] - {"rows", "labels", "free_offsets", "scales"}
        assert is_note or not statement.accepts(Verdict(verdict.outcome, "", "", rest)), entry
    assert not statement.accepts(Verdict(verdict.outcome, "", "", {}))
    flipped = Outcome.REFUTED if verdict.outcome is Outcome.PROVED else Outcome.PROVED
    assert not statement.accepts(Verdict(flipped, "", "", verdict.evidence))


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=trained(), labels=st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_random_networks(name, case, labels):
    examine_random(name, *case, labels)


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=trained(beta=False), labels=st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_random_networks_without_beta(name, case, labels):
    examine_random(name, *case, labels)


@pytest.mark.parametrize("name", ENGINE)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=trained(beta=False))
def test_random_networks_through_the_engine(name, case):
    examine_random(name, *case, [0, 1, 0, 1, 1])


def examine_random(name, net, data, labels):
    """True statements are never refuted; evidence shows every verdict; out of scope says what fails."""
    statement = STATEMENTS[name]
    verdict = statement.verify(net, Data(data, labels[: len(data)]))
    assert not statement.expected or verdict.outcome is not Outcome.REFUTED, verdict.reason
    assert shows(statement, verdict)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        assert verdict.reason.startswith("hypothesis fails: ")


@settings(max_examples=examples(30), deadline=None)
@given(points(2, least=2, most=5), st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_random_data_alone(data, labels):
    for name in ("A11", "R1", "R2", "R2u"):
        statement = STATEMENTS[name]
        verdict = statement.verify(data=Data(data, labels[: len(data)]))
        assert not statement.expected or verdict.outcome is not Outcome.REFUTED
        assert shows(statement, verdict)


@settings(max_examples=examples(20), deadline=None)
@given(networks(2))
def test_network_without_data_is_out_of_scope(net):
    for name in IDS:
        if name not in ("R3",):
            assert STATEMENTS[name].verify(net).outcome is Outcome.OUT_OF_SCOPE
