"""Exact margins: how far a point is from the nearest point of another class, in l2, l1 or l_inf.

Main definitions:
    margin: Of one point, with a certificate if one is wanted.
    margins: Of many points; one that fails does not lose the others.
    Margin, Failure: The answers.

Conventions:
    The class of a point is that of its largest output; of one output, 1 above the threshold and 0 below.  The margin is
    the distance to the nearest point of the closed domain where another output is as large; where outputs tie it is 0.
    Everything is in the domain's own coordinates.  Values of l2 are squares.  A point whose class is not its label is
    `misclassified`: it has no margin, value is None, and the distance to its label's class is not computed.

Not here: the search (`margin_search`), the certificate (`margin_file`), the decision boundary as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any

from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.errors import (
    BadArgument,
    CertificateRejected,
    DimensionMismatch,
    ExactcpaError,
    OutsideDomain,
    WorkerLost,
    located,
    shown,
)
from exactcpa.ideal import IdealNetwork
from exactcpa.lots import in_lots
from exactcpa.margin_file import write_certificate
from exactcpa.margin_ground import Ground, ground_of
from exactcpa.network import Network
from exactcpa.norms import rough_length
from exactcpa.numbers import exact_text, exactly
from exactcpa.staged_search import nearest_rival
from exactcpa.vectors import Vector, coordinates, vector_text

EXACT, NONE, MISCLASSIFIED = "exact", "no other class", "misclassified"
ROOM = Fraction(1, 10)
"""The default domain: the bounding box of the points, each side moved out by this share of its length."""


@dataclass(frozen=True, slots=True)
class Margin:
    """The margin of a point.

    Attributes:
        status: "exact"; "no other class" (nowhere in the domain, proved); "misclassified" (not of its label's class).
        value: The distance, exactly; of l2 its square; None unless the status is "exact".
        value_is_squared: Whether it is the square.
        norm: "2", "1" or "inf".
        weights: Shape ``(d,)``, or None for ones.
        point: The point.
        nearest: A nearest point of another class, or None.
        pair: The point's class and the other one (None without one).
        label: The label, if one was given.
        cells: Cells visited.
    """

    status: str
    value: Fraction | None
    value_is_squared: bool
    norm: str
    weights: Vector | None
    point: Vector
    nearest: Vector | None
    pair: tuple[int, int | None]
    label: int | None
    cells: int

    @property
    def distance(self) -> float | None:
        """The distance, rounded; infinite if there is no other class, None if misclassified."""
        if self.value is None:
            return inf if self.status == NONE else None
        return rough_length(self.value, is_squared=self.value_is_squared)

    def __str__(self) -> str:
        if self.value is None:
            return self.status
        size = f"sqrt({exact_text(self.value)})" if self.value_is_squared else exact_text(self.value)
        return f"{size} (about {self.distance:.6g}), class {self.pair[0]} to {self.pair[1]}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A point that has no answer, and why.

    Attributes:
        point: The point as it was given.
        reason: One sentence.
        kind: The name of the error's class.
    """

    point: Any
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def margin(
    network: Network,
    point: Sequence[Any],
    domain: Domain | None = None,
    *,
    norm: object = "2",
    weights: Sequence[Any] | None = None,
    label: int | None = None,
    threshold: object = None,
    certificate: str | os.PathLike[str] | None = None,
) -> Margin:
    """The distance of a point to the nearest point of another class, exactly, without enumerating everything.

    Args:
        network: Several outputs, or one that is compared with a threshold.
        point: Shape ``(d,)``, in the domain's own coordinates.
        domain: Where; by default the box of half-width 1 around the point.
        norm: "2", "1" or "inf".
        weights: Shape ``(d,)``, positive: coordinate j of a difference is divided by ``weights[j]`` first.
        label: The class the point should have.
        threshold: Of one output; 0 by default.
        certificate: A file to write, which `check` accepts without this code.

    Raises:
        BadArgument: Not a network, norm, weight, label or threshold as above.
        DimensionMismatch: The point or the weights have another length.
        OutsideDomain: The point is not in the domain.
        BadFile: The certificate cannot be written.

    Example:
        >>> from exactcpa import Box, Linear, Network, ReLU
        >>> tent = Network(1, (Linear([[1], [-1]], [0, 0]), ReLU(), Linear([[1, 1]], [-1])))
        >>> print(margin(tent, ["1/3"], Box([-2], [2]), norm="inf"))
        2/3 (about 0.666667), class 0 to 1
    """
    _require_network(network)
    if domain is None:
        at = coordinates(_plain_point(point), network.input)
        domain = Box([q - 1 for q in at], [q + 1 for q in at])
    ground = _ground(network, domain, norm, weights, threshold)
    return _margin_at(ground, point, label, has_weights=weights is not None, file=certificate)


def margins(
    network: Network,
    points: Iterable[Sequence[Any]],
    domain: Domain | None = None,
    *,
    norm: object = "2",
    weights: Sequence[Any] | None = None,
    labels: Sequence[int] | None = None,
    threshold: object = None,
    certificates: str | os.PathLike[str] | None = None,
    workers: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> list[Margin | Failure]:
    """The margins of many points; what they share is made once.

    Args:
        network: As in `margin`.
        points: One after the other.
        domain: As in `margin`; by default `domain_around` all points.
        norm: As in `margin`.
        weights: As in `margin`.
        labels: One a point, or None.
        threshold: As in `margin`.
        certificates: A folder; point i has its certificate in ``<i>.cpa`` there.
        workers: Processes.  A point whose process dies, also alone, is a `Failure`.
        progress: Called with the number of points done, and of all.

    Returns:
        A `Margin` or a `Failure` for every point, in order.

    Raises:
        BadArgument: What would fail for every point, or not as many labels as points.
        CertificateRejected: A certificate does not prove its margin: a bug of this package, which loses all points.
    """
    _require_network(network)
    require_points(points)
    if labels is not None and not (isinstance(labels, Iterable) and hasattr(labels, "__len__")):
        raise BadArgument(f"expected labels, one a point, got {shown(labels)}")
    rows = [
        tuple(point) if isinstance(point, Iterable) and not isinstance(point, str) else point
        for point in points
    ]
    if labels is not None and len(labels) != len(rows):
        raise BadArgument(f"expected {len(rows)} labels, one a point, got {len(labels)}")
    require_workers(workers)
    chosen = domain_around(rows, network.input) if domain is None else domain
    ground = _ground(network, chosen, norm, weights, threshold)
    tasks = [
        (number, row, None if labels is None else labels[number], _file_of(certificates, number))
        for number, row in enumerate(rows)
    ]
    settings = (network, chosen, norm, weights, threshold)
    found: list[Margin | Failure] = []
    steps = (
        _one_by_one(ground, tasks, settings) if workers == 1 else _shared(ground, tasks, settings, workers)
    )
    for answer in steps:
        found.append(answer)
        if progress is not None:
            progress(len(found), len(rows))
    return found


def domain_around(points: Sequence[Sequence[Any]], dimension: int) -> Box:
    """The bounding box of points, each side moved out by a tenth of its length (by 1 where it is flat).

    Points that are none of this dimension are left out.

    Raises:
        BadArgument: No point is left.
    """
    rows = []
    for point in points:
        try:
            rows.append(coordinates(_plain_point(point), dimension))
        except ExactcpaError:
            continue
    if not rows:
        raise BadArgument("expected at least one point, from which a domain follows; give a domain")
    lower, upper = [], []
    for column in zip(*rows, strict=True):
        low, high = min(column), max(column)
        room = (high - low) * ROOM or Fraction(1)
        lower.append(low - room)
        upper.append(high + room)
    return Box(lower, upper)


Task = tuple[int, Any, int | None, str | None]


def _one_by_one(
    ground: Ground, tasks: Sequence[Task], settings: tuple[Any, ...]
) -> Iterator[Margin | Failure]:
    for number, point, label, file in tasks:
        yield _attempt(ground, number, point, label, has_weights=settings[3] is not None, file=file)


def _shared(
    ground: Ground, tasks: Sequence[Task], settings: tuple[Any, ...], workers: int
) -> Iterator[Margin | Failure]:
    """The same by processes; the first point is measured here, so that the kernels are compiled once."""
    yield from _one_by_one(ground, tasks[:1], settings)
    yield from in_lots(_lot, settings, tasks[1:], workers, _lost)


def _lot(settings: tuple[Any, ...], tasks: Sequence[Task]) -> list[Margin | Failure]:
    return list(_one_by_one(_ground(*settings), tasks, settings))


def _lost(task: Task) -> Failure:
    return lost_point(task[1])


def lost_point(point: Any) -> Failure:
    """What is told of a point whose process died."""
    reason = "the process that measured this point died, and died again: is there enough memory?"
    return Failure(point, reason, WorkerLost.__name__)


def require_points(points: object) -> None:
    """They can be taken one after the other.

    Raises:
        BadArgument: They cannot.
    """
    if isinstance(points, str) or not isinstance(points, Iterable):
        raise BadArgument(f"expected points, one after the other, got {shown(points)}")


def require_workers(workers: object) -> None:
    """It is a number of processes.

    Raises:
        BadArgument: It is not.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise BadArgument(f"expected workers to be a whole number from 1 on, got {shown(workers)}")


def _attempt(
    ground: Ground, number: int, point: Any, label: int | None, *, has_weights: bool, file: str | None
) -> Margin | Failure:
    try:
        return _margin_at(ground, point, label, has_weights=has_weights, file=file)
    except CertificateRejected as error:  # a bug of this package, not of the point: nothing is to be trusted
        raise CertificateRejected(f"point {number}, {error}") from error
    except ExactcpaError as error:
        return Failure(point, str(error), type(error).__name__)


def _margin_at(
    ground: Ground,
    point: Any,
    label: int | None,
    *,
    has_weights: bool,
    file: str | os.PathLike[str] | None,
) -> Margin:
    """The margin of one point."""
    with located("the point"):
        at = coordinates(_plain_point(point), ground.dimension)
    if not ground.domain.contains(at):
        raise OutsideDomain(f"expected a point of {ground.domain}, got {vector_text(at)}")
    best = ground.scores(at).best
    wanted = None if label is None else _label(label, ground.classes)
    mine = best[0] if wanted is None else wanted
    metric = ground.measure
    shared = (metric.is_squared, metric.norm, metric.weights if has_weights else None, at)
    if mine not in best:
        return Margin(MISCLASSIFIED, None, *shared, None, (best[0], None), wanted, 0)
    if len(best) > 1:
        rival = next(j for j in best if j != mine)
        answer = Margin(EXACT, Fraction(0), *shared, at, (mine, rival), wanted, 0)
    else:
        found = nearest_rival(ground, at, mine)
        status = NONE if found.value is None else EXACT
        answer = Margin(status, found.value, *shared, found.nearest, (mine, found.rival), wanted, found.cells)
    if file is not None:
        write_certificate(ground, answer, file)
    return answer


def _label(label: object, classes: int) -> int:
    if isinstance(label, bool):
        raise BadArgument(f"expected a label from 0 to {classes - 1}, got {shown(label)}")
    number = exactly(label)
    if number.denominator != 1 or not 0 <= number < classes:
        raise BadArgument(f"expected a label from 0 to {classes - 1}, got {shown(label)}")
    return int(number)


def _plain_point(point: object) -> tuple[Any, ...]:
    if isinstance(point, str) or not isinstance(point, Iterable):
        raise BadArgument(f"expected a point, a list of numbers, got {shown(point)}")
    return tuple(point)


def _file_of(folder: str | os.PathLike[str] | None, number: int) -> str | None:
    return None if folder is None else os.path.join(os.fspath(folder), f"{number}.cpa")


def _require_network(network: object) -> None:
    if isinstance(network, IdealNetwork):
        raise BadArgument(
            "expected a network of rationals, got the ideal reading: its margins are not offered yet"
        )
    if not isinstance(network, Network):
        raise BadArgument(
            f"expected a network (load_network reads one), got {type(network).__name__}: {shown(network)}"
        )


def _ground(network: Network, domain: object, norm: object, weights: Any, threshold: object) -> Ground:
    if not isinstance(domain, Box | Polytope | Slice):
        raise BadArgument(f"expected a Box, Polytope or Slice, got {type(domain).__name__}: {shown(domain)}")
    if domain.ambient != network.input:
        raise DimensionMismatch(
            f"the network has {network.input} inputs, the domain is in R^{domain.ambient}"
        )
    return ground_of(network, domain, norm=norm, weights=weights, threshold=threshold)
