"""Clients that leave, read nothing, or wait in silence: what becomes of their runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lightagent import Completed, LightAgent, Runs, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.outcomes import Cancelled, Outcome
from lightagent.domain.runs.events import RunFinished
from lightagent.entrypoints.serving.connections import CLIENT_LEFT
from lightagent.entrypoints.serving.state import Serving
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import answer_to, calling, chat

CHAT = "/v1/chat/completions"


class SlowModel(ChatModel):
    """Says a word, and the rest once it may; tells whether its request was given up."""

    name = "slow"

    def __init__(self, first: str = "Well, ") -> None:
        self.first = first
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.given_up = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if self.first:
            yield TextDelta(self.first)
        self.asked.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        yield TextDelta("that is it.")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


async def outcome_in(store: MemoryJournalStore) -> Outcome:
    """How the only run in the store ended."""
    (found,) = [info async for info in Runs(store).list()]
    journal = await Runs(store).journal(found.run_id)
    assert journal is not None
    last = journal.events[-1]
    assert isinstance(last, RunFinished)
    return last.outcome


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("first", ["Well, ", ""])
async def test_a_client_that_leaves_ends_its_run_and_the_request_to_the_model(stream: bool, first: str) -> None:
    model, store = SlowModel(first), MemoryJournalStore()
    app = serve(LightAgent(name="helper", model=model), store=store)
    async with calling(app, CHAT, chat("Hello", stream=stream)) as call:
        await model.asked.wait()
        call.leave()
        await call.ended()
        async with asyncio.timeout(30):
            await model.given_up.wait()
    assert await outcome_in(store) == Cancelled(CLIENT_LEFT)
    serving: Serving = app.state.serving
    assert (len(serving.active), serving.slots.active) == (0, 0)


async def test_no_further_tool_begins_once_the_client_has_left() -> None:
    begun, called, may_end = list[str](), asyncio.Event(), asyncio.Event()

    async def first() -> str:
        """The first."""
        begun.append("first")
        called.set()
        await may_end.wait()
        return "done"

    async def second() -> str:
        """The second."""
        begun.append("second")
        return "done"

    model = ScriptedModel([call_tool("first"), call_tool("second"), "Both are done."])
    store = MemoryJournalStore()
    app = serve(LightAgent(name="helper", model=model, tools=[first, second]), store=store)
    async with calling(app, CHAT, chat("Do both", stream=True)) as call:
        await called.wait()
        call.leave()
        await call.ended()
    may_end.set()
    assert begun == ["first"]
    assert len(model.requests) == 1
    assert await outcome_in(store) == Cancelled(CLIENT_LEFT)


async def test_by_setting_the_run_goes_on_without_its_client() -> None:
    model, store = SlowModel(), MemoryJournalStore()
    settings = ServeSettings(on_disconnect="finish")
    app = serve(LightAgent(name="helper", model=model), store=store, settings=settings)
    async with calling(app, CHAT, chat("Hello", stream=True)) as call:
        await model.asked.wait()
        call.leave()
        model.go_on.set()
        await call.ended()
    assert await outcome_in(store) == Completed("Well, that is it.")


@pytest.mark.parametrize("stream", [True, False])
async def test_200_clients_that_leave_at_any_moment_leave_nothing_behind(stream: bool) -> None:
    """Before the first byte, in a text, in a tool, at the end."""
    begun = list[str]()

    async def look(at: str) -> str:
        """Look."""
        begun.append(at)
        for _ in range(5):
            await asyncio.sleep(0)
        return at

    store = MemoryJournalStore()
    model = ScriptedModel(lambda request: _next_of(len(request.messages)), record=False)
    app = serve(LightAgent(name="helper", model=model, tools=[look]), store=store)
    for turns in range(100):
        async with calling(app, CHAT, chat("Look twice", stream=stream)) as call:
            for _ in range(turns):
                await asyncio.sleep(0)
            call.leave()
            await call.ended()
            after = len(begun)
            await asyncio.sleep(0)
            assert len(begun) == after
    serving: Serving = app.state.serving
    assert (len(serving.active), serving.slots.active) == (0, 0)
    statuses = {info.status async for info in Runs(store).list()}
    assert statuses <= {"cancelled", "completed"}
    assert "cancelled" in statuses


def _next_of(messages: int) -> Reply:
    """Two calls, one after another, and an answer."""
    return call_tool("look", at=str(messages)) if messages < 6 else "I have looked, and that is what I saw of it."


async def test_headers_leave_before_the_model_says_anything() -> None:
    model = SlowModel("")
    app = serve(LightAgent(name="helper", model=model))
    async with calling(app, CHAT, chat("Hello", stream=True)) as call:
        await call.until(lambda: b"assistant" in call.body)
        assert call.status == 200
        assert call.headers["content-type"].startswith("text/event-stream")
        assert call.headers["x-accel-buffering"] == "no"
        assert "no-transform" in call.headers["cache-control"]


async def test_a_stream_says_in_silence_that_it_is_alive() -> None:
    model = SlowModel("")
    settings = ServeSettings(heartbeat_seconds=0.02)
    app = serve(LightAgent(name="helper", model=model), settings=settings)
    async with calling(app, CHAT, chat("Hello", stream=True)) as call:
        await call.until(lambda: call.body.count(b": alive\n\n") >= 3)
        model.go_on.set()
        await call.ended()
    assert [chunk["choices"] for chunk in call.chunks][1] == [
        {"index": 0, "delta": {"content": "that is it."}, "finish_reason": None}
    ]
    assert call.body.endswith(b"data: [DONE]\n\n")


async def test_a_client_that_takes_nothing_is_cut() -> None:
    model, store = SlowModel(), MemoryJournalStore()
    settings = ServeSettings(reader_seconds=0.05)
    app = serve(LightAgent(name="helper", model=model), store=store, settings=settings)
    async with calling(app, CHAT, chat("Hello", stream=True)) as call:
        await call.until(lambda: b"Well" in call.body)
        call.reading.clear()
        model.go_on.set()
        await call.ended()
    assert b"that is it" not in call.body
    assert isinstance(await outcome_in(store), Cancelled)
    serving: Serving = app.state.serving
    assert (len(serving.active), serving.slots.active) == (0, 0)


async def test_runs_beyond_the_limit_wait_and_those_beyond_the_queue_are_refused() -> None:
    model = SlowModel()
    settings = ServeSettings(runs=1, waiting_runs=1)
    app = serve(LightAgent(name="helper", model=model), settings=settings)
    async with calling(app, CHAT, chat("One", stream=True)) as one:
        await model.asked.wait()
        async with calling(app, CHAT, chat("Two", stream=True)) as two:
            await two.until(lambda: b"assistant" in two.body)
            three = await answer_to(app, CHAT, chat("Three"))
            assert three.status == 429
            assert (three.headers["retry-after"], three.headers["x-should-retry"]) == ("5", "true")
            assert b"Well" not in two.body
            model.go_on.set()
            await one.ended()
            await two.until(lambda: b"that is it" in two.body)


async def test_a_client_that_leaves_the_queue_makes_room() -> None:
    model = SlowModel()
    settings = ServeSettings(runs=1, waiting_runs=1)
    app = serve(LightAgent(name="helper", model=model), settings=settings)
    async with calling(app, CHAT, chat("One", stream=True)):
        await model.asked.wait()
        async with calling(app, CHAT, chat("Two", stream=True)) as two:
            await two.until(lambda: b"assistant" in two.body)
            two.leave()
            await two.ended()
        async with calling(app, CHAT, chat("Three", stream=True)) as three:
            await three.until(lambda: three.status == 200)


async def test_a_server_that_stops_takes_no_new_runs_and_lets_the_others_end() -> None:
    model = SlowModel()
    app = serve(LightAgent(name="helper", model=model))
    serving: Serving = app.state.serving
    async with calling(app, CHAT, chat("One", stream=True)) as one:
        await model.asked.wait()
        stopping = asyncio.create_task(serving.stop())
        await asyncio.sleep(0)
        assert serving.active.closing
        assert (await answer_to(app, "/readyz", method="GET")).status == 503
        assert (await answer_to(app, "/healthz", method="GET")).status == 200
        refused = await answer_to(app, CHAT, chat("Two"))
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        model.go_on.set()
        await one.ended()
        await stopping
    assert one.body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason":"stop"' in one.body


async def test_runs_that_do_not_end_in_time_are_cancelled_with_a_record() -> None:
    model, store = SlowModel(), MemoryJournalStore()
    settings = ServeSettings(shutdown_seconds=0)
    app = serve(LightAgent(name="helper", model=model), store=store, settings=settings)
    serving: Serving = app.state.serving
    async with calling(app, CHAT, chat("One", stream=True)) as one:
        await model.asked.wait()
        await serving.stop()
        await one.ended()
    assert await outcome_in(store) == Cancelled("The server was stopped.")
    error = one.chunks[-1]["error"]
    assert isinstance(error, dict)
    assert error["message"] == "The run was cancelled."
