"""The pytest plugin: two fixtures. Nothing of exqueue is loaded until a test asks for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from exqueue.testing.app import TestApp


@pytest.fixture
def exqueue_app() -> Iterator[TestApp]:
    """An app of the test's own, see `exqueue.testing.TestApp`; the module-level functions of exqueue use it, too.

    When the test is over, what must always hold of its jobs is checked.
    """
    from exqueue.default import default_app
    from exqueue.model.errors import ConfigError

    try:
        from exqueue.testing.app import TestApp

        app = TestApp()
    except ConfigError as error:
        pytest.fail(str(error), pytrace=False)
    with default_app.replaced(app):
        yield app
    problems = app.broken()
    app.close()
    if problems:
        pytest.fail("\n".join(["the jobs of this test are not as they must be:", *problems]), pytrace=False)


@pytest.fixture
def exqueue_inline(exqueue_app: TestApp) -> Iterator[TestApp]:
    """`exqueue_app`, inline: each enqueue runs its job before it returns, and raises what the job raises."""
    with exqueue_app.inline():
        yield exqueue_app
