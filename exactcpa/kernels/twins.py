"""Twins: a switch whose line is exactly a multiple of a row of the node, so that it does not cut it.

Duplicated and scaled units make such lines in all cells, and so do earlier units that are off, in some.  Their maximum
over the node is zero, at every vertex of a facet, and no bound proves that.  That one line is a multiple of another is
seen exactly: by the coefficients themselves where they have no error, and else, in one layer, by the weights of what
the cell passes on to both.

Main definitions: `find_twin`, `find_passed`, `find_equal`.

Conventions: two numbers to be compared are both products of two doubles, taken without rounding: Dekker's product gives
what rounding loses.

References: Dekker, A floating-point technique for extending the available precision (1971).

Not here: ties of several rows (`ties`, `integers`).
"""

from __future__ import annotations

from exactcpa.kernels import kernel
from exactcpa.kernels.questions import _are_representable
from exactcpa.kernels.state import ACTIVE, MULTIPLIER, WHICH

HALVES = 2.0**27 + 1.0
LEAST, GREATEST = 2.0**-300, 2.0**300
"""Sizes between which products and what they lose are doubles."""


@kernel
def find_twin(
    sizes, constant, base, gain, switch_bits, bits, f, lists, start, end, rows, flips, lines, layer, u,
    basis, vectors, d
):  # fmt: skip
    """Look for a row of node ``f`` that line ``u`` of its layer is a multiple of; those in use are listed from `start`.

    Returns:
        The sign of the multiple, with the row in ``basis[WHICH]`` and its multiplier and theta in
        ``vectors[MULTIPLIER]``; 0 if there is no such row.
    """
    for place in range(start, end):
        r = lists[ACTIVE, place]
        if rows[r, d + 1] == 0.0 and lines[u, d + 1] == 0.0:
            sign = _compare_lines(lines, u, rows, r, vectors, d)
        elif flips[r, 1] < 0:
            sign = 0
            for v in range(sizes[layer, 1]):
                if switch_bits[layer, v] == flips[r, 0]:
                    sign = _compare_weights(
                        sizes, constant, base, gain, switch_bits, bits, f, layer, u, v, vectors, d
                    )
                    vectors[MULTIPLIER, 0] /= rows[r, d + 5]
                    if not _has_bit(bits, f, flips[r, 0]):
                        sign = -sign
        else:
            sign = 0
        basis[WHICH, 0] = r
        if sign != 0 and _are_representable(rows, basis, vectors, 1, d):
            return sign
    return find_passed(
        sizes, constant, gain, switch_bits, bits, f, lists, start, end, rows, flips, layer, u, -1, basis, vectors, d
    )  # fmt: skip


@kernel
def find_equal(lists, start, end, rows, lines, u, basis, vectors, d):
    """As `find_twin`, for a line without error and rows that have none."""
    if lines[u, d + 1] != 0.0:
        return 0
    for place in range(start, end):
        r = lists[ACTIVE, place]
        if rows[r, d + 1] == 0.0:
            sign = _compare_lines(lines, u, rows, r, vectors, d)
            basis[WHICH, 0] = r
            if sign != 0 and _are_representable(rows, basis, vectors, 1, d):
                return sign
    return 0


@kernel
def find_passed(
    sizes, constant, gain, switch_bits, bits, f, lists, start, end, rows, flips, layer, one, other, basis, vectors, d
):  # fmt: skip
    """As `find_twin`, for the line ``one - other`` of a layer, or `one` if `other` is -1, and rows of the layer before.

    It is a multiple of a line of the layer before if on the cell that line alone comes into it.
    """
    if layer == 0 or sizes[layer, 3] or sizes[layer - 1, 2]:
        return 0
    value, error = constant[layer, one, 0], constant[layer, one, 1]
    if other >= 0:
        value -= constant[layer, other, 0]
        error += constant[layer, other, 1]
    if value != 0.0 or error != 0.0:
        return 0
    passed, weight = -1, 0.0
    for k in range(sizes[layer - 1, 1]):
        if not _has_bit(bits, f, switch_bits[layer - 1, k]):
            continue
        a, b = gain[layer, k, one, 0], 0.0
        error = gain[layer, k, one, 1]
        if other >= 0:
            b = gain[layer, k, other, 0]
            error += gain[layer, k, other, 1]
        if error != 0.0:
            return 0
        if a == b:
            continue
        if passed >= 0 or (a != 0.0 and b != 0.0):  # then the difference may round
            return 0
        passed, weight = k, a - b
    if passed < 0 or not LEAST < abs(weight) < GREATEST:
        return 0
    bit = switch_bits[layer - 1, passed]
    for place in range(start, end):
        r = lists[ACTIVE, place]
        if flips[r, 0] == bit and flips[r, 1] < 0:
            basis[WHICH, 0] = r
            vectors[MULTIPLIER, 0], vectors[MULTIPLIER, d] = abs(weight) / rows[r, d + 5], 1.0
            if not _are_representable(rows, basis, vectors, 1, d):
                return 0
            return 1 if weight > 0.0 else -1
    return 0


@kernel
def _has_bit(bits, f, bit):
    return (bits[f, bit >> 6] >> (bit & 63)) & 1 == 1


@kernel
def _compare_lines(lines, u, rows, r, vectors, d):
    """Sign of the multiple that line ``u`` is of row ``r``, both exact; 0 if it is none."""
    if not rows[r, d + 4] > LEAST:  # then a coefficient may have been lost when the row was scaled
        return 0
    lead = 1
    for j in range(2, d + 1):
        if abs(rows[r, j]) > abs(rows[r, lead]):
            lead = j
    a, b = lines[u, lead], rows[r, lead]
    for j in range(d + 1):
        if not _is_same_product(lines[u, j], b, rows[r, j], a):
            return 0
    return _noted(a, b, vectors, d)


@kernel
def _compare_weights(sizes, constant, base, gain, switch_bits, bits, f, layer, u, v, vectors, d):
    """Sign of the multiple that line ``u`` of a layer is of line ``v`` on a cell of the layers before; 0 if none."""
    a, b = 0.0, 0.0
    for attempt in range(2):  # first the largest weight, then all of them
        if attempt == 1 and not _is_same_product(constant[layer, u, 0], b, constant[layer, v, 0], a):
            return 0
        if constant[layer, u, 1] != 0.0 or constant[layer, v, 1] != 0.0:
            return 0
        for z in range(d if layer == 0 else sizes[layer - 1, 0] if sizes[layer, 3] else 0):
            p, q = base[layer, u, z], base[layer, v, z]
            if p[1] != 0.0 or q[1] != 0.0:
                return 0
            if attempt == 1 and not _is_same_product(p[0], b, q[0], a):
                return 0
            if abs(q[0]) > abs(b):
                a, b = p[0], q[0]
        if layer > 0 and sizes[layer - 1, 2] > 0:
            return 0
        for k in range(sizes[layer - 1, 1] if layer > 0 else 0):
            if not _has_bit(bits, f, switch_bits[layer - 1, k]):
                continue
            p, q = gain[layer, k, u], gain[layer, k, v]
            if p[1] != 0.0 or q[1] != 0.0:
                return 0
            if attempt == 1 and not _is_same_product(p[0], b, q[0], a):
                return 0
            if abs(q[0]) > abs(b):
                a, b = p[0], q[0]
    return _noted(a, b, vectors, d)


@kernel
def _noted(a, b, vectors, d):
    """The sign of ``a / b``, with its size as a quotient in the multipliers; 0 if that has no sign."""
    if a == 0.0 or b == 0.0:
        return 0
    vectors[MULTIPLIER, 0], vectors[MULTIPLIER, d] = abs(a), abs(b)
    return 1 if (a > 0.0) == (b > 0.0) else -1


@kernel
def _is_same_product(p, q, r, s):
    """Whether ``p q`` is exactly ``r s``; False if that is not seen."""
    if p == 0.0 or q == 0.0 or r == 0.0 or s == 0.0:
        return (p == 0.0 or q == 0.0) and (r == 0.0 or s == 0.0)
    first, second = p * q, r * s
    if first != second:
        return False
    for x in (p, q, r, s):
        if not LEAST < abs(x) < GREATEST:
            return False
    return _lost(p, q, first) == _lost(r, s, second)


@kernel
def _lost(p, q, product):
    """What rounding has taken from a product."""
    c = HALVES * p
    left = c - (c - p)
    right = p - left
    c = HALVES * q
    upper = c - (c - q)
    lower = q - upper
    return right * lower - (((product - left * upper) - right * upper) - left * lower)
