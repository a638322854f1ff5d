"""Rules about everything beside the messages: parameters, offered tools, and the form of the answer."""

import json
import re
from collections.abc import Iterator

from tests.servers.json_values import Json, JsonObject
from tests.servers.strict.call_rules import NAME
from tests.servers.strict.request import Request
from tests.servers.strict.rules import Check


def known_parameters(known: str, says: str = "Unrecognized request argument supplied: {name}") -> Check:
    """No other parameters than those in `known`, apart by blanks."""

    def check(request: Request) -> Iterator[str]:
        for name in sorted(request.body.keys() - set(known.split())):
            yield says.format(name=name)

    return check


def refused(says: str, *names: str) -> Check:
    """None of these parameters."""

    def check(request: Request) -> Iterator[str]:
        for name in names:
            if name in request.body:
                yield says.format(name=name)

    return check


def at_most_one_answer(request: Request) -> Iterator[str]:
    """If n is given, it is 1."""
    if request.body.get("n", 1) != 1:
        yield "n: it must be 1."


def default_temperature(request: Request) -> Iterator[str]:
    """Only the default temperature."""
    if request.body.get("temperature", 1) != 1:
        yield "temperature: Only the default (1) value is supported with this model."


def response_formats(*types: str) -> Check:
    """No other types of response_format, and each in its form."""

    def check(request: Request) -> Iterator[str]:
        form = request.response_format
        if "response_format" not in request.body:
            return
        if form.get("type") not in types:
            yield f"response_format: This response_format type is unavailable now: {form.get('type')!r}."
        elif form.get("type") == "json_schema":
            yield from _schema_form(form.get("json_schema"))

    return check


def _schema_form(described: Json) -> Iterator[str]:
    if not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
        yield "response_format.json_schema: an object with name and schema is required."
        return
    name, schema = described.get("name"), described["schema"]
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        yield f"response_format.json_schema.name: {name!r} does not match the pattern '^{NAME}$'."
    if isinstance(schema, dict) and schema.get("type") != "object":
        yield "response_format.json_schema.schema: the root must be an object."


def json_is_mentioned(request: Request) -> Iterator[str]:
    """With json_object, the word "json" stands somewhere in the messages."""
    if request.response_format.get("type") == "json_object":
        said = json.dumps([message.content for message in request.messages]).lower()
        if "json" not in said:
            yield "messages: they must contain the word 'json' in some form to use response_format json_object."


def no_response_format_beside(*others: str) -> Check:
    """A form of the answer is not asked for beside these parameters (`stream` counts where it is true)."""

    def check(request: Request) -> Iterator[str]:
        if request.response_format.get("type", "text") == "text":
            return
        for name in others:
            if request.body.get(name):
                yield f"response_format: json mode cannot be combined with {name}."

    return check


def tool_declarations(pattern: str = NAME, most_description: int | None = None) -> Check:
    """Tools are none at all or at least one; each is a function with a name of its own and an object of parameters."""

    def check(request: Request) -> Iterator[str]:
        if "tools" in request.body and not request.tools:
            yield "tools: [] is too short; expected an array with minimum length 1."
        seen: set[str] = set()
        for place, declared in enumerate(request.tools):
            yield from _declaration(declared, f"tools[{place}]", pattern, most_description, seen)

    return check


def _declaration(
    declared: JsonObject, at: str, pattern: str, most_description: int | None, seen: set[str]
) -> Iterator[str]:
    function = declared.get("function")
    if declared.get("type") != "function" or not isinstance(function, dict):
        yield f"{at}: a tool is an object with type 'function' and a function."
        return
    name, parameters = str(function.get("name")), function.get("parameters", {"type": "object"})
    if not re.fullmatch(pattern, name):
        yield f"{at}.function.name: {name!r} does not match the pattern '^{pattern}$'."
    if name in seen:
        yield f"{at}.function.name: tool names must be unique, and {name!r} is used twice."
    seen.add(name)
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        yield f"{at}.function.parameters: schema must have type 'object'."
    if most_description is not None and len(str(function.get("description", ""))) > most_description:
        yield f"{at}.function.description: string too long; expected at most {most_description} characters."


def tool_choice_needs_tools(request: Request) -> Iterator[str]:
    """What says how to call tools comes only with tools."""
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in request.body and not request.tools:
            yield f"{name}: it is only allowed when 'tools' are specified."


def stream_options_need_stream(request: Request) -> Iterator[str]:
    """What says how to stream comes only with a stream."""
    if request.body.get("stream_options") is not None and not request.streams:
        yield "stream_options: this parameter is only allowed when 'stream' is enabled."


def no_usage_option(request: Request) -> Iterator[str]:
    """A stream ends with the usage anyway, and to ask for it is an error."""
    options = request.body.get("stream_options")
    if isinstance(options, dict) and "include_usage" in options:
        yield "body.stream_options.include_usage: Extra inputs are not permitted"
