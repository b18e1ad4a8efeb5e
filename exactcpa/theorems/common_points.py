"""The set that every bent hyperplane of the second layer contains, whatever its weights and the first layer's scales.

Main definitions:
    STATEMENTS: R4.

Conventions:
    ``G1 = {x: W(x-g) = ((1-eta)/2) MAD}``, ``MAD_k`` the mean of ``|w_k.(z_i-g)|``: a point plus directions, or empty.
    There every activation of the first layer has its mean over the data, so every normalised unit after it is zero.
    Scales: the deployed ones, and the option ``scalings`` (default 3) families of positive gammas from ``seed``.

Not here:
    How evidence is re-added: `readd_intersections`.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from exactcpa.domain import Box
from exactcpa.enumerate import enumerate_cells
from exactcpa.layers import Abs, LeakyReLU, Linear, PReLU, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.statistics import freeze
from exactcpa.theorems.layer_view import NormalisedLayer, bend_of
from exactcpa.theorems.normalised_units import AFFINE, UnitPlace, views_of
from exactcpa.theorems.plain import dot, rank, solve
from exactcpa.theorems.readd_intersections import central_cells, g1_level, recheck_common
from exactcpa.theorems.statement import (
    Instance,
    Statement,
    Verdict,
    judged,
    network_and_data,
    require,
    size_text,
)
from exactcpa.theorems.windows import radius_of, window_in_one_cell
from exactcpa.vectors import Matrix, Vector

MOST_CELLS = 500
MOST_DIMENSIONS = 6
SHAPED_LIKE_LEAKY = (ReLU, LeakyReLU, PReLU, Abs)


def null_space(rows: Matrix) -> tuple[Vector, ...]:
    """A basis of ``{x: W x = 0}``: one vector a free variable, that variable 1 and the other free ones 0.

    Example:
        >>> [list(map(str, b)) for b in null_space(((Fraction(1), Fraction(2), Fraction(0)),))]
        [['-2', '1', '0'], ['0', '0', '1']]
    """
    width = len(rows[0])
    columns = list(zip(*rows, strict=True))
    pivots: list[int] = []
    for j in range(width):
        if rank([columns[k] for k in (*pivots, j)]) > len(pivots):
            pivots.append(j)
    found = []
    for free in sorted(set(range(width)) - set(pivots)):
        held = [tuple(row[j] for j in pivots) for row in rows]
        part = solve(held, [-row[free] for row in rows])
        vector = [Fraction(0)] * width
        vector[free] = Fraction(1)
        for j, value in zip(pivots, part or (), strict=True):
            vector[j] = value
        found.append(tuple(vector))
    return tuple(found)


def _examine(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    first, second = _two_layers(network, data)
    slopes = _slopes(first)
    columns = [UnitPlace(first, k).values for k in range(first.units)]
    for k, column in enumerate(columns):
        require(min(column) < max(column), "no unit is constant on the data", f"{UnitPlace(first, k)} is")
    targets = [g1_level(column, slope) for column, slope in zip(columns, slopes, strict=True)]
    point = solve(first.rows, targets)
    require(
        point is not None,
        "G1 is not empty",
        f"the {first.units} equations of rank {rank(first.rows)} contradict each other",
    )
    assert point is not None  # for type checkers; `require` has decided
    directions = null_space(first.rows)
    networks = [network, *_scaled(network, first, instance)]
    reached = [point, *[tuple(a + b for a, b in zip(point, d, strict=True)) for d in directions]]
    values, scales = [], []
    for net in networks:
        views = views_of(net, data)
        scales.append(views[0].layer.scales())
        frozen = Network(network.input, freeze(net, data).layers[: second.place[0] + 1])
        values += [frozen.forward(x) for x in reached]
    lines = _lines(instance, freeze(network, data), first, second, point)
    inside = all(
        dot(line["normal"], point) == line["offset"] and not any(dot(line["normal"], d) for d in directions)
        for line in lines
    )
    holds = inside and not any(value for row in values for value in row)
    zero = "are 0" if holds else "are not all 0"
    reason = (
        f"G1 has dimension {len(directions)}; {second.units} second-layer units {zero} on it for "
        f"{len(networks)} families of scales, and {len(lines)} lines of the partition round it contain it"
    )
    evidence = {
        "rows": first.rows,
        "data": first.inputs,
        "slopes": slopes,
        "point": point,
        "directions": directions,
        "scales": tuple(scales),
        "second_layer": tuple(values),
        "lines": tuple(lines),
    }
    return judged(holds, reason, size_text(instance), evidence)


def _two_layers(network: Network, data: tuple[Vector, ...]) -> tuple[NormalisedLayer, NormalisedLayer]:
    """The batchnorms of the first two layers, once they are as the statement has them."""
    views = views_of(network, data)
    require(len(views) >= 2, "the first two layers have a batchnorm", f"got {len(views)}")
    first, second = views[:2]
    require(
        len(first.place) == len(second.place) == 1 and first.activation is not None,
        "affine map, batchnorm and activation follow each other in both layers",
        f"got {', '.join(layer.type for layer in network.layers)}",
    )
    start, end = first.place[0], second.place[0]
    around = (*network.layers[:start], *network.layers[start + 2 : end])
    require(
        all(isinstance(layer, AFFINE) for layer in around),
        "affine map, batchnorm and activation follow each other in both layers",
        f"got {', '.join(layer.type for layer in network.layers[: end + 1])}",
    )
    for place in [UnitPlace(view, k) for view in (first, second) for k in range(view.units)]:
        require(place.beta == 0, "beta is 0 in both layers", f"{place} has beta {place.beta}")
        sign_fits = place.scale > 0 if place.view is first else True
        require(sign_fits, "scales of the first layer are positive", f"{place} has {place.scale}")
    return first, second


def _slopes(first: NormalisedLayer) -> Vector:
    """``eta`` of every unit of the first layer."""
    assert first.activation is not None  # `_two_layers` has required it
    _, layer = first.activation
    require(
        isinstance(layer, SHAPED_LIKE_LEAKY),
        "the first activation is max(t, eta t), eta < 1",
        f"got {layer.type}",
    )
    slopes = tuple([bend_of(layer, k).slopes[0] for k in range(first.units)])
    require(max(slopes) < 1, "the first activation is max(t, eta t), eta < 1", f"got eta {max(slopes)}")
    return slopes


def _scaled(network: Network, first: NormalisedLayer, instance: Instance) -> list[Network]:
    """The network with other positive gammas in the first layer."""
    random = Random(instance.options.get("seed", 0))
    number = first.place[0]
    layer: Any = network.layers[number]
    made = []
    for _ in range(instance.options.get("scalings", 3)):
        gamma = [Fraction(random.randint(1, 99), random.randint(1, 99)) for _ in range(first.units)]
        layers = (*network.layers[:number], replace(layer, gamma=gamma), *network.layers[number + 1 :])
        made.append(Network(network.input, layers))
    return made


def _lines(
    instance: Instance, frozen: Network, first: NormalisedLayer, second: NormalisedLayer, point: Vector
) -> list[dict[str, Any]]:
    """The second layer's lines that the partition shows in a window round a point, within one first-layer cell.

    All pass through the point, so there are as many cells as in a central arrangement; of too many none is listed.
    """
    if central_cells(second.units, len(point)) > MOST_CELLS or len(point) > MOST_DIMENSIONS:
        return []
    window = window_in_one_cell(frozen.layers[: first.place[0] + 2], point, radius_of(instance))
    if window is None:
        return []
    box = Box([x - window.radius for x in point], [x + window.radius for x in point])
    net = Network(frozen.input, (*frozen.layers[: second.place[0] + 1], ReLU()))
    partition = enumerate_cells(net, box)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for i in range(len(partition)):
        for row in partition.cell(i).rows:
            if row.unit is not None and row.unit[0] == 1:
                flipped = next(a for a in row.normal if a) < 0
                normal = tuple([-a if flipped else a for a in row.normal])
                offset = -row.offset if flipped else row.offset
                found[row.unit[1], normal, offset] = {"unit": row.unit[1], "normal": normal, "offset": offset}
    return [found[key] for key in sorted(found)]


def _default() -> Instance:
    """A first layer of two rows in the plane: G1 is a point; three units after it."""
    net = Network(
        2,
        (
            Linear([[1, 2], [3, -1]], [0, 5]),
            TrainingBatchNorm(epsilon="1e-5"),
            LeakyReLU("1/4"),
            Linear([[1, -2], [2, 1], [3, 5]], [7, 0, 1]),
            TrainingBatchNorm(epsilon=0),
            LeakyReLU("1/4"),
        ),
    )
    points = ([0, 0], [1, 2], [4, -1], [2, 3], [-3, 1])
    return Instance(net, tuple([tuple([Fraction(x) for x in point]) for point in points]))


STATEMENTS = (
    Statement(
        id="R4",
        sentence=(
            "All second-layer bent hyperplanes contain G1 = {x: W(x-g) = ((1-eta)/2) MAD}, MAD_k = mean |w_k.(z_i-g)|, "
            "for any positive scales."
        ),
        hypotheses=(
            "affine map, batchnorm and activation follow each other in both layers",
            "beta is 0 in both layers",
            "scales of the first layer are positive",
            "the first activation is max(t, eta t), eta < 1",
            "no unit is constant on the data",
            "G1 is not empty",
            "the statistics are those of the data",
        ),
        source="derived for this project",
        expected=True,
        examine=_examine,
        default=_default,
        recheck=recheck_common,
        arithmetic="Q",
    ),
)
