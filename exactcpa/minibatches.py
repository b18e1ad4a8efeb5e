"""Mini-batches, exhaustively: what every batch of a data set makes of a network, exactly.

Batch normalisation in training mode gives, batch by batch, another piecewise-affine network.  This module makes all
of them, or a seeded part, and counts exactly what they are: statistics, hyperplanes, signs at the samples, decisions,
partitions.

Main definitions:
    minibatch_report: All of it over a family of batches.
    minibatch_networks: The networks themselves, one after the other.
    Count: How far a run is.

Conventions:
    Deployed reading.  The network of a batch is `statistics.freeze` of it: deep layers have the statistics that the
    batch has there.  Partitions are of a part of the family that is drawn with the same seed.

References:
    Ioffe and Szegedy, Batch normalization (2015).

Not here:
    Records: `minibatch_record`.  The result: `minibatch_summary`.  What a batch computes, in integers: `integer_steps`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exactcpa.batch_families import Batch, Family, choose_family, draw, read_count
from exactcpa.data_file import Data, load_data
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadArgument, BadFile, BadNetwork, DimensionMismatch, located, shown
from exactcpa.hyperplane_shifts import folds
from exactcpa.integer_steps import Around, Normalise, Place, Step
from exactcpa.minibatch_file import RecordFile, head_of
from exactcpa.minibatch_laws import Translation, first_layer, rigid_translation
from exactcpa.minibatch_record import BatchRecord, Prepared, examine, frozen_network, prepare
from exactcpa.minibatch_summary import MinibatchReport
from exactcpa.minibatch_tally import Tally
from exactcpa.network import Network, Vector
from exactcpa.vectors import coordinates

LIMIT = 20_000
"""Batches up to which all are taken unless another bound is given."""
TRANSLATIONS = 4
"""Batches on which statement A11' is examined cell by cell unless told otherwise, at most."""
INTERVAL = 0.2
"""Seconds between two updates of the progress line."""


@dataclass(frozen=True, slots=True)
class Count:
    """How far a run is.

    Attributes:
        batches: Done so far.
        total: To do in all.
        partitions: Enumerated so far.
        seconds: Since the start.
    """

    batches: int
    total: int
    partitions: int
    seconds: float

    def __str__(self) -> str:
        share = 100 * self.batches / max(1, self.total)
        return f"{self.batches:>9,} of {self.total:,} batches  {share:5.1f} %  {self.partitions:,} partitions"


@dataclass(frozen=True, slots=True)
class MinibatchNetwork:
    """A mini-batch and its network; None instead of the network if the batch gives none, the record says why."""

    batch: Batch
    network: Network | None
    record: BatchRecord


def minibatch_networks(
    net: Network,
    data: Any,
    size: int,
    *,
    limit: int | None = LIMIT,
    seed: int = 0,
) -> Iterator[MinibatchNetwork]:
    """Make the networks of all mini-batches, or of a seeded part, one after the other.

    Args and Raises as `minibatch_report`; it raises when the first network is asked for.
    """
    read = read_data(net, data)
    family = choose_family(len(read), size, limit, seed)
    prepared = prepare(net, read.points)
    for batch in family:
        record = examine(prepared, batch)
        network = None if record.stop else frozen_network(net, record)
        yield MinibatchNetwork(batch, network, record)


def minibatch_report(
    net: Network,
    data: Any,
    size: int,
    *,
    limit: int | None = LIMIT,
    seed: int = 0,
    queries: Sequence[Sequence[Any]] = (),
    domain: Domain | None = None,
    partitions: int = 0,
    translations: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[Count], object] | None = None,
) -> MinibatchReport:
    """Examine all mini-batches of a size, or a seeded part of them, exactly.

    Args:
        net: A network with batchnorm layers.
        data: Whatever `load_data` reads; labels are compared with the decisions.
        size: Of the mini-batches.
        limit: Up to so many all batches are taken; of more, this many are drawn without repetition.  None: all.
        seed: For what is drawn: batches, and those whose partition is made.
        queries: Points whose decisions are told, too.
        domain: Where partitions are made; None: the box around the samples, twice as wide.
        partitions: For how many batches; at most as many as there are.
        translations: On how many of these statement A11' is examined cell by cell; None: some.
        out: File for the records (JSON lines); a cut run goes on where it was.
        progress: True for a line on stderr, a function that is called with a `Count`, or None.

    Returns:
        The report.

    Raises:
        BadArgument: A number out of its range.
        BadNetwork: No batchnorm, or one that `statistics.freeze` refuses.
        DimensionMismatch: The data, a query or the domain are of another dimension than the network's input.
        BadFile: The data or the records cannot be read, or the file holds another run.

    Example:
        >>> from exactcpa.network import Linear, ReLU, TrainingBatchNorm
        >>> net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0), ReLU()))
        >>> report = minibatch_report(net, [[0], [1], [3]], 2)
        >>> print(report.layers[0].units[0].mean)
        3 cases, 3 values from 1/2 to 2
        >>> report.laws_hold
        True
    """
    start = time.perf_counter()
    read = read_data(net, data)
    family = choose_family(len(read), size, limit, seed)
    points = tuple(_query(net, number, point) for number, point in enumerate(queries))
    wanted = _at_most(partitions, "partitions", len(family))
    examined = _at_most(translations, "translations", len(family), min(wanted, TRANSLATIONS))
    where = _domain(net, domain, read.points) if wanted or examined else None
    prepared = prepare(net, read.points, points)
    picks = draw(len(family), wanted, seed)
    plan = _Plan(prepared, family, seed, frozenset(picks), where)
    full = examine(prepared, range(len(read)))
    tally = Tally(folds(net), full, read.labels, lawful_place(prepared.steps))
    moved: list[Batch] = []
    moving = frozenset(_spread(picks, examined) if examined <= wanted else draw(len(family), examined, seed))
    with _Line(progress) as line:
        done = 0
        for number, record in enumerate(_records(plan, out)):
            tally.add(record)
            done += record.cells is not None
            if number in moving and not record.stop:
                moved.append(record.batch)
            line.update(number + 1, len(family), done)
    found, reason = _translations(net, read.points, moved, where)
    full_cells = None
    if wanted and where is not None and not full.stop:
        full_cells = len(enumerate_cells(frozen_network(net, full), where, facets=False))
    return tally.report(family, where, found, reason, full_cells, start, has_partitions=bool(wanted))


def read_data(net: Network, data: Any) -> Data:
    """Read data and compare its dimension with the network's input."""
    if not isinstance(net, Network):
        raise BadArgument(
            f"expected a network (load_network reads one), got {type(net).__name__}: {shown(net)}"
        )
    read = load_data(data)
    if read.dimension != net.input:
        raise DimensionMismatch(f"the network has {net.input} inputs, the data {read.dimension} coordinates")
    return read


def surrounding_box(points: Sequence[Vector]) -> Box:
    """The box around points, moved out by half its width on each side (by 1 where it has none).

    Example:
        >>> from fractions import Fraction
        >>> print(surrounding_box([(Fraction(0), Fraction(2)), (Fraction(1), Fraction(2))]))
        [-1/2, 3/2] x [1, 3]
    """
    columns = list(zip(*points, strict=True))
    margins = [(max(column) - min(column)) / 2 or 1 for column in columns]
    pairs = list(zip(columns, margins, strict=True))
    return Box([min(c) - m for c, m in pairs], [max(c) + m for c, m in pairs])


def lawful_place(steps: Sequence[Step]) -> Place | None:
    """The first batchnorm, if it has statistics a coordinate: those that statement A11 is about."""
    for step in steps:
        match step:
            case Normalise():
                return step.place if step.pixels == 1 else None
            case Around():
                return lawful_place(step.steps)
    return None


def _query(net: Network, number: int, point: Sequence[Any]) -> Vector:
    with located(f"query {number}"):
        return coordinates(point, net.input)


def _at_most(value: object, name: str, most: int, default: int = 0) -> int:
    return default if value is None else min(read_count(value, name, 0), most)


def _spread(picks: Sequence[int], count: int) -> Sequence[int]:
    """So many of the picks, evenly spread."""
    return [picks[k * len(picks) // count] for k in range(count)]


def _domain(net: Network, domain: object, points: Sequence[Vector]) -> Domain:
    if domain is None:
        return surrounding_box(points)
    if not isinstance(domain, Box | Polytope | Slice):
        raise BadArgument(f"expected a Box, Polytope or Slice, got {type(domain).__name__}: {shown(domain)}")
    if domain.ambient != net.input:
        raise DimensionMismatch(f"the network has {net.input} inputs, the domain is in R^{domain.ambient}")
    return domain


# Running.


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is computed: the family, and the numbers of the batches whose partition is made."""

    prepared: Prepared
    family: Family
    seed: int
    picks: frozenset[int]
    domain: Domain | None


def _records(plan: _Plan, out: str | os.PathLike[str] | None) -> Iterator[BatchRecord]:
    """All records in the order of the family, from the file as far as it has them."""
    if out is None:
        for number, batch in enumerate(plan.family):
            yield _record(plan, number, batch)
        return
    prepared = plan.prepared
    domain = plan.domain if plan.picks else None
    head = head_of(
        prepared.network, prepared.samples, prepared.queries, plan.family, domain, plan.seed, len(plan.picks)
    )
    with RecordFile(out, head) as store:
        batches = enumerate(plan.family)
        for kept in store.kept():
            number, batch = next(batches, (-1, ()))
            has_cells = number in plan.picks and not kept.stop
            if kept.batch != batch or (kept.cells is not None) != has_cells:
                raise BadFile(f"{out}: expected the record of batch {shown(batch)}, got {shown(kept.batch)}")
            yield kept
        for number, batch in batches:
            if store.is_complete:
                raise BadFile(f"{out}: ends before the record of batch {shown(batch)}")
            record = _record(plan, number, batch)
            store.append(record)
            yield record
        store.finish()


def _record(plan: _Plan, number: int, batch: Batch) -> BatchRecord:
    record = examine(plan.prepared, batch)
    if number not in plan.picks or record.stop or plan.domain is None:
        return record
    network = frozen_network(plan.prepared.network, record)
    return record.with_cells(len(enumerate_cells(network, plan.domain, facets=False)))


def _translations(
    net: Network, samples: Sequence[Vector], batches: Sequence[Batch], window: Domain | None
) -> tuple[tuple[Translation, ...], str]:
    """Statement A11' on some batches, or why it does not apply."""
    if not batches or window is None:
        return (), "not asked for"
    try:
        first_layer(net)
    except BadNetwork as reason:
        return (), str(reason)
    return tuple([rigid_translation(net, samples, batch, window) for batch in batches]), ""


class _Line:
    """Tells how far a run is: to a function, to a line on stderr, or to nobody."""

    def __init__(self, wanted: object) -> None:
        if not (wanted is None or isinstance(wanted, bool) or callable(wanted)):
            raise BadArgument(f"expected progress to be True, False, None or a function, got {shown(wanted)}")
        self._report = wanted if callable(wanted) else None
        self._is_shown = wanted is True
        self._start = self._last = time.perf_counter()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            sys.stderr.write("\n")

    def update(self, batches: int, total: int, partitions: int) -> None:
        """Take note of one more batch."""
        now = time.perf_counter()
        if self._report is not None:
            self._report(Count(batches, total, partitions, now - self._start))
        if self._is_shown and (now - self._last >= INTERVAL or batches == total):
            self._last = now
            sys.stderr.write(f"\r{Count(batches, total, partitions, now - self._start)}  ")
            sys.stderr.flush()
