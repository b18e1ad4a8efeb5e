"""Linear programs over rows of real numbers: approximated, solved exactly, and proved with enclosures.

The rows are approximated by rationals that keep every formal relation, the rational program is solved exactly, and
its answer is proved for the real rows: a point by the signs there, multipliers by enclosures of their sum over the
bounding box.  A maximum of exactly zero cannot be proved so; then the tight rows are shown to cancel the objective
formally.  What fails at one precision is tried again at twice the bits.

Main definitions:
    decide: Is an affine function positive somewhere on a polytope?
    Numbers, Tie: The two proofs that it is not.
    is_tie: Whether a function is minus a positive combination of independent others.

Conventions:
    Rows are slacks, nonnegative inside; the first ``2 d`` are the faces of the bounding box.

References:
    Gleixner, Steffy and Wolter, Iterative refinement for linear programming (2016), for the idea of proving the
    answer of a rounded program.

Not here:
    The rational programs: `exact_simplex`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

from exactcpa.errors import Undecided
from exactcpa.exact_points import Point, sign_at
from exactcpa.exact_simplex import Exceeded, Optimal, Unbounded, gather, maximise
from exactcpa.real_lines import RealRow
from exactcpa.surds import Number, sign

FIRST_BITS, MOST_BITS = 128, 4096
Accept = Callable[[Point, int], Point | None]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Multipliers: ``theta G + sum multipliers[p] slack_p`` has no positive value on the bounding box."""

    theta: Fraction
    multipliers: dict[int, Fraction]


@dataclass(frozen=True, slots=True)
class Tie:
    """Rows of which the function is minus a positive combination: its maximum is exactly zero."""

    places: tuple[int, ...]


def decide(
    rows: Sequence[RealRow],
    function: RealRow,
    interior: Point,
    box: Sequence[tuple[Fraction, Fraction]],
    accept: Accept,
    what: str,
    active: Sequence[int] | None = None,
) -> Point | Numbers | Tie:
    """Find out whether a function is positive somewhere on a polytope.

    Args:
        rows: Slacks of the polytope, the bounding box's first.
        function: Not the zero function.
        interior: A point strictly inside all rows.
        box: Bounds of every coordinate.
        accept: Makes of a point of the (approximate) polytope where the function is positive one that is wanted, or
            None; it is told the precision.
        what: The question, for an error.
        active: Numbers of the rows that count; all by default.

    Raises:
        Undecided: Nothing is proved at `MOST_BITS` bits.
    """
    bits = FIRST_BITS
    places = list(range(len(rows))) if active is None else list(active)
    if function.is_rational and all(rows[p].is_rational for p in places):
        return _decide_rational(rows, function, interior, accept, places)
    while bits <= MOST_BITS:
        found = _try(rows, function, interior, box, accept, places, bits)
        if found is not None:
            return found
        bits *= 2
    raise Undecided(f"{what} is not decided at {MOST_BITS} bits")


def _decide_rational(
    rows: Sequence[RealRow],
    function: RealRow,
    interior: Point,
    accept: Accept,
    places: list[int],
) -> Point | Numbers:
    """The answer where nothing is irrational: that of the exact program."""
    near = [rows[p].integers(0)[0] for p in places]
    objective, denominator = function.integers(0)
    system = gather([[*(-n for n in row[:-1]), row[-1]] for row in near], len(objective) - 1)
    outcome = maximise(system, list(objective[:-1]), interior, stop_above=-objective[-1])
    if isinstance(outcome, Exceeded):
        return accept((outcome.numerators, outcome.denominator), FIRST_BITS)
    multipliers = {
        places[k]: Fraction(m * rows[places[k]].integers(0)[1], denominator)
        for k, m in outcome.multipliers.items()
    }
    return Numbers(Fraction(outcome.theta), multipliers)


def _try(
    rows: Sequence[RealRow],
    function: RealRow,
    interior: Point,
    box: Sequence[tuple[Fraction, Fraction]],
    accept: Accept,
    places: list[int],
    bits: int,
) -> Point | Numbers | Tie | None:
    near = [rows[p].integers(bits)[0] for p in places]
    if any(sign_at(row, interior) <= 0 for row in near):
        return None
    objective, denominator = function.integers(bits)
    if not any(objective[:-1]):
        return _proof(rows, function, box, places, {}, Fraction(1), bits)
    # Above zero by less than the approximation's error is not above zero.
    stop = -objective[-1] + Fraction(max(abs(a) for a in objective), 1 << (bits // 2))
    system = gather([[*(-n for n in row[:-1]), row[-1]] for row in near], len(objective) - 1)
    outcome = maximise(system, list(objective[:-1]), interior, stop_above=stop)
    if isinstance(outcome, Exceeded):
        return accept((outcome.numerators, outcome.denominator), bits)
    if isinstance(outcome, Unbounded):
        return None
    multipliers = {
        places[k]: Fraction(m * rows[places[k]].integers(bits)[1], denominator)
        for k, m in outcome.multipliers.items()
    }
    return _proof(rows, function, box, places, multipliers, Fraction(outcome.theta), bits) or _tie(
        rows, function, places, outcome, multipliers, bits
    )


def _proof(
    rows: Sequence[RealRow],
    function: RealRow,
    box: Sequence[tuple[Fraction, Fraction]],
    places: list[int],
    multipliers: dict[int, Fraction],
    theta: Fraction,
    bits: int,
) -> Numbers | None:
    """The multipliers, if their sum is proved to have no positive value on the box."""
    d = len(box)
    old, ctx.prec = ctx.prec, bits + 16
    try:
        total = [_ball(theta) * b for b in function.balls(bits)]
        for place, multiplier in multipliers.items():
            if place >= 2 * d:
                weight = _ball(multiplier)
                total = [t + weight * b for t, b in zip(total, rows[place].balls(bits), strict=True)]
        bound = total[d]
        for coefficient, (low, high) in zip(total, box, strict=False):
            bound += (coefficient * _ball(low)).max(coefficient * _ball(high))
        is_proved = bool(bound <= 0)
    finally:
        ctx.prec = old
    return Numbers(theta, {p: m for p, m in multipliers.items() if p >= 2 * d}) if is_proved else None


def _ball(q: Fraction) -> arb:
    return arb(fmpq(q.numerator, q.denominator))


def _tie(
    rows: Sequence[RealRow],
    function: RealRow,
    places: list[int],
    outcome: object,
    multipliers: dict[int, Fraction],
    bits: int,
) -> Tie | None:
    """The rows of the optimal basis that cancel the function, if some do: those with multipliers, or all with more."""
    wanted = sorted(multipliers)
    if is_tie(function, [rows[p] for p in wanted], bits):
        return Tie(tuple(wanted))
    if isinstance(outcome, Optimal):
        basis = sorted({places[k] for k in outcome.basis})
        for size in range(1, len(basis) + 1):
            for chosen in combinations(basis, size):
                if list(chosen) != wanted and is_tie(function, [rows[p] for p in chosen], bits):
                    return Tie(chosen)
    return None


def is_tie(function: RealRow, others: Sequence[RealRow], bits: int) -> bool:
    """Whether a function is minus a positive combination of linearly independent others, proved.

    The columns of a minor that is not zero fix the multipliers by Cramer's rule; their signs are seen in enclosures,
    and every larger minor must be formally zero.
    """
    k = len(others)
    columns = _independent_columns(others, bits)
    if columns is None:
        return False
    old, ctx.prec = ctx.prec, bits + 16
    try:
        if k:
            matrix = arb_mat(k, k, [row.balls(bits)[c] for c in columns for row in others])
            right = arb_mat(k, 1, [-function.balls(bits)[c] for c in columns])
            try:
                solution = matrix.solve(right)
            except ZeroDivisionError:
                return False
            if not all(solution[i, 0] > 0 for i in range(k)):
                return False
    finally:
        ctx.prec = old
    table = [row.numbers for row in (*others, function)]
    rest = [c for c in range(len(function.numbers)) if c not in columns]
    return all(sign(_determinant(table, (*columns, c))) == 0 for c in rest)


def _independent_columns(others: Sequence[RealRow], bits: int) -> tuple[int, ...] | None:
    """Columns in which the rows' approximations are independent."""
    if not others:
        return ()
    entries = [fmpq(n, 1) for row in others for n in row.integers(bits)[0]]
    width = len(others[0].numbers)
    reduced, rank = fmpq_mat(len(others), width, entries).rref()
    if rank < len(others):
        return None
    return tuple(next(c for c in range(width) if reduced[i, c]) for i in range(rank))


def _determinant(table: Sequence[Sequence[Number]], columns: tuple[int, ...]) -> Number:
    """Determinant of all rows in some columns, formally; Laplace by rows with shared minors."""
    minors: dict[tuple[int, ...], Number] = {(): Fraction(1)}
    for row in table:
        larger: dict[tuple[int, ...], Number] = {}
        for chosen, minor in minors.items():
            if _is_zero(minor):
                continue
            for place, column in enumerate(columns):
                if place in chosen or _is_zero(row[column]):
                    continue
                key = tuple(sorted((*chosen, place)))
                term = minor * row[column]
                if (len(chosen) - key.index(place)) % 2:
                    term = -term
                larger[key] = larger[key] + term if key in larger else term
        minors = larger
    return next(iter(minors.values()), Fraction(0))


def _is_zero(x: Number) -> bool:
    return isinstance(x, Fraction | int) and not x
