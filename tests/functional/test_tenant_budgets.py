"""Budgets that runs of a tenant or user share: in one process, between processes, and by the minute."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent import (
    Account,
    AccountKey,
    BudgetExhausted,
    BudgetLimits,
    Budgets,
    JournalBudgetAccounts,
    LightAgent,
    MemoryBudgetAccounts,
    ModelPrice,
    PriceTable,
    RateLimit,
    ReplyEnd,
    RunResult,
    Scope,
    TenantBudget,
    Usage,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.conversation.deltas import ModelReply
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.errors import StoreError
from lightagent.domain.runs.events import ToolStarted
from lightagent.ports.budgets import BudgetAccounts
from lightagent.testing.system import ManualClock
from tests.servers.postgres import PostgresServer

PRICES = PriceTable({"scripted": ModelPrice(1.0, 2.0)})
ANSWER = ModelReply(AssistantMessage("done"), ReplyEnd("stop", Usage(100, 50, 150)))


def agent_of(budget: TenantBudget, clock: ManualClock | None = None) -> LightAgent[None, str]:
    model = ScriptedModel(lambda request: ANSWER, record=False)
    return LightAgent(model=model, budgets=Budgets(tenant=budget, prices=PRICES), clock=clock or ManualClock())


async def run(agent: LightAgent[None, str], user: str = "") -> RunResult[str]:
    return await agent.arun("?", user_id=user, result_format="object")


def account(budget: TenantBudget, user: str = "") -> AccountKey:
    return AccountKey(Scope(budget.tenant or "", user), f"{budget.per}:{budget.period}")


@pytest.fixture(params=["memory", "journal", "sqlite"])
def accounts(request: pytest.FixtureRequest, tmp_path: Path) -> BudgetAccounts:
    kinds: dict[str, Callable[[], BudgetAccounts]] = {
        "memory": MemoryBudgetAccounts,
        "journal": lambda: JournalBudgetAccounts(MemoryJournalStore()),
        "sqlite": lambda: JournalBudgetAccounts(SqliteJournalStore(tmp_path / "budgets.db"), owned=True),
    }
    return kinds[request.param]()


async def test_a_hundred_runs_at_once_share_fifty_model_calls_and_are_settled_exactly(
    accounts: BudgetAccounts,
) -> None:
    budget = TenantBudget(BudgetLimits(model_calls=50, cost=1.0), accounts=accounts)
    agent = agent_of(budget)
    results = await asyncio.gather(*(run(agent) for _ in range(100)))
    kinds = [result.outcome.kind for result in results]
    assert (kinds.count("completed"), kinds.count("budget_exhausted")) == (50, 50)
    spent = (await accounts.find(account(budget))).spent
    assert (spent.model_calls, spent.tokens) == (50, 50 * 150)
    assert spent.cost == pytest.approx(50 * (100 * 1.0 + 50 * 2.0) / 1_000_000, abs=1e-12)
    await accounts.aclose()


async def test_agents_that_name_no_accounts_share_those_of_the_process() -> None:
    def make() -> LightAgent[None, str]:
        return agent_of(TenantBudget(BudgetLimits(model_calls=1), tenant="of this test alone"))

    assert (await run(make())).success
    assert isinstance((await run(make())).outcome, BudgetExhausted)


async def test_users_have_accounts_of_their_own() -> None:
    agent = agent_of(TenantBudget(BudgetLimits(model_calls=1), accounts=MemoryBudgetAccounts(), per="user"))
    for user in ("ann", "bob"):
        assert (await run(agent, user)).success
        short = await run(agent, user)
        assert isinstance(short.outcome, BudgetExhausted)
        assert f"user '{user}'" in short.outcome.error.message


async def test_a_period_begins_with_nothing() -> None:
    clock = ManualClock()
    budget = TenantBudget(BudgetLimits(model_calls=1), "day", accounts=MemoryBudgetAccounts())
    agent = agent_of(budget, clock)
    assert (await run(agent)).success
    short = await run(agent)
    assert isinstance(short.outcome, BudgetExhausted)
    wait = (short.outcome.error.details or {})["retry_after"]
    assert isinstance(wait, float)
    clock.advance(wait - 1)
    assert not (await run(agent)).success
    clock.advance(1)
    assert (await run(agent)).success


@pytest.mark.parametrize("kind", ["one object", "two of one store"])
async def test_a_run_and_the_agents_that_it_calls_count_once_on_one_account(kind: str) -> None:
    store = MemoryJournalStore()
    accounts = JournalBudgetAccounts(store)
    budget = TenantBudget(BudgetLimits(model_calls=100), accounts=accounts)
    child = agent_of(budget if kind == "one object" else replace(budget, accounts=JournalBudgetAccounts(store)))
    model = ScriptedModel([[call_tool("child", query=str(number)) for number in range(10)], "done"])
    tools = [child.as_tool("child", "Answers.")]
    parent = LightAgent(model=model, tools=tools, budgets=Budgets(tenant=budget), clock=ManualClock())
    result = await run(parent)
    assert result.success
    spent = (await accounts.find(account(budget))).spent
    assert (spent.model_calls, spent.tool_calls) == (12, 10)
    assert spent.tokens == result.usage.total_tokens


async def test_what_was_foreseen_gives_way_to_what_came_where_a_request_fails() -> None:
    accounts = MemoryBudgetAccounts()
    budget = TenantBudget(BudgetLimits(tokens=1_000_000), accounts=accounts)
    model = ScriptedModel([ValueError("broken")])
    agent = LightAgent(model=model, budgets=Budgets(tenant=budget), metadata={"max_tokens": 1_000})
    assert (await run(agent)).outcome.kind == "failed"
    spent = (await accounts.find(account(budget))).spent
    assert (spent.model_calls, spent.tokens) == (1, 0)


class Failing(MemoryBudgetAccounts):
    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        raise StoreError("The accounts are gone.")


async def test_accounts_that_fail_let_nothing_through() -> None:
    model = ScriptedModel(["never"])
    tenant = TenantBudget(BudgetLimits(model_calls=1), accounts=Failing())
    result = await run(LightAgent(model=model, budgets=Budgets(tenant=tenant)))
    assert result.outcome.kind == "failed"
    assert result.error is not None
    assert result.error.code == "LA-STORE"
    assert model.requests == ()


class Broken(MemoryBudgetAccounts):
    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        raise ZeroDivisionError


async def test_accounts_may_raise_any_error() -> None:
    tenant = TenantBudget(BudgetLimits(model_calls=1), accounts=Broken())
    result = await run(LightAgent(model=ScriptedModel(["never"]), budgets=Budgets(tenant=tenant)))
    assert result.outcome.kind == "failed"


class WriteOnly(MemoryBudgetAccounts):
    async def find(self, key: AccountKey) -> Account:
        raise StoreError("The account was read apart from its update.")


async def test_a_request_that_is_refused_by_a_rate_has_read_the_account_once() -> None:
    agent = agent_of(TenantBudget(rate=RateLimit(requests=1, max_wait=0), accounts=WriteOnly()))
    assert (await run(agent)).success
    refused = (await run(agent)).error
    assert refused is not None
    assert refused.code == "LA-BUDGET"
    assert refused.details is not None
    spent = {"model_calls": 1, "tool_calls": 0, "tokens": 150, "cost": 0.0002, "seconds": 0.0}
    assert refused.details["spent"] == spent


async def test_locks_of_accounts_go_once_their_changes_are_made() -> None:
    def locks() -> int:
        gc.collect()
        return sum(type(one) is asyncio.Lock for one in gc.get_referrers(asyncio.Lock))

    accounts, before = JournalBudgetAccounts(MemoryJournalStore()), locks()
    for number in range(50):
        await accounts.update(AccountKey(Scope("acme", f"user {number}")), lambda found: found, 0.0)
    assert locks() - before < 25, "Accounts are as many as users."


class Hanging(MemoryBudgetAccounts):
    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        self._left -= 1
        if self._left < 0:
            await asyncio.Event().wait()
        await super().update(key, change, at)


@pytest.mark.parametrize(("after", "kind"), [(0, "failed"), (1, "completed")], ids=["before", "after"])
async def test_accounts_that_hang_are_given_up(after: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.application.budgets.tenant_meter._ANSWER_SECONDS", 0.05)
    result = await run(agent_of(TenantBudget(BudgetLimits(tokens=1_000), accounts=Hanging(after))))
    assert result.outcome.kind == kind
    if kind == "failed":
        assert result.error is not None
        assert "did not answer within 0.05 s" in result.error.message


async def test_a_run_that_is_cancelled_while_it_asks_gives_back_what_it_reserved() -> None:
    entered = asyncio.Event()

    class Slow(MemoryBudgetAccounts):
        async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
            entered.set()
            await asyncio.sleep(0.01)
            await super().update(key, change, at)

    accounts = Slow()
    budget = TenantBudget(BudgetLimits(model_calls=9), accounts=accounts)
    task = asyncio.create_task(run(agent_of(budget)))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await accounts.find(account(budget))).spent.model_calls == 0


async def test_calls_that_do_not_begin_since_the_run_is_cancelled_are_given_back() -> None:
    accounts = MemoryBudgetAccounts()
    budget = TenantBudget(BudgetLimits(tool_calls=9), accounts=accounts)
    model = ScriptedModel([[call_tool("work", number=number) for number in range(3)]])

    async def work(number: int) -> int:
        """Works."""
        await asyncio.Event().wait()
        return number

    agent = LightAgent(model=model, tools=[work], budgets=Budgets(tenant=budget))
    events = agent.aevents("?")
    async for event in events:
        if isinstance(event, ToolStarted):
            break
    await events.aclose()
    assert (await accounts.find(account(budget))).spent.tool_calls == 1


# A process of its own that makes runs until the budget is spent, and tells how many were completed.
WORKER = """
import asyncio, json, sys
from lightagent import BudgetLimits, Budgets, JournalBudgetAccounts, LightAgent, TenantBudget
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.registry import open_adapter

async def main():
    store = open_adapter("journals", sys.argv[1], json.loads(sys.argv[2]))
    accounts = JournalBudgetAccounts(store, owned=True)
    tenant = TenantBudget(BudgetLimits(model_calls=int(sys.argv[3])), accounts=accounts, tenant="shared")
    agent = LightAgent(model=ScriptedModel(lambda request: "done"), budgets=Budgets(tenant=tenant))
    print("ready", flush=True)
    sys.stdin.readline()
    done = 0
    while True:
        if done == 4:  # Both have begun before either goes on to the end.
            print("begun", flush=True)
            sys.stdin.readline()
        results = await asyncio.gather(*(agent.arun("?", result_format="object") for _ in range(4)))
        done += sum(result.success for result in results)
        errors = {result.error.code for result in results if result.error}
        assert errors <= {"LA-BUDGET"}, [result.error for result in results]
        if errors:
            break
    await accounts.aclose()
    print(done, flush=True)

asyncio.run(main())
"""


def race(kind: str, options: dict[str, str], calls: int) -> list[int]:
    """The runs that each of two processes completes under one budget."""
    command = [sys.executable, "-c", WORKER, kind, json.dumps(options), str(calls)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        return _raced(workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _raced(workers: list[subprocess.Popen[str]]) -> list[int]:
    for word in ("ready", "begun"):
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == f"{word}\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
    outs = []
    for worker in workers:
        out, _ = worker.communicate(timeout=50)
        assert worker.returncode == 0
        outs.append(int(out))
    return outs


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_two_processes_spend_every_unit_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    options = {"path": str(tmp_path / "budgets.db")}
    if kind == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        options = {"url": postgres.url, "schema_name": f"budgets_{uuid4().hex}"}
    done = race(kind, options, 41)
    assert sum(done) == 41
    assert all(done), "Both had a part in it."


async def test_a_request_beyond_the_rate_is_refused_at_once_where_it_may_not_wait() -> None:
    clock = ManualClock()
    rate = RateLimit(requests=3, max_wait=0)
    agent = agent_of(TenantBudget(rate=rate, accounts=MemoryBudgetAccounts(), tenant="acme"), clock)
    for _ in range(3):
        assert (await run(agent)).success
        clock.advance(10)
    short = await run(agent)
    assert isinstance(short.outcome, BudgetExhausted)
    assert short.outcome.error.message == (
        "The budget of tenant 'acme' allows 3 requests a minute, of which nothing is left."
    )
    assert short.outcome.error.guidance == "Try again in 30 s, or raise the limit."
    clock.advance(30)
    assert (await run(agent)).success


class Awaited(MemoryBudgetAccounts):
    """Lets the time that was missing pass once a request has been refused."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.refusals = 0
        self._clock = clock

    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        before = await self.find(key)
        await super().update(key, change, at)
        if await self.find(key) == before:
            self.refusals += 1
            self._clock.advance(0.01)


async def test_a_request_beyond_the_rate_waits_for_room_in_bounded_time() -> None:
    clock = ManualClock()
    accounts = Awaited(clock)
    agent = agent_of(TenantBudget(rate=RateLimit(requests=1, max_wait=1), accounts=accounts), clock)
    assert (await run(agent)).success
    clock.advance(58)
    assert not (await run(agent)).success
    assert accounts.refusals == 1
    clock.advance(1.98)
    assert (await run(agent)).success
    assert accounts.refusals == 2


async def test_tokens_of_the_last_minute_count_as_they_were_reported() -> None:
    clock = ManualClock()
    rate = RateLimit(tokens=400, max_wait=0)
    agent = agent_of(TenantBudget(rate=rate, accounts=MemoryBudgetAccounts()), clock)
    for _ in range(2):
        assert (await run(agent)).success
        clock.advance(1)
    assert (await run(agent)).success  # 300 so far, and a small request: the answer is not foreseen.
    short = await run(agent)
    assert isinstance(short.outcome, BudgetExhausted)
    assert "400 tokens a minute" in short.outcome.error.message
    clock.advance(60)
    assert (await run(agent)).success
