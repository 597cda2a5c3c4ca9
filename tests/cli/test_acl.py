"""`exqueue acl`: lines that a server takes, in which no password stands that was not asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreError
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.roles import Role
from tests.cli.conftest import Command
from tests.cli.kit import Hands
from tests.store.servers import running

LOOSE = "runner and keeper can do steps of other roles, too: only --pin-scripts keeps them from that (docs/acl.md)\n"
ROLES = [role.value for role in Role]


@pytest.fixture
def admin() -> Iterator[Channel]:
    with running("redis") as server:
        admin = server.channel()
        yield admin
        admin.close()


def lines(bare: Command, *words: str) -> list[list[str]]:
    found = bare("--url", "redis://nowhere.invalid", "--namespace", "ns", "acl", *words)
    assert found.code == 0
    return [line.split() for line in found.out.splitlines()]


def passwords(admin: Channel, user: str) -> list[bytes]:
    flat = admin.ask([("ACL", "GETUSER", user)])[0]
    return list(dict(zip(flat[::2], flat[1::2], strict=True))[b"passwords"])


def test_there_is_a_line_for_each_role_in_this_namespace_and_no_server_is_asked(bare: Command) -> None:
    found = lines(bare)
    assert [(line[:5], line[5]) for line in found] == [
        (["ACL", "SETUSER", f"ns-{role}", "reset", "on"], "#SHA256-OF-THE-PASSWORD") for role in ROLES
    ]
    assert {word for line in found for word in line if "~" in word and not re.match(r"(%R)?~ns:(queues|schema|\{\*\}:)", word)} == set()


def test_the_lines_of_a_second_namespace_leave_the_users_of_the_first(bare: Command, admin: Channel) -> None:
    first = {}
    for namespace in ("exq", "billing"):
        for line in bare("--namespace", namespace, "acl", "--generate").out.splitlines():
            admin.ask([tuple(line.split())])
        first = first or {user: passwords(admin, user) for user in (f"exq-{role}" for role in ROLES)}
    assert {user: passwords(admin, user) for user in first} == first
    assert len(admin.ask([("ACL", "USERS")])[0]) == 1 + 2 * len(ROLES)


def test_a_line_whose_password_was_not_filled_in_is_refused_and_makes_no_user(bare: Command, admin: Channel) -> None:
    for line in lines(bare):
        with pytest.raises(StoreError, match="hash"):
            admin.ask([tuple(line)])
    assert admin.ask([("ACL", "USERS")])[0] == [b"default"]


def test_generated_passwords_are_shown_apart_from_the_lines_that_hold_their_hashes(bare: Command, admin: Channel) -> None:
    found = bare("acl", "--generate")
    shown = dict(re.findall(r"password of (\S+): (\S+)", found.err))
    for line in found.out.splitlines():
        admin.ask([tuple(line.split())])
    assert {user: passwords(admin, user) for user in shown} == {
        f"exq-{role}": [hashlib.sha256(shown[f"exq-{role}"].encode()).hexdigest().encode()] for role in ROLES
    }
    assert [secret for secret in shown.values() if secret in found.out] == []


def test_an_update_adds_rights_and_leaves_password_and_other_rights(bare: Command, admin: Channel) -> None:
    admin.ask([("ACL", "SETUSER", "u", "on", ">right", "+lpos")])
    before = passwords(admin, "u")
    (line,) = lines(bare, "--role", "viewer", "--user", "u", "--update")
    admin.ask([tuple(line)])
    assert (passwords(admin, "u"), admin.ask([("ACL", "DRYRUN", "u", "LPOS", "ns:{q}:pending", "a")])) == (before, [b"OK"])


def test_scripts_are_pinned_only_if_asked_for(bare: Command) -> None:
    plain, pinned = ({word.partition("|")[0] for word in lines(bare, "--role", "runner", *more)[0]} for more in ((), ("--pin-scripts",)))
    assert (plain - pinned, pinned - plain) == ({"+eval"}, {"+script"})
    hashes = [word for word in lines(bare, "--role", "runner", "--pin-scripts")[0] if re.fullmatch(r"\+evalsha\|[0-9a-f]{40}", word)]
    assert len(hashes) > 20


@pytest.mark.parametrize(
    ("words", "said"),
    [("", LOOSE), ("--role keeper", LOOSE.removeprefix("runner and ")), ("--pin-scripts", ""),
     ("--role producer --role operator --role viewer", ""), ("--json", LOOSE)],
)  # fmt: skip
def test_what_only_pinned_scripts_forbid_is_said_beside_lines_that_do_not_pin_them(bare: Command, words: str, said: str) -> None:
    assert bare("acl", *words.split()).err == said


def test_as_json_the_rules_stand_apart_and_the_password_only_if_asked_for(bare: Command) -> None:
    (plain,), (made,) = (bare("acl", "--role", "viewer", "--json", *more).json for more in ((), ("--generate",)))
    assert (sorted(plain), sorted(made)) == (["line", "role", "rules", "user"], ["line", "password", "role", "rules", "user"])
    assert plain["line"].split() == ["ACL", "SETUSER", "exq-viewer", *plain["rules"]]


@pytest.mark.parametrize(
    "words",
    ["--user x", "--role viewer --role runner --user x", "--update --generate", "--role viewer --user a;b"],
)
def test_what_cannot_be_meant_is_refused(bare: Command, words: str) -> None:
    code, out, err = bare("acl", *words.split()).refusal
    assert (code, out, err.startswith("exqueue: ")) == (2, "", True)


MEANT = {
    "jobs cancel p": ["operator"], "failed requeue --all": ["operator"], "failed delete --all": ["operator"],
    "blocked skip --all": ["operator"],
    "queues pause q": ["operator"], "queues resume q": ["operator"], "fsck": ["keeper"], "keys check": ["keeper"],
    "keys resign": ["keeper"], "enqueue tests.model.workers:Add 1": ["producer", "runner"],
}  # fmt: skip


@pytest.mark.parametrize("words", MEANT)
def test_who_may_not_even_read_is_told_which_role_can_do_what_was_asked(
    bare: Command, admin: Channel, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("EXQUEUE_SIGNING_KEYS", "the only key of this test")
    Hands(Exqueue(settings=Settings(namespace="ns"), channel=admin)).put("p")
    admin.ask([("ACL", "SETUSER", "u", "on", ">p", "~*", "+get")])
    url = str(admin._where).replace("unix://", "unix://u:p@")
    code, _, err = bare("--url", url, "--namespace", "ns", *words.split()).refusal
    assert (code, re.findall(r"`exqueue acl --role (\w+)`", err)) == (3, MEANT[words])


LOOKS = [
    "status",
    "top --once",
    "events",
    "jobs list",
    "jobs show f",
    "failed list",
    "failed show f",
    "blocked list",
    "schedule list",
    "doctor",
]


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_looks_can_look_at_everything(bare: Command, admin: Channel, role: str) -> None:
    hands = Hands(Exqueue(settings=Settings(namespace="ns"), channel=admin))
    hands.fail("f", key="k")
    hands.put("w", key="k")
    hands.app.store.depart("Add", "r")  # who has no counter is not waited for
    admin.ask([("ACL", "SETUSER", "u", "on", ">p", *lines(bare, "--role", role, "--update")[0][3:]), ("ACL", "LOG", "RESET")])
    url = str(admin._where).replace("unix://", "unix://u:p@")
    ended = {words: bare("--url", url, "--namespace", "ns", *words.split()).code for words in LOOKS}
    assert {words: code for words, code in ended.items() if code} == {"doctor": 1}  # it keeps nothing on disk
