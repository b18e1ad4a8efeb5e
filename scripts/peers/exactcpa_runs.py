"""exactcpa on one network over [-1, 1]^d, several times in one process, the proof streamed to a file.

    python exactcpa_runs.py NETWORK.json REPEAT [--method auto] [--facets | --count] [--profile]

Prints the line of `protocol` with the median of the seconds, and besides: all seconds, the share of them
in which the process had a core (less than 1: others were using the machine, or the disk was slow), linear
programs per cell, questions decided exactly, bytes of proof per cell, linear regions, and how much memory
grew over that of the warm-up.  Peak memory is read after the first run.  With --profile one more run says
in which modules the time goes.  With --count cells are counted and nothing is kept or written.  No run begins
once `ENOUGH` seconds are spent.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol import WARM_UP, Layers, peak_megabytes

import exactcpa

ENOUGH = 60.0
"""Seconds after which the runs made so far do."""


def network_of(layers: Layers) -> exactcpa.Network:
    """A fully connected ReLU network."""
    made: list[dict[str, Any]] = []
    for weight, bias in layers:
        made += [{"type": "linear", "weight": weight, "bias": bias}, {"type": "relu"}]
    width = len(layers[0][0][0])
    head = {"format": "exactcpa-network", "version": 1, "input": width}
    return exactcpa.network_from_json({**head, "layers": made[:-1]})


@dataclass(frozen=True)
class Way:
    """How cells are asked for."""

    method: str
    facets: bool
    count: bool


def box_of(network: exactcpa.Network) -> exactcpa.Box:
    """The cube."""
    return exactcpa.Box([-1] * network.input, [1] * network.input)


def run_once(network: exactcpa.Network, proof: Path, way: Way) -> dict[str, Any]:
    """All cells over the box, every decision proved: facts, the proof being written unless they are counted."""
    if way.count:
        count = exactcpa.count_cells(network, box_of(network), method=way.method, facets=way.facets)
        nothing = dict.fromkeys(("linear_regions", "linear_programs_per_cell"))
        return {
            "cells": count.cells,
            "decided_exactly": count.decided_exactly,
            "method": count.method,
            **nothing,
        }
    return exactcpa.enumerate_cells(
        network, box_of(network), method=way.method, proof=proof, facets=way.facets
    ).summary()


def measure(network: exactcpa.Network, repeat: int, proof: Path, way: Way) -> dict[str, Any]:
    """Run so often; medians and facts."""
    run_once(network_of(WARM_UP), proof, way)
    before = peak = peak_megabytes()
    seconds, busy, counts, facts = [], [], set(), {}
    for number in range(repeat):
        proof.unlink(missing_ok=True)  # to remove what the run before has written takes a while
        clock, core = time.perf_counter(), time.process_time()
        facts = run_once(network, proof, way)
        seconds.append(time.perf_counter() - clock)
        busy.append(time.process_time() - core)
        counts.add(facts["cells"])
        if number == 0:
            peak = peak_megabytes()
        if sum(seconds) > ENOUGH:
            break
    assert len(counts) == 1, f"runs disagree: {counts} cells"
    return {
        "cells": facts["cells"],
        "method": facts["method"],
        "seconds": statistics.median(seconds),
        "complete": True,
        "peak_megabytes": peak,
        "note": "",
        "all_seconds": seconds,
        "core_share": sum(busy) / sum(seconds),
        "linear_regions": facts["linear_regions"],
        "linear_programs_per_cell": facts["linear_programs_per_cell"],
        "decided_exactly": facts["decided_exactly"],
        "proof_bytes_per_cell": None if way.count else proof.stat().st_size / facts["cells"],
        "megabytes_over_warm_up": peak - before,
    }


def shares(network: exactcpa.Network, proof: Path, way: Way) -> dict[str, float]:
    """Module -> share of the time spent in it, largest first."""
    profile = cProfile.Profile()
    profile.runcall(run_once, network, proof, way)
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
    parser.add_argument("--method", default="auto")
    parser.add_argument("--facets", action="store_true")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    network = exactcpa.load_network(options.network)
    way = Way(options.method, options.facets, options.count)
    with tempfile.TemporaryDirectory() as folder:
        proof = Path(folder) / "proof.cpa"
        line = measure(network, options.repeat, proof, way)
        if options.profile:
            line["profile"] = shares(network, proof, way)
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
