"""Vectors and matrices of fractions: read from what a user writes, multiplied, written out again.

Main definitions:
    `vector`, `matrix`: exact numbers from lists, arrays or text; `coordinates`: a point of known dimension.
    `dot`, `rank`.
    `plain`: the JSON form; `row_text`, `vector_text`: for people.

Conventions:
    Vectors are tuples of `Fraction`, matrices tuples of rows.  A row ``(n, b)`` means ``<n, x> <= b``.

Not here: what a number means (`numbers`); integer rows (`halfspaces`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_mat

from exactcpa.errors import BadDomain, DimensionMismatch, InexactNumber, shown
from exactcpa.numbers import exact_text, exactly, to_json_number

Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]


def vector(values: object, place: str) -> Vector:
    """Read a list of exact numbers.

    Raises:
        BadDomain: No list, or an entry that is no number; names the place and the index.

    Example:
        >>> vector([1, "1/3", 0.5], "box, field lower")
        (Fraction(1, 1), Fraction(1, 3), Fraction(1, 2))
    """
    if not _is_list(values):
        raise BadDomain(f"{place}: expected a list of numbers, got {shown(values)}")
    numbers = []
    for j, value in enumerate(values):  # type: ignore[arg-type]
        try:
            numbers.append(exactly(value))
        except InexactNumber as error:
            raise BadDomain(f"{place}: {error} at index {j}") from error
    return tuple(numbers)


def matrix(values: object, place: str) -> Matrix:
    """Read rows of exact numbers, all of one length.

    Raises:
        BadDomain: No list of lists, an entry that is no number, or rows of different lengths.
    """
    if not _is_list(values):
        raise BadDomain(f"{place}: expected a list of rows, got {shown(values)}")
    rows = tuple([vector(row, f"{place}, row {i}") for i, row in enumerate(values)])  # type: ignore[arg-type]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise BadDomain(f"{place}: expected rows of one length, got lengths {shown(lengths)}")
    return rows


def _is_list(values: object) -> bool:
    is_scalar_array = getattr(values, "ndim", None) == 0
    return (
        isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping) and not is_scalar_array
    )


def coordinates(point: Sequence[Any], dimension: int) -> Vector:
    """Read a point of a space of known dimension.

    Raises:
        DimensionMismatch: Another number of coordinates.
    """
    numbers = tuple([exactly(q) for q in point])
    if len(numbers) != dimension:
        raise DimensionMismatch(f"expected a point in R^{dimension}, got one in R^{len(numbers)}")
    return numbers


def dot(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    """The inner product."""
    return sum([a * b for a, b in zip(left, right, strict=True)], Fraction(0))


def rank(rows: Matrix) -> int:
    """The rank over the rationals.

    Example:
        >>> rank(((Fraction(1), Fraction(2)), (Fraction(2), Fraction(4))))
        1
    """
    entries = [fmpq(q.numerator, q.denominator) for row in rows for q in row]
    return fmpq_mat(len(rows), len(rows[0]), entries).rref()[1]


def plain(values: Vector) -> list[int | float | str]:
    """The JSON form of a vector."""
    return [to_json_number(q) for q in values]


def row_text(normal: Vector, offset: Fraction) -> str:
    """A row for people.

    Example:
        >>> row_text((Fraction(2), Fraction(0), Fraction(-1, 3)), Fraction(5, 2))
        '2*x0 + -1/3*x2 <= 5/2'
    """
    terms = " + ".join([f"{exact_text(a)}*x{i}" for i, a in enumerate(normal) if a]) or "0"
    return f"{terms} <= {exact_text(offset)}"


def vector_text(values: Iterable[Fraction]) -> str:
    """A vector for people, ``(1, -1/2)``."""
    return "(" + ", ".join([exact_text(q) for q in values]) + ")"
