"""Check a partition from outside: forward passes, volumes, adjacency, Euler's relation.

Everything the engine says is computed again here, slowly, from the network's and the domain's
dictionaries with the oracles' own reading of them.  Nothing is assumed about how the partition was found;
if the volumes add up, nothing is missing.

Main definitions:
    validate            raises AssertionError with the first thing that is wrong.
    cell_of             rows, tied units and output map of one pattern.
    Faces, faces_of     vertices, faces and volume of a cell (dimension 1 to 3).
    patterns_of, edge_patterns, neighbours_of   the engine's answer in the oracles' terms.

Conventions: as in `oracles`.

References: Ziegler, Lectures on Polytopes (1995), section 8.2 (Euler's relation); section 5.1 (complexes).

Not here: completeness in dimension 4 and higher (`oracles.enumerate_signs`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from oracle_program import Add, Affine, Bends, Maxima, Push, compile_network, read_domain, run
from oracles import Line, Pattern, Point, Row, connected_parts, facet_points, integer_row

import exactcpa as cpa
from exactcpa.domain import to_json as domain_to_json

# Partitions up to this size have their faces counted one by one.
SMALL = 150


@dataclass(frozen=True)
class CellRows:
    """One cell from its pattern alone: rows (the domain's included), tied units, output map."""

    rows: frozenset[Row]
    flat: frozenset[int]
    lines: tuple[Line, ...]


def _minus(one: Line, other: Line) -> Line:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _affine(step: Affine, lines: list[Line]) -> list[Line]:
    width = len(lines[0])
    done = []
    for row, shift in zip(step.weight, step.bias, strict=True):
        sums = [sum((a * f[j] for a, f in zip(row, lines, strict=True)), Fraction(0)) for j in range(width)]
        done.append((*sums[:-1], sums[-1] + shift))
    return done


def cell_of(network: dict, domain: dict, pattern: Pattern) -> CellRows:
    """Follow one pattern through the network; every switch gives one row ``function >= 0``."""
    region = read_domain(domain)
    walls = {integer_row((*n, b)) for n, b in region.rows if any(n)}
    lines = [(*row, b) for row, b in zip(region.embedding.weight, region.embedding.bias, strict=True)]
    pieces, position = iter(pattern), 0
    memory, switches = [], []
    for step in compile_network(network):
        match step:
            case Affine():
                lines = _affine(step, lines)
            case Push():
                memory.append(lines)
            case Add():
                lines = [
                    tuple(a + b for a, b in zip(f, g, strict=True))
                    for f, g in zip(lines, memory.pop(), strict=True)
                ]
            case Bends(bends):
                for i, bend in enumerate(bends):
                    z, piece = lines[i], next(pieces)
                    for k, t in enumerate(bend.breakpoints):
                        above = (*z[:-1], z[-1] - t)
                        switches.append((position, above if k < piece else tuple(-v for v in above)))
                    slope, shift = bend.slopes[piece], bend.intercepts[piece]
                    lines[i] = (*(slope * v for v in z[:-1]), slope * z[-1] + shift)
                    position += 1
            case Maxima(groups):
                chosen = []
                for group in groups:
                    winner = next(pieces) if len(group) > 1 else 0
                    best = lines[group[winner]]
                    rivals = [lines[i] for k, i in enumerate(group) if k != winner]
                    switches += [(position, _minus(best, rival)) for rival in rivals]
                    position += len(group) > 1
                    chosen.append(best)
                lines = chosen
    rows = {integer_row((*(-v for v in f[:-1]), f[-1])) for _, f in switches if any(f[:-1])}
    assert all(f[-1] >= 0 for _, f in switches if not any(f[:-1])), "a constant switch has the wrong sign"
    flat = frozenset(unit for unit, f in switches if not any(f))
    return CellRows(frozenset(walls | rows), flat, tuple(lines))


# Faces of one cell.


@dataclass(frozen=True)
class Faces:
    """A cell of dimension 1 to 3 by its vertices.

    Attributes:
        vertices: All vertices.
        facets: Vertex set of each facet.
        edges: Vertex pairs of the 1-dimensional faces.
        volume: Length, area or volume.
    """

    vertices: frozenset[Point]
    facets: frozenset[frozenset[Point]]
    edges: frozenset[frozenset[Point]]
    volume: Fraction


def determinant(matrix: list[tuple]) -> Fraction:
    """By expansion along the first row; at most 3 x 3."""
    if len(matrix) == 1:
        return matrix[0][0]
    return sum(
        (-1) ** j * entry * determinant([row[:j] + row[j + 1 :] for row in matrix[1:]])
        for j, entry in enumerate(matrix[0])
        if entry
    )


def vertices_of(rows: list[Row]) -> dict[Point, frozenset[Row]]:
    """Vertices of a bounded polyhedron with the rows tight there: all d-subsets of rows, by Cramer's rule."""
    d = len(rows[0]) - 1
    found: dict[Point, frozenset[Row]] = {}
    for chosen in combinations(rows, d):
        base = determinant([row[:-1] for row in chosen])
        if not base:
            continue
        tops = [determinant([(*row[:j], row[-1], *row[j + 1 : -1]) for row in chosen]) for j in range(d)]
        sign = 1 if base > 0 else -1
        slacks = [
            (row[-1] * base - sum(n * t for n, t in zip(row, tops, strict=False))) * sign for row in rows
        ]
        if min(slacks) >= 0:
            point = tuple(Fraction(t, base) for t in tops)
            found[point] = frozenset(row for row, slack in zip(rows, slacks, strict=True) if not slack)
    return found


def faces_of(rows: frozenset[Row]) -> Faces:
    """Faces and volume; the volume by pulling: cones over the facets that miss one vertex, recursively."""
    facet_rows = list(facet_points(rows))
    d = len(facet_rows[0]) - 1
    tight = vertices_of(facet_rows)
    facets = {row: frozenset(v for v, at in tight.items() if row in at) for row in facet_rows}
    if d == 1:
        edges = frozenset([frozenset(tight)])
    elif d == 2:
        edges = frozenset(facets.values())
    else:
        crossings = {facets[r] & facets[s] for r, s in combinations(facet_rows, 2)}
        edges = frozenset(c for c in crossings if len(c) == 2)
    apex = min(tight)
    simplices = []
    for facet in facets.values():
        if apex in facet:
            continue
        if d < 3:
            simplices.append((apex, *facet))
        else:
            corner = min(facet)
            simplices += [(apex, corner, *e) for e in edges if e <= facet and corner not in e]
    volume = sum(abs(determinant([_minus(v, s[0]) for v in s[1:]])) for s in simplices)
    return Faces(frozenset(tight), frozenset(facets.values()), edges, Fraction(volume) / math.factorial(d))


def euler_characteristic(cells: list[Faces], dimension: int) -> int:
    """Alternating number of all faces; in a complex equal faces have equal vertex sets."""
    vertices = {v for cell in cells for v in cell.vertices}
    counted = [len(vertices)]
    if dimension >= 2:
        counted.append(len({e for cell in cells for e in cell.edges}))
    if dimension == 3:
        counted.append(len({f for cell in cells for f in cell.facets}))
    counted.append(len(cells))
    return sum((-1) ** k * n for k, n in enumerate(counted))


# The engine's answer in the oracles' terms.


def patterns_of(part: cpa.Partition) -> list[Pattern]:
    return [tuple(int(p) for p in row) for row in part.patterns]


def neighbours_of(part: cpa.Partition, cell: int) -> list[int]:
    starts, neighbours = part.adjacency()
    return [int(v) for v in neighbours[starts[cell] : starts[cell + 1]]]


def edge_patterns(part: cpa.Partition) -> frozenset[frozenset[Pattern]]:
    patterns = patterns_of(part)
    return frozenset(
        frozenset((patterns[i], patterns[j])) for i in range(len(part)) for j in neighbours_of(part, i)
    )


def has_mean_degree_theorem(network: dict, dimension: int) -> bool:
    """Whether a mean degree of at most 2 d is proved.

    For one hidden layer it is: a hyperplane that is cut into f pieces with g common ridges adds f cells
    and f + g facets, and g <= (d - 1) f by induction.  In the plane it is for any depth: every inner
    vertex lies on at least four facets.  Otherwise it is false: see `degenerate.parallel_slabs` (two
    layers in 3-D, 6.1) and `degenerate.honeycomb` (one maximum in the plane, 84/19).
    """
    steps = compile_network(network)
    if any(isinstance(s, Maxima) and max(map(len, s.groups)) > 2 for s in steps):
        return False
    return dimension <= 2 or sum(isinstance(s, Bends | Maxima) for s in steps) <= 1


def validate_witnesses(part: cpa.Partition, network: dict, domain: dict, cells: list[CellRows]) -> None:
    region = read_domain(domain)
    for i, (pattern, cell) in enumerate(zip(patterns_of(part), cells, strict=True)):
        t = part.witness(i)
        _, pieces, ties = run(network, region.embed(t))
        assert pieces == pattern, f"cell {i}: the witness has another pattern"
        assert {u for u, tied in enumerate(ties) if tied} == cell.flat, f"cell {i}: the witness is on a facet"
        assert all(sum(a * x for a, x in zip(n, t, strict=True)) < b for n, b in region.rows if any(n))


def validate_edges(part: cpa.Partition, network: dict, dimension: int) -> None:
    patterns = patterns_of(part)
    pairs = [(i, j) for i in range(len(part)) for j in neighbours_of(part, i)]
    assert len(set(pairs)) == len(pairs), "two cells share two facets"
    assert {(j, i) for i, j in pairs} == set(pairs), "a neighbour does not know its neighbour"
    assert all(patterns[i] != patterns[j] for i, j in pairs)
    graph = part.graph()
    assert graph.number_of_nodes() == len(part)
    assert 2 * graph.number_of_edges() == len(pairs)
    assert 2 * part.summary()["edges"] == len(pairs)
    if has_mean_degree_theorem(network, dimension):
        assert len(pairs) <= 2 * dimension * len(part)


def validate_linear_regions(part: cpa.Partition, cells: list[CellRows]) -> None:
    pairs = [(i, j) for i in range(len(part)) for j in neighbours_of(part, i)]
    merged = [frozenset(pair) for pair in pairs if cells[pair[0]].lines == cells[pair[1]].lines]
    assert part.summary()["linear_regions"] == connected_parts(frozenset(range(len(part))), merged)
    regions = part.linear_regions()
    assert sorted(cell for region in regions for cell in region) == list(range(len(part)))
    assert len(regions) == part.summary()["linear_regions"]
    label = {cell: k for k, region in enumerate(regions) for cell in region}
    assert all(label[i] == label[j] for i, j in merged)
    for i, cell in enumerate(cells):
        found = part.affine_map(i)
        assert tuple((*row, c) for row, c in zip(found.matrix, found.shift, strict=True)) == cell.lines


def validate_volumes(part: cpa.Partition, domain: dict) -> None:
    region = read_domain(domain)
    walls = frozenset(integer_row((*n, b)) for n, b in region.rows if any(n))
    volumes = list(part.volumes())
    assert len(volumes) == len(part)
    assert min(volumes) > 0
    assert sum(volumes) == faces_of(walls).volume


def validate_faces(part: cpa.Partition, cells: list[CellRows], dimension: int) -> None:
    """Facets, volumes and Euler's relation from exact vertices, for small partitions."""
    faces = [faces_of(cell.rows) for cell in cells]
    assert [f.volume for f in faces] == list(part.volumes())
    assert euler_characteristic(faces, dimension) == 1
    holders: dict[frozenset[Point], list[int]] = {}
    for i, face in enumerate(faces):
        for facet in face.facets:
            holders.setdefault(facet, []).append(i)
    shared = {frozenset(cells) for cells in holders.values() if len(cells) > 1}
    assert all(len(cells) <= 2 for cells in holders.values())
    assert shared == {frozenset((i, j)) for i in range(len(part)) for j in neighbours_of(part, i)}


def validate(part: cpa.Partition) -> None:
    """Recompute what can be recomputed; raise AssertionError on the first difference."""
    network, domain = cpa.network_to_json(part.network), domain_to_json(part.domain)
    dimension = read_domain(domain).dimension
    patterns = patterns_of(part)
    assert len(set(patterns)) == len(patterns) == len(part)
    cells = [cell_of(network, domain, pattern) for pattern in patterns]
    validate_witnesses(part, network, domain, cells)
    validate_edges(part, network, dimension)
    validate_linear_regions(part, cells)
    if dimension <= 3:
        validate_volumes(part, domain)
    if dimension <= 3 and len(part) <= SMALL:
        validate_faces(part, cells, dimension)
