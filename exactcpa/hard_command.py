"""The command ``hard``: the degenerate collection, listed or exported for other tools.

Main definitions:
    run_hard: Takes the parsed arguments, prints, returns the exit code.

Not here:
    The collection: `hard`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from exactcpa.commands import print_json, print_lines
from exactcpa.hard import HardCase, export, families_of, hard_cases
from exactcpa.tables import aligned


def run_hard(options: Namespace) -> int:
    """List the cases, or with ``--export`` write them."""
    cases = hard_cases(options.family or None).values()
    facts = {"cases": [_facts(case) for case in cases]}
    if options.export is not None:
        facts |= {"written": export(options.export, options.family or None), "folder": options.export}
    if options.json:
        print_json(facts)
    elif options.export is None:
        print_lines(aligned(_rows(cases)))
    else:
        counts = ", ".join(f"{count} .{kind}" for kind, count in facts["written"].items())
        told = [f"written to {options.export}: {counts}, truth.json"]
        if "onnx" not in facts["written"]:
            told.append("no .onnx: that needs onnx (pip install onnx)")
        print_lines(told)
    return 0


def _facts(case: HardCase) -> dict[str, Any]:
    names = ("name", "family", "cells", "facets", "linear_regions")
    return {name: getattr(case, name) for name in names} | {"proved_by": list(case.proved_by)}


def _rows(cases: Iterable[HardCase]) -> list[tuple[str, str]]:
    rows = []
    for family, members in families_of(cases):
        rows.append((family, members[0].about))
        for case in members:
            counts = f"{case.cells:,} cells, {case.facets:,} facets, {case.linear_regions:,} linear regions"
            rows.append((f"  {case.name}", f"{counts}: {', '.join(case.proved_by)}"))
    return rows
