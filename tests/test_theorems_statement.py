"""The framework of the ledger: instances, verdicts, evidence, and the isolation of what re-adds it."""

import ast
import sys
from fractions import Fraction
from pathlib import Path

import pytest

import exactcpa
from exactcpa.data_file import Data
from exactcpa.errors import BadArgument, DimensionMismatch
from exactcpa.layers import Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems import STATEMENTS, verify
from exactcpa.theorems.statement import (
    HypothesisFails,
    Instance,
    Outcome,
    Statement,
    Verdict,
    brief,
    evidence_from_json,
    evidence_to_json,
    examined,
    judged,
    require,
    size_text,
)

FOLDER = Path(exactcpa.__file__).parent / "theorems"


def a_statement(examine):
    return Statement(
        *("X1", "It holds.", ("data are given",), "derived for this project", True, examine),
        default=lambda: Instance(None, ((Fraction(1),),)),
        recheck=lambda evidence: (evidence["sum"] == 1) is evidence["holds"],
        arithmetic="Q",
    )


def sum_is_one(instance):
    require(instance.data, "data are given", "got none")
    total = sum(x for (x,) in instance.data)
    return judged(total == 1, f"the sum is {total}", size_text(instance), {"sum": total})


def test_default_instance_and_the_users():
    statement = a_statement(sum_is_one)

    assert statement.verify().outcome is Outcome.PROVED
    assert statement.verify(data=[[1], [1]]).outcome is Outcome.REFUTED
    assert statement.verify(data=Data([[1], ["1/2"], ["-1/2"]])).outcome is Outcome.PROVED


def test_failing_hypothesis_is_a_verdict_that_names_it():
    def never(instance):
        raise HypothesisFails("epsilon is zero", "it is 1/2 in layer 1")

    verdict = a_statement(never).verify()

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert verdict.reason == "hypothesis fails: epsilon is zero; it is 1/2 in layer 1"
    assert a_statement(never).accepts(verdict)


def test_statistics_that_do_not_exist_are_out_of_scope():
    net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), ReLU()))

    verdict = STATEMENTS["A1"].verify(net, [[2], [2]])

    assert verdict.outcome is Outcome.OUT_OF_SCOPE
    assert "constant on the batch" in verdict.reason


@pytest.mark.parametrize(
    "evidence",
    [
        {"sum": Fraction(1)},
        {"holds": True},
        {"holds": True, "sum": None},
        {"holds": False, "sum": Fraction(1)},
        {},
    ],
)
def test_rejects_malformed_evidence(evidence):
    assert not a_statement(sum_is_one).accepts(Verdict(Outcome.PROVED, "", "", evidence))


def test_rejects_points_of_another_dimension():
    net = Network(2, (Linear([[1, 0]], [0]), ReLU()))

    with pytest.raises(DimensionMismatch, match=r"points in R\^2, got points in R\^1"):
        STATEMENTS["A1"].verify(net, [[1]])
    with pytest.raises(BadArgument, match="expected a network"):
        STATEMENTS["A1"].verify("net.json", [[1]])


@pytest.mark.parametrize("limit", [0, -1, True, "3", 1.5])
def test_rejects_a_limit_that_is_none(limit):
    with pytest.raises(BadArgument, match="option limit"):
        examined([1, 2], Instance(None, (), options={"limit": limit}), "units", limit=5)


def test_limit():
    instance = Instance(None, (), options={"limit": 2})

    assert examined([1, 2, 3], instance, "units", limit=5) == (
        [1, 2],
        "; examined 2 of 3 units (option limit)",
    )
    assert examined([1, 2], instance, "units", limit=1) == ([1, 2], "")
    assert examined([1] * 9, Instance(None, (), options={"limit": None}), "units", limit=1)[1] == ""


def test_evidence_survives_json():
    evidence = {"a": (Fraction(3), 3, None, True, "text", (Fraction(-1, 3),)), "b": {"c": ()}}

    assert evidence_from_json(evidence_to_json(evidence)) == evidence
    long = (Fraction(1, 10**5000), Fraction(-(10**5000)))
    assert evidence_from_json(evidence_to_json(long)) == long
    assert brief(long[0]) == "about 1e-5000"
    with pytest.raises(BadArgument, match="expected evidence, got float"):
        evidence_to_json({"a": 0.5})


def test_verify_by_id():
    assert list(verify(["A2", "A1"])) == ["A1", "A2"]
    with pytest.raises(BadArgument, match="expected a statement out of"):
        verify("Z9")


@pytest.mark.parametrize("name", STATEMENTS)
def test_default_instances_are_as_the_ledger_says(name):
    statement = STATEMENTS[name]

    verdict = statement.verify()

    assert verdict.outcome is (Outcome.PROVED if statement.expected else Outcome.REFUTED), verdict
    assert statement.accepts(verdict)
    assert statement.hypotheses
    assert statement.source
    assert "the paper" not in statement.source


@pytest.mark.parametrize(
    "path", [*sorted(FOLDER.glob("readd_*.py")), FOLDER / "plain.py"], ids=lambda p: p.stem
)
def test_readding_imports_nothing_of_the_engine(path):
    allowed = {f"exactcpa.theorems.{name.stem}" for name in FOLDER.glob("readd_*.py")}
    allowed |= {f"exactcpa.theorems.{name}" for name in ("plain", "moments", "angles")}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name in allowed or name.partition(".")[0] in sys.stdlib_module_names, (
                f"{path.name}: {name}"
            )
