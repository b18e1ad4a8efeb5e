"""The ideal reading: true square roots through the whole engine, each proof accepted by the independent checker.

Oracles: networks whose roots are all rational are ordinary ones; elsewhere the roots are approximated to 1,000 bits
by plain fractions, and where no tie is formal the cells of that rational network are those of the ideal one.
"""

import random
from fractions import Fraction
from math import isqrt
from pathlib import Path

import pytest
from sparing import some

import exactcpa as cpa
from exactcpa import surds
from exactcpa.errors import BadArgument, BadNetwork
from exactcpa.real_lines import RealLines
from exactcpa.surds import Surd, sign

DATA = Path(__file__).parent.parent / "data"
BOX = cpa.Box([-3, -3], [3, 3])


def training(**fields):
    return cpa.TrainingBatchNorm(**({"epsilon": 0} | fields))


def small_network(rng, width=4, depth=2, inputs=2, degenerate=False):
    """A network with batch normalisation; of small integers, with copies and multiples of rows, if degenerate."""

    def draw():
        return Fraction(rng.randint(-2, 2)) if degenerate else Fraction(rng.randint(-200, 200), 64)

    layers, n = [], inputs
    for _ in range(depth):
        weight = [[draw() for _ in range(n)] for _ in range(width)]
        if degenerate:
            for k in range(1, width):
                factor = rng.choice([0, 0, 0, 1, -1, 2, Fraction(1, 3)])
                if factor:
                    weight[k] = [factor * a for a in weight[k - 1]]
        beta = rng.choice(
            [None, [rng.choice([Fraction(0), Fraction(1), Fraction(-1, 2)]) for _ in range(width)]]
        )
        gamma = rng.choice([None, [rng.choice([Fraction(1), Fraction(-2)]) for _ in range(width)]])
        layers += [
            cpa.Linear(weight, [draw() for _ in range(width)]),
            training(epsilon=rng.choice([0, "1e-5", 1]), beta=beta, gamma=gamma),
            rng.choice([cpa.ReLU(), cpa.LeakyReLU("1/4"), cpa.Abs(), cpa.HardTanh()]),
        ]
        n = width
    layers.append(cpa.Linear([[draw() for _ in range(n)]], [draw()]))
    return cpa.Network(inputs, tuple(layers))


def points(rng, count, inputs=2, symmetric=False):
    found = [tuple(Fraction(rng.randint(-3, 3)) for _ in range(inputs)) for _ in range(count)]
    return found + [tuple(-x for x in p) for p in found] if symmetric else found


def with_rational_roots(net, batch, bits):
    """The network with the batch's statistics in plain fractions, every root rounded to so many bits."""
    layers, values = [], [tuple(map(Fraction, x)) for x in batch]
    for layer in net.layers:
        if isinstance(layer, cpa.TrainingBatchNorm):
            weight, bias = [], []
            for j in range(len(values[0])):
                column = [x[j] for x in values]
                mean = sum(column) / len(column)
                square = sum((v - mean) ** 2 for v in column) / len(column) + layer.epsilon
                shift = 2 * bits
                root = Fraction(isqrt((square.numerator << shift) // square.denominator), 1 << bits)
                gamma = layer.gamma[j] if layer.gamma else Fraction(1)
                beta = layer.beta[j] if layer.beta else Fraction(0)
                weight.append([gamma / root if i == j else Fraction(0) for i in range(len(values[0]))])
                bias.append(beta - gamma * mean / root)
            layer = cpa.Linear(weight, bias)
        layers.append(layer)
        values = [layer.forward(x) for x in values]
    return cpa.Network(net.input, tuple(layers))


def proved(net, batch, tmp_path, domain=BOX):
    part = cpa.enumerate_cells(cpa.IdealNetwork(net, batch), domain, proof=tmp_path / "out.cpa")
    report = cpa.check(tmp_path / "out.cpa")
    assert (report.cells, report.edges, report.linear_regions) == (
        part.summary()["cells"],
        part.summary()["edges"],
        part.summary()["linear_regions"],
    )
    assert report.reading == part.summary()["reading"] == "ideal"
    return part


def test_base_case_one_unit(tmp_path):
    # Inputs 0, 1, 2: mean 1, variance 2/3; beta 1 moves the breakpoint to 1 - sqrt(2/3).
    net = cpa.Network(1, (cpa.Linear([[1]], [5]), training(beta=[1]), cpa.ReLU(), cpa.Linear([[1]], [0])))
    part = proved(net, [[0], [1], [2]], tmp_path, cpa.Box([-3], [3]))
    assert len(part) == 2
    upper = next(i for i in range(2) if part.patterns[i, 0])
    (row,) = [r for r in part.cell(upper).rows if r.unit == (0, 0)]
    breakpoint = row.offset * (1 / row.normal[0])
    assert sign(breakpoint - 1 + Fraction(1, 3) * surds.root_of(Fraction(6))) == 0
    slope = part.affine_map(upper).matrix[0][0]
    assert slope * slope == Fraction(3, 2)


@pytest.mark.parametrize("seed", range(6))
def test_rational_roots_are_the_ordinary_network(seed, tmp_path):
    """On the points +-e1, +-e2 the variance of the row (p, q) is (p^2 + q^2) / 2: a square for (1, 7) and (7, 17)."""
    rng = random.Random(seed)
    batch = [[1, 0], [-1, 0], [0, 1], [0, -1]]
    rows = [[1, 7], [7, -17], [-7, 1], [17, 7], [1, 7]]
    factors = [rng.choice([1, -1, Fraction(1, 3)]) for _ in rows]
    first = [[f * a for a in row] for f, row in zip(factors, rows, strict=True)]
    net = cpa.Network(
        2,
        (
            *(cpa.Linear(first, [rng.randint(-3, 3) for _ in rows]), training(), cpa.ReLU()),
            cpa.Linear([[rng.randint(-2, 2) for _ in rows]], [0]),
        ),
    )
    ideal = proved(net, batch, tmp_path)
    assert not isinstance(ideal.lines, RealLines)
    rational = cpa.enumerate_cells(with_rational_roots(net, batch, 200), BOX)
    assert cpa.compare(ideal, rational).is_same
    assert sum(ideal.volumes()) == 36


def test_pythagorean_data_set(tmp_path):
    net = cpa.load_network(DATA / "networks/training/pythagorean.json")
    batch = cpa.load_data(DATA / "sets/pythagorean.json").points
    ideal = proved(net, batch, tmp_path)
    assert not isinstance(ideal.lines, RealLines)
    rational = cpa.enumerate_cells(with_rational_roots(net, batch, 200), BOX)
    assert cpa.compare(ideal, rational).is_same
    unit = cpa.load_network(DATA / "networks/training/pythagorean_unit_scales.json")
    parts = proved(unit, batch, tmp_path), cpa.enumerate_cells(cpa.freeze(unit, batch), BOX, method="lp")
    assert cpa.compare(*parts).is_same
    assert [str(m) for m in parts[0].affine_maps()] == [str(m) for m in parts[1].affine_maps()]


@pytest.mark.parametrize("seed", some(range(12), 6))
def test_step_against_a_thousand_bits(seed, tmp_path):
    rng = random.Random(seed)
    net, batch = small_network(rng, depth=1 + seed % 3), points(rng, 5)
    try:
        ideal = proved(net, batch, tmp_path)
    except BadNetwork:
        pytest.skip("a constant unit and epsilon 0")
    approximate = cpa.enumerate_cells(with_rational_roots(net, batch, 1000), BOX)
    assert cpa.compare(ideal, approximate).is_same


@pytest.mark.parametrize("seed", some(range(100, 130), 10))
def test_degenerate_networks_are_proved(seed, tmp_path):
    rng = random.Random(seed)
    net = small_network(rng, depth=1 + seed % 3, degenerate=True)
    try:
        part = proved(net, points(rng, 3, symmetric=seed % 2 == 0), tmp_path)
    except BadNetwork:
        pytest.skip("a constant unit and epsilon 0")
    for i in range(len(part)):
        located = part.locate(part.witness(i))
        assert located.cells == (i,) and located.is_interior
        value = part.affine_map(i)(part.witness(i))
        assert value == part.network.forward(part.witness(i))


def test_layer_two_lines_through_one_point(tmp_path):
    """All second-layer lines contain G1 for any positive scales (statement R4), with irrational ones too."""
    first = [[1, 2], [3, -1]]
    batch = [[0, 0], [1, 2], [3, 1], [0, 4]]
    second = [[1, 1], [2, -1], [1, 3], [-1, 2]]
    net = cpa.Network(
        2,
        (
            *(cpa.Linear(first, [0, 0]), training(), cpa.ReLU()),
            *(cpa.Linear(second, [0, 0, 0, 0]), training(), cpa.ReLU(), cpa.Linear([[1, 1, 1, 1]], [0])),
        ),
    )
    part = proved(net, batch, tmp_path)
    assert isinstance(part.lines, RealLines)
    centroid = [Fraction(1), Fraction(7, 4)]
    spreads = []
    for row in first:
        values = [sum(a * x for a, x in zip(row, p, strict=True)) for p in batch]
        mean = Fraction(sum(values), 4)
        spreads.append(sum(abs(v - mean) for v in values) / 4 / 2)
    # Solve W (x - g) = spreads.
    (a, b), (c, d) = first
    det = Fraction(a * d - b * c)
    step = ((d * spreads[0] - b * spreads[1]) / det, (a * spreads[1] - c * spreads[0]) / det)
    common = [g + s for g, s in zip(centroid, step, strict=True)]
    found = part.locate(common)
    assert {unit for unit in found.boundary_of if unit[0] == 1} == {(1, k) for k in range(4)}


def test_scales_of_one_field(tmp_path):
    """sqrt(2) and sqrt(8): units that are multiples of each other only because of a square in the radicand."""
    net = cpa.Network(
        1,
        (
            cpa.Linear([[1], [1], [1]], [0, 0, 0]),
            cpa.BatchNorm(mean=[0, 0, 1], variance=[2, 8, 3], epsilon=0, beta=[1, 1, 0]),
            cpa.ReLU(),
            # Twice the second minus the first is 1 where both are active: flat for the second unit.
            cpa.Linear([[1, -2, 0], [-1, 2, 0], [1, 1, 1]], [1, -1, 0]),
            cpa.ReLU(),
            cpa.Linear([[1, 1, 1]], [0]),
        ),
    )
    part = cpa.enumerate_cells(cpa.IdealNetwork(net), cpa.Box([-6], [6]), proof=tmp_path / "two.cpa")
    assert cpa.check(tmp_path / "two.cpa").cells == len(part)
    flats = {part.flat_units(i) for i in range(len(part))}
    assert ((1, 0), (1, 1)) in flats


def test_nested_root_that_is_rational_in_its_field(tmp_path):
    """Two samples: the deviation of a layer-2 unit is the absolute value of half a difference, not a new root."""
    net = cpa.Network(
        2,
        (
            *(cpa.Linear([[1, 2], [2, 1]], [0, 0]), training(epsilon=1), cpa.ReLU()),
            *(cpa.Linear([[1, 1], [1, -1]], [0, 0]), training(), cpa.HardTanh(), cpa.Linear([[1, 1]], [0])),
        ),
    )
    batch = [[0, 0], [2, 1]]
    part = proved(net, batch, tmp_path)
    # At both samples the normalised values are +-1 exactly, the breakpoints of hardtanh.  Around the first one no
    # layer-1 unit is active, so both layer-2 units are flat there; the second one lies on their bent hyperplanes.
    (cell,) = part.locate(batch[0]).cells
    assert {(1, 0), (1, 1)} <= set(part.flat_units(cell))
    assert {(1, 0), (1, 1)} <= set(part.locate(batch[1]).boundary_of)


def test_readings_may_differ():
    """Rounding a scale parts lines that meet in the ideal reading."""
    rng = random.Random(4)
    different = 0
    for _ in range(20):
        net, batch = small_network(rng, degenerate=True), points(rng, 4)
        try:
            ideal = cpa.enumerate_cells(cpa.IdealNetwork(net, batch), BOX)
            deployed = cpa.enumerate_cells(cpa.freeze(net, batch), BOX)
        except BadNetwork:
            continue
        result = cpa.compare(ideal, deployed)
        different += not result.is_same
        assert result.shared_cells + len(result.only_first) == len(ideal)
        assert result.shared_cells + len(result.only_second) == len(deployed)
    assert different < 20


def test_proof_is_of_the_stated_reading(tmp_path):
    net = cpa.load_network(DATA / "networks/moons.json")
    path = tmp_path / "ideal.cpa"
    part = cpa.enumerate_cells(cpa.IdealNetwork(net), BOX, proof=path)
    again = cpa.load_partition(path)
    assert again == part and again.network.batch == ()
    assert any(isinstance(a, Surd) for m in again.affine_maps() for row in m.matrix for a in row)
    part.save(tmp_path / "plain.cpa")
    assert cpa.load_partition(tmp_path / "plain.cpa") == part


def test_maxima_of_three(tmp_path):
    rng = random.Random(1)
    for _ in range(4):
        rows = [[Fraction(rng.randint(-2, 2)) for _ in range(2)] for _ in range(6)]
        net = cpa.Network(
            2,
            (
                *(cpa.Linear(rows, [rng.randint(-2, 2) for _ in rows]), training(epsilon="1e-5")),
                *(cpa.MaxOut(cpa.network.Consecutive(3)), cpa.Linear([[1, 2]], [0])),
            ),
        )
        proved(net, points(rng, 4), tmp_path)


def test_residual_block(tmp_path):
    body = (cpa.Linear([[1, 1], [2, -1]], [0, 1]), training(epsilon=1), cpa.ReLU())
    net = cpa.Network(2, (cpa.Residual(body), training(epsilon=1), cpa.ReLU(), cpa.Linear([[1, 1]], [0])))
    with pytest.raises(BadArgument, match="needs"):
        cpa.IdealNetwork(net)
    part = proved(net, [[0, 0], [1, 2], [2, 1]], tmp_path)
    assert all(part.locate(part.witness(i)).cells == (i,) for i in range(len(part)))


def test_duplicated_samples_and_permuted_units(tmp_path):
    rng = random.Random(7)
    net, batch = small_network(rng), points(rng, 5)
    one = proved(net, batch, tmp_path)
    two = proved(net, batch + batch[::-1], tmp_path)
    assert cpa.compare(one, two).is_same


def test_rejects_misuse():
    net = small_network(random.Random(0))
    with pytest.raises(BadArgument, match="needs"):
        cpa.IdealNetwork(net)
    with pytest.raises(BadArgument, match="expected a network"):
        cpa.IdealNetwork("net")
    with pytest.raises(cpa.DimensionMismatch, match="point 1"):
        cpa.IdealNetwork(net, [[0, 0], [1]])
    frozen = cpa.freeze(net, [[0, 1], [2, 5], [1, 1]])
    with pytest.raises(BadArgument, match="got one"):
        cpa.IdealNetwork(frozen, [[0, 0]])
    constant = cpa.Network(1, (cpa.Linear([[0]], [1]), training(), cpa.ReLU()))
    with pytest.raises(BadNetwork, match="constant"):
        cpa.IdealNetwork(constant, [[0], [1]])
    deep = cpa.Network(
        2,
        (
            *(cpa.Linear([[1, 2], [2, 1]], [0, 0]), training(), cpa.ReLU()),
            *(cpa.Linear([[0, 0]], [1]), training(), cpa.ReLU()),
        ),
    )
    with pytest.raises(BadNetwork, match=r"layer 4 .*constant"):
        cpa.IdealNetwork(deep, [[0, 0], [1, 2], [2, 2]])


def test_undecided_ties_are_errors_that_say_where(monkeypatch):
    """A tie between nested roots whose squares would be too large to write: an error, not a guess."""
    monkeypatch.setattr("exactcpa.real_statistics._square_of", lambda *arguments: None)

    def network(last):
        return cpa.Network(
            2,
            (
                *(cpa.Linear([[1, 2], [2, 1]], [0, 0]), training(epsilon=1), cpa.ReLU()),
                *(cpa.Linear([[1, 1], [1, -1]], [0, 0]), training(), *last, cpa.Linear([[1, 1]], [0])),
            ),
        )

    samples = [[0, 0], [2, 1]]
    with pytest.raises(cpa.Undecided, match=r"activation layer 1.*8192 bits"):
        cpa.enumerate_cells(cpa.IdealNetwork(network([cpa.HardTanh()]), samples), BOX)
    # The same tie in the sum of two breakpoints: no coefficient is in doubt, but a unit on a cell is.
    folded = [cpa.HardTanh(-2, 2), cpa.Linear([[1, 0], [0, 1]], [1, 1]), cpa.ReLU()]
    with pytest.raises(cpa.Undecided, match=r"unit \(2, \d\) on the cell of pattern 0x[0-9a-f]+: .* bits"):
        cpa.enumerate_cells(cpa.IdealNetwork(network(folded), samples), BOX)


def test_volumes_of_irrational_cells_are_refused():
    net = cpa.load_network(DATA / "networks/moons.json")
    part = cpa.enumerate_cells(cpa.IdealNetwork(net), BOX)
    with pytest.raises(BadArgument, match="ideal reading"):
        part.volumes()
