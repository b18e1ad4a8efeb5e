"""The margin of a point: the nearest point of another class, found without enumerating all cells.

A guess of the margin, from going downhill, gives a radius.  Branch and bound over the decisions of the units leaves out
what rigorous bounds prove to be farther; every cell that is left is settled exactly.  If the nearest tie that is found
is within the radius, it is the nearest of all; else the radius grows.

Main definitions:
    search: The question.
    Found: The answer.
    solve_exactly: The nearest tie on one cell with one rival.

Conventions:
    Values of l2 are squares.  Floats count in the ground's unit.  Row numbers are pattern bits, ``-1 - k`` for wall k
    of the domain (`margin_ground`).

References:
    Croce and Hein, Minimally distorted adversarial examples with a fast adaptive boundary attack (2020): the guess.

Not here: weights of very different size (`staged_search`), arguments and labels (`point_margins`), the certificate
    (`margin_file`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isinf, isqrt
from operator import mul
from typing import Any

import numpy as np
from flint import fmpz

from exactcpa.cell import IntegerRow, integer_row, slack_of
from exactcpa.errors import CertificateRejected
from exactcpa.exact_points import common
from exactcpa.float_form import above, rounded
from exactcpa.halfspaces import Interior, find_interior, tightest
from exactcpa.kernels import attack, descent, state
from exactcpa.margin_ground import Ground, Slack
from exactcpa.nearest_on import Nearest, decide_nearest
from exactcpa.vectors import Vector

STARTS = 3
"""Points from which the attack goes downhill: the point itself and others near it."""
ROOM, SLICE = 512, 5000
"""Leaves and nodes that there is room for at first; nodes between two looks at what happens (Ctrl-C)."""
TIE = 2**62
SMALLEST = 2.0**-40
"""No search is within less than this share of the domain: a guess may be 0, and the square of a margin too small."""
LOOSE = 1.0 + 1e-6
NEAR = 1 << 8
"""Lengths below so many times the slack of a ground are looked for on a smaller one."""


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest point of another class.

    Attributes:
        value: Its distance (l2: the square), or None if there is none in the domain.
        nearest: The point.
        rival: Its class.
        cells: Cells visited, whole ones and such as only some units have decided: nodes of the branch and bound.
    """

    value: Fraction | None
    nearest: Vector | None
    rival: int | None
    cells: int


def search(
    ground: Ground, point: Vector, mine: int, *, guess: float | None = None, hurried: bool = False
) -> Found:
    """Find the nearest point of another class.

    Args:
        ground: The network over the domain.
        point: In the domain.
        mine: Its class; no other output is as large there.
        guess: Of the margin (not squared, in the ground's unit); found by an attack if None.
        hurried: Whether a point that is `too_near` is good enough, even if it is not the nearest.
    """
    attempt = _Attempt(ground, point, mine)
    reach = _reach(ground, point)
    radius = attempt.attack() if guess is None else guess
    radius = reach / 8 if isinf(radius) else radius * LOOSE
    steady = False
    while True:
        radius = min(max(radius, reach * SMALLEST), reach * LOOSE)
        limit = attempt.run(_value_of(ground, radius), steady=steady)
        best = attempt.settle()
        if best is not None and (
            best[0].value <= ground.exact_value(limit) or (hurried and too_near(ground, best[0].value))
        ):
            nearest, rival = best
            _require_tie(ground, nearest.point, mine, rival)
            return Found(nearest.value, nearest.point, rival, attempt.cells)
        if best is None and limit >= _value_of(ground, reach):
            return Found(None, None, None, attempt.cells)
        # A proposal that was none lowers the limit to where nothing is found; then the limit is left alone.
        is_lowered = limit < _value_of(ground, radius)
        steady = steady or is_lowered
        if best is not None:
            radius = (root_above(ground, best[0].value) + 2 * float(ground.slack)) * LOOSE
        elif not is_lowered:
            radius *= 2


def too_near(ground: Ground, value: Fraction) -> bool:
    """Whether a value is so small that the ground's slack hides what is nearer."""
    return bool(ground.slack) and root_above(ground, value) < NEAR * ground.slack


def _value_of(ground: Ground, length: float) -> float:
    """A length as values are given, in l2 its square, rounded down a little."""
    return length * length * (1 - 1e-15) if ground.measure.is_squared else length


def inner(ground: Ground, point: Sequence[Fraction]) -> list[Fraction]:
    """A point in the kernels' coordinates."""
    centre, scale = ground.floats.box[state.CENTRE].tolist(), ground.floats.box[state.SCALE].tolist()
    return [(q - Fraction(c)) / Fraction(s) for q, c, s in zip(point, centre, scale, strict=True)]


def root_above(ground: Ground, value: Fraction) -> float:
    """A length, in the kernels' unit, whose value is not below a given one."""
    if not ground.measure.is_squared:
        return above(value / ground.unit)
    value /= ground.unit * ground.unit
    shift = 2 * max(0, 64 - (value.numerator.bit_length() - value.denominator.bit_length()) // 2)
    root = isqrt((value.numerator << shift) // value.denominator) + 1
    return above(Fraction(root, 1 << shift // 2))


def _reach(ground: Ground, point: Vector) -> float:
    """No point of the domain is farther away, in the kernels' unit."""
    sides = zip(ground.domain.lower, ground.domain.upper, point, strict=True)
    most = [max(high - q, q - low) for low, high, q in sides]
    return root_above(ground, ground.measure.length(most)) + 2 * float(ground.slack)


class _Attempt:
    """One search: what it works with, and the leaves that may hold the nearest tie."""

    def __init__(self, ground: Ground, point: Vector, mine: int) -> None:
        self._ground, self._point, self._mine = ground, point, mine
        self._place = np.array([rounded(q) for q in inner(ground, point)]).T.copy()
        self._kept: list[tuple[float, float, int, int, int, tuple[int, ...]]] = []
        self.cells = 0

    def attack(self) -> float:
        """A guess of the margin."""
        ground, box, x = self._ground, self._ground.floats.box, self._place[0]
        steps = np.random.default_rng(0).uniform(-0.1, 0.1, (STARTS, ground.dimension))
        steps[0] = 0.0
        starts = np.clip(
            x + steps * (box[state.UPPER] - box[state.LOWER]), box[state.LOWER], box[state.UPPER]
        )
        return attack.attack(
            *(ground.scaled.arrays, ground.groups, ground.floats.rows, box, x),
            *(ground.weights, ground.scales, ground.norm, self._mine, starts),
        )

    def run(self, limit: float, *, steady: bool) -> float:
        """Find all leaves that may hold a tie within a limit; returns the limit that what is left out is beyond."""
        ground, words = self._ground, self._ground.form.words
        stack, layers_of = np.zeros((ROOM, 4, words), np.uint64), np.zeros(ROOM, np.int64)
        self._kept, top, ended = [], 1, descent.SLICE
        while ended != descent.DONE:
            if top + 2 + ground.scaled.arrays.constant.shape[1] > len(stack):
                stack, layers_of = np.concatenate([stack] * 2), np.concatenate([layers_of] * 2)
            ended, top, limit, nodes, *leaves = descent.descend(
                *(ground.scaled.arrays, ground.groups, ground.floats.rows, ground.floats.box, self._place),
                *(
                    ground.weights,
                    ground.scales,
                    ground.norm,
                    self._mine,
                    limit,
                    steady,
                    stack,
                    layers_of,
                    top,
                ),
                *(SLICE, ROOM + ground.classes),
            )
            self.cells += nodes
            self._keep(*[array.tolist() for array in leaves])
        return limit

    def _keep(
        self,
        words: list[list[int]],
        vague: list[list[int]],
        rivals: list[int],
        bounds: list[float],
        values: list[float],
        tight: list[list[int]],
    ) -> None:
        """Take note of leaves."""
        for word, doubt, rival, bound, value, numbers in zip(
            words, vague, rivals, bounds, values, tight, strict=True
        ):
            hint = tuple([n for n in numbers if -TIE < n < TIE])
            self._kept.append((value, bound, _joined(word), _joined(doubt), rival, hint))

    def settle(self) -> tuple[Nearest, int] | None:
        """The nearest tie of all leaves, exactly, and the rival."""
        best: tuple[Nearest, int] | None = None
        for _, bound, word, vague, rival, hint in sorted(self._kept):
            if best is not None and self._ground.exact_value(bound) >= best[0].value:
                continue
            for pattern in _patterns(self._ground, word, vague):
                enough = None if best is None else best[0].value
                found = solve_exactly(
                    self._ground, self._point, pattern, self._mine, rival, hint=hint, enough=enough
                )
                if found is not None and (best is None or found.value < best[0].value):
                    best = found, rival
        return best


def _joined(word: list[int]) -> int:
    """The words of a pattern as one integer."""
    return sum([part << 64 * k for k, part in enumerate(word)])


def _patterns(ground: Ground, word: int, vague: int) -> Iterator[int]:
    """The patterns of a leaf: vague switches that are not zero may be on either side.

    A side without interior is left out: closed cells that have one cover the domain.
    """
    rows = [integer_row(wall) for wall in ground.walls] if vague else []
    yield from _sides(ground, word, vague, rows)


def _sides(ground: Ground, word: int, vague: int, rows: list[IntegerRow]) -> Iterator[int]:
    if not vague:
        yield word
        return
    bit = (vague & -vague).bit_length() - 1
    place, rest = ground.places[bit], vague & (vague - 1)
    line = ground.lines.at(place.layer, word).rows[place.line]
    if not any(line):
        yield from _sides(ground, word, rest, rows)
        return
    for pattern, slack in ((word, line), (word & ~(1 << bit), tuple([-a for a in line]))):
        if any(slack[:-1]):
            within = [*rows, integer_row(slack)]
            kept = [within[i] for i in tightest(within)]
            if isinstance(find_interior(kept, ground.dimension), Interior):
                yield from _sides(ground, pattern, rest, within)
        elif slack[-1] > 0:
            yield from _sides(ground, pattern, rest, rows)


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
