"""A cross-check as one web page that needs nothing else: for whoever wrote the tool.

Main definitions:
    page: The page as text.

Conventions:
    Everything that comes from files is escaped.  No scripts, no links to anywhere.  Long evidence is cut; all of it
    is in the JSON report.

Not here:
    The report: `judging`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from exactcpa.crosscheck.claim import Evidence, Verdict, number_text
from exactcpa.crosscheck.summary import score_lines

if TYPE_CHECKING:
    from exactcpa.crosscheck.judging import CrosscheckReport

LONGEST_EVIDENCE = 4000
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .35em .8em; }
th { border-bottom: 2px solid #888; } td { border-bottom: 1px solid #ddd; } pre { white-space: pre-wrap;
overflow-wrap: anywhere; font-size: 12px; }
.confirmed { color: #11703c; } .refuted { color: #b3261e; font-weight: 600; }
.undecidable { color: #7a5b00; } .item td:first-child { padding-left: 2em; } summary { cursor: pointer; }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd; } td { border-color: #444; }
.confirmed { color: #6bd69a; } .refuted { color: #ff8a80; } .undecidable { color: #e5c07b; } }
"""


def page(report: CrosscheckReport, title: str) -> str:
    """The page of a report.

    Args:
        report: The report.
        title: What the claims are called, such as their file.
    """
    summary = report.summary
    by = f" of {escape(report.tool)}" if report.tool else ""
    pieces = "piece" if report.rechecked == 1 else "pieces"
    inputs = "input" if report.network.input == 1 else "inputs"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Cross-check: {escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>Cross-check{by}: {escape(title)}</h1>",
        f"<p>{escape(str(summary))}; {report.rechecked:,} {pieces} of evidence checked.</p>",
        f"<p>{report.network.input} {inputs}; domain {escape(_brief(str(report.domain), 300))}.</p>",
        *[f"<p>{escape(line)}</p>" for line in score_lines(summary)],
    ]
    if summary.worst:
        parts += ["<h2>The worst claims</h2>", *_table(summary.worst, with_evidence=False)]
    parts += ["<h2>All verdicts</h2>", *_table(report.verdicts, with_evidence=True), "</body></html>"]
    return "\n".join(parts) + "\n"


def _table(verdicts: Sequence[Verdict], *, with_evidence: bool) -> list[str]:
    head = "<tr><th>claim</th><th>kind</th><th>verdict</th><th>what is so</th><th>error</th></tr>"
    return [
        "<table>",
        head,
        *[_row(verdict, with_evidence=with_evidence) for verdict in verdicts],
        "</table>",
    ]


def _row(verdict: Verdict, *, with_evidence: bool) -> str:
    name = f"{verdict.claim_id}, {verdict.item}" if verdict.item else verdict.claim_id
    error = "" if verdict.error is None else number_text(verdict.error)
    told = escape(verdict.reason)
    if with_evidence and verdict.evidence:
        shown = "\n".join([_text(evidence) for evidence in verdict.evidence[:3]])
        count = len(verdict.evidence)
        told += f"<details><summary>evidence ({count})</summary><pre>{escape(shown)}</pre></details>"
    outcome = f'<td class="{verdict.outcome}">{verdict.outcome}</td>'
    kind = ' class="item"' if verdict.item else ""
    cells = f"<td>{escape(name)}</td><td>{verdict.kind}</td>{outcome}<td>{told}</td><td>{escape(error)}</td>"
    return f"<tr{kind}>{cells}</tr>"


def _text(evidence: Evidence) -> str:
    return _brief(json.dumps(evidence.to_json()), LONGEST_EVIDENCE)


def _brief(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + " ..."
