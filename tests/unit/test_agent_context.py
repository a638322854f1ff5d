"""What belongs to a run stays in the run: traces, journals, histories, tools, users, metadata."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from lightagent import ChatRequest, LightAgent, RunContext, Scope, tool
from lightagent.domain.conversation.messages import UserMessage
from lightagent.testing import Reply, ScriptedModel, call_tool


@dataclass
class Deps:
    token: str


@tool
def lookup(word: str) -> str:
    """Looks a word up."""
    return f"meaning of {word}"


@tool
def admin_delete(word: str) -> str:
    """Deletes a word."""
    raise AssertionError("this must not run")


def echo(request: ChatRequest) -> Reply:
    """Says the query again, after one call of the tool that there is."""
    query = next(message.text for message in reversed(request.messages) if isinstance(message, UserMessage))
    last = request.messages[-1]
    return call_tool("lookup", word=query) if isinstance(last, UserMessage) and request.tools else f"{query}!"


def seen(agent: LightAgent[None, str]) -> str:
    """Everything that this agent tells of its last run here."""
    journal = agent.export_journal()
    told = [agent.export_trace(), agent.get_history(), journal.to_json() if journal else None]
    return json.dumps(told)


NOTHING = "[[], [], null]"


def test_before_the_first_run_nothing_is_remembered() -> None:
    agent = LightAgent(model=ScriptedModel(["yes"]))
    assert seen(agent) == NOTHING
    assert agent.summarize_trace().model_request_count == 0


def test_the_last_run_is_remembered() -> None:
    agent = LightAgent(model=ScriptedModel(echo), tools=[lookup])
    result = agent.run("one", trace=True, result_format="object")
    assert agent.export_trace() == result.trace != []
    assert agent.export_journal() == result.journal
    assert agent.get_history() == result.history()
    assert agent.summarize_trace().tool_call_count == 1
    agent.run("two")
    assert agent.export_trace() == []  # this one was not traced
    assert agent.get_history()[0] == {"role": "user", "content": "two"}


@pytest.mark.parametrize("form", ["str", "event"])
def test_a_streamed_run_is_remembered_where_it_was_read(form: str) -> None:
    agent = LightAgent(model=ScriptedModel(echo), tools=[lookup])
    if form == "event":
        list(agent.run("one", trace=True, stream=True, result_format="event"))
    else:
        list(agent.run("one", trace=True, stream=True))
    assert agent.export_trace()[-1]["type"] == "run_end"
    assert agent.get_history()[-1] == {"role": "assistant", "content": "one!"}


def test_two_agents_of_one_context_keep_to_themselves() -> None:
    first, second = (LightAgent(model=ScriptedModel(echo)) for _ in range(2))
    first.run("one", trace=True)
    assert seen(second) == NOTHING
    second.run("two")
    assert first.get_history()[0] == {"role": "user", "content": "one"}


def test_no_thread_sees_anothers_run() -> None:
    agent = LightAgent(model=ScriptedModel(echo), tools=[lookup])
    everybody = threading.Barrier(16)

    def one(user: str) -> str:
        before = seen(agent)
        agent.run(user, trace=True)
        everybody.wait(10)
        return before + seen(agent)

    users = [f"canary-{number:02}" for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        for user, told in zip(users, pool.map(one, users), strict=True):
            assert told.startswith(NOTHING)
            assert user in told
            assert not any(other in told for other in users if other != user)


async def test_no_task_sees_anothers_run_not_even_its_parents() -> None:
    agent = LightAgent(model=ScriptedModel(echo), tools=[lookup])
    await agent.arun("canary-parent", trace=True)
    everybody = asyncio.Barrier(50)

    async def one(user: str) -> str:
        before = seen(agent)
        await agent.arun(user, trace=True)
        await everybody.wait()
        return before + seen(agent)

    users = [f"canary-{number:02}" for number in range(50)]
    for user, told in zip(users, await asyncio.gather(*map(one, users)), strict=True):
        assert told.startswith(NOTHING)
        assert user in told
        assert not any(other in told for other in [*users, "canary-parent"] if other != user)
    assert "canary-parent" in seen(agent)
    assert await asyncio.to_thread(seen, agent) == NOTHING


def test_a_remembered_run_is_freed_with_its_agent() -> None:
    agent = LightAgent(model=ScriptedModel(echo))
    agent.run("one")
    gone = weakref.ref(agent)
    del agent
    gc.collect()
    assert gone() is None


def test_the_tools_of_a_run_do_not_stay() -> None:
    model = ScriptedModel(["done", "done"])
    agent = LightAgent(model=model, tools=[lookup])
    agent.run("as admin", tools=[admin_delete])
    agent.run("as guest")
    offered = [[spec.name for spec in request.tools] for request in model.requests]
    assert offered == [["lookup", "admin_delete"], ["lookup"]]
    assert agent.get_tool("admin_delete") is None
    assert [entry["function"] for entry in agent.get_tools()] == [lookup.spec.to_openai()["function"]]


def test_only_offered_tools_can_be_called() -> None:
    model = ScriptedModel([call_tool("admin_delete", word="x"), "as you wish"])
    result = LightAgent(model=model, tools=[lookup]).run("delete x", result_format="object")
    (call,) = result.tool_calls
    assert call.status == "refused"
    assert call.arguments is None
    assert call.output is not None
    assert call.output.startswith("[LA-TOOL] There is no tool 'admin_delete'.")
    assert "lookup" in call.output


def test_metadata_of_a_run_goes_over_that_of_the_agent() -> None:
    model = ScriptedModel(["1", "2"])
    agent = LightAgent(model=model, metadata={"temperature": 0, "max_tokens": 9})
    agent.run("?", metadata={"temperature": 1, "stop": ["x"]})
    agent.run("?")
    first, second = (request.params for request in model.requests)
    assert first == {"temperature": 1, "max_tokens": 9, "stop": ["x"]}
    assert second == {"temperature": 0, "max_tokens": 9}


async def test_a_tool_knows_the_call_it_serves() -> None:
    known: list[RunContext[Deps]] = []

    @tool
    async def look(ctx: RunContext[Deps]) -> str:
        """Looks."""
        known.append(ctx)
        return "seen"

    model = ScriptedModel([[call_tool("look"), call_tool("look")], "done"])
    agent = LightAgent(model=model, deps_type=Deps, tools=[look], name="Ada")
    deps = Deps("t")
    result = await agent.arun("?", deps=deps, user_id="u", trace_id="t1", result_format="object")
    first, second = known
    assert (first.deps, first.agent_name, first.run_id, first.trace_id) == (deps, "Ada", result.run_id, "t1")
    assert first.scope == Scope(user="u")
    assert first.user_id == "u"
    assert not first.approved
    assert [first.call_id, second.call_id] == ["call_1_1", "call_1_2"]
    assert first.idempotency_key == f"{result.run_id}:1:call_1_1"
    assert second.idempotency_key == f"{result.run_id}:1:call_1_2"
    assert first.is_cancelled()  # the call is over
    assert result.journal.started.scope == Scope(user="u")


def test_dependencies_are_those_of_the_run() -> None:
    @tool
    def who(ctx: RunContext[Deps]) -> str:
        """Who asks."""
        return ctx.deps.token

    model = ScriptedModel([call_tool("who"), "1", call_tool("who"), "2"])
    agent = LightAgent(model=model, deps_type=Deps, tools=[who])
    for name in ("ada", "bob"):
        result = agent.run("?", deps=Deps(name), result_format="object")
        assert result.tool_calls[0].output == name


def test_a_history_feeds_the_next_run() -> None:
    model = ScriptedModel([call_tool("lookup", word="tree"), "A plant.", "Yes, a big one."])
    agent = LightAgent(model=model, tools=[lookup], instructions="Be short.")
    first = agent.run("What is a tree?", result_format="object")
    history = first.history()
    assert [message["role"] for message in history] == ["user", "assistant", "tool", "assistant"]
    second = agent.run("Is it big?", history=history, result_format="object")
    assert model.requests[-1].messages[1:-1] == first.journal.run.messages
    assert second.history()[:4] == history
    assert json.loads(json.dumps(second.history())) == second.history()


def test_the_history_of_a_waiting_run_is_one_a_provider_takes() -> None:
    @tool(requires_approval=True)
    def pay(euros: int) -> str:
        """Pays."""
        return "paid"

    model = ScriptedModel([call_tool("pay", euros=5), "Never mind."])
    agent = LightAgent(model=model, tools=[pay])
    waiting = agent.run("pay", result_format="object")
    assert waiting.history() == [{"role": "user", "content": "pay"}]
    assert agent.run("forget it", history=waiting.history()) == "Never mind."


def test_a_run_takes_its_place_in_a_larger_trace() -> None:
    agent = LightAgent(model=ScriptedModel(["yes"]))
    result = agent.run("?", trace=True, trace_id="t", parent_trace_id="p", run_group_id="g", result_format="object")
    assert result.trace_id == "t"
    assert {(event["trace_id"], event["parent_trace_id"], event["run_group_id"]) for event in result.trace} == {
        ("t", "p", "g")
    }


def test_agents_have_names_of_their_own_and_a_neutral_sentence() -> None:
    model = ScriptedModel(["1", "2", "3"])
    agents = [LightAgent(model=model), LightAgent(model=model), LightAgent(model=model, role="A clerk")]
    assert len({agent.name for agent in agents}) == 3
    for agent in agents:
        agent.run("?")
    prompts = [request.messages[0].content for request in model.requests]
    assert prompts == ["You are a helpful assistant."] * 2 + ["A clerk"]


async def test_instructions_of_a_run_come_after_those_of_the_agent_and_hold_for_that_run() -> None:
    model = ScriptedModel(["One.", "Two.", "Three."])
    agent = LightAgent(model=model, instructions="Be brief.")
    await agent.arun("a", instructions="Speak like a pirate.")
    await agent.arun("b")
    await LightAgent(model=model, instructions="").arun("c", instructions="Speak like a pirate.")
    told = [request.messages[0].to_openai()["content"] for request in model.requests]
    assert told == ["Be brief.\n\nSpeak like a pirate.", "Be brief.", "Speak like a pirate."]
