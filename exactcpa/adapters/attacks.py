"""Adversarial points from a PGD-type attack, as claims about margins.

An attack looks for a point of another class near a point.  What it finds claims an upper bound of the margin; what it
does not find claims nothing, though it is often reported as robustness: `robust` claims that, too.

Main definitions:
    pgd: Projected gradient descent on the difference of two outputs, within a ball of l2 or l_inf, with torch.
    smallest_radius: The smallest ball in which the attack succeeds, by bisection.
    claims_from_attack: Adversarial points, and failures, as claims.

Conventions:
    Points are in input coordinates; the class of a point is that of its largest output.  Distances are those of the
    floats that came out, rounded upward a little so that an upper bound is claimed.

References:
    Madry et al., Towards deep learning models resistant to adversarial attacks (2018).

Not here:
    Exact margins: `margin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exactcpa.adapters.float_network import float_box
from exactcpa.crosscheck.claim import Claim
from exactcpa.crosscheck.claims_file import ClaimsFile
from exactcpa.domain import Domain
from exactcpa.network import Network


def pgd(
    module: Any,
    point: np.ndarray,
    radius: float,
    *,
    norm: str = "inf",
    box: tuple[np.ndarray, np.ndarray] | None = None,
    steps: int = 40,
    restarts: int = 5,
    seed: int = 0,
) -> np.ndarray | None:
    """A point of another class within a ball, or None: not found.

    Args:
        module: Of torch, with at least two outputs.
        point: Where the ball is.
        radius: Its size.
        norm: ``"inf"`` or ``"2"``.
        box: Bounds that the point must keep.
        steps: Of descent; each is 2.5 radius / steps long.
        restarts: Random starts within the ball.
        seed: Of these.
    """
    import torch

    dtype = next(module.parameters()).dtype
    torch.manual_seed(seed)
    centre = torch.as_tensor(point, dtype=dtype)
    walls = None if box is None else [torch.as_tensor(v, dtype=dtype) for v in box]
    with torch.no_grad():
        label = int(module(centre[None])[0].argmax())
    for _ in range(restarts):
        shift = _projected(torch, (2 * torch.rand_like(centre) - 1) * radius, radius, norm)
        for _ in range(steps):
            shift.requires_grad_()
            outputs = module((centre + shift)[None])[0]
            others = torch.cat([outputs[:label], outputs[label + 1 :]])
            (gradient,) = torch.autograd.grad(outputs[label] - others.max(), shift)
            direction = gradient.sign() if norm == "inf" else gradient / (gradient.norm() + 1e-30)
            shift = _projected(torch, shift.detach() - 2.5 * radius / steps * direction, radius, norm)
            if walls is not None:
                shift = torch.clamp(centre + shift, *walls) - centre
            with torch.no_grad():
                if int(module((centre + shift)[None])[0].argmax()) != label:
                    return (centre + shift).double().numpy()
    return None


def _projected(torch: Any, shift: Any, radius: float, norm: str) -> Any:
    if norm == "inf":
        return shift.clamp(-radius, radius)
    return shift * min(1.0, radius / (float(shift.norm()) + 1e-30))


def smallest_radius(
    module: Any, point: np.ndarray, largest: float, *, halvings: int = 12, **options: Any
) -> tuple[np.ndarray | None, float]:
    """The nearest adversarial point that bisection over the radius finds, and the largest radius that failed."""
    best, low, high = pgd(module, point, largest, **options), 0.0, largest
    if best is None:
        return None, largest
    for _ in range(halvings):
        middle = (low + high) / 2
        found = pgd(module, point, middle, **options)
        if found is None:
            low = middle
        else:
            best, high = found, middle
    return best, low


def claims_from_attack(
    net: Network,
    domain: Domain,
    points: Sequence[np.ndarray],
    module: Any,
    *,
    norm: str = "inf",
    largest: float = 1.0,
    robust: bool = False,
    **options: Any,
) -> ClaimsFile:
    """Attack points and claim what comes of it.

    Args:
        net: What the claims are about; it should be what the module computes.
        domain: Adversarial points stay within its bounding box.
        points: To be attacked.
        module: Of torch.
        norm: ``"inf"`` or ``"2"``.
        largest: The largest ball that is tried.
        robust: Whether to claim, too, that the margin is at least the largest radius at which the attack failed: what a
            table of "robust accuracy under PGD" suggests.
        options: For `pgd`.
    """
    claims = []
    for number, point in enumerate(points):
        found, failed = smallest_radius(module, point, largest, norm=norm, box=float_box(domain), **options)
        if found is not None:
            claims.append(
                Claim(f"adversarial {number}", "margin", margin_body(point, norm, adversarial=found))
            )
        if robust and failed:
            claims.append(Claim(f"robust {number}", "margin", margin_body(point, norm, lower=failed)))
    return ClaimsFile(tuple(claims), net, domain, f"PGD, norm {norm}")


def margin_body(
    point: np.ndarray, norm: str, *, adversarial: np.ndarray | None = None, lower: float | None = None
) -> dict[str, Any]:
    """The body of a claim ``margin``: an adversarial point, or a lower bound."""
    body: dict[str, Any] = {"point": list(map(float, point)), "norm": norm}
    if adversarial is not None:
        return body | {"adversarial": list(map(float, adversarial))}
    return body | {"relation": "at_least", "value": lower}
