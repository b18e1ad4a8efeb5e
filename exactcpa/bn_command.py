"""The command ``bn``: the placement report of a network on data.

Main definitions:
    add_arguments: What may be typed.
    run_bn: Takes the parsed arguments, prints, returns the exit code.

Conventions: as in `commands`: the result on stdout, progress on stderr; numbers typed are exact.

Not here: the report (`placement`), its written forms (`placement_report`).
"""

from __future__ import annotations

import sys
from argparse import Namespace

from exactcpa.commands import STDIN, announce_compilation, domain_of, network_of, print_json, print_lines
from exactcpa.data_file import load_data
from exactcpa.errors import BadArgument, shown
from exactcpa.placement import batchnorm_report


def run_bn(options: Namespace) -> int:
    """Measure, and print the report."""
    if options.network == STDIN and options.domain == STDIN:
        raise BadArgument("the network and the domain cannot both come from the standard input")
    if options.json and options.csv:
        raise BadArgument("--json and --csv exclude each other")
    net = network_of(options.network)
    data = load_data(options.data)
    domain = domain_of(options, net) if options.box or options.domain else None
    announce_compilation()
    report = batchnorm_report(
        net,
        data,
        mode=options.mode,
        batch=_numbers(options.batch),
        reading=options.reading,
        compare=[name for name in options.compare.split(",") if name],
        seed=options.seed,
        window=options.window,
        domain=domain,
        progress=sys.stderr.isatty(),
    )
    if options.json:
        print_json(report.to_json())
    elif options.csv:
        sys.stdout.write(report.to_csv())
    else:
        print_lines(list(report.lines()))
    return 0


def _numbers(text: str | None) -> list[int] | None:
    """Sample numbers, ``0,3,5``."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) <= 18 for word in words):
        raise BadArgument(f"--batch: expected sample numbers like 0,3,5, got {shown(text)}")
    return [int(word) for word in words]
