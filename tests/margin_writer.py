"""Margins written naively: .cpa files with the block MARG, from the specification in `checker`.

The value and the nearest point are those of `margin_oracle`; multipliers come from trying all sets of few rows.  Shares
no line with the engine or the checker.

Main definitions:
    write_margin: Network, domain and point in, `Proof` out.
    cut: The part of a domain within a box around a point.

Conventions: as in `proof_writer`; lines are divided by the norm's weights first, so that all weights are one.

Not here: margins (`margin_oracle`), partitions (`proof_writer`).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, product
from math import isqrt

import margin_oracle
from proof_writer import (
    Line,
    Point,
    Proof,
    Style,
    Writer,
    every_farkas,
    farkas,
    minus,
    negated,
    positive_combination,
    scaled,
    spelled_out,
    value,
    vertices,
)

TIE = 10**6
"""What a tie's line is called among the slacks of a cell."""


def write_margin(
    network: dict,
    domain: dict,
    point: Point,
    *,
    norm: str = "2",
    weights: Point | None = None,
    threshold: Fraction | None = None,
    searched: dict | None = None,
    style: Style | None = None,
) -> Proof:
    """Write the margin of a point; the partition is of ``searched``, the domain if None."""
    network = network | {"layers": list(spelled_out(network["layers"]))}
    point, weights = tuple(map(Fraction, point)), tuple(map(Fraction, weights or [1] * len(point)))
    radius, nearest = margin_oracle.margin(network, domain, point, norm, weights, threshold=threshold)
    mine, rivals = classes_at(network, domain, point, threshold)
    rival = None
    if radius is not None:
        outputs = class_lines([(y,) for y in margin_oracle.outputs_at(network, domain, nearest)], threshold)
        rival = next(j for j in rivals if outputs[j] >= outputs[mine])
    writer = Writer(network, searched or domain, style or Style(facets=False))
    proof = writer.write()
    rows = [row.line for row in writer.domain_rows.values()]
    faces = {-1 - k: line for k, line in enumerate([*in_order(writer.box), *rows])}
    proof.margin = {
        "domain": domain,
        "point": [str(q) for q in point],
        "norm": norm,
        "weights": [str(q) for q in weights],
        "outputs": {"kind": "classes"}
        if threshold is None
        else {"kind": "threshold", "value": str(threshold)},
        "class": mine,
        "value": None if radius is None else str(radius),
        "nearest": nearest and [str(q) for q in nearest],
        "rival": rival,
        "cells": [],
    }
    centre = tuple(x / w for x, w in zip(point, weights, strict=True))
    for cell in writer.cells if radius != 0 else ():
        slacks = {
            k: stretched(line, weights) for k, line in {**cell.slacks, **faces}.items() if any(line[:-1])
        }
        lines = class_lines(cell.outputs, threshold)
        ties = [(j, stretched(minus(lines[j], lines[mine]), weights)) for j in rivals]
        proof.margin["cells"].append([[j, *entry(slacks, tie, centre, norm, radius)] for j, tie in ties])
    return proof


def classes_at(
    network: dict, domain: dict, point: Point, threshold: Fraction | None
) -> tuple[int, list[int]]:
    """The class of a point and all others."""
    outputs = class_lines([(y,) for y in margin_oracle.outputs_at(network, domain, point)], threshold)
    mine = outputs.index(max(outputs))
    return mine, [j for j in range(len(outputs)) if j != mine]


def class_lines(lines: list[Line], threshold: Fraction | None) -> list[Line]:
    if threshold is None:
        return lines
    ((*linear, constant),) = lines
    return [(Fraction(0),) * (len(linear) + 1), (*linear, constant - threshold)]


def in_order(box: list[Line]) -> list[Line]:
    """Lower faces first."""
    return sorted(box, key=lambda line: (sum(line[:-1]) < 0, next(j for j, c in enumerate(line) if c)))


def stretched(line: Line, weights: Point) -> Line:
    """A line in coordinates divided by the weights."""
    return (*(c * w for c, w in zip(line[:-1], weights, strict=True)), line[-1])


def entry(slacks: dict[int, Line], tie: Line, centre: Point, norm: str, radius: Fraction | None) -> list:
    """Theta and the multipliers of one cell and rival."""
    most = max(value(tie, corner) for corner in vertices(list(slacks.values())))
    if most < 0:  # no tie in the cell
        weights = farkas((*tie[:-1], tie[-1] - most / 2), slacks, [])
        return [1, listed(weights)]
    for weights in candidates(slacks, tie, centre, norm, radius):
        for whole in [weights] if TIE in weights else with_tie(weights, slacks, tie):
            if is_negative(total(whole, {**slacks, TIE: tie}), centre, norm, radius):
                return [str(whole.pop(TIE)), listed(whole)]
    raise AssertionError("no certificate found")


def with_tie(
    weights: dict[int, Fraction], slacks: dict[int, Line], tie: Line
) -> Iterator[dict[int, Fraction]]:
    """Add the tie to a sum S of rows: a little of it, or with rows that leave a multiple of S and a constant <= 0.

    The latter exist if there is no tie, but on the boundary of the other class, where S is zero in the cell.
    """
    yield from ({**weights, TIE: Fraction(1, 2**k)} for k in (0, 2, 4, 8, 16, 32, 64, 256, 1024, 4096, 8192))
    more = farkas(tie, {**slacks, TIE: negated(total(weights, slacks))}, [])
    if more is not None:
        sums = {k: weights.get(k, 0) + more.get(k, 0) for k in {**weights, **more} if k != TIE}
        yield {**sums, TIE: Fraction(1)}


def candidates(
    slacks: dict[int, Line], tie: Line, centre: Point, norm: str, radius: Fraction
) -> Iterator[dict[int, Fraction]]:
    """Multipliers of rows whose sum is not positive on the ball; that of the tie may be missing."""
    rows = {TIE: tie, **slacks}
    if norm == "2":
        as_rows = [(*(-c for c in line[:-1]), line[-1]) for line in rows.values()]
        _, foot = margin_oracle.nearest(as_rows, centre)
        normal = tuple(p - x for p, x in zip(foot, centre, strict=True))
        goal = negated((*normal, -value((*normal, Fraction(0)), foot)))
        tight = [(k, line) for k, line in rows.items() if any(line[:-1]) and value(line, foot) == 0]
        for size in range(1, len(centre) + 1):
            for chosen in combinations(tight, size):
                weights = positive_combination(goal, [line for _, line in chosen])
                if weights is not None:
                    yield {k: w for w, (k, _) in zip(weights, chosen, strict=True)}
        return
    faces = ball(centre, norm, radius)
    for k, line in rows.items():
        others = {i: row for i, row in slacks.items() if i != k}
        yield from ({k: Fraction(1), **weights} for weights in every_farkas(line, others, faces))


def ball(centre: Point, norm: str, radius: Fraction) -> list[Line]:
    """The faces of the ball of norm 1 or inf."""
    d = len(centre)
    signs = list(product((1, -1), repeat=d)) if norm == "1" else []
    signs = signs or [tuple(s * (i == j) for i in range(d)) for j in range(d) for s in (1, -1)]
    return [tuple(map(Fraction, (*sign, radius - value((*sign, 0), centre)))) for sign in signs]


def total(weights: dict[int, Fraction], lines: dict[int, Line]) -> Line:
    columns = zip(*(scaled(lines[k], w) for k, w in weights.items()), strict=True)
    return tuple(map(sum, columns))


def is_negative(line: Line, centre: Point, norm: str, radius: Fraction) -> bool:
    """Whether a line is negative on the open ball, from the ball's corners or the foot."""
    height = value(line, centre)
    if norm == "2":
        return height < 0 and radius * sum(c * c for c in line[:-1]) <= height * height
    return height < 0 and all(value(line, corner) <= 0 for corner in vertices(ball(centre, norm, radius)))


def listed(weights: dict[int, Fraction]) -> list:
    return [[k, str(w)] for k, w in weights.items() if w]


def cut(domain: dict, point: Point, reach: Point) -> dict:
    """A domain within the box ``|y_j - x_j| <= reach_j``, in its own coordinates."""
    match domain["type"]:
        case "slice":
            return domain | {"within": cut(domain["within"], point, reach)}
        case "box":
            lower = [
                str(max(Fraction(low), x - r))
                for low, x, r in zip(domain["lower"], point, reach, strict=True)
            ]
            upper = [
                str(min(Fraction(high), x + r))
                for high, x, r in zip(domain["upper"], point, reach, strict=True)
            ]
            return {"type": "box", "lower": lower, "upper": upper}
    d = len(point)
    rows = [
        ([s * (i == j) for i in range(d)], str(s * point[j] + reach[j])) for j in range(d) for s in (1, -1)
    ]
    return domain | {"A": domain["A"] + [row for row, _ in rows], "b": domain["b"] + [b for _, b in rows]}


def reach_of(radius: Fraction, norm: str, weights: Point) -> Point:
    """How far a ball goes along the axes, or a bit more."""
    if norm == "2":
        radius = Fraction(isqrt(int(radius * 4**20)) + 1, 2**20)
    return tuple(radius * w for w in weights)


__all__ = ["cut", "reach_of", "write_margin"]
