"""Compiled kernels: floats that propose, and rigorous bounds that say when a proposal is proved.

All are compiled to the same rules: plain IEEE doubles, no fastmath, division by zero gives an infinity or a NaN (which
prove nothing).  Those that Python calls are kept on disk, with all that they call.  Arrays are passed to hot functions
one by one: a compiled function receives a tuple of arrays as all their fields, and copying those costs more than a
small linear program.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from numba import njit

from exactcpa.kernels.parts import part
from exactcpa.kernels.plain_indices import PlainIndices

entry = njit(cache=True, error_model="numpy", _nrt=False, nogil=True)
"""For kernels that Python calls. They make no arrays, so none is counted: that would cost as much as the work."""

allocating_entry = njit(cache=True, error_model="numpy", nogil=True)
"""For those that make arrays of their own."""

kernel = part(error_model="numpy", _nrt=False)
"""For kernels that only others call."""

merged = part(error_model="numpy", _nrt=False, forceinline=True)
"""For hot ones of many arrays, called from few places: merged into their callers after compilation."""

inlined = njit(inline="always", error_model="numpy", _nrt=False)
"""For those of many arrays that are called from one place: pasted there before compilation."""

walk_entry = njit(cache=True, error_model="numpy", _nrt=False, nogil=True, pipeline_class=PlainIndices)
"""An `entry` none of whose indices is negative."""

allocating_walk_entry = njit(cache=True, error_model="numpy", nogil=True, pipeline_class=PlainIndices)
"""An `allocating_entry` none of whose indices is negative."""

walk_kernel = part(plain=True, error_model="numpy", _nrt=False)
"""A `kernel` none of whose indices is negative."""

walk_merged = part(plain=True, error_model="numpy", _nrt=False, forceinline=True)
"""The same of `merged`."""


@entry
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
