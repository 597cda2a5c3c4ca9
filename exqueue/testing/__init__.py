"""The test kit: an app on a server inside the test's process, whose jobs and whose clock the test moves.

The fixtures `exqueue_app` and `exqueue_inline` come with the pytest plugin. The names are loaded when first used, so
that the plugin costs a project that does not need it next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from exqueue.testing.app import TestApp as TestApp
    from exqueue.testing.asserts import assert_enqueued as assert_enqueued
    from exqueue.testing.asserts import assert_failed as assert_failed
    from exqueue.testing.asserts import refute_enqueued as refute_enqueued
    from exqueue.testing.hand import Ran as Ran

_WHERE: Final = {
    "Ran": "hand",
    "TestApp": "app",
    "assert_enqueued": "asserts",
    "assert_failed": "asserts",
    "refute_enqueued": "asserts",
}

__all__ = ["Ran", "TestApp", "assert_enqueued", "assert_failed", "refute_enqueued"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'exqueue.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"exqueue.testing.{_WHERE[name]}"), name)
