"""Descriptions: what is in a network, a domain or a partition file, as one JSON-ready dict.

Main definitions:
    describe_network, describe_domain: Sizes, bounds, and what kind of numbers.
    describe_partition: The small blocks of a ``.cpa`` file, read without the large ones.
    describe_file: Any of the three, told apart by its content.
    describe_stream: A streamed enumeration that is not finished.

Conventions:
    A description reads; it verifies nothing.  A partition file of any size is described from its block
    headers and the blocks HEAD, STAT and DONE.

Not here:
    The format of a partition file, and whether its content is right: `checker`.
"""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from exactcpa.domain import Box, Polytope, Slice
from exactcpa.domain import from_json as domain_from_json
from exactcpa.errors import BadFile, located
from exactcpa.layers import widths
from exactcpa.network import Network
from exactcpa.network_file import from_json as network_from_json
from exactcpa.network_file import load_network, parse_json
from exactcpa.numbers import exact_text

MAGIC = b"exactcpa-partition "
VERSION = b"1\n"
HEADER = struct.Struct("<4sIQ")
SMALL_BLOCKS = ("HEAD", "STAT", "DONE")
LARGEST_SMALL_BLOCK = 1 << 28
# Each contains the ones before it.
KINDS = ("integer", "float32", "float64", "dyadic", "rational")


def describe_file(path: str) -> dict[str, Any]:
    """Describe a network, domain or partition file.

    Raises:
        BadFile: It is none of the three.
    """
    with open(path, "rb") as file:
        start = file.read(len(MAGIC))
    if start == MAGIC:
        facts = describe_partition(path)
    elif path.endswith(".npz"):
        facts = describe_network(load_network(path))
    else:
        facts = _describe_json(path)
    return {"file": path, "bytes": os.path.getsize(path)} | facts


def _describe_json(path: str) -> dict[str, Any]:
    with located(path):
        try:
            value = parse_json(Path(path).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise BadFile("expected a network, domain or partition file, got other bytes") from None
        match value:
            case {"layers": _} | {"format": _}:
                return describe_network(network_from_json(value))
            case {"type": _}:
                return describe_domain(domain_from_json(value))
        raise BadFile("expected a network (field layers) or a domain (field type), got neither")


def describe_network(net: Network) -> dict[str, Any]:
    """Describe a network: dimensions, layers, units, numbers."""
    sizes = widths(net.layers, net.input)
    layers = [
        {"type": layer.type, "inputs": before, "outputs": after}
        for layer, before, after in zip(net.layers, sizes, sizes[1:], strict=False)
    ]
    return {
        "kind": "network",
        "input": net.input,
        "output": net.output,
        "layers": layers,
        "units": net.units,
        "units_by_layer": list(net.layer_sizes),
        "numbers": kind_of_numbers(net),
    }


def describe_domain(domain: Box | Polytope | Slice) -> dict[str, Any]:
    """Describe a domain: kind, dimensions, bounding box."""
    return {
        "kind": "domain",
        "type": type(domain).__name__.lower(),
        "dimension": domain.dimension,
        "input": domain.ambient,
        "rows": len(domain.rows),
        "lower": [exact_text(q) for q in domain.lower],
        "upper": [exact_text(q) for q in domain.upper],
        "numbers": kind_of_numbers(domain),
    }


def kind_of_numbers(value: object) -> dict[str, Any]:
    """Count the numbers of a value and name the smallest usual kind that holds all of them."""
    kinds = Counter(_kind(q) for q in _rationals(value))
    widest = max(kinds, key=KINDS.index, default=KINDS[0])
    counts = {kind: kinds[kind] for kind in KINDS if kinds[kind]}
    return {"count": sum(kinds.values()), "kind": widest, "of_kind": counts}


def _kind(q: Fraction) -> str:
    if q.denominator == 1:
        return "integer"
    if q.denominator & (q.denominator - 1):
        return "rational"
    try:
        double = q.numerator / q.denominator
    except OverflowError:
        return "dyadic"
    if Fraction(double) != q:
        return "dyadic"
    try:
        return "float32" if struct.unpack("f", struct.pack("f", double))[0] == double else "float64"
    except OverflowError:
        return "float64"


def _rationals(value: object) -> Iterator[Fraction]:
    """Every rational in nested dataclasses and tuples."""
    if isinstance(value, Fraction):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _rationals(getattr(value, field.name))
    elif isinstance(value, tuple):
        for entry in value:
            yield from _rationals(entry)


def describe_partition(path: str) -> dict[str, Any]:
    """Describe a partition file from its small blocks.

    Raises:
        BadFile: Not a partition file, an unknown version, or cut short.
    """
    with open(path, "rb") as file:
        _expect_version(file, path)
        sizes, small = _small_blocks(file, path)
    head, done = small["HEAD"], small["DONE"]
    try:
        domain = describe_domain(domain_from_json(head["domain"]))
        network = describe_network(network_from_json(head["network"]))
    except (KeyError, TypeError) as error:
        raise BadFile(f"{path}: block HEAD lacks the field {error}") from None
    return {
        "kind": "partition",
        "generator": head.get("generator"),
        "method": head.get("method"),
        "dimension": domain["dimension"],
        "cells": done.get("cells"),
        "edges": done.get("edges"),
        "linear_regions": done.get("linear_regions"),
        "proof": head.get("proof"),
        "facets": head.get("facets"),
        "network": network,
        "domain": domain,
        "facts": small.get("STAT", {}),
        "block_bytes": dict(sizes),
    }


def describe_stream(progress: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an unfinished streamed enumeration.

    Args:
        progress: As `stream_folder.stream_progress` tells it.
    """
    head = progress["head"]
    return {
        "kind": "stream",
        "finished": False,
        **{name: value for name, value in progress.items() if name != "head"},
        **{name: head[name] for name in ("generator", "method", "reading", "facets", "proof", "dimension")},
        "network": describe_network(network_from_json(head["network"])),
        "domain": describe_domain(domain_from_json(head["domain"])),
    }


def _expect_version(file: IO[bytes], path: str) -> None:
    if file.read(len(MAGIC)) != MAGIC:
        raise BadFile(f"{path}: expected a partition file, got another first line")
    version = file.readline(16)
    if version != VERSION:
        shown = version.decode("ascii", "replace").strip()
        raise BadFile(f"{path}: expected partition file version 1, got version {shown}")


def _small_blocks(file: IO[bytes], path: str) -> tuple[Counter[str], dict[str, Any]]:
    """Walk over the block headers; read HEAD, STAT and DONE."""
    end = os.fstat(file.fileno()).st_size
    sizes: Counter[str] = Counter()
    small: dict[str, Any] = {}
    while header := file.read(HEADER.size):
        if len(header) < HEADER.size or "DONE" in small:
            break
        tag, _, length = HEADER.unpack(header)
        name = tag.decode("ascii", "replace")
        if file.tell() + length > end:
            break
        sizes[name] += length
        if name in SMALL_BLOCKS and length <= LARGEST_SMALL_BLOCK:
            small[name] = _json_block(file.read(length), name, path)
        else:
            file.seek(length, os.SEEK_CUR)
    if "HEAD" not in small or "DONE" not in small or file.tell() != end:
        raise BadFile(f"{path}: expected blocks from HEAD to DONE, got a file that is cut short or damaged")
    return sizes, small


def _json_block(payload: bytes, name: str, path: str) -> dict[str, Any]:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadFile(f"{path}: expected one JSON object in block {name}, got something else")
    return value
