"""The verifying scripts: each holds on a small instance, says so in one JSON line, and fails on a falsified one."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import pytest

import exactcpa as cpa

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
VERIFYING = ("placement", "folding", "initialisation", "region_density", "figure", "margin")
POINTS = [[0, 1], [2, 3], [-1, 4], [3, 1], [1, -2], [5, 5]]
ROWS = ([[2, 1], [-1, 3], [1, -1]], [[1, -2, 1], [2, 1, -1]])


@pytest.fixture(autouse=True)
def _scripts_are_importable(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)


@pytest.fixture
def script(capsys):
    """Run a script in this process: its exit code, what it printed, and its JSON line."""

    def run(name, *words):
        code = import_module(f"verify_{name}").main(["--size", "1", *map(str, words)])
        printed = capsys.readouterr().out
        return code, printed, json.loads(printed.splitlines()[-1])

    return run


def instance(folder, beta=0, bias=5):
    """A small network with batchnorm, and data, as options."""
    layers = []
    for rows in ROWS:
        norm = cpa.TrainingBatchNorm(epsilon=0, beta=[beta] * len(rows))
        layers += [cpa.Linear(rows, [bias] * len(rows)), norm, cpa.LeakyReLU("1/4")]
    cpa.save_network(cpa.Network(2, tuple(layers)), folder / "net.json")
    cpa.save_data(cpa.Data(POINTS), folder / "data.json")
    return "--network", folder / "net.json", "--data", folder / "data.json"


@pytest.mark.parametrize("name", VERIFYING)
def test_base_case(script, tmp_path, name):
    code, printed, line = script(name, *instance(tmp_path))

    assert code == 0, printed
    assert line["holds"] is True
    assert {"claim", "value", "seconds", "commit", "machine"} <= line.keys()
    assert (SCRIPTS / f"verify_{name}.py").read_text(encoding="utf-8").splitlines()[
        0
    ] == f'"""Claim: {line["claim"]}'


@pytest.mark.parametrize("name", ["placement", "initialisation", "region_density", "figure"])
def test_a_large_beta_falsifies(script, tmp_path, name):
    code, printed, line = script(name, *instance(tmp_path, beta=20))

    assert code == 1
    assert line["holds"] is False
    assert "The claim fails: " in printed


def test_another_scale_falsifies_the_folding(script, tmp_path, monkeypatch):
    folding = import_module("verify_folding")
    right = folding.first_layers

    def wrong(net):
        formula = right(net)
        return replace(formula, scales=(formula.scales[0] * 2, *formula.scales[1:]))

    monkeypatch.setattr(folding, "first_layers", wrong)
    code, _, line = script("folding", *instance(tmp_path))

    assert (code, line["holds"]) == (1, False)
    assert line["wrong"] > 0


def test_a_statement_refuted_fails(script, tmp_path, monkeypatch):
    placement = import_module("verify_placement")
    monkeypatch.setattr(placement, "examine_statements", lambda *_: ([["A1", "refuted", "-"]], False))

    assert script("placement", *instance(tmp_path))[0] == 1


def test_statements_are_examined(tmp_path):
    examine = import_module("reporting").examine_statements
    _, net, _, data = instance(tmp_path)
    net, points = cpa.load_network(net), cpa.load_data(data).points

    rows, holds = examine(["A1", "A3", "A9"], net, points)

    assert [row[:2] for row in rows] == [["A1", "proved"], ["A3", "proved"], ["A9", "proved"]]
    assert holds
    # "The best of all hyperplanes" is false on data in general position.
    assert not examine(["A1'"], net, points)[1]


def test_seeded_networks_are_the_same_again():
    drawn = import_module("reporting").drawn
    net = cpa.load_network(ROOT / "data" / "networks" / "training" / "pythagorean.json")

    once, again = (list(drawn(net, seed=3, size=3)) for _ in range(2))

    assert once == again and once[0] == net
    assert len(set(once)) == 3 and all(one.layer_sizes == net.layer_sizes for one in once)
    assert list(drawn(net, seed=4, size=3))[1:] != once[1:]


# The hull of data.


def test_hull_of_a_square_with_points_inside():
    points = cpa.load_data([[0, 0], [2, 0], [2, 2], [0, 2], [1, 1], [1, 0], [2, 0]]).points

    hull = import_module("hulls").hull_of(points)

    assert len(hull.A) == 4
    assert (hull.lower, hull.upper) == ((0, 0), (2, 2))


@pytest.mark.parametrize("name", ["moons", "iris"])
def test_hull_contains_its_points_and_each_facet_some(name):
    points = cpa.load_data(ROOT / "data" / "sets" / f"{name}.json").points

    hull = import_module("hulls").hull_of(points)

    assert all(hull.contains(point) for point in points)
    for normal, offset in hull.rows:
        on_it = {p for p in points if sum(a * x for a, x in zip(normal, p, strict=True)) == offset}
        assert len(on_it) >= hull.dimension


@pytest.mark.parametrize("points", [[[1, 2]], [[1, 2], [1, 2]], [[0, 0], [1, 2], [2, 4]]])
def test_hull_rejects_flat_points(points):
    with pytest.raises(cpa.BadArgument, match="one hyperplane"):
        import_module("hulls").hull_of(cpa.load_data(points).points)


def test_crossings_are_zeros_within_the_domain():
    hulls = import_module("hulls")
    net = cpa.load_network(ROOT / "data" / "networks" / "random_2_16_16.json")
    part = cpa.enumerate_cells(net, cpa.Box([-1, -1], [1, 1]))

    found = hulls.crossings(part)

    assert {unit for unit, pieces in hulls.sides_within(part).items() if len(pieces) == 2} == found.keys()
    for (layer, index), point in found.items():
        assert part.domain.contains(point)
        assert hulls.pre_activations(net, point)[layer][index] == 0


def test_windows_of_the_counterexample():
    """A4c: m = 6 lines in the plane, 12 cells with batchnorm and 22 in a large window without."""
    density = import_module("verify_region_density")
    lines = cpa.Network(
        2, (cpa.Linear([[1, 0], [0, 1], [1, 1], [1, -1], [2, 1], [1, 3]], [0, 0, 1, 2, 5, -7]), cpa.ReLU())
    )

    assert density.count(lines, (Fraction(0), Fraction(0)), Fraction(100)) == 22


# The picture and the command line.


def test_picture(script, tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs the extra plot")
    code, _, line = script("figure", *instance(tmp_path), "--picture", tmp_path / "figure.png")

    assert code == 0
    assert line["picture"] == str(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def run(*words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


def test_exit_codes_of_the_command(tmp_path):
    options = instance(tmp_path, beta=20)

    falsified = run(SCRIPTS / "verify_placement.py", *options, "--size", 1)
    misused = run(SCRIPTS / "verify_placement.py", "--data", tmp_path / "none.json")

    assert (falsified.returncode, falsified.stderr) == (1, "")
    assert (misused.returncode, misused.stdout) == (2, "")
    assert misused.stderr.startswith("verify_placement.py: ") and misused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("placement", ["--size", "0"]),
        ("figure", ["--network", "data/networks/training/iris.json", "--data", "data/sets/iris.json"]),
        ("folding", ["--network", "data/networks/random_2_16_16.json"]),
        ("region_density", ["--network", "data/networks/random_2_16_16.json"]),
    ],
)
def test_rejects_misuse(name, words):
    words = [ROOT / word if word.startswith("data/") else word for word in words]
    with pytest.raises(cpa.BadArgument):
        import_module(f"verify_{name}").main(list(map(str, words)))


def test_every_script_is_described():
    described = (SCRIPTS / "README.md").read_text(encoding="utf-8")
    for path in [*SCRIPTS.glob("*.py"), *SCRIPTS.glob("peers/*.py")]:
        is_run = path.name.startswith(("bench_", "crosscheck_", "make_", "verify_"))
        assert re.search(
            rf"`python scripts/{path.name}" if is_run else rf"`(peers/)?{path.name}`", described
        ), path.name
