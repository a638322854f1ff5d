"""Requests that come again with the same Idempotency-Key, and those that the official client repeats by itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from starlette.applications import Starlette

from lightagent import LightAgent, ProviderError, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving import idempotency
from lightagent.application.serving.callers import NOBODY, Caller
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.idempotency import RepeatedRequests, StoredAnswer, request_name
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import Limits
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import AsgiCall, answer_to, calling, chat, objects
from tests.support.served import served

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
KEY = {"idempotency-key": "k1"}
ONCE = Limits(max_retry=1)

noted = list[str]()


def note(text: str) -> str:
    """Note something."""
    noted.append(text)
    return text


@pytest.fixture(autouse=True)
def _nothing_noted() -> None:
    noted.clear()


def answer(request: ChatRequest) -> Reply:
    """Notes what it is asked, and then says so, or fails."""
    last = request.messages[-1]
    if last.role != "tool":
        return call_tool("note", text=str(last.content))
    return ProviderError("Away.", code="LA-503") if last.content == "fail" else f"{len(noted)} noted."


def made(store: MemoryJournalStore | None = None) -> Starlette:
    return serve(LightAgent(name="helper", model=ScriptedModel(answer), tools=[note], limits=ONCE), store=store)


def asked(text: str, path: str, *, stream: bool = False) -> JsonObject:
    return chat(text, stream=stream) if path == CHAT else {"model": "helper", "input": text, "stream": stream}


def error_of(call: AsgiCall) -> JsonObject:
    return objects([call.json["error"]])[0]


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_request_gets_the_same_answer(path: str, stream: bool) -> None:
    app = made()
    first = await answer_to(app, path, asked("x", path, stream=stream), headers=KEY)
    again = await answer_to(app, path, asked("x", path, stream=stream), headers=KEY)
    assert (again.status, again.body, noted) == (200, first.body, ["x"])
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    other = await answer_to(app, path, asked("x", path, stream=stream), headers={"idempotency-key": "k2"})
    assert (other.status, noted) == (200, ["x", "x"])


async def test_another_request_with_the_same_key_is_refused() -> None:
    app = made()
    await answer_to(app, CHAT, chat("x"), headers=KEY)
    other = await answer_to(app, CHAT, chat("y"), headers=KEY)
    assert (other.status, other.headers["x-should-retry"], noted) == (422, "false", ["x"])
    assert (await answer_to(app, RESPONSES, asked("y", RESPONSES), headers=KEY)).status == 200
    long = await answer_to(app, CHAT, chat("x"), headers={"idempotency-key": "k" * 256})
    assert long.status == 400


class Waiting(ChatModel):
    """Begins to speak, and ends once it may."""

    name = "waiting"

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.asked = 0

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked += 1
        yield TextDelta("Hello ")
        await self.may_end.wait()
        yield TextDelta("you.")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_while_it_is_answered_the_client_is_to_come_again() -> None:
    model = Waiting()
    app = serve(LightAgent(name="helper", model=model))
    async with calling(app, CHAT, chat("x", stream=True), headers=KEY) as call:
        await call.until(lambda: b"Hello" in call.body)
        again = await answer_to(app, CHAT, chat("x", stream=True), headers=KEY)
        assert (again.status, again.headers["retry-after"], again.headers["x-should-retry"]) == (409, "1", "true")
        model.may_end.set()
        await call.ended()
    again = await answer_to(app, CHAT, chat("x", stream=True), headers=KEY)
    assert (again.text, model.asked) == ("Hello you.", 1)


@pytest.mark.parametrize("goes", ["cancel", "finish"])
async def test_a_client_that_left_may_ask_again(goes: str) -> None:
    model = Waiting()
    settings = ServeSettings.model_validate({"on_disconnect": goes})
    app = serve(LightAgent(name="helper", model=model), settings=settings)
    async with calling(app, CHAT, chat("x", stream=True), headers=KEY) as call:
        await call.until(lambda: b"Hello" in call.body)
        call.leave()
        if goes == "finish":
            model.may_end.set()
        await call.ended()
    model.may_end.set()
    again = await answer_to(app, CHAT, chat("x", stream=True), headers=KEY)
    assert (again.text, model.asked) == ("Hello you.", 2 if goes == "cancel" else 1)


async def test_what_failed_is_done_again_only_where_no_tool_was_called() -> None:
    app = made()
    first = await answer_to(app, CHAT, chat("fail"), headers=KEY)
    again = await answer_to(app, CHAT, chat("fail"), headers=KEY)
    assert (first.status, first.headers["x-should-retry"], first.body) == (503, "false", again.body)
    assert (again.status, noted) == (503, ["fail"])
    replies: list[Reply] = [ProviderError("Away.", code="LA-503"), "Here."]
    other = serve(LightAgent(name="helper", model=ScriptedModel(replies), limits=ONCE))
    assert (await answer_to(other, CHAT, chat("x"), headers=KEY)).status == 503
    assert (await answer_to(other, CHAT, chat("x"), headers=KEY)).message["content"] == "Here."


async def test_a_client_that_left_after_a_tool_was_called_is_refused() -> None:
    gate = asyncio.Event()

    class Slow(ScriptedModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            if request.messages[-1].role == "tool":
                await gate.wait()
            async for delta in super().stream(request):
                yield delta

    app = serve(
        LightAgent(name="helper", model=Slow(answer), tools=[note]), settings=ServeSettings(tools_shown="extension")
    )
    async with calling(app, CHAT, chat("x", stream=True), headers=KEY) as call:
        await call.until(lambda: b"tool_result" in call.body)
        call.leave()
        await call.ended()
    again = await answer_to(app, CHAT, chat("x", stream=True), headers=KEY)
    assert (again.status, again.headers["x-should-retry"], noted) == (409, "false", ["x"])


async def test_an_answer_in_the_background_is_found_by_its_key_after_a_restart() -> None:
    store = MemoryJournalStore()
    body: JsonObject = {**asked("x", RESPONSES), "background": True}
    first = await answer_to(made(store), RESPONSES, body, headers=KEY)
    app = made(store)
    again = await answer_to(app, RESPONSES, body, headers=KEY)
    assert again.json["id"] == first.json["id"]
    other = await answer_to(app, RESPONSES, {**body, "input": "y"}, headers=KEY)
    assert other.status == 422
    stream = await answer_to(app, f"{RESPONSES}/{first.json['id']}", method="GET", query="stream=true")
    assert b"1 noted." in stream.body
    assert (await answer_to(app, RESPONSES, body, headers=KEY)).json["status"] == "completed"
    assert noted == ["x"]


def test_keys_of_others_are_others_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    answers = RepeatedRequests(lambda: now[0])
    name = request_name("k", NOBODY, CHAT, {"a": 1, "b": 2})
    assert name == request_name("k", NOBODY, CHAT, {"b": 2, "a": 1})
    assert name.key != request_name("k", Caller("other"), CHAT, {}).key
    assert answers.find(name) is None
    answers.keep(name, StoredAnswer(body=b"x"))
    assert answers.find(name) == StoredAnswer(body=b"x")
    now[0] = idempotency.KEPT_SECONDS + 1
    assert answers.find(name) is None
    answers.keep(name, StoredAnswer(body=b"x" * (idempotency.MOST_BYTES + 1)))
    with pytest.raises(RequestRefused):
        answers.find(name)
    monkeypatch.setattr(idempotency, "MOST_ANSWERS", 2)
    for number in range(5):
        one = request_name(str(number), NOBODY, CHAT, {})
        assert answers.find(one) is None
        answers.keep(one, StoredAnswer(body=b"x"))
    assert answers.find(request_name("0", NOBODY, CHAT, {})) is None


@pytest.mark.openai
@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_the_official_client_repeats_nothing_once_a_tool_has_run(path: str) -> None:
    with served(made()) as base, openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=2) as client:

        def call() -> None:
            if path == CHAT:
                client.chat.completions.create(model="helper", messages=[{"role": "user", "content": "fail"}])
            else:
                client.responses.create(model="helper", input="fail")

        with pytest.raises(openai.InternalServerError) as raised:
            call()
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert noted == ["fail"]


@pytest.mark.openai
def test_the_official_client_waits_for_an_answer_that_is_being_made() -> None:
    may_end, asked_once, comes_again = threading.Event(), threading.Event(), threading.Event()

    class Slow(ScriptedModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            asked_once.set()
            await asyncio.to_thread(may_end.wait, 50)
            async for delta in super().stream(request):
                yield delta

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "Retrying" in record.getMessage():
                comes_again.set()

    app = serve(LightAgent(name="helper", model=Slow("Hello.")))
    with served(app) as base, openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=2) as client:

        def text() -> str:
            headers = {"Idempotency-Key": "k"}
            return client.responses.create(model="helper", input="x", extra_headers=headers).output_text

        log, handler = logging.getLogger("openai._base_client"), Told()
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
        try:
            with ThreadPoolExecutor() as pool:
                first = pool.submit(text)
                assert asked_once.wait(50)
                second = pool.submit(text)
                assert comes_again.wait(50)
                may_end.set()
                assert (first.result(50), second.result(50)) == ("Hello.", "Hello.")
        finally:
            log.setLevel(logging.NOTSET)
            log.removeHandler(handler)
