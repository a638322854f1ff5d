"""One place sees every event: telemetry, before the run goes on; and every request says where it comes from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import cast

import pytest

from lightagent import (
    ApprovalDecision,
    ChatModel,
    ChatRequest,
    Delta,
    Event,
    FallbackModel,
    Journal,
    LightAgent,
    OpenAIChatModel,
    Origin,
    ProviderError,
    ReplyEnd,
    RunContext,
    RunWatch,
    Suspended,
    TelemetrySink,
    TextDelta,
    Usage,
    tool,
)
from lightagent.adapters.chat.openai.options import TransportName
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.origin import TraceHeaders
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.domain.runs.events import ModelFailed, ModelRetried, RunFinished, RunStarted, ToolStarted
from lightagent.testing.system import ManualClock, SequentialIds
from tests.servers.fault_server import FaultServer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Sink(TelemetrySink):
    """Keeps every event of every run, and what was known of a run when its watch began."""

    def __init__(self, seen: Callable[[Event], None] = lambda event: None) -> None:
        self.events: list[Event] = []
        self.known: list[int] = []
        self.origins: list[Origin] = []
        self._seen = seen

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        self.origins.append(origin)
        self.known.append(len(known))
        return Watch(self, self._seen)


class Watch(RunWatch):
    """Tells its sink what it sees; a header of its trace names the turn and attempt that it is asked for."""

    def __init__(self, sink: Sink, seen: Callable[[Event], None]) -> None:
        self._sink, self._seen = sink, seen

    def see(self, event: Event) -> None:
        self._sink.events.append(event)
        self._seen(event)

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        return (("traceparent", PARENT), ("x-place", f"{'/'.join(origin.path)}:{origin.turn}:{origin.attempt}"))


async def test_a_sink_sees_every_event_once_and_before_the_run_goes_on() -> None:
    log: list[str] = []

    @tool
    async def work() -> str:
        """Works."""
        log.append("work touched")
        return "worked"

    sink, other = Sink(lambda event: log.append(event.type)), Sink()
    agent = LightAgent(model=ScriptedModel([call_tool("work"), "done"]), tools=[work], telemetry=[sink, other])
    result = await agent.arun("?", result_format="object")
    assert sink.events == other.events == list(result.journal.events)
    assert log.index("tool_started") + 1 == log.index("work touched")
    assert (sink.known, len(sink.origins)) == ([0], 1)
    assert sink.origins[0].run_id == result.run_id


async def test_a_stream_is_watched_from_its_first_step_on() -> None:
    sink = Sink()
    agent = LightAgent(model=ScriptedModel(["never said"]), telemetry=[sink])
    unread = agent.astream("?", result_format="event")
    await unread.aclose()
    assert (sink.events, sink.origins) == ([], [])
    events = agent.aevents("?")
    assert isinstance(await anext(events), RunStarted)
    assert [event.type for event in sink.events] == ["run_started"]
    await events.aclose()
    assert [event.type for event in sink.events] == ["run_started", "run_finished"]
    assert tuple(sink.events) == events.result.journal.events


async def test_a_resumed_run_shows_a_sink_only_what_is_new() -> None:
    @tool(requires_approval=True)
    async def work() -> str:
        """Works."""
        return "worked"

    sink = Sink()
    agent = LightAgent(
        model=ScriptedModel([[call_tool("work")], "done"]), tools=[work], telemetry=[sink], ids=SequentialIds()
    )
    waits = await agent.arun("?", result_format="object")
    assert isinstance(waits.outcome, Suspended)
    before = list(sink.events)
    result = await agent.aresume(waits.journal.to_json(), ApprovalDecision.approve())
    assert sink.events == list(result.journal.events)
    assert sink.known == [0, len(before)]
    assert sink.events[len(before)].type == "approval_decided"


class Waiting(ChatModel):
    """Tells half of an answer and what it cost, and waits."""

    name = "waiting"

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        yield TextDelta("half")
        yield ReplyEnd(usage=Usage(3, 1, 4))
        self.waits.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_the_last_words_of_a_cancelled_run_are_seen() -> None:
    sink, model = Sink(), Waiting()
    task = asyncio.create_task(LightAgent(model=model, telemetry=[sink]).arun("?"))
    await model.waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    failed, finished = sink.events[-2:]
    assert isinstance(failed, ModelFailed)
    assert (failed.partial, failed.usage) == ("half", Usage(3, 1, 4))
    assert isinstance(finished, RunFinished)
    assert finished.outcome.kind == "cancelled"
    assert Journal(tuple(sink.events)).run.outcome == finished.outcome


def busy() -> ProviderError:
    error = ProviderError("busy", code="LA-429")
    error.retry_after = 0.0
    return error


async def test_requests_and_tools_know_where_they_belong() -> None:
    contexts: list[Origin] = []

    @tool
    async def work(ctx: RunContext[None]) -> str:
        """Works."""
        contexts.append(ctx.origin)
        return "worked"

    sink = Sink()
    inner_model = ScriptedModel([call_tool("work"), "inner done"])
    inner = LightAgent(name="inner", model=inner_model, tools=[work])
    model = ScriptedModel([busy(), [call_tool("work"), call_tool("inner", query="?")], busy(), busy(), "done"])
    agent = LightAgent(
        name="outer", model=model, tools=[work, inner.as_tool("inner", "i")], telemetry=[sink], clock=ManualClock()
    )
    result = await agent.arun("?", user_id="ann", trace_id="t1", run_group_id="g1", result_format="object")
    started = result.journal.events[0]
    assert isinstance(started, RunStarted)
    asked = [request.origin for request in model.requests]
    assert [(origin.turn, origin.attempt) for origin in asked] == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]
    assert [dict(origin.trace_headers)["x-place"] for origin in asked] == [":1:1", ":1:2", ":2:1", ":2:2", ":2:3"]
    for origin in asked:
        assert replace(origin, turn=0, attempt=1, trace_headers=()) == Origin(
            result.run_id, "t1", "", "g1", "outer", started.scope
        )
    retried = [(event.turn, event.attempt) for event in sink.events if isinstance(event, ModelRetried)]
    assert retried == [(1, 2), (2, 2), (2, 3)]
    own, nested = sorted(contexts, key=lambda origin: len(origin.path))
    assert (own.agent_name, own.turn, own.path) == ("outer", 1, ())
    assert (nested.agent_name, nested.turn, len(nested.path)) == ("inner", 1, 1)
    assert (nested.trace_id, nested.run_group_id, nested.scope.user) == ("t1", "g1", "ann")
    assert dict(own.trace_headers)["traceparent"] == dict(nested.trace_headers)["traceparent"] == PARENT
    inside = [request.origin for request in inner_model.requests]
    assert [dict(origin.trace_headers)["x-place"] for origin in inside] == [f"{nested.path[0]}:{n}:1" for n in (1, 2)]


class Served(ScriptedModel):
    """Tells where it is served."""

    endpoint = ModelEndpoint("acme", "models.example", 8443)


async def test_the_endpoint_of_the_model_is_on_record() -> None:
    result = await LightAgent(model=Served(["hi"])).arun("?", result_format="object")
    started = result.journal.events[0]
    assert isinstance(started, RunStarted)
    assert started.head.endpoint == ModelEndpoint("acme", "models.example", 8443)
    assert Journal.from_json(result.journal.to_json()) == result.journal
    assert FallbackModel([Served([]), ScriptedModel([])]).endpoint == Served.endpoint
    assert FallbackModel([ScriptedModel([]), Served([])]).endpoint == ModelEndpoint()


def test_an_openai_model_tells_the_address_and_port_of_its_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert OpenAIChatModel("m").endpoint == ModelEndpoint("openai", "api.openai.com", 443)
    assert OpenAIChatModel("m", "k", "https://api.deepseek.com/v1").endpoint.provider == "deepseek"
    assert OpenAIChatModel("m", "k", "http://host.example:8080/v1").endpoint == ModelEndpoint(
        "openai", "host.example", 8080
    )
    assert OpenAIChatModel("m", "k", "http://[::1]/v1").endpoint == ModelEndpoint("openai", "::1", 80)
    azure = OpenAIChatModel("m", azure_endpoint="https://x.openai.azure.com")
    assert azure.endpoint == ModelEndpoint("azure.ai.openai", "x.openai.azure.com", 443)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://other.example/v1")
    assert OpenAIChatModel("m").endpoint == ModelEndpoint("openai", "other.example", 80)
    monkeypatch.setenv("OPENAI_BASE_URL", "no url")
    assert OpenAIChatModel("m").endpoint == ModelEndpoint("openai")


@pytest.mark.openai
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("transport", ["aiohttp", "sdk"])
async def test_trace_headers_are_sent_with_every_attempt(
    faults: FaultServer, transport: TransportName, stream: bool
) -> None:
    scenario = faults.scenario("status", code=503, retry_after=0, times=1)
    model = OpenAIChatModel("m", "sk-secret", scenario.base_url, transport=transport)
    agent = LightAgent(model=model, telemetry=[Sink()])
    if stream:
        async for _ in agent.astream("?"):
            pass
    else:
        await agent.arun("?")
    assert [request.header("x-place") for request in scenario.requests] == [":1:1", ":1:2"]
    assert {request.header("traceparent") for request in scenario.requests} == {PARENT}
    await agent.aclose()


@pytest.mark.openai
@pytest.mark.parametrize("transport", ["aiohttp", "sdk"])
async def test_telemetry_neither_breaks_a_request_nor_says_who_sends_it(
    faults: FaultServer, transport: TransportName
) -> None:
    scenario = faults.scenario("ok")
    model = OpenAIChatModel("m", "sk-secret", scenario.base_url, transport=transport, headers={"X-Own": "mine"})
    headers = (
        ("authorization", "Bearer stolen"),
        ("CONTENT-TYPE", "text/plain"),
        ("x-own", "other"),
        ("x-break", "a\r\nx-evil: 1"),
        ("", "no name"),
        ("tracestate", "a=1"),
    )
    request = ChatRequest((UserMessage("?"),), origin=Origin(trace_headers=headers))
    assert [delta async for delta in model.stream(request)]
    await model.aclose()
    [got] = scenario.requests
    assert got.header("authorization") == "Bearer sk-secret"
    assert got.header("content-type") == "application/json"
    assert got.header("x-own") == "mine"
    assert got.header("tracestate") == "a=1"
    assert got.header("x-break") is None
    assert [name.lower() for name, _ in got.headers].count("authorization") == 1


async def test_what_is_told_before_a_tool_is_touched_holds_its_arguments() -> None:
    @tool
    async def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    sink = Sink()
    await LightAgent(model=ScriptedModel([call_tool("add", a=1, b=2), "3"]), tools=[add], telemetry=[sink]).arun("?")
    [started] = [event for event in sink.events if isinstance(event, ToolStarted)]
    assert started.arguments == {"a": 1, "b": 2}


class Headers:
    """A sink by shape alone, whose headers are whatever it was given."""

    def __init__(self, headers: object) -> None:
        self.headers, self.asked = headers, 0

    def watch(self, origin: Origin, known: Sequence[Event]) -> Headers:
        return self

    def see(self, event: Event) -> None:
        pass

    def trace_headers(self, origin: Origin) -> object:
        self.asked += 1
        return self.headers


NO_HEADERS: dict[str, object] = {
    "None": None,
    "a text": "ab",
    "a dict": {"traceparent": PARENT},
    "a number among them": [5],
    "a text of two letters among them": ["ab"],
    "three parts": [("a", "b", "c")],
    "no value": [("traceparent", None)],
    "no name": [(None, PARENT)],
    "an empty name": [("", PARENT)],
    "a space in the name": [("x y", "z")],
    "a colon in the name": [("a:b", "z")],
    "a second line": [("traceparent", "a\r\nx-evil: 1")],
}


@pytest.mark.parametrize("headers", NO_HEADERS.values(), ids=NO_HEADERS.keys())
async def test_a_sink_with_headers_that_cannot_be_sent_is_dropped(
    headers: object, caplog: pytest.LogCaptureFixture
) -> None:
    @tool
    async def work() -> str:
        """Works."""
        return "worked"

    bad = Headers(headers)
    model = ScriptedModel([call_tool("work"), "done"])
    agent = LightAgent(model=model, tools=[work], telemetry=[cast("TelemetrySink", bad), Sink()])
    assert await agent.arun("?") == "done"
    assert [dict(request.origin.trace_headers)["traceparent"] for request in model.requests] == [PARENT, PARENT]
    assert bad.asked == 1
    assert "Headers failed; it sees no more of this run." in caplog.text


class Broken(TelemetrySink, RunWatch):
    """Fails at one of the three things that it is asked for."""

    def __init__(self, at: str) -> None:
        self._at = at

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        self._fail("watch")
        return self

    def see(self, event: Event) -> None:
        self._fail("see")

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        self._fail("trace_headers")
        return ()

    def _fail(self, at: str) -> None:
        if at == self._at:
            raise RuntimeError("the exporter is down")


@pytest.mark.parametrize("at", ["watch", "see", "trace_headers"])
def test_a_sink_that_raises_does_not_make_a_run_fail(at: str) -> None:
    sink = Sink()
    agent = LightAgent(model=ScriptedModel(["Done."]), telemetry=[Broken(at), sink])
    assert agent.run("Go.") == "Done."
    assert [event.type for event in sink.events][-1] == "run_finished"
