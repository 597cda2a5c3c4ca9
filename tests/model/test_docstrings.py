"""The examples in docstrings are what really comes out."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import exqueue.model


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(exqueue.model.__path__)])
def test_examples_are_right(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"exqueue.model.{name}")).failed == 0
