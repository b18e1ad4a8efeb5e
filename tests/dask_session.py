"""What `test_distributed` runs in a process of its own: a dask cluster leaves threads behind, and a process with
threads is forked no more.  Prints one line a thing that held; an assertion ends it."""

import os
import signal
import sys
from pathlib import Path

import distributed

import exactcpa as cpa
from exactcpa import parallel, walk

DATA = Path(__file__).parent.parent / "data" / "networks"


def same_as_here(client, name, method, folder):
    net = cpa.load_network(DATA / f"{name}.json")
    domain = cpa.Box([-1] * 3, [1] * 3)
    here = cpa.enumerate_cells(net, domain, method=method)
    proof = folder / f"{name}-{method}.cpa"
    there = cpa.enumerate_cells(
        net, domain, method=method, executor=client.get_executor(), workers=2, proof=proof
    )
    assert there == here
    assert cpa.check(proof).cells == len(here)
    print(f"same: {name} {method}")


def lost_worker(client):
    """A killed worker's tasks go to the others: dask sees to that."""
    net = cpa.load_network(DATA / "random_4_16_16.json")
    domain = cpa.Box([-1] * 4, [1] * 4)
    first, _ = client.run(os.getpid).values()
    killed = []

    def kill_once(tally):
        if not killed and tally.cells > 1000:
            killed.append(first)
            os.kill(first, signal.SIGKILL)

    parallel.SECONDS = 0.01
    there = cpa.enumerate_cells(net, domain, executor=client.get_executor(), workers=2, progress=kill_once)
    assert killed
    assert there == cpa.enumerate_cells(net, domain)
    print("same: lost worker")


def main(folder):
    parallel.FIRST_SECONDS = parallel.SECONDS = 0.0
    walk.STEPS = 300
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        for name in ("random_3_16_16", "integer_3_16_16"):
            for method in ("lp", "vertex"):
                same_as_here(client, name, method, folder)
        lost_worker(client)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
