"""Lines in two and three doubles a coefficient: the bound of their error, against fractions, for any numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite, ldexp, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactcpa.float_form import TINY, as_parts, rest_of, rounded
from exactcpa.kernels import entry
from exactcpa.kernels import expansions as kernels
from exactcpa.kernels.state import IN_THREE, IN_TWO, ROOM
from exactcpa.surds import enclosure, root_of

expand, take_expansions = entry(kernels.expand.py_func), entry(kernels.take_expansions.py_func)

Draw = random.Random


def ordinary(source: Draw) -> float:
    return ldexp(source.uniform(-1, 1), source.randint(-4, 4))


def integer(source: Draw) -> float:
    return float(source.randint(-3, 3))


def small(source: Draw) -> float:
    """Down to the least double, ordinary now and then."""
    return source.choice(
        [source.randint(-9, 9) * 2.0**-1074, ldexp(ordinary(source), -1000), ordinary(source)]
    )


def large(source: Draw) -> float:
    """Up to the largest double; what is near to it has no error that could be told."""
    return ldexp(ordinary(source), source.choice([0, 400, 900, 990, 1019]))


def any_size(source: Draw) -> float:
    return ldexp(source.uniform(-1, 1), source.randint(-1074, 1000))


def cancelling(source: Draw) -> float:
    """Sums of these are as a rule far smaller than what they are made of."""
    return source.choice([1.0, -1.0, 1.0 + 2.0**-52, -1.0 + 2.0**-53, 2.0**-52, 1 / 3, -1 / 3])


KINDS = [ordinary, integer, small, large, any_size, cancelling]


@dataclass
class Chain:
    """The arrays of a form on one path, and the numbers they may stand for."""

    sizes: np.ndarray
    constant: np.ndarray
    base: np.ndarray
    gain: np.ndarray
    switch_bits: np.ndarray
    constant_rest: np.ndarray
    base_rest: np.ndarray
    gain_rest: np.ndarray
    bits: np.ndarray
    box: np.ndarray
    exact: list[np.ndarray]  # constant, base and gain as fractions

    def expanded(self, parts: int = IN_THREE) -> np.ndarray:
        """The expansions of all layers."""
        layers, n, d = len(self.sizes), self.constant.shape[1], self.box.shape[1]
        expansions, known = np.full((layers, 3 * d + 3 + ROOM, n), nan), np.zeros(layers, np.int64)
        weights = np.ascontiguousarray(self.gain[..., 0])
        arrays = (self.constant, self.base, self.gain, weights, self.switch_bits)
        rests = (self.constant_rest, self.base_rest, self.gain_rest)
        path = (self.bits, 0, expansions, known)
        assert expand(self.sizes, *arrays, *rests, *path, layers - 1, parts, d, self.box)
        assert known.all()
        return expansions

    def lines(self) -> list[list[list[Fraction]]]:
        """The exact lines of all layers, constants first."""
        constant, base, gain = self.exact
        d, layers = self.box.shape[1], []
        for layer, (n, *_) in enumerate(self.sizes.tolist()):
            rows = []
            for i in range(n):
                row = [
                    constant[layer, i],
                    *([base[0, i, j] for j in range(d)] if layer == 0 else [Fraction(0)] * d),
                ]
                if layer:
                    before, switches = layers[-1], int(self.sizes[layer - 1, 1])
                    weights = (
                        list(base[layer, i, : len(before)])
                        if self.sizes[layer, 3]
                        else [Fraction(0)] * len(before)
                    )
                    for k in range(switches):
                        bit = int(self.switch_bits[layer - 1, k])
                        if int(self.bits[0, bit >> 6]) >> (bit & 63) & 1:
                            weights[k] += gain[layer, k, i]
                    for weight, other in zip(weights, before, strict=True):
                        if weight:
                            row = [a + weight * b for a, b in zip(row, other, strict=True)]
                rows.append(row)
            layers.append(rows)
        return layers


def chain(source: Draw, kind, *, layers: int, n: int, d: int, rests: bool, sparse: float = 0.2) -> Chain:
    """A random chain; what numbers stand for is as far from them as their errors say."""
    width = max(n, d)
    shapes = [(layers, n), (layers, n, width), (layers, n, n)]
    numbers, extra, exact = [], [], []
    for shape in shapes:
        triples, parts, true = (
            np.zeros((*shape, 3)),
            np.zeros((*shape, 3)),
            np.full(shape, Fraction(0), object),
        )
        for place in np.ndindex(shape):
            if source.random() < sparse:
                continue
            value, rest = kind(source), (0.0, 0.0, 0.0)
            if rests and source.random() < 0.8:
                shift = source.choice([-53, -53, -54, -60, 0])
                rest = (ldexp(kind(source), shift), ldexp(kind(source), 2 * shift), 0.0)
                error = source.choice([0.0, ldexp(abs(kind(source)), -150), abs(rest[1])])
                rest = (*rest[:2], error)
            if not all(map(isfinite, (value, *rest))):
                continue
            side = source.choice([-1, 1])
            triples[place], parts[place] = (value, 1.0 if any(rest) else 0.0, 0.0), rest
            true[place] = Fraction(value) + Fraction(rest[0]) + Fraction(rest[1]) + side * Fraction(rest[2])
        numbers.append(triples)
        extra.append(parts if rests else parts[:0])
        exact.append(true)
    sizes = np.array([[n, n, 0, source.random() < 0.3] for _ in range(layers)], np.int64)
    switch_bits = np.arange(layers * n, dtype=np.int64).reshape(layers, n)
    bits = np.array([[source.getrandbits(64) for _ in range(-(-layers * n // 64))]], np.uint64)
    box = np.zeros((6, d))
    box[2] = [source.choice([1.0, 0.5, source.uniform(0.25, 1), 2.0**-300]) for _ in range(d)]
    return Chain(sizes, *numbers, switch_bits, *extra, bits, box, exact)


def distance(parts: list[list[float]], line: list[Fraction], radius: list[Fraction]) -> Fraction:
    """How far a line is from sums of doubles, over the box."""
    return sum(
        (abs(q - sum(map(Fraction, own))) * r for own, q, r in zip(parts, line, radius, strict=True)),
        Fraction(0),
    )


def assert_bounds_hold(case: Chain, parts: int) -> tuple[int, float]:
    """Both bounds, of the expansions and of the lines they are rounded to; how many are finite, the tightest."""
    d, finite, tightest = case.box.shape[1], 0, 0.0
    radius = [Fraction(1), *map(Fraction, case.box[2].tolist())]
    expansions = case.expanded(parts)
    for layer, rows in enumerate(case.lines()):
        lines = np.full((len(rows), d + 5), inf)
        take_expansions(expansions, lines, layer, len(rows), d, case.box)
        for i, row in enumerate(rows):
            error = float(expansions[layer, 3 * d + 3, i])
            doubles = [expansions[layer, j : 3 * d + 3 : d + 1, i].tolist() for j in range(d + 1)]
            assert parts == IN_THREE or not any(low for _, _, low in doubles if isfinite(low))
            if error < inf:
                finite += 1
                off = distance(doubles, row, radius)
                assert off <= Fraction(error)
                tightest = max(tightest, float(off / Fraction(error))) if error else tightest
            if lines[i, d + 1] < inf:
                taken = [[x] for x in lines[i, : d + 1].tolist()]
                assert distance(taken, row, radius) <= Fraction(float(lines[i, d + 1]))
    return finite, tightest


SETS = pytest.mark.parametrize(
    ("parts", "rests"),
    [(IN_TWO, False), (IN_THREE, False), (IN_THREE, True)],
    ids=["two doubles", "three doubles", "rests"],
)


@SETS
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_bounds_hold(kind, parts, rests):
    finite = 0
    for seed in range(60):
        source = Draw(f"{kind.__name__} {rests} {seed}")
        layers, n, d = source.choice([(2, 1, 1), (2, 5, 1), (3, 2, 2), (4, 3, 2), (6, 4, 3), (12, 2, 1)])
        finite += assert_bounds_hold(chain(source, kind, layers=layers, n=n, d=d, rests=rests), parts)[0]
    assert finite > 200


@SETS
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(KINDS),
    st.integers(2, 5),
    st.integers(1, 3),
)
def test_bounds_hold_anywhere(parts, rests, source, kind, layers, n):
    assert_bounds_hold(chain(source, kind, layers=layers, n=n, d=2, rests=rests), parts)


def test_bounds_are_not_far_off():
    """An error of a gain is nearly all that is lost; of rounding at least a thousandth or a hundredth of its bound."""
    of_gains = [
        assert_bounds_hold(chain(Draw(seed), ordinary, layers=3, n=2, d=1, rests=True), IN_THREE)[1]
        for seed in range(30)
    ]
    assert max(of_gains) > 0.9
    for parts, least in ((IN_TWO, 0.001), (IN_THREE, 0.01)):
        of_rounding = [
            assert_bounds_hold(chain(Draw(seed), ordinary, layers=8, n=2, d=1, rests=False), parts)[1]
            for seed in range(60)
        ]
        assert max(of_rounding) > least


def test_cancellation_of_all_but_the_last_bits():
    """One line taken twice with gains that cancel but for 2**-150: an expansion keeps what is left, doubles nothing."""
    gains = [Fraction(1, 3), Fraction(2**150 - 3, 3 * 2**150)]
    case = chain(Draw(0), integer, layers=2, n=2, d=1, rests=True)
    for array in (case.constant, case.base, case.gain, case.constant_rest, case.base_rest, case.gain_rest):
        array[:] = 0.0
    for array in case.exact:
        array[:] = Fraction(0)
    case.bits[:] = ~np.uint64(0)
    case.sizes[:, 3] = 0
    for i in range(2):
        case.base[0, i, 0, 0] = case.exact[1][0, i, 0] = Fraction(1 - 2 * i)
        value, error = rounded(gains[i])
        case.gain[1, i, 0] = value, error, 0.0
        case.gain_rest[1, i, 0] = rest_of(gains[i], 0, value)
        case.exact[2][1, i, 0] = gains[i]
    assert_bounds_hold(case, IN_THREE)
    lines = np.full((2, 6), inf)
    take_expansions(case.expanded(), lines, 1, 2, 1, case.box)
    assert lines[0, 1] == pytest.approx(2.0**-150, rel=1e-2)
    assert lines[0, 2] < 2.0**-155


def test_what_is_cut_off_counts_even_if_it_is_the_least_double():
    """Rounded to zero over a small box, it would make a line exact that is not."""
    expansions, lines = np.zeros((1, 6 + ROOM, 1)), np.full((1, 6), inf)
    expansions[0, :4, 0] = 1.0, 1.0, 0.0, 2.0**-1074
    box = np.zeros((6, 1))
    box[2] = 0.25
    take_expansions(expansions, lines, 0, 1, 1, box)
    assert lines[0, :2].tolist() == [1.0, 1.0]
    assert lines[0, 2] > 0.0


@pytest.mark.parametrize("spoilt", [nan, inf])
def test_expansions_without_a_bound_are_not_taken(spoilt):
    expansions, lines = np.zeros((1, 6 + ROOM, 1)), np.full((1, 6), 0.5)
    expansions[0, :2, 0], expansions[0, 6, 0] = (nan, 1.0), spoilt
    take_expansions(expansions, lines, 0, 1, 1, np.ones((6, 1)))
    assert (lines == 0.5).all()


@given(st.integers(-(10**60), 10**60), st.integers(1, 10**60), st.integers(-1200, 700))
def test_numbers_in_parts(n, denominator, shift):
    """As fractions; what is left is at most half a unit of the last place, or the least double."""
    exact = Fraction(n, denominator) * Fraction(2) ** shift
    parts, is_all = as_parts(n, denominator, shift)
    off = abs(exact - sum(map(Fraction, parts)))
    assert is_all == (off == 0)
    assert off <= max(abs(Fraction(parts[2])) * Fraction(1, 2**52), Fraction(1, 2**1074))
    assert parts[0] == float(exact)
    first, second, error = rest_of(Fraction(n, denominator), shift, parts[0])
    assert abs(exact - Fraction(parts[0]) - Fraction(first) - Fraction(second)) <= Fraction(error)
    assert error <= abs(parts[0]) * 2.0**-150 + 2 * TINY


@pytest.mark.parametrize(("radicand", "shift"), [(2, 0), (3, -40), (Fraction(1, 7), 30)])
def test_roots_in_parts(radicand, shift):
    root = root_of(Fraction(radicand))
    low, high = (q * Fraction(2) ** shift for q in enclosure(root, 400))
    value = float(low)
    first, second, error = rest_of(root, shift, value)
    total = Fraction(value) + Fraction(first) + Fraction(second)
    assert total - Fraction(error) <= low
    assert high <= total + Fraction(error)
    assert error < value * 2.0**-150
