"""Decisions about steps that come at once, twice, too late, in any order or from somebody else: the first counts."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    FlowWorker,
    JournalStore,
    JsonLightFlowStore,
    LightAgentError,
    LightFlow,
    Reviews,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.flow import find_work
from lightagent.application.flow.flow_inbox import INBOX
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.scopes import Scope
from tests.servers.postgres import PostgresServer
from tests.support.patience import eventually
from tests.support.wrapped_journals import WrappedStore

RACES = int(os.environ.get("TEST_FLOW_RACES", "7"))
MOST = 8

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(params=["files", "sqlite", "postgres"])
def open_store(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], JournalStore]:
    """Opens the same store as another process does."""
    if request.param == "files":
        return lambda: JsonLightFlowStore(tmp_path / "runs")
    if request.param == "sqlite":
        return lambda: SqliteJournalStore(tmp_path / "db")
    server: PostgresServer = request.getfixturevalue("postgres")
    schema = f"decisions_{uuid4().hex}"
    return lambda: PostgresJournalStore(server.url, schema_name=schema)


def send(store: JournalStore) -> LightFlow:
    flow = LightFlow(name="letters", store=store).step("draft", agent=lambda query: f"Dear {query}")
    return flow.step("send", agent=lambda query: f"sent: {query}", depends_on=["draft"], requires_approval=True)


DECISIONS: dict[str, tuple[Callable[[str], ApprovalDecision], str]] = {
    "approve": (lambda actor: ApprovalDecision.approve(actor=actor), "success"),
    "reject": (lambda actor: ApprovalDecision.reject("no", actor=actor), "failed"),
    "edit": (lambda actor: ApprovalDecision.edit({"query": actor}, actor=actor), "success"),
    "respond": (lambda actor: ApprovalDecision.respond(f"done by {actor}", actor=actor), "success"),
}
CONTENTS = {
    "approve": "sent: Ann\n\nPrevious step outputs:\ndraft: Dear Ann",
    "reject": "",
    "edit": "sent: {actor}",
    "respond": "done by {actor}",
}


async def test_of_decisions_at_once_the_first_counts_and_the_rest_are_told(
    open_store: Callable[[], JournalStore],
) -> None:
    chance = random.Random(8)
    stores = [open_store() for _ in range(MOST)]
    for race in range(RACES):
        run_id = str(race)
        assert (await send(stores[0]).arun("Ann", run_id=run_id)).status == "waiting_approval"
        actions = [chance.choice([*DECISIONS]) for _ in range(2 + race % (MOST - 1))]
        made = [DECISIONS[action][0](f"person {place}") for place, action in enumerate(actions)]
        told = await asyncio.gather(
            *(
                asyncio.to_thread(send(store).approve, run_id, "send", decision)
                for store, decision in zip(stores, made, strict=False)
            ),
            return_exceptions=True,
        )
        taken = [place for place, one in enumerate(told) if not isinstance(one, BaseException)]
        assert len(taken) == 1
        winner = taken[0]
        known = (
            f"send waits for no decision: 'person {winner}' has decided ({actions[winner]}). The first decision counts"
        )
        assert all(known in str(one) for place, one in enumerate(told) if place != winner)
        for late in (made[winner], ApprovalDecision.approve(), ApprovalDecision.reject("no")):
            with pytest.raises(ConfigurationError, match=re.escape(known)):
                await send(stores[-1]).aapprove(run_id, "send", late)
        if race % 2:
            await FlowWorker(send(stores[1])).arun(once=True)
        result = await send(stores[1]).aresume(run_id)
        action, actor = actions[winner], made[winner].actor
        assert result.status == DECISIONS[action][1]
        assert result.step("send").content == CONTENTS[action].format(actor=actor)
        assert result.step("send").approval_decision == action
    for store in stores:
        await store.aclose()


async def test_of_decisions_at_the_flow_and_where_people_are_asked_one_counts_while_a_worker_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_work, "_LISTENING", 0.05)
    chance = random.Random(4)
    store = SqliteJournalStore(tmp_path / "db")
    ended: dict[str, str | None] = {}
    worker = FlowWorker(
        send(store), poll_seconds=0.01, on_run=lambda run: ended.update({run.run_id: run.status}), max_runs=8
    )
    working = asyncio.create_task(worker.arun())
    races = [str(race) for race in range(6)]
    for run_id in races:
        await send(store).arun("Ann", run_id=run_id)
    reviews = Reviews(store)
    requests = {one.request.run_id: one.request.request_id async for one in reviews.list()}

    async def race(run_id: str) -> tuple[str, str]:
        actions = [chance.choice([*DECISIONS]) for _ in range(6)]
        told = await asyncio.gather(
            *(
                send(store).aapprove(run_id, "send", DECISIONS[action][0](f"person {place}"))
                if place % 2
                else reviews.decide(requests[run_id], DECISIONS[action][0](f"person {place}"))
                for place, action in enumerate(actions)
            ),
            return_exceptions=True,
        )
        (winner,) = [place for place, one in enumerate(told) if not isinstance(one, BaseException)]
        assert all(isinstance(one, LightAgentError) for place, one in enumerate(told) if place != winner)
        return actions[winner], f"person {winner}"

    won = dict(zip(races, await asyncio.gather(*map(race, races)), strict=True))
    assert await eventually(lambda: len(ended) == len(races))
    worker.stop()
    await working
    for run_id, (action, actor) in won.items():
        record = await send(store).aget_run(run_id)
        assert record is not None
        assert record["status"] == ended[run_id] == DECISIONS[action][1]
        review = await reviews.show(requests[run_id])
        assert review.decision is not None
        assert (review.status, review.decision.action, review.decision.actor) == ("used", action, actor)
    await store.aclose()


async def test_decisions_in_reverse_order_and_by_somebody_else(open_store: Callable[[], JournalStore]) -> None:
    names = [f"s{number}" for number in range(5)]

    def declared(store: JournalStore) -> LightFlow:
        flow = LightFlow(name="many", store=store)
        for name in names:
            flow.step(name, agent=lambda query: query, requires_approval=True, query=name)
        return flow

    store, other = open_store(), open_store()
    assert (await declared(store).arun("x", run_id="r", user_id="ann")).status == "waiting_approval"
    for place, name in enumerate(reversed(names)):
        for user, tenant in (("bob", ""), ("", ""), ("ann", "acme")):
            with pytest.raises(ConfigurationError, match="No flow run 'r' is stored here"):
                await declared(other).aapprove("r", name, user_id=user, tenant=tenant)
        chosen = store if place % 2 else other
        await declared(chosen).aapprove("r", name, bool(place % 2), user_id="ann")
        if place == 2:
            await FlowWorker(declared(store)).arun(once=True)
    await FlowWorker(declared(store)).arun(once=True)
    record = await declared(other).aget_run("r", user_id="ann")
    assert record is not None
    result = await declared(other).aresume("r", user_id="ann")
    assert [step.status for step in result.steps] == ["failed", "success", "failed", "success", "failed"]
    await store.aclose()
    await other.aclose()


class ForgetfulStore(WrappedStore):
    """A store whose process dies before it forgets what was said to a run."""

    dies = False

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
        replacing: str | None = None,
    ) -> int:
        if self.dies and isinstance(what, StreamKey) and what.kind == INBOX:
            raise StoreError("The process is dead.")
        return await super().forget(what, before=before, expected=expected, seal=seal, replacing=replacing)


async def test_what_was_said_to_a_former_run_of_the_same_id_is_not_said_to_the_next_one() -> None:
    store = ForgetfulStore(MemoryJournalStore())
    flow = send(store)
    assert (await flow.arun("Ann", run_id="r")).status == "waiting_approval"
    await flow.aapprove("r", "send")
    assert (await flow.aresume("r")).status == "success"
    store.dies = True
    with pytest.raises(StoreError):
        await flow.arun("Bob", run_id="r")
    store.dies = False
    assert (await flow.arun("Bob", run_id="r")).status == "waiting_approval"
    assert (await flow.aresume("r")).status == "waiting_approval", "nobody has decided about this run"
    await flow.aapprove("r", "send")
    assert (await flow.aresume("r")).status == "success"
