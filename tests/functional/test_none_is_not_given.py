"""None stands for an option that is not given, wherever there are options: types and run agree."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Final, get_args, get_type_hints

import pytest

from lightagent import (
    AgentOptions,
    ApprovalDecision,
    ApprovalRequired,
    LightAgent,
    LightFlow,
    LightSwarm,
    ResumeOptions,
    RunOptions,
    RunStream,
    SwarmOptions,
)
from lightagent.flow_options import (
    FlowOptions,
    ForkOptions,
    KnownFlowRunOptions,
    NewFlowRunOptions,
    StepOptions,
    WaitOptions,
)
from lightagent.testing import ScriptedModel, call_tool


def agent() -> LightAgent[None, str]:
    return LightAgent(name="agent", model=ScriptedModel(["ok", "ok"]))


def flow() -> LightFlow:
    return LightFlow().step("a", agent=str.upper)


def ran() -> LightFlow:
    once = flow()
    once.run("?", run_id="run")
    return once


def call(method: Callable[..., object], *given: object, **options: object) -> object:
    return method(*given, **options)


def making(name: str) -> object:
    # The model itself may be left out too; without a key it says so when it is asked.
    rest = {} if name == "model" else {"model": ScriptedModel(["ok"])}
    made = call(LightAgent, **rest, **{name: None})
    assert isinstance(made, LightAgent)
    return made.name if name == "model" else made.run("?")


def in_a_swarm(name: str, of: str) -> object:
    front = agent()
    swarm = call(LightSwarm, **({name: None} if of == "swarm" else {}))
    assert isinstance(swarm, LightSwarm)
    swarm.register_agent(front)
    return call(swarm.run, front, "?", **({} if of == "swarm" else {name: None}))


def resuming(name: str) -> object:
    def pay() -> str:
        """Pay."""
        raise ApprovalRequired("It is much.")

    waiting: LightAgent[None, str] = LightAgent(model=ScriptedModel([call_tool("pay"), "ok"]), tools=[pay])
    return call(waiting.resume, waiting.run_result("?").journal, ApprovalDecision.respond("paid"), **{name: None})


def streaming(name: str) -> object:
    events = call(agent().stream_events, "?", **{name: None})
    assert isinstance(events, RunStream)
    return list(events)


TAKERS: Final[dict[str, tuple[type, Callable[[str], object]]]] = {
    "LightAgent": (AgentOptions, making),
    "run": (RunOptions, lambda name: call(agent().run, "?", **{name: None})),
    "run_result": (RunOptions, lambda name: call(agent().run_result, "?", **{name: None})),
    "stream_events": (RunOptions, streaming),
    "resume": (ResumeOptions, resuming),
    "LightSwarm": (SwarmOptions, lambda name: in_a_swarm(name, "swarm")),
    "swarm.run": (RunOptions, lambda name: in_a_swarm(name, "run")),
    "LightFlow": (FlowOptions, lambda name: call(LightFlow, **{name: None})),
    "step": (StepOptions, lambda name: call(LightFlow().step, "a", **{"agent": str.upper, name: None})),
    "sleep": (WaitOptions, lambda name: call(LightFlow().sleep, "a", 0.0, **{name: None})),
    "flow.run": (NewFlowRunOptions, lambda name: call(flow().run, "?", **{name: None})),
    "flow.resume": (KnownFlowRunOptions, lambda name: call(ran().resume, "run", **{name: None})),
    "flow.fork": (ForkOptions, lambda name: call(ran().fork, "run", **{name: None})),
}
NEEDED: Final = {"agent"}
"""Of a step; there is nothing else that is not optional."""


@pytest.mark.parametrize(("declared", "take"), TAKERS.values(), ids=TAKERS)
def test_none_is_taken_for_every_option_and_so_do_types_say(declared: type, take: Callable[[str], object]) -> None:
    options = get_type_hints(declared)
    assert options
    for name, form in options.items():
        if name not in NEEDED:
            assert NoneType in get_args(form), name
            take(name)
