"""A network dictionary as a short program on vectors: the oracles' own reading of the file format.

The oracles must not share a line with the package, so they read the JSON-like dictionaries of networks and
domains themselves.  A network becomes a list of four kinds of instruction: an affine map, a layer of units,
and the two halves of a skip connection (push, add).  Everything is a `Fraction`.

Main definitions:
    Affine, Bends, Maxima, Push, Add   the instructions.
    compile_network                    network dictionary -> instructions.
    run                                exact output and exact pieces at a point.
    Region, read_domain                domain dictionary -> rows ``<n, x> <= b`` and the map into input space.

Conventions: a bend's piece is the number of breakpoints <= z.  A maximum's piece is the largest position
among the winners.  Only groups of two or more lines and bends with a breakpoint are units.

Not here: cells (`oracles`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

Vector = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Affine:
    """``x -> weight @ x + bias``."""

    weight: tuple[Vector, ...]
    bias: Vector


@dataclass(frozen=True, slots=True)
class Bend:
    """One coordinate through ``slopes[p] * z + intercepts[p]``, p = number of breakpoints <= z."""

    breakpoints: Vector
    slopes: Vector
    intercepts: Vector


@dataclass(frozen=True, slots=True)
class Bends:
    """A layer that bends every coordinate on its own."""

    bends: tuple[Bend, ...]


@dataclass(frozen=True, slots=True)
class Maxima:
    """A layer whose outputs are maxima over groups of coordinates."""

    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Push:
    """Remember the current vector."""


@dataclass(frozen=True, slots=True)
class Add:
    """Add the vector remembered last, and forget it."""


Instruction = Affine | Bends | Maxima | Push | Add


def number(value) -> Fraction:
    """The rational that a JSON value means: integers and doubles as they are, strings exactly."""
    if isinstance(value, str):
        if "0x" not in value:
            return Fraction(value)
        if "p" in value:
            return Fraction(float.fromhex(value))
        top, _, bottom = value.partition("/")
        return Fraction(int(top, 16), int(bottom or "1", 16))
    return Fraction(value)


def vector(values) -> Vector:
    return tuple(number(v) for v in values)


def nearest_double_of_root(q: Fraction) -> Fraction:
    """The double nearest to sqrt(q), ties to even: compare squares of the midpoints with q."""
    guess = float(Fraction(math.isqrt(math.floor(q * 4**1200)), 2**1200)) if q else 0.0
    if not guess:
        return Fraction(0)
    for c in (guess, math.nextafter(guess, 0.0), math.nextafter(guess, math.inf)):
        here, below, above = (Fraction(v) for v in (c, math.nextafter(c, 0.0), math.nextafter(c, math.inf)))
        low, high = ((below + here) / 2) ** 2, ((here + above) / 2) ** 2
        even = int(here / (above - here)) % 2 == 0
        if low < q < high or (even and q in (low, high)):
            return here
    raise AssertionError(f"no double is nearest to the root of {q}")


def batchnorm_map(layer: dict) -> Affine:
    """Deployed reading: the scale gamma / sqrt(variance + epsilon) rounded once, the rest exact."""
    mean, variance, gamma, beta = (vector(layer[k]) for k in ("mean", "variance", "gamma", "beta"))
    epsilon = number(layer["epsilon"])
    rows, shifts = [], []
    for j, (g, v) in enumerate(zip(gamma, variance, strict=True)):
        root = nearest_double_of_root(g * g / (v + epsilon))
        scale = root if g >= 0 else -root
        rows.append(tuple(scale if i == j else Fraction(0) for i in range(len(gamma))))
        shifts.append(beta[j] - scale * mean[j])
    return Affine(tuple(rows), tuple(shifts))


def bend_of(layer: dict, index: int) -> Bend:
    """The one-dimensional function of a coordinatewise activation."""
    zero, one = Fraction(0), Fraction(1)
    match layer["type"]:
        case "relu":
            return Bend((zero,), (zero, one), (zero, zero))
        case "leaky_relu":
            return Bend((zero,), (number(layer.get("slope", 0.01)), one), (zero, zero))
        case "prelu":
            slope = layer["slope"]
            return Bend(
                (zero,), (number(slope[index] if isinstance(slope, list) else slope), one), (zero, zero)
            )
        case "abs":
            return Bend((zero,), (-one, one), (zero, zero))
        case "relu6":
            return Bend((zero, Fraction(6)), (zero, one, zero), (zero, zero, Fraction(6)))
        case "hardtanh":
            low, high = number(layer.get("min", -1)), number(layer.get("max", 1))
            return Bend((low, high), (zero, one, zero), (low, zero, high))
    raise AssertionError(f"no such activation: {layer['type']}")


def windows(layer: dict) -> list[list[int]]:
    """Flat input positions (channel, row, column) of each pooling window, outputs channel first."""
    channels, height, width = layer["shape"]
    (kh, kw), (sh, sw) = layer["kernel"], layer.get("stride", layer["kernel"])
    corners = product(range(channels), range(0, height - kh + 1, sh), range(0, width - kw + 1, sw))
    return [
        [(c * height + y + dy) * width + x + dx for dy, dx in product(range(kh), range(kw))]
        for c, y, x in corners
    ]


def groups_of(layer: dict, width: int) -> tuple[tuple[int, ...], ...]:
    if "groups" in layer:
        return tuple(tuple(g) for g in layer["groups"])
    if "size" in layer:
        return tuple(tuple(range(i, i + layer["size"])) for i in range(0, width, layer["size"]))
    return tuple(tuple(w) for w in windows(layer))


def average_map(layer: dict) -> Affine:
    width = math.prod(layer["shape"])
    rows = []
    for window in windows(layer):
        rows.append(tuple(Fraction(window.count(i), len(window)) for i in range(width)))
    return Affine(tuple(rows), (Fraction(0),) * len(rows))


def convolution_map(layer: dict) -> Affine:
    channels, height, width = layer["shape"]
    (sh, sw), (ph, pw) = layer.get("stride", [1, 1]), layer.get("padding", [0, 0])
    rows, bias = [], []
    for kernel, shift in zip(layer["weight"], layer["bias"], strict=True):
        kh, kw = len(kernel[0]), len(kernel[0][0])
        for y, x in product(range(-ph, height + ph - kh + 1, sh), range(-pw, width + pw - kw + 1, sw)):
            row = [Fraction(0)] * (channels * height * width)
            for c, dy, dx in product(range(channels), range(kh), range(kw)):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    row[(c * height + y + dy) * width + x + dx] += number(kernel[c][dy][dx])
            rows.append(tuple(row))
            bias.append(number(shift))
    return Affine(tuple(rows), tuple(bias))


def compile_layers(layers: list[dict], width: int) -> tuple[list[Instruction], int]:
    """Instructions of a list of layers on vectors of `width` entries, and the width that comes out."""
    program: list[Instruction] = []
    for layer in layers:
        step: Instruction
        match layer["type"]:
            case "linear":
                step = Affine(tuple(vector(row) for row in layer["weight"]), vector(layer["bias"]))
            case "batchnorm":
                step = batchnorm_map(layer)
            case "conv2d":
                step = convolution_map(layer)
            case "avgpool2d":
                step = average_map(layer)
            case "flatten":
                continue
            case "maxout" | "maxpool":
                step = Maxima(groups_of(layer, width))
            case "residual":
                body, _ = compile_layers(layer["layers"], width)
                program += [Push(), *body, Add()]
                continue
            case _:
                step = Bends(tuple(bend_of(layer, i) for i in range(width)))
        program.append(step)
        if isinstance(step, Affine):
            width = len(step.bias)
        if isinstance(step, Maxima):
            width = len(step.groups)
    return program, width


def compile_network(network: dict) -> list[Instruction]:
    return compile_layers(network["layers"], network["input"])[0]


def bend_piece(bend: Bend, z: Fraction) -> int:
    return sum(z >= t for t in bend.breakpoints)


def run(network: dict, x: Vector) -> tuple[Vector, tuple[int, ...], tuple[bool, ...]]:
    """Output, pieces, and for each unit whether the point sits exactly on a switch of it."""
    value, memory, pieces, ties = tuple(x), [], [], []
    for step in compile_network(network):
        match step:
            case Affine(weight, bias):
                value = tuple(
                    sum((a * v for a, v in zip(row, value, strict=True)), b)
                    for row, b in zip(weight, bias, strict=True)
                )
            case Bends(bends):
                chosen = [bend_piece(b, z) for b, z in zip(bends, value, strict=True)]
                pieces += chosen
                ties += [z in b.breakpoints for b, z in zip(bends, value, strict=True)]
                value = tuple(
                    b.slopes[p] * z + b.intercepts[p] for b, p, z in zip(bends, chosen, value, strict=True)
                )
            case Maxima(groups):
                for group in (g for g in groups if len(g) > 1):
                    best = max(value[i] for i in group)
                    winners = [k for k, i in enumerate(group) if value[i] == best]
                    pieces.append(winners[-1])
                    ties.append(len(winners) > 1)
                value = tuple(max(value[i] for i in group) for group in groups)
            case Push():
                memory.append(value)
            case Add():
                value = tuple(a + b for a, b in zip(value, memory.pop(), strict=True))
    return value, tuple(pieces), tuple(ties)


@dataclass(frozen=True, slots=True)
class Region:
    """The searched polyhedron ``{t : <n, t> <= b}`` and the affine map from it into input space."""

    dimension: int
    rows: tuple[tuple[Vector, Fraction], ...]
    embedding: Affine

    def embed(self, t: Vector) -> Vector:
        return tuple(
            sum((a * v for a, v in zip(row, t, strict=True)), b)
            for row, b in zip(self.embedding.weight, self.embedding.bias, strict=True)
        )


def identity(d: int) -> tuple[Vector, ...]:
    return tuple(tuple(Fraction(i == j) for j in range(d)) for i in range(d))


def read_domain(domain: dict) -> Region:
    """Box, polytope or slice as rows and an embedding."""
    match domain["type"]:
        case "box":
            lower, upper = vector(domain["lower"]), vector(domain["upper"])
            d = len(lower)
            rows = [(e, u) for e, u in zip(identity(d), upper, strict=True)]
            rows += [(tuple(-v for v in e), -low) for e, low in zip(identity(d), lower, strict=True)]
            return Region(d, tuple(rows), Affine(identity(d), (Fraction(0),) * d))
        case "polytope":
            rows = [(vector(n), number(b)) for n, b in zip(domain["A"], domain["b"], strict=True)]
            d = len(rows[0][0])
            return Region(d, tuple(rows), Affine(identity(d), (Fraction(0),) * d))
        case "slice":
            within = read_domain(domain["within"])
            basis = tuple(vector(row) for row in domain["basis"])
            return Region(within.dimension, within.rows, Affine(basis, vector(domain["origin"])))
    raise AssertionError(f"no such domain: {domain['type']}")
