"""Margins in any convex length and under any convex constraints that cvxpy can write, as proved intervals.

Distances in l2, l1 and l_inf are answered exactly elsewhere.  For what else a user writes there is no exact answer in
general; but every cell and rival class is one convex program, and weak duality, re-added in rationals, bounds each from
below, and a rational point from above.

Main definitions:
    margin_interval: The verb; gives a MarginInterval.

Conventions:
    The margin is the least length of a point y of the domain that satisfies the constraints and where another class's
    output is no less than that of the point's own class.  What is proved is about the cone program that cvxpy makes of
    length and constraints, whose numbers are the doubles it holds; the network and the domain are exact.  Cones: linear
    and second-order.

References:
    Boyd and Vandenberghe, Convex Optimization (2004), section 5.9: weak duality of cone programs.

Not here: l2, l1, l_inf with weights, exactly and without enumerating (`point_margins`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import clarabel
import cvxpy
import numpy as np
from flint import fmpq
from scipy import sparse

from exactcpa.boundary import Function, classes_of, tie_row
from exactcpa.cell import IntegerRow
from exactcpa.cone_bounds import Cones, Restorer, rational
from exactcpa.errors import BadArgument, CertificateRejected, OutsideDomain
from exactcpa.nearest_float import float_nearest, round_rows
from exactcpa.numbers import exactly
from exactcpa.partition import Partition
from exactcpa.vectors import Vector, coordinates, dot, vector_text

PENALTY = 1e4
"""What a violated row costs in the relaxed programs, which are never empty: a larger one proves more, less exactly."""

ATTEMPTS = 8
"""How many programs, nearest first, are tried for a point that is exactly feasible."""


@dataclass(frozen=True, slots=True)
class MarginInterval:
    """What is proved about a margin.

    Attributes:
        lower: No point of another class is nearer; None if no other class occurs in the domain, which is proved.
        upper: The length at `nearest`, or a little more; None if no point was found.
        nearest: A point of the domain, within the constraints, where the rival is no smaller.
        classes: The point's class, and the rival there.
        programs: How many convex programs were bounded.
    """

    lower: Fraction | None
    upper: Fraction | None
    nearest: Vector | None
    classes: tuple[int, int | None]
    programs: int

    def __str__(self) -> str:
        if self.lower is None:
            return f"class {self.classes[0]}, and no other class in the domain"
        end = "unknown" if self.upper is None else f"{float(self.upper):.9g}"
        return f"class {self.classes[0]}, margin from {float(self.lower):.9g} to {end}"


def margin_interval(
    part: Partition,
    point: Sequence[Any],
    length: Callable[[cvxpy.Variable], Any],
    constraints: Callable[[cvxpy.Variable], Sequence[Any]] | None = None,
    *,
    threshold: Any = None,
) -> MarginInterval:
    """Enclose the margin of a point in a length and under constraints of the user's.

    Args:
        part: The cells.
        point: Shape ``(d,)``, in the domain's own coordinates.
        length: Of a variable y of shape ``(d,)``: a convex expression, such as ``cvxpy.norm(L @ (y - x), 2)``.
        constraints: Of the same variable: convex constraints, or None.
        threshold: Of one output only; 0 by default.

    Raises:
        BadArgument: Not convex, or cones other than linear and second-order ones.
        OutsideDomain: The point is not in the domain.

    Example:
        >>> from exactcpa import Abs, Box, Linear, Network, enumerate_cells
        >>> net = Network(2, [Linear([[1, 0], [0, 1]], [0, 0]), Abs(), Linear([[1, 1]], [-1])])  # |x| + |y| against 1
        >>> part = enumerate_cells(net, Box([-2, -2], [2, 2]))
        >>> print(margin_interval(part, [0, 0], lambda y: cvxpy.norm(y, 2) + cvxpy.norm(y, 1)).upper > 1)
        True
    """
    x = coordinates(tuple(point), part.domain.dimension)
    if not part.domain.contains(x):
        raise OutsideDomain(f"expected a point of {part.domain}, got {vector_text(x)}")
    level = None if part.network.output > 1 else exactly(0 if threshold is None else threshold)
    if threshold is not None and level is None:
        raise BadArgument(
            f"expected no threshold for {part.network.output} outputs: their largest one decides"
        )
    mine = _class_at(part, x, level)
    program = _program(part.domain.dimension, length, constraints)
    bounded: list[tuple[float, int, _Piece]] = []
    lower: Fraction | None = None
    for piece in _pieces(part, mine, level):
        rough, bound = _bounded(program, piece, part)
        lower = bound if lower is None else min(lower, bound)
        bounded.append((rough, len(bounded), piece))
    if lower is None:
        return MarginInterval(None, None, None, (mine, None), 0)
    for _, _, piece in sorted(bounded)[:ATTEMPTS]:
        found = _point(program, piece)
        if found is not None:
            value, nearest = found
            _require_rival(part, nearest, mine, piece.rival, level)
            return MarginInterval(lower, value, nearest, (mine, piece.rival), len(bounded))
    return MarginInterval(lower, None, None, (mine, None), len(bounded))


# ---------------------------------------------------------------------- cells and rivals


@dataclass(frozen=True, slots=True)
class _Piece:
    """The part of a cell where a rival is no smaller: ``<n, y> <= b`` for all rows."""

    rival: int
    rows: tuple[IntegerRow, ...]


def _class_at(part: Partition, x: Vector, level: Fraction | None) -> int:
    values = part.network.forward(part.domain.embed(x))
    return values.index(max(values)) if level is None else int(values[0] > level)


def _pieces(part: Partition, mine: int, level: Fraction | None) -> Iterator[_Piece]:
    """All that doubles do not prove empty."""
    part.require_rational()
    d = part.domain.dimension
    widest = max(high - low for low, high in zip(part.domain.lower, part.domain.upper, strict=True))
    for i in range(len(part)):
        rows, functions = part.rows_of(i), classes_of(part, i, level)
        rivals = [k for k in range(len(functions)) if k != mine]
        ties = [tie_row(functions, k, mine) for k in rivals]
        witness = part.witness(i)
        table = round_rows([(*row[:-1], row[-1] - dot(row[:-1], witness)) for row in (*rows, *ties)], d)
        problems = [[*range(len(rows)), len(rows) + k] for k in range(len(ties))]
        bounds = float_nearest("inf", table, problems, np.inf).bounds.tolist()
        for rival, tie, bound in zip(rivals, ties, bounds, strict=True):
            if Fraction(bound) <= widest:
                yield _Piece(rival, (*rows, tie))


def _require_rival(part: Partition, y: Vector, mine: int, rival: int, level: Fraction | None) -> None:
    """The rival is no smaller at a point of the domain, by forward pass."""
    values = part.network.forward(part.domain.embed(y))
    functions: list[Function] = [((), value) for value in values]
    if level is not None:
        functions = [((), Fraction(0)), ((), values[0] - level)]
    if not part.domain.contains(y) or functions[rival][1] < functions[mine][1]:
        raise CertificateRejected("margin interval: the point is no point of another class")


# ---------------------------------------------------------------------- the user's program


@dataclass(frozen=True)
class _Program:
    """``minimise <c, z> + offset`` over ``b - A z`` in cones; y is `d` entries of z from `first` on.

    Attributes:
        rough: A as a sparse matrix.
        rows: A, exactly.
        dual: Restores the dual equalities of the entries other than y.
        inside: A dual vector well inside its cones that satisfies them roughly.
    """

    d: int
    first: int
    cones: Cones
    rough: sparse.csc_matrix
    rows: tuple[tuple[fmpq, ...], ...]
    right: tuple[fmpq, ...]
    goal: tuple[fmpq, ...]
    offset: fmpq
    dual: Restorer = field(repr=False)
    inside: np.ndarray = field(repr=False)


def _program(
    d: int,
    length: Callable[[cvxpy.Variable], Any],
    constraints: Callable[[cvxpy.Variable], Sequence[Any]] | None,
) -> _Program:
    """The cone program of what the user wrote, with y free."""
    y = cvxpy.Variable(d)
    problem = cvxpy.Problem(cvxpy.Minimize(length(y)), list(constraints(y)) if constraints else [])
    if y.id not in [variable.id for variable in problem.objective.variables()]:
        raise BadArgument("expected a length of the variable, got a constant")
    if not problem.is_dcp():
        raise BadArgument("expected a convex length and convex constraints by cvxpy's rules (DCP)")
    options = {"use_quad_obj": False}
    data, _, _ = problem.get_problem_data(cvxpy.CLARABEL, solver_opts=options)
    dims = data["dims"]
    if dims.exp or dims.psd or dims.p3d or getattr(dims, "pnd", None):
        raise BadArgument(
            "expected linear and second-order cones, got exponential, power or semidefinite ones"
        )
    if data.get("P") is not None:
        raise BadArgument(
            "expected a cone program of the length, got a quadratic one: cvxpy is too old for this"
        )
    if data.get("lower_bounds") is not None or data.get("upper_bounds") is not None:
        raise BadArgument("expected constraints, got bounds of a variable")
    columns = data["param_prob"].var_id_to_col
    cones = Cones(int(dims.zero), int(dims.nonneg), tuple(map(int, dims.soc)))
    matrix = data["A"].toarray()
    first, goal = int(columns[y.id]), data["c"]
    others = [j for j in range(matrix.shape[1]) if not first <= j < first + d]
    equations = [[rational(a) for a in matrix[:, j]] for j in others]
    dual = Restorer(equations, [-rational(goal[j]) for j in others], matrix.shape[0])
    return _Program(
        d,
        first,
        cones,
        sparse.csc_matrix(matrix),
        tuple([tuple(map(rational, row)) for row in matrix]),
        tuple(map(rational, data["b"])),
        tuple(map(rational, goal)),
        rational(float(data["param_prob"].apply_parameters()[1])),
        dual,
        _inside_dual(matrix[:, others], goal[others], cones),
    )


def _inside_dual(matrix: np.ndarray, goal: np.ndarray, cones: Cones) -> np.ndarray:
    """A dual vector as far inside its cones as 1, if there is one."""
    size = cones.size
    depth = _depth(cones)
    identity = np.eye(size)[cones.zero :]
    table = np.block(
        [
            [matrix.T, np.zeros((matrix.shape[1], 1))],
            [np.zeros((1, size)), np.ones((1, 1))],
            [-identity, depth[cones.zero :, None]],
        ]
    )
    right = np.concatenate([-goal, [1.0], np.zeros(size - cones.zero)])
    inner = Cones(matrix.shape[1], 1 + cones.nonnegative, cones.orders)
    return _solve(np.array([*[0.0] * size, -1.0]), table, right, inner).x[:size]


def _depth(cones: Cones) -> np.ndarray:
    """A vector inside the cones; zero where they are zero."""
    depth = np.zeros(cones.size)
    depth[cones.zero : cones.zero + cones.nonnegative] = 1.0
    place = cones.zero + cones.nonnegative
    for size in cones.orders:
        depth[place] = 1.0
        place += size
    return depth


@dataclass(frozen=True)
class _Rough:
    """A solver's answer."""

    x: np.ndarray
    z: np.ndarray
    value: float


def _solve(goal: np.ndarray, table: Any, right: np.ndarray, cones: Cones) -> _Rough:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    kinds = [clarabel.ZeroConeT(cones.zero)] if cones.zero else []
    kinds += [clarabel.NonnegativeConeT(cones.nonnegative)] if cones.nonnegative else []
    kinds += [clarabel.SecondOrderConeT(size) for size in cones.orders]
    empty = sparse.csc_matrix((len(goal), len(goal)))
    found = clarabel.DefaultSolver(empty, goal, sparse.csc_matrix(table), right, kinds, settings).solve()
    x, z = np.nan_to_num(np.array(found.x)), np.nan_to_num(np.array(found.z))
    return _Rough(x, z, float(goal @ x))


# ---------------------------------------------------------------------- one cell and rival


def _bounded(program: _Program, piece: _Piece, part: Partition) -> tuple[float, Fraction]:
    """A rough value of a piece's program, and a proved lower bound.

    The rows are relaxed at a price, so there is a solution, and multipliers of bounded size.  With dual vectors mu of
    the user's rows and m of the piece's, ``<c, z> >= <r, y> - <b, mu> - <b', m>`` where r is what is left of the dual
    equality of y; the other entries' are restored exactly.
    """
    normals, offsets, scales = _unit_rows(piece)
    n, m = len(program.goal), len(normals)
    wide = np.zeros((m + 1, n + 1))
    wide[:m, program.first : program.first + program.d] = normals
    wide[:, n] = -1.0
    user = np.hstack([program.rough.toarray(), np.zeros((program.cones.size, 1))])
    middle = program.cones.zero + program.cones.nonnegative
    table = np.vstack([user[:middle], wide, user[middle:]])
    b = np.array([float(q) for q in program.right])
    right = np.concatenate([b[:middle], offsets, [0.0], b[middle:]])
    cones = Cones(program.cones.zero, program.cones.nonnegative + m + 1, program.cones.orders)
    rough = _solve(np.array([*map(float, program.goal), PENALTY]), table, right, cones)
    weights = np.maximum(rough.z[middle : middle + m], 0.0)
    near = np.concatenate([rough.z[:middle], rough.z[middle + m + 1 :]])
    exact = program.dual.restore(near, program.inside, lambda v: program.cones.holds(v, dual=True))
    if exact is None:
        raise BadArgument("expected a length whose dual cones have an interior, got one without")
    shares = [rational(w) * rational(s) for w, s in zip(weights.tolist(), scales, strict=True)]
    return rough.value, _dual_bound(program, piece, part, exact, shares)


def _dual_bound(
    program: _Program, piece: _Piece, part: Partition, dual: Sequence[fmpq], shares: Sequence[fmpq]
) -> Fraction:
    total = program.offset - sum([b * v for b, v in zip(program.right, dual, strict=True) if v], fmpq(0))
    total -= sum([t * row[-1] for t, row in zip(shares, piece.rows, strict=True)], fmpq(0))
    for j in range(program.d):
        column = program.first + j
        left = program.goal[column] + sum(
            [row[column] * v for row, v in zip(program.rows, dual, strict=True)]
        )
        left += sum([t * row[j] for t, row in zip(shares, piece.rows, strict=True)], fmpq(0))
        end = part.domain.lower[j] if left > 0 else part.domain.upper[j]
        total += left * fmpq(end.numerator, end.denominator)
    return _fraction(total)


def _unit_rows(piece: _Piece) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """The rows in doubles, of size one, and the factors."""
    scales = []
    for row in piece.rows:
        largest = max([abs(a) for a in row[:-1]], default=0) or 1
        scales.append(float(Fraction(1, largest)))
    table = [
        [float(Fraction(a) * Fraction(s)) for a in row] for row, s in zip(piece.rows, scales, strict=True)
    ]
    rows = np.array(table)
    return rows[:, :-1], rows[:, -1], scales


def _point(program: _Program, piece: _Piece) -> tuple[Fraction, Vector] | None:
    """An exactly feasible point near the best one, with its length; None: none found."""
    normals, offsets, _ = _unit_rows(piece)
    n, m = len(program.goal), len(normals)
    wide = np.zeros((m, n))
    wide[:, program.first : program.first + program.d] = normals
    user, middle = program.rough.toarray(), program.cones.zero + program.cones.nonnegative
    table = np.vstack([user[:middle], wide, user[middle:]])
    b = np.array([float(q) for q in program.right])
    right = np.concatenate([b[:middle], offsets, b[middle:]])
    cones = Cones(program.cones.zero, program.cones.nonnegative + m, program.cones.orders)
    best = _solve(np.array([*map(float, program.goal)]), table, right, cones)
    depth = np.vstack(
        [np.zeros((program.cones.zero, 1)), np.ones((1, 1)), _depth(cones)[program.cones.zero :, None]]
    )
    z = program.cones.zero
    deeper = np.hstack([np.vstack([table[:z], np.zeros((1, n)), table[z:]]), depth])
    deep_cones = Cones(z, cones.nonnegative + 1, cones.orders)
    inside = _solve(
        np.array([*[0.0] * n, -1.0]), deeper, np.concatenate([right[:z], [1.0], right[z:]]), deep_cones
    )
    fixed = Restorer(program.rows[:z], program.right[:z], n)

    def holds(vector: Sequence[fmpq]) -> bool:
        y = vector[program.first : program.first + program.d]
        slack = [
            b - sum([a * v for a, v in zip(row, vector, strict=True) if a], fmpq(0))
            for row, b in zip(program.rows, program.right, strict=True)
        ]
        inner = all(sum([a * v for a, v in zip(row, y, strict=False)]) <= row[-1] for row in piece.rows)
        return inner and program.cones.holds(slack, dual=False)

    found = fixed.restore(best.x, inside.x[:n], holds)
    if found is None:
        return None
    value = program.offset + sum([c * v for c, v in zip(program.goal, found, strict=True)], fmpq(0))
    y = found[program.first : program.first + program.d]
    return _fraction(value), tuple([_fraction(v) for v in y])


def _fraction(q: fmpq) -> Fraction:
    return Fraction(int(q.p), int(q.q))
