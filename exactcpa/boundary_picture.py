"""A 2-D decision boundary drawn with characters: lines where the class changes, outlines of where classes tie.

Main definitions:
    rough_boundary: The raster of a decision boundary; `picture.draw` makes lines of text of it.

Conventions:
    As `picture`: a drawing in doubles, no bound, decides nothing.

Not here: the exact pieces (`boundary`), drawing (`picture`).
"""

from __future__ import annotations

import numpy as np

from exactcpa.boundary import DecisionBoundary, Piece
from exactcpa.layers import Linear
from exactcpa.network import Network
from exactcpa.picture import Raster, rough_raster


def rough_boundary(boundary: DecisionBoundary, columns: int = 64, lines: int = 22) -> Raster:
    """The classes at every dot of a picture of so many characters, as cells and as classes.

    Raises:
        BadArgument: The domain is not two-dimensional.
    """
    part = boundary.partition
    net = part.network
    if boundary.threshold is not None:  # class 1 is above the threshold
        net = Network(net.input, (*net.layers, Linear([[0], [1]], [0, -boundary.threshold])))
    found = rough_raster(net, part.domain, columns, lines)
    numbers = found.classes.astype(np.int64)
    height, width = numbers.shape
    across, up = (
        float(low) + (float(high) - float(low)) * (np.arange(count) + 0.5) / count
        for low, high, count in zip(part.domain.lower, part.domain.upper, (width, height), strict=True)
    )
    grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1)
    ties = sorted({piece.classes for piece in boundary.pieces if piece.dimension == 2})
    for piece in boundary.pieces:
        if piece.dimension == 2:
            numbers[_is_inside(piece, grid)] = found.classes.max() + 1 + ties.index(piece.classes)
    numbers[found.cells < 0] = -1
    return Raster(numbers, found.classes)


def _is_inside(piece: Piece, grid: np.ndarray) -> np.ndarray:
    inside = np.ones(grid.shape[:2], dtype=bool)
    for *normal, offset in piece.rows:
        size = max(map(abs, normal))
        inside &= grid @ np.array([n / size for n in normal]) <= offset / size
    return inside
