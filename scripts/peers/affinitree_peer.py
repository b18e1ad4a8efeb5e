"""Cells that affinitree finds over [-1, 1]^d: a decision tree, infeasible paths removed by linear programs.

    python affinitree_peer.py NETWORK.json SECONDS        needs affinitree, not exactcpa

How it is asked, so as to be fast and about the same box: ``builder.from_layers`` with the box as
precondition (its Rust core does all the work, removing infeasible paths as it builds), and the network as
arrays, without torch.  Its terminals are then the cells; a second ``infeasible_elimination`` removes
none.  It finds no facets, so its rate compares with exactcpa's rate without facets.

Its core prints on stdout as it goes (the line comes last) and cannot be interrupted from Python, so an
alarm ends the whole process when the seconds run out, and there is no number of cells then.

References: Schlüter, Nolte, Murtovi and Steffen, Towards rigorous understanding of neural networks via
semantics-preserving transformations, STTT 2023.
"""

from __future__ import annotations

import signal
import sys
import time
import warnings

import numpy as np
from protocol import WARM_UP, Layers, limit_memory, read_layers, report

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that torch is absent
    from affinitree import AffFunc, AffTree, Architecture, Polytope, builder


def tree_of(layers: Layers) -> AffTree:
    """The decision tree over the box."""
    d = len(layers[0][0][0])
    architecture = Architecture(d)
    for i, (weight, bias) in enumerate(layers):
        if i:
            architecture.relu()
        architecture.linear(AffFunc.from_mats(np.array(weight, float), np.array(bias, float)))
    box = Polytope.hyperrectangle(d, [(-1.0, 1.0)] * d)
    return builder.from_layers(architecture, AffTree.from_poly(box, AffFunc.identity(d)))


def main() -> None:
    """Warm up, build the tree, report."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    layers = read_layers(path)
    limit_memory()
    tree_of(WARM_UP)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    clock = time.perf_counter()
    cells = tree_of(layers).num_terminals()
    taken = time.perf_counter() - clock
    signal.setitimer(signal.ITIMER_REAL, 0)
    report(cells, taken, complete=True)


if __name__ == "__main__":
    main()
