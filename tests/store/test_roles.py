"""The five roles on real servers: what a role needs works, everything else is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import EnqueueUnknown, StoreError, StoreRefused
from exqueue.model.lifecycle import Place
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.connection import connector
from exqueue.store.invariants import broken
from exqueue.store.lacks import lacks_in_steps
from exqueue.store.roles import Rights, Role, commands_of, demanded, rights_of, rules
from exqueue.store.scripts import script, script_names
from tests.model.workers import Add
from tests.store.kit import Bench
from tests.store.role_kit import LOOKS, SECRET, as_role, sent, steps_of
from tests.store.servers import Server
from tests.store.steps import STEPS

ALWAYS: Final = {"auth", "hello", "quit", "reset"}  # before a user is known
RARE: Final = {
    "select",
    "client|setname",
    "rename",
    "unlink",
    "type",
    "ltrim",
}  # after ten thousand jobs; a clock that stepped back; a key of the wrong type
each_role = pytest.mark.parametrize("role", Role)


@pytest.fixture(params=[False, True], ids=["plain", "pinned"])
def pinned(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_every_step_is_the_right_of_some_role() -> None:
    assert {name for role in Role for name in rights_of(role).steps} == set(script_names())


def test_a_step_needs_no_command_of_a_function_that_it_cannot_reach() -> None:
    called = commands_of(script("enqueue")) | commands_of(script("push"))
    assert called & {"lpop", "lpush", "zrem", "lrem", "hdel", "del"} == set()


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.RUNNER, Role.OPERATOR, Role.KEEPER])
def test_a_role_can_do_its_steps_and_they_need_no_other_command(server: Server, admin: Channel, role: Role, pinned: bool) -> None:
    app, rights, foreign = as_role(server, admin, role, pinned=pinned), rights_of(role), dict[str, set[str]]()
    for name in steps_of(role):
        admin.ask([("FLUSHALL",), ("SCRIPT", "FLUSH")])
        bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
        act = STEPS[name](bench)
        bench.store = app.store
        sent(admin)
        act()
        if more := sent(admin) - rights.commands - {"auth", "info", "eval", "script|load"}:
            foreign[name] = more
        assert broken(admin, "ns") == [] or name == "deliver"
    app.close()
    assert foreign == {}


@each_role
def test_of_all_commands_there_are_a_role_has_its_own_and_no_other(server: Server, admin: Channel, role: Role, pinned: bool) -> None:
    app, rights = as_role(server, admin, role, pinned=pinned), rights_of(role)
    scripts = {"evalsha", "script|load" if pinned else "eval"} if rights.steps else set()
    key = f"ns:{{q}}:{'jobs' if role is not Role.VIEWER else 'runs'}"
    found = {name for name, arity in _commands(admin) if _allowed(admin, role, name, arity, key, pinned=pinned)}
    app.close()
    assert found - ALWAYS == rights.commands - {"evalsha"} | scripts


def _commands(admin: Channel) -> Iterator[tuple[str, int]]:
    """Every command and subcommand, with the number of words that it needs at least."""
    for command in admin.ask([("COMMAND",)])[0]:
        below = command[9] if len(command) > 9 else []
        for name, arity, *_ in below or [command]:
            yield name.decode(), abs(arity)


def _allowed(admin: Channel, role: Role, name: str, arity: int, key: str, *, pinned: bool) -> bool:
    words = name.split("|")
    first = script(min(rights_of(role).steps, default="claim")).sha if name == "evalsha" and pinned else key
    rest = [first, *[key] * arity][: max(0, arity - len(words))]
    return "no permissions to run" not in admin.ask([("ACL", "DRYRUN", role.value, *words, *rest)])[0].decode()


@each_role
def test_no_key_of_another_namespace_can_be_touched(server: Server, admin: Channel, role: Role) -> None:
    app = as_role(server, admin, role)
    for key in ("jobs", "ns:{q}", "other:{q}:jobs", "other:queues", "ns:other:{q}:jobs", "ns:more", "nsx:{q}:jobs"):
        with pytest.raises(StoreRefused, match="no right"):
            app.channel.ask([("HGET", key, "a")])
    app.close()


@each_role
def test_nothing_can_be_learned_of_the_server_that_the_role_need_not_know(server: Server, admin: Channel, role: Role) -> None:
    app = as_role(server, admin, role)
    secrets = ["CONFIG GET requirepass", "ACL LIST", "ACL GETUSER default", "CLIENT LIST", "KEYS *", "MONITOR", "SLOWLOG GET"]
    for command in [*secrets, *(["SCAN 0"] if role is not Role.KEEPER else [])]:
        with pytest.raises(StoreRefused, match="no right"):
            app.channel.ask([tuple(command.split())])
    app.close()


def _refusals(app: Exqueue, *acts: Callable[[], object]) -> int:
    refused = 0
    for act in acts:
        try:
            act()
        except StoreError as error:
            refused += isinstance(error, StoreRefused) and "no right" in str(error)
    app.close()
    return refused


def test_a_producer_can_enqueue_and_look_but_cannot_take_settle_or_remove_a_job(server: Server, admin: Channel) -> None:
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    claim = bench.start("a", "b")
    bench.fail("f")
    before = bench.snapshot()
    app = as_role(server, admin, Role.PRODUCER)
    theirs, keys = Bench(app), bench.keys
    assert theirs.record("a").place is Place.PROCESSING
    taking = [("LPOP", keys["pending"]), ("LMOVE", keys["pending"], keys["jobs"], "LEFT", "RIGHT"), ("DEL", keys["pending"]),
              ("LRANGE", keys["pending"], 0, -1), ("ZREM", keys["failed"], "f"), ("ZADD", keys["failed"], 1, "f"),
              ("HSET", keys["runs"], "a", "x"), ("HSET", keys["control"], "paused", 1), ("RPUSH", keys.processing("s"), "b")]  # fmt: skip
    acts: list[Callable[[], object]] = [lambda command=command: app.channel.ask([command]) for command in taking]  # type: ignore[misc]
    acts += [lambda: theirs.store.claim("q", "s", "s/x"), lambda: theirs.complete(claim), lambda: theirs.store.delete("q", ["f"]),
             lambda: theirs.store.register("q", "x", "{}", "x"), lambda: theirs.store.cancel("q", ["b"])]  # fmt: skip
    assert (_refusals(app, *acts), bench.snapshot()) == (len(acts), before)


@pytest.mark.parametrize("step", [name for name in STEPS if name != "claim foreign"])
def test_a_viewer_can_do_no_step(server: Server, admin: Channel, step: str) -> None:
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    act = STEPS[step](bench)
    before, app = bench.snapshot(), as_role(server, admin, Role.VIEWER)
    bench.store = app.store
    assert (_refusals(app, act), bench.snapshot()) == (1, before)


def test_a_viewer_sees_all_lists_but_not_what_jobs_carry(server: Server, admin: Channel) -> None:
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    bench.fail("f", key="k")
    bench.put("w", key="k")
    bench.put("d", delay_ms=60_000)
    bench.put("r", priority=1)
    bench.put("p")
    app = as_role(server, admin, Role.VIEWER)
    queue = app.queue("q")
    assert [[job.id for job in queue.jobs(place)] for place in Place if place is not Place.NONE] != []
    assert (queue.counts(), [key.head for key in app.blocked()], app.job("f").record().errors) == (
        bench.reader.counts("q"), ["f"], bench.record("f").errors,
    )  # fmt: skip
    assert [event.name for event in app.events(history=True, timeout=0)] == [e.name for e in bench.app.events(history=True, timeout=0)]
    hidden = [("HGET", bench.keys[name], "f") for name in ("bodies", "chains", "outbox")]
    acts: list[Callable[[], object]] = [lambda command=command: app.channel.ask([command]) for command in hidden]  # type: ignore[misc]
    assert _refusals(app, *acts) == 3


def test_an_operator_can_do_what_persons_do_but_enqueues_and_runs_nothing(server: Server, admin: Channel) -> None:
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    bench.fail("a", "b")
    bench.fail("k", key="k")
    bench.put("p")
    app = as_role(server, admin, Role.OPERATOR)
    assert (app.job("a").requeue(), app.failed().filter(ids=["b"]).delete(), app.job("k").skip(), app.job("p").cancel()) == (
        None,
        1,
        None,
        None,
    )
    assert (app.queue("q").pause(), app.queue("q").resume(), broken(admin, "ns")) == (True, True, [])
    theirs = Bench(app)
    acts = (lambda: theirs.put("x"), lambda: theirs.store.claim("q", "s", "s/x"), lambda: theirs.store.register("q", "x", "{}", "r"))
    assert _refusals(app, *acts) == 3


@each_role
def test_a_url_may_name_a_database_and_a_client(server: Server, admin: Channel, role: Role) -> None:
    as_role(server, admin, role).close()
    url = f"{server.url(f'{role}:{SECRET}@')}?db=3&client_name=x"
    app = Exqueue(settings=Settings(namespace="ns"), channel=Channel(connector(url, 5), where="test", patience=0))
    assert app.reader.queues() == []
    app.close()


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.RUNNER, Role.OPERATOR])
def test_a_step_that_would_stop_halfway_for_want_of_a_right_is_found_beforehand(server: Server, admin: Channel, role: Role) -> None:
    app = as_role(server, admin, role)
    whole = lacks_in_steps(app.channel, "ns", role)
    admin.ask([("ACL", "SETUSER", role.value, "-xadd", "-hset")])
    assert (whole, lacks_in_steps(app.channel, "ns", role), lacks_in_steps(admin, "ns", role)) == ((), ("hset", "xadd"), ())
    app.close()
    app = as_role(server, admin, role, pinned=True)
    assert lacks_in_steps(app.channel, "ns", role) == ()
    app.close()


def test_who_waits_for_replicas_may_do_so(server: Server, admin: Channel) -> None:
    words = rules(Role.PRODUCER, "ns", also=demanded("redis://host", 1))
    admin.ask([("ACL", "SETUSER", "p", "reset", "on", f">{SECRET}", "resetchannels", "-@all", *words)])
    app = Exqueue(settings=Settings(namespace="ns", durability="replicated", patience=0), channel=server.channel(f"p:{SECRET}@"))
    with pytest.raises(EnqueueUnknown, match="0 of 1 replicas"):
        app.enqueue(Add, 1)
    app.close()


@pytest.mark.parametrize(
    ("url", "also"), [("redis://h", set()), ("rediss+sentinel://h/m", {"role"}), ("redis+cluster://h", {"asking", "cluster|slots"})]
)
def test_several_servers_demand_more_of_whoever_connects(url: str, also: set[str]) -> None:
    assert demanded(url, 0) == also


def test_a_pinned_role_runs_no_lua_but_ours(server: Server, admin: Channel) -> None:
    app = as_role(server, admin, Role.RUNNER, pinned=True)
    sha = app.channel.ask([("SCRIPT", "LOAD", "return 1")])[0].decode()
    acts = (lambda: app.channel.ask([("EVAL", "return 1", 0)]), lambda: app.channel.ask([("EVALSHA", sha, 0)]))
    assert _refusals(app, *acts) == 2


def test_no_command_is_granted_that_nobody_sends(server: Server, admin: Channel) -> None:
    assert {role: found for role in Role if (found := _granted_in_vain(server, admin, role, rights_of(role)))} == {}


def _granted_in_vain(server: Server, admin: Channel, role: Role, rights: Rights) -> set[str]:
    app = as_role(server, admin, role)
    used: set[str] = set()
    for act in [*(STEPS[name] for name in steps_of(role)), *LOOKS[role]]:
        admin.ask([("FLUSHALL",)])
        bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=admin))
        prepared: Any = act(bench)
        bench.store, bench.app, bench.reader = app.store, app, app.reader
        sent(admin)
        prepared()
        used |= sent(admin)
    app.close()
    return set(rights.commands - used - RARE)
