"""Does deeds with a store, each time in a forked process that dies at a point.

    python -m tests.support.crashes.program

Each line of standard input is an order, as JSON. A fork of this process, which has everything imported already, carries
it out and prints `begun N` before and `done N RESULT` after each deed; then this process prints `ended STATUS`, where
the status is that of `os.waitpid`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Final

from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import LeaseHeld
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from tests.support.crashes.points import POINTS, Trigger
from tests.support.crashes.wrappers import wrap_calls

OWNER: Final = Scope("acme", "ann")
LEASE_SECONDS: Final = 0.01


def key_of(stream: str) -> StreamKey:
    """The key of a stream."""
    return StreamKey(OWNER, "run", stream)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to a stream.

    Attributes:
        do: append, lease, or forget.
        expected: where the stream ends.
        contents: of the entries that are appended.
        before: of an entry; the front of the stream up to it is forgotten, or with 0 all of it.
        leased: whether the append shows the token of the last lease of this process.
        times: how often a lease is taken.
    """

    do: str
    stream: str
    expected: int = 0
    contents: tuple[str, ...] = ()
    before: int = 0
    leased: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What a process does, and where it dies.

    Attributes:
        point: its name; empty for a death at any moment.
        fatal: the place of the deed during which the process dies; -1 if it lives.
        within: seconds after the beginning of that deed until a process without a point dies.
    """

    kind: str
    options: dict[str, str | float]
    deeds: tuple[Deed, ...]
    point: str = ""
    fatal: int = -1
    within: float = 0.0
    seed: int = 0


async def carry_out(order: Order, trigger: Trigger) -> None:
    """Do all deeds, or die in the middle."""
    store = open_adapter("journals", order.kind, order.options)
    assert isinstance(store, JournalStore)
    token: int | None = None
    for number, deed in enumerate(order.deeds):
        _say(f"begun {number}")
        if number == order.fatal:
            trigger.armed = True
            if not order.point:
                signal.setitimer(signal.ITIMER_REAL, order.within)  # Nothing handles this signal, so it kills.
        result = await _do(store, deed, token)
        trigger.armed = False
        if deed.do == "lease":
            token = result
        _say(f"done {number} {result}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    await store.aclose()


async def _do(store: JournalStore, deed: Deed, token: int | None) -> int:
    key = key_of(deed.stream)
    if deed.do == "append":
        drafts = [Draft(content) for content in deed.contents]
        shown = token if deed.leased else None
        labels = {"last": deed.contents[-1]}
        return await store.append(key, drafts, expected=deed.expected, at=1.0, labels=labels, token=shown)
    if deed.do == "forget":
        return await store.forget(key, before=deed.before or None)
    given = 0
    for _ in range(deed.times):
        given = await take_lease(store, key, "doomed")
    return given


async def take_lease(store: JournalStore, key: StreamKey, holder: str) -> int:
    """The token of a lease, once the one that a dead process had has ended."""
    end = time.monotonic() + 10.0
    while True:
        try:
            return (await store.lease(key, holder, LEASE_SECONDS)).token
        except LeaseHeld:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(LEASE_SECONDS)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _order(line: str) -> Order:
    found = json.loads(line)
    deeds = tuple(Deed(**{**deed, "contents": tuple(deed["contents"])}) for deed in found.pop("deeds"))
    return Order(deeds=deeds, **found)


def main() -> None:
    """Carry out order after order."""
    for kind in POINTS:
        importlib.import_module(f"lightagent.adapters.journals.{kind}")
    importlib.import_module("lightagent.adapters.journals.postgres.database")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            order = _order(line)
            point = POINTS[order.kind][order.point] if order.point else None
            trigger = Trigger(point, order.seed)
            wrap_calls(trigger)
            asyncio.run(carry_out(order, trigger))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(f"ended {status}")


if __name__ == "__main__":
    main()
