"""Stored conversations on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lightagent import Journal, LightAgent, tool
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from tests.functional.test_cli_commands import folder, invoke

__all__ = ["folder"]


@tool
def look() -> str:
    """Look."""
    return "seen"


STORE = '[default.model]\nkind = "offline"\n[default.journals]\nkind = "sqlite"\npath = "sessions.db"\n'


@pytest.fixture
def stored(folder: Path) -> Path:
    (folder / "lightagent.toml").write_text(STORE)
    return folder


def test_a_conversation_goes_on_and_is_listed_shown_and_forgotten(stored: Path) -> None:
    assert invoke("run", "one", "--session", "monday", "--user", "ann").exit_code == 0
    assert invoke("run", "two", "--session", "monday", "--user", "ann").exit_code == 0
    [session] = json.loads(invoke("sessions", "list", "--user", "ann", "--json").stdout)
    assert (session["session_id"], session["status"], session["events"]) == ("monday", "idle", 8)
    assert "monday · idle · 8 events" in invoke("sessions", "list", "--user", "ann").stdout
    shown = invoke("sessions", "show", "monday", "--user", "ann").stdout
    assert "user: one" in shown
    assert "user: two" in shown
    messages = json.loads(invoke("sessions", "show", "monday", "--user", "ann", "--json").stdout)
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert "No sessions of this user" in invoke("sessions", "list").stdout
    for command in ("show", "replay", "export", "undo", "rerun"):
        somebody_elses = invoke("sessions", command, "monday")
        assert somebody_elses.exit_code == 2, command
        assert "session 'monday'" in somebody_elses.stderr
    assert invoke("sessions", "export", "", "--user", "ann").exit_code == 2
    nobodys = invoke("sessions", "export", "--user", "bob")
    assert (nobodys.exit_code, nobodys.stdout) == (0, "")
    assert "Exported: 0 sessions" in nobodys.stderr
    assert invoke("sessions", "forget", "monday", "--user", "ann").exit_code == 0
    again = invoke("sessions", "forget", "monday", "--user", "ann")
    assert again.exit_code == 2
    assert "This user has no session 'monday'." in again.stderr
    assert "lightagent sessions list --user NAME" in " ".join(again.stderr.split())


def test_a_chat_goes_on_with_a_session(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: (_ for _ in ()).throw(EOFError))
    assert invoke("run", "one", "--session", "monday").exit_code == 0
    assert invoke("chat", "--session", "monday").exit_code == 0


def test_without_a_store_a_session_is_refused_and_the_text_says_what_to_add(folder: Path) -> None:
    (folder / "lightagent.toml").write_text('[default.model]\nkind = "offline"\n')
    for command in (["sessions", "list"], ["run", "hi", "--session", "monday"]):
        told = invoke(*command)
        assert told.exit_code == 2, told.output
        assert "session" in told.stderr
    assert "[default.journals]" in invoke("sessions", "list").stderr


def test_stored_runs_are_listed_and_shown(stored: Path) -> None:
    store = SqliteJournalStore(stored / "sessions.db")
    agent = LightAgent(name="till", model=ScriptedModel([call_tool("look"), "Done."]), tools=[look])
    result = agent.run("Look.", user_id="ann", journal=store, result_format="object")
    asyncio.run(store.aclose())
    [info] = json.loads(invoke("runs", "list", "--user", "ann", "--status", "completed", "--json").stdout)
    assert (info["run_id"], info["agent"]) == (result.run_id, "till")
    assert f"{result.run_id} · completed · till" in invoke("runs", "list", "--user", "ann").stdout
    assert "No runs of this user" in invoke("runs", "list", "--user", "ann", "--status", "failed").stdout
    assert "look" in invoke("runs", "show", result.run_id, "--user", "ann").stdout
    shown = invoke("runs", "show", result.run_id, "--user", "ann", "--json").stdout
    assert Journal.from_json(shown) == result.journal
    assert "of this user does not exist" in invoke("runs", "show", result.run_id).stderr


def test_the_doctor_opens_the_store(stored: Path) -> None:
    invoke("run", "one", "--session", "monday")
    told = invoke("doctor")
    assert told.exit_code == 0
    assert "✓ journals · sqlite" in told.stdout
    (stored / "sessions.db").write_text("no database, but text of some length " * 100)
    for name in ("sessions.db-wal", "sessions.db-shm"):
        (stored / name).unlink(missing_ok=True)
    told = invoke("doctor")
    assert told.exit_code == 1
    assert "✗ journals · sqlite" in told.stdout
    (stored / "lightagent.toml").write_text(STORE.replace("sqlite", "sqlight"))
    told = invoke("doctor")
    assert told.exit_code == 2
    assert "✗ journals · sqlight" in told.stdout


def test_a_status_that_no_run_has_is_refused(stored: Path) -> None:
    refused = invoke("runs", "list", "--status", "waiting")
    assert refused.exit_code == 2
    assert "suspended" in refused.stderr


def test_half_a_surrogate_pair_does_not_break_the_output(stored: Path) -> None:
    """Half a surrogate pair in an id of one session must not hide all of them."""
    store = SqliteJournalStore(stored / "sessions.db")
    agent = LightAgent(model=ScriptedModel(["One.", "Two."]), session_store=store)
    agent.run("half \ud800 a pair", session_id="half \ud800", user_id="ann")
    agent.run("whole", session_id="whole", user_id="ann")
    listed = json.loads(invoke("sessions", "list", "--user", "ann", "--json").stdout)
    assert [session["session_id"] for session in listed] == ["whole", "half \ud800"]
    assert "half" in invoke("sessions", "list", "--user", "ann").stdout
    for name, query in (("half \ud800", "half"), ("whole", "whole")):
        for options in ((), ("--json",)):
            shown = invoke("sessions", "show", name, "--user", "ann", *options)
            assert shown.exit_code == 0
            assert query in shown.stdout
