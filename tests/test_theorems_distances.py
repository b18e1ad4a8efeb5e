"""A6 and level sets: against the engine's facets, against roots on a line, by hand."""

from fractions import Fraction

from evidence import accepts_changed, assert_accepted, assert_rejects_the_opposite, instances
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.domain import Box
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadNetwork
from exactcpa.groups import Consecutive
from exactcpa.layers import Abs, LeakyReLU, Linear, MaxOut, ReLU, Residual
from exactcpa.network import Network
from exactcpa.stages import stages
from exactcpa.statistics import freeze
from exactcpa.theorems import STATEMENTS
from exactcpa.theorems.level_sets import level_set, unit_network
from exactcpa.theorems.local_lines import pieces_at, sides_of
from exactcpa.theorems.plain import dot, norm2
from exactcpa.theorems.readd_distances import level_distance
from exactcpa.theorems.statement import Instance, Outcome

F = Fraction
A6 = STATEMENTS["A6"]
ENTRIES = st.integers(-3, 3).map(Fraction)
ZERO = F(0)


# ---------------------------------------------------------------------- A6


@given(instances())
@settings(max_examples=examples(40), deadline=None)
def test_a6_against_the_facets_of_the_engine(case):
    net, data = case
    verdict = A6.verify(net, data)
    assert_accepted(A6, verdict)
    if verdict.outcome is Outcome.OUT_OF_SCOPE:
        return
    assert verdict.outcome is Outcome.PROVED
    frozen = freeze(net, data)
    for sample in verdict.evidence["samples"][:2]:
        if sample["square"] is None or sample["square"] > 100:
            continue
        # The ball of this radius fits into the box: the nearest facet shows inside.
        x, radius = sample["point"], max(sample["square"], F(1)) + 1
        part = enumerate_cells(frozen, Box([c - radius for c in x], [c + radius for c in x]))
        (home,) = part.locate(x).cells
        rows = [row for row in part.cell(home).rows if row.is_facet and row.unit is not None]
        squares = [(row.offset - dot(row.normal, x)) ** 2 / norm2(row.normal) for row in rows]
        assert min(squares) == sample["square"]


def test_a6_with_maxima_and_a_residual_block():
    block = Residual((Linear([[1, -1], [2, 1]], [0, 1]), ReLU(), Linear([[1, 0], [0, 1]], [0, 0])))
    net = Network(2, (block, MaxOut(Consecutive(2)), Linear([[3]], [1]), Abs()))
    data = [[F(1, 3), 1], [-2, F(1, 7)], [5, -3]]
    verdict = A6.verify(net, data)

    assert verdict.outcome is Outcome.PROVED
    assert_accepted(A6, verdict)
    for sample in verdict.evidence["samples"]:
        part = enumerate_cells(net, Box([-50, -50], [50, 50]))
        (home,) = part.locate(sample["point"]).cells
        rows = [row for row in part.cell(home).facets if row.unit is not None]
        squares = [(row.offset - dot(row.normal, sample["point"])) ** 2 / norm2(row.normal) for row in rows]
        assert min(squares) == sample["square"]


def test_a6_flat_and_dead_units_bound_nothing():
    # Unit 1 is zero everywhere, unit 2 never switches: both have no gradient.
    net = Network(1, (Linear([[1], [0], [0]], [0, 0, -5]), ReLU()))

    (sample,) = A6.verify(net, [[3]]).evidence["samples"]

    assert (sample["square"], sample["foot"]) == (9, (0,))


def test_a6_without_boundary_and_on_the_boundary():
    flat = Network(1, (Linear([[0]], [1]), ReLU()))
    verdict = A6.verify(flat, [[3]])
    assert verdict.outcome is Outcome.PROVED
    assert "there is no boundary" in verdict.reason
    assert A6.accepts(verdict)

    kink = Network(1, (Linear([[1]], [0]), ReLU()))
    assert A6.verify(kink, [[0]]).outcome is Outcome.OUT_OF_SCOPE
    assert "1 points on a boundary" in A6.verify(kink, [[0], [1]]).reason


def test_a6_rejects_changed_evidence():
    verdict = A6.verify()

    assert_rejects_the_opposite(A6, verdict)
    for name in ("square", "point", "foot"):
        path = ("samples", 2, name) if name == "square" else ("samples", 2, name, 0)
        assert not accepts_changed(A6, verdict, *path)


@given(instances())
@settings(max_examples=examples(30), deadline=None)
def test_local_lines_agree_with_the_forward_pass(case):
    net, data = case
    try:
        frozen = freeze(net, data)
    except BadNetwork:
        return  # a unit is constant on the data, and epsilon is 0
    part = enumerate_cells(frozen, Box([-5] * net.input, [5] * net.input), facets=False)
    for i in range(min(len(part), 5)):
        x = part.witness(i)
        assert tuple(p for layer in pieces_at(stages(frozen), x) for p in layer) == tuple(
            part.patterns[i].tolist()
        )
        assert all(side.value > 0 or not any(side.normal) for side in sides_of(stages(frozen), x))


# ---------------------------------------------------------------------- level sets


def test_level_set_by_hand():
    # |x| + |y| = 4 and the origin, (1, 1), (9, 0): squared distances 8, 2, 25.
    net = Network(2, (Linear([[1, 0], [0, 1]], [0, 0]), Abs(), Linear([[1, 1]], [0])))
    points = ((ZERO, ZERO), (F(1), F(1)), (F(9), ZERO))

    found = level_set(net, points, F(4), Instance(net, points))

    assert found.mean_square == F(8 + 2 + 25, 3) == level_distance(found.evidence)


def test_level_set_with_a_flat_cell():
    # relu(x) = 0 on the whole half-line x <= 0.
    net = Network(1, (Linear([[1]], [0]), ReLU(), Linear([[1]], [0])))
    points = ((F(-3),), (F(2),))

    found = level_set(net, points, ZERO, Instance(net, points))

    assert found.mean_square == 2 == level_distance(found.evidence)


def test_level_set_that_is_everything():
    net = Network(1, (Linear([[1]], [0]), ReLU(), Linear([[0]], [0])))
    points = ((F(0),), (F(1),))

    found = level_set(net, points, ZERO, Instance(net, points))

    assert found.mean_square == 0 == level_distance(found.evidence)


def test_level_set_far_away_needs_a_wider_box():
    net = Network(1, (Linear([[1]], [0]), LeakyReLU("1/2"), Linear([[1]], [0])))
    points = ((F(0),), (F(1),))

    found = level_set(net, points, F(20), Instance(net, points))

    assert found.mean_square == F(400 + 361, 2) == level_distance(found.evidence)


@given(instances(plain=True, bends=[ReLU(), LeakyReLU("1/4"), Abs()], inputs=1), ENTRIES)
@settings(max_examples=examples(30), deadline=None)
def test_level_set_on_the_line_against_roots(case, level):
    net, data = case
    try:
        one = unit_network(freeze(net, data), (len(net.layers) - 1,), 0)
    except BadNetwork:
        return  # a unit is constant on the data, and epsilon is 0
    if net.input != 1:
        return
    part = enumerate_cells(one, Box([-100], [100]))
    intervals = []
    for i in range(len(part)):
        ends = sorted(row.offset / row.normal[0] for row in part.cell(i).facets)
        slope, constant = part.affine_map(i).matrix[0][0], part.affine_map(i).shift[0]
        if slope and ends[0] <= (level - constant) / slope <= ends[1]:
            intervals.append(((level - constant) / slope,) * 2)
        elif not slope and constant == level:
            intervals.append((ends[0], ends[1]))
    if not intervals:
        return
    squares = [min(max(a - x, x - b, ZERO) ** 2 for a, b in intervals) for (x,) in data]
    found = level_set(one, data, level, Instance(net, tuple(data)))
    if max(squares) < 90**2:
        assert found.mean_square == sum(squares) / len(squares) == level_distance(found.evidence)
