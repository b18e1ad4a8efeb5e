"""The report over a family of mini-batches: exact distributions, and what is told of them.

Main definitions:
    MinibatchReport, LayerReport, UnitReport, ShiftReport: The result; immutable.

Conventions:
    Shifts are against the network with the statistics of all data.  Signs, shifts and decisions are counted over the
    batches that give a network; means and variances also over those that stop at that layer.
    Signs of a sample at all layers are one text, "+-0|+-", a bar between layers.

Not here:
    How it is computed: `minibatches`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.batch_families import Batch, Family
from exactcpa.distributions import Distribution, rough_text
from exactcpa.domain import Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadArgument, shown
from exactcpa.integer_steps import Place
from exactcpa.minibatch_laws import SamplingLaw, Translation
from exactcpa.minibatch_record import BatchRecord
from exactcpa.numbers import exact_text

LONGEST = 4000
"""Digits up to which a moment is written exactly in JSON; sums over quotients by rounded roots are longer."""


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """How a unit's hyperplane moves in its layer's own feature space.

    Attributes:
        breakpoint: The value of the activation's bend.
        norm_squared: Of the hyperplane's normal w.
        level: Where all data put it, along w.
        offsets: Signed ``c_B - c`` along w, in units of |w|.
    """

    breakpoint: Fraction
    norm_squared: Fraction
    level: Fraction
    offsets: Distribution

    def squared_distances(self) -> Distribution:
        """Squared distances between the batch's and all data's hyperplane, ``(c_B - c)^2 / |w|^2``."""
        return self.offsets.mapped(lambda offset: offset * offset / self.norm_squared)

    def mean_squared_distance(self) -> Fraction:
        """The expectation of the squared distance; raises as `Distribution.expectation`."""
        return self.offsets.mean_square() / self.norm_squared

    def greatest_squared_distance(self) -> Fraction:
        """The largest squared distance; raises as `Distribution.least`."""
        return max(self.offsets.least() ** 2, self.offsets.greatest() ** 2) / self.norm_squared


@dataclass(frozen=True, slots=True)
class UnitReport:
    """The statistics of one coordinate of a batchnorm.

    Attributes:
        mean, variance: Over the batches; the variance is biased.
        full_mean, full_variance: Of all data; None if all data give no network up to here.
        shifts: One a breakpoint; none where there is no hyperplane.
        law: The identities of sampling without replacement, where they apply and all batches were taken.
    """

    mean: Distribution
    variance: Distribution
    full_mean: Fraction | None
    full_variance: Fraction | None
    shifts: tuple[ShiftReport, ...]
    law: SamplingLaw | None


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One batchnorm layer: its place (inside residual blocks the block's number first) and its units."""

    place: Place
    units: tuple[UnitReport, ...]


@dataclass(frozen=True, slots=True)
class MinibatchReport:
    """What a family of mini-batches makes of a network.

    Attributes:
        family: Which mini-batches.
        full: The record of all data as one batch.
        layers: One a batchnorm.
        patterns: One a sample: the signs of its switching functions.
        whole_patterns: The signs at all samples together, samples joined by blanks.
        decisions: One a sample, then one a query.
        correct: Number of samples decided as their label; None without labels.
        cells: Number of cells of the mini-batch networks on the domain; None if no partitions were asked for.
        full_cells: The same for all data.
        domain: Where.
        undefined: Why batches give no network -> how many.
        first_undefined: The first such batch, or None.
        translations: Statement A11' on single batches; empty if it does not apply.
        no_translations: Why it does not apply, or an empty text.
        seconds: Of the computation.
    """

    family: Family
    full: BatchRecord
    layers: tuple[LayerReport, ...]
    patterns: tuple[Distribution, ...]
    whole_patterns: Distribution
    decisions: tuple[Distribution, ...]
    correct: Distribution | None
    cells: Distribution | None
    full_cells: int | None
    domain: Domain | None
    undefined: Distribution
    first_undefined: Batch | None
    translations: tuple[Translation, ...]
    no_translations: str
    seconds: float

    def __str__(self) -> str:
        stops = f", {self.undefined.total:,} of them without a network" if self.undefined else ""
        return f"{self.family}{stops}"

    @property
    def laws_hold(self) -> bool | None:
        """Whether statement A11 holds for every unit it is about; None if it was about none."""
        laws = [unit.law for layer in self.layers for unit in layer.units if unit.law is not None]
        return all(law.holds for law in laws) if laws else None

    @property
    def translations_are_rigid(self) -> bool | None:
        """Whether statement A11' holds for every batch it was examined on; None if on none."""
        return all(found.is_rigid for found in self.translations) if self.translations else None

    def sign_counts(self, layer: int, sample: int) -> tuple[dict[str, int], ...]:
        """For every switching function of an activation layer how often its sign at a sample is -, 0, +.

        Args:
            layer: Number of the activation layer, from 0; negative ones count from the end.
            sample: Number of the sample, likewise.

        Returns:
            One a switching function; empty if no batch gives a network.

        Raises:
            BadArgument: No such layer or no such sample.
        """
        signs = self.patterns[_position(sample, len(self.patterns), "sample")]
        if not signs:
            return ()
        words = next(iter(signs)).split("|")
        number = _position(layer, len(words), "activation layer")
        counts = tuple({"-": 0, "0": 0, "+": 0} for _ in words[number])
        for text, count in signs.items():
            for entry, sign in zip(counts, text.split("|")[number], strict=True):
                entry[sign] += count
        return counts

    def unsteady_signs(self, layer: int) -> tuple[int, int]:
        """How many (sample, switching function) pairs of a layer have one sign in all batches, and how many not.

        Raises:
            BadArgument: No such layer.
        """
        steady = moving = 0
        for sample in range(len(self.patterns)):
            for entry in self.sign_counts(layer, sample):
                alone = sum(count > 0 for count in entry.values()) <= 1
                steady, moving = steady + alone, moving + (not alone)
        return steady, moving

    def to_json(self, *, distributions: bool = True) -> dict[str, Any]:
        """The report as JSON: exact numbers as text, distributions as objects from value to count.

        Args:
            distributions: Whether to write every value with its count; else their least, greatest and moments only.
        """

        def told(distribution: Distribution | None) -> dict[str, Any] | None:
            return None if distribution is None else _distribution_json(distribution, full=distributions)

        return {
            "samples": self.family.samples,
            "size": self.family.size,
            "batches": len(self.family),
            "batches_in_all": self.family.total,
            "exhaustive": self.family.is_exhaustive,
            "seed": self.family.seed,
            "undefined": dict(self.undefined),
            "first_undefined": None if self.first_undefined is None else list(self.first_undefined),
            "layers": [
                {
                    "layer": list(layer.place),
                    "units": [_unit_json(unit, told, full=distributions) for unit in layer.units],
                }
                for layer in self.layers
            ],
            "patterns": [told(entry) for entry in self.patterns],
            "distinct_patterns": len(self.whole_patterns),
            "full_patterns": list(self.full.patterns),
            "decisions": [dict(entry) for entry in self.decisions],
            "full_decisions": list(self.full.decisions),
            "correct": told(self.correct),
            "domain": None if self.domain is None else domain_to_json(self.domain),
            "cells": told(self.cells),
            "full_cells": self.full_cells,
            "laws_hold": self.laws_hold,
            "translations": [_translation_json(found) for found in self.translations],
            "no_translations": self.no_translations,
            "seconds": self.seconds,
        }


def _position(i: object, count: int, of: str) -> int:
    """The number of one of several; negative ones count from the end."""
    article = "an" if of[0] in "aeiou" else "a"
    try:
        number = operator.index(i)
    except TypeError:
        raise BadArgument(f"expected the number of {article} {of}, got {shown(i)}") from None
    if not -count <= number < count:
        raise BadArgument(f"expected the number of {article} {of} below {count}, got {number}")
    return number % count


def _unit_json(unit: UnitReport, told: Any, *, full: bool) -> dict[str, Any]:
    return {
        "mean": told(unit.mean),
        "variance": told(unit.variance),
        "full_mean": _number(unit.full_mean),
        "full_variance": _number(unit.full_variance),
        "shifts": [_shift_json(shift, told, full=full) for shift in unit.shifts],
        "law_holds": None if unit.law is None else unit.law.holds,
    }


def _shift_json(shift: ShiftReport, told: Any, *, full: bool) -> dict[str, Any]:
    facts = {
        "breakpoint": _number(shift.breakpoint),
        "norm_squared": _number(shift.norm_squared),
        "level": _number(shift.level),
        "offsets": told(shift.offsets),
    }
    if shift.offsets:
        facts["mean_squared_distance"] = _number(shift.mean_squared_distance())
        facts["greatest_squared_distance"] = _number(shift.greatest_squared_distance())
    return facts | {"squared_distances": shift.squared_distances().to_json()} if full else facts


def _distribution_json(distribution: Distribution, *, full: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"cases": distribution.total, "values": len(distribution)}
    if distribution and not isinstance(next(iter(distribution)), str):
        expectation, variance = distribution.moments()
        facts |= {
            "least": _number(Fraction(distribution.least())),
            "greatest": _number(Fraction(distribution.greatest())),
            "expectation": _number(expectation),
            "variance": _number(variance),
        }
    return facts | {"counts": distribution.to_json()} if full else facts


def _number(q: Fraction | None) -> Any:
    """Exact text; of a number of very many digits their number and a rounded decimal."""
    if q is None:
        return None
    digits = max(q.numerator.bit_length(), q.denominator.bit_length()) * 3 // 10
    return exact_text(q) if digits <= LONGEST else {"about": rough_text(q, 17), "digits": digits}


def _translation_json(found: Translation) -> dict[str, Any]:
    return {
        "batch": list(found.batch),
        "shift": [exact_text(x) for x in found.shift],
        "lines": found.lines,
        "lines_moved": found.lines_moved,
        "cells": found.cells,
        "cells_moved": found.cells_moved,
        "batch_cells": found.batch_cells,
    }
