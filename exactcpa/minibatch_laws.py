"""What mini-batch statistics must satisfy, checked exactly: sampling without replacement, rigid translation.

Main definitions:
    SamplingLaw, sampling_law: Over all C(N, b) batches, E mu_B = mu, Var mu_B = (v/b)(N-b)/(N-1),
        E v_B = v N(b-1)/(b(N-1)) and v = E v_B + Var mu_B, for every unit whose inputs no other batchnorm changes.
    Translation, rigid_translation: With beta = 0 the first layer's arrangement of batch B is that of all data,
        translated by g_B - g: the lines, and the partition of the translated window, cell by cell.

Conventions:
    v is biased.  N = 1 has one batch, of one sample, and no spread: the factors with N - 1 are then 0.
    A window is a domain; what is compared is the engine's own lines and cells, not formulas for them.

References:
    Cochran, Sampling techniques (1977), theorems 2.1 and 2.2 (simple random sampling).

Not here:
    Proofs for all sizes.  Deeper layers, which do not move rigidly: `minibatches` measures them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.distributions import Distribution
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadNetwork
from exactcpa.halfspaces import to_integers
from exactcpa.layers import AvgPool2d, BatchNorm, Conv2d, Flatten, Layer, Linear, TrainingBatchNorm, widths
from exactcpa.network import Network, Vector
from exactcpa.partition import Partition
from exactcpa.stages import Bend, stages
from exactcpa.statistics import freeze
from exactcpa.switch_form import switch_form
from exactcpa.vectors import dot


@dataclass(frozen=True, slots=True)
class SamplingLaw:
    """Both sides of the four identities for one unit.

    Attributes:
        samples, size: N and b.
        mean, variance: Of all data.
        mean_of_means, variance_of_means, mean_of_variances: Over all batches, counted.
    """

    samples: int
    size: int
    mean: Fraction
    variance: Fraction
    mean_of_means: Fraction
    variance_of_means: Fraction
    mean_of_variances: Fraction

    @property
    def expected_variance_of_means(self) -> Fraction:
        """``(v / b) (N - b) / (N - 1)``."""
        n, b = self.samples, self.size
        return self.variance * Fraction(n - b, b * (n - 1)) if n > 1 else Fraction(0)

    @property
    def expected_mean_of_variances(self) -> Fraction:
        """``v N (b - 1) / (b (N - 1))``."""
        n, b = self.samples, self.size
        return self.variance * Fraction(n * (b - 1), b * (n - 1)) if n > 1 else Fraction(0)

    @property
    def holds(self) -> bool:
        """Whether all four are equalities."""
        return (
            self.mean_of_means == self.mean
            and self.variance_of_means == self.expected_variance_of_means
            and self.mean_of_variances == self.expected_mean_of_variances
            and self.variance == self.mean_of_variances + self.variance_of_means
        )


def sampling_law(
    samples: int,
    size: int,
    full: tuple[Fraction, Fraction],
    means: Distribution,
    variances: Distribution,
) -> SamplingLaw:
    """Count both sides for one unit from its distributions over all batches."""
    return SamplingLaw(samples, size, *full, means.expectation(), means.variance(), variances.expectation())


@dataclass(frozen=True, slots=True)
class Translation:
    """How the first layer's arrangement of a batch lies to that of all data.

    Attributes:
        batch: The indices.
        shift: ``g_B - g``, the difference of the centroids in input space.
        lines_moved: Units whose line is that of all data, translated by the shift and scaled by a positive number.
        lines: Units.
        cells: Of all data's arrangement in the window.
        cells_moved: Those that, translated, are cells of the batch's arrangement in the translated window.
        batch_cells: Cells of the batch's arrangement in the translated window.
    """

    batch: tuple[int, ...]
    shift: Vector
    lines: int
    lines_moved: int
    cells: int
    cells_moved: int
    batch_cells: int

    @property
    def is_rigid(self) -> bool:
        """Whether all lines and all cells are translated, and there are no others."""
        return self.lines == self.lines_moved and self.cells == self.cells_moved == self.batch_cells


def first_layer(net: Network) -> Network:
    """The network up to its first activation, if statement A11' is about it.

    Raises:
        BadNetwork: It is not; the message says which hypothesis fails.
    """
    layers: list[Layer] = []
    norm: BatchNorm | TrainingBatchNorm | None = None
    for layer in net.layers:
        layers.append(layer)
        match layer:
            case BatchNorm() | TrainingBatchNorm():
                if norm is not None:
                    raise BadNetwork("expected one batchnorm before the first activation, got two")
                if layer.beta is not None and any(layer.beta):
                    raise BadNetwork("expected beta = 0 in the first batchnorm, got another")
                norm = layer
            case Linear() | Conv2d() | AvgPool2d() | Flatten():
                if norm is not None and not isinstance(layer, Flatten):
                    raise BadNetwork(f"expected an activation after the first batchnorm, got {layer.type}")
            case _:
                break
    lowest = Network(net.input, tuple(layers))
    if norm is None:
        raise BadNetwork("expected a batchnorm before the first activation, got none")
    if isinstance(norm, TrainingBatchNorm) and norm.pixels > 1:
        raise BadNetwork("expected statistics a coordinate in the first batchnorm, got some shared by pixels")
    last = layers[-1]
    if isinstance(last, BatchNorm | TrainingBatchNorm | Flatten):
        raise BadNetwork("expected an activation after the first batchnorm, got none")
    units = stages(Network(widths(layers, net.input)[-2], (last,)))[0].units
    if not all(isinstance(unit, Bend) and unit.breakpoints == (0,) for unit in units):
        raise BadNetwork("expected an activation that bends at 0 alone after the first batchnorm")
    return lowest


def rigid_translation(
    net: Network, samples: Sequence[Vector], batch: Sequence[int], window: Domain
) -> Translation:
    """Compare the first layer's arrangement of a batch with that of all data, on the engine's own answers.

    Args:
        net: A network in the scope of `first_layer`.
        samples: All data.
        batch: Indices.
        window: Where the arrangement of all data is enumerated; the batch's is in the translated window.

    Raises:
        BadNetwork: The network is out of scope, or a unit is constant on the batch and epsilon is 0.
    """
    lowest, chosen = first_layer(net), [samples[i] for i in batch]
    centres = zip(_centroid(chosen), _centroid(samples), strict=True)
    shift = tuple([a - b for a, b in centres])
    moved_window = translate(window, shift)
    full, part = freeze(lowest, samples), freeze(lowest, chosen)
    ours, theirs = enumerate_cells(full, window), enumerate_cells(part, moved_window)
    verdicts = _moved_lines(full, part, window, moved_window, shift)
    return Translation(
        tuple(batch),
        shift,
        len(verdicts),
        sum(verdicts),
        len(ours),
        _count_moved(ours, theirs, _in_searched(window, shift)),
        len(theirs),
    )


def translate(domain: Domain, shift: Vector) -> Domain:
    """The domain moved by a vector of input space."""
    match domain:
        case Box():
            pairs = (zip(bounds, shift, strict=True) for bounds in (domain.lower, domain.upper))
            return Box(*([a + s for a, s in pair] for pair in pairs))
        case Polytope():
            return Polytope(domain.A, [b + dot(row, shift) for row, b in domain.rows])
    return Slice([a + s for a, s in zip(domain.origin, shift, strict=True)], domain.basis, domain.within)


def _centroid(points: Sequence[Vector]) -> Vector:
    return tuple([sum(column, Fraction(0)) / len(points) for column in zip(*points, strict=True)])


def _in_searched(domain: Domain, shift: Vector) -> Vector:
    """The shift in the domain's own coordinates: a slice is moved by its origin, its coordinates stay."""
    return (Fraction(0),) * domain.dimension if isinstance(domain, Slice) else shift


def _moved_lines(full: Network, part: Network, window: Domain, moved: Domain, shift: Vector) -> list[bool]:
    """For every unit whether ``line_B(t + shift) = r line(t)`` with one positive r."""
    one, other = switch_form(full, window).layers[0], switch_form(part, moved).layers[0]
    step = _in_searched(window, shift)
    verdicts = []
    for k in range(one.switches):
        line = (*one.base[k], one.constant[k])
        back = (*other.base[k], other.constant[k] + dot(other.base[k], step))
        verdicts.append(_is_positive_multiple(back, line))
    return verdicts


def _is_positive_multiple(one: Vector, other: Vector) -> bool:
    lead = next((k for k, value in enumerate(other) if value), None)
    if lead is None:
        return not any(one)
    ratio = one[lead] / other[lead]
    return ratio > 0 and all(a == ratio * b for a, b in zip(one, other, strict=True))


def _count_moved(ours: Partition, theirs: Partition, step: Vector) -> int:
    """How many cells, translated, are cells of the other partition: same pattern, same facets."""
    places = {tuple(pattern): j for j, pattern in enumerate(theirs.patterns.tolist())}
    count = 0
    for i, pattern in enumerate(ours.patterns.tolist()):
        j = places.get(tuple(pattern))
        count += j is not None and _facets(ours, i, step) == _facets(theirs, j, (Fraction(0),) * len(step))
    return count


def _facets(part: Partition, i: int, step: Vector) -> set[tuple[int, ...]]:
    """The facets of a cell moved by a step, as integer rows without common factors."""
    return {to_integers(row.normal, row.offset + dot(row.normal, step)) for row in part.cell(i).facets}
