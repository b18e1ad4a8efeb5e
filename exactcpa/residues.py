"""Affine maps of cells modulo a prime: values that differ prove that the maps differ.

On a cell the network is one affine map, rational numbers all of it.  Modulo a number that divides no denominator such a
map has a value at any point with coordinates modulo that number; maps whose values differ are different.  Others are
seldom taken for equal: modulo a prime p, at a random point, about once in p times.

Main definitions: `Residues`, `primes_of`.

Conventions: one column of lines per cell, as in `switch_form`; primes are small enough for sums of products to be exact
in doubles.

References: Schwartz, Fast probabilistic algorithms for verification of polynomial identities (1980); Zippel (1979).

Not here: how many maps there are (`count_maps`), which neighbours have equal ones (`adjacency`), exact maps
(`cell.output_map`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

import numpy as np
from flint import fmpz

from exactcpa.switch_form import SwitchForm, SwitchLayer

EXACT_BITS = 53
"""Integers up to this size are exact in doubles."""

AT_ONCE = 512
"""Cells whose values are worked out together: twenty times quicker than 4096, whose arrays are new memory each time."""


def primes_of(form: SwitchForm) -> Iterator[int]:
    """Primes that divide no denominator, the largest first whose sums of products are exact in doubles."""
    widest = max(len(layer.base[0]) + len(layer.gain[0]) for layer in form.layers if layer.base)
    denominators = _denominators(form)
    candidate = 1 << (EXACT_BITS - 1 - (widest + 1).bit_length()) // 2
    while candidate > 2:
        candidate -= 1
        if fmpz(candidate).is_prime() and all(denominator % candidate for denominator in denominators):
            yield candidate


def _denominators(form: SwitchForm) -> set[int]:
    tables = (chain([layer.constant], layer.base, layer.gain) for layer in form.layers)
    return {q.denominator for rows in tables for row in rows for q in row}


class Residues:
    """The values of a switch form modulo a prime, at one point.

    Args:
        form: Of rational numbers.
        prime: One of `primes_of`.
        point: Shape ``(d,)``: its coordinates modulo the prime.
    """

    def __init__(self, form: SwitchForm, prime: int, point: np.ndarray) -> None:
        self._form, self._prime = form, float(prime)
        inverses = {denominator: pow(denominator, -1, prime) for denominator in _denominators(form)}

        def reduced(rows: Sequence[Sequence[Fraction]], width: int) -> np.ndarray:
            entries = [[q.numerator * inverses[q.denominator] % prime for q in row] for row in rows]
            return np.array(entries, float).reshape(len(rows), width)

        self._layers = []
        width, decisions = form.dimension, 0
        for layer in form.layers:
            constant = reduced([layer.constant], layer.lines)[0]
            base, gain = reduced(layer.base, width), reduced(layer.gain, decisions)
            self._layers.append((constant, base.T, gain.T))
            width, decisions = layer.lines, layer.switches + len(layer.groups)
        self._start = point.astype(float)

    def of_cells(self, words: np.ndarray) -> np.ndarray:
        """The network's values on cells.

        Args:
            words: Shape ``(n, w)``: patterns.

        Returns:
            Shape ``(n, outputs)``: whole numbers as doubles.
        """
        parts = [self._values(words[start : start + AT_ONCE]) for start in range(0, len(words), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self._form.layers[-1].lines))

    def _values(self, words: np.ndarray) -> np.ndarray:
        bits = np.unpackbits(words.astype("<u8").view(np.uint8), axis=1, bitorder="little")
        lines, chosen = np.tile(self._start, (len(bits), 1)), np.empty((len(bits), 0))
        for layer, (constant, base, gain) in zip(self._form.layers, self._layers, strict=True):
            lines = self._reduced(constant + lines @ base + chosen @ gain)
            upper = lines[:, : layer.switches] * bits[:, list(layer.switch_bits)]
            chosen = np.hstack([upper, *self._winners(layer, lines, bits)])
        return lines

    def _reduced(self, values: np.ndarray) -> np.ndarray:
        """Whole numbers from 0 to ``2**EXACT_BITS`` modulo the prime; quicker than the library's remainder.

        A quotient is off by less than one before it is cut off, so all is exact, and what is left from -p to 2 p.
        """
        rest = values - np.floor(values * (1.0 / self._prime)) * self._prime
        rest += self._prime * (rest < 0.0)
        rest -= self._prime * (rest >= self._prime)
        return rest

    @staticmethod
    def _winners(layer: SwitchLayer, lines: np.ndarray, bits: np.ndarray) -> list[np.ndarray]:
        """The line that wins in each group."""
        return [
            (lines[:, list(group)] * bits[:, first : first + len(group)]).sum(axis=1, keepdims=True)
            for group, first in zip(layer.groups, layer.group_bits, strict=True)
        ]
