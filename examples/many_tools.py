"""An agent with 1,200 tools: the model is shown those that fit, and searches for what it was not shown.

    python examples/many_tools.py

It uses a scripted model, which needs no key and no network, so that it is the same each time. Where OPENAI_API_KEY or
OPENAI_BASE_URL is set it asks that model instead; OPENAI_MODEL names it.
"""

import asyncio
import os

from lightagent import ChatModel, LightAgent, Tool, ToolSelection, tool
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.testing import ScriptedModel, call_tool

CITIES = ("Rome", "Oslo", "Lima", "Cairo")
DEPARTMENTS = ("sales", "support", "finance", "legal", "research", "logistics")
ACTIONS = ("list", "count", "archive", "export", "audit")
THINGS = ("contracts", "reports", "tickets", "orders", "messages", "devices", "budgets", "visits", "claims", "licences")


def office_tools() -> list[Tool[object]]:
    """A tool for each department, thing and action in each city."""
    made: list[Tool[object]] = []
    for city in CITIES:
        for department in DEPARTMENTS:
            for thing in THINGS:
                made += [_office_tool(city, department, thing, action) for action in ACTIONS]
    return made


def _office_tool(city: str, department: str, thing: str, action: str) -> Tool[object]:
    @tool(
        name=f"{city}_{department}_{action}_{thing}".lower(),
        description=f"{action.capitalize()} the {thing} of the {department} department in {city}.",
    )
    def act(year: int) -> str:
        """Do it.

        Args:
            year: of which year.
        """
        return f"{action} {thing} of {department} in {city} for {year}: done"

    return act


def chosen_model() -> ChatModel | None:
    """A model that is scripted, unless the environment names a real one."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return None
    return ScriptedModel(
        [
            call_tool("oslo_finance_audit_budgets", year=2025),
            call_tool("search_tools", query="export legal contracts in Lima"),
            call_tool("lima_legal_export_contracts", year=2025),
            "The budgets are audited and the contracts exported.",
        ]
    )


async def main() -> None:
    """Ask once, and print what the model was shown."""
    agent = LightAgent(
        name="office", model=chosen_model(), tools=office_tools(), tool_selection=ToolSelection(tokens=800)
    )
    result = await agent.arun_result(
        "Audit the budgets of the finance department in Oslo for 2025. Then export what Lima's lawyers have signed."
    )
    await agent.aclose()
    for event in result.journal.events:
        if isinstance(event, ToolsSelected):
            print(f"{len(event.names)} of {event.searched} tools, about {event.tokens} tokens; the best:")
            for one in event.candidates[:3]:
                print(f"  {one.score:6.2f}  {one.name}")
    for call in result.tool_calls:
        print(f"{call.name}: {call.output}")
    print(result.content)
    assert result.success, result.error


if __name__ == "__main__":
    asyncio.run(main())
