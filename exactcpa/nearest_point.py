"""The nearest point of a polyhedron, exactly: a strictly convex quadratic program by a dual active set.

From the nearest point of the hyperplane alone, violated rows are added one by one; multipliers that would turn
negative leave.  Every full step strictly increases the distance, so no active set comes back and the method ends,
degenerate or not; nothing is decided by rounding.

Main definitions:
    Metric: The inner product that distances are measured with.
    Nearest: The point, its squared distance and the multipliers that prove both.
    Empty: There is no point, with the multipliers that prove it.
    FarEnough: No point is nearer than asked for, with the multipliers that prove it.
    find_nearest: The question, answered by one of them.
    nearest_point: The same, without the proof that there is none.
    require_nearest: Re-adds the optimality conditions of an answer.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, x> <= b``; an equality is such a row with ``=``.  The squared distance is
    ``(x - p)' G (x - p)``.  Numbers are rationals of any one kind (`flint.fmpq` is fast); offsets and the point may be
    any ordered numbers that rationals multiply and divide (`surds`), normals are rational.

References:
    Goldfarb and Idnani, A numerically stable dual method for solving strictly convex quadratic programs (1983).

Not here: weights and the other norms (`nearest_on`), which polyhedra (`placement_distances`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exactcpa.errors import BadArgument, CertificateRejected
from exactcpa.vectors import Matrix

Number = Any
Numbers = tuple[Number, ...]
Active = list[tuple[int, Sequence[Number], Numbers]]
"""Row number (-1: the equality), normal, ``G^-1 normal``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """An inner product of R^d and its inverse; None stands for the identity.

    Attributes:
        matrix: Shape ``(d, d)``, positive definite.
        inverse: Its inverse.
    """

    matrix: Matrix | None = None
    inverse: Matrix | None = None

    def raised(self, covector: Sequence[Number]) -> Numbers:
        """The vector that a normal stands for, ``G^-1 n``."""
        return tuple(covector) if self.inverse is None else _times(self.inverse, covector)

    def squared(self, vector: Sequence[Number]) -> Number:
        """The squared length of a vector."""
        return _dot(vector, vector if self.matrix is None else _times(self.matrix, vector))


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest point, ``point = p - G^-1 (multiplier of the equality * n + sum_i multipliers_i * n_i)``.

    Attributes:
        squared: The squared distance.
        point: Shape ``(d,)``.
        equality: The multiplier of the equality, of any sign; zero without one.
        multipliers: Row number -> positive multiplier; these rows are tight.
    """

    squared: Number
    point: Numbers
    equality: Number
    multipliers: dict[int, Number]


@dataclass(frozen=True, slots=True)
class Empty:
    """There is no point: ``equality * n + sum_i multipliers_i n_i = 0``, and the offsets add up to less than zero."""

    equality: Number
    multipliers: dict[int, Number]


@dataclass(frozen=True, slots=True)
class FarEnough:
    """No point is nearer: the nearest point of some of the rows is at this squared distance."""

    squared: Number
    equality: Number
    multipliers: dict[int, Number]


def find_nearest(
    point: Sequence[Number],
    rows: Sequence[Sequence[Number]],
    equality: Sequence[Number] | None = None,
    metric: Metric = Metric(),
    enough: Number | None = None,
    start: Sequence[int] = (),
) -> Nearest | Empty | FarEnough:
    """Find the point of ``{x : rows, equality}`` that is nearest to a point.

    Args:
        point: Shape ``(d,)``.
        rows: Shape ``(m, d + 1)``; zero rows, duplicates and many rows through one point are ordinary.
        equality: Shape ``(d + 1,)``, or None.  Its normal may be zero.
        metric: How distances are measured.
        enough: Stop when the squared distance is known to be no less.
        start: Rows to begin with, tight together; used if they are independent with nonnegative weights.

    Raises:
        BadArgument: An int or a float among the numbers: their quotients are floats.
    """
    if equality is not None and not any(equality[:-1]):
        if equality[-1]:
            return Empty(equality[-1] * 0 + (-1 if equality[-1] > 0 else 1), {})
        equality = None
    active, weights = _started(point, rows, equality, metric, start)
    at = tuple(point)
    for weight, (_, _, raised) in zip(weights, active, strict=True):
        at = _moved(at, raised, weight)
    while True:
        squared = metric.squared(tuple(a - b for a, b in zip(at, point, strict=True)))
        if enough is not None and squared >= enough:
            return FarEnough(squared, *_spread(active, weights))
        violated = _find_violated(rows, at, {number for number, _, _ in active})
        if violated < 0:
            return Nearest(squared, at, *_spread(active, weights))
        moved = _satisfy(rows[violated], violated, at, active, weights, metric)
        if isinstance(moved, Empty):
            return moved
        at = moved


def nearest_point(
    point: Sequence[Number],
    rows: Sequence[Sequence[Number]],
    equality: Sequence[Number] | None = None,
    metric: Metric = Metric(),
) -> Nearest | None:
    """Find the nearest point with its multipliers; None if the set is empty.

    Args:
        point: As in `find_nearest`.
        rows: As in `find_nearest`.
        equality: As in `find_nearest`.
        metric: As in `find_nearest`.

    Raises:
        BadArgument: An int or a float among the numbers: their quotients are floats.

    Example:
        >>> from flint import fmpq
        >>> square = [[fmpq(x) for x in row] for row in [(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)]]
        >>> found = nearest_point((fmpq(3), fmpq(0)), square, (fmpq(1), fmpq(1), fmpq(0)))
        >>> [str(x) for x in found.point], str(found.squared)
        (['1', '-1'], '5')
    """
    found = find_nearest(point, rows, equality, metric)
    return found if isinstance(found, Nearest) else None


def require_nearest(
    found: Nearest,
    point: Sequence[Number],
    rows: Sequence[Sequence[Number]],
    equality: Sequence[Number] | None = None,
    metric: Metric = Metric(),
) -> Nearest:
    """Return an answer whose optimality conditions hold, re-added from nothing but the question.

    The point is in the set, and ``G (p - x)`` is a sum of tight normals with nonnegative weights (any weight for the
    equality): then x is the one nearest point (Karush, Kuhn and Tucker).

    Raises:
        CertificateRejected: They do not hold.
    """
    total = [0] * len(point)
    if equality is not None:
        if _dot(equality, found.point) != equality[-1]:
            raise CertificateRejected("nearest point: not on the hyperplane")
        total = [found.equality * n for n in equality[:-1]]
    if any(_dot(row, found.point) > row[-1] for row in rows):
        raise CertificateRejected("nearest point: a row is violated")
    for number, weight in found.multipliers.items():
        if weight < 0 or _dot(rows[number], found.point) != rows[number][-1]:
            raise CertificateRejected(f"nearest point: the multiplier of row {number} proves nothing")
        total = [t + weight * n for t, n in zip(total, rows[number], strict=False)]
    step = [p - x for p, x in zip(point, found.point, strict=True)]
    if list(metric.raised(total)) != step or metric.squared(step) != found.squared:
        raise CertificateRejected("nearest point: the multipliers do not add up to the step")
    return found


def _started(
    point: Sequence[Number],
    rows: Sequence[Sequence[Number]],
    equality: Sequence[Number] | None,
    metric: Metric,
    start: Sequence[int],
) -> tuple[Active, list[Number]]:
    """The equality and the proposed rows with the weights that make them tight; without the rows if those fail."""
    chosen = [] if equality is None else [(-1, equality)]
    chosen += [(i, rows[i]) for i in start]
    active = [(i, row[:-1], metric.raised(row[:-1])) for i, row in chosen]
    for _, row in chosen:
        _require_exact((*row, *point))
    weights = _weights_of(active, [_dot(row, point) - row[-1] for _, row in chosen])
    if weights is not None and all(w >= 0 for w, (i, _, _) in zip(weights, active, strict=True) if i >= 0):
        return active, weights
    return _started(point, rows, equality, metric, ())


def _satisfy(
    row: Sequence[Number],
    number: int,
    at: Numbers,
    active: Active,
    weights: list[Number],
    metric: Metric,
) -> Numbers | Empty:
    """Move to where a violated row is tight, dropping rows whose weight reaches zero."""
    _require_exact((*row, *at))
    raised = metric.raised(row[:-1])
    weight: Number = 0
    while True:
        shares = _shares(active, row)
        step = list(raised)
        for share, (_, _, direction) in zip(shares, active, strict=True):
            step = [a - share * b for a, b in zip(step, direction, strict=True)]
        # Active normals are independent: d of them leave no direction.
        speed = _dot(row, step) if len(active) < len(at) else 0
        full = (_dot(row, at) - row[-1]) / speed if speed else None
        blocking, least = _blocking(active, weights, shares)
        if full is None and blocking is None:
            free, named = _spread(active, [-share for share in shares])
            return Empty(free, named | {number: shares[0] * 0 + 1 if shares else 1})
        is_full = blocking is None or (full is not None and full <= least)
        length = full if is_full else least
        weights[:] = [w - length * share for w, share in zip(weights, shares, strict=True)]
        weight = weight + length
        if full is not None:
            at = _moved(at, step, length)
        if is_full:
            active.append((number, row[:-1], raised))
            weights.append(weight)
            return at
        del active[blocking], weights[blocking]


def _spread(active: Active, weights: Sequence[Number]) -> tuple[Number, dict[int, Number]]:
    """The weight of the equality, and those of the rows that are not zero."""
    named = {number: weight for (number, _, _), weight in zip(active, weights, strict=True)}
    free = named.pop(-1, 0)
    return free, {number: weight for number, weight in named.items() if weight}


def _blocking(
    active: Active,
    weights: Sequence[Number],
    shares: Sequence[Number],
) -> tuple[int | None, Number]:
    """The active row whose weight reaches zero first, and the length of the step to there."""
    best, least = None, None
    for k, (entry, weight, share) in enumerate(zip(active, weights, shares, strict=True)):
        if entry[0] >= 0 and share > 0 and (best is None or weight / share < least):
            best, least = k, weight / share
    return best, least


def _shares(active: Active, row: Sequence[Number]) -> list[Number]:
    """How the raised normal of a row splits over the active ones."""
    found = _weights_of(active, [_dot(row, direction) for _, _, direction in active])
    assert found is not None  # active normals are independent
    return found


def _weights_of(active: Active, right: list[Number]) -> list[Number] | None:
    """Weights of raised normals, by the normal equations of least squares; None: they are dependent."""
    size, right = len(active), list(right)
    table = [[_dot(normal, direction) for _, _, direction in active] for _, normal, _ in active]
    for k in range(size):  # positive definite: the pivots are positive in this order
        if not table[k][k]:
            return None
        for i in range(k + 1, size):
            factor = table[i][k] / table[k][k]
            if factor:
                table[i] = [a - factor * b for a, b in zip(table[i], table[k], strict=True)]
                right[i] = right[i] - factor * right[k]
    for k in reversed(range(size)):
        known = sum(table[k][j] * right[j] for j in range(k + 1, size))
        right[k] = (right[k] - known) / table[k][k]
    return right


def _require_exact(numbers: Sequence[Number]) -> None:
    """Refuse floats, and Python integers, whose quotients would be floats."""
    if any(type(x) in (int, float) for x in numbers):
        raise BadArgument("expected exact numbers with exact quotients, got int or float")


def _find_violated(rows: Sequence[Sequence[Number]], at: Numbers, tight: set[int]) -> int:
    """The number of the first row that is violated, or -1; those known to be tight are not."""
    for number, row in enumerate(rows):
        if number not in tight and _dot(row, at) > row[-1]:
            return number
    return -1


def _moved(at: Numbers, direction: Sequence[Number], length: Number) -> Numbers:
    return tuple([a - length * b for a, b in zip(at, direction, strict=True)])


def _dot(left: Sequence[Number], right: Sequence[Number]) -> Number:
    """The inner product; what stands beyond the shorter one (a row's offset) does not count."""
    return sum([a * b for a, b in zip(left, right, strict=False)])


def _times(rows: Matrix, vector: Sequence[Number]) -> Numbers:
    return tuple([_dot(row, vector) for row in rows])
