"""The command ``verify``: statements of the ledger, examined on their default instances or on the user's network.

Main definitions:
    run_verify: Takes the parsed arguments, prints, returns the exit code.
    is_surprise: Whether a verdict is not what the ledger says.

Conventions:
    Exit 1 if a statement's outcome on its default instance is not what the ledger expects, or if a statement expected
    true is refuted on the user's data.  Out of scope there is no failure; the reason names the hypothesis.
    All evidence is re-added by plain fractions before anything is printed.

Not here:
    The statements: `theorems.ledger`.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from exactcpa.commands import announce_compilation, network_of, print_json, print_lines
from exactcpa.data_file import load_data
from exactcpa.errors import BadArgument, CertificateRejected
from exactcpa.theorems.ledger import chosen
from exactcpa.theorems.statement import Outcome, Statement, Verdict, evidence_to_json

NARROWEST, WIDEST = 40, 100
"""Of the column with sentences."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One statement, what was found, and how long that took."""

    statement: Statement
    verdict: Verdict
    seconds: float
    is_default: bool

    @property
    def is_surprise(self) -> bool:
        """See `is_surprise`."""
        return is_surprise(self.statement, self.verdict, is_default=self.is_default)


def run_verify(options: Namespace) -> int:
    """Examine the chosen statements and print what was found."""
    if options.evidence and not options.json:
        raise BadArgument("--evidence puts the evidence into the JSON object: add --json")
    statements = list(chosen(options.ids or None))
    net = None if options.network is None else network_of(options.network)
    data = None if options.data is None else load_data(options.data)
    limits = {name: getattr(options, name) for name in ("limit", "cells")}
    wanted = {name: value for name, value in limits.items() if value is not None}
    announce_compilation()
    rows = list(_examine(statements, net, data, wanted))
    if options.json:
        print_json(_facts(rows, evidence=options.evidence))
    else:
        print_lines([*_table(rows), "", _summary(rows)])
    return 1 if any(row.is_surprise for row in rows) else 0


def is_surprise(statement: Statement, verdict: Verdict, *, is_default: bool) -> bool:
    """Whether a verdict is not what the ledger says of the statement."""
    if is_default:
        return verdict.outcome is not (Outcome.PROVED if statement.expected else Outcome.REFUTED)
    return statement.expected and verdict.outcome is Outcome.REFUTED


def _examine(
    statements: Sequence[Statement], net: Any, data: Any, options: dict[str, int]
) -> Iterator[Examined]:
    """Verdicts in order, each with its evidence re-added; progress on stderr if somebody is looking."""
    is_default = net is None and data is None
    is_watched = sys.stderr.isatty()
    for number, statement in enumerate(statements):
        if is_watched:
            sys.stderr.write(f"\r{number + 1} of {len(statements)}: {statement.id:<8}")
            sys.stderr.flush()
        start = perf_counter()
        verdict = statement.verify(net, data, **options)
        if not statement.accepts(verdict):
            raise CertificateRejected(
                f"the evidence for {statement.id} does not add up to '{verdict.outcome}'"
            )
        yield Examined(statement, verdict, perf_counter() - start, is_default)
    if is_watched:
        sys.stderr.write("\r" + " " * 24 + "\r")


def _facts(rows: Sequence[Examined], *, evidence: bool) -> dict[str, Any]:
    """What ``--json`` prints."""
    statements = []
    for row in rows:
        statement, verdict = row.statement, row.verdict
        facts: dict[str, Any] = {
            **{"id": statement.id, "sentence": statement.sentence, "hypotheses": statement.hypotheses},
            **{
                "source": statement.source,
                "arithmetic": statement.arithmetic,
                "expected": statement.expected,
            },
            **{"verdict": str(verdict.outcome), "reason": verdict.reason, "size": verdict.size},
            **{"seconds": row.seconds, "as_expected": not row.is_surprise, "readded": bool(verdict.evidence)},
        }
        statements.append(facts | ({"evidence": evidence_to_json(verdict.evidence)} if evidence else {}))
    return {
        "statements": statements,
        "counts": _counts(rows),
        "surprises": [row.statement.id for row in rows if row.is_surprise],
    }


def _counts(rows: Sequence[Examined]) -> dict[str, int]:
    return {str(outcome): sum(row.verdict.outcome is outcome for row in rows) for outcome in Outcome}


def _table(rows: Sequence[Examined]) -> list[str]:
    """Aligned columns: id, sentence and what was found, verdict, size, seconds."""
    head = ("id", "statement, and what was found", "verdict", "size", "seconds")
    cells = [
        (row.statement.id, "", _verdict_text(row), row.verdict.size, f"{row.seconds:.2f}") for row in rows
    ]
    widths = [max(len(line[k]) for line in [head, *cells]) for k in range(len(head))]
    rest = sum(widths) - widths[1] + 2 * (len(head) - 1)
    widths[1] = min(WIDEST, max(NARROWEST, shutil.get_terminal_size((120, 24)).columns - rest))
    lines = [_line(head, widths), _line(["-" * width for width in widths], widths)]
    for row, line in zip(rows, cells, strict=True):
        text = textwrap.wrap(row.statement.sentence, widths[1])
        text += textwrap.wrap(row.verdict.reason, widths[1], initial_indent="> ", subsequent_indent="  ")
        lines.append(_line((line[0], text[0], *line[2:]), widths))
        lines += [_line(("", more, "", "", ""), widths) for more in text[1:]]
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    *left, last = cells
    padded = [f"{cell:<{width}}" for cell, width in zip(left, widths, strict=False)]
    return "  ".join([*padded, f"{last:>{widths[-1]}}"]).rstrip()


def _verdict_text(row: Examined) -> str:
    return f"{row.verdict.outcome}{' (!)' if row.is_surprise else ''}"


def _summary(rows: Sequence[Examined]) -> str:
    counts = ", ".join([f"{count} {name}" for name, count in _counts(rows).items() if count])
    surprises = [row.statement.id for row in rows if row.is_surprise]
    told = f"NOT as the ledger says: {', '.join(surprises)}" if surprises else "all as the ledger says"
    return f"{len(rows)} statement{'s' * (len(rows) != 1)}: {counts}; {told}"
