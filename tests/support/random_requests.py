"""Bodies of requests that a client could send, mostly wrong, from a seed: far quicker than strategies of Hypothesis."""

from __future__ import annotations

import json
from random import Random
from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue

_ROLES: Final = (*("user", "assistant", "system") * 5, "developer", "tool", "function", "", "root")
_TEXTS: Final = (
    "",
    "x",
    "Hello",
    "ü\u2028\x00",
    "\ud800",
    "### Task: x",
    "approve " + "0" * 32,
    "a--b",
    "data:",
    "f" * 300,
)
_KEYS: Final = ("", "type", "text", "name", "id", "function", "content", "a", "url", "untrusted", "ü")
_FIELDS: Final = (
    *("stream", "stream_options", "metadata", "temperature", "max_tokens", "stop", "response_format", "tools", "seed"),
    *("tool_choice", "user", "n", "logprobs", "audio", "modalities", "functions", "whatever", "timeout", "messages"),
)
_MODELS: Final = ("helper", "helper", "helper", "utility", "nobody", "")


def random_body(random: Random) -> bytes:
    """One body; in one of ten cases it is not even JSON."""
    if random.random() < 0.1:
        return random.randbytes(random.randrange(50))
    if random.random() < 0.1:
        return _bytes(random_json(random, 3))
    body: JsonObject = {"model": random.choice(_MODELS), "messages": _messages(random)}
    for name in random.sample(_FIELDS, random.randrange(3)):
        body[name] = _tools(random) if name == "tools" else random_json(random, 3)
    if random.random() < 0.1:
        body.pop(random.choice([*body]))
    text = _bytes(body)
    return text[: random.randrange(len(text))] if random.random() < 0.05 else text


def random_json(random: Random, depth: int) -> JsonValue:
    """Any JSON value."""
    kind = random.randrange(9 if depth else 7)
    if kind == 7:
        return [random_json(random, depth - 1) for _ in range(random.randrange(4))]
    if kind == 8:
        return {random.choice(_KEYS): random_json(random, depth - 1) for _ in range(random.randrange(4))}
    leaves: tuple[JsonValue, ...] = (None, True, False, random.choice((0, -1, 10**30)), 1e300, random.choice(_TEXTS), 1)
    return leaves[kind]


def _messages(random: Random) -> JsonValue:
    if random.random() < 0.05:
        return random_json(random, 2)
    found: list[JsonValue] = [_message(random) for _ in range(random.randrange(5))]
    if random.random() < 0.6:
        found.append({"role": "user", "content": random.choice(_TEXTS)})
    return found


def _message(random: Random) -> JsonValue:
    message: JsonObject = {"role": random.choice(_ROLES), "content": random.choice(_TEXTS)}
    odd = random.random()
    if odd < 0.03:
        return random_json(random, 2)
    if odd < 0.15:
        message["content"] = [_part(random) for _ in range(random.randrange(3))]
    if random.random() < 0.1:
        message["tool_calls"] = [_call(random) for _ in range(random.randrange(3))]
    for name in random.sample(("tool_call_id", "name", "untrusted", "from_model", "reasoning_content", "refusal"), 2):
        if random.random() < 0.1:
            message[name] = random_json(random, 2)
    return message


def _part(random: Random) -> JsonValue:
    if random.random() < 0.3:
        return random_json(random, 2)
    kind = random.choice(("text", "image_url", "file"))
    return {"type": kind, "text": random.choice(_TEXTS), "image_url": random_json(random, 2)}


def _call(random: Random) -> JsonValue:
    if random.random() < 0.3:
        return random_json(random, 2)
    function: JsonObject = {"name": random.choice(_TEXTS), "arguments": random.choice(("{}", "", "[", '{"a": 1}'))}
    return {"id": random.choice(_TEXTS), "type": "function", "function": function}


def _tools(random: Random) -> JsonValue:
    if random.random() < 0.3:
        return random_json(random, 2)
    function: JsonObject = {"name": random.choice(_TEXTS), "parameters": random_json(random, 3)}
    return [{"type": "function", "function": function if random.random() < 0.7 else random_json(random, 2)}]


def _bytes(value: JsonValue) -> bytes:
    return json.dumps(value, ensure_ascii=random_escape(value)).encode("utf-8", "surrogatepass")


def random_escape(value: JsonValue) -> bool:
    """Whether the body is written with escapes: half a character could not be written otherwise."""
    return len(str(value)) % 2 == 0
