"""The store of memories that the settings name, for the commands that look into it, and how they tell of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias, TypeVar

import typer

from lightagent.compose.backends import open_memory
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory_records import MemoryOwner
from lightagent.entrypoints.cli.console import out
from lightagent.ports.memory import MemoryStore
from lightagent.settings import Settings
from lightagent.settings.origins import printable

T = TypeVar("T")

_SHOWN: Final = 160

Namespace: TypeAlias = Annotated[
    str | None, typer.Option("--namespace", help="Only of this namespace of a memory policy.")
]
Tenant: TypeAlias = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")]
User: TypeAlias = Annotated[str | None, typer.Option("--user", "-u", help='Only of this user; "" is no user.')]
OfSession: TypeAlias = Annotated[str | None, typer.Option("--session", "-s", help="Only of this session.")]
Agent: TypeAlias = Annotated[str | None, typer.Option("--agent", help="Only of this agent.")]


def with_memory(work: Callable[[MemoryStore], Awaitable[T]], settings: Settings) -> T:
    """What `work` gives with the open store, which is closed afterwards."""
    store = require_memory(settings)

    async def carry_out() -> T:
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(carry_out())


def require_memory(settings: Settings) -> MemoryStore:
    """The store that the settings name.

    Raises:
        ConfigurationError: they name none.
    """
    store = open_memory(settings)
    if store is None:
        raise ConfigurationError(
            "No settings say where memories are kept.",
            guidance='Add to lightagent.toml: [default.memory] with kind = "sqlite" and path = "memory.db".',
        )
    return store


def whose(owner: MemoryOwner) -> str:
    """The parts of an owner that are not empty, by their names."""
    names = ("namespace", "tenant", "user", "session", "agent")
    named = [f"{name} {quoted(part)}" for name, part in zip(names, owner.parts, strict=True) if part]
    return ", ".join(named) or "no owner"


_NO_PLAIN_NAME = re.compile(r'[\s,;"·]')


def quoted(name: str) -> str:
    """A name that somebody chose, in quotation marks where it could be read as more than a name in a line of ours."""
    return json.dumps(name, ensure_ascii=False) if _NO_PLAIN_NAME.search(name) or not name else name


def memories_text(count: int) -> str:
    """How many there are, in words."""
    return f"{count:,} {'memory' if count == 1 else 'memories'}"


def print_line(line: str) -> None:
    """Print a line that may hold foreign text."""
    out().print(printable(line), markup=False)


def flat(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
