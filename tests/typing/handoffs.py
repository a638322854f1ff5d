"""What a handoff passes along is known to type checkers."""

from dataclasses import dataclass
from typing import assert_type

from pydantic import BaseModel
from typing_extensions import TypedDict

from lightagent import Handoff, HandoffContext, HistoryTransfer, LightAgent, LightSwarm, RunResult


class Payment(BaseModel):
    cents: int


@dataclass
class Trip:
    city: str


class Leave(TypedDict):
    days: int


class Deps:
    token: str


desk, finance = LightAgent(), LightAgent()
with_deps = LightAgent(deps_type=Deps)


def brief(payment: Payment) -> str:
    return str(payment.cents)


def enabled(context: HandoffContext[Deps]) -> bool:
    return context.deps.token != ""


async def later(context: HandoffContext[None]) -> bool:
    return len(context.route) > 1


paying = Handoff(finance, input_type=Payment, briefing=brief)
assert_type(paying, Handoff[Payment, None])
assert_type(Handoff(finance, input_type=Trip), Handoff[Trip, None])
assert_type(Handoff(finance, input_type=Leave, history=HistoryTransfer(4)), Handoff[Leave, None])
assert_type(Handoff(finance, is_enabled=later), Handoff[str, None])
assert_type(Handoff(with_deps, input_type=Payment, is_enabled=enabled), Handoff[Payment, Deps])
declared: Handoff[Payment] = paying

swarm = LightSwarm(history=HistoryTransfer("none", foreign_calls="text"), handoff_text="drop", next_turn="front")
swarm.register_agent(desk, finance)
swarm.register_handoff(paying, Handoff(finance, input_type=Payment, briefing=brief, sources=[desk]))
other = LightSwarm(deps_type=Deps)
other.register_handoff(Handoff(with_deps, input_type=Trip, briefing=lambda trip: trip.city, is_enabled=enabled))


def passed(result: RunResult[str]) -> None:
    assert_type(paying.passed(result.journal), tuple[Payment, ...])
    assert_type(Handoff(finance).passed(result.journal), tuple[str, ...])
