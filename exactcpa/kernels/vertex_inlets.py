"""What the walk by vertices takes over from the other kernels, merged into it with its fixed sizes.

Main definitions: `accumulate`; the others are those of `filters`, `layers`, `nodes` and `records`.

Not here: the walk (`vertex_tree`).
"""

from __future__ import annotations

from exactcpa.kernels import filters, layers, nodes, records, walk_merged

add_line = walk_merged(layers.add_line.py_func)
bound = walk_merged(filters.bound.py_func)
is_bounded = walk_merged(filters.is_bounded.py_func)
needs_lines = walk_merged(layers.needs_lines.py_func)
set_bit = walk_merged(nodes.set_bit.py_func)
sign_at = walk_merged(filters.sign_at.py_func)
stable_side = walk_merged(filters.stable_side.py_func)
value_at = walk_merged(filters.value_at.py_func)
write_drop = walk_merged(records.write_drop.py_func)
write_prune = walk_merged(records.write_prune.py_func)
write_split = walk_merged(records.write_split.py_func)


@walk_merged
def accumulate(sizes, gain, sums, f, lines, layer, k, z, d):
    """As `layers.accumulate`."""
    for i in range(sizes[layer + 1, 0]):
        if gain[layer + 1, k, i, 0] != 0.0 or gain[layer + 1, k, i, 1] != 0.0:
            add_line(sums, f, i, gain[layer + 1, k], i, lines, z, d)
