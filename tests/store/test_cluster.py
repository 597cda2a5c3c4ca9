"""On a cluster a request finds its node: after a slot has moved, while it moves, and after a failover."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis.crc import key_slot

from exqueue.app import Exqueue
from exqueue.model.errors import StoreRefused, StoreUnavailable
from exqueue.model.settings import Settings
from exqueue.store.channel import open_channel
from tests.store.constellation import ClusterNodes, Guarded, Node, until
from tests.store.kit import Bench

pytestmark = pytest.mark.slow

Move = tuple[int, Node, Node]  # a slot, its node, and another
QUEUES = [f"q{n}" for n in range(8)]


@pytest.fixture
def app(cluster: ClusterNodes) -> Iterator[Exqueue]:
    for node in cluster.nodes:
        node.ask("FLUSHALL") if node.is_master else None
    app = Exqueue(settings=Settings(url=cluster.url, namespace="ns", patience=10))
    yield app
    app.close()


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    return Bench(app)


@pytest.fixture
def move(cluster: ClusterNodes, bench: Bench) -> Iterator[Move]:
    """The slot of the queue, its node, and another master; at the end it is where it was."""
    slot, source = key_slot(b"q"), cluster.owner("q")
    target = next(node for node in cluster.nodes if node.is_master and node is not source)
    yield slot, source, target
    if cluster.owner("q") is target:
        cluster.move(slot, target, source)


def test_queues_are_spread_over_the_nodes(app: Exqueue, cluster: ClusterNodes) -> None:
    for queue in QUEUES:
        Bench(app, queue).put("a")
    assert (len({cluster.owner(f"{{{queue}}}").port for queue in QUEUES}), app.reader.queues()) == (3, QUEUES)


def test_replies_of_several_nodes_come_in_the_order_of_the_commands(app: Exqueue) -> None:
    app.channel.ask([("SET", f"k{n}", n) for n in range(20)])
    assert app.channel.ask([("GET", f"k{n}") for n in range(20)]) == [str(n).encode() for n in range(20)]


@pytest.mark.parametrize("key", QUEUES)
def test_a_command_without_a_key_goes_where_it_is_told_or_along_with_one_that_has(app: Exqueue, cluster: ClusterNodes, key: str) -> None:
    port = str(cluster.owner(key).port).encode()
    told = app.channel.ask([("CONFIG", "GET", "port")], near=key)
    along = app.channel.ask([("CONFIG", "GET", "port"), ("GET", key), ("CONFIG", "GET", "port")])
    assert ([told[0][1]], [along[0][1], along[2][1]]) == ([port], [port] * 2)


def test_a_slot_that_has_moved_is_asked_for_at_the_wrong_node_once(bench: Bench, cluster: ClusterNodes, move: Move) -> None:
    bench.put("a")
    source = move[1]
    source.ask("CONFIG", "RESETSTAT")
    cluster.move(*move)
    bench.put("b")
    bench.put("c")
    said = re.findall(r"errorstat_MOVED:count=(\d+)", source.ask("INFO", "errorstats").decode())
    assert (bench.pending, said) == (["a", "b", "c"], ["1"])


def test_a_queue_whose_keys_are_at_two_nodes_is_read_whole(bench: Bench, cluster: ClusterNodes, move: Move) -> None:
    bench.put("a", "b")
    before = bench.counts(), bench.pending, bench.record("a")
    cluster.begin_move(*move)
    assert len(cluster.move_keys(*move, most=2)) == 2
    during = bench.counts(), bench.pending, bench.record("a")
    cluster.move_keys(*move)
    cluster.end_move(*move)
    assert during == before


def test_a_step_waits_until_all_of_the_queue_has_arrived(bench: Bench, cluster: ClusterNodes, move: Move) -> None:
    bench.put("a")
    cluster.begin_move(*move)
    cluster.move_keys(*move, most=2)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(bench.put, "b")
        until(lambda: b"errorstat_TRYAGAIN" in move[1].ask("INFO", "errorstats"), "the step to be refused")
        cluster.move_keys(*move)
        cluster.end_move(*move)
        assert sent.result(20) == [True]
    assert bench.pending == ["a", "b"]


def test_a_slot_that_is_on_its_way_for_too_long_is_told(bench: Bench, cluster: ClusterNodes, move: Move) -> None:
    hasty = Bench(Exqueue(settings=replace(bench.app.settings, patience=0)))
    bench.put("a")
    cluster.begin_move(*move)
    cluster.move_keys(*move, most=2)
    with pytest.raises(StoreUnavailable, match="is it in a failover or a reshard") as caught:
        hasty.put("b")
    cluster.move_keys(*move)
    cluster.end_move(*move)
    assert (caught.value.uncertain, bench.pending) == (False, ["a"])


def test_no_key_is_made_at_a_node_where_its_slot_has_not_arrived(bench: Bench, cluster: ClusterNodes, move: Move) -> None:
    sure = Bench(Exqueue(settings=replace(bench.app.settings, patience=0, durability="replicated")))
    sure.store._announced.add("q")
    cluster.begin_move(*move)
    with pytest.raises(StoreUnavailable):
        sure.put("b")
    cluster.end_move(*move)
    assert move[2].ask("EXISTS", bench.keys["counters"]) == 0


def test_who_waits_for_a_job_while_its_slot_moves_gets_the_next_one(bench: Bench, cluster: ClusterNodes, move: Move) -> None:
    bench.open("s")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bench.store.wait, "q", "s", 20.0, None)
        until(lambda: b"blocked_clients:1" in move[1].ask("INFO", "clients"), "a client to block")
        cluster.move(*move)
        waiting.result(10)
        waiting = pool.submit(bench.store.wait, "q", "s", 4.0, None)
        bench.put("a")
        waiting.result(10)
    assert (bench.take().id, bench.pending) == ("a", [])


def test_events_of_queues_on_several_nodes_are_followed_together(app: Exqueue) -> None:
    for queue in QUEUES:
        Bench(app, queue).put("a")
    events = app.events(timeout=5)
    for queue in QUEUES:
        Bench(app, queue).put("b")
    assert sorted((event.queue, event.job) for event in (next(events) for _ in QUEUES)) == [(queue, "b") for queue in QUEUES]


def test_a_request_waits_for_the_replica_that_takes_over(bench: Bench, cluster: ClusterNodes) -> None:
    sure = Exqueue(settings=replace(bench.app.settings, durability="replicated"))
    old = cluster.owner("q")
    Bench(sure).put("a")
    old.signal(signal.SIGKILL)
    assert (bench.put("b"), bench.pending, cluster.owner("q") is old) == ([True], ["a", "b"], False)


def test_what_a_frozen_node_answers_after_it_was_replaced_is_not_believed(bench: Bench, cluster: ClusterNodes) -> None:
    sure = Exqueue(settings=replace(bench.app.settings, durability="replicated"))
    old = cluster.owner("q")
    Bench(sure).put("a")
    old.signal(signal.SIGSTOP)
    ids = {f"b{n}" for n in range(40)}
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(bench.put, job_id) for job_id in sorted(ids)]  # the first ones lie in the sockets of the frozen one
        until(lambda: cluster.owner("q") is not old, "a failover")
        old.signal(signal.SIGCONT)
        accepted = [each.result(20) for each in sent]
    kept = cluster.owner("q").ask("LRANGE", bench.keys["pending"], 0, -1)
    assert (accepted, {job_id.decode() for job_id in kept}) == ([[True]] * 40, {"a", *ids})


def test_a_url_that_says_cluster_of_a_server_alone_is_told(sentinels: Guarded) -> None:
    with pytest.raises(StoreRefused, match="is no node of a cluster; use redis:// in the URL"):
        open_channel(f"redis+cluster://127.0.0.1:{sentinels.master.port}", patience=0).ask([("PING",)])


def test_a_url_that_says_redis_of_a_node_of_a_cluster_is_told(cluster: ClusterNodes) -> None:
    channel = open_channel(f"redis://127.0.0.1:{cluster.masters[0].port}", patience=0)
    with pytest.raises(StoreRefused, match=r"it is a node of a cluster; use redis\+cluster:// in the URL"):
        channel.ask([("GET", f"k{n}") for n in range(20)])
