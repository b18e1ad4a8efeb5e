"""Proof writer: .cpa files of small networks, written naively from the specification in `checker`.

A test needs proofs before and beside the engine.  This one walks a network's instructions with
`Fraction`, settles every question by listing all vertices of a node, and writes what it found.  It shares no
line with the engine or the checker; a network is read by `oracle_program`.

Main definitions:
    write: Network and domain in, `Proof` out.
    Proof: A file in pieces, to be tampered with; `to_bytes` puts counts, checksums and digest right.
    Style: Which of several valid proofs to write.

Conventions: a line is d coefficients and a constant; a row says line >= 0.  Meant for d <= 2, few units.

Not here: what the answer should be (`oracles`).
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, permutations
from math import lcm
from operator import mul

from oracle_program import (
    Add,
    Affine,
    Bend,
    Bends,
    Instruction,
    Maxima,
    Push,
    compile_network,
    read_domain,
)

Line = tuple[Fraction, ...]
Point = tuple[Fraction, ...]
DROP, SPLIT, PRUNE, CELL, FACET, CHOOSE, LOSES, WINS = 1, 3, 4, 6, 8, 10, 11, 13
DROPI, PRUNEI, DROPT, PRUNET, LOSEST, BOUND, SETTLE = 14, 15, 16, 17, 18, 19, 20
OUTWARD = Fraction(1, 2**20)


# ---------------------------------------------------------------------------------------------- the file


@dataclass
class Proof:
    """A .cpa file in pieces.  Records are ``(codes, reals, bigs)``."""

    head: dict
    records: list[tuple[list[int], list[float], list[int]]] = field(default_factory=list)
    patterns: list[int] = field(default_factory=list)
    witnesses: list[list[float]] = field(default_factory=list)
    exact_points: dict[str, list[str]] = field(default_factory=dict)
    across: list[int] = field(default_factory=list)
    facet_starts: list[int] = field(default_factory=lambda: [0])
    facet_bits: list[int] = field(default_factory=list)
    regions: list[int] = field(default_factory=list)
    words: int = 1
    counts: dict = field(default_factory=dict)
    stat: dict = field(default_factory=dict)
    margin: dict | None = None

    def copy(self) -> Proof:
        return deepcopy(self)

    def blocks(self, parts: int = 1) -> list[tuple[str, bytes]]:
        """Everything before DONE; the streams in so many parts."""
        result = [("HEAD", json.dumps(self.head).encode())]
        if self.head["proof"]:
            size = -(-len(self.records) // parts) or 1
            for start in range(0, len(self.records), size):
                part = self.records[start : start + size]
                codes, reals, bigs = ([v for record in part for v in record[k]] for k in range(3))
                result.append(("CODE", struct.pack(f"<{len(codes)}h", *codes)))
                result.append(("REAL", struct.pack(f"<{len(reals)}d", *reals)))
                result.append(("BIGS", "".join(f"{v:#x}\n" for v in bigs).encode()))
        tail = [
            ("EDGE", struct.pack(f"<{len(self.across)}q", *self.across)),
            ("PATT", b"".join(p.to_bytes(8 * self.words, "little") for p in self.patterns)),
            ("WITN", b"".join(struct.pack(f"<{len(w)}d", *w) for w in self.witnesses)),
            ("XPTS", json.dumps(self.exact_points).encode()),
            ("FPTR", struct.pack(f"<{len(self.facet_starts)}q", *self.facet_starts)),
            ("FACE", struct.pack(f"<{len(self.facet_bits)}i", *self.facet_bits)),
            ("REGI", struct.pack(f"<{len(self.regions)}q", *self.regions)),
            ("MARG", json.dumps(self.margin).encode()),
            ("STAT", json.dumps(self.stat).encode()),
        ]
        absent = () if self.head["facets"] else ("EDGE", "FPTR", "FACE", "REGI")
        absent += ("MARG",) if self.margin is None else ()
        return result + [block for block in tail if block[0] not in absent]

    def to_bytes(self, parts: int = 1) -> bytes:
        return assemble(self.blocks(parts), self.counts)


def assemble(blocks: list[tuple[str, bytes]], counts: dict, done: dict | None = None) -> bytes:
    """Magic, blocks with their checksums, DONE with the digest (fields of ``done`` override)."""
    data = b"exactcpa-partition 1\n" + b"".join(block_bytes(tag, payload) for tag, payload in blocks)
    fields = {"blocks": len(blocks), **counts, "sha256": hashlib.sha256(data).hexdigest(), **(done or {})}
    return data + block_bytes("DONE", json.dumps(fields).encode())


def block_bytes(tag: str, payload: bytes) -> bytes:
    return tag.encode() + struct.pack("<IQ", zlib.crc32(payload), len(payload)) + payload


# ------------------------------------------------------------------------------------ lines and polyhedra


def value(line: Line, point: Point) -> Fraction:
    return sum(map(mul, line, point), line[-1])


def negated(line: Line) -> Line:
    return tuple(-c for c in line)


def minus(one: Line, other: Line) -> Line:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def scaled(line: Line, factor: Fraction) -> Line:
    return tuple(factor * c for c in line)


def solve(matrix: list[list[Fraction]]) -> list[Fraction] | None:
    """Solve a square system given with its right side as last column; None if it is singular."""
    rows, n = [list(row) for row in matrix], len(matrix)
    for j in range(n):
        pivot = next((i for i in range(j, n) if rows[i][j]), None)
        if pivot is None:
            return None
        rows[j], rows[pivot] = rows[pivot], rows[j]
        rows[j] = [c / rows[j][j] for c in rows[j]]
        for i in range(n):
            if i != j and rows[i][j]:
                rows[i] = [a - rows[i][j] * b for a, b in zip(rows[i], rows[j], strict=True)]
    return [row[-1] for row in rows]


def vertices(rows: list[Line]) -> list[Point]:
    """All vertices of the bounded polyhedron where all rows are >= 0."""
    d = len(rows[0]) - 1
    found = {}
    for chosen in combinations([row for row in rows if any(row[:-1])], d):
        point = solve([[*row[:-1], -row[-1]] for row in chosen])
        if point is not None and tuple(point) not in found and all(value(row, point) >= 0 for row in rows):
            found[tuple(point)] = None
    return list(found)


def interior_point(rows: list[Line]) -> Point | None:
    """A point where all rows that are not zero are > 0, with doubles as coordinates if easily had."""
    corners = vertices(rows)
    if not corners:
        return None
    middle = tuple(sum(column) / len(corners) for column in zip(*corners, strict=True))
    if not is_inside(rows, middle):
        return None
    rounded = tuple(Fraction(float(c)) for c in middle)
    return rounded if is_inside(rows, rounded) else middle


def is_inside(rows: list[Line], point: Point) -> bool:
    return all(value(row, point) > 0 for row in rows if any(row))


def farkas(goal: Line, rows: dict[int, Line], box: list[Line]) -> dict[int, Fraction] | None:
    """Multipliers >= 0 of rows such that goal plus their sum is not positive on the box; or None.

    At a vertex where the goal is largest, minus its gradient is a combination of d independent active rows.
    Bases with few rows that are not of the box come first, so no row is listed that is not needed.
    """
    return next(every_farkas(goal, rows, box), None)


def every_farkas(goal: Line, rows: dict[int, Line], box: list[Line]) -> Iterator[dict[int, Fraction]]:
    """Those of all bases."""
    d = len(goal) - 1
    numbered = [*rows.items(), *((None, line) for line in box)]
    bases = combinations([(i, row) for i, row in numbered if any(row[:-1])], d)
    for chosen in sorted(bases, key=lambda basis: sum(i is not None for i, _ in basis)):
        columns = zip(*(row[:-1] for _, row in chosen), strict=True)
        weights = solve([[*column, -goal[j]] for j, column in enumerate(columns)])
        if weights is None or min(weights) < 0:
            continue
        constant = goal[-1] + sum(w * row[-1] for w, (_, row) in zip(weights, chosen, strict=True))
        if constant <= 0:
            yield {i: w for w, (i, _) in zip(weights, chosen, strict=True) if i is not None and w}


def determined(goal: Line, rows: dict[int, Line]) -> list[int] | None:
    """The first d rows of which one combination, not negative, cancels the goal's gradient and proves it."""
    d = len(goal) - 1
    for chosen in combinations(rows.items(), d):
        columns = zip(*(row[:-1] for _, row in chosen), strict=True)
        weights = solve([[*column, -goal[j]] for j, column in enumerate(columns)])
        if weights is None or min(weights) < 0:
            continue
        if goal[-1] + sum(w * row[-1] for w, (_, row) in zip(weights, chosen, strict=True)) <= 0:
            return [i for i, _ in chosen]
    return None


def tied(goal: Line, rows: dict[int, Line], box: list[Line]) -> list[int] | None:
    """Independent rows of which a combination, all multipliers positive, is minus the goal; faces of the box too."""
    d = len(goal) - 1
    # The box lists x_j - lower_j and upper_j - x_j as it likes; the numbers of the faces are by sign and coordinate.
    faces = {(-1 - j if line[j] > 0 else -1 - d - j): line for line in box for j in range(d) if line[j]}
    numbered = [*rows.items(), *faces.items()]
    for size in range(d + 2):
        for chosen in combinations(numbered, size):
            weights = positive_combination(goal, [line for _, line in chosen])
            if weights is not None:
                return [number for number, _ in chosen]
    return None


def positive_combination(goal: Line, lines: list[Line]) -> list[Fraction] | None:
    """Positive weights with which independent lines and the goal add up to zero."""
    for columns in combinations(range(len(goal)), len(lines)):
        weights = solve([[*(line[c] for line in lines), -goal[c]] for c in columns])
        if weights is not None:
            total = [sum(map(mul, weights, column)) for column in zip(*lines, strict=True)] or [0] * len(goal)
            fits = all(w > 0 for w in weights) and all(a == -b for a, b in zip(total, goal, strict=True))
            return weights if fits else None
    return None


# --------------------------------------------------------------------------------------------- the walk


@dataclass(frozen=True)
class Style:
    """Which valid proof to write.

    Attributes:
        facets: Whether facets are listed.
        exact: Whether all numbers go to BIGS, even those that are doubles.
        scales: Whether switches have scales other than 0.
        backwards: Whether switches are decided from the last to the first.
        prunes: Whether rows are pruned on the way, too.
        implied: Whether multipliers are left out wherever d rows determine them.
        ties: Whether they are left out wherever goal and rows add up to the zero function.
        boxes: Whether nodes get boxes of their own, and these decide switches.
    """

    facets: bool = True
    exact: bool = False
    scales: bool = False
    backwards: bool = False
    prunes: bool = False
    implied: bool = False
    ties: bool = False
    boxes: bool = False


@dataclass
class Row:
    line: Line  # as the proof counts it, scale included
    bit: int


@dataclass
class Node:
    rows: dict[int, Row]  # in use, by number
    count: int  # rows on the path so far
    lines: list[Line]
    memory: list[list[Line]]
    upper: int
    slacks: dict[int, Line] = field(default_factory=dict)  # by bit, without scales
    ends: dict[tuple[int, int], Fraction] = field(default_factory=dict)  # of the box, by sign and coordinate


@dataclass
class Cell:
    rows: list[Line]
    outputs: list[Line]
    slacks: dict[int, Line]
    crossings: list[Point]  # for every facet a point in its relative interior


@dataclass
class Question:
    """A switch, or a group if there are several candidates."""

    number: int
    bit: int
    line: int
    other: int = -1
    breakpoint: Fraction = Fraction(0)
    candidates: tuple[int, ...] = ()
    scale: int = 0


def questions(step: Bends | Maxima, first_bit: int, style: Style) -> tuple[list[Question], int]:
    """Switches and groups of an activation layer, and the first bit after them."""
    found, switches, units, bit = [], 0, 0, first_bit
    if isinstance(step, Bends):
        for index, bend in enumerate(step.bends):
            for t in bend.breakpoints:
                found.append(Question(switches, bit, index, breakpoint=t))
                switches, bit = switches + 1, bit + 1
    else:
        for group in (g for g in step.groups if len(g) > 1):
            if len(group) == 2:
                found.append(Question(switches, bit, group[1], group[0]))
                switches, bit = switches + 1, bit + 1
            else:
                found.append(Question(units, bit, -1, candidates=group))
                bit += len(group)
            units += 1
    if style.scales:
        for question in found:
            question.scale = 0 if question.candidates else question.bit * 5 % 7 - 3
    return found, bit


class Writer:
    """Builds a `Proof`; cells are kept to find the neighbours at the end."""

    def __init__(self, network: dict, domain: dict, style: Style) -> None:
        self.style = style
        self.program = compile_network(network)
        region = read_domain(domain)
        self.dimension = region.dimension
        rows = [(*(-c for c in normal), offset) for normal, offset in region.rows]
        within = domain.get("within", domain)
        is_box = within["type"] == "box"
        self.domain_rows = {} if is_box else {i: Row(row, -1) for i, row in enumerate(rows)}
        self.box, bounding_proof = (rows, None) if is_box else self.bounding_box(rows)
        self.start = [
            (*row, b) for row, b in zip(region.embedding.weight, region.embedding.bias, strict=True)
        ]
        self.questions, bits, scales = {}, 0, []
        for position, step in enumerate(self.program):
            if isinstance(step, Bends | Maxima):
                self.questions[position], bits = questions(step, bits, style)
                scales.append([q.scale for q in self.questions[position] if not q.candidates])
        head = {
            "format": "exactcpa-partition",
            "version": 1,
            "generator": "tests/proof_writer.py",
            "network": network,
            "domain": domain,
            "bounding_proof": bounding_proof,
            "reading": "deployed",
            "proof": True,
            "facets": style.facets,
            "method": "naive",
            "scales": [*scales, []],
        }
        self.proof = Proof(head, words=max(1, -(-bits // 64)))
        self.cells: list[Cell] = []

    def bounding_box(self, rows: list[Line]) -> tuple[list[Line], dict]:
        """The rows of the bounding box, and the multipliers that prove it."""
        corners, box, proof = vertices(rows), [], {"upper": [], "lower": []}
        for name, sign in (("upper", 1), ("lower", -1)):
            for j in range(self.dimension):
                bound = max(sign * corner[j] for corner in corners)
                goal = tuple(Fraction(sign * (k == j)) for k in range(self.dimension))
                weights = farkas((*goal, -bound), dict(enumerate(rows)), [])
                proof[name].append([str(weights.get(i, 0)) for i in range(len(rows))])
                box.append((*negated(goal), bound))
        return box, proof

    def write(self) -> Proof:
        corners = vertices(self.box)
        ends = {(s, j): s * max(s * c[j] for c in corners) for s in (-1, 1) for j in range(self.dimension)}
        node = Node(dict(self.domain_rows), len(self.domain_rows), self.start, [], 0, ends=ends)
        self.visit(node, 0, None)
        proof = self.proof
        if self.style.facets:
            self.find_neighbours()
        counts = {"cells": len(self.cells), "facets": None, "edges": None, "linear_regions": None}
        if self.style.facets:
            counts |= {"facets": len(proof.across), "edges": len(proof.across) // 2}
            counts["linear_regions"] = len(set(proof.regions))
        proof.counts = counts
        proof.stat = {k: v for k, v in counts.items() if k != "facets"} | {"seconds": 0.5}
        return proof

    # ---------------------------------------------------------------------------------------- records

    def record(self, code: int, codes: list[int], numbers: list[Fraction], *, is_point: bool = False) -> None:
        """Write a record with its numbers, as doubles if they are, otherwise as integers."""
        if not numbers:
            self.proof.records.append(([code, *codes], [], []))
        elif not self.style.exact and all(is_double(q) for q in numbers):
            self.proof.records.append(([code, *codes], [float(q) for q in numbers], []))
        else:
            common = lcm(*(q.denominator for q in numbers))
            integers = [int(q * common) for q in numbers] + ([common] if is_point else [])
            self.proof.records.append(([code + 1, *codes], [], integers))

    def rows_of(self, node: Node) -> list[Line]:
        return [row.line for row in node.rows.values()] + self.box

    def certificate(self, goal: Line, node: Node, without: int = -1) -> dict[int, Fraction] | None:
        usable = {i: row.line for i, row in node.rows.items() if i != without}
        return farkas(goal, usable, self.box)

    def farkas_record(self, codes: list[int], goal: Line, node: Node, weights: dict[int, Fraction]) -> None:
        """A DROP or PRUNE with its multipliers; without them if they are implied and the style likes that."""
        lines = {i: row.line for i, row in node.rows.items()}
        rows = determined(goal, lines) if self.style.implied else None
        code, *named = codes
        ties = tied(goal, lines, self.box) if self.style.ties else None
        if ties is not None:
            self.record({DROP: DROPT, PRUNE: PRUNET}[code], [*named, len(ties), *ties], [])
            return
        if rows is None:
            self.record(code, [*named, len(weights), *weights], [Fraction(1), *weights.values()])
        else:
            self.record({DROP: DROPI, PRUNE: PRUNEI}[code], [*named, len(rows), *rows], [])

    def prune(self, node: Node, number: int, weights: dict[int, Fraction]) -> None:
        row = node.rows.pop(number)
        self.farkas_record([PRUNE, number], negated(row.line), node, weights)

    def prune_all(self, node: Node) -> None:
        for number in sorted(node.rows, reverse=True):
            if number not in self.domain_rows:
                weights = self.certificate(negated(node.rows[number].line), node, without=number)
                if weights is not None:
                    self.prune(node, number, weights)

    # ------------------------------------------------------------------------------------------ nodes

    def visit(self, node: Node, position: int, asked: list[Question] | None) -> None:
        """Go through the instructions from ``position``; ``asked`` are the questions open there."""
        while position < len(self.program):
            step = self.program[position]
            if isinstance(step, Bends | Maxima):
                if asked is None:
                    asked = self.questions[position]
                    asked = asked[::-1] if self.style.backwards else asked
                    asked = self.settle(node, asked) if self.style.boxes else asked
                if asked:
                    self.ask(node, position, asked[0], asked[1:])
                    return
            apply(node, step, self.questions.get(position, []))
            position, asked = position + 1, None
        self.cell(node)

    def ask(self, node: Node, position: int, question: Question, rest: list[Question]) -> None:
        if question.candidates:
            self.choose(node, position, question, rest)
            return
        plain, line = switch_line(node, question)
        values = [value(line, corner) for corner in vertices(self.rows_of(node))]
        if min(values) < 0 < max(values):
            self.record(SPLIT, [question.number], [])
            for side in (0, 1):
                child = branch(node)
                child.rows[child.count] = Row(line if side else negated(line), question.bit)
                child.count += 1
                child.upper |= side << question.bit
                child.slacks[question.bit] = plain if side else negated(plain)
                if self.style.prunes:
                    self.prune_all(child)
                self.visit(child, position, rest)
            return
        side = int(min(values) >= 0)
        goal = negated(line) if side else line
        self.farkas_record([DROP, question.number, side], goal, node, self.certificate(goal, node))
        node.upper |= side << question.bit
        node.slacks[question.bit] = plain if side else negated(plain)
        self.visit(node, position, rest)

    def settle(self, node: Node, asked: list[Question]) -> list[Question]:
        """Give the node a box of its own, if rows prove a smaller one; return the questions that it leaves open."""
        codes, numbers = [BOUND], []
        new = dict(node.ends)
        for j in range(self.dimension):
            for sign in (-1, 1):
                found = self.end(node, sign, j)
                codes += [-1] if found is None else [len(found[1]), *found[1]]
                if found is not None:
                    new[sign, j] = found[0]
                    numbers += [found[0], *found[1].values()]
        if numbers:
            self.proof.records.append((codes, [float(q) for q in numbers], []))
            node.ends = new
        count = -(-sum(not q.candidates for q in asked) // 16)
        settled, upper, left = 0, 0, []
        for question in asked:
            side = None if question.candidates else self.side_in_box(node, question)
            if side is None:
                left.append(question)
                continue
            settled |= 1 << question.number
            upper |= side << question.number
            plain, _ = switch_line(node, question)
            node.upper |= side << question.bit
            node.slacks[question.bit] = plain if side else negated(plain)
        if settled:
            masks = [mask >> 16 * i & 0xFFFF for mask in (settled, upper) for i in range(count)]
            self.proof.records.append(([SETTLE, *(m - (m >> 15 << 16) for m in masks)], [], []))
        return left

    def end(self, node: Node, sign: int, j: int) -> tuple[Fraction, dict[int, Fraction]] | None:
        """A nearer end of the node's box and multipliers that prove it, all doubles."""
        reach = max(sign * corner[j] for corner in vertices(self.rows_of(node)))
        end = Fraction(float(sign * reach)) + sign * OUTWARD
        goal = (*(Fraction(sign * (k == j)) for k in range(self.dimension)), -sign * end)
        weights = {i: Fraction(float(w)) for i, w in self.certificate(goal, node).items()}
        lines = [goal, *(scaled(node.rows[i].line, w) for i, w in weights.items())]
        total = tuple(map(sum, zip(*lines, strict=True)))
        proves = max(value(total, corner) for corner in vertices(self.box)) <= 0
        return (end, weights) if proves and is_double(end) and sign * (node.ends[sign, j] - end) > 0 else None

    def side_in_box(self, node: Node, question: Question) -> int | None:
        """The side of a switch that the node's box proves."""
        plain, _ = switch_line(node, question)
        least, most = (
            plain[-1] + sum(c * node.ends[sign if c > 0 else -sign, j] for j, c in enumerate(plain[:-1]))
            for sign in (-1, 1)
        )
        return 1 if least >= 0 else 0 if most <= 0 else None

    def choose(self, node: Node, position: int, question: Question, rest: list[Question]) -> None:
        """Each candidate wins somewhere, or loses to the average of the others at the vertices."""
        self.record(CHOOSE, [question.number], [])
        lines = [node.lines[i] for i in question.candidates]
        for i, line in enumerate(lines):
            gaps = {c: minus(line, other) for c, other in enumerate(lines) if c != i}
            tied_above = [c for c, gap in gaps.items() if not any(gap) and c > i]
            listed = [c for c, gap in gaps.items() if any(gap)]
            won = interior_point(self.rows_of(node) + [gaps[c] for c in listed])
            if tied_above and self.style.ties:
                self.record(LOSEST, [i, 1, tied_above[0], 0], [])
            elif tied_above:
                self.record(LOSES, [i, 1, tied_above[0], 0], [Fraction(1)])
            elif won is None:
                self.lose(node, i, {c: gaps[c] for c in listed})
            else:
                self.record(WINS, [i, len(listed), *listed], [])
                child = branch(node)
                for c in listed:
                    child.rows[child.count] = Row(gaps[c], question.bit + c)
                    child.count += 1
                child.upper |= 1 << question.bit + i
                child.slacks |= {question.bit + c: gap for c, gap in gaps.items()}
                self.visit(child, position, rest)

    def lose(self, node: Node, i: int, gaps: dict[int, Line]) -> None:
        """A certificate that not all gaps are positive somewhere: gaps are rows like others."""
        lines = {row_number: row.line for row_number, row in node.rows.items()}
        if self.style.ties and self.lose_by_a_tie(i, gaps, lines):
            return
        everything = dict(lines)
        everything |= {-1000 - c: gap for c, gap in gaps.items()}
        weights = combine_to_nothing(everything, self.box)
        thetas = {-1000 - k: w for k, w in weights.items() if k <= -1000}
        lambdas = {k: w for k, w in weights.items() if k >= 0}
        codes = [i, len(thetas), *thetas, len(lambdas), *lambdas]
        self.record(LOSES, codes, [*thetas.values(), *lambdas.values()])

    def lose_by_a_tie(self, i: int, gaps: dict[int, Line], lines: dict[int, Line]) -> bool:
        """One gap is minus a combination of rows, or of another gap and rows."""
        for first, second in [(c, None) for c in gaps] + list(permutations(gaps, 2)):
            usable = lines if second is None else {1000: gaps[second], **lines}
            rows = tied(gaps[first], usable, self.box)
            if rows is None or (second is not None and 1000 not in rows):
                continue
            rivals = [first] if second is None else [first, second]
            rows = [number for number in rows if number != 1000]
            self.record(LOSEST, [i, len(rivals), *rivals, len(rows), *rows], [])
            return True
        return False

    # -------------------------------------------------------------------------------- cells and facets

    def cell(self, node: Node) -> None:
        number = len(self.cells)
        rows = self.rows_of(node)
        witness = interior_point(rows)
        self.record(CELL, [], list(witness), is_point=True)
        self.proof.patterns.append(node.upper)
        self.proof.witnesses.append([float(c) for c in witness])
        if self.style.exact or not all(map(is_double, witness)):
            self.proof.exact_points[str(number)] = [str(c) for c in witness]
        cell = Cell(rows, node.lines, node.slacks, [])
        self.cells.append(cell)
        if self.style.facets:
            for row_number in sorted(set(node.rows) - set(self.domain_rows)):
                self.facet(node, row_number, witness, cell)
            self.proof.facet_starts.append(len(self.proof.facet_bits))

    def facet(self, node: Node, number: int, witness: Point, cell: Cell) -> None:
        row = node.rows[number]
        weights = self.certificate(negated(row.line), node, without=number)
        if weights is not None:
            self.prune(node, number, weights)
            return
        others = [other.line for i, other in node.rows.items() if i != number] + self.box
        beyond = interior_point([*others, negated(row.line)])
        self.record(FACET, [number], list(beyond), is_point=True)
        self.proof.facet_bits.append(row.bit)
        inside, outside = value(row.line, witness), value(row.line, beyond)
        share = inside / (inside - outside)
        cell.crossings.append(tuple(a + share * (b - a) for a, b in zip(witness, beyond, strict=True)))

    def find_neighbours(self) -> None:
        """The other closed cell that has the crossing point; then linear regions."""
        groups = list(range(len(self.cells)))
        for a, cell in enumerate(self.cells):
            for crossing in cell.crossings:
                (b,) = [
                    b
                    for b, other in enumerate(self.cells)
                    if b != a and all(value(row, crossing) >= 0 for row in other.rows)
                ]
                self.proof.across.append(b)
                if cell.outputs == self.cells[b].outputs:
                    groups = [groups[a] if g == groups[b] else g for g in groups]
        labels = {}
        self.proof.regions = [labels.setdefault(g, len(labels)) for g in groups]


def is_double(q: Fraction) -> bool:
    try:
        return Fraction(float(q)) == q
    except OverflowError:
        return False


def branch(node: Node) -> Node:
    return Node(
        dict(node.rows),
        node.count,
        list(node.lines),
        list(node.memory),
        node.upper,
        dict(node.slacks),
        dict(node.ends),
    )


def switch_line(node: Node, question: Question) -> tuple[Line, Line]:
    """The function of a switch, without and with its scale."""
    line = node.lines[question.line]
    if question.other >= 0:
        line = minus(line, node.lines[question.other])
    plain = (*line[:-1], line[-1] - question.breakpoint)
    return plain, scaled(plain, Fraction(2) ** question.scale)


def combine_to_nothing(rows: dict[int, Line], box: list[Line]) -> dict[int, Fraction]:
    """Multipliers of rows without a common interior point, of which some sum is never positive on the box.

    Grow the system row by row; the first that leaves no interior is never positive where the others hold.
    """
    kept: dict[int, Line] = {}
    for number, line in rows.items():
        if interior_point([*kept.values(), line, *box]) is None:
            weights = farkas(line, kept, box)
            return {number: Fraction(1), **weights}
        kept[number] = line
    raise AssertionError("the rows have a common interior point")


def apply(node: Node, step: Instruction, asked: list[Question]) -> None:
    """Apply an instruction to the lines of a node where everything is decided."""
    match step:
        case Affine(weight, bias):
            node.lines = [affine(row, b, node.lines) for row, b in zip(weight, bias, strict=True)]
        case Push():
            node.memory = [*node.memory, node.lines]
        case Add():
            pairs = zip(node.memory[-1], node.lines, strict=True)
            node.lines = [tuple(a + b for a, b in zip(f, g, strict=True)) for f, g in pairs]
            node.memory = node.memory[:-1]
        case Bends(bends):
            bits = [(q.line, q.bit) for q in asked]
            pieces = [
                sum(node.upper >> bit & 1 for line, bit in bits if line == i) for i in range(len(bends))
            ]
            node.lines = [bent(b, p, z) for b, p, z in zip(bends, pieces, node.lines, strict=True)]
        case Maxima(groups):
            remaining = iter(asked)
            node.lines = [node.lines[g[0] if len(g) == 1 else winner(node, next(remaining))] for g in groups]


def winner(node: Node, question: Question) -> int:
    if not question.candidates:
        return question.line if node.upper >> question.bit & 1 else question.other
    return next(c for i, c in enumerate(question.candidates) if node.upper >> question.bit + i & 1)


def bent(bend: Bend, piece: int, line: Line) -> Line:
    *linear, constant = scaled(line, bend.slopes[piece])
    return (*linear, constant + bend.intercepts[piece])


def affine(row: tuple[Fraction, ...], bias: Fraction, lines: list[Line]) -> Line:
    *linear, constant = (sum(map(mul, row, column)) for column in zip(*lines, strict=True))
    return (*linear, constant + bias)


def spelled_out(layers: list[dict]) -> Iterator[dict]:
    """Layers with every field present, as the file format wants them."""
    for layer in layers:
        full = dict(layer)
        match layer["type"]:
            case "leaky_relu":
                full.setdefault("slope", 0.01)
            case "hardtanh":
                full = {"min": -1, "max": 1} | full
            case "conv2d":
                full = {"stride": [1, 1], "padding": [0, 0]} | full
            case "avgpool2d" | "maxpool" if "kernel" in layer:
                full.setdefault("stride", layer["kernel"])
            case "residual":
                full["layers"] = list(spelled_out(layer["layers"]))
        yield full


def write(network: dict, domain: dict, style: Style | None = None) -> Proof:
    """Enumerate the cells of a network on a domain, and write the proof."""
    network = network | {"layers": list(spelled_out(network["layers"]))}
    return Writer(network, domain, style or Style()).write()


__all__ = ["Proof", "Style", "assemble", "write"]
