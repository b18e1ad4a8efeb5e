"""A network as float tools see it: weights rounded, batchnorm folded in floats, forward passes in floats.

Nothing here is exact, on purpose: this is what the adapters' tools are given, and what they make of it is claimed.

Main definitions:
    FloatNetwork: Dense layers and ReLU in float64 or float32.
    to_torch: The network as an ``nn.Sequential``, batchnorm kept, for tools that take modules of torch.
    float_box: The bounds of a domain's bounding box, and samples of it.

Conventions:
    Points are rows.  Only chains of linear layers, batchnorms with statistics, and ReLU: what all these tools read.

Not here:
    What a network is exactly: `network`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exactcpa.domain import Domain, Slice
from exactcpa.errors import BadArgument
from exactcpa.layers import BatchNorm, Layer, Linear, ReLU
from exactcpa.network import Network


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """Dense layers, a ReLU after each but the last.

    Attributes:
        layers: Pairs of a weight, shape (outputs, inputs), and a bias, shape (outputs,).
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    @staticmethod
    def of(net: Network, dtype: type = np.float64) -> FloatNetwork:
        """Round a network to floats; batchnorms are folded into the layers before them in these floats.

        Raises:
            BadArgument: The network is no chain of linear layers, batchnorms with statistics, and ReLU.
        """
        require_chain(net)
        made: list[tuple[np.ndarray, np.ndarray]] = []
        for layer in net.layers:
            match layer:
                case Linear():
                    made.append((floats(layer.weight, dtype), floats(layer.bias, dtype)))
                case BatchNorm():
                    mean, variance, gamma, beta = (
                        floats(v, dtype) for v in (layer.mean, layer.variance, layer.gamma, layer.beta)
                    )
                    scale = gamma / np.sqrt(variance + dtype(float(layer.epsilon)))
                    weight, bias = made[-1]
                    made[-1] = (weight * scale[:, None], (bias - mean) * scale + beta)
        return FloatNetwork(tuple(made))

    @property
    def dtype(self) -> np.dtype:
        """Of the weights."""
        return self.layers[0][0].dtype

    def pre_activations(self, points: np.ndarray) -> list[np.ndarray]:
        """One array of shape (n, units) for each ReLU layer, then the outputs."""
        found, values = [], np.asarray(points, self.dtype)
        with np.errstate(all="ignore"):
            for weight, bias in self.layers:
                found.append(values @ weight.T + bias)
                values = np.maximum(found[-1], 0)
        return found

    def patterns(self, points: np.ndarray) -> np.ndarray:
        """The pieces of all units, shape (n, units): 1 where the pre-activation is >= 0."""
        return np.concatenate([z >= 0 for z in self.pre_activations(points)[:-1]], axis=1).astype(np.int8)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The outputs."""
        return self.pre_activations(points)[-1]


def require_chain(net: Network) -> None:
    """Raise unless a network is linear layers with batchnorms, one ReLU between each two, and none at the end."""
    expected: tuple[type[Layer], ...] = (Linear,)
    for number, layer in enumerate(net.layers):
        if not isinstance(layer, expected):
            names = " or ".join(kind.type for kind in expected)
            raise BadArgument(f"layer {number}: float tools read chains; expected {names}, got {layer.type}")
        expected = (Linear,) if isinstance(layer, ReLU) else (BatchNorm, ReLU)
    if isinstance(net.layers[-1], ReLU):
        raise BadArgument("float tools read chains that end in a linear layer, got relu at the end")


def floats(values: Any, dtype: type = np.float64) -> np.ndarray:
    """Fractions, of any depth, rounded to floats; beyond their range to infinity."""
    with np.errstate(over="ignore"):
        return np.array(values, dtype=object).astype(np.float64).astype(dtype)


def float_box(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds of the bounding box of a domain, in its own coordinates."""
    return floats(domain.lower), floats(domain.upper)


def input_points(domain: Domain, points: np.ndarray) -> np.ndarray:
    """Points of a domain as points of the network's input: a slice maps its own coordinates."""
    if not isinstance(domain, Slice):
        return points
    return points @ floats(domain.basis).T + floats(domain.origin)


def to_torch(net: Network, dtype: str = "float64") -> Any:
    """An ``nn.Sequential`` in evaluation mode.

    Args:
        net: A chain, as `require_chain` says.
        dtype: ``"float64"`` or ``"float32"``.

    Raises:
        BadArgument: Not a chain.
    """
    import torch

    require_chain(net)
    modules: list[Any] = []
    for layer in net.layers:
        modules.append(_module(torch, layer))
    return torch.nn.Sequential(*modules).to(getattr(torch, dtype)).eval()


def _module(torch: Any, layer: Layer) -> Any:
    """One layer as a module; numbers are rounded to doubles."""

    def fill(module: Any, **fields: Sequence[Any]) -> Any:
        module = module.double()
        for name, values in fields.items():
            getattr(module, name).data = torch.from_numpy(floats(values))
        return module

    match layer:
        case Linear():
            module = torch.nn.Linear(len(layer.weight[0]), len(layer.weight))
            return fill(module, weight=layer.weight, bias=layer.bias)
        case BatchNorm():
            module = torch.nn.BatchNorm1d(len(layer.mean), eps=float(layer.epsilon))
            fields = {"running_mean": layer.mean, "running_var": layer.variance}
            return fill(module, weight=layer.gamma, bias=layer.beta, **fields)
    return torch.nn.ReLU()
