"""The command ``margin``: the exact margins of many points, as a table, CSV or JSON.

Main definitions:
    run_margin: Takes the parsed arguments, prints, returns the exit code.

Conventions:
    As in `commands`: the result on stdout, progress on stderr.  A point that fails says why in its row, and the exit
    code is then 1.  Labels are those of ``--labels`` alone.  Of l2 exact values are squares, decimals distances.

Not here: the margins (`point_margins`), distances to the boundary of the partition (`distance_to_partition`), margins
under mini-batches (`jittered_margins`), what is printed (`margin_table`).
"""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

from exactcpa.commands import STDIN, announce_compilation, domain_of, network_of, print_json, print_lines
from exactcpa.data_file import load_data, load_rows
from exactcpa.distance_to_partition import PartitionDistance, partition_distances
from exactcpa.domain import Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadArgument, BadFile, located, shown
from exactcpa.jittered_margins import LIMIT, margin_jitter
from exactcpa.margin_table import NO_BOUNDARY, Row, heads, statistics, summary, table, to_csv, to_json
from exactcpa.network import Network
from exactcpa.network_file import parse_json
from exactcpa.norms import measure, rough_length
from exactcpa.numbers import exactly
from exactcpa.point_margins import MISCLASSIFIED, Failure, Margin, domain_around, margins
from exactcpa.vectors import plain

TARGETS = ("boundary", "partition")
OF_CLASSES = (("labels", "--labels"), ("threshold", "--threshold"), ("certificate_dir", "--certificate-dir"))
NOT_OF_BATCHES = (*OF_CLASSES, ("csv", "--csv"), ("unit", "--unit"))
OF_BATCHES = (("limit", "--limit"), ("samples", "--samples"), ("seed", "--seed"))


def run_margin(options: Namespace) -> int:
    """Measure every point and print the result."""
    _require_options(options)
    net = network_of(options.network)
    weights = None if options.weights is None else [exactly(w) for w in options.weights.split(",")]
    if options.minibatches is not None:
        return _run_jitter(net, weights, options)
    points = load_rows(options.points).points
    labels = None if options.labels is None else _labels(options.labels, len(points))
    domain = domain_of(options, net) if options.box or options.domain else domain_around(points, net.input)
    announce_compilation()
    start = perf_counter()
    if options.target == "boundary":
        rows = _to_boundary(net, points, domain, labels, weights, options)
    else:
        rows = _to_partition(net, points, domain, weights, options)
    facts = {
        "target": options.target,
        "norm": measure(options.norm, domain.dimension).norm,
        "weights": None if weights is None else plain(weights),
        "domain": domain_to_json(domain),
        "points": len(rows),
        "failed": sum(row["status"] == "failed" for row in rows),
        "seconds": perf_counter() - start,
    }
    if options.json:
        print_json(facts | {"summary": summary(rows), "results": [to_json(row) for row in rows]})
    elif options.csv:
        sys.stdout.write(to_csv(rows))
    else:
        print_lines([*heads(facts, net, domain), "", *table(rows), "", *statistics(rows)])
    return 1 if facts["failed"] else 0


def _require_options(options: Namespace) -> None:
    """What is given goes together.

    Raises:
        BadArgument: It does not.
    """
    if options.json and options.csv:
        raise BadArgument("--json and --csv exclude each other")
    if options.network == STDIN and options.domain == STDIN:
        raise BadArgument("the network and the domain cannot both come from the standard input")
    if options.target not in TARGETS:
        raise BadArgument(f"expected --target to be {' or '.join(TARGETS)}, got {shown(options.target)}")
    is_partition, is_jitter = options.target == "partition", options.minibatches is not None
    for name, word in OF_CLASSES:
        if is_partition and getattr(options, name) is not None:
            raise BadArgument(f"{word} is about classes: expected --target boundary with it, got partition")
    if options.unit is not None and not is_partition:
        raise BadArgument("--unit: expected --target partition with it")
    if is_jitter and options.workers > 1:
        raise BadArgument(f"--minibatches: expected one worker with it, got --workers {options.workers}")
    if is_jitter and (is_partition or any(getattr(options, name) for name, _ in NOT_OF_BATCHES)):
        words = ", ".join(word for _, word in NOT_OF_BATCHES)
        raise BadArgument(f"--minibatches: expected none of {words}, --target partition with it")
    for name, word in OF_BATCHES:
        if not is_jitter and getattr(options, name) is not None:
            raise BadArgument(f"{word} is about mini-batches: expected --minibatches with it")


def _run_jitter(net: Network, weights: Sequence[Fraction] | None, options: Namespace) -> int:
    """The margins of samples under every mini-batch; 1 if one failed."""
    domain = domain_of(options, net) if options.box or options.domain else None
    data = load_data(options.points)
    announce_compilation()
    report = margin_jitter(
        net,
        data,
        options.minibatches,
        norm=options.norm,
        weights=weights,
        domain=domain,
        samples=options.samples,
        limit=LIMIT if options.limit is None else options.limit,
        seed=options.seed or 0,
        progress=sys.stderr.isatty(),
    )
    if options.json:
        print_json(report.to_json())
    else:
        print_lines(list(report.lines()))
    return int(report.has_failures)


def _to_boundary(
    net: Network,
    points: Sequence[Any],
    domain: Domain,
    labels: Sequence[Any] | None,
    weights: Sequence[Fraction] | None,
    options: Namespace,
) -> list[Row]:
    folder = options.certificate_dir
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    found = margins(
        net,
        points,
        domain,
        norm=options.norm,
        weights=weights,
        labels=labels,
        threshold=options.threshold,
        certificates=folder,
        workers=options.workers,
        progress=_progress(),
    )
    rows = []
    for number, answer in enumerate(found):
        label = None if labels is None else labels[number]
        if isinstance(answer, Failure):
            rows.append(_failed(number, label, str(answer)))
            continue
        is_proved = folder is not None and answer.status != MISCLASSIFIED
        file = {"certificate": os.path.join(folder, f"{number}.cpa")} if is_proved else {}
        rows.append(_margin_row(number, answer) | file)
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
    points: Sequence[Any],
    domain: Domain,
    weights: Sequence[Fraction] | None,
    options: Namespace,
) -> list[Row]:
    unit = None if options.unit is None else _unit(options.unit)
    found = partition_distances(
        net,
        points,
        domain,
        norm=options.norm,
        weights=weights,
        unit=unit,
        workers=options.workers,
        progress=_progress(),
    )
    return [_partition_row(number, answer, options.unit) for number, answer in enumerate(found)]


def _partition_row(number: int, answer: PartitionDistance | Failure, asked: str | None) -> Row:
    if isinstance(answer, Failure):
        return _failed(number, None, str(answer))
    value, squared = answer.value, answer.value_is_squared
    nothing = "the domain is one cell" if asked is None else f"unit {asked} does not switch"
    note = nothing if value is None else f"unit {answer.unit}" if answer.unit else ""
    return {
        **{"point": number, "status": NO_BOUNDARY if value is None else "exact"},
        **{"label": None, "class": None},
        **{"rival": None, "value": value, "squared": squared, "nearest": answer.nearest, "note": note},
        "distance": inf if value is None else rough_length(value, is_squared=squared),
        "cells": None,
    }


def _unit(text: str) -> tuple[int, int]:
    numbers = text.split(",")
    if len(numbers) != 2 or not all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers):
        raise BadArgument(f"--unit: expected a layer and an index, L,I, got {shown(text)}")
    return int(numbers[0]), int(numbers[1])


def _failed(number: int, label: Any, reason: str) -> Row:
    nothing = dict.fromkeys(("class", "rival", "value", "distance", "cells", "nearest"))
    return {"point": number, "status": "failed", "label": label, **nothing, "squared": False, "note": reason}


def _progress() -> Callable[[int, int], object] | None:
    return _told if sys.stderr.isatty() else None


def _told(done: int, stated: int) -> None:
    sys.stderr.write(f"\r{done:,} of {stated:,} points" + "\n" * (done == stated))
    sys.stderr.flush()


def _labels(path: str, count: int) -> list[Any]:
    """Labels of a file, as they stand there: a list in JSON, one a line, or those of a data file.

    Raises:
        BadFile: It cannot be read, or has not as many labels as there are points.
    """
    with located(path):
        found = _listed(path)
        if found is None:
            found = load_rows(path).labels
        if found is None:
            raise BadFile("expected labels, got a file of points without any")
        if not isinstance(found, Sequence) or len(found) != count:
            got = len(found) if isinstance(found, Sequence) else shown(found)
            raise BadFile(f"expected {count} labels, one a point, got {got}")
    return list(found)


def _listed(path: str) -> list[Any] | None:
    """A plain list of labels, if the file is one."""
    if path.endswith((".npz", ".npy")):
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadFile(f"not UTF-8 text, byte {error.start}") from None
    if path.endswith(".json"):
        value = parse_json(text)
        return value if isinstance(value, list) and not any(isinstance(x, list) for x in value) else None
    return None if "," in text else [word for word in text.split() if word.lower() != "label"]
