"""The nearest point of a polyhedron in l2, l1 or l_inf, weighted or not, exactly and with its proof.

One question for all norms: scaled by the weights and moved to the point, it is the least vector of ``{u : N u <= r}``.

Main definitions:
    nearest_on: The question.
    decide_nearest: The same, with the proof of emptiness, and stopped early when far enough.
    Nearest, Empty, FarEnough: The answers.
    lower_bound: What multipliers prove about the distance, re-added from nothing but the question.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, y> <= b``; an equality is such a row with ``=``.  Multipliers (of rows
    nonnegative) add rows up to ``<p, y> <= q``, so every point y has ``<p, x - y> >= <p, x> - q =: gap``.  Of a nearest
    point in l1 and l_inf, ``|p|_dual <= 1`` and gap is the value; in l2, ``|p|_dual^2``, gap and value are all equal.
    Of an empty set p is 0 and gap is positive.  Values of l2 are squares.

Not here: the methods (`nearest_point`, `nearest_linear`), norms (`norms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import fmpq

from exactcpa import nearest_linear, nearest_point
from exactcpa.errors import CertificateRejected
from exactcpa.norms import Measure, measure
from exactcpa.vectors import Vector, coordinates

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Nearest:
    """A nearest point.

    Attributes:
        value: The distance; in l2 its square.
        point: Shape ``(d,)``; in l1 and l_inf there may be others.
        multipliers: Row number -> positive multiplier.
        equality: The multiplier of the equality, of any sign; zero without one.
    """

    value: Fraction
    point: Vector
    multipliers: dict[int, Fraction]
    equality: Fraction


@dataclass(frozen=True, slots=True)
class Empty:
    """There is no point; the multipliers add the rows up to ``0 <= negative``."""

    multipliers: dict[int, Fraction]
    equality: Fraction


@dataclass(frozen=True, slots=True)
class FarEnough:
    """No point is nearer than asked for.

    Attributes:
        value: A lower bound of the distance; in l2 of its square.
        multipliers: Row number -> positive multiplier.
        equality: The multiplier of the equality.
    """

    value: Fraction
    multipliers: dict[int, Fraction]
    equality: Fraction


def nearest_on(
    rows: Sequence[Row],
    x: Sequence[Any],
    *,
    norm: str = "2",
    weights: Sequence[Any] | None = None,
    equality: Row | None = None,
) -> Nearest | None:
    """Find a point of ``{y : rows, equality}`` nearest to x.

    Args:
        rows: Shape ``(m, d + 1)``, rationals; zero rows, duplicates and many rows through one point are ordinary.
        x: Shape ``(d,)``.
        norm: "2", "1" or "inf".
        weights: Shape ``(d,)``, positive, or None for ones.
        equality: Shape ``(d + 1,)``, or None.  Its normal may be zero.

    Returns:
        A nearest point with its multipliers, checked, or None if the set is empty.

    Example:
        >>> square = [(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1)]
        >>> found = nearest_on(square, (3, 2), norm="1")
        >>> str(found.value), [str(q) for q in found.point], sorted(found.multipliers)
        ('3', ['1', '1'], [0, 2])
    """
    found = decide_nearest(rows, x, norm=norm, weights=weights, equality=equality)
    return found if isinstance(found, Nearest) else None


def decide_nearest(
    rows: Sequence[Row],
    x: Sequence[Any],
    *,
    norm: str = "2",
    weights: Sequence[Any] | None = None,
    equality: Row | None = None,
    enough: Fraction | None = None,
) -> Nearest | Empty | FarEnough:
    """Find a nearest point, prove that there is none, or that none is nearer than `enough`.

    Args:
        rows: As in `nearest_on`.
        x: As in `nearest_on`.
        norm: As in `nearest_on`.
        weights: As in `nearest_on`.
        equality: As in `nearest_on`.
        enough: Stop when the distance (in l2 its square) is known to be no less.
    """
    point = coordinates(tuple(x), len(x))
    metric = measure(norm, len(point), weights)
    exact = [coordinates(tuple(row), len(point) + 1) for row in rows]
    tie = None if equality is None else coordinates(tuple(equality), len(point) + 1)
    moved = [_moved(row, point, metric.weights) for row in exact]
    moved_tie = None if tie is None else _moved(tie, point, metric.weights)
    limit = None if enough is None else fmpq(enough.numerator, enough.denominator)
    solve = _least_square if metric.is_squared else _least_linear
    found = solve(moved, moved_tie, metric, limit)
    if isinstance(found, Nearest):
        shifted = tuple([a + w * u for a, w, u in zip(point, metric.weights, found.point, strict=True)])
        found = Nearest(found.value, shifted, found.multipliers, found.equality)
    return require_proved(found, exact, point, metric, tie)


def lower_bound(
    multipliers: Mapping[int, Fraction],
    free: Fraction,
    rows: Sequence[Vector],
    x: Vector,
    metric: Measure,
    equality: Vector | None = None,
) -> tuple[Fraction, Fraction]:
    """What multipliers prove: gap and the dual length of p (of l2 its square).

    Every point is at least ``gap / |p|`` away; if gap is positive and p is 0 there is none.

    Raises:
        CertificateRejected: A negative multiplier.
    """
    if any(t < 0 for t in multipliers.values()):
        raise CertificateRejected("nearest point: a negative multiplier")
    parts = [(t, rows[i]) for i, t in multipliers.items()] + ([] if equality is None else [(free, equality)])
    total = [sum([t * row[j] for t, row in parts], Fraction(0)) for j in range(len(x) + 1)]
    gap = sum([p * a for p, a in zip(total, x, strict=False)], -total[-1])
    return gap, metric.dual(total[:-1])


def require_proved(
    found: Nearest | Empty | FarEnough,
    rows: Sequence[Vector],
    x: Vector,
    metric: Measure,
    equality: Vector | None = None,
) -> Nearest | Empty | FarEnough:
    """Return an answer whose multipliers prove it, re-added from nothing but the question.

    Raises:
        CertificateRejected: They do not.
    """
    gap, dual = lower_bound(found.multipliers, found.equality, rows, x, metric, equality)
    if isinstance(found, Empty):
        if dual or gap <= 0:
            raise CertificateRejected("nearest point: the multipliers do not prove that there is none")
        return found
    proved = (gap > 0 and gap * gap >= found.value * dual) if metric.is_squared else dual <= 1
    if found.value and not (proved and gap >= (0 if metric.is_squared else found.value)):
        raise CertificateRejected("nearest point: the multipliers do not prove the distance")
    if isinstance(found, Nearest):
        _require_point(found, rows, x, metric, equality)
    return found


def _require_point(
    found: Nearest, rows: Sequence[Vector], x: Vector, metric: Measure, equality: Vector | None
) -> None:
    """The point is in the set and at the distance that is claimed."""
    if equality is not None and _excess(equality, found.point):
        raise CertificateRejected("nearest point: not on the hyperplane")
    if any(_excess(row, found.point) > 0 for row in rows):
        raise CertificateRejected("nearest point: a row is violated")
    if metric.length([a - b for a, b in zip(found.point, x, strict=True)]) != found.value:
        raise CertificateRejected("nearest point: the distance is another one")


def _excess(row: Vector, point: Vector) -> Fraction:
    return sum([n * y for n, y in zip(row, point, strict=False)], -row[-1])


def _moved(row: Vector, x: Vector, weights: Vector) -> list[fmpq]:
    """The row of ``u``, where ``y_j = x_j + w_j u_j``."""
    normal = [n * w for n, w in zip(row, weights, strict=False)]
    return [fmpq(q.numerator, q.denominator) for q in (*normal, -_excess(row, x))]


def _least_square(
    rows: list[list[fmpq]], equality: list[fmpq] | None, metric: Measure, enough: fmpq | None
) -> Nearest | Empty | FarEnough:
    origin = (fmpq(0),) * len(metric.weights)
    found = nearest_point.find_nearest(origin, rows, equality, enough=enough)
    multipliers, free = _fractions(found.multipliers), _fraction(found.equality)
    match found:
        case nearest_point.Empty():
            return Empty(multipliers, free)
        case nearest_point.FarEnough():
            return FarEnough(_fraction(found.squared), multipliers, free)
    return Nearest(_fraction(found.squared), tuple(map(_fraction, found.point)), multipliers, free)


def _least_linear(
    rows: list[list[fmpq]], equality: list[fmpq] | None, metric: Measure, enough: fmpq | None
) -> Nearest | Empty | FarEnough:
    """The equality is two rows, the last ones."""
    count = len(rows)
    both = [] if equality is None else [equality, [-a for a in equality]]
    found = nearest_linear.least_point([*rows, *both], len(metric.weights), metric.norm, enough)
    weights = found.multipliers
    free = _fraction(weights.get(count, fmpq(0)) - weights.get(count + 1, fmpq(0)))
    multipliers = _fractions({i: t for i, t in weights.items() if i < count})
    match found:
        case nearest_linear.Empty():
            return Empty(multipliers, free)
        case nearest_linear.FarEnough():
            return FarEnough(_fraction(found.value), multipliers, free)
    return Nearest(_fraction(found.value), tuple(map(_fraction, found.point)), multipliers, free)


def _fractions(multipliers: Mapping[int, fmpq]) -> dict[int, Fraction]:
    return {i: _fraction(t) for i, t in sorted(multipliers.items())}


def _fraction(q: fmpq | int) -> Fraction:
    return Fraction(int(q.p), int(q.q)) if isinstance(q, fmpq) else Fraction(q)
