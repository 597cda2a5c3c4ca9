"""`Exqueue`: settings, store, client and runtime wired together. One object is one namespace of one server."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, overload

from exqueue.client.enqueue import Enqueuer
from exqueue.client.events import Events
from exqueue.client.jobs import Job, Jobs
from exqueue.client.queues import Queue
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ConfigError, JobNotFound
from exqueue.model.lifecycle import Place
from exqueue.model.names import check_name
from exqueue.model.options import Call, Configured, Performs
from exqueue.model.redact import Redact
from exqueue.model.settings import Settings, Sourced, keys_of, load
from exqueue.model.worker import check_worker, is_importable, path_of, queue_of
from exqueue.store.channel import Channel, open_channel
from exqueue.store.connection import safe_url
from exqueue.store.events import EventReader
from exqueue.store.reads import BlockedKey, Reader
from exqueue.store.steps import Store
from exqueue.store.unreadable import Unreadable

P = ParamSpec("P")


class Exqueue:
    """An application's queues. Makes no connection until it is used; may be shared by threads, survives a fork.

    `channel`: how to reach Redis, where the URL is not what decides (tests).
    """

    def __init__(
        self, url: str | None = None, *, namespace: str | None = None, settings: Settings | None = None, channel: Channel | None = None
    ) -> None:
        self.sourced = Sourced(settings, {}) if settings else load({"url": url, "namespace": namespace}, os.environ, Path())
        self.settings = self.sourced.settings
        self.channel = channel or open_channel(self.settings.url, patience=self.settings.patience)
        self.store = Store(self.channel, self.settings.namespace, self.settings.copies)
        self._envelope: Envelope | None = None
        self._owns_keys = channel is None
        self.reader = Reader(self.channel, self.settings.namespace, self.envelope)
        self._enqueuer = Enqueuer(self.store, self.reader, self.envelope, Redact.parse(self.settings.redact))

    def envelope(self) -> Envelope:
        """What signs and packs the bodies of this app's jobs. The first time, it may make the key of an embedded server's directory.

        Raises:
            ConfigError: its keys cannot be read, or others can read them.
        """
        if self._envelope is None:
            keys = keys_of(self.settings) if self._owns_keys else self.settings.signing_keys
            self._envelope = Envelope(self.settings.namespace, keys, self.settings.max_body)
        return self._envelope

    @overload
    def enqueue(self, worker: Configured[P], *args: P.args, **kwargs: P.kwargs) -> Job: ...
    @overload
    def enqueue(self, worker: type[Performs[P]], *args: P.args, **kwargs: P.kwargs) -> Job: ...
    def enqueue(self, worker: Any, *args: Any, **kwargs: Any) -> Job:
        """Accept a job: `app.enqueue(SyncInvoices, 42, full=True)`. When this returns, it is in Redis.

        Raises:
            BadArguments, EncodeError: nothing was written.
            StoreUnavailable, StoreRefused: see the message.
            EnqueueUnknown: with `durability = "replicated"`, it was written, but too few replicas have confirmed it.
        """
        return self._enqueuer.enqueue(worker, Call(args, kwargs))

    @overload
    async def aenqueue(self, worker: Configured[P], *args: P.args, **kwargs: P.kwargs) -> Job: ...
    @overload
    async def aenqueue(self, worker: type[Performs[P]], *args: P.args, **kwargs: P.kwargs) -> Job: ...
    async def aenqueue(self, worker: Any, *args: Any, **kwargs: Any) -> Job:
        """As `enqueue`, in a thread, so that the event loop goes on meanwhile."""
        import asyncio  # here: a producer that does not use it need not pay for it

        return await asyncio.to_thread(self._enqueuer.enqueue, worker, Call(args, kwargs))

    def enqueue_many(self, worker: type[Any] | Configured[Any], calls: Iterable[Call]) -> list[Job]:
        """Accept many jobs of one worker, in this order: `app.enqueue_many(SyncInvoices, [call(1), call(2)])`."""
        return self._enqueuer.enqueue_many(worker, calls)

    def queues(self) -> list[Queue]:
        """All queues that ever had a job or a runner, by name."""
        return [Queue(self.store, self.reader, name) for name in self.reader.queues()]

    def queue(self, worker: type[Any] | str) -> Queue:
        """The queue of a worker type, or of that name."""
        name = check_name("queue", worker) if isinstance(worker, str) else queue_of(worker)
        return Queue(self.store, self.reader, name)

    def jobs(self, place: Place, worker: type[Any] | str | None = None) -> Jobs:
        """The jobs in one place, of one worker type or of all queues."""
        names = self.reader.queues() if worker is None else [self.queue(worker).name]
        return Jobs(self.store, self.reader, place, names)

    def failed(self, worker: type[Any] | str | None = None) -> Jobs:
        """The failed jobs: iterate, `filter`, `requeue()`, `delete()`. Read from Redis as you go; never unpickled."""
        return self.jobs(Place.FAILED, worker)

    def blocked(self) -> list[BlockedKey]:
        """The keys of all queues whose head has failed for good."""
        return [key for queue in self.queues() for key in queue.blocked()]

    def events(self, worker: type[Any] | str | None = None, *, history: bool = False, timeout: float | None = None) -> Events:
        """What happens from now on, of one worker type or of all queues: `for event in app.events(): ...`.

        `history`: begin with what is still known. `timeout`: end when nothing has happened for so many seconds.
        """
        queues = None if worker is None else [self.queue(worker).name]
        return Events(EventReader(self.channel, self.settings.namespace, queues, history=history), timeout=timeout)

    def job(self, job_id: str) -> Job:
        """A job by its id, or by a beginning of it that fits only one.

        Raises:
            JobNotFound: none fits. ConfigError: several fit. StoreCorrupt: no whole id fits, and not all queues can be read.
        """
        unreadable, queues = Unreadable(), self.queues()
        for queue in queues:
            with unreadable:
                if found := queue.find(job_id):
                    return found
        each = ((q.name, i) for q in queues for i in unreadable.through(self.reader.ids(q.name)))
        fitting = {(name, i) for name, i in each if i.startswith(job_id)} if job_id else set()
        unreadable.raise_any()  # it may be, or fit a job, in one of these
        if len(fitting) > 1:
            raise ConfigError(f"{len(fitting)} jobs begin with {job_id!r}; give more of the id")
        for name, found_id in fitting:
            return Job(self.store, self.reader, name, found_id)
        raise JobNotFound(job_id)

    def run(
        self, workers: Sequence[type[Any]], *, processes: Mapping[str, int] | None = None, burst: bool = False,
        accept_data_loss: bool | None = None,
    ) -> None:  # fmt: skip
        """Run the jobs of these workers, as `exqueue run` does: blocks until SIGTERM or Ctrl-C, or with `burst` until all is done.

        Only in the main thread, since signals come there. `processes`: class name -> worker processes, instead of its own.
        `accept_data_loss`: instead of the setting.

        Raises:
            ConfigError: a worker cannot be found by its name, or is none; the server evicts keys.
        """
        from exqueue.runtime.runner import Runner, RunOptions

        for worker in map(check_worker, workers):
            if not is_importable(worker):
                raise ConfigError(f"{worker.__name__} cannot be run from here: define it in a module that can be imported")
        targets = tuple(path_of(worker) for worker in workers)
        settings = self.settings if accept_data_loss is None else replace(self.settings, accept_data_loss=accept_data_loss)
        Runner(settings, RunOptions(targets, dict(processes or {}), burst)).run()

    def close(self) -> None:
        """Close idle connections; the last process that leaves an embedded server stops it."""
        self.channel.close()

    def __repr__(self) -> str:
        return f"<Exqueue {self.settings.namespace} at {safe_url(self.settings.url)}>"
