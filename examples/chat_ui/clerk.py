"""A shop's clerk for a chat page: looks orders up, remembers its customers, and pays back once a person approves.

    lightagent serve examples/chat_ui/clerk.py:clerk --config examples/chat_ui/lightagent.toml
    python examples/chat_ui/page.py

It goes by rules, which need no key and no network. Where OPENAI_API_KEY or OPENAI_BASE_URL is set it uses that model
instead; OPENAI_MODEL names it. What it remembers is in chat_ui_memory.db, in the folder where it is started.
"""

import os
import re
from pathlib import Path

from lightagent import ChatRequest, LightAgent, tool
from lightagent.adapters.chat.scripted import Reply
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.conversation.messages import ContextMessage, UserMessage
from lightagent.ports.models import ChatModel
from lightagent.testing import ScriptedModel, call_tool

ORDERS = {"1001": ("a kettle", 40, "delivered on Monday"), "1002": ("two lamps", 120, "on its way")}

INSTRUCTIONS = """\
You are the clerk of a small shop. Look an order up before you say anything about it. Pay back when a customer asks for
it; a person decides about that. Answer in a sentence or two."""


@tool
def look_up_order(number: str) -> str:
    """Tell what an order is about and where it is.

    Args:
        number: the number of the order, such as 1001.
    """
    if number not in ORDERS:
        return f"There is no order {number}."
    what, price, where = ORDERS[number]
    return f"Order {number}: {what}, {price} EUR, {where}."


@tool(requires_approval=True)
def pay_back(number: str) -> str:
    """Pay the price of an order back to the customer.

    Args:
        number: the number of the order, such as 1001.
    """
    return f"{ORDERS[number][1]} EUR paid back for order {number}." if number in ORDERS else f"No order {number}."


def clerk() -> LightAgent:
    """What the command line serves."""
    return make_clerk(Path())


def make_clerk(folder: Path) -> LightAgent:
    """The agent.

    Args:
        folder: holds what it remembers.
    """
    return LightAgent(
        name="clerk",
        model=_model(),
        instructions=INSTRUCTIONS,
        tools=[look_up_order, pay_back],
        memory=SqliteMemory(folder / "chat_ui_memory.db"),
    )


def _model() -> str | ChatModel:
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return os.environ.get("OPENAI_MODEL") or "gpt-4.1"
    return ScriptedModel(by_rules, "rules", record=False)


def by_rules(request: ChatRequest) -> Reply:
    """The stand-in for a model: goes by the number of an order and by a few words."""
    if request.messages[-1].role == "tool":
        return str(request.messages[-1].content)
    asked = [message.text for message in request.messages if isinstance(message, UserMessage)][-1]
    order = re.search(r"\b\d{4}\b", asked)
    if order and request.tools:
        return call_tool("pay_back" if "back" in asked.lower() else "look_up_order", number=order.group())
    known = [message.content for message in request.messages if isinstance(message, ContextMessage)]
    if known and asked.endswith("?"):
        return f"You told me: {' '.join(known)}"
    return "I look up the orders 1001 and 1002, and pay them back. Tell me where you live, and ask me later."
