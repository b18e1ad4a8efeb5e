"""The walk over the split tree: compiled steps, exact answers in between, results in chunks.

Main definitions: `walk`, `Chunk`, `Tally`.

Conventions: cells come in the order of the tree, lower sides first.  A chunk's arrays are the caller's to keep.

Not here: a step (`kernels.tree`), an exact answer (`settle`, `choose`), what becomes of the chunks (`enumerate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from time import perf_counter

import numpy as np

from exactcpa.choose import Chooser, contests_of
from exactcpa.errors import BadArgument
from exactcpa.exact_points import Point, as_doubles
from exactcpa.float_form import FloatDomain, ScaledForm
from exactcpa.kernels import state
from exactcpa.kernels.state import Lp, Output, Tree, grow, new_output, new_tree
from exactcpa.kernels.tree import advance
from exactcpa.settle import Settler
from exactcpa.subtree import Subtree, plant, take_off
from exactcpa.switch_form import SwitchForm
from exactcpa.vertex_side import QUESTIONS, VertexSide

STEPS, FIRST_STEPS = 20_000, 64
"""Steps of one compiled stretch, at most and at first: fewer where they are slow, so that Ctrl-C is heard."""
STRETCH = 0.02
"""Seconds that a stretch should take."""
SILENCE = 0.25
"""Seconds of one exact answer after which it is told how far the walk is."""


LEAST = 2.0**-7
"""Share of its start below which a walk keeps what is left for itself: it is soon done."""

MOST = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the walk is.

    Attributes:
        cells: Cells found.
        share: Share of the domain's tree that is done, 0 to 1.
        questions: Linear programs asked in doubles.
        decided_exactly: Questions the filter left open.
        records: Proof records made.
    """

    cells: int
    share: float
    questions: int
    decided_exactly: int
    records: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some cells, in order, with what the proof says about them.

    Attributes:
        bits: Shape ``(n, words)``: patterns.
        points: Shape ``(n, d)``: witnesses, or the doubles nearest to them.
        exact: Place in the chunk -> witness, where it is no double vector.
        facets: Shape ``(n,)``: number of facets of each cell.
        flips: Shape ``(sum of facets, 2)``: pattern bits across each facet.
        codes, reals, bigs: The streams of the proof (empty without one).  They may be ahead of the cells.
        tally: How far the walk is.
    """

    bits: np.ndarray
    points: np.ndarray
    exact: dict[int, Point]
    facets: np.ndarray
    flips: np.ndarray
    codes: np.ndarray
    reals: np.ndarray
    bigs: list[str]
    tally: Tally

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (len(self.bits) or len(self.codes) or len(self.reals) or self.bigs)

    @property
    def size(self) -> int:
        """Bytes it takes in memory, roughly."""
        arrays = (self.bits, self.points, self.facets, self.flips, self.codes, self.reals)
        return sum(array.nbytes for array in arrays) + sum(map(len, self.bigs)) + 200 * len(self.exact)


def walk(
    form: SwitchForm,
    domain: object,
    floats: FloatDomain,
    scaled: ScaledForm,
    *,
    facets: bool,
    proof: bool,
    method: str = "lp",
    subtree: Subtree | None = None,
    seconds: float = inf,
    room: float = inf,
    steps: float = inf,
    handed_over: float = inf,
    often: bool = True,
    keep: Callable[[np.ndarray], np.ndarray] = np.copy,
    settler: Settler | None = None,
) -> Iterator[Chunk | Subtree]:
    """Enumerate the cells of a switch form over its domain.

    Args:
        form: The network in switch form.
        domain: Its domain.
        floats: The domain rounded.
        scaled: The form rounded.
        facets: Whether to find the facets too.
        proof: Whether to write the streams of the proof.
        method: ``"lp"``, or ``"vertex"`` to walk by the vertices of the nodes.
        subtree: The node to start from; None: the domain.
        seconds: After this time nodes of a share of at least `LEAST` of the whole are handed over, not walked.
        room: After so many bytes of results every node is.
        steps: After so many steps every node is, too.
        handed_over: Nodes of at least this share are handed over from the beginning.
        often: Whether there is a chunk after each stretch of steps, so that the caller hears how far the walk is.
        keep: Copies the arrays of a chunk out of the walk's buffers.
        settler: That of another walk of the same, in the deployed reading.

    Raises:
        BadArgument: A proof is wanted of a layer that is too wide for its format.

    Yields:
        Chunks: whenever the buffers are full, after each stretch of steps if they are wanted `often`, and at the end,
        the last one perhaps empty.  Subtrees that are handed over stand where their cells and records would.
    """
    n, d = scaled.arrays.constant.shape[1], form.dimension
    if proof and n > MOST:
        raise BadArgument(
            f"a proof numbers the switches of a layer in 16 bits: expected at most {MOST}, got {n} lines"
        )
    tree, lp = new_tree(len(form.layers), n, d, form.words)
    out = new_output(n, d, form.words)
    settler = Settler(form, domain, floats, scaled.exponents) if settler is None else settler.again()
    contests = contests_of(form, scaled.exponents)
    chooser = Chooser(settler, contests)
    if subtree is None:
        tree, lp = _plant(tree, lp, settler, domain, floats)
    else:
        tree, lp = plant(tree, lp, settler, subtree)
    tree.counters[[state.PROOF, state.FACETS, state.IS_REAL]] = proof, facets, settler.is_real
    domain_rows, end = floats.rows.shape[0], perf_counter() + seconds
    side = _vertices_of(tree, settler, floats, scaled, subtree) if method == "vertex" else None
    pace, heard = FIRST_STEPS, perf_counter()
    while True:
        start, stretch = perf_counter(), int(min(pace, steps))
        if side is None:
            question = advance(
                scaled.arrays, contests, tree, lp, out, floats.box, domain_rows, stretch, handed_over
            )
        else:
            question = side.advance(contests, tree, lp, out, stretch, handed_over)
        pace = max(1, pace // 2) if perf_counter() - start > STRETCH else min(STEPS, 2 * pace)
        if side is not None:
            if question in QUESTIONS:
                side.answer(tree, int(question))
            elif question == state.ASK_UNIT:
                side.prepare(tree)
        match question:
            case state.ASK_UNIT | state.ASK_FACET | state.ASK_CELL | state.ASK_LINES:
                _answer(settler, tree, lp, out, int(question))
            case state.ASK_GROUP:
                chooser.proceed(scaled.arrays, tree, lp, out, floats.box, int(tree.counters[state.QFRAME]))
                if side is not None and tree.counters[state.TOP] > tree.counters[state.QFRAME]:
                    side.adopt(tree)
            case state.GROW:
                tree, lp = grow(tree, lp)
                if side is not None:
                    side.grow(tree)
            case state.HAND_OVER:
                chunk = _take(tree, out, settler, keep)
                if not chunk.is_empty:
                    yield chunk
                yield take_off(tree, settler, side)
            case state.FLUSH | state.RUNNING:
                if often or question != state.RUNNING or _filled(tree, out) > room:
                    chunk = _take(tree, out, settler, keep)
                    room -= chunk.size
                    yield chunk
                steps -= stretch if question == state.RUNNING else 0
                if steps <= 0:
                    steps, handed_over = inf, -inf
                elif room < 0:
                    handed_over = 0.0
                elif perf_counter() > end:
                    handed_over = LEAST * (subtree.share if subtree else 1.0)
            case state.DONE:
                yield _take(tree, out, settler, keep)
                return
        if question not in (state.FLUSH, state.RUNNING, state.HAND_OVER) and perf_counter() - heard > SILENCE:
            chunk = _take(tree, out, settler, keep)
            room -= chunk.size
            yield chunk
            heard = perf_counter()


def _plant(tree: Tree, lp: Lp, settler: Settler, domain: object, floats: FloatDomain) -> tuple[Tree, Lp]:
    """The root: the domain's rows, and its interior point."""
    count, d = floats.rows.shape[0], settler.form.dimension
    while tree.rows.shape[0] < count + 8 or tree.lists.shape[1] < 2 * count + 64:
        tree, lp = grow(tree, lp)
    tree.rows[:count] = floats.rows
    tree.lists[state.ACTIVE, : count - 2 * d] = np.arange(2 * d, count)
    tree.lists[state.OUTER :, : count - 2 * d] = -1
    root = tree.frames[0]
    root[state.PHASE], root[state.ROWS], root[state.A1] = state.NEW_LAYER, count, count - 2 * d
    settler.store_interior(tree, 0, domain.interior)
    root[state.P1] = root[state.SLOTS] = 1
    tree.shares[1] = 1.0
    tree.counters[state.READY] = -1
    if not settler.form.bits:
        root[state.PHASE] = state.CELL
    return tree, lp


def _vertices_of(
    tree: Tree, settler: Settler, floats: FloatDomain, scaled: ScaledForm, subtree: Subtree | None
) -> VertexSide:
    """The vertices of the node the walk starts from."""
    side = VertexSide(scaled.arrays, settler, floats, tree.frames.shape[0], tree.rows.shape[0])
    if subtree is None or subtree.corners is None:
        side.plant_root(tree)
    else:
        side.plant(tree, subtree.corners)
    return side


def _answer(settler: Settler, tree: Tree, lp: Lp, out: Output, question: int) -> None:
    """Answer one question exactly, and leave the answer for the walk."""
    counters = tree.counters
    f, subject = int(counters[state.QFRAME]), int(counters[state.QUNIT])
    match question:
        case state.ASK_UNIT:
            counters[state.ANSWER] = settler.settle_unit(tree, lp, out, f, subject)
        case state.ASK_FACET:
            counters[state.ANSWER] = settler.settle_facet(tree, lp, out, f, subject)
        case state.ASK_LINES:
            settler.write_lines(tree, f)
            counters[state.ANSWER] = state.IS_WRITTEN
        case _:
            settler.write_cell(tree, out, subject)
            counters[state.ANSWER] = state.IS_WRITTEN


def _filled(tree: Tree, out: Output) -> int:
    """Bytes of results in the buffers."""
    counters = tree.counters
    arrays = (
        *((out.codes, state.NCODE), (out.reals, state.NREAL), (out.facet_flips, state.NFACE)),
        *((out.cell_bits, state.NCELL), (out.cell_points, state.NCELL), (out.cell_marks, state.NCELL)),
    )
    return sum(array.strides[0] * int(counters[count]) for array, count in arrays)


def _take(tree: Tree, out: Output, settler: Settler, keep: Callable[[np.ndarray], np.ndarray]) -> Chunk:
    """Empty the output buffers; a cell whose facets are not all found stays."""
    counters = tree.counters
    top = int(counters[state.TOP])
    kept = int(top >= 0 and counters[state.NCELL] > 0 and tree.frames[top, state.PHASE] == state.FACET_ROWS)
    n = int(counters[state.NCELL]) - kept
    faces = int(counters[state.NFACE])
    kept_faces = int(out.cell_marks[n, 1]) if kept else 0
    marks = out.cell_marks[:n]
    points, exact = keep(out.cell_points[:n]), {}
    for i in np.flatnonzero(marks[:, 0] >= 0).tolist():
        point = settler.points[int(marks[i, 0])]
        doubles = as_doubles(point)
        if doubles is None:
            exact[i] = point
        else:
            points[i] = doubles
    chunk = Chunk(
        keep(out.cell_bits[:n]),
        points,
        exact,
        keep(marks[:, 1]),
        keep(out.facet_flips[: faces - kept_faces]),
        keep(out.codes[: counters[state.NCODE]]),
        keep(out.reals[: counters[state.NREAL]]),
        settler.bigs,
        Tally(
            int(counters[state.CELLS]),
            float(tree.shares[0]),
            int(counters[state.LPS]),
            settler.settled,
            int(counters[state.RECORDS]),
        ),
    )
    settler.bigs = []
    if not kept:
        settler.forget_points(tree)
    for array in (out.cell_bits, out.cell_points, out.cell_marks):
        array[:kept] = array[n : n + kept]
    out.facet_flips[:kept_faces] = out.facet_flips[faces - kept_faces : faces]
    counters[state.NCELL], counters[state.NFACE] = kept, kept_faces
    counters[state.NCODE] = counters[state.NREAL] = 0
    return chunk
