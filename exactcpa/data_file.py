"""Data files: points, with labels perhaps, read exactly.

Format, version 1: one JSON object with ``format`` ("exactcpa-data"), ``version`` (1), ``points`` (rows of numbers, all
of one length), and, if there are any, ``labels`` (an integer a point), ``name`` and ``source`` (texts).  Also read: a
plain JSON list of rows; ``.csv`` (a header or none; a last column headed ``label`` holds the labels; decimals are
exact); ``.npz`` (``X`` or ``points``, and ``y`` or ``labels``) and ``.npy``.

Main definitions:
    Data: The points and labels.
    load_data, save_data: Files.
    load_rows: The rows of a file, not yet read as points.

Conventions:
    Numbers as in network files: a JSON number is the double nearest to it, a text is exact.  In CSV every number is
    the decimal it says.

Not here:
    Domains: `domain`.  Networks: `network_file`.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from exactcpa.errors import BadFile, DimensionMismatch, located, shown
from exactcpa.network_file import parse_json
from exactcpa.numbers import exactly, to_json_number

FORMAT, VERSION = "exactcpa-data", 1
Vector = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """Points of one dimension, at least one, and their labels if they have any.

    Attributes:
        points: Shape ``(n, d)``; anything `exactly` reads.
        labels: Shape ``(n,)``, or None.
        name, source: What they are and where they come from.

    Raises:
        BadFile: No points, rows of different lengths, or not as many labels as points.
        InexactNumber: A coordinate that is no finite number; names the point.
    """

    points: tuple[Vector, ...]
    labels: tuple[int, ...] | None = None
    name: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        rows = _rows(self.points)
        object.__setattr__(self, "points", rows)
        lengths = sorted({len(row) for row in rows})
        if len(lengths) > 1 or lengths[0] == 0:
            raise DimensionMismatch(f"expected points of one dimension of at least 1, got {shown(lengths)}")
        if self.labels is not None:
            object.__setattr__(self, "labels", _labels(self.labels, len(rows)))
        for field in ("name", "source"):
            if not isinstance(getattr(self, field), str):
                raise BadFile(f"field {field}: expected a text, got {shown(getattr(self, field))}")

    def __len__(self) -> int:
        return len(self.points)

    def __str__(self) -> str:
        classes = "" if self.labels is None else f", {len(set(self.labels))} classes"
        return f"{len(self.points)} points in R^{self.dimension}{classes}"

    @property
    def dimension(self) -> int:
        """Number of coordinates of a point."""
        return len(self.points[0])


def load_data(source: Any) -> Data:
    """Read data from a file, a JSON object, or rows of numbers.

    Args:
        source: A path (``.json .csv .npz .npy``), a mapping of the format above, an array or rows of shape (n, d), or
            a `Data` (returned as it is).

    Raises:
        BadFile: It cannot be read, or is not of this format.
        DimensionMismatch, InexactNumber: The points are not points; names the one.
    """
    match source:
        case Data():
            return source
        case str() | os.PathLike():
            path = Path(source)
            with located(str(path)):
                return _load(path)
        case Mapping():
            return _from_json(source)
        case _:
            return Data(source)


class Rows(NamedTuple):
    """What stands in a data file: rows that may be no points, labels that may be no integers."""

    points: Any
    labels: Any = None
    name: Any = ""
    source: Any = ""


def load_rows(path: str | os.PathLike[str]) -> Rows:
    """The rows of a data file as they are, for whoever wants an answer for each.

    Raises:
        BadFile: It cannot be read, is not of this format, or has no rows.
    """
    with located(str(path)):
        found = _load(Path(path), Rows)
        points = found.points.tolist() if isinstance(found.points, np.ndarray) else found.points
        if not isinstance(points, Sequence) or isinstance(points, str) or not points:
            raise BadFile(f"expected rows of numbers, shape (n, d), got {shown(points)}")
    return found._replace(points=points)


def save_data(data: Data, path: str | os.PathLike[str]) -> None:
    """Write data as JSON, so that reading it again gives equal numbers.

    Raises:
        BadFile: Another extension than ``.json``, or a place that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise BadFile(f"{path}: data is saved as .json, got {path.suffix or 'no extension'}")
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    head |= {field: getattr(data, field) for field in ("name", "source") if getattr(data, field)}
    if data.labels is not None:
        head["labels"] = list(data.labels)
    rows = ",\n".join(json.dumps([to_json_number(x) for x in point]) for point in data.points)
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(json.dumps(head)[:-1] + f', "points": [\n{rows}]}}\n', encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BadFile(f"{path}: cannot be written: {error.strerror}") from None


def _load(path: Path, make: Any = Data) -> Any:
    kind = path.suffix.lower()
    try:
        match kind:
            case ".json":
                value = parse_json(path.read_text(encoding="utf-8"))
                return _from_json(value, make) if isinstance(value, Mapping) else make(value)
            case ".csv":
                return _from_csv(
                    path.read_text(encoding="utf-8-sig"), make
                )  # spreadsheets put a mark in front
            case ".npz" | ".npy":
                return _from_arrays(path, make)
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"not UTF-8 text, byte {error.start}") from None
    raise BadFile(f"expected .json, .csv, .npz or .npy, got {kind or 'no extension'}")


def _from_json(value: Mapping, make: Any = Data) -> Any:
    known = ("format", "version", "points", "labels", "name", "source")
    for field, expected in (("format", FORMAT), ("version", VERSION)):
        if type(value.get(field)) is not type(expected) or value[field] != expected:
            raise BadFile(f"field {field}: expected {expected!r}, got {shown(value.get(field))}")
    for field in value:
        if field not in known:
            raise BadFile(f"field {shown(field)}: unknown; expected {', '.join(known)}")
    if "points" not in value:
        raise BadFile("field points: missing")
    return make(value["points"], value.get("labels"), value.get("name", ""), value.get("source", ""))


def _from_csv(text: str, make: Any) -> Any:
    try:
        lines = [line for line in csv.reader(io.StringIO(text)) if line and "".join(line).strip()]
    except csv.Error as error:
        raise BadFile(f"not comma-separated values: {error}") from None
    if not lines:
        raise BadFile("expected at least one line of numbers, got none")
    # A line of data with a NaN or a mistyped number must be refused, not taken for a header.
    has_header = not any(_looks_like_number(cell) for cell in lines[0])
    header = [cell.strip().lower() for cell in lines.pop(0)] if has_header else []
    rows = [[cell.strip() for cell in line] for line in lines]
    if not header or header[-1] != "label":
        return make(tuple(rows))
    return make(tuple(row[:-1] for row in rows), tuple(row[-1] for row in rows))


def _looks_like_number(text: str) -> bool:
    """Whether a cell begins like a number, or is a NaN or an infinity."""
    cell = text.strip().lower()
    return cell[:1].isdigit() or cell[:1] in ("+", "-", ".") or cell in ("nan", "inf", "infinity")


def _from_arrays(path: Path, make: Any) -> Any:
    try:
        read = np.load(path, allow_pickle=False)
        arrays = read if isinstance(read, np.ndarray) else {name: read[name] for name in read}
    except OSError:
        raise
    except Exception as error:  # numpy promises nothing about damaged files
        raise BadFile(f"not arrays of numbers: {error}") from None
    if isinstance(arrays, np.ndarray):
        return make(arrays)
    points = next((arrays[name] for name in ("X", "points") if name in arrays), None)
    if points is None:
        raise BadFile(f"expected an array X or points, got {', '.join(arrays) or 'none'}")
    labels = next((arrays[name] for name in ("y", "labels") if name in arrays), None)
    return make(points, None if labels is None else labels.tolist())


def _rows(points: Any) -> tuple[Vector, ...]:
    if isinstance(points, np.ndarray):
        points = points.tolist() if points.ndim == 2 else None
    if not isinstance(points, Sequence) or isinstance(points, str):
        raise BadFile(f"expected rows of numbers, shape (n, d), got {shown(points)}")
    if not points:
        raise BadFile("expected at least one point, got none")
    rows = []
    for number, point in enumerate(points):
        with located(f"point {number}"):
            if isinstance(point, np.ndarray):
                point = point.tolist()
            if not isinstance(point, Sequence) or isinstance(point, str):
                raise BadFile(f"expected a list of numbers, got {shown(point)}")
            rows.append(tuple(exactly(x) for x in point))
    return tuple(rows)


def _labels(labels: Any, count: int) -> tuple[int, ...]:
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        raise BadFile(f"field labels: expected a list of integers, got {shown(labels)}")
    numbers = []
    for index, label in enumerate(labels):
        with located(f"field labels, index {index}"):
            value = exactly(label)
        if value.denominator != 1:
            raise BadFile(f"field labels: expected an integer, got {shown(label)} at index {index}")
        numbers.append(int(value))
    if len(numbers) != count:
        raise BadFile(f"field labels: expected {count}, one a point, got {len(numbers)}")
    return tuple(numbers)
