"""Arrays as a network: the ``.npz`` format.

Main definitions:
    read_npz: The network of a file.

Conventions:
    ``W0, b0, W1, b1, ...``: weights of shape (outputs, inputs), ReLU between and none after the last.
    ``bn0_mean, bn0_var, bn0_eps`` and, if not 1 and 0, ``bn0_gamma, bn0_beta`` normalise the output of
    ``W0, b0`` before its ReLU (of the last: the output).  Real or integer arrays of any precision; each entry
    is the number it stores.

References:
    NumPy manual, numpy.lib.format.

Not here:
    The JSON format and the choice by extension: `network_file`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exactcpa.errors import BadFile, DimensionMismatch, InexactNumber, located, shown
from exactcpa.network import BatchNorm, Layer, Linear, Network, ReLU

_ARRAY_NAME = re.compile(r"[Wb](0|[1-9][0-9]*)|bn(0|[1-9][0-9]*)_(?:mean|var|gamma|beta|eps)")
_BATCHNORM_FIELDS = {"mean": "mean", "var": "variance", "eps": "epsilon", "gamma": "gamma", "beta": "beta"}


def read_npz(path: Path) -> Network:
    """Read the network of an ``.npz`` file; the format is in the module's conventions.

    Raises:
        BadFile: Not such a file, an array missing or unknown.
        BadNetwork, DimensionMismatch, InexactNumber: The arrays make no network; names layer and array.
    """
    return _from_arrays(_read_arrays(path))


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        names, arrays = _unpack(path)
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from None
    except Exception as error:  # zipfile, zlib and numpy.lib.format raise ten kinds on damaged bytes
        raise BadFile(f"no .npz file of plain arrays: {' '.join(str(error).split())[:100]}") from None
    if len(set(names)) < len(names):
        raise BadFile("expected every array once, got one more than once")
    return arrays


def _unpack(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the names in the archive as they stand, and the arrays; pickled objects are refused."""
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        return list(archive.files), {name: archive[name] for name in archive.files}


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> Network:
    _expect_known(arrays)
    count = sum(name.startswith("W") for name in arrays)
    if not count:
        raise BadFile("array W0: missing")
    layers: list[Layer] = []
    for number in range(count):
        with located(f"layer {len(layers)} (linear)"):
            layers.append(Linear(_array(arrays, f"W{number}", 2), _array(arrays, f"b{number}", 1)))
        if any(name.startswith(f"bn{number}_") for name in arrays):
            with located(f"layer {len(layers)} (batchnorm)"):
                layers.append(_batchnorm_from_arrays(arrays, number))
        if number + 1 < count:
            layers.append(ReLU())
    return Network(arrays["W0"].shape[1], tuple(layers))


def _expect_known(arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise BadFile(f"array {shown(name)}: expected an array, got other bytes")
        if not (match := _ARRAY_NAME.fullmatch(name)):
            raise BadFile(
                f"array {shown(name)}: unknown; expected W0, b0, ..., bn0_mean, bn0_var, bn0_eps, ..."
            )
        if array.dtype.kind not in "fiu":
            raise InexactNumber(f"array {name}: expected real numbers, got dtype {array.dtype}")
        weight = f"W{match[1] or match[2]}"
        if weight not in arrays:
            raise BadFile(f"array {name}: expected the array {weight} too, which is missing")


def _batchnorm_from_arrays(arrays: Mapping[str, np.ndarray], number: int) -> BatchNorm:
    given: dict[str, Any] = {}
    for part, field in _BATCHNORM_FIELDS.items():
        name = f"bn{number}_{part}"
        if part == "eps":
            epsilon = _array(arrays, name, None)
            if epsilon.size != 1:
                raise DimensionMismatch(f"array {name}: expected one number, got shape {epsilon.shape}")
            given[field] = epsilon.reshape(())
        elif name in arrays or part in ("mean", "var"):
            given[field] = _array(arrays, name, 1)
    return BatchNorm(**given)


def _array(arrays: Mapping[str, np.ndarray], name: str, dimensions: int | None) -> np.ndarray:
    if name not in arrays:
        raise BadFile(f"array {name}: missing")
    if dimensions is not None and arrays[name].ndim != dimensions:
        raise DimensionMismatch(
            f"array {name}: expected {dimensions} dimensions, got shape {arrays[name].shape}"
        )
    return arrays[name]
