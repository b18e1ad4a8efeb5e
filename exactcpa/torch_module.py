"""Modules of torch as networks: an ``nn.Sequential`` in evaluation mode, read without importing torch.

Main definitions:
    is_module: Whether a value is a module of torch.
    from_module: The network it computes, deployed reading.

Conventions:
    Modules are recognised by the name of their class among torch's own; one's own subclasses are refused,
    since their ``forward`` may be anything.  Parameters of any precision are taken as the numbers they store;
    batch normalisation uses the running statistics.  Images need the [C, H, W] of the input.

References:
    PyTorch manual, torch.nn.

Not here:
    Anything with a graph (branches, functional calls).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from exactcpa.errors import BadNetwork, located
from exactcpa.groups import count_positions
from exactcpa.network import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Windows,
)
from exactcpa.parameters import read_integers

_PACKAGE = "torch.nn.modules"
_IDLE = ("Identity", "Dropout", "Dropout1d", "Dropout2d")
_MODE_MATTERS = ("BatchNorm1d", "BatchNorm2d", "Dropout", "Dropout1d", "Dropout2d")


class _Signal(NamedTuple):
    """What arrives at a module: how many values, and the [C, H, W] they form while they are an image."""

    size: int
    image: tuple[int, int, int] | None


def is_module(source: object) -> bool:
    """Return whether a value is a module of torch, without importing torch."""
    names = (f"{kind.__module__}.{kind.__name__}" for kind in type(source).__mro__)
    return f"{_PACKAGE}.module.Module" in names


def from_module(module: Any, shape: Sequence[int] | None) -> Network:
    """Build the network of a module; layers are numbered as the modules that are not containers.

    Args:
        module: An ``nn.Sequential`` (nested ones are fine) or one layer.
        shape: The [C, H, W] of the input if the first layers work on images.

    Raises:
        BadNetwork: A module that is not read, in training mode, or without running statistics.
        DimensionMismatch, InexactNumber: Parameters that do not fit or are not finite.
    """
    parts = tuple(_flatten(module))
    image = None if shape is None else read_integers(shape, "shape", 1, length=3)
    start = _first_width(parts) if image is None else prod(image)
    signal, layers = _Signal(start, image), []
    for number, part in enumerate(parts):
        with located(f"layer {number} ({type(part).__name__})"):
            _expect_known(part)
            if type(part).__name__ not in _IDLE:
                layers.append(_READERS[type(part).__name__](part, signal))
                signal = _after(layers[-1], signal)
    return Network(start, tuple(layers))


def _flatten(module: Any) -> Iterator[Any]:
    if f"{type(module).__module__}.{type(module).__name__}" != f"{_PACKAGE}.container.Sequential":
        yield module
        return
    for part in module.children():
        yield from _flatten(part)


def _first_width(parts: Sequence[Any]) -> int:
    for part in parts:
        match type(part).__name__:
            case "Linear":
                return int(part.in_features)
            case "BatchNorm1d":
                return int(part.num_features)
            case "Conv2d" | "MaxPool2d" | "AvgPool2d" | "BatchNorm2d":
                raise BadNetwork("a module on images needs shape, the [C, H, W] of its input")
    raise BadNetwork("expected a module with a Linear layer, which tells the input dimension, got none")


def _expect_known(part: Any) -> None:
    """Raise unless it is certain what a module computes in evaluation mode."""
    name = type(part).__name__
    known = (*_READERS, *_IDLE)
    if not type(part).__module__.startswith(_PACKAGE) or name not in known:
        raise BadNetwork(f"expected one of {', '.join(known)}")
    if name in _MODE_MATTERS and part.training:
        raise BadNetwork("expected evaluation mode, got training mode; call eval() first")
    if part._forward_hooks or part._forward_pre_hooks:
        raise BadNetwork("expected no forward hooks, which may change what the module computes")


def _after(layer: Layer, signal: _Signal) -> _Signal:
    size = layer.width(signal.size)
    match layer:
        case Linear() | Flatten():
            return _Signal(size, None)
        case Conv2d():
            return _Signal(size, (len(layer.weight), *layer.positions()))
        case (AvgPool2d() as windows) | MaxPool(Windows() as windows):
            rows, columns = count_positions(windows.shape, windows.kernel, windows.stride, (0, 0))
            return _Signal(size, (windows.shape[0], rows, columns))
        case _:
            return _Signal(size, signal.image)


def _values(tensor: Any) -> np.ndarray:
    """Return a tensor as float64, exact for every real floating type of torch."""
    if tensor.is_complex():
        raise BadNetwork("expected real parameters, got complex ones")
    return tensor.detach().cpu().double().numpy()


def _expect(part: Any, **wanted: Any) -> None:
    """Raise where an option is set that has no counterpart here."""
    for option, value in wanted.items():
        if getattr(part, option) not in (value, (value, value)):
            raise BadNetwork(f"option {option}: expected {value}, got {getattr(part, option)}")


def _image(signal: _Signal) -> tuple[int, int, int]:
    if signal.image is None:
        raise BadNetwork("expected an image as its input; give shape, the [C, H, W] of the network's input")
    return signal.image


def _pixels(signal: _Signal) -> int:
    """Return how many neighbouring values share a channel's parameter."""
    return 1 if signal.image is None else signal.image[1] * signal.image[2]


def _bias(part: Any, length: int) -> Any:
    return [0] * length if part.bias is None else _values(part.bias)


def _linear(part: Any, signal: _Signal) -> Layer:
    if signal.image is not None:
        raise BadNetwork("expected a Flatten before a Linear on images")
    weight = _values(part.weight)
    return Linear(weight, _bias(part, len(weight)))


def _batchnorm(part: Any, signal: _Signal) -> Layer:
    if part.running_mean is None:
        raise BadNetwork("field mean: missing; a batchnorm without statistics needs data")
    repeat = _pixels(signal)
    fields = {"mean": part.running_mean, "variance": part.running_var}
    if part.weight is not None:
        fields |= {"gamma": part.weight, "beta": part.bias}
    arrays = {field: np.repeat(_values(tensor), repeat) for field, tensor in fields.items()}
    return BatchNorm(**arrays, epsilon=part.eps)


def _prelu(part: Any, signal: _Signal) -> Layer:
    slopes = _values(part.weight)
    if len(slopes) == 1:
        return PReLU(slopes[0])
    return PReLU(np.repeat(slopes, _pixels(signal)))


def _conv2d(part: Any, signal: _Signal) -> Layer:
    _expect(part, groups=1, dilation=1, padding_mode="zeros")
    weight = _values(part.weight)
    if isinstance(part.padding, str) and part.padding != "valid":
        raise BadNetwork(f"option padding: expected numbers, got {part.padding!r}")
    padding = (0, 0) if part.padding == "valid" else part.padding
    return Conv2d(weight, _bias(part, len(weight)), _image(signal), part.stride, padding)


def _maxpool(part: Any, signal: _Signal) -> Layer:
    _expect(part, dilation=1, padding=0, ceil_mode=False, return_indices=False)
    return MaxPool(Windows(_image(signal), part.kernel_size, part.stride))


def _avgpool(part: Any, signal: _Signal) -> Layer:
    _expect(part, padding=0, ceil_mode=False, divisor_override=None)
    return AvgPool2d(_image(signal), part.kernel_size, part.stride)


def _flat(part: Any, signal: _Signal) -> Layer:
    _expect(part, start_dim=1, end_dim=-1)
    return Flatten()


_READERS: dict[str, Callable[[Any, _Signal], Layer]] = {
    "Linear": _linear,
    "BatchNorm1d": _batchnorm,
    "BatchNorm2d": _batchnorm,
    "ReLU": lambda part, signal: ReLU(),
    "LeakyReLU": lambda part, signal: LeakyReLU(part.negative_slope),
    "PReLU": _prelu,
    "Hardtanh": lambda part, signal: HardTanh(part.min_val, part.max_val),
    "ReLU6": lambda part, signal: ReLU6(),
    "Conv2d": _conv2d,
    "MaxPool2d": _maxpool,
    "AvgPool2d": _avgpool,
    "Flatten": _flat,
}
