"""When the hyperplanes of the first layer have a common point, and what that does to bounded cells.

Main definitions:
    STATEMENTS: R3.
    hyperplanes_of: The hyperplanes of the first layer, with batchnorm and without.
    count_bounded: Bounded cells, by the engine, in a box round all vertices.

Conventions:
    A layer is *centred* if its hyperplanes have a common point.  Rows of zeros are no hyperplane; a unit with several
    breakpoints has several.  With batchnorm the offsets are those of the deployed reading.
    The layer is examined twice where it has a batchnorm: with it, and with its raw offsets.

References:
    Zaslavsky, Facing up to arrangements (1975).

Not here:
    How evidence is re-added: `readd_intersections`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Any

from exactcpa.domain import Box
from exactcpa.enumerate import enumerate_cells
from exactcpa.layers import BatchNorm, LeakyReLU, Linear, MaxOut, MaxPool, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems.layer_view import bend_of
from exactcpa.theorems.normalised_units import AFFINE, UnitPlace, breakpoints_of, first_layer
from exactcpa.theorems.plain import is_general, rank, solve
from exactcpa.theorems.readd_intersections import centred_claim, most_cells, recheck_centred
from exactcpa.theorems.statement import Instance, Statement, Verdict, judged, require, size_text
from exactcpa.vectors import Matrix, Vector

MOST_CELLS = 5000
MOST_VERTICES = 1000
"""So many subsets of hyperplanes are intersected; more are out of scope."""


@dataclass(frozen=True, slots=True)
class Hyperplanes:
    """Hyperplanes ``<rows_k, x> = offsets_k``, none of them of a row of zeros."""

    name: str
    rows: Matrix
    offsets: Vector


def hyperplanes_of(instance: Instance) -> list[Hyperplanes]:
    """The hyperplanes of the first layer: with its batchnorm if it has one, and with its raw offsets.

    Raises:
        HypothesisFails: No network; the first bend or maximum is no bend or comes after something not affine.
    """
    network = instance.network
    require(network is not None, "a network is given", "got none")
    assert network is not None  # for type checkers; `require` has decided
    before, layer = _up_to_bend(network)
    columns = _affine([part for part in before if isinstance(part, AFFINE)], network.input)
    raw = _keep_rows(
        "raw offsets",
        [(row, tau - c) for k, (row, c) in enumerate(columns) for tau in bend_of(layer, k).breakpoints],
    )
    if not any(isinstance(part, BatchNorm | TrainingBatchNorm) for part in before):
        return [raw]
    require(
        isinstance(before[-1], BatchNorm | TrainingBatchNorm)
        and sum(isinstance(part, BatchNorm | TrainingBatchNorm) for part in before) == 1,
        "the batchnorm stands between the affine map and the activation",
        f"got {', '.join(part.type for part in before)}",
    )
    require(instance.data, "data are given", "got none")
    view = first_layer(network, instance.data)
    found = []
    for place in [UnitPlace(view, k) for k in range(view.units)]:
        require(place.scale != 0, "gamma and the deployed scale are not 0", f"{place} has scale 0")
        for tau in breakpoints_of(place):
            found.append((place.row, place.mean + (tau - place.beta) / place.scale))
    return [_keep_rows("batchnorm", found), raw]


def _up_to_bend(network: Network) -> tuple[tuple[Any, ...], Any]:
    """The affine layers at the start, and the activation after them."""
    known = (*AFFINE, BatchNorm, TrainingBatchNorm)
    number = next((n for n, layer in enumerate(network.layers) if not isinstance(layer, known)), None)
    require(number is not None, "there is an activation", "the network is affine")
    layer = network.layers[number or 0]
    require(
        number != 0 and not isinstance(layer, MaxOut | MaxPool) and layer.type != "residual",
        "the first layer is affine and bends one coordinate each",
        f"got {layer.type} as layer {number}",
    )
    return network.layers[:number], layer


def _affine(layers: Sequence[Any], inputs: int) -> list[tuple[Vector, Fraction]]:
    """Rows and constants of a chain of affine layers, from the images of the origin and the unit vectors."""
    images = []
    for j in range(-1, inputs):
        value = tuple([Fraction(int(i == j)) for i in range(inputs)])
        for layer in layers:
            value = layer.forward(value)
        images.append(value)
    origin, *units = images
    rows = zip(*[[a - b for a, b in zip(image, origin, strict=True)] for image in units], strict=True)
    return [(tuple(row), c) for row, c in zip(rows, origin, strict=True)]


def _keep_rows(name: str, found: Sequence[tuple[Vector, Fraction]]) -> Hyperplanes:
    kept = [(row, c) for row, c in found if any(row)]
    require(kept, "some row is not 0", "all rows are")
    return Hyperplanes(name, tuple([row for row, _ in kept]), tuple([c for _, c in kept]))


def box_round_vertices(rows: Matrix, offsets: Vector) -> Box:
    """A box that holds every vertex of an arrangement, and a margin of one.

    Raises:
        HypothesisFails: There are too many to intersect.
    """
    d = len(rows[0])
    count = comb(len(rows), min(d, len(rows)))
    require(
        count <= MOST_VERTICES,
        f"at most {MOST_VERTICES} subsets of hyperplanes to intersect",
        f"there are {count} of {len(rows)} hyperplanes in R^{d}",
    )
    reach = Fraction(1)
    for chosen in combinations(range(len(rows)), d):
        part = [rows[i] for i in chosen]
        if rank(part) == d:
            vertex = solve(part, [offsets[i] for i in chosen])
            reach = max([reach, *[abs(x) for x in vertex or ()]])
    return Box([-reach - 1] * d, [reach + 1] * d)


def arrangement_network(rows: Matrix, offsets: Vector) -> Network:
    """A network of one layer whose cells are those of the arrangement."""
    return Network(len(rows[0]), (Linear(rows, [-c for c in offsets]), ReLU()))


def require_few_cells(count: int) -> None:
    """Go on only if an arrangement of at most so many cells is to be listed.

    Raises:
        HypothesisFails: There are more than `MOST_CELLS`.
    """
    require(count <= MOST_CELLS, f"at most {MOST_CELLS} cells to list", f"there may be {count}")


def count_bounded(rows: Matrix, offsets: Vector) -> int:
    """Bounded cells: those within a box round all vertices that have no facet on the box.

    A bounded cell is the hull of its vertices, so it stays inside the box; an unbounded one leaves it.  If the rows do
    not span the space every cell holds a line.

    Raises:
        HypothesisFails: There may be too many cells to list.
    """
    if rank(rows) < len(rows[0]):
        return 0
    require_few_cells(most_cells(len(rows), len(rows[0])))
    found = enumerate_cells(arrangement_network(rows, offsets), box_round_vertices(rows, offsets))
    return sum(all(facet.unit is not None for facet in found.cell(i).facets) for i in range(len(found)))


def _examine(instance: Instance) -> Verdict:
    entries = []
    for found in hyperplanes_of(instance):
        extended = [(*row, c) for row, c in zip(found.rows, found.offsets, strict=True)]
        bounded = count_bounded(found.rows, found.offsets)
        entries.append(
            {
                "name": found.name,
                "rows": found.rows,
                "offsets": found.offsets,
                "rank": rank(found.rows),
                "extended_rank": rank(extended),
                "point": solve(found.rows, found.offsets),
                "general": is_general(found.rows) and is_general(extended),
                "bounded": bounded,
            }
        )
    holds = all(centred_claim(entry, len(entry["rows"]), len(entry["rows"][0])) for entry in entries)
    texts = [
        f"{entry['name']}: rank {entry['rank']} and {entry['extended_rank']}, "
        f"{'' if entry['point'] is not None else 'not '}centred, {entry['bounded']} bounded cells"
        for entry in entries
    ]
    return judged(holds, "; ".join(texts), size_text(instance), {"arrangements": tuple(entries)})


def _default() -> Instance:
    """Four rows in the plane with raw offsets in general position, and batchnorm."""
    net = Network(
        2,
        (
            Linear([[1, 0], [0, 1], [1, 1], [1, -2]], [0, 1, 3, -1]),
            TrainingBatchNorm(epsilon="1e-5"),
            LeakyReLU("1/4"),
        ),
    )
    points = ([0, 0], [1, 2], [4, -1], [2, 3], [-3, 1])
    return Instance(net, tuple([tuple([Fraction(x) for x in point]) for point in points]))


STATEMENTS = (
    Statement(
        id="R3",
        sentence=(
            "The first layer W x = c is centred iff rank W = rank [W|c]; a centred layer has no bounded cell, and one "
            "of more rows than dimensions in general position has one."
        ),
        hypotheses=(
            "the first layer is affine, with batchnorm or without, and bends one coordinate each",
            "gamma and the deployed scale are not 0",
            "at most 1000 subsets of hyperplanes to intersect, and at most 5000 cells to list",
        ),
        source="Zaslavsky, Facing up to arrangements (1975), for the counts; restated for this project",
        expected=True,
        examine=_examine,
        default=_default,
        recheck=recheck_centred,
        arithmetic="rank, enumeration",
    ),
)
