"""What the scripts share: options, seeded weights, tables for people, the JSON line, the exit code.

A verifying script has its claim in its first line and a function ``main(arguments) -> exit code``; it ends with
``sys.exit(run(main))``.  Exit code 0: the claim holds on everything examined; 1: it does not; 2: misuse, one line.

Main definitions:
    parser_of, instance_of: ``--network --data --seed --size`` and what they name.
    drawn: The network, then networks of the same shape with seeded weights.
    examine_statements: Statements of the ledger on the network and data, with the evidence re-added.
    table, conclude, run: How the result leaves the script.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from provenance import commit, machine

import exactcpa as cpa
from exactcpa.numbers import decimal_text
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.statement import Outcome

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
GRAINS = 64
"""Seeded weights are multiples of 1 / GRAINS between -1 and 1."""

LONGEST_REASON = 120

Points = tuple[tuple[Fraction, ...], ...]


# What is asked.


def claim_of(document: str | None) -> str:
    """The claim in the first line of a script's docstring."""
    return (document or "").splitlines()[0].removeprefix("Claim: ")


def parser_of(
    document: str | None, *, network: str, data: str, size: int, means: str
) -> argparse.ArgumentParser:
    """The options every script has.

    Args:
        document: The script's docstring.
        network: Default network, a path below data/.
        data: Default data, likewise.
        size: Default of ``--size``.
        means: What the size is, in words.
    """
    parser = argparse.ArgumentParser(description=claim_of(document))
    parser.add_argument("--network", default=DATA / network, help=f"a network file (default data/{network})")
    parser.add_argument("--data", default=DATA / data, help=f"a data file (default data/{data})")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--size", type=int, default=size, help=f"{means} (default {size})")
    return parser


def instance_of(options: argparse.Namespace) -> tuple[cpa.Network, Points]:
    """The network and the points that the options name."""
    if options.size < 1:
        raise cpa.BadArgument(f"--size: expected at least 1, got {options.size}")
    return cpa.load_network(str(options.network)), cpa.load_data(str(options.data)).points


def drawn(net: cpa.Network, *, seed: int, size: int) -> Iterator[cpa.Network]:
    """The network as it is, then others of its shape: every weight and bias of a linear layer drawn anew."""
    yield net
    for number in islice(range(size), 1, None):
        source = random.Random(f"{seed} {number}")
        layers = [_redrawn(layer, source) if isinstance(layer, cpa.Linear) else layer for layer in net.layers]
        yield cpa.Network(net.input, tuple(layers))


def _redrawn(layer: cpa.Linear, source: random.Random) -> cpa.Linear:
    def draw() -> Fraction:
        return Fraction(source.randint(-GRAINS, GRAINS), GRAINS)

    weight = [[draw() for _ in row] for row in layer.weight]
    return replace(layer, weight=weight, bias=[draw() for _ in layer.bias])


# What is told.


def examine_statements(
    names: Sequence[str], net: cpa.Network, points: Points
) -> tuple[list[list[str]], bool]:
    """Rows of id, verdict and reason, and whether none is refuted and all evidence re-adds."""
    rows, holds = [], True
    for name in names:
        verdict = STATEMENTS[name].verify(net, points)
        accepted = STATEMENTS[name].accepts(verdict)
        holds = holds and accepted and verdict.outcome is not Outcome.REFUTED
        reason = verdict.reason if accepted else "its evidence, re-added, does not show that"
        rows.append([name, str(verdict.outcome), reason_text(reason)])
    return rows, holds


def reason_text(reason: str) -> str:
    """As much of a reason as fits in a table."""
    return textwrap.shorten(reason, LONGEST_REASON, placeholder=" ...")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns under their heads: the first and those of words to the left, those of numbers to the right."""
    lines = [[str(entry) for entry in row] for row in [head, *rows]]
    widths = [max(len(line[j]) for line in lines) for j in range(len(head))]
    has_numbers = [any(line[j][:1].isdigit() for line in lines[1:]) for j in range(len(head))]
    is_left = [j == 0 or not head[j] or not has_numbers[j] for j in range(len(head))]
    padded = [
        [
            entry.ljust(w) if left else entry.rjust(w)
            for entry, w, left in zip(line, widths, is_left, strict=True)
        ]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def mean(values: Sequence[Fraction | int]) -> Fraction:
    """Of at least one value."""
    return Fraction(sum(values)) / len(values)


def short(value: Fraction) -> str:
    """A rounded decimal."""
    return decimal_text(value, 4)


def conclude(
    document: str | None, *, holds: bool, why: str, value: float | str, start: float, **more: Any
) -> int:
    """Print the JSON line; the exit code.

    Args:
        document: The script's docstring.
        holds: Whether the claim held on everything that was examined.
        why: What to say if it did not.
        value: The one number that says most.
        start: When the script started, `time.perf_counter`.
        more: What else belongs in the line.
    """
    line = {
        "claim": claim_of(document),
        "holds": holds,
        "value": value,
        "seconds": round(time.perf_counter() - start, 3),
        "commit": commit(),
        "machine": machine(),
        **more,
    }
    print(f"\n{'The claim holds.' if holds else f'The claim fails: {why}.'}\n{json.dumps(line)}")
    return int(not holds)


def run(main: Callable[[list[str] | None], int]) -> int:
    """Run a script; misuse is one line and exit code 2."""
    try:
        return main(None)
    except cpa.ExactcpaError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return 2
