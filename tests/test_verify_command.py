"""The command ``verify``: the table, the JSON object, the exit codes."""

import json
from dataclasses import replace

import pytest

from exactcpa.cli import main
from exactcpa.data_file import Data, save_data
from exactcpa.layers import Linear, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.network_file import save_network
from exactcpa.theorems import STATEMENTS, ledger
from exactcpa.theorems.statement import Outcome, Verdict, evidence_from_json
from exactcpa.verify_command import is_surprise

NET = Network(
    2, (Linear([[1, 2], [-1, 1]], [0, 1]), TrainingBatchNorm(epsilon="1e-5"), ReLU(), Linear([[1, 1]], [0]))
)
DATA = Data([[0, 0], [3, 1], [1, 4], [-2, 2]])


@pytest.fixture
def files(tmp_path):
    save_network(NET, tmp_path / "net.json")
    save_data(DATA, tmp_path / "data.json")
    return ["--network", str(tmp_path / "net.json"), "--data", str(tmp_path / "data.json")]


def test_table(capsys):
    code = main(["verify", "A1", "A4c"])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0].split() == [
        "id",
        "statement,",
        "and",
        "what",
        "was",
        "found",
        "verdict",
        "size",
        "seconds",
    ]
    assert lines[-1] == "2 statements: 1 proved, 1 refuted; all as the ledger says"
    columns = {
        line.index(word)
        for line in lines
        for word in ("proved", "refuted")
        if line.startswith("A") and word in line
    }
    assert len(columns) == 1, "verdicts stand under each other"


def test_json_with_evidence(capsys):
    assert main(["verify", "A2", "--json", "--evidence"]) == 0

    found = json.loads(capsys.readouterr().out)
    (row,) = found["statements"]
    assert (row["id"], row["verdict"], row["as_expected"]) == ("A2", "proved", True)
    assert found["counts"] == {"proved": 1, "refuted": 0, "out of scope": 0}
    verdict = Verdict(Outcome.PROVED, row["reason"], row["size"], evidence_from_json(row["evidence"]))
    assert STATEMENTS["A2"].accepts(verdict)


def test_users_network(capsys, files):
    # A4c is false in general and may hold or not here; neither is a failure.
    assert main(["verify", "A1", "A1'", "A3", "A4c", "A6", "A7", *files]) == 0

    out = capsys.readouterr().out
    assert "n=4, D=2" in out
    assert "out of scope" in out, "A7 needs two layers"


def test_limits(capsys, files):
    assert main(["verify", "A1", "A4", "--limit", "1", "--cells", "3", *files]) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "examined 1 of 2 units" in out
    assert "at most 3 cells" in out


@pytest.mark.parametrize(
    ("expected", "outcome", "on_default", "on_users"),
    [
        (True, Outcome.PROVED, False, False),
        (True, Outcome.REFUTED, True, True),
        (True, Outcome.OUT_OF_SCOPE, True, False),
        (False, Outcome.PROVED, True, False),
        (False, Outcome.REFUTED, False, False),
        (False, Outcome.OUT_OF_SCOPE, True, False),
    ],
)
def test_surprises(expected, outcome, on_default, on_users):
    statement = replace(STATEMENTS["A1"], expected=expected)
    verdict = Verdict(outcome, "", "")

    assert is_surprise(statement, verdict, is_default=True) is on_default
    assert is_surprise(statement, verdict, is_default=False) is on_users


def test_surprise_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setitem(ledger.STATEMENTS, "A1", replace(STATEMENTS["A1"], expected=False))

    assert main(["verify", "A1"]) == 1
    assert "NOT as the ledger says: A1" in capsys.readouterr().out


def test_evidence_that_does_not_add_up_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setitem(ledger.STATEMENTS, "A1", replace(STATEMENTS["A1"], recheck=lambda evidence: False))

    assert main(["verify", "A1"]) == 1
    assert "does not add up" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["Z9"], "expected a statement out of"),
        (["A1", "--data", "missing.json"], "missing.json"),
    ],
)
def test_misuse_is_exit_code_2(capsys, arguments, reason):
    assert main(["verify", *arguments]) == 2

    assert reason in capsys.readouterr().err


def test_data_alone_leaves_network_statements_out_of_scope(capsys, files):
    assert main(["verify", "A1", *files[2:]]) == 0

    assert "a network is given" in capsys.readouterr().out
