"""For the tests of other tools: assert that what a tool claims is so, with the witness in the failure.

    from exactcpa.testing import assert_claims

    def test_my_tool():
        net, domain = ...
        assert_claims(net, claims, domain)          # a claims file, its object, or a list of claims

    @pytest.mark.parametrize("case", hard_cases().values(), ids=lambda case: case.name)
    def test_my_tool_counts(case):
        assert_counts(case, cells=my_tool(case.network))

Main definitions:
    assert_claims: Raise `AssertionError` if a claim is refuted, or cannot be decided.
    assert_counts: The same for plain numbers on a case of the degenerate collection, without enumerating again.
    failure_text: What the failure says.

Conventions:
    Needs no pytest.  All evidence has been added up again before anything is said.

Not here:
    The judging: `crosscheck`.  The collection: `hard`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exactcpa.cell import inequalities_of
from exactcpa.crosscheck.claim import Evidence, Outcome
from exactcpa.crosscheck.judging import CrosscheckReport, crosscheck
from exactcpa.domain import Domain
from exactcpa.hard import HardCase
from exactcpa.switch_form import switch_form

MOST_TOLD = 5
"""Verdicts that a failure tells, each with its evidence."""
LONGEST = 300
"""Characters of one piece of evidence."""


def assert_claims(
    network: Any,
    claims: Any,
    domain: Domain | None = None,
    *,
    undecidable: bool = False,
    limit: int = 1_000_000,
) -> CrosscheckReport:
    """Raise unless every claim is confirmed.

    Args:
        network: A network, or what `load_network` reads; None: what the claims name.
        claims: What `claims_file.read_claims` reads: a path, a JSON object, or a list of claims.
        domain: None: what the claims say.
        undecidable: Whether claims that cannot be decided may pass.
        limit: Cells beyond which the partition is not enumerated.

    Returns:
        The report, if all is well.

    Raises:
        AssertionError: A claim is refuted, or (unless they may pass) undecidable; with reasons and evidence.

    Example:
        >>> from exactcpa import Box, Claim, Linear, Network, ReLU
        >>> net = Network(1, [Linear([[1], [1]], [0, "-1/2"]), ReLU()])
        >>> claims = [Claim("mine", "patterns", {"patterns": [[0, 0], [0, 1]]})]
        >>> assert_claims(net, claims, Box([-1], [1]))
        Traceback (most recent call last):
          ...
        AssertionError: 1 of 1 claims: refuted
        mine: refuted: 1 of 2 listed patterns are cells
        mine, pattern 1: refuted: pattern 1 is no cell: 2 of its rows leave no room
            no point has (0, 1): the slacks add up to nothing positive, 1 * unit (0, 0) + 1 * unit (0, 1)
    """
    report = crosscheck(network, claims, domain, limit=limit)
    allowed = {Outcome.CONFIRMED} | ({Outcome.UNDECIDABLE} if undecidable else set())
    if any(verdict.outcome not in allowed for verdict in report):
        raise AssertionError(failure_text(report, allowed))
    return report


def assert_counts(
    case: HardCase,
    *,
    cells: int | None = None,
    facets: int | None = None,
    linear_regions: int | None = None,
) -> None:
    """Raise unless the numbers that are given are those proved for a case.

    Example:
        >>> from exactcpa import hard_cases
        >>> assert_counts(hard_cases()["zero_rows"], cells=4)
        Traceback (most recent call last):
          ...
        AssertionError: zero_rows (dead): 4 cells claimed, there are 2 (proof, oracle, formula)
    """
    claimed = {"cells": cells, "facets": facets, "linear_regions": linear_regions}
    wrong = [
        f"{case.name} ({case.family}): {value} {name.replace('_', ' ')} claimed, there are {getattr(case, name)}"
        for name, value in claimed.items()
        if value is not None and value != getattr(case, name)
    ]
    if wrong:
        raise AssertionError("\n".join(f"{line} ({', '.join(case.proved_by)})" for line in wrong))


def failure_text(report: CrosscheckReport, allowed: Iterable[Outcome] = (Outcome.CONFIRMED,)) -> str:
    """The claims that fail, the first of their items, and the evidence in words."""
    accepted = set(allowed)
    failing = [verdict for verdict in report if verdict.outcome not in accepted]
    claims = sum(verdict.outcome not in accepted for verdict in report.claims)
    outcomes = " or ".join(sorted({str(verdict.outcome) for verdict in failing}))
    lines = [f"{claims} of {len(report.claims)} claims: {outcomes}"]
    names, told = _row_names(report), {verdict.claim_id for verdict in failing if verdict.item}
    for verdict in failing[:MOST_TOLD]:
        lines.append(str(verdict))
        if verdict.item or verdict.claim_id not in told:
            lines += [f"    {_shortened(evidence_text(e, names))}" for e in verdict.evidence[:MOST_TOLD]]
    if len(failing) > MOST_TOLD:
        lines.append(f"and {len(failing) - MOST_TOLD} more")
    return "\n".join(lines)


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST else line[:LONGEST] + " .."


def _row_names(report: CrosscheckReport) -> dict[int, str]:
    """Row keys of evidence (`claim`) in words."""
    units = switch_form(report.network, report.domain).units
    names = {u.first + k: f"unit ({u.layer}, {u.index})" for u in units for k in range(u.width)}
    return names | {-1 - k: f"wall {k}" for k in range(len(inequalities_of(report.domain)))}


def evidence_text(evidence: Evidence, names: Mapping[int, str]) -> str:
    """A piece of evidence in words; names of rows by their keys."""
    body = evidence.body
    match evidence.kind:
        case "point":
            return f"witness: {_tuple(body['point'])} is strictly inside the cell {_tuple(body['pattern'])}"
        case "empty":
            terms = " + ".join(f"{value} * {names[key]}" for key, value in body["multipliers"])
            return f"no point has {_tuple(body['pattern'])}: the slacks add up to nothing positive, {terms}"
        case "facet":
            one, other = map(_tuple, body["patterns"])
            return f"witness: {_tuple(body['point'])} is inside the facet between {one} and {other}"
        case "value":
            what = f"output {body['output']}" if "output" in body else f"unit {_tuple(body['unit'])}"
            return f"witness: at {_tuple(body['point'])} {what} is {body['value']}"
        case "map":
            return f"on {_tuple(body['pattern'])} the map is t -> {body['matrix']} t + {body['shift']}"
    told = {name: value for name, value in body.items() if name != "base64"}
    return f"{evidence.kind}: {', '.join(f'{name} {value}' for name, value in told.items())}"


def _tuple(values: Sequence[Any]) -> str:
    return f"({', '.join(map(str, values))})"
