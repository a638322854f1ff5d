"""`lightagent review`: what waits is listed, shown and decided at a terminal, and the run goes on with it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent import HumanApprovalHook, LightAgent, RunResult
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.entrypoints.cli.app import app
from lightagent.testing import ScriptedModel, call_tool

TOOLS = '''
from pathlib import Path


def pay(amount: int, to: str) -> str:
    """Pay.

    Args:
        amount: how much.
        to: who gets it.
    """
    Path("paid.txt").write_text(f"{amount} {to}")
    return f"paid {amount} to {to}"
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, whose settings name a store and the offline model."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "lightagent.toml").write_text('[default.journals]\nkind = "sqlite"\npath = "journals.db"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "60", "LIGHTAGENT_TRUST_CONFIG": "1"})
    assert done.exit_code == code, done.output
    return done


def waiting(folder: Path, to: str = "ann", **options: str) -> RunResult[str]:
    """A program's run that waits, kept in the store."""

    def pay(amount: int, to: str) -> str:
        """Pay."""
        raise AssertionError("nobody has approved it")

    store = SqliteJournalStore(folder / "journals.db")
    desk = HumanApprovalHook(store=store, tools={"pay"})
    model = ScriptedModel([call_tool("pay", amount=5, to=to)])
    agent = LightAgent(name="till", model=model, tools=[pay], hooks=[desk])
    result = agent.run("Pay.", journal=store, result_format="object", user_id="bob")
    run_sync(store.aclose())
    return result


def request_id() -> str:
    (found,) = json.loads(invoke("review", "list", "--json").stdout)
    return str(found["request"]["request_id"])


def test_what_waits_is_listed_and_shown_in_full(folder: Path) -> None:
    assert "No requests found." in invoke("review", "list").stdout
    long = "ann " * 100 + "\u202etxt.exe\x1b[2J\u3164\u034f\ufe0f\U000e0100\u2800\ud83d"
    waiting(folder, long)
    asked = request_id()
    assert asked in invoke("review", "list").stdout
    assert "No requests found." in invoke("review", "list", "--user", "eve").stdout
    shown = invoke("review", "show", asked).stdout
    assert '  "to": "' + "ann " * 100 + "\\u202etxt.exe\\u001b[2J" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    as_json = invoke("review", "show", asked, "--json").stdout
    for unseen in ("\u3164", "\u034f", "\ufe0f", "\U000e0100", "\u2800"):
        assert json.dumps(unseen)[1:-1] in shown
        assert unseen not in shown + as_json
    assert json.loads(as_json)["request"]["arguments"]["to"].startswith(long[:-1])
    for line in ("tool       pay", "agents     till", "user       bob", "reason     pay runs only with approval."):
        assert line in shown
    assert json.loads(invoke("review", "show", asked, "--json").stdout)["status"] == "waiting"


DECISIONS = {
    "approve": (["approve", "ID"], "5 ann", "ok"),
    "reject": (["reject", "ID", "Too expensive."], "", "rejected"),
    "edit": (["edit", "ID", '{"amount": 1, "to": "eve"}'], "1 eve", "ok"),
    "respond": (["respond", "ID", "Paid in cash."], "", "answered"),
}


@pytest.mark.parametrize(("command", "paid", "status"), DECISIONS.values(), ids=DECISIONS)
def test_a_decision_is_what_the_run_goes_on_with(folder: Path, command: list[str], paid: str, status: str) -> None:
    result = waiting(folder)
    asked = request_id()
    resume = ["runs", "resume", result.run_id, "--user", "bob", "--tools", "tools.py"]
    assert "waits for a decision" in invoke(*resume, code=2).output.replace("\n", " ")
    told = invoke("review", *(asked if one == "ID" else one for one in command), "--as", "carol").stdout
    assert told == f"{asked} · {command[0]} · pay\n"
    assert "decided before" in invoke("review", "reject", asked, code=1).output.replace("\n", " ")
    assert f"decision   {command[0]} by carol" in invoke("review", "show", asked).stdout
    calls = json.loads(invoke(*resume, "--json").stdout)["tool_calls"]
    assert [call["status"] for call in calls] == [status]
    assert ((folder / "paid.txt").read_text() if paid else "") == paid
    assert not (folder / "paid.txt").exists() or paid
    assert '"status": "used"' in invoke("review", "show", asked, "--json").stdout


def test_a_decision_is_revoked_and_remembered_ones_are_forgotten(folder: Path) -> None:
    waiting(folder)
    asked = request_id()
    invoke("review", "approve", asked, "--remember", "user", "--as", "carol")
    assert invoke("review", "revoke", asked).stdout == f"{asked} · revoked · pay\n"
    line = invoke("review", "remembered").stdout
    assert line.endswith(" · approve · pay · bob · by carol\n")
    known = line.split(" ")[0]
    assert "forgotten" in invoke("review", "remembered", "--forget", known).stdout
    assert invoke("review", "remembered").stdout == "No decisions are remembered.\n"
    invoke("review", "remembered", "--forget", known, code=2)


@pytest.mark.parametrize(
    "command",
    [
        ["show", "nobody"],
        ["approve", "nobody"],
        ["list", "--status", "whatever"],
        ["edit", "nobody", "[1]"],
        ["edit", "nobody", "{"],
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_told_in_a_sentence(folder: Path, command: list[str]) -> None:
    assert "LA-CONFIG" in invoke("review", *command, code=2).output


def test_a_review_that_was_damaged_hides_no_other_and_stops_no_other_run(folder: Path) -> None:
    result = waiting(folder)
    asked = request_id()
    waiting(folder)
    (damaged,) = {one["request"]["request_id"] for one in json.loads(invoke("review", "list", "--json").stdout)} - {
        asked
    }
    with closing(sqlite3.connect(folder / "journals.db")) as db, db:
        db.execute(
            "UPDATE entries SET content = 'x' WHERE content LIKE '%' || ? || '%'", (f'"request_id":"{damaged}"',)
        )
    told = invoke("review", "list", code=1)
    assert asked in told.stdout
    assert "The listing is not complete" in told.output.replace("\n", " ")
    invoke("review", "approve", asked, "--as", "carol")
    invoke("runs", "resume", result.run_id, "--user", "bob", "--tools", "tools.py")
    assert (folder / "paid.txt").read_text() == "5 ann"


GUARDED = '''
from pathlib import Path

from lightagent import tool


@tool(requires_approval=True)
def calculate(expression: str) -> str:
    """Calculates an expression.

    Args:
        expression: such as 1 + 1.
    """
    Path("paid.txt").write_text(expression)
    return "forty-two"


TOOLS = [calculate]
'''


def test_what_a_run_of_the_command_line_waits_for_is_decided_with_review(folder: Path) -> None:
    (folder / "tools.py").write_text(GUARDED)
    tools = ["--tools", "tools.py"]
    invoke("run", "What is 6 * 7?", "--session", "monday", *tools, code=3)
    invoke("review", "approve", request_id(), "--as", "carol")
    assert "forty-two" in invoke("sessions", "resume", "monday", *tools).stdout
    assert (folder / "paid.txt").read_text() == "6 * 7"
    assert "used" in invoke("review", "list", "--status", "all").stdout


@pytest.mark.parametrize("option", [["--approve"], ["--reject", "No."], ["--respond", "Paid in cash."]])
def test_who_decides_with_the_resumption_is_on_record(
    folder: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "carol")
    result, asked = waiting(folder), request_id()
    invoke("runs", "resume", result.run_id, "--user", "bob", "--tools", "tools.py", *option)
    assert f"{option[0].removeprefix('--')} by carol" in invoke("review", "show", asked).stdout
