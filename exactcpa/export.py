"""A partition in the formats of other tools: Parquet, CSV, GraphML, npz.

All are written block by block, so that a partition larger than memory can be exported, and under another name first.

    parquet  folder with cells.parquet and edges.parquet, a row group for every block; needs pyarrow
    csv      folder with cells.csv and edges.csv
    graphml  the region graph: nodes with pattern, witness, region; edges with units
    npz      arrays: patterns (cells x units), witnesses (doubles), exact_cells and exact_witnesses (text, of the cells
             whose witness is no vector of doubles), units (layer and index); with facets also starts, neighbours,
             bits, regions, as of `results.Facets`

Main definitions: `export_partition`, `KINDS`.

Not here: the columns (`export_tables`).
"""

from __future__ import annotations

import csv
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from exactcpa.errors import BadArgument, BadFile, shown
from exactcpa.export_tables import (
    EDGE_COLUMNS,
    Column,
    blocks,
    cell_column_names,
    cell_columns,
    edge_columns,
    witness_text,
)
from exactcpa.partition import Partition
from exactcpa.patterns import to_pieces

ROWS = 1 << 16
"""Rows of an array written at a time."""


def export_partition(part: Partition, path: str | os.PathLike[str], kind: str) -> list[str]:
    """Write a partition for other tools.

    Args:
        part: The partition.
        path: File to write; for ``"csv"`` and ``"parquet"`` a folder, made if it is not there.
        kind: ``"parquet"``, ``"csv"``, ``"graphml"`` or ``"npz"``.

    Returns:
        The files written.

    Raises:
        BadArgument: Not a partition, not a path, another kind; a graph is wanted of a partition without facets;
            pyarrow is wanted and not there.
        BadFile: The place cannot be written; a file that stood there stays.
    """
    if not isinstance(part, Partition):
        raise BadArgument(f"expected a partition (load_partition reads one), got {shown(part)}")
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise BadArgument(f"expected a path, got {shown(path)}")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadArgument(f"expected one of {', '.join(KINDS)}, got {shown(kind)}")
    return KINDS[kind](part, Path(path))


def _write_csv(part: Partition, folder: Path) -> list[str]:
    return _write_tables(part, folder, "csv", _csv_writer)


def _write_parquet(part: Partition, folder: Path) -> list[str]:
    try:
        import pyarrow  # noqa: F401  an extra of 100 MB, and this is its only use
    except ImportError:
        raise BadArgument(
            "Parquet needs pyarrow, which is not installed: pip install pyarrow, or export CSV"
        ) from None
    return _write_tables(part, folder, "parquet", _parquet_writer)


Append = Callable[[dict[str, list[Any]]], None]


def _write_tables(
    part: Partition, folder: Path, ending: str, begin: Callable[[IO[bytes], Sequence[Column]], Any]
) -> list[str]:
    """Both tables; that of the edges has no rows if there are no facets."""
    with _writing(folder):
        folder.mkdir(exist_ok=True)
    tables = (("cells", cell_column_names(part), cell_columns), ("edges", EDGE_COLUMNS, edge_columns))
    for name, columns, rows in tables:
        with _whole_file(folder / f"{name}.{ending}") as file, begin(file, columns) as append:
            for first, last in blocks(part):
                append(rows(part, first, last))
    return [str(folder / f"{name}.{ending}") for name, _, _ in tables]


@contextmanager
def _csv_writer(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Append]:
    class Lines:
        """Text that `csv` writes, as bytes."""

        def write(self, text: str) -> None:
            file.write(text.encode("ascii"))

    writer = csv.writer(Lines(), lineterminator="\n")
    names = [column.name for column in columns]
    writer.writerow(names)
    yield lambda rows: writer.writerows(zip(*(rows[name] for name in names), strict=True))


@contextmanager
def _parquet_writer(file: IO[bytes], columns: Sequence[Column]) -> Iterator[Append]:
    import pyarrow
    from pyarrow import parquet

    kinds = {"int": pyarrow.int64(), "float": pyarrow.float64(), "text": pyarrow.string()}
    schema = pyarrow.schema([pyarrow.field(c.name, kinds[c.kind], nullable=c.optional) for c in columns])
    with parquet.ParquetWriter(file, schema) as writer:
        yield lambda rows: writer.write_table(pyarrow.table(rows, schema=schema))


def _write_graphml(part: Partition, path: Path) -> list[str]:
    """The region graph; all its texts are digits and signs, so nothing has to be escaped."""
    if part.results.facets is None:
        raise BadArgument("expected a partition with facets, got one that was enumerated with facets=False")
    keys = (("pattern", "node", "string"), ("witness", "node", "string"), ("region", "node", "long"))
    with _whole_file(path) as file:
        file.write(
            b'<?xml version="1.0" encoding="UTF-8"?>\n'
            b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        )
        for name, of, kind in (*keys, ("units", "edge", "string")):
            key = f'<key id="{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>\n'
            file.write(key.encode("ascii"))
        file.write(b'<graph edgedefault="undirected">\n')
        for first, last in blocks(part):
            rows = cell_columns(part, first, last)
            for i, *values in zip(*(rows[name] for name in ("cell", *(k[0] for k in keys))), strict=True):
                data = "".join(f'<data key="{k[0]}">{v}</data>' for k, v in zip(keys, values, strict=True))
                file.write(f'<node id="{i}">{data}</node>\n'.encode("ascii"))
        for first, last in blocks(part):
            rows = edge_columns(part, first, last)
            for i, j, units in zip(*rows.values(), strict=True):
                data = f'<data key="units">{units}</data>'
                file.write(f'<edge source="{i}" target="{j}">{data}</edge>\n'.encode("ascii"))
        file.write(b"</graph>\n</graphml>\n")
    return [str(path)]


def _write_npz(part: Partition, path: Path) -> list[str]:
    form, results = part.form, part.results
    some = to_pieces(form, results.words[:1])
    exact = sorted(results.exact_points)
    small = {
        "units": np.array([(u.layer, u.index) for u in form.units], np.int64).reshape(-1, 2),
        "exact_cells": np.array(exact, np.int64),
        "exact_witnesses": np.array([witness_text(part, i) for i in exact], np.str_),
    }
    large = {"witnesses": results.points}
    if results.facets is not None:
        large |= {name: getattr(results.facets, name) for name in ("starts", "neighbours", "bits", "regions")}
    with (
        _whole_file(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        shape = (len(part), len(form.units))
        _put_array(archive, "patterns", some.dtype, shape, lambda a, b: to_pieces(form, results.words[a:b]))
        for name, array in (small | large).items():
            _put_array(archive, name, array.dtype, array.shape, lambda a, b, array=array: array[a:b])
    return [str(path)]


def _put_array(
    archive: zipfile.ZipFile,
    name: str,
    kind: np.dtype,
    shape: tuple[int, ...],
    rows: Callable[[int, int], np.ndarray],
) -> None:
    """One array, some rows at a time."""
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, shape[0], ROWS):
            file.write(np.ascontiguousarray(rows(first, min(shape[0], first + ROWS))).tobytes())


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file under another name, which gets its own when all is written."""
    temporary = path.with_name(f".exactcpa-{secrets.token_hex(8)}.part")
    with _writing(path):
        if path.exists() and not path.is_file():
            raise BadFile(f"{path}: expected a file to write, got a folder or a device")
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the system says about writing into one sentence."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise BadFile(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None


KINDS: dict[str, Callable[[Partition, Path], list[str]]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "graphml": _write_graphml,
    "npz": _write_npz,
}
"""What can be written."""
