"""register, beat, bury, depart: who may run jobs, and who is known to be alive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exqueue.store.slotinfo import SlotInfo
from tests.conftest import on_servers
from tests.store.kit import Bench

INFO = SlotInfo("s", "r", "host", 12, 34, 56, 78, "app:Add", "name", 30.0)


def empty_the_server(bench: Bench) -> None:
    bench.ask("DEL", *bench.ask("KEYS", f"{bench.app.settings.namespace}:*"))


@on_servers
def test_an_open_slot_is_listed_with_its_process_and_its_runner(bench: Bench) -> None:
    assert bench.store.register("q", "s", INFO.encode(), "r") is True
    assert (bench.reader.slots("q"), bench.reader.graves("q"), bench.reader.beats("q")) == ([INFO], [], {"r": "0"})


def test_a_lease_of_whole_seconds_is_a_lease() -> None:
    whole = replace(INFO, lease=30)
    assert SlotInfo.decode("s", whole.encode().encode()) == INFO


@on_servers
def test_opening_a_slot_does_not_set_its_runner_back(bench: Bench) -> None:
    bench.open("s")
    bench.store.beat("q", "r", {"s": "{}"})
    bench.open("t")
    assert bench.reader.beats("q") == {"r": "1"}


@on_servers
def test_a_closed_slot_cannot_be_opened_again(bench: Bench) -> None:
    bench.open("s")
    bench.recover("s")
    before = bench.snapshot()
    assert (bench.store.register("q", "s", "{}", "r"), bench.snapshot()) == (False, before)


@on_servers
def test_a_beat_moves_the_counter_of_its_runner_only(bench: Bench) -> None:
    bench.open("s", runner="r")
    bench.open("t", runner="other")
    assert [bench.store.beat("q", "r", {"s": "{}"}) for _ in range(3)] == [[], [], []]
    assert bench.reader.beats("q") == {"r": "3", "other": "0"}


@on_servers
def test_a_beat_tells_which_slots_others_have_closed(bench: Bench) -> None:
    bench.open("s", "t", "u")
    bench.recover("s")
    bench.recover("u")
    assert bench.store.beat("q", "r", {"s": "{}", "t": "{}", "u": "{}"}) == ["s", "u"]
    assert ([slot.slot for slot in bench.reader.slots("q")], sorted(bench.reader.graves("q"))) == (["t"], ["s", "u"])


@on_servers
def test_a_beat_opens_slots_again_when_the_server_was_emptied(bench: Bench) -> None:
    bench.store.register("q", "s", INFO.encode(), "r")
    empty_the_server(bench)
    assert bench.store.beat("q", "r", {"s": INFO.encode()}) == []
    assert (bench.reader.slots("q"), bench.reader.beats("q")) == ([INFO], {"r": "1"})


@on_servers
def test_a_beat_leaves_what_is_known_of_an_open_slot(bench: Bench) -> None:
    bench.store.register("q", "s", INFO.encode(), "r")
    bench.store.beat("q", "r", {"s": "{}"})
    assert bench.reader.slots("q") == [INFO]


@on_servers
def test_a_closed_slot_is_forgotten_once_it_is_old(bench: Bench) -> None:
    bench.open("s")
    bench.recover("s")
    assert (bench.store.bury("q", "s", 0), bench.reader.graves("q")) == (True, [])


@on_servers
def test_a_slot_that_was_closed_just_now_is_kept(bench: Bench) -> None:
    bench.open("s")
    bench.recover("s")
    before = bench.snapshot()
    assert (bench.store.bury("q", "s", 60_000), bench.snapshot()) == (False, before)


@on_servers
def test_a_closed_slot_is_as_old_as_its_first_recovery(bench: Bench) -> None:
    bench.open("s")
    bench.recover("s")
    bench.ask("HINCRBY", bench.keys["graves"], "s", -60_000)
    bench.recover("s")
    before = bench.snapshot()
    assert (bench.store.bury("q", "s", 60_000), bench.snapshot() == before) == (False, False)


@on_servers
@pytest.mark.parametrize(("ago", "buried"), [(0, False), (9_000, False), (10_001, True)])
def test_a_closed_slot_is_forgotten_ten_seconds_after_it_was_found_old(bench: Bench, ago: int, buried: bool) -> None:
    now = bench.reader.now_ms()  # a step of the clock makes it old within a moment, while a client of it may still block
    bench.open("s")
    bench.recover("s")
    bench.ask("HSET", bench.keys["graves"], "s", f"{now - 60_000} {now - ago}")
    assert (bench.store.bury("q", "s", 60_000), bench.reader.graves("q")) == (buried, [] if buried else ["s"])


@on_servers
def test_a_closed_slot_that_a_late_blmove_has_filled_is_kept(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    bench.recover("s")
    bench.move("s")
    before = bench.snapshot()
    assert (bench.store.bury("q", "s", 0), bench.snapshot()) == (False, before)


@on_servers
def test_whose_a_closed_slot_was_is_kept_only_if_nobody_has_seen_its_process_dead(bench: Bench) -> None:
    for slot, beat in (("seen", ""), ("silent", "0")):
        bench.store.register("q", slot, replace(INFO, slot=slot).encode(), "r")
        bench.recover(slot, beat=beat)
    found = bench.reader.presumed_dead("q")
    bench.store.bury("q", "silent", 1)  # too old for that: it is noted, and still whose it was
    assert (found, bench.reader.presumed_dead("q")) == ([replace(INFO, slot="silent")], found)


@on_servers
def test_a_buried_slot_is_unknown(bench: Bench) -> None:
    bench.open("s")
    bench.recover("s")
    bench.store.bury("q", "s", 0)
    assert bench.recover("s") == "gone"


@on_servers
def test_a_runner_signs_off(bench: Bench) -> None:
    bench.open("s", runner="r")
    bench.open("t", runner="other")
    bench.store.depart("q", "r")
    assert bench.reader.beats("q") == {"other": "0"}


@on_servers
def test_a_runner_is_signed_off_only_if_it_has_not_beaten_since(bench: Bench) -> None:
    bench.open("s")
    bench.store.beat("q", "r", {})
    bench.store.depart("q", "r", "0")
    assert bench.reader.beats("q") == {"r": "1"}
    bench.store.depart("q", "r", "1")
    assert bench.reader.beats("q") == {}


@on_servers
@pytest.mark.parametrize("returns", ["beat", "register"])
def test_a_runner_that_was_signed_off_and_lives_never_has_a_counter_again_that_it_had(bench: Bench, returns: str) -> None:
    for _ in range(2):
        bench.store.beat("q", "r", {})
    bench.store.depart("q", "r", "2")
    if returns == "register":
        bench.open("s")
    for _ in range(2):
        bench.store.beat("q", "r", {})
    assert int(bench.reader.beats("q")["r"]) > 1_000_000
