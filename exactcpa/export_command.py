"""The command ``export``: a partition for other tools.

Main definitions:
    run_export: Takes the parsed arguments, prints, returns the exit code.

Not here:
    The formats: `export`.
"""

from __future__ import annotations

import os
from argparse import Namespace

from exactcpa.commands import print_json, print_lines
from exactcpa.export import KINDS, export_partition
from exactcpa.partition import load_partition
from exactcpa.tables import aligned, number_text


def run_export(options: Namespace) -> int:
    """Write the partition in the format whose option has a place."""
    kind = next(kind for kind in KINDS if getattr(options, kind) is not None)
    part = load_partition(options.file)
    place = getattr(options, kind) or f"{options.file.rstrip(os.sep).removesuffix('.cpa')}.{kind}"
    written = export_partition(part, place, kind)
    counts = {name: part.summary()[name] for name in ("cells", "edges")}
    facts = {"file": options.file, "format": kind, **counts, "written": written}
    if options.json:
        print_json(facts | {"bytes": [os.path.getsize(name) for name in written]})
        return 0
    rows = [("cells", number_text(counts["cells"])), ("shared facets", number_text(counts["edges"]))]
    rows += [("written", f"{name}, {os.path.getsize(name):,} bytes") for name in written]
    print_lines(aligned(rows))
    return 0
