"""Distributions: how often each exact value came up, with its exact expectation and variance.

Main definitions:
    Distribution: Values and their counts; an immutable mapping.
    rough_text: A rounded decimal, for numbers of any length.

Conventions:
    All counted cases are equally likely: the expectation is the plain mean, the variance is divided by the number
    of cases.  Values are rationals, or anything else that is hashable (texts, say); only rationals have moments.
    A mapping has no order; whoever needs one asks for `sorted_items`.

Not here:
    What is counted: `minibatches`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import inf
from numbers import Rational
from types import MappingProxyType
from typing import Any

from flint import fmpq

from exactcpa.errors import BadArgument, shown
from exactcpa.numbers import decimal_text, exact_text

KEPT = 512
"""Bits of numerator and denominator that a rounded decimal is made from."""


class Distribution(Mapping):
    """Value -> how often it came up.

    Example:
        >>> dice = Distribution({Fraction(1): 1, Fraction(2): 3})
        >>> dice.expectation(), dice.variance(), dice.total
        (Fraction(7, 4), Fraction(3, 16), 4)
        >>> print(dice)
        4 cases, 2 values from 1 to 2
    """

    __slots__ = ("_counts", "total")

    def __init__(self, counts: Mapping[Any, int]) -> None:
        self._counts = MappingProxyType(dict(counts))
        self.total = sum(self._counts.values())

    def __getitem__(self, value: Any) -> int:
        return self._counts[value]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __reduce__(self) -> tuple[type[Distribution], tuple[dict[Any, int]]]:
        return Distribution, (dict(self._counts),)

    def __str__(self) -> str:
        if not self.total:
            return "no cases"
        low, high = self.least(), self.greatest()
        return f"{self.total:,} cases, {len(self):,} values from {low} to {high}"

    def least(self) -> Any:
        """The smallest value.

        Raises:
            BadArgument: There are no cases.
        """
        return min(self._some(), key=_order)

    def greatest(self) -> Any:
        """The largest value; raises as `least`."""
        return max(self._some(), key=_order)

    def sorted_items(self) -> list[tuple[Any, int]]:
        """Values and counts, by increasing value."""
        return sorted(self._counts.items(), key=lambda item: _order(item[0]))

    def expectation(self) -> Fraction:
        """The mean over all cases.

        Raises:
            BadArgument: There are no cases, or a value is no rational.
        """
        return _fraction(self._sum(1) / self.total)

    def mean_square(self) -> Fraction:
        """The mean of the squares; raises as `expectation`."""
        return _fraction(self._sum(2) / self.total)

    def variance(self) -> Fraction:
        """The mean squared distance to the expectation; raises as `expectation`."""
        return self.moments()[1]

    def moments(self) -> tuple[Fraction, Fraction]:
        """Expectation and variance; raises as `expectation`."""
        mean = self._sum(1) / self.total
        return _fraction(mean), _fraction(self._sum(2) / self.total - mean * mean)

    def mapped(self, function: Any) -> Distribution:
        """The distribution of a function of the values."""
        counts: dict[Any, int] = {}
        for value, count in self._counts.items():
            image = function(value)
            counts[image] = counts.get(image, 0) + count
        return Distribution(counts)

    def to_json(self) -> dict[str, int]:
        """Text of the exact value -> count, by increasing value."""
        return {exact_text(value): count for value, count in self.sorted_items()}

    def _some(self) -> Mapping[Any, int]:
        if not self._counts:
            raise BadArgument("expected a distribution with at least one case, got none")
        return self._counts

    def _sum(self, power: int) -> fmpq:
        """The sum of a power of all values with their counts: over equal denominators first, then two by two.

        Denominators are few (powers of two of different exponents), or all different (quotients by rounded roots);
        two by two the numbers stay as short as they can.
        """
        parts: dict[int, int] = {}
        for value, count in self._some().items():
            try:
                above, below = value.numerator, value.denominator
            except AttributeError:
                raise BadArgument(
                    f"expected a distribution of rationals, got the value {shown(value)}"
                ) from None
            parts[below] = parts.get(below, 0) + above**power * count
        sums = [fmpq(above, below**power) for below, above in sorted(parts.items())]
        while len(sums) > 1:
            pairs = [a + b for a, b in zip(sums[::2], sums[1::2], strict=False)]
            sums = pairs + sums[len(pairs) * 2 :]
        return sums[0]


def _order(value: Any) -> tuple[float, Any]:
    """A key that orders as the value does, and is cheap: rounding to doubles keeps the order, ties are exact."""
    if not isinstance(value, Fraction | int):
        return 0.0, value
    try:
        return float(value), value
    except OverflowError:
        return (inf if value > 0 else -inf), value


@Rational.register
class _Coprime:
    """Numerator and denominator without a common factor: `Fraction` takes them over and looks for none."""

    def __init__(self, q: fmpq) -> None:
        self.numerator, self.denominator = int(q.p), int(q.q)


def _fraction(q: fmpq) -> Fraction:
    return Fraction(_Coprime(q))


def rough_text(q: Fraction, digits: int = 6) -> str:
    """A rounded decimal for people, also of numbers of very many digits, which are cut to `KEPT` bits before.

    Example:
        >>> rough_text(Fraction(2**9001, 3**5679))
        '0.998586'
    """
    extra = min(q.numerator.bit_length(), q.denominator.bit_length()) - KEPT
    if extra > 0:
        q = Fraction(q.numerator >> extra, q.denominator >> extra)
    return decimal_text(q, digits)
