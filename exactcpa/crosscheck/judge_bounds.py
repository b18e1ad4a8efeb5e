"""Claims of kind ``bounds``: bounds of outputs or pre-activations over a box, as interval or relaxation tools give.

Fields::

    lower     a list: a number or null for every output (or unit); or absent
    upper     the same; at least one of them
    of        "outputs" (default) or "pre_activations"
    layer     for these the activation layer, from 0; its units must be bends (no maxima)
    box       {"lower": [..], "upper": [..]}: the bounds hold there, within the domain; absent: on the whole domain
    claim     "sound" (default): lower <= f <= upper on the box; "exact": they are the least and the largest value

With ``tolerance`` a bound may be passed, or missed, by that much.

Main definitions:
    judge_bounds: A verdict on the whole, then one on every bound.

Conventions:
    The exact range is found on the cells that meet the box.  The evidence is one proof that no output leaves its exact
    range (kind ``bounded``), and for every bound a point where the extreme value is taken (kind ``value``); for a bound
    that does not hold, that is the input that violates it.  With too many cells a bound is refuted by a violation at
    one of some points, confirmed by an enclosure of the network (kind ``enclosed``), or left open.  A box may fix
    coordinates: its cells are those of a slice; at a single point the values are the proof.

Not here: the cells of a box (`part_of_domain`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from random import Random

from exactcpa.cell import AffineMap
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, number_text
from exactcpa.crosscheck.claim_fields import as_list, choice, exact, integer_of, malformed, numbers
from exactcpa.crosscheck.context import Context, TooManyCells, half_space
from exactcpa.crosscheck.flat_part import Part
from exactcpa.crosscheck.part_of_domain import box_within, cells_on, embedded
from exactcpa.domain import Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import ExactcpaError, shown
from exactcpa.evidence_checker import UNIT, Question, enclosures
from exactcpa.exact_points import common
from exactcpa.exact_simplex import Optimal, gather, maximise
from exactcpa.layers import Linear, ReLU
from exactcpa.network import Network
from exactcpa.network_file import to_json as network_to_json
from exactcpa.numbers import to_json_number
from exactcpa.patterns import integer
from exactcpa.unit_networks import unit_questions
from exactcpa.vectors import Vector, dot, plain

FIELDS = {"bounds": ((), ("lower", "upper", "of", "layer", "box", "claim"))}
QUICK, QUICK_SECONDS = 20_000, 5.0
"""Cells and time within which exact ranges are found even if less would do."""
MOST_TRIED = 256
"""Corners of a box, and as many points inside it, at which violations are looked for if there are too many cells."""


@dataclass(frozen=True, slots=True)
class Extreme:
    """The largest or least value of an output, and where."""

    value: Fraction
    point: Vector


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound of one output or unit.

    Attributes:
        index: Of which.
        sign: 1 of an upper, -1 of a lower bound.
        value: What is claimed.
    """

    index: int
    sign: int
    value: Fraction

    @property
    def name(self) -> str:
        """For a reader."""
        return f"{'upper' if self.sign > 0 else 'lower'} bound {self.index}"


def judge_bounds(context: Context, claim: Claim) -> list[Verdict]:
    """Judge bounds."""
    of = choice(claim, "of", ("outputs", "pre_activations"), "outputs")
    is_exact = choice(claim, "claim", ("sound", "exact"), "sound") == "exact"
    network, layer = (context.network, None) if of == "outputs" else _up_to(context, claim)
    width = len(network.forward([0] * network.input))
    bounds = _bounds(claim, width)
    part = _part(context, claim)
    if part is None:
        reason = "the box has no point in the domain"
        return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason)]
    inner = context if network is context.network else Context(network, context.domain)
    indices = sorted({b.index for b in bounds})
    try:
        extremes = ranges(
            inner, part, indices, min(QUICK, context.limit), min(QUICK_SECONDS, context.seconds)
        )
    except TooManyCells:
        told = _without_cells(context, claim, inner, part, bounds, layer, is_exact=is_exact)
        if told[0].outcome is not Outcome.UNDECIDABLE:
            return told
        try:
            extremes = ranges(inner, part, indices, context.limit, context.seconds)
        except TooManyCells:
            return told
    items = [
        _verdict(context, claim, bound, extremes[bound.index, bound.sign], layer, is_exact)
        for bound in bounds
    ]
    wrong = [item for item in items if item.outcome is Outcome.REFUTED]
    proof = _proof(network, part.domain, extremes, bounds, layer)
    slack = [b.sign * (b.value - extremes[b.index, b.sign].value) for b in bounds]
    figures = {
        "bounds": len(bounds),
        "wrong": len(wrong),
        "largest slack": max(slack),
        "least slack": min(slack),
    }
    state = f"{len(wrong)} of {len(bounds)} bounds do not hold" if wrong else f"all {len(bounds)} bounds hold"
    reason = f"{state}; the loosest is {number_text(max(slack))} from the exact range"
    outcome = Outcome.REFUTED if wrong else Outcome.CONFIRMED
    first = tuple([e for item in wrong[:1] for e in item.evidence])
    return [Verdict(claim.id, claim.kind, outcome, reason, first + proof, figures=figures), *items]


def ranges(
    context: Context, part: Part, indices: Sequence[int], limit: int, seconds: float
) -> dict[tuple[int, int], Extreme]:
    """The exact range of outputs on a part of the domain: (output, sign) -> extreme value, and where.

    Args:
        context: Of the network whose outputs they are.
        part: Where.
        indices: Of the outputs.
        limit: Cells beyond which it gives up.
        seconds: Time after which it gives up.

    Raises:
        TooManyCells: More than that, or than were found in the time.
    """
    if part.domain is None:
        values = context.network.forward(context.domain.embed(part.origin))
        return {(i, sign): Extreme(values[i], part.origin) for i in indices for sign in (1, -1)}
    found = _ranges_on(context.network, part.domain, indices, limit, seconds)
    return {key: Extreme(extreme.value, part.at(extreme.point)) for key, extreme in found.items()}


def _ranges_on(
    network: Network, part: Domain, indices: Sequence[int], limit: int, seconds: float
) -> dict[tuple[int, int], Extreme]:
    """The same, with points in the part's own coordinates."""
    inner = Context(network, part)
    partition, _ = cells_on(network, part, limit, seconds)
    found: dict[tuple[int, int], Extreme] = {}
    maps: list[tuple[int, AffineMap, Vector]] = []
    for cell in range(len(partition)):
        pattern, witness = integer(partition.results.words[cell]), partition.witness(cell)
        affine = inner.map_of(pattern)
        maps.append((pattern, affine, witness))
        for i in indices:
            value = dot(affine.matrix[i], witness) + affine.shift[i]
            for sign in (1, -1):
                if (i, sign) not in found or sign * (value - found[i, sign].value) > 0:
                    found[i, sign] = Extreme(value, witness)
    for pattern, affine, witness in maps:
        _improve(inner, part, pattern, affine, witness, indices, found)
    return found


def _improve(
    inner: Context,
    part: Domain,
    pattern: int,
    affine: AffineMap,
    witness: Vector,
    indices: Sequence[int],
    found: dict[tuple[int, int], Extreme],
) -> None:
    """Raise the extreme values to those on one cell; its linear programs are solved only where they may."""
    rows = None
    for i in indices:
        normal, shift = affine.matrix[i], affine.shift[i]
        for sign in (1, -1):
            best = found[i, sign].value
            if sign * (_on_box(normal, sign, part) + shift - best) <= 0:
                continue
            if rows is None:
                rows = gather([half_space(row) for row in inner.cell_rows(pattern)], inner.dimension)
            *goal, scale = _integers([sign * a for a in normal])
            outcome = maximise(rows, goal, common(witness))
            assert isinstance(outcome, Optimal)  # a domain is bounded
            value = sign * outcome.value / scale + shift
            if sign * (value - best) > 0:
                point = tuple([Fraction(int(x), int(outcome.denominator)) for x in outcome.numerators])
                found[i, sign] = Extreme(value, point)


def _on_box(normal: Vector, sign: int, part: Domain) -> Fraction:
    """The largest (sign 1) or least value of a linear function on the bounding box."""
    pairs = zip(normal, part.lower, part.upper, strict=True)
    return sum([a * (high if (a > 0) == (sign > 0) else low) for a, low, high in pairs], Fraction(0))


def _integers(values: Sequence[Fraction]) -> list[int]:
    """Numerators and, last, their common denominator."""
    numerators, denominator = common(values)
    return [*numerators, denominator]


def _verdict(
    context: Context,
    claim: Claim,
    bound: Bound,
    extreme: Extreme,
    layer: int | None,
    is_exact: bool,  # noqa: FBT001
) -> Verdict:
    """The verdict on one bound."""
    slack, tolerance = bound.sign * (bound.value - extreme.value), claim.tolerance or Fraction(0)
    holds = abs(slack) <= tolerance if is_exact else slack >= -tolerance
    superlative = "largest" if bound.sign > 0 else "least"
    reason = f"the {superlative} value is {number_text(extreme.value)}, claimed is {number_text(bound.value)}"
    outcome = Outcome.CONFIRMED if holds else Outcome.REFUTED
    evidence = (value_evidence(extreme, bound.index, layer),)
    return Verdict(claim.id, claim.kind, outcome, reason, evidence, bound.value, extreme.value, bound.name)


def value_evidence(extreme: Extreme, index: int, layer: int | None) -> Evidence:
    """That an output or pre-activation has a value at a point."""
    what = {"output": index} if layer is None else {"unit": [layer, index]}
    return Evidence("value", {"point": plain(extreme.point), **what, "value": to_json_number(extreme.value)})


def _proof(
    network: Network,
    part: Domain | None,
    extremes: dict[tuple[int, int], Extreme],
    bounds: Sequence[Bound],
    layer: int | None,
) -> tuple[Evidence, ...]:
    """One proof that the exact ranges hold: the network with units that are positive where they do not.

    At a single point the values are the proof.
    """
    if part is None:
        indices = sorted({bound.index for bound in bounds})
        return tuple([value_evidence(extremes[i, 1], i, layer) for i in indices])
    sides = {i: [None, None] for i in sorted({bound.index for bound in bounds})}
    for bound in bounds:
        sides[bound.index][bound.sign > 0] = extremes[bound.index, bound.sign].value
    width = len(network.forward([0] * network.input))
    rows, shifts = [], []
    for i, pair in sides.items():
        for sign, value in zip((-1, 1), pair, strict=True):
            if value is not None:
                rows.append([sign * int(i == j) for j in range(width)])
                shifts.append(-sign * value)
    ended = Network(network.input, (*network.layers, Linear(rows, shifts), ReLU()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bounded.cpa"
        enumerate_cells(ended, part, facets=False, proof=path)
        body = embedded(path, part)
    if body is None:
        return ()
    listed = [[i, *[None if q is None else to_json_number(q) for q in pair]] for i, pair in sides.items()]
    where = {} if layer is None else {"layer": layer}
    return (Evidence("bounded", {"bounds": listed, **where, **body}),)


def _without_cells(
    context: Context,
    claim: Claim,
    inner: Context,
    part: Part,
    bounds: Sequence[Bound],
    layer: int | None,
    *,
    is_exact: bool,
) -> list[Verdict]:
    """Violations and enclosures, if there are too many cells for the exact range."""
    items = _violations(context, claim, inner, part, bounds, layer)
    if items:
        reason = f"at least {len(items)} of {len(bounds)} bounds do not hold"
        return [Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, items[0].evidence), *items]
    shown_by, left = ([], list(bounds)) if is_exact else _enclosed(context, claim, part, bounds, layer)
    figures = {"bounds": len(bounds), "wrong": 0, "undecided": len(left)}
    if not left:
        reason = f"all {len(bounds)} bounds hold, by an enclosure; how loose they are was not found"
        return [Verdict(claim.id, claim.kind, Outcome.CONFIRMED, reason, tuple(shown_by), figures=figures)]
    reason = (
        f"{len(bounds) - len(left)} of {len(bounds)} bounds hold, by an enclosure; for the others too many "
        f"cells meet the box, and no violation was found at {2 * MOST_TRIED} points"
    )
    return [Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, reason, tuple(shown_by), figures=figures)]


def _enclosed(
    context: Context, claim: Claim, part: Part, bounds: Sequence[Bound], layer: int | None
) -> tuple[list[Evidence], list[Bound]]:
    """The bounds that enclosures on the bounding box show, as evidence, and the others."""
    question = Question(network_to_json(context.network), domain_to_json(context.domain))
    lower, upper = part.box
    strips = enclosures(question.lowered, question.inputs, lower, upper)
    tolerance, pairs, left = claim.tolerance or Fraction(0), {}, []
    for bound in bounds:
        item = {"output": bound.index} if layer is None else {"unit": [layer, bound.index]}
        stage, line = question.source(item)
        strip = strips[stage][line]
        end = Fraction(strip.most if bound.sign > 0 else strip.least, UNIT)
        value = bound.value + bound.sign * tolerance
        if bound.sign * (value - end) >= 0:
            pairs.setdefault(bound.index, [None, None])[bound.sign > 0] = to_json_number(value)
        else:
            left.append(bound)
    box = {"lower": plain(lower), "upper": plain(upper)}
    where = {} if layer is None else {"layer": layer}
    listed = [[i, *pair] for i, pair in sorted(pairs.items())]
    return [Evidence("enclosed", {"bounds": listed, "box": box, **where})] if listed else [], left


def _violations(
    context: Context,
    claim: Claim,
    inner: Context,
    part: Part,
    bounds: Sequence[Bound],
    layer: int | None,
) -> list[Verdict]:
    """Violations at corners and some points."""
    tolerance, found = claim.tolerance or Fraction(0), {}
    assert part.domain is not None  # a point is not too many cells
    for point in _some_points(part.domain):
        values = inner.network.forward(part.domain.embed(point))
        for number, bound in enumerate(bounds):
            beyond = bound.sign * (values[bound.index] - bound.value)
            if beyond > tolerance and (number not in found or beyond > found[number][0]):
                found[number] = beyond, Extreme(values[bound.index], part.at(point))
    items = []
    for number, (_, extreme) in sorted(found.items()):
        bound = bounds[number]
        value, claimed = number_text(extreme.value), number_text(bound.value)
        reason = f"at a point of the box the value is {value}, claimed is {claimed}"
        evidence = (value_evidence(extreme, bound.index, layer),)
        items.append(
            Verdict(claim.id, claim.kind, Outcome.REFUTED, reason, evidence, bound.value, item=bound.name)
        )
    return items


def _some_points(part: Domain) -> list[Vector]:
    """Corners of the bounding box and points in it, as far as they are in the part; the same ones every time."""
    sides = list(zip(part.lower, part.upper, strict=True))
    random = Random(0)
    inside = [
        tuple([low + (high - low) * Fraction(random.getrandbits(20), 1 << 20) for low, high in sides])
        for _ in range(MOST_TRIED)
    ]
    return [point for point in [*islice(product(*sides), MOST_TRIED), *inside] if part.contains(point)]


# ---------------------------------------------------------------------- fields


def _bounds(claim: Claim, width: int) -> list[Bound]:
    found = []
    for name, sign in (("lower", -1), ("upper", 1)):
        if claim.body.get(name) is not None:
            values = as_list(claim, name, claim.body[name])
            if len(values) != width:
                raise malformed(claim, name, f"expected {width} numbers, got {len(values)}")
            found += [Bound(i, sign, exact(claim, name, q)) for i, q in enumerate(values) if q is not None]
    if not found:
        raise malformed(claim, "upper", "expected lower or upper bounds, got none")
    return found


def _up_to(context: Context, claim: Claim) -> tuple[Network, int]:
    """The network whose outputs are the pre-activations of a layer."""
    layer = integer_of(claim, "layer", below=max(1, len(context.form.layers) - 1))
    try:
        question = unit_questions(context.network, (layer, 0))[0]
    except ExactcpaError as error:
        raise malformed(claim, "layer", str(error)) from None
    before = question.network.layers[:-1]
    width = len(question.network.layers[-1].weight[0])
    if question.threshold is None:
        raise malformed(claim, "layer", "expected one without maxima")
    rows = [[int(i == j) for j in range(width)] for i in range(width)]
    return Network(context.network.input, (*before, Linear(rows, [0] * width))), layer


def _part(context: Context, claim: Claim) -> Part | None:
    box = claim.body.get("box")
    if box is None:
        return Part(context.domain, (), None)
    if not isinstance(box, dict) or set(box) != {"lower", "upper"}:
        raise malformed(claim, "box", f"expected lower and upper, got {shown(box)}")
    lower, upper = (numbers(claim, "box", box[side], context.dimension) for side in ("lower", "upper"))
    return box_within(context, lower, upper)
