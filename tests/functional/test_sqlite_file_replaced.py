"""A SQLite store whose file is taken away while it is open: no append is acknowledged that would be lost."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope


def key(name: str) -> StreamKey:
    return StreamKey(Scope(user="ann"), "run", name)


def remove(path: Path) -> None:
    path.unlink()


def remove_all(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def move(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replace(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.replace(path)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed")
@pytest.mark.parametrize("deed", [remove, remove_all, remove_folder, move, replace])
async def test_a_file_that_was_taken_away_is_written_no_more(tmp_path: Path, deed: Callable[[Path], None]) -> None:
    path = tmp_path / "store" / "journals.db"
    store = SqliteJournalStore(path)
    await store.append(key("one"), [Draft("1")], expected=0, at=1.0)
    await store.read(key("one"))
    deed(path)
    for _ in range(2):
        with pytest.raises(StoreError, match="moved, removed or replaced"):
            await store.append(key("two"), [Draft("1")], expected=0, at=1.0)
        with pytest.raises(StoreError, match="moved, removed or replaced"):
            await store.read(key("one"))
    await store.aclose()
    await store.append(key("three"), [Draft("1")], expected=0, at=1.0)
    assert "three" in [stream.key.id for stream in (await store.list(StreamQuery())).streams]
    await store.aclose()


async def test_another_working_directory_leads_to_no_other_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "first")
    for store in (SqliteJournalStore("journals.db"), JsonFilesJournalStore("journals")):
        os.chdir(tmp_path / "first")
        await store.append(key("one"), [Draft("1")], expected=0, at=1.0)
        os.chdir(tmp_path / "second")
        assert (await store.read(key("one"))).stream.head == 1
        assert await store.append(key("one"), [Draft("2")], expected=1, at=1.0) == 2
        await store.aclose()
    assert not [*(tmp_path / "second").iterdir()]


@pytest.mark.parametrize("path", ["", ".", ":memory:"])
def test_a_name_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="not the path of a file"):
        SqliteJournalStore(path)
