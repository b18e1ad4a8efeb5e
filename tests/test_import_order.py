"""The order of imports that the package's docstring shows, the checker's isolation, and a light import."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import exactcpa

PACKAGE = Path(exactcpa.__file__).parent
HEAVY = ("numba", "scipy", "sympy", "cvxpy", "networkx", "flint", "numpy", "matplotlib", "torch")
# Lines of code at least this long do not come about twice by chance.
LONG_LINE = 45


def listed_modules() -> list[str]:
    """The indented names of the docstring's list, in order."""
    text = exactcpa.__doc__.partition("Modules,")[2].partition("\n\nThe names")[0]
    return re.findall(r"^    (\w+(?:\.\w+)*)  +\S", text, flags=re.MULTILINE)


def existing_modules() -> set[str]:
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return {name for name in names if name.rpartition(".")[2] not in ("__init__", "__main__")}


def path_of(module: str) -> Path:
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def imported_names(path: Path) -> set[str]:
    """Full dotted names of everything a file imports, wherever the import stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """The package's own modules that a file imports."""
    own = {name.removeprefix("exactcpa.") for name in imported_names(path) if name.startswith("exactcpa.")}
    return own & modules


def code_lines(path: Path) -> set[str]:
    """Long lines of code: no docstrings, comments, imports or signatures."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            for number in range(node.lineno - 1, node.end_lineno):
                lines[number] = ""
    stripped = {line.partition("  #")[0].strip() for line in lines}
    return {line for line in stripped if len(line) >= LONG_LINE and not line.startswith(("#", "def "))}


def test_every_module_is_listed_once():
    listed = listed_modules()

    assert sorted(listed) == sorted(existing_modules())


def test_no_module_hides_a_public_name():
    """Importing a module binds its name in the package; one that can be called is its verb itself."""
    shared = {name.partition(".")[0] for name in existing_modules()} & set(exactcpa.__all__)
    assert all(callable(import_module(f"exactcpa.{name}")) for name in shared)


@pytest.mark.parametrize("module", sorted(existing_modules()))
def test_imports_only_what_stands_above(module):
    listed = listed_modules()
    above = set(listed[: listed.index(module)])

    assert imported_modules(path_of(module), existing_modules()) <= above


def test_checker_imports_the_standard_library_only():
    roots = {name.partition(".")[0] for name in imported_names(PACKAGE / "checker.py")}

    assert roots <= set(sys.stdlib_module_names)


TRUSTED = {"checker", "evidence_checker"}


def test_checker_shares_no_line():
    """What checks shares nothing with what is checked."""
    checker = set().union(*(code_lines(path_of(module)) for module in TRUSTED))

    for module in sorted(existing_modules() - TRUSTED):
        shared = sorted(checker & code_lines(path_of(module)))
        assert shared == [], module


def test_checker_runs_without_site_packages():
    command = [sys.executable, "-I", "-S", str(PACKAGE / "checker.py"), str(PACKAGE / "missing.cpa")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_public_names_exist():
    for name in exactcpa.__all__:
        assert getattr(exactcpa, name) is not None
    assert set(exactcpa.__all__) <= set(dir(exactcpa))


def test_stub_names_the_same():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    named = {
        alias.asname or alias.name: getattr(import_module(node.module), alias.name)
        for node in imports
        for alias in node.names
    }

    assert named == {name: getattr(exactcpa, name) for name in exactcpa.__all__ if name != "__version__"}


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = exactcpa.nothing


@pytest.mark.parametrize("code", ["import exactcpa", "import exactcpa.cli; exactcpa.cli.parser()"])
def test_import_is_light(code):
    script = f"import sys; {code}; print(*(name for name in {HEAVY} if name in sys.modules))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_enumerating_waits_for_nothing_it_does_without():
    idle = ("networkx", "sympy", "cvxpy", "matplotlib", "pyarrow", "dask")
    script = f"import sys, exactcpa.enumerate, exactcpa.commands; print(*sys.modules.keys() & {set(idle)})"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
