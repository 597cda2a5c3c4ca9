"""What a job costs its server: commands, reads of a socket and bytes, counted by the server and never timed.

Who adds a command to one of these steps finds it here, and changes the figure if it is worth it.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from exqueue import Worker, call
from exqueue.model.job import Claim
from exqueue.store import base
from tests.store.kit import Bench
from tests.store.servers import Server

JOBS = 10  # in one measurement
SLACK = 12  # bytes a job: the figures by which a server tells this grow by a digit now and then
TOTALS = {"total_reads_processed": "reads", "total_net_input_bytes": "bytes in", "total_net_output_bytes": "bytes out"}

ACCEPT_MANY = {"evalsha": 1, "hmget": 2, "smismember": 2, "hlen": 1, "llen": 1, "xlen": 1, "hset": 3, "rpush": 1}
SETTLE = {
    "evalsha": 1,
    "lrange": 1,
    "lindex": 1,
    "hmget": 3,
    "hexists": 1,
    "scard": 1,
    "hlen": 2,
    "xlen": 1,
    "zcard": 1,
    "hdel": 3,
    "sadd": 1,
}
CLAIM = {"evalsha": 1, "lrange": 1, "hmget": 1, "hget": 4, "zcard": 1, "xlen": 1, "time": 1, "hset": 1, "hincrby": 1, "xadd": 1}


class Plain(Worker):
    """A worker with no option that costs more."""

    def perform(self, number: int) -> None:
        """Do nothing."""


@pytest.fixture
def bench(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The queue of `Plain`, on a server that nobody else uses; everything below has been done there once."""
    monkeypatch.setattr(base, "LOOK_EVERY", math.inf)  # what is asked by the clock is no cost of a job
    app = server.app()
    bench = Bench(app, "Plain")
    bench.ask("FLUSHALL")
    app.enqueue_many(Plain, [call(1), call(2), call(3)])
    bench.open("s")
    wait(bench)
    settle_all(bench, bench.take())
    yield bench
    app.close()


def wait(bench: Bench, slot: str = "s", token: str = "") -> None:
    """As a worker process does it, which a signal may wake."""
    wake, other = os.pipe()
    bench.store.wait("Plain", slot, 1, wake, token=token)
    os.close(wake)
    os.close(other)


def settle_all(bench: Bench, claim: object) -> None:
    """Complete a job, and those that come with it."""
    while isinstance(claim, Claim):
        claim = bench.complete(claim, f"token/{next(bench.numbers)}")


def cost(bench: Bench, act: Callable[[], object], jobs: int = JOBS) -> dict[str, float]:
    """What the server has counted meanwhile, for each of so many jobs, without what it costs to ask."""
    earlier, before = counted(bench), counted(bench)
    act()
    after = counted(bench)
    asking = {name: count - earlier.get(name, 0) for name, count in before.items()}
    spent = {name: (count - before.get(name, 0) - asking.get(name, 0)) / jobs for name, count in after.items()}
    return {name: count for name, count in spent.items() if count}


def counted(bench: Bench) -> Counter[str]:
    """All commands so far, those that scripts call, too; and what came and went over all sockets."""
    rows = dict(line.split(":", 1) for line in bench.ask("INFO", "everything").decode().splitlines() if ":" in line)
    found = Counter({TOTALS[name]: int(rows[name]) for name in TOTALS})
    for name, row in rows.items():
        if name.startswith("cmdstat_"):  # Redis 7 counts `client|id` where Redis 6.2 counts `client`
            found[name.removeprefix("cmdstat_").partition("|")[0]] += int(row.partition(",")[0].removeprefix("calls="))
    return found


def about(count: float) -> object:
    return pytest.approx(count, abs=SLACK)


def test_to_enqueue_a_job_takes_one_request_of_one_script(bench: Bench) -> None:
    spent = cost(bench, lambda: [bench.app.enqueue(Plain, number) for number in range(JOBS)])
    assert spent == {
        "evalsha": 1, "hmget": 1, "hlen": 1, "llen": 1, "xlen": 1, "hsetnx": 1, "hset": 2, "rpush": 1, "xadd": 1,
        "reads": 1, "bytes in": about(406), "bytes out": about(33),
    }  # fmt: skip


def test_to_enqueue_many_takes_for_a_hundred_the_commands_of_a_few_but_for_their_events(bench: Bench) -> None:
    spent = cost(bench, lambda: bench.app.enqueue_many(Plain, [call(number) for number in range(300)]), jobs=3)
    assert spent.pop("reads") < 10  # 16 kB at once
    each = {name: spent.pop(name) / 100 for name in ("bytes in", "bytes out", "xadd")}
    assert (spent, each) == (ACCEPT_MANY, {"bytes in": about(163), "bytes out": about(0), "xadd": 1})


def test_to_settle_a_job_and_claim_the_next_takes_one_request_of_one_script(bench: Bench) -> None:
    bench.app.enqueue_many(Plain, [call(number) for number in range(JOBS + 1)])
    claims = [bench.take()]

    def settle() -> None:
        for number in range(JOBS):
            following = bench.complete(claims[-1], f"token/{number}")
            assert isinstance(following, Claim)
            claims.append(following)

    assert cost(bench, settle) == {
        **SETTLE, "hget": 2, "time": 1, "lpop": 1, "lset": 1, "hset": 3, "xadd": 2,
        "reads": 1, "bytes in": about(455), "bytes out": about(233),
    }  # fmt: skip


def test_to_settle_a_job_that_none_follows_takes_no_more(bench: Bench) -> None:
    def settle_one_by_one() -> None:
        for claim in claims:
            bench.complete(claim, "next", slot=claim.token)

    bench.app.enqueue_many(Plain, [call(number) for number in range(JOBS)])
    bench.open(*map(str, range(JOBS)))
    claims = [bench.take(slot, token=slot) for slot in map(str, range(JOBS))]
    assert cost(bench, settle_one_by_one) == {
        **SETTLE, "hlen": 4, "lpop": 1, "hset": 2, "xadd": 1, "reads": 1, "bytes in": about(446), "bytes out": about(15),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arrived", "more"),
    [
        (True, {"hexists": 1, "hlen": 1, "llen": 3, "hdel": 1}),
        (False, {"hexists": 2, "hlen": 7, "llen": 4, "hsetnx": 1, "lindex": 1, "zrange": 1, "lpop": 1, "lpush": 1}),
    ],
    ids=["after waiting", "without waiting"],
)
def test_to_claim_a_job_takes_one_request_of_one_script(bench: Bench, arrived: bool, more: dict[str, int]) -> None:
    slots = [f"slot{number}" for number in range(JOBS)]
    bench.app.enqueue_many(Plain, [call(number) for number in range(JOBS)])
    bench.open(*slots)
    for slot in slots if arrived else []:
        bench.move(slot)
    spent = cost(bench, lambda: [bench.take(slot) for slot in slots])
    assert spent == {**CLAIM, **more, "reads": 1, "bytes in": about(417), "bytes out": about(234)}


def test_to_wait_for_a_job_takes_two_small_requests(bench: Bench) -> None:
    bench.app.enqueue_many(Plain, [call(number) for number in range(JOBS)])
    spent = cost(bench, lambda: [wait(bench) for _ in range(JOBS)])
    assert spent == {"client": 1, "blmove": 1, "reads": 2, "bytes in": about(123), "bytes out": about(35)}


def test_to_wait_for_a_job_and_claim_it_takes_no_more(bench: Bench) -> None:
    slots = [f"slot{number}" for number in range(JOBS)]
    bench.app.enqueue_many(Plain, [call(number) for number in range(JOBS)])
    bench.open(*slots)
    spent = cost(bench, lambda: [wait(bench, slot, token=f"{slot}/1") for slot in slots])
    more = {"hexists": 1, "hlen": 1, "llen": 3, "hdel": 1, "client": 1, "blmove": 1}
    assert spent == {**CLAIM, **more, "reads": 2, "bytes in": about(540), "bytes out": about(269)}
