"""The split tree's working arrays, and the names of their rows and columns.

The tree is walked depth first with an explicit stack, so the walk can stop at any question that
doubles leave open, be answered, and go on.  Memory grows with the depth of the tree only.

Main definitions: `Tree`, `Lp`, `Output`, `new_tree`, `new_output`, `grow`.

Conventions: a *frame* is one node.  Lists of undecided switches, of points and of active rows are segments of
`lists`; a child's segments begin where its parent's end.  Rows are numbered ``0 .. 2d-1`` for the
bounding box, then the domain's other rows, then one a split; proof row ids start after the box.
Lines and rows hold their ``1 + d`` coefficients, constant first, then the rounding error and the size over the
bounding box (`filters`), then 1.0 if the constant is exactly zero, then the grain: a power of two of which all
coefficients are multiples.  Rows hold also the power of two they were scaled by.

Not here: what happens to the arrays (`tree`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# counters
TOP, NCODE, NREAL, NCELL, NFACE, QUESTION, ANSWER, QFRAME, QUNIT = range(9)
LPS, RAYS, CELLS, RECORDS, PROOF, FACETS, READY, ORIGIN, NMULT, IS_REAL, COUNTERS = range(9, 20)

# frames
LAYER, PHASE, U0, U1, P0, P1, A0, A1, UNIT, SLOTS, ROWS, POSITION, UP0, UP1, GROUP, AFTER, SIFTED, FRAME = (
    range(18)
)

# phases of a frame
NEW_LAYER, TEST, SPLIT, LOWER_DONE, UPPER_DONE, CHOOSING, PRUNING, CELL, FACET_ROWS, POP = range(10)

# questions to the exact side
RUNNING, DONE, FLUSH, GROW, ASK_UNIT, ASK_FACET, ASK_CELL, ASK_GROUP, HAND_OVER, ASK_LINES = range(10)

# answers
NONE, IS_LOWER, IS_UPPER, IS_CUT, IS_REDUNDANT, IS_FACET, IS_WRITTEN = range(7)

# proof codes
(
    DROP,
    DROPX,
    SPLIT_CODE,
    PRUNE,
    PRUNEX,
    CELL_CODE,
    CELLX,
    FACET,
    FACETX,
    CHOOSE,
    LOSES,
    LOSESX,
    WINS,
    DROP_IMPLIED,
    PRUNE_IMPLIED,
    DROP_TIED,
    PRUNE_TIED,
    LOSES_TIED,
    BOUND,
    SETTLE,
) = range(1, 21)

# lists
UNDECIDED, HELD, ACTIVE, OUTER = range(4)

KNOWN = 6
"""Points that are remembered of each facet, each beyond that row alone; their slots follow `OUTER`, -1 for none."""

# Lp.basis
CHOSEN, ROW_VAR, COL_VAR, FREE, WHICH, STATE = range(6)

# Lp.vectors
OBJECTIVE, NORMAL, STEP, TRIAL, MULTIPLIER, VECTORS = range(6)

# rows of the box array
LOWER, UPPER, RADIUS, GRID, CENTRE, SCALE, BOX = range(7)

# the two sets of expansions, by the doubles of a coefficient
IN_TWO, IN_THREE = range(2)

# rows of an expansion after the three parts of the coefficients
OF_ERROR, OF_SUM, GAIN, MIDDLE_GAIN, LOW_GAIN, GAIN_ERROR, ROOM = range(7)


class Tree(NamedTuple):
    """The nodes on the stack; ``F`` frames, ``R`` rows, ``P`` points, ``n`` lines, ``w`` pattern words."""

    counters: np.ndarray  # (COUNTERS,) int64
    frames: np.ndarray  # (F, FRAME) int64
    shares: np.ndarray  # (1 + F,) share of the domain's tree that is done; then that of each node
    bits: np.ndarray  # (F, w) uint64: pattern decided so far
    sums: np.ndarray  # (F, n, d + 5): the next layer's lines so far
    lines: np.ndarray  # (layers, n, d + 5): the present cell's lines
    expansions: (
        np.ndarray
    )  # (2, layers, 3 (d + 1) + ROOM, n or more): the same more accurately; see `expansions`
    expanded: np.ndarray  # (2, layers) int64: whether a layer's have been composed
    lists: np.ndarray  # (OUTER + KNOWN, many) int32
    spans: np.ndarray  # (2, layers) int64: see `layers.begin_layer`
    rows: np.ndarray  # (R, d + 6)
    origins: (
        np.ndarray
    )  # (R,) int64: twice the layer of the row's line, and 1 more if it is an upper switch's
    flips: np.ndarray  # (R, 2) int32: pattern bits that change across the row, -1 for none
    points: np.ndarray  # (P, d)
    point_ids: np.ndarray  # (P,) int64: -1 for a proved double point, else the number of an exact one
    signs: np.ndarray  # (P, n) int8: proved sign of each line of the present layer, 0 if not proved


class Lp(NamedTuple):
    """One node's linear programs; see `simplex`."""

    table: np.ndarray  # (4 + d, R): a dictionary by columns, then see `simplex`
    basis: np.ndarray  # (6, R + d) int32
    vectors: np.ndarray  # (VECTORS, 1 + d)
    outer: np.ndarray  # (R, d) points beyond facets
    whole: np.ndarray  # (d + 1, d + 1) int64: a square system in integers


class Output(NamedTuple):
    """What the walk has found; the caller empties it."""

    codes: np.ndarray  # int16
    reals: np.ndarray  # float64
    cell_bits: np.ndarray  # (C, w) uint64
    cell_points: np.ndarray  # (C, d)
    cell_marks: np.ndarray  # (C, 2) int64: number of the exact witness or -1, number of facets
    facet_flips: np.ndarray  # (C', 2) int32


def new_tree(layers: int, n: int, d: int, words: int, capacity: int = 64) -> tuple[Tree, Lp]:
    """Empty arrays for ``layers`` layers of at most ``n`` lines in dimension ``d``."""
    rows = 2 * d + capacity
    tree = Tree(
        counters=np.zeros(COUNTERS, np.int64),
        frames=np.zeros((capacity, FRAME), np.int64),
        shares=np.zeros(1 + capacity),
        bits=np.zeros((capacity, words), np.uint64),
        sums=np.zeros((capacity, n, d + 5)),
        lines=np.zeros((layers, n, d + 5)),
        expansions=np.zeros((2, layers, 3 * (d + 1) + ROOM, (n + 7) // 8 * 8)),
        expanded=np.zeros((2, layers), np.int64),
        lists=np.zeros((OUTER + KNOWN, 32 * (n + capacity)), np.int32),
        spans=np.full((2, layers), layers, np.int64),
        rows=np.zeros((rows, d + 6)),
        origins=np.zeros(rows, np.int64),
        flips=np.full((rows, 2), -1, np.int32),
        points=np.zeros((256, d)),
        point_ids=np.zeros(256, np.int64),
        signs=np.zeros((256, n), np.int8),
    )
    return tree, new_lp(rows, d)


def new_lp(rows: int, d: int) -> Lp:
    """Empty arrays for linear programs of at most so many rows."""
    return Lp(
        table=np.zeros((4 + d, rows)),
        basis=np.zeros((6, rows + d), np.int32),
        vectors=np.zeros((VECTORS, 1 + d)),
        outer=np.zeros((rows, d)),
        whole=np.zeros((d + 1, d + 1), np.int64),
    )


def new_output(n: int, d: int, words: int, cells: int = 4096) -> Output:
    """Empty output buffers, with room for the records of many nodes of ``n`` lines."""
    records = 64 * cells + 16 * n * (d + 8)
    return Output(
        codes=np.zeros(records, np.int16),
        reals=np.zeros(records),
        cell_bits=np.zeros((cells, words), np.uint64),
        cell_points=np.zeros((cells, d)),
        cell_marks=np.zeros((cells, 2), np.int64),
        facet_flips=np.zeros((32 * cells, 2), np.int32),
    )


def grow(tree: Tree, lp: Lp) -> tuple[Tree, Lp]:
    """The same state with twice the room for frames, lists, rows and points."""
    names = ("frames", "bits", "sums", "rows", "origins", "flips", "points", "point_ids", "signs")
    doubled = {name: np.concatenate([array := getattr(tree, name), np.zeros_like(array)]) for name in names}
    shares = np.concatenate([tree.shares, np.zeros(tree.shares.size - 1)])
    lists = np.concatenate([tree.lists, np.zeros_like(tree.lists)], axis=1)
    basis = np.concatenate([lp.basis, np.zeros_like(lp.basis)], axis=1)
    table = np.concatenate([lp.table, np.zeros_like(lp.table)], axis=1)
    outer = np.concatenate([lp.outer, np.zeros_like(lp.outer)])
    return tree._replace(lists=lists, shares=shares, **doubled), lp._replace(
        basis=basis, table=table, outer=outer
    )
