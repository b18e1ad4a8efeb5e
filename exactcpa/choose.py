"""Maxima of three and more lines: which of them win somewhere on a node, and the children where they do.

A maximum of two lines is a switch.  With more, "line i is the greatest" is a convex set, its complement is not; so
a node is divided at once into one child a winner.  Each candidate either wins somewhere, shown by a point where it
beats all rivals, or loses, shown by multipliers.

Main definitions: `Chooser`.

Conventions: rivals that equal a candidate identically on the node tie; the last of them stands for all.
Rows of a winner are its differences to its rivals, unscaled.

Not here: switches (`kernels.tree`), exact answers in general (`settle`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exactcpa.exact_simplex import Exceeded, gather, maximise
from exactcpa.kernels import state
from exactcpa.kernels import tree as walk
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.state import Output, Tree
from exactcpa.settle import ExactRow, Node, Point, Settler, pattern_of


@dataclass(frozen=True, slots=True)
class Loses:
    """Candidate that is greatest nowhere: pairs and rows with their coefficients."""

    candidate: int
    rivals: tuple[int, ...]
    rows: tuple[int, ...]
    parts: tuple[tuple[ExactRow, int], ...]


@dataclass(frozen=True, slots=True)
class Wins:
    """Candidate that is greatest somewhere, and a point where it is."""

    candidate: int
    rivals: tuple[int, ...]
    point: Point


class Chooser:
    """Divides nodes at their groups; `_todo` holds, for each node on the stack under way, what is left of it."""

    def __init__(self, settler: Settler, exponents: tuple[tuple[int, ...], ...]) -> None:
        self._settler = settler
        self._exponents = exponents
        self._todo: dict[int, list[Loses | Wins]] = {}
        first = {(unit.layer, unit.group): unit.index for unit in settler.form.units if unit.group >= 0}
        self._unit_index = first

    def proceed(self, form: object, tree: Tree, out: Output, f: int) -> None:
        """Write the losers up to the next winner and make its child the top of the stack, or finish the node."""
        if f not in self._todo:
            self._todo[f] = self._decide(tree, f)
            layer, group = int(tree.frames[f, state.LAYER]), int(tree.frames[f, state.GROUP])
            self._write(tree, out, [state.CHOOSE, self._unit_index[layer, group]])
        todo = self._todo[f]
        while todo:
            match todo.pop(0):
                case Loses() as loser:
                    codes = [
                        state.LOSES,
                        loser.candidate,
                        len(loser.rivals),
                        *loser.rivals,
                        len(loser.rows),
                        *loser.rows,
                    ]
                    self._settler.write_multipliers(tree, out, codes, list(loser.parts))
                case Wins() as winner:
                    self._write(tree, out, [state.WINS, winner.candidate, len(winner.rivals), *winner.rivals])
                    self._push(form, tree, f, winner)
                    return
        del self._todo[f]
        tree.frames[f, state.PHASE] = state.POP

    def _write(self, tree: Tree, out: Output, codes: list[int]) -> None:
        if tree.counters[state.PROOF]:
            self._settler.emit(tree, out, codes, [])

    def _decide(self, tree: Tree, f: int) -> list[Loses | Wins]:
        """The outcome of every candidate of the node's present group."""
        settler = self._settler
        settler.settled += 1
        node = settler.node(tree, f)
        group = settler.form.layers[node.layer].groups[int(tree.frames[f, state.GROUP])]
        lines = settler.lines.at(node.layer, node.pattern)
        candidates = [lines.rows[z] for z in group]
        points = [settler.exact_point(tree, slot) for slot in settler.held(tree, f)]
        return [
            self._judge(tree, f, node, candidates, lines.denominator, i, points) for i in range(len(group))
        ]

    def _judge(
        self, tree: Tree, f: int, node: Node, candidates: list, denominator: int, i: int, points: list[Point]
    ) -> Loses | Wins:
        """Go through the rivals of one candidate, keeping a point where it beats all of them so far."""
        twin = next((c for c in range(len(candidates) - 1, i, -1) if candidates[c] == candidates[i]), None)
        if twin is not None:
            zero = ExactRow(tuple(a - a for a in candidates[i]), denominator, 0)
            return Loses(i, (twin,), (), ((zero, 1),))
        rivals = [c for c in range(len(candidates)) if candidates[c] != candidates[i]]
        leads = {c: tuple(a - b for a, b in zip(candidates[i], candidates[c], strict=True)) for c in rivals}
        for point in points:
            if all(_is_positive(lead, point) for lead in leads.values()):
                return Wins(i, tuple(rivals), point)
        rows, interior = list(node.rows), points[0]
        for c in rivals:
            lead = leads[c]
            if not _is_positive(lead, interior):
                system = gather(
                    [[*(-n for n in row.slack[:-1]), row.slack[-1]] for row in rows], len(lead) - 1
                )
                outcome = maximise(system, list(lead[:-1]), interior, stop_above=-int(lead[-1]))
                if not isinstance(outcome, Exceeded):
                    return self._loser(
                        tree, f, node, i, c, rivals, rows, ExactRow(lead, denominator, 0), outcome
                    )
                reached = (outcome.numerators, outcome.denominator)
                interior = self._settler.between(rows, [lead], interior, reached)
            rows.append(ExactRow(lead, denominator, 0))
        return Wins(i, tuple(rivals), interior)

    def _loser(
        self,
        tree: Tree,
        f: int,
        node: Node,
        i: int,
        c: int,
        rivals: list[int],
        rows: list,
        lead: ExactRow,
        outcome: object,
    ) -> Loses:
        d = self._settler.form.dimension
        start = int(tree.frames[f, state.A0])
        count = len(node.rows)
        pairs = [(rivals[p - count], (rows[p], a)) for p, a in outcome.multipliers.items() if p >= count]
        kept = [(p, (rows[p], a)) for p, a in outcome.multipliers.items() if 2 * d <= p < count]
        ids = tuple(int(tree.lists[state.ACTIVE, start + p - 2 * d]) - 2 * d for p, _ in kept)
        parts = ((lead, outcome.theta), *(part for _, part in pairs), *(part for _, part in kept))
        return Loses(i, (c, *(rival for rival, _ in pairs)), ids, parts)

    def _push(self, form: object, tree: Tree, f: int, winner: Wins) -> None:
        """The child where a candidate wins: its rows, its points, the next layer's lines."""
        settler, frame = self._settler, tree.frames[f]
        layer, group = int(frame[state.LAYER]), int(frame[state.GROUP])
        switch_layer = settler.form.layers[layer]
        competing, first_bit = switch_layer.groups[group], switch_layer.group_bits[group]
        d = settler.form.dimension
        end = self._hold(tree, f, winner, layer, competing)
        walk.push(tree, f, int(frame[state.P1]), end)
        child = tree.frames[f + 1]
        child[state.GROUP] = group + 1
        bit = first_bit + winner.candidate
        tree.bits[f + 1, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)
        z = competing[winner.candidate]
        for c in winner.rivals:
            line = _difference(tree.lines[layer], z, competing[c], d)
            walk.add_row(tree, f + 1, line, 0, 1.0, d)
            r = int(child[state.ROWS]) - 1
            tree.flips[r] = (bit, first_bit + c)
            tree.rows[r, d + 5] *= 2.0 ** self._exponents[layer][z]
        if layer + 1 < form.sizes.shape[0] - 1:
            tree.sums[f + 1] = tree.sums[f]
            k = switch_layer.switches + group
            walk.accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, k, z, d)

    def _hold(self, tree: Tree, f: int, winner: Wins, layer: int, competing: tuple[int, ...]) -> int:
        """Write behind the node's points those where the winner wins; returns the end of the segment."""
        settler, frame = self._settler, tree.frames[f]
        lines = settler.lines.at(layer, pattern_of(tree.bits[f])).rows
        mine = lines[competing[winner.candidate]]
        leads = [tuple(a - b for a, b in zip(mine, lines[competing[c]], strict=True)) for c in winner.rivals]
        end = int(frame[state.P1])
        for slot in settler.held(tree, f):
            if all(_is_positive(lead, settler.exact_point(tree, slot)) for lead in leads):
                tree.lists[state.HELD, end] = slot
                end += 1
        if end == frame[state.P1]:
            slot = int(frame[state.SLOTS])
            settler.store(tree, slot, winner.point)
            frame[state.SLOTS] += 1
            tree.lists[state.HELD, end] = slot
            end += 1
        frame[state.UP0] = frame[state.UP1] = end
        return end


def _is_positive(function: tuple, point: Point) -> bool:
    total = function[-1] * point[1]
    for a, n in zip(function, point[0], strict=False):
        total += a * n
    return total > 0


def _difference(lines: np.ndarray, z: int, c: int, d: int) -> np.ndarray:
    """Line ``z`` minus line ``c``, with its bounds; one rounding a coefficient."""
    line = np.zeros((1, d + 5))
    line[0, : d + 1] = lines[z, : d + 1] - lines[c, : d + 1]
    line[0, d + 2] = (lines[z, d + 2] + lines[c, d + 2]) * (1 + 4 * U)
    line[0, d + 4] = min(lines[z, d + 4], lines[c, d + 4])
    error = lines[z, d + 1] + lines[c, d + 1]
    if error or not 8 * line[0, d + 2] < 2.0**53 * line[0, d + 4]:
        line[0, d + 1] = error + U * line[0, d + 2] * 2 + TINY
    line[0, d + 3] = lines[z, d + 3] * lines[c, d + 3]
    return line
