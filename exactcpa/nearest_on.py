"""The nearest point of a polyhedron in l2, l1 or l_inf, weighted or not, exactly and with its proof.

One question for all norms: scaled by the weights and moved to the point, it is the least vector of ``{u : N u <= r}``.
Doubles propose the rows that are tight there; exact methods start from them; all multipliers are added up again.

Main definitions:
    nearest_on: The question.
    decide_nearest: The same, with the proof of emptiness, and stopped early when far enough.
    Nearest, Empty, FarEnough: The answers.
    proved_bound: What multipliers prove about the distance, added up from nothing but the question.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, y> <= b``; an equality is such a row with ``=``.  Multipliers (of rows
    nonnegative) add rows up to ``<p, y> <= q``, so every point y has ``<p, x - y> >= <p, x> - q =: gap``.  Of a nearest
    point in l1 and l_inf, ``|p|_dual <= 1`` and gap is the value; in l2, ``|p|_dual^2``, gap and value are all equal.
    Of an empty set p is 0 and gap is positive.  Values of l2 are squares.

Not here: the methods (`nearest_point`, `nearest_linear`), norms (`norms`), many problems at once (`nearest_float`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from exactcpa import nearest_linear, nearest_point
from exactcpa.errors import CertificateRejected, DimensionMismatch
from exactcpa.nearest_float import NONE, OPTIMAL, float_nearest, round_rows
from exactcpa.norms import Measure, measure
from exactcpa.numbers import exactly
from exactcpa.vectors import Vector

Row = Sequence[Any]
Rational = Any
"""`Fraction` or `fmpq`."""


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
    start: Sequence[int] | None = None,
) -> Nearest | Empty | FarEnough:
    """Find a nearest point, prove that there is none, or that none is nearer than `enough`.

    Args:
        rows: As in `nearest_on`.
        x: As in `nearest_on`.
        norm: As in `nearest_on`.
        weights: As in `nearest_on`.
        equality: As in `nearest_on`.
        enough: Stop when the distance (in l2 its square) is known to be no less.
        start: Rows to begin with, as `float_nearest` proposes them; by default it is asked.  Any will do.
    """
    asked = _read(rows, x, norm, weights, equality)
    both = [] if asked.equality is None else [asked.equality, tuple([-a for a in asked.equality])]
    moved = [_moved(row, asked) for row in (*asked.rows, *both)]
    active = _proposed(moved, asked) if start is None else [int(i) for i in start if i >= 0]
    limit = None if enough is None else _flint(enough)
    solve = _least_square if asked.metric.is_squared else _least_linear
    found = _require_proved(solve(moved, asked, limit, active), asked)
    multipliers = {i: _fraction(t) for i, t in sorted(found.multipliers.items())}
    free = _fraction(found.equality)
    match found:
        case Empty():
            return Empty(multipliers, free)
        case FarEnough():
            return FarEnough(_fraction(found.value), multipliers, free)
    return Nearest(_fraction(found.value), tuple(map(_fraction, found.point)), multipliers, free)


def proved_bound(
    multipliers: Mapping[int, Rational],
    free: Rational,
    rows: Sequence[Sequence[Rational]],
    x: Sequence[Rational],
    metric: Measure,
    equality: Sequence[Rational] | None = None,
) -> tuple[Rational, Rational]:
    """What multipliers prove: gap and the dual length of p (of l2 its square).

    Every point is at least ``gap / |p|`` away; if gap is positive and p is 0 there is none.

    Raises:
        CertificateRejected: A negative multiplier.
    """
    if any(t < 0 for t in multipliers.values()):
        raise CertificateRejected("nearest point: a negative multiplier")
    parts = [(t, rows[i]) for i, t in multipliers.items()] + ([] if equality is None else [(free, equality)])
    total = [sum([t * row[j] for t, row in parts if t]) for j in range(len(x) + 1)]
    return _excess(total, x), metric.dual(total[:-1])


# ---------------------------------------------------------------------- the question


@dataclass(frozen=True, slots=True)
class _Question:
    """The question in flint's rationals."""

    rows: tuple[tuple[fmpq, ...], ...]
    x: tuple[fmpq, ...]
    metric: Measure
    equality: tuple[fmpq, ...] | None


def _read(
    rows: Sequence[Row], x: Sequence[Any], norm: str, weights: Sequence[Any] | None, equality: Row | None
) -> _Question:
    point = tuple(map(_flint, x))
    plain = measure(norm, len(point), weights)
    metric = Measure(plain.norm, tuple(map(_flint, plain.weights)))
    tables = [tuple(map(_flint, row)) for row in (*rows, *([] if equality is None else [equality]))]
    if any(len(row) != len(point) + 1 for row in tables):
        lengths = sorted({len(row) for row in tables})
        raise DimensionMismatch(f"expected rows of {len(point) + 1} numbers, got lengths {lengths}")
    tie = None if equality is None else tables.pop()
    return _Question(tuple(tables), point, metric, tie)


def _flint(value: Any) -> fmpq:
    if isinstance(value, int):
        return fmpq(value)
    if isinstance(value, fmpq):
        return value
    q = value if isinstance(value, Fraction) else exactly(value)
    return fmpq(q.numerator, q.denominator)


def _fraction(q: fmpq | int) -> Fraction:
    return Fraction(int(q.p), int(q.q)) if isinstance(q, fmpq) else Fraction(q)


def _moved(row: Sequence[fmpq], asked: _Question) -> list[fmpq]:
    """The row of ``u``, where ``y_j = x_j + w_j u_j``."""
    return [*[n * w for n, w in zip(row, asked.metric.weights, strict=False)], -_excess(row, asked.x)]


def _excess(row: Sequence[Rational], point: Sequence[Rational]) -> Rational:
    """``<n, y> - b``."""
    return sum([n * y for n, y in zip(row, point, strict=False) if n]) - row[-1]


# ---------------------------------------------------------------------- the answer


def _proposed(moved: list[list[fmpq]], asked: _Question) -> list[int]:
    """The rows that doubles say are tight at the nearest point; none where they have none to say."""
    d = len(asked.x)
    if not moved:
        return []
    found = float_nearest(asked.metric.norm, round_rows(moved, d), [range(len(moved))], np.inf)
    active = [i for i in found.active[0].tolist() if i >= 0]
    if found.statuses[0] == OPTIMAL:
        return active
    return active[:-1] if found.statuses[0] == NONE else []


def _least_square(
    moved: list[list[fmpq]], asked: _Question, enough: fmpq | None, start: Sequence[int]
) -> Nearest | Empty | FarEnough:
    origin, m = (fmpq(0),) * len(asked.x), len(asked.rows)
    tie = None if asked.equality is None else moved[m]
    chosen = [i for i in start if i < m]
    found = nearest_point.find_nearest(origin, moved[:m], tie, enough=enough, start=chosen)
    match found:
        case nearest_point.Empty():
            return Empty(found.multipliers, found.equality)
        case nearest_point.FarEnough():
            return FarEnough(found.squared, found.multipliers, found.equality)
    return Nearest(found.squared, _moved_back(found.point, asked), found.multipliers, found.equality)


def _least_linear(
    moved: list[list[fmpq]], asked: _Question, enough: fmpq | None, start: Sequence[int]
) -> Nearest | Empty | FarEnough:
    """The equality is the last two rows."""
    m = len(asked.rows)
    found = nearest_linear.least_point(moved, len(asked.x), asked.metric.norm, enough, start)
    weights = found.multipliers
    free = weights.get(m, fmpq(0)) - weights.get(m + 1, fmpq(0))
    multipliers = {i: t for i, t in weights.items() if i < m}
    match found:
        case nearest_linear.Empty():
            return Empty(multipliers, free)
        case nearest_linear.FarEnough():
            return FarEnough(found.value, multipliers, free)
    return Nearest(found.value, _moved_back(found.point, asked), multipliers, free)


def _moved_back(point: Sequence[fmpq], asked: _Question) -> tuple[fmpq, ...]:
    return tuple([x + w * u for x, w, u in zip(asked.x, asked.metric.weights, point, strict=True)])


def _require_proved(found: Nearest | Empty | FarEnough, asked: _Question) -> Nearest | Empty | FarEnough:
    """Return an answer that its multipliers prove, added up from nothing but the question.

    Raises:
        CertificateRejected: They do not prove it.
    """
    gap, dual = proved_bound(
        found.multipliers, found.equality, asked.rows, asked.x, asked.metric, asked.equality
    )
    if isinstance(found, Empty):
        if dual or gap <= 0:
            raise CertificateRejected("nearest point: the multipliers do not prove that there is none")
        return found
    if gap != found.value or not (dual == gap if asked.metric.is_squared else dual <= 1):
        raise CertificateRejected("nearest point: the multipliers do not prove the distance")
    if isinstance(found, Nearest):
        _require_point(found, asked)
    return found


def _require_point(found: Nearest, asked: _Question) -> None:
    """The point is in the set, at the distance that is claimed."""
    if asked.equality is not None and _excess(asked.equality, found.point) != 0:
        raise CertificateRejected("nearest point: not on the hyperplane")
    if any(_excess(row, found.point) > 0 for row in asked.rows):
        raise CertificateRejected("nearest point: a row is violated")
    if asked.metric.length([a - b for a, b in zip(found.point, asked.x, strict=True)]) != found.value:
        raise CertificateRejected("nearest point: the distance is another one")
