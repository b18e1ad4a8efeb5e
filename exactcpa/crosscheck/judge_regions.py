"""Claims of kind ``regions``: polygons that are said to be the cells of a network on a plane domain.

Fields::

    polygons    lists of vertices in order, each of shape (k, 2); or
    halfspaces  lists of rows (n_1, n_2, b), ``n_1 x + n_2 y <= b``, within the domain
    complete    true (default): these are all the cells; false: each is one

With ``tolerance``: a polygon is a cell if every vertex of either is within this distance (l2) of the other; see
`plane_regions.farthest_off`.

Main definitions:
    judge_regions: A verdict on the whole; then on wrong regions, overlaps and missing cells, the first of each.

Conventions:
    Coordinates are the domain's own, which is two-dimensional.  A region is compared with the cell that its middle is
    in, which needs no enumeration; regions that are none and cells that are missing are then compared with each other,
    for a thin cell's polygon may lie beside it.  The list is complete if the different cells fill the domain.
    What is wrong is shown by a point of that cell outside the polygon, or of the polygon outside the cell; an overlap
    by a point inside both; a missing cell by a point of it.

Not here: linear regions that are unions of cells; patterns (`judge_patterns`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from exactcpa import geometry
from exactcpa.cell import walls_of
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict
from exactcpa.crosscheck.claim_fields import as_list, flag, malformed, table
from exactcpa.crosscheck.context import Context, TooManyCells, half_space
from exactcpa.crosscheck.plane_regions import (
    Corner,
    Polygon,
    doubled_area,
    farthest_off,
    is_convex,
    is_strictly_inside,
    is_strictly_outside,
    middle,
    rows_of,
    tidied,
)
from exactcpa.errors import BadArgument
from exactcpa.halfspaces import to_integers
from exactcpa.numbers import decimal_text, exact_text
from exactcpa.own_cell import Crossing
from exactcpa.patterns import integer
from exactcpa.vectors import plain, vector_text

FIELDS = {"regions": ((), ("polygons", "halfspaces", "complete"))}
MOST_TOLD = 10
"""Wrong regions, overlaps and missing cells that are told one by one."""
MOST_STEPS = 40
"""Points between a corner and a middle that are tried."""
MOST_PAIRS = 1_000_000
"""Regions that are none, times missing cells, that are compared."""


@dataclass
class _Findings:
    """What was found of a list of regions.

    Attributes:
        cells: Pattern -> the first region that is its cell.
        wrong: Region -> why it is none.
        repeated: Region -> the earlier one that is the same cell.
    """

    cells: dict[int, int] = field(default_factory=dict)
    wrong: dict[int, Verdict] = field(default_factory=dict)
    repeated: dict[int, int] = field(default_factory=dict)


def judge_regions(context: Context, claim: Claim) -> list[Verdict]:
    """Judge a list of regions."""
    if context.dimension != 2:
        reason = f"regions are judged in the plane, the domain has dimension {context.dimension}"
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason)]
    polygons, is_complete = _polygons(context, claim), flag(claim, "complete", default=True)
    plane = _Plane(context, claim, polygons)
    found = _Findings()
    for number in range(len(polygons)):
        plane.place(number, found)
    missing: list[int] | None = []
    if is_complete or found.wrong:
        missing = plane.missing(found)
    if missing:
        missing = plane.place_beside(found, missing)
    items = list(found.wrong.values())[:MOST_TOLD] + plane.overlaps(found)
    told = is_complete and missing
    items += [plane.missing_verdict(pattern) for pattern in (missing or [])[:MOST_TOLD]] if told else []
    return [_whole(plane, found, missing, items, is_complete=is_complete), *items]


def _whole(
    plane: _Plane, found: _Findings, missing: list[int] | None, items: list[Verdict], *, is_complete: bool
) -> Verdict:
    """The verdict on the whole list; ``missing`` is None if it could not be found out."""
    context, claim, count = plane.context, plane.claim, len(plane.polygons)
    wrong = len(found.wrong) + len(found.repeated)
    figures: dict[str, Fraction | int] = {
        "listed": count,
        "right": len(found.cells),
        "wrong": len(found.wrong),
    }
    figures |= {"different": count - len(found.repeated), "repeated": len(found.repeated)}
    figures["area of the regions"] = sum([abs(doubled_area(p)) / 2 for p in plane.polygons], Fraction(0))
    figures |= {"volume_found": plane.area_of(found.cells), "volume": plane.area}
    reason = f"{len(found.cells):,} of {count:,} regions are cells"
    if found.repeated:
        reason += f", {len(found.repeated):,} are repeated"
    if missing is not None and (is_complete or found.wrong):
        figures |= {"missing": len(missing), "cells": len(missing) + len(found.cells)}
        reason += f"; {len(missing):,} of {figures['cells']:,} cells are missing"
    if wrong or (is_complete and missing):
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.UNDECIDABLE if is_complete and missing is None else Outcome.CONFIRMED
    if is_complete and missing is None:
        reason += f"; whether cells are missing was not decided: there are more than {context.limit:,}"
    if outcome is Outcome.CONFIRMED:
        return Verdict(claim.id, claim.kind, outcome, reason, plane.confirming(found), figures=figures)
    evidence = tuple([evidence for item in items[:2] for evidence in item.evidence])
    return Verdict(claim.id, claim.kind, outcome, reason, evidence, figures=figures)


class _Plane:
    """Regions on a plane domain, and the cells they are compared with."""

    def __init__(self, context: Context, claim: Claim, polygons: Sequence[Polygon]) -> None:
        self.context, self.claim, self.polygons = context, claim, polygons
        self.tolerance = claim.tolerance or Fraction(0)
        self.walls = walls_of(context.domain)
        self.area = geometry.volume(self.walls)
        self._cells: dict[int, Polygon] = {}

    def cell(self, pattern: int) -> Polygon:
        """The polygon of a cell."""
        if pattern not in self._cells:
            rows = [half_space(row) for row in self.context.cell_rows(pattern) if any(row.slack)]
            self._cells[pattern] = geometry.polygon(rows)
        return self._cells[pattern]

    def area_of(self, cells: Mapping[int, int]) -> Fraction:
        """The exact area of some cells."""
        return sum([doubled_area(self.cell(pattern)) / 2 for pattern in cells], Fraction(0))

    def place(self, number: int, found: _Findings) -> None:
        """Compare a region with the cell that its middle is in."""
        polygon = self.polygons[number]
        at = self._inside(polygon)
        if at is None:
            reason = f"region {number} is beside the domain, or flat and between cells"
            found.wrong[number] = self._verdict(number, reason, self._outside_domain(polygon))
            return
        point, pattern = at
        off = farthest_off(polygon, self.cell(pattern), self.tolerance)
        if off is not None:
            found.wrong[number] = self._is_none(number, point, pattern, off[1])
        elif pattern in found.cells:
            found.repeated[number] = found.cells[pattern]
        else:
            found.cells[pattern] = number

    def _inside(self, polygon: Polygon) -> tuple[Corner, int] | None:
        """A point in the middle of a polygon that is in one cell, and its pattern."""
        centre = middle(polygon)
        for k in range(len(polygon) + 1):
            corner = polygon[k - 1]
            point = _between(centre, corner, Fraction(bool(k), 3))
            if self.context.is_strictly_inside(point):
                pattern = self.context.pattern_of(point)
                if not isinstance(pattern, Crossing):
                    return point, pattern
        return None

    def missing(self, found: _Findings) -> list[int] | None:
        """The patterns of the cells that are not in the list; None if there are too many cells to say."""
        if self.area_of(found.cells) == self.area:
            return []
        try:
            words = self.context.partition().results.words
        except TooManyCells:
            return None
        patterns = [integer(row) for row in words]
        return [pattern for pattern in patterns if pattern not in found.cells]

    def place_beside(self, found: _Findings, missing: list[int]) -> list[int]:
        """Compare regions that are none with missing cells; return those still missing."""
        if not self.tolerance or len(found.wrong) * len(missing) > MOST_PAIRS:
            return missing
        left = list(missing)
        for number in list(found.wrong):
            polygon = self.polygons[number]
            match = next(
                (p for p in left if farthest_off(polygon, self.cell(p), self.tolerance) is None), None
            )
            if match is not None:
                del found.wrong[number]
                found.cells[match] = number
                left.remove(match)
        return left

    # ------------------------------------------------------------------ verdicts

    def _is_none(self, number: int, point: Corner, pattern: int, corner: Corner) -> Verdict:
        """A region that is not the cell its middle is in."""
        polygon, cell = self.polygons[number], self.cell(pattern)
        context = self.context
        here = context.point_evidence(point, pattern)
        if not is_convex(polygon):
            flat = "flat" if not doubled_area(polygon) else "not convex"
            return self._verdict(number, f"region {number} is {flat}, unlike the cell it is in", (here,))
        inside = self._within(point, polygon)
        if is_strictly_outside(corner, polygon):
            other = _towards(corner, middle(cell), lambda at: is_strictly_outside(at, polygon))
            reason = f"region {number} is only a part of a cell, without {vector_text(plain_corner(other))}"
            shown = context.point_evidence(other, pattern), self._within(other, polygon, "outside")
            return self._verdict(number, reason, (here, inside, *shown))
        if not is_strictly_outside(corner, cell):
            corner = next((v for v in (*polygon, *cell) if is_strictly_outside(v, cell)), corner)
            if not is_strictly_outside(corner, cell):
                return self._verdict(number, f"region {number} is not the cell it is in", (here, inside))
        inner = [middle(polygon), *[_between(middle(polygon), v, Fraction(2, 7)) for v in polygon]]
        tried = (_towards(corner, c, lambda at: self._is_elsewhere(at, pattern), MOST_STEPS) for c in inner)
        other = next((at for at in tried if at is not None), None)
        if other is None:
            return self._verdict(number, f"region {number} is not within one cell", (here, inside))
        shown = self._where(other)
        reason = f"region {number} is not within one cell: {vector_text(plain_corner(other))} is in it, too"
        return self._verdict(number, reason, (here, inside, *shown, self._within(other, polygon)))

    def _is_elsewhere(self, at: Corner, pattern: int) -> bool:
        """Whether a point is off the closed cell, and strictly inside another one or outside the domain."""
        if not is_strictly_outside(at, self.cell(pattern)):
            return False
        if not self.context.domain.contains(at):
            return True
        return self.context.is_strictly_inside(at) and not isinstance(self.context.pattern_of(at), Crossing)

    def _where(self, at: Corner) -> tuple[Evidence, ...]:
        """The cell that a point is in, or that it is outside the domain."""
        if not self.context.domain.contains(at):
            return (self._beyond(at),)
        pattern = self.context.pattern_of(at)
        return () if isinstance(pattern, Crossing) else (self.context.point_evidence(at, pattern),)

    def _outside_domain(self, polygon: Polygon) -> tuple[Evidence, ...]:
        off = next((v for v in (middle(polygon), *polygon) if not self.context.domain.contains(v)), None)
        if off is not None:
            return (self._beyond(off),)
        return (Evidence("number", {"name": "area of the region", "exact": 0}),)

    def _beyond(self, at: Corner) -> Evidence:
        return Evidence("outside", {"point": plain(at), "rows": [list(row) for row in self.walls]})

    def _within(self, at: Corner, polygon: Polygon, kind: str = "inside") -> Evidence:
        return Evidence(kind, {"point": plain(at), "polygon": [plain(corner) for corner in polygon]})

    def _verdict(self, number: int, reason: str, evidence: Sequence[Evidence]) -> Verdict:
        item = f"region {number}"
        return Verdict(self.claim.id, self.claim.kind, Outcome.REFUTED, reason, tuple(evidence), item=item)

    def overlaps(self, found: _Findings) -> list[Verdict]:
        """Regions that overlap: repeated ones, and wrong ones with any others."""
        pairs = [(i, j, middle(self.polygons[i])) for i, j in found.repeated.items()][:MOST_TOLD]
        for i in list(found.wrong)[:MOST_TOLD]:
            pairs += [(i, j, at) for j in range(len(self.polygons)) if j != i and (at := self._common(i, j))]
        items, seen = [], set()
        for i, j, at in pairs:
            pair = frozenset((i, j))
            if pair in seen or len(items) == MOST_TOLD:
                continue
            seen.add(pair)
            shown = [self._within(at, p) for p in (self.polygons[i], self.polygons[j]) if is_convex(p)]
            both = f"regions {min(i, j)} and {max(i, j)}"
            reason = f"{both} overlap at {vector_text(plain_corner(at))}"
            item = f"overlap of {both}"
            items.append(
                Verdict(
                    self.claim.id,
                    self.claim.kind,
                    Outcome.REFUTED,
                    reason,
                    (*shown, *self._where(at)),
                    item=item,
                )
            )
        return items

    def _common(self, i: int, j: int) -> Corner | None:
        """A point strictly inside two convex regions."""
        one, other = self.polygons[i], self.polygons[j]
        for axis in range(2):
            low, high = (
                max(min(c[axis] for c in p) for p in (one, other)),
                min(max(c[axis] for c in p) for p in (one, other)),
            )
            if low >= high:
                return None
        if not is_convex(one) or not is_convex(other):
            return None
        both = geometry.polygon(rows_of(one) + rows_of(other))
        return middle(both) if len(both) > 2 else None

    def missing_verdict(self, pattern: int) -> Verdict:
        """A cell that is not in the list."""
        at = middle(self.cell(pattern))
        holder = next(
            (i for i, p in enumerate(self.polygons) if is_convex(p) and is_strictly_inside(at, p)), None
        )
        where = "no region contains it" if holder is None else f"region {holder} contains it"
        reason = f"the cell around {vector_text(plain_corner(at))} is missing; {where}"
        evidence = [self.context.point_evidence(at, pattern)]
        if holder is not None:
            evidence.append(self._within(at, self.polygons[holder]))
        item = "missing cell at " + vector_text(plain_corner(at))
        return Verdict(self.claim.id, self.claim.kind, Outcome.REFUTED, reason, tuple(evidence), item=item)

    def confirming(self, found: _Findings) -> tuple[Evidence, ...]:
        """Points in the cells of the list; their areas, if they are few."""
        chosen = list(found.cells)[:MOST_TOLD]
        evidence = []
        for pattern in chosen:
            evidence.append(self.context.point_evidence(middle(self.cell(pattern)), pattern))
            area: dict[str, Any] = {"pattern": self.context.pieces_of(pattern)}
            area["value"] = plain((doubled_area(self.cell(pattern)) / 2,))[0]
            evidence.append(Evidence("volume", area))
        return tuple(evidence)


def _towards(
    corner: Corner, inner: Corner, is_good: Callable[[Corner], bool], most: int | None = None
) -> Corner | None:
    """A point between a corner and an inner point, so near to the corner that it has a property."""
    share, steps = Fraction(3, 8), 0
    while most is None or steps < most:
        at = _between(corner, inner, share)
        if is_good(at):
            return at
        share *= Fraction(5, 16)
        steps += 1
    return None


def _between(start: Corner, end: Corner, share: Fraction) -> Corner:
    return tuple([a + share * (b - a) for a, b in zip(start, end, strict=True)])


def plain_corner(corner: Corner) -> list[Any]:
    """A corner for a sentence: exact if short."""
    return [q if len(exact_text(q)) < 16 else decimal_text(q, 9) for q in corner]


# ---------------------------------------------------------------------- fields


def _polygons(context: Context, claim: Claim) -> list[Polygon]:
    given = [name for name in ("polygons", "halfspaces") if claim.body.get(name) is not None]
    if len(given) != 1:
        raise malformed(claim, "polygons", "expected polygons or halfspaces")
    listed = as_list(claim, given[0], claim.body[given[0]])
    if given == ["polygons"]:
        found = [tidied(table(claim, "polygons", corners, (None, 2))) for corners in listed]
        if any(not polygon for polygon in found):
            raise malformed(claim, "polygons", "expected vertices, got none")
        return found
    walls, found = walls_of(context.domain), []
    for number, rows in enumerate(listed):
        exact = table(claim, "halfspaces", rows, (None, 3))
        integers = [to_integers(row[:2], row[2]) for row in exact]
        try:
            polygon = geometry.polygon([*integers, *walls])
        except BadArgument as error:
            raise malformed(claim, "halfspaces", f"number {number}: {error}") from None
        if not polygon:
            raise malformed(claim, "halfspaces", f"number {number} has no point in the domain")
        found.append(polygon)
    return found
