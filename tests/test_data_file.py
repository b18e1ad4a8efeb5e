"""Data files: every format, exactly; what is malformed is refused with its place."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactcpa as cpa

THIRD = Fraction(1, 3)
HEAD = {"format": "exactcpa-data", "version": 1}
RATIONALS = st.fractions(max_denominator=10**6) | st.floats(allow_nan=False, allow_infinity=False).map(
    Fraction
)


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


# Reading.


def test_base_case():
    data = cpa.load_data({**HEAD, "points": [["1/3", 0.1], [1, "0x1p-3"]], "labels": [0, 1], "name": "two"})

    assert data.points == ((THIRD, Fraction(0.1)), (Fraction(1), Fraction(1, 8)))
    assert data.labels == (0, 1)
    assert (data.name, data.source, data.dimension, len(data)) == ("two", "", 2, 2)
    assert str(data) == "2 points in R^2, 2 classes"


def test_json_object_and_list(tmp_path):
    rows = [[1, "1/3"], ["0.1", 0.5]]
    as_object = written(tmp_path, "object.json", json.dumps({**HEAD, "points": rows}))
    as_list = written(tmp_path, "list.json", json.dumps(rows))

    expected = ((Fraction(1), THIRD), (Fraction(1, 10), Fraction(1, 2)))
    assert cpa.load_data(as_object).points == cpa.load_data(str(as_list)).points == expected
    assert cpa.load_data(as_list).labels is None


def test_long_integers_in_json_are_doubles(tmp_path):
    path = written(tmp_path, "data.json", "[[9007199254740993, 0.1]]")

    assert cpa.load_data(path).points == ((Fraction(2**53), Fraction(0.1)),)


@pytest.mark.parametrize("header", ["", "a,b\n", "x0, x1\n\n"])
def test_csv_decimals_are_exact(tmp_path, header):
    path = written(tmp_path, "data.csv", header + "0.1, 1/3\n\n-2e-1,5\n")

    assert cpa.load_data(path).points == ((Fraction(1, 10), THIRD), (Fraction(-1, 5), Fraction(5)))


def test_csv_labels(tmp_path):
    data = cpa.load_data(written(tmp_path, "data.CSV", "a,b,Label\n1,2,0\n3,4,2\n"))

    assert data.points == ((1, 2), (3, 4))
    assert data.labels == (0, 2)


@pytest.mark.parametrize(("points", "labels"), [("X", "y"), ("points", "labels"), ("X", None)])
def test_npz(tmp_path, points, labels):
    arrays = {points: np.array([[0.1, 2.0], [0.25, -1.0]])}
    if labels:
        arrays[labels] = np.array([3, 1])
    np.savez(tmp_path / "data.npz", **arrays)

    data = cpa.load_data(tmp_path / "data.npz")

    assert data.points == ((Fraction(0.1), 2), (Fraction(1, 4), -1))
    assert data.labels == ((3, 1) if labels else None)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8])
def test_npy(tmp_path, kind):
    array = np.array([[1, 2], [3, 0]], dtype=kind)
    np.save(tmp_path / "data.npy", array)

    assert cpa.load_data(tmp_path / "data.npy").points == cpa.load_data(array).points == ((1, 2), (3, 0))


def test_float32_is_what_it_stores():
    assert cpa.load_data(np.array([[0.1]], dtype=np.float32)).points == ((Fraction(float(np.float32(0.1))),),)


def test_rows_and_data_are_read_as_they_are():
    data = cpa.load_data([[1, 2.5], np.array([0.5, 3])])

    assert data.points == ((1, Fraction(5, 2)), (Fraction(1, 2), 3))
    assert cpa.load_data(data) is data


def test_csv_of_a_spreadsheet(tmp_path):
    (tmp_path / "data.csv").write_text("1\r\n2\r\n", encoding="utf-8-sig", newline="")

    assert cpa.load_data(tmp_path / "data.csv").points == ((1,), (2,))


# Writing.


@given(
    rows=st.integers(1, 3).flatmap(
        lambda d: st.lists(st.lists(RATIONALS, min_size=d, max_size=d), min_size=1)
    )
)
def test_written_numbers_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("data") / "data.json"
    labels = tuple(range(len(rows)))
    data = cpa.Data(rows, labels, "a name", "a source, «quoted»")

    cpa.save_data(data, path)

    assert cpa.load_data(path) == data
    assert not list(path.parent.glob("*.part"))


def test_written_as_the_format_says(tmp_path):
    cpa.save_data(cpa.Data([["1/3", 0.5, 2]]), tmp_path / "data.json")

    assert json.loads((tmp_path / "data.json").read_text()) == {**HEAD, "points": [["1/3", 0.5, 2]]}


@pytest.mark.parametrize("name", ["data.csv", "data", "no_folder/data.json"])
def test_rejects_places_that_cannot_be_written(tmp_path, name):
    with pytest.raises(cpa.BadFile):
        cpa.save_data(cpa.Data([[1]]), tmp_path / name)
    assert not list(tmp_path.iterdir())


# Refusing.


@pytest.mark.parametrize(
    ("points", "error", "said"),
    [
        ([], cpa.BadFile, "at least one point"),
        (5, cpa.BadFile, "rows of numbers"),
        (np.zeros(3), cpa.BadFile, "rows of numbers"),
        (np.zeros((2, 2, 2)), cpa.BadFile, "rows of numbers"),
        ([1, 2], cpa.BadFile, "point 0"),
        ([[1], "2"], cpa.BadFile, "point 1"),
        ([[1, 2], [3]], cpa.DimensionMismatch, "[1, 2]"),
        ([[], []], cpa.DimensionMismatch, "[0]"),
        ([[1], [float("nan")]], cpa.InexactNumber, "point 1"),
        ([[1], [float("inf")]], cpa.InexactNumber, "point 1"),
        (np.array([[1.0], [np.nan]]), cpa.InexactNumber, "point 1"),
        ([[1], ["nan"]], cpa.InexactNumber, "point 1"),
        ([[True]], cpa.InexactNumber, "boolean"),
        ([[1], [None]], cpa.InexactNumber, "point 1"),
        ([["1/0"]], cpa.InexactNumber, "denominator zero"),
    ],
)
def test_rejects_points(points, error, said):
    with pytest.raises(error) as caught:
        cpa.load_data(points)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0], "expected 2"),
        ([0, 1, 2], "expected 2"),
        ([0, 0.5], "index 1"),
        ([0, "1/2"], "index 1"),
        ("01", "list of integers"),
        (7, "list of integers"),
    ],
)
def test_rejects_labels(labels, said):
    with pytest.raises(cpa.BadFile) as caught:
        cpa.Data([[1], [2]], labels)
    assert said in str(caught.value)


@pytest.mark.parametrize("label", [None, "first", float("nan"), True])
def test_rejects_labels_that_are_no_numbers(label):
    with pytest.raises(cpa.ExactcpaError) as caught:
        cpa.Data([[1], [2]], [0, label])
    assert "index 1" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "exactcpa-network"}, "format"),
        ({"version": 2}, "version"),
        ({"version": True}, "version"),
        ({"version": 1.0}, "version"),
        ({"points": None}, "rows of numbers"),
        ({"rows": [[1]]}, "rows"),
        ({"name": 3}, "name"),
        ({"source": ["a"]}, "source"),
    ],
)
def test_rejects_json_fields(change, said):
    with pytest.raises(cpa.BadFile) as caught:
        cpa.load_data({**HEAD, "points": [[1]], **change})
    assert said in str(caught.value)


def test_rejects_json_without_points():
    with pytest.raises(cpa.BadFile, match="points"):
        cpa.load_data(HEAD)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.json", "{"),
        ("data.json", '"text"'),
        ("data.json", "[[1, NaN]]"),
        ("data.json", "[[1e999]]"),
        ("data.json", "[[1]] [[2]]"),
        ("data.json", '{"format": "exactcpa-data", "version": 1, "points": [[1]], "points": [[2]]}'),
        ("data.csv", ""),
        ("data.csv", "a,b\n"),
        ("data.csv", "a,b\n1,2\n3\n"),
        ("data.csv", "1,2\n3,x\n"),
        ("data.csv", "a,label\n1,yes\n"),
        ("data.csv", "1,nan\n"),
        ("data.csv", "nan,1\n2,3\n"),
        ("data.csv", "nan\n2\n"),
        ("data.csv", "1x,a\n2,3\n"),
        ("data.csv", "1" * 200_000 + "\n"),
        ("data.npz", "no archive"),
        ("data.npy", "no array"),
        ("data.txt", "1 2"),
        ("data", "1 2"),
    ],
)
def test_rejects_files(tmp_path, name, text):
    path = written(tmp_path, name, text)
    with pytest.raises(cpa.ExactcpaError) as caught:
        cpa.load_data(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_rejects_what_is_not_there(tmp_path):
    for path in (tmp_path / "none.json", tmp_path / "none.npy", tmp_path / "none.csv", tmp_path):
        with pytest.raises(cpa.BadFile, match=str(path)):
            cpa.load_data(path)


def test_rejects_bytes_that_are_no_text(tmp_path):
    for name in ("data.json", "data.csv"):
        (tmp_path / name).write_bytes(b"[[1]]\xff")
        with pytest.raises(cpa.BadFile, match="UTF-8"):
            cpa.load_data(tmp_path / name)


def test_rejects_arrays_without_points(tmp_path):
    np.savez(tmp_path / "data.npz", weights=np.zeros((2, 2)))
    with pytest.raises(cpa.BadFile, match="weights"):
        cpa.load_data(tmp_path / "data.npz")


def test_rejects_pickled_arrays(tmp_path):
    np.save(tmp_path / "data.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(cpa.BadFile):
        cpa.load_data(tmp_path / "data.npy")


def test_rejects_damaged_archives(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, X=np.arange(100.0).reshape(10, 10))
    whole = path.read_bytes()
    for damaged in (whole[:400], whole[:300] + bytes([whole[300] ^ 255]) + whole[301:]):
        path.write_bytes(damaged)
        with pytest.raises(cpa.BadFile, match=r"data\.npz"):
            cpa.load_data(path)
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9".ljust(128)
    (tmp_path / "data.npy").write_bytes(header)
    with pytest.raises(cpa.BadFile, match="not arrays of numbers"):
        cpa.load_data(tmp_path / "data.npy")
    np.savez(path, X=np.array([[object()]]))
    with pytest.raises(cpa.BadFile):
        cpa.load_data(path)
