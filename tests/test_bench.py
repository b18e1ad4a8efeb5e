"""The benchmark runs, prints its line, and judges; no time is asserted."""

import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sparing import some

import exactcpa as cpa

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
NETWORK = SCRIPTS.parent / "data" / "networks" / "random_2_16_16.json"
DRAW = """
import sys, json, make_networks as make
print(make.text_of(make.network(sys.argv[1], [*json.loads(sys.argv[2]), 1])))
"""
CELLS = 99  # found by exactcpa, relucent, affinitree and the tree with linprog


def run(*words):
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_base_case():
    done = run(SCRIPTS / "bench_enumerate.py", "--only", "2-16-16", "--repeat", 1, "--no-peers", "--json")
    line = json.loads(done.stdout)
    assert {"claim", "value", "seconds", "commit", "machine", "missed", "networks"} == set(line)
    (network,) = line["networks"]
    assert network["cells"]["cells"] == network["facets"]["cells"] == CELLS
    assert network["facets"]["linear_regions"] <= CELLS
    assert network["facets"]["proof_bytes_per_cell"] > network["cells"]["proof_bytes_per_cell"] > 0
    assert done.returncode == int(bool(line["missed"])) == int(line["value"] < 1)


@pytest.mark.parametrize("peer", ["linprog_tree.py", "edge_subdivision.py"])
def test_peer(peer):
    line = json.loads(run(SCRIPTS / "peers" / peer, NETWORK, 60).stdout)
    assert (line["cells"], line["complete"]) == (CELLS, True)


@pytest.mark.parametrize("sizes", [[2, 1], [2, 6, 6], [3, 6, 5, 4], [4, 5, 6], [5, 4, 4]])
def test_edge_subdivision(sizes, tmp_path):
    name = "subdivided_" + "_".join(map(str, sizes))
    program = [sys.executable, "-c", DRAW, name, str(sizes)]
    file = tmp_path / "network.json"
    file.write_text(subprocess.run(program, capture_output=True, text=True, check=True, cwd=SCRIPTS).stdout)
    line = json.loads(run(SCRIPTS / "peers" / "edge_subdivision.py", file, 60).stdout)
    box = cpa.Box([-1] * sizes[0], [1] * sizes[0])
    part = cpa.enumerate_cells(cpa.load_network(file), box, method="lp")
    assert (line["cells"], line["complete"], line["note"]) == (len(part), True, "")


def test_edge_subdivision_out_of_time():
    done = run(SCRIPTS / "peers" / "edge_subdivision.py", NETWORK, 1e-4)
    assert done.returncode == -signal.SIGALRM and not done.stdout


def test_counting():
    line = json.loads(run(SCRIPTS / "peers" / "exactcpa_runs.py", NETWORK, 1, "--count").stdout)
    assert (line["cells"], line["proof_bytes_per_cell"]) == (CELLS, None)


def test_method():
    for method in ("lp", "vertex"):
        line = json.loads(run(SCRIPTS / "peers" / "exactcpa_runs.py", NETWORK, 1, "--method", method).stdout)
        assert (line["cells"], line["method"]) == (CELLS, method)


def test_rejects_unknown_network():
    assert run(SCRIPTS / "bench_enumerate.py", "--only", "7-7").returncode == 2


@pytest.mark.parametrize("script", some(["bench_degenerate.py", "bench_parallel.py", "bench_scaling.py"], 1))
def test_quick(script):
    done = run(SCRIPTS / script, "--quick")
    line = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and line["holds"], done.stderr
    assert {"claim", "value", "seconds", "commit", "machine"} <= set(line)


def test_judging(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.syspath_prepend(SCRIPTS / "peers")
    bench = importlib.import_module("bench_enumerate")
    cases = {case.name: case for case in bench.cases()}
    assert cases["2-16-16"].rate_goal("vertex", facets=True) == 500_000
    assert cases["4-16-16"].rate_goal("lp", facets=True) == 50_000
    assert cases["8-10-10"].rate_goal("lp", facets=False) == 50_000
    assert cases["zero-bias-3-16-16"].rate_goal("vertex", facets=True) == 30_000
    fast = {"cells": 99, "seconds": 1.0, "complete": True}
    slow = {"cells": 99, "seconds": 2.0, "method": "lp", "complete": True}
    result = {"cells": slow, "facets": slow, "right": fast, "wrong": fast | {"cells": 98}}
    assert [ratio for _, ratio in bench.against_peers(result, ["right", "wrong"])] == [0.5]
    assert bench.peer_cells(result, "right", 30)[2] == "0.50"
    assert bench.peer_cells(result, "wrong", 30)[0] == "98!"
    assert min(ratio for _, ratio in bench.ratios(cases["8-10-10"], result)) < 1
