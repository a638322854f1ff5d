"""Accounts in a journal store, so that all processes that share it share the accounts.

An account is a stream whose last entry is its current state. An append fails if another writer was faster, and is then
made again from the state that the other one left, so no two writers ever spend the same unit. Earlier entries are
removed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import ClassVar, Final
from weakref import WeakValueDictionary

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.registry import Adapter, open_nested
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.budgets.accounts import EMPTY, Account, AccountKey, Slot
from lightagent.domain.budgets.budget import Spent
from lightagent.domain.errors import ConfigurationError, StoreError, StreamConflict
from lightagent.domain.journals.streams import Draft, Entry, StreamKey
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.budgets import BudgetAccounts
from lightagent.ports.journals import JournalStore

KIND: Final = "budget"
"""The kind of the streams that hold accounts."""

_KEPT: Final = 64
"""The entries of an account that are kept, so that its latest changes can be inspected."""

_MOST_TRIES: Final = 1000
_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


class JournalBudgetAccounts(BudgetAccounts):
    """Keeps accounts in a journal store.

    Args:
        store: of any kind; the caller closes it, unless `owned`.
        owned: the store is closed with this object.

    Raises:
        ConfigurationError: `store` is not a journal store.
    """

    def __init__(self, store: JournalStore, *, owned: bool = False) -> None:
        given: object = store
        if not isinstance(given, JournalStore):
            raise ConfigurationError(
                f"JournalBudgetAccounts: store must be a JournalStore, got {type(given).__name__}."
            )
        self._store = store
        self._owned = owned
        # Within this process one task writes at a time, so that its own tasks do not make each other's appends fail.
        self._locks = PerLoop(_Locks, _nothing)

    def __eq__(self, other: object) -> bool:
        """Whether both use one store: then a run and an agent that it calls are counted once."""
        return isinstance(other, JournalBudgetAccounts) and other._store is self._store

    def __hash__(self) -> int:
        return id(self._store)

    async def find(self, key: AccountKey) -> Account:
        return (await self._read(_stream(key)))[1]

    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        stream = _stream(key)
        async with (await self._locks.get()).of(stream):
            for attempt in range(_MOST_TRIES):
                head, found = await self._read(stream)
                changed = change(found)
                if changed is None or await self._written(stream, head, changed, at):
                    return
                await asyncio.sleep(min(_PAUSE * attempt, _LONGEST_PAUSE))
        raise StoreError(
            f"The account {key.name!r:.100} could not be written: too many others changed it at the same time.",
            guidance="Try again, or give groups of users accounts of their own.",
        )

    async def _read(self, stream: StreamKey) -> tuple[int, Account]:
        found = await self._store.read(stream, -1, limit=1)
        return found.stream.head, _account(found.entries[-1]) if found.entries else EMPTY

    async def _written(self, stream: StreamKey, head: int, account: Account, at: float) -> bool:
        try:
            await self._store.append(stream, [Draft(_text(account))], expected=head, at=at)
        except StreamConflict:
            return False
        if head and head % _KEPT == 0:
            await self._store.forget(stream, before=head)
        return True

    async def aclose(self) -> None:
        await self._locks.aclose()
        if self._owned:
            await self._store.aclose()


class _Locks:
    """One lock for each account that is being changed, in one event loop."""

    def __init__(self) -> None:
        # There is an account for each user, so a lock exists only while a task holds it or waits for it.
        self._known: WeakValueDictionary[StreamKey, asyncio.Lock] = WeakValueDictionary()

    def of(self, stream: StreamKey) -> asyncio.Lock:
        return self._known.setdefault(stream, asyncio.Lock())


async def _nothing(locks: _Locks) -> None:
    """A lock needs no closing."""


def _stream(key: AccountKey) -> StreamKey:
    return StreamKey(key.owner, KIND, key.name)


def _text(account: Account) -> str:
    spent = account.spent
    slots: list[JsonValue] = [[slot.at, slot.requests, slot.tokens] for slot in account.slots]
    entry: JsonObject = {
        "period": account.period,
        "model_calls": spent.model_calls,
        "tool_calls": spent.tool_calls,
        "tokens": spent.tokens,
        "picos": spent.picos,
        "slots": slots,
    }
    return json.dumps(entry, separators=(",", ":"))


def _account(entry: Entry) -> Account:
    """Return the account that an entry holds.

    Raises:
        StoreError: the entry cannot be read.
    """
    try:
        read: object = json.loads(entry.content)
        if isinstance(read, Mapping):
            counts = [int(read[name]) for name in ("model_calls", "tool_calls", "tokens", "picos")]
            slots = tuple(Slot(float(at), int(requests), int(tokens)) for at, requests, tokens in read["slots"])
            return Account(str(read["period"]), Spent(*counts), slots)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise _unreadable(entry) from error
    raise _unreadable(entry)


def _unreadable(entry: Entry) -> StoreError:
    return StoreError(
        f"Entry {entry.sequence} of a budget account cannot be read.",
        guidance="It was damaged, or written by another version. Forget the stream to begin the account anew.",
    )


class JournalOptions(BaseModel):
    """Options of the kind `journal`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    # The options of the store may contain secrets.
    store: JsonObject = Field(repr=False, description="the journal store that keeps the accounts: kind and options")


def _open(options: JournalOptions) -> JournalBudgetAccounts:
    store = open_nested("journals", options.store, at="budgets.store", example="sqlite")
    if not isinstance(store, JournalStore):
        raise ConfigurationError(f"budgets.store.kind: {options.store['kind']!r} is not a journal store.")
    return JournalBudgetAccounts(store, owned=True)


ADAPTER = Adapter(JournalOptions, _open)
