"""What callers hand in is only read: variables of narrower types fit, OpenAI's messages fit, None is "not given"."""

import os
from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from openai.types.chat import (
    ChatCompletion,
    ChatCompletionContentPartParam,
    ChatCompletionMessage,
    ChatCompletionMessageParam,
)

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    HistoryMessage,
    HookDecision,
    JsonInput,
    JsonObject,
    LightAgent,
    LightFlow,
    LightSwarm,
    MemoryPromotionDecision,
    ToolError,
    export_trace,
    output_schema_guardrail,
)
from lightagent.testing import call_tool


def parameters(agent: LightAgent, stop: list[str], bias: dict[str, int], shape: tuple[int, ...]) -> None:
    agent.run("?", metadata={"stop": stop})
    agent.run("?", metadata={"logit_bias": bias, "shape": shape})
    agent.run("?", metadata=MappingProxyType({"stop": deque(stop)}))
    agent.run_result("?", metadata=bias)
    LightAgent(metadata={"stop": stop})
    wanted: dict[str, list[str]] = {"stop": stop}
    agent.run("?", metadata=wanted)


def read_only(names: Sequence[str], counts: Mapping[str, float]) -> JsonInput:
    return {"names": names, "counts": counts, "all": [names, counts]}


def elsewhere(names: list[str], details: dict[str, str], flow: LightFlow, agent: LightAgent) -> None:
    call_tool("pay", names=names, details=details)
    ApprovalDecision.edit(details)
    ApprovalDecision.edit({"names": names})
    ApprovalRequired("It is much.", {"names": names})
    ToolError("It rains.", details={"names": names})
    HookDecision.replace({"arguments": details}, metadata={"names": names})
    MemoryPromotionDecision.approve(metadata=details)
    output_schema_guardrail({"type": "object", "required": names})
    flow.signal("run", "paid", names)
    flow.step("a", agent=str.upper, metadata=details)
    flow.map("each", names, agent=str.upper)
    export_trace([], lambda events, summary, metadata: 1, metadata={"names": names})
    agent.export_trace_to("traces.jsonl", metadata=details)


def messages_of_openai(agent: LightAgent, swarm: LightSwarm, past: list[ChatCompletionMessageParam]) -> None:
    agent.run("?", history=past)
    swarm.run(agent, "?", history=past)
    agent.run("?", history=[*past, {"role": "user", "content": "And then?"}])


def what_its_client_returns(agent: LightAgent, done: ChatCompletion, past: list[ChatCompletionMessageParam]) -> None:
    agent.run("?", history=[done.choices[0].message])
    both: list[HistoryMessage] = [*past, done.choices[0].message]
    agent.run("?", history=both)
    also: list[ChatCompletionMessageParam | ChatCompletionMessage] = [*past, done.choices[0].message]
    agent.run("?", history=also)


def parts(agent: LightAgent, given: list[ChatCompletionContentPartParam], own: tuple[JsonObject, ...]) -> None:
    agent.run(given)
    agent.run(own)
    agent.run([{"type": "text", "text": "?"}])
    agent.run(deque(own))


def histories(agent: LightAgent, own: list[JsonObject], words: list[dict[str, str]]) -> None:
    agent.run("?", history=own)
    agent.run("?", history=words)
    agent.run("?", history=agent.get_history())
    agent.run("?", history=agent.run_result("?").history())


def not_given(name: str | None, wanted: list[str] | None) -> None:
    agent = LightAgent(
        model=os.environ.get("MODEL"), name=name, role=None, tools=None, hooks=None, metadata=None, limits=None
    )
    agent.run("?", user_id=name, session_id=name, tenant=name, history=None, metadata=None, tools=None, tags=wanted)
    LightFlow().step("a", agent=str.upper, depends_on=wanted, timeout=None).run("?", user_id=name, run_id=name)
    LightSwarm(limits=None, consult=None)
