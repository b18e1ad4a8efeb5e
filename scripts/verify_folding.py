"""Claim: a second-layer bent hyperplane folds on the first layer's hyperplanes only, by the angle in closed form.

    python scripts/verify_folding.py
    python scripts/verify_folding.py --network data/networks/training/iris.json --data data/sets/iris.json --size 1

A8a of the ledger: crossing the hyperplane of first-layer unit j, from off to on, the gradient of a second-layer unit
with weights v jumps by ``(1 - eta) v_j s_j w_j``, s_j the scale of batchnorm and eta the activation's slope below zero.
The box of the data, half as large again, is enumerated.  Across every facet the gradients of all second-layer units,
read off the rows of the two cells, are compared with that formula: no jump where no first-layer unit switches.  Where
a bent hyperplane crosses a facet it folds: every angle, as the square of its cosine and a sign, is compared with the
one that the weights alone give.  All in fractions, deployed reading.  --size networks: the given one and others of its
shape with seeded weights.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import atan2, degrees, sqrt

from hulls import ACTIVATIONS, Unit, require_chain
from reporting import Points, conclude, drawn, examine_statements, instance_of, parser_of, run, table

import exactcpa as cpa
from exactcpa.nearest_point import Metric
from exactcpa.placement_folds import folds_of
from exactcpa.placement_parents import breakpoints_of, parents_of
from exactcpa.theorems.layer_view import bend_of
from exactcpa.vectors import Matrix, Vector, dot


@dataclass(frozen=True)
class FirstLayers:
    """What the formula takes from a network: linear, batchnorm, activation, linear, batchnorm, activation.

    Attributes:
        rows: Shape ``(m, d)``: the first layer's ``w_j``.
        scales: Shape ``(m,)``: its ``s_j``.
        slopes: Off and on, of each of its units.
        weights: Shape ``(k, m)``: the second layer's ``v``, times its own scales.
    """

    rows: Matrix
    scales: Vector
    slopes: tuple[Vector, ...]
    weights: Matrix

    def gradient(self, unit: int, pieces: tuple[int, ...]) -> Vector:
        """Of a second-layer unit where the first layer has these pieces."""
        return self.combined(unit, [self.slopes[j][piece] for j, piece in enumerate(pieces)])

    def jump(self, unit: int, here: tuple[int, ...], there: tuple[int, ...]) -> Vector:
        """What is added to that gradient on the way: ``(1 - eta) v_j s_j w_j``, summed over what switches."""
        steps = [
            (slopes[1] - slopes[0]) * (b - a) for slopes, a, b in zip(self.slopes, here, there, strict=True)
        ]
        return self.combined(unit, steps)

    def combined(self, unit: int, factors: list[Fraction]) -> Vector:
        """``sum_j factor_j v_j s_j w_j``."""
        terms = [f * v * s for f, v, s in zip(factors, self.weights[unit], self.scales, strict=True)]
        return tuple(dot(terms, column) for column in zip(*self.rows, strict=True))


@dataclass
class Count:
    """What was compared for one second-layer unit."""

    facets: int = 0
    folds: int = 0
    wrong: int = 0
    angles: list[float] = field(default_factory=list)


def first_layers(net: cpa.Network) -> FirstLayers:
    """Read them off a network with statistics.

    Raises:
        BadArgument: It does not begin like that.
    """
    require_chain(net)
    kinds = [type(layer) for layer in net.layers[:6]]
    expected = [cpa.Linear, cpa.BatchNorm, None, cpa.Linear, cpa.BatchNorm, None]
    fits = [
        kind is want if want else issubclass(kind, ACTIVATIONS)
        for kind, want in zip(kinds, expected, strict=False)
    ]
    if len(fits) < len(expected) or not all(fits):
        names = ", ".join(layer.type for layer in net.layers[:6])
        raise cpa.BadArgument(f"expected linear, batchnorm, activation twice to begin with, got {names}")
    first, norm, bend, second, other, _ = net.layers[:6]
    weights = [[s * v for v in row] for s, row in zip(other.scales(), second.weight, strict=True)]
    slopes = tuple(bend_of(bend, j).slopes for j in range(len(first.weight)))
    return FirstLayers(first.weight, norm.scales(), slopes, tuple(map(tuple, weights)))


def box_of(points: Points) -> cpa.Box:
    """The box of the points, half as large again."""
    columns = list(zip(*points, strict=True))
    quarter = [(max(column) - min(column)) / 4 for column in columns]
    return cpa.Box(
        [min(column) - q for column, q in zip(columns, quarter, strict=True)],
        [max(column) + q for column, q in zip(columns, quarter, strict=True)],
    )


def gradients_of(cell: cpa.cell.Cell, piece: dict[Unit, int]) -> dict[int, Vector]:
    """Second-layer unit -> its gradient on a cell, from the cell's rows ``-+ gradient <= offset``."""
    found = {}
    for row in cell.rows:
        if row.unit is not None and row.unit[0] == 1:
            found[row.unit[1]] = tuple(-a if piece[row.unit] else a for a in row.normal)
    return found


def compare(net: cpa.Network, formula: FirstLayers, domain: cpa.Box) -> dict[int, Count]:
    """Second-layer unit -> what was compared, over the whole partition."""
    part = cpa.enumerate_cells(first_two(net), domain)
    names = [(unit.layer, unit.index) for unit in part.form.units]
    pieces = [dict(zip(names, row, strict=True)) for row in part.patterns.tolist()]
    first = [tuple(piece for (layer, _), piece in row.items() if layer == 0) for row in pieces]
    gradients = [gradients_of(part.cell(i), pieces[i]) for i in range(len(part))]
    counts = {unit: Count() for unit in range(len(formula.weights))}
    for i, j in part.graph().edges():
        for unit, count in counts.items():
            zero = (Fraction(0),) * net.input
            here, there = (gradients[k].get(unit, zero) for k in (i, j))
            difference = tuple(b - a for a, b in zip(here, there, strict=True))
            count.facets += 1
            count.wrong += difference != formula.jump(unit, first[i], first[j])
    for unit, square, sign, expected in folds(part, formula, first):
        counts[unit].folds += 1
        counts[unit].wrong += (square, sign) != expected
        counts[unit].angles.append(degrees(atan2(sqrt(1 - square), sign * sqrt(square))))
    return counts


def first_two(net: cpa.Network) -> cpa.Network:
    """The network up to its second activation: what comes later folds nothing of the second layer."""
    return cpa.Network(net.input, net.layers[:6])


def folds(
    part: cpa.Partition, formula: FirstLayers, first: list[tuple[int, ...]]
) -> Iterator[tuple[int, Fraction, int, tuple[Fraction, int]]]:
    """Of every fold the unit, squared cosine and sign, and both again from the weights alone."""
    parents = parents_of(part, 1)
    for at in breakpoints_of(part):
        for fold in folds_of(part, parents, at, Metric()) if at.unit.layer == 1 else ():
            a, b = (formula.gradient(at.unit.index, first[cell]) for cell in fold.cells)
            product = dot(a, b)
            expected = product * product / (dot(a, a) * dot(b, b)), (product > 0) - (product < 0)
            yield at.unit.index, fold.cosine_squared, fold.sign, expected


def main(arguments: list[str] | None = None) -> int:
    """Examine, show, judge."""
    start = time.perf_counter()
    network, data = "networks/training/figure.json", "sets/arch.json"
    options = parser_of(__doc__, network=network, data=data, size=5, means="networks").parse_args(arguments)
    net, points = instance_of(options)
    domain, counts = box_of(points), []
    for number, one in enumerate(drawn(net, seed=options.seed, size=options.size)):
        frozen = cpa.freeze(one, points)
        counts += [
            (number, unit, count) for unit, count in compare(frozen, first_layers(frozen), domain).items()
        ]
    rows = [
        [
            f"{number}: {unit}",
            count.facets,
            count.folds,
            *[f"{f(count.angles):.1f}" if count.angles else "-" for f in (min, max)],
            count.wrong,
        ]
        for number, unit, count in counts
    ]
    print(f"{len(points)} points, {options.size} networks\n")
    print(
        table(["network: unit", "facets compared", "folds", "least angle", "largest", "wrong"], rows) + "\n"
    )
    verdicts, holds = examine_statements(["A8a"], net, points)
    print(table(["statement", "verdict", ""], verdicts))
    folded, wrong = sum(count.folds for *_, count in counts), sum(count.wrong for *_, count in counts)
    why = f"{wrong} gradients or angles differ from the formula" if wrong else "nothing folds"
    return conclude(
        __doc__, holds=holds and folded > 0 == wrong, why=why, value=folded, start=start, wrong=wrong
    )


if __name__ == "__main__":
    sys.exit(run(main))
