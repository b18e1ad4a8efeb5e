"""The placement report against a second implementation, known values, and relations that hold exactly."""

import csv
import io
import json
import random
import subprocess
import sys
from fractions import Fraction

import placement_oracle as oracle
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sparing import examples, some

import exactcpa as cpa
from exactcpa.cli import main
from exactcpa.errors import BadArgument, BadNetwork, DimensionMismatch
from exactcpa.network import Consecutive
from exactcpa.placement_variants import random_biases

F = Fraction
SMALL = st.sampled_from([F(0), F(1), F(-1), F(2), F(1), F(-2), F(1, 2), F(3)])


# ---------------------------------------------------------------------- both implementations on one instance


def to_network(layers, head):
    """The package's network of the oracle's layers."""
    made = []
    for layer in layers:
        made.append(cpa.Linear(layer["weight"], layer["bias"]))
        if layer["bn"] is not None:
            gamma, beta, epsilon = layer["bn"]
            width = len(layer["weight"])
            made.append(cpa.TrainingBatchNorm(gamma=[gamma] * width, beta=[beta] * width, epsilon=epsilon))
        made.append({0: cpa.ReLU(), -1: cpa.Abs()}.get(layer["slope"], cpa.LeakyReLU(layer["slope"])))
    return cpa.Network(len(layers[0]["weight"][0]), (*made, cpa.Linear(*head)))


def facts_of(report, name):
    """The report of one variant in the oracle's form."""
    mine = {"variant": name}
    made = {"distances": {}, "units": {}, "folds": {}, "samples": {}, "windows": {}}
    for row in report["distances"].where(mine):
        made["distances"][row["layer"], row["unit"], row["sample"]] = row["squared"]
    columns = (
        "state",
        "flat_cells",
        "centroid_residual",
        "mean_squared",
        "optimum",
        "excess",
        "positive",
        "zero",
    )
    for row in report["units"].where(mine):
        key = row["layer"], row["unit"]
        made["units"][key] = tuple(row[c] for c in (*columns, "negative", "input_mean_squared", "folds"))
        made["folds"][key] = []
    for row in report["folds"].where(mine):
        made["folds"][row["layer"], row["unit"]].append((row["facet_of"], row["cosine_squared"], row["sign"]))
    made["folds"] = {key: sorted(folds) for key, folds in made["folds"].items()}
    for row in report["samples"].where(mine):
        made["samples"][row["sample"]] = (row["cells"], row["boundary_squared"])
    for row in report["windows"].where(mine):
        made["windows"][row["sample"]] = (row["open_cells"], row["closed_cells"])
    made["variants"] = report["variants"].where(mine)[0]
    made["variants"] = tuple(value for column, value in made["variants"].items() if column != "variant")
    return made


def agree(layers, head, samples, radius, *, chosen=None, seed=0):
    """Compare every number of every variant; gives the report."""
    batch = [samples[i] for i in chosen] if chosen else samples
    frozen = oracle.frozen(layers, batch)
    net = to_network(layers, head)
    is_normalised = any(layer["bn"] is not None for layer in layers)
    mode = {"mode": "train", "batch": chosen} if chosen else {}
    names = ("zero-bias", "random-bias") if is_normalised else ()
    report = cpa.batchnorm_report(net, samples, **mode, compare=names, seed=seed, window=radius)
    columns = list(zip(*samples, strict=True))
    out = (max(max(c) - min(c) for c in columns) or F(1)) / 4
    polygon = oracle.box([min(c) - out for c in columns], [max(c) + out for c in columns])
    drawn = list(random_biases(net, seed).values())
    biases = {"zero-bias": [(F(0),) * len(layer["weight"]) for layer in layers]}
    biases["random-bias"] = [drawn.pop(0) if layer["bn"] is not None else None for layer in layers]
    variants = {"batchnorm": frozen} | {name: oracle.without(layers, biases[name]) for name in names}
    for name, network in variants.items():
        expected = oracle.report(network, head, samples, batch, polygon, radius)
        found = facts_of(report, name)
        for table, entries in expected.items():
            assert found[table] == entries, (name, table)
    return report


def random_instance(seed):
    """A network of 1 or 2 inputs, 1 to 3 layers, and a few samples; ordinary numbers."""
    source = random.Random(seed)
    inputs = source.choice([1, 2, 2])
    layers, width, units = [], inputs, 0
    for _ in range(source.choice([1, 2, 2, 3])):
        outputs = source.randint(1, 3)
        if units + outputs > 6:
            break
        weight = [
            [F(source.randint(-9, 9), source.choice([1, 2, 3, 8])) for _ in range(width)]
            for _ in range(outputs)
        ]
        bias = [F(source.randint(-4, 4), 2) for _ in range(outputs)]
        bn = source.choice([None, (F(1), F(0), F(0)), (F(1), F(0), F(0)), (F(-2), F(1, 3), F(1, 10**5))])
        slope = source.choice([F(0), F(0), F(1, 4), F(-1)])
        layers.append({"weight": weight, "bias": bias, "bn": bn, "slope": slope})
        width, units = outputs, units + outputs
    head = ([[F(source.randint(-3, 3)) for _ in range(width)]], [F(1)])
    samples = [
        tuple(F(source.randint(-12, 12), 4) for _ in range(inputs)) for _ in range(source.randint(2, 5))
    ]
    return layers, head, samples


@st.composite
def degenerate_instances(draw):
    """Small integers: duplicated and dead units, constant units, samples on hyperplanes and on each other."""
    inputs = draw(st.integers(1, 2))
    layers, width = [], inputs
    for _ in range(draw(st.integers(1, 2))):
        outputs = draw(st.integers(1, 3))
        rows = draw(
            st.lists(st.lists(SMALL, min_size=width, max_size=width), min_size=outputs, max_size=outputs)
        )
        if outputs > 1 and draw(st.booleans()):
            rows[-1] = rows[0]
        bias = draw(st.lists(SMALL, min_size=outputs, max_size=outputs))
        bn = draw(
            st.sampled_from(
                [None, (F(1), F(0), F(0)), (F(1), F(0), F(1)), (F(0), F(0), F(1)), (F(1), F(-1), F(1))]
            )
        )
        layers.append(
            {"weight": rows, "bias": bias, "bn": bn, "slope": draw(st.sampled_from([F(0), F(1, 2), F(-1)]))}
        )
        width = outputs
    head = ([[F(1)] * width], [F(0)])
    point = st.tuples(*[st.integers(-2, 2).map(F)] * inputs)
    return layers, head, draw(st.lists(point, min_size=2, max_size=4))


@pytest.mark.parametrize("seed", some(range(24), 6))
def test_second_implementation(seed):
    layers, head, samples = random_instance(seed)

    if oracle.frozen(layers, samples) is None:
        with pytest.raises(BadNetwork, match="epsilon is 0"):
            cpa.batchnorm_report(to_network(layers, head), samples)
        return
    agree(layers, head, samples, F(1, 3), seed=seed)


@pytest.mark.slow
@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(instance=degenerate_instances(), radius=st.sampled_from([F(1), F(1, 2), F(3)]))
def test_second_implementation_on_degenerate(instance, radius):
    layers, _, samples = instance
    assume(oracle.frozen(layers, samples) is not None)
    agree(*instance, radius)


def test_second_implementation_on_a_mini_batch():
    layers, head, _ = random_instance(1)
    samples = [
        tuple(F((7 * i * i + 3 * j) % 11, 2) for j in range(len(layers[0]["weight"][0]))) for i in range(6)
    ]

    agree(layers, head, samples, F(1, 2), chosen=[0, 2, 3, 5])


# ---------------------------------------------------------------------- known values


def plain(gamma=1):
    return lambda width: cpa.TrainingBatchNorm(gamma=[gamma] * width, epsilon=0)


def test_fold_is_not_the_optimum_in_input_space():
    # Inputs -4, 0, 4, 8 minus their mean, leaky: -3/2, -1/2, 2, 6 with mean 3/2, which x = 7/2 has.
    net = cpa.Network(
        1,
        (
            cpa.Linear([[1]], [0]),
            plain()(1),
            cpa.LeakyReLU(F(1, 4)),
            cpa.Linear([[1]], [0]),
            plain()(1),
            cpa.ReLU(),
        ),
    )

    report = cpa.batchnorm_report(net, [[-4], [0], [4], [8]])

    first, second = report["units"].where({"variant": "batchnorm"})
    assert second["input_mean_squared"] == F(89, 4)
    assert first["input_mean_squared"] == 20, (
        "the fold at x = 2, the least mean squared distance of any point"
    )
    assert {
        row["nearest_point"] for row in report["distances"].where({"variant": "batchnorm", "layer": 1})
    } == {(F(7, 2),)}


def test_more_cells_without_batchnorm_in_a_large_window():
    # Six lines in the plane: through one point 12 cells, in general position 1 + 6 + 15.
    rows = [[1, 0], [0, 1], [1, 1], [1, -1], [1, 2], [2, 1]]
    net = cpa.Network(2, (cpa.Linear(rows, [0] * 6), plain()(6), cpa.ReLU()))
    data = [[3, 1], [-2, 4], [1, -3], [0, 0], [-1, 2]]
    biases = {0: ["1/3", "-2/5", "3/7", "1/11", "-5/13", "7/17"]}

    report = cpa.batchnorm_report(net, data, window=50, compare=["random-bias"], biases=biases)

    counts = {row["variant"]: row["open_cells"] for row in report["windows"].where({"centre": "centroid"})}
    assert counts == {"batchnorm": 12, "random-bias": 22}


def test_scales_may_fold_boundaries_away_from_the_data():
    # Standard deviations 5 and 8 of W x.  Only ratios of scales matter: gamma 40 makes them 8 and 5, exact doubles.
    data = [[7, 2], [1, 2], [-1, -2], [-7, -2]]
    last = (cpa.ReLU(), cpa.Linear([[3, -2]], [0]), plain()(1), cpa.ReLU())
    with_scales = cpa.Network(2, (cpa.Linear([[1, 0], [0, 4]], [0, 0]), plain(40)(2), *last))
    unscaled = cpa.Network(2, (cpa.Linear([[1, 0], [0, 4]], [0, 0]), *last))

    means = [cpa.batchnorm_report(net, data, compare=())["units"].rows[2] for net in (with_scales, unscaled)]

    at = cpa.batchnorm_report(unscaled, data, compare=())["units"].columns.index("input_mean_squared")
    assert [row[at] for row in means] == [F(4619, 306), F(7273, 2336)]


def test_three_inputs():
    # Planes that the domain does not cut off: the distance is |h| / |grad h| (and the boundary's the least of them).
    rows, offsets = [[1, 2, 2], [2, -1, 2], [0, 3, -4]], [1, 0, -2]
    net = cpa.Network(3, (cpa.Linear(rows, offsets), cpa.ReLU()))
    data = [(1, 0, "1/2"), (0, 0, 0), (-1, 1, 1)]

    report = cpa.batchnorm_report(net, data, compare=(), domain=cpa.Box([-20] * 3, [20] * 3))

    for i, x in enumerate(data):
        heights = [
            sum(w * F(q) for w, q in zip(row, x, strict=True)) + c
            for row, c in zip(rows, offsets, strict=True)
        ]
        expected = [h * h / sum(w * w for w in row) for h, row in zip(heights, rows, strict=True)]
        assert [row["squared"] for row in report["distances"].where({"sample": i})] == expected
        assert report["samples"].where({"sample": i})[0]["boundary_squared"] == min(expected)


def test_root_mean_square_is_exact():
    net = cpa.Network(1, (cpa.Linear([[3]], [0]), cpa.ReLU()))

    row = cpa.batchnorm_report(net, [[1], [2]], compare=())["units"].dicts()[0]

    assert row["mean_squared"] == F(5, 2)
    assert str(row["rms_distance"]) == "1/2*sqrt(10)"


def test_distances_on_a_slice_are_within_it():
    # The plane x2 = 1 of R^3 with basis (2, 0, 0), (1, 1, 0): unit x0 + x1 - x2 is x0 + x1 = 1 there.
    net = cpa.Network(3, (cpa.Linear([[1, 1, -1]], [0]), cpa.ReLU()))
    plane = cpa.Slice([0, 0, 1], [[2, 1], [0, 1], [0, 0]], cpa.Box([-9, -9], [9, 9]))

    report = cpa.batchnorm_report(net, [[2, 1, 5], [0, 1, 1]], compare=(), domain=plane, window=1)

    assert [row["squared"] for row in report["distances"].dicts()] == [2, 0]
    assert report["distances"].rows[0][-1] == (1, 0, 1)
    assert [row["off_slice_squared"] for row in report["samples"].dicts()] == [16, 0]
    assert [row["boundary_squared"] for row in report["samples"].dicts()] == [2, 0]
    # The square of side 2 around (0, 1, 1) has area 4, which is 2 in the slice's coordinates.
    window = report["windows"].where({"sample": 1})[0]
    assert (window["open_cells"], window["volume"], window["density"]) == (2, 2, 1)
    # Around (2, 1, 1) the line x0 + x1 = 1 meets only the corner of the closed window of radius 1.
    window = report["windows"].where({"sample": 0})[0]
    assert (window["open_cells"], window["closed_cells"]) == (1, 2)


def test_clipped_units_and_maxima():
    # relu6 bends at 0 and 6; the maximum of x, -x and 1 ties at x = -1 and x = 1; the maximum of two at x = 0.
    relu6 = cpa.Network(1, (cpa.Linear([[2]], [0]), cpa.ReLU6()))
    three = cpa.Network(1, (cpa.Linear([[1], [-1], [0]], [0, 0, 1]), cpa.MaxOut(Consecutive(3))))
    two = cpa.Network(1, (cpa.Linear([[1], [-1]], [0, 0]), cpa.MaxOut(Consecutive(2))))

    def squared(net):
        report = cpa.batchnorm_report(net, [[0], [4]], compare=(), domain=cpa.Box([-9], [9]))
        return [(row["breakpoint"], row["sample"], row["squared"]) for row in report["distances"].dicts()]

    assert squared(relu6) == [(0, 0, 0), (0, 1, 16), (1, 0, 9), (1, 1, 1)]
    assert squared(three) == [(0, 0, 1), (0, 1, 9)]
    assert squared(two) == [(0, 0, 0), (0, 1, 16)]


def test_statistics_of_every_mode():
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), plain()(1), cpa.ReLU()))
    data = [[0], [2], [10]]
    running = cpa.freeze(net, [[3], [5]])

    def bend(**chosen):
        return cpa.batchnorm_report(chosen.pop("net", net), data, compare=(), **chosen)["distances"].rows[0][
            -1
        ]

    assert [bend(), bend(mode="train", batch=[0, 1]), bend(mode="eval", net=running)] == [(4,), (1,), (4,)]


# ---------------------------------------------------------------------- relations


def with_data(net, data):
    return cpa.batchnorm_report(net, data, compare=())


def test_translated_data_moves_everything_with_it():
    """The network moved, too: the first layer's mean takes the translation away."""
    layers, head, samples = random_instance(3)
    net = to_network([dict(layer, bn=(F(1), F(0), F(0))) for layer in layers], head)
    shift = (F(5), F(-7, 3))[: net.input]
    moved = [tuple(x + s for x, s in zip(p, shift, strict=True)) for p in samples]

    one, other = with_data(net, samples), with_data(net, moved)

    assert one["distances"].rows and [row[:-1] for row in one["distances"].rows] == [
        row[:-1] for row in other["distances"].rows
    ]
    for name in ("variants", "folds", "windows", "units"):
        assert one[name] == other[name]


def test_permuted_samples_and_scaled_rows_change_nothing():
    layers, head, samples = random_instance(5)
    layers = [dict(layer, bn=(F(1), F(0), F(0))) for layer in layers]
    doubled = [dict(layer, weight=[[4 * w for w in row] for row in layer["weight"]]) for layer in layers]

    one = with_data(to_network(layers, head), samples)
    other = with_data(to_network(doubled, head), samples[::-1])

    last = len(samples) - 1
    turned = {(*row[:4], last - row[4], row[5]) for row in other["distances"].rows}
    assert {row[:-1] for row in one["distances"].rows} == turned
    for name in ("variants", "folds"):
        assert one[name] == other[name]
    keep = ("layer", "unit", "state", "mean_squared", "optimum", "input_mean_squared")
    assert [[row[k] for k in keep] for row in one["units"].dicts()] == [
        [row[k] for k in keep] for row in other["units"].dicts()
    ]


# ---------------------------------------------------------------------- misuse


NORMALISED = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.TrainingBatchNorm(epsilon=0), cpa.ReLU()))
BARE = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.ReLU()))


@pytest.mark.parametrize(
    ("error", "message", "net", "data", "chosen"),
    [
        (BadArgument, "expected mode to be one of", NORMALISED, [[0], [1]], {"mode": "test"}),
        (BadArgument, "expected reading to be one of", NORMALISED, [[0], [1]], {"reading": "real"}),
        (BadArgument, "expected comparisons among", NORMALISED, [[0], [1]], {"compare": ["no-bias"]}),
        (
            BadArgument,
            "each comparison once",
            NORMALISED,
            [[0], [1]],
            {"compare": ["zero-bias", "zero-bias"]},
        ),
        (BadArgument, "no batchnorm", BARE, [[0], [1]], {}),
        (BadArgument, "needs a batch", NORMALISED, [[0], [1]], {"mode": "train"}),
        (BadArgument, "a batch is for mode train", NORMALISED, [[0], [1]], {"batch": [0]}),
        (
            BadArgument,
            "sample numbers from 0 to 1",
            NORMALISED,
            [[0], [1]],
            {"mode": "train", "batch": [0, 2]},
        ),
        (
            BadArgument,
            "each sample of the batch once",
            NORMALISED,
            [[0], [1]],
            {"mode": "train", "batch": [0, 0]},
        ),
        (BadArgument, "window to be positive", NORMALISED, [[0], [1]], {"window": 0}),
        (BadArgument, "margin to be positive", NORMALISED, [[0], [1]], {"margin": -1}),
        (BadArgument, "biases: layer 1 is not one", NORMALISED, [[0], [1]], {"biases": {1: [0]}}),
        (DimensionMismatch, "biases, layer 0", NORMALISED, [[0], [1]], {"biases": {0: [0, 0]}}),
        (DimensionMismatch, "the samples are in", NORMALISED, [[0, 0]], {}),
        (DimensionMismatch, "the domain is in", NORMALISED, [[0], [1]], {"domain": cpa.Box([0, 0], [1, 1])}),
        (BadNetwork, "needs running statistics", NORMALISED, [[0], [1]], {"mode": "eval"}),
        (BadNetwork, "epsilon is 0", NORMALISED, [[1], [1]], {}),
        (BadArgument, "expected a network", "net.json", [[1], [1]], {}),
        (BadArgument, "give a domain", cpa.Network(9, (cpa.ReLU(),)), [[0] * 9], {"compare": ()}),
    ],
)
def test_rejects_misuse(error, message, net, data, chosen):
    with pytest.raises(error, match=message):
        cpa.batchnorm_report(net, data, **chosen)


def test_rejects_unknown_tables():
    report = cpa.batchnorm_report(NORMALISED, [[0], [1]], compare=())
    with pytest.raises(
        BadArgument, match=r"expected a table out of variants, units, .*, windows, got 'fold'"
    ):
        report["fold"]


# ---------------------------------------------------------------------- the command


@pytest.fixture
def files(tmp_path):
    net, data = tmp_path / "net.json", tmp_path / "data.csv"
    layers = [
        {"type": "linear", "weight": [[1, 0], [0, 4]], "bias": [0, 0]},
        {"type": "batchnorm", "epsilon": 0},
        {"type": "relu"},
        {"type": "linear", "weight": [[3, -2]], "bias": [0]},
        {"type": "batchnorm", "epsilon": 0},
        {"type": "relu"},
    ]
    net.write_text(json.dumps({"format": "exactcpa-network", "version": 1, "input": 2, "layers": layers}))
    data.write_text("7,2\n1,2\n-1,-2\n-7,-2\n")
    return str(net), str(data)


def printed(arguments, capsys):
    assert main(["bn", *arguments]) == 0
    return capsys.readouterr()


def test_json_is_one_object_with_exact_numbers(files, capsys):
    out, _ = printed([*files, "--json", "--compare", "zero-bias"], capsys)

    report = json.loads(out)
    direct = cpa.batchnorm_report(cpa.load_network(files[0]), cpa.load_data(files[1]), compare=["zero-bias"])
    assert out.count("\n") == 1
    for name, table in direct.tables.items():
        assert len(report["tables"][name]) == len(table)
    squares = [F(row["squared"]["exact"]) for row in report["tables"]["distances"]]
    assert squares == [row["squared"] for row in direct["distances"].dicts()]
    roots = [float(row["squared"]["root"]) for row in report["tables"]["distances"]]
    assert roots == pytest.approx([float(q) ** 0.5 for q in squares])


def test_csv_has_every_quantity(files, capsys):
    out, _ = printed([*files, "--csv", "--window", "1/3"], capsys)

    lines = list(csv.DictReader(io.StringIO(out)))
    direct = cpa.batchnorm_report(cpa.load_network(files[0]), cpa.load_data(files[1]), window=F(1, 3))
    keys = {"variant", "layer", "unit", "breakpoint", "sample"}
    assert len(lines) == sum(len(t) * len(set(t.columns) - keys) for t in direct.tables.values())
    found = [F(line["exact"]) for line in lines if line["quantity"] == "squared"]
    assert found == [row["squared"] for row in direct["distances"].dicts()]


def test_table_for_people(files, capsys):
    out, err = printed(
        [*files, "--box", "-9", "9", "--mode", "train", "--batch", "0,3", "--seed", "4"], capsys
    )

    assert not err
    assert "units:" in out
    assert "[-9, 9] x [-9, 9]" in out
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "best"], "expected mode to be one of full, train, eval"),
        (["--compare", "nothing"], "expected comparisons among zero-bias, random-bias"),
        (["--window", "-1"], "expected window to be positive"),
        (["--window", "wide"], "window, expected a finite number"),
        (["--batch", "0,x", "--mode", "train"], "--batch: expected sample numbers"),
        (["--mode", "eval"], "needs running statistics"),
        (["--domain", "nowhere.json"], "No such file"),
        (["--json", "--csv"], "exclude each other"),
    ],
)
def test_rejects_bad_input_with_one_sentence(files, capsys, arguments, message):
    assert main(["bn", *files, *arguments]) == 2

    out, err = capsys.readouterr()
    assert not out
    assert message in err
    assert err.count("\n") == 1


def test_rejects_missing_data(files):
    command = [sys.executable, "-m", "exactcpa", "bn", files[0], "nothing.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "nothing.csv" in done.stderr


def test_progress_tells_every_step():
    told = []

    cpa.batchnorm_report(NORMALISED, [[0], [1]], compare=(), progress=told.append)

    assert told[0] == "batchnorm: cells"
    assert told[-1] == "batchnorm: window 3 of 3"


# ---------------------------------------------------------------------- the ideal reading


def near(x):
    """A number of either reading, rounded."""
    return float(x)


def fold_key(row):
    """Unit and facet, then the angle, which is at least 1e-9 apart in the tests or the same."""
    names = ("variant", "layer", "unit", "breakpoint", "facet_of", "sign")
    return *(str(row[name]) for name in names), round(near(row["cosine_squared"]), 9)


def same_but_for_rounding(one, other):
    """Whether two reports agree: counts and texts exactly, rounded scales to rounding.

    Cells may have other numbers, whose order is that of the engine, so folds may come in another order.
    """
    numbers = {"cell", "cell_across"}

    def in_order(table):
        rows = [{k: v for k, v in row.items() if k not in numbers} for row in table.dicts()]
        return sorted(rows, key=fold_key) if numbers <= set(table.columns) else rows

    for name, table in one.tables.items():
        assert len(table) == len(other[name])
        for mine, theirs in zip(in_order(table), in_order(other[name]), strict=True):
            for column, value in mine.items():
                place = (name, column)
                if value is None or isinstance(value, int | str):
                    assert theirs[column] == value, place
                elif not isinstance(value, tuple):
                    assert near(theirs[column]) == pytest.approx(near(value), rel=1e-9, abs=1e-9), place


@pytest.mark.parametrize("seed", [0, 2, 4, 6, 8, 9, 11])
def test_ideal_reading_is_near_the_deployed_one(seed):
    layers, head, samples = random_instance(seed)
    layers = [dict(layer, bn=layer["bn"] or (F(1), F(0), F(0))) for layer in layers]
    assert oracle.frozen(layers, samples) is not None
    net = to_network(layers, head)

    ideal = cpa.batchnorm_report(net, samples, reading="ideal", compare=())

    assert ideal.settings["deployed_and_ideal_are_combinatorially_the_same"]
    same_but_for_rounding(cpa.batchnorm_report(net, samples, compare=()), ideal)


def test_readings_may_differ():
    # Both normalised units are the same function up to sign, so that the difference of their absolute values is zero;
    # with scales rounded apart it bends.
    last = (cpa.Abs(), cpa.Linear([[1, -1]], [0]))
    net = cpa.Network(1, (cpa.Linear([["-3/4"], ["5/8"]], [1, 0]), cpa.TrainingBatchNorm(epsilon=0), *last))
    data = [["1/4"], ["7/4"], [3], [3], [-3]]

    ideal, deployed = (cpa.batchnorm_report(net, data, reading=r, compare=()) for r in ("ideal", "deployed"))

    assert [report["variants"].dicts()[0]["linear_regions"] for report in (ideal, deployed)] == [1, 2]
    assert ideal.settings["deployed_and_ideal_are_combinatorially_the_same"] is False


def test_ideal_reading_with_rational_roots_is_exact():
    # Standard deviations 5 and 8; 1/5 is no double, so that the deployed network differs a little.
    data = [[7, 2], [1, 2], [-1, -2], [-7, -2]]
    layers = (
        cpa.Linear([[1, 0], [0, 4]], [0, 0]),
        plain()(2),
        cpa.ReLU(),
        cpa.Linear([[3, -2]], [0]),
        plain()(1),
    )
    net = cpa.Network(2, (*layers, cpa.ReLU()))

    ideal, deployed = (
        cpa.batchnorm_report(net, data, compare=(), reading=r)["units"].dicts()[2]
        for r in ("ideal", "deployed")
    )

    assert ideal["input_mean_squared"] == F(4619, 306) != deployed["input_mean_squared"]
    assert ideal["mean_squared"] == F(83, 650)


def test_ideal_reading_keeps_roots():
    # Variance 2/3 and beta 1: the bend is at x = 1 - sqrt(2/3), with distance 1/3 sqrt(6) from the mean sample.
    net = cpa.Network(1, (cpa.Linear([[1]], [0]), cpa.TrainingBatchNorm(beta=[1], epsilon=0), cpa.ReLU()))

    report = cpa.batchnorm_report(net, [[0], [1], [2]], reading="ideal", compare=())

    row = report["units"].dicts()[0]
    assert (row["excess"], row["optimum"], row["mean_squared"]) == (F(2, 3), F(2, 3), F(4, 3))
    first, second, _ = report["distances"].dicts()
    assert str(first["squared"]) == "5/3 + -2/3*sqrt(6)"
    assert second["squared"] == F(2, 3)
    assert str(second["nearest_point"][0]) == "1 + -1/3*sqrt(6)"
    entry = report.to_json()["tables"]["distances"][0]["squared"]
    low, high = map(F, entry["enclosure"])
    assert low < high
    assert (low - F(5, 3)) ** 2 > F(8, 3) > (high - F(5, 3)) ** 2
    assert entry["decimal"].startswith("0.0336735")
    assert float(entry["root"]) == pytest.approx(1 - (2 / 3) ** 0.5)


def test_ideal_reading_on_a_slice():
    net = cpa.Network(
        3, (cpa.Linear([[1, 1, -1]], [0]), cpa.TrainingBatchNorm(beta=[1], epsilon=0), cpa.ReLU())
    )
    plane = cpa.Slice([0, 0, 1], [[2, 1], [0, 1], [0, 0]], cpa.Box([-9, -9], [9, 9]))
    data = [[2, 1, 5], [0, 1, 1], [1, 1, 0]]

    ideal, deployed = (
        cpa.batchnorm_report(net, data, compare=(), domain=plane, reading=r, window=1)
        for r in ("ideal", "deployed")
    )

    assert "sqrt" in str(ideal["distances"].rows[0])
    same_but_for_rounding(deployed, ideal)


def test_ideal_reading_of_the_command(files, capsys):
    out, _ = printed([*files, "--reading", "ideal", "--json"], capsys)

    settings = json.loads(out)["settings"]
    assert settings["deployed_and_ideal_are_combinatorially_the_same"] is True
