"""Read responses requests: the equivalent of a chat request, and what it continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.serving.approvals import PersonAnswer
from lightagent.application.serving.chat.requests import ChatInput, SystemMessages, read_chat_request
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.responses.fields import ASK_FOR_NOTHING, RESPONSE_RULES
from lightagent.application.serving.responses.ids import ResponseId, read_response_id
from lightagent.application.serving.responses.items import answers_to_run, approval_answers, messages_of
from lightagent.domain.json_types import JsonObject, JsonValue

_SAME: Final = (
    "model",
    "stream",
    "metadata",
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "tool_choice",
    "user",
)
"""The fields that chat requests have as well."""

MOST_CONVERSATION: Final = 200
"""The maximum length of a conversation id, in characters."""

NOT_KEPT: Final = "It was deleted, is somebody else's, or the server keeps no runs: give it a store."


@dataclass(frozen=True, slots=True)
class ResponseInput:
    """The content of a responses request.

    Attributes:
        chat: the equivalent chat request.
        previous: the response that the request continues.
        decisions: a person's decisions about waiting calls; the chat then has no query.
        dropped: the fields that are ignored.
        background: whether the run should outlive the connection.
        conversation: the session that the run belongs to; empty for none.
    """

    chat: ChatInput
    previous: ResponseId | None = None
    decisions: tuple[PersonAnswer, ...] = ()
    dropped: tuple[str, ...] = ()
    background: bool = False
    conversation: str = ""


def read_response_request(
    body: JsonObject, system_messages: SystemMessages = "added", *, image_urls: bool = False
) -> ResponseInput:
    """Parse the body of a request.

    Args:
        image_urls: allow messages that name images by URL.

    Raises:
        RequestRefused: a field is invalid or unsupported; the error names it.
    """
    _refuse(body)
    chat: JsonObject = {name: body[name] for name in _SAME if body.get(name) is not None}
    chat |= _model_options(body)
    decisions = tuple(_decisions(body))
    chat["messages"] = [*(_with_decisions(body) if decisions else _messages(body))]
    if body.get("tools") is not None:
        chat["tools"] = _tools(body["tools"])
    try:
        asked = read_chat_request(chat, system_messages, image_urls=image_urls)
    except RequestRefused as refused:
        raise of_input(refused) from refused
    dropped = tuple(name for name in body if name not in RESPONSE_RULES or RESPONSE_RULES[name].treatment == "dropped")
    asked = replace(asked, function_at="")
    if decisions:
        asked = replace(asked, query=None, history=[])
    return ResponseInput(asked, _previous(body), decisions, dropped, _background(body), _conversation(body))


def of_input(refused: RequestRefused) -> RequestRefused:
    """Return a refusal of a chat's messages rewritten for the field `input`, from which they came."""
    if refused.param is None or not refused.param.startswith("messages"):
        return refused
    param, message = (text.replace("messages", "input", 1) for text in (refused.param, refused.message))
    return RequestRefused(refused.status, message, refused.guidance, param=param, retry_after=refused.retry_after)


def _refuse(body: JsonObject) -> None:
    for name, value in body.items():
        rule = RESPONSE_RULES.get(name)
        if rule is None or rule.treatment != "refused" or value is None:
            continue
        harmless = ASK_FOR_NOTHING.get(name)
        if not (value == harmless and type(value) is type(harmless)):
            raise RequestRefused(400, f"{name}: not supported here.", rule.what, param=name)


def _messages(body: JsonObject) -> list[JsonObject]:
    told = body.get("instructions")
    if told is not None and not isinstance(told, str):
        raise RequestRefused(400, "instructions: must be text.", "", param="instructions")
    first: list[JsonObject] = [{"role": "system", "content": told}] if told else []
    asked = body.get("input")
    if isinstance(asked, str):
        return [*first, {"role": "user", "content": asked}]
    if not isinstance(asked, list) or not asked:
        raise RequestRefused(400, "input: must be text, or a list with at least one item.", "", param="input")
    return first + messages_of(asked)


def _decisions(body: JsonObject) -> Sequence[PersonAnswer]:
    asked = body.get("input")
    if not isinstance(asked, list):
        return ()
    answers = answers_to_run(asked)
    before: list[JsonValue] = [None] * (len(asked) - len(answers))
    return [*approval_answers([*before, *answers])]


def _with_decisions(body: JsonObject) -> list[JsonObject]:
    """Return the function results that come with decisions; everything earlier is in the run's journal."""
    asked = body.get("input")
    results = messages_of(answers_to_run(asked)) if isinstance(asked, list) else []
    return results or [{"role": "user", "content": ""}]


def _model_options(body: JsonObject) -> JsonObject:
    """Return the parameters of the model under their names in chat requests."""
    found: JsonObject = {}
    if body.get("max_output_tokens") is not None:
        found["max_completion_tokens"] = body["max_output_tokens"]
    effort = _object(body, "reasoning").get("effort")
    if effort is not None:
        found["reasoning_effort"] = effort
    text = _object(body, "text")
    if text.get("verbosity") is not None:
        found["verbosity"] = text["verbosity"]
    wanted = _object(text, "format", "text.")
    if wanted.get("type", "text") == "json_schema":
        schema: JsonObject = {name: value for name, value in wanted.items() if name != "type"}
        found["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif wanted.get("type", "text") != "text":
        found["response_format"] = wanted
    return found


def _object(body: JsonObject, name: str, within: str = "") -> JsonObject:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestRefused(400, f"{within}{name}: must be an object.", "", param=f"{within}{name}")
    return value


def _tools(declared: JsonValue) -> JsonValue:
    """Return the client's functions in the format of chat requests; other tools are refused there by their index."""
    if not isinstance(declared, list):
        return declared
    return [_tool(one) for one in declared]


def _tool(declared: JsonValue) -> JsonValue:
    if not isinstance(declared, dict) or declared.get("type") != "function":
        return declared
    return {"type": "function", "function": {name: value for name, value in declared.items() if name != "type"}}


def _background(body: JsonObject) -> bool:
    wanted = body.get("background")
    if not (wanted is None or isinstance(wanted, bool)):
        raise RequestRefused(400, "background: must be true or false.", "", param="background")
    return wanted is True


def _conversation(body: JsonObject) -> str:
    told = body.get("conversation")
    name = told.get("id") if isinstance(told, dict) else told
    if name is None and not isinstance(told, dict):
        return ""
    if not isinstance(name, str) or not 0 < len(name) <= MOST_CONVERSATION:
        raise RequestRefused(
            400, f"conversation: must be an id of at most {MOST_CONVERSATION} characters.", "", param="conversation"
        )
    if body.get("previous_response_id") is not None:
        raise RequestRefused(
            400,
            "conversation: cannot be combined with previous_response_id.",
            "Send one of the two.",
            param="conversation",
        )
    if body.get("background") is True:
        raise RequestRefused(
            400,
            "background: cannot be combined with conversation.",
            "Use previous_response_id instead of conversation.",
            param="background",
        )
    return name


def _previous(body: JsonObject) -> ResponseId | None:
    name = body.get("previous_response_id")
    if name is None:
        return None
    found = read_response_id(name) if isinstance(name, str) else None
    if found is None:
        raise RequestRefused(404, "The previous response does not exist.", NOT_KEPT, param="previous_response_id")
    return found
