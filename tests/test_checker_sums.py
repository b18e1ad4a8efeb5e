"""The checker's sums of all lines at once, against plain ones."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

from exactcpa.checker import LONGEST_DIGIT, Sums


def plain(weights, biases, entries, one):
    return [
        one * bias + sum(weight * entries[j] for j, weight in line.items())
        for line, bias in zip(weights, biases, strict=True)
    ]


@st.composite
def cases(draw):
    lines, results = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    bits = draw(st.sampled_from([1, 8, 53, 64, 127]))
    weight = st.one_of(st.just(0), st.integers(-(2**bits), 2**bits))
    entry = st.integers(-(2 ** (2 * bits)), 2 ** (2 * bits))
    weights = [draw(st.dictionaries(st.integers(0, results - 1), weight)) for _ in range(lines)]
    points = draw(st.lists(st.lists(entry, min_size=results, max_size=results), min_size=1, max_size=4))
    return weights, tuple(draw(weight) for _ in weights), points, draw(st.integers(0, 2**bits))


@settings(max_examples=examples(300))
@given(cases())
def test_all_lines_at_once(case):
    weights, biases, points, one = case
    sums = Sums(weights, biases)
    for entries in points:
        assert sums.at(entries, one) == plain(weights, biases, entries, one)


def test_largest_sums_there_are():
    """Every sum takes all the bits it can, of either sign, beside neighbours of the other."""
    for bits in range(1, 300):
        most = 2**bits - 1
        weights = [{j: sign * most for j in range(4)} for sign in (1, -1, 1, 1, -1, -1)]
        biases = tuple(line[0] for line in weights)
        sums = Sums(weights, biases)
        for entries in ([most] * 4, [-most] * 4, [0] * 4, [most, -most, most, -most]):
            assert sums.at(entries, most) == plain(weights, biases, entries, most)
        assert bool(sums.columns) == (sums.growth + bits <= LONGEST_DIGIT)


def test_results_that_no_line_has():
    """Entries beyond the last weight, and a stage of constants alone, are no trouble."""
    dense = [{0: 2, 1: 3}] * 4
    assert Sums(dense, (1, 2, 3, 4)).at([5, 7, 11, 13], 17) == [31 + 17 * bias for bias in (1, 2, 3, 4)]
    assert Sums([{}] * 4, (1, 2, 3, 4)).at([5], 17) == [17, 34, 51, 68]
    assert Sums([], ()).at([5], 17) == []
