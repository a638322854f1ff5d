"""An agent's run as a Temporal workflow: the loop is unchanged, its model and its tools are activities.

A module of its own, since Temporal imports a workflow's module once more, in a sandbox; so is lightagent itself.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow

from lightagent import (
    ChatRequest,
    Delta,
    JsonObject,
    LightAgent,
    Limits,
    ProviderError,
    ReplyEnd,
    RunContext,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolSpec,
    Usage,
)
from lightagent.domain.conversation.messages import AssistantMessage, ToolMessage
from lightagent.domain.error_codes import known_code
from lightagent.ports.models import ChatModel
from lightagent.ports.system import Clock, IdSource

TIMEOUT = timedelta(seconds=20)


@dataclass
class Asked:
    """A request as it travels to the activity."""

    turn: int
    attempt: int
    results: list[str]


@dataclass
class Answered:
    """An answer of the model: an error's code, calls of `double`, or a text."""

    error: str = ""
    calls: list[int] | None = None
    text: str = ""


@activity.defn
async def ask_model(asked: Asked) -> Answered:
    """Fails once, then has two numbers doubled at once, then quotes the results."""
    if asked.turn == 1 and asked.attempt == 1:
        return Answered(error="LA-429")
    if asked.turn == 1:
        return Answered(calls=[20, 22])
    return Answered(text=" ".join(asked.results))


@activity.defn
async def double(number: int) -> int:
    """The effect of the tool."""
    return 2 * number


class ActivityModel(ChatModel):
    """A model whose requests are activities."""

    @property
    def name(self) -> str:
        return "activity"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The answer of the activity; a failure that passes is left to the loop to repeat."""
        turn = 1 + sum(isinstance(message, AssistantMessage) for message in request.messages)
        results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
        asked = Asked(turn, request.origin.attempt, results)
        answer = await workflow.execute_activity(ask_model, asked, start_to_close_timeout=TIMEOUT)
        if answer.error:
            raise ProviderError("The provider limits the rate of requests.", code=known_code(answer.error))
        for index, number in enumerate(answer.calls or []):
            yield ToolCallDelta(index, f"call_{index}", "double", json.dumps({"number": number}))
        if answer.text:
            yield TextDelta(answer.text)
        yield ReplyEnd("tool_calls" if answer.calls else "stop", Usage(1, 1, 2))

    async def aclose(self) -> None:
        """Nothing is open."""


class ActivityTool(Tool[object]):
    """A tool whose calls are activities."""

    spec = ToolSpec(
        "double",
        "Twice a number.",
        {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    )

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """What came from the activity of the model is right."""
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        """Carried out by a worker, wherever it is."""
        number = arguments["number"]
        assert isinstance(number, int)
        return await workflow.execute_activity(double, number, start_to_close_timeout=TIMEOUT)


class WorkflowClock(Clock):
    """Time as the workflow has it, which a replay repeats."""

    def now(self) -> float:
        return workflow.now().timestamp()

    def monotonic(self) -> float:
        return workflow.time()


class WorkflowIds(IdSource):
    """Identities from the workflow's own chance, which a replay repeats."""

    def new(self) -> str:
        return workflow.uuid4().hex


@workflow.defn
class AgentWorkflow:
    """One run of one agent."""

    @workflow.run
    async def run(self, question: str) -> list[str]:
        """The answer, the run's id, and the kinds of its events."""
        agent = LightAgent(
            name="clerk",
            model=ActivityModel(),
            tools=[ActivityTool()],
            limits=Limits(timeout=600),
            clock=WorkflowClock(),
            ids=WorkflowIds(),
        )
        result = await agent.arun(question, result_format="object")
        return [result.content, result.run_id, *(event.type for event in result.journal.events)]
