"""The norms that distances are measured in: l2, l1 and l_inf, with weights, and their duals.

Main definitions:
    Measure: A norm with weights; lengths of vectors and of covectors.
    rough_length: A length for people.

Conventions:
    With weights w (all 1 by default): inf is ``max |v_j| / w_j``, 1 is ``sum |v_j| / w_j``, 2 is
    ``sqrt(sum (v_j / w_j)^2)``.  Lengths of l2 are always given as their rational squares.  A covector p is
    measured by the dual norm: ``<p, v> <= |p|_dual |v|``, attained.  Numbers are rationals of one kind, `Fraction` or
    flint's.

Not here: nearest points (`nearest_on`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, ldexp, sqrt
from typing import Any

from exactcpa.errors import BadArgument, DimensionMismatch, shown
from exactcpa.numbers import exactly

Number = Any
NORMS = ("2", "1", "inf")


@dataclass(frozen=True, slots=True)
class Measure:
    """A norm with weights.

    Attributes:
        norm: One of `NORMS`.
        weights: Shape ``(d,)``, positive.

    Example:
        >>> by_width = measure("inf", 2, ["1/2", 2])
        >>> by_width.length([Fraction(1), Fraction(3)]), by_width.dual([Fraction(1), Fraction(3)])
        (Fraction(2, 1), Fraction(13, 2))
    """

    norm: str
    weights: tuple[Number, ...]

    @property
    def is_squared(self) -> bool:
        """Whether lengths are squares."""
        return self.norm == "2"

    def length(self, vector: Sequence[Number]) -> Number:
        """The length of a vector; of l2 its square."""
        return _length(self.norm, [v / w for v, w in zip(vector, self.weights, strict=True)])

    def dual(self, covector: Sequence[Number]) -> Number:
        """The dual length of a covector; of l2 its square."""
        other = {"2": "2", "1": "inf", "inf": "1"}[self.norm]
        return _length(other, [p * w for p, w in zip(covector, self.weights, strict=True)])

    def __str__(self) -> str:
        name = {"2": "l2", "1": "l1", "inf": "l_inf"}[self.norm]
        return name if all(w == 1 for w in self.weights) else f"weighted {name}"


def rough_length(value: Fraction, *, is_squared: bool) -> float:
    """A length, or the root of its square, rounded; infinite if there is no such double.

    Example:
        >>> rough_length(Fraction(1, 4**600), is_squared=True) == 2.0**-600
        True
    """
    shift = 0
    if is_squared:
        # An even power of two brings the square to the size of one.
        shift = (value.numerator.bit_length() - value.denominator.bit_length()) // 2
        value /= Fraction(4) ** shift
    try:
        return ldexp(sqrt(value), shift) if is_squared else float(value)
    except OverflowError:
        return inf


def measure(norm: object, dimension: int, weights: Sequence[Any] | None = None) -> Measure:
    """Read a norm and its weights.

    Args:
        norm: "2", "1" or "inf"; the numbers 1 and 2 and ``math.inf`` say the same.
        dimension: d.
        weights: Shape ``(d,)``, positive, or None for ones.

    Raises:
        BadArgument: No such norm, or a weight that is not positive.
        DimensionMismatch: Another number of weights.
    """
    name = str(norm).removesuffix(".0") if isinstance(norm, str | int | float) else None
    if name not in NORMS:
        raise BadArgument(f"expected the norm 2, 1 or inf, got {shown(norm)}")
    exact = (Fraction(1),) * dimension if weights is None else tuple([exactly(w) for w in weights])
    if dimension < 1:
        raise BadArgument("expected at least one coordinate, got none")
    if len(exact) != dimension:
        raise DimensionMismatch(f"expected {dimension} weights, got {len(exact)}")
    for j, w in enumerate(exact):
        if w <= 0:
            raise BadArgument(f"expected positive weights, got {shown(w)} at index {j}")
    return Measure(name, exact)


def _length(norm: str, entries: Sequence[Number]) -> Number:
    if norm == "2":
        return sum([v * v for v in entries])
    sizes = [abs(v) for v in entries]
    return sum(sizes) if norm == "1" else max(sizes)
