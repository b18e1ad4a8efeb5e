"""The demo: a trained network enumerated, proved and independently checked, told in a few lines.

The network classifies real images of handwritten digits and has batch normalisation; the domain is the plane
through three images it was not trained on.

Main definitions:
    run_demo: Takes the parsed arguments, tells the story, returns the exit code.
    shipped: The path of a data file, in a checkout or installed.

Not here:
    How the network was made: ``data/README.md``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import exactcpa as cpa
from exactcpa import checker
from exactcpa.commands import announce_compilation, expect_writable, print_json, print_lines
from exactcpa.domain import Slice
from exactcpa.errors import BadFile
from exactcpa.network import Network
from exactcpa.partition import Partition
from exactcpa.picture import draw, rough_raster
from exactcpa.tables import aligned, number_text

# The three images are the corners t = (0, 0), (1, 0), (0, 1) of the plane; t runs over [-1/2, 3/2]^2.
IMAGES = {(0, 0): 3, (1, 0): 5, (0, 1): 8}


def run_demo(options: Namespace) -> int:
    """Enumerate, prove, check in another process, and tell."""
    net, domain = cpa.load_network(shipped("networks/digits.json")), _domain()
    trained = json.loads(shipped("trained.json").read_text(encoding="utf-8"))["digits"]
    if not options.json:
        print_lines([*_opening(net, trained), *_picture(net, domain), ""])
        sys.stdout.flush()
    announce_compilation()
    with _kept(options.output) as path:
        part = cpa.enumerate_cells(net, domain, proof=path, progress=sys.stderr.isatty())
        checked = _check_elsewhere(path)
        size = os.path.getsize(path)
    facts = dict(part.summary()) | {
        "area": sum(part.volumes(), Fraction(0)),
        "area_of_domain": _area(domain),
        "proof_bytes": size,
        "check": checked,
        "accepted": checked["exit_code"] == 0,
    }
    if options.json:
        print_json(facts)
    else:
        print_lines(_closing(part, facts, _answers(net, domain), options.output))
    return 0 if facts["accepted"] and facts["area"] == facts["area_of_domain"] else 1


def shipped(name: str) -> Path:
    """The path of a file of ``data/``: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / name).exists():
            return folder / name
    raise BadFile(f"expected the demo's file {name} with the package, found none")


def _domain() -> Slice:
    return cpa.domain_from_json(json.loads(shipped("domains/digits.json").read_text(encoding="utf-8")))


def _area(domain: Slice) -> Fraction:
    """The area of the square that t runs over."""
    return prod(high - low for low, high in zip(domain.lower, domain.upper, strict=True))


@contextmanager
def _kept(output: str | None) -> Iterator[str]:
    """The path to write to: the file that is asked for, or one that vanishes."""
    if output is not None:
        expect_writable(output)
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="exactcpa-demo-") as folder:
        yield os.path.join(folder, "digits.cpa")


def _check_elsewhere(path: str) -> dict[str, Any]:
    """Run the checker alone: isolated, without site packages, so without exactcpa, numpy or anything else."""
    start = perf_counter()
    command = [sys.executable, "-I", "-S", checker.__file__, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = (done.stdout or done.stderr).strip().splitlines()
    return {"exit_code": done.returncode, "seconds": perf_counter() - start, "report": report}


def _answers(net: Network, domain: Slice) -> dict[int, int]:
    """The true digit of each image, and the digit whose output is largest, exactly."""
    outputs = {digit: net.forward(domain.embed(place)) for place, digit in IMAGES.items()}
    return {digit: max(range(len(values)), key=values.__getitem__) for digit, values in outputs.items()}


def _opening(net: Network, trained: dict[str, Any]) -> list[str]:
    sizes = ", ".join(str(size) for size in net.layer_sizes)
    right = f"{100 * trained['test_accuracy']:.1f} % of {trained['test_points']}"
    rows = [
        (
            "network",
            f"{net.input} inputs, ReLU units [{sizes}] with batch normalisation, {net.output} outputs",
        ),
        ("trained on", f"{trained['train_points']:,} images of handwritten digits; right on {right} others"),
        ("question", "how does it cut the plane through three of the others: a 3, a 5 and an 8?"),
        ("a cell", "a convex piece on which no unit switches: there the network is one affine map"),
    ]
    return [
        "exactcpa demo: every cell of a trained network, proved, and the proof checked",
        "",
        *aligned(rows),
        "",
    ]


def _picture(net: Network, domain: Slice) -> list[str]:
    """The plane in characters, in colour on a terminal; the digits stand where the images are."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    raster = rough_raster(net, domain)
    labels = {(0.25 + x / 2, 0.75 - y / 2): str(digit) for (x, y), digit in IMAGES.items()}
    lines = draw(raster, labels, colour=colour, braille=_has_braille())
    caption = (
        "lines: the facets"
        + ("; colours: the digit that is read" if colour else "")
        + "; 3, 5, 8: the images"
    )
    return ["  " + line for line in [*lines, caption]]


def _has_braille() -> bool:
    try:
        "\u28ff".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _closing(
    part: Partition, facts: dict[str, Any], answers: dict[int, int], output: str | None
) -> list[str]:
    seen = ", ".join(f"{digit} is read as {answer}" for digit, answer in answers.items())
    by_integers = number_text(facts["decided_exactly"])
    check = facts["check"]
    verdict = "accepted" if facts["accepted"] else "REJECTED"
    checker_path = os.path.relpath(checker.__file__)
    rows = [
        ("cells", f"{number_text(len(part))}, each with a point strictly inside it"),
        (
            "shared facets",
            f"{number_text(facts['edges'])}, each crossed between two points, one in either cell",
        ),
        (
            "linear regions",
            f"{number_text(facts['linear_regions'])}: cells joined where the affine map is the same",
        ),
        (
            "areas",
            f"the cells' exact areas add up to {facts['area']}; the square's is {facts['area_of_domain']}",
        ),
        ("the images", seen),
        ("decided", f"{by_integers} questions by integers, the others by floats with a proved error bound"),
        ("time", f"{facts['seconds']:.2f} s"),
        ("proof", f"{facts['proof_bytes']:,} bytes" + (f", kept in {output}" if output else "")),
        ("check", f"python -I -S {checker_path} FILE   (standard library only)"),
        ("", f"{verdict} in {check['seconds']:.1f} s:"),
    ]
    return [*aligned(rows), *("    " + line for line in check["report"])]
