"""Counting the records of mini-batches into exact distributions.

Main definitions:
    Tally: Counts records one by one; `report` closes it.

Conventions:
    Means and variances of every batch that reaches a layer are counted; everything behind only of batches that give a
    network.

Not here:
    What a record is: `minibatch_record`.  What is told in the end: `minibatch_summary`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from exactcpa.batch_families import Batch, Family
from exactcpa.distributions import Distribution
from exactcpa.domain import Domain
from exactcpa.hyperplane_shifts import Fold, level
from exactcpa.integer_steps import Place, Statistics
from exactcpa.minibatch_laws import Translation, sampling_law
from exactcpa.minibatch_record import BatchRecord
from exactcpa.minibatch_summary import LayerReport, MinibatchReport, ShiftReport, UnitReport


class Tally:
    """Counts records; `report` closes it."""

    def __init__(
        self,
        all_folds: Sequence[Fold],
        full: BatchRecord,
        labels: tuple[int, ...] | None,
        lawful: Place | None,
    ) -> None:
        self._full = full
        self._lawful = lawful
        self._labels = None if labels is None else [str(label) for label in labels]
        self._reference = {entry.place: entry for entry in full.statistics}
        self._folds = [fold for fold in all_folds if self._level(fold, self._reference) is not None]
        self._levels = [self._level(fold, self._reference) for fold in self._folds]
        self._means: dict[tuple[Place, int], Counter] = {}
        self._variances: dict[tuple[Place, int], Counter] = {}
        self._shifts = [Counter() for _ in self._folds]
        self._patterns: list[Counter] = []
        self._whole: Counter = Counter()
        self._decisions: list[Counter] = []
        self._correct: Counter = Counter()
        self._cells: Counter = Counter()
        self._stops: Counter = Counter()
        self._first_stop: Batch | None = None

    def add(self, record: BatchRecord) -> None:
        """Count one record."""
        for entry in record.statistics:
            for table, values in ((self._means, entry.mean), (self._variances, entry.variance)):
                for unit, value in enumerate(values):
                    table.setdefault((entry.place, unit), Counter())[value] += 1
        if record.stop:
            self._stops[record.stop] += 1
            self._first_stop = self._first_stop or record.batch
            return
        found = {entry.place: entry for entry in record.statistics}
        for fold, reference, counter in zip(self._folds, self._levels, self._shifts, strict=True):
            here = self._level(fold, found)
            if here is not None:
                counter[here - reference] += 1
        patterns = record.patterns
        self._whole[" ".join(patterns)] += 1
        self._count_each(self._patterns, patterns)
        self._count_each(self._decisions, record.decisions)
        if self._labels is not None:
            pairs = zip(record.decisions, self._labels, strict=False)
            self._correct[sum(a == b for a, b in pairs)] += 1
        if record.cells is not None:
            self._cells[record.cells] += 1

    def report(
        self,
        family: Family,
        domain: Domain | None,
        translations: tuple[Translation, ...],
        reason: str,
        full_cells: int | None,
        start: float,
        *,
        has_partitions: bool,
    ) -> MinibatchReport:
        """Everything counted, as an immutable report."""
        return MinibatchReport(
            family=family,
            full=self._full,
            layers=self._layers(family),
            patterns=tuple(map(Distribution, self._patterns)),
            whole_patterns=Distribution(self._whole),
            decisions=tuple(map(Distribution, self._decisions)),
            correct=None if self._labels is None else Distribution(self._correct),
            cells=Distribution(self._cells) if has_partitions else None,
            full_cells=full_cells,
            domain=domain,
            undefined=Distribution(self._stops),
            first_undefined=self._first_stop,
            translations=translations,
            no_translations=reason,
            seconds=time.perf_counter() - start,
        )

    @staticmethod
    def _level(fold: Fold, found: dict[Place, Statistics]) -> Fraction | None:
        return level(fold, found[fold.place]) if fold.place in found else None

    @staticmethod
    def _count_each(counters: list[Counter], texts: Sequence[str]) -> None:
        if not counters:
            counters.extend(Counter() for _ in texts)
        for counter, text in zip(counters, texts, strict=True):
            counter[text] += 1

    def _layers(self, family: Family) -> tuple[LayerReport, ...]:
        places = list(dict.fromkeys(place for place, _ in self._means))
        widths = Counter(place for place, _ in self._means)
        return tuple(
            LayerReport(
                place,
                tuple(self._unit(family, place, k) for k in range(widths[place])),
            )
            for place in places
        )

    def _unit(self, family: Family, place: Place, unit: int) -> UnitReport:
        means, variances = (Distribution(table[place, unit]) for table in (self._means, self._variances))
        full = self._reference.get(place)
        shifts = [
            ShiftReport(fold.breakpoint, fold.norm_squared, reference, Distribution(counter))
            for fold, reference, counter in zip(self._folds, self._levels, self._shifts, strict=True)
            if (fold.place, fold.unit) == (place, unit)
        ]
        law = None
        if family.is_exhaustive and place == self._lawful and full is not None:
            both = (full.mean[unit], full.variance[unit])
            law = sampling_law(family.samples, family.size, both, means, variances)
        return UnitReport(
            means,
            variances,
            None if full is None else full.mean[unit],
            None if full is None else full.variance[unit],
            tuple(shifts),
            law,
        )
