"""Memory in which workers leave arrays for their parent: nothing goes through a pipe, nothing is copied twice.

It is one file without a name, in memory, cut into slots.  The parent lends a slot to a task; the worker that does
the task copies its results there and tells where they are; the parent sees them as arrays.  When the last of these is
gone, the slot is lent again: its pages are there already, and fresh ones cost more than what is written to them.

The system removes the file when the last process that has it ends, however it ends.

Main definitions:
    Slots: The parent's side, which travels to workers.
    Lease: A slot lent to a task.
    Shelf: A slot as the worker sees it.
    Placed: Where an array is.

Conventions: what does not fit into a slot travels as it would without.

Not here: tasks (`parallel`).
"""

from __future__ import annotations

import mmap
import os
import weakref
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any

import numpy as np

SLOT = 1 << 26
"""Bytes of a slot.  Memory is taken where something is written, no earlier."""

MOST = 1 << 12
"""Slots at most."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An array in a slot: from which byte on, of what kind and shape."""

    at: int
    kind: str
    shape: tuple[int, ...]


class Slots:
    """Slots of one memory.  Workers get it by `fork`, or when they are started; it does not travel later.

    Raises:
        OSError: The system has no such memory.
    """

    def __init__(self, handle: Any = None) -> None:
        if handle is None:
            if not hasattr(os, "memfd_create"):
                raise OSError("no memory files on this system")
            self._handle = os.memfd_create("exactcpa")
            weakref.finalize(self, os.close, self._handle)
            os.ftruncate(self._handle, SLOT * MOST)
        else:
            self._handle = handle.detach()
        self._maps: dict[int, mmap.mmap] = {}
        self._free: list[int] = []
        self._count = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Slots, (reduction.DupFd(self._handle),)

    def lend(self) -> Lease | None:
        """A slot that nobody uses, the one used last if there is one; None if there is no room for one more."""
        if not self._free:
            if self._count == MOST:
                return None
            self._free.append(self._count)
            self._count += 1
        number = self._free.pop()
        try:
            memory = np.frombuffer(self._map(number), np.uint8)
        except OSError:
            self._free.append(number)
            return None
        weakref.finalize(memory, self._free.append, number).atexit = False
        return Lease(number, memory)

    def shelf(self, number: int) -> Shelf | None:
        """A slot, to be filled; None if this process has no room for it."""
        try:
            return Shelf(np.frombuffer(self._map(number), np.uint8))
        except OSError:
            return None

    def _map(self, number: int) -> mmap.mmap:
        if number not in self._maps:
            self._maps[number] = mmap.mmap(self._handle, SLOT, offset=SLOT * number)
        return self._maps[number]


@dataclass(frozen=True, eq=False, slots=True)
class Lease:
    """A slot lent to a task: its number, which the worker is told, and its bytes.

    It ends when neither the lease nor any array of it is there any more.
    """

    number: int
    memory: np.ndarray

    def array(self, place: Any) -> Any:
        """The array that is placed there, a view of the slot; anything else as it is."""
        if not isinstance(place, Placed):
            return place
        kind = np.dtype(place.kind)
        length = int(np.prod(place.shape)) * kind.itemsize
        return self.memory[place.at : place.at + length].view(kind).reshape(place.shape)


class Shelf:
    """A slot while it is filled from the start."""

    def __init__(self, memory: np.ndarray) -> None:
        self._memory, self._used = memory, 0
        self._start = _address(memory)

    def keep(self, array: np.ndarray) -> np.ndarray:
        """A copy of an array, in the slot if there is room."""
        end = self._used + array.nbytes
        if not array.nbytes or end > len(self._memory):
            return array.copy()
        kept = self._memory[self._used : end].view(array.dtype).reshape(array.shape)
        kept[...] = array
        self._used = end + -end % 8
        return kept

    def placed(self, array: np.ndarray) -> Placed | np.ndarray:
        """Where an array is, if it is in the slot; else the array."""
        at = _address(array) - self._start
        if array.nbytes and 0 <= at < len(self._memory):
            return Placed(at, array.dtype.str, array.shape)
        return array


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
