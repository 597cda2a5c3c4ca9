"""What an argument's name says is secret is not shown: not in the summary of a call, not in an error."""

from __future__ import annotations

from typing import Any

import pytest

from exqueue.model.codec import encode
from exqueue.model.errors import ConfigError
from exqueue.model.options import Call, call
from exqueue.model.redact import DEFAULT, Redact
from exqueue.model.secret import secret
from exqueue.model.worker import Worker

REDACT = Redact.parse(DEFAULT)


class Login(Worker):
    def perform(self, user: str, password: str = "", *tokens: str, api_key: str = "", more: Any = None, **rest: Any) -> None:
        pass


CALLS: dict[str, tuple[Call, str]] = {
    "keyword": (call("ada", password="hunter2"), "'ada', password=***"),
    "positional": (call("ada", "hunter2"), "'ada', ***"),
    "of many": (call("ada", "hunter2", "t1", "t2", api_key="k"), "'ada', ***, ***, ***, api_key=***"),
    "any keyword": (call("ada", Db_PassWord="x", port=1), "'ada', Db_PassWord=***, port=1"),
    "in a dict": (
        call("ada", more={"user": "ada", "API_KEY": 5, "secret": [1]}),
        "'ada', more={'user': 'ada', 'API_KEY': ***, 'secret': ***}",
    ),
    "in a dict in a list": (call("ada", more=[{"auth_token": "x"}]), "'ada', more=[{'auth_token': ***}]"),
    "secret": (call(secret("ada"), more={"a": [secret("x")]}), "***, more={'a': [***]}"),
    "no name": (call("password"), "'password'"),
}


@pytest.mark.parametrize(("given", "shown"), CALLS.values(), ids=CALLS)
def test_the_summary_of_a_call_hides_them(given: Call, shown: str) -> None:
    assert encode(Login, given, 5, 10**6, REDACT)[0].args == shown


def test_without_patterns_all_is_shown_but_what_was_said_to_be_secret() -> None:
    assert encode(Login, call("ada", "x", api_key=secret("k")), 5, 10**6)[0].args == "'ada', 'x', api_key=***"


TEXTS = {
    "password=hunter2": "password=***",
    "password = hunter2 and more": "password = *** and more",
    "f(user='ada', password='hun ter\\'2', x=1)": "f(user='ada', password=***, x=1)",
    'password="a b" x': "password=*** x",
    "password=b'a b' x": "password=*** x",
    "{'user': 'ada', 'password': 'a, b'}": "{'user': 'ada', 'password': ***}",
    '{"api_key":"abc","n":1}': '{"api_key":***,"n":1}',
    "{'credentials': {'a': 'b}', 'c': ['d']}, 'n': 1}": "{'credentials': ***, 'n': 1}",
    "token=(1, (2, ')')) and": "token=*** and",
    "token=<Token a b> and": "token=*** and",
    "https://h/?a=1&access_token=abc&b=2": "https://h/?a=1&access_token=***&b=2",
    "authorization=Bearer abc.def, x": "authorization=***, x",
    "'Authorization': 'Bearer abc'": "'Authorization': ***",
    "--password=x --y": "--password=*** --y",
    "os.environ['DB_PASSWORD'] = 'x'": "os.environ['DB_PASSWORD'] = ***",
    "PASSWORD=x": "PASSWORD=***",
    "password='never closed": "password=***",
    "password=(never closed\nnext": "password=***\nnext",
    "password=a password=b": "password=*** password=***",
    "if token == 'x': raise": "if token == 'x': raise",
    "password=, user=ada": "password=, user=ada",
    "password=\nuser": "password=\nuser",
    "the token: it is wrong": "the token: it is wrong",
    "user=ada, passage=3": "user=ada, passage=3",
    "": "",
}


@pytest.mark.parametrize("text", TEXTS)
def test_an_error_shows_no_value_of_such_a_name(text: str) -> None:
    assert REDACT.text(text) == TEXTS[text]


LONG = ["password=" * 100_000, "password='" * 100_000, "token=" + "(" * 10**6, "a" * 10**6 + "=", "'x':" * 75_000]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "length"),
    [*zip(LONG, [12, 600_000, 9, 10**6 + 1, 300_000], strict=True)],
    ids=["unquoted", "unclosed", "brackets", "name", "names"],
)
def test_a_long_text_is_read_once(text: str, length: int) -> None:
    assert len(REDACT.text(text)) == length


def test_names_are_patterns_that_do_not_look_at_case() -> None:
    redact = Redact.parse("pin, *_Key,id?")
    names = ("pin", "PIN", "pins", "my_key", "key", "id1", "id", 5)
    assert [name for name in names if redact.hides(name)] == ["pin", "PIN", "my_key", "id1"]


@pytest.mark.parametrize("text", ["['a']", "a b", "a;b", 5])
def test_what_is_no_list_of_names_is_refused(text: Any) -> None:
    with pytest.raises(ConfigError, match="it takes names of arguments, with"):
        Redact.parse(text)
