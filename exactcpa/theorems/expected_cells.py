"""How many cells meet a window in expectation: units that hit it by chance, against units that all pass through g.

Main definitions:
    STATEMENTS: B5.

Conventions:
    m rows in R^D in general position; the window is any with g inside.  Each un-normalised unit meets it with
    probability p (option ``probability``, default 1/4), independently; j hyperplanes make at most
    ``sum_{i <= D} C(j, i)`` cells of it.  With batchnorm and beta 0 all m pass through g.
    A window is large if it holds all vertices of the free arrangement: p = 1, and the count is reached.

References:
    Zaslavsky, Facing up to arrangements (1975).

Not here:
    How evidence is re-added: `readd_intersections`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import count as count_from
from math import comb

from exactcpa.domain import Box
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadArgument, shown
from exactcpa.layers import LeakyReLU, Linear, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.numbers import exactly
from exactcpa.theorems.centred_layers import (
    arrangement_network,
    box_round_vertices,
    hyperplanes_of,
    require_few_cells,
)
from exactcpa.theorems.plain import centroid, dot, is_general
from exactcpa.theorems.readd_intersections import (
    central_cells,
    expectation_claim,
    expected_most_cells,
    most_cells,
    recheck_expectation,
)
from exactcpa.theorems.statement import Instance, Statement, Verdict, judged, require, size_text
from exactcpa.theorems.windows import radius_of
from exactcpa.vectors import Matrix, Vector

DEFAULT_PROBABILITY = Fraction(1, 4)
MOST_SUBSETS = 5000


def probability_of(instance: Instance) -> Fraction:
    """The option ``probability``, between 0 and 1.

    Raises:
        BadArgument: Another number.
    """
    p = exactly(instance.options.get("probability", DEFAULT_PROBABILITY))
    if not 0 <= p <= 1:
        raise BadArgument(f"option probability: expected a number between 0 and 1, got {shown(p)}")
    return p


def free_offsets(rows: Matrix) -> Vector:
    """Offsets that put hyperplanes with these normals in general position: ``(k+1)**e`` for the first e that does."""
    for exponent in count_from(2):
        offsets = tuple([Fraction(k + 1) ** exponent for k in range(len(rows))])
        if is_general([(*row, c) for row, c in zip(rows, offsets, strict=True)]):
            return offsets
    raise AssertionError("unreachable")


def _examine(instance: Instance) -> Verdict:
    found = hyperplanes_of(instance)[0]
    require(found.name == "batchnorm", "the first layer has a batchnorm", "got none")
    rows, offsets = found.rows, found.offsets
    m, d = len(rows), len(rows[0])
    g = centroid(instance.data)
    require(
        comb(m, min(m, d + 1)) <= MOST_SUBSETS,
        f"at most {MOST_SUBSETS} subsets of rows to compare",
        f"got {m} rows in R^{d}",
    )
    require(m > d, "there are more rows than dimensions", f"got {m} in R^{d}")
    require(is_general(rows), "rows are in general position", f"some {d} of {m} are dependent")
    through = [c == dot(row, g) for row, c in zip(rows, offsets, strict=True)]
    require(all(through), "beta is 0 and units bend at 0", f"{through.count(False)} of {m} miss the centroid")
    require_few_cells(most_cells(m, d))
    p = probability_of(instance)
    expected = expected_most_cells(m, d, p)
    require(
        expected < central_cells(m, d),
        "sum_{i<=D} C(m,i) p^i < 2 sum_{i<D} C(m-1,i)",
        f"got {expected} and {central_cells(m, d)} for p={p}",
    )
    radius = radius_of(instance)
    window = Box([x - radius for x in g], [x + radius for x in g])
    central = len(enumerate_cells(arrangement_network(rows, offsets), window, facets=False))
    apart = free_offsets(rows)
    free = len(
        enumerate_cells(arrangement_network(rows, apart), box_round_vertices(rows, apart), facets=False)
    )
    evidence = {
        "rows": rows,
        "probability": p,
        "expected": expected,
        "central": central,
        "free_offsets": apart,
        "free": free,
    }
    reason = (
        f"p={p}: at most {expected} cells in expectation without batchnorm, {central} with it; in a large window "
        f"{free} without, {central} with it"
    )
    return judged(expectation_claim(evidence, m, d), reason, f"{size_text(instance)}, m={m}", evidence)


def _default() -> Instance:
    """Six rows in the plane."""
    rows: Sequence[Sequence[int]] = [[1, 0], [0, 1], [1, 1], [1, -1], [2, 1], [1, 3]]
    net = Network(2, (Linear(rows, [0] * 6), TrainingBatchNorm(epsilon="1e-5"), LeakyReLU("1/4")))
    points = ([0, 0], [1, 2], [4, -1], [2, 3], [-3, 1])
    return Instance(net, tuple([tuple([Fraction(x) for x in point]) for point in points]))


STATEMENTS = (
    Statement(
        id="B5",
        sentence=(
            "m generic units, a window at g that each un-normalised one meets with probability p: batchnorm refines it "
            "more in expectation if sum_{i<=D} C(m,i)p^i < 2 sum_{i<D} C(m-1,i); large windows reverse it."
        ),
        hypotheses=(
            "the first layer has a batchnorm; beta is 0 and units bend at 0",
            "there are more rows than dimensions, in general position",
            "un-normalised units meet the window independently, each with probability p",
            "sum_{i<=D} C(m,i) p^i < 2 sum_{i<D} C(m-1,i)",
            "at most 1000 subsets of hyperplanes to intersect, and at most 5000 cells to list",
        ),
        source="counts: Zaslavsky, Facing up to arrangements (1975); expectation derived for this project",
        expected=True,
        examine=_examine,
        default=_default,
        recheck=recheck_expectation,
        arithmetic="Q, enumeration",
    ),
)
