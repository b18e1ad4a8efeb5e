"""What the cross-checking scripts share: tools that are not installed, and what a report says of a tool.

Main definitions: `is_missing`, `told`, `parser_of`.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from reporting import DATA

import exactcpa as cpa
from exactcpa.crosscheck.claim import Outcome
from exactcpa.crosscheck.claims_file import ClaimsFile

INSTALL = {
    "relucent": "pip install relucent==1.0.0",
    "torch": "pip install torch==2.13.0",
    "auto_LiRPA": "pip install auto_LiRPA (0.3 needs a Python with torch below 1.13)",
}
MOST_TOLD = 3
DEGENERATE = (
    "grid_with_both_diagonals_4",
    "copies_5",
    "rescaled_2_8_8",
    "flat_in_one_quadrant",
    "bn_parallel_6",
)


def moons() -> tuple[cpa.Network, cpa.Box]:
    """The trained network of data/ that all these scripts start with."""
    return cpa.load_network(str(DATA / "networks" / "moons.json")), cpa.Box([-2, -2], [3, 2])


def parser_of(document: str | None, *tools: str) -> argparse.ArgumentParser:
    """The options of all these scripts."""
    parser = argparse.ArgumentParser(description=(document or "").splitlines()[0])
    needed = f"exit with 2 unless {' and '.join(tools)} can be imported" if tools else "does nothing here"
    parser.add_argument("--require", action="store_true", help=needed)
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    return parser


def is_missing(*tools: str) -> bool:
    """Whether a tool cannot be imported; a sentence on stderr for each."""
    missing = [tool for tool in tools if find_spec(tool) is None]
    for tool in missing:
        print(f"{tool} is not installed, so there is nothing to check: {INSTALL[tool]}", file=sys.stderr)
    return bool(missing)


def told(title: str, net: cpa.Network, claims: ClaimsFile, domain: cpa.Box) -> dict[str, int]:
    """Judge and print: counts of the verdicts, and the first refuted ones; the counts."""
    report = cpa.crosscheck(net, claims, domain)
    counts = {str(outcome): sum(v.outcome is outcome for v in report.claims) for outcome in Outcome}
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    print(f"{title}: {len(report.claims)} claims: {words}; {report.rechecked} pieces of evidence re-added")
    refuted = [verdict for verdict in report if verdict.outcome is Outcome.REFUTED]
    for verdict in refuted[:MOST_TOLD]:
        print(f"  {verdict}")
    if len(refuted) > MOST_TOLD:
        print(f"  and {len(refuted) - MOST_TOLD} more")
    return counts
