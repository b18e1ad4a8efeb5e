"""Parameters: nested lists and arrays of anything that is a number, read as tuples of exact ones.

Every complaint names the field, and the index where it stands, so that whoever builds a network only has to
put the layer in front.

Main definitions:
    read_number, read_tensor: Rationals.
    read_integer, read_integers, read_pair: Sizes, indices, kernels.
    expect_length: Two lengths that must agree.
    keep: Sets a field of a frozen value while it is being built.

Not here:
    What a number is: `numbers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from exactcpa.errors import BadNetwork, DimensionMismatch, InexactNumber, shown
from exactcpa.numbers import exactly

Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]
Pair = tuple[int, int]
Triple = tuple[int, int, int]


def keep(layer: object, field: str, value: object) -> None:
    """Set a field of a frozen value while it is being built."""
    object.__setattr__(layer, field, value)


def read_sequence(value: object, field: str, place: str = "") -> Sequence:
    """Return a nonempty list, tuple or array as a sequence."""
    if isinstance(value, np.ndarray) and value.ndim:
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise DimensionMismatch(f"field {field}: expected a list, got {shown(value)}{place}")
    if not value:
        raise DimensionMismatch(f"field {field}: expected at least one entry, got none{place}")
    return value


def read_tensor(value: object, field: str, depth: int, index: str = "") -> tuple:
    """Read nested lists of numbers, ``depth`` levels deep, all rows of equal length."""
    items = read_sequence(value, field, f" at index {index}" if index else "")
    if depth == 1:
        return tuple(read_number(item, field, f"{index}[{i}]") for i, item in enumerate(items))
    parts = tuple(read_tensor(item, field, depth - 1, f"{index}[{i}]") for i, item in enumerate(items))
    first = _shape(parts[0], depth - 1)
    for i, part in enumerate(parts):
        if _shape(part, depth - 1) != first:
            shapes = " by ".join(map(str, first)), " by ".join(map(str, _shape(part, depth - 1)))
            raise DimensionMismatch(
                f"field {field}: expected {shapes[0]} entries as at index {index}[0], "
                f"got {shapes[1]} at index {index}[{i}]"
            )
    return parts


def _shape(tensor: tuple, depth: int) -> tuple[int, ...]:
    return (len(tensor), *(_shape(tensor[0], depth - 1) if depth > 1 else ()))


def read_tensor_or(default: Fraction, value: object, field: str, length: int) -> Vector:
    """Read a vector, or repeat the default where none is given."""
    return (default,) * length if value is None else read_tensor(value, field, 1)


def read_number(value: object, field: str, index: str = "") -> Fraction:
    """Read one number, naming the field and the index if it is none."""
    try:
        return exactly(value)
    except InexactNumber as error:
        raise InexactNumber(f"field {field}: {error}{f' at index {index}' if index else ''}") from None


def read_integer(value: object, field: str, least: int) -> int:
    """Read a size or an index; neither booleans nor floats are."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise BadNetwork(f"field {field}: expected an integer of at least {least}, got {shown(value)}")
    return int(value)


def read_integers(value: object, field: str, least: int, *, length: int | None = None) -> tuple[int, ...]:
    """Read a nonempty list of sizes or indices, of a given length if there is one."""
    items = tuple(read_integer(item, field, least) for item in read_sequence(value, field))
    if length is not None:
        expect_length(field, len(items), length, "dimensions")
    return items


def read_pair(value: object, field: str, least: int) -> Pair:
    """Read [rows, columns]; one number stands for both."""
    if isinstance(value, int | np.integer):
        return (read_integer(value, field, least),) * 2
    return read_integers(value, field, least, length=2)


def expect_length(field: str, found: int, expected: int, what: str) -> None:
    """Raise unless a field has as many entries as something else."""
    if found != expected:
        raise DimensionMismatch(f"field {field}: expected {expected} entries ({what}), got {found}")
