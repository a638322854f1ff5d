"""Read A2A requests: a message for an agent, or a question about a task."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from a2a.types.a2a_pb2 import ROLE_USER, GetTaskRequest, Message, Part, SendMessageRequest
from google.protobuf.json_format import ParseDict, ParseError

from lightagent.application.serving.a2a.errors import (
    CONTENT_NOT_SUPPORTED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    NO_PUSH_NOTIFICATIONS,
    A2aRefused,
)
from lightagent.application.serving.approvals import PersonAnswer, read_answer
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.content_parts import check_parts
from lightagent.domain.json_bytes import encode_json, whole_json
from lightagent.domain.json_types import JsonObject, JsonValue

MOST_ID: Final = 200
"""The maximum length of an id, in characters."""

MessageT = TypeVar("MessageT", SendMessageRequest, GetTaskRequest)

_MOST_QUOTED: Final = 300
"""The maximum length of a validation message in an error, in characters."""


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One JSON-RPC call."""

    id: JsonValue
    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class MessageInput:
    """The content of a message request.

    Attributes:
        chat: the query; for a message to a waiting task, its text.
        task_id: the task that the message continues; empty for a new one.
        context_id: the conversation; empty for a new one.
        answers: a person's answers to the approval requests of the task.
        at_once: whether to return the task as it is now instead of waiting for its end.
        history_length: the maximum number of messages in the task's history; None: all.
    """

    chat: ChatInput
    task_id: str
    context_id: str
    answers: tuple[PersonAnswer, ...]
    at_once: bool
    history_length: int | None


def read_rpc_call(body: JsonObject) -> RpcCall:
    """Parse the body of a JSON-RPC call.

    Raises:
        A2aRefused: the body is not a JSON-RPC 2.0 call.
    """
    call_id, method, params = body.get("id"), body.get("method"), body.get("params", {})
    if isinstance(call_id, bool) or not isinstance(call_id, (str, int, float, type(None))):
        raise A2aRefused(INVALID_REQUEST, "id: must be text or a number.")
    if body.get("jsonrpc") != "2.0" or not isinstance(method, str) or not method:
        raise A2aRefused(INVALID_REQUEST, 'The call must have "jsonrpc": "2.0" and a method.')
    if not isinstance(params, dict):
        raise A2aRefused(INVALID_REQUEST, "params: must be an object.")
    return RpcCall(call_id, method, params)


def read_task_id(params: JsonObject) -> tuple[str, int | None]:
    """Return the id of the task that a call is about, and the maximum number of messages of its history (None: all).

    Raises:
        A2aRefused: the call has no task id.
    """
    asked = _parsed({name: params[name] for name in _ABOUT_A_TASK if name in params}, GetTaskRequest())
    if not asked.id:
        raise A2aRefused(INVALID_PARAMS, "id: must be the id of a task.", param="id")
    return asked.id[:MOST_ID], _length(asked.history_length if asked.HasField("history_length") else None)


_ABOUT_A_TASK: Final = ("id", "historyLength", "history_length")


def read_message(params: JsonObject, model: str, *, image_urls: bool = False) -> MessageInput:
    """Read a message request.

    Args:
        model: the model that the URL names.
        image_urls: allow parts that name images by URL.

    Raises:
        RequestRefused: a field is invalid or unsupported.
    """
    raw = whole_json(params)
    asked = _parsed(raw if isinstance(raw, dict) else {}, SendMessageRequest())
    message, configuration = asked.message, asked.configuration
    _check(asked)
    told = [*_data_parts(params)]
    answers = tuple(_answers(told)) if message.task_id else ()
    query = None if answers else _query(message, dict(told), image_urls=image_urls)
    return MessageInput(
        ChatInput(model, query, [], stream=True, dropped=tuple(_dropped(asked))),
        message.task_id,
        message.context_id,
        answers,
        configuration.return_immediately,
        _length(configuration.history_length if configuration.HasField("history_length") else None),
    )


def _parsed(params: JsonObject, into: MessageT) -> MessageT:
    try:
        return ParseDict(params, into, ignore_unknown_fields=True)
    except (ParseError, ValueError) as exc:
        raise A2aRefused(INVALID_PARAMS, f"params: {str(exc)[:_MOST_QUOTED]}") from None


def _check(asked: SendMessageRequest) -> None:
    message, configuration = asked.message, asked.configuration
    for name, text in (("taskId", message.task_id), ("contextId", message.context_id)):
        if len(text) > MOST_ID:
            raise A2aRefused(INVALID_PARAMS, f"message.{name}: has more than {MOST_ID} characters.", param=name)
    if message.role != ROLE_USER:
        raise A2aRefused(INVALID_PARAMS, "message.role: must be ROLE_USER.", param="message.role")
    if not message.parts:
        raise A2aRefused(INVALID_PARAMS, "message.parts: must have at least one part.", param="message.parts")
    if configuration.HasField("task_push_notification_config"):
        raise A2aRefused(NO_PUSH_NOTIFICATIONS, "Push notifications are not supported.", "Stream the task, or get it.")
    modes = configuration.accepted_output_modes
    if modes and not any(mode.partition(";")[0].strip() in _TEXT_MODES for mode in modes):
        raise A2aRefused(CONTENT_NOT_SUPPORTED, "Agents answer with text only.", "Accept text/plain.")


_TEXT_MODES: Final = frozenset({"text", "text/plain", "text/markdown", "text/*", "*/*"})


def _query(message: Message, data: dict[int, JsonValue], *, image_urls: bool) -> str | list[JsonObject]:
    """Return the query: a string if the message has only text."""
    made: list[JsonValue] = [
        {"type": "text", "text": encode_json(_plain(data[place])).decode()}
        if place in data
        else _part(part, f"message.parts[{place}]")
        for place, part in enumerate(message.parts)
    ]
    parts = check_parts(made, "message", image_urls=image_urls)
    texts = [text for part in parts if isinstance(text := part.get("text"), str)]
    return "\n\n".join(texts) if len(texts) == len(parts) else parts


def _part(part: Part, at: str) -> JsonObject:
    kind = part.WhichOneof("content")
    if kind is None:
        raise A2aRefused(INVALID_PARAMS, f"{at}: must have text, raw, url or data.", param=at)
    if kind == "text":
        return {"type": "text", "text": part.text}
    if kind in ("raw", "url") and part.media_type.startswith("image/"):
        data = base64.b64encode(part.raw).decode() if kind == "raw" else ""
        url = f"data:{part.media_type};base64,{data}" if kind == "raw" else part.url
        return {"type": "image_url", "image_url": {"url": url}}
    raise A2aRefused(
        CONTENT_NOT_SUPPORTED, f"{at}: parts of this kind are not supported.", "Send text, data and images.", param=at
    )


def _data_parts(params: JsonObject) -> Iterator[tuple[int, JsonValue]]:
    """Yield the index and the content of each data part.

    They are read from the JSON itself, since the protobuf types turn integers into floats.
    """
    message = params.get("message")
    parts = message.get("parts") if isinstance(message, dict) else None
    for place, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict) and "data" in part:
            yield place, part["data"]


def _answers(told: list[tuple[int, JsonValue]]) -> Iterator[PersonAnswer]:
    """Yield the answers of a person that the data parts contain."""
    for place, data in told:
        if not isinstance(data, dict):
            continue
        at = f"message.parts[{place}].data"
        request_id = data.get("requestId")
        if not isinstance(request_id, str):
            raise A2aRefused(INVALID_PARAMS, f"{at}.requestId: must be the id of the request, as text.", param=at)
        answer = read_answer(request_id, data, at)
        edited = None if answer.arguments is None else _plain(answer.arguments)
        yield PersonAnswer(
            request_id,
            answer.approved,
            answer.reason,
            edited if isinstance(edited, dict) else None,
        )


def _plain(value: JsonValue) -> JsonValue:
    """Return the value with integers restored where the protobuf types turned 5 into 5.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _length(told: int | None) -> int | None:
    return None if told is None else max(0, told)


def _dropped(asked: SendMessageRequest) -> Iterator[str]:
    """Yield the fields that the client sent and that have no effect here."""
    if asked.message.reference_task_ids:
        yield "message.referenceTaskIds"
    if asked.message.HasField("metadata"):
        yield "message.metadata"
    if asked.HasField("metadata"):
        yield "metadata"
