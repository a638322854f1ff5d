"""The older way to declare a tool: ``function.tool_info``, a dict with name, description and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, TypeGuard

from typing_extensions import TypedDict

from lightagent.application.tools.signature import VALID_NAME
from lightagent.domain.policy.capabilities import CAPABILITIES, RISKS
from lightagent.domain.tools.spec import ToolSpec

TYPES: Mapping[str, str] = {
    "string": "string",
    "str": "string",
    "integer": "integer",
    "int": "integer",
    "number": "number",
    "float": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "array": "array",
    "list": "array",
    "object": "object",
    "dict": "object",
}
"""The accepted names of parameter types, and their names in JSON Schema."""


class ToolProblem(TypedDict):
    """One thing that is wrong with a declaration, as plain data.

    Attributes:
        tool: its name, as far as it is known.
        level: an error keeps the tool from being used, a warning does not.
        field: where, such as ``tool_params[0].type``.
        message: what is wrong, in a sentence.
    """

    tool: str
    level: Literal["error", "warning"]
    field: str
    message: str


def validate_tool_info(info: object) -> list[ToolProblem]:
    """Return the problems of `info`; an empty list if there are none."""
    if not is_mapping(info):
        return [ToolProblem(tool="", level="error", field="tool_info", message="tool_info must be a dict.")]
    name = info.get("tool_name")
    tool = name if isinstance(name, str) else ""
    found = [*_about_texts(info), *_about_marks(info), *_about_params(info)]
    return [ToolProblem(tool=tool, level=level, field=field, message=message) for level, field, message in found]


def with_marks(spec: ToolSpec, info: Mapping[str, object]) -> ToolSpec:
    """Return the tool with the capabilities, risk and trust that a valid `tool_info` declares."""
    capabilities, risk, trusted = (info.get(f"tool_{name}") for name in ("capabilities", "risk", "trusted_output"))
    if capabilities is None and risk is None and trusted is None:
        return spec
    declared = capabilities if isinstance(capabilities, list | tuple) else ()
    return replace(
        spec,
        capabilities=tuple(one for one in CAPABILITIES if one in declared),
        risk=next((one for one in RISKS if one == risk), None),
        trusted_output=trusted is True,
    )


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether it is a dict whose keys are strings."""
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


_Finding = tuple[Literal["error", "warning"], str, str]


def _about_texts(info: Mapping[str, object]) -> Iterator[_Finding]:
    name, description, title = info.get("tool_name"), info.get("tool_description"), info.get("tool_title")
    if not isinstance(name, str):
        yield "error", "tool_name", "tool_name must be text."
    elif not VALID_NAME.fullmatch(name):
        yield "error", "tool_name", f"tool_name must be 1 to 64 of a-z, A-Z, 0-9, _ and -; {name[:80]!r} is not."
    if not isinstance(description, str):
        yield "error", "tool_description", "tool_description must be text: the model chooses the tool by it."
    elif not description.strip():
        yield "warning", "tool_description", "tool_description is empty: the model chooses the tool by it."
    if title is not None and not isinstance(title, str):
        yield "error", "tool_title", "tool_title must be text."


def _about_marks(info: Mapping[str, object]) -> Iterator[_Finding]:
    capabilities, risk, trusted = (info.get(f"tool_{name}") for name in ("capabilities", "risk", "trusted_output"))
    known = isinstance(capabilities, list | tuple) and all(one in CAPABILITIES for one in capabilities)
    if capabilities is not None and not known:
        yield "error", "tool_capabilities", f"tool_capabilities must be a list of: {', '.join(CAPABILITIES)}."
    if risk is not None and risk not in RISKS:
        yield "error", "tool_risk", f"tool_risk must be one of {', '.join(RISKS)}."
    if trusted is not None and not isinstance(trusted, bool):
        yield "error", "tool_trusted_output", "tool_trusted_output must be True or False."


def _about_params(info: Mapping[str, object]) -> Iterator[_Finding]:
    params = info.get("tool_params")
    if params is None:
        yield "warning", "tool_params", "tool_params is missing: the tool is taken to have no parameters."
        return
    if not isinstance(params, list | tuple):
        yield "error", "tool_params", "tool_params must be a list of dicts."
        return
    names: set[str] = set()
    for number, param in enumerate(params):
        field = f"tool_params[{number}]"
        if not is_mapping(param):
            yield "error", field, f"{field} must be a dict with name, description, type and required."
            continue
        name = param.get("name")
        if not isinstance(name, str) or not name:
            yield "error", f"{field}.name", "name must be text."
        elif name in names:
            yield "error", f"{field}.name", f"there are two parameters {name!r}."
        else:
            names.add(name)
        yield from _about_param(field, param)


def _about_param(field: str, param: Mapping[str, object]) -> Iterator[_Finding]:
    kind = param.get("type")
    kinds = kind if isinstance(kind, list) and kind else [kind]
    for one in kinds:
        known = isinstance(one, str) and (one in TYPES or (one == "null" and len(kinds) > 1))
        if not known:
            yield "error", f"{field}.type", f"type must be one of {', '.join(TYPES)}; {one!r} is not."
    if not isinstance(param.get("description", ""), str):
        yield "error", f"{field}.description", "description must be text."
    elif not param.get("description"):
        yield "warning", f"{field}.description", "description is missing: the model fills the parameter by it."
    # In the schema of an object, `required` is a list of names.
    if not isinstance(param.get("required", False), bool | list):
        yield "error", f"{field}.required", f"required must be True or False; {param['required']!r} is neither."
    try:
        json.dumps(param, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        yield "error", field, f"{field} must be plain JSON: {exc}."
