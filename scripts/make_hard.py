"""Make data/hard/: degenerate networks for testing other tools, with counts proved by two independent methods.

    python scripts/make_hard.py            writes data/hard/
    python scripts/make_hard.py --check    writes nothing; exits 1 if a file is not current

Every case is a network file, NAME.json; truth.json has for every NAME its family, its domain and the numbers of
cells, of facets between cells and of linear regions.  A number is written only if at least two of these agree, and
none disagrees:

    proof    the engine writes a proof, and the stand-alone checker reads the three numbers off it
    oracle   `tests/oracles.py`: polygon clipping in the plane, sign vectors in space, in plain fractions, sharing
             nothing with the engine (up to 600 cells in the plane, 100 in space)
    formula  the closed formula of `hard_families` or `tests/degenerate.py`, proved by hand
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from hard_families import FAMILIES, Hard, families
from make_networks import DATA, text_of, write_or_compare

import exactcpa as cpa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import oracles

FOLDER = DATA / "hard"
REACH = {1: 600, 2: 600, 3: 100, 4: 100}
"""Dimension -> cells that the oracle can list in seconds."""

Counts = tuple[int, int, int]


def proved(case: Hard) -> Counts:
    """The numbers that the checker reads off the engine's proof."""
    net, domain = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "proof.cpa")
        cpa.enumerate_cells(net, domain, proof=path)
        report = cpa.check(path)
    return report.cells, report.edges, report.linear_regions


def methods(case: Hard) -> dict[str, Counts]:
    """The numbers by every method that applies."""
    found = {"proof": proved(case)}
    if found["proof"][0] <= REACH.get(case.network["input"], 0):
        found["oracle"] = oracles.truth(case.network, case.domain).counts
    if case.counts is not None:
        found["formula"] = case.counts
    return found


def truth_of(name: str, case: Hard) -> dict:
    """The entry of truth.json.

    Raises:
        RuntimeError: Fewer than two methods apply, or they disagree.
    """
    found = methods(case)
    if len(found) < 2 or len(set(found.values())) > 1:
        raise RuntimeError(f"{name}: expected two methods that agree, got {found}")
    cells, facets, regions = found["proof"]
    entry = {"family": case.family, "network": f"{name}.json", "domain": case.domain}
    entry |= {"cells": cells, "facets": facets, "linear_regions": regions, "proved_by": list(found)}
    return entry | ({"formula": case.proof} if case.proof else {})


def texts() -> dict[Path, str]:
    """Every file of the folder."""
    cases = families()
    truth = {"format": "exactcpa-hard", "version": 1, "families": FAMILIES, "cases": {}}
    truth["cases"] = {name: truth_of(name, case) for name, case in cases.items()}
    made = {FOLDER / f"{name}.json": text_of(case.network) for name, case in cases.items()}
    return made | {FOLDER / "truth.json": json.dumps(truth, indent=1) + "\n"}


if __name__ == "__main__":
    sys.exit(write_or_compare(texts(), __doc__ or ""))
