"""Which mini-batches a statement is examined on: all of one size, or out of scope beyond a stated number.

Main definitions:
    batch_size: The option ``batch_size``, checked.
    all_batches: All subsets of that size.
    MOST_BATCHES: Beyond so many a statement is out of scope, unless the option ``most_batches`` says otherwise.

Conventions:
    A batch is a tuple of sample numbers, ascending.

Not here:
    Exhaustive measurements over mini-batches: statements only need the signs and means they speak of.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

from exactcpa.errors import BadArgument, shown
from exactcpa.theorems.statement import Instance, require
from exactcpa.vectors import Vector

MOST_BATCHES = 2000


def batch_size(instance: Instance, default: int) -> int:
    """The option ``batch_size``, between 1 and the number of samples.

    Raises:
        BadArgument: Another value.
    """
    size = instance.options.get("batch_size", default)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= len(instance.data):
        raise BadArgument(
            f"option batch_size: expected a whole number from 1 to {len(instance.data)}, got {shown(size)}"
        )
    return size


def all_batches(instance: Instance, size: int) -> list[tuple[int, ...]]:
    """All batches of a size.

    Raises:
        HypothesisFails: There are too many.
    """
    most = instance.options.get("most_batches", MOST_BATCHES)
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise BadArgument(f"option most_batches: expected a whole number from 1 on, got {shown(most)}")
    count = comb(len(instance.data), size)
    require(
        count <= most,
        f"at most {most} batches of that size (option most_batches)",
        f"there are {count} of {size} out of {len(instance.data)} samples: too many batches",
    )
    return list(combinations(range(len(instance.data)), size))


def chosen(data: tuple[Vector, ...], batch: tuple[int, ...]) -> tuple[Vector, ...]:
    """The samples of a batch."""
    return tuple([data[i] for i in batch])
