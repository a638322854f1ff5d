"""What of any conversation goes along with a handoff: always a valid one, with the query, and what the rule says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.conversation.labels import labels_of
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.swarm.handoff_history import holds_more, last_messages, query_alone, without_foreign_calls

TEXT = st.sampled_from(["", " ", "yes", "größe", "</context>"])
NAMES = st.sampled_from(["own", "also_own", "foreign", "functions.own", "{calls}"])
OWN = frozenset({"own", "also_own"})
TOLD = "Calls:\n{calls}"
QUERY = UserMessage("the query")


@st.composite
def rounds(draw: st.DrawFn) -> tuple[Message, ...]:
    """A message with calls and their results, in any order."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3))
    calls = [ToolCall(f"c{place}", name, "{}") for place, name in enumerate(names)]
    results = draw(st.permutations([ToolMessage(call.id, f"result {call.id} {{x}}") for call in calls]))
    return (AssistantMessage(draw(st.none() | TEXT), tuple(calls), reasoning="why"), *results)


UNITS = st.one_of(
    rounds(),
    st.builds(lambda text: (AssistantMessage(text),), TEXT),
    st.builds(lambda text: (UserMessage(text),), TEXT),
    st.builds(lambda text: (ContextMessage("memory", text),), TEXT),
    st.builds(lambda text: (ContextMessage("handoff", text, replaces=("user",)),), TEXT),
)


def flat(units: list[tuple[Message, ...]]) -> tuple[Message, ...]:
    return tuple(message for unit in units for message in unit)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[tuple[Message, ...], int, tuple[Message, ...]]:
    """A conversation, where its query stands, and what context sources put before that."""
    past = flat(draw(st.lists(UNITS, max_size=4)))
    while past and isinstance(past[-1], ContextMessage):
        past = past[:-1]
    added = tuple(ContextMessage("memory", text) for text in draw(st.lists(TEXT, max_size=2)))
    after = flat([draw(rounds()) for _ in range(draw(st.integers(1, 4)))])
    return (*past, *added, QUERY, *after), len(past) + len(added), added


def count_units(messages: tuple[Message, ...]) -> int:
    return sum(not isinstance(message, ToolMessage) for message in messages)


@given(conversations(), st.integers(1, 12))
def test_the_last_messages(made: tuple[tuple[Message, ...], int, tuple[Message, ...]], keep: int) -> None:
    messages, query_at, added = made
    transfer = last_messages(messages, query_at, keep)
    left = (*transfer.messages, *messages[transfer.count :])
    check_conversation(left, "left")
    assert sum(message is QUERY for message in left) == 1
    block = (*added, QUERY)
    place = left.index(QUERY)
    assert left[place - len(added) : place + 1] == block
    wanted = min(keep, count_units(messages))
    kept = count_units(messages[transfer.count :])
    assert kept == wanted if wanted <= count_units(messages[query_at + 1 :]) else kept >= wanted
    assert kept <= max(wanted, count_units(messages[query_at - len(added) :]))
    assert len(left) + len(transfer.gone) == len(messages)
    assert set(labels_of(left)) | set(labels_of(transfer.gone)) >= set(labels_of(messages))


@given(conversations())
def test_the_query_alone(made: tuple[tuple[Message, ...], int, tuple[Message, ...]]) -> None:
    messages, query_at, added = made
    transfer = query_alone(messages, query_at)
    assert transfer.count == len(messages)
    assert transfer.messages == (*added, QUERY)
    assert holds_more(messages, query_at) is (count_units(messages) > len(added) + 2)


@given(conversations())
def test_foreign_calls_in_words(made: tuple[tuple[Message, ...], int, tuple[Message, ...]]) -> None:
    messages, _, _ = made
    told = without_foreign_calls(messages, OWN, TOLD, labels_of(messages))
    check_conversation(told, "told")
    calls = [call.name for one in told if isinstance(one, AssistantMessage) for call in one.tool_calls]
    assert set(calls) <= {*OWN, "functions.own"}
    assert sum(message is QUERY for message in told) == 1
    text = "".join(str(one.content) for one in told)
    assert all(one.content in text for one in messages if isinstance(one, ToolMessage))
    assert set(labels_of(told)) == set(labels_of(messages)) | ({"assistant"} & set(labels_of(told)))
    assert without_foreign_calls(told, OWN, TOLD, ()) == told


def test_a_query_that_gave_way_before_is_not_looked_for() -> None:
    messages: tuple[Message, ...] = (ContextMessage("summary", "s", replaces=("user",)), AssistantMessage("x"))
    assert query_alone(messages, 2).messages == ()
    assert last_messages(messages, 2, 1).count == 1
    assert holds_more(messages, 2)
