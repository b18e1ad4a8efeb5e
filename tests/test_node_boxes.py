"""Boxes around nodes: what they decide in the walk by vertices, and that the checker accepts them everywhere."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from sparing import some

import exactcpa as cpa
from exactcpa import checker

BOUND, SETTLE = 19, 20


def network(d, widths, seed, *, draw=None, activation=cpa.ReLU):
    """A random network; numbers as `draw` gives them."""
    source = random.Random(seed)
    draw = draw or (lambda s: Fraction(s.gauss(0, 1)))
    layers, inputs = [], d
    for width in widths:
        weight = [[draw(source) for _ in range(inputs)] for _ in range(width)]
        layers += [cpa.Linear(weight, [draw(source) for _ in range(width)]), activation()]
        inputs = width
    return cpa.Network(d, (*layers, cpa.Linear([[draw(source) for _ in range(inputs)]], [0])))


class Told(checker.Proof):
    """A proof that remembers how its switches were decided."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.ends = self.settled = self.dropped = 0

    def end(self, *args):
        self.ends += 1
        return super().end(*args)

    def settle(self, node):
        before = node.undecided
        super().settle(node)
        self.settled += (before ^ node.undecided).bit_count()

    def drop(self, node, code):
        super().drop(node, code)
        self.dropped += 1


@pytest.fixture
def told(monkeypatch):
    """The proof that was checked last."""
    made = []

    class Kept(Told):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(checker, "Proof", Kept)
    return made


def enumerated(net, domain, path, **options):
    found = cpa.enumerate_cells(net, domain, method="vertex", proof=path, **options)
    assert checker.check(path).cells == len(found)
    return found


def test_boxes_decide_most_switches_of_deep_layers(tmp_path, told):
    net = network(2, [10] * 6, 1)
    enumerated(net, cpa.Box([-1, -1], [1, 1]), tmp_path / "a.cpa", facets=False)

    (proof,) = told
    assert proof.settled > 2 * proof.dropped > 0 and proof.ends > 0


def test_narrow_layers_have_no_boxes_of_their_own(tmp_path, told):
    """Three switches in the plane are not worth four certificates."""
    enumerated(network(2, [3, 3, 3], 2), cpa.Box([-1, -1], [1, 1]), tmp_path / "a.cpa")

    (proof,) = told
    assert proof.ends == 0


DOMAINS = {
    "square": cpa.Box([-1, -1], [1, 1]),
    "thirds": cpa.Box(["-1/3", "-2/7"], ["5/7", "1/3"]),
    "beside": cpa.Box([0, 100], [1, 101]),
    "far": cpa.Box([10**9, -(10**9) - 1], [10**9 + 1, -(10**9)]),
    "very_far": cpa.Box([10**18, 10**18], [10**18 + 2**12, 10**18 + 2**12]),
    "narrow": cpa.Box([-1, -1], [1, "-0.9999999"]),
    "long": cpa.Box([-(2**40), -1], [2**40, 1]),
    "tiny": cpa.Box(["-1e-300", "-1e-300"], ["1e-300", "2e-300"]),
    "below_doubles": cpa.Box(["-1e-400", "-1e-400"], ["1e-400", "2e-400"]),
    "huge": cpa.Box([-(2**900), -(2**900)], [2**900, 2**900]),
    "triangle": cpa.Polytope([[-1, 0], [0, -1], ["1/3", "1/7"]], [1, 1, 1]),
    "slice": cpa.Slice([0, "1/3", 0], [[1, 0], [0, 1], [1, -1]], cpa.Box([-1, -1], [1, 1])),
}
NUMBERS = {
    "integers": lambda s: Fraction(s.randint(-2, 2)),
    "wide": lambda s: Fraction(s.gauss(0, 1)) * Fraction(2) ** s.choice([0, 0, 60, -60]),
    "normal": lambda s: Fraction(s.gauss(0, 1)),
    "sevenths": lambda s: Fraction(s.randint(-9, 9), 7),
}


def through(domain, net):
    """The network with first lines that go through points of the domain, and change by about one there."""
    source, (first, *rest) = random.Random(6), net.layers
    box = domain.within if isinstance(domain, cpa.Slice) else domain
    ends = list(zip(box.lower, box.upper, strict=True))
    weight = [
        [w / (ends[j][1] - ends[j][0] if j < 2 else 1) for j, w in enumerate(row)] for row in first.weight
    ]
    bias = []
    for row in weight:
        point = [low + (high - low) * Fraction(source.randint(1, 7), 8) for low, high in ends]
        if isinstance(domain, cpa.Slice):
            basis = domain.basis
            point = [
                o + sum(b * t for b, t in zip(line, point, strict=True))
                for o, line in zip(domain.origin, basis, strict=True)
            ]
        bias.append(-sum(w * x for w, x in zip(row, point, strict=True)))
    return cpa.Network(net.input, (cpa.Linear(weight, bias), *rest))


@pytest.mark.parametrize("numbers", some(NUMBERS, 2))
@pytest.mark.parametrize("name", DOMAINS)
def test_engines_agree_on_every_domain(tmp_path, name, numbers):
    domain = DOMAINS[name]
    net = through(domain, network(3 if name == "slice" else 2, [9, 8, 8], 5, draw=NUMBERS[numbers]))

    found = enumerated(net, domain, tmp_path / "a.cpa")

    assert len(found) > 9
    assert cpa.compare(found, cpa.enumerate_cells(net, domain, method="lp")).is_same


@pytest.mark.parametrize("activation", [cpa.Abs, cpa.HardTanh, cpa.ReLU6, lambda: cpa.LeakyReLU("1/4")])
def test_all_switches_are_settled_with_their_bits(tmp_path, told, activation):
    """Units of two breakpoints have two switches each."""
    net = network(2, [9, 9], 7, activation=activation)
    found = enumerated(net, cpa.Box([-1, -1], [1, 1]), tmp_path / "a.cpa")

    assert told[0].settled > 0
    assert cpa.compare(found, cpa.enumerate_cells(net, cpa.Box([-1, -1], [1, 1]), method="lp")).is_same


@pytest.mark.parametrize("width", [15, 16, 17, 31, 33, 64, 65])
def test_masks_of_layers_of_any_width(tmp_path, told, width):
    net = network(1, [4, width], 9)
    found = enumerated(net, cpa.Box([-2], [2]), tmp_path / "a.cpa")

    assert told[0].settled > 0
    assert len(found) == len(cpa.enumerate_cells(net, cpa.Box([-2], [2]), method="lp"))


@pytest.mark.slow
def test_thousands_of_switches_settled_at_once(tmp_path, told):
    """More than there are vertices in store."""
    rows = [[Fraction(i % 7 - 3, 8), 1] for i in range(5000)]
    layers = (
        *(cpa.Linear([[1, 1], [1, -1]], ["1/3", 0]), cpa.ReLU()),
        *(cpa.Linear(rows, [100 if i % 5 else -100 for i in range(5000)]), cpa.ReLU()),
        *(cpa.Linear([[1] * 5000], [-400_000]), cpa.ReLU()),
    )
    found = enumerated(cpa.Network(2, layers), cpa.Box([-1, -1], [1, 1]), tmp_path / "a.cpa")

    assert told[0].settled >= 5000 * 4
    assert len(found) >= 4


def test_duplicated_and_dead_units_are_settled(tmp_path, told):
    """The zero line is upper everywhere, by the box of any node."""
    weight = [[1, 0], [1, 0], [0, 0], [2, 0], [0, 1], [0, -1], [1, 1], [1, 1], [0, 0]]
    first = cpa.Linear(weight, [0] * 9)
    second = cpa.Linear([[1 if i == j else 0 for j in range(9)] for i in range(9)], [0] * 8 + [-100])
    net = cpa.Network(2, (first, cpa.ReLU(), second, cpa.ReLU(), cpa.Linear([[1] * 9], [0])))
    domain = cpa.Box([-1, -1], [1, 1])
    found = enumerated(net, domain, tmp_path / "a.cpa")

    assert told[0].settled > 0
    assert cpa.compare(found, cpa.enumerate_cells(net, domain, method="lp")).is_same


def test_workers_write_the_same_boxes(tmp_path):
    net, domain = network(2, [12] * 8, 3), cpa.Box([-1, -1], [1, 1])
    streams = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.cpa"
        cpa.enumerate_cells(net, domain, method="vertex", proof=path, facets=False, workers=workers)
        blocks, _ = checker.read_blocks(path.read_bytes())
        streams.append({tag: b"".join(map(bytes, blocks[tag])) for tag in ("CODE", "REAL", "PATT")})

    assert streams[0] == streams[1]
