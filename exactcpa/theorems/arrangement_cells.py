"""The arrangement of one layer: all its cells by the engine, in a box that provably meets every one of them.

Main definitions:
    LayerCondition, covered_layers: The batchnorm layers of an instance for which hypotheses hold.
    layer_network, hyperplane_network: One layer as a network on its feature space; hyperplanes as one.
    box_meeting_every_cell: A box whose interior meets every cell of an arrangement.
    window: The box around a point.
    cells_up_to: Enumerate, prove and check, unless there are more cells than a limit.
    generic_offsets: Offsets for which no hyperplanes meet where none have to.

Conventions:
    A hyperplane ``(w, c)`` is ``<w, x> = c``.  Cells are full-dimensional.

References:
    Stanley, An introduction to hyperplane arrangements (2004), section 1 (essential arrangements, general position).

Not here:
    Counting cells without the engine: `plain.count_cells`.  The statements: `arrangements`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, count
from pathlib import Path
from typing import Any

from exactcpa import checker
from exactcpa.domain import Box, Domain
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import CertificateRejected
from exactcpa.layers import Linear, ReLU
from exactcpa.network import Network
from exactcpa.partition import Partition
from exactcpa.theorems.layer_view import NormalisedLayer, bend_of, normalised_layers
from exactcpa.theorems.plain import rank, solve
from exactcpa.theorems.statement import HypothesisFails, Instance, network_and_data, require
from exactcpa.vectors import Matrix, Vector

LIMIT = 20_000
"""Cells that are enumerated unless the option ``cells`` says otherwise."""

CHECKED = 2_000
"""Cells up to which the proof is written and checked, too."""


@dataclass(frozen=True, slots=True)
class LayerCondition:
    """A hypothesis about one batchnorm layer: in words, and whether it holds."""

    words: str
    holds: Callable[[NormalisedLayer], bool]


ARE_NONZERO = LayerCondition("no w is zero", lambda view: all(any(row) for row in view.rows))
HAVE_OWN_STATISTICS = LayerCondition(
    "each unit has statistics of its own (no images)", lambda view: view.pixels == 1
)
ARE_CENTRED = LayerCondition(
    "beta is zero and gamma is not, for every unit of the layer",
    lambda view: not any(view.layer.beta) and all(view.layer.scales()),
)


def _bends_at_zero(view: NormalisedLayer) -> bool:
    if view.activation is None or view.activation[1].type.startswith("max"):
        return False
    return all(bend_of(view.activation[1], unit).breakpoints == (0,) for unit in range(view.units))


BEND_AT_ZERO = LayerCondition("an activation with breakpoint 0 alone follows", _bends_at_zero)


def covered_layers(
    instance: Instance, conditions: Sequence[LayerCondition]
) -> tuple[list[NormalisedLayer], str]:
    """The batchnorm layers of an instance for which all conditions hold, and a note about the others.

    Raises:
        HypothesisFails: No batchnorm; or none is covered: names the last condition that fails first for some layer.
        BadNetwork: Statistics that do not exist.
    """
    net, data = network_and_data(instance)
    views = normalised_layers(net, data)
    require(views, "the network has a batchnorm", "it has none")
    failing = {view.place: next((c.words for c in conditions if not c.holds(view)), None) for view in views}
    kept = [view for view in views if failing[view.place] is None]
    # Told is what fails for the layers that satisfy most: the last of the conditions that fail.
    for condition in reversed(conditions):
        for view in views:
            require(kept or failing[view.place] != condition.words, condition.words, f"not so for {view}")
    left_out = [
        f"; {view} not covered: it fails that {failing[view.place]}" for view in views if view not in kept
    ]
    return kept, "".join(left_out)


def layer_network(view: NormalisedLayer) -> Network:
    """One layer with its frozen batchnorm and activation, on its feature space."""
    following = [] if view.activation is None else [view.activation[1]]
    return Network(len(view.rows[0]), (Linear(view.rows, view.bias), view.layer, *following))


def hyperplane_network(rows: Matrix, offsets: Vector) -> Network:
    """Hyperplanes ``<w, x> = c`` as the breakpoints of one layer of ReLUs."""
    return Network(len(rows[0]), (Linear(rows, [-c for c in offsets]), ReLU()))


def window(center: Vector, radius: Fraction) -> Box:
    """The closed box of points at most `radius` away from a point in every coordinate."""
    return Box([x - radius for x in center], [x + radius for x in center])


def box_meeting_every_cell(rows: Matrix, offsets: Vector) -> Box:
    """A box that meets every cell of an arrangement in its interior.

    The closure of a cell has a minimal face, and that is a whole minimal flat: a nonempty intersection of r
    hyperplanes with independent normals, r the rank.  So a box whose interior has a point of each such intersection
    meets every cell.

    Args:
        rows: Shape ``(m, d)``; zero rows cut nothing.
        offsets: Shape ``(m,)``.

    Example:
        >>> one, two = Fraction(1), Fraction(2)
        >>> print(box_meeting_every_cell(((one, one), (one, -one)), (two, two)))
        [1, 3] x [-1, 1]
    """
    pairs = [(w, c) for w, c in zip(rows, offsets, strict=True) if any(w)]
    if not pairs:
        return window((Fraction(0),) * len(rows[0]), Fraction(1))
    size, points = rank([w for w, _ in pairs]), []
    for chosen in combinations(pairs, size):
        normals = [w for w, _ in chosen]
        if rank(normals) == size:
            points.append(solve(normals, [c for _, c in chosen]))  # type: ignore[arg-type]  # independent: solvable
    columns = list(zip(*points, strict=True))
    return Box([min(column) - 1 for column in columns], [max(column) + 1 for column in columns])


def generic_offsets(rows: Matrix) -> Vector:
    """Integer offsets for rows in general position, so that no ``d + 1`` of the hyperplanes have a common point.

    Example:
        >>> one = Fraction(1)
        >>> generic_offsets(((one,), (one,), (2 * one,)))
        (Fraction(0, 1), Fraction(1, 1), Fraction(4, 1))
    """
    for base in count(2):
        offsets = tuple(Fraction(k**base) for k in range(len(rows)))
        augmented = [(*row, c) for row, c in zip(rows, offsets, strict=True)]
        size = min(len(rows), len(rows[0]) + 1)
        if all(rank(chosen) == size for chosen in combinations(augmented, size)):
            return offsets
    raise AssertionError("some power is generic: the determinants are nonzero exponential sums in it")


class _TooMany(Exception):
    """More cells than the limit."""


def cells_up_to(
    net: Network, domain: Domain, instance: Instance, *, facets: bool = False, limit: int = LIMIT
) -> Partition:
    """Enumerate the cells, with the proof written and checked if they are few.

    Args:
        net: A network.
        domain: Where.
        instance: Its option ``cells`` is the largest number of cells; None for no limit.
        facets: Whether facets are wanted.
        limit: The largest number if the option is not given.

    Raises:
        HypothesisFails: There are more cells than the limit.
        CertificateRejected: The checker refuses the proof; a bug.
    """
    most = instance.options.get("cells", limit)

    def stop_beyond(tally: Any) -> None:
        if most is not None and tally.cells > most:
            raise _TooMany

    try:
        part = enumerate_cells(net, domain, progress=stop_beyond, facets=facets)
    except _TooMany:
        raise HypothesisFails(f"at most {most:,} cells (option cells)", "there are more") from None
    if len(part) <= CHECKED:
        _check(net, domain, facets=facets)
    return part


def _check(net: Network, domain: Domain, *, facets: bool) -> None:
    """Enumerate again with a proof, and let the checker read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.cpa"
        enumerate_cells(net, domain, proof=path, facets=facets)
        try:
            checker.check(path)
        except checker.Rejected as error:
            raise CertificateRejected(str(error)) from error


def witnesses_of(part: Partition) -> tuple[Vector, ...]:
    """A point strictly inside every cell."""
    return tuple(part.witness(i) for i in range(len(part)))


def sign_vectors(rows: Matrix, offsets: Vector, points: Iterable[Vector]) -> list[tuple[int, ...]]:
    """On which side of every hyperplane points lie."""
    pairs = list(zip(rows, offsets, strict=True))
    return [tuple(_side(w, c, x) for w, c in pairs) for x in points]


def _side(row: Vector, offset: Fraction, point: Vector) -> int:
    value = sum((a * x for a, x in zip(row, point, strict=True)), Fraction(0)) - offset
    return (value > 0) - (value < 0)
