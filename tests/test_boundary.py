"""Decision boundaries: by hand, and on random networks against vertices, the forward pass and areas."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from sparing import some

from exactcpa import Box, Polytope, Slice, decision_boundary, enumerate_cells, geometry
from exactcpa.boundary import classes_of, tie_row
from exactcpa.boundary_picture import rough_boundary
from exactcpa.errors import BadArgument, InexactNumber
from exactcpa.groups import Consecutive
from exactcpa.ideal import IdealNetwork
from exactcpa.layers import Abs, BatchNorm, Linear, MaxOut, ReLU
from exactcpa.network import Network
from exactcpa.picture import draw
from exactcpa.relative_interior import relative_interior
from exactcpa.theorems.plain import dot, minus, rank

F = Fraction
SQUARE = Box([-1, -1], [1, 1])
IDENTITY = Linear([[1, 0], [0, 1]], [0, 0])
SIGNED = Linear([[1, 0], [-1, 0], [0, 1], [0, -1]], [0, 0, 0, 0])
"""relu of it: the positive and negative parts of both coordinates."""


def boundary_of(net, domain=SQUARE, threshold=None):
    return decision_boundary(enumerate_cells(net, domain), threshold)


def linear_outputs(weights, biases):
    """Outputs that are affine functions of (x, y), over the four quadrants as cells."""
    rows = [[w[0], -w[0], w[1], -w[1]] for w in weights]
    return Network(2, (SIGNED, ReLU(), Linear(rows, biases)))


# ---------------------------------------------------------------------- by hand


def test_base_case_diagonal():
    boundary = boundary_of(linear_outputs([(1, 0), (0, 1)], [0, 0]))

    segments = [set(piece.vertices()) for piece in boundary if piece.dimension == 1]
    assert len(segments) == len(boundary) == 2
    assert {(F(0), F(0)), (F(1), F(1))} in segments
    assert {(F(-1), F(-1)), (F(0), F(0))} in segments
    assert boundary.contains((0, 0))
    assert boundary.contains(("1/3", "1/3"))
    assert not boundary.contains(("1/3", 0))
    assert boundary.meetings == ()


def test_full_dimensional_tie():
    net = Network(2, (Linear([[1, 0]], [0]), ReLU(), Linear([[1], [0]], [0, 0])))
    (piece,) = boundary_of(net)

    assert (piece.dimension, piece.pair, len(piece.cells), piece.equalities) == (2, (0, 1), 1, ())
    assert set(piece.vertices()) == {(F(a), F(b)) for a in (-1, 0) for b in (-1, 1)}
    assert len(piece.facets()) == 4


def test_piece_on_a_facet():
    net = Network(2, (Linear([[1, 0], [-1, 0]], [0, 0]), ReLU(), IDENTITY))
    (piece,) = boundary_of(net)

    assert (piece.dimension, piece.cells, piece.classes) == (1, (0, 1), (0, 1))
    assert set(piece.vertices()) == {(F(0), F(-1)), (F(0), F(1))}
    assert piece.equalities in (((1, 0, 0),), ((-1, 0, 0),))


def test_three_classes_meet_in_a_point():
    boundary = boundary_of(linear_outputs([(1, 0), (0, 1), (-1, -1)], [0, 0, 0]))

    (meeting,) = boundary.meetings
    assert (meeting.classes, meeting.witness, meeting.dimension) == ((0, 1, 2), (0, 0), 0)
    assert meeting.cells == (0, 1, 2, 3)
    assert meeting.vertices() == ((F(0), F(0)),)
    assert sorted({piece.classes for piece in boundary}) == [(0, 1), (0, 2), (1, 2)]
    assert all(piece.dimension == 1 for piece in boundary)


def test_three_classes_tie_all_over():
    net = Network(2, (Linear([[1, 0]], [0]), ReLU(), Linear([[1], [1], [1]], [0, 0, 0])))
    boundary = boundary_of(net)

    assert [(piece.dimension, piece.classes) for piece in boundary] == [(2, (0, 1, 2))] * 2
    assert len(boundary.meetings) == 2


def test_a_tie_below_the_top_is_none():
    assert len(boundary_of(linear_outputs([(1, 0), (0, 1), (0, 0)], [0, 0, 5]))) == 0


@pytest.mark.parametrize(
    ("threshold", "dimensions", "cells"),
    [
        (1, [1, 1, 1, 1], 1),
        (None, [0], 4),
        (0, [0], 4),
        ("1/2", [1, 1, 1, 1], 1),
        (-1, [], 0),
        (2, [0, 0, 0, 0], 1),
    ],
)
def test_threshold(threshold, dimensions, cells):
    net = Network(2, (IDENTITY, Abs(), Linear([[1, 1]], [0])))
    boundary = boundary_of(net, threshold=threshold)

    assert [piece.dimension for piece in boundary] == dimensions
    assert all(len(piece.cells) == cells and piece.classes == (0, 1) for piece in boundary)
    for piece in boundary:
        level = F(threshold or 0)
        assert {abs(x) + abs(y) for x, y in piece.vertices()} == {level}
    if threshold == 1:
        assert {x * y for piece in boundary for x, y in piece.vertices()} == {0}


def test_a_line_that_ends_inside():
    # -max(|x|, y) against 0: the half-line x = 0, y <= 0, on the facet of two cells.
    net = Network(
        2,
        (
            Linear([[1, 0], [-1, 0], [0, 1]], [0, 0, 0]),
            MaxOut(Consecutive(3)),
            Linear([[-1], [0]], [0, 0]),
        ),
    )
    (piece,) = boundary_of(net)

    assert set(piece.vertices()) == {(F(0), F(-1)), (F(0), F(0))}
    assert len(piece.cells) == 2


def test_in_space_polygons_have_cyclic_vertices():
    net = Network(3, (Linear(np.eye(3).tolist(), [0, 0, 0]), Abs(), Linear([[1, 1, 1]], [0])))
    boundary = boundary_of(net, Box([-1] * 3, [1] * 3), threshold="3/2")

    assert [piece.dimension for piece in boundary] == [2] * 8
    for piece in boundary:
        corners = piece.vertices()
        assert len(corners) == len(piece.facets()) == 6
        sides = {sum(abs(a - b) ** 2 for a, b in zip(p, q, strict=True)) for p, q in cycle(corners)}
        assert sides == {F(1, 2)}


def cycle(corners):
    return list(zip(corners, (*corners[1:], corners[0]), strict=True))


def test_slices_have_their_own_coordinates():
    net = Network(3, (Linear(np.eye(3).tolist(), [0, 0, 0]), Abs(), Linear([[1, 1, 1]], [-1])))
    plane = Slice([0, 0, "1/2"], [[1, 0], [0, 1], [0, 0]], Box([-1, -1], [1, 1]))

    for piece in boundary_of(net, plane):
        assert {abs(s) + abs(t) for s, t in piece.vertices()} == {F(1, 2)}


def test_texts_and_counts():
    boundary = boundary_of(linear_outputs([(1, 0), (0, 1), (-1, -1)], [0, 0, 0]))

    assert str(boundary) == f"decision boundary of {len(boundary)} pieces over 4 cells"
    counts = boundary.summary()
    assert counts["pieces"] == len(boundary) == sum(counts["classes"].values())
    assert counts["dimensions"] == {"1": len(boundary)}
    assert counts["meetings"] == 1
    assert boundary.to_json()["meetings"][0]["witness"] == [0, 0]
    assert str(boundary.meetings[0]) == "classes 0 = 1 = 2 in cells 0, 1, 2, 3, dimension 0"
    cell = boundary.pieces[0].cell
    assert {piece.cell for piece in boundary.of_cell(cell)} <= {cell, *boundary.of_cell(cell)[0].cells}


# ---------------------------------------------------------------------- random networks


def random_network(rng, kind):
    d, outputs = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    widths = [d, int(rng.integers(1, 6)), int(rng.integers(1, 5))][: int(rng.integers(2, 4))]
    layers = []
    for before, after in pairwise(widths):
        layers += [linear(rng, kind, before, after), ReLU() if rng.random() < 0.7 else Abs()]
    return Network(d, (*layers, linear(rng, kind, widths[-1], outputs)))


def linear(rng, kind, before, after):
    if kind == "integer":
        weight, bias = rng.integers(-2, 3, size=(after, before)), rng.integers(-1, 2, size=after)
    else:
        weight, bias = rng.normal(size=(after, before)), 0.3 * rng.normal(size=after)
    return Linear(weight.tolist(), bias.tolist())


@pytest.mark.parametrize("kind", ["integer", "float"])
@pytest.mark.parametrize("seed", some(range(40), 6))
def test_random_networks(kind, seed):
    rng = np.random.default_rng(seed)
    net = random_network(rng, kind)
    d = net.input
    domain = Box([-2] * d, [1] * d)
    if seed % 3 == 0:
        domain = Polytope(
            [*np.eye(d, dtype=int).tolist(), *(-np.eye(d, dtype=int)).tolist(), [1] * d],
            [1] * d + [2] * d + [1],
        )
    part = enumerate_cells(net, domain, facets=bool(seed % 2))
    boundary = decision_boundary(part)
    require_ties(part, boundary)
    require_complete(part, boundary)


def top(part, t):
    """The largest outputs at a point, by forward pass."""
    values = part.network.forward(part.domain.embed(t))
    if len(values) == 1:
        values = (F(0), values[0])
    return tuple(k for k, value in enumerate(values) if value == max(values))


def require_ties(part, boundary):
    """Witness and vertices tie at the top, and the cells named are those that contain the witness."""
    for piece in (*boundary.pieces, *boundary.meetings):
        assert top(part, piece.witness) == piece.classes
        assert part.locate(piece.witness).cells == piece.cells
        assert piece.contains(piece.witness)
        corners = piece.vertices()
        for corner in corners:
            assert set(top(part, corner)) >= set(piece.classes)
            assert set(part.locate(corner).cells) >= set(piece.cells)
            assert piece.contains(corner)
        assert piece.dimension == rank([minus(corner, corners[0]) for corner in corners])
        assert len(piece.equalities) == part.domain.dimension - piece.dimension
    assert all(len(piece.classes) > 2 for piece in boundary.meetings)


def require_complete(part, boundary):
    """All of what ties in a cell is in one piece; no piece is in another one; triples are meetings."""
    for i in range(len(part)):
        rows, functions = part.rows_of(i), classes_of(part, i, boundary.threshold)
        for size in (2, 3):
            for chosen in combinations(range(len(functions)), size):
                first = chosen[0]
                tops = [tie_row(functions, first, k) for k in range(len(functions)) if k != first]
                equal = [tie_row(functions, k, first) for k in chosen[1:]]
                corners = geometry.vertices([*rows, *tops, *equal])
                pieces = boundary.pieces if size == 2 else boundary.meetings
                holding = [p for p in pieces if all(p.contains(corner) for corner in corners)]
                assert holding or not corners
    for one, other in combinations(boundary.pieces, 2):
        assert not all(other.contains(corner) for corner in one.vertices())
        assert not all(one.contains(corner) for corner in other.vertices())


@pytest.mark.parametrize("seed", some(range(12), 5))
def test_areas_of_classes_add_up_and_lines_go_on(seed):
    rng = np.random.default_rng(seed)
    net = Network(
        2,
        (linear(rng, "float", 2, 8), ReLU(), linear(rng, "float", 8, 6), ReLU(), linear(rng, "float", 6, 3)),
    )
    part = enumerate_cells(net, SQUARE)
    boundary = decision_boundary(part)
    total, classes = F(0), set()
    for i in range(len(part)):
        rows, functions = part.rows_of(i), classes_of(part, i, None)
        for k in range(3):
            tops = [tie_row(functions, k, other) for other in range(3) if other != k]
            area = geometry.volume([*rows, *tops])
            total += area
            classes |= {k} if area else set()
    assert total == 4
    assert (len(classes) > 1) == (len(boundary) > 0)
    ends = Counter(corner for piece in boundary if piece.dimension == 1 for corner in piece.vertices())
    assert all(count >= 2 or max(map(abs, corner)) == 1 for corner, count in ends.items())
    three = {piece.witness for piece in boundary.meetings}
    assert {corner for corner, count in ends.items() if count == 3} == three


# ---------------------------------------------------------------------- pictures


def test_picture_of_a_threshold():
    boundary = boundary_of(Network(2, (IDENTITY, Abs(), Linear([[1, 1]], [0]))), threshold="7/10")
    raster = rough_boundary(boundary, 12, 6)

    centres = (np.arange(24) + 0.5) / 12 - 1
    above = np.abs(centres)[None, :] + np.abs(centres)[:, None] > 0.7
    assert (raster.cells == above).all()
    text = draw(raster, {}, colour=False, braille=False)
    assert {"#", " "} == set("".join(text))


def test_picture_of_a_tie_all_over():
    net = Network(2, (Linear([[1, 0]], [0]), ReLU(), Linear([[1], [0]], [0, 0])))
    raster = rough_boundary(boundary_of(net), 4, 2)

    assert set(map(tuple, raster.cells.tolist())) == {(1,) * 4 + (0,) * 4}
    with pytest.raises(BadArgument, match="dimension 2"):
        rough_boundary(boundary_of(Network(1, (Linear([[1]], [0]), Abs())), Box([-1], [1])))


# ---------------------------------------------------------------------- relative interiors


@pytest.mark.parametrize("seed", some(range(60), 20))
def test_relative_interior_against_vertices(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    box = [[int(s * (j == k)) for j in range(d)] + [2] for k in range(d) for s in (1, -1)]
    rows = box + rng.integers(-2, 3, size=(int(rng.integers(0, 6)), d + 1)).tolist()
    equalities = rng.integers(-1, 2, size=(int(rng.integers(0, 2)), d + 1)).tolist()
    both = [[-a for a in row] for row in equalities]
    corners = geometry.vertices([*rows, *equalities, *both])

    flat = relative_interior(rows, d, equalities)

    if not corners:
        assert flat is None
        return
    assert flat.dimension == rank([minus(corner, corners[0]) for corner in corners])
    for number, row in enumerate(rows):
        slacks = {row[-1] - dot(list(map(F, row[:-1])), corner) for corner in corners}
        slack = row[-1] - dot(list(map(F, row[:-1])), flat.point)
        assert (number in flat.tight) == (slacks == {0}) == (slack == 0)
        assert slack >= 0
    assert len(flat.hull) == d - flat.dimension


# ---------------------------------------------------------------------- what is refused


def test_rejects_a_threshold_for_several_outputs():
    with pytest.raises(BadArgument, match="2 outputs"):
        boundary_of(linear_outputs([(1, 0), (0, 1)], [0, 0]), threshold=1)


def test_rejects_a_threshold_that_is_no_number():
    with pytest.raises(InexactNumber):
        boundary_of(Network(2, (IDENTITY, Abs(), Linear([[1, 1]], [0]))), threshold="high")


def test_rejects_the_ideal_reading():
    norm = BatchNorm(mean=[0, 0], variance=[2, 3], gamma=[1, 1], beta=[0, 0], epsilon=0)
    part = enumerate_cells(IdealNetwork(Network(2, (IDENTITY, norm, ReLU(), IDENTITY))), SQUARE)
    with pytest.raises(BadArgument, match="ideal"):
        decision_boundary(part)


def test_rejects_what_is_no_partition():
    with pytest.raises(BadArgument, match="expected a partition"):
        decision_boundary(5)
