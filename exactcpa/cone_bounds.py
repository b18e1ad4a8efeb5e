"""Bounds of convex cone programs from approximate solutions, proved in exact rationals.

A solver's answer in doubles satisfies nothing exactly.  Its equalities are restored by a rational correction, and the
cones by mixing in a little of a solution well inside them; then weak duality, or the point itself, is a proof.

Main definitions:
    Cones: Which entries of a vector are zero, nonnegative, or in a second-order cone.
    Restorer: Vectors that satisfy equalities and lie in cones, exactly, near approximate ones.

Conventions:
    Entries come in the order zero, nonnegative, second-order; ``(t, v)`` is in a second-order cone when ``|v|_2 <= t``.
    Dual vectors are free where primal ones are zero; the other cones are their own duals.

References:
    Jansson, Chaykin and Keil, Rigorous error bounds for the optimal value in semidefinite programming (2007): the idea.

Not here: which programs (`general_margin`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from flint import fmpq, fmpq_mat

from exactcpa.errors import BadArgument

MIXTURES = (0, *[Fraction(1, 10**k) for k in range(12, -1, -1)])
"""How much of the vector inside is tried, at last nothing else; the bounds lose about as much."""


@dataclass(frozen=True, slots=True)
class Cones:
    """A product of cones.

    Attributes:
        zero: The number of zero entries.
        nonnegative: The number of nonnegative entries.
        orders: The sizes of the second-order cones.
    """

    zero: int
    nonnegative: int
    orders: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.zero + self.nonnegative + sum(self.orders)

    def holds(self, vector: Sequence[fmpq], *, dual: bool) -> bool:
        """Whether a vector is in the cone, or in its dual.

        Example:
            >>> Cones(0, 1, (3,)).holds([fmpq(0), fmpq(5), fmpq(3), fmpq(-4)], dual=False)
            True
        """
        first = self.zero + self.nonnegative
        if not dual and any(vector[: self.zero]):
            return False
        if any(v < 0 for v in vector[self.zero : first]):
            return False
        ends = [first]
        for size in self.orders:
            ends.append(ends[-1] + size)
        return all(_is_in_order(vector[a:b]) for a, b in pairwise(ends))


def _is_in_order(vector: Sequence[fmpq]) -> bool:
    height, *rest = vector
    return height >= 0 and height * height >= sum([v * v for v in rest], fmpq(0))


class Restorer:
    """Exact solutions of ``equations v = right`` near approximate ones."""

    def __init__(self, equations: Sequence[Sequence[fmpq]], right: Sequence[fmpq], size: int) -> None:
        """Keep independent equations.

        Raises:
            BadArgument: They contradict each other.
        """
        table = [[*row, b] for row, b in zip(equations, right, strict=True) if any(row) or b]
        reduced, rank = fmpq_mat(len(table), size + 1, [a for row in table for a in row]).rref()
        kept = reduced.tolist()[:rank]
        if any(not any(row[:-1]) for row in kept):
            raise BadArgument("expected constraints that hold somewhere, got equalities that hold nowhere")
        self._right = fmpq_mat(rank, 1, [row[-1] for row in kept])
        self._matrix = fmpq_mat(rank, size, [a for row in kept for a in row[:-1]])
        self._across = self._matrix.transpose()
        self._gram = (self._matrix * self._across).inv() if rank else None

    def solve(self, near: Sequence[float]) -> list[fmpq]:
        """The solution nearest to a vector of doubles."""
        exact = [rational(v) for v in near]
        if self._gram is None:
            return exact
        start = fmpq_mat(len(exact), 1, exact)
        missing = self._right - self._matrix * start
        return (start + self._across * (self._gram * missing)).entries()

    def restore(
        self, near: Sequence[float], inside: Sequence[float], holds: Callable[[Sequence[fmpq]], bool]
    ) -> list[fmpq] | None:
        """A solution for which `holds` is true, on the way from one vector to one well inside; None: none found."""
        start, end = self.solve(near), self.solve(inside)
        for share in MIXTURES:
            part = fmpq(share.numerator, share.denominator)
            mixed = [a + part * (b - a) for a, b in zip(start, end, strict=True)]
            if holds(mixed):
                return mixed
        return None


def rational(value: float) -> fmpq:
    """The double, exactly."""
    top, bottom = float(value).as_integer_ratio()
    return fmpq(top, bottom)
