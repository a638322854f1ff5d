"""Stand-ins for language models, which need no key: each clerk goes by a few words of the question."""

import re

from lightagent.adapters.chat.scripted import Reply
from lightagent.domain.conversation.messages import AssistantMessage, ToolMessage, UserMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import call_tool

_INVOICE = re.compile(r"\b[A-Z]-\d{1,6}\b")
_DAYS = re.compile(r"\b\d{1,3}\b")
_PEOPLE = ("Ann", "Bob")


def frontdesk(request: ChatRequest) -> Reply:
    """Hands over what it is not for."""
    asked = _asked(request).lower()
    if "invoice" in asked or "pay" in asked:
        return call_tool("transfer_to_finance", reason="It is about money.")
    if "leave" in asked or "days" in asked:
        return call_tool("transfer_to_hr", reason="It is about leave.")
    return "I can have invoices paid, and leave booked. What do you need?"


def finance(request: ChatRequest) -> Reply:
    """Looks an invoice up before it pays."""
    asked, done = _asked(request), _done(request)
    if "pay_invoice" in done:
        return _sentence(done["pay_invoice"])
    if "find_invoices" not in done:
        return call_tool("find_invoices")
    number = _INVOICE.search(asked)
    if "pay" not in asked.lower() or number is None:
        return done["find_invoices"]
    for line in done["find_invoices"].splitlines():
        found, vendor, amount, _, state = line.split(" ")
        if found == number.group() and state == "open":
            return call_tool("pay_invoice", number=found, vendor=vendor, amount=int(amount))
    return f"There is no open invoice {number.group()}."


def hr(request: ChatRequest) -> Reply:
    """Says how much leave somebody has, or books it."""
    asked, done = _asked(request), _done(request)
    if result := done.get("leave_balance") or done.get("book_leave"):
        return _sentence(result)
    name = next((person for person in _PEOPLE if person in asked), None)
    if name is None:
        return f"Whose leave do you mean? I know of {' and '.join(_PEOPLE)}."
    days = _DAYS.search(asked)
    if "book" in asked.lower() and days:
        return call_tool("book_leave", name=name, days=int(days.group()))
    return call_tool("leave_balance", name=name)


def _sentence(result: str) -> str:
    return f"{result.rstrip('.')}."


def _asked(request: ChatRequest) -> str:
    questions = [one.text for one in request.messages if isinstance(one, UserMessage)]
    return questions[-1] if questions else ""


def _done(request: ChatRequest) -> dict[str, str]:
    """What each tool answered since the question, by its name."""
    names, done = dict[str, str](), dict[str, str]()
    for message in request.messages:
        if isinstance(message, UserMessage):
            done.clear()
        elif isinstance(message, AssistantMessage):
            names |= {call.id: call.name for call in message.tool_calls}
        elif isinstance(message, ToolMessage):
            done[names[message.tool_call_id]] = message.content
    return done
