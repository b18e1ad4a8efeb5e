"""Partition files: written and read again; the damaged, the foreign and the impossible get one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import struct
import zlib
from fractions import Fraction
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from degenerate import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from sparing import examples

import exactcpa as cpa
from exactcpa import enumerate as engine
from exactcpa.partition_file import PartitionWriter, read_blocks

MAGIC = b"exactcpa-partition 1\n"
HEADER = struct.Struct("<4sIQ")
NO_OBJECTS = [b"", b"[]", b"3", b"null", b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 100_000, b"1" * 5000]


def network(*layers, width=2):
    return cpa.network_from_json(
        {"format": "exactcpa-network", "version": 1, "input": width, "layers": list(layers)}
    )


LINEAR = {"type": "linear", "weight": [[1, 1], [1, "-1/3"], [0.1, 2]], "bias": [0, "1/7", -0.5]}
HEAD_LAYER = {"type": "linear", "weight": [[1, 1, 1]], "bias": [0]}
TRIANGLE = cpa.Polytope([[-1, 0], [0, -1], ["1/3", 1]], [1, 1, 1])
SQUARE = cpa.Box([-1, -1], [1, 1])

PARTITIONS = {
    "box": lambda: cpa.enumerate_cells(network(LINEAR, {"type": "relu"}, HEAD_LAYER), SQUARE),
    "no facets": lambda: cpa.enumerate_cells(
        network(LINEAR, {"type": "relu"}, HEAD_LAYER), SQUARE, facets=False
    ),
    "maximum": lambda: cpa.enumerate_cells(network(LINEAR, {"type": "maxout", "size": 3}), TRIANGLE),
    "two bits": lambda: cpa.enumerate_cells(network(LINEAR, {"type": "hardtanh"}), TRIANGLE),
    "slice": lambda: cpa.enumerate_cells(
        network(LINEAR, {"type": "abs"}), cpa.Slice([0, "1/3"], [[1], ["1/7"]], cpa.Box([-2], [2]))
    ),
    "no units": lambda: cpa.enumerate_cells(network(LINEAR), SQUARE),
    "exact points": lambda: of_case("narrow_wedge_1e-300"),
    "long numbers": lambda: of_case("small_triangle_5e-324"),
}


def of_case(name):
    case = CASES[name]
    net, domain = cpa.network_from_json(case.network), cpa.domain_from_json(case.domain)
    return cpa.enumerate_cells(net, domain, method="lp")


@pytest.fixture(scope="module", params=PARTITIONS)
def part(request):
    return PARTITIONS[request.param]()


@pytest.fixture(scope="module")
def small():
    return PARTITIONS["box"]()


@pytest.fixture(scope="module")
def contents(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("contents") / "a.cpa"
    small.save(path)
    return path.read_bytes()


def refusal(data, path):
    """The sentence that refuses some bytes, or None."""
    path.write_bytes(data)
    try:
        cpa.load_partition(path)
    except cpa.BadFile as error:
        text = str(error)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        return text.removeprefix(f"{path}: ")
    return None


def blocks_of(data):
    """Tag to payload, in order; the stream is trusted."""
    blocks, at = {}, len(MAGIC)
    while at < len(data):
        tag, _, length = HEADER.unpack_from(data, at)
        blocks[tag.decode()] = data[at + HEADER.size : at + HEADER.size + length]
        at += HEADER.size + length
    return blocks


def file_of(blocks):
    """A file of blocks with all checksums right."""
    data = MAGIC
    for tag, payload in blocks.items():
        if tag == "DONE" and payload not in NO_OBJECTS:
            done = json.loads(payload)
            if isinstance(done, dict) and {"sha256", "blocks"} <= done.keys():
                done |= {"sha256": sha256(data).hexdigest(), "blocks": len(blocks) - 1}
                payload = json.dumps(done).encode()
        data += HEADER.pack(tag.encode(), zlib.crc32(payload), len(payload)) + payload
    return data


# What is written is read again.


def test_base_case(part, tmp_path):
    part.save(tmp_path / "a.cpa")
    again = cpa.load_partition(tmp_path / "a.cpa")
    assert again == part
    assert again.summary() == part.summary()
    assert (again.network, again.domain) == (part.network, part.domain)
    assert [again.witness(i) for i in range(len(part))] == [part.witness(i) for i in range(len(part))]
    assert again.patterns.tolist() == part.patterns.tolist()
    assert os.listdir(tmp_path) == ["a.cpa"]


def test_saved_again_is_the_same_file(part, tmp_path):
    part.save(tmp_path / "a.cpa")
    cpa.load_partition(tmp_path / "a.cpa").save(tmp_path / "b.cpa")
    assert (tmp_path / "a.cpa").read_bytes() == (tmp_path / "b.cpa").read_bytes()


def test_proof_is_read_like_a_saved_partition(part, tmp_path):
    path = tmp_path / "proof.cpa"
    facets, method = part.summary()["edges"] is not None, part.summary()["method"]
    proved = cpa.enumerate_cells(part.network, part.domain, proof=path, facets=facets, method=method)
    assert proved == part
    assert cpa.load_partition(path) == part
    assert cpa.check(path).cells == len(part)
    assert os.listdir(tmp_path) == ["proof.cpa"]


def test_exact_points_are_stored():
    assert PARTITIONS["exact points"]().results.exact_points


def test_pickle(part):
    assert pickle.loads(pickle.dumps(part)) == part


def test_a_link_is_followed(small, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.cpa").symlink_to(tmp_path / "folder" / "target.cpa")
    small.save(tmp_path / "link.cpa")
    assert (tmp_path / "link.cpa").is_symlink()
    assert cpa.load_partition(tmp_path / "folder" / "target.cpa") == small


def test_longest_name(small, tmp_path):
    path = tmp_path / ("n" * 255)
    small.save(path)
    assert cpa.load_partition(path) == small


# Damage.


def test_helper_makes_the_same_bytes(contents, tmp_path):
    assert refusal(file_of(blocks_of(contents)), tmp_path / "a.cpa") is None


def test_rejects_every_truncation(contents, tmp_path):
    for length in range(len(contents)):
        assert refusal(contents[:length], tmp_path / "a.cpa"), length


def test_rejects_every_changed_byte(contents, tmp_path):
    for at in range(len(contents)):
        damaged = bytearray(contents)
        damaged[at] ^= 1 << at % 8
        assert refusal(bytes(damaged), tmp_path / "a.cpa"), at


def test_rejects_more_bytes(contents, tmp_path):
    assert "follow the last block" in refusal(contents + b"\0", tmp_path / "a.cpa")
    assert "follow the last block" in refusal(contents + contents, tmp_path / "a.cpa")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "got no bytes"),
        (b"\0" * 1000, "other contents"),
        (b'{"format": "exactcpa-network", "version": 1}', "other contents"),
        (b"PK\x03\x04 an archive", "other contents"),
        (b"exactcpa-partition 2\n" + b"\0" * 100, "version 1, got version '2'"),
        (b"exactcpa-partition 10\n", "version 1, got version '10'"),
        (b"exactcpa-partition", "other contents"),
        (MAGIC, "cut off before the first block"),
        (MAGIC + b"\0" * 16, "expected a block"),
        (MAGIC + HEADER.pack(b"HEAD", 0, 2**63), "cut off inside block HEAD"),
        (MAGIC + HEADER.pack(b"PATT", 0, 0), "expected block HEAD"),
    ],
)
def test_rejects_foreign_files(data, reason, tmp_path):
    assert reason in refusal(data, tmp_path / "a.cpa")


def test_rejects_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing.cpa", "/dev/null", "a\0b"):
        with pytest.raises(cpa.BadFile, match=r"cannot be read|expected a file"):
            cpa.load_partition(path)
    for path in (3, None, b"bytes", "", 1.5, ["a.cpa"]):
        with pytest.raises(cpa.BadArgument, match="path"):
            cpa.load_partition(path)


# Blocks that are whole, but not what they should be.


@pytest.mark.parametrize("tag", ["HEAD", "XPTS", "STAT", "DONE"])
@pytest.mark.parametrize("payload", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_rejects_blocks_that_are_no_object(contents, tag, payload, tmp_path):
    text = refusal(file_of(blocks_of(contents) | {tag: payload}), tmp_path / "a.cpa")
    assert f"block {tag}" in text


@pytest.mark.parametrize("tag", ["HEAD", "EDGE", "PATT", "WITN", "XPTS", "FPTR", "FACE", "REGI", "STAT"])
def test_rejects_a_missing_block(contents, tag, tmp_path):
    blocks = blocks_of(contents)
    del blocks[tag]
    assert refusal(file_of(blocks), tmp_path / "a.cpa")


@pytest.mark.parametrize("tag", ["EDGE", "PATT", "WITN", "FPTR", "FACE", "REGI"])
@pytest.mark.parametrize("change", [lambda p: p[:-1], lambda p: p[:-8], lambda p: b"", lambda p: p + p])
def test_rejects_wrong_lengths(contents, tag, change, tmp_path):
    blocks = blocks_of(contents)
    assert refusal(file_of(blocks | {tag: change(blocks[tag])}), tmp_path / "a.cpa")


def numbers(kind, *values):
    return struct.pack(f"<{len(values)}{kind}", *values)


WRONG_NUMBERS = [
    ("EDGE", lambda p: numbers("q", -1) + p[8:]),
    ("EDGE", lambda p: numbers("q", 10**6) + p[8:]),
    ("FACE", lambda p: numbers("i", -1) + p[4:]),
    ("FACE", lambda p: numbers("i", 3) + p[4:]),
    ("PATT", lambda p: numbers("Q", 2**63) + p[8:]),
    ("WITN", lambda p: numbers("d", float("nan")) + p[8:]),
    ("WITN", lambda p: numbers("d", float("inf")) + p[8:]),
    ("FPTR", lambda p: numbers("q", 1) + p[8:]),
    ("FPTR", lambda p: p[:8] + numbers("q", -1) + p[16:]),
    ("REGI", lambda p: numbers("q", 1) + p[8:]),
    ("REGI", lambda p: p[:-8] + numbers("q", -1)),
    ("REGI", lambda p: p[:-8] + numbers("q", 10**6)),
]


@pytest.mark.parametrize(("tag", "change"), WRONG_NUMBERS, ids=range(len(WRONG_NUMBERS)))
def test_rejects_numbers_that_point_nowhere(contents, tag, change, tmp_path):
    blocks = blocks_of(contents)
    text = refusal(file_of(blocks | {tag: change(blocks[tag])}), tmp_path / "a.cpa")
    assert f"block {tag}" in text


@pytest.mark.parametrize("name", ["maximum", "two bits"])
def test_rejects_bits_that_are_no_pattern(name, tmp_path):
    """No winner, two winners; the upper breakpoint passed, but not the lower."""
    PARTITIONS[name]().save(tmp_path / "a.cpa")
    blocks = blocks_of((tmp_path / "a.cpa").read_bytes())
    wrong = {"maximum": [0, 3], "two bits": [2]}[name]
    for bits in wrong:
        changed = blocks | {"PATT": numbers("Q", bits) + blocks["PATT"][8:]}
        assert "block PATT: cell 0" in refusal(file_of(changed), tmp_path / "b.cpa")


HEAD_FIELDS = ("format", "version", "network", "domain", "reading", "proof", "facets", "method", "generator")
ODD_VALUES = [None, True, 2, -1, 1.5, "x", [], {}, [[]], {"type": "box"}, {"layers": []}, 10**400]


@pytest.mark.parametrize("field", HEAD_FIELDS)
def test_rejects_wrong_fields_of_the_head(contents, field, tmp_path):
    blocks = blocks_of(contents)
    first = json.loads(blocks["HEAD"])
    for value in ODD_VALUES:
        if (field, value) in (("proof", True), ("facets", True), ("method", "x"), ("generator", "x")):
            continue
        changed = json.dumps(first | {field: value}).encode()
        assert "block HEAD" in refusal(file_of(blocks | {"HEAD": changed}), tmp_path / "a.cpa"), value
    del first[field]
    assert "block HEAD" in refusal(file_of(blocks | {"HEAD": json.dumps(first).encode()}), tmp_path / "a.cpa")


@pytest.mark.parametrize("tag", ["STAT", "DONE"])
@pytest.mark.parametrize("field", ["cells", "edges", "linear_regions"])
def test_rejects_wrong_counts(contents, tag, field, tmp_path):
    blocks = blocks_of(contents)
    facts = json.loads(blocks[tag])
    for value in (*ODD_VALUES, facts[field] + 1, float(facts[field])):
        changed = json.dumps(facts | {field: value}).encode()
        assert f"block {tag}" in refusal(file_of(blocks | {tag: changed}), tmp_path / "a.cpa"), value


@pytest.mark.parametrize(
    "points",
    [
        {"x": [0, 0]},
        {"-1": [0, 0]},
        {"00": [0, 0]},
        {"999999": [0, 0]},
        {"9" * 5000: [0, 0]},
        {"0": [0]},
        {"0": 3},
        {"0": "00"},
        {"0": [None, 0]},
        {"0": ["1/0", 0]},
        {"0": ["x", 0]},
        {"0": [float("nan"), 0]},
    ],
)
def test_rejects_wrong_exact_points(contents, points, tmp_path):
    blocks = blocks_of(contents) | {"XPTS": json.dumps(points).encode()}
    assert "block XPTS" in refusal(file_of(blocks), tmp_path / "a.cpa")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1/3"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def edits(draw, value):
    """A JSON value with one entry, however deep, replaced."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        changed = value.copy()
        changed[key] = draw(edits(value[key]))
        return changed
    return draw(VALUES)


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_any_json_is_read_or_refused(contents, tmp_path_factory, data):
    blocks = blocks_of(contents)
    tag = data.draw(st.sampled_from(["HEAD", "STAT", "DONE", "XPTS"]))
    changed = json.dumps(data.draw(edits(json.loads(blocks[tag])))).encode()
    path = tmp_path_factory.getbasetemp() / "edited.cpa"
    if refusal(file_of(blocks | {tag: changed}), path) is None:
        part = cpa.load_partition(path)
        with contextlib.suppress(cpa.ExactcpaError):
            part.cell(0)


@settings(max_examples=examples(200), deadline=None)
@given(st.data())
def test_any_numbers_are_read_or_refused(contents, tmp_path_factory, data):
    """Whatever is read, its views do not break; one may say that its witness is not in its cell."""
    blocks = blocks_of(contents)
    tag = data.draw(st.sampled_from(["EDGE", "PATT", "FPTR", "FACE", "REGI"]))
    size = 4 if tag == "FACE" else 8
    at = data.draw(st.integers(0, len(blocks[tag]) // size - 1)) * size
    value = data.draw(st.integers(0, 12)).to_bytes(size, "little")
    changed = blocks[tag][:at] + value + blocks[tag][at + size :]
    path = tmp_path_factory.getbasetemp() / "numbers.cpa"
    if refusal(file_of(blocks | {tag: changed}), path) is None:
        part = cpa.load_partition(path)
        part.graph(), part.linear_regions(), part.distinct_affine_maps()
        for view in (part.volumes, *(partial(part.cell, i) for i in range(len(part)))):
            with contextlib.suppress(cpa.ExactcpaError):
                view()


# Places that cannot be written, and work that ends early.


@contextlib.contextmanager
def room_for(count):
    """No file may grow beyond so many bytes: a full disk, as far as the writer can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("count", [0, 10, 100, 1000])
def test_full_disk_leaves_nothing(small, count, tmp_path):
    with room_for(count), pytest.raises(cpa.BadFile, match="cannot be written: File too large"):
        small.save(tmp_path / "a.cpa")
    with room_for(count), pytest.raises(cpa.BadFile, match="cannot be written: File too large"):
        cpa.enumerate_cells(small.network, small.domain, proof=tmp_path / "a.cpa")
    assert os.listdir(tmp_path) == []


def test_full_disk_keeps_the_old_file(small, contents, tmp_path):
    (tmp_path / "a.cpa").write_bytes(contents)
    with room_for(100), pytest.raises(cpa.BadFile):
        small.save(tmp_path / "a.cpa")
    assert (tmp_path / "a.cpa").read_bytes() == contents
    assert os.listdir(tmp_path) == ["a.cpa"]


# Streams written by a thread.


def long_streams(tmp_path, blocks, *, background):
    """A file of so many blocks of 300 kB, and its bytes."""
    with PartitionWriter(tmp_path / "a.cpa", background=background) as writer:
        writer.append_json("HEAD", {"a": 1})
        for number in range(blocks):
            writer.append(("CODE", "REAL")[number % 2], bytes([number]) * 300_000)
        writer.append_json("STAT", {"b": 2})
        writer.finish({"cells": 0})
    return (tmp_path / "a.cpa").read_bytes()


def test_a_thread_writes_the_same_file(tmp_path):
    assert long_streams(tmp_path, 20, background=True) == long_streams(tmp_path, 20, background=False)
    blocks = read_blocks(tmp_path / "a.cpa", {"CODE"})
    assert bytes(blocks["CODE"]) == b"".join(bytes([number]) * 300_000 for number in range(0, 20, 2))


@pytest.mark.parametrize("blocks", [5, 40])
def test_full_disk_is_told_by_the_thread(tmp_path, blocks):
    with room_for(1_400_000), pytest.raises(cpa.BadFile, match="cannot be written: File too large"):
        long_streams(tmp_path, blocks, background=True)
    assert os.listdir(tmp_path) == []


def test_work_that_ends_early_ends_the_thread(tmp_path):
    with pytest.raises(KeyboardInterrupt), PartitionWriter(tmp_path / "a.cpa", background=True) as writer:
        for _ in range(40):
            writer.append("CODE", bytes(300_000))
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_rejects_places_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("x")
    places = (tmp_path / "missing" / "a.cpa", tmp_path, tmp_path / "file" / "a.cpa", "/dev/null", "/dev/full")
    for path in (*places, tmp_path / ("n" * 300), tmp_path / "a\0b"):
        with pytest.raises(cpa.BadFile, match=r"cannot be written|expected a file to write"):
            small.save(path)
    for path in (3, None, b"bytes", "", 1.5):
        with pytest.raises(cpa.BadArgument, match="path"):
            small.save(path)
    assert os.listdir(tmp_path) == ["file"]
    assert Path("/dev/null").is_char_device()


def test_a_bad_place_is_reported_before_the_work(small, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "switch_form", lambda *_: pytest.fail("the work had begun"))
    with pytest.raises(cpa.BadFile, match="cannot be written: No such file or directory"):
        cpa.enumerate_cells(small.network, small.domain, proof=tmp_path / "missing" / "a.cpa")


class Stopped(Exception):
    """Raised by a test."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped, SystemExit, MemoryError])
def test_work_that_ends_early_leaves_nothing(small, contents, error, tmp_path):
    def stop(_):
        assert len(os.listdir(tmp_path)) == 2  # the old file, and the one under way
        raise error

    (tmp_path / "a.cpa").write_bytes(contents)
    with pytest.raises(error):
        cpa.enumerate_cells(small.network, small.domain, proof=tmp_path / "a.cpa", progress=stop)
    assert os.listdir(tmp_path) == ["a.cpa"]
    assert (tmp_path / "a.cpa").read_bytes() == contents


def test_a_failure_while_saving_leaves_nothing(small, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        small.save(tmp_path / "a.cpa")
    assert os.listdir(tmp_path) == []


# Misuse of the verb.


@pytest.mark.parametrize(
    "arguments",
    [
        {"network": "net.json"},
        {"network": {"input": 2, "layers": []}},
        {"network": None},
        {"domain": [[-1, -1], [1, 1]]},
        {"domain": {"type": "box"}},
        {"method": "corners"},
        {"method": None},
        {"method": ["lp"]},
        {"workers": 0},
        {"workers": -2},
        {"workers": "1"},
        {"progress": 3},
        {"proof": 3},
        {"facets": 1},
        {"facets": "no"},
    ],
    ids=str,
)
def test_rejects_misuse(small, arguments):
    positional = {"network": small.network, "domain": small.domain} | arguments
    with pytest.raises(cpa.BadArgument, match="expected"):
        cpa.enumerate_cells(**positional)


def test_fractions_of_any_length(tmp_path):
    """A witness with more digits than Python writes at once."""
    third = Fraction(1, 3**10_000)
    net = network({"type": "relu"}, width=1)
    part = cpa.enumerate_cells(net, cpa.Box([-third], [third]))
    part.save(tmp_path / "a.cpa")
    assert cpa.load_partition(tmp_path / "a.cpa") == part
    assert sum(part.volumes()) == 2 * third
