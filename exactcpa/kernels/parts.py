"""Compilation of the functions that only other kernels call, which are most of them.

Before one function may call another, numba makes of the other a library of its own: machine code, and two ways in, from
Python and from C.  Nobody takes those, for the caller takes over intermediate code and optimises it with its own.  A
*part* is compiled without, which shortens the first compilation.

Main definitions: `part`.

Conventions: a part is not cached by itself, being in the cached code of its callers.  Called from Python it raises a
`TypeError`.

Not here: which functions are parts (the decorators in `exactcpa.kernels`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

from exactcpa.kernels.plain_indices import passes_with, plain_indices


class _Code(JITCodeLibrary):
    """The intermediate code of one function and of those it calls."""

    def _optimize_final_module(self) -> None:
        """Nothing: the callers' code is optimised as a whole."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _NoEntry:
    """What Python calls instead of a part."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: object) -> NoReturn:
        raise TypeError(f"{self._name} is compiled as a part of other kernels: only they can call it")


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """Lowering up to the intermediate code."""

    _name = "exactcpa_part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower one function."""
        name = state.func_id.func_qualname
        state.library = _Code(state.targetctx.codegen(), name)
        state.flags.no_compile = True
        NativeLowering.run_pass(self, state)
        entry = _NoEntry(name)
        state.targetctx.insert_user_function(entry, state["cr"].fndesc, [state.library])
        state["cr"] = state["cr"]._replace(cfunc=entry)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _PlainPartLowering(_PartLowering):
    """The same without Python's rule for indices."""

    _name = "exactcpa_plain_part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower one function."""
        with plain_indices():
            return _PartLowering.run_pass(self, state)


class _Part(CompilerBase):
    """numba's compiler, up to the intermediate code."""

    def define_pipelines(self) -> list[Any]:
        """The usual passes, with our lowering."""
        return [passes_with(_PartLowering, self.state)]


class _PlainPart(CompilerBase):
    """The same without Python's rule for indices."""

    def define_pipelines(self) -> list[Any]:
        """The usual passes, with our lowering."""
        return [passes_with(_PlainPartLowering, self.state)]


def part(*, plain: bool = False, **options: Any) -> Callable[[Callable], Any]:
    """A decorator like `numba.njit` with these options, for functions that only other kernels call.

    Args:
        plain: Whether none of the function's indices is negative (see `plain_indices`).
        options: Of `numba.njit`.
    """
    compiled = njit(
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        pipeline_class=_PlainPart if plain else _Part,
        **options,
    )

    def decorate(function: Callable) -> Any:
        dispatcher = compiled(function)
        dispatcher.add_overload = lambda made: dispatcher.overloads.update({made.signature.args: made})
        return dispatcher

    return decorate
