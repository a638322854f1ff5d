"""The data of trace events about single journal events, without content."""

from __future__ import annotations

from lightagent.domain.conversation.labels import labels_of
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.trace import NOTES
from lightagent.domain.planning.plans import Plan, Planned
from lightagent.domain.policy.phases import Decision
from lightagent.domain.runs.events import Concluded, ContextReplaced
from lightagent.domain.swarm.agent_messages import AgentMessage, MessagesDelivered
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.selection import ToolsSelected


def replaced_data(event: ContextReplaced) -> JsonObject:
    """Return the data of a replacement of messages."""
    return {
        "source": event.source,
        "replaced": event.count,
        "message_count": len(event.messages),
        "usage": event.usage.to_dict() if event.usage else None,
        "code": None if event.error is None else event.error.code,
        "labels": [*event.replaced],
    }


def selected_data(event: ToolsSelected) -> JsonObject:
    """Return the data of a selection of tools."""
    return {
        "tools": [*event.names],
        "searched": event.searched,
        "rankers": [*event.rankers],
        "tokens": event.tokens,
        "candidates": candidates_data(event.candidates),
        "codes": [error.code for error in event.errors],
    }


def planned_data(event: Planned) -> tuple[JsonObject, JsonObject]:
    """Return the data of a plan, and separately its texts, which may be private."""
    plan = event.plan
    thoughts: list[JsonValue] = [
        {"path": [*thought.path], "score": thought.score, "fate": thought.fate} for thought in event.thoughts
    ]
    data: JsonObject = {
        "planned": plan is not None,
        "steps": 0 if plan is None else len(plan.steps),
        "tools": [] if plan is None else [*plan.tools],
        "offered": None if event.offered is None else [*event.offered],
        "code": None if event.error is None else event.error.code,
        "model": event.model,
        "model_calls": event.model_calls,
        "usage": None if event.usage is None else event.usage.to_dict(),
        "thoughts": thoughts,
    }
    texts: list[JsonValue] = [thought.text for thought in event.thoughts]
    told: JsonObject = {"plan": None if plan is None else _plan_data(plan), "texts": texts}
    return data, told if event.error is None else {**told, "message": event.error.message}


def _plan_data(plan: Plan) -> JsonObject:
    return {"goal": plan.goal, "steps": [{"text": step.text, "tools": [*step.tools]} for step in plan.steps]}


def sent_data(message: AgentMessage) -> tuple[JsonObject, JsonObject]:
    """Return the data of a message that an agent sent, and separately its content, which may be private."""
    data: JsonObject = {
        "message_id": message.id,
        "number": message.number,
        "sender": message.sender,
        "recipient": message.recipient,
        "chars": len(message.text),
        "labels": [*message.labels],
    }
    return data, {"payload": copy_json(message.payload)}


def delivered_data(event: MessagesDelivered) -> tuple[JsonObject, JsonObject]:
    """Return the data of messages delivered to an agent, with their traces, and separately what the agent is shown."""
    told: list[JsonValue] = [
        {"message_id": one.id, "number": one.number, "sender": one.sender, "sender_trace_id": one.trace_id}
        if one.is_of_agent
        else {"number": one.number}
        for one in event.messages
    ]
    data: JsonObject = {
        "messages": told,
        "recipient": event.messages[0].recipient if event.messages else "",
        "expired": event.expired,
        "code": None if event.error is None else event.error.code,
        "labels": [*labels_of(event.told)],
    }
    return data, {"told": [message.to_openai() for message in event.told]}


def candidates_data(ranked: tuple[RankedTool, ...]) -> list[JsonValue]:
    """Return the tools that fit a query, best first."""
    return [{"name": tool.name, "score": tool.score} for tool in ranked]


def decision_kind(decision: Decision) -> str:
    """Return the kind of policy that decided, from its name: `hook:NAME`, `input_guardrail:NAME` and the like."""
    sort, stopped = decision.by.partition(":")[0], decision.action in ("block", "error")
    if sort == "hook":
        return "hook_block" if stopped else "hook_decision"
    if sort in ("input_guardrail", "tool_guardrail", "output_guardrail"):
        return "guardrail_block" if stopped else "guardrail_decision"
    return "policy_decision"


def decision_data(decision: Decision) -> JsonObject:
    """Return the data of a policy's decision."""
    return {"phase": decision.phase, "by": decision.by, "action": decision.action, "reason": decision.reason}


def without_notes(details: JsonObject) -> JsonObject:
    """Return an event's own details, without those about memories, which have trace events of their own."""
    return {name: value for name, value in copy_json(details).items() if name != NOTES}


def concluded_data(event: Concluded) -> JsonObject:
    """Return the data of a conclusion that was drawn."""
    data: JsonObject = {"name": event.name, "code": None if event.error is None else event.error.code}
    if event.usage is not None:
        data["usage"] = event.usage.to_dict()
    return data | without_notes(event.details)
