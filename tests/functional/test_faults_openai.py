"""chat/openai against everything that goes wrong on the wire: a typed error or the right answer, in time, no leaks."""

from contextlib import aclosing

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.conversation.deltas import Delta, ModelReply, fold_deltas
from lightagent.domain.conversation.messages import SystemMessage, UserMessage
from lightagent.domain.errors import ProviderError
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.fault_tools import ARGUMENTS
from tests.servers.leaks import LeakCheck

KEY = "sk-secret-0123456789"
SHORT = "Grüße 👋🏽"  # without commas, at which the server would break lines
ADD = ToolSpec("add", "Add.", {"type": "object"})
SUB = ToolSpec("sub", "Subtract.", {"type": "object"})
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


async def deltas_of(model: OpenAIChatModel, *, stream: bool, tools: tuple[ToolSpec, ...] = ()) -> list[Delta]:
    messages = (SystemMessage("You answer."), UserMessage("What is 6 times 7?"))
    async with aclosing(model.stream(ChatRequest(messages, tools=tools, stream=stream))) as deltas:
        return [delta async for delta in deltas]


async def ask(base_url: str, *, stream: bool, tools: tuple[ToolSpec, ...] = ()) -> ModelReply:
    return await asked(OpenAIChatModel("m", KEY, base_url), stream=stream, tools=tools)


async def asked(model: OpenAIChatModel, *, stream: bool, tools: tuple[ToolSpec, ...] = ()) -> ModelReply:
    try:
        return fold_deltas(await deltas_of(model, stream=stream, tools=tools))
    finally:
        await model.aclose()


async def fault_of(model: OpenAIChatModel, *, stream: bool) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await asked(model, stream=stream)
    return caught.value


@MODES
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ok", {}),
        ("comments", {}),
        ("no-space", {}),
        ("split", {}),
        ("split", {"pieces": 1, "gap_ms": 0}),
        ("no-done", {}),
        ("stale", {}),
        ("duplicate-finish", {}),
        ("no-finish", {}),
        ("ok", {"eol": "cr", "bom": 1}),
        ("ok", {"eol": "crlf", "multiline": 1, "pieces": 7, "text": SHORT}),
        ("ok", {"burst": 1}),
    ],
)
async def test_a_good_answer_is_read_however_it_is_written(
    leaks: LeakCheck, faults: FaultServer, name: str, options: dict[str, Option], stream: bool
) -> None:
    scenario = faults.scenario(name, **options)
    reply = await ask(scenario.base_url, stream=stream)
    assert reply.message.content == options.get("text", TEXT)
    assert reply.end.finish_reason == (None if name == "no-finish" else "stop")
    assert (reply.end.model, reply.end.response_id) == ("faulty", "chatcmpl-1")
    assert reply.end.usage is not None
    assert reply.end.usage.total_tokens == 30
    (request,) = scenario.requests
    assert request.header("Authorization") == f"Bearer {KEY}"
    assert ("stream" in request.json()) == stream
    await scenario.all_closed()


@MODES
@pytest.mark.parametrize("layout", ["whole", "packed", "split", "interleaved", "repeated", "indexless"])
async def test_tool_calls_come_whole_however_they_are_cut(faults: FaultServer, layout: str, stream: bool) -> None:
    scenario = faults.scenario("tools", calls=3, layout=layout, pieces=5)
    reply = await ask(scenario.base_url, stream=stream, tools=(ADD, SUB))
    assert [(call.id, call.name, call.arguments) for call in reply.message.tool_calls] == [
        ("call_0_0", "add", ARGUMENTS),
        ("call_0_1", "sub", ARGUMENTS),
        ("call_0_2", "add", ARGUMENTS),
    ]
    assert reply.message.content is None
    assert reply.end.finish_reason == "tool_calls"


@MODES
@pytest.mark.parametrize(("name", "reason"), [("length", "length"), ("content-filter", "content_filter")])
async def test_an_answer_cut_short_says_so(faults: FaultServer, name: str, reason: str, stream: bool) -> None:
    assert (await ask(faults.scenario(name).base_url, stream=stream)).end.finish_reason == reason


@MODES
@pytest.mark.parametrize(
    ("name", "options", "code", "retryable"),
    [
        ("html", {}, "LA-404", False),
        ("null-content", {}, "LA-500", True),
        ("malformed", {}, "LA-500", True),
        ("not-an-object", {}, "LA-500", True),
        ("empty-body", {}, "LA-500", True),
        ("empty-choices", {}, "LA-500", True),
        ("null-choices", {}, "LA-500", True),
        ("no-choices", {}, "LA-500", True),
        ("null-message", {}, "LA-500", True),
        ("error-in-stream", {}, "LA-503", True),
        ("big", {}, "LA-413", False),
        ("reset", {}, "LA-503", True),
        ("no-answer", {}, "LA-503", True),
        ("truncated", {}, "LA-503", True),
        ("truncated-reset", {}, "LA-503", True),
        ("status", {"code": 400}, "LA-413", False),  # context_length_exceeded
        ("status", {"code": 400, "reason": "other"}, "LA-400", False),
        ("status", {"code": 401}, "LA-401", False),
        ("status", {"code": 403}, "LA-403", False),
        ("status", {"code": 404}, "LA-404", False),
        ("status", {"code": 408}, "LA-408", True),
        ("status", {"code": 409}, "LA-400", True),
        ("status", {"code": 413}, "LA-413", False),
        ("status", {"code": 422}, "LA-400", False),
        ("status", {"code": 429}, "LA-429", True),
        ("status", {"code": 429, "reason": "insufficient_quota"}, "LA-429", False),
        ("status", {"code": 500}, "LA-500", True),
        ("status", {"code": 502, "form": "html"}, "LA-503", True),
        ("status", {"code": 503, "form": "empty"}, "LA-503", True),
        ("status", {"code": 504}, "LA-408", True),
        ("status", {"code": 307}, "LA-404", False),
    ],
)
async def test_a_fault_has_its_type(
    leaks: LeakCheck,
    faults: FaultServer,
    name: str,
    options: dict[str, Option],
    code: str,
    retryable: bool,
    stream: bool,
) -> None:
    scenario = faults.scenario(name, **options)
    fault = await fault_of(OpenAIChatModel("m", KEY, scenario.base_url), stream=stream)
    assert (fault.code, fault.retryable) == (code, retryable), fault
    assert len(scenario.requests) == 1
    await scenario.all_closed()


async def test_a_stream_that_ends_in_good_order_but_too_early_is_truncated(faults: FaultServer) -> None:
    fault = await fault_of(OpenAIChatModel("m", KEY, faults.scenario("truncated-clean").base_url), stream=True)
    assert (fault.code, fault.retryable) == ("LA-503", True)


async def test_a_single_endless_line_is_bounded(faults: FaultServer) -> None:
    scenario = faults.scenario("big", line=1)
    model = OpenAIChatModel("m", KEY, scenario.base_url, max_response_bytes=1_000_000)
    assert (await fault_of(model, stream=True)).code == "LA-413"
    await scenario.all_closed()
    assert scenario.connections[0].sent < 20_000_000, "the rest was not read"


@MODES
@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({"retry_after": 7}, 7, 7),
        ({"retry_after": "1.5"}, 1.5, 1.5),
        ({"retry_after_ms": 250, "retry_after": 9}, 0.25, 0.25),
        ({"retry_date": 30}, 25, 30),
        ({"retry_date": -30}, 0, 0),
    ],
)
async def test_the_pause_that_the_provider_requests_is_reported(
    faults: FaultServer, options: dict[str, Option], least: float, most: float, stream: bool
) -> None:
    model = OpenAIChatModel("m", KEY, faults.scenario("status", code=429, **options).base_url)
    fault = await fault_of(model, stream=stream)
    assert fault.retry_after is not None
    assert least <= fault.retry_after <= most
    assert fault.details["status"] == 429
    assert fault.details["request_id"] == "req_fault"


@MODES
@pytest.mark.parametrize("nonsense", ["soon", "-5", "nan", "inf", "1e999", "Mon, 99 Foo 2026"])
async def test_an_invalid_retry_after_is_ignored(faults: FaultServer, nonsense: str, stream: bool) -> None:
    model = OpenAIChatModel("m", KEY, faults.scenario("status", code=429, retry_after=nonsense).base_url)
    assert (await fault_of(model, stream=stream)).retry_after is None


@MODES
async def test_a_connection_that_is_refused(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    fault = await fault_of(OpenAIChatModel("m", KEY, faults.refused_url), stream=stream)
    assert (fault.code, fault.retryable) == ("LA-503", True)


async def test_an_unknown_host_is_named() -> None:
    fault = await fault_of(OpenAIChatModel("m", KEY, "http://no-such-host.invalid/v1"), stream=False)
    assert (fault.code, fault.retryable) == ("LA-503", True)
    assert "no-such-host.invalid" in fault.message


@MODES
async def test_no_error_repeats_the_key(faults: FaultServer, stream: bool) -> None:
    message = f"Incorrect API key provided: {KEY}. You can find yours at home." + "x" * 2000
    scenario = faults.scenario("status", code=401, message=message, reason=KEY)
    fault = await fault_of(OpenAIChatModel("m", KEY, scenario.base_url), stream=stream)
    assert fault.message.startswith("Incorrect API key provided: ***.")
    assert KEY not in f"{fault} {fault.details} {fault.__cause__!r} {fault.__context__!r}"
    assert len(fault.message) <= 500
