"""Ids sort by the time they were made, and are never made twice."""

from __future__ import annotations

import os
import time
from itertools import pairwise

import pytest

from exqueue.model.ids import ID_LENGTH, make_id, new_id


def test_an_id_is_made_of_time_and_chance() -> None:
    assert make_id(1_763_882_000_123_456, 7) == "6443dc80b064000000000007"


@pytest.mark.parametrize("chance", [0, 7, (1 << 44) - 1, (1 << 48) - 1])
def test_ids_sort_by_time_whatever_the_chance(chance: int) -> None:
    times = [0, 1, 255, 1_763_882_000_123_456, 1_763_882_000_123_457, (1 << 52) - 1]
    ids = [make_id(now, chance if n % 2 else 0) for n, now in enumerate(times)]
    assert (ids, {len(one) for one in ids}) == (sorted(ids), {ID_LENGTH})


def test_ids_made_one_after_the_other_sort_so() -> None:
    ids = []
    for _ in range(50):
        ids.append(new_id())
        before = time.time_ns() // 1000
        while time.time_ns() // 1000 == before:
            pass
    assert all(a < b for a, b in pairwise(ids))


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_forked_child_makes_other_ids() -> None:
    near, far = os.pipe()
    new_id()
    child = os.fork()
    if not child:
        try:
            os.write(far, "".join(new_id() for _ in range(100)).encode())
        finally:
            os._exit(0)
    own = {new_id()[13:] for _ in range(100)}
    os.waitpid(child, 0)
    said = os.read(near, 100 * ID_LENGTH).decode()
    os.close(near)
    os.close(far)
    assert len(own | {said[n + 13 : n + ID_LENGTH] for n in range(0, len(said), ID_LENGTH)}) == 200
