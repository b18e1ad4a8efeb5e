"""The ledger: every statement by its id, and the verb that examines them.

Main definitions:
    STATEMENTS: Id -> statement, in the order of the ledger.
    verify: Examine some or all of them.

Conventions:
    A family is a module of this package with a tuple `STATEMENTS`; it is added to `_FAMILIES` below.

Not here:
    How a statement is examined: `statement`.  The command: `verify_command`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from exactcpa.errors import BadArgument, shown
from exactcpa.network import Network
from exactcpa.theorems import (
    absorbed_scales,
    arrangements,
    bent_distances,
    centred_layers,
    centring,
    common_points,
    distances,
    expected_cells,
    folding,
    isotropic,
    minibatches,
    splitting,
    translations,
    windows,
)
from exactcpa.theorems.statement import Statement, Verdict

_FAMILIES: tuple[tuple[Statement, ...], ...] = (
    centring.STATEMENTS,
    arrangements.STATEMENTS,
    distances.STATEMENTS,
    bent_distances.STATEMENTS,
    folding.STATEMENTS,
    absorbed_scales.STATEMENTS,
    splitting.STATEMENTS,
    minibatches.STATEMENTS,
    translations.STATEMENTS,
    windows.STATEMENTS,
    isotropic.STATEMENTS,
    centred_layers.STATEMENTS,
    common_points.STATEMENTS,
    expected_cells.STATEMENTS,
)

_ORDER = (
    *(
        "A1",
        "A1'",
        "A2",
        "A3",
        "A4",
        "A4b",
        "A4c",
        "A6",
        "A7",
        "A8a",
        "A8b",
        "A8c",
        "A9",
        "A9q",
        "A10",
        "A10'",
    ),
    *("A11", "A11'", "A12", "A13", "R1", "R2", "R2u", "R3", "R4", "B2", "B3", "B5", "B6"),
)

_BY_ID = {statement.id: statement for family in _FAMILIES for statement in family}

STATEMENTS: dict[str, Statement] = {name: _BY_ID[name] for name in _ORDER if name in _BY_ID}


def verify(
    ids: Iterable[str] | str | None = None, network: Network | None = None, data: Any = None, **options: Any
) -> dict[str, Verdict]:
    """Examine statements on a network and data, or each on its default instance.

    Args:
        ids: Which; None for all.
        network: As `Statement.verify`.
        data: The same.
        options: The same.

    Returns:
        The verdicts by id, in the order of the ledger.

    Raises:
        BadArgument: No such statement.
    """
    return {s.id: s.verify(network, data, **options) for s in chosen(ids)}


def chosen(ids: Iterable[str] | str | None) -> Iterator[Statement]:
    """The statements of these ids, in the order of the ledger; all if None.

    Raises:
        BadArgument: No such statement.
    """
    wanted = set(STATEMENTS) if ids is None else {ids} if isinstance(ids, str) else set(ids)
    for name in sorted(wanted - STATEMENTS.keys()):
        raise BadArgument(f"expected a statement out of {', '.join(STATEMENTS)}, got {shown(name)}")
    return (statement for name, statement in STATEMENTS.items() if name in wanted)
