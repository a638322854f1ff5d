"""A program that appends to streams of a store until it is killed, and prints what was acknowledged.

    python -m tests.support.journal_writer KIND OPTIONS NAME APPENDS STREAM...

All streams are written at once, each by a task of its own. An append has one to three entries and says in each of them
which append it is, by whom, how many entries it has, and which of them this is. After the acknowledgement, and not
before, the program prints a line: the stream, the sequence of the last entry, and the append's number. Whoever
finds a stream longer than expected goes on from there, so that several programs may write the same streams.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

OWNER: Final = Scope("acme", "ann")


def key_of(stream: str) -> StreamKey:
    """The key under which the program writes a stream."""
    return StreamKey(OWNER, "run", stream)


async def write(store: JournalStore, name: str, appends: int, stream: str) -> None:
    """Append so many times to a stream, and print each acknowledgement."""
    head = (await store.read(key_of(stream), after=-1)).stream.head
    for number in range(appends):
        count = number % 3 + 1
        drafts = [
            Draft(json.dumps({"by": name, "append": number, "of": count, "part": part, "text": "x" * 200 * part}))
            for part in range(count)
        ]
        labels = {"by": name, "append": str(number)}
        while True:
            try:
                head = await store.append(key_of(stream), drafts, expected=head, at=1.0, labels=labels)
                break
            except StreamConflict as conflict:
                head = conflict.actual
        sys.stdout.write(f"{stream} {head} {number}\n")
        sys.stdout.flush()


async def main(kind: str, options: str, name: str, appends: str, *streams: str) -> None:
    """Write all streams at once."""
    store = open_adapter("journals", kind, json.loads(options))
    assert isinstance(store, JournalStore)
    try:
        async with asyncio.TaskGroup() as tasks:
            for stream in streams:
                tasks.create_task(write(store, name, int(appends), stream))
    finally:
        await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
