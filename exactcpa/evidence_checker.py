r"""Evidence checker: adds up again what a cross-check says about a network.  Trusted, alone, standard library only.

Run it by itself, ``python -I -S exactcpa/evidence_checker.py FILE`` (exit 0: all of it holds, 1: rejected, 2: no such
file, or not of this format; with ``--all`` before FILE it prints a line a piece), or call ``check_document``.  It needs
nothing of the package but the file `checker.py` beside it, of which it uses what reads numbers and networks and runs
these.

A document is ``{"format": "exactcpa-evidence", "version": 1, "network": .., "domain": .., "evidence": [{"kind": ..,
..}, ..]}``, perhaps with ``"claims": {name: [number of a piece, ..], ..}``, which only says how to sum up. Network,
domain and numbers are as in a partition file (see `checker`), but that a polytope needs no bounding proof. The reading
is the deployed one. Points are in the domain's own coordinates, t of a slice; the domain is closed. A pattern is the
list of the pieces of all units, in order.


Slacks
------
A row of the cell of a pattern is known by a key.  Key b >= 0 is pattern bit b (`checker` numbers the bits): for a
switch f the slack is f if the bit is 1 and -f if it is 0; for a candidate that has not won it is the winner's line
minus its own.  Key -1 - k is row k of the domain, offset - <normal, t>; of a box first the upper bounds by
coordinate, then the lower ones.  Lines are affine functions on the cell, exact.  A row is *strict* if its slack may
not be the zero function: the bit of a switch is 0, or the candidate comes after the winner.  A pattern's cell has
interior exactly if there is a point strictly inside the domain where every slack is positive, or zero everywhere and
not strict.


Kinds
-----
    point         {point, pattern}: such a point.  So the pattern is a cell, and here is a point strictly inside.
    points        {points, patterns}: the same, many times, with patterns that are all different: so many cells.
    around        {point, patterns}: a point of the domain where no slack of these patterns, all different, is negative
                  and none zero everywhere and strict.  So the closures of those of them that are cells contain it.
    empty         {pattern, multipliers: [[key, value], ..]}: positive values; the sum of value * slack is a negative
                  constant, or zero with a slack that is not zero, or is strict. So the pattern is no cell.
    facet         {patterns: [P, Q], point}: strictly inside the domain; there all slacks of P and Q are >= 0, those
                  of P that are 0 there, but not everywhere, are positive multiples of one function, those of Q of its
                  negative. So both are cells and share a facet.
    not_adjacent  {patterns: [P, Q], certificates: [[[0 or 1, key, value], ..], ..]}: positive values, 0 is P, 1 is Q.
                  Every certificate sums to a constant <= 0: so the closed cells do not meet (a negative constant), or
                  where they meet all listed slacks are 0; then these span two dimensions as vectors of d + 1 numbers.
                  So the closed cells share no facet.
    map           {pattern, matrix, shift}: on the cell the network is t -> matrix t + shift.
    value         {point, value} with output: i, or with unit: [layer, index]: what the output, or the unit's pre-
                  activation, is at a point of the domain.
    inside, outside {point} with rows: [[n_1, .., n_d, b], ..] or, in the plane, polygon: [[x, y], ..] (convex, in
                  order): the point, of the domain or not, is strictly inside <n, t> <= b or the polygon; or strictly
                  outside.
    reach         {point, nearest, norm: "1" | "2" | "inf", value} with tie: both points are in the domain, their
                  distance is value (of "2" the square), and nearest is on the tie: {"unit": [layer, index],
                  "breakpoint": k} (exactly at the unit's breakpoint), {"outputs": [i, j]} (output i >= output j) or
                  {"output": i, "threshold": q} (equal).
    ball          {point, norm, value, pattern, walls: {"bit": [[k, value], ..], ..}}: within the domain the open ball
                  around the point has no point outside the closed cell. For every bit b that has a slack s: -s plus
                  the sum of value * slack of the domain's rows k is <= 0 on the ball. value null: so everywhere.
    apart         {point, norm, value, pattern, tie, theta, multipliers: [[key, value], ..]}: no point of the closed
                  cell on the tie is in the open ball (value null: none at all). With f the tie's function (pre-
                  activation minus breakpoint; output i minus output j), theta * f + sum of value * slack is negative
                  on the ball. Values are positive, theta too if the tie says >=; without tie theta is 0.
    proof         {sha256} with file or base64, and cells, edges, linear_regions if stated (null: not found): a
                  partition file that `checker` accepts, for this network and this domain, or the field domain.
    constant      {unit, pieces} and the fields of a proof: there the unit has these pieces, on cells, and no others.
    bounded       {bounds: [[i, lower, upper], ..], sha256} with file or base64, domain if it is another, and layer if
                  it is about the inputs of an activation layer, not outputs: a proof for the network that ends, after
                  output or input f of number i, in relu(lower - f) and relu(f - upper), in this order (null: none), in
                  which no such unit is ever positive.  So lower <= f <= upper there.
    enclosed      {bounds: [[i, lower, upper], ..], box: {lower, upper}} and perhaps layer: the same on a box, within
                  the domain or not, found by `enclosures` of all lines there, each between two affine functions of
                  the point.  It needs no cells, so it is for networks with too many of them.
    margin        {sha256} with file or base64, and point, norm, value: a partition file with a margin, which
                  `checker` accepts, for this network and of this point. Value null: no other class. With unit and
                  breakpoint (its value): for the network up to the unit, compared with that threshold.
    volume        {pattern, value} or {pattern, class, value}: volume of a cell, d <= 3; of the part where output
                  `class` is larger than all before it and no smaller than all after it. Without pattern: of the
                  domain.
    statistics    {points, layer, mean, variance}: of the inputs of the batchnorm with this number among the layers (a
                  list of numbers within residual blocks) when the points go through, each batchnorm before it
                  normalising by the points' statistics. variance is biased, and may be null.
    centroid      {points, layer, value}: the mean of what comes into activation layer ``layer`` and what is before it:
                  of the points for 0, else of what the activation layer before gives (in residual blocks with what is
                  carried around them).
    placement     {points, unit, breakpoint: k, bias, offset, norm_squared, mean_squared, optimum}: of the hyperplane
                  <w, z> + bias = t in the space of these z: offset is the mean of <w, z> + bias - t, norm_squared
                  |w|^2; mean_squared the mean squared distance of the z, optimum the least one for a parallel
                  hyperplane; both null if w is zero.
    number        {name, exact}: a number that is only stated.


Main definitions:
    check_document: All evidence of a document.
    enclosures: All lines of a network, between two affine functions each, on a box.
    Question: A network on a domain, and the evidence about it.
    volume: Exact volume of a polyhedron by its rows.

References: Schrijver, Theory of linear and integer programming (1986), section 7.3 (Farkas' lemma); Lasserre, An
analytical expression and an algorithm for the volume of a convex polyhedron in R^n (1983); Singh et al., An abstract
domain for certifying neural networks (2019), for the lines around a bend.

Not here: partition files (`checker`); which evidence a claim needs (`crosscheck`).
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # beside this file lies a numbers.py that is not the standard library's

import argparse
import base64
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from hashlib import sha256
from math import ceil, floor
from operator import gt, mul
from pathlib import Path
from typing import Any, NamedTuple

try:
    from exactcpa import checker
except ImportError:  # alone: the file beside this one
    _spec = importlib.util.spec_from_file_location("checker", Path(__file__).with_name("checker.py"))
    checker = importlib.util.module_from_spec(_spec)
    sys.modules["checker"] = checker
    _spec.loader.exec_module(checker)

FORMAT, VERSION = "exactcpa-evidence", 1
NORMS = ("1", "2", "inf")
MOST_TOLD = 3
"""Different sentences about one kind of evidence that a summary holds."""

Rejected, Unreadable = checker.Rejected, checker.Unreadable
Function = tuple[Fraction, ...]
"""An affine function: d coefficients and a constant."""

reject, shown, number, brief = checker.reject, checker.shown, checker.number, checker.short


def check_document(document: object, folder: str | Path = ".") -> list[str]:
    """Check all evidence of a document.

    Args:
        document: See the module.
        folder: Where its files are.

    Returns:
        What each piece of evidence shows, one sentence each.

    Raises:
        Rejected: A piece does not hold; the message says which and why.
        Unreadable: Not a document of this format.
    """
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or document.get("version") != VERSION
    ):
        raise Unreadable(f"not an {FORMAT}, version {VERSION}")
    fields = "format version network domain evidence" + " claims" * ("claims" in document)
    checker.expect_fields(document, fields, "document")
    if not isinstance(document["evidence"], list):
        reject("evidence: expected a list")
    claims_of(document)
    question = Question(document["network"], document["domain"], folder)
    found = []
    for index, item in enumerate(document["evidence"]):
        try:
            found.append(question.check(item))
        except (Rejected, Unreadable) as problem:
            reject(f"evidence {index}: {problem}")
    return found


def claims_of(document: dict) -> dict[str, list[int]]:
    """The numbers of the pieces of each claim; all under one empty name if the document does not say."""
    count = len(document["evidence"])
    claims = document.get("claims", {"": list(range(count))})
    if not isinstance(claims, dict) or not all(isinstance(numbers, list) for numbers in claims.values()):
        reject("claims: expected lists of numbers of pieces by name")
    return {name: [_below(k, count, "claims") for k in numbers] for name, numbers in claims.items()}


def summary(document: dict, found: Sequence[str]) -> list[str]:
    """What the evidence of a checked document shows, claim by claim and kind by kind.

    Args:
        document: As checked.
        found: What ``check_document`` returned.
    """
    lines = []
    for name, numbers in claims_of(document).items():
        if name:
            lines.append(
                f"{ascii(name)[1:-1]}: {len(numbers)} piece{'s' * (len(numbers) != 1)}" + ":" * bool(numbers)
            )
        kinds: dict[str, list[int]] = {}
        for k in numbers:
            item = document["evidence"][k]
            is_whole = item["kind"] == "volume" and "pattern" not in item
            kinds.setdefault("volume of the domain" if is_whole else item["kind"], []).append(k)
        lines += [
            "  " * bool(name) + _summed(kind, members, document, found) for kind, members in kinds.items()
        ]
    return lines


def _summed(kind: str, members: Sequence[int], document: dict, found: Sequence[str]) -> str:
    """Pieces of one kind in a line."""
    sentences = list(dict.fromkeys(found[k] for k in members))
    told = "; ".join(sentences[:MOST_TOLD])
    if len(sentences) > MOST_TOLD:
        others = len(sentences) - MOST_TOLD
        told += f"; and {others} other{'s' * (others != 1)}"
    if kind == "volume" and len(members) > 1:
        volumes = [number(document["evidence"][k]["value"]) for k in members]
        told = f"the volumes are {brief(sum(volumes))} together, {brief(max(volumes))} at most"
    return f"{kind}, {len(members)} times: {told}" if len(members) > 1 else f"{kind}: {told}"


class Question:
    """A network on a domain.

    Attributes:
        json, domain_json: As given.
        lowered, network: In fractions, and in integers; see `checker`.
        inputs: The network's inputs as functions of the domain's coordinates.
        domain: In integers; without bounding box.
        walls: The slacks of the domain's rows, in the order of the keys.
        sparse_walls: The same, as coefficients with their places, and a constant.
        dimension: The d of R^d.
    """

    def __init__(self, network: object, domain: object, folder: str | Path = ".") -> None:
        self.json, self.domain_json, self.folder = network, domain, Path(folder)
        self.lowered, inputs = checker.lower_network(network)
        rows, self.walls = read_domain(domain, inputs)
        self.inputs = rows
        self.sparse_walls = [([(j, c) for j, c in enumerate(w[:-1]) if c], w[-1]) for w in self.walls]
        self.dimension = len(rows[0]) - 1
        denominator = checker.common_denominator(c for row in rows for c in row)
        self.domain = checker.Domain(
            (), (), 1, [], 1, [checker.numerators(row, denominator) for row in rows], denominator
        )
        scales = [[0] * sum(map(_switches, units)) for _, units in self.lowered]
        self.network = checker.integer_network(self.lowered, self.domain, scales)
        self.lines = cache(self._lines)
        self.below = [(1 << first) - 1 for first in _first_bits(self.network.stages)]

    def check(self, item: object) -> str:
        """Check one piece of evidence; return what it shows.

        Raises:
            Rejected: It does not hold.
        """
        if not isinstance(item, dict) or not isinstance(item.get("kind"), str) or item["kind"] not in KINDS:
            reject(f"unknown kind of evidence: {shown(item.get('kind') if isinstance(item, dict) else item)}")
        kind = item["kind"]
        try:
            return KINDS[kind](self, item)
        except (Rejected, Unreadable) as problem:
            reject(f"{kind}: {problem}")
        except (
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
            ArithmeticError,
            OSError,
        ) as problem:
            reject(f"{kind}: malformed: {type(problem).__name__}: {str(problem)[:200]!a}")

    # ------------------------------------------------------------------------------------ the network on a cell

    def _lines(self, index: int, pattern: int) -> list[tuple[int, ...]]:
        """The lines of a stage where the pattern holds, over the stage's denominator."""
        stages = self.network.stages
        if index == 0:
            return checker.lines_on(stages[0], list(zip(*self.domain.inputs, strict=True)))
        below = self.lines(index - 1, pattern & self.below[index - 1])
        before = stages[index - 1]
        results = [checker.result_on(unit, before, below, pattern) for unit in before.units]
        return checker.lines_on(stages[index], list(zip(*results, strict=True)))

    def lines_of(self, index: int, pattern: int) -> list[Function]:
        """The lines of a stage where the pattern holds."""
        denominator = self.network.stages[index].denominator
        lines = self.lines(index, pattern & self.below[index])
        return [tuple([Fraction(c, denominator) for c in line]) for line in lines]

    def slack(self, key: object, pattern: int) -> tuple[Function, bool]:
        """A slack by its key, over the domain's coordinates, up to a positive factor; and whether it is strict."""
        if type(key) is not int or not -len(self.walls) <= key < self.network.bits:
            reject(f"no row has the key {shown(key)}")
        if key < 0:
            return self.walls[-1 - key], False
        index, owner = self.network.owners[key]
        lines, set_ = self.lines(index, pattern & self.below[index]), pattern >> key & 1
        if isinstance(owner, checker.Switch):
            vector = list(lines[owner.plus])
            if owner.minus >= 0:
                vector = [a - b for a, b in zip(vector, lines[owner.minus], strict=True)]
            vector[-1] -= owner.shift
            return _function(
                vector if set_ else [-c for c in vector], self.network.stages[index].denominator
            ), not set_
        if set_:
            reject(f"bit {key} is the winner's: it has no row")
        winner, mine = checker.winner_of(owner, pattern), key - owner.bit
        pair = zip(lines[owner.sources[winner]], lines[owner.sources[mine]], strict=True)
        return _function([a - b for a, b in pair], self.network.stages[index].denominator), mine > winner

    def slacks(self, pattern: int) -> list[tuple[Function, bool]]:
        """All slacks of a cell but the domain's."""
        return [self.slack(bit, pattern) for bit in range(self.network.bits) if not self._wins(bit, pattern)]

    def _wins(self, bit: int, pattern: int) -> bool:
        owner = self.network.owners[bit][1]
        return not isinstance(owner, checker.Switch) and bool(pattern >> bit & 1)

    def pattern(self, pieces: object) -> int:
        """The bits of a pattern given as the pieces of all units."""
        units = [unit for stage in self.network.stages for unit in stage.units if checker.is_unit(unit)]
        if not isinstance(pieces, list) or len(pieces) != len(units):
            reject(f"pattern: expected the pieces of {len(units)} units, got {shown(pieces)}")
        total = 0
        for unit, piece in zip(units, pieces, strict=True):
            count = len(unit.sources) if isinstance(unit, checker.Maximum) else len(unit.breakpoints) + 1
            if type(piece) is not int or not 0 <= piece < count:
                reject(f"pattern: expected a piece below {count}, got {shown(piece)}")
            bits = 1 << piece if checker.is_group(unit) else (1 << piece) - 1
            total |= bits << unit.bit
        return total

    # ---------------------------------------------------------------------------------------------- points

    def point(self, value: object, *, strictly: bool = False) -> Function:
        """A point of the domain, perhaps strictly inside."""
        point = tuple(checker.vector(value, self.dimension))
        heights = [sum((c * point[j] for j, c in terms), constant) for terms, constant in self.sparse_walls]
        if min(heights) < 0 or (strictly and min(heights) == 0):
            reject(f"the point is not {'strictly inside' if strictly else 'in'} the domain")
        return point

    def run(self, point: Function) -> tuple[int, list[list[Fraction]]]:
        """The pattern at a point by a forward pass, and the values of all lines of all stages."""
        one = checker.common_denominator(point)
        entries = [sum(map(mul, row, (*checker.numerators(point, one), one))) for row in self.domain.inputs]
        pattern, values = 0, []
        for stage in self.network.stages:
            lines = stage.sums.at(entries, one)
            values.append([Fraction(line, stage.denominator * one) for line in lines])
            entries = []
            for unit in stage.units:
                bend = isinstance(unit, checker.Bend)
                value, bits, _ = (checker.bend_at if bend else checker.maximum_at)(unit, lines, one, None)
                entries.append(value if bend else value * stage.slope_denominator)
                pattern |= bits << unit.bit
        return pattern, values

    def unit(self, value: object) -> Any:
        """A unit [layer, index], as the checker has it, with its stage's number."""
        layer, index = checker.items(value, 2)
        stages = self.network.stages
        if type(layer) is not int or not 0 <= layer < len(stages) - 1 or type(index) is not int or index < 0:
            reject(f"no unit {shown(value)}")
        units = [unit for unit in stages[layer].units if checker.is_unit(unit)]
        return (layer, units[index]) if index < len(units) else reject(f"no unit {shown(value)}")

    def source(self, item: dict) -> tuple[int, int]:
        """Stage and line of the output or pre-activation that evidence is about."""
        if ("output" in item) == ("unit" in item):
            reject("expected either output or unit")
        if "output" in item:
            last = len(self.network.stages) - 1
            return last, _below(item["output"], len(self.network.stages[last].sums), "output")
        layer, unit = self.unit(item["unit"])
        return (
            (layer, unit.source)
            if isinstance(unit, checker.Bend)
            else reject("a maximum has no pre-activation")
        )

    def tie(self, value: object, pattern: int | None) -> tuple[Function, bool, Callable[[Function], bool]]:
        """The function of a tie on a cell, whether >= is enough, and whether a point is on it."""
        if not isinstance(value, dict):
            reject(f"tie: expected an object, got {shown(value)}")
        last, zero = len(self.network.stages) - 1, (Fraction(0),) * (self.dimension + 1)
        if "unit" in value:
            checker.expect_fields(value, "unit breakpoint", "tie")
            stage, unit = self.unit(value["unit"])
            if isinstance(unit, checker.Bend):
                k = _below(value["breakpoint"], len(unit.breakpoints), "breakpoint")
                plus, minus = unit.source, None
                shift = Fraction(unit.breakpoints[k], self.network.stages[stage].denominator)
            elif len(unit.sources) == 2 and value["breakpoint"] == 0:
                plus, minus, shift = unit.sources[1], unit.sources[0], Fraction(0)
            else:
                reject("tie: a maximum of more than two lines")
            at_least = False
        elif "outputs" in value:
            checker.expect_fields(value, "outputs", "tie")
            plus, minus = (
                _below(i, len(self.network.stages[last].sums), "outputs") for i in value["outputs"]
            )
            stage, shift, at_least = last, Fraction(0), True
        else:
            checker.expect_fields(value, "output threshold", "tie")
            plus = _below(value["output"], len(self.network.stages[last].sums), "output")
            stage, minus, shift, at_least = last, None, number(value["threshold"]), False
        function = zero
        if pattern is not None:
            lines = self.lines_of(stage, pattern)
            other = zero if minus is None else lines[minus]
            *linear, constant = (a - b for a, b in zip(lines[plus], other, strict=True))
            function = (*linear, constant - shift)

        def holds(point: Function) -> bool:
            values = self.run(point)[1][stage]
            height = values[plus] - (0 if minus is None else values[minus]) - shift
            return height >= 0 if at_least else height == 0

        return function, at_least, holds

    # ----------------------------------------------------------------------------------------- kinds: cells

    def check_point(self, item: dict) -> str:
        """A witness of a cell."""
        checker.expect_fields(item, "kind point pattern", "evidence")
        self.expect_witness(item["point"], item["pattern"])
        return "the pattern is a cell"

    def check_points(self, item: dict) -> str:
        """Witnesses of different cells."""
        checker.expect_fields(item, "kind points patterns", "evidence")
        points, patterns = checker.items(item["points"]), checker.items(item["patterns"])
        if len(points) != len(patterns):
            reject("not as many points as patterns")
        bits = [self.expect_witness(point, pattern) for point, pattern in zip(points, patterns, strict=True)]
        if len(set(bits)) < len(bits):
            reject("a pattern twice")
        return f"{len(bits)} different patterns are cells"

    def check_around(self, item: dict) -> str:
        """A point in the closures of different cells."""
        checker.expect_fields(item, "kind point patterns", "evidence")
        point, patterns = self.point(item["point"]), list(map(self.pattern, checker.items(item["patterns"])))
        if len(set(patterns)) < len(patterns):
            reject("a pattern twice")
        for pattern in patterns:
            for slack, strict in self.slacks(pattern):
                if at(slack, point) < 0 or (strict and not any(slack)):
                    reject("the point is not in one of the closed cells, or that pattern is no cell")
        return f"{len(patterns)} closed cells contain the point"

    def expect_witness(self, value: object, pieces: object) -> int:
        """A point is strictly inside the cell of a pattern; the network itself is run there."""
        point, pattern = self.point(value, strictly=True), self.pattern(pieces)
        if self.run(point)[0] != pattern:
            reject("the network has another pattern at the point")
        for slack, strict in self.slacks(pattern):
            height = at(slack, point)
            if height < 0 or (height == 0 and (strict or any(slack))):
                reject("the point is on the boundary of the cell, or the cell is none")
        return pattern

    def check_empty(self, item: dict) -> str:
        """Farkas multipliers."""
        checker.expect_fields(item, "kind pattern multipliers", "evidence")
        pattern = self.pattern(item["pattern"])
        terms = self.terms(item["multipliers"], pattern)
        *linear, constant = total(((weight, slack) for weight, slack, _ in terms), self.dimension)
        if any(linear) or constant > 0:
            reject("the sum is not a constant that is negative or zero")
        if constant == 0 and not any(any(slack) or strict for _, slack, strict in terms):
            reject("the sum is zero, but so are all its terms, none of them strict")
        return "the pattern is no cell"

    def terms(self, value: object, pattern: int, *, least: int = 1) -> list[tuple[Fraction, Function, bool]]:
        """Multipliers with their slacks."""
        if not isinstance(value, list) or len(value) < least:
            reject(f"expected a list of multipliers, got {shown(value)}")
        return [
            (positive(weight), *self.slack(key, pattern))
            for key, weight in (checker.items(t, 2) for t in value)
        ]

    def check_facet(self, item: dict) -> str:
        """A point in the relative interior of a facet that two cells share."""
        checker.expect_fields(item, "kind patterns point", "evidence")
        point = self.point(item["point"], strictly=True)
        first, second = (self.tight_row(self.pattern(p), point) for p in checker.items(item["patterns"], 2))
        if not is_positive_multiple([-c for c in second], first):
            reject("the cells are on the same side of the facet, or have other facets there")
        return "the cells share a facet"

    def tight_row(self, pattern: int, point: Function) -> Function:
        """The one row of a cell that is tight at a point, up to a factor."""
        tight = None
        for slack, strict in self.slacks(pattern):
            height = at(slack, point)
            if height < 0 or (strict and not any(slack)):
                reject("the point is not in one of the closed cells, or that pattern is no cell")
            if height == 0 and any(slack):
                if tight is not None and not is_positive_multiple(slack, tight):
                    reject("two different rows of a cell are tight at the point")
                tight = slack
        return reject("no row of a cell is tight at the point") if tight is None else tight

    def check_not_adjacent(self, item: dict) -> str:
        """Two closed cells have at most a set of dimension d - 2 in common."""
        checker.expect_fields(item, "kind patterns certificates", "evidence")
        patterns = [self.pattern(p) for p in checker.items(item["patterns"], 2)]
        tight = []
        for certificate in checker.items(item["certificates"]):
            terms = []
            for term in checker.items(certificate):
                side, key, weight = checker.items(term, 3)
                slack, _ = self.slack(key, patterns[_below(side, 2, "side")])
                terms.append((positive(weight), slack))
            *linear, constant = total(terms, self.dimension)
            if any(linear) or constant > 0:
                reject("a certificate does not sum to a constant that is negative or zero")
            if constant < 0:
                return "the closed cells do not meet"
            tight += [slack for _, slack in terms]
        nonzero = [slack for slack in tight if any(slack)]
        if all(is_multiple(slack, nonzero[0]) for slack in nonzero):
            reject("the rows that are tight where the cells meet are multiples of each other")
        return "the cells share no facet"

    def check_map(self, item: dict) -> str:
        """The affine map on a cell."""
        checker.expect_fields(item, "kind pattern matrix shift", "evidence")
        lines = self.lines_of(len(self.network.stages) - 1, self.pattern(item["pattern"]))
        rows = checker.matrix(item["matrix"], len(lines), self.dimension)
        shift = checker.vector(item["shift"], len(lines))
        if [(*row, c) for row, c in zip(rows, shift, strict=True)] != lines:
            reject("the map on the cell is another one")
        return "this is the map on the cell"

    def check_value(self, item: dict) -> str:
        """An output or pre-activation at a point."""
        checker.expect_fields(
            item, f"kind point value {'output' if 'output' in item else 'unit'}", "evidence"
        )
        stage, line = self.source(item)
        value = self.run(self.point(item["point"]))[1][stage][line]
        if value != number(item["value"]):
            reject("the value is another one")
        return f"the value at the point is {brief(value)}"

    # ----------------------------------------------------------------------------- kinds: sets and distances

    def check_inside(self, item: dict) -> str:
        """A point strictly inside a polyhedron."""
        if not self._compare(item, lambda heights: min(heights) > 0):
            reject("the point is not strictly inside")
        return "the point is strictly inside the set"

    def check_outside(self, item: dict) -> str:
        """A point strictly outside a polyhedron."""
        if not self._compare(item, lambda heights: min(heights) < 0):
            reject("the point is not outside")
        return "the point is outside the set"

    def _compare(self, item: dict, is_so: Callable[[list[Fraction]], bool]) -> bool:
        field = "rows" if "rows" in item else "polygon"
        checker.expect_fields(item, f"kind point {field}", "evidence")
        point = tuple(checker.vector(item["point"], self.dimension))
        if field == "rows":
            rows = checker.matrix(item["rows"], columns=self.dimension + 1)
            return is_so([at((*(-n for n in normal), offset), point) for *normal, offset in rows])
        if self.dimension != 2:
            reject("polygon: not in the plane")
        slacks = edges_of([tuple(corner) for corner in checker.matrix(item["polygon"], columns=2)])
        return is_so([at(slack, point) for slack in slacks])

    def check_reach(self, item: dict) -> str:
        """A tie at a stated distance."""
        checker.expect_fields(item, "kind point nearest norm value tie", "evidence")
        point, nearest = self.point(item["point"]), self.point(item["nearest"])
        if length([a - b for a, b in zip(nearest, point, strict=True)], norm_of(item)) != number(
            item["value"]
        ):
            reject("the distance is another one")
        if not self.tie(item["tie"], None)[2](nearest):
            reject("the nearest point is not on the tie")
        return f"there is a tie at distance {distance_text(item)}"

    def check_ball(self, item: dict) -> str:
        """A ball has no point of the domain outside a closed cell."""
        checker.expect_fields(item, "kind point norm value pattern walls", "evidence")
        point, pattern = self.point(item["point"]), self.pattern(item["pattern"])
        radius = None if item["value"] is None else number(item["value"])
        for bit in range(self.network.bits):
            if self._wins(bit, pattern):
                continue
            slack, strict = self.slack(bit, pattern)
            if strict and not any(slack):
                reject("the pattern is no cell")
            walls = item["walls"].get(str(bit), [])
            if any(type(k) is not int or k < 0 for k, _ in walls):
                reject("walls: only rows of the domain")
            terms = [(positive(weight), self.slack(-1 - k, pattern)[0]) for k, weight in walls]
            sum_ = total([(Fraction(-1), slack), *terms], self.dimension)
            if not is_at_most_zero(sum_, point, radius, norm_of(item)):
                reject(f"the certificate of bit {bit} does not add up")
        return f"the open ball of radius {distance_text(item)} is in one cell"

    def check_apart(self, item: dict) -> str:
        """A cell has no tie within a ball."""
        checker.expect_fields(item, "kind point norm value pattern tie theta multipliers", "evidence")
        point, pattern, theta = (
            self.point(item["point"]),
            self.pattern(item["pattern"]),
            number(item["theta"]),
        )
        terms = [(weight, slack) for weight, slack, _ in self.terms(item["multipliers"], pattern, least=0)]
        if item["tie"] is not None:
            function, at_least, _ = self.tie(item["tie"], pattern)
            if at_least and theta < 0:
                reject("theta is negative")
            terms.append((theta, function))
        elif theta:
            reject("theta without a tie")
        sum_ = total(terms, self.dimension)
        radius = None if item["value"] is None else number(item["value"])
        if not any(sum_) or not is_at_most_zero(sum_, point, radius, norm_of(item)) or at(sum_, point) >= 0:
            reject("the sum is not negative on the ball")
        return f"the cell has no such point within {distance_text(item)}"

    # ------------------------------------------------------------------------------------------- kinds: files

    def check_proof(self, item: dict) -> str:
        """A partition file with its proof."""
        report, _ = self.accepted(item, self.json, "cells edges linear_regions")
        for field in ("cells", "edges", "linear_regions"):
            if field in item and item[field] != getattr(report, field):
                reject(f"{field}: {shown(item[field])} stated, {getattr(report, field)} proved")
        return f"{report.cells} cells proved"

    def check_constant(self, item: dict) -> str:
        """The pieces a unit has on a domain."""
        _, blocks = self.accepted(item, self.json, "unit pieces cells edges linear_regions")
        _, unit = self.unit(item["unit"])
        pieces = sorted({_piece(unit, pattern) for pattern in patterns_in(blocks, self.network.bits)})
        if item["pieces"] != pieces:
            reject(f"the unit has the pieces {pieces}")
        return f"the unit has the pieces {pieces} there"

    def check_bounded(self, item: dict) -> str:
        """Bounds of outputs or of the inputs of an activation layer."""
        ended = ended_network(self.json, item)
        _, blocks = self.accepted(item, ended, "bounds layer")
        other = Question(ended, item.get("domain", self.domain_json))
        stage = other.network.stages[-2]
        for pattern in patterns_in(blocks, other.network.bits):
            for unit in stage.units:
                if pattern >> unit.bit & 1 and any(other.slack(unit.bit, pattern)[0]):
                    reject("a bound is exceeded on a cell")
        return "the bounds hold"

    def check_enclosed(self, item: dict) -> str:
        """Bounds on a box, by enclosures."""
        checker.expect_fields(item, "kind bounds box" + " layer" * ("layer" in item), "evidence")
        checker.expect_fields(item["box"], "lower upper", "box")
        lower, upper = (checker.vector(item["box"][side], self.dimension) for side in ("lower", "upper"))
        if any(map(gt, lower, upper)):
            reject("box: lower is above upper")
        strips = enclosures(self.lowered, self.inputs, lower, upper)
        for i, least, most in item["bounds"]:
            stage, line = self.source({"unit": [item["layer"], i]} if "layer" in item else {"output": i})
            strip = strips[stage][line]
            if (least is not None and number(least) > Fraction(strip.least, UNIT)) or (
                most is not None and number(most) < Fraction(strip.most, UNIT)
            ):
                reject(f"enclosures do not show the bounds of number {i}")
        return "the bounds hold"

    def check_margin(self, item: dict) -> str:
        """A margin, proved in a partition file."""
        of_unit = "unit" in item
        network = cut_network(self.json, item["unit"]) if of_unit else self.json
        report, blocks = self.accepted(item, network, "point norm value" + " unit breakpoint" * of_unit)
        margin = report.margin
        if margin is None:
            reject("the file has no margin")
        if of_unit:
            outputs = checker.read_json(checker.only(blocks, "MARG"), "MARG")["outputs"]
            if number(outputs["value"]) != number(item["breakpoint"]):
                reject("the margin in the file is of another threshold")
        value = None if margin.value is None else number(margin.value)
        stated = None if item["value"] is None else number(item["value"])
        same = [*map(number, margin.point)] == checker.vector(item["point"], self.dimension)
        if (
            not same
            or margin.norm != item["norm"]
            or value != stated
            or set(map(number, margin.weights)) != {1}
        ):
            reject("the margin in the file is another one")
        return f"the margin is {distance_text(item)}"

    def accepted(self, item: dict, network: object, fields: str) -> tuple[Any, dict]:
        """Check a partition file for a network; return the report and the blocks."""
        known = {"kind", "sha256", "domain", *fields.split()}
        source = "file" if "file" in item else "base64"
        for name in sorted(set(item) - known - {source}):
            reject(f"field {shown(name)} is unknown")
        data = (
            (self.folder / item["file"]).read_bytes()
            if source == "file"
            else base64.b64decode(item["base64"])
        )
        if sha256(data).hexdigest() != item["sha256"]:
            reject("sha256: not the digest of the file")
        report = checker.check_bytes(data)
        blocks, _ = checker.read_blocks(data)
        head = checker.read_json(checker.only(blocks, "HEAD"), "HEAD")
        if checker.lower_network(head["network"]) != checker.lower_network(network):
            reject("the file is about another network")
        inputs = checker.lower_network(network)[1]
        domain = item.get("domain", self.domain_json)
        if item["kind"] == "margin" and "MARG" in blocks:
            head = checker.read_json(checker.only(blocks, "MARG"), "MARG")
        if report.reading != "deployed" or read_domain(head["domain"], inputs) != read_domain(domain, inputs):
            reject("the file is about another domain, or in the ideal reading")
        return report, blocks

    # ----------------------------------------------------------------------------- kinds: volumes, batches

    def check_volume(self, item: dict) -> str:
        """The volume of a cell, of the part of it where a class wins, or of the domain."""
        known = [field for field in ("pattern", "class") if field in item]
        checker.expect_fields(item, f"kind value {' '.join(known)}", "evidence")
        rows = list(self.walls)
        if "pattern" in item:
            pattern = self.pattern(item["pattern"])
            found = self.slacks(pattern)
            if any(strict and not any(slack) for slack, strict in found):
                reject("the pattern is no cell")
            rows += [slack for slack, _ in found]
            if "class" in item:
                rows += self.class_rows(item["class"], pattern)
        elif "class" in item:
            reject("class without pattern")
        value = Fraction(0) if None in rows else volume(rows, self.dimension)
        if value != number(item["value"]):
            reject("the volume is another one")
        return f"the volume is {brief(value)}"

    def class_rows(self, label: object, pattern: int) -> list[Function | None]:
        """Slacks of the part of a cell where an output wins, ties to the first; None: nowhere."""
        outputs = self.lines_of(len(self.network.stages) - 1, pattern)
        label = _below(label, len(outputs), "class")
        leads = [tuple(a - b for a, b in zip(outputs[label], other, strict=True)) for other in outputs]
        return [lead if any(lead) else None for lead in leads[:label]] + leads[label + 1 :]

    def check_statistics(self, item: dict) -> str:
        """Statistics of a batchnorm's inputs on a batch."""
        checker.expect_fields(item, "kind points layer mean variance", "evidence")
        place = item["layer"] if isinstance(item["layer"], list) else [item["layer"]]
        batch = [checker.vector(point, self.json["input"]) for point in checker.items(item["points"])]
        inputs = inputs_of(self.json["layers"], batch, place)
        layer = layer_at(self.json["layers"], place)
        pixels = layer.get("pixels", 1)
        found = [moments(inputs, start, pixels) for start in range(0, len(inputs[0]), pixels)]
        means = [mean for mean, _ in found for _ in range(pixels)]
        variances = [variance for _, variance in found for _ in range(pixels)]
        if checker.vector(item["mean"]) != means:
            reject("the means are others")
        if item["variance"] is not None and checker.vector(item["variance"]) != variances:
            reject("the variances are others")
        return "these are the statistics"

    def check_centroid(self, item: dict) -> str:
        """The mean of an activation layer's inputs on a batch, or of the points."""
        checker.expect_fields(item, "kind points layer value", "evidence")
        batch = [checker.vector(point, self.json["input"]) for point in checker.items(item["points"])]
        layer = _below(item["layer"], len(self.network.stages) - 1, "layer")
        features = [stage_results(self.lowered, point, layer) for point in batch]
        if checker.vector(item["value"]) != [
            sum(column) / len(batch) for column in zip(*features, strict=True)
        ]:
            reject("the centroid is another one")
        return "this is the centroid"

    def check_placement(self, item: dict) -> str:
        """Where a unit's hyperplane lies among the features of a batch."""
        numbers = "bias offset norm_squared mean_squared optimum"
        checker.expect_fields(item, f"kind points unit breakpoint {numbers}", "evidence")
        batch = [checker.vector(point, self.json["input"]) for point in checker.items(item["points"])]
        layer, unit = self.unit(item["unit"])
        if not isinstance(unit, checker.Bend):
            reject("unit: a maximum")
        k = _below(item["breakpoint"], len(unit.breakpoints), "breakpoint")
        shift = Fraction(unit.breakpoints[k], self.network.stages[layer].denominator)
        line = self.lowered[layer][0][unit.source]
        values = [
            checker.value_at(line, stage_results(self.lowered, point, layer)) - shift for point in batch
        ]
        offset, square = sum(values) / len(values), sum(value * value for value in values) / len(values)
        norm = sum(c * c for c in line.coefficients.values())
        distances = [square / norm, (square - offset * offset) / norm] if norm else [None, None]
        found = [line.constant, offset, norm, *distances]
        stated = [None if item[name] is None else number(item[name]) for name in numbers.split()]
        if found != stated:
            reject("the hyperplane lies elsewhere")
        return f"the hyperplane misses the centroid by {brief(offset)}"

    def check_number(self, item: dict) -> str:
        """A number that nobody proves here."""
        checker.expect_fields(item, "kind name exact", "evidence")
        return f"{shown(item['name'])} is stated to be {brief(number(item['exact']))}: not proved"


KINDS: dict[str, Callable[[Question, dict], str]] = {
    name.removeprefix("check_"): method
    for name, method in vars(Question).items()
    if name.startswith("check_")
}


# ------------------------------------------------------------------------------------------------ enclosures

UNIT = 1 << 512
"""Enclosures count in this part of one, rounded outward."""


class Strip(NamedTuple):
    """A function on a box lies between two affine functions, and between two numbers; all in units."""

    lower: list[int]
    upper: list[int]
    least: int
    most: int


class Box(NamedTuple):
    """A box: ends over one denominator; and what negated coordinates, each times something in [0, 1], add up to."""

    lower: list[int]
    upper: list[int]
    denominator: int
    rounding: int


def enclosures(
    lowered: checker.Lowered, inputs: Sequence[Function], lower: Function, upper: Function
) -> list[list[Strip]]:
    """All lines of all stages of a network, enclosed on a box.

    A bend between two numbers lies below any line that is at least as large at these and at its breakpoints in
    between, and above likewise; of three slopes the one with the smallest area is taken.
    """
    one = checker.common_denominator((*lower, *upper))
    box = Box(
        [int(c * one) for c in lower],
        [int(c * one) for c in upper],
        one,
        sum(ceil(max(-c, 0)) for c in lower),
    )
    axes = [[UNIT * (i == j) for j in range(len(lower) + 1)] for i in range(len(lower))]
    entries = [_strip(axis, axis, 1, box) for axis in axes]
    maps = [checker.Line(dict(enumerate(row[:-1])), row[-1]) for row in inputs]
    entries, found = [_combined(line, entries, box) for line in maps], []
    for lines, units in lowered:
        found.append([_combined(line, entries, box) for line in lines])
        entries = [
            _bent(unit, found[-1][unit.source], box)
            if isinstance(unit, checker.Bend)
            else _largest([found[-1][i] for i in unit.sources])
            for unit in units
        ]
    return found


def _strip(lower: Sequence[int], upper: Sequence[int], denominator: int, box: Box) -> Strip:
    """Two functions over a denominator, rounded outward, and what they are at least and at most on the box."""
    low, high = [c // denominator for c in lower], [-(-c // denominator) for c in upper]
    if any(c % denominator for c in lower[:-1]):
        low[-1] -= box.rounding
    if any(c % denominator for c in upper[:-1]):
        high[-1] += box.rounding
    ends = list(zip(box.lower, box.upper, strict=True))
    least = low[-1] * box.denominator + sum(
        c * (a if c > 0 else b) for c, (a, b) in zip(low, ends, strict=False)
    )
    most = high[-1] * box.denominator + sum(
        c * (b if c > 0 else a) for c, (a, b) in zip(high, ends, strict=False)
    )
    return Strip(low, high, least // box.denominator, -(-most // box.denominator))


def _combined(line: checker.Line, entries: Sequence[Strip], box: Box) -> Strip:
    """A line of enclosed entries; its numbers come from the functions, or from the entries' numbers."""
    one = checker.common_denominator((*line.coefficients.values(), line.constant))
    least = most = int(line.constant * one) * UNIT
    lower = [0] * len(box.lower) + [least]
    upper = lower
    for i, coefficient in line.coefficients.items():
        weight, (below, above, low, high) = int(coefficient * one), entries[i]
        if weight < 0:
            below, above, low, high = above, below, high, low
        lower = [a + weight * b for a, b in zip(lower, below, strict=True)]
        upper = [a + weight * b for a, b in zip(upper, above, strict=True)]
        least, most = least + weight * low, most + weight * high
    return _narrowed(_strip(lower, upper, one, box), Fraction(least, one), Fraction(most, one))


def _narrowed(strip: Strip, least: Fraction, most: Fraction) -> Strip:
    """The same with other numbers, where these say more."""
    return strip._replace(least=max(strip.least, floor(least)), most=min(strip.most, ceil(most)))


def _bent(bend: checker.Bend, strip: Strip, box: Box) -> Strip:
    """A bend of an enclosed line."""
    inner = [b * UNIT for b in bend.breakpoints if strip.least < b * UNIT < strip.most]
    ends = [Fraction(strip.least), *inner, Fraction(strip.most)]
    pieces = [sum(b * UNIT <= end for b in bend.breakpoints) for end in ends]
    values = [bend.slopes[p] * z + bend.intercepts[p] * UNIT for p, z in zip(pieces, ends, strict=True)]
    slopes = [bend.slopes[pieces[0]], bend.slopes[pieces[-1]]]
    if inner:
        secant = (values[-1] - values[0]) / (ends[-1] - ends[0])
        slopes.append(Fraction(round(secant * (1 << 30)), 1 << 30))
    middle = (ends[0] + ends[-1]) / 2
    gaps = [(slope, [v - slope * z for v, z in zip(values, ends, strict=True)]) for slope in slopes]
    under, low = max(((slope, min(gap)) for slope, gap in gaps), key=lambda line: line[0] * middle + line[1])
    over, high = min(((slope, max(gap)) for slope, gap in gaps), key=lambda line: line[0] * middle + line[1])
    one = checker.common_denominator((under, low, over, high))
    lower = [int(under * one) * c for c in (strip.lower if under >= 0 else strip.upper)]
    upper = [int(over * one) * c for c in (strip.upper if over >= 0 else strip.lower)]
    lower[-1] += int(low * one)
    upper[-1] += int(high * one)
    return _narrowed(_strip(lower, upper, one, box), min(values), max(values))


def _largest(strips: Sequence[Strip]) -> Strip:
    """The largest of enclosed lines."""
    below, above = max(strips, key=lambda strip: strip.least), max(strips, key=lambda strip: strip.most)
    leads = all(above.least >= strip.most for strip in strips if strip is not above)
    upper = above.upper if leads else [0] * (len(above.upper) - 1) + [above.most]
    return Strip(below.lower, upper, below.least, above.most)


# --------------------------------------------------------------------------------------- functions and norms


def read_domain(value: object, ambient: int) -> tuple[list[Function], list[Function]]:
    """The network's inputs as functions of the domain's coordinates, and the slacks in the order of the keys."""
    if isinstance(value, dict) and value.get("type") == "slice":
        checker.expect_fields(value, "type origin basis within", "domain")
        origin, basis = checker.vector(value["origin"], ambient), checker.matrix(value["basis"], rows=ambient)
        rows, within = [(*row, shift) for row, shift in zip(basis, origin, strict=True)], value["within"]
    else:
        rows = [(*(Fraction(i == j) for j in range(ambient)), Fraction(0)) for i in range(ambient)]
        within = value
    return rows, slacks_of(within, len(rows[0]) - 1)


def slacks_of(value: object, dimension: int) -> list[Function]:
    """The slacks of a box or polytope, in the order of the keys."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "box":
        checker.expect_fields(value, "type lower upper", "domain")
        lower, upper = (checker.vector(value[side], dimension) for side in ("lower", "upper"))
        axes = [tuple(Fraction(i == j) for j in range(dimension)) for i in range(dimension)]
        above = [(*(-a for a in axis), high) for axis, high in zip(axes, upper, strict=True)]
        return above + [(*axis, -low) for axis, low in zip(axes, lower, strict=True)]
    if kind != "polytope":
        reject(f"domain: unknown type {shown(kind)}")
    checker.expect_fields(value, "type A b", "domain")
    normals = checker.matrix(value["A"], columns=dimension)
    offsets = checker.vector(value["b"], len(normals))
    return [(*(-a for a in normal), offset) for normal, offset in zip(normals, offsets, strict=True)]


def at(function: Sequence[Fraction], point: Sequence[Fraction]) -> Fraction:
    """The value of an affine function at a point."""
    return sum(map(mul, function, point), function[-1])


def total(terms: Iterable[tuple[Fraction, Function]], dimension: int) -> list[Fraction]:
    """The weighted sum of affine functions."""
    result = [Fraction(0)] * (dimension + 1)
    for weight, function in terms:
        result = [a + weight * b for a, b in zip(result, function, strict=True)]
    return result


def positive(value: object) -> Fraction:
    """A multiplier."""
    weight = number(value)
    return weight if weight > 0 else reject(f"a multiplier is not positive: {shown(value)}")


def is_multiple(function: Sequence[Fraction], of: Sequence[Fraction]) -> bool:
    """Whether a function is a multiple of one that is not zero."""
    pivot = next(j for j, c in enumerate(of) if c)
    return all(of[pivot] * a == function[pivot] * b for a, b in zip(function, of, strict=True))


def is_positive_multiple(function: Sequence[Fraction], of: Sequence[Fraction]) -> bool:
    """Whether a function is a positive multiple of one that is not zero."""
    pivot = next(j for j, c in enumerate(of) if c)
    return function[pivot] * of[pivot] > 0 and is_multiple(function, of)


def norm_of(item: dict) -> str:
    """The norm of a distance."""
    norm = item["norm"]
    return norm if isinstance(norm, str) and norm in NORMS else reject(f"norm: {shown(norm)}")


def length(vector: Sequence[Fraction], norm: str) -> Fraction:
    """The length of a vector; of l2 its square."""
    if norm == "2":
        return sum(v * v for v in vector)
    return sum(map(abs, vector)) if norm == "1" else max(map(abs, vector))


def is_at_most_zero(
    function: Sequence[Fraction], point: Function, radius: Fraction | None, norm: str
) -> bool:
    """Whether a function has no positive value on a ball, of l2 with squared radius; None: anywhere."""
    *gradient, _ = function
    height = -at(function, point)
    if height < 0 or (radius is None and any(gradient)):
        return False
    if radius is None:
        return True
    if radius < 0:
        reject("value: negative")
    dual = length(gradient, {"2": "2", "1": "inf", "inf": "1"}[norm])
    return radius * dual <= (height * height if norm == "2" else height)


def edges_of(corners: list[tuple[Fraction, ...]]) -> list[Function]:
    """The slacks of a convex polygon, whose corners are in order, either way round."""
    sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
    slacks = [(-(y2 - y1), x2 - x1, (y2 - y1) * x1 - (x2 - x1) * y1) for (x1, y1), (x2, y2) in sides]
    heights = [at(slack, corner) for slack in slacks for corner in corners]
    if not any(heights) or (min(heights) < 0 < max(heights)):
        reject("polygon: not convex, or flat")
    kept = [slack for slack in slacks if any(slack)]
    return [tuple(-c for c in slack) for slack in kept] if min(heights) < 0 else kept


def distance_text(item: dict) -> str:
    """The distance in a sentence."""
    if item["value"] is None:
        return "infinity"
    value = brief(number(item["value"]))
    return f"sqrt({value})" if item["norm"] == "2" else value


def _function(vector: Sequence[int], denominator: int) -> Function:
    return tuple([Fraction(c, denominator) for c in vector])


def _switches(unit: Any) -> int:
    if isinstance(unit, checker.Bend):
        return len(unit.breakpoints)
    return int(len(unit.sources) == 2)


def _first_bits(stages: Sequence[Any]) -> list[int]:
    first, found = 0, []
    for stage in stages:
        found.append(first)
        first += stage.bits.bit_count()
    return found


def _below(value: object, bound: int, name: str) -> int:
    if type(value) is not int or not 0 <= value < bound:
        reject(f"{name}: expected an integer below {bound}, got {shown(value)}")
    return value


def _piece(unit: Any, pattern: int) -> int:
    return (
        checker.piece_of(unit, pattern)
        if isinstance(unit, checker.Bend)
        else checker.winner_of(unit, pattern)
    )


def patterns_in(blocks: dict, bits: int) -> list[int]:
    """The patterns in a partition file."""
    words, count = checker.numbers_of(checker.only(blocks, "PATT"), "Q", "PATT"), max(1, -(-bits // 64))
    return [
        sum(word << 64 * k for k, word in enumerate(words[start : start + count]))
        for start in range(0, len(words), count)
    ]


# -------------------------------------------------------------------------------------------------- volumes


def volume(rows: Sequence[Function], dimension: int) -> Fraction:
    """The volume of a bounded set by its slacks, d <= 3.

    In one dimension it is the length; else the sum over all rows of (height over the origin) times (area of the facet),
    over d, where a facet is found by solving its row for one coordinate.

    Example:
        >>> volume([(Fraction(1), Fraction(0)), (Fraction(-2), Fraction(1))], 1)
        Fraction(1, 2)
    """
    if dimension > 3:
        reject("volume: in more than three dimensions")
    rows = list(dict.fromkeys(map(_normalised, rows)))
    if any(row[-1] < 0 and not any(row[:-1]) for row in rows):
        return Fraction(0)
    rows = [row for row in rows if any(row[:-1])]
    if dimension == 1:
        ends = [-c / a for a, c in rows if a < 0]
        starts = [-c / a for a, c in rows if a > 0]
        return max(Fraction(0), min(ends) - max(starts))
    share = Fraction(0)
    for number_, row in enumerate(rows):
        lead = next(j for j, entry in enumerate(row) if entry)
        others = [_without(other, row, lead) for other in rows[:number_] + rows[number_ + 1 :]]
        if row[-1]:
            share += row[-1] / abs(row[lead]) * volume(others, dimension - 1)
    return share / dimension


def _normalised(row: Function) -> Function:
    """The row with the size of its first coefficient one; equal rows are then the same."""
    size = abs(next((a for a in row if a), Fraction(1)))
    return tuple([a / size for a in row])


def _without(row: Function, equality: Function, pivot: int) -> Function:
    """The row where another is zero, solved for one coordinate."""
    factor = row[pivot] / equality[pivot]
    reduced = [a - factor * b for a, b in zip(row, equality, strict=True)]
    return (*reduced[:pivot], *reduced[pivot + 1 :])


# --------------------------------------------------------------------------------------- networks and batches


def ended_network(network: dict, item: dict) -> dict:
    """The network that ends in relu(lower - f) and relu(f - upper) for outputs or inputs f of an activation layer."""
    layers, width = network["layers"], len(checker.lower_network(network)[0][-1][0])
    if "layer" in item:
        layers, width = before_activation(network, item["layer"])
    weight, bias = [], []
    for line, lower, upper in (checker.items(bound, 3) for bound in checker.items(item["bounds"])):
        _below(line, width, "bounds")
        for sign, value in ((-1, lower), (1, upper)):
            if value is not None:
                weight.append([sign * (j == line) for j in range(width)])
                bias.append(fraction_text(-sign * number(value)))
    ending = [{"type": "linear", "weight": weight, "bias": bias}, {"type": "relu"}]
    return {**network, "layers": [*layers, *ending]}


def cut_network(network: dict, unit: object) -> dict:
    """The network up to a unit, which is no maximum, with its pre-activation as the one output."""
    layer, index = checker.items(unit, 2)
    layers, width = before_activation(network, layer)
    _below(index, width, "unit")
    picked = {"type": "linear", "weight": [[int(j == index) for j in range(width)]], "bias": [0]}
    return {**network, "layers": [*layers, picked]}


def before_activation(network: dict, number_: object) -> tuple[list, int]:
    """The layers before an activation layer that takes no maxima, and its width; not after or in residual blocks."""
    position = activation_at(network["layers"], number_)
    layers, layer = network["layers"][:position], network["layers"][position]
    if layer["type"] in ("maxout", "maxpool"):
        reject("layer: takes maxima")
    if not layers:
        return layers, network["input"]
    return layers, len(checker.lower_network({**network, "layers": layers})[0][-1][0])


def fraction_text(value: Fraction) -> str:
    """A number as JSON reads it exactly."""
    return (
        f"{hex(value.numerator)}/{hex(value.denominator)}" if value.denominator > 1 else hex(value.numerator)
    )


def activation_at(layers: list, number_: object) -> int:
    """The position of an activation layer, counted from 0, outside residual blocks."""
    seen = -1
    for position, layer in enumerate(layers):
        if layer["type"] == "residual":
            reject("unit: after or inside a residual block")
        seen += layer["type"] in checker.ACTIVATIONS
        if seen == number_:
            return position
    return reject(f"no activation layer {shown(number_)}")


def stage_results(lowered: Any, point: list, count: int) -> list[Fraction]:
    """What the first stages give at a point."""
    for lines, units in lowered[:count]:
        point = checker.results_at(lines, units, point)
    return point


def inputs_of(layers: list, batch: list, place: list) -> list:
    """The inputs of the batchnorm at a place, when a batch goes through with the statistics of its own."""
    first, *rest = place
    batch = through(layers[: _below(first, len(layers), "layer")], batch)
    if rest:
        return inputs_of(layers[first]["layers"], batch, rest)
    return batch if layers[first]["type"] == "batchnorm" else reject("layer: not a batchnorm")


def layer_at(layers: list, place: list) -> dict:
    """The layer at a place."""
    return layers[place[0]] if len(place) == 1 else layer_at(layers[place[0]]["layers"], place[1:])


def through(layers: list, batch: list) -> list:
    """A batch after some layers, each batchnorm normalising by the batch's own statistics."""
    for layer in layers:
        if layer["type"] == "residual":
            after = through(layer["layers"], batch)
            batch = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(batch, after, strict=True)]
            continue
        if layer["type"] == "batchnorm":
            layer = with_statistics(layer, batch)
        network = {"format": "exactcpa-network", "version": 1, "input": len(batch[0]), "layers": [layer]}
        lowered, _ = checker.lower_network(network)
        batch = [stage_results(lowered, point, len(lowered)) for point in batch]
    return batch


def with_statistics(layer: dict, batch: list) -> dict:
    """A batchnorm with the statistics of its inputs."""
    pixels = layer.get("pixels", 1)
    found = [
        moments(batch, start, pixels) for start in range(0, len(batch[0]), pixels) for _ in range(pixels)
    ]
    return {
        **{name: layer[name] for name in ("type", "gamma", "beta", "epsilon")},
        "mean": [fraction_text(mean) for mean, _ in found],
        "variance": [fraction_text(variance) for _, variance in found],
    }


def moments(batch: list, start: int, pixels: int) -> tuple[Fraction, Fraction]:
    """Mean and biased variance of some coordinates together."""
    values = [value for point in batch for value in point[start : start + pixels]]
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / len(values)


def main(words: list[str] | None = None) -> int:
    """Check the document in a file; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Add up the evidence in a file again.",
        epilog="Exit code 0: all of it holds; 1: rejected; 2: no such file, or not of this format.",
    )
    parser.add_argument("file", type=Path, help="evidence of a cross-check, in JSON")
    parser.add_argument("--all", action="store_true", help="print a line a piece, not a summary")
    try:
        options = parser.parse_args(words)
    except SystemExit as end:  # after --help: 0; misuse, told on stderr: 2
        return int(end.code or 0)
    path = options.file
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(
            text, object_pairs_hook=checker.object_of, parse_constant=checker.refuse_constant
        )
        found = check_document(document, path.parent)
    except Rejected as problem:
        sys.stderr.write(f"{path}: rejected: {problem}\n")
        return 1
    except (Unreadable, OSError, ValueError, RecursionError) as problem:
        sys.stderr.write(f"{path}: unreadable: {problem}\n")
        return 2
    held = "1 piece of evidence holds" if len(found) == 1 else f"{len(found)} pieces of evidence hold"
    sys.stdout.write(f"{path}: {held}\n")
    for sentence in found if options.all else summary(document, found):
        sys.stdout.write(f"  {sentence}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
