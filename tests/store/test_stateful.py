"""Steps in any order, done to the store and to a model of it: places, their order, heads, counts and answers are the same.

STATEFUL=3000 in the environment tries so many programs, longer ones, and others each time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from exqueue.model.errors import ExqueueError
from exqueue.store.channel import Channel
from tests.conftest import on_servers
from tests.store.machine import QueueMachine

MORE: Final = int(os.environ.get("STATEFUL", "0"))
EXAMPLES: Final = {"fake": 100, "embedded": 100, "redis": 200}


@on_servers
@pytest.mark.timeout(0 if MORE else 300)
def test_any_steps_leave_what_they_leave_of_the_model(channel: Channel, request: pytest.FixtureRequest) -> None:
    made: list[QueueMachine] = []

    def make() -> QueueMachine:
        made[:] = [QueueMachine(channel)]
        return made[0]

    with contextlib.suppress(AssertionError, ExqueueError):
        run_state_machine_as_test(make, settings=_settings(request.node.callspec.params["channel"]))  # type: ignore[arg-type]
        return
    program = shortest(made[0].program, lambda: QueueMachine(channel))
    pytest.fail("\n".join(["this fails:", "state = QueueMachine()", *program, run(program, QueueMachine(channel))]), pytrace=False)


def _settings(server: str) -> settings:
    return settings(
        max_examples=MORE or EXAMPLES[server], stateful_step_count=60 if MORE else 40, derandomize=not MORE, database=None,
        phases=[Phase.generate], deadline=None, print_blob=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def run(program: list[str], state: QueueMachine) -> str:
    """What is wrong at the end of a program; empty if all is well."""
    try:
        for line in program:
            exec(line, {"state": state})
        state.teardown()
    except ZeroDivisionError:  # it speaks of the first of none
        return ""
    except (AssertionError, ExqueueError) as error:
        return str(error)
    return ""


def shortest(program: list[str], make: Callable[[], QueueMachine]) -> list[str]:
    """Of a program that fails, what is left when no line can be taken out any more. (Hypothesis would take minutes.)"""
    size = len(program) // 2
    while size:
        before = program
        for start in range(len(program) - size, 0, -1):  # the first line begins it
            fewer = program[:start] + program[start + size :]
            if run(fewer, make()):
                program = fewer
        if size > 1 or program == before:
            size //= 2
    return program
