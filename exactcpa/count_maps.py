"""How many affine maps a network has at least, in bounded memory: its values at one point, modulo primes.

On a cell the network is one affine map, rational numbers all of it.  Modulo a prime that divides no denominator such a
map has a value at any point with coordinates modulo that prime; maps whose values differ are different.  So the number
of different values is a proved lower bound of the number of affine maps; a random point makes it likely that all are
told apart.  The values are hashed to places of a bitmap of fixed size: different places are different values.

Main definitions: `MapCounter`.

Conventions: one column of lines per cell, as in `switch_form`; primes are small enough for sums of products to be exact
in doubles.

References: Schwartz, Fast probabilistic algorithms for verification of polynomial identities (1980); Zippel (1979).

Not here: which neighbours have equal maps (`adjacency`), exact maps (`cell.output_map`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from sympy import prevprime

from exactcpa.switch_form import SwitchForm, SwitchLayer

PLACES = 28
"""The bitmap has ``2**PLACES`` bits, 32 MiB; n values lose about ``n**2 / 2**(PLACES + 1)``."""

BITS = 60
"""Of all primes together."""

EXACT_BITS = 53
"""Integers up to this size are exact in doubles."""

FEW = 50_000
"""Values up to this number are kept themselves, so that small counts are those of the values."""

AT_ONCE = 4096
"""Cells whose values are worked out together."""


class MapCounter:
    """Counts different affine maps from below."""

    def __init__(self, form: SwitchForm) -> None:
        self._form = form
        widest = max(len(layer.base[0]) + len(layer.gain[0]) for layer in form.layers if layer.base)
        primes = _primes(form, (EXACT_BITS - 1 - (widest + 1).bit_length()) // 2)
        source = np.random.default_rng(0)
        self._mixers = (
            source.integers(1 << 62, size=(len(primes), form.layers[-1].lines), dtype=np.uint64) | 1
        )
        self._reduced = [_Reduced(form, p, source.integers(p, size=form.dimension)) for p in primes]
        self._few: set[int] = set()
        self._bitmap = np.zeros(1 << (PLACES - 3), np.uint8)

    def add(self, words: np.ndarray) -> None:
        """Take note of cells.

        Args:
            words: Shape ``(n, w)``: patterns.
        """
        for start in range(0, len(words), AT_ONCE):
            part = words[start : start + AT_ONCE]
            bits = np.unpackbits(part.astype("<u8").view(np.uint8), axis=1, bitorder="little")
            keys = np.zeros(len(part), np.uint64)
            for reduced, mixers in zip(self._reduced, self._mixers, strict=True):
                keys += (reduced.values(bits).astype(np.uint64) * mixers).sum(axis=1, dtype=np.uint64)
            keys = (keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
            if len(self._few) < FEW:
                self._few.update(keys.tolist())
            places = keys >> np.uint64(64 - PLACES)
            marks = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
            np.bitwise_or.at(self._bitmap, (places >> np.uint64(3)).astype(np.int64), marks)

    def at_least(self) -> int:
        """A number that the affine maps so far are not fewer than."""
        ones = np.array([int(byte).bit_count() for byte in range(256)], np.int64)
        return max(len(self._few), int(np.bincount(self._bitmap, minlength=256) @ ones))


def _primes(form: SwitchForm, bits: int) -> list[int]:
    """Primes below ``2**bits`` that divide no denominator, together of about `BITS` bits."""
    denominators = {q.denominator for layer in form.layers for row in _rows(layer) for q in row}
    primes, candidate, have = [], 1 << bits, 0
    while have < BITS:
        candidate = prevprime(candidate)
        if all(denominator % candidate for denominator in denominators):
            primes.append(candidate)
            have += bits
    return primes


def _rows(layer: SwitchLayer) -> list[Sequence[Fraction]]:
    return [layer.constant, *layer.base, *layer.gain]


class _Reduced:
    """A switch form modulo a prime, at one point."""

    def __init__(self, form: SwitchForm, prime: int, point: np.ndarray) -> None:
        self._form, self._prime = form, float(prime)

        def reduced(rows: Sequence[Sequence[Fraction]], width: int) -> np.ndarray:
            entries = [[q.numerator * pow(q.denominator, -1, prime) % prime for q in row] for row in rows]
            return np.array(entries, float).reshape(len(rows), width)

        self._layers = []
        width, decisions = form.dimension, 0
        for layer in form.layers:
            constant = reduced([layer.constant], layer.lines)[0]
            base, gain = reduced(layer.base, width), reduced(layer.gain, decisions)
            self._layers.append((constant, base.T, gain.T))
            width, decisions = layer.lines, layer.switches + len(layer.groups)
        self._start = point.astype(float)

    def values(self, bits: np.ndarray) -> np.ndarray:
        """Shape ``(n, outputs)``: the network's values on the cells with these pattern bits, shape ``(n, many)``."""
        lines, chosen = np.tile(self._start, (len(bits), 1)), np.empty((len(bits), 0))
        for layer, (constant, base, gain) in zip(self._form.layers, self._layers, strict=True):
            lines = np.fmod(constant + lines @ base + chosen @ gain, self._prime)
            upper = lines[:, : layer.switches] * bits[:, list(layer.switch_bits)]
            chosen = np.hstack([upper, *self._winners(layer, lines, bits)])
        return lines

    @staticmethod
    def _winners(layer: SwitchLayer, lines: np.ndarray, bits: np.ndarray) -> list[np.ndarray]:
        """The line that wins in each group."""
        return [
            (lines[:, list(group)] * bits[:, first : first + len(group)]).sum(axis=1, keepdims=True)
            for group, first in zip(layer.groups, layer.group_bits, strict=True)
        ]
