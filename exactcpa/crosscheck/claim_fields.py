"""The fields of a claim, read exactly; whatever is malformed is one sentence that names claim and field.

Main definitions:
    number, integer, choice, flag, point, numbers, table: One field of a claim.
    patterns: A field of many patterns as words of bits, in any of the encodings.
    Patterns: What that gives.

Conventions:
    Encodings of a list of n patterns (field ``encoding``):
        pieces   the default: the piece of every unit in order, as `Partition.patterns`; shape (n, units)
        signs    -1, 0 or +1 for every unit: below its breakpoint, at it all over the cell, above; shape (n, units);
                 only if every unit has one breakpoint
        bits     the bits of our patterns, as `checker` numbers them; shape (n, bits)
        words    the same in words of 64 bits, as an array; shape (n, words)
    A sign 0 claims a cell on which the unit is flat.

Not here:
    Which fields a kind has: the modules that judge it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.context import Context
from exactcpa.errors import BadFile, InexactNumber, shown
from exactcpa.numbers import exact_text, exactly
from exactcpa.patterns import find_malformed, integer
from exactcpa.switch_form import SwitchForm
from exactcpa.vectors import Vector

ENCODINGS = ("pieces", "signs", "bits", "words")
WORD = 64


def malformed(claim: Claim, field: str, said: str) -> BadFile:
    """The error for a field, to be raised."""
    return BadFile(f"claim {claim.id}, field {field}: {said}")


def exact(claim: Claim, field: str, value: object) -> Fraction:
    """A number that stands in a field."""
    try:
        return exactly(value)
    except InexactNumber as error:
        raise malformed(claim, field, str(error)) from None


def number(claim: Claim, field: str) -> Fraction:
    """A field that is a number."""
    return exact(claim, field, required(claim, field))


def integer_of(claim: Claim, field: str, *, least: int = 0, below: int | None = None) -> int:
    """A field that is a whole number in a range."""
    value = number(claim, field)
    if value.denominator != 1 or value < least or (below is not None and value >= below):
        wanted = f"from {least}" if below is None else f"from {least} to {below - 1}"
        raise malformed(claim, field, f"expected a whole number {wanted}, got {shown(value)}")
    return int(value)


def choice(claim: Claim, field: str, allowed: Sequence[str], default: str | None = None) -> str:
    """A field that is one of some texts."""
    value = claim.body.get(field, default)
    if not isinstance(value, str) or value not in allowed:
        raise malformed(claim, field, f"expected {' or '.join(allowed)}, got {shown(value)}")
    return value


def flag(claim: Claim, field: str, *, default: bool) -> bool:
    """A field that is true or false."""
    value = claim.body.get(field, default)
    if not isinstance(value, bool):
        raise malformed(claim, field, f"expected true or false, got {shown(value)}")
    return value


def required(claim: Claim, field: str) -> Any:
    """A field that must be there."""
    if field not in claim.body:
        raise malformed(claim, field, "expected it, got none")
    return claim.body[field]


def numbers(claim: Claim, field: str, value: object, length: int | None = None) -> Vector:
    """A list of numbers that stands in a field."""
    items = as_list(claim, field, value)
    if length is not None and len(items) != length:
        raise malformed(claim, field, f"expected {length} numbers, got {len(items)}")
    return tuple([exact(claim, field, entry) for entry in items])


def table(claim: Claim, field: str, value: object, shape: tuple[int | None, int]) -> tuple[Vector, ...]:
    """A matrix that stands in a field; a row number of None is any."""
    rows = as_list(claim, field, value)
    if shape[0] is not None and len(rows) != shape[0]:
        raise malformed(claim, field, f"expected {shape[0]} rows, got {len(rows)}")
    return tuple([numbers(claim, field, row, shape[1]) for row in rows])


def point(claim: Claim, field: str, context: Context) -> Vector:
    """A field that is a point of the domain, in the domain's own coordinates."""
    return point_from(claim, field, required(claim, field), context)


def point_from(claim: Claim, field: str, value: object, context: Context) -> Vector:
    """A point of the domain that stands in a field."""
    found = numbers(claim, field, value, context.dimension)
    if not context.domain.contains(found):
        raise malformed(
            claim, field, f"expected a point of the domain, got {shown([exact_text(x) for x in found])}"
        )
    return found


def whole_numbers(values: Sequence[Any]) -> list[int]:
    """Whole numbers as what they are.

    Raises:
        ValueError: One is none; nothing is rounded, and a boolean is no number.
    """
    try:
        found = [exactly(value) for value in values]
    except InexactNumber as error:
        raise ValueError(str(error)) from None
    if any(q.denominator != 1 for q in found):
        raise ValueError("expected whole numbers")
    return [int(q) for q in found]


def as_list(claim: Claim, field: str, value: object) -> Sequence[Any]:
    """A list or an array of at least one dimension."""
    if isinstance(value, np.ndarray) and value.ndim:
        return value.tolist() if value.ndim == 1 else list(value)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise malformed(claim, field, f"expected a list, got {shown(value)}")
    return value


# ---------------------------------------------------------------------- patterns


@dataclass(frozen=True, eq=False)
class Patterns:
    """Patterns of a claim.

    Attributes:
        words: Shape ``(n, w)``, uint64.
        flat: Pattern number -> bits of the units that it says are flat.
    """

    words: np.ndarray
    flat: Mapping[int, tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, i: int) -> int:
        return integer(self.words[i])


def patterns(claim: Claim, field: str, context: Context, value: object | None = None) -> Patterns:
    """Read a list of patterns.

    Args:
        claim: Its field ``encoding`` says how they are written.
        field: Where they stand.
        context: Of the network.
        value: The list, if it is not the whole field.

    Raises:
        BadFile: Not a list of patterns of this network; names the first that is none.
    """
    form = context.form
    encoding = choice(claim, "encoding", ENCODINGS, "pieces")
    given = required(claim, field) if value is None else value
    if encoding == "words" and not isinstance(given, np.ndarray):
        raise malformed(claim, field, "expected words to be an .npz array: JSON keeps 53 of 64 bits")
    array = _array(claim, field, given, _width(form, encoding))
    match encoding:
        case "pieces":
            found = Patterns(_from_pieces(claim, field, form, array), {})
        case "signs":
            found = _from_signs(claim, field, context, array)
        case "bits":
            _require_range(claim, field, array, 0, 1)
            found = Patterns(_pack(array, form.words), {})
        case _:
            found = Patterns(array.astype(np.uint64), {})
    wrong = find_malformed(form, found.words)
    if wrong is not None:
        said = "no pattern: a bit too many, a breakpoint passed before a lower one, or not one winner"
        raise malformed(claim, field, f"number {wrong} is {said}")
    return found


def _width(form: SwitchForm, encoding: str) -> int:
    if encoding in ("pieces", "signs"):
        return len(form.units)
    return form.bits if encoding == "bits" else form.words


def _array(claim: Claim, field: str, value: object, width: int) -> np.ndarray:
    """Whole numbers, shape (n, width)."""
    items = value if isinstance(value, np.ndarray) and value.ndim else as_list(claim, field, value)
    if not len(items):
        return np.empty((0, width), np.int64)
    try:
        array = np.asarray(items)
    except ValueError:
        raise malformed(
            claim, field, f"expected rows of {width} whole numbers, got rows of different lengths"
        ) from None
    if array.ndim == 1 and width == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != width:
        raise malformed(claim, field, f"expected rows of {width} whole numbers, got shape {array.shape}")
    if array.dtype.kind == "f" and (np.abs(array) < 2.0**63).all() and (array == np.rint(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "biu":
        raise malformed(claim, field, f"expected whole numbers, got entries of {array.dtype}")
    if (array.dtype.kind == "i" and array.dtype.itemsize == 8) or array.dtype.kind == "b":
        return array.astype(np.int64)
    return array


def _require_range(claim: Claim, field: str, array: np.ndarray, low: int, high: int | np.ndarray) -> None:
    wrong = (array < low) | (array > high)
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        most = high if isinstance(high, int) else int(high[column])
        got = int(array[row, column])
        raise malformed(
            claim, field, f"expected {low} to {most} at column {column} of number {row}, got {got}"
        )


def _from_pieces(claim: Claim, field: str, form: SwitchForm, array: np.ndarray) -> np.ndarray:
    """Words of patterns given as the piece of every unit."""
    most = np.array([unit.width - (unit.group >= 0) for unit in form.units], np.int64)
    _require_range(claim, field, array, 0, most)
    bits = np.zeros((len(array), form.bits), np.uint8)
    for column, unit in enumerate(form.units):
        for k in range(unit.width):
            mine = array[:, column]
            bits[:, unit.first + k] = mine == k if unit.group >= 0 else mine > k
    return _pack(bits, form.words)


def _from_signs(claim: Claim, field: str, context: Context, array: np.ndarray) -> Patterns:
    """Words of patterns given as signs; a unit at its breakpoint has its upper piece."""
    form = context.form
    if None in context.breakpoints or any(unit.width != 1 for unit in form.units):
        said = "expected pieces, bits or words: signs are for units that all have one breakpoint"
        raise malformed(claim, "encoding", said)
    if array.dtype.kind == "u":
        array = array.astype(np.int64)
    _require_range(claim, field, array, -1, 1)
    flat: dict[int, tuple[int, ...]] = {}
    for row, column in np.argwhere(array == 0).tolist():
        flat[row] = (*flat.get(row, ()), form.units[column].first)
    return Patterns(_pack(array >= 0, form.words), flat)


def _pack(bits: np.ndarray, count: int) -> np.ndarray:
    """Bits, shape (n, bits), as words."""
    padded = np.zeros((len(bits), count * WORD), np.uint8)
    padded[:, : bits.shape[1]] = bits
    packed = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)
