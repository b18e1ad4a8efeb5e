"""Distance from a point to the boundary of the partition: its nearest switching hyperplane, exactly.

Inside a cell no enumeration is needed.  The way to any other cell leaves the point's own one through its boundary, so
the nearest hyperplane of the units, as they are on that cell, counts: the least of ``|h(x)| / |grad h|`` (statement
A6), or, where that foot is outside the domain, the distance to the hyperplane within the domain.  One unit's whole bent
hyperplane is the decision boundary of the network up to it.

Main definitions:
    PartitionDistance: The answer.
    partition_distance: From one point.
    partition_distances: From many, with one preparation.

Conventions:
    Points, norms and weights are in the domain's own coordinates (``t`` of a slice); without a domain, all of input
    space.  Values of l2 are squares.  The boundary of the partition is the union of the facets that cells share: a
    hyperplane that only touches the domain is no part of it, a unit that is flat on the cell neither.

References: statement A6 of the ledger; Jordan, Lewis and Dimakis, Provable certificates
for adversarial examples (2019), section 3.

Not here: networks up to a unit (`unit_networks`), the distance to another class (`point_margins`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.cell import IntegerRow, integer_row, unit_slacks, walls_of
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.errors import (
    BadArgument,
    CertificateRejected,
    DimensionMismatch,
    ExactcpaError,
    OutsideDomain,
    shown,
)
from exactcpa.exact_lines import ExactLines
from exactcpa.exact_points import common
from exactcpa.lots import in_lots
from exactcpa.margin_ground import Ground, ground_of
from exactcpa.nearest_on import nearest_on
from exactcpa.network import Network
from exactcpa.norms import Measure, measure
from exactcpa.own_cell import Crossing, Floor, least_value, pattern_at
from exactcpa.patterns import Place, places_of
from exactcpa.point_margins import Failure, lost_point, require_points, require_workers
from exactcpa.staged_search import nearest_rival
from exactcpa.switch_form import switch_form
from exactcpa.unit_networks import unit_questions
from exactcpa.vectors import Vector, coordinates, dot, vector_text

Unit = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PartitionDistance:
    """The distance from a point to the nearest boundary of cells.

    Attributes:
        value: The distance; in l2 its square; None if the domain is one cell.
        measure: The norm and its weights.
        point: Where it is measured from.
        nearest: A nearest point of the boundary, or None.
        unit: A unit that switches there, or None.
        units: All units of the point's cell with that same switching hyperplane, by layer and index.
        row: The hyperplane there, ``(n_1, .., n_d, b)`` for ``<n, y> = b``; None if there is none, where cells meet at
            the point itself, and if one unit was asked about.
    """

    value: Fraction | None
    measure: Measure
    point: Vector
    nearest: Vector | None
    unit: Unit | None
    units: tuple[Unit, ...]
    row: IntegerRow | None

    @property
    def value_is_squared(self) -> bool:
        """Whether the value is a square."""
        return self.measure.is_squared

    def __str__(self) -> str:
        at = f"{self.measure} distance from {vector_text(self.point)} to the boundary of the partition"
        if self.value is None or self.nearest is None:
            return f"{at}: there is none"
        value = f"sqrt({self.value})" if self.value_is_squared else str(self.value)
        return f"{at}: {value}, at {vector_text(self.nearest)} of unit {self.unit}"


def partition_distance(
    net: Network,
    point: Sequence[Any],
    domain: Domain | None = None,
    *,
    norm: object = "2",
    weights: Sequence[Any] | None = None,
    unit: Unit | None = None,
) -> PartitionDistance:
    """The exact distance from a point to the nearest switching hyperplane, or to one unit's bent hyperplane.

    Args:
        net: The network.
        point: Shape ``(d,)``, in the domain.
        domain: Where; None: all of input space.
        norm: "2", "1" or "inf".
        weights: Shape ``(d,)``, positive; None: ones.
        unit: ``(layer, index)``; then its bent hyperplane alone counts, in all of the domain, which must be given.
            Where the unit is at a breakpoint on a whole cell, that cell belongs to it.

    Raises:
        BadArgument: No network, domain, norm or unit, or a network in the ideal reading.
        DimensionMismatch: Domain, point or weights of another dimension.
        OutsideDomain: The point is not in the domain.

    Example:
        >>> from exactcpa.layers import Linear, ReLU
        >>> net = Network(2, (Linear([[3, 4], [1, 0]], [0, 2]), ReLU()))
        >>> print(partition_distance(net, [1, 1]))
        l2 distance from (1, 1) to the boundary of the partition: sqrt(49/25), at (4/25, -3/25) of unit (0, 0)
    """
    return _Measurer(net, domain, norm, weights, unit)(point)


def partition_distances(
    net: Network,
    points: Iterable[Sequence[Any]],
    domain: Domain | None = None,
    *,
    norm: object = "2",
    weights: Sequence[Any] | None = None,
    unit: Unit | None = None,
    workers: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> list[PartitionDistance | Failure]:
    """The same from many points; one that fails does not lose the others.

    Args and Raises as `partition_distance`, but for the points; workers and progress as in `margins`.
    """
    require_workers(workers)
    require_points(points)
    rows, settings = list(points), (net, domain, norm, weights, unit)
    measurer = _Measurer(*settings)
    answers = map(measurer.attempt, rows)
    if workers > 1:
        answers = in_lots(_lot, settings, rows, workers, lost_point)
    found: list[PartitionDistance | Failure] = []
    for answer in answers:
        found.append(answer)
        if progress is not None:
            progress(len(found), len(rows))
    return found


def _lot(settings: tuple[Any, ...], points: Sequence[Any]) -> list[PartitionDistance | Failure]:
    return list(map(_Measurer(*settings).attempt, points))


class _Measurer:
    """Measures from points of a domain, to all units' hyperplanes or to those of one."""

    def __init__(
        self, net: Network, domain: Domain | None, norm: object, weights: object, unit: Unit | None
    ) -> None:
        _require_arguments(net, domain)
        self._domain = domain
        self._dimension = net.input if domain is None else domain.dimension
        metric = measure(norm, self._dimension, weights)  # type: ignore[arg-type]
        if unit is None:
            self._nearest_to = _Cells(net, domain, metric).nearest_to
        elif domain is None:
            raise BadArgument(
                "expected a domain with a unit: its bent hyperplane is followed through all of it"
            )
        else:
            self._nearest_to = _Bent(net, domain, metric, unit).nearest_to

    def attempt(self, point: Any) -> PartitionDistance | Failure:
        """The same, or why there is no answer."""
        try:
            return self(point)
        except CertificateRejected:
            raise
        except ExactcpaError as error:
            return Failure(point, str(error), type(error).__name__)

    def __call__(self, point: Sequence[Any]) -> PartitionDistance:
        """The distance from a point; raises as `partition_distance`."""
        if isinstance(point, str) or not isinstance(point, Iterable):
            raise BadArgument(f"expected a point, a list of numbers, got {shown(point)}")
        x = coordinates(tuple(point), self._dimension)
        if self._domain is not None and not self._domain.contains(x):
            raise OutsideDomain(f"expected a point of {self._domain}, got {vector_text(x)}")
        return self._nearest_to(x)


class _Bent:
    """One unit's bent hyperplane within a domain."""

    def __init__(self, net: Network, domain: Domain, metric: Measure, unit: Unit) -> None:
        questions = unit_questions(net, unit)
        self._metric, self._unit = metric, (int(unit[0]), int(unit[1]))
        given = {"norm": metric.norm, "weights": metric.weights}
        self._grounds = [ground_of(q.network, domain, threshold=q.threshold, **given) for q in questions]

    def nearest_to(self, x: Vector) -> PartitionDistance:
        """The nearest point where the unit is at a breakpoint, or tied."""
        found = [self._crossing(ground, x) for ground in self._grounds]
        value, nearest = min(
            [pair for pair in found if pair[0] is not None], key=lambda pair: pair[0], default=(None, None)
        )
        unit, units = (None, ()) if value is None else (self._unit, (self._unit,))
        return PartitionDistance(value, self._metric, x, nearest, unit, units, None)

    def _crossing(self, ground: Ground, x: Vector) -> tuple[Fraction | None, Vector | None]:
        best = ground.scores(x).best
        if len(best) > 1:
            return Fraction(0), x
        found = nearest_rival(ground, x, best[0])
        return found.value, found.nearest


@dataclass(frozen=True, slots=True)
class _Wall:
    """A switching hyperplane of the cell, of which all units have this one.

    Attributes:
        row: ``<n, y> <= b`` on the cell.
        gap: ``b - <n, x>``, positive.
        bound: The distance to the hyperplane in all of space; in l2 its square.
        units: In order.
    """

    row: IntegerRow
    gap: Fraction
    bound: Fraction
    units: tuple[Unit, ...]


class _Cells:
    """A network on a domain, ready for the cell of any point."""

    def __init__(self, net: Network, domain: Domain | None, metric: Measure) -> None:
        d = len(metric.weights)
        self._measure = metric
        # Without a domain any box says which coordinates are meant.
        form = switch_form(net, Box([0] * d, [1] * d) if domain is None else domain)
        self._lines = ExactLines(form)
        self._places: tuple[Place, ...] = places_of(form)
        self._floor: Floor = least_value(domain, d)
        self._domain_rows = [] if domain is None else walls_of(domain)

    def nearest_to(self, x: Vector) -> PartitionDistance:
        """The nearest point of the boundary of the partition."""
        pattern = pattern_at(self._lines, common(x), self._floor)
        if isinstance(pattern, Crossing):
            unit = pattern.unit
            return PartitionDistance(Fraction(0), self._measure, x, x, unit, (unit,), None)
        walls = self._walls(pattern, x)
        best: tuple[Fraction, Vector, _Wall] | None = None
        for wall in sorted(walls, key=lambda w: w.bound):
            if best is not None and wall.bound >= best[0]:
                break
            found = self._reach(wall, x)
            if found is not None and (best is None or found[0] < best[0]):
                best = (*found, wall)
        if best is None:
            return PartitionDistance(None, self._measure, x, None, None, (), None)
        value, nearest, wall = best
        self._require_boundary(value, nearest, x, walls)
        return PartitionDistance(value, self._measure, x, nearest, wall.units[0], wall.units, wall.row)

    def _walls(self, pattern: int, x: Vector) -> list[_Wall]:
        """The switching hyperplanes of a cell, each once."""
        units: dict[IntegerRow, list[Unit]] = {}
        for unit in self._lines.form.units:
            for _, slack in unit_slacks(self._lines, self._places, pattern, unit):
                if any(slack[:-1]):
                    units.setdefault(integer_row(slack), []).append((unit.layer, unit.index))
        found = []
        for row, names in units.items():
            gap = row[-1] - _dot(row, x)
            if gap > 0:  # one that goes through the point without crossing there only touches the domain
                size = self._measure.dual(row[:-1])
                bound = gap * gap / size if self._measure.is_squared else gap / size
                found.append(_Wall(row, gap, bound, tuple(dict.fromkeys(names))))
        return found

    def _reach(self, wall: _Wall, x: Vector) -> tuple[Fraction, Vector] | None:
        """The nearest point of a hyperplane within the domain; None if the domain does not go beyond it."""
        slack = [-a for a in wall.row[:-1]] + [wall.row[-1]]
        least = self._floor(slack)
        if least is not None and least >= 0:
            return None
        foot = _foot(wall, x, self._measure)
        if all(_dot(row, foot) <= row[-1] for row in self._domain_rows):
            return wall.bound, foot
        metric = self._measure
        found = nearest_on(self._domain_rows, x, norm=metric.norm, weights=metric.weights, equality=wall.row)
        if found is None:
            raise CertificateRejected(
                "partition distance: the domain is on both sides of a row but not on it"
            )
        return found.value, found.point

    def _require_boundary(self, value: Fraction, nearest: Vector, x: Vector, walls: Sequence[_Wall]) -> None:
        """The nearest point is at that distance, in the domain and in the closed cell of the point."""
        rows = [*self._domain_rows, *[wall.row for wall in walls]]
        if any(_dot(row, nearest) > row[-1] for row in rows):
            raise CertificateRejected("partition distance: the nearest point is beyond a row of the cell")
        if self._measure.length([a - b for a, b in zip(nearest, x, strict=True)]) != value:
            raise CertificateRejected("partition distance: the nearest point is at another distance")


def _foot(wall: _Wall, x: Vector, metric: Measure) -> Vector:
    """The nearest point of a hyperplane in all of space; of several in l1 and l_inf, one."""
    normal, weights = wall.row[:-1], metric.weights
    scaled = [n * w for n, w in zip(normal, weights, strict=True)]
    match metric.norm:
        case "2":
            steps = [s * wall.gap / dot(scaled, scaled) for s in scaled]
        case "1":
            most = max(range(len(scaled)), key=lambda j: abs(scaled[j]))
            steps = [wall.gap / s if j == most else Fraction(0) for j, s in enumerate(scaled)]
        case _:
            steps = [wall.bound * ((s > 0) - (s < 0)) for s in scaled]
    return tuple([a + w * step for a, w, step in zip(x, weights, steps, strict=True)])


def _dot(row: Sequence[int], point: Vector) -> Fraction:
    """The inner product with the row's normal."""
    return sum([n * y for n, y in zip(row, point, strict=False)], Fraction(0))


def _require_arguments(net: object, domain: object) -> None:
    if not isinstance(net, Network):
        raise BadArgument(
            f"expected a network in the deployed reading, got {type(net).__name__}: {shown(net)}"
        )
    if domain is not None and not isinstance(domain, Box | Polytope | Slice):
        raise BadArgument(f"expected a Box, Polytope or Slice, got {type(domain).__name__}: {shown(domain)}")
    if domain is not None and domain.ambient != net.input:
        raise DimensionMismatch(f"the network has {net.input} inputs, the domain is in R^{domain.ambient}")
