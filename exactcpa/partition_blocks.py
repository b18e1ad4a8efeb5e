"""Results as the blocks of a partition file, and read again with every block checked against the others.

Reading trusts nothing that a later view relies on: lengths, ranges, one winner a group, numbers that are
finite.  That the cells are right is another question, which only the proof answers.

Main definitions: `head`, `write_results` (`write_cells`, then `write_end`), `read_results`, `Stored`.

Conventions: numbers in JSON are exact (`numbers.to_json_number`); arrays are little-endian.

Not here: the bytes (`partition_file`), the format's specification and whether its content is proved
(`checker`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exactcpa import __version__
from exactcpa.domain import Domain
from exactcpa.domain import from_json as domain_from_json
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadFile, ExactcpaError, InexactNumber, shown
from exactcpa.ideal import IdealNetwork
from exactcpa.mapped_files import release, release_array
from exactcpa.network import Network
from exactcpa.network_file import from_json as network_from_json
from exactcpa.network_file import to_json as network_to_json
from exactcpa.numbers import exactly
from exactcpa.partition_file import PartitionWriter, json_of, read_blocks
from exactcpa.patterns import find_malformed
from exactcpa.results import Facets, Results
from exactcpa.switch_form import SwitchForm, switch_form
from exactcpa.vectors import Vector, plain

FIXED = {"format": "exactcpa-partition", "version": 1}
READINGS = ("deployed", "ideal")
FREE = {"proof": bool, "facets": bool, "method": str, "generator": str}
AT_ONCE = 1 << 22
"""Bytes of an array that are written, or looked through, at a time."""
ALWAYS = ("HEAD", "PATT", "WITN", "XPTS", "STAT", "DONE")
WITH_FACETS = ("EDGE", "FPTR", "FACE", "REGI")


@dataclass(frozen=True, eq=False)
class Stored:
    """What a partition file holds, the proof left aside."""

    network: Network | IdealNetwork
    domain: Domain
    form: SwitchForm
    results: Results


def head(
    network: Network | IdealNetwork,
    domain: Domain,
    *,
    method: str,
    facets: bool,
    scales: Sequence[Sequence[int]] | None,
) -> dict[str, Any]:
    """The first block of a partition file.

    Args:
        network: What was cut.
        domain: Where.
        method: How.
        facets: Whether the file has facets.
        scales: For every layer one exponent per switch, as the proof uses them; None for a file without
        proof.
    """
    bounding = domain.bounding_proof
    return {
        **FIXED,
        "generator": f"exactcpa {__version__}",
        "method": method,
        **_network_fields(network),
        "domain": domain_to_json(domain),
        "bounding_proof": {side: [plain(row) for row in rows] for side, rows in bounding.items()}
        if bounding
        else None,
        "proof": scales is not None,
        "facets": facets,
        "scales": [[int(exponent) for exponent in layer] for layer in scales or ()],
    }


def _network_fields(network: Network | IdealNetwork) -> dict[str, Any]:
    """The network, how it is read, and in the ideal reading the batch that fixes statistics (null if none does)."""
    if isinstance(network, Network):
        return {"reading": "deployed", "network": network_to_json(network)}
    batch = [plain(point) for point in network.batch] or None
    return {"reading": "ideal", "batch": batch, "network": network_to_json(network.network)}


def write_results(writer: PartitionWriter, results: Results) -> None:
    """Write all blocks after the proof's streams, and end the file."""
    facets = results.facets
    faces = None if facets is None else (facets.starts, facets.bits, facets.neighbours)
    write_cells(writer, results.words, results.points, results.exact_points, faces)
    write_end(writer, results)


def write_cells(
    writer: PartitionWriter,
    words: np.ndarray,
    points: np.ndarray,
    exact_points: Mapping[int, Vector],
    faces: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
) -> None:
    """Write the blocks between the proof's streams and the linear regions.

    Args:
        writer: Of the file.
        words: Patterns, as in `Results`.
        points: Witnesses, as there.
        exact_points: Those that are no doubles.
        faces: First facet of each cell, pattern bit of each facet, cell across it; or None.
    """
    if faces is not None:
        append_array(writer, "EDGE", faces[2], "<i8")
    append_array(writer, "PATT", words, "<u8")
    append_array(writer, "WITN", points, "<f8")
    writer.append_json("XPTS", {str(i): plain(point) for i, point in exact_points.items()})
    if faces is not None:
        append_array(writer, "FPTR", faces[0], "<i8")
        append_array(writer, "FACE", faces[1], "<i4")


def write_end(writer: PartitionWriter, results: Results) -> None:
    """Write what is left after `write_cells`, and end the file."""
    if results.facets is not None:
        append_array(writer, "REGI", results.facets.regions, "<i8")
    writer.append_json("STAT", results.facts)
    writer.finish(_totals(results))


def append_array(
    writer: PartitionWriter,
    tag: str,
    array: np.ndarray,
    kind: str,
    release: Callable[[], None] = lambda: None,
) -> None:
    """Write an array as a block, by pieces; `release` is called after each."""

    def pieces() -> Iterator[memoryview]:
        rows = max(1, AT_ONCE // max(1, array.strides[0]))
        for start in range(0, len(array), rows):
            yield bytes_of(array[start : start + rows], kind)
            release()

    writer.append_pieces(tag, pieces, array.size * np.dtype(kind).itemsize)


def bytes_of(array: np.ndarray, kind: str) -> memoryview:
    """The bytes of an array's numbers in a format's kind; a view of the array if they stand there already."""
    return np.ascontiguousarray(array, kind).reshape(-1).view(np.uint8).data


def _totals(results: Results) -> dict[str, int | None]:
    """The counts of DONE."""
    facets = results.facets
    if facets is None:
        return {"cells": len(results.words), "facets": None, "edges": None, "linear_regions": None}
    return {
        "cells": len(results.words),
        "facets": len(facets.bits),
        "edges": len(facets.bits) // 2,
        "linear_regions": max(int(part.max()) for _, part in _parts(facets.regions)) + 1,
    }


def read_results(path: str | os.PathLike[str]) -> Stored:
    """Read a partition file, the proof left aside.

    Raises:
        BadArgument: Not a path.
        BadFile: Not a partition file of this version, damaged, or its parts do not fit together.
    """
    blocks = read_blocks(path, {*ALWAYS, *WITH_FACETS})
    try:
        stored = _assemble(blocks)
        for payload in blocks.values():
            release(payload)
        return stored
    except RecursionError:
        raise BadFile(f"{path}: block HEAD: the network is nested too deeply") from None
    except ExactcpaError as error:
        raise BadFile(f"{path}: {error}") from error


def _assemble(blocks: Mapping[str, memoryview]) -> Stored:
    first = _json(blocks, "HEAD")
    _expect_head(first)
    _expect_tags(blocks, facets=first["facets"])
    network, domain = _read_network(first), _read_domain(first)
    if domain.ambient != network.input:
        raise BadFile(
            f"block HEAD: the network has {network.input} inputs, the domain is in R^{domain.ambient}"
        )
    form = switch_form(network, domain)
    words = _table(blocks, "PATT", "<u8", form.words)
    for start, part in _parts(words):
        wrong = find_malformed(form, part)
        if wrong is not None:
            raise BadFile(f"block PATT: cell {start + wrong} has bits that are no pattern of this network")
    points, exact = _read_witnesses(blocks, len(words), form.dimension)
    facets = _read_facets(blocks, len(words), form.bits) if first["facets"] else None
    facts = {**_json(blocks, "STAT"), "method": first["method"]}
    results = Results(words, points, exact, facets, facts)
    _expect_counts(results, _json(blocks, "DONE"))
    return Stored(network, domain, form, results)


def _json(blocks: Mapping[str, memoryview], tag: str) -> dict[str, Any]:
    return json_of(blocks[tag], tag)


def _expect_head(first: Mapping[str, Any]) -> None:
    """The fields of the first block have the values and types of version 1."""
    for field, value in FIXED.items():
        found = first.get(field)
        if type(found) is not type(value) or found != value:
            raise BadFile(f"block HEAD, field {field}: expected {value!r}, got {shown(found)}")
    if first.get("reading") not in READINGS:
        raise BadFile(
            f"block HEAD, field reading: expected {' or '.join(READINGS)}, got {shown(first.get('reading'))}"
        )
    for field, kind in FREE.items():
        if not isinstance(first.get(field), kind):
            raise BadFile(
                f"block HEAD, field {field}: expected {kind.__name__}, got {shown(first.get(field))}"
            )


def _expect_tags(blocks: Mapping[str, memoryview], *, facets: bool) -> None:
    """Every block is there that has to be."""
    for tag in (*ALWAYS, *(WITH_FACETS if facets else ())):
        if tag not in blocks:
            raise BadFile(f"block {tag} is missing")
    for tag in WITH_FACETS:
        if tag in blocks and not facets:
            raise BadFile(f"block {tag} stands there, though block HEAD says that there are no facets")


def _read_network(first: Mapping[str, Any]) -> Network | IdealNetwork:
    try:
        network = network_from_json(first.get("network"))
    except ExactcpaError as error:
        raise BadFile(f"block HEAD, field network: {error}") from error
    if first["reading"] == "deployed":
        return network
    batch = first.get("batch")
    if batch is not None and not isinstance(batch, list):
        raise BadFile(f"block HEAD, field batch: expected a list of points or null, got {shown(batch)}")
    try:
        return IdealNetwork(network, batch or ())
    except ExactcpaError as error:
        raise BadFile(f"block HEAD, field batch: {error}") from error


def _read_domain(first: Mapping[str, Any]) -> Domain:
    try:
        return domain_from_json(first.get("domain"))
    except ExactcpaError as error:
        raise BadFile(f"block HEAD, field domain: {error}") from error


def _array(blocks: Mapping[str, memoryview], tag: str, kind: str, length: int | None = None) -> np.ndarray:
    """The numbers of a block, in the machine's own byte order: where they stand, if they can be used there."""
    payload, size = blocks[tag], np.dtype(kind).itemsize
    if len(payload) % size or (length is not None and len(payload) != length * size):
        wanted = f"a multiple of {size}" if length is None else f"{length * size}"
        raise BadFile(f"block {tag}: expected {wanted} bytes, got {len(payload)}")
    numbers = np.frombuffer(payload, kind)
    if not numbers.flags.aligned:
        return np.array(numbers, np.dtype(kind).newbyteorder("="))
    return numbers.astype(np.dtype(kind).newbyteorder("="), copy=False)


def _table(blocks: Mapping[str, memoryview], tag: str, kind: str, width: int) -> np.ndarray:
    """Rows of that many numbers."""
    numbers = _array(blocks, tag, kind)
    if not len(numbers) or len(numbers) % width:
        raise BadFile(f"block {tag}: expected rows of {width} numbers, got {len(numbers)} numbers")
    return numbers.reshape(-1, width)


def _read_witnesses(
    blocks: Mapping[str, memoryview], cells: int, d: int
) -> tuple[np.ndarray, dict[int, Vector]]:
    """The witnesses: doubles, and the exact ones."""
    points = _array(blocks, "WITN", "<f8", cells * d).reshape(cells, d)
    if not all(np.isfinite(part).all() for _, part in _parts(points)):
        raise BadFile("block WITN: expected finite numbers, got infinities or NaN")
    exact = {}
    for key, values in _json(blocks, "XPTS").items():
        if not (
            key.isascii() and key.isdecimal() and len(key) < 19 and int(key) < cells and str(int(key)) == key
        ):
            raise BadFile(f"block XPTS: expected cell numbers below {cells}, got {shown(key)}")
        if not isinstance(values, list) or len(values) != d:
            raise BadFile(f"block XPTS, cell {key}: expected {d} numbers, got {shown(values)}")
        try:
            exact[int(key)] = tuple([exactly(value) for value in values])
        except InexactNumber as error:
            raise BadFile(f"block XPTS, cell {key}: {error}") from error
    return points, exact


def _read_facets(blocks: Mapping[str, memoryview], cells: int, bits: int) -> Facets:
    """The facets; every number points at something."""
    starts = _array(blocks, "FPTR", "<i8", cells + 1)
    count = int(starts[-1])
    if starts[0] != 0 or any(
        (np.diff(starts[max(0, first - 1) : first + len(part)]) < 0).any() for first, part in _parts(starts)
    ):
        raise BadFile("block FPTR: expected numbers that begin with 0 and never fall")
    faces, neighbours = _array(blocks, "FACE", "<i4", count), _array(blocks, "EDGE", "<i8", count)
    regions = _array(blocks, "REGI", "<i8", cells)
    _expect_range("FACE", faces, bits)
    _expect_range("EDGE", neighbours, cells)
    _expect_range("REGI", regions, cells)
    highest = -1
    for _, part in _parts(regions):
        before = np.maximum.accumulate(np.concatenate([[highest], part]))
        if (part > before[:-1] + 1).any():
            raise BadFile("block REGI: expected linear regions numbered by first appearance")
        highest = int(before[-1])
    return Facets(starts, faces, neighbours, regions)


def _parts(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """An array by parts of moderate size, each with the number of its first row; what is done with is released."""
    rows = AT_ONCE // 64
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows]
        release_array(array)


def _expect_range(tag: str, numbers: np.ndarray, end: int) -> None:
    for _, part in _parts(numbers):
        if part.min() < 0 or part.max() >= end:
            raise BadFile(
                f"block {tag}: expected numbers from 0 to {end - 1}, got {part.min()} to {part.max()}"
            )


def _expect_counts(results: Results, done: Mapping[str, Any]) -> None:
    """The counts of DONE and STAT are those of the arrays."""
    for field, count in _totals(results).items():
        for tag, stated in (("DONE", done), ("STAT", results.facts)):
            found = stated.get(field)
            if (tag, field) != ("STAT", "facets") and (type(found) is not type(count) or found != count):
                raise BadFile(f"block {tag}, field {field}: expected {count}, got {shown(found)}")
