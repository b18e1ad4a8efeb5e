"""The command ``margin``: the exact margins of many points, as a table, CSV or JSON.

Main definitions:
    run_margin: Takes the parsed arguments, prints, returns the exit code.

Conventions:
    As in `commands`: the result on stdout, progress on stderr.  A point that fails says why in its row, and the exit
    code is then 1.  Labels are those of ``--labels`` alone.  Of l2 exact values are squares, decimals distances.
    Quantiles are values of points: the least with that share of all values not above it.

Not here: the margins (`point_margins`), distances to the boundary of the partition (`distance_to_partition`).
"""

from __future__ import annotations

import csv
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, inf, isfinite, sqrt
from pathlib import Path
from time import perf_counter
from typing import Any

from exactcpa.commands import STDIN, announce_compilation, domain_of, network_of, print_json, print_lines
from exactcpa.data_file import Data, load_data
from exactcpa.distance_to_partition import PartitionDistance, partition_distances
from exactcpa.domain import Box, Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadArgument, BadFile, located, shown
from exactcpa.network import Network
from exactcpa.network_file import parse_json
from exactcpa.numbers import exactly, to_json_number
from exactcpa.point_margins import MISCLASSIFIED, NONE, Failure, Margin, domain_around, margins
from exactcpa.tables import box_text
from exactcpa.vectors import plain

TARGETS = ("boundary", "partition")
LONGEST = 36
"""Longer fractions are told by their first digits in the table; CSV and JSON have them whole."""
SHARES = (
    (0, "least"),
    (5, "5 %"),
    (25, "25 %"),
    (50, "median"),
    (75, "75 %"),
    (95, "95 %"),
    (100, "greatest"),
)
BINS, BAR = 12, 40
FIELDS = ("point", "status", "label", "class", "rival", "value", "distance", "cells", "nearest", "note")

Row = dict[str, Any]


def run_margin(options: Namespace) -> int:
    """Measure every point and print the result."""
    if options.json and options.csv:
        raise BadArgument("--json and --csv exclude each other")
    if options.network == STDIN and options.domain == STDIN:
        raise BadArgument("the network and the domain cannot both come from the standard input")
    if options.target not in TARGETS:
        raise BadArgument(f"expected --target to be {' or '.join(TARGETS)}, got {shown(options.target)}")
    net, data = network_of(options.network), load_data(options.points)
    labels = None if options.labels is None else _labels(options.labels, len(data))
    weights = None if options.weights is None else [exactly(w) for w in options.weights.split(",")]
    domain = (
        domain_of(options, net) if options.box or options.domain else domain_around(data.points, net.input)
    )
    announce_compilation()
    start = perf_counter()
    to_boundary = options.target == "boundary"
    measured = _to_boundary if to_boundary else _to_partition
    rows = measured(net, data, domain, labels, weights, options)
    facts = {
        "target": options.target,
        "norm": options.norm,
        "weights": None if weights is None else plain(weights),
        "domain": domain_to_json(domain),
        "points": len(rows),
        "failed": sum(row["status"] == "failed" for row in rows),
        "seconds": perf_counter() - start,
    }
    if options.json:
        print_json(facts | {"summary": _summary(rows), "results": [_json(row) for row in rows]})
    elif options.csv:
        sys.stdout.write(_csv(rows))
    else:
        print_lines([*_heads(facts, net, domain, options.norm), "", *_table(rows), "", *_statistics(rows)])
    return 1 if facts["failed"] else 0


def _to_boundary(
    net: Network,
    data: Data,
    domain: Domain,
    labels: Sequence[int] | None,
    weights: Sequence[Fraction] | None,
    options: Namespace,
) -> list[Row]:
    folder = options.certificate_dir
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    found = margins(
        net,
        data.points,
        domain,
        norm=options.norm,
        weights=weights,
        labels=labels,
        threshold=options.threshold,
        certificates=folder,
        workers=options.workers,
        progress=_told if sys.stderr.isatty() else None,
    )
    rows = []
    for number, answer in enumerate(found):
        label = None if labels is None else labels[number]
        if isinstance(answer, Failure):
            rows.append(_failed(number, label, str(answer)))
            continue
        file = (
            os.path.join(folder, f"{number}.cpa")
            if folder is not None and answer.status != MISCLASSIFIED
            else None
        )
        rows.append(_margin_row(number, answer) | ({"certificate": file} if file else {}))
    return rows


def _margin_row(number: int, answer: Margin) -> Row:
    mine, rival = answer.pair
    note = "" if answer.value is not None else answer.status
    return {
        **{"point": number, "status": answer.status, "label": answer.label, "class": mine, "rival": rival},
        **{"value": answer.value, "squared": answer.value_is_squared, "distance": answer.distance},
        **{"cells": answer.cells, "nearest": answer.nearest, "note": note},
    }


def _to_partition(
    net: Network,
    data: Data,
    domain: Domain,
    labels: Sequence[int] | None,
    weights: Sequence[Fraction] | None,
    options: Namespace,
) -> list[Row]:
    for given, name in (
        (labels, "--labels"),
        (options.threshold, "--threshold"),
        (options.certificate_dir, "--certificate-dir"),
    ):
        if given is not None:
            raise BadArgument(f"{name} is about classes: expected --target boundary with it, got partition")
    rows = []
    for number, point in enumerate(data.points):
        (answer,) = partition_distances(net, [point], domain, norm=options.norm, weights=weights)
        rows.append(_partition_row(number, answer))
        if sys.stderr.isatty():
            _told(number + 1, len(data))
    return rows


def _partition_row(number: int, answer: Any) -> Row:
    if not isinstance(answer, PartitionDistance):
        return _failed(number, None, str(answer))
    value = answer.value
    note = "the domain is one cell" if value is None else f"unit {answer.unit}" if answer.unit else ""
    distance = inf if value is None else sqrt(value) if answer.value_is_squared else float(value)
    return {
        **{"point": number, "status": NONE if value is None else "exact", "label": None, "class": None},
        **{"rival": None, "value": value, "squared": answer.value_is_squared, "distance": distance},
        **{"cells": 1, "nearest": answer.nearest, "note": note},
    }


def _failed(number: int, label: int | None, reason: str) -> Row:
    nothing = dict.fromkeys(("class", "rival", "value", "distance", "cells", "nearest"))
    return {"point": number, "status": "failed", "label": label, **nothing, "squared": False, "note": reason}


def _told(done: int, stated: int) -> None:
    sys.stderr.write(f"\r{done:,} of {stated:,} points" + "\n" * (done == stated))
    sys.stderr.flush()


def _labels(path: str, count: int) -> list[int]:
    """Labels of a file: a list in JSON, one a line, or those of a data file.

    Raises:
        BadFile: It cannot be read, or has not as many labels as there are points.
    """
    with located(path):
        text = Path(path).read_text(encoding="utf-8") if not path.endswith((".npz", ".npy")) else ""
        value: Any = None
        if path.endswith(".json"):
            value = parse_json(text)
        elif text and "," not in text:
            value = [word for word in text.split() if word.lower() != "label"]
        found = value if isinstance(value, list) and not any(isinstance(x, list) for x in value) else None
        if found is None:
            found = load_data(path).labels
        if found is None:
            raise BadFile("expected labels, got a file of points without any")
        numbers = [exactly(x) for x in found]
        if len(numbers) != count:
            raise BadFile(f"expected {count} labels, one a point, got {len(numbers)}")
        if any(x.denominator != 1 for x in numbers):
            raise BadFile("expected labels that are integers, got a fraction")
    return [int(x) for x in numbers]


# ---------------------------------------------------------------------- what is printed


def _heads(facts: Row, net: Network, domain: Domain, norm: str) -> list[str]:
    what = "another class" if facts["target"] == "boundary" else "the boundary of the partition"
    name = {"1": "l1", "2": "l2", "inf": "l_inf"}[norm] + ("" if facts["weights"] is None else ", weighted")
    kind = type(domain).__name__.lower()
    return [
        f"distances to {what} ({name}) in the {kind} {box_text(domain)}"
        if isinstance(domain, Box)
        else f"distances to {what} ({name}) in a {kind} of dimension {domain.dimension}",
        f"network {net.input} -> {net.output}, {net.units} units; {facts['points']:,} points in "
        f"{facts['seconds']:.2f} s",
    ]


def _table(rows: Sequence[Row]) -> list[str]:
    """Aligned columns; those that are empty everywhere are left out."""
    is_squared = any(row["squared"] for row in rows)
    names = {"point": "point", "label": "label", "class": "class", "rival": "rival", "distance": "distance"}
    names |= {
        "value": "distance^2, exactly" if is_squared else "distance, exactly",
        "cells": "cells",
        "note": "",
    }
    table = [[_cell(row, name) for name in names] for row in rows]
    kept = [k for k in range(len(names)) if k in (0, 4, 5) or any(line[k] for line in table)]
    heads = list(names.values())
    widths = [max(len(heads[k]), *(len(line[k]) for line in table)) for k in kept]
    words = [k for k in kept if list(names)[k] in ("value", "note")]
    return [
        "  ".join(
            [line[k].ljust(w) if k in words else line[k].rjust(w) for k, w in zip(kept, widths, strict=True)]
        ).rstrip()
        for line in (heads, *table)
    ]


def _cell(row: Row, name: str) -> str:
    value = row[name]
    if value is None or (name == "distance" and row["value"] is None):
        return ""
    if name == "distance":
        return f"{value:.6g}"
    if name == "value":
        text = _exact_text(value)
        return (
            text
            if len(text) <= LONGEST
            else f"{text[: LONGEST - 18]}.. ({sum(map(str.isdigit, text)):,} digits)"
        )
    return f"{value:,}" if name == "cells" else str(value)


def _exact_text(value: Fraction) -> str:
    """A rational as text that `exactly` reads."""
    return str(to_json_number(value)) if value.denominator == 1 else _ratio(value)


def _ratio(value: Fraction) -> str:
    written = to_json_number(value)
    if isinstance(written, str):
        return written
    return f"{value.numerator}/{value.denominator}"


def _measured(rows: Sequence[Row]) -> list[Row]:
    """The rows with a value, the least first, compared exactly."""
    return sorted((row for row in rows if row["value"] is not None), key=lambda row: row["value"])


def _summary(rows: Sequence[Row]) -> Row:
    """Counts and quantiles."""
    measured = _measured(rows)
    counts = {
        status: sum(row["status"] == status for row in rows) for status in (MISCLASSIFIED, NONE, "failed")
    }
    quantiles = {}
    if measured:
        for share, name in SHARES:
            row = measured[max(1, ceil(len(measured) * share / 100)) - 1]
            quantiles[name] = {
                "point": row["point"],
                "value": to_json_number(row["value"]),
                "distance": row["distance"],
            }
    cells = [row["cells"] for row in rows if row["cells"] is not None]
    mean = sum(cells) / len(cells) if cells else None
    return {"measured": len(measured), **counts, "quantiles": quantiles, "cells_per_point": mean}


def _statistics(rows: Sequence[Row]) -> list[str]:
    """Counts, quantiles and a histogram for people."""
    summary = _summary(rows)
    counted = [f"{summary[name]:,} {name}" for name in (MISCLASSIFIED, NONE, "failed") if summary[name]]
    lines = [", ".join([f"{summary['measured']:,} measured", *counted])]
    if summary["cells_per_point"]:
        lines[0] += f"; {summary['cells_per_point']:,.1f} cells a point"
    if summary["quantiles"]:
        lines.append("; ".join(f"{name} {q['distance']:.4g}" for name, q in summary["quantiles"].items()))
    return lines + _histogram([row["distance"] for row in _measured(rows)])


def _histogram(distances: Sequence[float]) -> list[str]:
    """Equal intervals from zero to the greatest distance, each with a bar."""
    finite = [x for x in distances if isfinite(x)]
    if len(finite) < 2 or not max(finite) > 0.0:
        return []
    width = max(finite) / BINS
    counts = [0] * BINS
    for x in finite:
        counts[min(BINS - 1, int(x / width))] += 1
    size = len(str(max(counts)))
    return [
        "",
        *[
            f"{k * width:>9.4g} to {(k + 1) * width:<9.4g} {n:>{size}} {'#' * ceil(BAR * n / max(counts))}".rstrip()
            for k, n in enumerate(counts)
        ],
    ]


def _json(row: Row) -> Row:
    """A row for JSON: exact numbers as in files, an infinite distance as null."""
    value, distance = row["value"], row["distance"]
    return {
        **{name: row[name] for name in ("point", "status", "label", "class", "rival")},
        "value": None if value is None else to_json_number(value),
        "value_is_squared": row["squared"],
        "distance": distance if distance is not None and isfinite(distance) else None,
        "cells": row["cells"],
        "nearest": None if row["nearest"] is None else plain(row["nearest"]),
        **{name: row[name] for name in ("note", "certificate") if row.get(name)},
    }


def _csv(rows: Sequence[Row]) -> str:
    """One line a point; exact numbers as text that `numbers.exactly` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in rows:
        cells = dict(row)
        if row["value"] is not None:
            cells["value"] = _exact_text(row["value"])
        if row["nearest"] is not None:
            cells["nearest"] = " ".join(_exact_text(q) for q in row["nearest"])
        writer.writerow(["" if cells[name] is None else cells[name] for name in FIELDS])
    return out.getvalue()
