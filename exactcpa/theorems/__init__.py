"""What batch normalisation does to a network, statement by statement: proved or refuted on any network and data.

Main definitions:
    STATEMENTS: Id -> statement, in the ledger's order.
    verify: Examines them.

Both are read from `ledger` at first use, so that the plain re-addition of evidence (`plain`, `readd_*`) can be
imported without the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["STATEMENTS", "verify"]


def __getattr__(name: str) -> Any:
    """Import the ledger at first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.ledger"), name)
    globals()[name] = value
    return value
