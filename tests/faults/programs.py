"""The programs: what clients, runners, worker processes and persons do when nothing goes wrong. Small, so that all faults can be tried."""

from __future__ import annotations

from typing import Any, Final

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.codec import encode
from exqueue.model.lifecycle import Place
from exqueue.model.options import Call
from exqueue.model.steer import Snooze
from exqueue.model.worker import Worker
from tests.faults.program import Program, of_key, once, plain, rejected_until_mended, until_mended
from tests.faults.workers import Alone, Batched, Fragile, Kept, Plain, Serial, Told, Yearly
from tests.faults.world import World


def _plain(w: World) -> None:
    w.enqueue("c", "a", "b", "c", worker=plain)
    w.runner("r")
    w.work("r")
    w.turn("r")
    w.sign_off("r")


def _many(w: World) -> None:
    app = Exqueue(settings=w.settings, channel=w.channel("c"))
    ids = ["a", "b", "c"]
    jobs = [NewJob(job_id, *encode(Plain, Call((job_id,), {}), 1, 1000)) for job_id in ids]
    w.told("c", ids, lambda: [known or job_id for job_id, known in zip(ids, app.store.enqueue("Plain", jobs), strict=True)])
    w.enqueue("d", "b", "b", "d", worker=plain)
    w.runner("r")
    w.work("r")
    w.enqueue("e", "c", worker=plain)  # when it is gone
    w.turn("r")


def _arrives(w: World) -> None:
    w.runner("r")
    w.on_wait["rp1"] = lambda: w.enqueue("c", "a", "b", worker=plain)
    w.work("r")
    w.turn("r")


def _released(w: World) -> None:
    w.runner("r")

    def arrive() -> None:
        w.enqueue("c", "a", "b", worker=plain)
        w.stop_process("rp1")

    w.on_wait["rp1"] = arrive
    w.work("r")
    w.turn("r")
    w.work("r")


def _retried(w: World) -> None:
    w.enqueue("c", "a", "b", worker=plain)
    w.runner("r")
    w.work("r")
    w.pass_time()
    w.turn("r")
    w.work("r")
    w.turn("r")


def _blocked(w: World) -> None:
    w.enqueue("c", "k1", "k2", "l1", worker=of_key)
    w.runner("r")
    w.work("r")
    w.turn("r")
    w.mended = True
    w.person("boss", lambda app: app.failed().requeue())
    w.work("r")


def _serial(w: World) -> None:
    w.enqueue("c", "s1", "s2", "s3", worker=lambda job_id: Serial.options(id=job_id))
    w.runner("r")
    w.work("r")
    w.pass_time()
    w.turn("r")
    w.work("r")


def _chained(w: World) -> None:
    def options(job_id: str) -> Any:
        return Plain.options(id=job_id, key="k", then=[Serial.options(id=f"{job_id}-next").call(f"{job_id}-next")])

    w.enqueue("c", "a", "b", worker=options)
    w.runner("r")
    w.work("r", Plain)
    w.turn("r")
    w.work("r", Serial)


def _unique(w: World) -> None:
    def options(job_id: str) -> Any:
        return Kept.options(id=job_id, unique="u")

    w.enqueue("c", "a", "b", worker=options)
    w.runner("r")
    w.work("r")
    w.enqueue("d", "c", worker=options)
    w.pass_time()
    w.turn("r")
    w.work("r")
    w.person("boss", lambda app: app.queue(Kept).jobs(Place.DONE).delete())


def _ranked(w: World) -> None:
    w.enqueue("c", "a", worker=lambda job_id: Plain.options(id=job_id, priority=-1))
    w.enqueue("c", "b", worker=lambda job_id: Plain.options(id=job_id, priority=5))
    w.enqueue("c", "c", worker=lambda job_id: Plain.options(id=job_id, delay=60))
    w.runner("r")
    w.work("r")
    w.pass_time()
    w.turn("r")
    w.work("r")
    w.turn("r")


def _fragile(w: World) -> None:
    w.enqueue("c", "k1", "k2", worker=lambda job_id: Fragile.options(id=job_id, key="k"))
    w.runner("r")
    w.work("r")
    w.turn("r")
    w.work("r")


def _cancelled(w: World) -> None:
    w.enqueue("c", "k1", "k2", "k3", worker=of_key)
    w.person("boss", lambda app: app.store.cancel("Plain", ["k2"]))
    w.person("boss", lambda app: app.queue(Plain).pause())
    w.runner("r")
    w.work("r")
    w.person("boss", lambda app: app.queue(Plain).resume())
    w.work("r")
    w.turn("r")


def _skipped(w: World) -> None:
    w.enqueue("c", "k1", "k2", "l1", "l2", worker=of_key)
    w.runner("r")
    w.work("r")
    w.person("boss", lambda app: app.failed().filter(key="k").skip())
    w.person("boss", lambda app: app.failed().filter(key="l").delete())
    w.work("r")


def _returned(w: World) -> None:
    w.enqueue("c", "k1", "k2", worker=of_key)
    w.runner("r")
    w.work("r")
    w.mended = True
    w.person("boss", lambda app: app.store.skip("Plain", ["k1"]))
    w.person("boss", lambda app: app.store.requeue("Plain", ["k1"]))
    w.work("r")


def _fails_last(w: World, worker: Worker) -> None:
    """Its process is to end after it."""
    if w.on_stage:
        w.stop_process("rp1")
    rejected_until_mended(w, worker)


def _stopped(w: World) -> None:
    w.enqueue("c", "k1", "k2", "k3", worker=of_key)
    w.runner("r")
    w.work("r")
    w.turn("r")


def _is_stopped(w: World, worker: Worker) -> None:
    """A person wants it gone while it runs, and its runner tells it so."""
    if w.on_stage:
        w.person("boss", lambda app: app.store.stop("Plain", ["k1"]))
        w.turn("r")
    until_mended(w, worker)


def _limited(w: World) -> None:
    w.enqueue("c", "a", "b", worker=lambda job_id: Alone.options(id=job_id))
    w.runner("r")
    w.work("r")
    w.turn("r")


def _ends_first(w: World, worker: Worker) -> None:
    """A person wants it gone, but it ends before its runner has seen that."""
    if w.on_stage:
        w.person("boss", lambda app: app.store.stop("Plain", ["k2"]))
    until_mended(w, worker)


def _while_other_waits(w: World, worker: Worker) -> None:
    """Another process finds the queue full."""
    worker.job.progress(0.5, "half")
    if w.on_stage and worker.job.attempt == 1:
        w.work("r", actor="other")


def _told(w: World) -> None:
    w.enqueue("c", "a", "b", worker=lambda job_id: Told.options(id=job_id))
    w.runner("r")
    w.work("r")
    w.turn("r")


def _batched(w: World) -> None:
    w.enqueue("c", "a", "b", "c", "d", worker=lambda job_id: Batched.options(id=job_id))
    w.enqueue("c", "k1", worker=lambda job_id: Batched.options(id=job_id, key="k"))
    w.runner("r")
    w.work("r")
    w.turn("r")
    w.work("r")


def _scheduled(w: World) -> None:
    w.runner("r")
    w.eye.ask([("HSET", "t:{Yearly}:schedules", f"{Yearly.__module__}:Yearly", f"{10**12} UTC 0 0 1 1 *")])
    w.turn("r")
    w.work("r")
    w.runner("s")
    w.turn("s")


PROGRAMS: Final = {
    program.name: program
    for program in (
        Program("plain", _plain, queue=("a", "b", "c")),
        Program("many", _many, queue=("a", "b", "c")),
        Program("arrives", _arrives, queue=("a", "b")),
        Program("released", _released, queue=("a", "b")),
        Program("retried", _retried, plays={"a": until_mended}, fails=frozenset({"a"})),
        Program("blocked", _blocked, plays={"k1": rejected_until_mended}, lines=(("k1", "k2"),)),
        Program("serial", _serial, (Serial,), {"s1": once(ValueError("no")), "s2": once(Snooze(60))}, (("s1", "s2", "s3"),)),
        Program("chained", _chained, (Plain, Serial), lines=(("a", "b"),), follows={"a": "a-next", "b": "b-next"}),
        Program("unique", _unique, (Kept,), twins=frozenset({"a", "b"})),
        Program("ranked", _ranked),
        Program("fragile", _fragile, (Fragile,), lines=(("k1", "k2"),)),
        Program("cancelled", _cancelled, lines=(("k1", "k2", "k3"),), gone=frozenset({"k2"})),
        Program(
            "skipped", _skipped, plays={"k1": rejected_until_mended, "l1": rejected_until_mended}, fails=frozenset({"k1", "l1"}),
            gone=frozenset({"l1"}),
        ),
        Program(
            "stopped", _stopped, plays={"k1": _is_stopped, "k2": _ends_first}, lines=(("k1", "k2", "k3"),), gone=frozenset({"k1", "k2"}),
            stopped=frozenset({"k1", "k2"}),
        ),
        Program("returned", _returned, plays={"k1": _fails_last}, lines=(("k1", "k2"),)),
        Program("limited", _limited, (Alone,), {"a": _while_other_waits}, queue=("a", "b")),
        Program("told", _told, (Told,), queue=("a", "b")),
        Program("batched", _batched, (Batched,), {"b": once(Snooze(60))}),
        Program("scheduled", _scheduled, (Yearly,), ticks=1),
    )
}  # fmt: skip
