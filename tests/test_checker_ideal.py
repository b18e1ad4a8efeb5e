"""The checker in the ideal reading: what is accepted, what is not, and its numbers.

Proofs are those of a rational network near the true one: every root is replaced by a rational, close to it and
for radicands that are multiples by squares the same multiple.  What is strict there is strict for the true roots,
and ties between such units are ties; so the proof, with the true network in its head, proves the ideal reading.
"""

import json
import math
import random
from fractions import Fraction
from functools import cache
from types import SimpleNamespace

import oracle_program
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import truth
from proof_writer import Proof, Style, spelled_out, write
from sparing import examples, some

import exactcpa as cpa
from exactcpa import checker
from exactcpa.checker import Enclosure, Field, Function, Real, Rejected, check, check_bytes

BITS = 60
HOMOGENEOUS = ("relu", "abs", "leaky_relu", "prelu", "flatten")
RELU, LEAKY = {"type": "relu"}, {"type": "leaky_relu", "slope": "1/4"}
SQUARE = {"type": "box", "lower": [-1, -1], "upper": [1, 1]}
SEGMENT = {"type": "box", "lower": [-3], "upper": [3]}
TRIANGLE = {"type": "polytope", "A": [[-1, 0], [0, -1], [1, 1]], "b": [1, 1, "2/3"]}
STYLES = {
    "plain": Style(),
    "ties": Style(ties=True),
    "exact": Style(exact=True, scales=True),
    "implied": Style(implied=True),
    "ties_pruned": Style(ties=True, prunes=True, backwards=True),
    "no_facets": Style(facets=False, backwards=True),
    "boxes": Style(ties=True, boxes=True),
}


def network(inputs, *layers):
    return {"format": "exactcpa-network", "version": 1, "input": inputs, "layers": list(spelled_out(layers))}


def linear(weight, bias):
    return {"type": "linear", "weight": weight, "bias": bias}


def norm(mean, variance, gamma=None, beta=None, epsilon=0):
    size = len(mean)
    return {
        "type": "batchnorm",
        "mean": mean,
        "variance": variance,
        "gamma": gamma or [1] * size,
        "beta": beta or [0] * size,
        "epsilon": epsilon,
    }


def batchnorm(size, gamma=None, beta=None, epsilon=0, pixels=1):
    return {
        "type": "batchnorm",
        "gamma": gamma or [1] * size,
        "beta": beta or [0] * size,
        "epsilon": epsilon,
        "pixels": pixels,
    }


def dense(rng, rows, columns):
    def entry():
        return round(rng.uniform(-1, 1), 3)

    return linear([[entry() for _ in range(columns)] for _ in range(rows)], [entry() for _ in range(rows)])


def points(rng, count, dimension):
    return [[round(rng.uniform(-1, 1), 3) for _ in range(dimension)] for _ in range(count)]


# ---------------------------------------------------------------------------------- a rational network near it


def root_near(square: Fraction, bits: int) -> Fraction:
    """A rational near a root; sqrt(c*c*q) gives c times what sqrt(q) gives, for small c."""
    assert square > 0
    n, factor = square.numerator * square.denominator, Fraction(1, square.denominator)
    for prime in (2, 3, 5, 7, 11, 13):
        while n % prime**2 == 0:
            n, factor = n // prime**2, factor * prime
    root = math.isqrt(n)
    return factor * (root if root * root == n else Fraction(math.isqrt(n << 2 * bits), 1 << bits))


def approximate(value: dict, batch: list | None, bits: int = BITS) -> dict:
    """The network with rationals near the roots, its lines as the ideal reading lowers them."""
    layers, roots = [], None

    def diagonal(entries, bias=None):
        size = len(entries)
        rows = [[str(e) if i == j else 0 for j in range(size)] for i, e in enumerate(entries)]
        return linear(rows, [str(b) for b in bias or [0] * size])

    for layer in [*value["layers"], None]:
        if roots and (layer is None or layer["type"] not in HOMOGENEOUS):
            layers.append(diagonal([1 / root for root in roots]))
            roots = None
        if layer is None or layer["type"] != "batchnorm":
            layers += [layer] if layer else []
            continue
        gamma, beta = (oracle_program.vector(layer[k]) for k in ("gamma", "beta"))
        epsilon = oracle_program.number(layer["epsilon"])
        if "mean" in layer:
            mean, variance = (oracle_program.vector(layer[k]) for k in ("mean", "variance"))
        else:
            mean, variance = batch_statistics(value["input"], layers, batch, layer["pixels"])
        roots = [root_near(v + epsilon, bits) for v in variance]
        shift = [b * r - g * m for b, r, g, m in zip(beta, roots, gamma, mean, strict=True)]
        layers.append(diagonal(gamma, shift))
    return value | {"layers": layers}


def batch_statistics(inputs, layers, batch, pixels):
    before = {
        "format": "exactcpa-network",
        "version": 1,
        "input": inputs,
        "layers": layers or [{"type": "flatten"}],
    }
    rows = [oracle_program.run(before, oracle_program.vector(x))[0] for x in batch]
    mean, variance = [], []
    for start in range(0, len(rows[0]), pixels):
        values = [v for row in rows for v in row[start : start + pixels]]
        m = sum(values) / len(values)
        mean += [m] * pixels
        variance += [sum((v - m) ** 2 for v in values) / len(values)] * pixels
    return mean, variance


def ideal_proof(value: dict, domain: dict, batch: list | None, style: Style | None = None) -> Proof:
    """The proof of the network near it, about the true one."""
    proof = write(approximate(value, batch), domain, style or Style())
    proof.head |= {"network": value, "reading": "ideal", "batch": batch}
    return proof


def reject_reason(proof: Proof) -> str:
    with pytest.raises(Rejected) as caught:
        check_bytes(proof.to_bytes())
    return str(caught.value)


# ------------------------------------------------------------------------------------------ what is accepted


def generic(seed, inputs, *widths, activation=RELU, with_batch=True, epsilon="1e-5", beta=True):
    rng, layers, size = random.Random(seed), [], inputs
    for width in widths:
        gamma = [round(rng.uniform(0.5, 2), 2) * rng.choice((1, 1, -1)) for _ in range(width)]
        shift = [round(rng.uniform(-0.5, 0.5), 2) if beta else 0 for _ in range(width)]
        if with_batch:
            normal = batchnorm(width, gamma, shift, epsilon)
        else:
            mean, variance = points(rng, 1, width)[0], [round(rng.uniform(0.1, 2), 2) for _ in range(width)]
            normal = norm(mean, variance, gamma, shift, epsilon)
        layers += [dense(rng, width, size), normal, activation]
        size = width
    return network(inputs, *layers, dense(rng, 2, size)), points(rng, 5, inputs) if with_batch else None


def shaped(*layers, inputs=2, seed=3, count=4):
    return network(inputs, *layers), points(random.Random(seed), count, inputs)


R = random.Random(11)
CHANNELS = {
    "type": "conv2d",
    "weight": [[[[1, -2]]], [[[0.5, 0.75]]]],
    "bias": [0, 0.25],
    "shape": [1, 2, 1],
    "stride": [1, 1],
    "padding": [0, 1],
}
POOL = {"type": "maxpool", "shape": [2, 2, 2], "kernel": [2, 1], "stride": [2, 1]}
CASES = {
    "statistics": (*generic(1, 2, 3, with_batch=False), SQUARE),
    "statistics_two_layers": (*generic(2, 2, 3, 2, with_batch=False), SQUARE),
    "no_beta": (*generic(3, 2, 3, 2, beta=False, epsilon=0), SQUARE),
    "batch": (*generic(4, 2, 4), SQUARE),
    "batch_two_layers": (*generic(5, 2, 3, 3), SQUARE),
    "batch_two_layers_triangle": (*generic(6, 2, 3, 2), TRIANGLE),
    "batch_three_layers": (*generic(7, 1, 3, 3, 3), SEGMENT),
    "leaky": (*generic(8, 2, 3, 2, activation=LEAKY), SQUARE),
    "abs": (*generic(9, 2, 2, 2, activation={"type": "abs"}), SQUARE),
    "prelu": (*generic(10, 2, 2, 2, activation={"type": "prelu", "slope": ["1/3", -2]}), SQUARE),
    "hardtanh": (*generic(11, 2, 2, 2, activation={"type": "hardtanh", "min": "-1/3", "max": 0.5}), SQUARE),
    "relu6": (*generic(12, 1, 2, 2, activation={"type": "relu6"}), SEGMENT),
    "maxout_of_two": (
        *shaped(dense(R, 4, 2), batchnorm(4), {"type": "maxout", "size": 2}, dense(R, 1, 2)),
        SQUARE,
    ),
    "maxout": (*shaped(dense(R, 3, 2), batchnorm(3), {"type": "maxout", "size": 3}), SQUARE),
    "maxout_twice": (
        *shaped(
            *(dense(R, 3, 2), batchnorm(3), {"type": "maxout", "groups": [[0, 1, 2], [2]]}),
            *(batchnorm(2, epsilon=1), dense(R, 3, 2), {"type": "maxout", "size": 3}),
        ),
        SQUARE,
    ),
    "norm_of_inputs": (*shaped(batchnorm(2), dense(R, 3, 2), RELU, batchnorm(3), dense(R, 1, 3)), SQUARE),
    "norm_of_norm": (
        *shaped(dense(R, 2, 2), batchnorm(2), batchnorm(2, epsilon=2), RELU, dense(R, 1, 2)),
        SQUARE,
    ),
    "norm_of_outputs": (*shaped(dense(R, 2, 2), RELU, batchnorm(2, beta=[1, 2], epsilon=1)), SQUARE),
    "norm_then_flatten_relu_relu": (
        *shaped(dense(R, 2, 2), batchnorm(2), {"type": "flatten"}, RELU, LEAKY, dense(R, 1, 2)),
        SQUARE,
    ),
    "channels": (
        *shaped(CHANNELS, batchnorm(8, beta=[0.5] * 4 + [0.25] * 4, pixels=4), RELU, POOL, dense(R, 1, 4)),
        SQUARE,
    ),
    "no_units": (*shaped(dense(R, 2, 2), batchnorm(2)), TRIANGLE),
}


@cache
def written(name: str, style: str = "plain") -> Proof:
    value, batch, domain = CASES[name]
    return ideal_proof(value, domain, batch, STYLES[style])


@pytest.mark.parametrize("style", some(sorted(STYLES), 3))
@pytest.mark.parametrize("name", CASES)
def test_generic_networks(name, style):
    """What is strict for a rational near each root is strict; a finer rational gives the same counts."""
    value, batch, domain = CASES[name]
    if name == "channels" and not STYLES[style].ties:
        return  # padding with zeros makes ties
    report = check_bytes(written(name, style).to_bytes())

    expected = truth(approximate(value, batch, 200), domain)
    assert report.reading == "ideal" and ", ideal reading" in str(report)
    assert report.cells == len(expected.cells)
    if STYLES[style].facets:
        assert (report.edges, report.linear_regions) == (len(expected.edges), expected.linear_regions)


def test_residual_block():
    """A block multiplies the factors in at its entry and at its end.  Folds meet, so there are ties."""
    block = [linear([[1, 2], [-1, 1]], [0.5, 0]), batchnorm(2), RELU]
    value = network(2, batchnorm(2), {"type": "residual", "layers": block}, RELU, linear([[1, -1]], [0]))
    batch, bits = points(random.Random(5), 4, 2), 60
    before = approximate(network(2, batchnorm(2)), batch, bits)["layers"]
    inner = approximate(network(2, *before, *block), batch, bits)["layers"][len(before) :]
    rational = network(2, *before, {"type": "residual", "layers": inner}, *value["layers"][2:])
    for style in (style for style in STYLES.values() if style.ties):
        proof = write(rational, SQUARE, style)
        proof.head |= {"network": value, "reading": "ideal", "batch": batch}
        assert check_bytes(proof.to_bytes()).cells == len(truth(rational, SQUARE).cells)


# ------------------------------------------------------------------------------------------------------ ties


PYTHAGOREAN = [[1, 2], [1, -2], [-1, 2], [-1, -2]]  # variances 1 and 4
ODD = [[0, 0], [1, 0], [0, 1]]  # variances 2/9, of x + y and x - y: 2/9 and 2/3
TIES = {
    "rational_roots": (
        network(
            2,
            linear([[1, 0], [0, 1], [2, 0], [1, 0]], [3, 4, 5, 0]),
            batchnorm(4, beta=[0, 1, 0, 0]),
            RELU,
            linear([[1, 1, 0, 1], [0, 1, 0, 0]], [0, -1]),
            RELU,
        ),
        PYTHAGOREAN,
    ),
    "equal_units": (
        network(
            2,
            linear([[1, 1], [1, 1], [1, -1]], [0, 1, 0]),
            batchnorm(3),
            RELU,
            linear([[1, -1, 1], [1, 1, 0]], [0, 0]),
            RELU,
        ),
        ODD,
    ),
    "equal_units_with_beta": (
        network(
            2,
            linear([[1, 1], [1, 1], [1, -1]], [0, 1, 0]),
            batchnorm(3, beta=["1/3", "1/3", "1/7"]),
            RELU,
            linear([[1, -1, 1]], [0]),
        ),
        ODD,
    ),
    "scales_sqrt_2_and_sqrt_8": (
        network(
            2,
            linear([[1, 1], [2, 2], [1, -1]], [0, 0, 0]),
            norm([0, 0, 0], [2, 8, 3], beta=["1/2", "1/2", "1/3"]),
            RELU,
            linear([[1, -1, 0], [1, 1, 1]], [0, -1]),
            RELU,
            linear([[1, 1]], [0]),
        ),
        None,
    ),
    "sum_of_equal_maps": (
        network(
            2,
            linear([[1, 1], [1, 1]], [0, 0]),
            norm([0, 0], [2, 8], [1, -2], ["1/2", -1]),
            {"type": "abs"},
            linear([[1, -1]], [0]),
            RELU,
        ),
        None,
    ),
    "all_folds_through_one_point": (
        network(
            2,
            linear([[1, 0], [0, 1]], [0, 0]),
            batchnorm(2),
            LEAKY,
            linear([[1, 2], [1, -1], [3, 1]], [0, 0, 0]),
            batchnorm(3),
            LEAKY,
            linear([[1, 2, 3]], [0]),
        ),
        [["-1/2", "-1/2"], ["1/2", "-1/4"], ["-1/4", "1/2"]],
    ),
    "equal_lines_of_a_group": (
        network(
            2,
            linear([[1, 1], [1, 1], [1, -1], [-2, -2]], [0, 0, 0, 0]),
            norm([0] * 4, [2, 8, 3, 2], [1, 2, 1, 1]),
            {"type": "maxout", "size": 4},
        ),
        None,
    ),
    "group_of_lines_through_a_line": (
        network(
            2,
            linear([[1, 1], [-1, -1], [0, 0], [1, -1]], [0, 0, 0, 0]),
            norm([0] * 4, [2, 8, 3, 2]),
            {"type": "maxout", "groups": [[0, 1, 2], [0, 1, 3]]},
        ),
        None,
    ),
    "zero_gamma": (
        network(2, linear([[1, 1], [1, 0]], [0, 0]), batchnorm(2, gamma=[0, 1]), RELU, linear([[1, 1]], [0])),
        ODD,
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TIES)
def test_ties(name, style):
    """Ties of the true network are ties of the rational one; they are decided by formal arithmetic."""
    value, batch = TIES[name]
    proof = ideal_proof(value, SQUARE, batch, STYLES[style])
    try:
        report = check_bytes(proof.to_bytes())
    except Rejected as problem:
        # A rational multiplier does not do where the true one is irrational.
        assert not STYLES[style].ties and "does not add up" in str(problem)
        return

    expected = truth(approximate(value, batch, 100), SQUARE)
    assert report.cells == len(expected.cells)
    if STYLES[style].facets:
        assert (report.edges, report.linear_regions) == (len(expected.edges), expected.linear_regions)


def test_tie_records_are_written():
    found = set()
    for value, batch in TIES.values():
        found |= {r[0][0] for r in ideal_proof(value, SQUARE, batch, STYLES["ties"]).records}
    assert {16, 17, 18} <= found


def test_two_samples():
    """Of two samples the root is half the distance of the values: a nested root that is none."""
    value = network(
        1,
        linear([[1], [1]], [0, 2]),
        norm([0, 0], [2, 3]),
        RELU,
        linear([[1, 1]], [0]),
        batchnorm(1, beta=[1]),
        RELU,
        linear([[1]], [0]),
        RELU,
    )
    batch = [[-1], [1]]  # the smaller value becomes -1, plus 1 is 0: a switch at the sample -1
    rational = network(
        1,
        linear([[1], [1]], [0, 2]),
        RELU,
        linear([["3/4", "2/3"]], ["-2/3"]),
        RELU,
        linear([[1]], [0]),
        RELU,
    )
    assert len(truth(rational, SEGMENT).cells) == 4
    proof = write(rational, SEGMENT, Style(ties=True))
    proof.head |= {"network": value, "reading": "ideal", "batch": batch}
    assert check_bytes(proof.to_bytes()).cells == 4


# ------------------------------------------------------------------------------------------------ its numbers


def empty_field() -> Field:
    return Field(network(1, RELU), None)


def root_of(square, field) -> Fraction | Real:
    return checker.rational_root(Fraction(square), field)


def decimal_value(value, digits=200) -> Fraction:
    """A slow twin: all roots to 200 digits."""
    if not isinstance(value, Real):
        return Fraction(value)
    total = Fraction(0)
    for monomial, c in value.terms.items():
        for k, _ in monomial:
            c *= Fraction(math.isqrt(k * 10 ** (2 * digits)), 10**digits)
        total += c
    return total


small = st.fractions(min_value=-5, max_value=5, max_denominator=6)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.tuples(small, st.lists(st.integers(1, 60), max_size=3)), max_size=6), st.integers(1, 10**6)
)
def test_sign_of_sums_of_roots(terms, scale):
    """Against 200 digits: a nonzero sum of so few and small roots is not that small."""
    field, total = empty_field(), Fraction(0)
    for c, radicands in terms:
        term = c
        for n in radicands:
            term = term * root_of(Fraction(n, scale), field)
        total = total + term
    near = decimal_value(total)
    tiny = Fraction(1, 10**100)

    assert checker.sign_of(total) == (near > tiny) - (near < -tiny)
    assert checker.is_zero(total) == (abs(near) < tiny)
    enclosure = Enclosure(0, 0, 256) + (total.enclosure(256) if isinstance(total, Real) else total)
    low, high = enclosure.bounds()
    assert low - tiny <= near <= high + tiny and high - low < Fraction(1, 10**50)


@given(st.frozensets(st.integers(1, 10**6), max_size=6))
def test_coprime_base(values):
    base = checker.coprime_base(values)

    assert all(math.gcd(a, b) == 1 for i, a in enumerate(base) for b in base[:i])
    assert all(math.isqrt(b) ** 2 != b for b in base)
    for value in values:
        factor, odd = checker.split_root(value, base)
        assert factor**2 * math.prod(odd) == value


@given(small, small, small, small)
def test_enclosures(a, b, c, d):
    """Sums, products, quotients and roots hold the true values."""
    bits = 20
    one, other = (Enclosure(math.floor(x * 2**bits), math.ceil(x * 2**bits), bits) for x in (a, b))
    for enclosure, true in (
        (one + other, a + b),
        (one * other, a * b),
        (one - other, a - b),
        (c * one + d, c * a + d),
        (d - one, d - a),
        (-one, -a),
    ):
        low, high = enclosure.bounds() if isinstance(enclosure, Enclosure) else (enclosure, enclosure)
        assert low <= true <= high and high - low < Fraction(1, 10**3)
    if one.low > 0:
        low, high = one.root().bounds()
        assert low**2 <= a <= high**2
        low, high = (1 / one).bounds()
        assert low <= 1 / a <= high


def nested_field(square_of) -> tuple[Field, Real, Real]:
    """A field with sqrt(2) and one symbol, by a network of which only the numbers matter."""
    field = empty_field()
    two = root_of(2, field)
    field.radicands.append(lambda: square_of(two))
    field.symbols.append(0)
    symbol = field.symbol(0)
    field.enclosed = lambda bits: (None, [square_of(two.enclosure(bits))])
    return field, two, symbol


def test_nested_roots():
    _, two, r = nested_field(lambda two: 3 + 2 * two)  # (1 + sqrt(2)) squared

    assert checker.is_zero(r * r - 2 * two - 3)
    assert checker.is_zero(r * (1 / r) - 1)
    assert checker.is_zero(r - (3 + 2 * two) * (1 / r))
    assert not checker.is_zero(r - two - 1) and checker.is_zero(r - two - 1, by_squares=True)
    assert not checker.is_zero(r + two + 1, by_squares=True)
    assert (r - two - 1).sign() == 0 and r == 1 + two and not r > 1 + two
    assert (r - two).sign() == 1 and (two - r) < 0
    _, two, r = nested_field(lambda two: 3 + two)
    assert not checker.is_zero(r - two - 1, by_squares=True) and (r - two - 1).sign() == -1


def test_nested_roots_undecided(monkeypatch):
    _, two, r = nested_field(lambda two: 3 + 2 * two)
    monkeypatch.setattr(checker, "LARGEST_SQUARE", 0)

    with pytest.raises(Rejected, match="cannot be decided at 8192 bits"):
        (r - two - 1).sign()


def test_sum_whose_middle_is_zero():
    """What no errors exclude is decided exactly, also if the integers near it are zero."""
    above = Function((0, 0), 0, 3, lambda: (Fraction(0), Fraction(1)))
    below = above._replace(exact=lambda: (Fraction(0), Fraction(0)))
    proof = SimpleNamespace(exact=True, fail=checker.reject)
    box = SimpleNamespace(reach=2, largest=lambda f: f[-1])

    checker.Proof.expect_not_positive(proof, box, [1], [(1, below)], 1)
    with pytest.raises(Rejected, match="does not add up"):
        checker.Proof.expect_not_positive(proof, box, [1], [(1, above)], 1)


def test_tiny_and_huge_numbers():
    """Enclosures are made as fine as the numbers need."""
    batch, normal = [[-1], [0], [2]], batchnorm(2, beta=["1/2", "-1/3"])
    for power in (-300, -40, 250):
        output = linear([[f"1e{power}", f"-2e{power}"]], [0])
        value = network(1, linear([[1], [1]], [0, 1]), normal, RELU, output, RELU)
        report = check_bytes(ideal_proof(value, SEGMENT, batch, Style(ties=True)).to_bytes())
        assert report.cells == len(truth(approximate(value, batch), SEGMENT).cells) == 4
    small = linear([["1e-300"], [1]], [0, 1])
    value = network(1, small, normal, RELU, linear([[1, -2]], [0]), batchnorm(1, beta=[1]), RELU)
    report = check_bytes(ideal_proof(value, SEGMENT, batch, Style(ties=True)).to_bytes())
    assert report.cells == len(truth(approximate(value, batch), SEGMENT).cells)


def test_determinant():
    rng = random.Random(0)
    for size in range(5):
        rows = [[rng.randint(-9, 9) for _ in range(size)] for _ in range(size)]
        assert checker.determinant(rows) == leibniz(rows)


def leibniz(rows):
    if not rows:
        return 1
    minors = ([row[:j] + row[j + 1 :] for row in rows[1:]] for j in range(len(rows)))
    return sum((-1) ** j * rows[0][j] * leibniz(minor) for j, minor in enumerate(minors))


# ----------------------------------------------------------------------------------------------- tampering


def test_rejects_head():
    value, batch, _ = CASES["batch"]
    for change, reason in (
        ({"batch": None}, "field"),
        ({"batch": []}, "at least one"),
        ({"batch": [[1]]}, "expected a list of 2"),
        ({"batch": [[1, "x"]]}, "not a number"),
        ({"batch": batch[:1]}, "not positive|proof"),
        ({"reading": "deployed"}, "batch"),
        ({"reading": "Ideal"}, "field|reading"),
    ):
        proof = written("batch").copy()
        proof.head |= change
        with pytest.raises(Rejected, match=reason):
            check_bytes(proof.to_bytes())
    proof = written("statistics").copy()
    del proof.head["batch"]
    assert "batch" in reject_reason(proof)
    proof = written("statistics").copy()
    proof.head["network"] = network(*[2], *value["layers"])
    assert "field" in reject_reason(proof)


def test_rejects_roots_that_are_not_positive():
    value = network(1, linear([[1], [2]], [0, 0]), norm([0, 0], [1, 0]), RELU)
    proof = ideal_proof(network(1, linear([[1], [2]], [0, 0]), norm([0, 0], [1, 1]), RELU), SEGMENT, None)
    proof.head["network"] = value
    assert "not positive" in reject_reason(proof)
    # The second layer is constant on the batch, but by irrational numbers.
    value = network(1, linear([[1]], [0]), batchnorm(1), RELU, linear([[1]], [0]), batchnorm(1), RELU)
    proof = ideal_proof(value, SEGMENT, [[0], [1], [3]])
    assert check_bytes(proof.to_bytes())
    layers = [linear([[1], [2]], [0, 0]), batchnorm(2), RELU, linear([[1, -1]], [0]), batchnorm(1), RELU]
    proof.head["network"] = network(1, *layers)
    assert "not positive" in reject_reason(proof)


def mutations(proof: Proof):
    """Copies with one number changed: in the batch, the statistics, gamma, beta, epsilon."""
    for i, point in enumerate(proof.head["batch"] or []):
        for j in range(len(point)):
            copy = proof.copy()
            copy.head["batch"][i][j] = str(oracle_program.number(point[j]) + 3)
            yield copy
    for number, layer in enumerate(proof.head["network"]["layers"]):
        if layer["type"] != "batchnorm":
            continue
        for name in ("mean", "variance", "gamma", "beta"):
            for k in range(len(layer.get(name, []))):
                copy = proof.copy()
                entries = copy.head["network"]["layers"][number][name]
                entries[k] = str(oracle_program.number(entries[k]) + 1)
                yield copy
        copy = proof.copy()
        copy.head["network"]["layers"][number]["epsilon"] = 5
        yield copy


def states_the_truth(proof: Proof) -> bool:
    """Whether the counts are right after all for the network and batch it then holds."""
    head = proof.head
    expected = truth(approximate(head["network"], head["batch"], 150), head["domain"])
    counts = (len(expected.cells), len(expected.edges), expected.linear_regions)
    return counts == tuple(proof.counts[k] for k in ("cells", "edges", "linear_regions"))


@pytest.mark.parametrize("name", ["statistics", "batch", "batch_two_layers", "leaky"])
def test_changed_networks(name):
    """Rejected, unless the proof is one of the changed network, too."""
    rejected = 0
    for copy in mutations(written(name)):
        try:
            check_bytes(copy.to_bytes())
        except Rejected:
            rejected += 1
        else:
            assert states_the_truth(copy)
    assert rejected > 3


@pytest.mark.parametrize("name", ["equal_units_with_beta", "scales_sqrt_2_and_sqrt_8"])
def test_ties_that_are_no_longer(name):
    """The slightest change of one of two units that tie is seen."""
    value, batch = TIES[name]
    proof = ideal_proof(value, SQUARE, batch, STYLES["ties"])
    tiny = Fraction(1, 10**60)
    for unit in (0, 1):
        copy = proof.copy()
        gamma = copy.head["network"]["layers"][1]["gamma"]
        gamma[unit] = str(oracle_program.number(gamma[unit]) + tiny)
        reject_reason(copy)
    copy = proof.copy()
    copy.head["network"]["layers"][1]["epsilon"] = str(tiny)
    if name != "equal_units_with_beta":
        reject_reason(copy)


TIE_BY_HAND = network(
    1, linear([[1], [2]], [0, 0]), norm([0, 0], [2, 8], beta=["1/2", "1/2"]), RELU, linear([[1, 1]], [0])
)


def tie_by_hand() -> Proof:
    """x + sqrt(2)/2 and 2x + sqrt(8)/2: the second is twice the first."""
    proof = ideal_proof(TIE_BY_HAND, SEGMENT, None)
    proof.records = [
        ([3, 0], [], []),
        ([16, 1, 0, 1, 0], [], []),  # lower: 2x + sqrt(8)/2 = -2 * (row 0)
        ([6], [-2.0], []),
        ([8, 0], [0.0], []),
        ([16, 1, 1, 1, 0], [], []),
        ([6], [0.0], []),
        ([8, 0], [-2.0], []),
    ]
    proof.witnesses = [[-2.0], [0.0]]
    return proof


def test_tie_by_hand():
    report = check_bytes(tie_by_hand().to_bytes())

    assert (report.cells, report.edges, report.linear_regions, report.certificates) == (2, 1, 2, 2)


@pytest.mark.parametrize(
    ("index", "codes", "reason"),
    [
        (1, [16, 1, 1, 1, 0], "not positive"),
        (4, [16, 1, 0, 1, 0], "not positive"),
        (1, [16, 1, 0, 0], "tie that is none"),
        (1, [16, 1, 0, 1, -1], "not positive|none"),
        (1, [16, 1, 0, 1, -2], "none"),
        (1, [16, 1, 0, 2, -1, -2], "independent|not positive|none"),
        (1, [16, 1, 0, 2, 0, -1], "not positive"),
        (1, [16, 1, 0, 3, 0, -1, -2], "independent"),
        (1, [16, 1, 0, 1, -3], "different numbers"),
        (1, [16, 1, 0, 1, 1], "different numbers"),
        (1, [16, 1, 0, 2, 0, 0], "different numbers|list of"),
        (1, [17, 0, 0], "tie that is none"),
    ],
)
def test_rejects_tie(index, codes, reason):
    proof = tie_by_hand()
    proof.records[index] = (codes, [], [])
    with pytest.raises(Rejected, match=reason):
        check_bytes(proof.to_bytes())


def test_every_change_of_tie_rows_is_rejected():
    for name in TIES:
        value, batch = TIES[name]
        proof = ideal_proof(value, SQUARE, batch, STYLES["ties"])
        for number, (codes, _, _) in enumerate(proof.records):
            if codes[0] not in (16, 17, 18):
                continue
            start = {16: 3, 17: 2, 18: 3 + codes[2] if codes[0] == 18 else 0}[codes[0]]
            for position in range(start + 1, len(codes)):
                copy = proof.copy()
                listed = copy.records[number][0]
                del listed[position]
                listed[start] -= 1
                reject_reason(copy)


def test_ties_in_the_deployed_reading():
    value = network(1, linear([[1], [2]], [0.25, 0.5]), RELU, linear([[1, 1]], [0]))
    proof = write(value, SEGMENT, Style(ties=True))

    assert sum(r[0][0] == 16 for r in proof.records) == 2
    report = check_bytes(proof.to_bytes())
    assert report.reading == "deployed" and "ideal" not in str(report)


# ----------------------------------------------------------------------------------- proofs of the engine


@pytest.mark.parametrize("name", [n for n in CASES if "maxout" not in n])
def test_proofs_of_the_engine(name, tmp_path):
    value, batch, domain = CASES[name]
    net = cpa.IdealNetwork(cpa.network_from_json(json.loads(json.dumps(value))), batch or ())
    region = cpa.domain_from_json(json.loads(json.dumps(domain)))
    partition = cpa.enumerate_cells(net, region, proof=tmp_path / "p.cpa")

    report = check(tmp_path / "p.cpa")
    assert report.cells == len(partition) == len(truth(approximate(value, batch, 200), domain).cells)


@pytest.mark.parametrize("name", TIES)
def test_ties_of_the_engine(name, tmp_path):
    value, batch = TIES[name]
    net = cpa.IdealNetwork(cpa.network_from_json(json.loads(json.dumps(value))), batch or ())
    partition = cpa.enumerate_cells(net, cpa.Box([-1, -1], [1, 1]), proof=tmp_path / "p.cpa")

    report = check(tmp_path / "p.cpa")
    assert report.cells == len(partition) == len(truth(approximate(value, batch, 100), SQUARE).cells)
