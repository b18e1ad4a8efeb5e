"""The margin of a point: the nearest point of another class, found in a box around the point that provably holds it.

A guess of the margin, from going downhill, gives a box; its cells are enumerated by the split tree, proved complete;
every cell and rival has a rigorous lower bound of the distance of a tie there, and those that may be nearest are
settled exactly.  If the nearest tie of the box is no farther than the box reaches, it is the nearest of all; else the
box grows.

Main definitions:
    search: The question.
    Found: The answer.
    solve_exactly: The nearest tie on one cell with one rival.
    around: The domain within a box around a point.

Conventions:
    Values of l2 are squares.  Row numbers are pattern bits, ``-1 - k`` for wall k of the domain (`margin_ground`).

References:
    Croce and Hein, Minimally distorted adversarial examples with a fast adaptive boundary attack (2020): the guess.

Not here: arguments and labels (`point_margins`), the certificate (`margin_file`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isinf, isqrt, sqrt
from operator import mul
from typing import Any

import numpy as np
from flint import fmpz

from exactcpa.cell import slack_of
from exactcpa.errors import CertificateRejected
from exactcpa.exact_points import common
from exactcpa.float_form import FloatDomain, above, below, rounded
from exactcpa.kernels import margins, state
from exactcpa.margin_ground import Ground, Slack
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.patterns import integer
from exactcpa.vectors import Vector
from exactcpa.walk import walk

STARTS = 3
"""Points from which the attack goes downhill: the point itself and others near it."""
MANY = 2000
"""Cells after which a walk of a box that has turned out to be too large is begun again."""
TIE = 2**62
LOOSE = 1.0 + 1e-6


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest point of another class.

    Attributes:
        value: Its distance (l2: the square), or None if there is none in the domain.
        nearest: The point.
        rival: Its class.
        cells: Cells visited, those of boxes that were too small included.
        radius: The box that was enumerated last reaches so far from the point, in units of the weights.
    """

    value: Fraction | None
    nearest: Vector | None
    rival: int | None
    cells: int
    radius: Fraction


@dataclass(frozen=True, slots=True)
class Around:
    """A domain within a box around one of its points; what the walk needs of a domain.

    Attributes:
        dimension, lower, upper, rows, interior: As of a domain; the bounding box need not be the least one.
        is_whole: Whether it is the whole domain.
    """

    dimension: int
    lower: Vector
    upper: Vector
    rows: tuple[tuple[Vector, Fraction], ...]
    interior: Vector
    is_whole: bool


def search(ground: Ground, point: Vector, mine: int, *, guess: float | None = None) -> Found:
    """Find the nearest point of another class.

    Args:
        ground: The network over the domain.
        point: In the domain.
        mine: Its class; no other output is as large there.
        guess: Of the margin (not squared); found by an attack if None.
    """
    place = np.array([rounded(q) for q in inner(ground, point)]).T.copy()
    reach = _reach(ground, point)
    radius = _attack(ground, place, mine) if guess is None else guess
    radius = reach / 8 if isinf(radius) else radius * LOOSE
    cells = 0
    while True:
        region, floats = around(ground, point, radius)
        attempt = _Attempt(ground, point, place, mine, min(radius, reach) if region.is_whole else radius)
        cells += attempt.run(region, floats)
        if attempt.better < radius:
            radius = attempt.better
            continue
        best = attempt.settle()
        exact = Fraction(radius)
        if best is not None and (region.is_whole or best[0].value <= _power(ground, exact)):
            nearest, rival = best
            _require_tie(ground, nearest.point, mine, rival)
            return Found(nearest.value, nearest.point, rival, cells, exact)
        if region.is_whole and radius >= reach:
            return Found(None, None, None, cells, exact)
        if region.is_whole:  # all of the domain was walked, but what is beyond the radius was left out
            radius = reach
        else:
            radius = 2 * radius if best is None else root_above(ground, best[0].value)


def inner(ground: Ground, point: Sequence[Fraction]) -> list[Fraction]:
    """A point in the kernels' coordinates."""
    centre, scale = ground.floats.box[state.CENTRE].tolist(), ground.floats.box[state.SCALE].tolist()
    return [(q - Fraction(c)) / Fraction(s) for q, c, s in zip(point, centre, scale, strict=True)]


def _power(ground: Ground, length: Fraction) -> Fraction:
    """A length as values are given: in l2 its square."""
    return length * length if ground.measure.is_squared else length


def root_above(ground: Ground, value: Fraction) -> float:
    """A length whose value is not below a given one."""
    if not ground.measure.is_squared:
        return above(value)
    shift = 2 * max(0, 64 - (value.numerator.bit_length() - value.denominator.bit_length()) // 2)
    root = isqrt((value.numerator << shift) // value.denominator) + 1
    return above(Fraction(root, 1 << shift // 2))


def _reach(ground: Ground, point: Vector) -> float:
    """No point of the domain is farther away."""
    sides = zip(ground.domain.lower, ground.domain.upper, point, strict=True)
    most = [max(high - q, q - low) for low, high, q in sides]
    return root_above(ground, ground.measure.length(most))


def _attack(ground: Ground, place: np.ndarray, mine: int) -> float:
    """A guess of the margin."""
    box, x = ground.floats.box, place[0]
    source = np.random.default_rng(0)
    steps = (
        source.uniform(-0.5, 0.5, (STARTS, ground.dimension)) * (box[state.UPPER] - box[state.LOWER]) * 0.2
    )
    steps[0] = 0.0
    starts = np.clip(x + steps, box[state.LOWER], box[state.UPPER])
    return margins.attack(
        ground.scaled.arrays,
        ground.groups,
        ground.floats.rows,
        box,
        x,
        ground.weights,
        ground.scales,
        ground.norm,
        mine,
        starts,
    )


def around(ground: Ground, point: Vector, radius: float) -> tuple[Around, FloatDomain]:
    """The part of the domain within a box that contains the open ball of a radius, exactly and in doubles.

    A side of the box is a double in the kernels' coordinates, so that nothing is rounded; where the domain ends before
    it, it is the domain's.
    """
    domain, whole, d = ground.domain, ground.floats, ground.dimension
    box, rows = whole.box.copy(), whole.rows.copy()
    lower, upper, is_whole = list(domain.lower), list(domain.upper), True
    for j in range(d):
        centre, scale = Fraction(box[state.CENTRE, j]), Fraction(box[state.SCALE, j])
        half = Fraction(radius) * ground.measure.weights[j]
        low, high = below((point[j] - half - centre) / scale), above((point[j] + half - centre) / scale)
        for side, end, k in ((-1, low, j), (1, high, d + j)):
            exact = centre + scale * Fraction(end)
            ends = lower if side < 0 else upper
            if (ends[j] - exact) * side > 0:
                ends[j], is_whole = exact, False
                box[state.LOWER if side < 0 else state.UPPER, j] = end
                rows[k, 0] = side * end * rows[k, d + 5]
                size = abs(rows[k, 0]) + abs(rows[k, 1 + j]) * box[state.RADIUS, j]
                rows[k, d + 1], rows[k, d + 2], rows[k, d + 4] = 0.0, size * (1 + 1e-9), 0.0
                rows[k, d + 3] = float(end == 0.0)
    inside = _interior(domain.interior, point, lower, upper)
    region = Around(d, tuple(lower), tuple(upper), domain.rows, inside, is_whole)
    return region, FloatDomain(box, rows, whole.start)


def _interior(centre: Vector, point: Vector, lower: Sequence[Fraction], upper: Sequence[Fraction]) -> Vector:
    """A point between the domain's interior point and the given one, strictly inside the box."""
    share = Fraction(1)
    for c, q, low, high in zip(centre, point, lower, upper, strict=True):
        if c != q:
            room = (high - q) / (c - q) if c > q else (q - low) / (q - c)
            if room <= share:
                share = room / 2
    return tuple([q + share * (c - q) for c, q in zip(centre, point, strict=True)])


class _Attempt:
    """One box: its cells are measured as they come, and what may be nearest is kept."""

    def __init__(self, ground: Ground, point: Vector, place: np.ndarray, mine: int, radius: float) -> None:
        self._ground, self._point, self._place, self._mine = ground, point, place, mine
        self._radius = radius
        self._limit = (radius * radius if ground.measure.is_squared else radius) * LOOSE
        self._kept: list[tuple[float, float, int, int, tuple[int, ...]]] = []
        self.better = inf

    def run(self, region: Around, floats: FloatDomain) -> int:
        """Walk the box; returns the number of cells.  Leaves early with a smaller radius in `better`."""
        ground, cells = self._ground, 0
        for chunk in walk(ground.form, region, floats, ground.scaled, facets=False, proof=False):
            cells += len(chunk.bits)
            if len(chunk.bits):
                self._measure(chunk.bits)
            if cells > MANY and chunk.tally.share < 0.5:
                limit = sqrt(self._limit) if ground.measure.is_squared else self._limit
                if limit < 0.7 * self._radius:
                    self.better = limit * LOOSE
                    return cells
        return cells

    def _measure(self, words: np.ndarray) -> None:
        ground = self._ground
        bounds, values, _, tight, _ = margins.measure_cells(
            ground.scaled.arrays,
            ground.groups,
            words,
            ground.floats.rows,
            ground.floats.box,
            self._place,
            ground.weights,
            ground.scales,
            ground.norm,
            self._mine,
            self._limit,
        )
        self._limit = min(self._limit, float(values.min()) * LOOSE)
        for i, rival in zip(*np.nonzero(bounds <= self._limit), strict=True):
            numbers = tuple([n for n in tight[i, rival].tolist() if -TIE < n < TIE])
            entry = (float(values[i, rival]), float(bounds[i, rival]), integer(words[i]), int(rival), numbers)
            self._kept.append(entry)

    def settle(self) -> tuple[Nearest, int] | None:
        """The nearest tie of the box, exactly, if it is within the limit, and the rival."""
        best: tuple[Nearest, int] | None = None
        for _, bound, pattern, rival, hint in sorted(self._kept):
            if best is not None and Fraction(bound) >= best[0].value:
                continue
            enough = None if best is None else best[0].value
            found = solve_exactly(
                self._ground, self._point, pattern, self._mine, rival, hint=hint, enough=enough
            )
            if found is not None and (best is None or found.value < best[0].value):
                best = found, rival
        return best


def slacks_of(ground: Ground, pattern: int) -> Iterator[tuple[int, Slack]]:
    """The rows of a cell by number, the domain's last; those that are zero are left out."""
    for bit in range(ground.form.bits):
        if not (ground.places[bit].group and pattern >> bit & 1):
            slack = slack_of(ground.lines, ground.places, pattern, bit)
            if any(slack):
                yield bit, slack
    for k, wall in enumerate(ground.walls):
        yield -1 - k, wall


def tie_of(ground: Ground, pattern: int, mine: int, rival: int) -> Slack:
    """The slack of ``f_rival >= f_mine`` on a cell."""
    outputs = ground.output_lines(pattern)
    return tuple([a - b for a, b in zip(outputs[rival], outputs[mine], strict=True)])


def solve_exactly(
    ground: Ground,
    point: Vector,
    pattern: int,
    mine: int,
    rival: int,
    *,
    hint: Sequence[int] = (),
    enough: Fraction | None = None,
) -> Nearest | None:
    """The nearest point of a cell where a rival's output is as large; None if there is none, or none nearer.

    Few rows decide: those of the hint to begin with; rows that the answer violates are added.

    Args:
        ground: The network over the domain.
        point: From where.
        pattern: The cell, as if it went on to the domain's boundary.
        mine: The class of the point.
        rival: The other class.
        hint: Numbers of rows that are likely to be tight.
        enough: What is not nearer than that is not of interest.
    """
    slacks = dict(slacks_of(ground, pattern))
    tie = tie_of(ground, pattern, mine, rival)
    used = [number for number in hint if number in slacks]
    while True:
        rows = [_as_row(tie), *[_as_row(slacks[number]) for number in used]]
        found = decide_nearest(
            rows, point, norm=ground.measure.norm, weights=ground.measure.weights, enough=enough
        )
        if not isinstance(found, Nearest):
            return None
        numerators, denominator = common(found.point)
        at = (*map(fmpz, numerators), fmpz(denominator))
        violated = [number for number, slack in slacks.items() if sum(map(mul, slack, at)) < 0]
        if not violated:
            return found
        used += violated[: 2 * ground.dimension]


def _as_row(slack: Slack) -> tuple[Any, ...]:
    """A slack as ``<n, y> <= b``."""
    return (*[Fraction(-int(a)) for a in slack[:-1]], Fraction(int(slack[-1])))


def _require_tie(ground: Ground, nearest: Vector, mine: int, rival: int) -> None:
    """The rival's output is as large at the nearest point, by an exact forward pass.

    Raises:
        CertificateRejected: It is not.
    """
    scores = ground.scores(nearest).numerators
    if not ground.domain.contains(nearest) or scores[rival] < scores[mine]:
        raise CertificateRejected("margin: the nearest point is not of another class")
