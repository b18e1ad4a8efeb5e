"""The command ``minibatches``: all mini-batches of a data set through a network, told in tables.

Main definitions:
    run_minibatches: Takes the parsed arguments, prints, returns the exit code.
    told: The report as lines for people.

Conventions: as in `commands`: the result on stdout, progress on stderr; numbers typed are exact.  Decimals in tables
    are rounded; ``--json`` has the exact numbers.

Not here: the report (`minibatches`), its written form (`minibatch_summary`).
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest

from exactcpa.commands import (
    STDIN,
    announce_compilation,
    domain_of,
    expect_writable,
    network_of,
    print_json,
    print_lines,
)
from exactcpa.data_file import load_data
from exactcpa.distributions import Distribution, rough_text
from exactcpa.errors import BadArgument
from exactcpa.minibatch_summary import LayerReport, MinibatchReport, UnitReport
from exactcpa.minibatches import minibatch_report
from exactcpa.tables import aligned

HEAD = ("unit", "mean", "E mean", "Var mean", "variance", "E variance", "shift from", "to", "E distance^2")


def run_minibatches(options: Namespace) -> int:
    """Examine the batches and print the report; 1 if statement A11 or A11' fails."""
    if options.network == STDIN and options.domain == STDIN:
        raise BadArgument("the network and the domain cannot both come from the standard input")
    if options.distributions and not options.json:
        raise BadArgument("--distributions puts every value into the JSON object: add --json")
    if options.out:
        expect_writable(options.out)
    net, data = network_of(options.network), load_data(options.data)
    queries = load_data(options.queries).points if options.queries else ()
    domain = domain_of(options, net) if options.box or options.domain else None
    if options.partitions or options.translations:
        announce_compilation()
    try:
        report = minibatch_report(
            net,
            data,
            options.size,
            limit=options.limit,
            seed=options.seed,
            queries=queries,
            domain=domain,
            partitions=options.partitions,
            translations=options.translations,
            out=options.out,
            progress=sys.stderr.isatty(),
        )
    except KeyboardInterrupt:
        if options.out:
            sys.stderr.write(f"{options.out}.part keeps what was done; the same command goes on there\n")
        raise
    if options.json:
        print_json(report.to_json(distributions=options.distributions))
    else:
        print_lines(list(told(report)))
    return int(report.laws_hold is False or report.translations_are_rigid is False)


def told(report: MinibatchReport) -> Iterator[str]:
    """The report as lines: facts, then a table a layer."""
    yield from aligned(list(_facts(report)))
    for layer in report.layers:
        yield ""
        yield f"layer {'.'.join(map(str, layer.place))}: batch statistics, and the shift of every hyperplane"
        yield from columns([HEAD, *_rows(layer)])


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as aligned columns, all to the right.

    Example:
        >>> columns([("a", "bb"), ("10", "2")])
        [' a  bb', '10   2']
    """
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _facts(report: MinibatchReport) -> Iterator[tuple[str, str]]:
    yield "batches", str(report)
    for reason, count in report.undefined.items():
        yield "no network", f"{count:,}: {reason}"
    for layer in range(len(report.full.signs)):
        steady, moving = report.unsteady_signs(layer)
        yield (
            f"signs, activation {layer}",
            f"{steady:,} of {steady + moving:,} (sample, unit) pairs never change",
        )
    yield "sign patterns", f"{len(report.whole_patterns):,} different ones at the samples together"
    samples = report.decisions[: report.family.samples]
    yield "decisions", f"{_unanimous(samples)} of {len(samples)} samples are decided alike by all batches"
    queries = report.decisions[report.family.samples :]
    if queries:
        yield "queries", f"{_unanimous(queries)} of {len(queries)} points are decided alike by all batches"
    ties = sum(count for entry in report.decisions for text, count in entry.items() if "=" in text)
    yield "ties", f"{ties:,}"
    if report.correct:
        low, high = report.correct.least(), report.correct.greatest()
        mean = rough_text(report.correct.expectation())
        yield "correct samples", f"from {low} to {high}, {mean} on average"
    if report.cells:
        low, high = report.cells.least(), report.cells.greatest()
        full = "" if report.full_cells is None else f"; with all data {report.full_cells:,}"
        mean = rough_text(report.cells.expectation())
        yield "cells", f"{report.cells.total:,} partitions, from {low:,} to {high:,}, {mean} on average{full}"
    yield "A11, sampling", _law_text(report)
    yield "A11', translation", _translation_text(report)
    yield "seconds", f"{report.seconds:.1f}"


def _unanimous(entries: tuple[Distribution, ...]) -> int:
    return sum(len(entry) <= 1 for entry in entries)


def _law_text(report: MinibatchReport) -> str:
    if report.laws_hold is None:
        return "not applicable: it is about all batches, and a batchnorm that no other changes"
    return "holds for every unit" if report.laws_hold else "FAILS"


def _translation_text(report: MinibatchReport) -> str:
    found = report.translations
    if not found:
        return f"not examined: {report.no_translations}"
    rigid = sum(entry.is_rigid for entry in found)
    return f"rigid on {rigid} of {len(found)} batches, {sum(entry.cells for entry in found):,} cells compared"


def _rows(layer: LayerReport) -> Iterator[tuple[str, ...]]:
    for number, unit in enumerate(layer.units):
        yield from _unit_rows(number, unit)


def _unit_rows(number: int, unit: UnitReport) -> Iterator[tuple[str, ...]]:
    statistics = (
        _decimal(unit.full_mean),
        _decimal(unit.mean.expectation()),
        _decimal(unit.mean.variance()),
        _decimal(unit.full_variance),
        _decimal(unit.variance.expectation()),
    )
    shifts = [
        (
            _decimal(shift.offsets.least()),
            _decimal(shift.offsets.greatest()),
            _decimal(shift.mean_squared_distance()),
        )
        for shift in unit.shifts
        if shift.offsets
    ]
    yield (str(number), *statistics, *(shifts[0] if shifts else ("-", "-", "-")))
    for shift in shifts[1:]:
        yield ("", *[""] * len(statistics), *shift)


def _decimal(q: Fraction | None) -> str:
    return "-" if q is None else rough_text(q)
