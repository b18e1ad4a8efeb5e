"""Evidence of the statements about breakpoints and windows (A13, B2, B3, B6), re-added in plain fractions.

Main definitions:
    recheck_shift, recheck_parallel, recheck_windows: Whether evidence shows what it says.

Conventions:
    Evidence whose numbers do not fit each other shows nothing: False.
    ``w.(x - g) = s kappa`` with ``kappa = (tau - beta)/gamma``: an irrational ``s`` is compared in squares.

Not here:
    How the evidence is made, and its form: `translations`, `windows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from exactcpa.theorems.moments import is_rounded_scale, sign_with_root
from exactcpa.theorems.plain import centroid, dot, norm2, sign
from exactcpa.theorems.readd_splitting import unit_values


def recheck_shift(evidence: Mapping[str, Any]) -> bool:
    """A13: the squared distance between each hyperplane and the one without gamma and beta."""
    holds = True
    for unit in evidence["units"]:
        if unit_values(unit, evidence["layers"]) is None or not unit["gamma"] or not any(unit["row"]):
            return False
        square = unit["variance"] + unit["epsilon"]
        if unit["squared_shift"] * unit["gamma"] ** 2 * norm2(unit["row"]) != unit["beta"] ** 2 * square:
            return False
        holds = holds and unit["squared_shift"] == 0
    return evidence["holds"] is holds and bool(evidence["units"])


def recheck_parallel(evidence: Mapping[str, Any]) -> bool:
    """B2: the offset of every breakpoint from the centroid, and that no raw bias enters it."""
    holds = True
    for unit in evidence["units"]:
        if unit_values(unit, evidence["layers"]) is None or not _scale_fits(unit):
            return False
        middle = dot(unit["row"], centroid(evidence["layers"][unit["layer"]]))
        levels = [(tau - unit["beta"]) / unit["scale"] for tau in unit["breakpoints"]]
        holds = holds and [offset - middle for offset in unit["offsets"]] == levels
        holds = holds and tuple(unit["offsets"]) == tuple(unit["offsets_with_other_bias"])
        holds = holds and unit["bias"] != unit["other_bias"]
    return evidence["holds"] is holds and bool(evidence["units"])


def recheck_windows(evidence: Mapping[str, Any]) -> bool:
    """B3 and B6: at the two corners where the unit is largest and least, and by the inequality."""
    holds = True
    for entry in evidence["windows"]:
        unit = evidence["units"][entry["unit"]]
        if unit_values(unit, evidence["layers"]) is None or not _scale_fits(unit):
            return False
        row, constant = pulled_back(unit, entry)
        level = entry["breakpoint"] - unit["beta"]
        square = unit["variance"] + unit["epsilon"]
        at_centre = dot(row, entry["centre"]) + constant - unit["mean"]
        reach = entry["radius"] * sum([abs(a) for a in row], Fraction(0))
        corners = (at_centre - reach, at_centre + reach)
        if tuple(entry["corners"]) != corners:
            return False
        signs = [sign_with_root(corner, -level / unit["gamma"], square) for corner in corners]
        rounded = [sign(corner - level / unit["scale"]) for corner in corners]
        hits, deployed = signs[0] <= 0 <= signs[1], rounded[0] <= 0 <= rounded[1]
        if (entry["inequality"], entry["inequality_deployed"]) != inequalities(
            at_centre, reach, level, unit, square
        ):
            return False
        if (entry["engine"], entry["engine_deployed"]) != (hits, deployed):
            return False
        holds = holds and entry["inequality"] is hits and entry["inequality_deployed"] is deployed
    return evidence["holds"] is holds and bool(evidence["windows"])


def inequalities(
    at_centre: Fraction, reach: Fraction, level: Fraction, unit: Mapping[str, Any], square: Fraction
) -> tuple[bool, bool]:
    """``|a - s kappa| <= R`` by squaring, and the same with the deployed scale.

    ``a - s kappa`` is at most R and at least -R: two signs of rationals plus a multiple of s.

    Example:
        >>> unit = {"gamma": Fraction(1), "scale": Fraction(1, 2)}
        >>> inequalities(Fraction(3), Fraction(1), Fraction(1), unit, Fraction(4))
        (True, True)
    """
    kappa = level / unit["gamma"]
    above = sign_with_root(at_centre - reach, -kappa, square)
    below = sign_with_root(at_centre + reach, -kappa, square)
    return above <= 0 <= below, abs(at_centre - level / unit["scale"]) <= reach


def pulled_back(unit: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[Sequence[Fraction], Fraction]:
    """``<w, A x + b>`` as a row and a constant; the row itself where there is no map before it."""
    if entry["matrix"] is None:
        return unit["row"], Fraction(0)
    columns = zip(*entry["matrix"], strict=True)
    return [dot(unit["row"], column) for column in columns], dot(unit["row"], entry["shift"])


def _scale_fits(unit: Mapping[str, Any]) -> bool:
    """Whether the scale is not zero and is the rounded one."""
    square = unit["variance"] + unit["epsilon"]
    return unit["scale"] != 0 and is_rounded_scale(unit["scale"], unit["gamma"], square)
