"""Make the untrained networks and the domains of data/: seeded, standard library only, the same everywhere.

    python scripts/make_networks.py            writes data/networks/*.json and data/domains/*.json
    python scripts/make_networks.py --check    writes nothing; exits 1 if a file is not what would be written

The numbers come from `random.Random(name of the network).random()`, whose stream Python guarantees, so a
file can be remade to the byte.  Random reals are rounded to six decimals; the network is then the one of the
nearest doubles.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"

Draw = Callable[[random.Random], int | float]


def uniform(source: random.Random) -> float:
    """A number of [-1, 1), six decimals."""
    return round(2 * source.random() - 1, 6)


def small_integer(source: random.Random) -> int:
    """An integer of -3..3."""
    return int(source.random() * 7) - 3


def int8(source: random.Random) -> float:
    """A multiple of 1/128: what an 8-bit integer with a power-of-two scale can be."""
    return (int(source.random() * 255) - 127) / 128


def two_bits(source: random.Random) -> float:
    """One of -1, -1/2, 0, 1/2: a 2-bit integer in two's complement, halved."""
    return (int(source.random() * 4) - 2) / 2


def zero(source: random.Random) -> int:
    """No bias."""
    return 0


def network(name: str, sizes: list[int], weight: Draw = uniform, bias: Draw = uniform) -> dict:
    """A fully connected ReLU network; `sizes` runs from the input dimension to the number of outputs."""
    source = random.Random(name)
    layers: list[dict] = []
    for fan_in, width in pairwise(sizes):
        if layers:
            layers.append({"type": "relu"})
        rows = [[weight(source) for _ in range(fan_in)] for _ in range(width)]
        layers.append({"type": "linear", "weight": rows, "bias": [bias(source) for _ in range(width)]})
    return {"format": "exactcpa-network", "version": 1, "input": sizes[0], "layers": layers}


def networks() -> dict[str, dict]:
    """Every untrained network of data/, by the name of its file."""
    shapes = {
        "random_2_16_16": [2, 16, 16, 1],
        "random_2_32_32_32": [2, 32, 32, 32, 1],
        "random_3_16_16": [3, 16, 16, 1],
        "random_3_32_32": [3, 32, 32, 1],
        "random_4_16_16": [4, 16, 16, 1],
        "random_5_16_16": [5, 16, 16, 1],
        "random_8_10_10": [8, 10, 10, 1],
        "deep_narrow_2_8x8": [2, *[8] * 8, 1],
    }
    made = {name: network(name, sizes) for name, sizes in shapes.items()}
    made |= {
        "integer_3_16_16": network("integer_3_16_16", [3, 16, 16, 1], small_integer, small_integer),
        "zero_bias_2_16_16": network("zero_bias_2_16_16", [2, 16, 16, 1], uniform, zero),
        "zero_bias_3_16_16": network("zero_bias_3_16_16", [3, 16, 16, 1], uniform, zero),
        "int8_3_16_16": network("int8_3_16_16", [3, 16, 16, 1], int8, int8),
        "two_bit_3_16_16": network("two_bit_3_16_16", [3, 16, 16, 1], two_bits, two_bits),
    }
    return made


def simplex(dimension: int) -> dict:
    """All coordinates >= 0, sum <= 1."""
    rows = [[-int(i == j) for j in range(dimension)] for i in range(dimension)]
    return {"type": "polytope", "A": [*rows, [1] * dimension], "b": [0] * dimension + [1]}


def domains() -> dict[str, dict]:
    """Every domain of data/ that belongs to no trained network."""
    third = str(Fraction(1, 3))
    hexagon = [[1, 0], [1, 1], [0, 1], [-1, 0], [-1, -1], [0, -1]]
    return {
        "thirds_2": {"type": "box", "lower": [f"-{third}"] * 2, "upper": [third] * 2},
        "hexagon_2": {"type": "polytope", "A": hexagon, "b": [1] * 6},
        "simplex_3": simplex(3),
        "slice_8_to_2": {
            "type": "slice",
            "origin": [0] * 8,
            "basis": [[1, int(i % 2 == 0)] if i < 4 else [int(i % 2 == 1), -1] for i in range(8)],
            "within": {"type": "box", "lower": [-1, -1], "upper": [1, 1]},
        },
    }


def text_of(value: dict) -> str:
    """One layer, or one key of a domain, a line."""
    if "layers" not in value:
        return json.dumps(value) + "\n"
    head = json.dumps({key: value[key] for key in value if key != "layers"})[:-1]
    return head + ', "layers": [\n' + ",\n".join(json.dumps(layer) for layer in value["layers"]) + "\n]}\n"


def write_or_compare(texts: dict[Path, str], description: str) -> int:
    """Write the files that differ, or with --check only name them."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    options = parser.parse_args()
    differing = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    for path in differing:
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path])
        print(("differs: " if options.check else "wrote ") + str(path.relative_to(DATA.parent)))
    return int(options.check and bool(differing))


def texts() -> dict[Path, str]:
    """Every file this script makes."""
    made = {DATA / "networks" / f"{name}.json": text_of(value) for name, value in networks().items()}
    return made | {DATA / "domains" / f"{name}.json": text_of(value) for name, value in domains().items()}


if __name__ == "__main__":
    sys.exit(write_or_compare(texts(), __doc__ or ""))
