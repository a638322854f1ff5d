"""A chat-completions request, read for the rules, which take nothing in it for granted."""

import json
from dataclasses import dataclass

from tests.servers.json_values import Json, JsonObject


class MalformedRequest(Exception):
    """It is no chat-completions request at all."""


@dataclass(frozen=True)
class Call:
    """A tool call in an assistant message; `at` is its place, such as ``messages[2].tool_calls[0]``."""

    at: str
    fields: JsonObject

    @property
    def id(self) -> Json:
        return self.fields.get("id")

    @property
    def function(self) -> JsonObject:
        function = self.fields.get("function")
        return function if isinstance(function, dict) else {}

    @property
    def name(self) -> Json:
        return self.function.get("name")

    @property
    def arguments(self) -> Json:
        return self.function.get("arguments")


@dataclass(frozen=True)
class Message:
    """A message; `at` is its place, such as ``messages[2]``."""

    at: str
    fields: JsonObject
    calls: tuple[Call, ...]

    @property
    def role(self) -> str:
        return str(self.fields.get("role"))

    @property
    def content(self) -> Json:
        return self.fields.get("content")

    @property
    def is_blank(self) -> bool:
        """Whether nothing is in it: no content, no text in its content, or only blanks."""
        content = self.content
        if isinstance(content, list):
            return not content or all(isinstance(part, dict) and part.get("text") == "" for part in content)
        return content is None or (isinstance(content, str) and not content.strip())


@dataclass(frozen=True)
class Request:
    """What was asked: the whole body, and of it the messages and the offered tools."""

    body: JsonObject
    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]

    @property
    def response_format(self) -> JsonObject:
        """The way to answer that was asked for; empty for none."""
        form = self.body.get("response_format")
        return form if isinstance(form, dict) else {}

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True


def read_request(raw: bytes) -> Request:
    """The request in a body.

    Raises:
        MalformedRequest: it has not the shape of one.
    """
    try:
        body: Json = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except ValueError as error:
        raise MalformedRequest(f"The body is no JSON: {error}.") from error
    if not isinstance(body, dict):
        raise MalformedRequest("The body must be a JSON object.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise MalformedRequest("model: a text is required.")
    messages = tuple(
        Message(f"messages[{place}]", fields, _calls(fields, f"messages[{place}]"))
        for place, fields in enumerate(_objects(body.get("messages"), "messages"))
    )
    if not messages:
        raise MalformedRequest("messages: at least one message is required.")
    return Request(body, messages, _objects(body["tools"], "tools") if "tools" in body else ())


def _calls(fields: JsonObject, at: str) -> tuple[Call, ...]:
    if "tool_calls" not in fields:
        return ()
    calls = _objects(fields["tool_calls"], f"{at}.tool_calls")
    if not calls:
        raise MalformedRequest(f"{at}.tool_calls: [] is too short; leave it out where there are no calls.")
    return tuple(Call(f"{at}.tool_calls[{place}]", call) for place, call in enumerate(calls))


def _objects(value: Json, at: str) -> tuple[JsonObject, ...]:
    if not isinstance(value, list):
        raise MalformedRequest(f"{at}: an array is required.")
    found = [entry for entry in value if isinstance(entry, dict)]
    if len(found) != len(value):
        raise MalformedRequest(f"{at}: every entry must be an object.")
    return tuple(found)
