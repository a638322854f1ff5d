"""Whatever sequence of events the fold takes is a run that could be: a provider accepts its conversation."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightagent import ApprovalDecision, ConfigurationError, Event, Journal, LightAgent, LightAgentErrorInfo, tool
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.outcomes import Blocked, Completed, Suspended
from lightagent.domain.policy.phases import Decision
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import (
    Admitted,
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    Concluded,
    ContextAdded,
    ContextReplaced,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    ModelRetried,
    Nested,
    OutputAccepted,
    OutputRejected,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.runs.folding import apply, fold
from lightagent.domain.runs.moves import CallTools, Finish, Prepare, next_move
from lightagent.domain.runs.replies import cut_short
from lightagent.domain.runs.starts import HistoryReference
from lightagent.domain.runs.state import Run
from lightagent.testing import ScriptedModel
from tests.support.plausible_events import accepted_runs

# TEST_CASES=10000 for a release.
CASES = int(os.environ.get("TEST_CASES", "100"))


def provider_accepts(messages: Sequence[Message]) -> bool:
    """Whether each call is answered once, directly after it, and nothing else stands among the messages."""
    rest = list(messages)
    while rest:
        message = rest.pop(0)
        if isinstance(message, (SystemMessage, ToolMessage)):
            return False
        if isinstance(message, AssistantMessage):
            wanted = Counter(call.id for call in message.tool_calls)
            answers, rest = rest[: len(message.tool_calls)], rest[len(message.tool_calls) :]
            given = Counter(answer.tool_call_id for answer in answers if isinstance(answer, ToolMessage))
            if wanted != given or max(wanted.values(), default=1) > 1:
                return False
    return bool(messages)


def check(run: Run) -> None:
    """What holds for every run that is accepted."""
    move = next_move(run)
    if run.last_reply is not None and cut_short(run.last_reply) is not None:
        assert isinstance(move, Finish)
        assert all(call.status == "new" for call in run.calls.values())
    if run.calls:
        *before, last = run.messages
        assert isinstance(last, AssistantMessage)
        assert [call.id for call in last.tool_calls] == list(run.calls)
        assert provider_accepts(before) or run.missing
    elif run.admitted:
        assert provider_accepts(run.messages)
    if run.request is not None and run.request.messages is not None:
        assert provider_accepts(run.request.messages)
    if isinstance(move, Prepare):
        assert isinstance(run.messages[run.query_at], UserMessage)
    if isinstance(move, CallTools):
        assert all(call.status in ("new", "started", "decided") for call in move.calls)
    if run.ending is not None and run.outcome is None:
        assert move == Finish(run.ending)
    for call in run.calls.values():
        if call.child is not None:
            check(call.child)


@given(accepted_runs(check))
@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_the_fold_accepts_can_be(events: list[Event]) -> None:
    journal = Journal(tuple(events))
    again = Journal.from_json(journal.to_json())
    assert again == journal
    assert again.to_json() == journal.to_json()
    assert again.run == journal.run


@given(accepted_runs(check), st.integers(1, 40))
@settings(max_examples=CASES // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_folding_a_prefix_and_going_on_is_folding_the_whole(events: list[Event], cut: int) -> None:
    assert reduce(apply, events[cut:], fold(events[:cut])) == fold(events)


HEAD = AgentHead("a", "m", SystemMessage("s"))
QUERY = UserMessage("q")
ERROR = LightAgentErrorInfo("LA-GUARDRAIL", "No.")
CALL = ToolCall("c", "t", '{"x": 1}')
STARTED = RunStarted("r", HEAD, (QUERY,))
POLICED = RunStarted("r", HEAD, (QUERY,), policies=("p",))
ASKED = ModelRequested(1, 2)
CALLED = ModelReplied(1, AssistantMessage(None, (CALL,)), "tool_calls")
NOTHING = ModelReplied(1, AssistantMessage(None, (ToolCall("c", "t", ""),)), "tool_calls")
BROKEN = ModelReplied(1, AssistantMessage(None, (ToolCall("c", "t", '{"x": 1'),)), "tool_calls")
CUT = ModelReplied(1, AssistantMessage("I", (CALL,)), "length")
SAID = ModelReplied(1, AssistantMessage("yes"), "stop")
BEGUN = ToolStarted("c", "t", {"x": 1}, "r:1:c")
WAITING = (
    STARTED,
    ASKED,
    CALLED,
    ApprovalRequested("c", "why", {"arguments": {"x": 1}}, {"x": 1}),
    RunFinished(Suspended(("c",))),
)
CONTEXT = ContextAdded("memory", (ContextMessage("memory", "m"),))
REMEMBERS = RunStarted("r", HEAD, (QUERY,), before=("memory",))
ENDED = ToolFinished("c", "no", "withheld", ends=Blocked(ERROR))

IMPOSSIBLE: dict[str, tuple[Event, ...]] = {
    "no query": (RunStarted("r", HEAD, ()),),
    "a tool's answer for a query": (RunStarted("r", HEAD, (ToolMessage("c", "r"),)),),
    "a system message for a query": (RunStarted("r", HEAD, (SystemMessage("s"),)),),
    "an assistant's word for a query": (RunStarted("r", HEAD, (AssistantMessage("x"),)),),
    "a history with an open call": (RunStarted("r", HEAD, (AssistantMessage(None, (CALL,)),), awaits_admission=True),),
    "a history of fewer than no messages": (RunStarted("r", HEAD, (QUERY,), history=HistoryReference("s", 1, -1)),),
    "an accepted answer before a reply": (POLICED, OutputAccepted("yes")),
    "an accepted answer while calls are open": (POLICED, ASKED, CALLED, OutputAccepted("yes")),
    "an accepted answer that was cut off": (POLICED, ASKED, CUT, OutputAccepted("I")),
    "two accepted answers": (POLICED, ASKED, SAID, OutputAccepted("yes"), OutputAccepted("no")),
    "an accepted answer that is rejected": (POLICED, ASKED, SAID, OutputAccepted("yes"), OutputRejected(QUERY)),
    "completed with another answer": (POLICED, ASKED, SAID, OutputAccepted("yes"), RunFinished(Completed("no"))),
    "completed without the check": (POLICED, ASKED, SAID, RunFinished(Completed("yes"))),
    "context after an accepted answer": (REMEMBERS, CONTEXT, ASKED, SAID, OutputAccepted("yes"), CONTEXT),
    "context that was not asked for": (STARTED, CONTEXT),
    "context twice": (REMEMBERS, CONTEXT, CONTEXT),
    "a request before the context": (REMEMBERS, ASKED),
    "context between calls and results": (STARTED, ASKED, CALLED, CONTEXT),
    "a replacement between calls and results": (STARTED, ASKED, CALLED, ContextReplaced("x", 1, (QUERY,))),
    "a replacement before the context": (REMEMBERS, ContextReplaced("x", 1, (AssistantMessage("x"),))),
    "a replacement of everything by nothing": (STARTED, ContextReplaced("x", 1, ())),
    "a replacement with an open call": (STARTED, ContextReplaced("x", 1, (AssistantMessage(None, (CALL,)),))),
    "context after a reply that was cut off": (STARTED, ASKED, CUT, CONTEXT),
    "a call of a reply that was cut off": (STARTED, ASKED, CUT, BEGUN),
    "a result for a reply that was cut off": (STARTED, ASKED, CUT, ToolFinished("c", "r")),
    "a refusal for a reply that was cut off": (STARTED, ASKED, CUT, CallsRefused(("c",), ERROR)),
    "a request after a reply that was cut off": (STARTED, ASKED, CUT, ModelRequested(2, 3)),
    "a request without messages": (STARTED, ModelRequested(1, 1, messages=())),
    "a request with an open call": (STARTED, ModelRequested(1, 1, messages=(AssistantMessage(None, (CALL,)),))),
    "a request before admission": (RunStarted("r", HEAD, (), awaits_admission=True), ASKED),
    "two queries": (STARTED, Admitted(QUERY)),
    "a refusal of no calls": (STARTED, ASKED, SAID, CallsRefused((), ERROR)),
    "one call refused twice": (STARTED, ASKED, CALLED, CallsRefused(("c", "c"), ERROR)),
    "two calls of one id": (STARTED, ASKED, ModelReplied(1, AssistantMessage(None, (CALL, CALL)))),
    "a reply after a failure": (STARTED, ASKED, ModelFailed(1, 1, ERROR), SAID),
    "another attempt after the failure that ends the run": (
        *(STARTED, ASKED, ModelFailed(1, 1, ERROR, ends=Blocked(ERROR))),
        ModelRetried(1, 2),
    ),
    "a request after the call that ends the run": (STARTED, ASKED, CALLED, BEGUN, ENDED, ModelRequested(2, 4)),
    "success after the call that ends the run": (STARTED, ASKED, CALLED, BEGUN, ENDED, RunFinished(Completed(""))),
    "arguments that the model did not ask for": (STARTED, ASKED, CALLED, ToolStarted("c", "t", {"x": 2}, "r:1:c")),
    "arguments of another type": (STARTED, ASKED, CALLED, ToolStarted("c", "t", {"x": True}, "r:1:c")),
    "a tool of another name": (STARTED, ASKED, CALLED, ToolStarted("c", "u", {"x": 1}, "r:1:c")),
    "a call under the key of another turn": (STARTED, ASKED, CALLED, ToolStarted("c", "t", {"x": 1}, "r:2:c")),
    "a call under the key of another run": (STARTED, ASKED, CALLED, ToolStarted("c", "t", {"x": 1}, "s:1:c")),
    "a question that shows other arguments": (
        *(STARTED, ASKED, CALLED),
        ApprovalRequested("c", "why", {"arguments": {"x": 2}}, {"x": 1}),
    ),
    "a question that shows nothing": (STARTED, ASKED, CALLED, ApprovalRequested("c", "why", {}, {"x": 1})),
    "an accepted answer that the model did not give": (POLICED, ASKED, SAID, OutputAccepted("no")),
    "arguments of a call that had none": (*(STARTED, ASKED, NOTHING), BEGUN),
    "arguments of a call that was no JSON": (*(STARTED, ASKED, BROKEN), BEGUN),
    "a question about arguments that the model did not ask for": (
        *(STARTED, ASKED, CALLED),
        ApprovalRequested("c", "why", {"arguments": {"x": 2}}, {"x": 2}),
    ),
    "arguments that another policy rewrote": (
        *(STARTED, ASKED, CALLED),
        ApprovalRequested("c", "why", {"arguments": {"x": 2}}, {"x": 2}, (Decision("approval", "p", "rewrite"),)),
    ),
    "arguments that were not approved": (
        *(*WAITING, ApprovalDecided("c", ApprovalDecision.approve())),
        ToolStarted("c", "t", {"x": 2}, "r:1:c"),
    ),
    "arguments that were edited otherwise": (
        *(*WAITING, ApprovalDecided("c", ApprovalDecision.edit({"x": 3}))),
        ToolStarted("c", "t", {"x": 1}, "r:1:c"),
    ),
    "a call that was rejected": (*WAITING, ApprovalDecided("c", ApprovalDecision.reject()), BEGUN),
    "a call that waits": (*WAITING[:-1], BEGUN),
    "a result of a call that waits": (*WAITING[:-1], ToolFinished("c", "r")),
    "a wait for no call": (STARTED, ASKED, SAID, RunFinished(Suspended(("c",)))),
    "a wait while a call is under way": (STARTED, ASKED, CALLED, BEGUN, RunFinished(Suspended(("c",)))),
    "a decision about a nested call that stands for one about its own": (
        *(STARTED, ASKED, CALLED, BEGUN, Nested("c", STARTED), Nested("c", ASKED), Nested("c", CALLED)),
        *(Nested("c", WAITING[3]), ApprovalRequested("c", "why", {"arguments": {"x": 1}}, {"x": 1})),
        Nested("c", ApprovalDecided("c", ApprovalDecision.approve())),
    ),
    "a conclusion of no name": (STARTED, ASKED, SAID, Concluded("memory")),
}


@pytest.mark.parametrize("events", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_is_refused(events: tuple[Event, ...]) -> None:
    if len(events) > 1:
        fold(events[:-1])
    with pytest.raises(ConfigurationError):
        fold(events)


REWRITTEN = (Decision("tool_call", "p", "rewrite"),)


@pytest.mark.parametrize(
    "events",
    [
        (STARTED, ASKED, CALLED, BEGUN),
        (STARTED, ASKED, CALLED, ToolStarted("c", "t", {"x": 2}, "r:1:c", REWRITTEN)),
        (STARTED, ASKED, CALLED, ApprovalRequested("c", "why", {"arguments": {"x": 2}}, {"x": 2}, REWRITTEN)),
        (STARTED, ASKED, NOTHING, ToolStarted("c", "t", {}, "r:1:c")),
        (*WAITING, ApprovalDecided("c", ApprovalDecision.edit({"x": 3})), ToolStarted("c", "t", {"x": 3}, "r:1:c")),
    ],
    ids=["asked for", "rewritten", "rewritten and asked about", "none", "edited"],
)
def test_arguments_are_those_of_the_call_or_of_a_decision_on_record(events: tuple[Event, ...]) -> None:
    assert fold(events).calls["c"].status in ("started", "waiting")


async def test_a_call_without_the_decision_that_its_tool_requires_is_not_carried_out() -> None:
    paid: list[int] = []

    @tool(requires_approval=True, idempotent=True)
    async def t(x: int) -> str:
        """Pays."""
        paid.append(x)
        return "paid"

    forged = (STARTED, ModelRequested(1, 2, ("t",)), CALLED, BEGUN)
    agent = LightAgent(name="a", model=ScriptedModel(["never"]), tools=[t])
    with pytest.raises(ConfigurationError, match="without the decision"):
        await agent.aresume(Journal(forged))
    inner = LightAgent(name="a", model=ScriptedModel(["never"]), tools=[t]).as_tool("t", "An agent.")
    outer = LightAgent(name="a", model=ScriptedModel(["Done."]), tools=[inner])
    asked = ModelReplied(1, AssistantMessage(None, (ToolCall("c", "t", '{"query": "q"}'),)), "tool_calls")
    started = ToolStarted("c", "t", {"query": "q"}, "r:1:c")
    nested = (Nested("c", event) for event in forged)
    with pytest.raises(ConfigurationError, match="without the decision"):
        await outer.aresume(Journal((*forged[:2], asked, started, *nested)))
    assert not paid
