"""Tables: facts as aligned lines, for people.

Main definitions:
    aligned: Rows of a name and a value as lines.
    number_text: A value in words and digits; a rational exactly, with its decimal.
    summary_rows: What an enumeration found.
    description_rows: What is in a file.

Conventions:
    A row is ``(name, value)``, both text.  ``4/5 = 0.8`` is exact, ``1/3 (about 0.333333)`` is rounded.

Not here:
    What the facts are: `description`, and the summary of a `partition`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from exactcpa.domain import Box, Polytope, Slice
from exactcpa.network import Network
from exactcpa.numbers import decimal_text, exact_text, exactly

Row = tuple[str, str]

LONGEST_BOUND = 60
"""Characters of a bound that is told exactly."""


def aligned(rows: list[Row], indent: str = "") -> list[str]:
    """One line a row, the values under each other."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{indent}{name:<{width}}  {value}".rstrip() for name, value in rows]


def number_text(value: object) -> str:
    """A value for people: thousands set apart, yes and no, a rational with its decimal."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}" if abs(value) < 100 else f"{value:,.0f}"
        case Fraction() if value.denominator == 1:
            return exact_text(value)
        case Fraction():
            decimal, exact = decimal_text(value), exact_text(value)
            return f"{exact} = {decimal}" if exactly(decimal) == value else f"{exact} (about {decimal})"
    return str(value)


def box_text(domain: Box | Polytope | Slice, most: int = 4) -> str:
    """The bounding box of a domain, equal sides as a power."""
    sides = [f"[{_bound(low)}, {_bound(high)}]" for low, high in zip(domain.lower, domain.upper, strict=True)]
    if len(set(sides)) == 1 and len(sides) > 1:
        return f"{sides[0]}^{len(sides)}"
    return " x ".join(sides[:most]) + (f" x ... ({len(sides)} in all)" if len(sides) > most else "")


def _bound(q: Fraction) -> str:
    """A number among others in a line: exact if it is not very long."""
    text = exact_text(q)
    return text if len(text) <= LONGEST_BOUND else f"about {decimal_text(q)}"


# What a summary may hold, in the order and the words in which people are told.
TOLD = {
    "cells": "cells",
    "linear_regions": "linear regions",
    "edges": "shared facets",
    "linear_programs_per_cell": "linear programs per cell",
    "decided_exactly": "decided by integers",
    "certified": "certified",
    "method": "method",
    "reading": "reading",
    "seconds": "seconds",
    "cells_per_second": "cells per second",
}


def summary_rows(facts: Mapping[str, Any], net: Network, domain: Box | Polytope | Slice) -> list[Row]:
    """What was enumerated, and what was found."""
    sizes = ", ".join(str(size) for size in net.layer_sizes)
    kind = type(domain).__name__.lower()
    rows = [
        ("network", f"{net.input} inputs, {net.units} units [{sizes}], {net.output} outputs"),
        ("domain", f"{kind} of dimension {domain.dimension}, {box_text(domain)}"),
    ]
    rows += [(words, number_text(facts[name])) for name, words in TOLD.items() if name in facts]
    if "output" in facts:
        rows.append(("written", f"{facts['output']}, {facts['bytes']:,} bytes"))
    return rows


def description_rows(facts: Mapping[str, Any]) -> list[Row]:
    """The rows of ``info``, by the kind of file."""
    match facts["kind"]:
        case "network":
            return _network_rows(facts)
        case "domain":
            return _domain_rows(facts)
        case "stream":
            return _stream_rows(facts)
    rows = [
        ("made by", number_text(facts["generator"])),
        *((words, number_text(facts[name])) for name, words in TOLD.items() if name in facts),
        ("proof inside", number_text(facts["proof"])),
        *(("network: " + name, value) for name, value in _network_rows(facts["network"])),
        *(("domain: " + name, value) for name, value in _domain_rows(facts["domain"])),
    ]
    return rows + [(f"block {tag}", f"{size:,} bytes") for tag, size in facts["block_bytes"].items()]


def _stream_rows(facts: Mapping[str, Any]) -> list[Row]:
    """The rows of a streamed enumeration that is not finished."""
    chosen = f"facets {number_text(facts['facets'])}, proof {number_text(facts['proof'])}, reading {facts['reading']}"
    segments = f"{facts['segments']:,}" + (f", {facts['damaged']:,} more damaged" if facts["damaged"] else "")
    return [
        ("finished", "no: the same enumerate goes on with it"),
        ("cells so far", number_text(facts["cells"])),
        ("done", f"{100 * facts['share']:.1f} % of the tree, {facts['waiting']:,} subtrees wait"),
        ("segments", segments),
        ("seconds so far", number_text(facts["seconds"])),
        ("made by", number_text(facts["generator"])),
        ("method", f"{facts['method']}; {chosen}"),
        *(("network: " + name, value) for name, value in _network_rows(facts["network"])),
        *(("domain: " + name, value) for name, value in _domain_rows(facts["domain"])),
    ]


def _network_rows(facts: Mapping[str, Any]) -> list[Row]:
    layers = [
        (f"layer {i}", f"{e['type']}, {e['inputs']} -> {e['outputs']}") for i, e in enumerate(facts["layers"])
    ]
    units = ", ".join(str(size) for size in facts["units_by_layer"])
    return [
        ("inputs", number_text(facts["input"])),
        *layers,
        ("units", f"{facts['units']:,} [{units}]"),
        ("numbers", _numbers_text(facts["numbers"])),
    ]


def _domain_rows(facts: Mapping[str, Any]) -> list[Row]:
    sides = [
        (f"side {i}", f"from {number_text(exactly(low))} to {number_text(exactly(high))}")
        for i, (low, high) in enumerate(zip(facts["lower"], facts["upper"], strict=True))
    ]
    return [
        ("type", facts["type"]),
        ("dimension", f"{facts['dimension']}, in an input of {facts['input']}"),
        *sides,
        ("rows", number_text(facts["rows"])),
        ("numbers", _numbers_text(facts["numbers"])),
    ]


def _numbers_text(facts: Mapping[str, Any]) -> str:
    return f"{facts['count']:,}: " + ", ".join(f"{n:,} {kind}" for kind, n in facts["of_kind"].items())
