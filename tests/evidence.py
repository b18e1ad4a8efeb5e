"""Evidence of the ledger in tests: networks and data of every kind, and changed copies of what was found.

Main definitions:
    instances: Hypothesis strategy: a small batch-normalised network and data.
    assert_accepted, assert_rejects_the_opposite: What evidence shows and what it does not.
    accepts_changed: Whether it is still accepted with one number moved.
"""

from fractions import Fraction

from hypothesis import strategies as st

from exactcpa.layers import Abs, HardTanh, LeakyReLU, Linear, PReLU, ReLU, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.theorems.statement import Outcome, Verdict, evidence_from_json, evidence_to_json

SMALL = st.one_of(
    st.integers(-3, 3).map(Fraction), st.fractions(min_value=-4, max_value=4, max_denominator=5)
)
EPSILONS = st.sampled_from([Fraction(0), Fraction(1, 100_000), Fraction(1, 2)])
BENDS_AT_ZERO = [ReLU(), LeakyReLU("1/4"), Abs(), PReLU("-1/3")]
BENDS = [*BENDS_AT_ZERO, HardTanh(-1, "1/2")]


def vectors(length, entries=SMALL):
    return st.lists(entries, min_size=length, max_size=length).map(tuple)


@st.composite
def batchnorms(draw, units, *, plain):
    if plain:
        return TrainingBatchNorm(epsilon=draw(EPSILONS))
    gamma, beta = draw(vectors(units)), draw(vectors(units))
    return TrainingBatchNorm(gamma=gamma, beta=beta, epsilon=draw(EPSILONS))


@st.composite
def instances(draw, *, plain=False, bends=BENDS, depth=2, inputs=2, units=3, points=6):
    """A network of up to `depth` normalised layers with a linear head, and at least two points."""
    width = d = draw(st.integers(1, inputs))
    layers = []
    for _ in range(draw(st.integers(1, depth))):
        m = draw(st.integers(1, units))
        weight = draw(st.lists(vectors(width), min_size=m, max_size=m))
        layers += [Linear(weight, draw(vectors(m))), draw(batchnorms(m, plain=plain))]
        layers.append(draw(st.sampled_from(bends)))
        width = m
    head = Linear([draw(vectors(width))], draw(vectors(1)))
    data = draw(st.lists(vectors(d), min_size=2, max_size=points, unique=True))
    return Network(d, (*layers, head)), data


def assert_accepted(statement, verdict):
    """The evidence adds up, now and after a trip through JSON."""
    assert statement.accepts(verdict), (statement.id, verdict)
    assert evidence_from_json(evidence_to_json(verdict.evidence)) == verdict.evidence


def assert_rejects_the_opposite(statement, verdict):
    """The same evidence does not show the opposite."""
    opposite = {Outcome.PROVED: Outcome.REFUTED, Outcome.REFUTED: Outcome.PROVED}[verdict.outcome]
    turned = {**verdict.evidence, "holds": not verdict.evidence["holds"]}

    assert not statement.accepts(Verdict(opposite, verdict.reason, verdict.size, turned))
    assert not statement.accepts(Verdict(verdict.outcome, verdict.reason, verdict.size, turned))
    assert not statement.accepts(Verdict(verdict.outcome, verdict.reason, verdict.size, {}))


def changed_at(evidence, *path, by=Fraction(1, 7)):
    """A copy of evidence with one number moved, or replaced if it is none."""
    name, *rest = path
    if isinstance(evidence, tuple):
        entry = changed_at(evidence[name], *rest, by=by) if rest else evidence[name] + by
        return (*evidence[:name], entry, *evidence[name + 1 :])
    entry = changed_at(evidence[name], *rest, by=by) if rest else evidence[name] + by
    return {**evidence, name: entry}


def accepts_changed(statement, verdict, *path, by=Fraction(1, 7)):
    """Whether the evidence is still accepted with one number moved."""
    evidence = changed_at(verdict.evidence, *path, by=by)
    return statement.accepts(Verdict(verdict.outcome, verdict.reason, verdict.size, evidence))
