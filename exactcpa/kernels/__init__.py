"""Compiled kernels: floats that propose, and rigorous bounds that say when a proposal is proved.

All are compiled by `kernel`: plain IEEE doubles, no fastmath, division by zero gives an infinity or a NaN (which
prove nothing), results cached on disk.  Arrays are passed to hot functions one by one: a compiled function
receives a tuple of arrays as all their fields, and copying those costs more than a small linear program.
"""

from __future__ import annotations

from numba import njit

kernel = njit(cache=True, error_model="numpy")
