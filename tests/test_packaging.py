"""What users install: the wheel holds the package, its types and the demo's files; the versions agree."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import exactcpa

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="the build backend is in the extra dev")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def test_wheel_holds_every_module(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "exactcpa").rglob("*.py")}

    assert modules | {"exactcpa/py.typed", "exactcpa/__init__.pyi"} <= set(wheel.namelist())


def test_wheel_runs_the_demo_without_the_repository(wheel, tmp_path):
    wheel.extractall(tmp_path)
    script = "from exactcpa.demo import shipped; print(shipped('networks/digits.json'))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stdout.strip() == str(tmp_path / "exactcpa" / "data" / "networks" / "digits.json")


def test_shipped_files_are_those_of_the_repository(wheel):
    for name in ("networks/digits.json", "domains/digits.json", "trained.json", "hard/truth.json"):
        assert wheel.read(f"exactcpa/data/{name}") == (ROOT / "data" / name).read_bytes()


def test_wheel_holds_nothing_else(wheel):
    folders = {name.partition("/")[0] for name in wheel.namelist()}

    assert folders == {"exactcpa", f"exactcpa-{exactcpa.__version__}.dist-info"}


def test_base_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {text.partition(">=")[0] for text in project["dependencies"]}

    assert names == {"numpy", "scipy", "numba", "python-flint", "networkx", "sympy", "cvxpy"}
    assert project["requires-python"] == ">=3.11"
    assert {"models", "plot", "train", "dev"} <= project["optional-dependencies"].keys()


@pytest.mark.parametrize("script", ["make_networks.py", "make_degenerate_networks.py"])
def test_generated_files_are_current(script):
    command = [sys.executable, f"scripts/{script}", "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for sh")
@pytest.mark.parametrize("script", ["demo.sh", "test.sh"])
def test_scripts_say_when_there_is_no_python(script, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "cat", "cmp", "dirname", "rm", "tee"):
        (tools / name).symlink_to(shutil.which(name))
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    command = [str(tools / "sh"), str(tmp_path / "scripts" / script)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": str(tools)})

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Python 3.11 or newer" in done.stderr
