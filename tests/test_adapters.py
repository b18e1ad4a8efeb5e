"""The adapters: what each tool says becomes claims that are judged right where it is right and refuted where not.

Tests that need a tool are left out where it is not installed.
"""

import subprocess
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sparing import some

import exactcpa as cpa
from exactcpa.adapters.attacks import claims_from_attack, margin_body, pgd
from exactcpa.adapters.autograd import claims_from_autograd, local_maps
from exactcpa.adapters.float_network import FloatNetwork, input_points, to_torch
from exactcpa.adapters.hull_complexity import claims_from_hulls, hull_vertices, units_cutting
from exactcpa.adapters.interval_bounds import claims_from_bounds, interval_bounds, lirpa_bounds
from exactcpa.adapters.polygons import claims_from_polygons, clip
from exactcpa.adapters.relucent_adapter import Exploration, claims_from_complex, explore
from exactcpa.adapters.sampling import (
    claims_from_sampling,
    grid_points,
    module_patterns,
    patterns_seen,
    random_points,
)
from exactcpa.crosscheck.claim import Outcome

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
SQUARE = cpa.Box([-1, -1], [1, 1])
CASES = cpa.hard_cases()
# relu(x) + relu(y), minus relu(x + y - 1/2): seven cells.
TRIANGLE = cpa.Network(
    2, [cpa.Linear([[1, 0], [0, 1], [1, 1]], [0, 0, "-1/2"]), cpa.ReLU(), cpa.Linear([[1, 1, -1]], [0])]
)

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
needs_relucent = pytest.mark.skipif(find_spec("relucent") is None, reason="relucent is not installed")
needs_lirpa = pytest.mark.skipif(find_spec("auto_LiRPA") is None, reason="auto_LiRPA is not installed")


def moons():
    return cpa.load_network(str(ROOT / "data" / "networks" / "moons.json")), cpa.Box([-2, -2], [3, 2])


# float_network


def test_floats_agree_with_the_network():
    net, domain = moons()
    points = random_points(domain, 20)

    exact = [[float(q) for q in net.forward(point)] for point in points.tolist()]

    assert np.allclose(FloatNetwork.of(net)(points), exact)
    assert np.allclose(FloatNetwork.of(net, np.float32)(points), exact, atol=1e-3)


def test_rejects_what_is_no_chain():
    with pytest.raises(cpa.BadArgument, match=r"layer 0: float tools read chains; expected linear, got abs"):
        FloatNetwork.of(cpa.Network(2, [cpa.Abs()]))
    with pytest.raises(cpa.BadArgument, match="end in a linear layer"):
        FloatNetwork.of(cpa.Network(2, [cpa.Linear([[1, 1]], [0]), cpa.ReLU()]))


def test_slices_are_embedded():
    plane = cpa.Slice([1, 2, 3], [[1, 0], [0, 1], [1, 1]], SQUARE)

    assert input_points(plane, np.array([[0.5, 0.25]])).tolist() == [[1.5, 2.25, 3.75]]


# sampling


def test_sampled_patterns_are_those_of_the_forward_pass():
    points = np.array([[0.75, 0.75], [-0.5, -0.5], [-0.75, -0.25], [0.5, -0.5]])

    patterns, first = patterns_seen(FloatNetwork.of(TRIANGLE).patterns, SQUARE, points)

    assert patterns.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert first.tolist() == [[-0.5, -0.5], [0.5, -0.5], [0.75, 0.75]]


def test_enough_samples_are_confirmed():
    report = cpa.crosscheck(
        None, claims_from_sampling(TRIANGLE, SQUARE, random_points(SQUARE, 2000), complete=True)
    )

    assert [verdict.outcome for verdict in report.claims] == [Outcome.CONFIRMED] * 2


def test_few_samples_are_refuted_with_the_missing_cells():
    claims = claims_from_sampling(TRIANGLE, SQUARE, np.array([[0.75, 0.75], [-0.5, -0.5]]), complete=True)
    report = cpa.crosscheck(TRIANGLE, claims, SQUARE)

    assert report.is_refuted
    assert report["patterns"].figures["missing"] == 5
    assert report["cells"].error == -5


def test_few_samples_confirm_a_lower_bound():
    report = cpa.crosscheck(None, claims_from_sampling(TRIANGLE, SQUARE, np.array([[0.75, 0.75]])))

    assert not report.is_refuted


def test_a_sampler_may_be_any_callable():
    def wrong(points):
        return np.tile([1, 0, 1], (len(points), 1))  # x > 0, y < 0, x + y > 1/2 is a cell

    def phantom(points):
        return np.tile([0, 0, 1], (len(points), 1))  # but x, y < 0 < x + y - 1/2 is none

    points = random_points(SQUARE, 3)
    assert not cpa.crosscheck(None, claims_from_sampling(TRIANGLE, SQUARE, points, wrong)).is_refuted
    assert cpa.crosscheck(None, claims_from_sampling(TRIANGLE, SQUARE, points, phantom)).is_refuted


def test_rejects_patterns_of_another_shape():
    with pytest.raises(cpa.BadArgument, match="shape"):
        patterns_seen(lambda points: np.ones(len(points)), SQUARE, random_points(SQUARE, 3))


def test_points_of_a_polytope_are_inside():
    simplex = cpa.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])

    assert all(simplex.contains(point) for point in random_points(simplex, 50).tolist())
    assert len(grid_points(simplex, 10)) == 55


@needs_torch
def test_module_patterns_are_those_of_the_network():
    net, domain = moons()
    points = random_points(domain, 200)

    assert (module_patterns(to_torch(net))(points) == FloatNetwork.of(net).patterns(points)).all()
    assert not cpa.crosscheck(None, claims_from_sampling(net, domain, points, to_torch(net))).is_refuted


# relucent


class Polyhedron:
    """What the adapter reads of relucent's."""

    codim = 0

    def __init__(self, *signs):
        self.ss_np, self.tag = np.array([signs]), bytes(s + 1 for s in signs)


class Complex(list):
    def dual_graph(self, *, repair):
        assert not repair
        return self

    def edges(self):
        return [(self[0], self[1]), (self[1], self[2])]


QUADRANTS = cpa.Network(2, [cpa.Linear([[1, 0], [0, 1]], [0, 0]), cpa.ReLU(), cpa.Linear([[1, 1]], [0])])


def test_a_complex_as_claims():
    cells = Complex([Polyhedron(1, 1), Polyhedron(-1, 1), Polyhedron(-1, -1), Polyhedron(1, -1)])
    claims = claims_from_complex(QUADRANTS, SQUARE, cells, is_complete=True, adjacent=True)
    report = cpa.crosscheck(None, claims)

    assert report["patterns"].outcome is report["cells"].outcome is Outcome.CONFIRMED
    assert report["dual graph"].outcome is Outcome.REFUTED  # two of the four edges are not listed


def test_an_incomplete_complex_claims_no_more_than_it_lists():
    report = cpa.crosscheck(
        None, claims_from_complex(QUADRANTS, SQUARE, [Polyhedron(1, 1)], is_complete=False)
    )

    assert not report.is_refuted


@needs_relucent
def test_relucent_on_a_generic_network():
    found = explore(TRIANGLE, cpa.Box([-2, -1], [1, 2]), seconds=60)
    claims = claims_from_complex(
        TRIANGLE, cpa.Box([-2, -1], [1, 2]), found.complex, is_complete=found.is_complete
    )

    assert found.is_complete
    assert not cpa.crosscheck(None, claims).is_refuted


@needs_relucent
def test_relucent_stops_on_duplicates_and_says_so():
    case = CASES["copies_5"]
    found = explore(case.network, case.domain, seconds=60)

    assert isinstance(found, Exploration)
    assert not found.is_complete
    assert found.note


# polygons


@pytest.mark.parametrize(
    "name", ["lines_through_a_point_5", "grid_with_both_diagonals_4", "flat_in_one_quadrant"]
)
def test_clipping_lists_the_cells(name):
    case = CASES[name]
    found = clip(case.network, case.domain)

    assert len(found.polygons) == case.cells
    part = cpa.enumerate_cells(case.network, case.domain)
    assert set(map(tuple, found.patterns.tolist())) == {tuple(p.tolist()) for p in part.patterns}


def test_clipping_with_a_tolerance_loses_thin_cells():
    case = CASES["strip_1e-12"]

    assert len(clip(case.network, case.domain).polygons) == 2
    assert len(clip(case.network, case.domain, tolerance=0).polygons) == 3


def test_clipping_without_a_tolerance_makes_up_cells():
    case = CASES["bn_negated_5"]

    assert len(clip(case.network, case.domain).polygons) == 10
    assert len(clip(case.network, case.domain, tolerance=0).polygons) > 10


def test_clipping_a_slice():
    plane = cpa.Slice([0, 0, 0], [[1, 0], [0, 1], [0, 0]], SQUARE)
    net = cpa.Network(3, [cpa.Linear([[1, 0, 5], [0, 1, 7]], [0, 0]), cpa.ReLU(), cpa.Linear([[1, 1]], [0])])

    assert len(clip(net, plane).polygons) == 4


def test_rejects_clipping_in_space():
    with pytest.raises(cpa.BadArgument, match="plane"):
        clip(CASES["braid_3"].network, CASES["braid_3"].domain)


def test_polygons_as_claims():
    found = clip(TRIANGLE, SQUARE)
    wrong = [*found.polygons[1:], found.polygons[0] + 0.125]

    right = claims_from_polygons(
        TRIANGLE, SQUARE, found.polygons, patterns=found.patterns, tolerance=Fraction(1, 10**9)
    )
    assert not cpa.crosscheck(None, right).is_refuted
    assert cpa.crosscheck(None, claims_from_polygons(TRIANGLE, SQUARE, wrong)).is_refuted


# autograd


@needs_torch
def test_autograd_gives_the_maps_of_cells():
    net, domain = moons()
    claims = claims_from_autograd(net, domain, random_points(domain, 20), tolerance=Fraction(1, 10**9))

    assert not cpa.crosscheck(None, claims).is_refuted


@needs_torch
def test_autograd_is_wrong_where_units_of_opposite_sign_switch():
    """relu(x) - relu(-x) = x has slope 1 everywhere; torch says 0 at 0."""
    case = CASES["negated_pairs_affine"]
    matrices, _ = local_maps(to_torch(case.network), [[0.0, 0.5]])
    report = cpa.crosscheck(None, claims_from_autograd(case.network, case.domain, np.array([[0.0, 0.5]])))

    assert matrices.tolist() != [[[2.0, 2.0]]]
    assert report.is_refuted


# attacks


def test_margins_as_claims():
    """Classes x and 1/2 on [-1, 1]: the boundary is at 1/2."""
    net = cpa.Network(1, [cpa.Linear([[1], [0]], [0, "1/2"])])
    point = np.array([0.0])

    def outcome(**fields):
        claim = cpa.Claim("m", "margin", margin_body(point, "inf", **fields))
        return cpa.crosscheck(net, [claim], cpa.Box([-1], [1]))["m"].outcome

    assert outcome(adversarial=np.array([0.75])) is Outcome.CONFIRMED
    assert outcome(adversarial=np.array([0.25])) is Outcome.REFUTED
    assert outcome(lower=0.25) is Outcome.CONFIRMED
    assert outcome(lower=0.75) is Outcome.REFUTED


@needs_torch
@pytest.mark.parametrize("norm", ["inf", "2"])
def test_adversarial_points_of_pgd_are_confirmed(norm):
    net, domain = moons()
    points = random_points(domain, 2, seed=1)
    effort = {"steps": 10, "restarts": 2, "halvings": 4}
    claims = claims_from_attack(net, domain, points, to_torch(net), norm=norm, largest=2.0, **effort)

    assert claims.claims
    assert not cpa.crosscheck(None, claims).is_refuted


@needs_torch
def test_pgd_that_fails_is_no_proof():
    module = to_torch(cpa.Network(1, [cpa.Linear([[1], [0]], [0, "1/2"])]))

    assert pgd(module, np.array([0.0]), 0.25) is None
    assert pgd(module, np.array([0.0]), 0.75)[0] > 0.5


# interval bounds


def test_interval_bounds_of_integers_are_sound():
    net, domain = CASES["integer_2_8_8"].network, CASES["integer_2_8_8"].domain
    report = cpa.crosscheck(None, claims_from_bounds(net, domain, interval_bounds(net, domain)))

    assert not report.is_refuted
    assert [verdict.claim_id for verdict in report.claims] == ["layer 0", "layer 1", "outputs"]


def test_interval_bounds_in_floats_are_not():
    """The float nearest to 7/10 is below it, in both precisions, and so is the upper bound at x = 1."""
    net, domain = cpa.Network(1, [cpa.Linear([["7/10"]], [0])]), cpa.Box([-1], [1])
    for dtype in (np.float32, np.float64):
        bounds = interval_bounds(net, domain, dtype)
        report = cpa.crosscheck(None, claims_from_bounds(net, domain, bounds))

        assert Fraction(float(bounds[0][1][0])) < Fraction(7, 10)
        assert report["outputs"].outcome is Outcome.REFUTED


def test_wrong_bounds_are_refuted():
    low, high = interval_bounds(TRIANGLE, SQUARE)[-1]
    report = cpa.crosscheck(None, claims_from_bounds(TRIANGLE, SQUARE, [(low, high * 0)]))

    assert report["outputs"].outcome is Outcome.REFUTED


@needs_lirpa
def test_lirpa_bounds_are_judged():
    claims = claims_from_bounds(TRIANGLE, SQUARE, lirpa_bounds(TRIANGLE, SQUARE), tool="auto_LiRPA")

    assert cpa.crosscheck(None, claims).claims


# hulls


def test_hull_vertices_are_at_the_radius():
    vertices = hull_vertices([1.0, 2.0, 3.0], 0.5)

    assert vertices.shape == (6, 3)
    assert np.allclose(np.linalg.norm(vertices - [1, 2, 3], axis=1), 0.5)


def test_hulls_count_units_in_the_first_layer():
    cutting = units_cutting(FloatNetwork.of(TRIANGLE), hull_vertices([0.0, 0.75], 0.1))
    report = cpa.crosscheck(None, claims_from_hulls(TRIANGLE, SQUARE, [[0.0, 0.75], [-0.5, -0.5]], 0.1))

    assert [layer.tolist() for layer in cutting] == [[True, False, False]]
    assert not report.is_refuted


def test_hulls_miss_units_behind_the_first_layer():
    """relu(|x| - 1/8) bends twice within [-1/4, 1/4]; at both ends its pre-activation is 1/8."""
    layers = [cpa.Linear([[1], [-1]], [0, 0]), cpa.ReLU(), cpa.Linear([[1, 1]], ["-1/8"]), cpa.ReLU()]
    net = cpa.Network(1, [*layers, cpa.Linear([[1]], [0])])
    report = cpa.crosscheck(None, claims_from_hulls(net, cpa.Box([-1], [1]), [[0.0]], 0.25))

    assert report["hull 0"].outcome is Outcome.REFUTED
    assert report["hull 0"].error == -1


# scripts


@pytest.mark.parametrize("name", some(["relucent", "autograd", "attack", "bounds"], 2))
def test_scripts_without_their_tool(name, tmp_path):
    """A tool that is missing: a sentence and exit code 0, or 2 if it is required."""
    blocked = "import importlib.util as u, runpy, sys; f = u.find_spec\n"
    blocked += "u.find_spec = lambda n, *a: None if n in ('torch', 'relucent', 'auto_LiRPA') else f(n, *a)\n"
    blocked += "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    script = str(SCRIPTS / f"crosscheck_{name}.py")
    environment = {"PYTHONPATH": f"{ROOT}:{SCRIPTS}", "PATH": ""}
    command = [sys.executable, "-c", blocked, script, "--require"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 2, done.stderr
    assert "is not installed" in done.stderr


@pytest.fixture
def _scripts_are_importable(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)


@pytest.mark.usefixtures("_scripts_are_importable")
def test_script_sampling(capsys):
    from crosscheck_sampling import main

    assert main(["--samples", "400"]) == 0
    told = capsys.readouterr().out
    assert "moons, grid: 2 claims: 2 refuted" in told
    assert "bn_parallel_6: 2 claims: 2 confirmed" in told


@pytest.mark.usefixtures("_scripts_are_importable")
def test_script_hard(capsys, monkeypatch):
    import crosscheck_hard

    monkeypatch.setattr(crosscheck_hard, "is_missing", lambda *_: True)
    assert crosscheck_hard.main(["--family", "thin", "--samples", "100", "--each"]) == 0
    told = capsys.readouterr().out
    assert "thin" in told
    assert "strip_1e-300: wrong: 2 of 2 listed patterns are cells; 1 of 3 cells are not listed" in told
