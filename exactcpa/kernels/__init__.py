"""Compiled kernels: floats that propose, and rigorous bounds that say when a proposal is proved.

All are compiled by `kernel`: plain IEEE doubles, no fastmath, division by zero gives an infinity or a NaN (which
prove nothing), results cached on disk.  Arrays are passed to hot functions one by one: a compiled function
receives a tuple of arrays as all their fields, and copying those costs more than a small linear program.
"""

from __future__ import annotations

from numba import njit

kernel = njit(cache=True, error_model="numpy", _nrt=False)
"""Compiled without reference counts, which would cost as much as the work: such code makes no arrays."""

inlined = njit(inline="always", error_model="numpy", _nrt=False)
"""For functions of many arrays that are called from one place: pasted there before compilation."""

allocating = njit(cache=True, error_model="numpy")
"""For functions that make arrays of their own."""
