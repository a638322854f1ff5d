"""``lightagent flow``: what it prints, how it ends, and what it says where something was typed wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.test_cli import MODULE, Cli, cli, environment, folder
from tests.servers.json_values import as_list, as_object, parse

__all__ = ["cli", "folder"]

FLOW = """
from lightagent import JsonLightFlowStore, LightFlow

def research(query: str) -> str:
    return f"facts about {query}"

def write(query: str) -> str:
    return f"report: {query}"

flow = (
    LightFlow(store=JsonLightFlowStore("runs"), name="report")
    .step("research", agent=research)
    .step("write", agent=write, depends_on=["research"], query=lambda context: context.outputs["research"])
)
"""
GATE = FLOW.replace("depends_on", "requires_approval=True, depends_on")
FAILING = FLOW.replace('return f"report: {query}"', 'raise ConnectionError("the site is down")')


def declare(folder: Path, source: str = FLOW) -> None:
    (folder / "report.py").write_text(source)


def test_a_run_prints_what_it_gives_and_each_step_as_it_goes_on(cli: Cli, folder: Path) -> None:
    declare(folder)
    done = cli("flow", "run", "report.py", "tea", "--run-id", "r")
    assert (done.returncode, done.stdout) == (0, "report: facts about tea\n")
    assert "✓ research · success" in done.stderr
    assert "✓ write · success" in done.stderr
    shown = cli("flow", "show", "report.py", "r")
    assert "r · success · 2 of 2 steps" in shown.stdout
    assert "    gave   facts about tea" in shown.stdout
    listed = cli("flow", "list", "report.py")
    assert listed.stdout.startswith("r · success · 2 of 2 steps · 20")
    again = cli("flow", "resume", "report.py", "r", "--json")
    assert as_object(parse(again.stdout))["content"] == "report: facts about tea"


def test_a_run_under_an_id_that_was_used_before_shows_nothing_of_the_former_one(cli: Cli, folder: Path) -> None:
    declare(folder, FAILING)
    assert "✗ write" in cli("flow", "run", "report.py", "tea", "--run-id", "r").stderr
    declare(folder)
    again = cli("flow", "run", "report.py", "tea", "--run-id", "r")
    assert "✗ write" not in again.stderr
    assert "✓ write · success" in again.stderr
    refused = cli("flow", "list", "report.py", "--status", "done")
    assert refused.returncode == 2
    assert "unknown status 'done'" in refused.stderr
    assert "waiting_approval, unreadable" in refused.stderr.replace("\n", " ")


def test_the_input_may_come_from_standard_input_and_is_not_empty(cli: Cli, folder: Path) -> None:
    declare(folder)
    assert cli("flow", "run", "report.py", "-", stdin="tea").stdout == "report: facts about tea\n"
    refused = cli("flow", "run", "report.py", "-", stdin=" ")
    assert refused.returncode == 2
    assert "INPUT must not be empty" in refused.stderr


def test_a_run_that_fails_says_why_and_is_gone_on_with(cli: Cli, folder: Path) -> None:
    declare(folder, FAILING)
    failed = cli("flow", "run", "report.py", "tea", "--run-id", "r")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "r · failed" in failed.stderr
    assert "the site is down" in failed.stderr
    assert "failed" in cli("flow", "list", "report.py", "--status", "failed").stdout
    declare(folder)
    mended = cli("flow", "resume", "report.py", "r")
    assert (mended.returncode, mended.stdout) == (0, "report: facts about tea\n")
    rerun = cli("flow", "rerun", "report.py", "r", "research")
    assert (rerun.returncode, rerun.stdout) == (0, "report: facts about tea\n")


def test_a_run_that_waits_shows_what_is_decided_about_and_who_asks(cli: Cli, folder: Path) -> None:
    declare(folder, GATE)
    waits = cli("flow", "run", "report.py", "tea", "--run-id", "r", "--user", "ann")
    assert waits.returncode == 3
    assert "query      facts about tea" in waits.stderr
    assert "lightagent flow approve report.py r write --user ann" in waits.stderr
    shown = cli("flow", "show", "report.py", "r", "--user", "ann")
    assert "waits for a person" in shown.stdout
    assert "flow report, user ann" in shown.stdout.replace("flow       ", "flow ")
    decided = cli("flow", "approve", "report.py", "r", "--user", "ann", "--edit", "fewer facts", "--as", "bob")
    assert decided.returncode == 0
    assert "asks       flow report, whether the step runs" in decided.stdout
    assert "query      facts about tea" in decided.stdout
    assert "decision   edit by bob." in decided.stdout
    assert "lightagent flow resume report.py r --user ann" in decided.stderr
    again = cli("flow", "approve", "report.py", "r", "--user", "ann")
    assert again.returncode == 2
    assert "waits for a person" in again.stderr
    assert "Show the run with: lightagent flow show report.py r --user ann" in again.stderr
    assert cli("flow", "resume", "report.py", "r", "--user", "ann").stdout == "report: fewer facts\n"


@pytest.mark.parametrize(
    ("options", "status", "content"),
    [((), 0, "report: facts about tea\n"), (("--reject", "no"), 1, ""), (("--respond", "mine"), 0, "mine\n")],
)
def test_what_a_person_decides(options: tuple[str, ...], status: int, content: str, cli: Cli, folder: Path) -> None:
    declare(folder, GATE)
    cli("flow", "run", "report.py", "tea", "--run-id", "r")
    told = as_object(parse(cli("flow", "approve", "report.py", "r", "write", *options, "--json").stdout))
    assert (told["step"], told["query"], told["asker"]) == ("write", "facts about tea", "flow report")
    done = cli("flow", "resume", "report.py", "r")
    assert (done.returncode, done.stdout) == (status, content)


AGENT = """
from lightagent import JsonLightFlowStore, LightAgent, LightFlow
from lightagent.testing import ScriptedModel, call_tool
from lightagent import tool

@tool(requires_approval=True)
def pay(amount: int) -> str:
    "Pay."
    return f"paid {amount}"

model = ScriptedModel([call_tool("pay", amount=5), "done"])
inner = LightFlow(name="inner").step("buy", agent=LightAgent(name="buyer", model=model, tools=[pay]))
flow = LightFlow(store=JsonLightFlowStore("runs")).step("shop", agent=inner)
"""


def test_a_call_of_an_agent_in_a_flow_that_is_a_step_is_shown_with_its_arguments(cli: Cli, folder: Path) -> None:
    declare(folder, AGENT)
    waits = cli("flow", "run", "report.py:flow", "tea", "--run-id", "r")
    assert waits.returncode == 3, waits.stderr
    assert "step       shop/buy" in waits.stderr
    assert "asks       agent buyer, whether it calls pay" in waits.stderr
    assert '"amount": 5' in waits.stderr
    decided = cli("flow", "approve", "report.py:flow", "r", "shop/buy", "--edit", '{"amount": 3}')
    assert decided.returncode == 0, decided.stderr
    refused = cli("flow", "approve", "report.py:flow", "r", "shop/buy")
    assert refused.returncode == 2


def test_runs_are_forked_from_events_and_compared(cli: Cli, folder: Path) -> None:
    declare(folder)
    cli("flow", "run", "report.py", "tea", "--run-id", "a")
    lines = cli("flow", "show", "report.py", "a", "--events").stdout.splitlines()
    assert lines[0].split()[0] == "1"
    assert lines[0].endswith("flow_started")
    (number,) = [line.split()[0] for line in lines if line.endswith("attempt_finished · research")]
    fork = cli("flow", "fork", "report.py", "a", "--from-event", number, "--input", "coffee", "--run-id", "b")
    assert (fork.returncode, fork.stdout) == (0, "report: facts about tea\n")
    fork = cli("flow", "fork", "report.py", "a", "--step", "research", "--input", "coffee", "--run-id", "c")
    assert (fork.returncode, fork.stdout) == (0, "report: facts about coffee\n")
    assert "c · success · 2 of 2 steps · forked from a" in cli("flow", "list", "report.py").stdout
    done = cli("flow", "compare", "report.py", "a", "c")
    compared = done.stdout
    assert done.returncode == 1  # as of diff(1): they differ
    assert compared.startswith("a · success  |  c · success\n≠ research · ")
    assert "    output   facts about tea  |  facts about coffee" in compared
    done = cli("flow", "compare", "report.py", "a", "b", "--json")
    assert done.returncode == 0
    told = as_object(parse(done.stdout))
    assert [as_object(one)["differs"] for one in as_list(told["steps"])] == [[], []]
    events = as_list(parse(cli("flow", "show", "report.py", "a", "--events", "--json").stdout))
    assert [as_object(one)["number"] for one in events] == [*range(1, len(events) + 1)]


def test_what_a_changed_flow_holds_back_is_listed_with_what_frees_it(cli: Cli, folder: Path) -> None:
    declare(folder, FAILING)
    cli("flow", "run", "report.py", "tea", "--run-id", "r")
    assert cli("flow", "list", "report.py", "--held").stdout == "No run is held back by a change of the flow.\n"
    declare(folder, FLOW.replace("facts about", "a word about"))
    refused = cli("flow", "resume", "report.py", "r")
    assert refused.returncode == 2
    assert "research (agent)" in refused.stderr
    held = cli("flow", "list", "report.py", "--held").stdout
    assert held.startswith("r · failed\n    research (agent): It is success, and does other work now.\n")
    for command in (
        "resume report.py r --accept research",
        "rerun report.py r research",
        "fork report.py r --step research",
    ):
        assert f"    → lightagent flow {command}\n" in held
    assert as_object(as_list(parse(cli("flow", "list", "report.py", "--held", "--json").stdout))[0])["run_id"] == "r"
    wrong = cli("flow", "resume", "report.py", "r", "--accept", "write!")
    assert wrong.returncode == 2
    assert "research, write" in wrong.stderr
    accepted = cli("flow", "resume", "report.py", "r", "--accept", "research")
    assert accepted.stdout == "report: facts about tea\n"


def test_the_graph_of_a_flow_and_of_a_run(cli: Cli, folder: Path) -> None:
    declare(folder)
    assert cli("flow", "graph", "report.py").stdout.startswith('flowchart TD\n    s0["research"]\n')
    cli("flow", "run", "report.py", "tea", "--run-id", "r")
    assert ":::success" in cli("flow", "graph", "report.py", "r").stdout


def test_a_flow_without_a_store_has_that_of_the_settings(cli: Cli, folder: Path) -> None:
    source = FLOW.replace('store=JsonLightFlowStore("runs"), ', "")
    declare(folder, source)
    alone = cli("flow", "run", "report.py", "tea")
    assert alone.stdout == "report: facts about tea\n"
    refused = cli("flow", "list", "report.py")
    assert refused.returncode == 2
    assert "JsonLightFlowStore" in refused.stderr
    (folder / "lightagent.toml").write_text('[default.journals]\nkind = "sqlite"\npath = "journals.db"\n')
    declare(folder, source.replace('raise ConnectionError("down")', ""))
    kept = cli("flow", "run", "report.py", "tea", "--run-id", "r", "--trust-config")
    assert kept.returncode == 0, kept.stderr
    assert cli("flow", "list", "report.py", "--trust-config").stdout.startswith("r · success")


WRONG = {
    "file does not exist": (("run", "wrong.py", "x"), "FLOW wrong.py: the file does not exist"),
    "no such name": (("run", "report.py:wrong", "x"), "'wrong' does not exist"),
    "no flow": (("run", "report.py:research", "x"), "FLOW report.py:research"),
    "no spec": (("list", "report"), "must be FILE.py:NAME or MODULE:NAME"),
    "no such run": (("show", "report.py", "wrong"), "No flow run 'wrong'"),
    "no such run to resume": (("resume", "report.py", "wrong"), "No flow run 'wrong'"),
    "no such run to fork": (("fork", "report.py", "wrong"), "No flow run 'wrong'"),
    "no such run to cancel": (("cancel", "report.py", "wrong"), "No flow run 'wrong'"),
    "no such run to compare": (("compare", "report.py", "r", "wrong"), "No flow run 'wrong'"),
    "a run of somebody else": (("show", "report.py", "r", "--user", "ann"), "No flow run 'r'"),
    "no such step": (("rerun", "report.py", "r", "wrong"), "no step 'wrong'"),
    "no such event": (("fork", "report.py", "r", "--from-event", "99"), "not 99"),
    "two points": (("fork", "report.py", "r", "--from-event", "1", "--step", "write"), "two points"),
    "nothing waits": (("approve", "report.py", "r"), "No step of the run 'r' waits"),
    "two decisions": (("approve", "report.py", "r", "--reject", "a", "--respond", "b"), "Several decisions"),
    "it is over": (("cancel", "report.py", "r"), "over"),
    "two listings": (("list", "report.py", "--held", "--stuck"), "--held cannot be combined"),
    "an empty input": (("run", "report.py", " "), "INPUT must not be empty"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_was_typed_wrong_is_named_and_helped_with(case: str, cli: Cli, folder: Path) -> None:
    declare(folder)
    cli("flow", "run", "report.py", "tea", "--run-id", "r")
    arguments, said = WRONG[case]
    done = cli("flow", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "→ " in done.stderr


COMMANDS = ("run", "resume", "rerun", "fork", "list", "show", "watch", "approve", "cancel", "graph", "compare")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_in_its_help(command: str, cli: Cli) -> None:
    done = cli("flow", command, "--help")
    assert done.returncode == 0
    assert "Examples" in done.stdout
    assert f"lightagent flow {command}" in done.stdout


def test_a_flow_that_cannot_be_declared_says_at_which_line_and_what_to_type(cli: Cli, folder: Path) -> None:
    declare(folder, FLOW.replace("agent=research", "agent=research, approval_handler=print"))
    refused = cli("flow", "run", "report.py", "tea")
    assert refused.returncode == 2
    text = " ".join(refused.stderr.split())
    assert "FLOW report.py:12: step 'research': approval_handler" in text
    assert text.endswith(".")
    assert "LA-CONFIG" in text
    assert "ConfigurationError" not in text


def test_a_run_of_another_flow_in_the_same_store_is_shown_as_such(cli: Cli, folder: Path) -> None:
    declare(folder)
    cli("flow", "run", "report.py", "tea", "--run-id", "r")
    assert cli("flow", "show", "report.py", "r").stderr == ""
    (folder / "other.py").write_text(FLOW.replace('name="report"', 'name="other"'))
    shown = cli("flow", "show", "other.py", "r")
    assert shown.stderr == "The run r belongs to the flow 'report', not to 'other'.\n"
    assert "r · success · 2 of 2 steps" in shown.stdout
    assert cli("flow", "watch", "other.py", "r").stderr == shown.stderr


def test_who_watches_a_run_that_has_not_started_reads_that_it_is_waited_for(cli: Cli, folder: Path) -> None:
    declare(folder)
    command = [*MODULE, "flow", "watch", "report.py", "nope"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stderr is not None
            assert watching.stderr.readline() == "The run 'nope' has not started yet; waiting for it.\n"
        finally:
            watching.kill()


SHORT_LEASE = """
from lightagent.application.journals import hold_lease
from lightagent.entrypoints.cli import main

hold_lease.SECONDS = 3.0
main()
"""
"""The command line, whose runs are given up sooner than in six seconds where their process was killed."""

SLOW = FLOW.replace('return f"report', 'import time; time.sleep(1.5); return f"report')


def test_a_run_is_watched_from_another_process_and_resumed_once_its_process_is_gone(cli: Cli, folder: Path) -> None:
    declare(folder, FLOW.replace('return f"report', 'import time; time.sleep(60); return f"report'))
    with subprocess.Popen(
        [sys.executable, "-c", SHORT_LEASE, "flow", "run", "report.py", "tea", "--run-id", "r"],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stderr is not None
            while "▸ write" not in (line := running.stderr.readline()) and line:
                pass
            assert cli("flow", "list", "report.py", "--stuck").stdout.startswith("No run is stuck. ")
        finally:
            running.kill()
    watched = cli("flow", "watch", "report.py", "r")  # Until the lease of the process that was killed has ended.
    assert watched.returncode == 1
    assert "✓ research" in watched.stdout
    assert watched.stdout.endswith("r · interrupted\n")
    assert "lightagent flow resume report.py r" in watched.stderr
    assert cli("flow", "list", "report.py", "--stuck").stdout.startswith("r · interrupted · 1 of 2 steps")
    declare(folder)
    refused = cli("flow", "resume", "report.py", "r")
    assert "write (agent)" in refused.stderr
    assert cli("flow", "rerun", "report.py", "r", "write").stdout == "report: facts about tea\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_the_graph_is_alive_on_a_terminal(folder: Path) -> None:
    declare(folder, SLOW)
    shown = on_terminal("flow", "run", "report.py", "tea", folder=folder)
    assert "report: facts about tea" in shown
    assert "\x1b[1A" in shown  # What was shown is shown anew in its place.
    assert "⠋" in shown or "⠙" in shown or "⠹" in shown
    assert "✓" in shown
    assert "← research" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_a_person_at_a_terminal_is_asked_before_anything_is_approved(cli: Cli, folder: Path) -> None:
    declare(folder, GATE)
    cli("flow", "run", "report.py", "tea", "--run-id", "r")
    shown = on_terminal("flow", "approve", "report.py", "r", folder=folder, typed="maybe\nn too long\n")
    assert shown.index("facts about tea") < shown.index("Run it?")
    assert "decision   reject" in shown
    assert "too long" in json.dumps(parse(cli("flow", "show", "report.py", "r", "--events", "--json").stdout))


_ON_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def on_terminal(*arguments: str, folder: Path, typed: str = "") -> str:
    """What a command shows on a terminal of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _ON_TERMINAL, *MODULE, *arguments],
        cwd=folder,
        env={**environment(), "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "30"},
        input=typed.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.stdout.decode(errors="replace").replace("\r\n", "\n")
