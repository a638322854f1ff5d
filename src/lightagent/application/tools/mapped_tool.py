"""A tool made from a function, a name and a separate description, as the dispatcher of the 0.9 line takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from lightagent.application.tools.annotations import resolve_hints
from lightagent.application.tools.arguments import CompiledTool
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.signature import Function, Signature, read_signature, source_function
from lightagent.application.tools.tool_definition import Declaration, declare
from lightagent.application.tools.tool_info import is_mapping
from lightagent.application.tools.tool_info_schema import accept_tool_info, refuse_mismatch
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject

_ANY_ARGUMENTS: JsonObject = {"type": "object"}


class MappedTool(FunctionTool[None]):
    """A function as a tool with the given name, whose arguments are validated by the given description.

    Args:
        info: a ``tool_info``, or a tool in OpenAI form. Without one, the function's own declaration is used; a function
            without annotations then takes any arguments unchecked, as in the 0.9 line.

    Raises:
        ConfigurationError: the description is invalid, or does not match the function.
    """

    __slots__ = ()

    def __init__(self, name: str, function: Function, info: object = None) -> None:
        self.function = function
        self._declaration = _declared(name, function, info)
        self._options = None
        self._spec = None


def infos_by_name(infos: Mapping[str, object] | Iterable[object]) -> dict[str, object]:
    """Return the descriptions by tool name; in a list, each description contains its name."""
    if is_mapping(infos):
        return dict(infos)
    return {_name_in(info): info for info in infos}


class _SchemaDeclaration(Declaration):
    """A declaration with a given JSON schema instead of a derived one."""

    __slots__ = ("_description", "_parameters")

    def __init__(self, signature: Signature, description: str, parameters: JsonObject) -> None:
        super().__init__(signature, None)
        self._description = description
        self._parameters = parameters

    def compiled(self, function: Function) -> CompiledTool:
        if self._compiled is None:
            from lightagent.application.tools.schema_validation import schema_check

            check = schema_check(self.signature.name, self._parameters)
            context = resolve_hints(function, self.signature, required=False).context
            self._compiled = CompiledTool(self._description, self._parameters, check, context)
        return self._compiled


def _declared(name: str, function: Function, info: object) -> Declaration:
    described = _openai_function(info)
    if described is not None:
        description, parameters = described
        return _SchemaDeclaration(read_signature(function, name=name, typed=False), description, parameters)
    if info is not None:
        signature = read_signature(function, name=name, typed=False)
        accepted = accept_tool_info(info, function)
        refuse_mismatch(signature, accepted)
        return Declaration(signature, accepted)
    try:
        return declare(function, name)
    except ConfigurationError:
        if getattr(source_function(function), "tool_info", None) is not None:
            raise
        # Its signature says too little about its parameters to validate arguments.
        return _SchemaDeclaration(read_signature(function, name=name, typed=False), "", _ANY_ARGUMENTS)


def _openai_function(info: object) -> tuple[str, JsonObject] | None:
    """Return description and schema if `info` is a tool in OpenAI form."""
    if not is_mapping(info) or "tool_name" in info:
        return None
    function = info.get("function", info)
    if not is_mapping(function) or "name" not in function:
        return None
    try:
        # Copied through JSON, so that later changes by the caller have no effect.
        parameters: object = json.loads(json.dumps(function.get("parameters", _ANY_ARGUMENTS), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"The schema of the tool {function['name']!r} is not plain JSON: {exc}.") from exc
    if not isinstance(parameters, dict):
        raise ConfigurationError(f"The schema of the tool {function['name']!r} must be an object.")
    return str(function.get("description") or ""), parameters


def _name_in(info: object) -> str:
    """Return the tool name in a description."""
    if is_mapping(info):
        function = info.get("function", info)
        name = info.get("tool_name") or (function.get("name") if is_mapping(function) else None)
        if isinstance(name, str):
            return name
    raise ConfigurationError(f"A description of a tool has its name in it; {info!r:.200} has none.")
