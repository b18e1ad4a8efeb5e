"""Claims judged in tests: every piece of evidence is added up again by the evidence checker."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib import import_module

from hypothesis import strategies as st

from exactcpa.crosscheck import JUDGES
from exactcpa.crosscheck.claim import Claim, Verdict, evidence_document
from exactcpa.crosscheck.context import Context
from exactcpa.domain import from_json as domain_from_json
from exactcpa.evidence_checker import check_document
from exactcpa.network_file import from_json

# u = relu(x), v = relu(x + y - 1), outputs (u + v, 1) on the square [-1, 2] x [-1, 2]: four cells.
NETWORK = {
    "format": "exactcpa-network",
    "version": 1,
    "input": 2,
    "layers": [
        {"type": "linear", "weight": [[1, 0], [1, 1]], "bias": [0, -1]},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1], [0, 0]], "bias": [0, 1]},
    ],
}
SQUARE = {"type": "box", "lower": [-1, -1], "upper": [2, 2]}


def context_of(network=NETWORK, domain=SQUARE, **options) -> Context:
    return Context(from_json(network), domain_from_json(domain), **options)


def judged(context: Context, kind: str, tolerance=None, **body) -> list[Verdict]:
    """The verdicts on a claim, their evidence checked."""
    module, function = JUDGES[kind]
    exact = None if tolerance is None else Fraction(tolerance)
    loaded = import_module(f"exactcpa.crosscheck.{module}")
    required, optional = loaded.FIELDS[kind]
    assert set(required) <= set(body) <= {*required, *optional}
    verdicts = getattr(loaded, function)(context, Claim("claim", kind, body, exact))
    evidence = [item for verdict in verdicts for item in verdict.evidence]
    document = evidence_document(context.network, context.domain, evidence)
    check_document(json.loads(json.dumps(document)))
    for verdict in verdicts:
        json.dumps(verdict.to_json())
        assert str(verdict.outcome) != "refuted" or verdict.evidence, verdict
    return verdicts


def outcome(verdicts: list[Verdict]) -> str:
    return str(verdicts[0].outcome)


SMALL = st.integers(-3, 3).map(Fraction) | st.fractions(-2, 2, max_denominator=5)


@st.composite
def small_networks(draw, outputs=2, inputs=2) -> dict:
    """One or two layers of two to four ReLU units; zero rows and equal ones come up."""
    layers, width = [], inputs
    for _ in range(draw(st.integers(1, 2))):
        size = draw(st.integers(2, 4))
        layers += [_linear(draw, width, size), {"type": "relu"}]
        width = size
    layers.append(_linear(draw, width, outputs))
    return {"format": "exactcpa-network", "version": 1, "input": inputs, "layers": layers}


def _linear(draw, width, size):
    row = st.lists(SMALL.map(str), min_size=width, max_size=width)
    weight = draw(st.lists(row, min_size=size, max_size=size))
    bias = draw(st.lists(SMALL.map(str), min_size=size, max_size=size))
    return {"type": "linear", "weight": weight, "bias": bias}
