"""Claims files: written and read again, arrays beside them, and one sentence for whatever is malformed."""

import json
import re
from fractions import Fraction

import numpy as np
import pytest
from judges import NETWORK, SQUARE

import exactcpa as cpa
from exactcpa.crosscheck.claims_file import read_claims
from exactcpa.errors import BadFile

COUNT = {"id": "n", "kind": "count", "value": 4}
FILE = {
    "format": "exactcpa-claims",
    "version": 1,
    "network": NETWORK,
    "domain": SQUARE,
    "reading": "deployed",
    "tool": "by hand",
    "claims": [COUNT],
}


def test_base_case():
    found = cpa.read_claims(FILE)

    assert (found.tool, found.network.input, found.domain.dimension) == ("by hand", 2, 2)
    assert found.claims == (cpa.Claim("n", "count", {"value": 4}),)
    assert cpa.crosscheck(None, FILE)["n"].outcome.value == "confirmed"


def test_paths_are_relative_to_the_file(tmp_path):
    (tmp_path / "net.json").write_text(json.dumps(NETWORK))
    (tmp_path / "square.json").write_text(json.dumps(SQUARE))
    (tmp_path / "claims.json").write_text(json.dumps(FILE | {"network": "net.json", "domain": "square.json"}))

    assert cpa.crosscheck(None, tmp_path / "claims.json")["n"].outcome.value == "confirmed"


def test_round_trip(tmp_path):
    patterns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
    net, domain = cpa.network_from_json(NETWORK), cpa.domain_from_json(SQUARE)
    claims = (
        cpa.Claim("all", "patterns", {"patterns": patterns, "complete": True}),
        cpa.Claim(
            "n",
            "count",
            {"value": cpa.read_claims(FILE).claims[0].body["value"]},
            cpa.Box([0], ["1/3"]).upper[0],
        ),
    )
    cpa.save_claims(cpa.ClaimsFile(claims, net, domain, "x"), tmp_path / "c.json")

    found = cpa.read_claims(tmp_path / "c.json")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "c.npz"]
    assert (found.network, found.domain, found.tool) == (net, domain, "x")
    assert found.claims[1] == claims[1]
    assert np.array_equal(found.claims[0].body["patterns"], patterns)
    assert [v.outcome.value for v in cpa.crosscheck(None, tmp_path / "c.json").claims] == ["confirmed"] * 2


def changed(**fields):
    return FILE | fields


def claim(**fields):
    return FILE | {"claims": [COUNT | fields]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "expected an object with format exactcpa-claims"),
        (changed(format="other"), "expected an object with format"),
        (changed(version=2), "expected version 1, got 2"),
        (changed(version=True), "expected version 1, got True"),
        (changed(more=1), "claims file: unknown field 'more'"),
        (changed(reading="ideal"), "field reading: expected deployed"),
        (changed(tool=3), "field tool: expected a text"),
        (changed(claims={}), "field claims: expected a list"),
        (changed(claims="ab"), "field claims: expected a list"),
        (changed(claims=[3]), "claim number 0: expected an object, got 3"),
        (changed(claims=[COUNT, COUNT]), "claim n, field id: .* got this twice"),
        (changed(domain={"type": "ball"}), "field domain, domain, field type: expected box"),
        (changed(network={"format": "x"}), "field network"),
        (claim(id=3), "claim number 0, field id: expected a text, got 3"),
        (claim(kind="counts"), "claim n, field kind: expected one of count, patterns"),
        (claim(kind=["count"]), "claim n, field kind: expected one of count"),
        (claim(what=3), "claim n: unknown field 'what'"),
        ({**FILE, "claims": [{"id": "n", "kind": "count"}]}, "claim n: expected field value, got none"),
        (claim(tolerance=-1), "claim n, field tolerance: expected a number >= 0"),
        (claim(tolerance="x"), "claim n, field tolerance: expected a finite number"),
        (claim(tolerance=float("nan")), "claim n, field tolerance: expected a finite number"),
        (claim(value={"npz": "no.npz", "array": "a"}), "claim n, field value: no.npz cannot be read"),
        (claim(value={"npz": "../no.npz", "array": "a"}), "expected an .npz file beside the claims file"),
        (claim(value={"npz": 3, "array": "a"}), "expected npz and array to be texts"),
        (claim(value={"npz": "no.npz"}), "claim n, field value: expected field array, got none"),
    ],
)
def test_rejects(value, said):
    with pytest.raises(cpa.ExactcpaError, match=said):
        cpa.read_claims(value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"value": "four"}, "claim n, field value: expected a finite number"),
        ({"value": True}, "claim n, field value: expected a number, got the boolean True"),
        ({"value": [4]}, "claim n, field value: expected a number, got list"),
        ({"of": "nodes"}, "claim n, field of: expected cells or linear_regions"),
        ({"relation": "<"}, "claim n, field relation: expected equal or at_least"),
    ],
)
def test_rejects_values(fields, said):
    with pytest.raises(BadFile, match=said):
        cpa.crosscheck(None, claim(**fields))


def test_rejects_files(tmp_path):
    path = tmp_path / "claims.json"
    twice = json.dumps(FILE | {"claims": [COUNT]}).replace('"value"', '"value": 3, "value"').encode()
    for data, said in (
        (b"{", "not JSON"),
        (b"\xff", "UTF-8"),
        (b"[]", "expected an object"),
        (twice, r"field claims\[0\].value: expected once"),
    ):
        path.write_bytes(data)
        with pytest.raises(BadFile, match=f"^{path}.*{said}"):
            cpa.read_claims(path)
    with pytest.raises(BadFile, match="cannot be read"):
        cpa.read_claims(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_rejects_names_that_no_file_has(name):
    with pytest.raises(BadFile, match="cannot be read"):
        cpa.read_claims(FILE | {"domain": name, "claims": [COUNT]})


def test_rejects_arrays(tmp_path):
    path = tmp_path / "claims.json"
    reference = {"id": "p", "kind": "patterns", "patterns": {"npz": "a.npz", "array": "p"}}
    path.write_text(json.dumps(FILE | {"claims": [reference]}))
    for arrays, said in (
        ({"q": np.zeros(2)}, "there is no array 'p' in a.npz"),
        ({"p": np.array(["x"])}, "expected an array of numbers"),
        ({"p": np.array([object()])}, "no .npz file of plain arrays"),
    ):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(BadFile, match=f"claim p, field patterns: .*{said}"):
            cpa.read_claims(path)
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    with pytest.raises(BadFile, match=r"no \.npz file of plain arrays"):
        cpa.read_claims(path)


def test_rejects_no_network_or_domain():
    claims = cpa.read_claims(FILE).claims
    with pytest.raises(cpa.BadArgument, match="expected a network"):
        cpa.crosscheck(None, claims)
    with pytest.raises(cpa.BadArgument, match="expected a domain"):
        cpa.crosscheck(NETWORK, claims)
    with pytest.raises(cpa.DimensionMismatch):
        cpa.crosscheck(NETWORK, claims, cpa.Box([0], [1]))
    with pytest.raises(BadFile, match="expected a claims file"):
        cpa.crosscheck(NETWORK, 3)


@pytest.mark.parametrize(
    ("body", "tolerance", "said"),
    [
        ({"value": 4}, -1, "claim a, field tolerance: expected a number >= 0, got -1"),
        ({"value": 4}, float("nan"), "claim a, field tolerance: expected a finite number, got nan"),
        ({"value": 3, "relatoin": "at_least"}, None, "claim a: unknown field 'relatoin'"),
        (None, None, "expected its fields as a mapping, got None"),
    ],
)
@pytest.mark.parametrize("pack", [lambda claim: [claim], lambda claim: cpa.ClaimsFile((claim,))])
def test_claims_made_in_python_are_held_to_the_same(body, tolerance, said, pack):
    with pytest.raises(BadFile, match=re.escape(said)):
        cpa.crosscheck(NETWORK, pack(cpa.Claim("a", "count", body, tolerance)), cpa.Box([-1, -1], [2, 2]))


def test_a_float_tolerance_is_the_dyadic_number():
    [claim] = read_claims([cpa.Claim("a", "count", {"value": 4}, 0.1)]).claims
    assert claim.tolerance == Fraction(0.1)


@pytest.mark.parametrize(
    "options", [{"limit": -1}, {"limit": True}, {"seconds": float("nan")}, {"seconds": "9"}]
)
def test_rejects_limits(options):
    with pytest.raises(cpa.BadArgument, match=f"expected {next(iter(options))} to be a number >= 0"):
        cpa.crosscheck(NETWORK, [], cpa.Box([-1, -1], [2, 2]), **options)
