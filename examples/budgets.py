"""Agents that call agents, under one budget: what the whole tree may spend, and what each user may spend in a day.

    python examples/budgets.py

It uses a scripted model, which needs no key and no network.
"""

import asyncio

from lightagent import (
    BudgetLimits,
    Budgets,
    JournalBudgetAccounts,
    LightAgent,
    ModelPrice,
    PriceTable,
    TenantBudget,
    spent_in,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import Reply, ScriptedModel, call_tool

PRICES = PriceTable({"house-model": ModelPrice(input_per_million=2.0, output_per_million=8.0)})


def answer(request: ChatRequest) -> Reply:
    """Asks three experts at once, and then answers."""
    if isinstance(request.messages[-1], ToolMessage) or not request.tools:
        return "Forty-two."
    return [call_tool("expert", query=f"Aspect {number}?") for number in range(3)]


async def main() -> None:
    model = ScriptedModel(answer, name="house-model")
    expert = LightAgent(name="expert", model=model)
    daily = TenantBudget(
        BudgetLimits(model_calls=9), "day", accounts=JournalBudgetAccounts(MemoryJournalStore()), per="user"
    )
    agent = LightAgent(
        model=model,
        tools=[expert.as_tool("expert", "Knows one aspect of everything.")],
        budgets=Budgets(tree=BudgetLimits(cost=0.01, depth=1, model_calls=20), tenant=daily, prices=PRICES),
    )
    for user in ("ann", "ann", "bob"):
        result = await agent.arun_result("What is the answer?", user_id=user)
        spent = spent_in(result.journal, PRICES)
        told = result.content if result.error is None else f"{result.outcome.kind}: {result.error.message}"
        print(f"{user}: {spent.model_calls} model calls, {spent.tokens} tokens, {spent.cost:.6f} dollars. {told}")


if __name__ == "__main__":
    asyncio.run(main())
