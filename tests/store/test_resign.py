"""What was signed anew takes the place of what was read, and of nothing else."""

from __future__ import annotations

import pytest

from exqueue.store.sealed import MOST, all_sealed
from tests.conftest import on_servers
from tests.store.kit import BODY, HEADER, Bench


def resign(bench: Bench, what: str, *renewed: tuple[str, bytes, bytes]) -> int:
    return bench.store.resign("q", what, list(renewed))


@on_servers
@pytest.mark.parametrize("what", ["bodies", "chains", "outbox", "results"])
def test_only_what_is_still_as_it_was_read_is_replaced(bench: Bench, what: str) -> None:
    before = {b"a": b"old a", b"b": b"changed", b"c": b"old c"}
    bench.ask("HSET", bench.keys[what], *(part for pair in before.items() for part in pair))
    done = resign(bench, what, ("a", b"old a", b"new a"), ("b", b"old b", b"new b"), ("gone", b"", b"new"))
    found = bench.ask("HGETALL", bench.keys[what])
    assert (done, dict(zip(found[::2], found[1::2], strict=True)) if isinstance(found, list) else found) == (1, {**before, b"a": b"new a"})
    bench.ask("DEL", bench.keys[what])


@on_servers
def test_a_job_that_runs_keeps_its_body_so_that_a_claim_asked_again_is_the_same(bench: Bench) -> None:
    claim = bench.start("a")
    assert resign(bench, "bodies", ("a", BODY, b"new")) == 0
    assert bench.store.claim("q", "s", claim.token) == claim


def test_all_that_is_signed_is_read_once_with_what_it_is_bound_to(bench: Bench) -> None:
    bench.put(*(f"job-{n}" for n in range(250)), key="k")
    found = list(all_sealed(bench.reader, "q"))
    assert (len(found), len({one.id for one in found})) == (250, 250)
    assert {(one.header.worker, one.terms.key, one.body, one.chain, one.result) for one in found} == {(HEADER.worker, "k", BODY, b"", b"")}


def test_large_bodies_are_not_read_all_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put("a", "b", "c")
    for job_id in "abc":
        bench.ask("HSET", bench.keys["bodies"], job_id, b"x" * (MOST // 2 + 1))
    asked = []
    ask = bench.channel.ask
    monkeypatch.setattr(bench.channel, "ask", lambda commands: asked.append(commands) or ask(commands))
    found = list(all_sealed(bench.reader, "q"))
    bodies = [len(command) - 2 for commands in asked for command in commands if command[:2] == ("HMGET", bench.keys["bodies"])]
    assert (len(found), bodies) == (3, [1, 1, 1])
    for job_id in "abc":
        bench.ask("HSET", bench.keys["bodies"], job_id, BODY)
