"""Exact real numbers with square roots: sums of a rational times roots of integers times powers of symbols.

The ideal reading of batch normalisation divides by ``sqrt(variance + epsilon)``.  Of the first layer that is the
root of a rational; of deeper layers, whose variance is irrational itself, it is a *symbol*: a positive real known by
enclosures of any precision.  Sums and products stay formal, so that what cancels formally is known to be zero.

Main definitions:
    Surd: An irrational (or not known to be rational) number; a rational one is a `Fraction`.
    Number: Either.
    Symbol: A positive or real quantity known by enclosures.
    root_of: The square root of a rational.
    sign, is_zero, is_formally_zero, enclosure, approximation: What can be asked of a number.
    coprime_base: Integers of which given ones are products of powers, pairwise coprime.

Conventions:
    A term is ``q * sqrt(n) * s_1**e_1 * ..`` with n a positive integer that is no square (or 1), and integer
    exponents; a Surd is a dict from ``(n, ((s_1, e_1), ..))`` to ``q``, an `fmpq`, which is fast.
    Roots of integers of different classes modulo squares are linearly independent over the rationals, so without
    symbols the zero test is complete.

References:
    Besicovitch, On the linear independence of fractional powers of integers (1940).

Not here:
    What is rounded to float64: `batchnorm`.  Which roots a network has: `ideal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import count
from math import gcd, isqrt

from flint import arb, ctx, fmpq

from exactcpa.errors import Undecided

Monomial = tuple[int, tuple[tuple["Symbol", int], ...]]
PLAIN: Monomial = (1, ())
ZERO = fmpq(0)

MOST_BITS = 8192
"""Precision beyond which a sign is given up: nothing but an unrecognised zero is that small in practice."""

MOST_TERMS = 200_000
"""Size of a product beyond which a symbol is not eliminated."""

_SMALL_PRIMES = [p for p in range(2, 200) if all(p % q for q in range(2, p))]
_numbers = count()


class Symbol:
    """A real quantity known by enclosures.

    Args:
        name: For people.
        compute: Gives an enclosure at about as many bits as asked.
        square: Of a positive symbol, its square as a number of earlier symbols, made when it is asked for; None if
            that is not known, or would be too large to write.
    """

    __slots__ = ("_compute", "_known", "_near", "name", "number", "square")

    def __init__(
        self, name: str, compute: Callable[[int], arb], square: Callable[[], Number | None] | None = None
    ) -> None:
        self.name = name
        self.number = next(_numbers)
        self.square = square
        self._compute = compute
        self._known: dict[int, arb] = {}
        self._near: dict[int, fmpq] = {}

    def __repr__(self) -> str:
        return self.name

    def enclosure(self, bits: int) -> arb:
        """A ball that contains the quantity."""
        if bits not in self._known:
            self._known[bits] = self._compute(bits)
        return self._known[bits]

    def near(self, bits: int) -> fmpq:
        """The middle of the enclosure."""
        if bits not in self._near:
            self._near[bits] = as_fmpq(middle_and_radius(self.enclosure(bits))[0])
        return self._near[bits]


class Surd:
    """A formal sum of terms; immutable.

    Users only meet it in results of the ideal reading; here `root_of`, `symbol` and arithmetic make it.

    Example:
        >>> x = root_of(Fraction(2)) + 1
        >>> print(x * x, "=", sign(x * x - 3 - root_of(Fraction(8))))
        3 + 2*sqrt(2) = 0
    """

    __slots__ = ("_sign", "terms")

    def __init__(self, terms: dict[Monomial, fmpq]) -> None:
        self.terms = terms
        self._sign: int | None = None  # found once; it takes enclosures

    def __add__(self, other: Number | int) -> Number:
        if isinstance(other, Surd):
            terms = dict(self.terms)
            for key, q in other.terms.items():
                terms[key] = terms[key] + q if key in terms else q
            return as_number(terms)
        if not other:
            return self
        terms = dict(self.terms)
        terms[PLAIN] = terms.get(PLAIN, ZERO) + as_fmpq(other)
        return as_number(terms)

    __radd__ = __add__

    def __neg__(self) -> Surd:
        return Surd({key: -q for key, q in self.terms.items()})

    def __sub__(self, other: Number | int) -> Number:
        return self + -other

    def __rsub__(self, other: Number | int) -> Number:
        return -self + other

    def __mul__(self, other: Number | int) -> Number:
        if isinstance(other, Surd):
            return _product(self.terms, other.terms)
        if not other:
            return Fraction(0)
        factor = as_fmpq(other)
        return Surd({key: q * factor for key, q in self.terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, other: Fraction | int) -> Number:
        return self * (1 / Fraction(other))

    def __bool__(self) -> bool:
        return sign(self) != 0

    def __eq__(self, other: object) -> bool:
        """The same number.

        Raises:
            Undecided: That is not seen.
        """
        if isinstance(other, Surd):
            return self.terms == other.terms or sign(self - other) == 0
        return isinstance(other, int | Fraction) and sign(self - other) == 0

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Number | int) -> bool:
        return sign(self - other) < 0

    def __le__(self, other: Number | int) -> bool:
        return sign(self - other) <= 0

    def __gt__(self, other: Number | int) -> bool:
        return sign(self - other) > 0

    def __ge__(self, other: Number | int) -> bool:
        return sign(self - other) >= 0

    def __abs__(self) -> Number:
        return self if sign(self) > 0 else -self

    def __float__(self) -> float:
        low, high = enclosure(self, 64)
        return float((low + high) / 2)

    def __str__(self) -> str:
        return " + ".join(_term_text(key, q) for key, q in sorted(self.terms.items(), key=_term_order)) or "0"

    __repr__ = __str__


Number = Fraction | Surd


def symbol(known: Symbol, power: int = 1) -> Surd:
    """A power of a symbol, as a number."""
    return Surd({(1, ((known, power),)): fmpq(1)})


def as_fmpq(q: Fraction | int) -> fmpq:
    """A rational for flint."""
    return fmpq(q.numerator, q.denominator)


def terms_of(x: Number) -> dict[Monomial, fmpq]:
    """The terms of a number; none of zero."""
    if isinstance(x, Surd):
        return x.terms
    return {PLAIN: as_fmpq(x)} if x else {}


def as_fraction(q: fmpq) -> Fraction:
    """A rational of flint's."""
    return Fraction(int(q.p), int(q.q))


def root_of(q: Fraction, base: Sequence[int] = ()) -> Number:
    """The square root of a rational at least zero.

    Args:
        q: The radicand.
        base: Pairwise coprime integers; powers of them are taken out of the radicand one by one.

    Example:
        >>> print(root_of(Fraction(9, 4)), root_of(Fraction(1, 8)))
        3/2 1/4*sqrt(2)
    """
    n, outside = q.numerator * q.denominator, Fraction(1, q.denominator)
    if not n:
        return Fraction(0)
    inside = 1
    for b in (*_SMALL_PRIMES, *base):
        exponent = 0
        while b > 1 and n % b == 0:
            n, exponent = n // b, exponent + 1
        outside *= b ** (exponent // 2)
        if exponent % 2:
            root = isqrt(b)
            inside, outside = (inside, outside * root) if root * root == b else (inside * b, outside)
    root = isqrt(n)
    if root * root == n:
        n, outside = 1, outside * root
    return as_number({(inside * n, ()): as_fmpq(outside)})


def coprime_base(numbers: Iterable[int]) -> tuple[int, ...]:
    """Pairwise coprime integers above 1 such that every given positive one is a product of powers of them.

    Example:
        >>> coprime_base([12, 18, 5])
        (5, 3, 2)
    """
    base: list[int] = []
    waiting = [n for n in numbers if n > 1]
    while waiting:
        n = waiting.pop()
        for i, b in enumerate(base):
            g = gcd(n, b)
            if g > 1:
                base.pop(i)
                waiting += [part for part in (n // g, g, b // g) if part > 1]
                break
        else:
            base.append(n)
    return tuple(base)


def is_zero(x: Number) -> bool:
    """Whether a number is zero, as far as that is seen.

    Without symbols this is complete.  With them the last symbol ``s`` is eliminated: ``A + B s`` with ``s > 0`` is
    zero if and only if both are, or they have opposite signs and ``A**2 == B**2 s**2``; that is complete too, unless
    a square is not known or the numbers grow beyond `MOST_TERMS`.
    """
    if is_formally_zero(x):
        return True
    if not isinstance(x, Surd) or not to_ball(x, 256).contains(0):
        return False
    return _is_zero_by_elimination(x)


def _is_zero_by_elimination(x: Surd) -> bool:
    last = max(
        (known for _, symbols in x.terms for known, _ in symbols), key=lambda s: s.number, default=None
    )
    square = last.square() if last is not None and last.square is not None else None
    if square is None:
        return False
    even, odd = _split(x, last, square)
    if is_zero(odd):
        return is_zero(even)
    if (
        is_zero(even)
        or sign(even) == sign(odd)
        or max(map(size_of, (even, odd))) ** 2 * size_of(square) > MOST_TERMS
    ):
        return False
    return is_zero(even * even - odd * odd * square)


def size_of(x: Number) -> int:
    """Number of terms."""
    return len(x.terms) if isinstance(x, Surd) else 1


def _split(x: Surd, last: Symbol, square: Number) -> tuple[Number, Number]:
    """``A`` and ``B`` with ``x`` a power of a symbol times ``A + B s``, both free of it."""
    parts: dict[int, dict[Monomial, fmpq]] = {}
    for (n, symbols), q in x.terms.items():
        power = next((e for known, e in symbols if known is last), 0)
        rest = tuple((known, e) for known, e in symbols if known is not last)
        parts.setdefault(power, {})[n, rest] = q
    least = min(parts)
    halves: list[Number] = [Fraction(0), Fraction(0)]
    for power, terms in parts.items():
        value = as_number(terms)
        for _ in range((power - least) // 2):
            value = value * square
        halves[(power - least) % 2] = halves[(power - least) % 2] + value
    return halves[0], halves[1]


def is_formally_zero(x: Number) -> bool:
    """Whether the terms of a number cancel, roots of integers taken for what they are and symbols for unrelated."""
    if not isinstance(x, Surd):
        return not x
    if len(x.terms) > 4 and not to_ball(x, 64).contains(0):
        return False
    parts: dict[tuple, dict[int, fmpq]] = {}
    for (n, symbols), q in x.terms.items():
        part = parts.setdefault(symbols, {})
        for known in part:
            root = isqrt(known * n)
            if root * root == known * n:  # sqrt(n) = root / known * sqrt(known)
                part[known] += q * fmpq(root, known)
                break
        else:
            part[n] = q
    return not any(q for part in parts.values() for q in part.values())


def sign(x: Number, what: str = "a sum of square roots") -> int:
    """The sign of a number.

    Raises:
        Undecided: It is not formally zero, and not told from zero at `MOST_BITS` bits.
    """
    if not isinstance(x, Surd):
        return (x > 0) - (x < 0)
    if x._sign is None:
        x._sign = _find_sign(x, what)
    return x._sign


def _find_sign(x: Surd, what: str) -> int:
    if len(x.terms) == 1:
        ((_, symbols),) = x.terms
        if not symbols:
            return 1 if x.terms[next(iter(x.terms))] > 0 else -1
    bits = 64
    while bits <= MOST_BITS:
        ball = to_ball(x, bits)
        if ball > 0:
            return 1
        if ball < 0:
            return -1
        if (bits == 64 and is_formally_zero(x)) or (bits == 256 and is_zero(x)):
            return 0
        bits *= 2
    raise Undecided(f"{what} is not told from zero at {MOST_BITS} bits, nor seen to be zero")


def enclosure(x: Number, bits: int) -> tuple[Fraction, Fraction]:
    """Rational bounds of a number, about ``2**-bits`` of its largest term apart."""
    if not isinstance(x, Surd):
        return x, x
    middle, radius = middle_and_radius(to_ball(x, bits))
    return middle - radius, middle + radius


def approximation(x: Number, bits: int) -> Fraction:
    """A rational near a number, the same for every occurrence of a root or symbol: what cancels formally, cancels."""
    if not isinstance(x, Surd):
        return x
    total = fmpq(0)
    for (n, symbols), q in x.terms.items():
        term = q * _near_root(n, bits) if n > 1 else q
        for known, power in symbols:
            term *= known.near(bits) ** power
        total += term
    return as_fraction(total)


def to_ball(x: Number, bits: int) -> arb:
    """A ball that contains a number."""
    old = ctx.prec
    ctx.prec = bits + 16
    try:
        if not isinstance(x, Surd):
            return arb(as_fmpq(x))
        total = arb(0)
        for (n, symbols), q in x.terms.items():
            term = arb(q)
            if n > 1:
                term *= arb(n).sqrt()
            for known, power in symbols:
                term *= _power(known.enclosure(bits), power)
            total += term
        return total
    finally:
        ctx.prec = old


def _power(ball: arb, power: int) -> arb:
    """An integer power by products: powers of flint's go through a logarithm, which a ball around zero has not."""
    result = arb(1)
    for _ in range(abs(power)):
        result *= ball
    return result if power > 0 else 1 / result


def middle_and_radius(ball: arb) -> tuple[Fraction, Fraction]:
    """Midpoint and radius of a ball, exactly."""
    return _dyadic(ball.mid()), _dyadic(ball.rad())


def _dyadic(exact: arb) -> Fraction:
    mantissa, exponent = (int(part) for part in exact.man_exp())
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)


_roots: dict[tuple[int, int], fmpq] = {}


def _near_root(n: int, bits: int) -> fmpq:
    if (n, bits) not in _roots:
        if len(_roots) > 10_000:
            _roots.clear()
        shift = max(0, bits - n.bit_length() // 2)
        _roots[n, bits] = fmpq(isqrt(n << 2 * shift), 1 << shift)
    return _roots[n, bits]


def as_number(terms: dict[Monomial, fmpq]) -> Number:
    """The sum of terms without the zero ones; a rational where nothing else is left."""
    if ZERO in terms.values():
        terms = {key: q for key, q in terms.items() if q}
    if not terms:
        return Fraction(0)
    if len(terms) == 1 and PLAIN in terms:
        return as_fraction(terms[PLAIN])
    return Surd(terms)


def _product(left: dict[Monomial, fmpq], right: dict[Monomial, fmpq]) -> Number:
    terms: dict[Monomial, fmpq] = {}
    for (n, s), p in left.items():
        for (m, t), q in right.items():
            key, factor = times((n, s), (m, t))
            value = p * q if factor == 1 else p * q * factor
            terms[key] = terms[key] + value if key in terms else value
    return as_number(terms)


def times(one: Monomial, other: Monomial) -> tuple[Monomial, int]:
    """Product of two monomials, and the integer that comes out of the roots."""
    (n, s), (m, t) = one, other
    common = gcd(n, m)
    inside = (n // common) * (m // common)
    if inside > 1:
        root = isqrt(inside)
        if root * root == inside:
            inside, common = 1, common * root
    if not s or not t:
        return (inside, s or t), common
    powers = dict(s)
    for known, power in t:
        powers[known] = powers.get(known, 0) + power
    kept = sorted(((k, e) for k, e in powers.items() if e), key=lambda item: item[0].number)
    return (inside, tuple(kept)), common


def _term_order(item: tuple[Monomial, fmpq]) -> tuple:
    (n, symbols), _ = item
    return len(symbols), [(known.number, power) for known, power in symbols], n


def _term_text(key: Monomial, q: fmpq) -> str:
    n, symbols = key
    parts = [f"sqrt({n})"] if n > 1 else []
    parts += [f"{known}" if power == 1 else f"{known}^{power}" for known, power in symbols]
    if not parts:
        return str(q)
    return "*".join(parts if q == 1 else [str(q), *parts])
