"""The verb: a network and the claims of a tool in, a report with a verdict and evidence for every claim out.

Main definitions:
    crosscheck: Judges, and has the evidence added up again before it answers.
    CrosscheckReport: The verdicts, in the order of the claims.

Conventions:
    All claims are about one network and one domain.  Evidence that `evidence_checker` rejects is an error of this
    package.  It checks a proof file that was named, too, however large.

Not here:
    Precision, recall and the worst claims: `summary`.  As a page: `report_html`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from numbers import Real
from time import perf_counter
from typing import Any

from exactcpa import evidence_checker
from exactcpa.crosscheck import JUDGES
from exactcpa.crosscheck.claim import Claim, Evidence, Outcome, Verdict, evidence_document
from exactcpa.crosscheck.claims_file import read_claims
from exactcpa.crosscheck.context import Context, TooManyCells
from exactcpa.crosscheck.summary import Summary, summarise
from exactcpa.domain import Box, Domain, Polytope, Slice
from exactcpa.errors import BadArgument, CertificateRejected, shown
from exactcpa.network import Network
from exactcpa.network_file import load_network


@dataclass(frozen=True)
class CrosscheckReport:
    """What was found of the claims of a tool.

    Attributes:
        network: What they are about.
        domain: Where.
        tool: Whose claims; empty if the file does not say.
        verdicts: Claim by claim: first the verdict on the whole claim, then on items of it.
        rechecked: Pieces of evidence that `evidence_checker` has accepted.
        seconds: How long it took.
    """

    network: Network
    domain: Domain
    tool: str
    verdicts: tuple[Verdict, ...]
    rechecked: int
    seconds: float

    @property
    def claims(self) -> tuple[Verdict, ...]:
        """The verdicts on whole claims, without those on their items."""
        return tuple([verdict for verdict in self.verdicts if not verdict.item])

    @property
    def is_refuted(self) -> bool:
        """Whether any claim is refuted."""
        return any(verdict.outcome is Outcome.REFUTED for verdict in self.verdicts)

    @property
    def summary(self) -> Summary:
        """Counts, precision and recall, signed errors, the worst claims."""
        return summarise(self.verdicts)

    def __getitem__(self, claim_id: str) -> Verdict:
        """The verdict on a claim.

        Raises:
            KeyError: No claim of that name.
        """
        found = next((verdict for verdict in self.claims if verdict.claim_id == claim_id), None)
        if found is None:
            raise KeyError(claim_id)
        return found

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __str__(self) -> str:
        return "\n".join([*[str(verdict) for verdict in self.claims], str(self.summary)])

    def evidence(self) -> dict[str, Any]:
        """All evidence with the network and the domain: a document that `evidence_checker` reads."""
        return _document(self.network, self.domain, self.verdicts)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        verdicts = [verdict.to_json() for verdict in self.verdicts]
        facts = {"tool": self.tool, "rechecked": self.rechecked, "seconds": self.seconds}
        return {"verdicts": verdicts, "summary": self.summary.to_json(), **facts}


def crosscheck(
    network: Any,
    claims: Any,
    domain: Domain | None = None,
    *,
    limit: int = 1_000_000,
    seconds: float = 600.0,
    proof: str | os.PathLike[str] | None = None,
) -> CrosscheckReport:
    """Judge the claims of a tool, each with evidence that has been added up again.

    Args:
        network: A network, or what `load_network` reads; None: what the claims file names.
        claims: What `claims_file.read_claims` reads: a path, a JSON object, or a list of `Claim`s.
        domain: None: what the claims file says.
        limit: Cells beyond which the partition is not enumerated; what needs it is then undecidable.
        seconds: Time after which any one enumeration is given up, likewise.
        proof: File for the proof of the partition, if it is enumerated; without, short ones are in the evidence.

    Returns:
        The report.

    Raises:
        BadArgument: No network or no domain, from nowhere; a limit or a time below zero.
        BadFile: Claims that are malformed.
        CertificateRejected: Evidence does not add up: an error of this package.

    Example:
        >>> from exactcpa import Box, Linear, Network, ReLU
        >>> net = Network(1, [Linear([[1], [1]], [0, "-1/2"]), ReLU()])
        >>> wrong = Claim("cells", "count", {"value": 4})
        >>> print(crosscheck(net, [wrong], Box([-1], [1]))["cells"])
        cells: refuted: there are 3 cells, claimed are 4
    """
    start = perf_counter()
    given = read_claims(claims)
    net = given.network if network is None else load_network(network)
    where = given.domain if domain is None else domain
    if net is None:
        raise BadArgument("expected a network: the claims file names none")
    if not isinstance(where, Box | Polytope | Slice):
        raise BadArgument(f"expected a domain, here or in the claims file, got {shown(where)}")
    for name, most in (("limit", limit), ("seconds", seconds)):
        if isinstance(most, bool) or not isinstance(most, Real) or not most >= 0:
            raise BadArgument(f"expected {name} to be a number >= 0, got {shown(most)}")
    context = Context(net, where, limit=limit, seconds=seconds, proof=proof)
    verdicts = [verdict for claim in given.claims for verdict in judge(context, claim)]
    rechecked = recheck(net, where, verdicts)
    return CrosscheckReport(net, where, given.tool, tuple(verdicts), rechecked, perf_counter() - start)


def judge(context: Context, claim: Claim) -> list[Verdict]:
    """The verdicts on one claim.

    Raises:
        BadArgument: A claim of an unknown kind.
        BadFile: A field is malformed.
    """
    if claim.kind not in JUDGES:
        raise BadArgument(f"{claim}: expected a kind of {', '.join(JUDGES)}, got {shown(claim.kind)}")
    module, function = JUDGES[claim.kind]
    try:
        return getattr(import_module(f"exactcpa.crosscheck.{module}"), function)(context, claim)
    except TooManyCells as failure:
        return [
            Verdict(claim.id, claim.kind, Outcome.UNDECIDABLE, f"there are {failure}, where counting stopped")
        ]


def recheck(network: Network, domain: Domain, verdicts: Sequence[Verdict]) -> int:
    """Have all evidence added up again; return how many pieces.

    Raises:
        CertificateRejected: One does not hold: an error of this package.
    """
    document = _document(network, domain, verdicts)
    try:
        return len(evidence_checker.check_document(document))
    except evidence_checker.Rejected as error:
        raise CertificateRejected(f"evidence does not add up: {error}") from error


def _document(network: Network, domain: Domain, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The evidence of verdicts, each piece once, with the claims that it is about."""
    different: dict[int, Evidence] = {}
    for verdict in verdicts:
        different |= {id(evidence): evidence for evidence in verdict.evidence}
    numbers = {key: k for k, key in enumerate(different)}
    claims: dict[str, dict[int, None]] = {}
    for verdict in verdicts:
        mine = claims.setdefault(verdict.claim_id, {})
        mine |= {numbers[id(evidence)]: None for evidence in verdict.evidence}
    return evidence_document(network, domain, different.values(), claims)
