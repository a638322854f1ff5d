"""Models that say what is withheld, or what is no answer at all: nothing of it gets on record."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lightagent import (
    ChatModel,
    ChatRequest,
    Delta,
    Journal,
    LightAgent,
    LightAgentError,
    ProviderError,
    ReplyEnd,
    RunResult,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.conversation.deltas import ModelReply, ReasoningDelta, RefusalDelta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.runs import retries


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_what_a_content_filter_withheld_is_nowhere(stream: bool) -> None:
    reply = ModelReply(
        AssistantMessage("the forbidden words", reasoning="forbidden thoughts"), ReplyEnd("content_filter")
    )
    agent = LightAgent(model=ScriptedModel([reply, reply]))
    result: RunResult[str]
    if stream:
        events = agent.astream("?", result_format="event")
        [done] = [event async for event in events if event.type == "done"]
        assert done.data["content"] == ""
        assert "forbidden" not in str(done.data)
        result = events.result
    else:
        result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "blocked"
    assert (result.content, result.reasoning_content) == ("", None)
    assert "forbidden" not in str(result.to_dict())
    with pytest.raises(LightAgentError) as caught:
        await agent.arun("?")
    assert "forbidden" not in str(caught.value) + str(getattr(caught.value, "__notes__", ""))


class Foreign(ChatModel):
    """Yields whatever it is given, and then the end of an answer."""

    name = "foreign"

    def __init__(self, delta: Delta) -> None:
        self._delta = delta

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        yield TextDelta("hello")
        yield self._delta
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


def odd(delta: Delta, **values: object) -> Delta:
    """A delta with fields of types that no checker lets pass."""
    for name, value in values.items():
        object.__setattr__(delta, name, value)
    return delta


def odd_usage(value: object) -> Usage:
    usage = Usage()
    object.__setattr__(usage, "input_tokens", value)
    return usage


ODD = {
    "text": odd(TextDelta(""), text=None),
    "bytes": odd(TextDelta(""), text=b"x"),
    "reasoning": odd(ReasoningDelta(""), text=5),
    "refusal": odd(RefusalDelta(""), text=["no"]),
    "arguments": odd(ToolCallDelta(0), arguments={"a": 1}),
    "index": odd(ToolCallDelta(0), index="0"),
    "call name": odd(ToolCallDelta(0), name=None),
    "usage": odd(ReplyEnd(), usage={"total_tokens": 3}),
    "usage of text": ReplyEnd(usage=odd_usage("3")),
    "usage of parts": ReplyEnd(usage=odd_usage(1.5)),
    "finish reason": odd(ReplyEnd(), finish_reason=7),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", ODD)
async def test_what_is_no_delta_fails_the_run_with_a_clear_error(name: str, stream: bool) -> None:
    delta = ODD[name]
    agent = LightAgent(model=Foreign(delta))
    if stream:
        events = agent.astream("?", result_format="event")
        async for _ in events:
            pass
        result = events.result
    else:
        result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "failed"
    assert result.error is not None
    assert result.error.code == "LA-500"
    assert type(delta).__name__ in result.error.message
    assert "which is not a delta" in result.error.message
    assert result.content == "hello"
    assert Journal.from_json(result.journal.to_json()) == result.journal


@pytest.mark.parametrize("pause", ["soon", float("nan"), float("inf"), -1.0, True, 10**400], ids=str)
async def test_a_pause_that_is_none_is_not_kept(pause: object) -> None:
    error = ProviderError("Busy.", code="LA-503", retryable=True)
    object.__setattr__(error, "retry_after", pause)
    asked: list[int] = []

    def reply(request: ChatRequest) -> str:
        asked.append(1)
        if len(asked) == 1:
            raise error
        return "done"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "FIRST_PAUSE", 0.0)
        patch.setattr(retries, "JITTER", 0.0)
        assert await LightAgent(model=ScriptedModel(reply)).arun("?") == "done"
    assert len(asked) == 2
