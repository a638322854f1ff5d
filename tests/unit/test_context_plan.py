"""What gives way: whole turns and rounds, never a call without its result, never the query of the turn under way."""

from __future__ import annotations

import os
import random
from dataclasses import replace

from lightagent.domain.conversation.labels import labels_of, trust_of
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.conversation.sequence import check_conversation, splits_a_call
from lightagent.domain.conversation.trimming import Cut, last_group, plan_cut, plan_spill, turn_start


def round_of(*names: str) -> tuple[Message, ...]:
    """An answer that calls these tools, with their results."""
    calls = tuple(ToolCall(f"{place}", name, "{}") for place, name in enumerate(names))
    return (AssistantMessage(None, calls), *(ToolMessage(call.id, f"result of {call.name}") for call in calls))


PAST = (UserMessage("one"), *round_of("a", "b"), AssistantMessage("1"), UserMessage("two"), AssistantMessage("2"))
QUERY = UserMessage("now")
MEMORY = ContextMessage("memory", "known")
SUMMARY = ContextMessage("context_budget", "short", replaces=("user", "tool:pay"))


def test_the_oldest_turns_give_way_first_and_no_more_than_is_needed() -> None:
    messages = (*PAST, QUERY)
    sizes = [10] * len(messages)
    assert plan_cut(messages, sizes, 7, most=79, target=40) == Cut(5, (), 30)
    assert plan_cut(messages, sizes, 7, most=79, target=20) == Cut(7, (), 10)
    assert plan_cut(messages, sizes, 7, most=79, target=40, reserve=15) == Cut(7, (), 25)


def test_the_query_stays_with_its_context_where_rounds_of_its_turn_give_way() -> None:
    messages = (*PAST, MEMORY, QUERY, *round_of("a"), *round_of("b", "c"), *round_of("d"))
    sizes = [10] * len(messages)
    cut = plan_cut(messages, sizes, 8, most=100, target=50, note=5)
    assert cut == Cut(14, (MEMORY, QUERY), 45)
    assert cut.in_turn
    assert plan_cut(messages, sizes, 8, most=44, target=1, note=5) is None


def test_what_stands_alone_cannot_give_way() -> None:
    assert plan_cut((QUERY,), [100], 0, most=50, target=20) is None
    assert plan_cut((MEMORY, QUERY, *round_of("a")), [30, 30, 30, 30], 1, most=50, target=20) is None


def test_a_summary_is_the_oldest_of_the_past_and_not_context_of_the_query() -> None:
    messages = (SUMMARY, MEMORY, QUERY)
    assert turn_start(messages, 2) == 1
    assert plan_cut(messages, [10, 10, 10], 2, most=25, target=25) == Cut(1, (), 20)


def test_large_results_are_put_aside_the_oldest_first_and_unread_ones_last() -> None:
    messages = (QUERY, *round_of("a"), *round_of("b"), *round_of("c", "d"))
    sizes = [10, 10, 1000, 10, 1000, 10, 2000, 1000]
    assert plan_spill(messages, sizes, above=400, most=6000, target=4500) == (2,)
    assert plan_spill(messages, sizes, above=400, most=6000, target=3600) == (2, 4)
    assert plan_spill(messages, sizes, above=400, most=3000, target=1500) == (2, 4, 6)
    assert plan_spill(messages, sizes, above=400, most=600, target=500) == (2, 4, 6, 7)
    assert plan_spill(messages, sizes, above=1000, most=600, target=500) == (6,)
    assert plan_spill(messages, sizes, above=400, most=600, target=500, keep=frozenset({6})) == (2, 4, 7)


def test_labels_tell_where_messages_come_from_once_each() -> None:
    messages = (SUMMARY, MEMORY, *PAST)
    assert labels_of(messages) == ("user", "tool:pay", "context:memory", "assistant", "tool:a", "tool:b")
    assert trust_of(messages) == "untrusted"
    assert trust_of((ContextMessage("handbook", "x", "trusted"),)) == "trusted"
    assert trust_of((ContextMessage("handbook", "x", "trusted"), MEMORY)) == "untrusted"


RUNS = int(os.environ.get("TEST_GENERATED_RUNS", "1000"))


def _context(chance: random.Random) -> list[Message]:
    made = (ContextMessage("memory", "known"), ContextMessage("context_budget", "short", replaces=("user",)))
    return [replace(chance.choice(made)) for _ in range(chance.choice((0, 0, 1, 2)))]


def _rounds(chance: random.Random) -> list[Message]:
    return [
        message
        for _ in range(chance.randrange(4))
        for message in round_of(*(chance.choice("abc") for _ in range(chance.randint(1, 3))))
    ]


def conversation(chance: random.Random) -> tuple[tuple[Message, ...], int]:
    """A conversation before a request, and where its query stands."""
    before: list[Message] = []
    for turn in range(chance.randrange(5)):
        before += [*_context(chance), UserMessage(f"{turn}"), *_rounds(chance)]
        before += [AssistantMessage("said")] if chance.random() < 0.8 else []
    before += _context(chance)
    refused: list[Message] = []
    if chance.random() < 0.3:
        refused = [AssistantMessage("odd"), UserMessage("Again.")]
    return (*before, QUERY, *_rounds(chance), *refused), len(before)


def test_whatever_gives_way_a_provider_takes_the_rest() -> None:
    cuts = in_turn = 0
    for seed in range(RUNS):
        chance = random.Random(seed)
        messages, query_at = conversation(chance)
        check_conversation(messages, "before")
        sizes = [chance.randint(1, 60) for _ in messages]
        most = chance.randint(1, sum(sizes) + 20)
        cut = plan_cut(messages, sizes, query_at, most=most, target=chance.randint(1, most), reserve=7, note=3)
        if cut is None:
            continue
        cuts += 1
        in_turn += cut.in_turn
        assert not splits_a_call(messages, cut.count)
        stays = (*cut.again, *messages[cut.count :])
        check_conversation((SUMMARY, *stays), "after")
        # The turn under way goes on: its query is there once, and so is what the model has not read yet.
        assert sum(message is QUERY for message in stays) == 1
        unread = messages[last_group(messages) :]
        assert stays[len(stays) - len(unread) :] == unread
        place = {id(message): size for message, size in zip(messages, sizes, strict=True)}
        assert cut.tokens == sum(place[id(message)] for message in stays) + 7 + 3 * cut.in_turn
        assert cut.tokens <= most
    assert min(cuts, 4 * in_turn) > RUNS / 5


def test_only_large_results_are_put_aside() -> None:
    spilled = 0
    for seed in range(RUNS):
        chance = random.Random(seed)
        messages, _ = conversation(chance)
        sizes = [chance.randint(1, 900) for _ in messages]
        most = chance.randint(1, sum(sizes) + 20)
        chosen = plan_spill(messages, sizes, above=400, most=most, target=most // 2)
        assert all(isinstance(messages[place], ToolMessage) and sizes[place] > 400 for place in chosen)
        spilled += bool(chosen)
    assert spilled > RUNS / 4
