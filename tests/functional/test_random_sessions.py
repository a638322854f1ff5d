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
    JournalStore,
    RunResult,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals import hold_lease
from lightagent.testing.system import ManualClock
from tests.support.random_sessions import Plan, Scene, build_agent, marks
from tests.support.session_talks import Now, Talk, conversation, die
from tests.support.wrapped_journals import CountingStore, MortalStore, WrappedStore

RUNS = int(os.environ.get("TEST_GENERATED_RUNS", "0")) // 5 or 60
"""Random sessions in memory; the first sixth of them also in SQLite, where each takes longer."""
STEPS = 10
ENDS = ("completed", "failed", "blocked", "suspended", "CancelledError")
DECISIONS = ("approve", "reject", "edit", "respond", "turn", "refused")
CHANGES = ("undone", "replaced", "included", "forked", "trimmed")
KINDS = (*ENDS, *DECISIONS, *CHANGES, "died", "two_at_once", "resumed after a crash", "made short")
TURNS = max(500, int(os.environ.get("TEST_SOAK_RUNS", "10000")) // 50)
SECONDS = max(120, RUNS * 4)


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


@pytest.mark.timeout(SECONDS)
async def test_random_sessions_stay_conversations(store: JournalStore, now: Now) -> None:
    done: Counter[str] = Counter()
    runs = RUNS if isinstance(store, MemoryJournalStore) else RUNS // 6
    for seed in range(runs):
        talk = Talk(store, now, random.Random(seed), f"session {seed}")
        for step in range(STEPS + 1):
            try:
                await (talk.step() if step < STEPS else talk.end())
            except BaseException as error:
                error.add_note(f"seed {seed}, step {step}")
                raise
        done += talk.done
    # Each kind of thing has happened; in many sessions, not just once.
    assert runs < RUNS or min(done[kind] for kind in KINDS) > RUNS // 20, done


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
