"""Open the memory store of the settings, and format memories, for the commands that read it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Final, TypeAlias, TypeVar

import typer

from lightagent.application.strict_json import read_json
from lightagent.compose.configured.backends import open_memory
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.filter import read_time
from lightagent.domain.memory.records import MemoryOwner
from lightagent.entrypoints.cli.console import out
from lightagent.ports.memory import MemoryStore
from lightagent.settings import Settings
from lightagent.settings.origins import printable

T = TypeVar("T")

_SHOWN: Final = 160
"""Characters of a memory that are shown in a listing."""

_NO_PLAIN_NAME: Final = re.compile(r'[\s,;"·]')

Namespace: TypeAlias = Annotated[
    str | None, typer.Option("--namespace", help="Only of this namespace of a memory policy.")
]
Tenant: TypeAlias = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")]
User: TypeAlias = Annotated[
    str | None, typer.Option("--user", "-u", help='Only of this user; "" for memories without a user.')
]
OfSession: TypeAlias = Annotated[str | None, typer.Option("--session", "-s", help="Only of this session.")]
Agent: TypeAlias = Annotated[str | None, typer.Option("--agent", help="Only of this agent.")]

# The same options for exactly one owner: parts that are not given are empty.
OneNamespace: TypeAlias = Annotated[str, typer.Option("--namespace", help="The namespace of the memory policy.")]
OneTenant: TypeAlias = Annotated[str, typer.Option("--tenant", help="The tenant.")]
OneUser: TypeAlias = Annotated[
    str, typer.Option("--user", "-u", help="The user; runs without a user have default_user.")
]
OneSession: TypeAlias = Annotated[str, typer.Option("--session", "-s", help="The session, if memories belong to one.")]
OneAgent: TypeAlias = Annotated[str, typer.Option("--agent", help="The agent, if memories belong to one.")]


def with_memory(work: Callable[[MemoryStore], Awaitable[T]], settings: Settings) -> T:
    """Return the result of `work` with the open store, and close the store afterwards."""
    store = require_memory(settings)

    async def carry_out() -> T:
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(carry_out())


def require_memory(settings: Settings) -> MemoryStore:
    """Open the memory store of the settings.

    Raises:
        ConfigurationError: the settings do not name one.
    """
    store = open_memory(settings)
    if store is None:
        raise ConfigurationError(
            "No memory store is configured.",
            guidance='Add to lightagent.toml: [default.memory] with kind = "sqlite" and path = "memory.db".',
        )
    return store


def whose(owner: MemoryOwner) -> str:
    """Format the non-empty parts of an owner, with their names."""
    named = [f"{name} {quoted(part)}" for name, part in asdict(owner).items() if part]
    return ", ".join(named) or "no owner"


def moment(text: str) -> float:
    """Parse a time, in ISO 8601 (by default in UTC) or in seconds since 1970, and return it in seconds since 1970.

    Raises:
        ConfigurationError: the text is neither.
    """
    seconds = read_time(text)
    if seconds is None:
        raise ConfigurationError(
            f"Invalid time {text!r:.80}.", guidance="Write it as 2026-03-01, 2026-03-01T12:00:00+00:00 or 1772323200."
        )
    return seconds


def metadata_of(having: Sequence[str] | None) -> JsonObject:
    """Parse KEY=VALUE options as metadata. A value that is not JSON is taken as text.

    Raises:
        ConfigurationError: an option has no key, or no `=`.
    """
    found: JsonObject = {}
    for one in having or ():
        name, there, value = one.partition("=")
        if not name or not there:
            raise ConfigurationError(f"--having: must be KEY=VALUE, got {one!r:.80}.")
        try:
            found[name] = read_json(value)
        except ValueError:
            found[name] = value
    return found


def quoted(name: str) -> str:
    """Return a name, in quotation marks if it is empty or could be misread in a line of a listing."""
    return json.dumps(name, ensure_ascii=False) if _NO_PLAIN_NAME.search(name) or not name else name


def memories_text(count: int) -> str:
    """Format a number of memories."""
    return f"{count:,} {'memory' if count == 1 else 'memories'}"


def print_line(line: str) -> None:
    """Print a line that may contain untrusted text."""
    out().print(printable(line), markup=False)


def flat(text: str) -> str:
    """Return a text on one line, truncated as in listings."""
    whole = " ".join(text.split())
    return whole if len(whole) <= _SHOWN else f"{whole[: _SHOWN - 1]}…"
