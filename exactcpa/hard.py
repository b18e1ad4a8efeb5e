"""The degenerate collection: networks on which float tools go wrong, with proved counts.

The files of ``data/hard/``, read; and written again in formats that other tools read, so that their authors can
test themselves.  Each count was found by at least two independent methods (``scripts/make_hard.py``).

Main definitions:
    HardCase: A network, its domain, and the numbers of cells, facets and linear regions.
    hard_cases: All of them, by name.
    export: Write them to a folder.

Conventions:
    All networks are chains of linear layers, batchnorms with statistics, and ReLU.  ``facets`` are those between two
    cells: the edges of the region graph.  Exported ``truth.json``, version 1: ``{"format": "exactcpa-hard",
    "version": 1, "families": {family: what it is}, "cases": {name: {family, network, npz?, onnx?, domain, cells,
    facets, linear_regions, proved_by, formula?}}}``; ``network``, ``npz`` and ``onnx`` name files beside it, the last
    two only where the format can say the network exactly: every number a double, for onnx every epsilon a float32.
    ONNX inputs have shape (n, inputs), the type is double.

Not here:
    How the collection is made: ``scripts/hard_families.py``, ``scripts/make_hard.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from exactcpa.demo import shipped
from exactcpa.domain import Domain
from exactcpa.domain import from_json as domain_from_json
from exactcpa.errors import BadArgument, BadFile, shown
from exactcpa.layers import BatchNorm, Layer, Linear, ReLU
from exactcpa.network import Network
from exactcpa.network_file import load_network, parse_json

OPSET = 17
"""Of the ONNX files: Gemm, Relu and BatchNormalization on doubles."""


@dataclass(frozen=True)
class HardCase:
    """One network of the collection.

    Attributes:
        name, family: Names.
        about: What is hard about the family.
        network, domain: What to partition.
        cells, facets, linear_regions: What must come out.
        proved_by: The methods that agree on these numbers, at least two of proof, oracle and formula.
    """

    name: str
    family: str
    about: str
    network: Network
    domain: Domain
    cells: int
    facets: int
    linear_regions: int
    proved_by: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Cells, facets, linear regions."""
        return self.cells, self.facets, self.linear_regions


def hard_cases(families: Iterable[str] | None = None) -> dict[str, HardCase]:
    """The cases by name.

    Args:
        families: Only these; None: all.

    Raises:
        BadArgument: An unknown family.
        BadFile: The collection is not there.

    Example:
        >>> hard_cases(["tent"])["tent_map_10"].counts
        (1024, 1023, 1024)
    """
    truth = _truth()
    wanted = set(truth["families"] if families is None else families)
    if unknown := wanted - truth["families"].keys():
        raise BadArgument(
            f"expected families among {', '.join(truth['families'])}; got {shown(min(unknown))}"
        )
    chosen = {name: entry for name, entry in truth["cases"].items() if entry["family"] in wanted}
    return {name: _case(name, entry, truth["families"]) for name, entry in chosen.items()}


def export(folder: str | os.PathLike[str], families: Iterable[str] | None = None) -> dict[str, int]:
    """Write networks and ``truth.json`` into a folder, which is made; see the module's conventions.

    Returns:
        How many files of each format were written; no ``onnx`` if the package onnx is not installed.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    truth, cases = _truth(), hard_cases(families)
    truth["families"] = {
        name: about for name, about in truth["families"].items() if name in {c.family for c in cases.values()}
    }
    truth["cases"] = {name: truth["cases"][name] for name in cases}
    has_onnx = find_spec("onnx") is not None
    for name, case in cases.items():
        entry = truth["cases"][name]
        (home / entry["network"]).write_bytes(shipped(f"hard/{entry['network']}").read_bytes())
        arrays = to_arrays(case.network)
        if arrays is not None:
            entry["npz"] = f"{name}.npz"
            np.savez(home / entry["npz"], **arrays)
            if has_onnx and _write_onnx(case.network, home / f"{name}.onnx"):
                entry["onnx"] = f"{name}.onnx"
    (home / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    entries = truth["cases"].values()
    written = {"json": len(entries), "npz": sum("npz" in entry for entry in entries)}
    return written | ({"onnx": sum("onnx" in entry for entry in entries)} if has_onnx else {})


def to_arrays(net: Network) -> dict[str, np.ndarray] | None:
    """The arrays of the ``.npz`` format (`npz_file`), or None: a number that is no double, or another chain."""
    arrays: dict[str, np.ndarray] = {}
    for number, (linear, norm) in enumerate(_blocks(net.layers)):
        named: dict[str, Any] = {f"W{number}": linear.weight, f"b{number}": linear.bias}
        if norm is not None:
            fields = {"mean": norm.mean, "var": norm.variance, "gamma": norm.gamma, "beta": norm.beta}
            named |= {f"bn{number}_{field}": values for field, values in fields.items()}
            named[f"bn{number}_eps"] = norm.epsilon
        for name, values in named.items():
            array = np.array(values, dtype=object)
            if not all(_is_double(q) for q in array.flat):
                return None
            arrays[name] = array.astype(float)
    return arrays if _relus(net.layers) == len(_blocks(net.layers)) - 1 else None


def _blocks(layers: Iterable[Layer]) -> list[tuple[Linear, BatchNorm | None]]:
    """Every linear layer, with the batchnorm right after it."""
    found: list[tuple[Linear, BatchNorm | None]] = []
    for layer in layers:
        match layer:
            case Linear():
                found.append((layer, None))
            case BatchNorm():
                found[-1] = (found[-1][0], layer)
    return found


def _relus(layers: Iterable[Layer]) -> int:
    return sum(isinstance(layer, ReLU) for layer in layers)


def _is_double(q: Fraction) -> bool:
    return Fraction(float(q)) == q


def _truth() -> dict[str, Any]:
    path = shipped("hard/truth.json")
    value = parse_json(path.read_text(encoding="utf-8"))
    if value.get("format") != "exactcpa-hard" or value.get("version") != 1:
        raise BadFile(f"{path}: expected format exactcpa-hard, version 1")
    return value


def _case(name: str, entry: dict[str, Any], families: dict[str, str]) -> HardCase:
    return HardCase(
        name=name,
        family=entry["family"],
        about=families[entry["family"]],
        network=load_network(str(shipped(f"hard/{entry['network']}"))),
        domain=domain_from_json(entry["domain"]),
        cells=entry["cells"],
        facets=entry["facets"],
        linear_regions=entry["linear_regions"],
        proved_by=tuple(entry["proved_by"]),
    )


# ONNX.


def _write_onnx(net: Network, path: Path) -> bool:
    """Write an ONNX file; False if an epsilon is no float32, which is all that ONNX can say."""
    import onnx
    from onnx import TensorProto, helper

    norms = [layer for layer in net.layers if isinstance(layer, BatchNorm)]
    if any(Fraction(float(np.float32(float(layer.epsilon)))) != layer.epsilon for layer in norms):
        return False
    nodes, tensors, value = [], [], "input"
    for number, layer in enumerate(net.layers):
        operator, weights, options = _onnx_parts(layer)
        names = [f"layer{number}_{k}" for k in range(len(weights))]
        tensors += [
            onnx.numpy_helper.from_array(array, name) for name, array in zip(names, weights, strict=True)
        ]
        after = "output" if number + 1 == len(net.layers) else f"value{number}"
        nodes.append(helper.make_node(operator, [value, *names], [after], **options))
        value = after
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", size])
        for name, size in (("input", net.input), ("output", net.output))
    ]
    graph = helper.make_graph(nodes, path.stem, ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return True


def _onnx_parts(layer: Layer) -> tuple[str, list[np.ndarray], dict[str, Any]]:
    """Operator, constant inputs and attributes."""

    def doubles(values: Iterable[Any]) -> np.ndarray:
        return np.array(values, dtype=object).astype(float)

    match layer:
        case Linear():
            return "Gemm", [doubles(layer.weight), doubles(layer.bias)], {"transB": 1}
        case BatchNorm():
            fields = (layer.gamma, layer.beta, layer.mean, layer.variance)
            return "BatchNormalization", [doubles(v) for v in fields], {"epsilon": float(layer.epsilon)}
    return "Relu", [], {}


def families_of(cases: Iterable[HardCase]) -> Iterator[tuple[str, list[HardCase]]]:
    """The cases by family, in the order of the collection."""
    grouped: dict[str, list[HardCase]] = {}
    for case in cases:
        grouped.setdefault(case.family, []).append(case)
    yield from grouped.items()
