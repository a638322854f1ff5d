"""Tool calls of the fault server: which ones, and how a stream cuts them up."""

from collections.abc import Sequence

from tests.servers.fault_options import Options
from tests.servers.json_values import Json, JsonObject, as_list, as_object

ARGUMENTS = '{"a": 1, "b": 2}'


def turns_done(request: JsonObject) -> int:
    """Assistant messages after the last user message."""
    done = 0
    for message in reversed(as_list(request.get("messages", []))):
        role = as_object(message).get("role")
        if role == "user":
            break
        done += role == "assistant"
    return done


def planned_calls(request: JsonObject, options: Options, turn: int) -> list[JsonObject]:
    """`calls` calls of the offered tools in turn (or of `tool`), each with the text of `arguments`."""
    offered = [as_object(as_object(tool)["function"])["name"] for tool in as_list(request.get("tools") or [])]
    names: list[Json] = [options.text("tool")] if "tool" in options.given else offered
    if not names:
        return []
    arguments = options.text("arguments", ARGUMENTS)
    return [
        {
            "id": f"call_{turn}_{position}",
            "type": "function",
            "function": {"name": names[position % len(names)], "arguments": arguments},
        }
        for position in range(options.integer("calls", 1))
    ]


def deltas(calls: Sequence[JsonObject], layout: str, step: int) -> list[Json]:
    """The `tool_calls` of each delta.

    whole        one delta a call            packed       all calls in one delta
    split        `step` characters a delta   interleaved  the same, the calls taking turns
    repeated     split, with id and name in every delta
    indexless    whole, without `index` (as some compatible servers do)
    """
    whole = [_indexed(position, call) for position, call in enumerate(calls)]
    if layout == "packed":
        return [[*whole]]
    if layout == "indexless":
        return [[call] for call in calls]
    if layout == "whole":
        return [[call] for call in whole]
    cut = [_fragments(call, step, repeat=layout == "repeated") for call in whole]
    if layout != "interleaved":
        return [[fragment] for fragments in cut for fragment in fragments]
    rounds = range(max(len(fragments) for fragments in cut))
    return [[fragments[at]] for at in rounds for fragments in cut if at < len(fragments)]


def _indexed(position: int, call: JsonObject) -> JsonObject:
    return {"index": position, **call}


def _fragments(call: JsonObject, step: int, *, repeat: bool) -> list[JsonObject]:
    function = as_object(call["function"])
    arguments = str(function["arguments"])
    pieces = [arguments[start : start + step] for start in range(0, len(arguments), step)]
    head: JsonObject = {**call, "function": {**function, "arguments": ""}}
    if repeat:
        rest: list[JsonObject] = [{**call, "function": {**function, "arguments": piece}} for piece in pieces]
    else:
        rest = [{"index": call["index"], "function": {"arguments": piece}} for piece in pieces]
    return [head, *rest]
