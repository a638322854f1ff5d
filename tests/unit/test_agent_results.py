"""What a run gives back, in each form; what is refused, and when; how failures look."""

from __future__ import annotations

import asyncio
import json

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    BudgetError,
    ChatCompletionChunk,
    ConfigurationError,
    LightAgent,
    LightAgentError,
    Limits,
    OutputError,
    PolicyError,
    ProviderError,
    RunSuspended,
    StreamEvent,
    tool,
)
from lightagent.domain.conversation.deltas import ModelReply, ReplyEnd
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing import Reply, ScriptedModel, call_tool


@tool
def double(n: int) -> int:
    """Twice n."""
    return 2 * n


@tool
def ask() -> str:
    """Never without a human."""
    raise ApprovalRequired("look first")


def agent(*replies: Reply, **limits: int) -> LightAgent[None, str]:
    return LightAgent(model=ScriptedModel(replies), tools=[double, ask], limits=Limits(**limits))


def both() -> tuple[Reply, ...]:
    return (call_tool("double", n=21), AssistantMessage("It is 42.", reasoning="easy"))


def test_run_gives_the_text() -> None:
    assert agent(*both()).run("?") == "It is 42."


def test_an_object_has_everything() -> None:
    result = agent(*both()).run("?", result_format="object", trace=True)
    assert (result.content, result.output, result.reasoning_content) == ("It is 42.", "It is 42.", "easy")
    assert result.success
    assert result.error is None
    assert result.outcome.kind == "completed"
    assert result.finish_reason == "stop"
    (call,) = result.tool_calls
    assert (call.name, call.arguments, call.output, call.status) == ("double", {"n": 21}, "42", "ok")
    assert result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens > 0
    assert result.trace[0]["trace_id"] == result.trace_id == result.journal.started.trace_id
    assert result.run_id == result.journal.started.run_id
    assert result.unwrap() == "It is 42."


def test_a_dict_is_the_object_as_plain_data() -> None:
    plain = agent(*both()).run("?", result_format="dict", trace=True, user_id="u")
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert set(plain) == {
        "content", "output", "outcome", "success", "error", "reasoning_content", "finish_reason", "tool_calls",
        "usage", "run_id", "trace_id", "trace",
    }  # fmt: skip
    assert (plain["content"], plain["success"], plain["error"]) == ("It is 42.", True, None)


def test_chunks_are_one_stream_over_all_turns() -> None:
    chunks = list(agent(*both()).run("?", stream=True))
    assert all(isinstance(chunk, ChatCompletionChunk) for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "It is 42."
    assert "".join(chunk.choices[0].delta.reasoning_content or "" for chunk in chunks) == "easy"
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None


def test_events_tell_everything_as_it_happens() -> None:
    stream = agent(*both()).run("?", stream=True, result_format="event")
    events = list(stream)
    assert all(isinstance(event, StreamEvent) for event in events)
    kinds = list(dict.fromkeys(event.type for event in events))
    assert kinds == ["tool_call", "tool_result", "reasoning", "content", "done"]
    assert events[0].data == {"id": "call_1_1", "name": "double", "arguments": {"n": 21}}
    assert events[1].data == {"id": "call_1_1", "name": "double", "output": "42", "status": "ok"}
    assert "".join(event.data["text"] for event in events if event.type == "content") == "It is 42."
    usage = stream.result.usage
    done = {"content": "It is 42.", "outcome": "completed", "finish_reason": "stop", "usage": usage.to_dict()}
    assert events[-1].data == done
    assert usage.total_tokens > 0
    assert len({event.trace_id for event in events}) == 1


async def test_the_async_methods_give_the_same() -> None:
    assert await agent(*both()).arun("?") == "It is 42."
    assert (await agent(*both()).arun("?", result_format="object")).content == "It is 42."
    assert (await agent(*both()).arun("?", result_format="dict"))["content"] == "It is 42."
    texts = [chunk.choices[0].delta.content async for chunk in agent(*both()).astream("?")]
    assert "".join(text or "" for text in texts) == "It is 42."
    kinds = [event.type async for event in agent(*both()).astream("?", result_format="event")]
    assert kinds[-1] == "done"


FAILURES: dict[str, tuple[Reply, type[LightAgentError], str]] = {
    "provider": (ProviderError("no such model", code="LA-404"), ProviderError, "LA-404"),
    "anything else": (RuntimeError("boom"), LightAgentError, "LA-UNKNOWN"),
    "connection": (ConnectionResetError("gone"), ProviderError, "LA-503"),
    "silence": (TimeoutError(), ProviderError, "LA-408"),
    "cut off": (ModelReply(AssistantMessage("half an ans"), ReplyEnd("length")), ProviderError, "LA-413"),
    "filtered": (ModelReply(AssistantMessage("half"), ReplyEnd("content_filter")), ProviderError, "LA-403"),
    "refusal": (AssistantMessage(None, refusal="I will not."), ProviderError, "LA-403"),
    "loop": (call_tool("double", n=1), BudgetError, "LA-BUDGET"),
    "waits": (call_tool("ask"), RunSuspended, "LA-POLICY"),
}


@pytest.mark.parametrize(("reply", "family", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failed_run_raises_or_tells_as_its_caller_asked(
    reply: Reply, family: type[LightAgentError], code: str
) -> None:
    rounds = 1 if code == "LA-POLICY" else 0
    with pytest.raises(LightAgentError) as caught:
        agent(reply, max_retry=1, max_tool_iterations=rounds).run("?")
    assert type(caught.value) is family
    assert caught.value.code == code
    assert str(caught.value).startswith(f"[{code}] ")
    with pytest.raises(family):
        list(agent(reply, max_retry=1, max_tool_iterations=rounds).run("?", stream=True))
    result = agent(reply, max_retry=1, max_tool_iterations=rounds).run("?", result_format="object")
    assert not result.success
    assert result.output is None
    with pytest.raises(family):
        result.unwrap()
    if family is not RunSuspended:
        assert result.error is not None
        assert result.error.code == code
        plain = agent(reply, max_retry=1, max_tool_iterations=rounds).run("?", result_format="dict")
        assert isinstance(plain["error"], dict)
        assert plain["error"]["code"] == code
        events = agent(reply, max_retry=1, max_tool_iterations=rounds).run("?", stream=True, result_format="event")
        assert [event.data["code"] for event in events if event.type == "error"] == [code]


@pytest.mark.parametrize("stream", [False, True])
def test_the_exception_behind_a_failure_is_chained(stream: bool) -> None:
    behind = RuntimeError("the wire broke")
    failing = agent(behind, max_retry=1)
    with pytest.raises(LightAgentError, match="RuntimeError: the wire broke") as caught:
        _ = list(failing.run("?", stream=True)) if stream else failing.run("?")
    assert caught.value.__cause__ is behind


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_notes_the_part_of_the_answer_that_came(stream: bool) -> None:
    cut = agent(ModelReply(AssistantMessage("half an ans"), ReplyEnd("length")))
    with pytest.raises(ProviderError) as caught:
        _ = list(cut.run("?", stream=True)) if stream else cut.run("?")
    assert caught.value.__notes__ == ["The model had said: half an ans"]
    assert "half an ans" not in str(caught.value)


def test_the_partial_answer_is_in_the_result() -> None:
    result = agent(ModelReply(AssistantMessage("half an ans"), ReplyEnd("length"))).run("?", result_format="object")
    assert (result.content, result.finish_reason, result.output) == ("half an ans", "length", None)


def test_a_refusal_is_told_to_programs() -> None:
    result = agent(AssistantMessage(None, refusal="I will not.")).run("?", result_format="object")
    assert result.outcome.kind == "blocked"
    assert result.error is not None
    assert result.error.details == {"refusal": "I will not."}


def test_a_waiting_run_says_how_to_go_on() -> None:
    with pytest.raises(RunSuspended, match="resume") as caught:
        agent(call_tool("ask")).run("?")
    assert isinstance(caught.value, PolicyError)
    assert "call_1_1" in caught.value.message


async def test_a_cancelled_run_is_on_record() -> None:
    begun = asyncio.Event()

    @tool
    async def slow() -> str:
        """Takes long."""
        begun.set()
        await asyncio.sleep(60)
        return ""

    waiting = LightAgent(model=ScriptedModel([call_tool("slow")]), tools=[slow])

    async def cancelled() -> str | None:
        try:
            await waiting.arun("?")
        except asyncio.CancelledError:
            journal = waiting.export_journal()
            assert journal is not None
            assert journal.run.outcome is not None
            return journal.run.outcome.kind
        return None

    task = asyncio.create_task(cancelled())
    await begun.wait()
    task.cancel()
    assert await task == "cancelled"


def test_errors_of_the_wrong_output_are_their_own_family() -> None:
    typed = LightAgent(model=ScriptedModel(["x", "y"]), output_type=int, limits=Limits(max_output_retries=1))
    with pytest.raises(OutputError, match="after 2 attempts") as caught:
        typed.run("?")
    assert caught.value.code == "LA-OUTPUT"
    assert caught.value.details == {"attempts": 2}


def test_a_decision_about_a_run_that_has_ended_is_refused() -> None:
    done = agent(*both()).run("?", result_format="object")
    with pytest.raises(ConfigurationError, match="has ended"):
        agent().resume(done.journal, ApprovalDecision.approve())
