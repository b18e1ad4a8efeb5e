"""Systems of halfspaces: is there an interior, is it bounded, and which rows matter.

What a domain must prove before anything is enumerated on it, and what geometry asks about a cell.  Everything
is decided by `exact_simplex` on integer rows, started from a point that is feasible by construction, so there
is no phase 1 and no case that is left open.

Main definitions:
    `to_integers`: a rational row as its primitive integer multiple.
    `tightest`: the rows that remain when positive multiples of one normal are merged.
    `find_interior`: the centre of a largest cube inside, or the multipliers that prove there is none.
    `bound_coordinates`: the bounding box with the multipliers that prove it, or a ray.
    `irredundant`: the rows without which the set would be larger (its facets).

Conventions:
    A row is ``[n_1, .., n_d, b]``, integers, and means ``<n, x> <= b``.  Multipliers refer to row numbers of
    the list that was passed.  A cube of half-width t around x satisfies a row exactly when
    ``<n, x> + |n|_1 t <= b``.

References:
    Fukuda, Frequently asked questions in polyhedral computation (2004), sections 2.19-2.21.

Not here: domains as the user writes them (`domain`), vertices and volumes (`geometry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from exactcpa.exact_simplex import Optimal, Rows, Unbounded, gather, maximise

Integers = Sequence[int]
Point = tuple[tuple[int, ...], int]


@dataclass(frozen=True, slots=True)
class Interior:
    """A point strictly inside, ``numerators / denominator``.

    Attributes:
        numerators: Shape ``(d,)``.
        denominator: Positive.
    """

    numerators: tuple[int, ...]
    denominator: int

    @property
    def point(self) -> tuple[Fraction, ...]:
        """The point as fractions."""
        return tuple(Fraction(n, self.denominator) for n in self.numerators)


@dataclass(frozen=True, slots=True)
class NoInterior:
    """Positive multipliers with ``sum_i w_i n_i == 0`` and ``sum_i w_i b_i <= 0``.

    A negative sum proves the set empty (Farkas).  Sum zero proves that all rows named are equalities on the
    set: it is flat.
    """

    multipliers: dict[int, int]
    total: int


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """The smallest box around a bounded set, proved.

    Attributes:
        lower: Shape ``(d,)``.
        upper: Shape ``(d,)``.
        lower_multipliers: d dicts of row number to positive weight, ``sum_i w_i n_i == -e_j`` and
            ``sum_i w_i b_i == -lower_j``.
        upper_multipliers: d dicts, ``sum_i w_i n_i == e_j`` and ``sum_i w_i b_i == upper_j``.
    """

    lower: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]
    lower_multipliers: tuple[dict[int, Fraction], ...]
    upper_multipliers: tuple[dict[int, Fraction], ...]


def to_integers(normal: Sequence[Fraction], offset: Fraction) -> tuple[int, ...]:
    """The primitive integer row that is a positive multiple of ``<normal, x> <= offset``.

    Example:
        >>> to_integers([Fraction(1, 2), Fraction(-1, 3)], Fraction(5))
        (3, -2, 30)
    """
    numbers = (*normal, offset)
    scale = lcm(*(q.denominator for q in numbers))
    integers = [q.numerator * (scale // q.denominator) for q in numbers]
    common = gcd(*integers) or 1
    return tuple([n // common for n in integers])


def tightest(rows: Sequence[Integers]) -> list[int]:
    """Numbers of the rows left when rows with positively parallel normals are merged.

    The tightest stays, the first of equals.  Zero rows that hold everywhere (``0 <= b``, b >= 0) are dropped,
    too; one that never holds is kept.

    Example:
        >>> tightest([(1, 0, 3), (2, 0, 4), (0, 0, 1), (-1, 0, 0), (1, 0, 2)])
        [1, 3]
    """
    best: dict[tuple[int, ...], tuple[Fraction, int]] = {}
    for i, row in enumerate(rows):
        scale = gcd(*row[:-1])
        if scale == 0 and row[-1] >= 0:
            continue
        direction = tuple([n // (scale or 1) for n in row[:-1]])
        offset = Fraction(row[-1], scale or 1)
        if direction not in best or offset < best[direction][0]:
            best[direction] = (offset, i)
    return sorted([i for _, i in best.values()])


def find_interior(rows: Sequence[Integers], dimension: int) -> Interior | NoInterior:
    """A point strictly inside all rows (far from them if there is room), or the proof that there is none.

    Maximises t over ``<n, x> + |n|_1 t <= b``, from x = 0 and a t below every ``b / |n|_1``.  If t has no
    bound the set holds cubes of every size, and any point with t > 0 will do.

    Args:
        rows: ``(m, d + 1)`` integers.
        dimension: d; rows may be absent.

    Example:
        >>> find_interior([(1, 4), (-1, 0)], 1)
        Interior(numerators=(2,), denominator=1)
        >>> find_interior([(1, 0), (-2, -6)], 1)
        NoInterior(multipliers={0: 2, 1: 1}, total=-6)
    """
    for i, row in enumerate(rows):
        if not any(row[:-1]) and row[-1] < 0:
            return NoInterior({i: 1}, int(row[-1]))
    lifted = [(*row[:-1], sum([abs(n) for n in row[:-1]]), row[-1]) for row in rows]
    start = min([row[-1] // row[-2] for row in lifted if row[-2]], default=1)
    goal = [0] * dimension + [1]
    system = gather(lifted, dimension + 1)
    best = maximise(system, goal, ([0] * dimension + [start], 1))
    if isinstance(best, Unbounded):
        best = maximise(system, goal, ([0] * dimension + [start], 1), stop_above=0)
    match best:
        case Unbounded(ray=ray):
            return _along(lifted, ray, start)
        case Optimal() if best.value_numerator <= 0:
            total = sum([weight * rows[i][-1] for i, weight in best.multipliers.items()])
            return NoInterior(best.multipliers, total)
    return Interior(best.numerators[:-1], best.denominator)


def _along(lifted: Sequence[Integers], ray: Integers, start: int) -> Interior:
    """A point with t > 0 on the ray of a system that holds cubes of every size.

    Along the ray no lifted slack decreases and t grows by 1 or more a step, so ``1 - start`` steps suffice.
    """
    steps = max(0, 1 - start)
    return Interior(tuple([steps * step for step in ray[:-1]]), 1)


def bound_coordinates(rows: Sequence[Integers], interior: Point) -> BoundingBox | Unbounded:
    """The smallest box around the set, each side with its multipliers; or a ray of the set.

    Args:
        rows: ``(m, d + 1)`` integers.
        interior: Numerators and denominator of a point of the set.

    Example:
        >>> box = bound_coordinates([(1, 1, 1), (-1, 0, 0), (0, -1, 0)], ((0, 0), 1))
        >>> box.upper, box.upper_multipliers[0]
        ((Fraction(1, 1), Fraction(1, 1)), {0: Fraction(1, 1), 2: Fraction(1, 1)})
    """
    d = len(interior[0])
    system = gather(rows, d)
    sides: dict[int, list[Optimal]] = {1: [], -1: []}
    for sign, found in sides.items():
        for j in range(d):
            outcome = maximise(system, [sign * (i == j) for i in range(d)], interior)
            if isinstance(outcome, Unbounded):
                return outcome
            found.append(outcome)
    return BoundingBox(
        lower=tuple([-side.value for side in sides[-1]]),
        upper=tuple([side.value for side in sides[1]]),
        lower_multipliers=tuple([_weights(side) for side in sides[-1]]),
        upper_multipliers=tuple([_weights(side) for side in sides[1]]),
    )


def _weights(outcome: Optimal) -> dict[int, Fraction]:
    """Multipliers of an objective with multiplier one."""
    return {i: Fraction(weight, outcome.theta) for i, weight in outcome.multipliers.items()}


def irredundant(rows: Rows | Sequence[Integers], interior: Point) -> list[int]:
    """Ascending numbers of the rows that are facets: without one of them the set would be larger.

    Of rows that say the same, the first counts.  Each row is maximised over the rest, and dropped when they
    prove it.

    Args:
        rows: ``(m, d + 1)`` integers; the set has an interior.
        interior: Numerators and denominator of a point strictly inside.

    Example:
        >>> irredundant([(1, 0, 1), (0, 1, 1), (1, 1, 2), (-1, 0, 0), (0, -1, 0), (2, 0, 2)], ((1, 1), 2))
        [0, 1, 3, 4]
    """
    plain = rows.entries if isinstance(rows, Rows) else rows
    system = gather(rows, len(interior[0]))
    kept = tightest([[int(entry) for entry in row] for row in plain])
    for i in tuple(kept):
        rest = [k for k in kept if k != i]
        row = system.entries[i]
        outcome = maximise(system, row[:-1], interior, stop_above=int(row[-1]), active=rest)
        if isinstance(outcome, Optimal):
            kept = rest
    return kept
