"""Connections that go dead without a word, or are closed again and again: whoever works is at work again soon."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreUnavailable
from exqueue.model.job import Counts
from exqueue.store.channel import Channel, open_channel
from exqueue.store.connection import connector
from tests.bad_days.dark import DarkRoad, dark_road
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer
from tests.cli.kit import soon
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow


@pytest.fixture
def road(server: BadServer) -> Iterator[DarkRoad]:
    with dark_road(str(server.socket)) as road:
        yield road


@pytest.fixture
def far_rig(tmp_path: Path, road: DarkRoad, server: BadServer) -> Iterator[Rig]:
    """Its processes come by the road, the test itself does not."""
    rig = Rig(tmp_path, f"unix://{road.path}")
    rig.app = Exqueue(settings=rig.app.settings, channel=Channel(connector(server.url, 5), where="near", patience=5))
    yield rig
    rig.close()


def test_connections_that_go_dead_without_a_word_keep_nobody_from_work(road: DarkRoad, far_rig: Rig) -> None:
    rig = far_rig
    rig.workers(SAY)
    rig.start()
    put(rig.app, "slow")
    rig.until(lambda: rig.said == ["begin slow"])
    road.fall()
    put(rig.app, "unheard")  # given to a process that waits, and does not hear of it
    rig.open_gate("slow")
    rig.until(lambda: rig.log.count("will go on trying") == 3)  # both processes, and the runner
    road.rise()
    put(rig.app, "next")
    rig.until(lambda: has_run(rig, "slow", "unheard", "next"))
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=3, completed=3))
    assert len(rig.said) == 6


def test_connections_that_were_closed_while_they_lay_idle_are_made_anew_without_a_word(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    rig.start()
    soon(lambda: b"blocked_clients:2" in server.ask("INFO", "clients"))
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    put(rig.app, "next")
    rig.until(lambda: has_run(rig, "next"))
    assert ("ERROR" in rig.log, "answers again" in rig.log) == (False, False)


def test_who_waits_on_a_dead_connection_gives_it_up_and_the_idle_ones_with_it(server: BadServer, road: DarkRoad) -> None:
    channel, (wake, ring) = open_channel(f"unix://{road.path}", timeout=1000, patience=0), os.pipe()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(channel.wait_for_move, "a", "b", seconds, wake) for seconds in (0.01, 0.5)]
        waiting[0].result(30)  # its connection is idle now
        soon(lambda: b"blocked_clients:1" in server.ask("INFO", "clients"))
        road.fall()
        with pytest.raises(StoreUnavailable, match="no answer within"):
            waiting[1].result(30)
    road.rise()
    assert channel.ask([("PING",)]) == [b"PONG"]
    for end in (wake, ring):
        os.close(end)


def test_connections_that_are_closed_all_the_time_lose_and_double_nothing(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    ids = [f"job{n}" for n in range(100)]
    rig.start()
    done = threading.Event()

    def cut() -> None:
        while not done.wait(0.02):
            server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(cut)
        for job_id in ids:
            put(rig.app, job_id)
        rig.until(lambda: has_run(rig, *ids))
        done.set()
        cutting.result()
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=100, completed=100))
    assert len(rig.said) == 200
