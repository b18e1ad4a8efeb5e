"""Export: what other tools read is the partition, and what cannot be written leaves nothing."""

from __future__ import annotations

import csv
import os
import resource
import sys
from fractions import Fraction
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from degenerate import CASES

import exactcpa as cpa
from exactcpa import cli, export_tables

NETWORKS = Path(__file__).parent.parent / "data/networks"


def of_file(name, **chosen):
    net = cpa.load_network(NETWORKS / f"{name}.json")
    return cpa.enumerate_cells(net, cpa.Box([-1] * net.input, [1] * net.input), **chosen)


def of_case(name):
    case = CASES[name]
    net, domain = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)
    return cpa.enumerate_cells(net, domain, method="lp")


def many_pieces():
    """A unit with twelve pieces, numbers with two digits."""
    lines = [[Fraction(k)] for k in range(12)]
    offsets = [Fraction(-k * k, 24) for k in range(12)]
    net = cpa.Network(1, (cpa.Linear(lines, offsets), cpa.MaxOut(cpa.network.Consecutive(12))))
    return cpa.enumerate_cells(net, cpa.Box([-1], [2]))


PARTITIONS = {
    "generic": lambda: of_file("random_3_16_16"),
    "concurrent": lambda: of_file("zero_bias_2_16_16"),
    "two bits": lambda: of_file("two_bit_3_16_16"),
    "many pieces": many_pieces,
    "exact witnesses": lambda: of_case("narrow_wedge_1e-300"),
    "no facets": lambda: of_file("random_2_16_16", facets=False),
    "no units": lambda: cpa.enumerate_cells(
        cpa.Network(2, (cpa.Linear([[1, 2]], [0]),)), cpa.Box([-1, -1], [1, 1])
    ),
}


@pytest.fixture(scope="module", params=PARTITIONS)
def part(request):
    return PARTITIONS[request.param]()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(export_tables, "BLOCK", 100)


def pieces_of(part, text):
    """Digits, or numbers if a unit has more than ten pieces."""
    widest = max((unit.width for unit in part.form.units), default=0)
    return list(map(int, text.split() if widest > 9 else text))


def expect_cells(part, rows):
    """Rows of any table against what the partition says of each cell."""
    assert [int(row["cell"]) for row in rows] == list(range(len(part)))
    assert [pieces_of(part, row["pattern"]) for row in rows] == part.patterns.tolist()
    for i, row in enumerate(rows):
        assert tuple(map(Fraction, row["witness"].split())) == part.witness(i)
        near = [float(row[f"witness_{j}"]) for j in range(part.domain.dimension)]
        assert near == part.witnesses[i].tolist()
    if part.results.facets is None:
        assert all(row["region"] in ("", None) and row["degree"] in ("", None) for row in rows)
        return
    regions = {int(row["cell"]): int(row["region"]) for row in rows}
    assert part.linear_regions() == [
        tuple(i for i in regions if regions[i] == r) for r in range(max(regions.values()) + 1)
    ]
    degrees = dict(part.graph().degree())
    assert {int(row["cell"]): int(row["degree"]) for row in rows} == degrees


def expect_edges(part, rows):
    if part.results.facets is None:
        assert rows == []
        return
    found = {(int(row["cell"]), int(row["across"])): units_of(row["units"]) for row in rows}
    assert len(found) == len(rows)
    assert found == {tuple(sorted(e)): units for *e, units in part.graph().edges(data="units")}


def units_of(text):
    return tuple(tuple(map(int, unit.split(":"))) for unit in text.split())


def test_csv(part, tmp_path):
    written = cpa.export_partition(part, tmp_path / "out", "csv")
    assert written == [str(tmp_path / "out/cells.csv"), str(tmp_path / "out/edges.csv")]
    tables = []
    for name in written:
        with open(name, newline="") as file:
            tables.append(list(csv.DictReader(file)))
    expect_cells(part, tables[0])
    expect_edges(part, tables[1])
    assert sorted(os.listdir(tmp_path / "out")) == ["cells.csv", "edges.csv"]


def test_parquet(part, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    cells, edges = (parquet.ParquetFile(f) for f in cpa.export_partition(part, tmp_path, "parquet"))
    expect_cells(part, cells.read().to_pylist())
    expect_edges(part, edges.read().to_pylist())
    assert cells.num_row_groups == -(-len(part) // 100)
    assert str(cells.schema_arrow.field("witness_0").type) == "double"


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(cpa.BadArgument, match=r"pip install pyarrow"):
        cpa.export_partition(many_pieces(), tmp_path / "out", "parquet")
    assert os.listdir(tmp_path) == []


def test_graphml(part, tmp_path):
    if part.results.facets is None:
        with pytest.raises(cpa.BadArgument, match="with facets"):
            cpa.export_partition(part, tmp_path / "a.graphml", "graphml")
        assert os.listdir(tmp_path) == []
        return
    cpa.export_partition(part, tmp_path / "a.graphml", "graphml")
    graph = nx.read_graphml(tmp_path / "a.graphml", node_type=int)
    assert not graph.is_directed()
    expected = part.graph()
    assert set(graph.nodes) == set(expected.nodes)
    for i, data in graph.nodes(data=True):
        text = data.get("pattern") or ""
        assert pieces_of(part, text) == list(expected.nodes[i]["pattern"])
        assert tuple(map(Fraction, data["witness"].split())) == part.witness(i)
    edges = {tuple(sorted(e)): units_of(units) for *e, units in graph.edges(data="units")}
    assert edges == {tuple(sorted(e)): units for *e, units in expected.edges(data="units")}


def test_npz(part, tmp_path):
    cpa.export_partition(part, tmp_path / "a.npz", "npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["patterns"], part.patterns)
        assert np.array_equal(arrays["witnesses"], part.witnesses)
        assert [tuple(u) for u in arrays["units"].tolist()] == [(u.layer, u.index) for u in part.form.units]
        exact = dict(zip(arrays["exact_cells"].tolist(), arrays["exact_witnesses"].tolist(), strict=True))
        assert exact.keys() == part.results.exact_points.keys()
        assert all(tuple(map(Fraction, text.split())) == part.witness(i) for i, text in exact.items())
        if part.results.facets is not None:
            starts, neighbours = part.adjacency()
            assert np.array_equal(arrays["starts"], starts)
            assert np.array_equal(arrays["neighbours"], neighbours)
            assert np.array_equal(arrays["regions"], part.results.facets.regions)
            assert np.array_equal(arrays["bits"], part.results.facets.bits)
        else:
            assert "starts" not in arrays


def test_exact_witnesses_occur():
    assert PARTITIONS["exact witnesses"]().results.exact_points


@pytest.mark.parametrize("kind", ["csv", "graphml", "npz"])
def test_full_disk_leaves_nothing(kind, tmp_path):
    part = of_file("random_2_16_16")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(cpa.BadFile, match="cannot be written: File too large"):
            cpa.export_partition(part, tmp_path / "out", kind)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_file_that_stood_there_stays(tmp_path, monkeypatch):
    part = of_file("random_2_16_16")
    (tmp_path / "a.graphml").write_text("old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("exactcpa.export.edge_columns", stop)
    with pytest.raises(KeyboardInterrupt):
        cpa.export_partition(part, tmp_path / "a.graphml", "graphml")
    assert (tmp_path / "a.graphml").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.graphml"]


def test_rejects_misuse(tmp_path):
    part = many_pieces()
    (tmp_path / "file").write_text("x")
    for wrong in ("csv ", "CSV", None, 3, ["csv"]):
        with pytest.raises(cpa.BadArgument, match="expected one of parquet, csv, graphml, npz"):
            cpa.export_partition(part, tmp_path / "out", wrong)
    for wrong in (3, None, "", b"x"):
        with pytest.raises(cpa.BadArgument, match="path"):
            cpa.export_partition(part, wrong, "csv")
    with pytest.raises(cpa.BadArgument, match="partition"):
        cpa.export_partition("a.cpa", tmp_path / "out", "csv")
    for place, kind in (("file", "csv"), ("missing/out", "csv"), ("missing/a.npz", "npz"), ("a\0b", "npz")):
        with pytest.raises(cpa.BadFile, match="cannot be written"):
            cpa.export_partition(part, tmp_path / place, kind)
    with pytest.raises(cpa.BadFile, match="expected a file to write"):
        cpa.export_partition(part, tmp_path, "npz")


@pytest.mark.parametrize("kind", ["csv", "graphml", "npz"])
def test_command(kind, tmp_path, capsys):
    part = of_file("random_2_16_16")
    part.save(tmp_path / "a.cpa")
    assert cli.main(["export", str(tmp_path / "a.cpa"), f"--{kind}", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert f"{len(part):,}" in text and "written" in text
    assert cli.main(["export", str(tmp_path / "a.cpa"), f"--{kind}", str(tmp_path / "out"), "--json"]) == 0
    assert f'"format": "{kind}"' in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["csv", "graphml", "npz"])
def test_command_without_a_place(kind, tmp_path, capsys):
    part = of_file("random_2_16_16")
    part.save(tmp_path / "a.b.cpa")
    cpa.enumerate_cells(part.network, part.domain, stream=tmp_path / "run")
    assert cli.main(["export", str(tmp_path / "a.b.cpa"), f"--{kind}"]) == 0
    assert cli.main(["export", f"{tmp_path / 'run'}/", f"--{kind}"]) == 0
    capsys.readouterr()
    assert (tmp_path / f"a.b.{kind}").exists()
    assert (tmp_path / f"run.{kind}").exists()


def test_command_refuses(tmp_path, capsys):
    assert cli.main(["export", str(tmp_path / "missing.cpa"), "--npz", str(tmp_path / "a.npz")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    for arguments in ([], ["--csv", "a", "--npz", "b"]):
        with pytest.raises(SystemExit) as left:
            cli.main(["export", str(tmp_path), *arguments])
        assert left.value.code == 2
