"""Another engine's executor: a real dask cluster on this machine gives the partition and the proof of one process."""

import os
import signal
from pathlib import Path

import pytest

import exactcpa as cpa
from exactcpa import parallel

distributed = pytest.importorskip("distributed", reason="needs the extra distributed")
DATA = Path(__file__).parent.parent / "data" / "networks"


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.mark.parametrize("name", ["random_3_16_16", "integer_3_16_16"])
@pytest.mark.parametrize("method", ["lp", "vertex"])
def test_dask_gives_the_same(client, name, method, monkeypatch, tmp_path):
    monkeypatch.setattr(parallel, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(parallel, "SECONDS", 0.0)
    monkeypatch.setattr("exactcpa.walk.STEPS", 300)
    net = cpa.load_network(DATA / f"{name}.json")
    domain = cpa.Box([-1] * 3, [1] * 3)
    here = cpa.enumerate_cells(net, domain, method=method)
    there = cpa.enumerate_cells(
        net, domain, method=method, executor=client.get_executor(), workers=2, proof=tmp_path / "there.cpa"
    )

    assert there == here
    assert cpa.check(tmp_path / "there.cpa").cells == len(here)


def test_lost_dask_worker(client, monkeypatch):
    """A killed worker's tasks go to the others: dask sees to that."""
    monkeypatch.setattr(parallel, "FIRST_SECONDS", 0.0)
    net = cpa.load_network(DATA / "random_4_16_16.json")
    domain = cpa.Box([-1] * 4, [1] * 4)
    first, _ = client.run(os.getpid).values()
    killed = []

    def kill_once(tally):
        if not killed and tally.cells > 1000:
            killed.append(first)
            os.kill(first, signal.SIGKILL)

    monkeypatch.setattr(parallel, "SECONDS", 0.01)
    there = cpa.enumerate_cells(net, domain, executor=client.get_executor(), workers=2, progress=kill_once)

    assert killed
    assert there == cpa.enumerate_cells(net, domain)
