"""A forecast of an enumeration: cells, time, bytes, from sampled subtrees of the split tree, with what it may be off.

The tree is walked from the start first; if that comes to the end soon, the forecast is the count itself.  Otherwise
the top of the tree is walked until it ends in a *frontier* of many nodes, every cell being above the frontier or
below exactly one of its nodes.  Nodes are drawn with probabilities p, and the subtree of a drawn one is walked; if that
takes too long, all that is left of it is handed over, one piece of it is drawn, counted 1 / probability times, and
walked in turn.  So a drawn node gives an unbiased estimate Y of what is below it (Knuth 1975), and the mean of
Y / p one of what is below the frontier, whatever the p (Hansen and Hurwitz 1943).  They are fitted to a few
nodes that were drawn before and are not counted, since the closer p is to proportional to Y the better; nodes are
drawn at equal steps along the tree, so that all kinds of nodes have their share (stratified, as in Chen 1992).

What is drawn once from end to end of the frontier is a *sweep*.  Sweeps are independent of each other and equally
distributed, so their mean is unbiased and their scatter gives its standard error s.  The interval, at 95 %, is from
``m exp(-t s / m)`` to ``m exp(t s / m)`` with the mean m and the t of Student's distribution (logarithms, as
subtrees are skew).  How many sweeps there are is decided before the first.

Main definitions: `estimate_cells`, `CostEstimate`.

References:
    Knuth, Estimating the efficiency of backtrack programs (1975).
    Chen, Heuristic sampling: a method for predicting the performance of tree searching programs (1992).
    Hansen and Hurwitz, On the theory of sampling from finite populations (1943).

Not here: how subtrees are walked (`estimate_tree`), counting without sampling (`count`).
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import exp, inf, sqrt
from time import perf_counter

import numpy as np
from scipy.stats import t as student

from exactcpa.domain import Domain
from exactcpa.enumerate import method_for, require_arguments, seconds_to_load
from exactcpa.errors import BadArgument, shown
from exactcpa.estimate_tree import (
    BIGS,
    CELLS,
    CODES,
    FACETS,
    QUANTITIES,
    REALS,
    SECONDS,
    Explorer,
    Node,
    features,
)
from exactcpa.ideal import IdealNetwork
from exactcpa.network import Network
from exactcpa.switch_form import SwitchForm, switch_form

DEFAULT_SECONDS = 5.0

PROBE = 5_000
"""Steps of one stretch of a sampled subtree: some hundred cells, a few milliseconds."""

FRONTIER = 2_000
"""Nodes that the frontier has, at most; with few samples, four for each."""

SWEEPS = 16

PILOT = 0.2
"""Share of the samples that probabilities are fitted to."""

TRY, TOP = 0.2, 0.2
"""Shares of the time for the walk from the start, and for the top of the tree."""

EVEN = 0.1
"""Share of the probabilities that is the same for all nodes."""

LEVEL = 0.95

ENOUGH = 200
"""Cells of a walk whose pace is taken for that of all."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What an enumeration is going to find and take, on this machine, as busy as it is, with one process.

    Attributes:
        cells: The forecast; the number itself if `exact`.
        low, high: Interval at 95 %, see the module; both are `cells` if `exact`.
        at_least: Cells that were found: a proved lower bound.
        exact: Whether the whole tree was walked.
        edges: Pairs of neighbours, or None without facets.
        seconds: Of the walk; the region graph comes on top, a fraction of it.
        proof_bytes, partition_bytes: Of a file: of the streams of the proof, and of all else that grows with the cells.
        standard_error: Of `cells`; 0.0 if `exact`.
        sweeps, samples, frontier: How many there were.
        seconds_spent: By the forecast.
        seed: Of what was drawn.
    """

    cells: float
    low: float
    high: float
    at_least: int
    exact: bool
    edges: float | None
    seconds: float
    proof_bytes: float
    partition_bytes: float
    standard_error: float
    sweeps: int
    samples: int
    frontier: int
    seconds_spent: float
    seed: int

    def __str__(self) -> str:
        """Say it in three lines."""
        number = f"{self.edges or 0:,.0f}" if self.exact else _short(self.edges or 0)
        edges = "" if self.edges is None else f", {number} shared facets"
        cost = (
            f"about {_duration(self.seconds)} with one process; "
            f"partition {_size(self.partition_bytes)}, proof {_size(self.proof_bytes)} more"
        )
        if self.exact:
            return f"{self.cells:,.0f} cells{edges}: exact, the whole tree was walked\n{cost}"
        return (
            f"about {_short(self.cells)} cells (95 %: {_short(self.low)} to {_short(self.high)}){edges}\n{cost}\n"
            f"from {self.samples:,} subtrees in {self.sweeps} sweeps, standard error "
            f"{100 * self.standard_error / self.cells:.2g} %; proved: at least {self.at_least:,} cells"
        )


def estimate_cells(
    network: Network | IdealNetwork,
    domain: Domain,
    *,
    samples: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    facets: bool = True,
) -> CostEstimate:
    """Predict cells, time and bytes of an enumeration.

    Args:
        network: The network.
        domain: Its domain.
        samples: How many subtrees are drawn, at least 20.  All but the times depends on it and `seed` alone.
        seconds: About how long the forecast may take instead; 5 if neither is given.
        seed: Of what is drawn.
        facets: Whether the enumeration is to find facets.

    Raises:
        BadArgument: No network or domain, both limits, or one that is no number above its least.
        DimensionMismatch: The domain is not in the network's input space.
        Undecided: As `enumerate_cells`.

    Example:
        >>> import exactcpa as cpa
        >>> net = cpa.Network(2, (cpa.Linear([[1, 0], [0, 1]], [0, 0]), cpa.ReLU()))
        >>> forecast = cpa.estimate_cells(net, cpa.Box([-1, -1], [1, 1]), samples=20)
        >>> forecast.exact, forecast.cells
        (True, 4.0)
    """
    require_arguments(network, domain, method="lp", workers=1, facets=facets)
    _require_limits(samples, seconds, seed)
    form = switch_form(network, domain)
    method = method_for("auto", network, form, facets=facets)
    seconds_to_load(form, method)
    budget = _Budget(samples, DEFAULT_SECONDS if samples is None and seconds is None else seconds)
    return _Forecast(Explorer(form, domain, method, facets=facets), budget, seed, facets=facets).made()


def _require_limits(samples: object, seconds: object, seed: object) -> None:
    if samples is not None and seconds is not None:
        raise BadArgument("expected samples or seconds, got both")
    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, int) or samples < 20):
        raise BadArgument(f"expected samples to be a whole number from 20 on, got {shown(samples)}")
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < inf
    ):
        raise BadArgument(f"expected seconds to be a positive number, got {shown(seconds)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise BadArgument(f"expected seed to be a whole number from 0 on, got {shown(seed)}")


class _Budget:
    """What may be spent: samples or seconds."""

    def __init__(self, samples: int | None, seconds: float | None) -> None:
        self.samples, self.start = samples, perf_counter()
        self.seconds = inf if seconds is None else float(seconds)
        self.tried = inf if samples is None else samples * PROBE / 4
        self.frontier = FRONTIER if samples is None else min(FRONTIER, 4 * samples)

    def spent(self) -> float:
        """Seconds so far."""
        return perf_counter() - self.start

    def pilots(self) -> int:
        """How many samples probabilities are fitted to."""
        return 40 if self.samples is None else max(8, int(PILOT * self.samples))

    def per_sweep(self, pilots: int, seconds: float) -> int:
        """How many nodes a sweep draws, after so many pilots that took so long."""
        if self.samples is not None:
            return max(1, round((self.samples - pilots) / SWEEPS))
        return max(1, int((self.seconds - self.spent()) / max(1e-6, seconds / pilots) / SWEEPS))


class _Forecast:
    """One forecast."""

    def __init__(self, explorer: Explorer, budget: _Budget, seed: int, *, facets: bool) -> None:
        self._explorer, self._budget, self._seed, self._facets = explorer, budget, seed, facets
        self._source = np.random.default_rng(seed)
        self._known: dict[int, np.ndarray] = {}
        self._fit: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # the regression of `_fitted`
        self._pace: float | None = (
            None  # seconds a cell of the walk from the start, if it is long enough to tell
        )

    def made(self) -> CostEstimate:
        """Walk, sample, and say what comes out."""
        top, nodes = self._explorer.root()
        if not nodes:
            return self._told([top], top, (0, 0), exact=True)
        start = perf_counter()
        tried, is_all = self._explorer.walk_all(
            nodes[0], steps=self._budget.tried, seconds=TRY * self._budget.seconds
        )
        tried[SECONDS] = perf_counter() - start
        if is_all:
            return self._told([tried], tried, (0, 0), exact=True)
        top, nodes = self._descend(nodes)
        if not nodes:
            return self._told([top], top, (0, 0), exact=True)
        least = np.maximum(tried, top)
        self._pace = tried[SECONDS] / tried[CELLS] if tried[CELLS] >= ENOUGH else None
        if len(nodes) == 1:
            return self._told([top + self._estimated(0, nodes) for _ in range(SWEEPS)], least, (SWEEPS, 1))
        pilots = self._budget.pilots()
        start = perf_counter()
        probabilities = self._fitted(nodes, pilots)
        drawn = self._budget.per_sweep(pilots, perf_counter() - start)
        sweeps = [top + self._swept(nodes, probabilities, drawn) for _ in range(SWEEPS)]
        return self._told(sweeps, least, (drawn * SWEEPS, len(nodes)))

    def _descend(self, nodes: list[Node]) -> tuple[np.ndarray, list[Node]]:
        """Walk the top of the tree; what is in it, and the frontier in the order of the tree."""
        found, number, heap = np.zeros(QUANTITIES), count(), []
        for node in nodes:
            heappush(heap, (node.level, next(number), node))
        end = self._budget.spent() + TOP * self._budget.seconds
        while heap and len(heap) < self._budget.frontier and self._budget.spent() < end:
            more, below = self._explorer.divide(heappop(heap)[2])
            found += more
            for node in below:
                heappush(heap, (node.level, next(number), node))
        return found, sorted([node for _, _, node in heap], key=lambda node: node.place)

    def _fitted(self, nodes: list[Node], pilots: int) -> np.ndarray:
        """Probabilities of the nodes, about proportional to what is below them, by a regression on a few."""
        table = self._table(nodes)
        chosen = self._source.integers(len(nodes), size=pilots)
        sizes = np.log([1.0 + self._estimated(int(i), nodes)[CELLS] for i in chosen])
        centre, spread = table.mean(axis=0), table.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        scaled = (table - centre) / scale
        known = scaled[chosen]
        slope = np.linalg.solve(known.T @ known + np.eye(table.shape[1]), known.T @ (sizes - sizes.mean()))
        self._fit = centre, scale, slope
        logs = np.clip(scaled @ slope, *np.percentile(scaled @ slope, [1, 99]))
        weights = np.exp(logs - logs.max())
        return (1 - EVEN) * weights / weights.sum() + EVEN / len(nodes)

    def _swept(self, nodes: list[Node], probabilities: np.ndarray, drawn: int) -> np.ndarray:
        """An estimate of what is below the frontier, from nodes drawn at equal steps along it."""
        ends = np.cumsum(probabilities)
        places = (np.arange(drawn) + self._source.random()) / drawn * ends[-1]
        chosen = np.minimum(np.searchsorted(ends, places, side="right"), len(nodes) - 1)
        total = np.zeros(QUANTITIES)
        for i in chosen.tolist():
            total += self._estimated(i, nodes) / (drawn * probabilities[i])
        return total

    def _estimated(self, i: int, nodes: list[Node]) -> np.ndarray:
        """An unbiased estimate of what is below a node; it is kept if it is no estimate but all."""
        if i in self._known:
            return self._known[i]
        node, factor, total = nodes[i], 1.0, np.zeros(QUANTITIES)
        while True:
            found, left = self._explorer.explore(node, PROBE)
            total += factor * found
            if not left:
                break
            chances = self._chances(left)
            chosen = int(self._source.choice(len(left), p=chances))
            factor /= chances[chosen]
            node = left[chosen]
        if factor == 1.0 and node is nodes[i]:
            self._known[i] = total
        return total

    def _chances(self, left: list[Node]) -> np.ndarray:
        """Probabilities of the pieces that are left of a subtree.

        Half by their shares and half by the regression, once there is one: either errs where the other does not, and
        the share that is the same for all keeps what both overlook from counting too often.
        """
        shares = np.array([node.share for node in left])
        weights = shares / shares.sum()
        if self._fit is not None:
            centre, scale, slope = self._fit
            logs = (self._table(left) - centre) / scale @ slope
            guessed = np.exp(logs - logs.max())
            weights = (weights + guessed / guessed.sum()) / 2
        return (1 - EVEN) * weights + EVEN / len(left)

    def _table(self, nodes: list[Node]) -> np.ndarray:
        """Features of nodes: shape ``(nodes, features)``."""
        return np.array([features(node, len(self._explorer.form.layers)) for node in nodes])

    def _told(
        self, sweeps: list[np.ndarray], least: np.ndarray, sizes: tuple[int, int], *, exact: bool = False
    ) -> CostEstimate:
        """Mean, interval and costs."""
        mean = np.mean(sweeps, axis=0)
        cells, at_least = float(mean[CELLS]), max(1, int(least[CELLS]))
        error = 0.0 if exact else float(np.std([s[CELLS] for s in sweeps], ddof=1)) / sqrt(len(sweeps))
        spread = 0.0 if exact else exp(student.ppf((1 + LEVEL) / 2, len(sweeps) - 1) * error / cells)
        return CostEstimate(
            cells=cells,
            low=cells if exact else max(cells / spread, float(at_least)),
            high=cells if exact else max(cells * spread, float(at_least)),
            at_least=int(cells) if exact else at_least,
            exact=exact,
            edges=float(mean[FACETS]) / 2 if self._facets else None,
            seconds=float(mean[SECONDS]) if self._pace is None else self._pace * cells,
            proof_bytes=float(2 * mean[CODES] + 8 * mean[REALS] + mean[BIGS]),
            partition_bytes=_partition_bytes(self._explorer.form, mean, facets=self._facets),
            standard_error=error,
            sweeps=0 if exact else len(sweeps),
            samples=sizes[0],
            frontier=sizes[1],
            seconds_spent=self._budget.spent(),
            seed=self._seed,
        )


def _partition_bytes(form: SwitchForm, mean: np.ndarray, *, facets: bool) -> float:
    """Patterns and witnesses; with facets also first facet and linear region, and cell across and bit of each."""
    each = 8 * form.words + 8 * form.dimension + (16 if facets else 0)
    return float(each * mean[CELLS] + (12 * mean[FACETS] if facets else 0))


def _short(value: float) -> str:
    """A number with three digits that count."""
    return (
        f"{value:,.0f}"
        if value < 1000
        else f"{float(f'{value:.3g}'):,.0f}"
        if value < 1e15
        else f"{value:.2e}"
    )


def _duration(seconds: float) -> str:
    for least, unit, name in ((172_800, 86_400, "days"), (7_200, 3_600, "hours"), (120, 60, "minutes")):
        if seconds >= least:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.2g} seconds"


def _size(value: float) -> str:
    for least, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= least:
            return f"{value / least:.3g} {name}"
    return f"{value:.0f} bytes"
