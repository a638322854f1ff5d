"""Strategies for every kind of event, with every kind of content."""

from __future__ import annotations

from hypothesis import strategies as st

from lightagent import ApprovalDecision, Event, JsonObject, JsonValue, LightAgentErrorInfo
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.limits import Limits
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.planning.plans import Plan, Planned, PlanStep, ThoughtFigures
from lightagent.domain.policy.phases import PHASES, Decision
from lightagent.domain.runs.agents import AgentHead, ModelEndpoint
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
from lightagent.domain.runs.starts import AgentPlans, HistoryReference
from lightagent.domain.scopes import Scope
from lightagent.domain.swarm.agent_messages import AgentMessage, MessagesDelivered
from lightagent.domain.swarm.handoff_limits import HistoryTransfer
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.selection import OfferedTool, ToolsSelected
from lightagent.domain.usage import Usage

# Every character, the halves of UTF-16 pairs included: a model may be cut off between them.
# Lone surrogates are among them. Two that form a pair are one character, as they are once they were JSON.
TEXT = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=8).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
KEY = st.text(max_size=6)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    max_leaves=8,
)
OBJECT: st.SearchStrategy[JsonObject] = st.dictionaries(KEY, JSON, max_size=3)
COUNT = st.integers(0, 10**6)
SECONDS = st.floats(0, 1e9)
CALL = st.builds(ToolCall, TEXT, TEXT, TEXT)
ASSISTANT = st.builds(
    AssistantMessage, st.none() | TEXT, st.lists(CALL, max_size=2).map(tuple), st.none() | TEXT, st.none() | TEXT
)
PARTS = st.lists(OBJECT.map(lambda part: {**part, "type": "text"}), max_size=2).map(tuple)
SYSTEM = st.builds(SystemMessage, TEXT)
USER = st.builds(UserMessage, st.one_of(TEXT, PARTS))
LABELS = st.lists(TEXT, max_size=2).map(tuple)
CONTEXT = st.builds(ContextMessage, TEXT, TEXT, st.sampled_from(["trusted", "untrusted"]), LABELS)
MESSAGE: st.SearchStrategy[Message] = st.one_of(SYSTEM, USER, CONTEXT, ASSISTANT, st.builds(ToolMessage, TEXT, TEXT))
MESSAGES = st.lists(MESSAGE, max_size=3).map(tuple)
ERROR = st.builds(LightAgentErrorInfo, TEXT, TEXT, TEXT, st.none() | OBJECT, st.booleans())
APPROVAL = st.one_of(
    st.builds(ApprovalDecision.approve, TEXT, actor=TEXT),
    st.builds(ApprovalDecision.reject, TEXT, actor=TEXT),
    st.builds(ApprovalDecision.edit, OBJECT, TEXT, actor=TEXT),
    st.builds(ApprovalDecision.respond, TEXT, TEXT, actor=TEXT),
)
LIMITS = st.builds(
    Limits,
    COUNT,
    st.integers(1, 9),
    COUNT,
    st.integers(1, 9),
    st.floats(0.1, 1e6),
    st.none() | st.floats(0.1, 1e6) | st.integers(1, 9),
)
OUTCOME: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Completed, TEXT),
    st.builds(Suspended, st.lists(TEXT, max_size=2).map(tuple)),
    st.builds(Blocked, ERROR),
    st.builds(BudgetExhausted, ERROR),
    st.builds(Cancelled, TEXT),
    st.builds(Failed, ERROR),
)
NAMES = st.lists(TEXT, max_size=2).map(tuple)
DECISIONS = st.lists(
    st.builds(
        Decision,
        st.sampled_from(PHASES),
        TEXT,
        st.sampled_from(["allow", "rewrite", "ask", "block", "error"]),
        TEXT,
    ),
    max_size=2,
).map(tuple)
ENDPOINT = st.builds(ModelEndpoint, TEXT, TEXT, st.none() | st.integers(1, 65535))
HEAD = st.builds(AgentHead, TEXT, TEXT, SYSTEM, OBJECT, st.none() | OBJECT, ENDPOINT)
OFFERED = st.lists(st.builds(OfferedTool, TEXT, TEXT, OBJECT), max_size=2).map(tuple)
RANKED = st.lists(st.builds(RankedTool, TEXT, SECONDS), max_size=2).map(tuple)
MAIL = st.builds(AgentMessage, COUNT, TEXT, TEXT, TEXT, TEXT | OBJECT, TEXT, TEXT, LABELS, st.booleans(), SECONDS)
TRANSFERS = st.builds(
    HistoryTransfer, st.sampled_from(["all", "summary", "none"]) | st.integers(1, 9), st.sampled_from(["calls", "text"])
)
EFFECT: st.SearchStrategy[Effect] = st.one_of(
    st.builds(OfferTools, NAMES),
    st.builds(DeclareTools, NAMES, OFFERED, RANKED),
    st.builds(HandOver, HEAD),
    st.builds(TransferHistory, TRANSFERS),
    st.builds(NarrowTools, NAMES, TEXT),
    st.builds(SendMessage, MAIL),
)
STARTED = st.builds(
    RunStarted,
    run_id=TEXT,
    head=HEAD,
    messages=MESSAGES,
    limits=LIMITS,
    scope=st.builds(Scope, TEXT, TEXT, TEXT),
    trace_id=TEXT,
    parent_trace_id=TEXT,
    run_group_id=TEXT,
    policies=NAMES,
    awaits_admission=st.booleans(),
    before=NAMES,
    after=NAMES,
    history=st.none() | st.builds(HistoryReference, TEXT, COUNT, COUNT),
    tags=st.lists(TEXT, max_size=2).map(tuple),
    plans=st.lists(st.builds(AgentPlans, TEXT, COUNT), max_size=2).map(tuple),
    acting=st.none() | HEAD,
    at=SECONDS,
)
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)
PLAN = st.builds(Plan, TEXT, st.lists(st.builds(PlanStep, TEXT, NAMES), max_size=2).map(tuple))
THOUGHT = st.builds(
    ThoughtFigures,
    st.lists(COUNT, max_size=2).map(tuple),
    TEXT,
    st.none() | SECONDS,
    st.sampled_from(["chosen", "complete", "open", "expanded", "pruned"]),
)
STATUS = st.sampled_from(["ok", "failed", "refused", "rejected", "answered", "unknown", "withheld"])
PLAIN_EVENTS: dict[type, st.SearchStrategy[Event]] = {
    RunStarted: STARTED,
    Admitted: st.builds(Admitted, USER, DECISIONS, SECONDS),
    ContextAdded: st.builds(
        ContextAdded, TEXT, st.lists(CONTEXT, max_size=2).map(tuple), st.none() | ERROR, DECISIONS, OBJECT, SECONDS
    ),
    ContextReplaced: st.builds(
        ContextReplaced, TEXT, COUNT, MESSAGES, NAMES, st.none() | USAGE, st.none() | ERROR, DECISIONS, SECONDS
    ),
    ToolsSelected: st.builds(
        ToolsSelected, NAMES, OFFERED, RANKED, COUNT, NAMES, COUNT, st.lists(ERROR, max_size=1).map(tuple), SECONDS
    ),
    Planned: st.builds(
        Planned,
        st.none() | PLAN,
        st.none() | CONTEXT,
        st.none() | NAMES,
        st.none() | ERROR,
        st.lists(THOUGHT, max_size=2).map(tuple),
        TEXT,
        COUNT,
        st.none() | USAGE,
        DECISIONS,
        SECONDS,
    ),
    MessagesDelivered: st.builds(
        MessagesDelivered,
        st.lists(MAIL, max_size=2).map(tuple),
        st.lists(CONTEXT, max_size=2).map(tuple),
        COUNT,
        st.none() | ERROR,
        DECISIONS,
        SECONDS,
    ),
    ModelRequested: st.builds(
        ModelRequested, COUNT, COUNT, NAMES, st.none() | OBJECT, st.none() | MESSAGES, DECISIONS, NAMES, SECONDS
    ),
    ModelRetried: st.builds(ModelRetried, COUNT, COUNT, SECONDS),
    ModelFailed: st.builds(
        ModelFailed,
        COUNT,
        COUNT,
        ERROR,
        st.text(max_size=5),
        st.none() | USAGE,
        st.none() | OUTCOME,
        DECISIONS,
        SECONDS,
    ),
    ModelReplied: st.builds(
        ModelReplied,
        COUNT,
        ASSISTANT,
        st.none() | TEXT,
        st.none() | USAGE,
        st.none() | TEXT,
        st.none() | TEXT,
        DECISIONS,
        SECONDS,
        st.none() | SECONDS,
        SECONDS,
    ),
    CallsRefused: st.builds(CallsRefused, NAMES, ERROR, SECONDS),
    ToolStarted: st.builds(ToolStarted, TEXT, TEXT, OBJECT, TEXT, DECISIONS, SECONDS),
    ToolFinished: st.builds(
        ToolFinished,
        TEXT,
        TEXT,
        STATUS,
        st.none() | ERROR,
        st.lists(EFFECT, max_size=2).map(tuple),
        st.none() | OUTCOME,
        DECISIONS,
        SECONDS,
        SECONDS,
    ),
    ApprovalRequested: st.builds(ApprovalRequested, TEXT, TEXT, OBJECT, OBJECT, DECISIONS, SECONDS),
    ApprovalDecided: st.builds(ApprovalDecided, TEXT, APPROVAL, SECONDS),
    OutputRejected: st.builds(OutputRejected, USER, at=SECONDS),
    OutputAccepted: st.builds(OutputAccepted, TEXT, DECISIONS, SECONDS),
    Concluded: st.builds(Concluded, TEXT, st.none() | ERROR, DECISIONS, OBJECT, st.none() | USAGE, SECONDS),
    Noted: st.builds(Noted, TEXT, OBJECT, SECONDS),
    RunFinished: st.builds(RunFinished, OUTCOME, DECISIONS, SECONDS),
    Unrecognized: st.builds(
        lambda entry, at: Unrecognized({**entry, "type": "of_a_later_version", "ignorable": True, "at": at}),
        OBJECT,
        SECONDS,
    ),
}
# Deferred, since hypothesis would otherwise write out all of these strategies in its reports.
ANY_PLAIN: st.SearchStrategy[Event] = st.deferred(lambda: st.one_of(*PLAIN_EVENTS.values()))
NESTED: st.SearchStrategy[Event] = st.builds(Nested, TEXT, ANY_PLAIN | st.builds(Nested, TEXT, ANY_PLAIN))
EVENTS: dict[type, st.SearchStrategy[Event]] = {**PLAIN_EVENTS, Nested: NESTED}
