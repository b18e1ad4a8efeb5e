"""The benchmark runs, prints its line, and judges; no time is asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
NETWORK = SCRIPTS.parent / "data" / "networks" / "random_2_16_16.json"
CELLS = 99  # found by exactcpa, relucent, affinitree and the tree with linprog


def run(*words):
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)


def test_base_case():
    done = run(SCRIPTS / "bench_enumerate.py", "--only", "2-16-16", "--repeat", 1, "--no-peers", "--json")
    line = json.loads(done.stdout)
    assert {"claim", "value", "seconds", "commit", "machine", "missed", "networks"} == set(line)
    (network,) = line["networks"]
    assert network["cells"]["cells"] == network["facets"]["cells"] == CELLS
    assert network["facets"]["linear_regions"] <= CELLS
    assert network["facets"]["proof_bytes_per_cell"] > network["cells"]["proof_bytes_per_cell"] > 0
    assert done.returncode == int(bool(line["missed"])) == int(line["value"] < 1)


def test_tree_with_linprog():
    line = json.loads(run(SCRIPTS / "peers" / "linprog_tree.py", NETWORK, 60).stdout)
    assert (line["cells"], line["complete"]) == (CELLS, True)


def test_rejects_unknown_network():
    assert run(SCRIPTS / "bench_enumerate.py", "--only", "7-7").returncode == 2


@pytest.mark.parametrize("script", ["bench_degenerate.py", "bench_scaling.py"])
def test_quick(script):
    done = run(SCRIPTS / script, "--quick")
    line = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and line["holds"], done.stderr
    assert {"claim", "value", "seconds", "commit", "machine"} <= set(line)
