"""Arrays in files: what is read or worked on without being in memory.

The system keeps the parts in memory that are in use, and takes them back when it needs the room.

Main definitions:
    map_file, release, release_array: The bytes of a file, read-only.
    Scratch: Arrays in files of a folder of their own, to be written to.

Conventions: a mapped file must not be cut short while it is in use; replacing it by another is harmless.

Not here: the files' formats (`partition_file`, `segments`).
"""

from __future__ import annotations

import mmap
import os
import shutil
from pathlib import Path
from typing import IO

import numpy as np


def map_file(file: IO[bytes]) -> memoryview:
    """The bytes of an open file, which may be closed afterwards; they are read when they are used."""
    if not os.fstat(file.fileno()).st_size:
        return memoryview(b"")
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def release(mapped: memoryview) -> None:
    """Say that mapped bytes will not be used soon: what is in memory of them may go."""
    whole = mapped.obj
    if isinstance(whole, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        whole.madvise(mmap.MADV_DONTNEED)


def release_array(array: np.ndarray) -> None:
    """The same for an array that is a view of mapped bytes; nothing for any other."""
    whole: object = array
    while isinstance(whole, np.ndarray):
        whole = whole.base
    if isinstance(whole, memoryview):
        release(whole)


class Scratch:
    """Arrays in files; use as a context manager, which removes them.

    Args:
        folder: Made, emptied first if it is there, and removed at the end.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: list[mmap.mmap] = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self._maps.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def array(self, name: str, kind: str | type, shape: tuple[int, ...]) -> np.ndarray:
        """A new array of zeros.

        Raises:
            OSError: There is no room for it.
        """
        kinds = np.dtype(kind)
        length = int(np.prod(shape)) * kinds.itemsize
        if not length:
            return np.zeros(shape, kinds)
        with open(self._folder / name, "w+b") as file:
            _make_room(file, length)
            mapped = mmap.mmap(file.fileno(), length)
        self._maps.append(mapped)
        return np.frombuffer(mapped, kinds).reshape(shape)

    def file(self, name: str) -> Path:
        """A place for a file of another kind."""
        return self._folder / name

    def release(self) -> None:
        """Say that no array will be used soon: what is in memory of them may go."""
        if not hasattr(mmap, "MADV_DONTNEED"):
            return
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)


def _make_room(file: IO[bytes], length: int) -> None:
    """Have the disk's room now: a full disk under a mapped array would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, length)
        return
    zeros = bytes(1 << 20)
    for start in range(0, length, len(zeros)):
        file.write(zeros[: length - start])
    file.flush()
