"""The integer dictionary of a linear program: columns over one common denominator, and the pivot.

Every entry is a minor of the rows, so all divisions of a pivot are exact and none outgrows Hadamard's bound.

Main definitions:
    `Dictionary`: a state of the ascent.
    `free_dictionary`: at a point, with no row tight; `tight_dictionary`: at d tight rows.
    `entering_column`, `improving_direction`, `exchange`: one step, except for the ratio test.

Conventions:
    Coordinates are mirrored, ``z = -x``, so that a row ``[n_1, .., n_d, b]`` is its own slack function
    ``<n, z> + b`` and nothing is negated.  Column j is the direction along which nonbasic variable j grows at
    rate D, the common denominator, while the other nonbasic ones stay.  A nonbasic variable is a row's slack,
    or free (`FREE`) as long as fewer than d rows are tight.
    Entering column: a free one of nonzero price; else the most negative price (Dantzig), or the one of least
    row (Bland).

References:
    Edmonds and Maurras, Note sur les Q-matrices d'Edmonds (1997): integer pivoting.
    Bareiss, Sylvester's identity and multistep integer-preserving Gaussian elimination (1968).
    Bland, New finite pivoting rules for the simplex method (1977).

Not here: ratio test and outcomes (`exact_simplex`).
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul

from flint import fmpz, fmpz_mat

FREE = -1
"""The nonbasic variable of a column that is no row's slack."""


@dataclass(slots=True)
class Dictionary:
    """A dictionary under way; local to one ascent.

    Attributes:
        denominator: The common denominator D > 0 of directions and prices.
        directions: d columns of d integers each.
        prices: ``<c, direction>``; negative means that entering the column increases the objective.
        corner: ``(z_1, .., z_d, h)``, the current point z / h.
        level: ``<c, (z_1, .., z_d)>``; the objective is ``-level / h``.
        nonbasic: Row number of each column, or FREE.
    """

    denominator: fmpz
    directions: list[list[fmpz]]
    prices: list[fmpz]
    corner: list[fmpz]
    level: fmpz
    nonbasic: list[int]


def free_dictionary(goal: list[fmpz], corner: list[fmpz]) -> Dictionary:
    """The dictionary at a point with no tight row: directions are the unit vectors."""
    d = len(goal)
    zero, one = fmpz(0), fmpz(1)
    directions = [[one if i == j else zero for i in range(d)] for j in range(d)]
    return Dictionary(one, directions, list(goal), corner, sum(map(mul, goal, corner), zero), [FREE] * d)


def tight_dictionary(
    tight: list[tuple[fmpz, ...]], goal: list[fmpz], corner: list[fmpz], basis: list[int]
) -> Dictionary:
    """The dictionary at d tight rows: directions are the columns of the adjugate of their normals.

    The denominator must be the full determinant, not a divisor of it, or a later pivot would not be exact.
    """
    d = len(goal)
    normals = fmpz_mat(d, d, [entry for row in tight for entry in row[:d]])
    determinant = normals.det()
    unit = [int(i == j) for i in range(d) for j in range(d)]
    beside = [[*row[:d], *unit[i * d : i * d + d]] for i, row in enumerate(tight)]
    reduced, denominator, _ = fmpz_mat(beside).rref()
    flat = reduced.entries()
    factor = abs(determinant)
    directions = [[flat[i * 2 * d + d + j] * factor // denominator for i in range(d)] for j in range(d)]
    prices = [sum(map(mul, goal, direction), fmpz(0)) for direction in directions]
    corner = _scaled_to(corner, factor)
    return Dictionary(factor, directions, prices, corner, sum(map(mul, goal, corner), fmpz(0)), basis)


def _scaled_to(corner: list[fmpz], height: fmpz) -> list[fmpz]:
    """The same point in homogeneous coordinates, of last coordinate `height`."""
    return [entry * height // corner[-1] for entry in corner]


def entering_column(dictionary: Dictionary, *, bland: bool) -> int:
    """The column to enter, or -1 when none improves."""
    best, best_price, best_row = -1, 0, 0
    for j, (price, row) in enumerate(zip(dictionary.prices, dictionary.nonbasic, strict=True)):
        if row < 0:
            if price != 0:
                return j
        elif price < 0 and (best < 0 or (row < best_row if bland else price < best_price)):
            best, best_price, best_row = j, price, row
    return best


def improving_direction(dictionary: Dictionary, entering: int) -> list[fmpz]:
    """The entering column's direction; that of a free variable is turned round if it has to be."""
    if dictionary.prices[entering] > 0:
        dictionary.prices[entering] = -dictionary.prices[entering]
        dictionary.directions[entering] = [-entry for entry in dictionary.directions[entering]]
    return dictionary.directions[entering]


def exchange(
    dictionary: Dictionary, entering: int, leaving: int, row: tuple[fmpz, ...], pivot: fmpz, slack: fmpz
) -> None:
    """Make `row` tight along the entering column; every division is exact (Sylvester's identity)."""
    denominator = dictionary.denominator
    directions, prices = dictionary.directions, dictionary.prices
    along, price = directions[entering], prices[entering]
    for j, direction in enumerate(directions):
        if j == entering:
            continue
        rate = sum(map(mul, row, direction))
        if rate == 0:
            directions[j] = [pivot * a // denominator for a in direction]
            prices[j] = pivot * prices[j] // denominator
        else:
            directions[j] = [
                (pivot * a + rate * b) // denominator for a, b in zip(direction, along, strict=True)
            ]
            prices[j] = (pivot * prices[j] + rate * price) // denominator
    directions[entering] = [-b for b in along]
    prices[entering] = -price
    corner = dictionary.corner
    height = pivot * corner[-1] // denominator
    corner = [(pivot * a + slack * b) // denominator for a, b in zip(corner, along, strict=False)]
    corner.append(height)
    dictionary.corner = corner
    dictionary.level = (pivot * dictionary.level + slack * price) // denominator
    dictionary.denominator = pivot
    was_free = dictionary.nonbasic[entering] == FREE
    dictionary.nonbasic[entering] = leaving
    if was_free and FREE not in dictionary.nonbasic:
        _forget_start(dictionary)


def _forget_start(dictionary: Dictionary) -> None:
    """Divide the start's denominator out of the point: with d tight rows it does not matter."""
    scale = dictionary.corner[-1] // dictionary.denominator
    dictionary.corner = [entry // scale for entry in dictionary.corner]
    dictionary.level //= scale
