"""Plain rational arithmetic for whoever re-adds evidence: vectors, elimination, cells of an arrangement.

Standard library only, nothing of the engine, and short enough to be read in one go: what a recheck rests on.

Main definitions:
    dot, minus, combination, norm2, centroid, mean: Vectors.
    rank, solve: Elimination.
    count_cells: How many cells hyperplanes cut space into, by deletion and restriction.
    is_general: Whether rows are in general position.
    least_square: How far a polyhedron is from a point at least, by multipliers.

Conventions:
    Vectors are sequences of `Fraction`.  A hyperplane ``(w, c)`` is ``<w, x> = c``.

References:
    Zaslavsky, Facing up to arrangements (1975): cells by deletion and restriction.

Not here:
    What is re-added: the files ``readd_*``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

Vector = Sequence[Fraction]
ZERO = Fraction(0)


def dot(left: Vector, right: Vector) -> Fraction:
    """The inner product."""
    return sum((a * b for a, b in zip(left, right, strict=True)), ZERO)


def minus(left: Vector, right: Vector) -> tuple[Fraction, ...]:
    """The difference."""
    return tuple(a - b for a, b in zip(left, right, strict=True))


def combination(weights: Vector, vectors: Sequence[Vector], length: int) -> tuple[Fraction, ...]:
    """The sum of weighted vectors, of a known length even if there are none."""
    return tuple(sum((t * v[j] for t, v in zip(weights, vectors, strict=True)), ZERO) for j in range(length))


def norm2(vector: Vector) -> Fraction:
    """The squared length."""
    return dot(vector, vector)


def mean(values: Sequence[Fraction]) -> Fraction:
    """The arithmetic mean."""
    return sum(values, ZERO) / len(values)


def centroid(points: Sequence[Vector]) -> tuple[Fraction, ...]:
    """The mean of points."""
    return tuple(mean(column) for column in zip(*points, strict=True))


def sign(value: Fraction) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def rank(rows: Sequence[Vector]) -> int:
    """The rank, by elimination.

    Example:
        >>> rank([[Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)]])
        1
    """
    left = [list(row) for row in rows]
    found = 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((i for i in range(found, len(left)) if left[i][column]), None)
        if pivot is None:
            continue
        left[found], left[pivot] = left[pivot], left[found]
        for i in range(found + 1, len(left)):
            if left[i][column]:
                factor = left[i][column] / left[found][column]
                left[i] = [a - factor * b for a, b in zip(left[i], left[found], strict=True)]
        found += 1
    return found


def solve(rows: Sequence[Vector], right: Vector) -> tuple[Fraction, ...] | None:
    """A solution of a linear system, free variables zero; None if there is none.

    Example:
        >>> solve([[Fraction(1), Fraction(1)]], [Fraction(3)])
        (Fraction(3, 1), Fraction(0, 1))
    """
    width = len(rows[0]) if rows else 0
    left = [[*row, b] for row, b in zip(rows, right, strict=True)]
    pivots: list[int] = []
    for column in range(width):
        top = len(pivots)
        pivot = next((i for i in range(top, len(left)) if left[i][column]), None)
        if pivot is None:
            continue
        left[top], left[pivot] = left[pivot], left[top]
        left[top] = [a / left[top][column] for a in left[top]]
        for i in range(len(left)):
            if i != top and left[i][column]:
                factor = left[i][column]
                left[i] = [a - factor * b for a, b in zip(left[i], left[top], strict=True)]
        pivots.append(column)
    if any(row[-1] for row in left[len(pivots) :]):
        return None
    found = [ZERO] * width
    for row, column in zip(left, pivots, strict=False):
        found[column] = row[-1]
    return tuple(found)


def is_general(rows: Sequence[Vector]) -> bool:
    """Whether any ``min(m, d)`` of m rows in R^d are independent: general position.

    Example:
        >>> is_general([[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)], [Fraction(2), Fraction(0)]])
        False
    """
    size = min(len(rows), len(rows[0]))
    return all(rank(chosen) == size for chosen in combinations(rows, size))


def count_cells(hyperplanes: Sequence[tuple[Vector, Fraction]]) -> int:
    """How many cells hyperplanes cut space into; zero normals cut nothing, copies count once.

    A new hyperplane adds one cell for every cell that the earlier ones cut *it* into.

    Example:
        >>> axes = [([Fraction(1), Fraction(0)], Fraction(0)), ([Fraction(0), Fraction(1)], Fraction(0))]
        >>> count_cells(axes), count_cells([*axes, ([Fraction(1), Fraction(1)], Fraction(1))])
        (4, 7)
    """
    distinct = list(dict.fromkeys(_primitive(w, c) for w, c in hyperplanes if any(w)))
    total = 1
    for number, cut in enumerate(distinct):
        total += count_cells([_restricted(earlier, cut) for earlier in distinct[:number]])
    return total


def least_square(
    point: Vector,
    rows: Sequence[tuple[Vector, Fraction]],
    multipliers: Vector,
    equation: tuple[Vector, Fraction],
    free: Fraction,
) -> Fraction | None:
    """A lower bound of the squared distance from a point to ``{<w, x> = c, <n_i, x> <= b_i}``; None if it is none.

    With ``p = free w + sum_i t_i n_i`` and nonnegative ``t``, every point of the set satisfies ``<p, x> <= free c +
    sum_i t_i b_i =: q``, so its distance to `point` is that to this half-space at least; and, without a root, no less
    than ``2 (<p, point> - q) - |p|^2``, which is what the nearest point's own multipliers attain.

    Example:
        >>> one, zero = Fraction(1), Fraction(0)
        >>> least_square((zero,), [((-one,), -2 * one)], (-2 * one,), ((zero,), zero), zero) is None
        True
        >>> least_square((zero,), [((-one,), -2 * one)], (2 * one,), ((zero,), zero), zero)
        Fraction(4, 1)
    """
    if any(t < 0 for t in multipliers):
        return None
    total = combination((free, *multipliers), [equation[0], *[n for n, _ in rows]], len(point))
    bound = free * equation[1] + sum((t * b for t, (_, b) in zip(multipliers, rows, strict=True)), ZERO)
    return 2 * (dot(total, point) - bound) - norm2(total)


def _primitive(normal: Vector, offset: Fraction) -> tuple[tuple[Fraction, ...], Fraction]:
    """The same hyperplane with first nonzero entry 1."""
    leading = next(a for a in normal if a)
    return tuple(a / leading for a in normal), offset / leading


def _restricted(hyperplane: tuple[Vector, Fraction], to: tuple[Vector, Fraction]) -> tuple[Vector, Fraction]:
    """A hyperplane within another one, whose first variable with a nonzero entry is eliminated."""
    (normal, offset), (onto, level) = hyperplane, to
    pivot = next(j for j, a in enumerate(onto) if a)
    factor = normal[pivot] / onto[pivot]
    rest = [a - factor * b for j, (a, b) in enumerate(zip(normal, onto, strict=True)) if j != pivot]
    return rest, offset - factor * level
