"""Requests that keep within a budget of tokens: what gives way, what is on record, and what goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from lightagent import (
    ChatRequest,
    ConfigurationError,
    ContextBudget,
    Delta,
    Journal,
    LightAgent,
    LightAgentErrorInfo,
    ProviderError,
    RunResult,
    Sessions,
    TextDelta,
    TokenCounter,
    ToolAnswer,
    tool,
)
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.active_run import count_tokens
from lightagent.application.agent_options.context_budget import ContextStrategy
from lightagent.application.projections.usage import total_usage
from lightagent.domain.budgets.token_costs import message_cost, tools_cost
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.messages import ContextMessage, SystemMessage, ToolCall
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Failed
from lightagent.domain.policy.phases import (
    Passed,
    PayloadT,
    Phase,
    ReplyPayload,
    RequestPayload,
    Stopped,
    Subject,
    Verdict,
)
from lightagent.domain.runs.events import ContextReplaced, ModelReplied, Nested, Noted
from lightagent.ports.policy import HeldStream

WORDS = "word " * 40


@tool(idempotent=True)
def look(number: int) -> str:
    """Looks something up.

    Args:
        number: which.
    """
    return f"finding {number}: " + "lorem ipsum " * 200


def asks_for_summary(request: ChatRequest) -> bool:
    return "Summarize" in str(request.messages[0].content)


def tokens_of(request: ChatRequest) -> int:
    costs = [*map(message_cost, request.messages), tools_cost(request.tools, request.output_schema)]
    return sum(cost.tokens + sum(map(estimate_tokens, cost.texts)) for cost in costs)


def replaced(result: RunResult[str]) -> list[ContextReplaced]:
    return [event for event in result.journal.events if isinstance(event, ContextReplaced)]


def looks(times: int, answer: str = "done") -> Callable[[ChatRequest], Reply]:
    """Looks so many times, counted by what it is asked, and then answers; gives summaries besides."""
    asked = 0

    def reply(request: ChatRequest) -> Reply:
        nonlocal asked
        if asks_for_summary(request):
            return "In short: the user looks around."
        asked += 1
        return call_tool("look", number=asked) if asked <= times else answer

    return reply


def sound(model: ScriptedModel, most: int) -> None:
    """Every request kept within the budget, and is one that a provider takes."""
    for request in model.requests:
        told = [message for message in request.messages if not isinstance(message, SystemMessage)]
        check_conversation(told, "request")
        assert tokens_of(request) <= most, [len(str(message.content)) for message in request.messages]


STRATEGIES: tuple[ContextStrategy, ...] = ("drop", "summarize", "spill", "spill_and_summarize")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_long_turn_keeps_within_its_budget(strategy: ContextStrategy, stream: bool) -> None:
    model = ScriptedModel(looks(9))
    budget = ContextBudget(2_000, strategy, store=MemoryJournalStore())
    agent = LightAgent(model=model, tools=[look], context_budget=budget)
    if stream:
        watched = agent.astream("Look around.", result_format="event")
        pieces = [str(event.data) async for event in watched if event.type == "content"]
        assert "In short" not in "".join(pieces)
        assert watched.result is not None
        result = watched.result
    else:
        result = await agent.arun("Look around.", result_format="object")
    assert result.content == "done"
    sound(model, 2_000)
    events = replaced(result)
    assert {event.source for event in events} <= {"drop", "summarize", "spill"}
    assert events
    assert all("tool:look" in event.replaced for event in events)
    # The query and what the model has not read are there to the end.
    assert all(
        "Look around." in [message.content for message in request.messages] or asks_for_summary(request)
        for request in model.requests
    )
    assert Journal.from_json(result.journal.to_json()).run == result.journal.run


async def test_a_session_goes_on_from_the_shorter_conversation() -> None:
    store = MemoryJournalStore()
    model = ScriptedModel(lambda request: f"answer {WORDS}")
    for number in range(12):
        # A fresh agent, as in another process, but for the cache of sessions that this one shares.
        agent = LightAgent(model=model, session_store=store, context_budget=ContextBudget(500))
        result = await agent.arun(f"question {number} {WORDS}", session_id="s", result_format="object")
        assert result.success
        started = result.journal.started
        told = 0 if started.history is None else started.history.count
        assert told <= 10
    sound(model, 500)
    kept = await Sessions(store).messages("s")
    assert 4 <= len(kept) <= 10
    assert str(kept[0]["content"]).startswith("question")
    assert str(kept[-2]["content"]).startswith("question 11")


async def test_a_summary_is_asked_for_once_is_on_record_and_stays_in_the_session() -> None:
    store = MemoryJournalStore()
    model = ScriptedModel(lambda request: "They talked." if asks_for_summary(request) else f"answer {WORDS}")
    cheap = ScriptedModel(lambda request: "They talked.", name="cheap")
    budget = ContextBudget(500, "summarize", model=cheap)
    agent = LightAgent(model=model, session_store=store, context_budget=budget)
    results = [
        await agent.arun(f"question {number} {WORDS}", session_id="s", result_format="object") for number in range(9)
    ]
    events = [event for result in results for event in replaced(result)]
    assert len(events) == len(cheap.requests) >= 2
    assert len(model.requests) == 9
    for event in events:
        (summary,) = event.messages
        assert isinstance(summary, ContextMessage)
        assert (summary.content, summary.trust) == ("They talked.", "untrusted")
        assert summary.replaces == event.replaced == ("user", "assistant")
        assert event.usage is not None
    # The second summary is made of the first one too.
    assert "They talked." in str(cheap.requests[1].messages[1].content)
    summarized = next(result for result in results if replaced(result))
    assert summarized.usage == total_usage(summarized.journal.events)
    usages = [
        replaced(summarized)[0].usage,
        *(event.usage for event in summarized.journal.events if event.type == "model_replied"),
    ]
    assert summarized.usage.total_tokens == sum(usage.total_tokens for usage in usages if usage is not None)
    kept = await Sessions(store).messages("s")
    assert "They talked." in str(kept[0]["content"])
    # Another process finds the same conversation.
    copy = MemoryJournalStore()
    await _copied(store, copy)
    assert await Sessions(copy).messages("s") == kept


async def _copied(source: MemoryJournalStore, target: MemoryJournalStore) -> None:
    from lightagent.application.journals.copy import copy_journals

    await copy_journals(source, target)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_run_that_is_cut_anywhere_repeats_nothing_that_is_on_record(strategy: ContextStrategy) -> None:
    def reply(request: ChatRequest) -> Reply:
        """Told by the conversation alone, so that it goes on anywhere."""
        if asks_for_summary(request):
            return "In short."
        numbers = [int(found) for message in request.messages for found in re.findall(r"finding (\d)", str(message))]
        last = max(numbers, default=0)
        return ToolCall(f"call_{last + 1}", "look", f'{{"number": {last + 1}}}') if last < 6 else "done"

    store = MemoryJournalStore()

    def build(model: ScriptedModel) -> LightAgent[None, str]:
        return LightAgent(model=model, tools=[look], context_budget=ContextBudget(2_000, strategy, store=store))

    whole = await build(ScriptedModel(reply)).arun("Look.", result_format="object")
    assert whole.success
    events = whole.journal.events
    assert replaced(whole)
    for length in range(1, len(events)):
        model = ScriptedModel(reply)
        journal = Journal.from_json(Journal(events[:length]).to_json())
        result = await build(model).aresume(journal)
        assert result.success
        sound(model, 2_000)
        assert result.journal.events[:length] == events[:length]
        assert [event.source for event in replaced(result)] == [event.source for event in replaced(whole)]
        assert [event.messages for event in replaced(result)] == [event.messages for event in replaced(whole)]
        wanted = sum(event.source == "summarize" for event in events[length:] if isinstance(event, ContextReplaced))
        assert sum(map(asks_for_summary, model.requests)) == wanted


@pytest.mark.parametrize("strategy", ["drop", "summarize"])
async def test_a_turn_that_is_alone_above_the_budget_ends_with_one_summary_at_most(strategy: ContextStrategy) -> None:
    model = ScriptedModel(looks(5))
    agent = LightAgent(model=model, tools=[look], context_budget=ContextBudget(600, strategy))
    result = await agent.arun("Look.", history=[{"role": "user", "content": WORDS}] * 4, result_format="object")
    assert isinstance(result.outcome, BudgetExhausted)
    assert result.outcome.error.code == "LA-BUDGET"
    assert "its context budget is 600" in result.outcome.error.message
    assert sum(map(asks_for_summary, model.requests)) <= 1
    assert len(model.requests) <= 2


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_budget_below_the_instructions_is_an_error_before_anything_is_asked(
    strategy: ContextStrategy,
) -> None:
    model = ScriptedModel(["never"])
    budget = ContextBudget(30, strategy, store=MemoryJournalStore())
    agent = LightAgent(model=model, tools=[look], instructions=WORDS, context_budget=budget)
    result = await agent.arun("?", result_format="object")
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error.code == "LA-CONFIG"
    assert "The context budget is 30 tokens, but the instructions" in result.outcome.error.message
    assert not model.requests


class Broken(TokenCounter):
    """Fails, or gives nonsense."""

    name = "broken"

    def __init__(self, given: Sequence[int] | BaseException | None) -> None:
        self.calls = 0
        self._given = given

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        self.calls += 1
        if isinstance(self._given, BaseException):
            raise self._given
        return [len(text) for text in texts] if self._given is None else self._given


@pytest.mark.parametrize("given", [OSError("no file"), asyncio.CancelledError(), [-1], "text", [1.5]])
async def test_a_counter_that_fails_is_on_record_and_tokens_are_estimated(given: Sequence[int] | BaseException) -> None:
    model = ScriptedModel(looks(6))
    broken = Broken(given)
    agent = LightAgent(model=model, tools=[look], context_budget=ContextBudget(2_000, counter=broken))
    result = await agent.arun("Look.", result_format="object")
    assert result.success
    sound(model, 2_000)
    assert broken.calls == 1
    noted = [event for event in result.journal.events if isinstance(event, Noted)]
    assert [event.kind for event in noted] == ["token_counter_failed"]
    assert replaced(result)


async def test_a_counter_is_asked_for_each_message_once() -> None:
    class Counting(Broken):
        def __init__(self) -> None:
            super().__init__(None)
            self.texts: list[str] = []

        async def count(self, texts: Sequence[str]) -> Sequence[int]:
            self.texts += texts
            return await super().count(texts)

    counter = Counting()
    agent = LightAgent(
        model=ScriptedModel(looks(8)), tools=[look], context_budget=ContextBudget(8_000, counter=counter)
    )
    result = await agent.arun("Look.", result_format="object")
    assert replaced(result)
    findings = [text for text in counter.texts if text.startswith("finding")]
    assert len(findings) == len(set(findings)) == 8


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (ProviderError("busy", code="LA-503"), "LA-503"),
        (ValueError("odd"), "LA-UNKNOWN"),
        ("", "LA-500"),
        (call_tool("look", number=1), "LA-500"),
    ],
)
async def test_without_a_summary_messages_are_dropped_and_the_error_is_on_record(broken: Reply, code: str) -> None:
    cheap = ScriptedModel(lambda request: broken)
    model = ScriptedModel(looks(6))
    budget = ContextBudget(2_000, "summarize", model=cheap)
    result = await LightAgent(model=model, tools=[look], context_budget=budget).arun("Look.", result_format="object")
    assert result.success
    sound(model, 2_000)
    events = replaced(result)
    assert [event.source for event in events] == ["drop"] * len(cheap.requests)
    assert [event.error.code for event in events if event.error is not None] == [code] * len(events)


async def test_a_summary_that_does_not_come_is_not_waited_for() -> None:
    class Silent(ScriptedModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            await asyncio.Event().wait()
            yield TextDelta("never")

    model = ScriptedModel(looks(3))
    budget = ContextBudget(2_000, "summarize", model=Silent([]), summary_timeout=0.02)
    result = await LightAgent(model=model, tools=[look], context_budget=budget).arun("Look.", result_format="object")
    assert result.success
    assert {event.error.code for event in replaced(result) if event.error} == {"LA-408"}


async def test_a_summary_that_is_too_long_is_cut() -> None:
    cheap = ScriptedModel(lambda request: "much too long " * 2_000)
    model = ScriptedModel(looks(6))
    budget = ContextBudget(2_000, "summarize", model=cheap)
    result = await LightAgent(model=model, tools=[look], context_budget=budget).arun("Look.", result_format="object")
    assert result.success
    sound(model, 2_000)
    assert {event.source for event in replaced(result)} == {"summarize"}


async def test_the_model_learns_which_tools_it_has_called_in_steps_that_were_dropped() -> None:
    model = ScriptedModel(looks(8))
    agent = LightAgent(model=model, tools=[look], context_budget=ContextBudget(1_800))
    assert await agent.arun("Look.") == "done"
    last = model.requests[-1].messages
    note = next(message for message in last if isinstance(message, ContextMessage))
    assert "Tools that were called in them: look." in note.content
    assert note.trust == "untrusted"
    assert [message.role for message in last[:3]] == ["system", "context", "user"]


async def test_no_strategy_shows_the_model_a_call_without_its_result() -> None:
    """The rule that every provider has, over parallel calls and sessions with every strategy."""
    for strategy in STRATEGIES:
        store = MemoryJournalStore()
        turn = 0

        def reply(request: ChatRequest) -> Reply:
            nonlocal turn
            if asks_for_summary(request):
                return "In short."
            turn += 1
            return [call_tool("look", number=turn), call_tool("look", number=turn + 1)] if turn % 3 else "said " * 30

        model = ScriptedModel(reply)
        budget = ContextBudget(4_000, strategy)
        agent = LightAgent(model=model, tools=[look], session_store=store, context_budget=budget)
        for number in range(6):
            assert await agent.arun(f"question {number}", session_id="s")
        sound(model, 4_000)


async def test_a_counter_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Broken):
        async def count(self, texts: Sequence[str]) -> Sequence[int]:
            await asyncio.Event().wait()
            return await super().count(texts)

    monkeypatch.setattr(count_tokens, "FIRST_SECONDS", 0.02)
    budget = ContextBudget(2_000, counter=Hanging(None))
    result = await LightAgent(model=ScriptedModel(["done"]), context_budget=budget).arun("?", result_format="object")
    assert result.content == "done"
    assert [event.kind for event in result.journal.events if isinstance(event, Noted)] == ["token_counter_failed"]


async def test_a_nested_agent_keeps_to_its_own_budget_and_its_summaries_count() -> None:
    inner = ScriptedModel(looks(6, "inner done"))
    expert = LightAgent(name="expert", model=inner, tools=[look], context_budget=ContextBudget(2_000, "summarize"))
    outer = ScriptedModel([call_tool("expert", query="Look."), "outer done"])
    agent = LightAgent(model=outer, tools=[expert.as_tool("expert", "Looks.")])
    result = await agent.arun("Ask.", result_format="object")
    assert result.content == "outer done"
    sound(inner, 2_000)
    nested = [event.event for event in result.journal.events if isinstance(event, Nested)]
    summaries = [event for event in nested if isinstance(event, ContextReplaced)]
    assert {event.source for event in summaries} == {"summarize"}
    told = [event.usage for event in (*nested, *result.journal.events) if isinstance(event, ModelReplied)]
    told += [event.usage for event in summaries]
    assert result.usage.total_tokens == sum(usage.total_tokens for usage in told if usage is not None)


async def test_an_agent_that_takes_over_keeps_to_its_own_budget() -> None:
    async def move() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("moved", hand_over="second")

    second_model = ScriptedModel(looks(5))
    second = LightAgent(name="second", model=second_model, tools=[look], context_budget=ContextBudget(2_000))
    first_model = ScriptedModel([call_tool("look", number=1), call_tool("look", number=2), call_tool("move")])
    first = LightAgent(name="first", model=first_model, tools=[look, move], handoffs=[second])
    result = await first.arun("Look.", result_format="object")
    assert result.content == "done"
    sound(second_model, 2_000)
    assert replaced(result)


async def test_a_summary_is_in_the_store_before_the_model_is_asked_again() -> None:
    store = MemoryJournalStore()
    seen: list[str] = []

    async def kept() -> list[str]:
        (stream,) = (await store.list(StreamQuery("run"))).streams
        return [entry.content for entry in (await store.read(stream.key)).entries]

    class Looking(ScriptedModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            if any("In short" in str(message.content) for message in request.messages):
                seen.append("summarize" if any('"summarize"' in line for line in await kept()) else "nothing")
            async for delta in super().stream(request):
                yield delta

    budget = ContextBudget(2_000, "summarize", model=ScriptedModel(lambda request: "In short."))
    agent = LightAgent(model=Looking(looks(4)), tools=[look], context_budget=budget)
    assert (await agent.arun("Look.", journal=store, result_format="object")).success
    assert seen
    assert set(seen) == {"summarize"}


async def test_a_summary_that_policies_empty_is_not_used() -> None:
    class Emptying(Watchful):
        async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
            if isinstance(payload, ReplyPayload) and subject.name == "summary":
                return Passed(replace(payload, message=replace(payload.message, content="")))
            return Passed(payload)

    agent = LightAgent(
        model=ScriptedModel(looks(5)),
        tools=[look],
        gate=Emptying(),
        context_budget=ContextBudget(2_000, "summarize"),
    )
    result = await agent.arun("Look.", result_format="object")
    assert result.success
    events = replaced(result)
    assert {event.source for event in events} == {"drop"}
    assert all(event.error is not None and "left nothing" in event.error.message for event in events)
    assert all([decision.action for decision in event.decisions] == ["rewrite"] for event in events)


@pytest.mark.parametrize("most", [0, -1, True, 1.5, "many"])
def test_a_number_of_tokens_that_cannot_be_is_refused(most: int) -> None:
    with pytest.raises(ConfigurationError, match="max_tokens is a whole number"):
        ContextBudget(most)


@pytest.mark.parametrize(("strategy", "counter"), [("shrink", object())])
def test_a_budget_that_cannot_be_is_refused(strategy: ContextStrategy, counter: TokenCounter) -> None:
    with pytest.raises(ConfigurationError, match="'shrink' is not a strategy") as refused:
        ContextBudget(100, strategy)
    assert "drop, summarize, spill, spill_and_summarize" in refused.value.info.guidance
    with pytest.raises(ConfigurationError, match="at most max_tokens"):
        ContextBudget(100, target_tokens=101)
    with pytest.raises(ConfigurationError, match="spill_above is a whole number of at least 400"):
        ContextBudget(10_000, spill_above=10)
    with pytest.raises(ConfigurationError, match="summary_timeout"):
        ContextBudget(100, summary_timeout=0)
    with pytest.raises(ConfigurationError, match="moves results of tools to a store"):
        LightAgent(model=ScriptedModel([]), context_budget=ContextBudget(100, "spill"))
    with pytest.raises(ConfigurationError, match="counter"):
        LightAgent(model=ScriptedModel([]), context_budget=ContextBudget(100, counter=counter))


class Watchful:
    """Rewrites what goes to a model, and blocks answers that hold a word."""

    policies: tuple[str, ...] = ("watchful",)
    phases: frozenset[Phase] = frozenset({"model_request", "model_reply"})
    timeout: float | None = None

    def __init__(self) -> None:
        self.tokens = 0

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if isinstance(payload, ReplyPayload):
            self.tokens += payload.usage.total_tokens if payload.usage else 0
            if "forbidden" in (payload.message.content or ""):
                return Stopped(Blocked(LightAgentErrorInfo("LA-GUARDRAIL", "A forbidden word.")))
        if isinstance(payload, RequestPayload) and subject.name == "summary":
            assert all("finding" in str(message) for message in payload.messages)
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


async def test_policies_review_what_is_summarized_and_the_summary() -> None:
    gate = Watchful()
    model = ScriptedModel(looks(6))
    agent = LightAgent(model=model, tools=[look], gate=gate, context_budget=ContextBudget(2_000, "summarize"))
    result = await agent.arun("Look.", result_format="object")
    assert result.success
    assert replaced(result)
    assert gate.tokens == result.usage.total_tokens
    cheap = ScriptedModel(lambda request: "a forbidden summary")
    budget = ContextBudget(2_000, "summarize", model=cheap)
    blocked = LightAgent(model=ScriptedModel(looks(6)), tools=[look], gate=Watchful(), context_budget=budget)
    ended = await blocked.arun("Look.", result_format="object")
    assert isinstance(ended.outcome, Blocked)
    assert len(cheap.requests) == 1
    assert "a forbidden summary" not in ended.journal.to_json()
    assert ended.usage == total_usage(ended.journal.events)
    assert replaced(ended)[0].usage is not None
