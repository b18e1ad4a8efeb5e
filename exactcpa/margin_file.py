"""The certificate of a margin: a partition with its proof, and block MARG, which says why no tie is nearer.

The partition is of the part of the domain in a polyhedron around the ball: in l_inf the ball itself; in l1 and l2, if
there are few coordinates, a box whose corners are cut off.

Main definitions:
    write_certificate: Writes the file.
    part_around: The part of a domain that is partitioned.

Conventions: the format, and the numbers of rows, are specified in `exactcpa.checker`.

Not here: the margin itself (`margin_search`); why a cell has no nearer tie (`margin_multipliers`); the proof of the
partition (`enumerate`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.domain import to_json as domain_to_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadFile
from exactcpa.margin_ground import Ground
from exactcpa.margin_multipliers import Answer, Prover
from exactcpa.margin_search import root_above
from exactcpa.numbers import to_json_number
from exactcpa.partition_file import BLOCK, MAGIC, PartitionWriter, json_of
from exactcpa.vectors import Vector, dot, plain

SMALL = Fraction(1, 1 << 10)
"""Where the margin is 0 nothing has to be covered; the partition is of a box this share of the domain large."""
MOST_CORNERS = 6
"""In up to so many dimensions a box's corners, 2**d of them, are cut off where the ball is not: in d = 4 half the cells
remain in l2, a tenth in l1."""


def write_certificate(ground: Ground, answer: Answer, path: str | os.PathLike[str]) -> None:
    """Write the certificate of a margin.

    Raises:
        BadFile: It cannot be written.
        CertificateRejected: A cell is not proved: a bug of this package.
    """
    region = _region(ground, answer)
    with PartitionWriter(path) as writer, _folder() as folder:
        inside = os.path.join(folder, "partition.cpa")
        part = enumerate_cells(ground.network, region, facets=False, proof=inside)
        block = _block(ground, answer, region, part.results.words)
        _copy(inside, writer, block)


@contextmanager
def _folder() -> Iterator[str]:
    """A temporary folder.

    Raises:
        BadFile: There cannot be one.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="exactcpa-")
    except OSError as error:
        raise BadFile(f"no temporary folder for a certificate: {error.strerror or error}") from None
    with folder as path:
        yield path


def _region(ground: Ground, answer: Answer) -> Domain:
    """The part of the domain that is partitioned."""
    domain = ground.domain
    if answer.value is None:
        return domain
    radius = Fraction(root_above(ground, answer.value)) * ground.unit
    if not answer.value:
        sides = [high - low for low, high in zip(domain.lower, domain.upper, strict=True)]
        radius = SMALL * min([side / w for side, w in zip(sides, ground.measure.weights, strict=True)])
    return part_around(ground, answer.point, radius)


def part_around(ground: Ground, point: Vector, radius: Fraction) -> Domain:
    """The part of a domain in a box around the ball of a radius (not squared), some of its corners cut off."""
    domain, metric = ground.domain, ground.measure
    lower = [max(low, q - radius * w) for low, q, w in zip(domain.lower, point, metric.weights, strict=True)]
    upper = [
        min(high, q + radius * w) for high, q, w in zip(domain.upper, point, metric.weights, strict=True)
    ]
    corners = []
    if metric.norm != "inf" and 1 < domain.dimension <= MOST_CORNERS:
        corners = list(_corners(ground, point, radius, lower, upper))
    return _cut(domain, tuple(lower), tuple(upper), corners)


def _corners(
    ground: Ground, point: Vector, radius: Fraction, lower: list[Fraction], upper: list[Fraction]
) -> Iterator[tuple[Vector, Fraction]]:
    """The faces of the l1 ball that holds the ball, as rows, where they cut something off a box.

    With d coordinates the l1 length is at most sqrt(d) times the length in l2.
    """
    metric, d = ground.measure, len(point)
    reach = radius
    if metric.is_squared:
        reach = Fraction(root_above(ground, radius * radius * d)) * ground.unit
    for signs in product((-1, 1), repeat=d):
        normal = tuple([s / w for s, w in zip(signs, metric.weights, strict=True)])
        offset = dot(normal, point) + reach
        ends = [high if s > 0 else low for s, low, high in zip(signs, lower, upper, strict=True)]
        if dot(normal, ends) > offset:
            yield normal, offset


def _cut(domain: Domain, lower: Vector, upper: Vector, corners: list[tuple[Vector, Fraction]]) -> Domain:
    """A domain within a box and other rows."""
    if isinstance(domain, Slice):
        return Slice(domain.origin, domain.basis, _cut(domain.within, lower, upper, corners))
    if isinstance(domain, Box) and not corners:
        return Box(lower, upper)
    if lower == domain.lower and upper == domain.upper and not corners:
        return domain
    rows = list(domain.rows)
    for j in range(domain.dimension):
        axis = tuple([Fraction(int(i == j)) for i in range(domain.dimension)])
        if isinstance(domain, Box) or upper[j] < domain.upper[j]:
            rows.append((axis, upper[j]))
        if isinstance(domain, Box) or lower[j] > domain.lower[j]:
            rows.append((tuple([-a for a in axis]), -lower[j]))
    rows += corners
    return Polytope([normal for normal, _ in rows], [offset for _, offset in rows])


def _block(ground: Ground, answer: Answer, region: Domain, words: np.ndarray) -> dict[str, Any]:
    """Block MARG."""
    mine, rival = answer.pair
    entries = [] if answer.value == 0 else list(Prover(ground, answer, region).entries(words))
    level = ground.threshold
    kind = {"kind": "classes"} if level is None else {"kind": "threshold", "value": to_json_number(level)}
    return {
        "domain": domain_to_json(ground.domain),
        "point": plain(answer.point),
        "norm": ground.measure.norm,
        "weights": plain(ground.measure.weights),
        "outputs": kind,
        "class": mine,
        "value": None if answer.value is None else to_json_number(answer.value),
        "nearest": None if answer.nearest is None else plain(answer.nearest),
        "rival": rival,
        "cells": entries,
    }


def _copy(path: str, writer: PartitionWriter, block: Mapping[str, Any]) -> None:
    """Copy a partition file, with the block MARG put in before STAT."""
    data, start = Path(path).read_bytes(), len(MAGIC)
    while start < len(data):
        raw, _, length = BLOCK.unpack_from(data, start)
        tag, start = raw.decode("ascii"), start + BLOCK.size
        payload, start = data[start : start + length], start + length
        if tag == "STAT":
            writer.append_json("MARG", block)
        if tag == "DONE":
            totals = json_of(payload, tag)
            writer.finish({name: totals[name] for name in ("cells", "facets", "edges", "linear_regions")})
        else:
            writer.append(tag, payload)
