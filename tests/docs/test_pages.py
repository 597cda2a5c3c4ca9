"""The pages of docs/ do what they say, and agree with the code: the diagram, the keys, the commands, the reasons, the links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from exqueue.cli import lazy
from exqueue.model.errors import Untrusted
from exqueue.model.facts import Facts
from exqueue.model.lifecycle import TABLE, mermaid
from exqueue.model.queue_checks import examine
from exqueue.store.keys import KINDS
from exqueue.store.scripts import script, script_names
from tests.docs.test_readme import README, ROOT, Follower, blocks, table

DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(DOCS.rglob("*.md"))
ALL: Final = [README, ROOT / "CHANGELOG.md", *PAGES]
ADRS: Final = sorted((DOCS / "adr").glob("*.md"))
MACHINE: Final = re.compile(r"(?<![\w.])/(?:tmp|work|home|root|Users|mnt|opt|var|usr)/")
HOSTS: Final = {"github.com"}


def is_to_be_done(page: Path) -> bool:
    """Whether there is anything on a page that can be run."""
    return any(block.language in ("python", "sh", "console") for block in blocks(page))


each_page = pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
each_adr = pytest.mark.parametrize("page", ADRS, ids=lambda page: page.stem)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", [page for page in PAGES if is_to_be_done(page)], ids=lambda page: str(page.relative_to(DOCS)))
def test_what_a_page_says_can_be_done_as_it_stands(page: Path, tmp_path: Path) -> None:
    Follower(tmp_path).follow(page)


def test_the_diagram_of_the_lifecycle_is_that_of_the_table() -> None:
    shown = [block.text for block in blocks(DOCS / "lifecycle.md") if block.language == "mermaid"]
    assert shown == [mermaid() + "\n"]


def test_the_page_of_the_lifecycle_tells_of_each_step_that_moves_a_job() -> None:
    assert set(TABLE) <= set(_headings(DOCS / "lifecycle.md"))


def test_the_table_of_keys_has_all_keys_with_their_types_and_steps() -> None:
    told = [(key.strip("`"), kind, steps) for key, kind, _, steps in table(DOCS / "keys.md", "key")]
    assert told == [(key, kind, ", ".join(_touching(key))) for key, kind in KINDS.items()]


def test_each_step_is_either_part_of_the_lifecycle_or_named_among_those_that_move_nothing() -> None:
    resting = {name for name, *_ in table(DOCS / "keys.md", "step")}
    assert (resting, resting | set(TABLE)) == (set(script_names()) - set(TABLE), set(script_names()))


def test_the_table_of_commands_has_all_commands_with_their_options() -> None:
    told = {name.strip("`"): set(re.findall(r"`(-\S+)`", options)) for name, _, options in table(DOCS / "commands.md", "command")}
    assert told == {name: options for one in lazy.COMMANDS for name, options in _commands(lazy.command(one), f"exqueue {one}")}


def test_the_table_of_checks_has_all_checks_of_the_doctor() -> None:
    assert [check.strip("`") for check, *_ in table(DOCS / "doctor.md", "check")] == [finding.check for finding in examine(Facts())]


def test_the_reasons_why_a_job_cannot_be_loaded_are_those_of_the_code() -> None:
    code = "\n".join((ROOT / "exqueue" / name).read_text("utf-8") for name in ("model/codec.py", "runtime/execute.py"))
    reasons = set(re.findall(r'CannotLoad\(\s*"(\w+)"', code)) | set(re.findall(r'errors\.not_loaded\("(bad_\w+)"', code))
    reasons |= {Untrusted("altered", "").reason}
    assert {reason.strip("`") for reason, _ in table(DOCS / "pickling.md", "reason")} == reasons


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in map(_anchor, _headings(target)))):
            dead.append(link)
    assert dead == []


@each_page
def test_no_line_names_a_path_of_a_machine_or_a_foreign_host(page: Path) -> None:
    text = page.read_text("utf-8")
    paths = [line for line in text.splitlines() if MACHINE.search(line)]
    assert (paths, set(re.findall(r"https?://([\w.-]+)", text)) - HOSTS) == ([], set())


@each_page
def test_no_line_is_too_long_to_be_read_beside_the_code(page: Path) -> None:
    wide = [line for line in page.read_text("utf-8").splitlines() if len(line) > 140 and not line.startswith("|")]
    assert wide == []


@pytest.mark.parametrize("page", [page for page in PAGES if "| shown by |" in page.read_text("utf-8")], ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = set(re.findall(r"`(tests/[^`]*)`", page.read_text("utf-8")))
    absent = [name for name in sorted(named) if not _is_test(*name.partition("[")[0].partition("::")[::2])]
    assert (len(named) > 3, absent) == (True, [])


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"\]\(([^)#]+\.md)\)", _prose(DOCS / "index.md")))
    assert {str(page.relative_to(DOCS)) for page in PAGES} - named == {"index.md"}


def test_the_guide_to_the_code_names_every_lua_part_and_every_module_of_store_and_runtime() -> None:
    guide = (DOCS / "internals.md").read_text("utf-8")
    files = [*(ROOT / "exqueue" / "store").glob("*.py"), *(ROOT / "exqueue" / "runtime").glob("*.py")]
    files += (ROOT / "exqueue" / "store" / "lua").glob("_*.lua")
    unnamed = {path.name for path in files if path.name != "__init__.py" and f"/{path.name})" not in guide}
    assert unnamed == set()


def test_the_decisions_are_numbered_without_a_gap() -> None:
    assert [page.name[:4] for page in ADRS] == [f"{number:04d}" for number in range(1, len(ADRS) + 1)]


@each_adr
def test_a_decision_has_its_context_its_consequences_and_evidence_that_can_be_run_again(page: Path) -> None:
    assert _headings(page)[1:] == ["Context", "Decision", "Consequences", "Evidence"]
    evidence = page.read_text("utf-8").partition("## Evidence")[2]
    assert "```python" in evidence


@each_adr
def test_a_decision_is_named_as_its_file_and_fits_on_a_page(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.name[:4]}: ")
    assert len(text.splitlines()) <= 80


def test_the_next_version_has_a_place_in_the_changelog() -> None:
    assert _headings(ROOT / "CHANGELOG.md")[:2] == ["Changelog", "Unreleased"]


def _is_test(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and re.search(rf"^(async )?def {re.escape(name)}\(", file.read_text("utf-8"), re.MULTILINE) is not None


def _prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE) if page.suffix == ".md" else []


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _touching(key: str) -> list[str]:
    return [name for name in script_names() if key in script(name).keys]


def _commands(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    if hasattr(command, "commands"):
        for part, below in command.commands.items():
            yield from _commands(below, f"{name} {part}")
    else:
        yield name, {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
