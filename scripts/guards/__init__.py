"""The guards of exqueue, each taken away by a mutant, and the test that notices. Read by mutants.py."""

from __future__ import annotations

from typing import Final

from scripts.guards.in_lua import IN_LUA, IN_LUA_MORE
from scripts.guards.in_python import IN_PYTHON
from scripts.guards.in_repairs import IN_REPAIRS
from scripts.guards.mutant import Mutant

__all__ = ["MUTANTS", "Mutant"]

MUTANTS: Final = (*IN_LUA, *IN_LUA_MORE, *IN_PYTHON, *IN_REPAIRS)
