"""Which span is current where: to models and hooks the run's own, to the caller nothing that the run left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.trace import Tracer, get_current_span

from lightagent import (
    ApprovalDecision,
    ChatModel,
    ChatRequest,
    ContextBudget,
    Delta,
    HookContext,
    JsonObject,
    LightAgent,
    ReplyEnd,
    TextDelta,
    Usage,
    tool,
)
from lightagent.ports.system import Clock
from lightagent.testing import ScriptedModel, call_tool
from tests.support.planners import LOOK, Planner, proposals, result_of
from tests.support.recorded_spans import RecordedSpans, attributes, span_id


def current() -> int:
    number: int = get_current_span().get_span_context().span_id
    return number


class Traced(ChatModel):
    """Has a span of its own current while it answers, as models with instrumentation in a generator do."""

    name = "traced"

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        with self._tracer.start_as_current_span("own"):
            for word in ("one ", "two ", "three"):
                await asyncio.sleep(0)
                yield TextDelta(word)
            yield ReplyEnd("stop", Usage(1, 1, 2))

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("below", [False, True])
async def test_a_model_that_keeps_its_span_current_leaves_nothing_to_the_caller(*, below: bool) -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="clerk", model=Traced(spans.app), telemetry=[spans.sink])

    async def use(around: int) -> None:
        await agent.arun("?")
        assert current() == around
        async for _ in agent.astream("?"):
            assert current() == around
        assert current() == around
        async with aclosing(agent.astream("?")) as stream:
            await anext(stream)
            assert current() == around
        assert current() == around

    if below:
        with spans.app.start_as_current_span("request"):
            await use(current())
    else:
        await use(0)
    tree = spans.tree()
    assert tree.count(("invoke_agent clerk", "request" if below else "")) == 3
    assert tree.count(("own", "chat traced")) == 3
    assert spans.open == 0


async def test_hooks_have_the_span_of_the_run_current_whatever_the_model_did() -> None:
    spans = RecordedSpans()
    seen: dict[str, int] = {}

    def look(context: HookContext) -> None:
        seen[context.phase] = current()

    await LightAgent(name="clerk", model=Traced(spans.app), hooks=[look], telemetry=[spans.sink]).arun("?")
    assert set(seen.values()) == {span_id(spans.one("invoke_agent"))}
    assert {"before_model_request", "after_model_response", "after_run"} <= set(seen)


async def test_a_request_beside_the_conversation_takes_the_headers_of_its_own_span_and_counts() -> None:
    spans = RecordedSpans()
    headers: list[str] = []

    def answer(request: ChatRequest) -> str:
        headers.append(dict(request.origin.trace_headers)["traceparent"])
        return "In short"

    history: list[JsonObject] = []
    for number in range(40):
        history += [
            {"role": "user", "content": f"Question {number} " + "word " * 30},
            {"role": "assistant", "content": f"Answer {number} " + "word " * 30},
        ]
    summing = spans.another(sum_usage=True)
    agent = LightAgent(
        model=ScriptedModel(answer), context_budget=ContextBudget(1500, "summarize"), telemetry=[summing]
    )
    result = await agent.arun("?", history=history, result_format="object")
    chats = [f"00-{result.trace_id}-{span_id(span):016x}-01" for span in spans.named("chat")]
    assert len(chats) == 2
    assert headers == chats
    names = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
    told = tuple(attributes(spans.one("invoke_agent"))[name] for name in names)
    assert told == (result.usage.input_tokens, result.usage.output_tokens)


def test_requests_for_plans_take_the_headers_of_their_own_spans_and_count() -> None:
    spans, planner = RecordedSpans(sum_usage=True), Planner(propose=[proposals(LOOK)])
    result = result_of(planner, telemetry=[spans.sink])
    chats = [f"00-{result.trace_id}-{span_id(span):016x}-01" for span in spans.named("chat")]
    headers = [dict(request.origin.trace_headers)["traceparent"] for _, request in planner.requests]
    assert len(headers) > 2
    assert headers == chats
    assert attributes(spans.one("invoke_agent"))["gen_ai.usage.input_tokens"] == result.usage.input_tokens
    assert {parent for name, parent in spans.tree() if name.startswith("chat")} == {spans.one("invoke_agent").name}


class Backwards(Clock):
    """A wall clock that is set back all the time."""

    def __init__(self) -> None:
        self._now = 1_700_000_000.0

    def now(self) -> float:
        self._now -= 1.0
        return self._now

    def monotonic(self) -> float:
        return 0.0


@tool
async def work() -> str:
    """Works."""
    return "worked"


@tool(requires_approval=True)
async def careful() -> str:
    """Works."""
    return "worked"


async def test_no_span_ends_before_it_began_though_the_clock_is_set_back() -> None:
    spans = RecordedSpans()
    model = ScriptedModel([[call_tool("work"), call_tool("careful")], "done"])
    agent = LightAgent(model=model, tools=[work, careful], telemetry=[spans.sink], clock=Backwards())
    waits = await agent.arun("?", result_format="object")
    await agent.aresume(waits.journal, ApprovalDecision.approve())
    assert len(spans.all) == 6
    for span in spans.all:
        assert (span.end_time or 0) >= (span.start_time or 0)
