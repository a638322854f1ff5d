"""A SQLite store whose file was changed behind its back: what was changed is named, and the rest goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.errors import ConfigurationError, DamagedStream
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope


def key(name: str) -> StreamKey:
    return StreamKey(Scope(user="ann"), "run", name)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE streams SET user = x'ff' WHERE id = 1",
        "UPDATE streams SET labels = '[]' WHERE id = 1",
    ],
    ids=["a name", "labels"],
)
async def test_a_stream_whose_row_was_damaged_is_named_and_the_others_are_listed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "journals.db"
    store = SqliteJournalStore(path)
    for name in ("one", "two"):
        await store.append(key(name), [Draft("{}")], expected=0, at=1.0)
    await store.aclose()
    with sqlite3.connect(path) as connection:
        assert connection.execute(change).rowcount == 1
    connection.close()
    store = SqliteJournalStore(path)
    page = await store.list(StreamQuery(kind="run"))
    assert [stream.key.id for stream in page.streams] == ["two"]
    assert len(page.unreadable) == 1
    await store.aclose()


async def test_an_entry_that_was_changed_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    store = SqliteJournalStore(path)
    await store.append(key("one"), [Draft('{"a":1}')], expected=0, at=1.0)
    await store.aclose()
    with sqlite3.connect(path) as connection:
        assert connection.execute("UPDATE entries SET content = '{\"a\":2}'").rowcount == 1
    connection.close()
    store = SqliteJournalStore(path)
    with pytest.raises(DamagedStream):
        await store.read(key("one"))
    await store.aclose()


async def test_a_seal_that_is_no_text_is_refused(tmp_path: Path) -> None:
    store = SqliteJournalStore(tmp_path / "journals.db")
    with pytest.raises(ConfigurationError, match="half a surrogate pair"):
        await store.append(key("one"), [Draft("{}", seal="\ud800")], expected=0, at=1.0)
    await store.aclose()
