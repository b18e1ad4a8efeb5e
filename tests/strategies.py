"""Hypothesis strategies: networks of every layer type and domains of every kind, degenerate on purpose.

Main definitions:
    cases                network and domain that fit together (the usual entry point).
    networks, domains    the two alone.
    NUMBERS              small integers, small fractions (as exact strings), short and long doubles.
    EXTREMES             doubles whose products leave the doubles; now and then a layer has one.

Conventions: everything is a JSON-like dictionary in the file formats.  Simple values come first, so examples
shrink to small integers.  Degenerate rows are drawn deliberately: zero rows, copies, negations and multiples
of earlier rows, zero biases, hyperplanes through a vertex or the middle of the domain.

Not here: hand-made degenerate families (`degenerate`).
"""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st
from oracle_program import compile_layers, number, read_domain, run

INTEGERS = st.integers(-3, 3)
FRACTIONS = st.fractions(min_value=-2, max_value=2, max_denominator=5).map(
    lambda q: int(q) if q.denominator == 1 else str(q)
)
SHORT_DOUBLES = st.integers(-16, 16).map(lambda k: k / 8)
LONG_DOUBLES = st.floats(min_value=-2, max_value=2, allow_subnormal=False).map(
    lambda x: 0 if abs(x) < 1e-6 else x
)
NUMBERS = [INTEGERS, INTEGERS, INTEGERS, FRACTIONS, SHORT_DOUBLES, LONG_DOUBLES]  # half small integers
EXTREMES = st.sampled_from([1e300, -1e300, 1e-310, -1e-310, 5e-324, -5e-324])
BENDS = ["relu", "leaky_relu", "prelu", "abs", "hardtanh", "relu6"]
MAXIMA = ["maxout", "maxpool"]
KINDS = [*BENDS, *MAXIMA, "residual"]


def text(q: Fraction) -> int | str:
    """A rational as a JSON value."""
    return int(q) if q.denominator == 1 and abs(q) <= 2**53 else str(q)


def times(factor: Fraction, values: list) -> list:
    return [text(factor * number(v)) for v in values]


@st.composite
def boxes(draw, dimension: int) -> dict:
    lower = draw(st.lists(st.integers(-3, 0), min_size=dimension, max_size=dimension))
    size = draw(st.lists(st.sampled_from([1, 2, 4, "1/2", 2.5]), min_size=dimension, max_size=dimension))
    upper = [text(low + number(s)) for low, s in zip(lower, size, strict=True)]
    return {"type": "box", "lower": lower, "upper": upper}


@st.composite
def polytopes(draw, dimension: int) -> dict:
    """A box cut by a few halfspaces that keep a ball around its middle; some are redundant or repeated."""
    box = draw(boxes(dimension))
    rows = [([int(v) for v in n], b) for n, b in read_domain(box).rows]  # upper ends, then lower ends
    middle = middle_of(box)
    for _ in range(draw(st.integers(0, 3))):
        normal = draw(st.lists(INTEGERS, min_size=dimension, max_size=dimension))
        offset = sum((n * x for n, x in zip(normal, middle, strict=True)), Fraction(0))
        rows.append((normal, offset + number(draw(st.sampled_from([1, "1/3", 20])))))
    if draw(st.booleans()):
        normal, offset = rows[-1]
        rows.append(([2 * n for n in normal], 2 * offset))
    rows = [row for row in rows if any(row[0])]
    return {"type": "polytope", "A": [n for n, _ in rows], "b": [text(b) for _, b in rows]}


@st.composite
def slices(draw, dimension: int, ambient: int) -> dict:
    """An injective affine slice of a space of `ambient` dimensions."""
    numbers = draw(st.sampled_from([INTEGERS, FRACTIONS, SHORT_DOUBLES]))
    rows = [
        draw(st.lists(numbers, min_size=dimension, max_size=dimension)) for _ in range(ambient - dimension)
    ]
    rows += [[int(i == j) for j in range(dimension)] for i in range(dimension)]
    return {
        "type": "slice",
        "origin": draw(st.lists(numbers, min_size=ambient, max_size=ambient)),
        "basis": draw(st.permutations(rows)),
        "within": draw(st.one_of(boxes(dimension), polytopes(dimension))),
    }


def middle_of(box: dict) -> tuple[Fraction, ...]:
    return tuple((number(a) + number(b)) / 2 for a, b in zip(box["lower"], box["upper"], strict=True))


def domains(dimension: int) -> st.SearchStrategy[dict]:
    return st.one_of(boxes(dimension), polytopes(dimension))


@st.composite
def linear_layers(draw, width: int, outputs: int, points: list = []) -> dict:  # noqa: B006 (never changed)
    """A linear layer; rows may be zero, related to earlier rows, or vanish at one of the points."""
    numbers = draw(st.sampled_from(NUMBERS))
    weight, bias = [], []
    for _ in range(outputs):
        kind = draw(
            st.sampled_from(["through"] * 6 + ["free", "free", "no bias", "zero", "copy", "multiple"])
        )
        row = draw(st.lists(numbers, min_size=width, max_size=width))
        shift = draw(numbers)
        if kind in ("through", "no bias") and not any(number(a) for a in row):
            row[draw(st.integers(0, width - 1))] = 1
        if kind == "no bias":
            shift = 0
        elif kind == "zero":
            row = [0] * width
        elif kind in ("copy", "multiple") and weight:
            factor = Fraction(1) if kind == "copy" else number(draw(st.sampled_from([-1, 2, "-1/3", "3/2"])))
            earlier = draw(st.integers(0, len(weight) - 1))
            row, shift = times(factor, weight[earlier]), times(factor, [bias[earlier]])[0]
        elif kind == "through" and points:
            point = draw(st.sampled_from(points))
            shift = text(-sum((number(a) * x for a, x in zip(row, point, strict=True)), Fraction(0)))
        weight.append(row)
        bias.append(shift)
    if draw(st.integers(0, 19)) == 13:
        row = draw(st.sampled_from([bias, *weight]))
        row[draw(st.integers(0, len(row) - 1))] = draw(EXTREMES)
    return {"type": "linear", "weight": weight, "bias": bias}


@st.composite
def batchnorms(draw, width: int) -> dict:
    def some(values):
        return draw(st.lists(st.sampled_from(values), min_size=width, max_size=width))

    return {
        "type": "batchnorm",
        "mean": some([0, 1, -1, "1/3", 0.25]),
        "variance": some([1, 4, 2, "1/3", 0.1]),
        "gamma": some([1, -1, 2, 0.5, 0]),
        "beta": some([0, 1, -0.5]),
        "epsilon": draw(st.sampled_from([0, "1e-5", 1e-5])),
    }


@st.composite
def activations(draw, kind: str, width: int) -> dict:
    """An activation layer of one kind on `width` coordinates."""
    slopes = st.sampled_from([0, 0.25, "1/3", -1, 1, 2])
    match kind:
        case "leaky_relu":
            return {"type": kind, "slope": draw(st.sampled_from(["1/100", 0.01, 0.5]))}
        case "prelu":
            return {
                "type": kind,
                "slope": draw(st.one_of(slopes, st.lists(slopes, min_size=width, max_size=width))),
            }
        case "hardtanh":
            return {
                "type": kind,
                **draw(st.sampled_from([{}, {"min": 0, "max": 1}, {"min": "-1/3", "max": 2}])),
            }
        case "maxout" | "maxpool":
            sizes = [s for s in (2, 3, 4) if width % s == 0]
            if sizes and draw(st.booleans()):
                return {"type": kind, "size": draw(st.sampled_from(sizes))}
            position = st.integers(0, width - 1)
            group = st.lists(position, min_size=min(2, width), max_size=min(4, width), unique=True)
            groups = draw(st.lists(group, min_size=1, max_size=3))
            return {"type": kind, "groups": [*groups, *draw(st.sampled_from([[], [[0]]]))]}
    return {"type": kind}


def images(layers: list[dict], points: list[tuple[Fraction, ...]]) -> list[tuple[Fraction, ...]]:
    """Where the layers so far send some points."""
    return [run({"input": len(p), "layers": layers}, p)[0] for p in points]


@st.composite
def residual_bodies(draw, width: int, points: list) -> list[dict]:
    """What stands beside a skip connection, as many outputs as inputs; now and then another skip inside."""
    inner = draw(st.sampled_from([*BENDS, "maxout"]))
    if inner == "maxout":
        activation = {"type": inner, "groups": [sorted({i, (i + 1) % width}) for i in range(width)]}
    else:
        activation = draw(activations(inner, width))
    body = [draw(linear_layers(width, width, points)), activation]
    if draw(st.booleans()):
        body.append(draw(linear_layers(width, width)))
    return [{"type": "residual", "layers": body}] if draw(st.integers(0, 5)) == 5 else body


@st.composite
def networks(draw, width: int, budget: int, kinds=KINDS, points: list = []) -> dict:  # noqa: B006
    """A network on `width` inputs whose activations take at most `budget` coordinates in all.

    Many rows, in every layer, vanish at the image of one of the points, so that they cut the domain and
    so that units of several layers meet.
    """
    start, layers = width, []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        if budget <= 0 or (kind == "residual" and width > budget):
            break
        here = images(layers, points)
        if kind == "residual":
            body = draw(residual_bodies(width, here))
            layers.append({"type": "residual", "layers": body})
            budget -= width
            continue
        outputs = draw(st.integers(min(2, budget), min(5, budget)))
        if kind in MAXIMA:
            outputs = draw(st.sampled_from([4, 6, 3, 5]))
        layers.append(draw(linear_layers(width, outputs, here)))
        if draw(st.integers(0, 4)) == 4:
            layers.append(draw(batchnorms(outputs)))
        layers.append(draw(activations(kind, outputs)))
        budget -= outputs
        width = compile_layers(layers, start)[1]
    layers.append(draw(linear_layers(width, draw(st.integers(1, 2)))))
    return {"format": "exactcpa-network", "version": 1, "input": start, "layers": layers}


# Coordinates of activations that keep the oracles quick, by dimension of the searched space.
BUDGET = {1: 10, 2: 9, 3: 7, 4: 5}


@st.composite
def points_of(draw, domain: dict) -> list[tuple[Fraction, ...]]:
    """A few points, in the network's input space: corners of a bounding box, its middle, points between."""
    within = domain.get("within", domain)
    if within["type"] == "box":
        low, high = (tuple(number(v) for v in within[k]) for k in ("lower", "upper"))
    else:
        width = len(within["A"][0])  # the first rows of `polytopes` are a box
        high = tuple(number(b) for b in within["b"][:width])
        low = tuple(-number(b) for b in within["b"][width : 2 * width])
    embed = read_domain(domain).embed
    quarters = draw(st.lists(st.tuples(*[st.integers(0, 4)] * len(low)), min_size=2, max_size=3))
    shares = [(2,) * len(low), (0,) * len(low), *quarters]
    return [
        embed(tuple(a + Fraction(k, 4) * (b - a) for k, a, b in zip(share, low, high, strict=True)))
        for share in shares
    ]


@st.composite
def cases(draw, dimensions=(1, 2, 3, 4), kinds=KINDS) -> tuple[dict, dict]:
    """A network and a domain that fits it."""
    dimension = ambient = draw(st.sampled_from(dimensions))
    if draw(st.integers(0, 3)) == 3:
        ambient += draw(st.integers(0, 2))
        domain = draw(slices(dimension, ambient))
    else:
        domain = draw(domains(dimension))
    return draw(networks(ambient, BUDGET[dimension], kinds, draw(points_of(domain)))), domain
