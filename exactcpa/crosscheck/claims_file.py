"""Files of claims, version 1: what a tool says about one network on one domain.

A JSON object with exactly these fields::

    format    "exactcpa-claims"
    version   1
    network   a network object, or the path of a network file; may be absent
    domain    a domain object, or the path of a file with one; may be absent
    reading   "deployed" (may be absent)
    tool      a text that says who claims this; may be absent
    claims    [{id, kind, .. the fields of the kind .., tolerance}, ..]

Paths are relative to the file.  ``id`` is a text, different for every claim; ``tolerance`` a number >= 0, how far off
the claimant says the numbers of the claim may be (absent: not at all).  Instead of a list of numbers, of any depth,
there may be ``{"npz": "FILE.npz", "array": "NAME"}``: an array in a file beside this one.  Numbers are exact or
doubles, as in network files: 0.1 is the double, "0.1" one tenth.

The kinds and their fields are specified by the headers of the modules that judge them: `judge_counts`,
`judge_patterns`, `judge_adjacency`, `judge_affine`, `judge_regions`, `judge_local`, `judge_bounds`,
`judge_volume`, `judge_distance`, `judge_batchnorm`.

Main definitions:
    ClaimsFile: Claims with what they are about.
    read_claims, save_claims: From a file or a JSON object, and to a file.

Conventions:
    Whatever is malformed is refused with one sentence that names claim and field, before anything is judged; the
    values in the fields are read by the judges, in the same manner.

Not here:
    Reading the fields of a claim: `claim_fields`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from exactcpa.crosscheck import JUDGES
from exactcpa.crosscheck.claim import Claim
from exactcpa.domain import Domain
from exactcpa.domain import from_json as domain_from_json
from exactcpa.domain import to_json as domain_to_json
from exactcpa.errors import BadFile, InexactNumber, located, shown
from exactcpa.network import Network
from exactcpa.network_file import load_network, parse_json
from exactcpa.network_file import to_json as network_to_json
from exactcpa.numbers import exactly, to_json_number

FORMAT = "exactcpa-claims"
VERSION = 1
_FIELDS = {"format", "version", "claims"}
_OPTIONAL = {"network", "domain", "reading", "tool"}
_OF_ALL_KINDS = {"id", "kind", "tolerance"}


@dataclass(frozen=True)
class ClaimsFile:
    """Claims and what they are about.

    Attributes:
        claims: In order.
        network: None if the file does not say.
        domain: None if the file does not say.
        tool: Who claims this.
    """

    claims: tuple[Claim, ...]
    network: Network | None = None
    domain: Domain | None = None
    tool: str = ""
    source: str = field(default="", compare=False)


def read_claims(source: Any) -> ClaimsFile:
    """Read claims from a file, its JSON object, or a list of claims.

    Args:
        source: A path, a mapping (paths in it are relative to the working folder), a `ClaimsFile` or `Claim`s.

    Raises:
        BadFile: Not such a file, or malformed; names claim and field.
    """
    match source:
        case ClaimsFile():
            return replace(source, claims=tuple(map(_checked, source.claims)))
        case str() | os.PathLike():
            path = Path(source)
            with located(str(path)):
                return _from_json(_load(path), path.parent, str(path))
        case Mapping():
            return _from_json(source, Path(), "")
        case Sequence() if all(isinstance(claim, Claim) for claim in source):
            _require_different(source)
            return ClaimsFile(tuple(map(_checked, source)))
    raise BadFile(f"expected a claims file, its object or claims, got {shown(source)}")


def save_claims(claims: ClaimsFile, path: str | os.PathLike[str]) -> None:
    """Write claims to a file; arrays go to an ``.npz`` beside it, under ``CLAIM.FIELD``.

    Raises:
        BadFile: The file cannot be written.
    """
    path = Path(path)
    arrays: dict[str, np.ndarray] = {}
    beside = path.with_suffix(".npz")
    value: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if claims.tool:
        value["tool"] = claims.tool
    if claims.network is not None:
        value["network"] = network_to_json(claims.network)
    if claims.domain is not None:
        value["domain"] = domain_to_json(claims.domain)
    value["reading"] = "deployed"
    value["claims"] = [_claim_to_json(claim, beside.name, arrays) for claim in claims.claims]
    try:
        path.write_text(json.dumps(value) + "\n", encoding="utf-8")
        if arrays:
            np.savez_compressed(beside, **arrays)
    except OSError as error:
        raise BadFile(f"{path}: cannot be written: {error.strerror or error}") from None


def _claim_to_json(claim: Claim, file: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    result: dict[str, Any] = {"id": claim.id, "kind": claim.kind}
    for name, value in claim.body.items():
        result[name] = _plain(value, f"{claim.id}.{name}", file, arrays)
    if claim.tolerance is not None:
        result["tolerance"] = to_json_number(claim.tolerance)
    return result


def _plain(value: Any, name: str, file: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value for JSON: exact numbers as such, arrays as references."""
    match value:
        case np.ndarray():
            arrays[name] = value
            return {"npz": file, "array": name}
        case Fraction():
            return to_json_number(value)
        case np.generic():
            return value.item()
        case Mapping():
            return {key: _plain(entry, f"{name}.{key}", file, arrays) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry, f"{name}.{i}", file, arrays) for i, entry in enumerate(value)]
    return value


# ---------------------------------------------------------------------- reading


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadFile("expected text in UTF-8, got other bytes") from None
    except ValueError as error:  # a null character or half a surrogate pair in the name
        raise BadFile(f"cannot be read: {error}") from None
    return parse_json(text)


def _from_json(value: Any, folder: Path, source: str) -> ClaimsFile:
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise BadFile(f"expected an object with format {FORMAT}, got {shown(value)}")
    if value.get("version") != VERSION or isinstance(value.get("version"), bool):
        raise BadFile(f"expected version {VERSION}, got {shown(value.get('version'))}")
    _require_names(value, _FIELDS, _OPTIONAL, "claims file")
    if value.get("reading", "deployed") != "deployed":
        raise BadFile(
            f"claims file, field reading: expected deployed, the only one yet, got {shown(value['reading'])}"
        )
    if not isinstance(value.get("tool", ""), str):
        raise BadFile(f"claims file, field tool: expected a text, got {shown(value['tool'])}")
    items = value["claims"]
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise BadFile(f"claims file, field claims: expected a list, got {shown(items)}")
    network = _network(value["network"], folder) if "network" in value else None
    domain = _domain(value["domain"], folder) if "domain" in value else None
    claims = tuple([_claim(item, number, folder) for number, item in enumerate(items)])
    _require_different(claims)
    return ClaimsFile(claims, network, domain, value.get("tool", ""), source)


def _network(value: Any, folder: Path) -> Network:
    with located("claims file, field network"):
        return load_network(folder / value if isinstance(value, str) else value)


def _domain(value: Any, folder: Path) -> Domain:
    with located("claims file, field domain"):
        return domain_from_json(_load(folder / value) if isinstance(value, str) else value)


def _claim(item: Any, number: int, folder: Path) -> Claim:
    """One claim; its fields are those of its kind."""
    if not isinstance(item, Mapping):
        raise BadFile(f"claim number {number}: expected an object, got {shown(item)}")
    name = item.get("id")
    if not isinstance(name, str) or not name:
        raise BadFile(f"claim number {number}, field id: expected a text, got {shown(name)}")
    kind = item.get("kind")
    if not isinstance(kind, str) or kind not in JUDGES:
        raise BadFile(f"claim {name}, field kind: expected one of {', '.join(JUDGES)}, got {shown(kind)}")
    required, optional = fields_of(kind)
    _require_names(
        item, _OF_ALL_KINDS - {"tolerance"} | set(required), {"tolerance", *optional}, f"claim {name}"
    )
    body = {
        key: _value(entry, f"claim {name}, field {key}", folder)
        for key, entry in item.items()
        if key not in _OF_ALL_KINDS
    }
    return Claim(name, kind, body, _tolerance(item, name))


def _checked(claim: Claim) -> Claim:
    """A claim that was not read from a file, with an exact tolerance and fields of its kind only."""
    if not isinstance(claim.body, Mapping):
        raise BadFile(f"{claim}: expected its fields as a mapping, got {shown(claim.body)}")
    if claim.kind in JUDGES:
        required, optional = fields_of(claim.kind)
        _require_names(claim.body, set(), {*required, *optional}, f"claim {claim.id}")
    return replace(claim, tolerance=_tolerance({"tolerance": claim.tolerance}, claim.id))


def fields_of(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that claims of a kind must have, and those that they may have besides."""
    return import_module(f"exactcpa.crosscheck.{JUDGES[kind][0]}").FIELDS[kind]


def _tolerance(item: Mapping[str, Any], name: str) -> Fraction | None:
    if item.get("tolerance") is None:
        return None
    place = f"claim {name}, field tolerance"
    try:
        tolerance = exactly(item["tolerance"])
    except InexactNumber as error:
        raise BadFile(f"{place}: {error}") from None
    if tolerance < 0:
        raise BadFile(f"{place}: expected a number >= 0, got {shown(tolerance)}")
    return tolerance


def _value(value: Any, place: str, folder: Path) -> Any:
    """A field's value, with references to arrays replaced by the arrays."""
    if isinstance(value, Mapping) and "npz" in value:
        return _array(value, place, folder)
    if isinstance(value, Mapping):
        return {key: _value(entry, f"{place}, {key}", folder) for key, entry in value.items()}
    if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        return [_value(entry, f"{place}, number {i}", folder) for i, entry in enumerate(value)]
    return value


def _array(value: Mapping[str, Any], place: str, folder: Path) -> np.ndarray:
    _require_names(value, {"npz", "array"}, set(), place)
    file, name = value["npz"], value["array"]
    if not isinstance(file, str) or not isinstance(name, str):
        raise BadFile(f"{place}: expected npz and array to be texts, got {shown(file)} and {shown(name)}")
    if file in ("", ".", "..") or Path(file).name != file or "\\" in file:
        raise BadFile(f"{place}: expected an .npz file beside the claims file, got {shown(file)}")
    try:
        with np.load(folder / file, allow_pickle=False) as arrays:
            array = arrays[name]
    except KeyError:
        raise BadFile(f"{place}: there is no array {shown(name)} in {file}") from None
    except OSError as error:
        raise BadFile(f"{place}: {file} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # zipfile, zlib and numpy.lib.format raise ten kinds on damaged bytes
        raise BadFile(f"{place}: {file} is no .npz file of plain arrays: {shown(str(error))}") from None
    if array.dtype.kind not in "biuf":
        raise BadFile(f"{place}: expected an array of numbers, got one of {array.dtype}")
    return array


def _require_names(value: Mapping[str, Any], required: set[str], optional: set[str], place: str) -> None:
    for name in sorted(required - value.keys()):
        raise BadFile(f"{place}: expected field {name}, got none")
    for name in sorted(map(str, value.keys() - required - optional)):
        raise BadFile(f"{place}: unknown field {shown(name)}")


def _require_different(claims: Iterable[Claim]) -> None:
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise BadFile(f"claim {claim.id}, field id: expected every claim to have its own, got this twice")
        seen.add(claim.id)
