"""examples/service_desk as a program and in the command line, where a person at a terminal decides about payments."""

from __future__ import annotations

import runpy
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.functional.test_cli import Cli, cli, environment, folder
from tests.support.typed_chat import typed_chat

__all__ = ["cli", "folder"]

EXAMPLE = Path(__file__).parents[2] / "examples/service_desk"
DESK = f"{EXAMPLE / 'desk.py'}:desk"

on_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")


def paid(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "service_desk.db") as database:
        return [number for (number,) in database.execute("SELECT number FROM invoices WHERE paid")]


def test_the_program_pays_what_was_approved_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    runpy.run_path(str(EXAMPLE / "main.py"), run_name="__main__")
    assert capsys.readouterr().out == (
        "How many days of leave does Ann have?\n"
        "  hr: Ann has 12 days left.\n"
        "Book 3 days of leave for Ann.\n"
        "  hr: 3 days booked for Ann.\n"
        "Pay invoice A-17, please.\n"
        "  cfo: pay_invoice approve\n"
        "  finance: 1250 EUR paid to Northwind for A-17.\n"
        "Pay invoice A-18, please.\n"
        "  cfo: pay_invoice reject\n"
        "  finance: A human reviewer rejected this call. Too much.\n"
        "Which invoices are there?\n"
        "  finance: A-17 Northwind 1250 EUR paid\n"
        "A-18 Contoso 98000 EUR open\n"
        "A-19 Northwind 640 EUR open\n"
    )


@on_a_terminal
def test_in_a_chat_the_person_is_shown_each_payment_and_decides(folder: Path) -> None:
    with typed_chat("--swarm", DESK, folder=folder, variables=environment()) as chat:
        shown = chat.type("Pay invoice A-17, please.\n", "edit the arguments: ")
        assert "→ transfer_to_finance" in shown
        assert (
            'pay_invoice waits for approval: pay_invoice runs only with approval.\n  {\n    "number": "A-17",' in shown
        )
        assert '"vendor": "Northwind",\n    "amount": 1250\n  }' in shown
        assert chat.type("sure\n", "edit the arguments: "), "only y and n are decisions"
        assert chat.type("y A-18\n", "edit the arguments: "), "which is about something else"
        assert paid(folder) == []
        assert "1250 EUR paid to Northwind for A-17." in chat.type("y\n")
        assert paid(folder) == ["A-17"]
        chat.type("Pay invoice A-18, please.\n", "edit the arguments: ")
        assert "A human reviewer rejected this call. Too much this month." in chat.type("n Too much this month.\n")
        chat.type("Pay invoice A-19, please.\n", "edit the arguments: ")
        assert "waits for approval that was not given" in chat.type("\x03")
        shown = chat.type("/trace\n", "suspended")
        assert "handoff source_agent: frontdesk, target_agent: finance" in shown
        assert "The agent finance goes on with this conversation." in shown
        chat.type("")
        chat.type("Which invoices are there?\n", "A-19 Northwind 640 EUR open")
        chat.type("")
    assert paid(folder) == ["A-17"]


@on_a_terminal
def test_what_was_typed_ahead_is_no_decision(folder: Path) -> None:
    with typed_chat("--swarm", DESK, folder=folder, variables=environment()) as chat:
        chat.type("Pay invoice A-17, please.\ny\ny\n", "edit the arguments: ")
        assert paid(folder) == []
        chat.type("n\n")
    assert paid(folder) == []


def test_lines_of_a_pipe_are_no_decisions(cli: Cli, folder: Path) -> None:
    done = cli("chat", "--swarm", DESK, stdin="Pay invoice A-17, please.\ny\n")
    assert done.returncode == 0
    assert "waits for approval that was not given" in done.stderr
    assert paid(folder) == []


@on_a_terminal
def test_the_arguments_are_shown_in_full_and_as_they_are(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "from lightagent import LightAgent, LightSwarm, tool\n"
        "from lightagent.testing import ScriptedModel, call_tool\n\n"
        "@tool(requires_approval=True)\n"
        "def pay(to: str, note: str) -> str:\n"
        '    """Pay."""\n'
        "    return f'paid {to}'\n\n"
        "odd = call_tool('pay', to='Bob\\u202eeve', note='x' * 5_000 + '\\x1b[2J, the end')\n"
        "SWARM = LightSwarm()\n"
        "SWARM.register_agent(LightAgent(name='a', model=ScriptedModel([odd, 'Done.']), tools=[pay]))\n"
    )
    with typed_chat("--swarm", "odd.py", folder=folder, variables=environment()) as chat:
        shown = chat.type("Pay.\n", "edit the arguments: ")
        assert "\u202e" not in shown
        assert "\x1b" not in shown
        assert r"Bob\u202eeve" in shown
        assert "x" * 100 + r"\u001b[2J, the end" in shown.replace("\n", "")
        assert "Done." in chat.type("y\n")


@on_a_terminal
def test_calls_of_nested_agents_and_several_at_once_are_asked_about_one_by_one(folder: Path) -> None:
    (folder / "nested.py").write_text(
        "from lightagent import LightAgent, LightSwarm, tool\n"
        "from lightagent.testing import ScriptedModel, call_tool\n\n"
        "@tool(requires_approval=True)\n"
        "def pay(to: str) -> str:\n"
        '    """Pay."""\n'
        "    return f'paid {to}'\n\n"
        "payments = [call_tool('pay', to='Bob'), call_tool('pay', to='Eve')]\n"
        "inner = LightAgent(name='inner', model=ScriptedModel([payments, 'Paid.']), tools=[pay])\n"
        "outer = LightAgent(name='outer', model=ScriptedModel([call_tool('ask', query='Pay.'), 'Well done.']),\n"
        "    tools=[inner.as_tool('ask', 'Asks inner.')])\n"
        "desk = LightSwarm()\n"
        "desk.register_agent(outer)\n"
    )
    with typed_chat("--swarm", "nested.py", folder=folder, variables=environment()) as chat:
        assert '"to": "Bob"' in chat.type("Pay.\n", "edit the arguments: ")
        assert '"to": "Eve"' in chat.type("y\n", "edit the arguments: ")
        shown = chat.type("n\n")
        assert "paid Bob" in shown
        assert "paid Eve" not in shown
        assert "Well done." in shown


@on_a_terminal
def test_without_a_swarm_the_chat_asks_as_well(folder: Path) -> None:
    (folder / "lightagent.toml").write_text(
        '[default.model]\nkind = "scripted"\n'
        'replies = [{ tool_calls = [{ name = "pay", arguments = { to = "Bob" } }] }, "Done.", "Again."]\n'
    )
    (folder / "tools.py").write_text(
        "from lightagent import tool\n\n@tool(requires_approval=True)\n"
        'def pay(to: str) -> str:\n    """Pay."""\n    return f"paid {to}"\n'
    )
    with typed_chat("--tools", "tools.py:pay", folder=folder, variables=environment()) as chat:
        chat.type("Pay Bob.\n", "edit the arguments: ")
        shown = chat.type("y\n")
        assert "paid Bob" in shown
        assert "Done." in shown
        assert "Again." in chat.type("And now?\n")


@on_a_terminal
def test_in_a_stored_session_the_decision_belongs_to_its_turn(folder: Path) -> None:
    (folder / "lightagent.toml").write_text(
        '[default.model]\nkind = "scripted"\n'
        'replies = [{ tool_calls = [{ name = "pay", arguments = { to = "Bob" } }] }, "Done.",'
        ' { tool_calls = [{ name = "pay", arguments = { to = "Eve" } }] }]\n'
        '[default.journals]\nkind = "sqlite"\npath = "sessions.db"\n'
    )
    (folder / "tools.py").write_text(
        "from lightagent import ApprovalRequired, RunContext\n\n"
        'def pay(ctx: RunContext[object], to: str) -> str:\n    """Pay."""\n'
        "    if not ctx.approved:\n        raise ApprovalRequired('Money leaves.', {'limit': 'none'})\n"
        '    return f"paid {to}"\n'
    )
    options = ("--tools", "tools.py:pay", "--session", "monday")
    with typed_chat(*options, folder=folder, variables=environment()) as chat:
        shown = chat.type("Pay Bob.\n", "edit the arguments: ")
        assert 'pay waits for approval: Money leaves.\n  {\n    "to": "Bob"\n  }\n' in shown
        assert 'Details:\n  {\n    "limit": "none"\n  }\n' in shown
        assert "Done." in chat.type("y\n")
        chat.type("Pay Eve.\n", "edit the arguments: ")
        assert "`lightagent sessions resume` decides" in chat.type("\x04")
        assert "The session 'monday' waits for a human." in chat.type("And now?\n")


WRONG = {
    "nothing": ("no swarm", "swarm = None\n"),
    "several": ("has 2 swarms", "from lightagent import LightSwarm\na, b = LightSwarm(), LightSwarm()\n"),
    "empty": ("has no agents", "from lightagent import LightSwarm\nswarm = LightSwarm()\n"),
    "breaks": ("ZeroDivisionError", "1 / 0\n"),
    "is none": ("must be a LightSwarm, got int", "swarm = 7\n"),
    "wants more": ("TypeError", "def swarm(more): ...\n"),
    "leaves": ("SystemExit", "def swarm(): raise SystemExit(3)\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_swarm_is_told(name: str, cli: Cli, folder: Path) -> None:
    told, text = WRONG[name]
    (folder / "mine.py").write_text(text)
    spec = "mine.py" if name in ("nothing", "several", "empty", "breaks") else "mine.py:swarm"
    done = cli("chat", "--swarm", spec)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("none.py", "the file does not exist"),
        ("desk", "must be FILE.py:NAME or MODULE:NAME"),
        ("no_module:desk", "No module named 'no_module'"),
        (f"{EXAMPLE / 'desk.py'}:dsk", "'dsk' does not exist"),
    ],
)
def test_a_name_of_nothing_is_told(spec: str, told: str, cli: Cli) -> None:
    done = cli("chat", "--swarm", spec)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_swarm_of_a_module_is_found_from_here(cli: Cli, folder: Path) -> None:
    (folder / "my_swarm.py").write_text(
        "from lightagent import LightAgent, LightSwarm\nfrom lightagent.testing import ScriptedModel\n"
        "swarm = LightSwarm()\nswarm.register_agent(LightAgent(name='a', model=ScriptedModel(['Hello.'])))\n"
    )
    done = cli("chat", "--swarm", "my_swarm:swarm", stdin="Hi.\n")
    assert (done.returncode, done.stdout) == (0, "Hello.\n")


def test_options_that_would_change_nothing_are_refused(cli: Cli) -> None:
    done = cli("chat", "--swarm", DESK, "--instructions", "Be rude.", "--debug")
    assert done.returncode == 2
    assert "--swarm cannot be combined with --instructions, --debug" in done.stderr
