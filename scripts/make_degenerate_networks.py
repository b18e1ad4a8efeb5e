"""Make data/degenerate/: the degenerate cases of tests/degenerate.py as files, with their hand-proved counts.

    python scripts/make_degenerate_networks.py            writes data/degenerate/
    python scripts/make_degenerate_networks.py --check    writes nothing; exits 1 if a file is not current

Every case is two files, NAME.network.json and NAME.domain.json; counts.json has for every NAME the numbers of
cells, shared facets (edges) and linear regions, and their proof in words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from make_networks import DATA, text_of, write_or_compare

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import degenerate

FOLDER = DATA / "degenerate"


def proof_of(name: str) -> str:
    """The docstring of the builder: the function whose name is the longest beginning of the case's name."""
    builders = [word for word, value in vars(degenerate).items() if callable(value) and name.startswith(word)]
    return " ".join((getattr(degenerate, max(builders, key=len)).__doc__ or "").split())


def texts() -> dict[Path, str]:
    """Every file of the folder."""
    made = {}
    counts = {}
    for name, case in degenerate.CASES.items():
        made[FOLDER / f"{name}.network.json"] = text_of(case.network)
        made[FOLDER / f"{name}.domain.json"] = text_of(case.domain)
        cells, edges, regions = case.counts
        numbers = {"cells": cells, "edges": edges, "linear_regions": regions}
        counts[name] = numbers | {"proof": proof_of(name)}
    made[FOLDER / "counts.json"] = json.dumps(counts, indent=1) + "\n"
    return made


if __name__ == "__main__":
    sys.exit(write_or_compare(texts(), __doc__ or ""))
