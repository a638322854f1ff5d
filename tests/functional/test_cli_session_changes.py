"""On the command line: taking back, asking again, forks, replays, exports, retention, and resuming what waits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lightagent import LightAgent, RunResult, tool
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals.keep_run import run_key
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.journals.streams import Draft, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from tests.functional.test_cli_commands import folder, invoke
from tests.functional.test_cli_sessions import stored
from tests.support.wrapped_journals import WrappedStore

__all__ = ["folder", "stored"]

ANN = ("--user", "ann")
TOOLS = '''
from pathlib import Path
from lightagent import tool

@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    with Path("paid.txt").open("a") as file:
        file.write(f"{amount} ")
    return f"paid {amount}"

TOOLS = [pay]
'''


def ask(*queries: str, session: str = "monday") -> None:
    for query in queries:
        assert invoke("run", query, "--session", session, *ANN).exit_code == 0


def queries(session: str = "monday") -> list[tuple[str, bool]]:
    told = json.loads(invoke("sessions", "replay", session, *ANN, "--json").stdout)
    return [(turn["journal"]["events"][0]["messages"][-1]["content"], turn["undone"]) for turn in told]


def test_a_turn_is_taken_back_and_asked_again(stored: Path) -> None:
    ask("one", "two", "three")
    told = invoke("sessions", "undo", "monday", *ANN)
    assert (told.exit_code, told.stdout) == (0, "Undone: three (completed)\n")
    again = invoke("sessions", "rerun", "monday", *ANN)
    assert again.exit_code == 0, again.output
    assert again.stdout
    other = invoke("sessions", "rerun", "monday", *ANN, "--question", "four")
    assert other.exit_code == 0, other.output
    assert queries() == [("one", False), ("two", True), ("three", True), ("two", True), ("four", False)]
    assert "one" in invoke("sessions", "replay", "monday", *ANN).stdout
    assert "undone · three" in invoke("sessions", "replay", "monday", *ANN).stdout
    assert "no question to ask again" in invoke("sessions", "rerun", "tuesday", *ANN).stderr
    assert invoke("sessions", "undo", "tuesday", *ANN).exit_code == 2


def test_a_session_is_forked_at_a_checkpoint(stored: Path) -> None:
    ask("one")
    assert invoke("sessions", "checkpoint", "monday", "lunch", *ANN).exit_code == 0
    ask("two")
    assert invoke("sessions", "fork", "monday", "tuesday", "--checkpoint", "lunch", *ANN).exit_code == 0
    assert queries("tuesday") == [("one", False)]
    first = json.loads(invoke("sessions", "replay", "monday", *ANN, "--json").stdout)[0]["run_id"]
    assert invoke("sessions", "fork", "monday", "friday", "--turn", first, *ANN).exit_code == 0
    assert queries("friday") == [("one", False)]
    refused = invoke("sessions", "fork", "monday", "sunday", "--checkpoint", "dinner", *ANN)
    assert refused.exit_code == 2
    assert "It has: lunch" in refused.stderr


def test_sessions_are_exported(stored: Path) -> None:
    ask("one")
    ask("two", session="tuesday")
    assert invoke("sessions", "export", "monday", *ANN, "-o", "monday.jsonl").exit_code == 0
    lines = [json.loads(line) for line in (stored / "monday.jsonl").read_text().splitlines()]
    assert lines[0]["session_id"] == "monday"
    assert lines[-1] == {"entries": len(lines) - 2, "results": 0, "complete": True}
    assert (stored / "monday.jsonl").stat().st_mode & 0o077 == 0
    everything = invoke("sessions", "export", *ANN).stdout.splitlines()
    assert [told["session_id"] for line in everything if "format" in (told := json.loads(line))] == [
        "tuesday",
        "monday",
    ]
    assert invoke("sessions", "export", "monday", "-o", "monday.jsonl").exit_code == 2
    assert len((stored / "monday.jsonl").read_text().splitlines()) == len(lines)


def test_sessions_are_pruned_and_trimmed(stored: Path) -> None:
    ask("one", "two", "three")
    ask("one", session="tuesday")
    foretold = invoke("sessions", "prune", "--keep", "1", "--all-users", "--dry-run")
    assert "Would be removed: monday of ann" in foretold.stdout
    assert "Would be removed: 1 sessions" in foretold.stdout
    assert len(json.loads(invoke("sessions", "list", *ANN, "--json").stdout)) == 2
    assert "Would be removed: 2 turns" in invoke("sessions", "trim", "monday", *ANN, "--keep", "1", "--dry-run").stdout
    assert json.loads(invoke("sessions", "trim", "monday", *ANN, "--keep", "1", "--json").stdout)["turns"] == 2
    assert queries() == [("three", False)]
    assert "user: one" in invoke("sessions", "show", "monday", *ANN).stdout
    pruned = json.loads(invoke("sessions", "prune", *ANN, "--older-than", "30d", "--keep", "1", "--json").stdout)
    assert [info["session_id"] for info in pruned["removed"]] == ["tuesday"]
    assert "Removed: 1 sessions" in invoke("sessions", "prune", *ANN, "--max-bytes", "0.5k").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "at least one limit"),
        (("--older-than", "soon"), "must be a number with a unit"),
        (("--older-than", "30"), "must be a number with a unit"),
        (("--max-bytes", "1T"), "must be a number with a unit"),
        (("--keep", "1", "--all-users", *ANN), "cannot be combined"),
    ],
)
def test_wrong_limits_are_refused(stored: Path, arguments: tuple[str, ...], told: str) -> None:
    refused = invoke("sessions", "prune", *arguments)
    assert refused.exit_code == 2
    assert told in refused.stderr


def pay_later(folder: Path, *, calls: int = 1, session: str | None = None) -> RunResult[str]:
    """A stored run, or the turn of a session, whose calls wait for a human."""
    (folder / "tools.py").write_text(TOOLS)

    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay an amount."""
        raise AssertionError("it runs elsewhere")

    store = SqliteJournalStore(folder / "sessions.db")
    made = [call_tool("pay", amount=number + 1) for number in range(calls)]
    model = ScriptedModel([AssistantMessage(None, tuple(made))])
    agent = LightAgent(name="till", model=model, tools=[pay], session_store=store)
    journal = store if session is None else None
    result = agent.run("Pay.", user_id="ann", result_format="object", journal=journal, session_id=session)
    asyncio.run(store.aclose())
    return result


def paid(folder: Path) -> str:
    path = folder / "paid.txt"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize(
    ("decision", "effect"),
    [(["--approve"], "1 "), (["--edit", '{"amount": 5}'], "5 "), (["--reject", "No."], ""), (["--respond", "ok"], "")],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("session", [None, "monday"])
def test_what_waits_is_resumed_by_a_decision(
    stored: Path, decision: list[str], effect: str, session: str | None
) -> None:
    run_id = pay_later(stored, session=session).run_id
    what = ["runs", "resume", run_id] if session is None else ["sessions", "resume", session]
    undecided = invoke(*what, *ANN, "--tools", "tools.py")
    assert undecided.exit_code == 2
    assert 'pay {"amount": 1}' in undecided.stderr
    assert "--approve" in undecided.stderr
    told = invoke(*what, *ANN, "--tools", "tools.py", *decision)
    assert told.exit_code == 0, told.output
    assert paid(stored) == effect
    assert invoke(*what, *ANN, "--tools", "tools.py", *decision).exit_code == 2
    assert paid(stored) == effect


def test_of_several_calls_one_is_named(stored: Path) -> None:
    run_id = pay_later(stored, calls=2).run_id
    what = ["runs", "resume", run_id, *ANN, "--tools", "tools.py"]
    unclear = invoke(*what, "--approve")
    assert unclear.exit_code == 2
    assert "--call ID" in unclear.stderr
    shown = invoke("runs", "show", run_id, *ANN)
    assert f"{run_id} · suspended · till" in shown.stdout
    first, second = [line.split(" · ")[1] for line in shown.stdout.splitlines() if line.startswith("waits")]
    assert invoke(*what, "--approve", "--call", first).exit_code == 3
    assert paid(stored) in ("", "1 ")
    assert invoke(*what, "--reject", "No.", "--call", second).exit_code == 0
    assert paid(stored) == "1 "
    assert f"{run_id} · completed · till" in invoke("runs", "show", run_id, *ANN, "--json").stderr


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        (["--approve", "--respond", "ok"], "Several decisions"),
        (["--edit", "{"], "it is not JSON"),
        (["--edit", "[]"], "JSON object"),
        (["--approve", "--call", "nothing"], "No call 'nothing' waits"),
    ],
)
def test_wrong_decisions_are_refused(stored: Path, decision: list[str], told: str) -> None:
    run_id = pay_later(stored).run_id
    refused = invoke("runs", "resume", run_id, *ANN, "--tools", "tools.py", *decision)
    assert refused.exit_code != 0
    assert told in refused.stderr
    assert paid(stored) == ""


def test_a_run_whose_process_died_is_listed_as_interrupted_and_goes_on(stored: Path) -> None:
    run_id = pay_later(stored).run_id
    store = SqliteJournalStore(stored / "sessions.db")

    async def interrupt() -> None:
        """Of the run only its first entries were written."""
        key = run_key(run_id, Scope(user="ann"))
        found = await store.read(key)
        await store.forget(key)
        drafts = [Draft(entry.content, entry.schema) for entry in found.entries[:2]]
        await store.append(key, drafts, expected=0, at=1.0, labels={"status": "running", "agent": "till"})
        await store.aclose()

    asyncio.run(interrupt())
    assert "interrupted" in invoke("runs", "show", run_id, *ANN).stdout
    told = invoke("runs", "resume", run_id, *ANN, "--tools", "tools.py")
    assert told.exit_code == 0, told.output
    assert f"{run_id} · completed" in invoke("runs", "show", run_id, *ANN).stdout


class HalfReadable(WrappedStore):
    async def list(self, query: StreamQuery) -> StreamPage:
        page = await super().list(query)
        return StreamPage(page.streams, page.next, ("The stream x cannot be read.",))


@pytest.mark.parametrize("command", [["sessions", "list"], ["runs", "list"], ["sessions", "prune", "--keep", "0"]])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_listing_that_is_not_complete_says_so(
    stored: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], form: list[str]
) -> None:
    store = MemoryJournalStore()
    agent = LightAgent(model=ScriptedModel(["Yes."] * 2), session_store=store)
    agent.run("one", user_id="ann", session_id="monday")
    agent.run("one", user_id="ann", journal=store)
    monkeypatch.setattr("lightagent.entrypoints.cli.stores.open_journals", lambda _: HalfReadable(store))
    told = invoke(*command, *ANN, *form)
    assert told.exit_code == 1
    assert "The stream x cannot be read." in told.stderr
    assert "x cannot be read" not in told.stdout or command[1] == "prune"
    assert ("monday" in told.stdout) == (command[0] == "sessions")
