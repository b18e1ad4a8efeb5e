"""Interval bound propagation in floats, and auto_LiRPA's bounds, as claims.

A box of inputs is pushed through the layers as a box.  In rounded floats the result need not hold, though it nearly
does; and it is loose.

Main definitions:
    interval_bounds: Boxes around all pre-activations and outputs.
    lirpa_bounds: The outputs' bounds by auto_LiRPA, where it is installed.
    claims_from_bounds: Bounds as claims, one for the outputs and one for each layer of units.

Conventions:
    The last pair is about the outputs, the others about the pre-activations of the ReLU layers in order.

    auto_LiRPA 0.3, the newest that pip found, wants torch below 1.13, which Python 3.11 does not have: `lirpa_bounds`
    follows its manual and has not been run.

References:
    Gowal et al., On the effectiveness of interval bound propagation (2018).
    Xu et al., Automatic perturbation analysis for scalable certified robustness (auto_LiRPA, 2020).

Not here:
    The exact range of an output: its judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import FloatNetwork, float_box, to_torch
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Box
from exactcpa.errors import BadArgument
from exactcpa.network import Network

Bounds = tuple[np.ndarray, np.ndarray]


def interval_bounds(net: Network, domain: Box, dtype: type = np.float64) -> list[Bounds]:
    """Lower and upper bounds of every layer's pre-activations, then of the outputs, in floats of one type.

    Raises:
        BadArgument: A domain that is no box; a network that is no chain.
    """
    low, high = (v.astype(dtype) for v in float_box(_box(domain)))
    found: list[Bounds] = []
    for weight, bias in FloatNetwork.of(net, dtype).layers:
        centre, radius = (high + low) / 2, (high - low) / 2
        middle, spread = weight @ centre + bias, np.abs(weight) @ radius
        found.append((middle - spread, middle + spread))
        low, high = (np.maximum(v, 0) for v in found[-1])
    return found


def lirpa_bounds(net: Network, domain: Box, method: str = "CROWN", dtype: str = "float32") -> list[Bounds]:
    """The outputs' bounds by auto_LiRPA.

    Args:
        net: A chain.
        domain: A box.
        method: Of ``BoundedModule.compute_bounds``.
        dtype: Of torch.
    """
    import torch
    from auto_LiRPA import BoundedModule, BoundedTensor
    from auto_LiRPA.perturbations import PerturbationLpNorm

    low, high = (torch.as_tensor(v[None], dtype=getattr(torch, dtype)) for v in float_box(_box(domain)))
    centre = (low + high) / 2
    around = BoundedTensor(centre, PerturbationLpNorm(norm=np.inf, x_L=low, x_U=high))
    lower, upper = BoundedModule(to_torch(net, dtype), centre).compute_bounds(x=(around,), method=method)
    return [(lower.detach()[0].double().numpy(), upper.detach()[0].double().numpy())]


def claims_from_bounds(
    net: Network, domain: Box, bounds: Sequence[Bounds], *, tool: str = "interval bounds"
) -> ClaimsFile:
    """Claim bounds over a box: the last are the outputs', those before it the layers', in order."""
    *layers, outputs = bounds
    claims = []
    for number, (low, high) in enumerate(layers):
        body = {"of": "pre_activations", "layer": number, "lower": low, "upper": high}
        claims.append(Claim(f"layer {number}", "bounds", body))
    claims.append(Claim("outputs", "bounds", {"lower": outputs[0], "upper": outputs[1]}))
    return ClaimsFile(tuple(claims), net, domain, tool)


def _box(domain: Any) -> Box:
    if not isinstance(domain, Box):
        raise BadArgument(f"interval bounds are over boxes, got a {type(domain).__name__.lower()}")
    return domain
