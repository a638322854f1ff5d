"""Models as tools of MCP: what they are called, and what they take."""

from __future__ import annotations

import pytest

from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.mcp_tools import (
    ToolAnswer,
    ToolInput,
    read_tool_arguments,
    takes,
    tool_answer,
    tool_names,
)
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.runs.events import RunFinished


def test_tools_are_called_as_their_models_as_far_as_names_of_tools_allow_it() -> None:
    models = ["helper", "Ann's helper", "Ann_s helper", "\N{PILE OF POO}", "x" * 200]
    assert [*tool_names(models)] == ["helper", "Ann_s_helper", "Ann_s_helper_2", "_", "x" * 120]
    assert [*tool_names(models).values()] == models


def test_what_a_call_asks_for() -> None:
    assert read_tool_arguments({"query": "hi"}) == ToolInput("hi")
    assert read_tool_arguments({"query": "\ud83d", "conversation": "c"}) == ToolInput("\N{REPLACEMENT CHARACTER}", "c")
    assert read_tool_arguments({"query": "hi", "conversation": None}) == ToolInput("hi")
    properties = takes()["properties"]
    assert isinstance(properties, dict)
    properties.clear()
    assert takes()["properties"] != {}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"query": ""},
        {"query": 5},
        {"query": "hi", "conversation": 5},
        {"query": "hi", "conversation": "x" * 201},
        {"query": "hi", "user": "ann"},
    ],
)
def test_other_arguments_are_refused(arguments: JsonObject) -> None:
    with pytest.raises(RequestRefused):
        read_tool_arguments(arguments)


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Completed("Done."), ToolAnswer("Done.")),
        (Cancelled("Enough."), ToolAnswer("It was cancelled.\n\nEnough.", failed=True)),
        (Cancelled(), ToolAnswer("It was cancelled.", failed=True)),
        (Failed(LightAgentErrorInfo("LA-BUDGET", "It was spent.", "Wait.")), ToolAnswer("It was spent. Wait.", True)),
        (Suspended(()), ToolAnswer("The task waits for the results of tools of the client.")),
    ],
)
def test_the_answer_tells_how_the_run_ended(outcome: Outcome, answer: ToolAnswer) -> None:
    task = A2aTask("run", "context")
    task.feed(RunFinished(outcome))
    assert tool_answer(task) == answer
