"""Statements: a claim with exact hypotheses, examined on any network and data, with evidence to re-add.

A statement is a value.  Examining it on an instance gives a verdict: `proved` or `refuted` on that instance, or `out of
scope` with the hypothesis that fails.  Nothing is written down: every verdict is computed.

Main definitions:
    Statement: Id, sentence, hypotheses, source, and the functions that examine, give the default instance, re-add.
    Instance: A network, data, and options.
    Verdict, Outcome: What was found.
    require, HypothesisFails: How an examination says that a hypothesis fails.
    judged: The verdict of an examination that got through.
    examined: The part of a list that a limit allows, and the sentence that says so.
    size_text, brief: An instance's size and a number, for people.
    evidence_to_json, evidence_from_json: Evidence as JSON, and back without loss.

Conventions:
    Evidence is a mapping of texts to fractions, integers, booleans, texts, None, and tuples and mappings of these.  Its
    entry ``holds`` says whether the claim holds on the instance; `Statement.recheck` re-adds the evidence, by plain
    fractions and without the engine, and returns whether it shows exactly that.
    In JSON a fraction is a text with a slash, ``"3/1"``; integers are numbers; tuples are lists.
    Statistics are those of the data (mode full), in the deployed reading where a scale is needed.

Not here:
    The statements: the files of this package, one a family.  All of them: `ledger`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

from exactcpa.data_file import Data, load_data
from exactcpa.errors import BadArgument, BadNetwork, DimensionMismatch, located, shown
from exactcpa.network import Network, Vector
from exactcpa.numbers import decimal_text, exact_text, exactly

Evidence = Mapping[str, Any]
T = TypeVar("T")

_FRACTION = re.compile(r"-?(?:[0-9]+/[0-9]+|0x[0-9a-f]+/0x[0-9a-f]+)")


class Outcome(Enum):
    """What an examination can find."""

    PROVED = "proved"
    REFUTED = "refuted"
    OUT_OF_SCOPE = "out of scope"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Instance:
    """What a statement is examined on.

    Attributes:
        network: A network, or None for statements about data alone.
        data: Shape (n, inputs); empty for statements about a network alone.
        labels: Shape (n,), or None.
        options: What else the examination may be told: ``limit``, ``window``, ``seed``; each family says which.
    """

    network: Network | None
    data: tuple[Vector, ...]
    labels: tuple[int, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What was found on an instance.

    Attributes:
        outcome: Proved, refuted, or out of scope.
        reason: One sentence with the numbers that decide, or the hypothesis that fails.
        size: How large the instance is, ``n=8, D=2, m=6``.
        evidence: See the conventions above; empty if out of scope.
    """

    outcome: Outcome
    reason: str
    size: str
    evidence: Evidence = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason} ({self.size})"


class HypothesisFails(Exception):
    """A hypothesis of the statement does not hold on the instance: an outcome on its way up.

    Attributes:
        hypothesis: The hypothesis, as the statement words it or shorter.
        found: What was found instead.
    """

    def __init__(self, hypothesis: str, found: str) -> None:
        self.hypothesis, self.found = hypothesis, found
        super().__init__(f"hypothesis fails: {hypothesis}; {found}")


@dataclass(frozen=True)
class Statement:
    """One row of the ledger.

    Attributes:
        id: ``A1``.
        sentence: The claim, in one sentence.
        hypotheses: Each one an exact condition on network and data, checked by `examine`.
        source: Author, title, year; or ``derived for this project``.
        expected: Whether the ledger lists the claim as true; a claim that is false as usually stated has its
            counterexample as the default instance.
        examine: Instance -> verdict.  May raise `HypothesisFails`; use `verify`, which turns that into a verdict.
        default: Makes the default instance.
        recheck: Evidence -> whether it shows what its entry ``holds`` says.  Plain fractions; nothing of the engine.
        arithmetic: What decides: ``Q``, ``squares``, ``signs``, ``enumeration``.
    """

    id: str
    sentence: str
    hypotheses: tuple[str, ...]
    source: str
    expected: bool
    examine: Callable[[Instance], Verdict]
    default: Callable[[], Instance]
    recheck: Callable[[Evidence], bool]
    arithmetic: str

    def __str__(self) -> str:
        return f"{self.id}: {self.sentence}"

    def verify(self, network: Network | None = None, data: Any = None, **options: Any) -> Verdict:
        """Examine the statement on a network and data, or on its default instance.

        Args:
            network: A network; batchnorms with statistics are treated as those without: the data decide.
            data: Points, a path, or a `Data`.  With neither network nor data: the default instance.
            options: Added to those of the instance.

        Returns:
            The verdict; out of scope also where the network's statistics on the data do not exist.

        Raises:
            BadArgument: No network, or points of another dimension than its input; an option that is none.
        """
        is_default = network is None and data is None
        instance = self.default() if is_default else _instance(network, data)
        return self.judge(
            Instance(instance.network, instance.data, instance.labels, {**instance.options, **options})
        )

    def judge(self, instance: Instance) -> Verdict:
        """Examine an instance; a hypothesis that fails is a verdict."""
        try:
            return self.examine(instance)
        except HypothesisFails as failure:
            return Verdict(Outcome.OUT_OF_SCOPE, str(failure), size_text(instance))
        except BadNetwork as failure:  # only the statistics are computed here: the network is valid by itself
            return Verdict(
                Outcome.OUT_OF_SCOPE,
                f"hypothesis fails: the statistics of the data exist; {failure}",
                size_text(instance),
            )

    def accepts(self, verdict: Verdict) -> bool:
        """Whether the evidence of a verdict, re-added, shows its outcome.

        Evidence that is malformed shows nothing.  A verdict out of scope has none and is accepted.
        """
        if verdict.outcome is Outcome.OUT_OF_SCOPE:
            return not verdict.evidence
        try:
            claims = verdict.evidence["holds"] is (verdict.outcome is Outcome.PROVED)
            return claims and bool(self.recheck(verdict.evidence))
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
            return False


def require(condition: object, hypothesis: str, found: str) -> None:
    """Go on only if a hypothesis holds.

    Args:
        condition: Whether it does.
        hypothesis: In words, as the statement lists it.
        found: What was found instead, with the place and the numbers.

    Raises:
        HypothesisFails: It does not.
    """
    if not condition:
        raise HypothesisFails(hypothesis, found)


def judged(holds: bool, reason: str, size: str, evidence: Evidence) -> Verdict:  # noqa: FBT001  # the claim's truth value
    """The verdict of an examination that got through; `holds` becomes an entry of the evidence."""
    outcome = Outcome.PROVED if holds else Outcome.REFUTED
    return Verdict(outcome, reason, size, {"holds": bool(holds), **evidence})


def network_and_data(instance: Instance) -> tuple[Network, tuple[Vector, ...]]:
    """The network and the data of an instance that needs both.

    Raises:
        HypothesisFails: One is missing.
    """
    require(instance.network is not None, "a network is given", "got none")
    require(instance.data, "data are given", "got none")
    assert instance.network is not None  # for type checkers; `require` has decided
    return instance.network, instance.data


def examined(items: Sequence[T], instance: Instance, what: str, *, limit: int) -> tuple[Sequence[T], str]:
    """The first items that the option ``limit`` allows, and a sentence about the others.

    Args:
        items: What there is to examine.
        instance: Its option ``limit`` replaces the default one; None: everything.
        what: The items in words, ``units``.
        limit: The default.

    Returns:
        The items, and ``"; examined 8 of 20 units (option limit)"`` or nothing.

    Raises:
        BadArgument: A limit that is no whole number from 1 on.
    """
    allowed = instance.options.get("limit", limit)
    if allowed is None or len(items) <= _checked_limit(allowed):
        return items, ""
    return items[:allowed], f"; examined {allowed} of {len(items)} {what} (option limit)"


def size_text(instance: Instance) -> str:
    """The size of an instance in words: ``n=8, D=2, units 6+6``."""
    parts = [f"n={len(instance.data)}"] if instance.data else []
    if instance.network is not None:
        parts.append(f"D={instance.network.input}")
        parts.append("units " + ("+".join(map(str, instance.network.layer_sizes)) or "0"))
    elif instance.data:
        parts.append(f"D={len(instance.data[0])}")
    return ", ".join(parts) or "-"


def brief(value: Fraction) -> str:
    """A rational for people: exact if it is short.

    Example:
        >>> brief(Fraction(89, 4)), brief(Fraction(1, 10**12))
        ('89/4', 'about 1e-12')
    """
    text = exact_text(value)
    return text if len(text) <= 11 else f"about {decimal_text(value)}"


def evidence_to_json(value: Any) -> Any:
    """Evidence as JSON values.

    Example:
        >>> evidence_to_json({"holds": True, "mean": (Fraction(1, 3), Fraction(2)), "count": 2})
        {'holds': True, 'mean': ['1/3', '2/1'], 'count': 2}
    """
    match value:
        case None | bool() | int() | str():
            return value
        case Fraction():
            text = exact_text(value)
            return text if "/" in text else f"{text}/1"
        case Mapping():
            return {str(name): evidence_to_json(entry) for name, entry in value.items()}
        case tuple() | list():
            return [evidence_to_json(entry) for entry in value]
    raise BadArgument(f"expected evidence, got {type(value).__name__}: {shown(value)}")


def evidence_from_json(value: Any) -> Any:
    """Evidence from JSON values; the reverse of `evidence_to_json`.

    Example:
        >>> evidence_from_json({"mean": ["1/3", "2/1"], "count": 2})
        {'mean': (Fraction(1, 3), Fraction(2, 1)), 'count': 2}
    """
    match value:
        case str() if _FRACTION.fullmatch(value):
            return exactly(value)
        case dict():
            return {name: evidence_from_json(entry) for name, entry in value.items()}
        case list():
            return tuple([evidence_from_json(entry) for entry in value])
    return value


def _instance(network: Network | None, data: Any) -> Instance:
    """The user's instance."""
    if network is not None and not isinstance(network, Network):
        raise BadArgument(f"expected a network (load_network reads one), got {shown(network)}")
    if data is None:
        return Instance(network, ())
    with located("data"):
        read: Data = load_data(data)
        if network is not None and read.dimension != network.input:
            raise DimensionMismatch(f"expected points in R^{network.input}, got points in R^{read.dimension}")
    return Instance(network, read.points, read.labels)


def _checked_limit(limit: object) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise BadArgument(f"option limit: expected a whole number from 1 on, or None, got {shown(limit)}")
    return limit
