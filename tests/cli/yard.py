"""A directory with worker modules, a namespace of its own, and runners in it: what jobs meet that are not as they should be."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.job import Header, Terms
from exqueue.model.lifecycle import Place
from exqueue.store.invariants import broken
from exqueue.store.replies import raw_id
from tests.cli.kit import Result, environment, run, soon


class Yard:
    """Jobs are written as a client would write them, without importing their workers into the tests."""

    def __init__(self, directory: Path, url: str, namespace: str, queue: str = "Do") -> None:
        self.directory, self.queue = directory, queue
        self.app = Exqueue(url, namespace=namespace)
        self.keys = self.app.store.keys(queue)

    @property
    def env(self) -> dict[str, str]:
        return {"EXQUEUE_URL": self.app.settings.url, "EXQUEUE_NAMESPACE": self.app.settings.namespace, "EXQUEUE_PATIENCE": "2"}

    def write(self, module: str, source: str) -> None:
        """A module as it is deployed."""
        (self.directory / f"{module}.py").write_text(source)

    def put(
        self, job_id: str, *args: Any, worker: str = "shop:Do", body: bytes | None = None, delay: int = 0, by: str = "reference"
    ) -> None:
        """Enqueue a job; `body` in place of its pickled arguments, `delay` in ms."""
        body = b"\x01" + pickle.dumps((args, {})) if body is None else body
        header = Header(worker=worker, at=1, args=", ".join(map(repr, args)), by=by, python="3.x", cloudpickle="3", size=len(body))
        sealed = body and self.app.envelope().close(self.queue, job_id, Terms(), header, body)
        self.app.store.enqueue(self.queue, [NewJob(job_id, header, sealed)], delay)

    def ask(self, *command: Any) -> Any:
        return self.app.channel.ask([command])[0]

    def exq(self, *words: str) -> Result:
        """A command to its end."""
        return run(*words, cwd=self.directory, env=self.env)

    def burst(self, *words: str) -> Result:
        """A runner that ends when all is done. It must end well."""
        done = self.exq("run", *(words or ("shop",)), "--burst")
        assert done.code == 0, done.err
        return done

    def start(self, *words: str) -> Runner:
        """A runner that stays until the end of its `with`."""
        return Runner(self, words or ("shop",))

    def ran(self) -> list[str]:
        """What the jobs wrote, in that order: `name pid`."""
        log = self.directory / "ran"
        return log.read_text().splitlines() if log.exists() else []

    def names(self) -> list[str]:
        """Only the names of it."""
        return [line.partition(" ")[0] for line in self.ran()]

    def failed(self) -> dict[str, tuple[str, int]]:
        """For each failed job the reason, and the attempts that were spent."""
        return {job.id: (job.errors[-1].reason, job.record().run.attempt) for job in self.app.failed()}

    def error(self, job_id: str) -> tuple[str, str, str]:
        """Reason, type and message of the last error of a job."""
        found = self.app.reader.find(self.queue, job_id)
        assert found is not None
        error = found.errors[-1]
        return error.reason, error.type, error.message

    def wrong(self) -> list[str]:
        """What is lost, or not in its one place."""
        return broken(self.app.channel, self.app.settings.namespace)

    def left(self) -> dict[str, int]:
        """The counts of the queue, without the zeros."""
        counts = self.app.queue(self.queue).counts()
        return {name: getattr(counts, name) for name in counts.__slots__ if getattr(counts, name)}

    def pids(self) -> list[int]:
        """The worker processes there are."""
        return sorted(slot.pid for slot in self.app.reader.slots(self.queue))

    def hold(self, place: Place) -> list[str]:
        return [job.id for job in self.app.queue(self.queue).jobs(place)]

    def add(self, command: str, place: str, job_id: str, *scored: int) -> None:
        """Put an id by hand into a place, as somebody else would."""
        self.app.store.announce(self.queue)
        self.ask(command, self.keys[place], *scored, raw_id(job_id))


class Runner:
    """`exqueue run` as a process; stopped at the end, in good order or not."""

    def __init__(self, yard: Yard, words: tuple[str, ...]) -> None:
        self._log = yard.directory / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exqueue", "run", *words],
                cwd=yard.directory, env=environment(yard.env), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text("utf-8")

    def has_logged(self, text: str, times: int = 1) -> None:
        """Wait until it has."""
        soon(lambda: self.log.count(text) >= times)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


def yard(directory: Path, url: str, namespace: str) -> Iterator[Yard]:
    """For fixtures: at the end nothing is lost, or in two places."""
    made = Yard(directory, url, namespace)
    yield made
    wrong = made.wrong()
    made.app.close()
    assert not wrong, wrong
