"""Ways to break a healthy queue: each key deleted, each id dropped, doubled or moved, garbage in each field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from exqueue.model.chain import Link, NewJob, encode_chain
from exqueue.model.job import Progress, Terms
from exqueue.store.keys import KINDS
from tests.store.kit import BODY, FAIL, HEADER, RETRY, Bench

Harm = Callable[[Bench], object]

IDS: Final = (
    "held", "moved", "plain", "plain2", "plain3", "swift", "late", "retried", "head", "behind", "behind2", "stuck", "stuck2",
    "lazy", "failed", "kept", "named", "chained",
)  # fmt: skip
ADD: Final[dict[str, tuple[Any, ...]]] = {  # a command that puts an id there
    "pending": ("RPUSH",), "ranked": ("ZADD", 7), "delayed": ("ZADD", 9e12), "failed": ("ZADD", 1e12), "done": ("ZADD", 9e12),
}  # fmt: skip
HASHES: Final = ("jobs", "bodies", "runs", "errors", "terms", "uniques", "chains", "outbox", "results", "progress", "heads", "slots")
GARBAGE: Final = (b"", b"garbage", b"\xff\x00\x1b[2J", b"[]", b"- - - - - -", b"1 2 3 4 5")


def healthy(bench: Bench) -> None:
    """A queue with something in every place and under every key; slots `s`, `t`, `u` are open, `old` is closed."""
    bench.open("keeping", "failing", "s", "t", "u", "old")
    bench.keep("kept")
    bench.fail("failed")
    bench.fail("stuck", key="stuck")
    bench.put("stuck2", key="stuck")
    bench.put("lazy", key="lazy", blocks=False)
    bench.apply(bench.take("failing"), FAIL, "failing")
    bench.put("retried", key="retried")
    bench.apply(bench.take("failing"), RETRY, "failing")
    bench.put("held", unique="held")
    bench.store.report(bench.take("s"), Progress(0.5, "half", 1))
    bench.put("moved", "plain", "plain2", "plain3")
    bench.move("t")
    bench.put("swift", priority=5)
    bench.put("late", delay_ms=60_000)
    bench.put("head", "behind", "behind2", key="k")
    bench.put("named", unique="name")
    bench.recover("old")
    chain = encode_chain([Link("q", "", NewJob("next", HEADER, BODY))])
    bench.store.enqueue("q", [NewJob("chained", HEADER, BODY, Terms(chained=True).encode(), chain)])
    bench.ask("HSET", bench.keys["outbox"], "gone", chain)
    bench.ask("ZREM", bench.keys["delayed"], "")


def ways(whole: bool) -> Iterator[tuple[str, Harm]]:
    """All of them, by what they are called. `whole`: also deleting whole keys."""
    for job_id in IDS:
        yield from _dropped(job_id)
        for place in ADD:
            yield f"{job_id} also in {place}", lambda b, i=job_id, p=place: b.ask(ADD[p][0], b.keys[p], *ADD[p][1:], i)
        for slot in ("s", "u", "old", "nowhere"):
            yield f"{job_id} also held by {slot}", lambda b, i=job_id, s=slot: b.ask("RPUSH", b.keys.processing(s), i)
        for token in ("s/99", "u/1", "old/1", "nowhere/1", "garbage"):
            yield f"{job_id} with the token {token}", lambda b, i=job_id, t=token: b.ask("HSET", b.keys["runs"], i, f"1 0 0 1 {t}")
    for name in HASHES:
        yield from _garbage(name)
    yield from _single()
    if whole:
        for name in KINDS:
            yield f"no {name}", lambda b, n=name: b.ask("DEL", b.keys[n])
        yield "no list of s", lambda b: b.ask("DEL", b.keys.processing("s"))


def _dropped(job_id: str) -> Iterator[tuple[str, Harm]]:
    def out_of_place(bench: Bench) -> None:
        for place in ("ranked", "delayed", "failed", "done"):
            bench.ask("ZREM", bench.keys[place], job_id)
        bench.ask("LREM", bench.keys["pending"], 0, job_id)
        for slot in "st":
            bench.ask("LREM", bench.keys.processing(slot), 0, job_id)
        for member in bench.ask("ZRANGE", bench.keys["waiting"], 0, -1):
            if member.endswith(b" " + job_id.encode()):
                bench.ask("ZREM", bench.keys["waiting"], member)

    yield f"{job_id} out of its place", out_of_place
    for name in HASHES:
        yield f"{job_id} out of {name}", lambda b, n=name: b.ask("HDEL", b.keys[n], job_id)


def _garbage(name: str) -> Iterator[tuple[str, Harm]]:
    for field in ("held", "plain", "head", "behind", "failed", "kept", "k", "name", "chained", "retried", "late"):
        for value in GARBAGE:
            yield (
                f"{field} in {name} is {value!r}",
                lambda b, f=field, v=value: b.ask("HEXISTS", b.keys[name], f) and b.ask("HSET", b.keys[name], f, v),
            )
    yield f"foreign in {name}", lambda b: b.ask("HSET", b.keys[name], b"\xff foreign", b"\xff")


def _single() -> Iterator[tuple[str, Harm]]:
    for counter in ("enqueued", "completed", "deleted", "running", "seq", "crashed"):
        for value in ("x", "0", "77", "-1", "9" * 20):
            yield f"{counter} is {value}", lambda b, c=counter, v=value: b.ask("HSET", b.keys["counters"], c, v)
        yield f"no {counter}", lambda b, c=counter: b.ask("HDEL", b.keys["counters"], c)
    for name in ("heads", "blocked", "waiting"):
        for key in ("k", "stuck", "retried", "lazy", "foreign"):
            yield f"{key} out of {name}", lambda b, n=name, k=key: b.ask("HDEL" if n == "heads" else "ZREM", b.keys[n], k)
    for key in ("k", "stuck", "retried"):
        for other in ("plain", "behind", "nobody", "held", "kept"):
            yield f"head of {key} is {other}", lambda b, k=key, o=other: b.ask("HSET", b.keys["heads"], k, o)
        yield f"{key} blocked", lambda b, k=key: b.ask("ZADD", b.keys["blocked"], 5, k)
    for member in (b"k", b"k 0 behind", b"k 0000000000000001 nobody", b"\xff\xff", b"a b c d"):
        yield f"{member!r} waits", lambda b, m=member: b.ask("ZADD", b.keys["waiting"], 0, m)
    for slot in ("s", "t", "old"):
        yield f"no slot {slot}", lambda b, s=slot: [b.ask("HDEL", b.keys[n], s) for n in ("slots", "graves")]
    yield "line turned", lambda b: b.ask("LMOVE", *[b.keys["pending"]] * 2, "LEFT", "RIGHT")
    yield "line turned back", lambda b: b.ask("LMOVE", *[b.keys["pending"]] * 2, "RIGHT", "LEFT")
    yield "a bell at the end", lambda b: b.ask("RPUSH", b.keys["pending"], "!")
    yield "no line, and no bell", lambda b: b.ask("DEL", b.keys["pending"])
    yield "expires", lambda b: b.ask("PEXPIRE", b.keys["failed"], 10**9)
    yield "ranked elsewhere", lambda b: b.ask("ZADD", b.keys["ranked"], 7, "swift")
    yield "not on the list", lambda b: b.ask("SREM", f"{b.store.namespace}:queues", "q")
