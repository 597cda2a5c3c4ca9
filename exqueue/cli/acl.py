"""`exqueue acl`: the ACL users that producers, runners and people need, and no more."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from exqueue.cli import render, select
from exqueue.cli.context import Context
from exqueue.model.errors import ConfigError
from exqueue.model.names import check_name
from exqueue.store.roles import Role, demanded, rules

PLACEHOLDER: Final = "#SHA256-OF-THE-PASSWORD"  # no server takes it, so nobody gets a password that everybody knows

LOOSE: Final = (Role.RUNNER, Role.KEEPER)  # whose commands and keys suffice for steps of others

Roles = Annotated[list[Role] | None, typer.Option("--role", help="Only this role; all by default.", show_default=False)]
Name = Annotated[str | None, typer.Option("--user", help="Its name; by default NAMESPACE-ROLE.", show_default=False)]
Generate = Annotated[bool, typer.Option("--generate", help="Make passwords, and show them on standard error.")]
Update = Annotated[bool, typer.Option("--update", help="Add to what the user may do; its password stays.")]
Pin = Annotated[bool, typer.Option("--pin-scripts", help="No Lua but that of this version of exqueue (Redis 7, Valkey).")]


@dataclass(frozen=True, slots=True)
class _User:
    role: Role
    name: str
    words: list[str]
    password: str | None


def acl(
    context: typer.Context, roles: Roles = None, name: Name = None, generate: Generate = False, update: Update = False,
    pin: Pin = False, json: select.Json = False,
) -> None:  # fmt: skip
    """Print an ACL SETUSER line for each role in this namespace, for servers like that of the URL. Asks no server."""
    if name and len(roles or []) != 1:
        raise ConfigError("--user names one user; say which with one --role")
    if update and generate:
        raise ConfigError("--update leaves the password as it is; give it or --generate, not both")
    obj: Context = context.obj
    settings = obj.app().settings
    also = demanded(settings.url, settings.copies)
    users = [
        _user(
            role, check_name("user", name or f"{settings.namespace}-{role}"), rules(role, settings.namespace, pinned=pin, also=also),
            generate=generate, update=update,
        )
        for role in roles or Role
    ]  # fmt: skip
    if json:
        render.print_json([_as_json(user) for user in users])
    else:
        print("\n".join(" ".join(user.words) for user in users))
    aside = render.console(stderr=True)
    for user in users:
        if user.password and not json:
            aside.print(f"password of {user.name}: {user.password}")
    if not pin and (loose := [user.role.value for user in users if user.role in LOOSE]):
        aside.print(f"{' and '.join(loose)} can do steps of other roles, too: only --pin-scripts keeps them from that (docs/acl.md)")


def _user(role: Role, name: str, rights: list[str], *, generate: bool, update: bool) -> _User:
    if update:
        return _User(role, name, ["ACL", "SETUSER", name, *rights], None)
    password = secrets.token_urlsafe(24) if generate else None
    secret = f"#{hashlib.sha256(password.encode()).hexdigest()}" if password else PLACEHOLDER
    return _User(role, name, ["ACL", "SETUSER", name, "reset", "on", secret, "resetchannels", "-@all", *rights], password)


def _as_json(user: _User) -> dict[str, Any]:
    return {
        "role": user.role.value, "user": user.name, "line": " ".join(user.words), "rules": user.words[3:],
        **({"password": user.password} if user.password else {}),
    }  # fmt: skip
