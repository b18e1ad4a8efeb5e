"""Many nearest-point problems at once in doubles: rigorous lower bounds, and active sets for the exact methods.

Main definitions:
    Rounded: Rows as doubles, with bounds of their errors.
    round_rows: Makes them from exact rows.
    float_nearest: Lower bounds and proposals for many problems.
    Proposals: What it gives.

Conventions:
    Problems are about the least vector u of ``{u : rows}``, see `nearest_on`: rows are moved to the point and scaled by
    the weights *before* they are rounded (`nearest_on._moved`).  Values and bounds of l2 are squares.

Not here: the methods (`kernels.nearest`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import frexp
from typing import Any

import numpy as np

from exactcpa.kernels import nearest as kernels
from exactcpa.kernels.nearest import BEYOND, GAVE_UP, NONE, OPTIMAL

__all__ = ["BEYOND", "GAVE_UP", "NONE", "OPTIMAL", "Proposals", "Rounded", "float_nearest", "round_rows"]

CODES = {"2": kernels.L2, "1": kernels.L1, "inf": kernels.LINF}
UNIT, LEAST = 2.0**-53, 5e-324


@dataclass(frozen=True, slots=True)
class Rounded:
    """Rows as doubles.

    Attributes:
        rows: Shape ``(n, d + 1)``; any positive multiples of the true ones.
        errors: The same shape: how far an entry may be from that multiple's.
    """

    rows: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True, slots=True)
class Proposals:
    """What doubles say about problems; only `bounds` is proved.

    Attributes:
        bounds: Shape ``(problems,)``: no point is shorter (l2: than its root).  0: nothing is proved.
        statuses: `OPTIMAL`, `NONE` (no point), `BEYOND` (the limit) or `GAVE_UP`.
        points: Shape ``(problems, d)``; of optimal ones.
        active: Shape ``(problems, 2d + 1)``: places of rows in their problem's list, -1 where there is none; in l1 and
            l_inf also the norm's own, numbered as `nearest_linear` does.
        weights: Their multipliers, nonnegative.
    """

    bounds: np.ndarray
    statuses: np.ndarray
    points: np.ndarray
    active: np.ndarray
    weights: np.ndarray


def round_rows(rows: Iterable[Sequence[Any]], dimension: int) -> Rounded:
    """Rows of exact numbers (`fmpq`, `Fraction`, integers) as doubles of size one.

    Example:
        >>> round_rows([(3 * 2**4000, -(2**4000), 0)], 2).rows.tolist()
        [[0.75, -0.25, 0.0]]
    """
    table = [[_scaled(entry) for entry in row] for row in rows]
    mantissas = np.array([[m for m, _ in row] for row in table]).reshape(-1, dimension + 1)
    exponents = np.array([[e for _, e in row] for row in table], dtype=np.int64).reshape(-1, dimension + 1)
    exponents[mantissas == 0] = np.iinfo(np.int64).min // 2
    if len(table):
        exponents -= exponents.max(axis=1, keepdims=True)
    doubles = np.ldexp(mantissas, np.maximum(exponents, -3000).astype(np.int32))
    return Rounded(doubles, np.abs(doubles) * (4 * UNIT) + 4 * LEAST)


def _scaled(entry: Any) -> tuple[float, int]:
    """A mantissa of size one and an exponent of two, wrong by two units in the last place at most."""
    top, bottom = _parts(entry)
    if not top:
        return 0.0, 0
    shift = top.bit_length() - bottom.bit_length()
    quotient = (top / (bottom << shift)) if shift >= 0 else ((top << -shift) / bottom)
    mantissa, exponent = frexp(quotient)
    return mantissa, exponent + shift


def _parts(entry: Any) -> tuple[int, int]:
    if hasattr(entry, "numerator"):
        return int(entry.numerator), int(entry.denominator)
    if hasattr(entry, "p"):
        return int(entry.p), int(entry.q)
    return int(entry), 1


def float_nearest(
    norm: str, table: Rounded, problems: Sequence[Sequence[int]] | tuple[np.ndarray, np.ndarray], limits: Any
) -> Proposals:
    """Solve many problems over one table of rows.

    Args:
        norm: "2", "1" or "inf".
        table: The rows.
        problems: The row numbers of each; or CSR arrays ``(starts, members)``.
        limits: A problem is left when its value is larger: a number, or one per problem.

    Example:
        >>> table = round_rows([(-1, 0, -3), (0, -1, -4), (1, 0, 2)], 2)
        >>> found = float_nearest("2", table, [[0, 1], [0, 1, 2]], np.inf)
        >>> found.bounds.round(6).tolist()[0], found.statuses.tolist() == [OPTIMAL, NONE]
        (25.0, True)
    """
    if isinstance(problems, tuple):
        starts, members = problems
    else:
        starts = np.cumsum([0, *map(len, problems)], dtype=np.int64)
        members = np.array([i for problem in problems for i in problem], dtype=np.int64)
    each = np.broadcast_to(np.asarray(limits, dtype=np.float64), (len(starts) - 1,)).copy()
    found = kernels.solve_all(CODES[norm], table.rows, table.errors, starts, members, each)
    return Proposals(*found)
