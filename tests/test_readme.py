"""The README's examples print what the README says they print."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
# How fast and by which route depends on the machine and the engine's tuning; what is true does not.
VARYING = ("linear programs", "decided by", "seconds", "cells per second", "written", "about")


@pytest.fixture
def checkout(tmp_path):
    """A folder in which the README's relative paths work and nothing is left behind in the repository."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


def lasting(output: str) -> list[str]:
    """The lines that say what is true, without the ledger's last column, seconds, and the number of certificates."""
    lines = [line for line in output.splitlines() if not line.startswith(VARYING)]
    lines = [line for line in lines if not re.match(r"[0-9.]+ s, ", line)]
    lines = [re.sub(r"^checked: [0-9]+ Farkas", "checked: Farkas", line) for line in lines]
    return [re.sub(r" +[0-9]+\.[0-9]{2}$", "", line) for line in lines]


def run(command: list[str], folder: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


PYTHON = [at for at, (language, _) in enumerate(BLOCKS) if language == "python"]
SESSIONS = [block for _, block in BLOCKS if block.startswith("$ exactcpa")]


@pytest.mark.parametrize("at", PYTHON)
def test_python_example(checkout, at):
    printed = run([sys.executable, "-c", BLOCKS[at][1]], checkout)

    assert lasting(printed) == lasting(BLOCKS[at + 1][1])


@pytest.mark.parametrize("session", SESSIONS)
def test_command_line_example(checkout, session):
    for step in session.removeprefix("$ ").split("\n$ "):
        command, _, expected = step.partition("\n")

        printed = run([sys.executable, "-m", *command.split()], checkout)

        assert lasting(printed) == lasting(expected)


def test_demo(checkout):
    (shown,) = (block for _, block in BLOCKS if block.startswith("exactcpa demo:"))

    printed = run([sys.executable, "-m", "exactcpa", "demo"], checkout)

    # The picture is drawn in floats, which may round a dot differently elsewhere.
    told = ("network", "trained on", "cells", "shared facets", "linear regions", "areas", "the images")
    assert [line for line in printed.splitlines() if line.startswith(told)] == [
        line for line in shown.splitlines() if line.startswith(told)
    ]


def test_paths_and_commands_exist():
    for path in set(re.findall(r"`((?:exactcpa|tests|data|scripts)/[\w./]+)`", TEXT)):
        assert (ROOT / path).exists(), path
