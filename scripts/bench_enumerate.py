"""Claim: all proved, one core: 500,000 cells/s for d = 2, 300,000 for d = 3, 200,000 for d = 4, and more.

    python scripts/bench_enumerate.py                     all but the long ones
    python scripts/bench_enumerate.py --only 3-32-32 --no-peers
    python scripts/bench_enumerate.py --method lp         one engine
    python scripts/bench_enumerate.py --long              5-32-32 and 8-16-16 too, counted
    python scripts/bench_enumerate.py --profile           and where the time goes

That is with facets.  The engine with linear programs: 100,000 for d = 5 and 50,000 for d = 8..10 without facets, half
of it with them, and asked for by ``--method lp`` in fewer dimensions 100,000 and half of it; at most 3 linear programs
per cell for d >= 4 (without facets; the engine counts a question as a program unless a known point or a ray answers
it).  Degenerate networks reach a tenth of these rates.  No peer with the right count is faster.  `SECONDS` names
networks with a time to meet, too.  The proof is streamed to a file in every run; the long networks are counted
instead, every decision proved, in less than `MOST_MEGABYTES`.  A rate is cells over the whole time of
`enumerate_cells`, set-up and file included, and the median of several runs; none begins after a minute.

The networks are random over [-1, 1]^d, by `make_networks`; data/ holds some of them.  Each measurement
has its own process, warmed by a tiny network.  In the same run the same networks are given to

- relucent (facets too: ours with facets is divided by its rate),
- affinitree (no facets: ours without is divided by its rate),
- linprog: our split tree with `scipy.optimize.linprog` for each question (no facets),
- edges: edge subdivision of the skeleton, vectorised, in doubles (vertices and edges, no facets),

each in its own process with --limit seconds.  Where those run out first, ``+`` marks the cells found
until then; where nothing had come back, ``<`` marks a rate that is only known to be below ``cells /
limit``.  ``!`` marks a peer that came to the end with another number of cells than ours, which are
proved.

Prints tables, then one JSON line whose `value` is the smallest ratio of a rate to its goal; exits 1 if a
goal is missed.  On a machine with other work look at `core`, the share of the time in which ours had a
core.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import make_networks as make
from peers.environments import CACHE, PEERS, NotInstalled, python_with
from provenance import commit, machine

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(__file__).resolve().parent / "peers"
CLAIM = (__doc__ or "").splitlines()[0].removeprefix("Claim: ")

ONE_CORE = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
START = 120
"""Seconds a program may take beyond its limit, for imports and its warm-up."""
PATIENCE = 3600
"""Seconds after which exactcpa itself counts as stuck; its kernels may have to be compiled first."""

OURS = {"linprog": "linprog_tree.py", "edges": "edge_subdivision.py"}
"""Peers of our own, and their programs."""

KINDS = {"cells": "without facets", "facets": "with facets"}
"""The two ways in which exactcpa is measured."""

MOST_PROGRAMS = 3.0
"""Linear programs per cell, from d = 4 on."""

RATES = {2: 500_000, 3: 300_000, 4: 200_000, 5: 100_000}
"""Dimension -> cells per second; `MANY` in more dimensions."""
MANY = 50_000
LINEAR_PROGRAMS = 100_000
"""The same with linear programs in up to four dimensions."""

SECONDS = {"3-64-64": 5, "3-64-64-half-bias": 5}
SECONDS |= {"2-10x20": 10, "2-20x20": 10, "2-30x20": 10, "5-32-32": 600, "8-16-16": 600}
"""Seconds for the whole of a network, where facets are found with them."""
MOST_MEGABYTES = 1000
"""For counting."""

FEW = 6
"""Dimension up to which there is an engine with vertices."""
METHODS = ("auto", "lp", "vertex")

Measured = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A network of the benchmark: how it is drawn, and what is asked of it."""

    name: str
    network: str
    sizes: tuple[int, ...]
    weight: make.Draw = make.uniform
    bias: make.Draw = make.uniform
    degenerate: bool = False
    counted: bool = False

    @property
    def dimension(self) -> int:
        """Of the input."""
        return self.sizes[0]

    @property
    def kinds(self) -> dict[str, str]:
        """How it is measured."""
        return {"cells": "counted"} if self.counted else KINDS

    def rate_goal(self, method: str, *, facets: bool) -> float:
        """Cells per second to reach."""
        goal = RATES.get(self.dimension, MANY)
        if method == "lp":
            goal = min(goal, LINEAR_PROGRAMS)
        by_programs = method == "lp" or self.dimension > 4
        return goal / (2 if facets and by_programs else 1) / (10 if self.degenerate else 1)

    def text(self) -> str:
        """The network file."""
        return make.text_of(make.network(self.network, [*self.sizes, 1], self.weight, self.bias))


def half(source: random.Random) -> float:
    """A number of [-1/2, 1/2)."""
    return round(make.uniform(source) / 2, 6)


def shaped(shape: str, **more: Any) -> Case:
    """The random network of a shape."""
    return Case(shape, "random_" + shape.replace("-", "_"), tuple(int(n) for n in shape.split("-")), **more)


def cases() -> list[Case]:
    """All networks of the benchmark."""
    shapes = ["2-16-16", "2-32-32-32", "2-64-64", "3-16-16", "3-32-32", "3-64-64", "4-16-16", "4-32-32"]
    shapes += ["5-16-16", "8-10-10", "10-10-10"]
    made = [shaped(shape) for shape in shapes]
    made.append(Case("3-64-64-half-bias", "random_3_64_64", (3, 64, 64), bias=half))
    made += [Case(f"2-{n}x20", "_".join(["random_2", *["20"] * n]), (2, *[20] * n)) for n in (10, 20, 30)]
    degenerate = {
        "integer": (make.small_integer, make.small_integer),
        "int8": (make.int8, make.int8),
        "zero-bias": (make.uniform, make.zero),
    }
    for kind, (weight, bias) in degenerate.items():
        name = f"{kind}-3-16-16"
        made.append(Case(name, name.replace("-", "_"), (3, 16, 16), weight, bias, degenerate=True))
    return made + [shaped(shape, counted=True) for shape in ("5-32-32", "8-16-16")]


# Running the programs.


def answer_of(command: list[Any], seconds: float) -> Measured:
    """The last line a program prints, or ``{"note": why there is none}``."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | ONE_CORE
    if Path(command[0]) == Path(sys.executable):
        environment["PYTHONPATH"] = str(ROOT)  # measure this checkout
    with subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a group of its own: its workers end with it
            return {"note": "no answer"}
    if process.returncode == -signal.SIGALRM:
        return {"note": "no answer"}
    try:
        return json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        lines = errors.strip().splitlines() or [f"exit code {process.returncode}"]
        return {"note": f"failed: {lines[-1]}"}


def interpreters(options: argparse.Namespace) -> dict[str, Path | str]:
    """Peer -> its interpreter, or why it cannot be had."""
    found: dict[str, Path | str] = {}
    if not options.peers:
        return found
    for peer in PEERS:
        try:
            found[peer] = python_with(peer, options.peers_dir)
        except NotInstalled as reason:
            found[peer] = f"not installed: {reason}"
    return found | dict.fromkeys(OURS, Path(sys.executable))


def compile_kernels() -> None:
    """Run exactcpa once on something tiny, so that compiling is in nobody's time or memory afterwards."""
    say("compiling kernels, if they are not yet")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.json"
        file.write_text(Case("tiny", "tiny", (2, 2)).text())
        for method in ("lp", "vertex"):
            words = [file, 1, "--facets", "--method", method]
            answer_of([sys.executable, PROGRAMS / "exactcpa_runs.py", *words], PATIENCE)


def measure(case: Case, pythons: dict[str, Path | str], options: argparse.Namespace) -> Measured:
    """Everything about one network."""
    say(f"{case.name} ...")
    result: Measured = {"name": case.name, "dimension": case.dimension}
    method = "lp" if case.dimension > FEW else options.method
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.json"
        file.write_text(case.text())
        ours = [sys.executable, PROGRAMS / "exactcpa_runs.py", file, options.repeat, "--method", method]
        ours += ["--profile"] if options.profile else []
        result["cells"] = answer_of([*ours, *["--count"] * case.counted], PATIENCE)
        result["facets"] = {"note": "counted only"}
        if not case.counted:
            result["facets"] = answer_of([*ours, "--facets"], PATIENCE)
        for peer, python in pythons.items():
            if isinstance(python, str):
                result[peer] = {"note": python}
                continue
            program = PROGRAMS / OURS.get(peer, f"{peer}_peer.py")
            result[peer] = answer_of([python, program, file, options.limit], options.limit + START)
    return result


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


# Judging.


def rate(measured: Measured) -> float | None:
    """Cells per second, or None if there was no answer."""
    return measured["cells"] / measured["seconds"] if "cells" in measured else None


def ratios(case: Case, result: Measured) -> Iterator[tuple[str, float]]:
    """What is asked of a network, and the ratio reached: 1 or more is a goal met."""
    for kind, words in case.kinds.items():
        reached = rate(result[kind])
        if reached is None:
            yield f"{words}: {result[kind]['note']}", 0.0
            continue
        goal = case.rate_goal(result[kind]["method"], facets=kind == "facets")
        yield f"{words}: {reached:,.0f} cells/s, goal {goal:,.0f}", reached / goal
    whole, most = result["cells" if case.counted else "facets"], SECONDS.get(case.name)
    if most is not None and "seconds" in whole:
        yield f"{whole['seconds']:.1f} s, goal at most {most}", most / whole["seconds"]
    if case.counted and "peak_megabytes" in whole:
        held = whole["peak_megabytes"]
        yield f"{held:,.0f} MB, goal at most {MOST_MEGABYTES}", MOST_MEGABYTES / held
    programs = result["cells"].get("linear_programs_per_cell")
    if case.dimension >= 4 and programs:  # none with vertices, and none is known where cells are counted
        words = f"{programs:.2f} linear programs per cell, goal at most {MOST_PROGRAMS:g}"
        yield words, MOST_PROGRAMS / programs
    plain, facets = result["cells"].get("cells"), result["facets"].get("cells")
    if plain is not None and facets is not None and plain != facets:
        yield f"{plain} cells without facets, {facets} with them", 0.0


# Printing.


def table(head: list[str], rows: list[list[str]]) -> str:
    """Columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for first, *others in [head, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def our_row(result: Measured) -> list[str]:
    """A line of the table of exactcpa; pairs are without / with facets."""
    pair = [one for one in (result["cells"], result["facets"]) if "cells" in one]
    if not pair or "cells" not in result["cells"]:
        return [result["name"], *["-"] * (len(OUR_HEAD) - 1)]

    def both(key: str, form: str) -> str:
        return " / ".join("-" if one[key] is None else format(one[key], form) for one in pair)

    return [
        result["name"],
        f"{pair[0]['cells']:,}",
        both("method", ""),
        f"{rate(pair[0]):,.0f}",
        f"{rate(pair[1]):,.0f}" if len(pair) > 1 else "-",
        both("linear_programs_per_cell", ".2f"),
        both("decided_exactly", ","),
        both("peak_megabytes", ".0f"),
        both("proof_bytes_per_cell", ",.0f"),
        both("core_share", ".2f"),
    ]


OUR_HEAD = ["network", "cells", "method", "cells/s", "with facets", "LPs per cell", "decided exactly"]
OUR_HEAD += ["peak MB", "proof bytes per cell", "core"]


def ours_beside(result: Measured, peer: str) -> Measured:
    """What a peer is compared with: the same task, as far as there is one."""
    kind = "facets" if peer == "relucent" and "cells" in result["facets"] else "cells"
    return result[kind]


def times(value: float) -> str:
    """A ratio, with as many digits as say something."""
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def against_peers(result: Measured, peers: list[str]) -> Iterator[tuple[str, float]]:
    """How many times faster than each peer that came to its end with the right number of cells."""
    for peer in peers:
        ours, theirs = ours_beside(result, peer), result[peer]
        if theirs.get("complete") and theirs["cells"] == ours.get("cells"):
            ratio = (rate(ours) or 0) / (rate(theirs) or 1)
            yield f"{times(ratio)} times the rate of {peer}", ratio


def peer_cells(result: Measured, peer: str, limit: float) -> list[str]:
    """Cells, cells per second, and ours divided by it."""
    theirs, ours = result[peer], ours_beside(result, peer)
    if "cells" not in ours:
        return ["-"] * 3
    if "cells" not in theirs:
        if theirs["note"] != "no answer":
            return ["-"] * 3
        bound = ours["cells"] / limit
        return ["none", f"<{bound:,.0f}", ">" + times((rate(ours) or 0) / bound)]
    mark = "+" if not theirs["complete"] else "!" if theirs["cells"] != ours["cells"] else ""
    their_rate = rate(theirs) or 0.0
    ratio = times((rate(ours) or 0) / their_rate) if their_rate else "-"
    return [f"{theirs['cells']:,}{mark}", f"{their_rate:,.0f}", ratio]


def peer_notes(results: list[Measured], peers: list[str]) -> Iterator[str]:
    """What the peers said beyond numbers, each remark once with the networks it was made on."""
    for peer in peers:
        remarks: dict[str, list[str]] = {}
        for result in results:
            note = result[peer]["note"]
            if note and note != "no answer":
                remarks.setdefault(note, []).append(result["name"])
        for note, names in remarks.items():
            yield f"{peer}: {note} ({', '.join(names) if len(names) < len(results) else 'all'})"


def show(results: list[Measured], peers: list[str], limit: float) -> None:
    """The tables, for people."""
    print(table(OUR_HEAD, [our_row(result) for result in results]))
    if peers:
        head = ["network", "exactcpa"]
        for peer in peers:
            head += [peer, "cells/s", "times"]
        rows = []
        for result in results:
            cells = result["cells"].get("cells")
            row = [result["name"], "-" if cells is None else f"{cells:,}"]
            for peer in peers:
                row += peer_cells(result, peer, limit)
            rows.append(row)
        print(f"\nPeers, {limit:g} seconds each\n\n{table(head, rows)}")
        for note in peer_notes(results, peers):
            print(note)
    print()
    for result in results:
        for kind, words in KINDS.items():
            profile = result[kind].get("profile", {})
            spent = ", ".join(f"{module} {share:.0%}" for module, share in profile.items())
            if spent:
                print(f"{result['name']}, {words}: {spent}")


# The command.


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """The options; a name that is no network's ends the program with code 2."""
    names = [case.name for case in cases()]
    parser = argparse.ArgumentParser(description=CLAIM)
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help="one network; repeatable"
    )
    parser.add_argument("--long", action="store_true", help="also count the networks of many million cells")
    parser.add_argument(
        "--method", choices=METHODS, default="auto", help="the engine, where there is a choice"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median counts (default 3)")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds per peer and network (default 30)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="exactcpa alone")
    parser.add_argument(
        "--peers-dir", type=Path, default=CACHE, help="where peers are installed (default ~/.cache)"
    )
    parser.add_argument("--profile", action="store_true", help="say in which modules the time goes")
    parser.add_argument("--json", action="store_true", help="the JSON line alone")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, judge."""
    options = options_of(arguments)
    start = time.perf_counter()
    wanted = options.only or [case.name for case in cases() if options.long or not case.counted]
    chosen = [case for case in cases() if case.name in wanted]
    pythons = interpreters(options)
    compile_kernels()
    results = [measure(case, pythons, options) for case in chosen]
    reached = {
        case.name: [*ratios(case, result), *against_peers(result, list(pythons))]
        for case, result in zip(chosen, results, strict=True)
    }
    judged = [(f"{name}: {text}", ratio) for name, pairs in reached.items() for text, ratio in pairs]
    missed = [f"{text} ({ratio:.2f})" for text, ratio in judged if ratio < 1]
    if not options.json:
        show(results, list(pythons), options.limit)
        print("\nMissed, with the ratio reached:" if missed else "\nEvery goal is met.")
        for line in missed:
            print(f"  {line}")
        print()
    line = {
        "claim": CLAIM,
        "value": min(ratio for _, ratio in judged),
        "seconds": time.perf_counter() - start,
        "commit": commit(),
        "machine": machine(),
        "missed": missed,
        "networks": results,
    }
    print(json.dumps(line))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
