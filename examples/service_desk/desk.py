"""A service desk: a front desk that hands over to finance and HR, whose tools work on a SQLite file.

    lightagent chat --swarm examples/service_desk/desk.py:desk

It keeps the books in service_desk.db, in the folder where it is started, and goes by rules, which need no key. Where
OPENAI_API_KEY or OPENAI_BASE_URL is set it uses that model instead; OPENAI_MODEL names it.
"""

import os
from pathlib import Path

import clerks
from books import Books, finance_tools, hr_tools

from lightagent import HandoffLimits, LightAgent, LightSwarm
from lightagent.adapters.chat.scripted import Program
from lightagent.ports.models import ChatModel
from lightagent.testing import ScriptedModel


def desk() -> LightSwarm:
    """What the command line talks with; the first agent takes each question."""
    return swarm_of(make_agents(Books(Path("service_desk.db"))))


def swarm_of(agents: tuple[LightAgent, ...]) -> LightSwarm:
    """The agents as a swarm, in which nobody passes a question back and forth."""
    swarm = LightSwarm(limits=HandoffLimits(max_handoffs=4, max_repeats=1))
    swarm.register_agent(*agents)
    return swarm


def make_agents(books: Books, *, rules: bool = False) -> tuple[LightAgent, ...]:
    """The front desk, finance and HR.

    Args:
        rules: go by rules, whatever the environment names.
    """
    named = not rules and (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))

    def model(clerk: Program) -> str | ChatModel:
        return os.environ.get("OPENAI_MODEL") or "gpt-4.1" if named else ScriptedModel(clerk, record=False)

    frontdesk = LightAgent(
        name="frontdesk",
        role="The front desk. You answer nothing yourself, but hand over to who is responsible.",
        model=model(clerks.frontdesk),
    )
    finance = LightAgent(
        name="finance",
        role="You look after invoices and payments. Look an invoice up before you pay it.",
        model=model(clerks.finance),
        tools=finance_tools(books),
    )
    hr = LightAgent(
        name="hr",
        role="You look after people and their leave.",
        model=model(clerks.hr),
        tools=hr_tools(books),
    )
    return frontdesk, finance, hr
