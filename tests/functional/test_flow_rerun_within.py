"""Steps of flows that are steps are done again by their path: what is on record of the rest of that flow stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    HookContext,
    HookDecision,
    JournalStore,
    JsonLightFlowStore,
    LightAgentError,
    LightFlow,
    PolicyHook,
    Reviews,
    StepContext,
)
from lightagent.adapters.journals.memory import MemoryJournalStore


class Office:
    """Flows within flows, with all that was done."""

    def __init__(self, store: JournalStore | None = None) -> None:
        self.store = MemoryJournalStore() if store is None else store
        self.done: list[str] = []
        self.keys: list[str] = []

    def does(self, name: str) -> Callable[[str, StepContext], str]:
        def work(query: str, context: StepContext) -> str:
            self.done.append(name)
            self.keys.append(context.idempotency_key)
            return f"{name} {len(self.done)}"

        return work

    def inner(self) -> LightFlow:
        return (
            LightFlow(name="inner")
            .step("read", agent=self.does("read"))
            .step("draft", agent=self.does("draft"), depends_on=["read"])
            .step("check", agent=self.does("check"), depends_on=["draft"])
        )

    def flow(self) -> LightFlow:
        between = LightFlow(name="between").step("inner", agent=self.inner())
        return (
            LightFlow(name="office", store=self.store)
            .step("first", agent=self.does("first"))
            .step("outer", agent=between, depends_on=["first"])
            .step("send", agent=self.does("send"), depends_on=["outer"])
        )


async def test_a_step_within_is_done_again_with_what_rests_on_it_at_every_level(tmp_path: Path) -> None:
    office = Office(JsonLightFlowStore(tmp_path))
    result = await office.flow().arun("it", run_id="r", trace=True)
    assert office.done == ["first", "read", "draft", "check", "send"]
    assert result.step("outer").content == "check 4"
    before, office.done, office.keys = [*office.keys], [], []
    result = await office.flow().arerun_step("r", "outer/inner/draft", trace=True)
    assert office.done == ["draft", "check", "send"]
    assert (result.status, result.step("outer").content, result.content) == ("success", "check 2", "send 3")
    assert not set(before) & set(office.keys), "what is done again has other idempotency keys"
    kinds = [event.type for event in result.step("outer").trace]
    assert (kinds[0], kinds[-1]) == ("flow_start", "flow_end")
    office.done = []
    assert (await office.flow().arerun_step("r", "outer/inner/check")).content == "send 2"
    assert office.done == ["check", "send"]
    office.done = []
    await office.flow().arerun_step("r", "outer")
    assert office.done == ["read", "draft", "check", "send"]


async def test_what_is_not_there_or_has_not_begun_is_refused_and_nothing_changes() -> None:
    office = Office()
    flow = office.flow()
    await flow.arun("it", run_id="r")
    events = len(await flow.aevents("r"))
    for wrong in ("outer/nothing", "outer/inner/nothing", "first/inner", "nothing/inner"):
        with pytest.raises(ConfigurationError, match="has no step"):
            await flow.arerun_step("r", wrong)
    assert len(await flow.aevents("r")) == events

    def fails(query: str) -> str:
        raise ValueError("no")

    broken = LightFlow(name="b").step("a", agent=fails).step("b", agent=str.upper, depends_on=["a"])
    flow = LightFlow(store=MemoryJournalStore()).step("outer", agent=broken)
    assert (await flow.arun("it", run_id="r")).status == "failed"
    with pytest.raises(ConfigurationError, match="so it cannot be run again"):
        await flow.arerun_step("r", "outer/b")


async def test_a_failed_step_within_is_mended_without_doing_the_rest_again() -> None:
    office, works = Office(), [False]

    def publish(query: str) -> str:
        if not works[0]:
            raise ValueError("the site is down")
        return "published"

    inner = office.inner().step("publish", agent=publish, depends_on=["check"])
    flow = LightFlow(store=office.store).step("outer", agent=inner)
    assert (await flow.arun("it", run_id="r")).status == "failed"
    works[0], office.done = True, []
    result = await flow.arerun_step("r", "outer/publish")
    assert (result.status, result.content, office.done) == ("success", "published", [])


async def test_people_are_asked_anew_about_what_is_done_again_within() -> None:
    store, sent = MemoryJournalStore(), list[str]()
    inner = (
        LightFlow(name="inner")
        .step("draft", agent=lambda query: query)
        .step("send", agent=lambda query: sent.append(query), depends_on=["draft"], requires_approval=True)
        .step("other", agent=str.upper, requires_approval=True)
    )
    flow = LightFlow(store=store).step("outer", agent=inner)
    assert (await flow.arun("it", run_id="r")).status == "waiting_approval"
    assert (await flow.arerun_step("r", "outer/draft")).status == "waiting_approval"
    reviews = Reviews(store)
    listed = sorted([(one.request.tool_name, one.status) async for one in reviews.list(status=None)])
    assert listed == [("other", "waiting"), ("send", "revoked"), ("send", "waiting")]
    for name in ("outer/send", "outer/other"):
        await flow.aapprove("r", name, ApprovalDecision.approve(actor="carol"))
    assert (await flow.aresume("r")).status == "success"
    assert len(sent) == 1
    assert (await flow.arerun_step("r", "outer/send")).status == "waiting_approval"


async def test_hooks_of_the_flow_around_and_of_the_flow_within_are_asked() -> None:
    seen: list[tuple[str, object]] = []

    def hook(name: str) -> PolicyHook:
        def look(ctx: HookContext) -> HookDecision | None:
            seen.append((name, ctx.payload["step_name"]))
            return HookDecision.block("not that") if name == "inner" and ctx.payload["step_name"] == "outer/b" else None

        return PolicyHook(look, phases={"on_rerun"}, name=name)

    inner = LightFlow(name="inner", hooks=[hook("inner")]).step("a", agent=str.upper).step("b", agent=str.upper)
    flow = LightFlow(store=MemoryJournalStore(), hooks=[hook("outer")]).step("outer", agent=inner)
    await flow.arun("it", run_id="r")
    await flow.arerun_step("r", "outer/a")
    assert seen == [("outer", "outer/a"), ("inner", "outer/a")]
    events = len(await flow.aevents("r"))
    with pytest.raises(LightAgentError, match="not that"):
        await flow.arerun_step("r", "outer/b")
    assert len(await flow.aevents("r")) == events
