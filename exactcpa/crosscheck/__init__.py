"""Cross-checking: what other tools say about a network, claim by claim, answered with evidence.

`JUDGES` maps the kind of a claim to the module of this package and the function in it that judges such claims: it
takes a `Context` and a `Claim` and gives a list of verdicts.  The package itself can be called: ``exactcpa.crosscheck``
is `judging.crosscheck`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

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

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """See `judging.crosscheck`."""
        return import_module(f"{__name__}.judging").crosscheck(*arguments, **options)


crosscheck = sys.modules[__name__]
crosscheck.__class__ = _Verb
