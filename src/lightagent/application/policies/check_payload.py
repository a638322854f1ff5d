"""Checks what a policy makes of a payload: a run must be able to go on with it, and a journal to keep it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from typing_extensions import TypeIs

from lightagent.domain.conversation.history import parse_parts
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    ToolCall,
    ToolMessage,
    Trust,
    UserMessage,
    copy_answer,
    copy_messages,
)
from lightagent.domain.conversation.provider_fields import are_opaque_fields, are_provider_fields
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import require_json
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Failed
from lightagent.domain.policy.flow_payloads import (
    FlowPayload,
    FlowRerunPayload,
    FlowResultPayload,
    FlowResumePayload,
    FlowStepPayload,
    copy_flow_payload,
    is_same_flow_payload,
)
from lightagent.domain.policy.memory_payloads import (
    MemoriesPayload,
    MemoryPayload,
    MemoryPromotedPayload,
    MemoryPromotionPayload,
    MemoryQueryPayload,
    MemoryWritePayload,
    MemoryWrittenPayload,
)
from lightagent.domain.policy.phases import (
    ApprovalPayload,
    CallPayload,
    ConclusionPayload,
    ContextPayload,
    EndPayload,
    HandoffPayload,
    OutputPayload,
    QueryPayload,
    ReplyPayload,
    RequestPayload,
    ResultPayload,
)

PayloadT = TypeVar("PayloadT")

_IMMUTABLE: Final = (
    OutputPayload,
    EndPayload,
    ResultPayload,
    HandoffPayload,
    ContextPayload,
    MemoryQueryPayload,
    MemoryWritePayload,
)
"""Payloads that have no part which can be changed in place."""

_TRUST: Final[tuple[Trust, ...]] = ("trusted", "untrusted")


def copy_payload(payload: PayloadT) -> PayloadT:
    """The payload with its plain JSON copied, so that a policy that changes it in place changes nothing else."""
    if type(payload) in _IMMUTABLE:
        return payload
    reviewed: object = payload
    copied = reviewed
    match reviewed:
        case QueryPayload(content=content) if not isinstance(content, str):
            copied = replace(reviewed, content=tuple(copy_json(part) for part in content))
        case RequestPayload(messages=messages, params=params, tools=tools):
            copied = RequestPayload(copy_messages(messages), copy_json(params), tools)
        case ReplyPayload(message=message):
            answer = copy_answer(message)
            if answer is message:
                return payload
            copied = replace(reviewed, message=answer)
        case CallPayload(arguments=arguments):
            copied = CallPayload(copy_json(arguments))
        case ApprovalPayload(request=request):
            copied = replace(reviewed, request=copy_json(request))
        case ConclusionPayload(proposal=proposal):
            copied = ConclusionPayload(copy_json(proposal))
        case _ if isinstance(reviewed, MemoryPayload | FlowPayload):
            copied = copy_flow_payload(reviewed) if isinstance(reviewed, FlowPayload) else _copied_memories(reviewed)
        case _:
            pass
    return copied if isinstance(copied, type(payload)) else payload


def _copied_memories(payload: MemoryPayload) -> MemoryPayload:
    match payload:
        case MemoriesPayload(memories=memories):
            return replace(payload, memories=tuple(copy_json(one) for one in memories))
        case MemoryWrittenPayload(metadata=metadata):
            return replace(payload, metadata=copy_json(metadata))
        case MemoryPromotionPayload(candidate=candidate, decision=decision):
            decided = copy_json(decision) if isinstance(decision, dict) else decision
            return replace(payload, candidate=copy_json(candidate), decision=decided)
        case MemoryPromotedPayload(candidate=candidate, metadata=metadata):
            return replace(payload, candidate=copy_json(candidate), metadata=copy_json(metadata))
        case _:
            return payload


def check_payload(payload: object) -> None:
    """Raise unless a rewritten payload is what its type declares.

    Raises:
        ConfigurationError: it is not; the text says what is wrong without quoting it.
    """
    match payload:
        case RequestPayload():
            _check_request(payload)
        case QueryPayload() | ContextPayload() | ReplyPayload():
            _check_messages(payload)
        case EndPayload(outcome=outcome):
            if not is_stop(outcome):
                raise ConfigurationError("a run that ends otherwise is blocked, over its budget, cancelled or failed.")
        case _ if isinstance(payload, MemoryPayload):
            _check_memories(payload)
        case _ if isinstance(payload, FlowPayload):
            _check_flow(payload)
        case _:
            _check_values(payload)


def is_same_payload(one: object, other: object) -> bool:
    """Whether a policy left a payload as it was. In JSON true is not 1, and 1 is not 1.0; to Python they are."""
    match one, other:
        case CallPayload(arguments=value), CallPayload(arguments=known):
            return same_json(value, known)
        case ConclusionPayload(proposal=value), ConclusionPayload(proposal=known):
            return same_json(value, known)
        case RequestPayload(params=value), RequestPayload(params=known):
            return same_json(value, known) and one == other
        case _, _ if isinstance(one, MemoryPayload) and isinstance(other, MemoryPayload):
            return one == other and same_json(_json_in(one), _json_in(other))
        case _, _ if isinstance(one, FlowPayload) and isinstance(other, FlowPayload):
            return is_same_flow_payload(one, other)
        case _:
            return bool(one == other)


def _json_in(payload: MemoryPayload) -> JsonValue:
    """The parts of the payload that are plain JSON."""
    match payload:
        case MemoriesPayload(memories=memories):
            return [*memories]
        case MemoryWrittenPayload(metadata=metadata):
            return metadata
        case MemoryPromotionPayload(candidate=candidate, decision=decision):
            return [candidate, decision]
        case MemoryPromotedPayload(candidate=candidate, metadata=metadata):
            return [candidate, metadata]
        case _:
            return None


def is_trust(value: object) -> TypeIs[Trust]:
    """Whether it is a label of trust."""
    return isinstance(value, str) and value in _TRUST


def is_stop(outcome: object) -> bool:
    """Whether a policy may end a run with this outcome: it cannot make a run succeed or wait."""
    match outcome:
        case Blocked(error=error) | BudgetExhausted(error=error) | Failed(error=error):
            return _is_error(error)
        case Cancelled(reason=reason):
            return _are_texts(reason)
        case _:
            return False


def _is_error(error: object) -> bool:
    if not isinstance(error, LightAgentErrorInfo) or not _are_texts(error.code, error.message, error.guidance):
        return False
    retryable: object = error.retryable
    try:
        require_json(error.details, "details")
    except ConfigurationError:
        return False
    return isinstance(retryable, bool) and (error.details is None or isinstance(error.details, dict))


def _check_values(payload: object) -> None:
    match payload:
        case CallPayload(arguments=value) | ConclusionPayload(proposal=value):
            _require_object(value)
        case ApprovalPayload(reason=reason, request=request):
            _require(_are_texts(reason), "its reason is text")
            _require_object(request)
        case ResultPayload(output=text) | OutputPayload(content=text):
            _require(_are_texts(text), "text is expected")
        case HandoffPayload(source=source, target=target):
            _require(_are_texts(source, target), "agents are named by text")
        case _:
            raise ConfigurationError(f"{type(payload).__name__} is not a payload.")


def _check_flow(payload: FlowPayload) -> None:
    _require(_are_texts(payload.run_id), "the run is named by text")
    match payload:
        case FlowStepPayload(query=query, context=context):
            _require(_are_texts(query), "the query of a step is text")
            _require_object(context)
        case FlowResultPayload(output=output, step_result=result):
            require_json(output, "payload")
            _require_object(result)
        case FlowResumePayload(record=record):
            _require_object(record)
        case FlowRerunPayload(step_name=step_name, record=record):
            _require(_are_texts(step_name), "the step is named by text")
            _require_object(record)


def _check_memories(payload: MemoryPayload) -> None:
    about = (payload.memory_user_id, payload.original_user_id, payload.source, payload.scope)
    _require(_are_texts(*about), "users, sources and scopes are named by text")
    match payload:
        case MemoryQueryPayload(query=query):
            _require(_are_texts(query), "what is looked for is text")
        case MemoriesPayload(memories=memories):
            _require(_is_tuple(memories, dict), "a tuple of objects is expected")
            require_json([*memories], "payload")
        case MemoryWritePayload(data=data):
            _require(_are_texts(data), "text is expected")
        case MemoryPromotionPayload(data=data, candidate=candidate, decision=decision):
            _require(_are_texts(data), "text is expected")
            _require_object(candidate)
            require_json(decision, "payload")
        case MemoryWrittenPayload(data=data, metadata=metadata) | MemoryPromotedPayload(data=data, metadata=metadata):
            _require(_are_texts(data), "text is expected")
            _require_object(metadata)


def _check_messages(payload: QueryPayload | ContextPayload | ReplyPayload) -> None:
    match payload:
        case QueryPayload(content=content):
            _check_content(content)
        case ContextPayload(messages=messages):
            _require(_is_tuple(messages, ContextMessage), "a tuple of context messages is expected")
            for message in messages:
                check_message(message)
        case ReplyPayload(message=message):
            _require(isinstance(message, AssistantMessage), "a reply is an assistant message")
            check_message(message)


def _check_request(payload: RequestPayload) -> None:
    _require_object(payload.params)
    messages, tools = payload.messages, payload.tools
    _require(_is_tuple(tools, str), "tools are named by a tuple of texts")
    _require(_is_tuple(messages, object) and len(messages) > 0, "a tuple of at least one message is expected")
    for message in messages:
        check_message(message)
    check_conversation(messages, "messages")


def check_message(message: object) -> None:
    """Raise unless a message that foreign code made is what its type declares.

    Raises:
        ConfigurationError: it is not, or it is a system message.
    """
    match message:
        case UserMessage(content=content):
            _check_content(content)
        case ContextMessage(source=source, content=content, trust=trust, replaces=replaces):
            _require(_is_tuple(replaces, str), "what a context message stands for is a tuple of labels")
            _require(_are_texts(source, content) and is_trust(trust), "context has a source, a text and a trust label")
        case ToolMessage(tool_call_id=call_id, content=content):
            _require(_are_texts(call_id, content), "a tool's answer has the id of its call and a text")
        case AssistantMessage():
            texts = (message.content, message.reasoning, message.refusal, message.name)
            _require(all(text is None or _are_texts(text) for text in texts), "what an assistant says is text")
            added: object = message.provider_fields
            _require(added is None or are_provider_fields(added), "what a provider added is plain JSON with its origin")
            calls = message.tool_calls
            _require(
                _is_tuple(calls, ToolCall) and all(map(_is_call, calls)),
                "calls have an id, a name and arguments, all of them texts",
            )
        case _:
            raise ConfigurationError(f"{type(message).__name__} is not a message of a conversation.")


def _is_call(call: ToolCall) -> bool:
    fields: object = call.provider_fields
    return _are_texts(call.id, call.name, call.arguments) and (fields is None or are_opaque_fields(fields))


def _check_content(content: str | tuple[JsonObject, ...]) -> None:
    if not isinstance(content, str):
        _require(isinstance(content, tuple), "text or a tuple of content parts is expected")
        parse_parts(content, "content")


def _require_object(value: object) -> None:
    _require(isinstance(value, dict), "an object is expected")
    require_json(value, "payload")


def _is_tuple(value: object, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, kind) for one in value)


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _require(right: bool, sentence: str) -> None:
    if not right:
        raise ConfigurationError(f"{sentence}.")
