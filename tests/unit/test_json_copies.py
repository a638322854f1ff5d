"""What leaves to users is a copy: changing it changes nothing of the tools."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent import LightAgent
from lightagent.application.tools.function_tool import as_tool
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.tools.spec import ToolSpec
from lightagent.testing import ScriptedModel

# TEST_CASES=10000 for a release.
CASES = int(os.environ.get("TEST_CASES", "100"))

SCALARS: st.SearchStrategy[JsonValue] = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def _nested(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.lists(inner) | st.dictionaries(st.text(), inner)


def containers(value: JsonValue) -> Iterator[int]:
    """The identity of every list and object in `value`, itself among them."""
    if isinstance(value, dict | list):
        yield id(value)
        for one in value.values() if isinstance(value, dict) else value:
            yield from containers(one)


@settings(max_examples=CASES, deadline=None)
@given(st.recursive(SCALARS, _nested))
def test_a_copy_is_equal_and_shares_no_container(value: JsonValue) -> None:
    copied = copy_json(value)
    assert repr(copied) == repr(value)  # Of NaN equality would say nothing.
    assert not set(containers(copied)) & set(containers(value))


def find(kind: list[str]) -> str:
    """Find something."""
    return ", ".join(kind)


def spoil(tool: JsonObject) -> None:
    function = tool["function"]
    assert isinstance(function, dict)
    parameters = function["parameters"]
    assert isinstance(parameters, dict)
    properties = parameters["properties"]
    assert isinstance(properties, dict)
    properties.clear()
    parameters["required"] = "everything"


def test_a_spec_gives_its_schema_as_a_copy() -> None:
    parameters: JsonObject = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
    spec = ToolSpec("find", "Find.", parameters)
    spoil(spec.to_openai())
    assert spec.parameters == {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
    assert spec.to_openai()["function"] == {"name": "find", "description": "Find.", "parameters": spec.parameters}


def test_an_agents_tools_may_be_changed_by_who_asked_for_them() -> None:
    """The declaration of a function is shared by every agent that has it."""
    before = as_tool(find).spec.to_openai()
    for tool in LightAgent(model=ScriptedModel([]), tools=[find]).get_tools():
        spoil(tool)
    assert as_tool(find).spec.to_openai() == before
