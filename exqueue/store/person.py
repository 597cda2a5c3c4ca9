"""The steps that a person asks for."""

from __future__ import annotations

from collections.abc import Sequence

from exqueue.store.base import Steps
from exqueue.store.replies import raw_id


class PersonSteps(Steps):
    """One method for each Lua file of the same name; with several ids, for how many of them it was done."""

    def requeue(self, queue: str, ids: Sequence[str]) -> int:
        """Run failed jobs again; how many of them were in `failed`."""
        return self._each("requeue", queue, ids)

    def skip(self, queue: str, ids: Sequence[str]) -> int:
        """Let the keys that these failed jobs block go on; how many blocked one."""
        return self._each("skip", queue, ids)

    def delete(self, queue: str, ids: Sequence[str]) -> int:
        """Remove failed jobs, or ones that are done and kept; how many of them were there."""
        return self._each("delete", queue, ids)

    def cancel(self, queue: str, ids: Sequence[str]) -> int:
        """Remove jobs that have not begun; how many of them had not."""
        return self._each("cancel", queue, ids)

    def stop(self, queue: str, ids: Sequence[str]) -> int:
        """Ask that jobs be stopped that run; how many of them do. They go on until their runners have seen it."""
        return self._each("stop", queue, ids, asked=False)

    def resign(self, queue: str, what: str, renewed: Sequence[tuple[str, bytes, bytes]]) -> int:
        """Put what was signed anew in the place of what was read: id, old, new; at most a hundred. For how many that was done.

        `what`: `bodies`, `chains`, `outbox` or `results`. What has changed since stays, and what belongs to a job that runs.
        """
        self.heed_schema()
        rest = tuple(part for job_id, old, new in renewed for part in (raw_id(job_id), old, new))
        return int(self._run("resign", queue, rest=rest, what=what)[1])

    def pause(self, queue: str) -> bool:
        """Let no job begin until `resume`; False if it is paused already."""
        self.heed_schema()
        return bool(self._run("pause", queue)[0] == b"paused")

    def resume(self, queue: str) -> bool:
        """Let jobs begin again; False if it was not paused."""
        self.heed_schema()
        return bool(self._run("resume", queue)[0] == b"resumed")
