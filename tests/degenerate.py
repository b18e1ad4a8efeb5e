"""Degenerate networks, family by family, each with its counts proved by hand.

A builder returns a `Case`: network, domain, and the numbers of cells, of shared facets (edges of the
region graph) and of linear regions.  The docstring of each builder proves the three numbers.

Main definitions: `Case`, the builders, `CASES` (id -> case, quick), `LARGE_CASES` (id -> builder of a big
one).

Conventions: dictionaries in the file formats.  Three facts are used throughout:

    (J) For one hidden layer with output ``sum_k v_k relu(z_k)`` the map jumps by ``+-v_k w_k`` across the
        hyperplane of unit k.  If no two units share one and no v_k w_k is zero, neighbours never have
        equal maps, so there are as many linear regions as cells.
    (E) Edges of an arrangement of hyperplanes: every hyperplane is cut by the others into pieces, and each
        piece is the facet between two cells.
    (S) Positive scaling, exact duplication or negation of a unit changes no hyperplane, hence no count but
        perhaps that of linear regions.

References: Stanley, An introduction to hyperplane arrangements (2007), for general position and braid
arrangements; Telgarsky, Benefits of depth in neural networks (2016), for tent maps.

Not here: random networks (`strategies`).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import comb, factorial
from typing import NamedTuple


class Case(NamedTuple):
    """A network on a domain, and what must come out."""

    network: dict
    domain: dict
    cells: int
    edges: int
    linear_regions: int

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.cells, self.edges, self.linear_regions


RELU = {"type": "relu"}
ABS = {"type": "abs"}


def linear(weight: list, bias: list | None = None) -> dict:
    return {"type": "linear", "weight": weight, "bias": [0] * len(weight) if bias is None else bias}


def network(width: int, *layers: dict) -> dict:
    return {"format": "exactcpa-network", "version": 1, "input": width, "layers": list(layers)}


def total(width: int) -> dict:
    """The head that adds everything up."""
    return linear([[1] * width])


def cube(dimension: int, low: object = -1, high: object = 1) -> dict:
    return {"type": "box", "lower": [low] * dimension, "upper": [high] * dimension}


def one_layer(weight: list, bias: list | None = None, head: list | None = None) -> dict:
    """ReLU units and a head, by default their sum."""
    return network(len(weight[0]), linear(weight, bias), RELU, linear([head or [1] * len(weight)]))


# One hidden layer in the plane.


def lines_through_a_point(count: int) -> Case:
    """Lines i x + y = 0, i = 0..n-1: no two parallel, all through 0: 2n sectors in a cycle, 2n rays
    between; (J).
    """
    return Case(one_layer([[i, 1] for i in range(count)]), cube(2), 2 * count, 2 * count, 2 * count)


# x = 0, y = 0, x + y = 1: a triangle with vertices (0,0), (1,0), (0,1), inside [-2, 2]^2.  Three lines in
# general position give 1 + 3 + 3 = 7 cells; each line is cut by the other two into 3 pieces: 9 edges (E).
TRIANGLE = [[1, 0], [0, 1], [1, 1]]
TRIANGLE_BIAS = [0, 0, -1]


def related_units() -> Case:
    """The triangle with every unit also doubled, negated, scaled by 1/3 (exact): 7 and 9 by (S).

    Across z = 0 the output's kink is 1 + 2 + 1/3 (units that go on) + 1 (the negated one goes off), times
    w: never zero, so 7 linear regions.
    """
    weight = [[0 if a == 0 else s for a in row] for row in TRIANGLE for s in (1, 2, -1, "1/3")]
    bias = [
        0 if b == 0 else {1: -1, 2: -2, -1: 1, "1/3": "-1/3"}[s]
        for b in TRIANGLE_BIAS
        for s in (1, 2, -1, "1/3")
    ]
    return Case(one_layer(weight, bias), cube(2, -2, 2), 7, 9, 7)


def negated_pairs(*, head_sign: int) -> Case:
    """Concatenated ReLU, w and -w, on the triangle: 7 cells and 9 edges by (S).

    Head (1, -1): relu(z) - relu(-z) = z, the output is affine: 1 linear region.  Head (1, 1): |z|, with
    kink 2 w: 7.
    """
    weight = [[s * a for a in row] for row in TRIANGLE for s in (1, -1)]
    bias = [s * b for b in TRIANGLE_BIAS for s in (1, -1)]
    return Case(one_layer(weight, bias, [1, head_sign] * 3), cube(2, -2, 2), 7, 9, 1 if head_sign < 0 else 7)


def duplicates_that_cancel() -> Case:
    """relu(x) - relu(x) and the fold y = 0: x = 0 still cuts (4 cells, 4 half-axes), the output is
    relu(y): 2 regions.
    """
    return Case(one_layer([[1, 0], [1, 0], [0, 1]], None, [1, -1, 1]), cube(2), 4, 4, 2)


def third_in_floats() -> Case:
    """(1, 3) and its third in doubles, (0.333.., 1): 3 fl(1/3) < 1, so not parallel; both through 0: 4
    cells, 4 rays.

    fl(1/3) is a dyadic rational, so it cannot be 1/3.  The wedge between the lines has an angle of about
    1e-17.  (J): 4.
    """
    return Case(one_layer([[1, 3], [1 / 3, 1.0]]), cube(2), 4, 4, 4)


def third_exactly() -> Case:
    """(1, 3) and (1/3, 1) exactly: one line, 2 cells, 1 edge; the kink is (1 + 1/3) w: 2 linear regions."""
    return Case(one_layer([[1, 3], ["1/3", 1]]), cube(2), 2, 1, 2)


def third_in_floats_apart() -> Case:
    """x + 3y = 1 and fl(1/3) x + y = fl(1/3) + 1 in [-1, 1]^2: nearly parallel, they do not meet there.

    The second line is y = 1 + f (1 - x), f = fl(1/3): it leaves the square at (1, 1) and has y > 1 for x
    < 1, so it only touches a corner.  The first line cuts the square: 2 cells, 1 edge, (J) 2.
    """
    return Case(one_layer([[1, 3], [1 / 3, 1.0]], [-1, str(-1 - Fraction(1 / 3))]), cube(2), 2, 1, 2)


def zero_rows() -> Case:
    """Zero rows with bias 1 (always on), -1 (always off), 0 (flat, upper piece) cut nothing; x = 0 cuts
    once: 2, 1, 2.
    """
    return Case(one_layer([[0, 0], [0, 0], [0, 0], [1, 0]], [1, -1, 0, 0]), cube(2), 2, 1, 2)


def nothing_but_zero_rows() -> Case:
    """No unit cuts: 1 cell, 0 edges, 1 linear region."""
    return Case(one_layer([[0, 0], [0, 0]], [0, -1]), cube(2), 1, 0, 1)


def lines_on_the_boundary() -> Case:
    """On [0, 1]^2 the lines x = 0, y = 0, x = 1 (twice), x + y = 0, x + y = 2 only touch the square: 1,
    0, 1.
    """
    weight = [[1, 0], [0, 1], [-1, 0], [1, 0], [1, 1], [1, 1]]
    return Case(one_layer(weight, [0, 0, 1, -1, 0, -2]), cube(2, 0, 1), 1, 0, 1)


def lines_on_the_boundary_and_one_inside() -> Case:
    """As before, with x = y: through two corners where other lines touch; 2 triangles, 1 edge, (J) 2."""
    weight = [[1, 0], [0, 1], [-1, 0], [1, 1], [1, 1], [1, -1]]
    return Case(one_layer(weight, [0, 0, 1, 0, -2, 0]), cube(2, 0, 1), 2, 1, 2)


def triangle_domain() -> Case:
    """On x, y >= 0, x + y <= 1 the line x + y = 1 is a wall and x = y cuts through a corner: 2, 1, 2.

    The domain has a doubled row and a redundant row that touches it at the corner (1, 0).
    """
    domain = {
        "type": "polytope",
        "A": [[-1, 0], [0, -1], [1, 1], [2, 2], [1, 0]],
        "b": [0, 0, 1, 2, 1],
    }
    return Case(one_layer([[1, 1], [1, -1], [-2, -2]], [-1, 0, 2]), domain, 2, 1, 2)


def grid_with_diagonals(size: int) -> Case:
    """x = i, y = j (0 < i, j < n) and x + y = k (0 < k < 2n) on [0, n]^2: every unit square gets one
    diagonal.

    Square (i, j) meets x + y = k in its interior only for k = i + j + 1.  So 2 n^2 triangles; edges: n (n
    - 1) horizontal, n (n - 1) vertical, n^2 diagonal.  Up to four units' lines pass through each grid
    point.  (J).
    """
    inner, sums = range(1, size), range(1, 2 * size)
    weight = [[1, 0]] * len(inner) + [[0, 1]] * len(inner) + [[1, 1]] * len(sums)
    bias = [-i for i in (*inner, *inner, *sums)]
    n = size
    return Case(one_layer(weight, bias), cube(2, 0, n), 2 * n * n, 3 * n * n - 2 * n, 2 * n * n)


def grid_with_both_diagonals(size: int) -> Case:
    """The same with x - y = k too, |k| < n: the diagonals of a square cross in its middle: 4 n^2 triangles.

    Edges: 2 n (n - 1) between squares (each shared by one triangle on either side), 4 in every square.  (J).
    """
    inner, sums, differences = range(1, size), range(1, 2 * size), range(1 - size, size)
    weight = (
        [[1, 0]] * len(inner) + [[0, 1]] * len(inner) + [[1, 1]] * len(sums) + [[1, -1]] * len(differences)
    )
    bias = [-i for i in (*inner, *inner, *sums, *differences)]
    n = size
    return Case(one_layer(weight, bias), cube(2, 0, n), 4 * n * n, 6 * n * n - 2 * n, 4 * n * n)


# Extreme widths and scales.


def strip(width: float) -> Case:
    """x = 0 and x = width: three strips in a row: 3 cells, 2 edges, (J) 3."""
    return Case(one_layer([[1, 0], [1, 0]], [0, -width]), cube(2), 3, 2, 3)


def strip_in_layer_two(width: float) -> Case:
    """relu(relu(x) - width): folds at 0 and at width: 3 cells, 2 edges; the output is 0 on two of them: 2
    regions.
    """
    net = network(2, linear([[1, 0]]), RELU, linear([[1]], [-width]), RELU, total(1))
    return Case(net, cube(2), 3, 2, 2)


def small_triangle(width: float) -> Case:
    """x = 0, y = 0, x + y = width: three lines in general position, vertices inside: 7 cells, 9 edges,
    (J) 7.
    """
    return Case(one_layer(TRIANGLE, [0, 0, -width]), cube(2), 7, 9, 7)


def narrow_wedge(slope: float) -> Case:
    """y = 0 and y = slope x cross at 0: 4 cells, two of them very thin, 4 rays, (J) 4."""
    return Case(one_layer([[0, 1], [-slope, 1]]), cube(2), 4, 4, 4)


def small_simplex(width: float) -> Case:
    """x, y, z = 0 and x + y + z = width: four planes in general position in R^3, all vertices in the cube.

    1 + 4 + 6 + 4 = 15 cells; every plane holds three lines in general position, 7 pieces: 28 edges.  (J).
    """
    weight = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    return Case(one_layer(weight, [0, 0, 0, -width]), cube(3), 15, 28, 15)


def thin_domain(width: float) -> Case:
    """[0, width] x [0, 1] cut by width y = x, the diagonal of the domain: 2 cells, 1 edge, (J) 2."""
    domain = {"type": "box", "lower": [0, 0], "upper": [width, 1]}
    return Case(one_layer([[-1, width]]), domain, 2, 1, 2)


def scaled_rows(*scales: float) -> Case:
    """The triangle's rows times doubles; entries are 0 and +-1, so the scaling is exact: 7, 9, 7 by (S)
    and (J).
    """
    weight = [[s * a for a in row] for s, row in zip(scales, TRIANGLE, strict=True)]
    bias = [s * b for s, b in zip(scales, TRIANGLE_BIAS, strict=True)]
    return Case(one_layer(weight, bias), cube(2, -2, 2), 7, 9, 7)


def scaled_layers(scale: float) -> Case:
    """relu(fl(1/s) relu(s x) - 1): the fold is at 1 / (s fl(1/s)), within 1e-15 of 1: 3 cells, 2 edges, 2
    regions.
    """
    net = network(1, linear([[scale]]), RELU, linear([[1 / scale]], [-1]), RELU, total(1))
    return Case(net, cube(1, -2, 2), 3, 2, 2)


# Quantised weights.


def two_bit_plane() -> Case:
    """All nine rows with entries -1, 0, 1, no bias: the lines are x, y, x + y, x - y = 0: 8 sectors, 8 rays.

    Opposite rows give |z|, with kink 2 w across each line: 8 linear regions.  The zero row is flat.
    """
    return Case(one_layer([list(row) for row in product((-1, 0, 1), repeat=2)]), cube(2), 8, 8, 8)


def two_bit_space() -> Case:
    """All rows with entries -1, 0, 1 in R^3, no bias: 13 planes through 0, seen as great circles on the
    sphere.

    A direction that lies on k planes is a vertex of degree 2k.  Directions, up to sign: 3 of type (1,0,0)
    with k = 4; 6 of type (1,1,0) with k = 4; 4 of type (1,1,1) with k = 3; 12 of type (1,1,2) with k = 2.
    These are all, for they use up the pairs of planes: 3*6 + 6*6 + 4*3 + 12*1 = 78 = C(13, 2).  Arcs =
    sum of k over the vertices = 2 (12 + 24 + 12 + 24) = 144; faces = 2 - V + E = 2 - 50 + 144 = 96
    (Euler).  Kinks 2 w: 96 linear regions.
    """
    return Case(one_layer([list(row) for row in product((-1, 0, 1), repeat=3)]), cube(3), 96, 144, 96)


def eight_bit_lines(reach: int, scale: float) -> Case:
    """Lines x + t y = -t^2, |t| <= reach <= 11: int8 entries, times one float scale (a diagonal layer,
    exact).

    In general position: t^2 + t y + x = 0 has at most two roots t, so no three lines meet, and slopes
    differ.  Vertices (t s, -t - s) are inside |x| <= 121, |y| <= 22.  m = 2 reach + 1 lines: 1 + m + C(m,
    2) cells, m * m edges, (J).
    """
    steps = range(-reach, reach + 1)
    m = len(steps)
    diagonal = linear([[scale if i == j else 0 for j in range(m)] for i in range(m)])
    net = network(2, linear([[1, t] for t in steps], [t * t for t in steps]), diagonal, RELU, total(m))
    cells = 1 + m + comb(m, 2)
    return Case(net, {"type": "box", "lower": [-128, -32], "upper": [128, 32]}, cells, m * m, cells)


# Any dimension.


def general_position(dimension: int, count: int) -> Case:
    """Hyperplanes sum_k t^k x_k = -t^d, k < d, for d <= m integers t.

    Any d normals are independent (Vandermonde) and no d + 1 hyperplanes meet (t^d + sum x_k t^k has d
    roots).  Vertices are x_k = +-e_(d-k)(roots), at most C(d, k) T^(d-k) with T = max |t|, inside the
    box.  Every cell has a vertex (m >= d), so every cell meets the box: sum_{i<=d} C(m, i).  (E): each
    hyperplane holds m - 1 others in general position.  (J).
    """
    d, m = dimension, count
    steps = range(-(m // 2), m - m // 2)
    reach = [comb(d, k) * (m // 2) ** (d - k) + 1 for k in range(d)]
    domain = {"type": "box", "lower": [-r for r in reach], "upper": reach}
    net = one_layer([[t**k for k in range(d)] for t in steps], [t**d for t in steps])
    cells = sum(comb(m, i) for i in range(d + 1))
    return Case(net, domain, cells, m * sum(comb(m - 1, i) for i in range(d)), cells)


def braid(dimension: int) -> Case:
    """x_i = x_j for 0 <= i < j <= d with x_0 = 0: a cell is an order of x_0, .., x_d: (d + 1)! cells.

    A cell is a simplicial cone: its d facets are the swaps of neighbours in the order, so (d + 1)! d / 2
    edges; all hyperplanes pass through 0, the middle of the box.  (J).
    """
    d = dimension
    rows = [[int(k == i) for k in range(d)] for i in range(d)]
    rows += [[int(k == i) - int(k == j) for k in range(d)] for i in range(d) for j in range(i + 1, d)]
    cells = factorial(d + 1)
    return Case(one_layer(rows), cube(d), cells, cells * d // 2, cells)


def planes_through_zero(count: int) -> Case:
    """Normals (1, t, t^2), no bias: any three independent, so central and generic in R^3.

    2 (C(m-1, 0) + C(m-1, 1) + C(m-1, 2)) cells (Stanley); each plane is cut by m - 1 lines through 0 into
    2 (m - 1) sectors: 2 m (m - 1) edges.  (J).
    """
    m = count
    cells = 2 * (1 + (m - 1) + comb(m - 1, 2))
    return Case(one_layer([[1, t, t * t] for t in range(m)]), cube(3), cells, 2 * m * (m - 1), cells)


def orthants(dimension: int) -> Case:
    """|x_i| on [-1, 1]^d: 2^d orthants, each with d neighbours: d 2^(d - 1) edges; the sum of |x_i|
    differs on all.
    """
    d = dimension
    return Case(network(d, ABS, total(d)), cube(d), 2**d, d * 2 ** (d - 1), 2**d)


def planes_through_a_line(count: int) -> Case:
    """i x + y = 0, i = 0..n-1, in R^3: a pencil round the z axis: 2n wedges in a cycle, 2n half-planes;
    (J).
    """
    net = one_layer([[i, 1, 0] for i in range(count)])
    return Case(net, cube(3), 2 * count, 2 * count, 2 * count)


def planes_touching_the_cube() -> Case:
    """On [-1, 1]^3: x = 1 holds a facet, x + y = 2 an edge, x + y + z = 3 and x - y - z = -3 a vertex: 1,
    0, 1.
    """
    return Case(one_layer([[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, -1, -1]], [-1, -2, -3, 3]), cube(3), 1, 0, 1)


def octahedron() -> Case:
    """|x| + |y| + |z| <= 1 cut by the coordinate planes: 8 cells, 12 quarter-squares between them; (J) 8.

    The units x + y + z - 1 and x + y + 1 touch it: in a facet and in an edge.
    """
    rows = [list(row) for row in product((-1, 1), repeat=3)]
    domain = {"type": "polytope", "A": rows, "b": [1] * 8}
    weight = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 1, 0]]
    return Case(one_layer(weight, [0, 0, 0, -1, 1]), domain, 8, 12, 8)


# Two and more layers.


def design_example() -> Case:
    """h = relu(x, x+10, 10-x, y+3/10), g = 2 h1 - h2 + 5: 12 cells and 16 edges; one hyperplane is not
    one facet.

    Along x the folds are -10, 0, 10 and, where g = -x-5 (on -10..0) or x-5 (from 0 on) vanishes, -5 and
    5: six intervals, times two for y: 12 cells; 5 * 2 + 6 edges.  The output relu(g) is 5, -x-5, 0, 0,
    x-5, x-5: 4 regions, for y = -3/10 bends nothing.  (5, 10) and (-10, -5) differ in h1 only and do not
    touch.
    """
    net = network(
        2,
        linear([[1, 0], [1, 0], [-1, 0], [0, 1]], [0, 10, 10, "0.3"]),
        RELU,
        linear([[2, -1, 0, 0]], [5]),
        RELU,
    )
    return Case(net, cube(2, -20, 20), 12, 16, 4)


def flat_in_layer_two() -> Case:
    """g = -relu(x): flat for x < 0 (upper piece), negative for x > 0: 2 cells, 1 edge; relu(g) = 0: 1
    region.
    """
    return Case(network(2, linear([[1, 0]]), RELU, linear([[-1]]), RELU, total(1)), cube(2), 2, 1, 1)


def flat_in_one_quadrant() -> Case:
    """g = relu(x) - relu(y): flat where both are off, x, -y, and x - y, which is cut by the diagonal: 5
    cells.

    They lie around 0 in a cycle: 5 edges (a vertex of odd degree!).  relu(g) is 0 on three consecutive
    cells, then x and x - y: 3 regions.
    """
    net = network(2, linear([[1, 0], [0, 1]]), RELU, linear([[1, -1]]), RELU, total(1))
    return Case(net, cube(2), 5, 5, 3)


def everything_flat_behind_a_dead_layer() -> Case:
    """relu(-1) = 0 is the only way on; every later unit is flat: 1, 0, 1."""
    net = network(
        2, linear([[0, 0]], [-1]), RELU, linear([[1], [-1]]), RELU, linear([[1, 1]]), RELU, total(1)
    )
    return Case(net, cube(2), 1, 0, 1)


def fold_on_a_facet() -> Case:
    """relu(x), relu(-x), then g = relu(x) - relu(-x) = x: folds where layer 1 does: 2 cells, 1 edge,
    relu(x): 2.
    """
    return Case(
        network(2, linear([[1, 0], [-1, 0]]), RELU, linear([[1, -1]]), RELU, total(1)), cube(2), 2, 1, 2
    )


def fold_touching_a_facet(sign: int) -> Case:
    """g = +-|x| touches 0 on the facet x = 0 of layer 1 without changing sign: 2, 1; relu(g) is |x| (2)
    or 0 (1).
    """
    net = network(2, linear([[1, 0]]), ABS, linear([[sign]]), RELU, total(1))
    return Case(net, cube(2), 2, 1, 2 if sign > 0 else 1)


def relu_of_relu_of_relu() -> Case:
    """relu(relu(relu(x))): the later units are flat for x < 0: 2 cells, 1 edge, 2 regions."""
    return Case(network(1, linear([[1]]), RELU, RELU, RELU), cube(1), 2, 1, 2)


def fold_through_a_vertex() -> Case:
    """g = relu(x) - 2 relu(-x) + y folds on y = -x (x > 0), y = -2x (x < 0): through the vertex 0 of
    layer 1.

    Layer 1 (x, -x, y, -y) gives quadrants; two of them are cut: 6 cells around 0, 6 edges.  relu(g) is 0
    on the three cells below; x + y on two cells that meet at y = 0; 2x + y on one: 3 regions.
    """
    net = network(
        2, linear([[1, 0], [-1, 0], [0, 1], [0, -1]]), RELU, linear([[1, -2, 1, -1]]), RELU, total(1)
    )
    return Case(net, cube(2), 6, 6, 3)


def zero_bias_plane() -> Case:
    """|x|, |y|, then |x| - k |y|, k = 1, 2, 3: 4 rays each, and the 4 half-axes: 16 cells in a cycle, 16
    edges.

    On the y axis all three relus are 0, so the map does not change across its two halves; across the x
    axis all are on and |y| has coefficient -6; across every other ray one relu switches: 14 regions.
    """
    net = network(2, linear([[1, 0], [0, 1]]), ABS, linear([[1, -1], [1, -2], [1, -3]]), RELU, total(3))
    return Case(net, cube(2), 16, 16, 14)


def zero_bias_space() -> Case:
    """|x|, |y|, |z| = a, b, c, then a-b, b-c, a-c: an octant and an order of a, b, c: 8 * 6 = 48 cells.

    Each is a simplicial cone with 3 facets (two neighbours in the order equal; the smallest 0): 72 edges.
    The sum of the relus is, for a>b>c, a>c>b, c>a>b, c>b>a, b>c>a, b>a>c: 2a-2c, 2a-b-c, a-b, 0, b-c,
    a+b-2c.  Neighbours in the order differ.  Across "smallest = 0" the map is the same just for c>b>a and
    b>c>a (no a in it): 2 * 8 cells merge in pairs: 48 - 8 = 40 regions.
    """
    net = network(
        3,
        linear([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ABS,
        linear([[1, -1, 0], [0, 1, -1], [1, 0, -1]]),
        RELU,
        total(3),
    )
    return Case(net, cube(3), 48, 72, 40)


def tent_map(depth: int) -> Case:
    """T(x) = relu(2x) - relu(4x - 2) on [0, 1], composed k times: 2^k pieces with slopes +-2^k,
    alternating.

    relu(2 x_j) never switches (x_j >= 0; it touches 0 at earlier folds only); 4 x_j - 2 switches at the
    2^j points with x_j = 1/2.  2^k cells, 2^k - 1 edges, 2^k regions.
    """
    first, later = linear([[2], [4]], [0, -2]), linear([[2, -2], [4, -4]], [0, -2])
    body = [layer for k in range(depth) for layer in (later if k else first, RELU)]
    return Case(network(1, *body, linear([[1, -1]])), cube(1, 0, 1), 2**depth, 2**depth - 1, 2**depth)


def deep_and_narrow(depth: int) -> Case:
    """Layers of width 8 on [0, 1] x [-1, 1]: a tent map of x beside y = relu(y) - relu(-y), and useless
    company.

    Units: 2x, 4x-2, 6x-3 (scaled), 2-4x (negated), y, -y, -1 (dead), 0 (flat).  2^k strips (tent map),
    each cut by y = 0: 2^(k+1) cells; 2 (2^k - 1) edges across strips and 2^k across y = 0.  The output
    x_k + y does not bend at y = 0: 2^k regions.
    """
    on_x, shift = [2, 4, 6, -4, 0, 0, 0, 0], [0, -2, -3, 2, 0, 0, -1, 0]
    on_y = [0, 0, 0, 0, 1, -1, 0, 0]
    first = linear([list(row) for row in zip(on_x, on_y, strict=True)], shift)
    later = linear([[a, -a, 0, 0, b, -b, 0, 0] for a, b in zip(on_x, on_y, strict=True)], shift)
    body = [layer for k in range(depth) for layer in (later if k else first, RELU)]
    net = network(2, *body, linear([[1, -1, 0, 0, 1, -1, 0, 0]]))
    domain = {"type": "box", "lower": [0, -1], "upper": [1, 1]}
    return Case(net, domain, 2 ** (depth + 1), 2 * (2**depth - 1) + 2**depth, 2**depth)


def parallel_slabs(levels: int) -> Case:
    """Mean degree above 2 d: u = ||x| - 1| on each axis of [-2, 2]^3, and g_k = u1 + u2 + u3 - c_k, 1 <
    c_k < 2.

    u has slope +-1 and runs between 0 and 1 on each of four unit intervals (relu(x + 2) only touches the
    boundary): 64 unit boxes.  In a box each g_k = 0 is a plane that crosses it in a hexagon, through all
    six squares.  So with m levels a box has m + 1 cells and m facets inside; 3 * 3 * 16 = 144 squares lie
    between boxes and each is cut into m + 1 facets: 64 (m + 1) cells, 64 m + 144 (m + 1) edges.  For m =
    4: 320 and 976, mean degree 6.1. The output sum_k relu(g_k) is 0 on the lowest cells, which are
    connected through all squares; elsewhere the gradient is j (+-1, +-1, +-1), j > 0, different across
    squares (a sign) and levels (j): 64 m + 1 regions.
    """
    on_axis = [(1, 2), (1, 1), (1, 0), (1, -1)]  # relu(x+2), relu(x+1), relu(x), relu(x-1)
    rows = [([int(k == axis) * a for k in range(3)], b) for axis in range(3) for a, b in on_axis]
    # u = -(x+2) + 1 + 2 relu(x+1) - 2 relu(x) + 2 relu(x-1)
    heights = [str(3 - Fraction(levels + 2 + k, levels + 1)) for k in range(levels)]
    net = network(
        3,
        linear([row for row, _ in rows], [b for _, b in rows]),
        RELU,
        linear([[-1, 2, -2, 2] * 3] * levels, heights),
        RELU,
        total(levels),
    )
    m = levels
    return Case(net, cube(3, -2, 2), 64 * (m + 1), 64 * m + 144 * (m + 1), 64 * m + 1)


# Other activations.


def maximum(*lines: list, **fields: object) -> dict:
    return network(len(lines[0]), linear(list(lines)), {"type": "maxout", **fields})


def middle_line_never_wins() -> Case:
    """max(x, 0, -x) = |x|: 0 is maximal only on x = 0, so positions 0 and 2 are neighbours: 2, 1, 2."""
    return Case(maximum([1, 0], [0, 0], [-1, 0], size=3), cube(2), 2, 1, 2)


def tied_lines() -> Case:
    """max(x, x, -x, -x): ties go to the larger position; 1 and 3 share a facet: 2, 1, 2."""
    return Case(maximum([1, 0], [1, 0], [-1, 0], [-1, 0], size=4), cube(2), 2, 1, 2)


def middle_lines_never_win() -> Case:
    """max(1/2 - x, 0, x - 1/2, 0) = |x - 1/2|: both zeros are maximal on x = 1/2 only; 0 and 2 are
    neighbours: 2, 1, 2.

    Each cell's facet may be found against a zero (position 1 or 3), which is not the winner across it.
    """
    net = network(1, linear([[-1], [0], [1], [0]], ["1/2", 0, "-1/2", 0]), {"type": "maxout", "size": 4})
    return Case(net, cube(1, 0, 1), 2, 1, 2)


def many_ties_at_a_point() -> Case:
    """max over 0, 0, x, x/2, y, y/2, -x-y, 0: halves and zeros win nowhere: sectors of x, y, -x-y around
    0: 3, 3, 3.
    """
    rows = [[0, 0], [0, 0], [1, 0], ["1/2", 0], [0, 1], [0, "1/2"], [-1, -1], [0, 0]]
    return Case(maximum(*rows, size=8), cube(2), 3, 3, 3)


def winner_ties_on_an_older_facet() -> Case:
    """h = relu(x), max(-3 h, -1, h): the last wins on both sides (x < 0: 0, -1, 0, a tie), so x = 0 is
    relu's facet: 2, 1, 2.

    For x > 0 the row h - (-3 h) >= 0 says the same as relu's x >= 0, but its unit does not switch there.
    """
    layers = [RELU, linear([[-3], [0], [1]], [0, -1, 0]), {"type": "maxout", "size": 3}]
    return Case(network(1, linear([[1]]), *layers), cube(1, -3, 3), 2, 1, 2)


def winner_ties_on_older_facets() -> Case:
    """u, v = relu(x), relu(y), then max(2u - v, -3, u - 2v) and max(-3u + 2v, -1, u + 3v) on [-1/8,
    1/8]^2.

    The first: u = v = 0 ties 0 and 2; else 2u - v leads u - 2v by u + v > 0 (and -3 is far): position 2
    where u = v = 0, 0 elsewhere.  The second: u + 3v leads -3u + 2v by 4u + v: always position 2 (-1 is
    far).  So only the axes cut: 4 quadrants, 4 edges.  The sum is 0, 3u, 2v, 3u + 2v: 4 regions.
    """
    layers = [
        RELU,
        linear([[2, -1], [0, 0], [1, -2], [-3, 2], [0, 0], [1, 3]], [0, -3, 0, 0, -1, 0]),
        {"type": "maxout", "size": 3},
        total(2),
    ]
    return Case(network(2, linear([[1, 0], [0, 1]]), *layers), cube(2, "-1/8", "1/8"), 4, 4, 4)


def tied_pair() -> Case:
    """max(x + y, x + y): tied everywhere, one piece, flat: 1, 0, 1."""
    return Case(maximum([1, 1], [1, 1], size=2), cube(2), 1, 0, 1)


def three_sectors() -> Case:
    """max(0, x, y): three sectors around 0 (a vertex of degree 3): 3 cells, 3 edges, 3 regions."""
    return Case(maximum([0, 0], [1, 0], [0, 1], size=3), cube(2), 3, 3, 3)


def pyramid() -> Case:
    """max(x, -x, y, -y) = max(|x|, |y|): four sectors around 0; opposite ones meet in 0 only: 4, 4, 4."""
    return Case(maximum([1, 0], [-1, 0], [0, 1], [0, -1], size=4), cube(2), 4, 4, 4)


def overlapping_groups() -> Case:
    """max(x, y), max(y, -x), max(x, -x) cut along y = x, y = -x, x = 0: 6 sectors, 6 rays.

    The sum of the three maxima, by angle: (-90, -45) x - x + x; (-45, 45) x + y + x; (45, 90) y + y + x;
    (90, 135) y + y - x; (135, 225) y - x - x; (225, 270) x - x - x.  Neighbours differ: 6 regions.
    """
    layers = [{"type": "maxpool", "groups": [[0, 1], [1, 2], [0, 2]]}, total(3)]
    return Case(network(2, linear([[1, 0], [0, 1], [-1, 0]]), *layers), cube(2), 6, 6, 6)


def honeycomb(radius: int) -> Case:
    """max of a u + b v - (a^2 + a b + b^2) / 2 over |a|, |b|, |a + b| <= r: the Voronoi cells of a
    triangular lattice.

    (u, v) are the products with two lattice vectors at 60 degrees, so the Delaunay triangles are the
    lattice's, all with their circumcentres inside; neighbours are the pairs at distance 1: 3 r (3 r + 1)
    edges between 3 r (r + 1) + 1 points. For r = 2: 19 cells, 42 edges, mean degree 84/19 > 4 = 2 d.  All
    lines differ: as many regions.
    """
    r = radius
    points = [(a, b) for a, b in product(range(-r, r + 1), repeat=2) if abs(a + b) <= r]
    offsets = [str(-Fraction(a * a + a * b + b * b, 2)) for a, b in points]
    net = network(2, linear([list(p) for p in points], offsets), {"type": "maxout", "size": len(points)})
    return Case(net, cube(2, -r - 1, r + 1), len(points), 3 * r * (3 * r + 1), len(points))


def candidates_meet_on_a_facet() -> Case:
    """h = relu(x), max(h, 2h, 0): all tied for x < 0 (position 2), 2h for x > 0: 2, 1, 2."""
    layers = [RELU, linear([[1], [2], [0]]), {"type": "maxout", "size": 3}]
    return Case(network(2, linear([[1, 0]]), *layers), cube(2), 2, 1, 2)


def clipped_twice() -> Case:
    """hardtanh(x), hardtanh(y) on [-2, 2]^2: a 3 x 3 grid: 9 cells, 12 edges; the sum has 9 regions."""
    return Case(network(2, {"type": "hardtanh", "min": -1, "max": 1}, total(2)), cube(2, -2, 2), 9, 12, 9)


def breakpoints_on_the_boundary() -> Case:
    """hardtanh on [-1, 1]^2 and relu6 of it: breakpoints -1, 1 only touch the square; relu6 cuts at 0.

    After the first layer the vector is (x, y); relu6 folds at 0 (and 6, far away): 4 cells, 4 edges, sum:
    4 regions.
    """
    return Case(network(2, {"type": "hardtanh"}, {"type": "relu6"}, total(2)), cube(2), 4, 4, 4)


def slopes_that_do_not_bend() -> Case:
    """prelu with slope 1 on x and 0 on y: x = 0 still divides cells but bends nothing: 4, 4, 2."""
    return Case(network(2, {"type": "prelu", "slope": [1, 0]}, total(2)), cube(2), 4, 4, 2)


def skip_that_cancels() -> Case:
    """x + (relu(-x) - relu(x)) = 0: the fold x = 0 remains, the output is 0: 2, 1, 1."""
    body = [linear([[-1], [1]]), RELU, linear([[1, -1]])]
    return Case(network(1, {"type": "residual", "layers": body}), cube(1), 2, 1, 1)


def skip_that_folds() -> Case:
    """x + relu(-2x) = |x|, twice: the second body sees |x| >= 0 and folds only where the first does: 2,
    1, 2.
    """
    block = {"type": "residual", "layers": [linear([[-2]]), RELU]}
    return Case(network(1, block, block), cube(1), 2, 1, 2)


def slice_through_a_vertex() -> Case:
    """Units x, y, z, x+y+z on the plane (s, t, -s-t): the last is flat; the others are lines through 0:
    6, 6, 6.
    """
    domain = {"type": "slice", "origin": [0, 0, 0], "basis": [[1, 0], [0, 1], [-1, -1]], "within": cube(2)}
    net = one_layer([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    return Case(net, domain, 6, 6, 6)


def slice_hides_a_difference() -> Case:
    """relu(x) - relu(x) + y... seen on x = y = s: units x, y and -x switch together at s = 0: 2, 1.

    The output relu(x) - relu(y) + relu(-x) is relu(-s) on the slice: 2 regions, as functions of s.
    """
    domain = {"type": "slice", "origin": [0, 0], "basis": [[1], [1]], "within": cube(1)}
    return Case(one_layer([[1, 0], [0, 1], [-1, 0]], None, [1, -1, 1]), domain, 2, 1, 2)


def slice_makes_maps_equal() -> Case:
    """relu(x) - relu(y) on x = y = s: units switch at s = 0, but the function of s is 0 on both sides: 2,
    1, 1.

    As maps of (x, y) the two cells have x - y and 0: linear regions are about the function on the domain.
    """
    domain = {"type": "slice", "origin": [0, 0], "basis": [[1], [1]], "within": cube(1)}
    return Case(one_layer([[1, 0], [0, 1]], None, [1, -1]), domain, 2, 1, 1)


WIDTHS = (1e-5, 1e-9, 1e-12, 1e-300, 5e-324)

CASES: dict[str, Case] = {
    "design_example": design_example(),
    **{f"lines_through_a_point_{n}": lines_through_a_point(n) for n in (3, 8)},
    "related_units": related_units(),
    "negated_pairs_affine": negated_pairs(head_sign=-1),
    "negated_pairs_abs": negated_pairs(head_sign=1),
    "duplicates_that_cancel": duplicates_that_cancel(),
    "third_in_floats": third_in_floats(),
    "third_exactly": third_exactly(),
    "third_in_floats_apart": third_in_floats_apart(),
    "zero_rows": zero_rows(),
    "nothing_but_zero_rows": nothing_but_zero_rows(),
    "lines_on_the_boundary": lines_on_the_boundary(),
    "lines_on_the_boundary_and_one_inside": lines_on_the_boundary_and_one_inside(),
    "triangle_domain": triangle_domain(),
    **{f"grid_with_diagonals_{n}": grid_with_diagonals(n) for n in (2, 4)},
    **{f"grid_with_both_diagonals_{n}": grid_with_both_diagonals(n) for n in (2, 4)},
    **{f"strip_{w}": strip(w) for w in WIDTHS},
    **{f"strip_in_layer_two_{w}": strip_in_layer_two(w) for w in WIDTHS},
    **{f"small_triangle_{w}": small_triangle(w) for w in WIDTHS},
    **{f"narrow_wedge_{w}": narrow_wedge(w) for w in WIDTHS},
    **{f"small_simplex_{w}": small_simplex(w) for w in WIDTHS},
    **{f"thin_domain_{w}": thin_domain(w) for w in WIDTHS},
    "scaled_rows_150": scaled_rows(1e150, 1e-150, 1.0),
    "scaled_rows_300": scaled_rows(1e-300, 1e300, 1e-150),
    "scaled_rows_308": scaled_rows(1e308, 5e-324, 1e308),
    **{f"scaled_layers_{s}": scaled_layers(s) for s in (1e150, 1e-150, 1e300)},
    "two_bit_plane": two_bit_plane(),
    "two_bit_space": two_bit_space(),
    "eight_bit_lines_4": eight_bit_lines(4, 0.0123),
    "eight_bit_lines_11": eight_bit_lines(11, 0.0123),
    **{
        f"general_position_{d}_{m}": general_position(d, m)
        for d, m in ((1, 10), (2, 12), (3, 3), (3, 8), (4, 6), (5, 8), (6, 8))
    },
    **{f"braid_{d}": braid(d) for d in (2, 3, 4, 5, 6)},
    **{f"planes_through_zero_{m}": planes_through_zero(m) for m in (3, 7)},
    **{f"orthants_{d}": orthants(d) for d in (3, 8)},
    **{f"planes_through_a_line_{n}": planes_through_a_line(n) for n in (3, 6)},
    "planes_touching_the_cube": planes_touching_the_cube(),
    "octahedron": octahedron(),
    "flat_in_layer_two": flat_in_layer_two(),
    "flat_in_one_quadrant": flat_in_one_quadrant(),
    "everything_flat_behind_a_dead_layer": everything_flat_behind_a_dead_layer(),
    "fold_on_a_facet": fold_on_a_facet(),
    "fold_touching_a_facet_from_above": fold_touching_a_facet(1),
    "fold_touching_a_facet_from_below": fold_touching_a_facet(-1),
    "relu_of_relu_of_relu": relu_of_relu_of_relu(),
    "fold_through_a_vertex": fold_through_a_vertex(),
    "zero_bias_plane": zero_bias_plane(),
    "zero_bias_space": zero_bias_space(),
    **{f"tent_map_{k}": tent_map(k) for k in (1, 3, 7, 10)},
    **{f"deep_and_narrow_{k}": deep_and_narrow(k) for k in (2, 5, 8)},
    **{f"parallel_slabs_{m}": parallel_slabs(m) for m in (1, 4)},
    **{f"honeycomb_{r}": honeycomb(r) for r in (1, 2, 3)},
    "middle_line_never_wins": middle_line_never_wins(),
    "middle_lines_never_win": middle_lines_never_win(),
    "many_ties_at_a_point": many_ties_at_a_point(),
    "winner_ties_on_an_older_facet": winner_ties_on_an_older_facet(),
    "winner_ties_on_older_facets": winner_ties_on_older_facets(),
    "tied_lines": tied_lines(),
    "tied_pair": tied_pair(),
    "three_sectors": three_sectors(),
    "pyramid": pyramid(),
    "overlapping_groups": overlapping_groups(),
    "candidates_meet_on_a_facet": candidates_meet_on_a_facet(),
    "clipped_twice": clipped_twice(),
    "breakpoints_on_the_boundary": breakpoints_on_the_boundary(),
    "slopes_that_do_not_bend": slopes_that_do_not_bend(),
    "skip_that_cancels": skip_that_cancels(),
    "skip_that_folds": skip_that_folds(),
    "slice_through_a_vertex": slice_through_a_vertex(),
    "slice_hides_a_difference": slice_hides_a_difference(),
    "slice_makes_maps_equal": slice_makes_maps_equal(),
}

LARGE_CASES: dict[str, Callable[[], Case]] = {
    "braid_7": lambda: braid(7),
    "braid_8": lambda: braid(8),
    "general_position_5_40": lambda: general_position(5, 40),
    "general_position_3_40": lambda: general_position(3, 40),
    "tent_map_14": lambda: tent_map(14),
    "grid_with_both_diagonals_24": lambda: grid_with_both_diagonals(24),
}
