"""Sizes that are part of a kernel's type: its loops over them have lengths that are known when it is compiled.

A kernel is compiled once for every combination of types, so a size that comes as a tuple of that length is a constant
in the compiled code, and one that comes as a number is not.  Fixed sizes make the walk by vertices one and a half
times as fast; each combination takes a minute or two to compile, so there are only the usual ones.

Main definitions: `size`, `sizes_for`.

Not here: what the sizes count (`vert_state`).
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

FIXED_DIMENSIONS = (2, 3, 4)
"""Dimensions with kernels of their own."""

Size = int | tuple[int, ...]
"""A number, or a tuple of that length."""


@intrinsic
def size(context: Any, kind: Any) -> Any:
    """In a kernel: the number that a `Size` stands for."""
    if isinstance(kind, types.BaseTuple):
        return types.intp(kind), lambda context, builder, signature, arguments: context.get_constant(
            types.intp, len(kind)
        )
    return types.intp(types.intp), lambda context, builder, signature, arguments: arguments[0]


def sizes_for(d: int, words: int, switch_words: int) -> tuple[Size, Size, Size]:
    """Dimension, words of a mask of facets, and words of a set of switches: all fixed, or none.

    Example:
        >>> sizes_for(3, 1, 1), sizes_for(3, 1, 2)
        (((0, 0, 0), (0,), (0,)), (3, 1, 2))
    """
    if d in FIXED_DIMENSIONS and words == switch_words == 1:
        return (0,) * d, (0,), (0,)
    return d, words, switch_words
