"""The servers of the functional tests themselves: each fixture answers plain aiohttp and the official client."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletionToolParam

from tests.servers.aimock import Aimock
from tests.servers.child import ServerError, running
from tests.servers.json_values import JsonObject
from tests.servers.leaks import LeakCheck
from tests.servers.polling import ticks
from tests.servers.smollm import SmolLM

ADD: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
}


def client(base_url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=base_url, api_key="test", max_retries=0, timeout=150)


async def ask(base_url: str, text: str, model: str = "m") -> str:
    async with client(base_url) as api:
        answer = await api.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


async def deltas(base_url: str, text: str, model: str = "m") -> AsyncIterator[str]:
    async with client(base_url) as api:
        stream = await api.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], stream=True, max_tokens=24, temperature=0
        )
        async with stream:
            async for chunk in stream:
                yield chunk.choices[0].delta.content or ""


@pytest.mark.timeout(300)
async def test_smollm_answers_streams_and_counts(leaks: LeakCheck, smollm: SmolLM) -> None:
    body: JsonObject = {"model": smollm.model, "messages": [{"role": "user", "content": "Say hello."}]}
    body |= {"max_tokens": 8, "temperature": 0}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{smollm.base_url}/chat/completions", json=body) as answer:
            plain = await answer.json()
        async with session.get(f"{smollm.base_url}/models") as answer:
            models = await answer.json()
    assert plain["choices"][0]["message"]["content"]
    assert 1 <= plain["usage"]["completion_tokens"] <= 8
    assert models["data"][0]["id"] == smollm.model
    pieces = [piece async for piece in deltas(smollm.base_url, "Count to five.", smollm.model)]
    assert len([piece for piece in pieces if piece]) > 3


@pytest.mark.timeout(300)
async def test_smollm_obeys_a_json_schema(smollm: SmolLM) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    async with client(smollm.base_url) as api:
        answer = await api.chat.completions.create(
            model=smollm.model,
            messages=[{"role": "user", "content": "Which city is the capital of France?"}],
            response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
            max_tokens=40,
            temperature=0,
        )
    assert json.loads(answer.choices[0].message.content or "")["city"] in {"Paris", "Rome"}


async def test_aimock_answers_and_keeps_a_journal(leaks: LeakCheck, aimock: Aimock) -> None:
    assert await ask(aimock.base_url, "[plain] capital of France?") == "The capital of France is Paris."
    text = "".join([piece async for piece in deltas(aimock.base_url, "[unicode]")])
    assert text.startswith("Grüße, 漢字")
    halves = "".join([piece async for piece in deltas(aimock.base_url, "[surrogates]")])
    assert halves == "Hello \ud83d\udc4b\ud83c\udffd!", "JavaScript cuts between UTF-16 units: lone surrogates"
    first, second, _ = aimock.journal()
    assert (first.method, first.path, first.status) == ("POST", "/v1/chat/completions", 200)
    assert first.headers["authorization"] == "[REDACTED]"
    assert (first.body["model"], second.body["stream"]) == ("m", True)
    aimock.reset()
    assert aimock.journal() == []


async def test_aimock_calls_one_and_several_tools(aimock: Aimock) -> None:
    async with client(aimock.base_url) as api:
        for word, count in {"[one-tool]": 1, "[many-tools]": 3, "[text-and-tool]": 1, "[tool-loop]": 1}.items():
            answer = await api.chat.completions.create(
                model="m", messages=[{"role": "user", "content": word}], tools=[ADD]
            )
            assert (answer.choices[0].finish_reason, len(answer.choices[0].message.tool_calls or [])) == (
                "tool_calls",
                count,
            )


async def test_aimock_goes_on_after_the_tool_results(aimock: Aimock) -> None:
    async with client(aimock.base_url) as api:
        answer = await api.chat.completions.create(
            model="m",
            messages=[
                {"role": "user", "content": "[two-turns]"},
                {"role": "assistant", "content": "", "tool_calls": [call("call_1")]},
                {"role": "tool", "tool_call_id": "call_1", "content": "3"},
                {"role": "assistant", "content": "", "tool_calls": [call("call_2")]},
                {"role": "tool", "tool_call_id": "call_2", "content": "7"},
            ],
        )
    assert answer.choices[0].message.content == "3 and 7."


def call(identity: str) -> openai.types.chat.ChatCompletionMessageFunctionToolCallParam:
    return {"id": identity, "type": "function", "function": {"name": "add", "arguments": "{}"}}


async def test_aimock_splits_tool_arguments_at_every_character(aimock: Aimock) -> None:
    arguments = {0: "", 1: ""}
    pieces = 0
    async with client(aimock.base_url) as api:
        stream = await api.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "[split-tool]"}], tools=[ADD], stream=True
        )
        async for chunk in stream:
            for part in chunk.choices[0].delta.tool_calls or []:
                arguments[part.index] += (part.function.arguments if part.function else None) or ""
                pieces += 1
    assert json.loads(arguments[0]) == {"city": 'Zürich "old town" \\ 漢字'}
    assert json.loads(arguments[1]) == {"a": 19, "b": 23}
    assert pieces > 40


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("[429]", 429),
        ("[500]", 500),
        ("[503]", 503),
        ("[401]", 401),
        ("[400]", 400),
        ("[chaos-drop]", 500),
        ("[chaos-ratelimit]", 429),
        ("no fixture", 503),
    ],
)
async def test_aimock_errors(aimock: Aimock, word: str, status: int) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await ask(aimock.base_url, word)
    assert caught.value.status_code == status
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "1"
    assert [entry.status for entry in aimock.journal(status=status)] == [status]


async def test_aimock_fails_once_and_then_answers_again_after_each_reset(aimock: Aimock) -> None:
    for _ in range(2):
        for word, error in {"[429-once]": openai.RateLimitError, "[500-once]": openai.InternalServerError}.items():
            with pytest.raises(error):
                await ask(aimock.base_url, word)
            assert "Through after one" in await ask(aimock.base_url, word)
            assert "Through after one" in await ask(aimock.base_url, word)
        aimock.reset()


async def test_aimock_is_late_and_slow_when_told(aimock: Aimock) -> None:
    start = time.monotonic()
    assert await ask(aimock.base_url, "[slow-first-byte]") == "Late, but here."
    assert time.monotonic() - start > 0.9
    start = time.monotonic()
    assert "".join([piece async for piece in deltas(aimock.base_url, "[slow-stream]")]) == "One piece every forty ms."
    assert time.monotonic() - start > 0.25


async def receive(base_url: str, word: str, into: bytearray) -> None:
    body: JsonObject = {"model": "m", "messages": [{"role": "user", "content": word}], "stream": True}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{base_url}/chat/completions", json=body) as answer,
    ):
        async for data in answer.content.iter_any():
            into += data


@pytest.mark.parametrize("word", ["[truncated]", "[truncated-tool]", "[disconnected]", "[chaos-disconnect]"])
async def test_aimock_breaks_a_stream(leaks: LeakCheck, aimock: Aimock, word: str) -> None:
    received = bytearray()
    with pytest.raises(aiohttp.ClientError):
        await receive(aimock.base_url, word, received)
    assert b"[DONE]" not in received
    assert (b"data: " in received) == (word != "[chaos-disconnect]")
    assert aimock.journal()[0].interrupted == (word != "[chaos-disconnect]")


async def test_aimock_finish_reasons_malformed_json_and_fixtures_at_run_time(aimock: Aimock) -> None:
    async with client(aimock.base_url) as api:
        for word, reason in {"[length]": "length", "[filter]": "content_filter"}.items():
            cut = await api.chat.completions.create(model="m", messages=[{"role": "user", "content": word}])
            assert cut.choices[0].finish_reason == reason
    with pytest.raises(ValueError, match="property name"):
        await ask(aimock.base_url, "[chaos-malformed]")
    aimock.replace({"match": {"userMessage": "plain"}, "response": {"content": "replaced"}})
    assert await ask(aimock.base_url, "[plain]") == "replaced"
    aimock.fail_next(502)
    with pytest.raises(openai.InternalServerError):
        await ask(aimock.base_url, "[plain]")
    aimock.chaos(dropRate=1)
    with pytest.raises(openai.InternalServerError):
        await ask(aimock.base_url, "[plain]")
    with pytest.raises(ServerError, match="noSuchRate"):
        aimock.chaos(noSuchRate=1)


@pytest.mark.parametrize(
    ("command", "seconds", "message"),
    [
        (["sleep", "90"], 0.3, "did not listen within 0.3 s"),
        (["sh", "-c", "echo boom; exit 3"], 30, "status 3(.|\n)*boom"),
    ],
)
def test_a_server_that_does_not_start_says_so(
    tmp_path_factory: pytest.TempPathFactory, command: list[str], seconds: float, message: str
) -> None:
    log = tmp_path_factory.mktemp("child") / "log"
    with pytest.raises(ServerError, match=message), running("x", command, log=log, start_seconds=seconds):
        pass


async def test_leaks_finds_tasks_threads_and_sockets() -> None:
    check = LeakCheck()
    release = threading.Event()
    task = asyncio.create_task(asyncio.sleep(30))
    thread = threading.Thread(target=release.wait, args=(30,), name="worker-of-a-test")
    thread.start()
    allowed = threading.Thread(target=release.wait, args=(30,), name="lightagent-portal", daemon=True)
    allowed.start()
    left, right = socket.socketpair()
    tcp = socket.socket()
    idle = asyncio.get_running_loop().run_in_executor(None, time.sleep, 0)
    await idle
    for pause in ticks(10):  # A worker that has given its answer is not yet back where it waits for more.
        if not any("asyncio_" in line for line in check.found()):
            break
        await asyncio.sleep(pause)
    assert not any("asyncio_" in line for line in check.found())
    at_work = threading.Event()

    def work() -> None:
        at_work.set()
        release.wait(30)

    busy = asyncio.get_running_loop().run_in_executor(None, work)
    assert at_work.wait(30)
    kinds = sorted(line.split()[0] for line in check.found())
    with pytest.raises(AssertionError, match="worker-of-a-test"):
        check.wait(within=0)
    release.set()
    await busy
    task.cancel()
    thread.join()
    allowed.join()
    for each in (left, right, tcp):
        each.close()
    assert kinds == ["socket", "task", "thread", "thread"], "the portal's two wake-up sockets are allowed"
    await check.settle()


def test_leaks_works_without_a_loop(leaks: LeakCheck) -> None:
    assert leaks.found() == []
