"""Local affine maps from torch's autograd, as claims.

The Jacobian at a point is the matrix of the affine map on the point's cell, if the point is not on a boundary; there
autograd gives a choice of its own (the derivative of ReLU at 0 is 0).

Main definitions:
    local_maps: Jacobians and shifts of a torch module at points.
    claims_from_autograd: The same as claims.

Conventions:
    Maps are in the coordinates of the network's input, on a slice too.  The shift is ``f(x) - J x``,
    rounded as the module rounds.

References:
    PyTorch documentation, Autograd mechanics: gradients for non-differentiable functions.

Not here:
    Exact maps: `Partition.affine_map`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import input_points, to_torch
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Domain
from exactcpa.network import Network


def local_maps(module: Any, points: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Matrices, shape (n, outputs, inputs), and shifts, shape (n, outputs), of a module at points."""
    import torch

    dtype = next(module.parameters()).dtype
    matrices, shifts = [], []
    for point in torch.as_tensor(np.asarray(points), dtype=dtype):
        matrix = torch.autograd.functional.jacobian(lambda x: module(x[None])[0], point)
        with torch.no_grad():
            shift = module(point[None])[0] - matrix @ point
        matrices.append(matrix.double().numpy())
        shifts.append(shift.double().numpy())
    return np.array(matrices), np.array(shifts)


def claims_from_autograd(
    net: Network,
    domain: Domain,
    points: np.ndarray,
    module: Any = None,
    *,
    dtype: str = "float64",
    tolerance: Fraction | None = None,
) -> ClaimsFile:
    """Claim the affine maps that autograd gives at points.

    Args:
        net: What the claims are about.
        domain: Where.
        points: In the domain's own coordinates, shape (n, d).
        module: Of torch; None: the network itself, made by `to_torch`.
        dtype: Of that module.
        tolerance: How far off entries may be, by your own word.
    """
    used = to_torch(net, dtype) if module is None else module
    matrices, shifts = local_maps(used, input_points(domain, np.asarray(points, float)))
    body = {"points": points, "matrices": matrices, "shifts": shifts, "coordinates": "input"}
    return ClaimsFile((Claim("maps", "affine", body, tolerance),), net, domain, f"torch autograd, {dtype}")
