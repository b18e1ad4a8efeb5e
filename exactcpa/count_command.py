"""The command ``count``: cells, facets and volume of a network on a domain, added up and not kept.

Main definitions: `run_count`.

Conventions: Ctrl-C ends the walk, what was found so far is told as what it is, a lower bound, and the exit code is 130.

Not here: the counting (`count`), arguments (`cli`).
"""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from exactcpa.commands import announce_compilation, domain_of, network_of, print_json, print_lines, read_as
from exactcpa.count import CellCount, count_in_steps
from exactcpa.errors import BadArgument
from exactcpa.numbers import exact_text
from exactcpa.progress import Progress

INTERRUPTED = 130


def run_count(options: Namespace) -> int:
    """Count, print, and say so if it was cut short."""
    if options.network == "-" and options.domain == "-":
        raise BadArgument("the network and the domain cannot both come from the standard input")
    net = read_as(options.reading, network_of(options.network), options.batch)
    domain = domain_of(options, net)
    announce_compilation()
    totals = None
    try:
        with Progress(sys.stderr.isatty()) as progress:
            for totals in count_in_steps(
                net,
                domain,
                method=options.method,
                workers=options.workers,
                facets=options.facets,
                volume=options.volume,
                maps=options.maps,
            ):
                progress.update(totals.tally)
    except KeyboardInterrupt:
        if totals is None:
            raise
    found = totals.count()
    if options.json:
        print_json(facts_of(found))
    else:
        print_lines(str(found).splitlines())
    return 0 if found.complete else INTERRUPTED


def facts_of(count: CellCount) -> dict[str, Any]:
    """The result as JSON has it."""
    facts = asdict(count) | {"cells_per_second": count.cells_per_second, "certified": True}
    return facts | {"volume": None if count.volume is None else exact_text(count.volume)}
