"""What a checker infers of swarms whose agents talk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_type

from lightagent import (
    AgentMail,
    AgentMessage,
    AsyncRunStream,
    ChatCompletionChunk,
    ConsultLimits,
    LightAgent,
    LightSwarm,
    RunResult,
    RunStream,
    StreamEvent,
    Tool,
)


@dataclass
class Ticket:
    title: str


@dataclass
class Deps:
    token: str


mail = AgentMail(Ticket)
agent = LightAgent(output_type=int)
swarm = LightSwarm(consult=ConsultLimits(max_depth=1), mail=mail)
needing = LightAgent(deps_type=Deps, output_type=int)
needy = LightSwarm(deps_type=Deps, consult=True, mail=AgentMail())


async def talk(message: AgentMessage) -> None:
    assert_type(mail, AgentMail[Ticket])
    assert_type(AgentMail(), AgentMail[str])
    assert_type(mail.payload_of(message), Ticket)
    assert_type(swarm, LightSwarm[None])
    assert_type(needy, LightSwarm[Deps])
    assert_type(swarm.consult(agent, "?"), RunResult[int])
    assert_type(await swarm.aconsult(agent, "?", user_id="u"), RunResult[int])
    assert_type(needy.consult(needing, "?", deps=Deps("t")), RunResult[int])
    assert_type(swarm.run_result(agent, "?"), RunResult[int])
    assert_type(await needy.arun_result(needing, "?", deps=Deps("t")), RunResult[int])
    assert_type(swarm.stream(agent, "?"), RunStream[ChatCompletionChunk, int])
    assert_type(needy.astream(needing, "?", deps=Deps("t")), AsyncRunStream[ChatCompletionChunk, int])
    assert_type(swarm.stream_events(agent, "?"), RunStream[StreamEvent, int])
    assert_type(needy.astream_events(needing, "?", deps=Deps("t")), AsyncRunStream[StreamEvent, int])
    assert_type(swarm.asked(agent), LightAgent[None, int])
    assert_type(swarm.send_message("a", {"title": "t"}, user_id="u"), AgentMessage)
    assert_type(await swarm.amessages("a", user_id="u"), Sequence[AgentMessage])
    assert_type(needing.as_tool("n", "d", tools=["read_*"]), Tool[Deps])
