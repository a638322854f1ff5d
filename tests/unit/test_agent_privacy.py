"""What is private stays out of traces and logs unless it is asked for; logs are silent unless asked for."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from lightagent import (
    AgentOptions,
    ApprovalDecision,
    JsonObject,
    LightAgent,
    RunContext,
    tool,
)
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing import Reply, ScriptedModel, call_tool

QUERY, SYSTEM, EARLIER = "canary-query", "canary-system", "canary-earlier"
ARGUMENT, OUTPUT, NOTE = "canary-argument", "canary-output", "canary-note"
ANSWER, REASONING, REFUSAL = "canary-answer", "canary-reasoning", "canary-refusal"
RAISED, REASON, EDITED, REPLACED = "canary-raised", "canary-reason", "canary-edited", "canary-replaced"
METADATA = "canary-metadata"


@tool
def say(ctx: RunContext[None], word: str) -> str:
    """Says it."""
    ctx.report(NOTE)
    return OUTPUT


@tool
def fails(word: str) -> str:
    """Raises."""
    raise ValueError(RAISED)


@tool(requires_approval=True)
def pay(word: str) -> str:
    """Pays."""
    return OUTPUT


TURNS: list[Reply] = [
    AssistantMessage("canary-between", (call_tool("say", word=ARGUMENT), call_tool("fails", word=ARGUMENT)), REASONING),
    [call_tool("pay", word=ARGUMENT), call_tool("pay", word=ARGUMENT), call_tool("pay", word=ARGUMENT)],
    AssistantMessage(ANSWER, (), REASONING),
]


def traces(*, capture_content: bool = False) -> str:
    """The traces of runs with everything in them that may be private: decided, refused, of a wrong type, streamed."""
    given = AgentOptions(
        instructions=SYSTEM, tools=[say, fails, pay], metadata={"user": METADATA}, capture_content=capture_content
    )
    history: list[JsonObject] = [{"role": "user", "content": EARLIER}]
    agent = LightAgent(**(given | AgentOptions(model=ScriptedModel(TURNS))))
    first = agent.run(QUERY, history=history, result_format="object", trace=True)
    ids = [call.id for call in first.tool_calls if call.status == "waiting"]
    decided = [
        ApprovalDecision.reject(REASON),
        ApprovalDecision.edit({"word": EDITED}, REASON),
        ApprovalDecision.respond(REPLACED, REASON),
    ]
    second = agent.resume(first.journal, dict(zip(ids, decided, strict=True)), trace=True)
    assert second.content == ANSWER
    refusing = LightAgent(**(given | AgentOptions(model=ScriptedModel([AssistantMessage(None, (), None, REFUSAL)]))))
    third = refusing.run(QUERY, result_format="object", trace=True)
    typed = LightAgent(output_type=int, **(given | AgentOptions(model=ScriptedModel([ANSWER] * 9))))
    fourth = typed.run(QUERY, result_format="object", trace=True)
    assert (third.success, fourth.success) == (False, False)
    streamed = LightAgent(**(given | AgentOptions(model=ScriptedModel(TURNS[:2]))))
    events = list(streamed.run(QUERY, stream=True, result_format="event", trace=True))
    assert NOTE in str(events)
    return json.dumps([first.trace, second.trace, third.trace, fourth.trace, streamed.export_trace()])


def test_no_content_is_in_a_trace_unless_it_is_asked_for() -> None:
    text = traces()
    assert "approval_edit" in text
    assert "canary" not in text


def test_what_is_asked_for_is_in_the_trace() -> None:
    text = traces(capture_content=True)
    wanted = [QUERY, SYSTEM, EARLIER, ARGUMENT, OUTPUT, NOTE, ANSWER, RAISED, REASON, EDITED, REPLACED]
    assert [canary for canary in wanted if canary not in text] == []


@pytest.mark.parametrize("capture_content", [False, True])
def test_no_content_is_ever_logged(capture_content: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        traces(capture_content=capture_content)
    assert "run_end" in caplog.text
    assert "approval_edit" in caplog.text
    assert "canary" not in caplog.text


def test_a_log_file_gets_the_runs_of_its_level(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    agents = [LightAgent(model=ScriptedModel(["yes"]), name="Ada", log_level="INFO", log_file=str(file)) for _ in "12"]
    agents[0].run("?")  # the file was asked for twice, and is written once
    (line,) = file.read_text(encoding="utf-8").splitlines()
    assert " INFO lightagent Ada " in line
    assert '"success": true' in line
    LightAgent(model=ScriptedModel(["yes"]), debug=True, log_file=str(file)).run("?")
    assert "model_request" in file.read_text(encoding="utf-8")


def test_whatever_names_and_ids_are_a_log_file_takes_each_line_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.log"
    name, user = "Ada\n2026-01-01 INFO lightagent forged\u2028\ud800", "\u5fc3 u\ud800\x85\u202e"
    agent = LightAgent(model=ScriptedModel(["yes"]), name=name, log_level="DEBUG", log_file=str(file))
    agent.run("?", user_id=user)
    assert "Logging error" not in capsys.readouterr().err
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines
    assert all(" lightagent Ada\\n2026-01-01 INFO lightagent forged\\u2028\\ud800 " in line for line in lines)
    data = [json.loads(line[line.index("{") :]) for line in lines if " run_start " in line]
    assert [one["user_id"] for one in data] == [user]
    assert "\u5fc3" in file.read_text(encoding="utf-8")


def test_debug_shows_runs_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    LightAgent(model=ScriptedModel(["yes"]), debug=True).run("?")
    told = capsys.readouterr()
    assert told.out == ""
    assert "DEBUG lightagent" in told.err
    assert "run_start" in told.err


SILENT = """
from lightagent import LightAgent, ProviderError, tool
from lightagent.testing import ScriptedModel, call_tool

@tool
def fails() -> str:
    "Raises."
    raise ValueError("boom")

busy = ProviderError("busy", code="LA-429")
busy.retry_after = 0.0
agent = LightAgent(model=ScriptedModel([busy, busy, call_tool("fails"), RuntimeError("boom")]), tools=[fails])
try:
    agent.run("?", trace=True)
except Exception as error:
    assert error.code == "LA-UNKNOWN", error
"""


def test_by_default_nothing_is_printed_and_nothing_is_written(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SILENT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
