"""The command ``crosscheck``: the claims of a tool about a network, judged one by one.

Main definitions:
    run_crosscheck: Takes the parsed arguments, prints, returns the exit code.

Conventions:
    Exit 1 if any claim is refuted.  The network and the domain of the command line come before those of the file.
    Evidence is in the JSON object, in the page, and in the file of ``--evidence``, which
    ``python -I -S exactcpa/evidence_checker.py`` checks.

Not here:
    Judging: `crosscheck.judging`.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from exactcpa.commands import (
    announce_compilation,
    domain_of,
    expect_writable,
    network_of,
    print_json,
    print_lines,
)
from exactcpa.crosscheck.claim import Verdict
from exactcpa.crosscheck.claims_file import read_claims
from exactcpa.crosscheck.judging import CrosscheckReport, crosscheck
from exactcpa.crosscheck.report_html import page
from exactcpa.crosscheck.summary import score_lines
from exactcpa.errors import BadArgument, BadFile

NARROWEST, WIDEST = 40, 100
"""Of the column with sentences."""


def run_crosscheck(options: Namespace) -> int:
    """Judge the claims and print what was found."""
    for path in (options.html, options.evidence, options.proof):
        if path:
            expect_writable(path)
    given = read_claims(options.claims)
    net = network_of(options.network)
    domain = domain_of(options, net) if options.box or options.domain else given.domain
    if domain is None:
        raise BadArgument(f"{options.claims} names no domain: add --domain FILE or --box LO HI")
    announce_compilation()
    report = crosscheck(net, given, domain, limit=options.limit, seconds=options.seconds, proof=options.proof)
    if options.html:
        _write(options.html, page(report, Path(options.claims).name))
    if options.evidence:
        _write(options.evidence, json.dumps(report.evidence()) + "\n")
    if options.json:
        print_json(report.to_json())
    else:
        print_lines(told(report))
    return 1 if report.is_refuted else 0


def told(report: CrosscheckReport) -> list[str]:
    """The report for people."""
    lines = _table(report.claims)
    worst = report.summary.worst
    items = [verdict for verdict in worst if verdict.item]
    if items:
        lines += ["", "worst of the single items", *_table(items, with_item=True)]
    return [
        *lines,
        "",
        *score_lines(report.summary),
        f"{report.summary}; {report.rechecked:,} piece{'s' * (report.rechecked != 1)} of evidence checked",
    ]


def _table(verdicts: Sequence[Verdict], *, with_item: bool = False) -> list[str]:
    """Aligned columns: claim, verdict, what was found."""
    names = [f"{v.claim_id}, {v.item}" if with_item else v.claim_id for v in verdicts]
    head = ("claim", "verdict", "what is so")
    rows = [(name, str(v.outcome), v.reason) for name, v in zip(names, verdicts, strict=True)]
    first, second = (max(len(row[k]) for row in [head, *rows]) for k in range(2))
    rest = shutil.get_terminal_size((120, 24)).columns - first - second - 4
    width = min(WIDEST, max(NARROWEST, rest))
    longest = max(len(line) for row in [head, *rows] for line in textwrap.wrap(row[2], width))
    lines = [_line(head, first, second), _line(("-" * first, "-" * second, "-" * longest), first, second)]
    for name, outcome, reason in rows:
        for number, text in enumerate(textwrap.wrap(reason, width)):
            lines.append(_line((name, outcome, text) if number == 0 else ("", "", text), first, second))
    return lines


def _line(cells: tuple[str, str, str], first: int, second: int) -> str:
    return f"{cells[0]:<{first}}  {cells[1]:<{second}}  {cells[2]}".rstrip()


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadFile(f"{path}: cannot be written: {error.strerror or error}") from None
