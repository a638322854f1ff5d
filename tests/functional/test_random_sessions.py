"""Random sessions: whatever happens to its turns, a session stays a conversation that every endpoint accepts."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    Journal,
    JournalStore,
    LightAgent,
    PolicyError,
    RunResult,
    Sessions,
    Suspended,
    ToolError,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application import hold_lease
from lightagent.application.load_session import load_session, session_key
from lightagent.domain.scopes import Scope
from lightagent.testing.system import ManualClock
from tests.servers.json_values import JsonObject
from tests.support.random_sessions import USERS, Plan, Scene, build_agent, marks
from tests.support.wrapped_journals import CountingStore, MortalStore, WrappedStore

RUNS = max(75, int(os.environ.get("TEST_GENERATED_RUNS", "1000")) * 3 // 40)
"""Random sessions on each store."""
STEPS = 8
ENDS = ("completed", "failed", "blocked", "suspended", "CancelledError")
DECISIONS = ("approve", "reject", "edit", "respond", "turn", "refused")
KINDS = (*ENDS, *DECISIONS, "died", "two_at_once", "resumed after a crash", "made short")
TURNS = max(2000, int(os.environ.get("TEST_SOAK_RUNS", "10000")) // 50)
SECONDS = max(120, RUNS * 4)


class Now:
    """The clock of leases: it moves only when a crashed holder's lease is to end."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> AsyncIterator[JournalStore]:
    store: JournalStore = (
        MemoryJournalStore(now)
        if request.param == "memory"
        else SqliteJournalStore(tmp_path / "journals.db", synchronous="normal", clock=now)
    )
    yield store
    await store.aclose()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a lease looks again at once."""
    monkeypatch.setattr(hold_lease, "_PAUSE", 0.001)


async def conversation(store: JournalStore, session: str, user: str) -> list[JsonObject]:
    """The messages, as a process reads them that has never seen the session."""
    return [dict(message) for message in await Sessions(WrappedStore(store)).messages(session, user)]


class Talk:
    """The sessions of several users, who all give theirs the same id, and what must be in them."""

    def __init__(self, store: JournalStore, now: Now, chance: random.Random, name: str) -> None:
        self.store, self.now, self.chance, self.name = store, now, chance, name
        self.scene = Scene()
        self.expected: dict[str, list[str]] = {user: [] for user in USERS}
        self.before: dict[str, list[JsonObject]] = {user: [] for user in USERS}
        self.processes = [WrappedStore(store), WrappedStore(store), store]
        self.number = 0
        self.done: Counter[str] = Counter()

    async def step(self) -> None:
        user = self.chance.choice(USERS)
        journal = await Sessions(self.process()).journal(self.name, user)
        if journal is None:
            deed = self.chance.choice([self.turn, self.turn, self.cancel, self.crash, self.two_at_once])
            await deed(user)
        elif isinstance(journal.run.outcome, Suspended):
            await self.decide(user, journal)
        elif self.chance.random() < 0.5:
            result = await self.agent().aresume(journal)
            self.done["resumed after a crash"] += 1
            self.ended(user, result)
        else:
            await self.turn(user)
        await self.check(user)

    def process(self) -> JournalStore:
        """A process that has been there for long, or one that has just begun."""
        return self.chance.choice([*self.processes, WrappedStore(self.store)])

    def agent(self, store: JournalStore | None = None) -> LightAgent[None, str]:
        compact = self.chance.choice([None, 4, 12])
        return build_agent(self.scene, store or self.process(), compact=compact)

    def plan(self, user: str, *, end: str = "") -> Plan:
        self.number += 1
        names = ["act", "act", "wait", "stumble", "pay", "move", "missing"]
        rounds = tuple(
            tuple(self.chance.choice(names) for _ in range(self.chance.randint(1, 3)))
            for _ in range(self.chance.choice([0, 1, 1, 2, 3]))
        )
        ends = ["answer", "answer", "answer", "blank", "fail", "secret", "forbidden", "wait"]
        return Plan(user, self.number, rounds, end or self.chance.choice(ends))

    async def ask(self, plan: Plan, store: JournalStore | None = None) -> RunResult[str]:
        agent = self.agent(store)
        return await agent.arun(plan.query(), session_id=self.name, user_id=plan.user, result_format="object")

    async def turn(self, user: str) -> None:
        self.ended(user, await self.ask(self.plan(user)))

    def ended(self, user: str, result: RunResult[str]) -> None:
        self.done[result.outcome.kind] += 1
        self.done["made short"] += any(event.type == "context_replaced" for event in result.journal.events)
        if result.success:
            query = result.journal.run.started.messages or [
                event.message for event in result.journal.events if event.type == "admitted"
            ]
            self.expected[user] += marks([message.to_openai() for message in query])

    async def cancel(self, user: str) -> None:
        """Cancel a turn where the model or a tool is under way, or after any number of the loop's turns."""
        plan = self.plan(user, end=self.chance.choice(["wait", "answer"]))
        self.scene.entered.clear()
        self.scene.hold.clear()
        turn = asyncio.create_task(self.ask(plan))
        entered = asyncio.create_task(self.scene.entered.wait())
        if self.chance.random() < 0.5:
            await asyncio.wait({turn, entered}, return_when=asyncio.FIRST_COMPLETED)
        else:
            for _ in range(self.chance.randrange(60)):
                await asyncio.sleep(0)
        turn.cancel()
        entered.cancel()
        result, _ = await asyncio.gather(turn, entered, return_exceptions=True)
        self.scene.hold.set()
        assert isinstance(result, (asyncio.CancelledError, RunResult)), repr(result)
        self.now.seconds += 100.0  # A cancellation may come while the lease is being given.
        self.done[type(result).__name__] += 1
        await self.stopped(plan, result)

    async def crash(self, user: str) -> None:
        """The process dies at any of its appends; whether that one got in, nobody is told."""
        store = MortalStore(self.store, self.chance.randrange(8), commits=self.chance.random() < 0.5)
        plan = self.plan(user)
        turn = asyncio.create_task(self.ask(plan, store))
        result = await die(turn, store)
        self.now.seconds += 100.0
        self.done["died"] += store.dead.is_set()
        await self.stopped(plan, result)

    async def stopped(self, plan: Plan, result: object) -> None:
        """A turn was stopped, maybe at its last append: then it is in the session, and only its answer was lost."""
        if isinstance(result, RunResult):
            self.ended(plan.user, result)
        elif plan.mark in marks(await conversation(self.store, self.name, plan.user)):
            self.expected[plan.user].append(plan.mark)

    async def two_at_once(self, user: str) -> None:
        plans = [self.plan(user, end="answer") for _ in range(2)]
        plans = [Plan(plan.user, plan.number, tuple(("act",) for _ in plan.rounds)) for plan in plans]
        results = await asyncio.gather(*(self.ask(plan) for plan in plans))
        assert all(result.success for result in results)
        self.done["two_at_once"] += 1
        there = marks(await conversation(self.store, self.name, user))[-2:]
        assert sorted(there) == [plan.mark for plan in plans]
        self.expected[user] += there

    async def decide(self, user: str, journal: Journal) -> None:
        waiting = [call.call for call in journal.run.calls.values() if call.status == "waiting"]
        kind = self.chance.choice(["turn", "refused", "decide", "decide", "decide"])
        self.done[kind] += 1
        if kind == "turn":
            with pytest.raises(PolicyError, match="waits for a human"):
                await self.turn(user)
        elif kind == "refused":
            wrong = {call.id: ApprovalDecision.edit({"nobody": "knows"}) for call in waiting}
            with pytest.raises(ToolError):
                await self.agent().aresume(journal, wrong)
            assert await Sessions(WrappedStore(self.store)).journal(self.name, user) == journal
        else:
            choices = [
                ApprovalDecision.approve(),
                ApprovalDecision.reject(f"{user} says no"),
                ApprovalDecision.edit({"who": user, "amount": 7}),
                ApprovalDecision.respond(f"{user} has paid"),
            ]
            decisions = {call.id: self.chance.choice(choices) for call in waiting}
            self.done.update(decision.action for decision in decisions.values())
            self.ended(user, await self.agent().aresume(journal.to_json(), decisions))

    async def check(self, user: str) -> None:
        assert not self.scene.faults, self.scene.faults[0]
        assert all(count == 1 for count in self.scene.effects.values()), self.scene.effects
        key = session_key(Scope(user=user, session=self.name))
        fresh = await load_session(WrappedStore(self.store), key)
        for process in self.processes:
            assert await load_session(process, key) == fresh
        for one in USERS:
            said = await conversation(self.store, self.name, one)
            assert marks(said) == self.expected[one]
            before, self.before[one] = self.before[one], said
            if not (said and str(said[0]["content"]).startswith("In short")):
                assert said[: len(before)] == before


async def die(turn: asyncio.Task[RunResult[str]], store: MortalStore) -> object:
    """What became of a turn whose process dies, as far as anybody was told."""
    dead = asyncio.create_task(store.dead.wait())
    await asyncio.wait({turn, dead}, return_when=asyncio.FIRST_COMPLETED)
    if store.dead.is_set():
        turn.cancel()
    dead.cancel()
    result, _ = await asyncio.gather(turn, dead, return_exceptions=True)
    return result


@pytest.mark.timeout(SECONDS)
async def test_random_sessions_stay_conversations(store: JournalStore, now: Now) -> None:
    done: Counter[str] = Counter()
    for seed in range(RUNS):
        talk = Talk(store, now, random.Random(seed), f"session {seed}")
        for step in range(STEPS):
            try:
                await talk.step()
            except BaseException as error:
                error.add_note(f"seed {seed}, step {step}")
                raise
        done += talk.done
    # Each kind of thing has happened, and not just once.
    assert min(done[kind] for kind in KINDS) > RUNS // 20, done


ROUNDS = (("act", "act"), ("stumble",), ("move", "act"))


@pytest.mark.parametrize("commits", [False, True], ids=["unwritten", "written"])
async def test_a_session_whose_process_dies_at_any_append_goes_on(
    store: JournalStore, now: Now, *, commits: bool
) -> None:
    for appends in range(50):
        if not await died_and_went_on(store, now, appends, commits=commits):
            assert appends > 5
            return
    pytest.fail("A turn needs more appends than anybody would believe.")


async def died_and_went_on(store: JournalStore, now: Now, appends: int, *, commits: bool) -> bool:
    """Let a session's second turn die after so many appends, and its third go on; whether there was that one more."""
    session, scene = f"session {appends}", Scene()

    async def ask(plan: Plan, through: JournalStore) -> RunResult[str]:
        agent = build_agent(scene, through)
        return await agent.arun(plan.query(), session_id=session, user_id="ann", result_format="object")

    await ask(Plan("ann", 1, (("act",),)), store)
    mortal = MortalStore(store, appends, commits=commits)
    told = await die(asyncio.create_task(ask(Plan("ann", 2, ROUNDS), mortal)), mortal)
    now.seconds += 100.0
    there = marks(await conversation(store, session, "ann"))
    assert there in (["ann-00001"], ["ann-00001", "ann-00002"])
    assert (await ask(Plan("ann", 3, (("act",),)), WrappedStore(store))).success
    assert marks(await conversation(store, session, "ann")) == [*there, "ann-00003"]
    assert set(scene.effects.values()) == {1}
    assert not scene.faults
    if mortal.dead.is_set():
        return True
    assert isinstance(told, RunResult)
    assert told.success
    assert len(there) == 2
    return False


@pytest.mark.timeout(SECONDS)
async def test_a_turn_of_a_long_session_costs_what_one_of_a_short_session_does() -> None:
    store, scene = CountingStore(MemoryJournalStore()), Scene()
    costs: list[tuple[int, int, int]] = []
    agent = build_agent(scene, store, compact=20, names=False, clock=ManualClock())
    for number in range(TURNS):
        before = store.entries, store.written, store.calls
        query = Plan("ann", number, (("act",),)).query()
        assert await agent.arun(query, session_id="s", user_id="ann") == f"ann-{number:05} is done, answer."
        costs.append((store.entries - before[0], store.written - before[1], store.calls - before[2]))
        scene.requests.clear()
    # A conversation is made short every few turns; a hundred turns are whole rounds of that.
    assert costs[100:200] == costs[-100:]
