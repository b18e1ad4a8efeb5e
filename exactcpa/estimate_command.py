"""The command ``estimate``: how many cells, how long, how many bytes, before a long run.

Main definitions: `run_estimate`.

Not here: the forecast (`estimate`), arguments (`cli`).
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from exactcpa.commands import announce_compilation, domain_of, network_of, print_json, print_lines, read_as
from exactcpa.errors import BadArgument
from exactcpa.estimate import estimate_cells


def run_estimate(options: Namespace) -> int:
    """Forecast and print."""
    if options.network == "-" and options.domain == "-":
        raise BadArgument("the network and the domain cannot both come from the standard input")
    net = read_as(options.reading, network_of(options.network), options.batch)
    domain = domain_of(options, net)
    announce_compilation()
    forecast = estimate_cells(
        net,
        domain,
        samples=options.samples,
        seconds=options.seconds,
        seed=options.seed,
        facets=not options.no_facets,
    )
    if options.json:
        print_json(asdict(forecast))
    else:
        print_lines(str(forecast).splitlines())
    return 0
