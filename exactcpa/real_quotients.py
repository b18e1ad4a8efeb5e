"""Real numbers that can be divided by: what distances and angles are in the ideal reading.

Sums of square roots are a ring; a nearest point divides.  A short number is kept formally; a long one is the operation
that made it, evaluated in balls of any precision.  Almost every comparison is settled by a ball; only a tie is
expanded to one formal quotient, where what cancels is seen to be zero.

Main definitions:
    Quotient: Such a number.
    quotient: Made from a rational or a sum of roots.
    simplest: A rational if it is one, a sum of roots if it is kept as one.
    total: A sum of many numbers.
    root: The square root of a number.
    exact_text: The number as text, unless that is very long.
    is_less: A comparison that takes numbers that are not told apart for equal.

Conventions: signs are exact or raise `Undecided`.

References: Yap, Towards exact geometric computation (1997): expressions evaluated to the precision a sign needs.

Not here: the ring (`surds`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import Any

from flint import arb, ctx, fmpq

from exactcpa.errors import Undecided
from exactcpa.numbers import exact_text as rational_text
from exactcpa.surds import MOST_BITS, Number, Surd, is_zero, middle_and_radius, root_of, sign, to_ball

MOST_TERMS = 40
"""A number with more terms is kept as the operation that made it."""
MOST_EXPANDED = 20_000
"""Terms beyond which a tie is not expanded."""
MOST_TOLD = 24
"""A number with more terms is told by its enclosure only."""
FEW_BITS = 256
"""Precision at which numbers count as not told apart where a tie does not matter."""
ONE = Fraction(1)


class Quotient:
    """A real number; immutable, made by `quotient` and arithmetic.

    Attributes:
        formal: The number as a rational or a short sum of roots; None if it is an operation on two others.

    Example:
        >>> from exactcpa.surds import root_of
        >>> root = quotient(root_of(Fraction(2)))
        >>> x = 1 / (root + 1)
        >>> print(x > Fraction(1, 3), x == root - 1, root * root)
        True True 2
    """

    __slots__ = ("_balls", "_operation", "_pair", "_sides", "formal")

    def __init__(
        self,
        formal: Number | None,
        operation: Callable[[Any, Any], Any] | None = None,
        sides: tuple[Quotient, ...] = (),
    ) -> None:
        self.formal, self._operation, self._sides = formal, operation, sides
        self._balls: dict[int, arb] = {}
        self._pair: tuple[Number, Number] | None = None

    def __add__(self, other: Any) -> Quotient:
        return _made(add, self, quotient(other))

    __radd__ = __add__

    def __neg__(self) -> Quotient:
        return _made(sub, quotient(0), self)

    def __sub__(self, other: Any) -> Quotient:
        return _made(sub, self, quotient(other))

    def __rsub__(self, other: Any) -> Quotient:
        return _made(sub, quotient(other), self)

    def __mul__(self, other: Any) -> Quotient:
        return _made(mul, self, quotient(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Quotient:
        return _made(truediv, self, quotient(other))

    def __rtruediv__(self, other: Any) -> Quotient:
        return _made(truediv, quotient(other), self)

    def sign(self) -> int:
        """The sign.

        Raises:
            Undecided: It is not told.
        """
        if self.formal is not None:
            return sign(self.formal)
        rough = self.rough_sign(MOST_BITS // 8)
        if rough:
            return rough
        above, _ = self.expanded(MOST_EXPANDED)
        if is_zero(above):
            return 0
        rough = self.rough_sign(MOST_BITS)
        if not rough:
            raise Undecided(f"a quotient of sums of square roots is not told from zero at {MOST_BITS} bits")
        return rough

    def rough_sign(self, most_bits: int) -> int:
        """The sign if enclosures up to some precision tell it; else zero."""
        bits = 64
        while bits <= most_bits:
            ball = self.ball(bits)
            if ball > 0 or ball < 0:
                return 1 if ball > 0 else -1
            bits *= 2
        return 0

    def __bool__(self) -> bool:
        return self.sign() != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quotient | Surd | Fraction | int) and not (self - other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> bool:
        return (self - other).sign() < 0

    def __le__(self, other: Any) -> bool:
        return (self - other).sign() <= 0

    def __gt__(self, other: Any) -> bool:
        return (self - other).sign() > 0

    def __ge__(self, other: Any) -> bool:
        return (self - other).sign() >= 0

    def __float__(self) -> float:
        low, high = self.enclosure(64)
        return float((low + high) / 2)

    def __str__(self) -> str:
        text = exact_text(self)
        return text if text is not None else f"about {float(self)}"

    __repr__ = __str__

    def enclosure(self, bits: int) -> tuple[Fraction, Fraction]:
        """Rational bounds, about ``2**-bits`` of the number apart unless it is zero."""
        if isinstance(self.formal, Fraction):
            return self.formal, self.formal
        precision = bits
        while True:
            ball = self.ball(precision)
            if ball.is_finite():
                middle, radius = middle_and_radius(ball)
                if radius * 2**bits <= abs(middle) or precision >= MOST_BITS // 8:
                    return middle - radius, middle + radius
            elif precision >= MOST_BITS:
                raise Undecided(f"a number is not enclosed at {MOST_BITS} bits: a denominator may be zero")
            precision *= 2

    def ball(self, bits: int) -> arb:
        """A ball that contains the number; not finite where a denominator is not told from zero."""
        known = self._balls.get(bits)
        if known is None:
            known = self._balls[bits] = self._evaluated(bits)
        return known

    def _evaluated(self, bits: int) -> arb:
        if self._operation is None:
            return to_ball(self.formal, bits)
        left, right = (side.ball(bits) for side in self._sides)
        old, ctx.prec = ctx.prec, bits + 16
        try:
            return self._operation(left, right)
        finally:
            ctx.prec = old

    def expanded(self, most: int) -> tuple[Number, Number]:
        """Numerator and denominator as sums of roots, the denominator not zero.

        Raises:
            Undecided: They have very many terms.
        """
        if self._pair is None:
            self._pair = (self.formal, ONE) if self._operation is None else self._expand(most)
        return self._pair

    def _expand(self, most: int) -> tuple[Number, Number]:
        (a, b), (c, d) = (side.expanded(most) for side in self._sides)
        if (_size(a) + _size(b)) * (_size(c) + _size(d)) > most:
            raise Undecided(f"a tie between numbers of more than {most} terms was not expanded")
        if self._operation is _ball_root:
            raise Undecided("a tie with a root of an irrational number was not expanded")
        if self._operation is mul:
            return a * c, b * d
        if self._operation is truediv:
            return a * d, b * c
        if b is d or b == d:
            return self._operation(a, c), b
        return self._operation(a * d, c * b), b * d


def quotient(x: Any) -> Quotient:
    """A number as a `Quotient`; from an int, a `Fraction`, a flint integer or rational, a sum of roots."""
    match x:
        case Quotient():
            return x
        case Surd() | Fraction():
            return Quotient(x)
        case fmpq():
            return Quotient(Fraction(int(x.p), int(x.q)))
    return Quotient(Fraction(int(x)))


def simplest(x: Any) -> Fraction | Surd | Quotient:
    """The same number, as a rational or a sum of roots if it is kept as one."""
    if isinstance(x, Quotient) and x.formal is not None:
        x = x.formal
    return Fraction(int(x.p), int(x.q)) if isinstance(x, fmpq) else x


def total(values: Sequence[Any]) -> Fraction | Surd | Quotient:
    """The sum of numbers."""
    if any(isinstance(value, Quotient) for value in values):
        return simplest(sum([quotient(value) for value in values]))
    return sum(values, Fraction(0))


def root(x: Any) -> Fraction | Surd | Quotient:
    """The square root of a number at least zero; of a rational, formally."""
    if isinstance(x, Fraction):
        return simplest(quotient(root_of(x)))
    return Quotient(None, _ball_root, (quotient(x), quotient(x)))


def _ball_root(x: arb, _: arb) -> arb:
    """The root of a number known to be at least zero."""
    return x.max(arb(0)).sqrt()


def exact_text(x: Any) -> str | None:
    """The number as text, or None if that is very long."""
    if isinstance(x, Fraction):
        return rational_text(x)
    try:
        above, below = (x, ONE) if isinstance(x, Surd) else quotient(x).expanded(MOST_TERMS * MOST_TERMS)
    except Undecided:
        return None
    if _size(above) + _size(below) > MOST_TOLD:
        return None
    if not isinstance(below, Surd):
        return str(above / below)
    return f"({above}) / ({below})"


def is_less(a: Any, b: Any) -> bool:
    """Whether one number is seen to be less than another; reals not told apart by enclosures count as equal."""
    if isinstance(a, Quotient) or isinstance(b, Quotient):
        difference = quotient(a) - quotient(b)
        return difference.rough_sign(FEW_BITS) < 0
    return bool(a < b)


def _made(operation: Callable[[Any, Any], Any], left: Quotient, right: Quotient) -> Quotient:
    """The result of an operation: formal if it is short."""
    a, b = left.formal, right.formal
    if a is None or b is None:
        if isinstance(b, Fraction) and operation is not truediv and (not b or (b == 1 and operation is mul)):
            return right if operation is mul and not b else left  # x + 0, x - 0, x * 0, x * 1
        if isinstance(a, Fraction) and operation in (mul, add) and (not a or (a == 1 and operation is mul)):
            return left if operation is mul and not a else right
        return Quotient(None, operation, (left, right))
    if operation is truediv and isinstance(b, Surd):
        return Quotient(None, operation, (left, right)) if a else left
    if operation is mul and _size(a) * _size(b) > MOST_TERMS * 4:
        return Quotient(None, operation, (left, right))
    formal = operation(a, b)
    if _size(formal) > MOST_TERMS:
        return Quotient(None, operation, (left, right))
    return Quotient(formal if isinstance(formal, Surd) else simplest(formal))


def _size(x: Number) -> int:
    return len(x.terms) if isinstance(x, Surd) else 1
