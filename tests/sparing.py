"""How much of the tests the ordinary run leaves out: the thorough one has all of them."""

import pytest
from hypothesis import settings


def some(cases, count):
    """The first few of many cases, the others marked slow; a tuple is one of several arguments."""
    cases = [case if isinstance(case, tuple) else (case,) for case in cases]
    marks = [()] * count + [pytest.mark.slow] * len(cases)
    return [pytest.param(*case, marks=mark) for case, mark in zip(cases, marks, strict=False)]


def all_but(long, cases):
    """All cases, the long ones marked slow."""
    return [pytest.param(case, marks=[pytest.mark.slow] if case in long else []) for case in cases]


def examples(count):
    """So many examples, in the share of the profile: of a hundred, it has this percentage."""
    return max(2, count * settings.default.max_examples // 100)
