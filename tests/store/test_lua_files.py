"""The Lua files keep to their headers, and the headers to the table of the lifecycle."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest

from exqueue.model.errors import StoreError
from exqueue.model.lifecycle import TABLE
from exqueue.store import scripts
from exqueue.store.channel import Channel
from exqueue.store.keys import KINDS, queue_keys
from exqueue.store.scripts import script, script_names
from tests.conftest import on_servers
from tests.store.kit import Bench

FILES = {f.name: f.read_text("utf-8") for f in resources.files("exqueue.store.lua").iterdir() if f.name.endswith(".lua")}
HEADER = "-- broken: a step\n-- keys: {keys}\n-- argv: slot\n-- moves:\n-- replies: {replies}\nreturn {{'done'}}\n"
FORBIDDEN = {"KEYS", "SCAN", "EVAL", "EVALSHA", "FLUSHDB", "FLUSHALL", "SELECT", "MULTI", "BLMOVE", "SPOP", "SRANDMEMBER", "EXPIRE"}

each_file = pytest.mark.parametrize("name", FILES)
each_step = pytest.mark.parametrize("name", script_names())


def calls(text: str) -> list[tuple[str, str]]:
    """Command and first argument of every call in a Lua file."""
    code = re.sub(r"--.*", "", text)
    return re.findall(r"redis\.p?call\(\s*('?[\w\[\]# ]+'?)\s*(?:,\s*([^,()]+))?", code)


def test_the_steps_move_jobs_as_the_table_of_the_lifecycle_says() -> None:
    assert {name: script(name).moves for name in script_names() if script(name).moves} == TABLE


@each_step
def test_a_step_is_named_as_its_file(name: str) -> None:
    assert FILES[f"{name}.lua"].startswith(f"-- {name}: ")


@on_servers
@each_step
def test_a_step_compiles_under_the_name_it_is_called_by(channel: Channel, name: str) -> None:
    loaded = script(name)
    assert channel.ask([("SCRIPT", "LOAD", loaded.source)])[0].decode() == loaded.sha == _sha1(loaded.source)


@each_step
def test_the_types_of_all_keys_are_checked_before_the_step_begins(name: str) -> None:
    if "\n-- checks: itself\n" in FILES[f"{name}.lua"]:
        return  # see test_a_key_of_the_wrong_type_is_named_and_nothing_is_written
    kinds = ", ".join(f"'{KINDS[key]}'" for key in script(name).keys)
    before, check, _ = script(name).source.removesuffix(FILES[f"{name}.lua"]).rpartition(f"\ncheck({{{kinds}}})\n")
    assert (bool(before), bool(check)) == (True, True)


@on_servers
def test_an_answer_that_the_header_does_not_know_is_an_error(channel: Channel) -> None:
    deaf = replace(script("depart"), replies=frozenset({b"alive"}))
    with pytest.raises(StoreError, match=r"depart\.lua gave an answer its header does not know: departed$"):
        channel.run(deaf, [queue_keys("ns", "q")["beats"]], ["r", ""])


@each_file
def test_every_command_names_a_declared_key(name: str) -> None:
    undeclared = [(command, key) for command, key in calls(FILES[name]) if not _declared(name, command, key)]
    assert undeclared == []


@each_file
def test_a_key_is_never_made_of_strings_and_no_key_is_searched_for(name: str) -> None:
    commands = {command.strip("'") for command, _ in calls(FILES[name])}
    assert (commands & FORBIDDEN, re.findall(r"(?:KEYS\[\w+\]|keys)\s*\.\.", FILES[name])) == (set(), [])


def test_all_keys_of_a_queue_share_one_hash_tag() -> None:
    keys = queue_keys("ns", "q:{x}")
    names = [*(keys[kind] for kind in KINDS), keys.processing("s{t}/1")]
    assert {re.search(r"\{(.*?)\}", name)[1] for name in names} == {"q:{x"}  # type: ignore[index]


@on_servers
def test_a_server_that_forgot_the_scripts_is_told_them_again(bench: Bench) -> None:
    bench.put("a")
    bench.ask("SCRIPT", "FLUSH")
    bench.put("b")
    bench.open("s")
    bench.ask("SCRIPT", "FLUSH")
    assert (bench.take().id, bench.pending) == ("a", ["b"])


@pytest.mark.parametrize(("keys", "replies"), [("pending noses", "done"), ("pending", ""), ("PENDING", "done")])
def test_a_header_that_cannot_be_kept_is_refused(monkeypatch: pytest.MonkeyPatch, keys: str, replies: str) -> None:
    monkeypatch.setattr(scripts, "_read", lambda name: HEADER.format(keys=keys, replies=replies))
    with pytest.raises(ValueError, match=r"broken-\w*\.lua: unknown keys|no replies"):
        script(f"broken-{_sha1(keys + replies)}")


def test_a_header_is_read_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "_read", lambda name: HEADER.format(keys="pending jobs", replies="done | late, how many"))
    read = script("broken-readable")
    assert (read.keys, read.argv, read.repeats, read.moves, read.replies) == (
        ("pending", "jobs"), ("slot",), (), frozenset(), frozenset({b"done", b"late"}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "rest"),
    [
        ({"slot": "s"}, ()),
        ({"token": "t", "slot": "s"}, ()),
        ({"slot": "s", "token": "t", "limits": "", "more": 1}, ()),
        ({"slot": "s", "token": "t", "limits": ""}, ("x",)),
    ],
)
def test_a_call_that_differs_from_the_header_never_reaches_redis(given: dict[str, Any], rest: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match=r"claim\.lua takes \('slot', 'token', 'limits'\)"):
        script("claim").arguments(given, rest)


def test_a_list_of_things_must_be_whole() -> None:
    with pytest.raises(TypeError, match=r"takes \('due',\) then \('id', 'header', 'body', 'terms', 'chain'\), got \('due',\) and 4 more"):
        script("enqueue").arguments({"due": ""}, ("a", "h", "b", "c"))


def _declared(name: str, command: str, key: str) -> bool:
    if command == "'TIME'":
        return key == ""
    numbered = re.fullmatch(r"KEYS\[(\d+|i)\]", key.strip())
    if numbered:
        return numbered[1] == "i" or int(numbered[1]) <= len(script(name.removesuffix(".lua")).keys)
    declared = KINDS if name.startswith("_") else script(name.removesuffix(".lua")).keys
    return key.strip() in declared


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
