"""Memory shared with workers: what is left there is seen as it was, and nothing is written over while it is in use."""

import multiprocessing
import os

import numpy as np
import pytest

from exactcpa import shared_slots
from exactcpa.shared_slots import Placed, Slots

ARRAYS = [
    np.arange(7, dtype=np.int16),
    np.linspace(0, 1, 12).reshape(4, 3),
    np.arange(10).reshape(5, 2)[:, 1],
    np.array([[2**64 - 1]], np.uint64),
    np.zeros((0, 2), np.int32),
]

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory files on this system")


def left_in(slots, number):
    """What a worker does with a slot; also a task of a process."""
    shelf = slots.shelf(number)
    return [shelf.placed(shelf.keep(array)) for array in ARRAYS]


def put_into(slots, number, pipe):
    pipe.send(left_in(slots, number))


def expect_same(lease, places):
    for place, array in zip(places, ARRAYS, strict=True):
        found = lease.array(place)
        assert found.dtype == array.dtype and found.shape == array.shape and (found == array).all()


def test_base_case_arrays_come_back():
    slots = Slots()
    lease = slots.lend()
    places = left_in(slots, lease.number)
    assert [isinstance(place, Placed) for place in places] == [True, True, True, True, False]
    assert all(place.at % 8 == 0 for place in places[:4])
    expect_same(lease, places)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_step_another_process(method):
    context = multiprocessing.get_context(method)
    slots = Slots()
    slots.lend()
    lease = [slots.lend(), slots.lend()][1]
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=put_into, args=(slots, lease.number, sender))
    process.start()
    assert receiver.poll(60)
    expect_same(lease, receiver.recv())
    process.join()


def test_a_slot_is_lent_again_when_its_last_array_is_gone():
    slots = Slots()
    lease = slots.lend()
    number = lease.number
    arrays = [lease.array(place) for place in left_in(slots, number)]
    part = arrays[1][1:].T
    del lease
    assert slots.lend().number != number
    del arrays
    assert slots.lend().number != number
    del part
    assert slots.lend().number == number


def test_what_does_not_fit_travels(monkeypatch):
    monkeypatch.setattr(shared_slots, "SLOT", 1 << 16)
    slots = Slots()
    lease = slots.lend()
    shelf = slots.shelf(lease.number)
    big, small = np.arange(1 << 14), np.arange(1 << 10)
    kept = shelf.keep(big)
    assert kept is not big and shelf.placed(kept) is kept
    assert (lease.array(kept) == big).all()
    assert (lease.array(shelf.placed(shelf.keep(small))) == small).all()


def test_no_more_slots_than_there_are(monkeypatch):
    monkeypatch.setattr(shared_slots, "MOST", 2)
    slots = Slots()
    held = [slots.lend(), slots.lend()]
    assert slots.lend() is None
    held.pop()
    assert slots.lend() is not None


def test_nothing_stays_open():
    before = sorted(os.listdir("/proc/self/fd"))
    slots = Slots()
    lease = slots.lend()
    left_in(slots, lease.number)
    del slots, lease
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_no_memory_files(monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(OSError, match="no memory files"):
        Slots()
