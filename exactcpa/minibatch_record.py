"""What one mini-batch makes of a network, exactly: statistics, signs at the samples, decisions, cells.

Main definitions:
    Prepared, prepare: A network and data, lowered once; the steps that no batch changes are done.
    BatchRecord, examine: All about one batch.
    frozen_network: The ordinary network with the statistics of a batch, as `statistics.freeze` gives it.
    decision_text: Which outputs are largest.

Conventions:
    A decision is the index of the largest output as text; outputs that tie are joined, "0=2".  A network with one
    output decides between 0 (negative) and 1 (positive).  A batch on which a coordinate has no finite scale gives no
    network: its record says why, and holds the statistics up to that layer.

Not here:
    Integers: `integer_steps`.  Over all batches: `minibatches`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from flint import fmpz

from exactcpa.batch_families import Batch
from exactcpa.errors import BadNetwork, located
from exactcpa.integer_steps import (
    Place,
    Rows,
    Statistics,
    Step,
    Trace,
    has_batchnorm,
    lower,
    run,
    run_fixed,
    to_rows,
)
from exactcpa.layers import BatchNorm, Layer, Residual, TrainingBatchNorm
from exactcpa.network import Network, Vector


@dataclass(frozen=True, slots=True)
class Prepared:
    """A network and points, ready for many batches.

    Attributes:
        network: As given.
        samples: The data, of which batches are made.
        queries: Points whose decisions are asked for as well.
        steps: What is left to do a batch.
        rows, denominator: The points after the steps that are done.
        signs: Of the activation layers that are done.
    """

    network: Network
    samples: tuple[Vector, ...]
    queries: tuple[Vector, ...]
    steps: tuple[Step, ...]
    rows: Rows
    denominator: fmpz
    signs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What one mini-batch makes of the network.

    Attributes:
        batch: Indices of its samples.
        statistics: Of every batchnorm that is reached.
        signs: For every activation layer a text a sample: the signs of its switching functions.
        decisions: One a sample, then one a query; empty if the batch gives no network.
        stop: Why it gives none, or an empty text.
        cells: Of the network's partition, if it was asked for.
    """

    batch: Batch
    statistics: tuple[Statistics, ...]
    signs: tuple[tuple[str, ...], ...]
    decisions: tuple[str, ...]
    stop: str = ""
    cells: int | None = None

    def with_cells(self, cells: int) -> BatchRecord:
        """The same, and a number of cells."""
        return replace(self, cells=cells)

    @property
    def patterns(self) -> tuple[str, ...]:
        """A text a sample: the signs of all layers, with a bar between layers."""
        return tuple(map("|".join, zip(*self.signs, strict=True)))


def prepare(net: Network, samples: Sequence[Vector], queries: Sequence[Vector] = ()) -> Prepared:
    """Lower a network once for many batches of samples.

    Raises:
        BadNetwork: It has no batchnorm, or one that `statistics.freeze` refuses.
    """
    if not any(map(has_batchnorm, net.layers)):
        raise BadNetwork(
            "expected a network with a batchnorm layer: without one no mini-batch changes anything"
        )
    steps = lower(net)
    rows, denominator = to_rows([*samples, *queries])
    trace, rows, denominator, done = run_fixed(steps, rows, denominator, len(samples))
    return Prepared(net, tuple(samples), tuple(queries), steps[done:], rows, denominator, tuple(trace.signs))


def examine(prepared: Prepared, batch: Sequence[int]) -> BatchRecord:
    """Compute everything but the partition of one batch's network."""
    trace = Trace(len(prepared.samples))
    trace.signs.extend(prepared.signs)
    run(prepared.steps, prepared.rows, prepared.denominator, batch, trace)
    decisions = () if trace.outputs is None else decide(trace.outputs)
    return BatchRecord(tuple(batch), tuple(trace.statistics), tuple(trace.signs), decisions, trace.stop)


def decide(outputs: Rows) -> tuple[str, ...]:
    """The decision at every point; outputs of shape (outputs, points) over one positive denominator."""
    return tuple([decision_text(values) for values in zip(*outputs, strict=True)])


def decision_text(values: Sequence[fmpz | Fraction]) -> str:
    """Which outputs are largest, as text.

    Example:
        >>> decision_text([fmpz(3), fmpz(1), fmpz(3)]), decision_text([Fraction(-1, 2)])
        ('0=2', '0')
    """
    if len(values) == 1:
        return "1" if values[0] > 0 else "0" if values[0] < 0 else "0=1"
    most = max(values)
    return "=".join([str(k) for k, value in enumerate(values) if value == most])


def frozen_network(net: Network, record: BatchRecord) -> Network:
    """The network with the statistics of a record's batch frozen: equal to ``freeze(net, batch)``.

    Raises:
        BadNetwork: The batch gives no network.
    """
    if record.stop:
        raise BadNetwork(f"expected a batch with finite scales; {record.stop}")
    found = {entry.place: entry for entry in record.statistics}
    return Network(net.input, _with_statistics(net.layers, found, ()))


def _with_statistics(
    layers: Sequence[Layer], found: dict[Place, Statistics], place: Place
) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for number, layer in enumerate(layers):
        here = (*place, number)
        match layer:
            case Residual() if has_batchnorm(layer):
                made.append(Residual(_with_statistics(layer.layers, found, here)))
            case BatchNorm() | TrainingBatchNorm():
                entry = found[here]
                with located(f"layer {number} (batchnorm)"):
                    made.append(
                        BatchNorm(
                            mean=entry.mean,
                            variance=entry.variance,
                            gamma=layer.gamma,
                            beta=layer.beta,
                            epsilon=layer.epsilon,
                        )
                    )
            case _:
                made.append(layer)
    return tuple(made)
