"""exactcpa on one network over [-1, 1]^d, several times in one process, the proof streamed to a file.

    python exactcpa_runs.py NETWORK.json REPEAT [--facets] [--profile]

Prints the line of `protocol` with the median of the seconds, and besides: all seconds, the share of them
in which the process had a core (less than 1: others were using the machine, or the disk was slow), linear
programs per cell, questions decided exactly, bytes of proof per cell, linear regions, and how much memory
grew over that of the warm-up.  Peak memory is read after the first run.  With --profile one more run says
in which modules the time goes.

Main definitions: `measure`, `shares`.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from protocol import WARM_UP, Layers, peak_megabytes

import exactcpa


def network_of(layers: Layers) -> exactcpa.Network:
    """A fully connected ReLU network."""
    made: list[dict[str, Any]] = []
    for weight, bias in layers:
        made += [{"type": "linear", "weight": weight, "bias": bias}, {"type": "relu"}]
    width = len(layers[0][0][0])
    head = {"format": "exactcpa-network", "version": 1, "input": width}
    return exactcpa.network_from_json({**head, "layers": made[:-1]})


def enumerate_once(network: exactcpa.Network, proof: Path, *, facets: bool) -> exactcpa.Partition:
    """All cells over the box, certificates on."""
    box = exactcpa.Box([-1] * network.input, [1] * network.input)
    return exactcpa.enumerate_cells(network, box, proof=proof, facets=facets)


def measure(network: exactcpa.Network, repeat: int, proof: Path, *, facets: bool) -> dict[str, Any]:
    """Run so often; medians and facts."""
    enumerate_once(network_of(WARM_UP), proof, facets=facets)
    before = peak = peak_megabytes()
    seconds, busy, counts = [], [], set()
    part = None
    for number in range(repeat):
        part = None  # so that no two results are in memory
        clock, core = time.perf_counter(), time.process_time()
        part = enumerate_once(network, proof, facets=facets)
        seconds.append(time.perf_counter() - clock)
        busy.append(time.process_time() - core)
        counts.add(len(part))
        if number == 0:
            peak = peak_megabytes()
    assert part is not None and len(counts) == 1, f"runs disagree: {counts} cells"
    facts = part.summary()
    return {
        "cells": len(part),
        "seconds": statistics.median(seconds),
        "complete": True,
        "peak_megabytes": peak,
        "note": "",
        "all_seconds": seconds,
        "core_share": sum(busy) / sum(seconds),
        "linear_regions": facts["linear_regions"],
        "linear_programs_per_cell": facts["linear_programs_per_cell"],
        "decided_exactly": facts["decided_exactly"],
        "proof_bytes_per_cell": proof.stat().st_size / len(part),
        "megabytes_over_warm_up": peak - before,
    }


def shares(network: exactcpa.Network, proof: Path, *, facets: bool) -> dict[str, float]:
    """Module -> share of the time spent in it, largest first."""
    profile = cProfile.Profile()
    profile.runcall(enumerate_once, network, proof, facets=facets)
    times: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if Path(file).parent.name in ("exactcpa", "kernels"):
            times[Path(file).stem] += own
            continue
        for (caller, _, _), (_, _, own_from_caller, _) in callers.items():  # built-in and library functions
            times[Path(caller).stem if "exactcpa" in caller else "other"] += own_from_caller
    total = sum(times.values())
    return {module: spent / total for module, spent in times.most_common(6)}


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description="Measure exactcpa on one network.")
    parser.add_argument("network", type=Path)
    parser.add_argument("repeat", type=int)
    parser.add_argument("--facets", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    network = exactcpa.load_network(options.network)
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proof.cpa"
        line = measure(network, options.repeat, proof, facets=options.facets)
        if options.profile:
            line["profile"] = shares(network, proof, facets=options.facets)
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
