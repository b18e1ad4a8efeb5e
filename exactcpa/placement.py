"""The placement report: what batch normalisation does to every unit's hyperplane, exactly, against none.

For a network with batchnorm frozen on a batch, and for the same weights without it (biases zero, or random), the report
tells of every unit where its hyperplane lies: in its layer's feature space against the batch, and bent through the
real partition of input space against every sample; and of the partition how it treats the data.

Main definitions:
    batchnorm_report: The verb.

Conventions:
    Mode *full*: the statistics are those of all samples; *train*: of the stated ones; *eval*: the network's own.  The
    batch of feature-space numbers and of means is that of the statistics (eval: all samples); distances and windows
    are told of all samples.  Distances are squared.
    The default domain is the bounding box of the samples, every side moved outward by a quarter (the margin) of the
    longest side.  Windows are not cut off by the domain.

References: Riedi, Balestriero and Baraniuk, and Balestriero and Baraniuk, Batch normalization explained (2022).

Not here: the value and its written forms (`placement_report`), each family of numbers (`placement_units`,
`placement_distances`, `placement_folds`, `placement_windows`), the networks compared (`placement_variants`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from exactcpa.comparison import compare as compare_partitions
from exactcpa.data_file import load_data
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadArgument, BadNetwork, DimensionMismatch, located, shown
from exactcpa.ideal import IdealNetwork
from exactcpa.network import BatchNorm, Network, TrainingBatchNorm
from exactcpa.numbers import exactly
from exactcpa.partition import Partition
from exactcpa.placement_distances import (
    Reach,
    metric_of,
    place_samples,
    to_bent_hyperplane,
    to_boundary,
)
from exactcpa.placement_folds import Fold, folds_of
from exactcpa.placement_ideal import ideal_hyperplanes, training
from exactcpa.placement_parents import Parent, breakpoints_of, parents_of, pieces_of
from exactcpa.placement_report import BatchnormReport, Table
from exactcpa.placement_units import FeatureNumbers, UnitState, hyperplanes, key_of, unit_states
from exactcpa.placement_variants import COMPARISONS, Variant, all_layers, normalised_stages, variants
from exactcpa.placement_windows import count_cells
from exactcpa.real_quotients import root, total
from exactcpa.stages import stages
from exactcpa.statistics import freeze
from exactcpa.vectors import Vector

MODES, READINGS = ("full", "train", "eval"), ("deployed", "ideal")
WINDOW, MARGIN = Fraction(1, 10), Fraction(1, 4)
MOST_INPUTS = 6
"""Inputs beyond which a domain has to be given: the whole box has too many cells."""

COLUMNS = {
    "variants": (
        "variant",
        "cells",
        "shared_facets",
        "linear_regions",
        "bending",
        "dead",
        "always_on",
        "flat",
    ),
    "units": (
        *("variant", "layer", "unit", "breakpoint", "normalised", "state", "flat_cells", "centroid_residual"),
        *(
            "mean_squared",
            "rms_distance",
            "optimum",
            "excess",
            "positive",
            "zero",
            "negative",
            "input_mean_squared",
            "folds",
        ),
        "widest_fold_degrees",
    ),
    "samples": (
        "variant",
        "sample",
        "cells",
        "boundary_squared",
        "nearest_boundary_point",
        "off_slice_squared",
    ),
    "distances": ("variant", "layer", "unit", "breakpoint", "sample", "squared", "nearest_point"),
    "folds": (
        *(
            "variant",
            "layer",
            "unit",
            "breakpoint",
            "cell",
            "cell_across",
            "facet_of",
            "cosine_squared",
            "sign",
        ),
        "degrees",
    ),
    "windows": ("variant", "centre", "sample", "radius", "open_cells", "closed_cells", "volume", "density"),
}
Rows = dict[str, list[tuple[Any, ...]]]


def batchnorm_report(
    net: Network,
    data: Any,
    *,
    mode: str = "full",
    batch: Sequence[int] | None = None,
    reading: str = "deployed",
    compare: Sequence[str] = COMPARISONS,
    seed: int = 0,
    biases: Mapping[Any, Sequence[Any]] | None = None,
    window: Any = WINDOW,
    domain: Domain | None = None,
    margin: Any = MARGIN,
    progress: bool | Callable[[str], object] | None = None,
) -> BatchnormReport:
    """Measure exactly where the hyperplanes of a network lie, with batch normalisation and without.

    Args:
        net: A network, with batchnorm layers if anything is to be compared.
        data: The samples: a `Data`, or anything `load_data` reads.
        mode: ``"full"``, ``"train"`` or ``"eval"``.
        batch: Numbers of the samples whose statistics are used; for mode train, and only there.
        reading: ``"deployed"``, or ``"ideal"``: then many numbers are sums of square roots or quotients of such.
        compare: ``"zero-bias"`` and ``"random-bias"``, or some of them.
        seed: Of the random biases.
        biases: Layer number -> bias in ``random-bias``, instead of drawn ones.
        window: Radius of the windows, positive.
        domain: `Box`, `Polytope` or `Slice`; on a slice everything is within it.
        margin: Of the default domain, as a share of the longest side of the samples' box.
        progress: True for a line on stderr, a function that is told every step, or None.

    Returns:
        The settings and six tables, ``report[name]``: ``variants`` (the partition of each network compared, in
        numbers), ``units`` (every hyperplane in its feature space), ``samples`` (distance of each to the nearest
        boundary), ``distances`` (of each to every bent hyperplane), ``folds`` (where these bend, and by which angle),
        ``windows`` (cells round the centroid and round each sample).

    Raises:
        BadArgument: An argument that is none of these.
        BadNetwork: Mode eval without statistics; a unit constant on the batch with epsilon 0.
        DimensionMismatch: Samples or a domain that do not fit the network.
    """
    samples = load_data(data).points
    _require(net, samples, mode, reading, domain)
    chosen = _batch(samples, mode, batch)
    radius, where = _positive(window, "window"), domain or _default_domain(samples, _share(margin))
    compared = variants(net, _frozen(net, chosen, mode, reading), compare, seed=seed, biases=biases)
    rows: Rows = {name: [] for name in COLUMNS}
    tell = _teller(progress)
    for variant in compared:
        _Measurement(variant, where, samples, chosen, radius, tell).add_to(rows)
    tell("")
    settings = {
        "mode": mode,
        "reading": reading,
        "samples": len(samples),
        "batch": "all" if mode != "train" else tuple(batch or ()),
        "domain": str(where),
        "margin": None if domain is not None else _share(margin),
        "window": radius,
        "seed": seed,
        "biases": {variant.name: MappingProxyType(dict(variant.biases)) for variant in compared[1:]},
    }
    if reading == "ideal":
        settings |= _compared_readings(net, compared[0].network, chosen, mode, where)
    tables = {name: Table(name, COLUMNS[name], tuple(entries)) for name, entries in rows.items()}
    return BatchnormReport(MappingProxyType(settings), MappingProxyType(tables))


class _Measurement:
    """One variant: its partition, and everything that is measured on it."""

    def __init__(
        self,
        variant: Variant,
        domain: Domain,
        samples: Sequence[Vector],
        batch: Sequence[Vector],
        radius: Fraction,
        tell: Callable[[str], object],
    ) -> None:
        self.variant, self.domain, self.samples, self.batch = variant, domain, samples, batch
        self.radius, self.tell = radius, tell

    def add_to(self, rows: Rows) -> None:
        """Add the rows of this variant to all tables."""
        name, net = self.variant.name, self.variant.network
        self.tell(f"{name}: cells")
        part = enumerate_cells(net, self.domain)
        lowered = stages(net)
        parents = [parents_of(part, layer) for layer in range(len(lowered) - 1)]
        states = unit_states(part, lowered, parents)
        rows["variants"].append((name, *_totals(part, states)))
        self._add_units(rows, part, parents, states)
        self._add_samples(rows, part)
        self._add_windows(rows)

    def _add_units(
        self,
        rows: Rows,
        part: Partition,
        parents: Sequence[tuple[Parent, ...]],
        states: Mapping[tuple[int, int], UnitState],
    ) -> None:
        name, net = self.variant.name, self.variant.network
        is_ideal = isinstance(net, IdealNetwork)
        numbers = ideal_hyperplanes(net, self.batch) if is_ideal else hyperplanes(stages(net), self.batch)
        normalised = normalised_stages(net.network if isinstance(net, IdealNetwork) else net)
        places = place_samples(self.domain, self.samples)
        members = [self.samples.index(point) for point in self.batch]
        metric = metric_of(self.domain)
        every = breakpoints_of(part)
        for number, at in enumerate(every):
            self.tell(f"{name}: unit {number + 1} of {len(every)}")
            layer, unit, k = key_of(at)
            pieces = pieces_of(part, parents[layer], at)
            reaches = to_bent_hyperplane(part, pieces, places)
            folds = folds_of(part, parents[layer], at, metric)
            head = (name, layer, unit, k)
            rows["distances"] += [(*head, i, *_reached(reach)) for i, reach in enumerate(reaches)]
            rows["folds"] += [(*head, *_fold(fold)) for fold in folds]
            state = states[layer, unit]
            mean = _mean([reaches[i] for i in members])
            widest = max([fold.degrees for fold in folds], default=None)
            told = (
                normalised[layer],
                state.state,
                state.flat_cells,
                *_feature(numbers.get((layer, unit, k))),
            )
            rows["units"].append((*head, *told, mean, len(folds), widest))

    def _add_samples(self, rows: Rows, part: Partition) -> None:
        self.tell(f"{self.variant.name}: boundary of the partition")
        places = place_samples(self.domain, self.samples)
        for i, (place, reach) in enumerate(zip(places, to_boundary(part, places), strict=True)):
            inside = len(part.locate(place.point).cells) if self.domain.contains(place.point) else 0
            rows["samples"].append((self.variant.name, i, inside, *_reached(reach), place.off_slice))

    def _add_windows(self, rows: Rows) -> None:
        n, name = len(self.batch), self.variant.name
        centroid = tuple([sum(column, Fraction(0)) / n for column in zip(*self.batch, strict=True)])
        centres = [("centroid", None, centroid), *[("sample", i, x) for i, x in enumerate(self.samples)]]
        places = place_samples(self.domain, [x for _, _, x in centres])
        for number, ((kind, i, _), place) in enumerate(zip(centres, places, strict=True)):
            self.tell(f"{name}: window {number + 1} of {len(centres)}")
            found = count_cells(self.variant.network, self.domain, place.point, self.radius)
            counts = (found.open, found.closed, found.volume, found.density)
            rows["windows"].append((name, kind, i, self.radius, *counts))


def _compared_readings(
    net: Network, ideal: Network | IdealNetwork, batch: Sequence[Vector], mode: str, domain: Domain
) -> dict[str, Any]:
    """Whether both readings cut the domain in the same way."""
    deployed = _frozen(net, batch, mode, "deployed")
    found = compare_partitions(enumerate_cells(deployed, domain), enumerate_cells(ideal, domain))
    return {
        "deployed_and_ideal_are_combinatorially_the_same": found.is_same,
        "deployed_and_ideal": str(found),
    }


# ---------------------------------------------------------------------- entries of rows


def _totals(part: Partition, states: Mapping[tuple[int, int], UnitState]) -> tuple[int, ...]:
    facts = part.summary()
    kinds = [state.state for state in states.values()]
    counts = [kinds.count(kind) for kind in ("bends", "dead", "always on")]
    return (
        len(part),
        facts["edges"],
        facts["linear_regions"],
        *counts,
        sum(s.flat_cells > 0 for s in states.values()),
    )


def _feature(numbers: FeatureNumbers | None) -> tuple[Any, ...]:
    if numbers is None:
        return (None,) * 8
    mean = numbers.mean_squared
    distances = (mean, None if mean is None else root(mean), numbers.optimum, numbers.excess)
    return (numbers.residual, *distances, numbers.positive, numbers.zero, numbers.negative)


def _reached(reach: Reach | None) -> tuple[Fraction | None, Vector | None]:
    return (None, None) if reach is None else (reach.squared, reach.point)


def _fold(fold: Fold) -> tuple[Any, ...]:
    return (*fold.cells, fold.units, fold.cosine_squared, fold.sign, fold.degrees)


def _mean(reaches: Sequence[Reach | None]) -> Any:
    """The mean squared distance within the domain's space; None if there is nothing to reach."""
    found = [reach.squared for reach in reaches if reach is not None]
    return total(found) / len(reaches) if len(found) == len(reaches) else None


# ---------------------------------------------------------------------- arguments


def _require(net: object, samples: Sequence[Vector], mode: object, reading: object, domain: object) -> None:
    """Refuse what is misuse, before any work."""
    if not isinstance(net, Network):
        raise BadArgument(f"expected a network (load_network reads one), got {shown(net)}")
    if mode not in MODES:
        raise BadArgument(f"expected mode to be one of {', '.join(MODES)}, got {shown(mode)}")
    if reading not in READINGS:
        raise BadArgument(f"expected reading to be one of {', '.join(READINGS)}, got {shown(reading)}")
    if len(samples[0]) != net.input:
        raise DimensionMismatch(f"the network has {net.input} inputs, the samples are in R^{len(samples[0])}")
    if domain is None:
        if net.input > MOST_INPUTS:
            raise BadArgument(
                f"the network has {net.input} inputs, more than {MOST_INPUTS}: give a domain, for example a Slice"
            )
        return
    if not isinstance(domain, Box | Polytope | Slice):
        raise BadArgument(f"expected a Box, Polytope or Slice, got {shown(domain)}")
    if domain.ambient != net.input:
        raise DimensionMismatch(f"the network has {net.input} inputs, the domain is in R^{domain.ambient}")


def _batch(samples: Sequence[Vector], mode: str, batch: Sequence[int] | None) -> tuple[Vector, ...]:
    """The samples of the batch."""
    if mode != "train":
        if batch is not None:
            raise BadArgument(f"a batch is for mode train, got one in mode {mode}")
        return tuple(samples)
    numbers = [] if batch is None else list(batch)
    if not numbers:
        raise BadArgument("mode train needs a batch: the numbers of its samples")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(samples):
            raise BadArgument(f"expected sample numbers from 0 to {len(samples) - 1}, got {shown(number)}")
    if len(set(numbers)) < len(numbers):
        raise BadArgument("expected each sample of the batch once, got one twice")
    return tuple([samples[number] for number in numbers])


def _frozen(net: Network, batch: Sequence[Vector], mode: str, reading: str) -> Network | IdealNetwork:
    """The network with its statistics."""
    layers = [layer for _, layer in all_layers(net.layers)]
    if mode == "eval" and any(isinstance(layer, TrainingBatchNorm) for layer in layers):
        raise BadNetwork("mode eval needs running statistics, and a batchnorm of the network has none")
    if not any(isinstance(layer, BatchNorm | TrainingBatchNorm) for layer in layers):
        return net
    if reading == "ideal":
        return IdealNetwork(net) if mode == "eval" else IdealNetwork(training(net), batch)
    return net if mode == "eval" else freeze(net, batch)


def _positive(value: Any, name: str) -> Fraction:
    with located(name):
        number = exactly(value)
    if number <= 0:
        raise BadArgument(f"expected {name} to be positive, got {shown(number)}")
    return number


def _share(margin: Any) -> Fraction:
    return _positive(margin, "margin")


def _default_domain(samples: Sequence[Vector], margin: Fraction) -> Box:
    """The bounding box of the samples, enlarged; samples that are all the same get a margin of one."""
    columns = list(zip(*samples, strict=True))
    longest = max(max(column) - min(column) for column in columns) or Fraction(1)
    return Box([min(c) - margin * longest for c in columns], [max(c) + margin * longest for c in columns])


def _teller(progress: object) -> Callable[[str], object]:
    """What is told of every step; the empty text ends."""
    if callable(progress):
        return lambda text: progress(text) if text else None
    if progress is not True:
        return lambda text: None
    return lambda text: (sys.stderr.write(f"\r{text:<60}" + "\r" * (not text)), sys.stderr.flush())
