"""Margins of samples under every mini-batch: how near batch normalisation lets the decision boundary come.

Every mini-batch freezes other statistics, so every one moves the decision boundary.  For each sample: its exact margin
under the network of all data, under the network of every mini-batch of a family, and under the same weights without
batchnorm (statement A12' of the ledger: a measurement).

Main definitions:
    margin_jitter: The measurement.
    MarginJitter: The report.
    SampleMargins: What it says about one sample.

Conventions:
    Deployed reading.  Margins are of the class that the sample has under the network at hand; a mini-batch that gives
    it another class than all data do *flips* it, and then its least margin is 0.  Margins of l2 are squares.  None:
    there is no other class in the domain.

Not here: margins (`point_margins`), the networks (`minibatches`, `placement_variants`), one linear unit
(A12 of the ledger).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from exactcpa.batch_families import Batch, Family, choose_family, draw, read_count
from exactcpa.distributions import Distribution, rough_text
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import (
    BadArgument,
    BadNetwork,
    DimensionMismatch,
    shown,
)
from exactcpa.minibatch_record import BatchRecord, decision_text, examine, frozen_network, prepare
from exactcpa.minibatches import read_data, surrounding_box
from exactcpa.network import Network
from exactcpa.norms import Measure, measure, rough_length
from exactcpa.numbers import exact_text
from exactcpa.placement_variants import COMPARISONS, variants
from exactcpa.point_margins import Failure, Margin, margins
from exactcpa.tables import aligned
from exactcpa.vectors import Vector

LIMIT = 200
"""Mini-batches that are taken unless another bound is given: every one is as many margins as there are samples."""


@dataclass(frozen=True, slots=True)
class MarginUnder:
    """A sample's margin under one network.

    Attributes:
        decision: Its class; of tied outputs all, "0=2".
        value: The margin (in l2 its square); None if no other class is in the domain.
        nearest: A nearest point of another class, or None.
        error: Why there is no answer, or an empty text.
    """

    decision: str
    value: Fraction | None
    nearest: Vector | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SampleMargins:
    """The margins of one sample.

    Attributes:
        number: Of the sample in the data.
        full: Under the network of all data.
        batches: By mini-batch, those that give a network.
        others: By variant without batchnorm.
    """

    number: int
    full: MarginUnder
    batches: Mapping[Batch, MarginUnder] = field(repr=False)
    others: Mapping[str, MarginUnder]

    @property
    def flips(self) -> int:
        """How many mini-batches give the sample another class than all data."""
        return sum(under.decision != self.full.decision for under in self.batches.values())

    @property
    def kept(self) -> Distribution:
        """The margins under the mini-batches that keep the class; without those that see no other in the domain."""
        return _distribution(under for under in self.batches.values() if under.decision == self.full.decision)

    @property
    def least(self) -> Fraction | None:
        """The least margin over the mini-batches: 0 if one flips the sample; None if there is none at all."""
        if self.flips:
            return Fraction(0)
        return self.kept.least() if self.kept else None

    @property
    def least_batch(self) -> Batch | None:
        """A mini-batch with the least margin, or one that flips the sample."""
        kept = {batch: under for batch, under in self.batches.items() if under.decision == self.full.decision}
        flipping = next((batch for batch in self.batches if batch not in kept), None)
        values = {batch: under.value for batch, under in kept.items() if under.value is not None}
        return flipping if flipping is not None else min(values, key=values.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class MarginJitter:
    """The margins of samples under a family of mini-batches.

    Attributes:
        family: Which mini-batches.
        domain: Where other classes count.
        measure: The norm.
        samples: One entry a sample that was measured.
        stopped: Mini-batches that give no network.
        networks: How many were measured.
    """

    family: Family
    domain: Domain
    measure: Measure
    samples: tuple[SampleMargins, ...]
    stopped: tuple[Batch, ...]
    networks: int

    @property
    def shrinkage(self) -> list[float]:
        """For every sample with margins, the least margin as a share of that under all data, as lengths, rounded."""
        pairs = [(s.least, s.full.value) for s in self.samples]
        return [_root(a / b, self.measure) for a, b in pairs if a is not None and b]

    @property
    def has_failures(self) -> bool:
        """Whether a margin has no answer."""
        return any(
            under.error
            for sample in self.samples
            for under in (sample.full, *sample.batches.values(), *sample.others.values())
        )

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object; every value exactly."""
        return {
            "format": "exactcpa-margin-jitter",
            "version": 1,
            "norm": self.measure.norm,
            "weights": [exact_text(w) for w in self.measure.weights],
            "values_are_squares": self.measure.is_squared,
            "domain": domain_to_json(self.domain),
            "family": str(self.family),
            "without_network": [list(batch) for batch in self.stopped],
            "samples": [_sample_json(sample) for sample in self.samples],
        }

    def lines(self) -> Iterator[str]:
        """The report for people: decimals are lengths, rounded."""
        yield from aligned(
            [
                ("mini-batches", str(self.family)),
                ("without network", str(len(self.stopped))),
                ("norm", str(self.measure)),
                ("domain", str(self.domain)),
            ]
        )
        names = list(self.samples[0].others) if self.samples else []
        yield ""
        yield (
            "margins; a star: the weights without batchnorm give the sample another class"
            if names
            else "margins"
        )
        yield "  ".join(
            [
                f"{name:>11}"
                for name in ("sample", "class", "all data", "least", "mean", "greatest", "flips", *names)
            ]
        )
        for sample in self.samples:
            yield "  ".join([f"{entry:>11}" for entry in self._row(sample)])

    def _row(self, sample: SampleMargins) -> list[str]:
        kept = [_root(value, self.measure) for value, n in sample.kept.items() for _ in range(n)]
        numbers = [min(kept), sum(kept) / len(kept), max(kept)] if kept else ["-"] * 3
        texts = [n if isinstance(n, str) else f"{n:.5g}" for n in numbers]
        others = [self._text(under, sample.full.decision) for under in sample.others.values()]
        told = [self._text(sample.full), *texts, str(sample.flips), *others]
        return [str(sample.number), sample.full.decision, *told]

    def _text(self, under: MarginUnder, decision: str = "") -> str:
        """A margin, with a star if it is of another class than expected."""
        star = "*" if decision and under.decision != decision else ""
        if under.error:
            return "failed"
        return ("-" if under.value is None else f"{_root(under.value, self.measure):.5g}") + star


def margin_jitter(
    net: Network,
    data: Any,
    size: int,
    *,
    norm: object = "2",
    weights: Sequence[Any] | None = None,
    domain: Domain | None = None,
    samples: int | None = None,
    limit: int | None = LIMIT,
    seed: int = 0,
    compare: Sequence[str] = COMPARISONS,
    progress: bool | Callable[[int, int], object] | None = None,
) -> MarginJitter:
    """Measure the exact margins of samples under all mini-batch networks of a family.

    Args:
        net: A network with batchnorm layers.
        data: Whatever `load_data` reads; labels do not count.
        size: Of the mini-batches.
        norm: "2", "1" or "inf".
        weights: Of the norm, shape ``(d,)``, positive; None: ones.
        domain: A box or polytope of input space; None: the box around the data, twice as wide.
        samples: How many samples are measured, drawn with the seed; None: all in the domain.
        limit: Up to so many mini-batches all are taken; of more, this many are drawn.  None: all.
        seed: Of what is drawn: mini-batches, samples, random biases.
        compare: Variants of the same weights without batchnorm: "zero-bias", "random-bias".
        progress: True for a line on stderr, a function called with networks done and in all, or None.

    Raises:
        BadArgument: A number out of its range, an unknown variant, a slice.
        BadNetwork: No batchnorm, one that `statistics.freeze` refuses, or all data give no network.
        DimensionMismatch: Data or domain of another dimension than the network's input.

    Example:
        >>> from exactcpa.layers import Linear, ReLU, TrainingBatchNorm
        >>> net = Network(1, (Linear([[1]], [0]), TrainingBatchNorm(epsilon=0)))
        >>> report = margin_jitter(net, [[-3], [0], [6]], 2, norm="1", compare=())
        >>> [str(sample.full.value) for sample in report.samples], [sample.flips for sample in report.samples]
        (['4', '1', '5'], [0, 1, 0])
    """
    read = read_data(net, data)
    where = surrounding_box(read.points) if domain is None else domain
    if not isinstance(where, Box | Polytope | Slice):
        raise BadArgument(f"expected a box or a polytope, got {type(where).__name__}: {shown(where)}")
    if where.dimension != net.input or where.ambient != net.input:
        raise DimensionMismatch(f"expected a domain in R^{net.input} that is no slice, got {where}")
    metric = measure(norm, net.input, weights)
    family = choose_family(len(read), size, limit, seed)
    prepared = prepare(net, read.points)
    full = examine(prepared, range(len(read)))
    if full.stop:
        raise BadNetwork(f"expected data that give a network; {full.stop}")
    frozen = frozen_network(net, full)
    inside = [k for k, point in enumerate(read.points) if where.contains(point)]
    count = len(inside) if samples is None else min(read_count(samples, "samples", 1), len(inside))
    chosen = [inside[k] for k in draw(len(inside), count, seed)]
    points = [read.points[k] for k in chosen]
    others = variants(net, frozen, compare, seed=seed)[1:]
    told = _Told(progress, 1 + len(others) + len(family))

    def measured(network: Network, decisions: Sequence[str]) -> list[MarginUnder]:
        found = margins(network, points, where, norm=metric.norm, weights=metric.weights)
        told.one_more()
        return [_under(entry, decision) for entry, decision in zip(found, decisions, strict=True)]

    by_full = measured(frozen, _of(full, chosen))
    by_other = {v.name: measured(v.network, _decided(v.network, points)) for v in others}
    by_batch: dict[Batch, list[MarginUnder]] = {}
    stopped: list[Batch] = []
    for batch in family:
        record = examine(prepared, batch)
        if record.stop:
            stopped.append(batch)
            told.one_more()
        else:
            by_batch[batch] = measured(frozen_network(net, record), _of(record, chosen))
    told.end()
    entries = [
        SampleMargins(
            number,
            by_full[k],
            {batch: found[k] for batch, found in by_batch.items()},
            {name: found[k] for name, found in by_other.items()},
        )
        for k, number in enumerate(chosen)
    ]
    return MarginJitter(family, where, metric, tuple(entries), tuple(stopped), told.done - len(stopped))


def _under(found: Margin | Failure, decision: str) -> MarginUnder:
    if isinstance(found, Failure):
        return MarginUnder(decision, None, None, str(found))
    return MarginUnder(decision, found.value, found.nearest)


def _of(record: BatchRecord, chosen: Sequence[int]) -> list[str]:
    return [record.decisions[k] for k in chosen]


def _decided(network: Network, points: Sequence[Vector]) -> list[str]:
    return [decision_text(network.forward(point)) for point in points]


def _distribution(found: Iterator[MarginUnder]) -> Distribution:
    counts: dict[Fraction, int] = {}
    for under in found:
        if under.value is not None:
            counts[under.value] = counts.get(under.value, 0) + 1
    return Distribution(counts)


def _root(value: Fraction, metric: Measure) -> float:
    """A margin as a rounded length, for people."""
    return rough_length(value, is_squared=metric.is_squared)


def _sample_json(sample: SampleMargins) -> dict[str, Any]:
    least = sample.least_batch
    return {
        "sample": sample.number,
        "full": _under_json(sample.full),
        "flips": sample.flips,
        "least_batch": None
        if least is None
        else {"batch": list(least), **_under_json(sample.batches[least])},
        "margins": sample.kept.to_json(),
        "others": {name: _under_json(under) for name, under in sample.others.items()},
    }


def _under_json(under: MarginUnder) -> dict[str, Any]:
    if under.error:
        return {"class": under.decision, "error": under.error}
    value = (
        None
        if under.value is None
        else {"exact": exact_text(under.value), "decimal": rough_text(under.value)}
    )
    nearest = None if under.nearest is None else [exact_text(x) for x in under.nearest]
    return {"class": under.decision, "value": value, "nearest": nearest}


class _Told:
    """Tells how many networks are done: to a function, to a line on stderr, or to nobody."""

    def __init__(self, wanted: object, total: int) -> None:
        if not (wanted is None or isinstance(wanted, bool) or callable(wanted)):
            raise BadArgument(f"expected progress to be True, False, None or a function, got {shown(wanted)}")
        self._report = wanted if callable(wanted) else None
        self._is_shown = wanted is True
        self._total, self.done = total, 0

    def one_more(self) -> None:
        """One more network is done."""
        self.done += 1
        if self._report is not None:
            self._report(self.done, self._total)
        if self._is_shown:
            sys.stderr.write(f"\r{self.done:,} of {self._total:,} networks  ")
            sys.stderr.flush()

    def end(self) -> None:
        """All are done."""
        if self._is_shown:
            sys.stderr.write("\n")
