"""`lightagent chat` on a real terminal: decisions, Ctrl-C, stored sessions, pastes and what else is typed there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.functional.test_cli import INTERRUPTIBLE, environment, folder
from tests.support.typed_chat import WITHOUT_READLINE, typed_chat

__all__ = ["folder"]

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal"),
    pytest.mark.timeout(300),
]

BANK = '''
import asyncio
from lightagent import LightAgent, LightSwarm, TextDelta, tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.testing import ScriptedModel, call_tool

@tool(requires_approval=True)
def pay(amount: int, to: str) -> str:
    """Pay."""
    return f"{amount} paid to {to}"

def reply(request):
    last = request.messages[-1]
    if last.role == "tool":
        return f"Told: {last.content}"
    if str(last.content).startswith("Pay"):
        return call_tool("pay", amount=100, to=str(last.content).split()[1])
    return f"{len(request.messages)} messages: {last.content}"

class Slow(ScriptedModel):
    async def stream(self, request):
        if request.messages[-1].content == "Tell me.":
            yield TextDelta("Once upon ")
            await asyncio.Event().wait()
        async for delta in super().stream(request):
            yield delta

def bank():
    swarm = LightSwarm()
    store = SqliteJournalStore("bank.db")
    swarm.register_agent(LightAgent(name="bank", model=Slow(reply), tools=[pay], session_store=store))
    return swarm
'''


def test_a_conversation_with_decisions_an_interruption_and_a_stored_journal(folder: Path) -> None:
    (folder / "bank.py").write_text(BANK)
    options = ("--swarm", "bank.py:bank", "--session", "monday")
    ask = "edit the arguments: "
    with typed_chat(*options, folder=folder, variables=environment()) as chat:
        shown = chat.type("Pay Bob\n", ask)
        assert "pay waits for approval" in shown
        assert '  {\n    "amount": 100,\n    "to": "Bob"\n  }\n' in shown
        assert "not JSON" in chat.type("e {amount: 5}\n", ask)
        assert "should be a valid integer" in chat.type('e {"amount": "much", "to": "Bob"}\n', ask)
        chat.type("e\n", "New arguments: ")
        assert "Told: 5 paid to Bob" in chat.type('\x15{"amount": 5, "to": "Bob"}\n')
        chat.type("Pay Eve\n", ask)
        assert "Not to her." in chat.type("n Not to her.\n")
        chat.type("Tell me.\n", "Once upon ")
        assert "Stopped; the question and its answer are dropped." in chat.type("\x03")
        assert "10 messages: How are you?" in chat.type("How are you?\n"), "the instructions, twice four, and this one"
        chat.type("Pay Ann\n", ask)
        assert "the next chat in this session asks again" in chat.type("\x04")
    with typed_chat(*options, folder=folder, variables=environment(), until=ask) as chat:
        assert "The last turn of this session waits for a decision." in chat.opening
        assert '"to": "Ann"' in chat.opening
        assert "Told: 100 paid to Ann" in chat.type("y\n")
        assert "How are you?" in chat.type("How are you?\n")
        chat.type("/trace\n", "completed")
        chat.type("")


ECHO = """
from lightagent import LightAgent, LightSwarm
from lightagent.testing import ScriptedModel

swarm = LightSwarm()
swarm.register_agent(LightAgent(name="echo", model=ScriptedModel(lambda request: _told(request.messages[-1].content))))

def _told(text):
    return f"[{text.count(chr(10)) + 1} lines, {len(text)}: {text[:20]!r}]"
"""
PASTE = "\x1b[200~{}\x1b[201~"


@pytest.mark.parametrize(
    ("program", "term"),
    [(INTERRUPTIBLE, "xterm"), (WITHOUT_READLINE, "xterm"), (INTERRUPTIBLE, "dumb"), (WITHOUT_READLINE, "dumb")],
    ids=["xterm", "xterm without readline", "dumb", "dumb without readline"],
)
def test_what_is_pasted_is_one_question(folder: Path, program: list[str], term: str) -> None:
    (folder / "echo.py").write_text(ECHO)
    variables = environment(TYPED_TERM=term, LC_ALL="C.UTF-8", NO_COLOR="1", COLUMNS="40")
    with typed_chat("--swarm", "echo.py", folder=folder, variables=variables, program=program) as chat:
        if term == "xterm":
            assert r"[2 lines, 7: 'one\ntwo']" in chat.type(PASTE.format("one\ntwo") + "\n", "]")
            chat.type("")
        assert r"[3 lines, 5: 'a\nb\nc']" in chat.type("a\nb\nc\n", "]")
        chat.type("")
        chat.type("\n")
        assert "[1 lines, 6: 'Grüße!']" in chat.type("Grüße!\n", "]")
        chat.type("")
        assert "not valid in the encoding of your terminal" in chat.type(b"\xff\xfe\n").replace("\n", " ")
        long = chat.type("x" * 6_000 + "\n", "lightagent run - < FILE" if program is WITHOUT_READLINE else "]")
        assert "limits lines to" in long.replace("\n", " ") or "[1 lines, 6000: " in long
        chat.type("")
        chat.type("forget this\x03")
        assert "[1 lines, 4: 'next']" in chat.type("next\n", "]")
        shown = chat.type("")
        if program is INTERRUPTIBLE:
            shown += chat.type("\x1b[A\n", "'next']")
            shown += chat.type("")
        help_text = chat.type("/hlep\n")
        assert "Unknown command /hlep." in help_text
        assert "/trace" in help_text
        if term == "dumb":
            assert "\x1b" not in shown + help_text + long
