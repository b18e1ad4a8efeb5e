"""How many affine maps a network has at least, in bounded memory: its values at one point, modulo primes.

Maps whose values differ modulo a prime are different (`residues`).  So the number of different values is a proved lower
bound of the number of affine maps; a random point makes it likely that all are told apart.  The values are hashed to
places of a bitmap of fixed size: different places are different values.

Main definitions: `MapCounter`.

Not here: which neighbours have equal maps (`adjacency`), exact maps (`cell.output_map`).
"""

from __future__ import annotations

from math import log2

import numpy as np

from exactcpa.residues import AT_ONCE, Residues, primes_of
from exactcpa.switch_form import SwitchForm

PLACES = 28
"""The bitmap has ``2**PLACES`` bits, 32 MiB; n values lose about ``n**2 / 2**(PLACES + 1)``."""

BITS = 60
"""Of all primes together."""

FEW = 50_000
"""Values up to this number are kept themselves, so that small counts are those of the values."""


class MapCounter:
    """Counts different affine maps from below."""

    def __init__(self, form: SwitchForm) -> None:
        self._form = form
        primes = _primes(form)
        source = np.random.default_rng(0)
        self._mixers = (
            source.integers(1 << 62, size=(len(primes), form.layers[-1].lines), dtype=np.uint64) | 1
        )
        self._reduced = [Residues(form, p, source.integers(p, size=form.dimension)) for p in primes]
        self._few: set[int] = set()
        self._bitmap = np.zeros(1 << (PLACES - 3), np.uint8)

    def add(self, words: np.ndarray) -> None:
        """Take note of cells.

        Args:
            words: Shape ``(n, w)``: patterns.
        """
        for start in range(0, len(words), AT_ONCE):
            part = words[start : start + AT_ONCE]
            keys = np.zeros(len(part), np.uint64)
            for reduced, mixers in zip(self._reduced, self._mixers, strict=True):
                keys += (reduced.of_cells(part).astype(np.uint64) * mixers).sum(axis=1, dtype=np.uint64)
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


def _primes(form: SwitchForm) -> list[int]:
    """Primes together of `BITS` bits, at least one."""
    primes, have = [], 0.0
    for prime in primes_of(form):
        primes.append(prime)
        have += log2(prime)
        if have >= BITS:
            break
    return primes
