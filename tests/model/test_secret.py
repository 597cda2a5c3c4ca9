"""A secret argument is shown as ***, and perform gets the bare value."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from exqueue.model.codec import decode, encode
from exqueue.model.errors import BadArguments
from exqueue.model.options import call
from exqueue.model.secret import Mask, secret
from exqueue.model.worker import check_arguments
from tests.model.workers import Add


def test_it_is_not_shown_and_comes_out_bare_wherever_it_stands() -> None:
    given = call(secret("s3same"), b=[{"x": secret(b"raw"), "y": (secret({"z": 1}),)}])
    header, body = encode(Add, given, 5, 10**6)
    heard: list[object] = []
    assert decode(header, body, {}, heard) == (Add, call("s3same", b=[{"x": b"raw", "y": ({"z": 1},)}]))
    assert (header.args, sorted(map(str, heard))) == ("***, b=[{'x': ***, 'y': <builtins.tuple>}]", ["b'raw'", "s3same", "{'z': 1}"])


def test_only_secrets_are_heard_of() -> None:
    heard: list[object] = []
    decode(*encode(Add, call("exqueue.model.secret", b="plain"), 5, 10**6), {}, heard)
    assert heard == []


def test_any_other_unpickler_gives_the_bare_value_too() -> None:
    assert pickle.loads(pickle.dumps([secret("x")])) == ["x"]


def test_it_counts_as_one_argument_like_any() -> None:
    check_arguments(Add, (secret(1),), {"b": secret(2)})
    with pytest.raises(BadArguments):
        check_arguments(Add, (), {"c": secret(1)})
    assert (repr(secret("x")), f"{secret('x')}", repr([secret("x")])) == ("***", "***", "[***]")


TEXTS: dict[str, tuple[list[Any], str, str]] = {
    "text": (["s3same"], "no s3same here, nor xs3samex", "no *** here, nor x***x"),
    "bytes": ([b"s3same\xff"], r"b's3same\xff'", "b'***'"),
    "nested": ([{"a": ["first", ("second", {"third"})]}], "first second third a", "*** *** *** a"),
    "longest first": (["open", "open sesame"], "open sesame open", "*** ***"),
    "as repr shows it": (['it\'s "so"\n☃\\'], repr('it\'s "so"\n☃\\'), "'***'"),
    "as JSON shows it": (['say "åäö"'], r'"say \"\u00e5\u00e4\u00f6\""', '"***"'),
    "lines": (["-----BEGIN\nAAAA\nBBBB"], "at line BBBB of it", "at line *** of it"),
    "a pattern": (["a.*b"], "a.*b axxb", "*** axxb"),
    "short": (["abc", "", 1234, None], "abc 1234 None", "abc 1234 None"),
    "nothing": ([], "all", "all"),
}


@pytest.mark.parametrize(("secrets", "text", "shown"), TEXTS.values(), ids=TEXTS)
def test_a_mask_hides_the_texts_of_secrets(secrets: list[Any], text: str, shown: str) -> None:
    assert (Mask(secrets)(text), bool(Mask(secrets))) == (shown, text != shown)


def test_a_mask_of_very_many_or_of_what_holds_itself_is_still_one() -> None:
    nest: Any = ["deep"]
    nest.append(nest)
    assert (Mask([nest])("deep"), Mask([[f"number {n}" for n in range(100_000)]])("number 5")[:3]) == ("***", "***")
