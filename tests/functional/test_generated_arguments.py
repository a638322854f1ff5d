"""Arguments of every kind for real tools: what does not fit reaches none, what fits is not refused, no run dies.

The tools in fixtures/real_tools.jsonl are every ninth of the function schemas of the Berkeley Function Calling
Leaderboard v4 (Apache-2.0), and those with rare keywords. What fits is judged by a checker of this test's own.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent import JsonObject, JsonValue, LightAgent, ToolSpec
from lightagent.application.tool_sources.mcp_tool import McpServerTool
from lightagent.application.tools.mapped_tool import MappedTool
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.mcp.declarations import mcp_tool_spec
from lightagent.domain.mcp.servers import McpResult, McpTool, TextPart
from lightagent.ports.mcp import McpCaller, McpConnection
from lightagent.ports.tools import Tool
from lightagent.testing import ScriptedModel
from tests.servers.json_values import as_list, as_object

# TEST_CASES=10000 for a release.
CASES = int(os.environ.get("TEST_CASES", "100"))

TOOLS: list[JsonObject] = [
    json.loads(line)
    for line in Path(__file__)
    .with_name("fixtures")
    .joinpath("real_tools.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
near_misses: st.SearchStrategy[JsonValue] = st.sampled_from(
    [None, True, False, 0, 1, 5.0, "5", "true", "null", "", [], {}, [None], "NaN", 1e300, 10**30]
)


def fits(schema: JsonObject, value: JsonValue) -> bool:
    """Whether the value is what the schema asks for; knows the keywords that these schemas have, and no others."""
    if not _has_type(schema.get("type"), value):
        return False
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(json.dumps(choice) == json.dumps(value) for choice in choices):
        return False
    most = schema.get("maximum")
    if isinstance(most, (int, float)) and isinstance(value, (int, float)) and value > most:
        return False
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        return all(fits(items, item) for item in value)
    return not isinstance(value, dict) or _fits_object(schema, value)


def _fits_object(schema: JsonObject, value: JsonObject) -> bool:
    properties = as_object(schema.get("properties") or {})
    if not all(name in value for name in as_list(schema.get("required") or [])):
        return False
    if schema.get("additionalProperties") is False and not value.keys() <= properties.keys():
        return False
    return all(fits(as_object(properties[name]), one) for name, one in value.items() if name in properties)


def _has_type(kind: JsonValue, value: JsonValue) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    known: dict[str, Callable[[], bool]] = {
        "string": lambda: isinstance(value, str),
        "integer": lambda: is_number and isinstance(value, int),
        "number": lambda: is_number,
        "boolean": lambda: isinstance(value, bool),
        "array": lambda: isinstance(value, list),
        "object": lambda: isinstance(value, dict),
    }
    return kind is None or known[str(kind)]()


def fitting(schema: JsonObject) -> st.SearchStrategy[JsonValue]:
    """Values that the schema asks for."""
    choices = schema.get("enum")
    if isinstance(choices, list):
        return st.sampled_from(choices)
    most = schema.get("maximum")
    limit = most if isinstance(most, (int, float)) else None
    match schema.get("type"):
        case "integer":
            return st.integers(max_value=None if limit is None else int(limit))
        case "number":
            floats = st.floats(max_value=limit, allow_nan=False, allow_infinity=False)
            return floats if limit is not None else floats | st.integers()
        case "boolean":
            return st.booleans()
        case "array":
            items = schema.get("items")
            return st.lists(fitting(items) if isinstance(items, dict) else anything, max_size=3)
        case "object":
            return fitting_objects(schema)
        case "string":
            return texts
        case _:
            return anything


def fitting_objects(schema: JsonObject) -> st.SearchStrategy[JsonValue]:
    properties = as_object(schema.get("properties") or {})
    required = as_list(schema.get("required") or [])
    every = {name: fitting(as_object(one)) for name, one in properties.items()}
    for name in required:
        every.setdefault(str(name), anything)
    return st.fixed_dictionaries(
        {name: one for name, one in every.items() if name in required},
        optional={name: one for name, one in every.items() if name not in required},
    ).map(lambda found: dict(found))


@st.composite
def arguments(draw: st.DrawFn, schema: JsonObject) -> JsonValue:
    """What fits, or nearly."""
    found = draw(fitting(schema))
    for _ in range(draw(st.integers(0, 2))):
        found = draw(_changed(found))
    return found


@st.composite
def _changed(draw: st.DrawFn, value: JsonValue) -> JsonValue:
    """The value with one place in it changed: lost, added, or of another kind."""
    if isinstance(value, dict) and draw(st.booleans()):
        return {**value, draw(texts): draw(anything)}
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        rest = {key: one for key, one in value.items() if key != name}
        return rest if draw(st.booleans()) else {**value, name: draw(_changed(value[name]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [*value[:-1], draw(_changed(value[-1]))]
    return draw(near_misses | anything)


@st.composite
def spellings(draw: st.DrawFn, value: JsonValue) -> str:
    """The value as a model might write it: mostly as JSON, now and then with something wrong in the text."""
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    match draw(st.integers(0, 9)):
        case 0:
            return text[: draw(st.integers(0, len(text)))]
        case 1:
            return text.replace("0", "NaN", 1).replace("null", "Infinity", 1)
        case 2:
            return draw(st.sampled_from([f"{text}{text}", f"{text}}}", f"[{text}]", json.dumps(text), f"// {text}"]))
        case 3 if isinstance(value, dict) and value:
            name = json.dumps(min(value))
            return f"{text[:-1]}, {name}: {json.dumps(draw(anything))}}}"
        case _:
            return text


def strictly_read(text: str) -> JsonValue | None:
    """The object that the text is; None where it is none, or two values would have one name.

    Nothing at all, null and an empty text stand for no arguments, as some models write them.
    """

    def once(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def refuse(constant: str) -> float:
        raise ValueError(constant)

    try:
        found: JsonValue = json.loads(text.strip() or "{}", object_pairs_hook=once, parse_constant=refuse)
    except ValueError:
        return None
    if found is None or (isinstance(found, str) and not found.strip()):
        return {}
    return found if isinstance(found, dict) else None


class Reached:
    """A real tool that notes what reaches it, and what it was declared to take."""

    def __init__(self, declared: JsonObject, way: str) -> None:
        self.seen: list[dict[str, object]] = []

        async def function(**given: object) -> str:
            self.seen.append(given)
            return "done"

        self.tool: Tool[None]
        if way == "mcp":
            self.tool = _on_server(declared, self.seen)
            self.schema = as_object(declared["parameters"])
        else:
            info = declared if way == "openai" else _tool_info(declared)
            self.tool = MappedTool(str(declared["name"]), function, info)
            self.schema = self.tool.spec.parameters


class _Server(McpConnection):
    """A connection to a server that notes what reaches it."""

    version = 0

    def __init__(self, seen: list[dict[str, object]]) -> None:
        self._seen = seen

    async def tools(self) -> tuple[McpTool, ...]:
        return ()

    async def call(self, tool: str, arguments: JsonObject, caller: McpCaller) -> McpResult:
        self._seen.append(dict(arguments))
        return McpResult((TextPart("done"),))

    async def accept(self, tool: str) -> None:
        """Nothing is blocked."""

    async def aclose(self) -> None:
        """Nothing is open."""


def _on_server(declared: JsonObject, seen: list[dict[str, object]]) -> Tool[None]:
    listed = McpTool("real", str(declared["name"]), str(declared["description"]), declared["parameters"])
    spec = mcp_tool_spec(listed)
    assert isinstance(spec, ToolSpec), spec
    return McpServerTool(_Server(seen), listed, spec)


def _tool_info(declared: JsonObject) -> JsonObject:
    """The same tool in the older form, whose parameters are closed. An object keeps its own list of required names."""
    parameters = as_object(declared["parameters"])
    required = as_list(parameters.get("required") or [])
    params: list[JsonValue] = []
    for name, schema in as_object(parameters["properties"]).items():
        own = as_object(schema)
        wanted: JsonValue = own["required"] if isinstance(own.get("required"), list) else name in required
        params.append({**own, "name": name, "required": wanted})
    return {"tool_name": declared["name"], "tool_description": declared["description"], "tool_params": params}


@functools.cache
def reached(number: int, way: str) -> Reached:
    return Reached(TOOLS[number], way)


@pytest.mark.timeout(max(60, CASES // 5))
@pytest.mark.parametrize("way", ["openai", "tool_info", "mcp"])
@settings(max_examples=CASES // 2)
@given(data=st.data())
def test_what_fits_reaches_the_tool_and_nothing_else_does(way: str, data: st.DataObject) -> None:
    target = reached(data.draw(st.integers(0, len(TOOLS) - 1)), way)
    text = data.draw(arguments(target.schema).flatmap(spellings))
    target.seen.clear()
    model = ScriptedModel([ToolCall("", target.tool.spec.name, text), "done"])
    result = LightAgent(model=model, tools=[target.tool]).run("?", result_format="object")
    assert (result.outcome.kind, result.content) == ("completed", "done")
    (call,) = result.tool_calls
    read = strictly_read(text)
    if read is not None and fits(target.schema, read):
        assert call.status == "ok", (text, call.output)
        assert json.dumps(target.seen) == json.dumps([read])
    else:
        assert call.status == "refused", text
        assert target.seen == []
        assert str(call.output).startswith(("[LA-TOOL]", "[LA-JSON]"))
        assert len(str(call.output).encode()) <= 2_048


def test_the_sample_has_what_the_real_tools_have() -> None:
    kept = json.dumps(TOOLS)
    assert all(f'"{keyword}": ' in kept for keyword in ("enum", "items", "maximum", "format", "default", "required"))
    for declared in TOOLS:
        shown = as_object(Reached(declared, "tool_info").schema["properties"])
        for name, schema in as_object(as_object(declared["parameters"])["properties"]).items():
            told = {key: one for key, one in as_object(schema).items() if one != ""}
            assert {key: as_object(shown[name]).get(key) for key in told} == told, declared["name"]
