"""Describes profiles: the differences in words, and the code or settings that define one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Final

from lightagent.adapters.chat._profiles import UNKNOWN, EndpointProfile, Way
from lightagent.domain.json_types import JsonObject, JsonValue

_WAYS: Final[Mapping[Way, str]] = {
    "json_schema": "An answer of a type is asked for by `json_schema`.",
    "json_object": "An answer of a type is asked for by `json_object`; the prompt has the schema.",
    "prompt": "An answer of a type is asked for by the prompt alone; `response_format` is not sent.",
}

_WORDS: Final[Mapping[str, Callable[[EndpointProfile], str]]] = {
    "structured": lambda profile: _WAYS[profile.structured[0] if profile.structured else "prompt"],
    "beside_tools": lambda profile: "An answer of a type is asked for in the same way while tools are offered.",
    "in_streams": lambda profile: "Of a stream, an answer of a type is asked for by the prompt alone.",
    "system_role": lambda profile: (
        "Instructions are sent with the first message of the user, because the role `system` is not accepted."
    ),
    "token_limit": lambda profile: f"The limit of an answer's length is sent as `{profile.token_limit}`.",
    "parallel_calls": lambda profile: "`parallel_tool_calls` is left out.",
    "stream_options": lambda profile: "`stream_options` is not sent.",
    "reasoning_fields": lambda profile: f"Of its reasoning goes back: {_named(profile.reasoning_fields or ())}.",
    "call_reasoning": lambda profile: (
        f"Messages with calls always have `{profile.call_reasoning[0] if profile.call_reasoning else ''}`."
    ),
    "first_call": lambda profile: "Calls of other models are marked as unsigned.",
    "call_ids": lambda profile: f"Ids of calls are sent in the form `{profile.call_ids}`.",
    "repeated_ids": lambda profile: "An id of a call that comes twice is sent as another the second time.",
    "names": lambda profile: "Messages are sent without names.",
    "user_after_tools": lambda profile: "Between results of tools and a user's message stands an assistant message.",
    "alternating": lambda profile: "Messages of one role in a row are sent as one.",
}


def differences(profile: EndpointProfile) -> list[str]:
    """Return a sentence for each field that differs from the usual profile."""
    return [
        _WORDS[name](profile) if name in _WORDS else f"`{name}` is `{_python(value)}`."
        for name, value in _changed(profile)
    ]


def as_python(profile: EndpointProfile) -> str:
    """Return the profile as Python code."""
    return f"EndpointProfile({', '.join(f'{name}={_python(value)}' for name, value in _changed(profile))})"


def as_options(profile: EndpointProfile) -> JsonObject:
    """Return the fields that differ from the usual profile, as the option `profile` of an adapter."""
    return {name: _plain(value) for name, value in _changed(profile) if value is not None}


def as_toml(profile: EndpointProfile) -> str:
    """Return the profile as an inline table of TOML."""
    return _toml(as_options(profile))


def _changed(profile: EndpointProfile) -> Iterator[tuple[str, object]]:
    for field in fields(profile):
        value: object = getattr(profile, field.name)
        if value != getattr(UNKNOWN, field.name):
            yield field.name, value


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"


def _python(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        parts = [_python(part) for part in value]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_python(key)}: {_python(part)}' for key, part in value.items())}}}"
    return repr(value)


def _plain(value: object) -> JsonValue:
    """Return a field's value as JSON: None, a text, a number or a boolean, or a tuple or mapping of these."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    return value if isinstance(value, str | int | float) else None


def _toml(value: JsonValue) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name} = {_toml(part)}" for name, part in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps(value, ensure_ascii=False)
