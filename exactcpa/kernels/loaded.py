"""Have the compiled kernels ready before the clock starts: from the cache in a second, else compiled once.

Main definitions: `load_kernels_for`, `load_kernels`, `load_matching`.

Not here: the kernels.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from exactcpa.float_form import FloatForm
from exactcpa.kernels import graph, matching, state
from exactcpa.kernels.contest import Contests, push_winner, write_leads
from exactcpa.kernels.sizes import sizes_for
from exactcpa.kernels.tree import advance
from exactcpa.kernels.vert_state import new_corners
from exactcpa.kernels.vertex_tree import advance_vertices
from exactcpa.switch_form import SwitchForm


@cache
def load_kernels(*, groups: bool, method: str = "lp", dimension: int = 1, switches: int = 1) -> None:
    """Run every kernel that is called from outside on nothing at all, once.

    Args:
        groups: Whether maxima of three and more lines will come, which have kernels of their own.
        method: ``"lp"`` or ``"vertex"``: whose walk.
        dimension: Of the domain.
        switches: How many the widest layer has.
    """
    form = FloatForm(
        np.zeros((1, 4), np.int64),
        np.zeros((1, 1, 3)),
        np.zeros((1, 1, 1, 3)),
        np.zeros((1, 1, 1, 3)),
        np.zeros((1, 1, 8)),
        np.zeros((1, 1), np.int64),
        np.zeros((0, 1, 3)),
        np.zeros((0, 1, 1, 3)),
        np.zeros((0, 1, 1, 3)),
    )
    tree, lp = state.new_tree(1, 1, 1, 1)
    tree.counters[state.TOP] = -1
    out, box, contests = state.new_output(1, 1, 1, 1), np.zeros((6, 1)), _no_contests()
    if method == "vertex":
        corners = new_corners(tree.frames.shape[0], switches, 1, tree.rows.shape[0], box)
        sizes = sizes_for(dimension, 1, corners.signs.shape[2])
        advance_vertices(form, contests, tree, lp, out, corners, box, 2, 1, np.inf, sizes)
    else:
        advance(form, contests, tree, lp, out, box, 2, 1, np.inf)
    if groups:
        _load_contest(form, contests, tree, lp, out, box)
    words, table = np.zeros((0, 1), np.uint64), np.full(16, -1, np.int64)
    starts, none, flips = np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int32)
    groups, bits, verdicts = np.zeros((1, 1), np.int64), np.zeros(1, np.int64), np.zeros(0, np.int8)
    graph.fill_table(words, table)
    graph.find(words, table, np.zeros(1, np.uint64))
    graph.match_facets(words, table, starts, flips, none, 0, 0)
    graph.find_one_sided(starts, none, 0, 0)
    graph.classify_edges(
        form, groups, groups, groups, bits, bits, words, starts, flips, none, verdicts, verdicts, 0, 0
    )
    graph.merge(starts, none, verdicts, none)


def load_kernels_for(form: SwitchForm, method: str) -> None:
    """The kernels for the walk of a network in switch form."""
    load_kernels(
        groups=any(layer.groups for layer in form.layers),
        method=method,
        dimension=form.dimension,
        switches=max(layer.switches for layer in form.layers),
    )


def load_matching() -> None:
    """The kernels of `matching`, on nothing at all."""
    words, table = np.zeros((0, 1), np.uint64), np.full(16, -1, np.int64)
    starts, none, flips = np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int32)
    matching.count_regions(words, 15, 4, table)
    matching.gather(words, 0, 15, 4, 0, none, words, 0)
    matching.fill_region(words, 0, 15, table)
    matching.match_region(words, starts, flips, 15, 4, 0, none, words, table, none)
    matching.find_in_regions(words, table, 4, np.zeros(1, np.uint64))
    matching.find_one_sided(starts, none, 0, 0)
    matching.join_equal(starts, none, np.zeros(0, np.int8), 0, none)
    matching.number(none)


def _no_contests() -> Contests:
    """A layer without groups."""
    return Contests(
        np.zeros((1, 1), np.int64),
        np.zeros((1, 1), np.int64),
        np.zeros((1, 1), np.int64),
        np.zeros((1, 1), np.int64),
        np.zeros((1, 1)),
        np.zeros((1, 6)),
        np.zeros(1, np.int64),
    )


def _load_contest(
    form: FloatForm, contests: Contests, tree: state.Tree, lp: state.Lp, out: state.Output, box: np.ndarray
) -> None:
    """The kernels of `choose`, with no candidate."""
    write_leads(tree.lines[0], contests.candidates[0], 0, 0, 0, contests.leads, 1)
    wide = contests._replace(starts=np.zeros((1, 2), np.int64))
    push_winner(form, wide, tree, lp, out, box, 0, 0, 0, 1)
