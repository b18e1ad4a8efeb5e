"""Which windows a unit's hyperplane meets: one inequality, in the first layer and inside any parent cell.

Main definitions:
    STATEMENTS: B3, B6.
    row_range: The least and largest value of a linear function on a window, by the engine's exact linear programs.

Conventions:
    A window is closed: ``|x - c|_inf <= r``, option ``window`` for r (default 1/4).  Centres are the samples and the
    centroid, or the option ``centres``.
    The ideal reading is decided by squaring.  The deployed one, rational, is decided by the inequality and by the
    engine's exact linear programs, which must agree; ideal and deployed may differ, in windows that barely touch.
    Where a window of B6 meets several parent cells it is halved, up to `HALVINGS` times, then left out.

Not here:
    How evidence is re-added: `readd_translations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactcpa.cell import AffineMap, unit_slacks
from exactcpa.domain import Box
from exactcpa.enumerate import enumerate_cells
from exactcpa.errors import BadArgument, shown
from exactcpa.exact_simplex import Optimal, maximise
from exactcpa.halfspaces import to_integers
from exactcpa.layers import HardTanh, LeakyReLU, Linear, TrainingBatchNorm
from exactcpa.network import Network
from exactcpa.numbers import exactly
from exactcpa.patterns import integer
from exactcpa.statistics import freeze
from exactcpa.theorems.layer_view import (
    NONZERO_GAMMA,
    NONZERO_ROW,
    OWN_STATISTICS,
    NormalisedLayer,
    normalised_layers,
)
from exactcpa.theorems.moments import sign_with_root
from exactcpa.theorems.normalised_units import (
    AFFINE,
    BENDS,
    UnitPlace,
    breakpoints_of,
    layers_evidence,
    unit_evidence,
)
from exactcpa.theorems.plain import centroid, dot
from exactcpa.theorems.readd_translations import inequalities, pulled_back, recheck_windows
from exactcpa.theorems.statement import (
    Instance,
    Statement,
    Verdict,
    examined,
    judged,
    network_and_data,
    require,
    size_text,
)
from exactcpa.vectors import Vector, coordinates

HALVINGS = 10
MOST_QUESTIONS = 200
MOST_CENTRES = 25
DEFAULT_RADIUS = Fraction(1, 4)
COVERED = (OWN_STATISTICS, NONZERO_GAMMA, NONZERO_ROW, BENDS)


@dataclass(frozen=True, slots=True)
class Window:
    """A window, and the affine map on it from the input to a feature space.

    Attributes:
        centre: Shape ``(d,)``.
        radius: Positive.
        before: The map, or None: the identity, in the first layer.
    """

    centre: Vector
    radius: Fraction
    before: AffineMap | None


def row_range(row: Sequence[Fraction], window: Window) -> tuple[Fraction, Fraction]:
    """The least and the largest value of ``<row, x>`` on a window, by exact linear programs.

    Example:
        >>> low, high = row_range([Fraction(1), Fraction(-2)], Window((Fraction(0), Fraction(1)), Fraction(1), None))
        >>> str(low), str(high)
        ('-5', '1')
    """
    d = len(row)
    walls = []
    for j in range(d):
        for side in (1, -1):
            normal = [Fraction(side * (i == j)) for i in range(d)]
            walls.append(to_integers(normal, side * window.centre[j] + window.radius))
    *goal, scale = to_integers(list(row), Fraction(1))
    start = to_integers([*window.centre], Fraction(1))
    ends = []
    for side in (-1, 1):
        outcome = maximise(walls, [side * a for a in goal], (start[:-1], start[-1]))
        assert isinstance(outcome, Optimal)  # a window is bounded
        ends.append(side * outcome.value / scale)
    return ends[0], ends[1]


def radius_of(instance: Instance) -> Fraction:
    """The option ``window``, a positive number.

    Raises:
        BadArgument: Another one.
    """
    radius = exactly(instance.options.get("window", DEFAULT_RADIUS))
    if radius <= 0:
        raise BadArgument(f"option window: expected a positive radius, got {shown(radius)}")
    return radius


def centres_of(instance: Instance) -> list[Vector]:
    """The option ``centres``; by default the centroid and the samples, each once."""
    given = instance.options.get("centres")
    if given is not None:
        return [coordinates(point, len(instance.data[0])) for point in given]
    return list(dict.fromkeys([centroid(instance.data), *instance.data]))


# ---------------------------------------------------------------------- one window, one breakpoint


def _entry(place: UnitPlace, tau: Fraction, window: Window, number: int) -> dict[str, Any]:
    """What the inequality says of one window, and what the engine does."""
    before = window.before
    entry: dict[str, Any] = {
        "unit": number,
        "breakpoint": tau,
        "centre": window.centre,
        "radius": window.radius,
        "matrix": None if before is None else before.matrix,
        "shift": None if before is None else before.shift,
    }
    row, constant = pulled_back({"row": place.row}, entry)
    level = tau - place.beta
    at_centre = dot(row, window.centre) + constant - place.mean
    reach = window.radius * sum([abs(a) for a in row], Fraction(0))
    numbers = {"gamma": place.gamma, "scale": place.scale}
    ideal, deployed = inequalities(at_centre, reach, level, numbers, place.square)
    low, high = [end + constant - place.mean for end in row_range(row, window)]
    kappa = level / place.gamma
    ends = [sign_with_root(end, -kappa, place.square) for end in (low, high)]
    return {
        **entry,
        "corners": (low, high),
        "inequality": ideal,
        "inequality_deployed": deployed,
        "engine": ends[0] <= 0 <= ends[1],
        "engine_deployed": low <= level / place.scale <= high,
    }


def _judge(
    instance: Instance, questions: Sequence[tuple[UnitPlace, Fraction, Window]], where: str, note: str
) -> Verdict:
    """Examine windows, each with a unit and a breakpoint."""
    chosen, more = examined(questions, instance, "windows", limit=MOST_QUESTIONS)
    places: dict[str, UnitPlace] = {}
    found = []
    for place, tau, window in chosen:
        places.setdefault(str(place), place)
        found.append(_entry(place, tau, window, list(places).index(str(place))))
    units = [{**unit_evidence(place), "scale": place.scale} for place in places.values()]
    evidence = {
        "layers": layers_evidence(list(places.values())),
        "units": tuple(units),
        "windows": tuple(found),
    }
    agree = [
        entry["engine"] is entry["inequality"] and entry["engine_deployed"] is entry["inequality_deployed"]
        for entry in found
    ]
    hits = sum(entry["inequality"] for entry in found)
    differ = sum(entry["inequality"] is not entry["inequality_deployed"] for entry in found)
    reason = (
        f"{hits} of {len(found)} windows {where} are met by the inequality; the engine's linear programs "
        f"agree in {sum(agree)}, ideal and deployed differ in {differ}{more}{note}"
    )
    return judged(all(agree), reason, size_text(instance), evidence)


def _questions(
    view: NormalisedLayer, windows: Sequence[Window]
) -> Iterator[tuple[UnitPlace, Fraction, Window]]:
    """Every breakpoint of every covered unit, with every window."""
    for k in range(view.units):
        if all(condition.holds(view, k) for condition in COVERED):
            place = UnitPlace(view, k)
            for tau in breakpoints_of(place):
                for window in windows:
                    yield place, tau, window


# ---------------------------------------------------------------------- B3


def _examine_first(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    views = normalised_layers(network, data)
    require(views, "the network has a batchnorm", "got none")
    view = views[0]
    before = network.layers[: view.place[0]]
    require(
        len(view.place) == 1 and all(isinstance(layer, AFFINE) for layer in before),
        "the batchnorm is of the first layer",
        f"{view} comes after {', '.join(layer.type for layer in before) or 'the start of a residual block'}",
    )
    windows = [Window(centre, radius_of(instance), None) for centre in centres_of(instance)]
    questions = list(_questions(view, windows))
    require(questions, f"{', '.join(c.words for c in COVERED)}", f"no unit of {view} is covered")
    return _judge(instance, questions, "of the first layer", "")


def _first_default() -> Instance:
    """Hard tanh, two breakpoints a unit; s = 2 for the first row, irrational for the second."""
    net = Network(
        2,
        (
            Linear([[1, 0], [1, -2]], [5, 0]),
            TrainingBatchNorm(epsilon=0, gamma=[1, -3], beta=["1/2", 0]),
            HardTanh(),
        ),
    )
    points = ([-2, 1], [2, 0], [-2, 3], [2, 5])
    data = tuple([tuple([Fraction(x) for x in point]) for point in points])
    return Instance(net, data, options={"window": Fraction(1)})


# ---------------------------------------------------------------------- B6


def _examine_deep(instance: Instance) -> Verdict:
    network, data = network_and_data(instance)
    frozen = freeze(network, data)
    questions: list[tuple[UnitPlace, Fraction, Window]] = []
    left_out = deep = 0
    centres, few = _few_centres(instance)
    for view in normalised_layers(network, data):
        prefix = _prefix(frozen, view)
        if not prefix:
            continue
        deep += 1
        windows = []
        for centre in centres:
            window = window_in_one_cell(prefix, centre, radius_of(instance))
            windows += [] if window is None else [window]
            left_out += window is None
        questions += _questions(view, windows)
    require(
        deep,
        "there is a batchnorm behind an activation, outside residual blocks",
        f"got none in {len(network.layers)} layers",
    )
    require(
        questions,
        "some window lies in one parent cell, of a unit that is covered",
        f"{left_out} centres are too near a boundary",
    )
    note = few + (f"; {left_out} windows left out, too near a boundary" if left_out else "")
    return _judge(instance, questions, "inside parent cells", note)


def _few_centres(instance: Instance) -> tuple[Sequence[Vector], str]:
    """The centres that can be asked about within the limit, and a note: finding windows costs more than asking."""
    return examined(centres_of(instance), instance, "centres", limit=MOST_CENTRES)


def _prefix(frozen: Network, view: NormalisedLayer) -> tuple[Any, ...]:
    """The layers up to the feature space of a batchnorm; none for the first layer and inside residual blocks."""
    if len(view.place) > 1:
        return ()
    before = frozen.layers[: view.place[0]]
    bends = [
        n for n, layer in enumerate(before) if not isinstance(layer, AFFINE) and layer.type != "batchnorm"
    ]
    return before[: bends[-1] + 1] if bends else ()


def window_in_one_cell(prefix: Sequence[Any], centre: Vector, radius: Fraction) -> Window | None:
    """A window round a centre, halved until it lies in one closed cell of the prefix, with the affine map there.

    The engine lists the cells of the smallest window; if that is one cell, its slacks say how far the cell reaches:
    the window of radius r stays inside a row of slack ``<n, x> + c`` iff ``<n, centre> + c >= r |n|_1``.
    """
    least = radius / 2**HALVINGS
    box = Box([x - least for x in centre], [x + least for x in centre])
    cells = enumerate_cells(Network(len(centre), tuple(prefix)), box, facets=False)
    if len(cells) > 1:
        return None
    pattern = integer(cells.results.words[0])
    for unit in cells.form.units:
        for _, slack in unit_slacks(cells.lines, cells.places, pattern, unit):
            *normal, constant = [Fraction(int(a)) for a in slack]
            reach, room = sum([abs(a) for a in normal]), dot(normal, centre) + constant
            while radius > least and room < radius * reach:
                radius /= 2
    return Window(tuple(centre), radius, cells.affine_map(0))


def _deep_default() -> Instance:
    """Two batchnorms; the second layer's units inside the parent cells of five samples and the centroid."""
    net = Network(
        2,
        (
            Linear([[1, 2], [3, -1], [-1, 1]], [0, 1, 0]),
            TrainingBatchNorm(epsilon=0, beta=["1/8", 0, 0]),
            LeakyReLU("1/4"),
            Linear([[1, -2, 1], [2, 1, -1]], [7, 0]),
            TrainingBatchNorm(epsilon="1e-5", gamma=[1, -2], beta=[0, "1/4"]),
            LeakyReLU("1/4"),
        ),
    )
    points = ([0, 0], [1, 2], [4, -1], [2, 3], [-3, 1])
    data = tuple([tuple([Fraction(x) for x in point]) for point in points])
    centres = (("-1", "-1/2"), (0, "1/2"), (0, 3), ("5/2", 2), ("5/2", -1), *points)
    return Instance(net, data, options={"window": Fraction(1, 8), "centres": centres})


STATEMENTS = (
    Statement(
        id="B3",
        sentence=(
            "The closed window |x-c|_inf <= r meets a first-layer hyperplane iff |w.(c-g) - s kappa| <= r |w|_1, "
            "kappa = (tau-beta)/gamma."
        ),
        hypotheses=(
            "the batchnorm is of the first layer, each coordinate with statistics of its own",
            "the unit's activation, if any, bends one coordinate",
            "gamma and w are not zero",
            "the statistics are those of the data",
        ),
        source="derived for this project, from the duality of the l_inf and l_1 norms",
        expected=True,
        examine=_examine_first,
        default=_first_default,
        recheck=recheck_windows,
        arithmetic="squares",
    ),
    Statement(
        id="B6",
        sentence=(
            "Inside a parent cell on which x -> z is Ax+b, a window meets a deep hyperplane iff "
            "|w.(Ac+b) - mu - s kappa| <= r |A'w|_1."
        ),
        hypotheses=(
            "there is a batchnorm behind an activation, outside residual blocks",
            "some window lies in one parent cell",
            "the unit's activation, if any, bends one coordinate",
            "gamma and w are not zero",
            "the statistics are those of the data, frozen in the deployed reading",
        ),
        source="derived for this project, from the duality of the l_inf and l_1 norms",
        expected=True,
        examine=_examine_deep,
        default=_deep_default,
        recheck=recheck_windows,
        arithmetic="squares",
    ),
)
