"""`preview` gives the very request that an endpoint then gets, over the features that add to one, and sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from lightagent import (
    AgentOptions,
    ConfigurationError,
    ContextBudget,
    GuardrailDecision,
    HookContext,
    HookDecision,
    InProcessMemory,
    JsonObject,
    LightAgent,
    LightSwarm,
    PolicyError,
    Prompts,
    RunOptions,
    SharedMemoryPool,
    Subject,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.projections.request_preview import RequestPreview
from lightagent.domain.conversation.messages import Trust
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.json_types import JsonValue
from lightagent.ports.context import ContextSource
from lightagent.testing import ScriptedModel, call_tool
from tests.support.answering_endpoint import AnsweringEndpoint, answering_endpoint
from tests.support.many_tools import many_tools
from tests.support.skill_folders import write_skill


@pytest.fixture
async def endpoint() -> AsyncIterator[AnsweringEndpoint]:
    async with answering_endpoint() as found:
        yield found


def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city} is sunny."


def shouting(query: str, context: JsonObject) -> GuardrailDecision:
    return GuardrailDecision(True, value=query.upper())


def tempered(context: HookContext) -> HookDecision | None:
    if context.phase != "before_model_request":
        return None
    params = context.payload["params"]
    assert isinstance(params, dict)
    return HookDecision.replace({"params": {**params, "temperature": 0.5}})


class House(ContextSource):
    """Context of an application's own."""

    @property
    def name(self) -> str:
        return "house"

    @property
    def trust(self) -> Trust:
        return "trusted"

    @property
    def timeout(self) -> float | None:
        return None

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        return ["The house is blue."]


class Case(NamedTuple):
    """An agent, a run, and what the framework adds to its request, by name."""

    agent: Callable[[Path], AgentOptions]
    run: RunOptions
    added: frozenset[str] = frozenset()
    output: type | None = None
    stream: bool = False


HISTORY: Final[list[JsonObject]] = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]


def remembering() -> InProcessMemory:
    memory = InProcessMemory()
    LightAgent(model=ScriptedModel(["Yes."]), memory=memory).run("My cat is called Tom.", user_id="ann")
    return memory


CASES: Final = {
    "nothing": Case(lambda _: {}, {}, frozenset({"prompts.instructions"})),
    "role and instructions": Case(lambda _: {"role": "A clerk.", "instructions": "Be brief."}, {}),
    "no instructions": Case(lambda _: {"instructions": ""}, {}),
    "history and parameters": Case(
        lambda _: {"role": "A clerk.", "metadata": {"temperature": 0}}, {"history": HISTORY, "metadata": {"seed": 3}}
    ),
    "tools": Case(lambda _: {"role": "A clerk.", "tools": [weather]}, {}),
    "tools of a run": Case(lambda _: {"role": "A clerk."}, {"tools": [weather]}),
    "a stream": Case(lambda _: {"role": "A clerk."}, {}, frozenset({"stream_options"}), stream=True),
    "an output type": Case(
        lambda _: {"role": "A clerk."}, {}, frozenset({"prompts.output_schema", "response_format"}), output=int
    ),
    "selection": Case(
        lambda _: {"role": "A clerk.", "tools": many_tools(2), "tool_selection": True},
        {},
        frozenset({"search_tools"}),
    ),
    "skills": Case(
        lambda folder: {"role": "A clerk.", "skills_directories": folder},
        {},
        frozenset({"skills", "list_skills", "activate_skill", "read_skill_reference"}),
    ),
    "skills that are left out": Case(
        lambda folder: {"role": "A clerk.", "skills_directories": folder}, {"use_skills": False}
    ),
    "memory": Case(lambda _: {"role": "A clerk.", "memory": remembering()}, {"user_id": "ann"}, frozenset({"memory"})),
    "a memory that knows nothing": Case(
        lambda _: {"role": "A clerk.", "memory": SharedMemoryPool(agent_name="a")}, {"user_id": "ann"}
    ),
    "a guardrail": Case(lambda _: {"role": "A clerk.", "input_guardrails": [shouting]}, {}),
    "a hook": Case(lambda _: {"role": "A clerk.", "hooks": [tempered]}, {}),
    "context of one's own": Case(lambda _: {"role": "A clerk.", "context_sources": [House()]}, {}),
    "a context budget": Case(
        lambda _: {
            "role": "A clerk.",
            "tools": [weather],
            "context_budget": ContextBudget(max_tokens=4000, strategy="spill", store=MemoryJournalStore()),
        },
        {},
        frozenset({"read_tool_result"}),
    ),
    "a plan": Case(
        lambda _: {"role": "A clerk.", "tree_of_thought": True, "tools": [weather]},
        {},
        frozenset({"plan[0]", "plan[1]"}),
    ),
    "a time limit": Case(
        lambda _: {"role": "A clerk.", "tree_of_thought": True}, {"timeout": 20}, frozenset({"plan[0]", "plan[1]"})
    ),
    "other prompts": Case(
        lambda _: {"prompts": Prompts(instructions="You are a lamp.")}, {}, frozenset({"prompts.instructions"})
    ),
}


def assembled(preview: RequestPreview) -> JsonObject:
    """The body as its parts make it up."""
    told = "\n\n".join(str(part.content) for part in preview.parts if part.kind == "instructions")
    messages: list[JsonValue] = [{"role": "system", "content": told}] if told else []
    messages += [part.content for part in preview.parts if part.kind == "message"]
    body: JsonObject = {"messages": messages}
    if tools := [part.content for part in preview.parts if part.kind == "tool"]:
        body["tools"] = tools
    for part in preview.parts:
        if part.kind in ("model", "parameter"):
            body[part.name.removeprefix("metadata.")] = part.content
    return body


@pytest.mark.parametrize("transport", ["aiohttp", pytest.param("sdk", marks=pytest.mark.openai)])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_is_shown_is_what_is_sent(
    endpoint: AnsweringEndpoint, tmp_path: Path, case: Case, transport: str
) -> None:
    write_skill(tmp_path, "price-check")
    options = await asyncio.to_thread(case.agent, tmp_path)
    options |= {"model": endpoint.model(transport)}
    agent: LightAgent[None, object] = LightAgent(output_type=case.output or str, **options)
    preview = await agent.apreview("What about Tom?", stream=case.stream, **case.run)
    assert endpoint.received == []
    if case.stream:
        _ = [event async for event in agent.astream_events("What about Tom?", **case.run)]
    else:
        await agent.arun_result("What about Tom?", **case.run)
    assert preview.body == endpoint.received[0]
    assert assembled(preview) == endpoint.received[0]
    ours = {part.name for part in preview.added_by("framework")}
    assert ours == case.added
    assert preview.purpose == ("plan" if "plan[0]" in case.added else "answer")
    await agent.aclose()


async def test_a_session_is_read_and_not_written(endpoint: AnsweringEndpoint) -> None:
    store = MemoryJournalStore()
    agent = LightAgent(model=endpoint.model("aiohttp"), role="A clerk.", session_store=store)
    await agent.arun("Hello", session_id="monday", user_id="ann")
    before = [entry async for entry in _entries(store)]
    preview = await agent.apreview("And now?", session_id="monday", user_id="ann")
    assert [entry async for entry in _entries(store)] == before
    assert [part.name for part in preview.parts if part.kind == "message"] == ["session[0]", "session[1]", "query"]
    await agent.arun("And now?", session_id="monday", user_id="ann")
    assert preview.body == endpoint.received[-1]
    again = await agent.apreview("Once more?", session_id="monday", user_id="ann", include_incomplete_turns=True)
    assert len(again.body["messages"] if isinstance(again.body["messages"], list) else ()) == 6


async def _entries(store: MemoryJournalStore) -> AsyncIterator[object]:
    listing = await store.list(StreamQuery("session"))
    for stream in listing.streams:
        for entry in (await store.read(stream.key)).entries:
            yield entry


def test_nothing_else_knows_of_it() -> None:
    model, memory = ScriptedModel(["Hi."]), SharedMemoryPool(agent_name="a")
    agent = LightAgent(model=model, memory=memory)
    preview = agent.preview("My cat is called Tom.", user_id="ann", trace=True, journal=MemoryJournalStore())
    assert model.requests == ()
    assert memory.list_records() == []
    assert (agent.export_trace(), agent.get_history(), agent.export_journal()) == ([], [], None)
    assert agent.run("Hello") == "Hi.", "the reply is still there"
    assert "[framework] instructions prompts.instructions" in str(preview)
    assert preview.to_dict()["purpose"] == "answer"


@pytest.mark.parametrize("session", [None, "monday"])
async def test_a_swarm_shows_the_request_of_the_agent_that_acts(
    endpoint: AnsweringEndpoint, session: str | None
) -> None:
    store = MemoryJournalStore()
    front = LightAgent(
        name="front",
        role="Routes.",
        model=ScriptedModel([call_tool("transfer_to_clerk"), call_tool("transfer_to_clerk")]),
        session_store=store,
    )
    clerk = LightAgent(name="clerk", role="Answers.", model=endpoint.model("aiohttp"), session_store=store)
    swarm = LightSwarm(consult=True, mail=True)
    swarm.register_agent(front, clerk)
    first = await swarm.apreview(clerk, "Hello", user_id="ann")
    assert [part.name for part in first.parts if part.kind == "tool"] == [
        "transfer_to_front",
        "consult_front",
        "send_message",
        "read_messages",
    ]
    assert first.body["model"] != "scripted"
    await swarm.arun(front, "Hello", session_id=session, user_id="ann")
    preview = await swarm.apreview(front, "And now?", stream=True, session_id=session, user_id="ann")
    acts = "Routes." if session is None else "Answers."  # the clerk has answered last
    assert [part.content for part in preview.parts if part.name == "role"] == [acts]
    if session is not None:
        _ = [event async for event in swarm.astream(front, "And now?", session_id=session, user_id="ann")]
        assert preview.body == endpoint.received[-1]


def test_a_swarm_without_the_agent_has_no_request() -> None:
    with pytest.raises(ConfigurationError, match="not registered"):
        LightSwarm().preview(LightAgent(model=ScriptedModel([])), "Hello")


def test_a_query_that_is_blocked_has_no_request() -> None:
    agent = LightAgent(model=ScriptedModel([]), input_guardrails=[lambda query, context: "not today"])
    with pytest.raises(PolicyError, match="not today"):
        agent.preview("Hello")
