"""Patterns: the decisions of a cell as words of bits, as one integer, and as pieces of units.

A pattern is kept in words, in big arrays; exact work on one cell reads it as one integer; people read pieces.

Main definitions:
    integer, to_words: One pattern, to and from a Python integer.
    to_pieces: The piece of every unit on every cell.
    find_malformed: The first cell whose bits are no pattern.
    Place, places_of: Where the decision of each bit stands.

Conventions: bit ``b`` is bit ``b % 64`` of word ``b // 64``.  A bend has one bit per breakpoint, set if
it is passed; a maximum of two lines one bit, set if the second wins; a larger one a bit per candidate,
set for the winner.

Not here: what the decisions choose between (`switch_form`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exactcpa.switch_form import SwitchForm

WORD = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where the decision of one pattern bit stands.

    Attributes:
        layer: Number of its layer.
        decision: Number of the switch, or switches plus number of the group.
        line: The switch's line, or the candidate's.
        group: The group's bits and lines, a pair each; empty for a switch.
    """

    layer: int
    decision: int
    line: int
    group: tuple[tuple[int, int], ...]


def places_of(form: SwitchForm) -> tuple[Place, ...]:
    """The place of every pattern bit."""
    places: dict[int, Place] = {}
    for number, layer in enumerate(form.layers):
        places |= {bit: Place(number, k, k, ()) for k, bit in enumerate(layer.switch_bits)}
        for g, (lines, first) in enumerate(zip(layer.groups, layer.group_bits, strict=True)):
            group = tuple(enumerate(lines, start=first))
            places |= {bit: Place(number, layer.switches + g, line, group) for bit, line in group}
    return tuple(places[bit] for bit in range(form.bits))


def integer(words: np.ndarray) -> int:
    """The words of one pattern as one integer.

    Example:
        >>> integer(np.array([3, 1], np.uint64)) == 3 + 2**64
        True
    """
    return int.from_bytes(words.astype("<u8").tobytes(), "little")


def to_words(pattern: int, count: int) -> np.ndarray:
    """A pattern as that many words."""
    return np.frombuffer(pattern.to_bytes(8 * count, "little"), "<u8").astype(np.uint64)


def to_pieces(form: SwitchForm, words: np.ndarray) -> np.ndarray:
    """Piece of every unit on every cell.

    Args:
        form: The network in switch form.
        words: Shape ``(cells, w)``.

    Returns:
        Shape ``(cells, units)``: uint8, or uint16 if a unit has more than 255 pieces.
    """
    widest = max((unit.width for unit in form.units), default=0)
    pieces = np.zeros((len(words), len(form.units)), np.uint16 if widest > 255 else np.uint8)
    for column, unit in enumerate(form.units):
        for k in range(unit.width):
            weight = k if unit.group >= 0 else 1
            pieces[:, column] += _bit(words, unit.first + k).astype(pieces.dtype) * pieces.dtype.type(weight)
    return pieces


def find_malformed(form: SwitchForm, words: np.ndarray) -> int | None:
    """The first cell with a bit too many, a breakpoint passed before a lower one, or not one winner."""
    wrong = np.zeros(len(words), bool)
    for unit in form.units:
        bits = [_bit(words, unit.first + k) for k in range(unit.width)]
        if unit.group >= 0:
            wrong |= sum(bit.astype(np.int64) for bit in bits) != 1
        for before, after in pairwise(bits):
            wrong |= (unit.group < 0) & (after > before)
    used = to_words((1 << form.bits) - 1, form.words)
    wrong |= (words & ~used).any(axis=1)
    return int(wrong.argmax()) if wrong.any() else None


def _bit(words: np.ndarray, bit: int) -> np.ndarray:
    """One bit of every cell, as 0 or 1."""
    return (words[:, bit // WORD] >> np.uint64(bit % WORD)) & np.uint64(1)


def cell_text(form: SwitchForm, pattern: int, bit: int) -> str:
    """A unit and a cell, for an error."""
    unit = next(u for u in form.units if u.first <= bit < u.first + u.width)
    return f"unit ({unit.layer}, {unit.index}) on the cell of pattern {pattern:#x}"
