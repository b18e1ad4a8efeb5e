"""One unit's bent hyperplane as a decision boundary: the network up to the unit, ending in what the unit compares.

A bend is at a breakpoint exactly where its pre-activation, as the one output of a network, crosses a threshold (or
touches it); a maximum is tied exactly where two of its inputs, as outputs, are both the largest.

Main definitions:
    UnitQuestion: Such a network, with the threshold of one breakpoint or for classes.
    unit_questions: All of them for one unit.

Conventions:
    Units are ``(activation layer, index)``, see `network`.  What residual blocks carry around a unit does not come
    before it, so the network is a plain chain inside them.

Not here: distances (`distance_to_partition`).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactcpa.errors import BadArgument, shown
from exactcpa.layers import (
    Abs,
    HardTanh,
    Layer,
    LeakyReLU,
    Linear,
    MaxOut,
    MaxPool,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    widths,
)
from exactcpa.network import Network
from exactcpa.stages import Maximum, entries_of, is_unit

ACTIVATIONS = (ReLU, LeakyReLU, PReLU, Abs, HardTanh, ReLU6, MaxOut, MaxPool)


@dataclass(frozen=True, slots=True)
class UnitQuestion:
    """Where a unit switches: the decision boundary of a network.

    Attributes:
        network: Its one output is the unit's pre-activation, or its outputs are what a maximum is taken of.
        threshold: Of the one output; None: between classes.
    """

    network: Network
    threshold: Fraction | None


def unit_questions(net: Network, unit: Sequence[int]) -> tuple[UnitQuestion, ...]:
    """The decision boundaries that together are a unit's bent hyperplane, one a breakpoint.

    Raises:
        BadArgument: There is no such unit.

    Example:
        >>> net = Network(1, (Linear([[2], [3]], [0, 1]), ReLU()))
        >>> [question] = unit_questions(net, (0, 1))
        >>> question.network.forward([1]), question.threshold
        ((Fraction(4, 1),), Fraction(0, 1))
    """
    try:
        layer, index = map(_number, unit)
        before, activation = _find(net.layers, layer)  # type: ignore[misc]  # a count is not two things
        width = widths(before, net.input)[-1]
        entry = dict(enumerate(filter(is_unit, entries_of(activation, width))))[index]
    except (TypeError, ValueError, KeyError):
        raise BadArgument(f"expected a unit (layer, index) of {net}, got {shown(unit)}") from None
    sources = entry.sources if isinstance(entry, Maximum) else (entry.source,)
    rows = [[int(j == source) for j in range(width)] for source in sources]
    cut = Network(net.input, (*before, Linear(rows, [0] * len(rows))))
    thresholds = (None,) if isinstance(entry, Maximum) else entry.breakpoints
    return tuple([UnitQuestion(cut, threshold) for threshold in thresholds])


def _number(value: int) -> int:
    """A layer's or unit's number; a truth value, which Python takes for 0 or 1, is none."""
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _find(layers: Sequence[Layer], number: int) -> tuple[list[Layer], Layer] | int:
    """What comes before an activation layer, and it; or how many there are, if there are not so many."""
    before: list[Layer] = []
    seen = 0
    for layer in layers:
        if isinstance(layer, Residual):
            found = _find(layer.layers, number - seen)
            if not isinstance(found, int):
                return [*before, *found[0]], found[1]
            seen += found
        elif isinstance(layer, ACTIVATIONS):
            if seen == number:
                return before, layer
            seen += 1
        before.append(layer)
    return seen
