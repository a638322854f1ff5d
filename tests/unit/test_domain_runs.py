"""The machine: properties of folding and deciding, over generated sequences."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent.domain.conversation.deltas import (
    Delta,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
    fold_deltas,
)
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.error_codes import ERROR_TAXONOMY
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.limits import Limits
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import (
    Admitted,
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    Concluded,
    ContextAdded,
    ContextReplaced,
    Event,
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
)
from lightagent.domain.runs.folding import apply, fold
from lightagent.domain.runs.moves import AskModel, CallTools, Finish, next_move
from lightagent.domain.runs.state import call_key

# TEST_CASES=10000 for a release.
CASES = int(os.environ.get("TEST_CASES", "100"))

HEAD = AgentHead("a", "m", SystemMessage("s"))
TYPED = AgentHead("a", "m", SystemMessage("s"), output_schema={"type": "integer"})
QUERY = (UserMessage("q"),)
STARTED = RunStarted("r", HEAD, QUERY)
WORDS = st.text("abc é\U0001f600", max_size=6)


@st.composite
def possible_runs(draw: st.DrawFn) -> list[Event]:
    """A run that follows every move of the machine, whatever the model and the tools do."""
    events: list[Event] = [STARTED]
    for _ in range(draw(st.integers(0, 40))):
        move = next_move(fold(events))
        match move:
            case AskModel():
                events.extend(draw(_model_turn(fold(events).turn + 1)))
            case CallTools(calls):
                pending = draw(st.sampled_from(calls))
                key = call_key(fold(events), pending.call.id)
                events.extend(draw(_tool_turn(pending.call.id, key, started=pending.status == "started")))
            case Finish(outcome):
                events.append(RunFinished(outcome))
                if not isinstance(outcome, Suspended):
                    break
                events.extend(ApprovalDecided(call_id, ApprovalDecision.approve()) for call_id in outcome.call_ids)
            case _:
                raise AssertionError(f"{move} is not due in a run without an output type, policies and sources")
    return events


@st.composite
def _model_turn(draw: st.DrawFn, turn: int) -> list[Event]:
    count = draw(st.integers(0, 3))
    calls = tuple(ToolCall(f"c{number}", "t", "{}") for number in range(count))
    finish = draw(st.sampled_from([None, "stop", "tool_calls", "stop", "length", "content_filter"]))
    failures: list[Event] = []
    for attempt in range(1, draw(st.integers(1, 3))):
        failures += [ModelFailed(turn, attempt, ERROR_TAXONOMY["LA-429"]), ModelRetried(turn, attempt + 1)]
    return [ModelRequested(turn, 1), *failures, ModelReplied(turn, AssistantMessage(draw(WORDS), calls), finish)]


@st.composite
def _tool_turn(draw: st.DrawFn, call_id: str, key: str, *, started: bool) -> list[Event]:
    events: list[Event] = [] if started else [ToolStarted(call_id, "t", {}, key)]
    end = draw(st.sampled_from(["finish", "ask", "stop here", "refuse"]))
    if end == "stop here":
        return events or [Noted("still running", {})]
    if end == "ask":
        return [*events, ApprovalRequested(call_id, "why", {"arguments": {}})]
    if end == "refuse" and not started:
        return [ToolFinished(call_id, "no", "refused")]
    return [*events, ToolFinished(call_id, f"result of {call_id}")]


@given(possible_runs(), st.data())
@settings(max_examples=CASES)
def test_folding_a_prefix_and_going_on_equals_folding_the_whole(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(events)))
    run = fold(events[:cut])
    for event in events[cut:]:
        run = apply(run, event)
    assert run == fold(events)


@given(possible_runs())
@settings(max_examples=CASES)
def test_every_call_gets_exactly_one_result_and_order_is_kept(events: list[Event]) -> None:
    run = fold(events)
    waiting: list[str] = []
    for message in run.messages:
        if isinstance(message, ToolMessage):
            assert message.tool_call_id == waiting.pop(0)
        else:
            assert not waiting
            waiting = [call.id for call in message.tool_calls] if isinstance(message, AssistantMessage) else []
    assert waiting == list(run.calls)


@given(possible_runs())
@settings(max_examples=CASES)
def test_the_next_move_never_asks_the_model_while_calls_are_open(events: list[Event]) -> None:
    for length in range(1, len(events) + 1):
        run = fold(events[:length])
        move = next_move(run)
        assert not (isinstance(move, AskModel) and run.calls)
        assert not (isinstance(move, CallTools) and not run.calls)


def _split(delta: Delta, sizes: list[int]) -> list[Delta]:
    match delta:
        case TextDelta(text):
            return [TextDelta(piece) for piece in _pieces(text, sizes)]
        case ReasoningDelta(text):
            return [ReasoningDelta(piece) for piece in _pieces(text, sizes)]
        case RefusalDelta(text):
            return [RefusalDelta(piece) for piece in _pieces(text, sizes)]
        case ToolCallDelta(index, call_id, name, arguments):
            pieces = [ToolCallDelta(index, arguments=piece) for piece in _pieces(arguments, sizes)]
            return [ToolCallDelta(index, call_id, name), *pieces]
        case ReplyEnd():
            return [ReplyEnd(finish_reason=delta.finish_reason), ReplyEnd(usage=delta.usage, model=delta.model)]


def _pieces(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]


DELTAS = st.one_of(
    st.builds(TextDelta, st.text(max_size=12)),
    st.builds(ReasoningDelta, st.text(max_size=12)),
    st.builds(RefusalDelta, st.text(max_size=5)),
    st.builds(lambda at, text: ToolCallDelta(at, f"c{at}", "t", text), st.integers(0, 3), st.text(max_size=12)),
    st.builds(ReplyEnd, st.sampled_from(["stop", "length"])),
)


@given(st.lists(DELTAS, max_size=12), st.lists(st.integers(0, 4), max_size=4))
@settings(max_examples=CASES * 2)
def test_any_split_of_a_stream_folds_to_the_same_message(deltas: list[Delta], sizes: list[int]) -> None:
    split = [piece for delta in deltas for piece in _split(delta, sizes)]
    assert fold_deltas(split) == fold_deltas(deltas)


def test_halves_of_a_surrogate_pair_in_two_deltas_become_one_character() -> None:
    assert fold_deltas([TextDelta("a\ud83d"), TextDelta("\ude00b")]).message.content == "a\U0001f600b"


def _reply(message: AssistantMessage, finish: str = "stop") -> list[Event]:
    return [STARTED, ModelRequested(1, 2), ModelReplied(1, message, finish)]


CALL = AssistantMessage(None, (ToolCall("c", "t", "{}"),))


def test_an_answer_ends_the_run() -> None:
    assert next_move(fold(_reply(AssistantMessage("hi")))) == Finish(Completed("hi"))


def test_an_answer_that_was_cut_off_is_a_failure_even_with_calls() -> None:
    for message in (AssistantMessage("hal"), CALL):
        move = next_move(fold(_reply(message, "length")))
        assert isinstance(move, Finish)
        assert isinstance(move.outcome, Failed)
        assert move.outcome.error.code == "LA-413"


@pytest.mark.parametrize("message", [AssistantMessage("half"), AssistantMessage(None, refusal="no")])
def test_an_answer_that_the_provider_withheld_blocks_the_run(message: AssistantMessage) -> None:
    move = next_move(fold(_reply(message, "content_filter")))
    assert isinstance(move, Finish)
    assert isinstance(move.outcome, Blocked)


def test_rounds_of_tool_calls_are_limited() -> None:
    started = RunStarted("r", HEAD, QUERY, limits=Limits(max_tool_iterations=0))
    move = next_move(fold([started, ModelRequested(1, 2), ModelReplied(1, CALL)]))
    assert isinstance(move, Finish)
    assert isinstance(move.outcome, BudgetExhausted)


BUSY = ModelFailed(1, 1, ERROR_TAXONOMY["LA-429"])
IMPOSSIBLE: list[list[Event]] = [
    [],
    [ModelRequested(1, 1)],
    [STARTED, STARTED],
    [STARTED, ToolFinished("c", "x")],
    [*_reply(CALL), ModelReplied(2, AssistantMessage("x"))],
    [*_reply(CALL), ToolFinished("c", "x"), ToolFinished("c", "y")],
    [*_reply(CALL), ToolStarted("c", "t", {}, "r:1:c"), ToolStarted("c", "t", {}, "r:1:c")],
    [*_reply(CALL), ApprovalDecided("c", ApprovalDecision.approve())],
    _reply(AssistantMessage(None, (ToolCall("c", "t", ""), ToolCall("c", "t", "")))),
    [*_reply(AssistantMessage("x")), RunFinished(Completed("x")), Noted("late", {})],
    [STARTED, RunFinished(Completed("x"))],
    [*_reply(CALL), RunFinished(Completed("x"))],
    [*_reply(CALL), ApprovalRequested("c", "why", {"arguments": {}}), RunFinished(Completed("x"))],
    [*_reply(CALL), ToolFinished("c", "x"), RunFinished(Completed("x"))],
    [*_reply(CALL), ApprovalRequested("c", "why", {"arguments": {}}), ToolFinished("c", "x")],
    [*_reply(CALL), RunFinished(Suspended(("c",)))],
    [*_reply(CALL), ApprovalRequested("c", "why", {"arguments": {}}), RunFinished(Suspended(("d",)))],
    [*_reply(AssistantMessage("x")), RunFinished(Suspended(()))],
    [STARTED, ModelReplied(1, AssistantMessage("x"))],
    [STARTED, ModelFailed(1, 1, ERROR_TAXONOMY["LA-429"])],
    [STARTED, ModelRequested(-5, 1)],
    [STARTED, ModelRequested(1, 1), ModelReplied(2, AssistantMessage("x"))],
    [STARTED, ModelRequested(1, 1), ModelFailed(0, 1, ERROR_TAXONOMY["LA-429"])],
    [*_reply(CALL), ModelRequested(2, 3)],
    [*_reply(CALL), ToolFinished("c", "x"), ModelReplied(2, AssistantMessage("x"))],
    [*_reply(CALL), ToolFinished("c", "x"), ModelRequested(1, 3)],
    [STARTED, ModelRequested(1, 2), ModelRequested(1, 2)],
    [STARTED, ModelRetried(1, 2)],
    [STARTED, ModelRequested(1, 2), ModelRetried(1, 3)],
    [STARTED, ModelRequested(1, 2), BUSY, ModelReplied(1, AssistantMessage("x"))],
    [STARTED, ModelRequested(1, 2), BUSY, BUSY],
    [STARTED, OutputAccepted("x")],
    [*_reply(AssistantMessage("x")), OutputAccepted("x"), OutputAccepted("y")],
    [*_reply(AssistantMessage("x")), OutputAccepted("x"), OutputRejected(UserMessage("no"))],
    [*_reply(AssistantMessage("x")), OutputAccepted("x"), RunFinished(Completed("y"))],
    [*_reply(AssistantMessage("x"), "length"), OutputAccepted("x")],
    [RunStarted("r", TYPED, QUERY), *_reply(AssistantMessage("1"))[1:], RunFinished(Completed("1"))],
    [*_reply(CALL), OutputRejected(UserMessage("no"))],
    [*_reply(CALL, "length"), ToolStarted("c", "t", {}, "r:1:c")],
    [*_reply(CALL, "length"), CallsRefused(("c",), ERROR_TAXONOMY["LA-TOOL"])],
    [*_reply(CALL), CallsRefused(("d",), ERROR_TAXONOMY["LA-TOOL"])],
    [STARTED, Admitted(UserMessage("q"))],
    [RunStarted("r", HEAD, (), awaits_admission=True), ModelRequested(1, 2)],
    [STARTED, ContextAdded("memory", ())],
    [RunStarted("r", HEAD, QUERY, before=("memory",)), ModelRequested(1, 2)],
    [*_reply(CALL), ContextReplaced("c", 1, QUERY)],
    [*_reply(CALL), ToolFinished("c", "x"), ContextReplaced("c", 2, QUERY)],
    [STARTED, ContextReplaced("c", 2, QUERY)],
    [STARTED, ContextReplaced("c", 1, ())],
    [*_reply(AssistantMessage("x")), Concluded("memory")],
    [
        RunStarted("r", HEAD, QUERY, after=("memory",)),
        *_reply(AssistantMessage("x"))[1:],
        RunFinished(Completed("x")),
    ],
    [*_reply(CALL), Nested("c", STARTED)],
    [*_reply(CALL), ToolStarted("c", "t", {}, "r:1:c"), Nested("c", ModelRequested(1, 2))],
    [*_reply(CALL), ToolStarted("c", "t", {}, "r:1:c"), Nested("c", STARTED), Nested("c", STARTED)],
    [
        *_reply(CALL),
        ApprovalRequested("c", "why", {"arguments": {"euros": 1}}, {"euros": 1}),
        ApprovalDecided("c", ApprovalDecision.approve()),
        ToolStarted("c", "t", {"euros": 9999}, "r:1:c"),
    ],
]


@pytest.mark.parametrize("failed", [False, True], ids=["interrupted", "failed"])
def test_a_request_that_was_interrupted_or_failed_is_made_again(failed: bool) -> None:
    asked: list[Event] = [STARTED, ModelRequested(1, 2), *([BUSY] if failed else [])]
    assert next_move(fold(asked)) == AskModel()
    again: list[Event] = [*asked, ModelRetried(1, 2)]
    assert (fold(again).attempt, fold(again).failures) == (2, int(failed))
    run = fold([*again, ModelReplied(1, AssistantMessage("x")), RunFinished(Completed("x"))])
    assert (run.turn, run.outcome) == (1, Completed("x"))


@pytest.mark.parametrize(
    "outcome",
    [
        Blocked(ERROR_TAXONOMY["LA-403"]),
        Failed(ERROR_TAXONOMY["LA-500"]),
        BudgetExhausted(ERROR_TAXONOMY["LA-BUDGET"]),
        Cancelled(),
    ],
    ids=lambda outcome: outcome.kind,
)
def test_a_run_may_break_off_with_calls_open(outcome: Outcome) -> None:
    waiting: list[Event] = [*_reply(CALL), ApprovalRequested("c", "why", {"arguments": {}})]
    for events in ([STARTED], _reply(CALL), waiting):
        assert fold([*events, RunFinished(outcome)]).outcome == outcome


@pytest.mark.parametrize("events", IMPOSSIBLE)
def test_events_that_contradict_each_other_are_refused(events: list[Event]) -> None:
    with pytest.raises(ConfigurationError):
        fold(events)


TWO_CALLS = AssistantMessage(None, (ToolCall("c", "t", "{}"), ToolCall("d", "t", "{}")))
MEMORY = ContextMessage("memory", "The user likes trees.")
SMALL_EVENTS: list[Event] = [
    Admitted(UserMessage("q")),
    ContextAdded("memory", (MEMORY,)),
    ContextReplaced("compactor", 1, (UserMessage("summary"),)),
    ContextReplaced("compactor", 2, ()),
    *(ModelRequested(turn, 2) for turn in (1, 2, 3)),
    *(ModelRetried(turn, 2) for turn in (1, 2)),
    *(ModelFailed(turn, 1, ERROR_TAXONOMY["LA-429"]) for turn in (1, 2)),
    *(
        ModelReplied(turn, message, finish)
        for turn in (1, 2, 3)
        for message in (AssistantMessage("x"), CALL, TWO_CALLS)
        for finish in ("stop", "length")
    ),
    *(ToolStarted(call_id, "t", {}, f"r:1:{call_id}") for call_id in ("c", "d")),
    *(ToolFinished(call_id, "y") for call_id in ("c", "d")),
    *(ApprovalRequested(call_id, "why", {"arguments": {}}) for call_id in ("c", "d")),
    *(ApprovalDecided(call_id, ApprovalDecision.approve()) for call_id in ("c", "d")),
    CallsRefused(("d",), ERROR_TAXONOMY["LA-TOOL"]),
    Nested("c", STARTED),
    OutputRejected(UserMessage("It does not fit.")),
    OutputAccepted("x"),
    Concluded("remember"),
    Noted("note", {}),
    RunFinished(Completed("x")),
    RunFinished(Suspended(("c",))),
]
STARTS = [
    STARTED,
    RunStarted("r", TYPED, QUERY),
    RunStarted("r", HEAD, QUERY, before=("memory",), after=("remember",)),
    RunStarted("r", HEAD, (), awaits_admission=True, policies=("p",)),
]


@given(st.sampled_from(STARTS), st.lists(st.sampled_from(SMALL_EVENTS), max_size=60))
@settings(max_examples=CASES * 2)
def test_whatever_the_fold_accepts_gives_a_conversation_that_a_provider_takes(
    started: RunStarted, events: list[Event]
) -> None:
    """Of random events those are kept that the fold accepts; a request is only made where no call is open."""
    run = fold([started])
    for event in events:
        try:
            run = apply(run, event)
        except ConfigurationError:
            continue
        if isinstance(event, ModelRequested):
            check_conversation(run.messages, "messages")
            assert run.messages
            assert run.admitted
            assert len(run.prepared) == len(started.before)
        if isinstance(event, RunFinished):
            assert isinstance(event.outcome, Suspended) or not run.calls


def test_the_query_is_known_again_where_a_replacement_holds_it() -> None:
    asked = UserMessage("q")
    past = (UserMessage("before"), AssistantMessage("x"), asked)
    called = AssistantMessage(None, (ToolCall("c", "t", "{}"),))
    begun: list[Event] = [
        RunStarted("r", HEAD, past),
        ModelRequested(1, 4),
        ModelReplied(1, called),
        ToolStarted("c", "t", {}, "r:1:c"),
        ToolFinished("c", "y"),
    ]
    short = UserMessage("short")
    assert fold([*begun, ContextReplaced("x", 2, (short,))]).query_at == 1
    assert fold([*begun, ContextReplaced("x", 3, (short, asked))]).query_at == 1
    assert fold([*begun, ContextReplaced("x", 5, (short, short, asked))]).query_at == 2
    again = fold([*begun, ContextReplaced("x", 3, (short, asked)), ContextReplaced("x", 2, (asked,))])
    assert again.messages[again.query_at] == asked
    # A replacement that leaves the query out: what follows it stands where the query stood.
    assert fold([*begun, ContextReplaced("x", 3, (short,))]).query_at == 1
