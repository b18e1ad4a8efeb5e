"""The lines of a cell as exact real numbers: what every exact answer of the ideal reading is computed from.

Main definitions:
    RealLines: As `ExactLines`, with numbers that may be sums of square roots.
    lines_of: Whichever of the two a switch form needs.
    RealRow: A real affine function with what is remembered of it: approximations and enclosures.

Conventions:
    A row is ``(n_1, .., n_d, c)`` of `Number`, the function ``<n, t> + c``; its denominator is 1.

Not here:
    Linear programs over such rows: `real_programs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from flint import arb

from exactcpa.exact_lines import ROOM, ExactLines, Lines, chosen_line_numbers, masks_of
from exactcpa.surds import Number, Surd, approximation, to_ball
from exactcpa.switch_form import SwitchForm

Row = tuple[Number, ...]


def is_rational(form: SwitchForm) -> bool:
    """Whether no number of a switch form is irrational."""
    return not any(
        isinstance(q, Surd)
        for layer in form.layers
        for row in (layer.constant, *layer.base, *layer.gain)
        for q in row
    )


def lines_of(form: SwitchForm) -> ExactLines | RealLines:
    """The lines of a switch form on any of its cells."""
    return ExactLines(form) if is_rational(form) else RealLines(form)


class RealLines:
    """Lines of any layer on any cell, remembering those computed last."""

    def __init__(self, form: SwitchForm) -> None:
        self.form = form
        self._masks = masks_of(form)
        self._known: dict[tuple[int, int], Lines] = {}

    def mask(self, layer: int) -> int:
        """The bits of all layers before one, as a mask."""
        return self._masks[layer]

    def at(self, layer: int, pattern: int) -> Lines:
        """The lines of a layer on the cell of a pattern, of which only the bits of earlier layers matter."""
        key = (layer, pattern & self._masks[layer])
        known = self._known.get(key)
        if known is None:
            if len(self._known) > ROOM:
                self._known.clear()
            known = self._known[key] = Lines(None, self._compute(layer, pattern), 1)
        return known

    def _compute(self, layer: int, pattern: int) -> tuple[Row, ...]:
        parts, d = self.form.layers[layer], self.form.dimension
        if layer == 0:
            return tuple((*base, c) for base, c in zip(parts.base, parts.constant, strict=True))
        previous = self.at(layer - 1, pattern).rows
        chosen = chosen_line_numbers(self.form.layers[layer - 1], pattern)
        rows = []
        for constant, base, gain in zip(parts.constant, parts.base, parts.gain, strict=True):
            total: list[Number] = [Fraction(0)] * d + [constant]
            terms = [(b, z) for z, b in enumerate(base) if _is_there(b)]
            terms += [(g, z) for g, z in zip(gain, chosen, strict=True) if z >= 0 and _is_there(g)]
            for weight, z in terms:
                total = [
                    a + weight * b if _is_there(b) else a for a, b in zip(total, previous[z], strict=True)
                ]
            rows.append(tuple(total))
        return tuple(rows)


def _is_there(x: Number) -> bool:
    """Whether a number is worth multiplying with."""
    return isinstance(x, Surd) or bool(x)


AnyLines = ExactLines | RealLines


class RealRow:
    """An affine function; its approximations and enclosures at the precisions asked so far."""

    __slots__ = ("_balls", "_integers", "numbers")

    def __init__(self, numbers: Sequence[Number]) -> None:
        self.numbers = tuple(numbers)
        self._integers: dict[int, tuple[tuple[int, ...], int]] = {}
        self._balls: dict[int, list[arb]] = {}

    def integers(self, bits: int) -> tuple[tuple[int, ...], int]:
        """An approximation, as integers over one denominator; formal relations between rows survive in it."""
        if bits not in self._integers:
            near = [approximation(x, bits) for x in self.numbers]
            denominator = lcm(1, *(q.denominator for q in near))
            self._integers[bits] = (
                tuple(q.numerator * (denominator // q.denominator) for q in near),
                denominator,
            )
        return self._integers[bits]

    def balls(self, bits: int) -> list[arb]:
        """Enclosures of its coefficients."""
        if bits not in self._balls:
            self._balls[bits] = [to_ball(x, bits) for x in self.numbers]
        return self._balls[bits]
