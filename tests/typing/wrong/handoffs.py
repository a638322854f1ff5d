"""Handoffs of another type, with what does not fit it, or in a swarm of other dependencies."""

from pydantic import BaseModel

from lightagent import Handoff, HandoffContext, HistoryTransfer, LightAgent, LightSwarm


class Payment(BaseModel):
    cents: int


class Deps:
    token: str


finance = LightAgent()
with_deps = LightAgent(deps_type=Deps)


def brief(number: int) -> str:
    return str(number)


def enabled(context: HandoffContext[Deps]) -> bool:
    return context.deps.token != ""


Handoff(finance, input_type=Payment, briefing=brief)  # wrong
Handoff(finance, briefing=brief)  # wrong
Handoff(finance, is_enabled=enabled)  # wrong
Handoff(finance, is_enabled="yes")  # wrong
Handoff(finance, history="none")  # wrong
Handoff("finance")  # wrong
HistoryTransfer("some")  # wrong
HistoryTransfer(foreign_calls="drop")  # wrong
LightSwarm(handoff_text="hide")  # wrong
LightSwarm(next_turn="first")  # wrong
LightSwarm(history="none")  # wrong
swarm = LightSwarm()
swarm.register_handoff(Handoff(with_deps))  # wrong
swarm.register_handoff(Handoff(finance, sources=[with_deps]))  # wrong
swarm.register_handoff(finance)  # wrong
paying: Handoff[int] = Handoff(finance, input_type=Payment)  # wrong
