"""Network files: the JSON format, version 1, read and written without losing a bit; other sources by kind.

Format, version 1: one JSON object with exactly the fields ``format`` ("exactcpa-network"), ``version`` (1),
``input`` (dimension) and ``layers`` (a nonempty list).  A layer has ``type`` and the fields of that type:

    linear      weight [n][m], bias [n]
    batchnorm   mean, variance, epsilon; gamma (else 1), beta (else 0).  Without mean and variance it is in training
                mode; then pixels may say how many consecutive coordinates share their statistics
    relu, abs, relu6, flatten
    leaky_relu  slope (else the double nearest to 0.01)
    prelu       slope: a number, or one for each input
    hardtanh    min (else -1), max (else 1)
    maxout      size, or groups (lists of input indices)
    maxpool     size, or groups, or shape [C, H, W], kernel [kh, kw] and stride (else the kernel)
    conv2d      weight [O][C][kh][kw], bias [O], shape [C, H, W], stride (else 1), padding (else 0)
    avgpool2d   shape, kernel, stride (else the kernel)
    residual    layers: the output is the input plus what these make of it

Main definitions:
    from_json, to_json: Between a `Network` and the JSON object.
    load_network, save_network: Files.
    parse_json: JSON text in which every number is what the conventions below say.

Conventions:
    A JSON number is the double nearest to it; a text is exact: ``"1/3"``, ``"0.1"``, ``"0x1.8p-3"``.
    Unknown and repeated fields, versions and types are errors.  Layers are numbered from 0 in messages.

Not here:
    What the layers do: `layers`.  Arrays: `npz_file`.  Modules of torch: `torch_module`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from math import isinf
from pathlib import Path
from typing import Any

from exactcpa.dyadic_table import json_rows
from exactcpa.errors import BadArgument, BadFile, BadNetwork, located, shown
from exactcpa.network import (
    Abs,
    AvgPool2d,
    BatchNorm,
    Consecutive,
    Conv2d,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    Linear,
    Listed,
    MaxOut,
    MaxPool,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    TrainingBatchNorm,
    Windows,
)
from exactcpa.npz_file import read_npz
from exactcpa.numbers import LARGEST_PLAIN_INTEGER, to_json_number
from exactcpa.torch_module import from_module, is_module

FORMAT = "exactcpa-network"
VERSION = 1

# Type -> (layer, fields that must be there, fields that may be).  Maxima and residual blocks: `_read_layer`.
_PLAIN: dict[str, tuple[type, tuple[str, ...], tuple[str, ...]]] = {
    "linear": (Linear, ("weight", "bias"), ()),
    "batchnorm": (BatchNorm, ("mean", "variance", "epsilon"), ("gamma", "beta")),
    "relu": (ReLU, (), ()),
    "leaky_relu": (LeakyReLU, (), ("slope",)),
    "prelu": (PReLU, ("slope",), ()),
    "abs": (Abs, (), ()),
    "hardtanh": (HardTanh, (), ("min", "max")),
    "relu6": (ReLU6, (), ()),
    "flatten": (Flatten, (), ()),
    "conv2d": (Conv2d, ("weight", "bias", "shape"), ("stride", "padding")),
    "avgpool2d": (AvgPool2d, ("shape", "kernel"), ("stride",)),
}
_TYPES = (*_PLAIN, "maxout", "maxpool", "residual")


class _Overflow(float):
    """An infinity that remembers the finite literal it came from."""

    token: str

    def __str__(self) -> str:
        return f"{shown(self.token)}, which is beyond float64 (as a text it would be exact)"

    __repr__ = __str__


class _Repeating(dict):
    """A JSON object in which a name stands more than once."""

    def __init__(self, value: dict[str, Any], repeated: str) -> None:
        super().__init__(value)
        self.repeated = repeated


def load_network(source: Any, *, shape: Sequence[int] | None = None) -> Network:
    """Read a network from a file (``.json``, ``.npz``), its JSON object, or a torch ``nn.Sequential``.

    Args:
        source: A path, a mapping, a module, or a network (returned as it is).
        shape: For a module on images, the [C, H, W] of its input; not for anything else.

    Raises:
        BadFile: No such file, not readable, not of the format, or a kind of source that is not read.
        BadNetwork, DimensionMismatch, InexactNumber: The source describes no network; names layer and field.
    """
    if is_module(source):
        return from_module(source, shape)
    if shape is not None:
        raise BadArgument("expected shape with a torch module only; a file says its own")
    match source:
        case Network():
            return source
        case Mapping():
            return from_json(source)
        case str() | os.PathLike():
            return _load_path(Path(source))
        case _:
            raise BadFile(f"expected a path or a network, got {type(source).__name__}: {shown(source)}")


def _load_path(path: Path) -> Network:
    if path.is_dir():
        raise BadFile(f"{path}: expected a network file, got a directory")
    if not path.exists():
        raise BadFile(f"{path}: no such file")
    with located(str(path)):
        match path.suffix.lower():
            case ".json":
                return from_json(parse_json(_read_text(path)))
            case ".npz":
                return read_npz(path)
            case ".onnx" | ".safetensors" | ".nnet":
                raise BadFile(f"{path.suffix} files are not read yet; expected .json or .npz")
            case suffix:
                raise BadFile(f"expected a .json or .npz file, got {suffix or 'no extension'}")


def save_network(net: Network, path: str | os.PathLike) -> None:
    """Write a network as a JSON file; `load_network` gives an equal network back.

    Raises:
        BadFile: Another extension than ``.json``, or a place that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise BadFile(f"{path}: networks are saved as .json, got {path.suffix or 'no extension'}")
    head = to_json(net)
    layers = ",\n".join(json.dumps(layer, allow_nan=False) for layer in head.pop("layers"))
    text = json.dumps(head)[:-1] + f', "layers": [\n{layers}]}}\n'
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadFile(f"{path}: cannot be written: {error.strerror}") from None


def to_json(net: Network) -> dict[str, Any]:
    """Return the JSON object of a network, every field written out.

    Example:
        >>> to_json(Network(1, (Linear([["1/3"]], [0.5]),)))["layers"]
        [{'type': 'linear', 'weight': [['1/3']], 'bias': [0.5]}]
    """
    layers = [_write_layer(layer) for layer in net.layers]
    return {"format": FORMAT, "version": VERSION, "input": net.input, "layers": layers}


def _write_layer(layer: Layer) -> dict[str, Any]:
    match layer:
        case Residual():
            written = {"layers": [_write_layer(inner) for inner in layer.layers]}
        case MaxOut() | MaxPool():
            written = _write_fields(layer.grouping)
        case _:
            written = _write_fields(layer)
    return {"type": layer.type, **written}


def _write_fields(value: Any) -> dict[str, Any]:
    values = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: _write_value(part) for name, part in values.items() if part is not None}


def _write_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return json_rows(value) if _is_matrix(value) else [_write_value(q) for q in value]
    return to_json_number(value) if isinstance(value, Fraction) else value


def _is_matrix(value: tuple) -> bool:
    """Whether a field is rows of rationals; then all are of one width."""
    return bool(value) and type(value[0]) is tuple and bool(value[0]) and type(value[0][0]) is Fraction


def from_json(value: Any) -> Network:
    """Build a network from its JSON object.

    Python ints and floats in it are taken exactly.

    Raises:
        BadFile: Not an object of this format and version.
        BadNetwork, DimensionMismatch, InexactNumber: It describes no network; names layer and field.

    Example:
        >>> head = {"format": "exactcpa-network", "version": 1, "input": 2}
        >>> from_json({**head, "layers": [{"type": "relu", "slope": 1}]})
        Traceback (most recent call last):
        exactcpa.errors.BadNetwork: layer 0 (relu), field slope: unknown; expected type
    """
    if not isinstance(value, Mapping):
        raise BadFile(f"expected a network object, got {_kind(value)}")
    if value.get("format") != FORMAT:
        raise BadFile(f"field format: expected {FORMAT!r}, got {_found(value, 'format')}")
    if type(value.get("version")) is not int or value["version"] != VERSION:
        raise BadFile(f"field version: expected {VERSION}, got {_found(value, 'version')}")
    _expect_fields(value, ("format", "version", "input", "layers"), ())
    try:
        return Network(value["input"], _read_layers(value["layers"]))
    except RecursionError:
        raise BadNetwork("field layers: residual blocks are nested too deeply") from None


def _read_layers(value: Any) -> tuple[Layer, ...]:
    if not isinstance(value, list | tuple):
        raise BadNetwork(f"field layers: expected a list, got {_kind(value)}")
    if not value:
        raise BadNetwork("field layers: expected at least one layer, got none")
    return tuple(_read_numbered(number, layer) for number, layer in enumerate(value))


def _read_numbered(number: int, value: Any) -> Layer:
    if not isinstance(value, Mapping):
        raise BadNetwork(f"layer {number}: expected an object, got {_kind(value)}")
    name = value.get("type")
    if not isinstance(name, str) or name not in _TYPES:
        raise BadNetwork(
            f"layer {number}, field type: expected one of {', '.join(_TYPES)}; got {_found(value, 'type')}"
        )
    with located(f"layer {number} ({name})"):
        return _read_layer(name, value)


def _read_layer(name: str, value: Mapping) -> Layer:
    match name:
        case "residual":
            _expect_fields(value, ("type", "layers"), ())
            return Residual(_read_layers(value["layers"]))
        case "maxout":
            return MaxOut(_read_grouping(value))
        case "maxpool":
            return MaxPool(_read_grouping(value))
    layer, required, optional = _PLAIN[name]
    if layer is BatchNorm and not {"mean", "variance"} & value.keys():
        layer, required, optional = TrainingBatchNorm, ("epsilon",), ("gamma", "beta", "pixels")
    elif layer is BatchNorm:
        _expect_statistics(value)
    _expect_fields(value, ("type", *required), optional)
    return layer(**{field: value[field] for field in value if field != "type"})


def _read_grouping(value: Mapping) -> Consecutive | Listed | Windows:
    if "size" in value:
        _expect_fields(value, ("type", "size"), ())
        return Consecutive(value["size"])
    if "groups" in value:
        _expect_fields(value, ("type", "groups"), ())
        return Listed(value["groups"])
    if value["type"] == "maxout":
        _expect_fields(value, ("type",), ())
        raise BadNetwork("field size: expected size or groups, got neither")
    if not {"shape", "kernel"} & value.keys():
        raise BadNetwork("field size: expected size, groups, or shape and kernel; got none of them")
    _expect_fields(value, ("type", "shape", "kernel"), ("stride",))
    return Windows(**{field: value[field] for field in value if field != "type"})


def _expect_statistics(value: Mapping) -> None:
    for field in ("mean", "variance"):
        if value.get(field) is None:
            raise BadNetwork(
                f"field {field}: missing; a batchnorm has mean and variance, or neither: then it is in training mode"
            )


def _expect_fields(value: Mapping, required: Iterable[str], optional: Iterable[str]) -> None:
    """Raise unless an object has all required fields, no unknown one and none null."""
    known = {*required, *optional}
    for field in value:
        if field not in known:
            raise BadNetwork(f"field {field}: unknown; expected {', '.join([*required, *optional])}")
        if value[field] is None:
            raise BadNetwork(f"field {field}: expected a value, got null")
    for field in required:
        if field not in value:
            raise BadNetwork(f"field {field}: missing")


def _found(value: Mapping, field: str) -> str:
    return shown(value[field]) if field in value else "none"


def _kind(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__}: {shown(value)}"


def parse_json(text: str) -> Any:
    """Parse JSON text; every number becomes the double nearest to it (integers up to 2**53 stay integers).

    A literal beyond float64, NaN and Infinity become floats that no reader of numbers accepts: the complaint then
    names the place.

    Raises:
        BadFile: Not JSON, nested too deeply, or an object has a field more than once.
    """
    repeating: list[_Repeating] = []

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        names = [name for name, _ in pairs]
        repeating.append(_Repeating(result, next(name for name in names if names.count(name) > 1)))
        return repeating[-1]

    try:
        value = json.loads(
            text, parse_int=_parse_integer, parse_float=_parse_float, object_pairs_hook=object_of
        )
        if repeating:
            raise BadFile(f"field {_place_of_repeated(value)}: expected once, got it more than once")
        return value
    except json.JSONDecodeError as error:
        raise BadFile(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise BadFile("not a file of ours: the JSON is nested too deeply") from None


def _parse_integer(token: str) -> int | float:
    double = _parse_float(token)
    return double if abs(double) > LARGEST_PLAIN_INTEGER else int(double)


def _parse_float(token: str) -> float:
    double = float(token)
    if not isinf(double):
        return double
    overflow = _Overflow(double)
    overflow.token = token
    return overflow


def _place_of_repeated(value: Any) -> str:
    """Where the first repeated field stands, as in ``layers[2].weight``: not within another repeated one."""
    left = [("", value)]
    while left:
        place, found = left.pop()
        prefix = f"{place}." if place else ""
        if isinstance(found, _Repeating):
            return prefix + found.repeated
        if isinstance(found, dict):
            left += [(prefix + name, part) for name, part in reversed(found.items())]
        elif isinstance(found, list):
            left += [(f"{place}[{i}]", part) for i, part in reversed(list(enumerate(found)))]
    raise AssertionError("a repeated field that is nowhere")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"not JSON: not UTF-8 text, byte {error.start}") from None
