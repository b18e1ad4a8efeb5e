"""Cross-checking: what other tools say about a network, claim by claim, answered with evidence.

The package itself can be called, and is then `judging.crosscheck`::

    crosscheck(network, claims, domain=None, *, limit=1000000, seconds=600.0, proof=None) -> CrosscheckReport

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

Main definitions:
    crosscheck: The verb, which is this package.
    JUDGES: Kind of claim -> the module of this package and the function in it that judges such claims.

Conventions:
    A judge takes a `Context` and a `Claim` and gives a list of verdicts.

Not here:
    The verb itself: `judging`.  What a claim and a verdict are: `claim`.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exactcpa.crosscheck.judging import CrosscheckReport
    from exactcpa.domain import Domain

# Kind of claim -> (module, function).
JUDGES: dict[str, tuple[str, str]] = {
    "count": ("judge_counts", "judge_count"),
    "patterns": ("judge_patterns", "judge_patterns"),
    "adjacent": ("judge_adjacency", "judge_adjacent"),
    "affine": ("judge_affine", "judge_affine"),
    "regions": ("judge_regions", "judge_regions"),
    "local_count": ("judge_local", "judge_local_count"),
    "bounds": ("judge_bounds", "judge_bounds"),
    "volume": ("judge_volume", "judge_volume"),
    "distance": ("judge_distance", "judge_distance"),
    "margin": ("judge_distance", "judge_margin"),
    "bn_offset": ("judge_batchnorm", "judge_bn_offset"),
    "bn_statistics": ("judge_batchnorm", "judge_bn_statistics"),
    "centroid": ("judge_batchnorm", "judge_centroid"),
}


class _Verb(ModuleType):
    """A package that is also its verb: both have the name ``exactcpa.crosscheck``, and only one can be there."""

    def __call__(
        self,
        network: Any,
        claims: Any,
        domain: Domain | None = None,
        *,
        limit: int = 1_000_000,
        seconds: float = 600.0,
        proof: str | os.PathLike[str] | None = None,
    ) -> CrosscheckReport:
        """Judge the claims of a tool: `judging.crosscheck`, which is imported at the first call."""
        verb = import_module(f"{__name__}.judging").crosscheck
        return verb(network, claims, domain, limit=limit, seconds=seconds, proof=proof)


crosscheck = sys.modules[__name__]
crosscheck.__class__ = _Verb
