"""A process that is forked while a store is open: parent and child go on, and lose nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forks")

PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope

store = {"sqlite": SqliteJournalStore, "files": JsonFilesJournalStore}[sys.argv[1]](Path(sys.argv[2]))

async def write(*names):
    for name in names:
        await store.append(StreamKey(Scope(user="ann"), "run", name), [Draft("1")], expected=0, at=1.0)

async def names():
    found = [stream.key.id for stream in (await store.list(StreamQuery())).streams]
    await store.aclose()
    return found

asyncio.run(write("before"))
asyncio.run(store.read(StreamKey(Scope(), "", "")))
go_on, written = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    async def play():
        await write("child 1")
        os.write(written[1], b"x")
        os.read(go_on[0], 1)
        await write("child 2", "child 3")
        assert len(await names()) == 5
    status = 1
    try:
        asyncio.run(play())
        status = 0
    finally:
        os._exit(status)
os.read(written[0], 1)
asyncio.run(write("parent"))
asyncio.run(store.aclose())  # The last connection of a process moves the log into the file, and removes it.
os.write(go_on[1], b"x")
_, status = os.waitpid(child, 0)
print(json.dumps([status, asyncio.run(names())]))
"""


@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_an_open_store_is_used_by_parent_and_child(kind: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(tmp_path / "journals")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == [0, ["child 3", "child 2", "parent", "child 1", "before"]]
