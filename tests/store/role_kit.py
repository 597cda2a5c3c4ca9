"""Users with the rights of a role, what a server was sent, and what each role does beside its steps."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

from exqueue.app import Exqueue
from exqueue.client.keys import Resigner, tally
from exqueue.model.envelope import Envelope
from exqueue.model.lifecycle import Place
from exqueue.model.settings import Settings
from exqueue.model.signing import Keys
from exqueue.store.channel import Channel
from exqueue.store.repair import Repair
from exqueue.store.roles import Role, rights_of, rules
from tests.store.kit import Bench
from tests.store.servers import Server
from tests.store.steps import STEPS

SECRET: Final = "hunter2"


def as_role(server: Server, admin: Channel, role: Role, *, pinned: bool = False) -> Exqueue:
    """An app whose user has the rights of this role, and no others."""
    words = ("reset", "on", f">{SECRET}", "resetchannels", "-@all", *rules(role, "ns", pinned=pinned))
    admin.ask([("ACL", "SETUSER", role.value, *words)])
    return Exqueue(settings=Settings(namespace="ns"), channel=server.channel(f"{role}:{SECRET}@"))


def sent(admin: Channel) -> set[str]:
    """The commands that were carried out since the last time, those of scripts among them; in the words of an ACL."""
    lines = admin.ask([("INFO", "commandstats"), ("CONFIG", "RESETSTAT")])[0].decode()
    found = re.findall(r"cmdstat_(\S+?):calls=(\d+)", lines)
    return {name for name, calls in found if int(calls)} - {"config|resetstat"}


def steps_of(role: Role) -> list[str]:
    return [name for name in STEPS if name.split()[0] in rights_of(role).steps]


def _look(bench: Bench) -> Callable[[], object]:
    """What everybody may see who looks at jobs."""
    bench.keep("done")
    bench.fail("f", key="k")
    bench.put("w", key="k")
    bench.put("d", "e", delay_ms=60_000)
    find, other = _find(bench), bench.store

    def look() -> None:
        app = bench.app
        assert [job.id for place in Place if place is not Place.NONE for job in app.jobs(place)] != []
        assert (app.queue("q").counts().blocked, [key.head for key in app.blocked()]) == (1, ["f"])
        read = [other.cancel("q", [one.id]) for one in app.reader.all_in("q", Place.DELAYED)]  # somebody else takes away what has been read
        assert (read, app.queue("q").counts().delayed) == ([1, 1], 0)
        assert (app.reader.server_info()["process_id"], app.reader.now_ms(), app.reader.beats("q")) != ("", 0, {})
        find()

    return look


def _find(bench: Bench) -> Callable[[], object]:
    """Whoever has enqueued a job asks for it."""
    bench.put("found")

    def find() -> None:
        assert (bench.app.job("found").state(), bench.app.job("fou").id, bench.reader.result("q", "found")) == (
            Place.PENDING,
            "found",
            None,
        )
        list(bench.app.events(timeout=0.01))

    return find


def _attend(bench: Bench) -> Callable[[], object]:
    """What runners and worker processes do beside the steps."""
    bench.start("a")
    ends = os.pipe()

    def attend() -> None:
        os.write(ends[1], b"!")
        bench.store.wait("q", "s", 2.0, ends[0])
        reader = bench.reader
        assert (reader.unfinished("q"), reader.counts("q").processing, reader.held("q", ["s"])) == (1, 1, {"s": ["a"]})
        assert (reader.stops("q"), reader.outbox("q"), reader.schedules("q")[1], reader.graves("q")) == ({}, {}, {}, [])
        reader.server_info()
        for end in ends:
            os.close(end)

    return attend


def _keep(bench: Bench) -> Callable[[], object]:
    """Whoever looks after the invariants finds a job without a place, and a queue that is not on the list."""
    bench.put("a", "lost", "c", chained=True)
    bench.fail("f")
    bench.ask("SREM", f"{bench.store.namespace}:queues", "q")
    bench.ask("LREM", bench.keys["pending"], 0, "lost")
    bench.ask("RPUSH", bench.keys["pending"], "!")

    def keep() -> None:
        assert {"registry", "nowhere"} <= {done.finding.invariant for done in Repair(bench.app.store).run()}
        signed = Envelope("ns", Keys.parse("a key that is long enough"))
        assert tally(bench.app.reader, signed).not_run(signed) > 0
        assert Resigner(bench.app.store, bench.app.reader, signed, unsigned=True).run().jobs > 0

    return keep


LOOKS: Final[dict[Role, list[Callable[[Bench], Callable[[], object]]]]] = {
    Role.PRODUCER: [lambda bench: lambda: bench.put("first"), _find],
    Role.RUNNER: [lambda bench: lambda: bench.put("first"), _find, _attend],
    Role.OPERATOR: [_look],
    Role.VIEWER: [_look],
    Role.KEEPER: [_keep],
}
