"""exqueue: simple, reliable, deterministic background jobs, kept in Redis.

The names are loaded when first used, so that importing exqueue costs a producer next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from exqueue.app import Exqueue as Exqueue
    from exqueue.client.jobs import Job as Job
    from exqueue.default import aenqueue as aenqueue
    from exqueue.default import enqueue as enqueue
    from exqueue.default import enqueue_many as enqueue_many
    from exqueue.default import failed as failed
    from exqueue.model.external import Process as Process
    from exqueue.model.options import call as call
    from exqueue.model.policy import constant as constant
    from exqueue.model.policy import exponential as exponential
    from exqueue.model.schedule import cron as cron
    from exqueue.model.secret import secret as secret
    from exqueue.model.steer import JobCancelled as JobCancelled
    from exqueue.model.steer import JobTimeout as JobTimeout
    from exqueue.model.steer import Reject as Reject
    from exqueue.model.steer import Retry as Retry
    from exqueue.model.steer import Snooze as Snooze
    from exqueue.model.worker import Worker as Worker

__version__ = "0.1.0"

_WHERE: Final = {
    "Exqueue": "app",
    "aenqueue": "default",
    "enqueue": "default",
    "enqueue_many": "default",
    "failed": "default",
    "Job": "client.jobs",
    "Process": "model.external",
    "constant": "model.policy",
    "exponential": "model.policy",
    "cron": "model.schedule",
    "secret": "model.secret",
    "JobCancelled": "model.steer",
    "JobTimeout": "model.steer",
    "Reject": "model.steer",
    "Retry": "model.steer",
    "Snooze": "model.steer",
    "Worker": "model.worker",
    "call": "model.options",
}

__all__ = [
    "Exqueue",
    "Job",
    "JobCancelled",
    "JobTimeout",
    "Process",
    "Reject",
    "Retry",
    "Snooze",
    "Worker",
    "aenqueue",
    "call",
    "constant",
    "cron",
    "enqueue",
    "enqueue_many",
    "exponential",
    "failed",
    "secret",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'exqueue' has no attribute {name!r}")
    return getattr(importlib.import_module(f"exqueue.{_WHERE[name]}"), name)
