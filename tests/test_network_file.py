"""Network files: exact round trips, every field of every type, and one sentence for every kind of damage."""

import copy
import io
import json
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from network_strategies import networks
from sparing import examples

from exactcpa.errors import BadArgument, BadFile, BadNetwork, DimensionMismatch, ExactcpaError, InexactNumber
from exactcpa.network import (
    BatchNorm,
    HardTanh,
    LeakyReLU,
    Linear,
    MaxPool,
    Network,
    PReLU,
    ReLU,
    Windows,
)
from exactcpa.network_file import from_json, load_network, parse_json, save_network, to_json

F = Fraction
HEAD = {"format": "exactcpa-network", "version": 1}
NORM = {"type": "batchnorm", "mean": [0, 0], "variance": [1, 3], "gamma": [1, 1], "beta": [0, 0]}
EXAMPLE = {
    **HEAD,
    "input": 2,
    "layers": [
        {"type": "linear", "weight": [[1, "1/3"], [0.5, -2]], "bias": [0, "0x1p-3"]},
        {**NORM, "epsilon": "1e-5"},
        {"type": "relu"},
        {"type": "linear", "weight": [[1, 1]], "bias": [0]},
    ],
}
SHAPES = {"shape": [1, 2, 2], "kernel": [1, 2]}
# One full JSON object of every type, for four inputs; written back, each must come out the same.
EVERY_TYPE = [
    {"type": "linear", "weight": [[1, 0.5, "1/3", -2]], "bias": [7]},
    {
        **{key: value * 2 if isinstance(value, list) else value for key, value in NORM.items()},
        "epsilon": "1/10",
    },
    {"type": "relu"},
    {"type": "leaky_relu", "slope": "1/100"},
    {"type": "prelu", "slope": 0.25},
    {"type": "prelu", "slope": [0, "1/3", -1, 2]},
    {"type": "abs"},
    {"type": "hardtanh", "min": "-1/3", "max": 2},
    {"type": "relu6"},
    {"type": "flatten"},
    {"type": "maxout", "size": 2},
    {"type": "maxout", "groups": [[0, 1, 2], [3], [3, 0]]},
    {"type": "maxpool", "size": 4},
    {"type": "maxpool", "groups": [[3, 1]]},
    {"type": "maxpool", **SHAPES, "stride": [1, 1]},
    {"type": "avgpool2d", **SHAPES, "stride": [2, 1]},
    {
        "type": "conv2d",
        "weight": [[[[1, "1/3"]]], [[[0, 2]]]],
        "bias": [0, 1],
        "shape": [1, 2, 2],
        "stride": [1, 2],
        "padding": [0, 1],
    },
    {"type": "residual", "layers": [{"type": "relu"}, {"type": "residual", "layers": [{"type": "abs"}]}]},
]


def example(**changes):
    return {**copy.deepcopy(EXAMPLE), **changes}


def with_layer(**layer):
    return {**HEAD, "input": 4, "layers": [{"type": "relu"}, layer]}


def test_base_case_the_example_of_the_format():
    net = from_json(EXAMPLE)
    assert net.layers[0] == Linear([[1, F(1, 3)], [F(1, 2), -2]], [0, F(1, 8)])
    norm = BatchNorm(mean=[0, 0], variance=[1, 3], gamma=[1, 1], beta=[0, 0], epsilon=F(1, 100000))
    assert net.layers[1:] == (norm, ReLU(), Linear([[1, 1]], [0]))


@pytest.mark.parametrize("layer", EVERY_TYPE, ids=lambda layer: layer["type"])
def test_every_type_is_written_as_it_was_read(layer):
    head = {**HEAD, "input": 4, "layers": [layer]}
    assert to_json(from_json(head)) == head


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_json_text_keeps_every_network(net):
    assert from_json(parse_json(json.dumps(to_json(net), allow_nan=False))) == net


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(net=networks())
def test_files_keep_every_network(net, tmp_path):
    save_network(net, tmp_path / "net.json")
    assert load_network(tmp_path / "net.json") == net
    assert load_network(str(tmp_path / "net.json")) == net


def test_defaults_of_fields():
    layers = [{"type": kind} for kind in ("leaky_relu", "hardtanh")]
    layers.append({"type": "maxpool", "shape": [1, 2, 2], "kernel": 2})
    net = from_json({**HEAD, "input": 4, "layers": layers})
    assert net.layers == (LeakyReLU(F(0.01)), HardTanh(-1, 1), MaxPool(Windows([1, 2, 2], 2, 2)))
    bare = {"type": "batchnorm", "mean": [1], "variance": [2], "epsilon": 0}
    (norm,) = from_json({**HEAD, "input": 1, "layers": [bare]}).layers
    assert (norm.gamma, norm.beta) == ((1,), (0,))


def test_a_json_number_is_the_nearest_double_and_a_text_is_exact():
    numbers = '[0.1, "0.1", 9007199254740993, "9007199254740993", 1e400000, -0]'
    read = parse_json(numbers)
    assert read[:4] == [0.1, "0.1", 2.0**53, "9007199254740993"]
    assert parse_json("9007199254740992") == 2**53
    text = json.dumps({**HEAD, "input": 1, "layers": [{"type": "prelu", "slope": "@"}]})
    for literal, expected in [("0.1", F(0.1)), ('"0.1"', F(1, 10)), ("9007199254740993", F(2**53))]:
        net = from_json(parse_json(text.replace('"@"', literal)))
        assert net.layers == (PReLU(expected),)


def test_load_network_takes_networks_and_objects():
    net = from_json(EXAMPLE)
    assert load_network(net) is net
    assert load_network(EXAMPLE) == net


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected a network object, got list"),
        (None, "expected a network object, got null"),
        ({}, "field format: expected 'exactcpa-network', got none"),
        (example(format="onnx"), "field format: .* got 'onnx'"),
        (example(version=2), "field version: expected 1, got 2"),
        (example(version=True), "field version: expected 1, got True"),
        (example(version="1"), "field version: expected 1, got '1'"),
        (example(name="x"), "field name: unknown; expected format, version, input, layers"),
        (HEAD, "field input: missing"),
        ({**HEAD, "input": 2}, "field layers: missing"),
        (example(input=None), "field input: expected a value, got null"),
        (example(input=2.5), "field input: expected an integer of at least 1, got 2.5"),
        (example(input=True), "field input: expected an integer"),
        (example(input=3), r"^layer 0 \(linear\), field weight: expected 3 entries \(inputs\), got 2"),
        (example(layers=[]), "field layers: expected at least one layer, got none"),
        (example(layers={}), "field layers: expected a list, got dict"),
        (example(layers=["relu"]), "layer 0: expected an object, got str: 'relu'"),
        (example(layers=[{}]), "layer 0, field type: expected one of linear, .*; got none"),
        (example(layers=[{"type": "gelu"}]), "layer 0, field type: .*; got 'gelu'"),
        (example(layers=[{"type": ["relu"]}]), r"layer 0, field type: .*; got \['relu'\]"),
    ],
)
def test_rejects_heads(value, message):
    with pytest.raises(ExactcpaError, match=message):
        from_json(value)


LINEAR = {"type": "linear", "weight": [[1, 2, 3, 4]], "bias": [0]}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"type": "relu", "slope": 1}, r"\(relu\), field slope: unknown"),
        ({"type": "linear", "weight": [[1] * 4]}, r"\(linear\), field bias: missing"),
        ({**LINEAR, "bias": None}, r"\(linear\), field bias: expected a value, got null"),
        (
            {**LINEAR, "weight": [[1, 2, 3, 4], [1, 2]]},
            r"\(linear\), field weight: expected 4 entries .* got 2",
        ),
        ({**LINEAR, "weight": [[1, 2, 3, "x"]]}, r"field weight: .* text 'x' at index \[0\]\[3\]"),
        ({**LINEAR, "weight": [[1, 2, 3, True]]}, r"field weight: .* boolean True at index \[0\]\[3\]"),
        ({**LINEAR, "weight": [[1, 2, 3, None]]}, r"field weight: .* NoneType"),
        ({**LINEAR, "weight": {"a": 1}}, "field weight: expected a list"),
        ({**LINEAR, "bias": [float("nan")]}, r"\(linear\), field bias: .* got nan at index \[0\]"),
        ({**LINEAR, "bias": [0, 0]}, r"\(linear\), field bias: expected 1 entries"),
        (
            {"type": "batchnorm", "variance": [1], "epsilon": 0},
            r"\(batchnorm\), field mean: missing; .* or neither",
        ),
        ({"type": "batchnorm", "mean": [0] * 4, "epsilon": 0}, r"\(batchnorm\), field variance: missing"),
        (
            {"type": "batchnorm", "mean": [0] * 4, "variance": [1] * 4},
            r"\(batchnorm\), field epsilon: missing",
        ),
        (
            {"type": "batchnorm", "mean": [0] * 4, "variance": [1, 1, 1, -1], "epsilon": 1},
            r"^layer 1 \(batchnorm\), field variance: .* positive number plus epsilon, got -1 at index 3",
        ),
        ({"type": "leaky_relu", "slope": "fast"}, r"\(leaky_relu\), field slope"),
        ({"type": "prelu"}, r"\(prelu\), field slope: missing"),
        ({"type": "prelu", "slope": [1, 2]}, r"\(prelu\), field slope: expected 4"),
        ({"type": "hardtanh", "min": 1, "max": -1}, r"\(hardtanh\), field max: .* got -1 with min 1"),
        ({"type": "maxout"}, r"\(maxout\), field size: expected size or groups"),
        ({"type": "maxout", "size": 3}, r"\(maxout\), field size: expected a divisor of 4"),
        ({"type": "maxout", "size": 2, "groups": [[0]]}, r"\(maxout\), field groups: unknown"),
        ({"type": "maxout", **SHAPES}, r"\(maxout\), field shape: unknown"),
        ({"type": "maxpool"}, r"\(maxpool\), field size: expected size, groups, or shape and kernel"),
        ({"type": "maxpool", "kernel": 2}, r"\(maxpool\), field shape: missing"),
        ({"type": "maxpool", "groups": [[0, 4]]}, r"\(maxpool\), field groups: .* below 4, got 4 in group 0"),
        ({"type": "maxpool", "shape": [1, 3, 3], "kernel": 2}, r"\(maxpool\), field shape: expected 4"),
        ({"type": "avgpool2d", **SHAPES, "padding": 1}, r"\(avgpool2d\), field padding: unknown"),
        ({"type": "conv2d", "weight": [[[[1]]]], "bias": [0]}, r"\(conv2d\), field shape: missing"),
        ({"type": "residual", "layers": []}, r"\(residual\), field layers: expected at least one layer"),
        ({"type": "residual", "layers": [LINEAR]}, r"\(residual\), field layers: expected 4 outputs"),
        (
            {"type": "residual", "layers": [{"type": "abs"}, {**LINEAR, "bias": ["1/0"]}]},
            r"^layer 1 \(residual\), layer 1 \(linear\), field bias: .* denominator zero",
        ),
    ],
)
def test_rejects_layers_and_says_where(layer, message):
    with pytest.raises((BadNetwork, DimensionMismatch, InexactNumber), match=message) as caught:
        from_json(with_layer(**layer))
    assert str(caught.value).startswith("layer 1 (")
    assert "\n" not in str(caught.value)


SLOPE = json.dumps({**HEAD, "input": 1, "layers": [{"type": "prelu", "slope": "@"}]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "net.json, not JSON: Expecting value at line 1, column 1"),
        ("{'a': 1}", "net.json, not JSON"),
        (SLOPE[:-1], "net.json, not JSON"),
        (SLOPE + "{}", "net.json, not JSON: Extra data"),
        ("[" * 100_000, "net.json, .*nested too deeply"),
        (b"\xff\xfe{}", "net.json, not JSON: not UTF-8 text"),
        (SLOPE.replace('"@"', "NaN"), r"layer 0 \(prelu\), field slope: expected a finite number, got nan"),
        (SLOPE.replace('"@"', "-Infinity"), r"layer 0 \(prelu\), field slope: .* got -inf"),
        (
            SLOPE.replace('"@"', "1e999"),
            r"layer 0 \(prelu\), field slope: .* '1e999', which is beyond float64",
        ),
        (SLOPE.replace('"@"', "9" * 6000), r"layer 0 \(prelu\), field slope: .*, which is beyond float64"),
        (SLOPE.replace('"@"', "true"), r"layer 0 \(prelu\), field slope: .* boolean True"),
        (SLOPE.replace('"@"', '1, "slope": 2'), r"net.json, field layers\[0\].slope: expected once"),
        (
            SLOPE.replace('"version": 1', '"version": 1, "version": 1'),
            "net.json, field version: expected once",
        ),
        (SLOPE.replace('"version": 1', '"version": 1.0'), "field version: expected 1, got 1.0"),
        (SLOPE.replace("1, ", "1e999, ").replace('"@"', "0"), "field version: expected 1, got '1e999'"),
    ],
    ids=range(15),
)
def test_rejects_texts(text, message, tmp_path):
    path = tmp_path / "net.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExactcpaError, match=message) as caught:
        load_network(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250 + len(str(path))


def test_degenerate_deep_residuals_are_read_or_refused(tmp_path):
    layer = {"type": "relu"}
    for _ in range(400):
        layer = {"type": "residual", "layers": [layer]}
    path = tmp_path / "net.json"
    path.write_text(json.dumps({**HEAD, "input": 1, "layers": [layer]}))
    with pytest.raises(BadNetwork, match="nested too deeply"):
        load_network(path)


def test_rejects_sources(tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "net.txt").write_text("{}")
    for suffix in (".onnx", ".safetensors", ".nnet"):
        (tmp_path / f"net{suffix}").write_bytes(b"")
        with pytest.raises(BadFile, match=f"{suffix} files are not read yet"):
            load_network(tmp_path / f"net{suffix}")
    with pytest.raises(BadFile, match="got a directory"):
        load_network(tmp_path / "folder.json")
    with pytest.raises(BadFile, match="no such file"):
        load_network(tmp_path / "absent.json")
    with pytest.raises(BadFile, match=r"expected a \.json or \.npz file, got \.txt"):
        load_network(tmp_path / "net.txt")
    with pytest.raises(BadFile, match="expected a path or a network, got int: 3"):
        load_network(3)
    with pytest.raises(BadArgument, match="shape"):
        load_network(EXAMPLE, shape=[1, 1, 2])


def test_rejects_places_to_save(tmp_path):
    net = from_json(EXAMPLE)
    with pytest.raises(BadFile, match=r"saved as \.json, got \.npz"):
        save_network(net, tmp_path / "net.npz")
    with pytest.raises(BadFile, match="cannot be written"):
        save_network(net, tmp_path / "absent" / "net.json")


ARRAYS = {
    "W0": np.array([[1, 0.1], [0.5, -2], [3, 4]]),
    "b0": np.array([0.0, 1, 2]),
    "W1": np.array([[1, 1, 1]], dtype=np.int8),
    "b1": np.array([0.1], dtype=np.float32),
}
BN0 = {"bn0_mean": np.ones(3), "bn0_var": np.full(3, 2.0), "bn0_eps": np.array(1e-5)}


def saved(tmp_path, arrays):
    np.savez(tmp_path / "net.npz", **arrays)
    return tmp_path / "net.npz"


def test_arrays_have_relu_between(tmp_path):
    net = load_network(saved(tmp_path, ARRAYS))
    first = Linear([[1, F(0.1)], [F(1, 2), -2], [3, 4]], [0, 1, 2])
    assert net == Network(2, (first, ReLU(), Linear([[1, 1, 1]], [F(13421773, 2**27)])))


def test_arrays_with_batchnorm_before_the_relu(tmp_path):
    gamma = {"bn0_gamma": np.array([1.0, 2, 3]), "bn0_beta": np.array([-1.0, 0, 1])}
    last = {"bn1_mean": np.ones(1), "bn1_var": np.ones(1), "bn1_eps": np.array([0.5])}
    net = load_network(saved(tmp_path, {**ARRAYS, **BN0, **gamma, **last}))
    assert [layer.type for layer in net.layers] == ["linear", "batchnorm", "relu", "linear", "batchnorm"]
    norm = BatchNorm(mean=[1] * 3, variance=[2] * 3, gamma=[1, 2, 3], beta=[-1, 0, 1], epsilon=F(1e-5))
    assert net.layers[1] == norm
    assert load_network(saved(tmp_path, {**ARRAYS, **BN0})).layers[1].gamma == (1, 1, 1)


def test_arrays_order_beyond_ten_layers(tmp_path):
    arrays = {f"W{k}": np.array([[k + 1.0]]) for k in range(12)} | {f"b{k}": np.zeros(1) for k in range(12)}
    net = load_network(saved(tmp_path, arrays))
    assert [layer.weight[0][0] for layer in net.layers[::2]] == list(range(1, 13))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b0": None}, r"layer 0 \(linear\), array b0: missing"),
        ({"W0": None}, "array b0: expected the array W0 too"),
        ({"W1": None, "b1": None, "W2": np.eye(1)}, r"layer 2 \(linear\), array W1: missing"),
        ({"W1": None}, "array b1: expected the array W1 too"),
        ({"bias": np.ones(1)}, "array 'bias': unknown"),
        ({"W00": np.eye(2)}, "array 'W00': unknown"),
        ({"W0": np.ones(3)}, r"layer 0 \(linear\), array W0: expected 2 dimensions, got shape \(3,\)"),
        ({"W1": np.ones((1, 2))}, r"layer 2 \(linear\), field weight: expected 3 entries \(inputs\), got 2"),
        ({"b0": np.ones(2)}, r"layer 0 \(linear\), field bias: expected 3"),
        ({"b0": np.array([1, np.nan, 0])}, r"layer 0 \(linear\), field bias: .* got nan at index \[1\]"),
        ({"b0": np.array([1, np.inf, 0])}, r"layer 0 \(linear\), field bias: .* got inf at index \[1\]"),
        ({"b0": np.ones(3, dtype=complex)}, "array b0: expected real numbers, got dtype complex128"),
        ({"b0": np.ones(3, dtype=bool)}, "array b0: expected real numbers, got dtype bool"),
        ({"b0": np.array(["1", "2", "3"])}, "array b0: expected real numbers, got dtype <U1"),
        ({"b0": np.array([F(1), 2, 3], dtype=object)}, "no .npz file of plain arrays"),
        (
            {"W0": np.ones((0, 2)), "b0": np.ones(0)},
            r"layer 0 \(linear\), field weight: expected at least one",
        ),
        ({"bn0_mean": np.ones(3)}, r"layer 1 \(batchnorm\), array bn0_var: missing"),
        ({**BN0, "bn0_mean": None}, r"layer 1 \(batchnorm\), array bn0_mean: missing"),
        ({**BN0, "bn0_eps": None}, r"layer 1 \(batchnorm\), array bn0_eps: missing"),
        ({**BN0, "bn0_eps": np.ones(3)}, r"layer 1 \(batchnorm\), array bn0_eps: expected one number"),
        (
            {**BN0, "bn0_var": -np.ones(3)},
            r"layer 1 \(batchnorm\), field variance: expected a positive number",
        ),
        ({**BN0, "bn0_scale": np.ones(3)}, "array 'bn0_scale': unknown"),
        ({"bn2_mean": np.ones(3)}, "array bn2_mean: expected the array W2 too"),
    ],
)
def test_rejects_arrays(changes, message, tmp_path):
    arrays = {name: array for name, array in {**ARRAYS, **changes}.items() if array is not None}
    with pytest.raises(ExactcpaError, match=message) as caught:
        load_network(saved(tmp_path, arrays))
    assert "\n" not in str(caught.value)


def test_rejects_no_arrays(tmp_path):
    with pytest.raises(BadFile, match="array W0: missing"):
        load_network(saved(tmp_path, {}))


def test_rejects_what_is_no_archive(tmp_path):
    path = saved(tmp_path, ARRAYS)
    whole = path.read_bytes()
    single = io.BytesIO()
    np.save(single, np.eye(2))
    for damaged in (
        b"",
        b"no zip",
        whole[:100],
        whole[:-30],
        whole.replace(b"NUMPY", b"NUMPX"),
        single.getvalue(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(BadFile, match=r"net\.npz, "):
            load_network(path)
    for name in ("W0.npy", "W0", "other.txt"):
        for content in (b"", b"text", b"\x93NUMPY\x01\x00"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(name, content)
            with pytest.raises(BadFile):
                load_network(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_rejects_an_array_given_twice(tmp_path):
    array = io.BytesIO()
    np.save(array, np.eye(2))
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("W0.npy", array.getvalue())
        archive.writestr("W0.npy", array.getvalue())
    with pytest.raises(BadFile, match="more than once"):
        load_network(tmp_path / "net.npz")
