"""Batch normalisation with real numbers: what a batchnorm of the ideal reading is to the lowering.

Main definitions:
    IdealBatchNorm: ``gamma (x - mean) / root + beta`` as a line, ``gamma (x - mean) + beta root``, times ``1 / root``.

Conventions:
    The factor ``1 / root`` is positive, so the line has the unit's sign.  In the first layer, with beta = 0, it is
    rational whatever the root is: one irrationality less at every layer.

Not here:
    Where mean and root come from: `ideal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from exactcpa.surds import Number


@dataclass(frozen=True, slots=True)
class IdealBatchNorm:
    """A batchnorm with real parameters; one entry a coordinate in each.

    Attributes:
        mean: Of the batch, or running.
        root: ``sqrt(variance + epsilon)``, positive.
        factor: ``1 / root``.
        gamma, beta: Rational.
    """

    type: ClassVar[str] = "batchnorm"
    mean: tuple[Number, ...]
    root: tuple[Number, ...]
    factor: tuple[Number, ...]
    gamma: tuple[Number, ...]
    beta: tuple[Number, ...]

    def width(self, inputs: int) -> int:
        """As many as go in."""
        return inputs
