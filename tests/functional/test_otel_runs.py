"""Runs as OpenTelemetry spans: their ids, their parents, what is current where, and how they end."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry import context, propagate
from opentelemetry.trace import get_current_span

from lightagent import (
    ApprovalDecision,
    ChatModel,
    ChatRequest,
    Delta,
    LightAgent,
    LightSwarm,
    ProviderError,
    ReplyEnd,
    RunContext,
    Suspended,
    TextDelta,
    ToolAnswer,
    Usage,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.testing.system import SequentialIds
from tests.support.log_records import warnings_of
from tests.support.loop_clock import jumping
from tests.support.recorded_spans import RecordedSpans, attributes, events, parent_id, span_id, status, trace_id


def current() -> int:
    return get_current_span().get_span_context().span_id


def busy() -> ProviderError:
    error = ProviderError("busy", code="LA-503")
    error.retry_after = 0.0
    return error


@tool
async def work(ctx: RunContext[None]) -> str:
    """Works."""
    return "worked"


class Speaking(ChatModel):
    """Tells the input first and the output last, and says which span is current to it."""

    name = "speaking"

    def __init__(self) -> None:
        self.current: list[int] = []

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.current.append(current())
        yield ReplyEnd(usage=Usage(11))
        for word in ("one ", "two ", "three"):
            await asyncio.sleep(0)
            yield TextDelta(word)
        yield ReplyEnd("stop", Usage(11, 6))

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_a_run_with_a_tool_is_one_trace() -> None:
    spans = RecordedSpans(tags=("blue",))
    model = ScriptedModel([call_tool("work"), "done"])
    agent = LightAgent(name="clerk", model=model, tools=[work], telemetry=[spans.sink])
    result = await agent.arun("?", user_id="ann", result_format="object")
    assert sorted(spans.tree()) == [
        ("chat scripted", "invoke_agent clerk"),
        ("chat scripted", "invoke_agent clerk"),
        ("execute_tool work", "invoke_agent clerk"),
        ("invoke_agent clerk", ""),
    ]
    assert {trace_id(span) for span in spans.all} == {result.trace_id}
    assert spans.open == 0
    for span in spans.all:
        assert attributes(span)["user.id"] == "ann"
        assert attributes(span)["lightagent.tags"] == ("blue",)
        assert status(span) == ("UNSET", "")
    agent_span, call = spans.one("invoke_agent"), spans.one("execute_tool")
    assert attributes(agent_span)["lightagent.outcome"] == "completed"
    assert attributes(agent_span)["lightagent.run.id"] == result.run_id
    assert "gen_ai.usage.input_tokens" not in attributes(agent_span)
    assert attributes(call)["gen_ai.tool.description"] == "Works."


async def test_under_an_active_span_the_run_joins_its_trace() -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="clerk", model=ScriptedModel(["done"]), telemetry=[spans.sink])
    with spans.app.start_as_current_span("request") as outer:
        result = await agent.arun("?", result_format="object")
        assert get_current_span() is outer
    assert ("invoke_agent clerk", "request") in spans.tree()
    assert {trace_id(span) for span in spans.all} == {result.trace_id}


@pytest.mark.parametrize("sampled", ["01", "00"])
async def test_headers_of_a_request_that_are_read_are_the_parent(sampled: str) -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="clerk", model=ScriptedModel(["done"]), telemetry=[spans.sink])
    told, above = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    token = context.attach(propagate.extract({"traceparent": f"00-{told}-{above}-{sampled}"}))
    try:
        result = await agent.arun("?", result_format="object")
    finally:
        context.detach(token)
    assert result.trace_id == told
    if sampled == "01":
        assert f"{parent_id(spans.one('invoke_agent')):016x}" == above
    else:
        assert spans.all == []


async def test_a_stream_belongs_where_it_was_asked_for() -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="clerk", model=Speaking(), telemetry=[spans.sink])
    with spans.app.start_as_current_span("request"):
        stream = agent.astream("?", result_format="event")
    with spans.app.start_as_current_span("elsewhere") as reader:
        async for _ in stream:
            assert get_current_span() is reader
    assert ("invoke_agent clerk", "request") in spans.tree()
    assert spans.open == 0


async def test_a_stream_that_nobody_reads_has_no_span() -> None:
    spans = RecordedSpans()
    agent = LightAgent(model=Speaking(), telemetry=[spans.sink])
    stream = agent.astream("?", result_format="event")
    del stream
    await agent.aevents("?").aclose()
    gc.collect()
    assert (spans.all, spans.open) == ([], 0)


async def test_the_trace_id_of_the_application_is_told_where_it_is_none() -> None:
    spans = RecordedSpans()
    agent = LightAgent(model=ScriptedModel(["a", "b", "c", "d"]), telemetry=[spans.sink])
    await agent.arun("?", trace_id="order-7")
    assert attributes(spans.one("invoke_agent"))["lightagent.trace_id"] == "order-7"
    spans.clear()
    chosen = "0af7651916cd43dd8448eb211c80319c"
    await agent.arun("?", trace_id=chosen)
    assert trace_id(spans.one("invoke_agent")) == chosen
    assert "lightagent.trace_id" not in attributes(spans.one("invoke_agent"))
    spans.clear()
    await agent.arun("?", trace_id=chosen.upper())
    assert trace_id(spans.one("invoke_agent")) == chosen
    assert attributes(spans.one("invoke_agent"))["lightagent.trace_id"] == chosen.upper()
    spans.clear()
    with spans.app.start_as_current_span("request"):
        await agent.arun("?", trace_id=chosen)
    assert attributes(spans.one("invoke_agent"))["lightagent.trace_id"] == chosen


@pytest.mark.parametrize("chosen", ["0af7651916cd43dd8448eb211c80319c", "order-7"])
async def test_a_resumed_run_links_to_the_trace_that_the_backend_has(chosen: str) -> None:
    @tool(requires_approval=True)
    async def careful() -> str:
        """Works."""
        return "worked"

    spans = RecordedSpans()
    model = ScriptedModel([call_tool("careful"), "done"])
    agent = LightAgent(name="clerk", model=model, tools=[careful], telemetry=[spans.sink])
    with spans.app.start_as_current_span("request"):
        waits = await agent.arun("?", trace_id=chosen, result_format="object")
    first = spans.one("invoke_agent")
    (name,) = waits.outcome.call_ids if isinstance(waits.outcome, Suspended) else ("",)
    result = await agent.aresume(waits.journal.to_json(), {name: ApprovalDecision.approve()})
    resumed = spans.named("invoke_agent")[1]
    (link,) = resumed.links
    assert (f"{link.context.trace_id:032x}", link.context.span_id) == (trace_id(first), span_id(first))
    assert trace_id(resumed) == trace_id(first)
    assert result.trace_id == attributes(resumed)["lightagent.trace_id"] == chosen


async def test_each_attempt_is_one_chat_span() -> None:
    spans = RecordedSpans()
    model = ScriptedModel([busy(), busy(), "done"])
    await LightAgent(name="clerk", model=model, telemetry=[spans.sink]).arun("?")
    chats = spans.named("chat")
    assert [status(span) for span in chats] == [("ERROR", "LA-503"), ("ERROR", "LA-503"), ("UNSET", "")]
    assert [attributes(span).get("lightagent.attempt") for span in chats] == [None, 2, 3]
    assert status(spans.one("invoke_agent")) == ("UNSET", "")
    durations = spans.points("gen_ai.client.operation.duration")
    assert sum(point.count for point in durations) == 3


async def test_headers_of_requests_and_calls_name_their_own_spans() -> None:
    spans = RecordedSpans()
    seen: dict[str, str] = {}

    @tool
    async def sends(ctx: RunContext[None]) -> str:
        """Sends."""
        seen.update(ctx.origin.trace_headers)
        return "sent"

    model = ScriptedModel([call_tool("sends"), "done"])
    result = await LightAgent(model=model, tools=[sends], telemetry=[spans.sink]).arun("?", result_format="object")
    chat = spans.named("chat")[0]
    (request, _) = model.requests
    assert dict(request.origin.trace_headers)["traceparent"] == f"00-{result.trace_id}-{span_id(chat):016x}-01"
    assert seen["traceparent"] == f"00-{result.trace_id}-{span_id(spans.one('execute_tool')):016x}-01"


async def test_the_chat_span_is_current_to_the_model_and_nothing_to_the_consumer() -> None:
    spans, model = RecordedSpans(), Speaking()
    agent = LightAgent(name="clerk", model=model, telemetry=[spans.sink])
    async for _ in agent.astream("?", result_format="event"):
        assert current() == 0
    assert model.current == [span_id(spans.one("chat"))]


@tool
def sync_inner(ctx: RunContext[None]) -> int:
    """Tells the current span, from a thread."""
    return current()


@tool
async def async_inner(ctx: RunContext[None]) -> int:
    """Tells the current span."""
    await asyncio.sleep(0)
    return current()


@tool
async def parts_inner(ctx: RunContext[None]) -> AsyncIterator[str]:
    """Tells the current span in parts."""
    yield ""
    yield str(current())


async def test_in_calls_that_run_at_once_each_has_its_own_span_current() -> None:
    spans = RecordedSpans()
    grandchild = LightAgent(name="grandchild", model=ScriptedModel(["a", "b", "c"]), telemetry=[spans.sink])

    @tool
    async def by_arun(ctx: RunContext[None]) -> str:
        """Asks an agent."""
        return str(await grandchild.arun("?"))

    @tool
    def by_run(ctx: RunContext[None]) -> str:
        """Asks an agent from a thread."""
        return str(grandchild.run("?"))

    @tool
    async def by_stream(ctx: RunContext[None]) -> str:
        """Asks an agent, and reads its stream."""
        return "".join([str(event.type) async for event in grandchild.astream("?", result_format="event")])

    child = LightAgent(name="child", model=ScriptedModel([[call_tool("async_inner")], "done"]), tools=[async_inner])
    tools = [sync_inner, async_inner, parts_inner, by_arun, by_run, by_stream, child.as_tool("child", "A child.")]
    names = ["sync_inner", "async_inner", "parts_inner", "by_arun", "by_run", "by_stream"]
    calls = [*(call_tool(name) for name in names), call_tool("child", query="?")]
    agent = LightAgent(name="clerk", model=ScriptedModel([calls, "done"]), tools=tools, telemetry=[spans.sink])
    with spans.app.start_as_current_span("request"):
        result = await agent.arun("?", result_format="object")
    told = {call.name: call.output for call in result.tool_calls}
    outer = {
        span.name: span_id(span) for span in spans.named("execute_tool") if span.name != "execute_tool async_inner"
    }
    for name in ("sync_inner", "parts_inner"):
        assert told[name] == str(outer[f"execute_tool {name}"])
    tree = spans.tree()
    for name in ("by_arun", "by_run", "by_stream"):
        assert ("invoke_agent grandchild", f"execute_tool {name}") in tree
    assert ("invoke_agent child", "execute_tool child") in tree
    assert ("execute_tool async_inner", "invoke_agent child") in tree
    assert ("execute_tool async_inner", "invoke_agent clerk") in tree
    assert {trace_id(span) for span in spans.all} == {result.trace_id}
    assert spans.open == 0


async def test_a_run_that_was_suspended_is_linked_to_where_it_goes_on() -> None:
    @tool(requires_approval=True)
    async def careful() -> str:
        """Works."""
        return "worked"

    spans = RecordedSpans()
    model = ScriptedModel([[call_tool("careful")], "done", "done"])
    agent = LightAgent(name="clerk", model=model, tools=[careful], telemetry=[spans.sink])
    with spans.app.start_as_current_span("request"):
        waits = await agent.arun("?", result_format="object")
    first = spans.one("invoke_agent")
    assert attributes(first)["lightagent.outcome"] == "suspended"
    assert status(first) == ("UNSET", "")
    assert events(first) == ["lightagent.approval.requested", "lightagent.run.suspended"]
    spans.clear()
    journal = waits.journal.to_json()
    for _ in range(2):  # The same journal twice: what it repeats must not have the same id.
        await agent.aresume(journal, ApprovalDecision.approve())
    second, third = spans.named("invoke_agent")
    for span in (second, third):
        (link,) = span.links
        assert link.context.span_id == span_id(first)
        assert f"{link.context.trace_id:032x}" == trace_id(first) == trace_id(span) == waits.trace_id
        assert events(span)[0] == "lightagent.approval.decided"
    assert len({span_id(span) for span in spans.all}) == len(spans.all)
    assert sorted(name for name, _ in spans.tree()) == sorted(
        ["invoke_agent clerk", "execute_tool careful", "chat scripted"] * 2
    )


async def test_other_tracers_than_those_of_agents_keep_their_ids_to_chance() -> None:
    spans, other = RecordedSpans(), RecordedSpans()
    agent = LightAgent(model=ScriptedModel(["a", "b"]), telemetry=[spans.sink, other.sink], ids=SequentialIds())
    await agent.arun("?")
    assert span_id(spans.one("invoke_agent")) == span_id(other.one("invoke_agent"))
    assert len({span_id(span) for span in (*spans.all, *other.all)}) == 3
    assert current() == 0
    with spans.app.start_as_current_span("own"):
        pass
    assert trace_id(spans.one("own")) not in {trace_id(span) for span in spans.named("invoke_agent")}


@pytest.mark.parametrize("how", ["break", "task", "dropped"])
async def test_a_stream_that_is_left_is_no_error(how: str, caplog: pytest.LogCaptureFixture) -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="clerk", model=Speaking(), telemetry=[spans.sink])
    stream = agent.astream("?", result_format="event")
    with caplog.at_level(logging.WARNING):
        await anext(stream)
        await anext(stream)
        if how == "task":
            await asyncio.create_task(stream.aclose())
        elif how == "break":
            await stream.aclose()
        del stream
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)
    chat, agent_span = spans.one("chat"), spans.one("invoke_agent")
    assert status(chat) == status(agent_span) == ("UNSET", "")
    assert attributes(agent_span)["lightagent.outcome"] == "cancelled"
    assert attributes(chat)["gen_ai.usage.input_tokens"] == 11
    assert "gen_ai.usage.output_tokens" not in attributes(chat)
    assert spans.open == 0
    assert [one for one in caplog.records if one.name != "asyncio" and one.levelno >= logging.WARNING] == []


def test_a_stream_whose_loop_is_gone_ends_with_the_next_run(caplog: pytest.LogCaptureFixture) -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="clerk", model=Speaking(), telemetry=[spans.sink])

    kept = [agent.astream("?", result_format="event")]

    async def begin() -> None:
        await anext(kept[0])
        await anext(kept[0])

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    kept.clear()
    gc.collect()
    assert spans.open == 2
    agent.run("?")
    assert spans.open == 0
    assert [attributes(span)["lightagent.outcome"] for span in spans.named("invoke_agent")] == [
        "cancelled",
        "completed",
    ]
    assert warnings_of(caplog) == []


async def test_a_tool_that_is_left_is_no_error() -> None:
    spans, begun = RecordedSpans(), asyncio.Event()

    @tool
    async def waits() -> str:
        """Waits."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    model = ScriptedModel([[call_tool("waits")], "done"])
    task = asyncio.create_task(LightAgent(model=model, tools=[waits], telemetry=[spans.sink]).arun("?"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [status(span) for span in spans.all] == [("UNSET", "")] * 3
    assert spans.open == 0


async def test_what_fails_is_an_error_with_a_code_and_without_content() -> None:
    spans = RecordedSpans()

    @tool
    async def fails() -> str:
        """Fails."""
        raise ValueError("the secret word")

    model = ScriptedModel([[call_tool("fails"), call_tool("made_up")], ProviderError("secret", code="LA-400")])
    result = await LightAgent(name="clerk", model=model, tools=[fails], telemetry=[spans.sink]).arun(
        "?", result_format="object"
    )
    assert result.error is not None
    assert status(spans.one("execute_tool")) == ("ERROR", "LA-TOOL")
    assert status(spans.named("chat")[1]) == ("ERROR", "LA-400")
    assert status(spans.one("invoke_agent")) == ("ERROR", "LA-400")
    assert "lightagent.call.ended" in events(spans.one("invoke_agent"))
    assert "secret" not in "".join(span.to_json() for span in spans.all)
    assert "made_up" not in "".join(span.to_json() for span in spans.all)


@jumping
async def test_a_failed_call_of_a_run_out_of_time() -> None:
    spans = RecordedSpans()

    @tool
    async def waits() -> str:
        """Waits."""
        await asyncio.Event().wait()
        return ""

    model = ScriptedModel([[call_tool("waits")], "done"])
    agent = LightAgent(model=model, tools=[waits], telemetry=[spans.sink])
    await agent.arun("?", timeout=0.05, result_format="object")
    assert status(spans.one("invoke_agent")) == ("ERROR", "LA-BUDGET")
    assert events(spans.one("invoke_agent")) == ["lightagent.budget.exhausted"]
    assert spans.open == 0


async def test_the_sum_of_usage_is_on_the_agent_only_where_it_is_asked_for() -> None:
    spans = RecordedSpans(sum_usage=True)
    agent = LightAgent(model=ScriptedModel([call_tool("work"), "done"]), tools=[work], telemetry=[spans.sink])
    result = await agent.arun("?", result_format="object")
    found = attributes(spans.one("invoke_agent"))
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (
        result.usage.input_tokens,
        result.usage.output_tokens,
    )


async def test_measurements_have_the_recommended_bounds() -> None:
    spans = RecordedSpans()
    agent = LightAgent(model=Speaking(), telemetry=[spans.sink])
    async for _ in agent.astream("?", result_format="event"):
        pass
    tokens = {
        str((point.attributes or {})["gen_ai.token.type"]): point for point in spans.points("gen_ai.client.token.usage")
    }
    assert {kind: point.sum for kind, point in tokens.items()} == {"input": 11, "output": 6}
    assert tokens["input"].explicit_bounds[:3] == (1, 4, 16)
    (first,) = spans.points("gen_ai.client.operation.time_to_first_chunk")
    assert first.count == 1
    assert "gen_ai.response.time_to_first_chunk" in attributes(spans.one("chat"))


@tool
async def transfer(ctx: RunContext[None]) -> ToolAnswer:
    """Hands over."""
    return ToolAnswer("handed over", hand_over="travel")


async def test_a_handoff_is_told_and_the_agent_that_acts_is_named() -> None:
    spans = RecordedSpans()
    travel = LightAgent(name="travel", model=ScriptedModel(["booked"]))
    front = LightAgent(
        name="front",
        model=ScriptedModel([call_tool("transfer")]),
        tools=[transfer],
        handoffs=[travel],
        telemetry=[spans.sink],
    )
    await front.arun("?")
    assert [attributes(span)["lightagent.agent.name"] for span in spans.named("chat")] == ["front", "travel"]
    assert events(spans.one("invoke_agent front")) == ["lightagent.handoff"]


async def test_a_call_of_a_resumed_run_tells_what_its_tool_declares() -> None:
    @tool(requires_approval=True)
    async def careful() -> str:
        """Works."""
        return "worked"

    spans = RecordedSpans()
    model = ScriptedModel([call_tool("careful"), "done"])
    agent = LightAgent(name="clerk", model=model, tools=[careful], telemetry=[spans.sink])
    waits = await agent.arun("?", result_format="object")
    (name,) = waits.outcome.call_ids if isinstance(waits.outcome, Suspended) else ("",)
    await agent.aresume(waits.journal.to_json(), {name: ApprovalDecision.approve()})
    assert attributes(spans.one("execute_tool careful"))["gen_ai.tool.description"] == "Works."


async def test_who_is_asked_is_a_child_span_and_messages_are_span_events() -> None:
    spans = RecordedSpans()
    send = call_tool("send_message", to="desk", message="A secret.")
    finance = LightAgent(name="finance", model=ScriptedModel([send, "Yes."]), telemetry=[spans.sink])
    model = ScriptedModel([call_tool("consult_finance", query="?"), "Done."])
    desk = LightAgent(name="desk", model=model, telemetry=[spans.sink])
    swarm = LightSwarm(consult=True, mail=True)
    swarm.register_agent(desk, finance)
    await swarm.arun(desk, "?")
    assert sorted(spans.tree()) == [
        ("chat scripted", "invoke_agent desk"),
        ("chat scripted", "invoke_agent desk"),
        ("chat scripted", "invoke_agent finance"),
        ("chat scripted", "invoke_agent finance"),
        ("execute_tool consult_finance", "invoke_agent desk"),
        ("execute_tool send_message", "invoke_agent finance"),
        ("invoke_agent desk", ""),
        ("invoke_agent finance", "execute_tool consult_finance"),
    ]
    assert events(spans.one("invoke_agent finance")) == ["lightagent.message.sent"]
    assert events(spans.one("invoke_agent desk")) == ["lightagent.messages.delivered"]
    told = spans.one("invoke_agent finance").events[0].attributes or {}
    assert told["lightagent.agent"] == "desk"


async def test_a_nested_run_that_waits_goes_on_below_its_call() -> None:
    @tool(requires_approval=True)
    async def careful() -> str:
        """Works."""
        return "worked"

    spans = RecordedSpans()
    child = LightAgent(name="child", model=ScriptedModel([[call_tool("careful")], "child done"]), tools=[careful])
    model = ScriptedModel([[call_tool("child", query="?")], "done"])
    tools = [child.as_tool("child", "A child.")]
    agent = LightAgent(name="clerk", model=model, tools=tools, telemetry=[spans.sink])
    waits = await agent.arun("?", result_format="object")
    assert [attributes(span)["lightagent.outcome"] for span in spans.named("invoke_agent")] == ["suspended"] * 2
    assert spans.open == 0
    spans.clear()
    (name,) = waits.outcome.call_ids if isinstance(waits.outcome, Suspended) else ("",)
    result = await agent.aresume(waits.journal.to_json(), {name: ApprovalDecision.approve()})
    assert result.content == "done"
    assert sorted(spans.tree()) == [
        ("chat scripted", "invoke_agent child"),
        ("chat scripted", "invoke_agent clerk"),
        ("execute_tool careful", "invoke_agent child"),
        ("execute_tool child", "invoke_agent clerk"),
        ("invoke_agent child", "execute_tool child"),
        ("invoke_agent clerk", ""),
    ]
    assert (spans.open, {status(span) for span in spans.all}) == (0, {("UNSET", "")})
