"""Forecasts: unbiased, with intervals that hold as often as they say, exact if they come to the end."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from degenerate import CASES
from sparing import some

import exactcpa as cpa
from exactcpa import estimate
from exactcpa.cli import main
from exactcpa.switch_form import switch_form

NETWORKS = Path(__file__).resolve().parent.parent / "data" / "networks"


def box(d):
    return cpa.Box([-1] * d, [1] * d)


def data_network(name):
    return cpa.load_network(NETWORKS / f"{name}.json")


@pytest.fixture
def short(monkeypatch):
    """Short stretches and a small frontier, so that small trees are sampled like large ones, several levels deep."""
    monkeypatch.setattr(estimate, "PROBE", 120)
    monkeypatch.setattr(estimate, "FRONTIER", 24)


def sampled(net, dom, *, seed, samples=40, **options):
    """A forecast that does not walk everything first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate._Budget, "spent", lambda self: 0.0)
        honest = estimate._Budget.__init__

        def hurried(self, *arguments):
            honest(self, *arguments)
            self.tried = 1.0

        patch.setattr(estimate._Budget, "__init__", hurried)
        return cpa.estimate_cells(net, dom, samples=samples, seed=seed, **options)


@pytest.mark.parametrize("name", CASES)
def test_exact_if_the_tree_is_small(name):
    case = CASES[name]
    net, dom = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)

    forecast = cpa.estimate_cells(net, dom, samples=200)

    assert forecast.exact
    assert (forecast.cells, forecast.edges) == (case.cells, case.edges)
    assert forecast.low == forecast.high == forecast.at_least == case.cells
    assert f"{case.cells:,} cells" in str(forecast)
    assert "exact" in str(forecast)


@pytest.mark.parametrize(
    "name", some(["random_2_16_16", "zero_bias_3_16_16", "random_3_16_16", "integer_3_16_16"], 1)
)
def test_mean_over_seeds_is_the_count(name, short):
    """Unbiased: the mean of many forecasts is within its own standard error, for cells and for facets."""
    net = data_network(name)
    true = cpa.count_cells(net, box(net.input), facets=True)
    forecasts = [sampled(net, box(net.input), seed=seed) for seed in range(40)]
    assert not any(forecast.exact for forecast in forecasts)

    for values, right in (
        ([forecast.cells for forecast in forecasts], true.cells),
        ([forecast.edges for forecast in forecasts], true.edges),
    ):
        error = np.std(values, ddof=1) / len(values) ** 0.5
        assert error > 0
        assert abs(np.mean(values) - right) < 3.5 * error  # once in 2,000


class Scripted:
    """Draws what a script says, then always the first, and remembers how likely all that was."""

    def __init__(self, script):
        self.script, self.seen, self.chance = script, [], 1.0

    def choice(self, n, p):
        k = self.script[len(self.seen)] if len(self.seen) < len(self.script) else 0
        self.seen.append((k, n))
        self.chance *= p[k]
        return k

    def following(self):
        """The next script in lexicographic order, or None."""
        seen = [*self.seen]
        while seen and seen[-1][0] == seen[-1][1] - 1:
            seen.pop()
        return [*(k for k, _ in seen[:-1]), seen[-1][0] + 1] if seen else None


def expected(forecast, i, nodes):
    """Mean and mean square of the estimate of what is below a node, over everything that can be drawn."""
    script, chance, mean, square = [], 0.0, 0.0, 0.0
    while script is not None:
        forecast._known.clear()
        source = forecast._source = Scripted(script)
        found = forecast._estimated(i, nodes)
        chance, mean, square = (
            chance + source.chance,
            mean + source.chance * found,
            square + source.chance * found**2,
        )
        script = source.following()
    assert chance == pytest.approx(1.0)
    return mean, square


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("method", ["lp", "vertex"])
@pytest.mark.parametrize("name", ["deep_narrow_2_8x8", "random_2_16_16"])
def test_unbiased_over_all_draws(name, method, fitted, short):
    """Not a mean over seeds, which a skew distribution keeps low, but the expectation itself, by hand of all draws.

    On the deep network forecasts are very skew: one is off by the count itself.
    """
    net = data_network(name)
    true = cpa.count_cells(net, box(net.input), facets=True)
    form = switch_form(net, box(net.input))
    explorer = estimate.Explorer(form, box(net.input), method, facets=True)
    forecast = estimate._Forecast(explorer, estimate._Budget(40, None), 0, facets=True)
    _, nodes = explorer.root()
    total, nodes = forecast._descend(nodes)
    if fitted:
        forecast._fitted(nodes, 12)
    below = [expected(forecast, i, nodes) for i in range(len(nodes))]
    total = total + sum(mean for mean, _ in below)

    assert total[estimate.CELLS] == pytest.approx(true.cells, rel=1e-9)
    assert total[estimate.FACETS] == pytest.approx(2 * true.edges, rel=1e-9)
    variance = sum(square[0] - mean[0] ** 2 for mean, square in below)
    assert variance > 0 if name == "random_2_16_16" else variance > (true.cells / 2) ** 2


def test_unbiased_over_all_places(short):
    """The places where a sweep draws, at equal steps from an offset: the mean over offsets is the whole."""
    net = data_network("random_2_16_16")
    true = cpa.count_cells(net, box(2)).cells
    explorer = estimate.Explorer(switch_form(net, box(2)), box(2), "lp", facets=False)
    forecast = estimate._Forecast(explorer, estimate._Budget(40, None), 0, facets=False)
    top, nodes = forecast._descend(explorer.root()[1])
    forecast._known = {
        i: explorer.walk_all(node, steps=np.inf, seconds=60)[0] for i, node in enumerate(nodes)
    }
    probabilities = 0.8 * np.random.default_rng(0).dirichlet(np.ones(len(nodes))) + 0.2 / len(nodes)
    offsets = ((np.arange(5000) + 0.5) / 5000).tolist()
    forecast._source = SimpleNamespace(random=lambda: offsets.pop())
    mean = np.mean([forecast._swept(nodes, probabilities, 3)[estimate.CELLS] for _ in range(5000)])

    assert top[estimate.CELLS] + mean == pytest.approx(true, rel=1e-2)


def test_ideal_reading(short):
    lines = cpa.Linear([[a, 7 - a * a % 11] for a in range(1, 9)], list(range(-4, 4)))
    norm = cpa.BatchNorm(mean=[0] * 8, variance=[2] * 8, gamma=[1] * 8, beta=["1/3"] * 8, epsilon="1e-5")
    net = cpa.IdealNetwork(cpa.Network(2, (lines, norm, cpa.ReLU(), cpa.Linear([[1] * 8], [0]))), ())
    true = cpa.count_cells(net, box(2)).cells
    forecasts = [sampled(net, box(2), seed=seed, samples=20).cells for seed in range(20)]

    assert cpa.estimate_cells(net, box(2), samples=100).cells == true
    assert abs(np.mean(forecasts) - true) <= 3.5 * np.std(forecasts, ddof=1) / 20**0.5 + 1e-9


@pytest.mark.slow
def test_intervals_hold(short):
    """Of 80 intervals at 95 %, on small trees in pieces, not fewer than 85 % hold."""
    held = []
    for name in ("random_2_16_16", "random_3_16_16", "integer_3_16_16", "zero_bias_3_16_16"):
        net = data_network(name)
        true = cpa.count_cells(net, box(net.input)).cells
        for seed in range(20):
            forecast = sampled(net, box(net.input), seed=100 + seed, samples=60, facets=False)
            held.append(forecast.low <= true <= forecast.high)
            assert forecast.at_least <= true

    assert np.mean(held) >= 0.85


def test_same_seed_same_forecast(short):
    net = data_network("random_3_16_16")
    one, two, other = (sampled(net, box(3), seed=seed) for seed in (5, 5, 6))
    timeless = {"seconds": 0.0, "seconds_spent": 0.0}

    assert replace(one, **timeless) == replace(two, **timeless)
    assert one.cells != other.cells


def test_bytes_of_a_file(tmp_path):
    net = data_network("random_3_16_16")
    path = tmp_path / "out.cpa"
    cpa.enumerate_cells(net, box(3), proof=path)

    forecast = cpa.estimate_cells(net, box(3), samples=500)

    assert forecast.exact
    assert forecast.proof_bytes + forecast.partition_bytes == pytest.approx(path.stat().st_size, rel=0.1)


def test_limited_by_time():
    net = data_network("random_8_10_10")

    forecast = cpa.estimate_cells(net, box(8), seconds=0.02)

    assert not forecast.exact
    assert 0 < forecast.at_least <= forecast.low <= forecast.cells <= forecast.high
    assert forecast.at_least < 27829


def test_without_facets():
    forecast = cpa.estimate_cells(data_network("random_2_16_16"), box(2), samples=100, facets=False)

    assert (forecast.cells, forecast.edges) == (99, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 3},
        {"samples": 20.0},
        {"samples": True},
        {"seconds": 0},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"samples": 20, "seconds": 1},
        {"seed": -1},
        {"seed": None},
        {"facets": "no"},
    ],
)
def test_rejects_arguments(wrong):
    with pytest.raises(cpa.BadArgument, match="expected"):
        cpa.estimate_cells(data_network("random_2_16_16"), box(2), **wrong)


def test_command(capsys):
    words = ["estimate", str(NETWORKS / "random_2_16_16.json"), "--box", "-1", "1", "--samples", "50"]

    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["cells"], facts["exact"]) == (99, True)
    assert main(words) == 0
    assert "99 cells, 172 shared facets: exact, the whole tree was walked" in capsys.readouterr().out
