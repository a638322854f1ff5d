"""Flows as models behind OpenAI's API."""

from __future__ import annotations

import asyncio

from lightagent import LightAgent, LightFlow, StepContext, serve
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.deltas import ReplyEnd, TextDelta
from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import answer_to, calling, chat, objects

CHAT = "/v1/chat/completions"


def sign(query: str, context: StepContext) -> str:
    return f"{context.outputs['write']} yours."


def letters() -> LightFlow:
    agent = LightAgent(name="writer", model=ScriptedModel(lambda request: f"Dear {request.messages[-1].content},"))
    flow = LightFlow(name="helper", store=MemoryJournalStore())
    flow.step("write", agent=agent)
    flow.step("sign", agent=sign, depends_on=["write"])
    return flow


async def test_a_flow_answers_with_what_its_last_step_gave() -> None:
    app = serve(flows=[letters()])
    whole = await answer_to(app, CHAT, chat("Ann"))
    assert whole.message["content"] == "Dear Ann, yours."
    streamed = await answer_to(app, CHAT, chat("Ann", stream=True))
    assert streamed.text == "Dear Ann, yours."
    assert streamed.choices[-1]["finish_reason"] == "stop"


async def test_its_tokens_are_those_of_all_its_agents() -> None:
    def says(text: str, number: int) -> list[TextDelta | ReplyEnd]:
        return [TextDelta(text), ReplyEnd("stop", Usage(number, 2 * number, 3 * number))]

    def written() -> LightFlow:
        first = LightAgent(name="first", model=ScriptedModel([says("One.", 1)]))
        second = LightAgent(name="second", model=ScriptedModel([says("Two.", 10)]))
        flow = LightFlow(name="helper").step("draft", agent=first)
        return flow.step("edit", agent=second, depends_on=["draft"])

    counts = {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33}
    whole = await answer_to(serve(flows=[written()]), CHAT, chat("Ann"))
    streamed = await answer_to(
        serve(flows=[written()]), CHAT, chat("Ann", stream=True, stream_options={"include_usage": True})
    )
    for told in (whole.json["usage"], streamed.chunks[-1]["usage"]):
        assert isinstance(told, dict)
        assert {name: told[name] for name in counts} == counts
    body: JsonObject = {"model": "helper", "input": "Ann"}
    (usage,) = objects([(await answer_to(serve(flows=[written()]), "/v1/responses", body)).json["usage"]])
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (11, 22, 33)


async def test_its_steps_are_seen_as_tools_where_these_are_shown() -> None:
    app = serve(flows=[letters()], settings=ServeSettings(tools_shown="extension"))
    streamed = await answer_to(app, CHAT, chat("Ann", stream=True))
    told = [chunk["lightagent"] for chunk in streamed.chunks if "lightagent" in chunk]
    assert [(one["type"], one["name"]) for one in told if isinstance(one, dict)] == [
        ("tool_call", "write"),
        ("tool_result", "write"),
        ("tool_call", "sign"),
        ("tool_result", "sign"),
    ]


async def test_a_client_that_leaves_cancels_the_run_of_a_flow() -> None:
    begun = asyncio.Event()

    async def wait(query: str) -> str:
        begun.set()
        await asyncio.Event().wait()
        return query

    flow = LightFlow(name="helper", store=MemoryJournalStore())
    flow.step("wait", agent=wait)
    async with calling(serve(flows=[flow]), CHAT, chat("Ann", stream=True)) as call:
        await begun.wait()
        call.leave()
        await call.ended()
    (run,) = await flow.alist_runs()
    assert run["status"] == "cancelled"


async def test_a_flow_that_waits_for_a_person_says_so() -> None:
    def pay(query: str) -> str:
        return query

    flow = LightFlow(name="helper", store=MemoryJournalStore())
    flow.step("pay", agent=pay, requires_approval=True)
    answer = await answer_to(serve(flows=[flow]), CHAT, chat("Ann"))
    assert "The step pay needs approval." in str(answer.message["content"])


async def test_a_flow_that_fails_is_an_error() -> None:
    def fail(query: str) -> str:
        raise RuntimeError("the secret path /etc/passwd")

    flow = LightFlow(name="helper", store=MemoryJournalStore())
    flow.step("fail", agent=fail, max_retry=1)
    answer = await answer_to(serve(flows=[flow]), CHAT, chat("Ann"))
    assert answer.status == 500
    assert b"secret" not in answer.body
