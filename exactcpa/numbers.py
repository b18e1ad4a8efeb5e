"""Numbers: what a value means, as an exact rational, and how a rational is written.

The only place that decides what a float means: the dyadic rational it stores.  Text is exact, so ``"0.1"``
is one tenth and ``0.1`` is 3602879701896397/36028797018963968.  Nothing is ever rounded.

Main definitions:
    exactly: Any number or number text as a `Fraction`.
    to_json_number: A rational as an int, a float or a string that reads back as the same rational.
    exact_text: A rational as text that reads back as the same, however long.
    decimal_text: A rounded decimal for people; never for decisions.

Conventions:
    Booleans are not numbers.  Text forms: ``-7``, ``0.1``, ``1e-5``, ``1/3``, ``0x1.8p-3``, ``-0x1f``,
    ``0x1f/0x7``; ASCII digits, no underscores, no spaces inside.  A decimal exponent is at most 100,000 in
    magnitude and a binary one 1,000,000: beyond that a short text would be an astronomically long number.

References:
    IEEE Std 754-2019, section 5.12.3 (hexadecimal-significand character sequences).

Not here:
    Rounding a batch-norm scale to float64: `batchnorm`.
"""

from __future__ import annotations

import decimal
import math
import re
from fractions import Fraction
from numbers import Rational

import numpy as np

from exactcpa.errors import BadArgument, InexactNumber, shown

LARGEST_PLAIN_INTEGER = 2**53
LARGEST_PLAIN_POWER = 2**960
LONGEST_DECIMAL = 4000
LARGEST_DECIMAL_EXPONENT = 100_000
LARGEST_BINARY_EXPONENT = 1_000_000

_DECIMAL = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,30}))?")
_HEX = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP]([+-]?[0-9]{1,30}))?")
_RATIO = re.compile(r"([+-]?)([0-9]+|0[xX][0-9a-fA-F]+)/([0-9]+|0[xX][0-9a-fA-F]+)")


def exactly(value: object) -> Fraction:
    """Return the rational that a number or a number text is.

    Args:
        value: An int, `Fraction`, finite float, `decimal.Decimal`, numpy scalar (or array of no dimensions),
            python-flint ``fmpz``/``fmpq``, or text in one of the forms of the module header.

    Returns:
        The same number; a float gives the dyadic rational it stores.

    Raises:
        InexactNumber: NaN, an infinity, a boolean, a complex number, anything that is no number.

    Example:
        >>> exactly("0.1"), exactly(0.5), exactly("0x1.8p-3")
        (Fraction(1, 10), Fraction(1, 2), Fraction(3, 16))
    """
    if type(value) is Fraction:
        return value
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_):
        raise InexactNumber(f"expected a number, got the boolean {value}")
    if isinstance(value, float | np.floating):
        return _from_float(value)
    if isinstance(value, decimal.Decimal):
        return _from_text(str(value))
    if isinstance(value, int | np.integer):
        return Fraction(int(value))
    if isinstance(value, Rational):
        return Fraction(value.numerator, value.denominator)
    if type(value).__name__ in ("fmpz", "fmpq") and type(value).__module__.startswith("flint"):
        return Fraction(int(value.numerator), int(value.denominator))
    raise InexactNumber(f"expected a number, got {type(value).__name__}: {shown(value)}")


def _from_float(value: float | np.floating) -> Fraction:
    try:
        return Fraction(*value.as_integer_ratio())
    except (ValueError, OverflowError):
        raise InexactNumber(f"expected a finite number, got {value}") from None


def _from_text(text: str) -> Fraction:
    stripped = text.strip(" \t\r\n")
    if ratio := _RATIO.fullmatch(stripped):
        sign, above, below = ratio.groups()
        denominator = _from_digits(below)
        if denominator == 0:
            raise InexactNumber(f"expected a number, got {shown(text)} with denominator zero")
        return Fraction(-_from_digits(above) if sign == "-" else _from_digits(above), denominator)
    if scaled := _HEX.fullmatch(stripped):
        return _from_scaled(scaled, "0x", 4, 2, LARGEST_BINARY_EXPONENT)
    if scaled := _DECIMAL.fullmatch(stripped):
        return _from_scaled(scaled, "", 1, 10, LARGEST_DECIMAL_EXPONENT)
    raise InexactNumber(f"expected a finite number, got the text {shown(text)}")


def _from_scaled(match: re.Match[str], prefix: str, digit: int, base: int, largest: int) -> Fraction:
    """Read ``sign digits.digits (e|p) exponent``; one digit after the point divides by ``base**digit``."""
    sign, significand, exponent = match.groups()
    whole, _, part = significand.partition(".")
    power = int(exponent or 0)
    if abs(power) > largest:
        raise InexactNumber(f"expected an exponent of at most {largest}, got {shown(match.string)}")
    power -= digit * len(part)
    integer = _from_digits(prefix + whole + part)
    value = Fraction(integer * base**power) if power >= 0 else Fraction(integer, base**-power)
    return -value if sign == "-" else value


def _from_digits(digits: str) -> int:
    """Read digits of any length; CPython refuses more than 4300 decimal ones at once."""
    if digits.startswith(("0x", "0X")):
        return int(digits, 16)
    if len(digits) <= LONGEST_DECIMAL:
        return int(digits)
    half = len(digits) // 2
    return _from_digits(digits[:half]) * 10 ** (len(digits) - half) + _from_digits(digits[half:])


def to_json_number(q: Fraction) -> int | float | str:
    """Write a rational so that JSON keeps it: an int, a float, or an exact text.

    A plain JSON number is the double nearest to it (many readers know nothing else), so only integers below
    2**53 in magnitude and exact doubles are written as one.

    Returns:
        An int if ``q`` is an integer with ``|q| < 2**53``; a float if ``q`` is exactly a double; otherwise
        text, ``"1/3"``, in hexadecimal ``"0x.../0x..."`` beyond 4000 digits.  `exactly` reads them back.

    Example:
        >>> [to_json_number(Fraction(q)) for q in ("3", "1/2", "1/3")]
        [3, 0.5, '1/3']
    """
    ratio = above, below = q.as_integer_ratio()
    if -LARGEST_PLAIN_INTEGER < above < LARGEST_PLAIN_INTEGER:
        if below == 1:
            return above
        if below < LARGEST_PLAIN_POWER and not below & (below - 1):
            return above / below
    double = _nearest_float(*ratio)
    if math.isfinite(double) and double.as_integer_ratio() == ratio:
        return double
    return exact_text(q)


def exact_text(value: object) -> str:
    """A value as text that says it exactly, of any length; `exactly` reads that of a rational back.

    Python itself refuses to write more than 4300 digits, so numbers of more than 4000 are in hexadecimal.

    Example:
        >>> exact_text(Fraction(1, 10)), exact_text("+-"), exact_text(Fraction(1, 3**9000))[:6]
        ('1/10', '+-', '0x1/0x')
    """
    if isinstance(value, Fraction):
        bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        if bits * math.log10(2) >= LONGEST_DECIMAL:
            return f"{value.numerator:#x}/{value.denominator:#x}"
    return str(value)


def _nearest_float(above: int, below: int) -> float:
    try:
        return above / below
    except OverflowError:
        return math.inf


def decimal_text(q: Fraction, digits: int = 6) -> str:
    """Write a rational rounded to some significant digits, for people to read.

    Example:
        >>> decimal_text(Fraction(2, 3)), decimal_text(Fraction(5, 2)), decimal_text(Fraction(1, 10**9))
        ('0.666667', '2.5', '1e-9')
    """
    if digits < 1:
        raise BadArgument(f"expected at least one digit, got {digits}")
    context = decimal.Context(prec=digits, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
    rounded = context.divide(decimal.Decimal(q.numerator), decimal.Decimal(q.denominator))
    plain = context.normalize(rounded)
    if plain == 0 or -5 <= plain.adjusted() < max(digits, 16):
        return f"{plain:f}"
    return f"{plain:e}"
