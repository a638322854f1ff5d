"""A run whose id an earlier run had begins with nothing of that one, wherever a process dies on the way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence

import pytest

from lightagent import ApprovalDecision, LightFlow, Reviews
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.flow import open_run
from lightagent.application.flow.flow_log import flow_key
from lightagent.domain.errors import ConfigurationError, LeaseHeld
from lightagent.domain.journals.streams import Draft, Lease, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from tests.support.patience import eventually
from tests.support.wrapped_journals import WrappedStore

RUN = "r"


class Died(BaseException):
    """The process is gone."""


class DyingStore(WrappedStore):
    """The store of a process that dies before its nth call of it, and calls nothing more then."""

    def __init__(self, inner: JournalStore, nth: int) -> None:
        super().__init__(inner)
        self.left = nth

    async def before(self, *, writes: bool) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Died

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        await self.before(writes=True)
        return await super().lease(key, holder, seconds, token)


class ListedStore(WrappedStore):
    """Counts how often it is asked for a list of its streams."""

    lists = 0

    async def list(self, query: StreamQuery) -> StreamPage:
        self.lists += 1
        return await super().list(query)


class World:
    """A store, whose time the test moves, and what the steps of its flow did."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.store = MemoryJournalStore(lambda: self.now)
        self.sent: list[str] = []

    def flow(self, store: JournalStore | None = None) -> LightFlow:
        """The flow, as another process declares it."""

        async def send(query: str) -> str:
            self.sent.append(query)
            return query

        flow = LightFlow(name="letters", store=store or self.store)
        flow.step("send", agent=send, requires_approval=True)
        return flow.wait_for("answer", "answered", depends_on=["send"])

    async def leave_a_former_run(self) -> None:
        """A run that is over, with a decision and an event from outside that it never used."""
        await self.flow().arun("old", run_id=RUN)
        (review,) = [one async for one in Reviews(self.store).list()]
        await Reviews(self.store).decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
        await self.flow().asignal(RUN, "answered", "early")
        await self.flow().acancel(RUN)

    async def check_is_new(self, *, left: int = 0) -> None:
        """The run has asked people anew, did nothing, and waits for them.

        Args:
            left: how many decided reviews of a former run are still in the store.
        """
        record = await self.flow().aget_run(RUN)
        assert record is not None
        assert (record["query"], record["status"], self.sent) == ("new", "waiting_approval", [])
        reviews = [one async for one in Reviews(self.store).list(status=None)]
        (waiting,) = [one for one in reviews if one.status == "waiting"]
        assert waiting.request.arguments == {"query": "new"}
        assert sum(one.status == "decided" for one in reviews) == left
        await self.flow().aapprove(RUN, "send", ApprovalDecision.approve(actor="dave"))
        result = await self.flow().aresume(RUN)
        assert (result.status, self.sent) == ("waiting", ["new"])


async def begin(flow: LightFlow) -> None:
    """Begin the run; go on with it where it has begun."""
    try:
        await flow.arun("new", run_id=RUN)
    except ConfigurationError:
        await flow.aresume(RUN)


async def test_nothing_of_a_former_run_is_taken_for_the_new_one_wherever_its_process_dies() -> None:
    for nth in itertools.count(1):
        world = World()
        await world.leave_a_former_run()
        dying = DyingStore(world.store, nth)
        try:
            await world.flow(dying).arun("new", run_id=RUN)
        except Died:
            world.now += 60.0  # The lease of the process has ended.
            await begin(world.flow())
        await world.check_is_new()
        if dying.left > 0:
            assert nth > 12, "the process died nowhere"
            return


async def test_what_people_decided_about_a_run_whose_record_is_gone_is_no_decision_about_the_next_one() -> None:
    world = World()
    await world.leave_a_former_run()
    await world.store.forget(flow_key(RUN, Scope()))
    await begin(world.flow())
    await world.check_is_new(left=1)  # It was about another text, and its request has another id.


async def test_a_run_with_an_id_that_nobody_had_lists_nothing() -> None:
    world = World()
    store = ListedStore(world.store)
    await world.flow(store).arun("new", run_id=RUN)
    assert store.lists == 0


class RefusedStore(WrappedStore):
    """Counts how often a lease was refused."""

    refused = 0

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        try:
            return await super().lease(key, holder, seconds, token)
        except LeaseHeld:
            self.refused += 1
            raise


@pytest.mark.parametrize("former", [False, True])
async def test_a_run_waits_for_the_lease_of_a_process_that_died_before_it_had_begun(former: bool) -> None:
    world = World()
    if former:
        await world.leave_a_former_run()
    await world.store.lease(flow_key(RUN, Scope()), "flow r", 6.0)  # All that such a process leaves.
    store = RefusedStore(world.store)
    running = asyncio.create_task(world.flow(store).arun("new", run_id=RUN))
    assert await eventually(lambda: store.refused)
    world.now += 6.5
    assert (await running).status == "waiting_approval"
    await world.check_is_new()


async def test_a_run_is_refused_where_its_id_is_still_held_after_the_length_of_a_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_run, "_WAIT", 0.05)
    world = World()
    lease = await world.store.lease(flow_key(RUN, Scope()), "flow r", 6.0)
    with pytest.raises(LeaseHeld):
        await world.flow().arun("new", run_id=RUN)
    await world.store.lease(flow_key(RUN, Scope()), "flow r", 0, lease.token)
    assert (await world.flow().arun("new", run_id=RUN)).status == "waiting_approval"


async def test_a_run_that_goes_on_is_no_run_to_wait_for() -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def work(query: str) -> str:
        began.set()
        await go.wait()
        return query

    flow = LightFlow(store=MemoryJournalStore()).step("a", agent=work)
    running = asyncio.create_task(flow.arun("x", run_id=RUN))
    await began.wait()
    with pytest.raises(ConfigurationError, match="'r' already, and it is not over"):
        await flow.arun("x", run_id=RUN)
    go.set()
    assert (await running).content == "x"


class HeldUpStore(WrappedStore):
    """The store of a process that is held up before its first append."""

    def __init__(self, inner: JournalStore) -> None:
        super().__init__(inner)
        self.go = asyncio.Event()
        self.reached = asyncio.Event()

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
        self.reached.set()
        await self.go.wait()
        return await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )


@pytest.mark.parametrize("former", [False, True])
async def test_of_two_who_begin_a_run_at_once_one_does(former: bool) -> None:
    store, asked = MemoryJournalStore(), list[str]()

    async def work(query: str) -> str:
        asked.append(query)
        return query

    if former:
        await LightFlow(store=store).step("a", agent=work).arun("former", run_id=RUN)
        asked.clear()
    held_up, refused = HeldUpStore(store), RefusedStore(store)
    first = asyncio.create_task(LightFlow(store=held_up).step("a", agent=work).arun("x", run_id=RUN))
    await held_up.reached.wait()
    second = asyncio.create_task(LightFlow(store=refused).step("a", agent=work).arun("y", run_id=RUN))
    assert await eventually(lambda: refused.refused > 1), "it waits, since nothing is on record"
    held_up.go.set()
    with pytest.raises(ConfigurationError, match="Somebody else has begun a run 'r' meanwhile"):
        await second
    assert ((await first).content, asked) == ("x", ["x"])
