"""What servers say of an error in a script, old and new: none of it is shown but what is for a person."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError, OutOfMemoryError, ResponseError  # noqa: A004

from exqueue.model.errors import StoreRefused
from exqueue.store.refusals import translate, unavailable

SHA = "f" * 40
IN_SCRIPTS = {  # as servers say it, old and new: Redis 6.2 puts the place of an error in front, later ones behind
    "OOM": f"OOM command not allowed when used memory > 'maxmemory'. script: {SHA}, on @user_script:1.",
    "OOM 6.2": f"Error running script (call to f_{SHA}): @user_script: 1: @user_script: 1: -OOM command not allowed.",
    "denied": f"The user executing the script can't run this command or subcommand script: {SHA}, on @user_script:1.",
    "denied 6.2": f"Error running script (call to f_{SHA}): @user_script: 1: The user executing the script can't run this command",
    "denied 7.4": f"ACL failure in script: User u has no permissions to run the 'set' command script: {SHA}, on @user_script:1.",
    "denied valkey": "ACL failure in script: User u has no permissions to run the 'set' command script: on @user_script:1.",
    "compile": "Error compiling script (new function): user_script:1: '=' expected near '<eof>'",
    "bug": f"user_script:1: attempt to index a nil value script: {SHA}, on @user_script:1.",
}


@pytest.mark.parametrize("said", IN_SCRIPTS.values(), ids=IN_SCRIPTS)
@pytest.mark.parametrize("kind", [ResponseError, OutOfMemoryError, ConnectionError])
def test_no_error_shows_where_in_a_script_it_was(said: str, kind: type[ResponseError]) -> None:
    found = [str(translate(kind(said), "redis://h")), str(unavailable(kind(said), "redis://h"))]
    assert [text for text in found if SHA in text or "user_script" in text or not text.isprintable()] == []


@pytest.mark.parametrize("said", [said for name, said in IN_SCRIPTS.items() if name.startswith("denied")])
def test_a_command_that_is_denied_inside_of_a_script_is_a_missing_right(said: str) -> None:
    found = translate(ResponseError(said), "redis://h", step="claim")
    assert (isinstance(found, StoreRefused), str(found).endswith("; `exqueue acl --role runner` prints the rights that it needs")) == (
        True,
        True,
    )
