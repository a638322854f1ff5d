"""Compile a legacy ``tool_info`` to a JSON schema and its validation, together with the function's signature."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import Parameter

from lightagent.application.tools.annotations import resolve_hints
from lightagent.application.tools.arguments import Check, CompiledTool
from lightagent.application.tools.signature import Function, Signature
from lightagent.application.tools.tool_info import TYPES, is_mapping, validate_tool_info
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue

_OURS = frozenset({"name", "type", "description", "required"})


def accept_tool_info(info: object, function: Function) -> Mapping[str, object]:
    """Return `info` if it is valid.

    Raises:
        ConfigurationError: it is invalid; the message lists every error.
    """
    errors = [problem for problem in validate_tool_info(info) if problem["level"] == "error"]
    if errors or not is_mapping(info):
        listed = " ".join(f"{problem['field']}: {problem['message']}" for problem in errors[:10])
        named = getattr(function, "__name__", type(function).__name__)
        raise ConfigurationError(f"The tool_info of {named!r} is wrong. {listed}")
    return info


def compile_info(function: Function, signature: Signature, info: Mapping[str, object]) -> CompiledTool:
    """Return the compiled tool that `info` declares for `function`.

    Raises:
        ConfigurationError: the function does not take what is declared, or needs what is not declared.
    """
    context = resolve_hints(function, signature, required=False).context
    params = {name: param for name, param in _params(info) if name not in signature.bound}
    refuse_mismatch(signature, info, context)
    schema: JsonObject = {
        "type": "object",
        "properties": {name: _property(param) for name, param in params.items()},
        "required": [name for name, param in params.items() if _is_required(param, signature.parameters.get(name))],
        "additionalProperties": False,
    }
    return CompiledTool(str(info["tool_description"]), schema, _LazyCheck(signature.name, schema), context)


def refuse_mismatch(signature: Signature, info: Mapping[str, object], context: frozenset[str] | None = None) -> None:
    """Raise unless the function takes what `info` declares.

    Args:
        context: the context parameters, if known; then what the function requires is checked too.

    Raises:
        ConfigurationError: the function does not take what is declared, or needs what is not declared.
    """
    declared = {name for name, _ in _params(info)}
    taken = signature.parameters.keys() | signature.bound
    surplus = set() if signature.open_ended else declared - taken
    if surplus:
        names = ", ".join(sorted(surplus))
        raise ConfigurationError(f"Tool {signature.name!r}: tool_info declares {names}, which the function lacks.")
    if context is None:
        return
    needed = {name for name, parameter in signature.parameters.items() if parameter.default is parameter.empty}
    if undeclared := needed - declared - context:
        names = ", ".join(sorted(undeclared))
        raise ConfigurationError(f"Tool {signature.name!r}: the function needs {names}, which tool_info lacks.")


def _params(info: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    params = info.get("tool_params")
    for param in params if isinstance(params, list | tuple) else ():
        if is_mapping(param):
            yield str(param["name"]), param


def _property(param: Mapping[str, object]) -> JsonValue:
    kind = param["type"]
    kinds = [TYPES.get(str(one), str(one)) for one in kind] if isinstance(kind, list) else TYPES[str(kind)]
    shown: dict[str, object] = {"type": kinds}
    if param.get("description"):
        shown["description"] = param["description"]
    if kinds == "array":
        shown["items"] = {}  # Providers refuse an array without `items`.
    if isinstance(param.get("required"), list):
        shown["required"] = param["required"]
    shown.update((key, value) for key, value in param.items() if key not in _OURS)
    # Copied through JSON, so that later changes to `tool_info` have no effect.
    copied: JsonValue = json.loads(json.dumps(shown))
    return copied


def _is_required(param: Mapping[str, object], parameter: Parameter | None) -> bool:
    """Whether a parameter is required: one without a default always is, since the call would fail without it."""
    return param.get("required") is True or (parameter is not None and parameter.default is parameter.empty)


class _LazyCheck:
    """Imports the validator when the first call is checked."""

    def __init__(self, tool: str, schema: JsonObject) -> None:
        self._tool = tool
        self._schema = schema
        self._check: Check | None = None

    def __call__(self, arguments: JsonObject) -> Mapping[str, object]:
        if self._check is None:
            from lightagent.application.tools.schema_validation import schema_check

            self._check = schema_check(self._tool, self._schema)
        return self._check(arguments)
