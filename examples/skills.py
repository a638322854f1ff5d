"""A skill: a folder of instructions that the model loads when a task fits, with a script that runs in a sandbox.

    python examples/skills.py

The skill `examples/skills/unit-prices` says how offers are compared. While it holds, only the tools that it names may
be called, so `place_order` is refused. A scripted model stands in, which needs no key and no network. Where
OPENAI_API_KEY or OPENAI_BASE_URL is set it uses that model instead; OPENAI_MODEL names it.
"""

import os
from pathlib import Path

from lightagent import CodeRunner, ConfigurationError, JsonValue, LightAgent, SubprocessRunner
from lightagent.testing import ScriptedModel, call_tool

SKILLS = Path(__file__).parent / "skills"
OFFERS = {"north": "4.50/750", "south": "5.00/1000"}


def list_offers(product: str) -> list[str]:
    """List the offers of a product, as SHOP=PRICE/AMOUNT.

    Args:
        product: what is looked for.
    """
    return [f"{shop}={offer}" for shop, offer in OFFERS.items()]


def place_order(shop: str) -> str:
    """Order the product at a shop.

    Args:
        shop: its name.
    """
    return f"ordered at {shop}"


def sandbox() -> CodeRunner | None:
    """What runs the skill's script; None where programs cannot be isolated."""
    try:
        return SubprocessRunner()
    except ConfigurationError as error:
        print(f"Scripts are not run here: {error.message}")
        return None


def stand_in() -> ScriptedModel:
    """What a model does with this skill."""
    offers: list[JsonValue] = [f"{shop}={offer}" for shop, offer in OFFERS.items()]
    return ScriptedModel(
        [
            call_tool("activate_skill", skill_name="unit-prices"),
            call_tool("list_offers", product="rice"),
            [
                call_tool(
                    "execute_skill_script", skill_name="unit-prices", script_name="scripts/unit_prices.py", args=offers
                ),
                call_tool("place_order", shop="south"),
            ],
            "South is the cheapest: 5.00 for 1,000 units.",
        ]
    )


def main() -> None:
    """Ask which offer is cheaper, and show what was called."""
    real = os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")
    agent = LightAgent(
        name="shopper",
        model=None if real else stand_in(),
        instructions="You help to buy cheaply.",
        tools=[list_offers, place_order],
        skills_directories=SKILLS,
        code_runner=sandbox(),
    )
    result = agent.run_result("Which offer of rice is the cheapest?")
    for call in result.tool_calls:
        summary = (call.output or "").strip().replace("\n", " · ")
        print(f"{call.status:8} {call.name}  {summary[:100]}")
    print(result.content if result.error is None else result.error.message)


if __name__ == "__main__":
    main()
