"""Compiled kernels: floats that propose, and rigorous bounds that say when a proposal is proved.

All are compiled by `kernel`: plain IEEE doubles, no fastmath, division by zero gives an infinity or a NaN (which
prove nothing), results cached on disk.  Arrays are passed to hot functions one by one: a compiled function
receives a tuple of arrays as all their fields, and copying those costs more than a small linear program.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from numba import njit

from exactcpa.kernels.plain_indices import PlainIndices

kernel = njit(cache=True, error_model="numpy", _nrt=False, nogil=True)
"""Compiled without reference counts, which would cost as much as the work: such code makes no arrays."""

inlined = njit(inline="always", error_model="numpy", _nrt=False)
"""For functions of many arrays that are called from one place: pasted there before compilation."""

merged = njit(error_model="numpy", _nrt=False, forceinline=True)
"""For hot functions of many arrays, called from few places: merged into their callers after compilation."""

walk_kernel = njit(cache=True, error_model="numpy", _nrt=False, nogil=True, pipeline_class=PlainIndices)
"""A `kernel` none of whose indices is negative."""

walk_merged = njit(error_model="numpy", _nrt=False, forceinline=True, pipeline_class=PlainIndices)
"""The same of `merged`."""

allocating = njit(cache=True, error_model="numpy", nogil=True)
"""For functions that make arrays of their own."""

walk_allocating = njit(cache=True, error_model="numpy", nogil=True, pipeline_class=PlainIndices)
"""An `allocating` one none of whose indices is negative."""


@kernel
def _nothing() -> None:
    """Compiled never: numba tells of it where the kernels' code is kept."""


def _forget_stale_code() -> None:
    """Remove cached code older than any kernel: numba looks at a function's own file, not at those it calls."""
    newest = max(source.stat().st_mtime for source in Path(__file__).parent.glob("*.py"))
    for cached in Path(_nothing.stats.cache_path).glob("*.nb[ic]"):
        with suppress(OSError):
            if cached.stat().st_mtime < newest:
                cached.unlink()


_forget_stale_code()
