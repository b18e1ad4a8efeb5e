"""The degenerate collection: its counts again, its files in three formats, and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from oracles import truth

import exactcpa as cpa
from exactcpa.cli import main
from exactcpa.hard import export, to_arrays

ROOT = Path(__file__).resolve().parent.parent
CASES = cpa.hard_cases()
FAMILIES = list(dict.fromkeys(case.family for case in CASES.values()))


def test_families():
    assert [
        *("concurrent", "duplicated", "scaled", "dead", "integer", "quantised", "zero_bias", "tent", "grid"),
        *("thin", "badly_scaled", "deep_narrow", "bn_coincidences", "crelu"),
    ] == FAMILIES


@pytest.mark.parametrize("name", CASES)
def test_engine_finds_the_counts(name):
    case = CASES[name]
    part = cpa.enumerate_cells(case.network, case.domain)
    summary = part.summary()

    assert (len(part), summary["edges"], summary["linear_regions"]) == case.counts


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.cells <= 40])
def test_oracle_finds_the_counts(name):
    case = CASES[name]
    domain = json.loads((ROOT / "data" / "hard" / "truth.json").read_text())["cases"][name]["domain"]

    assert truth(cpa.network_to_json(case.network), domain).counts == case.counts


def test_two_methods_each():
    assert all(len(set(case.proved_by)) >= 2 for case in CASES.values())
    assert all({"oracle", "formula"} & set(case.proved_by) for case in CASES.values())


@pytest.mark.parametrize("name", ["bn_deep_2_6_6", "bn_parallel_6"])
def test_batchnorm_makes_units_coincide(name):
    """Units of one direction and different biases switch together."""
    case = CASES[name]
    first = case.network.layers[0]
    assert len(set(zip(first.weight, first.bias, strict=True))) == len(first.bias)

    patterns = cpa.enumerate_cells(case.network, case.domain).patterns
    groups = [k for k in range(1, len(first.bias)) if first.weight[k] == first.weight[k - 1]]

    assert groups
    assert all(pieces[k] == pieces[k - 1] for pieces in patterns for k in groups)


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import make_hard

    return make_hard


def test_networks_are_current(script):
    cases = script.families()

    assert list(cases) == list(CASES)
    for name, case in cases.items():
        assert (ROOT / "data" / "hard" / f"{name}.json").read_text() == script.text_of(case.network), name


def test_entries_are_current(script):
    told = json.loads((ROOT / "data" / "hard" / "truth.json").read_text())["cases"]
    cases = script.families()

    for name in ("lines_through_a_point_5", "crelu_3_6_4", "bn_negated_5", "zero_rows"):
        assert script.truth_of(name, cases[name]) == told[name]


def test_disagreeing_methods_are_refused(script):
    case = script.families()["zero_rows"]
    wrong = script.Hard(case.family, case.network, case.domain, (3, 1, 2), case.proof)

    with pytest.raises(RuntimeError, match="two methods that agree"):
        script.truth_of("zero_rows", wrong)


def test_export_round_trip(tmp_path):
    export(tmp_path)
    told = json.loads((tmp_path / "truth.json").read_text())

    assert list(told["cases"]) == list(CASES)
    for name, entry in told["cases"].items():
        assert cpa.load_network(str(tmp_path / entry["network"])) == CASES[name].network
        if "npz" in entry:
            assert same_function(cpa.load_network(str(tmp_path / entry["npz"])), CASES[name].network)


def same_function(one, other):
    return (
        one.input == other.input
        and to_arrays(one).keys() == to_arrays(other).keys()
        and all(np.array_equal(to_arrays(one)[name], to_arrays(other)[name]) for name in to_arrays(one))
    )


def test_numbers_that_are_no_doubles_have_no_npz():
    assert to_arrays(CASES["bn_deep_2_6_6"].network) is None
    assert to_arrays(CASES["bn_parallel_6"].network).keys() >= {"bn0_mean", "bn0_eps"}


def test_onnx_computes_the_network(tmp_path):
    pytest.importorskip("onnx", reason="the package onnx is in the extra models")
    from onnx.reference import ReferenceEvaluator

    export(tmp_path, ["bn_coincidences", "integer"])
    told = json.loads((tmp_path / "truth.json").read_text())["cases"]
    for name, entry in told.items():
        if "onnx" not in entry:
            continue
        net = CASES[name].network
        point = np.random.default_rng(0).integers(-4, 4, (1, net.input)) / 4
        (value,) = ReferenceEvaluator(str(tmp_path / entry["onnx"])).run(None, {"input": point})
        exact = [float(q) for q in net.forward(point[0].tolist())]
        assert np.allclose(value[0], exact), name


def test_command_lists(capsys):
    assert main(["hard", "--family", "tent", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)

    assert [case["cells"] for case in facts["cases"]] == [8, 128, 1024]


def test_command_exports(tmp_path, capsys):
    assert main(["hard", "--family", "tent", "--export", str(tmp_path / "new" / "folder")]) == 0

    assert "3 .json, 3 .npz" in capsys.readouterr().out
    assert len(list((tmp_path / "new" / "folder").glob("*.npz"))) == 3


def test_rejects_unknown_family(capsys):
    assert main(["hard", "--family", "easy"]) == 2
    assert "easy" in capsys.readouterr().err
