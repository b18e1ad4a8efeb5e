"""Exact linear programming over one cell: integer dictionaries from an interior point.

Maximise ``<c, x>`` over rows ``<n, x> <= b`` with integer data.  It settles what the float filter leaves
open, so it must be right on every degenerate input and still take microseconds; every outcome is a proof.

Main definitions:
    `gather`: rows made ready once, to be asked many questions.
    `maximise`: from a feasible point, so there is no phase 1.
    `maximise_from_basis`: from a proposed set of tight rows (a float optimum); `maximise` is the fallback.

Conventions:
    A row is ``[n_1, .., n_d, b]`` and means ``<n, x> <= b``; multipliers are nonnegative.  Slacks are not
    stored: one matrix product gives the rates of a ratio test and one its slacks.  Pivots follow Dantzig, and
    Bland from a degenerate step until the next positive one, which rules cycles out.

Not here: pivoting (`exact_dictionary`), outcomes (`exact_outcome`), float proposals and filters (`lp`),
emptiness, bounds and redundancy (`halfspaces`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

from flint import fmpz, fmpz_mat

from exactcpa.errors import BadArgument, DimensionMismatch
from exactcpa.exact_dictionary import (
    Dictionary,
    entering_column,
    exchange,
    free_dictionary,
    improving_direction,
    tight_dictionary,
)
from exactcpa.exact_outcome import (
    Bounded,
    Exceeded,
    Optimal,
    Outcome,
    Unbounded,
    bounded,
    exceeded,
    optimal,
)

__all__ = [
    "Bounded",
    "Exceeded",
    "Optimal",
    "Outcome",
    "Rows",
    "Unbounded",
    "gather",
    "maximise",
    "maximise_from_basis",
]

Integers = Sequence[int]
Point = tuple[Integers, int]
"""Integer numerators and one positive denominator."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows ``<n, x> <= b`` as flint integers, gathered once for many questions.

    Attributes:
        dimension: d.
        count: m.
        columns: Shape ``(d + 1, m)``: row i of the system is column i, so that points multiply from the left.
        entries: The same numbers as m tuples ``(n_1, .., n_d, b)``.
    """

    dimension: int
    count: int
    columns: fmpz_mat
    entries: tuple[tuple[fmpz, ...], ...]


def gather(rows: Rows | fmpz_mat | Sequence[Integers], dimension: int | None = None) -> Rows:
    """Make rows ready for many questions.

    Args:
        rows: ``(m, d + 1)`` integers, ``[n_1, .., n_d, b]`` each; python integers, fmpz or one fmpz_mat.
        dimension: d, needed only when there is no row.

    Raises:
        DimensionMismatch: Rows of different lengths, or of a length other than ``dimension + 1``.
    """
    if isinstance(rows, Rows):
        return rows
    table = rows.tolist() if isinstance(rows, fmpz_mat) else rows
    if dimension is None:
        if not len(table):
            raise BadArgument("expected the dimension of a system without rows")
        dimension = len(table[0]) - 1
    entries = tuple([tuple(map(fmpz, row)) for row in table])
    if any([len(row) != dimension + 1 for row in entries]):
        lengths = sorted({len(row) for row in entries})
        raise DimensionMismatch(f"expected rows of {dimension + 1} numbers, got lengths {lengths}")
    flat = [entry for row in entries for entry in row]
    columns = fmpz_mat(len(entries), dimension + 1, flat).transpose()
    return Rows(dimension, len(entries), columns, entries)


def maximise(
    rows: Rows | fmpz_mat | Sequence[Integers],
    objective: Integers,
    interior: Point,
    *,
    stop_above: int | Fraction | None = None,
    active: Sequence[int] | None = None,
) -> Outcome:
    """Maximise ``<objective, x>`` over the rows, starting at a point that satisfies them.

    Args:
        rows: ``(m, d + 1)`` integers, or what `gather` made of them.  Zero rows, duplicates and rows
            through one point are ordinary.
        objective: Shape ``(d,)``; may be zero.
        interior: Numerators and denominator of a feasible point (need not be strictly inside).
        stop_above: Return `Exceeded` as soon as a feasible point has a larger objective than this.
        active: Ascending numbers of the rows that count; all by default.

    Returns:
        `Optimal`, `Unbounded`, or (only with `stop_above`) `Exceeded`.

    Raises:
        BadArgument: The start violates a row, or its denominator is not positive.
        DimensionMismatch: The objective or the start has the wrong length.

    Example:
        >>> square = [[1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1]]
        >>> best = maximise(square, [2, 1], ([0, 0], 1))
        >>> best.value, best.numerators, best.multipliers, best.theta
        (Fraction(3, 1), (1, 1), {0: 2, 2: 1}, 1)
    """
    rows = gather(rows, len(objective))
    d = rows.dimension
    numerators, denominator = interior
    if len(objective) != d or len(numerators) != d:
        raise DimensionMismatch(
            f"rows on R^{d}, objective on R^{len(objective)}, start in R^{len(numerators)}"
        )
    if denominator <= 0:
        raise BadArgument(f"expected a positive denominator of the start, got {denominator}")
    corner = [-fmpz(n) for n in numerators]
    corner.append(fmpz(denominator))
    _require_feasible(rows, corner, active)
    goal = [fmpz(c) for c in objective]
    return _ascend(rows, free_dictionary(goal, corner), stop_above, active)


def maximise_from_basis(
    rows: Rows | fmpz_mat | Sequence[Integers],
    objective: Integers,
    interior: Point,
    basis: Sequence[int],
    *,
    stop_above: int | Fraction | None = None,
    active: Sequence[int] | None = None,
) -> Outcome:
    """Maximise ``<objective, x>``, trying first the point where the rows of `basis` are tight.

    A float optimum proposes the basis; its prices and its point are solved exactly, microseconds each.  An
    optimal basis answers at once.  With `stop_above`, nonnegative prices whose bound is not above it answer
    too, whether or not the point is feasible.  A feasible point is pivoted on; anything else (singular,
    infeasible, not d distinct rows) starts over at `interior`.

    Args:
        rows: As in `maximise`.
        objective: As in `maximise`.
        interior: As in `maximise`; looked at only when the basis does not serve.
        basis: d distinct row numbers.
        stop_above: As in `maximise`.
        active: As in `maximise`; the basis must be among them to be used.

    Returns:
        As `maximise`, or `Bounded` (only with `stop_above`).

    Example:
        >>> square = [[1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1]]
        >>> maximise_from_basis(square, [2, 1], ([0, 0], 1), [0, 2]).value
        Fraction(3, 1)
        >>> maximise_from_basis(square, [2, 1], ([0, 0], 1), [0, 2], stop_above=5)
        Bounded(multipliers={0: 2, 2: 1}, theta=1, bound_numerator=3, basis=(0, 2))
    """
    rows = gather(rows, len(objective))
    d = rows.dimension
    unusable = (
        len(basis) != d or len(objective) != d or (active is not None and not set(basis) <= set(active))
    )
    if unusable:
        return maximise(rows, objective, interior, stop_above=stop_above, active=active)
    goal = [fmpz(c) for c in objective]
    tight = [rows.entries[i] for i in basis]
    prices = _solve_prices(tight, goal)
    if prices is None:
        return maximise(rows, objective, interior, stop_above=stop_above, active=active)
    theta, weights = prices
    settled = min(weights, default=0) >= 0
    if settled and stop_above is not None:
        bound = sum([w * row[d] for w, row in zip(weights, tight, strict=True)], fmpz(0))
        if bound * stop_above.denominator <= theta * stop_above.numerator:
            return bounded(theta, weights, bound, basis)
    corner = _solve_corner(tight)
    if not _is_feasible(rows, corner, active):
        return maximise(rows, objective, interior, stop_above=stop_above, active=active)
    value = -sum(map(mul, goal, corner), fmpz(0))
    if stop_above is not None and value * stop_above.denominator > corner[d] * stop_above.numerator:
        return exceeded(corner, value)
    if settled:
        return optimal(corner, value, theta, weights, list(basis))
    return _ascend(rows, tight_dictionary(tight, goal, corner, list(basis)), stop_above, active)


def _ascend(
    rows: Rows, dictionary: Dictionary, stop_above: int | Fraction | None, active: Sequence[int] | None
) -> Outcome:
    """Pivot until the objective exceeds `stop_above`, no column improves, or no row blocks."""
    columns = rows.columns
    active = range(rows.count) if active is None else active
    bland = False
    while True:
        if stop_above is not None and _is_above(dictionary, stop_above):
            return exceeded(dictionary.corner, -dictionary.level)
        entering = entering_column(dictionary, bland=bland)
        if entering < 0:
            return _finished(dictionary)
        along = improving_direction(dictionary, entering)
        rates = (fmpz_mat(1, rows.dimension + 1, [*along, 0]) * columns).entries()
        slacks = fmpz_mat(1, rows.dimension + 1, dictionary.corner) * columns
        leaving = _blocking_row(rates, slacks, active)
        if leaving < 0:
            return Unbounded(tuple([-int(entry) for entry in along]))
        slack = slacks[0, leaving]
        exchange(dictionary, entering, leaving, rows.entries[leaving], -rates[leaving], slack)
        bland = slack == 0


def _is_above(dictionary: Dictionary, stop_above: int | Fraction) -> bool:
    """Whether the objective at the current point exceeds the threshold."""
    return -dictionary.level * stop_above.denominator > dictionary.corner[-1] * stop_above.numerator


def _blocking_row(rates: list[fmpz], slacks: fmpz_mat, active: Sequence[int]) -> int:
    """The row that blocks first (least number among ties), or -1."""
    best = -1
    best_rate = best_slack = None
    for i in active:
        rate = rates[i]
        if rate < 0:
            # A slack is read only here: making one a python object costs more than its share of the product.
            slack = slacks[0, i]
            # slack / -rate < best_slack / -best_rate, both rates negative
            if best < 0 or slack * best_rate > best_slack * rate:
                best, best_rate, best_slack = i, rate, slack
    return best


# ---------------------------------------------------------------------- a proposed basis


def _solve_prices(tight: list[tuple[fmpz, ...]], goal: list[fmpz]) -> tuple[fmpz, list[fmpz]] | None:
    """``theta > 0`` and weights with ``theta * c == sum_i weights_i * n_i``; None: dependent."""
    d = len(goal)
    if d == 0:
        return fmpz(1), []
    flat = [row[k] for k in range(d) for row in (*tight, goal)]
    reduced, denominator, _ = fmpz_mat(d, d + 1, flat).rref()
    if reduced[d - 1, d - 1] == 0:
        return None
    weights = reduced.entries()[d :: d + 1]
    if denominator < 0:
        return -denominator, [-w for w in weights]
    return denominator, weights


def _solve_corner(tight: list[tuple[fmpz, ...]]) -> list[fmpz]:
    """The mirrored point ``(z, h)``, ``h > 0``, where d independent rows are tight."""
    d = len(tight)
    reduced, denominator, _ = fmpz_mat(d, d + 1, [entry for row in tight for entry in row]).rref()
    solution = reduced.entries()[d :: d + 1]
    if denominator < 0:
        return [*solution, -denominator]
    return [*[-entry for entry in solution], denominator]


def _is_feasible(rows: Rows, corner: list[fmpz], active: Sequence[int] | None) -> bool:
    """Whether every row that counts has a nonnegative slack at the point."""
    slacks = (fmpz_mat(1, rows.dimension + 1, corner) * rows.columns).entries()
    if active is not None:
        slacks = [slacks[i] for i in active]
    return not slacks or min(slacks) >= 0


def _require_feasible(rows: Rows, corner: list[fmpz], active: Sequence[int] | None) -> None:
    """Raise BadArgument unless the start satisfies every row that counts."""
    if not _is_feasible(rows, corner, active):
        raise BadArgument("expected a start that satisfies every row, got a point that violates one")


# ---------------------------------------------------------------------- outcomes


def _finished(dictionary: Dictionary) -> Optimal:
    """The outcome of a dictionary in which no column improves."""
    kept = [
        (row, price) for row, price in zip(dictionary.nonbasic, dictionary.prices, strict=True) if row >= 0
    ]
    return optimal(
        dictionary.corner,
        -dictionary.level,
        dictionary.denominator,
        [price for _, price in kept],
        [row for row, _ in kept],
    )
