"""Signing keys in a file: read only where nobody else can read it, made so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from exqueue.model.errors import ConfigError
from exqueue.model.signing import NO_KEYS, Keys

NAME: Final = "signing.key"  # in the directory of an embedded server
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{20,}={1,2}")  # one random key of 64 begins with a slash
_MOST: Final = 65_536  # bytes


def read_keys(path: Path) -> Keys:
    """The keys of a file, one a line, the first signs; empty lines and those that begin with # say nothing.

    Raises:
        ConfigError: it cannot be read, holds none, or others may read it or have written it.
    """
    lines = _read(path).splitlines()
    found = [key for line in lines if (key := line.strip()) and not key.startswith(b"#")]
    if not found:
        raise ConfigError(f"the key file {str(path)!r} holds no keys; write one a line, of 16 bytes or more")
    try:
        return Keys(found)
    except ConfigError as error:
        raise ConfigError(f"the key file {str(path)!r}: {error}") from None


def parse_keys(text: str, directory: Path) -> Keys:
    """From keys with commas between them. `directory`: where a path would begin.

    Raises:
        ConfigError: one is too short, or is a path: anybody may know the text of that.
    """
    if any(_is_path(part.strip(), directory) for part in [text, *text.split(",")]):
        raise ConfigError("it looks like a path; write file:PATH for the keys in a file, and put a key that looks so into one")
    return Keys.parse(text)


def _is_path(text: str, directory: Path) -> bool:
    if text.startswith("/") and _BASE64.fullmatch(text):
        return False
    return text.startswith(("/", "./", "../", "~/")) or (bool(text) and os.path.exists(directory / text))  # False where it is too long


def made_keys(directory: Path, *, make: bool = True) -> Keys:
    """The keys of the directory of an embedded server. `make`: make one if there is none."""
    path = directory / NAME
    if not path.exists():
        if not make:
            return NO_KEYS
        _make(path)
    return read_keys(path)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # not to wait at a pipe
    except OSError as error:
        raise ConfigError(f"the key file {str(path)!r} cannot be read: {error.strerror}") from None
    try:
        _check(path, os.fstat(descriptor))  # of what is open: the name may lead elsewhere by now
        return os.read(descriptor, _MOST)
    finally:
        os.close(descriptor)


def _check(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"the key file {str(path)!r} is no file")
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError(f"the key file {str(path)!r} belongs to user {found.st_uid}, not to this one or root; chown it")
    if mode & 0o077:
        raise ConfigError(f"the key file {str(path)!r} is open to others (mode {mode:03o}); run: chmod 600 {path}")


def _make(path: Path) -> None:
    """Written elsewhere, then linked: whoever dies here leaves no short key in use, and of two at once one is first."""
    try:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(0o700, parents=True)
        draft = path.with_name(f"{NAME}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)  # jobs that are signed with it are on disk at once, too
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except OSError as error:
        raise ConfigError(f"cannot make the key file {str(path)!r}: {error.strerror}; or set EXQUEUE_SIGNING_KEYS") from error
