"""The evidence of A4, A4b and A4c, added up again by plain fractions.

That a cell exists is shown by a point strictly inside; that there are no others, by counting them with deletion and
restriction, which knows nothing of the engine that found them.

Main definitions:
    readd_a4, readd_a4b, readd_a4c.

Conventions:
    ``layers`` lists layers with ``rows`` of shape (m, D) and their ``centroid``.  An arrangement is recorded as
    ``offsets`` of shape (m,) and ``witnesses``, one point a cell.

Not here:
    How the evidence is found: `arrangements`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import comb
from typing import Any

from exactcpa.theorems.plain import Vector, count_cells, dot, is_general, sign

Evidence = Mapping[str, Any]


def readd_a4(evidence: Evidence) -> bool:
    """A4: both arrangements have exactly the cells listed; the formulas; all hyperplanes through the centroid."""
    verdicts = [_a4(layer) for layer in evidence["layers"]]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _a4(layer: Evidence) -> bool:
    rows, m, d = layer["rows"], len(layer["rows"]), len(layer["rows"][0])
    central, generic = layer["central"], layer["generic"]
    if not is_general(rows) or not (_is_complete(rows, central) and _is_complete(rows, generic)):
        return False
    # Through the centroid: every cell is a cone with its apex there, so unbounded and in every window.
    if any(dot(row, layer["centroid"]) != c for row, c in zip(rows, central["offsets"], strict=True)):
        return False
    cells, most = len(central["witnesses"]), len(generic["witnesses"])
    return cells == 2 * sum(comb(m - 1, i) for i in range(d)) and most - cells == comb(m - 1, d)


def readd_a4b(evidence: Evidence) -> bool:
    """A4b: the cells near the centroid, for every choice of which hyperplanes pass through it, counted again."""
    verdicts = [_a4b(layer) for layer in evidence["layers"]]
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _a4b(layer: Evidence) -> bool:
    rows, middle, central = layer["rows"], layer["centroid"], layer["central"]
    if not _is_complete(rows, central) or any(
        dot(row, middle) != c for row, c in zip(rows, central["offsets"], strict=True)
    ):
        return False
    most = len(central["witnesses"])
    zero = Fraction(0)
    counted = all(
        count_cells([(rows[k], zero) for k in entry["through"]]) == entry["cells"] <= most
        for entry in layer["choices"]
    )
    return (
        counted and _is_all_choices(len(rows), layer) and _is_small(layer) and layer["own"]["cells"] <= most
    )


def _is_all_choices(m: int, layer: Evidence) -> bool:
    """All sets of units, or, where these are too many, all but one: fewer through the centroid, fewer cells."""
    listed = {tuple(entry["through"]) for entry in layer["choices"]}
    one_less = {tuple(k for k in range(m) if k != left) for left in range(m)}
    return len(listed) == 2**m or one_less <= listed


def _is_small(layer: Evidence) -> bool:
    """In the window, the unnormalised hyperplanes off the centroid are missed, and the others cut as counted."""
    own, rows, middle = layer["own"], layer["rows"], layer["centroid"]
    through = []
    for row, offset in zip(rows, own["offsets"], strict=True):
        away = abs(dot(row, middle) - offset)
        if not away:
            through.append((row, offset))
        elif away <= own["radius"] * sum(abs(a) for a in row):
            return False
    return own["radius"] > 0 and count_cells(through) == own["cells"]


def readd_a4c(evidence: Evidence) -> bool:
    """A4c: all cells with batchnorm and all without, counted again; refuted if the latter are more."""
    verdicts = []
    for layer in evidence["layers"]:
        rows = layer["rows"]
        if not (_is_complete(rows, layer["central"]) and _is_complete(rows, layer["own"])):
            return False
        offsets = layer["central"]["offsets"]
        if any(dot(row, layer["centroid"]) != c for row, c in zip(rows, offsets, strict=True)):
            return False
        verdicts.append(len(layer["own"]["witnesses"]) <= len(layer["central"]["witnesses"]))
    return bool(verdicts) and all(verdicts) is evidence["holds"]


def _is_complete(rows: Sequence[Vector], arrangement: Evidence) -> bool:
    """Whether the witnesses lie in different cells, one in each cell of the arrangement."""
    pairs = list(zip(rows, arrangement["offsets"], strict=True))
    signs = {tuple(sign(dot(w, x) - c) for w, c in pairs) for x in arrangement["witnesses"]}
    is_strict = all(0 not in signed for signed in signs)
    return is_strict and len(signs) == len(arrangement["witnesses"]) == count_cells(pairs)
