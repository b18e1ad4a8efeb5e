"""The degenerate collection of data/hard/: which networks, family by family, and what is known of each by formula.

Most builders are those of `tests/degenerate.py`, with their hand proofs; the others are below, or drawn with a seed.
All networks are chains of linear layers, batchnorms and ReLU, so that every tool can read them.

Main definitions: `Hard`, `families`, `FAMILIES` (family -> what it does to a tool).

Conventions: a case proved by formula carries a proof in words; (J), (E), (S) are explained in `tests/degenerate.py`.
A drawn case has no formula; its name is its seed.

Not here: proving and writing: `make_hard`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from make_networks import Draw, int8, network, small_integer, two_bits, uniform, zero

import exactcpa as cpa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import degenerate
from degenerate import TRIANGLE, TRIANGLE_BIAS, Case, cube, linear, one_layer

RELU = degenerate.RELU
WIDTHS = (1e-3, 1e-6, 1e-9, 1e-12, 1e-30, 1e-100, 1e-300)

FAMILIES = {
    "concurrent": "many hyperplanes through one point or line",
    "duplicated": "the same unit several times",
    "scaled": "the same unit times a positive number, exactly, or rounded to doubles (then almost the same)",
    "dead": "units that are constant, or identically zero behind others, or touch the domain's boundary only",
    "integer": "integer weights: hyperplanes meet in points and coincide by accident",
    "quantised": "weights of two bits and of eight",
    "zero_bias": "no biases: every cell of the first layer is a cone at 0",
    "tent": "tent maps composed: the number of cells doubles with every layer",
    "grid": "parallel lines in many directions that meet in the points of a lattice",
    "thin": "cells of width 1e-3 to 1e-300",
    "badly_scaled": "weights from 1e-308 to 1e308 whose products are tame",
    "deep_narrow": "many layers of few units",
    "bn_coincidences": "batchnorm's centring makes distinct units coincide, or meet in one point",
    "crelu": "concatenated ReLU: every unit beside its negation",
}


@dataclass(frozen=True)
class Hard:
    """One case of the collection.

    Attributes:
        family: One of `FAMILIES`.
        network, domain: In the file formats.
        counts: Cells, facets between them and linear regions by formula; None if there is no formula.
        proof: Of the formula, in words; empty if there is none.
    """

    family: str
    network: dict
    domain: dict
    counts: tuple[int, int, int] | None = None
    proof: str = ""


# By formula.


def copies(count: int) -> Case:
    """The triangle with every unit n times: 7 cells and 9 facets by (S); the kinks are n w: 7 linear regions."""
    weight = [row for row in TRIANGLE for _ in range(count)]
    bias = [b for b in TRIANGLE_BIAS for _ in range(count)]
    return Case(one_layer(weight, bias), cube(2, -2, 2), 7, 9, 7)


def multiples() -> Case:
    """The triangle with every unit also times 2, -4 and 1/8: 7 and 9 by (S); kinks (1 + 2 + 4 + 1/8) w: 7."""
    scales = (1, 2, -4, 0.125)
    weight = [[s * a for a in row] for row in TRIANGLE for s in scales]
    bias = [s * b for b in TRIANGLE_BIAS for s in scales]
    return Case(one_layer(weight, bias), cube(2, -2, 2), 7, 9, 7)


def rounded_multiples(count: int) -> Case:
    """Rows fl(t/10) (1, 3) for t = 1..n, each entry rounded to a double, no bias: all lines pass through 0.

    Two rows are parallel exactly if their quotients are equal, and the quotients are compared as fractions: q of
    them differ, so there are 2q sectors and 2q rays.  Rows on one line have positive kinks, so 2q linear regions.
    """
    rows = [[t / 10, 3 * t / 10] for t in range(1, count + 1)]
    lines = 2 * len({Fraction(a) / Fraction(b) for a, b in rows})
    return Case(one_layer(rows), cube(2), lines, lines, lines)


def corner_touchers() -> Case:
    """Lines x + y = 2, x - y = 2, x = -1, x + 3y = -4 only touch [-1, 1]^2; x = y cuts it: 2, 1, (J) 2."""
    return Case(one_layer([[1, 1], [1, -1], [1, 0], [-1, -3], [1, -1]], [-2, -2, 1, -4, 0]), cube(2), 2, 1, 2)


def integer_lines(count: int) -> Case:
    """Lines x + t y = -t^2 for n consecutive integers t, in general position: as `general_position`, d = 2."""
    return degenerate.general_position(2, count)


# With batchnorm.  Eight points whose centroid is (1/2, -1/4); any batch with this centroid gives the same counts.
BATCH = [["-1", "1/2"], ["1/2", "1"], ["2", "-2"], ["1/4", "-3/4"]]
BATCH += [["3/2", "-1/2"], ["-1/2", "-1"], ["5/4", "3/4"], ["0", "0"]]


def _normalised(weight: list, bias: list) -> dict:
    """Units with batchnorm (gamma 1, beta 0, epsilon 0), with the exact statistics of `BATCH`; added up."""
    norm = {"type": "batchnorm", "epsilon": 0}
    net = cpa.network_from_json(
        degenerate.network(2, linear(weight, bias), norm, RELU, linear([[1] * len(weight)]))
    )
    return cpa.network_to_json(cpa.freeze(net, BATCH))


def bn_parallel(count: int) -> Case:
    """Units x + i (i < n) and y + 7: n + 1 different lines, but centred they are x = 1/2 (n times) and y = -1/4.

    4 quadrants, 4 half-lines; scales are positive, so kinks do not cancel: 4 linear regions.
    """
    weight = [[1, 0]] * count + [[0, 1]]
    return Case(_normalised(weight, [*range(count), 7]), cube(2, -2, 2), 4, 4, 4)


def bn_negated(count: int) -> Case:
    """Units i x + y + i and -(i x + y) + 5 (i < n): parallel pairs that the centring turns into negated ones.

    All lines pass through the centroid, two by two the same: 2n sectors, 2n rays, kinks positive: 2n.
    """
    weight = [row for i in range(count) for row in ([i, 1], [-i, -1])]
    bias = [b for i in range(count) for b in (i, 5)]
    return Case(_normalised(weight, bias), cube(2, -2, 2), 2 * count, 2 * count, 2 * count)


def bn_concurrent(count: int) -> Case:
    """Lines i x + y = -i^2 (i < n), in general position; centred they all pass through the centroid.

    No two are parallel: 2n sectors in a cycle, 2n rays, (J) with positive scales.
    """
    weight = [[i, 1] for i in range(count)]
    net = _normalised(weight, [i * i for i in range(count)])
    return Case(net, cube(2, -2, 2), 2 * count, 2 * count, 2 * count)


# Drawn.


def _drawn(name: str, sizes: list[int], weight: Draw = uniform, bias: Draw = uniform) -> dict:
    return network(name, sizes, weight, bias)


def _linear_layers(net: dict) -> list[dict]:
    return [layer for layer in net["layers"] if layer["type"] == "linear"]


def _with_hidden(net: dict, change: object) -> dict:
    """The network with every hidden linear layer changed in place by ``change(rows and biases, source)``."""
    for layer in _linear_layers(net)[:-1]:
        layer["weight"], layer["bias"] = change(layer["weight"], layer["bias"])
    return net


def duplicated(name: str, sizes: list[int]) -> dict:
    """Every second unit of the hidden layers repeats the one before it."""

    def change(weight: list, bias: list) -> tuple[list, list]:
        return [weight[k - k % 2] for k in range(len(weight))], [bias[k - k % 2] for k in range(len(bias))]

    return _with_hidden(_drawn(name, sizes), change)


def rescaled(name: str, sizes: list[int], powers: tuple[int, ...]) -> dict:
    """Every second unit is the one before it times a power of two: exact in doubles."""

    def change(weight: list, bias: list) -> tuple[list, list]:
        scales = [2.0 ** powers[k // 2 % len(powers)] if k % 2 else 1.0 for k in range(len(weight))]
        rows = [[s * a for a in weight[k - k % 2]] for k, s in enumerate(scales)]
        return rows, [s * bias[k - k % 2] for k, s in enumerate(scales)]

    return _with_hidden(_drawn(name, sizes), change)


def negated(name: str, sizes: list[int]) -> dict:
    """Every second unit is the one before it times -1."""

    def change(weight: list, bias: list) -> tuple[list, list]:
        signs = [(-1) ** k for k in range(len(weight))]
        rows = [[s * a for a in weight[k - k % 2]] for k, s in enumerate(signs)]
        return rows, [s * bias[k - k % 2] for k, s in enumerate(signs)]

    return _with_hidden(_drawn(name, sizes), change)


def half_dead(name: str, sizes: list[int]) -> dict:
    """On [-1, 1]^d every second unit of the first layer touches the boundary only; later ones are never positive.

    The touching ones have bias -sum |w| (off) or +sum |w| (on) with multiples of 1/128, so exactly.
    """
    net = _drawn(name, sizes, int8, int8)
    first, *later = _linear_layers(net)[:-1]
    for k in range(0, len(first["weight"]), 2):
        first["bias"][k] = sum(map(abs, first["weight"][k])) * (-1) ** (k // 2 + 1)
    for layer in later:
        for k in range(0, len(layer["weight"]), 2):
            layer["weight"][k] = [-abs(a) for a in layer["weight"][k]]
            layer["bias"][k] = -abs(layer["bias"][k]) if k % 4 else 0
    return net


def badly_scaled(name: str, sizes: list[int], reach: int) -> dict:
    """Unit k of layer l times 2^p, p drawn from -reach..reach, the columns after it times 2^-p: products unchanged."""
    net, source = _drawn(name, sizes), random.Random(f"{name} scales")
    for before, after in pairwise(_linear_layers(net)):
        powers = [source.randint(-reach, reach) for _ in before["weight"]]
        before["weight"] = [
            [a * 2.0**p for a in row] for row, p in zip(before["weight"], powers, strict=True)
        ]
        before["bias"] = [b * 2.0**p for b, p in zip(before["bias"], powers, strict=True)]
        after["weight"] = [[a * 2.0**-p for a, p in zip(row, powers, strict=True)] for row in after["weight"]]
    return net


def bn_deep(name: str, sizes: list[int]) -> dict:
    """Every second unit has the row of the one before it and another bias; batchnorm, beta 0, on `BATCH`.

    The statistics behind the first layer are no doubles: the files say them as quotients.
    """
    net = _drawn(name, sizes, int8, int8)
    layers: list[dict] = []
    for layer in net["layers"]:
        layers.append(layer)
        if layer["type"] == "linear" and layer is not net["layers"][-1]:
            layer["weight"] = [layer["weight"][k - k % 2] for k in range(len(layer["weight"]))]
            layers.append({"type": "batchnorm", "epsilon": 0.0009765625})
    frozen = cpa.freeze(cpa.network_from_json(net | {"layers": layers}), BATCH)
    return cpa.network_to_json(frozen)


def bn_pythagorean() -> dict:
    """The network of data/ whose scales are all 1, on its batch: all four lines of layer 1 meet in its centroid."""
    data = Path(__file__).resolve().parent.parent / "data"
    net = cpa.load_network(str(data / "networks" / "training" / "pythagorean_unit_scales.json"))
    points = cpa.load_data(str(data / "sets" / "pythagorean.json")).points
    return cpa.network_to_json(cpa.freeze(net, points))


def families() -> dict[str, Hard]:
    """Every case by its name."""
    made = {}
    for name, family, case in _by_formula():
        made[name] = Hard(family, case.network, case.domain, case.counts, _proof_of(name))
    for name, family, net in _by_seed():
        made[name] = Hard(
            family, net, cube(net["input"], -8 if name == "bn_pythagorean" else -1, _upper(name))
        )
    return dict(sorted(made.items(), key=lambda item: list(FAMILIES).index(item[1].family)))


def _upper(name: str) -> int:
    return 8 if name == "bn_pythagorean" else 1


def _proof_of(name: str) -> str:
    """The docstring of the builder: the function whose name is the longest beginning of the case's name."""
    builders = vars(degenerate) | globals()
    fitting = [word for word, value in builders.items() if callable(value) and name.startswith(word)]
    return " ".join((builders[max(fitting, key=len)].__doc__ or "").split())


def _by_formula() -> Iterator[tuple[str, str, Case]]:
    d = degenerate
    for n in (5, 16):
        yield f"lines_through_a_point_{n}", "concurrent", d.lines_through_a_point(n)
    yield "planes_through_zero_6", "concurrent", d.planes_through_zero(6)
    yield "planes_through_a_line_5", "concurrent", d.planes_through_a_line(5)
    for n in (3, 5):
        yield f"braid_{n}", "concurrent", d.braid(n)
    yield "copies_5", "duplicated", copies(5)
    yield "duplicates_that_cancel", "duplicated", d.duplicates_that_cancel()
    yield "multiples", "scaled", multiples()
    yield "rounded_multiples_12", "scaled", rounded_multiples(12)
    yield "third_in_floats", "scaled", d.third_in_floats()
    yield "zero_rows", "dead", d.zero_rows()
    yield "nothing_but_zero_rows", "dead", d.nothing_but_zero_rows()
    yield "corner_touchers", "dead", corner_touchers()
    yield "everything_flat_behind_a_dead_layer", "dead", d.everything_flat_behind_a_dead_layer()
    yield "flat_in_layer_two", "dead", d.flat_in_layer_two()
    yield "flat_in_one_quadrant", "dead", d.flat_in_one_quadrant()
    yield "integer_lines_12", "integer", integer_lines(12)
    yield "general_position_4_6", "integer", d.general_position(4, 6)
    yield "two_bit_plane", "quantised", d.two_bit_plane()
    yield "two_bit_space", "quantised", d.two_bit_space()
    yield "fold_through_a_vertex", "zero_bias", d.fold_through_a_vertex()
    for k in (3, 7, 10):
        yield f"tent_map_{k}", "tent", d.tent_map(k)
    yield "grid_with_diagonals_4", "grid", d.grid_with_diagonals(4)
    for n in (4, 10):
        yield f"grid_with_both_diagonals_{n}", "grid", d.grid_with_both_diagonals(n)
    yield "parallel_slabs_1", "grid", d.parallel_slabs(1)
    for w in WIDTHS:
        yield f"strip_{w}", "thin", d.strip(w)
        yield f"strip_in_layer_two_{w}", "thin", d.strip_in_layer_two(w)
        yield f"small_triangle_{w}", "thin", d.small_triangle(w)
        yield f"small_simplex_{w}", "thin", d.small_simplex(w)
        yield f"narrow_wedge_{w}", "thin", d.narrow_wedge(w)
    yield "scaled_rows_150", "badly_scaled", d.scaled_rows(1e150, 1e-150, 1.0)
    yield "scaled_rows_308", "badly_scaled", d.scaled_rows(1e308, 5e-324, 1e308)
    for s in (1e150, 1e-150, 1e300):
        yield f"scaled_layers_{s}", "badly_scaled", d.scaled_layers(s)
    for k in (2, 5, 8):
        yield f"deep_and_narrow_{k}", "deep_narrow", d.deep_and_narrow(k)
    yield "bn_parallel_6", "bn_coincidences", bn_parallel(6)
    yield "bn_negated_5", "bn_coincidences", bn_negated(5)
    yield "bn_concurrent_8", "bn_coincidences", bn_concurrent(8)
    yield "negated_pairs_affine", "crelu", d.negated_pairs(head_sign=-1)
    yield "negated_pairs_abs", "crelu", d.negated_pairs(head_sign=1)


def _by_seed() -> Iterator[tuple[str, str, dict]]:
    yield "duplicated_2_8_8", "duplicated", duplicated("duplicated_2_8_8", [2, 8, 8, 1])
    yield "duplicated_3_6_6", "duplicated", duplicated("duplicated_3_6_6", [3, 6, 6, 1])
    yield "rescaled_2_8_8", "scaled", rescaled("rescaled_2_8_8", [2, 8, 8, 1], (3, -40, 60))
    yield "half_dead_2_8_8", "dead", half_dead("half_dead_2_8_8", [2, 8, 8, 1])
    yield "half_dead_3_6_6", "dead", half_dead("half_dead_3_6_6", [3, 6, 6, 1])
    for name, sizes in (("integer_2_8_8", [2, 8, 8, 1]), ("integer_3_6_4", [3, 6, 4, 1])):
        yield name, "integer", _drawn(name, sizes, small_integer, small_integer)
    for name, sizes in (("two_bit_2_8_8", [2, 8, 8, 1]), ("two_bit_3_6_6", [3, 6, 6, 1])):
        yield name, "quantised", _drawn(name, sizes, two_bits, two_bits)
    yield "int8_2_8_8", "quantised", _drawn("int8_2_8_8", [2, 8, 8, 1], int8, int8)
    for name, sizes in (("zero_bias_2_8_8", [2, 8, 8, 1]), ("zero_bias_3_6_4", [3, 6, 4, 1])):
        yield name, "zero_bias", _drawn(name, sizes, uniform, zero)
    name = "zero_bias_integer_2_8_8"
    yield name, "zero_bias", _drawn(name, [2, 8, 8, 1], small_integer, zero)
    yield "badly_scaled_2_6_6", "badly_scaled", badly_scaled("badly_scaled_2_6_6", [2, 6, 6, 1], 40)
    yield "badly_scaled_2_4_4_4", "badly_scaled", badly_scaled("badly_scaled_2_4_4_4", [2, 4, 4, 4, 1], 300)
    for name, sizes in (("deep_narrow_2_4x8", [2, *[4] * 8, 1]), ("deep_narrow_2_8x4", [2, *[8] * 4, 1])):
        yield name, "deep_narrow", _drawn(name, sizes)
    yield "bn_deep_2_6_6", "bn_coincidences", bn_deep("bn_deep_2_6_6", [2, 6, 6, 1])
    yield "bn_pythagorean", "bn_coincidences", bn_pythagorean()
    yield "crelu_2_8_8", "crelu", negated("crelu_2_8_8", [2, 8, 8, 1])
    yield "crelu_3_6_4", "crelu", negated("crelu_3_6_4", [3, 6, 4, 1])
