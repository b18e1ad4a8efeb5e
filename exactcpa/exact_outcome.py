"""What an exact linear program can answer, each answer with its proof.

Every outcome is integers over one positive denominator in lowest terms, so that whoever gets it can re-add it
with whole numbers and nothing else.

Main definitions:
    `Optimal`, `Bounded`, `Exceeded`, `Unbounded`: the outcomes.
    `optimal`, `bounded`, `exceeded`: make them from the numbers of a dictionary.

Conventions:
    Rows are ``<n, x> <= b``, multipliers are positive, rows of multiplier zero are left out.
    Constructors take points mirrored, ``z = -x``, in homogeneous coordinates ``(z_1, .., z_d, h)``, h > 0.

Not here: how they are found (`exact_simplex`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from flint import fmpz


@dataclass(frozen=True, slots=True)
class Optimal:
    """The maximum, where it is attained, and the multipliers that prove it.

    ``theta * c == sum_i multipliers[i] * n_i`` and ``theta * value == sum_i multipliers[i] * b_i``.

    Attributes:
        numerators, denominator: The point, which satisfies every row.
        multipliers: Row number to positive integer.
        theta: The multiplier of the objective, a positive integer.
        value_numerator: The maximum times `denominator`.
        basis: The rows of the final dictionary (d of them unless the polyhedron contains a line).
    """

    numerators: tuple[int, ...]
    denominator: int
    multipliers: dict[int, int]
    theta: int
    value_numerator: int
    basis: tuple[int, ...]

    @property
    def value(self) -> Fraction:
        """The maximum."""
        return Fraction(self.value_numerator, self.denominator)

    @property
    def point(self) -> tuple[Fraction, ...]:
        """Where it is attained."""
        return tuple(Fraction(n, self.denominator) for n in self.numerators)


@dataclass(frozen=True, slots=True)
class Bounded:
    """Multipliers that prove ``<c, x> <= bound <= stop_above``; the maximum itself may be smaller.

    ``theta * c == sum_i multipliers[i] * n_i`` and ``theta * bound == sum_i multipliers[i] * b_i``.
    """

    multipliers: dict[int, int]
    theta: int
    bound_numerator: int
    basis: tuple[int, ...]

    @property
    def bound(self) -> Fraction:
        """The upper bound."""
        return Fraction(self.bound_numerator, self.theta)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A point that satisfies every row (possibly with equality) and has ``<c, x> > stop_above``."""

    numerators: tuple[int, ...]
    denominator: int
    value_numerator: int

    @property
    def value(self) -> Fraction:
        """The objective at the point."""
        return Fraction(self.value_numerator, self.denominator)

    @property
    def point(self) -> tuple[Fraction, ...]:
        """The point."""
        return tuple(Fraction(n, self.denominator) for n in self.numerators)


@dataclass(frozen=True, slots=True)
class Unbounded:
    """An integer direction with ``<c, ray> > 0`` and ``<n_i, ray> <= 0`` for every row."""

    ray: tuple[int, ...]


Outcome = Optimal | Bounded | Exceeded | Unbounded


def optimal(corner: list[fmpz], value: fmpz, theta: fmpz, weights: list[fmpz], basis: list[int]) -> Optimal:
    """Reduce point and multipliers to lowest terms and turn the point back, ``x = -z``."""
    numerators, denominator, value_numerator = _reduced_point(corner, value)
    small_theta, multipliers = _reduced_multipliers(theta, weights, basis)
    return Optimal(numerators, denominator, multipliers, small_theta, value_numerator, tuple(basis))


def bounded(theta: fmpz, weights: list[fmpz], bound: fmpz, basis: Sequence[int]) -> Bounded:
    """The outcome of nonnegative prices with a small enough bound."""
    small_theta, multipliers = _reduced_multipliers(theta, weights, basis)
    return Bounded(multipliers, small_theta, int(bound) * small_theta // int(theta), tuple(basis))


def exceeded(corner: list[fmpz], value: fmpz) -> Exceeded:
    """The outcome of a feasible point beyond the threshold."""
    numerators, denominator, value_numerator = _reduced_point(corner, value)
    return Exceeded(numerators, denominator, value_numerator)


def _reduced_point(corner: list[fmpz], value: fmpz) -> tuple[tuple[int, ...], int, int]:
    """Numerators of ``x = -z``, denominator, and the value over that denominator."""
    numbers = [int(entry) for entry in corner]
    common = gcd(*numbers)
    denominator = numbers.pop()
    if common == 1:
        return tuple([-n for n in numbers]), denominator, int(value)
    return tuple([-n // common for n in numbers]), denominator // common, int(value) // common


def _reduced_multipliers(
    theta: fmpz, weights: list[fmpz], basis: Sequence[int]
) -> tuple[int, dict[int, int]]:
    """Positive weights by row and theta, without their common factor."""
    chosen = {row: int(weight) for row, weight in zip(basis, weights, strict=True) if weight != 0}
    common = gcd(int(theta), *chosen.values())
    if common == 1:
        return int(theta), chosen
    return int(theta) // common, {row: weight // common for row, weight in chosen.items()}
