"""Compilation in which an index is an index: a negative one does not count from the end.

Python's rule costs a comparison and a choice for every index that is not seen to be positive, an eighth of the time of
the walk by vertices, which has no negative ones.  numba has no option for it, so while a kernel of this package is
lowered, and for it alone, numba's function for the rule is exchanged; where numba has no such function, nothing is.

Main definitions: `PlainIndices`, `plain_indices`, `passes_with`.

Not here: the kernels that are compiled so (`vertex_tree`, `graph`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering
from numba.np import arrayobj

RULE = "fix_integer_index"
OURS = "8exactcpa7kernels"
"""Part of the name of any of our functions, as compiled."""


@contextmanager
def plain_indices() -> Iterator[None]:
    """Have our functions lowered without the rule; numba compiles in one thread at a time."""
    rule = getattr(arrayobj, RULE, None)

    def plain(context: Any, builder: Any, kind: Any, index: Any, length: Any) -> Any:
        if OURS in builder.function.name:
            return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)
        return rule(context, builder, kind, index, length)

    if rule is None:
        yield
        return
    setattr(arrayobj, RULE, plain)
    try:
        yield
    finally:
        setattr(arrayobj, RULE, rule)


@register_pass(mutates_CFG=True, analysis_only=False)
class _PlainLowering(NativeLowering):
    """Lowering without the rule."""

    _name = "exactcpa_plain_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower one function."""
        with plain_indices():
            return NativeLowering.run_pass(self, state)


def passes_with(lowering: type, state: Any) -> Any:
    """The passes of numba with another lowering than its own."""
    passes = DefaultPassBuilder.define_nopython_pipeline(state)
    passes.passes = [(lowering if one is NativeLowering else one, about) for one, about in passes.passes]
    passes.finalize()
    return passes


class PlainIndices(CompilerBase):
    """numba's compiler but for the rule."""

    def define_pipelines(self) -> list[Any]:
        """The usual passes, with our lowering."""
        return [passes_with(_PlainLowering, self.state)]
