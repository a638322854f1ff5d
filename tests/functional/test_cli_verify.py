"""The store verified and taken over on the command line."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent.domain.journals.streams import StreamInfo, StreamKey
from lightagent.domain.scopes import Scope
from tests.functional.test_cli_commands import folder, invoke
from tests.support.journal_editor import SqliteEditor

__all__ = ["folder"]

SETTINGS = """
[default.model]
kind = "offline"
[plain.journals]
kind = "sqlite"
path = "plain.db"
[encrypted.journals]
kind = "encrypted"
keys = { spring = { env = "CONTENT" } }
store = { kind = "sqlite", path = "encrypted.db" }
[sealed.journals]
kind = "encrypted"
keys = { spring = { env = "CONTENT" } }
[sealed.journals.store]
kind = "sealed"
name = "shop"
keys = { spring = { env = "SEALS" } }
heads = { kind = "files", path = "heads" }
store = { kind = "sqlite", path = "sealed/journals.db" }
[both.journals]
kind = "encrypted"
keys = { spring = { env = "CONTENT" }, summer = { env = "CONTENT_2" } }
current = "summer"
store = { kind = "sqlite", path = "encrypted.db" }
[summer.journals]
kind = "encrypted"
keys = { summer = { env = "CONTENT_2" } }
store = { kind = "sqlite", path = "summer.db" }
[spelled.journals]
kind = "sqlite"
path = "../FOLDER/plain.db"
busy_timeout = 5.0
[beside.journals]
kind = "sealed"
name = "shop"
keys = { spring = { env = "SEALS" } }
store = { kind = "sqlite", path = "one.db" }
heads = { kind = "store", store = { kind = "sqlite", path = "./one.db" } }
[within.journals]
kind = "sealed"
name = "shop"
keys = { spring = { env = "SEALS" } }
store = { kind = "files", directory = "journals" }
heads = { kind = "files", path = "journals/heads" }
[onto.journals]
kind = "encrypted"
keys = { spring = { env = "CONTENT" } }
store = { kind = "sqlite", path = "plain.db" }
"""
MONDAY = StreamKey(Scope(user="ann"), "session", "monday")
KEYS = {"CONTENT": "c" * 32, "CONTENT_2": "d" * 32, "SEALS": "s" * 32}


@pytest.fixture
def stored(folder: Path) -> Path:
    (folder / "lightagent.toml").write_text(SETTINGS.replace("FOLDER", folder.name))
    return folder


def write(profile: str) -> None:
    for session in ("monday", "tuesday"):
        told = invoke("run", "The card is 4111", "--session", session, "--user", "ann", "-p", profile, **KEYS)
        assert told.exit_code == 0, told.output


def cut_index(editor: SqliteEditor) -> None:
    editor.cut_index(MONDAY)


def delete(editor: SqliteEditor) -> None:
    editor.remove(MONDAY)


def change_labels(editor: SqliteEditor) -> None:
    change(editor, lambda row: replace(row, labels={}))


def change_size(editor: SqliteEditor) -> None:
    change(editor, lambda row: replace(row, size=row.size + 1))


def change(editor: SqliteEditor, changed: Callable[[StreamInfo], StreamInfo]) -> None:
    raw = editor.take(MONDAY)
    editor.put(replace(raw, info=changed(raw.info)))


def verified(profile: str) -> tuple[int, dict[str, object]]:
    told = invoke("verify", "--json", "-p", profile, **KEYS)
    found = json.loads(told.stdout)
    assert isinstance(found, dict)
    return told.exit_code, found


def test_a_store_is_verified_for_people_and_for_programs(stored: Path) -> None:
    write("sealed")
    told = invoke("verify", "-p", "sealed", **KEYS)
    assert told.exit_code == 0, told.output
    assert re.search(r"✓ 2 streams and \d+ entries were read; nothing is wrong\.", told.stdout)
    assert "encrypted and sealed, and its heads are kept elsewhere" in told.stdout
    code, found = verified("sealed")
    assert (code, found["streams"], found["faults"]) == (0, 2, [])
    for file in (stored / "sealed").iterdir():
        assert b"4111" not in file.read_bytes()


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (cut_index, "the store's index was changed"),
        (delete, "it was deleted"),
        (change_labels, "its labels, times, owner"),
        (change_size, "Its size is recorded as"),
    ],
)
def test_each_edit_is_named_with_its_stream(stored: Path, edit: Callable[[SqliteEditor], None], what: str) -> None:
    write("sealed")
    edit(SqliteEditor(stored / "sealed"))
    code, found = verified("sealed")
    assert code == 1
    assert isinstance(found["faults"], list)
    (fault,) = found["faults"]
    assert (fault["tenant"], fault["user"], fault["kind"], fault["id"]) == ("", "ann", "session", "monday")
    assert what in fault["fault"]
    told = invoke("verify", "-p", "sealed", **KEYS)
    assert told.exit_code == 1
    assert "✗ session 'monday' of user 'ann': " in told.stdout


def test_an_older_copy_of_the_store_is_noticed_by_its_heads(stored: Path) -> None:
    write("sealed")
    with (
        closing(sqlite3.connect(stored / "sealed/journals.db")) as database,
        closing(sqlite3.connect(":memory:")) as older,
    ):
        database.backup(older)
        write("sealed")
        older.backup(database)
    code, found = verified("sealed")
    assert code == 1
    assert isinstance(found["faults"], list)
    assert len(found["faults"]) == 2
    assert all("older copy" in fault["fault"] for fault in found["faults"])


def test_the_doctor_tells_of_a_stream_that_cannot_be_listed(stored: Path) -> None:
    write("sealed")
    assert "lightagent verify" not in invoke("doctor", "-p", "sealed", **KEYS).stdout
    change_labels(SqliteEditor(stored / "sealed"))
    # It looks at the newest stream alone.
    SqliteEditor(stored / "sealed").remove(replace(MONDAY, id="tuesday"))
    told = invoke("doctor", "-p", "sealed", **KEYS)
    assert "! Stream 'monday' of the kind 'session' was tampered with" in told.stdout
    assert "lightagent verify" in told.stdout


def test_without_a_store_or_with_one_that_cannot_be_read_it_says_so(stored: Path) -> None:
    assert invoke("verify").exit_code == 2
    write("plain")
    assert "not sealed: damage is noticed" in invoke("verify", "-p", "plain").stdout
    for file in stored.glob("plain.db-*"):
        file.unlink()
    (stored / "plain.db").write_text("no database, but text of some length " * 100)
    told = invoke("verify", "-p", "plain")
    assert told.exit_code == 1
    assert "plain.db" in told.stderr


def test_what_is_in_the_clear_is_refused_until_it_is_adopted(stored: Path) -> None:
    write("plain")
    refused = invoke("sessions", "show", "monday", "--user", "ann", "-p", "onto", **KEYS)
    assert refused.exit_code == 1
    assert "is not encrypted" in refused.stderr
    assert "lightagent stores adopt" in refused.stderr
    for profile in ("onto", "spelled"):
        same = invoke("stores", "adopt", "--from", "plain", "-p", profile, **KEYS)
        assert same.exit_code == 2
        assert "the same place" in same.stderr
    for profile in ("encrypted", "sealed"):
        told = invoke("stores", "adopt", "--from", "plain", "-p", profile, **KEYS)
        assert told.exit_code == 0, told.output
        assert "All 2 streams are in the new store" in told.stdout
        assert "4111" in invoke("sessions", "show", "monday", "--user", "ann", "-p", profile, **KEYS).stdout
        assert verified(profile)[0] == 0
    # The store that it came from was left as it is, and the same command again changes nothing.
    assert "4111" in invoke("sessions", "show", "monday", "--user", "ann", "-p", "plain").stdout
    assert invoke("stores", "adopt", "--from", "plain", "-p", "sealed", **KEYS).exit_code == 0


def test_a_key_is_rotated_and_then_given_up(stored: Path) -> None:
    """The procedure of docs/security.md."""
    write("encrypted")
    write("both")
    assert "4111" in invoke("sessions", "show", "monday", "--user", "ann", "-p", "both", **KEYS).stdout
    wrong = invoke("sessions", "show", "monday", "--user", "ann", "-p", "encrypted", **KEYS)
    assert wrong.exit_code == 1
    assert "'summer', which is not among the keys" in wrong.stderr
    assert invoke("stores", "adopt", "--from", "both", "-p", "summer", **KEYS).exit_code == 0
    assert verified("summer")[0] == 0
    other = {**KEYS, "CONTENT_2": "e" * 32}
    told = invoke("verify", "-p", "summer", **other)
    assert told.exit_code == 1
    assert "has another secret here" in told.stdout


def test_a_store_that_is_empty_is_not_called_right(stored: Path) -> None:
    told = invoke("verify", "-p", "plain")
    assert told.exit_code == 0
    assert "empty" in told.stdout
    assert "nothing is wrong" not in told.stdout
    adopted = invoke("stores", "adopt", "--from", "plain", "-p", "sealed", **KEYS)
    assert adopted.exit_code == 1
    assert "'plain' is empty; nothing was copied" in adopted.stderr


@pytest.mark.parametrize("profile", ["beside", "within"])
def test_heads_that_are_not_elsewhere_are_refused(stored: Path, profile: str) -> None:
    told = invoke("verify", "-p", profile, **KEYS)
    assert told.exit_code == 2
    assert "in the same place as its streams" in told.stderr


def test_a_deleted_stream_is_not_left_out_of_what_is_adopted(stored: Path) -> None:
    write("sealed")
    delete(SqliteEditor(stored / "sealed"))
    told = invoke("stores", "adopt", "--from", "sealed", "-p", "plain", **KEYS)
    assert told.exit_code == 1
    assert "it was deleted" in told.stderr
