"""Kernels that only others call are compiled without a way in from Python."""

import numpy as np
import pytest
from numba import njit

from exactcpa.kernels import kernel, merged, walk_kernel, walk_merged


def sum_of(numbers):
    total = 0.0
    for x in numbers:
        total += x
    return total


@pytest.mark.parametrize("decorator", [kernel, merged, walk_kernel, walk_merged])
def test_a_part_is_called_by_kernels_alone(decorator):
    part = decorator(sum_of)

    @decorator
    def twice(numbers):
        return 2.0 * part(numbers)

    @njit
    def ask(numbers, whole):
        return part(numbers) + twice(numbers[:whole])

    assert ask(np.array([1.0, 2.0, 4.0]), 2) == 13.0
    for one in (part, twice):
        with pytest.raises(TypeError, match="only they can call it"):
            one(np.array([1.0]))
