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
from itertools import chain
from math import lcm

from flint import arb, fmpq

from exactcpa.exact_lines import ROOM, ExactLines, Lines, chosen_line_numbers, masks_of
from exactcpa.surds import PLAIN, Monomial, Number, Surd, approximation, as_number, terms_of, times, to_ball
from exactcpa.switch_form import SwitchForm, SwitchLayer


def is_rational(form: SwitchForm) -> bool:
    """Whether no number of a switch form is irrational."""
    rows = (row for layer in form.layers for row in (layer.constant, *layer.base, *layer.gain))
    return Surd not in set(map(type, chain.from_iterable(rows)))


def lines_of(form: SwitchForm) -> ExactLines | RealLines:
    """The lines of a switch form on any of its cells."""
    return ExactLines(form) if is_rational(form) else RealLines(form)


Terms = dict[Monomial, fmpq]


class RealLines:
    """Lines of any layer on any cell, remembering those computed last."""

    def __init__(self, form: SwitchForm) -> None:
        self.form = form
        self._masks = masks_of(form)
        self._parts = [_sparse(layer) for layer in form.layers]
        self._known: dict[tuple[int, int], tuple[Lines, list[list[Terms]]]] = {}

    def mask(self, layer: int) -> int:
        """The bits of all layers before one, as a mask."""
        return self._masks[layer]

    def at(self, layer: int, pattern: int) -> Lines:
        """The lines of a layer on the cell of a pattern, of which only the bits of earlier layers matter."""
        return self._at(layer, pattern)[0]

    def _at(self, layer: int, pattern: int) -> tuple[Lines, list[list[Terms]]]:
        key = (layer, pattern & self._masks[layer])
        known = self._known.get(key)
        if known is None:
            if len(self._known) > ROOM:
                self._known.clear()
            table = self._compute(layer, pattern)
            rows = tuple(tuple(as_number(terms) for terms in row) for row in table)
            known = self._known[key] = Lines(None, rows, 1), table
        return known

    def _compute(self, layer: int, pattern: int) -> list[list[Terms]]:
        """Each coefficient as its terms; products are accumulated in place."""
        d = self.form.dimension
        if layer == 0:
            first = self.form.layers[0]
            rows = zip(first.base, first.constant, strict=True)
            return [[terms_of(x) for x in (*base, constant)] for base, constant in rows]
        _, previous = self._at(layer - 1, pattern)
        chosen = chosen_line_numbers(self.form.layers[layer - 1], pattern)
        table = []
        for constant, base, gain in self._parts[layer]:
            total: list[Terms] = [{} for _ in range(d)] + [dict(constant)]
            weights = [*base, *((chosen[k], weight) for k, weight in gain if chosen[k] >= 0)]
            for z, weight in weights:
                for sums, terms in zip(total, previous[z], strict=True):
                    _add_product(sums, weight, terms)
            table.append(total)
        return table


def _sparse(layer: SwitchLayer) -> list[tuple[Terms, list[tuple[int, Terms]], list[tuple[int, Terms]]]]:
    """Constant, base row and gain row of every line, as terms, without what is zero."""
    return [
        (
            terms_of(constant),
            [(z, terms_of(b)) for z, b in enumerate(base) if b],
            [(k, terms_of(g)) for k, g in enumerate(gain) if g],
        )
        for constant, base, gain in zip(layer.constant, layer.base, layer.gain, strict=True)
    ]


def _add_product(sums: Terms, weight: Terms, terms: Terms) -> None:
    for one, p in weight.items():
        for other, q in terms.items():
            value = p * q
            if other == PLAIN:
                key = one
            elif one == PLAIN:
                key = other
            else:
                key, factor = times(one, other)
                value *= factor
            sums[key] = sums[key] + value if key in sums else value


AnyLines = ExactLines | RealLines


class RealRow:
    """An affine function; its approximations and enclosures at the precisions asked so far."""

    __slots__ = ("_balls", "_integers", "is_rational", "numbers")

    def __init__(self, numbers: Sequence[Number]) -> None:
        self.numbers = tuple(numbers)
        self.is_rational = not any(isinstance(x, Surd) for x in self.numbers)
        self._integers: dict[int, tuple[tuple[int, ...], int]] = {}
        self._balls: dict[int, list[arb]] = {}

    def integers(self, bits: int) -> tuple[tuple[int, ...], int]:
        """An approximation, as integers over one denominator; formal relations between rows survive in it."""
        if self.is_rational:
            bits = 0
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
