"""Agents that are called as tools: one journal, one stream, one budget of time; cut anywhere, decided anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ChatRequest,
    ConfigurationError,
    Journal,
    JsonObject,
    LightAgent,
    PolicyError,
    Suspended,
    ToolError,
    ToolList,
    ToolSource,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.application.projections.usage import total_usage
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.runs.events import Event, ModelReplied, RunStarted, ToolFinished, ToolStarted
from tests.support.nested_runs import (
    DECISIONS,
    Done,
    ask,
    build_team,
    decisions,
    pay,
    plan,
    random_plan,
    to_the_end,
    unwrapped,
    waiting,
)

ROOT = Path(__file__).parents[2]
PLANS = max(4, int(os.environ.get("TEST_GENERATED_RUNS", "0")) // 200)
DEEP = plan([ask("h1", "desk", [ask("p1", "clerk", [pay("c1")])])])


def elsewhere(journals: list[Journal]) -> list[JsonObject]:
    """How these journals end in a process that knows nothing but their JSON."""
    lines = "\n".join(journal.to_json() for journal in journals)
    command = [sys.executable, "-m", "tests.support.nested_runs"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def comparable(result: JsonObject) -> JsonObject:
    """A result without its timing."""
    calls = result["tool_calls"]
    assert isinstance(calls, list)
    plain = [{k: v for k, v in call.items() if k != "duration"} for call in calls if isinstance(call, dict)]
    return {**result, "tool_calls": [*plain]}


async def begun(query: str) -> Journal:
    """A run up to its end or its first wait."""
    done = Done()
    result = await build_team(done).arun(query, deps=done, result_format="object")
    return result.journal


async def test_a_call_two_levels_down_is_decided_from_another_process() -> None:
    wanted = {"approve": ("paid 1", 1), "reject": ("no", 0), "edit": ("paid 7", 1), "respond": ("a human says 5", 0)}
    journals: list[Journal] = []
    for action in wanted:
        journal = await begun(plan([ask("h1", "desk", [ask("p1", "clerk", [pay("c1", action)])])]))
        assert journal.run.outcome == Suspended(("h1/p1/c1",))
        assert waiting(journal.run)["h1/p1/c1"].arguments == {"amount": 1, "decision": action}
        journals.append(journal)
    for ending, (answer, effects) in zip(elsewhere(journals), wanted.values(), strict=True):
        result, ran, asked = ending["result"], ending["ran"], ending["asked"]
        assert isinstance(result, dict)
        assert result["outcome"] == "completed"
        assert answer in str(result["content"])
        assert isinstance(ran, list)
        assert len(ran) == effects
        # What each of the three models had said before is not asked again.
        assert isinstance(asked, list)
        assert [(path, turn) for path, _, turn in (str(call).split(" ") for call in asked)] == [
            ("h1/p1", "2"),
            ("h1", "2"),
            ("", "2"),
        ]


async def test_an_edit_that_the_nested_tool_refuses_spends_no_approval() -> None:
    """It is refused as one of the run's own calls is: nothing happens, and another decision may follow."""
    done = Done()
    agent = build_team(done)
    journal = await begun(DEEP)
    with pytest.raises(ToolError):
        await agent.aresume(journal, ApprovalDecision.edit({"amount": "much"}), deps=done)
    assert (done.asked, done.ran) == ([], [])
    result = await agent.aresume(journal, ApprovalDecision.approve(), deps=done)
    assert (result.outcome.kind, len(done.ran)) == ("completed", 1)


async def test_agents_that_call_each_other_without_end_are_told_so_and_can_be_read_back() -> None:
    def again(request: ChatRequest) -> str | ToolCall:
        last = request.messages[-1]
        return str(last.content) if isinstance(last, ToolMessage) else call_tool("again", query="?")

    class Mirror(ToolSource[None]):
        """Shows an agent itself."""

        name, version = "mirror", 0

        async def tools(self) -> ToolList[None]:
            return ToolList({"again": agent.as_tool("again", "The same agent.")})

        async def aclose(self) -> None:
            """Nothing is open."""

    agent = LightAgent(name="endless", model=ScriptedModel(again), tools=[Mirror()])
    result = await agent.arun("?", result_format="object")
    assert "agents call each other over 16 levels already" in result.content
    assert Journal.from_json(result.journal.to_json()) == result.journal


@pytest.mark.timeout(900)
async def test_a_nested_run_cut_after_any_event_ends_the_same_elsewhere() -> None:
    cut: list[Journal] = []
    wanted: list[JsonObject] = []
    nested = 0
    for seed in range(PLANS):
        done = Done()
        agent = build_team(done)
        first = await agent.arun(random_plan(seed), deps=done, result_format="object")
        whole = (await to_the_end(agent, first.journal, done)).journal
        nested += any(path.count("/") == 1 for path, _ in unwrapped(whole.events))
        for length in range(1, len(whole.events)):
            cut.append(Journal(whole.events[:length]))
            wanted.append(comparable(agent.replay(whole).to_dict()))
    assert nested > PLANS // 4
    for prefix, ending, want in zip(cut, elsewhere(cut), wanted, strict=True):
        result, asked, ran = ending["result"], ending["asked"], ending["ran"]
        assert isinstance(result, dict)
        assert comparable(result) == want
        assert isinstance(asked, list)
        assert isinstance(ran, list)
        assert not replied(prefix.events) & set(map(str, asked))
        assert not finished_keys(prefix.events) & set(map(str, ran))


def replied(events: tuple[Event, ...]) -> set[str]:
    """The model calls that are finished, as `Done.asked` names them."""
    runs: dict[str, str] = {}
    calls: set[str] = set()
    for path, event in unwrapped(events):
        if isinstance(event, RunStarted):
            runs[path] = event.run_id
        elif isinstance(event, ModelReplied):
            calls.add(f"{path} {runs[path]} {event.turn}")
    return calls


def finished_keys(events: tuple[Event, ...]) -> set[str]:
    """The idempotency keys of the calls that have their result."""
    keys: set[str] = set()
    open_calls: dict[str, str] = {}
    for path, event in unwrapped(events):
        if isinstance(event, ToolStarted):
            open_calls[f"{path}/{event.call_id}"] = event.idempotency_key
        elif isinstance(event, ToolFinished) and f"{path}/{event.call_id}" in open_calls:
            keys.add(open_calls.pop(f"{path}/{event.call_id}"))
    return keys


async def test_plain_and_streamed_nested_runs_have_the_same_journal() -> None:
    plain, streamed = Done(), Done()
    query = plan(
        [ask("h1", "desk", [("f1", "fast", {"n": 1})], [ask("p1", "clerk", [pay("c1")])])], [("f2", "fast", {"n": 2})]
    )
    whole = await build_team(plain).arun(query, deps=plain, result_format="object")
    stream = build_team(streamed).astream(query, deps=streamed, result_format="event")
    events = [event async for event in stream]
    assert stream.result.journal == whole.journal
    assert (plain.asked, plain.ran) == (streamed.asked, streamed.ran)
    paths = {(event.type, event.path) for event in events}
    assert {("tool_call", ()), ("tool_call", ("h1",)), ("approval_required", ("h1", "p1"))} <= paths
    assert ("note", ("h1",)) in paths
    assert [event.path for event in events if event.type == "done"] == [("h1", "p1"), ("h1",), ()]


async def test_deltas_of_a_nested_run_arrive_one_by_one_with_their_path() -> None:
    child = LightAgent(name="child", model=ScriptedModel(["one two three four"]))
    parent = LightAgent(
        model=ScriptedModel([call_tool("child", query="?"), "done"]), tools=[child.as_tool("child", "c")]
    )
    events = [event async for event in parent.astream("?", result_format="event")]
    told = [event.data["text"] for event in events if event.path and event.type == "content"]
    assert len(told) > 1
    assert "".join(map(str, told)) == "one two three four"
    assert "".join(str(event.data["text"]) for event in events if not event.path and event.type == "content") == "done"


async def test_ids_with_the_characters_of_a_path_name_one_call_only() -> None:
    journals: list[Journal] = []
    for call_id in ("a/b", "a~b", "~1", "a~1b/~0", "/"):
        journal = await begun(plan([ask(call_id, "desk", [ask("p/1", "clerk", [pay("c~1")])]), pay(f"{call_id}/p")]))
        assert len(waiting(journal.run)) == 2
        assert [name.count("/") for name in waiting(journal.run)] == [2, 0]
        journals.append(journal)
    for ending in elsewhere(journals):
        result = ending["result"]
        assert isinstance(result, dict)
        assert str(result["content"]).count("paid 1") == 2


async def test_two_decisions_about_one_call_by_its_name_and_by_its_id_are_refused() -> None:
    journal, done = await begun(plan([pay("a/b")])), Done()
    two = {"a~1b": DECISIONS["approve"], "a/b": DECISIONS["reject"]}
    with pytest.raises(ConfigurationError, match="two decisions about the call 'a~1b'"):
        await build_team(done).aresume(journal, two, deps=done)
    assert done == Done()


async def test_a_decision_about_a_nested_call_is_taken_once_and_only_by_its_path() -> None:
    journal, done = await begun(DEEP), Done()
    agent = build_team(done)
    for wrong in ("c1", "h1", "h1/p1", "h1/p1/c2"):
        with pytest.raises(PolicyError):
            await agent.aresume(journal, {wrong: DECISIONS["approve"]}, deps=done)
    assert done == Done()
    result = await agent.aresume(journal, decisions(journal), deps=done)
    with pytest.raises((PolicyError, ConfigurationError)):
        await agent.aresume(result.journal, {"h1/p1/c1": ApprovalDecision.approve()}, deps=done)
    assert len(done.ran) == 1


async def test_usage_of_a_run_includes_that_of_nested_ones() -> None:
    journal, done = await begun(DEEP), Done()
    result = await build_team(done).aresume(journal, decisions(journal), deps=done)
    replies = [event for _, event in unwrapped(result.journal.events) if isinstance(event, ModelReplied)]
    assert len(replies) == 6
    assert result.usage == total_usage(replies)
    assert result.usage.total_tokens > 0
