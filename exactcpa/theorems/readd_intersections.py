"""Evidence of the statements about what hyperplanes have in common (R3, R4, B5), re-added in plain fractions.

Main definitions:
    recheck_centred, recheck_common, recheck_expectation: Whether evidence shows what it says.
    bounded_cells: Bounded cells of an arrangement, by deletion and restriction.
    most_cells, central_cells: The counts in general position, all offsets free, and all through one point.

Conventions:
    Evidence whose numbers do not fit each other shows nothing: False.  A hyperplane ``(w, c)`` is ``<w, x> = c``.

References:
    Zaslavsky, Facing up to arrangements (1975): cells ``|chi(-1)|``, bounded ones ``|chi(1)|`` if the rank is full.

Not here:
    How the evidence is made, and its form: `centred_layers`, `common_points`, `expected_cells`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import comb
from typing import Any

from exactcpa.theorems.moments import values_of
from exactcpa.theorems.plain import count_cells, dot, is_general, mean, rank, solve

Hyperplane = tuple[Sequence[Fraction], Fraction]


def characteristic(hyperplanes: Sequence[Hyperplane], dimension: int, at: int) -> int:
    """The characteristic polynomial of an arrangement, at an integer: ``chi(A) = chi(A') - chi(A'')``.

    Example:
        >>> line = [((Fraction(1),), Fraction(c)) for c in range(3)]
        >>> characteristic(line, 1, -1), characteristic(line, 1, 1)  # 4 cells, 2 bounded
        (-4, -2)
    """
    distinct = list(dict.fromkeys(_monic(w, c) for w, c in hyperplanes if any(w)))
    total = at**dimension
    for number, cut in enumerate(distinct):
        within = [_within(earlier, cut) for earlier in distinct[:number]]
        total -= characteristic(within, dimension - 1, at)
    return total


def bounded_cells(hyperplanes: Sequence[Hyperplane], dimension: int) -> int:
    """How many cells are bounded: none unless the normals span the space."""
    if rank([w for w, _ in hyperplanes]) < dimension:
        return 0
    return abs(characteristic(hyperplanes, dimension, 1))


def most_cells(count: int, dimension: int) -> int:
    """``sum_{i <= d} C(m, i)``."""
    return sum(comb(count, i) for i in range(dimension + 1))


def central_cells(count: int, dimension: int) -> int:
    """``2 sum_{i < d} C(m-1, i)``, of at least one hyperplane."""
    return 2 * sum(comb(count - 1, i) for i in range(dimension))


def recheck_centred(evidence: Mapping[str, Any]) -> bool:
    """R3: ranks, the common point, and the bounded cells of every arrangement."""
    holds = True
    for entry in evidence["arrangements"]:
        rows, offsets = entry["rows"], entry["offsets"]
        extended = [(*row, c) for row, c in zip(rows, offsets, strict=True)]
        if (entry["rank"], entry["extended_rank"]) != (rank(rows), rank(extended)):
            return False
        point = entry["point"]
        if point is None and solve(rows, offsets) is not None:
            return False
        if point is not None and values_of(point, rows) != tuple(offsets):
            return False
        dimension = len(rows[0])
        if entry["general"] is not (is_general(rows) and is_general(extended)):
            return False
        if entry["bounded"] != bounded_cells(list(zip(rows, offsets, strict=True)), dimension):
            return False
        holds = holds and centred_claim(entry, len(rows), dimension)
    return evidence["holds"] is holds and bool(evidence["arrangements"])


def centred_claim(entry: Mapping[str, Any], count: int, dimension: int) -> bool:
    """What R3 says of one arrangement whose ranks, common point and bounded cells are known."""
    is_centred = entry["point"] is not None
    if is_centred is not (entry["rank"] == entry["extended_rank"]):
        return False
    if is_centred:
        return entry["bounded"] == 0
    return not (entry["general"] and count > dimension) or entry["bounded"] >= 1


def recheck_common(evidence: Mapping[str, Any]) -> bool:
    """R4: G1 from rows and data, and that every second-layer unit is zero there for all the scales named.

    A second-layer unit is zero where every activation of the first layer has its mean, whatever its weights; so the
    activations are compared, scale by scale.
    """
    rows, data, slopes = evidence["rows"], evidence["data"], evidence["slopes"]
    columns = [values_of(row, data) for row in rows]
    targets = [g1_level(column, slope) for column, slope in zip(columns, slopes, strict=True)]
    directions, point = evidence["directions"], evidence["point"]
    if values_of(point, rows) != tuple(targets) or any(any(values_of(b, rows)) for b in directions):
        return False
    if len(directions) != len(point) - rank(rows) or (directions and rank(directions) != len(directions)):
        return False
    holds = True
    for scales in evidence["scales"]:
        if min(scales) <= 0:
            return False
        for column, target, scale, slope in zip(columns, targets, scales, slopes, strict=True):
            middle = mean(column)
            outputs = [_bent(scale * (value - middle), slope) for value in column]
            holds = holds and _bent(scale * (target - middle), slope) == mean(outputs)
    for line in evidence["lines"]:
        holds = holds and dot(line["normal"], point) == line["offset"]
        holds = holds and not any(dot(line["normal"], b) for b in directions)
    values = [value for unit in evidence["second_layer"] for value in unit]
    return evidence["holds"] is (holds and not any(values)) and bool(evidence["scales"])


def g1_level(values: Sequence[Fraction], slope: Fraction) -> Fraction:
    """``w.g + ((1-eta)/2) MAD``, from ``w.z_i``."""
    middle = mean(values)
    return middle + (1 - slope) / 2 * mean([abs(value - middle) for value in values])


def recheck_expectation(evidence: Mapping[str, Any]) -> bool:
    """B5: the counts by deletion and restriction, the expectation by the binomial distribution."""
    rows, p = evidence["rows"], evidence["probability"]
    count, dimension = len(rows), len(rows[0])
    central = count_cells([(row, Fraction(0)) for row in rows])
    free = count_cells(list(zip(rows, evidence["free_offsets"], strict=True)))
    if (evidence["central"], evidence["free"], evidence["expected"]) != (
        central,
        free,
        expected_most_cells(count, dimension, p),
    ):
        return False
    if not 0 <= p <= 1 or not is_general(rows) or not count > dimension:
        return False
    return evidence["holds"] is expectation_claim(evidence, count, dimension)


def expected_most_cells(count: int, dimension: int, p: Fraction) -> Fraction:
    """The expectation of `most_cells` of a binomial number of hyperplanes, from the distribution.

    Example:
        >>> expected_most_cells(6, 2, Fraction(1, 4))
        Fraction(55, 16)
    """
    weights = [comb(count, j) * p**j * (1 - p) ** (count - j) for j in range(count + 1)]
    return sum([weight * most_cells(j, dimension) for j, weight in enumerate(weights)], Fraction(0))


def expectation_claim(evidence: Mapping[str, Any], count: int, dimension: int) -> bool:
    """What B5 says, the counts and the expectation being known."""
    p = evidence["probability"]
    closed = sum([comb(count, i) * p**i for i in range(dimension + 1)], Fraction(0))
    return (
        evidence["expected"] == closed
        and evidence["central"] == central_cells(count, dimension)
        and evidence["expected"] < evidence["central"]
        and evidence["free"] == most_cells(count, dimension) > evidence["central"]
    )


def _bent(value: Fraction, slope: Fraction) -> Fraction:
    return value if value >= 0 else slope * value


def _monic(normal: Sequence[Fraction], offset: Fraction) -> Hyperplane:
    """The same hyperplane, its first nonzero entry 1."""
    leading = next(a for a in normal if a)
    return tuple([a / leading for a in normal]), offset / leading


def _within(hyperplane: Hyperplane, cut: Hyperplane) -> Hyperplane:
    """A hyperplane within another, one variable less: the first with an entry there is solved for."""
    (normal, offset), (onto, level) = hyperplane, cut
    pivot = next(j for j, a in enumerate(onto) if a)
    factor = normal[pivot] / onto[pivot]
    kept = [a - factor * b for a, b in zip(normal, onto, strict=True)]
    return tuple(kept[:pivot] + kept[pivot + 1 :]), offset - factor * level
