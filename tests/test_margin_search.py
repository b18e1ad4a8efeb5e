"""The margin search: what it must do beyond brute force on small networks (`test_margin`), and its certificates.

Certificates are judged by the checker alone, which shares no code with the search.
"""

import random
from fractions import Fraction
from itertools import pairwise

import margin_cases
import numpy as np
import pytest
from margin_oracle import NORMS, distance
from margin_oracle import margin as brute_force
from sparing import some

import exactcpa as cpa
from exactcpa.domain import to_json as domain_to_json
from exactcpa.float_form import rounded
from exactcpa.kernels import margins as kernels
from exactcpa.layers import Consecutive
from exactcpa.margin_file import part_around
from exactcpa.margin_ground import ground_of
from exactcpa.margin_search import inner, search, solve_exactly
from exactcpa.numbers import exactly
from exactcpa.point_margins import MISCLASSIFIED, NONE, Failure, domain_around

F = Fraction
PLAIN = cpa.Network(2, (cpa.Linear([[1, 0], [0, 1]], [0, 0]),))
"""Class 0 where x > y."""
SQUARE = cpa.Box([-2, -2], [2, 2])


def random_network(sizes, name):
    source = random.Random(name)

    def draw():
        return round(2 * source.random() - 1, 6)

    layers = []
    for fan_in, width in pairwise(sizes):
        layers += [cpa.ReLU()] if layers else []
        weight = [[draw() for _ in range(fan_in)] for _ in range(width)]
        layers.append(cpa.Linear(weight, [draw() for _ in range(width)]))
    return cpa.Network(sizes[0], tuple(layers))


def proved(path):
    """What the checker says of a certificate: the value."""
    value = cpa.check(path).margin.value
    return None if value is None else exactly(value)


# From the definition.


@pytest.mark.parametrize(("norm", "value"), [("2", F(1, 2)), ("1", F(1)), ("inf", F(1, 2))])
def test_base_case(norm, value, tmp_path):
    """From (1, 0) to the line x = y."""
    found = cpa.margin(PLAIN, [1, 0], SQUARE, norm=norm, certificate=tmp_path / "a.cpa")
    assert (found.status, found.value, found.pair) == ("exact", value, (0, 1))
    assert found.nearest[0] == found.nearest[1]
    assert distance(found.nearest, (1, 0), norm) == value
    assert proved(tmp_path / "a.cpa") == value


def test_weights_divide():
    """Twice the weight, half the length."""
    found = cpa.margin(PLAIN, [1, 0], SQUARE, norm="inf", weights=[2, 2])
    assert found.value == F(1, 4)
    assert found.weights == (2, 2)


def test_the_domain_counts(tmp_path):
    """The line x = y is cut off by the domain but for a corner."""
    found = cpa.margin(PLAIN, [2, 0], cpa.Box([1, -1], [2, 1]), certificate=tmp_path / "a.cpa")
    assert (found.value, found.nearest) == (2, (1, 1))
    assert cpa.check(tmp_path / "a.cpa").margin.nearest == (1, 1)


def test_no_other_class(tmp_path):
    found = cpa.margin(PLAIN, [2, 0], cpa.Box([1, -1], [2, F(1, 2)]), certificate=tmp_path / "a.cpa")
    assert (found.status, found.value, found.nearest, found.pair) == (NONE, None, None, (0, None))
    assert found.distance == float("inf")
    assert proved(tmp_path / "a.cpa") is None


def test_on_the_boundary(tmp_path):
    found = cpa.margin(PLAIN, [1, 1], SQUARE, certificate=tmp_path / "a.cpa")
    assert (found.value, found.nearest, found.pair) == (0, (1, 1), (0, 1))
    assert proved(tmp_path / "a.cpa") == 0


def test_threshold(tmp_path):
    """|x| against 3/2: class 0 below, 1 above."""
    net = cpa.Network(1, (cpa.Linear([[1], [-1]], [0, 0]), cpa.ReLU(), cpa.Linear([[1, 1]], [0])))
    below = cpa.margin(net, [1], cpa.Box([-2], [2]), threshold="3/2", certificate=tmp_path / "a.cpa")
    above = cpa.margin(
        net, [2], cpa.Box([-2], [2]), threshold="3/2", norm="1", certificate=tmp_path / "b.cpa"
    )
    assert (below.value, below.pair) == (F(1, 4), (0, 1))
    assert (above.value, above.pair) == (F(1, 2), (1, 0))
    assert (proved(tmp_path / "a.cpa"), proved(tmp_path / "b.cpa")) == (F(1, 4), F(1, 2))


def test_default_domain_is_a_box_around_the_point():
    assert cpa.margin(PLAIN, [5, 4]).nearest == (F(9, 2), F(9, 2))
    assert cpa.margin(PLAIN, [5, 0]).status == NONE


# Labels.


def test_label_of_another_class():
    found = cpa.margin(PLAIN, [1, 0], SQUARE, label=1)
    assert (found.status, found.value, found.distance, found.pair) == (MISCLASSIFIED, None, None, (0, None))


def test_label_among_tied_classes():
    assert cpa.margin(PLAIN, [1, 1], SQUARE, label=1).pair == (1, 0)


@pytest.mark.parametrize("label", [2, -1, F(1, 2), True, "x"])
def test_rejects_label(label):
    with pytest.raises(cpa.ExactcpaError):
        cpa.margin(PLAIN, [1, 0], SQUARE, label=label)


# Domains of other kinds.


@pytest.mark.parametrize("norm", NORMS)
def test_polytope(norm, tmp_path):
    """The same as in the box where the ball is inside; the certificate of a cut polytope."""
    net = random_network([2, 6, 3], "polytope")
    rows = [[1, 1], [-1, 1], [1, -1], [-1, -1], [1, 0]]
    diamond = cpa.Polytope(rows, [2, 2, 2, 2, "3/2"])
    found = cpa.margin(net, ["1/3", "1/5"], diamond, norm=norm, certificate=tmp_path / "a.cpa")
    value, _ = brute_force(cpa.network_to_json(net), domain_to_json(diamond), (F(1, 3), F(1, 5)), norm)
    assert found.value == value
    assert proved(tmp_path / "a.cpa") == value


@pytest.mark.parametrize("norm", NORMS)
def test_slice(norm, tmp_path):
    """Distances are in the slice's own coordinates."""
    net = random_network([4, 6, 3], "slice")
    plane = cpa.Slice([0, "1/2", 0, 0], [[1, 0], [0, 2], [1, 1], [0, "1/3"]], cpa.Box([-1, -1], [1, 1]))
    found = cpa.margin(net, ["1/3", "1/5"], plane, norm=norm, certificate=tmp_path / "a.cpa")
    value, _ = brute_force(cpa.network_to_json(net), domain_to_json(plane), (F(1, 3), F(1, 5)), norm)
    assert found.value == value
    assert proved(tmp_path / "a.cpa") == value


# Other activations.


@pytest.mark.parametrize(
    "activation",
    [
        cpa.Abs(),
        cpa.HardTanh(F(-1, 2), F(1, 2)),
        cpa.LeakyReLU(F(1, 8)),
        cpa.MaxOut(Consecutive(2)),
        cpa.MaxOut(Consecutive(3)),
    ],
    ids=lambda layer: layer.type,
)
@pytest.mark.parametrize("norm", NORMS)
def test_activations(activation, norm, tmp_path):
    first, second = random_network([2, 6], "first").layers[0], 6
    if isinstance(activation, cpa.MaxOut):
        second = 6 // activation.grouping.size
    head = random_network([second, 3], "head").layers[0]
    net = cpa.Network(2, (first, activation, head))
    box = cpa.Box([-1, -1], [1, 1])
    found = cpa.margin(net, ["1/3", "1/5"], box, norm=norm, certificate=tmp_path / "a.cpa")
    value, _ = brute_force(cpa.network_to_json(net), domain_to_json(box), (F(1, 3), F(1, 5)), norm)
    assert found.value == value
    assert proved(tmp_path / "a.cpa") == value


# The bounds of doubles are bounds.


@pytest.mark.parametrize("number", some(range(40), 15))
def test_bounds_are_not_above_exact_values(number):
    """Cell by cell and rival by rival, against the exact nearest point."""
    case = margin_cases.case(number)
    net, box = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)
    for norm in NORMS:
        ground = ground_of(net, box, norm=norm)
        best = ground.scores(case.point).best
        if len(best) > 1:
            continue
        part = cpa.enumerate_cells(net, box, facets=False)
        place = np.array([rounded(q) for q in inner(ground, case.point)]).T.copy()
        bounds, *_ = kernels.measure_cells(
            *(ground.scaled.arrays, ground.groups, part.results.words, ground.floats.rows, ground.floats.box),
            *(place, ground.weights, ground.scales, ground.norm, best[0], np.inf),
        )
        for i, row in enumerate(bounds.tolist()):
            pattern = int(part.results.words[i, 0])
            for rival in range(ground.classes):
                if rival != best[0]:
                    exact = solve_exactly(ground, case.point, pattern, best[0], rival)
                    assert exact is None or ground.exact_value(row[rival]) <= exact.value


def test_a_bad_guess_costs_time_only():
    """Too small: the box grows.  Too large: it is walked."""
    net, box = random_network([3, 6, 3], "guess"), cpa.Box([-1] * 3, [1] * 3)
    for norm in NORMS:
        ground = ground_of(net, box, norm=norm)
        point = (F(1, 3), F(-1, 5), F(1, 7))
        mine = ground.scores(point).best[0]
        values = {search(ground, point, mine, guess=guess).value for guess in (1e-9, 0.1, 1.0, 50.0, np.inf)}
        assert len(values) == 1


@pytest.mark.parametrize("norm", NORMS)
def test_outputs_of_very_different_size(norm, tmp_path):
    """Doubles cannot subtract them: all is left to exact arithmetic, and no node is lost."""
    layers = (
        cpa.Linear([[0, -2], [0, 3]], [1, F(-3, 2)]),
        cpa.ReLU(),
        cpa.Linear([[0, 1], [1e300, -2]], [0, 2]),
    )
    net, box = cpa.Network(2, layers), cpa.Box([0, 0], [1, 1])
    found = cpa.margin(net, [0, 0], box, norm=norm, certificate=tmp_path / "a.cpa")
    assert found.value == (F(13, 18) ** 2 if norm == "2" else F(13, 18))
    assert proved(tmp_path / "a.cpa") == found.value


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("domain", ["box", "polytope", "slice"])
def test_certificates_partition_holds_the_ball(norm, domain):
    """Points of the domain in the ball are in the part; far corners are not."""
    within = cpa.Box(["-1/3", -1], [1, 1])
    if domain == "polytope":
        within = cpa.Polytope([[1, 1], [-1, 0], [0, -1]], [1, "1/3", 1])
    net = cpa.Network(2, (cpa.Linear([[1, 0], [0, 1]], [0, 0]),))
    whole = cpa.Slice([0, 0], [[1, 0], [0, 2]], within) if domain == "slice" else within
    ground = ground_of(net, whole, norm=norm, weights=["1/3", 1])
    point = (F(1, 3), F(1, 7))
    part = part_around(ground, point, F(1, 2))
    source = random.Random(norm + domain)
    for _ in range(400):
        step = (F(source.randint(-24, 24), 72), F(source.randint(-24, 24), 24))
        y = tuple(q + s for q, s in zip(point, step, strict=True))
        length = ground.measure.length(step)
        is_inside = length < (F(1, 4) if norm == "2" else F(1, 2))
        if is_inside and whole.contains(y):
            assert part.contains(y)
    assert whole.contains((F(-1, 3), F(-1))) and not part.contains((F(-1, 3), F(-1)))
    assert part_around(ground, point, F(10)) == whole


# Larger networks, against enumerating everything and doing without the search's bounds.


@pytest.mark.parametrize("norm", some(NORMS, 1))
def test_no_nearer_tie_among_all_cells(norm, tmp_path):
    net, box = random_network([3, 10, 8, 3], "large"), cpa.Box([-1] * 3, [1] * 3)
    point = (F(1, 8), F(-1, 3), F(1, 5))
    found = cpa.margin(net, point, box, norm=norm, certificate=tmp_path / "a.cpa")
    ground = ground_of(net, box, norm=norm)
    part = cpa.enumerate_cells(net, box, facets=False)
    values = []
    for word in part.results.words[:, 0].tolist():
        for rival in {0, 1, 2} - {found.pair[0]}:
            exact = solve_exactly(ground, point, word, found.pair[0], rival)
            values += [] if exact is None else [exact.value]
    assert found.value == min(values)
    assert proved(tmp_path / "a.cpa") == found.value


# Many points.


def test_points_that_fail_do_not_lose_the_others():
    found = cpa.margins(PLAIN, [[1, 0], [5, 0], [1], ["x", 0], None, [0, 1]], SQUARE)
    assert [type(answer) for answer in found] == [cpa.Margin, Failure, Failure, Failure, Failure, cpa.Margin]
    assert [found[i].kind for i in (1, 2, 3)] == ["OutsideDomain", "DimensionMismatch", "InexactNumber"]
    assert (found[0].value, found[5].value) == (F(1, 2), F(1, 2))


def test_workers_change_nothing():
    points = [[F(k, 7), F(1, 3)] for k in range(-9, 9)]
    alone = cpa.margins(PLAIN, points, SQUARE)
    assert alone == cpa.margins(PLAIN, points, SQUARE, workers=2)
    assert [answer.value for answer in alone] == [cpa.margin(PLAIN, p, SQUARE).value for p in points]


def test_progress_is_told():
    told = []
    cpa.margins(PLAIN, [[1, 0], [0, 1]], SQUARE, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def test_domain_around():
    assert domain_around([[0, 1], [2, 1], [1]], 2) == cpa.Box(["-1/5", 0], ["11/5", 2])
    with pytest.raises(cpa.BadArgument):
        domain_around([[1]], 2)


def test_certificates_of_many(tmp_path):
    found = cpa.margins(PLAIN, [[1, 0], [0, 1]], SQUARE, certificates=tmp_path)
    assert [proved(tmp_path / f"{i}.cpa") for i in range(2)] == [answer.value for answer in found]


# Misuse.


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"norm": "3"}, cpa.BadArgument),
        ({"weights": [1]}, cpa.DimensionMismatch),
        ({"weights": [1, 0]}, cpa.BadArgument),
        ({"threshold": 1}, cpa.BadArgument),
        ({"point": [9, 0]}, cpa.OutsideDomain),
        ({"point": [1]}, cpa.DimensionMismatch),
        ({"point": "10"}, cpa.BadArgument),
        ({"domain": cpa.Box([0], [1])}, cpa.DimensionMismatch),
        ({"domain": 3}, cpa.BadArgument),
        ({"network": "net"}, cpa.BadArgument),
    ],
)
def test_rejects_misuse(change, kind):
    given = {"network": PLAIN, "point": [1, 0], "domain": SQUARE} | change
    with pytest.raises(kind):
        cpa.margin(**given)


def test_rejects_other_numbers_of_labels_or_workers():
    with pytest.raises(cpa.BadArgument):
        cpa.margins(PLAIN, [[1, 0]], SQUARE, labels=[0, 1])
    with pytest.raises(cpa.BadArgument):
        cpa.margins(PLAIN, [[1, 0]], SQUARE, labels=0)
    with pytest.raises(cpa.BadArgument):
        cpa.margins(PLAIN, [[1, 0]], SQUARE, workers=0)


@pytest.mark.parametrize("measured", [cpa.margins, cpa.partition_distances])
@pytest.mark.parametrize("points", [5, None, "10"])
def test_rejects_what_are_no_points(measured, points):
    with pytest.raises(cpa.BadArgument, match="expected points"):
        measured(PLAIN, points, SQUARE)


def test_a_certificate_that_cannot_be_written(tmp_path):
    with pytest.raises(cpa.BadFile):
        cpa.margin(PLAIN, [1, 0], SQUARE, certificate=tmp_path / "no" / "a.cpa")


# Regressions: lengths and rows whose squares are no doubles, cells beyond the ball.

FALLING = cpa.Network(1, (cpa.Linear([[-1]], [0]),))


@pytest.mark.parametrize("size", [F(10) ** 100, F(10) ** 300, F(10) ** -300, F(1, 3)])
@pytest.mark.parametrize("norm", NORMS)
def test_squares_of_lengths_need_not_be_doubles(norm, size, tmp_path):
    """-x falls through -size at x = size; squares of 1e100 times their multipliers overflowed: "no other class"."""
    box, file = cpa.Box([0], [2 * size]), tmp_path / "a.cpa"
    found = cpa.margin(FALLING, [F(7, 4) * size], box, norm=norm, threshold=-size, certificate=file)
    length = F(3, 4) * size
    assert (found.value, found.nearest) == (length**2 if norm == "2" else length, (size,))
    assert proved(file) == found.value


@pytest.mark.parametrize("distance", [F(10) ** -170, F(10) ** -320])
@pytest.mark.parametrize("norm", NORMS)
def test_margins_smaller_than_doubles(norm, distance, tmp_path):
    file = tmp_path / "a.cpa"
    found = cpa.margin(PLAIN, [F(1, 3) + distance, F(1, 3)], SQUARE, norm=norm, certificate=file)
    assert found.value == {"2": distance**2 / 2, "1": distance, "inf": distance / 2}[norm]
    assert proved(file) == found.value


@pytest.mark.parametrize("weights", [(F(10) ** 200, F(10) ** -200), (1, F(10) ** 320)])
@pytest.mark.parametrize("norm", NORMS)
def test_weights_of_very_different_size(norm, weights, tmp_path):
    """The lines x = y + 1/2 and the boundary of the square are reached along the heavier coordinate."""
    net, file = cpa.Network(2, (cpa.Linear([[1, 0], [0, 1]], [F(-1, 2), 0]),)), tmp_path / "a.cpa"
    found = cpa.margin(net, [1, 0], SQUARE, norm=norm, weights=weights, certificate=file)
    case = cpa.network_to_json(net), domain_to_json(SQUARE), (F(1), F(0)), norm, [F(w) for w in weights]
    assert found.value == brute_force(*case)[0]
    assert proved(file) == found.value


def test_cell_just_beyond_the_ball_with_huge_ties(tmp_path):
    """No power of two that was tried made so much of a tie harmless."""
    layers = (
        cpa.Linear([[2 * 10**300], [-1]], [2 * 10**300, 2]),
        cpa.ReLU(),
        cpa.Linear([[-1, 2]], [0]),
        cpa.ReLU(),
        cpa.Linear([[1], [0]], [-1, 1]),
        cpa.ReLU(),
    )
    net, file = cpa.Network(1, layers), tmp_path / "a.cpa"
    found = cpa.margin(net, [-2], cpa.Box([-3], [1]), norm="1", certificate=file)
    assert proved(file) == found.value is not None


def test_units_that_doubles_cannot_tell(tmp_path):
    """Weights of the norm hide units from doubles; of their patterns, up to 2**16, most are empty and are not tried."""
    network = {
        "format": "exactcpa-network",
        "version": 1,
        "input": 2,
        "layers": [
            {"type": "linear", "weight": [[-2, -1], [2, 1], [2, 1], [2, 1]], "bias": [-2, 2, 2, 2]},
            {"type": "hardtanh", "min": -1, "max": 0.5},
            {
                "type": "linear",
                "weight": [[-1, 0, -1, 1], [3, 0, 3, -3], [-1, 1, 0, 2], [-2, 0, -2, 2]],
                "bias": [-2, 6, 1, -4],
            },
            {"type": "relu6"},
            {"type": "linear", "weight": [[2, -2, -2, -1], [0, 0, 2, -2]], "bias": [-1, 2]},
        ],
    }
    domain, file = cpa.Box([-1, -3], [2, -2]), tmp_path / "a.cpa"
    weights, point = (F(1), F(10) ** -200), (F(-1), F(-3))
    found = cpa.margin(cpa.network_from_json(network), point, domain, weights=weights, certificate=file)
    assert found.value == brute_force(network, domain_to_json(domain), point, "2", weights)[0]
    assert proved(file) == found.value


WIDE = [["1e310", 1, "1e-310"], [1, "1e-330", 1], ["1e20", "1e-20", 1], ["1e310", 1, 1], [1, 1, "1e9"]]


@pytest.mark.parametrize("weights", some(WIDE, 2))
@pytest.mark.parametrize("norm", NORMS)
def test_weights_beyond_doubles_on_small_networks(norm, weights):
    for number in range(40, 43):
        case = margin_cases.case(number)
        mine = [F(w) for w in weights[: len(case.point)]]
        net, domain = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)
        found = cpa.margin(net, case.point, domain, norm=norm, weights=mine)
        assert found.value == brute_force(case.network, case.domain, case.point, norm, mine)[0], number
        if found.value is not None:
            assert distance(case.point, found.nearest, norm, mine) == found.value


@pytest.mark.parametrize("norm", NORMS)
def test_weights_beyond_doubles_in_a_triangle_and_on_a_plane(norm):
    """The set is the same, as a polytope and on a slice that is stretched by 2."""
    rows, weights, point = [[-1, 0], [0, -1], [1, 1]], [F("1e310"), F(1)], (F(1, 4), F(1, 8))
    net = random_network((2, 5, 4, 3), "d")
    triangle = cpa.Polytope(rows, [0, 0, 1])
    truth = brute_force(cpa.network_to_json(net), domain_to_json(triangle), point, norm, weights)[0]
    found = cpa.margin(net, point, triangle, norm=norm, weights=weights)
    assert found.value == truth is not None
    half = cpa.Polytope(rows, [0, 0, F(1, 2)])
    plane = cpa.Slice([0, 0], [[2, 0], [0, 2]], half)
    smaller = [w / 2 for w in weights]
    again = cpa.margin(net, [q / 2 for q in point], plane, norm=norm, weights=smaller)
    assert again.value == truth
    assert plane.embed(again.nearest) == found.nearest


@pytest.mark.parametrize("weights", [("1e310", 1, 1, 1), (1, 1, "1e40", "1e-310")])
@pytest.mark.parametrize("norm", ["2", "inf"])
def test_weights_beyond_doubles_visit_few_cells(norm, weights, tmp_path):
    """They did not finish: every pattern was settled one by one."""
    net, box, file = random_network((4, 12, 12, 3), "wide"), cpa.Box([-1] * 4, [1] * 4), tmp_path / "a.cpa"
    found = cpa.margin(net, [F(1, 3)] * 4, box, norm=norm, weights=weights, certificate=file)
    assert found.cells < 10_000
    assert proved(file) == found.value is not None
    multiple = [F(w) * 10**400 for w in weights]
    scale = F(10) ** (800 if norm == "2" else 400)
    assert cpa.margin(net, [F(1, 3)] * 4, box, norm=norm, weights=multiple).value == found.value / scale
