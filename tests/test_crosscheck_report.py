"""The verb, the summary, the command and the page."""

import inspect
import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest
from judges import NETWORK, SQUARE

import exactcpa as cpa
from exactcpa import evidence_checker
from exactcpa.cli import main
from exactcpa.crosscheck import judging
from exactcpa.crosscheck.claim import Evidence
from exactcpa.crosscheck.judging import recheck
from exactcpa.crosscheck.report_html import page
from exactcpa.errors import CertificateRejected

CLAIMS = [
    {"id": "right", "kind": "count", "value": 4},
    {"id": "<wrong>", "kind": "count", "value": 12},
    {"id": "less wrong", "kind": "count", "value": "4.5"},
    {"id": "list", "kind": "patterns", "patterns": [[0, 0], [0, 1], [1, 1]], "complete": True},
    {"id": "map", "kind": "affine", "points": [[0, 0]], "matrices": [[[5, 0], [0, 0]]]},
]
FILE = {
    "format": "exactcpa-claims",
    "version": 1,
    "network": NETWORK,
    "domain": SQUARE,
    "tool": "a <b>",
    "claims": CLAIMS,
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "net.json").write_text(json.dumps(NETWORK))
    (tmp_path / "claims.json").write_text(json.dumps(FILE))
    return tmp_path


def test_the_package_tells_what_the_verb_is():
    """The package can be called; its signature and its docstring are those of the function."""
    assert inspect.signature(cpa.crosscheck) == inspect.signature(judging.crosscheck)
    told = cpa.crosscheck.__doc__.partition("\nArgs:")[2].partition("\n\nMain definitions")[0]
    assert told == inspect.getdoc(judging.crosscheck).partition("\nArgs:")[2].partition("\n\nExample")[0]
    (line,) = [s.strip() for s in cpa.crosscheck.__doc__.splitlines() if s.startswith("    crosscheck(")]
    names = inspect.signature(judging.crosscheck).parameters.values()
    for parameter in names:
        default = parameter.default
        assert (parameter.name if default is parameter.empty else f"{parameter.name}={default!r}") in line


def test_summary():
    report = cpa.crosscheck(None, FILE)
    summary = report.summary

    assert report.is_refuted
    assert summary.counts == {"confirmed": 1, "refuted": 4, "undecidable": 0}
    assert summary.errors[("<wrong>", "")] == 8
    assert summary.errors[("less wrong", "")] == Fraction(1, 2)
    (score,) = summary.scores
    # By hand: the missing cell, x > 0 and x + y < 1, has the integral of 2 - x over (0, 2) of the square's 9.
    assert (score.precision, score.recall, score.recall_volume) == (1, Fraction(3, 4), Fraction(7, 9))
    assert [verdict.claim_id for verdict in summary.worst] == ["map", "<wrong>", "less wrong", "list"]
    assert str(summary) == "5 claims: 1 confirmed, 4 refuted"


def test_one_claim_with_one_piece_of_evidence():
    report = cpa.crosscheck(None, FILE | {"claims": CLAIMS[:1]})
    one = replace(report, rechecked=1)

    assert str(one.summary) == "1 claim: 1 confirmed"
    assert "<p>1 claim: 1 confirmed; 1 piece of evidence checked.</p>" in page(one, "one")
    assert "; 2 pieces of evidence checked.</p>" in page(replace(report, rechecked=2), "one")


def test_the_ten_worst():
    claims = [cpa.Claim(str(k), "count", {"value": k}) for k in range(40)]

    worst = cpa.crosscheck(NETWORK, claims, cpa.domain_from_json(SQUARE)).summary.worst

    assert [verdict.claim_id for verdict in worst] == [str(k) for k in range(39, 29, -1)]


def test_the_name_is_one_thing():
    from exactcpa.crosscheck import crosscheck

    assert cpa.crosscheck is crosscheck
    assert cpa.crosscheck.JUDGES["count"] == ("judge_counts", "judge_count")


def test_unknown_claim():
    with pytest.raises(KeyError):
        cpa.crosscheck(None, FILE)["nothing"]


def test_evidence_document_is_accepted_alone(files):
    path = files / "evidence.json"
    path.write_text(json.dumps(cpa.crosscheck(None, FILE).evidence()))

    command = [sys.executable, "-I", "-S", evidence_checker.__file__, str(path)]

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_wrong_evidence_is_never_passed_on():
    report = cpa.crosscheck(None, FILE)
    verdict = report["map"]
    wrong = Evidence("map", {**verdict.evidence[0].body, "shift": [1, 1]})

    with pytest.raises(CertificateRejected, match="does not add up"):
        recheck(
            report.network, report.domain, [type(verdict)("map", "affine", verdict.outcome, "", (wrong,))]
        )


def test_command(files, capsys):
    code = main(["crosscheck", str(files / "net.json"), str(files / "claims.json")])

    printed = capsys.readouterr().out
    assert code == 1
    assert "<wrong>     refuted    there are 4 cells, claimed are 12" in printed
    assert "list: precision 100 %, recall 75 %, by volume 77.78 %" in printed
    assert "5 claims: 1 confirmed, 4 refuted" in printed


def test_command_confirms(files, capsys):
    (files / "claims.json").write_text(json.dumps(FILE | {"claims": CLAIMS[:1]}))

    code = main(
        ["crosscheck", str(files / "net.json"), str(files / "claims.json"), "--json", "--box", "-1", "2"]
    )

    facts = json.loads(capsys.readouterr().out)
    assert code == 0
    assert facts["verdicts"][0]["verdict"] == "confirmed"
    assert facts["verdicts"][0]["evidence"][0]["kind"] == "proof"
    assert facts["summary"]["counts"]["confirmed"] == 1


def test_command_files(files):
    page, evidence, proof = (files / name for name in ("r.html", "e.json", "p.cpa"))
    words = ["--html", page, "--evidence", evidence, "--proof", proof, "--json"]

    main(["crosscheck", str(files / "net.json"), str(files / "claims.json"), *map(str, words)])

    assert cpa.check(proof).cells == 4
    assert evidence_checker.check_document(json.loads(evidence.read_text()))
    parser = _Tags()
    parser.feed(page.read_text())
    assert parser.open == []
    assert not parser.seen & {"script", "link", "img", "b", "wrong"}
    assert "&lt;wrong&gt;" in page.read_text()


class _Tags(HTMLParser):
    """All tags are closed; which there are."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.json"], "none.json"),
        (["claims.json", "--html", "no/where.html"], "there is no folder"),
        (["claims.json", "--limit", "0"], None),
    ],
)
def test_command_misuse(files, capsys, monkeypatch, words, said):
    monkeypatch.chdir(files)
    if said is None:
        with pytest.raises(SystemExit):
            main(["crosscheck", "net.json", *words])
        return

    assert main(["crosscheck", "net.json", *words]) == 2
    assert said in capsys.readouterr().err


def test_limit(files, capsys):
    main(["crosscheck", str(files / "net.json"), str(files / "claims.json"), "--limit", "3"])

    assert "right       undecidable" in capsys.readouterr().out


def test_no_domain_named(files, capsys):
    (files / "claims.json").write_text(json.dumps({k: v for k, v in FILE.items() if k != "domain"}))

    assert main(["crosscheck", str(files / "net.json"), str(files / "claims.json")]) == 2
    assert "names no domain" in capsys.readouterr().err
    assert Path(files / "claims.json").exists()
