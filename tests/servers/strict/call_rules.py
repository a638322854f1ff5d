"""Rules about tool calls: their ids, names and arguments, and that each has its one result, directly after."""

import json
import re
from collections.abc import Iterator

from tests.servers.json_values import Json
from tests.servers.strict.request import Call, Request
from tests.servers.strict.rules import Check

NAME = r"[a-zA-Z0-9_-]{1,64}"


def answered_directly(request: Request) -> Iterator[str]:
    """Each call has exactly one result, before any other message; each result has its call."""
    waiting: dict[str, str] = {}
    for message in request.messages:
        if message.role == "tool":
            call_id = str(message.fields.get("tool_call_id"))
            if waiting.pop(call_id, None) is None:
                yield f"{message.at}: no call {call_id!r} of the message before waits for this result."
            continue
        for call_id, at in waiting.items():
            yield f"{message.at}: the call {call_id!r} ({at}) must be followed by its tool message."
        waiting = {str(call.id): call.at for call in message.calls}
    for call_id, at in waiting.items():
        yield f"{at}: the call {call_id!r} must be followed by its tool message."


def only_assistants_call(request: Request) -> Iterator[str]:
    """Tool calls stand in assistant messages, and results name their call."""
    for message in request.messages:
        if message.calls and message.role != "assistant":
            yield f"{message.at}: only an assistant message has tool_calls."
        if message.role == "tool" and not isinstance(message.fields.get("tool_call_id"), str):
            yield f"{message.at}.tool_call_id: a text is required."


def ids(pattern: str, says: str) -> Check:
    """Ids of calls have this form."""

    def check(request: Request) -> Iterator[str]:
        for at, value in _ids(request):
            if not isinstance(value, str) or not re.fullmatch(pattern, value):
                yield f"{at}: the tool call id was {value!r}, but must be {says}."

    return check


def unique_in_a_turn(request: Request) -> Iterator[str]:
    """No two calls of one message have the same id."""
    for message in request.messages:
        yield from _repeated(message.calls)


def unique_in_all(request: Request) -> Iterator[str]:
    """No two calls of the whole conversation have the same id."""
    yield from _repeated(tuple(call for message in request.messages for call in message.calls))


def names(pattern: str = NAME) -> Check:
    """Names of called functions have this form."""

    def check(request: Request) -> Iterator[str]:
        for call in _all(request):
            if not isinstance(call.name, str) or not re.fullmatch(pattern, call.name):
                yield f"{call.at}.function.name: {call.name!r} does not match the pattern '^{pattern}$'."

    return check


def arguments_are_text(request: Request) -> Iterator[str]:
    """Arguments are a text, whatever it says, and the type of a call is `function`."""
    for call in _all(request):
        if call.fields.get("type") != "function":
            yield f"{call.at}.type: expected 'function'."
        if not isinstance(call.arguments, str):
            yield f"{call.at}.function.arguments: expected a string."


def arguments_are_an_object(request: Request) -> Iterator[str]:
    """Arguments parse, strictly, to a JSON object whose texts are whole characters."""
    for call in _all(request):
        try:
            value: Json = json.loads(str(call.arguments), parse_constant=_refused)
            json.dumps(value, ensure_ascii=False).encode()
        except ValueError as error:
            yield f"{call.at}.function.arguments: {call.arguments!r} is no JSON: {error}."
            continue
        if not isinstance(value, dict):
            yield f"{call.at}.function.arguments: {call.arguments!r} is no JSON object."


def known_call_fields(*more: str) -> Check:
    """A call has an id, a type and a function, and nothing else besides `more`."""

    def check(request: Request) -> Iterator[str]:
        for call in _all(request):
            for name in sorted(call.fields.keys() - {"id", "type", "function", *more}):
                yield f"{call.at}.{name}: this property is not permitted."
            for name in sorted(call.function.keys() - {"name", "arguments"}):
                yield f"{call.at}.function.{name}: this property is not permitted."

    return check


def signed_in_the_current_turn(request: Request) -> Iterator[str]:
    """Since the last user message, the first call of each assistant message has the signature that came with it."""
    last_user = max((place for place, message in enumerate(request.messages) if message.role == "user"), default=0)
    for message in request.messages[last_user:]:
        if message.calls and not _signature(message.calls[0]):
            yield f"{message.calls[0].at}: Function call is missing a thought_signature in functionCall parts."


def _signature(call: Call) -> Json:
    extra = call.fields.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return google.get("thought_signature") if isinstance(google, dict) else None


def _all(request: Request) -> Iterator[Call]:
    return (call for message in request.messages for call in message.calls)


def _ids(request: Request) -> Iterator[tuple[str, Json]]:
    for message in request.messages:
        for call in message.calls:
            yield f"{call.at}.id", call.id
        if message.role == "tool":
            yield f"{message.at}.tool_call_id", message.fields.get("tool_call_id")


def _repeated(calls: tuple[Call, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for call in calls:
        if str(call.id) in seen:
            yield f"{call.at}.id: tool call ids must be unique, and {call.id!r} is used twice."
        seen.add(str(call.id))


def _refused(constant: str) -> Json:
    raise ValueError(f"{constant} is none")
