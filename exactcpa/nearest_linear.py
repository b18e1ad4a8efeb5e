"""The least point of a polyhedron in l1 or l_inf, exactly: a dual simplex method that starts at the origin.

The origin is the least point of all; violated rows are made tight one by one, and the multipliers stay nonnegative.
So there is no phase 1, every step is a proved lower bound, and the method can be stopped as soon as that suffices.

Main definitions:
    least_point: The question.
    Least, Empty, FarEnough: The answers, each with multipliers that prove it.

Conventions:
    Rows are ``(n_1, .., n_d, b)``, ``<n, u> <= b``, rationals of flint.  Internally l_inf has variables ``(u, t)`` and
    minimises t, l1 has ``(u, s_1, .., s_d)`` and minimises their sum; row number ``m + 2j`` is ``u_j <= t`` (``s_j``),
    row ``m + 2j + 1`` is ``-u_j <= t`` (``s_j``).  Ties: the largest violation first; Bland's rule, which rules cycles
    out, from a step without progress to the next one with.

References:
    Lemke, The dual method of solving the linear programming problem (1954).

Not here: l2 (`nearest_point`), weights and other centres (`nearest_on`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpq_mat

Row = Sequence[fmpq]
ZERO, ONE = fmpq(0), fmpq(1)


@dataclass(frozen=True, slots=True)
class Least:
    """The least point; the multipliers add the rows up to ``<p, u> <= -value`` with p of dual length at most 1.

    Attributes:
        value: Its length.
        point: Shape ``(d,)``.
        multipliers: Row number -> positive multiplier.
        basis: The rows that are tight, also those of the norm: a start for a similar question.
    """

    value: fmpq
    point: tuple[fmpq, ...]
    multipliers: dict[int, fmpq]
    basis: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """There is no point: the multipliers add the rows up to ``0 <= negative``."""

    multipliers: dict[int, fmpq]


@dataclass(frozen=True, slots=True)
class FarEnough:
    """No point is shorter than asked for: the multipliers add the rows up to ``<p, u> <= -value``, |p| at most 1.

    Attributes:
        value: A lower bound of all lengths.
        multipliers: Row number -> positive multiplier.
    """

    value: fmpq
    multipliers: dict[int, fmpq]


def least_point(
    rows: Sequence[Row],
    dimension: int,
    norm: str,
    enough: fmpq | None = None,
    basis: Sequence[int] | None = None,
) -> Least | Empty | FarEnough:
    """Find the least point of ``{u : rows}``.

    Args:
        rows: Shape ``(m, d + 1)``; zero rows, duplicates and many rows through one point are ordinary.
        dimension: d >= 1.
        norm: "1" or "inf".
        enough: Stop when the length is known to be no less.
        basis: Rows to start from; used if their multipliers are nonnegative.

    Example:
        >>> corner = [[fmpq(-1), fmpq(0), fmpq(-3)], [fmpq(0), fmpq(-1), fmpq(-1)]]
        >>> [str(least_point(corner, 2, norm).value) for norm in ("1", "inf")]
        ['4', '3']
    """
    table = _Table(rows, dimension, norm)
    tableau = (None if basis is None else table.started(basis)) or table.started(table.origin())
    assert tableau is not None  # the origin's rows are independent and their multipliers nonnegative
    bland = False
    while True:
        if enough is not None and tableau.value >= enough:
            return FarEnough(tableau.value, tableau.multipliers(len(rows)))
        entering = table.violated(tableau.point, first=bland)
        if entering < 0:
            point = tuple(tableau.point[:dimension])
            return Least(tableau.value, point, tableau.multipliers(len(rows)), tuple(tableau.basis))
        shares = tableau.shares(table.normal(entering))
        leaving = tableau.leaving(shares)
        if leaving < 0:
            named = {i: -g for i, g in zip(tableau.basis, shares, strict=True) if g and i < len(rows)}
            return Empty(named | ({entering: ONE} if entering < len(rows) else {}))
        bland = not tableau.weights[leaving]
        tableau = tableau.exchanged(leaving, entering, shares, table.slack(entering, tableau.point))


@dataclass(frozen=True, slots=True)
class _Tableau:
    """As many independent rows as variables, tight at a point.

    Attributes:
        basis: Their numbers.
        columns: Column i moves the point so that row i of the basis grows by one and the others stay.
        weights: Their multipliers, nonnegative.
        point: Where they are tight.
        value: The objective there.
    """

    basis: list[int]
    columns: list[list[fmpq]]
    weights: list[fmpq]
    point: list[fmpq]
    value: fmpq

    def multipliers(self, count: int) -> dict[int, fmpq]:
        """The positive multipliers of the first rows."""
        return {i: w for i, w in zip(self.basis, self.weights, strict=True) if w and i < count}

    def shares(self, normal: Row) -> list[fmpq]:
        """The coefficients of a normal in the basis."""
        entries = [(j, a) for j, a in enumerate(normal) if a]
        return [sum([a * column[j] for j, a in entries], ZERO) for column in self.columns]

    def leaving(self, shares: Sequence[fmpq]) -> int:
        """The place in the basis whose multiplier runs out first, least row number among ties; -1: none does."""
        best, least = -1, ZERO
        for k, (weight, share) in enumerate(zip(self.weights, shares, strict=True)):
            if share > 0:
                ratio = weight / share
                if best < 0 or ratio < least or (ratio == least and self.basis[k] < self.basis[best]):
                    best, least = k, ratio
        return best

    def exchanged(self, leaving: int, entering: int, shares: Sequence[fmpq], slack: fmpq) -> _Tableau:
        """One row exchanged for another one, whose slack is negative."""
        pivot = shares[leaving]
        step = self.weights[leaving] / pivot
        new = [a / pivot for a in self.columns[leaving]]
        columns = [
            [a - g * b for a, b in zip(column, new, strict=True)] if g else column
            for g, column in zip(shares, self.columns, strict=True)
        ]
        weights = [w - step * g for w, g in zip(self.weights, shares, strict=True)]
        basis = list(self.basis)
        columns[leaving], weights[leaving], basis[leaving] = new, step, entering
        point = [z + slack * a for z, a in zip(self.point, new, strict=True)]
        return _Tableau(basis, columns, weights, point, self.value - step * slack)


class _Table:
    """All rows of the linear program, those of the norm after the given ones."""

    def __init__(self, rows: Sequence[Row], dimension: int, norm: str) -> None:
        d = self.dimension = dimension
        self.is_l1 = norm == "1"
        self.size = 2 * d if self.is_l1 else d + 1
        padding = [ZERO] * (self.size - d)
        self.rows = [[*row[:-1], *padding, row[-1]] for row in rows]
        self.count = len(rows)
        for j in range(d):
            for sign in (ONE, -ONE):
                row = [ZERO] * (self.size + 1)
                row[j], row[d + j if self.is_l1 else d] = sign, -ONE
                self.rows.append(row)

    def normal(self, number: int) -> list[fmpq]:
        """The normal of a row."""
        return self.rows[number][:-1]

    def slack(self, number: int, point: Sequence[fmpq]) -> fmpq:
        """``b - <n, z>``."""
        row = self.rows[number]
        return row[-1] - sum([a * z for a, z in zip(row, point, strict=False) if a and z], ZERO)

    def violated(self, point: Sequence[fmpq], *, first: bool) -> int:
        """The row with the most negative slack, or the first with a negative one; -1: none."""
        best, least = -1, ZERO
        for number in range(len(self.rows)):
            slack = self.slack(number, point)
            if slack < least:
                if first:
                    return number
                best, least = number, slack
        return best

    def origin(self) -> list[int]:
        """Rows of the norm that are tight at the origin, with nonnegative multipliers."""
        first, d = self.count, self.dimension
        if self.is_l1:
            return list(range(first, first + 2 * d))
        return [first, first + 1, *[first + 2 * j for j in range(1, d)]]

    def started(self, basis: Sequence[int]) -> _Tableau | None:
        """The tableau of a basis, or None: not as many independent rows, or a negative multiplier."""
        size = self.size
        if len(basis) != size or not all(0 <= i < len(self.rows) for i in basis):
            return None
        matrix = fmpq_mat(size, size, [a for i in basis for a in self.rows[i][:-1]])
        try:
            inverse = matrix.inv()
        except ZeroDivisionError:
            return None
        columns = [list(column) for column in zip(*inverse.tolist(), strict=True)]
        goal = range(self.dimension, size)
        weights = [-sum([column[j] for j in goal], ZERO) for column in columns]
        if any(w < 0 for w in weights):
            return None
        offsets = [self.rows[i][-1] for i in basis]
        point = [
            sum([b * c[j] for b, c in zip(offsets, columns, strict=True) if b], ZERO) for j in range(size)
        ]
        return _Tableau(list(basis), columns, weights, point, sum([point[j] for j in goal], ZERO))
