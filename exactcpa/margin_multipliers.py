"""Why no tie on a cell is nearer than a margin: a nonnegative combination of the tie and the cell's rows, exactly.

Multipliers that doubles propose are taken if they prove it exactly; else the exact nearest-point problem has some.
The tie's must be positive, also where the cell is too far away for any tie on it.

Main definitions:
    Prover: Finds the entries of block MARG.
    Answer: What is to be certified.

Conventions: entries, and the numbers of rows, are specified in `exactcpa.checker`.  Functions are coefficients and a
constant, in the network's own numbers.

Not here: the cells, the file (`margin_file`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from flint import fmpq

from exactcpa.cell import slack_of
from exactcpa.domain import Domain
from exactcpa.errors import CertificateRejected
from exactcpa.exact_points import common
from exactcpa.exact_simplex import Optimal, maximise
from exactcpa.float_form import rounded
from exactcpa.kernels import margins
from exactcpa.kernels.nearest import HUGE
from exactcpa.margin_ground import Ground
from exactcpa.margin_search import TIE, inner, slacks_of, tie_of
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.norms import Measure
from exactcpa.numbers import to_json_number
from exactcpa.patterns import integer
from exactcpa.vectors import Vector

Function = tuple[fmpq, ...]
Entry = list[Any]


class Answer(Protocol):
    """What is to be certified: the part of a `Margin` that counts."""

    value: Fraction | None
    point: Vector
    nearest: Vector | None
    pair: tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class _Sum:
    """A nonnegative combination of a tie and of rows, and the function that comes of it."""

    theta: fmpq
    weights: dict[int, fmpq]
    function: Function


class Prover:
    """Finds for every cell and rival why no tie is nearer."""

    def __init__(self, ground: Ground, answer: Answer, region: Domain) -> None:
        metric = ground.measure
        self._ground, self._answer = ground, answer
        self._mine = answer.pair[0]
        self._value = None if answer.value is None else _flint(answer.value)
        self._point = tuple(map(_flint, answer.point))
        self._metric = Measure(metric.norm, tuple(map(_flint, metric.weights)))
        self._ends = list(zip(map(_flint, region.lower), map(_flint, region.upper), strict=True))
        self._walls = _walls(region)
        self._numbers = _numbers(ground.domain, region)
        self._unit = min([fmpq(2) ** int(e) for e in ground.scaled.exponents[-1]])

    def entries(self, words: np.ndarray) -> Iterator[list[Entry]]:
        """The lists of all cells, in order."""
        ground = self._ground
        value = self._answer.value
        limit = HUGE if value is None else ground.kernel_value(value) * (1 + 1e-9)
        place = np.array([rounded(q) for q in inner(ground, self._answer.point)]).T.copy()
        _, _, _, tight, shares = margins.measure_cells(
            *(ground.scaled.arrays, ground.groups, words, ground.floats.rows, ground.floats.box, place),
            *(ground.weights, ground.scales, ground.norm, self._mine, limit),
        )
        rivals = [j for j in range(ground.classes) if j != self._mine]
        for i in range(len(words)):
            pattern = integer(words[i])
            yield [self._entry(pattern, j, tight[i, j].tolist(), shares[i, j].tolist()) for j in rivals]

    def _entry(self, pattern: int, rival: int, tight: Sequence[int], shares: Sequence[float]) -> Entry:
        """The proof for one cell and rival."""
        tie = self._tie(pattern, rival)
        found = self._proposed(pattern, tie, tight, shares)
        if found is None:
            found = self._exact(tie, self._slacks(pattern))
        weights = [[k, _number(a)] for k, a in sorted(found.weights.items()) if a]
        return [rival, _number(found.theta), weights]

    # ------------------------------------------------------------------ functions on a cell

    def _tie(self, pattern: int, rival: int) -> Function:
        """``f_rival - f_mine``."""
        below = self._ground.lines.at(len(self._ground.form.layers) - 1, pattern).denominator
        return tuple([fmpq(a, below) for a in tie_of(self._ground, pattern, self._mine, rival)])

    def _slack(self, pattern: int, number: int) -> Function:
        """A row of a cell in the partitioned domain."""
        if number < 0:
            return self._walls[number]
        ground = self._ground
        below = ground.lines.at(ground.places[number].layer, pattern).denominator
        return tuple([fmpq(a, below) for a in slack_of(ground.lines, ground.places, pattern, number)])

    def _slacks(self, pattern: int) -> dict[int, Function]:
        """All rows but those that are zero."""
        bits = [number for number, _ in slacks_of(self._ground, pattern) if number >= 0]
        return self._walls | {bit: self._slack(pattern, bit) for bit in bits}

    # ------------------------------------------------------------------ multipliers

    def _proposed(
        self, pattern: int, tie: Function, tight: Sequence[int], shares: Sequence[float]
    ) -> _Sum | None:
        """What doubles propose, as exact multipliers, if that is a proof."""
        theta, weights = fmpq(0), {}
        for number, share in zip(tight, shares, strict=True):
            if share <= 0.0:
                continue
            if number == TIE:
                theta = fmpq(*share.as_integer_ratio()) * self._unit
                continue
            row = self._numbers.get(number, number)
            if row is None or not share < HUGE:
                return None
            weights[row] = fmpq(*share.as_integer_ratio()) * self._power(number)
        slacks = {number: self._slack(pattern, number) for number in weights}
        found = _sum(tie, slacks, theta, weights)
        if not theta:
            return self._with_tie(tie, slacks.__getitem__, found)
        return found if self._proves(found.function) else None

    def _power(self, number: int) -> fmpq:
        """How many of a row's own slack the kernels' row is."""
        ground = self._ground
        if number < 0:
            power = float(ground.floats.rows[-1 - number, ground.dimension + 5])
            return fmpq(*power.as_integer_ratio())
        place = ground.places[number]
        return fmpq(2) ** int(ground.scaled.exponents[place.layer][place.line])

    def _exact(self, tie: Function, slacks: Mapping[int, Function]) -> _Sum:
        """The multipliers of the exact nearest-point problem, with a positive one of the tie.

        A bound that is the margin itself is enough with the tie.  Without it, the cell may still be farther away, and
        then a little of the tie does no harm; or the cell touches the ball.
        """
        found = self._nearest(tie, slacks, self._answer.value)
        if found.theta:
            return self._required(found)
        added = self._with_tie(tie, slacks.__getitem__, found)
        if added is None:
            found = self._nearest(tie, slacks, None)
            if found.theta and self._proves(found.function):
                return found
            added = self._with_tie(tie, slacks.__getitem__, found)
        return self._required(self._touching(tie, slacks, found) if added is None else added)

    def _nearest(self, tie: Function, slacks: Mapping[int, Function], enough: Fraction | None) -> _Sum:
        numbers = list(slacks)
        rows = [_upper_row(f) for f in (tie, *slacks.values())]
        found = decide_nearest(
            rows, self._point, norm=self._metric.norm, weights=self._metric.weights, enough=enough
        )
        weights = {numbers[i - 1]: _flint(a) for i, a in found.multipliers.items() if i}
        return _sum(tie, slacks, _flint(found.multipliers.get(0, Fraction(0))), weights)

    def _with_tie(self, tie: Function, slack: Callable[[int], Function], found: _Sum) -> _Sum | None:
        """A sum with a little of the tie added; None if there is no room for it."""
        share = self._share(found.function, tie)
        if share is None:
            return None
        rows = {number: slack(number) for number in found.weights}
        return _sum(tie, rows, share, found.weights)

    def _share(self, function: Function, tie: Function) -> fmpq | None:
        """A power of two, so much of a tie added to a function leaves it negative on the ball; None if there is none.

        In l2, with h and t for minus the function and for the tie at the point, p and g for their gradients, v for the
        value: ``(h - s t)^2 - v |p + s g|^2 >= (h^2 - v |p|^2) - s (2 |h t + v <p, g>| + v |g|^2)`` for s <= 1.
        """
        value, metric, least = self._value, self._metric, fmpq(1)
        if value is None:
            room, cost = -self._most(function), max(self._most(tie), fmpq(0))
        else:
            height, lift = -_value(function, self._point), _value(tie, self._point)
            if metric.is_squared:
                pairs = zip(function, tie, metric.weights, strict=False)
                both = value * sum([p * g * w * w for p, g, w in pairs], fmpq(0))
                room = height * height - value * metric.dual(function[:-1])
                cost = 2 * abs(height * lift + both) + value * metric.dual(tie[:-1])
            else:
                room = height - value * metric.dual(function[:-1])
                cost = abs(lift) + value * metric.dual(tie[:-1])
            if height <= 0:
                return None
            least = min(least, height / abs(lift)) if lift else least
        if room <= 0:
            return None
        return _power_below(min(least, room / cost if cost else least))

    def _touching(self, tie: Function, slacks: Mapping[int, Function], found: _Sum) -> _Sum:
        """The sum of a cell that touches the ball at the distance of the margin.

        In the closed ball (in l2: where `found`, negative inside it, is not) the tie is at most 0 on the cell; its
        multipliers there, by linear programming, and those of `found` together are negative inside.
        """
        metric, numbers = self._metric, list(slacks)
        rows = [_upper_row(f) for f in slacks.values()]
        touched = decide_nearest(rows, self._point, norm=metric.norm, weights=metric.weights)
        if not isinstance(touched, Nearest):
            raise CertificateRejected("margin: a cell without a point")
        start = list(map(_flint, touched.point))
        if metric.is_squared:
            rows.append(_upper_row(tuple([-a for a in found.function])))
        else:
            padding, more = self._ball()
            rows = [(*row[:-1], *[fmpq(0)] * padding, row[-1]) for row in rows] + more
            if padding:
                pairs = zip(start, self._point, metric.weights, strict=True)
                start += [abs(a - b) / w for a, b, w in pairs]
        objective = _integers([*tie[:-1], *[fmpq(0)] * (len(start) - len(tie) + 1)])
        best = maximise([_integers(row)[0] for row in rows], objective[0], _integers(start))
        if not isinstance(best, Optimal):
            raise CertificateRejected("margin: a tie without bound")
        weights = dict(found.weights)
        for i, a in best.multipliers.items():
            scale = _integers(rows[i])[1] * fmpq(int(a), int(best.theta) * objective[1])
            if i < len(numbers):
                weights[numbers[i]] = weights.get(numbers[i], fmpq(0)) + scale
        return _sum(tie, slacks, fmpq(1), weights)

    def _ball(self) -> tuple[int, list[Function]]:
        """The closed ball of l1 or l_inf as rows, and how many more variables they have (the sizes of the steps)."""
        metric, point, value = self._metric, self._point, self._value or fmpq(0)
        d, rows = len(point), []
        padding = d if metric.norm == "1" else 0
        for j, (q, w) in enumerate(zip(point, metric.weights, strict=True)):
            for side in (1, -1):
                row = [fmpq(0)] * (d + padding + 1)
                row[j] = fmpq(side)
                row[-1] = side * q
                if padding:
                    row[d + j] = -w
                else:
                    row[-1] += w * value
                rows.append(tuple(row))
        if padding:
            rows.append((*[fmpq(0)] * d, *[fmpq(1)] * d, value))
        return padding, rows

    def _required(self, found: _Sum) -> _Sum:
        if not self._proves(found.function):
            raise CertificateRejected("margin: the exact multipliers do not prove that no tie is nearer")
        return found

    def _proves(self, function: Function) -> bool:
        """Whether a function is negative on the open ball; without a ball, on the bounding box."""
        if self._value is None:
            return self._most(function) < 0
        height, dual = -_value(function, self._point), self._metric.dual(function[:-1])
        return height > 0 and self._value * dual <= (height * height if self._metric.is_squared else height)

    def _most(self, function: Function) -> fmpq:
        """The largest value on the bounding box."""
        pairs = zip(function, self._ends, strict=False)
        return sum([a * (high if a > 0 else low) for a, (low, high) in pairs], function[-1])


def _sum(tie: Function, slacks: Mapping[int, Function], theta: fmpq, weights: Mapping[int, fmpq]) -> _Sum:
    total = [theta * a for a in tie]
    for number, weight in weights.items():
        total = [t + weight * a for t, a in zip(total, slacks[number], strict=True)]
    return _Sum(theta, dict(weights), tuple(total))


def _value(function: Function, point: Function) -> fmpq:
    """The value of a function at a point."""
    return sum([a * q for a, q in zip(function, point, strict=False)], function[-1])


def _power_below(q: fmpq) -> fmpq:
    """A power of two that is less than a positive number."""
    return fmpq(2) ** (int(q.p).bit_length() - int(q.q).bit_length() - 2)


def _flint(q: Fraction) -> fmpq:
    return fmpq(q.numerator, q.denominator)


def _integers(numbers: Sequence[fmpq]) -> tuple[tuple[int, ...], int]:
    """Numbers over one denominator."""
    return common([Fraction(int(q.p), int(q.q)) for q in numbers])


def _number(q: fmpq) -> Any:
    """As it stands in a file."""
    return to_json_number(Fraction(int(q.p), int(q.q)))


def _upper_row(slack: Function) -> Function:
    """A slack as ``<n, y> <= b``."""
    return (*[-a for a in slack[:-1]], slack[-1])


def _walls(region: Domain) -> dict[int, Function]:
    """The slacks of a domain by number: its box's lower faces, upper faces, then its rows."""
    d = region.dimension
    axes = [tuple([Fraction(int(i == j)) for j in range(d)]) for i in range(d)]
    slacks = [(*axis, -low) for axis, low in zip(axes, region.lower, strict=True)]
    slacks += [(*[-a for a in axis], high) for axis, high in zip(axes, region.upper, strict=True)]
    slacks += [(*[-a for a in normal], offset) for normal, offset in region.rows]
    return {-1 - k: tuple(map(_flint, slack)) for k, slack in enumerate(slacks)}


def _numbers(domain: Domain, region: Domain) -> dict[int, int | None]:
    """The number that each further row of the domain has in a part of it; None if it bounds that part no more."""
    d = domain.dimension
    places = {row: -1 - 2 * d - k for k, row in reversed(list(enumerate(region.rows)))}
    return {-1 - 2 * d - k: places.get(row) for k, row in enumerate(domain.rows)}
