"""Claims about a network, the verdicts on them, and the evidence that comes with a verdict.

A claim is what somebody's tool says; a verdict is what is true, with evidence that anybody can add up again.

Main definitions:
    Claim: One statement, as it stands in a claims file.
    Verdict, Outcome: Confirmed, refuted, or undecidable from what was given; with one sentence.
    Evidence: A kind and a body; the network and the domain are all it needs besides.
    evidence_document: The evidence of many verdicts with their network and domain, as one JSON object.

Conventions:
    A claimed number and its truth are exact; ``error`` is claimed - truth.  A pattern in evidence is the list of the
    pieces of all units, in order.  Points are in the domain's own coordinates (t of a slice).  Numbers in a body are
    JSON numbers as `numbers.to_json_number` writes them: an integer, a double, or a text such as ``"1/3"``.

    Slacks.  A row of the cell of a pattern is known by a key.  Key b >= 0 is pattern bit b (`checker` numbers bits):
    for a switch f the slack is f if the bit is 1 and -f if it is 0; for a candidate that has not won it is the
    winner's line minus its own.  Lines are exact affine functions on the cell.  Key -1 - k is row k of the
    domain: offset - <normal, t>; of a box first the upper bounds by coordinate, then the lower ones.  A row is *strict*
    if its slack may not be the zero function: the bit of a switch is 0, or the candidate comes after the winner.

    Kinds of evidence:
        point         {point, pattern}: strictly inside the domain; every slack is positive there, or is the zero
                      function and not strict.  So the pattern is a cell.
        points        {points, patterns}: the same, many times; all patterns are different.
        empty         {pattern, multipliers: [[key, value], ..]}: positive numbers; the sum of value * slack is a
                      negative constant, or zero with a slack that is not the zero function, or with a strict row.
                      So the pattern is no cell.
        facet         {patterns: [P, Q], point}: strictly inside the domain; all slacks of P and Q are nonnegative
                      there, none of them the zero function and strict; those of P that are zero there and not
                      everywhere are positive multiples of one row, those of Q of its negative, at least one each.  So
                      both are cells and share a facet.
        not_adjacent  {patterns: [P, Q], certificates: [[[0 or 1, key, value], ..], ..]}: positive numbers; 0 is P, 1
                      is Q.  Every certificate sums to a constant <= 0.  One constant is negative, or the slacks in
                      all certificates together span two dimensions (as vectors of d + 1 numbers).  So the cells
                      have in common at most a set of dimension d - 2.
        map           {pattern, matrix, shift}: the network on the cell, t -> matrix t + shift.
        value         {point, value} with ``output``: i, or with ``unit``: [layer, index]: what the output, or the
                      pre-activation, is at the point.  For a unit with breakpoints only.
        proof         {sha256, cells, edges, linear_regions} with ``file`` or ``base64``: a partition file with its
                      proof, which `checker` accepts for this network and domain, with these counts.
        number        {name, exact}: a number that the engine found and that nothing here proves again.

Not here:
    Files of claims: `claims_file`.  Adding evidence up: `evidence_checker`.  Judging: `judge_counts` etc.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any

from exactcpa.domain import Domain
from exactcpa.domain import to_json as domain_to_json
from exactcpa.network import Network
from exactcpa.network_file import to_json as network_to_json
from exactcpa.numbers import decimal_text, exact_text, to_json_number

EVIDENCE_FORMAT = "exactcpa-evidence"
EVIDENCE_VERSION = 1


class Outcome(Enum):
    """What can be said of a claim."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDABLE = "undecidable"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Claim:
    """One statement of a tool.

    Attributes:
        id: Its name in the file.
        kind: ``count``, ``patterns``, ...; see `claims_file`.
        body: The fields of the kind, as they stand in the file; arrays from ``.npz`` as arrays.
        tolerance: How far off the claimant says a number may be; None: not at all.
    """

    id: str
    kind: str
    body: Mapping[str, Any]
    tolerance: Fraction | None = None

    def __str__(self) -> str:
        return f"claim {self.id} ({self.kind})"


@dataclass(frozen=True)
class Evidence:
    """Something to add up again.

    Attributes:
        kind: See the module's conventions.
        body: JSON-able and exact.
    """

    kind: str
    body: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """One object: the kind, and the body's fields."""
        return {"kind": self.kind, **self.body}


@dataclass(frozen=True)
class Verdict:
    """What is true of a claim, or of one item of it.

    Attributes:
        claim_id: Which claim.
        kind: Its kind.
        outcome: Confirmed, refuted or undecidable.
        reason: One sentence with what decides.
        evidence: What shows it.
        claimed: What was claimed, if it is a number (or a text).
        truth: What is so instead, if it is a number (or a text).
        item: Which item of a claim of many, such as pattern 17; empty for the claim as a whole.
        figures: Named numbers about a claim of many: how many listed, right, missing.
    """

    claim_id: str
    kind: str
    outcome: Outcome
    reason: str
    evidence: tuple[Evidence, ...] = ()
    claimed: Fraction | str | None = None
    truth: Fraction | str | None = None
    item: str = ""
    figures: Mapping[str, Fraction | int] = field(default_factory=dict)

    @property
    def error(self) -> Fraction | None:
        """Claimed minus truth, exactly; None unless both are numbers."""
        if isinstance(self.claimed, Fraction) and isinstance(self.truth, Fraction):
            return self.claimed - self.truth
        return None

    def __str__(self) -> str:
        place = f"{self.claim_id}, {self.item}" if self.item else self.claim_id
        return f"{place}: {self.outcome}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """The verdict with its evidence, as a JSON object."""
        result: dict[str, Any] = {"claim": self.claim_id, "kind": self.kind}
        if self.item:
            result["item"] = self.item
        result |= {"verdict": str(self.outcome), "reason": self.reason}
        for name in ("claimed", "truth", "error"):
            value = getattr(self, name)
            if value is not None:
                result[name] = to_json_number(value) if isinstance(value, Fraction) else value
        if self.figures:
            result["figures"] = {name: to_json_number(Fraction(q)) for name, q in self.figures.items()}
        result["evidence"] = [evidence.to_json() for evidence in self.evidence]
        return result


def within(claim: Claim, claimed: Fraction, truth: Fraction) -> bool:
    """Whether a claimed number is the truth, up to what the claimant allows.

    Example:
        >>> within(Claim("c", "count", {}, Fraction(1)), Fraction(8), Fraction(9))
        True
    """
    return abs(claimed - truth) <= (claim.tolerance or 0)


def number_text(q: Fraction) -> str:
    """A number for a sentence: exact if it is short, else rounded and said to be."""
    exact = exact_text(q)
    return exact if len(exact) <= 24 else f"about {decimal_text(q)}"


def evidence_document(
    network: Network,
    domain: Domain,
    evidence: Iterable[Evidence],
    claims: Mapping[str, Iterable[int]] | None = None,
) -> dict[str, Any]:
    """Network, domain and evidence as one JSON object: what ``evidence_checker.py`` reads.

    ``{"format": "exactcpa-evidence", "version": 1, "network": .., "domain": .., "evidence": [{"kind": ..}, ..]}``,
    with ``"claims": {name: [number of a piece, ..], ..}`` if these are given.
    """
    document = {
        "format": EVIDENCE_FORMAT,
        "version": EVIDENCE_VERSION,
        "network": network_to_json(network),
        "domain": domain_to_json(domain),
        "evidence": [item.to_json() for item in evidence],
    }
    if claims is not None:
        document["claims"] = {name: list(numbers) for name, numbers in claims.items()}
    return document
