"""Functions of a program that decide at once, or are told of what waits: whatever fails, nothing runs without a yes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequest,
    ApprovalRequired,
    ChatRequest,
    ConfigurationError,
    HumanApprovalHook,
    HumanFeedback,
    InMemoryReviewStore,
    JsonReviewStore,
    LightAgent,
    ReviewStore,
    RunContext,
    tool,
)
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage
from lightagent.domain.json_types import JsonValue
from lightagent.domain.runs.events import Noted
from lightagent.testing import Reply, ScriptedModel, call_tool
from tests.servers.leaks import LeakCheck
from tests.support.review_till import DECISIONS, PAY, Till, ask, hook, problems, statuses_of


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReviewStore:
    return InMemoryReviewStore() if request.param == "memory" else JsonReviewStore(tmp_path / "reviews")


EACH = pytest.mark.parametrize(("decision", "paid", "told", "status"), DECISIONS.values(), ids=DECISIONS)


@EACH
def test_a_function_decides_at_once(
    store: ReviewStore, decision: ApprovalDecision, paid: list[tuple[int, str]], told: str, status: str
) -> None:
    seen: list[ApprovalRequest] = []

    async def review(request: ApprovalRequest) -> ApprovalDecision:
        seen.append(request)
        request.arguments["amount"] = 1_000_000  # It has a copy.
        return decision

    till = Till(PAY, "Done.", hook=hook(store=store, reviewer=review))
    result = till.agent.run("Pay.", result_format="object")
    assert (result.content, till.paid, till.told) == ("Done.", paid, [told])
    assert (result.tool_calls[0].status, len(seen)) == (status, 1)
    assert store.get_decision(seen[0].request_id) == decision
    assert store.list_pending() == []


@pytest.mark.parametrize("outermost", [False, True], ids=["hook of the nested agent", "hook of the outermost one"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_function_decides_at_once_about_calls_of_nested_agents(stream: bool, outermost: bool) -> None:
    decided: list[tuple[str, ...]] = []

    def review(request: ApprovalRequest) -> dict[str, JsonValue]:
        decided.append(request.agents)
        return {"action": "edit", "arguments": {"amount": 7, "to": "ann"}}

    reviewing, silent = hook(reviewer=review), HumanApprovalHook(tools=["nothing"])
    till = Till(PAY, "Paid.", hook=silent if outermost else reviewing)
    agent = till.agent
    for name in ("desk", "lead"):
        model = ScriptedModel([call_tool("ask", query="Pay."), "Done."])
        hooks = [reviewing] if outermost and name == "lead" else []
        agent = LightAgent(name=name, model=model, tools=[agent.as_tool("ask", "Pays.")], hooks=hooks)
    if stream:
        *_, last = agent.run("Pay.", stream=True, result_format="event")
        assert last.data.get("outcome") == "completed"
    else:
        assert agent.run("Pay.") == "Done."
    assert (decided, till.paid) == ([("lead", "desk", "till")], [(7, "ann")])


def raising(request: ApprovalRequest) -> bool:
    raise RuntimeError("the reviewer is not there")


async def slow(request: ApprovalRequest) -> bool:
    await asyncio.sleep(3600)
    return True


FAILURES: dict[str, tuple[Callable[[ApprovalRequest], object], str]] = {
    "raises": (raising, "It raised RuntimeError."),
    "times out": (slow, "It did not decide within its 0.05 s."),
    "None": (lambda request: None, "It answered with NoneType, which is not a decision."),
    "one": (lambda request: 1, "It answered with int, which is not a decision."),
    "misspelt": (lambda request: {"action": "aprove"}, "Its action is not one of approve, reject, edit and respond."),
}


@pytest.mark.parametrize("how", ["plain", "stream", "nested"])
@pytest.mark.parametrize(("reviewer", "problem"), FAILURES.values(), ids=FAILURES)
def test_a_function_that_does_not_decide_fails_closed(
    leaks: LeakCheck, how: str, reviewer: Callable[[ApprovalRequest], object], problem: str
) -> None:
    store, timeout = InMemoryReviewStore(), 0.05 if reviewer is slow else None
    till = Till(PAY, "Paid.", hook=hook(store=store, reviewer=reviewer, timeout=timeout))
    agent = till.agent
    if how == "nested":
        model = ScriptedModel([call_tool("ask", query="Pay."), "Done."])
        agent = LightAgent(name="outer", model=model, tools=[agent.as_tool("ask", "Pays.")])
    if how == "stream":
        *_, last = agent.run("Pay.", stream=True, result_format="event")
        assert last.data.get("outcome") == "suspended"
    else:
        assert agent.run("Pay.", result_format="object").outcome.kind == "suspended"
    journal = agent.export_journal()
    assert journal is not None
    assert till.paid == []
    assert [one.data["text"] for one in journal.events if isinstance(one, Noted)] == [
        f"The call of pay still waits. {problem}"
    ]


@pytest.mark.parametrize(("reviewer", "problem"), FAILURES.values(), ids=FAILURES)
def test_a_function_that_does_not_decide_leaves_the_call_waiting(
    leaks: LeakCheck, reviewer: Callable[[ApprovalRequest], object], problem: str
) -> None:
    store, timeout = InMemoryReviewStore(), 0.05 if reviewer is slow else None
    result = ask(hook(store=store, reviewer=reviewer, timeout=timeout))
    assert problems(result) == [f"The call of pay still waits. {problem}"]
    statuses = asyncio.run(statuses_of(store))
    assert statuses == ["expired" if reviewer is slow else "waiting"]
    till = Till("Done.", hook=hook(store=store, reviewer=lambda request: True))
    assert till.agent.resume(result.journal).content == "Done."
    assert till.paid == [(5, "ann")]


def test_a_tool_that_always_asks_is_not_decided_at_once_for_ever() -> None:
    asked: list[ApprovalRequest] = []

    @tool
    def pay(ctx: RunContext[None]) -> str:
        """Pay."""
        raise ApprovalRequired("Are you sure?")

    def approve_all(request: ApprovalRequest) -> bool:
        asked.append(request)
        return True

    approve = HumanApprovalHook(tools=(), reviewer=approve_all)
    agent = LightAgent(model=ScriptedModel([call_tool("pay"), "Done."]), tools=[pay], hooks=[approve])
    result = agent.run("Pay.", result_format="object")
    assert result.outcome.kind == "suspended"
    assert [request.round for request in asked] == [1, 2, 3]


def test_a_waiting_request_is_told_to_somebody_and_a_failure_changes_nothing(store: ReviewStore) -> None:
    told: list[str] = []

    async def notify(request: ApprovalRequest) -> None:
        told.append(request.request_id)
        raise ConnectionError("down")

    result = ask(hook(store=store, webhook=notify))
    (request,) = store.list_pending()
    assert told == [request.request_id]
    assert problems(result) == ["The notification that pay waits was not sent. It raised ConnectionError."]
    Till("Done.", hook=hook(store=store, webhook=notify)).agent.resume(result.journal, ApprovalDecision.approve())
    assert len(told) == 1


async def test_all_calls_that_wait_are_told_at_once(store: ReviewStore) -> None:
    """A server that hangs holds the run up once, and not once for each call."""
    everybody = asyncio.Barrier(3)
    calls = tuple(ToolCall(f"c{number}", "pay", '{"amount": 5, "to": "ann"}') for number in range(3))

    async def notify(request: ApprovalRequest) -> None:
        await everybody.wait()

    till = Till(AssistantMessage(None, calls), hook=hook(store=store, webhook=notify))
    result = await till.agent.arun("Pay.", result_format="object")
    assert (result.outcome.kind, problems(result), len(store.list_pending())) == ("suspended", [], 3)


async def test_a_hook_without_a_store_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.human_review.MOST_USED", 5)
    desk = HumanApprovalHook(reviewer=lambda request: True)

    def reply(request: ChatRequest) -> Reply:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else PAY

    till = Till(hook=desk)
    agent = LightAgent(
        name="till",
        model=ScriptedModel(reply, record=False),
        tools=list(till.agent.means.catalogue.own.values()),
        hooks=[desk],
    )
    for _ in range(20):
        assert await agent.arun("Pay.") == "Done."
    assert len(till.paid) == 20
    assert [review.status async for review in desk.reviews.list(status=None)] == ["used"] * 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: HumanApprovalHook(tools="pay"),
        lambda: HumanApprovalHook(tools=[1]),  # type: ignore[list-item]
        lambda: HumanApprovalHook(tools=5),  # type: ignore[arg-type]
        lambda: HumanApprovalHook(separate_reviewer="no"),  # type: ignore[arg-type]
        lambda: HumanApprovalHook(name=None),  # type: ignore[arg-type]
        lambda: HumanApprovalHook(name=" "),
        lambda: InMemoryReviewStore().add_feedback({"trace_id": "t"}),  # type: ignore[arg-type]
        lambda: InMemoryReviewStore().resolve_batch([]),  # type: ignore[arg-type]
        lambda: HumanApprovalHook(timeout=0),
        lambda: HumanApprovalHook(timeout=float("nan")),
        lambda: HumanApprovalHook(reviewer=lambda: True),  # type: ignore[misc,arg-type]
        lambda: HumanApprovalHook(store="reviews.json"),  # type: ignore[arg-type]
        lambda: HumanApprovalHook(webhook="ftp://example.org"),
        lambda: HumanApprovalHook(webhook="http://example.org:port"),
        lambda: HumanFeedback(""),
    ],
)
def test_wrong_options_are_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize("nested", [False, True])
def test_calls_of_several_turns_that_have_the_same_id_are_each_reviewed(nested: bool) -> None:
    """Some providers number the calls of each reply anew."""
    asked: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> bool:
        asked.append(request)
        return True

    replies = [AssistantMessage(None, (ToolCall("c", "pay", '{"amount": 5, "to": "ann"}'),))] * 6
    till = Till(*replies, "Done.", hook=hook(reviewer=approve))
    agent = till.agent
    if nested:
        model = ScriptedModel([call_tool("ask", query="Pay."), "Done."])
        agent = LightAgent(name="outer", model=model, tools=[agent.as_tool("ask", "Pays.")])
    assert agent.run("Pay.") == "Done."
    assert len(till.paid) == 6
    assert len({request.request_id for request in asked}) == 6
    assert {request.round for request in asked} == {1}
