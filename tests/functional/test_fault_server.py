"""The fault server itself: every behaviour does on the wire what its name says."""

import asyncio
import json
import time
from email.utils import parsedate_to_datetime

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletionToolParam

from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_catalogue import CATALOGUE
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.json_values import JsonObject
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import ends_after

LIMIT = aiohttp.ClientTimeout(total=30)
ADD: ChatCompletionToolParam = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
CLOSED = (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)


async def post(base_url: str, *, stream: bool = False, total: float = 30) -> tuple[int, dict[str, str], bytes]:
    body: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=total)) as session,
        session.post(f"{base_url}/chat/completions", json=body) as answer,
    ):
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()


def client(base_url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=base_url, api_key="secret", max_retries=0, timeout=30)


async def streamed_text(base_url: str) -> tuple[str, list[str]]:
    text, reasons = "", []
    async with client(base_url) as api:
        stream = await api.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasons += [choice.finish_reason] if choice.finish_reason else []
    return text, list(reasons)


@pytest.mark.parametrize("name", ["ok", "comments", "no-space", "split", "no-done", "stale", "duplicate-finish"])
async def test_good_answers_read_well_plain_and_streamed(leaks: LeakCheck, faults: FaultServer, name: str) -> None:
    scenario = faults.scenario(name)
    async with client(scenario.base_url) as api:
        plain = await api.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert plain.choices[0].message.content == TEXT
    text, reasons = await streamed_text(scenario.base_url)
    assert (text, reasons) == (TEXT, ["stop"] * (2 if name == "duplicate-finish" else 1))
    first, second = scenario.requests
    assert (first.header("Authorization"), first.attempt, first.answered) == ("Bearer secret", 1, True)
    assert (second.json()["stream"], second.path.endswith("/v1/chat/completions")) == (True, True)
    await scenario.all_closed()


async def test_split_cuts_inside_characters(faults: FaultServer) -> None:
    pieces = []
    body: JsonObject = {"model": "m", "messages": [], "stream": True}
    async with (
        aiohttp.ClientSession(timeout=LIMIT) as session,
        session.post(f"{faults.scenario('split').base_url}/chat/completions", json=body) as answer,
    ):
        async for data, _ in answer.content.iter_chunks():
            pieces.append(data)
    assert any(not is_utf8(piece) for piece in pieces)
    assert is_utf8(b"".join(pieces))


def is_utf8(data: bytes) -> bool:
    return data.decode("utf-8", "replace").encode() == data


@pytest.mark.parametrize("layout", ["whole", "split", "packed", "interleaved", "repeated"])
async def test_tool_calls_in_every_layout(faults: FaultServer, layout: str) -> None:
    scenario = faults.scenario("tools", calls=3, layout=layout, arguments='{"city": "Zürich 👋🏽"}')
    found: dict[int, str] = {}
    async with client(scenario.base_url) as api:
        stream = await api.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], tools=[ADD], stream=True
        )
        async for chunk in stream:
            for call in chunk.choices[0].delta.tool_calls or []:
                arguments = (call.function.arguments if call.function else None) or ""
                found[call.index] = found.get(call.index, "") + arguments
    assert [json.loads(found[position]) for position in range(3)] == [{"city": "Zürich 👋🏽"}] * 3


async def test_tool_turns_end_and_several_events_come_in_one_write(faults: FaultServer) -> None:
    async with client(faults.scenario("packed-tools").base_url) as api:
        answer = await api.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], tools=[ADD])
        assert [call.id for call in answer.choices[0].message.tool_calls or []] == ["call_0_0", "call_0_1", "call_0_2"]
        last = await api.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "x"}],
            tools=[ADD],
        )
    assert last.choices[0].message.content == TEXT
    _, _, body = await post(faults.scenario("ok", burst=1).base_url, stream=True)
    assert body.count(b"data: ") == 10


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["truncated", "truncated-reset", "reset", "no-answer"])
async def test_broken_connections(leaks: LeakCheck, faults: FaultServer, name: str, stream: bool) -> None:
    scenario = faults.scenario(name)
    with pytest.raises(CLOSED):
        await post(scenario.base_url, stream=stream)
    await scenario.all_closed()


async def test_truncated_clean_is_good_http_with_half_a_content(faults: FaultServer) -> None:
    _, _, body = await post(faults.scenario("truncated-clean").base_url, stream=True)
    assert (body.count(b"data: "), b"[DONE]" in body) == (3, False)
    _, _, body = await post(faults.scenario("truncated-clean").base_url)
    assert body.startswith(b'{"id"')
    assert not body.endswith(b"}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("html", b"<html>"),
        ("empty-body", b""),
        ("not-an-object", b"[1, 2]"),
        ("malformed", b'"choices": [{'),
        ("empty-choices", b'"choices":[]'),
        ("null-choices", b'"choices":null'),
        ("no-choices", b'"usage"'),
        ("null-message", b'"message":null'),
        ("null-content", b'"content":null'),
        ("length", b'"finish_reason":"length"'),
        ("content-filter", b'"finish_reason":"content_filter"'),
        ("error-in-stream", b'{"error":'),
    ],
)
async def test_broken_bodies_with_status_200(faults: FaultServer, name: str, expected: bytes) -> None:
    for stream in (False, True):
        code, headers, body = await post(faults.scenario(name).base_url, stream=stream)
        assert code == 200
        assert expected.replace(b'"message":', b'"delta":' if stream else b'"message":') in body
        assert ("html" in headers["content-type"]) == (name == "html")


@pytest.mark.parametrize("code", [400, 401, 403, 404, 429, 500, 503])
async def test_statuses_in_openai_form(faults: FaultServer, code: int) -> None:
    async with client(faults.scenario("status", code=code).base_url) as api:
        with pytest.raises(openai.APIStatusError) as caught:
            await api.chat.completions.create(model="m", messages=[])
    assert (caught.value.status_code, str(code) in caught.value.message) == (code, True)


async def test_fails_n_times_with_retry_after_then_answers(faults: FaultServer) -> None:
    scenario = faults.scenario("status", code=429, retry_after=2, times=2)
    answers = [await post(scenario.base_url) for _ in range(3)]
    assert [code for code, _, _ in answers] == [429, 429, 200]
    assert answers[0][1]["retry-after"] == "2"
    assert [request.attempt for request in scenario.requests] == [1, 2, 3]
    dated = faults.scenario("status", code=503, retry_date=30, times=1, then="tools")
    asked = time.time()
    when = parsedate_to_datetime((await post(dated.base_url))[1]["retry-after"]).timestamp()
    assert when - asked >= 29  # a date has no fractions
    assert when - time.time() <= 30


@pytest.mark.parametrize("name", ["hang", "slow-first-byte", "slow-body", "stall", "slowloris"])
async def test_a_slow_answer_is_dropped_when_the_client_leaves(
    leaks: LeakCheck, faults: FaultServer, name: str
) -> None:
    scenario = faults.scenario(name)

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await post(scenario.base_url, stream=True, total=0.3)

    def begun() -> bool:
        return scenario.connections[0].sent > 0 if name == "slowloris" else scenario.is_silent

    await ends_after(0.3, leave(), begun=lambda: scenario.connections and begun())
    await scenario.all_closed()
    assert not scenario.requests[0].answered
    assert (scenario.connections[0].sent > 0) == (name in {"slow-body", "stall", "slowloris"})


async def test_delays_end(faults: FaultServer) -> None:
    for options in ({"delay": 0.2}, {"body_delay": 0.2}):
        start = time.monotonic()
        code, _, _ = await post(faults.scenario("ok", **options).base_url)
        assert (code, time.monotonic() - start > 0.2) == (200, True)
    _, _, body = await post(faults.scenario("slowloris", trickle_ms=0.1).base_url)
    assert json.loads(body)["choices"][0]["message"]["content"] == TEXT


@pytest.mark.parametrize(("stream", "line"), [(False, 0), (True, 0), (True, 1)])
async def test_big_bodies_stop_when_the_client_has_had_enough(
    leaks: LeakCheck, faults: FaultServer, stream: bool, line: int
) -> None:
    _, _, body = await post(faults.scenario("big", mb=1, line=line).base_url, stream=stream)
    assert len(body) > 1_000_000
    scenario = faults.scenario("big", mb=50, line=line)
    request: JsonObject = {"model": "m", "messages": [], "stream": stream}
    async with (
        aiohttp.ClientSession(timeout=LIMIT) as session,
        session.post(f"{scenario.base_url}/chat/completions", json=request) as answer,
    ):
        await answer.content.readexactly(100_000)
        answer.close()
    await scenario.all_closed()
    assert scenario.connections[0].sent < 20_000_000


async def test_a_stale_connection_is_closed_after_its_answer(faults: FaultServer) -> None:
    scenario = faults.scenario("stale")
    ours = LeakCheck()
    async with aiohttp.ClientSession(timeout=LIMIT) as session:
        for _ in range(2):
            async with session.post(f"{scenario.base_url}/chat/completions", json={}) as answer:
                assert answer.status == 200
                await answer.read()
            await scenario.all_closed()
            await ours.settle()  # the client has to see it too, or it writes into a closed connection
    assert len(scenario.connections) == 2


async def test_a_reused_connection_is_closed_instead_of_an_answer(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stale-reused")
    async with aiohttp.ClientSession(timeout=LIMIT) as session:
        async with session.post(f"{scenario.base_url}/chat/completions", json={}) as answer:
            assert answer.status == 200
            await answer.read()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(f"{scenario.base_url}/chat/completions", json={})
    assert [request.answered for request in scenario.requests] == [True, False]


async def test_keep_alive_counts_as_open_until_the_client_closes(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario()
    async with aiohttp.ClientSession(timeout=LIMIT) as session:
        for _ in range(3):
            async with session.post(f"{scenario.base_url}/chat/completions", json={}) as answer:
                await answer.read()
        assert (len(scenario.connections), len(scenario.open_connections)) == (1, 1)
        with pytest.raises(AssertionError, match="1 connections still open"):
            await scenario.all_closed(within=0.05)
        assert any("socket" in line for line in leaks.found())
    await scenario.all_closed()


async def test_refused_and_silent_ports(leaks: LeakCheck, faults: FaultServer) -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(faults.refused_url)
    with pytest.raises(TimeoutError):
        await post(faults.silent_url, total=0.3)


async def test_models_and_unknown_behaviours(faults: FaultServer) -> None:
    async with client(faults.scenario().base_url) as api:
        assert [model.id async for model in api.models.list()] == ["faulty"]
    with pytest.raises(ValueError, match="no behaviour 'nonsense'; there are: big"):
        faults.scenario("nonsense")


async def test_many_clients_at_once(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario()
    answers = await asyncio.gather(*(post(scenario.base_url) for _ in range(50)))
    assert {code for code, _, _ in answers} == {200}
    assert len(scenario.requests) == 50
    await scenario.all_closed()


async def test_stream_formats(faults: FaultServer) -> None:
    options: dict[str, Option] = {
        "eol": "cr",
        "comments": 1,
        "fields": 1,
        "bom": 1,
        "multiline": 1,
        "text": "Hi",
        "done": 0,
    }
    _, _, body = await post(faults.scenario("no-finish", **options).base_url, stream=True)
    first, second = body.decode().split(": keep-alive\r\r")[1:]
    assert body.startswith("\ufeff: keep-alive".encode())
    assert first.startswith('event: message\rid: 7\rretry: 3000\rdata: {"id":"chatcmpl-1",\rdata: "object":')
    assert json.loads(second.split("data: ", 1)[1].replace("\rdata: ", ""))["choices"][0]["finish_reason"] is None


async def test_raw_says_what_it_is_told(faults: FaultServer) -> None:
    code, headers, body = await post(faults.scenario("raw", status=418, type="a/b", body="x/y=1&z ü?").base_url)
    assert (code, headers["content-type"], body.decode()) == (418, "a/b", "x/y=1&z ü?")


def test_every_behaviour_is_tried_here(request: pytest.FixtureRequest) -> None:
    source = request.path.read_text()
    assert [name for name in CATALOGUE if f'"{name}"' not in source] == []
