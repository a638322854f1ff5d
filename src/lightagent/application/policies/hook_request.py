"""A model request in OpenAI form, as hooks know it, and the request that a hook made of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Final

from lightagent.domain.conversation.history import parse_history
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, ToolMessage, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.phases import RequestPayload, RunFacts

_OURS: Final = ("model", "messages", "tools", "stream")
"""Keys of a request that are not parameters."""


def openai_request(facts: RunFacts, payload: RequestPayload) -> JsonObject:
    """The request as a chat-completions endpoint would get it; a copy that may be changed."""
    request: JsonObject = {"model": facts.model, "messages": _messages(facts, payload), "stream": facts.stream}
    tools: list[JsonValue] = [spec.to_openai() for spec in facts.specs if spec.name in payload.tools]
    if tools:
        request["tools"] = tools
    return request | copy_json(payload.params)


def changed_request(facts: RunFacts, payload: RequestPayload, changed: JsonObject) -> RequestPayload:
    """The request as a hook left it.

    Raises:
        ConfigurationError: it changes what is up to the agent alone (the model, its instructions, the declarations of
            tools), or holds messages that are not possible in a conversation.
    """
    for name, ours in (("model", facts.model), ("stream", facts.stream)):
        if name in changed and not same_json(changed[name], payload.params.get(name, ours)):
            raise ConfigurationError(f"params.{name}: a hook cannot change it; it belongs to the agent or the run.")
    params = {name: value for name, value in changed.items() if name not in _OURS}
    return RequestPayload(
        _changed_messages(facts, payload, changed.get("messages")),
        params,
        _changed_tools(facts, payload, changed.get("tools")),
    )


def _messages(facts: RunFacts, payload: RequestPayload) -> list[JsonValue]:
    instructions: list[JsonValue] = [{"role": "system", "content": facts.instructions}] if facts.instructions else []
    return [*instructions, *(message.to_openai() for message in payload.messages)]


def _changed_tools(facts: RunFacts, payload: RequestPayload, tools: JsonValue) -> tuple[str, ...]:
    """The names of the remaining tools; a hook may remove tools from a request, but not add any."""
    if tools is None:
        return ()
    offered = {spec.name: spec.to_openai() for spec in facts.specs if spec.name in payload.tools}
    kept = tools if isinstance(tools, list) else [tools]
    names = [next((name for name, form in offered.items() if same_json(form, tool)), None) for tool in kept]
    found = tuple(name for name in names if name is not None)
    if len(found) < len(kept):
        raise ConfigurationError("params.tools: a hook can leave tools out, and cannot add or change one.")
    return found


def _changed_messages(facts: RunFacts, payload: RequestPayload, messages: JsonValue) -> tuple[Message, ...]:
    if not isinstance(messages, list):
        raise ConfigurationError("params.messages must be a list of messages.")
    shown = _messages(facts, payload)
    first = 1 if facts.instructions else 0
    if first and (not messages or not same_json(messages[0], shown[0])):
        raise ConfigurationError("params.messages[0]: a hook cannot change the agent's instructions.")
    entries = [one for one in messages[first:] if isinstance(one, dict)]
    if len(entries) < len(messages) - first:
        raise ConfigurationError("params.messages: each message is an object.")
    parsed = parse_history(entries)
    known = list(zip(shown[first:], payload.messages, strict=True))
    in_place = len(entries) == len(known)
    made: list[Message] = []
    for place, (entry, message) in enumerate(zip(entries, parsed, strict=True)):
        # Most keep their place, so that place is checked first.
        same = next((one for form, one in chain(known[place : place + 1], known) if same_json(form, entry)), None)
        if same is not None:
            made.append(same)  # Itself, with all that its OpenAI form does not show.
        else:
            made.append(_changed(payload.messages[place], message) if in_place else message)
    return tuple(made)


def _changed(old: Message, new: Message) -> Message:
    """A message whose text a hook changed: it keeps only its kind and its ids."""
    match old, new:
        case ContextMessage(), UserMessage(content=str(content)):
            return replace(old, content=old.undelimited(content))
        case ToolMessage(), ToolMessage(content=content) if new.tool_call_id == old.to_openai()["tool_call_id"]:
            return replace(old, content=content)
        case AssistantMessage(), AssistantMessage(content=content):
            calls = [call.to_openai() for call in old.tool_calls]
            unchanged = calls == [call.to_openai() for call in new.tool_calls]
            # Its reasoning, which hooks do not see, may hold removed text.
            return AssistantMessage(content, old.tool_calls if unchanged else new.tool_calls, name=new.name)
        case _:
            return new
