"""Picture: a 2-D partition drawn with characters, for a terminal.

People look before they read.  Every character is a braille block of 2 x 4 dots; a dot is set where the
pattern changes to the right or below, so the lines are the facets.  In colour, the background is the class.

Main definitions:
    Raster: What the network does on a grid: a cell number and a class per dot.
    rough_raster: The raster of a network on a 2-D domain, in float64.
    draw: A raster as lines of text.

Conventions:
    Arrays have shape ``(height, width)``, first row at the top (largest second coordinate).  Cell number -1
    is outside the domain.  This is a drawing: float64, no bound, decides nothing.

Not here:
    The exact partition: `partition`.  Figures for print: `plot`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exactcpa.errors import BadArgument
from exactcpa.stages import Bend, Stage, stages

if TYPE_CHECKING:
    from exactcpa.domain import Box, Polytope, Slice
    from exactcpa.network import Network

BRAILLE = 0x2800
# The bit of each dot of a braille character, by row and column.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
# Muted backgrounds of the 256-colour palette, told apart by hue and by lightness.
PALETTE = (17, 130, 22, 54, 240, 30, 88, 58, 64, 125)


@dataclass(frozen=True)
class Raster:
    """What a network does on a grid of dots.

    Attributes:
        cells: Shape ``(height, width)``; equal numbers have equal patterns, -1 is outside the domain.
        classes: Shape ``(height, width)``; the position of the largest output (0 if there is one output).
    """

    cells: np.ndarray
    classes: np.ndarray


def rough_raster(net: Network, domain: Box | Polytope | Slice, columns: int = 64, lines: int = 22) -> Raster:
    """Evaluate a network at every dot of a picture of so many characters.

    Raises:
        BadArgument: The domain is not two-dimensional.
    """
    if domain.dimension != 2:
        raise BadArgument(f"expected a domain of dimension 2 to draw, got dimension {domain.dimension}")
    height, width = 4 * lines, 2 * columns
    across, up = (_midpoints(domain, axis, count) for axis, count in ((0, width), (1, height)))
    grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)
    pieces, outputs = _rough_forward(stages(net), _embedded(domain, grid))
    cells = np.unique(pieces, axis=0, return_inverse=True)[1].reshape(-1)
    cells[~_is_inside(domain, grid)] = -1
    return Raster(cells.reshape(height, width), outputs.argmax(axis=1).reshape(height, width))


def _midpoints(domain: Box | Polytope | Slice, axis: int, count: int) -> np.ndarray:
    low, high = float(domain.lower[axis]), float(domain.upper[axis])
    return low + (high - low) * (np.arange(count) + 0.5) / count


def _embedded(domain: Box | Polytope | Slice, grid: np.ndarray) -> np.ndarray:
    """The network's inputs, shape (n, D): the embedding is affine, so three exact points give it."""
    origin, first, second = (np.array([float(q) for q in domain.embed(t)]) for t in ((0, 0), (1, 0), (0, 1)))
    return origin + grid[:, :1] * (first - origin) + grid[:, 1:] * (second - origin)


def _is_inside(domain: Box | Polytope | Slice, grid: np.ndarray) -> np.ndarray:
    inside = np.ones(len(grid), dtype=bool)
    for normal, offset in domain.rows:
        inside &= grid @ np.array([float(q) for q in normal]) <= float(offset)
    return inside


def _rough_forward(network: tuple[Stage, ...], inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces, shape (n, units), and outputs, shape (n, outputs)."""
    pieces = [np.zeros(len(inputs), dtype=np.int16)]
    values = inputs
    for stage in network:
        lines = values @ _floats(stage.weight).T + _floats(stage.bias)
        computed = [_rough_unit(unit, lines) for unit in stage.units]
        pieces += [piece for piece, _ in computed]
        values = np.stack([value for _, value in computed], axis=1)
    return np.stack(pieces, axis=1), values


def _rough_unit(unit: object, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(unit, Bend):
        line = lines[:, unit.source]
        piece = np.searchsorted(_floats(unit.breakpoints), line, side="right").astype(np.int16)
        return piece, _floats(unit.slopes)[piece] * line + _floats(unit.intercepts)[piece]
    candidates = lines[:, list(unit.sources)]
    return candidates.argmax(axis=1).astype(np.int16), candidates.max(axis=1)


def _floats(rationals: tuple) -> np.ndarray:
    return np.array(rationals, dtype=np.float64)


def draw(raster: Raster, labels: dict[tuple[float, float], str], *, colour: bool, braille: bool) -> list[str]:
    """Draw a raster as lines of text.

    Args:
        raster: Shape ``(4 lines, 2 columns)``.
        labels: One character to write at a place ``(right, down)``, each from 0 to 1.
        colour: Whether to colour the background by class (256-colour escape codes).
        braille: Whether the terminal has braille characters; otherwise ``#`` marks a line.

    Returns:
        The lines, without line ends.
    """
    blocks = _blocks(_has_line(raster.cells))
    texts = [[_character(block, braille=braille) for block in row] for row in blocks]
    lines, columns = blocks.shape
    for (right, down), label in labels.items():
        texts[min(int(down * lines), lines - 1)][min(int(right * columns), columns - 1)] = label
    if not colour:
        return ["".join(row) for row in texts]
    inside, classes = raster.cells[2::4, 1::2] >= 0, raster.classes[2::4, 1::2]
    return [_coloured(row, inside[i], classes[i]) for i, row in enumerate(texts)]


def _has_line(cells: np.ndarray) -> np.ndarray:
    """Where the cell changes to the right or below."""
    marks = np.zeros(cells.shape, dtype=bool)
    marks[:, :-1] |= cells[:, :-1] != cells[:, 1:]
    marks[:-1] |= cells[:-1] != cells[1:]
    return marks


def _blocks(marks: np.ndarray) -> np.ndarray:
    """The braille number of each character, shape (height / 4, width / 2)."""
    height, width = marks.shape
    return (marks.reshape(height // 4, 4, width // 2, 2) * DOTS[None, :, None, :]).sum(axis=(1, 3))


def _character(block: int, *, braille: bool) -> str:
    if not block:
        return " "
    return chr(BRAILLE + int(block)) if braille else "#"


def _coloured(row: list[str], inside: np.ndarray, classes: np.ndarray) -> str:
    pieces = []
    previous = None
    for text, is_inside, number in zip(row, inside, classes, strict=True):
        code = f"\033[48;5;{PALETTE[number % len(PALETTE)]}m" if is_inside else "\033[49m"
        shown = f"\033[1;97m{text}\033[22;37m" if text.isalnum() else text
        pieces.append((code if code != previous else "") + shown)
        previous = code
    return "\033[37m" + "".join(pieces) + "\033[0m"
