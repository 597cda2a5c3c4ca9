"""A client of sentinels writes to the master only: not to a replica, nor to one that was frozen, replaced, and is back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreError, StoreRefused, StoreUnavailable
from exqueue.model.settings import Settings
from exqueue.store.channel import open_channel
from exqueue.store.scripts import script
from exqueue.store.sentinel import Sentinels
from tests.store.constellation import Guarded, until
from tests.store.kit import Bench

pytestmark = pytest.mark.slow


@pytest.fixture
def app(sentinels: Guarded) -> Iterator[Exqueue]:
    sentinels.master.ask("FLUSHALL")
    app = Exqueue(settings=Settings(url=sentinels.url, namespace="ns"))
    yield app
    app.close()


def refusal(url: str) -> StoreUnavailable:
    """What a client is told."""
    with pytest.raises(StoreUnavailable) as caught:
        open_channel(url, patience=0).ask([("PING",)])
    return caught.value


def test_the_master_is_found_behind_a_sentinel_that_is_gone(sentinels: Guarded) -> None:
    channel = open_channel(sentinels.url.replace("://", "://127.0.0.1:1,"), patience=0)
    assert channel.ask([("ROLE",)])[0][0] == b"master"


def test_a_name_that_no_sentinel_knows_is_told(sentinels: Guarded) -> None:
    said = refusal(sentinels.url + "x")
    assert ("no sentinel knows a master 'mx'; correct its name in the URL" in str(said), said.uncertain) == (True, False)


def test_sentinels_that_are_all_gone_are_told() -> None:
    said = refusal("redis+sentinel://127.0.0.1:1,127.0.0.1:2/m")
    assert ("connecting to the sentinels failed: none of them answers" in str(said), said.uncertain) == (True, False)


def test_a_url_that_says_sentinel_of_a_server_is_told(sentinels: Guarded) -> None:
    port = sentinels.master.port
    with pytest.raises(StoreRefused, match=rf"^Redis at 127.0.0.1:{port} is no sentinel; use redis:// in the URL"):
        open_channel(f"redis+sentinel://127.0.0.1:{port}/m", patience=0).ask([("PING",)])


def test_sentinels_and_master_may_have_passwords_of_their_own(sentinels: Guarded) -> None:
    for sentinel in sentinels.sentinels:
        sentinel.ask("ACL", "SETUSER", "eye", "on", ">eyes", "+@all")
    sentinels.master.ask("ACL", "SETUSER", "app", "on", ">data", "+@all", "~*")
    url = sentinels.url.replace("://", "://app:data@") + "?sentinel_username=eye&sentinel_password=eyes"
    assert open_channel(url, patience=0).ask([("ACL", "WHOAMI")]) == [b"app"]
    with pytest.raises(StoreRefused, match="the user or the password is wrong"):
        open_channel(url.replace("=eyes", "=lies"), patience=0).ask([("PING",)])


def test_a_request_waits_for_the_master_that_takes_over(app: Exqueue, sentinels: Guarded) -> None:
    bench, old = Bench(app), sentinels.master
    bench.put("a")
    until(lambda: all(node.ask("EXISTS", bench.keys["jobs"]) for node in sentinels.nodes), "the replicas to have it")
    old.signal(signal.SIGKILL)
    assert (bench.put("b"), bench.pending) == ([True], ["a", "b"])
    until(lambda: sentinels.master is not old, "the last sentinel to hear of it")


def test_with_all_replicas_to_confirm_a_planned_failover_loses_nothing(app: Exqueue, sentinels: Guarded) -> None:
    sure = Exqueue(settings=replace(app.settings, durability="replicated", replicas=2, patience=0.5))
    bench, old = Bench(sure), sentinels.master
    until(lambda: _accepted(bench, "a"), "both replicas to confirm", 60)
    sentinels.sentinels[0].ask("SENTINEL", "FAILOVER", "m")
    until(lambda: sentinels.master is not old, "another master")
    until(lambda: _accepted(bench, "b"), "both replicas to confirm", 60)
    sure.close()
    assert sentinels.master.ask("LRANGE", bench.keys["pending"], 0, -1) == [b"a", b"b"]


def _accepted(bench: Bench, job_id: str) -> bool:
    """Asked again, with the same id: the old one still takes it, but no longer has both; the new one has not both yet."""
    try:
        bench.put(job_id)
    except StoreError:
        return False
    return True


def test_a_master_that_is_a_replica_all_at_once_is_left(app: Exqueue, sentinels: Guarded) -> None:
    hasty, master = Bench(Exqueue(settings=replace(app.settings, patience=0.3))), sentinels.master
    hasty.put("a")
    master.ask("REPLICAOF", *sentinels.address(next(node for node in sentinels.nodes if node is not master)))
    try:
        with pytest.raises(StoreUnavailable, match="which is a replica; a failover is going on") as caught:
            hasty.put("b")
    finally:
        master.ask("REPLICAOF", "NO", "ONE")
    assert (caught.value.uncertain, hasty.put("c"), hasty.pending) == (False, [True], ["a", "c"])


def test_a_master_that_lacks_replicas_is_asked_again(app: Exqueue, sentinels: Guarded) -> None:
    bench, master = Bench(app), sentinels.master
    bench.put("a")
    master.ask("CONFIG", "SET", "min-replicas-to-write", 5)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(bench.put, "b")
        until(lambda: b"errorstat_NOREPLICAS" in master.ask("INFO", "errorstats"), "it to refuse")
        master.ask("CONFIG", "SET", "min-replicas-to-write", 0)
        assert sent.result(20) == [True]


def test_what_a_frozen_master_answers_after_it_was_replaced_is_not_believed(app: Exqueue, sentinels: Guarded) -> None:
    bench, old = Bench(app), sentinels.master
    bench.put("a")
    until(lambda: all(node.ask("EXISTS", bench.keys["jobs"]) for node in sentinels.nodes), "the replicas to have it")
    old.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(bench.put, "b")  # lies in the socket of the frozen one, which will carry it out
        until(lambda: sentinels.master is not old, "a failover")
        old.signal(signal.SIGCONT)
        assert sent.result(20) == [True]
    assert sentinels.master.ask("LRANGE", bench.keys["pending"], 0, -1) == [b"a", b"b"]


def test_a_connection_that_lay_idle_meanwhile_is_not_believed_either(app: Exqueue, sentinels: Guarded) -> None:
    bench, old = Bench(app), sentinels.master
    bench.put("a")
    old.signal(signal.SIGSTOP)
    until(lambda: sentinels.master is not old, "a failover")
    old.signal(signal.SIGCONT)
    bench.put(*(f"b{n}" for n in range(5)))
    assert sentinels.master.ask("LRANGE", bench.keys["pending"], -1, -1) == [b"b4"]


def test_no_claim_is_made_behind_a_wait_by_a_server_that_may_have_been_replaced(app: Exqueue, sentinels: Guarded) -> None:
    bench = Bench(app)
    sentinels.master.ask("SCRIPT", "LOAD", script("claim").source)
    bench.put("a")
    bench.open("s")
    assert (bench.store.wait("q", "s", 1.0, None, token="s/1"), bench.take(token="s/2").token) == (None, "s/2")


def test_the_sentinels_are_asked_four_times_a_second_however_many_steps_there_are(
    app: Exqueue, sentinels: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, asked, confirm = Bench(app), [], Sentinels.confirm
    bench.put("a")
    monkeypatch.setattr(Sentinels, "confirm", lambda self, connection: (asked.append(connection), confirm(self, connection)))
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < 1.2:
        bench.put(str(steps := steps + 1))
    assert 0 < len(asked) <= 1 + 4 * (time.monotonic() - began)
