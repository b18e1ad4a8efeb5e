"""exactcpa: the exact, certified partition of the input of a piecewise-affine network.

A network of linear, batch normalisation and piecewise-linear layers cuts a convex domain into
finitely many convex cells, with one affine map on each.  This package lists the cells, proves that
the list is right and complete, and writes the proof so that others can check it without this code.

Main definitions:
    load_network, Network      what is cut: a network with exact rational parameters.
    Box, Polytope, Slice       where: a bounded convex domain with rational data.
    enumerate_cells            the verb; gives a Partition.
    Partition, load_partition  the result: cells, facets, region graph, linear regions.
    check                      re-adds every certificate of a saved proof; standard library only.

Modules, in the order in which they may import each other (a module imports only what stands above
it; the checker imports nothing of the package at all):

    errors            one class per cause; every message is one sentence
    numbers           what a number in a file means: exactly one rational
    batchnorm         the deployed reading of batch normalisation: one correctly rounded scale
    network           layers and networks with exact parameters; exact forward pass
    stages            the lowered form: affine maps alternating with bends and maxima
    network_file      the network file format, version 1; .json and .npz
    exact_simplex     integer dictionary simplex with Bland's rule: the last resort, always ends
    domain            box, H-polytope and slice, proved bounded and full-dimensional
    enumerate         the verb: network and domain in, partition out
    partition         the result in memory and its views
    checker           the trusted part: one file, standard library only, runs alone
    picture           a 2-D partition drawn with characters
    demo              a trained network enumerated, proved and checked, told in a few lines
    cli               the command line

The names below are imported on first use, so that ``import exactcpa`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> (module, name there).  `__getattr__` resolves it at first use (PEP 562).
_EXPORTS: dict[str, tuple[str, str]] = {
    "load_network": ("network_file", "load_network"),
    "save_network": ("network_file", "save_network"),
    "network_from_json": ("network_file", "from_json"),
    "network_to_json": ("network_file", "to_json"),
    "Network": ("network", "Network"),
    "Box": ("domain", "Box"),
    "Polytope": ("domain", "Polytope"),
    "Slice": ("domain", "Slice"),
    "domain_from_json": ("domain", "from_json"),
    "enumerate_cells": ("enumerate", "enumerate_cells"),
    "Partition": ("partition", "Partition"),
    "load_partition": ("partition", "load_partition"),
    "check": ("checker", "check"),
    "describe_file": ("description", "describe_file"),
    "ExactcpaError": ("errors", "ExactcpaError"),
    "BadArgument": ("errors", "BadArgument"),
    "BadDomain": ("errors", "BadDomain"),
    "BadFile": ("errors", "BadFile"),
    "BadNetwork": ("errors", "BadNetwork"),
    "CertificateRejected": ("errors", "CertificateRejected"),
    "DimensionMismatch": ("errors", "DimensionMismatch"),
    "InexactNumber": ("errors", "InexactNumber"),
    "OutsideDomain": ("errors", "OutsideDomain"),
    "Undecided": ("errors", "Undecided"),
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use and keep it."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _EXPORTS[name]
    value = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
