"""Sets of up to 64 things as the bits of a word.

Main definitions: `number_of`, `count_of`.

Not here: patterns of any length, outside the kernels (`exactcpa.patterns`).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

ONE, NOUGHT = np.uint64(1), np.uint64(0)
NEVER_ZERO = ir.Constant(ir.IntType(1), 1)


@intrinsic
def number_of(_typing, _bit):
    """Number of the lowest bit that is set; there is one."""

    def build(_context, builder, _signature, words):
        return builder.cttz(words[0], NEVER_ZERO)

    return types.int64(types.uint64), build


@intrinsic
def count_of(_typing, _word):
    """How many bits are set."""

    def build(_context, builder, _signature, words):
        return builder.ctpop(words[0])

    return types.int64(types.uint64), build
