"""The command ``margin``: what it prints in each form, its exit codes, and misuse in one line."""

import csv
import io
import json
import os
import signal
from fractions import Fraction

import pytest

import exactcpa as cpa
from exactcpa import point_margins
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
        ("--unit", "0,1"),
        ("--target", "partition", "--unit", "0"),
        ("--target", "partition", "--unit", "7,1"),
        ("--limit", "3"),
        ("--minibatches", "2", "--csv"),
        ("--minibatches", "2"),
    ],
)
def test_misuse_is_one_line(files, capsys, words):
    try:
        code, out, err = run(capsys, files["net.json"], files["points.json"], *words)
    except SystemExit as left:
        code, (out, err) = left.code, capsys.readouterr()
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1


# What fails does not lose the rest.

BROKEN = """x,y,label
2,1,0
nan,3,0
1,3
1,3,7
1,3,x
99,0,0
1,3,1
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_points_and_labels_that_are_none_do_not_lose_the_others(files, tmp_path, capsys, workers):
    (tmp_path / "broken.csv").write_text(BROKEN)
    words = (
        files["net.json"],
        tmp_path / "broken.csv",
        "--labels",
        tmp_path / "broken.csv",
        "--box",
        "0",
        "9",
    )
    code, out, _ = run(capsys, *words, "--norm", "1", "--workers", workers, "--json")
    rows = json.loads(out)["results"]
    assert code == 1
    assert [row["value"] for row in rows] == [1, None, None, None, None, None, 2]
    kinds = [row["note"].split(":")[0] for row in rows if row["status"] == "failed"]
    expected = ["InexactNumber", "DimensionMismatch", "BadArgument", "InexactNumber", "OutsideDomain"]
    assert kinds == expected


def test_nan_in_json_fails_alone(files, tmp_path, capsys):
    (tmp_path / "nan.json").write_text("[[2, 1], [NaN, 1], 3, [1, 3]]")
    code, facts = results(capsys, files["net.json"], tmp_path / "nan.json", "--norm", "1")
    assert (code, [row["value"] for row in facts["results"]]) == (1, [1, None, None, 2])


def test_a_process_that_dies_loses_one_point(files, monkeypatch, capsys):
    """SIGKILL, as from the kernel when memory runs out."""
    real = point_margins._margin_at

    def deadly(ground, point, *others, **more):
        if exactly(point[0]) == 1 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(ground, point, *others, **more)

    parent = os.getpid()
    monkeypatch.setattr(point_margins, "_margin_at", deadly)
    code, facts = results(capsys, files["net.json"], files["points.json"], "--norm", "1", "--workers", "2")
    assert (code, [row["value"] for row in facts["results"]]) == (1, [1, None, 0, 9])
    assert facts["results"][1]["note"].startswith("WorkerLost")


def test_rejected_certificates_are_no_failures_of_points(monkeypatch):
    """A bug of the engine is never taken for an answer; the error says at which point."""

    def reject(*_, **__):
        raise cpa.CertificateRejected("margin: wrong")

    monkeypatch.setattr(point_margins, "nearest_rival", reject)
    net = cpa.network_from_json(PLAIN)
    with pytest.raises(cpa.CertificateRejected, match="point 1, margin: wrong"):
        cpa.margins(net, [[1, 1], [2, 1]], cpa.Box([0, 0], [3, 3]))


def test_no_room_for_a_certificate_fails_that_point(files, tmp_path, capsys):
    (tmp_path / "proofs" / "0.cpa").mkdir(parents=True)
    words = (files["net.json"], files["points.json"], "--certificate-dir", tmp_path / "proofs")
    code, facts = results(capsys, *words)
    assert (code, [row["status"] for row in facts["results"]]) == (1, ["failed", "exact", "exact", "exact"])
    assert facts["results"][0]["note"].startswith("BadFile")


def test_one_unit(files, tmp_path, capsys):
    """Unit (0, 1) switches at y = 0."""
    words = (
        files["net.json"],
        files["points.json"],
        "--target",
        "partition",
        "--norm",
        "1",
        "--box",
        "-1",
        "9",
    )
    code, facts = results(capsys, *words, "--unit", "0,1", "--workers", "2")
    assert (code, [exactly(row["value"]) for row in facts["results"]]) == (0, [1, 3, Fraction(1, 3), 0])


def test_minibatches(tmp_path, capsys):
    """A12' from the command line: the report of `margin_jitter`."""
    layers = [
        {"type": "linear", "weight": [[1]], "bias": [0]},
        {"type": "batchnorm", "gamma": [1], "beta": [0], "epsilon": 0},
    ]
    net, points = [[-3], [0], [6]], tmp_path / "points.json"
    (tmp_path / "net.json").write_text(json.dumps(PLAIN | {"input": 1, "layers": layers}))
    points.write_text(json.dumps(net))
    words = (tmp_path / "net.json", points, "--minibatches", "2", "--norm", "1")
    code, facts = results(capsys, *words)
    report = cpa.margin_jitter(cpa.load_network(tmp_path / "net.json"), net, 2, norm="1")
    assert (code, facts) == (0, json.loads(json.dumps(report.to_json(), default=str)))
    code, out, _ = run(capsys, *words, "--samples", "2", "--limit", "2", "--seed", "1")
    assert code == 0
    assert "flips" in out
