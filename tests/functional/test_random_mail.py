"""Random swarms whose agents send messages, ask each other in parallel and hand over, cut after any event.

Whatever happens, each message is on record as it was sent, reaches its agent at most once, and waits as long as it has
not: in the process that goes on with what its stores hold, and in another one that knows the journal alone.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from random import Random

import pytest

from lightagent import (
    AgentMail,
    ConsultLimits,
    HandoffLimits,
    Journal,
    LightAgent,
    LightSwarm,
    MailLimits,
    RunContext,
    Runs,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.runs.effects import SendMessage
from lightagent.domain.runs.events import Event, Nested, RunStarted, ToolFinished
from lightagent.domain.swarm.agent_messages import AgentMessage, MessagesDelivered
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

GIVEN = int(os.environ.get("TEST_RANDOM_MAIL", "0"))
SWARMS = GIVEN or 2
EVERY = 1 if GIVEN else 6
"""Runs are cut after every sixth of their events, and as `make soak` has it after each."""
NAMES = ("ann", "bob", "cat", "dan")
LIMITS = MailLimits(max_waiting=500, max_age=1_000)


def random_model(seed: int, name: str) -> ScriptedModel:
    """Calls by chance, as the place in the run alone decides, so that a run that goes on elsewhere does the same."""

    def told(request: ChatRequest) -> AssistantMessage:
        origin = request.origin
        place = f"{'/'.join(origin.path)}:{origin.turn}"
        chance = Random(f"{seed}/{name}/{place}")
        names = [spec.name for spec in request.tools if spec.name != "read_messages"]
        if origin.turn > (3 if not origin.path else 2):
            return AssistantMessage(f"{name} at {place}")
        calls: list[ToolCall] = []
        for number in range(chance.randint(1, 3)):
            named = chance.choice([*names, "send_message", "send_message"])
            arguments = "{}"
            if named == "send_message":
                to = chance.choice([other for other in NAMES if other != name])
                arguments = f'{{"to": "{to}", "message": "{name}@{place}#{number}"}}'
            elif named.startswith(("consult_", "ask_")):
                arguments = '{"query": "What do you know?"}'
            calls.append(ToolCall(f"t{origin.turn}c{number}", named, arguments))
        return AssistantMessage(None, tuple(calls))

    return ScriptedModel(told, f"{name}-model", record=False)


@tool(idempotent=True)
async def work(ctx: RunContext[None]) -> str:
    """Work."""
    for _ in range(Random(ctx.idempotency_key[-6:]).randint(0, 3)):
        await asyncio.sleep(0)
    return "done"


def swarm_of(seed: int, store: JournalStore) -> tuple[LightSwarm[None], LightAgent[None, str]]:
    agents = [LightAgent(name=name, role=f"Is {name}.", model=random_model(seed, name), tools=[work]) for name in NAMES]
    swarm = LightSwarm(
        limits=HandoffLimits(max_handoffs=2),
        consult=ConsultLimits(max_depth=2),
        mail=AgentMail(limits=LIMITS, store=store),
    )
    swarm.register_agent(*agents)
    return swarm, agents[0]


def flat(events: Sequence[Event]) -> Iterator[tuple[str, Event]]:
    """Each event with the id of its run."""
    runs: dict[tuple[str, ...], str] = {}
    for event in events:
        path: tuple[str, ...] = ()
        while isinstance(event, Nested):
            path = (*path, event.call_id)
            event = event.event
        if isinstance(event, RunStarted):
            runs[path] = event.run_id
        yield runs[path], event


def sent(journal: Journal) -> list[AgentMessage]:
    finished = [event for _, event in flat(journal.events) if isinstance(event, ToolFinished)]
    return [one.message for event in finished for one in event.effects if isinstance(one, SendMessage)]


def delivered(journal: Journal) -> list[AgentMessage]:
    events = [event for _, event in flat(journal.events) if isinstance(event, MessagesDelivered)]
    return [message for event in events for message in event.messages]


async def check(swarm: LightSwarm[None], journal: Journal, wanted: Counter[str], user: str) -> None:
    """The same messages, none twice, none lost, each list in order."""
    was_sent, reached = sent(journal), delivered(journal)
    assert Counter(message.text for message in was_sent) == wanted
    assert max(Counter(message.id for message in reached).values(), default=0) <= 1
    by_id = {message.id: message for message in was_sent}
    assert all(by_id[message.id].text == message.text for message in reached)
    waiting = [one for name in NAMES for one in await swarm.amessages(name, user_id=user)]
    assert Counter(one.text for one in (*reached, *waiting)) == wanted
    for _, event in flat(journal.events):
        if isinstance(event, MessagesDelivered):
            numbers = [message.number for message in event.messages]
            assert numbers == sorted(numbers)
    assert Journal.from_json(journal.to_json()).run == journal.run


async def whole(seed: int) -> tuple[Journal, Counter[str]]:
    swarm, front = swarm_of(seed, MemoryJournalStore())
    events = [event async for event in swarm.member(front).aevents("Go.", user_id="ada")]
    journal = Journal(tuple(events))
    wanted = Counter(message.text for message in sent(journal))
    assert max(wanted.values(), default=0) <= 1
    await check(swarm, journal, wanted, "ada")
    return journal, wanted


@pytest.mark.timeout(900)
async def test_runs_cut_after_any_event_have_the_same_messages_elsewhere() -> None:
    nested = total = 0
    for seed in range(SWARMS):
        journal, wanted = await whole(seed)
        total += wanted.total()
        nested += sum(isinstance(event, Nested) for event in journal.events)
        for length in range(1 + seed, len(journal.events), EVERY):
            swarm, front = swarm_of(seed, MemoryJournalStore())
            result = await swarm.member(front).aresume(Journal(journal.events[:length]).to_json())
            await check(swarm, result.journal, wanted, "ada")
    assert total > SWARMS * 3
    assert nested > SWARMS * 5


@pytest.mark.timeout(900)
async def test_runs_cut_after_any_event_go_on_with_the_mailbox_that_is_there() -> None:
    """The process is gone, and the store has what was written until then, also what no journal tells."""
    for seed in range(SWARMS):
        journal, wanted = await whole(seed)
        for length in range(1 + seed, len(journal.events), 2 * EVERY):
            store = MemoryJournalStore()
            swarm, front = swarm_of(seed, store)
            events: list[Event] = []
            async with aclosing(swarm.member(front).aevents("Go.", user_id="ada")) as running:
                async for event in running:
                    events.append(event)
                    if len(events) == length:
                        break
            swarm, front = swarm_of(seed, store)
            result = await swarm.member(front).aresume(Journal(tuple(events)).to_json())
            await check(swarm, result.journal, wanted, "ada")


async def test_several_users_run_the_same_swarm_and_no_message_reaches_another() -> None:
    for seed in range(SWARMS):
        swarm, front = swarm_of(seed, MemoryJournalStore())
        users = [f"user{number}" for number in range(4)]
        results = await asyncio.gather(
            *(swarm.arun(front, "Go.", user_id=user, result_format="object") for user in users)
        )
        wanted = Counter(message.text for message in sent(results[0].journal))
        for user, result in zip(users, results, strict=True):
            own = {run_id for run_id, _ in flat(result.journal.events)}
            assert {message.run_id for message in delivered(result.journal)} <= own
            await check(swarm, result.journal, wanted, user)


class Killed(BaseException):
    """The process is gone."""


class DyingStore(MemoryJournalStore):
    """Keeps so many appends; then the process is gone, before or after the last one was kept."""

    def __init__(self, left: int, *, after: bool) -> None:
        super().__init__()
        self.left, self.after = left, after

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self.after):
            raise Killed
        head = await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )
        if self.left == 0:
            raise Killed
        return head

    async def survivors(self) -> MemoryJournalStore:
        """A store of another process that has what was kept."""
        other = MemoryJournalStore()
        page = await self.list(StreamQuery())
        for stream in page.streams:
            entries = (await self.read(stream.key)).entries
            await other.append(
                stream.key,
                [Draft(one.content, one.schema) for one in entries],
                expected=0,
                at=1.0,
                labels=stream.labels,
            )
        return other


@pytest.mark.timeout(900)
@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_is_gone_at_any_write_loses_and_repeats_no_message(*, after: bool) -> None:
    """The runs and the mailboxes are in one store; what is written is all that the next process has."""
    for seed in range(SWARMS):
        _, wanted = await whole(seed)
        left, resumed = 1, 0
        while True:
            dying = DyingStore(left, after=after)
            swarm, front = swarm_of(seed, dying)
            try:
                await swarm.arun(front, "Go.", user_id="ada", journal=dying)
                break
            except Killed:
                pass
            store = await dying.survivors()
            swarm, front = swarm_of(seed, store)
            for info in [info async for info in Runs(store).list("ada")]:
                journal = await Runs(store).journal(info.run_id, "ada")
                assert journal is not None
                if journal.run.outcome is None:
                    result = await swarm.member(front).aresume(journal)
                    await check(swarm, result.journal, wanted, "ada")
                    resumed += 1
            left += 5 if GIVEN else 10
        assert resumed > 3
