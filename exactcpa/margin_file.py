"""The certificate of a margin: a partition with its proof, and block MARG, which says why no tie is nearer.

The partition is of the part of the domain in a box that holds the ball.  For every cell and rival MARG has multipliers:
those that doubles propose, if they prove it exactly, else those of the exact nearest-point problem.

Main definitions:
    write_certificate: Writes the file.

Conventions: the format, and the numbers of rows, are specified in `exactcpa.checker`.

Not here: the margin itself (`margin_search`); the proof of the partition (`enumerate`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.domain import to_json as domain_to_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import CertificateRejected
from exactcpa.exact_points import common
from exactcpa.exact_simplex import Optimal, maximise
from exactcpa.float_form import rounded
from exactcpa.kernels import margins
from exactcpa.kernels.nearest import HUGE
from exactcpa.margin_ground import Ground
from exactcpa.margin_search import TIE, around, inner, root_above, slacks_of, tie_of
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.numbers import to_json_number
from exactcpa.partition_file import BLOCK, MAGIC, PartitionWriter, json_of
from exactcpa.patterns import integer
from exactcpa.vectors import Vector, plain

SMALL = 2.0**-10
"""Where the margin is 0 nothing has to be covered; the partition is of a box this share of the domain large."""
SHRINKING = (10, 30, 60, 120, 240, 480, 960)
"""A tie's multiplier must be positive: one that is 0 becomes one of these negative powers of two."""

Function = tuple[Fraction, ...]
Entry = list[Any]


class Answer(Protocol):
    """What is to be certified: the part of a `Margin` that counts."""

    value: Fraction | None
    point: Vector
    nearest: Vector | None
    pair: tuple[int, int | None]


def write_certificate(ground: Ground, answer: Answer, path: str | os.PathLike[str]) -> None:
    """Write the certificate of a margin.

    Raises:
        BadFile: It cannot be written.
        CertificateRejected: A cell is not proved: a bug of this package.
    """
    region = _region(ground, answer)
    with PartitionWriter(path) as writer, tempfile.TemporaryDirectory(prefix="exactcpa-") as folder:
        inside = os.path.join(folder, "partition.cpa")
        part = enumerate_cells(ground.network, region, facets=False, proof=inside)
        block = _block(ground, answer, region, part.results.words)
        _copy(inside, writer, block)


def _region(ground: Ground, answer: Answer) -> Domain:
    """The part of the domain that is partitioned."""
    domain = ground.domain
    if answer.value is None:
        return domain
    radius = root_above(ground, answer.value)
    if not answer.value:
        sides = [high - low for low, high in zip(domain.lower, domain.upper, strict=True)]
        shares = [side / w for side, w in zip(sides, ground.measure.weights, strict=True)]
        radius = float(min(shares)) * SMALL
    part, _ = around(ground, answer.point, radius)
    return domain if part.is_whole else _cut(domain, part.lower, part.upper)


def _cut(domain: Domain, lower: Vector, upper: Vector) -> Domain:
    """A domain within a box."""
    match domain:
        case Box():
            return Box(lower, upper)
        case Slice():
            return Slice(domain.origin, domain.basis, _cut(domain.within, lower, upper))
    normals, offsets = list(domain.A), list(domain.b)
    for j in range(domain.dimension):
        axis = [Fraction(int(i == j)) for i in range(domain.dimension)]
        if upper[j] < domain.upper[j]:
            normals.append(tuple(axis))
            offsets.append(upper[j])
        if lower[j] > domain.lower[j]:
            normals.append(tuple([-a for a in axis]))
            offsets.append(-lower[j])
    return Polytope(normals, offsets)


def _block(ground: Ground, answer: Answer, region: Domain, words: np.ndarray) -> dict[str, Any]:
    """Block MARG."""
    mine, rival = answer.pair
    entries = [] if answer.value == 0 else list(_Prover(ground, answer, region).entries(words))
    level = ground.threshold
    kind = {"kind": "classes"} if level is None else {"kind": "threshold", "value": to_json_number(level)}
    return {
        "domain": domain_to_json(ground.domain),
        "point": plain(answer.point),
        "norm": ground.measure.norm,
        "weights": plain(ground.measure.weights),
        "outputs": kind,
        "class": mine,
        "value": None if answer.value is None else to_json_number(answer.value),
        "nearest": None if answer.nearest is None else plain(answer.nearest),
        "rival": rival,
        "cells": entries,
    }


def _copy(path: str, writer: PartitionWriter, block: Mapping[str, Any]) -> None:
    """Copy a partition file, with the block MARG put in before STAT."""
    data, start = Path(path).read_bytes(), len(MAGIC)
    while start < len(data):
        raw, _, length = BLOCK.unpack_from(data, start)
        tag, start = raw.decode("ascii"), start + BLOCK.size
        payload, start = data[start : start + length], start + length
        if tag == "STAT":
            writer.append_json("MARG", block)
        if tag == "DONE":
            totals = json_of(payload, tag)
            writer.finish({name: totals[name] for name in ("cells", "facets", "edges", "linear_regions")})
        else:
            writer.append(tag, payload)


@dataclass(frozen=True, slots=True)
class _Sum:
    """A nonnegative combination of a tie and of rows, and the function that comes of it."""

    theta: Fraction
    weights: dict[int, Fraction]
    function: Function


class _Prover:
    """Finds for every cell and rival why no tie is nearer."""

    def __init__(self, ground: Ground, answer: Answer, region: Domain) -> None:
        self._ground, self._answer, self._region = ground, answer, region
        self._mine = answer.pair[0]
        self._walls = _walls(region)
        self._numbers = _numbers(ground.domain, region)
        powers = [2 ** Fraction(int(e)) for e in ground.scaled.exponents[-1]]
        self._unit = min(powers)

    def entries(self, words: np.ndarray) -> Iterator[list[Entry]]:
        """The lists of all cells, in order."""
        ground = self._ground
        value = self._answer.value
        limit = HUGE if value is None else float(value) * (1 + 1e-9)
        place = np.array([rounded(q) for q in inner(ground, self._answer.point)]).T.copy()
        _, _, _, tight, shares = margins.measure_cells(
            ground.scaled.arrays,
            ground.groups,
            words,
            ground.floats.rows,
            ground.floats.box,
            place,
            ground.weights,
            ground.scales,
            ground.norm,
            self._mine,
            limit,
        )
        for i in range(len(words)):
            pattern = integer(words[i])
            rivals = [j for j in range(ground.classes) if j != self._mine]
            yield [self._entry(pattern, j, tight[i, j].tolist(), shares[i, j].tolist()) for j in rivals]

    def _entry(self, pattern: int, rival: int, tight: Sequence[int], shares: Sequence[float]) -> Entry:
        """The proof for one cell and rival."""
        slacks = self._slacks(pattern)
        tie = self._tie(pattern, rival)
        found = self._proposed(tie, slacks, tight, shares)
        if found is None or not self._proves(found.function):
            found = self._positive(tie, slacks, self._exact(tie, slacks))
        weights = [[k, to_json_number(a)] for k, a in sorted(found.weights.items()) if a]
        return [rival, to_json_number(found.theta), weights]

    def _tie(self, pattern: int, rival: int) -> Function:
        """``f_rival - f_mine`` in the network's own numbers."""
        lines = self._ground.lines.at(len(self._ground.form.layers) - 1, pattern)
        return tuple(
            [
                Fraction(int(a), int(lines.denominator))
                for a in tie_of(self._ground, pattern, self._mine, rival)
            ]
        )

    def _slacks(self, pattern: int) -> dict[int, Function]:
        """The slacks of a cell in the partitioned domain, in the network's own numbers."""
        ground, found = self._ground, dict(self._walls)
        for number, slack in slacks_of(ground, pattern):
            if number >= 0:
                below = int(ground.lines.at(ground.places[number].layer, pattern).denominator)
                found[number] = tuple([Fraction(int(a), below) for a in slack])
        return found

    def _proposed(
        self, tie: Function, slacks: Mapping[int, Function], tight: Sequence[int], shares: Sequence[float]
    ) -> _Sum | None:
        """What doubles propose, as exact multipliers; None if it is not a proof of anything."""
        theta, weights = Fraction(0), {}
        for number, share in zip(tight, shares, strict=True):
            if share <= 0.0:
                continue
            if number == TIE:
                theta = Fraction(share) * self._unit
            elif number in self._numbers or number in slacks:
                row = self._numbers.get(number, number)
                if row is None:
                    return None
                weights[row] = Fraction(share) * self._power(number)
        if not theta:
            return None
        return _sum(tie, slacks, theta, weights)

    def _power(self, number: int) -> Fraction:
        """How many of a row's own slack the kernels' row is."""
        ground = self._ground
        if number < 0:
            return Fraction(float(ground.floats.rows[-1 - number, ground.dimension + 5]))
        place = ground.places[number]
        return 2 ** Fraction(int(ground.scaled.exponents[place.layer][place.line]))

    def _exact(self, tie: Function, slacks: Mapping[int, Function]) -> _Sum:
        """The multipliers of the exact nearest-point problem."""
        numbers = list(slacks)
        rows = [_upper_row(f) for f in (tie, *slacks.values())]
        metric = self._ground.measure
        found = decide_nearest(
            rows, self._answer.point, norm=metric.norm, weights=metric.weights, enough=self._answer.value
        )
        weights = {numbers[i - 1]: a for i, a in found.multipliers.items() if i}
        return _sum(tie, slacks, found.multipliers.get(0, Fraction(0)), weights)

    def _positive(self, tie: Function, slacks: Mapping[int, Function], found: _Sum) -> _Sum:
        """The same with a positive multiplier of the tie.

        A cell that the ball does not reach needs no tie.  If there is room, a little of it does no harm.  If not, the
        cell touches the ball.
        """
        if found.theta:
            return self._required(found)
        for shift in SHRINKING:
            small = _sum(tie, slacks, Fraction(1, 1 << shift), found.weights)
            if self._proves(small.function):
                return small
        return self._required(self._touching(tie, slacks, found))

    def _touching(self, tie: Function, slacks: Mapping[int, Function], found: _Sum) -> _Sum:
        """The sum of a cell that touches the ball at the distance of the margin.

        In the closed ball (in l2: where `found`, negative inside it, is not) the tie is at most 0 on the cell; its
        multipliers there, by linear programming, and those of `found` together are negative inside.
        """
        metric, numbers = self._ground.measure, list(slacks)
        rows = [_upper_row(f) for f in slacks.values()]
        touched = decide_nearest(
            rows, self._answer.point, norm=metric.norm, weights=metric.weights, enough=None
        )
        if not isinstance(touched, Nearest):
            raise CertificateRejected("margin: a cell without a point")
        start = list(touched.point)
        if metric.is_squared:
            rows.append(_upper_row(tuple([-a for a in found.function])))
        else:
            padding, more = self._ball()
            rows = [(*row[:-1], *[Fraction(0)] * padding, row[-1]) for row in rows] + more
            if padding:
                pairs = zip(start, self._answer.point, metric.weights, strict=True)
                start += [abs(a - b) / w for a, b, w in pairs]
        objective = common([*tie[:-1], *[Fraction(0)] * (len(start) - len(tie) + 1)])
        best = maximise([common(row)[0] for row in rows], objective[0], common(start))
        if not isinstance(best, Optimal):
            raise CertificateRejected("margin: a tie without bound")
        weights = dict(found.weights)
        for i, a in best.multipliers.items():
            scale = common(rows[i])[1] * Fraction(a, best.theta * objective[1])
            if i < len(numbers):
                weights[numbers[i]] = weights.get(numbers[i], Fraction(0)) + scale
        return _sum(tie, slacks, Fraction(1), weights)

    def _ball(self) -> tuple[int, list[Function]]:
        """The closed ball of l1 or l_inf as rows, and how many more variables they have (the sizes of the steps)."""
        metric, point, value = self._ground.measure, self._answer.point, self._answer.value or Fraction(0)
        d, rows = len(point), []
        padding = d if metric.norm == "1" else 0
        for j, (q, w) in enumerate(zip(point, metric.weights, strict=True)):
            for side in (1, -1):
                row = [Fraction(0)] * (d + padding + 1)
                row[j] = Fraction(side)
                row[-1] = side * q
                if padding:
                    row[d + j] = -w
                else:
                    row[-1] += w * value
                rows.append(tuple(row))
        if padding:
            rows.append((*[Fraction(0)] * d, *[Fraction(1)] * d, value))
        return padding, rows

    def _required(self, found: _Sum) -> _Sum:
        if not self._proves(found.function):
            raise CertificateRejected("margin: the exact multipliers do not prove that no tie is nearer")
        return found

    def _proves(self, function: Function) -> bool:
        """Whether a function is negative on the open ball; without a ball, on the bounding box."""
        value, metric = self._answer.value, self._ground.measure
        if value is None:
            pairs = zip(function[:-1], self._region.lower, self._region.upper, strict=True)
            return sum([max(a * low, a * high) for a, low, high in pairs], function[-1]) < 0
        height = -sum([a * q for a, q in zip(function, self._answer.point, strict=False)], function[-1])
        dual = metric.dual(function[:-1])
        return height > 0 and value * dual <= (height * height if metric.is_squared else height)


def _sum(
    tie: Function, slacks: Mapping[int, Function], theta: Fraction, weights: Mapping[int, Fraction]
) -> _Sum:
    total = [theta * a for a in tie]
    for number, weight in weights.items():
        total = [t + weight * a for t, a in zip(total, slacks[number], strict=True)]
    return _Sum(theta, dict(weights), tuple(total))


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
    return {-1 - k: slack for k, slack in enumerate(slacks)}


def _numbers(domain: Domain, region: Domain) -> dict[int, int | None]:
    """The number that each further row of the domain has in a part of it; None if it bounds that part no more."""
    d = domain.dimension
    places = {row: -1 - 2 * d - k for k, row in reversed(list(enumerate(region.rows)))}
    return {-1 - 2 * d - k: places.get(row) for k, row in enumerate(domain.rows)}
