"""What the options in front of a command say, and the app they lead to."""

from __future__ import annotations

from dataclasses import dataclass

from exqueue.app import Exqueue


@dataclass(frozen=True, slots=True)
class Context:
    """The common options."""

    url: str | None = None
    namespace: str | None = None
    verbose: bool = False

    def app(self) -> Exqueue:
        """The app. Raises ConfigError."""
        return Exqueue(self.url, namespace=self.namespace)
