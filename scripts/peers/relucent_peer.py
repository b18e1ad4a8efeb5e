"""Cells that relucent finds over [-1, 1]^d: breadth first over facets, a linear program a question.

    python relucent_peer.py NETWORK.json SECONDS        needs relucent, not exactcpa

How it is asked, so as to be fast and about the same box:

- ``cube_mode="intersect"`` with ``cube_radius=1`` explores only the cells that meet the box.  Without it
  relucent enumerates the cells of all R^d, at most 1.4 times as many a second (3-16-16); ``"clipped"`` runs
  at the same rate; ``bound=1``, the box inside each linear program, took three times as long (2-16-16).
- ``verify=False`` leaves out its certification at the end, ``geometry_properties=None`` (its default) all
  optional geometry, and a `ReLUNetwork` of numpy arrays the conversion from torch.
- ``nworkers=1``: one core, like everybody here.  Its worker is a process of its own, the parent mostly waits.
- It finds the facets of each cell as it goes, so its rate compares with exactcpa's rate with facets.

References: Gaines and Bi, Characterizing the Discrete Geometry of ReLU Networks, ICLR 2026.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import relucent
from protocol import WARM_UP, Layers, OutOfTime, read_layers, report, time_limit
from relucent.model.model import LinearLayer, ReLULayer, ReLUNetwork


def relucent_network(layers: Layers) -> ReLUNetwork:
    """The network in relucent's own form."""
    made: list[LinearLayer | ReLULayer] = []
    for weight, bias in layers:
        made += [LinearLayer(np.array(weight, float), np.array(bias, float).reshape(1, -1)), ReLULayer()]
    return ReLUNetwork(made[:-1])


def search(layers: Layers, seconds: float) -> tuple[int, float, bool, str]:
    """Cells found, seconds taken, whether that is all of them, and what went wrong."""
    found = relucent.Complex(relucent_network(layers))
    start = np.random.default_rng(0).uniform(-0.1, 0.1, len(layers[0][0][0]))  # in the box, on no hyperplane
    clock = time.perf_counter()
    complete, note = False, ""
    try:
        with time_limit(seconds):
            box = {"cube_radius": 1.0, "cube_mode": "intersect"}
            result = found.bfs(start, nworkers=1, verify=False, verbose=0, **box)
            complete = result.complete
            note = "" if complete else f"{len(result.bad_shi_computations)} neighbours failed"
    except OutOfTime:
        pass
    except Exception as error:  # whatever stops it is its answer
        note = f"stopped: {type(error).__name__}"
    return len(found), time.perf_counter() - clock, complete, note


def main() -> None:
    """Warm up, search, report."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    search(WARM_UP, 60.0)
    cells, taken, complete, note = search(read_layers(path), seconds)
    report(cells, taken, complete=complete, note=note)


if __name__ == "__main__":  # its worker process imports this file
    main()
