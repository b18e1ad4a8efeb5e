"""The lines of a cell as exact integers: what every exact answer is computed from.

Weights are rationals with one common denominator a layer, so the lines of layer ``l`` on a cell are integer rows over
one positive denominator, the product of the layers' denominators up to ``l``.

Main definitions: `ExactLines`, `Lines`.

Conventions: a row is ``(n_1, .., n_d, c)``, the function ``<n, t> + c`` of the domain's coordinates times the
layer's denominator.  A pattern is a Python integer; bit ``b`` is the decision with pattern bit ``b``.

Not here: what the lines of a layer mean (`switch_form`).
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpz, fmpz_mat

from exactcpa.switch_form import IntegerLayer, SwitchForm, SwitchLayer, integer_layers

ROOM = 2000
"""Cells whose lines are remembered; neighbours in the walk share all but the last layers."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one layer on one cell: ``rows / denominator``.

    Attributes:
        matrix: Shape ``(n, d + 1)``.
        rows: The same as tuples.
        denominator: Positive.
    """

    matrix: fmpz_mat
    rows: tuple[tuple[fmpz, ...], ...]
    denominator: int


class ExactLines:
    """Lines of any layer on any cell of a switch form, remembering those computed last."""

    def __init__(self, form: SwitchForm) -> None:
        self.form = form
        self._layers: list[IntegerLayer] = []
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
            known = self._known[key] = self._compute(layer, pattern)
        return known

    def _compute(self, layer: int, pattern: int) -> Lines:
        if not self._layers:
            self._layers += integer_layers(self.form)
        parts = self._layers[layer]
        d = self.form.dimension
        if layer == 0:
            return _lines(_beside(parts.base, parts.constant, d), parts.denominator)
        previous = self.at(layer - 1, pattern)
        total = _beside(None, parts.constant * previous.denominator, d)
        if parts.base is not None:
            total += parts.base * previous.matrix
        if parts.gain is not None:
            total += parts.gain * fmpz_mat(self._chosen(layer - 1, pattern, previous, d))
        return _lines(total, parts.denominator * previous.denominator)

    def _chosen(self, layer: int, pattern: int, lines: Lines, d: int) -> list[tuple[fmpz, ...] | list[int]]:
        """The chosen line of each decision of a layer; zero for a lower switch."""
        nothing = [0] * (d + 1)
        chosen = chosen_line_numbers(self.form.layers[layer], pattern)
        return [lines.rows[z] if z >= 0 else nothing for z in chosen]


def masks_of(form: SwitchForm) -> list[int]:
    """For every layer the pattern bits of the layers before it, as a mask."""
    return [(1 << _first_bit(form, number)) - 1 for number in range(len(form.layers))]


def chosen_line_numbers(layer: SwitchLayer, pattern: int) -> list[int]:
    """The number of each decision's chosen line on a cell; -1 for a lower switch."""
    chosen = [k if pattern >> bit & 1 else -1 for k, bit in enumerate(layer.switch_bits)]
    for group, first in zip(layer.groups, layer.group_bits, strict=True):
        chosen.append(next(z for i, z in enumerate(group) if pattern >> (first + i) & 1))
    return chosen


def _first_bit(form: SwitchForm, layer: int) -> int:
    """Pattern bit of the first decision of a layer or of the layers after it."""
    return min((unit.first for unit in form.units if unit.layer >= layer), default=form.bits)


def _beside(left: fmpz_mat | None, column: fmpz_mat, d: int) -> fmpz_mat:
    """The matrix ``[left | column]``; no left part is zero."""
    n = column.nrows()
    if left is None:
        return fmpz_mat([[0] * d + [column[i, 0]] for i in range(n)])
    return fmpz_mat([[left[i, j] for j in range(d)] + [column[i, 0]] for i in range(n)])


def _lines(matrix: fmpz_mat, denominator: int) -> Lines:
    width = matrix.ncols()
    entries = matrix.entries()
    rows = tuple(tuple(entries[i : i + width]) for i in range(0, len(entries), width))
    return Lines(matrix, rows, denominator)
