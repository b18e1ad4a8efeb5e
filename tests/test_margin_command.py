"""The command ``margin``: what it prints in each form, its exit codes, and misuse in one line."""

import csv
import io
import json
from fractions import Fraction

import pytest

import exactcpa as cpa
from exactcpa.cli import main
from exactcpa.numbers import exactly

PLAIN = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 2,
    "layers": [{"type": "linear", "weight": [[1, 0], [0, 1]], "bias": [0, 0]}, {"type": "relu"}],
}
"""Class 0 where x > y; where both are negative the classes tie."""


@pytest.fixture
def files(tmp_path):
    """A network, four points (the last outside a box that holds the others), and labels.

    The default domain ends at y = 33/10, so that the way from (9, 0) straight to the diagonal is cut off.
    """
    paths = {name: str(tmp_path / name) for name in ("net.json", "points.json", "labels.txt", "labels.json")}
    contents = {
        "net.json": json.dumps(PLAIN),
        "points.json": json.dumps([[2, 1], [1, 3], ["1/3", "1/3"], [9, 0]]),
        "labels.txt": "0\n0\n1\n0\n",
        "labels.json": "[0, 1, 0, 0]",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    return paths


def run(capsys, *words):
    code = main(["margin", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def results(capsys, *words):
    code, out, _ = run(capsys, *words, "--json")
    return code, json.loads(out)


def test_json(files, capsys):
    code, facts = results(capsys, files["net.json"], files["points.json"], "--norm", "1")
    values = [exactly(row["value"]) for row in facts["results"]]
    net = cpa.load_network(files["net.json"])
    assert code == 0
    assert values == [1, 2, 0, 9]
    assert [row["value_is_squared"] for row in facts["results"]] == [False] * 4
    for row in facts["results"]:
        outputs = net.forward([exactly(q) for q in row["nearest"]])
        assert outputs[0] == outputs[1]
    assert facts["summary"]["quantiles"]["median"]["value"] == 1
    assert facts["domain"]["lower"] == ["-8/15", "-3/10"]


def test_a_failing_point_has_a_row_and_the_exit_code(files, capsys):
    code, facts = results(capsys, files["net.json"], files["points.json"], "--box", "0", "4")
    assert code == 1
    assert [row["status"] for row in facts["results"]] == ["exact", "exact", "exact", "failed"]
    assert facts["results"][3]["note"].startswith("OutsideDomain")
    assert facts["failed"] == 1


@pytest.mark.parametrize("name", ["labels.txt", "labels.json"])
def test_labels(files, capsys, name):
    _, facts = results(capsys, files["net.json"], files["points.json"], "--labels", files[name])
    statuses = [row["status"] for row in facts["results"]]
    assert statuses == ["exact", "misclassified" if name == "labels.txt" else "exact", "exact", "exact"]
    assert facts["results"][2]["class"] == (1 if name == "labels.txt" else 0)
    assert facts["summary"]["misclassified"] == statuses.count("misclassified")


def test_csv(files, capsys):
    code, out, _ = run(capsys, files["net.json"], files["points.json"], "--norm", "inf", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [exactly(row["value"]) for row in rows] == [Fraction(1, 2), 1, 0, Fraction(57, 10)]
    assert [exactly(q) for q in rows[0]["nearest"].split()] == [Fraction(3, 2)] * 2


def test_table(files, capsys):
    code, out, err = run(capsys, files["net.json"], files["points.json"])
    lines = out.splitlines()
    assert code == 0
    assert "l2" in lines[0]
    assert "distance^2, exactly" in out
    assert "0.707107  1/2" in out
    assert "least 0;" in out
    assert "#" in out
    assert "\r" not in err


def test_weights_and_workers(files, capsys):
    words = (
        files["net.json"],
        files["points.json"],
        "--norm",
        "inf",
        "--weights",
        "1/2,1/2",
        "--workers",
        "2",
    )
    _, facts = results(capsys, *words)
    assert [exactly(row["value"]) for row in facts["results"]] == [1, 2, 0, Fraction(57, 5)]


def test_threshold(tmp_path, capsys):
    (tmp_path / "net.json").write_text(
        json.dumps(PLAIN | {"input": 1, "layers": [{"type": "linear", "weight": [[2]], "bias": [0]}]})
    )
    (tmp_path / "points.json").write_text("[[1], [-1]]")
    words = (
        tmp_path / "net.json",
        tmp_path / "points.json",
        "--threshold",
        "-1/3",
        "--box",
        "-2",
        "2",
        "--norm",
        "1",
    )
    _, facts = results(capsys, *words)
    assert [exactly(row["value"]) for row in facts["results"]] == [Fraction(7, 6), Fraction(5, 6)]
    assert [row["class"] for row in facts["results"]] == [1, 0]


def test_partition(files, capsys):
    """The switching lines are the axes."""
    _, facts = results(
        capsys,
        files["net.json"],
        files["points.json"],
        "--target",
        "partition",
        "--box",
        "-1",
        "9",
        "--norm",
        "1",
    )
    assert [exactly(row["value"]) for row in facts["results"]] == [1, 1, Fraction(1, 3), 0]


def test_certificates(files, tmp_path, capsys):
    folder = tmp_path / "proofs"
    _, facts = results(capsys, files["net.json"], files["points.json"], "--certificate-dir", folder)
    for row in facts["results"]:
        proved = cpa.check(row["certificate"]).margin
        assert exactly(proved.value) == exactly(row["value"])


@pytest.mark.parametrize(
    "words",
    [
        ("--norm", "3"),
        ("--target", "nothing"),
        ("--weights", "1"),
        ("--weights", "1,x"),
        ("--csv", "--json"),
        ("--threshold", "1"),
        ("--labels", "no such file"),
        ("--target", "partition", "--threshold", "1"),
        ("--workers", "0"),
    ],
)
def test_misuse_is_one_line(files, capsys, words):
    try:
        code, out, err = run(capsys, files["net.json"], files["points.json"], *words)
    except SystemExit as left:
        code, (out, err) = left.code, capsys.readouterr()
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
