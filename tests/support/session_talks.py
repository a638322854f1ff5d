"""Sessions of several users to which anything may happen, and what must be in them whatever does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    Journal,
    JournalStore,
    LightAgent,
    PolicyError,
    RunResult,
    Sessions,
    Suspended,
    ToolError,
)
from lightagent.application.sessions.load import load_session, session_key
from lightagent.domain.scopes import Scope
from tests.servers.json_values import JsonObject
from tests.support.random_sessions import USERS, Plan, Scene, build_agent, marks
from tests.support.wrapped_journals import MortalStore, WrappedStore

Result: TypeAlias = RunResult[str]


class Now:
    """The clock of leases: it moves only when a crashed holder's lease is to end."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def conversation(store: JournalStore, session: str, user: str, *, everything: bool = False) -> list[JsonObject]:
    """The messages, as a process reads them that has never seen the session."""
    told = await Sessions(WrappedStore(store)).messages(session, user, include_incomplete_turns=everything)
    return [dict(message) for message in told]


@dataclass(frozen=True)
class Said:
    """A conversation: the turns that are in it, its messages, and the same with incomplete turns."""

    marks: list[str] = field(default_factory=list)
    messages: list[JsonObject] = field(default_factory=list)
    everything: list[JsonObject] = field(default_factory=list)


Stack: TypeAlias = list[tuple[str, Said | None]]
"""The turns that can be taken back in their order, each with what was said before it; None where nobody looked."""


@dataclass
class Thread:
    """One session of one user, and what must be in it.

    Attributes:
        marks: the turns that are part of the conversation.
        said: what was said as of the last look.
        checkpoints: what was said at each, and the turns that could be taken back there.
        included: what a turn that waits for a human has begun from, if from incomplete turns too.
    """

    user: str
    name: str
    marks: list[str] = field(default_factory=list)
    said: Said = field(default_factory=Said)
    stack: Stack = field(default_factory=list)
    checkpoints: dict[str, tuple[Said, Stack]] = field(default_factory=dict)
    included: list[str] | None = None


class Talk:
    """The sessions of several users, who all give theirs the same ids."""

    def __init__(self, store: JournalStore, now: Now, chance: random.Random, name: str) -> None:
        self.store, self.now, self.chance, self.name = store, now, chance, name
        self.scene = Scene()
        self.threads = [Thread(user, name) for user in USERS]
        self.processes = [WrappedStore(store), WrappedStore(store), store]
        self.number = 0
        self.done: Counter[str] = Counter()

    async def step(self) -> None:
        """One thing happens to one session, and it and another one are looked at."""
        thread = self.chance.choice(self.threads)
        sessions = Sessions(self.process(), self.now)
        journal = await sessions.journal(thread.name, thread.user)
        if self.chance.random() < (0.4 if journal is None else 0.15):
            changes = [self.undo, self.replace, self.include, self.fork, self.trim, self.checkpoint]
            await self.chance.choice(changes)(thread, sessions)
        elif journal is None:
            deed = self.chance.choice([self.turn, self.turn, self.cancel, self.crash, self.two_at_once])
            await deed(thread)
        elif isinstance(journal.run.outcome, Suspended):
            await self.decide(thread, journal)
        elif self.chance.random() < 0.5:
            result = await self.agent().aresume(journal)
            self.done["resumed after a crash"] += 1
            self.ended(thread, result)
        else:
            await self.turn(thread)
        await self.look(thread, closes=journal is not None)
        await self.check(thread)
        await self.check(self.chance.choice(self.threads))

    def process(self) -> JournalStore:
        """A process that has been there for long, or one that has just begun."""
        return self.chance.choice([*self.processes, WrappedStore(self.store)])

    def agent(self, store: JournalStore | None = None) -> LightAgent[None, str]:
        """An agent of any process, which may make conversations short."""
        compact = self.chance.choice([None, 4, 12])
        return build_agent(self.scene, store or self.process(), compact=compact)

    def plan(self, thread: Thread, *, end: str = "") -> Plan:
        """What happens in a turn."""
        self.number += 1
        names = ["act", "act", "wait", "stumble", "pay", "move", "missing"]
        rounds = tuple(
            tuple(self.chance.choice(names) for _ in range(self.chance.randint(1, 3)))
            for _ in range(self.chance.choice([0, 1, 1, 2, 3]))
        )
        ends = ["answer", "answer", "answer", "blank", "fail", "secret", "forbidden", "wait"]
        return Plan(thread.user, self.number, rounds, end or self.chance.choice(ends))

    async def ask(
        self,
        thread: Thread,
        plan: Plan,
        store: JournalStore | None = None,
        *,
        replace_turn: str | None = None,
        include_incomplete_turns: bool = False,
    ) -> Result:
        """A turn of the session."""
        return await self.agent(store).arun(
            plan.query(),
            session_id=thread.name,
            user_id=thread.user,
            replace_turn=replace_turn,
            include_incomplete_turns=include_incomplete_turns,
            result_format="object",
        )

    async def turn(self, thread: Thread) -> None:
        self.ended(thread, await self.ask(thread, self.plan(thread)))

    def ended(self, thread: Thread, result: Result) -> None:
        """A turn has ended: what it was asked is part of the conversation if it completed."""
        self.done[result.outcome.kind] += 1
        self.done["made short"] += any(event.type == "context_replaced" for event in result.journal.events)
        included = thread.included
        if not isinstance(result.outcome, Suspended):
            thread.included = None
        if result.success:
            thread.marks = thread.marks if included is None else included
            query = result.journal.run.started.messages or [
                event.message for event in result.journal.events if event.type == "admitted"
            ]
            thread.marks += marks([message.to_openai() for message in query])

    async def cancel(self, thread: Thread) -> None:
        """Cancel a turn where the model or a tool is under way, or after any number of the loop's turns."""
        plan = self.plan(thread, end=self.chance.choice(["wait", "answer"]))
        self.scene.entered.clear()
        self.scene.hold.clear()
        turn = asyncio.create_task(self.ask(thread, plan))
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
        await self.stopped(thread, plan, result)

    async def crash(self, thread: Thread) -> None:
        """The process dies at any of its appends; whether that one got in, nobody is told."""
        store = MortalStore(self.store, self.chance.randrange(8), commits=self.chance.random() < 0.5)
        plan = self.plan(thread)
        result = await die(asyncio.create_task(self.ask(thread, plan, store)), store)
        self.now.seconds += 100.0
        self.done["died"] += store.dead.is_set()
        await self.stopped(thread, plan, result)

    async def stopped(self, thread: Thread, plan: Plan, result: object) -> None:
        """A turn was stopped, maybe at its last append: then it is in the session, and only its answer was lost."""
        if isinstance(result, RunResult):
            self.ended(thread, result)
        elif plan.mark in marks(await conversation(self.store, thread.name, thread.user)):
            thread.marks.append(plan.mark)

    async def two_at_once(self, thread: Thread) -> None:
        plans = [self.plan(thread, end="answer") for _ in range(2)]
        plans = [Plan(plan.user, plan.number, tuple(("act",) for _ in plan.rounds)) for plan in plans]
        results = await asyncio.gather(*(self.ask(thread, plan) for plan in plans))
        assert all(result.success for result in results)
        self.done["two_at_once"] += 1
        there = marks(await conversation(self.store, thread.name, thread.user))[-2:]
        assert sorted(there) == [plan.mark for plan in plans]
        thread.marks += there
        first, second = sorted(results, key=lambda result: there.index(marks_of(result)))
        thread.stack += [(first.run_id, thread.said), (second.run_id, None)]

    async def decide(self, thread: Thread, journal: Journal) -> None:
        waiting = [call.call for call in journal.run.calls.values() if call.status == "waiting"]
        kind = self.chance.choice(["turn", "refused", "decide", "decide", "decide"])
        self.done[kind] += 1
        if kind == "turn":
            with pytest.raises(PolicyError, match="waits for a human"):
                await self.turn(thread)
        elif kind == "refused":
            wrong = {call.id: ApprovalDecision.edit({"nobody": "knows"}) for call in waiting}
            with pytest.raises(ToolError):
                await self.agent().aresume(journal, wrong)
            assert await Sessions(WrappedStore(self.store)).journal(thread.name, thread.user) == journal
        else:
            user = thread.user
            choices = [
                ApprovalDecision.approve(),
                ApprovalDecision.reject(f"{user} says no"),
                ApprovalDecision.edit({"who": user, "amount": 7}),
                ApprovalDecision.respond(f"{user} has paid"),
            ]
            decisions = {call.id: self.chance.choice(choices) for call in waiting}
            self.done.update(decision.action for decision in decisions.values())
            self.ended(thread, await self.agent().aresume(journal.to_json(), decisions))

    async def undo(self, thread: Thread, sessions: Sessions) -> None:
        """Take back the last turn, be it open or ended: all is as it was before it."""
        if not thread.stack:
            with pytest.raises(ConfigurationError, match=r"could be taken back|This user has no session"):
                await sessions.undo(thread.name, thread.user)
            return
        run_id, before = thread.stack.pop()
        assert (await sessions.undo(thread.name, thread.user)).run_id == run_id
        await self.went_back(thread, before)
        self.done["undone"] += 1

    async def went_back(self, thread: Thread, before: Said | None) -> None:
        """What was said is what was said before."""
        thread.included = None
        there = await self.heard(thread)
        if before is not None:
            assert (there.messages, there.everything) == (before.messages, before.everything)
            thread.marks = list(before.marks)
        else:
            thread.marks = list(there.marks)
        thread.said = there

    async def replace(self, thread: Thread, sessions: Sessions) -> None:
        """Ask something else in the place of the last turn."""
        last = await sessions.last_turn(thread.name, thread.user)
        if last is None:
            return
        assert last.run_id == thread.stack[-1][0]
        before = thread.stack[-1][1]
        if before is None:
            return
        result = await self.ask(thread, self.plan(thread), replace_turn=last.run_id)
        thread.stack[-1] = result.run_id, before
        thread.marks, thread.said, thread.included = list(before.marks), Said(), None
        self.ended(thread, result)
        self.done["replaced"] += 1

    async def include(self, thread: Thread, sessions: Sessions) -> None:
        """A turn that begins from everything that was said."""
        if await sessions.journal(thread.name, thread.user) is not None:
            return
        result = await self.ask(thread, self.plan(thread), include_incomplete_turns=True)
        thread.stack.append((result.run_id, thread.said))
        thread.included = marks(thread.said.everything)
        if result.success:
            self.done["included"] += 1
            thread.said = Said()
        self.ended(thread, result)

    async def fork(self, thread: Thread, sessions: Sessions) -> None:
        """Copy the session at any of its places; the copy is one of the sessions from now on."""
        name = f"{self.name}/{len(self.threads)}"
        ended = thread.stack if await sessions.journal(thread.name, thread.user) is None else thread.stack[:-1]
        said, stack, place = thread.said, list(ended), dict[str, str]()
        kind = self.chance.choice(["whole", "turn", "checkpoint"])
        if kind == "checkpoint" and thread.checkpoints:
            place["checkpoint"] = self.chance.choice(sorted(thread.checkpoints))
            said, stack = thread.checkpoints[place["checkpoint"]]
        elif kind == "turn" and len(ended) > 1:
            count = self.chance.randrange(1, len(ended))
            place["turn"], after = ended[count - 1][0], ended[count][1]
            if after is None:
                return
            said, stack = after, list(ended[:count])
        elif not thread.said.messages and not ended:
            return
        new = Thread(thread.user, name, list(said.marks), said, list(stack))
        await sessions.fork(thread.name, name, thread.user, **place)
        for checkpoint in await sessions.checkpoints(name, thread.user):
            new.checkpoints[checkpoint.name] = thread.checkpoints[checkpoint.name]
        self.threads.append(new)
        await self.went_back(new, said)
        self.done["forked"] += 1

    async def checkpoint(self, thread: Thread, sessions: Sessions) -> None:
        if not thread.stack or await sessions.journal(thread.name, thread.user) is not None:
            return
        name = f"checkpoint {self.number}"
        if name not in thread.checkpoints:
            await sessions.checkpoint(thread.name, name, thread.user)
            thread.checkpoints[name] = thread.said, list(thread.stack)

    async def trim(self, thread: Thread, sessions: Sessions) -> None:
        """Remove the front of the log: nothing that was said changes, but less of it can be taken back."""
        if not await log_of(self.store, thread):
            return
        keep = self.chance.randrange(4)
        is_open = await sessions.journal(thread.name, thread.user) is not None
        trimmed = await sessions.trim(thread.name, thread.user, keep=keep)
        thread.stack = thread.stack[max(len(thread.stack) - is_open - keep, 0) :]
        checkpoints, thread.checkpoints = thread.checkpoints, {}
        for checkpoint in await sessions.checkpoints(thread.name, thread.user):
            said, stack = checkpoints[checkpoint.name]
            gone = [run_id for run_id, _ in stack].index(thread.stack[0][0])
            thread.checkpoints[checkpoint.name] = said, stack[gone:]
        self.done["trimmed"] += trimmed.turns > 0

    async def heard(self, thread: Thread) -> Said:
        """What a process hears that has never seen the session."""
        messages = await conversation(self.store, thread.name, thread.user)
        everything = await conversation(self.store, thread.name, thread.user, everything=True)
        return Said(marks(messages), messages, everything)

    async def look(self, thread: Thread, *, closes: bool) -> None:
        """See what the step has done to its session.

        Args:
            closes: a turn was open before, and may have been closed; what it said is then said before the next one.
        """
        before, there = thread.said, await self.heard(thread)
        last = await Sessions(self.process(), self.now).last_turn(thread.name, thread.user)
        if last is not None and last.run_id not in [run_id for run_id, _ in thread.stack]:
            thread.stack.append((last.run_id, None if closes else before))
        assert [last.run_id if last else ""] == [thread.stack[-1][0] if thread.stack else ""]
        if not (there.messages and str(there.messages[0]["content"]).startswith("In short")):
            assert there.messages[: len(before.messages)] == before.messages
        thread.said = there

    async def check(self, thread: Thread) -> None:
        """No request was wrong, nothing took effect twice, and the session is what it must be in every process."""
        assert not self.scene.faults, self.scene.faults[0]
        assert all(count == 1 for count in self.scene.effects.values()), self.scene.effects
        key = session_key(Scope(user=thread.user, session=thread.name))
        fresh = await load_session(WrappedStore(self.store), key)
        for process in self.processes:
            assert await load_session(process, key) == fresh
        there = await self.heard(thread)
        assert there == thread.said
        assert there.marks == thread.marks

    async def end(self) -> None:
        """All sessions are looked at; then all of one user go, and nobody else's."""
        for thread in self.threads:
            await self.check(thread)
        user, sessions = self.chance.choice(USERS), Sessions(self.process(), self.now)
        names = {thread.name for thread in self.threads if thread.user == user and await log_of(self.store, thread)}
        pruned = await sessions.prune(user, keep=0)
        assert {info.session_id for info in pruned.removed} >= names
        for thread in self.threads:
            if thread.user == user:
                assert not await log_of(self.store, thread)
            else:
                assert await self.heard(thread) == thread.said


async def log_of(store: JournalStore, thread: Thread) -> int:
    """How many entries the log of a session has."""
    key = session_key(Scope(user=thread.user, session=thread.name))
    return (await store.read(key, -1, 1)).stream.head


def marks_of(result: Result) -> str:
    """The turn that a result is of."""
    admitted = [event.message for event in result.journal.events if event.type == "admitted"]
    return marks([message.to_openai() for message in admitted])[0]


async def die(turn: asyncio.Task[Result], store: MortalStore) -> object:
    """What became of a turn whose process dies, as far as anybody was told."""
    dead = asyncio.create_task(store.dead.wait())
    await asyncio.wait({turn, dead}, return_when=asyncio.FIRST_COMPLETED)
    if store.dead.is_set():
        turn.cancel()
    dead.cancel()
    result, _ = await asyncio.gather(turn, dead, return_exceptions=True)
    return result
