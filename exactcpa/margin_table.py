"""The answers of the command ``margin`` as a table, CSV or JSON, with quantiles and a histogram.

Main definitions:
    heads, table, statistics: Lines for people.
    summary, to_json: JSON.
    to_csv: CSV.

Conventions:
    A *row* is a dictionary of what is told of a point: point, status, label, class, rival, value, squared, distance,
    cells, nearest, note.  Quantiles are values of points: the least with that share of all values not above it.

Not here: what is measured (`margin_command`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from math import ceil, isfinite
from typing import Any

from exactcpa.domain import Box, Domain
from exactcpa.network import Network
from exactcpa.numbers import exact_text, to_json_number
from exactcpa.point_margins import MISCLASSIFIED, NONE
from exactcpa.tables import box_text
from exactcpa.vectors import plain

NO_BOUNDARY = "no boundary"
"""The status of a point whose domain is one cell, or in which the unit asked about does not switch."""
COUNTED = (MISCLASSIFIED, NONE, NO_BOUNDARY, "failed")
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


def heads(facts: Row, net: Network, domain: Domain) -> list[str]:
    """What was measured, and where."""
    what = "another class" if facts["target"] == "boundary" else "the boundary of the partition"
    name = {"1": "l1", "2": "l2", "inf": "l_inf"}[facts["norm"]] + (
        "" if facts["weights"] is None else ", weighted"
    )
    kind = type(domain).__name__.lower()
    return [
        f"distances to {what} ({name}) in the {kind} {box_text(domain)}"
        if isinstance(domain, Box)
        else f"distances to {what} ({name}) in a {kind} of dimension {domain.dimension}",
        f"network {net.input} -> {net.output}, {net.units} units; {facts['points']:,} points in "
        f"{facts['seconds']:.2f} s",
    ]


def table(rows: Sequence[Row]) -> list[str]:
    """Aligned columns; those that are empty everywhere are left out."""
    is_squared = any(row["squared"] for row in rows)
    names = {"point": "point", "label": "label", "class": "class", "rival": "rival", "distance": "distance"}
    names |= {
        "value": "distance^2, exactly" if is_squared else "distance, exactly",
        "cells": "cells",
        "note": "",
    }
    lines = [[_cell(row, name) for name in names] for row in rows]
    kept = [k for k in range(len(names)) if k in (0, 4, 5) or any(line[k] for line in lines)]
    titles = list(names.values())
    widths = [max(len(titles[k]), *(len(line[k]) for line in lines)) for k in kept]
    words = [k for k in kept if list(names)[k] in ("value", "note")]
    return [
        "  ".join(
            [line[k].ljust(w) if k in words else line[k].rjust(w) for k, w in zip(kept, widths, strict=True)]
        ).rstrip()
        for line in (titles, *lines)
    ]


def _cell(row: Row, name: str) -> str:
    value = row[name]
    if value is None or (name == "distance" and row["value"] is None):
        return ""
    if name == "distance":
        return f"{value:.6g}"
    if name == "value":
        text = exact_text(value)
        return (
            text
            if len(text) <= LONGEST
            else f"{text[: LONGEST - 18]}.. ({sum(map(str.isdigit, text)):,} digits)"
        )
    return f"{value:,}" if name == "cells" else str(value)


def _measured(rows: Sequence[Row]) -> list[Row]:
    """The rows with a value, the least first, compared exactly."""
    return sorted((row for row in rows if row["value"] is not None), key=lambda row: row["value"])


def summary(rows: Sequence[Row]) -> Row:
    """Counts and quantiles."""
    measured = _measured(rows)
    counts = {status: sum(row["status"] == status for row in rows) for status in COUNTED}
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


def statistics(rows: Sequence[Row]) -> list[str]:
    """Counts, quantiles and a histogram for people."""
    facts = summary(rows)
    counted = [f"{facts[name]:,} {name}" for name in COUNTED if facts[name]]
    lines = [", ".join([f"{facts['measured']:,} measured", *counted])]
    if facts["cells_per_point"]:
        lines[0] += f"; {facts['cells_per_point']:,.1f} cells a point"
    if facts["quantiles"]:
        lines.append("; ".join(f"{name} {q['distance']:.4g}" for name, q in facts["quantiles"].items()))
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


def to_json(row: Row) -> Row:
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


def to_csv(rows: Sequence[Row]) -> str:
    """One line a point; exact numbers as text that `numbers.exactly` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in rows:
        cells = dict(row)
        if row["value"] is not None:
            cells["value"] = exact_text(row["value"])
        if row["nearest"] is not None:
            cells["nearest"] = " ".join(exact_text(q) for q in row["nearest"])
        writer.writerow(["" if cells[name] is None else cells[name] for name in FIELDS])
    return out.getvalue()
