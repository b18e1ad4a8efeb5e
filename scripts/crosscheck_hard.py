"""What relucent, sampling and float polygon clipping say of data/hard/, judged claim by claim.

    python scripts/crosscheck_hard.py                       every family; the table of the README
    python scripts/crosscheck_hard.py --family thin --each  one family, a line for every network that a tool gets wrong
    python scripts/crosscheck_hard.py --require             exit code 2 if relucent is not installed

A tool is *right* on a network if everything it claims is confirmed: it says that it found all cells, it lists
their patterns and their number; *wrong* if a claim is refuted; *silent* if it
stops with an error or says itself that it is not complete.  Clipping is for the plane and asked there only.  The
script's own check: cells confirmed and cells missing add up to the counts of truth.json.  relucent is installed by
``pip install relucent==1.0.0``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from crosschecking import is_missing
from provenance import commit, machine
from reporting import run, table

import exactcpa as cpa
from exactcpa.adapters.polygons import clip
from exactcpa.adapters.relucent_adapter import claims_from_relucent
from exactcpa.adapters.sampling import claims_from_sampling, count_body, random_points
from exactcpa.crosscheck.claim import Claim, Outcome
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.hard import HardCase, families_of, hard_cases

Answer = tuple[ClaimsFile | None, str] | None
"""Claims of a tool, or none and a note why; None: it is not for such networks."""


@dataclass(frozen=True)
class Result:
    """One tool on one network.

    Attributes:
        outcome: "right", "wrong", "silent" or "not asked".
        missing, phantom: Cells that it does not list; patterns it lists that are no cells.
        note: Why it is silent, or what is wrong.
    """

    outcome: str
    missing: int = 0
    phantom: int = 0
    note: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Ask, judge, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", action="append", help="only this family; may be repeated")
    parser.add_argument("--samples", type=int, default=10_000, help="points of a sample (default 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default 0)")
    parser.add_argument("--tolerance", type=float, action="append", help="of a clipping (default 1e-9 and 0)")
    parser.add_argument("--seconds", type=float, default=60, help="for relucent on a network (default 60)")
    parser.add_argument("--each", action="store_true", help="tell every network on which a tool is not right")
    parser.add_argument("--markdown", action="store_true", help="the table as in the README")
    parser.add_argument("--require", action="store_true", help="exit with 2 unless relucent is installed")
    options = parser.parse_args(arguments)
    tools = _tools(options)
    if is_missing("relucent"):
        if options.require:
            return 2
        del tools["relucent"]
    start, rows, told, totals = time.perf_counter(), [], [], {name: [] for name in tools}
    for family, cases in families_of(hard_cases(options.family).values()):
        found = {name: [judged(ask, case) for case in cases] for name, ask in tools.items()}
        rows.append([family, len(cases), sum(c.cells for c in cases), *map(_cell, found.values())])
        for name, results in found.items():
            totals[name] += results
            pairs = zip(cases, results, strict=True)
            told += [
                f"{name}, {c.name}: {r.outcome}: {r.note}" for c, r in pairs if r.outcome in OUTCOMES[1:]
            ]
    rows.append(["all", sum(r[1] for r in rows), sum(r[2] for r in rows), *map(_cell, totals.values())])
    head = ["family", "networks", "cells", *tools]
    print(markdown(head, rows) if options.markdown else table(head, rows))
    print("\nright / wrong / silent; then cells missing from its lists + patterns in them that are no cells")
    if options.each:
        print("\n" + "\n".join(told))
    counts = {
        name: {o: sum(r.outcome == o for r in found) for o in OUTCOMES} for name, found in totals.items()
    }
    line = {"value": counts, "seconds": round(time.perf_counter() - start, 1)}
    print(
        "\n"
        + json.dumps(
            {"claim": (__doc__ or "").splitlines()[0], **line, "commit": commit(), "machine": machine()}
        )
    )
    return 0


OUTCOMES = ("right", "wrong", "silent")


def _tools(options: argparse.Namespace) -> dict[str, Callable[[HardCase], Answer]]:
    """Every tool, as a function from a case to its claims."""

    def sampling(case: HardCase) -> Answer:
        points = random_points(case.domain, options.samples, options.seed)
        return claims_from_sampling(case.network, case.domain, points, complete=True), ""

    def clipping(tolerance: float) -> Callable[[HardCase], Answer]:
        def ask(case: HardCase) -> Answer:
            if case.domain.dimension != 2:
                return None
            found = clip(case.network, case.domain, tolerance=tolerance)
            body = {"patterns": found.patterns, "encoding": "pieces", "complete": True}
            count = count_body("cells", len(found.polygons), is_all=True)
            claims = (Claim("patterns", "patterns", body), Claim("cells", "count", count))
            return ClaimsFile(claims, case.network, case.domain, "clipping"), ""

        return ask

    def relucent(case: HardCase) -> Answer:
        claims, note = claims_from_relucent(case.network, case.domain, seconds=options.seconds)
        is_complete = claims.claims[0].body["complete"]
        return (claims, note) if is_complete else (None, note or "says that it is not complete")

    clippings = {f"clipping, {t:g}": clipping(t) for t in options.tolerance or (1e-9, 0.0)}
    return {"relucent": relucent, "sampling": sampling, **clippings}


def judged(ask: Callable[[HardCase], Answer], case: HardCase) -> Result:
    """Ask a tool about a case and have its claims judged."""
    answer = ask(case)
    if answer is None:
        return Result("not asked")
    claims, note = answer
    if claims is None:
        return Result("silent", note=note)
    report = cpa.crosscheck(case.network, claims, case.domain)
    figures = report["patterns"].figures
    expect_truth(case, int(figures["right"]), int(figures["missing"]))
    if not report.is_refuted:
        return Result("right")
    refuted = [v for v in report.claims if v.outcome is Outcome.REFUTED]
    return Result("wrong", int(figures["missing"]), int(figures["wrong"]), refuted[0].reason)


def expect_truth(case: HardCase, right: int, missing: int) -> None:
    """Raise if the cells that were confirmed and those found missing are not as many as truth.json says."""
    if right + missing != case.cells:
        raise AssertionError(
            f"{case.name}: {right} cells confirmed, {missing} missing; {case.cells} are proved"
        )


def markdown(head: list[str], rows: list[list[object]]) -> str:
    """The table for a Markdown file."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _cell(results: list[Result]) -> str:
    if all(r.outcome == "not asked" for r in results):
        return "-"
    counts = " / ".join(str(sum(r.outcome == outcome for r in results)) for outcome in OUTCOMES)
    missing, phantom = sum(r.missing for r in results), sum(r.phantom for r in results)
    return f"{counts}; {missing:,} + {phantom:,}" if missing or phantom else counts


if __name__ == "__main__":  # relucent's worker process imports this file
    sys.exit(run(main))
