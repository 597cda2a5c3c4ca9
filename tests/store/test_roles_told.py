"""What docs/acl.md says that a role may and may not, as servers see it: each word of its table is tried."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exqueue.app import Exqueue
from exqueue.model.errors import StoreRefused
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.invariants import broken
from exqueue.store.keys import schema_key
from exqueue.store.roles import Role
from tests.docs.test_readme import table
from tests.store.kit import Bench
from tests.store.role_kit import as_role
from tests.store.servers import Server
from tests.store.steps import STEPS
from tests.store.test_roles import each_role

ACL: Final = Path(__file__).parents[2] / "docs" / "acl.md"
ACTS: Final = {  # a word of the table -> the step that it stands for
    "enqueue": "enqueue", "take": "claim", "settle": "complete", "requeue": "requeue", "skip": "skip", "delete": "delete",
    "cancel": "cancel", "stop": "stop", "pause": "pause", "resume": "resume", "repair": "relocate", "resign": "resign",
}  # fmt: skip


@each_role
def test_a_role_may_and_may_not_what_the_table_of_roles_says(server: Server, admin: Channel, role: Role) -> None:
    plain, pinned = ({word for word in ACTS if _may(server, admin, role, word, pinned=which)} for which in (False, True))
    may, never, only_pinned = _told(role)
    assert (may, never, only_pinned) == (pinned, ACTS.keys() - plain, plain - pinned)


def _told(role: Role) -> list[set[str]]:
    row = next(row for row in table(ACL, "role") if row[0] == f"`{role}`")
    return [set(re.findall(r"`(\w+)`", cell)) & ACTS.keys() for cell in row[2:]]


def _may(server: Server, admin: Channel, role: Role, word: str, *, pinned: bool) -> bool:
    """Whether it may in any of the cases that the tests of the steps know: a step comes to some of its commands only in some."""
    return any(_done(server, admin, role, name, pinned=pinned) for name in STEPS if name.split()[0] == ACTS[word])


def _done(server: Server, admin: Channel, role: Role, name: str, *, pinned: bool) -> bool:
    admin.ask([("FLUSHALL",), ("SCRIPT", "FLUSH")])
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    act, app = STEPS[name](bench), as_role(server, admin, role, pinned=pinned)
    bench.store = app.store
    refused = _refused(act)
    app.close()
    return not refused


def _refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except StoreRefused as error:
        return error.code == "NOPERM"
    return False


@each_role
def test_no_role_can_replace_a_key_that_is_there_or_the_number_of_the_schema(server: Server, admin: Channel, role: Role) -> None:
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    bench.put("a")
    schema, before = schema_key("ns"), bench.snapshot()
    app = as_role(server, admin, role, pinned=True)
    for words in [("SET", bench.keys["pending"], "x"), ("SET", schema, 99), ("GETSET", schema, 99), ("SETNX", schema, 99)]:
        assert _refused(lambda words=words: app.channel.ask([words])) or words[0] == "SETNX"  # type: ignore[misc]
    app.close()
    assert (bench.snapshot(), bench.ask("GET", schema), broken(admin, "ns")) == (before, b"1", [])
