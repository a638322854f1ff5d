"""What chat interfaces ask for themselves: the plain model answers, and nothing of the agent is touched."""

from __future__ import annotations

import pytest

from lightagent import InProcessMemory, LightAgent, Runs, Sessions, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.policy.guardrails import GuardrailDecision
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import answer_to, chat, objects

CHAT = "/v1/chat/completions"
TASK = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history."


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def answer(request: ChatRequest) -> Reply:
    if request.messages[-1].role == "tool":
        return "It is 5."
    return call_tool("add", a=2, b=3) if request.tools else "A title"


async def test_one_message_of_open_webui_is_one_run_in_the_history_of_its_user() -> None:
    store, memory = MemoryJournalStore(), InProcessMemory()
    model = ScriptedModel(answer)
    agent = LightAgent(name="helper", model=model, tools=[add], memory=memory, instructions="Secret rules.")
    app = serve(agent, store=store)
    told = await answer_to(app, CHAT, chat("I live in Rome; add 2 and 3.", stream=True))
    assert told.text == "It is 5."
    before = len(model.requests)
    for kind in ("title", "tags", "follow-ups"):
        asked = await answer_to(app, CHAT, chat(f"{TASK}\n{kind}", stream=False))
        assert asked.message["content"] == "A title"
    plain = model.requests[before:]
    assert [(len(request.tools), len(request.messages)) for request in plain] == [(0, 1)] * 3
    assert len([info async for info in Runs(store).list()]) == 1


@pytest.mark.parametrize(
    "beginning",
    ["### Task:", "  ### Task:", "Write a concise title for this conversation in the detected language.", "Mine:"],
)
async def test_such_requests_are_known_by_how_they_begin(beginning: str) -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(answer), tools=[add])
    app = serve(agent, settings=ServeSettings(auxiliary=["Mine:"]))
    assert (await answer_to(app, CHAT, chat(f"{beginning} x"))).message["content"] == "A title"
    parts = chat("")
    parts["messages"] = [{"role": "user", "content": [{"type": "text", "text": f"{beginning} x"}]}]
    assert (await answer_to(app, CHAT, parts)).message["content"] == "A title"
    other = await answer_to(app, CHAT, chat(f"Say {beginning}"))
    assert other.message["content"] == "It is 5."


async def test_the_plain_model_is_listed_for_interfaces_that_can_be_told() -> None:
    app = serve(LightAgent(name="helper", model=ScriptedModel(answer), tools=[add]))
    listed = await answer_to(app, "/v1/models", method="GET")
    assert [model["id"] for model in objects(listed.json["data"])] == ["helper", "utility"]
    told = await answer_to(app, CHAT, {**chat("Any question"), "model": "utility"})
    assert told.message["content"] == "A title"


async def test_nothing_that_the_plain_model_is_asked_is_kept() -> None:
    store = MemoryJournalStore()
    app = serve(LightAgent(name="helper", model=ScriptedModel(answer), tools=[add]), store=store)
    assert (await answer_to(app, CHAT, {**chat("Name this chat"), "model": "utility"})).message["content"] == "A title"
    assert not [info async for info in Runs(store).list()]


@pytest.mark.parametrize(("model", "text"), [("helper", TASK), ("utility", "Any question")])
async def test_in_the_background_they_are_refused_since_nothing_of_them_is_kept(model: str, text: str) -> None:
    scripted, store = ScriptedModel(answer), MemoryJournalStore()
    app = serve(LightAgent(name="helper", model=scripted, tools=[add]), store=store)
    told = await answer_to(app, "/v1/responses", {"model": model, "input": text, "background": True})
    error = told.json["error"]
    assert isinstance(error, dict)
    assert (told.status, error["param"], len(scripted.requests)) == (400, "background", 0)


async def test_within_a_conversation_they_are_no_turn_of_it() -> None:
    store = MemoryJournalStore()
    app = serve(LightAgent(name="helper", model=ScriptedModel(answer), tools=[add]), store=store)
    told = await answer_to(app, "/v1/responses", {"model": "helper", "input": TASK, "conversation": "c"})
    assert (told.status, told.json["conversation"]) == (200, None)
    assert [one async for one in Sessions(store).list()] == []


async def test_policies_hold_for_them_as_well() -> None:
    def no_titles(text: str, context: object) -> GuardrailDecision:
        return GuardrailDecision(False, "No.")

    agent = LightAgent(name="helper", model=ScriptedModel(answer), input_guardrails=[no_titles])
    assert (await answer_to(serve(agent), CHAT, chat(TASK))).status == 403
