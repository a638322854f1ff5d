"""Strategies for every kind of event, with every kind of content."""

from __future__ import annotations

from hypothesis import strategies as st

from lightagent import ApprovalDecision, Event, JsonObject, JsonValue, LightAgentErrorInfo
from lightagent.domain.events import (
    ApprovalDecided,
    ApprovalRequested,
    ContextAdded,
    Limits,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Noted,
    OutputAccepted,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.messages import AssistantMessage, Message, SystemMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.scopes import Scope
from lightagent.domain.usage import Usage

# Every character, the halves of UTF-16 pairs included: a model may be cut off between them.
TEXT = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=8)
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
MESSAGE: st.SearchStrategy[Message] = st.one_of(
    st.builds(SystemMessage, TEXT),
    st.builds(UserMessage, st.one_of(TEXT, PARTS)),
    ASSISTANT,
    st.builds(ToolMessage, TEXT, TEXT),
)
MESSAGES = st.lists(MESSAGE, max_size=3).map(tuple)
ERROR = st.builds(LightAgentErrorInfo, TEXT, TEXT, TEXT, st.none() | OBJECT, st.booleans())
DECISION = st.one_of(
    st.builds(ApprovalDecision.approve, TEXT, actor=TEXT),
    st.builds(ApprovalDecision.reject, TEXT, actor=TEXT),
    st.builds(ApprovalDecision.edit, OBJECT, TEXT, actor=TEXT),
    st.builds(ApprovalDecision.respond, TEXT, TEXT, actor=TEXT),
)
LIMITS = st.builds(
    Limits, COUNT, st.integers(1, 9), COUNT, st.floats(0.1, 1e6), st.none() | st.floats(0.1, 1e6) | st.integers(1, 9)
)
OUTCOME: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Completed, TEXT),
    st.builds(Suspended, st.lists(TEXT, max_size=2).map(tuple)),
    st.builds(Blocked, ERROR),
    st.builds(BudgetExhausted, ERROR),
    st.builds(Cancelled, TEXT),
    st.builds(Failed, ERROR),
)
STARTED = st.builds(
    RunStarted,
    TEXT,
    TEXT,
    TEXT,
    MESSAGES,
    st.lists(TEXT, max_size=2).map(tuple),
    OBJECT,
    st.none() | OBJECT,
    LIMITS,
    st.builds(Scope, TEXT, TEXT, TEXT),
    TEXT,
    TEXT,
    TEXT,
    SECONDS,
)
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT)
STATUS = st.sampled_from(["ok", "failed", "refused", "rejected", "answered", "unknown"])
EVENTS: dict[type, st.SearchStrategy[Event]] = {
    RunStarted: STARTED,
    ModelRequested: st.builds(ModelRequested, COUNT, COUNT, SECONDS),
    ModelFailed: st.builds(ModelFailed, COUNT, COUNT, ERROR, st.text(max_size=5), SECONDS),
    ModelReplied: st.builds(
        ModelReplied,
        COUNT,
        ASSISTANT,
        st.none() | TEXT,
        st.none() | USAGE,
        st.none() | TEXT,
        st.none() | TEXT,
        SECONDS,
        st.none() | SECONDS,
        SECONDS,
    ),
    ToolStarted: st.builds(ToolStarted, TEXT, TEXT, OBJECT, TEXT, SECONDS),
    ToolFinished: st.builds(ToolFinished, TEXT, TEXT, STATUS, st.none() | ERROR, SECONDS, SECONDS),
    ApprovalRequested: st.builds(ApprovalRequested, TEXT, TEXT, OBJECT, SECONDS),
    ApprovalDecided: st.builds(ApprovalDecided, TEXT, DECISION, SECONDS),
    ContextAdded: st.builds(ContextAdded, TEXT, MESSAGES, SECONDS),
    OutputAccepted: st.builds(OutputAccepted, TEXT, SECONDS),
    Noted: st.builds(Noted, TEXT, OBJECT, SECONDS),
    RunFinished: st.builds(RunFinished, OUTCOME, SECONDS),
}
