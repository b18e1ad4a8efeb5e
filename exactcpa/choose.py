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

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactcpa.exact_points import Point, sign_at
from exactcpa.kernels import state
from exactcpa.kernels.contest import contest, hold_winning
from exactcpa.kernels.filters import TINY, U
from exactcpa.kernels.layers import accumulate
from exactcpa.kernels.nodes import add_row, push
from exactcpa.kernels.state import Lp, Output, Tree
from exactcpa.real_programs import Tie
from exactcpa.settle import ExactRow, Node, Proof, Settler


@dataclass(frozen=True, slots=True)
class Loses:
    """Candidate that is greatest nowhere: pairs and rows with their coefficients."""

    candidate: int
    rivals: tuple[int, ...]
    rows: tuple[int, ...]
    parts: tuple[tuple[ExactRow, Fraction], ...]


@dataclass(frozen=True, slots=True)
class LosesByTie:
    """Candidate whose lead over the first rival is minus a positive combination of other leads and of rows."""

    candidate: int
    rivals: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LosesToOne:
    """Candidate that is nowhere ahead of one rival: rows, and theta and their multipliers as doubles."""

    candidate: int
    rival: int
    rows: tuple[int, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Wins:
    """Candidate that is greatest somewhere, and a point where it is; None if the node holds one."""

    candidate: int
    rivals: tuple[int, ...]
    point: Point | None


Outcome = Loses | LosesByTie | LosesToOne | Wins


class Chooser:
    """Divides nodes at their groups; `_todo` holds, for each node on the stack under way, what is left of it."""

    def __init__(self, settler: Settler, exponents: tuple[tuple[int, ...], ...]) -> None:
        self._settler = settler
        self._exponents = exponents
        self._todo: dict[int, list[Outcome]] = {}
        first = {(unit.layer, unit.group): unit.index for unit in settler.form.units if unit.group >= 0}
        self._unit_index = first

    def proceed(self, form: object, tree: Tree, lp: Lp, out: Output, box: np.ndarray, f: int) -> None:
        """Write the losers up to the next winner and make its child the top of the stack, or finish the node."""
        if f not in self._todo:
            self._todo[f] = self._decide(tree, lp, box, f)
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
                case LosesByTie() as loser:
                    codes = [state.LOSES_TIED, loser.candidate, len(loser.rivals), *loser.rivals]
                    self._write(tree, out, [*codes, len(loser.rows), *loser.rows])
                case LosesToOne() as loser:
                    codes = [state.LOSES, loser.candidate, 1, loser.rival, len(loser.rows), *loser.rows]
                    self._write(tree, out, codes, list(loser.numbers))
                case Wins() as winner:
                    self._write(tree, out, [state.WINS, winner.candidate, len(winner.rivals), *winner.rivals])
                    self._push(form, tree, box, f, winner)
                    return
        del self._todo[f]
        tree.frames[f, state.PHASE] = state.POP

    def _write(self, tree: Tree, out: Output, codes: list[int], reals: Sequence[float] = ()) -> None:
        if tree.counters[state.PROOF]:
            self._settler.emit(tree, out, codes, list(reals))

    def _group(self, tree: Tree, f: int) -> tuple[int, int, tuple[int, ...]]:
        """Layer, number and lines of the node's present group."""
        layer, number = int(tree.frames[f, state.LAYER]), int(tree.frames[f, state.GROUP])
        return layer, number, self._settler.form.layers[layer].groups[number]

    def _decide(self, tree: Tree, lp: Lp, box: np.ndarray, f: int) -> list[Outcome]:
        """The outcome of every candidate of the node's present group, by doubles where they suffice."""
        layer, _, group = self._group(tree, f)
        p, d = len(group), self._settler.form.dimension
        slots, rivals, counts = (np.zeros(p, np.int64) for _ in range(3))
        rows, numbers = np.zeros((p, d), np.int64), np.zeros((p, d + 1))
        leads = _leads(tree.lines[layer], group, d)
        contest(tree, lp, box, f, leads, p, d, slots, rivals, counts, rows, numbers)
        numbers[:, 0] *= 2.0 ** self._exponents[layer][group[0]]
        outcomes: list[Outcome] = []
        for i in range(p):
            k = int(counts[i])
            if slots[i] >= 0:
                outcomes.append(Wins(i, tuple(c for c in range(p) if c != i), None))
            elif slots[i] == -1 and 0.0 < numbers[i, 0] < np.inf:
                proof = tuple(rows[i, :k].tolist()), tuple(numbers[i, : k + 1].tolist())
                outcomes.append(LosesToOne(i, int(rivals[i]), *proof))
            else:
                outcomes.append(self._decide_exactly(tree, f, i))
        return outcomes

    def _decide_exactly(self, tree: Tree, f: int, i: int) -> Outcome:
        settler = self._settler
        settler.settled += 1
        node = settler.node(tree, f)
        lines = settler.lines.at(node.layer, node.pattern)
        candidates = [lines.rows[z] for z in self._group(tree, f)[2]]
        points = [settler.exact_point(tree, slot) for slot in settler.held(tree, f)]
        return self._judge(tree, f, node, candidates, lines.denominator, i, points)

    def _judge(
        self, tree: Tree, f: int, node: Node, candidates: list, denominator: int, i: int, points: list[Point]
    ) -> Outcome:
        """Go through the rivals of one candidate, keeping a point where it beats all of them so far."""
        twin = next((c for c in range(len(candidates) - 1, i, -1) if candidates[c] == candidates[i]), None)
        if twin is not None:
            zero = ExactRow(tuple(a - a for a in candidates[i]), denominator, 0)
            return Loses(i, (twin,), (), ((zero, Fraction(1)),))
        rivals = [c for c in range(len(candidates)) if candidates[c] != candidates[i]]
        leads = {c: tuple(a - b for a, b in zip(candidates[i], candidates[c], strict=True)) for c in rivals}
        for point in points:
            if all(sign_at(lead, point) > 0 for lead in leads.values()):
                return Wins(i, tuple(rivals), point)
        rows, interior = list(node.rows), points[0]
        for c in rivals:
            lead = leads[c]
            row = self._settler.exact_row(lead, denominator, 0)
            if sign_at(lead, interior) <= 0:
                found = self._settler.seek(rows, lead, interior)
                if not isinstance(found, tuple):
                    return self._loser(tree, node, i, c, rivals, rows, row, found)
                interior = found
            rows.append(row)
        return Wins(i, tuple(rivals), interior)

    def _loser(
        self,
        tree: Tree,
        node: Node,
        i: int,
        c: int,
        rivals: list[int],
        rows: list,
        lead: ExactRow,
        proof: Proof,
    ) -> Loses | LosesByTie:
        d = self._settler.form.dimension
        count = len(node.rows)
        if isinstance(proof, Tie):
            others = tuple(rivals[p - count] for p in proof.places if p >= count)
            ids = self._settler.tie_rows(tree, [p for p in proof.places if p < count])
            return LosesByTie(i, (c, *others), tuple(ids))
        pairs = [(rivals[p - count], (rows[p], a)) for p, a in proof.multipliers.items() if p >= count]
        kept = [(p, (rows[p], a)) for p, a in proof.multipliers.items() if 2 * d <= p < count]
        ids = tuple(self._settler.row_numbers(tree, [p for p, _ in kept]))
        parts = ((lead, proof.theta), *(part for _, part in pairs), *(part for _, part in kept))
        return Loses(i, (c, *(rival for rival, _ in pairs)), ids, parts)

    def _push(self, form: object, tree: Tree, box: np.ndarray, f: int, winner: Wins) -> None:
        """The child where a candidate wins: its rows, its points, the next layer's lines."""
        frame = tree.frames[f]
        layer, number, group = self._group(tree, f)
        switch_layer = self._settler.form.layers[layer]
        p, d, first_bit = len(group), self._settler.form.dimension, switch_layer.group_bits[number]
        leads = _leads(tree.lines[layer], group, d)
        end = int(hold_winning(tree, f, leads, winner.candidate, p, d))
        if end == frame[state.P1]:
            self._settler.store(tree, int(frame[state.SLOTS]), winner.point)
            tree.lists[state.HELD, end] = frame[state.SLOTS]
            frame[state.SLOTS] += 1
            end += 1
        frame[state.UP0] = frame[state.UP1] = end
        push(tree, f, int(frame[state.P1]), end)
        child = tree.frames[f + 1]
        child[state.GROUP] = number + 1
        bit = first_bit + winner.candidate
        tree.bits[f + 1, bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)
        z = group[winner.candidate]
        for c in winner.rivals:
            add_row(tree, f + 1, leads, winner.candidate * p + c, 1.0, box, d)
            r = int(child[state.ROWS]) - 1
            tree.flips[r] = (bit, first_bit + c)
            tree.rows[r, d + 5] *= 2.0 ** self._exponents[layer][z]
        if layer + 1 < form.sizes.shape[0] - 1:
            tree.sums[f + 1] = tree.sums[f]
            k = switch_layer.switches + number
            accumulate(form.sizes, form.gain, tree.sums, f + 1, tree.lines[layer], layer, k, z, d)


def _leads(lines: np.ndarray, group: tuple[int, ...], d: int) -> np.ndarray:
    """All differences of two lines of a group, ``i * p + c`` for ``i`` minus ``c``; one rounding a coefficient."""
    z = lines[list(group)]
    first, second = np.repeat(z, len(group), axis=0), np.tile(z, (len(group), 1))
    leads = np.zeros_like(first)
    leads[:, : d + 1] = first[:, : d + 1] - second[:, : d + 1]
    error, size = first[:, d + 1] + second[:, d + 1], (first[:, d + 2] + second[:, d + 2]) * (1 + 4 * U)
    grain = np.minimum(first[:, d + 4], second[:, d + 4])
    is_exact = (error == 0) & (8 * size < 2.0**53 * grain)
    leads[:, d + 1] = np.where(is_exact, 0.0, error * (1 + 1e-9) + 2 * U * size + TINY)
    is_zero = is_exact & (leads[:, : d + 1] == 0).all(axis=1)
    leads[:, d + 2] = np.where(is_zero, 0.0, size)
    leads[:, d + 3], leads[:, d + 4] = first[:, d + 3] * second[:, d + 3], grain
    return leads
