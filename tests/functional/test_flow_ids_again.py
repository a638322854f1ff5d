"""A run whose id an earlier run had begins with nothing of that one, wherever a process dies on the way."""

from __future__ import annotations

import itertools

from lightagent import ApprovalDecision, LightFlow, Reviews
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.flow.flow_log import flow_key
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journal_streams import Lease, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
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
