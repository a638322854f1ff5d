"""Answers in the background: they outlive their connections, are followed, cancelled, and left and taken up again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from starlette.applications import Starlette

from lightagent import HookContext, HookDecision, LightAgent, LightFlow, PolicyHook, Runs, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.background_runs import BackgroundRecords, BackgroundRun
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Slice, StreamKey
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.scopes import NO_SCOPE
from lightagent.entrypoints.serving.state import Serving
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.functional.test_serving_responses_owners import FUNCTION, asks_for_weather, text_of, told_in
from tests.support.asgi_calls import answer_to, calling, objects

RESPONSES = "/v1/responses"
MORE: JsonObject = {"model": "helper", "background": True}


class GatedModel(ChatModel):
    """Notes something, and then says so; each reply waits until the gate is open."""

    name = "gated"

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()
        self.given_up = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        for delta in _reply(request):
            yield delta

    async def aclose(self) -> None:
        """Nothing is open."""


def _reply(request: ChatRequest) -> Sequence[Delta]:
    if request.messages[-1].role == "tool":
        return [TextDelta("It is "), TextDelta("noted."), ReplyEnd("stop")]
    return [TextDelta("I note it."), ToolCallDelta(0, "c1", "note", '{"text":"x"}'), ReplyEnd("tool_calls")]


noted = list[str]()


def note(text: str) -> str:
    """Note something."""
    noted.append(text)
    return text


@pytest.fixture(autouse=True)
def _nothing_noted() -> None:
    noted.clear()


def made(model: ChatModel, store: MemoryJournalStore | None, **settings: object) -> Starlette:
    agent = LightAgent(name="helper", model=model, tools=[note])
    return serve(agent, store=store, settings=ServeSettings.model_validate(settings))


def serving_of(app: Starlette) -> Serving:
    found = app.state.serving
    assert isinstance(found, Serving)
    return found


async def ask(app: Starlette, **more: JsonValue) -> JsonObject:
    call = await answer_to(app, RESPONSES, {**MORE, "input": "Note x", **more})
    assert call.status == 200, call.body
    return call.json


async def get(app: Starlette, name: JsonValue) -> JsonObject:
    return (await answer_to(app, f"{RESPONSES}/{name}", method="GET")).json


async def followed(app: Starlette, name: JsonValue, after: int | None = None) -> list[JsonObject]:
    query = "stream=true" if after is None else f"stream=true&starting_after={after}"
    return told_in(await answer_to(app, f"{RESPONSES}/{name}", method="GET", query=query))


def numbers(events: Sequence[JsonObject]) -> list[JsonValue]:
    return [event["sequence_number"] for event in events]


async def test_a_run_outlives_its_connection() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    app = made(model, store)
    begun = await ask(app, metadata={"team": "blue"})
    assert (begun["status"], begun["background"], begun["output"]) == ("in_progress", True, [])
    async with asyncio.timeout(20):
        await model.asked.wait()
    shown = await get(app, begun["id"])
    assert (shown["status"], shown["metadata"]) == ("in_progress", {"team": "blue"})
    assert (await answer_to(app, f"{RESPONSES}/{begun['id']}", method="DELETE")).status == 409
    model.gate.set()
    events = await followed(app, begun["id"])
    whole = await get(app, begun["id"])
    assert (whole["status"], text_of(whole)) == ("completed", "I note it.It is noted.")
    assert objects([events[-1]["response"]]) == [whole]
    assert noted == ["x"]
    assert (await answer_to(app, f"{RESPONSES}/{begun['id']}", method="DELETE")).status == 200
    assert (await answer_to(app, f"{RESPONSES}/{begun['id']}", method="GET")).status == 404


async def test_a_client_that_leaves_the_stream_goes_on_from_its_last_number() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    app = made(model, store)
    async with calling(app, RESPONSES, {**MORE, "input": "Note x", "stream": True}) as call:
        await call.until(lambda: b"response.in_progress" in call.body)
        call.leave()
        await call.ended()
    had = told_in(call)
    assert not model.given_up.is_set()
    model.gate.set()
    (response,) = objects([had[0]["response"]])
    rest = await followed(app, response["id"], after=len(had) - 1)
    whole = await followed(app, response["id"])
    assert had + rest == whole
    assert numbers(whole) == [*range(len(whole))]
    text = "".join(str(event["delta"]) for event in whole if event["type"] == "response.output_text.delta")
    assert text == "I note it.It is noted."
    assert await followed(app, response["id"], after=len(whole) - 1) == []


async def test_a_run_in_the_background_counts_and_waits_for_its_place() -> None:
    model = GatedModel()
    app = made(model, MemoryJournalStore(), runs=1, waiting_runs=1)
    first = await ask(app)
    second = await ask(app)
    assert (first["status"], second["status"]) == ("in_progress", "queued")
    assert (await get(app, second["id"]))["status"] == "queued"
    third = await answer_to(app, RESPONSES, {**MORE, "input": "Note x"})
    assert (third.status, third.headers["retry-after"]) == (429, "5")
    for name in (second["id"], first["id"]):
        told = await answer_to(app, f"{RESPONSES}/{name}/cancel", method="POST")
        assert told.json["status"] == "cancelled"
        assert (await followed(app, name))[-1]["type"] == "response.failed"
        assert (await get(app, name))["status"] == "cancelled"
    assert noted == []


@pytest.mark.parametrize("wrong", ["no store", "a flow"])
async def test_where_no_run_is_kept_there_is_no_background(wrong: str) -> None:
    agent = LightAgent(name="helper", model=ScriptedModel("x"))
    app = serve(agent) if wrong == "no store" else serve(flows=[LightFlow(name="helper")], store=MemoryJournalStore())
    call = await answer_to(app, RESPONSES, {**MORE, "input": "x"})
    assert (call.status, objects([call.json["error"]])[0]["param"]) == (400, "background")


async def test_only_answers_in_the_background_are_followed_by_number() -> None:
    app = made(ScriptedModel("Hello."), MemoryJournalStore())
    plain = await answer_to(app, RESPONSES, {"model": "helper", "input": "x"})
    call = await answer_to(app, f"{RESPONSES}/{plain.json['id']}", method="GET", query="stream=true")
    assert (call.status, objects([call.json["error"]])[0]["param"]) == (400, "stream")
    begun = await ask(app)
    wrong = await answer_to(app, f"{RESPONSES}/{begun['id']}", method="GET", query="stream=true&starting_after=-1")
    assert (wrong.status, objects([wrong.json["error"]])[0]["param"]) == (400, "starting_after")


async def test_functions_of_the_client_are_answered_in_the_background_too() -> None:
    app = serve(LightAgent(name="helper", model=ScriptedModel(asks_for_weather)), store=MemoryJournalStore())
    first = await ask(app, input="Rome", tools=[FUNCTION])
    (call,) = objects(objects([(await followed(app, first["id"]))[-1]["response"]])[0]["output"])
    assert call["type"] == "function_call"
    told: JsonValue = [{"type": "function_call_output", "call_id": call["call_id"], "output": "warm"}]
    second = await ask(app, input=told, tools=[FUNCTION], previous_response_id=first["id"])
    events = await followed(app, second["id"])
    assert numbers(events) == [*range(len(events))]
    assert text_of(await get(app, second["id"])) == "It is warm."
    assert (await get(app, second["id"]))["previous_response_id"] == first["id"]


async def test_a_server_that_stops_leaves_them_to_its_next_start() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    app = made(model, store, shutdown_seconds=0)
    async with calling(app, RESPONSES, {"model": "helper", "input": "Note x", "stream": True}) as plain:
        await plain.until(lambda: b"response.in_progress" in plain.body)
        async with calling(app, RESPONSES, {**MORE, "input": "Note x", "stream": True}) as call:
            await call.until(lambda: b"response.in_progress" in call.body)
            await asyncio.wait_for(model.asked.wait(), 20)
            await serving_of(app).stop()
            await call.ended()
        await plain.ended()
    assert told_in(plain)[-1]["type"] == "response.failed"
    had = told_in(call)
    (response,) = objects([had[0]["response"]])
    runs = [info.status async for info in Runs(store).list()]
    assert sorted(runs) == ["cancelled", "interrupted"]
    model.gate.set()
    again = made(model, store)
    assert (await get(again, response["id"]))["status"] == "in_progress"
    serving_of(again).start()
    rest = await followed(again, response["id"], after=len(had) - 1)
    assert text_of(objects([rest[-1]["response"]])[0]) == "I note it.It is noted."
    assert had + rest == await followed(again, response["id"])
    assert noted == ["x"]
    await serving_of(again).stop()


async def test_a_tool_that_is_at_work_may_end_before_its_run_is_left() -> None:
    begun, store = asyncio.Event(), MemoryJournalStore()
    worked = list[str]()

    @tool
    async def work() -> str:
        """Work for a moment."""
        begun.set()
        await asyncio.sleep(0.1)
        worked.append("done")
        return "done"

    def reply(request: ChatRequest) -> Reply:
        return "Done." if request.messages[-1].role == "tool" else call_tool("work")

    def app() -> Starlette:
        agent = LightAgent(name="helper", model=ScriptedModel(reply), tools=[work])
        return serve(agent, store=store, settings=ServeSettings(shutdown_seconds=0))

    first = app()
    response = await ask(first)
    await asyncio.wait_for(begun.wait(), 20)
    await serving_of(first).stop()
    second = app()
    serving_of(second).start()
    assert text_of(objects([(await followed(second, response["id"]))[-1]["response"]])[0]) == "Done."
    assert worked == ["done"]


async def test_a_run_that_is_left_can_be_cancelled_before_it_goes_on() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    app = made(model, store, shutdown_seconds=0)
    begun = await ask(app)
    await asyncio.wait_for(model.asked.wait(), 20)
    await serving_of(app).stop()
    model.gate.set()
    again = made(model, store)
    await answer_to(again, f"{RESPONSES}/{begun['id']}/cancel", method="POST")
    assert (await followed(again, begun["id"]))[-1]["type"] == "response.failed"
    assert (await get(again, begun["id"]))["status"] == "cancelled"
    serving_of(again).start()
    assert noted == []


async def test_an_answer_whose_run_never_began_has_failed() -> None:
    store = MemoryJournalStore()
    await BackgroundRecords(store, lambda: 5.0).add(BackgroundRun("resp_x", "x", "helper", Caller(), 5))
    app = made(ScriptedModel("Hello."), store)
    assert (await get(app, "resp_x"))["status"] == "in_progress"
    serving_of(app).start()
    events = await followed(app, "resp_x")
    assert [event["type"] for event in events][-1] == "response.failed"
    failed = await get(app, "resp_x")
    assert failed["status"] == "failed"
    assert "The server ended before the run had started." in str(failed["error"])
    after = await answer_to(app, RESPONSES, {"model": "helper", "input": "x", "previous_response_id": "resp_x"})
    assert after.status == 404


async def test_a_run_whose_tools_are_gone_has_failed_after_the_restart() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    app = made(model, store, shutdown_seconds=0)
    begun = await ask(app, input="Note x")
    model.gate.set()
    await followed(app, begun["id"])
    model.gate.clear()
    model.asked.clear()
    second = await ask(app, input="Note x")
    await asyncio.wait_for(model.asked.wait(), 20)
    await serving_of(app).stop()
    other = serve(LightAgent(name="helper", model=model), store=store)
    serving_of(other).start()
    assert (await followed(other, second["id"]))[-1]["type"] == "response.failed"
    assert (await get(other, second["id"]))["status"] == "failed"


@pytest.mark.parametrize("verdict", ["passes", "blocks"])
async def test_a_query_that_policies_have_to_admit_is_on_no_record_before(verdict: str) -> None:
    may_decide, store = asyncio.Event(), MemoryJournalStore()

    async def decide(context: HookContext) -> HookDecision | None:
        await may_decide.wait()
        return HookDecision.block("It is private.") if verdict == "blocks" else None

    hook = PolicyHook(decide, {"before_run"}, name="admit")
    app = serve(LightAgent(name="helper", model=ScriptedModel(["Hello."]), hooks=[hook]), store=store)
    begun = await ask(app, input="a private question")
    assert (begun["status"], [info async for info in Runs(store).list()]) == ("in_progress", [])
    assert (await get(app, begun["id"]))["status"] == "in_progress"
    may_decide.set()
    events = await followed(app, begun["id"])
    assert numbers(events) == [*range(len(events))]
    assert events[-1]["type"] == ("response.failed" if verdict == "blocks" else "response.completed")


async def test_the_dependencies_of_tools_are_made_for_who_asked_after_a_restart_too() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    made_for = list[Caller]()

    def deps(caller: Caller) -> str:
        made_for.append(caller)
        return caller.user

    def app() -> Starlette:
        agent = LightAgent(name="helper", model=model, tools=[note], deps_type=str)
        return serve(agent, store=store, deps=deps, settings=ServeSettings(shutdown_seconds=0))

    key, record = await AccessKeys(store, time.time).create(tenant="acme", user="ann", roles=["clerk"])
    headers = {"authorization": f"Bearer {key}"}
    first = app()
    begun = await answer_to(first, RESPONSES, {**MORE, "input": "x"}, headers=headers)
    await asyncio.wait_for(model.asked.wait(), 20)
    await serving_of(first).stop()
    model.gate.set()
    again = app()
    serving_of(again).start()
    path = f"{RESPONSES}/{begun.json['id']}"
    told = await answer_to(again, path, method="GET", query="stream=true", headers=headers)
    assert told_in(told)[-1]["type"] == "response.completed"
    assert {(one.key_id, one.user, one.roles) for one in made_for} == {(record.key_id, "ann", ("clerk",))}
    assert (await answer_to(again, path, method="GET", query="stream=true")).status == 401


async def test_a_run_that_waits_for_its_place_is_left_and_taken_up_too() -> None:
    model, store = GatedModel(), MemoryJournalStore()
    app = made(model, store, runs=1, shutdown_seconds=0)
    names = [(await ask(app))["id"] for _ in range(3)]
    await serving_of(app).stop()
    model.gate.set()
    again = made(model, store, runs=1)
    serving_of(again).start()
    for name in names:
        assert (await followed(again, name))[-1]["type"] == "response.completed"
    assert noted == ["x"] * 3


async def test_a_server_that_starts_leaves_what_another_one_is_about_to_begin() -> None:
    store, now = MemoryJournalStore(), time.time()
    records = BackgroundRecords(store, time.time)
    record = BackgroundRun("resp_x", "x", "helper", Caller(), int(now))
    await records.add(record)
    app = made(ScriptedModel("Hello."), store)
    assert not await serving_of(app).background.take_up(record)
    cancelled = await answer_to(app, f"{RESPONSES}/resp_x/cancel", method="POST")
    assert (cancelled.status, cancelled.headers["retry-after"]) == (409, "5")
    await records.close(record, LightAgentErrorInfo("LA-503", "It never began."))
    await records.close(record)
    found = await records.find("resp_x", NO_SCOPE)
    assert found is not None
    assert (found.status, found.error) == ("ended", None)


async def test_a_stream_whose_store_cannot_be_read_ends_and_is_gone_on_with() -> None:
    class Shaky(MemoryJournalStore):
        broken = False

        async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
            if self.broken and key.kind == "run":
                raise StoreError("The disk is away.")
            return await super().read(key, after, limit, wait)

    model, store = GatedModel(), Shaky()
    app = made(model, store)
    async with calling(app, RESPONSES, {**MORE, "input": "Note x", "stream": True}) as call:
        await call.until(lambda: b"response.in_progress" in call.body)
        await asyncio.wait_for(model.asked.wait(), 20)
        store.broken = True
        model.gate.set()
        await call.ended()
    store.broken = False
    had = told_in(call)
    (response,) = objects([had[0]["response"]])
    rest = await followed(app, response["id"], after=len(had) - 1)
    assert had + rest == await followed(app, response["id"])
