"""Families of mini-batches: all C(N, b) of them, or a seeded part drawn without repetition.

Main definitions:
    Family: Which mini-batches; iterates over them as increasing tuples of indices.
    choose_family: All batches up to a stated bound, beyond it so many of them.
    batch_of_rank: The batch at a place of the lexicographic order.
    draw: Different numbers below a bound, by a seed.

Conventions:
    A mini-batch is a set of indices: samples that are equal are still different samples.  Families are in
    lexicographic order.  A draw is uniform over all families of its size, and the same on every machine.

References:
    Knuth, The Art of Computer Programming 4A, section 7.2.1.3 (combinations and their ranks).

Not here:
    What a batch does to a network: `integer_steps`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from random import Random

from exactcpa.errors import BadArgument, shown

Batch = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Mini-batches of one size.

    Attributes:
        samples: N.
        size: b.
        ranks: Places in the lexicographic order, increasing; None for all of them.
        seed: What they were drawn with; None if nothing was drawn.

    Example:
        >>> list(Family(3, 2))
        [(0, 1), (0, 2), (1, 2)]
    """

    samples: int
    size: int
    ranks: tuple[int, ...] | None = None
    seed: int | None = None

    @property
    def total(self) -> int:
        """C(N, b)."""
        return comb(self.samples, self.size)

    @property
    def is_exhaustive(self) -> bool:
        """Whether all batches are in it."""
        return self.ranks is None

    def __len__(self) -> int:
        return self.total if self.ranks is None else len(self.ranks)

    def __iter__(self) -> Iterator[Batch]:
        if self.ranks is None:
            return combinations(range(self.samples), self.size)
        return (batch_of_rank(rank, self.samples, self.size) for rank in self.ranks)

    def __str__(self) -> str:
        if self.ranks is None:
            return f"all {self.total:,} batches of {self.size} of {self.samples} samples"
        drawn = f"{len(self):,} of the {self.total:,} batches of {self.size} of {self.samples} samples"
        return f"{drawn}, drawn with seed {self.seed}"


def choose_family(samples: int, size: object, limit: object, seed: object) -> Family:
    """Take all batches if they are at most ``limit``, otherwise draw that many.

    Args:
        samples: N, at least 1.
        size: b, from 1 to N.
        limit: At least 1; None for no bound.
        seed: An integer.

    Raises:
        BadArgument: One of them is out of its range.

    Example:
        >>> print(choose_family(40, 20, 100, 7))
        100 of the 137,846,528,820 batches of 20 of 40 samples, drawn with seed 7
    """
    size = read_count(size, "size", 1)
    if size > samples:
        raise BadArgument(f"expected size to be at most the {samples} samples, got {size}")
    bound = None if limit is None else read_count(limit, "limit", 1)
    seed = read_count(seed, "seed", 0)
    total = comb(samples, size)
    if bound is None or total <= bound:
        return Family(samples, size)
    return Family(samples, size, draw(total, bound, seed), seed)


def batch_of_rank(rank: int, samples: int, size: int) -> Batch:
    """The batch at a place of the lexicographic order of all batches.

    Example:
        >>> [batch_of_rank(rank, 4, 2) for rank in (0, 3, 5)]
        [(0, 1), (1, 2), (2, 3)]
    """
    batch: list[int] = []
    for index in range(samples):
        if len(batch) == size:
            break
        starting = comb(samples - index - 1, size - len(batch) - 1)
        if rank < starting:
            batch.append(index)
        else:
            rank -= starting
    return tuple(batch)


def draw(total: int, count: int, seed: int) -> tuple[int, ...]:
    """Different integers from 0 to total - 1, increasing, every set of so many equally likely.

    Args:
        total: Of any length, also beyond 64 bits.
        count: At most total.
        seed: At least 0.
    """
    if count > total - count:
        left_out = set(draw(total, total - count, seed))
        return tuple(number for number in range(total) if number not in left_out)
    random, bits = Random(seed), max(1, total.bit_length())
    found: set[int] = set()
    while len(found) < count:
        number = random.getrandbits(bits)
        if number < total:
            found.add(number)
    return tuple(sorted(found))


def read_count(value: object, name: str, least: int) -> int:
    """An integer of at least so much.

    Raises:
        BadArgument: It is none; names the argument.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise BadArgument(f"expected {name} to be an integer, got {shown(value)}") from None
    if number < least:
        raise BadArgument(f"expected {name} to be at least {least}, got {number}")
    return number
