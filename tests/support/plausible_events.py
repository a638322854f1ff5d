"""Random events for a run, biased towards those that may happen next: from small pools of ids, turns and texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from lightagent import ApprovalDecision, ConfigurationError, Event, LightAgentErrorInfo
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.planning.plans import Plan, Planned, PlanStep
from lightagent.domain.policy.phases import Decision
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.effects import (
    DeclareTools,
    Effect,
    HandOver,
    NarrowTools,
    OfferTools,
    SendMessage,
    TransferHistory,
)
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
    Noted,
    OutputAccepted,
    OutputRejected,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
    Unrecognized,
)
from lightagent.domain.runs.folding import apply, start
from lightagent.domain.runs.moves import (
    Admit,
    AskModel,
    CallTools,
    CheckOutput,
    Conclude,
    Finish,
    Move,
    Prepare,
    Think,
    Transfer,
    next_move,
)
from lightagent.domain.runs.starts import AgentPlans, HistoryReference
from lightagent.domain.runs.state import PendingCall, Run, call_key, waiting_calls
from lightagent.domain.swarm.agent_messages import AgentMessage, MessagesDelivered
from lightagent.domain.swarm.handoff_limits import HANDOFF_SOURCE, HistoryTransfer
from lightagent.domain.tools.selection import OfferedTool, ToolsSelected

IDS = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from(["memory", "files"])
TEXT = st.sampled_from(["", "yes", "no"])
ARGUMENTS = st.sampled_from([{}, {"x": 1}, {"x": 2}])
ERROR = LightAgentErrorInfo("LA-GUARDRAIL", "No.")
DECISIONS = st.sampled_from([(), (Decision("output", "p", "rewrite"),), (Decision("tool_call", "p", "rewrite"),)])
CALLS = st.lists(st.builds(ToolCall, IDS, st.just("t"), st.sampled_from(["{}", '{"x": 1}'])), max_size=3).map(tuple)
MESSAGE: st.SearchStrategy[Message] = st.one_of(
    st.builds(UserMessage, TEXT),
    st.builds(AssistantMessage, TEXT, CALLS),
    st.builds(ToolMessage, IDS, TEXT),
    st.builds(ContextMessage, NAMES, TEXT),
    st.builds(SystemMessage, TEXT),
)
MESSAGES = st.lists(MESSAGE, max_size=3).map(tuple)
HEADS = st.builds(AgentHead, st.sampled_from(["first", "second"]), TEXT, st.builds(SystemMessage, TEXT))
ENDS: st.SearchStrategy[Outcome | None] = st.sampled_from([None, None, None, Blocked(ERROR), BudgetExhausted(ERROR)])
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Completed, TEXT),
    st.builds(Suspended, st.lists(IDS, max_size=2).map(tuple)),
    st.sampled_from([Blocked(ERROR), BudgetExhausted(ERROR), Cancelled(), Failed(ERROR)]),
)
DECLARED = st.lists(st.builds(OfferedTool, IDS, TEXT, ARGUMENTS), max_size=2).map(tuple)
MAIL = st.builds(
    AgentMessage,
    st.integers(1, 3),
    IDS,
    st.just("sender"),
    st.sampled_from(["first", "first", "second"]),
    TEXT,
    labels=st.sampled_from([(), ("tool:web",)]),
)
TRANSFERS = st.builds(
    HistoryTransfer, st.sampled_from(["all", "summary", "none"]) | st.integers(1, 9), st.sampled_from(["calls", "text"])
)
EFFECTS: st.SearchStrategy[Effect] = st.one_of(
    st.builds(OfferTools, st.lists(IDS, max_size=2).map(tuple)),
    st.builds(DeclareTools, st.lists(IDS, max_size=2).map(tuple), DECLARED),
    st.builds(HandOver, HEADS),
    st.builds(TransferHistory, TRANSFERS),
    st.builds(NarrowTools, st.lists(IDS, max_size=2).map(tuple), IDS),
    st.builds(SendMessage, MAIL),
)
HUMAN = st.one_of(
    st.sampled_from([ApprovalDecision.approve(), ApprovalDecision.reject(), ApprovalDecision.respond("r")]),
    st.builds(ApprovalDecision.edit, ARGUMENTS),
)
STARTED = st.builds(
    RunStarted,
    st.just("r"),
    HEADS,
    st.one_of(st.just((UserMessage("q"),)), MESSAGES),
    policies=st.sampled_from([(), ("p",)]),
    awaits_admission=st.booleans(),
    before=st.sampled_from([(), ("memory",), ("memory", "files")]),
    after=st.sampled_from([(), ("files",)]),
    history=st.none() | st.builds(HistoryReference, st.just("s"), st.just(1), st.integers(-1, 2)),
    plans=st.sampled_from([(), (AgentPlans("first", 2),), (AgentPlans("first", 1), AgentPlans("second", 3))]),
    acting=st.none() | HEADS,
)

NESTED = RunStarted("n", AgentHead("n", "m", SystemMessage("s")), (UserMessage("q"),))

TURNS = st.sampled_from([1, 1, 1, 0, 2])
REPLIES = st.builds(
    ModelReplied,
    TURNS,
    st.builds(AssistantMessage, TEXT, CALLS, refusal=st.sampled_from([None] * 7 + ["no"])),
    st.sampled_from(["stop"] * 3 + ["tool_calls"] * 3 + [None, "length", "content_filter"]),
)
PLANS = st.one_of(
    st.just(Planned(None)),
    st.builds(
        Planned,
        st.builds(Plan, TEXT, st.builds(PlanStep, TEXT, st.sampled_from([(), ("t",), ("a",)])).map(lambda one: (one,))),
        st.builds(ContextMessage, st.just("plan"), TEXT),
        st.sampled_from([None, (), ("t",)]),
    ),
)
DELIVERED = st.lists(MAIL, min_size=1, max_size=2).map(
    lambda sent: MessagesDelivered(tuple(sent), tuple(message.as_context() for message in sent))
)
PLAIN: st.SearchStrategy[Event] = st.one_of(
    DELIVERED,
    st.builds(Admitted, st.builds(UserMessage, TEXT)),
    st.builds(ContextAdded, NAMES, st.lists(st.builds(ContextMessage, NAMES, TEXT), max_size=2).map(tuple)),
    st.builds(ContextReplaced, NAMES | st.just(HANDOFF_SOURCE), st.integers(0, 4), MESSAGES),
    st.builds(ToolsSelected, st.lists(IDS, max_size=2).map(tuple), DECLARED),
    PLANS,
    st.builds(ModelRequested, TURNS, st.just(1), messages=st.none() | MESSAGES),
    st.builds(ModelRetried, TURNS, st.integers(0, 1)),
    st.builds(ModelFailed, TURNS, st.integers(0, 1), st.just(ERROR), TEXT, ends=ENDS),
    REPLIES,
    st.builds(CallsRefused, st.lists(IDS, max_size=2).map(tuple), st.just(ERROR)),
    st.builds(ToolStarted, IDS, st.just("t"), ARGUMENTS, st.sampled_from(["", "", "", "k"]), DECISIONS),
    st.builds(ToolFinished, IDS, TEXT, st.just("failed")),
    st.builds(ToolFinished, IDS, TEXT, effects=st.lists(EFFECTS, max_size=1).map(tuple), ends=ENDS),
    st.builds(ApprovalRequested, IDS, TEXT, ARGUMENTS, ARGUMENTS),
    st.builds(ApprovalDecided, IDS, HUMAN),
    st.builds(OutputRejected, st.builds(UserMessage, TEXT)),
    st.builds(OutputAccepted, TEXT, DECISIONS),
    st.builds(Concluded, NAMES),
    st.builds(Noted, TEXT, ARGUMENTS),
    st.builds(RunFinished, OUTCOMES),
    st.just(Unrecognized({"type": "later", "ignorable": True})),
    STARTED,
)


@dataclass(frozen=True)
class Next:
    """Stands for what a run does next, whichever that is; the fields say how it comes out."""

    reply: ModelReplied
    decision: ApprovalDecision
    plan: Event
    choice: int


EVENTS: st.SearchStrategy[Event] = st.one_of(PLAIN, st.builds(Nested, IDS, PLAIN), st.builds(Nested, IDS, STARTED))
NEXT = st.builds(Next, REPLIES, HUMAN, PLANS, st.integers(0, 5))
# Mapped, since `one_of` would give each kind of event as much weight as what comes next.
STEP = st.sampled_from([NEXT, NEXT, NEXT, EVENTS]).flatmap(lambda chosen: chosen)
STEPS = st.one_of(st.lists(STEP, max_size=8), st.lists(STEP, min_size=20, max_size=40))


def accepted_runs(watch: Callable[[Run], None]) -> st.SearchStrategy[list[Event]]:
    """The events that the fold takes of a random sequence; `watch` sees the run after each."""
    return st.builds(lambda first, steps: _accepted(first, steps, watch), STARTED, STEPS)


def _accepted(first: RunStarted, steps: Sequence[Event | Next], watch: Callable[[Run], None]) -> list[Event]:
    try:
        run = start(first)
    except ConfigurationError:
        first = replace(first, messages=(UserMessage("q"),), awaits_admission=False, history=None)
        run = start(first)
    events: list[Event] = [first]
    for step in steps:
        event = _next_event(run, step) if isinstance(step, Next) else _at_this_turn(run, step)
        try:
            run = apply(run, event)
        except ConfigurationError:
            continue
        events.append(event)
        watch(run)
    return events


def _at_this_turn(run: Run, event: Event) -> Event:
    """The event as it fits the run: with its turn and attempt, which were drawn from 0, counted from those of the run,
    and with the key and the request that it may have where it has none.
    """
    match event:
        case ModelRequested() | ModelReplied():
            return replace(event, turn=run.turn + event.turn)
        case ModelRetried() | ModelFailed():
            return replace(event, turn=run.turn + event.turn, attempt=run.attempt + event.attempt)
        case ToolStarted(call_id=call_id, idempotency_key=""):
            return replace(event, idempotency_key=call_key(run, call_id))
        case ApprovalRequested(arguments=arguments, request=request) if not request:
            return replace(event, request={"arguments": arguments})
        case Nested(call_id=call_id) if call_id in run.calls:
            child = run.calls[call_id].child
            return event if child is None else Nested(call_id, _at_this_turn(child, event.event))
        case _:
            return event


def _next_event(run: Run, step: Next) -> Event:
    if isinstance(run.outcome, Suspended):
        path = next(iter(waiting_calls(run).values()))
        event: Event = ApprovalDecided(path[-1], step.decision)
        for call_id in reversed(path[:-1]):
            event = Nested(call_id, event)
        return event
    move = next_move(run)
    return step.plan if isinstance(move, Think) else _carried_out(run, move, step)


def _carried_out(run: Run, move: Move, step: Next) -> Event:
    match move:
        case Admit():
            return Admitted(UserMessage("q"))
        case Prepare(sources=sources):
            return ContextAdded(sources[0], (ContextMessage(sources[0], "m"),))
        case Transfer():
            return _gone_along(run, step)
        case AskModel() | Think():
            return _model_event(run, step)
        case Transfer():
            return ContextReplaced(HANDOFF_SOURCE, run.query_at, (ContextMessage(HANDOFF_SOURCE, "m"),))
        case CallTools(calls=calls):
            return _call_event(run, calls[step.choice % len(calls)], step)
        case CheckOutput(content=content):
            return OutputAccepted(content) if step.choice else OutputRejected(UserMessage("no"))
        case Conclude(name=name):
            return Concluded(name)
        case Finish(outcome=outcome):
            return RunFinished(outcome)


def _gone_along(run: Run, step: Next) -> ContextReplaced:
    """The conversation after a handoff, as it was or nothing but a question."""
    messages = run.messages if step.choice else (UserMessage("q"),)
    return ContextReplaced(HANDOFF_SOURCE, run.missing + run.message_count, messages)


def _model_event(run: Run, step: Next) -> Event:
    turn = run.turn + 1
    if run.request is None:
        return ModelRequested(turn, 1)
    if run.attempt_failed:
        return ModelRetried(turn, run.attempt + 1)
    return replace(step.reply, turn=turn) if step.choice else ModelFailed(turn, run.attempt, ERROR)


def _call_event(run: Run, call: PendingCall, step: Next) -> Event:
    call_id = call.call.id
    if call.child is not None and call.child.outcome is None:
        return Nested(call_id, _next_event(call.child, step))
    if call.decision is not None and call.decision.action in ("reject", "respond"):
        return ToolFinished(call_id, "no", "rejected")
    if call.status != "started":
        arguments = json.loads(call.call.arguments) if call.arguments is None else call.arguments
        if step.choice == 0 and call.status == "new":
            return ApprovalRequested(call_id, "why", {"arguments": arguments}, arguments)
        return ToolStarted(call_id, "t", arguments, call_key(run, call_id))
    return (
        Nested(call_id, NESTED)
        if step.choice == 1 and call.child is None
        else ToolFinished(call_id, "yes", "failed" if step.choice == 2 else "ok")
    )
