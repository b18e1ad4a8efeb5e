"""Tables of rationals of which most are doubles, worked on as arrays.

Reading a network's numbers one by one in rational arithmetic takes longer than enumerating a small network.  A
rational ``n / 2**k`` with n below 2**53 in size and k below 900 is a double, and so are its grain and its size; all
others are left to whoever asks.

Main definitions: `DyadicTable`, `dyadic_table`, `json_rows`.

Conventions: an entry that is no such rational is marked as not easy, and the arrays say zero there.

Not here: what the numbers are used for (`float_form`, `network_file`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from operator import attrgetter

import numpy as np

from exactcpa.numbers import to_json_number
from exactcpa.surds import Number

LARGEST, MOST = 2.0**53, 2.0**900
NOTHING = -(10**6)
"""Exponent of zero."""

ABOVE, BELOW = attrgetter("_numerator"), attrgetter("_denominator")
"""What `Fraction.as_integer_ratio` gives, in a quarter of the time and without a tuple; other numbers have neither."""


@dataclass(frozen=True, slots=True)
class DyadicTable:
    """Numbers of a table, by arrays of its shape.

    Attributes:
        easy: Whether the entry is ``n / 2**k``, n and k as the module's header says.
        values: The entry, exactly.
        grains: The largest power of two of which it is a multiple; infinite for zero.
        exponents: An e with ``|q| < 2**e <= 4 |q|``, as `float_form.exponent_above` has it; `NOTHING` for zero.
    """

    easy: np.ndarray
    values: np.ndarray
    grains: np.ndarray
    exponents: np.ndarray


def dyadic_table(rows: Sequence[Sequence[Number]]) -> DyadicTable | None:
    """The table of some rows of equal width; None if a number is irrational or far from all doubles."""
    numbers = list(chain.from_iterable(rows))
    try:
        above = np.array(list(map(ABOVE, numbers)), np.float64)
        below = list(map(BELOW, numbers))
        others = {n: np.inf for n in set(below) if n & (n - 1)}
        size = np.array([others.get(n, n) for n in below] if others else below, np.float64)
    except (AttributeError, OverflowError):
        return None
    easy = (abs(above) < LARGEST) & (size < MOST)
    above = np.where(easy, above, 0.0)
    integers = above.astype(np.int64)
    exponents = np.frexp(above)[1] - np.frexp(size)[1] + 1
    grains = np.where(integers == 0, np.inf, (integers & -integers) / size)
    shape = len(rows), len(rows[0])
    return DyadicTable(
        easy.reshape(shape),
        (above / size).reshape(shape),
        grains.reshape(shape),
        np.where(integers == 0, NOTHING, exponents).reshape(shape),
    )


def json_rows(rows: Sequence[Sequence[Fraction]]) -> list[list[int | float | str]]:
    """Rows of equal width as `to_json_number` writes each of their numbers."""
    table = dyadic_table(rows)
    if table is None:
        return [[to_json_number(q) for q in row] for row in rows]
    written = table.values.tolist()
    for i, j in np.argwhere(~table.easy | (table.values == np.rint(table.values))).tolist():
        written[i][j] = to_json_number(rows[i][j])
    return written
