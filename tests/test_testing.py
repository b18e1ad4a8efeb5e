"""assert_claims and assert_counts: silent when all is well, readable with the witness when not."""

import json
import re
from fractions import Fraction

import pytest

import exactcpa as cpa
from exactcpa.testing import assert_claims, assert_counts

# relu(x) and relu(x - 1/2) on [-1, 1]: three cells, patterns 00, 10, 11.
NET = cpa.Network(1, [cpa.Linear([[1], [1]], [0, "-1/2"]), cpa.ReLU(), cpa.Linear([[1, -1]], [0])])
DOMAIN = cpa.Box([-1], [1])
CELLS = [[0, 0], [1, 0], [1, 1]]


def failure(claims, **options):
    with pytest.raises(AssertionError) as found:
        assert_claims(NET, claims, DOMAIN, **options)
    return str(found.value)


def patterns(*rows, complete=False):
    return [cpa.Claim("mine", "patterns", {"patterns": list(rows), "complete": complete})]


def test_true_claims_pass():
    report = assert_claims(NET, patterns(*CELLS, complete=True), DOMAIN)

    assert report["mine"].figures["right"] == 3


def test_missing_cell_comes_with_a_witness():
    text = failure(patterns([0, 0], [1, 1], complete=True))

    assert "1 of 3 cells are not listed" in text
    witness = re.search(r"witness: \((.*)\) is strictly inside the cell \(1, 0\)", text)
    assert 0 < Fraction(witness[1]) < Fraction(1, 2)


def test_phantom_comes_with_the_units_that_leave_no_room():
    text = failure(patterns([0, 1]))

    assert "no point has (0, 1)" in text
    assert "unit (0, 0)" in text
    assert "unit (0, 1)" in text


def test_wrong_number():
    assert "there are 3 cells, claimed are 4" in failure([cpa.Claim("n", "count", {"value": 4})])


def test_wrong_map_comes_with_the_right_one():
    text = failure([cpa.Claim("m", "affine", {"points": [["1/4"]], "matrices": [[[2]]], "shifts": [[0]]})])

    assert "t -> [[1]] t + [0]" in text


def test_wrong_bound_comes_with_the_input():
    text = failure([cpa.Claim("b", "bounds", {"upper": ["1/4"]})])

    assert "output 0 is 0.5" in text


def test_wrong_pair_comes_with_evidence():
    text = failure([cpa.Claim("a", "adjacent", {"pairs": [[[0, 0], [1, 1]]]})])

    assert "not_adjacent" in text


def test_few_of_many_failures_are_told():
    claims = [cpa.Claim(f"n{k}", "count", {"value": k}) for k in range(10)]
    text = failure(claims)

    assert text.startswith("9 of 10 claims: refuted")
    assert text.endswith("and 4 more")


def test_undecidable_fails_unless_it_may_pass():
    claims = [cpa.Claim("n", "count", {"value": 3})]

    assert "undecidable" in failure(claims, limit=1)
    assert_claims(NET, claims, DOMAIN, limit=1, undecidable=True)


def test_claims_from_a_file(tmp_path):
    value = {"format": "exactcpa-claims", "version": 1, "network": cpa.network_to_json(NET)}
    value |= {"domain": {"type": "box", "lower": [-1], "upper": [1]}}
    value["claims"] = [{"id": "n", "kind": "count", "value": 3}]
    (tmp_path / "claims.json").write_text(json.dumps(value))

    assert_claims(None, tmp_path / "claims.json")


def test_counts_of_a_hard_case():
    case = cpa.hard_cases()["tent_map_3"]

    assert_counts(case, cells=8, facets=7, linear_regions=8)
    with pytest.raises(AssertionError, match="9 facets claimed, there are 7"):
        assert_counts(case, facets=9)
