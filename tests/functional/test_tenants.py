"""Runs of two tenants whose users, sessions and calls have the same names share nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    BudgetLimits,
    Budgets,
    CapabilityPolicy,
    CapabilityRule,
    ChatRequest,
    ConfigurationError,
    ContextBudget,
    HookContext,
    HookDecision,
    HumanApprovalHook,
    HumanFeedback,
    JsonReviewStore,
    LightAgent,
    ReviewStore,
    RunContext,
    Runs,
    Sessions,
    TenantBudget,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.feedback.feedback import Feedback
from lightagent.application.reviews.reviews import Reviews
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.ports.journals import JournalStore
from tests.functional.test_cli_commands import folder, invoke
from tests.functional.test_cli_sessions import stored

__all__ = ["folder", "stored"]

TENANTS = ("acme", "globex", "", "acme\x1fann", "ACME", "acme ")
"""Among them such as could be taken for another one, or for a tenant and a user."""


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def payer(store: JournalStore) -> LightAgent[None, str]:
    def pays(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("pay", amount=5)

    desk = HumanApprovalHook(store=store, tools=())
    return LightAgent(name="till", model=ScriptedModel(pays), tools=[pay], hooks=[desk], session_store=store)


async def listed(found: AsyncIterator[object]) -> list[object]:
    return [one async for one in found]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalStore]:
    made = MemoryJournalStore() if request.param == "memory" else SqliteJournalStore(tmp_path / "runs.db")
    yield made
    await made.aclose()


async def test_a_session_of_a_tenant_is_found_under_this_tenant_alone(store: JournalStore) -> None:
    for place, tenant in enumerate(TENANTS):
        agent = LightAgent(model=ScriptedModel(["Yes."]), session_store=store)
        await agent.arun(f"I am number {place}.", tenant=tenant, user_id="ann", session_id="monday")
    for place, tenant in enumerate(TENANTS):
        sessions = Sessions(store, tenant=tenant)
        asked = [message["content"] for message in await sessions.messages("monday", "ann")]
        assert asked == [f"I am number {place}.", "Yes."]
        assert len(await listed(sessions.list("ann"))) == 1
    assert await Sessions(store, tenant="acme").forget("monday", "ann")
    assert not await Sessions(store, tenant="acme").forget("monday", "ann")
    pruned = await Sessions(store, tenant="globex").prune(None, keep=0)
    assert len(pruned.removed) == 1
    for tenant in TENANTS[2:]:
        assert (await Sessions(store, tenant=tenant).undo("monday", "ann")).undone


async def test_a_stored_run_of_a_tenant_is_found_and_resumed_under_this_tenant_alone(store: JournalStore) -> None:
    result = await payer(store).arun("?", tenant="acme", user_id="ann", journal=store, result_format="object")
    for tenant in TENANTS[1:]:
        assert await Runs(store, tenant=tenant).journal(result.run_id, "ann") is None
        assert await listed(Runs(store, tenant=tenant).list("ann")) == []
        assert not await Runs(store, tenant=tenant).forget(result.run_id, "ann")
    journal = await Runs(store, tenant="acme").journal(result.run_id, "ann")
    assert journal is not None
    assert journal.run.started.scope.tenant == "acme"
    done = await payer(store).aresume(journal, ApprovalDecision.approve())
    assert done.content == "Done."
    found = await Runs(store, tenant="acme").status(result.run_id, "ann")
    assert found is not None
    assert found.status == "completed"


async def test_a_review_of_a_tenant_is_shown_and_decided_under_this_tenant_alone(store: JournalStore) -> None:
    result = await payer(store).arun("?", tenant="acme", user_id="ann", journal=store, result_format="object")
    own = Reviews(store, tenant="acme")
    [review] = [review async for review in own.list("ann")]
    request = review.request
    assert (request.tenant, request.user_id, request.run_id) == ("acme", "ann", result.run_id)
    for tenant in TENANTS[1:]:
        reviews = Reviews(store, tenant=tenant)
        assert await listed(reviews.list(status=None)) == []
        assert await reviews.find(request.request_id) is None
        with pytest.raises(ConfigurationError, match="The request"):
            await reviews.decide(request.request_id, ApprovalDecision.approve())
    await own.decide(request.request_id, ApprovalDecision.approve(actor="carol"))
    journal = await Runs(store, tenant="acme").journal(result.run_id, "ann")
    assert journal is not None
    assert (await payer(store).aresume(journal)).content == "Done."


async def test_a_decision_is_remembered_for_the_tenant_alone(store: JournalStore) -> None:
    agent = payer(store)
    first = await agent.arun("?", tenant="acme", user_id="ann", session_id="monday", result_format="object")
    own = Reviews(store, tenant="acme")
    [review] = [review async for review in own.list()]
    await own.decide(review.request.request_id, ApprovalDecision.approve(), remember="user")
    assert first.outcome.kind == "suspended"
    kinds = []
    for tenant in TENANTS:
        again = await agent.arun("?", tenant=tenant, user_id="ann", session_id="tuesday", result_format="object")
        kinds.append(again.outcome.kind)
    assert kinds == ["completed", *["suspended"] * 5]
    assert await listed(Reviews(store, tenant="globex").remembered.list()) == []
    [known] = [one async for one in own.remembered.list()]
    assert not await Reviews(store).remembered.revoke(known.remembered_id, "ann")
    assert await own.remembered.revoke(known.remembered_id, "ann")


async def test_taking_back_or_forgetting_a_turn_leaves_the_reviews_of_other_tenants(store: JournalStore) -> None:
    for tenant in ("acme", "globex"):
        await payer(store).arun("?", tenant=tenant, user_id="ann", session_id="monday", result_format="object")
    await Sessions(store, tenant="acme").undo("monday", "ann")
    statuses = [[review.status async for review in Reviews(store, tenant=t).list(status=None)] for t in TENANTS[:2]]
    assert statuses == [["revoked"], ["waiting"]]
    await Sessions(store, tenant="acme").forget("monday", "ann")
    assert await listed(Reviews(store, tenant="acme").list(status=None)) == []
    assert len(await listed(Reviews(store, tenant="globex").list())) == 1


def test_a_review_store_and_its_feedback_are_those_of_one_tenant(tmp_path: Path) -> None:
    stores = [JsonReviewStore(tmp_path, tenant="acme"), JsonReviewStore(tmp_path, tenant="globex")]
    waits = payer(stores[0].journals).run("?", tenant="acme", user_id="ann", result_format="object")
    assert waits.outcome.kind == "suspended"
    assert [len(one.list_pending()) for one in stores] == [1, 0]
    stores[0].add_feedback(HumanFeedback(trace_id="t", rating=1))
    assert [len(one.list_feedback()) for one in stores] == [1, 0]
    assert [len(one.list_feedback("t")) for one in stores] == [1, 0]


def test_rules_budgets_hooks_and_tools_are_told_the_tenant_also_in_an_agent_below() -> None:
    told = list[str]()

    @tool
    def look(ctx: RunContext[None]) -> str:
        """Look."""
        told.append(ctx.tenant)
        return "seen"

    def hook(context: HookContext) -> HookDecision:
        if context.phase == "before_tool_call":
            told.append(context.tenant)
        return HookDecision.continue_()

    def looks(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("look")

    def asks(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("ask", query="?")

    below = LightAgent(name="below", model=ScriptedModel(looks), tools=[look], hooks=[hook])
    agent = LightAgent(
        model=ScriptedModel(asks),
        tools=[below.as_tool("ask", "Asks.")],
        capabilities=CapabilityPolicy(
            [CapabilityRule("allow"), CapabilityRule("deny", tools=["look"], tenants=["globex"])]
        ),
        budgets=Budgets(tenant=TenantBudget(BudgetLimits(model_calls=4))),
    )
    for tenant in ("acme", "globex"):
        result = agent.run("?", tenant=tenant, result_format="object", trace=True)
        assert result.trace[0]["data"]["tenant"] == tenant
    assert told == ["acme", "acme"]
    kinds = [agent.run("?", tenant=tenant, result_format="object").outcome.kind for tenant in ("acme", "initech")]
    assert kinds == ["budget_exhausted", "completed"]


async def test_results_that_were_put_aside_belong_to_the_tenant() -> None:
    store = MemoryJournalStore()

    @tool
    def read() -> str:
        """Read."""
        return "word " * 20_000

    def reads(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("read")

    budget = ContextBudget(2_000, "spill")
    for tenant in ("acme", "globex"):
        agent = LightAgent(model=ScriptedModel(reads), tools=[read], context_budget=budget, session_store=store)
        await agent.arun("?", tenant=tenant, user_id="ann", session_id="monday")

    async def owners() -> set[str]:
        page = await store.list(StreamQuery())
        return {stream.key.owner.tenant for stream in page.streams}

    assert await owners() == {"acme", "globex"}
    await Sessions(store, tenant="acme").forget("monday", "ann")
    assert await owners() == {"globex"}


@pytest.mark.parametrize("made", [Sessions, Runs, Reviews, ReviewStore, Feedback])
@pytest.mark.parametrize("tenant", [None, 5, b"acme"])
def test_a_tenant_that_is_no_text_is_refused(made: Callable[..., object], tenant: object) -> None:
    with pytest.raises(ConfigurationError, match="tenant must be str"):
        made(MemoryJournalStore(), tenant=tenant)


def test_a_run_refuses_a_tenant_that_is_no_text() -> None:
    with pytest.raises(ConfigurationError, match="run: tenant must be str"):
        LightAgent(model=ScriptedModel(["Hi."])).run("?", **json.loads('{"tenant": 5}'))


def names(result: Sequence[dict[str, object]], key: str) -> list[object]:
    return [one[key] for one in result]


def test_the_command_line_finds_what_belongs_to_the_tenant_that_is_named(stored: Path) -> None:
    for tenant in ("acme", "globex"):
        assert invoke("run", "one", "--session", tenant, "--user", "ann", "--tenant", tenant).exit_code == 0
    found = invoke("sessions", "list", "--user", "ann", "--tenant", "acme", "--json")
    assert names(json.loads(found.stdout), "session_id") == ["acme"]
    assert "No sessions" in invoke("sessions", "list", "--user", "ann").stdout
    shown = invoke("sessions", "show", "acme", "--user", "ann", "--tenant", "globex")
    assert shown.exit_code == 2
    assert "--tenant NAME" in " ".join(shown.stderr.split())
    assert invoke("sessions", "forget", "acme", "--user", "ann").exit_code == 2
    assert invoke("sessions", "forget", "acme", "--user", "ann", "--tenant", "acme").exit_code == 0


async def test_feedback_of_a_tenant_is_shown_for_this_tenant_alone(store: JournalStore) -> None:
    await Feedback(store, tenant="acme").add(HumanFeedback(trace_id="t", rating=1))
    assert [len(await listed(Feedback(store, tenant=tenant).list())) for tenant in TENANTS] == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("name", "whose"), [("tenant", None), ("tenant", 5), ("user_id", None)])
async def test_a_tool_is_written_for_a_tenant_and_a_user_that_are_text(
    name: str, whose: int | None, tmp_path: Path
) -> None:
    agent = LightAgent(model=ScriptedModel([]))
    with pytest.raises(ConfigurationError, match=f"create_tool: {name} must be str"):
        await agent.acreate_tool("Double a number.", tmp_path, **json.loads(json.dumps({name: whose})))


def test_users_of_two_tenants_that_share_a_budget_by_name_have_accounts_of_their_own() -> None:
    budget = TenantBudget(BudgetLimits(model_calls=1), tenant="all customers", per="user")
    agent = LightAgent(model=ScriptedModel(lambda request: "Done."), budgets=Budgets(tenant=budget))
    kinds = [
        agent.run("?", tenant=tenant, user_id="ann", result_format="object").outcome.kind
        for tenant in ("acme", "acme", "globex", "", "")
    ]
    assert kinds == ["completed", "budget_exhausted", "completed", "completed", "budget_exhausted"]


def renamed(text: str) -> str:
    """The same JSON, of another tenant."""
    return text.replace('"acme"', '"globex"')


def test_a_journal_whose_nested_run_is_of_another_tenant_is_refused() -> None:
    def asks(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("ask", query="?")

    below = payer(MemoryJournalStore())
    agent = LightAgent(name="desk", model=ScriptedModel(asks), tools=[below.as_tool("ask", "Asks.")])
    journal = agent.run("?", tenant="acme", result_format="object").journal
    document = json.loads(journal.to_json())
    document["events"] = [
        json.loads(renamed(json.dumps(event))) if event["type"] == "nested" else event for event in document["events"]
    ]
    with pytest.raises(ConfigurationError, match="nested run belongs to another tenant"):
        agent.resume(document, ApprovalDecision.approve())


async def copied_to_globex(store: JournalStore, kind: str) -> None:
    """What somebody with access to the store could do: put what acme has where that of globex is."""
    [stream] = (await store.list(StreamQuery(kind=kind, tenant="acme"))).streams
    found = await store.read(stream.key)
    key = StreamKey(replace(stream.key.owner, tenant="globex"), kind, stream.key.id)
    await store.append(key, [Draft(one.content, one.schema) for one in found.entries], expected=0, at=1.0)


async def test_a_stored_run_that_is_of_another_tenant_than_its_place_is_not_given_out(store: JournalStore) -> None:
    waits = await payer(store).arun("?", tenant="acme", user_id="ann", journal=store, result_format="object")
    await copied_to_globex(store, "run")
    with pytest.raises(ConfigurationError, match="run of another tenant"):
        await Runs(store, tenant="globex").journal(waits.run_id, "ann")
    assert await Runs(store, tenant="acme").journal(waits.run_id, "ann") is not None


async def test_a_turn_that_is_of_another_tenant_than_its_session_is_not_given_out(store: JournalStore) -> None:
    await payer(store).arun("?", tenant="acme", user_id="ann", session_id="monday", result_format="object")
    await copied_to_globex(store, "session")
    with pytest.raises(ConfigurationError, match="run of another tenant"):
        await Sessions(store, tenant="globex").journal("monday", "ann")
    assert await Sessions(store, tenant="acme").journal("monday", "ann") is not None


def test_what_is_not_found_without_a_tenant_says_that_there_may_be_one(stored: Path) -> None:
    commands = (("sessions", "rerun", "monday"), ("sessions", "resume", "monday"), ("review", "show", "one"))
    for command in commands:
        told = invoke(*command)
        assert told.exit_code == 2
        assert "--tenant NAME" in " ".join(told.stderr.split()), command


async def test_the_store_of_a_hook_has_the_requests_of_every_tenant() -> None:
    hook = HumanApprovalHook(tools=())
    agent = LightAgent(model=ScriptedModel([call_tool("pay", amount=5)]), tools=[pay], hooks=[hook])
    await agent.arun("?", tenant="acme", result_format="object")
    assert await listed(hook.store.reviews.list()) == []
    assert len(await listed(Reviews(hook.store.journals, tenant="acme").list())) == 1
