"""Swarms of a file on the command line, and what is said where the offline stand-in would answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.functional.test_cli import Cli, cli, configure, folder

__all__ = ["cli", "folder"]

SWARM = '''
from lightagent import LightAgent, LightSwarm, tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.testing import ScriptedModel, call_tool

@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"{amount} paid"

def front(request):
    last = request.messages[-1]
    return call_tool("transfer_to_bank")

def bank(request):
    last = request.messages[-1]
    return f"Told: {last.content}" if last.role == "tool" and "paid" in last.content else call_tool("pay", amount=100)

def desk(store=STORE):
    swarm = LightSwarm()
    swarm.register_agent(
        LightAgent(name="front", model=ScriptedModel(front), session_store=store),
        LightAgent(name="bank", model=ScriptedModel(bank), tools=[pay], session_store=store),
    )
    return swarm
'''


def write_swarm(folder: Path, store: str = "None") -> str:
    (folder / "desk.py").write_text(SWARM.replace("STORE", store))
    return "desk.py:desk"


def test_a_swarm_is_asked_once_and_its_run_is_gone_on_with(cli: Cli, folder: Path) -> None:
    desk = write_swarm(folder)
    done = cli("run", "Pay.", "--swarm", desk, "--journal", "pay.db", "--strict")
    assert (done.returncode, done.stdout) == (3, "")
    assert "→ transfer_to_bank" in done.stderr
    assert 'pay {"amount": 100}' in done.stderr
    done = cli("resume", "pay.db", "--swarm", desk, "--edit", '{"amount": 5}')
    assert (done.returncode, done.stdout) == (0, "Told: 5 paid\n"), done.stderr


def test_the_first_request_of_a_swarm_is_shown(cli: Cli, folder: Path) -> None:
    done = cli("run", "Pay.", "--swarm", write_swarm(folder), "--show-request", "--json")
    assert done.returncode == 0
    tools = [part["name"] for part in json.loads(done.stdout)["parts"] if part["kind"] == "tool"]
    assert tools == ["transfer_to_bank"]


def test_a_session_of_a_swarm_is_resumed_where_its_agents_keep_it(cli: Cli, folder: Path) -> None:
    desk = write_swarm(folder, 'SqliteJournalStore("desk.db")')
    assert cli("run", "Pay.", "--swarm", desk, "--session", "monday").returncode == 3
    undecided = cli("sessions", "resume", "monday", "--swarm", desk)
    assert undecided.returncode == 2
    assert "waits for a decision" in undecided.stderr
    done = cli("sessions", "resume", "monday", "--swarm", desk, "--approve")
    assert (done.returncode, done.stdout) == (0, "Told: 100 paid\n"), done.stderr
    again = cli("sessions", "rerun", "monday", "--swarm", desk)
    assert again.returncode == 3


def test_a_session_of_the_settings_is_resumed_with_a_swarm(cli: Cli, folder: Path) -> None:
    configure(folder, '[default.journals]\nkind = "sqlite"\npath = "desk.db"\n')
    desk = write_swarm(folder, 'SqliteJournalStore("desk.db")')
    assert cli("run", "Pay.", "--swarm", desk, "--session", "monday").returncode == 3
    write_swarm(folder)  # which keeps no sessions
    done = cli("sessions", "resume", "monday", "--swarm", desk, "--approve")
    assert "session" in done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            ("run", "Pay.", "--swarm", "desk.py:desk", "--model", "m", "--tools", "t.py"),
            "cannot be combined with --tools, --model",
        ),
        (("resume", "pay.db", "--swarm", "desk.py:desk", "--model", "m"), "cannot be combined with --model"),
        (("resume", "pay.db", "--swarm", "desk.py:desk", "-i", "x"), "cannot be combined with --instructions"),
        (("run", "Pay.", "--swarm", "desk.py:dsk"), "'desk'"),
        (("resume", "pay.db", "--swarm", "other.py:desk", "--approve"), "started with the agent 'front'"),
    ],
)
def test_what_does_not_go_with_a_swarm(cli: Cli, folder: Path, command: tuple[str, ...], says: str) -> None:
    cli("run", "Pay.", "--swarm", write_swarm(folder), "--journal", "pay.db")
    (folder / "other.py").write_text(SWARM.replace("STORE", "None").replace('name="front"', 'name="foyer"'))
    done = cli(*command)
    assert done.returncode == 2
    assert says in done.stderr


OFFLINE = """
from lightagent import LightAgent, LightFlow, LightSwarm

helper = LightAgent(name="helper", provider="offline")
swarm = LightSwarm()
swarm.register_agent(helper)
inner = LightFlow(name="inner").step("look", agent=helper)
flow = LightFlow(name="outer").step("think", agent=inner)
"""
SAYS = "The offline stand-in answers for helper, by fixed rules."


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("run", "Hello"), "No model is configured, so the offline stand-in answers"),
        (("chat",), "No model is configured, so the offline stand-in answers"),
        (("sessions", "rerun", "monday"), "No model is configured, so the offline stand-in answers"),
        (("sessions", "resume", "monday"), "No model is configured, so the offline stand-in answers"),
        (("runs", "resume", "r"), "No model is configured, so the offline stand-in answers"),
        (("resume", "runs.db"), "No model is configured, so the offline stand-in answers"),
        (("run", "Hello", "--swarm", "agents.py"), SAYS),
        (("chat", "--swarm", "agents.py"), SAYS),
        (("flow", "run", "agents.py:flow", "Hello"), SAYS),
        (("flow", "resume", "agents.py:flow", "r"), SAYS),
        (("worker", "agents.py:flow", "--once"), SAYS),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, tuple) else "",
)
def test_who_answers_is_said_and_strict_refuses_the_stand_in(
    cli: Cli, folder: Path, command: tuple[str, ...], says: str
) -> None:
    configure(folder, '[default.journals]\nkind = "sqlite"\npath = "runs.db"\n')
    (folder / "agents.py").write_text(OFFLINE)
    cli("run", "Hello", "--session", "monday")
    plain = cli(*command)
    assert says in plain.stderr
    assert says not in plain.stdout
    strict = cli(*command, "--strict")
    assert (strict.returncode, strict.stdout) == (2, "")
    assert "--strict refuses the offline stand-in" in strict.stderr
    if command[0] in ("run", "chat"):
        chosen = cli(*command[: 1 + (command[0] == "run")], "--strict", LIGHTAGENT__MODEL__KIND="offline")
        assert chosen.returncode == 0
        assert "stand-in answers" not in chosen.stderr
