"""The command line as a user runs it: exit codes, one-line reasons, one JSON object, whole files or none."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sparing import some

import exactcpa as cpa
from exactcpa.cli import main
from exactcpa.commands import announce_compilation

ROOT = Path(__file__).resolve().parent.parent
NETWORKS, DOMAINS = ROOT / "data" / "networks", ROOT / "data" / "domains"
MOONS, RANDOM_2 = str(NETWORKS / "moons.json"), str(NETWORKS / "random_2_16_16.json")
HEXAGON = str(DOMAINS / "hexagon_2.json")

# relu(x) - relu(x - 1/2): on [-1, 1] three cells with the affine maps 0, x and 1/2.
CLAMP = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 1,
    "layers": [
        {"type": "linear", "weight": [[1], [1]], "bias": [0, "-1/2"]},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, -1]], "bias": [0]},
    ],
}


def run(*arguments: str, stdin: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exactcpa", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, cwd=folder or ROOT, env=environment
    )


def exit_code(arguments: list[str]) -> int:
    """The exit code of a command run in this process."""
    try:
        return main(arguments)
    except SystemExit as leaving:
        return leaving.code


def run_json(*arguments: str, code: int = 0, stdin: str = "") -> dict:
    done = run(*arguments, "--json", stdin=stdin)
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1, "one JSON object on one line"
    return json.loads(done.stdout)


@pytest.fixture
def clamp(tmp_path):
    path = tmp_path / "clamp.json"
    path.write_text(json.dumps(CLAMP))
    return str(path)


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    path = tmp_path_factory.mktemp("proved") / "moons.cpa"
    done = run("enumerate", MOONS, "--box", "-1", "1", "--proof", "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path


MISUSES = {
    "nothing": ([], "COMMAND"),
    "unknown command": (["solve"], "solve"),
    "no network": (["enumerate"], "NET"),
    "no domain": (["enumerate", MOONS], "--box --domain"),
    "two domains": (["enumerate", MOONS, "--box", "0", "1", "--domain", HEXAGON], "not allowed"),
    "unknown option": (["enumerate", MOONS, "--box", "0", "1", "--fast"], "--fast"),
    "one bound": (["enumerate", MOONS, "--box", "-1"], "expected two numbers LO HI, got -1"),
    "no bounds": (["enumerate", MOONS, "--box", "--json"], "expected two numbers LO HI, got none"),
    "bound is a word": (["enumerate", MOONS, "--box", "a", "1"], "'a'"),
    "bound is not a number": (["enumerate", MOONS, "--box", "0", "nan"], "nan"),
    "bound is infinite": (["enumerate", MOONS, "--box", "-inf", "1"], "-inf"),
    "bound over zero": (["enumerate", MOONS, "--box", "0", "1/0"], "1/0"),
    "empty box": (["enumerate", MOONS, "--box", "1", "-1"], "--box"),
    "flat box": (["enumerate", MOONS, "--box", "1/3", "1/3"], "flat"),
    "no such network": (["enumerate", "missing.json", "--box", "0", "1"], "missing.json"),
    "no such domain": (["enumerate", MOONS, "--domain", "missing.json"], "missing.json"),
    "folder as network": (["enumerate", str(ROOT), "--box", "0", "1"], str(ROOT)),
    "network without extension": (["enumerate", str(ROOT / "LICENSE"), "--box", "0", "1"], "LICENSE"),
    "domain is no JSON": (["enumerate", MOONS, "--domain", str(ROOT / "LICENSE")], "JSON"),
    "repeated field": (["enumerate", MOONS, "--domain", "{repeated}"], "field within.upper: expected once"),
    "bound of many digits": (["enumerate", MOONS, "--box", "0", "1e5000"], "got about 1e+5000"),
    "too many inputs": (
        ["enumerate", "{wide}", "--box", "0", "1"],
        "at most 1,048,576 inputs, got 1,000,000,000",
    ),
    "info: standard input": (["info", "-"], "standard input"),
    "network as domain": (["enumerate", MOONS, "--domain", MOONS], "moons.json"),
    "wrong dimension": (["enumerate", MOONS, "--domain", str(DOMAINS / "simplex_3.json")], "3"),
    "unknown method": (["enumerate", MOONS, "--box", "0", "1", "--method", "guess"], "guess"),
    "no workers": (["enumerate", MOONS, "--box", "0", "1", "--workers", "0"], "--workers"),
    "workers as word": (["enumerate", MOONS, "--box", "0", "1", "--workers", "two"], "two"),
    "proof without file": (["enumerate", MOONS, "--box", "0", "1", "--proof"], "-o OUT"),
    "standard input twice": (["enumerate", "-", "--domain", "-"], "standard input"),
    "empty standard input": (["enumerate", "-", "--box", "0", "1"], "standard input"),
    "no such folder": (["enumerate", MOONS, "--box", "0", "1", "-o", "missing/out.cpa"], "missing"),
    "folder as output": (["enumerate", MOONS, "--box", "0", "1", "-o", str(ROOT)], "folder"),
    "check: no such file": (["check", "missing.cpa"], "missing.cpa"),
    "check: a network": (["check", MOONS], "moons.json"),
    "info: no such file": (["info", "missing.cpa"], "missing.cpa"),
    "info: a text": (["info", str(ROOT / "LICENSE")], "LICENSE"),
    "verify: evidence for people": (["verify", "A9", "--evidence"], "--json"),
    "minibatches: values for people": (
        ["minibatches", MOONS, "d", "--size", "2", "--distributions"],
        "--json",
    ),
    "margin: jitter by workers": (
        ["margin", MOONS, "d", "--minibatches", "2", "--workers", "2"],
        "one worker",
    ),
    "estimate: no number of seconds": (["estimate", MOONS, "--box", "0", "1", "--seconds", "nan"], "nan"),
    "demo: argument": (["demo", "again"], "again"),
}


@pytest.mark.parametrize(("arguments", "fragment"), MISUSES.values(), ids=MISUSES.keys())
def test_misuse_is_one_line(arguments, fragment, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    files = {name: tmp_path / f"{name}.json" for name in ("repeated", "wide")}
    box = '{"type": "box", "lower": [0], "upper": [1], "upper": [2]}'
    files["repeated"].write_text(f'{{"type": "slice", "origin": [0], "basis": [[1]], "within": {box}}}')
    files["wide"].write_text(json.dumps({**CLAMP, "input": 10**9, "layers": [{"type": "relu"}]}))

    code = exit_code([word.format(**files) for word in arguments])

    told = capsys.readouterr()
    assert code == 2, told.err
    assert told.out == ""
    assert told.err.count("\n") == 1, told.err
    assert told.err.startswith("exactcpa"), told.err
    assert fragment in told.err, told.err


def test_misuse_in_a_process():
    done = run("enumerate", MOONS, "--box", "1", "-1")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_help_and_version():
    assert "enumerate" in run("--help").stdout
    assert run("--version").stdout.startswith("exactcpa ")
    for command in ("enumerate", "check", "info", "demo"):
        assert "--json" in run(command, "--help").stdout


def test_enumerate_by_hand(clamp):
    facts = run_json("enumerate", clamp, "--box", "-1", "1")

    # Breakpoints 0 and 1/2: three intervals, two inner facets; values 0, x, 1/2 are three maps.
    assert (facts["cells"], facts["edges"], facts["linear_regions"]) == (3, 2, 3)
    assert (facts["dimension"], facts["units"]) == (1, 2)
    assert facts["certified"] is True
    assert facts["decided_exactly"] >= 0 and facts["seconds"] >= 0 and isinstance(facts["method"], str)


def test_enumerate_without_facets(clamp):
    facts = run_json("enumerate", clamp, "--box", "-1", "1", "--no-facets")

    assert facts["cells"] == 3
    assert facts["edges"] is None and facts["linear_regions"] is None


@pytest.mark.parametrize(
    ("bounds", "cells"),
    some(
        [
            (("-1e-3", "0x1p-1"), 2),
            (("-7", "-.5"), 1),
            (("-1/3", "1/3"), 2),
            (("0", ".5"), 1),
            (("0.4", "0.6"), 2),
        ],
        2,
    ),
)
def test_bounds_are_exact_and_may_be_negative(clamp, bounds, cells):
    assert run_json("enumerate", clamp, "--box", *bounds)["cells"] == cells


def test_bounds_stand_anywhere(clamp):
    assert run_json("enumerate", "--box", "-1", "1", clamp)["cells"] == 3


def test_first_run_says_that_it_compiles(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    source = tmp_path / "tree.py"
    source.touch()
    announce_compilation(tmp_path)
    assert capsys.readouterr().err.count("\n") == 1

    index = tmp_path / "__pycache__" / f"tree.f-1.py{sys.version_info.major}{sys.version_info.minor}.nbi"
    index.parent.mkdir()
    index.touch()
    announce_compilation(tmp_path)
    assert capsys.readouterr().err == ""

    os.utime(index, (0, 0))
    announce_compilation(tmp_path)
    assert "compiling" in capsys.readouterr().err

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    announce_compilation(tmp_path)
    assert capsys.readouterr().err == ""


def test_network_from_standard_input():
    assert run_json("enumerate", "-", "--box", "-1", "1", stdin=json.dumps(CLAMP))["cells"] == 3


def test_domain_from_standard_input(clamp):
    domain = {"type": "box", "lower": ["1/4"], "upper": ["3/4"]}

    assert run_json("enumerate", clamp, "--domain", "-", stdin=json.dumps(domain))["cells"] == 2


@pytest.mark.parametrize(
    "domain",
    some(
        [
            {"type": "polytope", "A": [["1e5000"], ["-1e5000"]], "b": [1, 0]},
            {"type": "box", "lower": [0], "upper": ["1e-5000"]},
        ],
        1,
    ),
)
def test_numbers_of_thousands_of_digits(domain, clamp, tmp_path):
    path, partition = str(tmp_path / "domain.json"), str(tmp_path / "out.cpa")
    (tmp_path / "domain.json").write_text(json.dumps(domain))

    told = run("enumerate", clamp, "--domain", path, "--proof", "-o", partition)
    assert told.returncode == 0 and max(map(len, told.stdout.splitlines())) < 200, told.stderr
    assert run("check", partition).returncode == 0
    for command in (["info", path], ["info", partition], ["count", clamp, "--domain", path, "--volume"]):
        for options in ([], ["--json"]):
            done = run(*command, *options)
            assert done.returncode == 0, done.stderr
    cell = cpa.load_partition(partition).cell(0)
    assert "0x" in str(cell) and "0x" in str(cpa.load_partition(partition).domain)


def test_table_for_people(clamp):
    done = run("enumerate", clamp, "--box", "-1", "1/3")

    assert done.returncode == 0, done.stderr
    rows = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert rows["cells"].strip() == "2"
    assert "[-1, 1/3]" in rows["domain"]
    assert "cells" not in done.stderr  # no terminal, no progress


def test_check_accepts(proved):
    facts = run_json("check", str(proved))

    assert facts["accepted"] is True
    assert facts["cells"] == run_json("info", str(proved))["cells"] > 10


def test_check_reads_standard_input(proved):
    command = [sys.executable, "-m", "exactcpa", "check", "-"]

    with proved.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout


def test_check_refutes(proved, tmp_path):
    damaged = bytearray(proved.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path = tmp_path / "damaged.cpa"
    path.write_bytes(damaged)

    facts = run_json("check", str(path), code=1)

    assert facts["accepted"] is False
    assert facts["reason"]


def test_check_needs_a_proof(clamp, tmp_path):
    path = str(tmp_path / "out.cpa")
    assert run("enumerate", clamp, "--box", "-1", "1", "-o", path).returncode == 0

    done = run("check", path)

    assert done.returncode == 2
    assert "proof" in done.stderr


def test_only_the_program_looks_for_cycles_rarely():
    """Whoever calls `main` from a process of their own keeps their collector's settings."""
    script = (
        "import gc, sys; from exactcpa import cli; sys.argv = ['exactcpa', 'info', 'data/networks/moons.json'];"
        " before = gc.get_threshold(); assert cli.main(sys.argv[1:]) == 0; assert gc.get_threshold() == before;"
        " assert cli.program() == 0; assert gc.get_threshold() != before"
    )

    subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT)


def test_check_imports_no_engine(proved):
    script = (
        f"import sys; from exactcpa.cli import main; main(['check', {str(proved)!r}]); print(*sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert not {"numba", "scipy", "sympy", "cvxpy"} & set(done.stdout.split())


def test_info_of_a_network():
    facts = run_json("info", MOONS)

    assert (facts["kind"], facts["input"], facts["output"]) == ("network", 2, 2)
    assert (facts["units"], facts["units_by_layer"]) == (16, [8, 8])
    types = [layer["type"] for layer in facts["layers"]]
    assert types == ["linear", "batchnorm", "relu"] * 2 + ["linear"]


def test_info_of_a_domain():
    facts = run_json("info", str(DOMAINS / "thirds_2.json"))

    assert (facts["kind"], facts["type"], facts["dimension"]) == ("domain", "box", 2)
    assert facts["lower"] == ["-1/3", "-1/3"]


def test_info_of_a_partition(proved):
    facts = run_json("info", str(proved))

    assert (facts["kind"], facts["proof"], facts["facets"]) == ("partition", True, True)
    assert facts["network"]["units"] == 16
    assert facts["block_bytes"]["WITN"] == 8 * 2 * facts["cells"]


@pytest.mark.parametrize("kept", [10, 21, 30, 0.5, -1])
def test_info_rejects_a_cut_file(proved, tmp_path, kept):
    data = proved.read_bytes()
    path = tmp_path / "cut.cpa"
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])

    done = run("info", str(path))

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_info_rejects_another_version(proved, tmp_path):
    path = tmp_path / "newer.cpa"
    path.write_bytes(proved.read_bytes().replace(b"exactcpa-partition 1\n", b"exactcpa-partition 2\n", 1))

    done = run("info", str(path))

    assert done.returncode == 2
    assert "version 2" in done.stderr


def test_reader_that_goes_away():
    command = f"{sys.executable} -m exactcpa info {MOONS} | true"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)

    assert "Traceback" not in done.stderr


TELLING = """
import sys
from exactcpa import cli
from exactcpa.enumerate import _Cells
honest = _Cells.add
def add(self, chunk):
    honest(self, chunk)
    print("under way", flush=True)
_Cells.add = add
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("proof", some([["--proof"], []], 1))
def test_interrupt_leaves_no_file(tmp_path, proof):
    """Minutes of work, interrupted from outside once it is under way."""
    net = tmp_path / "large.json"
    script = (
        f"import make_networks as m; open({str(net)!r}, 'w').write(m.text_of(m.network('x', [6, 40, 40, 1])))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT / "scripts")
    command = [
        sys.executable,
        "-c",
        TELLING,
        "enumerate",
        str(net),
        "--box",
        "-1",
        "1",
        "-o",
        "out.cpa",
        *proof,
    ]

    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "under way\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=300)

    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["large.json"]


def test_too_little_memory_is_told(capsys, monkeypatch):
    def refuse(_):
        raise MemoryError

    monkeypatch.setattr("exactcpa.commands.run_info", refuse)
    assert main(["info", "any"]) == 2
    assert capsys.readouterr().err == "exactcpa: there is not enough memory\n"


def test_demo_tells_the_story(tmp_path):
    path = tmp_path / "demo.cpa"

    done = run("demo", "-o", str(path))

    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout
    assert run("check", str(path)).returncode == 0


def test_demo_as_json():
    facts = run_json("demo")

    assert facts["accepted"] is True
    assert facts["certified"] is True
    assert facts["area"] == "4"  # the square [-1/2, 3/2]^2
