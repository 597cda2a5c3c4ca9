"""A channel is shared by threads, survives a fork, and can be woken while it waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.replies import Empty
from tests.conftest import on_servers
from tests.store.kit import Bench

on_real_servers = pytest.mark.parametrize("channel", ["embedded", "redis", "cluster"], indirect=True)


@pytest.fixture
def bell() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def fork(task: Callable[[], object]) -> int:
    """Run it in a forked child, which ends with status 0 if it comes to True."""
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if task() is True else 2
        finally:
            os._exit(status)
    return child


def status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@on_real_servers
def test_a_forked_child_and_its_parent_never_read_each_others_replies(bench: Bench) -> None:
    def echoes(who: str) -> bool:
        return all(bench.ask("ECHO", f"{who} {n}") == f"{who} {n}".encode() for n in range(300))

    bench.ask("ECHO", "a connection that the child inherits")
    child = fork(lambda: echoes("child"))
    assert (echoes("parent"), status_of(child)) == (True, 0)


@on_real_servers
def test_a_parent_keeps_its_connection_when_a_child_that_used_the_channel_ends(bench: Bench) -> None:
    own = bench.ask("CLIENT", "ID")

    def use_and_close() -> bool:
        other: bool = bench.ask("CLIENT", "ID") != own
        bench.channel.close()
        return other

    child = fork(use_and_close)
    assert (status_of(child), bench.ask("CLIENT", "ID")) == (0, own)


@on_servers
def test_threads_that_ask_at_the_same_time_get_their_own_replies(bench: Bench) -> None:
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: bench.ask("ECHO", str(n)), range(400)))
    assert said == [str(n).encode() for n in range(400)]


@on_servers
def test_jobs_enqueued_and_claimed_by_threads_all_run_once(bench: Bench) -> None:
    bench.open(*(f"s{n}" for n in range(4)))

    def work(n: int) -> list[str]:
        bench.put(*(f"{n}-{i}" for i in range(20)))
        claims = []
        for i in range(20):
            claims.append(bench.take(f"s{n}", f"s{n}/{i}"))
            bench.complete(claims[-1], slot=f"s{n}")
        return [claim.id for claim in claims]

    with ThreadPoolExecutor(4) as pool:
        done = [job_id for ids in pool.map(work, range(4)) for job_id in ids]
    assert sorted(done) == sorted(f"{n}-{i}" for n in range(4) for i in range(20))
    assert bench.counts() == {"enqueued": 80, "completed": 80}


@on_real_servers
def test_who_waits_gets_the_next_job(bench: Bench) -> None:
    bench.open("s")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bench.store.wait, "q", "s", 4.0, None)
        bench.put("a")
        waiting.result()
    assert (bench.take().id, bench.pending) == ("a", [])


@on_servers
def test_who_waits_in_vain_gets_nothing(bench: Bench) -> None:
    bench.open("s")
    bench.store.wait("q", "s", 0.01, None)
    assert bench.store.claim("q", "s", "s/1") == Empty()


@on_real_servers
def test_who_is_woken_waits_no_more_and_takes_no_job(bench: Bench, bell: tuple[int, int]) -> None:
    bench.open("s")
    os.write(bell[1], b"!")
    bench.store.wait("q", "s", 60.0, bell[0])  # longer than a reply is waited for
    bench.put("a")
    assert (bench.pending, bench.reader.held("q", ["s"]), b"blocked_clients:0" in bench.ask("INFO", "clients")) == (["a"], {}, True)


@on_real_servers
def test_who_is_not_woken_gets_the_next_job(bench: Bench, bell: tuple[int, int]) -> None:
    bench.open("s")
    bench.put("a", "b")
    bench.store.wait("q", "s", 4.0, bell[0])
    assert (bench.reader.held("q", ["s"]), bench.pending) == ({"s": ["a"]}, ["b"])


@on_real_servers
def test_a_closed_channel_connects_again(bench: Bench) -> None:
    bench.put("a")
    bench.app.close()
    assert bench.pending == ["a"]


def test_an_app_makes_no_connection_until_it_is_used() -> None:
    app = Exqueue(settings=Settings(url="redis://:hunter2@nowhere.invalid/0"))
    assert repr(app) == "<Exqueue exq at redis://***@nowhere.invalid/0>"
