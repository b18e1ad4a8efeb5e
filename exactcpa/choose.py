"""Maxima of three and more lines, where doubles leave open whether a candidate wins somewhere on a node.

A maximum of two lines is a switch.  With more, "line i is the greatest" is a convex set, its complement is not; so
a node is divided at once into one child a winner.  Each candidate either wins somewhere, shown by a point where it
beats all rivals, or loses, shown by multipliers.

Main definitions: `Chooser`, `contests_of`.

Conventions: rivals that equal a candidate identically on the node tie; the last of them stands for all.
Rows of a winner are its differences to its rivals, unscaled.

Not here: the walk through the candidates (`kernels.contest`), switches (`kernels.tree`), exact answers in general
(`settle`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactcpa.exact_points import Point, sign_at
from exactcpa.kernels import state
from exactcpa.kernels.contest import Contests, push_winner, write_leads
from exactcpa.kernels.state import Lp, Output, Tree
from exactcpa.real_programs import Tie
from exactcpa.settle import ExactRow, Node, Proof, Settler
from exactcpa.switch_form import SwitchForm


@dataclass(frozen=True, slots=True)
class Loses:
    """Candidate that is greatest nowhere: pairs and rows with their coefficients."""

    rivals: tuple[int, ...]
    rows: tuple[int, ...]
    parts: tuple[tuple[ExactRow, Fraction], ...]


@dataclass(frozen=True, slots=True)
class LosesByTie:
    """Candidate whose lead over the first rival is minus a positive combination of other leads and of rows."""

    rivals: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wins:
    """Candidate that is greatest somewhere, and a point where it is."""

    rivals: tuple[int, ...]
    point: Point


Outcome = Loses | LosesByTie | Wins


def contests_of(form: SwitchForm, exponents: tuple[tuple[int, ...], ...]) -> Contests:
    """The groups of a form for the kernels."""
    layers, d = form.layers, form.dimension
    most = max(1, *(len(layer.groups) for layer in layers))
    total = max(1, *(sum(map(len, layer.groups)) for layer in layers))
    widest = max((len(group) for layer in layers for group in layer.groups), default=1)
    starts, candidates = np.zeros((len(layers), most + 1), np.int64), np.zeros((len(layers), total), np.int64)
    bits, units = (np.zeros((len(layers), most), np.int64) for _ in range(2))
    powers = np.ones((len(layers), most))
    for number, layer in enumerate(layers):
        at = 0
        for g, (group, first) in enumerate(zip(layer.groups, layer.group_bits, strict=True)):
            candidates[number, at : at + len(group)] = group
            at += len(group)
            starts[number, g + 1 :] = at
            bits[number, g] = first
            powers[number, g] = np.ldexp(1.0, exponents[number][group[0]])
    for unit in form.units:
        if unit.group >= 0:
            units[unit.layer, unit.group] = unit.index
    leads, wanted = np.zeros((widest, d + 5)), np.zeros(widest, np.int64)
    return Contests(starts, candidates, bits, units, powers, leads, wanted)


class Chooser:
    """Decides candidates exactly."""

    def __init__(self, settler: Settler, contests: Contests) -> None:
        self._settler, self._contests = settler, contests

    def proceed(self, form: object, tree: Tree, lp: Lp, out: Output, box: np.ndarray, f: int) -> None:
        """Decide the next candidate of node ``f``; if it wins, make its child the top of the stack."""
        frame = tree.frames[f]
        i = int(frame[state.POSITION])
        outcome = self._decide(tree, f, i)
        frame[state.POSITION] = i + 1
        tree.counters[state.RECORDS] += 1
        match outcome:
            case Loses():
                codes = [state.LOSES, i, len(outcome.rivals), *outcome.rivals, len(outcome.rows)]
                self._settler.write_multipliers(tree, out, [*codes, *outcome.rows], list(outcome.parts))
            case LosesByTie():
                codes = [state.LOSES_TIED, i, len(outcome.rivals), *outcome.rivals, len(outcome.rows)]
                self._write(tree, out, [*codes, *outcome.rows])
            case Wins():
                self._write(tree, out, [state.WINS, i, len(outcome.rivals), *outcome.rivals])
                self._push(form, tree, lp, out, box, f, i, outcome)

    def _write(self, tree: Tree, out: Output, codes: list[int]) -> None:
        if tree.counters[state.PROOF]:
            self._settler.emit(tree, out, codes, [])

    def _push(
        self,
        form: object,
        tree: Tree,
        lp: Lp,
        out: Output,
        box: np.ndarray,
        f: int,
        i: int,
        winner: Wins,
    ) -> None:
        """The child where a candidate wins, which holds the point found."""
        frame, contests = tree.frames[f], self._contests
        layer, number = int(frame[state.LAYER]), int(frame[state.GROUP])
        start, end = contests.starts[layer, number : number + 2]
        write_leads(
            tree.lines[layer],
            contests.candidates[layer],
            start,
            end - start,
            i,
            contests.leads,
            self._settler.form.dimension,
        )
        contests.wanted[:] = 0
        contests.wanted[list(winner.rivals)] = 1
        slot = int(frame[state.SLOTS])
        self._settler.store(tree, slot, winner.point)
        tree.lists[state.HELD, frame[state.P1]] = slot
        frame[state.P1] += 1
        frame[state.SLOTS] += 1
        push_winner(form, contests, tree, lp, out, box, f, i, slot, self._settler.form.dimension)

    def _decide(self, tree: Tree, f: int, i: int) -> Outcome:
        settler = self._settler
        settler.settled += 1
        node, number = settler.node(tree, f), int(tree.frames[f, state.GROUP])
        lines = settler.lines.at(node.layer, node.pattern)
        candidates = [lines.rows[z] for z in settler.form.layers[node.layer].groups[number]]
        points = [settler.exact_point(tree, slot) for slot in settler.held(tree, f)]
        return self._judge(tree, node, candidates, lines.denominator, i, points)

    def _judge(
        self, tree: Tree, node: Node, candidates: list, denominator: int, i: int, points: list[Point]
    ) -> Outcome:
        """Go through the rivals of one candidate, keeping a point where it beats all of them so far."""
        twin = next((c for c in range(len(candidates) - 1, i, -1) if candidates[c] == candidates[i]), None)
        if twin is not None:
            zero = ExactRow(tuple(a - a for a in candidates[i]), denominator, 0)
            return Loses((twin,), (), ((zero, Fraction(1)),))
        rivals = [c for c in range(len(candidates)) if candidates[c] != candidates[i]]
        leads = {c: tuple(a - b for a, b in zip(candidates[i], candidates[c], strict=True)) for c in rivals}
        for point in points:
            if all(sign_at(lead, point) > 0 for lead in leads.values()):
                return Wins(tuple(rivals), point)
        rows, interior = list(node.rows), points[0]
        for c in rivals:
            lead = leads[c]
            row = self._settler.exact_row(lead, denominator, 0)
            if sign_at(lead, interior) <= 0:
                found = self._settler.seek(rows, lead, interior)
                if not isinstance(found, tuple):
                    return self._loser(tree, node, c, rivals, rows, row, found)
                interior = found
            rows.append(row)
        return Wins(tuple(rivals), interior)

    def _loser(
        self,
        tree: Tree,
        node: Node,
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
            return LosesByTie((c, *others), tuple(ids))
        pairs = [(rivals[p - count], (rows[p], a)) for p, a in proof.multipliers.items() if p >= count]
        kept = [(p, (rows[p], a)) for p, a in proof.multipliers.items() if 2 * d <= p < count]
        ids = tuple(self._settler.row_numbers(tree, [p for p, _ in kept]))
        parts = ((lead, proof.theta), *(part for _, part in pairs), *(part for _, part in kept))
        return Loses((c, *(rival for rival, _ in pairs)), ids, parts)
