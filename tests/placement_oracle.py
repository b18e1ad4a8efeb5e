"""A second placement report, in plain fractions and by brute force; nothing of the package is imported.

Written from the definitions: a network is a list of layers, all sign patterns of all units are tried, cells are
polygons clipped from the domain (one or two inputs), and distances are those to points, segments and polygons.

Conventions: a layer is a dict: ``weight`` (rows), ``bias``, ``bn`` ((gamma, beta, epsilon) or None; one number each),
``slope`` (of the lower piece; the upper one has slope 1), and for a frozen layer with batchnorm ``scale`` and ``mean``.
``head`` is (weight, bias) of the affine map at the end.  A polygon is a list of its vertices in cyclic order;
an interval is the list of its ends.
"""

from fractions import Fraction
from itertools import product
from math import isqrt

ZERO = Fraction(0)


def dot(a, b):
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)


def minus(a, b):
    return tuple(x - y for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------------- networks


def rounded_scale(gamma, variance, epsilon):
    """The double nearest to gamma / sqrt(variance + epsilon): a root with 200 digits, then one division."""
    total = variance + epsilon
    digits = 10**400
    root = Fraction(isqrt(total.numerator * total.denominator * digits), total.denominator * isqrt(digits))
    nearest = gamma / root
    return Fraction(nearest.numerator / nearest.denominator)


def mean(values):
    return sum(values, ZERO) / len(values)


def frozen(layers, batch):
    """The layers with mean and scale where there is batchnorm; None if a unit is constant and epsilon zero."""
    made, values = [], [tuple(x) for x in batch]
    for layer in layers:
        layer = dict(layer)
        if layer["bn"] is not None:
            gamma, _, epsilon = layer["bn"]
            sums = [
                [dot(row, z) + b for z in values]
                for row, b in zip(layer["weight"], layer["bias"], strict=True)
            ]
            layer["mean"] = [mean(s) for s in sums]
            variances = [mean([(p - m) ** 2 for p in s]) for s, m in zip(sums, layer["mean"], strict=True)]
            if any(v + epsilon == 0 for v in variances):
                return None
            layer["scale"] = [rounded_scale(gamma, v, epsilon) for v in variances]
        made.append(layer)
        values = [tuple(bend(layer, h) for h in heights(layer, z)) for z in values]
    return made


def without(layers, biases):
    """The same weights without batchnorm; a normalised layer has the bias given for it."""
    return [
        layer if layer["bn"] is None else dict(layer, bn=None, bias=bias)
        for layer, bias in zip(layers, biases, strict=True)
    ]


def heights(layer, z):
    """Pre-activations, from the definition."""
    sums = [dot(row, z) + b for row, b in zip(layer["weight"], layer["bias"], strict=True)]
    if layer["bn"] is None:
        return sums
    beta = layer["bn"][1]
    return [(p - m) * s + beta for p, m, s in zip(sums, layer["mean"], layer["scale"], strict=True)]


def bend(layer, h):
    return h if h >= 0 else layer["slope"] * h


def affine_heights(layer, columns, shift):
    """Pre-activations when the layer's input is ``z = sum_j x_j columns_j + shift``: (gradient, constant) each."""
    constant = heights(layer, shift)
    moved = [heights(layer, tuple(s + c for s, c in zip(shift, column, strict=True))) for column in columns]
    return [(tuple(m[k] - constant[k] for m in moved), constant[k]) for k in range(len(constant))]


def maps_of(layers, dimension, pattern):
    """The affine pre-activations of every layer if the pieces are those of a pattern."""
    columns = [tuple(Fraction(int(i == j)) for i in range(dimension)) for j in range(dimension)]
    shift = (ZERO,) * dimension
    found = []
    for layer, pieces in zip(layers, pattern, strict=True):
        rows = affine_heights(layer, columns, shift)
        found.append(rows)
        slopes = [1 if piece else layer["slope"] for piece in pieces]
        columns = [
            tuple(a * row[0][j] for a, row in zip(slopes, rows, strict=True)) for j in range(dimension)
        ]
        shift = tuple(a * row[1] for a, row in zip(slopes, rows, strict=True))
    return found, (columns, shift)


# ---------------------------------------------------------------------- polygons


def clip(polygon, normal, offset):
    """The part with ``<normal, x> <= offset``; what only touches stays, as a point or a segment."""
    kept = []
    for a, b in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
        u, v = dot(normal, a) - offset, dot(normal, b) - offset
        if u <= 0:
            kept.append(a)
        if u * v < 0:
            share = u / (u - v)
            kept.append(tuple(x + share * (y - x) for x, y in zip(a, b, strict=True)))
    return list(dict.fromkeys(kept))


def is_full(polygon):
    """Whether a polygon (interval) has an interior."""
    if not polygon or len(polygon[0]) == 1:
        return len(polygon) > 1
    return area(polygon) != 0


def area(polygon):
    pairs = zip(polygon, [*polygon[1:], *polygon[:1]], strict=True)
    return sum(a[0] * b[1] - a[1] * b[0] for a, b in pairs)


def box(lower, upper):
    if len(lower) == 1:
        return [(lower[0],), (upper[0],)]
    return [(lower[0], lower[1]), (upper[0], lower[1]), (upper[0], upper[1]), (lower[0], upper[1])]


def zero_set(polygon, normal, constant):
    """Where an affine function is zero on a polygon."""
    return clip(clip(polygon, normal, -constant), tuple(-n for n in normal), constant)


def to_segment(p, a, b):
    """The squared distance from a point to a segment."""
    along, gap = minus(b, a), minus(p, a)
    length = dot(along, along)
    share = min(max(dot(gap, along) / length, ZERO), Fraction(1)) if length else ZERO
    rest = minus(gap, tuple(share * x for x in along))
    return dot(rest, rest)


def contains(polygon, p):
    """Whether a full polygon (interval) contains a point, its boundary included."""
    if len(p) == 1:
        return min(polygon) <= p <= max(polygon)
    turn = 1 if area(polygon) > 0 else -1
    pairs = zip(polygon, [*polygon[1:], *polygon[:1]], strict=True)
    return all(turn * ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])) >= 0 for a, b in pairs)


def to_hull(p, points):
    """The squared distance from a point to a polygon, a segment or a point."""
    if is_full(points) and contains(points, p):
        return ZERO
    return min(to_segment(p, a, b) for a, b in zip(points, [*points[1:], *points[:1]], strict=True))


def common_facet(one, other):
    """The facet that two cells share, or nothing: they meet in a point (segment) exactly."""
    if len(one[0]) == 1:
        shared = set(one) & set(other)
        return list(shared)
    for a, b in zip(one, [*one[1:], *one[:1]], strict=True):
        normal = (b[1] - a[1], a[0] - b[0])
        level = dot(normal, a)
        line = zero_set(other, normal, -level)
        if len(line) == 2:
            along = minus(b, a)
            first, last = sorted(dot(along, x) for x in (a, b))
            line = clip(clip(line, along, last), tuple(-x for x in along), -first)
            if len(line) == 2:
                return line
    return []


# ---------------------------------------------------------------------- the partition, by brute force


class Cells:
    """All cells: pattern -> polygon, every pattern tried."""

    def __init__(self, layers, polygon):
        self.layers, self.dimension = layers, len(polygon[0])
        self.polygons, self.maps, self.outputs = {}, {}, {}
        for pattern in product(*[list(product((0, 1), repeat=len(layer["weight"]))) for layer in layers]):
            rows, output = maps_of(layers, self.dimension, pattern)
            piece = self._cut(polygon, rows, pattern)
            if is_full(piece):
                self.polygons[pattern], self.maps[pattern], self.outputs[pattern] = piece, rows, output

    def _cut(self, polygon, rows, pattern):
        for layer_rows, pieces in zip(rows, pattern, strict=True):
            for (normal, constant), piece in zip(layer_rows, pieces, strict=True):
                if not any(normal):
                    if (constant >= 0) != bool(piece):
                        return []
                    continue
                sign = -1 if piece else 1
                polygon = clip(polygon, tuple(sign * n for n in normal), -sign * constant)
                if not polygon:
                    return []
        return polygon

    def facets(self):
        """Pairs of patterns with the facet they share."""
        patterns = list(self.polygons)
        found = []
        for i, a in enumerate(patterns):
            for b in patterns[i + 1 :]:
                shared = common_facet(self.polygons[a], self.polygons[b])
                if shared:
                    found.append((a, b, shared))
        return found


def linear_regions(cells, head):
    """Number of facet-connected sets of cells with one affine map."""
    parent = {pattern: pattern for pattern in cells.polygons}

    def root(x):
        while parent[x] != x:
            x = parent[x]
        return x

    def output(pattern):
        columns, shift = cells.outputs[pattern]
        images = [dot(row, column) for row in head[0] for column in columns]
        return [*images, *[dot(row, shift) + b for row, b in zip(*head, strict=True)]]

    for a, b, _ in cells.facets():
        if output(a) == output(b):
            parent[root(a)] = root(b)
    return len({root(x) for x in parent})


def cells_in_window(layers, centre, radius):
    """How many cells meet the open and the closed window."""
    window = box([x - radius for x in centre], [x + radius for x in centre])
    world = box([x - 2 * radius for x in centre], [x + 2 * radius for x in centre])
    open_cells = len(Cells(layers, window).polygons)
    closed_cells = 0
    for polygon in Cells(layers, world).polygons.values():
        for j in range(len(centre)):
            axis = tuple(Fraction(int(i == j)) for i in range(len(centre)))
            polygon = clip(polygon, axis, centre[j] + radius)
            polygon = clip(polygon, tuple(-x for x in axis), radius - centre[j])
        closed_cells += bool(polygon)
    return open_cells, closed_cells


# ---------------------------------------------------------------------- the report


def feature_numbers(layers, layer, unit, batch):
    """Residual, mean squared distance, optimum, excess and signs, from the hyperplane ``w . z = c`` (A1, A3)."""
    values = [tuple(x) for x in batch]
    for before in layers[:layer]:
        values = [tuple(bend(before, h) for h in heights(before, z)) for z in values]
    here = layers[layer]
    signs = [heights(here, z)[unit] for z in values]
    counts = (sum(h > 0 for h in signs), sum(h == 0 for h in signs), sum(h < 0 for h in signs))
    centroid = tuple(mean(column) for column in zip(*values, strict=True))
    residual = heights(here, centroid)[unit]
    w = here["weight"][unit]
    scale = Fraction(1) if here["bn"] is None else here["scale"][unit]
    if not any(w) or not scale:
        return residual, None, None, None, *counts
    # With batchnorm w . (z - g) = (0 - beta) / scale; the raw bias cancels (A3, B2).
    c = -here["bias"][unit] if here["bn"] is None else dot(w, centroid) - here["bn"][1] / scale
    norm = dot(w, w)
    distances = mean([(dot(w, z) - c) ** 2 / norm for z in values])
    best = mean([(dot(w, z) - dot(w, centroid)) ** 2 / norm for z in values])
    return residual, distances, best, distances - best, *counts


def state_of(cells, layer, unit):
    """What a unit does on the domain, and on how many cells it is flat."""
    slope = cells.layers[layer]["slope"]
    pieces = {pattern[layer][unit] for pattern in cells.polygons}
    rows = {pattern: cells.maps[pattern][layer][unit] for pattern in cells.polygons}
    flat = [pattern for pattern, (normal, constant) in rows.items() if not any(normal) and not constant]
    zero = [pattern for pattern in rows if pattern in flat or (not pattern[layer][unit] and not slope)]
    if len(zero) == len(rows):
        return "dead", len(flat)
    if len(pieces) == 2:
        return "bends", len(flat)
    return ("always on" if pieces == {1} else "always off"), len(flat)


def bent_hyperplane(cells, layer, unit):
    """The parts of the set where a unit's pre-activation is zero, cell by cell."""
    parts = []
    for pattern, polygon in cells.polygons.items():
        normal, constant = cells.maps[pattern][layer][unit]
        found = zero_set(polygon, normal, constant) if any(normal) else ([] if constant else polygon)
        if found:
            parts.append(found)
    return parts


def folds_of(layers, polygon, layer, unit):
    """Folds of one unit, a tuple (switching units, squared cosine, sign) each, sorted."""
    if layer == 0:
        return []
    parents, found = Cells(layers[:layer], polygon), []
    for a, b, shared in parents.facets():
        normals = []
        for pattern in (a, b):
            columns, shift = parents.outputs[pattern]
            normals.append(affine_heights(layers[layer], columns, shift)[unit])
        ends = [dot(normals[0][0], x) + normals[0][1] for x in shared]
        if min(ends) < 0 < max(ends):
            n, m = normals[0][0], normals[1][0]
            cosine = dot(n, m)
            switching = tuple(
                (k, j)
                for k, pieces in enumerate(zip(a, b, strict=True))
                for j, (p, q) in enumerate(zip(*pieces, strict=True))
                if p != q
            )
            found.append((switching, cosine**2 / (dot(n, n) * dot(m, m)), (cosine > 0) - (cosine < 0)))
    return sorted(found)


def report(layers, head, samples, batch, polygon, radius):
    """All numbers of one variant, by table; keys as the rows of the package's report."""
    cells = Cells(layers, polygon)
    facets = cells.facets()
    units = [(k, j) for k, layer in enumerate(layers) for j in range(len(layer["weight"]))]
    made = {"distances": {}, "units": {}, "folds": {}, "samples": {}, "windows": {}}
    for k, j in units:
        parts = bent_hyperplane(cells, k, j)
        reached = [min((to_hull(p, part) for part in parts), default=None) for p in samples]
        made["distances"] |= {(k, j, i): squared for i, squared in enumerate(reached)}
        of_batch = [min((to_hull(p, part) for part in parts), default=None) for p in batch]
        folds = folds_of(layers, polygon, k, j)
        made["folds"][k, j] = folds
        numbers = feature_numbers(layers, k, j, batch)
        made["units"][k, j] = (
            *state_of(cells, k, j),
            *numbers,
            mean(of_batch) if parts else None,
            len(folds),
        )
    for i, p in enumerate(samples):
        closed = sum(contains(polygon, p) for polygon in cells.polygons.values())
        made["samples"][i] = (closed, min((to_hull(p, shared) for _, _, shared in facets), default=None))
    centroid = tuple(mean(column) for column in zip(*batch, strict=True))
    for i, p in enumerate([centroid, *samples]):
        made["windows"][i - 1 if i else None] = cells_in_window(layers, p, radius)
    states = [made["units"][unit] for unit in units]
    kinds = [sum(s[0] == kind for s in states) for kind in ("bends", "dead", "always on")]
    flat = sum(s[1] > 0 for s in states)
    made["variants"] = (len(cells.polygons), len(facets), linear_regions(cells, head), *kinds, flat)
    return made
